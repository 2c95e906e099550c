/**
 * Runs the models that ONNX is tested with, original and optimised, in onnxruntime:
 * `npm run testdata [-- --folder FOLDER] [-- NAME…]`. They are Debian's package libonnx-testdata
 * (`apt-get install libonnx-testdata`), or `onnx/backend/test/data` of the source of ONNX. Prints a table and every model that
 * does worse than its original, and ends with 1 when there is one.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Grade, judge, readTestModel } from '../test/optimize/testdata.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { folder: { type: 'string', default: '/usr/share/libonnx-testdata/data' } },
});

if (!existsSync(values.folder)) {
  console.error(`${values.folder} is not there: install Debian's package libonnx-testdata, or name the folder with --folder`);
  process.exit(2);
}

const levels = [0, 1, 2] as const;
const counts = new Map<string, number>();
const count = (kind: string, level: number, what: string): void => {
  const key = `${kind} ${level} ${what}`;
  counts.set(key, (counts.get(key) ?? 0) + 1);
};
const kinds = readdirSync(values.folder).sort();
const failures: string[] = [];
const declined = new Map<string, Set<string>>();
const totals = new Map<string, number>();
const shown = new Set(positionals);
let ran = 0;
for (const kind of kinds) {
  for (const name of readdirSync(join(values.folder, kind)).sort()) {
    if (shown.size > 0 && !shown.has(name)) continue;
    if (!existsSync(join(values.folder, kind, name, 'model.onnx'))) continue;
    ran++;
    totals.set(kind, (totals.get(kind) ?? 0) + 1);
    for (const verdict of await judge(readTestModel(join(values.folder, kind), name), levels)) {
      if (verdict.level === 0) count(kind, -1, verdict.original);
      if (verdict.declined !== undefined && verdict.original !== 'refused') {
        count(kind, verdict.level, 'declined');
        const reason = `${kind}, ${verdict.declined}`;
        declined.set(reason, (declined.get(reason) ?? new Set()).add(name));
      } else count(kind, verdict.level, verdict.worse === undefined ? verdict.optimized : 'worse');
      if (verdict.worse !== undefined) failures.push(`${kind}/${name} -O${verdict.level}: ${verdict.worse}`);
    }
  }
}

const columns: readonly (Grade | 'declined' | 'worse')[] = ['right', 'wrong', 'loads', 'refused', 'declined', 'worse'];
console.log(
  'right: the outputs of the files; wrong: others, as the original gives them; loads: cannot be run here; refused: by onnxruntime;\ndeclined: rescc does not take it, and says why with a code; worse: than the original\n',
);
console.log(`| models | run as | ${columns.join(' | ')} |`);
console.log(`| --- | --- | ${columns.map(() => '---:').join(' | ')} |`);
for (const [kind, total] of totals) {
  for (const level of [-1, ...levels]) {
    const cells = columns.map((what) => counts.get(`${kind} ${level} ${what}`) ?? 0);
    console.log(`| ${level < 0 ? `${kind} (${total})` : ''} | ${level < 0 ? 'original' : `-O${level}`} | ${cells.join(' | ')} |`);
  }
}
for (const [reason, names] of declined)
  console.log(`declined (${reason}): ${names.size}, such as ${[...names].slice(0, 4).join(', ')}`);
for (const failure of failures) console.log(failure);
console.log(`${ran} models, ${failures.length} runs worse than the original`);
process.exitCode = failures.length > 0 || ran === 0 ? 1 : 0;
