/**
 * `rearrange` and `reduce`: axes taken apart, reordered, joined, repeated and reduced by name, as einops has it (Rogozhnikov
 * 2022, ICLR). They make reshapes, transposes, expands and reductions, as few as the pattern needs.
 */
import { at } from '../diagnostics/at.ts';
import { Dim, productOf } from '../ir/dim.ts';
import type { Value } from '../ir/graph.ts';
import type { Operator } from '../ir/operator.ts';
import { typeText } from '../ir/types.ts';
import {
  type Axis,
  AxisFailure,
  axesOf,
  axisName,
  checkSizesNamed,
  type Group,
  inPattern,
  parsePattern,
  type Side,
} from './axis-pattern.ts';
import { sameDim } from './common.ts';
import { concat } from './concat.ts';
import { defineLayer, type Layer, type LayerBuilder } from './define.ts';
import { expand } from './expand.ts';
import { choice, namedDims, string } from './params.ts';
import { reduceMax, reduceMean, reduceMin, reduceProd, reduceSum } from './reduce.ts';
import { type Atom, type AtomGroup, groupDim, relayout, relayoutSteps, reshapedTo, shapeSteps, take } from './relayout.ts';
import { unsqueeze } from './reshape.ts';

type Sizes = ReadonlyMap<string, Dim>;

/** A pattern bound to the axes of a tensor: for each axis what it is made of, and the atoms by name. */
interface Bound {
  readonly groups: readonly AtomGroup[];
  readonly named: ReadonlyMap<string, AtomGroup>;
}

const dotsOf = (side: Side): number => side.groups.findIndex((group) => group.axes[0]?.kind === 'ellipsis');

/** The largest number up to `most` that divides `size`: what a part may be instead. */
function divisorUpTo(size: number, most: number): number {
  let n = Math.min(size, most);
  while (n > 1 && size % n !== 0) n--;
  return n;
}

function divisionHint(size: Dim, known: readonly Axis[], part: Dim): string {
  const [name] = known.filter((axis) => axis.kind === 'name');
  const [whole, by] = [size.constant, part.constant];
  if (whole === undefined) return by === undefined ? 'give sizes that divide it' : `assert ${size} % ${by} == 0`;
  const one = by === undefined || by < 1 ? 1 : divisorUpTo(whole, by);
  return known.length === 1 && name ? `${name.text}=${one} divides it` : 'give sizes whose product divides it, or pad the axis';
}

/** The atoms of one axis of the tensor, of the size `dim`. */
function bindGroup(group: Group, dim: Dim, place: string, sizes: Sizes): readonly Atom[] {
  let open: Axis | undefined;
  const known: Axis[] = [];
  const atoms: (Atom | undefined)[] = group.axes.map((axis) => {
    const size = axis.kind === 'number' ? Dim.of(Number(axis.text)) : sizes.get(axis.text);
    if (size) {
      known.push(axis);
      return { name: axis.text, dim: size };
    }
    if (open) {
      const found = `\`${open.text}\` and \`${axis.text}\` are both open in ${place}`;
      throw new AxisFailure('unknown', inPattern(axis), axis.text, found, 'one open size in an axis', `give ${axis.text}=…`);
    }
    open = axis;
    return undefined;
  });
  const product = productOf(atoms.flatMap((atom) => (atom ? [atom.dim] : [])));
  if (!open) {
    if (sameDim(product, dim)) return atoms.flatMap((atom) => (atom ? [atom] : []));
    const first = group.axes[0] ?? group;
    const name = 'text' in first ? first.text : '()';
    const found = `${place} is ${dim}`;
    const single = group.axes.length <= 1;
    const hint =
      single && 'kind' in first && first.kind === 'name' ? `leave out ${name}=, or give ${name}=${dim}` : 'leave one size open';
    const fix = product.constant === 1 && group.axes.length <= 1 ? 'name this axis, or reduce it' : hint;
    throw new AxisFailure('size', inPattern(single ? first : group), single ? name : textOf(group), found, `${product}`, fix);
  }
  const rest = dim.divideExactly(product);
  if (!rest) {
    const culprit = known.length === 1 ? at(known, 0) : group;
    const name = 'text' in culprit ? culprit.text : textOf(group);
    const parts = known.map((axis) => (axis.kind === 'name' ? `${axis.text}=${sizes.get(axis.text)}` : axis.text)).join(', ');
    const certain = dim.constant !== undefined && product.constant !== undefined;
    const found = `${place} is ${dim}${certain ? '' : ', of which nobody knows that'}`;
    const expected = `a multiple of ${known.length === 1 ? parts : `${product}, which is ${parts} together`}`;
    throw new AxisFailure('size', inPattern(culprit), name, found, expected, divisionHint(dim, known, product));
  }
  const last: Atom = { name: open.text, dim: rest };
  return atoms.map((atom) => atom ?? last);
}

const textOf = (group: Group): string => {
  const inner = group.axes.map(axisName).join(' ');
  return group.joined ? `(${inner})` : inner;
};

