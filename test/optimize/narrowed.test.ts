/**
 * Inputs that became narrower than the file has them: the proof runs the original at its other sizes, and the report says which
 * node asks.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { reportText } from '../../src/cli/optimize-report.ts';
import { bug } from '../../src/diagnostics/diagnostic.ts';
import { render } from '../../src/diagnostics/render.ts';
import { type OptimizeOnnxOptions, optimizeOnnx } from '../../src/optimize.ts';
import { verifyOptimized } from '../../src/runtime/equivalence.ts';
import type { EquivalenceReport } from '../../src/runtime/equivalence-report.ts';
import type { NarrowedShape } from '../../src/runtime/free-sizes.ts';
import { verifyTable } from '../../src/runtime/verify-table.ts';
import { exprOf, materialize } from '../../src/tensor/values.ts';
import { golden } from '../golden.ts';
import { floats, longs, modelBytes, node, value } from '../import/onnx-bytes.ts';

vi.setConfig({ testTimeout: 120_000 });

const fault = (name: string): Uint8Array =>
  readFileSync(join(import.meta.dirname, '..', 'fixtures', 'faults', `branch-facts-${name}.onnx`));

/** The proof of a file; with `claimed`, of a model that was made for the sizes of `options` without being asked to. */
async function proof(
  bytes: Uint8Array,
  options: OptimizeOnnxOptions = {},
  claimed?: readonly NarrowedShape[],
): Promise<EquivalenceReport> {
  const { graph, unoptimized, onnx, report } = await optimizeOnnx(bytes, { ...options, keepUnoptimized: true });
  if (!graph || !unoptimized || !onnx || !report) return bug('a file that is refused');
  return verifyOptimized({
    original: bytes,
    before: unoptimized,
    after: graph,
    onnx,
    constants: (one) => materialize(exprOf(one)),
    eps: ['cpu'],
    seed: 1,
    threads: 1,
    narrowed: claimed ?? report.narrowed,
  });
}

const squeezed = (inputs: readonly (number | string)[], rank = true): Uint8Array =>
  modelBytes({
    graph: {
      input: [value('x', 1, rank ? inputs : undefined)],
      output: [value('y')],
      node: rank ? [node('Squeeze', 'sq:x, axes -> y')] : [node('MaxPool', 'pool:x -> y', { kernel_shape: [1, 1] })],
      initializer: rank ? [longs('axes', [1], [1])] : [floats('unused', [1], [0])],
    },
  });

describe('what bodies ask for', () => {
  it.each(['squeeze', 'nonzero', 'loop0'])('narrows nothing: %s', async (name) => {
    const { report } = await optimizeOnnx(fault(name));
    expect(report?.narrowed).toEqual([]);
    expect((await proof(fault(name))).ok).toBe(true);
  });
});

describe('a model that was narrowed too far', () => {
  it('is refused at the sizes that the file takes', async () => {
    const narrow = { name: 'x', before: ['N', 'M', 4], after: ['N', 1, 4] };
    const report = await proof(fault('squeeze'), { inputShapes: { M: 1 } }, [narrow]);
    expect(report.diagnostics.map((d) => d.code)).toEqual(['RES0660']);
    golden('errors/RES0660-squeezed.txt', render(report.diagnostics, { color: false, width: 130 }));
    // Following the hint is no error.
    expect((await proof(fault('squeeze'), { inputShapes: { M: 1 } })).ok).toBe(true);
  });

  it('is found where the file takes the sizes in a Loop of no steps alone', async () => {
    const narrow = { name: 'x', before: ['N', 'K'], after: ['N', 4] };
    const report = await proof(fault('loop0'), { inputShapes: { K: 4 } }, [narrow]);
    expect(report.diagnostics.map((d) => d.code)).toEqual(['RES0660']);
  });
});

describe('a node that runs every time', () => {
  it('narrows an input, which the report says and the proof tries', async () => {
    const bytes = squeezed(['N', '', 'M']);
    const { report } = await optimizeOnnx(bytes);
    expect(report && reportText(report, undefined, 0, { verbose: false })).toContain(
      '  narrowed         x: [N, ?, M] → [N, 1, M], which Squeeze "sq" asks for\n',
    );
    const made = await proof(bytes);
    expect([made.ok, made.notes]).toEqual([true, ['the original runs at no other x:1 that was tried']]);
    expect(verifyTable(made)).not.toContain('free');
  });

  it('narrows a rank', async () => {
    const bytes = squeezed([], false);
    const { report } = await optimizeOnnx(bytes);
    expect(report?.narrowed).toEqual([
      { name: 'x', before: undefined, after: [undefined, undefined, undefined, undefined], by: ['MaxPool "pool"'] },
    ]);
    const made = await proof(bytes);
    expect([made.ok, made.notes]).toEqual([true, ['the original runs at no other x that was tried']]);
  });

  it('is none where the user asks for the size', async () => {
    const { report } = await optimizeOnnx(squeezed(['N', 'C', 'M']), { inputShapes: { C: 1, 'x:0': 2 } });
    expect(report?.narrowed).toEqual([]);
  });
});
