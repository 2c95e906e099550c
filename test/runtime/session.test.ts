import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { type Diagnostic, DiagnosticError } from '../../src/diagnostics/diagnostic.ts';
import { irVersionOf } from '../../src/ir/opset.ts';
import type { ElemType, HostTensor } from '../../src/ir/types.ts';
import { madeNode } from '../../src/onnx/make.ts';
import type { OnnxModel, OnnxNode, OnnxValue } from '../../src/onnx/model.ts';
import { onnxBytes } from '../../src/onnx/write.ts';
import { availableProviders } from '../../src/runtime/available.ts';
import { openInChild } from '../../src/runtime/provider.ts';
import { fromOrt, openSession, toOrt } from '../../src/runtime/session.ts';
import { swiftshader } from './swiftshader.ts';

function onnxModel(
  nodes: readonly OnnxNode[],
  inputs: readonly OnnxValue[],
  outputs: readonly OnnxValue[],
  opset = 17,
): OnnxModel {
  return {
    irVersion: irVersionOf(opset),
    opsets: new Map([['', opset]]),
    producerName: 'test',
    producerVersion: '',
    metadata: [],
    graph: { name: 'g', nodes, initializers: [], inputs, outputs, valueInfo: [] },
    functions: [],
  };
}
const value = (name: string, elem: ElemType, ...dims: (number | string)[]): OnnxValue => ({ name, type: { elem, dims } });
const tensor = (elem: ElemType, dims: readonly number[], data: readonly number[]): HostTensor => ({
  elem,
  dims,
  data: Float64Array.from(data),
});

const source = { name: 'm.res', text: 'model M {\n  layer1: relu\n}\n' };
const span = { file: source, start: 12, end: 24 };
const reluModel = (elem: ElemType = 'f32', opset = 17): OnnxModel =>
  onnxModel(
    [{ ...madeNode('Relu', 'layer1', ['x'], ['y']), origin: { scope: 'layer1', span } }],
    [value('x', elem, 'N', 3)],
    [value('y', elem, 'N', 3)],
    opset,
  );

describe('the profile', () => {
  it.each(['a "b" c', String.raw`back\slash`, 'two\nlines', '"name" :"x"', '日本'])(
    'is read where a node is called %j',
    async (name) => {
      const model = reluModel();
      const nodes = model.graph.nodes.map((node) => ({ ...node, name }));
      const bytes = await onnxBytes({ ...model, graph: { ...model.graph, nodes } });
      const session = await openSession(bytes, { ep: 'cpu', optimization: 'off', profile: true });
      await session.run(new Map([['x', tensor('f32', [1, 3], [1, -1, 0])]]));
      expect(await session.close()).toMatchObject({ nodes: 1, left: [] });
    },
  );
});

async function diagnosticsOf(run: () => unknown): Promise<readonly Diagnostic[]> {
  try {
    await run();
  } catch (error) {
    if (error instanceof DiagnosticError) return error.diagnostics;
    throw error;
  }
  return [];
}
const codesOf = async (run: () => unknown): Promise<readonly string[]> => (await diagnosticsOf(run)).map((d) => d.code);

// Processes are started, and shaders compiled in software; on a busy machine that takes its time.
vi.setConfig({ testTimeout: 120_000 });

