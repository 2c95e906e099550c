/** What layers cost, as bars: multiply-adds, parameters and activations beside each other, a row for each layer or scope. */
import type { Dim } from '../../ir/dim.ts';
import { isOfRun } from '../../ir/promise.ts';
import { metric } from '../count-text.ts';
import type { Scene } from '../figure/scene.ts';
import type { Colour } from '../figure/style.ts';
import type { Summary, SummaryNode } from '../summary.ts';
import { countTick, margin, Pen, roundTicks, textBlock } from './pen.ts';

export interface CostRow {
  readonly label: string;
  /** Multiply-adds, parameters, elements written; undefined where that is not known. */
  readonly costs: readonly [number | undefined, number | undefined, number | undefined];
}

export interface CostPlot {
  /** In the order of the network. */
  readonly rows: readonly CostRow[];
  readonly totals: CostRow['costs'];
  readonly title: string;
  /** At which sizes it was counted, and what counts as nothing because nobody knows it. */
  readonly note: string;
}

/** Rows that a page holds. */
const mostRows = 60;

const numbers = (node: SummaryNode): CostRow['costs'] => {
  const of = (dim: Dim | undefined): number | undefined => dim?.constant;
  return [of(node.madds), node.parameters, of(node.activations)];
};

/**
 * The rows of a summary in which all sizes are numbers: the deepest level at which no more than 60 come out, or that of `depth`.
 * What costs less than a thousandth of everything is put together in the last row, and so is what is least where rows are too
 * many.
 */
export function costRows(root: Summary, depth?: number): CostPlot {
  let level: readonly SummaryNode[] = depth === 0 || root.children.length === 0 ? [root] : root.children;
  const counted = (nodes: readonly SummaryNode[]): readonly SummaryNode[] => nodes.filter((node) => shareOf(node, root) >= 0.001);
  for (let at = 1; (depth === undefined || at < depth) && level[0] !== root; at++) {
    const next = level.flatMap((node) => (node.children.length === 0 ? [node] : node.children));
    if (next.length === level.length && next.every((node, i) => node === level[i])) break;
    if (depth === undefined && counted(next).length > mostRows) break;
    level = next;
  }
  const shown = new Set([...counted(level)].sort((a, b) => shareOf(b, root) - shareOf(a, root)).slice(0, mostRows));
  const others = level.filter((node) => !shown.has(node));
  const rows = level.filter((node) => shown.has(node)).map((node): CostRow => ({ label: labelOf(node), costs: numbers(node) }));
  const sum = [0, 1, 2].map((i) => others.reduce((n, node) => n + (numbers(node)[i] ?? 0), 0));
  const [madds = 0, parameters = 0, activations = 0] = sum;
  const count = others.length === 1 ? '1 other' : `${others.length} others`;
  return {
    rows: others.length === 0 ? rows : [...rows, { label: count, costs: [madds, parameters, activations] }],
    totals: numbers(root),
    title: root.name,
    note: noteOf(root),
  };
}

/** `at N = 1, H = 224` */
function noteOf({ sizes, unknownCosts = 0, unknownTurns = 0 }: Summary): string {
  const given = Object.entries(sizes);
  const run = given.filter(([name]) => isOfRun(name));
  const few = run.length <= 4 ? given : given.filter(([name]) => !isOfRun(name));
  const at = few.map(([name, size]) => `${name} = ${size}`);
  if (few !== given) {
    const [least, most] = [Math.min(...run.map(([, size]) => size)), Math.max(...run.map(([, size]) => size))];
    at.push(`${run.length} sizes of the run = ${least === most ? least : `${least} … ${most}`}`);
  }
  const parts = at.length > 0 ? [`at ${at.join(', ')}`] : [];
  if (unknownCosts > 0) parts.push(`without ${unknownCosts} ${unknownCosts === 1 ? 'operator' : 'operators'} of unknown cost`);
  if (unknownTurns > 0)
    parts.push(`with one turn of ${unknownTurns === 1 ? 'a loop' : `${unknownTurns} loops`} of unknown length`);
  return parts.join('; ');
}

