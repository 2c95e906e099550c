/**
 * `ode`: against torchdiffeq (test/fixtures/ode/make.py), orders of convergence, the step that is a residual block, weights that
 * all evaluations share.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { compile } from '../../src/compile.ts';
import type { Graph, Value } from '../../src/ir/graph.ts';
import { printGraph } from '../../src/ir/print.ts';
import type { HostTensor } from '../../src/ir/types.ts';
import { verifyGraph } from '../../src/ir/verifier.ts';
import { walkGraph } from '../../src/ir/walk.ts';
import { evaluateGraph, evaluateNode } from '../../src/ops/reference.ts';
import { openSession } from '../../src/runtime/session.ts';
import { exprOf, materialize } from '../../src/tensor/values.ts';
import { golden } from '../golden.ts';
import { formulaCheckpoint, formulaTensor } from '../support/formula.ts';

interface Run {
  readonly states: readonly number[];
  readonly evaluations: number;
}
interface Case {
  readonly solver: string;
  readonly t: readonly number[];
  readonly steps?: number;
  readonly rtol?: number;
  readonly atol?: number;
  readonly f32: Run;
  readonly f64: Run;
}
const cases = JSON.parse(readFileSync(new URL('../fixtures/ode/expected.json', import.meta.url), 'utf8')) as readonly Case[];

const shapes = { 'f.a.weight': [8, 2], 'f.a.bias': [8], 'f.b.weight': [2, 8], 'f.b.bias': [2] };

async function compiled(source: string, weights?: Readonly<Record<string, readonly number[]>>, level: 0 | 1 | 2 = 0) {
  const made = await compile(source, { fileName: 'ode.res', level, ...(weights && { weights: formulaCheckpoint(weights) }) });
  if (!made.graph) throw new Error(made.diagnostics.map((d) => `${d.code} ${d.title}: ${d.found}`).join('\n'));
  expect(verifyGraph(made.graph)).toEqual([]);
  return { graph: made.graph, bytes: await made.bytes() };
}

async function constantsOf(graph: Graph): Promise<(value: Value) => HostTensor> {
  const held = new Map<Value, HostTensor>();
  const graphs = [graph];
  for (let one = graphs.pop(); one; one = graphs.pop()) {
    for (const value of one.constants()) if (value.content) held.set(value, await materialize(exprOf(value)));
    for (const node of one.nodes()) graphs.push(...node.regions);
  }
  return (value) => held.get(value) ?? expect.unreachable();
}

/** In float64, and how often the layer with this path ran. */
async function reference(graph: Graph, inputs: Readonly<Record<string, HostTensor>>, counted = 'f.a') {
  let evaluations = 0;
  const outputs = evaluateGraph(graph, new Map(Object.entries(inputs)), await constantsOf(graph), {
    evaluate: (node, operands, bindings, run) => {
      if (node.origin.scope === counted && node.op.name === 'linear') evaluations++;
      return evaluateNode(node, operands, bindings, run);
    },
  });
  return { y: [...outputs.values()][0] ?? expect.unreachable(), evaluations };
}

async function inRuntime(graph: Graph, bytes: Uint8Array, inputs: Readonly<Record<string, HostTensor>>): Promise<HostTensor> {
  const session = await openSession(bytes, { ep: 'cpu', optimization: 'all', graph });
  try {
    return [...(await session.run(new Map(Object.entries(inputs)))).values()][0] ?? expect.unreachable();
  } finally {
    await session.close();
  }
}

function sourceOf({ solver, t, steps, rtol, atol }: Case, more = '', elem = 'f32'): string {
  const options = steps === undefined ? `rtol=${rtol}, atol=${atol === 0 ? '0' : atol}` : `steps=${steps}`;
  return `model M {
  input y: ${elem}[N, 2]
  f: ode(solver="${solver}", t=[${t.join(', ')}], ${options}${more}) as t { a: linear(8)  tanh  b: linear(2)  it * (t + 0.5) * 6 }
  output states
}`;
}

function errorOf(found: HostTensor, expected: readonly number[]): number {
  expect(found.data.length).toBe(expected.length);
  const largest = Math.max(...expected.map(Math.abs));
  return Math.max(...expected.map((v, i) => Math.abs((found.data[i] ?? Number.NaN) - v))) / largest;
}

const text = ({ solver, t, steps, rtol, atol }: Case): string =>
  `${solver} at ${t.join(', ')}${steps === undefined ? ` to ${rtol}, ${atol}` : ` in steps of 1/${steps}`}`;
const y = { y: formulaTensor('input:y', [3, 2]) };
const y64 = { y: { ...y.y, elem: 'f64' as const } };

/** Of two times the last state alone comes out. */
const wanted = ({ t }: Case, { states }: Run): readonly number[] => (t.length === 2 ? states.slice(-6) : states);

