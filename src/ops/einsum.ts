/**
 * Sums of products by the names of axes, Einstein's convention: numpy.einsum, torch.einsum, einops.einsum, ONNX Einsum-12. Two
 * tensors at a time, from left to right, become MatMul where an axis of both is summed and Mul where none is, with the transposes
 * and reshapes that this needs, as few as there is a way of doing it with. ONNX's Einsum is not written, because runtimes for
 * GPUs have no kernel for it or fall back to such a row of nodes, and because no pass sees through an equation.
 */
import { at } from '../diagnostics/at.ts';
import { Dim } from '../ir/dim.ts';
import type { Value } from '../ir/graph.ts';
import { isFloat, typeText } from '../ir/types.ts';
import { type Axis, AxisFailure, axisName, inPattern, patternTokens, refuse } from './axis-pattern.ts';
import { sameDim } from './common.ts';
import { defineLayer } from './define.ts';
import { mul } from './elementwise.ts';
import { matmul } from './linear.ts';
import { string } from './params.ts';
import { reduceSum } from './reduce.ts';
import { type Atom, type AtomGroup, type NodeBuilder, relayout, relayoutSteps, type Step } from './relayout.ts';
import { slice } from './slice.ts';
import { toTheEnd } from './slice-axes.ts';

type Term = readonly Axis[];

interface Equation {
  readonly terms: readonly Term[];
  /** Undefined where the equation has no arrow. */
  readonly out: Term | undefined;
}

/**
 * Where blanks stand between the axes of some tensor, axes are words, as einops has it; else every letter is an axis, as NumPy
 * has it.
 */
function isOfWords(text: string): boolean {
  return text.split(/,|->/).some((term) => /\S\s+\S/.test(term.trim()));
}

/** The words `bhid`, each letter on its own. */
function lettersOf(axis: Axis): readonly Axis[] {
  if (axis.kind !== 'name') return [axis];
  return [...axis.text].map((letter, i) => {
    const one: Axis = { kind: 'name', text: letter, start: axis.start + i, end: axis.start + i + 1 };
    if (!/[A-Za-z]/.test(letter))
      refuse(one, `\`${letter}\``, 'a letter for each axis', 'write blanks between names of several signs');
    return one;
  });
}

/** `b h i d, b h j d -> b h i j`, `bhid,bhjd->bhij`, `ij,jk`. Throws `AxisFailure`. */
function parseEquation(text: string): Equation {
  const words = isOfWords(text);
  const terms: Axis[][] = [[]];
  let out: Axis[] | undefined;
  for (const token of patternTokens(text)) {
    const { kind } = token;
    if (kind === 'arrow') {
      if (out) refuse(token, '`->`', 'one `->`', 'leave one of them out');
      out = [];
    } else if (kind === 'comma') {
      if (out) refuse(token, '`,` behind `->`', 'one result', 'leave it out');
      terms.push([]);
    } else if (kind === 'open' || kind === 'close') {
      refuse(token, `\`${token.text}\``, 'axes alone', 'take the axis apart by `rearrange` first');
    } else if (kind === 'number') {
      refuse(token, `\`${token.text}\``, 'names of axes', 'name the axis');
    } else {
      const axes = words ? [token as Axis] : lettersOf(token as Axis);
      (out ?? at(terms, terms.length - 1)).push(...axes);
    }
  }
  const all = out ? [...terms, out] : terms;
  for (const term of all) {
    const dots = term.filter((axis) => axis.kind === 'ellipsis')[1];
    if (dots) refuse(dots, '`...` twice', 'one `...` for a tensor', 'leave one of them out');
  }
  if (!out && words) refuse({ start: 0, end: text.length }, `"${text}"`, 'the axes of the result', `write \`"${text} -> …"\``);
  return { terms, out };
}

/** A tensor on the way, an axis for each group; one of size 1 has no atom. */
interface Labelled {
  readonly value: Value;
  readonly groups: readonly AtomGroup[];
}

