/** Every command on a source and on an ONNX file, by name and through a pipe. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { examples } from '../../src/cli/examples.ts';
import { folder, rescc, small } from './rescc.ts';

const here = folder({ 'small.res': small });
afterAll(here.remove);
rescc(['small.res', '-o', 'small.onnx', '-q'], { cwd: here.path });
rescc(['small.res', '--emit', 'safetensors', '-o', 'small.safetensors', '-q'], { cwd: here.path });

/** Words behind the command and the file. */
const onBoth: Readonly<Record<string, readonly string[]>> = {
  summary: [],
  graph: [],
  check: [],
  bench: ['--runs', '1', '--warmup', '0', '--layers', '0'],
  extract: ['--to', 'logits', '-o', 'made.onnx'],
  rename: ['logits=y', '-o', 'made.onnx'],
  adapt: ['--batch', '2', '-o', 'made.onnx'],
};
const byName: Readonly<Record<string, (file: string) => readonly string[]>> = {
  diff: (file) => ['diff', file, 'small.onnx'],
  verify: (file) => ['verify', file],
  weights: (file) => ['weights', 'small.safetensors', '--against', file, '--map', '*=*'],
};
/** What is about one kind of file, or about none. */
const others = new Set(['compile', 'optimize', 'fmt', 'run', 'explain', 'doctor', 'completion']);

test('every command is here', () => {
  expect([...Object.keys(onBoth), ...Object.keys(byName), ...others].sort()).toEqual(Object.keys(examples).sort());
});

describe.each(Object.entries(onBoth))('%s', (command, words) => {
  test.each(['small.res', 'small.onnx'])('of %s, and through a pipe', (file) => {
    const answer = rescc([command, file, ...words], { cwd: here.path });
    expect(answer.code, answer.err).toBe(0);
    const piped = rescc([command, '-', ...words], { cwd: here.path, input: readFileSync(join(here.path, file)) });
    expect(piped.code, piped.err).toBe(0);
    if (command === 'summary' || command === 'graph') expect(piped.out).toBe(answer.out);
  });
  test('of something else on standard input', () => {
    expect(rescc([command, '-', ...words], { cwd: here.path, input: 'model M {' }).code).toBe(1);
    expect(rescc([command, '-', ...words], { cwd: here.path, input: Uint8Array.of(8, 8, 18, 5, 114) }).err).toContain('RES0650');
  });
});

describe.each(Object.entries(byName))('%s', (command, call) => {
  test.each(['small.res', 'small.onnx'])('of %s', (file) => {
    const answer = rescc(call(file), { cwd: here.path });
    // The file has its batchnorm folded, so that it lacks what the checkpoint has.
    expect(answer.code, answer.err).toBe(command === 'weights' && file === 'small.onnx' ? 1 : 0);
    expect(answer.out).not.toBe('');
  });
});
