/** Shapes of a plot in points, with texts measured, and the marks of axes. */
import { metric } from '../count-text.ts';
import { type Fonts, readFonts, textWidth, type Weight } from '../figure/font.ts';
import type { Point } from '../figure/placed.ts';
import type { Scene, Shape } from '../figure/scene.ts';
import { type Colour, mm, size } from '../figure/style.ts';

/** Width of the text of an A4 page of two columns: what plots are made for. */
export const textBlock = 174 * mm;
/** Around what a plot holds. */
export const margin = 6;

export class Pen {
  readonly shapes: Shape[] = [];
  readonly #fonts: Fonts = readFonts();

  width(text: string, weight: Weight = 'regular'): number {
    return textWidth(this.#fonts[weight], text, size.font);
  }

  /** That of the widest of these texts; 0 where there are none. */
  widest(texts: readonly string[]): number {
    return texts.reduce((most, text) => Math.max(most, this.width(text)), 0);
  }

  /** On a base line, from its left end, about its middle, or up to its right end. */
  text(
    text: string,
    at: Point,
    style: { readonly anchor?: 'start' | 'middle' | 'end'; readonly weight?: Weight; readonly colour?: Colour } = {},
  ): void {
    const { anchor = 'start', weight = 'regular', colour = 'ink' } = style;
    const left = anchor === 'end' ? at.x - this.width(text, weight) : at.x;
    const place = { x: left, y: at.y };
    this.shapes.push({ kind: 'text', at: place, text, anchor: anchor === 'middle' ? 'middle' : 'start', weight, colour });
  }

  line(points: readonly Point[], colour: Colour, { dashed = false, arrow = false } = {}): void {
    this.shapes.push({ kind: 'line', points, colour, dashed, arrow, sharp: true });
  }

  bar(x: number, y: number, width: number, height: number, colour: Colour): void {
    this.shapes.push({ kind: 'rect', area: { x, y, width, height }, radius: 0, fill: colour, line: colour });
  }

  dot(at: Point, colour: Colour): void {
    this.shapes.push({ kind: 'dot', at, colour });
  }

  /** Two axes that meet at the lower left. */
  axes(left: number, top: number, right: number, bottom: number): void {
    this.line(
      [
        { x: left, y: top },
        { x: left, y: bottom },
        { x: right, y: bottom },
      ],
      'layerLine',
    );
  }

  /** At the left of an axis that goes up. */
  rowText(text: string, { x, y }: Point): void {
    this.text(text, { x: x - 5, y: y + 2.5 }, { anchor: 'end', colour: 'quiet' });
  }

  /** Below an axis that goes to the right. */
  columnText(text: string, { x, y }: Point): void {
    this.text(text, { x, y: y + 10.5 }, { anchor: 'middle', colour: 'quiet' });
  }

  /** A mark on an axis that goes up, at its left, with its text; with `right` a line across as far as that. */
  rowTick(text: string, { x, y }: Point, { right = x, colour = 'layerLine' }: { right?: number; colour?: Colour } = {}): void {
    this.line(
      [
        { x: x - 3, y },
        { x: right, y },
      ],
      colour,
    );
    this.rowText(text, { x, y });
  }

  /** A mark on an axis that goes to the right, below it, with its text; with `top` a line across as far as that. */
  columnTick(text: string, { x, y }: Point, { top = y, colour = 'layerLine' }: { top?: number; colour?: Colour } = {}): void {
    this.line(
      [
        { x, y: top },
        { x, y: y + 3 },
      ],
      colour,
    );
    this.columnText(text, { x, y });
  }

  /** The title, and below it what it was counted or measured at. Returns the base of the last line. */
  heading(title: string, notes: readonly string[], width: number): number {
    const inside = width - 2 * margin;
    let y = margin + size.base;
    this.text(this.fitted(title, inside, 'bold'), { x: margin, y }, { weight: 'bold' });
    for (const line of notes.flatMap((note) => (note === '' ? [] : this.wrapped(note, inside)))) {
      y += size.line;
      this.text(line, { x: margin, y }, { colour: 'quiet' });
    }
    return y;
  }

  /** A text that is no wider than that: its middle gives way. */
  fitted(text: string, most: number, weight: Weight = 'regular'): string {
    if (this.width(text, weight) <= most) return text;
    for (let kept = text.length - 1; kept > 1; kept--) {
      const end = Math.ceil(kept / 2);
      const cut = `${text.slice(0, kept - end).trimEnd()}…${text.slice(-end).trim()}`;
      if (this.width(cut, weight) <= most) return cut;
    }
    return '…';
  }

  /** Lines of words that are no wider than that. */
  wrapped(text: string, most: number): readonly string[] {
    const lines: string[] = [];
    for (const word of text.split(' ')) {
      const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`;
      if (lines.length > 0 && this.width(longer) <= most) lines[lines.length - 1] = longer;
      else lines.push(this.fitted(word, most));
    }
    return lines;
  }

  scene(title: string, width: number, height: number): Scene {
    return { width, height, title, shapes: this.shapes };
  }
}

/** At most so many round numbers from 0 on: 1, 2 or 5 times a power of ten. */
export const roundTicks = (most: number, count: number): readonly number[] => (most > 0 ? ticksBetween(0, most, count) : [0]);

/** The multiples of 1, 2 or 5 times a power of ten between two numbers, about so many. */
export function ticksBetween(least: number, most: number, count: number): readonly number[] {
  const rough = (most - least) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((n) => n * power >= rough) ?? 10) * power;
  const ticks: number[] = [];
  // By multiplication, so that nothing adds up.
  for (let i = Math.ceil(least / step - 1e-9); i * step <= most + 1e-9 * (most - least); i++)
    ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}

/** Exponents of ten from below the least to above the most, one apart or, where that would be too many, several. */
export function powersBetween(least: number, most: number, count: number): readonly number[] {
  const low = Math.floor(Math.log10(least) + 1e-9);
  const high = Math.max(low + 1, Math.ceil(Math.log10(most) - 1e-9));
  const step = Math.max(1, Math.ceil((high - low) / count));
  return Array.from({ length: Math.ceil((high - low) / step) + 1 }, (_, i) => low + i * step);
}

/** A round count beside an axis: `200 M`, `1.5 k`. */
export const countTick = (n: number): string =>
  metric(n)
    .replace(/(\.\d*?)0+(?= |$)/, '$1')
    .replace(/\.(?= |$)/, '');

/** A number beside an axis: `0`, `0.25`, `1e-7`. */
export function tickText(tick: number): string {
  const magnitude = Math.abs(tick);
  if (tick !== 0 && (magnitude < 1e-3 || magnitude >= 1e5))
    return Number(tick.toPrecision(6)).toExponential().replace('e+', 'e').replaceAll('-', '−');
  return String(Number(tick.toPrecision(6))).replace('-', '−');
}

const seriesColours: readonly Colour[] = ['blockLine', 'shortcut', 'joinLine', 'edge'];
/** Of one of several series; after the last colour the first again. */
export const seriesColour = (nth: number): Colour => seriesColours[nth % seriesColours.length] ?? 'blockLine';

/** Areas of texts and marks, so that names are written only where they touch nothing. */
export class Taken {
  readonly #areas: (readonly [left: number, top: number, right: number, bottom: number])[] = [];

  add(left: number, top: number, right: number, bottom: number): void {
    this.#areas.push([left, top, right, bottom]);
  }

  /** Whether nothing is there; it is taken then. */
  claim(left: number, top: number, right: number, bottom: number): boolean {
    if (this.#areas.some(([l, t, r, b]) => l < right && left < r && t < bottom && top < b)) return false;
    this.add(left, top, right, bottom);
    return true;
  }

  /** The same for a text of that width, which begins at `x` on the line `base`. */
  claimText(x: number, base: number, width: number): boolean {
    return this.claim(x, base - 6, x + width, base + 2);
  }
}
