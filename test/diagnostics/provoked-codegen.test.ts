/**
 * What goes wrong between a graph and its file: a pass that is not there, and RES06xx. Each is provoked through the functions
 * that users call.
 */

import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { build } from '../../src/check.ts';
import { resolved } from '../../src/cli/png.ts';
import { emitOnnx } from '../../src/codegen/emit.ts';
import { type WriteOptions, writeModel } from '../../src/codegen/node/write-file.ts';
import { compile } from '../../src/compile.ts';
import { type Diagnostic, DiagnosticError, Sink } from '../../src/diagnostics/diagnostic.ts';
import { render } from '../../src/diagnostics/render.ts';
import { memorySource } from '../../src/io/bytes.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { readGraph } from '../../src/ir/read.ts';
import { elementCount } from '../../src/ir/types.ts';
import type { OnnxModel } from '../../src/onnx/model.ts';
import { onnxBytes } from '../../src/onnx/write.ts';
import { operatorByName } from '../../src/ops/registry.ts';
import { optimize } from '../../src/optimize-graph.ts';
import { pageOf } from '../../src/view/figure/page.ts';
import { safetensorsOf } from '../checkpoint/helpers.ts';
import { golden, goldenFolder } from '../golden.ts';
import { computed } from '../onnx/computed.ts';
import { buildExpr, leaf } from '../support/tensors.ts';

/** Compares what is printed with the golden file, whose name begins with the code of the first diagnostic. */
async function keep(name: string, run: () => unknown): Promise<void> {
  compare(name, await thrownBy(run));
}
async function thrownBy(run: () => unknown): Promise<readonly Diagnostic[]> {
  try {
    await run();
  } catch (error) {
    if (error instanceof DiagnosticError) return error.diagnostics;
    throw error;
  }
  return [];
}
function compare(name: string, diagnostics: readonly Diagnostic[]): void {
  expect(diagnostics[0]?.code).toBe(name.slice(0, 7));
  for (const { code, found, expected, hint } of diagnostics) {
    expect(found && expected && hint, `${code} says what was found, what was expected and what to type`).toBeTruthy();
  }
  golden(`errors/${name}.txt`, render(diagnostics, { color: false, width: 130 }));
}

function graphOf(text: string): Graph {
  const { graph, diagnostics } = build(text, { fileName: 'net.res' });
  if (!graph) throw new Error(render(diagnostics, { color: false }));
  return graph;
}
const net = 'model Net {\n  input x: f32[N, 64]\n  fc: linear(10)\n  output y\n}\n';

