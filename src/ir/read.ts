/**
 * Reads the text form of graphs, which `print.ts` describes. Operators and weights come from the caller, because this room knows
 * neither. What is wrong with a line is reported with its span, and reading goes on with the next.
 */
import {
  graphAttribute,
  graphForeign,
  graphOperands,
  graphOperator,
  graphRedefined,
  graphResidual,
  graphResults,
  graphSyntax,
  graphType,
  graphUndefined,
  graphWeight,
} from '../diagnostics/catalogue/ir.ts';
import { BugError, type Sink, unreachable } from '../diagnostics/diagnostic.ts';
import type { SourceFile, Span } from '../diagnostics/source.ts';
import type { Content } from './content.ts';
import { type ContentTree, leafText, Scanner, TextError } from './content-text.ts';
import { Dim, DimOverflow, parseDim } from './dim.ts';
import {
  type ConstantRole,
  completeAttrs,
  Graph,
  inferTypes,
  type Origin,
  type ResidualRegion,
  type ResidualTag,
  type Value,
} from './graph.ts';
import { matchTypes } from './match-types.ts';
import { type AttrSpec, type AttrValue, CheckFailure, type Operator } from './operator.ts';
import { rangeProblem, type ValueRange } from './ranges.ts';
import { type ElemType, elementCount, foreignTypeOf, isElemType, type TensorType, typeText } from './types.ts';

/** An argument of a weight expression, made from the inside out. `src/tensor/text.ts` takes them as they are. */
export type ContentArg<C extends Content> =
  | { readonly kind: 'expr'; readonly expr: C }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'list'; readonly items: readonly number[] }
  | { readonly kind: 'word'; readonly word: string }
  | { readonly kind: 'hash'; readonly hash: string };

/** Where operators and weights come from: `{ operator: operatorByName, leaf, call: buildExpr }`. */
export interface GraphLookup<C extends Content> {
  operator(name: string): Operator | undefined;
  /** The parameter with this path, whatever its content is. */
  leaf(path: string, dims: readonly number[], elem: ElemType): C;
  /** The expression, or undefined when there is none of that name, or when it does not take these arguments. */
  call(name: string, args: readonly ContentArg<C>[]): C | undefined;
}

type OperandText =
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

interface AttrText {
  readonly name: string;
  readonly span: Span;
  readonly value: AttrItem | readonly AttrItem[];
}
/** `text` is a bare word or a dimension; `string` stood in quotes. */
type AttrItem = { readonly kind: 'number'; readonly value: number } | { readonly kind: 'text' | 'string'; readonly text: string };

interface NodeText {
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

type Statement =
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

const roles: readonly string[] = ['parameter', 'buffer', 'constant'];
function isRole(word: string): word is ConstantRole {
  return roles.includes(word);
}
const parts: readonly string[] = ['body', 'shortcut', 'sum'];
function isPart(word: string): word is ResidualTag['part'] {
  return parts.includes(word);
}

/** Sub-graphs nest less deeply than this in any model; what walks over them may rely on it. */
const maxRegionDepth = 64;

/** What an attribute of each kind is, and one as it is written. */
const attrWords: Readonly<Record<AttrSpec['kind'], readonly [what: string, example: string]>> = {
  int: ['a whole number', '1'],
  float: ['a number', '0.5'],
  bool: ['`true` or `false`', 'true'],
  string: ['a text in quotes', '"nearest"'],
  elem: ['an element type', 'f32'],
  dims: ['a list of sizes', '[N, 64]'],
  ints: ['a list of whole numbers', '[0, 1]'],
  floats: ['a list of numbers', '[0.5, 1]'],
  axes: ['a whole number, or a list of one for every axis', '1'],
  pads: ['a whole number, or a list: those before every axis, then those behind', '1'],
};

/** A line was wrong and has been reported. */
class Abandoned extends Error {}

interface OpenGraph {
  readonly graph: Graph;
  /** The node whose sub-graph this is, with its sub-graphs so far. */
  readonly pending:
    | { readonly text: NodeText; readonly operands: readonly (Value | undefined)[] | undefined; readonly regions: Graph[] }
    | undefined;
  readonly inputs: Set<string>;
  readonly outputs: Set<string>;
}

class Reader<C extends Content> {
  readonly #file: SourceFile;
  readonly #lookup: GraphLookup<C>;
  readonly #sink: Sink;
  readonly #promises = new Map<string, number>();
  /** Dimension symbols that the text uses and that only the run knows. */
  readonly #runSymbols = new Set<string>();
  #name = 'graph';
  #failed = false;
  /** Undefined for a name whose line was wrong, so that it is not reported again where it is read. */
  readonly #values = new Map<string, Value | undefined>();
  readonly #bound = new Map<string, C | undefined>();
  readonly #parameters = new Map<string, Value>();