/** Names the axes of a tensor of these sizes. */
function bind(left: Side, dims: readonly Dim[], type: string, sizes: Sizes): Bound {
  const dots = dotsOf(left);
  const plain = left.groups.length - (dots < 0 ? 0 : 1);
  if (dots < 0 ? plain !== dims.length : plain > dims.length) {
    const count = (n: number): string => `${n} ${n === 1 ? 'axis' : 'axes'}`;
    const expected = `${dots < 0 ? '' : 'at least '}${count(plain)}, as the pattern names`;
    const hint =
      dots < 0 && plain < dims.length ? 'name every axis, or write `...` for the others' : 'name the axes that are there';
    throw new AxisFailure('count', inPattern(trimmed(left)), '', `${count(dims.length)}, ${type}`, expected, hint);
  }
  const groups: AtomGroup[] = [];
  const named = new Map<string, AtomGroup>();
  let axis = 0;
  for (const group of left.groups) {
    if (group.axes[0]?.kind === 'ellipsis') {
      const rest: Atom[] = dims.slice(axis, axis + dims.length - plain).map((dim, i) => ({ name: `...${i}`, dim }));
      groups.push(...rest.map((atom) => [atom]));
      named.set('...', rest);
      axis += rest.length;
      continue;
    }
    const atoms = bindGroup(group, at(dims, axis), `axis ${axis} of ${type}`, sizes);
    for (const [i, one] of group.axes.entries()) if (one.kind === 'name') named.set(one.text, [at(atoms, i)]);
    groups.push(atoms);
    axis++;
  }
  return { groups, named };
}

function trimmed({ groups, start, end }: Side): { readonly start: number; readonly end: number } {
  return { start: groups[0]?.start ?? start, end: groups.at(-1)?.end ?? end };
}

const namesOf = (side: Side): readonly string[] => axesOf(side).flatMap((axis) => (axis.kind === 'name' ? [axis.text] : []));

/** The axes of the result. `fresh` makes the atom of a name or number that the tensor has not. */
function targetGroups(right: Side, { named }: Bound, fresh: (axis: Axis) => Atom): readonly AtomGroup[] {
  return right.groups.flatMap((group): readonly AtomGroup[] => {
    const [only] = group.axes;
    // Outside parentheses every axis of an ellipsis stays an axis.
    if (only?.kind === 'ellipsis' && !group.joined) return (named.get('...') ?? []).map((atom) => [atom]);
    return [group.axes.flatMap((axis) => named.get(axisName(axis)) ?? [fresh(axis)])];
  });
}

/** One tensor: a list becomes one along a new first axis. */
function oneTensor(b: LayerBuilder, xs: readonly [Value, ...Value[]]): Value {
  if (!b.listed && xs.length === 1) return xs[0];
  const parts = xs.map((x) => b.op(unsqueeze, [x], { axes: [0] }));
  return parts.length === 1 ? at(parts, 0) : b.op(concat, parts, { axis: 0 });
}

function missing(axis: Axis, side: 'left' | 'right', expected: string, hint: string): never {
  const name = axisName(axis);
  throw new AxisFailure('missing', inPattern(axis), name, `\`${name}\` on the ${side} alone`, expected, hint);
}

/** Repeats x, whose axes are the groups `from`, along the atoms that are new in `to`. */
function repeatAlong(
  b: LayerBuilder,
  x: Value,
  from: readonly AtomGroup[],
  to: readonly AtomGroup[],
  added: ReadonlySet<Atom>,
): Value {
  const parts: Atom[][] = [];
  for (const group of to) {
    if (group.length === 0) parts.push([]);
    for (const [i, atom] of group.entries()) {
      const before = i > 0 ? group[i - 1] : undefined;
      if (before && added.has(before) === added.has(atom)) parts.at(-1)?.push(atom);
      else parts.push([atom]);
    }
  }
  const isNew = (group: AtomGroup): boolean => group.some((atom) => added.has(atom));
  // Expand puts axes in front by itself.
  const first = parts.findIndex((group) => !isNew(group));
  const small = parts.slice(Math.max(0, first)).map((group) => (isNew(group) ? [] : group));
  const before = relayout(b, x, from, first < 0 ? [] : small);
  const repeated = b.op(expand, [before], { shape: parts.map(groupDim) });
  return reshapedTo(b, repeated, to.map(groupDim));
}

const sizesDoc = 'sizes of axes, by their names in the pattern; one in each pair of parentheses may be left open';
const operands = { names: ['it', 'others...'], min: 1, max: Infinity };

