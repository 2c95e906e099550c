/**
 * What a graph costs, as a tree of scopes: output shapes, parameters, buffers and multiply-adds of every layer and of every scope
 * around it. A tensor that several layers share counts where it is first read. Symbols stay symbolic.
 */
import { Dim, DimOverflow } from '../ir/dim.ts';
import { countOf, type Graph, type Node, type Value } from '../ir/graph.ts';
import { elemBytes, type TensorType, typeText } from '../ir/types.ts';

export interface SummaryNode {
  /** `layer1.0.conv1`; the root's is empty. */
  readonly path: string;
  /** The last segment of the path; the root's is the graph's name, a layer without a label has its operator's. */
  readonly name: string;
  /** The operator of a layer, `residual` for a scope that is one, empty for other scopes. */
  readonly operator: string;
  /** Type of the last value made in it. */
  readonly output: TensorType | undefined;
  /** Elements of learned tensors, of carried ones (running statistics), and bytes of both with the constants of the program. */
  readonly parameters: number;
  readonly buffers: number;
  readonly bytes: number;
  /** Undefined beyond 2^53. */
  readonly madds: Dim | undefined;
  readonly children: readonly SummaryNode[];
}

/** A sum of multiply-adds. Partial sums of dimensions would all be interned, so that equal costs are counted instead. */
class Cost {
  #plain = 0;
  #overflow = false;
  readonly #symbolic = new Map<Dim, number>();

  add(cost: Dim | undefined): void {
    const n = cost?.constant;
    if (!cost) this.#overflow = true;
    else if (n !== undefined) this.#plain += n;
    else this.#symbolic.set(cost, (this.#symbolic.get(cost) ?? 0) + 1);
  }