/** The names of the axes of a tensor, those of an ellipsis counted from the last; where each is written. */
function axesNamed(term: Term, { type }: Value, operand: number): readonly { readonly name: string; readonly axis: Axis }[] {
  const rank = type.dims.length;
  const hidden = rank - term.filter((axis) => axis.kind === 'name').length;
  const dots = term.some((axis) => axis.kind === 'ellipsis');
  if (hidden < 0 || (hidden > 0 && !dots)) {
    const [first, last] = [term[0], term.at(-1)];
    const place = first && last ? { start: first.start, end: last.end } : { start: 0, end: 1 };
    const count = `${term.length} ${term.length === 1 ? 'axis' : 'axes'}`;
    const found = `tensor ${operand + 1} is ${typeText(type)}, of ${rank}`;
    const joined = term.map(axisName).join('');
    const hint =
      rank < term.length && term.every((axis, i) => i === 0 || axis.start === at(term, i - 1).end)
        ? `for names of several letters write blanks between axes, as in \`"${joined} k, …"\``
        : 'name every axis, or write `...` for the others';
    throw new AxisFailure('count', inPattern(place), '', found, count, hint);
  }
  return term.flatMap((axis) =>
    axis.kind === 'name'
      ? [{ name: axis.text, axis }]
      : Array.from({ length: hidden }, (_, i) => ({ name: `...${hidden - i}`, axis })),
  );
}

/** One atom for each name, of the size that all tensors agree on; one of size 1 gives way. */
function atomsOf(terms: readonly Term[], xs: readonly Value[]): ReadonlyMap<string, Atom> {
  const found = new Map<string, { readonly atom: Atom; readonly where: string }>();
  for (const [i, term] of terms.entries()) {
    const x = at(xs, i);
    for (const [k, { name, axis }] of axesNamed(term, x, i).entries()) {
      const dim = at(x.type.dims, k);
      const where = `axis ${k} of tensor ${i + 1}, ${typeText(x.type)}`;
      const before = found.get(name);
      if (!before || before.atom.dim.constant === 1) found.set(name, { atom: { name, dim }, where });
      else if (dim.constant !== 1 && !sameDim(dim, before.atom.dim)) {
        const text = `${before.atom.dim} at ${before.where}\n${dim} at ${where}`;
        const hint = 'check the order of the axes, or give them two names';
        throw new AxisFailure('size', inPattern(axis), axisName(axis), text, `one size for \`${axisName(axis)}\``, hint);
      }
    }
  }
  return new Map([...found].map(([name, { atom }]) => [name, atom]));
}

/** The elements of x whose places along two axes of one name are equal: every (n + 1)-th of both axes as one. */
function diagonal(b: NodeBuilder, x: Value, axes: readonly AtomGroup[], first: number, second: number, where: Axis): Labelled {
  const [row, column] = [at(x.type.dims, first), at(x.type.dims, second)];
  const size = row.constant;
  if (size === undefined || size !== column.constant) {
    const hint = 'fix the size in the input type';
    const expected =
      size === undefined ? 'a known size, because its diagonal is taken' : 'one size, because its diagonal is taken';
    throw new AxisFailure('size', inPattern(where), where.text, `${row} and ${column} in ${typeText(x.type)}`, expected, hint);
  }
  const whole = x.type.dims.map((dim, i): AtomGroup => (i === first || i === second ? [{ name: `${i}`, dim }] : at(axes, i)));
  const rest = whole.filter((_, i) => i !== first && i !== second);
  const joined = relayout(b, x, whole, [...rest, [...at(whole, first), ...at(whole, second)]]);
  const step = { starts: [Dim.zero], ends: [Dim.of(toTheEnd)], axes: [rest.length], steps: [size + 1] };
  const value = size === 1 ? joined : b.op(slice, [joined], step);
  return { value, groups: [...rest, at(axes, first)] };
}

function labelled(b: NodeBuilder, x: Value, term: Term, operand: number, atoms: ReadonlyMap<string, Atom>): Labelled {
  const names = axesNamed(term, x, operand);
  const groups = names.map(({ name }, i): AtomGroup => {
    const atom = atoms.get(name);
    return atom && atom.dim.constant !== 1 && x.type.dims[i]?.constant !== 1 ? [atom] : [];
  });
  let made: Labelled = { value: x, groups };
  for (const { axis } of names) {
    const twice = (group: AtomGroup, i: number): boolean => {
      const [atom] = group;
      return atom !== undefined && atom.name === axis.text && made.groups.findIndex((other) => other[0] === atom) !== i;
    };
    for (let second = made.groups.findIndex(twice); second >= 0; second = made.groups.findIndex(twice)) {
      const first = made.groups.findIndex((group) => group[0] === made.groups[second]?.[0]);
      made = diagonal(b, made.value, made.groups, first, second, axis);
    }
  }
  return made;
}

