/** Sizes and inputs at which a proof touches every weight, and the names of those that it does not. */
import { describe, expect, it, vi } from 'vitest';
import { build } from '../../src/check.ts';
import { clamp } from '../../src/ops/activation.ts';
import { cast } from '../../src/ops/cast.ts';
import { conv } from '../../src/ops/conv.ts';
import { add } from '../../src/ops/elementwise.ts';
import { gather } from '../../src/ops/gather.ts';
import { linear } from '../../src/ops/linear.ts';
import { coveringSizes } from '../../src/runtime/covering.ts';
import { randomInputs } from '../../src/runtime/inputs.ts';
import { verifyModel } from '../../src/runtime/verify-model.ts';
import { verifyTable } from '../../src/runtime/verify-table.ts';
import { constants, Maker, type } from './graphs.ts';

vi.setConfig({ testTimeout: 120_000 });

const sizesOf = (body: string) => {
  const { graph } = build(`model Net {\n${body}}\n`);
  if (!graph) throw new Error('no graph');
  const { smallest, nextOdd } = coveringSizes(graph);
  return [Object.fromEntries(smallest), Object.fromEntries(nextOdd)];
};
const scaled = (limit: number, nothing = 0) => {
  const m = new Maker();
  const x = m.graph.input('x', type('f32', 'N', 4));
  const y = m.node(clamp, [x], 'act', { min: 0, max: limit });
  const w = m.constant('fc', { elem: 'f32', dims: [2, 4], data: Float64Array.from({ length: 8 }, (_, i) => i + 1 + nothing) });
  m.graph.output('y', m.node(linear, [y, w, undefined], 'fc'));
  return m.graph;
};
const verify = (graph = scaled(6)) => verifyModel({ before: graph, after: graph, constants, eps: ['cpu'], threads: 1 });

describe('sizes', () => {
  it('let every tap of every kernel meet an element', () => {
    const image = '  input x: f32[N, 3, H, W]\n';
    expect(sizesOf(`${image}  c: conv(4, 3x3)\n  output y\n`)).toEqual([
      { N: 1, H: 3, W: 3 },
      { N: 3, H: 5, W: 5 },
    ]);
    expect(sizesOf(`${image}  c: conv(4, 9x5)\n  output y\n`)[0]).toEqual({ N: 1, H: 5, W: 3 });
    // Without padding the kernel must fit; a dilated one reaches further.
    expect(sizesOf(`${image}  c: conv(4, 7x7, pad=0)\n  output y\n`)[0]).toEqual({ N: 1, H: 7, W: 7 });
    expect(sizesOf(`${image}  c: conv(4, 3x3, dilation=4)\n  output y\n`)[0]).toEqual({ N: 1, H: 5, W: 5 });
    // Five halvings in front of the last 3x3.
    const halvings = '  sequential { repeat 5 { conv(4, 3x3, stride=2)  relu }  conv(4, 3x3) }\n';
    expect(sizesOf(`${image}${halvings}  output y\n`)[0]).toEqual({ N: 1, H: 33, W: 33 });
  });
  it('keep promises, and are no batch of one token', () => {
    expect(sizesOf('  input x: f32[N, 3, H, W]\n  assert H % 16 == 0 and W % 16 == 0\n  c: conv(4, 3x3)\n  output y\n')).toEqual([
      { N: 1, H: 16, W: 16 },
      { N: 3, H: 48, W: 48 },
    ]);
    expect(sizesOf('  input ids: i64[N, T]\n  words: embedding(10, 4)\n  output y\n')[0]).toEqual({ N: 1, T: 3 });
    expect(sizesOf('  input x: f32[T]\n  act: relu\n  output y\n')[0]).toEqual({ T: 3 });
  });
  it('that cost too much are not looked for, and what they leave is named', async () => {
    const m = new Maker();
    const x = m.graph.input('x', type('f32', 1, 1, 'H', 4));
    // One tap of three, 2^26 apart.
    m.graph.output(
      'y',
      m.node(conv, [x, m.weight('far', [1, 1, 3, 1]), undefined], 'far', {
        pads: [2 ** 26, 0, 2 ** 26, 0],
        dilation: [2 ** 26, 1],
      }),
    );
    const report = await verify(m.graph);
    expect(report.ok).toBe(true);
    expect(report.degenerate).toEqual(['far: 2 of 3 taps along axis 2 meet padding alone']);
    expect(verifyTable(report)).toMatch(/^degenerate: far: 2 of 3 taps along axis 2 meet padding alone$/m);
  });
  it('at which a wrong corner of a kernel shows', async () => {
    const net = (corner: number) => {
      const m = new Maker();
      const image = m.graph.input('x', type('f32', 'N', 1, 'H', 'W'));
      const data = Float64Array.of(corner, 1, 1, 1, 1, 1, 1, 1, 1);
      const w = m.constant('w', { elem: 'f32', dims: [1, 1, 3, 3], data });
      m.graph.output('y', m.node(conv, [image, w, undefined], 'c', { pads: 1 }));
      return m.graph;
    };
    const report = await verifyModel({ before: net(1), after: net(2), constants, eps: ['cpu'], threads: 1 });
    expect(report.diagnostics.map((d) => d.code)).toEqual(['RES0810']);
  });
});

