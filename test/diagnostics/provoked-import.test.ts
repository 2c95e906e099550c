/**
 * What is wrong with an ONNX file before it is a graph, RES0650 to RES0669: every file is made here, read, inlined and brought
 * up.
 */
import { expect, test } from 'vitest';
import { type Diagnostic, DiagnosticError } from '../../src/diagnostics/diagnostic.ts';
import { render } from '../../src/diagnostics/render.ts';
import { memorySource } from '../../src/io/bytes.ts';
import { inlineFunctions } from '../../src/onnx/functions.ts';
import { readOnnxFile } from '../../src/onnx/read.ts';
import { upgradeFile } from '../../src/onnx/upgrade.ts';
import { materialize } from '../../src/tensor/values.ts';
import { golden } from '../golden.ts';
import { floats, longs, modelBytes, node, type Parts, value } from '../import/onnx-bytes.ts';

async function thrownBy(bytes: Uint8Array): Promise<readonly Diagnostic[]> {
  try {
    const file = upgradeFile(inlineFunctions(await readOnnxFile(memorySource('net.onnx', bytes))));
    for (const tensor of file.graph.initializers) if (tensor.kind === 'tensor') await materialize(tensor.expr);
  } catch (error) {
    if (error instanceof DiagnosticError) return error.diagnostics;
    throw error;
  }
  return [];
}

const nodes = (opset: number, ...list: readonly ReturnType<typeof node>[]): Uint8Array =>
  modelBytes({ opset, graph: { node: [...list], input: [value('x')], output: [value('y')] } });
const scale = 'bn: x, s, s, s, s -> y';
const own = (name: string, inside: ReturnType<typeof node>): NonNullable<Parts['functions']>[number] => ({
  name,
  domain: 'own',
  input: ['x'],
  output: ['y'],
  node: [inside],
  opsetImport: [
    { domain: '', version: 17 },
    { domain: 'com.microsoft', version: 2 },
  ],
});
const calls = (...functions: NonNullable<Parts['functions']>): Uint8Array =>
  modelBytes({
    opsets: { own: 1, 'com.microsoft': 1 },
    graph: { node: [node('own::f', 'block1: x -> y')], input: [value('x')], output: [value('y')] },
    functions,
  });
const whole = nodes(17, node('Relu', 'relu1: x -> y'));
const doubling = Array.from({ length: 30 }, (_, i) => ({
  ...own(i === 29 ? 'f' : `f${i}`, node('Relu', 'x -> y')),
  node: i === 0 ? [node('Relu', 'x -> y')] : [node(`own::f${i - 1}`, 'x -> m'), node(`own::f${i - 1}`, 'm -> y')],
}));

test.each([
  ['RES0650-cut-off', whole.slice(0, 40)],
  ['RES0650-text', new TextEncoder().encode('model net(x: f32[1]) { relu }')],
  ['RES0651-new', nodes(27, node('Relu', 'relu1: x -> y'))],
  ['RES0652-doubling', calls(...doubling)],
  ['RES0653-cycle', calls(own('f', node('own::g', 'x -> y')), own('g', node('own::f', 'x -> y')))],
  ['RES0654-operands', calls({ ...own('f', node('Relu', 'x -> y')), input: [] })],
  ['RES0655-domain', calls(own('f', node('com.microsoft::Gelu', 'x -> y')))],
  ['RES0656-batchnorm', nodes(17, node('BatchNormalization', scale, { training_mode: 1 }))],
  ['RES0657-spatial', nodes(7, node('BatchNormalization', scale, { spatial: 0 }))],
  ['RES0657-opset-6', nodes(6, node('LSTM', 'lstm1: x, w, r -> y'))],
  [
    'RES0658-places',
    modelBytes({
      graph: { sparseInitializer: [{ values: floats('w', [2], [1, 2]), indices: longs('', [2], [5, 1]), dims: [2, 3] }] },
    }),
  ],
])('%s', async (name, bytes) => {
  const diagnostics = await thrownBy(bytes);
  expect(diagnostics[0]?.code).toBe(name.slice(0, 7));
  golden(`errors/${name}.txt`, render(diagnostics, { color: false, width: 130 }));
});
