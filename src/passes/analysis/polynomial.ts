/**
 * What a piece of elementwise arithmetic computes, whatever the order in which it was spelled: a Laurent polynomial, a sum of
 * products of powers, over values that are given names and over the values at which the arithmetic begins. Two spellings are
 * equal in real arithmetic where their polynomials are; division by a sum is not looked into. Everything is bounded, because
 * graphs are not: steps, terms and powers.
 */
import { floatFacts, isLossless } from '../../ir/elem.ts';
import type { Graph, Node, Value } from '../../ir/graph.ts';
import { type ElemType, elementCount, isFloat } from '../../ir/types.ts';

interface Term {
  readonly factor: number;
  /** Exponents other than 0, by the name of the variable. */
  readonly powers: ReadonlyMap<string, number>;
}

/** Terms by their powers: `X^2·M`. */
export type Polynomial = ReadonlyMap<string, Term>;

const maxTerms = 12;

const maxPower = 6;

const maxSteps = 64;

const maxDepth = 24;

export const arithmetic: readonly string[] = ['add', 'sub', 'mul', 'div', 'neg', 'reciprocal', 'pow', 'cast', 'identity'];

function keyOf(powers: ReadonlyMap<string, number>): string {
  return [...powers]
    .map(([name, power]) => (power === 1 ? name : `${name}^${power}`))
    .sort()
    .join('·');
}

function polynomial(terms: Iterable<Term>): Polynomial | undefined {
  const out = new Map<string, Term>();
  for (const term of terms) {
    const key = keyOf(term.powers);
    const factor = (out.get(key)?.factor ?? 0) + term.factor;
    if (factor === 0) out.delete(key);
    else out.set(key, { factor, powers: term.powers });
  }
  return out.size <= maxTerms ? out : undefined;
}

export function variable(name: string, power = 1): Polynomial {
  const powers = new Map([[name, power]]);
  return new Map([[keyOf(powers), { factor: 1, powers }]]);
}

function number(value: number): Polynomial {
  return value === 0 ? new Map() : new Map([['', { factor: value, powers: new Map<string, number>() }]]);
}

function plus(a: Polynomial, b: Polynomial, sign: number): Polynomial | undefined {
  return polynomial([...a.values(), ...[...b.values()].map((term) => ({ ...term, factor: sign * term.factor }))]);
}

function times(a: Polynomial, b: Polynomial): Polynomial | undefined {
  const terms: Term[] = [];
  for (const x of a.values()) {
    for (const y of b.values()) {
      const powers = new Map(x.powers);
      for (const [name, power] of y.powers) {
        const sum = (powers.get(name) ?? 0) + power;
        if (Math.abs(sum) > maxPower) return undefined;
        if (sum === 0) powers.delete(name);
        else powers.set(name, sum);
      }
      terms.push({ factor: x.factor * y.factor, powers });
    }
  }
  return polynomial(terms);
}

/** Of a single term alone. */
function inverse(a: Polynomial): Polynomial | undefined {
  const [term, second] = a.values();
  if (!term || second) return undefined;
  return polynomial([{ factor: 1 / term.factor, powers: new Map([...term.powers].map(([name, power]) => [name, -power])) }]);
}

/** The number that a constant of one element is. */
export function numberOf(value: Value | undefined): number | undefined {
  const content = value?.content;
  if (!content || value.type.foreign || elementCount(content.dims) !== 1) return undefined;
  return content.resident?.[0];
}

/** The value below casts that every number of it survives. */
export function belowCasts(value: Value): Value {
  let below = value;
  for (let i = 0; i < maxDepth; i++) {
    const node = below.producer;
    if (node?.op.name !== 'cast' || node.graph !== value.graph || !isFloat(node.x.type.elem)) return below;
    if (!isLossless(node.x.type.elem, node.y.type.elem)) return below;
    below = node.x;
  }
  return below;
}

/** Looks through arithmetic down to what `named` gives a name, and to leaves. */
export class Expansion {
  /** The nodes that were looked through. */
  readonly nodes = new Set<Node>();
  readonly leaves = new Map<string, Value>();
  readonly #graph: Graph;
  readonly #named: (value: Value, expansion: Expansion) => Polynomial | undefined;
  #steps = 0;
  #depth = 0;

