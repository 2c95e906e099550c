/** One model in the page: its drawing, with zoom and pan, what is open, marked and selected in it. */
import type { Cost, PageModel } from '../model.ts';
import {
  belowBaseline,
  boxPadding,
  Containment,
  firstOpen,
  loopWidth,
  type Measure,
  type Scene,
  type SceneBox,
  type SceneFrame,
  type SceneLine,
  sceneOf,
  titleBaseline,
  wordGap,
} from '../scene.ts';
import { html, metric, svg } from './dom.ts';

/** What boxes are coloured by: their family, or one of the three costs. */
export type Colouring = 'family' | 0 | 1 | 2;

/** How a node stands to the other model. */
export type Status = 'gone' | 'new' | 'changed';
const signs: Readonly<Record<Status, string>> = { gone: '−', new: '+', changed: '≠' };

export interface PaneEvents {
  select(item: number | undefined): void;
  toggle(part: number): void;
  /** The view moved: by so much of the scale about a point of the pane, and by so many pixels. */
  moved(factor: number, x: number, y: number, dx: number, dy: number): void;
}

/** Boxes that are open at first. */
const firstBoxes = 60;
/** More boxes than this are drawn where they are seen only. */
const manyBoxes = 900;
/** Below this scale words cannot be read and are left out. */
const smallestText = 0.28;
const [smallest, largest] = [0.02, 6];
const [mapWidth, mapHeight] = [132, 168];

export class Pane {
  readonly model: PageModel;
  readonly containment: Containment;
  readonly element: HTMLElement;
  readonly open: Set<number>;
  readonly #events: PaneEvents;
  readonly #measure: Measure;
  readonly #drawing: SVGSVGElement;
  readonly #world: SVGGElement;
  readonly #map: HTMLCanvasElement;
  readonly #status: ReadonlyMap<number, Status>;
  #scene: Scene;
  #colouring: Colouring = 'family';
  #matches: ReadonlySet<number> = new Set();
  selected: number | undefined;
  #scale = 1;
  #x = 0;
  #y = 0;
  /** What is drawn, in units of the drawing; empty before. */
  #drawn: { x: number; y: number; width: number; height: number; text: boolean } | undefined;
  #pending = 0;
  /** Parts that have a node with a status, or one that was found. */
  #statusParts = new Map<number, Status>();
  #matchParts = new Set<number>();
  #dragged = false;

