/**
 * The text form of a graph. `readGraph` reads it back; printing what was read gives the same text.
 *
 *   graph @ResNet20
 *     assume H % 16 == 0
 *     %image = input : f32[N, 3, H, W]
 *     #0 = div(bn1.weight[16], sqrt(add(bn1.running_var[16], full(f32, [], 1e-5))))
 *     %0 = conv(%image, #.weight[16, 3, 3, 3]) {pads=1}  : f32[N, 16, H, W]  @conv1
 *     %1 = clip(%0, _, const f32[] 6)  : f32[N, 16, H, W]  @act
 *     output y = %1
 *     residual @layer1.0 #0 body=%3..%7 shortcut=%8..%9 sum=%10
 *
 * `#path[dims]` is a parameter of role `parameter` and element type f32; `:f16` and `:buffer` say otherwise; `#.x` stands for the
 * node's scope + `.x`; `=expr` follows where the content is more than the parameter itself. `#7` names an expression that is
 * needed more than once. A constant without a name that several read has a line of its own. Left-out operands are `_`. Attributes
 * at their default are left out. An imported operator that the registry does not know is `onnx.Name` with its attributes by their
 * lengths, `{axis=<12 bytes>}`; such a text cannot be read back. What an input or output lies in follows it as in the source:
 * `%x = input : f32[N, 3, H, W] in 0..1 mean=[0.5] std=[0.25]`, `output y in 0..255 = %1`. An input with a value where the caller
 * gives none is `%w = input : f32[2] = const f32[2] 0`. Sub-graphs follow their node as `region @body … end`;
 * `residual … in #1 body` is inside of another's body.
 */

import { checkArgument, graphShape } from '../diagnostics/arguments.ts';
import { bug } from '../diagnostics/diagnostic.ts';
import type { Content } from './content.ts';
import { type ContentTree, numberText, parseContent, pathText, treeText } from './content-text.ts';
import { Dim } from './dim.ts';
import type { ConstantRole, Graph, Node, ResidualRegion, ResidualTag, Value } from './graph.ts';
import type { AttrSpec, AttrValue } from './operator.ts';
import { noPromise, promiseTexts, type SizePromise } from './promise.ts';
import { rangeText } from './ranges.ts';
import { elementCount, typeText } from './types.ts';
import { walkGraph } from './walk.ts';

type Call = ContentTree & { kind: 'call' };

/** Calls that are as short as a name for them would be. */
const leafCalls = new Set(['full', 'literal', 'shared']);

/** Which expressions are needed more than once, and under which names. */
class Expressions {
  readonly #trees = new Map<number, ContentTree | undefined>();
  /** By text; the count is of printed mentions when every expression is printed once. */
  readonly #calls = new Map<string, { readonly call: Call; mentions: number }>();
  readonly #names = new Map<string, string>();
  readonly lines: string[] = [];

  tree(content: Content | undefined): ContentTree | undefined {
    if (!content) return undefined;
    if (!this.#trees.has(content.id)) this.#trees.set(content.id, parseContent(content.text()));
    return this.#trees.get(content.id);
  }

  /** Says that the content of this value will be printed. */
  mention(content: Content | undefined): void {
    const tree = this.tree(content);
    if (tree) this.#mention(tree);
  }

  /** Depth is bounded by the parser of expressions. */
  #mention(tree: ContentTree): void {
    if (tree.kind !== 'call' || leafCalls.has(tree.name)) return;
    const known = this.#calls.get(tree.text);
    if (known) {
      known.mentions++;
      return;
    }
    for (const arg of tree.args) this.#mention(arg);
    this.#calls.set(tree.text, { call: tree, mentions: 1 });
  }

  /** Names what is mentioned more than once; operands come before what is made of them, because the map was filled so. */
  bind(): void {
    for (const [text, { call, mentions }] of this.#calls) {
      if (mentions < 2) continue;
      const name = `#${this.#names.size}`;
      this.lines.push(`${name} = ${this.#write(call)}`);
      this.#names.set(text, name);
    }
  }

  #write(call: Call): string {
    return `${call.name}(${call.args.map((arg) => this.text(arg)).join(', ')})`;
  }

  text(tree: ContentTree): string {
    return treeText(tree, (call) => this.#names.get(call.text) ?? this.#write(call));
  }
}