describe('a session on the CPU', () => {
  it('runs a model from bytes and from a file, and says where its nodes ran', async () => {
    const bytes = await onnxBytes(reluModel());
    const folder = mkdtempSync(join(tmpdir(), 'rescc-test-'));
    writeFileSync(join(folder, 'm.onnx'), bytes);
    for (const model of [bytes, join(folder, 'm.onnx')]) {
      const session = await openSession(model, { ep: 'cpu', optimization: 'off', profile: true });
      expect(session.inputs).toEqual([{ name: 'x', elem: 'f32', dims: ['N', 3] }]);
      expect(session.outputs).toEqual([{ name: 'y', elem: 'f32', dims: ['N', 3] }]);
      const outputs = await session.run(new Map([['x', tensor('f32', [2, 3], [-1, 2, -3, 4, -5, 6])]]));
      expect(outputs).toEqual(new Map([['y', tensor('f32', [2, 3], [0, 2, 0, 4, 0, 6])]]));
      await session.run(new Map([['x', tensor('f32', [1, 3], [1, 1, 1])]]));
      expect(await session.close()).toMatchObject({ provider: 'cpu', adapter: undefined, nodes: 1, left: [] });
      expect(session.createMs).toBeGreaterThan(0);
    }
    rmSync(folder, { recursive: true });
  });

  it('leaves nothing behind in the folder for temporary files', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rescc-test-'));
    const usual = process.env.TMPDIR;
    process.env.TMPDIR = folder;
    try {
      const session = await openSession(await onnxBytes(reluModel()), { ep: 'cpu', optimization: 'all', profile: true });
      expect(readdirSync(folder)).toHaveLength(1);
      await session.close();
      await session.close();
      expect(await codesOf(() => openSession(Uint8Array.of(1, 2, 3), { ep: 'cpu', optimization: 'all', profile: true }))).toEqual(
        ['RES0804'],
      );
      expect(readdirSync(folder)).toEqual([]);
    } finally {
      if (usual === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = usual;
      rmSync(folder, { recursive: true });
    }
  });

  it('exchanges every element type', async () => {
    const values: Readonly<Partial<Record<ElemType, readonly number[]>>> = {
      f32: [-1.5, 0, 3.25],
      f16: [-1.5, 65504, 2 ** -24],
      f64: [-1e-300, 1 / 3, 1e300],
      i64: [-(2 ** 53), 0, 2 ** 53],
      i32: [-(2 ** 31), 0, 2 ** 31 - 1],
      i16: [-32768, 0, 32767],
      i8: [-128, 0, 127],
      u64: [0, 1, 2 ** 53],
      u32: [0, 1, 2 ** 32 - 1],
      u16: [0, 1, 65535],
      u8: [0, 1, 255],
      bool: [0, 1, 1],
    };
    for (const [elem, data] of Object.entries(values) as [ElemType, readonly number[]][]) {
      const model = onnxModel([madeNode('Identity', 'n', ['x'], ['y'])], [value('x', elem, 3)], [value('y', elem, 3)]);
      const session = await openSession(await onnxBytes(model), { ep: 'cpu', optimization: 'off' });
      const given = tensor(elem, [3], data);
      expect((await session.run(new Map([['x', given]]))).get('y'), elem).toEqual(given);
      await session.close();
    }
  });

  it('refuses what it cannot exchange', async () => {
    expect(await codesOf(() => toOrt('x', tensor('bf16', [1], [1])))).toEqual(['RES0807']);
    expect(await codesOf(() => fromOrt('y', { type: 'string', dims: [0], data: new Uint8Array() }))).toEqual(['RES0807']);
  });

  it('exchanges integers beyond 2^53 exactly', () => {
    const given = { type: 'int64', dims: [2], data: BigInt64Array.of(2n ** 60n + 1n, 5n) } as const;
    const y = fromOrt('y', given);
    expect(y).toEqual({ elem: 'i64', dims: [2], data: Float64Array.of(Number.NaN, 5), wide: given.data });
    expect(toOrt('y', y)).toEqual(given);
  });

  it('reports inputs that do not fit', async () => {
    const session = await openSession(await onnxBytes(reluModel()), { ep: 'cpu', optimization: 'off' });
    const x = tensor('f32', [1, 3], [1, 2, 3]);
    expect(await codesOf(() => session.run(new Map()))).toEqual(['RES0814']);
    expect(
      await codesOf(() =>
        session.run(
          new Map([
            ['x', x],
            ['z', x],
          ]),
        ),
      ),
    ).toEqual(['RES0814']);
    expect(await codesOf(() => session.run(new Map([['x', tensor('f32', [1, 4], [1, 2, 3, 4])]])))).toEqual(['RES0813']);
    expect(await codesOf(() => session.run(new Map([['x', tensor('f64', [1, 3], [1, 2, 3])]])))).toEqual(['RES0813']);
    expect(await codesOf(() => session.run(new Map([['x', tensor('f32', [2, 3], [1, 2, 3])]])))).toEqual(['RES0813']);
    await session.close();
  });
});

