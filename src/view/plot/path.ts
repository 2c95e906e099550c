/** Ways through the plane, as an `ode` gives them: a line for each, a dot where it begins and an arrow where it ends. */
import type { Point } from '../figure/placed.ts';
import type { Scene } from '../figure/scene.ts';
import { mm, size } from '../figure/style.ts';
import { margin, Pen, seriesColour, ticksBetween, tickText } from './pen.ts';

export interface PathPlot {
  readonly title: string;
  /** Every path in the order of its steps; places with coordinates that are no numbers interrupt it. */
  readonly paths: readonly (readonly Point[])[];
}

/** A column of an A4 page of two. */
const pageWidth = 84 * mm;
/** Beyond this ratio of one range to the other the axes have scales of their own. */
const mostRatio = 8;

/** `width` in points. */
export function pathScene({ title, paths }: PathPlot, width: number = pageWidth): Scene {
  const pen = new Pen();
  const places = paths.flat().filter(isPlace);
  const [steps, count] = [paths[0]?.length ?? 0, paths.length];
  const note = `${steps} steps${count === 1 ? '' : `, ${count} paths`}; each begins at its dot`;
  const y = pen.heading(title, [note], width) + 8;
  const range = (of: (p: Point) => number): readonly [number, number] => {
    const low = places.reduce((least, p) => Math.min(least, of(p)), Infinity);
    const high = places.reduce((most, p) => Math.max(most, of(p)), -Infinity);
    if (!Number.isFinite(high - low)) return [0, 1];
    const room = high > low ? 0.04 * (high - low) : Math.max(0.5, 0.5 * Math.abs(low));
    return [low - room, high + room];
  };
  const xs = range((p) => p.x);
  const ys = range((p) => p.y);
  const left = margin + pen.widest(ticksBetween(ys[0], ys[1], 6).map(tickText)) + 6;
  const inside = width - margin - left;
  const [rangeX, rangeY] = [xs[1] - xs[0], ys[1] - ys[0]];
  // One scale for both, so that a circle is one; the height is at most the width, and what is wider than high is as low.
  const ratio = rangeY / rangeX;
  const isEqual = ratio < mostRatio && ratio > 1 / mostRatio;
  const height = isEqual ? inside * Math.min(1, Math.max(0.25, ratio)) : inside * 0.6;
  const scale = Math.min(inside / rangeX, height / rangeY);
  const [scaleX, scaleY] = isEqual ? [scale, scale] : [inside / rangeX, height / rangeY];
  const [shiftX, shiftY] = [(inside - rangeX * scaleX) / 2, (height - rangeY * scaleY) / 2];
  const bottom = y + height;
  const at = (p: Point): Point => ({ x: left + shiftX + (p.x - xs[0]) * scaleX, y: bottom - shiftY - (p.y - ys[0]) * scaleY });
  // As many as have room beside each other.
  const [fromX, toX, fromY, toY] = [
    xs[0] - shiftX / scaleX,
    xs[1] + shiftX / scaleX,
    ys[0] - shiftY / scaleY,
    ys[1] + shiftY / scaleY,
  ];
  const columns =
    [6, 5, 4, 3, 2, 1]
      .map((count) => ticksBetween(fromX, toX, count))
      .find((ticks) => ticks.length * (pen.widest(ticks.map(tickText)) + 6) <= inside) ?? [];
  const rows = ticksBetween(fromY, toY, Math.max(1, Math.min(6, Math.floor(height / 14))));
  for (const tick of columns) {
    const { x } = at({ x: tick, y: 0 });
    const half = pen.width(tickText(tick)) / 2;
    if (x + half > width - 1 || x - half < 1) continue;
    pen.columnTick(tickText(tick), { x, y: bottom }, { top: tick === 0 ? y : bottom, colour: 'frameLine' });
  }
  for (const tick of rows) {
    const place = { x: left, y: at({ x: 0, y: tick }).y };
    pen.rowTick(tickText(tick), place, { right: tick === 0 ? left + inside : left, colour: 'frameLine' });
  }
  pen.axes(left, y, left + inside, bottom);
  for (const [nth, path] of paths.entries()) {
    const colour = seriesColour(nth);
    for (const stretch of stretchesOf(path)) {
      const points = apart(stretch.map(at));
      pen.line(points, colour, { arrow: points.length > 1 && stretch.at(-1) === path.at(-1) });
    }
    const [first] = path;
    if (first && isPlace(first)) pen.dot(at(first), colour);
  }
  return pen.scene(title, width, bottom + 10.5 + margin);
}

/** Without places that lie on each other on paper: they say nothing more, and an arrow wants a direction. */
const apart = (points: readonly Point[]): readonly Point[] =>
  points.filter((p, i) => {
    const before = points[i - 1];
    return !before || Math.hypot(p.x - before.x, p.y - before.y) >= size.stroke / 10;
  });

const isPlace = ({ x, y }: Point): boolean => Number.isFinite(x) && Number.isFinite(y);

/** Without the places that are none. */
function stretchesOf(path: readonly Point[]): readonly (readonly Point[])[] {
  const out: Point[][] = [];
  let open: Point[] | undefined;
  for (const place of path) {
    if (!isPlace(place)) open = undefined;
    else if (open) open.push(place);
    else {
      open = [place];
      out.push(open);
    }
  }
  return out.filter(({ length }) => length > 1);
}
