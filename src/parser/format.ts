/**
 * The one layout of `.res` files, behind `rescc fmt`.
 *
 * Line breaks are the author's: nothing is joined or split, so that a file may look like the table of a paper. What is
 * decided here is everything between the breaks: two blanks of indentation, one blank between words and around operators,
 * two between statements on one line, at most one blank line.
 *
 * Columns. A token that stands further right than its natural place is put there on purpose when a token of a
 * neighbouring line stands in the same column. Such a column (a run of neighbouring lines) is kept: it moves to the
 * rightmost natural place among its lines, plus the blanks that all its lines had in excess, at most `maxExcess`. Other
 * surplus blanks vanish. Formatting twice changes nothing: in the result every token of a column stands at
 * max(natural) + excess, so that the same sum gives the same place, also when two columns have met by chance.
 */
import type { IToken, TokenType } from 'chevrotain';
import { Sink, unreachable } from '../diagnostics/diagnostic.ts';
import { positionOf } from '../diagnostics/source.ts';
import type { Arg, Body, Chain, Construct, Expr, FileNode, Label, Labelled, RangeNode, Residual, Stmt } from './ast.ts';
import { lex } from './lexer.ts';
import {
  Arrow,
  Assign,
  CallParen,
  Colon,
  Comma,
  Dot,
  DotDot,
  endOf,
  endsValue,
  IndexBracket,
  isCloser,
  isOpener,
  isOperator,
  KwAs,
  KwBlock,
  KwElse,
  KwIn,
  KwModel,
  KwOde,
  KwResidual,
  KwShared,
  KwShortcut,
  LabelBrace,
  LabelClose,
  LabelTail,
  LBrace,
  LBracket,
  LParen,
  Minus,
  Name,
  Question,
  RBrace,
  RBracket,
  RParen,
  Semicolon,
} from './tokens.ts';

const indentWidth = 2;
const statementGap = 2;
const commentGap = 3;
const maxExcess = 4;

type PieceKind = 'token' | 'lineComment' | 'blockComment';
interface Piece {
  readonly kind: PieceKind;
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly token?: IToken;
  /** Line breaks between the piece before and this one, as the author wrote them. */
  breaks: number;
  /** Blanks that stand before it by rule, when it is not the first of its line. */
  gap: number;
  /** 0-based column in the source; a near miss of a neighbouring line's column is moved onto it. */
  column: number;
  /** Blanks that the source has before it beyond `gap`; always 0 where no gap is due. */
  excess: number;
}

/** What encloses a token: how its colons, equals signs and commas are meant. */
type FrameKind = 'file' | 'body' | 'label' | 'params' | 'args' | 'index' | 'group' | 'import';

/** Offsets at which a statement, or another element that may stand on a line of its own, begins. */
interface Starts {
  readonly statements: Set<number>;
  readonly elements: Set<number>;
  /** Values behind the `=` of `mean=` and `std=` of a range. */
  readonly options: Set<number>;
}

