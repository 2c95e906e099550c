/**
 * Words for syntax errors: what was found, what could have stood there, and what to type instead. One file, because it is one
 * question, asked in an order: which of the descriptions fits the place first.
 */
import { EOF, type IToken, type TokenType } from 'chevrotain';
import {
  assignment,
  badLabel,
  badLabelTarget,
  keywordAsName,
  statementBeginsWithOperator,
  unexpectedText,
} from '../diagnostics/catalogue/syntax.ts';
import { type Diagnostic, makeDiagnostic } from '../diagnostics/diagnostic.ts';
import type { SourceFile, Span } from '../diagnostics/source.ts';
import { isNamespace } from '../words/late.ts';
import { describeDotted } from './dotted.ts';
import { foreignLoop } from './foreign-loops.ts';
import type { Lexed } from './lexer.ts';
import { quoteText } from './strays.ts';
import {
  Arrow,
  Assign,
  CallParen,
  Colon,
  Comma,
  Dot,
  DotDot,
  endOf,
  Float,
  IndexBracket,
  Int,
  indexOf,
  isOperator,
  isWord,
  KwAs,
  KwBlock,
  KwEach,
  KwElse,
  KwFalse,
  KwIf,
  KwLet,
  KwModel,
  KwNot,
  KwOutput,
  KwRepeat,
  KwReturn,
  KwShared,
  KwShortcut,
  KwTrue,
  KwWhile,
  LabelBrace,
  LabelClose,
  LBrace,
  LBracket,
  LParen,
  Name,
  RBrace,
  RBracket,
  RParen,
  Semicolon,
  Size,
  StringLiteral,
} from './tokens.ts';

export interface Surroundings {
  readonly source: SourceFile;
  /** The token that cannot stand here; EOF has no place of its own. */
  readonly token: IToken;
  readonly previous: IToken | undefined;
  readonly beforePrevious: IToken | undefined;
  readonly next: IToken | undefined;
  /** The innermost bracket that is open. */
  readonly opener: IToken | undefined;
  readonly lexed: Lexed;
}

interface Description {
  readonly diagnostic: Diagnostic;
}

/** `the keyword \`let\``, `the integer \`3\``, `the end of the file`. */
export function describeToken(token: IToken): string {
  const type = token.tokenType;
  if (type === EOF) return 'the end of the file';
  const text = quoteText(token.image);
  if (type === Name) return `the name ${text}`;
  if (type === KwTrue || type === KwFalse) return text;
  if (isWord(type)) return `the keyword ${text}`;
  if (type === Int) return `the integer ${text}`;
  if (type === Float) return `the float ${text}`;
  if (type === Size) return `the size ${text}`;
  if (type === StringLiteral) return `the string ${text}`;
  return text;
}

/** Where the caret goes: at the token, or behind the text before it when the token stands on a later line. */
function spotOf(around: Surroundings): { readonly span: Span; readonly found: string; readonly short: string } {
  const { source, token, previous } = around;
  if (token.tokenType === EOF) {
    const end = previous ? endOf(previous) : source.text.length;
    return { span: { file: source, start: end, end }, found: 'the end of the file', short: 'end of the file' };
  }
  if (previous && (previous.endLine ?? 0) < (token.startLine ?? 0)) {
    const end = endOf(previous);
    return {
      span: { file: source, start: end, end },
      found: `the end of the line, then ${describeToken(token)}`,
      short: 'end of the line',
    };
  }
  return {
    span: { file: source, start: token.startOffset, end: endOf(token) },
    found: describeToken(token),
    short: quoteText(token.image),
  };
}

function unexpected(around: Surroundings, expected: string, fix: string): Description {
  const spot = spotOf(around);
  return {
    diagnostic: makeDiagnostic(unexpectedText, { span: spot.span, with: { what: spot.short, found: spot.found, expected, fix } }),
  };
}