describe('what torchdiffeq computes', () => {
  it.each(cases.filter((one) => one.steps !== undefined).map((one) => [text(one), one] as const))('%s', async (_, one) => {
    for (const more of ['', ', emit="loop"']) {
      const { graph, bytes } = await compiled(sourceOf(one, more), shapes, more === '' ? 1 : 2);
      expect([...graph.nodes()].some((node) => node.op.name === 'loop')).toBe(more !== '' && (one.steps ?? 0) > 1);
      const { graph: wide } = await compiled(sourceOf(one, more, 'f64'), shapes, 1);
      const exact = await reference(wide, y64);
      expect(errorOf(exact.y, wanted(one, one.f64))).toBeLessThan(1e-12);
      expect(exact.evaluations).toBe(one.f64.evaluations);
      expect(errorOf(await inRuntime(graph, bytes, y), wanted(one, one.f32))).toBeLessThan(1e-6);
    }
  });

  it.each(cases.filter((one) => one.rtol !== undefined).map((one) => [text(one), one] as const))('%s', async (_, one) => {
    for (const level of [0, 1, 2] as const) {
      const { graph, bytes } = await compiled(sourceOf(one), shapes, level);
      const { graph: wide } = await compiled(sourceOf(one, '', 'f64'), shapes, level);
      const exact = await reference(wide, y64);
      expect(exact.evaluations).toBe(one.f64.evaluations);
      expect(errorOf(exact.y, wanted(one, one.f64))).toBeLessThan(1e-9);
      // As far as float32 moves torchdiffeq's own steps, or what they are held to.
      const own = errorOf({ ...y.y, data: Float64Array.from(wanted(one, one.f32)) }, wanted(one, one.f64));
      const tolerance = Math.max(one.rtol ?? 0, 1e-5, 5 * own);
      expect(errorOf(await inRuntime(graph, bytes, y), wanted(one, one.f32))).toBeLessThan(tolerance);
    }
  });
});

describe('an ode', () => {
  const x = { x: formulaTensor('input:x', [2, 4]) };

  it.each([
    ['euler', 1],
    ['midpoint', 2],
    ['heun2', 2],
    ['heun3', 3],
    ['rk4', 4],
    ['rk4_38', 4],
  ] as const)('converges with %s as h^%i', async (solver, order) => {
    const error = async (steps: number): Promise<number> => {
      const { graph } = await compiled(
        `model M { input x: f64[]  ode(solver="${solver}", t=[0, 2], steps=${steps}) as t { it * cos(t) }  output y }`,
      );
      const found = await reference(graph, { x: { elem: 'f64', dims: [], data: Float64Array.of(1) } });
      return Math.abs((found.y.data[0] ?? 0) - Math.exp(Math.sin(2)));
    };
    const slope = Math.log2((await error(128)) / (await error(256)));
    expect(slope).toBeGreaterThan(order - 0.15);
    expect(slope).toBeLessThan(order + 0.15);
  });

  it('of one Euler step is the graph of a residual block', async () => {
    const body = '{ conv1: conv(8, 3x3)  bn1: batchnorm  relu  conv2: conv(8, 3x3)  bn2: batchnorm }';
    const of = async (construct: string): Promise<string> =>
      printGraph((await compiled(`model M { input x: f32[N, 8, H, W]  f: ${construct} ${body}  output y }`)).graph);
    expect(await of('ode(solver="euler", t=[0, 1])')).toBe(await of('residual'));
    golden('elaborate/ode-euler.ir', await of('ode(solver="euler", t=[0, 1])'));
    // A step of another length is a body that is scaled.
    expect(await of('ode(solver="euler", t=[0, 0.5])')).toBe(await of('residual(scale=0.5)'));
  });

  it('has one set of weights, named once, whatever stands before it', async () => {
    for (const options of ['solver="rk4", steps=3', 'solver="rk4", steps=3, emit="loop"', 'solver="dopri5"']) {
      const { graph } = await compiled(
        `model M { input x: f32[N, 4]  linear(4)  ode(${options}, t=[0, 1]) { linear(4)  tanh }  linear(4)  output y }`,
      );
      const names = new Set<string>();
      for (const step of walkGraph(graph))
        if (step.kind === 'node')
          for (const value of step.node.operands) if (value?.isConstant && value.name) names.add(value.name);
      expect([...names].filter((name) => name.endsWith('weight')).sort()).toEqual([
        'linear.weight',
        'linear_1.weight',
        'linear_2.weight',
      ]);
    }
  });

  it('gives the same behind every pass, written out or as a loop', async () => {
    for (const options of ['solver="heun3", steps=2', 'solver="heun3", steps=2, emit="loop"', 'solver="tsit5", rtol=1e-4']) {
      const source = `model M { input x: f32[N, 4]  ode(${options}, t=[0, 0.5, 1]) as t { linear(4)  layernorm  relu  it * t }  output y }`;
      const plain = await compiled(source, undefined, 0);
      const best = await compiled(source, undefined, 2);
      const [a, b] = [await inRuntime(plain.graph, plain.bytes, x), await inRuntime(best.graph, best.bytes, x)];
      expect(a.dims).toEqual([3, 2, 4]);
      expect(errorOf(b, [...a.data])).toBeLessThan(1e-5);
    }
  });

  it('that its steps do not bring to the end gives no numbers', async () => {
    const { graph, bytes } = await compiled(
      'model M { input x: f32[N, 4]  ode(solver="dopri5", t=[0, 0.001, 100], max_steps=3) { it * -50.0 }  output y }',
    );
    const found = await inRuntime(graph, bytes, x);
    expect([...found.data].map(Number.isNaN)).toEqual(Array.from({ length: 24 }, (_, i) => i >= 16));
  });

  it('shares weights of a shared repeat behind layers of the same kind', async () => {
    const { graph } = await compiled(
      'model M { input x: f32[N, 4]  linear(4)  repeat 2 shared { linear(4)  tanh }  linear(4)  output y }',
    );
    const names = [...graph.nodes()].flatMap((node) => node.operand(1)?.name ?? []);
    expect(names).toEqual(['linear.weight', 'linear_1.weight', 'linear_1.weight', 'linear_2.weight']);
  });
});