const atomsIn = ({ groups }: Labelled): readonly Atom[] => groups.flat();

/** Sums over the axes that `keep` has not. */
function summed(b: NodeBuilder, x: Labelled, keep: ReadonlySet<Atom>): Labelled {
  const axes = x.groups.flatMap((group, i) => (group[0] && !keep.has(group[0]) ? [i] : []));
  if (axes.length === 0) return x;
  return { value: b.op(reduceSum, [x.value], { axes }), groups: x.groups.filter((_, i) => !axes.includes(i)) };
}

/** Without axes of 1 in front, which broadcasting puts there by itself. */
function withoutLead(groups: readonly AtomGroup[]): readonly AtomGroup[] {
  const first = groups.findIndex((group) => group.length > 0);
  return first < 0 ? [] : groups.slice(first);
}

/** Element by element; then the sum over what is not kept. */
function product(
  b: NodeBuilder,
  left: Labelled,
  right: Labelled,
  keep: ReadonlySet<Atom>,
  order: readonly AtomGroup[] | undefined,
): Labelled {
  const inLeft = new Set(atomsIn(left));
  const all = [...inLeft, ...atomsIn(right).filter((atom) => !inLeft.has(atom))];
  const present = new Set(all);
  const kept = order ? order.flat().filter((atom) => present.has(atom)) : all.filter((atom) => keep.has(atom));
  const groups = [...kept, ...all.filter((atom) => !keep.has(atom))].map((atom): AtomGroup => [atom]);
  const side = (x: Labelled): Value => {
    const own = new Set(atomsIn(x));
    return relayout(b, x.value, x.groups, withoutLead(groups.map((group) => group.filter((atom) => own.has(atom)))));
  };
  return summed(b, { value: b.op(mul, [side(left), side(right)]), groups }, keep);
}

/** A way of writing a contraction as one matrix product. */
interface Plan {
  readonly swapped: boolean;
  readonly left: readonly AtomGroup[];
  readonly right: readonly AtomGroup[];
  readonly result: readonly AtomGroup[];
}

const transposeCost = 1.25;
/** Of constants the passes make a new constant. */
const constantCost = 0.01;

function costOf(steps: readonly Step[], x?: Value): number {
  const cost = steps.reduce((n, { operator }) => n + (operator.name === 'transpose' ? transposeCost : 1), 0);
  return x?.isConstant ? cost * constantCost : cost;
}

/** The atoms of `some` in the order in which `all` has them. */
const inOrder = (some: ReadonlySet<Atom>, all: readonly Atom[]): readonly Atom[] => all.filter((atom) => some.has(atom));

/** Different lists once. */
function distinct(lists: readonly (readonly Atom[])[]): readonly (readonly Atom[])[] {
  return lists.filter(
    (one, i) => lists.findIndex((other) => other.length === one.length && other.every((a, k) => a === one[k])) === i,
  );
}

/** How many ways of cutting a list of axes in two are tried, and for how many axes more than one way is. */
const cutLimit = 4;
const axesLimit = 24;

/**
 * Which axes of one side are rows (or columns) of the matrices: all of them as one axis, or the last ones, and those before them
 * are repeated over the other side as further axes in front.
 */
function inner(own: ReadonlySet<Atom>, orders: readonly (readonly Atom[])[]): readonly (readonly Atom[])[] {
  const lists = orders.map((order) => inOrder(own, order));
  return distinct(
    lists.flatMap((list) => [
      list,
      ...list
        .slice(1)
        .map((_, i) => list.slice(i + 1))
        .slice(-cutLimit),
    ]),
  );
}

