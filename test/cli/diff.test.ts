/** `rescc diff`: what differs is said, in at most 20 lines, and what is equal is proven. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type Answer, folder, object, rescc } from './rescc.ts';

const net = `model Net(blocks = 4, stride = 1, extra = false, classes = 10, scale = 2) {
  input x: f32[N, 3, 16, 16]
  conv1: conv(8, 3x3, stride=stride) silu
  body: repeat blocks { residual { conv1: conv(8, 3x3) bn: batchnorm relu conv2: conv(8, 3x3) } relu }
  if extra { more: conv(8, 1x1) sigmoid }
  global_avgpool flatten it * scale
  fc: linear(classes)
  output y
}
`;
const here = folder({
  'net.res': net,
  'past.res':
    'model Past {\n  input past: f32[N, P >= 0, 4]\n  input x: f32[N, T, 4]\n  concat(past, x, axis=1)\n  output y\n}\n',
  'named.res': net
    .replace('conv1: conv(8, 3x3, stride', 'stem: conv(8, 3x3, stride')
    .replace('output y', 'output z')
    .replace('[N', '[B'),
});
afterAll(here.remove);
const run = (...args: string[]): Answer => rescc(args, { cwd: here.path });
const made = (name: string, ...options: string[]): string => {
  expect(run('net.res', '-o', name, '-q', ...options)).toMatchObject({ code: 0, err: '' });
  return name;
};
const base = made('base.onnx');
const tiny = ['layers=1', 'width=32', 'heads=4', 'vocab=60'].flatMap((one) => ['-D', one]);

function differing(a: string, b: string): string {
  const answer = run('diff', a, b);
  expect(answer).toMatchObject({ code: 1, err: '' });
  const lines = answer.out.trimEnd().split('\n');
  expect(lines.length).toBeLessThanOrEqual(20);
  expect(lines[0]).toBe(`${a} and ${b} differ`);
  return answer.out;
}

describe('models', () => {
  test('a file is equal to itself and to its source', () => {
    expect(run('diff', base, base)).toMatchObject({ code: 0, err: '' });
    expect(run('diff', 'net.res', base).out).toMatch(
      /^net\.res and base\.onnx are equal: \d+ nodes and \d+ stored tensors, y is the same on random inputs at N = 1\n$/,
    );
    expect(object(run('diff', 'net.res', base, '--json').out)).toMatchObject({ ok: true, names: 0, weights: [] });
    expect(run('diff', base, base, '-q')).toMatchObject({ code: 0, out: '', err: '' });
  });
  test('sizes that may be 0 are tried with nothing there', () => {
    expect(run('diff', 'past.res', 'past.res').out).toContain(
      'y is the same on random inputs at N = 1, P = 1, T = 1, and at N = 1, P = 0, T = 1',
    );
  });
  test('equal up to names, of nodes, weights, outputs and sizes', () => {
    run('net.res', '--emit', 'safetensors', '-o', 'net.safetensors', '-q');
    const renamed = run('named.res', '-w', 'net.safetensors', '--map', 'conv1.*=stem.*', '-o', 'named.onnx', '-q');
    expect(renamed).toMatchObject({ code: 0, err: '' });
    const answer = run('diff', base, 'named.onnx');
    expect(answer.out).toContain('are equal up to names');
    expect(answer.code).toBe(0);
  });
  test('weights', () => {
    const text = differing(base, made('seed.onnx', '--seed', '1'));
    expect(text).toMatch(/^ {2}weights {5}11 of \d+ tensors\n {14}conv1\.weight: all elements, by at most /m);
    expect(text).toMatch(/^ {2}numbers {5}y is off by .* at N = 1$/m);
    expect(text).not.toMatch(/^ {2}(nodes|attributes|shapes|connections)/m);
    expect(text).toMatch(/^ {2}layers {6}(\d+) of \1 values differ\n {14}conv at conv1: .* of the largest element, the first$/m);
    expect(run('diff', base, 'seed.onnx', '--json').code).toBe(1);
    // From the layer on whose weights differ, and not before.
    const turned = run('adapt', base, '--keep-classes', '1,0,2,3,4,5,6,7,8,9', '-o', 'late.onnx', '-q');
    expect(turned).toMatchObject({ code: 0, err: '' });
    const late = object(run('diff', base, 'late.onnx', '--json').out).layers as readonly { place: string; relative: number }[];
    expect(late.filter(({ relative }) => relative > 0).map(({ place }) => place)).toEqual(['linear at fc']);
    expect(late.length).toBeGreaterThan(10);
    expect(object(run('diff', base, 'seed.onnx', '--json').out).weights).toHaveLength(11);
  });
  test('a number of the program, which is stored as weights are', () => {
    const [two, three] = [made('two.onnx', '-O0'), made('three.onnx', '-O0', '-D', 'scale=3')];
    expect(differing(two, three)).toMatch(/: all elements, by at most 1\.0 where the largest is 2\.0$/m);
  });
  test('nodes that were added, and what reads them', () => {
    const text = differing(base, made('extra.onnx', '-D', 'extra=true'));
    expect(text).toMatch(/^ {2}nodes {7}\+ conv at more\n {14}\+ sigmoid at /m);
    expect(text).toContain('operand 1 is another value');
    expect(text).not.toMatch(/^ {2}weights/m);
    expect(differing('extra.onnx', base)).toMatch(/^ {2}nodes {7}- conv at more$/m);
  });
  test('attributes, and the shapes behind them', () => {
    const text = differing(base, made('stride.onnx', '-D', 'stride=2'));
    expect(text).toMatch(/^ {2}attributes {2}conv at conv1: stride 1,1 → 2,2$/m);
    expect(text).toContain('f32[N, 8, 16, 16] → f32[N, 8, 8, 8]');
  });
  test('shapes of outputs and weights', () => {
    const text = differing(base, made('classes.onnx', '-D', 'classes=7'));
    expect(text).toMatch(/^ {2}outputs {5}y: f32\[N, 10\] → f32\[N, 7\]$/m);
    expect(text).toContain('fc.weight: f32[10, 8] → f32[7, 8]');
  });
  test('another number of layers, and another network', () => {
    const text = differing(base, made('two-blocks.onnx', '-D', 'blocks=2'));
    expect(text).toMatch(/^ {2}nodes {7}- conv at body\.2\.conv1$/m);
    expect(text).toMatch(/^ {2}numbers {5}y is off by /m);
    const other = rescc(['examples/bert.res', '-m', 'BertForMaskedLM', ...tiny, '-o', join(here.path, 'bert.onnx'), '-q']);
    expect(other).toMatchObject({ code: 0, err: '' });
    expect(differing(base, 'bert.onnx')).toMatch(/^ {2}inputs {6}x: f32\[N, 3, 16, 16\] → i64\[N, T\]$/m);
  });
  test('another level is another structure with the same numbers', () => {
    const text = differing(base, made('plain.onnx', '-O0'));
    expect(text).toContain('+ batchnorm at body.0.bn');
    expect(Number(/y is off by (\S+)/.exec(text)?.[1])).toBeLessThan(1e-5);
  });
  test('as a page: the same report and exit code, and every line of it in the file', () => {
    const other = made('stride2.onnx', '-D', 'stride=2');
    const answer = run('diff', base, other, '-o', 'diff.html');
    expect(answer).toMatchObject({ code: 1, out: run('diff', base, other).out });
    expect(answer.err).toContain('wrote diff.html');
    const page = readFileSync(join(here.path, 'diff.html'), 'utf8');
    expect(page).toContain('conv at conv1: stride 1,1 → 2,2');
    expect(run('diff', base, base, '-o', 'same.html').code).toBe(0);
    expect(readFileSync(join(here.path, 'same.html'), 'utf8')).toContain('"differences":[]');
  });
});

describe('checkpoints', () => {
  test('against each other', () => {
    run('net.res', '--emit', 'safetensors', '-o', 'a.safetensors', '-q');
    run('net.res', '--emit', 'safetensors', '-o', 'b.safetensors', '-q', '-D', 'classes=7', '-D', 'blocks=3');
    expect(run('diff', 'a.safetensors', 'a.safetensors')).toMatchObject({ code: 0, err: '' });
    const text = differing('a.safetensors', 'b.safetensors');
    expect(text).toMatch(/^ {2}tensors {5}- body\.3\.bn\.bias: f32\[8\]$/m);
    expect(text).toContain('fc.weight: f32[10, 8] → f32[7, 8]');
    const bytes = readFileSync(join(here.path, 'a.safetensors'));
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 2) ^ 1, bytes.length - 2);
    writeFileSync(join(here.path, 'c.safetensors'), bytes);
    expect(differing('a.safetensors', 'c.safetensors')).toMatch(
      /^ {2}weights {5}1 of 27 tensors\n.*: 1 of \d+ elements, by at most/m,
    );
  });
  test('a dict that is not there is none without tensors', () => {
    const answer = run('diff', 'a.safetensors#ema', 'b.safetensors#ema');
    expect(answer).toMatchObject({ code: 2, out: '' });
    expect(answer.err).toMatch(/RES0702: the dict after #[\s\S]*hint {6}rescc diff a\.safetensors b\.safetensors#ema\n/);
  });
  test('beside a model are refused, with the command that compares them', () => {
    const answer = run('diff', 'a.safetensors', 'net.res');
    expect(answer).toMatchObject({ code: 2, out: '' });
    expect(answer.err).toContain('rescc weights a.safetensors --against net.res');
    made('plain.onnx', '-O0');
    expect(run('diff', 'a.safetensors', 'plain.onnx').err).toContain('rescc weights a.safetensors --against plain.onnx');
    expect(run('weights', 'a.safetensors', '--against', 'plain.onnx')).toMatchObject({ code: 0, err: '' });
    expect(run('weights', 'b.safetensors', '--against', 'plain.onnx').out).toMatch(
      /missing +body\.3\.conv1\.weight[\s\S]*misshapen/,
    );
  });
});
