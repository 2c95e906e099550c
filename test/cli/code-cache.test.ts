/** Compiled code is kept between calls where that works, and nothing else hangs on it. */
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { folder, rescc, root, small } from './rescc.ts';

const { path, remove } = folder({ 'small.res': small });
afterAll(remove);

const kept = (cache: string): readonly string[] =>
  readdirSync(cache, { recursive: true, encoding: 'utf8' })
    .map((name) => join(cache, name))
    .filter((name) => statSync(name).isFile());

/** The model that a call writes. */
function model(env: Readonly<Record<string, string>>): Buffer {
  const { code, err, bytes } = rescc([join(path, 'small.res'), '-q', '-o', '-'], { env });
  expect(err).toBe('');
  expect(code).toBe(0);
  return bytes;
}

const expected = model({ NODE_DISABLE_COMPILE_CACHE: '1' });

test('a call keeps the code for the next one, which gives the same', () => {
  const cache = join(path, 'first');
  const env = { NODE_COMPILE_CACHE: cache };
  expect(model(env)).toEqual(expected);
  const files = kept(cache);
  expect(files.length).toBeGreaterThan(0);
  const before = files.map((file) => readFileSync(file));
  expect(model(env)).toEqual(expected);
  expect(kept(cache)).toEqual(files);
  expect(files.map((file) => readFileSync(file))).toEqual(before);
});

test('what a larger model needs beside is added once', () => {
  const env = { NODE_COMPILE_CACHE: join(path, 'larger') };
  const size = (): number => kept(env.NODE_COMPILE_CACHE).reduce((sum, file) => sum + statSync(file).size, 0);
  const larger = (): void => {
    const { code } = rescc([join(root, 'examples/resnet_cifar.res'), '--model', 'ResNet20', '-q', '-o', '-'], { env });
    expect(code).toBe(0);
  };
  model(env);
  const first = size();
  larger();
  const both = size();
  expect(both).toBeGreaterThan(first);
  larger();
  expect(model(env)).toEqual(expected);
  expect(size()).toBe(both);
});

test('nothing is kept where that is switched off', () => {
  const cache = join(path, 'off');
  expect(model({ NODE_COMPILE_CACHE: cache, NODE_DISABLE_COMPILE_CACHE: '1' })).toEqual(expected);
  expect(() => statSync(cache)).toThrow('ENOENT');
});

test('a folder that cannot be made is done without', () => {
  const cache = join(path, 'small.res', 'cache');
  expect(model({ NODE_COMPILE_CACHE: cache })).toEqual(expected);
});

test('each command has a file, which belongs to the user alone; a source is compiled whatever its name', () => {
  const cache = join(path, 'commands');
  const env = { NODE_COMPILE_CACHE: cache };
  model(env);
  rescc(['check', join(path, 'small.res')], { env });
  rescc(['grpah', '--help'], { env });
  expect(kept(cache).map((file) => file.replace(/^.*-/, ''))).toEqual(['check.bin', 'compile.bin']);
  for (const file of kept(cache)) expect(statSync(file).mode & 0o777).toBe(0o600);
});

test.each(['', 'no code', 'half'])('what is no code, such as %j, is replaced', (what) => {
  const cache = join(path, `broken ${what}`);
  const env = { NODE_COMPILE_CACHE: cache };
  model(env);
  const [file = ''] = kept(cache);
  const whole = readFileSync(file);
  writeFileSync(file, what === 'half' ? whole.subarray(0, whole.length / 2) : what);
  expect(model(env)).toEqual(expected);
  expect(kept(cache)).toEqual([file]);
  expect(statSync(file).size).toBeGreaterThan(whole.length / 2);
});

test.skipIf(process.platform === 'win32')('code that others may write is not run', () => {
  const cache = join(path, 'shared');
  const env = { NODE_COMPILE_CACHE: cache };
  model(env);
  const [file = ''] = kept(cache);
  chmodSync(file, 0o666);
  expect(model(env)).toEqual(expected);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test('the program is ASCII, and says what is not', () => {
  const programs = readdirSync(join(root, 'dist')).filter((name) => /^program-.*\.cjs$/.test(name));
  expect(programs).toHaveLength(1);
  for (const name of programs) expect(readFileSync(join(root, 'dist', name)).some((byte) => byte > 127)).toBe(false);
  expect(rescc(['explain', 'RES0405']).out).toContain('`return …`');
  // A regular expression of the lexer.
  const ellipsis = rescc(['check', '-'], { input: 'model M { input x: f32[N, 4]  relu …  output y }' });
  expect(ellipsis.err).toContain('`…`');
});
