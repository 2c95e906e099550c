/** What is drawn, in points and by the names of colours: the one list that the writers of SVG and PDF go through. */
import type { BoxKind } from './drawing.ts';
import type { Weight } from './font.ts';
import type { Area, PlacedPanel, Point } from './placed.ts';
import { type Colour, size } from './style.ts';

export type Shape =
  | {
      readonly kind: 'rect';
      readonly area: Area;
      readonly radius: number;
      readonly fill: Colour;
      readonly line: Colour;
      readonly dashed?: boolean;
    }
  | {
      readonly kind: 'line';
      readonly points: readonly Point[];
      readonly colour: Colour;
      readonly dashed: boolean;
      readonly arrow: boolean;
      /** Its corners are not cut round: they are data. */
      readonly sharp?: boolean;
    }
  | { readonly kind: 'dot'; readonly at: Point; readonly colour: Colour }
  | {
      readonly kind: 'text';
      /** Left end of the base line, or its middle. */
      readonly at: Point;
      readonly text: string;
      readonly anchor: 'start' | 'middle';
      readonly weight: Weight;
      readonly colour: Colour;
    };

export interface Scene {
  readonly width: number;
  readonly height: number;
  readonly title: string;
  readonly shapes: readonly Shape[];
}

const fills: Readonly<Record<BoxKind, readonly [Colour, Colour]>> = {
  input: ['end', 'endLine'],
  output: ['end', 'endLine'],
  tap: ['end', 'shortcut'],
  layer: ['layer', 'layerLine'],
  join: ['join', 'joinLine'],
  block: ['block', 'blockLine'],
};

/** Lines of text in the middle of an area. */
function texts(area: Area, lines: readonly string[], isBold: boolean, colour: Colour): Shape[] {
  const top = area.y + (area.height - lines.length * size.line) / 2;
  return lines.map((text, i) => ({
    kind: 'text',
    at: { x: area.x + area.width / 2, y: top + i * size.line + size.base },
    text,
    anchor: 'middle',
    weight: isBold && i === 0 ? 'bold' : 'regular',
    colour: isBold && i > 0 ? 'quiet' : colour,
  }));
}

/** A panel as shapes, its corner at `at`: frames below, then lines, then boxes and texts. */
export function shapesOf(placed: PlacedPanel, at: Point): readonly Shape[] {
  const shapes: Shape[] = [];
  const shift = <T extends Point>(of: T): T => ({ ...of, x: of.x + at.x, y: of.y + at.y });
  for (const frame of [...placed.frames].sort((a, b) => a.depth - b.depth)) {
    const area = shift({ x: frame.x, y: frame.y, width: frame.width, height: frame.height });
    shapes.push({ kind: 'rect', area, radius: 3, fill: 'frame', line: 'frameLine', dashed: true });
  }
  for (const { edge, points } of placed.edges) {
    const into = placed.boxes.find(({ box }) => box.id === edge.to);
    const colour = edge.shortcut ? 'shortcut' : 'edge';
    shapes.push({ kind: 'line', points: points.map(shift), colour, dashed: false, arrow: !into?.bypass });
  }
  for (const { bypass } of placed.boxes) {
    if (!bypass) continue;
    const [start] = bypass.line;
    shapes.push({ kind: 'line', points: bypass.line.map(shift), colour: 'shortcut', dashed: false, arrow: true });
    for (const line of bypass.body)
      shapes.push({ kind: 'line', points: line.map(shift), colour: 'edge', dashed: false, arrow: true });
    if (start) shapes.push({ kind: 'dot', at: shift(start), colour: 'shortcut' });
  }
  for (const frame of placed.frames) {
    const { title } = frame;
    if (!title) continue;
    const place = shift({ x: title.x, y: title.y + size.base });
    shapes.push({ kind: 'text', at: place, text: title.text, anchor: 'start', weight: 'bold', colour: 'quiet' });
  }
  for (const placedBox of placed.boxes) {
    const { box, bypass, times } = placedBox;
    const area = shift({ x: placedBox.x, y: placedBox.y, width: placedBox.width, height: placedBox.height });
    const [fill, line] = fills[box.kind];
    const isPill = box.kind === 'input' || box.kind === 'output' || box.kind === 'tap' || box.kind === 'join';
    shapes.push({ kind: 'rect', area, radius: isPill ? area.height / 2 : size.radius, fill, line });
    if (box.opens === undefined) shapes.push(...texts(area, box.lines, false, 'ink'));
    else {
      shapes.push(...texts({ ...area, x: area.x + 12, width: area.width - 12 }, box.lines, true, 'ink'));
      const badge = { x: area.x, y: area.y, width: 12, height: area.height };
      shapes.push({ kind: 'rect', area: badge, radius: size.radius, fill: 'blockLine', line: 'blockLine' });
      shapes.push(...texts(badge, [box.opens], true, 'paper'));
    }
    if (bypass) {
      const join = shift({ ...bypass.join });
      shapes.push({ kind: 'rect', area: join, radius: join.height / 2, fill: 'join', line: 'joinLine' });
      shapes.push(...texts(join, [join.text], false, 'ink'));
      if (bypass.box) {
        const side = shift({ ...bypass.box });
        shapes.push({ kind: 'rect', area: side, radius: size.radius, fill: 'layer', line: 'layerLine' });
        shapes.push(...texts(side, side.lines, false, 'ink'));
      }
    }
    if (times) {
      const place = shift({ x: times.x, y: times.y + size.base });
      shapes.push({ kind: 'text', at: place, text: times.text, anchor: 'start', weight: 'bold', colour: 'ink' });
    }
  }
  const labels = [...placed.boxes.flatMap(({ label }) => label ?? []), ...placed.edges.flatMap((edge) => edge.labels)];
  for (const label of labels) {
    const place = shift({ x: label.x, y: label.y + size.base });
    shapes.push({ kind: 'text', at: place, text: label.text, anchor: 'start', weight: 'regular', colour: 'quiet' });
  }
  return shapes;
}
