/** Writes docs/passes.md, the proof of every rewrite rule, from the rules themselves. `--check` compares instead. */
import { allRules, allSweeps, passNames } from '../src/passes/pipeline.ts';
import { isProgram, writeOrCompare } from './generated.ts';

/** What each pass is for, in a sentence; a pass without one does not type-check. */
const purposes: Readonly<Record<string, string>> = {
  simplify:
    'Removes what does nothing, folds what is constant, merges chains of views, shares equal parts, and erases what nobody reads.',
  recognize:
    'Operators that are spelled out become the one node that the opset of the file has for them: LayerNorm, GELU, attention and the like.',
  'move-transpose':
    'Transposes go where fewer of them are left: against each other, behind what makes a tensor small, into weights.',
  'fold-pad': 'A pad of zeros in front of a window is padding of the window.',
  'fold-batchnorm':
    'A batchnorm in inference form is a multiplication and an addition per channel; the linear operator beside it can do both.',
  'fold-affine':
    'Constants that multiply or shift per channel (input normalisation, residual scale, layer scale, gain) go into neighbouring weights.',
  'merge-branches': 'Parallel linear branches over one input become one convolution, as RepVGG does by hand.',
  'commute-pool': 'A pointwise convolution after a pooling, or before an enlargement, runs on the smaller grid.',
  'merge-linear': 'Two linear operators in a row become one where that costs no more.',
  'move-stride': 'Where every reader of a value takes only every s-th element, no other one is computed.',
  'fuse-shortcut':
    'Makes a shortcut cheap: removes what is provably zero or the identity, and gives the sum the form that runtimes fuse.',
  'fuse-gemm': 'Transposes and sums around a product of matrices become flags and an operand of it.',
};

/** What the condition `normal` asks: the head of src/passes/range.ts, for readers of the page. */
const rangeText: readonly string[] = [
  'Every new weight and bias is finite after rounding: smaller in magnitude than half a step above the largest number (65520 in f16, 2^128 − 2^103 in f32).',
  'Every output channel has an element of the new weight, or gain, that is at least the smallest normal number (2^-14 in f16, 2^-126 in f32 and bf16, 2^-1022 in f64), or nothing but zeros. What smaller elements beside it lose, half the smallest number of the type at most, is within the rounding of that element. Where two scales become one, every element is a channel.',
  'Channels without a normal element, which training has shut, are folded only where the loss is below the rounding of the largest new bias of the operator for every input up to 2^100 (f16: 2^10).',
  'Biases and shifts are sums, which are exact to the smallest number of the type: their lower end is not asked.',
  'Scales that are multiplied in are finite in the element type themselves. Weights of any size are looked at, in chunks, and no further than the answer needs; of those that can only be awaited, as from a Blob in a browser, scales from 2^-40 to 2^40 (f16: 2^-4 to 1) are folded in.',
];

/** The page, in the order in which the passes run first. */
export function passesText(): string {
  const all = [...allRules, ...allSweeps];
  const sections = passNames.flatMap((pass) => {
    const purpose = purposes[pass];
    if (purpose === undefined) throw new Error(`scripts/passes.ts has no sentence for the pass ${pass}`);
    const rules = all.filter(({ name }) => name === pass || name.startsWith(`${pass}/`));
    return [`## ${pass}`, purpose, ...rules.flatMap(({ name, doc }) => [`### ${name}`, `\`\`\`text\n${doc.trim()}\n\`\`\``])];
  });
  return `${[
    '# Passes',
    '<!-- Written by scripts/passes.ts from src/passes: `npm run generate`. -->',
    'A rewrite is *exact*: equal in real arithmetic for every input on which all values of the source graph are finite. It may change rounding, never more. Each rule states its equation, the named conditions under which it is exact, how it rounds, and its source. `rescc explain fold-batchnorm` prints these texts; `rescc compile net.res --explain fold-batchnorm` lists where a rule did not apply, and by which condition.',
    'The passes run in the order of this page, except that `fuse-shortcut/zero`, `fuse-shortcut/identity` and `fuse-gemm/linear` come right behind the first `simplify`. `fold-batchnorm`, `fold-affine` and `merge-branches` run to a fixed point together, and with `commute-pool`, `merge-linear`, `move-stride`, `fold-pad` and `simplify` until a round fires nothing; the rest of `fuse-shortcut`, of `fuse-gemm` and `simplify` come once behind that. `-O0` runs none of them; `-O1`, the default, all rules but `fuse-shortcut/concat`; `-O2` that too. `simplify/split` comes last of all. `fuse-shortcut/option-a-conv` is for `--target cpu` alone. `--passes a,b,c` runs these passes in this order instead.',
    '## Range\n\nA product of constants may leave the range of its element type, above as below. The condition `normal` of the folds asks that it does not, of the type that the weights are stored in:',
    rangeText.map((line) => `- ${line}`).join('\n'),
    ...sections,
  ].join('\n\n')}\n`;
}

if (isProgram(import.meta.url)) writeOrCompare('docs/passes.md', passesText(), `${allRules.length + allSweeps.length} rules`);
