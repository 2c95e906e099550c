/**
 * Where boxes and lines of one level lie: a layered drawing from top to bottom (Sugiyama, Tagawa, Toda 1981). Layers by the
 * longest way from the start, orders by barycentres, places by least squares under the order (pool adjacent violators). Lines
 * that pass layers have a place in each of them, so that none goes through a box. Runs in the page, whenever a scope is opened.
 */

export interface LayoutItem {
  readonly width: number;
  readonly height: number;
  /** First or last of all: where lines of the scope around come in and go out. */
  readonly port?: 'in' | 'out';
  /** Where lines come to it and leave it, from its left side; in the middle when left out. */
  inAt?(key: number): number | undefined;
  outAt?(key: number): number | undefined;
}

export interface LayoutEdge {
  /** Places in the list of items. */
  readonly from: number;
  readonly to: number;
  /** The value, which tells places of lines at an item apart. */
  readonly key: number;
  /** It gives way to others, which stay straight. */
  readonly light: boolean;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  /** Left upper corners. */
  readonly at: readonly Point[];
  /**
   * For every edge, points at the ends of straight vertical pieces; undefined for one that is too long to be drawn, or that leads
   * backwards.
   */
  readonly lines: readonly (readonly Point[] | undefined)[];
}

/** Between boxes of a layer, and beside a line. */
const [boxGap, lineGap] = [22, 11];
const layerGap = 30;
/** Between the ports of a frame and what is next to them. */
const portGap = 12;
/** Places of lines in layers, in all: the longest lines are left out where there would be more. */
const mostBends = 30_000;

interface Vertex {
  /** Undefined for the place of a line in a layer. */
  readonly item: number | undefined;
  readonly width: number;
  readonly rank: number;
  /** With the distance of the line from the middle of either. */
  readonly above: Link[];
  readonly below: Link[];
  order: number;
  x: number;
}

interface Link {
  readonly to: Vertex;
  /** x of the neighbour plus this is where the middle would make the line straight. */
  readonly shift: number;
  readonly weight: number;
}

/** How much a straight line counts: between boxes, along a line, at its ends. */
const [boxPull, linePull, endPull] = [1, 4, 0.001];

export function layoutLevel(items: readonly LayoutItem[], edges: readonly LayoutEdge[]): Layout {
  const ranks = ranksOf(items, edges);
  const span = ({ from, to }: LayoutEdge): number => (ranks[to] ?? 0) - (ranks[from] ?? 0);
  let bends = 0;
  const kept = new Set<LayoutEdge>();
  for (const edge of [...edges].sort((a, b) => span(a) - span(b))) {
    if (span(edge) < 1) continue;
    bends += span(edge) - 1;
    if (bends > mostBends) break;
    kept.add(edge);
  }
  const vertices: Vertex[] = items.map(({ width }, item) => ({
    item,
    width,
    rank: ranks[item] ?? 0,
    above: [],
    below: [],
    order: 0,
    x: 0,
  }));
  const own = [...vertices];
  const connect = (a: Vertex, b: Vertex, out: number, into: number, weight: number): void => {
    a.below.push({ to: b, shift: into - out, weight });
    b.above.push({ to: a, shift: out - into, weight });
  };
  const paths = edges.map((edge): readonly Vertex[] | undefined => {
    const [from, to] = [own[edge.from], own[edge.to]];
    if (!from || !to || !kept.has(edge)) return undefined;
    const out = (items[edge.from]?.outAt?.(edge.key) ?? from.width / 2) - from.width / 2;
    const into = (items[edge.to]?.inAt?.(edge.key) ?? to.width / 2) - to.width / 2;
    const path: Vertex[] = [from];
    for (let rank = from.rank + 1; rank < to.rank; rank++) {
      const bend: Vertex = { item: undefined, width: 1, rank, above: [], below: [], order: 0, x: 0 };
      vertices.push(bend);
      path.push(bend);
    }
    path.push(to);
    const light = edge.light ? endPull : boxPull;
    path.slice(1).forEach((vertex, i) => {
      const before = path[i] ?? from;
      const isEnd = before.item !== undefined || vertex.item !== undefined;
      const weight = path.length === 2 ? light : isEnd ? endPull : linePull;
      connect(before, vertex, i === 0 ? out : 0, vertex === to ? into : 0, weight);
    });
    return path;
  });
  const layers: Vertex[][] = [];
  for (const vertex of vertices) {
    const layer = layers[vertex.rank];
    if (layer) layer.push(vertex);
    else layers[vertex.rank] = [vertex];
  }
  for (let rank = 0; rank < layers.length; rank++) layers[rank] ??= [];
  order(layers, vertices.length);
  place(layers, vertices.length);
  return assembled(items, edges, paths, own, layers);
}

