/**
 * What the productions are written in: a handful of words over Chevrotain's. Before it parses anything Chevrotain runs each
 * production once and records which tokens, rules and choices it asks for; from that come its checks of the grammar and the
 * tables by which `choice` decides. These words record what they are asked for, number it, and keep whatever needs a real text
 * out of the recording, so that a production need not know.
 *
 * Deciding takes one token, or a look at the text by a function of `ahead.ts`.
 */
import {
  EmbeddedActionsParser,
  EOF,
  type ILookaheadStrategy,
  type IToken,
  LLkLookaheadStrategy,
  type ParserMethod,
  type TokenType,
} from 'chevrotain';
import { bug } from '../diagnostics/diagnostic.ts';
import { cover, type SourceFile, type Span } from '../diagnostics/source.ts';
import type { Part, Template } from './ast.ts';
import { CappedSink } from './capped-sink.ts';
import type { Lexed } from './lexer.ts';
import { Comma, endOf, indexOf, TokenSet, vocabulary } from './tokens.ts';

/** What is kept while one file is read. */
export interface Reading {
  readonly source: SourceFile;
  readonly sink: CappedSink;
  readonly lexed: Lexed;
  /** Brackets, bodies, prefix signs and the like that are open. */
  depth: number;
  /** Upper bound of the operators on the deepest way into what was read of the current expression. */
  height: number;
  readonly openers: IToken[];
  readonly templates: PendingTemplate[];
  lastErrorAt: number;
}

/** A string whose computed parts are still to be read, when the parser is free again. */
export interface PendingTemplate {
  readonly token: IToken;
  readonly parts: Part[];
}

function freshReading(source: SourceFile, sink: CappedSink, lexed: Lexed, templates: PendingTemplate[]): Reading {
  return { source, sink, lexed, depth: 0, height: 0, openers: [], templates, lastErrorAt: -1 };
}

/** So that the one parser of the program keeps no file alive. */
function nothing(): Reading {
  const lexed = { tokens: [], comments: [], partner: new Int32Array(0), spoiledLines: new Set<number>() };
  return freshReading({ name: '', text: '' }, new CappedSink(), lexed, []);
}

/**
 * Chevrotain's tables for choices, each made when a text first comes to its choice: a file comes to few, and making all of them
 * takes longer than reading it. What is optional is decided by the words below, and has none.
 */
function tablesWhenAsked(maxLookahead: number): ILookaheadStrategy {
  const tables = new LLkLookaheadStrategy({ maxLookahead });
  return {
    validate: (grammar) => tables.validate(grammar),
    buildLookaheadForOptional: () => () => bug('Chevrotain was asked for what is optional'),
    buildLookaheadForAlternation(place) {
      let decide: ReturnType<ILookaheadStrategy['buildLookaheadForAlternation']> | undefined;
      return function (this: Reader, alternatives) {
        decide ??= tables.buildLookaheadForAlternation(place);
        return decide.call(this, alternatives);
      };
    },
  };
}

/** The token that something optional begins with, or several. */
export type Start = TokenType | TokenSet;

export class Reader extends EmbeddedActionsParser {
  /** The EBNF of every production, by its name. */
  readonly productions: ReadonlyMap<string, string>;
  protected reading: Reading = nothing();
  /** What Chevrotain told of its last error. */
  protected mismatch: { readonly expected?: TokenType; readonly rule: string } | undefined;
  /** Chevrotain wants the parts of a production numbered, so that it can tell them apart in its records. */
  #part = 0;
  readonly #ebnf = new Map<string, string>();

  constructor(validate: boolean) {
    super(vocabulary, {
      maxLookahead: 1,
      lookaheadStrategy: tablesWhenAsked(1),
      recoveryEnabled: false,
      skipValidations: !validate,
      errorMessageProvider: {
        buildMismatchTokenMessage: ({ expected, ruleName }) => {
          this.mismatch = { expected, rule: ruleName };
          return '';
        },
        buildNoViableAltMessage: ({ ruleName }) => {
          this.mismatch = { rule: ruleName };
          return '';
        },
        buildEarlyExitMessage: ({ ruleName }) => {
          this.mismatch = { rule: ruleName };
          return '';
        },
        buildNotAllInputParsedMessage: () => '',
      },
    });
    this.productions = this.#ebnf;
  }

  // ------------------------------------------------------------------------------------------------------ productions

  /** A production: its name, its EBNF, and how it is read. */
  protected rule<T>(name: string, ebnf: string, read: () => T): ParserMethod<[], T> {
    this.#ebnf.set(name, ebnf);
    return this.RULE(name, () => {
      if (this.RECORDING_PHASE) this.#part = 0;
      return read();
    });
  }

  /** A production that is read within the rule that uses it. One with a choice stands in one rule only. */
  protected inline<T>(name: string, ebnf: string, read: () => T): () => T {
    this.#ebnf.set(name, ebnf);
    return read;
  }

