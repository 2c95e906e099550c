/**
 * Words of one line of a text form, taken from left to right: what the readers of graphs and of weight expressions are made of.
 */

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
}
