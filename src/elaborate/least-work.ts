/**
 * The least number of steps that a body takes, from its text alone: repetition is multiplied instead of run. So a model that
 * cannot end within its budget is refused before a million nodes were made for it. What depends on tensors, on lists or on
 * anything else that only a run knows counts as nothing, so that the answer is never above what a run takes.
 */

import { layerByName } from '../ops/lookup.ts';
import type { LangValue } from '../ops/params.ts';
import type {
  Arg,
  BlockItem,
  Body,
  Carried,
  Chain,
  Construct,
  Each,
  Expr,
  IfStmt,
  Link,
  Loop,
  Ode,
  Repeat,
  Stmt,
} from '../parser/ast.ts';
import { nodeCost } from './context.ts';
import { Env, type Module } from './scope.ts';

/** What is known of a value; undefined is anything. */
type Known = number | boolean | undefined;

/** Names of a body and of those around it. A name that is here and undefined has a value that only a run knows. */
class Names {
  readonly #own = new Map<string, Known>();
  readonly #outer: Names | Env;
  readonly module: Module;
  constructor(outer: Names | Env) {
    this.#outer = outer;
    this.module = outer.module;
  }
  set(name: string, value: Known): void {
    this.#own.set(name, value);
  }
  /** `false` where nothing around has that name. */
  has(name: string): boolean {
    return this.#own.has(name) || (this.#outer instanceof Names ? this.#outer.has(name) : this.#outer.get(name) !== undefined);
  }
  get(name: string): Known {
    if (this.#own.has(name)) return this.#own.get(name);
    return this.#outer instanceof Names ? this.#outer.get(name) : knownOf(this.#outer.get(name)?.value);
  }
}

function knownOf(value: LangValue | undefined): Known {
  if (value?.kind === 'int') return value.dim.constant;
  return value?.kind === 'bool' ? value.value : undefined;
}

/** Parts of the tree that are looked at for one answer, and how deep calls are followed: what lies beyond counts as nothing. */
const visitLimit = 50_000;
const depthLimit = 64;

export interface LeastWork {
  readonly steps: number;
  /** The innermost part that alone takes more than the limit. */
  readonly culprit: Construct | undefined;
}

/** At least so many steps does `body` take in an environment. `limit` is what the culprit goes beyond. */
export function leastWork(body: Body, env: Env, limit: number): LeastWork {
  const counter = new Counter(limit);
  const steps = counter.body(body, new Names(env));
  return { steps, culprit: counter.culprit };
}

class Counter {
  culprit: Construct | undefined;
  readonly #limit: number;
  /** Steps of a block by what is known of its arguments; 0 while they are being counted. */
  readonly #blocks = new Map<BlockItem, Map<string, number>>();
  #visits = 0;
  #depth = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  body(body: Body, outer: Names): number {
    const names = new Names(outer);
    let steps = 0;
    for (const stmt of body.stmts) steps += 1 + this.#statement(stmt, names);
    return steps;
  }

  /** One deeper, where that is still looked at. */
  #inside(work: () => number): number {
    if (++this.#visits > visitLimit || this.#depth >= depthLimit) return 0;
    this.#depth++;
    try {
      return work();
    } finally {
      this.#depth--;
    }
  }

  #statement(stmt: Stmt, names: Names): number {
    switch (stmt.kind) {
      case 'chainStmt':
        return this.#chain(stmt.chain, names);
      case 'let': {
        const steps = this.#chain(stmt.value, names);
        const [name, ...more] = stmt.names;
        const [value, ...links] = stmt.value.links;
        const known = name && more.length === 0 && links.length === 0 && value ? this.#link(value, names) : undefined;
        for (const one of stmt.names) if (one.name !== 'it') names.set(one.name, known);
        return steps;
      }
      case 'return':
        return stmt.values.reduce((sum, chain) => sum + this.#chain(chain, names), 0);
      case 'output':
        return stmt.value ? this.#chain(stmt.value, names) : 0;
      case 'if':
        return this.#inside(() => this.#if(stmt, names));
      default:
        return 0;
    }
  }

