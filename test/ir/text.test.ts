import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cloneGraph } from '../../src/ir/clone.ts';
import { numberText } from '../../src/ir/content-text.ts';
import { Dim } from '../../src/ir/dim.ts';
import { Graph, type Origin, type ResidualTag, type Value } from '../../src/ir/graph.ts';
import { printGraph } from '../../src/ir/print.ts';
import { verifyGraph } from '../../src/ir/verifier.ts';
import { golden } from '../golden.ts';
import * as w from '../support/tensors.ts';
import {
  add,
  branch,
  clip,
  complaints,
  concat,
  conv,
  loop,
  nonzero,
  read,
  relu,
  reshape,
  settings,
  shapeOf,
  split,
} from './support.ts';

const N = Dim.symbol('N');
const f32 = (...dims: readonly (number | Dim)[]) => ({
  elem: 'f32' as const,
  dims: dims.map((d) => (typeof d === 'number' ? Dim.of(d) : d)),
});
const at = (scope: string, residual?: ResidualTag): Origin => ({ scope, ...(residual && { residual }) });

/** One graph with everything in it that the text form knows. */
function everything(): Graph {
  const g = new Graph('everything');
  g.metadata.source = 'a "quoted" name';
  const h = Dim.symbol('H', 16).times(16);
  const image = g.input('image', f32(N, 3, h, 32));
  const odd = g.input('0', f32(N, 8, h.floordiv(2), 16));
  const parameter = (path: string, dims: readonly number[], role: 'parameter' | 'buffer' = 'parameter') =>
    g.constant(w.leaf(path, dims, 'f32'), role, path);
  const kernel = parameter('conv1.weight', [8, 3, 3, 3]);
  const outer = g.newRegion('layer1.0');
  const inner = g.newRegion('layer1.0.deep', { region: outer, part: 'body' });
  const c1 = g.create(conv, [image, kernel], { stride: 2, pads: [1, 0, 1, 1] }, at('conv1')).y;
  const padded = g.create(conv, [image, kernel], { stride: 2, pads: 1 }, at('again', { region: outer, part: 'body' })).y;

  const variance = w.leaf('bn1.running_var', [8], 'f32');
  const scale = w.div(w.leaf('bn1.weight', [8], 'f32'), w.sqrt(w.add(variance, w.full('f32', [], 1e-5))));
  const folded = w.mul(w.leaf('folded.weight', [8, 3, 3, 3], 'f32'), w.reshape(scale, [8, 1, 1, 1]));
  const shift = w.mul(w.leaf('folded.bias', [8], 'f32'), scale);
  const weight = g.constant(folded, 'parameter', 'folded.weight');
  const c2 = g.create(
    conv,
    [image, weight, g.constant(shift, 'parameter', 'folded.bias')],
    { stride: 2, pads: 1 },
    at('folded'),
  ).y;
  const sum = g.create(add, [c2, padded], {}, at('layer1.0', { region: inner, part: 'body' })).y;
  const deep = g.create(add, [sum, odd], {}, at('layer1.0', { region: inner, part: 'sum' })).y;
  const short = g.create(relu, [odd], {}, at('layer1.0', { region: outer, part: 'shortcut' })).y;
  const total = g.create(add, [deep, short], {}, at('layer1.0', { region: outer, part: 'sum' })).y;

  const six = g.constant(w.full('f32', [], 6));
  const clipped = g.create(clip, [total, undefined, six], {}, at('act')).y;
  const again = g.create(clip, [clipped, g.constant(w.full('f32', [], 0.5)), six], {}, at('act')).y;
  const half = g.constant(w.literal({ elem: 'f16', dims: [2], data: Float64Array.of(1, -2.5) }), 'buffer');
  const tied = g.constant(w.leaf('tied', [2], 'f16'), 'buffer', 'tied');
  const foreign = g.constant(w.leaf('onnx::Conv_7', [2], 'f16'), 'parameter', 'onnx::Conv_7');
  const joined = g.create(concat, [half, tied, tied, foreign, g.constant(w.leaf('loose', [2], 'f16'))], {}, at('')).y;
  const [left, right] = g.create(split, [again], {}, at('')).results;
  const flat = g.create(reshape, [left ?? image], { dims: [N, Dim.of(8).times(h.floordiv(2)).times(16)] }, at('odd "scope"')).y;
  const places = g.create(nonzero, [flat], {}, at('')).y;
  const more = g.create(nonzero, [flat], {}, at('')).y;
  const set = g.create(
    settings,
    [right ?? image],
    {
      mode: 'linear',
      note: 'a, "b"] }',
      eps: 1e-12,
      exact: true,
      to: 'f16',
      perm: [1, 0],
      scales: [0.5, Number.POSITIVE_INFINITY],
    },
    at('s'),
  ).y;

  const body = new Graph('body', g);
  const step = body.input('step', { elem: 'i64', dims: [] });
  const state = body.create(add, [set, short], {}, at('ode')).y;
  const nested = new Graph('nested', body);
  nested.output('y', nested.create(relu, [state], {}, at('ode.f', { region: outer, part: 'body' })).y);
  const twice = body.create(loop, [state], { steps: 2 }, at('ode'), undefined, [nested]).y;
  body.output('state', twice);
  body.output('step', step);
  const [looped, count] = g.create(loop, [image], { steps: 4 }, at('ode'), undefined, [body]).results;
  const sides = ['then', 'else'].map((name) => {
    const side = new Graph(name, g);
    side.output('y', name === 'then' ? side.create(relu, [looped ?? image], {}, at('')).y : (looped ?? image));
    return side;
  });
  const chosen = g.create(branch, [looped ?? image], {}, at('if'), undefined, sides).y;
  g.output('past.0.key', chosen);
  g.output('odd name', count ?? image);
  g.output('places', places);
  g.output('more', more);
  g.output('weights', joined);
  g.output('constant', six);
  g.output('c1', c1);
  return g;
}

