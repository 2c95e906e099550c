/**
 * The text form of weight expressions (printed by `Expr.text()`, read back through `buildExpr`; blanks are free):
 *
 *   expr    = leaf | call | numbers
 *   leaf    = path "[" [int {"," int}] "]" [":" elem]          f32 when no element type follows
 *   path    = \w+ { "." \w+ }  |  a JSON string, where the path has other characters
 *   call    = name "(" arg {"," arg} ")"
 *   numbers = "[" number {"," number} "]"                      an f32 vector of at most 16 numbers
 *   arg     = expr | number | ints | elem | hash               number also nan, inf, -inf; ints "[" [int {"," int}] "]"
 *   hash    = "#" 16 hex digits                                a content that is too long to print, by its hash
 *
 *   add(a, b) sub(a, b) mul(a, b) div(a, b)                    NumPy broadcasting, one element type
 *   neg(x) sqrt(x) reciprocal(x) cast(x, elem)
 *   reshape(x, dims) transpose(x, perm) slice(x, starts, ends, steps) pad(x, begins, ends, value)
 *   concat(a, b, …, axis) matmul(a, b) reduce_sum(x, axes, keepdims 0 or 1)
 *   full(elem, dims, value) literal(elem, dims, numbers) literal(elem, dims, hash) shared(hash)
 *   integers(elem, dims, int, int, …) integers(elem, dims, hash)   64-bit integers beyond 2^53 among others
 */

import { type ElemType, elementCount, isElemType } from '../ir/types.ts';
import { isWideElem, tensorOfIntegers } from '../ir/wide.ts';
import { add, cast, div, mul, neg, reciprocal, sqrt, sub } from './arithmetic.ts';
import { matmul, reduceSum } from './contract.ts';
import { own, type WeightExpr } from './expr.ts';
import { full, literal } from './leaves.ts';
import { concat, pad, reshape, slice, transpose } from './movement.ts';
import type { Session } from './session.ts';

/** What stands between the parentheses of a call, or alone. `word` is an element type, `hash` sixteen hex digits. */
export type TextArg =
  | { readonly kind: 'expr'; readonly expr: WeightExpr }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'list'; readonly items: readonly number[] }
  | { readonly kind: 'word'; readonly word: string }
  | { readonly kind: 'hash'; readonly hash: string };

class Unbuildable extends Error {}

/**
 * Builds `name(args…)` of the text form; a bare list of numbers is `buildExpr(session, 'numbers', [list])`. Undefined when the
 * name or the arguments are none of the grammar's, when shapes do not fit, or when a hash names nothing of the session.
 */
export function buildExpr(session: Session, name: string, args: readonly TextArg[]): WeightExpr | undefined {
  let next = 0;
  const take = <K extends TextArg['kind']>(kind: K): Extract<TextArg, { readonly kind: K }> => {
    const arg = args[next++];
    if (arg?.kind !== kind) throw new Unbuildable();
    return arg as Extract<TextArg, { readonly kind: K }>;
  };
  const expr = (): WeightExpr => {
    const arg = args[next];
    // Where an expression is wanted, a list of numbers is an f32 vector.
    if (arg?.kind === 'list') {
      next++;
      return literal(session, { elem: 'f32', dims: [arg.items.length], data: Float64Array.from(arg.items) });
    }
    return take('expr').expr;
  };
  const number = (): number => take('number').value;
  const list = (): readonly number[] => take('list').items;
  const elem = (): ElemType => {
    const { word } = take('word');
    if (!isElemType(word)) throw new Unbuildable();
    return word;
  };
  const known = (hash: string): WeightExpr => {
    const found = session.byHash(hash);
    if (!found) throw new Unbuildable();
    return own(found);
  };
  const build = (): WeightExpr => {
    switch (name) {
      case 'numbers':
        return expr();
      case 'add':
        return add(expr(), expr());
      case 'sub':
        return sub(expr(), expr());
      case 'mul':
        return mul(expr(), expr());
      case 'div':
        return div(expr(), expr());
      case 'neg':
        return neg(expr());
      case 'sqrt':
        return sqrt(expr());
      case 'reciprocal':
        return reciprocal(expr());
      case 'cast':
        return cast(expr(), elem());
      case 'reshape':
        return reshape(expr(), list());
      case 'transpose':
        return transpose(expr(), list());
      case 'slice':
        return slice(expr(), list(), list(), args.length > 3 ? list() : undefined);
      case 'pad':
        return pad(expr(), list(), list(), args.length > 3 ? number() : 0);
      case 'concat': {
        const parts: WeightExpr[] = [];
        while (next < args.length - 1) parts.push(expr());
        return concat(parts, number());
      }
      case 'matmul':
        return matmul(expr(), expr());
      case 'reduce_sum':
        return reduceSum(expr(), list(), number() !== 0);
      case 'full':
        return full(session, elem(), list(), number());
      case 'literal': {
        const type = elem();
        const dims = list();
        const arg = args[next];
        if (arg?.kind !== 'hash') return literal(session, { elem: type, dims, data: Float64Array.from(list()) });
        next++;
        return known(arg.hash);
      }
      case 'integers': {
        const type = elem();
        const dims = list();
        if (args[next]?.kind === 'hash') return known(take('hash').hash);
        if (!isWideElem(type)) throw new Unbuildable();
        const all: bigint[] = [];
        while (next < args.length) {
          const arg = args[next];
          all.push(BigInt(arg?.kind === 'word' ? take('word').word : number()));
        }
        if (all.length !== elementCount(dims)) throw new Unbuildable();
        return literal(session, tensorOfIntegers(type, dims, all));
      }
      case 'shared':
        return known(take('hash').hash);
      default:
        throw new Unbuildable();
    }
  };
  try {
    const built = build();
    return next === args.length ? built : undefined;
  } catch (error) {
    // Shapes that do not fit are a bug when a pass builds, and a mistake of the text here.
    if (error instanceof Unbuildable || (error instanceof Error && error.name === 'BugError')) return undefined;
    throw error;
  }
}
