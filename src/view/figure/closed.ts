/** Takes out of a laid-out panel what is empty all across it: ELK leaves frames longer than what they hold. */
import { type Area, movedBox, type PlacedPanel, type Point, rounded } from './placed.ts';
import { size } from './style.ts';

/** What may stay empty, so that an arrow has its length. */
const mostEmpty = size.framePad + size.between;

/** The same panel without stretches of its height that lines pass straight down and nothing else is in. */
export function closed(placed: PlacedPanel): PlacedPanel {
  const { boxes, frames, edges } = placed;
  const taken: (readonly [from: number, to: number])[] = [];
  const area = (one: Area | undefined): void => {
    if (one) taken.push([one.y, one.y + one.height]);
  };
  for (const box of boxes) area(box.around);
  for (const frame of frames) {
    area(frame.title);
    taken.push([frame.y, frame.y], [frame.y + frame.height, frame.y + frame.height]);
  }
  for (const { points, labels } of edges) {
    for (const label of labels) area(label);
    // Ends and corners.
    for (const { y } of points) taken.push([y, y]);
  }
  taken.sort((a, b) => a[0] - b[0]);
  /** From where on everything lies higher, and by how much. */
  const cuts: (readonly [from: number, by: number])[] = [];
  let bottom = taken[0]?.[0] ?? 0;
  for (const [from, to] of taken) {
    if (from - bottom > mostEmpty) cuts.push([from, from - bottom - mostEmpty]);
    bottom = Math.max(bottom, to);
  }
  if (cuts.length === 0) return placed;
  const up = (y: number): number => rounded(cuts.reduce((at, [from, by]) => (y >= from ? at - by : at), y));
  const moved = <T extends Point>(of: T): T => ({ ...of, y: up(of.y) });
  const shrunk = <T extends Area>(of: T): T => ({ ...of, y: up(of.y), height: up(of.y + of.height) - up(of.y) });
  return {
    ...placed,
    height: placed.height - cuts.reduce((sum, [, by]) => sum + by, 0),
    boxes: boxes.map((box) => movedBox(box, moved)),
    frames: frames.map((frame) => ({ ...shrunk(frame), title: frame.title && moved(frame.title) })),
    edges: edges.map((edge) => ({ ...edge, points: edge.points.map(moved), labels: edge.labels.map(moved) })),
  };
}
