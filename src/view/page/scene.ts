/**
 * What of a model is on the page, and where: boxes for nodes and closed scopes, frames around open ones, lines between. Laid out
 * scope by scope from the inside, so that opening one costs its own size and that of those around it.
 */
import { type Layout, type LayoutItem, layoutLevel, type Point } from './layout.ts';
import type { PageModel, PageNode, PagePart } from './model.ts';

/** How wide a text is, in units of the drawing. */
export type Measure = (text: string, style: 'title' | 'plain') => number;

export interface SceneBox {
  /** A node by its number, a closed part as -1 - number. */
  readonly item: number;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** In bold, behind it in plain, and below both. */
  readonly title: string;
  readonly details: string;
  readonly below: string;
}

export interface SceneFrame {
  readonly part: number;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly title: string;
  /** Where its title begins, beside the lines that come in. */
  readonly titleX: number;
}

export interface SceneLine {
  readonly points: readonly Point[];
  readonly shortcut: boolean;
  /** The node that gives the value. */
  readonly from: number;
  /** The box that it ends at; undefined where it leaves or enters a frame. */
  readonly ends: number | undefined;
  /** The boxes that it stands between, within its level. */
  readonly between: readonly [number | undefined, number | undefined];
}

/** A value that comes from too far away for a line: a stub above the box that reads it. */
export interface SceneStub {
  readonly x: number;
  readonly y: number;
  readonly from: number;
  readonly to: number;
}

export interface Scene {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly SceneBox[];
  readonly frames: readonly SceneFrame[];
  readonly lines: readonly SceneLine[];
  readonly stubs: readonly SceneStub[];
}

/** Of boxes: inside, between title and details, and lines of text. */
export const boxPadding = 10;
export const wordGap = 6;
export const [titleBaseline, belowBaseline, twoLines, oneLine] = [17, 32, 40, 26];
/** Of frames. */
export const [frameHead, framePadding] = [26, 14];
/** The loop beside a closed scope that a shortcut passes. */
export const loopWidth = 14;
const margin = 24;
/** Longer names are cut in the middle, and whole in the panel. */
const longestText = 46;

export function shortened(text: string, most = longestText): string {
  if (text.length <= most) return text;
  const end = Math.floor((most - 1) / 2);
  return `${text.slice(0, most - 1 - end)}…${text.slice(-end)}`;
}

/** `64×56×56` of `f32[N, 64, 56, 56]`, as it stands in boxes. */
export function shapeText(type: string): string {
  const sizes = /^\w+\[(.*)\]$/.exec(type)?.[1];
  if (sizes === undefined) return type;
  // Commas within formulas stay.
  return sizes === '' ? 'scalar' : sizes.split(/, (?![^(]*\))/).join('×');
}

/** The parts that hold a node, from the outermost. */
export class Containment {
  readonly partOf: readonly number[];
  readonly #parts: readonly PagePart[];
  readonly #paths = new Map<number, readonly number[]>();

  constructor({ nodes, parts }: PageModel) {
    const partOf = nodes.map(() => 0);
    parts.forEach(({ items }, part) => {
      for (const item of items) if (item >= 0) partOf[item] = part;
    });
    this.partOf = partOf;
    this.#parts = parts;
  }

