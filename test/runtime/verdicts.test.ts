/** Who is blamed: networks that amplify rounding, passes and lowerings that are wrong in them, and runtimes that are. */
import { describe, expect, it, vi } from 'vitest';
import { build } from '../../src/check.ts';
import { render } from '../../src/diagnostics/render.ts';
import type { Graph } from '../../src/ir/graph.ts';
import type { Operator } from '../../src/ir/operator.ts';
import { relu } from '../../src/ops/activation.ts';
import { conv } from '../../src/ops/conv.ts';
import { add, greater, mul, sub } from '../../src/ops/elementwise.ts';
import { linear } from '../../src/ops/linear.ts';
import { maxpool } from '../../src/ops/pool.ts';
import { argmax, reduceSum } from '../../src/ops/reduce.ts';
import { randomTensor } from '../../src/runtime/inputs.ts';
import { type VerifyOptions, verifyModel } from '../../src/runtime/verify-model.ts';
import type { VerifyReport } from '../../src/runtime/verify-report.ts';
import { verifyTable } from '../../src/runtime/verify-table.ts';
import { golden } from '../golden.ts';
import { constants, Maker, type } from './graphs.ts';
import { swiftshader } from './swiftshader.ts';

// Processes are started, and shaders compiled in software; on a busy machine that takes its time.
vi.setConfig({ testTimeout: 120_000 });

const verify = (options: Pick<VerifyOptions, 'before' | 'after'> & Partial<VerifyOptions>) =>
  verifyModel({ constants, eps: ['cpu'], seed: 1, threads: 1, ...options });
const codes = (report: VerifyReport) => report.diagnostics.map((d) => d.code);
const show = (report: VerifyReport) =>
  render(report.diagnostics, { color: false, width: 130 })
    .replace(/\d\.\de[+-]\d+/g, '0.0e-0')
    .replace(/onnxruntime-node [\d.]+/g, 'onnxruntime-node 0.0.0')
    .replace(/\(SwiftShader.*\)$/gm, '(an adapter)');

interface Wrong {
  /** Of the kernel in the middle, a factor. */
  readonly kernel?: number;
  /** Of the last kernel, which nothing amplifies. */
  readonly last?: number;
}

/**
 * An EDSR without its residual scale: sums of bodies that nobody normalises grow by `gain` in every block, and unlike parts of
 * the picture cancel in the last layer, so that an error of the last digits becomes one of 1e-3.
 */
function wild(gain = 3, depth = 40, wrong: Wrong = {}): Graph {
  const m = new Maker('Wild');
  const width = 4;
  const pads = 1;
  let y = m.node(
    conv,
    [m.graph.input('image', type('f32', 'N', 3, 'H', 'W')), m.weight('head', [width, 3, 3, 3]), undefined],
    'head',
    {
      pads,
    },
  );
  for (let i = 0; i < depth; i++) {
    const tensor = randomTensor('f32', [width, width, 3, 3], `body${i}`, { low: -0.25 * gain, high: 0.25 * gain });
    const factor = i === depth >> 1 ? (wrong.kernel ?? 1) : 1;
    const weight = m.constant(`body${i}`, { ...tensor, data: tensor.data.map((v) => v * factor) });
    const body = m.node(conv, [m.node(relu, [y], `relu${i}`), weight, undefined], `body${i}`, { pads });
    y = m.node(add, [body, y], `sum${i}`);
  }
  const tail = m.weight('tail', [3, width, 3, 3]);
  const scaled = m.constant('tail', {
    elem: 'f32',
    dims: [3, width, 3, 3],
    data: resident(tail.content?.resident, wrong.last ?? 1),
  });
  m.graph.output('y', m.node(conv, [y, scaled, undefined], 'tail', { pads }));
  return m.graph;
}
function resident(data: Float64Array | undefined, factor: number): Float64Array {
  if (!data) throw new Error('not resident');
  return data.map((v) => v * factor);
}

/** (x·W + c) − c: what is left of x·W is what c leaves room for. */
function cancelling(c: number, wrong = 1, op: Operator = add): Graph {
  const m = new Maker('Cancelling');
  const x = m.graph.input('x', type('f32', 'N', 16));
  const tensor = randomTensor('f32', [8, 16], 'w');
  const w = m.constant('w', { ...tensor, data: tensor.data.map((v) => v * wrong) });
  const big = m.constant('big', { elem: 'f32', dims: [], data: Float64Array.of(c) });
  const y = m.node(op, [m.node(linear, [x, w, undefined], 'fc'), big], 'plus');
  m.graph.output('y', m.node(sub, [y, big], 'minus'));
  return m.graph;
}

