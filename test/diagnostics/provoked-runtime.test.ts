/**
 * What goes wrong when models run, RES08xx. Machines, drivers and builds that the test machine is not are stood in for in the
 * process of the provider; what onnxruntime itself says is left out, because it changes with its version.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { build } from '../../src/check.ts';
import { emitOnnx } from '../../src/codegen/emit.ts';
import { type Diagnostic, DiagnosticError, Sink } from '../../src/diagnostics/diagnostic.ts';
import { render } from '../../src/diagnostics/render.ts';
import { askedSizes } from '../../src/ir/asked-sizes.ts';
import { Dim } from '../../src/ir/dim.ts';
import { evaluate } from '../../src/ir/evaluate.ts';
import type { Graph } from '../../src/ir/graph.ts';
import type { ValueRange } from '../../src/ir/ranges.ts';
import { readGraph } from '../../src/ir/read.ts';
import type { ElemType, HostTensor, TensorType } from '../../src/ir/types.ts';
import type { OnnxModel, OnnxValue } from '../../src/onnx/model.ts';
import { onnxBytes } from '../../src/onnx/write.ts';
import { operatorByName } from '../../src/ops/registry.ts';
import { decodeImage, type Image, imageInput, pngFiles } from '../../src/runtime/images.ts';
import { smallestBindings } from '../../src/runtime/inputs.ts';
import { layerErrors } from '../../src/runtime/layer-errors.ts';
import { namedNative } from '../../src/runtime/native.ts';
import { npyBytes, parseNpy } from '../../src/runtime/npy.ts';
import { checkPromises, rangeWarning } from '../../src/runtime/promises.ts';
import { adapterHint, type Provider } from '../../src/runtime/provider.ts';
import { readImage } from '../../src/runtime/read-file.ts';
import { outputPictures, parseLabels, readLabels, runModel, topK } from '../../src/runtime/run-model.ts';
import { openSession, toOrt } from '../../src/runtime/session.ts';
import { type VerifyOptions, verifyModel } from '../../src/runtime/verify-model.ts';
import { summarize } from '../../src/summarize.ts';
import { exprOf, materialize } from '../../src/tensor/values.ts';
import { golden } from '../golden.ts';
import { buildExpr, leaf } from '../support/tensors.ts';

// Processes are started; on a busy machine that takes its time.
vi.setConfig({ testTimeout: 120_000 });

const folder = mkdtempSync(join(tmpdir(), 'rescc-provoked-'));
afterAll(() => rmSync(folder, { recursive: true }));
const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/runtime/${name}`, import.meta.url));

async function thrownBy(run: () => unknown): Promise<readonly Diagnostic[]> {
  try {
    await run();
  } catch (error) {
    // A module that was loaded anew has a class of its own.
    if (error instanceof DiagnosticError) return error.diagnostics;
    if (error instanceof Error && error.name === 'DiagnosticError') return (error as DiagnosticError).diagnostics;
    throw error;
  }
  return [];
}
/** Compares what is printed with the golden file, whose name begins with the code of the first diagnostic. */
function compare(name: string, diagnostics: readonly Diagnostic[], tidy = (text: string): string => text): void {
  expect(diagnostics[0]?.code).toBe(name.slice(0, 7));
  for (const { code, found, expected, hint } of diagnostics) {
    expect(found && expected && hint, `${code} says what was found, what was expected and what to type`).toBeTruthy();
  }
  golden(`errors/${name}.txt`, tidy(render(diagnostics, { color: false, width: 130 })).replaceAll(folder, 'TMP'));
}
async function keep(name: string, run: () => unknown, tidy?: (text: string) => string): Promise<void> {
  compare(name, await thrownBy(run), tidy);
}
/** Only what is around the words of onnxruntime. */
async function keepAround(name: string, run: () => unknown): Promise<void> {
  const diagnostics = await thrownBy(run);
  for (const { found } of diagnostics) expect(found).toMatch(/\w/);
  compare(
    name,
    diagnostics.map((d) => ({ ...d, found: '(what onnxruntime says)' })),
  );
}

