/** What the language means where one could doubt: paths, the current value, shortcuts, repetition, sharing, numbers, symbols. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { build, type CheckOptions, check } from '../../src/check.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { typeText } from '../../src/ir/types.ts';

function graphOf(source: string, options: CheckOptions = {}): Graph {
  const { graph, diagnostics } = build(source, options);
  expect(diagnostics).toEqual([]);
  if (!graph) throw new Error('no graph');
  return graph;
}
const body = (text: string, input = 'f32[N, 4, 8, 8]'): Graph => graphOf(`model M { input x: ${input}  ${text}  output y }`);
const paths = (graph: Graph): readonly string[] => graph.constants().flatMap((v) => (v.name === undefined ? [] : [v.name]));
const operators = (graph: Graph): readonly string[] => [...graph.nodes()].map((node) => node.op.name);
const outputs = (graph: Graph): readonly string[] => graph.outputs.map((o) => `${o.name}: ${typeText(o.value.type)}`);
const codes = (source: string, options: CheckOptions = {}): readonly string[] =>
  check(source, options).diagnostics.map((d) => d.code);

describe('paths', () => {
  test('unlabelled layers with parameters take their name, numbered from the second', () => {
    expect(paths(body('conv(4, 1x1)  relu  conv(4, 1x1)  conv(4, 1x1)'))).toEqual([
      'conv.weight',
      'conv_1.weight',
      'conv_2.weight',
    ]);
  });
  test('a label on a layer is its path, on a block or body a scope', () => {
    const source =
      'block B { c: conv(4, 1x1) }  model M { input x: f32[N, 4, 8, 8]  a: B  b: { c: conv(4, 1x1) }  d: conv(4, 1x1)  B  output y }';
    expect(paths(graphOf(source))).toEqual(['a.c.weight', 'b.c.weight', 'd.weight', 'c.weight']);
  });
  test('a label on a value that is one layer is the path of that layer', () => {
    expect(
      paths(graphOf('block B(norm) { bn1: norm }  model M { input x: f32[N, 4]  B(batchnorm(eps=1e-3))  output y }')),
    ).toContain('bn1.running_var');
  });
  test('a labelled repeat adds its index, an unlabelled one nothing', () => {
    expect(paths(body('a: repeat 2 { c: conv(4, 1x1) }  repeat 2 as i { d{i}: conv(4, 1x1) }'))).toEqual([
      'a.0.c.weight',
      'a.1.c.weight',
      'd0.weight',
      'd1.weight',
    ]);
  });
  test('sequential counts positions through if and unlabelled repeat, parameterless layers too', () => {
    const text =
      's: sequential { repeat 2 { conv(4, 1x1)  relu }  if true { conv(4, 1x1) }  { conv(4, 1x1) }  sequential { conv(4, 1x1) } }';
    expect(paths(body(text))).toEqual(['s.0.weight', 's.2.weight', 's.4.weight', 's.5.conv.weight', 's.6.0.weight']);
  });
  test('scopes may be reopened; a computed label has several parts', () => {
    expect(paths(body('a.b: { c: conv(4, 1x1) }  a.b: { d: conv(4, 1x1) }  a.{1 + 1}.e{3}f: conv(4, 1x1)'))).toEqual([
      'a.b.c.weight',
      'a.b.d.weight',
      'a.2.e3f.weight',
    ]);
  });
  test('one label may stand in both branches of an if', () => {
    expect(
      codes('model M(wide = true) { input x: f32[N, 4]  if wide { fc: linear(8) } else { fc: linear(4) }  output y }'),
    ).toEqual([]);
  });
});

describe('sharing', () => {
  test('a body from outside reuses what the file labels', () => {
    const source = 'model M(f = relu) { input x: f32[N, 4, 8, 8]  a: conv(4, 3x3)  f  output y }';
    const graph = graphOf(source, { defines: { f: '{ reuse a  relu }' } });
    expect(operators(graph)).toEqual(['conv', 'conv', 'relu']);
    expect(paths(graph)).toEqual(['a.weight']);
  });
  test('reuse runs the same weights again', () => {
    const graph = body('a: { conv(4, 3x3)  conv(4, 3x3) }  reuse a  reuse a');
    expect(paths(graph)).toEqual(['a.conv.weight', 'a.conv_1.weight']);
    expect(operators(graph)).toEqual(['conv', 'conv', 'conv', 'conv', 'conv', 'conv']);
  });
  test('shared repetition has one set of weights and no index', () => {
    expect(paths(body('a: repeat 3 shared { conv(4, 3x3)  bn: batchnorm }'))).toEqual([
      'a.conv.weight',
      'a.bn.weight',
      'a.bn.bias',
      'a.bn.running_mean',
      'a.bn.running_var',
    ]);
  });
  test('shared each runs side by side', () => {
    const graph = body('let a, b = each [1.0, 2.0] as s shared { x * s -> head: conv(2, 1x1) }  concat(a, b)');
    expect(paths(graph)).toEqual(['head.weight']);
    expect(outputs(graph)).toEqual(['y: f32[N, 4, 8, 8]']);
  });
  test('a weight can be tied, from an outer scope too', () => {
    const graph = graphOf(
      'model M { input x: i64[N, T]  wte: embedding(10, 4)  head: { linear(10, bias=false, weight=wte.weight) }  output y }',
    );
    expect(paths(graph)).toEqual(['wte.weight']);
  });
});

describe('shortcuts', () => {
  const residual = (shortcut: string, inner = 'conv(8, 3x3, stride=2)'): Graph =>
    body(`residual { ${inner} } shortcut ${shortcut}`);
  test('pad takes every second element and pads the channels on both sides', () => {
    const graph = residual('pad', 'conv(7, 3x3, stride=2)');
    expect(operators(graph)).toEqual(['conv', 'slice', 'pad', 'add']);
    const pad = [...graph.nodes()][2];
    expect(String(pad?.attrs.pads)).toBe('0,1,0,0,0,2,0,0');
    expect(paths(graph)).toEqual(['conv.weight']);
  });
  test('clauses without a label are numbered where they own parameters, and begin again where weights are shared', () => {
    const plain = 'project(norm=none)';
    const text = (shared: string): string =>
      `a: repeat 2 ${shared} {
        residual { relu } shortcut ${plain}
        residual(gain=true) { conv(8, 1x1) } shortcut ${plain}
        residual(gain=true) { conv(16, 1x1) } shortcut conv(16, 1x1)
        residual { conv(16, 1x1) } shortcut { conv(16, 1x1) }
        residual { conv(4, 1x1) } shortcut end: ${plain}
      }  reuse a`;
    const once = [
      ['conv.weight', 'shortcut.0.weight', 'gain'],
      ['conv_1.weight', 'shortcut_1.weight', 'gain_1'],
      ['conv_2.weight', 'shortcut.conv.weight'],
      ['conv_3.weight', 'end.0.weight'],
    ].flat();
    expect(new Set(paths(body(text('shared'))))).toEqual(new Set(once.map((path) => `a.${path}`)));
    expect(new Set(paths(body(text(''))))).toEqual(new Set(once.flatMap((path) => [`a.0.${path}`, `a.1.${path}`])));
  });
  test('project makes 0 and 1 under its label; at rank 2 a linear', () => {
    expect(paths(residual('down: project')).slice(1)).toEqual([
      'down.0.weight',
      'down.1.weight',
      'down.1.bias',
      'down.1.running_mean',
      'down.1.running_var',
    ]);
    expect(paths(residual('project(norm=none, bias=true)')).slice(1)).toEqual(['shortcut.0.weight', 'shortcut.0.bias']);
    expect(operators(body('residual { linear(6) } shortcut project', 'f32[N, 4]'))).toEqual([
      'linear',
      'linear',
      'batchnorm',
      'add',
    ]);
  });
  test('project passes the input on where nothing changes, project_all does not', () => {
    expect(operators(residual('project', 'conv(4, 3x3)'))).toEqual(['conv', 'add']);
    expect(operators(residual('project_all', 'conv(4, 3x3)'))).toEqual(['conv', 'conv', 'batchnorm', 'add']);
  });
  test('the size of the picture does not decide', () => {
    // A grid of 1x1 has the same shape before and after a stride of 2, but the parameters must be those of the larger grid.
    expect(paths(body('residual { conv(4, 3x3, stride=2) } shortcut project', 'f32[N, 4, 1, 1]'))).toContain('shortcut.0.weight');
  });
  test('the stride is the product along the path, gates aside', () => {
    const graph = body(
      'residual { conv(4, 3x3, stride=2)  it * { global_avgpool  conv(4, 1x1)  sigmoid }  maxpool(2x2) } shortcut project',
    );
    const projection = [...graph.nodes()].find((node) => node.origin.scope === 'shortcut.0');
    expect(projection?.attrs.stride).toEqual([4, 4]);
  });
  test('none is a plain network; a body, a layer, a block or a reuse is itself', () => {
    expect(operators(residual('none'))).toEqual(['conv']);
    expect(operators(residual('{ avgpool(2x2)  conv(8, 1x1) }'))).toEqual(['conv', 'avgpool', 'conv', 'add']);
    expect(operators(residual('conv(8, 1x1, stride=2)'))).toEqual(['conv', 'conv', 'add']);
  });
  test('scale multiplies the body, gain learns a number per channel', () => {
    expect(operators(body('residual(scale=0.1) { conv(4, 3x3) }'))).toEqual(['conv', 'mul', 'add']);
    const graph = body('block1: residual(gain=true) { conv(4, 3x3) }');
    expect(paths(graph)).toEqual(['block1.conv.weight', 'block1.gain']);
  });
  test('nodes know the region and the part they were written in', () => {
    const tags = [...body('a: residual { conv(4, 3x3)  residual { relu } }').nodes()].map(
      (node) => `${node.op.name} ${node.origin.residual?.part} ${node.origin.residual?.region.outer?.part ?? '-'}`,
    );
    expect(tags).toEqual(['conv body -', 'relu body body', 'add sum body', 'add sum -']);
  });
});

describe('values', () => {
  test('a float default takes an int, an int default no float', () => {
    expect(codes('block B(s = 1.0) { it * s }  model M { input x: f32[N]  B(2)  output y }')).toEqual([]);
    expect(codes('block B(n = 1) { relu }  model M { input x: f32[N]  B(2.0)  output y }')).toEqual(['RES0204']);
  });
  test('arguments fill what is left from left to right, and filling in twice works', () => {
    const source =
      'block B(a, b, c) { conv(a + 10 * b + 100 * c, 1x1) }  const F = B(b=2)  const G = F(1)  model M { input x: f32[N, 4, 2, 2]  G(3)  output y }';
    expect(outputs(graphOf(source))).toEqual(['y: f32[N, 321, 2, 2]']);
  });
  test('defines replace what a derived model gave', () => {
    const source = 'model A(classes: int, width = 4) { input x: f32[N, width]  linear(classes)  output y }  model B = A(10)';
    expect(outputs(graphOf(source, { model: 'B' }))).toEqual(['y: f32[N, 10]']);
    expect(outputs(graphOf(source, { model: 'B', defines: { classes: '5 * 4' } }))).toEqual(['y: f32[N, 20]']);
    expect(outputs(graphOf(source, { model: 'A', defines: { classes: '3', width: '2' } }))).toEqual(['y: f32[N, 3]']);
  });
  test('lists index and slice as in Python', () => {
    expect(
      outputs(
        graphOf(
          'model M { input x: f32[N, 4, 2, 2]  let a = [1, 2, 3, 4]  conv(a[-1] + len(a[1:3]) + a[:1][0], 1x1)  output y }',
        ),
      ),
    ).toEqual(['y: f32[N, 7, 2, 2]']);
  });
  test('functions of numbers are exact where they can be', () => {
    expect(
      outputs(body('conv(floor(log2(8.0)) + pow(2, 10) + floor(sqrt(49.0)) + round(2.5) + round(3.5) + ceil(0.1), 1x1)')),
    ).toEqual([`y: f32[N, ${3 + 1024 + 7 + 2 + 4 + 1}, 8, 8]`]);
  });
  test('integer arithmetic agrees with Python for every pair', () => {
    fc.assert(
      fc.property(fc.integer({ min: -50, max: 50 }), fc.integer({ min: 1, max: 20 }), (a, b) => {
        const floor = Math.floor(a / b);
        const text = `(${a} + 1000) - ${b} * floordiv(${a}, ${b}) - ${a} % ${b}`;
        // a - b*(a // b) - a % b is zero, so that 1000 channels come out.
        expect(floor * b + (((a % b) + b) % b)).toBe(a);
        expect(outputs(body(`conv(${text}, 1x1)`))).toEqual(['y: f32[N, 1000, 8, 8]']);
      }),
      { numRuns: 40, seed: 1 },
    );
  });
});

describe('what was found by trying', () => {
  test('imports may be renamed', () => {
    const resolveImport = (): { name: string; text: string } => ({
      name: 'lib.res',
      text: 'const k = 3  block A { conv(k, 1x1) }',
    });
    expect(
      codes('import { A as B, k as width } from "lib.res"  model M { input x: f32[N, 4, 8, 8]  B  conv(width, 1x1)  output y }', {
        resolveImport,
      }),
    ).toEqual([]);
  });
  test('a literal must fit its element type', () => {
    expect(codes('model M { input x: f16[N]  it * 70000.0  output y }')).toEqual(['RES0218']);
    expect(codes('model M { input x: u8[N]  it + 300  output y }')).toEqual(['RES0218']);
    expect(codes('model M { input x: u8[N]  it + 255  output y }')).toEqual([]);
  });
  test('inputs may be declared in a repetition', () => {
    const source =
      'model M { input x: f32[N, 4]  repeat 2 as i { input past.{i}: f32[N, 4] as p  output now.{i} = p + x }  x -> relu  output y }';
    expect(outputs(graphOf(source))).toEqual(['now.0: f32[N, 4]', 'now.1: f32[N, 4]', 'y: f32[N, 4]']);
  });
  test('loop names do not shadow', () => {
    expect(codes('model M { input x: f32[N]  repeat 2 as i { repeat 2 as i { relu } }  output y }')).toEqual(['RES0103']);
    expect(codes('model M { input x: f32[N]  repeat 2 as i { relu }  repeat 2 as i { relu }  output y }')).toEqual([]);
  });
  test('each over a count takes one name', () => {
    expect(codes('model M { input x: f32[N]  let a = each 2 as i, j { relu }  concat(a, axis=0)  output y }')).toEqual([
      'RES0216',
    ]);
  });
  test('two layers with arguments are compared as what they compute, two names as names', () => {
    const rows = (text: string): readonly string[] => operators(body(text, 'f32[N, 4]'));
    expect(rows('where(reduce_max(x, 1) == reduce_min(x, 1), 1.0, 0.0)')).toEqual(['reduce_max', 'reduce_min', 'equal', 'where']);
    expect(rows('where(slice(0, 1) != slice(1, 2), 1.0, 0.0)')).toEqual(['slice', 'slice', 'equal', 'not', 'where']);
    expect(rows('where({ relu } == { neg }, 1.0, 0.0)')).toEqual(['relu', 'neg', 'equal', 'where']);
    expect(rows('if relu == relu { relu } else { neg }')).toEqual(['relu']);
    const block = 'block B(c) { linear(c) }  model M { input x: f32[N, 4]  if B(3) == B { relu } else { neg }  output y }';
    expect(operators(graphOf(block))).toEqual(['relu']);
  });
  test('kinds of shortcut and blocks are compared by name', () => {
    const source =
      'block B(via) { conv(via == pad ? 3 : 5, 1x1) }  model M { input x: f32[N, 4, 8, 8]  B(pad)  B(project)  output y }';
    expect(outputs(graphOf(source))).toEqual(['y: f32[N, 5, 8, 8]']);
  });
  test('symbols of an input that failed are known, and no second mistake', () => {
    const model = (a: string, b: string): string =>
      `model M { input a: f32[${a}]  input b: f32[${b}]  assert P >= 2  b -> relu  output y }`;
    expect(codes(model('P, 2.5', '4, 3'))).toEqual(['RES0218']);
    expect(codes(model('P, 2.5', 'P, 3'))).toEqual(['RES0218']);
    expect(codes(model('P >= 0, 2.5', 'P >= 0, 3'))).toEqual(['RES0218']);
    expect(codes(model('P >= 0, 2.5', 'P, 3'))).toEqual(['RES0218']);
    const { diagnostics } = check(model('P, 2.5', '4, 3'), { defines: { P: 4 } });
    expect(diagnostics.map((d) => d.code)).toEqual(['RES0218']);
  });
  test('a number too many is no operand', () => {
    expect(codes('model M { input x: f32[N, 4, 8, 8]  conv(4, 1x1, 2)  output y }')).toEqual(['RES0202']);
    expect(codes('model M { input x: f32[N, 4]  relu(3)  output y }')).toEqual(['RES0202']);
  });
});

describe('tensors', () => {
  test('slices drop indexed axes and keep sliced ones', () => {
    expect(outputs(body('it[:, 0]'))).toEqual(['y: f32[N, 8, 8]']);
    expect(outputs(body('it[:, 1:3, -1]'))).toEqual(['y: f32[N, 2, 8]']);
  });
  test('a literal takes the element type of the tensor beside it', () => {
    expect(outputs(body('1.0 - it', 'f16[N]'))).toEqual(['y: f16[N]']);
    expect(outputs(body('it * 2', 'i64[N]'))).toEqual(['y: i64[N]']);
    expect(codes('model M { input x: i64[N]  it * 2.5  output y }')).toEqual(['RES0218']);
  });
  test.each([
    ['[0.5, 1]', 'tensor([0.5, 1])'],
    ['[[0, 1], [1, 2]]', 'tensor([[0, 1], [1, 2]], i64)'],
    [`[${'0.125, '.repeat(20)}0.5]`, 'tensor(xs)'],
    [`[${`[${'1, '.repeat(20)}1], `.repeat(2)}[1]]`, 'tensor(xs, i64)'],
    ['["a"]', 'xs[0]'],
  ])('a list %s in the place of a tensor is written as one', (list, hint) => {
    const { diagnostics } = check(`model M { input x: f32[N]  let xs = ${list}  xs -> tanh  output y }`);
    expect(diagnostics.map(({ code }) => code)).toEqual(['RES0218']);
    expect(diagnostics[0]?.hint).toContain(`\`${hint}\``);
  });
  test('a symbolic number becomes an i64 tensor', () => {
    expect(outputs(graphOf('model M { input x: f32[N, T]  input p: f32[N, P]  range(P, P + T)  output y }'))).toEqual([
      'y: i64[T]',
    ]);
  });
  test('a promise is used by shape inference and keeps its name', () => {
    const graph = graphOf(
      'model M { input x: f32[N, 3, H, W]  assert H % 4 == 0 and W % 4 == 0  maxpool(4x4)  conv_transpose(3, 4x4, stride=4)  it + x  output y }',
    );
    expect(outputs(graph)).toEqual(['y: f32[N, 3, H, W]']);
  });
  test('several inputs leave the current value open until one is named', () => {
    expect(codes('model M { input a: f32[N]  input b: f32[N]  a + b  relu  output y }')).toEqual([]);
  });
  test('each gives lists, several of them when it returns several values', () => {
    expect(
      outputs(
        graphOf(
          'model M { input x: f32[N, 4]  let a, b = each [1, 2] as n { return linear(n), relu }  concat(a)  concat(it, b)  output y }',
        ),
      ),
    ).toEqual(['y: f32[N, 11]']);
  });
});

describe('no input breaks it', () => {
  const words = [
    'conv(4, 3x3)',
    'relu',
    'residual {',
    '}',
    'let a = it',
    'a',
    'shortcut project',
    'repeat 2 {',
    'sequential {',
    'it[:, 0]',
    'linear(3)',
    'flatten',
    'concat(it, it)',
    'x -> conv(2, 1)',
    'if true {',
    'batchnorm',
    'return it',
    'each [1, 2] as i {',
    'label{1}:',
    'reuse label1',
    'global_avgpool',
    'maxpool(2x2)',
    'shape(it)',
    '+ x',
    '* 0.5',
    'none',
    'pad',
    'input z: f32[N, K]',
    'output y',
    'assert N % 2 == 0',
    'param p: f32[4] = ones',
    '@ x',
    'it.weight',
    '-1',
    '[1, 2]',
    'transpose(0, 2, 1, 3)',
    'reshape(N, -1)',
    'softmax',
    'x / 0',
    'floordiv(4, 0)',
    'conv(2, 99)',
    'B',
    'B(B)',
  ];
  test('soups of statements are diagnosed, never thrown', () => {
    let right = 0;
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words), { maxLength: 12 }), (soup) => {
        const result = build(
          `block B(n = 1) { relu }  model M { input x: f32[N, 4, 8, 8]\n ${soup.join('\n ')}\n output last }`,
          { fileName: 'soup.res' },
        );
        if (result.graph) right++;
        for (const d of result.diagnostics) expect(d.span).toBeDefined();
        expect(result.graph === undefined).toBe(result.diagnostics.some((d) => d.severity === 'error'));
      }),
      { numRuns: 600, seed: 7 },
    );
    expect(right).toBeGreaterThan(20);
  });
  test('what failed gives no message a second time, whatever reads it', () => {
    const uses = [
      'v',
      'v(3)',
      'conv(v, 1x1)',
      'let w = v + 1',
      'x[v]',
      'repeat v { relu }',
      'if v { relu }',
      'conv(4, 1x1, init=v)',
      'v -> relu',
    ];
    for (const use of uses)
      expect(codes(`model M { input x: f32[N, 4, 8, 8]  let v = nowhere\n ${use}\n output y = x }`), use).toEqual(['RES0101']);
  });
  test('the least of a symbolic size and a fraction is refused', () => {
    const source = (a: string): string => `model M { input x: f32[N, 4]  let k = ${a}  output y = x }`;
    expect(codes(source('min(N, 2.5)'))).toEqual(['RES0204']);
    expect(codes(source('max(2, 2.5)'))).toEqual([]);
    expect(codes(source('min(N, 2)'))).toEqual([]);
  });
  test('recursion, repetition and nesting end', () => {
    expect(codes('block A { B }  block B { A }  model M { input x: f32[N]  A  output y }')).toEqual(['RES0414']);
    expect(codes('block A { { { { residual { residual { A } } } } } }  model M { input x: f32[N]  A  output y }')).toEqual([
      'RES0414',
    ]);
    expect(
      codes('model M { input x: f32[N]  repeat 100000 { repeat 100000 { } }  output y }', { limits: { steps: 10_000 } }),
    ).toEqual(['RES0414']);
    expect(codes(`model M { input x: f32[N]  ${'{ '.repeat(60)} relu ${' }'.repeat(60)}  output y }`)).toEqual([]);
    expect(codes(`model M { input x: f32[N]  let a = ${'('.repeat(60)}1${')'.repeat(60)}  output y }`)).toEqual([]);
  });
});
