/** Calls through a dot, as Python writes them: `x.view(2, 3)`, `nn.Conv2d(3, 64, 3)`, `self.conv1(x)`. */
import type { IToken } from 'chevrotain';
import { dottedCall } from '../diagnostics/catalogue/names.ts';
import { type Diagnostic, makeDiagnostic } from '../diagnostics/diagnostic.ts';
import type { SourceFile } from '../diagnostics/source.ts';
import { dictionary, isNamespace } from '../words/late.ts';
import type { WrittenCall } from '../words/word.ts';

/** Characters in which the bracket that closes a call is looked for. */
const longest = 2000;

/** What is wrong with the call whose parenthesis this is; undefined where no dot stands before its name. */
export function describeDotted(source: SourceFile, paren: IToken): Diagnostic | undefined {
  const { text } = source;
  const before = /(?<![\w.])([A-Za-z_]\w*(?:\.\w+)*)\.([A-Za-z_]\w*)$/.exec(
    text.slice(Math.max(0, paren.startOffset - 200), paren.startOffset),
  );
  const [whole, base, name] = before ?? [];
  if (whole === undefined || base === undefined || name === undefined) return undefined;
  const end = closing(text, paren.startOffset);
  const call = callOf(text.slice(paren.startOffset + 1, end - 1));
  const start = paren.startOffset - whole.length;
  const found = text.slice(start, end).replace(/\s+/g, ' ');
  return makeDiagnostic(dottedCall, {
    span: { file: source, start, end },
    with: { found: found.length > 60 ? `${found.slice(0, 57)}...` : found, hint: hintFor(base.split('.'), name, call) },
  });
}

function hintFor(base: readonly string[], name: string, call: WrittenCall): string {
  if (base[0] === 'self')
    return `write the layer itself where it runs, with its label: \`${name}: …\`, as in \`${name}: conv(64, 3x3)\``;
  const method = !isNamespace(base);
  const { answerFor, lostArguments, translate } = dictionary.now();
  const answer = answerFor(name);
  if (answer?.kind === 'reason') return answer.reason.instead;
  const on = method ? base.join('.') : undefined;
  if (answer) {
    const { word } = answer;
    const given = { ...call, on };
    const notes = word.note === undefined ? [] : [word.note];
    return [`write \`${translate(word, name, given)}\``, ...notes, ...lostArguments(word, name, given)].join('; ');
  }
  const named = [...call.named].map(([key, text]) => `${key}=${text}`);
  return `write \`${name}(${[...(on === undefined ? [] : [on]), ...call.positional, ...named].join(', ')})\``;
}

/** Where the bracket closes that opens at `open`, strings left out; the end of the line where none does. */
function closing(text: string, open: number): number {
  let depth = 0;
  let quoted = false;
  for (let i = open; i < Math.min(text.length, open + longest); i++) {
    const letter = text[i] ?? '';
    if (letter === '"') quoted = !quoted;
    if (quoted) continue;
    if ('([{'.includes(letter)) depth++;
    if (')]}'.includes(letter) && --depth === 0) return i + 1;
  }
  return open + 1;
}

function callOf(inside: string): WrittenCall {
  const positional: string[] = [];
  const named = new Map<string, string>();
  for (const part of dictionary.now().atCommas(inside.replace(/\s+/g, ' '))) {
    const key = /^(\w+)\s*=\s*(?!=)(.*)$/s.exec(part);
    if (key?.[1] !== undefined && key[2] !== undefined) named.set(key[1], key[2]);
    else positional.push(part);
  }
  return { positional, named };
}