/** A loop as other languages write it, in whose header the text could not be read. */
function describeLoop(around: Surroundings): Description | undefined {
  const { source, token } = around;
  if (token.tokenType === EOF || token.image === 'for') return undefined;
  const advice = foreignLoop(source, token.startOffset, endOf(token));
  if (!advice) return undefined;
  const { begun, expected, fix } = advice;
  if (!begun) return unexpected({ ...around, previous: undefined }, expected, fix);
  const { span, word, header } = begun;
  return {
    diagnostic: makeDiagnostic(unexpectedText, {
      span,
      with: { what: `\`${word}\``, found: quoteText(`${word} ${header}`), expected, fix },
    }),
  };
}

const bindingPurpose: ReadonlyMap<string, string> = new Map([
  ['params', 'a new name'],
  ['importItem', 'a new name'],
  ['bindingName', 'a new name'],
  ['bindingNames', 'a new name'],
  ['itemNames', 'a new name'],
  ['nameOrCall', 'the name of a block'],
  ['tensorType', 'an element type'],
]);

/** A `CONSUME` or an alternative of the grammar that failed. `rules` are those that were being read, the innermost last. */
export function describeMismatch(around: Surroundings, rules: readonly string[], expected: TokenType | undefined): Description {
  const [rule = '', outer] = [rules.at(-1), rules.at(-2)];
  const loop = describeLoop(around);
  if (loop) return loop;
  const { token, previous, opener } = around;
  const type = token.tokenType;
  const word = isWord(type) && type !== Name && type !== KwTrue && type !== KwFalse;

  if (type === LabelBrace && expected === LBrace) return unexpected(around, 'a body', 'put a blank before `{`');

  const naming = expected === undefined && (rule === 'bindingNames' || rule === 'itemNames');
  if (expected === Name || naming || (word && (rule === 'params' || rule === 'importItem') && previous?.tokenType !== RParen)) {
    const purpose = bindingPurpose.get(rule) ?? 'a name';
    if (word) {
      const spot = spotOf(around);
      if (spot.span.end > spot.span.start) {
        return {
          diagnostic: makeDiagnostic(keywordAsName, {
            span: spot.span,
            with: { what: purpose, keyword: token.image, fix: `${token.image}_` },
          }),
        };
      }
    }
    const example =
      rule === 'tensorType'
        ? 'write a type such as `f32[N, 3, 224, 224]`'
        : rule === 'nameOrCall'
          ? 'write `model Name = Block(…)`'
          : previous?.tokenType === KwAs && (type === LBracket || type === LParen || type === IndexBracket || type === CallParen)
            ? 'write one name, `as x`, and take it apart in the body: `let a, b = x`'
            : 'write a name such as `x`';
    return unexpected(around, `${purpose}`, example);
  }

  if (
    type === Assign &&
    expected === LBrace &&
    (around.beforePrevious?.tokenType === KwBlock || around.beforePrevious?.tokenType === KwModel)
  ) {
    return unexpected(around, 'parameters or a body `{ … }`', `write \`const ${previous?.image ?? 'Name'} = …\``);
  }
  if (type === Assign && (rule === 'body' || rule === 'ifStmt') && expected === LBrace) {
    return {
      diagnostic: makeDiagnostic(assignment, {
        span: spotOf(around).span,
        with: { name: previous?.image ?? '', expected: 'a condition and then the body `{ … }`', fix: '`==` to compare' },
      }),
    };
  }

  switch (expected) {
    case RParen:
      return closer(around, ')', rule === 'operand' ? 'an operator, `->` or `)`' : '`,` or `)`');
    case RBracket:
      return closer(
        around,
        ']',
        rule === 'typeRef'
          ? '`]`, since a list type is `[]` with nothing inside'
          : opener?.tokenType === IndexBracket && rule === 'operand'
            ? '`,`, `:` or `]`'
            : '`,` or `]`',
      );
    case RBrace:
      return unexpected(
        around,
        rule === 'importItem' ? '`,` or `}`' : '`}`',
        rule === 'importItem' ? 'write `import { A, B } from "…"`' : 'write `}`',
      );
    case LabelClose:
      return unexpected(around, 'an operator or `}` at the end of the computed part', 'write `{i + 1}`');
    case LBrace:
      return missingBody(around, rule, outer);
    case Colon:
      return missingColon(around, rule);
    case Assign:
      return missingAssign(around, rule);
    case DotDot:
      return unexpected(around, '`..` and the upper end of the range', 'write `in 0..1`');
    case StringLiteral:
      return unexpected(
        around,
        'a string in double quotes',
        type === Name ? `write \`"${token.image}"\`` : rule === 'mapStmt' ? 'write `map "from.*" = "to.*"`' : 'write `"…"`',
      );
    case Int:
    case undefined:
      break;
    default:
      break;
  }

  switch (rule) {
    case 'target':
      return badTarget(around);
    case 'operand':
      return missingValue(around);
    case 'label':
    case 'segment':
    case 'wordSegment':
      return {
        diagnostic: makeDiagnostic(badLabel, {
          span: spotOf(around).span,
          with: {
            found: spotOf(around).found,
            expected: 'a word, an integer, or a computed part such as `{i}`',
            fix: previous?.tokenType === Dot ? '`name.0.weight`' : 'a label such as `conv1`',
          },
        }),
      };
    case 'modelItem':
      return unexpected(around, 'parameters `( … )`, a body `{ … }`, or `= Block(…)`', 'write `model Name { … }`');
    case 'ifStmt':
      return unexpected(
        around,
        'a body `{ … }` or another `if` after `else`',
        previous?.tokenType === KwElse ? 'write `else { … }`, or `else if condition { … }`' : 'write `else { … }`',
      );
    case 'mapStmt':
      return unexpected(around, 'a name in quotes, or `none`', 'write `map "from.*" = "to.*"`');
    case 'params':
      return unexpected(around, 'parameters in parentheses', 'write `(width, stride = 1)`');
    case 'typeRef':
      return unexpected(around, 'a type: `int`, `float`, `bool`, `string`, `size`, `block` or `tensor`', 'write `: int`');
    case 'tensorType':
      return unexpected(around, 'the dimensions in brackets', `write \`${previous?.image ?? 'f32'}[N, 3, 224, 224]\``);
    case 'chain':
      return previous?.tokenType === Arrow ? badTarget(around) : missingValue(around);
    case 'returnStmt':
    case 'shortcut':
    case 'expr':
    case 'construct':
      return missingValue(around);
    case 'args':
    case 'ode':
      return unexpected(around, 'arguments in parentheses', 'write `ode(solver="rk4", t=[0, 1], steps=8) { … }`');
    case 'each':
      return owedBefore(around) ?? unexpected(around, '`as` and a name for the element', 'write `each list as x { … }`');
    default:
      return unexpected(
        around,
        `something else in the ${rule.replace(/Stmt$|Item$/, '')}`,
        'write the statement as the reference shows it',
      );
  }
}

