/** Runs the built command line as a process of its own, and holds every answer to what holds for all of them. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const binary = join(root, 'dist/rescc.js');

export interface Answer {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  readonly bytes: Buffer;
}

export interface Call {
  readonly cwd?: string;
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
}

/** No colour and no terminal unless a test says so. */
export function environment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const { FORCE_COLOR: _, NO_COLOR: __, CI: ___, RESCC_DEBUG: ____, ...rest } = process.env;
  const kept = Object.entries(rest).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { ...Object.fromEntries(kept), ...more };
}

function checkedText(text: string): void {
  expect(text, 'a stack trace').not.toMatch(/^ {4}at /m);
  expect(text).not.toContain('This is a mistake of rescc');
}

/** Runs `rescc` with these words. Whatever they are, there is no stack trace and the exit code is one of those promised. */
export function rescc(args: readonly string[], call: Call = {}): Answer {
  const done = spawnSync(process.execPath, [binary, ...args], {
    cwd: call.cwd ?? root,
    env: environment(call.env),
    maxBuffer: 1 << 28,
    ...(call.input !== undefined && { input: call.input }),
  });
  const answer = { code: done.status, out: done.stdout.toString(), err: done.stderr.toString(), bytes: done.stdout };
  checkedText(answer.out);
  checkedText(answer.err);
  expect([0, 1, 2], `${args.join(' ')}\n${answer.err}`).toContain(answer.code);
  return answer;
}

/** The same in a terminal of so many columns; both streams are one. */
export function inTerminal(
  args: readonly string[],
  columns = 80,
  env: Readonly<Record<string, string>> = {},
): { readonly code: number | null; readonly text: string } {
  const words = [process.execPath, binary, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const done = spawnSync('script', ['-qec', `stty cols ${columns} rows 24; ${words}`, '/dev/null'], {
    cwd: root,
    env: environment({ TERM: 'xterm', ...env }),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 28,
  });
  if (done.error) throw new Error('the tests of terminals need `script` of util-linux', { cause: done.error });
  const text = done.stdout.replaceAll('\r\n', '\n');
  checkedText(text);
  return { code: done.status, text };
}

/** Text without the sequences that colour it or move the cursor. */
export function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with a control character
  return text.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '');
}

/** A folder of its own, with these files in it. */
export function folder(files: Readonly<Record<string, string | Uint8Array>> = {}): {
  readonly path: string;
  readonly remove: () => void;
} {
  const path = mkdtempSync(join(tmpdir(), 'rescc-cli-'));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(path, name), content);
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** The one JSON object of a stream. */
export function object(
  text: string,
): Record<string, unknown> & { readonly ok: boolean; readonly diagnostics: readonly { readonly code: string }[] } {
  expect(text.trimEnd().split('\n'), text).toHaveLength(1);
  const value: unknown = JSON.parse(text);
  expect(value).toMatchObject({ ok: expect.any(Boolean), diagnostics: expect.any(Array) });
  return value as ReturnType<typeof object>;
}

export const small = `model Small(classes = 10) {
  input image: f32[N, 3, 8, 8]
  conv: conv(4, 3x3)
  bn: batchnorm
  relu
  global_avgpool
  flatten
  fc: linear(classes)
  output logits
}
`;
