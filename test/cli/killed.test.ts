/**
 * A run that is killed, interrupted, out of space or not alone leaves the old model or the new one, whole. Models of 24 MB are
 * written, which takes long enough that kills hit every phase.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../src/checkpoint/checkpoint.ts';
import { fileSource } from '../../src/io/node/file-source.ts';
import { Hasher } from '../../src/ir/hash.ts';
import { openSession } from '../../src/runtime/session.ts';
import { materialize } from '../../src/tensor/values.ts';
import { binary, environment, folder } from './rescc.ts';

const here = folder({
  'wide.res': 'model Wide { input x: f32[N, 1024]\n  repeat 6 as i { fc{i}: linear(1024)  relu }\n  output y }\n',
});
afterAll(here.remove);
const at = (name: string): string => join(here.path, name);
const words = (seed: number, output: string, ...more: string[]): string[] => [
  'wide.res',
  '--seed',
  String(seed),
  '-o',
  output,
  '-q',
  ...more,
];
const child = (args: readonly string[]) =>
  spawn(process.execPath, [binary, ...args], { cwd: here.path, stdio: 'ignore', env: environment() });

/** Runs to its end, or until the signal after so many milliseconds. */
function ended(args: readonly string[], signal?: NodeJS.Signals, after = 0): Promise<number | NodeJS.Signals | null> {
  const run = child(args);
  const timer = signal && setTimeout(() => run.kill(signal), after);
  return new Promise((resolve) => {
    run.on('exit', (code, by) => {
      clearTimeout(timer);
      resolve(by ?? code);
    });
  });
}

/** What the model at the path computes with, as a digest of all its tensors. Throws when it is not whole. */
async function digest(path: string): Promise<string> {
  const source = fileSource(path);
  try {
    const hash = createHash('sha256');
    for (const [name, tensor] of (await openCheckpoint(source)).dicts[0]?.tensors ?? []) {
      const { data } = await materialize(tensor.expr);
      hash.update(name).update(new Uint8Array(Float32Array.from(data).buffer));
    }
    return hash.digest('hex');
  } finally {
    source.close();
  }
}
const leftovers = (): readonly string[] =>
  readdirSync(here.path).filter((name) => name.endsWith('.tmp') || name.endsWith('.link'));
const clean = (): void => {
  for (const name of readdirSync(here.path)) if (name !== 'wide.res' && !name.startsWith('whole')) rmSync(at(name));
};

let seeds: readonly string[] = [];
let usual = 0;
beforeAll(async () => {
  const digests: string[] = [];
  for (const seed of [1, 2]) {
    const started = performance.now();
    expect(await ended(words(seed, `whole${seed}.onnx`))).toBe(0);
    usual = performance.now() - started;
    digests.push(await digest(at(`whole${seed}.onnx`)));
  }
  seeds = digests;
  expect(new Set(digests).size).toBe(2);
});

describe.each([
  ['one file', []],
  ['a data file', ['--external-data']],
])('%s', (_what, more) => {
  const moments = Array.from({ length: 12 }, (_, i) => (i + 1) / 11);
  test.each(['SIGKILL', 'SIGINT'] as const)('%s at many moments', async (signal) => {
    clean();
    expect(await ended(words(1, 'm.onnx', ...more))).toBe(0);
    let old = 0;
    const outcomes = new Set<string>();
    for (const moment of moments) {
      const next = 1 - old;
      const how = await ended(words(next + 1, 'm.onnx', ...more), signal, usual * moment);
      const now = seeds.indexOf(await digest(at('m.onnx')));
      expect([old, next]).toContain(now);
      if (how === 0) expect(now).toBe(next);
      // An interruption is answered: nothing is left behind. A kill cannot be.
      if (signal === 'SIGINT') {
        expect(leftovers()).toEqual([]);
        expect([0, 130, 'SIGINT']).toContain(how);
        if (how === 130) expect(now).toBe(old);
      }
      outcomes.add(now === old ? 'old' : 'new');
      old = now;
      for (const name of leftovers()) rmSync(at(name));
    }
    expect(outcomes.has('old')).toBe(true);
    const session = await openSession(at('m.onnx'), { ep: 'cpu', optimization: 'off' });
    await session.close();
  });

  test('two runs at once leave one of both', async () => {
    clean();
    for (let round = 0; round < 4; round++) {
      const ends = await Promise.all([1, 2].map((seed) => ended(words(seed, 'm.onnx', ...more))));
      expect(ends).toEqual([0, 0]);
      expect(seeds).toContain(await digest(at('m.onnx')));
      expect(leftovers()).toEqual([]);
    }
  });

  test.skipIf(process.platform === 'win32')('a disk that is full keeps the old model', async () => {
    clean();
    expect(await ended(words(1, 'm.onnx', ...more))).toBe(0);
    // A limit on a file's size is refused at the same place as a full disk, once its signal is ignored.
    const limited = spawnSync(
      'bash',
      ['-c', `trap '' XFSZ; ulimit -f 12000; exec "$0" "$@"`, process.execPath, binary, ...words(2, 'm.onnx', ...more)],
      {
        cwd: here.path,
        env: environment(),
      },
    );
    expect(limited.status).toBe(1);
    expect(limited.stderr.toString()).toContain('RES0606');
    expect(seeds.indexOf(await digest(at('m.onnx')))).toBe(0);
    expect(leftovers()).toEqual([]);
  });
});

