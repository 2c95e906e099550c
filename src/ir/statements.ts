/**
 * The lines of a graph's text form, which `print.ts` describes, as statements. What is wrong with a line is reported with its
 * span, and reading goes on with the next.
 */
import { graphSyntax } from '../diagnostics/catalogue/ir.ts';
import type { Sink } from '../diagnostics/diagnostic.ts';
import type { SourceFile, Span } from '../diagnostics/source.ts';
import { type ContentTree, readContent } from './content-text.ts';
import type { Dim } from './dim.ts';
import { parseDim } from './dim-text.ts';
import type { ConstantRole, ResidualTag } from './graph.ts';
import { isOfRun, leastUntold, promiseOf, type SizePromise } from './promise.ts';
import type { ValueRange } from './ranges.ts';
import { Scanner, TextError } from './scanner.ts';
import { type ElemType, elementCount, foreignTypeOf, isElemType, type TensorType } from './types.ts';

export type OperandText =
  | { readonly kind: 'value'; readonly name: string; readonly span: Span }
  | { readonly kind: 'none' }
  | {
      readonly kind: 'parameter';
      readonly local: boolean;
      readonly path: string;
      readonly dims: readonly number[];
      readonly elem: ElemType;
      readonly role: ConstantRole;
      readonly content: ContentTree | undefined;
      readonly span: Span;
    }
  | { readonly kind: 'constant'; readonly content: ContentTree; readonly role: ConstantRole; readonly span: Span };

export interface AttrText {
  readonly name: string;
  readonly span: Span;
  readonly value: AttrItem | readonly AttrItem[];
}
/** `text` is a bare word or a dimension; `string` is in quotes. */
type AttrItem = { readonly kind: 'number'; readonly value: number } | { readonly kind: 'text' | 'string'; readonly text: string };

export interface NodeText {
  readonly kind: 'node';
  readonly results: readonly { readonly name: string; readonly span: Span }[];
  readonly op: string;
  readonly opSpan: Span;
  readonly operands: readonly OperandText[];
  readonly attrs: readonly AttrText[];
  readonly types: readonly TensorType[] | undefined;
  readonly typesSpan: Span;
  readonly scope: string;
  readonly span: Span;
  residual: ResidualTag | undefined;
}

interface ResidualRange {
  readonly part: ResidualTag['part'];
  readonly from: string;
  readonly to: string;
  readonly span: Span;
}

export type Statement =
  | { readonly kind: 'metadata'; readonly key: string; readonly value: string }
  | {
      readonly kind: 'input';
      readonly result: string;
      readonly name: string;
      readonly type: TensorType;
      readonly range: ValueRange | undefined;
      /** Its value where the caller gives none. */
      readonly given: OperandText | undefined;
      readonly span: Span;
    }
  | { readonly kind: 'bind'; readonly name: string; readonly content: ContentTree; readonly span: Span }
  | { readonly kind: 'constant'; readonly result: string; readonly operand: OperandText; readonly span: Span }
  | NodeText
  | {
      readonly kind: 'output';
      readonly name: string;
      readonly range: ValueRange | undefined;
      readonly operand: OperandText;
      readonly span: Span;
    }
  | { readonly kind: 'region'; readonly name: string; readonly span: Span }
  | { readonly kind: 'end'; readonly span: Span }
  | {
      readonly kind: 'residual';
      readonly scope: string;
      readonly number: number;
      readonly outer: { readonly number: number; readonly part: ResidualTag['part'] } | undefined;
      readonly ranges: readonly ResidualRange[];
      readonly span: Span;
    };

/** A text of a graph, line by line. */
export interface GraphText {
  readonly name: string;
  readonly statements: readonly Statement[];
  /** What is promised of a symbol, by its name. */
  readonly promises: ReadonlyMap<string, SizePromise>;
  /** Symbols that the text uses and that only the run knows. */
  readonly runSymbols: ReadonlySet<string>;
  /** Names that wrong lines would have defined, so that they are not reported again where they are read. */
  readonly forgiven: { readonly values: ReadonlySet<string>; readonly expressions: ReadonlySet<string> };
  /** Whether a line was wrong. */
  readonly failed: boolean;
}