function closer(around: Surroundings, sign: string, expected: string): Description {
  const { token, opener } = around;
  const type = token.tokenType;
  if (type === Colon && opener?.tokenType === CallParen && around.previous && isWord(around.previous.tokenType)) {
    return unexpected(around, expected, `write \`${around.previous.image}=\` before an argument's value`);
  }
  if (type === Assign) return unexpected(around, expected, "write `==` to compare, or the argument's name before `=`");
  if (type === Semicolon) return unexpected(around, expected, `write \`,\` between elements`);
  if (type === DotDot)
    return unexpected(around, expected, 'write a list, `[0, 1]`: `..` stands behind the `in` of an input or output alone');
  if (type === Comma && sign === ')' && opener && /\brepeat\s*$/.test(around.source.text.slice(0, opener.startOffset)))
    return unexpected(around, 'a count or a list, and a body `{ … }`', einopsRepeat);
  if (type === Comma && sign === ')' && opener?.tokenType === LParen)
    return unexpected(around, expected, 'write `3x3` for a size, and `[3, 3]` for a list');
  const separate =
    isWord(type) ||
    type === Int ||
    type === Float ||
    type === Size ||
    type === StringLiteral ||
    type === LParen ||
    type === LBrace;
  const later = (around.previous?.endLine ?? 0) < (token.startLine ?? 0);
  if (token.image === 'for' && sign !== '}')
    return unexpected(around, expected, 'write a list that is computed as a loop: `each list as x { … }`');
  if (separate && later) return unexpected(around, expected, `write \`${sign}\`, or \`,\` before the next element`);
  return unexpected(
    around,
    expected,
    separate && expected.startsWith('`,`') ? `write \`, ${token.image}\`` : `write \`${sign}\``,
  );
}

