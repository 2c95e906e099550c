/** Reads dimensions as `Dim.toString` prints them. */

import { Dim, DimOverflow, extreme, lcm, maxDepth } from './dim.ts';
import type { SizePromise } from './promise.ts';

const token = /\s*(?:(\d+)|("(?:[^"\\]|\\.)*")|(\??[A-Za-z_][\w.]*)|([-+*/(),]))/y;

/**
 * Reads what `toString` prints; undefined for anything else. `promises` says what is promised of a symbol: where 16 divides it,
 * `H` is 16 times the atom and `H/2` is 8 times. A name without a promise takes the least common multiple of what divides it in
 * this text.
 */
export function parseDim(text: string, promises?: ReadonlyMap<string, SizePromise>): Dim | undefined {
  const tokens: string[] = [];
  const all = text.trimEnd();
  token.lastIndex = 0;
  while (token.lastIndex < all.length) {
    const match = token.exec(all);
    if (!match) return undefined;
    tokens.push(match[0].trim());
  }
  try {
    return new DimParser(tokens, promises ?? new Map()).parse();
  } catch (error) {
    if (error instanceof DimOverflow || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

class DimParser {
  readonly #tokens: readonly string[];
  readonly #promises: ReadonlyMap<string, SizePromise>;
  /** What divides the symbols of this text of which nothing is promised. */
  readonly #divisors = new Map<string, number>();
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly string[], promises: ReadonlyMap<string, SizePromise>) {
    this.#tokens = tokens;
    this.#promises = promises;
    tokens.forEach((word, i) => {
      const divisor = Number(tokens[i + 2]);
      if (tokens[i + 1] !== '/' || !/^[?\w"]/.test(word) || !Number.isSafeInteger(divisor) || divisor < 1) return;
      const name = symbolName(word);
      if (promises.has(name)) return;
      const old = this.#divisors.get(name) ?? 1;
      this.#divisors.set(name, lcm(old, divisor));
    });
  }

  parse(): Dim {
    const dim = this.#sum();
    if (this.#at !== this.#tokens.length) throw new SyntaxError();
    return dim;
  }

  #take(word: string): boolean {
    if (this.#tokens[this.#at] !== word) return false;
    this.#at++;
    return true;
  }

  #need(word: string): void {
    if (!this.#take(word)) throw new SyntaxError();
  }

  #sum(): Dim {
    if (++this.#depth > maxDepth + 2) throw new SyntaxError();
    const negative = this.#take('-');
    let total = this.#term();
    if (negative) total = total.negate();
    for (;;) {
      if (this.#take('+')) total = total.plus(this.#term());
      else if (this.#take('-')) total = total.minus(this.#term());
      else break;
    }
    this.#depth--;
    return total;
  }

  #term(): Dim {
    let value = this.#factor();
    while (this.#take('*')) value = value.times(this.#factor());
    return value;
  }

  #factor(): Dim {
    const word = this.#tokens[this.#at++];
    if (word === undefined) throw new SyntaxError();
    if (/^\d/.test(word)) return Dim.of(Number(word));
    if (word === '(') {
      const inner = this.#sum();
      this.#need(')');
      return inner;
    }
    if ((word === 'floordiv' || word === 'min' || word === 'max') && this.#take('(')) {
      const operands = [this.#sum()];
      while (this.#take(',')) operands.push(this.#sum());
      this.#need(')');
      const [a, b] = operands;
      if (!a || !b || (word === 'floordiv' && operands.length !== 2)) throw new SyntaxError();
      return word === 'floordiv' ? a.floordiv(b) : extreme(word, operands);
    }
    if (!/^[?A-Za-z_"]/.test(word)) throw new SyntaxError();
    const name = symbolName(word);
    const promise = this.#promises.get(name) ?? this.#divisors.get(name) ?? 1;
    const multiple = typeof promise === 'number' ? promise : promise.multiple;
    const divisor = this.#take('/') ? Number(this.#tokens[this.#at++]) : 1;
    if (!Number.isSafeInteger(divisor) || divisor < 1 || multiple % divisor !== 0) throw new SyntaxError();
    return Dim.symbol(name, promise).times(multiple / divisor);
  }
}

function symbolName(word: string): string {
  if (!word.startsWith('"')) return word;
  const name: unknown = JSON.parse(word);
  return typeof name === 'string' ? name : word;
}
