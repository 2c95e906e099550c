/** Activations and peak memory against a count that looks at every moment anew. */
import { describe, expect, test } from 'vitest';
import { build } from '../../src/check.ts';
import { lowerGraph } from '../../src/codegen/emit.ts';
import { Dim } from '../../src/ir/dim.ts';
import { memoryOf } from '../../src/ir/memory.ts';
import type { Schedule, ScheduledNode } from '../../src/ir/schedule.ts';
import { elemBytes, type TensorType } from '../../src/ir/types.ts';
import { optimizeOnnx } from '../../src/optimize.ts';
import { dim, type } from '../codegen/models.ts';

/** Park and Miller's generator. */
class RandomSource {
  #state: number;
  constructor(seed: number) {
    this.#state = seed + 1;
    for (let i = 0; i < 3; i++) this.int(0, 1);
  }
  /** Both ends are meant. */
  int(low: number, high: number): number {
    this.#state = (this.#state * 48271) % 2147483647;
    return low + (this.#state % (high - low + 1));
  }
}

const bytesOf = ({ elem, dims }: TensorType, n: number): number =>
  dims.reduce((product, d) => product * (d.evaluate(new Map([['N', n]])) ?? Number.NaN), elemBytes[elem]);

/** Every key that is read in a node, the sub-graphs below it included. */
function reads(node: ScheduledNode): readonly string[] {
  return [...node.reads, ...node.inner.flatMap((graph) => [...graph.outputs, ...graph.nodes.flatMap(reads)])];
}

/** The definition, word for word: at every node the values that are made by then and read from then on, and those of the node. */
function bruteForce(schedule: Schedule, n: number): number {
  const { inputs, outputs, nodes } = schedule;
  const born = new Map<string, number>();
  const sizes = new Map<string, number>();
  for (const { key, type } of inputs) {
    born.set(key, -1);
    sizes.set(key, bytesOf(type, n));
  }
  nodes.forEach((node, i) => {
    for (const { key, type } of node.makes) {
      born.set(key, i);
      sizes.set(key, bytesOf(type, n));
    }
  });
  let most = 0;
  for (let now = -1; now < nodes.length; now++) {
    let alive = 0;
    for (const [key, from] of born) {
      const later = outputs.includes(key) || nodes.some((node, i) => i >= now && reads(node).includes(key));
      if (from <= now && (later || from === now) && !(from === -1 && !later)) alive += sizes.get(key) ?? 0;
    }
    const inner = nodes[now]?.inner.map((graph) => bruteForce(graph, n)) ?? [];
    most = Math.max(most, alive + Math.max(0, ...inner));
  }
  return most;
}

function random(source: RandomSource, depth = 0, outer: readonly string[] = [], prefix = 'v'): Schedule {
  const size = (): TensorType => ({
    elem: source.int(0, 3) === 0 ? 'i64' : 'f32',
    dims: source.int(0, 4) === 0 ? [Dim.of(source.int(1, 50))] : [dim('N'), Dim.of(source.int(1, 20))],
  });
  const inputs = Array.from({ length: source.int(0, 2) }, (_, i) => ({ key: `${prefix}i${i}`, type: size() }));
  const known = [...outer, ...inputs.map(({ key }) => key), 'weight'];
  const nodes: ScheduledNode[] = [];
  for (let i = 0; i < source.int(0, 8); i++) {
    const pick = (): string => known[source.int(0, known.length - 1)] ?? 'weight';
    const read = Array.from({ length: source.int(0, 3) }, pick);
    const inner =
      depth < 2 && source.int(0, 4) === 0 ? [0, 1].map((k) => random(source, depth + 1, [...known], `${prefix}${i}b${k}`)) : [];
    const makes = Array.from({ length: source.int(1, 2) }, (_, k) => ({ key: `${prefix}n${i}_${k}`, type: size() }));
    known.push(...makes.map(({ key }) => key));
    nodes.push({ reads: read, makes, inner, origin: undefined });
  }
  const own = known.filter((key) => !outer.includes(key) && key !== 'weight');
  return { inputs, outputs: own.filter(() => source.int(0, 3) === 0), nodes };
}

describe('peak memory', () => {
  test('is that of a count at every moment, for random graphs with sub-graphs', () => {
    let symbolic = 0;
    for (let seed = 0; seed < 400; seed++) {
      const schedule = random(new RandomSource(seed));
      const { peak } = memoryOf(schedule);
      // Where no moment is the worst for all N, nothing is said.
      if (!peak) continue;
      if (peak.constant === undefined) symbolic++;
      for (const n of [1, 2, 7, 1000])
        expect(peak.evaluate(new Map([['N', n]])), `seed ${seed}, N=${n}`).toBe(bruteForce(schedule, n));
    }
    expect(symbolic).toBeGreaterThan(100);
  });
  test('a chain holds two neighbours at a time, a shortcut one more', () => {
    const peakOf = (body: string): number | undefined => {
      const { graph, diagnostics } = build(`model M { input x: f32[1, 4, 8, 8]\n${body}\noutput y }`);
      if (!graph) throw new Error(diagnostics[0]?.title);
      return memoryOf(lowerGraph(graph)).peak?.constant;
    };
    const one = 4 * 8 * 8 * 4;
    expect(peakOf('relu sigmoid tanh relu')).toBe(2 * one);
    expect(peakOf('relu residual { conv1: conv(4, 3x3) relu conv2: conv(4, 3x3) }')).toBe(3 * one);
    // Sigmoid(x)·x reads x again.
    expect(peakOf('silu')).toBe(3 * one);
  });
  test('what hangs on two sizes in different ways is said for numbers alone', () => {
    const { graph } = build('model M { input x: f32[N, 4, H, W]  conv: conv(4, 3x3, stride=2)  relu  output y }');
    if (!graph) throw new Error('it does not compile');
    const { peak, activations } = memoryOf(lowerGraph(graph));
    expect(peak).toBeUndefined();
    expect(
      activations?.evaluate(
        new Map([
          ['N', 1],
          ['H', 8],
          ['W', 9],
        ]),
      ),
    ).toBe(2 * 4 * 4 * 5);
  });
  test('values of types without a size count as none, and too large ones make the sum unknown', async () => {
    expect(memoryOf({ inputs: [], outputs: [], nodes: [] })).toMatchObject({ activations: Dim.zero, peak: Dim.zero });
    const huge = { key: 'a', type: type('f32', 2 ** 30, 2 ** 30) };
    expect(memoryOf({ inputs: [], outputs: ['a'], nodes: [{ reads: [], makes: [huge], inner: [], origin: undefined }] })).toEqual(
      {
        activations: undefined,
        peak: undefined,
      },
    );
  });
});

test('the report of an optimised file has what its run holds', async () => {
  const { bytes } = await (await import('../../src/compile.ts')).compile(
    'model M { input x: f32[2, 4]  relu  sigmoid  output y }',
  );
  const { report } = await optimizeOnnx(await bytes());
  expect(report?.memory.activations?.constant).toBe(16);
  expect(report?.memory.peak?.constant).toBe(64);
});
