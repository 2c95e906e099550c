/**
 * What is known of the results of operators that stay foreign: element types and sizes by the type and shape rules of ONNX (onnx/onnx,
 * docs/Operators.md, opset 13 to 26) and of those of com.microsoft that occur in residual networks. What no rule says, the file's own
 * value_info may.
 */
import { Dim, DimOverflow } from '../ir/dim.ts';
import { elemFacts, elemOfDataType, otherElem } from '../ir/elem.ts';
import type { Graph, Value } from '../ir/graph.ts';
import type { ElemType, ForeignType, TensorType } from '../ir/types.ts';
import type { FileType } from '../onnx/model.ts';
import { NotLifted } from './lift.ts';
import { axisFrom } from './lifts/common.ts';
import type { NodeView } from './node-view.ts';

/** A type as far as it is known. */
export interface Guess {
  readonly elem?: ElemType | undefined;
  /** Absent for an unknown rank; a size that is not known is undefined. */
  readonly dims?: readonly (Dim | undefined)[] | undefined;
  /** For what is no tensor of our element types. */
  readonly foreign?: ForeignType | undefined;
}

export interface GuessContext {
  readonly node: NodeView;
  readonly regions: readonly Graph[];
  /** As far as it is known of operand i. */
  operand(index: number): Guess;
  /** Elements of a small integer operand, as far as they are known. */
  elements(index: number): readonly (Dim | undefined)[] | undefined;
  /** The numbers of a small constant operand. */
  numbers(index: number): Float64Array | undefined;
  guessOf(value: Value): Guess;
}

type Rule = (context: GuessContext) => readonly Guess[];
type Sizes = readonly (Dim | undefined)[];

const nothing: Guess = {};