/** Rows that sum to nearly nothing: the cancellation is inside of the product, where no result shows it. */
function innerCancelling(c: number, wrong = 1): Graph {
  const m = new Maker('Inner');
  const x = m.graph.input('x', type('f32', 'N', 64));
  const first = randomTensor('f32', [1, 64], 'a').data;
  // Doubled x meets c and −c in turn, and a weight of its own.
  const pairs = new Float64Array(8 * 128);
  for (let row = 0; row < 8; row++) {
    for (let i = 0; i < 64; i++) {
      pairs[row * 128 + i] = c * (1 + (first[i] ?? 0));
      pairs[row * 128 + 64 + i] = -c * (1 + (first[i] ?? 0)) * (1 + 2 ** -15 * wrong);
    }
  }
  const twice = randomTensor('f32', [128, 64], 'zero', { low: 0, high: 0 });
  for (let i = 0; i < 64; i++) {
    twice.data[i * 64 + i] = 1;
    twice.data[(64 + i) * 64 + i] = 1;
  }
  const y = m.node(linear, [x, m.constant('twice', twice), undefined], 'twice');
  m.graph.output('y', m.node(linear, [y, m.constant('pairs', { elem: 'f32', dims: [8, 128], data: pairs }), undefined], 'pairs'));
  return m.graph;
}

const largest = (report: VerifyReport) => Math.max(...report.runs.flatMap((run) => run.outputs.map((output) => output.largest)));
const e0 = (report: VerifyReport) => Math.max(...report.runs.flatMap((run) => run.outputs.map((output) => output.relative)));

describe('networks that amplify rounding', () => {
  it('beyond 1e20 are no fault of anybody', async () => {
    const report = await verify({ before: wild(14, 40), after: wild(14, 40) });
    expect(largest(report)).toBeGreaterThan(1e20);
    expect(codes(report)).toEqual([]);
    expect(report.ok).toBe(true);
  });
  it('by cancellation, between operators and inside of them', async () => {
    for (const graph of [() => cancelling(2 ** 11), () => innerCancelling(1)]) {
      const report = await verify({ before: graph(), after: graph() });
      expect(e0(report)).toBeGreaterThan(1e-5);
      expect(codes(report)).toEqual([]);
      expect(report.ok).toBe(true);
    }
  });
  it('keep a wrong pass from nothing', async () => {
    for (const wrong of [{ kernel: 1.5 }, { last: 1.01 }]) {
      const report = await verify({ before: wild(14, 40), after: wild(14, 40, wrong) });
      expect(codes(report)).toEqual(['RES0810']);
      expect(report.suspects[0]?.scope).toBe(wrong.last ? 'tail' : 'body20');
    }
    expect(codes(await verify({ before: cancelling(2 ** 11), after: cancelling(2 ** 11, 1.05) }))).toEqual(['RES0810']);
    expect(codes(await verify({ before: innerCancelling(1), after: innerCancelling(1, 1.5) }))).toEqual(['RES0810']);
  });
  it('keep a wrong lowering from nothing', async () => {
    const wrong: Operator = { ...add, lower: (b, node, operands) => mul.lower(b, node, operands) };
    const report = await verify({ before: cancelling(2 ** 11, 1, wrong), after: cancelling(2 ** 11, 1, wrong) });
    expect(codes(report)).toEqual(['RES0811']);
    golden('errors/RES0811-lowering.txt', show(report));
  });
});

describe('outputs that a type cannot hold', () => {
  it('are compared in float64, which is said', async () => {
    const report = await verify({ before: cancelling(2 ** 40), after: cancelling(2 ** 40) });
    expect(codes(report)).toEqual(['RES0819']);
    expect(report.ok).toBe(true);
    expect(report.runs.every((run) => run.verdict === 'noise')).toBe(true);
    expect(verifyTable(report)).toMatch(
      /rounding alone changes .* of the largest element of y; in float64\s+both graphs are equal/,
    );
  });
  it('still show a wrong pass', async () => {
    const report = await verify({ before: cancelling(2 ** 40), after: cancelling(2 ** 40, 1.001) });
    expect(codes(report)).toContain('RES0810');
    expect(report.ok).toBe(false);
  });
  it('are no proof where no pass ran', async () => {
    const graph = cancelling(2 ** 40);
    const report = await verify({ before: graph, after: graph });
    expect(codes(report)).toEqual(['RES0819', 'RES0830']);
    expect(report.ok).toBe(false);
  });
  it('overflow without blame', async () => {
    const graph = (): Graph => {
      const m = new Maker();
      let y = m.graph.input('x', type('f32', 'N', 4));
      const big = m.constant('big', { elem: 'f32', dims: [], data: Float64Array.of(1e30) });
      for (const scope of ['a', 'b']) y = m.node(mul, [y, big], scope);
      m.graph.output('y', y);
      return m.graph;
    };
    const report = await verify({ before: graph(), after: graph() });
    expect(codes(report)).toEqual(['RES0819']);
  });
});

