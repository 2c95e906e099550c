/**
 * What the productions are written in: a handful of words over Chevrotain's. Before it parses anything Chevrotain runs each
 * production once and records which tokens, rules and choices it asks for; from that come its checks of the grammar and the
 * tables by which `choice` decides. These words record what they are asked for, number it, and keep whatever needs a real text
 * out of the recording, so that a production need not know.
 *
 * Deciding takes one token, or a look at the text by a function of `ahead.ts`.
 */
import {
  createToken,
  EmbeddedActionsParser,
  EOF,
  type ILookaheadStrategy,
  type IToken,
  Lexer,
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
function tablesWhenAsked(maxLookahead: number, deciders: Map<string, Decider>): ILookaheadStrategy {
  const tables = new LLkLookaheadStrategy({ maxLookahead });
  return {
    validate: (grammar) => tables.validate(grammar),
    buildLookaheadForOptional: () => () => bug('Chevrotain was asked for what is optional'),
    buildLookaheadForAlternation(place) {
      let made: Decider | undefined;
      const decider: Decider = function (this: Reader, alternatives) {
        made ??= tables.buildLookaheadForAlternation(place);
        return made.call(this, alternatives);
      };
      deciders.set(choiceKey(place.rule.name, place.prodOccurrence), decider);
      return decider;
    },
  };
}

type Decider = ReturnType<ILookaheadStrategy['buildLookaheadForAlternation']>;

const choiceKey = (rule: string, part: number): string => `${rule} ${part}`;

/**
 * How every choice is decided, in the order of the productions: at each token's place in the vocabulary the number of the
 * alternative that it begins, in base 36, or a dot where it begins none. A parser that is given them records nothing.
 */
export type Decisions = readonly string[];

/** No text has it: asked for where no alternative begins with what comes. */
const noAlternative = createToken({ name: 'NoAlternative', pattern: Lexer.NA });

/** The token that something optional begins with, or several. */
export type Start = TokenType | TokenSet;

export class Reader extends EmbeddedActionsParser {
  /** The EBNF of every production, by its name. */
  readonly productions: ReadonlyMap<string, string>;
  protected reading: Reading = nothing();
  /** The token that Chevrotain wanted at its last error, where it wanted one alone. */
  protected expected: TokenType | undefined;
  /** Chevrotain wants the parts of a production numbered, so that it can tell them apart in its records. */
  #part = 0;
  readonly #ebnf = new Map<string, string>();
  readonly #decisions: Decisions | undefined;
  /** The place of each token in the vocabulary, where there are decisions. */
  readonly #places: ReadonlyMap<TokenType, number> | undefined;
  readonly #deciders: ReadonlyMap<string, Decider>;
  /** While the grammar is recorded: the rule that is, and the rule and the part of each choice. */
  #rule = '';
  readonly #choices: string[] = [];

  constructor(validate: boolean, decisions?: Decisions) {
    const deciders = new Map<string, Decider>();
    super(vocabulary, {
      maxLookahead: 1,
      lookaheadStrategy: tablesWhenAsked(1, deciders),
      recoveryEnabled: false,
      skipValidations: !validate,
      errorMessageProvider: {
        buildMismatchTokenMessage: ({ expected }) => {
          this.expected = expected === noAlternative ? undefined : expected;
          return '';
        },
        buildNoViableAltMessage: () => {
          this.expected = undefined;
          return '';
        },
        buildEarlyExitMessage: () => {
          this.expected = undefined;
          return '';
        },
        buildNotAllInputParsedMessage: () => '',
      },
    });
    this.productions = this.#ebnf;
    this.#deciders = deciders;
    this.#decisions = decisions;
    this.#places = decisions && new Map(vocabulary.map((type, index) => [type, index]));
  }

  /** Where the decisions are known there is nothing to record. */
  protected override performSelfAnalysis(): void {
    if (this.#decisions === undefined) super.performSelfAnalysis();
    else if (this.#decisions.length === this.#choices.length) Reflect.set(this, 'selfAnalysisDone', true);
    else bug('the decisions are those of another grammar');
  }

  /** What the choices came to when the grammar was recorded, for a parser that need not record it. */
  decisions(): Decisions {
    return this.#choices.map((place) => {
      const decide = this.#deciders.get(place) ?? bug(`nothing decides the choice ${place}`);
      const of = (type: TokenType): string => {
        const before = { LA_FAST: () => ({ tokenType: type, tokenTypeIdx: type.tokenTypeIdx }) };
        const alternative: unknown = Reflect.apply(decide, before, [[]]);
        return typeof alternative === 'number' ? alternative.toString(36) : '.';
      };
      return vocabulary.map(of).join('');
    });
  }

  // ------------------------------------------------------------------------------------------------------ productions

  /** A production: its name, its EBNF, and how it is read. */
  protected rule<T>(name: string, ebnf: string, read: () => T): ParserMethod<[], T> {
    this.#ebnf.set(name, ebnf);
    return this.RULE(name, () => {
      if (this.RECORDING_PHASE) {
        this.#part = 0;
        this.#rule = name;
      }
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
    // One that is made while the grammar is recorded is there for the record alone.
    const number = this.RECORDING_PHASE ? undefined : this.#choices.push('') - 1;
    const decisions = number === undefined ? undefined : this.#decisions?.[number];
    let part: number | undefined;
    return () => {
      if (decisions !== undefined) return this.#decided(decisions, alternatives);
      if (!this.RECORDING_PHASE) return this.or<T>(part ?? 0, list);
      if (part !== undefined) bug('a choice stands in one place of one rule');
      const at = this.#part++;
      part = at;
      if (number !== undefined) this.#choices[number] = choiceKey(this.#rule, at);
      const [first, ...rest] = list;
      return this.#recorded(first?.ALT ?? bug('a choice of nothing'), (record) =>
        this.or(at, { DEF: [{ ALT: record }, ...rest], IGNORE_AMBIGUITIES: ambiguous }),
      );
    };
  }

  #decided<T>(decisions: string, alternatives: readonly (() => T)[]): T {
    const place = this.#places?.get(this.LA(1).tokenType);
    const alternative = place === undefined ? undefined : alternatives[Number.parseInt(decisions[place] ?? '', 36)];
    if (alternative === undefined) this.token(noAlternative);
    return (alternative ?? bug('a token that no text has was read'))();
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
