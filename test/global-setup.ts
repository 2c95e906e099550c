/** Builds dist/ when a source is newer than it, because the command line and the package are tested as they are shipped. */
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const built = join(root, 'dist/rescc.js');

function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

export function setup(): void {
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).map((name) => join(root, 'src', name));
  const scripts = ['build', 'chevrotain', 'lazy-packages', 'lodash', 'manual-texts'].map((name) =>
    join(root, `scripts/${name}.ts`),
  );
  const newest = [...sources, ...scripts].reduce((latest, path) => Math.max(latest, modified(path)), 0);
  if (modified(built) >= newest) return;
  const started = new Date();
  const done = spawnSync(process.execPath, ['node_modules/tsx/dist/cli.mjs', 'scripts/build.ts'], {
    cwd: root,
    encoding: 'utf8',
  });
  if (done.status !== 0) throw new Error(`the build failed:\n${done.stdout}${done.stderr}`);
  // A bundle that did not change keeps its time, and would be built again and again.
  utimesSync(built, started, started);
}
