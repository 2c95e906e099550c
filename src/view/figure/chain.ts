/**
 * The form of a network, found from what reads what and not from names: a chain of layers and of bubbles, which are what lies
 * between two places that everything passes; which of them are alike; and what repeats in a row.
 */
import { ownsWeight } from '../layer-text.ts';
import { coneOf, type Unit } from './units.ts';

/** A layer, or all that lies between two places that everything passes through. */
export interface Item {
  /** In order; the last is the one that everything passes. */
  readonly units: readonly Unit[];
  readonly exit: Unit;
  /** What it all begins at; undefined at the start of a chain. */
  readonly entry: Unit | undefined;
  readonly isBubble: boolean;
  /** Equal where operators, attributes, widths and wiring are. */
  readonly exact: string;
  /** Equal where they are but for widths and steps. */
  readonly plain: string;
  /** The units of a lighter branch that is a shortcut beside the others: empty for one without a layer. */
  readonly shortcut: readonly Unit[] | undefined;
  /** The items that it was put together of. */
  readonly parts?: readonly Item[];
}

export interface Chain {
  readonly items: readonly Item[];
  /** Units that do not hang on the first input and that several items read: masks, conditions. */
  readonly taps: ReadonlySet<Unit>;
}

/** Items that stand in a row `times` times, drawn once. */
export interface Run {
  /** One entry per repetition, each with the same number of items. */
  readonly repeats: readonly (readonly Item[])[];
}

/** Whether a unit hangs on the input from which the longest way leads through the network. */
function mainUnits(units: readonly Unit[]): ReadonlySet<Unit> {
  const deep = new Map<number, number>();
  for (const unit of [...units].reverse())
    deep.set(unit.index, unit.to.reduce((most, to) => Math.max(most, deep.get(to) ?? 0), 0) + 1);
  const roots = units.filter(({ from }) => from.length === 0);
  const longest = roots.reduce((most, { index }) => Math.max(most, deep.get(index) ?? 0), 0);
  const root = roots.find(({ index }) => deep.get(index) === longest);
  const main = new Set<Unit>();
  for (const unit of units) {
    if (unit === root || unit.from.some((index) => main.has(units[index] ?? unit))) main.add(unit);
  }
  return main;
}

/** Units in groups, each of which ends in one that everything passes. `ordered` leaves out outputs. */
function groupsOf(ordered: readonly Unit[]): readonly (readonly Unit[])[] {
  const lastReader = new Map<number, number>();
  ordered.forEach((unit, at) => {
    for (const index of unit.from) lastReader.set(index, at);
  });
  const groups: Unit[][] = [];
  let group: Unit[] = [];
  const live = new Set<number>();
  ordered.forEach((unit, at) => {
    for (const index of unit.from) if (lastReader.get(index) === at) live.delete(index);
    if (lastReader.has(unit.index)) live.add(unit.index);
    group.push(unit);
    if (live.size === 0 || (live.size === 1 && live.has(unit.index))) {
      groups.push(group);
      group = [];
    }
  });
  if (group.length > 0) groups.push(group);
  return groups;
}

const isEnd = ({ kind }: Unit): boolean => kind === 'output';
const isHeavy = ({ nodes }: Unit): boolean => nodes.some((node) => node.op.cost !== undefined && ownsWeight(node));

/**
 * Parts with weights that lead to other outputs than the deepest, such as an auxiliary classifier. What reads each other is one.
 */
function partsBeside(units: readonly Unit[], main: ReadonlySet<Unit>): readonly ReadonlySet<Unit>[] {
  const outputs = units.filter((unit) => isEnd(unit) && main.has(unit));
  if (outputs.length < 2) return [];
  const depth = new Map<number, number>();
  for (const unit of units) depth.set(unit.index, unit.from.reduce((most, from) => Math.max(most, depth.get(from) ?? 0), 0) + 1);
  const deepest = outputs.reduce((best, unit) => ((depth.get(unit.index) ?? 0) > (depth.get(best.index) ?? 0) ? unit : best));
  const leads = coneOf(deepest.index, main, units);
  const open = new Set(units.filter((unit) => main.has(unit) && !leads.has(unit) && !isEnd(unit)));
  const parts: Set<Unit>[] = [];
  for (const unit of open) {
    open.delete(unit);
    const part = new Set([unit]);
    for (const one of part)
      for (const index of [...one.from, ...one.to]) {
        const next = units[index];
        if (next && open.delete(next)) part.add(next);
      }
    parts.push(part);
  }
  return parts.filter((part) => [...part].some(isHeavy));
}

