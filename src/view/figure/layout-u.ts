/** Where everything of a U lies: two columns with a row for each level, and the bottom between them. */
import type { Edge, Panel } from './drawing.ts';
import { type Fonts, textWidth } from './font.ts';
import type { Area, PlacedBox, PlacedEdge, PlacedPanel, Point } from './placed.ts';
import { size } from './style.ts';

/** Between the rows of a U, for the shape beside the line and for the head of its arrow. */
const between = size.line + 8;
/** The least length of a skip. */
const leastSkip = 30;

/** `measure` gives the size of a box with such lines. */
export function placeU(
  panel: Panel,
  fonts: Fonts,
  measure: (lines: readonly string[]) => { width: number; height: number },
): PlacedPanel {
  const widthOf = (text: string): number => textWidth(fonts.regular, text, size.font);
  const sizes = new Map(panel.boxes.map((box) => [box.id, measure(box.lines)]));
  const columnWidth = (column: string): number =>
    Math.max(0, ...panel.boxes.filter(({ cell }) => cell?.column === column).map(({ id }) => sizes.get(id)?.width ?? 0));
  const [left, right, middle] = [columnWidth('left'), columnWidth('right'), columnWidth('middle')];
  const skipWidth = Math.max(leastSkip, ...panel.edges.flatMap(({ lines = [] }) => lines.map((line) => widthOf(line) + 12)));
  const gap = Math.max(skipWidth, middle + 24 - (left + right) / 2);
  const centre = { left: left / 2, right: left + gap + right / 2, middle: left + gap / 2 };
  const rows = [...new Set(panel.boxes.map(({ cell }) => cell?.row ?? 0))].sort((a, b) => a - b);
  const boxes: PlacedBox[] = [];
  let y = 0;
  for (const row of rows) {
    const here = panel.boxes.filter(({ cell }) => cell?.row === row);
    const height = Math.max(...here.map(({ id }) => sizes.get(id)?.height ?? 0));
    for (const box of here) {
      const column = box.cell?.column ?? 'left';
      const { width, height: own } = sizes.get(box.id) ?? { width: 0, height: 0 };
      const x = centre[column] - width / 2;
      const area = { x, y: y + (height - own) / 2, width, height: own };
      // The shape stands where the line goes on: below what goes down, above what comes up or is at the bottom.
      const labelY = column === 'right' ? area.y - size.line - 1 : area.y + own + 1;
      const labelX = (column === 'middle' ? centre.right : centre[column]) + 3;
      const at = column === 'middle' ? y - size.line - 1 : labelY;
      const label =
        box.shape === undefined ? undefined : { x: labelX, y: at, width: widthOf(box.shape), height: size.line, text: box.shape };
      boxes.push({ box, ...area, around: area, bypass: undefined, times: undefined, label });
    }
    y += height + between;
  }
  const placed = new Map(boxes.map((one) => [one.box.id, one]));
  const edges = panel.edges.flatMap((edge): PlacedEdge[] => {
    const [from, to] = [placed.get(edge.from), placed.get(edge.to)];
    if (!from || !to) return [];
    const points = routed(from, to);
    return [{ edge, points, labels: skipLabels(edge, points, widthOf) }];
  });
  const width = Math.max(left + gap + right, ...boxes.flatMap(({ label }) => (label ? [label.x + label.width] : [])));
  return { panel, width, height: y - between, boxes, frames: [], edges };
}

function routed(from: PlacedBox, to: PlacedBox): readonly Point[] {
  const middleX = (of: Area): number => of.x + of.width / 2;
  const middleY = (of: Area): number => of.y + of.height / 2;
  const [a, b] = [from.box.cell?.column, to.box.cell?.column];
  if (a === b && from.y < to.y)
    return [
      { x: middleX(from), y: from.y + from.height },
      { x: middleX(to), y: to.y },
    ];
  if (a === b)
    return [
      { x: middleX(from), y: from.y },
      { x: middleX(to), y: to.y + to.height },
    ];
  if (a === 'left' && b === 'right')
    return [
      { x: from.x + from.width, y: middleY(from) },
      { x: to.x, y: middleY(from) },
    ];
  if (b === 'middle')
    return [
      { x: middleX(from), y: from.y + from.height },
      { x: middleX(from), y: middleY(to) },
      { x: to.x, y: middleY(to) },
    ];
  return [
    { x: from.x + from.width, y: middleY(from) },
    { x: middleX(to), y: middleY(from) },
    { x: middleX(to), y: to.y + to.height },
  ];
}

/** What lies on a skip stands above its line, the shape below. */
function skipLabels({ lines = [] }: Edge, points: readonly Point[], widthOf: (text: string) => number): PlacedEdge['labels'] {
  const [start, end] = points;
  if (!start || !end) return [];
  return lines.map((text, i) => {
    const width = widthOf(text);
    const isLast = i === lines.length - 1;
    const y = isLast ? start.y + 1.5 : start.y - size.line * (lines.length - 1 - i) - 1;
    return { x: (start.x + end.x - width) / 2, y, width, height: size.line, text };
  });
}