const einopsRepeat = "write `rearrange`, which is einops' `repeat` as well: `repeat` is a loop here";

/** Whether what stands before is einops' `repeat("b c -> b c r", …)` up to its end. */
function patternBefore({ source, previous }: Surroundings): boolean {
  return (
    previous !== undefined &&
    /\brepeat\s*\(\s*"[^"\n]*"\s*\)$/.test(source.text.slice(Math.max(0, endOf(previous) - 300), endOf(previous)))
  );
}

/** `outer` is the rule that reads `rule`: of a body, its construct. */
function missingBody(around: Surroundings, rule: string, outer: string | undefined): Description {
  const { token, previous } = around;
  const type = token.tokenType;
  if (type === Arrow) return unexpected(around, 'a body `{ … }`', 'put parentheses around the chain: `(a -> b)`');
  if (type === Colon && previous) return unexpected(around, 'a body `{ … }`', 'write `{ … }` where other languages indent');
  if (patternBefore(around)) return unexpected(around, 'a count or a list, and a body `{ … }`', einopsRepeat);
  const owed = owedBefore(around);
  if (owed) return owed;
  if (type === Comma && outer !== undefined && namesBefore(around))
    return unexpected(
      around,
      'a body `{ … }`',
      outer === 'loop'
        ? 'write one name behind `as`, the number of the turn; `with` names what is handed on'
        : 'write at most two names behind `as`: the element and its position',
    );
  if (type === Name && around.next?.tokenType === LBrace && !(outer === 'loop' && /^(?:with|collect)$/.test(token.image)))
    return unexpected(around, 'a body `{ … }`', `take ${quoteText(token.image)} away: the body stands right behind`);
  if (outer === 'loop') {
    const order = 'write `loop n as i with a = x while c collect { … }`, each of them at its place, or left out';
    return unexpected(
      around,
      'a body `{ … }`',
      type === KwShared ? 'take `shared` away: all turns of a loop have one set of weights' : order,
    );
  }
  if (rule === 'importItem') {
    const line = 'take the line away: the layers are there without an import';
    return unexpected(
      around,
      'the names in braces',
      isNamespace([token.image]) ? line : 'write `import { Name } from "file.res"`',
    );
  }
  return unexpected(around, 'a body `{ … }`', 'write `{` before the statements and `}` after them');
}

/** Whether `as` and names stand right before. */
const namesBefore = ({ source, token }: Surroundings): boolean =>
  /\bas\s+\w+(?:\s*,\s*\w+)*\s*$/.test(source.text.slice(Math.max(0, token.startOffset - 200), token.startOffset));

/** What stands before the body of a construct: it was left out where the body was read in its place. */
const owes: ReadonlyMap<TokenType, string> = new Map([
  [KwIf, 'a condition'],
  [KwWhile, 'a condition'],
  [KwNot, 'a condition'],
  [KwRepeat, 'a count or a list'],
  [KwEach, 'a list and `as` with a name'],
]);

function owedBefore(around: Surroundings): Description | undefined {
  const { previous, lexed } = around;
  const open = previous?.tokenType === RBrace ? lexed.partner[indexOf(previous)] : undefined;
  const [before, body] = open === undefined ? [] : [lexed.tokens[open - 1], lexed.tokens[open]];
  const what = before && owes.get(before.tokenType);
  if (!before || !body || what === undefined) return undefined;
  const example = before.tokenType === KwRepeat ? '8' : before.tokenType === KwEach ? 'list as x' : 'condition';
  return unexpected(
    { ...around, token: body, previous: undefined },
    `${what} between \`${before.image}\` and the body`,
    `write \`${before.image} ${example} { … }\``,
  );
}