/** The largest of its three shares of everything. */
function shareOf(node: SummaryNode, root: Summary): number {
  const [own, all] = [numbers(node), numbers(root)];
  return own.reduce((most: number, n, i) => Math.max(most, all[i] ? (n ?? 0) / all[i] : 0), 0);
}

function labelOf({ path, name, operator, details }: SummaryNode): string {
  if (operator === '' || operator === 'residual') return path;
  const place = path === '' ? name : path;
  const what = details === '' ? operator : `${operator} ${details}`;
  return place.endsWith(operator) ? place : `${place}: ${what}`;
}

const panels: readonly (readonly [title: string, colour: Colour])[] = [
  ['multiply-adds', 'blockLine'],
  ['parameters', 'joinLine'],
  ['activations (elements)', 'layerLine'],
];

const [rowHeight, barHeight] = [10.4, 6.4];

const shareText = (share: number): string => (share < 0.001 ? '< 0.1 %' : `${(100 * share).toFixed(1)} %`);

/** `page` is the width in points that it is made for. */
export function costScene(plot: CostPlot, page: number = textBlock): Scene {
  const pen = new Pen();
  const { rows, totals, title, note } = plot;
  const y = pen.heading(`Cost per layer: ${title}`, [note], page);
  const mostLabel = 140 * (page / textBlock);
  const gap = 16 * (page / textBlock);
  const labels = rows.map(({ label }) => pen.fitted(label, mostLabel));
  const labelWidth = pen.widest(labels);
  const width = (page - 2 * margin - labelWidth - 6 - 2 * gap) / 3;
  // Room for the number behind the longest bar; a narrow page has none for its share.
  const isWide = width > 90;
  const behind = pen.width(isWide ? '000.0 M, 100.0 %' : '000.0 M') + 4;
  const top = y + 30;
  const bottom = top + rows.length * rowHeight;
  panels.forEach(([name, colour], i) => {
    const left = margin + labelWidth + 6 + i * (width + gap);
    const most = rows.reduce((n, { costs }) => Math.max(n, costs[i] ?? 0), 0);
    const total = totals[i];
    pen.text(name, { x: left, y: top - 18 }, { weight: 'bold' });
    const whole = total === undefined ? 'unknown' : metric(total);
    const behindName = pen.width(name, 'bold') + 4;
    if (behindName + pen.width(whole) <= width) pen.text(whole, { x: left + behindName, y: top - 18 }, { colour: 'quiet' });
    const scale = most === 0 ? 0 : (width - behind) / most;
    let last = Number.NEGATIVE_INFINITY;
    for (const tick of roundTicks(most, 3)) {
      const x = left + tick * scale;
      const text = countTick(tick);
      const half = pen.width(text) / 2;
      // The first stands where it begins; one that would touch the one before is left out.
      const from = Math.max(left, x - half);
      if (from < last + 4) continue;
      pen.line(
        [
          { x, y: top - 3 },
          { x, y: tick === 0 ? bottom : top },
        ],
        'layerLine',
      );
      pen.text(text, { x: from, y: top - 5 }, { colour: 'quiet' });
      last = from + 2 * half;
    }
    rows.forEach(({ costs }, nth) => {
      const value = costs[i];
      const row = top + nth * rowHeight;
      if (value === undefined) pen.text('unknown', { x: left + 3, y: row + 7.6 }, { colour: 'quiet' });
      if (!value) return;
      pen.bar(left, row + 2, value * scale, barHeight, colour);
      const share = total && isWide ? `, ${shareText(value / total)}` : '';
      pen.text(`${metric(value)}${share}`, { x: left + value * scale + 3, y: row + 7.6 }, { colour: 'quiet' });
    });
  });
  labels.forEach((label, nth) => {
    pen.text(label, { x: margin + labelWidth, y: top + nth * rowHeight + 7.6 }, { anchor: 'end' });
  });
  return pen.scene(`Cost per layer: ${title}`, page, bottom + margin);
}
