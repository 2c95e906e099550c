import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { emitOnnx } from '../../src/codegen/emit.ts';
import { DiagnosticError } from '../../src/diagnostics/diagnostic.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { onnxBytes } from '../../src/onnx/write.ts';
import { add } from '../../src/ops/elementwise.ts';
import { evaluateGraph } from '../../src/ops/reference.ts';
import { compareLatency, median } from '../../src/runtime/bench.ts';
import { imageInput } from '../../src/runtime/images.ts';
import { randomTensor } from '../../src/runtime/inputs.ts';
import { npyBytes } from '../../src/runtime/npy.ts';
import { readImage } from '../../src/runtime/read-file.ts';
import { parseLabels, readLabels, runModel, topK, topText } from '../../src/runtime/run-model.ts';
import { materialised } from '../../src/runtime/verification.ts';
import { constants, Maker, tinyNet, type } from './graphs.ts';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/runtime/${name}`, import.meta.url));
const bytesOf = (graph: Graph): Promise<Uint8Array> => onnxBytes(emitOnnx(graph));

async function codesOf(run: () => unknown): Promise<readonly string[]> {
  try {
    await run();
  } catch (error) {
    if (error instanceof DiagnosticError) return error.diagnostics.map((d) => d.code);
    throw error;
  }
  return [];
}

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'rescc-test-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

// Processes are started, and shaders compiled in software; on a busy machine that takes its time.
vi.setConfig({ testTimeout: 120_000 });

describe('running on files', () => {
  it('classifies a picture as the reference does', async () => {
    const graph = tinyNet();
    const mean = [0.5, 0.4, 0.3];
    const result = await runModel({
      model: await bytesOf(graph),
      inputs: [`image=${fixture('picture.png')}`],
      mean,
      std: [0.25],
    });
    const image = imageInput(await readImage(fixture('picture.png')), type('f32', 1, 3, 37, 53), { mean, std: [0.25] });
    const reference = evaluateGraph(graph, new Map([['image', image]]), await materialised(graph, constants)).get('logits');
    const logits = result.outputs.get('logits');
    expect(logits?.dims).toEqual([1, 5]);
    logits?.data.forEach((v, i) => {
      expect(v).toBeCloseTo(reference?.data[i] ?? Number.NaN, 5);
    });
    expect(result.files).toEqual([fixture('picture.png')]);
  });

  it('takes the only input without its name, from a file of a model, and .npy like pictures', async () => {
    writeFileSync(join(folder, 'm.onnx'), await bytesOf(tinyNet()));
    const picture = await readImage(fixture('picture.png'));
    writeFileSync(join(folder, 'x.npy'), npyBytes(imageInput(picture, type('f32', 1, 3, 37, 53))));
    const one = await runModel({ model: join(folder, 'm.onnx'), inputs: [join(folder, 'x.npy')] });
    const two = await runModel({ model: join(folder, 'm.onnx'), inputs: [fixture('picture.png')] });
    expect(one.outputs).toEqual(two.outputs);
  });

  it('joins several pictures, in one run or in turns', async () => {
    const files = ['picture.png', 'alpha.png', 'grey.png', 'palette.png', 'picture.jpg'].map(fixture);
    const model = await bytesOf(tinyNet());
    const whole = await runModel({ model, inputs: files });
    const turns = await runModel({ model, inputs: files.map((file) => `image=${file}`), batch: 2 });
    expect(whole.outputs.get('logits')?.dims).toEqual([5, 5]);
    expect(turns.outputs.get('logits')?.dims).toEqual([5, 5]);
    whole.outputs.get('logits')?.data.forEach((v, i) => {
      expect(turns.outputs.get('logits')?.data[i]).toBeCloseTo(v, 5);
    });
    expect(turns.files).toEqual(files);
    // The first two are the same picture, one with alpha; the third is grey.
    const rows = topK(whole.outputs.get('logits') ?? randomTensor('f32', [], ''), 1);
    expect(rows[0]).toEqual(rows[1]);
    expect(rows[0]).not.toEqual(rows[2]);
  });

  it('takes several inputs', async () => {
    const m = new Maker();
    const sum = m.node(add, [m.graph.input('a', type('f32', 'N')), m.graph.input('b.c', type('f32', 'N'))], 'sum');
    m.graph.output('y', sum);
    const a = randomTensor('f32', [3], 'a');
    writeFileSync(join(folder, 'a.npy'), npyBytes(a));
    const model = await bytesOf(m.graph);
    const { outputs } = await runModel({
      model,
      inputs: [`b.c=${join(folder, 'a.npy')}`, `a=${join(folder, 'a.npy')}`],
      graph: m.graph,
    });
    expect([...(outputs.get('y')?.data ?? [])]).toEqual([...a.data].map((v) => v * 2));
    expect(await codesOf(() => runModel({ model, inputs: [join(folder, 'a.npy')] }))).toEqual(['RES0814']);
    expect(await codesOf(() => runModel({ model, inputs: [`a=${join(folder, 'a.npy')}`] }))).toEqual(['RES0814']);
    expect(await codesOf(() => runModel({ model, inputs: [`z=${join(folder, 'a.npy')}`] }))).toEqual(['RES0814']);
    expect(
      await codesOf(() => runModel({ model, inputs: [`a=${fixture('picture.png')}`, `b.c=${join(folder, 'a.npy')}`] })),
    ).toEqual(['RES0825']);
  });

  it('reports files that do not do', async () => {
    const model = await bytesOf(tinyNet());
    const run = (file: string) => codesOf(() => runModel({ model, inputs: [file] }));
    expect(await run('no-such.png')).toEqual(['RES0701']);
    expect(await run(fixture('make.py'))).toEqual(['RES0822']);
    expect(await run(fixture('f32.npy'))).toEqual(['RES0813']);
    expect(await run(fixture('complex.npy'))).toEqual(['RES0821']);
    expect(await codesOf(() => runModel({ model: fixture('picture.png'), inputs: [fixture('picture.png')] }))).toEqual([
      'RES0650',
    ]);
    const two = [fixture('f32.npy'), fixture('f64.npy')];
    expect(await codesOf(() => runModel({ model, inputs: two }))).toEqual(['RES0813']);
  });
});

describe('classes', () => {
  const logits = { elem: 'f32' as const, dims: [2, 3], data: Float64Array.of(1, 3, 2, 0, 0, -1000) };

  it('are ranked by probability, equal ones by index', () => {
    const [first, second] = topK(logits, 2, ['cat', 'dog', 'ship']);
    expect(first?.map((r) => r.label)).toEqual(['dog', 'ship']);
    expect(first?.[0]?.probability).toBeCloseTo(Math.exp(3) / (Math.exp(1) + Math.exp(2) + Math.exp(3)), 12);
    expect(second?.map((r) => r.index)).toEqual([0, 1]);
    expect(second?.[0]?.probability).toBe(0.5);
    expect(topK(logits, 99)[0]).toHaveLength(3);
  });

  it('that are probabilities stay so', () => {
    const [row] = topK({ elem: 'f32', dims: [2], data: Float64Array.of(0.25, 0.75) }, 1);
    expect(row).toEqual([{ index: 1, label: undefined, score: 0.75, probability: 0.75 }]);
  });

  it('print with their pictures', () => {
    expect(topText(topK(logits, 2, ['cat', 'dog', 'ship']), ['a.png', 'b.png'])).toBe(
      'a.png\n 66.52 %  dog\n 24.47 %  ship\n\nb.png\n 50.00 %  cat\n 50.00 %  dog',
    );
  });

  it('are refused where an output holds none', async () => {
    expect(await codesOf(() => topK({ elem: 'f32', dims: [1, 3, 2, 2], data: new Float64Array(12) }, 1))).toEqual(['RES0829']);
    expect(await codesOf(() => topK({ elem: 'i64', dims: [3], data: new Float64Array(3) }, 1))).toEqual(['RES0829']);
    expect(await codesOf(() => topK(logits, 1, ['cat']))).toEqual(['RES0828']);
  });

  it('have labels from lines or JSON', async () => {
    expect(parseLabels('cat\r\ndog\n', 'l')).toEqual(['cat', 'dog']);
    expect(parseLabels('["cat", "dog"]', 'l')).toEqual(['cat', 'dog']);
    expect(parseLabels('{"1": ["n02", "dog"], "0": "cat"}', 'l')).toEqual(['cat', 'dog']);
    for (const text of ['', '[1, 2]', '{"a": "cat"}', '[', '{"5": "cat"}'])
      expect(await codesOf(() => parseLabels(text, 'l')), text).toEqual(['RES0828']);
    expect(await codesOf(() => readLabels('no-such.txt'))).toEqual(['RES0701']);
  });
});

describe('measuring', () => {
  it('runs models in turns on the same inputs', async () => {
    const model = await bytesOf(tinyNet());
    const inputs = new Map([['image', randomTensor('f32', [1, 3, 8, 8], 'x')]]);
    const models = (['off', 'all'] as const).map((optimization) => ({ name: optimization, bytes: model, optimization }));
    const found = await compareLatency(models, inputs, { runs: 5, warmup: 1, creations: 2, threads: 1 });
    expect(found.map((one) => one.name)).toEqual(['off', 'all']);
    for (const one of found) {
      expect(one.createMs).toBeGreaterThan(0);
      expect(one.fastestMs).toBeGreaterThan(0);
      expect(one.medianMs).toBeGreaterThanOrEqual(one.fastestMs);
    }
    expect(await codesOf(() => compareLatency([{ name: 'x', bytes: Uint8Array.of(1), optimization: 'off' }], inputs))).toEqual([
      'RES0804',
    ]);
  });

  it('takes the middle of what it measured', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
  });
});
