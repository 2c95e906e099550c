/**
 * Words shared by the printer and the reader of graphs: names, numbers, and the text form of weight expressions, whose grammar
 * stands in `src/tensor/text.ts`. In a graph an expression may also be `#7`, a name that a line of the graph defines.
 */
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

/** Where a text stops being what was expected. */
export class TextError extends Error {
  readonly at: number;
  readonly expected: string;
  constructor(at: number, expected: string) {
    super(`expected ${expected}`);
    this.at = at;
    this.expected = expected;
  }
}

/** Expressions nest less deeply than this when a pass made them; the bound keeps hostile text from the stack. */
const depthLimit = 400;

/** Reads words from one line of a text. Blanks before a word are skipped. Everything throws `TextError`. */
export class Scanner {
  readonly text: string;
  at: number;
  readonly end: number;

  constructor(text: string, start = 0, end = text.length) {
    this.text = text;
    this.at = start;
    this.end = end;
  }

  blanks(): void {
    while (this.at < this.end && (this.text[this.at] === ' ' || this.text[this.at] === '\t')) this.at++;
  }

  get done(): boolean {
    this.blanks();
    return this.at >= this.end || this.text.startsWith('//', this.at);
  }

  /** Whether the text goes on so; nothing is taken. */
  sees(word: string): boolean {
    this.blanks();
    return this.at + word.length <= this.end && this.text.startsWith(word, this.at);
  }

  take(word: string): boolean {
    if (!this.sees(word)) return false;
    this.at += word.length;
    return true;
  }

  need(word: string): void {
    if (!this.take(word)) throw new TextError(this.at, `\`${word}\``);
  }

  match(sticky: RegExp): string | undefined {
    this.blanks();
    sticky.lastIndex = this.at;
    const found = sticky.exec(this.text);
    if (!found || found[0] === '' || this.at + found[0].length > this.end) return undefined;
    this.at += found[0].length;
    return found[0];
  }

  matchOr(sticky: RegExp, expected: string): string {
    return this.match(sticky) ?? this.fail(expected);
  }

  fail(expected: string): never {
    throw new TextError(this.at, expected);
  }

  /** A word by itself: `input`, but not the beginning of `inputs`. */
  keyword(word: string): boolean {
    this.blanks();
    const after = this.text[this.at + word.length] ?? '';
    return !/[\w.]/.test(after) && this.take(word);
  }

  word(): string {
    return this.matchOr(/[A-Za-z_]\w*/y, 'a word');
  }

  string(): string {
    const start = this.at;
    const text = this.matchOr(/"(?:[^"\\\n]|\\.)*"/y, 'a string in double quotes');
    try {
      const value: unknown = JSON.parse(text);
      if (typeof value === 'string') return value;
    } catch {
      // Told below.
    }
    throw new TextError(start, 'a string as in JSON');
  }

  path(expected: string): string {
    if (this.sees('"')) return this.string();
    return this.matchOr(/\w+(?:\.\w+)*/y, expected);
  }

  number(): number {
    const word = this.matchOr(/-?(?:inf|\d+(?:\.\d+)?(?:e[-+]?\d+)?)|nan/y, 'a number');
    if (word === 'nan') return Number.NaN;
    if (word.endsWith('inf')) return word.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    return Number(word);
  }

  integer(): number {
    const start = this.at;
    const value = this.number();
    if (!Number.isSafeInteger(value)) throw new TextError(start, 'a whole number within 2^53');
    return value;
  }

  /** `[…]`, with a comma between what `item` reads. */
  list<T>(item: () => T): readonly T[] {
    this.need('[');
    const items: T[] = [];
    if (this.take(']')) return items;
    do items.push(item());
    while (this.take(','));
    this.need(']');
    return items;
  }

  dims(): readonly number[] {
    return this.list(() => {
      const start = this.at;
      const size = this.integer();
      if (size < 0) throw new TextError(start, 'a size of 0 or more');
      return size;
    });
  }

  /** A weight expression, or an argument of one. */
  content(depth = 0, exact = false): ContentTree {
    if (depth > depthLimit) this.fail(`expressions nested at most ${depthLimit} deep`);
    if (this.sees('[')) return { kind: 'list', items: this.list(() => this.number()) };
    if (this.take('#')) {
      const hash = this.match(/[0-9a-f]{16}(?!\w)/y);
      return hash ? { kind: 'hash', hash } : { kind: 'ref', name: this.matchOr(/\d+/y, 'the number of an expression') };
    }
    const start = this.at;
    if (!this.sees('"')) {
      const number = this.match(/(?:-?(?:inf|\d+(?:\.\d+)?(?:e[-+]?\d+)?)|nan)(?![\w.[])/y);
      if (number !== undefined) {
        // Integers of 64 bits stay words, which round nothing.
        if (exact && /^-?\d+$/.test(number) && !Number.isSafeInteger(Number(number))) return { kind: 'word', word: number };
        this.at = start;
        return { kind: 'number', value: this.number() };
      }
    }
    const path = this.path('a weight expression');
    if (this.sees('[')) {
      const dims = this.dims();
      return { kind: 'leaf', path, dims, elem: this.#elemSuffix() };
    }
    if (!this.take('(')) return { kind: 'word', word: path };
    const args: ContentTree[] = [];
    if (!this.take(')')) {
      do args.push(this.content(depth + 1, path === 'integers'));
      while (this.take(','));
      this.need(')');
    }
    return callTree(path, args);
  }

  #elemSuffix(): ElemType {
    const start = this.at;
    if (!this.take(':')) return 'f32';
    const word = this.match(/\w+/y);
    if (word !== undefined && isElemType(word)) return word;
    // A role may follow in a graph, which is no matter of the expression.
    this.at = start;
    return 'f32';
  }
}

/** Reads the text of a content; undefined when it is in no form that this file knows. */
export function parseContent(text: string): ContentTree | undefined {
  const scanner = new Scanner(text);
  try {
    const tree = scanner.content();
    return scanner.done ? tree : undefined;
  } catch (error) {
    if (error instanceof TextError) return undefined;
    throw error;
  }
}