function plans(left: Labelled, right: Labelled, keep: ReadonlySet<Atom>, order: readonly Atom[] | undefined): readonly Plan[] {
  const out: Plan[] = [];
  const many = atomsIn(left).length + atomsIn(right).length > axesLimit;
  for (const swapped of many ? [false] : [false, true]) {
    const [a, b] = swapped ? [atomsIn(right), atomsIn(left)] : [atomsIn(left), atomsIn(right)];
    const [inA, inB] = [new Set(a), new Set(b)];
    const shared = new Set(a.filter((atom) => inB.has(atom) && keep.has(atom)));
    const summedOver = new Set(a.filter((atom) => inB.has(atom) && !keep.has(atom)));
    const rows = new Set(a.filter((atom) => !inB.has(atom)));
    const columns = new Set(b.filter((atom) => !inA.has(atom)));
    const wanted = order ?? [...a, ...b.filter((atom) => !inA.has(atom))];
    for (const k of distinct([inOrder(summedOver, a), inOrder(summedOver, b)])) {
      for (const m of inner(rows, [a, wanted])) {
        for (const n of inner(columns, [b, wanted])) {
          const front = new Set([...shared, ...rows, ...columns].filter((atom) => !m.includes(atom) && !n.includes(atom)));
          const others = [...b, ...a.filter((atom) => !inB.has(atom))];
          for (const batch of distinct([
            inOrder(front, wanted),
            inOrder(front, [...a, ...b.filter((atom) => !inA.has(atom))]),
            inOrder(front, others),
          ])) {
            const separate = batch.map((atom): AtomGroup => [atom]);
            const joined = batch.length > 1 && batch.every((atom) => shared.has(atom)) ? [separate, [batch]] : [separate];
            for (const lead of joined) out.push(planOf(swapped, lead, m, n, k, inA, inB));
            if (many) return out;
          }
        }
      }
    }
  }
  return out;
}

function planOf(
  swapped: boolean,
  lead: readonly AtomGroup[],
  m: AtomGroup,
  n: AtomGroup,
  k: AtomGroup,
  inA: ReadonlySet<Atom>,
  inB: ReadonlySet<Atom>,
): Plan {
  const side = (own: ReadonlySet<Atom>): readonly AtomGroup[] =>
    withoutLead(lead.map((group) => (group[0] && own.has(group[0]) ? group : [])));
  const [ofA, ofB] = [side(inA), side(inB)];
  // A vector has no axis for its rows, but beside further axes in front it needs one of size 1.
  const left = [...ofA, ...(m.length > 0 || ofA.length > 0 ? [m] : []), k];
  const right = [...ofB, k, ...(n.length > 0 || ofB.length > 0 ? [n] : [])];
  const result = [...lead, ...(left.length > 1 ? [m] : []), ...(right.length > 1 ? [n] : [])];
  return { swapped, left, right, result };
}

/** The cheapest of the ways; the first of equals. */
function contracted(
  b: NodeBuilder,
  left: Labelled,
  right: Labelled,
  keep: ReadonlySet<Atom>,
  order: readonly AtomGroup[] | undefined,
): Labelled {
  const sides = (swapped: boolean): readonly [Labelled, Labelled] => (swapped ? [right, left] : [left, right]);
  let best: { readonly plan: Plan; readonly cost: number } | undefined;
  for (const plan of plans(left, right, keep, order?.flat())) {
    const [x, y] = sides(plan.swapped);
    const cost =
      costOf(relayoutSteps(x.groups, plan.left), x.value) +
      costOf(relayoutSteps(y.groups, plan.right), y.value) +
      (order ? costOf(relayoutSteps(plan.result, order)) : 0);
    if (!best || cost < best.cost) best = { plan, cost };
  }
  const { plan } = best ?? at([], 0);
  const [x, y] = sides(plan.swapped);
  const operands = [relayout(b, x.value, x.groups, plan.left), relayout(b, y.value, y.groups, plan.right)];
  const value = b.op(matmul, operands);
  if (order) return { value: relayout(b, value, plan.result, order), groups: order };
  // What follows counts single axes.
  const groups = plan.result.flatMap((group): readonly AtomGroup[] => group.map((atom) => [atom]));
  return { value: relayout(b, value, plan.result, groups), groups };
}

