/**
 * Equal types and equal attributes of a graph are one object, and what follows from an operator, its attributes and the types of
 * its operands is inferred once: the layers of a network are alike. What is not found is made anew, so that nothing hangs on it.
 */
import type { Attrs, AttrValue } from './attributes.ts';
import { Dim } from './dim.ts';
import { mixed } from './hash.ts';
import { Recent } from './recent.ts';
import type { ElemType, TensorType } from './types.ts';

type Given = Readonly<Record<string, AttrValue>>;

/** An operator with the attributes that were given and the types of its operands, and what follows. */
interface Call {
  readonly op: object;
  readonly given: Given;
  readonly operands: readonly (TensorType | undefined)[];
  readonly attrs: Attrs;
  readonly types: readonly TensorType[];
}

/** What of an operator is looked at: which one it is, and its name for the hash. */
interface Named {
  readonly name: string;
}

/** Different calls and types that are kept at a time. A network has dozens. */
const most = 4096;

function ofText(hash: number, text: string): number {
  let h = mixed(hash, text.length);
  for (let i = 0; i < text.length && i < 16; i++) h = mixed(h, text.charCodeAt(i));
  return h;
}

function ofType(hash: number, type: TensorType | undefined): number {
  if (!type) return mixed(hash, -1);
  let h = ofText(hash, type.elem);
  for (const dim of type.dims) h = mixed(h, dim.id);
  return h;
}

function ofElement(hash: number, one: number | Dim): number {
  return mixed(hash, typeof one === 'number' ? one * 1009 : ~one.id);
}

function ofValue(hash: number, value: AttrValue): number {
  if (typeof value === 'string') return ofText(hash, value);
  if (typeof value !== 'object') return ofElement(hash, Number(value));
  let h = mixed(hash, value.length);
  for (const one of value) h = ofElement(h, one);
  return h;
}

function ofAttrs(hash: number, attrs: Given): number {
  let h = hash;
  for (const name of Object.keys(attrs)) {
    const value = attrs[name];
    if (value !== undefined) h = ofValue(ofText(h, name), value);
  }
  return h;
}

function sameValue(a: AttrValue | undefined, b: AttrValue | undefined): boolean {
  if (typeof a !== 'object' || typeof b !== 'object') return Object.is(a, b);
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
}

/** The same names in the same order, with the same values. */
function sameAttrs(a: Given, b: Given): boolean {
  if (a === b) return true;
  const names = Object.keys(a);
  const others = Object.keys(b);
  return names.length === others.length && names.every((name, i) => name === others[i] && sameValue(a[name], b[name]));
}

function sameElements<T>(a: readonly T[], b: readonly T[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

export class Shared {
  readonly #types = new Recent<TensorType>(most);
  readonly #attrs = new Recent<Attrs>(most);
  readonly #calls = new Recent<Call>(most);

  /** This type, or an equal one. */
  type(type: TensorType): TensorType {
    if (type.foreign) return type;
    const hash = ofType(0, type);
    const known = this.#types.get(hash);
    if (known && known.elem === type.elem && sameElements(known.dims, type.dims)) return known;
    this.#types.set(hash, type);
    return type;
  }

  /** The type of a tensor of these sizes. */
  typeOf(elem: ElemType, sizes: readonly number[]): TensorType {
    let hash = ofText(0, elem);
    for (const size of sizes) hash = mixed(hash, Dim.of(size).id);
    const known = this.#types.get(hash);
    if (known && known.elem === elem && known.dims.length === sizes.length && known.dims.every((d, i) => d.constant === sizes[i]))
      return known;
    const made = { elem, dims: sizes.map((size) => Dim.of(size)) };
    this.#types.set(hash, made);
    return made;
  }

  /** What followed from this operator with these attributes and types. */
  inferred(op: Named, given: Given, operands: readonly (TensorType | undefined)[]): Call | undefined {
    const known = this.#calls.get(hashOf(op, given, operands));
    if (known?.op !== op || !sameElements(known.operands, operands) || !sameAttrs(known.given, given)) return undefined;
    return known;
  }

  /** Keeps what follows from them, where it hangs on nothing else. */
  keep(op: Named, given: Given, operands: readonly (TensorType | undefined)[], attrs: Attrs, types: readonly TensorType[]): Call {
    const made = { op, given, operands, attrs: this.attrs(attrs), types: types.map((type) => this.type(type)) };
    this.#calls.set(hashOf(op, given, operands), made);
    return made;
  }

  /** These attributes, or equal ones. */
  attrs(attrs: Attrs): Attrs {
    const hash = ofAttrs(0, attrs);
    const known = this.#attrs.get(hash);
    if (known && sameAttrs(known, attrs)) return known;
    this.#attrs.set(hash, attrs);
    return attrs;
  }
}

function hashOf(op: Named, given: Given, operands: readonly (TensorType | undefined)[]): number {
  let hash = ofAttrs(ofText(operands.length, op.name), given);
  for (const type of operands) hash = ofType(hash, type);
  return hash;
}