function graphOf(body: string): Graph {
  const { graph, diagnostics } = build(`model Net {\n${body}}\n`, { fileName: 'net.res' });
  if (!graph) throw new Error(render(diagnostics, { color: false }));
  return graph;
}
function textGraph(name: string, lines: string): Graph {
  const sink = new Sink();
  const graph = readGraph({ name, text: `graph @Net\n${lines}` }, { operator: operatorByName, leaf, call: buildExpr }, sink);
  if (!graph) throw new Error(render(sink.list, { color: false }));
  return graph;
}
const net = (): Graph => graphOf('  input x: f32[N, 64]\n  fc: linear(10)\n  output y\n');
const modelOf = async (graph: Graph): Promise<{ readonly onnx: OnnxModel; readonly bytes: Uint8Array }> => {
  const onnx = emitOnnx(graph);
  return { onnx, bytes: await onnxBytes(onnx) };
};
const tensor = (elem: ElemType, dims: readonly number[], value = 0): HostTensor => ({
  elem,
  dims,
  data: new Float64Array(dims.reduce((n, d) => n * d, 1)).fill(value),
});
const type = (elem: ElemType, ...dims: readonly (number | string | Dim)[]) => ({
  elem,
  dims: dims.map((d) => (typeof d === 'string' ? Dim.symbol(d) : typeof d === 'number' ? Dim.of(d) : d)),
});

describe('onnxruntime', () => {
  test('is not installed', async () => {
    // Modules are looked for from a folder that has none around it.
    vi.resetModules();
    vi.doMock('node:module', async (original) => {
      const real = await original<typeof import('node:module')>();
      return { ...real, createRequire: () => real.createRequire(pathToFileURL(join(folder, 'rescc.js'))) };
    });
    try {
      const { openSession: open } = await import('../../src/runtime/session.ts');
      const { bytes } = await modelOf(net());
      await keep('RES0800-package', () => open(bytes, { ep: 'cpu', optimization: 'all' }));
    } finally {
      vi.doUnmock('node:module');
      vi.resetModules();
    }
  });

  test.each([
    ['RES0801-build', 'webgpu', 'cpu-build'],
    ['RES0802-adapter', 'webgpu', 'no-adapter'],
    ['RES0803-library', 'cuda', 'no-cuda'],
    ['RES0846-library', 'tensorrt', 'no-tensorrt'],
  ] as const)('has no provider: %s', (name, ep, kind) => failing(name, ep, kind));
  test('is in no folder of that name', () =>
    keep('RES0844-folder', () => namedNative('1.30.0', { RESCC_ONNXRUNTIME: '/no/such/folder' }, 'linux')));
  test('is of another version', () => {
    const capi = join(folder, 'site-packages', 'onnxruntime', 'capi');
    mkdirSync(capi, { recursive: true });
    writeFileSync(join(capi, 'libonnxruntime.so.1.29.1'), '');
    return keep('RES0845-version', () => namedNative('1.30.0', { RESCC_ONNXRUNTIME: join(folder, 'site-packages') }, 'linux'));
  });
  // Windows ends processes without a signal.
  test.skipIf(process.platform === 'win32')('takes its process down', () => failing('RES0806-signal', 'webgpu', 'crash'));

  async function failing(name: string, ep: Provider, kind: string): Promise<void> {
    const { bytes } = await modelOf(net());
    const environment = { NODE_OPTIONS: `--require ${JSON.stringify(fixture('stand-in.cjs'))}`, RESCC_STAND_IN: kind };
    await keep(
      name,
      () => openSession(bytes, { ep, optimization: 'all', environment }),
      (text) =>
        text
          .replaceAll(`${process.platform} ${process.arch}`, 'linux x64')
          .replaceAll(adapterHint(), adapterHint('linux', false)),
    );
  }

  test('refuses a file that is no model', () =>
    keepAround('RES0804-no-model', () => openSession(Uint8Array.of(1, 2, 3), { ep: 'cpu', optimization: 'all' })));
  test('refuses a node', async () => {
    const { onnx } = await modelOf(graphOf('  input x: f32[N, 64]\n  act: relu\n  output y\n'));
    const { graph } = onnx;
    // ONNX has no Relu of booleans.
    const ofBooleans = (v: OnnxValue): OnnxValue => ({ ...v, type: { elem: 'bool', dims: [1, 64] } });
    const booleans = {
      ...graph,
      inputs: graph.inputs.map(ofBooleans),
      outputs: graph.outputs.map(ofBooleans),
    };
    const model = { ...onnx, graph: { ...booleans, valueInfo: [] } };
    await keepAround('RES0804-node', async () =>
      openSession(await onnxBytes(model), { ep: 'cpu', optimization: 'off', onnx: model }),
    );
  });
  test('fails in a run', async () => {
    const { onnx, bytes } = await modelOf(graphOf('  input ids: i64[N]\n  words: embedding(10, 4)\n  output y\n'));
    const session = await openSession(bytes, { ep: 'cpu', optimization: 'off', onnx });
    await keepAround('RES0805-index', () => session.run(new Map([['ids', tensor('i64', [3], 99)]])));
    await session.close();
  });
  test('has no such tensors', () => keep('RES0807-bf16', () => toOrt('x', tensor('bf16', [1, 64]))));
});

