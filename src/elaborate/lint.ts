/**
 * Warnings: what compiles and was hardly meant. They are found in the text alone, in one walk over the trees of a program in the
 * order in which its names are given, so they hold for every model of a file. The standard library is not looked at.
 */
import { unusedName } from '../diagnostics/catalogue/names.ts';
import { minusContinues, outputBesideLet } from '../diagnostics/catalogue/structure.ts';
import type { Sink } from '../diagnostics/diagnostic.ts';
import type { SourceFile, Span } from '../diagnostics/source.ts';
import type {
  Arg,
  BinaryExpr,
  BlockItem,
  Body,
  Carried,
  Chain,
  Expr,
  Ident,
  IfStmt,
  Label,
  Link,
  Loop,
  ModelItem,
  OutputStmt,
  Residual,
  Stmt,
  Template,
} from '../parser/ast.ts';
import type { Module } from './scope.ts';

/** Reports the warnings of a program; `outside` are texts from elsewhere that may use its constants, as `-D` does. */
export function lint(root: Module, outside: readonly string[], sink: Sink): void {
  for (const module of ownModules(root)) new Linter(module, module === root, outside, sink).run();
}

/** The file and those that it imports, but for the library's. */
function ownModules(root: Module): readonly Module[] {
  const all = new Set([root]);
  for (const module of all)
    for (const { module: other } of module.items.values()) if (!other.file.source.name.startsWith('std/')) all.add(other);
  return [...all];
}

type What = 'let' | 'param' | 'parameter' | 'const' | 'carried value';

interface Entry {
  readonly name: string;
  readonly span: Span;
  /** Undefined for names that may go unused: those of loops and inputs. */
  readonly what: What | undefined;
  readonly hint: string;
  used: boolean;
  /** Which current value it is another name of. */
  readonly alias: number | undefined;
}

/** What its text shows to be no tensor, so that no output of it was meant. */
const noTensor: ReadonlySet<string> = new Set(['int', 'float', 'size', 'string', 'bool', 'list', 'each']);
const isNoTensor = ({ links }: Chain): boolean => {
  const last = links.at(-1);
  return last !== undefined && (noTensor.has(last.kind) || (last.kind === 'repeat' && last.collect));
};

type Scope = { readonly names: Map<string, Entry>; readonly outer: Scope | undefined };

class Linter {
  readonly #module: Module;
  readonly #isRoot: boolean;
  readonly #outside: readonly string[];
  readonly #sink: Sink;
  readonly #entries: Entry[] = [];
  readonly #consts = new Map<string, Entry>();
  /** An output without a value, with the lets right before it. */
  readonly #suspects: { readonly output: OutputStmt; readonly lets: readonly Entry[] }[] = [];
  /** Numbers the current values: a new one wherever a statement sets it. */
  #it = 0;
  #values = 0;

  constructor(module: Module, isRoot: boolean, outside: readonly string[], sink: Sink) {
    this.#module = module;
    this.#isRoot = isRoot;
    this.#outside = outside;
    this.#sink = sink;
  }

