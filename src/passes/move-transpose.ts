/**
 * Moves transposes to where fewer of them, or of fewer elements, are left. Exporters of channels-last networks put one in front of every conv and
 * one behind it; between them stand operators that do not care in which order the axes come.
 *
 * A region is a connected set of such operators. Each of them may run as it stands or with the axes as they were before the transpose. An edge
 * between the two kinds costs a transpose, which readers share; so does an edge to the world around, unless a transpose stands there that goes
 * then. The cheapest choice for all of them at once is a minimum cut.
 */
import type { Node, Value } from '../ir/graph.ts';
import type { AxesMoved } from '../ir/operator.ts';
import { numbersAttr } from '../ops/attrs.ts';
import * as w from '../tensor/algebra.ts';
import { copyIsFree, isConstant, producerIn, product } from './conditions.ts';
import { bytesOf, elementsOf } from './driver.ts';
import { Network } from './min-cut.ts';
import { changeCount, type Rewriter, rule } from './rule.ts';
import { changed } from './views.ts';

/** Operators of larger regions than this stay as they are at its border. */
const regionLimit = 65536;
/** A value with more readers than this is none of a region. */
const readerLimit = 256;
/** Constants that are wanted in both orders are stored twice up to this size. */
const copyLimit = 64 * 1024;

type Perm = readonly number[];

const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** For each axis of the result the axis of the operand that it is; undefined for other operators and for what permutes nothing. */
function permOf(node: Node | undefined): Perm | undefined {
  if (node?.op.name !== 'transpose') return undefined;
  const perm = numbersAttr(node.attrs, 'perm').map((axis, _, all) => axisOf(axis, all.length));
  return perm.every((axis, i) => axis === i) ? undefined : perm;
}

function inverse(perm: Perm): Perm {
  const out: number[] = new Array(perm.length).fill(0);
  for (const [i, axis] of perm.entries()) out[axis] = i;
  return out;
}

/** First `inner`, then `outer`: transpose(transpose(x; inner); outer). */
const composed = (inner: Perm, outer: Perm): Perm => outer.map((axis) => inner[axis] ?? axis);
const isIdentity = (perm: Perm): boolean => perm.every((axis, i) => axis === i);
const samePerm = (a: Perm, b: Perm): boolean => a.length === b.length && a.every((axis, i) => axis === b[i]);

const isScalar = (value: Value): boolean => value.type.dims.every((d) => d.constant === 1);

/** How the operator does the same to operands whose axis i stands at place[i]; undefined for operators that do not. */
function moved({ op, attrs, regions }: Node, place: Perm): AxesMoved | undefined {
  const { axes, random } = op.traits;
  if (random || regions.length > 0 || axes === 'unknown') return undefined;
  return axes === 'free' ? { attrs, same: false } : axes(attrs, place);
}

/** Operands that are the same in either order: scalars of no higher rank. */
function isFree(value: Value, rank: number): boolean {
  return isScalar(value) && value.type.dims.length <= rank;
}

