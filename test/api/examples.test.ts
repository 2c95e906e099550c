/** The examples of the API run as a user would run them, against the built package, and say what they promise. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { apiExports, apiText } from '../../scripts/api.ts';
import * as api from '../../src/index.ts';
import * as nodeApi from '../../src/node.ts';

const exports = apiExports();
const root = fileURLToPath(new URL('../..', import.meta.url));

const promised: Readonly<Record<string, readonly RegExp[]>> = {
  'checkpoint.ts': [
    /^as long as in memory\nONNX \S+net\.onnx: fc\.weight f32\[2, 3\]$/m,
    /^ONNX picked\.onnx: fc\.weight f32\[2, 3\]\n\d+ bytes on the server\nthe same model$/m,
  ],
  'check.ts': [/^error RES0302: body and shortcut/, /^4:45 RES0302 /m, /^models: Net$/m],
  'compile.ts': [/^Small: 13 nodes became 10$/m, /^5221 parameters, \d+ bytes$/m],
  'drawings.ts': [
    /^flowchart TB\n {2}n0\(\["x<br\/>8"\]\)/,
    /^digraph "Net" \{$/m,
    /^Net \(float\[N,8\] x\) => \(float\[N,8\] y\)$/m,
    /^rescc \d+\.\d+\.\d+ wrote the same bytes twice$/m,
  ],
  'edit.ts': [
    /^3 of 5 nodes \{\s+sizes: \[\],\s+values: 1,/,
    /^Map\(2\) \{ 'fc\.weight' => 'head\.weight', 'fc\.bias' => 'head\.bias' \} 0$/m,
    /^\[ 'N', 3, 8, 8 \] \[ 'N = 5' \]$/m,
    /^\[ 'fc\.weight f32\[4, 8\]', 'fc\.bias f32\[4\]' \] 2$/m,
  ],
  'errors.ts': [
    /^\{\s+code: 'RES0101',\s+line: 1,\s+column: 33,\s+found: '`linaer`',\s+hint: 'did you mean `linear`\?'\s+\}$/m,
    /^RES0500: this file is no checkpoint that rescc reads \(<checkpoint>, a web page, perhaps the one around the download\)$/m,
  ],
  'format.ts': [/^model Net \{ input x: f32\[N, 4\]\n {2}linear\(8\)/],
  'generate.ts': [/^behind 3 1 4: (\d+ ?){6}$/m],
  'optimize.ts': [/^fold-batchnorm: 3 -> 2 nodes/m, /^graph @Net$/m],
  'own-runtime.ts': [/^\d+ runs, all right\n1 x 3 scores, whose sum is 1\.000$/m],
  'prove.ts': [/^3 -> 2 nodes, proven, culprit: undefined\n\[ 1, 4, 8, 8 \]$/m],
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
  test('every function, class and constant of the API is in an example', () => {
    const values = exports.filter(({ kind }) => kind !== 'type');
    // The page misses nothing that there is.
    const names = (of: string): readonly string[] =>
      values.filter(({ entry }) => entry === of || of === 'rescc/node').map(({ name }) => name);
    expect([...new Set(names('rescc'))].sort()).toEqual(Object.keys(api).sort());
    expect([...new Set(names('rescc/node'))].sort()).toEqual(Object.keys(nodeApi).sort());
    expect(values.filter(({ examples }) => examples.length === 0).map(({ entry, name }) => `${entry} ${name}`)).toEqual([]);
  });
  test.each(Object.entries(promised))('%s', (name, expected) => {
    const done = spawnSync(process.execPath, ['--import', 'tsx', `examples/api/${name}`], { cwd: root, encoding: 'utf8' });
    expect([done.status, done.stderr]).toEqual([0, '']);
    for (const text of expected) expect(done.stdout).toMatch(text);
  });
});

describe('docs/api.md', () => {
  test('is the one that the types write', () => {
    expect(readFileSync(`${root}/docs/api.md`, 'utf8'), 'run `npm run generate`').toBe(apiText(exports));
  });
  test('says something of every export', () => {
    expect(exports.filter(({ text }) => text === '').map(({ name }) => name)).toEqual([]);
  });
});
