import { describe, expect, test } from 'vitest';
import { build } from '../../src/check.ts';
import { Dim } from '../../src/ir/dim.ts';
import { add } from '../../src/ops/elementwise.ts';
import { summarize } from '../../src/summarize.ts';
import { countText } from '../../src/view/count-text.ts';
import type { SummaryNode } from '../../src/view/summary.ts';
import { summaryText } from '../../src/view/summary-text.ts';
import { dim, Maker, tinyResnet, type } from '../codegen/models.ts';
import { golden } from '../golden.ts';

function at(root: SummaryNode, path: string): SummaryNode | undefined {
  let node: SummaryNode | undefined = root;
  for (const name of path.split('.')) node = node?.children.find((child) => child.name === name);
  return node;
}

describe('summary', () => {
  test('a loop counts one turn where only the run knows how many', () => {
    const graph = build(
      `model M {
  input x: f32[N, 4]
  solved: ode(solver="bosh3", t=[0, 1], rtol=1e-3, atol=1e-3) { field: linear(4)  tanh }
  output y
}`,
      { fileName: 'm.res' },
    ).graph;
    if (!graph) throw new Error('no graph');
    golden('emit/adaptive-ode-depth1.summary', summaryText(summarize(graph, { depth: 1 })));
  });

  test('what is not given is not said: axes of which there are none', () => {
    const { graph } = build('model M { input x: f32[2, 3]\n reduce_min(x) + reduce_max(x, -1)\n output y }', {
      fileName: 'm.res',
    });
    if (!graph) throw new Error('no graph');
    const text = summaryText(summarize(graph));
    expect(text).toMatch(/reduce_min +[^a ]/);
    expect(text).toMatch(/reduce_max axes=-1/);
  });

  test('golden table', () => {
    golden('emit/tiny-resnet.summary', summaryText(summarize(tinyResnet())));
    golden('emit/tiny-resnet-depth1.summary', summaryText(summarize(tinyResnet(), { depth: 1 })));
  });

  test('scopes add up what is in them', () => {
    const root = summarize(tinyResnet());
    // conv 4·3·9, two batchnorms' worth per block, and the projection 8·4.
    expect(at(root, 'conv1')?.parameters).toBe(108);
    expect(at(root, 'layer2.0.downsample')?.parameters).toBe(32 + 16);
    expect(at(root, 'layer2.0')?.parameters).toBe(8 * 4 * 9 + 16 + 8 * 8 * 9 + 16 + 48);
    expect(root.parameters).toBe(108 + 8 + (2 * 144 + 16) + (8 * 4 * 9 + 16 + 8 * 8 * 9 + 16 + 48));
    expect(root.buffers).toBe(2 * (4 + 4 + 4 + 8 + 8 + 8));
    expect(root.bytes).toBe(4 * (root.parameters + root.buffers));
    expect(at(root, 'layer2.0')).toMatchObject({ operator: 'residual', path: 'layer2.0' });
    expect(at(root, 'layer2.0.conv1')).toMatchObject({ operator: 'conv', path: 'layer2.0.conv1' });
  });

  test('depth hides rows and keeps totals', () => {
    const all = summarize(tinyResnet());
    const short = summarize(tinyResnet(), { depth: 1 });
    expect(at(short, 'layer1')?.children).toEqual([]);
    expect(at(short, 'layer1')?.parameters).toBe(at(all, 'layer1')?.parameters);
    expect([short.parameters, short.madds]).toEqual([all.parameters, all.madds]);
  });

  test('a tensor that is read twice counts once', () => {
    const m = new Maker('g');
    const x = m.graph.input('x', type('f32', 5));
    const w = m.weight('a.w', [5]);
    m.graph.output('y', m.node(add, [m.node(add, [x, w], 'a'), w], 'b'));
    expect(summarize(m.graph).parameters).toBe(5);
  });

  test('scopes nested thousands deep do no harm', () => {
    const m = new Maker('g');
    const x = m.graph.input('x', type('f32', 5));
    m.graph.output('y', m.relu(x, Array.from({ length: 5000 }, () => 'a').join('.')));
    expect(summaryText(summarize(m.graph)).split('\n').length).toBeGreaterThan(5000);
  });
});

describe('multiply-adds', () => {
  const n = dim('N');
  test.each([
    [n.times(1814073344), '1.814 G × N'],
    [n.times(dim('H')).times(24), '24 × N·H'],
    [Dim.of(999), '999'],
    [Dim.of(999960), '1.000 M'],
    [Dim.of(41_089_000), '41.09 M'],
    [Dim.of(0), '0'],
    [n, 'N'],
    [n.times(4).plus(2), '4 × N + 2'],
    [undefined, 'more than 2^53'],
  ])('%s', (madds, text) => {
    expect(countText(madds)).toBe(text);
  });
});
