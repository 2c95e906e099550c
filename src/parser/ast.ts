/** The typed syntax tree of a `.res` file. Every node has the span of its own text, without surrounding blanks and comments. */
import type { SourceFile, Span } from '../diagnostics/source.ts';

export interface Ident {
  readonly name: string;
  readonly span: Span;
}

export interface Comment {
  /** With its `//`, `///` or `slash-star`. */
  readonly text: string;
  readonly span: Span;
  /** True when nothing but blanks stands before it on its line. */
  readonly ownLine: boolean;
}

/** A source as a tree: imports, constants, blocks and models in their order. */
export interface FileNode {
  readonly kind: 'file';
  readonly source: SourceFile;
  readonly items: readonly Item[];
  readonly comments: readonly Comment[];
  readonly span: Span;
}

export type Item = ImportItem | ConstItem | BlockItem | ModelItem;

export interface ImportItem {
  readonly kind: 'import';
  readonly names: readonly { readonly name: Ident; readonly as?: Ident }[];
  readonly from: StringExpr;
  readonly span: Span;
}

export interface ConstItem {
  readonly kind: 'const';
  readonly name: Ident;
  readonly value: Expr;
  readonly doc?: string;
  readonly span: Span;
}

export interface BlockItem {
  readonly kind: 'block';
  readonly name: Ident;
  readonly params: readonly Param[];
  readonly body: Body;
  readonly doc?: string;
  readonly span: Span;
}

export interface ModelItem {
  readonly kind: 'model';
  readonly name: Ident;
  readonly params: readonly Param[];
  /** Exactly one of `body` and `base` is there: `model A(...) { }` or `model B = A(args)`. */
  readonly body?: Body;
  readonly base?: CallExpr | NameExpr;
  readonly doc?: string;
  readonly span: Span;
}

export interface Param {
  readonly kind: 'param';
  readonly name: Ident;
  readonly type?: TypeRef;
  readonly default?: Expr;
  readonly doc?: string;
  readonly span: Span;
}

export type TypeName = 'int' | 'float' | 'bool' | 'string' | 'size' | 'block' | 'tensor';

/** `int[][]` is `{ name: 'int', lists: 2 }`. */
export interface TypeRef {
  readonly name: TypeName;
  readonly lists: number;
  readonly span: Span;
}

/** `f32[N, 3, 224, 224]`; the element type's name is checked by the elaborator. */
export interface TensorTypeNode {
  readonly elem: Ident;
  readonly dims: readonly Expr[];
  readonly span: Span;
}

export interface Body {
  readonly kind: 'body';
  readonly stmts: readonly Stmt[];
  readonly span: Span;
}

export type Stmt = InputStmt | OutputStmt | ParamStmt | LetStmt | ReturnStmt | AssertStmt | MapStmt | IfStmt | ChainStmt;

export interface InputStmt {
  readonly kind: 'input';
  readonly label: Label;
  readonly type: TensorTypeNode;
  readonly range?: RangeNode;
  readonly as?: Ident;
  readonly span: Span;
}
/** `0..1 mean=[0.5] std=[0.25]` behind `in`: what the numbers of an input or output lie in; only an input has mean and std. */
export interface RangeNode {
  readonly low: Expr;
  readonly high: Expr;
  readonly mean?: Expr;
  readonly std?: Expr;
  readonly span: Span;
}
export interface OutputStmt {
  readonly kind: 'output';
  readonly label: Label;
  readonly range?: RangeNode;
  readonly value?: Chain;
  readonly span: Span;
}
export interface ParamStmt {
  readonly kind: 'paramStmt';
  readonly name: Ident;
  readonly type: TensorTypeNode;
  readonly init?: Expr;
  readonly span: Span;
}
export interface LetStmt {
  readonly kind: 'let';
  /** `it` may be among them. */
  readonly names: readonly Ident[];
  readonly value: Chain;
  readonly span: Span;
}
export interface ReturnStmt {
  readonly kind: 'return';
  readonly values: readonly Chain[];
  readonly span: Span;
}
export interface AssertStmt {
  readonly kind: 'assert';
  readonly condition: Expr;
  readonly message?: StringExpr;
  readonly span: Span;
}
export interface MapStmt {
  readonly kind: 'map';
  readonly from: Template;
  /** Absent for `none`. */
  readonly to?: Template;
  readonly span: Span;
}
export interface IfStmt {
  readonly kind: 'if';
  readonly condition: Expr;
  readonly then: Body;
  readonly else?: Body | IfStmt;
  readonly span: Span;
}
export interface ChainStmt {
  readonly kind: 'chainStmt';
  readonly chain: Chain;
  readonly span: Span;
}

/** `head -> link -> link`; a single expression is a chain of one link. */
export interface Chain {
  readonly kind: 'chain';
  readonly links: readonly Link[];
  readonly span: Span;
}

/** The first link may be any expression; later ones are labelled, constructs, bodies, names or calls. */
export type Link = Labelled | Construct | Expr;

export interface Labelled {
  readonly kind: 'labelled';
  readonly label: Label;
  readonly target: Construct | Body | NameExpr | CallExpr;
  readonly span: Span;
}

/** `denselayer{i + 1}.conv` is two segments, the first of a text part and a computed part. */
export interface Label {
  readonly segments: readonly LabelSegment[];
  readonly span: Span;
}
export interface LabelSegment {
  readonly parts: readonly Part[];
  readonly span: Span;
}
/** A piece of a name: text, or a computed part. */
export type Part = string | Expr;
/** A string in which braces hold computed parts: `"layers.{i}.weight"`. */
export type Template = LabelSegment;