  #if(stmt: IfStmt, names: Names): number {
    const condition = this.#value(stmt.condition, names);
    const then = (): number => this.body(stmt.then, names);
    const other = (): number =>
      stmt.else === undefined ? 0 : stmt.else.kind === 'if' ? this.#if(stmt.else, names) : this.body(stmt.else, names);
    if (typeof condition === 'boolean') return condition ? then() : other();
    return Math.min(then(), other());
  }

  #chain(chain: Chain, names: Names): number {
    let steps = 0;
    for (const link of chain.links) {
      if (link.kind !== 'labelled') steps += this.#run(link, names);
      else steps += this.#run(link.target, names);
    }
    return steps;
  }

  /** A link that runs. */
  #run(link: Exclude<Link, { kind: 'labelled' }>, names: Names): number {
    switch (link.kind) {
      case 'repeat':
      case 'each':
        return this.#inside(() => this.#turns(link, names));
      case 'sequential':
        return this.#inside(() => this.body(link.body, names));
      case 'ode':
        return this.#inside(() => this.#steps(link, names));
      case 'loop':
        return this.#inside(() => this.#once(link, names));
      case 'residual': {
        const shortcut = link.shortcut?.value;
        const constructs = ['repeat', 'each', 'loop', 'sequential', 'residual'];
        return this.#inside(
          () => this.body(link.body, names) + (shortcut && constructs.includes(shortcut.kind) ? this.#run(shortcut, names) : 0),
        );
      }
      case 'body':
        return this.#inside(() => this.body(link, names));
      case 'name':
        return this.#call(link.name, [], names);
      case 'call':
        return this.#call(link.callee.name, link.args, names);
      default:
        return 0;
    }
  }

  #turns(construct: Repeat | Each, names: Names): number {
    const carried = construct.kind === 'repeat' ? construct.carried : [];
    const before = this.#before(carried, names);
    const turns = this.#count(construct.over, names);
    if (turns === undefined || turns <= 0) return before;
    const inner = new Names(names);
    for (const name of construct.names) inner.set(name.name, undefined);
    for (const { name } of carried) if (name.name !== 'it') inner.set(name.name, undefined);
    const steps = turns * (1 + this.body(construct.body, inner));
    if (steps > this.#limit) this.culprit ??= construct;
    return before + steps;
  }

  /** The body of a loop of the run is elaborated once. */
  #once({ carried, index, body }: Loop, names: Names): number {
    const before = this.#before(carried, names);
    const inner = new Names(names);
    if (index) inner.set(index.name, undefined);
    for (const { name } of carried) if (name.name !== 'it') inner.set(name.name, undefined);
    return before + 1 + this.body(body, inner);
  }

  #before(carried: readonly Carried[], names: Names): number {
    return carried.reduce((sum, { value }) => sum + (value ? this.#chain(value, names) : 0), 0);
  }

  /** Steps that are written out run the body at least once each. */
  #steps(ode: Ode, names: Names): number {
    const given = (name: string): Link | undefined => ode.args.find((arg) => arg.name?.name === name)?.value.links[0];
    const [count, times] = [given('steps'), given('t')];
    const known = count && count.kind !== 'labelled' ? this.#link(count, names) : 1;
    const inner = new Names(names);
    if (ode.time) inner.set(ode.time.name, undefined);
    const once = 1 + this.body(ode.body, inner);
    if (typeof known !== 'number' || given('emit') || times?.kind !== 'list') return once;
    const steps = Math.max(1, known * (times.items.length - 1)) * once;
    if (steps > this.#limit) this.culprit ??= ode;
    return steps;
  }

  #count(over: Expr, names: Names): number | undefined {
    if (over.kind === 'list') return over.items.length;
    if (over.kind === 'size') return over.dims.length;
    const n = this.#value(over, names);
    return typeof n === 'number' ? n : undefined;
  }

  #call(name: string, args: readonly Arg[], names: Names): number {
    if (name === 'it' || names.has(name)) return 0;
    const entry = names.module.items.get(name);
    if (entry) return entry.item.kind === 'block' ? this.#inside(() => this.#block(entry.item, entry.module, args, names)) : 0;
    const layer = layerByName(name);
    return layer && (layer.operator || layer.weights.length > 0) ? nodeCost : 0;
  }

  #block(block: BlockItem | { readonly kind: 'const' | 'model' }, module: Module, args: readonly Arg[], names: Names): number {
    if (block.kind !== 'block') return 0;
    const inner = new Names(new Env(module));
    const given = new Map<string, Known>();
    const free = block.params.filter((p) => !args.some((arg) => arg.name?.name === p.name.name));
    let position = 0;
    for (const arg of args) {
      const [value, ...more] = arg.value.links;
      const known = value && more.length === 0 ? this.#link(value, names) : undefined;
      const name = arg.name?.name ?? free[position++]?.name.name;
      if (name !== undefined) given.set(name, known);
    }
    const key: string[] = [];
    for (const { name, default: fallback } of block.params) {
      const known = given.has(name.name) ? given.get(name.name) : fallback ? this.#value(fallback, inner) : undefined;
      inner.set(name.name, known);
      key.push(String(known));
    }
    const seen = this.#blocks.get(block) ?? new Map<string, number>();
    this.#blocks.set(block, seen);
    const text = key.join();
    const before = seen.get(text);
    if (before !== undefined) return before;
    seen.set(text, 0);
    const steps = 1 + this.body(block.body, inner);
    seen.set(text, steps);
    return steps;
  }

  #link(link: Link, names: Names): Known {
    switch (link.kind) {
      case 'labelled':
      case 'repeat':
      case 'each':
      case 'loop':
      case 'sequential':
      case 'ode':
      case 'reuse':
      case 'residual':
        return undefined;
      default:
        return this.#value(link, names);
    }
  }

  #value(expr: Expr, names: Names): Known {
    if (++this.#visits > visitLimit || this.#depth >= depthLimit) return undefined;
    this.#depth++;
    try {
      return this.#known(expr, names);
    } finally {
      this.#depth--;
    }
  }

  #known(expr: Expr, names: Names): Known {
    switch (expr.kind) {
      case 'int':
      case 'bool':
        return expr.value;
      case 'paren':
        return expr.chain.links.length === 1 && expr.chain.links[0] ? this.#link(expr.chain.links[0], names) : undefined;
      case 'name': {
        if (expr.name === 'it') return undefined;
        if (names.has(expr.name)) return names.get(expr.name);
        const entry = names.module.items.get(expr.name);
        return entry?.item.kind === 'const' ? this.#value(entry.item.value, new Names(new Env(entry.module))) : undefined;
      }
      case 'unary': {
        const x = this.#value(expr.operand, names);
        if (typeof x === 'number') return expr.op === '-' ? -x : undefined;
        return x === undefined || expr.op === '-' ? undefined : !x;
      }
      case 'conditional': {
        const condition = this.#value(expr.condition, names);
        if (typeof condition !== 'boolean') return undefined;
        return this.#value(condition ? expr.then : expr.else, names);
      }
      case 'binary': {
        const [a, b] = [this.#value(expr.left, names), this.#value(expr.right, names)];
        return typeof a === 'number' && typeof b === 'number' ? arithmetic(expr.op, a, b) : undefined;
      }
      default:
        return undefined;
    }
  }
}

function arithmetic(op: string, a: number, b: number): Known {
  const exact = (n: number): Known => (Number.isSafeInteger(n) ? n : undefined);
  switch (op) {
    case '+':
      return exact(a + b);
    case '-':
      return exact(a - b);
    case '*':
      return exact(a * b);
    case '/':
      return b !== 0 && a % b === 0 ? a / b : undefined;
    case '%':
      return b !== 0 ? exact(a - Math.floor(a / b) * b) : undefined;
    case '<':
      return a < b;
    case '<=':
      return a <= b;
    case '>':
      return a > b;
    case '>=':
      return a >= b;
    case '==':
      return a === b;
    case '!=':
      return a !== b;
    default:
      return undefined;
  }
}
