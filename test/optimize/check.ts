/**
 * One case through import, every pass alone and all together, and the way back, against two judges that share nothing:
 * onnxruntime on the original bytes, and the float64 reference of the imported graph. And how a case that fails is made small.
 */

import { DiagnosticError } from '../../src/diagnostics/diagnostic.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { type ElemType, elementCount, type HostTensor } from '../../src/ir/types.ts';
import { EvaluationError } from '../../src/ops/reference.ts';
import { optimizeOnnx } from '../../src/optimize.ts';
import { passNames } from '../../src/passes/schedule.ts';
import { openSession } from '../../src/runtime/session.ts';
import { evaluate, randomTensor } from '../passes/support.ts';
import { bodiesOf, prune, readsOf } from './generate.ts';
import { type CaseNode, encodeCase, type OnnxCase } from './onnx-case.ts';

export interface Failure {
  /** What ran: `-O1`, or a pass alone. */
  readonly stage: string;
  readonly kind: 'refused' | 'crash' | 'interface' | 'reference' | 'runtime' | 'rejected';
  readonly message: string;
}

export interface Outcome {
  readonly failures: readonly Failure[];
  /** Which judges there were: onnxruntime lacks kernels for some types, and the reference some operators. */
  readonly runtime: boolean;
  readonly reference: boolean;
  /** The operators that the importer left foreign. */
  readonly foreign: readonly string[];
  /** Firings by rule. */
  readonly fired: ReadonlyMap<string, number>;
  /** Relative to the largest element: how far the reference is from onnxruntime, and the worst of the optimised models. */
  readonly distance: number;
  readonly worst: number;
}

type Tensors = ReadonlyMap<string, HostTensor>;

/**
 * How far two right answers may be apart. The reference computes in float64 whatever the type, but constants that a fold makes
 * are rounded to it; onnxruntime rounds everywhere.
 */
const limits: Readonly<Partial<Record<ElemType, { readonly reference: number; readonly runtime: number }>>> = {
  f64: { reference: 1e-9, runtime: 1e-6 },
  f32: { reference: 3e-5, runtime: 3e-4 },
  f16: { reference: 5e-2, runtime: 1e-1 },
};

/** Beneath this the largest element of an output is noise of what cancelled. */
const floor = 0.05;

