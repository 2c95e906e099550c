/** Random small residual graphs in float64: every pass alone and all together against the reference evaluation of the source. */

import { describe, expect, it } from 'vitest';
import { cloneGraph } from '../../src/ir/clone.ts';
import { Dim } from '../../src/ir/dim.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import { type AttrValue, CheckFailure } from '../../src/ir/operator.ts';
import { printGraph } from '../../src/ir/print.ts';
import type { HostTensor } from '../../src/ir/types.ts';
import { EvaluationError } from '../../src/ops/reference.ts';
import { operatorByName } from '../../src/ops/registry.ts';
import type { PipelineOptions } from '../../src/passes/pipeline.ts';
import { passNames } from '../../src/passes/schedule.ts';
import { full, literal } from '../support/tensors.ts';
import { errorBetween, evaluate, inputsOf, randomSource, randomTensor, run } from './support.ts';

const elem = 'f64';

/** A graph of some twenty operators, biased towards what the rules look for. */
function randomGraph(seed: number): Graph {
  const next = randomSource(seed);
  const int = (low: number, high: number): number => low + Math.floor(next() * (high - low + 1));
  const pick = <T>(of: readonly T[]): T => of[Math.floor(next() * of.length)] ?? expect.unreachable('nothing to pick');
  const graph = new Graph(`random${seed}`);
  const channels = pick([2, 4]);
  const grid = pick([
    [Dim.symbol('H'), Dim.symbol('W')],
    [Dim.of(7), Dim.of(8)],
  ]);
  const values: Value[] = [graph.input('x', { elem, dims: [Dim.symbol('N'), Dim.of(channels), ...grid] })];
  const weights: Value[] = [];
  let count = 0;
  const constant = (dims: readonly number[], positive = false): Value => {
    const same = weights.filter((one) => one.type.dims.map(String).join() === dims.join());
    if (!positive && same.length > 0 && next() < 0.15) return pick(same);
    const name = `w${count++}`;
    const content =
      next() < 0.06 ? full(elem, dims, pick([0, 1])) : literal(randomTensor(`${seed}:${name}`, dims, elem, positive));
    const value = graph.constant(
      positive ? literal(randomTensor(`${seed}:${name}`, dims, elem, true)) : content,
      'parameter',
      name,
    );
    if (!positive) weights.push(value);
    return value;
  };
  const add = (
    name: string,
    operands: readonly (Value | undefined)[],
    attrs: Readonly<Record<string, AttrValue>> = {},
  ): Value | undefined => {
    const op = operatorByName(name) ?? expect.unreachable(name);
    try {
      const { y } = graph.create(op, operands, attrs, { scope: `s${graph.nodeCount}` });
      values.push(y);
      return y;
    } catch (error) {
      if (error instanceof CheckFailure) return undefined;
      throw error;
    }
  };
  const recent = (): Value => (next() < 0.6 ? values[values.length - 1] : pick(values)) ?? expect.unreachable('no value');
  const channelsOf = (x: Value): number => x.type.dims[1]?.constant ?? 1;
  const vector = (x: Value): Value[] => [
    constant([channelsOf(x)]),
    constant([channelsOf(x)]),
    constant([channelsOf(x)]),
    constant([channelsOf(x)], true),
  ];
  const conv = (x: Value): Value | undefined => {
    const groups = channelsOf(x) % 2 === 0 ? pick([1, 1, 2]) : 1;
    const out = pick([2, 4, channelsOf(x)]);
    if (out % groups !== 0) return undefined;
    const k = pick([
      [1, 1],
      [1, 1],
      [3, 3],
      [1, 3],
      [3, 1],
      [2, 2],
    ]);
    const dilation = pick([1, 1, 1, 2]);
    const half = k.map((n) => Math.floor(((n - 1) * dilation) / 2));
    const pads = next() < 0.75 ? [...half, ...half] : pick([0, 1]);
    const bias = next() < 0.4 ? constant([out]) : undefined;
    return add('conv', [x, constant([out, channelsOf(x) / groups, ...k]), ...(bias ? [bias] : [])], {
      groups,
      pads,
      dilation,
      stride: pick([1, 1, 1, 2]),
    });
  };
  const full1 = graph.constant(full(elem, [1], 1), 'constant');
  const sameType = (x: Value): Value => pick(values.filter((one) => one.type.dims.every((d, i) => d === x.type.dims[i])));
  const steps: readonly (() => unknown)[] = [
    () => conv(recent()),
    () => conv(recent()),
    () => conv(recent()),
    () => {
      const x = recent();
      return add('batchnorm', [x, ...vector(x)]);
    },
    () => {
      const y = conv(recent());
      return y && add('batchnorm', [y, ...vector(y)]);
    },
    () => {
      const x = recent();
      return add('add', [x, sameType(x)]);
    },
    () => {
      const x = recent();
      return add('add', [x, sameType(x)]);
    },
    () => add('relu', [recent()]),
    () => add('leaky_relu', [recent()]),
    () => {
      const x = recent();
      const c = constant(pick([[], [1], [channelsOf(x), 1, 1], [1, channelsOf(x), 1, 1]]), next() < 0.5);
      const name = pick(['mul', 'add', 'sub', 'div']);
      // A divisor that may be near zero would only test the conditioning.
      if (name === 'div')
        return add('div', [
          x,
          constant(
            c.type.dims.map((d) => d.constant ?? 1),
            true,
          ),
        ]);
      return add(name, next() < 0.5 ? [x, c] : [c, x]);
    },
    () =>
      add(
        'maxpool',
        [recent()],
        pick([
          { kernel: 1, stride: 2 },
          { kernel: 2, stride: 2 },
          { kernel: 3, pads: 1, stride: 1 },
        ]),
      ),
    () =>
      add(
        'avgpool',
        [recent()],
        pick([
          { kernel: 2, stride: 2 },
          { kernel: 3, pads: 1, stride: 1, count_include_pad: true },
          { kernel: 3, pads: 1, stride: 2 },
        ]),
      ),
    () => {
      const x = recent();
      const [h, w] = x.type.dims.slice(2);
      return h && w && add('slice', [x], { starts: [Dim.zero, Dim.zero], ends: [h, w], axes: [2, 3], steps: [2, 2] });
    },
    () => add('pad', [recent()], { pads: [0, int(0, 1), 0, 0, 0, int(0, 2), 0, 0] }),
    () => {
      const x = recent();
      return add('concat', [x, pick(values)], { axis: 1 });
    },
    () => add('conv_transpose', [recent(), constant([channelsOf(recent()), 2, 2, 2])], { stride: 2 }),
    () => add('identity', [recent()]),
    () => add('resize', [recent()], { scales: [2, 2], mode: pick(['nearest', 'linear']) }),
    () => add('pad', [recent()], { pads: [0, 0, int(0, 1), int(0, 1), 0, 0, int(0, 2), 0], value: pick([0, 0, 0, 1]) }),
    () => {
      // A pad before a window, with and without what makes it never negative.
      const x = recent();
      const sure = next() < 0.5 ? (add('relu', [x]) ?? x) : x;
      const padded = add('pad', [sure], { pads: [0, 0, 1, 1, 0, 0, 1, 0] });
      if (!padded) return;
      if (next() < 0.4) add('maxpool', [padded], { kernel: 3, stride: 2, pads: pick([0, 1]), dilation: 1 });
      else if (next() < 0.6) add('avgpool', [padded], { kernel: 3, pads: pick([0, 1]), count_include_pad: next() < 0.5 });
      else conv(padded);
    },
    () => {
      // Channels last between two convs: arithmetic, a residual sum, a reduction.
      const x = recent();
      const t = add('transpose', [x], { perm: [0, 2, 3, 1] });
      const biased = t && add(pick(['add', 'mul']), [t, constant([channelsOf(x)])]);
      const other = biased && add('transpose', [sameType(x)], { perm: [0, 2, 3, 1] });
      const sum = other && add('add', [other, biased]);
      const act = sum && add(pick(['relu', 'sigmoid']), [sum]);
      if (act && next() < 0.8) add('transpose', [act], { perm: [0, 3, 1, 2] });
      if (act && next() < 0.3) add('reduce_mean', [act], { axes: [1, 2], keepdims: next() < 0.5 });
    },
    () => {
      // Channels on the other side of a reshape, and back.
      const x = recent();
      const [n, c, h, w] = x.type.dims;
      const y = n && c && h && w && conv(x);
      const flat =
        y && add('reshape', [y], { shape: [n, y.type.dims[1] ?? c, (y.type.dims[2] ?? h).times(y.type.dims[3] ?? w)] });
      const normed =
        flat &&
        pick([() => add('batchnorm', [flat, ...vector(flat)]), () => add('mul', [flat, constant([channelsOf(flat), 1])])])();
      if (normed && y) add('reshape', [normed], { shape: y.type.dims });
    },
    () => {
      // A batchnorm behind a concat of convs.
      const x = recent();
      const c = channelsOf(x);
      const joined = add('concat', [conv(x) ?? x, add('conv', [x, constant([2, c, 1, 1])]) ?? x], { axis: 1 });
      if (joined) add('batchnorm', [joined, ...vector(joined)]);
    },
    () => {
      const x = recent();
      const one = add(pick(['exp', 'sigmoid']), [x]);
      const inverse = one && (next() < 0.5 ? add('reciprocal', [one]) : add('div', [full1, one]));
      if (inverse) add('mul', next() < 0.5 ? [inverse, sameType(inverse)] : [sameType(inverse), inverse]);
    },
    () => {
      // A scale that passes a relu into the conv behind it.
      const x = recent();
      const scaled = add('mul', [x, constant(pick([[], [channelsOf(x), 1, 1]]), true)]);
      const act = scaled && add('relu', [scaled]);
      return act && conv(act);
    },
    () => {
      const x = recent();
      const minus = add('neg', [x]);
      return minus && add(pick(['add', 'sub']), next() < 0.5 ? [sameType(x), minus] : [minus, sameType(x)]);
    },
    () => {
      // RepVGG: three branches over one input.
      const x = recent();
      const c = channelsOf(x);
      const a = add('conv', [x, constant([c, c, 3, 3])], { pads: 1 });
      const b = add('conv', [x, constant([c, c, 1, 1]), constant([c])]);
      const ab = a && b && add('add', [a, b]);
      return ab && add('add', [ab, pick([x, add('batchnorm', [x, ...vector(x)]) ?? x])]);
    },
  ];
  for (let i = int(6, 16); i > 0; i--) pick(steps)();
  if (next() < 0.5) {
    const pooled = add('global_avgpool', [recent()]);
    const flat = pooled && add('reshape', [pooled], { shape: [Dim.symbol('N'), Dim.of(channelsOf(pooled))] });
    const head = flat && add('linear', [flat, constant([4, channelsOf(flat)]), ...(next() < 0.5 ? [constant([4])] : [])]);
    if (head && next() < 0.5) add('linear', [head, constant([3, 4])]);
    else if (head) add('batchnorm', [head, ...vector(head)]);
    if (flat && head && next() < 0.5) {
      const product = add('gemm', [head, constant([4, 4]), ...(next() < 0.5 ? [constant([4])] : [])], {
        alpha: 0.5,
        trans_b: next() < 0.5,
      });
      const shown = product && (next() < 0.5 ? add('transpose', [product], { perm: [1, 0] }) : add('add', [product, head]));
      if (shown) add('gemm', [shown, shown], { trans_a: true });
    }
  }
  let n = 0;
  for (const value of values) if (value.producer && (value.uses.size === 0 || next() < 0.05)) graph.output(`y${n++}`, value);
  if (n === 0) graph.output('y', values[0] ?? expect.unreachable('no value'));
  return graph;
}

