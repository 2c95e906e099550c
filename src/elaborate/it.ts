/**
 * Where `it` is written right of `->`, outside of braces: `skip -> Gate(it)`. Left of it is a value that every layer there
 * takes first anyway, so that `it` in its arguments would be that value a second time, and never what it was before the chain.
 */

import type { Span } from '../diagnostics/source.ts';
import type { Arg, Chain, Expr, Link } from '../parser/ast.ts';

/** Answers by link, because a block runs more than once. */
const known = new WeakMap<Link, Span | undefined>();

/** The first `it` in the arguments of a link; those in bodies are their own. */
export function itInArguments(link: Link): Span | undefined {
  if (known.has(link)) return known.get(link);
  const found = inLink(link);
  known.set(link, found);
  return found;
}

// The parser bounds how deep expressions nest.

function first<T>(list: readonly T[], find: (one: T) => Span | undefined): Span | undefined {
  for (const one of list) {
    const found = find(one);
    if (found) return found;
  }
  return undefined;
}

const inArgs = (args: readonly Arg[]): Span | undefined => first(args, (arg) => inChain(arg.value));
const inChain = (chain: Chain): Span | undefined =>
  first(chain.links, (link) => (link.kind === 'name' ? inExpr(link) : inLink(link)));

function inLink(link: Link): Span | undefined {
  switch (link.kind) {
    case 'labelled':
      return inLink(link.target);
    case 'repeat':
      return inExpr(link.over) ?? first(link.carried, ({ value }) => value && inChain(value));
    case 'each':
      return inExpr(link.over);
    case 'loop':
      // What `while` reads as `it` is what the turns hand on.
      return (link.count && inExpr(link.count)) ?? first(link.carried, ({ value }) => value && inChain(value));
    case 'ode':
    case 'residual':
      return inArgs(link.args);
    case 'sequential':
    case 'reuse':
    // `x -> it` says nothing wrong.
    case 'name':
      return undefined;
    default:
      return inExpr(link);
  }
}

function inExpr(expr: Expr): Span | undefined {
  switch (expr.kind) {
    case 'name':
      return expr.name === 'it' ? expr.span : undefined;
    case 'call':
      return inArgs(expr.args);
    case 'list':
      return first(expr.items, inChain);
    case 'paren':
      return inChain(expr.chain);
    case 'index':
      return (
        inExpr(expr.base) ??
        first(expr.subs, (sub) =>
          sub.kind === 'at' ? inExpr(sub.value) : first([sub.from, sub.to, sub.step], (part) => part && inExpr(part)),
        )
      );
    case 'unary':
      return inExpr(expr.operand);
    case 'binary':
      return inExpr(expr.left) ?? inExpr(expr.right);
    case 'conditional':
      return inExpr(expr.condition) ?? inExpr(expr.then) ?? inExpr(expr.else);
    default:
      return undefined;
  }
}