test('surgery that is interrupted while it writes says so, and leaves nothing', async () => {
  clean();
  writeFileSync(at('wider.res'), 'model Wider { input x: f32[N, 2048]\n  repeat 8 as i { fc{i}: linear(2048) }\n  output y }\n');
  expect(await ended(['wider.res', '-q', '-o', 'wider.onnx'])).toBe(0);
  const outcomes: (number | NodeJS.Signals | null)[] = [];
  while (outcomes.length < 8 && !outcomes.includes(130)) {
    rmSync(at('m.onnx'), { force: true });
    const run = child(['rename', 'wider.onnx', 'x=z', '--no-verify', '-q', '-o', 'm.onnx']);
    const timer = setInterval(() => {
      if (leftovers().length === 0) return;
      clearInterval(timer);
      run.kill('SIGINT');
    }, 1);
    outcomes.push(await new Promise((resolve) => run.on('exit', (code, by) => resolve(by ?? code))));
    clearInterval(timer);
    expect(leftovers()).toEqual([]);
    if (outcomes.at(-1) !== 0) expect(existsSync(at('m.onnx'))).toBe(false);
  }
  expect(outcomes).toContain(130);
});

test('what a killed run left goes with the next one, and nothing else does', async () => {
  clean();
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  const machine = new Hasher().string(hostname()).hex().slice(0, 8);
  const name = (of: string, host: string, pid: number): string => `.${of}.${host}-${pid}-0123456789ab.tmp`;
  const data = `m.${'0'.repeat(16)}.data`;
  const stale = [name('m.onnx', machine, dead), name(data, machine, dead), `${name(data, machine, dead)}.link`];
  const kept = [
    name('m.onnx', machine, process.pid),
    name('m.onnx', '00000000', dead),
    name('other.onnx', machine, dead),
    '.m.onnx.mine.tmp',
  ];
  for (const file of [...stale, ...kept]) writeFileSync(at(file), '');
  expect(await ended(words(1, 'm.onnx', '--external-data'))).toBe(0);
  expect([...leftovers()].sort()).toEqual(kept.sort());
});

describe('data files', () => {
  test('that a copy of the model uses stay when the model is written anew', async () => {
    clean();
    expect(await ended(words(1, 'm.onnx', '--external-data'))).toBe(0);
    copyFileSync(at('m.onnx'), at('copy.onnx'));
    expect(await ended(words(2, 'm.onnx', '--external-data'))).toBe(0);
    expect(await digest(at('copy.onnx'))).toBe(seeds[0]);
    expect(await digest(at('m.onnx'))).toBe(seeds[1]);
    expect(readdirSync(here.path).filter((name) => name.endsWith('.data')).length).toBe(2);
  });
  test('of a fixed name that another model uses are overwritten by force only', async () => {
    clean();
    expect(await ended(words(1, 'm.onnx', '--external-data', 'w.data'))).toBe(0);
    renameSync(at('m.onnx'), at('other.onnx'));
    for (const output of ['m.onnx', 'other.onnx']) {
      const before = readFileSync(at('w.data'));
      const code = await ended(words(2, output, '--external-data', 'w.data'));
      expect(code).toBe(output === 'm.onnx' ? 1 : 0);
      if (code === 1) expect(readFileSync(at('w.data')).equals(before)).toBe(true);
    }
    copyFileSync(at('other.onnx'), at('m.onnx'));
    expect(await ended(words(1, 'm.onnx', '--external-data', 'w.data'))).toBe(1);
    expect(await ended(words(1, 'm.onnx', '--external-data', 'w.data', '--force'))).toBe(0);
    expect(await digest(at('m.onnx'))).toBe(seeds[0]);
  });
});

test('parameters are written with the same promise', async () => {
  clean();
  const emit = ['--emit', 'safetensors'];
  expect(await ended(words(1, 'w.safetensors', ...emit))).toBe(0);
  const old = await digest(at('w.safetensors'));
  for (const moment of [0.3, 0.5, 0.7, 0.8, 0.9]) {
    await ended(words(2, 'w.safetensors', ...emit), 'SIGKILL', usual * moment);
    if ((await digest(at('w.safetensors'))) !== old) break;
  }
  for (const name of leftovers()) rmSync(at(name));
  expect(await ended(words(1, 'w.safetensors', ...emit))).toBe(0);
  expect(await digest(at('w.safetensors'))).toBe(old);
  writeFileSync(at('notes.safetensors'), 'mine');
  expect(await ended(words(1, 'notes.safetensors', ...emit))).toBe(1);
  expect(readFileSync(at('notes.safetensors'), 'utf8')).toBe('mine');
  expect(existsSync(at('w.safetensors'))).toBe(true);
});
