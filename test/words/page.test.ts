/** `rescc explain` of names of other frameworks. */
import { describe, expect, test } from 'vitest';
import { allWords } from '../../src/words/dictionary.ts';
import { otherWords } from '../../src/words/others.ts';
import { wordText } from '../../src/words/page.ts';
import { reasons } from '../../src/words/reasons.ts';
import { namesOf } from '../../src/words/word.ts';

describe('the page of a name', () => {
  test.each([
    ['Conv2d', 'conv(out_channels, kernel_size, stride, pad=padding, dilation, groups, bias)'],
    ['Conv2d', 'in_channels   left out: it is known from `it`'],
    ['Conv2d', 'padding       pad'],
    ['conv_transpose3d', 'conv_transpose(it, '],
    ['permute', 'transpose(dims…)'],
    ['clamp_', 'clamp(min, max)'],
    ['half', 'and without a call f16'],
    ['CrossEntropyLoss', 'is a loss, which belongs to training'],
    ['Dense', '`Dense` is a name of Keras'],
  ])('%s says %s', (name, text) => expect(wordText(name)).toContain(text));

  test('is there for every name, with an answer for every argument', () => {
    const words = [...allWords(), ...otherWords().flatMap((other) => other.words)];
    const names = [...words.map(({ torch }) => torch), ...reasons().map((reason) => reason.names)].flatMap(namesOf);
    expect(names.length).toBeGreaterThan(1000);
    for (const name of names) expect(wordText(name), name).not.toMatch(/^undefined|not known|[{|}]\w/m);
  });

  test('is not there for what nobody calls so', () => expect(wordText('my_block')).toBeUndefined());
});
