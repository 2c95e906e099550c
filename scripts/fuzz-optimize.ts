/**
 * Random differential testing of `rescc optimize`, as much of it as one likes:
 *
 *     npm run fuzz -- --count 10000 --seed 7        seeds 7 to 10006
 *     npm run fuzz -- --seed 42 --count 1 --show    prints the case as it was made
 *
 *     npm run fuzz -- --opset 13                    no older spellings
 *     npm run fuzz -- --extreme --count 10000       small graphs with extreme numbers (test/optimize/extreme.ts); every tenth is
 *                                                   judged by onnxruntime, or every n-th by --judge n
 *
 * Every case runs in onnxruntime as it is, and through import, every pass alone, -O1 and -O2. A failure is printed with its seed,
 * its stage and the smallest case found that still fails; `--save FOLDER` writes that case as JSON (for test/golden/optimize) and
 * as an ONNX file. Ends with 1 when anything failed.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkCase, shrink, storeCase } from '../test/optimize/check.ts';
import { generateCase } from '../test/optimize/generate.ts';
import { caseText, encodeCase } from '../test/optimize/onnx-case.ts';
import { fuzzExtreme } from './fuzz-extreme.ts';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '0' },
    save: { type: 'string' },
    show: { type: 'boolean', default: false },
    extreme: { type: 'boolean', default: false },
    judge: { type: 'string', default: '10' },
    opset: { type: 'string', default: '7' },
    shrink: { type: 'string', default: '400' },
    'max-failures': { type: 'string', default: '20' },
  },
});
const first = Number(values.seed);
const count = Number(values.count);
const budget = Number(values.shrink);
const most = Number(values['max-failures']);
if (values.extreme) {
  const found = await fuzzExtreme({ first, count, judge: Number(values.judge), most, show: values.show, save: values.save });
  process.exit(found > 0 ? 1 : 0);
}

let done = 0;
let byRuntime = 0;
let byReference = 0;
let failed = 0;
let worst = 0;
let apart = 0;
let nodes = 0;
const foreign = new Map<string, number>();
const fired = new Map<string, number>();
/** Stage and first words: the second case of a kind is counted, not shrunk. */
const kinds = new Map<string, number[]>();

for (let seed = first; seed < first + count; seed++) {
  const one = generateCase(seed, Number(values.opset));
  if (values.show) console.log(caseText(one));
  const outcome = await checkCase(one);
  done++;
  nodes += one.nodes.length;
  if (outcome.runtime) byRuntime++;
  if (outcome.reference) byReference++;
  if (Number.isFinite(outcome.distance))
    apart = Math.max(apart, one.types.get(one.outputs[0] ?? '')?.elem === 'f32' ? outcome.distance : 0);
  if (Number.isFinite(outcome.worst))
    worst = Math.max(worst, one.types.get(one.outputs[0] ?? '')?.elem === 'f32' ? outcome.worst : 0);
  for (const name of outcome.foreign) foreign.set(name, (foreign.get(name) ?? 0) + 1);
  for (const [rule, n] of outcome.fired) fired.set(rule, (fired.get(rule) ?? 0) + n);
  const [failure] = outcome.failures;
  if (!failure) continue;
  failed++;
  const kind = `${failure.stage} ${failure.kind}: ${(failure.message.split('\n')[0] ?? '').replaceAll(/[\d.e+-]+|'[^']*'|"[^"]*"|[cv]\d+/g, '#').slice(0, 80)}`;
  const known = kinds.get(kind);
  if (known) {
    known.push(seed);
    continue;
  }
  kinds.set(kind, [seed]);
  if (kinds.size > most) continue;
  const small = await shrink(one, failure, budget);
  console.log(`\nseed ${seed} failed: ${outcome.failures.map((f) => `${f.stage} (${f.kind})`).join(', ')}`);
  console.log(`${failure.stage}: ${failure.message.split('\n').slice(0, 6).join('\n')}`);
  console.log(caseText(small));
  if (values.save !== undefined) {
    mkdirSync(values.save, { recursive: true });
    const name = `seed-${seed}-${failure.stage.replace(/^-/, '')}`;
    writeFileSync(join(values.save, `${name}.json`), `${storeCase(small)}\n`);
    writeFileSync(join(values.save, `${name}.onnx`), encodeCase(small));
  }
}

const table = (map: ReadonlyMap<string, number>): string =>
  [...map]
    .sort(([, a], [, b]) => b - a)
    .map(([name, n]) => `${name} ${n}`)
    .join(', ') || 'none';
console.log(
  `\n${done} cases of ${Math.round(nodes / done)} nodes; ${byRuntime} ran in onnxruntime, ${byReference} in the reference; ${failed} failed`,
);
console.log(
  `largest f32 error: reference against onnxruntime ${apart.toExponential(1)}, optimised against original ${worst.toExponential(1)}`,
);
console.log(`left foreign: ${table(foreign)}`);
console.log(`fired: ${table(fired)}`);
for (const [kind, seeds] of kinds) console.log(`${seeds.length} × ${kind} (seeds ${seeds.slice(0, 5).join(', ')})`);
process.exitCode = failed > 0 ? 1 : 0;
