/** Mistakes that the grammar itself cannot express: a production reads what it can, and then says what is wrong with it. */
import { EOF, type IToken } from 'chevrotain';
import {
  badLabel,
  badLabelTarget,
  chainedComparison,
  expressionTooLong,
  keywordAsName,
  looseNot,
  nestedTooDeeply,
  statementOutsideBody,
  tupleInRange,
  unclosedBracket,
  unexpectedText,
  unopenedBracket,
} from '../diagnostics/catalogue/syntax.ts';
import { type Diagnostic, makeDiagnostic } from '../diagnostics/diagnostic.ts';
import { positionOf, type Span } from '../diagnostics/source.ts';
import { messages } from './late.ts';
import { quoteText } from './strays.ts';
import { Dot, endOf, isWord } from './tokens.ts';

/** What is wrong, once it is known where. */
export type Complaint = (span: Span) => Diagnostic;

/** A complaint on its way to where the parser recovers. */
export class Mistake extends Error {
  readonly diagnostic: Diagnostic;
  readonly token: IToken;
  constructor(diagnostic: Diagnostic, token: IToken) {
    super(diagnostic.title);
    this.diagnostic = diagnostic;
    this.token = token;
  }
}

function shortly(token: IToken): string {
  return token.tokenType === EOF ? 'end of the file' : quoteText(token.image);
}

function unexpected(token: IToken, expected: string, fix: string): Complaint {
  return (span) =>
    makeDiagnostic(unexpectedText, {
      span,
      with: { what: shortly(token), found: messages.now().describeToken(token), expected, fix },
    });
}

export function notFrom(token: IToken): Complaint {
  return unexpected(token, '`from` and the file in quotes', 'write `from "std/resnet.res"`');
}

export function notAType(token: IToken): Complaint {
  const expected = 'a type: `int`, `float`, `bool`, `string`, `size`, `block` or `tensor`, each with `[]` behind it for a list';
  if (!/^(?:f|bf|i|u)\d+$/.test(token.image)) return unexpected(token, expected, 'write one of the types, or leave the type out');
  return (span) => {
    const input = tensorOfModel(span);
    return unexpected(token, expected, input ? `write \`input ${input}\` as a statement of the body` : 'write `tensor`')(span);
  };
}

/** `x: f32[N, 3]` among the parameters of a model, where `span` is its element type. */
function tensorOfModel({ file: { text }, start }: Span): string | undefined {
  const before = text.slice(Math.max(0, start - 1000), start);
  const item = /\b(block|model)\b(?!.*\b(?:block|model)\b)[^{}]*?(\w+)\s*:\s*$/s.exec(before);
  const type = /^\w+(?:\[[^\]\n]*\])?/.exec(text.slice(start, start + 200))?.[0];
  return item?.[1] === 'model' && type !== undefined ? `${item[2]}: ${type}` : undefined;
}

export function notNone(token: IToken): Complaint {
  return unexpected(token, 'a name in quotes, or `none` to drop the tensor', `write \`"${token.image}"\` or \`none\``);
}

export function noSubscript(token: IToken): Complaint {
  return unexpected(token, 'an index such as `0` or a slice such as `1:` or `:`', 'write `[:]` for everything');
}

export function moreThanAnExpression(token: IToken): Complaint {
  return unexpected(
    token,
    'the end of the expression',
    'write one expression, such as `10`, `[2, 2, 2, 2]` or `Bottleneck(groups=32)`',
  );
}

/** A label covers a layer, a block or a construct; `after` goes on with a path or an index. */
export function labelledValue(after: IToken): Complaint {
  const found = after.tokenType === Dot ? 'the path of a parameter' : 'an element of a list';
  return (span) =>
    makeDiagnostic(badLabelTarget, { span, with: { found, fix: `\`let part = …\` before it, and then the name` } });
}

export function floatAsLabel({ image }: IToken): Complaint {
  return (span) =>
    makeDiagnostic(badLabel, {
      span,
      with: {
        found: `the float ${quoteText(image)}`,
        expected: 'segments of words and integers, joined by dots',
        fix: `\`_${image.replace(/\W/g, '_')}:\``,
      },
    });
}

