/**
 * Types of operators that move, cut, repeat or make elements: Reshape-13 (-21), Flatten-13, Squeeze-13, Unsqueeze-13,
 * Transpose-13, Concat-13, Split-13 (-18), Slice-13, Pad-13 (-21), Tile-13, Expand-13, Gather-13 and its family, Range-11,
 * Shape-13 (-15), ConstantOfShape-9, TopK-11, OneHot-11, NonZero-13, Compress-11, Unique-11, NonMaxSuppression-11; and the older
 * forms that have attributes in the place of operands.
 */
import { Dim } from '../../ir/dim.ts';
import { CheckFailure } from '../../ir/operator.ts';
import { rangeCount } from '../../ops/generate.ts';
import { reshaped as reshapedDims, unsqueezed as unsqueezedDims } from '../../ops/reshape.ts';
import { slicedDim } from '../../ops/slice.ts';
import { axesOf, axisFrom, broadcast, check, listOf, type Rule, type RuleTable, shapeFrom, sizeBy } from './context.ts';
import { otherTensor, type PartialDims, type PartialType, ranked, rankOf, unknown } from './partial-type.ts';

const product = (list: PartialDims): Dim | undefined =>
  list.reduce<Dim | undefined>((n, d) => (n && d ? n.times(d) : undefined), Dim.one);

function complete(dims: PartialDims | undefined): readonly Dim[] | undefined {
  const out: Dim[] = [];
  for (const d of dims ?? [undefined]) {
    if (!d) return undefined;
    out.push(d);
  }
  return out;
}

/** A 0 copies the size at its place, and −1 is what is left, by the registry's rule where all sizes are known. */
const reshaped: Rule = (c) => {
  const { elem, dims } = c.operand(0);
  const target = listOf(c, 'shape', 1);
  if (!target) return [{ elem, dims: shapeFrom(c, 1) }];
  const copies = !c.attributes.flag('allowzero', false);
  const asked = target.map((d, i) => (d?.constant === 0 && copies ? dims?.[i] : d));
  const [from, to] = [complete(dims), complete(asked)];
  if (from && to?.every((d) => d.constant === -1 || d.lowerBound >= 0)) {
    try {
      return [{ elem, dims: reshapedDims(check, { elem: elem ?? 'f32', dims: from }, to) }];
    } catch (error) {
      if (!(error instanceof CheckFailure)) throw error;
    }
  }
  return [{ elem, dims: asked.map((d) => (d && d.lowerBound >= 0 ? d : undefined)) }];
};

const flattened: Rule = (c) => {
  const { elem, dims } = c.operand(0);
  const axis = dims ? axisFrom(c.attributes.int('axis', 1), dims.length) : 0;
  return [{ elem, dims: dims ? [product(dims.slice(0, axis)), product(dims.slice(axis))] : [undefined, undefined] }];
};

const squeezed: Rule = (c) => {
  const { elem, dims } = c.operand(0);
  if (!dims) return [{ elem }];
  const axes = axesOf(c, 1)?.map((axis) => axisFrom(axis, dims.length));
  if (!axes) return [{ elem }];
  if (axes.length > 0) return [{ elem, dims: dims.filter((_, i) => !axes.includes(i)) }];
  const certain = dims.every((d) => d !== undefined && (d.constant !== undefined || d.lowerBound > 1));
  return [{ elem, dims: certain ? dims.filter((d) => d?.constant !== 1) : undefined }];
};

const unsqueezed: Rule = (c) => {
  const { elem, dims } = c.operand(0);
  const axes = axesOf(c, 1);
  if (!dims || !axes) return [{ elem }];
  const places = Array.from({ length: dims.length }, (_, i) => i);
  return [{ elem, dims: unsqueezedDims(places, axes, -1).map((i) => (i < 0 ? Dim.one : dims[i])) }];
};

const permuted: Rule = (c) => {
  const { elem, dims } = c.operand(0);
  const perm = c.attributes.ints('perm');
  if (dims) return [{ elem, dims: (perm ?? dims.map((_, i) => dims.length - 1 - i)).map((axis) => dims[axis]) }];
  return [{ elem, dims: ranked(perm?.length) }];
};

