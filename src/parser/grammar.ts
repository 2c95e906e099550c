/**
 * The grammar of the language reference, in Chevrotain, which builds the tree as it reads.
 *
 * Look-ahead is two tokens; `labelAhead` is the gate where a label may begin, since a path and a label differ only in the
 * colon at their end. Operators are read flat and ranked afterwards. Recovery is by statement: a mistake is reported once,
 * and reading goes on at the next line of the same body, because there the next statement most likely begins.
 */
import { EmbeddedActionsParser, EOF, type IToken, isRecognitionException, type ParserMethod, type TokenType } from 'chevrotain';
import {
  badLabel,
  badLabelTarget,
  chainedComparison,
  expressionTooLong,
  keywordAsName,
  looseNot,
  nestedTooDeeply,
  statementOutsideBody,
  tupleInRange,
  unclosedBracket,
  unexpectedText,
  unopenedBracket,
} from '../diagnostics/catalogue/syntax.ts';
import { bug, type Diagnostic, type DiagnosticKind, makeDiagnostic, type Report } from '../diagnostics/diagnostic.ts';
import { cover, positionOf, type SourceFile, type Span } from '../diagnostics/source.ts';
import type {
  Arg,
  AssertStmt,
  BlockItem,
  Body,
  CallExpr,
  Chain,
  ConstItem,
  Construct,
  Each,
  Expr,
  Ident,
  IfStmt,
  ImportItem,
  InputStmt,
  Item,
  Label,
  Labelled,
  LabelSegment,
  LetStmt,
  Link,
  MapStmt,
  ModelItem,
  NameExpr,
  Ode,
  OutputStmt,
  Param,
  ParamStmt,
  RangeNode,
  Repeat,
  Residual,
  ReturnStmt,
  Reuse,
  Sequential,
  Stmt,
  StringExpr,
  Sub,
  TensorTypeNode,
  TypeName,
  TypeRef,
} from './ast.ts';
import { CappedSink } from './capped-sink.ts';
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
  floatValue,
  IndexBracket,
  Int,
  indexOf,
  integerValue,
  isWord,
  KwAnd,
  KwAs,
  KwAssert,
  KwBlock,
  KwConst,
  KwEach,
  KwElse,
  KwFalse,
  KwIf,
  KwImport,
  KwIn,
  KwInput,
  KwLet,
  KwMap,
  KwModel,
  KwNot,
  KwOde,
  KwOr,
  KwOutput,
  KwParam,
  KwRepeat,
  KwResidual,
  KwReturn,
  KwReuse,
  KwSequential,
  KwShared,
  KwShortcut,
  KwTrue,
  LabelBrace,
  LabelClose,
  LabelTail,
  LBrace,
  LBracket,
  type Lexed,
  LParen,
  Minus,
  Name,
  Operator,
  Question,
  quoteText,
  RBrace,
  RBracket,
  RParen,
  retag,
  Semicolon,
  Size,
  StringLiteral,
  stringValue,
  vocabulary,
  Word,
} from './lexer.ts';
import { describeMismatch, describeToken, describeUnreadable, type Surroundings } from './messages.ts';
import { type Operand, rank } from './rank.ts';

/** Brackets, bodies, prefix signs, `else if` and `?:` within each other. Deeper would exhaust the stack. */
export const maxNesting = 64;
/** Operators and indices on the deepest way into one expression, so that whoever walks the tree later has a bounded depth. */
export const maxOperators = 500;

/** Ends the reading of the whole file; what stopped it is reported already. */
class Abort extends Error {}
/** Ends the reading of an item whose body is not closed; reported already. */
class Unwind extends Error {}
/** A mistake that the grammar itself cannot express. */
class Mistake extends Error {
  readonly diagnostic: Diagnostic;
  readonly token: IToken;
  constructor(diagnostic: Diagnostic, token: IToken) {
    super(diagnostic.title);
    this.diagnostic = diagnostic;
    this.token = token;
  }
}

const typeNames: readonly TypeName[] = ['int', 'float', 'bool', 'string', 'size', 'block', 'tensor'];
function typeName(image: string): TypeName | undefined {
  return typeNames.find((name) => name === image);
}

const constructStarts: readonly TokenType[] = [KwRepeat, KwEach, KwSequential, KwOde, KwReuse, KwResidual];
const statementStarts = new Set<TokenType>([
  KwInput,
  KwOutput,
  KwParam,
  KwLet,
  KwReturn,
  KwAssert,
  KwMap,
  KwIf,
  ...constructStarts,
  KwNot,
  KwTrue,
  KwFalse,
  Name,
  Int,
  Float,
  Size,
  StringLiteral,
  LParen,
  LBracket,
  LBrace,
  Semicolon,
]);

const emptySource: SourceFile = { name: '', text: '' };

/** What the parser keeps while it reads one file. */
interface State {
  source: SourceFile;
  sink: CappedSink;
  lexed: Lexed;
  depth: number;
  /** Upper bound of the operators on the deepest way into what was read of the current expression. */
  height: number;
  openers: IToken[];
  lastErrorAt: number;
  /** What Chevrotain told of its last error. */
  mismatch: { readonly expected?: TokenType; readonly rule: string } | undefined;
}