// The walk is bounded by the parser's limits on nesting and on operators.
function collect(file: FileNode): Starts {
  const statements = new Set<number>();
  const elements = new Set<number>();
  const options = new Set<number>();
  const body = (node: Body): void => {
    for (const child of node.stmts) stmt(child);
  };
  const stmt = (node: Stmt): void => {
    statements.add(node.span.start);
    switch (node.kind) {
      case 'input':
        label(node.label);
        node.type.dims.forEach(element);
        if (node.range) range(node.range);
        break;
      case 'output':
        label(node.label);
        if (node.range) range(node.range);
        if (node.value) chain(node.value);
        break;
      case 'paramStmt':
        node.type.dims.forEach(element);
        if (node.init) expr(node.init);
        break;
      case 'let':
        chain(node.value);
        break;
      case 'return':
        node.values.forEach(chain);
        break;
      case 'assert':
        expr(node.condition);
        break;
      case 'map':
        break;
      case 'if':
        branch(node);
        break;
      case 'chainStmt':
        chain(node.chain);
        break;
      default:
        unreachable(node);
    }
  };
  const range = (node: RangeNode): void => {
    expr(node.low);
    expr(node.high);
    for (const option of [node.mean, node.std]) {
      if (!option) continue;
      options.add(option.span.start);
      expr(option);
    }
  };
  const branch = (node: Stmt & { readonly kind: 'if' }): void => {
    expr(node.condition);
    body(node.then);
    if (node.else?.kind === 'if') branch(node.else);
    else if (node.else) body(node.else);
  };
  const label = (node: Label): void => {
    for (const segment of node.segments) for (const part of segment.parts) if (typeof part !== 'string') element(part);
  };
  const element = (node: Expr): void => {
    elements.add(node.span.start);
    expr(node);
  };
  const chain = (node: Chain): void => {
    node.links.forEach(link);
  };
  const args = (nodes: readonly Arg[]): void => {
    for (const node of nodes) {
      elements.add(node.span.start);
      chain(node.value);
    }
  };
  const link = (node: Labelled | Construct | Expr): void => {
    switch (node.kind) {
      case 'labelled':
        label(node.label);
        link(node.target);
        break;
      case 'repeat':
      case 'each':
        expr(node.over);
        body(node.body);
        break;
      case 'sequential':
        body(node.body);
        break;
      case 'ode':
        args(node.args);
        body(node.body);
        break;
      case 'reuse':
        label(node.label);
        break;
      case 'residual':
        args(node.args);
        body(node.body);
        if (node.shortcut) shortcut(node.shortcut);
        break;
      default:
        expr(node);
    }
  };
  const shortcut = (node: NonNullable<Residual['shortcut']>): void => {
    if (node.label) label(node.label);
    link(node.value);
  };
  const expr = (node: Expr): void => {
    switch (node.kind) {
      case 'int':
      case 'float':
      case 'size':
      case 'string':
      case 'bool':
      case 'name':
        break;
      case 'path':
        label(node.label);
        break;
      case 'list':
        for (const item of node.items) {
          elements.add(item.span.start);
          chain(item);
        }
        break;
      case 'paren':
        elements.add(node.chain.span.start);
        chain(node.chain);
        break;
      case 'body':
        body(node);
        break;
      case 'call':
        args(node.args);
        break;
      case 'index':
        expr(node.base);
        for (const sub of node.subs) {
          elements.add(sub.span.start);
          if (sub.kind === 'at') expr(sub.value);
          else {
            if (sub.from) expr(sub.from);
            if (sub.to) expr(sub.to);
          }
        }
        break;
      case 'unary':
        expr(node.operand);
        break;
      case 'binary':
        expr(node.left);
        expr(node.right);
        break;
      case 'conditional':
        expr(node.condition);
        expr(node.then);
        expr(node.else);
        break;
      default:
        unreachable(node);
    }
  };
  for (const item of file.items) {
    statements.add(item.span.start);
    switch (item.kind) {
      case 'import':
        for (const name of item.names) elements.add(name.name.span.start);
        break;
      case 'const':
        expr(item.value);
        break;
      case 'block':
      case 'model':
        for (const param of item.params) {
          elements.add(param.span.start);
          if (param.default) expr(param.default);
        }
        if (item.body) body(item.body);
        if (item.kind === 'model' && item.base) expr(item.base);
        break;
      default:
        unreachable(item);
    }
  }
  return { statements, elements, options };
}

/** What goes on with the construct or expression before it, when nothing like a `;` stands between. */
function continues(type: TokenType): boolean {
  return (
    isOperator(type) ||
    type === Arrow ||
    type === Question ||
    type === KwAs ||
    type === KwIn ||
    type === KwShared ||
    type === KwShortcut ||
    type === KwElse
  );
}