const concatenated: Rule = (c) => {
  const all = Array.from({ length: c.operandCount }, (_, i) => c.operand(i));
  const elem = all.find((one) => one.elem)?.elem;
  const rank = all.find((one) => one.dims)?.dims?.length;
  if (rank === undefined) return [{ elem }];
  const axis = axisFrom(c.attributes.int('axis', 1), rank);
  const dims = Array.from({ length: rank }, (_, i) => {
    const sizes = all.map((one) => one.dims?.[i]);
    if (i !== axis) return sizes.find((d) => d?.constant !== undefined) ?? sizes.find((d) => d !== undefined);
    return sizes.reduce<Dim | undefined>((n, d) => (n && d ? n.plus(d) : undefined), Dim.zero);
  });
  return [{ elem, dims }];
};

/** Equal parts, of which the last may be smaller where they are no divisor of the size. */
function partOf(size: Dim | undefined, parts: number, part: number): Dim | undefined {
  const equal = size?.divideExactly(parts);
  if (equal) return equal;
  const length = size?.constant;
  if (length === undefined) return undefined;
  const most = Math.ceil(length / parts);
  const own = Math.min(most, length - part * most);
  return own >= 0 ? Dim.of(own) : undefined;
}

const split: Rule = (c) => {
  const { elem, dims } = c.operand(0);
  const axis = dims ? axisFrom(c.attributes.int('axis', 0), dims.length) : 0;
  const sizes = listOf(c, 'split', 1);
  const isEqual = !c.has(1) && !c.attributes.has('split');
  return Array.from({ length: c.resultCount }, (_, part) => {
    const size = isEqual ? partOf(dims?.[axis], c.resultCount, part) : sizes?.[part];
    return { elem, dims: dims?.map((d, i) => (i === axis ? size : d)) };
  });
};

/**
 * By the registry's rule where start and end are known. Runtimes differ where one steps backwards from in front of the axis
 * (`ops/agreement.ts`), so that nothing is known then.
 */
const sliced: Rule = (c) => {
  const { elem, dims } = c.operand(0);
  if (!dims) return [{ elem }];
  const attribute = (name: string): PartialDims | undefined => c.attributes.ints(name)?.map((n) => Dim.of(n));
  const starts = attribute('starts') ?? c.bounds(1);
  const ends = attribute('ends') ?? c.bounds(2);
  const count = starts?.length ?? c.operand(1).dims?.[0]?.constant ?? dims.length;
  const axes = c.has(3) || c.attributes.has('axes') ? axesOf(c, 3) : Array.from({ length: count }, (_, i) => i);
  if (!axes) return [{ elem, dims: ranked(dims.length) }];
  const steps = c.has(4) ? c.elements(4) : axes.map(() => Dim.one);
  const out = [...dims];
  axes.forEach((given, i) => {
    const axis = axisFrom(given, dims.length);
    const [size, start, end, step] = [out[axis], starts?.[i], ends?.[i], steps?.[i]?.constant];
    if (axis < 0 || axis >= dims.length) return;
    out[axis] = undefined;
    if (!size || !start || !end || !step) return;
    if (step < 0 && (start.constant ?? 0) < -(size.constant ?? Number.POSITIVE_INFINITY)) return;
    out[axis] = sizeBy(() => slicedDim(check, size, start, end, step, axis));
  });
  return [{ elem, dims: out }];
};

const padded: Rule = (c) => {
  const { elem, dims } = c.operand(0);
  if (!dims) return [{ elem }];
  const pads = listOf(c, 'pads', 1);
  const axes = (c.has(3) ? axesOf(c, 3) : undefined)?.map((axis) => axisFrom(axis, dims.length));
  const count = axes?.length ?? dims.length;
  if (!pads || (c.has(3) && !axes) || pads.length !== 2 * count) return [{ elem, dims: ranked(dims.length) }];
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
  if (!dims) return [{ elem, dims: ranked(c.operand(1).dims?.[0]?.constant) }];
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
  return [{ elem: x.elem, dims: broadcast(x.dims, shapeFrom(c, 1)) }];
};

const gathered: Rule = (c) => {
  const [x, indices] = [c.operand(0), c.operand(1)];
  if (!x.dims || !indices.dims) return [{ elem: x.elem }];
  const axis = axisFrom(c.attributes.int('axis', 0), x.dims.length);
  return [{ elem: x.elem, dims: [...x.dims.slice(0, axis), ...indices.dims, ...x.dims.slice(axis + 1)] }];
};

