/** Warnings: what they see, what they leave alone, how they are silenced and made errors; and that nothing we ship has any. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { build, check, models } from '../../src/check.ts';
import { compile } from '../../src/compile.ts';
import { render } from '../../src/diagnostics/render.ts';
import { format } from '../../src/parser/format.ts';
import { parse } from '../../src/parser/parse.ts';
import { standardLibrary } from '../../src/stdlib/sources.ts';

const inModel = (text: string): string => `model M { input x: f32[N, 4]  ${text} }`;
function warned(source: string, defines: Readonly<Record<string, string>> = {}): readonly string[] {
  const { diagnostics, warnings } = check(source, {
    defines,
    resolveImport: (from) => ({ name: from, text: 'const used = 4\nconst other = 3\nblock A(n) { let y = relu  linear(used) }' }),
  });
  expect(render(diagnostics, { color: false })).toBe('');
  return warnings.map((d) => {
    expect(d.severity).toBe('warning');
    return `${d.code} ${/`(\w+)` is never|not `(\w+)`|`(-[^`]*)`/.exec(d.title)?.slice(1).find(Boolean) ?? d.title}`;
  });
}

describe('unused names', () => {
  test.each([
    ['model M { input x: f32[N, 4]  let y = tanh  relu  output z }', ['RES0117 y']],
    ['model M { input x: f32[N, 4]  let a, b = split(2)  b  output z }', ['RES0117 a']],
    ['model M { input x: f32[N, 4]  let _, b = split(2)  b  output z }', []],
    ['model M { input x: f32[N, 4]  let _a, b = split(2)  b  output z }', []],
    ['model M { input x: f32[N, 4]  param p: f32[4]  relu  output z }', ['RES0117 p']],
    ['block B(w, v = 2) { linear(w) }  model M { input x: f32[N, 4]  B(4)  output z }', ['RES0117 v']],
    ['block B(w, _v = 2) { linear(w) }  model M { input x: f32[N, 4]  B(4)  output z }', []],
    ['block B(w, v = 2 * w) { linear(v) }  model M { input x: f32[N, 4]  B(4)  output z }', []],
    ['model M(n = 3) { input x: f32[N, 4]  relu  output z }', ['RES0117 n']],
    ['model M(n = 3) { input x: f32[N, 4]  relu  output z }  model K = M(n=4)', ['RES0117 n']],
    ['const c = 3  model M { input x: f32[N, 4]  relu  output z }', ['RES0117 c']],
    ['const c = 3  const d = c  model M { input x: f32[N, 4]  linear(d)  output z }', []],
    ['const c = 3  model M(n = c) { input x: f32[N, n]  relu  output z }', []],
    [
      'import { A, used, other } from "a.res"  model M { input x: f32[N, 4]  linear(used)  output z }',
      ['RES0117 n', 'RES0117 y'],
    ],
    ['import { Bottleneck } from "std/resnet.res"  model M { input x: f32[N, 4]  relu  output z }', []],
  ])('%s', (source, expected) => expect([...warned(source)].sort()).toEqual([...expected].sort()));

  test('uses are seen wherever an expression stands', () => {
    for (const use of [
      'linear(n)',
      '{ linear(n) }',
      'x -> linear(n)',
      'a{n}: relu',
      '{n}: relu',
      '"a{n}": relu',
      'repeat n { relu }',
      'each n as _ { relu }  sum',
      'let m = repeat 2 with n { return n + 1 }  it * m',
      'let it, _ = repeat 2 with it, m = n { return it, m }',
      'if n > 2 { relu }',
      'x[:, n - 3:]',
      'residual(scale=1.0 / n) { relu }',
      'residual { relu } shortcut { linear(n) }',
      'map "a.{n}" = "b"',
      'assert n == 4',
      'param w: f32[n] = normal(std=1.0 / n)  it * w',
      'let r = [n]  it * r[0]',
      'sequential { linear(n) }',
      'output w = x * n',
      'output w.{n} = x',
    ])
      expect(warned(`model M(n = 4) { input x: f32[N, 4]  ${use}  relu  output y }`), use).toEqual([]);
    expect(warned('model M { input k.{1}: f32[n, 4] as k  relu  output y }')).toEqual([]);
  });

  test('a constant may be meant for -D, or for other files', () => {
    const source = 'const Fast = relu  model M(act: block = tanh) { input x: f32[N, 4]  act  output z }';
    expect(warned(source)).toEqual(['RES0117 Fast']);
    expect(warned(source, { act: 'Fast' })).toEqual([]);
    const library = 'const c = 3\nblock B { relu }';
    expect(
      check(`import { B } from "b.res"\nmodel M { input x: f32[N]  B  output y }`, {
        resolveImport: (name) => ({ name, text: library }),
      }).warnings,
    ).toEqual([]);
  });

  test('what is wrong is told without warnings, which may only follow from it', () => {
    const { diagnostics, warnings } = check(inModel('let y = 3  output z = w'));
    expect([diagnostics.length, warnings.length]).toEqual([1, 0]);
  });
});

describe('an output beside a let', () => {
  test.each([
    ['let y = relu  output z', ['RES0418 y']],
    ['let a = relu  let b = tanh  output z', ['RES0418 a']],
    ['let y = [relu(x), tanh(x)]  output z', ['RES0117 y']],
    ['let y = each 2 as i { linear(4) }  output z', ['RES0117 y']],
    ['let y = repeat 2 collect { linear(4) }  output z', ['RES0117 y']],
    ['let y = repeat 2 { linear(4) }  output z', ['RES0418 y']],
    ['let y = relu  tanh  output y', ['RES0418 y']],
    ['let y = relu  output y', ['RES0418 y']],
    ['relu  let y = it  output y', []],
    ['relu  let y = it  tanh  output y', ['RES0418 y']],
    ['let y = relu  output z  output w = y', []],
    ['let y = relu  y  output z', []],
    ['let it, y = split(2)  output z  output w = y', []],
    ['let y = relu  output z = y', []],
    ['let y = 2  it * y  output y', ['RES0418 y']],
    ['relu  let y = it  { tanh } -> relu  output y', ['RES0418 y']],
    ['relu  let y = it  repeat 2 { output y }', ['RES0418 y']],
  ])('%s', (text, expected) => {
    if (!text.includes('repeat')) expect(warned(inModel(text))).toEqual(expected);
  });
});

describe('a statement that begins with a minus', () => {
  const same = (a: string, b: string): void => {
    const [p, q] = [a, b].map((text) => build(text).graph);
    const names = (graph: typeof p): string =>
      [...(graph?.nodes() ?? [])].map((node) => `${node.op.name}${node.operands.length}`).join();
    expect(names(p)).toBe(names(q));
    expect(names(p)).not.toBe('');
  };
  test.each([
    ['-x', 'neg'],
    ['-x * 2', '-x * 2'],
    ['relu; -x', 'relu  neg'],
    ['let y = { -x }  y', 'let y = { neg }  y'],
    ['output a  -x', 'output a  neg'],
    ['if true { relu } -x', 'relu; (-x)'],
    ['map "a" = "b"  -x', 'neg'],
    ['param p: f32[4]  -p', 'param p: f32[4];  (-p)'],
  ])('%s', (a, b) => {
    same(inModel(`${a}  output y`), inModel(`${b}  output y`));
    const { file, diagnostics } = parse({ name: 'a.res', text: inModel(`${a}  output y`) });
    expect(diagnostics).toEqual([]);
    const once = format(file);
    same(once, inModel(`${a}  output y`));
    expect(format(parse({ name: 'a.res', text: once }).file)).toBe(once);
  });
  test('where there is something to take from, it is taken, and a line that looks otherwise is a warning', () => {
    same(inModel('relu\n  -x\n  output y'), inModel('relu - x  output y'));
    expect(warned(inModel('relu\n  -x\n  output y'))).toEqual(['RES0419 -x']);
    expect(warned(inModel('relu\n  - x\n  output y'))).toEqual([]);
    expect(warned(inModel('relu -x\n  output y'))).toEqual([]);
    expect(warned(inModel('relu;\n  -x\n  output y'))).toEqual([]);
  });
  test('behind a construct, a chain and a label it stays an error, since a difference may be meant', () => {
    for (const text of ['repeat 2 { relu } -x', 'x -> relu -x', 'a: relu -x', 'output y - x', 'output y -  x'])
      expect(
        check(inModel(`${text}  output z`)).diagnostics.map((d) => d.code),
        text,
      ).toEqual(['RES0001']);
  });
});

describe('warnings', () => {
  const source = inModel('let y = tanh  relu  output z');
  test('keep no model from being made, and are no diagnostics', async () => {
    const result = await compile(source);
    expect(result.diagnostics).toEqual([]);
    expect(result.warnings.map((d) => d.code)).toEqual(['RES0117']);
    expect((await result.bytes()).length).toBeGreaterThan(0);
    expect(build(source).graph).toBeDefined();
  });
  test('are errors where they are denied', async () => {
    const result = await compile(source, { denyWarnings: true });
    expect(result.diagnostics.map((d) => [d.code, d.severity])).toEqual([['RES0117', 'error']]);
    expect(result.warnings).toEqual([]);
    expect(result.onnx).toBeUndefined();
    await expect(result.bytes()).rejects.toThrow('RES0117');
    expect(build(source, { denyWarnings: true }).graph).toBeUndefined();
    expect(build(inModel('relu  output z'), { denyWarnings: true }).graph).toBeDefined();
  });
  test('are told once for a file of several models', () => {
    const several =
      'block B(w, v = 1) { linear(w) }  model A { input x: f32[N, 4]  B(4)  output y }  model C { input x: f32[N, 4]  B(5)  output y }';
    expect(warned(several)).toEqual(['RES0117 v']);
  });

  const root = fileURLToPath(new URL('../..', import.meta.url));
  const shipped = readdirSync(`${root}/examples`).filter((name) => name.endsWith('.res'));
  test.each(shipped)('%s has none', (name) => {
    const text = readFileSync(`${root}/examples/${name}`, 'utf8');
    const options = {
      fileName: name,
      resolveImport: (from: string) => ({ name: from, text: readFileSync(`${root}/examples/${from}`, 'utf8') }),
    };
    const [model] = models(text, options);
    expect(render(build(text, { ...options, model }).warnings, { color: false })).toBe('');
  });
  test('the standard library has none', () => {
    for (const [name, text] of Object.entries(standardLibrary))
      expect(
        render(check(`${text}\nmodel M { input x: f32[N]  output y }`, { fileName: `own/${name}` }).warnings, { color: false }),
      ).toBe('');
  });
});
