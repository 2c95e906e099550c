/**
 * The examples compute what the networks compute whose labels they bear: small ones of the same make, filled by a formula,
 * against PyTorch's float64 outputs (test/fixtures/published/outputs.py).
 */

import { describe, expect, test } from 'vitest';
import { type GenerateOptions, generate } from '../../examples/api/generate.ts';
import { compile } from '../../src/compile.ts';
import { memorySource } from '../../src/io/bytes.ts';
import { readOnnxFile } from '../../src/onnx/read.ts';
import type { KeptTensor } from '../../src/runtime/kept.ts';
import type { ModelSession } from '../../src/runtime/model-session.ts';
import { openSession } from '../../src/runtime/session.ts';
import { openSession as openModel } from '../../src/runtime/verify-model.ts';
import { type Case, cases, filled, inputsOf } from './published-outputs.ts';

describe('an example computes what the published network computes', () => {
  const titled = cases.map((one) => [`${one.model} ${Object.values(one.defines).join(' ')}`, one] as const);
  test.each(titled)('%s', async (_title, one) => {
    const { weights, source } = filled(one);
    const inputs = inputsOf(one);
    for (const [level, opset] of [[0], [1], [2, 23]] as const) {
      // A network without parameters has no checkpoint.
      const held = Object.keys(one.state).length > 0 ? { weights } : {};
      const options = { model: one.model, level, ...held, defines: one.defines, ...(opset && { opset }) };
      const result = await compile(source, options);
      expect(result.diagnostics).toEqual([]);
      const session = await openSession(await result.bytes(), { ep: 'cpu', optimization: 'off' });
      const outputs = await session.run(inputs);
      await session.close();
      const output = outputs.get('logits') ?? [...outputs.values()][0];
      if (!output) throw new Error('no output');
      expect(output.dims).toEqual(one.dims);
      const largest = one.values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      const furthest = one.values.reduce(
        (most, x, i) => Math.max(most, Math.abs(x - (output.data[i * one.step] ?? Infinity))),
        0,
      );
      expect(furthest / largest).toBeLessThan(1e-5);
      for (const [name, count] of Object.entries(one.counts ?? {})) expect([...(outputs.get(name)?.data ?? [])]).toEqual([count]);
    }
  });
});

/** Operators of the default domain in a compiled example, by name. */
async function operatorsOf(one: Case): Promise<ReadonlyMap<string, number>> {
  const { source, weights } = filled(one);
  const { bytes } = await compile(source, { model: one.model, weights, defines: one.defines, opset: 23 });
  const counts = new Map<string, number>();
  const { graph } = await readOnnxFile(memorySource('m.onnx', await bytes()));
  for (const { opType } of graph.nodes) counts.set(opType, (counts.get(opType) ?? 0) + 1);
  return counts;
}

describe('at opset 23 every layer is written by the operators that are made for it', () => {
  const composites = ['Attention', 'RMSNormalization', 'RotaryEmbedding', 'LayerNormalization', 'Gelu', 'Softmax', 'Erf'];
  test.each([
    // Of two layers each: LLaMA turns queries and keys, and normalises twice a layer and at the end.
    ['Llama', [2, 5, 4, 0, 0, 0, 0]],
    ['LlamaWithPast', [2, 5, 4, 0, 0, 0, 0]],
    ['GPT2', [2, 0, 0, 5, 2, 0, 0]],
    ['GPT2WithPast', [2, 0, 0, 5, 2, 0, 0]],
    ['BertModel', [2, 0, 0, 5, 2, 0, 0]],
    ['ViT', [2, 0, 0, 5, 2, 0, 0]],
  ])('%s', async (model, expected) => {
    const ones = cases.filter((one) => one.model === model);
    expect(ones).not.toEqual([]);
    for (const one of ones) {
      const counts = await operatorsOf(one);
      expect(composites.map((name) => counts.get(name) ?? 0)).toEqual(expected);
    }
  });
});

describe('examples/api/generate.ts', () => {
  const generating = cases.flatMap((one) => (one.generated ? [[one.model, one, one.generated] as const] : []));
  async function bytesOf(one: Case): Promise<Uint8Array> {
    const { source, weights } = filled(one);
    const { bytes } = await compile(source, { model: one.model, weights, defines: one.defines });
    return await bytes();
  }
  const opened = async (one: Case): Promise<ModelSession<KeptTensor>> =>
    await openModel(await bytesOf(one), { keep: ['present.*'] });
  async function tokensOf(model: ModelSession<KeptTensor>, one: Case, options: Partial<GenerateOptions> = {}): Promise<number[]> {
    const [prompt] = one.inputs.input_ids as readonly (readonly number[])[];
    const out: number[] = [];
    for await (const token of generate(model, prompt ?? [], { count: one.generated?.length ?? 0, ...options })) out.push(token);
    return out;
  }
  test.each(generating)('%s generates what transformers generates', async (_model, one, tokens) => {
    const model = await opened(one);
    expect(await tokensOf(model, one)).toEqual(tokens);
    await model.close();
    const reading = await openModel(await bytesOf(one));
    expect(await tokensOf(reading, one)).toEqual(tokens);
    await reading.close();
  });
  test('tokens are drawn from the likeliest alone, as the numbers say', async () => {
    const [, one, tokens] = generating[0] ?? expect.unreachable();
    const model = await opened(one);
    const drawn = (random: () => number, more: Partial<GenerateOptions> = {}): Promise<number[]> =>
      tokensOf(model, one, { temperature: 1, random, ...more });
    // The first of what is drawn from is the likeliest; of one there is nothing else.
    expect(await drawn(() => 0)).toEqual(tokens);
    expect(await drawn(() => 0.999, { topK: 1 })).toEqual(tokens);
    expect(await drawn(() => 0.999, { topK: 2 })).not.toEqual(tokens);
    await model.close();
  });
});