describe('verify', () => {
  const verify = (before: Graph, after: Graph, options: Partial<VerifyOptions> = {}) =>
    verifyModel({
      before,
      after,
      constants: (value) => materialize(exprOf(value)),
      eps: ['cpu'],
      seed: 1,
      threads: 1,
      ...options,
    });
  test('finds an optimised model that computes something else', async () => {
    const plus = (one: string): Graph =>
      textGraph('net.ir', `  %x = input : f32[2, 3]\n  %0 = add(%x, const f32[] ${one})  @shift\n  output y = %0\n`);
    const { diagnostics } = await verify(plus('1'), plus('1.5'));
    compare('RES0810-shift', diagnostics);
  });
  test('finds no sizes', () =>
    keep('RES0812-negative', () =>
      smallestBindings(textGraph('net.ir', '  %x = input : f32[3 - 4*N]\n  %0 = relu(%x)\n  output y = %0\n')),
    ));
  test('has no errors of layers where the reference would not end', () => {
    const graph = textGraph('net.ir', '  %x = input : f32[16384, 16384]\n  %0 = matmul(%x, %x)  @square\n  output y = %0\n');
    return keep('RES0857-work', () => layerErrors(graph, { constants: (value) => materialize(exprOf(value)), ep: 'cpu' }));
  });
  test('has no reference for an index outside of its axis', () => {
    const body = '  %0 = gather(%x, const i64[] 64)  @row\n  output y = %0\n';
    const graph = textGraph('net.ir', `  %x = input : i64[64]\n${body}`);
    return keep('RES0815-index', () => verify(graph, graph));
  });
});

describe('inputs', () => {
  const run = async (inputs: readonly string[]): Promise<unknown> => {
    const graph = net();
    return runModel({ model: (await modelOf(graph)).bytes, graph, inputs });
  };
  test('of another type or shape', async () => {
    const path = join(folder, 'x.npy');
    writeFileSync(path, npyBytes(tensor('f64', [1, 64])));
    await keep('RES0813-type', () => run([`x=${path}`]));
    writeFileSync(path, npyBytes(tensor('f32', [1, 32])));
    await keep('RES0813-shape', () => run([`x=${path}`]));
  });
  test('of another name, and none', async () => {
    await keep('RES0814-name', () => run(['image=cat.png']));
    await keep('RES0814-missing', () => run([]));
  });
  test('that are not there', () => keep('RES0701-input', () => run(['x=no/such/cat.png'])));
  test('that are neither pictures nor tensors', async () => {
    const path = join(folder, 'x.txt');
    writeFileSync(path, 'one, two\n');
    await keep('RES0822-text', () => run([`x=${path}`]));
    await keep('RES0822-empty', () => decodeImage(new Uint8Array(), 'cat.png'));
    const bytes = (text: string): Uint8Array => Uint8Array.from(text, (unit) => unit.charCodeAt(0));
    // Another program turns a picture into PNG, and nothing else.
    await keep('RES0822-gif', () => decodeImage(bytes('GIF89a\x01\0'), 'cat.gif'));
    await keep('RES0822-source', () => decodeImage(bytes('model A { input x'), 'net.res'));
    await keep('RES0822-piped', () => decodeImage(bytes('GIF89a\x01\0'), '<stdin>'));
  });
});

describe('.npy files', () => {
  test.each(['complex', 'objects'])('of %s', (name) =>
    keep(`RES0821-${name}`, () => parseNpy(readFileSync(fixture(`${name}.npy`)), `${name}.npy`)),
  );
  test('that are cut off', () => keep('RES0821-cut', () => parseNpy(npyBytes(tensor('f32', [10, 64])).slice(0, 1000), 'x.npy')));
});

