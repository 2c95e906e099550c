/** The syntax tree as text, for golden files and `--emit ast`: nested lists that show how the text was read, without spans. */
import { unreachable } from '../diagnostics/diagnostic.ts';
import type {
  Arg,
  Carried,
  Chain,
  Construct,
  Expr,
  FileNode,
  Ident,
  Item,
  Label,
  Labelled,
  Param,
  RangeNode,
  Residual,
  Stmt,
  Sub,
  Template,
  TensorTypeNode,
  TypeRef,
} from './ast.ts';

/** A list knows the width of its one-line form, so that laying out is linear. */
type Shape = string | { readonly items: readonly Shape[]; readonly width: number };

const lineWidth = 100;

function list(...items: readonly Shape[]): Shape {
  let width = 2 + Math.max(0, items.length - 1);
  for (const item of items) width += typeof item === 'string' ? item.length : item.width;
  return { items, width };
}

function flat(shape: Shape): string {
  return typeof shape === 'string' ? shape : `(${shape.items.map(flat).join(' ')})`;
}

function lay(shape: Shape, indent: string, out: string[]): void {
  if (typeof shape === 'string' || shape.width + indent.length <= lineWidth) {
    out.push(indent + flat(shape));
    return;
  }
  // What stands in front as plain words stays on the line of the parenthesis.
  let head = 0;
  while (head < shape.items.length && typeof shape.items[head] === 'string') head++;
  head = Math.min(head, 3);
  out.push(`${indent}(${shape.items.slice(0, head).map(flat).join(' ')}`);
  for (const item of shape.items.slice(head)) lay(item, `${indent}  `, out);
  const last = out.pop() ?? '';
  out.push(`${last})`);
}

function optional<T>(value: T | undefined, shape: (value: T) => Shape): readonly Shape[] {
  return value === undefined ? [] : [shape(value)];
}

function label(node: Label): string {
  return node.segments
    .map((segment) =>
      segment.parts
        .map((part) =>
          typeof part === 'string' ? (/^[\w-]*$/.test(part) ? part : JSON.stringify(part)) : `{${flat(expr(part))}}`,
        )
        .join(''),
    )
    .join('.');
}

function template(node: Template): string {
  return JSON.stringify(node.parts.map((part) => (typeof part === 'string' ? part : `{${flat(expr(part))}}`)).join(''));
}

function names(idents: readonly Ident[]): Shape {
  return list('as', ...idents.map((ident) => ident.name));
}

function type(node: TypeRef): string {
  return node.name + '[]'.repeat(node.lists);
}

function tensorType(node: TensorTypeNode): Shape {
  return list(node.elem.name, ...node.dims.map(expr));
}

function range(node: RangeNode): Shape {
  return list(
    'in',
    expr(node.low),
    expr(node.high),
    ...optional(node.mean, (mean) => list('mean=', expr(mean))),
    ...optional(node.std, (std) => list('std=', expr(std))),
  );
}

function doc(node: { readonly doc?: string }): readonly Shape[] {
  return node.doc === undefined ? [] : [list('doc', JSON.stringify(node.doc))];
}

function param(node: Param): Shape {
  const rest = [
    ...optional(node.type, (t) => `: ${type(t)}`),
    ...optional(node.default, (value) => list('=', expr(value))),
    ...doc(node),
  ];
  return list(node.name.name, ...rest);
}

function item(node: Item): Shape {
  switch (node.kind) {
    case 'import':
      return list(
        'import',
        JSON.stringify(node.from.value),
        ...node.names.map((entry) => (entry.as ? list(entry.name.name, 'as', entry.as.name) : entry.name.name)),
      );
    case 'const':
      return list('const', node.name.name, ...doc(node), expr(node.value));
    case 'block':
      return list('block', node.name.name, ...doc(node), list('params', ...node.params.map(param)), expr(node.body));
    case 'model':
      return list(
        'model',
        node.name.name,
        ...doc(node),
        ...(node.base ? [list('=', expr(node.base))] : [list('params', ...node.params.map(param))]),
        ...optional(node.body, expr),
      );
    default:
      return unreachable(node);
  }
}

