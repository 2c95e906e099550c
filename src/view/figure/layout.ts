/**
 * Where everything of a panel lies: plain coordinates in points, y down. The layers and the ways of the edges are ELK's
 * (https://eclipse.dev/elk, `layered`: Sugiyama's method, orthogonal edges), which is loaded when something is laid out.
 */
import { closed } from './closed.ts';
import type { Box, Frame, Panel } from './drawing.ts';
import { type Fonts, textWidth } from './font.ts';
import { placeU } from './layout-u.ts';
import {
  type Area,
  movedBox,
  type PlacedBox,
  type PlacedBypass,
  type PlacedEdge,
  type PlacedFrame,
  type PlacedPanel,
  type Point,
  rounded,
} from './placed.ts';
import { size } from './style.ts';

/** A box and what hangs on it, its corner at 0, 0, and where edges come in and go out. */
interface Form {
  readonly width: number;
  readonly height: number;
  readonly port: number;
  readonly box: Area;
  readonly bypass: PlacedBypass | undefined;
  readonly times: PlacedBox['times'];
  readonly label: PlacedBox['label'];
}

/** Middles are whole numbers then, as ELK places them, so that a chain is straight. */
const even = (n: number): number => 2 * Math.ceil(n / 2);

function textBox(fonts: Fonts, lines: readonly string[], isBold: boolean): { width: number; height: number } {
  const widths = lines.map((line, i) => textWidth(isBold && i === 0 ? fonts.bold : fonts.regular, line, size.font));
  return { width: even(Math.max(8, ...widths) + 2 * size.padX), height: rounded(lines.length * size.line + 2 * size.padY) };
}

/** The shape stands below the box, at the right of the line, so that it is beside every edge that leaves. */
function formOf(box: Box, fonts: Fonts): Form {
  const form = unlabelled(box, fonts);
  if (box.shape === undefined) return form;
  const label = {
    x: form.port + 3,
    y: form.height + 1,
    width: rounded(textWidth(fonts.regular, box.shape, size.font)),
    height: size.line,
    text: box.shape,
  };
  return { ...form, width: Math.max(form.width, label.x + label.width), height: form.height + size.line + 1, label };
}

function unlabelled(box: Box, fonts: Fonts): Form {
  const inner = textBox(fonts, box.lines, box.kind === 'block');
  const timesText = box.times === undefined ? undefined : `×${box.times}`;
  const timesWidth = timesText === undefined ? 0 : rounded(textWidth(fonts.bold, timesText, size.font) + 3);
  const letter = box.opens === undefined ? 0 : 12;
  const width = inner.width + letter;
  const port = rounded(width / 2);
  if (!box.bypass) {
    return {
      width: width + timesWidth,
      height: inner.height,
      port,
      box: { x: 0, y: 0, width, height: inner.height },
      bypass: undefined,
      label: undefined,
      times:
        timesText === undefined
          ? undefined
          : { x: width + 3, y: (inner.height - size.line) / 2, width: timesWidth - 3, height: size.line, text: timesText },
    };
  }
  const above = 4;
  const gap = 5;
  const { join, lines } = box.bypass;
  const pill = { width: even(textWidth(fonts.regular, join, size.font) + 8), height: size.line + 2 };
  const side = lines.length > 0 ? textBox(fonts, lines, false) : undefined;
  const middle = side ? Math.max(inner.height, side.height) : inner.height;
  const lane = rounded(width + 7 + (side ? side.width / 2 : 0));
  const joinY = above + middle + gap;
  const joinMiddle = joinY + pill.height / 2;
  const right = side ? lane + side.width / 2 : lane;
  const boxY = above + (middle - inner.height) / 2;
  return {
    width: rounded(right + Math.max(1, timesWidth)),
    height: joinY + pill.height,
    port,
    label: undefined,
    box: { x: 0, y: boxY, width, height: inner.height },
    bypass: {
      line: [
        { x: port, y: above / 3 },
        { x: lane, y: above / 3 },
        { x: lane, y: joinMiddle },
        { x: port + pill.width / 2, y: joinMiddle },
      ],
      box: side && { x: lane - side.width / 2, y: above + (middle - side.height) / 2, ...side, lines },
      join: { x: port - pill.width / 2, y: joinY, ...pill, text: join },
      body: [
        [
          { x: port, y: 0 },
          { x: port, y: boxY },
        ],
        [
          { x: port, y: boxY + inner.height },
          { x: port, y: joinY },
        ],
      ],
    },
    times:
      timesText === undefined
        ? undefined
        : { x: right + 3, y: above + (middle - size.line) / 2, width: timesWidth - 3, height: size.line, text: timesText },
  };
}