class Printer {
  readonly #root: Graph;
  readonly #lines: string[] = [];
  readonly #names = new Map<Value, string>();
  readonly #expressions = new Expressions();
  /** Named constants whose content has been printed. */
  readonly #told = new Set<Value>();
  readonly #taken = new Set<string>();
  #next = 0;

  constructor(root: Graph) {
    this.#root = root;
  }

  print(): string {
    this.#collect();
    for (const step of walkGraph(this.#root)) {
      if (step.kind === 'graph') this.#graph(step.graph, step.depth);
      else if (step.kind === 'node') this.#node(step.node, step.depth);
      else this.#end(step.graph, step.depth);
    }
    return `${this.#lines.join('\n')}\n`;
  }

  #line(depth: number, text: string): void {
    this.#lines.push(`${'  '.repeat(2 * depth + 1)}${text}`);
  }

  /** Mentions every constant as often as its content will be printed. */
  #collect(): void {
    const seen = new Set<Value>();
    const mention = (value: Value): void => {
      if (!value.isConstant || seen.has(value)) return;
      seen.add(value);
      this.#expressions.mention(value.content);
    };
    for (const content of this.#root.defaults.values()) this.#expressions.mention(content);
    for (const step of walkGraph(this.#root)) {
      if (step.kind === 'node') for (const use of step.node.slots) if (use) mention(use.value);
      if (step.kind === 'end') for (const { value } of step.graph.outputs) mention(value);
    }
    this.#expressions.bind();
  }

  #graph(graph: Graph, depth: number): void {
    if (depth === 0) this.#lines.push(`graph @${pathText(graph.name)}`);
    else this.#lines.push(`${'  '.repeat(2 * depth)}region @${pathText(graph.name)}`);
    for (const key of Object.keys(graph.metadata).sort()) {
      this.#line(depth, `metadata ${JSON.stringify(key)} = ${JSON.stringify(graph.metadata[key] ?? '')}`);
    }
    if (depth === 0) for (const line of promiseLines(graph)) this.#line(depth, line);
    for (const value of graph.inputs) {
      const name = value.name ?? '';
      const plain = depth === 0 && /^[A-Za-z_]\w*(\.\w+)*$/.test(name) && !this.#taken.has(name);
      this.#taken.add(name);
      this.#names.set(value, plain ? `%${name}` : `%${this.#next++}`);
      const range = graph.inputRanges.get(name);
      const content = graph.defaults.get(value);
      const given = `${range ? ` in ${rangeText(range)}` : ''}${content ? ` = ${this.#content(content, 'constant')}` : ''}`;
      this.#line(
        depth,
        `${this.#names.get(value)} = input${plain ? '' : ` ${JSON.stringify(name)}`} : ${typeText(value.type)}${given}`,
      );
    }
    if (depth === 0) for (const line of this.#expressions.lines) this.#line(depth, line);
  }

  #node(node: Node, depth: number): void {
    const { op, origin } = node;
    for (const use of node.slots) if (use) this.#ownLine(use.value, depth);
    const operands = node.slots.map((use) => (use ? this.#operand(use.value, origin.scope) : '_'));
    const results = node.results.map((value) => {
      const name = `%${this.#next++}`;
      this.#names.set(value, name);
      return name;
    });
    const attrs = Object.entries(op.attrs).flatMap(([name, spec]) => {
      const value = node.attrs[name];
      return value === undefined || isDefault(spec, value) ? [] : [`${name}=${attrText(spec, value)}`];
    });
    for (const attr of op.foreign?.attributes ?? []) {
      if (attr.kind === 'bytes') attrs.push(`${attr.name}=<${attr.bytes.size} bytes>`);
      else attrs.push(`${attr.name}=<region${attr.regions.map((i) => ` ${i}`).join('')}>`);
    }
    const types = node.results.map((value) => typeText(value.type)).join(', ');
    const braces = attrs.length > 0 ? ` {${attrs.join(', ')}}` : '';
    const scope = origin.scope === '' ? '' : `  @${pathText(origin.scope)}`;
    this.#line(depth, `${results.join(', ')} = ${op.name}(${operands.join(', ')})${braces}  : ${types}${scope}`);
  }

  #end(graph: Graph, depth: number): void {
    for (const { name, value } of graph.outputs) {
      this.#ownLine(value, depth);
      const range = graph.outputRanges.get(name);
      this.#line(depth, `output ${pathText(name)}${range ? ` in ${rangeText(range)}` : ''} = ${this.#operand(value, '')}`);
    }
    if (depth > 0) this.#lines.push(`${'  '.repeat(2 * depth)}end`);
    else for (const line of this.#residuals()) this.#line(0, line);
  }

  /** A constant without a name that is read more than once must stay one value. */
  #ownLine(value: Value, depth: number): void {
    if (!value.isConstant || value.name !== undefined || this.#names.has(value)) return;
    if (value.uses.size + value.outputs < 2) return;
    const text = this.#anonymous(value);
    const name = `%${this.#next++}`;
    this.#names.set(value, name);
    this.#line(depth, `${name} = ${text}`);
  }

  #operand(value: Value, scope: string): string {
    const known = this.#names.get(value);
    if (known !== undefined) return known;
    if (!value.isConstant) return '%undefined';
    return value.name === undefined ? this.#anonymous(value) : this.#parameter(value, value.name, value.role, scope);
  }

  #parameter(value: Value, name: string, role: ConstantRole, scope: string): string {
    const dims = value.content?.dims ?? [];
    const { elem } = value.type;
    const local = scope !== '' && name.startsWith(`${scope}.`) ? name.slice(scope.length) : '';
    const short = /^(\.\w+)+$/.test(local) ? local : pathText(name);
    const suffix = `${elem === 'f32' ? '' : `:${elem}`}${role === 'parameter' ? '' : `:${role}`}`;
    const head = `#${short}[${dims.join(', ')}]${suffix}`;
    if (this.#told.has(value)) return head;
    this.#told.add(value);
    const tree = this.#expressions.tree(value.content);
    if (tree?.kind === 'leaf' && tree.path === name) return head;
    return `${head}=${tree ? this.#expressions.text(tree) : (value.content?.text() ?? '')}`;
  }

  #anonymous(value: Value): string {
    return value.content ? this.#content(value.content, value.role) : '_';
  }