const gatheredNd: Rule = (c) => {
  const [x, indices] = [c.operand(0), c.operand(1)];
  const last = indices.dims?.at(-1)?.constant;
  if (!x.dims || !indices.dims || last === undefined) return [{ elem: x.elem }];
  const batch = c.attributes.int('batch_dims', 0);
  return [{ elem: x.elem, dims: [...indices.dims.slice(0, -1), ...x.dims.slice(batch + last)] }];
};

/** By the registry's rule for 64-bit integers, of which the bounds may be dimensions. */
const range: Rule = (c) => {
  const { elem } = c.operand(0);
  const [start, end, step] = [0, 1, 2].map((i) => c.elements(i)?.[0]);
  const by = step?.constant;
  const known = elem === 'i64' && start && end && by;
  return [{ elem, dims: [known ? sizeBy(() => rangeCount(start, end, by)) : undefined] }];
};

const constantOfShape: Rule = (c) => {
  const value = c.attributes.tensor('value');
  const dims = shapeFrom(c, 0);
  if (value?.kind === 'tensor') return [{ elem: value.expr.elem, dims }];
  if (value?.kind === 'other') return [{ foreign: otherTensor(value.dataType, undefined) }];
  return [value ? unknown : { elem: 'f32', dims }];
};

const topK: Rule = (c) => {
  const { elem, dims } = c.operand(0);
  const axis = dims && axisFrom(c.attributes.int('axis', -1), dims.length);
  const k = c.attributes.has('k') ? Dim.of(c.attributes.int('k')) : c.elements(1)?.[0];
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
  const axis = axisFrom(c.attributes.int('axis', -1), dims.length + 1);
  return [{ elem, dims: [...dims.slice(0, axis), c.elements(1)?.[0], ...dims.slice(axis)] }];
};

const shape: Rule = (c) => {
  const { dims } = c.operand(0);
  const end = c.attributes.has('end') ? c.attributes.int('end') : undefined;
  const kept = dims?.slice(c.attributes.int('start', 0), end);
  return [{ elem: 'i64', dims: [kept && Dim.of(kept.length)] }];
};

const compressed: Rule = (c) => {
  const { elem, dims } = c.operand(0);
  if (!c.attributes.has('axis')) return [{ elem, dims: [undefined] }];
  const axis = dims && axisFrom(c.attributes.int('axis'), dims.length);
  return [{ elem, dims: dims?.map((d, i) => (i === axis ? undefined : d)) }];
};

const unique: Rule = (c) => {
  const x = c.operand(0);
  const indices: PartialType = { elem: 'i64', dims: [undefined] };
  return [{ elem: x.elem, dims: c.attributes.has('axis') ? ranked(rankOf(x)) : [undefined] }, indices, indices, indices];
};

/** Blocks of the grid become channels (`shrinks`), or channels blocks. */
const blocks =
  (shrinks: boolean): Rule =>
  (c) => {
    const { elem, dims } = c.operand(0);
    const r = c.attributes.int('blocksize');
    const [n, channels, h, w] = dims ?? [];
    if (shrinks) return [{ elem, dims: [n, channels?.times(r * r), h?.divideExactly(r), w?.divideExactly(r)] }];
    return [{ elem, dims: [n, channels?.divideExactly(r * r), h?.times(r), w?.times(r)] }];
  };

export const shapeRules: RuleTable = {
  Reshape: reshaped,
  Flatten: flattened,
  Squeeze: squeezed,
  Unsqueeze: unsqueezed,
  Transpose: permuted,
  Concat: concatenated,
  Split: split,
  Slice: sliced,
  Pad: padded,
  Tile: tiled,
  Expand: expanded,
  Gather: gathered,
  GatherElements: (c) => [{ elem: c.operand(0).elem, dims: c.operand(1).dims }],
  GatherND: gatheredNd,
  Range: range,
  Shape: shape,
  Size: () => [{ elem: 'i64', dims: [] }],
  ConstantOfShape: constantOfShape,
  TopK: topK,
  NonZero: nonZero,
  OneHot: oneHot,
  Compress: compressed,
  Unique: unique,
  NonMaxSuppression: () => [{ elem: 'i64', dims: [undefined, Dim.of(3)] }],
  DepthToSpace: blocks(false),
  SpaceToDepth: blocks(true),
};
