/**
 * The way into the parser's room: text in, tree and diagnostics out. Nothing here throws on any input, but where the dictionary
 * of other frameworks' words is wanted and not there yet (`diagnostics/late.ts`).
 */
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
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

/** The EBNF of every production, by its name. */
export const productions = (): ReadonlyMap<string, string> => parser().productions;

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