describe('the text form', () => {
  it('prints everything that a graph may hold', () => {
    golden('ir/everything.ir', printGraph(everything()));
  });

  it('reads back as the same graph', () => {
    const graph = everything();
    expect(verifyGraph(graph)).toEqual([]);
    const text = printGraph(graph);
    const back = read(text);
    expect(printGraph(back)).toBe(text);
    expect(shapeOf(back)).toEqual(shapeOf(graph));
    expect(verifyGraph(back)).toEqual([]);
    expect(back.inputs[0]?.type.dims[2]).toBe(graph.inputs[0]?.type.dims[2]);
  });

  it('keeps away from names of sizes that the text uses', () => {
    const back = read(printGraph(everything()));
    expect(back.freshDim('nonzero').toString()).toBe('?nonzero_2');
  });

  it('may leave types and the header out', () => {
    const graph = read(
      '%x = input : f32[N, 3, H, W]\n%0 = conv(%x, #.weight[8, 3, 3, 3]) {stride=2, pads=1} @c1\noutput y = %0\n',
    );
    expect(printGraph(graph)).toBe(
      [
        'graph @graph',
        '  %x = input : f32[N, 3, H, W]',
        '  %0 = conv(%x, #.weight[8, 3, 3, 3]) {stride=2, pads=1}  : f32[N, 8, floordiv(H + 1, 2), floordiv(W + 1, 2)]  @c1',
        '  output y = %0',
        '',
      ].join('\n'),
    );
  });

  it('does not depend on names, blanks, comments and line ends', () => {
    const plain = read('graph @g\n%x=input:f32[N]\n%y=relu(%x)\noutput y=%y\n');
    const other = read(
      '// a graph\r\n graph  @g\r\n\r\n %x = input : f32[ N ]  // data\r\n %z = relu( %x ) {} : f32[N]\r\n output y = %z',
    );
    expect(printGraph(other)).toBe(printGraph(plain));
  });

  it('has what is promised of symbols', () => {
    const text =
      'graph @g\n  assume H % 4 == 0\n  assume H >= 20\n  assume L <= 512\n  %x = input : f32[H, L + 1]\n  output y = %x\n';
    expect(printGraph(read(text))).toBe(text);
    const [h, l] = read(text).inputs[0]?.type.dims ?? [];
    expect([h?.lowerBound, h?.upperBound, l?.lowerBound, l?.upperBound]).toEqual([20, Infinity, 2, 513]);
  });

  it('shares a parameter that stands in several lines', () => {
    const graph = read('%x = input : f32[2]\n%0 = add(%x, #w[2])\n%1 = add(%0, #w[2])\noutput y = %1\n');
    expect(graph.constants()).toHaveLength(1);
    expect(graph.constants()[0]?.uses.size).toBe(2);
  });

  it('of a number is the shortest that reads back', () => {
    expect([1e-5, 0.1, 1e21, 100000, 1e6, -0, Number.NaN, Number.NEGATIVE_INFINITY].map(numberText)).toEqual([
      '1e-5',
      '0.1',
      '1e21',
      '1e5',
      '1e6',
      '-0',
      'nan',
      '-inf',
    ]);
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (n) => {
        expect(Number(numberText(n))).toBe(n);
        expect(numberText(n).length).toBeLessThanOrEqual(String(n).length + 1);
      }),
      { seed: 1 },
    );
  });
});