  constructor(file: SourceFile, lookup: GraphLookup<C>, sink: Sink) {
    this.#file = file;
    this.#lookup = lookup;
    this.#sink = sink;
  }

  read(): Graph | undefined {
    const statements = this.#parse();
    const graph = new Graph(this.#name);
    for (const name of this.#runSymbols) graph.claimDim(name);
    this.#tagResiduals(statements, graph);
    this.#build(statements, graph);
    return this.#failed ? undefined : graph;
  }

  #span(start: number, end: number): Span {
    return { file: this.#file, start, end: Math.max(start, end) };
  }

  // Lines to statements.

  #parse(): readonly Statement[] {
    const { text } = this.#file;
    const out: Statement[] = [];
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
          if (statement) out.push(statement);
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
    return out;
  }

  /** The names that a wrong line would have defined. */
  #forgive(line: string): void {
    // Names that begin the line, whether `=` follows or was forgotten.
    const head = /^\s*[%#][\w.]+(?:\s*,\s*%[\w.]+)*/.exec(line)?.[0] ?? '';
    for (const match of head.matchAll(/%(\w+(?:\.\w+)*)/g)) this.#values.set(match[1] ?? '', undefined);
    for (const match of head.matchAll(/#(\d+)/g)) this.#bound.set(match[1] ?? '', undefined);
  }

  #statement(s: Scanner): Statement | undefined {
    s.blanks();
    const start = s.at;
    const span = (): Span => this.#span(start, s.at);
    if (s.sees('%')) return this.#definition(s, start);
    if (s.take('#')) {
      const name = s.matchOr(/\d+/y, 'the number of an expression');
      s.need('=');
      const content = s.content();
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
      s.need('%');
      const at = s.at;
      const multiple = s.integer();
      if (multiple < 1) throw new TextError(at, 'a positive number');
      s.need('==');
      s.need('0');
      this.#promises.set(name, multiple);
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

  #dim(s: Scanner): Dim {
    s.blanks();
    const start = s.at;
    const dim = parseDim(rawItem(s), this.#promises);
    if (!dim) throw new TextError(start, 'a dimension such as floordiv(H + 1, 2)');
    for (const name of dim.symbols()) if (name.startsWith('?')) this.#runSymbols.add(name);
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
      const tree = s.content();
      const role = suffixes(s).role ?? 'constant';
      // A parameter's content in the hands of a value without a name.
      const only = tree.kind === 'call' && tree.name === 'leaf' && tree.args.length === 1 ? tree.args[0] : undefined;
      return { kind: 'constant', content: only ?? tree, role, span: span() };
    }
    const dims = s.dims();
    const { elem, role } = suffixes(s);
    const content = s.take('=') ? s.content() : undefined;
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

  // Statements to a graph.

  #tagResiduals(statements: readonly Statement[], graph: Graph): void {
    const nodes: NodeText[] = [];
    const indexOf = new Map<string, number>();
    for (const one of statements) {
      if (one.kind !== 'node') continue;
      for (const { name } of one.results) indexOf.set(name, nodes.length);
      nodes.push(one);
    }
    const regions = new Map<number, ResidualRegion>();
    const wrong = (span: Span, found: string, expected: string): void => {
      this.#failed = true;
      this.#sink.report(graphResidual, { span, with: { found, expected } });
    };
    for (const one of statements) {
      if (one.kind !== 'residual') continue;
      let outer: ResidualTag | undefined;
      if (one.outer) {
        const region = regions.get(one.outer.number);
        if (!region) {
          wrong(one.span, `\`in #${one.outer.number}\`, which is not there`, 'a residual on a line above');
          continue;
        }
        outer = { region, part: one.outer.part };
      }
      if (regions.has(one.number)) {
        wrong(one.span, `a second residual #${one.number}`, 'a number for each');
        continue;
      }
      const region = graph.newRegion(one.scope, outer);
      regions.set(one.number, region);
      // One object per part, as elaboration makes them.
      const tags = new Map<string, ResidualTag>();
      for (const { part, from, to, span } of one.ranges) {
        const first = indexOf.get(from);
        const last = indexOf.get(to);
        if (first === undefined || last === undefined || last < first) {
          if (!this.#values.has(from) && !this.#values.has(to))
            wrong(span, `%${from}..%${to}`, 'results of nodes, the earlier one first');
          continue;
        }
        const tag = tags.get(part) ?? { region, part };
        tags.set(part, tag);
        for (let i = first; i <= last; i++) {
          const node = nodes[i];
          if (!node) continue;
          if (node.residual) {
            wrong(
              span,
              `%${node.results[0]?.name ?? ''}, which is of two residuals or parts`,
              'every node in one part of one residual',
            );
            break;
          }
          node.residual = tag;
        }
      }
    }
  }

  #build(statements: readonly Statement[], root: Graph): void {
    const open: OpenGraph[] = [{ graph: root, pending: undefined, inputs: new Set(), outputs: new Set() }];
    statements.forEach((one, i) => {
      const top = open[open.length - 1];
      if (!top) return;
      try {
        this.#perform(one, statements[i + 1], top, open);
      } catch (error) {
        if (!(error instanceof Abandoned)) throw error;
        this.#failed = true;
        if (one.kind === 'node') this.#giveUp(one);
        else if (one.kind === 'bind') this.#bound.set(one.name, undefined);
        else if (one.kind === 'constant') this.#values.set(one.result, undefined);
      }
    });
    const unclosed = open.findLast((frame) => frame.pending)?.pending;
    if (unclosed) this.#syntax(unclosed.text.span, 'a sub-graph without end', '`end` behind its last line');
  }

  #syntax(span: Span, found: string, expected: string): void {
    this.#failed = true;
    this.#sink.report(graphSyntax, {
      span,
      with: { found, expected, example: '`region @body`, the lines of the sub-graph, `end`' },
    });
  }

