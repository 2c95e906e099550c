/**
 * Seeded samples of operators, and the graphs of one node that they make, with known and with symbolic sizes; graphs of a source
 * and of their own text.
 */
import { expect } from 'vitest';
import { build as buildSource } from '../../src/check.ts';
import { Sink } from '../../src/diagnostics/diagnostic.ts';
import { render } from '../../src/diagnostics/render.ts';
import { Dim } from '../../src/ir/dim.ts';
import { Graph, type Node } from '../../src/ir/graph.ts';
import { type AttrValue, CheckFailure, type Operator, type Sample, type SampleSource } from '../../src/ir/operator.ts';
import { printGraph } from '../../src/ir/print.ts';
import { readGraph } from '../../src/ir/read.ts';
import { elementCount, type HostTensor, isFloat } from '../../src/ir/types.ts';
import { operatorByName } from '../../src/ops/registry.ts';
import { buildExpr, leaf } from '../support/tensors.ts';

/** A counter through MurmurHash3's finaliser: the k-th number of a seed depends on both alone. */
export function sampleSource(seed: number): SampleSource {
  let counter = 0;
  const next = (): number => {
    let h = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(++counter, 0xc2b2ae35);
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32;
  };
  const int = (low: number, high: number): number => low + Math.floor(next() * (high - low + 1));
  return {
    int,
    pick: <T>(of: readonly T[]): T => {
      const one = of[int(0, of.length - 1)];
      if (one === undefined) throw new Error('picking from nothing');
      return one;
    },
    bool: () => next() < 0.5,
    tensor(dims, { low = -2, high = 2, elem = 'f32' } = {}) {
      const data = new Float64Array(elementCount(dims));
      for (let i = 0; i < data.length; i++) {
        const v = low + next() * (high - low);
        data[i] = isFloat(elem) ? Math.fround(v) : Math.floor(v);
      }
      return { elem, dims, data };
    },
  };
}

/** The graph of a source, before any pass. */
export function elaborated(text: string): Graph {
  const { graph, diagnostics } = buildSource(text);
  return graph ?? expect.unreachable(render(diagnostics, { color: false }));
}

/** The text of the graph that a text is read as, or what reading it reports. */
export function reprinted(text: string): string {
  const sink = new Sink();
  const graph = readGraph({ name: 'm.ir', text }, { operator: operatorByName, leaf, call: buildExpr }, sink);
  return graph ? printGraph(graph) : render(sink.list, { color: false });
}

export interface OneNode {
  readonly graph: Graph;
  readonly node: Node;
  /** By the names of the graph's inputs. */
  readonly inputs: ReadonlyMap<string, HostTensor>;
  readonly bindings: ReadonlyMap<string, number>;
}

/** Which sizes become symbols: each size is one symbol, wherever it stands. */
function build(operator: Operator, sample: Sample, symbolic: ReadonlySet<number>): OneNode {
  const graph = new Graph('sample');
  const inputs = new Map<string, HostTensor>();
  const bindings = new Map<string, number>();
  const asDim = (n: number): Dim => {
    if (!symbolic.has(n)) return Dim.of(n);
    bindings.set(`S${n}`, n);
    return Dim.symbol(`S${n}`);
  };
  const operands = sample.operands.map((tensor, i) => {
    if (!tensor) return undefined;
    inputs.set(`x${i}`, tensor);
    return graph.input(`x${i}`, { elem: tensor.elem, dims: tensor.dims.map(asDim) });
  });
  const attrs: Record<string, AttrValue> = {};
  for (const [name, value] of Object.entries(sample.attrs)) {
    const list = operator.attrs[name]?.kind === 'dims' && typeof value === 'object' ? value : undefined;
    attrs[name] = list ? list.map((d: number | Dim) => asDim(typeof d === 'number' ? d : (d.constant ?? 0))) : value;
  }
  // A symbol of an attribute has to come from somewhere.
  const held = new Set(graph.inputs.flatMap((input) => input.type.dims.flatMap((d) => d.symbols())));
  const loose = [...bindings].filter(([name]) => !held.has(name));
  if (loose.length > 0) {
    graph.input('sizes', { elem: 'f32', dims: loose.map(([name]) => Dim.symbol(name)) });
    const dims = loose.map(([, n]) => n);
    inputs.set('sizes', { elem: 'f32', dims, data: new Float64Array(elementCount(dims)) });
  }
  const node = graph.create(operator, operands, attrs, { scope: operator.name });
  for (const [i, y] of node.results.entries()) graph.output(`y${i}`, y);
  return { graph, node, inputs, bindings };
}

export function concreteNode(operator: Operator, sample: Sample): OneNode {
  return build(operator, sample, new Set());
}

/** Every way to make sizes of the sample symbolic that the operator accepts: all of them at once, each alone. */
export function symbolicNodes(operator: Operator, sample: Sample): readonly OneNode[] {
  const sizes = new Set<number>();
  for (const tensor of sample.operands) for (const n of tensor?.dims ?? []) if (n > 1) sizes.add(n);
  for (const [name, value] of Object.entries(sample.attrs)) {
    if (operator.attrs[name]?.kind !== 'dims' || typeof value !== 'object') continue;
    for (const d of value) {
      const n = typeof d === 'number' ? d : d.constant;
      if (n !== undefined && n > 1 && n < 1000) sizes.add(n);
    }
  }
  const all = [...sizes].sort((a, b) => a - b);
  const out: OneNode[] = [];
  for (const chosen of all.length > 1 ? [all, ...all.map((n) => [n])] : [all]) {
    if (chosen.length === 0) continue;
    try {
      out.push(build(operator, sample, new Set(chosen)));
    } catch (error) {
      if (!(error instanceof CheckFailure)) throw error;
    }
  }
  return out;
}

/** max |a − b| / max |b|, and Infinity where one is no number and the other is. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let worst = 0;
  let size = 0;
  for (let i = 0; i < expected.length; i++) {
    const a = actual[i] ?? Number.NaN;
    const b = expected[i] ?? Number.NaN;
    if (Object.is(a, b) || a === b) {
      size = Math.max(size, Number.isFinite(b) ? Math.abs(b) : 0);
      continue;
    }
    const difference = Math.abs(a - b);
    if (Number.isNaN(difference)) return Infinity;
    worst = Math.max(worst, difference);
    size = Math.max(size, Math.abs(b));
  }
  return worst === 0 ? 0 : size === 0 ? worst : worst / size;
}