describe('random graphs', () => {
  const kinds = ['relu', 'add', 'shift', 'split', 'clip', 'loop', 'parameter', 'nonzero'] as const;
  const stepOf = fc.record({
    kind: fc.constantFrom(...kinds),
    a: fc.nat(50),
    b: fc.nat(50),
    tag: fc.nat(5),
    scope: fc.constantFrom('', 'a', 'a.b', 'c/d'),
  });

  function build(steps: readonly (typeof stepOf extends fc.Arbitrary<infer T> ? T : never)[]): Graph {
    const g = new Graph('random');
    const type = f32(N, Dim.symbol('H', 4).times(4));
    const pool: Value[] = [g.input('x', type), g.input('y', type)];
    const regions = [g.newRegion('a')];
    for (const { kind, a, b, tag, scope } of steps) {
      const pick = (n: number): Value => pool[n % pool.length] ?? bugValue();
      const region = regions[tag % regions.length];
      if (tag === 4 && region) regions.push(g.newRegion(scope, { region, part: 'body' }));
      const origin = at(
        scope,
        tag < 3 && region ? { region, part: (['body', 'shortcut', 'sum'] as const)[tag] ?? 'body' } : undefined,
      );
      switch (kind) {
        case 'relu':
          pool.push(g.create(relu, [pick(a)], {}, origin).y);
          break;
        case 'add':
          pool.push(g.create(add, [pick(a), pick(b)], {}, origin).y);
          break;
        case 'shift':
          pool.push(g.create(add, [pick(a), g.constant(w.full('f32', [], b / 7))], {}, origin).y);
          break;
        case 'parameter': {
          const path = `p${g.nodeCount}.scale`;
          const base = w.sqrt(w.leaf(`q${b % 3}`, [], 'f32'));
          const scale = g.constant(
            a % 2 === 0 ? w.leaf(path, [], 'f32') : w.mul(base, w.add(base, w.leaf(path, [], 'f32'))),
            'parameter',
            path,
          );
          pool.push(g.create(add, [pick(a), scale], {}, at(`p${g.nodeCount}`)).y, g.create(add, [pick(b), scale], {}, origin).y);
          break;
        }
        case 'split':
          pool.push(...g.create(split, [pick(a)], {}, origin).results);
          break;
        case 'clip':
          pool.push(g.create(clip, [pick(a), undefined, pick(b)], {}, origin).y);
          break;
        case 'nonzero':
          g.output(`places${g.nodeCount}`, g.create(nonzero, [pick(a)], {}, origin).y);
          break;
        default: {
          const body = new Graph('body', g);
          const inner = body.input('x', type);
          body.output('y', body.create(add, [inner, pick(b)], {}, origin).y);
          pool.push(g.create(loop, [pick(a)], {}, origin, undefined, [body]).y);
        }
      }
    }
    g.output('last', pool[pool.length - 1] ?? bugValue());
    return g;
  }
  const bugValue = (): never => {
    throw new Error('an empty pool');
  };

  it('read back, and copy, as they are', () => {
    fc.assert(
      fc.property(fc.array(stepOf, { maxLength: 25 }), (steps) => {
        const graph = build(steps);
        expect(verifyGraph(graph)).toEqual([]);
        const text = printGraph(graph);
        const back = read(text);
        expect(printGraph(back)).toBe(text);
        expect(shapeOf(back)).toEqual(shapeOf(graph));
        expect(verifyGraph(back)).toEqual([]);
        const copy = cloneGraph(graph);
        expect(verifyGraph(copy)).toEqual([]);
        expect(shapeOf(copy)).toEqual(shapeOf(graph));
        expect(printGraph(copy)).toBe(text);
        expect(verifyGraph(graph)).toEqual([]);
      }),
      { numRuns: 100, seed: 1 },
    );
  });
});