/** A `;` says something only where two statements stand on one line, or where the next would continue the one before. */
function isIdleSemicolon(index: number, tokens: readonly IToken[]): boolean {
  const before = tokens[index - 1];
  const after = tokens[index + 1];
  if (!before || !after) return false;
  if (after.tokenType === RBrace || after.tokenType === Semicolon || before.tokenType === LBrace) return true;
  return (before.endLine ?? 0) < (after.startLine ?? 0) && !continues(after.tokenType) && after.tokenType !== Colon;
}

function framesOf(tokens: readonly IToken[]): readonly FrameKind[] {
  const stack: FrameKind[] = ['file'];
  const frames: FrameKind[] = [];
  for (const [i, token] of tokens.entries()) {
    const type = token.tokenType;
    const before = tokens[i - 1]?.tokenType;
    if (isCloser(type) && stack.length > 1) {
      frames.push(stack.pop() ?? 'file');
      continue;
    }
    frames.push(stack.at(-1) ?? 'file');
    if (!isOpener(type)) continue;
    const declared = tokens[i - 2]?.tokenType;
    if (type === LBrace) stack.push(tokens[i - 1]?.image === 'import' && stack.length === 1 ? 'import' : 'body');
    else if (type === LabelBrace) stack.push('label');
    else if (type === IndexBracket || type === LBracket) stack.push(type === IndexBracket ? 'index' : 'group');
    else if (before === Name && (declared === KwBlock || declared === KwModel)) stack.push('params');
    else if (type === CallParen || before === KwOde || before === KwResidual) stack.push('args');
    else stack.push('group');
  }
  return frames;
}

/** Offsets of `=` that stand without blanks, and of colons that belong to `?` and to slices. */
interface Signs {
  readonly tight: ReadonlySet<number>;
  readonly ternary: ReadonlySet<number>;
  readonly slice: ReadonlySet<number>;
  readonly prefix: ReadonlySet<number>;
}

function signsOf(tokens: readonly IToken[], frames: readonly FrameKind[], starts: Starts): Signs {
  const tight = new Set<number>();
  const ternary = new Set<number>();
  const slice = new Set<number>();
  const prefix = new Set<number>();
  const questions: number[] = [0];
  /** Per open bracket the `=` of the argument that is being read, still thought tight. */
  const pending: (number | undefined)[] = [undefined];
  const settle = (): void => {
    const at = pending.at(-1);
    if (at !== undefined) tight.add(at);
    pending[pending.length - 1] = undefined;
  };
  for (const [i, token] of tokens.entries()) {
    const type = token.tokenType;
    const before = tokens[i - 1]?.tokenType;
    const frame = frames[i];
    if (isCloser(type)) {
      settle();
      if (questions.length > 1) {
        questions.pop();
        pending.pop();
      }
    } else if (isOpener(type)) {
      questions.push(0);
      pending.push(undefined);
    } else if (type === Comma) settle();
    else if (type === Assign) {
      if (frame === 'args') pending[pending.length - 1] = token.startOffset;
      else if (starts.options.has(tokens[i + 1]?.startOffset ?? -1)) tight.add(token.startOffset);
    } else if (type === Question) {
      questions[questions.length - 1] = (questions.at(-1) ?? 0) + 1;
      pending[pending.length - 1] = undefined;
    } else if (type === Colon) {
      const open = questions.at(-1) ?? 0;
      if (open > 0) {
        ternary.add(token.startOffset);
        questions[questions.length - 1] = open - 1;
      } else if (frame === 'index') slice.add(token.startOffset);
      else pending[pending.length - 1] = undefined;
    } else if (type === Minus && (before === undefined || !endsValue(before))) prefix.add(token.startOffset);
    else if (isOperator(type) || type === Arrow) pending[pending.length - 1] = undefined;
  }
  return { tight, ternary, slice, prefix };
}