function missingColon(around: Surroundings, rule: string): Description {
  const { previous } = around;
  switch (rule) {
    case 'inputStmt':
      return unexpected(
        around,
        '`:` and the type of the input',
        `write \`input ${previous?.image ?? 'image'}: f32[N, 3, 224, 224]\``,
      );
    case 'paramStmt':
      return unexpected(around, '`:` and the type of the tensor', `write \`param ${previous?.image ?? 'scale'}: f32[1]\``);
    case 'expr':
      return unexpected(around, '`:` and the value for the other case', 'write `condition ? a : b`');
    default:
      return unexpected(around, '`:` after the label', 'write `label: layer`');
  }
}

function missingAssign(around: Surroundings, rule: string): Description {
  const { token, previous } = around;
  const type = token.tokenType;
  const name = previous?.image ?? 'x';
  if (rule === 'letStmt') {
    return unexpected(
      around,
      '`,` and another name, or `=`',
      type === Colon ? `write \`let ${name} =\`, without a type` : `write \`let ${name} = …\``,
    );
  }
  if (rule === 'constItem') return unexpected(around, '`=` and the value', `write \`const ${name} = …\``);
  if (rule === 'mapStmt') return unexpected(around, '`=` and the other name', 'write `map "from.*" = "to.*"`');
  return unexpected(around, '`=`', 'write `=`');
}

/** What to write behind an arrow in the place of what cannot take a value. */
function targetHint(type: TokenType): string {
  switch (type) {
    case KwOutput:
      return 'put it before the chain: `output y = x -> relu`';
    case KwLet:
      return 'put it before the chain: `let y = x -> relu`';
    case KwReturn:
      return 'put it before the chain: `return x -> relu`';
    case Int:
    case Float:
    case LParen:
    case StringLiteral:
    case Size:
      return 'write what takes the value: `x -> f` calls f with x';
    default:
      return 'write the name of a layer, as in `x -> relu`';
  }
}

function badTarget(around: Surroundings): Description {
  const { token, previous } = around;
  const type = token.tokenType;
  if (type === KwIf)
    return unexpected(
      around,
      `a layer, a block, a body or a construct after ${quoteText(previous?.image ?? '')}`,
      'put braces around it: `{ if condition { … } }`',
    );
  if (previous?.tokenType === Arrow) {
    return unexpected(around, 'a layer, a block, a body or a construct after `->`', targetHint(type));
  }
  const spot = spotOf(around);
  const argument = around.opener?.tokenType === CallParen;
  const label = around.beforePrevious?.image ?? 'x';
  return {
    diagnostic: makeDiagnostic(badLabelTarget, {
      span: spot.span,
      with: { found: spot.found, fix: argument ? `\`${label}=\` for an argument` : `\`let ${label} = …\` for a value` },
    }),
  };
}

function missingValue(around: Surroundings): Description {
  const { token, previous } = around;
  const type = token.tokenType;
  const before = previous?.tokenType;
  if (before === DotDot) return unexpected(around, 'the upper end of the range after `..`', 'write `in 0..1`');
  const after = previous ? ` after ${quoteText(previous.image)}` : '';
  if (type === KwIf)
    return unexpected(
      around,
      `a value${after}`,
      'write `condition ? a : b`; or the `if` before, as a statement, which leaves its value as `it`',
    );
  if (type === KwAs && (before === KwRepeat || before === KwEach))
    return unexpected(
      around,
      `a count or a list${after}`,
      `write what it runs over behind \`${previous?.image}\`: \`${previous?.image} list as x { … }\``,
    );
  if (isWord(type) && type !== Name) {
    return unexpected(
      around,
      `a value${after}: a number, a string, a list, a name, or \`( … )\``,
      `write a name that is no keyword, such as \`${token.image}_\``,
    );
  }
  if (before && (isOperator(before) || before === Assign || before === Comma)) {
    return unexpected(around, `a value${after}`, `take ${quoteText(previous?.image ?? '')} away, or write a value after it`);
  }
  if (isOperator(type)) return unexpected(around, `a value before ${quoteText(token.image)}`, `write \`it ${token.image} …\``);
  return unexpected(around, `a value${after}: a number, a string, a list, a name, or \`( … )\``, 'write the value');
}

