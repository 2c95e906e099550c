/**
 * `rescc explain RES0302`: the page of a diagnostic; `rescc explain conv` a layer; the name of a pass or rule prints its proof.
 */
import type { Command } from 'commander';
import { unknownCode } from '../diagnostics/catalogue/cli.ts';
import { definedKinds } from '../diagnostics/catalogue.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { explain } from '../diagnostics/explain.ts';
import { layerText } from '../ops/layer-text.ts';
import { layerOfOnnx } from '../ops/onnx-names.ts';
import { layerByName } from '../ops/registry.ts';
import { explainRule } from '../passes/explain.ts';
import { passNames } from '../passes/schedule.ts';
import { answerFor, layerOfWord } from '../words/dictionary.ts';
import { wordText } from '../words/page.ts';
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

function page(what: string): string {
  const layer = layerByName(what);
  const code = /^(res)?\d+$/i.test(what) ? `RES${what.replace(/^res/i, '').padStart(4, '0')}` : what;
  return (
    explain(code) ??
    explainRule(what) ??
    (layer && layerText(layer)) ??
    foreignPage(what) ??
    fail(unknownCode, {
      with: { given: what, example: `RES0302, rescc explain conv, or rescc explain ${passNames[1] ?? 'simplify'}` },
    })
  );
}

export function addExplain(program: Command): void {
  const command = program
    .command('explain')
    .description(
      'explains a diagnostic (RES0302) or a layer (conv), or proves a pass (fold-batchnorm); lists all diagnostics without one',
    )
    .argument('[what]', 'a code, the name of a layer, a pass or a rule, or a name of PyTorch (Conv2d)');
  withOutput(command).action((what: string | undefined, flags: OutputFlags) =>
    printText(flags, [], what === undefined ? allKinds() : page(what), print),
  );
}