  #content(content: Content, role: ConstantRole): string {
    const suffix = role === 'constant' ? '' : `:${role}`;
    const tree = this.#expressions.tree(content);
    const head = `const ${content.elem}[${content.dims.join(', ')}]`;
    const small = content.resident && elementCount(content.dims) <= 16 ? content.resident : undefined;
    if (tree?.kind === 'list') return `${head} ${treeText(tree)}${suffix}`;
    if (tree?.kind === 'call' && tree.name === 'literal' && small)
      return `${head} [${[...small].map(numberText).join(', ')}]${suffix}`;
    if (tree?.kind === 'call' && tree.name === 'full')
      return `${head} ${treeText(tree.args[2] ?? { kind: 'number', value: 0 })}${suffix}`;
    if (tree?.kind === 'leaf') return `#leaf(${treeText(tree)})${suffix}`;
    const text = tree ? this.#expressions.text(tree) : content.text();
    return `${text.startsWith('#') ? text : `#${text}`}${suffix}`;
  }

  #residuals(): readonly string[] {
    interface Listed {
      readonly number: number;
      readonly parts: Map<ResidualTag['part'], string[]>;
    }
    const listed = new Map<ResidualRegion, Listed>();
    const list = (region: ResidualRegion): Listed => {
      const chain: ResidualRegion[] = [];
      for (let one: ResidualRegion | undefined = region; one && !listed.has(one); one = one.outer?.region) chain.push(one);
      // Outer ones first, so that a line refers to lines above it.
      for (const one of chain.reverse()) listed.set(one, { number: listed.size, parts: new Map() });
      return listed.get(region) ?? { number: 0, parts: new Map() };
    };
    let open: { readonly tag: ResidualTag; readonly from: string; to: string } | undefined;
    const close = (): void => {
      if (!open) return;
      const { parts } = list(open.tag.region);
      const ranges = parts.get(open.tag.part) ?? [];
      ranges.push(open.from === open.to ? open.from : `${open.from}..${open.to}`);
      parts.set(open.tag.part, ranges);
      open = undefined;
    };
    for (const step of walkGraph(this.#root)) {
      if (step.kind !== 'node') continue;
      const tag = step.node.origin.residual;
      const [first] = step.node.results;
      const name = (first && this.#names.get(first)) ?? '';
      if (open && tag && tag.region === open.tag.region && tag.part === open.tag.part) {
        open.to = name;
        continue;
      }
      close();
      if (tag) {
        list(tag.region);
        open = { tag, from: name, to: name };
      }
    }
    close();
    return [...listed].map(([region, { number, parts }]) => {
      const words = ['residual'];
      if (region.scope !== '') words.push(`@${pathText(region.scope)}`);
      words.push(`#${number}`);
      if (region.outer)
        words.push(
          `in #${listed.get(region.outer.region)?.number ?? bug('a residual is listed before the one around it')} ${region.outer.part}`,
        );
      for (const part of ['body', 'shortcut', 'sum'] as const) {
        const ranges = parts.get(part);
        if (ranges) words.push(`${part}=${ranges.join(',')}`);
      }
      return words.join(' ');
    });
  }
}