const moved = <T extends Point>(of: T, by: Point): T => ({ ...of, x: rounded(of.x + by.x), y: rounded(of.y + by.y) });

/** What ELK takes and gives, as far as it is used here. */
interface ElkNode {
  id: string;
  x?: number;
  y?: number;
  width?: number;
  height?: number;
  layoutOptions?: Record<string, string>;
  ports?: { id: string; x: number; y: number; width: number; height: number; layoutOptions?: Record<string, string> }[];
  labels?: { id?: string; text: string; x?: number; y?: number; width: number; height: number }[];
  children?: ElkNode[];
  edges?: ElkEdge[];
}
interface ElkEdge {
  id: string;
  sources: string[];
  targets: string[];
  layoutOptions?: Record<string, string>;
  labels?: { text: string; x?: number; y?: number; width: number; height: number }[];
  sections?: { startPoint: Point; bendPoints?: Point[]; endPoint: Point }[];
  container?: string;
}

/** Panels of more boxes are laid out with less care. */
const manyBoxes = 80;

interface Elk {
  layout(graph: ElkNode): Promise<ElkNode>;
}

/** Lays out panels one behind the other. */
export class Layouter {
  readonly fonts: Fonts;
  readonly #elk: Elk;

  constructor(fonts: Fonts, elk: Elk) {
    this.fonts = fonts;
    this.#elk = elk;
  }