/**
 * Branches, and the groups of the network without them: of the parts beside it those that hang on places that everything of the
 * network passes. What hangs on a place within a block stays part of the block.
 */
function branched(
  units: readonly Unit[],
  main: ReadonlySet<Unit>,
): { readonly branches: ReadonlySet<Unit>; readonly groups: readonly (readonly Unit[])[] } {
  const inner = units.filter((unit) => main.has(unit) && !isEnd(unit));
  for (let kept = partsBeside(units, main); ; ) {
    const branches = new Set(kept.flatMap((part) => [...part]));
    const groups = groupsOf(inner.filter((unit) => !branches.has(unit)));
    const exits = new Set(groups.map((group) => group.at(-1)));
    const hangs = (part: ReadonlySet<Unit>): boolean =>
      [...part].every((unit) =>
        unit.from.every((index) => {
          const from = units[index];
          return !from || part.has(from) || exits.has(from) || !main.has(from);
        }),
      );
    const next = kept.filter(hangs);
    if (next.length === kept.length) return { branches, groups };
    kept = next;
  }
}

export function chainOf(units: readonly Unit[]): Chain {
  const main = mainUnits(units);
  const { branches, groups } = branched(units, main);
  const groupOf = new Map<Unit, number>();
  groups.forEach((one, at) => {
    for (const unit of one) groupOf.set(unit, at);
  });
  // Side units go to the only group that reads them, where no branch does, too; from the last, so that chains of them follow.
  const taps = new Set<Unit>();
  const added = new Map<number, Unit[]>();
  for (const unit of [...units].reverse()) {
    if (main.has(unit) || isEnd(unit)) continue;
    const readers = new Set(
      unit.to.map((index) => units[index]).map((reader) => (reader && !isEnd(reader) ? (groupOf.get(reader) ?? -1) : -1)),
    );
    const [only = -1] = readers;
    if (readers.size === 1 && only >= 0) {
      groupOf.set(unit, only);
      added.set(only, [unit, ...(added.get(only) ?? [])]);
    } else taps.add(unit);
  }
  let entry: Unit | undefined;
  const items: Item[] = [];
  const final: Unit[] = [];
  groups.forEach((own, at) => {
    const exit = own.at(-1);
    if (!exit) return;
    const outs = own
      .flatMap((unit) => unit.to.map((index) => units[index]))
      .filter((one): one is Unit => one !== undefined && isEnd(one));
    const isLast = at === groups.length - 1;
    if (isLast) final.push(...outs);
    const members = [...(added.get(at) ?? []), ...own.slice(0, -1), ...(isLast ? [] : outs), exit];
    items.push(itemOf(members, exit, entry, units));
    entry = exit;
  });
  for (const out of final) items.push(itemOf([out], out, entry, units));
  for (const unit of units) {
    const own = branches.has(unit) || (isEnd(unit) && unit.from.some((index) => branches.has(units[index] ?? unit)));
    if (own) items.push(itemOf([unit], unit, units[unit.from[0] ?? -1], units));
  }
  return { items, taps };
}

const indexed = (text: string): string => text.replace(/\d+/g, 'i');

function itemOf(members: readonly Unit[], exit: Unit, entry: Unit | undefined, units: readonly Unit[]): Item {
  const place = new Map(members.map((unit, at) => [unit.index, at]));
  const wiring = ({ from }: Unit): string =>
    from.map((index) => (index === entry?.index ? 'e' : (place.get(index) ?? 't'))).join(',');
  const said = (unit: Unit, what: string): string =>
    `${unit.kind === 'layer' ? what : indexed(unit.captions.join())}(${wiring(unit)})`;
  return {
    units: members,
    exit,
    entry,
    isBubble: members.length > 1,
    exact: members.map((unit) => said(unit, unit.exact)).join(' '),
    plain: members.map((unit) => said(unit, unit.plain.join(' '))).join(' '),
    shortcut: members.length > 1 && entry ? shortcutOf(members, exit, entry, units) : undefined,
  };
}

