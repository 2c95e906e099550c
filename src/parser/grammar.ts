/**
 * The grammar of the language reference: its productions, each with its EBNF beside it, in the words of `reader.ts`.
 * `grammars/res.ebnf` and `grammars/railroad.html` are made of the same lines.
 *
 * A `rule` is a production of Chevrotain's, and what an error names. An `inline` production is read within the rule that uses it,
 * since every rule costs time at each token and stack at each level. Operators are read flat and ranked afterwards (`rank.ts`).
 *
 * One file of more than 600 lines, because it is one thing: the productions need each other in circles, and there is nothing else
 * in it.
 */
import type { IToken, ParserMethod, TokenType } from 'chevrotain';
import type { SourceFile } from '../diagnostics/source.ts';
import { chainLeafEnds, chainStarts, exprLeafEnds, exprStarts, leafStarts } from './ahead.ts';
import type * as ast from './ast.ts';
import type { CappedSink } from './capped-sink.ts';
import { docBefore } from './doc-comments.ts';
import type { Lexed } from './lexer.ts';
import { floatAsLabel, labelledValue, noSubscript, notAType, notFrom, notNone } from './mistakes.ts';
import type { Operand } from './rank.ts';
import type { Decisions, PendingTemplate } from './reader.ts';
import { maxNesting, RecoveringReader } from './recovery.ts';
import {
  Arrow,
  Assign,
  CallParen,
  Colon,
  Comma,
  Dot,
  DotDot,
  Float,
  Hyphen,
  IndexBracket,
  Int,
  isWord,
  KwAs,
  KwAssert,
  KwBlock,
  KwConst,
  KwEach,
  KwElse,
  KwIf,
  KwImport,
  KwIn,
  KwInput,
  KwLet,
  KwLoop,
  KwMap,
  KwModel,
  KwNot,
  KwOde,
  KwOutput,
  KwParam,
  KwRepeat,
  KwResidual,
  KwReturn,
  KwReuse,
  KwSequential,
  KwShared,
  KwShortcut,
  KwWhile,
  LabelBrace,
  LabelClose,
  LabelOpen,
  LabelTail,
  LBrace,
  LBracket,
  LParen,
  Minus,
  Name,
  Operator,
  Question,
  RBrace,
  RBracket,
  RParen,
  Size,
  StringLiteral,
  TokenSet,
  vocabulary,
  Word,
} from './tokens.ts';
import * as tree from './tree.ts';

/** A rule of the grammar and what it reads. */
type Rule<T> = ParserMethod<[], T>;

const parenthesis = new TokenSet([LParen, CallParen]);
const bracket = new TokenSet([LBracket, IndexBracket]);
const prefix = new TokenSet([Minus, KwNot]);
const referenceTail = new TokenSet([CallParen, Dot]);
const partStarts = new TokenSet([LabelBrace, Hyphen]);
const hyphenTail = new TokenSet([...vocabulary.filter(isWord), Int, Size]);
const subStarts = new TokenSet([...exprStarts, Colon]);

export class ResParser extends RecoveringReader {
  /**
   * With `validate` Chevrotain checks the grammar, which costs time and which a test does.
   *
   * @param decisions What `decisions()` of another parser of this grammar gave.
   */
  constructor(validate: boolean, decisions?: Decisions) {
    super(validate, decisions);
    this.performSelfAnalysis();
  }

  /** Reads a whole file. Never throws on any text. */
  readFile(source: SourceFile, lexed: Lexed, sink: CappedSink, templates: PendingTemplate[]): ast.Item[] {
    const items: ast.Item[] = [];
    this.#items = items;
    this.readWith(source, lexed, sink, templates, () => this.file());
    return items;
  }

  /** Reads one expression that is the whole text. */
  readExpression(source: SourceFile, lexed: Lexed, sink: CappedSink, templates: PendingTemplate[]): ast.Expr | undefined {
    this.#lone = undefined;
    this.readWith(source, lexed, sink, templates, () => this.loneExpression());
    return this.#lone;
  }

  /** What was read before something ended the reading. */
  #items: ast.Item[] = [];
  #lone: ast.Expr | undefined;

  // -------------------------------------------------------------------------------------------------- files and items