/** einops.rearrange; with a size for a new axis, einops.repeat. */
export const rearrangeLayer = defineLayer({
  name: 'rearrange',
  summary: 'Takes axes apart, reorders, joins and repeats them, by name: `"b (h p) w c -> b h (w p c)"`',
  source: 'einops.rearrange, einops.repeat',
  family: 'Axes by name',
  operands,
  params: {
    pattern: string({
      positional: true,
      doc: 'the axes of the tensor, `->`, those of the result; several tensors have a new first axis',
    }),
    sizes: namedDims({ doc: sizesDoc }),
  },
  build(b: LayerBuilder, xs, p) {
    const { left, right } = parsePattern(p.pattern);
    const [before, after] = [new Set(namesOf(left)), new Set(namesOf(right))];
    checkSizesNamed(p.sizes, [...new Set([...before, ...after])]);
    for (const axis of axesOf(left)) {
      const gone = axis.kind === 'number' ? Number(axis.text) > 1 : axis.kind === 'name' && !after.has(axis.text);
      if (gone)
        missing(
          axis,
          'left',
          'it on the right too',
          axis.kind === 'number'
            ? 'give the axis a name; a number on the left is an axis that `reduce` takes away'
            : `\`reduce\` takes \`${axis.text}\` away`,
        );
      const dots = axis.kind === 'ellipsis' && !axesOf(right).some((one) => one.kind === 'ellipsis');
      if (dots) missing(axis, 'left', '`...` on the right too', 'write `...` on the right');
    }
    for (const axis of axesOf(right)) {
      if (axis.kind !== 'name' || before.has(axis.text) || p.sizes.has(axis.text)) continue;
      missing(
        axis,
        'right',
        'an axis of the left, or a size',
        `write \`${axis.text}\` on the left, or ${axis.text}=… to repeat along it`,
      );
    }
    const x = oneTensor(b, xs);
    const bound = bind(left, x.type.dims, typeText(x.type), p.sizes);
    const added = new Set<Atom>();
    const to = targetGroups(right, bound, (axis) => {
      const atom: Atom = {
        name: axis.text,
        dim: axis.kind === 'number' ? Dim.of(Number(axis.text)) : (p.sizes.get(axis.text) ?? Dim.one),
      };
      if (atom.dim.constant !== 1) added.add(atom);
      return atom;
    });
    return added.size === 0 ? relayout(b, x, bound.groups, to) : repeatAlong(b, x, bound.groups, to, added);
  },
});

const reductions = { mean: reduceMean, sum: reduceSum, max: reduceMax, min: reduceMin, prod: reduceProd } satisfies Readonly<
  Record<string, Operator>
>;
const reductionNames = ['mean', 'sum', 'max', 'min', 'prod'] as const;

/** einops.reduce. */
export const reduceLayer = defineLayer({
  name: 'reduce',
  summary: 'Reduces the axes that the right side does not name, and rearranges the others: `"b c (h 2) (w 2) -> b c h w"`',
  source: 'einops.reduce',
  family: 'Axes by name',
  operands,
  params: {
    pattern: string({
      positional: true,
      doc: 'the axes of the tensor, `->`, those of the result; several tensors have a new first axis',
    }),
    reduction: choice(reductionNames, { positional: true, doc: 'what becomes of the elements along the other axes' }),
    sizes: namedDims({ doc: sizesDoc }),
  },
  build(b: LayerBuilder, xs, p) {
    const { left, right } = parsePattern(p.pattern);
    checkSizesNamed(p.sizes, namesOf(left));
    const known = new Set(namesOf(left));
    for (const axis of axesOf(right)) {
      const fresh = axis.kind === 'number' ? Number(axis.text) > 1 : axis.kind === 'name' && !known.has(axis.text);
      if (fresh) missing(axis, 'right', 'axes of the left', '`rearrange` repeats along new axes');
    }
    const x = oneTensor(b, xs);
    const bound = bind(left, x.type.dims, typeText(x.type), p.sizes);
    const to = targetGroups(right, bound, (axis) => ({ name: axis.text, dim: Dim.one }));
    const kept = new Set(to.flat());
    const parts = bound.groups.flatMap((group) => splitBy(group, kept));
    const axes = parts.flatMap((group, i) => (group.length > 0 && !kept.has(at(group, 0)) ? [i] : []));
    if (axes.length === 0) return relayout(b, x, bound.groups, to);
    const whole = take(b, x, shapeSteps(x.type.dims, parts.map(groupDim)));
    const rest = parts.filter((_, i) => !axes.includes(i));
    const ones = parts.map((group, i) => (axes.includes(i) ? [] : group));
    // Where the axes are wanted with size 1, the reduction itself leaves them.
    const keepdims = relayoutSteps(ones, to).length < relayoutSteps(rest, to).length;
    const reduced = b.op(reductions[p.reduction], [whole], { axes, keepdims });
    return relayout(b, reduced, keepdims ? ones : rest, to);
  },
});

/** The group cut where atoms that are kept and atoms that are not meet. */
function splitBy(group: AtomGroup, kept: ReadonlySet<Atom>): readonly AtomGroup[] {
  const parts: Atom[][] = [];
  for (const atom of group) {
    // An axis of size 1 needs no reduction to go.
    if (atom.dim.constant === 1 && !kept.has(atom)) continue;
    const last = parts.at(-1);
    if (last?.[0] && kept.has(last[0]) === kept.has(atom)) last.push(atom);
    else parts.push([atom]);
  }
  return parts.length === 0 ? [[]] : parts;
}

export const axisLayers: readonly Layer[] = [rearrangeLayer, reduceLayer];
