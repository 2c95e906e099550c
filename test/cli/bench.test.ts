/** `rescc bench`: what it measures is not asserted, since machines differ; that it measures, where, and its limits are. */
import { afterAll, describe, expect, test } from 'vitest';
import { estimate } from '../../src/runtime/bench.ts';
import { golden } from '../golden.ts';
import { type Answer, folder, object, rescc, small } from './rescc.ts';

const here = folder({ 'small.res': small, 'other.res': small.replace('image', 'picture').replace('[N', '[B') });
afterAll(here.remove);
const run = (...args: string[]): Answer => rescc(args, { cwd: here.path });
run('small.res', '-o', 'small.onnx', '-q');
const quick = ['--runs', '7', '--warmup', '0'] as const;

describe('the interval of a median', () => {
  // Ranks of the 95 % interval by tables of the binomial distribution (David and Nagaraja, Order Statistics, 7.1).
  test.each([
    [6, 1, 6],
    [8, 1, 8],
    [9, 2, 8],
    [10, 2, 9],
    [15, 4, 12],
    [20, 6, 15],
    [21, 6, 16],
    [25, 8, 18],
    [31, 10, 22],
    [50, 18, 33],
    [100, 40, 61],
  ])('of %i values is from rank %i to %i', (n, low, high) => {
    const values = Array.from({ length: n }, (_, i) => i + 1).reverse();
    expect(estimate(values)).toEqual({ value: (n + 1) / 2, low, high });
  });
  test('of few values is all of them, and of thousands it is there', () => {
    expect(estimate([3, 1, 2])).toEqual({ value: 2, low: 1, high: 3 });
    const many = estimate(Array.from({ length: 5000 }, (_, i) => i));
    expect(many.high - many.low).toBeGreaterThan(130);
    expect(many.high - many.low).toBeLessThan(145);
    expect(estimate([]).value).toBeNaN();
  });
});

describe('bench', () => {
  test('a source and a file in turn, with sessions, sizes and layers', () => {
    const answer = run('bench', 'small.res', 'small.onnx', '--against', 'other.res', '--at', 'N=2,B=2', ...quick);
    expect(answer).toMatchObject({ code: 0, err: '' });
    expect(answer.out).toMatch(/^small\.res at N = 2: [\d.]+ k multiply-adds, [\d.]+ kB of activations at once$/m);
    expect(answer.out).toMatch(/^other\.res at B = 2: /m);
    expect(answer.out).toMatch(/^cpu: medians of 7 runs in turn, with their 95 % intervals by order statistics$/m);
    expect(answer.out.match(/, session /g)).toHaveLength(3);
    expect(answer.out.match(/ of the first$/gm)).toHaveLength(2);
    expect(answer.out).toMatch(/^ {2}layer +operator +time +share +madds$/m);
  });
  test('data', () => {
    const data = object(run('bench', 'small.onnx', ...quick, '--layers', '2', '--json').out);
    expect(data).toMatchObject({
      ok: true,
      runs: 7,
      models: [{ name: 'small.onnx', sizes: { N: 1 }, multiplyAdds: 6952 }],
      providers: [{ ep: 'cpu', models: [{ median: { value: expect.any(Number), low: expect.any(Number) } }] }],
    });
    // The work of a convolution stands beside its kernel, whatever that was fused with.
    expect(JSON.stringify(data.providers)).toContain('"madds":6912');
    expect(run('bench', 'small.onnx', ...quick, '-q')).toMatchObject({ code: 0, out: '' });
  });
  test('what is within its limits ends with 0', () => {
    const limits = ['--max-madds', '6952', '--max-memory', '1GiB', '--max-latency', '100s'];
    expect(run('bench', 'small.onnx', ...quick, ...limits)).toMatchObject({ code: 0, err: '' });
  });
  test.each([
    ['RES0713-madds', 1, ['bench', 'small.onnx', '--max-madds', '6951']],
    ['RES0713-memory', 1, ['bench', 'small.onnx', '--max-memory', '1.5kB']],
    ['RES0702-bench-provider', 2, ['bench', 'small.onnx', '--ep', 'gpu']],
    ['RES0707-limit', 2, ['bench', 'small.onnx', '--max-latency', 'fast']],
    ['RES0841-bench', 2, ['bench', 'small.onnx', '--at', 'M=2']],
    ['RES0847-bench', 2, ['bench', 'small.ort']],
  ] as const)('%s', (name, code, args) => {
    const answer = run(...args, ...quick);
    expect(answer.code).toBe(code);
    golden(`errors/${name}.txt`, answer.err);
    expect(object(run(...args, ...quick, '--json').out)).toMatchObject({ ok: false, diagnostics: [{ code: name.slice(0, 7) }] });
  });
  test('a limit of another name is one of those that bench has', () => {
    expect(run('bench', 'small.onnx', '--max-ms', '20').err).toContain('hint      --max-madds, --max-memory, --max-latency\n');
    expect(run('bench', 'small.onnx', '--max-step', '20').err).toContain('hint      --max-steps\n');
    expect(run('compile', 'small.res', '--max-ms', '20').err).toContain('hint      --max-steps\n');
  });
  test('a latency beyond its limit', () => {
    const answer = run('bench', 'small.onnx', ...quick, '--max-latency', '0.001us');
    expect(answer.code).toBe(1);
    expect(answer.err).toMatch(
      /RES0713: the latency of small\.onnx is over its limit\n +found +a median of .* on cpu at N = 1\n/,
    );
  });
});