describe('a graph', () => {
  test('has no pass of that name', () => keep('RES0221-pass', () => optimize(graphOf(net), { passes: ['fold-batchnrm'] })));
  test('is not written for that opset', () => keep('RES0600-opset', () => emitOnnx(graphOf(net), { opset: 9 })));
  test('has an operator that the opset has not', () =>
    keep('RES0601-celu', () =>
      emitOnnx(graphOf('model Net {\n  input x: f64[N, 64]\n  act: celu(alpha=-1.0)\n  output y\n}\n')),
    ));
  test('has an operator that a later opset has', () =>
    keep('RES0601-grid', () =>
      emitOnnx(
        graphOf('model Net {\n  input x: f32[N, 3, 8, 8]\n  input g: f32[N, 4, 4, 2]\n  x -> grid_sample(g)\n  output y\n}\n'),
        {
          opset: 13,
        },
      ),
    ));
  test('has element types that a later opset has, or none', () => {
    keep('RES0601-bf16', () =>
      emitOnnx(graphOf('model Net {\n  input x: bf16[N, 3, 8, 8]\n  stem: conv(8, 3x3)\n  output y\n}\n')),
    );
    keep('RES0601-i8', () => emitOnnx(graphOf('model Net {\n  input x: i8[N, 8]\n  reduce_sum(-1)\n  output y\n}\n')));
  });
  test('has a weight that its element type does not hold', async () => {
    const source =
      'model Net {\n  input x: f16[N, 64, 8, 8]\n  conv1: conv(32, 1x1, bias=false)\n  bn1: batchnorm\n  output y\n}\n';
    const tensors = {
      'conv1.weight': [[32, 64, 1, 1], 1e38],
      'bn1.weight': [[32], 1],
      'bn1.bias': [[32], 0],
      'bn1.running_mean': [[32], 0],
      'bn1.running_var': [[32], 0],
    } as const;
    const numbers: number[] = [];
    const header: Record<string, unknown> = {};
    for (const [name, [shape, value]] of Object.entries(tensors)) {
      const begin = numbers.length;
      for (let i = elementCount(shape); i > 0; i--) numbers.push(value);
      header[name] = { dtype: 'F32', shape, data_offsets: [4 * begin, 4 * numbers.length] };
    }
    const bytes = safetensorsOf(JSON.stringify(header), new Uint8Array(Float32Array.from(numbers).buffer));
    const compiled = await compile(source, { weights: memorySource('model.safetensors', bytes) });
    await keep('RES0602-f16', () => compiled.bytes());
  });
  test('is larger than one file may be', () =>
    keep('RES0603-protobuf', () =>
      onnxBytes(emitOnnx(graphOf('model Net {\n  input x: f32[N, 30000]\n  fc: linear(30000)\n  output y\n}\n'))),
    ));
  test('has a size that only the run knows', () => {
    const name = 'RES0610-symbol.ir';
    const source = { name, text: readFileSync(join(goldenFolder, 'errors', name), 'utf8') };
    const graph = readGraph(source, { operator: operatorByName, leaf, call: buildExpr }, new Sink());
    if (!graph) throw new Error('the text of the graph is wrong');
    return keep('RES0610-symbol', () => emitOnnx(graph));
  });
  test('needs a package for a PNG', () => keep('RES0535-package', () => resolved('@resvg/not-there')));
  test('cannot be drawn', () => {
    const box = { id: 'n0', kind: 'layer', lines: ['relu'], path: '', nodes: [] } as const;
    const boxes = Array.from({ length: 3001 }, (_, i) => ({ ...box, id: `n${i}` }));
    return keep('RES0611-dot', () => pageOf([{ name: 'Large', panels: [{ id: '', title: '', boxes, frames: [], edges: [] }] }]));
  });
});

describe('a file', () => {
  const home = process.cwd();
  let folder = '';
  // Paths are relative to it, so that messages are the same everywhere.
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'rescc-provoked-'));
    process.chdir(folder);
  });
  afterEach(() => {
    process.chdir(home);
    rmSync(folder, { recursive: true });
  });
  const write = (path: string, options: WriteOptions = {}): Promise<unknown> => writeModel(emitOnnx(graphOf(net)), path, options);

  test('has no folder', () => keep('RES0604-folder', () => write('models/net.onnx')));

  test.skipIf(process.platform === 'win32')('may not be made', async () => {
    chmodSync(folder, 0o555);
    // The superuser may write anywhere, and becomes somebody else for the time being.
    const root = process.geteuid?.() === 0;
    if (root) process.seteuid?.(65534);
    let diagnostics: readonly Diagnostic[];
    try {
      diagnostics = await thrownBy(() => write('net.onnx'));
    } finally {
      if (root) process.seteuid?.(0);
      chmodSync(folder, 0o755);
    }
    compare('RES0605-permission', diagnostics);
  });

  test.skipIf(!existsSync('/dev/full'))('has no space', () => keep('RES0606-full', () => write('/dev/full')));

  test('is somebody else’s', async () => {
    writeFileSync('net.res', net);
    await keep('RES0607-source', () => write('net.res'));
    await keep('RES0607-folder', () => write('.'));
  });

  test.skipIf(process.platform === 'win32')('is a circle of links', async () => {
    symlinkSync('b.onnx', 'a.onnx');
    symlinkSync('a.onnx', 'b.onnx');
    await keep('RES0608-links', () => write('a.onnx'));
  });

  test('is interrupted', async () => {
    const controller = new AbortController();
    const onnx = emitOnnx(graphOf(net));
    const model: OnnxModel = {
      ...onnx,
      graph: {
        ...onnx.graph,
        initializers: onnx.graph.initializers.map((one) =>
          one.kind === 'tensor'
            ? {
                ...one,
                expr: computed(one.expr.elem, one.expr.dims, (_start, out) => {
                  controller.abort();
                  out.fill(0);
                }),
              }
            : one,
        ),
      },
    };
    await keep('RES0609-abort', () => writeModel(model, 'net.onnx', { signal: controller.signal }));
  });

  test('has its data elsewhere', () => keep('RES0612-elsewhere', () => write('net.onnx', { externalData: '../weights.bin' })));
});
