/**
 * Words shared by the printer and the reader of graphs: names, numbers, and the text form of weight expressions, whose grammar
 * is in `src/tensor/text.ts`. In a graph an expression may also be `#7`, a name that a line of the graph defines.
 */
import { Scanner, TextError } from './scanner.ts';
import { type ElemType, isElemType } from './types.ts';

/** A weight expression, as far as its text says. `text` of a call is the text of the whole, with everything written out. */
export type ContentTree =
  | { readonly kind: 'leaf'; readonly path: string; readonly dims: readonly number[]; readonly elem: ElemType }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly ContentTree[]; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly number[] }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'word'; readonly word: string }
  | { readonly kind: 'hash'; readonly hash: string }
  | { readonly kind: 'ref'; readonly name: string };

const plainPath = /^\w+(\.\w+)*$/;

/** Paths, scopes and names are written as they are when they are words joined by dots, and as JSON strings else. */
export function pathText(path: string): string {
  return plainPath.test(path) ? path : JSON.stringify(path);
}

/** The shortest text that reads back as the same float64. */
export function numberText(x: number): string {
  if (Number.isNaN(x)) return 'nan';
  if (!Number.isFinite(x)) return x > 0 ? 'inf' : '-inf';
  if (Object.is(x, -0)) return '-0';
  const plain = String(x);
  const scientific = x.toExponential().replace('e+', 'e');
  return scientific.length < plain.length ? scientific : plain;
}

/** `[1, 2.5, -0]` */
export function listText(items: readonly number[]): string {
  return `[${items.map(numberText).join(', ')}]`;
}

/** `conv1.weight[16, 3, 3, 3]`, `fc.bias[10]:f16`, `"onnx::Conv_7"[64]`. */
export function leafText(path: string, dims: readonly number[], elem: ElemType): string {
  return `${pathText(path)}[${dims.join(', ')}]${elem === 'f32' ? '' : `:${elem}`}`;
}

export function treeText(tree: ContentTree, call: (tree: ContentTree & { kind: 'call' }) => string = (one) => one.text): string {
  switch (tree.kind) {
    case 'leaf':
      return leafText(tree.path, tree.dims, tree.elem);
    case 'call':
      return call(tree);
    case 'list':
      return listText(tree.items);
    case 'number':
      return numberText(tree.value);
    case 'word':
      return tree.word;
    default:
      return `#${tree.kind === 'hash' ? tree.hash : tree.name}`;
  }
}

export function callTree(name: string, args: readonly ContentTree[]): ContentTree & { kind: 'call' } {
  return { kind: 'call', name, args, text: `${name}(${args.map((arg) => treeText(arg)).join(', ')})` };
}

/** Expressions nest less deeply than this when a pass made them; the bound keeps hostile text from the stack. */
const depthLimit = 400;

/** A weight expression, or an argument of one. */
export function readContent(s: Scanner, depth = 0, exact = false): ContentTree {
  if (depth > depthLimit) s.fail(`expressions nested at most ${depthLimit} deep`);
  if (s.sees('[')) return { kind: 'list', items: s.list(() => s.number()) };
  if (s.take('#')) {
    const hash = s.match(/[0-9a-f]{16}(?!\w)/y);
    return hash ? { kind: 'hash', hash } : { kind: 'ref', name: s.matchOr(/\d+/y, 'the number of an expression') };
  }
  const start = s.at;
  if (!s.sees('"')) {
    const number = s.match(/(?:-?(?:inf|\d+(?:\.\d+)?(?:e[-+]?\d+)?)|nan)(?![\w.[])/y);
    if (number !== undefined) {
      // Integers of 64 bits stay words, which round nothing.
      if (exact && /^-?\d+$/.test(number) && !Number.isSafeInteger(Number(number))) return { kind: 'word', word: number };
      s.at = start;
      return { kind: 'number', value: s.number() };
    }
  }
  const path = s.path('a weight expression');
  if (s.sees('[')) {
    const dims = s.dims();
    return { kind: 'leaf', path, dims, elem: elemSuffix(s) };
  }
  if (!s.take('(')) return { kind: 'word', word: path };
  const args: ContentTree[] = [];
  if (!s.take(')')) {
    do args.push(readContent(s, depth + 1, path === 'integers'));
    while (s.take(','));
    s.need(')');
  }
  return callTree(path, args);
}

function elemSuffix(s: Scanner): ElemType {
  const start = s.at;
  if (!s.take(':')) return 'f32';
  const word = s.match(/\w+/y);
  if (word !== undefined && isElemType(word)) return word;
  // A role may follow in a graph, which is no matter of the expression.
  s.at = start;
  return 'f32';
}

/** Reads the text of a content; undefined when it is in no form that this file knows. */
export function parseContent(text: string): ContentTree | undefined {
  const scanner = new Scanner(text);
  try {
    const tree = readContent(scanner);
    return scanner.done ? tree : undefined;
  } catch (error) {
    if (error instanceof TextError) return undefined;
    throw error;
  }
}