function varint(n: number): readonly number[] {
  const out: number[] = [];
  let rest = n;
  while (rest >= 128) {
    out.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  out.push(rest);
  return out;
}

function message(tag: number, body: readonly number[]): readonly number[] {
  return [tag * 8 + 2, ...varint(body.length), ...body];
}

/** TypeProto { tensor_type = 1: { elem_type = 1, shape = 2: { dim = 1: { dim_value = 1 } } } }, onnx.proto. */
function tensorProto(dataType: number, dims: readonly number[] | undefined): Uint8Array {
  const shape =
    dims &&
    message(
      2,
      dims.flatMap((d) => message(1, [8, ...varint(d)])),
    );
  return Uint8Array.from(message(1, [8, ...varint(dataType), ...(shape ?? [])]));
}

/** A tensor of an element type that the graph has not. */
export function otherTensor(dataType: number, dims: readonly number[] | undefined): ForeignType {
  const name = otherElem(dataType)?.name ?? `type ${dataType}`;
  const text = dims ? `${name}[${dims.join(', ')}]` : `tensor(${name})`;
  return { text, proto: tensorProto(dataType, dims) };
}

/** A tensor of one of ours whose rank nobody knows. */
export function unrankedTensor(elem: ElemType): ForeignType {
  const { onnxName: name, onnx: dataType } = elemFacts[elem];
  return { text: `tensor(${name})`, proto: tensorProto(dataType, undefined) };
}

export const unknownType: ForeignType = { text: 'unknown' };

/** The type that the file says, sizes without a name undefined. */
export function guessOfFile(type: FileType | undefined, dim: (name: string) => Dim | undefined): Guess {
  if (!type) return nothing;
  if (type.elem === undefined) return { foreign: { text: type.text, proto: type.proto } };
  const dims = type.dims?.map((d) => {
    if (typeof d === 'number') return d < 0 ? undefined : Dim.of(d);
    return d === undefined ? undefined : dim(d);
  });
  return { elem: type.elem, dims };
}

export function guessOfType(type: TensorType): Guess {
  return type.foreign ? { foreign: type.foreign } : { elem: type.elem, dims: type.dims };
}

// ------------------------------------------------------------------------------------------------------------ shapes

/** NumPy's rule where something is unknown: a known size other than 1 is the result's, because the other one is it or 1. */
function broadcast(...all: readonly (Sizes | undefined)[]): Sizes | undefined {
  let out: Sizes = [];
  for (const dims of all) {
    if (!dims) return undefined;
    const rank = Math.max(out.length, dims.length);
    const before = out;
    out = Array.from({ length: rank }, (_, i) => {
      const a = i - rank + before.length < 0 ? Dim.one : before[i - rank + before.length];
      const b = i - rank + dims.length < 0 ? Dim.one : dims[i - rank + dims.length];
      if (a === b || b?.constant === 1) return a;
      if (a?.constant === 1) return b;
      if (a?.constant !== undefined) return a;
      return b?.constant !== undefined ? b : undefined;
    });
  }
  return out;
}

const rankOf = (guess: Guess): number | undefined => guess.dims?.length;

/** The same type as operand i. */
const like =
  (index: number): Rule =>
  (c) => [c.operand(index)];

/** The element type of operand 0, the shape that operands broadcast to. */
const broadcasting =
  (elem?: ElemType): Rule =>
  (c) => {
    const all = c.node.values.map((_, i) => c.operand(i));
    const first = all.find((one) => one.elem !== undefined)?.elem;
    return [{ elem: elem ?? first, dims: broadcast(...all.map((one) => one.dims)) }];
  };

const shapeLike =
  (index: number, elem: ElemType): Rule =>
  (c) => [{ elem, dims: c.operand(index).dims }];

/** The type that attribute `to` or `dtype` names. */
function named(c: GuessContext, attribute: string, otherwise: number, dims: Sizes | undefined): Guess {
  const dataType = c.node.int(attribute, otherwise);
  const elem = elemOfDataType(dataType);
  if (elem) return { elem, dims };
  if (!otherElem(dataType)) return nothing;
  const known = dims?.map((d) => d?.constant);
  const numbers = known?.every((d) => d !== undefined) ? known.map((d) => d ?? 0) : undefined;
  return { foreign: otherTensor(dataType, numbers) };
}

/** A shape of more numbers than this is no tensor's: whatever is said of it would only be long. */
export const rankLimit = 64;
const unknownSizes = (rank: number | undefined): Sizes | undefined =>
  rank === undefined || rank > rankLimit ? undefined : Array.from({ length: rank }, () => undefined);

/** Batch and channels of operands 0 and 1, an unknown grid. */
const convolution: Rule = (c) => {
  const [x, weight] = [c.operand(0), c.operand(1)];
  const rank = rankOf(x) ?? rankOf(weight);
  const grid = unknownSizes(rank === undefined ? undefined : Math.max(0, rank - 2));
  return [{ elem: x.elem ?? weight.elem, dims: grid && [x.dims?.[0], weight.dims?.[0], ...grid] }];
};

const transposed: Rule = (c) => {
  const [x, weight] = [c.operand(0), c.operand(1)];
  const rank = rankOf(x) ?? rankOf(weight);
  const grid = unknownSizes(rank === undefined ? undefined : Math.max(0, rank - 2));
  return [{ elem: x.elem ?? weight.elem, dims: grid && [x.dims?.[0], weight.dims?.[1]?.times(c.node.int('group', 1)), ...grid] }];
};

const pooled: Rule = (c) => {
  const x = c.operand(0);
  const kernel = c.node.ints('kernel_shape');
  const rank = rankOf(x) ?? (kernel && kernel.length + 2);
  const dims = unknownSizes(rank)?.map((_, i) => (i < 2 ? x.dims?.[i] : undefined));
  return [
    { elem: x.elem, dims },
    { elem: 'i64', dims },
  ];
};

const globallyPooled: Rule = (c) => {
  const x = c.operand(0);
  return [{ elem: x.elem, dims: x.dims?.map((d, i) => (i < 2 ? d : Dim.one)) }];
};

const matrixProduct =
  (elem?: ElemType, second = 1): Rule =>
  (c) => {
    const [a, b] = [c.operand(0), c.operand(second)];
    const out = elem ?? a.elem ?? b.elem;
    if (!a.dims || !b.dims || a.dims.length === 0 || b.dims.length === 0) return [{ elem: out }];
    const lead = broadcast(a.dims.slice(0, -2), b.dims.slice(0, -2)) ?? [];
    const rows = a.dims.length > 1 ? [a.dims.at(-2)] : [];
    const columns = b.dims.length > 1 ? [b.dims.at(-1)] : [];
    return [{ elem: out, dims: [...lead, ...rows, ...columns] }];
  };

const gemm: Rule = (c) => {
  const [a, b] = [c.operand(0), c.operand(1)];
  const rows = a.dims?.[c.node.flag('transA', false) ? 1 : 0];
  return [{ elem: a.elem ?? b.elem, dims: [rows, b.dims?.[c.node.flag('transB', false) ? 0 : 1]] }];
};

/** Axes as attribute or operand; undefined where they are not known. */
function axesOf(c: GuessContext, index: number): readonly number[] | undefined {
  const given = c.node.ints('axes');
  if (given) return given;
  if (!c.node.values[index]) return [];
  const found = c.elements(index)?.map((d) => d?.constant);
  return found?.every((n) => n !== undefined) ? found.map((n) => n ?? 0) : undefined;
}

const reduced: Rule = (c) => {
  const { elem, dims } = c.operand(0);
  const keep = c.node.flag('keepdims', true);
  if (!dims) return [{ elem }];
  const axes = axesOf(c, 1)?.map((axis) => axisFrom(axis, dims.length));
  if (!axes) {
    const count = c.operand(1).dims?.[0]?.constant;
    if (keep) return [{ elem, dims: unknownSizes(dims.length) }];
    // No axes are all axes or none; of more of them it is only known how many stay.
    return [{ elem, dims: count === undefined || count === 0 ? undefined : unknownSizes(Math.max(0, dims.length - count)) }];
  }
  if (axes.length === 0 && c.node.flag('noop_with_empty_axes', false)) return [{ elem, dims }];
  const all = axes.length === 0;
  if (keep) return [{ elem, dims: dims.map((d, i) => (all || axes.includes(i) ? Dim.one : d)) }];
  return [{ elem, dims: dims.filter((_, i) => !all && !axes.includes(i)) }];
};

const argExtreme: Rule = (c) => {
  const { dims } = c.operand(0);
  const axis = dims && axisFrom(c.node.int('axis', 0), dims.length);
  const keep = c.node.flag('keepdims', true);
  return [{ elem: 'i64', dims: dims?.flatMap((d, i) => (i !== axis ? [d] : keep ? [Dim.one] : [])) }];
};

/** A shape as an operand: as many axes as it has elements. */
function shaped(c: GuessContext, index: number): Sizes | undefined {
  const known = c.elements(index);
  if (known) return known.map((d) => (d && d.lowerBound >= 0 ? d : undefined));
  return unknownSizes(c.operand(index).dims?.[0]?.constant);
}

const reshaped: Rule = (c) => {
  const x = c.operand(0);
  const target = c.elements(1);
  if (!target) return [{ elem: x.elem, dims: shaped(c, 1) }];
  const copies = !c.node.flag('allowzero', false);
  const dims = target.map((d, i) => {
    if (d?.constant === 0 && copies) return x.dims?.[i];
    return d && d.lowerBound >= 0 ? d : undefined;
  });
  return [{ elem: x.elem, dims }];
};

const flattened: Rule = (c) => {
  const { elem, dims } = c.operand(0);
  const axis = dims ? axisFrom(c.node.int('axis', 1), dims.length) : 0;
  const product = (list: Sizes): Dim | undefined =>
    list.reduce<Dim | undefined>((n, d) => (n && d ? n.times(d) : undefined), Dim.one);
  return [{ elem, dims: dims ? [product(dims.slice(0, axis)), product(dims.slice(axis))] : [undefined, undefined] }];
};

const squeezed: Rule = (c) => {
  const { elem, dims } = c.operand(0);
  if (!dims) return [{ elem }];
  const axes = axesOf(c, 1)?.map((axis) => axisFrom(axis, dims.length));
  if (!axes || axes.length === 0) return [{ elem }];
  return [{ elem, dims: dims.filter((_, i) => !axes.includes(i)) }];
};

const unsqueezed: Rule = (c) => {
  const { elem, dims } = c.operand(0);
  const axes = axesOf(c, 1);
  if (!dims || !axes) return [{ elem }];
  const rank = dims.length + axes.length;
  const places = new Set(axes.map((axis) => axisFrom(axis, rank)));
  const rest = [...dims];
  return [{ elem, dims: Array.from({ length: rank }, (_, i) => (places.has(i) ? Dim.one : rest.shift())) }];
};

const permuted: Rule = (c) => {
  const { elem, dims } = c.operand(0);
  const perm = c.node.ints('perm');
  if (dims) return [{ elem, dims: (perm ?? dims.map((_, i) => dims.length - 1 - i)).map((axis) => dims[axis]) }];
  return [{ elem, dims: unknownSizes(perm?.length) }];
};

const concatenated: Rule = (c) => {
  const all = c.node.values.map((_, i) => c.operand(i));
  const elem = all.find((one) => one.elem)?.elem;
  const rank = all.find((one) => one.dims)?.dims?.length;
  if (rank === undefined) return [{ elem }];
  const axis = axisFrom(c.node.int('axis'), rank);
  const dims = Array.from({ length: rank }, (_, i) => {
    const sizes = all.map((one) => one.dims?.[i]);
    if (i !== axis) return sizes.find((d) => d?.constant !== undefined) ?? sizes.find((d) => d !== undefined);
    return sizes.reduce<Dim | undefined>((n, d) => (n && d ? n.plus(d) : undefined), Dim.zero);
  });
  return [{ elem, dims }];
};

const splitted: Rule = (c) => {
  const { elem, dims } = c.operand(0);
  const axis = dims ? axisFrom(c.node.int('axis', 0), dims.length) : 0;
  const sizes = c.elements(1);
  const count = c.node.file.outputs.length;
  return Array.from({ length: count }, (_, part) => {
    const size = sizes ? sizes[part] : dims?.[axis]?.divideExactly(count);
    return { elem, dims: dims?.map((d, i) => (i === axis ? size : d)) };
  });
};

/** The sizes of the axes that are not named stay. */
const sliced: Rule = (c) => {
  const { elem, dims } = c.operand(0);
  if (!dims) return [{ elem }];
  const count = c.operand(1).dims?.[0]?.constant ?? dims.length;
  const named = c.node.values[3] ? axesOf(c, 3) : Array.from({ length: count }, (_, i) => i);
  const axes = named?.map((axis) => axisFrom(axis, dims.length));
  return [{ elem, dims: dims.map((d, i) => (axes && !axes.includes(i) ? d : undefined)) }];
};

const padded: Rule = (c) => {
  const { elem, dims } = c.operand(0);
  if (!dims) return [{ elem }];
  const pads = c.elements(1);
  const axes = (c.node.values[3] ? axesOf(c, 3) : undefined)?.map((axis) => axisFrom(axis, dims.length));
  const count = axes?.length ?? dims.length;
  if (!pads || (c.node.values[3] && !axes) || pads.length !== 2 * count) return [{ elem, dims: unknownSizes(dims.length) }];
  return [
    {
      elem,
      dims: dims.map((d, i) => {
        const at = axes ? axes.indexOf(i) : i;
        if (at < 0) return d;
        const [begin, end] = [pads[at], pads[count + at]];
        return d && begin && end ? d.plus(begin).plus(end) : undefined;
      }),
    },
  ];
};

const tiled: Rule = (c) => {
  const { elem, dims } = c.operand(0);
  const repeats = c.elements(1);
  if (!dims) return [{ elem, dims: unknownSizes(c.operand(1).dims?.[0]?.constant) }];
  return [
    {
      elem,
      dims: dims.map((d, i) => {
        const n = repeats?.[i];
        return d && n ? d.times(n) : undefined;
      }),
    },
  ];
};

const expanded: Rule = (c) => {
  const x = c.operand(0);
  return [{ elem: x.elem, dims: broadcast(x.dims, shaped(c, 1)) }];
};

const gathered: Rule = (c) => {
  const [x, indices] = [c.operand(0), c.operand(1)];
  if (!x.dims || !indices.dims) return [{ elem: x.elem }];
  const axis = axisFrom(c.node.int('axis', 0), x.dims.length);
  return [{ elem: x.elem, dims: [...x.dims.slice(0, axis), ...indices.dims, ...x.dims.slice(axis + 1)] }];
};

const gatheredNd: Rule = (c) => {
  const [x, indices] = [c.operand(0), c.operand(1)];
  const last = indices.dims?.at(-1)?.constant;
  if (!x.dims || !indices.dims || last === undefined) return [{ elem: x.elem }];
  const batch = c.node.int('batch_dims', 0);
  return [{ elem: x.elem, dims: [...indices.dims.slice(0, -1), ...x.dims.slice(batch + last)] }];
};

const rangeOf: Rule = (c) => [{ elem: c.operand(0).elem, dims: [undefined] }];

const constantOfShape: Rule = (c) => {
  const value = c.node.tensor('value');
  const dims = shaped(c, 0);
  if (value?.kind === 'tensor') return [{ elem: value.expr.elem, dims }];
  if (value?.kind === 'other') return [{ foreign: otherTensor(value.dataType, undefined) }];
  return [value ? nothing : { elem: 'f32', dims }];
};

const topK: Rule = (c) => {
  const { elem, dims } = c.operand(0);
  const axis = dims && axisFrom(c.node.int('axis', -1), dims.length);
  const k = c.elements(1)?.[0];
  const out = dims?.map((d, i) => (i === axis ? k : d));
  return [
    { elem, dims: out },
    { elem: 'i64', dims: out },
  ];
};

const nonZero: Rule = (c) => {
  const rank = rankOf(c.operand(0));
  return [{ elem: 'i64', dims: [rank === undefined ? undefined : Dim.of(Math.max(1, rank)), undefined] }];
};

const oneHot: Rule = (c) => {
  const { dims } = c.operand(0);
  const { elem } = c.operand(2);
  if (!dims) return [{ elem }];
  const axis = axisFrom(c.node.int('axis', -1), dims.length + 1);
  return [{ elem, dims: [...dims.slice(0, axis), c.elements(1)?.[0], ...dims.slice(axis)] }];
};

/** X [sequence, batch, input]; with layout 1 the batch is first. R [directions, gates·hidden, hidden]. */
const recurrent =
  (states: number): Rule =>
  (c) => {
    const [x, r] = [c.operand(0), c.operand(2)];
    const batchFirst = c.node.flag('layout', false);
    const [first, second] = [x.dims?.[0], x.dims?.[1]];
    const [sequence, batch] = batchFirst ? [second, first] : [first, second];
    const [directions, hidden] = [r.dims?.[0], r.dims?.[2]];
    const state = { elem: x.elem, dims: batchFirst ? [batch, directions, hidden] : [directions, batch, hidden] };
    const all = batchFirst ? [batch, sequence, directions, hidden] : [sequence, directions, batch, hidden];
    return [{ elem: x.elem, dims: all }, ...Array.from({ length: states }, () => state)];
  };

/** Sizes, or ⌊L·s⌋ for scales that float32 multiplies exactly: multiples of 1/4096. */
const resized: Rule = (c) => {
  const { elem, dims } = c.operand(0);
  if (!dims) return [{ elem }];
  const axes = c.node.ints('axes')?.map((axis) => axisFrom(axis, dims.length)) ?? dims.map((_, i) => i);
  const sizes = c.elements(3);
  const scales = c.numbers(2);
  const stretches = c.node.string('keep_aspect_ratio_policy', 'stretch') === 'stretch';
  return [
    {
      elem,
      dims: dims.map((d, axis) => {
        const at = axes.indexOf(axis);
        if (at < 0) return d;
        if (sizes?.length === axes.length) return stretches ? sizes[at] : undefined;
        const scale = scales?.[at];
        if (scale === undefined || scales?.length !== axes.length || !Number.isInteger(scale * 4096)) return undefined;
        return scale === 1 ? d : d?.times(scale * 4096).floordiv(4096);
      }),
    },
  ];
};

/** Blocks of the grid become channels (`shrinks`), or channels blocks. */
const blocks =
  (shrinks: boolean): Rule =>
  (c) => {
    const { elem, dims } = c.operand(0);
    const r = c.node.int('blocksize');
    const [n, channels, h, w] = dims ?? [];
    if (shrinks) return [{ elem, dims: [n, channels?.times(r * r), h?.divideExactly(r), w?.divideExactly(r)] }];
    return [{ elem, dims: [n, channels?.divideExactly(r * r), h?.times(r), w?.times(r)] }];
  };

const quantized: Rule = (c) => {
  const { dims } = c.operand(0);
  const asked = c.node.int('output_dtype', 0);
  if (asked !== 0) return [named(c, 'output_dtype', 2, dims)];
  const zero = c.node.values[2] ? c.operand(2) : undefined;
  if (zero?.foreign) return [{ foreign: { text: `tensor(${zero.foreign.text.replace(/[[(].*$/, '')})` } }];
  return [{ elem: zero ? zero.elem : 'u8', dims }];
};

const dequantized: Rule = (c) => {
  const asked = c.node.int('output_dtype', 0);
  const { dims } = c.operand(0);
  return [asked !== 0 ? named(c, 'output_dtype', 1, dims) : { elem: c.operand(1).elem, dims }];
};

const einsum: Rule = (c) => {
  const equation = c.node.string('equation', '').replace(/\s/g, '');
  const [left = '', right] = equation.split('->');
  const { elem } = c.operand(0);
  if (right === undefined || equation.includes('.')) return [{ elem }];
  const sizes = new Map<string, Dim | undefined>();
  for (const [i, term] of left.split(',').entries()) {
    [...term].forEach((letter, axis) => {
      const d = c.operand(i).dims?.[axis];
      if (sizes.get(letter) === undefined || d?.constant !== undefined) sizes.set(letter, d);
    });
  }
  return [{ elem, dims: [...right].map((letter) => sizes.get(letter)) }];
};

/** Both types where they agree; sizes that differ are not known. */
export function common(a: Guess, b: Guess): Guess {
  if (a.foreign || b.foreign) return a.foreign && a.foreign.text === b.foreign?.text ? a : nothing;
  if (a.elem === undefined || a.elem !== b.elem) return nothing;
  if (!a.dims || !b.dims || a.dims.length !== b.dims.length) return { elem: a.elem };
  const other = b.dims;
  return { elem: a.elem, dims: a.dims.map((d, i) => (d === other[i] ? d : undefined)) };
}

const branched: Rule = (c) => {
  const [yes, no] = c.regions;
  if (!yes || !no) return [];
  return yes.outputs.map(({ value }, i) => {
    const other = no.outputs[i]?.value;
    return other ? common(c.guessOf(value), c.guessOf(other)) : nothing;
  });
};

/**
 * Carried values may change their sizes from step to step; only what enters and what the body makes of it is known. A body that never ran made
 * nothing, so that the sizes of what is collected from it are known only where it runs at least once: of no steps onnxruntime makes sizes of 0.
 */
const looped: Rule = (c) => {
  const body = c.regions[0];
  if (!body) return [];
  const carried = Math.max(0, c.node.values.length - 2);
  const given = (index: number, otherwise: number): number => (c.node.values[index] ? (c.numbers(index)?.[0] ?? 0) : otherwise);
  const [trips, goesOn] = [given(0, Infinity), given(1, 1)];
  const runs = trips >= 1 && goesOn !== 0;
  return body.outputs.slice(1).map(({ value }, i) => {
    const inner = c.guessOf(value);
    return i < carried ? common(c.operand(i + 2), inner) : collected(inner, 0, undefined, runs);
  });
};

const scanned: Rule = (c) => {
  const body = c.regions[0];
  if (!body) return [];
  const states = c.node.values.length - c.node.int('num_scan_inputs', 0);
  const [read, written] = [c.node.ints('scan_input_axes'), c.node.ints('scan_output_axes')];
  const first = c.operand(states).dims;
  const length = first?.[axisFrom(read?.[0] ?? 0, first.length)];
  const runs = length !== undefined && length.lowerBound >= 1;
  return body.outputs.map(({ value }, i) => {
    const inner = c.guessOf(value);
    return i < states ? common(c.operand(i), inner) : collected(inner, written?.[i - states] ?? 0, length, runs);
  });
};

/** What a body makes in every step, joined along a new axis; sizes that only the body knows are none that are known outside. */
function collected(inner: Guess, axis: number, length: Dim | undefined, runs: boolean): Guess {
  if (inner.foreign) return nothing;
  if (!inner.dims) return { elem: inner.elem };
  const dims = inner.dims.map((d) => (runs && d?.constant !== undefined ? d : undefined));
  const at = axisFrom(axis, inner.dims.length + 1);
  return { elem: inner.elem, dims: [...dims.slice(0, at), length, ...dims.slice(at)] };
}

/** Mean and 1/σ are of the type that `stash_type` says, whatever x is of. */
const normalizedWithMoments: Rule = (c) => {
  const elem = elemOfDataType(c.node.int('stash_type', 1));
  return [c.operand(0), ...c.node.file.outputs.slice(1).map(() => ({ elem }))];
};

/** The elements of operand 0, the type that an attribute names. */
const cast: Rule = (c) => [named(c, 'to', 0, c.operand(0).dims)];
const constantLike: Rule = (c) => {
  const x = c.operand(0);
  return [c.node.has('dtype') ? named(c, 'dtype', 1, x.dims) : x];
};
const randomOf: Rule = (c) => [
  named(
    c,
    'dtype',
    1,
    c.node.ints('shape')?.map((n) => Dim.of(n)),
  ),
];

const sameAsFirst = [
  ...[
    'Acos',
    'Acosh',
    'Asin',
    'Asinh',
    'Atan',
    'Atanh',
    'Sinh',
    'Cosh',
    'BitwiseNot',
    'Hardmax',
    'ThresholdedRelu',
    'Shrink',
    'LRN',
  ],
  ...[
    'LpNormalization',
    'MeanVarianceNormalization',
    'GroupNormalization',
    'RMSNormalization',
    'Trilu',
    'ScatterND',
    'ScatterElements',
  ],
  ...['TensorScatter', 'CumSum', 'ReverseSequence', 'Swish', 'RotaryEmbedding', 'InstanceNormalization', 'Identity'],
  ...[
    'Abs',
    'Neg',
    'Exp',
    'Log',
    'Sqrt',
    'Erf',
    'Reciprocal',
    'Floor',
    'Ceil',
    'Round',
    'Sign',
    'Sin',
    'Cos',
    'Tan',
    'Tanh',
    'Relu',
  ],
  ...[
    'LeakyRelu',
    'Elu',
    'Celu',
    'Selu',
    'Sigmoid',
    'HardSigmoid',
    'HardSwish',
    'Gelu',
    'Softplus',
    'Softsign',
    'Mish',
    'Softmax',
  ],
  ...['LogSoftmax', 'Clip', 'Not'],
] as const;

const rules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...sameAsFirst.map((name): [string, Rule] => [name, like(0)]),
  ...[
    'Add',
    'Sub',
    'Mul',
    'Div',
    'Mod',
    'Pow',
    'Min',
    'Max',
    'Sum',
    'Mean',
    'BitShift',
    'BitwiseAnd',
    'BitwiseOr',
    'BitwiseXor',
  ].map((name): [string, Rule] => [name, broadcasting()]),
  ...['And', 'Or', 'Xor', 'Equal', 'Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual'].map((name): [string, Rule] => [
    name,
    broadcasting('bool'),
  ]),
  [
    'Where',
    (c) => [
      { elem: c.operand(1).elem ?? c.operand(2).elem, dims: broadcast(c.operand(0).dims, c.operand(1).dims, c.operand(2).dims) },
    ],
  ],
  [
    'PRelu',
    (c) => {
      // ONNX repeats the slope to x alone; onnxruntime x to the slope too.
      const x = c.operand(0);
      const both = broadcast(x.dims, c.operand(1).dims);
      return [
        both?.length === x.dims?.length && both?.every((d, i) => d !== undefined && d === x.dims?.[i]) ? x : { elem: x.elem },
      ];
    },
  ],
  ['IsNaN', shapeLike(0, 'bool')],
  ['IsInf', shapeLike(0, 'bool')],
  [
    'Shape',
    (c) => {
      const rank = rankOf(c.operand(0));
      return [{ elem: 'i64', dims: [c.node.has('start') || c.node.has('end') || rank === undefined ? undefined : Dim.of(rank)] }];
    },
  ],
  ['Size', () => [{ elem: 'i64', dims: [] }]],
  ['Dropout', (c) => [c.operand(0), { elem: 'bool', dims: c.operand(0).dims }]],
  [
    'BatchNormalization',
    (c) => {
      const x = c.operand(0);
      const v = { elem: x.elem, dims: c.operand(3).dims };
      return [x, v, v, v, v];
    },
  ],
  ['LayerNormalization', normalizedWithMoments],
  ['Conv', convolution],
  ['ConvInteger', (c) => convolution(c).map((one) => ({ ...one, elem: 'i32' as const }))],
  ['ConvTranspose', transposed],
  ['DeformConv', convolution],
  ['MaxPool', pooled],
  ['AveragePool', pooled],
  ['LpPool', pooled],
  ['GlobalAveragePool', globallyPooled],
  ['GlobalMaxPool', globallyPooled],
  ['GlobalLpPool', globallyPooled],
  ['MatMul', matrixProduct()],
  ['MatMulInteger', matrixProduct('i32')],
  ['Gemm', gemm],
  ['Einsum', einsum],
  ...['Sum', 'Mean', 'Max', 'Min', 'Prod', 'L1', 'L2', 'LogSum', 'LogSumExp', 'SumSquare'].map((name): [string, Rule] => [
    `Reduce${name}`,
    reduced,
  ]),
  ['ArgMax', argExtreme],
  ['ArgMin', argExtreme],
  ['Reshape', reshaped],
  ['Flatten', flattened],
  ['Squeeze', squeezed],
  ['Unsqueeze', unsqueezed],
  ['Transpose', permuted],
  ['Concat', concatenated],
  ['Split', splitted],
  ['Slice', sliced],
  ['Pad', padded],
  ['Tile', tiled],
  ['Expand', expanded],
  ['Gather', gathered],
  ['GatherElements', (c) => [{ elem: c.operand(0).elem, dims: c.operand(1).dims }]],
  ['GatherND', gatheredNd],
  ['Range', rangeOf],
  ['ConstantOfShape', constantOfShape],
  ['TopK', topK],
  ['NonZero', nonZero],
  ['OneHot', oneHot],
  [
    'Compress',
    (c) => {
      const { elem, dims } = c.operand(0);
      const axis = dims && c.node.has('axis') ? axisFrom(c.node.int('axis'), dims.length) : undefined;
      return [{ elem, dims: axis === undefined ? [undefined] : dims?.map((d, i) => (i === axis ? undefined : d)) }];
    },
  ],
  [
    'Unique',
    (c) => [
      { elem: c.operand(0).elem, dims: c.node.has('axis') ? unknownSizes(rankOf(c.operand(0))) : [undefined] },
      ...[1, 2, 3].map(() => ({ elem: 'i64' as const, dims: [undefined] })),
    ],
  ],
  ['NonMaxSuppression', () => [{ elem: 'i64', dims: [undefined, Dim.of(3)] }]],
  [
    'RoiAlign',
    (c) => [
      {
        elem: c.operand(0).elem,
        dims: [
          c.operand(1).dims?.[0],
          c.operand(0).dims?.[1],
          Dim.of(c.node.int('output_height', 1)),
          Dim.of(c.node.int('output_width', 1)),
        ],
      },
    ],
  ],
  [
    'GridSample',
    (c) => [
      {
        elem: c.operand(0).elem,
        dims: c.operand(0).dims && [
          c.operand(0).dims?.[0],
          c.operand(0).dims?.[1],
          ...(c.operand(1).dims?.slice(1, -1) ?? unknownSizes((rankOf(c.operand(0)) ?? 2) - 2) ?? []),
        ],
      },
    ],
  ],
  ['LSTM', recurrent(2)],
  ['GRU', recurrent(1)],
  ['RNN', recurrent(1)],
  ['Resize', resized],
  ['Upsample', (c) => [{ elem: c.operand(0).elem, dims: unknownSizes(rankOf(c.operand(0))) }]],
  ['DepthToSpace', blocks(false)],
  ['SpaceToDepth', blocks(true)],
  ['QuantizeLinear', quantized],
  ['DequantizeLinear', dequantized],
  [
    'DynamicQuantizeLinear',
    (c) => [
      { elem: 'u8', dims: c.operand(0).dims },
      { elem: 'f32', dims: [] },
      { elem: 'u8', dims: [] },
    ],
  ],
  [
    'QLinearConv',
    (c) => convolution({ ...c, operand: (i) => c.operand(i === 1 ? 3 : i) }).map((one) => ({ ...one, elem: c.operand(7).elem })),
  ],
  ['QLinearMatMul', (c) => matrixProduct(undefined, 3)(c).map((one) => ({ ...one, elem: c.operand(7).elem }))],
  ['Cast', cast],
  ['CastLike', (c) => [{ elem: c.operand(1).elem, dims: c.operand(0).dims }]],
  ['Bernoulli', constantLike],
  ['EyeLike', constantLike],
  ['RandomNormalLike', constantLike],
  ['RandomUniformLike', constantLike],
  ['RandomNormal', randomOf],
  ['RandomUniform', randomOf],
  ['Multinomial', (c) => [named(c, 'dtype', 6, [c.operand(0).dims?.[0], Dim.of(c.node.int('sample_size', 1))])]],
  ['Det', (c) => [{ elem: c.operand(0).elem, dims: c.operand(0).dims?.slice(0, -2) }]],
  [
    'Attention',
    (c) => [
      {
        elem: c.operand(0).elem,
        dims:
          rankOf(c.operand(0)) === 4
            ? [...(c.operand(0).dims?.slice(0, 3) ?? []), c.operand(2).dims?.[3]]
            : unknownSizes(rankOf(c.operand(0))),
      },
    ],
  ],
  ['SequenceAt', () => [nothing]],
  ['If', branched],
  ['Loop', looped],
  ['Scan', scanned],
]);

