/**
 * How V8 keeps what this process allocates, set before the commands are loaded. Only a process of our own may be set so. The
 * nursery begins with 1 MB. It would grow to three times 16 MB, most of what a compilation takes beside the program itself, so it
 * stays as it is when the program is loaded: by then most often 4 MB, since what loading makes survives. The old generation is
 * collected when it has grown by half, instead of up to four times as large: of 10,000 residual blocks 150 MB less, for an eighth
 * of the time.
 */
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

const nurseryBytes = (): number => getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.space_size ?? 0;
/** Two halves of 4 MB. */
const wide = 8 * 2 ** 20;

/** Whether the nursery grows where enough survives. V8 takes code that was kept only with the settings that it was kept with. */
export const nurserySize = (size: 'fixed' | 'growing'): void =>
  setFlagsFromString(`--semi-space-growth-factor=${size === 'fixed' ? 1 : 4}`);

nurserySize('growing');
setFlagsFromString('--heap-growing-percent=50');
// Marking at one go, not beside the work: a small model ends before it is wanted, and a process of our own may stand still.
setFlagsFromString('--no-incremental-marking');
// The optimising compiler puts fewer functions into others, and so has less to compile.
setFlagsFromString('--max-inlined-bytecode-size-cumulative=300');
// And it comes to a function after four times as much work, where V8 counts that (in Node 20), or after three times as many calls
// (Node 22 and 24): of optimising a network, compiling what ran for a moment took up to a quarter. A flag that a version does not
// know would be said on the terminal.
const engine = Number.parseInt(process.versions.v8, 10);
if (engine === 11) setFlagsFromString('--interrupt-budget=270336');
else if (engine === 12 || engine === 13) setFlagsFromString('--invocation-count-for-turbofan=9000');

/**
 * Makes the nursery 4 MB, once, for commands that build graphs: what a sweep over a graph makes for itself is gone then before it
 * is moved to the old generation, and a deep network takes a sixth less time. V8 has no call for that while it runs; it grows
 * where enough has survived a collection, as loading the program most often has.
 */
export function widenNursery(): void {
  const surviving: unknown[] = [];
  nurserySize('growing');
  // 8 KB each, so that 4 MB are the end, should a later V8 not grow by it.
  for (let i = 0; i < 512 && (i % 16 !== 0 || nurseryBytes() < wide); i++) surviving.push(new Array(1000).fill(i));
  nurserySize('fixed');
}
