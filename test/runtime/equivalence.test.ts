/**
 * The proof of `rescc optimize`: a right rewrite passes, a wrong one is named, and what cannot be compared is said. The original
 * is a file's bytes; graphs are made by hand, so that nothing here depends on the importer.
 */
import { describe, expect, test, vi } from 'vitest';
import { emitOnnx } from '../../src/codegen/emit.ts';
import { render } from '../../src/diagnostics/render.ts';
import { Dim } from '../../src/ir/dim.ts';
import { Graph } from '../../src/ir/graph.ts';
import { noPromise } from '../../src/ir/promise.ts';
import { foreignTypeOf } from '../../src/ir/types.ts';
import type { OnnxModel } from '../../src/onnx/model.ts';
import { onnxBytes } from '../../src/onnx/write.ts';
import { concat } from '../../src/ops/concat.ts';
import { neg, sqrt } from '../../src/ops/elementwise.ts';
import { foreignOperator } from '../../src/ops/foreign.ts';
import { linear } from '../../src/ops/linear.ts';
import { argmax } from '../../src/ops/reduce.ts';
import { reshape } from '../../src/ops/reshape.ts';
import { runRules } from '../../src/passes/engine/driver.ts';
import { Fuel } from '../../src/passes/engine/fuel.ts';
import { NameTable } from '../../src/passes/engine/names.ts';
import { op } from '../../src/passes/engine/pattern.ts';
import { type Rule, rule } from '../../src/passes/engine/rule.ts';
import { foldBatchnormIntoLinear } from '../../src/passes/transforms/fold-batchnorm.ts';
import { smallestFailing } from '../../src/runtime/bisect.ts';
import { verifyOptimized } from '../../src/runtime/equivalence.ts';
import type { EquivalenceOptions, EquivalenceReport, Rewrite } from '../../src/runtime/equivalence-report.ts';
import { verifyTable } from '../../src/runtime/verify-table.ts';
import { golden } from '../golden.ts';
import { constants, Maker, tinyNet, type } from './graphs.ts';

// Sessions are opened; on a busy machine that takes its time.
vi.setConfig({ testTimeout: 120_000 });

/** A sum becomes a difference. */
const wrong = rule({
  name: 'simplify/wrong',
  doc: 'a + b → a − b, which is wrong',
  lowers: false,
  match: op('add', 'root'),
  exact: {},
  rewrite: ({ root }, g) => g.replace(root.y, g.node('sub', root.operands, {}, root)),
});
const rewrites = (rules: readonly Rule[]) => (graph: Graph, fuel: number, onFiring: (firing: Rewrite) => void) => {
  const left = new Fuel(fuel, onFiring);
  left.pass = 'simplify';
  runRules(graph, rules, new NameTable(graph), { fuel: left });
};

interface Given {
  readonly make: () => Graph;
  readonly rewrite?: (graph: Graph, fuel: number, onFiring: (firing: Rewrite) => void) => void;
  readonly options?: Partial<EquivalenceOptions>;
}
async function verified({ make, rewrite = () => undefined, options }: Given): Promise<EquivalenceReport> {
  const rebuilt = async (fuel: number, onFiring: (firing: Rewrite) => void): Promise<[Graph, OnnxModel]> => {
    const graph = make();
    rewrite(graph, fuel, onFiring);
    return [graph, emitOnnx(graph)];
  };
  const [after, onnx] = await rebuilt(Infinity, () => undefined);
  return verifyOptimized({
    original: await onnxBytes(emitOnnx(make())),
    before: make(),
    after,
    onnx,
    constants,
    rebuild: async (fuel, onFiring) => (await rebuilt(fuel, onFiring))[1],
    eps: ['cpu'],
    seed: 1,
    threads: 1,
    ...options,
  });
}
const show = (report: EquivalenceReport): string =>
  render(report.diagnostics, { color: false, width: 130 }).replace(/\d\.\de[+-]\d+/g, '0.0e-0');
const keep = (name: string, report: EquivalenceReport, tidy = (text: string): string => text): void => {
  expect(report.diagnostics.map((d) => d.code)).toContain(name.slice(0, 7));
  golden(`errors/${name}.txt`, tidy(show(report)));
};

describe('halving', () => {
  test.each(Array.from({ length: 9 }, (_, n) => n))('finds %i of 8', async (n) => {
    let asked = 0;
    const found = await smallestFailing(8, async (steps) => {
      asked++;
      return steps >= n;
    });
    expect([found, asked <= 5]).toEqual([n, true]);
  });
});