const roles: readonly string[] = ['parameter', 'buffer', 'constant'];
function isRole(word: string): word is ConstantRole {
  return roles.includes(word);
}
const parts: readonly string[] = ['body', 'shortcut', 'sum'];
function isPart(word: string): word is ResidualTag['part'] {
  return parts.includes(word);
}

class LineReader {
  readonly #file: SourceFile;
  readonly #sink: Sink;
  readonly #promises = new Map<string, SizePromise>();
  readonly #runSymbols = new Set<string>();
  readonly #forgiven = { values: new Set<string>(), expressions: new Set<string>() };
  #name = 'graph';
  #failed = false;

  constructor(file: SourceFile, sink: Sink) {
    this.#file = file;
    this.#sink = sink;
  }

  #span(start: number, end: number): Span {
    return { file: this.#file, start, end: Math.max(start, end) };
  }

  read(): GraphText {
    const { text } = this.#file;
    const statements: Statement[] = [];
    let start = 0;
    while (start < text.length) {
      const stop = text.indexOf('\n', start);
      let end = stop < 0 ? text.length : stop;
      const next = end + 1;
      if (text[end - 1] === '\r' && end > start) end--;
      const scanner = new Scanner(text, start, end);
      try {
        if (!scanner.done) {
          const statement = this.#statement(scanner);
          if (!scanner.done) scanner.fail('the end of the line');
          if (statement) statements.push(statement);
        }
      } catch (error) {
        if (!(error instanceof TextError)) throw error;
        const found = text.slice(error.at, Math.min(end, error.at + 30));
        this.#failed = true;
        this.#sink.report(graphSyntax, {
          span: this.#span(error.at, Math.min(end, error.at + 1)),
          with: {
            found: found === '' ? 'the end of the line' : `\`${found}\``,
            expected: error.expected,
            example: '`%0 = relu(%x) : f32[N, 3]  @scope`',
          },
        });
        this.#forgive(text.slice(start, end));
      }
      start = next;
    }
    return {
      name: this.#name,
      statements,
      promises: this.#promises,
      runSymbols: this.#runSymbols,
      forgiven: this.#forgiven,
      failed: this.#failed,
    };
  }

  /** The names that a wrong line would have defined. */
  #forgive(line: string): void {
    // Names that begin the line, whether `=` follows or was forgotten.
    const head = /^\s*[%#][\w.]+(?:\s*,\s*%[\w.]+)*/.exec(line)?.[0] ?? '';
    for (const match of head.matchAll(/%(\w+(?:\.\w+)*)/g)) this.#forgiven.values.add(match[1] ?? '');
    for (const match of head.matchAll(/#(\d+)/g)) this.#forgiven.expressions.add(match[1] ?? '');
  }

  #statement(s: Scanner): Statement | undefined {
    s.blanks();
    const start = s.at;
    const span = (): Span => this.#span(start, s.at);
    if (s.sees('%')) return this.#definition(s, start);
    if (s.take('#')) {
      const name = s.matchOr(/\d+/y, 'the number of an expression');
      s.need('=');
      const content = readContent(s);
      return { kind: 'bind', name, content, span: span() };
    }
    if (s.keyword('graph')) {
      s.need('@');
      this.#name = s.path('the name of the graph');
      return undefined;
    }
    if (s.keyword('metadata')) {
      const key = s.string();
      s.need('=');
      return { kind: 'metadata', key, value: s.string() };
    }
    if (s.keyword('assume')) {
      const name = s.sees('"') ? s.string() : s.matchOr(/\??[A-Za-z_][\w.]*/y, 'a symbol');
      const at = s.at;
      const known = this.#promises.get(name) ?? { least: leastUntold(name) };
      const promise = promiseOf({ ...known, ...this.#promise(s) });
      if (!promise) throw new TextError(at, 'a condition that some size of at least 1 keeps');
      this.#promises.set(name, promise);
      return undefined;
    }
    if (s.keyword('output')) {
      const name = s.path('the name of the output');
      const range = this.#range(s);
      s.need('=');
      const operand = this.#operand(s);
      return { kind: 'output', name, range, operand, span: span() };
    }
    if (s.keyword('region')) {
      s.need('@');
      const name = s.path('the name of the sub-graph');
      return { kind: 'region', name, span: span() };
    }
    if (s.keyword('end')) return { kind: 'end', span: span() };
    if (s.keyword('residual')) return this.#residual(s, start);
    return s.fail('`%`, `#`, `graph`, `metadata`, `assume`, `output`, `region`, `end` or `residual`');
  }

  #definition(s: Scanner, start: number): Statement {
    const results: { name: string; span: Span }[] = [];
    do {
      s.blanks();
      const at = s.at;
      s.need('%');
      results.push({ name: s.path('the name of a value'), span: this.#span(at, s.at) });
    } while (s.take(','));
    s.need('=');
    const result = results[0]?.name ?? '';
    const only = results.length === 1;
    const before = s.at;
    if (only && s.keyword('input')) {
      if (!s.sees('(')) {
        const name = s.sees('"') ? s.string() : result;
        s.need(':');
        const type = this.#type(s);
        const range = this.#range(s);
        const given = s.take('=') ? this.#operand(s) : undefined;
        return { kind: 'input', result, name, type, range, given, span: this.#span(start, s.at) };
      }
      s.at = before;
    }
    if (only && (s.sees('#') || s.sees('const '))) {
      const operand = this.#operand(s);
      return { kind: 'constant', result, operand, span: this.#span(start, s.at) };
    }
    s.blanks();
    const opStart = s.at;
    // An imported operator: `onnx.Name`, `onnx.com.domain.Name`.
    const op = s.match(/onnx(\.\w+)+/y) ?? s.word();
    const opSpan = this.#span(opStart, s.at);
    s.need('(');
    const operands: OperandText[] = [];
    if (!s.take(')')) {
      do operands.push(this.#operand(s));
      while (s.take(','));
      s.need(')');
    }
    const attrs = this.#attrs(s);
    s.blanks();
    const typesStart = s.at;
    let types: TensorType[] | undefined;
    if (s.take(':')) {
      types = [];
      do types.push(this.#type(s));
      while (s.take(','));
    }
    const typesSpan = this.#span(typesStart, s.at);
    const scope = s.take('@') ? s.path('a scope') : '';
    const span = this.#span(start, s.at);
    return { kind: 'node', results, op, opSpan, operands, attrs, types, typesSpan, scope, span, residual: undefined };
  }

  #type(s: Scanner): TensorType {
    s.blanks();
    const start = s.at;
    const elem = s.matchOr(/\w+/y, 'an element type');
    if (elem === 'foreign' && s.take('(')) {
      const text = s.string();
      s.need(')');
      return foreignTypeOf({ text });
    }
    if (!isElemType(elem)) throw new TextError(start, 'an element type such as f32');
    s.need('[');
    if (s.take(']')) return { elem, dims: [] };
    const dims: Dim[] = [];
    do dims.push(this.#dim(s));
    while (s.take(','));
    s.need(']');
    return { elem, dims };
  }

  /** `in 0..1 mean=[0.5] std=[0.25]` */
  #range(s: Scanner): ValueRange | undefined {
    if (!s.keyword('in')) return undefined;
    const low = s.number();
    s.need('..');
    const high = s.number();
    const option = (name: string): readonly number[] | undefined => {
      if (!s.keyword(name)) return undefined;
      s.need('=');
      return s.list(() => s.number());
    };
    const mean = option('mean');
    const std = option('std');
    return { low, high, ...(mean && { mean }), ...(std && { std }) };
  }

  /** What stands behind the symbol of an `assume`. */
  #promise(s: Scanner): Partial<SizePromise> {
    if (s.take('>=')) return { least: s.integer() };
    if (s.take('<=')) {
      s.blanks();
      const at = s.at;
      const bound = parseDim(rawItem(s), this.#promises);
      if (!bound) throw new TextError(at, 'a number, or a dimension');
      return bound.constant === undefined ? { within: bound } : { most: bound.constant };
    }
    s.need('%');
    const at = s.at;
    const multiple = s.integer();
    if (multiple < 1) throw new TextError(at, 'a positive number');
    s.need('==');
    s.need('0');
    return { multiple };
  }

  #dim(s: Scanner): Dim {
    s.blanks();
    const start = s.at;
    const dim = parseDim(rawItem(s), this.#promises);
    if (!dim) throw new TextError(start, 'a dimension such as floordiv(H + 1, 2)');
    for (const name of dim.symbols()) if (isOfRun(name)) this.#runSymbols.add(name);
    return dim;
  }

  #attrs(s: Scanner): readonly AttrText[] {
    const out: AttrText[] = [];
    if (!s.take('{') || s.take('}')) return out;
    do {
      s.blanks();
      const start = s.at;
      const name = s.word();
      s.need('=');
      const value = s.sees('[') ? s.list(() => this.#attrItem(s)) : this.#attrItem(s);
      out.push({ name, value, span: this.#span(start, s.at) });
    } while (s.take(','));
    s.need('}');
    return out;
  }

  #attrItem(s: Scanner): AttrItem {
    if (s.sees('"')) {
      const start = s.at;
      const text = s.string();
      // A quoted symbol may begin a dimension: "batch size" + 1.
      if (s.sees(',') || s.sees('}') || s.sees(']')) return { kind: 'string', text };
      s.at = start;
    }
    s.blanks();
    const start = s.at;
    const text = rawItem(s);
    if (text === '') throw new TextError(start, 'a value');
    const number = new Scanner(text);
    try {
      const value = number.number();
      if (number.done) return { kind: 'number', value };
    } catch (error) {
      if (!(error instanceof TextError)) throw error;
    }
    return { kind: 'text', text };
  }

  #operand(s: Scanner): OperandText {
    s.blanks();
    const start = s.at;
    const span = (): Span => this.#span(start, s.at);
    if (s.take('%')) {
      const name = s.path('the name of a value');
      return { kind: 'value', name, span: span() };
    }
    if (s.keyword('_')) return { kind: 'none' };
    if (s.keyword('const')) {
      const content = constantTree(s);
      const role = suffixes(s).role ?? 'constant';
      return { kind: 'constant', content, role, span: span() };
    }
    if (!s.take('#')) s.fail('an operand: `%` a value, `#` a weight, `const` numbers, or `_`');
    const local = s.take('.');
    const after = s.at;
    if (!local) {
      const name = s.match(/\d+(?![\w.[(])/y);
      if (name !== undefined) {
        const role = suffixes(s).role ?? 'constant';
        return { kind: 'constant', content: { kind: 'ref', name }, role, span: span() };
      }
    }
    const path = s.path('the path of a parameter, or an expression');
    if (!s.sees('[')) {
      if (local) s.fail('`[`');
      s.at = after;
      const tree = readContent(s);
      const role = suffixes(s).role ?? 'constant';
      // A parameter's content in the hands of a value without a name.
      const only = tree.kind === 'call' && tree.name === 'leaf' && tree.args.length === 1 ? tree.args[0] : undefined;
      return { kind: 'constant', content: only ?? tree, role, span: span() };
    }
    const dims = s.dims();
    const { elem, role } = suffixes(s);
    const content = s.take('=') ? readContent(s) : undefined;
    return { kind: 'parameter', local, path, dims, elem: elem ?? 'f32', role: role ?? 'parameter', content, span: span() };
  }

  #residual(s: Scanner, start: number): Statement {
    const scope = s.take('@') ? s.path('a scope') : '';
    const part = (): ResidualTag['part'] => {
      s.blanks();
      const at = s.at;
      const word = s.word();
      return isPart(word) ? word : failAt(at, '`body`, `shortcut` or `sum`');
    };
    s.need('#');
    const number = s.integer();
    let outer: { number: number; part: ResidualTag['part'] } | undefined;
    if (s.keyword('in')) {
      s.need('#');
      outer = { number: s.integer(), part: part() };
    }
    const ranges: ResidualRange[] = [];
    while (!s.done) {
      const name = part();
      s.need('=');
      do {
        s.blanks();
        const at = s.at;
        s.need('%');
        const from = s.path('the name of a value');
        let to = from;
        if (s.take('..')) {
          s.need('%');
          to = s.path('the name of a value');
        }
        ranges.push({ part: name, from, to, span: this.#span(at, s.at) });
      } while (s.take(','));
    }
    return { kind: 'residual', scope, number, outer, ranges, span: this.#span(start, s.at) };
  }
}

function failAt(at: number, expected: string): never {
  throw new TextError(at, expected);
}

/** The text up to the comma or bracket that ends an item of a list, whatever brackets and strings are inside. */
function rawItem(s: Scanner): string {
  s.blanks();
  const start = s.at;
  let depth = 0;
  for (; s.at < s.end; s.at++) {
    const c = s.text[s.at] ?? '';
    if (c === '"') {
      for (s.at++; s.at < s.end && s.text[s.at] !== '"'; s.at++) if (s.text[s.at] === '\\') s.at++;
      continue;
    }
    if (c === '(' || c === '[') depth++;
    else if (depth > 0 && (c === ')' || c === ']')) depth--;
    else if (depth === 0 && (c === ',' || c === ']' || c === '}' || c === ')')) break;
  }
  return s.text.slice(start, s.at).trim();
}

/** `const f32[2] [1, 2]`, or one number for all elements. */
function constantTree(s: Scanner): ContentTree {
  s.blanks();
  const start = s.at;
  const elem = s.matchOr(/\w+/y, 'an element type');
  if (!isElemType(elem)) throw new TextError(start, 'an element type such as f32');
  const dims = s.dims();
  const head: ContentTree[] = [
    { kind: 'word', word: elem },
    { kind: 'list', items: dims },
  ];
  s.blanks();
  const at = s.at;
  if (!s.sees('[')) return { kind: 'call', name: 'full', args: [...head, { kind: 'number', value: s.number() }], text: '' };
  const items = s.list(() => s.number());
  if (items.length !== elementCount(dims)) throw new TextError(at, `${elementCount(dims)} numbers`);
  return { kind: 'call', name: 'literal', args: [...head, { kind: 'list', items }], text: '' };
}

/** `:f16` and `:buffer` behind a weight. */
function suffixes(s: Scanner): { readonly elem?: ElemType; readonly role?: ConstantRole } {
  let out: { readonly elem?: ElemType; readonly role?: ConstantRole } = {};
  // A blank before the colon begins the types of the line.
  while (s.at < s.end && s.text[s.at] === ':') {
    const start = s.at;
    s.at++;
    const word = s.word();
    if (isElemType(word)) out = { ...out, elem: word };
    else if (isRole(word)) out = { ...out, role: word };
    else throw new TextError(start, '`:` and an element type or a role');
  }
  return out;
}

/** Reads every line of a graph's text; what is wrong with one goes to the sink. */
export function readStatements(file: SourceFile, sink: Sink): GraphText {
  return new LineReader(file, sink).read();
}
