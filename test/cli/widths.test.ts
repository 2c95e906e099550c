/** What people read fits into their terminal, whole words in each line; data goes through pipes as it is. */
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { examples } from '../../src/cli/examples.ts';
import { fitted } from '../../src/cli/fit.ts';
import { folder, inTerminal, plain, rescc, small } from './rescc.ts';

const here = folder({
  'small.res': small,
  'wrong.res': 'model M { input x: f32[N, 4]\n  residual { linear(8) }\n  linear(nope)\n output y }\n',
});
afterAll(here.remove);
const at = (name: string): string => join(here.path, name);
expect(rescc(['small.res', '-o', 'small.onnx', '-q'], { cwd: here.path }).code).toBe(0);

const calls: readonly (readonly string[])[] = [
  ['--help'],
  ...Object.keys(examples).map((name) => [name, '--help']),
  ['summary', 'examples/resnet_cifar.res', '-m', 'ResNet20'],
  ['explain', 'RES0302'],
  ['explain', 'conv'],
  ['explain', 'fold-batchnorm'],
  ['weights', 'test/fixtures/cifar10/resnet20-12fca82f.th'],
  ['weights', 'test/fixtures/cifar10/resnet20-12fca82f.th', '--against', at('small.res')],
  ['check', at('wrong.res')],
  [at('small.res'), '-o', at('x.onnx'), '--stats'],
  ['optimize', at('small.onnx'), '-o', at('y.onnx')],
  ['diff', at('small.onnx'), 'examples/unet.res'],
  ['nocommand'],
  ['run', 'examples/resnet_cifar.res', '-m', 'ResNet20', '-i', 'test/fixtures/cifar10/pictures/000-cat.png', '--top', '3'],
];

/** Lines that are too long although they could be broken: of several words, whose longest would fit. */
const tooLong = (text: string, width: number): readonly string[] =>
  plain(text)
    .split('\n')
    // What a terminal shows in the end: a line of progress is overwritten.
    .map((line) => line.split('\r').at(-1) ?? '')
    .filter(
      (line) =>
        [...line].length > width &&
        line
          .trim()
          .split(/\s+/)
          .every((word) => [...word].length <= width - 24),
    );

describe.each([40, 60, 80, 120, 200])('%i columns', (columns) => {
  test.each(calls.map((call) => [call.join(' ').replace(here.path, ''), call] as const))('%s', (_, call) => {
    const { text } = inTerminal(call, columns);
    expect(text.length).toBeGreaterThan(0);
    expect(tooLong(text, columns)).toEqual([]);
  });
});

test('what is broken is the same words in the same order', () => {
  const narrow = plain(inTerminal(['explain', 'conv'], 40).text);
  const piped = rescc(['explain', 'conv']).out;
  expect(narrow.split(/\s+/).join(' ').trim()).toBe(piped.split(/\s+/).join(' ').trim());
  expect(piped.split('\n').some((line) => line.length > 40)).toBe(true);
});

test('lines go on under their own text', () => {
  expect(fitted('short', 40)).toBe('short');
  expect(fitted('  name    what is said of it', 26)).toBe('  name    what is said of\n          it');
  expect(fitted('one two three four', 9)).toBe('one two\n  three\n  four');
  expect(fitted(`a ${'b'.repeat(50)} c`, 20)).toBe(`a\n  ${'b'.repeat(50)}\n  c`);
  expect(fitted('-'.repeat(50), 20)).toBe('-'.repeat(20));
  expect(
    fitted(' 4 │   a label that goes on and on and on', 24)
      .split('\n')
      .every((line) => line.includes('│')),
  ).toBe(true);
  // Colours take no columns.
  expect(fitted('\u001b[31mred words\u001b[39m', 9)).toBe('\u001b[31mred words\u001b[39m');
});

test('data is not broken on a terminal either', () => {
  const { text } = inTerminal(['summary', 'examples/resnet_cifar.res', '-m', 'ResNet20', '--json'], 40);
  expect(() => JSON.parse(text)).not.toThrow();
});
