/**
 * Inputs to run a model on: sizes for its symbols and seeded random tensors. The same seed gives the same tensors on every
 * machine; an input's numbers depend on its name and not on the other inputs.
 */

import { outside } from '../diagnostics/at.ts';
import * as catalogue from '../diagnostics/catalogue/runtime.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import type { Dim } from '../ir/dim.ts';
import { elemFacts } from '../ir/elem.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import { keepsNumbers, type NumberRange } from '../ir/operator.ts';
import { noPromise, promiseTexts, type SizePromise } from '../ir/promise.ts';
import { channelAxis, type ValueRange } from '../ir/ranges.ts';
import { roundTo } from '../ir/round.ts';
import { solvedSize } from '../ir/solve.ts';
import { type ElemType, elementCount, type HostTensor, isFloat, type TensorType, typeText } from '../ir/types.ts';
import { numberDemands, type ShapeOperand, shapeOperands, type TableDemand } from '../onnx/operand-numbers.ts';

export type Bindings = ReadonlyMap<string, number>;

/** The symbols of the inputs' types with what was promised of each, sorted by name. */
export function symbolsOf(graph: Graph): ReadonlyMap<string, SizePromise> {
  const out = new Map<string, SizePromise>();
  for (const input of graph.inputs) {
    for (const dim of input.type.dims) for (const [name, promise] of dim.promises()) out.set(name, promise);
  }
  return new Map([...out].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * Every dimension of the graph, and what operators need to be one, that depends on its inputs' symbols alone; sizes that only the
 * run knows are not among them.
 */
function dependentDims(graph: Graph, symbols: ReadonlyMap<string, SizePromise>): readonly Dim[] {
  const dims = new Set<Dim>();
  const addAll = (list: readonly Dim[]): void => {
    for (const dim of list) if (dim.constant === undefined) dims.add(dim);
  };
  const add = (value: Value): void => addAll(value.type.dims);
  const graphs = [graph];
  for (let g = graphs.pop(); g; g = graphs.pop()) {
    for (const input of g.inputs) add(input);
    for (const node of g.nodes()) {
      for (const y of node.results) add(y);
      addAll(node.op.needs?.(node) ?? []);
      graphs.push(...node.regions);
    }
  }
  return [...dims].filter((dim) => dim.symbols().every((name) => symbols.has(name)));
}

/** Doublings before giving up: 2^20 elements per axis are more than any model needs to have one pixel left. */
const maxDoublings = 20;

/** The n-th size that keeps a promise, or the last one. */
export function sizeAt({ multiple, least, most }: SizePromise, n: number): number {
  return Math.min(most, Math.max(least, multiple) + (n - 1) * multiple);
}

export interface SizesToTry {
  /** For every symbol the smallest size, such that every tensor of the graph has at least one element. */
  readonly smallest: Bindings;
  /** For every symbol its promised multiple times the next odd number. */
  readonly nextOdd: Bindings;
}

/**
 * The smallest legal and the next odd value of every symbol, promises kept: `H % 32 == 0` gives 32 and 96, `L >= 10` gives 10 and
 * 11. All symbols are doubled until every tensor has elements and `enough` is so, then each is made as small as it goes while the
 * others stay; those that are fixed stay so. Throws `DiagnosticError` (RES0812).
 */
export function smallestBindings(
  graph: Graph,
  fixed: Bindings = new Map(),
  enough: (bindings: Bindings) => boolean = () => true,
): SizesToTry {
  const symbols = symbolsOf(graph);
  const dims = dependentDims(graph, symbols);
  const sizes = (factors: ReadonlyMap<string, number>): Bindings =>
    new Map([...symbols].map(([name, promise]) => [name, fixed.get(name) ?? sizeAt(promise, factors.get(name) ?? 1)]));
  const firstIllegal = (factors: ReadonlyMap<string, number>): Dim | undefined => {
    const bindings = sizes(factors);
    return dims.find((dim) => !((dim.evaluate(bindings) ?? 0) >= 1));
  };
  const names = [...symbols.keys()].filter((name) => !fixed.has(name));
  const fits = (factors: ReadonlyMap<string, number>): boolean => !firstIllegal(factors) && enough(sizes(factors));
  let factors = new Map(names.map((name) => [name, 1]));
  for (let doublings = 0; ; doublings++) {
    const illegal = firstIllegal(factors);
    if (!illegal && enough(sizes(factors))) break;
    if (doublings === maxDoublings) {
      const found = `${illegal?.toString() ?? 'what is asked of the sizes'} is below 1 for ${bindingsText(sizes(factors))}`;
      return fail(catalogue.noLegalSize, { with: { found, hint: 'give the size: --input NAME=tensor.npy' } });
    }
    factors = new Map([...factors].map(([name, n]) => [name, n * 2]));
  }
  for (const name of names) {
    let high = factors.get(name) ?? 1;
    // Sizes grow with their symbols as a rule, so that halving finds the least; where they do not, what it finds is legal all the
    // same.
    let low = 0;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (fits(new Map([...factors, [name, middle]]))) high = middle;
      else low = middle;
    }
    factors.set(name, high);
  }
  // The next odd number of times the multiple, whichever of its sizes is the least.
  const before = (name: string): number => {
    const { multiple, least } = symbols.get(name) ?? noPromise;
    return Math.max(0, least / multiple - 1);
  };
  let odd = new Map([...factors].map(([name, n]) => [name, (n + before(name)) % 2 === 0 ? n + 1 : n + 2]));
  for (let tries = 0; !fits(odd) && tries < 1000; tries++) odd = new Map([...odd].map(([name, n]) => [name, n + 2]));
  return { smallest: sizes(factors), nextOdd: fits(odd) ? sizes(odd) : sizes(factors) };
}

/** Those sizes with 0 for the symbols that may be 0; undefined where there is none, or the graph has no such sizes. */
export function emptyBindings(graph: Graph, sizes: Bindings, fixed: Bindings = new Map()): Bindings | undefined {
  const symbols = symbolsOf(graph);
  const names = [...symbols].filter(([name, { least }]) => least === 0 && !fixed.has(name)).map(([name]) => name);
  const out = new Map([...sizes, ...names.map((name) => [name, 0] as const)]);
  const at = (dim: Dim): number => dim.evaluate(out) ?? 0;
  const needed = [...graph.nodes()].flatMap((node) => node.op.needs?.(node) ?? []);
  const fits = needed.every((dim) => at(dim) >= 1) && dependentDims(graph, symbols).every((dim) => at(dim) >= 0);
  return names.length > 0 && fits ? out : undefined;
}

/** Those that are 0. */
export const onlyEmpty = (bindings: Bindings): Bindings => new Map([...bindings].filter(([, size]) => size === 0));

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
 * The sizes of the symbols that the inputs given imply. Throws `DiagnosticError`: RES0813 for an input that does not fit, RES0814
 * for one that is missing or that the graph has not.
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
  // Plain symbols first: `2*H` is then checked, and solved only where H stands nowhere alone.
  const later: { readonly input: Value; readonly dim: Dim; readonly size: number }[] = [];
  for (const input of graph.inputs) {
    const tensor = inputs.get(input.name ?? '');
    if (!tensor) continue;
    if (tensor.elem !== input.type.elem || tensor.dims.length !== input.type.dims.length)
      misfit(input, tensor, typeText(input.type));
    input.type.dims.forEach((dim, axis) => {
      const size = tensor.dims[axis] ?? outside();
      const name = dim.plain?.name;
      if (name !== undefined) {
        const known = bindings.get(name);
        if (known !== undefined && known !== size) misfit(input, tensor, `${typeText(input.type)} with ${name} = ${known}`);
        bindings.set(name, size);
      }
      later.push({ input, dim, size });
    });
  }
  for (const { dim, size } of later) {
    const solved = solvedSize(dim, size);
    if (solved && !bindings.has(solved.name)) bindings.set(solved.name, solved.value);
  }
  for (const { input, dim, size } of later) {
    const tensor = inputs.get(input.name ?? '');
    if (!tensor || dim.evaluate(bindings) === size) continue;
    const promises = [...dim.promises()].flatMap(([name, { multiple, ...bounds }]) => [
      ...(multiple > 1 ? [`${name} a multiple of ${multiple}`] : []),
      ...promiseTexts(name, { ...bounds, multiple: 1 }).filter(() => bounds.least > multiple || Number.isFinite(bounds.most)),
    ]);
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
export function misfitHint(name: string, tensor: Pick<HostTensor, 'elem'>, wanted: ElemType): string {
  const { dtype, numpy } = elemFacts[wanted];
  if (tensor.elem !== wanted && numpy !== undefined) return `numpy.save("${name}.npy", array.astype("${dtype}"))`;
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
 * Random elements of a type: floats with mean 0 and variance 1 (the sum of four uniform numbers, so that no function is needed
 * that differs between engines), bytes 0 … 255, other integers and booleans 0 and 1 unless a range is given: an integer input
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

/**
 * Random elements of a declared range, uniform between its ends, both of which may come; floats are then normalised as the
 * declaration says.
 */
export function declaredTensor(type: TensorType, dims: readonly number[], range: ValueRange, seed: string): HostTensor {
  const { low, high, mean, std } = range;
  const { elem } = type;
  if (!isFloat(elem)) return randomTensor(elem, dims, seed, { low, high: high + 1 });
  const tensor = randomTensor('f64', dims, seed, { low, high });
  const axis = channelAxis(type);
  const inner = elementCount(dims.slice(axis + 1));
  const channels = dims[axis] ?? 1;
  const data = tensor.data.map((v, i) => {
    const channel = Math.floor(i / inner) % channels;
    return (v - (mean?.[mean.length === 1 ? 0 : channel] ?? 0)) / (std?.[std.length === 1 ? 0 : channel] ?? 1);
  });
  roundTo(elem, data);
  return { elem, dims, data };
}

export interface RandomOptions {
  /** Ranges by input name, [low, high); integers that index a table are found without. */
  readonly ranges?: ReadonlyMap<string, { readonly low: number; readonly high: number }> | undefined;
  /** Floats all of one sign, as far as their range has room for it. */
  readonly sign?: 'negative' | 'positive' | undefined;
  /** Floats without a range this many times as large. */
  readonly factor?: number | undefined;
}

/**
 * A random tensor for every input of the graph at these sizes, in the range that it declares. Throws `DiagnosticError`: RES0807
 * for an input that is no tensor of numbers with a known rank.
 */
export function randomInputs(
  graph: Graph,
  bindings: Bindings,
  seed: number,
  options: RandomOptions = {},
): Map<string, HostTensor> {
  const out = new Map<string, HostTensor>();
  for (const input of graph.inputs) {
    const name = input.name ?? '';
    if (input.type.foreign) noTensor(name, input.type.foreign.text);
    const declared = graph.inputRanges.get(name);
    if (declared) {
      out.set(name, declaredTensor(input.type, boundDims(input.type, bindings), declared, `${seed}:${name}`));
      continue;
    }
    const given = options.ranges?.get(name);
    const dims = boundDims(input.type, bindings);
    const data = given ? undefined : shapeFor(input, dims, bindings);
    const range = given ?? rangeOf(input, bindings);
    const tensor = data
      ? { elem: input.type.elem, dims, data }
      : randomTensor(input.type.elem, dims, `${seed}:${name}`, signed(range, options.sign));
    out.set(name, range || data ? tensor : bent(tensor, options));
  }
  return out;
}

/** The part of a range that has the sign; the range where it has none. */
function signed(range: NumberRange | undefined, sign: RandomOptions['sign']): NumberRange | undefined {
  if (!range || !sign) return range;
  const part = sign === 'negative' ? { ...range, high: Math.min(0, range.high) } : { ...range, low: Math.max(0, range.low) };
  return part.low < part.high ? part : range;
}

/** Floats that nothing gives a range, of one sign or scaled. */
function bent(tensor: HostTensor, { sign, factor = 1 }: RandomOptions): HostTensor {
  const { elem, dims } = tensor;
  if (!isFloat(elem) || (!sign && factor === 1)) return tensor;
  const turned = (v: number): number => (sign === 'negative' ? -Math.abs(v) : sign === 'positive' ? Math.abs(v) : v);
  const data = tensor.data.map((v) => factor * turned(v));
  roundTo(elem, data);
  return { elem, dims, data };
}

function noTensor(name: string, found: string): never {
  const other = /^(seq|map|optional|sparse)|string/.test(found);
  return fail(catalogue.tensorUnsupported, {
    with: {
      name,
      found,
      expected: 'a tensor of numbers or booleans with a known number of axes',
      hint: other ? 'take it out of the model' : `--input-shape ${name}=1,3,224,224`,
    },
  });
}

function sizesOf(value: Value | undefined, bindings: Bindings): readonly number[] | undefined {
  if (!value || value.type.foreign) return undefined;
  const sizes = value.type.dims.map((dim) => dim.evaluate(bindings));
  return sizes.every((size) => size !== undefined) ? sizes : undefined;
}

/** The numbers of an input that says the shape of a foreign operator's result, where the file declares that shape. */
function shapeFor(input: Value, dims: readonly number[], bindings: Bindings): Float64Array | undefined {
  for (const { user, index } of input.uses) {
    const numbers = asShape(user, index, bindings);
    if (numbers && dims.length === 1 && dims[0] === numbers.length) return Float64Array.from(numbers);
  }
  return undefined;
}

function asShape(user: Node, index: number, bindings: Bindings): readonly number[] | undefined {
  const to = sizesOf(user.results[0], bindings);
  const from = sizesOf(user.operand(0), bindings);
  if (!to) return undefined;
  const ratio = from && from.length === to.length ? to.map((size, axis) => size / (from[axis] ?? 1)) : undefined;
  switch (shapeOperand(user, index)) {
    case 'sizes':
      return to;
    case 'factors':
      return ratio;
    case 'new axes':
      return from && newAxes(from, to);
    case 'old axes':
      return from && newAxes(to, from);
    case 'parts': {
      const parts = user.results.map((y) => sizesOf(y, bindings));
      const axis = from?.findIndex((size, i) => size !== to[i]) ?? -1;
      return parts.map((part) => part?.[axis] ?? from?.[0] ?? 0);
    }
    default:
      return undefined;
  }
}

/** Which axes of `long` are those of size 1 that `short` lacks; the first of several answers. */
function newAxes(short: readonly number[], long: readonly number[]): readonly number[] {
  const out: number[] = [];
  let at = 0;
  long.forEach((size, axis) => {
    if (size === 1 && (short[at] !== 1 || long.length - axis > short.length - at)) out.push(axis);
    else at++;
  });
  return out;
}

/** What operand `index` of a node says of the shape of its result. */
function shapeOperand({ op }: Node, index: number): ShapeOperand | undefined {
  return op.foreign && shapeOperands[op.foreign.opType]?.[index];
}

/** What a node asks of the numbers of its operand `index`, and whether its results are those numbers. */
function demandOf(
  { op, attrs }: Node,
  index: number,
): { readonly range?: NumberRange | undefined; readonly indexes?: TableDemand | undefined; readonly passes: boolean } {
  if (op.foreign) {
    const { passes, operands } = numberDemands[op.foreign.opType] ?? {};
    const demand = operands?.[index];
    const table = demand && 'operand' in demand ? demand : undefined;
    const range = demand && !('operand' in demand) ? demand : undefined;
    return {
      range,
      indexes: table,
      passes: passes === 'all' || (passes === 'first' && index === 0),
    };
  }
  const { range, indexes } = op.operands[Math.min(index, op.operands.length - 1)] ?? {};
  const axis = typeof indexes?.axis === 'string' ? attrs[indexes.axis] : indexes?.axis;
  return {
    range,
    indexes: indexes && { ...indexes, axis: typeof axis === 'number' ? axis : 0 },
    passes: keepsNumbers(op) && (index === 0 || op.traits.moves === 'all'),
  };
}

/**
 * What the readers of an input ask of its numbers: the smallest table that it indexes, or a range that every reader is defined
 * on.
 */
function rangeOf(input: Value, bindings: Bindings): NumberRange | undefined {
  let rows: number | undefined;
  let low = 0;
  let range: NumberRange | undefined;
  const least = (table: Value | undefined, axis: number | undefined): void => {
    if (table?.type.foreign) return;
    const dims = table?.type.dims ?? [];
    const along = axis === undefined ? dims : [dims[axis < 0 ? axis + dims.length : axis]];
    for (const dim of along) {
      const size = dim?.evaluate(bindings);
      if (size !== undefined) rows = Math.min(rows ?? size, size);
    }
  };
  const seen = new Set<Value>([input]);
  const work = [input];
  for (let value = work.pop(); value; value = work.pop()) {
    for (const { user, index } of value.uses) {
      const { range: asked, indexes, passes } = demandOf(user, index);
      range ??= asked;
      if (indexes) {
        least(user.operand(indexes.operand), indexes.axis);
        low = Math.max(low, indexes.low ?? 0);
      } else if (passes) {
        for (const y of user.results) {
          if (seen.has(y)) continue;
          seen.add(y);
          work.push(y);
        }
      }
    }
  }
  if (!isFloat(input.type.elem) && rows !== undefined) return { low, high: Math.max(low + 1, low === 0 ? rows : rows + 1) };
  return range;
}
