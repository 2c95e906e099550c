/**
 * Latency against multiply-adds, both on logarithmic axes, a dot for each model or layer: what takes more time than its
 * arithmetic explains stands out above the line of the fastest.
 */
import { metric } from '../count-text.ts';
import type { Point } from '../figure/placed.ts';
import type { Scene } from '../figure/scene.ts';
import { size } from '../figure/style.ts';
import { countTick, margin, Pen, powersBetween, seriesColour, Taken, textBlock, tickText } from './pen.ts';

export interface LatencyRow {
  readonly label: string;
  /** Undefined where they are not known; 0 for what only moves or compares numbers. */
  readonly madds: number | undefined;
  /** Milliseconds: the median, and the interval that holds it in 95 of 100 measurements. */
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

export interface LatencySeries {
  /** The execution provider. */
  readonly name: string;
  readonly rows: readonly LatencyRow[];
}

export interface LatencyPlot {
  readonly title: string;
  /** Sizes, runs, threads. */
  readonly notes: readonly string[];
  readonly series: readonly LatencySeries[];
}

const height = 200;
const mostLabel = 150;

/** `width` in points. */
export function latencyScene({ title, notes, series }: LatencyPlot, width: number = textBlock): Scene {
  const pen = new Pen();
  const heading = `Latency and multiply-adds: ${title}`;
  let y = pen.heading(heading, notes, width) + size.line + 4;
  const measured = series.map(({ name, rows }) => ({ name, rows: rows.filter(({ value }) => value > 0) }));
  const all = measured.flatMap(({ rows }) => rows);
  const times = all.flatMap(({ low, value, high }) => [low, value, high]).filter((ms) => ms > 0);
  const counts = all.flatMap(({ madds }) => (madds ? [madds] : []));
  const range = (numbers: readonly number[]): readonly number[] => {
    const least = numbers.reduce((a, b) => Math.min(a, b), numbers[0] ?? 1);
    return powersBetween(
      least,
      numbers.reduce((a, b) => Math.max(a, b), least),
      8,
    );
  };
  const [rows, columns] = [range(times), range(counts)];
  const [lowMs = 0, lowMadds = 0] = [rows[0], columns[0]];
  const [highMs, highMadds] = [rows.at(-1) ?? 1, columns.at(-1) ?? 1];
  pen.text('milliseconds', { x: margin, y });
  if (series.length > 1) {
    let x = width - margin;
    for (const [nth, { name }] of [...measured.entries()].reverse()) {
      x -= pen.width(name);
      pen.text(name, { x, y });
      pen.dot({ x: x - 5, y: y - 2.5 }, seriesColour(nth));
      x -= 18;
    }
  }
  y += 8;
  // What multiplies nothing stands in a column of its own, for a logarithm has no place for it.
  const hasNone = all.some(({ madds }) => madds === 0);
  const hasUnknown = all.some(({ madds }) => madds === undefined);
  const start = margin + pen.widest(rows.map((power) => tickText(10 ** power))) + 6;
  const none = start + 14;
  const unknown = (hasNone ? none : start) + (hasNone ? 40 : 18);
  const left = hasUnknown ? unknown + 26 : hasNone ? none + 20 : start;
  const right = width - margin - 16;
  const [top, bottom] = [y, y + height];
  const yOf = (ms: number): number => bottom - ((Math.log10(ms) - lowMs) / (highMs - lowMs)) * height;
  const xOf = (madds: number | undefined): number => {
    if (madds === undefined) return unknown;
    return madds === 0 ? none : left + ((Math.log10(madds) - lowMadds) / (highMadds - lowMadds)) * (right - left);
  };
  for (const power of rows) pen.rowTick(tickText(10 ** power), { x: start, y: yOf(10 ** power) });
  if (counts.length > 0) {
    for (const power of columns) pen.columnTick(countTick(10 ** power), { x: xOf(10 ** power), y: bottom });
    pen.text('multiply-adds', { x: (left + right) / 2, y: bottom + 21 }, { anchor: 'middle' });
  }
  if (hasNone) pen.columnText('none', { x: none, y: bottom });
  if (hasUnknown) pen.columnText('unknown', { x: unknown, y: bottom });
  pen.axes(start, top, right, bottom);
  const taken = new Taken();
  // As many multiply-adds in a time as the best does: a slope of 1.
  let slope: readonly Point[] = [];
  const best = all.reduce((most, { madds, value }) => Math.max(most, (madds ?? 0) / value), 0);
  if (best > 0) {
    const clipped = (power: number): number => Math.min(highMadds, Math.max(lowMadds, power));
    const from = clipped(lowMs + Math.log10(best));
    const to = clipped(highMs + Math.log10(best));
    slope = [from, to].map((power) => ({ x: xOf(10 ** power), y: yOf(10 ** power / best) }));
    pen.line(slope, 'quiet', { dashed: true });
    const [begin, end] = slope;
    if (begin && end) {
      for (let i = 0; i <= 60; i++) {
        const [x, at] = [begin.x + ((end.x - begin.x) * i) / 60, begin.y + ((end.y - begin.y) * i) / 60];
        taken.add(x - 1, at - 2, x + 1, at + 2);
      }
    }
  }
  for (const [nth, { rows: dots }] of measured.entries()) {
    for (const { madds, value, low, high } of dots) {
      const x = xOf(madds);
      const [above, below] = [yOf(high), yOf(Math.max(low, 10 ** lowMs))];
      pen.line(
        [
          { x, y: above },
          { x, y: below },
        ],
        seriesColour(nth),
      );
      for (const end of [above, below])
        pen.line(
          [
            { x: x - 1.2, y: end },
            { x: x + 1.2, y: end },
          ],
          seriesColour(nth),
        );
      pen.dot({ x, y: yOf(value) }, seriesColour(nth));
      taken.add(x - 1.8, Math.min(above, yOf(value) - 1.8), x + 1.8, Math.max(below, yOf(value) + 1.8));
    }
  }
  const said = `${metric(best * 1000)} multiply-adds a second`;
  const saidWide = pen.width(said);
  const [begin, end] = slope;
  // As far to its end as there is room, above the line or below it.
  const beside = Array.from({ length: 40 }, (_, i) => 1 - i / 40).flatMap((part) => {
    if (!begin || !end) return [];
    const [x, at] = [begin.x + (end.x - begin.x) * part, begin.y + (end.y - begin.y) * part];
    return [
      { x: x - saidWide - 12, base: at + 4 },
      { x: x + 12, base: at + 6 },
    ];
  });
  const free = beside.find(
    ({ x, base }) =>
      x >= left && x + saidWide <= right && base - 6 >= top && base < bottom - 2 && taken.claimText(x, base, saidWide),
  );
  if (free) pen.text(said, { x: free.x, y: free.base }, { colour: 'quiet' });
  // The slowest first: behind, before, above or below its dot, or next to that; a name without room is left out.
  for (const { label, madds, value } of [...all].sort((a, b) => b.value - a.value)) {
    const shown = pen.fitted(label, mostLabel);
    const wide = pen.width(shown);
    const [x, at] = [xOf(madds), yOf(value)];
    const places = [
      { x: x + 4, base: at + 2.4 },
      { x: x - 4 - wide, base: at + 2.4 },
      { x: x - wide / 2, base: at - 4 },
      { x: x - wide / 2, base: at + 9.4 },
      ...[-9, 9, -18, 18].flatMap((down) => [
        { x: x + 6, base: at + down + 2.4 },
        { x: x - 6 - wide, base: at + down + 2.4 },
      ]),
    ];
    for (const place of places) {
      const area = [place.x, place.base - 6, place.x + wide, place.base + 2] as const;
      if (area[0] < start + 2 || area[2] > width - margin || area[1] < top - 8 || area[3] > bottom - 1) continue;
      if (!taken.claim(...area)) continue;
      pen.text(shown, { x: place.x, y: place.base });
      break;
    }
  }
  return pen.scene(heading, width, bottom + 21 + margin);
}