/** Two tensors as one, of whose axes those of `keep` are left; `order`, where it is given, are the axes of the result. */
function combined(
  b: NodeBuilder,
  left: Labelled,
  right: Labelled,
  keep: ReadonlySet<Atom>,
  order: readonly AtomGroup[] | undefined,
): Labelled {
  const [inLeft, inRight] = [new Set(atomsIn(left)), new Set(atomsIn(right))];
  const x = summed(b, left, new Set([...keep, ...inRight]));
  const y = summed(b, right, new Set([...keep, ...inLeft]));
  const sums = atomsIn(x).some((atom) => inRight.has(atom) && !keep.has(atom));
  const products = sums && isFloat(x.value.type.elem) && x.value.type.elem === y.value.type.elem;
  return products ? contracted(b, x, y, keep, order) : product(b, x, y, keep, order);
}

/** The axes of the result, by name. */
function resultNames({ terms, out }: Equation, xs: readonly Value[], atoms: ReadonlyMap<string, Atom>): readonly string[] {
  const dots = [...atoms.keys()].filter((name) => name.startsWith('...')).sort((a, b) => Number(b.slice(3)) - Number(a.slice(3)));
  if (!out) {
    const all = terms.flatMap((term, i) => axesNamed(term, at(xs, i), i).map(({ name }) => name));
    const once = [...atoms.keys()].filter((name) => !name.startsWith('...') && all.filter((one) => one === name).length === 1);
    return [...dots, ...once.sort()];
  }
  const seen = new Set<string>();
  return out.flatMap((axis) => {
    const name = axisName(axis);
    if (seen.has(name)) refuse(axis, `\`${name}\` twice`, 'each axis of the result once', 'leave one of them out');
    seen.add(name);
    if (axis.kind === 'ellipsis') return dots;
    if (!atoms.has(name)) {
      const hint = 'an axis that no tensor has is made by `rearrange`';
      throw new AxisFailure('missing', inPattern(axis), name, `\`${name}\` behind the arrow alone`, 'axes of the tensors', hint);
    }
    return [name];
  });
}

/** The nodes of an equation. Throws `AxisFailure` where it does not fit, `CheckFailure` for element types that do not. */
export function buildEinsum(b: NodeBuilder, text: string, xs: readonly Value[]): Value {
  const equation = parseEquation(text);
  const { terms } = equation;
  if (terms.length !== xs.length) {
    const found = `${xs.length} ${xs.length === 1 ? 'tensor' : 'tensors'}`;
    const expected = `${terms.length}, as the equation has`;
    throw new AxisFailure(
      'count',
      inPattern({ start: 0, end: text.length }),
      '',
      found,
      expected,
      'write a comma between the axes of two tensors',
    );
  }
  const atoms = atomsOf(terms, xs);
  const names = resultNames(equation, xs, atoms);
  const order = names
    .map((name): AtomGroup => [atoms.get(name) ?? at([], 0)])
    .map((group) => group.filter((atom) => atom.dim.constant !== 1));
  const all = terms.map((term, i) => labelled(b, at(xs, i), term, i, atoms));
  const [first, ...rest] = all;
  let made = first ?? at([], 0);
  for (const [i, next] of rest.entries()) {
    const later = rest.slice(i + 1).flatMap(atomsIn);
    const keep = new Set([...order.flat(), ...later]);
    made = combined(b, made, next, keep, i === rest.length - 1 ? order : undefined);
  }
  const whole = summed(b, made, new Set(order.flat()));
  return relayout(b, whole.value, whole.groups, order);
}

export const einsumLayer = defineLayer({
  name: 'einsum',
  summary: 'Products summed over the axes that the result does not name: `"b h i d, b h j d -> b h i j"`',
  source: 'torch.einsum, einops.einsum',
  family: 'Axes by name',
  operands: { names: ['it', 'others...'], min: 1, max: Infinity },
  params: {
    pattern: string({
      positional: true,
      doc: 'the axes of each tensor, `->`, those of the result; letters, or words with blanks between',
    }),
  },
  needs: ({ pattern }) => (pattern.split('->')[0] ?? '').split(',').length,
  build: (b, xs, p) => buildEinsum(b, p.pattern, xs),
});