  #perform(one: Statement, next: Statement | undefined, top: OpenGraph, open: OpenGraph[]): void {
    const { graph } = top;
    switch (one.kind) {
      case 'metadata':
        graph.metadata[one.key] = one.value;
        return;
      case 'bind': {
        if (this.#bound.get(one.name)) this.#redefined(`#${one.name}`, one.span);
        this.#bound.set(one.name, this.#content(one.content, one.span));
        return;
      }
      case 'input': {
        if (top.inputs.has(one.name)) this.#redefined(one.name, one.span);
        top.inputs.add(one.name);
        this.#checkNew(one.result, one.span);
        const input = graph.input(one.name, one.type);
        this.#values.set(one.result, input);
        if (one.range) {
          this.#checkRange(one.type, one.range, one.span);
          graph.inputRanges.set(one.name, one.range);
        }
        if (one.given) this.#default(input, one.given, one.span);
        return;
      }
      case 'constant': {
        this.#checkNew(one.result, one.span);
        this.#values.set(one.result, this.#value(one.operand, graph, ''));
        return;
      }
      case 'output': {
        if (top.outputs.has(one.name)) this.#redefined(one.name, one.span);
        top.outputs.add(one.name);
        const value = this.#value(one.operand, graph, '');
        if (!value) {
          this.#syntax(one.span, 'an output that is left out', 'a value');
          return;
        }
        graph.output(one.name, value);
        if (one.range) {
          this.#checkRange(value.type, one.range, one.span);
          graph.outputRanges.set(one.name, one.range);
        }
        return;
      }
      case 'node': {
        for (const { name, span } of one.results) this.#checkNew(name, span);
        const read = (): readonly (Value | undefined)[] => one.operands.map((operand) => this.#value(operand, graph, one.scope));
        if (next?.kind !== 'region') {
          this.#node(one, graph, read(), []);
          return;
        }
        let operands: readonly (Value | undefined)[] | undefined;
        try {
          operands = read();
        } catch (error) {
          // Its sub-graphs are read all the same.
          if (!(error instanceof Abandoned)) throw error;
          this.#failed = true;
          this.#giveUp(one);
        }
        open.push({ graph, pending: { text: one, operands, regions: [] }, inputs: top.inputs, outputs: top.outputs });
        return;
      }
      case 'region': {
        const { pending } = top;
        if (!pending) {
          this.#syntax(one.span, 'a sub-graph that belongs to no node', '`region` behind the line of its node');
          // Its lines are read all the same, so that their `end` finds its match.
          const stray = new Graph(one.name, graph);
          open.push({ graph: stray, pending: undefined, inputs: new Set(), outputs: new Set() });
          return;
        }
        if (open.length > 2 * maxRegionDepth) {
          this.#syntax(one.span, `sub-graphs nested more than ${maxRegionDepth} deep`, 'fewer');
          throw new Abandoned();
        }
        const inner = new Graph(one.name, graph);
        pending.regions.push(inner);
        open.push({ graph: inner, pending: undefined, inputs: new Set(), outputs: new Set() });
        return;
      }
      case 'end': {
        if (open.length < 2 || top.pending) {
          this.#syntax(one.span, '`end`', 'a `region` above that is still open');
          return;
        }
        open.pop();
        const owner = open[open.length - 1];
        if (owner?.pending && next?.kind !== 'region') {
          open.pop();
          const { text, operands, regions } = owner.pending;
          if (!operands) return;
          try {
            this.#node(text, owner.graph, operands, regions);
          } catch (error) {
            this.#giveUp(text);
            throw error;
          }
        }
        return;
      }
      case 'residual':
        return;
      default:
        return unreachable(one);
    }
  }

  #default(input: Value, given: OperandText, span: Span): void {
    if (given.kind !== 'constant') this.#weight(span, 'no constant', 'the numbers of the input', 'write `= const f32[2] [1, 2]`');
    const content = this.#content(given.content, span);
    const found = typeText({ elem: content.elem, dims: content.dims.map((n) => Dim.of(n)) });
    if (found !== typeText(input.type)) this.#weight(span, found, typeText(input.type), 'correct the shape or the element type');
    input.graph.defaults.set(input, content);
  }

