/**
 * Sizes that only the run knows: every one is an i64 tensor of one element, computed from the shapes of the inputs, once for each
 * graph.
 */
import { unreachable } from '../diagnostics/diagnostic.ts';
import { Dim, type DimNode } from '../ir/dim.ts';
import type { OnnxAttr } from '../ir/operator.ts';
import { noPromise, type SizePromise } from '../ir/promise.ts';
import type { TensorType } from '../ir/types.ts';
import type { Key, Scope } from './unnamed.ts';

/** What the sizes need of whoever writes the graph. */
export interface SizeHost {
  readonly opset: number;
  /** The graph that is being written. */
  scope(): Scope;
  /** Writes a node of one result. */
  write(op: string, inputs: readonly Key[], attrs: Readonly<Record<string, OnnxAttr>>, type: TensorType, base: string): Key;
  i64(values: readonly number[]): Key;
  rankOf(key: Key): number;
  /** Reports that no value says how large the symbol is. */
  unknownSize(dim: Dim, symbol: string): never;
}

export class SizeWriter {
  readonly #host: SizeHost;

  constructor(host: SizeHost) {
    this.#host = host;
  }

  /** A node that computes sizes, of `count` numbers. */
  node(op: string, inputs: readonly Key[], base: string, attrs: Readonly<Record<string, OnnxAttr>> = {}, count = 1): Key {
    return this.#host.write(op, inputs, attrs, { elem: 'i64', dims: [Dim.of(count)] }, base);
  }

  /** An i64 tensor of one element. Throws `Refused` where only the run knows the size. */
  size(dim: Dim): Key {
    return this.#sizeOf(dim.structure(), dim);
  }

