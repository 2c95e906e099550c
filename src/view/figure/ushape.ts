/**
 * Networks that go down and come up again with a skip at each level (Ronneberger et al. 2015, U-Net) are drawn as a U: what goes
 * down at the left, what comes up at the right, skips across.
 */
import { chainOf, type Item } from './chain.ts';
import type { Box, Edge, Panel } from './drawing.ts';
import { coneOf, shapeText, type Unit } from './units.ts';

/** Skips inside each other that make a U of a chain. */
const fewestLevels = 2;

interface Level {
  readonly down: readonly Unit[];
  /** What lies on the skip, such as a crop. */
  readonly skip: readonly Unit[];
  readonly up: readonly Unit[];
}

/** Levels from the outermost, and what lies at the bottom. */
interface Levels {
  readonly levels: readonly Level[];
  readonly bottom: readonly Unit[];
}

/** A skip and what it passes, of a bubble that ends where two branches join that share nothing. */
function parted(
  { units: members, exit, entry }: Item,
  units: readonly Unit[],
): { skip: readonly Unit[]; body: readonly Unit[] } | undefined {
  if (!entry || exit.from.length !== 2) return undefined;
  const inside = new Set(members.filter((unit) => unit !== exit));
  const cones = exit.from.map((index) => coneOf(index, inside, units));
  const [a, b] = cones;
  if (!a || !b || a.size + b.size !== inside.size || [...a].some((unit) => b.has(unit))) return undefined;
  const [skip, body] = a.size < b.size ? [a, b] : [b, a];
  return { skip: members.filter((unit) => skip.has(unit)), body: members.filter((unit) => body.has(unit)) };
}

function levelsOf(items: readonly Item[], units: readonly Unit[]): Levels | undefined {
  const levels: Level[] = [];
  for (let chain = items; ; ) {
    const bubbles = chain.filter(({ isBubble }) => isBubble);
    const [bubble] = bubbles;
    if (!bubble) return { levels, bottom: chain.map(({ exit }) => exit) };
    const at = chain.indexOf(bubble);
    const parts = parted(bubble, units);
    if (bubbles.length > 1 || !parts) return undefined;
    const single = (some: readonly Item[]): readonly Unit[] => some.map(({ exit }) => exit);
    levels.push({ down: single(chain.slice(0, at)), skip: parts.skip, up: [bubble.exit, ...single(chain.slice(at + 1))] });
    // What the body reads first stands outside of it.
    const inner = chainOf(
      parts.body.map((unit, index) => ({ ...unit, index, from: local(unit.from, parts.body), to: local(unit.to, parts.body) })),
    );
    chain = inner.items.map((item) => ({
      ...item,
      units: item.units.map(({ index }) => parts.body[index] ?? item.exit),
      exit: parts.body[item.exit.index] ?? item.exit,
      entry: item.entry && parts.body[item.entry.index],
    }));
  }
}

const local = (indices: readonly number[], body: readonly Unit[]): number[] =>
  indices.map((index) => body.findIndex((unit) => unit.index === index)).filter((at) => at >= 0);

/** Whether the grid of every level is another than that of the level above: a skip around a skip alone makes no U. */
function goesDown({ levels }: Levels): boolean {
  const grids = levels.map(({ down }) => down.at(-1)?.type?.dims.slice(2) ?? []);
  const isWindowed = levels
    .slice(1)
    .every(({ down }) => down.some(({ nodes }) => nodes.some(({ op }) => op.window !== undefined)));
  return isWindowed && grids.every((grid, i) => i === 0 || grid.join() !== grids[i - 1]?.join());
}

/** The panel of a network that is a U; undefined for others. */
export function uPanelOf(items: readonly Item[], units: readonly Unit[], batch: string | undefined): Panel | undefined {
  const found = levelsOf(items, units);
  if (!found || found.levels.length < fewestLevels || !goesDown(found)) return undefined;
  const boxes: Box[] = [];
  const boxOf = new Map<number, Box>();
  const make = (of: readonly Unit[], cell: Box['cell'], kind?: Box['kind']): void => {
    const last = of.at(-1);
    if (!last) return;
    const shape = shapeText(last.type, batch);
    const box: Box = {
      id: `n${boxes.length}`,
      kind: kind ?? 'layer',
      lines: of.map(({ captions }) => captions.join(' · ')),
      path: last.scopes.join('.'),
      nodes: of.flatMap(({ nodes }) => nodes.map(({ id }) => id)),
      cell,
      ...(last.kind !== 'output' && shape !== '' && { shape }),
    };
    boxes.push(box);
    for (const unit of of) boxOf.set(unit.index, box);
  };
  const isLayer = (unit: Unit): boolean => unit.kind === 'layer';
  found.levels.forEach(({ down, up }, row) => {
    make(
      down.filter((unit) => !isLayer(unit)),
      // A skip from the input itself begins at its level.
      { row: down.some(isLayer) ? -1 : row, column: 'left' },
      'input',
    );
    make(down.filter(isLayer), { row, column: 'left' });
    make(up.filter(isLayer), { row, column: 'right' }, 'layer');
    make(
      up.filter((unit) => !isLayer(unit)),
      { row: -1, column: 'right' },
      'output',
    );
  });
  make(found.bottom, { row: found.levels.length, column: 'middle' });
  const edges: Edge[] = [];
  const skips = new Map(found.levels.flatMap(({ skip }) => skip.map((unit) => [unit.index, unit] as const)));
  for (const unit of units) {
    const to = boxOf.get(unit.index);
    if (!to) continue;
    for (const index of unit.from) {
      const said: string[] = [];
      let source = units[index];
      for (; source && skips.has(source.index); source = units[source.from[0] ?? -1]) said.unshift(...source.captions);
      const from = source && boxOf.get(source.index);
      if (!from || from === to) continue;
      const isSkip = from.cell?.column === 'left' && to.cell?.column === 'right';
      const lines = [...said, ...(isSkip && said.length > 0 ? [shapeText(units[index]?.type, batch)] : [])];
      edges.push({ from: from.id, to: to.id, shortcut: isSkip, ...(lines.length > 0 && { lines }) });
    }
  }
  return { id: '', title: '', boxes, frames: [], edges };
}
