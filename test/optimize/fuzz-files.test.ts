import { expect, test } from 'vitest';
import { formats, fuzzFiles } from './fuzz-files.ts';

test('damaged files are read as onnxruntime reads them, or refused', async () => {
  const { failures, read, refused, judged } = await fuzzFiles({ seed: 1, count: 400, formats });
  expect(failures.map(({ seed, format, what }) => `seed ${seed} ${format}: ${what}`)).toEqual([]);
  expect(read).toBeGreaterThan(50);
  expect(refused).toBeGreaterThan(50);
  expect(judged).toBeGreaterThan(10);
});