/** `assume H % 16 == 0`, `assume L >= 101` for everything that is promised of a symbol. */
function promiseLines(root: Graph): readonly string[] {
  const promises = new Map<string, SizePromise>();
  const seen = new Set<Dim>();
  /** Calls itself for what a symbol is at most, whose nesting `Dim` bounds. */
  const visit = (dims: readonly Dim[]): void => {
    for (const dim of dims) {
      if (dim.constant !== undefined || seen.has(dim)) continue;
      seen.add(dim);
      for (const [name, promise] of dim.promises()) {
        if (promise.within instanceof Dim) visit([promise.within]);
        promises.set(name, promise);
      }
    }
  };
  for (const step of walkGraph(root)) {
    if (step.kind === 'graph') for (const value of step.graph.inputs) visit(value.type.dims);
    if (step.kind !== 'node') continue;
    for (const value of step.node.results) visit(value.type.dims);
    for (const [name, spec] of Object.entries(step.node.op.attrs)) {
      if (spec.kind === 'dims') visit(dimsOf(step.node.attrs[name]));
    }
  }
  const sorted = [...promises].sort(([a], [b]) => (a < b ? -1 : 1));
  // A bound is read with what is assumed above it.
  const lines: string[] = [];
  const told = new Set<string>();
  const tell = (name: string, promise: SizePromise): void => {
    if (told.has(name)) return;
    told.add(name);
    if (promise.within instanceof Dim)
      for (const inner of promise.within.symbols()) tell(inner, promises.get(inner) ?? noPromise);
    for (const text of promiseTexts(Dim.symbol(name).toString(), promise)) lines.push(`assume ${text}`);
  };
  for (const [name, promise] of sorted) tell(name, promise);
  return lines;
}

function dimsOf(value: AttrValue | undefined): readonly Dim[] {
  if (typeof value !== 'object') return [];
  const out: Dim[] = [];
  for (const one of value) if (one instanceof Dim) out.push(one);
  return out;
}

function isDefault(spec: AttrSpec, value: AttrValue): boolean {
  const { default: given } = spec;
  if (given === undefined) return false;
  if (typeof value !== 'object') return Object.is(value, given);
  if (typeof given !== 'object') return typeof given === 'number' && value.every((one) => one === given);
  return value.length === given.length && value.every((one, i) => Object.is(one, given[i]));
}

function attrText(spec: AttrSpec, value: AttrValue): string {
  if (typeof value === 'number') return numberText(value);
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return spec.kind === 'elem' ? value : JSON.stringify(value);
  const items: string[] = [];
  for (const one of value) items.push(typeof one === 'number' ? numberText(one) : one.toString());
  const [first] = items;
  if ((spec.kind === 'axes' || spec.kind === 'pads') && first !== undefined && items.every((one) => one === first)) return first;
  return `[${items.join(', ')}]`;
}

/** The graph as text, with a line break at the end. The same graph gives the same text. */
export function printGraph(graph: Graph): string {
  checkArgument('printGraph', 'graph', graph, graphShape);
  return new Printer(graph).print();
}