function describe(error: unknown): string {
  if (error instanceof DiagnosticError) return error.diagnostics.map((d) => `${d.code} ${d.title}: ${d.found ?? ''}`).join('\n');
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** The worst relative error, or why the two cannot be compared. Values that are not finite must be so in both. */
export function distance(a: Tensors, b: Tensors): number | string {
  let worst = 0;
  for (const [name, x] of a) {
    const y = b.get(name);
    if (!y) return `no output ${name}`;
    if (y.elem !== x.elem || y.dims.join() !== x.dims.join())
      return `${name} is ${y.elem}[${y.dims.join(', ')}], not ${x.elem}[${x.dims.join(', ')}]`;
    let scale = floor;
    for (const v of x.data) if (Number.isFinite(v)) scale = Math.max(scale, Math.abs(v));
    for (let i = 0; i < x.data.length; i++) {
      const [u, v] = [x.data[i] ?? 0, y.data[i] ?? 0];
      if (Object.is(u, v) || u === v || (Number.isNaN(u) && Number.isNaN(v))) continue;
      const d = Math.abs(u - v) / scale;
      worst = Number.isNaN(d) ? Infinity : Math.max(worst, d);
    }
  }
  return worst;
}

async function runtime(bytes: Uint8Array, optimization: 'off' | 'all', inputs: Tensors): Promise<Tensors> {
  const session = await openSession(bytes, { ep: 'cpu', optimization, threads: 1 });
  try {
    return await session.run(inputs);
  } finally {
    await session.close();
  }
}

function finite(tensors: Tensors): boolean {
  return [...tensors.values()].every((t) => t.data.every((v) => Number.isFinite(v)));
}

function foreignOperators(graph: Graph): string[] {
  return [...graph.nodes()].flatMap((node) => (node.op.foreign ? [`${node.op.foreign.domain}${node.op.foreign.opType}`] : []));
}

/** With `only`, nothing but these stages, for the shrinker. */
export async function checkCase(one: OnnxCase, only?: ReadonlySet<string>): Promise<Outcome> {
  const failures: Failure[] = [];
  const fired = new Map<string, number>();
  const bytes = encodeCase(one);
  const inputs = new Map(one.inputs.map(({ name, tensor }) => [name, tensor]));
  const limit = limits[one.types.get(one.outputs[0] ?? '')?.elem ?? 'f32'] ?? { reference: 3e-5, runtime: 3e-4 };
  let original: Tensors | undefined;
  try {
    original = await runtime(bytes, 'off', inputs);
    if (!finite(original)) original = undefined;
  } catch {
    // No kernel for this type; the reference judges alone.
  }
  // onnxruntime's own optimiser fails on some models without us, such as ones of an empty batch.
  const optimizations: ('off' | 'all')[] = ['off'];
  try {
    // It fuses a spelled-out LayerNorm of f16 from opset 13 on and takes another epsilon then, which importing older files brings
    // about. It also folds zeros of a Pad into a MaxPool, which changes what is negative, and into an AveragePool whose window is
    // smaller than the pads, which it then refuses; whether it does hangs on how the Pad is written.
    const has = (opType: string): boolean => one.nodes.some((node) => node.opType === opType);
    const half = [...one.types.values()].some((type) => type.elem === 'f16');
    if (original && !half && !(has('Pad') && (has('MaxPool') || has('AveragePool')))) {
      const also = distance(original, await runtime(bytes, 'all', inputs));
      if (typeof also === 'number' && also <= limit.runtime) optimizations.push('all');
    }
  } catch {
    // Then only without it.
  }
  let reference: Tensors | undefined;
  let foreign: readonly string[] = [];
  let apart = 0;
  let worst = 0;

  const stage = async (name: string, options: { level: 0 | 1 | 2; passes?: readonly string[] }, run: boolean): Promise<void> => {
    if (only && !only.has(name) && name !== '-O0') return;
    const fail = (kind: Failure['kind'], message: string): void => {
      if (!only || only.has(name)) failures.push({ stage: name, kind, message });
    };
    let made: Uint8Array;
    let graph: Graph;
    try {
      const result = await optimizeOnnx(bytes, { ...options, verifyIr: true });
      if (!result.graph) {
        fail('refused', result.diagnostics.map((d) => `${d.code} ${d.title}: ${d.found ?? ''}`).join('\n'));
        return;
      }
      graph = result.graph;
      for (const pass of result.report?.passes.passes ?? [])
        for (const [rule, count] of Object.entries(pass.fired)) fired.set(rule, (fired.get(rule) ?? 0) + count);
      made = await result.bytes();
    } catch (error) {
      fail(error instanceof DiagnosticError ? 'refused' : 'crash', describe(error));
      return;
    }
    const names = graph.outputs.map((o) => o.name).join();
    if (names !== one.outputs.join()) fail('interface', `outputs ${names}, not ${one.outputs.join()}`);
    const given = graph.inputs.map((i) => i.name).join();
    if (given !== one.inputs.map((i) => i.name).join()) fail('interface', `inputs ${given}`);
    if (name === '-O0') foreign = foreignOperators(graph);
    if (foreign.length === 0) {
      try {
        const result = evaluate(graph, inputs);
        if (name === '-O0') {
          if (finite(result)) reference = result;
        } else if (reference) {
          const d = distance(reference, result);
          if (typeof d === 'string' || !(d <= limit.reference)) fail('reference', typeof d === 'string' ? d : `off by ${d}`);
        }
      } catch (error) {
        fail(error instanceof EvaluationError ? 'reference' : 'crash', describe(error));
      }
    }
    if (!run || !(original ?? reference)) return;
    for (const optimization of optimizations) {
      if (!original) continue;
      let result: Tensors;
      try {
        result = await runtime(made, optimization, inputs);
      } catch (error) {
        fail('rejected', describe(error));
        return;
      }
      const d = distance(original, result);
      if (typeof d === 'string' || !(d <= limit.runtime)) {
        fail('runtime', `optimiser ${optimization}: ${typeof d === 'string' ? d : `off by ${d}`}`);
        return;
      }
      worst = Math.max(worst, d);
    }
  };

  await stage('-O0', { level: 0 }, true);
  if (original && reference) {
    const d = distance(original, reference);
    apart = typeof d === 'number' ? d : Infinity;
    if ((!only || only.has('-O0')) && !(apart <= limit.runtime))
      failures.push({ stage: '-O0', kind: 'reference', message: typeof d === 'string' ? d : `imported graph off by ${d}` });
  }
  if (failures.some((f) => f.stage === '-O0'))
    return {
      failures,
      runtime: original !== undefined,
      reference: reference !== undefined,
      foreign,
      fired,
      distance: apart,
      worst,
    };
  for (const name of passNames) await stage(name, { level: 2, passes: [name] }, reference === undefined);
  await stage('-O1', { level: 1 }, true);
  await stage('-O2', { level: 2 }, true);
  return {
    failures,
    runtime: original !== undefined,
    reference: reference !== undefined,
    foreign,
    fired,
    distance: apart,
    worst,
  };
}

function substitute(node: CaseNode, from: string, to: string): CaseNode {
  const rename = (name: string): string => (name === from ? to : name);
  return {
    ...node,
    inputs: node.inputs.map(rename),
    attributes: Object.fromEntries(
      Object.entries(node.attributes).map(([name, a]) => [
        name,
        a.kind === 'graph'
          ? {
              kind: 'graph',
              value: { ...a.value, nodes: a.value.nodes.map((inner) => substitute(inner, from, to)) },
            }
          : a,
      ]),
    ),
  };
}

/** Without the inputs that nothing reads; one is kept, because a model without inputs is another kind of case. */
function tidy(one: OnnxCase): OnnxCase {
  const pruned = prune(one);
  const read = new Set([...pruned.nodes.flatMap(readsOf), ...pruned.outputs]);
  const inputs = pruned.inputs.filter((input) => read.has(input.name));
  return { ...pruned, inputs: inputs.length > 0 ? inputs : pruned.inputs.slice(0, 1) };
}

/** Cases that are one step smaller. */
function* smaller(one: OnnxCase): Generator<OnnxCase> {
  if (one.outputs.length > 1) for (const output of one.outputs) yield tidy({ ...one, outputs: [output] });
  for (const node of one.nodes) {
    // What is behind this node goes.
    const [y] = node.outputs;
    if (y !== undefined && !one.outputs.includes(y) && one.types.get(y)?.elem === one.types.get(one.outputs[0] ?? '')?.elem)
      yield tidy({ ...one, outputs: [y] });
  }
  for (const node of [...one.nodes].reverse()) {
    for (const y of node.outputs) {
      const type = one.types.get(y);
      if (!type || one.outputs.includes(y)) continue;
      // What is before this node goes.
      const isFloat = type.elem === 'f32' || type.elem === 'f64' || type.elem === 'f16';
      if (isFloat && node.opType !== 'Constant' && node.outputs.length === 1) {
        const tensor = randomTensor(y, type.dims, type.elem);
        yield tidy({
          ...one,
          nodes: one.nodes.filter((n) => n !== node),
          inputs: [...one.inputs, { name: y, declared: type.dims, tensor }],
        });
      }
      for (const x of node.inputs) {
        const other = one.types.get(x);
        if (x === '' || other?.elem !== type.elem || other.dims.join() !== type.dims.join()) continue;
        yield tidy({ ...one, nodes: one.nodes.filter((n) => n !== node).map((n) => substitute(n, y, x)) });
      }
    }
  }
  if (one.valueInfo) yield { ...one, valueInfo: false };
  if (one.inputs.some((i) => i.declared.some((d) => typeof d !== 'number')))
    yield { ...one, inputs: one.inputs.map((i) => ({ ...i, declared: i.tensor.dims })) };
}

/** The smallest case found that fails in the same stage in the same way. At most `budget` cases are tried. */
export async function shrink(one: OnnxCase, failure: Failure, budget = 400): Promise<OnnxCase> {
  const only = new Set([failure.stage]);
  let best = one;
  let left = budget;
  for (let again = true; again && left > 0; ) {
    again = false;
    for (const candidate of smaller(best)) {
      if (left-- <= 0) break;
      const { failures } = await checkCase(candidate, only);
      // Two different mistakes seldom begin with the same words.
      const alike = failures.some((f) => f.kind === failure.kind && head(f.message) === head(failure.message));
      if (!alike || size(candidate) >= size(best)) continue;
      best = candidate;
      again = true;
      break;
    }
  }
  return best;
}

function head(message: string): string {
  return (message.split('\n')[0] ?? '').replaceAll(/[\d.e+-]+|'[^']*'|"[^"]*"|[cv]\d+/g, '#').slice(0, 40);
}

/** Nodes first, then what else makes a case hard to read. */
function size(one: OnnxCase): number {
  const nodes = one.nodes.length + one.nodes.flatMap(bodiesOf).flatMap((b) => b.nodes).length;
  const open = one.inputs.flatMap((i) => i.declared).filter((d) => typeof d !== 'number').length;
  const elements = [...one.initializers.values()].reduce((n, t) => n + elementCount(t.dims), 0);
  return 1000 * nodes + 100 * one.outputs.length + 10 * one.inputs.length + open + (one.valueInfo ? 5 : 0) + elements / 1e6;
}

interface Stored {
  readonly name: string;
  readonly opset: number;
  readonly nodes: readonly CaseNode[];
  readonly initializers: readonly (readonly [string, StoredTensor])[];
  readonly inputs: readonly {
    readonly name: string;
    readonly declared: readonly (number | string | null)[];
    readonly tensor: StoredTensor;
  }[];
  readonly outputs: readonly string[];
  readonly types: readonly (readonly [string, OnnxCase['types'] extends ReadonlyMap<string, infer T> ? T : never])[];
  readonly valueInfo: boolean;
}
interface StoredTensor {
  readonly elem: ElemType;
  readonly dims: readonly number[];
  readonly data: readonly number[];
}

/** A case as JSON, for test/golden/optimize. */
export function storeCase(one: OnnxCase): string {
  const used = new Set([
    ...one.nodes.flatMap((n) => [...n.outputs, ...n.inputs, ...bodiesOf(n).flatMap((b) => b.nodes.flatMap((i) => i.outputs))]),
    ...one.initializers.keys(),
    ...one.inputs.map((i) => i.name),
  ]);
  const out = {
    ...one,
    initializers: [...one.initializers],
    types: [...one.types].filter(([name]) => used.has(name)),
  };
  return JSON.stringify(out, (_, value: unknown) =>
    value instanceof Float64Array ? [...value].map((v) => Number(v.toPrecision(9))) : value,
  );
}

/** The way back; numbers become arrays again wherever `data` stands. */
export function loadCase(json: string): OnnxCase {
  const stored: Stored = JSON.parse(json, (key, value: unknown) =>
    key === 'data' && Array.isArray(value) ? Float64Array.from(value) : value,
  );
  const tensor = ({ elem, dims, data }: StoredTensor): HostTensor => ({ elem, dims, data: Float64Array.from(data) });
  return {
    ...stored,
    initializers: new Map(stored.initializers.map(([name, one]) => [name, tensor(one)])),
    types: new Map(stored.types),
    inputs: stored.inputs.map((i) => ({
      name: i.name,
      declared: i.declared.map((d) => d ?? undefined),
      tensor: tensor(i.tensor),
    })),
  };
}
