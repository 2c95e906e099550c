/**
 * The errors of single layers: where the reference is told other weights, everything from there on is off, and nothing before.
 */
import { describe, expect, test } from 'vitest';
import { build } from '../../src/check.ts';
import { errorPlotOf } from '../../src/cli/error-plot.ts';
import type { Graph, Value } from '../../src/ir/graph.ts';
import type { HostTensor } from '../../src/ir/types.ts';
import { layerErrors } from '../../src/runtime/layer-errors.ts';
import { exprOf, materialize } from '../../src/tensor/values.ts';

const compiled = (text: string): Graph => {
  const { graph, diagnostics } = build(text, {});
  if (!graph) throw new Error(JSON.stringify(diagnostics));
  return graph;
};
const net = compiled(`model Net { input x: f32[N, 3, H, W]
  layer1: sequential { conv(4, 3x3)  relu }  layer2: sequential { conv(5, 3x3, stride=2)  relu  split: channel_shuffle(5) }
  global_avgpool  flatten  fc: linear(7)  output y  output kind = it -> argmax(1) }`);
const constants = async (value: Value): Promise<HostTensor> => materialize(exprOf(value));

describe('layerErrors', () => {
  test('every layer with float results, in order, within rounding', async () => {
    const found = await layerErrors(net, { constants, ep: 'cpu' });
    const nodes = [...net.nodes()].filter((node) => node.results.some(({ type }) => type.elem === 'f32'));
    expect(found.layers.map(({ node }) => node)).toEqual(nodes);
    expect(found.layers.length).toBeLessThan([...net.nodes()].length);
    for (const { relative } of found.layers) expect(relative).toBeLessThan(2e-6);
    expect(found.layers.some(({ relative }) => relative > 0)).toBe(true);
    expect(found.limit).toBe(1e-5);
    expect([...found.bindings.keys()].sort()).toEqual(['H', 'N', 'W']);
  });

  test('a layer that is off, and what it spoils', async () => {
    const wrong = async (value: Value): Promise<HostTensor> => {
      const tensor = await constants(value);
      return value.name?.startsWith('layer2') ? { ...tensor, data: Float64Array.from(tensor.data, (v) => v * 1.01) } : tensor;
    };
    const { layers } = await layerErrors(net, { constants: wrong, ep: 'cpu' });
    const off = layers.map(({ node, relative }) => [node.origin.scope.split('.')[0], relative > 1e-3] as const);
    expect(off.filter(([scope]) => scope === 'layer1').map(([, is]) => is)).not.toContain(true);
    expect(off.filter(([scope]) => scope === 'layer2').map(([, is]) => is)).not.toContain(false);
    expect(off.at(-1)).toEqual(['fc', true]);
  });

  test('given inputs, and a name that is taken', async () => {
    const graph = compiled('model M { input x: f32[N, 2]  output layer0_0 = x -> exp  output z = x * 3.0 }');
    const inputs = new Map([['x', { elem: 'f32' as const, dims: [2, 2], data: Float64Array.of(0, 1, 2, 3) }]]);
    const { layers, bindings } = await layerErrors(graph, { constants, ep: 'cpu', inputs });
    expect(bindings).toEqual(new Map([['N', 2]]));
    expect(layers.map(({ node }) => node.op.name)).toEqual(['exp', 'mul']);
    // 3 · 0, 3 · 1, … are exact in f32.
    expect(layers[1]?.relative).toBe(0);
  });

  test('what is not random is a reference alone', async () => {
    const graph = compiled('model M { input x: f32[N, 2]  output y = x -> relu }');
    const { layers } = await layerErrors(graph, { constants, ep: 'cpu' });
    expect(layers.map(({ relative }) => relative)).toEqual([0]);
  });
});

test('names, parts and bounds of a plot', async () => {
  const { layers, bindings, limit } = await layerErrors(net, { constants, ep: 'cpu' });
  const output = { name: 'y', elem: 'f32', absolute: 0, relative: 0, largest: 1, at: 0, excused: 0, ok: true } as const;
  const outputs = [
    { ...output, tolerance: 4e-6 },
    { ...output, tolerance: 0 },
  ];
  const runs = [{ outputs }] as unknown as Parameters<typeof errorPlotOf>[1]['runs'];
  const plot = errorPlotOf({ layers, bindings, limit }, { runs, seed: 3 }, { title: 'Net, -O0', ep: 'cpu', given: false });
  expect(plot.bounds.map(({ value }) => value)).toEqual([1e-5, 4e-6]);
  expect(plot.notes[0]).toMatch(/^cpu, onnxruntime's optimiser off, random inputs of seed 3 at H = \d+, N = 1, W = \d+;/);
  expect(plot.rows.map(({ group }) => group)).toEqual(expect.arrayContaining(['layer1', 'layer2', 'fc']));
  expect(plot.rows[0]?.label).toBe('layer1.0 (conv)');
});
