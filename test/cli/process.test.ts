/** How the command line behaves as a process: terminals, colours, pipes that close, interruption. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { binary, environment, folder, inTerminal, plain, rescc, root, small } from './rescc.ts';

const csi = '\u001b[';
const wrong = 'test/golden/errors/RES0302-shortcut.res';

describe('colour', () => {
  test('pipes have none, unless FORCE_COLOR says so', () => {
    expect(rescc(['check', wrong]).err).not.toContain(csi);
    expect(rescc(['check', wrong], { env: { FORCE_COLOR: '1' } }).err).toContain(csi);
    expect(rescc(['check', wrong], { env: { FORCE_COLOR: '0' } }).err).not.toContain(csi);
    expect(rescc(['check', wrong], { env: { FORCE_COLOR: '1', NO_COLOR: '1' } }).err).not.toContain(csi);
  });
  test('terminals have it, unless NO_COLOR says so; the words are the same', () => {
    const colored = inTerminal(['check', wrong]);
    const bare = inTerminal(['check', wrong], 80, { NO_COLOR: '1' });
    expect([colored.code, bare.code]).toEqual([1, 1]);
    expect(colored.text).toContain(`${csi}31m`);
    expect(bare.text).not.toContain(csi);
    expect(plain(colored.text)).toBe(bare.text);
  });
  test('JSON has none', () => {
    expect(rescc(['check', wrong, '--json'], { env: { FORCE_COLOR: '1' } }).out).not.toContain(csi);
  });
});

describe('a terminal of 80 columns', () => {
  test.each([
    ['summary', ['summary', 'examples/resnet.res', '-m', 'ResNet50']],
    ['summary of grouped convolutions', ['summary', 'examples/resnet.res', '-m', 'ResNeXt101_32x8d']],
    ['summary of symbols', ['summary', 'examples/super_resolution.res', '--model', 'SRResNet', '--depth', '2']],
    ['verify', ['verify', 'examples/resnet_cifar.res', '-m', 'ResNet20']],
    ['help', ['--help']],
    ['help of a command', ['compile', '--help']],
  ])('%s', (_, args) => {
    const { code, text } = inTerminal(args);
    if (args[0] !== 'summary' || code === 0) expect(code, text).toBe(0);
    for (const line of plain(text).split('\n')) expect(line.split('\r').at(-1)?.length, line).toBeLessThanOrEqual(80);
  });
  test('a narrow one cuts names and not columns', () => {
    const { text } = inTerminal(['summary', 'examples/bert.res', '--model', 'BertForMaskedLM'], 70);
    for (const line of text.split('\n').slice(0, 20)) expect(line.length, line).toBeLessThanOrEqual(70);
    expect(text).toContain('parameters');
  });
});

describe('waits', () => {
  test('percent of what is verified, in a terminal alone, and gone at the end', () => {
    // A clock that is a second ahead, so that every wait is one that shows, however fast the machine is.
    const { path, remove } = folder({
      'small.res': small,
      'clock.cjs': 'const now = performance.now.bind(performance); performance.now = () => now() + 1000;',
    });
    const ahead = { NODE_OPTIONS: `--require=${join(path, 'clock.cjs')}` };
    const verified = inTerminal(['verify', 'examples/resnet_cifar.res', '--model', 'ResNet20'], 80, ahead);
    expect(verified.code).toBe(0);
    expect(plain(verified.text)).toMatch(/\[=* *\] +\d+ %/);
    expect(verified.text.split('\r').at(-1)).not.toContain(' %  ');
    for (const drawn of plain(verified.text).split('\r')) expect(drawn.split('\n')[0]?.length).toBeLessThanOrEqual(80);
    expect(inTerminal(['verify', join(path, 'small.res')], 80, ahead).text).toContain(' %');
    expect(inTerminal(['verify', join(path, 'small.res'), '-q'], 80, ahead).text).toBe('');
    remove();
  });
});

describe('pipes', () => {
  test('a reader that goes away ends the program quietly', () => {
    const command = `'${process.execPath}' '${binary}' examples/resnet.res -m ResNet50 -o - | head -c 10 >/dev/null; echo "\${PIPESTATUS[0]}"`;
    const done = spawnSync('bash', ['-c', command], { cwd: root, env: environment(), encoding: 'utf8' });
    expect([done.stdout, done.stderr]).toEqual(['0\n', '']);
  });
  test('nobody to read the messages changes nothing', () => {
    const { path, remove } = folder({ 'small.res': small });
    const command = `'${process.execPath}' '${binary}' small.res -o m.onnx 2> >(exec 0<&-; true); sleep 0.1; ls`;
    const done = spawnSync('bash', ['-c', command], { cwd: path, env: environment(), encoding: 'utf8' });
    expect(done.stdout).toBe('m.onnx\nsmall.res\n');
    remove();
  });
});

describe('interruption', () => {
  // 537 MB of weights: long enough to be met in the middle on any disk.
  const large = `model Large {
  input x: f32[N, 4096]
  repeat 8 as i { fc{i}: linear(4096)  relu }
  output y
}
`;
  test.each([['SIGINT'], ['SIGTERM']] as const)('%s while writing leaves the old file and nothing else', async (signal) => {
    const { path, remove } = folder({ 'large.res': large, 'small.res': small });
    expect(rescc(['small.res', '-o', 'm.onnx'], { cwd: path }).code).toBe(0);
    const old = readFileSync(join(path, 'm.onnx'));
    const child = spawn(process.execPath, [binary, 'large.res', '-o', 'm.onnx'], {
      cwd: path,
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let err = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    const ended = new Promise<{ code: number | null; by: string | null }>((done) =>
      child.on('close', (code, by) => done({ code, by })),
    );
    // The first sign of writing is a temporary file beside the target.
    const killer = setTimeout(() => child.kill('SIGKILL'), 60_000);
    while (child.exitCode === null && child.signalCode === null && !readdirSync(path).some((name) => name.endsWith('.tmp')))
      await new Promise((next) => setTimeout(next, 5));
    child.kill(signal);
    expect(await ended).toEqual({ code: 130, by: null });
    clearTimeout(killer);
    expect(err).toMatch(/^error RES0609: writing m\.onnx was interrupted/);
    expect(err).not.toMatch(/^ {4}at /m);
    expect(readdirSync(path)).toEqual(['large.res', 'm.onnx', 'small.res']);
    expect(readFileSync(join(path, 'm.onnx')).equals(old)).toBe(true);
    remove();
  });
  test('a bar appears in a terminal when writing takes long, and goes', () => {
    const { path, remove } = folder();
    const many = large.replace('repeat 8', 'repeat 20');
    writeFileSync(join(path, 'many.res'), many);
    const { code, text } = inTerminal([join(path, 'many.res'), '-o', join(path, 'm.onnx')]);
    expect(code).toBe(0);
    expect(existsSync(join(path, 'm.onnx'))).toBe(true);
    expect(plain(text)).toMatch(/writing m\.onnx +\[.+\] +\d+ % +[\d.]+ [kMG]?B of 1\.34 GB, .+\/s/);
    for (const drawn of plain(text).split('writing ').slice(1))
      expect(drawn.split(/[\r\n]/)[0]?.length, drawn).toBeLessThan(80 - 8);
    expect(plain(text).trimEnd()).toMatch(/time +[\d.]+ s$/);
    remove();
  });
});