function ranksOf(items: readonly LayoutItem[], edges: readonly LayoutEdge[]): number[] {
  const out: number[][] = items.map(() => []);
  const into: number[][] = items.map(() => []);
  for (const { from, to } of edges) {
    // Items come in an order in which they can run; what does not is left out.
    if (from >= to) continue;
    out[from]?.push(to);
    into[to]?.push(from);
  }
  const ranks = items.map(() => 0);
  const first = items.some(({ port }) => port === 'in') ? 1 : 0;
  /** Hangs on nothing that comes in from above: weights that are computed, constants. */
  const isFree = items.map(() => false);
  items.forEach(({ port }, i) => {
    if (port === 'in') return;
    const above = into[i] ?? [];
    ranks[i] = above.reduce((most, from) => Math.max(most, (ranks[from] ?? 0) + 1), first);
    isFree[i] = above.every((from) => isFree[from]);
  });
  for (let i = items.length - 1; i >= 0; i--) {
    if (items[i]?.port !== undefined) continue;
    const [below, above] = [out[i] ?? [], into[i] ?? []];
    if (below.length === 0) continue;
    const latest = below.reduce((least, to) => Math.min(least, (ranks[to] ?? 0) - 1), Number.POSITIVE_INFINITY);
    if ((isFree[i] && below.length >= above.length) || below.length > above.length) ranks[i] = Math.max(ranks[i] ?? 0, latest);
  }
  const last = ranks.reduce((most, rank) => Math.max(most, rank), 0);
  items.forEach(({ port }, i) => {
    if (port === 'out') ranks[i] = last + 1;
  });
  return ranks;
}

/** Up to so many places the lines that cross are counted, and the best of many orders is kept. */
const fewVertices = 1500;

function order(layers: readonly Vertex[][], count: number): void {
  // At first boxes stand to the left of the lines that pass them.
  for (const layer of layers) {
    layer.sort((a, b) => Number(a.item === undefined) - Number(b.item === undefined));
    layer.forEach((vertex, i) => {
      vertex.order = i;
    });
  }
  const small = count <= fewVertices;
  let best = small ? crossings(layers) : 0;
  let kept = layers.map((layer) => [...layer]);
  for (let sweep = 0; sweep < (small ? 12 : 6) && (!small || best > 0); sweep++) {
    const down = sweep % 2 === 0;
    const inOrder = down ? layers : [...layers].reverse();
    for (const layer of inOrder) {
      const wanted = new Map(layer.map((vertex) => [vertex, barycentre(down ? vertex.above : vertex.below) ?? vertex.order]));
      layer.sort((a, b) => (wanted.get(a) ?? 0) - (wanted.get(b) ?? 0) || a.order - b.order);
      layer.forEach((vertex, i) => {
        vertex.order = i;
      });
    }
    if (!small) continue;
    const now = crossings(layers);
    if (now >= best) continue;
    best = now;
    kept = layers.map((layer) => [...layer]);
  }
  if (!small) return;
  layers.forEach((layer, rank) => {
    layer.splice(0, layer.length, ...(kept[rank] ?? []));
    layer.forEach((vertex, i) => {
      vertex.order = i;
    });
  });
}

function barycentre(links: readonly Link[]): number | undefined {
  if (links.length === 0) return undefined;
  // The place at which a line leaves counts as a part of a place in the order.
  return (
    links.reduce((sum, { to, shift }) => sum + to.order + Math.max(-0.4, Math.min(0.4, shift / (to.width + 1))), 0) / links.length
  );
}

function crossings(layers: readonly (readonly Vertex[])[]): number {
  let count = 0;
  for (const layer of layers) {
    const ends = layer.flatMap((vertex) => vertex.below.map(({ to }) => to.order).sort((a, b) => a - b));
    for (let i = 1; i < ends.length; i++) for (let j = 0; j < i; j++) if ((ends[j] ?? 0) > (ends[i] ?? 0)) count++;
  }
  return count;
}

function gapBetween(a: Vertex, b: Vertex): number {
  const gap = a.item !== undefined && b.item !== undefined ? boxGap : lineGap;
  return a.width / 2 + gap + b.width / 2;
}

