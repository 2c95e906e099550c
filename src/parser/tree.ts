/** The nodes of the syntax tree, made of what a production read: optional parts are left out, and literals get their values. */
import type { IToken, TokenType } from 'chevrotain';
import { bug, type Sink } from '../diagnostics/diagnostic.ts';
import type { SourceFile, Span } from '../diagnostics/source.ts';
import type {
  Arg,
  AssertStmt,
  BlockItem,
  Body,
  CallExpr,
  Carried,
  Chain,
  ConstItem,
  Construct,
  Expr,
  Ident,
  IfStmt,
  ImportItem,
  InputStmt,
  Label,
  LabelSegment,
  LetStmt,
  Link,
  Loop,
  MapStmt,
  ModelItem,
  NameExpr,
  Ode,
  OutputStmt,
  Param,
  ParamStmt,
  Part,
  RangeNode,
  Residual,
  StringExpr,
  Sub,
  Template,
  TensorTypeNode,
  TypeName,
} from './ast.ts';
import { floatValue, integerValue, stringValue } from './literals.ts';
import { Float, Int, KwFalse, KwTrue, Name, Size, StringLiteral } from './tokens.ts';

const typeNames: ReadonlySet<string> = new Set<TypeName>(['int', 'float', 'bool', 'string', 'size', 'block', 'tensor']);
export function isTypeName(image: string): image is TypeName {
  return typeNames.has(image);
}

// ------------------------------------------------------------------------------------------------------------------ items

export type ImportedName = ImportItem['names'][number];
export function importedName(name: Ident, as: Ident | undefined): ImportedName {
  return as ? { name, as } : { name };
}

export function constItem(name: Ident, value: Expr, doc: string | undefined, span: Span): ConstItem {
  return { kind: 'const', name, value, ...(doc !== undefined && { doc }), span };
}

export function blockItem(name: Ident, params: readonly Param[], body: Body, doc: string | undefined, span: Span): BlockItem {
  return { kind: 'block', name, params, body, ...(doc !== undefined && { doc }), span };
}

export type ModelRest = Pick<ModelItem, 'params' | 'body' | 'base'>;
export function modelItem(name: Ident, rest: ModelRest, doc: string | undefined, span: Span): ModelItem {
  return { kind: 'model', name, ...rest, ...(doc !== undefined && { doc }), span };
}

interface ParamParts {
  readonly type: Param['type'] | undefined;
  readonly value: Expr | undefined;
  readonly doc: string | undefined;
}
export function param(name: Ident, { type, value, doc }: ParamParts, span: Span): Param {
  const optional = { ...(type && { type }), ...(value && { default: value }), ...(doc !== undefined && { doc }) };
  return { kind: 'param', name, ...optional, span };
}

// ------------------------------------------------------------------------------------------------------------- statements

export function inputStmt(
  label: Label,
  type: TensorTypeNode,
  range: RangeNode | undefined,
  as: Ident | undefined,
  span: Span,
): InputStmt {
  return { kind: 'input', label, type, ...(range && { range }), ...(as && { as }), span };
}

export function range(low: Expr, high: Expr, mean: Expr | undefined, std: Expr | undefined, span: Span): RangeNode {
  return { low, high, ...(mean && { mean }), ...(std && { std }), span };
}

export function outputStmt(label: Label, range: RangeNode | undefined, value: Chain | undefined, span: Span): OutputStmt {
  return { kind: 'output', label, ...(range && { range }), ...(value && { value }), span };
}

export function paramStmt(name: Ident, type: TensorTypeNode, init: Expr | undefined, span: Span): ParamStmt {
  return { kind: 'paramStmt', name, type, ...(init && { init }), span };
}

export function letStmt(names: readonly Ident[], value: Chain, span: Span): LetStmt {
  return { kind: 'let', names, value, span };
}

export function assertStmt(condition: Expr, message: StringExpr | undefined, span: Span): AssertStmt {
  return { kind: 'assert', condition, ...(message && { message }), span };
}

export function mapStmt(from: Template, to: Template | undefined, span: Span): MapStmt {
  return { kind: 'map', from, ...(to && { to }), span };
}

export function ifStmt(condition: Expr, then: Body, otherwise: Body | IfStmt | undefined, span: Span): IfStmt {
  return { kind: 'if', condition, then, ...(otherwise && { else: otherwise }), span };
}

// ----------------------------------------------------------------------------------------------- chains, labels, constructs

export function chain(links: readonly Link[], span: Span): Chain {
  return { kind: 'chain', links, span };
}

export function segment(parts: readonly Part[], span: Span): LabelSegment {
  return { parts, span };
}

