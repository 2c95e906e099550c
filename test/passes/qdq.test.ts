/**
 * Pairs of QuantizeLinear and DequantizeLinear, which are foreign nodes: equal ones are one, and no pass removes, moves or folds
 * through one.
 */

import { describe, expect, it } from 'vitest';
import { memorySource } from '../../src/io/bytes.ts';
import { Dim } from '../../src/ir/dim.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import type { AttrValue } from '../../src/ir/operator.ts';
import { printGraph } from '../../src/ir/print.ts';
import type { ElemType, TensorType } from '../../src/ir/types.ts';
import { foreignOperator } from '../../src/ops/foreign.ts';
import { operatorByName } from '../../src/ops/registry.ts';
import { runPasses } from '../../src/passes/pipeline.ts';
import { literal } from '../support/tensors.ts';
import { randomTensor, soundness } from './support.ts';

class Quantized {
  readonly graph = new Graph('g');

  op(name: string, operands: readonly Value[], attrs: Readonly<Record<string, AttrValue>> = {}): Value {
    const operator = operatorByName(name) ?? expect.unreachable(name);
    return this.graph.create(operator, operands, attrs, { scope: name }).y;
  }

  weight(name: string, dims: readonly number[], elem: ElemType = 'f32'): Value {
    const tensor = randomTensor(name, dims, 'f32', name.endsWith('variance'));
    const data = elem === 'f32' ? tensor.data : tensor.data.map((x) => Math.round(x * 100));
    return this.graph.constant(literal({ elem, dims, data }), 'parameter', name);
  }

  #foreign(opType: string, x: Value, elem: ElemType, zero: ElemType, axis?: number): Value {
    const type: TensorType = { elem, dims: x.type.dims };
    const scale = literal({ elem: 'f32', dims: [], data: Float64Array.of(0.0625) });
    const point = literal({ elem: zero, dims: [], data: Float64Array.of(zero === 'u8' ? 128 : 0) });
    const bytes = memorySource('axis', Uint8Array.of(axis ?? 0));
    const attributes = axis === undefined ? [] : [{ kind: 'bytes', name: 'axis', bytes } as const];
    const foreign = { domain: '', opType, attributes, outputs: [true], rest: new Uint8Array() };
    const operands = [x, this.graph.constant(scale), this.graph.constant(point)];
    return this.graph.create(foreignOperator(foreign, [type]), operands, {}, { scope: opType }).y;
  }

  quantize(x: Value, elem: ElemType): Value {
    return this.#foreign('QuantizeLinear', x, elem, elem);
  }

  dequantize(x: Value, axis?: number): Value {
    return this.#foreign('DequantizeLinear', x, 'f32', x.type.elem, axis);
  }

  pair(x: Value): Value {
    return this.dequantize(this.quantize(x, 'u8'));
  }
}

const dims = (...of: readonly (number | string)[]): readonly Dim[] =>
  of.map((d) => (typeof d === 'number' ? Dim.of(d) : Dim.symbol(d)));

describe.each([13, 17, 23])('at opset %i', (opset) => {
  it('a quantised residual block stays as it is', () => {
    const q = new Quantized();
    const x = q.graph.input('x', { elem: 'f32', dims: dims('N', 4, 'H', 'W') });
    const scaled = q.op('mul', [x, q.weight('gain', [4, 1, 1])]);
    const input = q.pair(scaled);
    const conv = q.op('conv', [input, q.dequantize(q.weight('conv.weight', [4, 4, 3, 3], 'i8')), q.weight('conv.bias', [4])], {
      pads: 1,
    });
    const vectors = ['weight', 'bias', 'mean', 'variance'].map((name) => q.weight(`bn.${name}`, [4]));
    const relu = q.pair(q.op('relu', [q.pair(q.op('batchnorm', [q.pair(conv), ...vectors]))]));
    // The same pair twice: equal nodes are one.
    const sum = q.op('add', [relu, q.op('add', [q.pair(scaled), input])]);
    q.graph.output('out', q.pair(sum));
    soundness(q.graph);
    const before = printGraph(q.graph);
    const report = runPasses(q.graph, { level: 2, opset, check: soundness, assertLowers: true });
    expect(report.passes.flatMap((pass) => Object.keys(pass.fired))).toEqual([
      'simplify/common-subexpressions',
      'simplify/equal-weights',
    ]);
    // Scales and zero points of equal content are read from one constant; no other node is another.
    expect(q.graph.nodeCount).toBe(before.split('\n').filter((line) => /^ {2}%\d+ = (?!input)/.test(line)).length - 2);
    const ops = [...q.graph.nodes()].map((node) => node.op.name);
    expect(ops.filter((name) => name === 'onnx.QuantizeLinear')).toHaveLength(5);
    expect(ops.filter((name) => name === 'onnx.DequantizeLinear')).toHaveLength(6);
  });

  it('one of other attributes, or of another zero point, is another', () => {
    const q = new Quantized();
    const x = q.graph.input('x', { elem: 'i8', dims: dims('N', 4) });
    const values = [q.dequantize(x, 0), q.dequantize(x, 1), q.dequantize(x, 1), q.dequantize(x)];
    for (const [i, value] of values.entries()) q.graph.output(`out${i}`, value);
    runPasses(q.graph, { opset, check: soundness });
    expect(q.graph.nodeCount).toBe(3);
    const [, , { value: third } = expect.unreachable()] = q.graph.outputs;
    expect(third).toBe(values[1]);
  });

  it('a weight that is dequantised is no constant, and is not folded into one', () => {
    const q = new Quantized();
    const x = q.graph.input('x', { elem: 'f32', dims: dims('N', 4) });
    const weight = q.dequantize(q.weight('fc.weight', [4, 4], 'i8'));
    q.graph.output('out', q.op('mul', [q.op('linear', [x, weight]), q.weight('gain', [4])]));
    const before = printGraph(q.graph);
    runPasses(q.graph, { level: 2, opset, check: soundness });
    expect(printGraph(q.graph)).toBe(before);
  });

  it('a dequantised value is an operand like another, and what is spelled over it is recognised', () => {
    const q = new Quantized();
    const x = q.graph.input('x', { elem: 'f32', dims: dims('N', 4) });
    const value = q.pair(x);
    const one = q.graph.constant(literal({ elem: 'f32', dims: [], data: Float64Array.of(1) }));
    q.graph.output('out', q.pair(q.op('log', [q.op('add', [q.op('exp', [value]), one])])));
    runPasses(q.graph, { opset, check: soundness });
    const pair = ['onnx.QuantizeLinear', 'onnx.DequantizeLinear'];
    expect([...q.graph.nodes()].map((node) => node.op.name)).toEqual([...pair, 'softplus', ...pair]);
  });
});
