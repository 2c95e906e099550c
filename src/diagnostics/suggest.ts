/** What somebody may have meant: the known name that is most like a given one. */

/** Cells of tables that one search may fill: more names, or longer ones, are no longer read by people. */
const cellLimit = 4_000_000;

/**
 * The name of `known` that is most like `name`, for a hint: at most one third of it may differ. Upper and lower case are alike.
 */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let cells = cellLimit;
  let limit = Math.floor(name.length / 3);
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) > limit) continue;
    cells -= (candidate.length + 1) * (name.length + 1);
    if (cells < 0) break;
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase(), limit);
    if (distance > limit) continue;
    best = candidate;
    limit = distance - 1;
  }
  return best;
}

/**
 * Levenshtein's distance with exchanges of neighbours counted once, by the usual table, of which three rows are kept; a number
 * above `limit` as soon as it is known to be above.
 */
export function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  let leastBefore = 0;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      row.push(cost);
      least = Math.min(least, cost);
    }
    // What follows comes from this row, or by an exchange from the one before.
    if (least > limit && leastBefore + 1 > limit) return limit + 1;
    leastBefore = least;
    before = previous;
    previous = row;
  }
  return previous[b.length] ?? limit + 1;
}