describe('what onnxruntime refuses', () => {
  it('is traced back to the source', async () => {
    // ONNX has no Relu over booleans.
    const onnx = onnxModel(
      [{ ...madeNode('Relu', 'layer1', ['x'], ['y']), origin: { scope: 'layer1', span } }],
      [value('x', 'bool', 3)],
      [value('y', 'bool', 3)],
    );
    const [found] = await diagnosticsOf(async () => openSession(await onnxBytes(onnx), { ep: 'cpu', optimization: 'off', onnx }));
    expect(found?.code).toBe('RES0804');
    expect(found?.span).toBe(span);
    expect(found?.found).toContain('bool');
    expect(found?.found).not.toMatch(/onnxruntime_src|\n/);
  });

  it.each([
    ['Elu', 'f64', 'a model of f32, or a provider that has kernels of f64: rescc doctor lists what is here'],
    ['Elu', 'f32', undefined],
  ] as const)('has a way out that is one: %s of %s', async (op, elem, hint) => {
    const onnx = onnxModel([madeNode(op, 'act', ['x'], ['y'])], [value('x', elem, 3)], [value('y', elem, 3)]);
    const opened = async () => openSession(await onnxBytes(onnx), { ep: 'cpu', optimization: 'off', onnx });
    if (hint === undefined) await (await opened()).close();
    else expect((await diagnosticsOf(opened))[0]?.hint).toBe(hint);
  });

  it('is traced back when it shows in a run only', async () => {
    const onnx = onnxModel(
      [{ ...madeNode('Add', 'layer1', ['a', 'b'], ['y']), origin: { scope: 'layer1', span } }],
      [value('a', 'f32', 'N'), value('b', 'f32', 'M')],
      [value('y', 'f32', 'K')],
    );
    const session = await openSession(await onnxBytes(onnx), { ep: 'cpu', optimization: 'off', onnx });
    const [found] = await diagnosticsOf(() =>
      session.run(
        new Map([
          ['a', tensor('f32', [2], [1, 2])],
          ['b', tensor('f32', [3], [1, 2, 3])],
        ]),
      ),
    );
    expect(found?.code).toBe('RES0805');
    expect(found?.span).toBe(span);
    await session.close();
  });

  it('is an error for files that are no models', async () => {
    expect(await codesOf(() => openSession(Uint8Array.of(1, 2, 3), { ep: 'cpu', optimization: 'off' }))).toEqual(['RES0804']);
    expect(await codesOf(() => openSession('/no/such/model.onnx', { ep: 'cpu', optimization: 'off' }))).toEqual(['RES0701']);
  });
});

describe('providers that are there', () => {
  it('are found by trying', async (context) => {
    const none = { VK_ICD_FILENAMES: '/no/such/driver.json', VK_DRIVER_FILES: '/no/such/driver.json', CUDA_VISIBLE_DEVICES: '' };
    const absent: string[] = [];
    const found = await availableProviders(none, (ep, why) => absent.push(`${ep}: ${why}`));
    if (process.platform === 'linux') {
      expect(found).toEqual(['cpu']);
      expect(absent.map((line) => line.slice(0, 'webgpu: RES0802'.length))).toEqual([
        'webgpu: RES0802',
        expect.stringMatching(/^cuda: RES080/),
      ]);
    }
    expect(await availableProviders({ ...swiftshader(context), CUDA_VISIBLE_DEVICES: '' })).toEqual(['cpu', 'webgpu']);
  });
});

