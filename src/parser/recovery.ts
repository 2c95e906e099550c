/**
 * What happens at a mistake. It is reported once, and reading goes on at the next statement of the same body, most likely the
 * next line, or at the next item; so one run finds all mistakes of a file. Parsing never fails: whatever the text, there is a
 * tree of what could be read.
 */
import { EOF, type IRecognitionException, type IToken, isRecognitionException, type TokenType } from 'chevrotain';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { positionOf, type SourceFile, type Span } from '../diagnostics/source.ts';
import { beginsItem, exprStarts, itemAt, labelAt, negationAt, nextItem, nextStatement, statementAt, tupleAt } from './ahead.ts';
import type { Expr, Item, Param, Stmt } from './ast.ts';
import type { CappedSink } from './capped-sink.ts';
import { messages } from './late.ts';
import type { Lexed } from './lexer.ts';
import type { Surroundings } from './messages.ts';
import {
  type Complaint,
  elseIfFor,
  keywordForName,
  looseNotBehind,
  Mistake,
  moreThanAnExpression,
  outsideBody,
  secondComparison,
  tooDeep,
  tooLong,
  tupleOf,
  unclosed,
  unopened,
} from './mistakes.ts';
import { type Operand, rank } from './rank.ts';
import { type PendingTemplate, Reader } from './reader.ts';
import {
  Assign,
  CallParen,
  Colon,
  Dot,
  elseIfWord,
  endOf,
  Hyphen,
  indexOf,
  isCloser,
  isOperator,
  isWord,
  KwAnd,
  KwIf,
  KwIn,
  KwOr,
  LabelBrace,
  LabelClose,
  LBrace,
  LParen,
  Name,
  RBrace,
  RBracket,
  RParen,
  retag,
  Semicolon,
} from './tokens.ts';

/** Brackets, bodies, prefix signs, `else if` and `?:` within each other. Deeper would exhaust the stack. */
export const maxNesting = 64;
/** Operators and indices on the deepest way into one expression, so that whoever walks the tree later has a bounded depth. */
export const maxOperators = 500;

/** Ends the reading of the whole file; what stopped it is reported already. */
class Abort extends Error {}
/** Ends the reading of an item whose body is not closed; reported already. */
class Unwind extends Error {}

const isRecognition = (error: unknown): error is IRecognitionException => error instanceof Error && isRecognitionException(error);

export class RecoveringReader extends Reader {
  /** Reads a file with one of the rules, to its end or to where there is no sense in going on. */
  protected readWith(source: SourceFile, lexed: Lexed, sink: CappedSink, templates: PendingTemplate[], read: () => void): void {
    this.begin(source, lexed, sink, templates);
    try {
      read();
    } catch (error) {
      if (!(error instanceof Abort)) throw error;
    } finally {
      this.end();
    }
  }

  // -------------------------------------------------------------------------------------------------------- reporting

  protected report(token: IToken, complaint: Complaint): void {
    this.#add(complaint(this.#spot(token)), token);
  }

  /** Ends the statement that is being read. While the grammar is recorded there is no text to be wrong. */
  protected fail(token: IToken, complaint: Complaint): never {
    if (this.RECORDING_PHASE) return undefined as never;
    throw new Mistake(complaint(this.#spot(token)), token);
  }

  /** A token's own place, or the end of the text. */
  #spot(token: IToken): Span {
    if (token.tokenType !== EOF) return this.spanOf(token);
    const last = this.tokenAt(this.tokenCount() - 1);
    const end = last ? endOf(last) : this.reading.source.text.length;
    return this.span(end, end);
  }

  /** One mistake is told once: not again at the same token, and not in a line where the lexer spoke already. */
  #add(diagnostic: Diagnostic, token: IToken): void {
    const { reading } = this;
    const index = this.#indexOf(token);
    const line = diagnostic.span ? positionOf(reading.source, diagnostic.span.start).line : -1;
    if ((index === reading.lastErrorAt || reading.lexed.spoiledLines.has(line)) && reading.sink.hasErrors) return;
    reading.lastErrorAt = index;
    reading.sink.add(diagnostic);
    if (reading.sink.full) throw new Abort();
  }