  /**
   * A height that the panel has at least: that of its boxes on the longest way, with what lies between them. Costs next to
   * nothing, so that a page need not lay out what is too high for it.
   */
  leastHeight(panel: Panel): number {
    if (panel.boxes.some(({ cell }) => cell)) return 0;
    const heights = new Map(panel.boxes.map((box) => [box.id, formOf(box, this.fonts).height]));
    const readers = new Map<string, string[]>();
    const waits = new Map<string, number>();
    for (const { from, to } of panel.edges) {
      readers.set(from, [...(readers.get(from) ?? []), to]);
      waits.set(to, (waits.get(to) ?? 0) + 1);
    }
    const above = new Map<string, number>();
    const open = panel.boxes.map(({ id }) => id).filter((id) => !waits.has(id));
    let most = 0;
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      const end = (above.get(id) ?? 0) + (heights.get(id) ?? 0);
      most = Math.max(most, end);
      for (const to of readers.get(id) ?? []) {
        above.set(to, Math.max(above.get(to) ?? 0, end + size.between));
        const left = (waits.get(to) ?? 0) - 1;
        waits.set(to, left);
        if (left === 0) open.push(to);
      }
    }
    return most;
  }

  async place(panel: Panel): Promise<PlacedPanel> {
    if (panel.boxes.some(({ cell }) => cell)) return placeU(panel, this.fonts, (lines) => textBox(this.fonts, lines, false));
    const forms = new Map(panel.boxes.map((box) => [box.id, formOf(box, this.fonts)]));
    const done = chained(panel, forms) ?? (await this.#elk.layout(this.#asked(panel, forms)));
    return this.#read(panel, forms, done);
  }

  #asked(panel: Panel, forms: ReadonlyMap<string, Form>): ElkNode {
    const isLarge = panel.boxes.length > manyBoxes;
    const options = {
      'elk.algorithm': 'layered',
      'elk.direction': 'DOWN',
      'elk.edgeRouting': 'ORTHOGONAL',
      'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
      'elk.spacing.nodeNode': String(size.beside),
      'elk.spacing.edgeNode': '6',
      'elk.spacing.edgeEdge': '5',
      'elk.layered.spacing.nodeNodeBetweenLayers': String(size.between),
      'elk.layered.spacing.edgeNodeBetweenLayers': '5',
      'elk.layered.spacing.edgeEdgeBetweenLayers': '4',
      'elk.layered.nodePlacement.strategy': isLarge ? 'BRANDES_KOEPF' : 'NETWORK_SIMPLEX',
      'elk.layered.nodePlacement.favorStraightEdges': 'true',
      'elk.layered.thoroughness': isLarge ? '2' : '10',
      // ELK 0.12 throws where it is asked to keep an order across frames.
      ...(panel.frames.length === 0 && { 'elk.layered.considerModelOrder.strategy': 'NODES_AND_EDGES' }),
    };
    const root: ElkNode = {
      id: 'root',
      layoutOptions: { ...options, 'elk.padding': '[top=0,left=0,bottom=0,right=0]' },
      children: [],
      edges: [],
    };
    const nodes = new Map<string, ElkNode>();
    const childrenOf = (frame: string | undefined): ElkNode[] => {
      const of = frame === undefined ? root : (nodes.get(frame) ?? root);
      of.children ??= [];
      return of.children;
    };
    for (const frame of panel.frames) {
      const width = rounded(textWidth(this.fonts.bold, frameText(frame), size.font));
      const node: ElkNode = {
        id: frame.id,
        layoutOptions: {
          ...options,
          'elk.padding': `[top=${size.frameTop + size.framePad},left=${size.framePad},bottom=${size.framePad},right=${size.framePad}]`,
          'elk.nodeSize.constraints': 'MINIMUM_SIZE',
          'elk.nodeSize.minimum': `(${2 * (width + 2 * size.framePad)},0)`,
        },
        children: [],
      };
      nodes.set(frame.id, node);
      childrenOf(frame.parent).push(node);
    }
    for (const box of panel.boxes) {
      const form = forms.get(box.id);
      if (!form) continue;
      const port = { width: 0, height: 0 };
      const node: ElkNode = {
        id: box.id,
        width: form.width,
        height: form.height,
        // Where edges would come to one place anyway they come to the middle of the box, so that a chain is straight.
        ports: [
          { id: `${box.id}.in`, x: form.port, y: 0, ...port, layoutOptions: { 'elk.port.side': 'NORTH' } },
          { id: `${box.id}.out`, x: form.port, y: form.height, ...port, layoutOptions: { 'elk.port.side': 'SOUTH' } },
        ],
        layoutOptions: { 'elk.portConstraints': 'FIXED_POS' },
      };
      nodes.set(box.id, node);
      childrenOf(box.frame).push(node);
    }
    panel.edges.forEach((edge, i) => {
      root.edges?.push({
        id: `e${i}`,
        sources: [`${edge.from}.out`],
        targets: [`${edge.to}.in`],
        layoutOptions: {
          'elk.layered.priority.straightness': edge.shortcut ? '1' : '10',
          'elk.layered.priority.shortness': edge.shortcut ? '1' : '5',
        },
      });
    });
    return root;
  }

  #read(panel: Panel, forms: ReadonlyMap<string, Form>, done: ElkNode): PlacedPanel {
    const corner = new Map<string, Point & { width: number; height: number; depth: number }>();
    const stack: { node: ElkNode; at: Point; depth: number }[] = [{ node: done, at: { x: 0, y: 0 }, depth: 0 }];
    for (let top = stack.pop(); top; top = stack.pop()) {
      const { node, depth } = top;
      const at = { x: top.at.x + (node.x ?? 0), y: top.at.y + (node.y ?? 0) };
      corner.set(node.id, { ...at, width: node.width ?? 0, height: node.height ?? 0, depth });
      for (const child of node.children ?? []) stack.push({ node: child, at, depth: depth + 1 });
    }
    const boxes: PlacedBox[] = [];
    for (const box of panel.boxes) {
      const at = corner.get(box.id);
      const form = forms.get(box.id);
      if (!at || !form) continue;
      const { width, height, bypass, times, label } = form;
      const around = { x: 0, y: 0, width, height };
      boxes.push(movedBox({ box, ...form.box, around, times, label, bypass }, (of) => moved(of, at)));
    }
    const frames = panel.frames.flatMap((frame): PlacedFrame[] => {
      const at = corner.get(frame.id);
      return at
        ? [{ frame, depth: at.depth, x: rounded(at.x), y: rounded(at.y), width: at.width, height: at.height, title: undefined }]
        : [];
    });
    const edges = (done.edges ?? []).flatMap((laid, i): PlacedEdge[] => {
      const edge = panel.edges[i];
      const [section] = laid.sections ?? [];
      if (!edge || !section) return [];
      const at = corner.get(laid.container ?? 'root') ?? { x: 0, y: 0 };
      const points = [section.startPoint, ...(section.bendPoints ?? []), section.endPoint].map(({ x, y }) => moved({ x, y }, at));
      const source = boxes.find(({ box }) => box.id === edge.from);
      // From the box itself, beside its label.
      if (source?.label) points.unshift({ x: points[0]?.x ?? 0, y: source.label.y - 1 });
      return [{ edge, points: straightened(points), labels: [] }];
    });
    const titled = frames.map((frame) => ({ ...frame, title: this.#title(frame, edges) }));
    const height = rounded(done.height ?? 0);
    return closed({ panel, width: rounded(done.width ?? 0), height, boxes, frames: titled, edges });
  }

  /** The title in the widest gap between the lines that come in from above; × n alone where it is too long for it. */
  #title(frame: PlacedFrame, edges: readonly PlacedEdge[]): PlacedFrame['title'] {
    const [top, bottom] = [frame.y + 3, frame.y + 3 + size.line];
    const crossing = edges
      .flatMap(({ points }) => points.slice(1).map((to, i) => ({ from: points[i] ?? to, to })))
      .filter(({ from, to }) => Math.min(from.y, to.y) < bottom && Math.max(from.y, to.y) > top)
      .flatMap(({ from, to }) => [from.x, to.x])
      .filter((x) => x > frame.x && x < frame.x + frame.width)
      .sort((a, b) => a - b);
    const stops = [frame.x + 1, ...crossing, frame.x + frame.width - 1];
    let gap = { from: 0, to: 0 };
    stops.forEach((to, i) => {
      const from = stops[i - 1];
      if (from !== undefined && to - from > gap.to - gap.from + 0.01) gap = { from, to };
    });
    for (const text of [frameText(frame.frame), frameText({ ...frame.frame, title: '' })]) {
      const width = textWidth(this.fonts.bold, text, size.font);
      if (text !== '' && width + 8 <= gap.to - gap.from)
        return { x: gap.from + 4, y: top, width: rounded(width), height: size.line, text };
    }
    return undefined;
  }
}

