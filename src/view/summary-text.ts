/** A summary as a table for a terminal. */
import { checkArgument, checkOptions, flag, shaped, whole } from '../diagnostics/arguments.ts';
import { cellsOf, padEnd, padStart, shortened } from '../diagnostics/cells.ts';
import { wrapped } from '../diagnostics/wrap.ts';
import type { Dim } from '../ir/dim.ts';
import type { TensorType } from '../ir/types.ts';
import { bytesText, countParts, countText, grouped, metric } from './count-text.ts';
import type { Summary, SummaryNode } from './summary.ts';

/** How the table of a summary is laid out. */
export interface SummaryTextOptions {
  /** Columns of the terminal. What is wider gives up its buffers, then ends of names; left out, nothing is cut. */
  readonly width?: number;
  /** Lists each of several blocks that are made alike. */
  readonly all?: boolean | undefined;
}

type Column = 'layer' | 'operator' | 'output' | 'parameters' | 'buffers' | 'madds';
const columnsOf: readonly Column[] = ['layer', 'operator', 'output', 'parameters', 'buffers', 'madds'];
const leftAligned: ReadonlySet<Column> = new Set(['layer', 'operator', 'output']);
type Row = Readonly<Record<Column, string>>;

/**
 * The tree as an aligned table with totals below, ended by a line break. Shapes are `N×64×56×56`, with the element type where it
 * is not that of the heading; sizes that are long formulas get names, which are explained below.
 */
export function summaryText(root: Summary, options: SummaryTextOptions = {}): string {
  checkArgument('summaryText', 'root', root, shaped('a summary', 'summarize(graph)', 'children', 'parameters'));
  checkOptions('summaryText', options, { width: whole(1), all: flag });
  const listed = listNodes(root, options.all ?? false);
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
  const rowsWith = (step: string): readonly Row[] => listed.map((one) => rowOf(one, step.repeat(one.indent)));
  const rowOf = ({ node, name }: Listed, margin: string): Row => {
    // A layer without a label has the path of the scope around it.
    const label = node.operator !== '' && node.path.split('.').at(-1) !== node.name ? '' : name;
    return {
      layer: margin + label,
      operator: node.details === '' ? node.operator : `${node.operator} ${node.details}`,
      output: node.output ? names.typeText(node.output, usual) : '',
      parameters: node.parameters === 0 ? '' : grouped(node.parameters),
      buffers: node.buffers === 0 ? '' : grouped(node.buffers),
      madds:
        node.children.length === 0 && node.unknownCosts !== undefined
          ? '?'
          : maddsCell(node.madds, per, width < widestTable ? narrowCell : widestCell, names.renamed),
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
        return leftAligned.has(column) ? padEnd(cell, cells) : padStart(cell, cells);
      })
      .join('  ')
      .trimEnd();
  const totals: readonly (readonly [string, string])[] = [
    ['trainable parameters', grouped(root.parameters)],
    ['buffers', grouped(root.buffers)],
    ['bytes of weights', grouped(root.bytes)],
    ['multiply-adds', `${beside(root, 'madds', names)}${unknownText(root.unknownCosts)}${turnsText(root.unknownTurns)}`],
    ['activations', beside(root, 'activations', names)],
    ['peak memory', beside(root, 'peak', names, bytesText)],
    ...names.explained(),
  ];
  const rule = '-'.repeat([...widths.values()].reduce((n, w) => n + w, 2 * (widths.size - 1)));
  const first = totals.reduce((n, [title]) => Math.max(n, title.length), 0);
  const below = totals.flatMap(([title, value]) => hanging(`${title.padEnd(first)}  `, value, options.width));
  return `${[line(header), rule, ...rows.map(line), rule, ...below].join('\n')}\n`;
}

/** A figure at the sizes that were given, and in brackets in general where that says more. */
function beside(
  { sizes, general, ...root }: Summary,
  figure: 'madds' | 'activations' | 'peak',
  names: SizeNames,
  amount: (n: number) => string = metric,
): string {
  const value = root[figure];
  const style = { amount, rename: names.renamed };
  if (figure === 'peak' && !value) return `hangs on sizes: --at ${exampleSizes(root)}`;
  const at = Object.entries(sizes).map(([name, size]) => `${name}=${size}`);
  const most = root.atMost && figure !== 'madds' ? 'at most ' : '';
  if (at.length === 0 || value === general[figure]) return `${most}${countText(value, style)}`;
  const formula = general[figure] && `, ${countText(general[figure], { amount })} in general`;
  return `${most}${countText(value, style)} at ${at.join(', ')}${formula ?? ''}`;
}

/** Something to type: a size for every symbol of the table. */
function exampleSizes(root: SummaryNode): string {
  const names = new Set<string>();
  for (const dim of [root.madds, root.activations]) for (const name of dim?.symbols() ?? []) names.add(name);
  // The batch stands first in most inputs.
  return [...names]
    .sort((a, b) => Number(b === 'N') - Number(a === 'N'))
    .map((name) => `${name}=${name === 'N' ? 1 : '…'}`)
    .join(',');
}

function unknownText(count = 0): string {
  return count === 0 ? '' : `, without ${count} imported operator${count === 1 ? '' : 's'} whose cost is not known`;
}

function turnsText(count = 0): string {
  return count === 0 ? '' : `, with one turn of ${count} loop${count === 1 ? '' : 's'} whose number of turns only the run knows`;
}

