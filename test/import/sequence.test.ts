/** Sequences whose elements are known: what reads them is a cut or a join, and their makers go. */
import { describe, expect, it } from 'vitest';
import { importOnnx } from '../../src/import/import.ts';
import type { Graph, Value } from '../../src/ir/graph.ts';
import { printGraph } from '../../src/ir/print.ts';
import type { HostTensor } from '../../src/ir/types.ts';
import type { OnnxNode } from '../../src/onnx/model.ts';
import { evaluateGraph } from '../../src/ops/reference.ts';
import { runPasses } from '../../src/passes/pipeline.ts';
import { exprOf, materializeSync } from '../../src/tensor/values.ts';
import { fileOf, type GraphParts, node, tensor, typed } from './build.ts';

const load = (parts: GraphParts, nodes: readonly OnnxNode[]) => importOnnx(fileOf(parts, nodes));
const ops = (graph: Graph): readonly string[] => [...graph.nodes()].map(({ op }) => op.name);
const evaluated = (graph: Graph): ReadonlyMap<string, HostTensor> =>
  evaluateGraph(graph, new Map([['x', numbers]]), (value: Value) => materializeSync(exprOf(value)) ?? expect.unreachable());

const inputs = { x: typed('f32', ['N', 7]) };
const numbers = { elem: 'f32', dims: [2, 7], data: Float64Array.from({ length: 14 }, (_, i) => i) } as const;
const constants = [
  tensor('sizes', 'i64', [3], [2, 1, 4]),
  tensor('wrong', 'i64', [2], [2, 4]),
  tensor('negative', 'i64', [2], [-1, 8]),
  tensor('three', 'i64', [], [3]),
  tensor('first', 'i64', [], [0]),
  tensor('last', 'i64', [], [-1]),
  tensor('beyond', 'i64', [], [3]),
];

function partOf(split: string, position: string, attributes: Readonly<Record<string, number>> = { axis: 1 }) {
  return load({ inputs, outputs: ['y'], initializers: constants }, [
    node('SplitToSequence', split === '' ? 'x -> s' : `x, ${split} -> s`, attributes),
    node('SequenceAt', `s, ${position} -> y`),
  ]);
}

describe('an element of a split', () => {
  it.each([
    ['sizes', 'first', { axis: 1 }, [2, 2], [0, 1, 7, 8]],
    ['sizes', 'last', { axis: -1 }, [2, 4], [3, 4, 5, 6, 10, 11, 12, 13]],
    ['three', 'first', { axis: 1 }, [2, 3], [0, 1, 2, 7, 8, 9]],
    ['three', 'last', { axis: 1 }, [2, 1], [6, 13]],
    ['', 'last', { axis: 1 }, [2, 1], [6, 13]],
    ['', 'first', { axis: 1, keepdims: 0 }, [2], [0, 7]],
  ] as const)('%s at %s with %o is a cut', (split, position, attributes, dims, data) => {
    const { graph } = partOf(split, position, attributes);
    runPasses(graph, { level: 1 });
    expect(ops(graph).filter((name) => name.startsWith('onnx.'))).toEqual([]);
    expect(evaluated(graph).get('y')).toMatchObject({ dims, data: Float64Array.from(data) });
  });

  it('of all parts is one split', () => {
    const { graph } = load({ inputs, outputs: ['a', 'b', 'c'], initializers: [...constants, tensor('one', 'i64', [], [1])] }, [
      node('SplitToSequence', 'x, sizes -> s', { axis: 1 }),
      node('SequenceAt', 's, first -> a'),
      node('SequenceAt', 's, one -> b'),
      node('SequenceAt', 's, last -> c'),
    ]);
    runPasses(graph, { level: 1 });
    expect(printGraph(graph)).toContain('split(%x) {parts=3, sizes=[2, 1, 4]}');
  });

  it.each([
    ['wrong', 'first', { axis: 1 }],
    ['negative', 'first', { axis: 1 }],
    ['sizes', 'beyond', { axis: 1 }],
    ['three', 'first', { axis: 0 }],
    ['p', 'first', { axis: 1 }],
    ['sizes', 'p', { axis: 1 }],
  ] as const)(
    '%s at %s with %o stays, where sizes, their number or the place are not known or do not fit',
    (split, at, attributes) => {
      const parts = { inputs: { ...inputs, p: typed('i64', []) }, outputs: ['y'], initializers: constants };
      const nodes = [node('SplitToSequence', `x, ${split} -> s`, attributes), node('SequenceAt', `s, ${at} -> y`)];
      expect(ops(load(parts, nodes).graph)).toEqual(['onnx.SplitToSequence', 'onnx.SequenceAt']);
    },
  );
});

describe('a sequence of values', () => {
  it('gives each of them, and is joined as a concat', () => {
    const { graph } = load({ inputs, outputs: ['y', 'z', 'w'], initializers: constants }, [
      node('Relu', 'x -> r'),
      node('SequenceConstruct', 'x, r -> s'),
      node('SequenceAt', 's, last -> a'),
      node('Neg', 'a -> w'),
      node('ConcatFromSequence', 's -> y', { axis: 1 }),
      node('ConcatFromSequence', 's -> z', { axis: -1, new_axis: 1 }),
    ]);
    runPasses(graph, { level: 1 });
    expect(ops(graph).filter((name) => name.startsWith('onnx.'))).toEqual([]);
    const made = evaluated(graph);
    expect([...made].map(([name, { dims }]) => [name, dims])).toEqual([
      ['y', [2, 14]],
      ['z', [2, 7, 2]],
      ['w', [2, 7]],
    ]);
  });

  it('that others read as well stays for them', () => {
    const { graph } = load({ inputs, outputs: ['y', 's'], initializers: constants }, [
      node('SplitToSequence', 'x, sizes -> s', { axis: 1 }),
      node('SequenceAt', 's, first -> y'),
    ]);
    expect(ops(graph)).toContain('onnx.SplitToSequence');
  });
});