const options: readonly (readonly [string, PipelineOptions])[] = [
  ...passNames.map((name) => [name, { passes: [name], level: 2 }] as const),
  ['-O1', { level: 1 }],
  ['-O2 on a CPU', { level: 2, target: 'cpu' }],
];
const graphs = 300;

function finiteResults(graph: Graph, inputs: ReadonlyMap<string, HostTensor>): Map<string, HostTensor> | undefined {
  try {
    const results = evaluate(graph, inputs);
    return [...results.values()].every((x) => x.data.every((v) => Number.isFinite(v))) ? results : undefined;
  } catch (error) {
    if (error instanceof EvaluationError) return undefined;
    throw error;
  }
}

describe('random graphs', () => {
  const fired = new Map<string, number>();
  let skipped = 0;
  it.each(Array.from({ length: 10 }, (_, i) => i))(
    'part %i',
    (part) => {
      for (let seed = part; seed < graphs; seed += 10) {
        const source = randomGraph(seed);
        const text = printGraph(source);
        const inputs = inputsOf(source, (symbol) => ({ N: 2, H: 9, W: 8 })[symbol] ?? 1, `seed${seed}`);
        const expected = finiteResults(source, inputs);
        // Strides may leave no place at this size, which is no graph to compare.
        if (!expected) {
          skipped++;
          continue;
        }
        for (const [name, option] of options) {
          const graph = cloneGraph(source);
          const report = run(graph, option);
          for (const pass of report.passes)
            for (const [rule, n] of Object.entries(pass.fired)) fired.set(rule, (fired.get(rule) ?? 0) + n);
          const error = errorBetween(expected, evaluate(graph, inputs));
          expect(error, `seed ${seed}, ${name}\n${text}\n${printGraph(graph)}`).toBeLessThan(1e-9);
          if (name.startsWith('-O')) {
            const done = printGraph(graph);
            expect(
              run(graph, option).passes.flatMap((pass) => Object.keys(pass.fired)),
              `seed ${seed}, ${name} again\n${done}`,
            ).toEqual([]);
          }
        }
        expect(printGraph(source)).toBe(text);
      }
    },
    60_000,
  );

  it('fires what it is meant to test', () => {
    const wanted = [
      'fold-batchnorm/into-linear',
      'fold-batchnorm/into-readers',
      'fold-affine/into-linear',
      'fold-affine/into-readers',
      'fold-affine/through',
      'merge-branches/sum',
      'merge-linear/convs',
      'commute-pool/average',
      'move-stride/up',
      'fuse-shortcut/bias',
      'fuse-shortcut/zero',
      'fold-pad/into-windows',
      'move-transpose/through',
      'fold-affine/over-views-into-linear',
      'fold-affine/into-joined',
      'fuse-gemm/linear',
      'fuse-gemm/result',
      'fuse-gemm/sum',
      'simplify/quotient',
      'simplify/negated',
    ];
    expect(wanted.filter((name) => !fired.has(name))).toEqual([]);
    expect(skipped).toBeLessThan(graphs / 10);
  });
});
