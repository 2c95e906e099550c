/** JSON (RFC 8259) with the place of every key and value, so that a message can point at one. */
import type { SourceFile, Span } from '../diagnostics/source.ts';

export type Json =
  | {
      readonly kind: 'object';
      readonly span: Span;
      readonly entries: readonly { readonly key: string; readonly at: Span; readonly value: Json }[];
    }
  | { readonly kind: 'array'; readonly span: Span; readonly items: readonly Json[] }
  | { readonly kind: 'plain'; readonly span: Span; readonly value: string | number | boolean | null };

/** What a person writes is not deeper. */
const mostLevels = 32;

/** The tree, or where the text is none and what was expected there. */
export function parseJsonSpans(
  file: SourceFile,
): Json | { readonly kind: 'wrong'; readonly span: Span; readonly expected: string } {
  const { text } = file;
  let at = 0;
  class Wrong extends Error {
    readonly expected: string;
    constructor(expected: string) {
      super(expected);
      this.expected = expected;
    }
  }
  const blank = (): void => {
    while (/[ \t\r\n]/.test(text.charAt(at))) at++;
  };
  const take = (sign: string): boolean => {
    blank();
    if (text[at] !== sign) return false;
    at++;
    return true;
  };
  const token = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/sy;
  const plain = (expected: string): Json & { kind: 'plain' } => {
    blank();
    token.lastIndex = at;
    const found = token.exec(text)?.[0];
    if (found === undefined) throw new Wrong(expected);
    const start = at;
    at += found.length;
    try {
      const value: unknown = JSON.parse(found);
      if (value === null || ['string', 'number', 'boolean'].includes(typeof value))
        return { kind: 'plain', span: { file, start, end: at }, value: value as string | number | boolean | null };
    } catch {
      // An escape that there is not, or a line end in a text.
    }
    at = start;
    throw new Wrong(expected);
  };
  const value = (level: number): Json => {
    blank();
    const start = at;
    if (level > mostLevels) throw new Wrong(`at most ${mostLevels} levels`);
    if (take('{')) {
      const entries: { key: string; at: Span; value: Json }[] = [];
      if (!take('}')) {
        do {
          const key = plain('a name in quotes');
          if (typeof key.value !== 'string') throw new Wrong('a name in quotes');
          if (!take(':')) throw new Wrong('a colon');
          entries.push({ key: key.value, at: key.span, value: value(level + 1) });
        } while (take(','));
        if (!take('}')) throw new Wrong('a comma or }');
      }
      return { kind: 'object', span: { file, start, end: at }, entries };
    }
    if (take('[')) {
      const items: Json[] = [];
      if (!take(']')) {
        do items.push(value(level + 1));
        while (take(','));
        if (!take(']')) throw new Wrong('a comma or ]');
      }
      return { kind: 'array', span: { file, start, end: at }, items };
    }
    return plain('a value: text in quotes, a number, true, false, [ or {');
  };
  try {
    const all = value(1);
    blank();
    if (at < text.length) throw new Wrong('the end of the file');
    return all;
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    blank();
    return {
      kind: 'wrong',
      span: { file, start: Math.min(at, text.length), end: Math.min(at + 1, text.length) },
      expected: error.expected,
    };
  }
}