  readonly file: Rule<void> = this.rule('file', '{ item }', () => {
    this.items(this.#items, () => this.read(this.item));
  });

  readonly loneExpression: Rule<void> = this.rule('loneExpression', 'expr', () => {
    this.#lone = this.whole(() => this.read(this.expr));
  });

  readonly item: Rule<ast.Item> = this.rule(
    'item',
    'importItem | constItem | blockItem | modelItem',
    this.choice<ast.Item>(
      () => this.read(this.importItem),
      () => this.read(this.constItem),
      () => this.read(this.blockItem),
      () => this.read(this.modelItem),
    ),
  );

  readonly importItem: Rule<ast.ImportItem> = this.rule(
    'importItem',
    '"import" "{" importName { "," importName } [ "," ] "}" "from" stringLiteral',
    () => {
      const start = this.token(KwImport);
      this.open(LBrace);
      const names = this.commas(Name, () => this.read(this.importName));
      this.close(RBrace);
      const word = this.next();
      if (word.tokenType !== Name || word.image !== 'from') this.fail(word, notFrom(word));
      this.token(Name);
      const from = this.read(this.stringLiteral);
      return { kind: 'import', names, from, span: this.spanFrom(start) };
    },
  );

  readonly importName: Rule<tree.ImportedName> = this.rule('importName', 'bindingName [ "as" bindingName ]', () => {
    const name = this.read(this.bindingName);
    const as = this.maybe(KwAs, () => this.after(KwAs, this.bindingName));
    return tree.importedName(name, as);
  });

  readonly constItem: Rule<ast.ConstItem> = this.rule('constItem', '"const" bindingName "=" expr', () => {
    const start = this.token(KwConst);
    const name = this.read(this.bindingName);
    this.token(Assign);
    const value = this.read(this.expr);
    return tree.constItem(name, value, this.#doc(start), this.spanFrom(start));
  });

  readonly blockItem: Rule<ast.BlockItem> = this.rule('blockItem', '"block" bindingName [ params ] body', () => {
    const start = this.token(KwBlock);
    const name = this.read(this.bindingName);
    const params = this.#paramsIfAny();
    const body = this.read(this.body);
    return tree.blockItem(name, params, body, this.#doc(start), this.spanFrom(start));
  });

  readonly modelItem: Rule<ast.ModelItem> = this.rule(
    'modelItem',
    '"model" bindingName ( "=" nameOrCall | [ params ] body )',
    () => {
      const start = this.token(KwModel);
      const name = this.read(this.bindingName);
      const rest = this.#modelRest();
      return tree.modelItem(name, rest, this.#doc(start), this.spanFrom(start));
    },
  );
  readonly #modelRest = this.choice<tree.ModelRest>(
    () => {
      this.token(Assign);
      return { params: [], base: this.read(this.nameOrCall) };
    },
    () => {
      const params = this.#paramsIfAny();
      return { params, body: this.read(this.body) };
    },
  );

  #paramsIfAny(): ast.Param[] {
    return this.maybe(parenthesis, () => this.paramsOrNone(() => this.read(this.params))) ?? [];
  }

  readonly params: Rule<ast.Param[]> = this.rule('params', '( "(" | CallParen ) [ param { "," param } [ "," ] ] ")"', () => {
    this.opened(this.#parenthesis());
    this.mendKeyword();
    const params = this.maybe(Name, () => this.commas(Name, () => this.read(this.param)));
    this.close(RParen);
    return params ?? [];
  });
  readonly #parenthesis = this.choice<IToken>(
    () => this.token(LParen),
    () => this.token(CallParen),
  );

  readonly param: Rule<ast.Param> = this.rule('param', 'bindingName [ ":" typeRef ] [ "=" expr ]', () => {
    const start = this.next();
    const name = this.read(this.bindingName);
    const type = this.maybe(Colon, () => this.after(Colon, this.typeRef));
    const value = this.maybe(Assign, () => this.after(Assign, this.expr));
    return tree.param(name, { type, value, doc: this.#doc(start) }, this.spanFrom(start));
  });

  readonly typeRef: Rule<ast.TypeRef> = this.rule(
    'typeRef',
    '( "int" | "float" | "bool" | "string" | "size" | "block" | "tensor" ) { ( IndexBracket | "[" ) "]" }',
    () => {
      const token = this.#typeName();
      const name = tree.isTypeName(token.image) ? token.image : this.fail(token, notAType(token));
      let lists = 0;
      this.whileAt(bracket, () => {
        this.opened(this.#listBracket());
        this.close(RBracket);
        lists++;
        if (lists > maxNesting) this.tooDeep(token);
      });
      return { name, lists, span: this.spanFrom(token) };
    },
  );
  readonly #typeName = this.choice<IToken>(
    () => this.token(Name),
    () => this.token(KwBlock),
  );
  readonly #listBracket = this.choice<IToken>(
    () => this.token(IndexBracket),
    () => this.token(LBracket),
  );

  // ------------------------------------------------------------------------------------------------ bodies, statements

  readonly body: Rule<ast.Body> = this.rule('body', '"{" { statement | ";" } "}"', () => {
    const open = this.open(LBrace);
    const stmts = this.statements(open, this.statement);
    this.close(RBrace);
    return { kind: 'body', stmts, span: this.spanFrom(open) };
  });

  /** A word with a colon behind it is a label, keyword or not. */
  readonly statement = this.inline<ast.Stmt>(
    'statement',
    'inputStmt | outputStmt | paramStmt | letStmt | returnStmt | assertStmt | mapStmt | ifStmt | chain',
    this.either(
      () => this.labelAhead(),
      () => this.#chainStmt(),
      this.firstOf<ast.Stmt>(
        () => this.read(this.inputStmt),
        () => this.read(this.outputStmt),
        () => this.read(this.paramStmt),
        () => this.read(this.letStmt),
        () => this.read(this.returnStmt),
        () => this.read(this.assertStmt),
        () => this.read(this.mapStmt),
        () => this.read(this.ifStmt),
        () => this.#chainStmt(),
      ),
    ),
  );

  readonly inputStmt: Rule<ast.InputStmt> = this.rule(
    'inputStmt',
    '"input" label ":" tensorType [ range ] [ "as" bindingName ]',
    () => {
      const start = this.token(KwInput);
      const label = this.read(this.label);
      this.token(Colon);
      const type = this.read(this.tensorType);
      const range = this.maybeIf(this.rangeAhead(), () => this.read(this.range));
      const as = this.maybe(KwAs, () => this.after(KwAs, this.bindingName));
      return tree.inputStmt(label, type, range, as, this.spanFrom(start));
    },
  );

  /** The elaborator refuses the mean and the std of an output. */
  readonly range: Rule<ast.RangeNode> = this.rule('range', '"in" expr ".." expr [ "mean" "=" expr ] [ "std" "=" expr ]', () => {
    const start = this.token(KwIn);
    const low = this.read(this.expr);
    this.token(DotDot);
    const high = this.read(this.expr);
    const mean = this.maybeIf(this.optionAhead('mean'), () => this.#rangeOption());
    const std = this.maybeIf(this.optionAhead('std'), () => this.#rangeOption());
    return tree.range(low, high, mean, std, this.spanFrom(start));
  });
  #rangeOption(): ast.Expr {
    this.token(Name);
    this.token(Assign);
    this.refuseTuple();
    return this.read(this.expr);
  }

  readonly outputStmt: Rule<ast.OutputStmt> = this.rule('outputStmt', '"output" label [ range ] [ "=" chain ]', () => {
    const start = this.token(KwOutput);
    const label = this.read(this.label);
    const range = this.maybeIf(this.rangeAhead(), () => this.read(this.range));
    const value = this.maybe(Assign, () => this.after(Assign, this.chain));
    return tree.outputStmt(label, range, value, this.spanFrom(start));
  });

  readonly paramStmt: Rule<ast.ParamStmt> = this.rule('paramStmt', '"param" bindingName ":" tensorType [ "=" expr ]', () => {
    const start = this.token(KwParam);
    const name = this.read(this.bindingName);
    const type = this.after(Colon, this.tensorType);
    const init = this.maybe(Assign, () => this.after(Assign, this.expr));
    return tree.paramStmt(name, type, init, this.spanFrom(start));
  });

  readonly letStmt: Rule<ast.LetStmt> = this.rule('letStmt', '"let" bindingName { "," bindingName } "=" chain', () => {
    const start = this.token(KwLet);
    const names = [this.read(this.bindingName)];
    this.whileAt(Comma, () => names.push(this.after(Comma, this.bindingName)));
    const value = this.after(Assign, this.chain);
    return tree.letStmt(names, value, this.spanFrom(start));
  });

  readonly returnStmt: Rule<ast.ReturnStmt> = this.rule('returnStmt', '"return" chain { "," chain }', () => {
    const start = this.token(KwReturn);
    const values = [this.read(this.chain)];
    this.whileAt(Comma, () => values.push(this.after(Comma, this.chain)));
    return { kind: 'return', values, span: this.spanFrom(start) };
  });

  readonly assertStmt: Rule<ast.AssertStmt> = this.rule('assertStmt', '"assert" expr [ "," stringLiteral ]', () => {
    const start = this.token(KwAssert);
    const condition = this.read(this.expr);
    const message = this.maybe(Comma, () => this.after(Comma, this.stringLiteral));
    return tree.assertStmt(condition, message, this.spanFrom(start));
  });

  readonly mapStmt: Rule<ast.MapStmt> = this.rule('mapStmt', '"map" nameTemplate "=" ( nameTemplate | "none" )', () => {
    const start = this.token(KwMap);
    const from = this.read(this.nameTemplate);
    this.token(Assign);
    const to = this.#mapTarget();
    return tree.mapStmt(from, to, this.spanFrom(start));
  });
  readonly #mapTarget = this.choice<ast.Template | undefined>(
    () => this.read(this.nameTemplate),
    () => {
      const word = this.token(Name);
      if (word.image !== 'none') this.fail(word, notNone(word));
      return undefined;
    },
  );

  readonly ifStmt: Rule<ast.IfStmt> = this.rule('ifStmt', '"if" expr body [ "else" ( body | ifStmt ) ]', () => {
    const start = this.token(KwIf);
    const condition = this.read(this.expr);
    const then = this.read(this.body);
    const otherwise =
      !this.RECORDING_PHASE && this.elifAhead()
        ? this.within(this.next(), () => this.read(this.ifStmt))
        : this.maybe(KwElse, () => {
            this.token(KwElse);
            return this.#otherwise();
          });
    return tree.ifStmt(condition, then, otherwise, this.spanFrom(start));
  });
  readonly #otherwise = this.choice<ast.Body | ast.IfStmt>(
    () => this.read(this.body),
    () => this.within(this.previous(), () => this.read(this.ifStmt)),
  );

  #chainStmt(): ast.Stmt {
    const chain = this.read(this.chain);
    return { kind: 'chainStmt', chain, span: chain.span };
  }

  // ---------------------------------------------------------------------------------------------------- chains, labels

  readonly chain: Rule<ast.Chain> = this.rule('chain', '( labelled | construct | expr ) { "->" ( labelled | target ) }', () => {
    const leaf = this.#leafBefore(chainLeafEnds);
    if (leaf) return tree.chain([leaf], leaf.span);
    const first = this.#firstLink();
    const links = [first];
    this.whileAt(Arrow, () => {
      this.token(Arrow);
      links.push(this.#nextLink());
    });
    return tree.chain(links, this.covering(first, links.at(-1) ?? first));
  });
  readonly #firstLink = this.either<ast.Link>(
    () => this.labelAhead(),
    () => this.read(this.labelled),
    this.choice<ast.Link>(
      () => this.read(this.construct),
      () => this.read(this.expr),
    ),
  );
  readonly #nextLink = this.either<ast.Link>(
    () => this.labelAhead(),
    () => this.read(this.labelled),
    () => this.read(this.target),
  );

