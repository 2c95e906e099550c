/** Files that others made, as graphs: onnxruntime's fusion tests and a detector, read, brought up to opset 13 and imported. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { emitOnnx } from '../../src/codegen/emit.ts';
import { importOnnx } from '../../src/import/import.ts';
import type { ImportedModel } from '../../src/import/imported-model.ts';
import { fileSource } from '../../src/io/node/file-source.ts';
import { printGraph } from '../../src/ir/print.ts';
import { verifyGraph } from '../../src/ir/verifier.ts';
import { readOnnxFile } from '../../src/onnx/read.ts';
import { upgradeFile } from '../../src/onnx/upgrade.ts';
import { golden } from '../golden.ts';

const folder = fileURLToPath(new URL('../fixtures/onnxruntime-fusion/', import.meta.url));

async function load(path: string): Promise<ImportedModel> {
  const model = importOnnx(upgradeFile(await readOnnxFile(fileSource(path))));
  expect(verifyGraph(model.graph)).toEqual([]);
  return model;
}

describe('onnxruntime’s fusion tests', () => {
  const names = readdirSync(folder).filter((name) => name.endsWith('.onnx'));
  it.each(names)('%s', async (name) => {
    const { graph, notes, foreign } = await load(`${folder}${name}`);
    const lines = [...notes.map((note) => `note: ${note}`), ...foreign.map((one) => `left: ${one.opType}, ${one.why}`)];
    golden(`import/${name.replace('.onnx', '.ir')}`, `${lines.map((line) => `// ${line}\n`).join('')}${printGraph(graph)}`);
  });
});

describe('a detector of opset 9', () => {
  it('comes back as the operators of opset 13 that say the same', async () => {
    const model = await load(fileURLToPath(new URL('../fixtures/rfb320/version-RFB-320.onnx', import.meta.url)));
    const counts = new Map<string, number>();
    const { nodes } = emitOnnx(model.graph, { opset: model.opset, source: model }).graph;
    for (const { opType: op } of nodes) counts.set(op, (counts.get(op) ?? 0) + 1);
    expect(model.foreign).toEqual([]);
    expect(model.notes.filter((note) => note.includes('listed as inputs'))).toHaveLength(1);
    expect(nodes.length).toBeLessThanOrEqual(242);
    expect(Object.fromEntries(counts)).toMatchObject({ Conv: 52, BatchNormalization: 35, Transpose: 8, Softmax: 1, Slice: 6 });
  });
});
