/** Labels that hold what checkpoints hold: hyphens, quotes, computed beginnings; and strings that compute. */
import { describe, expect, test } from 'vitest';
import { build, check } from '../../src/check.ts';
import { compile } from '../../src/compile.ts';
import { memorySource } from '../../src/io/bytes.ts';
import { printGraph } from '../../src/ir/print.ts';
import { format } from '../../src/parser/format.ts';
import { parse } from '../../src/parser/parse.ts';
import { astText } from '../../src/parser/print-ast.ts';

const modelOf = (text: string): string => `model M(p = "stage", n = 3) { input x: f32[N, 4, 8, 8]  ${text}  output y }`;
const pathsOf = (text: string): readonly string[] => {
  const { graph, diagnostics } = build(modelOf(text));
  expect(diagnostics, text).toEqual([]);
  return graph?.constants().flatMap((v) => (v.name === undefined ? [] : [v.name])) ?? [];
};
const codes = (text: string): readonly string[] => check(modelOf(text)).diagnostics.map((d) => d.code);
const layer = 'conv(4, 1x1)';

describe('labels', () => {
  test.each([
    ['block1-0', 'block1-0'],
    ['block1-0.b-2-c', 'block1-0.b-2-c'],
    ['1-0', '1-0'],
    ['a-3x3', 'a-3x3'],
    ['if-let', 'if-let'],
    ['{2 * n}', '6'],
    ['{p}', 'stage'],
    ['{p}.{n}', 'stage.3'],
    ['{p}{n}', 'stage3'],
    ['{p}_{n}b', 'stage_3b'],
    ['{p}-{n}.x', 'stage-3.x'],
    ['{ p }-x', 'stage-x'],
    ['0{n}', '03'],
    ['a.{n}-b', 'a.3-b'],
    ['"block1-0/w:0"', 'block1-0/w:0'],
    ['"{p}/{n + 1}"', 'stage/4'],
    ['"a\\{b\\}"', 'a{b}'],
    ['"a\\"b\\\\c"', 'a"b\\c'],
    ['"ü b".c."1.5"', 'ü b.c.1.5'],
    ['a."{p}".b', 'a.stage.b'],
    ['"}"', '}'],
  ])('%s', (label, path) => {
    expect(pathsOf(`${label}: ${layer}`)).toEqual([`${path}.weight`]);
    expect(pathsOf(`let y = x -> ${label}: { c: ${layer} }  y`)).toEqual([`${path}.c.weight`]);
    expect(pathsOf(`relu ${label}: ${layer}  reuse ${label}`)).toEqual([`${path}.weight`]);
    expect(pathsOf(`sum(${label}: ${layer}, x)`)).toEqual([`${path}.weight`]);
    expect(pathsOf(`residual { relu } shortcut ${label}: { c: ${layer} }`)).toEqual([`${path}.c.weight`]);
    const { graph } = build(`model M(p = "stage", n = 3) { input ${label}: f32[N] as x  output ${label} = -x }`);
    expect(graph?.inputs.map((v) => v.name)).toEqual([path]);
    expect(graph?.outputs.map((o) => o.name)).toEqual([path]);
  });

  test('are kept by the formatter, which changes nothing the second time', () => {
    const text = modelOf(
      `block1-0 :${layer}\n  {2*n}:${layer}  {p}-{ n }.x-1 : ${layer}\n"a {n}/b":{${layer}}\n a."b" . c-d: relu\nreuse block1-0\noutput a-b`,
    ).replace('" . c', '".c');
    const tree = parse({ name: 'a.res', text });
    expect(tree.diagnostics).toEqual([]);
    const once = format(tree.file);
    const again = parse({ name: 'a.res', text: once });
    expect(again.diagnostics).toEqual([]);
    expect(astText(again.file)).toBe(astText(tree.file));
    expect(format(again.file)).toBe(once);
    expect(once).toContain(
      'block1-0: conv(4, 1x1)\n  {2 * n}: conv(4, 1x1)  {p}-{n}.x-1: conv(4, 1x1)\n  "a {n}/b": { conv(4, 1x1) }',
    );
  });

  test('where no label stands, braces are bodies and hyphens differences', () => {
    const same = (a: string, b: string): void =>
      expect(printGraph(build(modelOf(a)).graph ?? expect.fail(a))).toBe(printGraph(build(modelOf(b)).graph ?? expect.fail(b)));
    same('true ? {relu}:{sigmoid}', 'true ? relu : sigmoid');
    same('true ? false ? tanh : {relu} : {sigmoid}', 'true ? false ? tanh : relu : sigmoid');
    same('it * (n > 2 ? n-1: 5)', 'it * 2');
    same('it[:, n-2:n-1]', 'it[:, 1:2]');
    same('x - x\nit-n', '(x - x)  (it - n)');
    same('{relu}{sigmoid}  {tanh}', '{ relu }  { sigmoid }  { tanh }');
    same('x-it\nfc: { relu }', '(x - it)  fc: { relu }');
  });

  test('names of every kind go into the file', async () => {
    const { onnx } = await compile(modelOf(`"a b/c:0": ${layer}  relu  block1-0: ${layer}  relu  {p}: ${layer}`));
    expect(onnx?.graph.initializers.map(({ name }) => name)).toEqual(['a b/c:0.weight', 'block1-0.weight', 'stage.weight']);
  });
});

describe('what is wrong with a label', () => {
  test.each([
    ['{relu}: conv(4, 1x1)', 'RES0218'],
    ['{1.5}: conv(4, 1x1)', 'RES0218'],
    ['"": conv(4, 1x1)', 'RES0218'],
    ['"{q}": conv(4, 1x1)', 'RES0101'],
    ['"{": conv(4, 1x1)', 'RES0029'],
    ['"a{}": conv(4, 1x1)', 'RES0029'],
    ['"a{1 +}": conv(4, 1x1)', 'RES0001'],
    ['"a\\q": conv(4, 1x1)', 'RES0005'],
    ['map "a.{n" = "b"', 'RES0029'],
    ['map "{relu}" = "b"', 'RES0218'],
  ])('%s', (text, code) => expect(codes(text)).toEqual([code]));
});

/** A safetensors file of zeros, [4, 4, 1, 1] each. */
function checkpointOf(names: readonly string[]): Uint8Array {
  const entries = names.map((name, i) => [name, { dtype: 'F32', shape: [4, 4, 1, 1], data_offsets: [64 * i, 64 * i + 64] }]);
  const header = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const bytes = new Uint8Array(8 + header.length + 64 * names.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
  bytes.set(header, 8);
  return bytes;
}

describe('map', () => {
  test('strings compute, in loops and with parameters, and a rule that matches nothing is said', async () => {
    const weights = memorySource('a.safetensors', checkpointOf(['stage_0/w', 'stage_1/w', 'stage_2/w', 'old']));
    const text =
      'map "ol{"d"}" = none  map "unknown{n}" = "x"  repeat n as i { map "{p}_{i}/*" = "l{i}.c.*eight"  l{i}: { c: conv(4, 1x1)  relu } }';
    const { report, diagnostics } = await compile(modelOf(text.replace('{"d"}', 'd')), { weights });
    expect(diagnostics).toEqual([]);
    expect(report?.notes).toContain('map "unknown3=x" matches no tensor');
  });
});