  get total(): Dim | undefined {
    if (this.#overflow) return undefined;
    return unlessTooLarge(() => {
      let sum = Dim.of(this.#plain);
      for (const [cost, count] of this.#symbolic) sum = sum.plus(cost.times(count));
      return sum;
    });
  }
}

function unlessTooLarge(compute: () => Dim): Dim | undefined {
  try {
    return compute();
  } catch (error) {
    if (error instanceof DimOverflow) return undefined;
    throw error;
  }
}

class Building {
  readonly path: string;
  readonly name: string;
  operator: string;
  output: TensorType | undefined;
  parameters = 0;
  buffers = 0;
  bytes = 0;
  readonly cost = new Cost();
  readonly children: Building[] = [];
  readonly scopes = new Map<string, Building>();

  constructor(path: string, name: string, operator: string) {
    this.path = path;
    this.name = name;
    this.operator = operator;
  }

  finish(children: readonly SummaryNode[]): SummaryNode {
    const { path, name, operator, output, parameters, buffers, bytes } = this;
    return { path, name, operator, output, parameters, buffers, bytes, madds: this.cost.total, children };
  }
}

export interface SummaryOptions {
  /** Levels below the root that are listed; all of them when left out. Totals always count everything. */
  readonly depth?: number;
}

/** Walks the graph once and adds every node to each scope around it. */
export function summarize(graph: Graph, options: SummaryOptions = {}): SummaryNode {
  const depth = options.depth ?? Number.POSITIVE_INFINITY;
  const root = new Building('', graph.name, '');
  const counted = new Set<Value>();
  for (const node of graph.nodes()) {
    const segments = node.origin.scope === '' ? [] : node.origin.scope.split('.');
    const label = ownsWeight(node) ? segments.pop() : undefined;
    const around = [root];
    let scope = root;
    let path = '';
    for (let i = 0; i < Math.min(segments.length, depth); i++) {
      const name = segments[i] ?? '';
      path = path === '' ? name : `${path}.${name}`;
      let inner = scope.scopes.get(name);
      if (!inner) {
        inner = new Building(path, name, '');
        scope.scopes.set(name, inner);
        scope.children.push(inner);
      }
      around.push(inner);
      scope = inner;
    }
    if (segments.length < depth) {
      const own = label === undefined ? node.op.name : label;
      const leaf = new Building(
        label === undefined ? node.origin.scope : path === '' ? own : `${path}.${own}`,
        own,
        node.op.name,
      );
      scope.children.push(leaf);
      around.push(leaf);
    }
    const tag = node.origin.residual;
    if (tag?.part === 'sum') {
      const owner = around.find((level) => level.path === tag.region.scope && level.operator === '' && level !== root);
      if (owner) owner.operator = 'residual';
    }
    account(node, around, counted);
  }
  for (const { value } of graph.outputs) if (value.def.kind === 'constant') countConstant(value, [root], counted);
  const last = graph.outputs[0]?.value.type;
  if (last) root.output = last;
  return assemble(root);
}

function ownsWeight(node: Node): boolean {
  const prefix = `${node.origin.scope}.`;
  if (node.origin.scope === '') return false;
  return node.slots.some((use) => {
    const name = use?.value.def.kind === 'constant' ? use.value.name : undefined;
    return name?.startsWith(prefix) === true && !name.includes('.', prefix.length);
  });
}

function account(node: Node, around: readonly Building[], counted: Set<Value>): void {
  const { cost } = node.op;
  const madds = cost ? unlessTooLarge(() => cost.call(node.op, node)) : undefined;
  const output = node.results[0]?.type;
  for (const level of around) {
    if (cost) level.cost.add(madds);
    level.output = output;
  }
  for (const use of node.slots) if (use) countConstant(use.value, around, counted);
}

function countConstant(value: Value, around: readonly Building[], counted: Set<Value>): void {
  if (value.def.kind !== 'constant' || counted.has(value)) return;
  counted.add(value);
  const count = countOf(value.type) ?? 0;
  const { role } = value.def;
  for (const level of around) {
    if (role === 'parameter') level.parameters += count;
    if (role === 'buffer') level.buffers += count;
    level.bytes += count * elemBytes[value.type.elem];
  }
}

/** Innermost first, with a stack of its own: how deep scopes nest is the user's choice. */
function assemble(root: Building): SummaryNode {
  interface Level {
    readonly of: Building;
    readonly done: SummaryNode[];
  }
  const stack: Level[] = [{ of: root, done: [] }];
  for (;;) {
    const top = stack.at(-1);
    if (!top) return root.finish([]);
    const next = top.of.children[top.done.length];
    if (next) {
      stack.push({ of: next, done: [] });
      continue;
    }
    const finished = top.of.finish(top.done);
    stack.pop();
    const outer = stack.at(-1);
    if (!outer) return finished;
    outer.done.push(finished);
  }
}

/** The tree as an aligned table with totals below, ended by a line break. */
export function summaryText(root: SummaryNode): string {
  const header = ['layer', 'operator', 'output', 'parameters', 'buffers', 'multiply-adds'];
  const rows: string[][] = [];
  const stack: { readonly node: SummaryNode; readonly indent: number }[] = [{ node: root, indent: 0 }];
  for (let top = stack.pop(); top; top = stack.pop()) {
    const { node, indent } = top;
    rows.push([
      '  '.repeat(indent) + node.name,
      node.operator,
      node.output ? typeText(node.output) : '',
      node.parameters === 0 ? '' : grouped(node.parameters),
      node.buffers === 0 ? '' : grouped(node.buffers),
      cellOf(node.madds),
    ]);
    for (let i = node.children.length - 1; i >= 0; i--) {
      const child = node.children[i];
      if (child) stack.push({ node: child, indent: indent + 1 });
    }
  }
  const widths = header.map((title, column) => rows.reduce((n, row) => Math.max(n, row[column]?.length ?? 0), title.length));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column < 3 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  const totals: readonly (readonly [string, string])[] = [
    ['trainable parameters', grouped(root.parameters)],
    ['buffers', grouped(root.buffers)],
    ['multiply-adds', maddsText(root.madds)],
    ['bytes of weights', grouped(root.bytes)],
  ];
  const rule = '-'.repeat(widths.reduce((n, w) => n + w, 2 * (widths.length - 1)));
  const name = totals.reduce((n, [title]) => Math.max(n, title.length), 0);
  return `${[line(header), rule, ...rows.map(line), rule, ...totals.map(([title, value]) => `${title.padEnd(name)}  ${value}`)].join('\n')}\n`;
}

const widestCell = 40;

function cellOf(madds: Dim | undefined): string {
  if (madds?.constant === 0) return '';
  const text = maddsText(madds);
  // A polynomial in the picture's height and width would push the table off the page; the totals print it whole.
  return text.length <= widestCell || !madds ? text : `in ${madds.symbols().join(', ')}`;
}

/** `1.814 G × N`: per item where the count is a number times symbols, the whole polynomial otherwise. */
export function maddsText(madds: Dim | undefined): string {
  if (!madds) return 'more than 2^53';
  const n = madds.constant;
  if (n !== undefined) return metric(n);
  const structure = madds.structure();
  const factor = structure.kind === 'mul' ? structure.factors[0] : undefined;
  if (factor?.kind !== 'const' || factor.value <= 0) return madds.toString();
  const rest = madds.divideExactly(factor.value);
  return rest ? `${metric(factor.value)} × ${rest.toString()}` : madds.toString();
}

/** Four digits and a power of a thousand. */
function metric(n: number): string {
  if (n < 1000) return String(n);
  const units = ['', ' k', ' M', ' G', ' T', ' P'];
  let power = 0;
  let rest = n;
  while (rest >= 999.95 && power < units.length - 1) {
    rest /= 1000;
    power++;
  }
  const digits = rest >= 100 ? 1 : rest >= 10 ? 2 : 3;
  return `${rest.toFixed(digits)}${units[power] ?? ''}`;
}

/** `25,557,032`, whatever the machine's locale. */
function grouped(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ',');
}
