/**
 * A network as a paper draws it: its chain once, equal blocks in a row as one with × n, and a panel for each kind of block that
 * opens it. Found by form alone (`chain.ts`), so that files without names are drawn alike.
 */
import type { Graph } from '../../ir/graph.ts';
import { chainOf, type Item, type Run, runsIn, withRows } from './chain.ts';
import type { Box, Drawing, Edge, Frame, Panel } from './drawing.ts';
import { shapeText, type Unit, unitsOf } from './units.ts';
import { uPanelOf } from './ushape.ts';

/** How much is put together: more where the page is small. */
export interface BlockOptions {
  /** Characters of a line of a box. */
  readonly lineLength: number;
  /** Rows of several items that come more than once are one box each, with a panel that opens it. */
  readonly rows: boolean;
  /** Layers of one scope that follow each other share a box. */
  readonly stacked: boolean;
  /** The length of lines in the panels of blocks. */
  readonly blockLength: number;
}

/** A bubble of so many boxes stands in the chain as it is, unless there are others like it. */
const fewUnits = 12;

/** Puts words of a list into lines. */
export function wrapped(words: readonly string[], most: number, separator = ' · '): readonly string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + separator.length + word.length <= most)
      lines[lines.length - 1] = `${last}${separator}${word}`;
    else lines.push(word);
  }
  return lines;
}

class Drawer {
  readonly #units: readonly Unit[];
  readonly #batch: string | undefined;
  readonly #options: BlockOptions;
  readonly #panels: Panel[] = [];
  readonly #letters = new Map<string, string>();
  readonly #counts = new Map<string, number>();
  readonly #taps: ReadonlySet<Unit>;
  #nextBox = 0;
  #nextFrame = 0;
  readonly #none: Panel = { id: '', title: '', boxes: [], frames: [], edges: [] };
  /** What the item of each unit that ends one begins at. */
  readonly #entries = new Map<Unit, Unit>();
  /** The item that a panel opens, which is no box there. */
  #opened: Item | undefined;

  constructor(units: readonly Unit[], batch: string | undefined, options: BlockOptions, taps: ReadonlySet<Unit>) {
    this.#units = units;
    this.#batch = batch;
    this.#options = options;
    this.#taps = taps;
  }

