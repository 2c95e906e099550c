/** Warnings on the command line: said by every command that takes a source, no failure, and errors with --deny-warnings. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { rescc } from './rescc.ts';

const folder = mkdtempSync(join(tmpdir(), 'rescc-warnings-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, 'net.res');
writeFileSync(file, 'model M {\n  input x: f32[2, 4]\n  let y = tanh\n  relu\n  output z\n}\n');
const data = join(folder, 'x.npy');
const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4), }".padEnd(117).concat('\n');
writeFileSync(
  data,
  Buffer.concat([Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, 118, 0]), Buffer.from(header), Buffer.alloc(32)]),
);

const commands: readonly (readonly string[])[] = [
  [file, '-o', join(folder, 'net.onnx')],
  [file, '--emit', 'ir'],
  ['check', file],
  ['summary', file],
  ['graph', file],
  ['verify', file],
  ['run', file, '--input', `x=${data}`],
];

describe.each(commands.map((words) => [words.map((w) => w.replace(`${folder}/`, '')).join(' '), words] as const))(
  'rescc %s',
  (_, words) => {
    test('says warnings and goes on', () => {
      const { code, err } = rescc(words);
      expect(err).toContain('warning RES0117: `let` `y` is never used');
      expect(err).not.toContain('error RES0117');
      expect(code).toBe(0);
      expect(rescc([...words, '--quiet']).err).not.toContain('RES0117');
    });
    test('fails with --deny-warnings', () => {
      const { code, err } = rescc([...words, '--deny-warnings']);
      expect(err).toContain('error RES0117');
      expect(code).toBe(1);
    });
    test('has them among the diagnostics of --json', () => {
      const { out } = rescc([...words, '--json']);
      const said: unknown = JSON.parse(out);
      expect(said).toMatchObject({ ok: true, diagnostics: [{ code: 'RES0117', severity: 'warning', line: 3 }] });
      expect(JSON.parse(rescc([...words, '--json', '--deny-warnings']).out)).toMatchObject({
        ok: false,
        diagnostics: [{ code: 'RES0117', severity: 'error' }],
      });
    });
  },
);
