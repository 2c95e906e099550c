/** `optimizeOnnx` and `verifyOptimized` as programs call them. */
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { compile } from '../../src/compile.ts';
import { memorySource } from '../../src/io/bytes.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { printGraph } from '../../src/ir/print.ts';
import { constantOf, optimize } from '../../src/node.ts';
import type { OnnxModel } from '../../src/onnx/model.ts';
import { type OptimizeOnnxOptions, type OptimizeReport, type OptimizeResult, optimizeOnnx } from '../../src/optimize.ts';
import { runRules } from '../../src/passes/engine/driver.ts';
import { Fuel } from '../../src/passes/engine/fuel.ts';
import { NameTable } from '../../src/passes/engine/names.ts';
import { op } from '../../src/passes/engine/pattern.ts';
import { rule } from '../../src/passes/engine/rule.ts';
import type { PassReport } from '../../src/passes/pipeline.ts';
import { verifyOptimized } from '../../src/runtime/equivalence.ts';
import type { EquivalenceReport } from '../../src/runtime/equivalence-report.ts';

vi.setConfig({ testTimeout: 120_000 });

const text = `model Net {
  input x: f32[N, 3, 8, 8]
  c1: conv(8, 3x3)
  b1: batchnorm
  relu
  residual {
    c2: conv(8, 3x3)
    b2: batchnorm
    relu
  }
  relu
  global_avgpool
  flatten
  fc: linear(4)
  output y
}
`;
let bytes = new Uint8Array();
beforeAll(async () => {
  bytes = Uint8Array.from(await (await compile(text, { level: 0 })).bytes());
});

function made(result: OptimizeResult): {
  readonly graph: Graph;
  readonly onnx: OnnxModel;
  readonly report: OptimizeReport;
} {
  const { graph, onnx, report } = result;
  if (!graph || !onnx || !report) throw new Error(result.diagnostics.map((d) => `${d.code} ${d.found}`).join('\n'));
  return { graph, onnx, report };
}

/** A sum becomes a difference, where it is not all of one value. */
const wrong = rule({
  name: 'fuse-shortcut/wrong',
  doc: 'a + b → a − b, which is wrong',
  lowers: false,
  match: op('add', 'root'),
  exact: {},
  rewrite: ({ root }, g) => g.replace(root.y, g.node('sub', root.operands, {}, root)),
});
/** The passes of the house, and behind them a wrong one. */
const wrongPipeline = (graph: Graph, options: OptimizeOnnxOptions): PassReport => {
  let spent = 0;
  const onFiring: OptimizeOnnxOptions['onFiring'] = (firing) => {
    spent = firing.index;
    options.onFiring?.(firing);
  };
  const report = optimize(graph, { level: 1, fuel: options.fuel, onFiring });
  const left = new Fuel((options.fuel ?? Infinity) - spent, (firing) =>
    options.onFiring?.({ ...firing, index: firing.index + spent }),
  );
  left.pass = 'fuse-shortcut';
  runRules(graph, [wrong], new NameTable(graph), { fuel: left });
  return report;
};

async function proof(options: OptimizeOnnxOptions): Promise<EquivalenceReport> {
  const result = await optimizeOnnx(bytes, { ...options, keepUnoptimized: true });
  const { graph, onnx } = made(result);
  return verifyOptimized({
    original: bytes,
    before: result.unoptimized ?? graph,
    after: graph,
    onnx,
    constants: constantOf,
    rebuild: async (fuel, onFiring) =>
      made(await optimizeOnnx(bytes, { ...options, fuel: Number.isFinite(fuel) ? fuel : undefined, onFiring })).onnx,
    eps: ['cpu'],
    threads: 1,
  });
}

describe('optimizeOnnx', () => {
  test('gives graph, report, data and bytes', async () => {
    const result = await optimizeOnnx(bytes, { fileName: 'net.onnx' });
    const { report, onnx } = made(result);
    expect(result.diagnostics).toEqual([]);
    expect(report).toMatchObject({ file: 'net.onnx', level: 1, opset: { before: 17, after: 17 }, fileBytes: bytes.length });
    expect(report.operators).toContainEqual({ name: 'BatchNormalization', before: 2, after: 0 });
    expect(report.nodes.before - report.nodes.after).toBe(2);
    expect(onnx.graph.nodes.map((node) => node.opType)).not.toContain('BatchNormalization');
    const whole = await result.bytes();
    const pieces: number[] = [];
    for await (const piece of result.stream()) pieces.push(...piece);
    expect(pieces).toEqual([...whole]);
  });
  test('takes a source, whose data files count', async () => {
    const source = memorySource('net.onnx', bytes);
    expect(made(await optimizeOnnx(source)).report.file).toBe('net.onnx');
  });
  test('leaves what is wrong with a file to diagnostics, and throws when bytes are asked for all the same', async () => {
    for (let end = 0; end < bytes.length; end += 97) {
      const result = await optimizeOnnx(bytes.subarray(0, end));
      if (result.onnx) continue;
      expect(result.diagnostics[0]?.code).toMatch(/^RES0[56]\d\d$/);
      await expect(result.bytes()).rejects.toThrow(/RES0/);
      expect(() => result.stream()).toThrow(/RES0/);
    }
  });
  test('fuel is spent in the same order every time', async () => {
    const all: string[] = [];
    await optimizeOnnx(bytes, { onFiring: ({ rule: name, node }) => all.push(`${name} ${node}`) });
    expect(all.length).toBeGreaterThan(1);
    for (let fuel = 0; fuel <= all.length; fuel++) {
      const some: string[] = [];
      await optimizeOnnx(bytes, { fuel, onFiring: ({ rule: name, node }) => some.push(`${name} ${node}`) });
      expect(some).toEqual(all.slice(0, fuel));
    }
  });
  test('shapes that are given are numbers everywhere', async () => {
    const { graph } = made(await optimizeOnnx(bytes, { inputShapes: { N: 2 }, verifyIr: true }));
    expect(printGraph(graph)).not.toContain('[N');
    const same = made(await optimizeOnnx(bytes, { inputShapes: { x: [2, undefined, 8, 8] } })).graph;
    expect(printGraph(same)).toBe(printGraph(graph));
  });
});

describe('verifyOptimized', () => {
  test('proves the passes right', async () => {
    const report = await proof({});
    expect([report.ok, report.diagnostics]).toEqual([true, []]);
  });
  test('finds a wrong rewrite behind all right ones', async () => {
    let last = 0;
    await optimizeOnnx(bytes, { pipeline: wrongPipeline, onFiring: ({ index }) => (last = index) });
    const report = await proof({ pipeline: wrongPipeline });
    expect(report.ok).toBe(false);
    expect(last).toBeGreaterThan(2);
    expect(report.culprit).toMatchObject({ index: last, pass: 'fuse-shortcut', rule: 'fuse-shortcut/wrong' });
    expect(report.diagnostics.map((d) => d.code)).toEqual(['RES0816']);
    expect(report.diagnostics[0]?.found).toContain('fuse-shortcut/wrong at');
  });
});