/** The lighter one of the branches that end in `exit`, where there are two and they share nothing. */
function shortcutOf(members: readonly Unit[], exit: Unit, entry: Unit, units: readonly Unit[]): readonly Unit[] | undefined {
  if (exit.from.includes(entry.index)) {
    // Beside others that begin elsewhere it is one of several branches.
    return members.some((unit) => unit !== exit && unit.from.includes(entry.index)) ? [] : undefined;
  }
  const inside = new Set(members);
  const branches = exit.from.map((index) => ({
    cone: coneOf(index, inside, units),
    marked: exit.shortcuts.has(index),
  }));
  if (branches.length !== 2 || exit.nodes[0]?.op.traits.elementwise !== true) return undefined;
  const [a, b] = branches;
  if (!a || !b || [...a.cone].some((unit) => b.cone.has(unit))) return undefined;
  const light = a.marked !== b.marked ? (a.marked ? a : b) : a.cone.size < b.cone.size ? a : b;
  if (a.cone.size === b.cone.size && a.marked === b.marked) return undefined;
  return members.filter((unit) => light.cone.has(unit));
}

/** Longest period that is looked for. */
const longestPeriod = 16;

/**
 * Items in rows: what repeats at once behind itself is one run. Of several periods the one that covers most, the shortest of
 * those.
 */
export function runsIn(items: readonly Item[]): readonly Run[] {
  const runs: Run[] = [];
  for (let at = 0; at < items.length; ) {
    let best = { period: 1, times: 1 };
    for (let period = 1; period <= longestPeriod && at + 2 * period <= items.length; period++) {
      let times = 1;
      while (alike(items, at, at + times * period, period)) times++;
      const gain = (times - 1) * period;
      if (gain > (best.times - 1) * best.period) best = { period, times };
    }
    const { period, times } = best;
    runs.push({ repeats: Array.from({ length: times }, (_, k) => items.slice(at + k * period, at + (k + 1) * period)) });
    at += period * times;
  }
  return runs;
}

function alike(items: readonly Item[], a: number, b: number, length: number): boolean {
  if (b + length > items.length) return false;
  for (let i = 0; i < length; i++) if (items[a + i]?.exact !== items[b + i]?.exact) return false;
  return true;
}

/** Rows longer than this are not looked for. */
const longestRow = 8;

/**
 * Puts the row of items that comes most often, be it next to itself or elsewhere, together as one item each time, if it comes
 * twice. Of several the one that leaves the fewest items.
 */
export function withRows(items: readonly Item[]): readonly Item[] {
  const keyAt = (at: number, length: number): string | undefined => {
    const row = items.slice(at, at + length);
    if (row.length < length || !row[0]?.isBubble || row.some(({ exit }) => exit.kind !== 'layer')) return undefined;
    return row.map(({ plain }) => plain).join(' | ');
  };
  let best = { gain: 0, length: 0, key: '' };
  for (let length = 2; length <= longestRow; length++) {
    const next = new Map<string, { free: number; count: number }>();
    items.forEach((_, at) => {
      const key = keyAt(at, length);
      if (key === undefined) return;
      const seen = next.get(key) ?? { free: 0, count: 0 };
      if (at >= seen.free) next.set(key, { free: at + length, count: seen.count + 1 });
    });
    for (const [key, { count }] of next) {
      const gain = (count - 1) * (length - 1);
      if (gain > best.gain) best = { gain, length, key };
    }
  }
  if (best.gain === 0) return items;
  const out: Item[] = [];
  for (let at = 0; at < items.length; ) {
    const row = items.slice(at, at + best.length);
    const [first] = row;
    const last = row.at(-1);
    if (keyAt(at, best.length) !== best.key || !first || !last) {
      out.push(...items.slice(at, at + 1));
      at++;
      continue;
    }
    out.push({
      units: row.flatMap(({ units }) => units),
      exit: last.exit,
      entry: first.entry,
      isBubble: true,
      exact: row.map(({ exact }) => exact).join(' | '),
      plain: best.key,
      shortcut: undefined,
      parts: row,
    });
    at += best.length;
  }
  return out;
}
