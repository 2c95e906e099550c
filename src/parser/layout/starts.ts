/**
 * Where statements and elements begin, by the tree: the tokens alone do not say whether a name goes on with what stands before
 * it.
 */
import { unreachable } from '../../diagnostics/diagnostic.ts';
import type { Arg, Body, Carried, Chain, Construct, Expr, FileNode, Label, Labelled, RangeNode, Residual, Stmt } from '../ast.ts';

/** Offsets at which a statement, or another element that may stand on a line of its own, begins. */
export interface Starts {
  readonly statements: Set<number>;
  readonly elements: Set<number>;
  /** Values behind the `=` of `mean=` and `std=` of a range. */
  readonly options: Set<number>;
}

/** The walk is bounded by the parser's limits on nesting and on operators. */
export function startsOf(file: FileNode): Starts {
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
  const handedOn = (nodes: readonly Carried[]): void => {
    for (const { span, value } of nodes) {
      elements.add(span.start);
      if (value) chain(value);
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
        if (node.kind === 'repeat') handedOn(node.carried);
        body(node.body);
        break;
      case 'loop':
        if (node.count) expr(node.count);
        handedOn(node.carried);
        if (node.condition) expr(node.condition);
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
