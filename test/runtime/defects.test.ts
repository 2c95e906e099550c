/**
 * The list of what onnxruntime gets wrong: each smallest model shows its defect in the version that is installed, and what rescc
 * writes stays clear of it. When a smallest model comes out right, the entry has done its service: say so in its `seen`, or take
 * it out.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import proto from 'onnx-proto';
import { afterAll, describe, expect, it } from 'vitest';
import { compile } from '../../src/compile.ts';
import type { HostTensor } from '../../src/ir/types.ts';
import { runtimeDefects } from '../../src/ops/runtime-defect-list.ts';
import { convOfTriples, padIntoMaxPool, type RuntimeDefect, type SmallModel } from '../../src/ops/runtime-defects.ts';
import { openInChild } from '../../src/runtime/provider.ts';
import { fromOrt, openSession, type Provider, toOrt } from '../../src/runtime/session.ts';
import { floats, longs, modelBytes, node, value } from '../import/onnx-bytes.ts';
import { swiftshader } from './swiftshader.ts';

const folder = mkdtempSync(join(tmpdir(), 'rescc-defects-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function bytesOf(model: SmallModel): Uint8Array {
  const initializer = Object.entries(model.constants).map(([name, { elem, dims, data }]) =>
    (elem === 'f32' ? floats : longs)(name, dims, data),
  );
  const nodes: proto.onnx.INodeProto[] = model.nodes.map(({ op, inputs, outputs, attrs }) =>
    node(op, `${inputs.join(',')} -> ${outputs.join(',')}`, attrs),
  );
  return modelBytes({
    opset: model.opset,
    graph: {
      node: nodes,
      initializer,
      input: [value('x', 1, model.x.dims)],
      output: [
        value(
          'y',
          1,
          model.right.dims.map((_, axis) => `d${axis}`),
        ),
      ],
    },
  });
}

const f32 = (dims: readonly number[], data: readonly number[]): HostTensor => ({
  elem: 'f32',
  dims,
  data: Float64Array.from(data),
});

/** y, in a process of its own; the reason where the process does not live to give it. */
async function runIn(
  ep: Provider,
  level: 'disabled' | 'all',
  model: SmallModel,
  environment?: Readonly<Record<string, string>>,
): Promise<readonly number[] | 'crashed'> {
  const path = join(folder, 'model.onnx');
  writeFileSync(path, bytesOf(model));
  const engine = await openInChild(path, { ep, level, threads: undefined, profile: undefined }, environment);
  try {
    const { outputs } = await engine.run({ x: toOrt('x', f32(model.x.dims, model.x.data)) });
    const { y } = outputs;
    if (!y) throw new Error('no result');
    return Array.from(fromOrt('y', y).data);
  } catch (error) {
    if (/ended|signal|exit code/.test(String(error))) return 'crashed';
    throw error;
  } finally {
    await engine.close().catch(() => undefined);
  }
}

const close = (a: readonly number[] | 'crashed', b: readonly number[]): boolean =>
  a !== 'crashed' &&
  a.length === b.length &&
  a.every((x, i) => Math.abs(x - (b[i] ?? Number.NaN)) <= 1e-4 * Math.max(1, ...b.map(Math.abs)));

describe('the smallest model of', () => {
  it.for(runtimeDefects.map((one): [string, RuntimeDefect] => [one.name, one]))(
    '%s is still wrong',
    async ([, defect], context) => {
      const { smallest } = defect;
      const ep = defect.providers?.includes('webgpu') ? 'webgpu' : 'cpu';
      const environment = ep === 'webgpu' ? swiftshader(context) : undefined;
      const off = await runIn(ep, 'disabled', smallest, environment);
      if (defect.effect === 'crash') return expect(off).toBe('crashed');
      expect(close(off, smallest.right.data)).toBe(defect.where === 'optimiser');
      if (defect.where === 'optimiser')
        expect(close(await runIn(ep, 'all', smallest, environment), smallest.right.data)).toBe(false);
      // The text of ONNX, as the processor computes it without rewrites, where it is another provider that is wrong.
      else if (ep !== 'cpu') expect(close(await runIn('cpu', 'disabled', smallest), smallest.right.data)).toBe(true);
      return undefined;
    },
  );

  it('has a name of its own', () => {
    const names = runtimeDefects.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThanOrEqual(3);
  });
});

/** What the compiled source gives in onnxruntime, and by the float64 reference. */
async function outputs(
  source: string,
  x: HostTensor,
  options: { readonly opset?: number; readonly level?: 0 | 1 | 2; readonly target?: 'webgpu' },
  ep: Provider = 'cpu',
  environment?: Readonly<Record<string, string>>,
): Promise<{ readonly ops: readonly string[]; readonly y: readonly number[] }> {
  const made = await compile({ name: 'm.res', text: source }, options);
  const bytes = await made.bytes();
  const session = await openSession(bytes, { ep, optimization: 'all', ...(environment && { environment }) });
  const y = (await session.run(new Map([['x', x]]))).get('y');
  await session.close();
  if (!y) throw new Error('no y');
  return { ops: proto.onnx.ModelProto.decode(bytes).graph?.node?.map((one) => one.opType ?? '') ?? [], y: Array.from(y.data) };
}