function stmt(node: Stmt): Shape {
  switch (node.kind) {
    case 'input':
      return list(
        'input',
        label(node.label),
        tensorType(node.type),
        ...optional(node.range, range),
        ...optional(node.as, (as) => list('as', as.name)),
      );
    case 'output':
      return list('output', label(node.label), ...optional(node.range, range), ...optional(node.value, chain));
    case 'paramStmt':
      return list('param', node.name.name, tensorType(node.type), ...optional(node.init, expr));
    case 'let':
      return list('let', list(...node.names.map((name) => name.name)), chain(node.value));
    case 'return':
      return list('return', ...node.values.map(chain));
    case 'assert':
      return list('assert', expr(node.condition), ...optional(node.message, expr));
    case 'map':
      return list('map', template(node.from), node.to ? template(node.to) : 'none');
    case 'if':
      return list(
        'if',
        expr(node.condition),
        expr(node.then),
        ...optional(node.else, (e) => list('else', e.kind === 'if' ? stmt(e) : expr(e))),
      );
    case 'chainStmt':
      return chain(node.chain);
    default:
      return unreachable(node);
  }
}

function chain(node: Chain): Shape {
  const links = node.links.map(link);
  const [only] = links;
  return links.length === 1 && only !== undefined ? only : list('->', ...links);
}

function link(node: Labelled | Construct | Expr): Shape {
  switch (node.kind) {
    case 'labelled':
      return list('label', label(node.label), link(node.target));
    case 'repeat':
    case 'each':
      return list(
        node.kind,
        expr(node.over),
        ...(node.names.length > 0 ? [names(node.names)] : []),
        ...(node.kind === 'repeat' && node.carried.length > 0 ? [list('with', ...node.carried.map(carried))] : []),
        ...(node.shared ? ['shared'] : []),
        ...(node.kind === 'repeat' && node.collect ? ['collect'] : []),
        expr(node.body),
      );
    case 'loop':
      return list(
        'loop',
        ...optional(node.count, expr),
        ...optional(node.index, ({ name }) => list('as', name)),
        ...(node.carried.length > 0 ? [list('with', ...node.carried.map(carried))] : []),
        ...optional(node.condition, (condition) => list('while', expr(condition))),
        ...(node.collect ? ['collect'] : []),
        expr(node.body),
      );
    case 'sequential':
      return list('sequential', expr(node.body));
    case 'ode':
      return list('ode', ...node.args.map(arg), ...optional(node.time, (time) => list('as', time.name)), expr(node.body));
    case 'reuse':
      return list('reuse', label(node.label));
    case 'residual':
      return list('residual', ...node.args.map(arg), expr(node.body), ...optional(node.shortcut, shortcut));
    default:
      return expr(node);
  }
}

function shortcut(node: NonNullable<Residual['shortcut']>): Shape {
  return list('shortcut', ...optional(node.label, (l) => `${label(l)}:`), link(node.value));
}

function carried(node: Carried): Shape {
  return node.value ? list(`${node.name.name}=`, chain(node.value)) : node.name.name;
}

function arg(node: Arg): Shape {
  return node.name ? list(`${node.name.name}=`, chain(node.value)) : chain(node.value);
}

function sub(node: Sub): Shape {
  switch (node.kind) {
    case 'at':
      return expr(node.value);
    case 'slice':
      return list('slice', node.from ? expr(node.from) : '_', node.to ? expr(node.to) : '_', ...optional(node.step, expr));
    default:
      return unreachable(node);
  }
}

function expr(node: Expr): Shape {
  switch (node.kind) {
    case 'int':
      return String(node.value);
    case 'float':
      return node.text;
    case 'size':
      return node.dims.join('x');
    case 'string':
      return JSON.stringify(node.value);
    case 'bool':
      return String(node.value);
    case 'name':
      return node.name;
    case 'list':
      return list('list', ...node.items.map(chain));
    case 'paren':
      return list('paren', chain(node.chain));
    case 'body':
      return list('body', ...node.stmts.map(stmt));
    case 'call':
      return list('call', node.callee.name, ...node.args.map(arg));
    case 'path':
      return list('path', label(node.label));
    case 'index':
      return list('index', expr(node.base), ...node.subs.map(sub));
    case 'unary':
      return list(node.op, expr(node.operand));
    case 'binary':
      return list(node.op, expr(node.left), expr(node.right));
    case 'conditional':
      return list('?', expr(node.condition), expr(node.then), expr(node.else));
    default:
      return unreachable(node);
  }
}

/** One list per item; two trees have the same text exactly when they differ in nothing but spans and comments. */
export function astText(file: FileNode): string {
  const out: string[] = [];
  for (const node of file.items) lay(item(node), '', out);
  return out.length > 0 ? `${out.join('\n')}\n` : '';
}

/** As `astText`, for one expression. */
export function exprText(node: Expr): string {
  return flat(expr(node));
}