describe('pictures', () => {
  const png = readFileSync(fixture('picture.png'));
  const picture = (): Promise<Image> => decodeImage(png, 'picture.png');
  test('that are cut off', () => keep('RES0823-cut', () => decodeImage(png.subarray(0, 20), 'picture.png')));
  test('that are too large', () => {
    const large = Uint8Array.from(png);
    new DataView(large.buffer).setUint32(16, 40000);
    new DataView(large.buffer).setUint32(20, 30000);
    return keep('RES0823-large', () => decodeImage(large, 'picture.png'));
  });
  test('of another size', async () => {
    const image = await picture();
    await keep('RES0824-size', () => imageInput(image, type('f32', 'N', 3, 224, 224), { name: 'image' }));
    const even = type('f32', 'N', 3, Dim.symbol('H', 32).times(32), 'W');
    await keep('RES0824-multiple', () => imageInput(image, even, { name: 'image' }));
  });
  test('for an input that takes none', async () => {
    const image = await picture();
    await keep('RES0825-vector', () => imageInput(image, type('f32', 'N', 64), { name: 'x' }));
  });
  test('with options that do not fit', async () => {
    const image = await picture();
    await keep('RES0826-mean', () => imageInput(image, type('f32', 'N', 3, 'H', 'W'), { mean: [0.5, 0.5] }));
    await keep('RES0826-std', () => imageInput(image, type('f32', 'N', 3, 'H', 'W'), { std: [0] }));
    await keep('RES0826-bytes', () => imageInput(image, type('u8', 'N', 3, 'H', 'W'), { mean: [0.5], name: 'image' }));
  });
  test('that are not there', () => keep('RES0701-picture', () => readImage('no/such/cat.png')));
});

describe('what a model declares', () => {
  const image = (dims: TensorType['dims'], range: ValueRange = { low: 0, high: 1 }) => ({
    name: 'image',
    type: { elem: 'f32' as const, dims },
    range,
  });
  const dims = [Dim.symbol('N'), Dim.of(3), Dim.symbol('H', 16).times(16), Dim.symbol('W')];
  const given = tensor('f32', [1, 3, 40, 4]);
  test('a broken promise', () => keep('RES0837-promise', () => checkPromises(image(dims), given)));
  test('numbers outside of the range', async () => {
    const far = { ...given, data: given.data.map((_, i) => i) };
    await keep('RES0838-outside', () => throwing(rangeWarning(image(dims), far)));
    await keep('RES0838-normalised', () =>
      throwing(rangeWarning(image(dims, { low: 0, high: 1, mean: [0.5], std: [0.25] }), far)),
    );
  });
  test('a picture that is clipped', () =>
    keep('RES0839-white', async () => {
      const y = { ...tensor('f32', [1, 3, 2, 2]), data: Float64Array.from({ length: 12 }, (_, i) => 20 * i) };
      throwing((await outputPictures({ outputs: new Map([['y', y]]), ranges: new Map() }, 'y')).warning);
    }));
  test('sizes that figures are counted at', async () => {
    const { graph } = build('model M { input x: f32[N, 3, H, W]  assert H % 16 == 0  conv: conv(4, 3x3)  output y }');
    if (!graph) throw new Error('it does not compile');
    await keep('RES0841-name', () => summarize(graph, { sizes: { M: 1 } }));
    await keep('RES0841-promise', () => summarize(graph, { sizes: { H: 30 } }));
    await keep('RES0841-size', () => summarize(graph, { sizes: { N: 0.5 } }));
    await keep('RES0841-lacking', () => evaluate(Dim.symbol('N').times(3), {}));
  });
  test('sizes that contradict it', async () => {
    await keep('RES0840-constant', () => askedSizes([image(dims)], { image: [1, 4, 32, 32] }));
    await keep('RES0840-promise', () => askedSizes([image(dims)], { H: 40 }));
    await keep('RES0840-twice', () => askedSizes([image(dims)], { N: 2, image: [1, 3, 32, 32] }));
    await keep('RES0709-no-input', () => askedSizes([image(dims)], { picture: [1, 3, 32, 32] }));
    await keep('RES0709-axes', () => askedSizes([image(dims)], { image: [3, 32, 32] }));
  });
});

function throwing(diagnostic: Diagnostic | undefined): void {
  if (diagnostic) throw new DiagnosticError([diagnostic]);
}

describe('outputs', () => {
  test('that are no pictures', () => keep('RES0827-channels', () => pngFiles(tensor('f32', [2, 7, 8, 9]), 'features')));
  test('that have other classes than the labels', async () => {
    await keep('RES0828-count', () => topK(tensor('f32', [1, 10]), 5, ['cat', 'dog'], 'logits'));
    await keep('RES0828-index', () => parseLabels('{"1": "cat", "7": "dog"}', 'labels.json'));
    await keep('RES0828-empty', () => parseLabels('\n', 'labels.txt'));
    await keep('RES0701-labels', () => readLabels('labels.txt'));
  });
  test('that are no classes', () => keep('RES0829-picture', () => topK(tensor('f32', [1, 3, 8, 8]), 5, undefined, 'image')));
});
