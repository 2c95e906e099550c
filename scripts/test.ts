/**
 * `npm test`: lints, types, the rules between rooms, generated files, the build, and all tests. The last line counts all of them:
 * `N passed, N failed`.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const node = process.execPath;
const tsx = ['node_modules/tsx/dist/cli.mjs'];
let passed = 0;
let failed = 0;

function step(name: string, args: readonly string[]): boolean {
  const started = performance.now();
  const done = spawnSync(node, args, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8', maxBuffer: 1 << 28 });
  const ok = done.status === 0;
  if (ok) passed++;
  else failed++;
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
  if (!ok) console.log(done.stdout + done.stderr);
  return ok;
}

step('lint and format (biome)', ['node_modules/@biomejs/biome/bin/biome', 'check', '.']);
step('comments wrapped', [...tsx, 'scripts/comments.ts', '--check']);
// The examples of the API import the package by its name, so that the types they see are those of the build.
const built = step('build', [...tsx, 'scripts/build.ts', '--types']);
step('types', ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json']);
step('types of the core, without Node', ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.core.json']);
step('types of the page, in a browser', ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.page.json']);
step('rules between rooms', [...tsx, 'scripts/rooms.ts']);
step('nothing unused (knip)', ['node_modules/knip/bin/knip.js']);
for (const name of ['stdlib', 'rare-names', 'page', 'reference', 'pytorch', 'railroad', 'passes', 'errors', 'defects'])
  step(`generated files: ${name}`, [...tsx, `scripts/${name}.ts`, '--check']);

if (built) {
  const folder = mkdtempSync(join(tmpdir(), 'rescc-test-'));
  const file = join(folder, 'results.json');
  spawnSync(
    node,
    ['node_modules/vitest/vitest.mjs', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`],
    { stdio: 'inherit' },
  );
  try {
    const results = JSON.parse(readFileSync(file, 'utf8')) as {
      numPassedTests: number;
      numFailedTests: number;
      numFailedTestSuites: number;
      success: boolean;
    };
    passed += results.numPassedTests;
    // A file that does not load has no tests to count, but is no success.
    failed += results.success ? 0 : Math.max(1, results.numFailedTests);
    if (results.numPassedTests === 0) failed++;
  } catch {
    console.log('vitest left no results');
    failed++;
  }
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