export class ResParser extends EmbeddedActionsParser {
  #state: State = freshState(emptySource, new CappedSink(), {
    tokens: [],
    comments: [],
    partner: new Int32Array(0),
    spoiledLines: new Set(),
  });

  /** With `validate` Chevrotain checks the grammar, which costs time and which a test does. */
  constructor(validate: boolean) {
    super(vocabulary, {
      maxLookahead: 2,
      recoveryEnabled: false,
      skipValidations: !validate,
      errorMessageProvider: {
        buildMismatchTokenMessage: ({ expected, ruleName }) => {
          this.#state.mismatch = { expected, rule: ruleName };
          return '';
        },
        buildNoViableAltMessage: ({ ruleName }) => {
          this.#state.mismatch = { rule: ruleName };
          return '';
        },
        buildEarlyExitMessage: ({ ruleName }) => {
          this.#state.mismatch = { rule: ruleName };
          return '';
        },
        buildNotAllInputParsedMessage: () => '',
      },
    });
    this.performSelfAnalysis();
  }

  /** Reads a whole file. Never throws on any text. */
  readFile(source: SourceFile, lexed: Lexed, sink: CappedSink): Item[] {
    const items: Item[] = [];
    this.#begin(source, lexed, sink);
    this.items = items;
    try {
      this.file();
    } catch (error) {
      if (!(error instanceof Abort)) throw error;
    } finally {
      this.#end();
    }
    return items;
  }

  /** Reads one expression that is the whole text. */
  readExpression(source: SourceFile, lexed: Lexed, sink: CappedSink): Expr | undefined {
    this.#begin(source, lexed, sink);
    this.lone = undefined;
    try {
      this.loneExpression();
    } catch (error) {
      if (!(error instanceof Abort)) throw error;
    } finally {
      this.#end();
    }
    return this.lone;
  }

  private items: Item[] = [];
  private lone: Expr | undefined;

  #begin(source: SourceFile, lexed: Lexed, sink: CappedSink): void {
    this.#state = freshState(source, sink, lexed);
    this.input = lexed.tokens;
  }

  /** Lets go of the file, so that the one parser of the program does not keep it alive. */
  #end(): void {
    this.input = [];
    this.#state = freshState(emptySource, new CappedSink(), {
      tokens: [],
      comments: [],
      partner: new Int32Array(0),
      spoiledLines: new Set(),
    });
  }

  // ---------------------------------------------------------------------------------------------- file and items

  readonly file: ParserMethod<[], void> = this.RULE('file', () => {
    do {
      this.MANY({
        GATE: () => this.#atItem(),
        DEF: () => this.#itemInto(),
      });
    } while (this.ACTION(() => this.#resumeFile()));
  });

  #itemInto(): void {
    if (this.RECORDING_PHASE) {
      this.SUBRULE(this.item);
      return;
    }
    const start = this.#index();
    try {
      this.items.push(this.SUBRULE(this.item));
    } catch (error) {
      if (error instanceof Abort) throw error;
      if (!(error instanceof Unwind)) this.#reportError(error);
      this.#state.depth = 0;
      this.#state.height = 0;
      this.#state.openers.length = 0;
      this.#skipToItem(start + 1);
    }
  }

  readonly item: ParserMethod<[], Item> = this.RULE('item', () =>
    this.OR<Item>([
      { ALT: () => this.SUBRULE(this.importItem) },
      { ALT: () => this.SUBRULE(this.constItem) },
      { ALT: () => this.SUBRULE(this.blockItem) },
      { ALT: () => this.SUBRULE(this.modelItem) },
    ]),
  );

  readonly importItem: ParserMethod<[], ImportItem> = this.RULE('importItem', () => {
    const start = this.CONSUME(KwImport);
    const names: { readonly name: Ident; readonly as?: Ident }[] = [];
    this.#open(this.CONSUME(LBrace));
    names.push(this.SUBRULE(this.importName));
    this.MANY({
      GATE: () => this.LA(2).tokenType !== RBrace,
      DEF: () => {
        this.CONSUME1(Comma);
        names.push(this.SUBRULE2(this.importName));
      },
    });
    this.OPTION(() => this.CONSUME2(Comma));
    this.CONSUME(RBrace);
    this.#close();
    this.ACTION(() => {
      const word = this.LA(1);
      if (word.tokenType !== Name || word.image !== 'from') {
        this.#fail(word, unexpectedText, {
          what: this.#short(word),
          found: describeToken(word),
          expected: '`from` and the file in quotes',
          fix: 'write `from "std/resnet.res"`',
        });
      }
    });
    this.CONSUME(Name);
    const from = this.SUBRULE(this.stringLiteral);
    return this.ACTION((): ImportItem => ({ kind: 'import', names, from, span: this.#from(start) }));
  });

  readonly importName: ParserMethod<[], { readonly name: Ident; readonly as?: Ident }> = this.RULE('importName', () => {
    const name = this.SUBRULE(this.bindingName);
    const as = this.OPTION(() => {
      this.CONSUME(KwAs);
      return this.SUBRULE2(this.bindingName);
    });
    return this.ACTION(() => ({ name, ...(as && { as }) }));
  });

  readonly constItem: ParserMethod<[], ConstItem> = this.RULE('constItem', () => {
    const start = this.CONSUME(KwConst);
    const name = this.SUBRULE(this.bindingName);
    this.CONSUME(Assign);
    const value = this.SUBRULE(this.expr);
    return this.ACTION((): ConstItem => ({ kind: 'const', name, value, ...this.#doc(start), span: this.#from(start) }));
  });

  readonly blockItem: ParserMethod<[], BlockItem> = this.RULE('blockItem', () => {
    const start = this.CONSUME(KwBlock);
    const name = this.SUBRULE(this.bindingName);
    const params = this.OPTION(() => this.#paramsOrNone());
    const body = this.SUBRULE(this.body);
    return this.ACTION(
      (): BlockItem => ({ kind: 'block', name, params: params ?? [], body, ...this.#doc(start), span: this.#from(start) }),
    );
  });

  readonly modelItem: ParserMethod<[], ModelItem> = this.RULE('modelItem', () => {
    const start = this.CONSUME(KwModel);
    const name = this.SUBRULE(this.bindingName);
    return this.OR<ModelItem>([
      {
        ALT: () => {
          this.CONSUME(Assign);
          const base = this.SUBRULE(this.nameOrCall);
          return this.ACTION(
            (): ModelItem => ({ kind: 'model', name, params: [], base, ...this.#doc(start), span: this.#from(start) }),
          );
        },
      },
      {
        ALT: () => {
          const params = this.OPTION(() => this.#paramsOrNone());
          const body = this.SUBRULE(this.body);
          return this.ACTION(
            (): ModelItem => ({ kind: 'model', name, params: params ?? [], body, ...this.#doc(start), span: this.#from(start) }),
          );
        },
      },
    ]);
  });

  /** A mistake among the parameters is no reason not to read the body, when the parenthesis has its partner. */
  #paramsOrNone(): Param[] {
    if (this.RECORDING_PHASE) return this.SUBRULE(this.params);
    const state = this.#state;
    const { depth, height } = state;
    const close = this.#partner(this.LA(1));
    try {
      return this.SUBRULE(this.params);
    } catch (error) {
      if (error instanceof Abort || error instanceof Unwind || close < this.#index()) throw error;
      this.#reportError(error);
      this.#jumpTo(close + 1);
      state.depth = depth;
      state.height = height;
      state.openers.length = 0;
      return [];
    }
  }

  readonly params: ParserMethod<[], Param[]> = this.RULE('params', () => {
    const params: Param[] = [];
    this.#open(this.OR([{ ALT: () => this.CONSUME(LParen) }, { ALT: () => this.CONSUME(CallParen) }]));
    this.ACTION(() => this.#mendKeyword());
    this.OPTION1(() => {
      params.push(this.SUBRULE1(this.param));
      this.MANY({
        GATE: () => this.LA(2).tokenType !== RParen,
        DEF: () => {
          this.CONSUME1(Comma);
          params.push(this.SUBRULE2(this.param));
        },
      });
      this.OPTION2(() => this.CONSUME2(Comma));
    });
    this.CONSUME(RParen);
    this.#close();
    return params;
  });

  readonly param: ParserMethod<[], Param> = this.RULE('param', () => {
    const start = this.LA(1);
    const name = this.SUBRULE(this.bindingName);
    const type = this.OPTION1(() => {
      this.CONSUME(Colon);
      return this.SUBRULE(this.typeRef);
    });
    const value = this.OPTION2(() => {
      this.CONSUME(Assign);
      return this.SUBRULE(this.expr);
    });
    return this.ACTION(
      (): Param => ({
        kind: 'param',
        name,
        ...(type && { type }),
        ...(value && { default: value }),
        ...this.#doc(start),
        span: this.#from(start),
      }),
    );
  });

  readonly typeRef: ParserMethod<[], TypeRef> = this.RULE('typeRef', () => {
    const token = this.OR1([{ ALT: () => this.CONSUME(Name) }, { ALT: () => this.CONSUME(KwBlock) }]);
    const name = this.ACTION(() => {
      const known = typeName(token.image);
      if (known) return known;
      return this.#fail(token, unexpectedText, {
        what: quoteText(token.image),
        found: describeToken(token),
        expected: 'a type: `int`, `float`, `bool`, `string`, `size`, `block` or `tensor`, each with `[]` behind it for a list',
        fix: /^(?:f|bf|i|u)\d+$/.test(token.image) ? 'write `tensor`' : 'write one of the types, or leave the type out',
      });
    });
    let lists = 0;
    this.MANY(() => {
      this.#open(this.OR2([{ ALT: () => this.CONSUME(IndexBracket) }, { ALT: () => this.CONSUME(LBracket) }]));
      this.CONSUME(RBracket);
      this.#close();
      lists++;
      this.ACTION(() => {
        if (lists > maxNesting) this.#tooDeep(token);
      });
    });
    return this.ACTION((): TypeRef => ({ name, lists, span: this.#from(token) }));
  });

  // --------------------------------------------------------------------------------------------- bodies, statements

  readonly body: ParserMethod<[], Body> = this.RULE('body', () => {
    const open = this.CONSUME(LBrace);
    const stmts: Stmt[] = [];
    this.#open(open);
    do {
      this.MANY({
        GATE: () => this.#atStatement(),
        DEF: () => {
          this.OR({
            DEF: [{ ALT: () => this.CONSUME(Semicolon) }, { ALT: () => this.#statementInto(stmts, open) }],
            IGNORE_AMBIGUITIES: true,
          });
        },
      });
    } while (this.ACTION(() => this.#resumeBody(open)));
    this.CONSUME(RBrace);
    this.#close();
    return this.ACTION((): Body => ({ kind: 'body', stmts, span: this.#from(open) }));
  });

  #statementInto(stmts: Stmt[], open: IToken): void {
    if (this.RECORDING_PHASE) {
      this.SUBRULE(this.statement);
      return;
    }
    const state = this.#state;
    const { depth, height } = state;
    const openers = state.openers.length;
    const start = this.#index();
    try {
      stmts.push(this.SUBRULE(this.statement));
    } catch (error) {
      if (error instanceof Abort || error instanceof Unwind) throw error;
      this.#reportError(error);
      this.#skipToStatement(start, open, openers);
      state.depth = depth;
      state.height = height;
      state.openers.length = openers;
    }
  }

  readonly statement: ParserMethod<[], Stmt> = this.RULE('statement', () =>
    this.OR<Stmt>({
      MAX_LOOKAHEAD: 1,
      IGNORE_AMBIGUITIES: true,
      DEF: [
        { GATE: () => this.#labelAhead(), ALT: () => this.SUBRULE1(this.chainStmt) },
        { ALT: () => this.SUBRULE(this.inputStmt) },
        { ALT: () => this.SUBRULE(this.outputStmt) },
        { ALT: () => this.SUBRULE(this.paramStmt) },
        { ALT: () => this.SUBRULE(this.letStmt) },
        { ALT: () => this.SUBRULE(this.returnStmt) },
        { ALT: () => this.SUBRULE(this.assertStmt) },
        { ALT: () => this.SUBRULE(this.mapStmt) },
        { ALT: () => this.SUBRULE(this.ifStmt) },
        { ALT: () => this.SUBRULE2(this.chainStmt) },
      ],
    }),
  );

  readonly inputStmt: ParserMethod<[], InputStmt> = this.RULE('inputStmt', () => {
    const start = this.CONSUME(KwInput);
    const label = this.SUBRULE(this.label);
    this.CONSUME(Colon);
    const type = this.SUBRULE(this.tensorType);
    const range = this.OPTION1({ GATE: () => this.#rangeAhead(), DEF: () => this.SUBRULE(this.range) });
    const as = this.OPTION2(() => {
      this.CONSUME(KwAs);
      return this.SUBRULE(this.bindingName);
    });
    return this.ACTION(
      (): InputStmt => ({ kind: 'input', label, type, ...(range && { range }), ...(as && { as }), span: this.#from(start) }),
    );
  });

  readonly range: ParserMethod<[], RangeNode> = this.RULE('range', () => {
    const start = this.CONSUME(KwIn);
    const low = this.SUBRULE1(this.expr);
    this.CONSUME(DotDot);
    const high = this.SUBRULE2(this.expr);
    const mean = this.OPTION1({
      GATE: () => this.#optionAhead('mean'),
      DEF: () => {
        this.CONSUME1(Name);
        this.CONSUME1(Assign);
        this.ACTION(() => this.#refuseTuple());
        return this.SUBRULE3(this.expr);
      },
    });
    const std = this.OPTION2({
      GATE: () => this.#optionAhead('std'),
      DEF: () => {
        this.CONSUME2(Name);
        this.CONSUME2(Assign);
        this.ACTION(() => this.#refuseTuple());
        return this.SUBRULE4(this.expr);
      },
    });
    return this.ACTION((): RangeNode => ({ low, high, ...(mean && { mean }), ...(std && { std }), span: this.#from(start) }));
  });

  readonly outputStmt: ParserMethod<[], OutputStmt> = this.RULE('outputStmt', () => {
    const start = this.CONSUME(KwOutput);
    const label = this.SUBRULE(this.label);
    const range = this.OPTION1({ GATE: () => this.#rangeAhead(), DEF: () => this.SUBRULE(this.range) });
    const value = this.OPTION2(() => {
      this.CONSUME(Assign);
      return this.SUBRULE(this.chain);
    });
    return this.ACTION(
      (): OutputStmt => ({
        kind: 'output',
        label,
        ...(range && { range }),
        ...(value && { value }),
        span: this.#from(start),
      }),
    );
  });

  readonly paramStmt: ParserMethod<[], ParamStmt> = this.RULE('paramStmt', () => {
    const start = this.CONSUME(KwParam);
    const name = this.SUBRULE(this.bindingName);
    this.CONSUME(Colon);
    const type = this.SUBRULE(this.tensorType);
    const init = this.OPTION(() => {
      this.CONSUME(Assign);
      return this.SUBRULE(this.expr);
    });
    return this.ACTION((): ParamStmt => ({ kind: 'paramStmt', name, type, ...(init && { init }), span: this.#from(start) }));
  });

  readonly letStmt: ParserMethod<[], LetStmt> = this.RULE('letStmt', () => {
    const start = this.CONSUME(KwLet);
    const names = this.SUBRULE(this.bindingNames);
    this.CONSUME(Assign);
    const value = this.SUBRULE(this.chain);
    return this.ACTION((): LetStmt => ({ kind: 'let', names, value, span: this.#from(start) }));
  });

  readonly returnStmt: ParserMethod<[], ReturnStmt> = this.RULE('returnStmt', () => {
    const start = this.CONSUME(KwReturn);
    const values: Chain[] = [];
    this.AT_LEAST_ONE_SEP({
      SEP: Comma,
      DEF: () => {
        values.push(this.SUBRULE(this.chain));
      },
    });
    return this.ACTION((): ReturnStmt => ({ kind: 'return', values, span: this.#from(start) }));
  });

  readonly assertStmt: ParserMethod<[], AssertStmt> = this.RULE('assertStmt', () => {
    const start = this.CONSUME(KwAssert);
    const condition = this.SUBRULE(this.expr);
    const message = this.OPTION(() => {
      this.CONSUME(Comma);
      return this.SUBRULE(this.stringLiteral);
    });
    return this.ACTION((): AssertStmt => ({ kind: 'assert', condition, ...(message && { message }), span: this.#from(start) }));
  });

  readonly mapStmt: ParserMethod<[], MapStmt> = this.RULE('mapStmt', () => {
    const start = this.CONSUME(KwMap);
    const from = this.SUBRULE1(this.stringLiteral);
    this.CONSUME(Assign);
    const to = this.OR<StringExpr | undefined>([
      { ALT: () => this.SUBRULE2(this.stringLiteral) },
      {
        ALT: () => {
          const word = this.CONSUME(Name);
          this.ACTION(() => {
            if (word.image !== 'none') {
              this.#fail(word, unexpectedText, {
                what: quoteText(word.image),
                found: describeToken(word),
                expected: 'a name in quotes, or `none` to drop the tensor',
                fix: `write \`"${word.image}"\` or \`none\``,
              });
            }
          });
          return undefined;
        },
      },
    ]);
    return this.ACTION((): MapStmt => ({ kind: 'map', from, ...(to && { to }), span: this.#from(start) }));
  });

  readonly ifStmt: ParserMethod<[], IfStmt> = this.RULE('ifStmt', () => {
    const start = this.CONSUME(KwIf);
    const condition = this.SUBRULE(this.expr);
    const then = this.SUBRULE1(this.body);
    const otherwise = this.OPTION(() => {
      const word = this.CONSUME(KwElse);
      return this.OR<Body | IfStmt>([
        { ALT: () => this.SUBRULE2(this.body) },
        {
          ALT: () => {
            this.ACTION(() => this.#deeper(word));
            const inner = this.SUBRULE(this.ifStmt);
            this.ACTION(() => this.#shallower());
            return inner;
          },
        },
      ]);
    });
    return this.ACTION(
      (): IfStmt => ({ kind: 'if', condition, then, ...(otherwise && { else: otherwise }), span: this.#from(start) }),
    );
  });

  readonly chainStmt: ParserMethod<[], Stmt> = this.RULE('chainStmt', () => {
    const chain = this.SUBRULE(this.chain);
    return this.ACTION((): Stmt => ({ kind: 'chainStmt', chain, span: chain.span }));
  });

  // ------------------------------------------------------------------------------------------------ chains, labels

  readonly chain: ParserMethod<[], Chain> = this.RULE('chain', () => {
    const links: Link[] = [];
    links.push(
      this.OR1<Link>({
        MAX_LOOKAHEAD: 1,
        IGNORE_AMBIGUITIES: true,
        DEF: [
          { GATE: () => this.#labelAhead(), ALT: () => this.SUBRULE1(this.labelled) },
          { ALT: () => this.SUBRULE(this.construct) },
          { ALT: () => this.SUBRULE(this.expr) },
        ],
      }),
    );
    this.MANY(() => {
      this.CONSUME(Arrow);
      links.push(
        this.OR2<Link>({
          MAX_LOOKAHEAD: 1,
          IGNORE_AMBIGUITIES: true,
          DEF: [
            { GATE: () => this.#labelAhead(), ALT: () => this.SUBRULE2(this.labelled) },
            { ALT: () => this.SUBRULE(this.target) },
          ],
        }),
      );
    });
    return this.ACTION((): Chain => {
      const first = links[0] ?? bug('a chain without links');
      return { kind: 'chain', links, span: cover(first.span, (links.at(-1) ?? first).span) };
    });
  });

  readonly labelled: ParserMethod<[], Labelled> = this.RULE('labelled', () => {
    const label = this.SUBRULE(this.label);
    this.CONSUME(Colon);
    const target = this.SUBRULE(this.target);
    return this.ACTION((): Labelled => ({ kind: 'labelled', label, target, span: cover(label.span, target.span) }));
  });

  readonly target: ParserMethod<[], Labelled['target']> = this.RULE('target', () =>
    this.OR<Labelled['target']>([
      { ALT: () => this.SUBRULE(this.construct) },
      { ALT: () => this.SUBRULE(this.body) },
      {
        ALT: () => {
          const value = this.SUBRULE(this.nameOrCall);
          this.ACTION(() => {
            const after = this.LA(1);
            if (after.tokenType !== Dot && after.tokenType !== IndexBracket) return;
            this.#fail(after, badLabelTarget, {
              found: after.tokenType === Dot ? 'the path of a parameter' : 'an element of a list',
              fix: `\`let part = …\` before it, and then the name`,
            });
          });
          return value;
        },
      },
    ]),
  );

  readonly label: ParserMethod<[], Label> = this.RULE('label', () => {
    const start = this.LA(1);
    const segments: LabelSegment[] = [];
    this.OR([
      { ALT: () => segments.push(this.SUBRULE(this.wordSegment)) },
      {
        ALT: () => {
          const token = this.CONSUME(Int);
          this.ACTION(() => segments.push({ parts: [token.image], span: this.#at(token) }));
        },
      },
      {
        ALT: () => {
          const token = this.CONSUME(Float);
          this.ACTION(() => this.#floatSegments(token, segments));
        },
      },
    ]);
    this.MANY(() => {
      this.CONSUME(Dot);
      segments.push(this.SUBRULE(this.segment));
    });
    return this.ACTION((): Label => ({ segments, span: this.#from(start) }));
  });

  /** `0.1: conv(...)` is read as a float by the lexer and is two segments. */
  #floatSegments(token: IToken, segments: LabelSegment[]): void {
    const [first = '', second = ''] = token.image.split('.');
    if (!/^\d+\.\d+$/.test(token.image)) {
      this.#fail(token, badLabel, {
        found: `the float ${quoteText(token.image)}`,
        expected: 'segments of words and integers, joined by dots',
        fix: `\`_${token.image.replace(/\W/g, '_')}:\``,
      });
    }
    const middle = token.startOffset + first.length;
    segments.push({ parts: [first], span: this.#span(token.startOffset, middle) });
    segments.push({ parts: [second], span: this.#span(middle + 1, endOf(token)) });
  }

  readonly segment: ParserMethod<[], LabelSegment> = this.RULE('segment', () =>
    this.OR<LabelSegment>([
      { ALT: () => this.SUBRULE(this.wordSegment) },
      {
        ALT: () => {
          const token = this.CONSUME(Int);
          return this.ACTION((): LabelSegment => ({ parts: [token.image], span: this.#at(token) }));
        },
      },
      {
        ALT: () => {
          const start = this.LA(1);
          const parts: (string | Expr)[] = [];
          this.AT_LEAST_ONE(() => {
            parts.push(...this.#parts(this.SUBRULE(this.part)));
          });
          return this.ACTION((): LabelSegment => ({ parts, span: this.#from(start) }));
        },
      },
    ]),
  );

  readonly wordSegment: ParserMethod<[], LabelSegment> = this.RULE('wordSegment', () => {
    const token = this.CONSUME(Word);
    const parts: (string | Expr)[] = [token.image];
    this.MANY(() => {
      parts.push(...this.#parts(this.SUBRULE(this.part)));
    });
    return this.ACTION((): LabelSegment => ({ parts, span: this.#from(token) }));
  });

  /** While Chevrotain records the grammar a rule has no value. */
  #parts(parts: readonly (string | Expr)[]): readonly (string | Expr)[] {
    return this.RECORDING_PHASE ? [] : parts;
  }

  readonly part: ParserMethod<[], (string | Expr)[]> = this.RULE('part', () => {
    this.#open(this.CONSUME(LabelBrace));
    const value = this.SUBRULE(this.expr);
    this.CONSUME(LabelClose);
    this.#close();
    const tail = this.OPTION(() => this.CONSUME(LabelTail));
    return this.ACTION((): (string | Expr)[] => (tail ? [value, tail.image] : [value]));
  });

  // ---------------------------------------------------------------------------------------------------- constructs

  readonly construct: ParserMethod<[], Construct> = this.RULE('construct', () =>
    this.OR<Construct>([
      { ALT: () => this.SUBRULE(this.repeat) },
      { ALT: () => this.SUBRULE(this.each) },
      { ALT: () => this.SUBRULE(this.sequential) },
      { ALT: () => this.SUBRULE(this.ode) },
      { ALT: () => this.SUBRULE(this.reuse) },
      { ALT: () => this.SUBRULE(this.residual) },
    ]),
  );

  readonly repeat: ParserMethod<[], Repeat> = this.RULE('repeat', () => {
    const start = this.CONSUME(KwRepeat);
    const over = this.SUBRULE(this.expr);
    const names = this.OPTION1(() => {
      this.CONSUME(KwAs);
      return this.SUBRULE(this.itemNames);
    });
    const shared = this.OPTION2(() => this.CONSUME(KwShared));
    const body = this.SUBRULE(this.body);
    return this.ACTION(
      (): Repeat => ({ kind: 'repeat', over, names: names ?? [], shared: shared !== undefined, body, span: this.#from(start) }),
    );
  });

  readonly each: ParserMethod<[], Each> = this.RULE('each', () => {
    const start = this.CONSUME(KwEach);
    const over = this.SUBRULE(this.expr);
    this.CONSUME(KwAs);
    const names = this.SUBRULE(this.itemNames);
    const shared = this.OPTION(() => this.CONSUME(KwShared));
    const body = this.SUBRULE(this.body);
    return this.ACTION((): Each => ({ kind: 'each', over, names, shared: shared !== undefined, body, span: this.#from(start) }));
  });

  readonly sequential: ParserMethod<[], Sequential> = this.RULE('sequential', () => {
    const start = this.CONSUME(KwSequential);
    const body = this.SUBRULE(this.body);
    return this.ACTION((): Sequential => ({ kind: 'sequential', body, span: this.#from(start) }));
  });

  readonly ode: ParserMethod<[], Ode> = this.RULE('ode', () => {
    const start = this.CONSUME(KwOde);
    this.#open(this.CONSUME(LParen));
    const args = this.SUBRULE(this.argList);
    this.CONSUME(RParen);
    this.#close();
    const time = this.OPTION(() => {
      this.CONSUME(KwAs);
      return this.SUBRULE(this.bindingName);
    });
    const body = this.SUBRULE(this.body);
    return this.ACTION((): Ode => ({ kind: 'ode', args, ...(time && { time }), body, span: this.#from(start) }));
  });

  readonly reuse: ParserMethod<[], Reuse> = this.RULE('reuse', () => {
    const start = this.CONSUME(KwReuse);
    const label = this.SUBRULE(this.label);
    return this.ACTION((): Reuse => ({ kind: 'reuse', label, span: this.#from(start) }));
  });

  readonly residual: ParserMethod<[], Residual> = this.RULE('residual', () => {
    const start = this.CONSUME(KwResidual);
    const args = this.OPTION1(() => {
      this.#open(this.CONSUME(LParen));
      const list = this.SUBRULE(this.argList);
      this.CONSUME(RParen);
      this.#close();
      return list;
    });
    const body = this.SUBRULE(this.body);
    const shortcut = this.OPTION2(() => this.SUBRULE(this.shortcut));
    return this.ACTION(
      (): Residual => ({ kind: 'residual', args: args ?? [], body, ...(shortcut && { shortcut }), span: this.#from(start) }),
    );
  });

  readonly shortcut: ParserMethod<[], NonNullable<Residual['shortcut']>> = this.RULE('shortcut', () => {
    const start = this.CONSUME(KwShortcut);
    const label = this.OPTION({
      GATE: () => this.#labelAhead(),
      DEF: () => {
        const found = this.SUBRULE(this.label);
        this.CONSUME(Colon);
        return found;
      },
    });
    this.ACTION(() => this.#deeper(start));
    const value = this.OR<Construct | Expr>([
      { ALT: () => this.SUBRULE(this.construct) },
      { ALT: () => this.SUBRULE(this.expr) },
    ]);
    this.ACTION(() => this.#shallower());
    return this.ACTION(() => ({ ...(label && { label }), value, span: this.#from(start) }));
  });

  // --------------------------------------------------------------------------------------------------- expressions

  readonly expr: ParserMethod<[], Expr> = this.RULE('expr', () => {
    const state = this.#state;
    const outerHeight = state.height;
    state.height = 0;
    const operands: Operand[] = [];
    const operators: IToken[] = [];
    operands.push(this.SUBRULE1(this.operand));
    this.MANY({
      GATE: () => this.LA(2).tokenType !== Colon || (this.LA(1).tokenType !== KwAnd && this.LA(1).tokenType !== KwOr),
      DEF: () => {
        const operator = this.CONSUME(Operator);
        this.ACTION(() => {
          operators.push(operator);
          this.#checkHeight(operators.length, operator);
        });
        operands.push(this.SUBRULE2(this.operand));
      },
    });
    const binary = this.ACTION(() => {
      this.#checkHeight(operators.length, this.LA(0));
      this.#state.height += operators.length;
      return rank(operands, operators, this.#state.source, {
        chainedComparison: (first, second) => {
          this.#report(second, chainedComparison, {
            first: first.image,
            second: second.image,
            fix: `\`a ${first.image} b and b ${second.image} c\``,
          });
        },
        looseNot: (operator, not) => {
          this.#report(not, looseNot, { operator: operator.image });
        },
      });
    });
    const result = this.OPTION(() => {
      const question = this.CONSUME(Question);
      this.ACTION(() => this.#deeper(question));
      const then = this.SUBRULE1(this.expr);
      this.CONSUME(Colon);
      const otherwise = this.SUBRULE2(this.expr);
      return this.ACTION((): Expr => {
        this.#shallower();
        return { kind: 'conditional', condition: binary, then, else: otherwise, span: cover(binary.span, otherwise.span) };
      });
    });
    return this.ACTION((): Expr => {
      this.#state.height = Math.max(this.#state.height, outerHeight);
      return result ?? binary;
    });
  });

  /** A primary with its prefixes and indices: `-x[:, 0]`. One rule, because every rule costs stack at each level. */
  readonly operand: ParserMethod<[], Operand> = this.RULE('operand', () => {
    const prefixes: IToken[] = [];
    this.MANY1(() => {
      const sign = this.OR1([{ ALT: () => this.CONSUME(Minus) }, { ALT: () => this.CONSUME(KwNot) }]);
      this.ACTION(() => {
        prefixes.push(sign);
        this.#deeper(sign);
      });
    });
    const start = this.LA(1);
    let value = this.OR2<Expr>([
      {
        ALT: () => {
          const token = this.CONSUME(Int);
          return this.ACTION((): Expr => {
            const span = this.#at(token);
            return { kind: 'int', value: integerValue(token.image, span, this.#state.sink), span };
          });
        },
      },
      {
        ALT: () => {
          const token = this.CONSUME(Float);
          return this.ACTION((): Expr => {
            const span = this.#at(token);
            return { kind: 'float', value: floatValue(token.image, span, this.#state.sink), text: token.image, span };
          });
        },
      },
      {
        ALT: () => {
          const token = this.CONSUME(Size);
          return this.ACTION((): Expr => {
            const span = this.#at(token);
            return { kind: 'size', dims: token.image.split('x').map((part) => integerValue(part, span, this.#state.sink)), span };
          });
        },
      },
      { ALT: () => this.SUBRULE(this.stringLiteral) },
      {
        ALT: () => {
          const token = this.CONSUME(KwTrue);
          return this.ACTION((): Expr => ({ kind: 'bool', value: true, span: this.#at(token) }));
        },
      },
      {
        ALT: () => {
          const token = this.CONSUME(KwFalse);
          return this.ACTION((): Expr => ({ kind: 'bool', value: false, span: this.#at(token) }));
        },
      },
      {
        ALT: () => {
          const open = this.CONSUME(LBracket);
          const items: Chain[] = [];
          this.#open(open);
          this.OPTION1(() => {
            items.push(this.SUBRULE1(this.chain));
            this.MANY2({
              GATE: () => this.LA(2).tokenType !== RBracket,
              DEF: () => {
                this.CONSUME1(Comma);
                items.push(this.SUBRULE2(this.chain));
              },
            });
            this.OPTION2(() => this.CONSUME2(Comma));
          });
          this.CONSUME1(RBracket);
          this.#close();
          return this.ACTION((): Expr => ({ kind: 'list', items, span: this.#from(open) }));
        },
      },
      {
        ALT: () => {
          const open = this.CONSUME(LParen);
          this.#open(open);
          const chain = this.SUBRULE3(this.chain);
          this.CONSUME(RParen);
          this.#close();
          return this.ACTION((): Expr => ({ kind: 'paren', chain, span: this.#from(open) }));
        },
      },
      { ALT: () => this.SUBRULE(this.body) },
      { ALT: () => this.SUBRULE(this.reference) },
    ]);
    let indices = 0;
    this.MANY3(() => {
      const open = this.CONSUME(IndexBracket);
      const subs: Sub[] = [];
      this.#open(open);
      subs.push(this.SUBRULE1(this.sub));
      this.MANY4(() => {
        this.CONSUME3(Comma);
        subs.push(this.SUBRULE2(this.sub));
      });
      this.CONSUME2(RBracket);
      this.#close();
      this.ACTION(() => {
        indices++;
        this.#checkHeight(indices, open);
        const base = value;
        value = { kind: 'index', base, subs, span: this.#from(start) };
      });
    });
    return this.ACTION((): Operand => {
      this.#state.height += indices + prefixes.length;
      this.#state.depth -= prefixes.length;
      return { prefixes, value };
    });
  });

  readonly reference: ParserMethod<[], Expr> = this.RULE('reference', () => {
    const name = this.CONSUME(Name);
    const segments: LabelSegment[] = [];
    return this.OR<Expr>({
      DEF: [
        {
          ALT: () => {
            const args = this.SUBRULE(this.args);
            return this.ACTION((): Expr => ({ kind: 'call', callee: this.#ident(name), args, span: this.#from(name) }));
          },
        },
        {
          ALT: () => {
            this.AT_LEAST_ONE(() => {
              this.CONSUME(Dot);
              segments.push(this.SUBRULE(this.segment));
            });
            return this.ACTION((): Expr => {
              const span = this.#from(name);
              return {
                kind: 'path',
                label: { segments: [{ parts: [name.image], span: this.#at(name) }, ...segments], span },
                span,
              };
            });
          },
        },
        { ALT: () => this.ACTION((): Expr => ({ kind: 'name', name: name.image, span: this.#at(name) })) },
      ],
    });
  });

  readonly nameOrCall: ParserMethod<[], NameExpr | CallExpr> = this.RULE('nameOrCall', () => {
    const name = this.CONSUME(Name);
    const args = this.OPTION(() => this.SUBRULE(this.args));
    return this.ACTION((): NameExpr | CallExpr =>
      args
        ? { kind: 'call', callee: this.#ident(name), args, span: this.#from(name) }
        : { kind: 'name', name: name.image, span: this.#at(name) },
    );
  });

  readonly args: ParserMethod<[], Arg[]> = this.RULE('args', () => {
    this.#open(this.CONSUME(CallParen));
    const args = this.SUBRULE(this.argList);
    this.CONSUME(RParen);
    this.#close();
    return args;
  });

  readonly argList: ParserMethod<[], Arg[]> = this.RULE('argList', () => {
    const args: Arg[] = [];
    this.OPTION1(() => {
      args.push(this.SUBRULE1(this.arg));
      this.MANY({
        GATE: () => this.LA(2).tokenType !== RParen,
        DEF: () => {
          this.CONSUME1(Comma);
          args.push(this.SUBRULE2(this.arg));
        },
      });
      this.OPTION2(() => this.CONSUME2(Comma));
    });
    return args;
  });

  readonly arg: ParserMethod<[], Arg> = this.RULE('arg', () => {
    const start = this.LA(1);
    const name = this.OPTION({
      GATE: () => this.LA(2).tokenType === Assign,
      DEF: () => {
        const word = this.CONSUME(Word);
        this.CONSUME(Assign);
        return word;
      },
    });
    const value = this.SUBRULE(this.chain);
    return this.ACTION((): Arg => ({ ...(name && { name: this.#ident(name) }), value, span: this.#from(start) }));
  });

  readonly sub: ParserMethod<[], Sub> = this.RULE('sub', () => {
    const start = this.LA(1);
    const from = this.OPTION1(() => this.SUBRULE1(this.expr));
    const slice = this.OPTION2(() => {
      this.CONSUME(Colon);
      const to = this.OPTION3(() => this.SUBRULE2(this.expr));
      return this.ACTION(() => ({ to }));
    });
    return this.ACTION((): Sub => {
      const span = (): Span => this.#from(start);
      if (slice) return { kind: 'slice', ...(from && { from }), ...(slice.to && { to: slice.to }), span: span() };
      if (from) return { kind: 'at', value: from, span: from.span };
      const token = this.LA(1);
      return this.#fail(token, unexpectedText, {
        what: this.#short(token),
        found: describeToken(token),
        expected: 'an index such as `0` or a slice such as `1:` or `:`',
        fix: 'write `[:]` for everything',
      });
    });
  });

  readonly tensorType: ParserMethod<[], TensorTypeNode> = this.RULE('tensorType', () => {
    const name = this.CONSUME(Name);
    const dims: Expr[] = [];
    this.#open(this.OR([{ ALT: () => this.CONSUME(IndexBracket) }, { ALT: () => this.CONSUME(LBracket) }]));
    this.MANY_SEP({
      SEP: Comma,
      DEF: () => {
        dims.push(this.SUBRULE(this.expr));
      },
    });
    this.CONSUME(RBracket);
    this.#close();
    return this.ACTION((): TensorTypeNode => ({ elem: this.#ident(name), dims, span: this.#from(name) }));
  });

  readonly stringLiteral: ParserMethod<[], StringExpr> = this.RULE('stringLiteral', () => {
    const token = this.CONSUME(StringLiteral);
    return this.ACTION((): StringExpr => {
      const { source, sink } = this.#state;
      return { kind: 'string', value: stringValue(token.image, token.startOffset, source, sink), span: this.#at(token) };
    });
  });

  /** A name that is given here: no keyword. */
  readonly bindingName: ParserMethod<[], Ident> = this.RULE('bindingName', () => {
    this.ACTION(() => this.#mendKeyword());
    const token = this.CONSUME(Name);
    return this.ACTION((): Ident => this.#ident(token));
  });

  readonly bindingNames: ParserMethod<[], Ident[]> = this.RULE('bindingNames', () => {
    const names: Ident[] = [];
    this.ACTION(() => this.#mendKeyword());
    this.AT_LEAST_ONE_SEP({
      SEP: Comma,
      DEF: () => {
        names.push(this.SUBRULE(this.bindingName));
      },
    });
    return names;
  });

  readonly itemNames: ParserMethod<[], Ident[]> = this.RULE('itemNames', () => {
    const names = [this.SUBRULE1(this.bindingName)];
    this.OPTION(() => {
      this.CONSUME(Comma);
      names.push(this.SUBRULE2(this.bindingName));
    });
    return names;
  });

  readonly loneExpression: ParserMethod<[], void> = this.RULE('loneExpression', () => {
    if (this.RECORDING_PHASE) {
      this.SUBRULE(this.expr);
      return;
    }
    try {
      const value = this.SUBRULE(this.expr);
      const rest = this.LA(1);
      if (rest.tokenType !== EOF) {
        this.#fail(rest, unexpectedText, {
          what: this.#short(rest),
          found: describeToken(rest),
          expected: 'the end of the expression',
          fix: 'write one expression, such as `10`, `[2, 2, 2, 2]` or `Bottleneck(groups=32)`',
        });
      }
      this.lone = value;
    } catch (error) {
      if (error instanceof Abort) throw error;
      if (!(error instanceof Unwind)) this.#reportError(error);
      this.#jumpTo(this.#state.lexed.tokens.length);
    }
  });

  // ------------------------------------------------------------------------------------------------------- helpers

  #span(start: number, end: number): Span {
    return { file: this.#state.source, start, end };
  }

  #at(token: IToken): Span {
    return this.#span(token.startOffset, endOf(token));
  }

  /** From a token to the last one read. */
  #from(start: IToken): Span {
    return this.#span(start.startOffset, Math.max(endOf(this.LA(0)), start.startOffset));
  }

  #ident(token: IToken): Ident {
    return { name: token.image, span: this.#at(token) };
  }

  #index(): number {
    return Math.min(indexOf(this.LA(1)), this.#tokenCount());
  }

  /** The tokens of the file, without the sentinels that Chevrotain puts behind them while it reads. */
  #tokenCount(): number {
    return this.#state.lexed.partner.length;
  }

  #token(index: number): IToken | undefined {
    return index < this.#tokenCount() ? this.#state.lexed.tokens[index] : undefined;
  }

  #partner(token: IToken): number {
    return this.#state.lexed.partner[indexOf(token)] ?? -1;
  }

  #jumpTo(index: number): void {
    while (this.#index() < index && this.LA(1).tokenType !== EOF) this.consumeOne();
  }

  private consumeOne(): void {
    this.SKIP_TOKEN();
  }

  #open(token: IToken): void {
    if (this.RECORDING_PHASE) return;
    this.#state.openers.push(token);
    this.#deeper(token);
  }

  #close(): void {
    if (this.RECORDING_PHASE) return;
    this.#state.openers.pop();
    this.#shallower();
  }

  /** Where a new name is due a keyword is reported, and read as the name that it was meant to be. */
  #mendKeyword(): void {
    const token = this.LA(1);
    const type = token.tokenType;
    if (type === Name || !isWord(type) || this.LA(0).endLine !== token.startLine) return;
    this.#report(token, keywordAsName, { what: 'a new name', keyword: token.image, fix: `${token.image}_` });
    retag(token, Name);
  }

  #deeper(token: IToken): void {
    this.#state.depth++;
    if (this.#state.depth > maxNesting) this.#tooDeep(token);
  }

  #shallower(): void {
    this.#state.depth--;
  }

  #tooDeep(token: IToken): never {
    this.#report(token, nestedTooDeeply, { limit: maxNesting });
    throw new Abort();
  }

  #checkHeight(more: number, token: IToken): void {
    if (this.#state.height + more > maxOperators) this.#fail(token, expressionTooLong, { limit: maxOperators });
  }

  #doc(start: IToken): { readonly doc?: string } {
    const { comments } = this.#state.lexed;
    const before = this.#token(indexOf(start) - 1);
    const from = before ? endOf(before) : 0;
    let low = 0;
    let high = comments.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((comments[middle]?.span.start ?? 0) < start.startOffset) low = middle + 1;
      else high = middle;
    }
    const lines: string[] = [];
    for (let i = low - 1; i >= 0; i--) {
      const comment = comments[i];
      if (
        !comment ||
        comment.span.start < from ||
        !comment.text.startsWith('///') ||
        (!comment.ownLine &&
          before?.endLine === positionOf(this.#state.source, comment.span.start).line &&
          before.tokenType !== LParen &&
          before.tokenType !== CallParen &&
          before.tokenType !== Comma)
      )
        break;
      lines.unshift(comment.text.slice(3).replace(/^ /, '').trimEnd());
    }
    return lines.length > 0 ? { doc: lines.join('\n') } : {};
  }

  /** Whether a label with its colon begins at the next token; a keyword with a touching dot can be nothing else. */
  #labelAhead(): boolean {
    const { lexed } = this.#state;
    const { tokens, partner } = lexed;
    const count = partner.length;
    const begin = this.#index();
    const first = this.#token(begin);
    if (!first) return false;
    if (!isWord(first.tokenType) && first.tokenType !== Int && first.tokenType !== Float) return false;
    let i = begin + 1;
    while (i < count) {
      const type = tokens[i]?.tokenType;
      if (type === Colon) return true;
      if (type === Dot) {
        i++;
        const next = tokens[i]?.tokenType;
        if (i < count && (isWord(next) || next === Int || next === Float)) i++;
        else if (next !== LabelBrace) break;
      } else if (type === LabelBrace) {
        const close = partner[i] ?? -1;
        if (close < 0) break;
        i = close + 1;
        if (i < count && tokens[i]?.tokenType === LabelTail) i++;
      } else break;
    }
    const second = this.#token(begin + 1)?.tokenType;
    return first.tokenType !== Name && isWord(first.tokenType) && second === Dot;
  }

  /** `in` is the clause of an input or output here, and not the label of the next statement. */
  #rangeAhead(): boolean {
    const next = this.LA(2).tokenType;
    return this.LA(1).tokenType === KwIn && next !== Colon && next !== Dot && next !== LabelBrace;
  }

  #optionAhead(name: string): boolean {
    return this.LA(1).image === name && this.LA(2).tokenType === Assign;
  }

  /** Lists are written in brackets; Python's tuples are what many would type after `mean=`. */
  #refuseTuple(): void {
    const open = this.LA(1);
    if (open.tokenType !== LParen) return;
    const { tokens } = this.#state.lexed;
    const close = this.#partner(open);
    for (let i = indexOf(open) + 1; i < close; i++) {
      const token = tokens[i];
      const partner = token ? this.#partner(token) : -1;
      if (partner > i) i = partner;
      else if (token?.tokenType === Comma) {
        const from = endOf(open);
        const to = tokens[close]?.startOffset ?? from;
        this.#fail(open, tupleInRange, { fix: `[${this.#state.source.text.slice(from, to)}]` });
      }
    }
  }

  #atItem(): boolean {
    const type = this.LA(1).tokenType;
    return type === KwImport || type === KwConst || type === KwBlock || type === KwModel;
  }

  /** An item's first two tokens, which can follow each other in no body. */
  #isItemStart(index: number): boolean {
    const token = this.#token(index);
    if (!token) return false;
    const type = token.tokenType;
    if (type !== KwImport && type !== KwConst && type !== KwBlock && type !== KwModel) return false;
    const before = this.#token(index - 1)?.tokenType;
    if (before === Dot || before === KwInput || before === KwOutput || before === KwReuse) return false;
    const next = this.#token(index + 1)?.tokenType;
    return next === Name || (type === KwImport && (next === LBrace || next === LabelBrace));
  }

  /** Whether a statement, or the `;` between two, begins here. None begins with an operator or a minus. */
  #atStatement(): boolean {
    return statementStarts.has(this.LA(1).tokenType) || this.#labelAhead();
  }

  /** Called where no statement begins. True when reading goes on in the same body; false at its closing brace. */
  #resumeBody(open: IToken): boolean {
    const token = this.LA(1);
    if (token.tokenType === RBrace) return false;
    const index = this.#index();
    if (token.tokenType === EOF || this.#isItemStart(index)) {
      this.#reportUnclosed(open, token);
      throw new Unwind();
    }
    if (token.tokenType === RParen || token.tokenType === RBracket || token.tokenType === LabelClose) {
      this.#reportUnopened(token, 'a statement, or the `}` of the body');
      this.consumeOne();
      return true;
    }
    const { diagnostic } = describeUnreadable(this.#surroundings(token));
    this.#add(diagnostic, token);
    this.#skipToStatement(index, open, this.#state.openers.length);
    return true;
  }

  /** Called where no item begins. True when there is more to read. */
  #resumeFile(): boolean {
    const token = this.LA(1);
    if (token.tokenType === EOF) return false;
    const index = this.#index();
    if (token.tokenType === RBrace || token.tokenType === RParen || token.tokenType === RBracket) {
      this.#reportUnopened(token, '`import`, `const`, `block` or `model`');
      this.consumeOne();
      return true;
    }
    const word = isWord(token.tokenType);
    const item = {
      def: 'block',
      class: 'block',
      fn: 'block',
      function: 'block',
      module: 'block',
      network: 'model',
      net: 'model',
      let: 'const',
      var: 'const',
    };
    const meant = Object.entries(item).find(([name]) => name === token.image.toLowerCase())?.[1];
    this.#report(token, statementOutsideBody, {
      found: describeToken(token),
      fix: meant ? `write \`${meant}\`` : word ? 'write `block Name { … }` or `model Name { … }` around it' : 'take it away',
    });
    this.#skipToItem(index + 1);
    return true;
  }

  #skipToItem(least: number): void {
    let i = Math.max(this.#index(), least);
    while (i < this.#tokenCount() && !this.#isItemStart(i)) i++;
    this.#jumpTo(i);
  }

  /** Goes on to where the next statement of the body most likely begins: a new line outside all brackets, a `;`, or the body's end. */
  #skipToStatement(start: number, open: IToken, openers: number): void {
    const bodyOpen = indexOf(open);
    let i = this.#index();
    for (const opener of this.#state.openers.slice(openers)) {
      const partner = this.#partner(opener);
      if (partner >= i) {
        i = partner + 1;
        break;
      }
    }
    i = Math.max(i, start + 1);
    for (let token = this.#token(i); token; token = this.#token(i)) {
      const type = token.tokenType;
      const partner = this.#partner(token);
      if (type === RBrace && partner <= bodyOpen) break;
      if (this.#isItemStart(i) || type === Semicolon) break;
      const before = this.#token(i - 1);
      const newLine = before !== undefined && (before.endLine ?? 0) < (token.startLine ?? 0);
      if (newLine && statementStarts.has(type)) break;
      if (newLine && isWord(type) && type !== KwElse && type !== KwShortcut && type !== KwAs && type !== KwAnd && type !== KwOr)
        break;
      i = partner > i ? partner + 1 : i + 1;
    }
    this.#jumpTo(i);
  }

  #short(token: IToken): string {
    return token.tokenType === EOF ? 'end of the file' : quoteText(token.image);
  }

  #surroundings(token: IToken): Surroundings {
    const index = token.tokenType === EOF ? this.#tokenCount() : indexOf(token);
    return {
      source: this.#state.source,
      token,
      previous: this.#token(index - 1),
      beforePrevious: this.#token(index - 2),
      next: this.#token(index + 1),
      opener: this.#state.openers.at(-1),
    };
  }

  #reportUnclosed(open: IToken, token: IToken): void {
    const source = this.#state.source;
    const opener = open.image;
    const closer = opener === '(' ? ')' : opener === '[' ? ']' : '}';
    const before = this.#surroundings(token).previous ?? open;
    const end = endOf(before);
    this.#add(
      makeDiagnostic(unclosedBracket, {
        span: this.#span(end, end),
        label: `\`${closer}\` expected`,
        notes: [{ span: this.#at(open), text: 'opened here' }],
        with: {
          opener: `\`${opener}\``,
          closer: `\`${closer}\``,
          found: describeToken(token),
          line: positionOf(source, open.startOffset).line,
        },
      }),
      token,
    );
  }

  #reportUnopened(token: IToken, expected: string): void {
    const opener = token.image === ')' ? '(' : token.image === ']' ? '[' : '{';
    this.#report(token, unopenedBracket, { closer: `\`${token.image}\``, opener: `\`${opener}\``, expected });
  }

  #report<Holes extends string>(token: IToken, kind: DiagnosticKind<Holes>, holes: Report<Holes>['with']): void {
    this.#add(makeDiagnostic(kind, { span: this.#spot(token), with: holes }), token);
  }

  #fail<Holes extends string>(token: IToken, kind: DiagnosticKind<Holes>, holes: Report<Holes>['with']): never {
    throw new Mistake(makeDiagnostic(kind, { span: this.#spot(token), with: holes }), token);
  }

  /** A token's own place, or the end of the text. */
  #spot(token: IToken): Span {
    if (token.tokenType !== EOF) return this.#at(token);
    const last = this.#token(this.#tokenCount() - 1);
    const end = last ? endOf(last) : this.#state.source.text.length;
    return this.#span(end, end);
  }

  /** One mistake is told once: not again at the same token, and not in a line where the lexer spoke already. */
  #add(diagnostic: Diagnostic, token: IToken): void {
    const state = this.#state;
    const index = token.tokenType === EOF ? this.#tokenCount() : indexOf(token);
    const line = diagnostic.span ? positionOf(state.source, diagnostic.span.start).line : -1;
    if ((index === state.lastErrorAt || state.lexed.spoiledLines.has(line)) && state.sink.hasErrors) return;
    state.lastErrorAt = index;
    state.sink.add(diagnostic);
    if (state.sink.full) throw new Abort();
  }

  #reportError(error: unknown): void {
    if (error instanceof Mistake) {
      this.#add(error.diagnostic, error.token);
      return;
    }
    if (!(error instanceof Error) || !isRecognitionException(error)) throw error;
    const token = this.LA(1);
    const { mismatch } = this.#state;
    const surroundings = this.#surroundings(token);
    const expected = mismatch?.expected;
    const opener = surroundings.opener;
    const closing = expected === RParen || expected === RBracket || expected === RBrace || expected === LabelClose;
    if (closing && opener) {
      const ends =
        token.tokenType === EOF || token.tokenType === RBrace || token.tokenType === RParen || token.tokenType === RBracket;
      const later = (surroundings.previous?.endLine ?? 0) < (token.startLine ?? 0);
      if (ends || this.#isItemStart(this.#index()) || (later && this.#partner(opener) < 0)) {
        this.#reportUnclosed(opener, token);
        return;
      }
    }
    const description = describeMismatch(surroundings, mismatch?.rule ?? '', expected);
    this.#add(description.diagnostic, token);
  }
}

function freshState(source: SourceFile, sink: CappedSink, lexed: Lexed): State {
  return { source, sink, lexed, depth: 0, height: 0, openers: [], lastErrorAt: -1, mismatch: undefined };
}
