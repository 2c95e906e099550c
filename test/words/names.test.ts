/**
 * The dictionary answers every public name of torch, torch.nn, torch.nn.functional and torch.Tensor, and every argument of
 * their layers. The names are those of the version in test/fixtures/pytorch, which make.py there wrote.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { layerByName, layers } from '../../src/ops/registry.ts';
import { allWords, answerFor, argumentAnswer, argumentsOf, layerOfWord } from '../../src/words/dictionary.ts';
import { reasons } from '../../src/words/reasons.ts';
import { namesOf } from '../../src/words/word.ts';

type Arguments = Readonly<Record<string, readonly string[]>>;
const torch = JSON.parse(readFileSync(new URL('../fixtures/pytorch/names.json', import.meta.url), 'utf8')) as Readonly<
  Record<'torch' | 'torch.nn' | 'torch.nn.functional' | 'torch.Tensor', readonly string[]> &
    Record<'arguments of torch.nn' | 'arguments of torch.nn.functional' | 'arguments of torch', Arguments>
>;

describe.each(['torch', 'torch.nn', 'torch.nn.functional', 'torch.Tensor'] as const)('%s', (room) => {
  test('has no name without an answer', () => {
    expect(torch[room].length).toBeGreaterThan(100);
    expect(torch[room].filter((name) => !layerByName(name) && !answerFor(name))).toEqual([]);
  });
});

describe.each(['arguments of torch.nn', 'arguments of torch.nn.functional', 'arguments of torch'] as const)('%s', (room) => {
  test('have an answer each, where there is a layer', () => {
    const missing: string[] = [];
    let count = 0;
    for (const [name, args] of Object.entries(torch[room])) {
      const answer = answerFor(name);
      if (answer?.kind !== 'word') continue;
      for (const argument of args) {
        count++;
        if (!argumentAnswer(answer.word, argument)) missing.push(`${name}(${argument}=)`);
      }
    }
    expect(missing).toEqual([]);
    expect(count).toBeGreaterThan(100);
  });

  test('stand in the order of PyTorch', () => {
    const wrong: string[] = [];
    for (const [name, args] of Object.entries(torch[room])) {
      const answer = answerFor(name);
      if (answer?.kind !== 'word') continue;
      const ours = argumentsOf(answer.word);
      const theirs = args.filter((one) => ours.includes(one));
      if (theirs.join(' ') !== ours.filter((one) => theirs.includes(one)).join(' ')) wrong.push(`${name}: ${args.join(' ')}`);
    }
    expect(wrong).toEqual([]);
  });
});

describe('the rows', () => {
  const words = allWords();

  test('have each name once', () => {
    const names = words.flatMap((word) => namesOf(word.torch));
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
    const listed = reasons().flatMap((reason) => namesOf(reason.names));
    expect(listed.filter((name, i) => listed.indexOf(name) !== i)).toEqual([]);
    expect(listed.filter((name) => names.includes(name))).toEqual([]);
  });

  test('say nothing else of a name that is a layer of ours', () => {
    // Where PyTorch means something else by the name, the row says so in a note.
    const shadowing = words.flatMap((word) =>
      namesOf(word.torch)
        .filter((name) => layerByName(name) && layerOfWord(word) !== name && word.note === undefined)
        .map((name) => `${name} is a layer, and the dictionary says ${word.ours}`),
    );
    expect(shadowing).toEqual([]);
  });

  test('give no reason against a name that is a layer of ours', () => {
    const all = layers.map(({ name }) => name);
    expect(all.filter((name) => answerFor(name)?.kind === 'reason')).toEqual(['resize', 'gather']);
    // A module of the same letters has become a layer as well: LSTM where there is lstm.
    const folded = new Set(all.map((name) => name.replaceAll('_', '')));
    const listed = reasons()
      .filter(({ title }) => !title.startsWith('Other things'))
      .flatMap((reason) => namesOf(reason.names));
    expect(listed.filter((name) => folded.has(name.toLowerCase().replace(/_(?=.)|[123]d$/g, '')))).toEqual(['Tensor', 'SUM']);
  });

  test('name the layer that has the letters of a module', () => {
    const fold = (name: string): string => name.toLowerCase().replaceAll('_', '');
    const byLetters = new Map(layers.map(({ name }) => [fold(name), name]));
    const wrong = words.flatMap((word) =>
      namesOf(word.torch)
        .filter((name) => /^[A-Z]\w*[a-z]/.test(name))
        .map((name) => ({ name, layer: byLetters.get(fold(name)) ?? byLetters.get(fold(name).replace(/[123]d$/, '')) }))
        .filter(({ layer }) => layer !== undefined && layer !== layerOfWord(word)),
    );
    expect(wrong).toEqual([]);
  });

  test('call layers, and name arguments, that are there', () => {
    const missing: string[] = [];
    for (const word of words) {
      const layer = layerByName(layerOfWord(word) ?? '');
      if (!layer) continue;
      for (const argument of argumentsOf(word)) {
        const answer = argumentAnswer(word, argument);
        if (answer?.kind === 'ours' && answer.name !== undefined && !(answer.name in layer.params))
          missing.push(`${layer.name}(${answer.name}=) for ${argument}= of ${word.torch}`);
      }
    }
    expect(missing).toEqual([]);
    // What a template calls by name and is no layer is a function of the language.
    const called = words.map(layerOfWord).filter((name) => name !== undefined && !layerByName(name));
    expect([...new Set(called)].sort()).toEqual(
      ['false', 'none', 'rank', 'shape', 'true'].filter((name) => called.includes(name)),
    );
  });

  test('write out arguments that PyTorch has', () => {
    const unknown = words.flatMap((word) =>
      [...word.ours.matchAll(/\{\*?(\w+)(?:\|[^}]*)?\}/g)]
        .map((match) => match[1] ?? '')
        .filter((name) => name !== 'input' && !argumentsOf(word).includes(name))
        .map((name) => `${word.torch}: {${name}}`),
    );
    expect(unknown).toEqual([]);
    const stray = words.flatMap((word) =>
      Object.keys(word.without ?? {})
        .filter((name) => !argumentsOf(word).includes(name))
        .map((name) => `${word.torch}: ${name}`),
    );
    expect(stray).toEqual([]);
  });
});
