/** Shapes of a plot in points, with texts measured, and the marks of axes. */
import { type Fonts, readFonts, textWidth, type Weight } from '../figure/font.ts';
import type { Point } from '../figure/placed.ts';
import type { Scene, Shape } from '../figure/scene.ts';
import { type Colour, mm, size } from '../figure/style.ts';

/** Width of the text of an A4 page of two columns: what plots are made for. */
export const textBlock = 174 * mm;

export class Pen {
  readonly shapes: Shape[] = [];
  readonly #fonts: Fonts = readFonts();

  width(text: string, weight: Weight = 'regular'): number {
    return textWidth(this.#fonts[weight], text, size.font);
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

  line(points: readonly Point[], colour: Colour, dashed = false): void {
    this.shapes.push({ kind: 'line', points, colour, dashed, arrow: false });
  }

  bar(x: number, y: number, width: number, height: number, colour: Colour): void {
    this.shapes.push({ kind: 'rect', area: { x, y, width, height }, radius: 0, fill: colour, line: colour });
  }

  /** A text that is no wider than that: its middle gives way. */
  fitted(text: string, most: number, weight: Weight = 'regular'): string {
    if (this.width(text, weight) <= most) return text;
    for (let kept = text.length - 1; kept > 1; kept--) {
      const end = Math.ceil(kept / 2);
      const cut = `${text.slice(0, kept - end)}…${text.slice(-end)}`;
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
export function roundTicks(most: number, count: number): readonly number[] {
  if (!(most > 0)) return [0];
  const rough = most / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((n) => n * power >= rough) ?? 10) * power;
  const ticks: number[] = [];
  // By multiplication, so that nothing adds up.
  for (let i = 0; i * step <= most * (1 + 1e-9); i++) ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}