  constructor(graph: Graph, named: (value: Value, expansion: Expansion) => Polynomial | undefined) {
    this.#graph = graph;
    this.#named = named;
  }

  /** Undefined where it is no polynomial, or too large a one. */
  of(value: Value | undefined): Polynomial | undefined {
    if (!value || this.#steps++ >= maxSteps || this.#depth >= maxDepth) return undefined;
    this.#depth++;
    const found = this.#named(value, this) ?? this.#inside(value);
    this.#depth--;
    return found;
  }

  #inside(value: Value): Polynomial | undefined {
    const constant = numberOf(value);
    if (constant !== undefined) return Number.isFinite(constant) ? number(constant) : undefined;
    const node = value.producer;
    if (!node || node.graph !== this.#graph || !arithmetic.includes(node.op.name)) return this.#leaf(value);
    const [a, b] = node.operands;
    const made = (result: Polynomial | undefined): Polynomial | undefined => {
      if (result) this.nodes.add(node);
      return result;
    };
    switch (node.op.name) {
      case 'add':
      case 'sub':
      case 'mul':
      case 'div': {
        const x = this.of(a);
        const y = x && this.of(b);
        if (!x || !y) return undefined;
        if (node.op.name === 'mul') return made(times(x, y));
        if (node.op.name !== 'div') return made(plus(x, y, node.op.name === 'add' ? 1 : -1));
        const over = inverse(y);
        return over && made(times(x, over));
      }
      case 'neg': {
        const x = this.of(a);
        return x && made(times(x, number(-1)));
      }
      case 'reciprocal': {
        const x = this.of(a);
        return x && made(inverse(x));
      }
      case 'pow': {
        const power = numberOf(b);
        if (power === undefined || !Number.isInteger(power) || power < 1 || power > maxPower) return this.#leaf(value);
        const x = this.of(a);
        let out = x;
        for (let i = 1; x && out && i < power; i++) out = times(out, x);
        return out && made(out);
      }
      default: {
        // Casts between floats round and do nothing else.
        if (!isFloat(node.x.type.elem) || !isFloat(node.y.type.elem)) return this.#leaf(value);
        return made(this.of(a));
      }
    }
  }

  #leaf(value: Value): Polynomial {
    // Constants of equal content are one.
    const name = value.content ? `c${value.content.id}` : `v${value.id}`;
    if (!this.leaves.has(name)) this.leaves.set(name, value);
    return variable(name);
  }
}

/** Whether `actual` is `exact` after at most `times` roundings to the element type (the arithmetic between them is float64). */
export function isRounded(actual: number, exact: number, elem: ElemType, times: number): boolean {
  const unit = floatFacts(elem)?.roundoff;
  return unit !== undefined && Math.abs(actual / exact - 1) <= times * (unit + 2 ** -51);
}

/** How near numbers must be for a spelling to be a candidate at all. */
const near = 2 ** -6;

/** Whether the polynomial has these terms and no others, each factor near the one given. */
export function looksLike(p: Polynomial, terms: Readonly<Record<string, number>>): boolean {
  const names = Object.keys(terms);
  return p.size === names.length && names.every((name) => Math.abs((p.get(name)?.factor ?? 0) / (terms[name] ?? 1) - 1) <= near);
}

/** Values that arithmetic makes out of this one, the furthest last; a few, and not through values with many readers. */
export function above(value: Value): readonly Value[] {
  const found = [value];
  for (let i = 0; i < found.length && found.length < 24; i++) {
    const one = found[i];
    if (!one || one.uses.size > 4) continue;
    for (const { user } of one.uses) {
      if (user.graph !== value.graph || !arithmetic.includes(user.op.name) || found.includes(user.y)) continue;
      found.push(user.y);
    }
  }
  return found.slice(1);
}

/** Whether nobody but these nodes, and the readers of `result`, sees what they compute. */
export function isInside(nodes: ReadonlySet<Node>, result: Value): boolean {
  for (const node of nodes) {
    for (const y of node.results) {
      if (y === result) continue;
      if (y.outputs > 0) return false;
      for (const { user } of y.uses) if (!nodes.has(user)) return false;
    }
  }
  return true;
}