describe('providers that are not there', () => {
  it('cuda without its libraries says so and what to type', async () => {
    const environment = { CUDA_VISIBLE_DEVICES: '' };
    const bytes = await onnxBytes(reluModel());
    const [found] = await diagnosticsOf(async () => {
      const session = await openSession(bytes, { ep: 'cuda', optimization: 'all', environment });
      await session.close();
    });
    // On macOS and arm64 the build has no such provider at all.
    expect(['RES0801', 'RES0803']).toContain(found?.code);
    expect(found?.hint).toMatch(/./);
  });

  it('webgpu without an adapter says so and what to type', { skip: process.platform !== 'linux' }, async () => {
    // A manifest that is not there leaves the Vulkan loader without a driver, whatever this machine has.
    const environment = { VK_ICD_FILENAMES: '/no/such/driver.json', VK_DRIVER_FILES: '/no/such/driver.json' };
    const bytes = await onnxBytes(reluModel());
    const [found] = await diagnosticsOf(() => openSession(bytes, { ep: 'webgpu', optimization: 'all', environment }));
    expect(found?.code).toBe('RES0802');
    expect(found?.found).toContain('adapter');
    expect(found?.found).not.toMatch(/^\s*at /m);
    expect(found?.hint).toContain('vk_swiftshader_icd.json');
  });

  it('a provider that takes its process down is an error, not a crash', async () => {
    const bytes = await onnxBytes(reluModel());
    // Node refuses the option, so that the process ends before it answers, as it does when a driver aborts.
    const [found] = await diagnosticsOf(() =>
      openSession(bytes, { ep: 'webgpu', optimization: 'all', environment: { NODE_OPTIONS: '--no-such-option' } }),
    );
    expect(found?.code).toBe('RES0806');
    expect(found?.found).toMatch(/ended with exit code/);
  });
});

describe('WebGPU through SwiftShader', () => {
  it('runs a model and names its adapter', async (context) => {
    const environment = swiftshader(context);
    const options = { ep: 'webgpu', optimization: 'all', profile: true, environment } as const;
    const session = await openSession(await onnxBytes(reluModel()), options);
    const x = tensor('f32', [2, 3], [-1, 2, -3, 4, -5, 6]);
    expect((await session.run(new Map([['x', x]]))).get('y')).toEqual(tensor('f32', [2, 3], [0, 2, 0, 4, 0, 6]));
    const placement = await session.close();
    expect(placement?.adapter).toMatch(/SwiftShader/);
    expect(placement?.left).toEqual([]);
    expect(placement?.nodes).toBeGreaterThanOrEqual(1);
  });

  it('counts the nodes that leave for the CPU', async (context) => {
    const environment = swiftshader(context);
    // The WebGPU provider has no kernels for f64.
    const onnx = onnxModel(
      [madeNode('Relu', 'cpu', ['x'], ['a']), madeNode('Relu', 'gpu', ['z'], ['b'])],
      [value('x', 'f64', 3), value('z', 'f32', 3)],
      [value('a', 'f64', 3), value('b', 'f32', 3)],
    );
    const session = await openSession(await onnxBytes(onnx), { ep: 'webgpu', optimization: 'all', profile: true, environment });
    await session.run(
      new Map([
        ['x', tensor('f64', [3], [-1, 0, 1])],
        ['z', tensor('f32', [3], [-1, 0, 1])],
      ]),
    );
    const placement = await session.close();
    expect(placement?.left).toEqual([{ name: 'cpu', op: 'Relu', provider: 'CPUExecutionProvider' }]);
  });
});

describe('the process of a provider', () => {
  it('gives the same numbers as this one', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rescc-test-'));
    const path = join(folder, 'm.onnx');
    writeFileSync(path, await onnxBytes(reluModel('f16')));
    const engine = await openInChild(path, { ep: 'cpu', level: 'all', threads: 1, profile: undefined }, undefined);
    const x = tensor('f16', [1, 3], [-1, 0.5, 2]);
    const { outputs } = await engine.run({ x: toOrt('x', x) });
    const y = outputs.y;
    expect(y && fromOrt('y', y)).toEqual(tensor('f16', [1, 3], [0, 0.5, 2]));
    await engine.close();
    await expect(engine.run({ x: toOrt('x', x) })).rejects.toThrow();
    rmSync(folder, { recursive: true });
    expect(existsSync(path)).toBe(false);
  });
});