  draw(name: string, items: readonly Item[]): Drawing {
    for (const item of items.flatMap((one) => [one, ...(one.parts ?? [])]))
      this.#counts.set(item.plain, (this.#counts.get(item.plain) ?? 0) + 1);
    const runs = runsIn(items);
    const main = this.#panel('', '', runs, undefined);
    return { name, panels: [main, ...this.#panels] };
  }

  #panel(id: string, title: string, runs: readonly Run[], entry: Unit | undefined): Panel {
    const boxes: Box[] = [];
    const frames: Frame[] = [];
    const boxOf = new Map<Unit, Box>();
    /** Which run and which repetition of it a unit is in. */
    const repetition = new Map<Unit, { readonly run: Run; readonly nth: number }>();
    const shortcuts = new Set<string>();
    if (entry) {
      const lines = [shapeText(entry.type, this.#batch) || 'in'];
      const box = this.#box({ kind: 'input', lines, path: '', nodes: [] });
      boxes.push(box);
      boxOf.set(entry, box);
    }
    let open: { readonly box: Box; readonly scopes: string } | undefined;
    for (const run of runs) {
      const [first = []] = run.repeats;
      const times = run.repeats.length;
      const [alone] = first;
      if (this.#options.stacked && times === 1 && first.length === 1 && alone && !alone.isBubble && alone.exit.kind === 'layer') {
        const box = this.#unit(alone.exit, { frame: undefined, times: undefined });
        const scopes = alone.exit.scopes.join('.');
        const [before, second] = alone.exit.from.map((index) => this.#units[index]);
        const follows = before !== undefined && second === undefined && open !== undefined && boxOf.get(before) === open.box;
        const both = open?.scopes === scopes && follows ? stackedOn(open.box, box) : undefined;
        if (both && open) boxes[boxes.indexOf(open.box)] = both;
        else boxes.push(box);
        open = { box: both ?? box, scopes };
        for (const [unit, old] of boxOf) if (both && old.id === both.id) boxOf.set(unit, both);
        boxOf.set(alone.exit, open.box);
        repetition.set(alone.exit, { run, nth: 0 });
        continue;
      }
      open = undefined;
      const solid = first.length === 1 && first.every((item) => !item.isBubble || this.#isBlock(item));
      const frame = times > 1 && !solid ? { id: `f${this.#nextFrame++}`, title: rangeOf(run.repeats), times } : undefined;
      if (frame) frames.push(frame);
      first.forEach((item, at) => {
        const same = run.repeats.map((repeat) => repeat[at]).filter((one): one is Item => one !== undefined);
        const where = { frame: frame?.id, times: solid && times > 1 ? times : undefined };
        if (item.isBubble && this.#isBlock(item)) {
          const box = this.#block(item, same, where, frame?.title);
          boxes.push(box);
          for (const one of same) for (const unit of one.units) boxOf.set(unit, box);
          const [{ entry: begin = undefined } = {}] = same;
          const last = same.at(-1)?.exit;
          if (begin && last) this.#entries.set(last, begin);
          return;
        }
        item.units.forEach((unit, place) => {
          const alone = this.#unit(unit, where);
          const [before, second] = unit.from.map((index) => this.#units[index]);
          const onto = this.#options.stacked && before && !second && before.to.length === 1 ? boxOf.get(before) : undefined;
          const isStacked =
            onto?.kind === 'layer' && alone.kind === 'layer' && onto.frame === where.frame && item.units.includes(before ?? unit);
          const box = isStacked && onto ? stackedOn(onto, alone) : alone;
          if (isStacked && onto) {
            boxes[boxes.indexOf(onto)] = box;
            for (const [one, old] of boxOf) if (old === onto) boxOf.set(one, box);
          } else boxes.push(box);
          for (const one of same) {
            const twin = one.units[place];
            if (twin) boxOf.set(twin, box);
          }
          if (unit === item.exit && item.shortcut) {
            if (item.shortcut.length === 0 && item.entry) shortcuts.add(`${item.entry.index} ${unit.index}`);
            for (const one of item.shortcut) for (const to of one.to) shortcuts.add(`${one.index} ${to}`);
            for (const one of item.shortcut) if (item.entry) shortcuts.add(`${item.entry.index} ${one.index}`);
          }
        });
      });
      run.repeats.forEach((repeat, nth) => {
        for (const item of repeat) for (const unit of item.units) repetition.set(unit, { run, nth });
      });
    }
    const edges = new Map<string, Edge>();
    const shapes = new Map<string, string>();
    for (const unit of [...boxOf.keys()].sort((a, b) => a.index - b.index)) {
      const to = boxOf.get(unit);
      for (const index of unit.from) {
        const source = this.#units[index];
        if (!source || !to) continue;
        let from = boxOf.get(source);
        if (!from && this.#taps.has(source) && repetition.get(unit)?.nth === 0 && to.kind !== 'block') {
          from = this.#box({ kind: 'tap', lines: [tapName(source, this.#units)], frame: to.frame, path: '', nodes: [] });
          boxes.push(from);
        }
        if (!from || from === to) continue;
        const [a, b] = [repetition.get(source), repetition.get(unit)];
        if (a && b && a.run === b.run && a.nth !== b.nth) continue;
        if (b && b.nth > 0 && a?.run !== b.run) continue;
        const isLate = a && a.run !== b?.run && a.nth < a.run.repeats.length - 1;
        if (isLate) continue;
        if (a && a.run === b?.run && a.nth > 0) continue;
        const shortcut = shortcuts.has(`${index} ${unit.index}`) || unit.shortcuts.has(index);
        const key = `${from.id} ${to.id}`;
        const known = edges.get(key);
        if (known && !(known.shortcut && !shortcut)) continue;
        edges.set(key, { from: from.id, to: to.id, shortcut });
        const shape = this.#shape(source, from);
        if (shape !== undefined) shapes.set(from.id, shape);
      }
    }
    const shaped = boxes.map((box) => (shapes.has(box.id) ? { ...box, shape: shapes.get(box.id) } : box));
    return { id, title, boxes: shaped, frames, edges: [...edges.values()] };
  }

  /** Where the shape of a value is another one than that of what it is made of. */
  #shape(source: Unit, from: Box): string | undefined {
    const shape = shapeText(source.type, this.#batch);
    if (shape === '' || from.kind === 'tap') return undefined;
    if (from.lines.includes(shape)) return undefined;
    if (source.kind === 'input') return shape;
    const entry = from.kind === 'block' ? this.#entries.get(source) : undefined;
    if (entry) return shapeText(entry.type, this.#batch) === shape ? undefined : shape;
    const before = new Set(source.from.map((index) => shapeText(this.#units[index]?.type, this.#batch)));
    return before.has(shape) ? undefined : shape;
  }

  #box(box: Omit<Box, 'id'>): Box {
    return { ...box, id: `n${this.#nextBox++}` };
  }

  #unit(unit: Unit, where: Pick<Box, 'frame' | 'times'>): Box {
    const isJoin = unit.kind === 'layer' && unit.from.length > 1;
    return this.#box({
      kind: unit.kind !== 'layer' ? unit.kind : isJoin ? 'join' : 'layer',
      lines: wrapped(unit.captions, this.#options.lineLength),
      path: unit.scopes.join('.'),
      nodes: unit.nodes.map((node) => node.id),
      ...where,
    });
  }

  #isBlock(item: Item): boolean {
    if (item === this.#opened) return false;
    if (item.parts) return true;
    return (this.#counts.get(item.plain) ?? 0) > 1 || item.units.length > fewUnits;
  }

  #block(item: Item, same: readonly Item[], where: Pick<Box, 'frame' | 'times'>, frameTitle: string | undefined): Box {
    let letter = this.#letters.get(item.plain);
    if (letter === undefined) {
      letter = letterOf(this.#letters.size);
      this.#letters.set(item.plain, letter);
      const parts = commonScopes(tellingUnits([item]));
      // A number alone says nothing.
      const path = parts.slice(parts.findLastIndex((part) => /\D/.test(part))).join('.');
      const title = path === '' ? letter : `${letter}  ${path}`;
      // In the order of the letters, though what stands in it is opened meanwhile.
      const place = this.#panels.push(this.#none) - 1;
      this.#panels[place] = item.parts
        ? this.#panel(letter, title, runsIn(item.parts), item.entry)
        : this.#open(letter, title, item);
    }
    const body = item.units.filter((unit) => !item.shortcut?.includes(unit) && unit.kind === 'layer');
    const heavy = body.filter(({ nodes: [node] }) => node?.op.cost !== undefined && node.slots.length > 1);
    const widths = heavy.map((unit) => unit.captions[0] ?? '').filter((text) => /\d/.test(text));
    const name = rangeOf(same.map((one) => [one]));
    const isNamed = name !== '' && name !== frameTitle;
    // A row of blocks says which, each of which says more.
    const said = item.parts
      ? item.parts.map((part) => this.#letters.get(part.plain) ?? part.exit.captions[0] ?? '')
      : shortened(widths, false);
    const summary = wrapped(said, this.#options.lineLength);
    return this.#box({
      kind: 'block',
      lines: isNamed || summary.length === 0 ? [isNamed ? name : `block ${letter}`, ...summary] : summary,
      path: pathOf(item),
      nodes: same.flatMap((one) => one.units.flatMap((unit) => unit.nodes.map((node) => node.id))),
      bypass: item.shortcut && {
        lines: shortened(
          item.shortcut.map((unit) => unit.captions[0] ?? ''),
          true,
        ),
        join: item.exit.captions[0] ?? '',
      },
      opens: letter,
      ...where,
    });
  }

  #open(letter: string, title: string, item: Item): Panel {
    const run: Run = { repeats: [[item]] };
    const options = { ...this.#options, lineLength: this.#options.blockLength };
    const drawer = new Drawer(this.#units, this.#batch, options, this.#taps);
    drawer.#opened = item;
    drawer.#nextBox = 1000 * (this.#letters.size + 1);
    drawer.#nextFrame = drawer.#nextBox;
    return drawer.#panel(letter, title, [run], item.entry);
  }
}

/** One box for two, the lines of the second below those of the first. */
function stackedOn(first: Box, second: Box): Box {
  return { ...first, lines: [...first.lines, ...second.lines], nodes: [...first.nodes, ...second.nodes] };
}

/** The values' name: the inputs that a unit hangs on. */
function tapName(unit: Unit, units: readonly Unit[]): string {
  const names: string[] = [];
  const open = [unit];
  const seen = new Set<Unit>();
  for (let one = open.pop(); one; one = open.pop()) {
    if (seen.has(one)) continue;
    seen.add(one);
    if (one.kind === 'input') names.push(one.captions[0] ?? '');
    for (const index of one.from) {
      const next = units[index];
      if (next) open.push(next);
    }
  }
  return names.sort().join(', ');
}

const letterOf = (nth: number): string =>
  nth < 26 ? String.fromCharCode(65 + nth) : `${letterOf(Math.floor(nth / 26) - 1)}${letterOf(nth % 26)}`;

/** What operators alike share is said once: `conv 1×1, 64 · 3×3, 64`. */
function shortened(captions: readonly string[], isShort: boolean): readonly string[] {
  const names = new Set(captions.map((caption) => caption.split(' ')[0]));
  let last = isShort && names.size === 1 && captions.every((caption) => caption.includes(' ')) ? [...names][0] : '';
  return captions.map((caption) => {
    const [name = '', ...rest] = caption.split(' ');
    const text = name === last ? rest.join(' ') : caption;
    last = name;
    return text;
  });
}

/** Units that say where an item is: those that multiply, or all where none does. */
function tellingUnits(items: readonly Item[]): readonly Unit[] {
  const layers = items.flatMap((item) => item.units.filter((unit) => unit.kind === 'layer' && !item.shortcut?.includes(unit)));
  const heavy = layers.filter(({ nodes: [node] }) => node?.op.cost !== undefined);
  return heavy.length > 0 ? heavy : layers;
}

/** The last two parts of a scope, which say most. */
function shown(parts: readonly string[]): string {
  return parts.slice(-2).join('.');
}

/** The scope that all units of an item are in. */
function pathOf(item: Item): string {
  return shown(commonScopes(tellingUnits([item])));
}

function commonScopes(units: readonly Unit[]): readonly string[] {
  const [first, ...others] = units;
  if (!first) return [];
  let length = first.scopes.length;
  for (const { scopes } of others) {
    let same = 0;
    while (same < length && scopes[same] === first.scopes[same]) same++;
    length = same;
  }
  return first.scopes.slice(0, length);
}

/** `layer1.1–2`: where the repetitions are, with the part of their scopes that counts as a range. */
function rangeOf(repeats: readonly (readonly Item[])[]): string {
  const paths = repeats.map((items) => commonScopes(tellingUnits(items)));
  const [first = []] = paths;
  const last = paths.at(-1) ?? [];
  const differs = first.findIndex((part, i) => part !== last[i]);
  if (differs < 0 || last[differs] === undefined) return shown(first);
  const [from = '', to = ''] = [first[differs], last[differs]];
  const letters = /^\D*/.exec(from)?.[0] ?? '';
  const end = to.startsWith(letters) && to.length > letters.length ? to.slice(letters.length) : to;
  return shown([...first.slice(0, differs), `${from}–${end}`, ...first.slice(differs + 1)]);
}

/** The same network once for each of the options; what does not hang on them is found once. */
export function drawBlocks(graph: Graph, options: readonly BlockOptions[]): readonly Drawing[] {
  const { units, batch } = unitsOf(graph, { merged: true });
  const { items, taps } = chainOf(units);
  const u = uPanelOf(items, units, batch);
  if (u) return [{ name: graph.name, panels: [u] }];
  const rows = options.some((one) => one.rows) ? withRows(items) : items;
  return options.map((one) => new Drawer(units, batch, one, taps).draw(graph.name, one.rows ? rows : items));
}
