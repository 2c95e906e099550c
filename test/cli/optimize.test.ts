/**
 * `rescc optimize` and `rescc verify` on ONNX files, as a user calls them: files, pipes, reports, proofs, and every way to be
 * wrong.
 */
import { copyFileSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { npyBytes } from '../../src/runtime/npy.ts';
import { openSession } from '../../src/runtime/session.ts';
import { golden } from '../golden.ts';
import { type Answer, folder, object, rescc, small } from './rescc.ts';

const here = folder({ 'small.res': small, 'notes.onnx': 'no model', 'cut.onnx': Uint8Array.of(8, 8, 18, 5, 114) });
afterAll(here.remove);
const run = (...args: string[]): Answer => rescc(args, { cwd: here.path });
const at = (name: string): string => join(here.path, name);

beforeAll(() => {
  // A file with a batchnorm in it, as an exporter without an optimiser writes it.
  expect(run('small.res', '-O0', '-o', 'in.onnx').code).toBe(0);
});

describe('optimize', () => {
  test('writes the file and reports a difference that a person reads', () => {
    const answer = run('optimize', 'in.onnx', '-o', 'out.onnx');
    expect([answer.code, answer.out]).toEqual([0, '']);
    golden('cli/optimize-report.txt', answer.err.replace(/time +[\d.]+ s/, 'time             0.00 s'));
    for (const line of answer.err.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });
  test('a file that is optimal comes back as it was', () => {
    run('optimize', 'in.onnx', '-o', 'out.onnx', '-q');
    // What went into a folded weight stands in its description once.
    expect(run('optimize', 'out.onnx', '-o', 'again.onnx', '-q')).toMatchObject({ code: 0, out: '', err: '' });
    const { passes } = object(run('optimize', 'again.onnx', '-o', 'more.onnx', '--json').out);
    expect(JSON.stringify(passes)).not.toMatch(/"fired":\{"/);
    expect(readFileSync(at('more.onnx')).equals(readFileSync(at('again.onnx')))).toBe(true);
  });
  test('-O0 keeps every node', () => {
    const data = object(run('optimize', 'in.onnx', '-O0', '-o', 'same.onnx', '--json').out);
    expect(data).toMatchObject({ ok: true, level: 0, refused: [], nodes: { before: 6, after: 6 } });
  });
  test('--json is one object', () => {
    const data = object(run('optimize', 'in.onnx', '-o', 'out.onnx', '--json').out);
    expect(data).toMatchObject({
      ok: true,
      file: 'in.onnx',
      output: 'out.onnx',
      files: ['out.onnx'],
      opset: { before: 17, after: 17 },
      level: 1,
      bytes: statSync(at('out.onnx')).size,
      fileBytes: statSync(at('in.onnx')).size,
    });
    expect(data.operators).toContainEqual({ name: 'BatchNormalization', before: 1, after: 0 });
    expect(data.operators).toContainEqual({ name: 'Conv', before: 1, after: 1 });
  });
  test('through pipes the bytes are the same', () => {
    run('optimize', 'in.onnx', '-o', 'out.onnx', '-q');
    const bytes = readFileSync(at('out.onnx'));
    expect(run('optimize', 'in.onnx', '-o', '-').bytes.equals(bytes)).toBe(true);
    expect(rescc(['optimize', '-', '-o', '-', '--stats'], { input: readFileSync(at('in.onnx')) }).bytes.equals(bytes)).toBe(true);
  });
  test('in place', () => {
    copyFileSync(at('in.onnx'), at('place.onnx'));
    run('optimize', 'in.onnx', '-o', 'out.onnx', '-q');
    expect(run('optimize', 'place.onnx', '-o', 'place.onnx', '-q').code).toBe(0);
    expect(readFileSync(at('place.onnx')).equals(readFileSync(at('out.onnx')))).toBe(true);
  });
  test('with a data file, in place and elsewhere; the data of the source stays while the source does', async () => {
    const wide = 'model Wide { input x: f32[N, 64]\n fc: linear(64)\n bn: batchnorm\n relu\n more: linear(64)\n output y }\n';
    const other = folder({ 'wide.res': wide });
    const inside = (...args: string[]): Answer => rescc(args, { cwd: other.path });
    const names = (): readonly string[] => readdirSync(other.path).filter((name) => name !== 'wide.res');
    const runs = async (name: string): Promise<readonly number[]> => {
      const session = await openSession(join(other.path, name), { ep: 'cpu', optimization: 'off' });
      const x = { elem: 'f32' as const, dims: [1, 64], data: Float64Array.from({ length: 64 }, (_, i) => i / 64) };
      const y = await session.run(new Map([['x', x]]));
      await session.close();
      return [...(y.get('y')?.data ?? [])].map((v) => Math.round(v * 1e4));
    };
    expect(inside('wide.res', '-O0', '-o', 'in.onnx', '--external-data', '-q').code).toBe(0);
    const expected = await runs('in.onnx');
    const [data = ''] = names().filter((name) => name.endsWith('.data'));
    expect(inside('optimize', 'in.onnx', '-o', 'out.onnx', '--external-data', '-q').code).toBe(0);
    expect(names()).toHaveLength(4);
    expect(existsSync(join(other.path, data))).toBe(true);
    expect(inside('optimize', 'in.onnx', '-o', 'in.onnx', '--external-data', '-q').code).toBe(0);
    // What only the old file named is gone, and nothing else.
    expect(names()).toHaveLength(4);
    expect(existsSync(join(other.path, data))).toBe(false);
    for (const name of ['in.onnx', 'out.onnx']) expect(await runs(name)).toEqual(expected);
    other.remove();
  });
  test('--passes, --stats, --explain, --print-after and --emit', () => {
    const only = run('optimize', 'in.onnx', '-o', 'out.onnx', '--passes', 'fold-batchnorm', '--stats', '--explain');
    expect(only.out).toMatch(/^pass +nodes[\s\S]*fold-batchnorm\/into-linear: 1/);
    expect(run('optimize', 'in.onnx', '-o', 'out.onnx', '--print-after', 'fold-batchnorm').err).toContain('graph @Small');
    expect(run('optimize', 'in.onnx', '--emit', 'ir').out).toMatch(/^graph @Small\n/);
    expect(run('optimize', 'in.onnx', '--emit', 'onnx-text').out).toMatch(/Conv/);
    expect(run('optimize', 'in.onnx', '--emit', 'dot').out).toMatch(/^digraph/);
  });
  test('--input-shape makes sizes numbers', () => {
    expect(run('optimize', 'in.onnx', '--emit', 'ir', '--input-shape', 'N=2').out).toContain('f32[2, 3, 8, 8]');
    expect(run('optimize', 'in.onnx', '--emit', 'ir', '--input-shape', 'image=2,3,8,8').out).toContain('f32[2, 3, 8, 8]');
    expect(run('optimize', 'in.onnx', '--emit', 'ir', '--input-shape', 'image=?,3,8,8').out).toContain('f32[N, 3, 8, 8]');
  });
  test('--opset raises, --raise only where it pays', () => {
    const opset = (...args: string[]): unknown => object(run('optimize', 'in.onnx', '-o', 'o.onnx', '--json', ...args).out).opset;
    expect(opset('--opset', '21')).toEqual({ before: 17, after: 21 });
    expect(opset('--raise')).toEqual({ before: 17, after: 17 });
  });
});

describe('--raise', () => {
  test('goes to the opset that says a spelled-out form in one node, and no further', () => {
    writeFileSync(at('gelu.res'), 'model G { input x: f32[N, 8]\n gelu\n fc: linear(4)\n output y }\n');
    expect(run('gelu.res', '-o', 'gelu.onnx', '--opset', '17').code).toBe(0);
    const data = object(run('optimize', 'gelu.onnx', '-o', 'o.onnx', '--raise', '--json').out);
    expect(data).toMatchObject({ ok: true, opset: { before: 17, after: 20 } });
    expect(data.operators).toContainEqual({ name: 'Gelu', before: 0, after: 1 });
  });
});

describe('the proof', () => {
  test('--verify prints every run, and writes', () => {
    const answer = run('optimize', 'in.onnx', '-o', 'proved.onnx', '--verify');
    expect(answer.code).toBe(0);
    expect(answer.out).toContain('all 16 runs agree with the float64 reference');
    expect(existsSync(at('proved.onnx'))).toBe(true);
    const data = object(run('optimize', 'in.onnx', '-o', 'proved.onnx', '--verify', '--json').out);
    expect(data).toMatchObject({ ok: true, verification: { ok: true } });
  });
  test('without a target there is only the proof', () => {
    const before = readdirSync(here.path);
    expect(run('optimize', 'in.onnx', '--verify', '-q')).toMatchObject({ code: 0, out: '', err: '' });
    expect(readdirSync(here.path)).toEqual(before);
  });
  test('verify takes ONNX files, and inputs', () => {
    writeFileSync(at('image.npy'), npyBytes({ elem: 'f32', dims: [2, 3, 8, 8], data: new Float64Array(384).fill(0.5) }));
    const answer = run('verify', 'in.onnx', '-O2', '-i', 'image=image.npy');
    expect(answer.code).toBe(0);
    expect(answer.out).toMatch(/cpu +-O2 +all +given/);
    expect(object(run('verify', 'in.onnx', '--json').out)).toMatchObject({ ok: true, runs: { length: 16 } });
  });
});

describe('errors', () => {
  test.each([
    ['RES0708-source', ['optimize', 'small.res', '-o', 'out.onnx']],
    ['RES0708-onnx', ['in.onnx', '-o', 'out.onnx']],
    ['RES0709-shape', ['optimize', 'in.onnx', '-o', 'out.onnx', '--input-shape', 'image=1,3,8']],
    ['RES0709-name', ['optimize', 'in.onnx', '-o', 'out.onnx', '--input-shape', 'picture=1,3,8,8']],
    ['RES0710-opset', ['optimize', 'in.onnx', '-o', 'out.onnx', '--opset', '13']],
    ['RES0702-input-shape', ['optimize', 'in.onnx', '-o', 'out.onnx', '--input-shape', 'N']],
  ] as const)('%s', (name, args) => {
    const answer = run(...args);
    expect([answer.code, answer.out]).toEqual([2, '']);
    golden(`errors/${name}.txt`, answer.err);
    const data = run(...args, '--json');
    expect(object(data.out)).toMatchObject({ ok: false, diagnostics: [{ code: name.slice(0, 7) }] });
    expect([data.err, data.code]).toEqual(['', 2]);
  });
  test.each([
    ['no target', 2, ['optimize', 'in.onnx'], /RES0703/],
    ['no file', 1, ['optimize', 'none.onnx', '-o', 'x.onnx'], /RES0701/],
    ['no model', 1, ['optimize', 'notes.onnx', '-o', 'x.onnx'], /RES06\d\d|RES05\d\d/],
    ['a cut file', 1, ['optimize', 'cut.onnx', '-o', 'x.onnx'], /RES06\d\d|RES05\d\d/],
    ['an unknown pass', 2, ['optimize', 'in.onnx', '-o', 'x.onnx', '--passes', 'nope'], /RES0702/],
    ['an unknown size', 1, ['optimize', 'in.onnx', '-o', 'x.onnx', '--input-shape', 'M=1'], /RES0675/],
    ['an unknown provider', 2, ['optimize', 'in.onnx', '--verify', '--ep', 'npu'], /RES0702/],
    ['another file as a target', 1, ['optimize', 'in.onnx', '-o', 'notes.onnx'], /RES0607/],
  ] as const)('%s', (_, code, args, expected) => {
    const before = readdirSync(here.path);
    const answer = run(...args);
    expect(answer.err).toMatch(expected);
    expect(answer.code).toBe(code);
    expect(readdirSync(here.path)).toEqual(before);
  });
});
