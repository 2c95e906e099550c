/**
 * Random damage to files, as much of it as one likes:
 *
 *     npm run fuzz:files -- --count 10000 --seed 7     seeds 7 to 10006
 *     npm run fuzz:files -- --format onnx --save DIR   keeps the files that failed
 *
 * Each case damages a small file (bytes, or whole fields of a protobuf message) and opens it. ONNX files are optimised;
 * onnxruntime, in a process of its own, is the judge: what it runs must come out equal or be refused by a diagnostic. Nothing may
 * end in any other way than with a result or a diagnostic. Ends with 1 when anything failed.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Format, formats, fuzzFiles } from '../test/optimize/fuzz-files.ts';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '0' },
    format: { type: 'string' },
    save: { type: 'string' },
  },
});
const chosen: readonly Format[] = formats.filter((one) => values.format === undefined || one === values.format);
const report = await fuzzFiles({ seed: Number(values.seed), count: Number(values.count), formats: chosen });
const { save } = values;
if (save !== undefined) mkdirSync(save, { recursive: true });
for (const { seed, format, what, bytes } of report.failures) {
  console.log(`seed ${seed} ${format}: ${what}`);
  if (save !== undefined) writeFileSync(join(save, `${seed}.${format}`), bytes);
}
const { read, refused, judged, crashes } = report;
console.log(
  `${values.count} files: ${read} read, ${refused} refused, ${judged} run by onnxruntime before and after, ${crashes} that crash onnxruntime; ${report.failures.length} failed`,
);
process.exitCode = report.failures.length === 0 ? 0 : 1;
