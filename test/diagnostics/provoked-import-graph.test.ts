/**
 * What goes wrong with the graphs of ONNX files after they are read, RES067x: every file is written down here, and what is
 * printed is kept.
 */
import { describe, expect, test } from 'vitest';
import { type Diagnostic, DiagnosticError } from '../../src/diagnostics/diagnostic.ts';
import { render } from '../../src/diagnostics/render.ts';
import { importOnnx } from '../../src/import/import.ts';
import type { OnnxNode } from '../../src/onnx/model.ts';
import { golden } from '../golden.ts';
import { fileOf, type GraphParts, node, typed } from '../import/build.ts';

function keep(
  name: string,
  parts: GraphParts,
  nodes: readonly OnnxNode[],
  sizes: readonly (readonly [string, number])[] = [],
): void {
  let found: readonly Diagnostic[] = [];
  try {
    importOnnx(fileOf(parts, nodes), { inputShapes: new Map(sizes) });
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    found = error.diagnostics;
  }
  expect(found.map((one) => one.code)).toEqual([name.slice(0, 7)]);
  for (const { code, found: what, expected, hint } of found) {
    expect(what && expected && hint, `${code} says what was found, what was expected and what to type`).toBeTruthy();
  }
  golden(`errors/${name}.txt`, render(found, { color: false, width: 130 }));
}

const inputs = { x: typed('f32', ['N', 3, undefined]) };
const outputs = ['y'];
const relu = [node('Relu', 'x -> y')];

describe('names', () => {
  test('made twice', () =>
    keep('RES0670-made-twice', { inputs, outputs }, [node('Relu', 'x -> y'), node('Abs', 'second:x -> y')]));
  test('made by nothing', () => keep('RES0671-undefined', { inputs, outputs }, [node('Add', 'sum:x, z -> y')]));
  test('of outputs that nothing makes', () => keep('RES0673-output', { inputs, outputs }, [node('Relu', 'x -> z')]));
  test('that are empty', () => keep('RES0674-unnamed', { inputs: { '': typed('f32', []) }, outputs: [] }, []));
});

test('nodes in a circle', () =>
  keep('RES0672-circle', { inputs, outputs }, [node('Add', 'a:x, q -> p'), node('Relu', 'b:p -> q'), node('Relu', 'q -> y')]));

describe('sizes that are asked for', () => {
  test('of a name that is not there', () => keep('RES0675-no-such-size', { inputs, outputs }, relu, [['batch', 1]]));
  test('of a file without open sizes', () =>
    keep('RES0675-none-open', { inputs: { x: typed('f32', [3]) }, outputs }, relu, [['N', 1]]));
  test('that the file fixes', () => keep('RES0676-fixed', { inputs, outputs }, relu, [['x:1', 5]]));
  test('that are no sizes', () => keep('RES0676-negative', { inputs, outputs }, relu, [['N', -1]]));
});