/** Blanks between two tokens of one line. */
function gapBetween(a: IToken, b: IToken, frame: FrameKind, signs: Signs, starts: Starts): number {
  const left = a.tokenType;
  const right = b.tokenType;
  if (right === Comma || right === Semicolon || right === RParen || right === RBracket || right === LabelClose) return 0;
  if (right === CallParen || right === IndexBracket || right === LabelBrace || right === LabelTail) return 0;
  if (left === LParen || left === CallParen || left === LBracket || left === IndexBracket || left === LabelBrace) return 0;
  if (left === LBrace) return right === RBrace ? 0 : 1;
  if (right === RBrace) return 1;
  if (left === Dot || right === Dot || left === DotDot || right === DotDot) return 0;
  if (right === Colon) return signs.ternary.has(b.startOffset) ? 1 : 0;
  if (left === Colon) return signs.slice.has(a.startOffset) ? 0 : 1;
  if (right === Assign && signs.tight.has(b.startOffset)) return 0;
  if (left === Assign && signs.tight.has(a.startOffset)) return 0;
  if (left === Minus && signs.prefix.has(a.startOffset)) return 0;
  if (right === LParen && (left === KwResidual || left === KwOde || (left === Name && !starts.statements.has(b.startOffset))))
    return 0;
  if (left === Semicolon) return 1;
  if ((frame === 'body' || frame === 'file') && starts.statements.has(b.startOffset)) return statementGap;
  return 1;
}

/** Columns of a text in a terminal-independent measure: code points, so that all of the language's own text counts one each. */
function widthOf(text: string): number {
  let width = 0;
  for (const character of text) if (character !== '') width++;
  return width;
}

/**
 * The canonical text of a parsed file; ends in one line break unless empty. Meant for trees without syntax errors: what
 * the parser skipped is kept, but its layout is only guessed.
 */