  /** The nesting of a dimension is bounded by `Dim` itself. */
  #sizeOf(node: DimNode, whole: Dim): Key {
    const text = JSON.stringify(node);
    const known = this.#host.scope().find(text);
    if (known !== undefined) return known;
    const key = this.#newSize(node, whole);
    this.#host.scope().computed.set(text, key);
    return key;
  }

  #newSize(node: DimNode, whole: Dim): Key {
    switch (node.kind) {
      case 'const':
        return this.#host.i64([node.value]);
      case 'symbol': {
        if (node.multiple === 1) return this.#symbol(node.name, whole);
        const symbol = this.#sizeOf({ kind: 'symbol', name: node.name, multiple: 1 }, whole);
        return this.node('Div', [symbol, this.#host.i64([node.multiple])], `dim.${node.name}.div`);
      }
      case 'add': {
        let sum: Key | undefined;
        for (const term of node.terms) {
          const negative = sum !== undefined && negated(term);
          if (sum === undefined) sum = this.#sizeOf(term, whole);
          else if (negative) sum = this.node('Sub', [sum, this.#sizeOf(negative, whole)], 'dim.sub');
          else sum = this.node('Add', [sum, this.#sizeOf(term, whole)], 'dim.add');
        }
        return sum ?? this.#host.i64([0]);
      }
      case 'mul': {
        let product: Key | undefined;
        for (const factor of node.factors) {
          const key = this.#sizeOf(factor, whole);
          product = product === undefined ? key : this.node('Mul', [product, key], 'dim.mul');
        }
        return product ?? this.#host.i64([1]);
      }
      case 'floordiv': {
        const a = this.#sizeOf(node.a, whole);
        const b = this.#sizeOf(node.b, whole);
        const promises = whole.promises();
        // Div of integers rounds toward zero, which is the floor only where nothing is negative; Mod takes the divisor's sign.
        if (dimOf(node.a, promises).lowerBound >= 0 && dimOf(node.b, promises).lowerBound >= 0)
          return this.node('Div', [a, b], 'dim.floordiv');
        const rest = this.node('Mod', [a, b], 'dim.mod');
        return this.node('Div', [this.node('Sub', [a, rest], 'dim.sub'), b], 'dim.floordiv');
      }
      case 'min':
        return this.node('Min', [this.#sizeOf(node.a, whole), this.#sizeOf(node.b, whole)], 'dim.min');
      case 'max':
        return this.node('Max', [this.#sizeOf(node.a, whole), this.#sizeOf(node.b, whole)], 'dim.max');
      default:
        return unreachable(node);
    }
  }

  /** The value of a user's symbol: read from a dimension that is the symbol, or solved from one that is c·symbol + d. */
  #symbol(name: string, whole: Dim): Key {
    const promise = whole.promises().get(name) ?? noPromise;
    const plain = Dim.promised(name, promise);
    const holder = this.#host.scope().holderOf(plain);
    if (holder) return this.#readSize(holder.key, holder.axis, `dim.${name}`);
    for (const [dim, { key, axis }] of [...this.#host.scope().around()].flatMap((scope) => [...scope.holders])) {
      if (dim.symbols().join() !== name) continue;
      const affine = dim.affineIn(Dim.symbol(name, promise));
      if (!affine) continue;
      const { scale, shift } = affine;
      let size = this.#readSize(key, axis, `dim.${name}.shape`);
      if (shift !== 0) size = this.node('Sub', [size, this.#host.i64([shift])], `dim.${name}.sub`);
      if (scale !== promise.multiple) {
        if (promise.multiple !== 1) size = this.node('Mul', [size, this.#host.i64([promise.multiple])], `dim.${name}.mul`);
        size = this.node('Div', [size, this.#host.i64([scale])], `dim.${name}`);
      }
      return size;
    }
    return this.#host.unknownSize(whole, name);
  }

  #readSize(key: Key, axis: number, base: string): Key {
    if (this.#host.opset >= 15) {
      const attrs: Record<string, OnnxAttr> = { start: { kind: 'int', value: axis }, end: { kind: 'int', value: axis + 1 } };
      return this.node('Shape', [key], base, attrs);
    }
    const text = `shape ${key}`;
    let shape = this.#host.scope().find(text);
    if (shape === undefined) {
      shape = this.node('Shape', [key], 'dim.shape', {}, this.#host.rankOf(key));
      this.#host.scope().computed.set(text, shape);
    }
    return this.node('Gather', [shape, this.#host.i64([axis])], base, { axis: { kind: 'int', value: 0 } });
  }
}

/** The term with its sign turned, when it has one to turn. */
function negated(node: DimNode): DimNode | undefined {
  if (node.kind === 'const') return node.value < 0 ? { kind: 'const', value: -node.value } : undefined;
  if (node.kind !== 'mul') return undefined;
  const [first, ...rest] = node.factors;
  if (first?.kind !== 'const' || first.value >= 0) return undefined;
  if (first.value !== -1) return { kind: 'mul', factors: [{ kind: 'const', value: -first.value }, ...rest] };
  const only = rest[0];
  return rest.length === 1 && only ? only : { kind: 'mul', factors: rest };
}

/** Back to a dimension, for its bounds. `promises` says what is promised of each symbol. */
function dimOf(node: DimNode, promises: ReadonlyMap<string, SizePromise>): Dim {
  switch (node.kind) {
    case 'const':
      return Dim.of(node.value);
    case 'symbol': {
      const promise = promises.get(node.name) ?? noPromise;
      return Dim.symbol(node.name, promise).times(promise.multiple / node.multiple);
    }
    case 'add':
      return node.terms.reduce((sum, term) => sum.plus(dimOf(term, promises)), Dim.zero);
    case 'mul':
      return node.factors.reduce((product, factor) => product.times(dimOf(factor, promises)), Dim.one);
    case 'floordiv':
      return dimOf(node.a, promises).floordiv(dimOf(node.b, promises));
    case 'min':
      return Dim.min(dimOf(node.a, promises), dimOf(node.b, promises));
    case 'max':
      return Dim.max(dimOf(node.a, promises), dimOf(node.b, promises));
    default:
      return unreachable(node);
  }
}
