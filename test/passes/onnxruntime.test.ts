/** Every golden case before and after its pass in onnxruntime, with its own optimiser off: what is compared is our rewrite alone. */
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { emitOnnx } from '../../src/codegen/emit.ts';
import { onnxBytes } from '../../src/codegen/write.ts';
import type { Graph } from '../../src/ir/graph.ts';
import type { HostTensor } from '../../src/ir/types.ts';
import { passNames } from '../../src/passes/pipeline.ts';
import { errorBetween, evaluate, inputsOf, readCases, readNarrow, run } from './support.ts';

async function runOnnx(graph: Graph, inputs: ReadonlyMap<string, HostTensor>): Promise<Map<string, HostTensor>> {
  const session = await ort.InferenceSession.create(await onnxBytes(emitOnnx(graph)), {
    graphOptimizationLevel: 'disabled',
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const feeds: Record<string, ort.Tensor> = {};
  for (const [name, x] of inputs) feeds[name] = new ort.Tensor('float32', Float32Array.from(x.data), x.dims);
  const results = await session.run(feeds);
  const out = new Map<string, HostTensor>();
  for (const { name, value } of graph.outputs) {
    const tensor = results[name] ?? expect.unreachable(name);
    out.set(name, { elem: value.type.elem, dims: tensor.dims, data: Float64Array.from(tensor.data as Float32Array) });
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
    const expected = evaluate(before, inputs);
    expect(errorBetween(expected, await runOnnx(before, inputs))).toBeLessThan(1e-5);
    expect(errorBetween(expected, await runOnnx(after, inputs))).toBeLessThan(1e-5);
  });
});