export function format(file: FileNode): string {
  const { source } = file;
  const lexed = lex(source, new Sink());
  const starts = collect(file);

  // A `;` that says nothing is left out before anything is measured.
  const idle = new Set<IToken>();
  for (const [i, token] of lexed.tokens.entries()) {
    if (token.tokenType === Semicolon && isIdleSemicolon(i, lexed.tokens)) idle.add(token);
  }
  const tokens = lexed.tokens.filter((token) => !idle.has(token));
  // Frames and signs look at neighbours, which must not change with the semicolons gone: they bound what a `?` or `=` sees.
  const frames = framesOf(tokens);
  const signs = signsOf(tokens, frames, starts);
  const frameOf = new Map<IToken, FrameKind>();
  for (const [i, token] of tokens.entries()) frameOf.set(token, frames[i] ?? 'file');

  const pieces: Piece[] = [];
  const blank = { breaks: 0, gap: 1, column: 0, excess: 0 };
  let next = 0;
  const comments = lexed.comments;
  const pushComment = (index: number): void => {
    const comment = comments[index];
    if (!comment) return;
    const line = comment.text.startsWith('//');
    const text = line ? comment.text.trimEnd() : comment.text.replace(/\r\n?/g, '\n');
    pieces.push({
      ...blank,
      kind: line ? 'lineComment' : 'blockComment',
      text,
      start: comment.span.start,
      end: comment.span.end,
    });
  };
  for (const token of tokens) {
    while (next < comments.length && (comments[next]?.span.start ?? 0) < token.startOffset) pushComment(next++);
    pieces.push({ ...blank, kind: 'token', text: token.image, start: token.startOffset, end: endOf(token), token });
  }
  while (next < comments.length) pushComment(next++);

  for (const [i, piece] of pieces.entries()) {
    const before = pieces[i - 1];
    if (!before) {
      piece.column = columnFrom(source.text, 0, 0, piece.start);
      continue;
    }
    piece.column = columnFrom(source.text, before.column, before.start, piece.start);
    const line = positionOf(source, piece.start).line;
    const lineBefore = positionOf(source, Math.max(before.start, before.end - 1)).line;
    piece.breaks = line - lineBefore;
    // A removed `;` on a line of its own leaves no line behind.
    const begins = before.token?.tokenType;
    const ends = piece.token?.tokenType;
    if (piece.breaks > 2) piece.breaks = 2;
    if (piece.breaks === 2 && ((begins !== undefined && isOpener(begins)) || (ends !== undefined && isCloser(ends))))
      piece.breaks = 1;
    piece.gap =
      before.token && piece.token
        ? gapBetween(before.token, piece.token, frameOf.get(piece.token) ?? 'file', signs, starts)
        : piece.kind === 'lineComment'
          ? commentGap
          : begins === LParen || begins === CallParen || begins === LBracket || begins === IndexBracket || begins === LabelBrace
            ? 0
            : 1;
    if (piece.breaks === 0 && piece.gap > 0)
      piece.excess = Math.max(0, piece.column - (before.column + widthOf(before.text)) - piece.gap);
  }

  // Lines, with the indentation that brackets give them.
  interface Line {
    readonly pieces: Piece[];
    indent: number;
    readonly blankBefore: boolean;
    /** False where columns make no sense: the line holds a piece of several lines. */
    readonly columns: boolean;
  }
  const lines: Line[] = [];
  for (const [i, piece] of pieces.entries()) {
    if (i === 0 || piece.breaks > 0) lines.push({ pieces: [], indent: 0, blankBefore: i > 0 && piece.breaks > 1, columns: true });
    lines.at(-1)?.pieces.push(piece);
  }
  const open: number[] = [];
  const known = (token: IToken): boolean => starts.statements.has(token.startOffset) || starts.elements.has(token.startOffset);
  let previousToken: IToken | undefined;
  for (const [index, line] of lines.entries()) {
    const content = (): number => {
      const base = open.at(-1);
      return base === undefined ? 0 : base + indentWidth;
    };
    const [first] = line.pieces;
    const lead = first?.token ?? (first && first.kind !== 'token' ? leadOf(lines, index) : undefined);
    if (first?.token && isCloser(first.token.tokenType)) {
      // Of several closing brackets at the beginning the last decides: it ends the outermost.
      let closers = 0;
      while (closers < line.pieces.length) {
        const type = line.pieces[closers]?.token?.tokenType;
        if (type === undefined || !isCloser(type)) break;
        closers++;
      }
      line.indent = open[Math.max(0, open.length - closers)] ?? 0;
    } else if (lead) {
      const type = lead.tokenType;
      const aligned = type === KwElse || type === KwShortcut || isCloser(type);
      const fresh = known(lead) || previousToken === undefined || previousToken.tokenType === Semicolon || type === Semicolon;
      line.indent = content() + (aligned || fresh ? 0 : indentWidth);
    } else line.indent = content();
    for (const piece of line.pieces) {
      if (!piece.token) continue;
      previousToken = piece.token;
      const type = piece.token.tokenType;
      if (isOpener(type)) open.push(line.indent);
      else if (isCloser(type)) open.pop();
    }
  }

  // Places. A line is measured from left to right; columns that it shares with its neighbours are moved as a whole.
  const placed: number[][] = lines.map(() => []);
  const natural = (lineIndex: number, k: number): number => {
    const line = lines[lineIndex];
    const piece = line?.pieces[k];
    if (!line || !piece) return 0;
    if (k === 0) return line.indent;
    const before = line.pieces[k - 1];
    return (placed[lineIndex]?.[k - 1] ?? 0) + widthOf(before?.text ?? '') + piece.gap;
  };
  const usable = lines.map((line) => line.pieces.every((piece) => piece.kind === 'token' || !piece.text.includes('\n')));
  const byColumn = lines.map(
    (line) =>
      new Map(
        line.pieces
          .slice(1)
          .filter((piece) => piece.gap > 0)
          .map((piece) => [piece.column, piece]),
      ),
  );
  // A statement that misses a column of its neighbours by one was meant to stand in it.
  for (const [index, line] of lines.entries()) {
    for (const piece of line.pieces) {
      if (piece.excess === 0 || piece.gap !== statementGap) continue;
      const beside = [
        line.blankBefore ? undefined : byColumn[index - 1],
        lines[index + 1]?.blankBefore ? undefined : byColumn[index + 1],
      ];
      if (beside.some((other) => other?.has(piece.column))) continue;
      const near = [-1, 1].flatMap((step) => beside.map((other) => other?.get(piece.column + step)));
      const meant = near.find((other) => other !== undefined && other.excess > 0 && other.gap === statementGap);
      if (meant) piece.column = meant.column;
    }
  }
  // Every column as a list of (line, piece), in the order of its place in the source.
  interface Column {
    readonly at: number;
    readonly members: { readonly line: number; readonly k: number }[];
    readonly excess: number;
  }
  const columns: Column[] = [];
  interface Run {
    readonly members: { readonly line: number; readonly k: number }[];
    least: number;
    most: number;
  }
  let running = new Map<number, Run>();
  const finish = (at: number, run: Run): void => {
    if (run.members.length > 1 && run.most > 0)
      columns.push({ at, members: run.members, excess: Math.min(maxExcess, run.least) });
  };
  for (const [index, line] of lines.entries()) {
    const now = new Map<number, Run>();
    if (usable[index]) {
      for (const [k, piece] of line.pieces.entries()) {
        if (k === 0 || piece.gap === 0) continue;
        const { excess } = piece;
        const run: Run = (line.blankBefore ? undefined : running.get(piece.column)) ?? {
          members: [],
          least: excess,
          most: excess,
        };
        run.members.push({ line: index, k });
        run.least = Math.min(run.least, excess);
        run.most = Math.max(run.most, excess);
        now.set(piece.column, run);
      }
    }
    for (const [at, run] of running) if (now.get(at) !== run) finish(at, run);
    running = now;
  }
  for (const [at, run] of running) finish(at, run);
  columns.sort((a, b) => a.at - b.at || (a.members[0]?.line ?? 0) - (b.members[0]?.line ?? 0));

  // Columns come from left to right, so that everything left of a member stands already when it is placed.
  const place = (lineIndex: number, until: number): void => {
    const row = placed[lineIndex];
    if (!row) return;
    for (let k = row.length; k < until; k++) row.push(natural(lineIndex, k));
  };
  for (const column of columns) {
    let target = 0;
    for (const { line, k } of column.members) {
      place(line, k);
      target = Math.max(target, natural(line, k));
    }
    target += column.excess;
    for (const { line, k } of column.members) {
      const row = placed[line];
      if (row && row.length === k) row.push(target);
    }
  }
  let out = '';
  for (const [index, line] of lines.entries()) {
    place(index, line.pieces.length);
    if (line.blankBefore) out += '\n';
    let text = '';
    let at = 0;
    for (const [k, piece] of line.pieces.entries()) {
      const column = placed[index]?.[k] ?? 0;
      text += ' '.repeat(Math.max(0, column - at)) + piece.text;
      at = column + widthOf(piece.text);
    }
    out += `${text}\n`;
  }
  return out;
}

/** The first token at or after a line of comments: the comments belong to what follows. */
function leadOf(lines: readonly { readonly pieces: readonly Piece[] }[], from: number): IToken | undefined {
  for (let i = from; i < lines.length && i < from + 1000; i++) {
    for (const piece of lines[i]?.pieces ?? []) if (piece.token) return isCloser(piece.token.tokenType) ? undefined : piece.token;
  }
  return undefined;
}

/** The column of `to`, when that of `from` before it is known, so that a line is measured once. */
function columnFrom(text: string, column: number, from: number, to: number): number {
  let at = column;
  for (const character of text.slice(from, to))
    at = character === '\n' || character === '\r' ? 0 : character === '\ufeff' ? at : at + 1;
  return at;
}