function place(layers: readonly (readonly Vertex[])[], count: number): void {
  for (const layer of layers) {
    let x = 0;
    layer.forEach((vertex, i) => {
      const before = layer[i - 1];
      x += before ? gapBetween(before, vertex) : 0;
      vertex.x = x;
    });
    const middle = x / 2;
    for (const vertex of layer) vertex.x -= middle;
  }
  // The last is downwards, so that chains hang straight from where they begin.
  const sweeps = count <= fewVertices ? 17 : 9;
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const down = sweep % 2 === 0;
    for (const layer of down ? layers : [...layers].reverse()) {
      settle(layer, (vertex) => {
        const links = down ? vertex.above : vertex.below;
        let [sum, weight] = [0, 0];
        for (const link of links) {
          sum += (link.to.x + link.shift) * link.weight;
          weight += link.weight;
        }
        return weight === 0 ? vertex.x : sum / weight;
      });
    }
  }
}

/** The places nearest to the wanted ones, by squares, that keep order and gaps. Boxes count more than lines. */
function settle(layer: readonly Vertex[], wantedOf: (vertex: Vertex) => number): void {
  interface Block {
    sum: number;
    weight: number;
    readonly members: Vertex[];
  }
  const offsets: number[] = [];
  let offset = 0;
  const blocks: Block[] = [];
  layer.forEach((vertex, i) => {
    const before = layer[i - 1];
    offset += before ? gapBetween(before, vertex) : 0;
    offsets.push(offset);
    const pull = vertex.above.reduce((most, link) => Math.max(most, link.weight), 0.1);
    const weight = vertex.item === undefined ? 0.0005 : pull;
    let block: Block = { sum: (wantedOf(vertex) - offset) * weight, weight, members: [vertex] };
    for (let last = blocks.at(-1); last && last.sum / last.weight >= block.sum / block.weight; last = blocks.at(-1)) {
      blocks.pop();
      last.members.push(...block.members);
      block = { sum: last.sum + block.sum, weight: last.weight + block.weight, members: last.members };
    }
    blocks.push(block);
  });
  let i = 0;
  for (const { sum, weight, members } of blocks) for (const vertex of members) vertex.x = sum / weight + (offsets[i++] ?? 0);
}

function isPorts(layer: readonly Vertex[], items: readonly LayoutItem[]): boolean {
  return layer.length > 0 && layer.every(({ item }) => item !== undefined && items[item]?.port !== undefined);
}

function assembled(
  items: readonly LayoutItem[],
  edges: readonly LayoutEdge[],
  paths: readonly (readonly Vertex[] | undefined)[],
  own: readonly Vertex[],
  layers: readonly (readonly Vertex[])[],
): Layout {
  let [left, right] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const layer of layers) {
    for (const { x, width } of layer) {
      left = Math.min(left, x - width / 2);
      right = Math.max(right, x + width / 2);
    }
  }
  if (left > right) [left, right] = [0, 0];
  const tops: number[] = [];
  const bottoms: number[] = [];
  let y = 0;
  for (const [rank, layer] of layers.entries()) {
    const height = layer.reduce((most, { item }) => Math.max(most, item === undefined ? 0 : (items[item]?.height ?? 0)), 0);
    tops.push(y);
    bottoms.push(y + height);
    // Lines that go far to the side need room to bend.
    const far = layer.reduce(
      (most, { x, below }) => below.reduce((n, { to, shift }) => Math.max(n, Math.abs(to.x + shift - x)), most),
      0,
    );
    const next = layers[rank + 1] ?? [];
    const ports = isPorts(layer, items) || isPorts(next, items);
    y += height + (ports ? portGap : layerGap) + Math.min(40, far / 14);
  }
  const lines = edges.map((edge, i): readonly Point[] | undefined => {
    const path = paths[i];
    if (!path) return undefined;
    const points: Point[] = [];
    path.forEach((vertex, at) => {
      const item = vertex.item === undefined ? undefined : items[vertex.item];
      const [top, bottom] = [tops[vertex.rank] ?? 0, bottoms[vertex.rank] ?? 0];
      const x = vertex.x - left;
      if (at === 0) {
        const out = x - vertex.width / 2 + (item?.outAt?.(edge.key) ?? vertex.width / 2);
        points.push({ x: out, y: top + (item?.height ?? 0) }, { x: out, y: bottom });
      } else if (at === path.length - 1) {
        const into = x - vertex.width / 2 + (item?.inAt?.(edge.key) ?? vertex.width / 2);
        points.push({ x: into, y: top }, { x: into, y: top });
      } else points.push({ x, y: top }, { x, y: bottom });
    });
    return points;
  });
  return {
    width: right - left,
    height: bottoms.at(-1) ?? 0,
    at: own.map(({ x, width, rank }) => ({ x: x - left - width / 2, y: tops[rank] ?? 0 })),
    lines,
  };
}