/** `0.1: conv(...)` is read as a float by the lexer and is two segments. Undefined where the float is none of that form. */
export function segmentsOfFloat({ image, startOffset }: IToken, file: SourceFile): LabelSegment[] | undefined {
  const [, first, second] = /^(\d+)\.(\d+)$/.exec(image) ?? [];
  if (first === undefined || second === undefined) return undefined;
  const middle = startOffset + first.length;
  return [
    segment([first], { file, start: startOffset, end: middle }),
    segment([second], { file, start: middle + 1, end: startOffset + image.length }),
  ];
}

export function carried(name: Ident, value: Chain | undefined, span: Span): Carried {
  return { name, ...(value && { value }), span };
}

export function loop(parts: Omit<Loop, 'kind' | 'count' | 'index' | 'condition'> & LoopClauses): Loop {
  const { count, index, carried, condition, collect, body, span } = parts;
  return {
    kind: 'loop',
    ...(count && { count }),
    ...(index && { index }),
    carried,
    ...(condition && { condition }),
    collect,
    body,
    span,
  };
}
/** What a loop may leave out. */
interface LoopClauses {
  readonly count: Expr | undefined;
  readonly index: Ident | undefined;
  readonly condition: Expr | undefined;
}

export function ode(args: readonly Arg[], time: Ident | undefined, body: Body, span: Span): Ode {
  return { kind: 'ode', args, ...(time && { time }), body, span };
}

export type Shortcut = NonNullable<Residual['shortcut']>;
export function residual(args: readonly Arg[], body: Body, shortcut: Shortcut | undefined, span: Span): Residual {
  return { kind: 'residual', args, body, ...(shortcut && { shortcut }), span };
}
export function shortcut(label: Label | undefined, value: Construct | Expr, span: Span): Shortcut {
  return { ...(label && { label }), value, span };
}

// ------------------------------------------------------------------------------------------------------------ expressions

/** A literal or a name, of its one token. */
export function leaf(token: IToken, span: Span, sink: Sink): Expr {
  const { image } = token;
  switch (token.tokenType) {
    case Name:
      return { kind: 'name', name: image, span };
    case Int:
      return { kind: 'int', value: integerValue(image, span, sink), span };
    case Float:
      return { kind: 'float', value: floatValue(image, span, sink), text: image, span };
    case Size:
      return { kind: 'size', dims: image.split('x').map((part) => integerValue(part, span, sink)), span };
    case StringLiteral:
      return stringExpr(token, span, sink);
    case KwTrue:
    case KwFalse:
      return { kind: 'bool', value: token.tokenType === KwTrue, span };
    default:
      return bug(`${token.tokenType.name} is no leaf`);
  }
}
/** The tokens that are a literal. */
export const literals: readonly TokenType[] = [Int, Float, Size, StringLiteral, KwTrue, KwFalse];

export function stringExpr(token: IToken, span: Span, sink: Sink): StringExpr {
  return { kind: 'string', value: stringValue(token.image, token.startOffset, span.file, sink), span };
}

export function list(items: readonly Chain[], span: Span): Expr {
  return { kind: 'list', items, span };
}
export function paren(chain: Chain, span: Span): Expr {
  return { kind: 'paren', chain, span };
}
export function index(base: Expr, subs: readonly Sub[], span: Span): Expr {
  return { kind: 'index', base, subs, span };
}
export interface SliceParts {
  readonly from?: Expr | undefined;
  readonly to: Expr | undefined;
  readonly step: Expr | undefined;
}
export function slice({ from, to, step }: SliceParts, span: Span): Sub {
  return { kind: 'slice', ...(from && { from }), ...(to && { to }), ...(step && { step }), span };
}
export function conditional(condition: Expr, then: Expr, otherwise: Expr, span: Span): Expr {
  return { kind: 'conditional', condition, then, else: otherwise, span };
}

export function name({ image }: IToken, span: Span): NameExpr {
  return { kind: 'name', name: image, span };
}
export function call(callee: Ident, args: readonly Arg[], span: Span): CallExpr {
  return { kind: 'call', callee, args, span };
}
/** What makes a call or a path of a name. */
export type ReferenceTail =
  | { readonly args: readonly Arg[]; readonly segments?: never }
  | { readonly args?: never; readonly segments: readonly LabelSegment[] };
export function path(first: LabelSegment, rest: readonly LabelSegment[], span: Span): Expr {
  return { kind: 'path', label: { segments: [first, ...rest], span }, span };
}

export function arg(name: Ident | undefined, value: Chain, span: Span): Arg {
  return name ? { name, value, span } : { value, span };
}