/** com.microsoft: onnxruntime, docs/ContribOperators.md. */
const contributed: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...[
    'Gelu',
    'FastGelu',
    'BiasGelu',
    'QuickGelu',
    'GroupNorm',
    'QLinearSigmoid',
    'QLinearLeakyRelu',
    'QLinearSoftmax',
    'Trilu',
  ].map((name): [string, Rule] => [name, like(0)]),
  ['QuantizeLinear', quantized],
  ['DequantizeLinear', dequantized],
  ['FusedConv', convolution],
  ['FusedGemm', gemm],
  [
    'FusedMatMul',
    (c) =>
      ['transA', 'transB', 'transBatchA', 'transBatchB'].every((name) => c.node.int(name, 0) === 0)
        ? matrixProduct()(c)
        : [{ elem: c.operand(0).elem }],
  ],
  ['SkipLayerNormalization', like(0)],
  ['EmbedLayerNormalization', () => []],
  ['QLinearAdd', (c) => [{ elem: c.operand(0).elem, dims: broadcast(c.operand(0).dims, c.operand(3).dims) }]],
  ['QLinearMul', (c) => [{ elem: c.operand(0).elem, dims: broadcast(c.operand(0).dims, c.operand(3).dims) }]],
  ['QLinearGlobalAveragePool', globallyPooled],
  ['QLinearAveragePool', pooled],
]);

/** What is known of every result; an empty list where nothing is. */
export function guessTypes(context: GuessContext): readonly Guess[] {
  const { domain, opType } = context.node;
  const rule = domain === '' ? rules.get(opType) : domain === 'com.microsoft' ? contributed.get(opType) : undefined;
  if (!rule) return [];
  try {
    return rule(context);
  } catch (error) {
    // An attribute that is missing or of another kind, or a size that no number can be.
    if (error instanceof NotLifted || error instanceof DimOverflow) return [];
    throw error;
  }
}
