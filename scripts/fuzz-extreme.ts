/** The loop of `npm run fuzz -- --extreme`. */
import { mkdirSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { checkExtreme, extremeCase, extremeText, shrinkExtreme } from '../test/optimize/extreme.ts';
import { Judge } from '../test/optimize/judge.ts';
import { tinyBytes } from '../test/optimize/tiny.ts';

/** Ends the process when a case takes more than two minutes, or ten where onnxruntime has a share, and says which. */
const watch = `
  const { workerData: { at: shared, every } } = require('node:worker_threads');
  const at = new Int32Array(shared);
  let [last, since] = [-1, Date.now()];
  setInterval(() => {
    if (at[0] !== last) [last, since] = [at[0], Date.now()];
    else if (Date.now() - since > (every ? 600000 : 120000)) {
      require('node:fs').writeSync(2, 'seed ' + last + ' does not end\\n');
      process.kill(process.pid, 'SIGKILL');
    }
  }, 500);`;

export interface ExtremeRun {
  readonly first: number;
  readonly count: number;
  /** Every n-th case is judged by onnxruntime; 0 for none. */
  readonly judge: number;
  /** Failures of that many kinds are shrunk and shown. */
  readonly most: number;
  readonly show: boolean;
  readonly save: string | undefined;
}

/** How many cases failed. */
export async function fuzzExtreme({ first, count, judge: every, most, show, save }: ExtremeRun): Promise<number> {
  const at = new SharedArrayBuffer(4);
  const current = new Int32Array(at);
  const watcher = new Worker(watch, { eval: true, workerData: { at, every } });
  const judge = new Judge();
  const kinds = new Map<string, number[]>();
  let [made, ran, failed] = [0, 0, 0];
  for (let seed = first; seed < first + count; seed++) {
    current[0] = seed;
    const tiny = extremeCase(seed);
    if (show) console.log(extremeText(tiny));
    const asked = every > 0 && seed % every === 0 ? judge : undefined;
    const outcome = await checkExtreme(tiny, asked);
    if (outcome.made) made++;
    if (outcome.ran) ran++;
    const { failure } = outcome;
    if (!failure) continue;
    failed++;
    const kind = `${failure.kind}: ${failure.message.replaceAll(/[\d.e+-]+|v#?\d*|\n.*/gs, '#').slice(0, 90)}`;
    const known = kinds.get(kind);
    if (known) {
      known.push(seed);
      continue;
    }
    kinds.set(kind, [seed]);
    if (kinds.size > most) continue;
    const small = await shrinkExtreme(tiny, failure, asked);
    writeSync(1, `\nseed ${seed}, ${failure.stage} ${failure.kind}: ${failure.message}\n${extremeText(small)}\n`);
    if (save === undefined) continue;
    mkdirSync(save, { recursive: true });
    writeFileSync(join(save, `extreme-${seed}.onnx`), tinyBytes(small));
  }
  judge.close();
  await watcher.terminate();
  console.log(`\n${count} cases: ${made} made, ${ran} run by onnxruntime before and after; ${failed} failed`);
  for (const [kind, seeds] of kinds) console.log(`${seeds.length} × ${kind} (seeds ${seeds.slice(0, 5).join(', ')})`);
  return failed;
}
