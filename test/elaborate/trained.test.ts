/** A trained ResNet-20 on 500 real test images: exactly as many right as PyTorch has, and the same ones, at every level. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { decode } from 'fast-png';
import { expect, test } from 'vitest';
import { compile } from '../../src/compile.ts';
import { fileSource } from '../../src/io/node/file-source.ts';
import { openSession } from '../../src/runtime/session.ts';

const fixtures = new URL('../fixtures/cifar10/', import.meta.url);
const expected = JSON.parse(readFileSync(new URL('resnet20-expected.json', fixtures), 'utf8')) as {
  correct_of_500: number;
  logits_of_first_20: number[][];
  argmax?: number[];
  predictions?: number[];
};
const labels = JSON.parse(readFileSync(new URL('labels.json', fixtures), 'utf8')) as number[];

/** Row i of the sheet is image i; RGB / 255, minus the mean, over the deviation, as it was trained. */
function images(): Float64Array {
  const sheet = decode(readFileSync(new URL('test-000-499.png', fixtures)));
  const mean = [0.485, 0.456, 0.406];
  const std = [0.229, 0.224, 0.225];
  const out = new Float64Array(500 * 3 * 1024);
  for (let image = 0; image < 500; image++) {
    for (let channel = 0; channel < 3; channel++) {
      for (let pixel = 0; pixel < 1024; pixel++) {
        const value = (sheet.data[(image * 1024 + pixel) * sheet.channels + channel] ?? 0) / 255;
        out[(image * 3 + channel) * 1024 + pixel] = Math.fround((value - (mean[channel] ?? 0)) / (std[channel] ?? 1));
      }
    }
  }
  return out;
}

test.each([0, 1, 2] as const)('ResNet-20 gets 455 of 500 right at -O%i', async (level) => {
  const source = readFileSync(new URL('../../examples/resnet_cifar.res', import.meta.url), 'utf8');
  const weights = fileSource(fileURLToPath(new URL('resnet20-12fca82f.th', fixtures)));
  const result = await compile(source, { model: 'ResNet20', level, weights, target: level === 2 ? 'cpu' : 'portable' });
  expect(result.diagnostics).toEqual([]);
  const session = await openSession(await result.bytes(), { ep: 'cpu', optimization: 'all' });
  try {
    const logits = (await session.run(new Map([['image', { elem: 'f32', dims: [500, 3, 32, 32], data: images() }]]))).get(
      'logits',
    );
    if (!logits) throw new Error('no logits');
    const predicted = Array.from({ length: 500 }, (_, i) => {
      const row = logits.data.subarray(10 * i, 10 * i + 10);
      return row.indexOf(Math.max(...row));
    });
    expect(expected.correct_of_500).toBe(455);
    expect(predicted.filter((p, i) => p === labels[i]).length).toBe(455);
    expect(predicted).toEqual(expected.argmax ?? expected.predictions);
    expected.logits_of_first_20.forEach((row, i) => {
      row.forEach((value, k) => {
        expect(Math.abs(value - (logits.data[10 * i + k] ?? Number.NaN))).toBeLessThan(1e-4);
      });
    });
  } finally {
    await session.close();
  }
});
