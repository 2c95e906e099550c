/**
 * Inputs to run a model on: sizes for its symbols and seeded random tensors. The same seed gives the same tensors on every machine;
 * an input's numbers depend on its name and not on the other inputs.
 */
import * as catalogue from '../diagnostics/catalogue/runtime.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import type { Dim } from '../ir/dim.ts';
import type { Graph, Value } from '../ir/graph.ts';
import { type ElemType, elementCount, type HostTensor, isFloat, type TensorType, typeText } from '../ir/types.ts';
import { roundTo } from '../weights/round.ts';

export type Bindings = ReadonlyMap<string, number>;

/** The symbols of the inputs' types with the number that was promised to divide each, sorted by name. */
export function symbolsOf(graph: Graph): ReadonlyMap<string, number> {
  const out = new Map<string, number>();
  for (const input of graph.inputs) {
    for (const dim of input.type.dims) for (const [name, k] of dim.multiples()) out.set(name, Math.max(k, out.get(name) ?? 1));
  }
  return new Map([...out].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Every dimension of the graph that depends on its inputs' symbols alone; sizes that only the run knows are not among them. */
function dependentDims(graph: Graph, symbols: ReadonlyMap<string, number>): readonly Dim[] {
  const dims = new Set<Dim>();
  const add = (value: Value): void => {
    for (const dim of value.type.dims) if (dim.constant === undefined) dims.add(dim);
  };
  const graphs = [graph];
  for (let g = graphs.pop(); g; g = graphs.pop()) {
    for (const input of g.inputs) add(input);
    for (const node of g.nodes()) {
      for (const y of node.results) add(y);
      graphs.push(...node.regions);
    }
  }
  return [...dims].filter((dim) => dim.symbols().every((name) => symbols.has(name)));
}

/** Doublings before giving up: 2^20 elements per axis are more than any model needs to have one pixel left. */
const maxDoublings = 20;

export interface SizesToTry {
  /** For every symbol the smallest size, such that every tensor of the graph has at least one element. */
  readonly smallest: Bindings;
  /** For every symbol its promised multiple times the next odd number. */
  readonly nextOdd: Bindings;
}

/**
 * The smallest legal and the next odd value of every symbol, promises kept: `H % 32 == 0` gives 32 and 96. All symbols are doubled
 * until every tensor has elements, then each is made as small as it goes while the others stay. Throws `DiagnosticError` (RES0812).
 */
export function smallestBindings(graph: Graph): SizesToTry {
  const symbols = symbolsOf(graph);
  const dims = dependentDims(graph, symbols);
  const sizes = (factors: ReadonlyMap<string, number>): Bindings =>
    new Map([...symbols].map(([name, k]) => [name, k * (factors.get(name) ?? 1)]));
  const firstIllegal = (factors: ReadonlyMap<string, number>): Dim | undefined => {
    const bindings = sizes(factors);
    return dims.find((dim) => !((dim.evaluate(bindings) ?? 0) >= 1));
  };
  const names = [...symbols.keys()];
  let factors = new Map(names.map((name) => [name, 1]));
  for (let doublings = 0; ; doublings++) {
    const illegal = firstIllegal(factors);
    if (!illegal) break;
    if (doublings === maxDoublings) {
      const found = `${illegal.toString()} is below 1 for ${bindingsText(sizes(factors))}`;
      return fail(catalogue.noLegalSize, { with: { found, hint: 'give the size: --input NAME=tensor.npy' } });
    }
    factors = new Map([...factors].map(([name, n]) => [name, n * 2]));
  }
  for (const name of names) {
    let high = factors.get(name) ?? 1;
    // Sizes grow with their symbols as a rule, so that halving finds the least; where they do not, what it finds is legal all the same.
    let low = 0;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (firstIllegal(new Map([...factors, [name, middle]]))) low = middle;
      else high = middle;
    }
    factors.set(name, high);
  }
  let odd = new Map([...factors].map(([name, n]) => [name, n % 2 === 0 ? n + 1 : n + 2]));
  for (let tries = 0; firstIllegal(odd) && tries < 1000; tries++) odd = new Map([...odd].map(([name, n]) => [name, n + 2]));
  return { smallest: sizes(factors), nextOdd: firstIllegal(odd) ? sizes(factors) : sizes(odd) };
}

/** `N = 1, H = 32` */
export function bindingsText(bindings: Bindings): string {
  return [...bindings].map(([name, size]) => `${name} = ${size}`).join(', ');
}

/** The shape of a type for these sizes. Throws `DiagnosticError` (RES0812) when it has none. */
export function boundDims(type: TensorType, bindings: Bindings): readonly number[] {
  return type.dims.map((dim) => {
    const size = dim.evaluate(bindings);
    if (size !== undefined && size >= 0) return size;
    const found = `${dim.toString()} of ${typeText(type)} has no size for ${bindingsText(bindings)}`;
    return fail(catalogue.noLegalSize, { with: { found, hint: 'give the size: --input NAME=tensor.npy' } });
  });
}

/**
 * The sizes of the symbols that the inputs given imply. Throws `DiagnosticError`: RES0813 for an input that does not fit, RES0814 for
 * one that is missing or that the graph has not.
 */
export function bindingsOf(graph: Graph, inputs: ReadonlyMap<string, HostTensor>): Bindings {
  const names = graph.inputs.map((input) => input.name ?? '');
  const missing = names.filter((name) => !inputs.has(name));
  const unknown = [...inputs.keys()].filter((name) => !names.includes(name));
  if (missing.length > 0 || unknown.length > 0) {
    const found = [
      missing.length > 0 ? `nothing for ${missing.join(', ')}` : '',
      unknown.length > 0 ? `no input ${unknown.join(', ')}` : '',
    ];
    fail(catalogue.inputNames, {
      with: {
        found: found.filter((part) => part !== '').join('; '),
        expected: graph.inputs.map((input) => `${input.name}: ${typeText(input.type)}`).join('\n'),
        hint: `--input ${missing[0] ?? names[0] ?? 'NAME'}=FILE`,
      },
    });
  }
  const bindings = new Map<string, number>();
  // Plain symbols first: `2*H` is then checked, and not solved.
  const later: { readonly input: Value; readonly dim: Dim; readonly size: number }[] = [];
  for (const input of graph.inputs) {
    const tensor = inputs.get(input.name ?? '');
    if (!tensor) continue;
    if (tensor.elem !== input.type.elem || tensor.dims.length !== input.type.dims.length)
      misfit(input, tensor, typeText(input.type));
    input.type.dims.forEach((dim, axis) => {
      const size = tensor.dims[axis] ?? 0;
      const [name] = dim.symbols();
      if (name !== undefined && dim.toString() === name) {
        const known = bindings.get(name);
        if (known !== undefined && known !== size) misfit(input, tensor, `${typeText(input.type)} with ${name} = ${known}`);
        bindings.set(name, size);
      }
      later.push({ input, dim, size });
    });
  }
  for (const { input, dim, size } of later) {
    const tensor = inputs.get(input.name ?? '');
    if (!tensor || dim.evaluate(bindings) === size) continue;
    const promises = [...dim.multiples()].filter(([, k]) => k > 1).map(([name, k]) => `${name} a multiple of ${k}`);
    misfit(input, tensor, [typeText(input.type), ...promises].join(', '));
  }
  return bindings;
}

function misfit(input: Value, tensor: HostTensor, expected: string): never {
  return fail(catalogue.inputMisfit, {
    with: {
      name: input.name ?? '',
      found: `${tensor.elem}[${tensor.dims.join(', ')}]`,
      expected,
      hint: misfitHint(input.name ?? '', tensor, input.type.elem),
    },
  });
}

/** How NumPy makes what an input wants, or at least where it goes. */
export function misfitHint(name: string, tensor: HostTensor, wanted: ElemType): string {
  const numpy: Readonly<Partial<Record<ElemType, string>>> = { f16: 'float16', f32: 'float32', f64: 'float64', bool: 'bool' };
  const type = numpy[wanted] ?? (wanted.startsWith('u') ? `uint${wanted.slice(1)}` : `int${wanted.slice(1)}`);
  if (tensor.elem !== wanted && wanted !== 'bf16') return `numpy.save("${name}.npy", array.astype("${type}"))`;
  return `--input ${name}=FILE with a tensor of that shape`;
}

/** Mulberry32 (Tommy Ettinger, public domain), seeded by FNV-1a of a text: uniform in [0, 1), 32 bits. */
function generator(seed: string): () => number {
  let state = 0x811c9dc5;
  for (let i = 0; i < seed.length; i++) state = Math.imul(state ^ seed.charCodeAt(i), 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * Random elements of a type: floats with mean 0 and variance 1 (the sum of four uniform numbers, so that no function is needed that
 * differs between engines), bytes 0 … 255, other integers and booleans 0 and 1 unless a range is given: an integer input
 * that indexes no table is a mask, and a mask of 3 times the lowest float is infinite.
 */
export function randomTensor(
  elem: ElemType,
  dims: readonly number[],
  seed: string,
  range: { readonly low: number; readonly high: number } | undefined = undefined,
): HostTensor {
  const next = generator(seed);
  const data = new Float64Array(elementCount(dims));
  const low = range?.low ?? 0;
  const high = range?.high ?? (elem === 'u8' ? 256 : 2);
  for (let i = 0; i < data.length; i++) {
    if (!isFloat(elem)) data[i] = low + Math.floor(next() * (high - low));
    else if (range) data[i] = low + next() * (high - low);
    else data[i] = (next() + next() + next() + next() - 2) * Math.sqrt(3);
  }
  roundTo(elem, data);
  return { elem, dims, data };
}

export interface RandomOptions {
  /** Ranges by input name, [low, high); integers that index a table are found without. */
  readonly ranges?: ReadonlyMap<string, { readonly low: number; readonly high: number }> | undefined;
}

/** A random tensor for every input of the graph at these sizes. */
export function randomInputs(
  graph: Graph,
  bindings: Bindings,
  seed: number,
  options: RandomOptions = {},
): Map<string, HostTensor> {
  const out = new Map<string, HostTensor>();
  for (const input of graph.inputs) {
    const name = input.name ?? '';
    const rows = isFloat(input.type.elem) ? undefined : indexedRows(input, bindings);
    const range = options.ranges?.get(name) ?? (rows === undefined ? undefined : { low: 0, high: rows });
    out.set(name, randomTensor(input.type.elem, boundDims(input.type, bindings), `${seed}:${name}`, range));
  }
  return out;
}

/** Operators that hand elements of their first operand on as they are. */
const passing: ReadonlySet<string> = new Set([
  'identity',
  'cast',
  'reshape',
  'transpose',
  'slice',
  'squeeze',
  'unsqueeze',
  'expand',
  'concat',
  'split',
]);

/** How many rows the smallest table has that is indexed with this input (an embedding), so that no index lies outside. */
function indexedRows(input: Value, bindings: Bindings): number | undefined {
  let rows: number | undefined;
  const seen = new Set<Value>([input]);
  const work = [input];
  for (let value = work.pop(); value; value = work.pop()) {
    for (const { user, index } of value.uses) {
      if (user.op.name === 'gather' && index === 1) {
        const axis = user.attrs.axis;
        const dims = user.operand(0)?.type.dims ?? [];
        const at = typeof axis === 'number' ? axis : 0;
        const size = dims[at < 0 ? at + dims.length : at]?.evaluate(bindings);
        if (size !== undefined) rows = Math.min(rows ?? size, size);
      } else if (passing.has(user.op.name)) {
        for (const y of user.results) {
          if (seen.has(y)) continue;
          seen.add(y);
          work.push(y);
        }
      }
    }
  }
  return rows;
}
