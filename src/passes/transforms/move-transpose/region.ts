/**
 * Regions of operators that do not care in which order their axes come, and which of them to run in another order so that the
 * transposes in and around cost least.
 *
 * A region is a connected set of such operators. Each of them may run as it stands or with the axes as they were before the
 * transpose. An edge between the two kinds costs a transpose, which readers share; so does an edge to the world around, unless a
 * transpose stands there that goes then. The cheapest choice for all of them at once is a minimum cut.
 */

import type { Node, Value } from '../../../ir/graph.ts';
import type { AxesMoved } from '../../../ir/operator.ts';
import { isConstant } from '../../analysis/constants.ts';
import { bytesOf, elementsOf } from '../../analysis/cost.ts';
import { product } from '../../analysis/numbers.ts';
import { composed, inverse, isIdentity, movingPermOf, type Perm, samePerm } from '../../analysis/perm.ts';
import { copyIsFree, producerIn } from '../../analysis/uses.ts';
import { changeCount } from '../../engine/fuel.ts';
import { Network } from './min-cut.ts';
import { pointwiseAt } from './pointwise.ts';

/** Operators of larger regions than this stay as they are at its border. */
const regionLimit = 65536;

/** A value with more readers than this is none of a region. */
export const readerLimit = 256;

/** Constants that are wanted in both orders are stored twice up to this size. */
const copyLimit = 64 * 1024;

const isScalar = (value: Value): boolean => value.type.dims.every((d) => d.constant === 1);

/** How the operator does the same to operands whose axis i stands at place[i]; undefined for operators that do not. */
export function moved({ op, attrs, regions }: Node, place: Perm): AxesMoved | undefined {
  const { axes, random } = op.traits;
  if (random || regions.length > 0 || axes === 'unknown') return undefined;
  return axes === 'free' ? { attrs, same: false } : axes(attrs, place);
}

/** Operands that are the same in either order: scalars of no higher rank. */
export function isFree(value: Value, rank: number): boolean {
  return isScalar(value) && value.type.dims.length <= rank;
}

/** Whether the operator can run with its axes at other places: every operand that varies has all the axes. */
function takesPart(node: Node | undefined, place: Perm): node is Node {
  if (!node || node.slots.length === 0 || node.results.some((y) => y.uses.size > readerLimit)) return false;
  if (pointwiseAt(node, place)) return true;
  const rank = place.length;
  const fits = node.operands.every(
    (value) =>
      value !== undefined &&
      (isFree(value, rank) || (value.content ? value.type.dims.length <= rank : value.type.dims.length === rank)),
  );
  // Of operands of another rank the attributes name axes that have no place.
  const how = fits ? moved(node, place) : undefined;
  return how !== undefined && (how.same || node.results.every((y) => y.type.dims.length === rank));
}

/** The operators around a seed that can run in the other order. */
function regionAround(seeds: readonly Node[], place: Perm): readonly Node[] {
  const region = new Set<Node>();
  const stack = [...seeds];
  for (let node = stack.pop(); node && region.size < regionLimit; node = stack.pop()) {
    if (region.has(node) || !takesPart(node, place)) continue;
    region.add(node);
    for (const value of node.operands) {
      const producer = value && !isFree(value, place.length) ? producerIn(value, node) : undefined;
      if (producer) stack.push(producer);
    }
    if (moved(node, place)?.same) continue;
    for (const y of node.results) for (const use of y.uses) if (use.user.graph === node.graph) stack.push(use.user);
  }
  return [...region];
}

export interface Plan {
  readonly root: Node;
  /** Of a value v in the order of now and v' in the other: v = transpose(v'; perm). */
  readonly perm: Perm;
  readonly region: ReadonlySet<Node>;
  /** The operators that change over, in an order in which they can run; empty where nothing is gained. */
  readonly flipped: readonly Node[];
  /** Constants that are wanted in both orders fit twice. */
  readonly copies: boolean;
}

/** What a transpose of the value costs: elements first, then one node. */
function price(value: Value): number {
  return Math.min(elementsOf(value), 2 ** 40) * 1024 + 1;
}

/**
 * The axes of a transpose at the region's border. One that the region reads on both sides counts as any other operator, so that
 * nothing is counted twice.
 */
export function borderPerm(transpose: Node | undefined, near: Node, region: ReadonlySet<Node>): Perm | undefined {
  const perm = transpose?.graph === near.graph ? movingPermOf(transpose) : undefined;
  if (!transpose || !perm) return undefined;
  const above = transpose.x.producer;
  if (above && region.has(above)) for (const use of transpose.y.uses) if (region.has(use.user)) return undefined;
  return perm;
}