describe('a right rewrite', () => {
  test('agrees with the float64 reference at every size, with and without the optimiser of onnxruntime', async () => {
    const report = await verified({ make: tinyNet, rewrite: rewrites([foldBatchnormIntoLinear]) });
    expect([report.ok, report.diagnostics, report.culprit]).toEqual([true, [], undefined]);
    expect(report.against).toBe('the float64 reference');
    const expected = ['smallest', 'next odd', 'negative', 'positive'].flatMap((name) =>
      ['file off', 'file all', '-O1 off', '-O1 all'].map((run) => `${name} ${run}`),
    );
    expect(report.runs.map((run) => `${run.case} ${run.level} ${run.optimizer}`)).toEqual(expected);
    for (const run of report.runs) expect(run.outputs[0]?.relative).toBeLessThan(2e-6);
    expect(verifyTable(report)).toContain('all 16 runs agree with the float64 reference');
  });
});

describe('sizes that may be 0', () => {
  const past = (least: number) => () => {
    const graph = new Graph('Past');
    const P = Dim.promised('P', { ...noPromise, least });
    const joined = graph.create(
      concat,
      [graph.input('past', type('f32', 'N', P, 2)), graph.input('x', type('f32', 'N', 'T', 2))],
      { axis: 1 },
      { scope: 'joined' },
    );
    graph.output('y', graph.create(neg, [joined.y], {}, { scope: 'turned' }).y);
    return graph;
  };
  test('are run with nothing there', async () => {
    const report = await verified({ make: past(0) });
    expect(report.ok).toBe(true);
    expect(report.cases.find(({ name }) => name === 'empty')?.bindings.get('P')).toBe(0);
    expect(report.runs.filter((run) => run.case === 'empty')).toHaveLength(4);
    expect((await verified({ make: past(1) })).cases.map(({ name }) => name)).not.toContain('empty');
  });
  test('find what is wrong there alone', async () => {
    // −v + Σ v[:, :, :min(P, 1)] − Σ v[:, :, :1], right where P is at least 1.
    const off = rule({
      name: 'simplify/off-where-empty',
      doc: '−v → (a − b) − v, which is wrong',
      lowers: false,
      match: op('neg', 'root'),
      exact: {},
      rewrite: ({ root }, g) => {
        const P = root.x.producer?.x.type.dims[1] ?? Dim.one;
        const sum = (end: Dim) => {
          const cut = g.node('slice', [root.x], { starts: [Dim.zero], ends: [end], axes: [2], steps: [1] }, root);
          return g.node('reduce_sum', [cut], { axes: [2], keepdims: true }, root);
        };
        const difference = g.node('sub', [sum(Dim.min(P, Dim.one)), sum(Dim.one)], {}, root);
        return g.replace(root.y, g.node('sub', [difference, root.x], {}, root));
      },
    });
    const report = await verified({ make: past(0), rewrite: rewrites([off]) });
    expect(report.ok).toBe(false);
    expect(report.runs.filter(({ ok }) => !ok).every((run) => run.case === 'empty')).toBe(true);
  });
});

describe('a wrong rewrite', () => {
  test('is found among right ones, and named with its pass and node', async () => {
    const report = await verified({ make: tinyNet, rewrite: rewrites([foldBatchnormIntoLinear, wrong]) });
    expect(report.ok).toBe(false);
    expect(report.culprit).toMatchObject({ index: 2, pass: 'simplify', rule: 'simplify/wrong', node: 'sum' });
    keep('RES0816-wrong-rule', report);
  });
  test('is found where there is no reference', async () => {
    const report = await verified({ make: withForeign, rewrite: rewrites([wrong]) });
    expect(report.against).toBe('the original');
    expect(report.culprit).toMatchObject({ index: 1, rule: 'simplify/wrong' });
    expect(verifyTable(report)).toContain('no float64 reference: Identity has none');
  });
  test('is no rewrite where reading and writing broke the model', async () => {
    const other = tinyNet({ kernel: 1.01 });
    const onnx = emitOnnx(other);
    const report = await verified({ make: tinyNet, options: { after: other, onnx, rebuild: async () => onnx } });
    expect(report.ok).toBe(false);
    expect(report.culprit?.index).toBe(0);
    expect(show(report)).toContain('without any pass');
  });
  test('of a kernel by a ten-thousandth is caught, by rounding is not', async () => {
    const nudged = (kernel: number) => {
      const after = tinyNet({ kernel });
      return { after, onnx: emitOnnx(after), rebuild: undefined };
    };
    expect((await verified({ make: tinyNet, options: nudged(1 + 1e-4) })).ok).toBe(false);
    expect((await verified({ make: tinyNet, options: nudged(1 + 1e-8) })).ok).toBe(true);
  });
  test('that onnxruntime refuses is no other failure', async () => {
    const after = tinyNet();
    const onnx = emitOnnx(after);
    const nodes = onnx.graph.nodes.map((node) => (node.opType === 'Relu' ? { ...node, opType: 'NoSuchOperator' } : node));
    const broken = { ...onnx, graph: { ...onnx.graph, nodes } };
    const report = await verified({ make: tinyNet, options: { after, onnx: broken, rebuild: async () => broken } });
    keep('RES0817-operator', report, (text) => text.replace(/found .*/, 'found     (what onnxruntime says)'));
    expect(report.ok).toBe(false);
  });
});

