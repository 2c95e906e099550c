/**
 * Whole small models: formatted source, graph text before and after the passes, summary, ONNX text, and the numbers of both
 * graphs. Adding a case is adding a .res file to test/golden/models.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compile } from '../../src/compile.ts';
import { printGraph } from '../../src/ir/print.ts';
import { verifyGraph } from '../../src/ir/verifier.ts';
import { onnxText } from '../../src/onnx/text.ts';
import { format } from '../../src/parser/format.ts';
import { parse } from '../../src/parser/parse.ts';
import { verifyModel } from '../../src/runtime/verify-model.ts';
import { verifyTable } from '../../src/runtime/verify-table.ts';
import { summarize } from '../../src/summarize.ts';
import { exprOf, materialize } from '../../src/tensor/values.ts';
import { summaryText } from '../../src/view/summary-text.ts';
import { golden, goldenFolder } from '../golden.ts';

const files = readdirSync(join(goldenFolder, 'models'))
  .filter((name) => name.endsWith('.res'))
  .map((name) => name.slice(0, -4))
  .sort();

describe('small models', () => {
  test('there are some', () => expect(files.length).toBeGreaterThan(5));

  test.each(files)('%s', async (name) => {
    const source = { name: `${name}.res`, text: readFileSync(join(goldenFolder, 'models', `${name}.res`), 'utf8') };
    const result = await compile(source, { keepUnoptimized: true, verifyIr: true, metadata: { 'rescc.source': 'golden' } });
    expect(result.diagnostics).toEqual([]);
    const { graph, unoptimized, onnx } = result;
    if (!graph || !unoptimized || !onnx) throw new Error('no graph');
    expect(verifyGraph(unoptimized)).toEqual([]);
    expect(verifyGraph(graph)).toEqual([]);
    golden(`models/${name}.fmt`, format(parse(source).file));
    golden(`models/${name}.ir`, printGraph(unoptimized));
    golden(`models/${name}.opt.ir`, printGraph(graph));
    golden(`models/${name}.summary`, summaryText(summarize(unoptimized)));
    golden(`models/${name}.onnxtxt`, onnxText(onnx));
    const verified = await verifyModel({
      before: unoptimized,
      after: graph,
      constants: (value) => materialize(exprOf(value)),
      eps: ['cpu'],
    });
    expect(verified.ok, verifyTable(verified)).toBe(true);
  });
});
