/** What `rescc help` and `--help` print, and that it is true. */
import { describe, expect, test } from 'vitest';
import { examples } from '../../src/cli/examples.ts';
import { golden } from '../golden.ts';
import { folder, rescc, small } from './rescc.ts';

const listed =
  rescc(['--help'])
    .out.match(/^ {2}(\w+)(?= \[options\]| )/gm)
    ?.map((line) => line.trim()) ?? [];
const commands = listed.filter((name) => name !== 'help');

describe('help', () => {
  test('every command has examples', () => {
    expect(commands.length).toBeGreaterThan(10);
    expect(Object.keys(examples).sort()).toEqual([...commands].sort());
  });
  test.each(Object.keys(examples))('help %s is --help, and every option of its examples is there', (name) => {
    const help = rescc([name, '--help']);
    expect(help).toMatchObject({ code: 0, err: '' });
    expect(rescc(['help', name])).toMatchObject({ code: 0, out: help.out, err: '' });
    for (const line of examples[name] ?? []) {
      expect(help.out).toContain(`  ${line}`);
      const words = line.split(' ');
      expect(words[0]).toBe('rescc');
      expect(name === 'compile' || words[1] === name, line).toBe(true);
      for (const word of words.slice(1)) {
        const option = /^(--[a-z-]+|-[a-zA-Z])/.exec(word)?.[1];
        if (option !== undefined) expect(help.out, `${option} of ${line}`).toMatch(new RegExp(`^ +(-\\w, )?${option}\\b`, 'm'));
      }
    }
  });
  test('help of help, of nothing, and of what is none', () => {
    const all = rescc(['--help']).out;
    expect(rescc(['help'])).toMatchObject({ code: 0, out: all, err: '' });
    expect(rescc(['help', 'help'])).toMatchObject({ code: 0, out: all, err: '' });
    expect(rescc(['help', 'sumary'])).toMatchObject({ code: 2, out: '', err: expect.stringContaining('rescc help summary') });
  });
});

describe('a word that is no command', () => {
  test.each([
    [['doctr'], 'rescc doctor'],
    [['sumary', 'x.res'], 'rescc summary x.res'],
    [['sumary', 'x.res', '--depth', '1'], 'rescc summary x.res --depth 1'],
    [['optimise', 'in.onnx', '-o', 'out.onnx'], 'rescc optimize in.onnx -o out.onnx'],
    [['frobnicate'], 'rescc --help'],
  ])('%j', (args, hint) => {
    const answer = rescc(args);
    expect(answer).toMatchObject({ code: 2, out: '' });
    expect(answer.err).toContain('RES0707');
    expect(answer.err.replaceAll(/\n +/g, ' ')).toContain(`hint      ${hint}\n`.trimEnd());
  });
  test('a file without an end is a file', () => {
    const { path, remove } = folder({ doctr: small });
    expect(rescc(['doctr', '-o', 'out', '-q'], { cwd: path })).toMatchObject({ code: 0, out: '', err: '' });
    remove();
  });
});

test('a bad RESCC_ONNXRUNTIME is said where no provider asks for it', () => {
  const { path, remove } = folder({ 'small.res': small, 'private.txt': '' });
  const env = { RESCC_ONNXRUNTIME: path };
  const answer = rescc(['verify', 'small.res'], { cwd: path, env });
  expect(answer.code).toBe(0);
  golden('errors/RES0849-folder.txt', answer.err.replaceAll(path, '/some/folder'));
  // What else lies in the folder is nobody's business.
  expect(answer.err).not.toContain('private.txt');
  expect(rescc(['verify', 'small.res', '--ep', 'cuda'], { cwd: path, env }).err).not.toContain('private.txt');
  expect(rescc(['verify', 'small.res', '--json'], { cwd: path, env }).out).toContain('RES0849');
  remove();
});
