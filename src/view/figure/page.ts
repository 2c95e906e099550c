/** A drawing on a page: its panels side by side or below each other, in a column of a given width. */
import { cannotDraw } from '../../diagnostics/catalogue/codegen.ts';
import { fail } from '../../diagnostics/diagnostic.ts';
import type { Drawing, Panel } from './drawing.ts';
import { readFonts, textWidth } from './font.ts';
import { type Layouter, layouter } from './layout.ts';
import type { PlacedPanel, Point } from './placed.ts';
import { type Scene, type Shape, shapesOf } from './scene.ts';
import { columnWidth, mm, pageHeight, size } from './style.ts';

export interface PageOptions {
  /** Millimetres. */
  readonly width?: number | undefined;
  readonly height?: number | undefined;
}

export interface Placed {
  readonly placed: PlacedPanel;
  /** Its corner. */
  readonly at: Point;
}

export interface Page {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly panels: readonly Placed[];
  /** Whether all of it is within the width and height that were asked for. */
  readonly fits: boolean;
}

/** Boxes of one drawing that are laid out at all. */
const mostBoxes = 3000;

/** Height of the title above a panel. */
const titleHeight = 12;

const outer = ({ panel, width, height }: PlacedPanel, layout: Layouter): { width: number; height: number } => ({
  width: Math.max(width, panel.title === '' ? 0 : textWidth(layout.fonts.bold, panel.title, size.font)),
  height: height + (panel.title === '' ? 0 : titleHeight),
});

/**
 * The first of these drawings that is no larger than the page, or the one that is least too large. The network at the left,
 * panels of blocks in columns to the right of it while there is room, and below it what is left.
 */
export async function pageOf(drawings: readonly Drawing[], options: PageOptions = {}): Promise<Page> {
  const layout = await layouter(readFonts());
  const width = (options.width ?? columnWidth) * mm;
  const height = (options.height ?? pageHeight) * mm;
  let best: Page | undefined;
  const known = new Map<string, PlacedPanel>();
  const place = async (panel: Panel): Promise<PlacedPanel> => {
    const key = JSON.stringify(panel);
    const done = known.get(key) ?? (await layout.place(panel));
    known.set(key, done);
    return done;
  };
  // Those whose network is too large without its panels come last, and are laid out whole only where nothing else fits.
  const fitting: Drawing[] = [];
  const larger: Drawing[] = [];
  const seen = new Set<Drawing>();
  for (const drawing of drawings) {
    const boxes = drawing.panels.reduce((n, panel) => n + panel.boxes.length, 0);
    if (boxes > mostBoxes) fail(cannotDraw, { with: { boxes, most: mostBoxes } });
    fitting.push(drawing);
  }
  for (let drawing = fitting.shift() ?? larger.shift(); drawing; drawing = fitting.shift() ?? larger.shift()) {
    const [main] = drawing.panels;
    if (main && !seen.has(drawing)) {
      seen.add(drawing);
      if (layout.leastHeight(main) + 2 * size.margin > height) {
        larger.push(drawing);
        continue;
      }
      const { width: w, height: h } = await place(main);
      if (w + 2 * size.margin > width || h + 2 * size.margin > height) {
        larger.push(drawing);
        continue;
      }
    }
    const placed: PlacedPanel[] = [];
    for (const panel of drawing.panels) placed.push(await place(panel));
    const pages = [placed[0]?.height ?? 0, height].map((limit) => packed(drawing.name, placed, layout, { width, height, limit }));
    const page = pages.sort((a, b) => Number(b.fits) - Number(a.fits) || a.height - b.height)[0];
    if (!page) continue;
    if (page.fits) return page;
    const excess = (one: Page): number => Math.max(0, one.width - width) * 4 + Math.max(0, one.height - height);
    if (!best || excess(page) < excess(best)) best = page;
  }
  return best ?? { name: '', width, height, panels: [], fits: true };
}

/** `limit`: how far down the columns beside the network reach. */
function packed(
  name: string,
  placed: readonly PlacedPanel[],
  layout: Layouter,
  { width, height, limit }: { readonly width: number; readonly height: number; readonly limit: number },
): Page {
  const room = width - 2 * size.margin;
  const [main, ...others] = placed;
  const panels: Placed[] = [];
  if (!main) return { name, width, height, panels, fits: true };
  panels.push({ placed: main, at: { x: 0, y: 0 } });
  /** Columns beside the network, each filled from the top; then rows below all. */
  let bottom = main.height;
  let columnX = main.width + size.panels;
  let columnY = 0;
  let columnWide = 0;
  const below: PlacedPanel[] = [];
  for (const panel of others) {
    const { width: w, height: h } = outer(panel, layout);
    if (
      columnY > 0 &&
      columnY + h > Math.max(main.height, height - 2 * size.margin) &&
      columnX + columnWide + size.panels + w <= room
    ) {
      columnX += columnWide + size.panels;
      columnY = 0;
      columnWide = 0;
    }
    if (columnX + w <= room && columnY + h <= Math.min(limit + size.panels, height - 2 * size.margin)) {
      panels.push({ placed: panel, at: { x: columnX, y: columnY } });
      columnY += h + size.panels;
      columnWide = Math.max(columnWide, w);
      bottom = Math.max(bottom, columnY - size.panels);
    } else below.push(panel);
  }
  let x = 0;
  let y = bottom + size.panels;
  let rowHeight = 0;
  for (const panel of below) {
    const { width: w, height: h } = outer(panel, layout);
    if (x > 0 && x + w > room) {
      x = 0;
      y += rowHeight + size.panels;
      rowHeight = 0;
    }
    panels.push({ placed: panel, at: { x, y } });
    x += w + size.panels;
    rowHeight = Math.max(rowHeight, h);
    bottom = Math.max(bottom, y + rowHeight);
  }
  const right = Math.max(...panels.map((one) => one.at.x + outer(one.placed, layout).width));
  const used = { width: right + 2 * size.margin, height: bottom + 2 * size.margin };
  const shift = size.margin;
  return {
    name,
    width: used.width,
    height: used.height,
    panels: panels.map((one) => ({
      placed: one.placed,
      at: { x: one.at.x + shift, y: one.at.y + shift + (one.placed.panel.title === '' ? 0 : titleHeight) },
    })),
    fits: used.width <= width + 0.01 && used.height <= height + 0.01,
  };
}

export function sceneOf(page: Page): Scene {
  const shapes: Shape[] = [];
  for (const { placed, at } of page.panels) {
    const { title } = placed.panel;
    if (title !== '') {
      const place = { x: at.x, y: at.y - titleHeight + size.base };
      shapes.push({ kind: 'text', at: place, text: title, anchor: 'start', weight: 'bold', colour: 'ink' });
    }
    shapes.push(...shapesOf(placed, at));
  }
  return { width: page.width, height: page.height, title: page.name, shapes };
}