describe('decisions in networks that amplify rounding', () => {
  const decide = (kind: 'argmax' | 'greater', wrong = 1): Graph => {
    const m = new Maker();
    const x = m.graph.input('x', type('f32', 200, 16));
    const tensor = randomTensor('f32', [8, 16], 'w');
    const w = m.constant('w', { ...tensor, data: tensor.data.map((v, i) => (i < 16 ? v * wrong : v)) });
    const big = m.constant('big', { elem: 'f32', dims: [], data: Float64Array.of(2 ** 18) });
    const y = m.node(sub, [m.node(add, [m.node(linear, [x, w, undefined], 'fc'), big], 'plus'), big], 'minus');
    const zero = m.constant('zero', { elem: 'f32', dims: [], data: Float64Array.of(0) });
    m.graph.output(
      'y',
      kind === 'argmax' ? m.node(argmax, [y], 'best', { axis: 1, keepdims: false }) : m.node(greater, [y, zero], 'gt'),
    );
    return m.graph;
  };
  it.each(['argmax', 'greater'] as const)('%s is excused within the noise of its operands, and no further', async (kind) => {
    const right = await verify({ before: decide(kind), after: decide(kind) });
    expect(codes(right)).toEqual([]);
    expect(right.runs.some((run) => run.outputs.some((output) => output.excused > 0))).toBe(true);
    expect(codes(await verify({ before: decide(kind), after: decide(kind, -1) }))).toEqual(['RES0810']);
  });
});

describe('runtimes that are wrong', () => {
  /**
   * A max pool with its padding of zeros as a node of its own, which the optimiser of onnxruntime 1.30 folds into the pool as −∞.
   */
  const paddedPool: Operator = {
    ...maxpool,
    name: 'padded_pool',
    evaluate(operands, attrs) {
      const [x] = operands;
      if (!x) throw new Error('no operand');
      const [n = 1, c = 1, h = 1, w = 1] = x.dims;
      const data = new Float64Array(n * c * (h + 2) * (w + 2));
      x.data.forEach((v, i) => {
        const plane = Math.floor(i / (h * w));
        data[plane * (h + 2) * (w + 2) + (Math.floor((i % (h * w)) / w) + 1) * (w + 2) + (i % w) + 1] = v;
      });
      return maxpool.evaluate([{ ...x, dims: [n, c, h + 2, w + 2], data }], { ...attrs, pads: [0, 0, 0, 0] });
    },
    lower(b, node, [x]) {
      const pads = b.i64([0, 0, 1, 1, 0, 0, 1, 1]);
      const padded = b.node('Pad', [x, pads, b.scalar('f32', 0)], {}, type('f32', 1, 1, 6, 6));
      return [b.node('MaxPool', [padded], { kernel_shape: { kind: 'ints', value: [3, 3] } }, node.y.type)];
    },
  };
  const pool = (): Graph => {
    const m = new Maker('Pool');
    const x = m.graph.input('x', type('f32', 1, 1, 4, 4));
    m.graph.output('y', m.node(paddedPool, [x], 'pool', { kernel: [3, 3], pads: [1, 1, 1, 1] }));
    return m.graph;
  };

  it('are named where their optimiser is wrong', async () => {
    const graph = pool();
    const report = await verify({ before: graph, after: graph });
    expect(codes(report)).toEqual(['RES0831']);
    expect(report.ok).toBe(false);
    golden('errors/RES0831-pad-max.txt', show(report));
  });

  it('are named where a kernel of theirs is wrong', async (context) => {
    const environment = swiftshader(context);
    const { graph } = build('model Nine {\n  input x: f32[N, 9, 6, 6]\n  c: conv(64, 3x3)\n  output y\n}\n');
    if (!graph) throw new Error('no graph');
    const report = await verify({ before: graph, after: graph, eps: ['cpu', 'webgpu'], environment });
    expect(codes(report)).toEqual(['RES0832']);
    expect(report.runs.filter((run) => run.provider === 'cpu').every((run) => run.ok)).toBe(true);
    golden('errors/RES0832-conv.txt', show(report));
  });
});

describe('counts in floats', () => {
  it('are moved by no noise', async () => {
    const graph = (wrong = 0): Graph => {
      const m = new Maker();
      const x = m.graph.input('x', type('f32', 4));
      const ones = m.constant('ones', { elem: 'f32', dims: [5], data: new Float64Array(5).fill(1) });
      const five = m.node(reduceSum, [ones], 'five', { axes: [0], keepdims: true });
      const limit = m.constant('limit', { elem: 'f32', dims: [], data: Float64Array.of(4.5 + wrong) });
      m.graph.output('y', m.node(greater, [five, limit], 'gt'));
      m.graph.output('z', x);
      return m.graph;
    };
    expect(codes(await verify({ before: graph(), after: graph() }))).toEqual([]);
    expect(codes(await verify({ before: graph(), after: graph(1) }))).toEqual(['RES0810']);
  });
});
