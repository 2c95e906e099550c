/** How far every layer is off, in the order of the network, on a logarithmic axis: where a model loses its digits. */
import type { Scene } from '../figure/scene.ts';
import { type Colour, size } from '../figure/style.ts';
import { margin, Pen, powersBetween, Taken, textBlock, tickText } from './pen.ts';

export interface ErrorRow {
  readonly label: string;
  /** `layer1`, which is said below a stretch of the axis. */
  readonly group: string;
  /** max|y − r| / max|r| of the layer's results; 0 where they are equal, infinite where a number is none. */
  readonly error: number;
}

/** What errors are held against. */
export interface ErrorBound {
  readonly text: string;
  readonly value: number;
}

export interface ErrorPlot {
  readonly title: string;
  /** What was run, and against what. */
  readonly notes: readonly string[];
  readonly rows: readonly ErrorRow[];
  readonly bounds: readonly ErrorBound[];
}

const height = 150;
/** The largest errors that are named, of those that are tried. */
const [mostNamed, mostTried] = [4, 24];

/** `width` in points. */
export function errorScene({ title, notes, rows, bounds }: ErrorPlot, width: number = textBlock): Scene {
  const pen = new Pen();
  const heading = `Error per layer: ${title}`;
  let y = pen.heading(heading, notes, width) + size.line + 4;
  pen.text('largest error / largest element of the layer', { x: margin, y });
  y += 8;
  const values = [...rows.map(({ error }) => error), ...bounds.map(({ value }) => value)];
  const finite = values.filter((error) => error > 0 && Number.isFinite(error));
  // By folding, because a spread of as many arguments as a network has layers may overflow the stack.
  const least = finite.reduce((a, b) => Math.min(a, b), 1);
  const most = finite.reduce((a, b) => Math.max(a, b), least);
  const powers = powersBetween(least, most, 8);
  const [low = 0] = powers;
  const high = powers.at(-1) ?? low + 1;
  const hasInfinite = rows.some(({ error }) => !Number.isFinite(error));
  const hasZero = rows.some(({ error }) => error === 0);
  const names = [
    ...powers.map((power) => tickText(10 ** power)),
    ...(hasZero ? ['equal'] : []),
    ...(hasInfinite ? ['no number'] : []),
  ];
  const left = margin + pen.widest(names) + 6;
  const right = width - margin;
  const top = y + (hasInfinite ? 12 : 0);
  const bottom = top + height;
  const zero = bottom + 12;
  const yOf = (error: number): number => {
    if (error === 0) return zero;
    if (!Number.isFinite(error)) return y;
    return bottom - ((Math.log10(error) - low) / (high - low)) * height;
  };
  const xOf = (nth: number): number => left + 5 + (right - left - 10) * (rows.length < 2 ? 0.5 : nth / (rows.length - 1));
  for (const power of powers) pen.rowTick(tickText(10 ** power), { x: left, y: yOf(10 ** power) });
  if (hasZero) pen.rowText('equal', { x: left, y: zero });
  if (hasInfinite) pen.rowText('no number', { x: left, y });
  pen.line(
    [
      { x: left, y: hasInfinite ? y : top },
      { x: left, y: hasZero ? zero : bottom },
    ],
    'layerLine',
  );
  const taken = new Taken();
  for (const { value } of bounds)
    pen.line(
      [
        { x: left, y: yOf(value) },
        { x: right, y: yOf(value) },
      ],
      'shortcut',
      { dashed: true },
    );
  const limit = bounds.reduce((a, { value }) => Math.max(a, value), 0);
  for (const [nth, { error }] of rows.entries()) {
    const at = { x: xOf(nth), y: yOf(error) };
    pen.dot(at, dotColour(error, limit));
    taken.add(at.x - 1.5, at.y - 1.5, at.x + 1.5, at.y + 1.5);
  }
  // A bound is named above its line at the right, else below it, else at the left, where no dot lies.
  for (const { text, value } of bounds) {
    const shown = pen.fitted(`${text} ${value.toExponential(1)}`, right - left - 8);
    const wide = pen.width(shown);
    const places = [right - wide, left + 3, (left + right - wide) / 2].flatMap((x) =>
      [-3, 8].map((down) => ({ x, base: yOf(value) + down })),
    );
    const free = places.find(({ x, base }) => taken.claimText(x, base, wide));
    const place = free ?? places[0] ?? { x: left, base: top };
    pen.text(shown, { x: place.x, y: place.base }, { colour: 'shortcut' });
    taken.add(left, yOf(value) - 0.5, right, yOf(value) + 0.5);
  }
  // Names of the largest, where they touch nothing.
  const largest = rows.map((row, nth) => ({ ...row, nth })).sort((a, b) => b.error - a.error || a.nth - b.nth);
  let named = 0;
  for (const { label, error, nth } of largest.slice(0, mostTried)) {
    if (named === mostNamed || !(error > 0)) break;
    const shown = pen.fitted(
      `${label} ${Number.isFinite(error) ? error.toExponential(1) : 'no number'}`,
      Math.min(170, (right - left) / 2),
    );
    const wide = pen.width(shown);
    const x = Math.max(left + 3, Math.min(xOf(nth) - wide / 2, right - wide));
    for (const base of [yOf(error) - 4, yOf(error) + 9]) {
      if (base - 6 < y || base > bottom || !taken.claimText(x, base, wide)) continue;
      pen.text(shown, { x, y: base });
      named++;
      break;
    }
  }
  const below = (hasZero ? zero : bottom) + 12;
  groupsIn(rows).forEach(({ name, from, to }) => {
    const [a, b] = [xOf(from) - 2, xOf(to) + 2];
    const shown = pen.fitted(name, b - a - 2);
    // A stretch too short for a word of its name says nothing.
    if (shown !== name && (shown.length < 5 || pen.width(shown) > b - a)) return;
    pen.line(
      [
        { x: a, y: below - 6 },
        { x: a, y: below - 4 },
        { x: b, y: below - 4 },
        { x: b, y: below - 6 },
      ],
      'layerLine',
    );
    pen.text(shown, { x: (a + b) / 2, y: below + 4 }, { anchor: 'middle', colour: 'quiet' });
  });
  pen.text('layers in the order of the network', { x: (left + right) / 2, y: below + 15 }, { anchor: 'middle' });
  return pen.scene(heading, width, below + 15 + margin);
}

const dotColour = (error: number, limit: number): Colour => (error > limit ? 'shortcut' : 'blockLine');

function groupsIn(rows: readonly ErrorRow[]): readonly { readonly name: string; readonly from: number; readonly to: number }[] {
  const groups: { readonly name: string; readonly from: number; to: number }[] = [];
  rows.forEach(({ group }, nth) => {
    const last = groups.at(-1);
    if (last?.name === group) last.to = nth;
    else groups.push({ name: group, from: nth, to: nth });
  });
  return groups.filter(({ name }) => name !== '');
}