/** Whether the operator can run with its axes at other places: every operand that varies has all the axes. */
function takesPart(node: Node | undefined, place: Perm): node is Node {
  if (!node || node.slots.length === 0 || node.results.some((y) => y.uses.size > readerLimit)) return false;
  const rank = place.length;
  const how = moved(node, place);
  if (!how || (!how.same && node.results.some((y) => y.type.dims.length !== rank))) return false;
  return node.operands.every(
    (value) =>
      value !== undefined &&
      (isFree(value, rank) || (value.content ? value.type.dims.length <= rank : value.type.dims.length === rank)),
  );
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

interface Plan {
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
function borderPerm(transpose: Node | undefined, near: Node, region: ReadonlySet<Node>): Perm | undefined {
  const perm = transpose?.graph === near.graph ? permOf(transpose) : undefined;
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

/** Operators of regions where nothing was gained: when, and for each order of axes with which others. Every transpose around a region asks. */
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

function plan(root: Node, seeds: readonly Node[], perm: Perm): Plan | undefined {
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

/** A constant in the other order: axes that it lacks are ones in front. */
function movedConstant(g: Rewriter, value: Value, perm: Perm): Value {
  const x = w.exprOf(value);
  if (x.count === 1 && x.dims.length <= perm.length) return value;
  const ones: number[] = new Array(perm.length - x.dims.length).fill(1);
  return changed(g, value, w.transpose(w.reshape(x, [...ones, ...x.dims]), inverse(perm)));
}

export const moveTranspose = rule({
  name: 'move-transpose/through',
  doc: `Moves transposes through operators that do not care in which order the axes come, where fewer elements are transposed then.

  transpose(relu(transpose(x; p) + c); p⁻¹)   →  relu(x + transpose(c; p⁻¹))
  transpose(x; p) + transpose(y; p)           →  transpose(x + y; p)
  mean(transpose(x; p); axes a)               →  mean(x; axes p[a])

Operators that take part: elementwise ones, concat, split, slice, pad, softmax, running sums, reductions and arg max, with their axes mapped. Which
of a region's operators change over is a minimum cut (min-cut.ts), so that no other choice for this order of axes leaves less to transpose.
Exact when
  fewer         what is left to transpose in and around the region is less than now, in elements, then in nodes
  weight-copy   a constant that is wanted in both orders has at most 64 KiB
A constant is permuted when the file is written; one of a lower rank gets ones in front first. An operand that varies has all axes, or one element.
Rounding: the order of sums in a reduction, nothing else.
Source: the operators above act on axes by name; minimum cut: Dinic 1970.`,
  roots: ['transpose'],
  *match(root: Node): Generator<Plan> {
    const perm = permOf(root);
    if (!perm || root.y.uses.size > readerLimit) return;
    const readers = [...root.y.uses].flatMap((use) => (use.user.graph === root.graph ? [use.user] : []));
    const below = plan(root, readers, perm);
    if (below) yield below;
    const maker = producerIn(root.operand(0), root);
    const above = maker && plan(root, [maker], inverse(perm));
    if (above) yield above;
  },
  exact: {
    fewer: ({ flipped }) => flipped.length > 0,
    'weight-copy': ({ copies }) => copies,
  },
  rewrite({ perm, region, flipped }, g) {
    const chosen = new Set(flipped);
    const back = inverse(perm);
    /** Values in the other order. */
    const made = new Map<Value, Value>();
    const first = flipped[0]?.graph.first;
    const other = (value: Value, reader: Node): Value => {
      if (isFree(value, perm.length)) return value;
      const known = made.get(value);
      if (known) return known;
      let out: Value;
      if (value.content) out = movedConstant(g, value, perm);
      else {
        // Right behind what makes it, so that all readers may share it.
        const maker = producerIn(value, reader);
        const above = borderPerm(maker, reader, region);
        const [source, total] = above && maker ? [maker.x, composed(above, back)] : [value, back];
        if (isIdentity(total)) out = source;
        else {
          const origin = producerIn(source, reader);
          out = g.node('transpose', [source], { perm: total }, maker ?? reader, origin ? origin.next : first);
          // Transposes that are there already share it.
          for (const use of source.uses) {
            const same = use.user.graph === reader.graph ? permOf(use.user) : undefined;
            if (same && samePerm(same, total) && use.user.y !== out) g.replace(use.user.y, out);
          }
        }
      }
      made.set(value, out);
      return out;
    };
    for (const node of flipped) {
      const how = moved(node, perm);
      if (!how) return;
      const operands = node.operands.map((value) => value && other(value, node));
      const results = g.node(node.op.name, operands, how.attrs, node, node).producer?.results ?? [];
      for (const [i, y] of node.results.entries()) {
        const fresh = results[i];
        if (!fresh) continue;
        if (how.same) {
          g.replace(y, fresh);
          continue;
        }
        made.set(y, fresh);
        let wanted = y.outputs > 0;
        for (const use of y.uses) {
          if (chosen.has(use.user)) continue;
          const q = borderPerm(use.user, node, region);
          if (!q) {
            wanted = true;
            continue;
          }
          const total = composed(perm, q);
          g.replace(use.user.y, isIdentity(total) ? fresh : g.node('transpose', [fresh], { perm: total }, use.user, use.user));
        }
        if (wanted) g.replace(y, g.node('transpose', [fresh], { perm }, node, node));
      }
    }
  },
});

// ------------------------------------------------------------------------------------------------------------ into weights

interface Flattened {
  readonly linear: Node;
  readonly view: Node;
  readonly transpose: Node;
  /** Sizes of the axes that became features, as the transpose puts them; empty where they are not known. */
  readonly sizes: readonly number[];
}

/** The axes in front are one and the same in the transpose, in what it reads and in what the linear reads; all behind became features. */
function flattenedSizes(transpose: Node, perm: Perm, flat: Value): readonly number[] {
  const lead = flat.type.dims.length - 1;
  const { dims } = transpose.y.type;
  const same = flat.type.dims.slice(0, lead).every((d, i) => d === dims[i] && perm[i] === i);
  const sizes = dims.slice(lead).map((d) => d.constant);
  if (!same || sizes.length === 0 || sizes.some((n) => n === undefined)) return [];
  return sizes.map((n) => n ?? 0);
}

export const transposeIntoLinear = rule({
  name: 'move-transpose/into-linear',
  doc: `Permutes the columns of a linear's weights instead of the features that it reads.

  W · flatten(transpose(x; p))  →  W' · flatten(x)      the columns of W' are those of W in the order of x

Exact when
  one-reader   only the flattening reads the transpose, and only the linear reads that; neither is an output
  constant     W is a constant
  features     the flattening joins the axes that the transpose moves into the features, and none other moves; their sizes are numbers
  weight-copy  nobody else reads W
Rounding: the order of sums alone.
Source: the matrix product does not care in which order its inner axis comes.`,
  roots: ['linear', 'matmul'],
  *match(linear: Node): Generator<Flattened> {
    const weight = linear.operand(1);
    const view = producerIn(linear.operand(0), linear);
    if (weight?.type.dims.length !== 2 || view?.op.name !== 'reshape') return;
    const transpose = producerIn(view.operand(0), view);
    const perm = permOf(transpose);
    if (transpose && perm) yield { linear, view, transpose, sizes: flattenedSizes(transpose, perm, view.y) };
  },
  exact: {
    'one-reader': ({ linear, view, transpose }) =>
      view.y.soleUse?.user === linear && transpose.y.soleUse?.user === view && linear.operand(0) === view.y,
    constant: ({ linear }) => isConstant(linear.operand(1)),
    features: ({ sizes, linear }) => {
      const weight = linear.operand(1)?.content?.dims ?? [];
      return sizes.length > 0 && product(sizes) === weight[linear.op.name === 'linear' ? 1 : 0];
    },
    'weight-copy': ({ linear }) => {
      const weight = linear.operand(1);
      return weight !== undefined && copyIsFree(weight, linear, 0);
    },
  },
  rewrite({ linear, view, transpose, sizes }, g) {
    const weight = linear.operand(1);
    const perm = permOf(transpose);
    if (!weight || !perm) return;
    const lead = perm.length - sizes.length;
    // Axis i of the features is axis perm[lead + i] of x: the inverse puts the columns where x has them.
    const back = inverse(perm.slice(lead).map((axis) => axis - lead));
    const x = w.exprOf(weight);
    const last = linear.op.name === 'linear';
    const [rows = 0, columns = 0] = x.dims;
    const split = w.reshape(x, last ? [rows, ...sizes] : [...sizes, columns]);
    const order = last ? [0, ...back.map((axis) => axis + 1)] : [...back, sizes.length];
    const columnsMoved = w.reshape(w.transpose(split, order), x.dims);
    const flat = g.node('reshape', [transpose.x], view.attrs, view);
    const rest = linear.operands.slice(2);
    g.replace(linear.y, g.node(linear.op.name, [flat, changed(g, weight, columnsMoved), ...rest], linear.attrs, linear));
  },
});
