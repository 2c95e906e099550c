/**
 * Every golden case before and after its pass in onnxruntime, with its own optimiser off: what is compared is our rewrite alone.
 */
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { emitOnnx } from '../../src/codegen/emit.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { printGraph } from '../../src/ir/print.ts';
import type { HostTensor } from '../../src/ir/types.ts';
import { onnxBytes } from '../../src/onnx/write.ts';
import { EvaluationError } from '../../src/ops/reference.ts';
import { passNames } from '../../src/passes/schedule.ts';
import { errorBetween, evaluate, inputsOf, readCases, readNarrow, run } from './support.ts';

function tensorOf(x: HostTensor): ort.Tensor {
  if (x.elem === 'i64') return new ort.Tensor('int64', BigInt64Array.from(x.data, BigInt), x.dims);
  if (x.elem === 'bool') return new ort.Tensor('bool', Uint8Array.from(x.data), x.dims);
  if (x.elem === 'f64') return new ort.Tensor('float64', x.data, x.dims);
  return new ort.Tensor('float32', Float32Array.from(x.data), x.dims);
}

/**
 * A result that f32 cannot hold: there is nothing to compare, and nothing may have been folded, which the numbers in float64
 * show.
 */
function overflows(results: ReadonlyMap<string, HostTensor>): boolean {
  return [...results.values()].some((tensor) => tensor.data.some((x) => !(Math.abs(x) < 2 ** 127)));
}

function definedOn(graph: Graph, inputs: ReadonlyMap<string, HostTensor>): ReadonlyMap<string, HostTensor> | undefined {
  try {
    return evaluate(graph, inputs);
  } catch (error) {
    if (error instanceof EvaluationError) return undefined;
    throw error;
  }
}

async function runOnnx(graph: Graph, inputs: ReadonlyMap<string, HostTensor>, opset = 17): Promise<Map<string, HostTensor>> {
  const session = await ort.InferenceSession.create(await onnxBytes(emitOnnx(graph, { opset })), {
    graphOptimizationLevel: 'disabled',
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const feeds: Record<string, ort.Tensor> = {};
  for (const [name, x] of inputs) feeds[name] = tensorOf(x);
  const results = await session.run(feeds);
  const out = new Map<string, HostTensor>();
  for (const { name, value } of graph.outputs) {
    const tensor = results[name] ?? expect.unreachable(name);
    out.set(name, { elem: value.type.elem, dims: tensor.dims, data: Float64Array.from(tensor.data as Float32Array, Number) });
  }
  await session.release();
  return out;
}

describe.each([...passNames, 'pipeline'])('%s', (pass) => {
  // f16 has no kernels on the CPU, and a source that is not finite has nothing to compare.
  const cases = readCases(pass).filter((one) => !one.input.includes('f16') && !one.input.includes('eps=0'));
  it.each(cases.map((one) => [one.title, one] as const))('%s', async (_title, one) => {
    const before = readNarrow(one.input);
    const after = readNarrow(one.input);
    run(after, one.options);
    const inputs = inputsOf(before, (symbol) => ({ N: 2, H: 7, W: 9 })[symbol] ?? 5, one.title);
    // The reference sees inputs and weights as f32 numbers, and rounds nothing in between.
    const expected = definedOn(before, inputs);
    // Where ONNX says nothing, or runtimes differ, there is nothing to compare, and nothing may have changed.
    if (!expected || one.input.includes('nan')) return expect(printGraph(after)).toBe(printGraph(before));
    if (overflows(expected)) return;
    expect(errorBetween(expected, await runOnnx(before, inputs, one.options.opset))).toBeLessThan(1e-5);
    expect(errorBetween(expected, await runOnnx(after, inputs, one.options.opset))).toBeLessThan(1e-5);
  });
});
