/**
 * Checkpoints as others published them, through examples of their own: what PyTorch or the original network computes comes out.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { decode } from 'fast-png';
import { describe, expect, it, test } from 'vitest';
import { openCheckpoint } from '../../src/checkpoint/checkpoint.ts';
import { compile } from '../../src/compile.ts';
import { fileSource } from '../../src/io/node/file-source.ts';
import { elementCount, type HostTensor } from '../../src/ir/types.ts';
import { openSession } from '../../src/runtime/session.ts';
import { materialize } from '../../src/tensor/values.ts';

const fixture = (path: string): string => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));

async function compiled(example: string, model: string, checkpoint: string, level: 0 | 1 | 2): Promise<Uint8Array> {
  const source = readFileSync(new URL(`../../examples/${example}.res`, import.meta.url), 'utf8');
  const result = await compile(source, { model, level, weights: fileSource(fixture(checkpoint)) });
  expect(result.diagnostics).toEqual([]);
  return result.bytes();
}
async function outputs(
  model: Uint8Array,
  inputs: Readonly<Record<string, HostTensor>>,
): Promise<ReadonlyMap<string, HostTensor>> {
  const session = await openSession(model, { ep: 'cpu', optimization: 'all' });
  try {
    return await session.run(new Map(Object.entries(inputs)));
  } finally {
    await session.close();
  }
}
function furthest(a: HostTensor | undefined, b: HostTensor | undefined): number {
  if (!a || !b) throw new Error('an output is missing');
  expect(a.dims).toEqual(b.dims);
  return a.data.reduce((worst, x, i) => Math.max(worst, Math.abs(x - (b.data[i] ?? Number.NaN))), 0);
}
async function npy(path: string): Promise<HostTensor> {
  const [entry] = (await openCheckpoint(fileSource(fixture(path)))).dicts[0]?.tensors.values() ?? [];
  if (!entry) throw new Error(`${path} is empty`);
  return materialize(entry.expr);
}

describe('projections with a bias and without batchnorm', () => {
  /** Row i of the sheet is picture i, as its authors normalise it. */
  function pictures(): HostTensor {
    const sheet = decode(readFileSync(fixture('cifar10/test-000-499.png')));
    const mean = [0.4914, 0.4822, 0.4465];
    const std = [0.2471, 0.2435, 0.2616];
    const data = new Float64Array(500 * 3 * 1024);
    for (let picture = 0; picture < 500; picture++)
      for (let channel = 0; channel < 3; channel++)
        for (let pixel = 0; pixel < 1024; pixel++)
          data[(picture * 3 + channel) * 1024 + pixel] = Math.fround(
            ((sheet.data[(picture * 1024 + pixel) * sheet.channels + channel] ?? 0) / 255 - (mean[channel] ?? 0)) /
              (std[channel] ?? 1),
          );
    return { elem: 'f32', dims: [500, 3, 32, 32], data };
  }
  const labels = JSON.parse(readFileSync(fixture('cifar10/labels.json'), 'utf8')) as number[];
  test.each([
    ['ResNet2B', 'resnet2b.pth', 345],
    ['ResNet4B', 'resnet4b.pth', 383],
  ] as const)('%s gets %s right', async (model, file, right) => {
    for (const level of [0, 1] as const) {
      const out = await outputs(await compiled('projection_resnet', model, `projection/${file}`, level), { image: pictures() });
      const logits = out.get('logits');
      if (!logits) throw new Error('no logits');
      const predicted = labels.map((_, i) => {
        const row = logits.data.subarray(10 * i, 10 * i + 10);
        return row.indexOf(Math.max(...row));
      });
      expect(predicted.filter((p, i) => p === labels[i]).length).toBe(right);
    }
  });
});

test.each([0, 1, 2] as const)('CREPE activates as the original network does at -O%i', async (level) => {
  const out = await outputs(await compiled('crepe', 'CrepeTiny', 'crepe/tiny.pth', level), {
    frames: await npy('crepe/frames.npy'),
  });
  const expected = await npy('crepe/activation.npy');
  expect(elementCount(expected.dims)).toBe(16 * 360);
  expect(furthest(out.get('activation'), expected)).toBeLessThan(1e-5);
});

describe('the face detector', () => {
  it.each([0, 1] as const)('gives what its own ONNX export gives at -O%i', async (level) => {
    // A picture of smooth waves: any values do, since both see the same.
    const data = Float64Array.from({ length: 3 * 240 * 320 }, (_, i) => Math.fround(Math.sin(i / 37) * Math.cos(i / 5000)));
    const input: HostTensor = { elem: 'f32', dims: [1, 3, 240, 320], data };
    const own = await outputs(await compiled('rfb320', 'RFB320', 'rfb320/version-RFB-320.pth', level), { input });
    const theirs = await outputs(new Uint8Array(readFileSync(fixture('rfb320/version-RFB-320.onnx'))), { input });
    expect(own.get('boxes')?.dims).toEqual([1, 4420, 4]);
    expect(furthest(own.get('scores'), theirs.get('scores'))).toBeLessThan(1e-5);
    expect(furthest(own.get('boxes'), theirs.get('boxes'))).toBeLessThan(1e-5);
  });
});
