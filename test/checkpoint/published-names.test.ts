/** Checkpoints as they were published: their names and shapes fit the examples that bear their labels, without an option. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { matchWeights } from '../../src/compile.ts';
import { checkpointOf, published } from './published-names.ts';

const root = new URL('../../examples/', import.meta.url);
const resolveImport = (from: string): { name: string; text: string } => ({
  name: from,
  text: readFileSync(new URL(from, root), 'utf8'),
});

describe('a published checkpoint fits its example', () => {
  test.each(published.map((one) => [`${one.file}: ${one.model}`, one] as const))('%s', async (_title, one) => {
    const fileName = `${one.example}.res`;
    const source = readFileSync(new URL(fileName, root), 'utf8');
    const { diagnostics, comparison } = await matchWeights(source, checkpointOf(one), {
      fileName,
      model: one.model,
      resolveImport,
    });
    expect(diagnostics).toEqual([]);
    expect(comparison?.rows.filter((row) => row.match !== 'matched')).toEqual([]);
    expect(comparison?.rows.length).toBeGreaterThan(20);
  });
});