  run(): void {
    const { file } = this.#module;
    const top: Scope = { names: new Map(), outer: undefined };
    // A file without a model is there for others, who may use its constants.
    const program = this.#isRoot && file.items.some((item) => item.kind === 'model');
    for (const item of file.items) {
      if (item.kind !== 'const' || this.#consts.has(item.name.name)) continue;
      const entry = this.#entry(item.name, program ? 'const' : undefined, 'remove it, or call it');
      entry.used = this.#outside.some((text) => new RegExp(`\\b${item.name.name}\\b`).test(text));
      this.#consts.set(item.name.name, entry);
    }
    for (const item of file.items) {
      if (item.kind === 'const') this.#expr(item.value, top);
      else if (item.kind === 'block' || item.kind === 'model') this.#callable(item, top);
    }
    this.#report();
  }

  #report(): void {
    for (const { output, lets } of this.#suspects) {
      const idle = lets.filter((entry) => !entry.used);
      const [first] = idle;
      if (!first || idle.length < lets.length) continue;
      for (const entry of idle) entry.used = true;
      this.#beside(output, first);
    }
    for (const { name, span, what, hint, used } of this.#entries) {
      if (used || what === undefined || name.startsWith('_')) continue;
      const kind = what === 'parameter' || what === 'carried value' ? what : `\`${what}\``;
      this.#sink.report(unusedName, {
        span,
        with: { what: kind, name, hint: hint.endsWith('call it') ? `${hint} \`_${name}\`` : hint },
      });
    }
  }

  #beside(output: OutputStmt, entry: Entry): void {
    this.#sink.report(outputBesideLet, {
      span: output.span,
      notes: [{ span: entry.span, text: `\`let\` names a value and leaves \`it\` as it was` }],
      with: { output: textOf(output.label), name: entry.name },
    });
  }

  #entry(name: Ident, what: What | undefined, hint: string, alias?: number): Entry {
    const entry: Entry = { name: name.name, span: name.span, what, hint, used: false, alias };
    this.#entries.push(entry);
    return entry;
  }

  #declare(scope: Scope, name: Ident, what: What | undefined, hint = '', alias?: number): Entry | undefined {
    if (name.name === 'it' || name.name === '_') return undefined;
    const entry = this.#entry(name, what, hint, alias);
    scope.names.set(name.name, entry);
    return entry;
  }

  #find(name: string, scope: Scope): Entry | undefined {
    for (let at: Scope | undefined = scope; at; at = at.outer) {
      const found = at.names.get(name);
      if (found) return found;
    }
    return this.#consts.get(name);
  }

  #use(name: string, scope: Scope): void {
    const entry = this.#find(name, scope);
    if (entry) entry.used = true;
  }

  #newValue(): void {
    this.#it = ++this.#values;
  }

  #callable(item: BlockItem | ModelItem, top: Scope): void {
    const scope: Scope = { names: new Map(), outer: top };
    for (const param of item.params) {
      if (param.default) this.#expr(param.default, scope);
      this.#declare(scope, param.name, 'parameter', 'remove it, or call it');
    }
    if (item.kind === 'model' && item.base) this.#expr(item.base, scope);
    this.#newValue();
    if (item.body) this.#body(item.body, scope);
  }

  #body(body: Body, outer: Scope, names: readonly Ident[] = []): void {
    const scope: Scope = { names: new Map(), outer };
    for (const name of names) this.#declare(scope, name, undefined);
    const before = this.#it;
    /** The lets that stand right before a statement. */
    let lets: Entry[] = [];
    for (const stmt of body.stmts) {
      const made = this.#statement(stmt, scope);
      if (stmt.kind === 'output' && !stmt.value && lets.length > 0) this.#suspects.push({ output: stmt, lets });
      const meant = stmt.kind === 'let' && !isNoTensor(stmt.value) ? made : [];
      lets = stmt.kind === 'let' && !stmt.names.some(({ name }) => name === 'it') ? [...lets, ...meant] : [];
    }
    this.#it = before;
  }

  #statement(stmt: Stmt, scope: Scope): readonly Entry[] {
    switch (stmt.kind) {
      case 'let': {
        this.#chain(stmt.value, scope);
        const [only, ...more] = stmt.value.links;
        const alias = only?.kind === 'name' && only.name === 'it' && more.length === 0 ? this.#it : undefined;
        if (stmt.names.some(({ name }) => name === 'it')) this.#newValue();
        const several = stmt.names.length > 1;
        const hint = several ? 'write `_` in its place' : 'remove it; to go on with the value, write it without `let`';
        return stmt.names.flatMap((name) => this.#declare(scope, name, 'let', hint, alias) ?? []);
      }
      case 'paramStmt':
        for (const dim of stmt.type.dims) this.#expr(dim, scope);
        if (stmt.init) this.#expr(stmt.init, scope);
        this.#declare(scope, stmt.name, 'param', 'remove it, or read it');
        break;
      case 'input': {
        this.#label(stmt.label, scope);
        for (const expr of [...stmt.type.dims, ...rangeOf(stmt)]) this.#expr(expr, scope);
        const word = textOf(stmt.label);
        this.#declare(scope, stmt.as ?? { name: word, span: stmt.label.span }, undefined);
        this.#newValue();
        break;
      }
      case 'output':
        this.#output(stmt, scope);
        break;
      case 'return':
        for (const value of stmt.values) this.#chain(value, scope);
        break;
      case 'assert':
        this.#expr(stmt.condition, scope);
        break;
      case 'map':
        this.#template(stmt.from, scope);
        if (stmt.to) this.#template(stmt.to, scope);
        break;
      case 'if':
        this.#if(stmt, scope);
        this.#newValue();
        break;
      case 'chainStmt':
        this.#chain(stmt.chain, scope);
        this.#newValue();
        break;
    }
    return [];
  }

  #output(stmt: OutputStmt, scope: Scope): void {
    this.#label(stmt.label, scope);
    for (const expr of rangeOf(stmt)) this.#expr(expr, scope);
    if (stmt.value) return this.#chain(stmt.value, scope);
    const entry = this.#find(textOf(stmt.label), scope);
    if (entry?.what !== 'let' && entry?.what !== 'param') return;
    entry.used = true;
    if (entry.alias !== this.#it) this.#beside(stmt, entry);
  }

  #if(stmt: IfStmt, scope: Scope): void {
    this.#expr(stmt.condition, scope);
    this.#body(stmt.then, scope);
    if (stmt.else?.kind === 'if') this.#if(stmt.else, scope);
    else if (stmt.else) this.#body(stmt.else, scope);
  }

  #template({ parts }: Template, scope: Scope): void {
    for (const part of parts) if (typeof part !== 'string') this.#expr(part, scope);
  }

  #label(label: Label, scope: Scope): void {
    for (const segment of label.segments) this.#template(segment, scope);
  }

  #chain(chain: Chain, scope: Scope): void {
    for (const link of chain.links) this.#link(link, scope);
  }

  #args(args: readonly Arg[], scope: Scope): void {
    for (const arg of args) this.#chain(arg.value, scope);
  }

  #link(link: Link, scope: Scope): void {
    switch (link.kind) {
      case 'labelled':
        this.#label(link.label, scope);
        this.#link(link.target, scope);
        break;
      case 'repeat':
        this.#expr(link.over, scope);
        this.#begin(link.carried, scope);
        this.#inside(() => this.#body(link.body, scope, [...link.names, ...link.carried.map(({ name }) => name)]));
        break;
      case 'each':
        this.#expr(link.over, scope);
        this.#inside(() => this.#body(link.body, scope, link.names));
        break;
      case 'loop':
        this.#loop(link, scope);
        break;
      case 'sequential':
        this.#inside(() => this.#body(link.body, scope));
        break;
      case 'ode':
        this.#args(link.args, scope);
        this.#inside(() => this.#body(link.body, scope, link.time ? [link.time] : []));
        break;
      case 'reuse':
        this.#label(link.label, scope);
        break;
      case 'residual':
        this.#residual(link, scope);
        break;
      default:
        this.#expr(link, scope);
    }
  }

  /** What `with` names begins as. */
  #begin(carried: readonly Carried[], scope: Scope): void {
    for (const { name, value } of carried) {
      if (value) this.#chain(value, scope);
      else this.#use(name.name, scope);
    }
  }

  /** What a turn is handed and nothing reads costs a copy in every turn. */
  #loop({ count, index, carried, condition, body }: Loop, scope: Scope): void {
    if (count) this.#expr(count, scope);
    this.#begin(carried, scope);
    const inner: Scope = { names: new Map(), outer: scope };
    if (index) this.#declare(inner, index, undefined);
    for (const { name } of carried)
      this.#declare(
        inner,
        name,
        'carried value',
        'read it in the body or behind `while`; where its last value alone is wanted, call it',
      );
    this.#inside(() => {
      if (condition) this.#expr(condition, inner);
      this.#body(body, inner);
    });
  }

  #residual(link: Residual, scope: Scope): void {
    this.#args(link.args, scope);
    this.#inside(() => this.#body(link.body, scope));
    if (!link.shortcut) return;
    if (link.shortcut.label) this.#label(link.shortcut.label, scope);
    this.#link(link.shortcut.value, scope);
  }

  /** What runs inside begins with a value that no name outside stands for, as the turns of a repetition do. */
  #inside(work: () => void): void {
    const before = this.#it;
    this.#newValue();
    work();
    this.#it = before;
  }

  #expr(expr: Expr, scope: Scope): void {
    switch (expr.kind) {
      case 'name':
        this.#use(expr.name, scope);
        break;
      case 'call':
        this.#use(expr.callee.name, scope);
        this.#args(expr.args, scope);
        break;
      case 'path':
        this.#label(expr.label, scope);
        break;
      case 'list':
        for (const item of expr.items) this.#chain(item, scope);
        break;
      case 'paren':
        this.#chain(expr.chain, scope);
        break;
      case 'body':
        this.#inside(() => this.#body(expr, scope));
        break;
      case 'index':
        this.#expr(expr.base, scope);
        for (const sub of expr.subs) for (const part of Object.values(sub)) if (isExpr(part)) this.#expr(part, scope);
        break;
      case 'unary':
        this.#expr(expr.operand, scope);
        break;
      case 'binary':
        this.#minus(expr);
        this.#expr(expr.left, scope);
        this.#expr(expr.right, scope);
        break;
      case 'conditional':
        this.#expr(expr.condition, scope);
        this.#expr(expr.then, scope);
        this.#expr(expr.else, scope);
        break;
      default:
        break;
    }
  }

  /** A line `-x` that looks like a statement of its own and is the rest of the line above. */
  #minus({ op, left, right, span }: BinaryExpr): void {
    if (op !== '-') return;
    const { file } = span;
    const at = file.text.lastIndexOf('-', right.span.start - 1);
    if (at !== right.span.start - 1 || at < left.span.end || !beginsLine(file, at)) return;
    this.#sink.report(minusContinues, {
      span: { file, start: at, end: right.span.end },
      with: { text: file.text.slice(right.span.start, right.span.end).split('\n')[0]?.slice(0, 40) ?? '' },
    });
  }
}

function isExpr(part: unknown): part is Expr {
  return typeof part === 'object' && part !== null && 'kind' in part;
}

function beginsLine({ text }: SourceFile, at: number): boolean {
  return /^[ \t]*$/.test(text.slice(Math.max(text.lastIndexOf('\n', at - 1), text.lastIndexOf('\r', at - 1)) + 1, at));
}

/** A label of plain text; a computed part makes it no name. */
function textOf(label: Label): string {
  return label.segments.map(({ parts }) => parts.map((part) => (typeof part === 'string' ? part : '{…}')).join('')).join('.');
}

function rangeOf({ range }: Pick<OutputStmt, 'range'>): readonly Expr[] {
  return range ? [range.low, range.high, range.mean, range.std].filter((expr) => expr !== undefined) : [];
}
