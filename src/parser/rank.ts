/** Ranks a flat row of operands and operators by precedence, with a stack of its own, into left-leaning trees. */
import type { IToken } from 'chevrotain';
import { bug } from '../diagnostics/diagnostic.ts';
import { cover, type SourceFile } from '../diagnostics/source.ts';
import type { BinaryOp, Expr } from './ast.ts';
import { endOf } from './tokens.ts';

/** `- not x` is `x` behind two prefixes, in the order of the text. */
export interface Operand {
  readonly prefixes: readonly IToken[];
  readonly value: Expr;
}

export interface RankReports {
  chainedComparison(first: IToken, second: IToken): void;
  looseNot(operator: IToken, not: IToken): void;
}

/** The binary operators, loosest first; those of one level associate to the left. */
export const binaryLevels: readonly (readonly BinaryOp[])[] = [
  ['or'],
  ['and'],
  ['==', '!=', '<', '<=', '>', '>='],
  ['+', '-'],
  ['*', '/', '%', '@'],
];
/** Signs of other languages, which the lexer reported and the parser reads on with. */
const foreign: readonly (readonly [string, BinaryOp])[] = [
  ['&', 'and'],
  ['&&', 'and'],
  ['|', 'or'],
  ['||', 'or'],
  ['·', '*'],
  ['−', '-'],
  ['–', '-'],
  ['≤', '<='],
  ['≥', '>='],
  ['≠', '!='],
];
const notLevel = 2.5;
const comparisonLevel = 3;
const minusLevel = 6;

interface Ranked {
  readonly op: BinaryOp;
  readonly level: number;
}
const ranks = new Map<string, Ranked>(binaryLevels.flatMap((ops, i) => ops.map((op) => [op, { op, level: i + 1 }])));
for (const [image, op] of foreign) ranks.set(image, ranks.get(op) ?? bug(`${op} has no rank`));

function binaryOp(image: string): Ranked {
  return ranks.get(image) ?? bug(`operator ${image} has no rank`);
}

type Pending = { readonly token: IToken; readonly level: number; readonly op?: BinaryOp };

/** There is one operand more than there are operators. */
export function rank(operands: readonly Operand[], operators: readonly IToken[], source: SourceFile, reports: RankReports): Expr {
  const values: Expr[] = [];
  const stack: Pending[] = [];

  const reduce = (): void => {
    const top = stack.pop();
    const right = values.pop();
    if (!top || !right) return bug('an operator without operands');
    if (top.op === undefined) {
      const span = { file: source, start: top.token.startOffset, end: Math.max(right.span.end, endOf(top.token)) };
      values.push({ kind: 'unary', op: top.level === notLevel ? 'not' : '-', operand: right, span });
      return;
    }
    const left = values.pop();
    if (!left) return bug('a binary operator with one operand');
    values.push({ kind: 'binary', op: top.op, left, right, span: cover(left.span, right.span) });
  };
  const pushOperand = (operand: Operand): void => {
    for (const token of operand.prefixes) {
      const not = token.image === 'not' || token.image === '!' || token.image === '~';
      const top = stack.at(-1);
      if (not && top && top.level > notLevel) reports.looseNot(top.token, token);
      stack.push({ token, level: not ? notLevel : minusLevel });
    }
    values.push(operand.value);
    while (stack.at(-1)?.level === minusLevel) reduce();
  };

  const [first] = operands;
  if (!first) return bug('an expression without operands');
  pushOperand(first);
  for (let i = 0; i < operators.length; i++) {
    const token = operators[i];
    const operand = operands[i + 1];
    if (!token || !operand) return bug('operators and operands do not alternate');
    const { op, level } = binaryOp(token.image);
    for (let top = stack.at(-1); top && top.level >= level; top = stack.at(-1)) {
      if (level === comparisonLevel && top.level === comparisonLevel) reports.chainedComparison(top.token, token);
      reduce();
    }
    stack.push({ token, level, op });
    pushOperand(operand);
  }
  while (stack.length > 0) reduce();
  return values[0] ?? bug('an expression without a value');
}