/** Something in a body that no statement begins with. */
export function describeUnreadable(around: Surroundings): Description {
  const loop = describeLoop(around);
  if (loop) return loop;
  const { token, previous, beforePrevious } = around;
  const type = token.tokenType;
  const before = previous?.tokenType;
  const begins = before === undefined || before === LBrace || before === Semicolon;
  const spot = { file: around.source, start: token.startOffset, end: endOf(token) };
  if (isOperator(type) || type === Arrow) {
    if (begins) {
      const fix = type === Arrow ? '`it -> …`, or the layer alone' : `\`it ${token.image} …\``;
      return { diagnostic: makeDiagnostic(statementBeginsWithOperator, { span: spot, with: { operator: token.image, fix } }) };
    }
    return unexpected(
      { ...around, previous: undefined },
      'another statement: a label covers its own layer only, `->` binds loosest, and a construct is no operand',
      `put parentheses around what stands before \`${token.image}\`: \`(…) ${token.image} …\``,
    );
  }
  if (type === Assign) {
    const name = before && isWord(before) ? (previous?.image ?? '') : '';
    return {
      diagnostic: makeDiagnostic(assignment, {
        span: spot,
        with: {
          name: name || '…',
          expected: '`let` before a new name',
          fix: name ? `\`let ${name} = …\`` : '`let name = …`',
        },
      }),
    };
  }
  if (type === Colon) {
    if (
      before === Float ||
      before === Size ||
      before === StringLiteral ||
      before === RParen ||
      before === RBracket ||
      before === LabelClose
    ) {
      return {
        diagnostic: makeDiagnostic(badLabel, {
          span: spot,
          with: {
            found: `\`:\` after ${quoteText(previous?.image ?? '')}`,
            expected: 'a label before `:`: words and integers joined by dots',
            fix: '`conv1: conv(64, 3x3)`',
          },
        }),
      };
    }
    return unexpected(
      around,
      'a statement',
      beforePrevious?.tokenType === Colon ? 'write one label as a path: `a.b: layer`' : 'write `label: layer` on one line',
    );
  }
  if (type === IndexBracket) return unexpected(around, 'a statement', 'put parentheses around what is indexed: `(x -> f)[0]`');
  if (type === CallParen) {
    const dotted = describeDotted(around.source, token);
    return dotted ? { diagnostic: dotted } : unexpected(around, 'a statement', 'write `;` before the `(` of a new statement');
  }
  if (type === Comma) return unexpected(around, 'a statement; those need no sign between them', 'take the `,` away');
  if (type === KwElse)
    return unexpected(
      { ...around, previous: undefined },
      '`else` right after the body of an `if`',
      'write `if condition { … } else { … }`',
    );
  if (type === KwShortcut)
    return unexpected(
      { ...around, previous: undefined },
      '`shortcut` right after the body of a `residual`',
      'write `residual { … } shortcut project`',
    );
  if (type === DotDot) {
    return {
      diagnostic: makeDiagnostic(badLabel, {
        span: spot,
        with: {
          found: '`..`',
          expected: 'one dot between the segments of a label; `..` stands in a range behind `in`',
          fix: '`name.0.weight`',
        },
      }),
    };
  }
  if (type === Dot) return unexpected(around, 'a statement', 'write the whole path before `:`, as in `a.0.b: layer`');
  if (type === LabelBrace)
    return unexpected(around, 'a label with its `:`', 'write `layer{i}: …`, or a blank before the `{` of a body');
  if (isWord(type))
    return unexpected(
      { ...around, previous: undefined },
      'a statement, or the `}` of the body',
      `write \`${token.image}:\` if it is a label`,
    );
  if (type === RBrace) return unexpected(around, 'a statement', 'take the `}` away');
  return unexpected(around, 'a statement, or the `}` of the body', `take ${quoteText(token.image)} away`);
}
