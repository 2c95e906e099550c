/**
 * Names of sizes as symbols. Dimensions that the inputs name are symbols of these names, a size asked for or said by a reader is
 * a number, and what has no name is a fresh symbol.
 */
import { noSuchSize, wrongSize } from '../diagnostics/catalogue/import.ts';
import { bug, fail } from '../diagnostics/diagnostic.ts';
import { Dim } from '../ir/dim.ts';
import { parseDim } from '../ir/dim-text.ts';
import type { Graph } from '../ir/graph.ts';
import { keepsPromise, noPromise, promiseTexts, type SizePromise } from '../ir/promise.ts';
import { affineSize } from '../ir/solve.ts';
import type { OnnxFile } from '../onnx/model.ts';
import type { Constraints, Place } from './constraints.ts';
import { dimKey, type Scope, sizeKey } from './scope.ts';
import type { Trail } from './trail.ts';

export interface SizesAsked {
  /** Initialisers that are inputs, too, are no constants. */
  readonly keepInputs?: boolean;
  /** Numbers for open sizes: by the name of a dimension (`N`), or by input and axis (`x:0`). */
  readonly inputShapes?: ReadonlyMap<string, number>;
}

export class Dimensions {
  /** Names that sizes have in the file, where their symbols are called otherwise. */
  readonly fileNames = new Map<string, string>();
  readonly #file: OnnxFile;
  readonly #graph: Graph;
  readonly #trail: Trail;
  readonly #constraints: Constraints;
  /** What the metadata promises of sizes. */
  readonly #promises: ReadonlyMap<string, SizePromise>;
  readonly #asked = new Map<string, number>();
  /** Of the file's inputs. */
  readonly #named = new Set<string>();
  readonly #symbols = new Map<string, Dim>();
  /** Where a symbol stands: the value and axis, or the name of a dimension. */
  readonly #places = new Map<string, Place>();
  /** Symbols that the shapes of the graph's inputs tell. */
  readonly #readable = new Set<string>();

  constructor(
    file: OnnxFile,
    graph: Graph,
    asked: SizesAsked,
    promises: ReadonlyMap<string, SizePromise>,
    trail: Trail,
    constraints: Constraints,
  ) {
    this.#file = file;
    this.#graph = graph;
    this.#promises = promises;
    this.#trail = trail;
    this.#constraints = constraints;
    const constants = new Set(file.graph.initializers.map((one) => one.name));
    for (const { name, type } of file.graph.inputs) {
      if (constants.has(name) && !asked.keepInputs) continue;
      for (const d of type?.dims ?? []) if (typeof d === 'string') this.#named.add(d);
    }
    for (const [key, size] of asked.inputShapes ?? []) this.#ask(key, size);
  }

