/**
 * The detectors find what torchvision's find: small networks of the same make, filled by a hash, on pictures of several sizes,
 * against its boxes, labels and scores (test/fixtures/detection/outputs.py).
 */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { compile } from '../../src/compile.ts';
import type { HostTensor } from '../../src/ir/types.ts';
import { openSession } from '../../src/runtime/session.ts';
import { cases, type Found, pixels, tensorsOf } from './detection.ts';
import { checkpointOf } from './helpers.ts';

const root = new URL('../../examples/', import.meta.url);
const resolveImport = (from: string): { name: string; text: string } => ({
  name: from,
  text: readFileSync(new URL(from, root), 'utf8'),
});

/** From 0 to 1. */
function picture(of: Found['picture']): HostTensor {
  return { elem: 'f32', dims: [1, 3, of[1], of[2]], data: Float64Array.from(pixels(of), (x) => Math.fround(x / 255)) };
}

describe('a detector finds what torchvision finds', () => {
  const titled = cases.map((one) => [`${one.model}, ${one.runs.map((run) => run.labels.length).join(', ')} boxes`, one] as const);
  test.each(titled)('%s', async (_title, one) => {
    const fileName = `${one.example}.res`;
    const source = readFileSync(new URL(fileName, root), 'utf8');
    const weights = checkpointOf(tensorsOf(one));
    for (const [level, opset] of [[0], [1], [2, 18]] as const) {
      const options = {
        fileName,
        resolveImport,
        model: one.model,
        level,
        weights,
        defines: one.defines,
        ...(opset && { opset }),
      };
      const result = await compile(source, options);
      expect(result.diagnostics).toEqual([]);
      const session = await openSession(await result.bytes(), { ep: 'cpu', optimization: level === 0 ? 'off' : 'all' });
      // Which pictures there are makes no difference to the passes.
      for (const run of level === 2 ? one.runs : one.runs.slice(0, 1)) {
        const outputs = await session.run(new Map([['image', picture(run.picture)]]));
        const [boxes, labels, scores] = ['boxes', 'labels', 'scores'].map((name) => outputs.get(name));
        expect([...(labels?.data ?? [])]).toEqual(run.labels);
        expect(boxes?.dims).toEqual([run.labels.length, 4]);
        const furthest = (actual: HostTensor | undefined, expected: readonly number[]): number =>
          expected.reduce((most, x, i) => Math.max(most, Math.abs(x - (actual?.data[i] ?? Infinity))), 0);
        expect(furthest(boxes, run.boxes.flat())).toBeLessThan(1e-3);
        expect(furthest(scores, run.scores)).toBeLessThan(1e-5);
      }
      await session.close();
    }
  });
});