  pathOf(part: number): readonly number[] {
    const known = this.#paths.get(part);
    if (known) return known;
    const path: number[] = [];
    for (let at = part; at >= 0; at = this.#parts[at]?.parent ?? -1) path.unshift(at);
    this.#paths.set(part, path);
    return path;
  }
}

interface Level {
  /** Nodes, parts as -1 - number, and ports, each in its place. */
  readonly items: (number | { readonly port: 'in' | 'out'; readonly key: number })[];
  readonly places: Map<string, number>;
  readonly edges: Map<string, { from: string; to: string; key: number; shortcut: boolean }>;
  readonly inPorts: string[];
  readonly outPorts: string[];
}

interface Placed {
  readonly layout: Layout;
  readonly order: readonly string[];
  readonly edges: readonly { from: string; to: string; key: number; shortcut: boolean }[];
  readonly width: number;
  readonly height: number;
  readonly contentX: number;
  readonly titleX: number;
  /** Where values cross the frame, from its left side. */
  readonly inAt: ReadonlyMap<number, number>;
  readonly outAt: ReadonlyMap<number, number>;
}

const nameOf = (item: number): string => (item >= 0 ? `n${item}` : `p${-1 - item}`);
const itemOf = (name: string): number => (name.startsWith('n') ? Number(name.slice(1)) : -1 - Number(name.slice(1)));

export function sceneOf(model: PageModel, containment: Containment, open: ReadonlySet<number>, measure: Measure): Scene {
  const { nodes, parts } = model;
  const isOpen = parts.map(() => false);
  parts.forEach(({ parent }, part) => {
    // A part stands behind the one around it.
    isOpen[part] = part === 0 || (open.has(part) && isOpen[parent] === true);
  });
  const levels = levelsOf(model, containment, isOpen);
  const sizes = new Map<string, Size>();
  const sizeOf = (item: number): Size => {
    const name = nameOf(item);
    const known =
      sizes.get(name) ?? (item >= 0 ? nodeSize(nodes[item], model, measure) : partSize(parts[-1 - item], model, measure));
    sizes.set(name, known);
    return known;
  };
  const placed: (Placed | undefined)[] = [];
  for (let part = parts.length - 1; part >= 0; part--) {
    const level = levels[part];
    const of = parts[part];
    if (level && of) placed[part] = placeLevel(level, part === 0 ? '' : shortened(of.title), placed, sizeOf, measure);
  }
  return drawn(model, placed, sizeOf);
}

function levelsOf(
  { nodes, parts }: PageModel,
  containment: Containment,
  isOpen: readonly boolean[],
): readonly (Level | undefined)[] {
  const levels = parts.map(({ items }, part): Level | undefined => {
    if (!isOpen[part]) return undefined;
    return { items: [...items], places: new Map(), edges: new Map(), inPorts: [], outPorts: [] };
  });
  const join = (part: number, from: string, to: string, key: number, shortcut: boolean): void => {
    const level = levels[part];
    if (!level || from === to) return;
    const told = [from, to].some((end) => /^[io]/.test(end) || (end.startsWith('p') && isOpen[Number(end.slice(1))]));
    const name = `${from} ${to}${told ? ` ${key}` : ''}`;
    const known = level.edges.get(name);
    if (!known) level.edges.set(name, { from, to, key, shortcut });
    else if (!shortcut) known.shortcut = false;
    if (from.startsWith('i') && !level.inPorts.includes(from)) level.inPorts.push(from);
    if (to.startsWith('o') && !level.outPorts.includes(to)) level.outPorts.push(to);
  };
  nodes.forEach((node, to) => {
    for (const { node: from, shortcut = false } of node.operands) {
      if (from === undefined) continue;
      const [a, b] = [containment.pathOf(containment.partOf[from] ?? 0), containment.pathOf(containment.partOf[to] ?? 0)];
      let common = 0;
      while (a[common + 1] !== undefined && a[common + 1] === b[common + 1]) common++;
      /** What holds the node at a level of its path. */
      const at = (path: readonly number[], level: number, own: number): string => {
        const inner = path[level + 1];
        return inner === undefined ? `n${own}` : `p${inner}`;
      };
      join(a[common] ?? 0, at(a, common, from), at(b, common, to), from, shortcut);
      for (let level = common + 1; level < a.length; level++) join(a[level] ?? 0, at(a, level, from), `o${from}`, from, shortcut);
      for (let level = common + 1; level < b.length; level++) join(b[level] ?? 0, `i${from}`, at(b, level, to), from, shortcut);
    }
  });
  return levels;
}

interface Size {
  readonly width: number;
  readonly height: number;
  readonly title: string;
  readonly details: string;
  readonly below: string;
}

function sized(title: string, details: string, below: string, more: number, measure: Measure): Size {
  const first = measure(title, 'title') + (details === '' ? 0 : wordGap + measure(details, 'plain'));
  const width = Math.max(56, Math.ceil(Math.max(first, measure(below, 'plain')) + 2 * boxPadding + more));
  return { width, height: below === '' ? oneLine : twoLines, title, details, below };
}

function nodeSize(node: PageNode | undefined, { types }: PageModel, measure: Measure): Size {
  if (!node) return sized('', '', '', 0, measure);
  const shape = shapeText(types[node.types[0] ?? -1] ?? '');
  const label =
    node.name
      .split(/[./]/)
      .filter((part) => part !== '')
      .at(-1) ?? '';
  const below = [label, shape].filter((text) => text !== '').map((text) => shortened(text, 36));
  return sized(shortened(node.title), shortened(node.details, 32), below.join(' · '), 0, measure);
}

function partSize(part: PagePart | undefined, { types, nodes }: PageModel, measure: Measure): Size {
  if (!part) return sized('', '', '', 0, measure);
  const last = part.items.findLast((item) => item >= 0);
  const shape = last === undefined ? '' : shapeText(types[nodes[last]?.types[0] ?? -1] ?? '');
  const count = part.count === 1 ? '1 node' : `${part.count} nodes`;
  // The sign in front says that it opens.
  return sized(
    `▸ ${shortened(part.title)}`,
    '',
    [count, shape].filter((text) => text !== '').join(' · '),
    part.residual ? loopWidth : 0,
    measure,
  );
}

function placeLevel(
  level: Level,
  title: string,
  placed: readonly (Placed | undefined)[],
  sizeOf: (item: number) => Size,
  measure: Measure,
): Placed {
  const order = [
    ...level.inPorts,
    ...level.items.map((item) => (typeof item === 'number' ? nameOf(item) : '')),
    ...level.outPorts,
  ];
  const items = order.map((name): LayoutItem => {
    if (name.startsWith('i')) return { width: 6, height: 0, port: 'in' };
    if (name.startsWith('o')) return { width: 6, height: 0, port: 'out' };
    const inner = name.startsWith('p') ? placed[Number(name.slice(1))] : undefined;
    if (!inner) return sizeOf(itemOf(name));
    const { width, height, inAt, outAt } = inner;
    return { width, height, inAt: (key) => inAt.get(key), outAt: (key) => outAt.get(key) };
  });
  order.forEach((name, place) => {
    level.places.set(name, place);
  });
  const edges = [...level.edges.values()];
  const layout = layoutLevel(
    items,
    edges.map(({ from, to, key, shortcut }) => ({
      from: level.places.get(from) ?? 0,
      to: level.places.get(to) ?? 0,
      key,
      light: shortcut,
    })),
  );
  if (title === '') {
    const [width, height] = [layout.width + 2 * margin, layout.height + 2 * margin];
    return { layout, order, edges, width, height, contentX: margin, titleX: 0, inAt: new Map(), outAt: new Map() };
  }
  const portAt = (names: readonly string[]): ReadonlyMap<number, number> =>
    new Map(names.map((name) => [Number(name.slice(1)), framePadding + (layout.at[level.places.get(name) ?? 0]?.x ?? 0) + 3]));
  const [inAt, outAt] = [portAt(level.inPorts), portAt(level.outPorts)];
  const needed = measure(`▾ ${title}`, 'title') + 8;
  // In the first gap between the lines that come in; behind the last at worst.
  const stops = [...inAt.values()].sort((a, b) => a - b);
  let titleX = 10;
  for (const stop of stops) if (titleX + needed > stop - 2) titleX = Math.max(titleX, stop + 8);
  const width = Math.max(layout.width + 2 * framePadding, titleX + needed + 4);
  const height = layout.height + frameHead + (level.outPorts.length > 0 ? 0 : framePadding);
  return { layout, order, edges, width, height, contentX: framePadding, titleX, inAt, outAt };
}

function drawn({ parts }: PageModel, placed: readonly (Placed | undefined)[], sizeOf: (item: number) => Size): Scene {
  const boxes: SceneBox[] = [];
  const frames: SceneFrame[] = [];
  const lines: SceneLine[] = [];
  const stubs: SceneStub[] = [];
  const corners: Point[] = [{ x: 0, y: 0 }];
  placed.forEach((level, part) => {
    const corner = corners[part];
    if (!level || !corner) return;
    const { layout, order, edges, width, height, contentX, titleX } = level;
    const top = part === 0 ? corner.y + margin : corner.y + frameHead;
    const left = corner.x + contentX;
    if (part > 0) {
      const title = shortened(parts[part]?.title ?? '');
      frames.push({ part, x: corner.x, y: corner.y, width, height, title, titleX: corner.x + titleX });
    }
    order.forEach((name, place) => {
      const at = layout.at[place];
      if (!at || /^[io]/.test(name)) return;
      const item = itemOf(name);
      if (item < 0 && placed[-1 - item]) {
        corners[-1 - item] = { x: left + at.x, y: top + at.y };
        return;
      }
      const { width: w, height: h, title, details, below } = sizeOf(item);
      boxes.push({ item, x: left + at.x, y: top + at.y, width: w, height: h, title, details, below });
    });
    const ended = (name: string): number | undefined => {
      if (/^[io]/.test(name)) return undefined;
      const item = itemOf(name);
      return item < 0 && placed[-1 - item] ? undefined : item;
    };
    edges.forEach(({ from, to, key, shortcut }, i) => {
      const points = layout.lines[i]?.map(({ x, y }) => ({ x: left + x, y: top + y }));
      if (!points) {
        const at = layout.at[order.indexOf(to)];
        const ends = ended(to);
        if (at && ends !== undefined)
          stubs.push({ x: left + at.x + sizeOf(ends).width - 12, y: top + at.y, from: key, to: ends });
        return;
      }
      const [first, last] = [points[0], points.at(-1)];
      if (from.startsWith('i') && first) points[0] = { x: first.x, y: corner.y };
      if (to.startsWith('o') && last) points[points.length - 1] = { x: last.x, y: corner.y + height };
      lines.push({ points, shortcut, from: key, ends: ended(to), between: [ended(from), ended(to)] });
    });
  });
  const [root] = placed;
  return { width: root?.width ?? 0, height: root?.height ?? 0, boxes, frames, lines, stubs };
}

/** Parts that are open at first: level by level, as long as no more than so many boxes come out. */
export function firstOpen({ parts }: PageModel, mostBoxes: number): ReadonlySet<number> {
  const open = new Set([0]);
  let boxes = parts[0]?.items.length ?? 0;
  for (let level = [...(parts[0]?.items ?? [])]; ; ) {
    const inner = level.filter((item) => item < 0).map((item) => -1 - item);
    const more = inner.reduce((sum, part) => sum + (parts[part]?.items.length ?? 0) - 1, 0);
    if (inner.length === 0 || boxes + more > mostBoxes) return open;
    for (const part of inner) open.add(part);
    boxes += more;
    level = inner.flatMap((part) => [...(parts[part]?.items ?? [])]);
  }
}
