/**
 * `rescc explain RES0302`: the page of a diagnostic; `rescc explain conv` a layer; `rescc explain loop` a word of the language;
 * the name of a pass or rule prints its proof.
 */
import type { Command } from 'commander';
import { unknownCode } from '../diagnostics/catalogue/cli.ts';
import { definedKinds } from '../diagnostics/catalogue.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { explain } from '../diagnostics/explain.ts';
import { nearest } from '../diagnostics/suggest.ts';
import { layerText } from '../ops/layer-text.ts';
import { layerOfOnnx } from '../ops/onnx-names.ts';
import { layerByName, layers } from '../ops/registry.ts';
import { productions } from '../parser/parse-file.ts';
import { explainRule } from '../passes/explain.ts';
import { allRules, allSweeps, passNames } from '../passes/schedule.ts';
import { allWords, answerFor, layerOfWord } from '../words/dictionary.ts';
import { languageWord, languageWords, namesOfEntry } from '../words/language.ts';
import { languageText } from '../words/language-text.ts';
import { wordText } from '../words/page.ts';
import { shortLayer } from '../words/short.ts';
import { namesOf } from '../words/word.ts';
import { type OutputFlags, withOutput } from './options.ts';
import { print, printText } from './output.ts';

/** One line per kind, the holes of its title as dots. */
function allKinds(): string {
  return definedKinds()
    .map(
      ({ code, title }) => `${code}  ${title.parts.map((part, i) => part + (title.holes[i] === undefined ? '' : '…')).join('')}`,
    )
    .join('\n');
}

/** A name of PyTorch, Keras or ONNX, and the layer that it is. */
function foreignPage(what: string): string | undefined {
  const name = what.split('.').at(-1) ?? what;
  const answer = answerFor(name);
  const layer = answer?.kind === 'word' ? layerByName(layerOfWord(answer.word) ?? '') : layerOfOnnx(name);
  const parts = [
    wordText(name),
    layer && (answer ? layerText(layer) : `\`${name}\` is an operator of ONNX. Here it is\n\n${layerText(layer)}`),
  ];
  const found = parts.filter((part) => part !== undefined);
  return found.length === 0 ? undefined : found.join('\n\n');
}

/** What the language itself means by a word, and the layer of the same name where there is one. */
function ownPage(what: string): string | undefined {
  const [entry, layer] = [languageWord(what), layerByName(what)];
  const parts = [entry && languageText(entry, what, productions()), layer && layerText(layer)];
  const found = parts.filter((part) => part !== undefined);
  return found.length === 0 ? undefined : found.join('\n\n');
}

/** Everything of ours with a page, once; without the signs of the language, which mean something to a shell. */
export const explainedNames = (): readonly string[] => [
  ...new Set([
    ...languageWords()
      .flatMap(namesOfEntry)
      .filter((name) => /^\w+$/.test(name)),
    ...layers.map(({ name }) => name),
    ...passNames,
  ]),
];

function near(what: string): string | undefined {
  const rules = [...allRules, ...allSweeps].map(({ name }) => name);
  return nearest(what, [...explainedNames(), ...rules, ...allWords().flatMap(({ torch }) => namesOf(torch))]);
}

function page(what: string): string {
  const code = /^(res)?\d+$/i.test(what) ? `RES${what.replace(/^res/i, '').padStart(4, '0')}` : what;
  const short = shortLayer(what);
  return (
    explain(code) ??
    explainRule(what) ??
    ownPage(what) ??
    foreignPage(what) ??
    ownPage(what.toLowerCase()) ??
    (short === undefined ? undefined : ownPage(short)) ??
    fail(unknownCode, {
      with: {
        given: what,
        example: near(what) ?? `RES0302, rescc explain conv, rescc explain loop, or rescc explain ${passNames[1] ?? 'simplify'}`,
      },
    })
  );
}

export function addExplain(program: Command): void {
  const command = program
    .command('explain')
    .description(
      'explains a diagnostic (RES0302), a layer (conv) or a word of the language (loop), or proves a pass (fold-batchnorm); lists all diagnostics without one',
    )
    .argument('[what]', 'a code, a word of the language, the name of a layer, a pass or a rule, or a name of PyTorch (Conv2d)');
  withOutput(command).action((what: string | undefined, flags: OutputFlags) =>
    printText(flags, [], what === undefined ? allKinds() : page(what), print),
  );
}
