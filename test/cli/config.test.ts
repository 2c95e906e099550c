/** Defaults of options from `rescc.config.json` and package.json: where they are looked for, what wins, and what is refused. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { golden } from '../golden.ts';
import { folder, object, rescc, small } from './rescc.ts';

const here = folder({ 'small.res': small, 'classes.txt': 'a\nb\nc\n' });
afterAll(here.remove);
mkdirSync(join(here.path, 'a/b'), { recursive: true });
writeFileSync(join(here.path, 'a/b/small.res'), small);
const config = (content: unknown, place = '.', name = 'rescc.config.json'): void =>
  writeFileSync(join(here.path, place, name), typeof content === 'string' ? content : JSON.stringify(content));
const run = (args: readonly string[], place = '.') => rescc(args, { cwd: join(here.path, place) });
const opset = (args: readonly string[], place?: string): string =>
  /opset_import[^\d]*(\d+)|"" : (\d+)/
    .exec(run([...args, '--emit', 'onnx-text'], place).out)
    ?.slice(1)
    .find(Boolean) ?? '';

describe('a configuration', () => {
  test('is found here and above, says options of a command, and what is typed wins', () => {
    config({ compile: { opset: 21, define: { classes: 3 }, 'deny-warnings': false } });
    for (const place of ['.', 'a/b']) {
      expect(opset(['small.res'], place)).toBe('21');
      expect(opset(['compile', 'small.res'], place)).toBe('21');
      expect(opset(['small.res', '--opset', '18'], place)).toBe('18');
      expect(opset(['small.res', '--no-config'], place)).toBe('17');
    }
    expect(run(['small.res', '--emit', 'onnx-text']).out).toContain('float[N,3] logits');
    expect(run(['small.res', '--emit', 'onnx-text', '-D', 'classes=5']).out).toContain('float[N,5] logits');
  });
  test('the nearest one counts, and package.json has one in a field', () => {
    config({ name: 'x', rescc: { compile: { opset: 22 } } }, 'a', 'package.json');
    expect(opset(['small.res'], 'a/b')).toBe('22');
    config({ compile: { opset: 23 } }, 'a/b');
    expect(opset(['small.res'], 'a/b')).toBe('23');
    config('{ broken', 'a', 'package.json');
    expect(opset(['small.res'], 'a/b')).toBe('23');
  });
  test('for all commands under *, where they have the option; a command of its own wins', () => {
    config({ '*': { json: true, opset: 20, depth: 1 }, compile: { opset: 21 } });
    expect(object(run(['check', 'small.res']).out).ok).toBe(true);
    expect(object(run(['check', 'nowhere.res']).out).ok).toBe(false);
    expect(object(run(['summary', 'small.res']).out).summary).toBeDefined();
    config({ '*': { opset: 20 }, compile: { opset: 21 }, summary: { quiet: true } });
    expect(opset(['small.res'])).toBe('21');
    expect(run(['summary', 'small.res']).out).toBe('');
  });
  test('lists, short names, and files beside it', () => {
    config({ compile: { O: 0, 'input-shape': ['N=2'] }, run: { labels: 'classes.txt', top: 2 } });
    expect(run(['../../small.res', '-o', 'x.onnx'], 'a/b').code).toBe(0);
    config({ compile: { O: 0, 'input-shape': ['N=2'] }, run: { labels: 'no-such.txt' } }, '.');
    expect(run(['small.res', '-o', 'x.onnx']).err).toContain('-O0');
    writeFileSync(join(here.path, 'a/b/rescc.config.json'), '{}');
    expect(run(['small.res', '-o', 'x.onnx'], 'a/b').err).toContain('-O1');
  });
  test('what makes a model of a source is idle beside an ONNX file, and refused where it is typed', () => {
    config({});
    expect(run(['small.res', '-o', 'small.onnx', '-q']).code).toBe(0);
    const source = { model: 'Small', define: { classes: 10 }, seed: 0, 'max-steps': 1000 };
    config({ '*': source });
    for (const words of [
      ['summary', 'small.onnx'],
      ['check', 'small.onnx', 'small.res'],
      ['check', 'small.onnx'],
      ['diff', 'small.onnx', 'small.onnx'],
      ['verify', 'small.onnx'],
      ['weights', 'small.onnx'],
      ['bench', 'small.onnx', '--runs', '1', '--warmup', '0', '--layers', '0'],
    ]) {
      const answer = run(words);
      expect(answer.code, `${words.join(' ')}: ${answer.err}`).toBe(0);
      for (const typed of [['--model', 'Small'], ['--max-steps=1000']])
        if (!words.includes('small.res')) expect(run([...words, ...typed]).err).toContain(`RES0702: ${typed[0]?.split('=')[0]}`);
    }
    rmSync(join(here.path, 'rescc.config.json'));
  });
  test('doctor says where it is and what it says', () => {
    config({ run: { ep: 'cpu', top: 5 }, check: { json: true } });
    const { out } = run(['doctor']);
    expect(out).toContain(join(here.path, 'rescc.config.json'));
    expect(out).toContain('run: ep "cpu", top 5');
    config('{ "run": ', '.');
    expect(run(['doctor'])).toMatchObject({ code: 1, out: expect.stringContaining('rescc.config.json:1:') });
  });
  test('help and completion do not need it to be right', () => {
    config('broken');
    expect(run(['--help']).code).toBe(0);
    expect(run(['run', '--help']).code).toBe(0);
    expect(run(['completion', 'bash']).code).toBe(0);
    expect(run(['explain', 'RES0302']).code).toBe(0);
  });
});

test.each([
  ['RES0716-option', { compile: { opsett: 21, defines: {} } }],
  ['RES0716-command', { runn: { ep: 'cpu' }, compile: {} }],
  ['RES0716-no-command', { seed: 7 }],
  ['RES0716-output', { compile: { output: 'x.onnx' } }],
  ['RES0717-value', { compile: { opset: 99, 'verify-ir': 'yes', target: 'tpu', define: { classes: [3] } } }],
  ['RES0717-section', { compile: true }],
  ['RES0717-json', '{ "compile": { "opset": 21, } }'],
  ['RES0717-list', '[1]'],
])('%s', (name, content) => {
  config(typeof content === 'string' ? content : JSON.stringify(content, null, 2));
  const answer = run(['small.res', '-o', 'y.onnx']);
  expect(answer).toMatchObject({ code: 2, out: '' });
  golden(`errors/${name}.txt`, answer.err);
  expect(object(run(['small.res', '-o', 'y.onnx', '--json']).out).ok).toBe(false);
  expect(run(['small.res', '-o', 'y.onnx', '--no-config']).code).toBe(0);
});