/** Which operators of the region to change over so that the transposes in and around it cost least, if that is less than now. */
function cheapest(region: readonly Node[], perm: Perm): readonly Node[] {
  const network = new Network();
  // The source's side runs in the other order.
  const other = network.vertex();
  const now = network.vertex();
  const vertices = new Map(region.map((node) => [node, network.vertex()] as const));
  const inside = new Set(region);
  let today = 0;
  const values = new Set<Value>();
  for (const node of region) {
    for (const y of node.results) if (!moved(node, inverse(perm))?.same) values.add(y);
    for (const value of node.operands) if (value && !isConstant(value) && !isFree(value, perm.length)) values.add(value);
  }
  for (const value of values) {
    const cost = price(value);
    const maker = value.producer ? vertices.get(value.producer) : undefined;
    const reader = [...value.uses].find((use) => inside.has(use.user))?.user;
    const above = maker === undefined && reader ? borderPerm(value.producer, reader, inside) : undefined;
    const wantOther: number[] = [];
    const wantNow: number[] = [];
    // Somebody outside of the region needs the value as it is; a transpose that is its only maker goes where nobody does.
    let outside = value.outputs > 0;
    for (const use of value.uses) {
      const vertex = vertices.get(use.user);
      if (vertex !== undefined) {
        wantOther.push(vertex);
        wantNow.push(vertex);
        continue;
      }
      // A transpose below goes where it wants the other order, and costs the same in either where its axes are others.
      const below = maker !== undefined && value.producer ? borderPerm(use.user, value.producer, inside) : undefined;
      if (!below) outside = true;
      else if (isIdentity(composed(perm, below))) wantOther.push(other);
    }
    if (outside) wantNow.push(now);
    // In the other order there for nothing, because what transposes it is undone.
    const free = above !== undefined && samePerm(above, perm);
    const from = maker ?? (free ? other : above ? undefined : now);
    // Made in the other order, read in this one.
    if (from === undefined) {
      // A transpose by other axes: its own cost where anybody wants this order, another's where anybody wants the other one.
      if (!outside) {
        const a = network.vertex();
        network.edge(other, a, cost);
        for (const one of wantNow) network.edge(a, one, Number.POSITIVE_INFINITY);
        today += cost;
      }
      const b = network.vertex();
      network.edge(b, now, cost);
      for (const one of wantOther) network.edge(one, b, Number.POSITIVE_INFINITY);
      continue;
    }
    if (from !== now) {
      const a = network.vertex();
      network.edge(from, a, cost);
      for (const one of wantNow) network.edge(a, one, Number.POSITIVE_INFINITY);
    }
    if (from !== other) {
      const b = network.vertex();
      network.edge(b, from, cost);
      for (const one of wantOther) network.edge(one, b, Number.POSITIVE_INFINITY);
    }
    // With everything as it is: a transpose above that is read, or one below that wants the other order.
    if (from === other ? wantNow.length > 0 : wantOther.includes(other)) today += cost;
  }
  const { cost, kept } = network.cut(other, now);
  return cost < today ? region.filter((node) => kept(vertices.get(node) ?? now)) : [];
}

/** Makers before readers. */
function inOrder(nodes: readonly Node[]): readonly Node[] {
  const chosen = new Set(nodes);
  const waits = new Map<Node, number>();
  const ready: Node[] = [];
  for (const node of nodes) {
    const before = new Set(node.operands.flatMap((v) => (v?.producer && chosen.has(v.producer) ? [v.producer] : [])));
    waits.set(node, before.size);
    if (before.size === 0) ready.push(node);
  }
  const out: Node[] = [];
  for (let node = ready.pop(); node; node = ready.pop()) {
    out.push(node);
    const behind = new Set(node.results.flatMap((y) => [...y.uses].map((use) => use.user)));
    for (const reader of behind) {
      const left = waits.get(reader);
      if (left === undefined) continue;
      waits.set(reader, left - 1);
      if (left === 1) ready.push(reader);
    }
  }
  return out;
}

/**
 * Operators of regions where nothing was gained: when, and for each order of axes with which others. Every transpose around a
 * region asks.
 */
const settled = new WeakMap<Node, { readonly at: number; readonly regions: Map<string, readonly Node[]> }>();

/** Whether all that take part of these were found to gain nothing, together and in the graph as it stands. */
function isSettled(seeds: readonly Node[], perm: Perm): boolean {
  const regions = new Set<readonly Node[] | undefined>();
  for (const seed of seeds) {
    if (!takesPart(seed, perm)) continue;
    const known = settled.get(seed);
    regions.add(known?.at === changeCount() ? known.regions.get(perm.join()) : undefined);
  }
  return regions.size === 1 && !regions.has(undefined);
}

function settle(region: readonly Node[], perm: Perm): void {
  for (const node of region) {
    const known = settled.get(node);
    if (known?.at === changeCount()) known.regions.set(perm.join(), region);
    else settled.set(node, { at: changeCount(), regions: new Map([[perm.join(), region]]) });
  }
}

export function plan(root: Node, seeds: readonly Node[], perm: Perm): Plan | undefined {
  if (isSettled(seeds, perm)) return { root, perm, region: new Set(), flipped: [], copies: true };
  const region = regionAround(seeds, perm);
  if (region.length === 0) return undefined;
  const flipped = inOrder(cheapest(region, perm));
  if (flipped.length === 0) settle(region, perm);
  const chosen = new Set(flipped);
  const copies = flipped.every((node) =>
    node.operands.every(
      (value) =>
        !value?.content ||
        product(value.content.dims) === 1 ||
        bytesOf(value.content) <= copyLimit ||
        copyIsFree(value, node, 0, (reader) => chosen.has(reader)),
    ),
  );
  return { root, perm, region: new Set(region), flipped, copies };
}
