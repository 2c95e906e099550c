/** The examples of the API run as a user would run them, against the built package, and say what they promise. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

const promised: Readonly<Record<string, readonly RegExp[]>> = {
  'check.ts': [/^error RES0302: body and shortcut/, /^4:45 RES0302 /m, /^models: Net$/m],
  'compile.ts': [/^Small: 13 nodes became 10$/m, /^5221 parameters, \d+ bytes$/m],
  'edit.ts': [
    /^3 of 5 nodes \{\s+sizes: \[\],\s+values: 1,/,
    /^Map\(2\) \{ 'fc\.weight' => 'head\.weight', 'fc\.bias' => 'head\.bias' \} 0$/m,
    /^\[ 'N', 3, 8, 8 \] \[ 'N = 5' \]$/m,
    /^\[ 'fc\.weight f32\[4, 8\]', 'fc\.bias f32\[4\]' \] 2$/m,
  ],
  'format.ts': [/^model Net \{ input x: f32\[N, 4\]\n {2}linear\(8\)/],
  'generate.ts': [/^behind 3 1 4: (\d+ ?){6}$/m],
  'optimize.ts': [/^fold-batchnorm: 3 -> 2 nodes/m, /^graph @Net$/m],
  'sources.ts': [/^(\d+) nodes, \1 after$/m, /^8 x 8: 1 x 4 scores$/m, /^12 x 12: 1 x 4 scores$/m],
  'stream.ts': [/^(\d+) bytes, many pieces, none above 4 MiB\n1 file of \1 bytes, 100 % written$/m],
  'summarize.ts': [
    /^stem: 2400 parameters, 32 buffers/,
    /^layer +operator +output/m,
    /conv 7x7\/2 p3 \+bias/,
    /^ +0 … 3 × 4 +residual/m,
    /^\d{9} multiply-adds, \d+ elements, \d+ bytes at most$/m,
    /^stem: 29503488 of them, 236027904 for eight pictures$/m,
  ],
  'verify-and-run.ts': [/agree with the float64 reference$/m, /^scores: f32\[2, 3\]$/m],
};

describe('examples/api', () => {
  test('every example has its promise here', () => {
    expect(readdirSync(`${root}/examples/api`).sort()).toEqual(Object.keys(promised).sort());
  });
  test.each(Object.entries(promised))('%s', (name, expected) => {
    const done = spawnSync(process.execPath, ['--import', 'tsx', `examples/api/${name}`], { cwd: root, encoding: 'utf8' });
    expect([done.status, done.stderr]).toEqual([0, '']);
    for (const text of expected) expect(done.stdout).toMatch(text);
  });
});
