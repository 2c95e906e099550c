/**
 * The way into the parser's room: text in, tree and diagnostics out. Nothing here throws on any input, but where the dictionary
 * of other frameworks' words is wanted and not there yet (`diagnostics/late.ts`).
 */
import { notUtf8 } from '../diagnostics/catalogue/text.ts';
import { type Diagnostic, makeDiagnostic } from '../diagnostics/diagnostic.ts';
import { command } from '../diagnostics/shell.ts';
import type { SourceFile } from '../diagnostics/source.ts';
import type { Expr, FileNode } from './ast.ts';
import { CappedSink } from './capped-sink.ts';
import { ResParser } from './grammar.ts';
import { lex } from './lexer.ts';
import type { Decisions, PendingTemplate } from './reader.ts';
import { piecesOfTemplate } from './templates.ts';

/** A tree, and what is wrong with the text. */
export interface Parsed {
  readonly file: FileNode;
  readonly diagnostics: readonly Diagnostic[];
}

/** Made by the build of the command line, since recording the grammar takes as long as reading a large file. */
declare const grammarDecisions: Decisions | undefined;

let cachedParser: ResParser | undefined;

/** Made when first needed, since its look-ahead tables take some milliseconds. */
function parser(): ResParser {
  cachedParser ??= new ResParser(false, typeof grammarDecisions === 'undefined' ? undefined : grammarDecisions);
  return cachedParser;
}

function inOrder(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  return [...diagnostics].sort((a, b) => (a.span?.start ?? 0) - (b.span?.start ?? 0));
}

/**
 * The tree of a file. Items that cannot be read are missing from it, and statements within them; whoever goes on with a
 * tree beside diagnostics should expect names that nothing declares.
 */
export function parseFile(source: SourceFile): Parsed {
  const sink = new CappedSink();
  const lexed = lex(source, sink);
  const templates: PendingTemplate[] = [];
  const items = parser().readFile(source, lexed, sink, templates);
  fillTemplates(templates, source, sink);
  const span = { file: source, start: 0, end: source.text.length };
  return { file: { kind: 'file', source, items, comments: lexed.comments, span }, diagnostics: inOrder(sink.list) };
}

/** One expression that is the whole text, as in `-D depths=[2, 2]`. `expr` is absent when there are errors. */
export function parseExpression(source: SourceFile): { readonly expr?: Expr; readonly diagnostics: readonly Diagnostic[] } {
  const sink = new CappedSink();
  const lexed = lex(source, sink);
  const templates: PendingTemplate[] = [];
  const expr = parser().readExpression(source, lexed, sink, templates);
  fillTemplates(templates, source, sink);
  const diagnostics = inOrder(sink.list);
  return { ...(expr && !sink.hasErrors && { expr }), diagnostics };
}

/** Reads the computed parts of strings, now that the parser is free; labels within them may be such strings again. */
function fillTemplates(templates: PendingTemplate[], source: SourceFile, sink: CappedSink): void {
  for (let template = templates.pop(); template; template = templates.pop()) {
    for (const piece of piecesOfTemplate(template.token, source, sink)) {
      if (typeof piece === 'string') template.parts.push(piece);
      else {
        const expr = expressionAt(piece.start, piece.end, source, sink, templates);
        if (expr) template.parts.push(expr);
      }
    }
  }
}

/** The expression that stands in a part of a source. */
function expressionAt(
  start: number,
  end: number,
  source: SourceFile,
  sink: CappedSink,
  templates: PendingTemplate[],
): Expr | undefined {
  const part = { name: source.name, text: source.text.slice(start, end) };
  const own = new CappedSink();
  const lexed = lex(part, own);
  for (const token of lexed.tokens) {
    token.startOffset += start;
    if (token.endOffset !== undefined) token.endOffset += start;
  }
  const expr = parser().readExpression(source, { ...lexed, spoiledLines: new Set() }, own, templates);
  for (const diagnostic of own.list) {
    const { span } = diagnostic;
    const at = span?.file === part ? { file: source, start: span.start + start, end: span.end + start } : span;
    sink.add({ ...diagnostic, ...(at && { span: at }) });
  }
  return own.hasErrors ? undefined : expr;
}

/** Length of the UTF-8 sequence at `at`, or 0 where none is well formed (Unicode 15, table 3-7). */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  const follows = (offset: number, low = 0x80, high = 0xbf): boolean => {
    const byte = bytes[at + offset] ?? 0;
    return byte >= low && byte <= high;
  };
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    return follows(1, first === 0xe0 ? 0xa0 : 0x80, first === 0xed ? 0x9f : 0xbf) && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    return follows(1, first === 0xf0 ? 0x90 : 0x80, first === 0xf4 ? 0x8f : 0xbf) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

/** Code points are joined in runs of this many: an argument list has a limit, and one string per character is slow. */
const decodeRun = 4096;

/**
 * Text of a file's bytes. Bytes that are no UTF-8 are a diagnostic with the offset and line of the first of them. A byte
 * order mark is kept, so that offsets count what the file holds; the lexer skips it.
 */
export function decodeUtf8(
  bytes: Uint8Array,
  name: string,
): { readonly source?: SourceFile; readonly diagnostics: readonly Diagnostic[] } {
  let text = '';
  let codes: number[] = [];
  let line = 1;
  let at = 0;
  while (at < bytes.length) {
    const length = sequenceLength(bytes, at);
    if (length === 0) return { diagnostics: [badBytes(bytes, name, at, line)] };
    const first = bytes[at] ?? 0;
    if (first === 10 || (first === 13 && bytes[at + 1] !== 10)) line++;
    let code = length === 1 ? first : first & (0xff >> (length + 1));
    for (let i = 1; i < length; i++) code = (code << 6) | ((bytes[at + i] ?? 0) & 0x3f);
    codes.push(code);
    if (codes.length === decodeRun) {
      text += String.fromCodePoint(...codes);
      codes = [];
    }
    at += length;
  }
  return { source: { name, text: text + String.fromCodePoint(...codes) }, diagnostics: [] };
}

function badBytes(bytes: Uint8Array, name: string, offset: number, line: number): Diagnostic {
  const value = `0x${(bytes[offset] ?? 0).toString(16).toUpperCase().padStart(2, '0')}`;
  const wide = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  const fix = wide
    ? `convert it: \`${command('from UTF-16', name)}\``
    : `convert it: \`${command('from Latin-1', name)}\`, if it is text in an older encoding`;
  return makeDiagnostic(notUtf8, { with: { name, value, offset, line, fix } });
}