export type Construct = Repeat | Each | Loop | Sequential | Ode | Reuse | Residual;

export interface Repeat {
  readonly kind: 'repeat';
  /** A count or a list. */
  readonly over: Expr;
  /** With a count: `[index]`; with a list: `[item]` or `[item, index]`. */
  readonly names: readonly Ident[];
  /** `with h = x, c`: what a turn hands on to the next besides or instead of `it`. */
  readonly carried: readonly Carried[];
  readonly shared: boolean;
  /** Gives lists of what every turn gave, and not what the last one did. */
  readonly collect: boolean;
  readonly body: Body;
  readonly span: Span;
}
/**
 * A name that each turn of a `repeat` or `loop` gives a new value; without one to begin with it begins as what the name means
 * outside.
 */
export interface Carried {
  readonly name: Ident;
  readonly value?: Chain;
  readonly span: Span;
}
export interface Each {
  readonly kind: 'each';
  readonly over: Expr;
  readonly names: readonly Ident[];
  readonly shared: boolean;
  readonly body: Body;
  readonly span: Span;
}
/** A loop of the run: its body is in the file once, however often it runs. */
export interface Loop {
  readonly kind: 'loop';
  /** How many turns it takes at most. */
  readonly count?: Expr;
  readonly index?: Ident;
  /** `with h = x, c`: what a turn hands on to the next besides or instead of `it`. */
  readonly carried: readonly Carried[];
  /** Asked before every turn. */
  readonly condition?: Expr;
  readonly collect: boolean;
  readonly body: Body;
  readonly span: Span;
}
export interface Sequential {
  readonly kind: 'sequential';
  readonly body: Body;
  readonly span: Span;
}
export interface Ode {
  readonly kind: 'ode';
  readonly args: readonly Arg[];
  readonly time?: Ident;
  readonly body: Body;
  readonly span: Span;
}
export interface Reuse {
  readonly kind: 'reuse';
  readonly label: Label;
  readonly span: Span;
}
export interface Residual {
  readonly kind: 'residual';
  readonly args: readonly Arg[];
  readonly body: Body;
  readonly shortcut?: { readonly label?: Label; readonly value: Construct | Expr; readonly span: Span };
  readonly span: Span;
}

export interface Arg {
  readonly name?: Ident;
  readonly value: Chain;
  readonly span: Span;
}

export type Expr =
  | IntExpr
  | FloatExpr
  | SizeExpr
  | StringExpr
  | BoolExpr
  | ListExpr
  | ParenExpr
  | Body
  | NameExpr
  | CallExpr
  | PathExpr
  | IndexExpr
  | UnaryExpr
  | BinaryExpr
  | ConditionalExpr;

export interface IntExpr {
  readonly kind: 'int';
  /** Exact up to 2^53; a larger literal is a diagnostic of the parser. */
  readonly value: number;
  readonly span: Span;
}
export interface FloatExpr {
  readonly kind: 'float';
  readonly value: number;
  /** As written, so that the formatter keeps `1e-5`. */
  readonly text: string;
  readonly span: Span;
}
export interface SizeExpr {
  readonly kind: 'size';
  readonly dims: readonly number[];
  readonly span: Span;
}
export interface StringExpr {
  readonly kind: 'string';
  readonly value: string;
  readonly span: Span;
}
export interface BoolExpr {
  readonly kind: 'bool';
  readonly value: boolean;
  readonly span: Span;
}
export interface ListExpr {
  readonly kind: 'list';
  readonly items: readonly Chain[];
  readonly span: Span;
}
export interface ParenExpr {
  readonly kind: 'paren';
  readonly chain: Chain;
  readonly span: Span;
}
export interface NameExpr {
  readonly kind: 'name';
  readonly name: string;
  readonly span: Span;
}
export interface CallExpr {
  readonly kind: 'call';
  readonly callee: Ident;
  readonly args: readonly Arg[];
  readonly span: Span;
}
/** `wte.weight`, `bert.embeddings.word_embeddings.weight`: always a parameter's path. */
export interface PathExpr {
  readonly kind: 'path';
  readonly label: Label;
  readonly span: Span;
}
export interface IndexExpr {
  readonly kind: 'index';
  readonly base: Expr;
  readonly subs: readonly Sub[];
  readonly span: Span;
}
/** `x[3]` is `at`; `x[a:b]`, `x[:]` are slices. */
export type Sub =
  | { readonly kind: 'at'; readonly value: Expr; readonly span: Span }
  | { readonly kind: 'slice'; readonly from?: Expr; readonly to?: Expr; readonly step?: Expr; readonly span: Span };
export interface UnaryExpr {
  readonly kind: 'unary';
  readonly op: '-' | 'not';
  readonly operand: Expr;
  readonly span: Span;
}
export type BinaryOp = 'or' | 'and' | '==' | '!=' | '<' | '<=' | '>' | '>=' | '+' | '-' | '*' | '/' | '%' | '@';
export interface BinaryExpr {
  readonly kind: 'binary';
  readonly op: BinaryOp;
  readonly left: Expr;
  readonly right: Expr;
  readonly span: Span;
}
export interface ConditionalExpr {
  readonly kind: 'conditional';
  readonly condition: Expr;
  readonly then: Expr;
  readonly else: Expr;
  readonly span: Span;
}