const negative = f32(
  [1, 1, 4, 4],
  Array.from({ length: 16 }, (_, i) => -1 - i),
);

describe(padIntoMaxPool.name, () => {
  const cases: readonly (readonly [string, string, readonly number[]])[] = [
    ['a pool without padding', 'pad(1)  maxpool(3x3, stride=2)', [0, 0, 0, -6]],
    ['a pool with padding of its own', 'pad(1)  maxpool(3x3, stride=2, pad=1)', [0, 0, 0, 0, -1, 0, 0, 0, 0]],
    ['a cast between', 'pad(1)  cast(f16)  cast(f32)  maxpool(3x3, stride=2)', [0, 0, 0, -6]],
    ['two pools', 'pad(1)  let p = it  maxpool(3x3, stride=2)  let a = it  p -> maxpool(3x3, stride=2)  it + a', [0, 0, 0, -12]],
    ['a dilated pool', 'pad(1)  maxpool(2x2, dilation=5)', [0]],
  ];
  for (const opset of [13, 17, 18, 22]) {
    it.each(cases)(`does not meet %s at opset ${opset}`, async (_, body, right) => {
      const source = `model M {\n  input x: f32[1, 1, 4, 4]\n  ${body}\n  output y\n}\n`;
      for (const level of [0, 1, 2] as const) {
        const { y, ops } = await outputs(source, negative, { opset, level });
        expect(y).toEqual(right.map((v) => v + 0));
        expect(ops).toContain('MaxPool');
      }
    });
  }

  it('leaves a pool alone that no pad feeds', async () => {
    const source = 'model M {\n  input x: f32[1, 1, 4, 4]\n  maxpool(2x2, stride=2, pad=1)\n  output y\n}\n';
    expect((await outputs(source, negative, { level: 0 })).ops).toEqual(['MaxPool']);
  });

  it('keeps nothing that is known to be right: behind a relu the pad is folded', async () => {
    const source = 'model M {\n  input x: f32[1, 1, 4, 4]\n  relu  pad(1)  maxpool(3x3, stride=2)\n  output y\n}\n';
    expect((await outputs(source, negative, {})).ops).toEqual(['Relu', 'MaxPool']);
  });
});

describe(convOfTriples.name, () => {
  const grid = (channels: number, axes: number): HostTensor => {
    const dims = [1, channels, ...Array.from({ length: axes }, () => 5)];
    const count = dims.reduce((a, b) => a * b, 1);
    return f32(
      dims,
      Array.from({ length: count }, (_, i) => ((i * 7) % 11) - 5),
    );
  };
  // Those that the issue names, and their neighbours that are right as they are.
  const cases = [
    [6, 4, '3x3'],
    [9, 64, '3x3'],
    [15, 8, '1x3'],
    [33, 64, '3x3'],
    [6, 8, '5'],
    [3, 8, '3x3'],
    [12, 8, '3x3'],
    [13, 8, '3x3'],
    [9, 3, '3x3'],
    [9, 8, '1x1'],
  ] as const;
  it.for(cases)('%i → %i channels, kernel %s', async ([channels, out, kernel], context) => {
    const environment = swiftshader(context);
    const axes = kernel.includes('x') ? 2 : 1;
    const source = `model M {\n  input x: f32[1, ${channels}, ${axes === 2 ? '5, 5' : '5'}]\n  conv(${out}, ${kernel})  relu\n  output y\n}\n`;
    const x = grid(channels, axes);
    const right = (await outputs(source, x, { level: 0 })).y;
    const gpu = await outputs(source, x, { target: 'webgpu' }, 'webgpu', environment);
    expect(close(gpu.y, right)).toBe(true);
    const concerned = channels % 3 === 0 && channels > 3 && channels % 4 !== 0 && out % 4 === 0 && kernel !== '1x1';
    expect(gpu.ops).toEqual(concerned ? ['Pad', 'Conv', 'Relu'] : ['Conv', 'Relu']);
  });

  it('holds without passes, and for a convolution whose weight is computed', async (context) => {
    const environment = swiftshader(context);
    const source =
      'model M {\n  input x: f32[1, 6, 5, 5]\n  param w: f32[4, 6, 3, 3]\n  conv(4, 3x3, weight=tanh(w))\n  output y\n}\n';
    const x = grid(6, 2);
    const right = (await outputs(source, x, { level: 0 })).y;
    expect(close((await outputs(source, x, { level: 0, target: 'webgpu' }, 'webgpu', environment)).y, right)).toBe(true);
  });
});