  #checkRange(type: TensorType, range: ValueRange, span: Span): void {
    const problem = rangeProblem(type, range);
    if (!problem) return;
    this.#failed = true;
    this.#sink.report(graphSyntax, {
      span,
      with: { found: problem.found, expected: problem.expected, example: '`%x = input : f32[N, 3, H, W] in 0..1`' },
    });
  }

  #redefined(name: string, span: Span): void {
    this.#failed = true;
    this.#sink.report(graphRedefined, { span, with: { name } });
  }

  #checkNew(name: string, span: Span): void {
    if (this.#values.get(name)) this.#redefined(`%${name}`, span);
  }

  /** The line was wrong: its results are known, so that nobody complains again, and have no values. */
  #giveUp(text: NodeText): void {
    for (const { name } of text.results) this.#values.set(name, undefined);
  }

  #node(text: NodeText, graph: Graph, operands: readonly (Value | undefined)[], regions: readonly Graph[]): void {
    const op = this.#lookup.operator(text.op);
    if (!op) {
      if (text.op.startsWith('onnx.')) this.#sink.report(graphForeign, { span: text.opSpan, with: { name: text.op } });
      else this.#sink.report(graphOperator, { span: text.opSpan, with: { name: text.op } });
      throw new Abandoned();
    }
    const attrs = this.#attributes(op, text);
    const origin: Origin = { scope: text.scope, span: text.span, ...(text.residual && { residual: text.residual }) };
    this.#checkOperandCount(op, text);
    const made = new Set<string>();
    const inferred = this.#trying(text, () => {
      const complete = completeAttrs(op, attrs, operands[0]?.type);
      const fresh = (name: string): Dim => (text.types ? this.#unknown(name, made) : graph.freshDim(name));
      return { attrs: complete, types: inferTypes(op, operands, complete, regions, fresh) };
    });
    if (inferred.types.length !== text.results.length) {
      const count = (n: number): string => `${n} result${n === 1 ? '' : 's'}`;
      this.#sink.report(graphResults, {
        span: text.span,
        with: { name: text.op, found: count(text.results.length), expected: count(inferred.types.length) },
      });
      throw new Abandoned();
    }
    if (text.types && !matchTypes(inferred.types, text.types, (name) => made.has(name))) {
      this.#failed = true;
      this.#sink.report(graphType, {
        span: text.typesSpan,
        with: { name: text.op, found: text.types.map(typeText).join(', '), expected: inferred.types.map(typeText).join(', ') },
      });
    }
    const types = text.types?.length === inferred.types.length ? text.types : inferred.types;
    const node = graph.createTyped(op, operands, inferred.attrs, types, origin, undefined, regions);
    node.results.forEach((value, i) => {
      this.#values.set(text.results[i]?.name ?? '', value);
    });
  }

  /** Stands for a size that only the run knows until the line's types say its name. */
  #unknown(name: string, made: Set<string>): Dim {
    let n = 0;
    while (this.#runSymbols.has(`?${name}_${n}`) || made.has(`?${name}_${n}`)) n++;
    made.add(`?${name}_${n}`);
    return Dim.symbol(`?${name}_${n}`);
  }

  #trying<T>(text: NodeText, make: () => T): T {
    try {
      return make();
    } catch (error) {
      if (error instanceof CheckFailure) {
        const kind = error.label === 'attrs' ? graphAttribute : graphOperands;
        this.#sink.report(kind, {
          span: text.span,
          with: {
            name: text.op,
            found: error.found,
            expected: error.expected,
            hint: error.hint ?? 'compare with the same operator in what `--emit ir` prints',
          },
        });
        throw new Abandoned();
      }
      if (error instanceof DimOverflow) {
        const hint = 'check the sizes of the operands';
        this.#sink.report(graphOperands, {
          span: text.span,
          with: { name: text.op, found: error.message, expected: 'sizes within 2^53', hint },
        });
        throw new Abandoned();
      }
      throw error;
    }
  }

  #checkOperandCount(op: Operator, text: NodeText): void {
    const variadic = op.operands.some((spec) => spec.variadic);
    const missing = op.operands.find((spec, i) => {
      const given = text.operands[i];
      return !spec.optional && (given === undefined || given.kind === 'none');
    });
    if (missing || (!variadic && text.operands.length > op.operands.length)) {
      const names = op.operands.map((spec) => `${spec.name}${spec.optional ? '?' : ''}${spec.variadic ? '...' : ''}`).join(', ');
      const found = missing ? `no operand ${missing.name}` : `${text.operands.length} operands`;
      const hint = 'write `_` for an optional operand that is left out';
      this.#sink.report(graphOperands, {
        span: text.span,
        with: { name: op.name, found, expected: `${op.name}(${names})`, hint },
      });
      throw new Abandoned();
    }
  }

  #attributes(op: Operator, text: NodeText): Readonly<Record<string, AttrValue>> {
    const out: Record<string, AttrValue> = {};
    for (const attr of text.attrs) {
      const spec = Object.hasOwn(op.attrs, attr.name) ? op.attrs[attr.name] : undefined;
      const value = spec && this.#attrValue(spec, attr);
      if (value === undefined || Object.hasOwn(out, attr.name)) {
        const names = Object.keys(op.attrs);
        this.#sink.report(graphAttribute, {
          span: attr.span,
          with: {
            name: op.name,
            found: `\`${this.#file.text.slice(attr.span.start, attr.span.end)}\``,
            expected: spec
              ? `one \`${attr.name}\`, ${attrWords[spec.kind][0]}: ${spec.doc}`
              : names.length > 0
                ? `one of ${names.join(', ')}`
                : 'no attributes',
            hint: spec ? `write \`${attr.name}=${attrWords[spec.kind][1]}\`` : 'take the attribute out',
          },
        });
        throw new Abandoned();
      }
      out[attr.name] = value;
    }
    return out;
  }

  #attrValue(spec: AttrSpec, { value }: AttrText): AttrValue | undefined {
    if ('kind' in value) {
      if (value.kind === 'number') return ['int', 'float', 'axes', 'pads'].includes(spec.kind) ? value.value : undefined;
      if (value.kind === 'string') return spec.kind === 'string' ? value.text : undefined;
      if (spec.kind === 'bool' && (value.text === 'true' || value.text === 'false')) return value.text === 'true';
      return spec.kind === 'elem' && isElemType(value.text) ? value.text : undefined;
    }
    if (spec.kind === 'dims') {
      const dims: Dim[] = [];
      for (const item of value) {
        const text = item.kind === 'number' ? String(item.value) : item.kind === 'string' ? JSON.stringify(item.text) : item.text;
        const dim = parseDim(text, this.#promises);
        if (!dim) return undefined;
        dims.push(dim);
      }
      return dims;
    }
    if (!['ints', 'floats', 'axes', 'pads'].includes(spec.kind)) return undefined;
    const numbers: number[] = [];
    for (const item of value) {
      if (item.kind !== 'number') return undefined;
      numbers.push(item.value);
    }
    return numbers;
  }

  /** The value of an operand; undefined for one that is left out. Throws `Abandoned`, silently where another line is to blame. */
  #value(operand: OperandText, graph: Graph, scope: string): Value | undefined {
    switch (operand.kind) {
      case 'none':
        return undefined;
      case 'value': {
        const value = this.#values.get(operand.name);
        if (value && isVisible(value, graph)) return value;
        if (value || !this.#values.has(operand.name)) {
          const found = value ? 'a value of another sub-graph' : 'no line above that defines it';
          this.#sink.report(graphUndefined, { span: operand.span, with: { name: `%${operand.name}`, found } });
        }
        throw new Abandoned();
      }
      case 'constant':
        return graph.root.constant(this.#content(operand.content, operand.span), operand.role);
      case 'parameter': {
        const path = operand.local ? `${scope}.${operand.path}` : operand.path;
        if (operand.local && scope === '') {
          this.#weight(
            operand.span,
            `#.${operand.path} in a node without scope`,
            'the whole path',
            `write \`#path.${operand.path}[…]\``,
          );
        }
        return this.#parameter(operand, path, graph);
      }
      default:
        return unreachable(operand);
    }
  }

  #parameter(operand: OperandText & { kind: 'parameter' }, path: string, graph: Graph): Value {
    const { dims, elem, role, span } = operand;
    const known = this.#parameters.get(path);
    const text = `${leafText(path, dims, elem)}:${role}`;
    if (known?.def.kind === 'constant') {
      const { content } = known.def;
      const first = `${leafText(path, content.dims, content.elem)}:${known.def.role}`;
      if (first !== text) this.#weight(span, text, `${first}, as further above`, 'give one of them another path');
      if (operand.content && this.#content(operand.content, span) !== content) {
        this.#weight(span, `a second content of ${path}`, 'one', 'leave the part from `=` on out here');
      }
      return known;
    }
    const content = operand.content ? this.#content(operand.content, span) : this.#lookup.leaf(path, dims, elem);
    const made = leafText(path, content.dims, content.elem);
    if (made !== leafText(path, dims, elem))
      this.#weight(span, made, leafText(path, dims, elem), 'correct the shape or the element type');
    const value = graph.root.constant(content, role, path);
    this.#parameters.set(path, value);
    return value;
  }

  #weight(span: Span, found: string, expected: string, hint: string): never {
    this.#sink.report(graphWeight, { span, with: { found, expected, hint } });
    throw new Abandoned();
  }

  /** Depth is bounded by the scanner. */
  #content(tree: ContentTree, span: Span): C {
    switch (tree.kind) {
      case 'leaf':
        return this.#lookup.leaf(tree.path, tree.dims, tree.elem);
      case 'ref': {
        const bound = this.#bound.get(tree.name);
        if (bound) return bound;
        if (!this.#bound.has(tree.name)) {
          this.#sink.report(graphUndefined, { span, with: { name: `#${tree.name}`, found: 'no line above that defines it' } });
        }
        throw new Abandoned();
      }
      case 'list':
        return this.#made(this.#lookup.call('numbers', [tree]), tree, span);
      case 'call': {
        const args = tree.args.map((arg): ContentArg<C> => {
          if (arg.kind === 'leaf' || arg.kind === 'call' || arg.kind === 'ref')
            return { kind: 'expr', expr: this.#content(arg, span) };
          return arg;
        });
        let made: C | undefined;
        let reason = '';
        try {
          made = this.#lookup.call(tree.name, args);
        } catch (error) {
          // Makers of expressions take a shape that does not fit for a mistake of the compiler; here it is one of the text.
          if (!(error instanceof BugError) && !(error instanceof CheckFailure)) throw error;
          reason = error.message.replace(/^bug in rescc: /, '');
        }
        return this.#made(made, tree, span, reason);
      }
      default:
        return this.#weight(span, 'no tensor', 'a parameter or an expression', 'write `#path[dims]`');
    }
  }

  #made(content: C | undefined, tree: ContentTree, span: Span, reason = ''): C {
    if (content) return content;
    const found = tree.kind === 'call' ? `\`${tree.text === '' ? tree.name : tree.text}\`` : 'a list of numbers';
    return this.#weight(
      span,
      reason === '' ? found : `${found}: ${reason}`,
      'an expression whose arguments fit',
      'compare with the weights that `--emit ir` prints',
    );
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

function isVisible(value: Value, from: Graph): boolean {
  if (value.def.kind === 'constant') return true;
  for (let graph: Graph | undefined = from; graph; graph = graph.outer) if (graph === value.graph) return true;
  return false;
}

/**
 * Reads a graph. What is wrong is reported into the sink, and the result is undefined then. Weights are what `lookup` makes of
 * their text; node spans point into `file`.
 */
export function readGraph<C extends Content>(file: SourceFile, lookup: GraphLookup<C>, sink: Sink): Graph | undefined {
  return new Reader(file, lookup, sink).read();
}
