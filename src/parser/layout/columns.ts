/**
 * Columns. A token that stands further right than its natural place is put there on purpose when a token of a
 * neighbouring line stands in the same column. Such a column (a run of neighbouring lines) is kept: it moves to the
 * rightmost natural place among its lines, plus the blanks that all its lines had in excess, at most `maxExcess`. Other
 * surplus blanks vanish. Formatting twice changes nothing: in the result every token of a column stands at
 * max(natural) + excess, so that the same sum gives the same place, also when two columns have met by chance.
 */
import type { Line } from './lines.ts';
import { type Piece, widthOf } from './pieces.ts';
import { statementGap } from './signs.ts';

const maxExcess = 4;

interface Member {
  readonly line: number;
  readonly k: number;
}
/** The members of a column lie in neighbouring lines. */
interface Column {
  /** Its place in the source. */
  readonly at: number;
  readonly members: readonly Member[];
  readonly excess: number;
}

/** Where each piece of each line stands. */
export function placesOf(lines: readonly Line[]): readonly (readonly number[])[] {
  joinNearMisses(lines);
  const places: number[][] = lines.map(() => []);
  /** A line is measured from left to right. */
  const natural = (index: number, k: number): number => {
    const line = lines[index];
    const piece = line?.pieces[k];
    if (!line || !piece) return 0;
    if (k === 0) return line.indent;
    return (places[index]?.[k - 1] ?? 0) + widthOf(line.pieces[k - 1]?.text ?? '') + piece.gap;
  };
  const placeUntil = (index: number, until: number): void => {
    const row = places[index];
    if (!row) return;
    for (let k = row.length; k < until; k++) row.push(natural(index, k));
  };
  // Columns come from left to right, so that everything left of a member stands already when it is placed.
  for (const column of columnsOf(lines)) {
    let target = 0;
    for (const { line, k } of column.members) {
      placeUntil(line, k);
      target = Math.max(target, natural(line, k));
    }
    target += column.excess;
    for (const { line, k } of column.members) {
      const row = places[line];
      if (row && row.length === k) row.push(target);
    }
  }
  for (const [index, line] of lines.entries()) placeUntil(index, line.pieces.length);
  return places;
}

/** A statement that misses a column of its neighbours by one was meant to stand in it. */
function joinNearMisses(lines: readonly Line[]): void {
  const byColumn = lines.map(
    ({ pieces }) =>
      new Map(
        pieces
          .slice(1)
          .filter((piece) => piece.gap > 0)
          .map((piece) => [piece.column, piece]),
      ),
  );
  const isMoved = (piece: Piece | undefined): boolean => piece !== undefined && piece.excess > 0 && piece.gap === statementGap;
  for (const [index, line] of lines.entries()) {
    const beside = [
      line.blankBefore ? undefined : byColumn[index - 1],
      lines[index + 1]?.blankBefore ? undefined : byColumn[index + 1],
    ];
    for (const piece of line.pieces) {
      if (!isMoved(piece) || beside.some((other) => other?.has(piece.column))) continue;
      const near = [-1, 1].flatMap((step) => beside.map((other) => other?.get(piece.column + step)));
      const meant = near.find(isMoved);
      if (meant) piece.column = meant.column;
    }
  }
}

interface Run {
  readonly members: Member[];
  least: number;
  most: number;
}

/** Every column, in the order of its place in the source. */
function columnsOf(lines: readonly Line[]): Column[] {
  const columns: Column[] = [];
  let running = new Map<number, Run>();
  const finish = (at: number, { members, least, most }: Run): void => {
    if (members.length > 1 && most > 0) columns.push({ at, members, excess: Math.min(maxExcess, least) });
  };
  for (const [index, line] of lines.entries()) {
    const now = new Map<number, Run>();
    // Where a piece has several lines columns make no sense.
    const usable = line.pieces.every((piece) => piece.kind === 'token' || !piece.text.includes('\n'));
    for (const [k, piece] of usable ? line.pieces.entries() : []) {
      if (k === 0 || piece.gap === 0) continue;
      const { column, excess } = piece;
      const run = (line.blankBefore ? undefined : running.get(column)) ?? { members: [], least: excess, most: excess };
      run.members.push({ line: index, k });
      run.least = Math.min(run.least, excess);
      run.most = Math.max(run.most, excess);
      now.set(column, run);
    }
    for (const [at, run] of running) if (now.get(at) !== run) finish(at, run);
    running = now;
  }
  for (const [at, run] of running) finish(at, run);
  return columns.sort((a, b) => a.at - b.at || (a.members[0]?.line ?? 0) - (b.members[0]?.line ?? 0));
}
