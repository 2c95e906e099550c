/** Writes docs/passes.md, the proof of every rewrite rule, from the rules themselves. `--check` compares instead. */

import type { OperatorSet } from '../src/passes/analysis/operators.ts';
import { patternText, type Tree } from '../src/passes/engine/pattern.ts';
import type { Rule } from '../src/passes/engine/rule.ts';
import { allRules, allSweeps, purposeOf, type SchedulePart, type Stage, schedule, targetsOf } from '../src/passes/schedule.ts';
import { isProgram, writeOrCompare } from './generated.ts';

const listed = (words: readonly string[]): string =>
  words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;

const code = (name: string): string => `\`${name}\``;

function ruleText(one: Rule): string {
  const targets = targetsOf(one);
  return code(one.name) + (targets ? ` (for ${listed(targets.map((target) => code(target)))})` : '');
}

/** The rules of a stage: by the name of their pass where they are more than half of it, and run for every target. */
function stageText({ pass, rules, level, opset }: Stage): string {
  const missing = allRules.filter((one) => one.pass === pass && !rules.includes(one));
  const names =
    missing.length < rules.length && rules.every((one) => !targetsOf(one))
      ? code(pass) + (missing.length > 0 ? ` but ${listed(missing.map(({ name }) => code(name)))}` : '')
      : listed(rules.map(ruleText));
  const from = [
    ...(level === undefined || level < 2 ? [] : [`from \`-O${level}\` on`]),
    ...(opset === undefined ? [] : [`from opset ${opset} on`]),
  ];
  return from.length > 0 ? `${names} ${from.join(', ')}` : names;
}

function setsIn(tree: Tree): readonly OperatorSet[] {
  return tree.kind === 'op' ? [tree.ops, ...tree.operands.flatMap(setsIn), ...(tree.some ? setsIn(tree.some) : [])] : [];
}

/** The sets of operators that patterns name and that are chosen one by one. */
function setsText(): string {
  const sets = new Set(allRules.flatMap((one) => one.match.trees.flatMap(setsIn)).filter(({ listed: chosen }) => chosen));
  return listed([...sets].map(({ label, names }) => `\`${label}\` (${[...names].map(code).join(', ')})`));
}

function whenText({ until, round }: SchedulePart, index: number): string {
  if (round)
    return until === 'once' ? 'behind these in every round, until one fires nothing' : 'in every round, to a fixed point';
  if (index === 0) return 'first';
  return `${index === schedule.length - 1 ? 'at the end' : 'then'}, ${until === 'once' ? 'once' : 'to a fixed point'}`;
}

/** What the condition `normal` asks: the head of src/passes/analysis/range.ts, for readers of the page. */
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
  const passes = [...new Set(schedule.flatMap(({ stages }) => stages.map(({ pass }) => pass)))];
  const sections = passes.flatMap((pass) => {
    const rules = all.filter(({ name }) => name === pass || name.startsWith(`${pass}/`));
    return [
      `## ${pass}`,
      purposeOf(pass),
      ...rules.flatMap((one) => [
        `### ${one.name}`,
        ...('match' in one ? [`Matches \`${patternText(one.match)}\`.`] : []),
        `\`\`\`text\n${one.doc.trim()}\n\`\`\``,
      ]),
    ];
  });
  return `${[
    '# Passes',
    '<!-- Written by scripts/passes.ts from src/passes: `npm run generate`. -->',
    'A rewrite is *exact*: equal in real arithmetic for every input on which all values of the source graph are finite. It may change rounding, never more. Each rule states its equation, the named conditions under which it is exact, how it rounds, and its source. `rescc explain fold-batchnorm` prints these texts; `rescc compile net.res --explain fold-batchnorm` lists where a rule did not apply, and by which condition.',
    `\`-O0\` runs nothing. \`-O1\`, the default, and \`-O2\` run, in this order:`,
    schedule.map((part, i) => `- ${whenText(part, i)}: ${part.stages.map(stageText).join('; ')}`).join('\n'),
    `A rule's pattern is a tree of operators over values and constants, whose further operands may be anything: \`mul{a, b}\` takes its operands in either order, \`c: constant\` is a constant, a number a constant that is known to be it everywhere, \`concat(…, a, …)\` has such an operand somewhere, \`a|b\` is one of two operators. Where the pattern ends in \`…\` the rule looks further than a tree can say: at sizes and elements, along chains of any length, among readers. Sets of operators have a name: ${setsText()}; the others are what their names say.`,
    '`--passes a,b,c` runs these passes in this order instead, each to its fixed point.',
    '## Range\n\nA product of constants may leave the range of its element type, above as below. The condition `normal` of the folds asks that it does not, of the type that the weights are stored in:',
    rangeText.map((line) => `- ${line}`).join('\n'),
    "## Nothing\n\nA size may be 0: of what the run finds, of an input with `P >= 0`, and in a file of anybody else's every size that it leaves open. A rewrite that would make a conv, a pool or another operator that means nothing over no elements (`Operator.needs`) is held back by the condition `needs-elements` unless that size is at least 1, or another node of the model needs it as well, so that the model as it was does not run there either.",
    ...sections,
  ].join('\n\n')}\n`;
}

if (isProgram(import.meta.url)) writeOrCompare('docs/passes.md', passesText(), `${allRules.length + allSweeps.length} rules`);
