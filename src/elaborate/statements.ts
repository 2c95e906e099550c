/** The statements that compute: `let`, `return`, and a chain that becomes the current value. */
import { noEffect, wrongCount } from '../diagnostics/catalogue/structure.ts';
import type { Span } from '../diagnostics/source.ts';
import type { LangValue } from '../ops/params.ts';
import type { ChainStmt, LetStmt, ReturnStmt } from '../parser/ast.ts';
import { evaluateChain, one } from './chains.ts';
import type { Context } from './context.ts';
import { Abandon, live } from './failure.ts';
import { declare } from './names.ts';
import type { Frame } from './scope.ts';
import { describe, hasWord, poison, wholeText } from './values.ts';

export function runChain(c: Context, f: Frame, stmt: ChainStmt): void {
  const { chain } = stmt;
  const results = evaluateChain(c, f, chain, true);
  // A repetition that only declares inputs has set the current value itself, to none.
  if (results.length === 0) return;
  const value = one(c, f, results, chain.span);
  if (value.kind !== 'tensor' && value.kind !== 'list' && value.kind !== 'callable') {
    if (f.failed && isBehind(f.failed, chain.span)) throw new Abandon();
    return c.fail(noEffect, f, {
      span: chain.span,
      with: { found: describe(value), hint: `name it: \`let n = ${wholeText(chain.span)}\`` },
    });
  }
  f.it = value;
}

/** Whether it follows a word that was given up, with nothing but blanks between: both were meant as one, as in `for 8 { … }`. */
function isBehind(before: Span, span: Span): boolean {
  const { text } = span.file;
  return (
    before.file === span.file &&
    /^[ \t]*$/.test(text.slice(before.end, span.start)) &&
    /^[a-z_]\w*$/i.test(text.slice(before.start, before.end))
  );
}

export function runLet(c: Context, f: Frame, stmt: LetStmt): void {
  const results = evaluateChain(c, f, stmt.value, true);
  let values: readonly LangValue[] = results;
  const [only] = results;
  if (stmt.names.length > 1 && results.length === 1 && only && live(only).kind === 'list' && only.kind === 'list')
    values = only.items;
  if (stmt.names.length === 1) values = [one(c, f, results, stmt.value.span)];
  if (values.length !== stmt.names.length) {
    return c.fail(wrongCount, f, {
      span: stmt.span,
      with: {
        names: stmt.names.length,
        values: values.length,
        hint: values.length === 1 ? `write \`let ${stmt.names[0]?.name ?? 'x'} = …\`` : `give it ${values.length} names`,
      },
    });
  }
  stmt.names.forEach((name, i) => {
    const value = values[i];
    if (!value) return;
    if (name.name === 'it') f.it = value;
    else declare(c, f, name, value, handOn(f, stmt, name.name));
  });
}

/** A turn that makes the next value of a name out of the last means to hand it on, as assignment does elsewhere. */
function handOn(f: Frame, stmt: LetStmt, name: string): string | undefined {
  if (!f.inLoop || f.env.own(name) || !hasWord(wholeText(stmt.value.span), name)) return undefined;
  return `hand it on from turn to turn: \`let ${name}2 = ${f.inLoop} … with ${name} { … return … }\``;
}

export function runReturn(c: Context, f: Frame, stmt: ReturnStmt): void {
  const several = stmt.values.length > 1;
  f.returned = stmt.values.flatMap((chain) => {
    try {
      const values = evaluateChain(c, f, chain, true);
      // What is returned alone is returned whole: all values of a block.
      return several || values.length === 0 ? [one(c, f, values, chain.span)] : values;
    } catch (error) {
      if (!(error instanceof Abandon)) throw error;
      return [poison];
    }
  });
}