  readonly labelled: Rule<ast.Labelled> = this.rule('labelled', 'label ":" target', () => {
    const label = this.read(this.label);
    const target = this.after(Colon, this.target);
    return { kind: 'labelled', label, target, span: this.covering(label, target) };
  });

  readonly target: Rule<ast.Labelled['target']> = this.rule(
    'target',
    'construct | body | nameOrCall',
    this.choice<ast.Labelled['target']>(
      () => this.read(this.construct),
      () => this.read(this.body),
      () => {
        const value = this.read(this.nameOrCall);
        const after = this.next();
        if (after.tokenType === Dot || after.tokenType === IndexBracket) this.fail(after, labelledValue(after));
        return value;
      },
    ),
  );

  readonly label: Rule<ast.Label> = this.rule(
    'label',
    '( wordSegment | number | Float | String | opening ) { Dot segment }',
    () => {
      const start = this.next();
      const segments = this.#firstSegments();
      this.whileAt(Dot, () => segments.push(this.after(Dot, this.segment)));
      return { segments, span: this.spanFrom(start) };
    },
  );
  readonly #firstSegments = this.choice<ast.LabelSegment[]>(
    () => [this.wordSegment()],
    () => [this.number()],
    () => {
      const token = this.token(Float);
      return tree.segmentsOfFloat(token, this.reading.source) ?? this.fail(token, floatAsLabel(token));
    },
    () => [this.template(this.token(StringLiteral))],
    () => [this.opening()],
  );

  readonly segment: Rule<ast.LabelSegment> = this.rule(
    'segment',
    'wordSegment | number | String | part { part }',
    this.choice<ast.LabelSegment>(
      () => this.wordSegment(),
      () => this.number(),
      () => this.template(this.token(StringLiteral)),
      () => {
        const start = this.next();
        const parts: ast.Part[] = [];
        this.#partInto(parts);
        this.#moreParts(parts);
        return tree.segment(parts, this.spanFrom(start));
      },
    ),
  );

  readonly wordSegment = this.inline<ast.LabelSegment>('wordSegment', 'Word { part }', () => this.#segmentFrom(Word));
  readonly number = this.inline<ast.LabelSegment>('number', 'Int { part }', () => this.#segmentFrom(Int));
  #segmentFrom(type: TokenType): ast.LabelSegment {
    const token = this.token(type);
    const parts: ast.Part[] = [token.image];
    this.#moreParts(parts);
    return tree.segment(parts, this.spanFrom(token));
  }

  readonly opening = this.inline<ast.LabelSegment>('opening', 'LabelOpen expr LabelClose [ LabelTail ] { part }', () => {
    const start = this.next();
    const parts = this.#computed(LabelOpen);
    this.#moreParts(parts);
    return tree.segment(parts, this.spanFrom(start));
  });

  #moreParts(parts: ast.Part[]): void {
    this.whileAt(partStarts, () => this.#partInto(parts));
  }
  #partInto(parts: ast.Part[]): void {
    const more = this.read(this.part);
    // While the grammar is recorded, a rule gives no value.
    if (!this.RECORDING_PHASE) parts.push(...more);
  }

  readonly part: Rule<ast.Part[]> = this.rule(
    'part',
    'LabelBrace expr LabelClose [ LabelTail ] | Hyphen [ Word | Int | Size ]',
    this.choice<ast.Part[]>(
      () => this.#computed(LabelBrace),
      () => {
        const hyphen = this.token(Hyphen);
        const tail = this.maybe(hyphenTail, this.#hyphenTail);
        return tail ? [hyphen.image, tail.image] : [hyphen.image];
      },
    ),
  );
  readonly #hyphenTail = this.choice<IToken>(
    () => this.token(Word),
    () => this.token(Int),
    () => this.token(Size),
  );
  #computed(open: TokenType): ast.Part[] {
    this.open(open);
    const value = this.read(this.expr);
    this.close(LabelClose);
    const tail = this.maybe(LabelTail, () => this.token(LabelTail));
    return tail ? [value, tail.image] : [value];
  }

  // -------------------------------------------------------------------------------------------------------- constructs

  readonly construct: Rule<ast.Construct> = this.rule(
    'construct',
    'repeat | each | loop | sequential | ode | reuse | residual',
    this.choice<ast.Construct>(
      () => this.read(this.repeat),
      () => this.read(this.each),
      () => this.read(this.loop),
      () => this.read(this.sequential),
      () => this.read(this.ode),
      () => this.read(this.reuse),
      () => this.read(this.residual),
    ),
  );

  readonly repeat: Rule<ast.Repeat> = this.rule(
    'repeat',
    '"repeat" expr [ "as" itemNames ] [ handedOn ] [ "shared" ] [ "collect" ] body',
    () => {
      const start = this.token(KwRepeat);
      const over = this.read(this.expr);
      const names = this.maybe(KwAs, () => {
        this.token(KwAs);
        return this.itemNames();
      });
      const carried = this.maybeIf(this.wordAhead('with'), () => this.handedOn());
      const shared = this.maybe(KwShared, () => this.token(KwShared)) !== undefined;
      const collect = this.maybeIf(this.wordAhead('collect'), () => this.token(Name)) !== undefined;
      const body = this.read(this.body);
      return {
        kind: 'repeat',
        over,
        names: names ?? [],
        carried: carried ?? [],
        shared,
        collect,
        body,
        span: this.spanFrom(start),
      };
    },
  );

  /** What a turn hands on to the next. */
  readonly handedOn = this.inline<ast.Carried[]>('handedOn', '"with" carried { "," carried }', () => {
    this.token(Name);
    const list = [this.read(this.carried)];
    this.whileAt(Comma, () => list.push(this.after(Comma, this.carried)));
    return list;
  });
  readonly carried: Rule<ast.Carried> = this.rule('carried', 'bindingName [ "=" chain ]', () => {
    const start = this.next();
    const name = this.read(this.bindingName);
    const value = this.maybe(Assign, () => this.after(Assign, this.chain));
    return tree.carried(name, value, this.spanFrom(start));
  });

  readonly each: Rule<ast.Each> = this.rule('each', '"each" expr "as" itemNames [ "shared" ] body', () => {
    const start = this.token(KwEach);
    const over = this.read(this.expr);
    this.token(KwAs);
    const names = this.itemNames();
    const shared = this.maybe(KwShared, () => this.token(KwShared)) !== undefined;
    const body = this.read(this.body);
    return { kind: 'each', over, names, shared, body, span: this.spanFrom(start) };
  });

  /** A repetition of the run, in the clauses of `repeat`; without a count it ends by its condition. */
  readonly loop: Rule<ast.Loop> = this.rule(
    'loop',
    '"loop" [ expr ] [ "as" bindingName ] [ handedOn ] [ "while" expr ] [ "collect" ] body',
    () => {
      const start = this.token(KwLoop);
      const count = this.maybeIf(this.countAhead(), () => this.read(this.expr));
      const index = this.maybe(KwAs, () => this.after(KwAs, this.bindingName));
      const carried = this.maybeIf(this.wordAhead('with'), () => this.handedOn()) ?? [];
      const condition = this.maybe(KwWhile, () => this.after(KwWhile, this.expr));
      const collect = this.maybeIf(this.wordAhead('collect'), () => this.token(Name)) !== undefined;
      const body = this.read(this.body);
      return tree.loop({ count, index, carried, condition, collect, body, span: this.spanFrom(start) });
    },
  );

  /** The element and its position. */
  readonly itemNames = this.inline<ast.Ident[]>('itemNames', 'bindingName [ "," bindingName ]', () => {
    const item = this.read(this.bindingName);
    const position = this.maybe(Comma, () => this.after(Comma, this.bindingName));
    return position ? [item, position] : [item];
  });

  readonly sequential: Rule<ast.Sequential> = this.rule('sequential', '"sequential" body', () => {
    const start = this.token(KwSequential);
    const body = this.read(this.body);
    return { kind: 'sequential', body, span: this.spanFrom(start) };
  });

  readonly ode: Rule<ast.Ode> = this.rule('ode', '"ode" "(" argList ")" [ "as" bindingName ] body', () => {
    const start = this.token(KwOde);
    this.open(LParen);
    const args = this.argList();
    this.close(RParen);
    const time = this.maybe(KwAs, () => this.after(KwAs, this.bindingName));
    const body = this.read(this.body);
    return tree.ode(args, time, body, this.spanFrom(start));
  });

  readonly reuse: Rule<ast.Reuse> = this.rule('reuse', '"reuse" label', () => {
    const start = this.token(KwReuse);
    const label = this.read(this.label);
    return { kind: 'reuse', label, span: this.spanFrom(start) };
  });

  readonly residual: Rule<ast.Residual> = this.rule('residual', '"residual" [ "(" argList ")" ] body [ shortcut ]', () => {
    const start = this.token(KwResidual);
    const args = this.maybe(LParen, () => {
      this.open(LParen);
      const list = this.argList();
      this.close(RParen);
      return list;
    });
    const body = this.read(this.body);
    const shortcut = this.maybe(KwShortcut, () => this.read(this.shortcut));
    return tree.residual(args ?? [], body, shortcut, this.spanFrom(start));
  });

  readonly shortcut: Rule<tree.Shortcut> = this.rule('shortcut', '"shortcut" [ label ":" ] ( construct | expr )', () => {
    const start = this.token(KwShortcut);
    const label = this.maybeIf(this.labelAhead(), () => {
      const found = this.read(this.label);
      this.token(Colon);
      return found;
    });
    const value = this.within(start, this.#shortcutValue);
    return tree.shortcut(label, value, this.spanFrom(start));
  });
  readonly #shortcutValue = this.choice<ast.Construct | ast.Expr>(
    () => this.read(this.construct),
    () => this.read(this.expr),
  );

  // ------------------------------------------------------------------------------------------------------- expressions

  readonly expr: Rule<ast.Expr> = this.rule('expr', 'operand { Operator operand } [ "?" expr ":" expr ]', () => {
    const leaf = this.#leafBefore(exprLeafEnds);
    if (leaf) return leaf;
    const outer = this.enterExpression();
    const operands = [this.read(this.operand)];
    const operators: IToken[] = [];
    this.repeatWhile(
      () => this.operatorAhead(),
      () => {
        const operator = this.token(Operator);
        operators.push(operator);
        this.checkHeight(operators.length, operator);
        operands.push(this.read(this.operand));
      },
    );
    const value = this.ranked(operands, operators);
    const conditional = this.maybe(Question, () => this.#conditional(value));
    this.leaveExpression(outer);
    return conditional ?? value;
  });

  #conditional(condition: ast.Expr): ast.Expr {
    const question = this.token(Question);
    return this.within(question, () => {
      const then = this.read(this.expr);
      const otherwise = this.after(Colon, this.expr);
      return tree.conditional(condition, then, otherwise, this.covering(condition, otherwise));
    });
  }

  /** A primary with its prefixes and indices: `-x[:, 0]`. */
  readonly operand: Rule<Operand> = this.rule('operand', '{ "-" | "not" } primary { IndexBracket sub { "," sub } "]" }', () => {
    const prefixes: IToken[] = [];
    this.whileAt(prefix, () => {
      const sign = this.#prefix();
      prefixes.push(sign);
      this.deeper(sign);
    });
    const start = this.next();
    let value = this.primary();
    let indices = 0;
    this.whileAt(IndexBracket, () => {
      const open = this.open(IndexBracket);
      const subs = [this.read(this.sub)];
      this.whileAt(Comma, () => subs.push(this.after(Comma, this.sub)));
      this.close(RBracket);
      this.checkHeight(++indices, open);
      value = tree.index(value, subs, this.spanFrom(start));
    });
    this.grown(indices + prefixes.length);
    this.shallower(prefixes.length);
    return { prefixes, value };
  });
  readonly #prefix = this.choice<IToken>(
    () => this.token(Minus),
    () => this.token(KwNot),
  );

  readonly primary = this.inline<ast.Expr>(
    'primary',
    'Int | Float | Size | String | "true" | "false" | list | paren | body | reference',
    this.choice<ast.Expr>(
      ...tree.literals.map((type) => () => this.#leaf(this.token(type))),
      () => this.list(),
      () => this.paren(),
      () => this.read(this.body),
      () => this.reference(),
    ),
  );

  readonly list = this.inline<ast.Expr>('list', '"[" [ chain { "," chain } [ "," ] ] "]"', () => {
    const open = this.open(LBracket);
    const items = this.maybe(chainStarts, () => this.commas(chainStarts, () => this.read(this.chain)));
    this.close(RBracket);
    return tree.list(items ?? [], this.spanFrom(open));
  });

  readonly paren = this.inline<ast.Expr>('paren', '"(" chain ")"', () => {
    const open = this.open(LParen);
    const chain = this.read(this.chain);
    this.close(RParen);
    return tree.paren(chain, this.spanFrom(open));
  });

  /** A name, a call, or the path of a parameter: `wte.weight`. */
  readonly reference = this.inline<ast.Expr>('reference', 'Name [ args | Dot segment { Dot segment } ]', () => {
    const name = this.token(Name);
    const tail = this.maybe(referenceTail, this.#referenceTail);
    if (!tail) return tree.name(name, this.spanOf(name));
    const span = this.spanFrom(name);
    if (tail.args) return tree.call(this.#ident(name), tail.args, span);
    return tree.path(tree.segment([name.image], this.spanOf(name)), tail.segments, span);
  });
  readonly #referenceTail = this.choice<tree.ReferenceTail>(
    () => ({ args: this.read(this.args) }),
    () => {
      const segments = [this.after(Dot, this.segment)];
      this.whileAt(Dot, () => segments.push(this.after(Dot, this.segment)));
      return { segments };
    },
  );

  readonly nameOrCall: Rule<ast.NameExpr | ast.CallExpr> = this.rule('nameOrCall', 'Name [ args ]', () => {
    const name = this.token(Name);
    const args = this.maybe(CallParen, () => this.read(this.args));
    return args ? tree.call(this.#ident(name), args, this.spanFrom(name)) : tree.name(name, this.spanOf(name));
  });

  readonly args: Rule<ast.Arg[]> = this.rule('args', 'CallParen argList ")"', () => {
    this.open(CallParen);
    const args = this.argList();
    this.close(RParen);
    return args;
  });

  readonly argList = this.inline<ast.Arg[]>(
    'argList',
    '[ arg { "," arg } [ "," ] ]',
    () => this.maybe(chainStarts, () => this.commas(chainStarts, this.arg)) ?? [],
  );

  readonly arg = this.inline<ast.Arg>('arg', '[ Word "=" ] chain', () => {
    const start = this.next();
    const name = this.maybeIf(this.argumentNameAhead(), () => {
      const word = this.token(Word);
      this.token(Assign);
      return this.#ident(word);
    });
    const value = this.read(this.chain);
    return tree.arg(name, value, this.spanFrom(start));
  });

  readonly sub: Rule<ast.Sub> = this.rule('sub', 'expr [ ":" [ expr ] [ ":" [ expr ] ] ] | ":" [ expr ] [ ":" [ expr ] ]', () => {
    if (!this.at(subStarts)) this.fail(this.next(), noSubscript(this.next()));
    return this.#sub();
  });
  readonly #sub = this.choice<ast.Sub>(
    () => {
      const start = this.next();
      const value = this.read(this.expr);
      const slice = this.maybe(Colon, () => this.#sliceEnd());
      return slice ? tree.slice({ from: value, ...slice }, this.spanFrom(start)) : { kind: 'at', value, span: value.span };
    },
    () => {
      const start = this.next();
      const slice = this.#sliceEnd();
      return tree.slice(slice, this.spanFrom(start));
    },
  );
  #sliceEnd(): Pick<tree.SliceParts, 'to' | 'step'> {
    this.token(Colon);
    const to = this.maybe(exprStarts, () => this.read(this.expr));
    const step = this.maybe(Colon, () => {
      this.token(Colon);
      return this.maybe(exprStarts, () => this.read(this.expr));
    });
    return { to, step };
  }

  readonly tensorType: Rule<ast.TensorTypeNode> = this.rule(
    'tensorType',
    'Name ( IndexBracket | "[" ) [ expr { "," expr } ] "]"',
    () => {
      const name = this.token(Name);
      this.opened(this.#tensorBracket());
      const dims: ast.Expr[] = [];
      this.maybe(exprStarts, () => {
        dims.push(this.read(this.expr));
        this.whileAt(Comma, () => dims.push(this.after(Comma, this.expr)));
      });
      this.close(RBracket);
      return { elem: this.#ident(name), dims, span: this.spanFrom(name) };
    },
  );
  readonly #tensorBracket = this.choice<IToken>(
    () => this.token(IndexBracket),
    () => this.token(LBracket),
  );

  readonly stringLiteral: Rule<ast.StringExpr> = this.rule('stringLiteral', 'String', () => {
    const token = this.token(StringLiteral);
    return tree.stringExpr(token, this.spanOf(token), this.reading.sink);
  });

  /** A string with computed parts in braces. */
  readonly nameTemplate: Rule<ast.Template> = this.rule('nameTemplate', 'String', () => this.template(this.token(StringLiteral)));

  /** A name that is given here: no keyword. */
  readonly bindingName: Rule<ast.Ident> = this.rule('bindingName', 'Name', () => {
    this.mendKeyword();
    return this.#ident(this.token(Name));
  });

  // ------------------------------------------------------------------------------------------------------------ leaves

  #ident(token: IToken): ast.Ident {
    return { name: token.image, span: this.spanOf(token) };
  }

  #leaf(token: IToken): ast.Expr {
    if (this.RECORDING_PHASE) return tree.name(token, this.spanOf(token));
    return tree.leaf(token, this.spanOf(token), this.reading.sink);
  }

  /** Most expressions are one literal or name; where what follows ends it, no other rule needs to be asked. */
  #leafBefore(ends: TokenSet): ast.Expr | undefined {
    if (this.RECORDING_PHASE || !this.at(leafStarts) || !this.at(ends, 2)) return undefined;
    return this.#leaf(this.token(this.next().tokenType));
  }

  #doc(start: IToken): string | undefined {
    return docBefore(start, this.reading.lexed, this.reading.source);
  }
}
