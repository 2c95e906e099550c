/** Which of many steps broke something, by halving. */

/**
 * The smallest n in 1 … total with which it fails, where it fails with `total` and not with 0; 0 where it fails with none
 * already. Where failing comes and goes, an n that fails while n − 1 does not. Asks at most 2 + log2(total) times.
 */
export async function smallestFailing(total: number, fails: (steps: number) => Promise<boolean>): Promise<number> {
  if (total === 0 || (await fails(0))) return 0;
  let good = 0;
  let bad = total;
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    if (await fails(middle)) bad = middle;
    else good = middle;
  }
  return bad;
}