  constructor(model: PageModel, status: ReadonlyMap<number, Status>, events: PaneEvents, label: string) {
    this.model = model;
    this.containment = new Containment(model);
    this.#events = events;
    this.#status = status;
    this.#measure = measureBy(getComputedStyle(document.body).fontFamily);
    this.open = new Set(firstOpen(model, firstBoxes));
    this.#world = svg('g');
    const head = svg('marker', {
      id: `arrow-${label}`,
      viewBox: '0 0 8 8',
      refX: 7,
      refY: 4,
      markerWidth: 7,
      markerHeight: 7,
      orient: 'auto',
    });
    head.append(svg('path', { d: 'M0 0.8 8 4 0 7.2Z', class: 'arrow' }));
    this.#drawing = svg('svg', {
      class: 'drawing',
      tabindex: 0,
      role: 'group',
      'aria-label': `network ${model.name || model.file}`,
    });
    this.#drawing.append(svg('defs', {}, head), this.#world);
    this.#drawing.style.setProperty('--arrow', `url(#arrow-${label})`);
    this.#map = html('canvas', { class: 'map', 'aria-hidden': 'true', width: mapWidth * 2, height: mapHeight * 2 });
    this.element = html('section', { class: 'pane', 'aria-label': model.file || model.name }, this.#drawing, this.#map);
    for (const [node, one] of status) {
      for (const part of this.containment.pathOf(this.containment.partOf[node] ?? 0)) {
        const known = this.#statusParts.get(part);
        this.#statusParts.set(part, known === undefined || known === one ? one : 'changed');
      }
    }
    this.#scene = this.#laidOut();
    this.#listen();
  }

  #laidOut(): Scene {
    return sceneOf(this.model, this.containment, this.open, this.#measure);
  }

  /** Numbers for tests and the line below: boxes that are there, the scale. */
  get counts(): { readonly boxes: number; readonly frames: number; readonly scale: number } {
    return { boxes: this.#scene.boxes.length, frames: this.#scene.frames.length, scale: this.#scale };
  }

  get colouring(): Colouring {
    return this.#colouring;
  }

  set colouring(colouring: Colouring) {
    this.#colouring = colouring;
    this.#redraw();
  }

  set matches(matches: ReadonlySet<number>) {
    this.#matches = matches;
    this.#matchParts = new Set([...matches].flatMap((item) => this.#around(item)));
    this.#redraw();
  }

  #around(item: number): readonly number[] {
    const path = this.containment.pathOf(
      item >= 0 ? (this.containment.partOf[item] ?? 0) : (this.model.parts[-1 - item]?.parent ?? 0),
    );
    return path;
  }

  /** Opens or closes scopes, and keeps a box where it is on the screen. */
  setOpen(change: (open: Set<number>) => void, anchor?: number): void {
    const before = anchor === undefined ? undefined : this.#boundsOf(anchor);
    change(this.open);
    this.open.add(0);
    this.#scene = this.#laidOut();
    const after = anchor === undefined ? undefined : this.#boundsOf(anchor);
    if (before && after) {
      this.#x += (before.x + before.width / 2 - after.x - after.width / 2) * this.#scale;
      this.#y += (before.y - after.y) * this.#scale;
    }
    this.#redraw();
  }

  openAll(): void {
    this.setOpen((open) => {
      this.model.parts.forEach((_, part) => {
        open.add(part);
      });
    });
  }

  #boundsOf(item: number): { x: number; y: number; width: number; height: number } | undefined {
    return (
      this.#scene.boxes.find((box) => box.item === item) ??
      (item < 0 ? this.#scene.frames.find(({ part }) => part === -1 - item) : undefined)
    );
  }

  select(item: number | undefined): void {
    this.selected = item;
    this.#redraw();
  }

  /** Opens what is around an item, selects it, if it is what is looked for, and brings it to the middle. */
  show(item: number, isIt = true): void {
    const around = this.#around(item);
    if (around.some((part) => !this.open.has(part)))
      this.setOpen((open) => {
        for (const part of around) open.add(part);
      });
    this.selected = isIt ? item : undefined;
    const bounds = this.#boundsOf(item);
    const { clientWidth, clientHeight } = this.#drawing;
    if (bounds) {
      this.#scale = Math.max(this.#scale, 0.7);
      this.#x = clientWidth / 2 - (bounds.x + bounds.width / 2) * this.#scale;
      this.#y = clientHeight / 2 - (bounds.y + Math.min(bounds.height, 200) / 2) * this.#scale;
    }
    this.#redraw();
  }

  /** The whole drawing, or with `readable` as much of it from the top as can be read, about the first input where it is wider. */
  fit(readable = false): void {
    const { clientWidth, clientHeight } = this.#drawing;
    const { width, height } = this.#scene;
    const whole = Math.min(clientWidth / width, clientHeight / height, 1.5);
    this.#scale = readable ? Math.max(whole, Math.min(0.85, clientWidth / width), 0.3) : Math.max(smallest, whole);
    const room = clientWidth - width * this.#scale;
    const input = room < 0 ? this.#boundsOf(this.model.nodes.findIndex(({ family }) => family === 'input')) : undefined;
    this.#x = input ? Math.min(0, Math.max(room, clientWidth / 2 - (input.x + input.width / 2) * this.#scale)) : room / 2;
    this.#y = height * this.#scale <= clientHeight ? (clientHeight - height * this.#scale) / 2 : 8;
    this.#redraw();
  }

  /** Zooms about a point of the pane, its middle when left out. */
  zoom(factor: number, x = this.#drawing.clientWidth / 2, y = this.#drawing.clientHeight / 2, tell = true): void {
    const scale = Math.min(largest, Math.max(smallest, this.#scale * factor));
    const by = scale / this.#scale;
    this.#x = x - (x - this.#x) * by;
    this.#y = y - (y - this.#y) * by;
    this.#scale = scale;
    this.#moved();
    if (tell) this.#events.moved(by, x, y, 0, 0);
  }

  pan(dx: number, dy: number, tell = true): void {
    this.#x += dx;
    this.#y += dy;
    this.#moved();
    if (tell) this.#events.moved(1, 0, 0, dx, dy);
  }

  #listen(): void {
    const drawing = this.#drawing;
    const at = (event: MouseEvent): readonly [number, number] => {
      const { left, top } = drawing.getBoundingClientRect();
      return [event.clientX - left, event.clientY - top];
    };
    drawing.addEventListener(
      'wheel',
      (event) => {
        event.preventDefault();
        // A line or a page is as many pixels as browsers scroll by it.
        const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
        if (event.shiftKey) this.pan(-(event.deltaX || event.deltaY) * unit, 0);
        else this.zoom(Math.exp(-event.deltaY * unit * (event.ctrlKey ? 0.01 : 0.0015)), ...at(event));
      },
      { passive: false },
    );
    const pointers = new Map<number, readonly [number, number]>();
    drawing.addEventListener('pointerdown', (event) => {
      if (event.button > 1) return;
      pointers.set(event.pointerId, at(event));
      this.#dragged = false;
    });
    drawing.addEventListener('pointermove', (event) => {
      const before = pointers.get(event.pointerId);
      if (!before) return;
      const now = at(event);
      const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
      if (!this.#dragged && !other && Math.hypot(now[0] - before[0], now[1] - before[1]) < 4) return;
      if (!this.#dragged) drawing.setPointerCapture(event.pointerId);
      this.#dragged = true;
      pointers.set(event.pointerId, now);
      if (other) {
        const far = (p: readonly [number, number]): number => Math.max(1, Math.hypot(p[0] - other[0], p[1] - other[1]));
        this.zoom(far(now) / far(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
      } else this.pan(now[0] - before[0], now[1] - before[1]);
    });
    for (const end of ['pointerup', 'pointercancel'] as const)
      drawing.addEventListener(end, (event) => pointers.delete(event.pointerId));
    drawing.addEventListener('click', (event) => {
      if (this.#dragged) return;
      const target = event.target instanceof Element ? event.target.closest('[data-item]') : null;
      const item = target === null ? undefined : Number(target.getAttribute('data-item'));
      const isSign = event.target instanceof Element && event.target.closest('[data-sign]') !== null;
      if (item !== undefined && item < 0 && isSign) this.#events.toggle(-1 - item);
      else this.#events.select(item);
    });
    drawing.addEventListener('dblclick', (event) => {
      const target = event.target instanceof Element ? event.target.closest('[data-item]') : null;
      const item = target === null ? 0 : Number(target.getAttribute('data-item'));
      if (item < 0) this.#events.toggle(-1 - item);
    });
    this.#map.addEventListener('pointerdown', (event) => {
      const { left, top } = this.#map.getBoundingClientRect();
      const scale = this.#mapScale();
      const [x, y] = [(event.clientX - left) / scale, (event.clientY - top) / scale];
      this.pan(drawing.clientWidth / 2 - x * this.#scale - this.#x, drawing.clientHeight / 2 - y * this.#scale - this.#y);
    });
    new ResizeObserver(() => this.#moved()).observe(drawing);
  }

  #redraw(): void {
    this.#drawn = undefined;
    this.#moved();
  }

  /** Once a frame. */
  #moved(): void {
    if (this.#pending !== 0) return;
    this.#pending = requestAnimationFrame(() => this.flush());
  }

  flush(): void {
    cancelAnimationFrame(this.#pending);
    this.#pending = 0;
    this.#world.setAttribute('transform', `translate(${this.#x} ${this.#y}) scale(${this.#scale})`);
    const { clientWidth, clientHeight } = this.#drawing;
    const seen = {
      x: -this.#x / this.#scale,
      y: -this.#y / this.#scale,
      width: clientWidth / this.#scale,
      height: clientHeight / this.#scale,
    };
    const text = this.#scale >= smallestText || this.#scene.boxes.length <= manyBoxes;
    const drawn = this.#drawn;
    const holds =
      drawn !== undefined &&
      drawn.text === text &&
      seen.x >= drawn.x &&
      seen.y >= drawn.y &&
      seen.x + seen.width <= drawn.x + drawn.width &&
      seen.y + seen.height <= drawn.y + drawn.height;
    if (!holds) {
      const all = this.#scene.boxes.length <= manyBoxes;
      const area = all
        ? { x: -1e9, y: -1e9, width: 2e9, height: 2e9, text }
        : { x: seen.x - seen.width, y: seen.y - seen.height, width: 3 * seen.width, height: 3 * seen.height, text };
      this.#drawn = area;
      this.#draw(area);
    }
    this.#drawMap(seen);
  }

  #draw(area: { x: number; y: number; width: number; height: number; text: boolean }): void {
    const within = (box: { x: number; y: number; width: number; height: number }): boolean =>
      box.x < area.x + area.width && box.x + box.width > area.x && box.y < area.y + area.height && box.y + box.height > area.y;
    const { frames, lines, boxes, stubs } = this.#scene;
    const [first, second] = [svg('g', { class: 'frames' }), svg('g', { class: 'lines' })];
    for (const frame of frames) if (within(frame)) first.append(this.#frame(frame, area.text));
    const lit: SVGElement[] = [];
    for (const line of lines) {
      const bounds = boundsOf(line);
      if (!within(bounds)) continue;
      const path = this.#line(line);
      if (path.classList.contains('lit')) lit.push(path);
      else second.append(path);
    }
    second.append(...lit);
    const third = svg('g', { class: 'boxes' });
    for (const box of boxes) if (within(box)) third.append(this.#box(box, area.text));
    for (const { x, y, from, to } of stubs) {
      if (!within({ x, y, width: 1, height: 1 })) continue;
      const title = svg('title', {}, `from ${this.model.nodes[from]?.title ?? ''} ${this.model.nodes[from]?.name ?? ''}`);
      third.append(
        svg('path', { class: `stub${this.#isLit(from, to) ? ' lit' : ''}`, 'data-item': from, d: `M${x} ${y - 14}V${y}` }, title),
      );
    }
    this.#world.replaceChildren(first, second, third);
  }

  #isLit(from: number, to: number | undefined): boolean {
    return this.selected !== undefined && (this.selected === from || this.selected === to);
  }

  #line({ points, shortcut, from, ends }: SceneLine): SVGPathElement {
    let d = '';
    points.forEach(({ x, y }, i) => {
      const before = points[i - 1];
      if (!before) d = `M${x} ${y}`;
      else if (before.x === x && before.y === y) return;
      else if (i % 2 === 1 || Math.abs(before.x - x) < 0.3) d += `L${x} ${y}`;
      else d += `C${before.x} ${(before.y + y) / 2} ${x} ${(before.y + y) / 2} ${x} ${y}`;
    });
    const states = [shortcut ? 'shortcut' : '', this.#isLit(from, ends) ? 'lit' : '', ends === undefined ? '' : 'ends'];
    return svg('path', { d, class: states.filter((one) => one !== '').join(' ') });
  }

  #shareOf(cost: Cost): number | undefined {
    if (this.#colouring === 'family') return undefined;
    const most = this.#scene.boxes.reduce(
      (n, { item }) => Math.max(n, this.#costOf(item)?.[this.#colouring as 0 | 1 | 2] ?? 0),
      0,
    );
    return most === 0 ? 0 : (cost[this.#colouring] ?? 0) / most;
  }

  #costOf(item: number): Cost | undefined {
    return item >= 0 ? this.model.nodes[item]?.cost : this.model.parts[-1 - item]?.cost;
  }

  #statusOf(item: number): Status | undefined {
    return item >= 0 ? this.#status.get(item) : this.#statusParts.get(-1 - item);
  }

  #box(box: SceneBox, text: boolean): SVGElement {
    const { item, x, y, width, height, title, details, below } = box;
    const node = item >= 0 ? this.model.nodes[item] : undefined;
    const part = item < 0 ? this.model.parts[-1 - item] : undefined;
    const status = this.#statusOf(item);
    const cost = this.#costOf(item) ?? [0, 0, 0];
    const share = this.#shareOf(cost);
    const found = this.#matches.has(item) || (item < 0 && this.#matchParts.has(-1 - item));
    const heat = this.#colouring === 'family' ? '' : `, ${metric(cost[this.#colouring])}`;
    const said = part
      ? `scope ${part.title}, ${part.count} nodes, closed${heat}`
      : `${title} ${details} ${node?.name ?? ''}, ${below}${heat}`;
    const group = svg('g', {
      class: [
        'box',
        node?.family ?? 'scope',
        status,
        found ? 'match' : '',
        share === undefined ? '' : 'heat',
        item === this.selected ? 'selected' : '',
      ]
        .filter(Boolean)
        .join(' '),
      'data-item': item,
      transform: `translate(${x} ${y})`,
      role: 'button',
      tabindex: item === this.selected ? 0 : -1,
      'aria-label': status ? `${said}, ${status}` : said,
      ...(item === this.selected && { 'aria-pressed': 'true' }),
      ...(part && { 'aria-expanded': 'false' }),
    });
    const loop = part?.residual ? loopWidth : 0;
    const body = svg('rect', {
      class: 'body',
      width: width - loop,
      height,
      rx: node?.family === 'input' || node?.family === 'output' ? height / 2 : 5,
    });
    // As the root of the share, so that what costs a tenth is still seen.
    if (share !== undefined)
      body.style.fill = `color-mix(in oklab, var(--cold), var(--hot) ${Math.round(100 * Math.sqrt(share))}%)`;
    group.append(body);
    if (part) {
      if (loop > 0) {
        const [middle, right] = [width / 2, width - loop + 9];
        const bent = `Q${right} -9 ${right} -5V${height + 5}Q${right} ${height + 9} ${right - 4} ${height + 9}`;
        group.append(svg('path', { class: 'loop', d: `M${middle} -9H${right - 4}${bent}H${middle}` }));
      }
    } else if (share === undefined && node?.family !== 'input' && node?.family !== 'output')
      group.append(svg('path', { class: 'band', d: `M5 0H4.5V${height}H5Q0 ${height} 0 ${height - 5}V5Q0 0 5 0Z` }));
    if (!text) return group;
    const first = svg('text', { x: boxPadding, y: titleBaseline });
    if (part) {
      first.append(svg('tspan', { class: 'title', 'data-sign': true }, title));
      // The sign is small, and more than it can be hit.
      group.append(svg('rect', { class: 'hit', 'data-sign': true, width: 24, height: 24 }));
    } else {
      first.append(svg('tspan', { class: 'title' }, title));
      if (details !== '') first.append(svg('tspan', { x: boxPadding + this.#measure(title, 'title') + wordGap }, details));
    }
    group.append(first);
    const second = !share || below === '' ? below : `${metric(cost[this.#colouring as 0 | 1 | 2])}${this.#percent(cost)}`;
    if (second !== '') group.append(svg('text', { class: 'below', x: boxPadding, y: belowBaseline }, second));
    if (status) {
      group.append(svg('circle', { class: 'sign', cx: width - loop, cy: 0, r: 8 }));
      group.append(svg('text', { class: 'sign', x: width - loop, y: 4 }, signs[status]));
    }
    return group;
  }

  #percent(cost: Cost): string {
    const index = this.#colouring as 0 | 1 | 2;
    const whole = this.model.parts[0]?.cost[index] ?? 0;
    const share = whole === 0 ? 0 : (100 * (cost[index] ?? 0)) / whole;
    return share >= 0.05 ? ` · ${share.toFixed(1)} %` : '';
  }

  #frame({ part, x, y, width, height, title, titleX }: SceneFrame, text: boolean): SVGElement {
    const own = this.model.parts[part];
    const depth = this.containment.pathOf(part).length % 2;
    const item = -1 - part;
    const status = this.#statusParts.get(part);
    const group = svg('g', {
      class: ['frame', `depth${depth}`, status ?? '', item === this.selected ? 'selected' : ''].filter(Boolean).join(' '),
      'data-item': item,
      role: 'button',
      tabindex: item === this.selected ? 0 : -1,
      'aria-expanded': 'true',
      'aria-label': `scope ${own?.path ?? title}, ${own?.count ?? 0} nodes, open`,
    });
    group.append(svg('rect', { class: 'body', x, y, width, height, rx: 8 }));
    if (!text) return group;
    group.append(
      svg('rect', {
        class: 'hit',
        'data-sign': true,
        x: titleX - 4,
        y: y + 2,
        width: this.#measure(`▾ ${title}`, 'title') + 8,
        height: 22,
      }),
    );
    group.append(svg('text', { class: 'title', 'data-sign': true, x: titleX, y: y + 17 }, `▾ ${title}`));
    return group;
  }

  #mapScale(): number {
    return Math.min(mapWidth / this.#scene.width, mapHeight / this.#scene.height);
  }

  #drawMap(seen: { x: number; y: number; width: number; height: number }): void {
    const { width, height, boxes, frames } = this.#scene;
    const whole = seen.x <= 0 && seen.y <= 0 && seen.x + seen.width >= width && seen.y + seen.height >= height;
    this.#map.hidden = whole;
    const context = this.#map.getContext('2d');
    if (!context || whole) return;
    const style = getComputedStyle(this.element);
    const scale = this.#mapScale() * 2;
    this.#map.width = Math.ceil(width * scale);
    this.#map.height = Math.ceil(height * scale);
    this.#map.style.width = `${this.#map.width / 2}px`;
    this.#map.style.height = `${this.#map.height / 2}px`;
    context.clearRect(0, 0, this.#map.width, this.#map.height);
    context.fillStyle = style.getPropertyValue('--map-frame');
    for (const frame of frames) context.fillRect(frame.x * scale, frame.y * scale, frame.width * scale, frame.height * scale);
    context.fillStyle = style.getPropertyValue('--map-box');
    for (const box of boxes)
      context.fillRect(box.x * scale, box.y * scale, Math.max(1, box.width * scale), Math.max(1, box.height * scale));
    context.fillStyle = style.getPropertyValue('--accent');
    for (const box of boxes)
      if (this.#matches.has(box.item) || this.#statusOf(box.item) || box.item === this.selected)
        context.fillRect(box.x * scale, box.y * scale, Math.max(3, box.width * scale), Math.max(3, box.height * scale));
    context.strokeStyle = style.getPropertyValue('--accent');
    context.lineWidth = 2;
    context.strokeRect(seen.x * scale, seen.y * scale, seen.width * scale, seen.height * scale);
  }

  /** The item that is next in a direction: what it reads, what reads it, its neighbours on the screen. */
  neighbour(direction: 'up' | 'down' | 'left' | 'right'): number | undefined {
    const { boxes, lines } = this.#scene;
    const own = boxes.find(({ item }) => item === this.selected);
    if (!own) return boxes[0]?.item;
    if (direction === 'up') {
      const line = lines.find(({ between: [, to] }) => to === own.item);
      if (line?.between[0] !== undefined) return line.between[0];
    }
    if (direction === 'down') {
      const line = lines.find(({ between: [from, to] }) => from === own.item && to !== undefined);
      if (line?.between[1] !== undefined) return line.between[1];
    }
    const [mx, my] = [own.x + own.width / 2, own.y];
    let best: SceneBox | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const box of boxes) {
      const [dx, dy] = [box.x + box.width / 2 - mx, box.y - my];
      const along = { up: -dy, down: dy, left: -dx, right: dx }[direction];
      const across = direction === 'up' || direction === 'down' ? Math.abs(dx) : Math.abs(dy);
      if (along < 4) continue;
      const far = along + 3 * across;
      if (far < least) [best, least] = [box, far];
    }
    return best?.item;
  }
}

function boundsOf({ points }: SceneLine): { x: number; y: number; width: number; height: number } {
  let [x0, y0, x1, y1] = [1e9, 1e9, -1e9, -1e9];
  for (const { x, y } of points) [x0, y0, x1, y1] = [Math.min(x0, x), Math.min(y0, y), Math.max(x1, x), Math.max(y1, y)];
  return { x: x0, y: y0, width: x1 - x0 + 1, height: y1 - y0 + 1 };
}

/** By the page's own letters, each text once. */
function measureBy(family: string): Measure {
  const context = document.createElement('canvas').getContext('2d');
  const known = new Map<string, number>();
  return (text, style) => {
    const key = `${style}${text}`;
    let width = known.get(key);
    if (width === undefined) {
      if (context) context.font = style === 'title' ? `600 12px ${family}` : `11.5px ${family}`;
      width = context?.measureText(text).width ?? 7 * text.length;
      known.set(key, width);
    }
    return width;
  };
}
