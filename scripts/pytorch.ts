/**
 * Writes docs/pytorch.md, the dictionary for who comes from PyTorch, from src/words/. `--check` compares instead, and exits with
 * 1 where they differ.
 */
import { activationWords } from '../src/words/activations.ts';
import { layerWords } from '../src/words/layers.ts';
import { otherWords } from '../src/words/others.ts';
import { wordCells } from '../src/words/page.ts';
import { reasons } from '../src/words/reasons.ts';
import { tensorWords } from '../src/words/tensors.ts';
import { namesOf, type Word } from '../src/words/word.ts';
import { isProgram, writeOrCompare } from './generated.ts';

const table = (from: string, words: readonly Word[]): string =>
  [
    `| ${from} | here | what differs |`,
    '| --- | --- | --- |',
    ...words.map(wordCells).map(([names, ours, notes]) => `| ${names} | ${ours} | ${notes} |`),
  ].join('\n');

/** Statements of Python, and what is written for them. */
const habits: readonly (readonly [string, string])[] = [
  ['`import torch`, `nn.Conv2d(…)`, `F.relu(x)`, `torch.cat(…)`', 'nothing is imported, and layers have no prefix'],
  ['`class Net(nn.Module)`, `def forward(self, x)`', '`block Name(width) { … }`, `model Name { input x: … output y }`'],
  ['`self.conv1 = nn.Conv2d(…)`, `x = self.conv1(x)`', '`conv1: conv(64, 3x3)` where it runs: the label names its parameters'],
  ['`x = relu(x)`', '`relu`: a layer runs on the current value, and its result is the next one'],
  ['`y = x`, `x += y`', '`let y = it`, `it + y`'],
  ['`x.view(n, -1)`, `x.relu()`', '`reshape(n, -1)`, `relu`; of another tensor `reshape(x, n, -1)` or `x -> reshape(n, -1)`'],
  ['`x.shape[1]`, `x.size(1)`', '`shape(x)[1]`, `channels(x)`'],
  ['`for i in range(3):`, `nn.Sequential(*layers)`', '`repeat 3 as i { … }`, `sequential { … }`'],
  ['`while x.max() > 1:`', '`loop while reduce_max(it) > 1.0 { … }`: a loop of the run'],
  ['`elif`', '`else if condition { … }`'],
  ['`True`, `False`, `None`', '`true`, `false`, and `none`, or nothing'],
  ['`x ** 2`, `a // b`', '`pow(x, 2.0)` or `square`, `floordiv(a, b)`; `//` begins a comment'],
  ['`a if c else b`, `lambda x: …`', '`c ? a : b`, a body `{ … }`'],
  ['`(3, 3)`', '`3x3` for a size, `[3, 3]` for a list'],
];

export function pytorchText(): string {
  const none = reasons().flatMap(({ title, why, instead, names }) => [
    `### ${title}`,
    `Each ${why}. Instead: ${instead}.`,
    namesOf(names)
      .map((name) => `\`${name}\``)
      .join(', '),
  ]);
  return `${[
    '# From PyTorch to .res',
    '<!-- Written by scripts/pytorch.ts from src/words/: `npm run generate`. -->',
    'What the names of PyTorch are here. The compiler knows this page: a name of PyTorch in a `.res` file is an error that says what to write in its place, with the arguments of the call, and `rescc explain Conv2d` answers for one name. Tests hold it against the public names of PyTorch, and what is written against its numbers. `it` is the current value, `…` any number of arguments; arguments after `=` of PyTorch stand where they go.',
    '## Statements',
    ['| Python | here |', '| --- | --- |', ...habits.map(([python, ours]) => `| ${python} | ${ours} |`)].join('\n'),
    '## Layers',
    table('PyTorch', layerWords()),
    '## Activations',
    table('PyTorch', activationWords()),
    '## Tensors',
    table('PyTorch', tensorWords()),
    ...otherWords().flatMap(({ of, words }) => [`## ${of}`, table(of, words)]),
    '## What has no counterpart',
    ...none,
  ].join('\n\n')}\n`;
}

if (isProgram(import.meta.url)) writeOrCompare('docs/pytorch.md', pytorchText(), `${layerWords().length} layers`);
