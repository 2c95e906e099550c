/**
 * What a graph costs, as a tree of scopes: output shapes, parameters, buffers and multiply-adds of every layer and of every scope
 * around it. A tensor that several layers share counts where it is first read. Symbols stay symbolic.
 */
import { Dim, unlessOverflow } from '../ir/dim.ts';
import { countOf, type Graph, type Node, type Value } from '../ir/graph.ts';
import { elemBytes, type TensorType } from '../ir/types.ts';
import { walkGraph } from '../ir/walk.ts';

/** A layer or a scope, with the cost of all that is in it: elements, bytes, multiply-adds of one evaluation. */
export interface SummaryNode {
  /** `layer1.0.conv1`; the root's is empty. */
  readonly path: string;
  /** The last segment of the path; the root's is the graph's name, a layer without a label has its operator's. */
  readonly name: string;
  /** The operator of a layer, `residual` for a scope that is one, empty for other scopes. */
  readonly operator: string;
  /** What tells a layer from others of its operator: kernel, stride, padding, and every attribute that is not at its default. */
  readonly details: string;
  /** Type of the last value made in it. */
  readonly output: TensorType | undefined;
  /** Elements of learned tensors, of carried ones (running statistics), and bytes of both with the constants of the program. */
  readonly parameters: number;
  readonly buffers: number;
  readonly bytes: number;
  /** Undefined beyond 2^53. */
  readonly madds: Dim | undefined;
  /** Imported operators whose cost nobody knows; they count as nothing. Left out where there are none. */
  readonly unknownCosts?: number;
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
    return unlessOverflow(() => {
      let sum = Dim.of(this.#plain);
      for (const [cost, count] of this.#symbolic) sum = sum.plus(cost.times(count));
      return sum;
    });
  }
}

class Building {
  readonly path: string;
  readonly name: string;
  operator: string;
  readonly details: string;
  output: TensorType | undefined;
  parameters = 0;
  buffers = 0;
  bytes = 0;
  unknownCosts = 0;
  readonly cost = new Cost();
  readonly children: Building[] = [];
  readonly scopes = new Map<string, Building>();

  constructor(path: string, name: string, operator: string, details = '') {
    this.path = path;
    this.name = name;
    this.operator = operator;
    this.details = details;
  }