  /** The next token, which has to be of the type. */
  protected token(type: TokenType): IToken {
    return this.consume(this.RECORDING_PHASE ? this.#part++ : 0, type);
  }

  /** What another rule reads. */
  protected read<T>(rule: ParserMethod<[], T>): T {
    return this.subrule(this.RECORDING_PHASE ? this.#part++ : 0, rule);
  }

  /** What another rule reads behind a token. */
  protected after<T>(type: TokenType, rule: ParserMethod<[], T>): T {
    this.token(type);
    return this.read(rule);
  }

  /** `[ … ]`: what is there if its first token is. */
  protected maybe<T>(start: Start, read: () => T): T | undefined {
    return this.maybeIf(this.at(start), read);
  }

  /** `[ … ]`, where a look at the text says whether it is there. */
  protected maybeIf<T>(there: boolean, read: () => T): T | undefined {
    if (this.RECORDING_PHASE) return this.#recorded(read, (record) => this.option(this.#part++, record));
    return there ? read() : undefined;
  }

  /** `{ … }`: as long as the first token of it comes. */
  protected whileAt(start: Start, read: () => void): void {
    if (this.RECORDING_PHASE) this.many(this.#part++, read);
    else while (this.at(start)) read();
  }

  /** `{ … }`, as long as a look at the text says so. */
  protected repeatWhile(more: () => boolean, read: () => void): void {
    if (this.RECORDING_PHASE) this.many(this.#part++, read);
    else while (more()) read();
  }

  /** `x { "," x } [ "," ]`. */
  protected commas<T>(start: Start, read: () => T): T[] {
    const list = [read()];
    this.repeatWhile(
      () => this.at(Comma) && this.at(start, 2),
      () => {
        this.token(Comma);
        list.push(read());
      },
    );
    this.maybe(Comma, () => this.token(Comma));
    return list;
  }

  /** `( a | b | … )`, decided by the next token. Made once, for one place of one rule. */
  protected choice<T>(...alternatives: readonly (() => T)[]): () => T {
    return this.#choice(alternatives, false);
  }

  /** A choice of which several alternatives may begin alike: the first is taken. */
  protected firstOf<T>(...alternatives: readonly (() => T)[]): () => T {
    return this.#choice(alternatives, true);
  }

  #choice<T>(alternatives: readonly (() => T)[], ambiguous: boolean): () => T {
    const list = alternatives.map((alternative) => ({ ALT: alternative }));
    let part: number | undefined;
    return () => {
      if (!this.RECORDING_PHASE) return this.or<T>(part ?? 0, list);
      if (part !== undefined) bug('a choice stands in one place of one rule');
      const at = this.#part++;
      part = at;
      const [first, ...rest] = list;
      return this.#recorded(first?.ALT ?? bug('a choice of nothing'), (record) =>
        this.or(at, { DEF: [{ ALT: record }, ...rest], IGNORE_AMBIGUITIES: ambiguous }),
      );
    };
  }

  /** `( a | b )`, decided by a look at the text. */
  protected either<T>(first: () => boolean, a: () => T, b: () => T): () => T {
    return () => {
      if (!this.RECORDING_PHASE) return first() ? a() : b();
      return this.#recorded(a, (record) =>
        this.or(this.#part++, { DEF: [{ ALT: record }, { ALT: b }], IGNORE_AMBIGUITIES: true }),
      );
    };
  }

  /** Chevrotain's records know no values; a production gets the one that its own part made. */
  #recorded<T>(read: () => T, record: (read: () => void) => void): T {
    let value: { readonly of: T } | undefined;
    record(() => {
      value = { of: read() };
    });
    return (value ?? bug('Chevrotain did not record a part')).of;
  }

  // ------------------------------------------------------------------------------------------------- where reading is

  protected at(start: Start, ahead = 1): boolean {
    const type = this.LA(ahead).tokenType;
    return start instanceof TokenSet ? start.has(type) : type === start;
  }

  protected next(): IToken {
    return this.LA(1);
  }

  protected previous(): IToken {
    return this.LA(0);
  }

  protected index(): number {
    return Math.min(indexOf(this.LA(1)), this.tokenCount());
  }

  /** The tokens of the file, without the sentinels that Chevrotain puts behind them while it reads. */
  protected tokenCount(): number {
    return this.reading.lexed.partner.length;
  }

  protected tokenAt(index: number): IToken | undefined {
    return index < this.tokenCount() ? this.reading.lexed.tokens[index] : undefined;
  }

  protected partnerOf(token: IToken): number {
    return this.reading.lexed.partner[indexOf(token)] ?? -1;
  }

  protected jumpTo(index: number): void {
    while (this.index() < index && this.LA(1).tokenType !== EOF) this.skip();
  }

  protected skip(): void {
    this.SKIP_TOKEN();
  }

  // -------------------------------------------------------------------------------------------------------- its places

  protected span(start: number, end: number): Span {
    return { file: this.reading.source, start, end };
  }

  protected spanOf(token: IToken): Span {
    return this.span(token.startOffset, endOf(token));
  }

  /** A string whose computed parts are read later. */
  protected template(token: IToken): Template {
    const parts: Part[] = [];
    if (!this.RECORDING_PHASE) this.reading.templates.push({ token, parts });
    return { parts, span: this.spanOf(token) };
  }

  /** From a token to the last one read. */
  protected spanFrom(start: IToken): Span {
    return this.span(start.startOffset, Math.max(endOf(this.LA(0)), start.startOffset));
  }

  protected covering(first: { readonly span: Span }, last: { readonly span: Span }): Span {
    return this.RECORDING_PHASE ? this.span(0, 0) : cover(first.span, last.span);
  }

  // ------------------------------------------------------------------------------------------------------------- files

  protected begin(source: SourceFile, lexed: Lexed, sink: CappedSink, templates: PendingTemplate[]): void {
    this.reading = freshReading(source, sink, lexed, templates);
    this.input = lexed.tokens;
  }

  protected end(): void {
    this.input = [];
    this.reading = nothing();
  }
}
