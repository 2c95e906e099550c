/** `--check-promises`: the file itself refuses sizes that break a promise. */
import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { type CompileOptions, compile } from '../../src/compile.ts';
import { optimizeOnnx } from '../../src/optimize.ts';

const source = `model M {
  input x: f32[N, 3, H, W] in 0..1
  input y: f32[N, H]
  assert H % 16 == 0 and W % 4 == 0
  x -> maxpool(4x4) -> resize(scale=4)
  output z = it + x
  output w = y
}`;

async function bytesOf(options: CompileOptions = {}): Promise<Uint8Array> {
  return (await compile(source, options)).bytes();
}

async function run(bytes: Uint8Array, h: number, w: number, level: 'disabled' | 'all'): Promise<string> {
  const session = await ort.InferenceSession.create(bytes, { graphOptimizationLevel: level, logSeverityLevel: 4 });
  const tensor = (...dims: readonly number[]) =>
    new ort.Tensor('float32', new Float32Array(dims.reduce((a, b) => a * b, 1)), dims);
  try {
    const result = await session.run({ x: tensor(1, 3, h, w), y: tensor(1, h) });
    return `${result.z?.dims.join()}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

describe('promises in the graph', () => {
  test.each(['disabled', 'all'] as const)('onnxruntime names the promise, optimiser %s', async (level) => {
    for (const opset of [13, 17, 21]) {
      const bytes = await bytesOf({ checkPromises: true, opset });
      expect(await run(bytes, 32, 8, level)).toBe('1,3,32,8');
      const found = await run(bytes, 24, 8, level);
      expect(found).toContain("Name:'assert H % 16 == 0 and W % 4 == 0'");
      expect(found).toMatch(/\{1,3,24,8\}.*\{1,3,32,8\}/s);
      expect(await run(bytes, 8, 8, level), 'smaller than the multiple').toContain('assert H % 16 == 0');
      expect(await run(bytes, 16, 6, level)).toContain('assert H % 16 == 0');
    }
  });

  test('without the option nothing is in the way', async () => {
    const { onnx } = await compile(source);
    expect(onnx?.graph.nodes.filter((node) => node.name.startsWith('assert'))).toEqual([]);
    expect(onnx?.metadata).toContainEqual(['rescc.promises', '{"H":16,"W":4}']);
  });

  test('optimize keeps ranges, promises and checks, once', async () => {
    let bytes = await bytesOf({ checkPromises: true });
    for (const level of [0, 1, 2] as const) {
      const result = await optimizeOnnx(bytes, { level });
      expect(result.onnx?.graph.nodes.filter((node) => node.opType === 'Reshape').map((node) => node.name)).toEqual([
        'assert H % 16 == 0 and W % 4 == 0',
      ]);
      expect(result.onnx?.metadata).toContainEqual(['rescc.inputs', '{"x":{"range":[0,1]}}']);
      expect(result.onnx?.metadata).toContainEqual(['rescc.promises', '{"H":16,"W":4}']);
      bytes = await result.bytes();
    }
    expect(await run(bytes, 24, 8, 'all')).toContain('assert H % 16 == 0');
    expect(await run(bytes, 32, 8, 'all')).toBe('1,3,32,8');
  });

  test('a size that contradicts the metadata is refused, one that fits is taken', async () => {
    const bytes = await bytesOf();
    const codes = async (shape: Readonly<Record<string, number>>) =>
      (await optimizeOnnx(bytes, { inputShapes: shape })).diagnostics.map((d) => d.code);
    expect(await codes({ H: 24 })).toEqual(['RES0676']);
    expect(await codes({ 'x:2': 24 })).toEqual(['RES0676']);
    expect(await codes({ H: 48 })).toEqual([]);
  });

  test('metadata that does not fit any more is left out with a note', async () => {
    const stale = { 'rescc.inputs': '{"x":{"range":[0,1],"mean":[1,2]},"gone":{"range":[0,1]}}', 'rescc.outputs': '[]' };
    const result = await optimizeOnnx(await bytesOf({ metadata: stale }));
    expect(result.onnx?.metadata.map(([key]) => key)).not.toContain('rescc.inputs');
    const note = result.report?.notes.find((one) => one.startsWith('metadata that does not fit'));
    expect(note).toContain('rescc.inputs: x, 2 numbers');
    expect(note).toContain('rescc.inputs: gone, which the file has not');
    expect(note).toContain('rescc.outputs');
  });
});

describe('bounds of sizes', () => {
  const bounded = `model M {
  input x: f32[N, 3, L + 100]
  input y: f32[N, H, W]
  assert L >= 5 and H % 4 == 0 and H >= 8 and H <= 16 and W <= 9
  output z = x[:, :, 50:-50]
  output w = y
}`;
  const made = async (options: CompileOptions = {}): Promise<Uint8Array> => (await compile(bounded, options)).bytes();
  const at = async (bytes: Uint8Array, l: number, h: number, w: number): Promise<string> => {
    const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 4 });
    const tensor = (...dims: readonly number[]) =>
      new ort.Tensor('float32', new Float32Array(dims.reduce((a, b) => a * b, 1)), dims);
    try {
      const result = await session.run({ x: tensor(1, 3, l + 100), y: tensor(1, h, w) });
      return `${result.z?.dims.join()} ${result.w?.dims.join()}`;
    } catch (error) {
      return /assert [^']*/.exec(error instanceof Error ? error.message : '')?.[0] ?? 'another error';
    }
  };

  test('stand in the metadata, a divisor alone as a number', async () => {
    const { onnx } = await compile(bounded);
    const [, text = ''] = onnx?.metadata.find(([key]) => key === 'rescc.promises') ?? [];
    expect(JSON.parse(text)).toEqual({ H: { multiple: 4, least: 8, most: 16 }, L: { least: 5 }, W: { most: 9 } });
  });

  test('are checked in the graph, where what one axis gains makes up for no loss of another', async () => {
    const bytes = await made({ checkPromises: true });
    expect(await at(bytes, 5, 8, 9)).toBe('1,3,5 1,8,9');
    expect(await at(bytes, 9, 16, 1)).toBe('1,3,9 1,16,1');
    expect(await at(bytes, 4, 8, 9)).toBe('assert L >= 5');
    expect(await at(bytes, 5, 4, 9)).toBe('assert H % 4 == 0 and H >= 8');
    expect(await at(bytes, 5, 6, 9)).toBe('assert H % 4 == 0 and H >= 8');
    expect(await at(bytes, 5, 20, 9)).toBe('assert H <= 16 and W <= 9');
    expect(await at(bytes, 5, 4, 18)).not.toContain('1,3,5');
  });

  test('are known to optimize, which keeps them', async () => {
    const first = await made({ checkPromises: true });
    const result = await optimizeOnnx(first);
    expect(result.diagnostics).toEqual([]);
    const names = (nodes: readonly { readonly opType: string; readonly name: string }[] | undefined) =>
      nodes?.filter(({ opType }) => opType === 'Reshape').map(({ name }) => name);
    expect(names(result.onnx?.graph.nodes)?.sort()).toEqual([
      'assert H % 4 == 0 and H >= 8',
      'assert H <= 16 and W <= 9',
      'assert L >= 5',
    ]);
    const entry = result.onnx?.metadata.find(([key]) => key === 'rescc.promises')?.[1];
    expect(JSON.parse(entry ?? '{}')).toEqual({ H: { multiple: 4, least: 8, most: 16 }, L: { least: 5 }, W: { most: 9 } });
    expect(result.graph?.inputs.map(({ type }) => String(type.dims))).toEqual(['N,3,L + 100', 'N,H,W']);
    expect((await optimizeOnnx(first, { inputShapes: { W: 10 } })).diagnostics.map((d) => d.code)).toEqual(['RES0676']);
  });
});
