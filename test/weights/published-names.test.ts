/** Checkpoints as they were published: their names and shapes fit the examples that bear their labels, without an option. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { build } from '../../src/compile.ts';
import { bindWeights } from '../../src/weights/bind.ts';
import { checkpointOf, published } from './published-names.ts';

const root = new URL('../../examples/', import.meta.url);
const resolveImport = (from: string): { name: string; text: string } => ({
  name: from,
  text: readFileSync(new URL(from, root), 'utf8'),
});

describe('a published checkpoint fits its example', () => {
  test.each(published.map((one) => [`${one.file}: ${one.model}`, one] as const))('%s', (_title, one) => {
    const fileName = `${one.example}.res`;
    const source = readFileSync(new URL(fileName, root), 'utf8');
    const { graph, diagnostics, maps } = build(source, { fileName, model: one.model, resolveImport });
    expect(diagnostics).toEqual([]);
    if (!graph) throw new Error('no graph');
    const bound = bindWeights(graph, checkpointOf(one), { map: maps });
    expect(bound.diagnostics).toEqual([]);
    expect(bound.notes.filter((note) => /missing|unused/.test(note))).toEqual([]);
    expect(bound.matched).toBeGreaterThan(20);
  });
});