  finish(children: readonly SummaryNode[]): SummaryNode {
    const { path, name, operator, details, output, parameters, buffers, bytes, unknownCosts } = this;
    const unknown = unknownCosts > 0 ? { unknownCosts } : {};
    return { path, name, operator, details, output, parameters, buffers, bytes, madds: this.cost.total, ...unknown, children };
  }
}

/** How much of the tree `summarize` lists. */
export interface SummaryOptions {
  /** Levels below the root that are listed; all of them when left out. Totals always count everything. */
  readonly depth?: number;
}

/**
 * Walks the graph once, sub-graphs included, and adds every node to each scope around it; the body of a loop counts as if it ran
 * once.
 */
export function summarize(graph: Graph, options: SummaryOptions = {}): SummaryNode {
  const depth = options.depth ?? Number.POSITIVE_INFINITY;
  const root = new Building('', graph.name, '');
  const counted = new Set<Value>();
  for (const step of walkGraph(graph)) {
    if (step.kind === 'end') for (const { value } of step.graph.outputs) countConstant(value, [root], counted);
    if (step.kind !== 'node') continue;
    const { node } = step;
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
        detailsOf(node),
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
  const last = graph.outputs[0]?.value.type;
  if (last) root.output = last;
  return assemble(root);
}

/** Longer lists of an attribute say nothing at a glance. */
const longestAttribute = 16;

/**
 * `3x3/2 p1 +bias`: the kernel from the attribute or else from the axes of the weight behind the first two, the step behind a
 * slash, zeros per side behind p, and what else is not at its default. Sizes are left out, because the output's shape shows them.
 */
function detailsOf(node: Node): string {
  const { op, attrs } = node;
  const windowed = Object.values(op.attrs).some((spec) => spec.kind === 'pads');
  const parts: string[] = [];
  let kernel = '';
  if (windowed) {
    const weight = node.slots[op.operands.findIndex((operand) => operand.name === 'weight')]?.value.type.dims.slice(2);
    kernel = weight?.join('x') ?? '';
  }
  for (const [name, spec] of Object.entries(op.attrs)) {
    const value = attrs[name];
    if (value === undefined || (spec.kind === 'dims' && !spec.inSummary)) continue;
    const each = typeof value === 'object' ? value.map(String) : undefined;
    const [first] = each ?? [];
    const uniform = each?.every((n) => n === first);
    if (windowed && name === 'kernel' && each) {
      kernel = each.join('x');
      continue;
    }
    if (String(uniform ? first : value) === String(spec.default)) continue;
    const text = uniform ? (first ?? '') : each ? each.join(',') : String(value);
    if (text.length > longestAttribute) continue;
    if (windowed && name === 'stride') kernel += `/${text}`;
    else if (spec.kind === 'pads') parts.push(`p${text}`);
    else parts.push(value === true ? name : `${name}=${text}`);
  }
  const bias = op.operands.findIndex((operand) => operand.name === 'bias' && operand.optional === true);
  if (bias >= 0 && node.slots[bias]) parts.push('+bias');
  return [...(kernel === '' ? [] : [kernel]), ...parts].join(' ');
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
  const madds = cost ? unlessOverflow(() => cost.call(node.op, node)) : undefined;
  const output = node.results[0]?.type;
  for (const level of around) {
    if (cost) level.cost.add(madds);
    if (node.op.foreign) level.unknownCosts++;
    level.output = output;
  }
  for (const use of node.slots) if (use) countConstant(use.value, around, counted);
}

function countConstant(value: Value, around: readonly Building[], counted: Set<Value>): void {
  if (value.def.kind !== 'constant' || counted.has(value)) return;
  counted.add(value);
  // The elements of a type that is none of ours are in its bytes, and 4-bit ones share them.
  const count = value.type.foreign?.tensor?.dims.reduce((n, d) => n * d, 1) ?? countOf(value.type) ?? 0;
  const elements = value.type.foreign ? value.def.content.dims.reduce((n, d) => n * d, 1) : count;
  const { role } = value.def;
  for (const level of around) {
    if (role === 'parameter') level.parameters += count;
    if (role === 'buffer') level.buffers += count;
    level.bytes += elements * elemBytes[value.type.elem];
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

/** How the table of a summary is laid out. */
export interface SummaryTextOptions {
  /** Columns of the terminal. What is wider gives up its buffers, then ends of names; left out, nothing is cut. */
  readonly width?: number;
}

type Column = 'layer' | 'operator' | 'output' | 'parameters' | 'buffers' | 'madds';
const columnsOf: readonly Column[] = ['layer', 'operator', 'output', 'parameters', 'buffers', 'madds'];
const leftAligned: ReadonlySet<Column> = new Set(['layer', 'operator', 'output']);
type Row = Readonly<Record<Column, string>>;

/**
 * The tree as an aligned table with totals below, ended by a line break. Shapes are `N×64×56×56`, with the element type where it
 * is not that of the heading; sizes that are long formulas get names, which are explained below.
 */
export function summaryText(root: SummaryNode, options: SummaryTextOptions = {}): string {
  const listed = listNodes(root);
  const names = new SizeNames(listed.map(({ node }) => node));
  const usual = root.output?.elem;
  const per = commonFactor(listed.map(({ node }) => node.madds));
  const header: Row = {
    layer: 'layer',
    operator: 'operator',
    output: usual === undefined ? 'output' : `output (${usual})`,
    parameters: 'parameters',
    buffers: 'buffers',
    madds: per === undefined ? 'madds' : `madds × ${per}`,
  };
  const width = options.width ?? Number.POSITIVE_INFINITY;
  const rowsWith = (step: string): readonly Row[] => listed.map(({ node, indent }) => rowOf(node, step.repeat(indent)));
  const rowOf = (node: SummaryNode, margin: string): Row => {
    // A layer without a label has the path of the scope around it.
    const label = node.operator !== '' && node.path.split('.').at(-1) !== node.name ? '' : node.name;
    return {
      layer: margin + label,
      operator: node.details === '' ? node.operator : `${node.operator} ${node.details}`,
      output: node.output ? names.typeText(node.output, usual) : '',
      parameters: node.parameters === 0 ? '' : grouped(node.parameters),
      buffers: node.buffers === 0 ? '' : grouped(node.buffers),
      madds:
        node.children.length === 0 && node.unknownCosts !== undefined
          ? '?'
          : maddsCell(node.madds, per, names, width < widestTable ? narrowCell : widestCell),
    };
  };
  let rows = rowsWith('  ');
  let widths = columnWidths([header, ...rows], width);
  if (!widths.has('buffers')) {
    rows = rowsWith(' ');
    widths = columnWidths([header, ...rows], width);
  }
  const line = (row: Row): string =>
    [...widths]
      .map(([column, cells]) => {
        const cell = shortened(row[column], cells);
        return leftAligned.has(column) ? cell.padEnd(cells) : cell.padStart(cells);
      })
      .join('  ')
      .trimEnd();
  const totals: readonly (readonly [string, string])[] = [
    ['trainable parameters', grouped(root.parameters)],
    ['buffers', grouped(root.buffers)],
    ['multiply-adds', `${names.replaced(maddsText(root.madds))}${unknownText(root.unknownCosts)}`],
    ['bytes of weights', grouped(root.bytes)],
    ...names.explained(),
  ];
  const rule = '-'.repeat([...widths.values()].reduce((n, w) => n + w, 2 * (widths.size - 1)));
  const first = totals.reduce((n, [title]) => Math.max(n, title.length), 0);
  const below = totals.flatMap(([title, value]) => hanging(`${title.padEnd(first)}  `, value, options.width));
  return `${[line(header), rule, ...rows.map(line), rule, ...below].join('\n')}\n`;
}

function unknownText(count = 0): string {
  return count === 0 ? '' : `, without ${count} imported operator${count === 1 ? '' : 's'} whose cost is not known`;
}

/** In the order of the table, with a stack of its own: how deep scopes nest is the user's choice. */
function listNodes(root: SummaryNode): readonly { readonly node: SummaryNode; readonly indent: number }[] {
  const out: { readonly node: SummaryNode; readonly indent: number }[] = [];
  const stack: { readonly node: SummaryNode; readonly indent: number }[] = [{ node: root, indent: 0 }];
  for (let top = stack.pop(); top; top = stack.pop()) {
    out.push(top);
    for (let i = top.node.children.length - 1; i >= 0; i--) {
      const child = top.node.children[i];
      if (child) stack.push({ node: child, indent: top.indent + 1 });
    }
  }
  return out;
}

/** Widths of the columns that are shown: all as wide as their cells, unless the sum is too much. */
function columnWidths(rows: readonly Row[], width: number): Map<Column, number> {
  const widths = new Map(columnsOf.map((column) => [column, rows.reduce((n, row) => Math.max(n, row[column].length), 0)]));
  const excess = (): number => [...widths.values()].reduce((n, w) => n + w, 2 * (widths.size - 1)) - width;
  // Buffers are the column that is missed least: the totals have their sum.
  if (excess() > 0) widths.delete('buffers');
  for (const [column, least] of [
    ['operator', 20],
    ['layer', 16],
    ['output', 16],
    ['madds', 12],
    ['operator', 12],
    ['layer', 8],
  ] as const) {
    const now = widths.get(column) ?? 0;
    if (excess() > 0 && now > least) widths.set(column, Math.max(least, now - excess()));
  }
  return widths;
}

function shortened(cell: string, width: number): string {
  return cell.length <= width ? cell : `${cell.slice(0, Math.max(0, width - 1))}…`;
}

/** Breaks a long value at its spaces; later lines stand below its beginning. */
function hanging(title: string, value: string, width = Number.POSITIVE_INFINITY): readonly string[] {
  const lines: string[] = [];
  let line = title;
  for (const word of value.split(' ')) {
    if (line.trim() !== '' && line !== title && line.length + 1 + word.length > width) {
      lines.push(line.trimEnd());
      line = ' '.repeat(title.length);
    }
    line += line.endsWith(' ') ? word : ` ${word}`;
  }
  return [...lines, line];
}

/** Formulas of sizes that are longer than this get a name. */
const longestSize = 6;

class SizeNames {
  /** By the text of the formula, in the order of the table. */
  readonly #names = new Map<string, string>();

  constructor(nodes: readonly SummaryNode[]) {
    const taken = new Set(nodes.flatMap((node) => node.output?.dims.flatMap((dim) => dim.symbols()) ?? []));
    for (const node of nodes) {
      for (const dim of node.output?.dims ?? []) {
        const text = dim.toString();
        if (text.length <= longestSize || dim.constant !== undefined || this.#names.has(text)) continue;
        const [only, second] = dim.symbols();
        const stem = only !== undefined && second === undefined && only.length <= 3 ? only : 'D';
        let number = 1;
        while (taken.has(`${stem}${number}`)) number++;
        taken.add(`${stem}${number}`);
        this.#names.set(text, `${stem}${number}`);
      }
    }
  }

  typeText(type: TensorType, usual: string | undefined): string {
    if (type.foreign) return type.foreign.text;
    const dims = type.dims.map((dim) => this.#names.get(dim.toString()) ?? dim.toString()).join('×');
    return `${type.elem === usual ? '' : `${type.elem} `}${dims === '' ? 'scalar' : dims}`;
  }

  /** A formula with the names in the place of what they stand for; the longest first, because formulas nest. */
  replaced(formula: string): string {
    let text = formula;
    const longestFirst = [...this.#names].filter(([long]) => long.includes('(')).sort(([a], [b]) => b.length - a.length);
    for (const [long, name] of longestFirst) text = text.replaceAll(long, name);
    return text;
  }

  explained(): readonly (readonly [string, string])[] {
    return [...this.#names].map(([text, name]) => [name, text] as const);
  }
}

/** What every cost is a number times of, as `N`: said once in the heading instead of in every row. */
function commonFactor(costs: readonly (Dim | undefined)[]): string | undefined {
  const factors = new Set(costs.filter((cost) => cost?.constant !== 0).map((cost) => / × (.+)$/.exec(maddsText(cost))?.[1]));
  const [only] = factors;
  return factors.size === 1 && only !== undefined && only.length <= longestSize ? only : undefined;
}

/** Of formulas of multiply-adds; the second in tables of less than `widestTable` columns. */
const widestCell = 40;
const narrowCell = 14;
const widestTable = 110;

function maddsCell(madds: Dim | undefined, per: string | undefined, names: SizeNames, widest: number): string {
  if (madds?.constant === 0) return '';
  const text = maddsText(madds);
  if (per !== undefined) return text.slice(0, text.lastIndexOf(' × '));
  const short = names.replaced(text);
  // A polynomial in the picture's height and width would push the table off the page; the totals print it whole.
  return short.length <= widest || !madds ? short : `in ${madds.symbols().join(', ')}`;
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