/** What stands at the corner of a frame. */
export function frameText({ title, times }: Frame): string {
  return [title, times === undefined ? '' : `×${times}`].filter((part) => part !== '').join('  ');
}

/**
 * A chain without branches as ELK lays it out, whose way there takes most of the time of a drawing: below each other, straight.
 */
function chained(panel: Panel, forms: ReadonlyMap<string, Form>): ElkNode | undefined {
  if (panel.frames.length > 0 || panel.edges.length !== panel.boxes.length - 1) return undefined;
  const after = new Map(panel.edges.map(({ from, to }) => [from, to]));
  const into = new Set(panel.edges.map(({ to }) => to));
  if (after.size !== panel.edges.length || into.size !== panel.edges.length) return undefined;
  const port = [...forms.values()].reduce((most, form) => Math.max(most, form.port), 0);
  const children: ElkNode[] = [];
  const bottoms = new Map<string, number>();
  let y = 0;
  let width = 0;
  for (let id = panel.boxes.find((box) => !into.has(box.id))?.id; id !== undefined; id = after.get(id)) {
    const form = forms.get(id);
    if (!form) return undefined;
    const x = port - form.port;
    children.push({ id, x, y, width: form.width, height: form.height });
    width = Math.max(width, x + form.width);
    bottoms.set(id, y + form.height);
    y += form.height + size.between;
  }
  if (children.length !== panel.boxes.length) return undefined;
  const edges = panel.edges.map(({ from }, i): ElkEdge => {
    const bottom = bottoms.get(from) ?? 0;
    return {
      id: `e${i}`,
      sources: [],
      targets: [],
      sections: [{ startPoint: { x: port, y: bottom }, endPoint: { x: port, y: bottom + size.between } }],
    };
  });
  return { id: 'root', width, height: y - size.between, children, edges };
}

/** Without points in the middle of a straight line. */
function straightened(points: readonly Point[]): readonly Point[] {
  const near = (a: number, b: number): boolean => Math.abs(a - b) < 0.01;
  return points.filter((p, i) => {
    const [before, after] = [points[i - 1], points[i + 1]];
    if (!before || !after) return true;
    return !((near(before.x, p.x) && near(p.x, after.x)) || (near(before.y, p.y) && near(p.y, after.y)));
  });
}

/** Loads the layout library. */
export async function layouter(fonts: Fonts): Promise<Layouter> {
  // The package's types say that its default export is a class, and its code exports the class itself.
  const loaded = (await import('elkjs/lib/elk.bundled.js')) as unknown as { readonly default: new () => Elk };
  const { default: Elk } = loaded;
  return new Layouter(fonts, new Elk());
}
