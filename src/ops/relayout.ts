/**
 * Axes regrouped and reordered with the fewest nodes: at most one Reshape, one Transpose and one Reshape, each only where it is
 * needed. The elements of a tensor are counted by *atoms*, axes that stay whole; an axis of a tensor is the product of several of
 * them, the last moving fastest.
 */
import { at } from '../diagnostics/at.ts';
import { type Dim, productOf, sameDims } from '../ir/dim.ts';
import type { Value } from '../ir/graph.ts';
import type { Operator } from '../ir/operator.ts';
import type { LayerBuilder } from './define.ts';
import { reshape, squeeze, unsqueeze } from './reshape.ts';
import { transpose } from './transpose.ts';

/** What builds nodes: a layer, or the lift of an imported node. */
export type NodeBuilder = Pick<LayerBuilder, 'op'>;

/** An axis that stays whole; the same object on both sides. */
export interface Atom {
  readonly name: string;
  readonly dim: Dim;
}

/** One axis of a tensor, as its atoms; none for an axis of size 1. */
export type AtomGroup = readonly Atom[];

export interface Step {
  readonly operator: Operator;
  readonly attrs: Readonly<Record<string, readonly number[] | readonly Dim[]>>;
}

export const groupDim = (group: AtomGroup): Dim => productOf(group.map((atom) => atom.dim));

const isUnit = ({ dim }: Atom): boolean => dim.constant === 1;
const proper = (group: AtomGroup): AtomGroup => group.filter((atom) => !isUnit(atom));

/** Another shape for the same elements in the same order: nothing, axes of 1 put in or taken out, or a reshape. */
export function shapeSteps(from: readonly Dim[], to: readonly Dim[]): readonly Step[] {
  if (sameDims(from, to)) return [];
  const [short, long] = from.length < to.length ? [from, to] : [to, from];
  const ones = onesBetween(short, long);
  if (!ones) return [{ operator: reshape, attrs: { shape: to } }];
  return [{ operator: from.length < to.length ? unsqueeze : squeeze, attrs: { axes: ones } }];
}

/** Which axes of `long`, all of size 1, make it `short` when they are taken out. */
function onesBetween(short: readonly Dim[], long: readonly Dim[]): readonly number[] | undefined {
  if (short.length === long.length) return undefined;
  const ones: number[] = [];
  let next = 0;
  for (const [i, d] of long.entries()) {
    if (d === short[next]) next++;
    else if (d.constant === 1) ones.push(i);
    else return undefined;
  }
  return next === short.length ? ones : undefined;
}

function permuteSteps(perm: readonly number[]): readonly Step[] {
  return perm.every((axis, i) => axis === i) ? [] : [{ operator: transpose, attrs: { perm } }];
}

/**
 * The axes of x that a single transpose puts at each axis of the result; undefined where it needs more. Axes of size 1 go where
 * one is wanted, in their order.
 */
function permutation(from: readonly AtomGroup[], to: readonly AtomGroup[]): readonly number[] | undefined {
  if (from.length !== to.length) return undefined;
  const free = new Set(from.keys());
  const perm: number[] = [];
  for (const group of to) {
    const own = proper(group);
    const axis = [...free].find((i) => {
      const other = proper(at(from, i));
      return other.length === own.length && other.every((atom, k) => atom === own[k]);
    });
    if (axis === undefined) return undefined;
    free.delete(axis);
    perm.push(axis);
  }
  return perm;
}

/** Whether the atoms of every group follow each other in `order`. */
function keptTogether(groups: readonly AtomGroup[], order: ReadonlyMap<Atom, number>): boolean {
  return groups.every((group) => group.every((atom, i) => i === 0 || order.get(atom) === (order.get(at(group, i - 1)) ?? 0) + 1));
}

const orderOf = (atoms: AtomGroup): ReadonlyMap<Atom, number> => new Map(atoms.map((atom, i) => [atom, i]));

/** Longest runs of atoms that follow each other on both sides, in the order of the first. */
function runs(source: AtomGroup, target: ReadonlyMap<Atom, number>): readonly AtomGroup[] {
  const out: Atom[][] = [];
  for (const atom of source) {
    const last = out.at(-1);
    const before = last?.at(-1);
    if (last && before && target.get(atom) === (target.get(before) ?? 0) + 1) last.push(atom);
    else out.push([atom]);
  }
  return out;
}

/**
 * The steps that make of a tensor, whose axes are the groups `from`, one whose axes are the groups `to`. Both have the same atoms
 * but for those of size 1, which may come and go.
 */
export function relayoutSteps(from: readonly AtomGroup[], to: readonly AtomGroup[]): readonly Step[] {
  const [fromDims, toDims] = [from.map(groupDim), to.map(groupDim)];
  const [left, right] = [from.map(proper), to.map(proper)];
  const [source, target] = [left.flat(), right.flat()];
  const [sourceOrder, targetOrder] = [orderOf(source), orderOf(target)];
  if (source.every((atom, i) => atom === target[i])) return shapeSteps(fromDims, toDims);
  const direct = permutation(from, to);
  if (direct) return permuteSteps(direct);
  if (keptTogether(left, targetOrder)) {
    // Every axis of x moves as a whole. One of size 1 stays with the axis before it.
    const place = left.map((group, i) => {
      const near = group[0] ?? left.slice(0, i).findLast((other) => other.length > 0)?.[0];
      return near ? (targetOrder.get(near) ?? 0) : -1;
    });
    const perm = left.map((_, i) => i).sort((a, b) => at(place, a) - at(place, b) || a - b);
    return [
      ...permuteSteps(perm),
      ...shapeSteps(
        perm.map((axis) => at(fromDims, axis)),
        toDims,
      ),
    ];
  }
  if (keptTogether(right, sourceOrder)) {
    const place = right.map((group, i) => {
      const near = group[0] ?? right.slice(0, i).findLast((other) => other.length > 0)?.[0];
      return near ? (sourceOrder.get(near) ?? 0) : -1;
    });
    const order = right.map((_, i) => i).sort((a, b) => at(place, a) - at(place, b) || a - b);
    const shape = order.map((axis) => at(toDims, axis));
    return [...shapeSteps(fromDims, shape), ...permuteSteps(right.map((_, i) => order.indexOf(i)))];
  }
  const parts = runs(source, targetOrder);
  const perm = parts
    .map((_, i) => i)
    .sort((a, b) => (targetOrder.get(at(at(parts, a), 0)) ?? 0) - (targetOrder.get(at(at(parts, b), 0)) ?? 0));
  const shape = parts.map(groupDim);
  return [
    ...shapeSteps(fromDims, shape),
    ...permuteSteps(perm),
    ...shapeSteps(
      perm.map((axis) => at(shape, axis)),
      toDims,
    ),
  ];
}

/** Makes the nodes of some steps. */
export function take(b: NodeBuilder, x: Value, steps: readonly Step[]): Value {
  return steps.reduce((value, { operator, attrs }) => b.op(operator, [value], attrs), x);
}

/** x, whose axes are the groups `from`, with the groups `to` as its axes. */
export function relayout(b: NodeBuilder, x: Value, from: readonly AtomGroup[], to: readonly AtomGroup[]): Value {
  return take(b, x, relayoutSteps(from, to));
}

/** x in another shape of as many elements, known to be so. */
export function reshapedTo(b: NodeBuilder, x: Value, dims: readonly Dim[]): Value {
  return take(b, x, shapeSteps(x.type.dims, dims));
}