/**
 * A scope or layer as a line; blocks that are made alike and stand one behind the other are one line with its number of times.
 */
interface Listed {
  readonly node: SummaryNode;
  readonly indent: number;
  /** `1 … 5 × 5` */
  readonly name: string;
}

/** In the order of the table, with a stack of its own: how deep scopes nest is the user's choice. */
function listNodes(root: SummaryNode, all: boolean): readonly Listed[] {
  const out: Listed[] = [];
  const stack: Listed[] = [{ node: root, indent: 0, name: root.name }];
  for (let top = stack.pop(); top; top = stack.pop()) {
    out.push(top);
    const { node, indent } = top;
    const inside: Listed[] = [];
    for (let i = 0; i < node.children.length; ) {
      const first = node.children[i];
      if (!first) break;
      let end = i + 1;
      if (!all && isScope(first)) while (node.children[end]?.structure === first.structure) end++;
      const last = node.children[end - 1] ?? first;
      const name = end - i === 1 ? first.name : `${first.name} … ${last.name} × ${end - i}`;
      inside.push({ node: first, indent: indent + 1, name });
      i = end;
    }
    stack.push(...inside.reverse());
  }
  return out;
}

const isScope = ({ operator }: SummaryNode): boolean => operator === '' || operator === 'residual';

/** Widths of the columns that are shown: all as wide as their cells, unless the sum is too much. */
function columnWidths(rows: readonly Row[], width: number): Map<Column, number> {
  const widths = new Map(columnsOf.map((column) => [column, rows.reduce((n, row) => Math.max(n, cellsOf(row[column])), 0)]));
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

/** Breaks a long value at its spaces; later lines stand below its beginning. */
function hanging(title: string, value: string, width = Number.POSITIVE_INFINITY): readonly string[] {
  return wrapped(value, width, { head: title, indent: ' '.repeat(title.length) });
}

/** Formulas of sizes that are longer than this get a name. */
const longestSize = 6;

class SizeNames {
  /** By the text of the formula, in the order of the table. */
  readonly #names = new Map<string, string>();
  /** Formulas as counts have them in the names of their terms, with their names. */
  readonly #written: (readonly [string, string])[] = [];
  readonly #explained: (readonly [string, string])[] = [];

  constructor(nodes: readonly SummaryNode[]) {
    const taken = new Set(nodes.flatMap((node) => node.output?.dims.flatMap((dim) => dim.symbols()) ?? []));
    for (const node of nodes) {
      for (const dim of node.output?.dims ?? []) {
        const text = dim.toString();
        if (text.length <= longestSize || dim.constant !== undefined || this.#names.has(text)) continue;
        const [symbol, second] = dim.symbols();
        const stem = symbol !== undefined && second === undefined && symbol.length <= 3 ? symbol : 'D';
        let number = 1;
        while (taken.has(`${stem}${number}`)) number++;
        taken.add(`${stem}${number}`);
        const name = `${stem}${number}`;
        this.#names.set(text, name);
        const [only = '', ...more] = countParts(dim, { longest: Number.POSITIVE_INFINITY }).terms.map(({ coefficient, per }) =>
          coefficient === 1 ? per : '',
        );
        if (only !== '' && more.length === 0) this.#written.push([only, name]);
        this.#explained.push([name, countText(dim, { longest: Number.POSITIVE_INFINITY })]);
      }
    }
    // The longest first, because formulas nest.
    this.#written.sort(([a], [b]) => b.length - a.length);
  }

  typeText(type: TensorType, usual: string | undefined): string {
    if (type.foreign) return type.foreign.text;
    const dims = type.dims.map((dim) => this.#names.get(dim.toString()) ?? dim.toString()).join('×');
    return `${type.elem === usual ? '' : `${type.elem} `}${dims === '' ? 'scalar' : dims}`;
  }

  /** `N·⌊(H+1)/2⌋` → `N·H1` */
  readonly renamed = (text: string): string =>
    this.#written.reduce((out, [formula, name]) => out.replaceAll(formula, name), text);

  explained(): readonly (readonly [string, string])[] {
    return this.#explained;
  }
}

/** What every cost is a number times of, as `N`: said once in the heading instead of in every row. */
function commonFactor(costs: readonly (Dim | undefined)[]): string | undefined {
  let common: string | undefined;
  for (const cost of costs) {
    if (cost?.constant === 0) continue;
    const { approximate, terms } = cost ? countParts(cost) : { approximate: true, terms: [] };
    const [only, second] = terms;
    if (approximate || !only || second || only.per === '' || only.per !== (common ?? only.per)) return undefined;
    common = only.per;
  }
  return common !== undefined && common.length <= longestFactor ? common : undefined;
}

/** Of formulas of multiply-adds; the second in tables of less than `widestTable` columns. */
const widestCell = 32;
const narrowCell = 18;
const widestTable = 110;
const longestFactor = 10;

function maddsCell(madds: Dim | undefined, per: string | undefined, widest: number, rename: (text: string) => string): string {
  if (madds?.constant === 0) return '';
  if (!madds) return countText(madds);
  if (per !== undefined) return metric(countParts(madds).terms[0]?.coefficient ?? 0);
  const text = countText(madds, { longest: widest / 2, rename });
  // What is long would push the table off the page; the totals print it whole.
  return text.length <= widest ? text : `in ${madds.symbols().join(', ')}`;
}