const foreign = (opType: string, attributes: readonly never[] = []) => ({
  domain: '',
  opType,
  attributes,
  outputs: [true],
  rest: new Uint8Array(),
});

/** x + Identity(x), of which the identity is none of ours. */
function withForeign(): Graph {
  const m = new Maker();
  const x = m.graph.input('x', type('f32', 'N', 4));
  const same = m.node(foreignOperator(foreign('Identity'), [x.type]), [x], 'same');
  const add = tinyNet().last?.prev;
  const sum = [...tinyNet().nodes()].find((node) => node.op.name === 'add') ?? add;
  if (!sum) throw new Error('no add');
  m.graph.output('y', m.node(sum.op, [x, same], 'sum'));
  return m.graph;
}

describe('what cannot be compared', () => {
  // onnxruntime seeds a random operator by its place, so that the optimised model gives other numbers.
  const random = (place: number): Graph => {
    const m = new Maker();
    let x = m.graph.input('x', type('f32', 64));
    for (let i = 0; i < place; i++) x = m.node(sqrt, [x], `root${i}`);
    m.graph.output('y', m.node(foreignOperator(foreign('RandomNormalLike'), [x.type]), [x], 'noise'));
    return m.graph;
  };
  test('is said, and nothing at all is no proof', async () => {
    const after = random(1);
    const report = await verified({ make: () => random(0), options: { after, onnx: emitOnnx(after) } });
    keep('RES0819-random', report);
    keep('RES0830-random', report);
    expect(report.ok).toBe(false);
  });
  test('an original that does not run is none of our failures; both graphs are compared in float64', async () => {
    const broken = new TextEncoder().encode('no model');
    const report = await verified({ make: tinyNet, rewrite: rewrites([foldBatchnormIntoLinear]), options: { original: broken } });
    keep('RES0818-no-model', report, (text) => text.replace(/found .*/, 'found     (what onnxruntime says)'));
    expect(report.ok).toBe(true);
    const off = await verified({ make: tinyNet, rewrite: rewrites([wrong]), options: { original: broken } });
    expect(off.ok).toBe(false);
  });
  test('inputs that are no tensors are refused', async () => {
    const graph = new Graph('g');
    graph.input('words', foreignTypeOf({ text: 'tensor(string)[2]' }));
    const m = tinyNet();
    await expect(
      verifyOptimized({
        original: await onnxBytes(emitOnnx(m)),
        before: graph,
        after: graph,
        onnx: emitOnnx(m),
        constants,
        eps: ['cpu'],
      }),
    ).rejects.toThrow('RES0807');
  });
});

describe('inputs', () => {
  test('are tried at other sizes where the smallest do not do', async () => {
    // The importer could not tell that x has a multiple of 12 elements.
    const make = (): Graph => {
      const m = new Maker();
      const x = m.graph.input('x', type('f32', 'N'));
      const cut = foreignOperator({ ...foreign('Identity') }, [type('f32', Dim.symbol('?n'))]);
      const y = m.node(cut, [x], 'same');
      const rows = m.node(reshape, [y], 'rows', { shape: [Dim.symbol('?n')] });
      m.graph.output('y', rows);
      return m.graph;
    };
    const report = await verified({ make });
    expect([report.ok, report.cases[0]?.name]).toEqual([true, 'smallest']);
  });
  test('of roots are positive, and NaN where the original has it is no error', async () => {
    const make = (): Graph => {
      const m = new Maker();
      const x = m.graph.input('x', type('f32', 8));
      m.graph.output('y', m.node(sqrt, [x], 'root'));
      return m.graph;
    };
    const report = await verified({ make });
    expect(report.ok).toBe(true);
    expect([...(report.cases[0]?.inputs.get('x')?.data ?? [])].every((v) => v > 0)).toBe(true);
    const negative = new Map([['x', { elem: 'f32' as const, dims: [8], data: new Float64Array(8).fill(-1) }]]);
    expect((await verified({ make, options: { inputs: negative } })).ok).toBe(true);
  });
  test('that decide on a hair are excused, others are not', async () => {
    const decide = (margin: number, factor = 1) => {
      const m = new Maker();
      const x = m.graph.input('x', type('f32', 400, 1));
      const w = m.constant('w', { elem: 'f32', dims: [2, 1], data: Float64Array.of(1 + margin, factor) });
      const scores = m.node(linear, [x, w, undefined], 'fc');
      m.graph.output('best', m.node(argmax, [scores], 'best', { axis: 1, keepdims: false }));
      return m.graph;
    };
    const compare = (factor: number) => {
      const after = decide(2 ** -6, factor);
      return verified({ make: () => decide(2 ** -6), options: { after, onnx: emitOnnx(after), rebuild: undefined } });
    };
    expect((await compare(1)).ok).toBe(true);
    expect((await compare(1.5)).ok).toBe(false);
  });
});