  /**
   * Gives the dimensions that inputs name their symbols. Texts such as `2*H + 1` mean what they say where H itself is a size of
   * an input, or where the metadata promises something of it, because the arithmetic on sizes can then be written; others are
   * opaque names.
   */
  nameInputs(): void {
    const [named, trail] = [this.#named, this.#trail];
    for (const name of named) {
      if (!isName(name)) continue;
      const size = this.#asked.get(name) ?? this.#constraints.sizeAt(dimKey(name));
      if (size !== undefined) {
        trail.put(this.#symbols, name, Dim.of(size));
        continue;
      }
      const parsed = parseDim(name);
      const parts = parsed?.symbols() ?? [];
      const isText = parsed !== undefined && parsed !== Dim.symbol(name) && parts.length > 0;
      const known = (one: string): boolean => named.has(one) || (this.#promises.has(one) && parts.length === 1);
      if (isText && parts.every((one) => one !== name && known(one) && parseDim(one) === Dim.symbol(one))) continue;
      const promise = this.#promises.get(name) ?? noPromise;
      this.#places.set(name, { key: dimKey(name), body: this.#graph, mark: trail.mark });
      trail.put(this.#symbols, name, Dim.promised(name, promise));
    }
    for (const name of named) {
      if (!isName(name) || this.#symbols.has(name)) continue;
      const text = parseDim(name);
      const sizes = new Map<string, Dim>();
      for (const one of text?.symbols() ?? []) {
        sizes.set(one, this.#symbols.get(one) ?? Dim.promised(one, this.#promises.get(one) ?? noPromise));
      }
      trail.put(this.#symbols, name, text?.substituteAll(sizes) ?? Dim.symbol(name));
    }
  }

  #ask(key: string, size: number): void {
    const found = `--input-shape ${key}=${size}`;
    const { file } = this.#file;
    const named = this.#named;
    if (!Number.isSafeInteger(size) || size < 0)
      fail(wrongSize, { with: { file, found, name: key, asked: size, expected: 'a whole number of at least 0' } });
    const promised = (name: string): void => {
      const promise = this.#promises.get(name);
      if (!promise || keepsPromise(promise, size)) return;
      const expected = `${promiseTexts(name, promise).join(' and ')}, as the metadata of the file promises`;
      fail(wrongSize, { with: { file, found, name: key, asked: size, expected } });
    };
    if (named.has(key)) {
      promised(key);
      this.#asked.set(key, size);
      return;
    }
    const axis = /^(.*?)\s*:\s*(\d+)$/s.exec(key);
    const input = axis && this.#file.graph.inputs.find((one) => one.name === axis[1]);
    const dim = input?.type?.dims?.[Number(axis?.[2])];
    const places = this.#file.graph.inputs.flatMap((one) =>
      (one.type?.dims ?? []).flatMap((d, i) => (typeof d === 'number' ? [] : [`${one.name}:${i}`])),
    );
    const expected = [...named, ...places].slice(0, 12).join(', ');
    if (!input || Number(axis?.[2]) >= (input.type?.dims?.length ?? 0))
      return fail(noSuchSize, {
        with: {
          file,
          found,
          name: key,
          expected: expected === '' ? 'no size: the file fixes all of them' : `one of ${expected}`,
        },
      });
    if (typeof dim === 'number' && dim >= 0) {
      if (dim !== size)
        fail(wrongSize, { with: { file, found, name: key, asked: size, expected: `${dim}, which the file fixes` } });
      return;
    }
    if (typeof dim === 'string' && isName(dim)) {
      promised(dim);
      this.#asked.set(dim, size);
    } else this.#asked.set(`${input.name}:${axis?.[2]}`, size);
  }

  /** The size that the user gave this axis of an input. */
  askedOf(input: string, axis: number): number | undefined {
    return this.#asked.get(`${input}:${axis}`);
  }

  isAsked(name: string): boolean {
    return this.#asked.has(name);
  }

  /**
   * The symbol of a dimension that the file names; outside the inputs a name is a symbol of its own, which nothing else is equal
   * to.
   */
  named(name: string): Dim | undefined {
    if (!isName(name)) return undefined;
    const known = this.#symbols.get(name);
    if (known) return known;
    const parsed = parseDim(name);
    const parts = parsed?.symbols() ?? [];
    let dim: Dim;
    if (parsed && parts.length > 0 && parts.every((one) => this.#named.has(one) && isName(one))) {
      dim = parsed.substituteAll(new Map(parts.map((one) => [one, this.#symbols.get(one) ?? Dim.symbol(one)])));
    } else {
      dim = this.#graph.freshDim(symbolText(name));
      this.#trail.put(this.fileNames, dim.toString(), name);
    }
    this.#trail.put(this.#symbols, name, dim);
    return dim;
  }

  /** A size of which nothing is known, of an axis of a named value. */
  open(scope: Scope, name: string, axis: number): Dim {
    const key = sizeKey(scope, name, axis);
    const size = this.#constraints.sizeAt(key);
    if (size !== undefined) return Dim.of(size);
    const dim = this.#graph.freshDim(`${symbolText(name)}.${axis}`);
    const symbol = dim.symbols()[0] ?? bug('a fresh dimension without a name');
    this.#places.set(symbol, { key, body: scope.graph, mark: this.#trail.mark });
    return dim;
  }

  /** Where a size stands that is one open symbol. */
  placeOf(size: Dim | undefined): Place | undefined {
    const [symbol] = size?.symbols() ?? [];
    return symbol !== undefined && size === Dim.symbol(symbol) ? this.#places.get(symbol) : undefined;
  }

  /** A size of an input tells a symbol where it is a multiple of it and a number more. */
  tell(size: Dim): void {
    const symbol = solvedSymbol(size);
    if (symbol !== undefined) this.#trail.add(this.#readable, symbol);
  }

  isReadable(symbol: string): boolean {
    return this.#readable.has(symbol);
  }
}

/** Names of dimensions that name nothing: some exporters write a question mark for every open size. */
export function isName(name: string): boolean {
  return name !== '' && !name.startsWith('?');
}

/** A text as a part of a symbol's name that prints without quotes. */
function symbolText(name: string): string {
  const text = name.replace(/[^\w.]+/g, '_').slice(0, 64);
  return /^[A-Za-z_]/.test(text) ? text : `_${text}`;
}

/** The symbol s where the size is c·s + d, so that the size tells it. */
export function solvedSymbol(d: Dim): string | undefined {
  return affineSize(d)?.name;
}