describe('wrong text', () => {
  const start = 'graph @g\n%x = input : f32[N, 3]\n';
  it.each([
    ['what', 'RES0901:3 `what`'],
    ['%0 = relu(%x', 'RES0901:3 the end of the line'],
    ['%0 = relu(%x) extra', 'RES0901:3 `extra`'],
    ['%0 = relu(%x) : q7[N]', 'RES0901:3 `q7[N]`'],
    ['%0 = relu(%x) : f32[N +]', 'RES0901:3 `N +]`'],
    ['%0 = nothing(%x)', 'RES0902:3 `nothing`'],
    ['%0 = toString(%x)', 'RES0902:3 `toString`'],
    ['%0 = relu(%y)', 'RES0903:3 no line above that defines it'],
    ['%0 = relu(%0)', 'RES0903:3 no line above that defines it'],
    ['%x = relu(%x)', 'RES0904:3 a second definition of `%x`'],
    ['%0 = add(%x, #w[3])', 'RES0905:3 f32[N, 3] and f32[3]'],
    ['%0 = add(%x)', 'RES0905:3 no operand y'],
    ['%0 = add(%x, _)', 'RES0905:3 no operand y'],
    ['%0 = relu(%x, %x)', 'RES0905:3 2 operands'],
    ['%0 = relu(%x) : f32[N, 4]', 'RES0906:3 f32[N, 4]'],
    ['%0 = nonzero(%x) : i64[2, N]', 'RES0906:3 i64[2, N]'],
    ['%0 = split(%x)', 'RES0907:3 1 result'],
    ['%0 = settings(%x) {mood=1}', 'RES0908:3 `mood=1`'],
    ['%0 = settings(%x) {constructor=1}', 'RES0908:3 `constructor=1`'],
    ['%0 = settings(%x) {mode="cubic"}', 'RES0908:3 mode=cubic'],
    ['%0 = settings(%x) {mode=1}', 'RES0908:3 `mode=1`'],
    ['%0 = settings(%x) {perm=[0.5]}', 'RES0908:3 perm=[0.5]'],
    ['%0 = reshape(%x)', 'RES0908:3 no attribute dims'],
    ['%0 = relu(#nothing(w[3]))', 'RES0909:3 `nothing(w[3])`'],
    ['%0 = relu(#add(w[3], v[2]))', 'RES0909:3 `add(w[3], v[2])`'],
    ['%0 = relu(#0)', 'RES0903:3 no line above that defines it'],
    ['%0 = relu(#.w[3])', 'RES0909:3 #.w in a node without scope'],
    ['%0 = relu(#w[3])\n%1 = relu(#w[4])', 'RES0909:4 w[4]:parameter'],
    ['%0 = relu(#w[3]=v[4])', 'RES0909:3 w[4]'],
    ['%0 = relu(const f32[2] [1])', 'RES0901:3 `[1])`'],
    ['%0 = relu(#w[-1])', 'RES0901:3 `-1])`'],
    ['end', 'RES0901:3 `end`'],
    ['region @r\nend', 'RES0901:3 a sub-graph that belongs to no node'],
    ['%0 = loop(%x)\nregion @r\noutput y = %x', 'RES0901:3 a sub-graph without end'],
    ['%0 = loop(%x)\nregion @r\n%1 = relu(%x)\noutput y = %1\nend\n%2 = relu(%1)', 'RES0903:8 a value of another sub-graph'],
    ['%0 = relu(%x)\nresidual #0 body=%1', 'RES0910:4 %1..%1'],
    ['%0 = relu(%x)\nresidual #0 in #1 body sum=%0', 'RES0910:4 `in #1`, which is not there'],
    ['%0 = relu(%x)\nresidual #0 body=%0 sum=%0', 'RES0910:4 %0, which is of two residuals or parts'],
    ['%0 = loop(%x)\nregion @r\n%1 = relu(%0)\noutput y = %x\nend', 'RES0903:5 no line above that defines it'],
    ['#0 = sqrt(#0)', 'RES0903:3 no line above that defines it'],
    ['output a = %x\noutput a = %x', 'RES0904:4 a second definition of `a`'],
  ])('%s', (line, complaint) => {
    const found = complaints(`${start}${line}\n`);
    expect(found).toEqual([complaint]);
  });

  it('is reported once, however often it is read', () => {
    expect(complaints(`${start}%0 = nothing(%x)\n%1 = relu(%0)\n%2 = add(%0, %1)\noutput y = %2\n`)).toHaveLength(1);
  });

  it('does not exhaust the stack', () => {
    const deep = `${start}%0 = relu(#${'sqrt('.repeat(100_000)}w[2]${')'.repeat(100_000)})\n`;
    expect(complaints(deep)).toHaveLength(1);
    let nested = start;
    for (let i = 0; i < 2000; i++) nested += `%l${i} = loop(%x)\nregion @r\n`;
    expect(complaints(nested).length).toBeGreaterThan(0);
  });
});

describe('size', () => {
  it('has no bound on the number of nodes', () => {
    const g = new Graph('long');
    let value = g.input('x', f32(N, 8));
    const scale = g.constant(w.leaf('scale', [], 'f32'), 'parameter', 'scale');
    for (let i = 0; i < 5000; i++) value = g.create(add, [value, scale], {}, at(`block.${i}`)).y;
    g.output('y', value);
    expect(verifyGraph(g)).toEqual([]);
    const text = printGraph(g);
    const back = read(text);
    expect(printGraph(back) === text).toBe(true);
    expect(printGraph(cloneGraph(g)) === text).toBe(true);
  });
});