describe('inputs', () => {
  it('come all negative, all positive, and where thresholds lie', async () => {
    const report = await verify(scaled(1000));
    expect(report.cases.map((one) => one.name)).toEqual(['smallest', 'next odd', 'negative', 'positive', 'scaled']);
    expect(Math.max(...(report.cases.at(-1)?.inputs.get('x')?.data ?? []))).toBeGreaterThan(1000);
    expect(report.degenerate).toEqual([]);
    // A clamp that a pass lost is seen now.
    const lost = await verifyModel({ before: scaled(1000), after: scaled(2000), constants, eps: ['cpu'], threads: 1 });
    expect(lost.diagnostics.map((d) => d.code)).toEqual(['RES0810']);
  });
  it('of a sign that the model is not defined on are left out, which is said', async () => {
    const m = new Maker();
    const x = m.graph.input('x', type('f32', 4));
    const table = m.weight('table', [8, 2]);
    const index = m.node(cast, [m.node(clamp, [x], 'near', { min: -20, max: 3 })], 'index', { to: 'i64' });
    const shifted = m.node(add, [index, m.constant('five', { elem: 'i64', dims: [], data: Float64Array.of(3) })], 'shift');
    m.graph.output('y', m.node(gather, [table, shifted], 'rows', { axis: 0 }));
    const inputs = new Map([['x', { elem: 'f32' as const, dims: [4], data: Float64Array.of(-1, 0, 1, 2) }]]);
    const report = await verifyModel({ before: m.graph, after: m.graph, constants, eps: ['cpu'], threads: 1, inputs });
    expect(report.ok).toBe(true);
  });
  it('that cannot come there leave a threshold degenerate', async () => {
    expect((await verify(scaled(1e30))).degenerate).toEqual(['act: no number comes above 1e+30']);
  });
  it('keep to a range, of one sign where it has room', () => {
    const graph = scaled(6);
    const range = (low: number, high: number) => new Map([['x', { low, high }]]);
    const sizes = new Map([['N', 8]]);
    const values = (low: number, high: number, sign: 'negative' | 'positive') => [
      ...(randomInputs(graph, sizes, 0, { ranges: range(low, high), sign }).get('x')?.data ?? []),
    ];
    expect(values(0, 1, 'negative').every((v) => v >= 0 && v < 1)).toBe(true);
    expect(values(-1, 1, 'negative').every((v) => v >= -1 && v < 0)).toBe(true);
    expect(values(-1, 1, 'positive').every((v) => v >= 0 && v < 1)).toBe(true);
  });
});

describe('what nothing exercised', () => {
  it('is named by channel and by output', async () => {
    const m = new Maker();
    const x = m.graph.input('x', type('f32', 'N', 2));
    const cut = m.node(clamp, [x], 'zero', { min: 0, max: 0 });
    m.graph.output('y', m.node(linear, [cut, m.weight('fc', [3, 2]), undefined], 'fc'));
    const report = await verify(m.graph);
    expect(report.degenerate).toContain('fc: 2 of 2 input channels are 0 on every input');
    expect(report.degenerate).toContain('output y: every element is 0 on every input');
  });
});
