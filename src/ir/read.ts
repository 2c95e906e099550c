/**
 * Reads the text form of graphs, which `print.ts` describes: `statements.ts` reads the lines, and here they become a graph.
 * Operators and weights come from the caller, because this directory knows neither. What is wrong with a line is reported with
 * its span, and the next one goes on.
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
import { attributeValue, attrWords } from './attribute-text.ts';
import { type AttrValue, CheckFailure, completeAttrs } from './attributes.ts';
import type { Content } from './content.ts';
import { type ContentTree, leafText } from './content-text.ts';
import { Dim, DimOverflow } from './dim.ts';
import { Graph, inferTypes, type Origin, type ResidualRegion, type ResidualTag, type Value } from './graph.ts';
import { matchTypes } from './match-types.ts';
import type { Operator } from './operator.ts';
import { rangeProblem, type ValueRange } from './ranges.ts';
import { type GraphText, type NodeText, type OperandText, readStatements, type Statement } from './statements.ts';
import { type ElemType, type TensorType, typeText } from './types.ts';

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

/** Sub-graphs nest less deeply than this in any model; what walks over them may rely on it. */
const maxRegionDepth = 64;

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

/** Statements to a graph. */
class Builder<C extends Content> {
  readonly #text: GraphText;
  readonly #lookup: GraphLookup<C>;
  readonly #sink: Sink;
  #failed: boolean;
  /** Undefined for a name whose line was wrong, so that it is not reported again where it is read. */
  readonly #values = new Map<string, Value | undefined>();
  readonly #bound = new Map<string, C | undefined>();
  readonly #parameters = new Map<string, Value>();

  constructor(text: GraphText, lookup: GraphLookup<C>, sink: Sink) {
    this.#text = text;
    this.#lookup = lookup;
    this.#sink = sink;
    this.#failed = text.failed;
    for (const name of text.forgiven.values) this.#values.set(name, undefined);
    for (const name of text.forgiven.expressions) this.#bound.set(name, undefined);
  }

  build(): Graph | undefined {
    const { name, statements, runSymbols } = this.#text;
    const graph = new Graph(name);
    for (const symbol of runSymbols) graph.claimDim(symbol);
    this.#tagResiduals(statements, graph);
    this.#build(statements, graph);
    return this.#failed ? undefined : graph;
  }

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
      const fresh = (name: string, most?: Dim, least?: number): Dim =>
        text.types ? this.#unknown(name, made, most, least) : graph.freshDim(name, most, least);
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

  /** A symbol for a size that only the run knows, until the line's types say its name. */
  #unknown(name: string, made: Set<string>, most: Dim | undefined, least?: number): Dim {
    let n = 0;
    while (this.#text.runSymbols.has(`?${name}_${n}`) || made.has(`?${name}_${n}`)) n++;
    made.add(`?${name}_${n}`);
    return Dim.bounded(`?${name}_${n}`, most, least);
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
      const value = spec && attributeValue(spec, attr, this.#text.promises);
      if (value === undefined || Object.hasOwn(out, attr.name)) {
        const names = Object.keys(op.attrs);
        this.#sink.report(graphAttribute, {
          span: attr.span,
          with: {
            name: op.name,
            found: `\`${attr.span.file.text.slice(attr.span.start, attr.span.end)}\``,
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
    const first = known?.content;
    if (known && first) {
      const firstText = `${leafText(path, first.dims, first.elem)}:${known.role}`;
      if (firstText !== text) this.#weight(span, text, `${firstText}, as further above`, 'give one of them another path');
      if (operand.content && this.#content(operand.content, span) !== first) {
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

function isVisible(value: Value, from: Graph): boolean {
  if (value.isConstant) return true;
  for (let graph: Graph | undefined = from; graph; graph = graph.outer) if (graph === value.graph) return true;
  return false;
}

/**
 * Reads a graph. What is wrong is reported into the sink, and the result is undefined then. Weights are what `lookup` makes of
 * their text; node spans point into `file`.
 */
export function readGraph<C extends Content>(file: SourceFile, lookup: GraphLookup<C>, sink: Sink): Graph | undefined {
  return new Builder(readStatements(file, sink), lookup, sink).build();
}