  #indexOf(token: IToken): number {
    return token.tokenType === EOF ? this.tokenCount() : indexOf(token);
  }

  #surroundings(token: IToken): Surroundings {
    const index = this.#indexOf(token);
    return {
      source: this.reading.source,
      token,
      previous: this.tokenAt(index - 1),
      beforePrevious: this.tokenAt(index - 2),
      next: this.tokenAt(index + 1),
      opener: this.reading.openers.at(-1),
      lexed: this.reading.lexed,
    };
  }

  #reportUnclosed(open: IToken, token: IToken): void {
    const before = this.#surroundings(token).previous ?? open;
    this.#add(unclosed(open, this.spanOf(open), before, token), token);
  }

  /** What the parser threw, put into words. Abort and Unwind are none of its business. */
  #reportError(error: unknown): void {
    if (error instanceof Mistake) {
      this.#add(error.diagnostic, error.token);
      return;
    }
    if (!isRecognition(error)) throw error;
    const token = this.LA(1);
    const surroundings = this.#surroundings(token);
    const { expected } = this;
    const { opener } = surroundings;
    if (expected && isCloser(expected) && opener) {
      const type = token.tokenType;
      const ends = type === EOF || type === RBrace || type === RParen || type === RBracket;
      const later = (surroundings.previous?.endLine ?? 0) < (token.startLine ?? 0);
      if (ends || itemAt(this.reading.lexed, this.index()) || (later && this.partnerOf(opener) < 0)) {
        this.#reportUnclosed(opener, token);
        return;
      }
    }
    this.#add(messages.now().describeMismatch(surroundings, error.context.ruleStack, expected).diagnostic, token);
  }

  // ---------------------------------------------------------------------------------------------------------- nesting

  /** The opening bracket that has to come now. */
  protected open(type: TokenType): IToken {
    return this.opened(this.token(type));
  }

  protected opened(token: IToken): IToken {
    if (this.RECORDING_PHASE) return token;
    this.reading.openers.push(token);
    this.deeper(token);
    return token;
  }

  protected close(type: TokenType): void {
    this.token(type);
    if (this.RECORDING_PHASE) return;
    this.reading.openers.pop();
    this.reading.depth--;
  }

  protected deeper(token: IToken): void {
    if (this.RECORDING_PHASE) return;
    this.reading.depth++;
    if (this.reading.depth > maxNesting) this.tooDeep(token);
  }

  protected shallower(levels = 1): void {
    this.reading.depth -= levels;
  }

  protected tooDeep(token: IToken): never {
    this.report(token, tooDeep(maxNesting));
    throw new Abort();
  }

  /** Reads what is one level deeper because of the token. */
  protected within<T>(token: IToken, read: () => T): T {
    this.deeper(token);
    const value = read();
    this.shallower();
    return value;
  }

  // ---------------------------------------------------------------------------------------- the height of an expression

  /** Returns what `leaveExpression` wants to know. */
  protected enterExpression(): number {
    const outer = this.reading.height;
    this.reading.height = 0;
    return outer;
  }

  protected leaveExpression(outer: number): void {
    this.reading.height = Math.max(this.reading.height, outer);
  }

  protected grown(levels: number): void {
    this.reading.height += levels;
  }

  /** The tree of a flat row of operands and operators. */
  protected ranked(operands: readonly Operand[], operators: readonly IToken[]): Expr {
    const [only] = operands;
    if (this.RECORDING_PHASE || (only && operators.length === 0 && only.prefixes.length === 0)) return (only as Operand).value;
    this.checkHeight(operators.length, this.LA(0));
    this.grown(operators.length);
    return rank(operands, operators, this.reading.source, {
      chainedComparison: (first, second) => this.report(second, secondComparison(first, second)),
      looseNot: (operator, not) => this.report(not, looseNotBehind(operator)),
    });
  }

  protected checkHeight(more: number, token: IToken): void {
    if (this.reading.height + more > maxOperators) this.fail(token, tooLong(maxOperators));
  }

  // -------------------------------------------------------------------------------------------------------- ways ahead

  /** An operator, and not a label of that name. */
  protected operatorAhead(): boolean {
    const type = this.LA(1).tokenType;
    return isOperator(type) && ((type !== KwAnd && type !== KwOr) || !this.at(Colon, 2));
  }

  protected labelAhead(): boolean {
    return labelAt(this.reading.lexed, this.index());
  }

  /** `in` is the clause of an input or output here, and not the label of the next statement. */
  protected rangeAhead(): boolean {
    if (!this.at(KwIn)) return false;
    const next = this.LA(2).tokenType;
    return next !== Colon && next !== Dot && next !== LabelBrace && next !== Hyphen;
  }

  /** Whether a word comes that is no keyword and means something here alone. */
  protected wordAhead(word: string): boolean {
    return this.at(Name) && this.LA(1).image === word;
  }

  /** Whether a count comes, and no clause or body. */
  protected countAhead(): boolean {
    return this.at(exprStarts) && !this.at(LBrace) && !this.wordAhead('with') && !this.wordAhead('collect');
  }

  protected optionAhead(name: string): boolean {
    return this.at(Assign, 2) && this.LA(1).image === name;
  }

  /** Whether the name of an argument comes, with its `=`. */
  protected argumentNameAhead(): boolean {
    return this.at(Assign, 2) && isWord(this.LA(1).tokenType);
  }

  protected refuseTuple(): void {
    const open = this.LA(1);
    const { lexed, source } = this.reading;
    if (open.tokenType !== LParen || !tupleAt(lexed, indexOf(open))) return;
    const close = lexed.tokens[this.partnerOf(open)];
    this.fail(open, tupleOf(source.text.slice(endOf(open), close?.startOffset)));
  }

  /** Where a new name is due a keyword is reported, and read as the name that it was meant to be. */
  protected mendKeyword(): void {
    const token = this.LA(1);
    const type = token.tokenType;
    if (type === Name || !isWord(type) || this.LA(0).endLine !== token.startLine) return;
    this.report(token, keywordForName(token));
    retag(token, Name);
  }

  /** The `elif` or `elseif` of other languages is reported, and read as the `if` of an `else if`. */
  protected elifAhead(): boolean {
    const [token, after] = [this.LA(1), this.LA(2)];
    const call = after.tokenType === CallParen;
    if (!elseIfWord.test(token.image) || !(call || exprStarts.has(after.tokenType))) return false;
    this.report(token, elseIfFor(token));
    retag(token, KwIf);
    if (call) retag(after, LParen);
    return true;
  }

  // ---------------------------------------------------------------------------------------------------------- recovery

  /** `{ item }` to the end of the file. */
  protected items(into: Item[], read: () => Item): void {
    do {
      this.repeatWhile(
        () => beginsItem(this.LA(1).tokenType),
        () => this.#item(into, read),
      );
    } while (!this.RECORDING_PHASE && this.#resumeFile());
  }

  #item(into: Item[], read: () => Item): void {
    const start = this.index();
    try {
      into.push(read());
    } catch (error) {
      if (error instanceof Abort) throw error;
      if (!(error instanceof Unwind)) this.#reportError(error);
      this.reading.depth = 0;
      this.reading.height = 0;
      this.reading.openers.length = 0;
      this.#skipToItem(start + 1);
    }
  }

  /** Called where no item begins. True when there is more to read. */
  #resumeFile(): boolean {
    const token = this.LA(1);
    const type = token.tokenType;
    if (type === EOF) return false;
    if (type === RBrace || type === RParen || type === RBracket) {
      this.report(token, unopened(token, '`import`, `const`, `block` or `model`'));
      this.skip();
      return true;
    }
    this.report(token, outsideBody(token));
    this.#skipToItem(this.index() + 1);
    return true;
  }

  #skipToItem(least: number): void {
    this.jumpTo(nextItem(this.reading.lexed, Math.max(this.index(), least)));
  }

  /** `{ statement | ";" }` up to the closing brace of the body. */
  protected statements(open: IToken, read: () => Stmt): Stmt[] {
    const stmts: Stmt[] = [];
    const one = this.#oneStatement(stmts, open, read);
    do {
      this.repeatWhile(() => {
        const index = this.index();
        return statementAt(this.reading.lexed, index) || negationAt(this.reading.lexed, index, stmts.at(-1));
      }, one);
    } while (!this.RECORDING_PHASE && this.#resumeBody(open));
    return stmts;
  }

  #oneStatement(into: Stmt[], open: IToken, read: () => Stmt): () => void {
    if (this.RECORDING_PHASE) return this.choice<unknown>(() => this.token(Semicolon), read);
    return () => {
      if (this.at(Semicolon)) this.skip();
      else this.#statement(into, open, read);
    };
  }

  #statement(into: Stmt[], open: IToken, read: () => Stmt): void {
    const { reading } = this;
    const { depth, height } = reading;
    const openers = reading.openers.length;
    const start = this.index();
    try {
      into.push(read());
    } catch (error) {
      if (error instanceof Abort || error instanceof Unwind) throw error;
      this.#reportError(error);
      this.#skipToStatement(start, open, openers);
      reading.depth = depth;
      reading.height = height;
      reading.openers.length = openers;
    }
  }

  /** Called where no statement begins. True when reading goes on in the same body; false at its closing brace. */
  #resumeBody(open: IToken): boolean {
    const token = this.LA(1);
    const type = token.tokenType;
    if (type === RBrace) return false;
    const index = this.index();
    if (type === EOF || itemAt(this.reading.lexed, index)) {
      this.#reportUnclosed(open, token);
      throw new Unwind();
    }
    if (type === RParen || type === RBracket || type === LabelClose) {
      this.report(token, unopened(token, 'a statement, or the `}` of the body'));
      this.skip();
      return true;
    }
    this.#add(messages.now().describeUnreadable(this.#surroundings(token)).diagnostic, token);
    this.#skipToStatement(index, open, this.reading.openers.length);
    return true;
  }

  /** From a statement that begins at `start` and cannot be read; `openers` brackets were open before it. */
  #skipToStatement(start: number, open: IToken, openers: number): void {
    const { lexed } = this.reading;
    let from = this.index();
    for (const opener of this.reading.openers.slice(openers)) {
      const partner = this.partnerOf(opener);
      if (partner >= from) {
        from = partner + 1;
        break;
      }
    }
    this.jumpTo(nextStatement(lexed, Math.max(from, start + 1), indexOf(open)));
  }

  /** A mistake among the parameters is no reason not to read the body, when the parenthesis has its partner. */
  protected paramsOrNone(read: () => Param[]): Param[] {
    if (this.RECORDING_PHASE) return read();
    const { reading } = this;
    const { depth, height } = reading;
    const close = this.partnerOf(this.LA(1));
    try {
      return read();
    } catch (error) {
      if (error instanceof Abort || error instanceof Unwind || close < this.index()) throw error;
      this.#reportError(error);
      this.jumpTo(close + 1);
      reading.depth = depth;
      reading.height = height;
      reading.openers.length = 0;
      return [];
    }
  }

  /** An expression that is the whole text. */
  protected whole(read: () => Expr): Expr | undefined {
    if (this.RECORDING_PHASE) return read();
    try {
      const value = read();
      if (!this.at(EOF)) this.fail(this.LA(1), moreThanAnExpression(this.LA(1)));
      return value;
    } catch (error) {
      if (error instanceof Abort) throw error;
      if (!(error instanceof Unwind)) this.#reportError(error);
      this.jumpTo(this.reading.lexed.tokens.length);
      return undefined;
    }
  }
}