/** `inside` is the text between the parentheses. */
export function tupleOf(inside: string): Complaint {
  return (span) => makeDiagnostic(tupleInRange, { span, with: { fix: `[${inside}]` } });
}

export function keywordForName({ image }: IToken): Complaint {
  return (span) => makeDiagnostic(keywordAsName, { span, with: { what: 'a new name', keyword: image, fix: `${image}_` } });
}

export function elseIfFor(token: IToken): Complaint {
  return unexpected(token, '`else if condition { … }`', 'write `else if`');
}

export function secondComparison(first: IToken, second: IToken): Complaint {
  const fix = `\`a ${first.image} b and b ${second.image} c\``;
  return (span) => makeDiagnostic(chainedComparison, { span, with: { first: first.image, second: second.image, fix } });
}

export function looseNotBehind(operator: IToken): Complaint {
  return (span) => makeDiagnostic(looseNot, { span, with: { operator: operator.image } });
}

export function tooDeep(limit: number): Complaint {
  return (span) => makeDiagnostic(nestedTooDeeply, { span, with: { limit } });
}

export function tooLong(limit: number): Complaint {
  return (span) => makeDiagnostic(expressionTooLong, { span, with: { limit } });
}

const closerOf = (opener: string): string => (opener === '(' ? ')' : opener === '[' ? ']' : '}');
const openerOf = (closer: string): string => (closer === ')' ? '(' : closer === ']' ? '[' : '{');

/**
 * Where the comment behind an opening bracket holds the closing one: Python's `//`, or a bracket that was meant to stand before
 * it.
 */
function inComment(text: string, opener: number, closer: string): boolean {
  const [line = ''] = /^[^\n\r]*/.exec(text.slice(opener)) ?? [];
  const comment = /^(?:"[^"]*"|[^"/]|\/(?!\/))*[\w)\]][ \t]*\/\/(?!\/)(.*)$/.exec(line)?.[1];
  return comment?.includes(closer) === true;
}

/** `before` is the last token inside the bracket, `found` what stands where the closing one is due. */
export function unclosed(open: IToken, opened: Span, before: IToken, found: IToken): Diagnostic {
  const { file } = opened;
  const opener = open.image;
  const closer = closerOf(opener);
  const end = endOf(before);
  return makeDiagnostic(unclosedBracket, {
    span: { file, start: end, end },
    label: `\`${closer}\` expected`,
    notes: [{ span: opened, text: 'opened here' }],
    with: {
      opener: `\`${opener}\``,
      closer: `\`${closer}\``,
      found: messages.now().describeToken(found),
      line: positionOf(file, open.startOffset).line,
      place: inComment(file.text, open.startOffset, closer)
        ? 'before the `//`, which begins a comment; an int is divided, and rounded down, by `floordiv(a, b)`'
        : 'here',
    },
  });
}

export function unopened({ image }: IToken, expected: string): Complaint {
  return (span) =>
    makeDiagnostic(unopenedBracket, {
      span,
      with: { closer: `\`${image}\``, opener: `\`${openerOf(image)}\``, expected },
    });
}

/** What other languages begin a definition with. */
const foreignItems: ReadonlyMap<string, string> = new Map([
  ['def', 'block'],
  ['class', 'block'],
  ['fn', 'block'],
  ['function', 'block'],
  ['module', 'block'],
  ['network', 'model'],
  ['net', 'model'],
  ['let', 'const'],
  ['var', 'const'],
]);

export function outsideBody(token: IToken): Complaint {
  const meant = foreignItems.get(token.image.toLowerCase());
  const fix = meant
    ? `write \`${meant}\``
    : isWord(token.tokenType)
      ? 'write `block Name { … }` or `model Name { … }` around it'
      : 'take it away';
  return (span) => makeDiagnostic(statementOutsideBody, { span, with: { found: messages.now().describeToken(token), fix } });
}
