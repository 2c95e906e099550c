/** The attributes of a node of a file by name and kind, as lifts and type rules ask for them. */
import type { OnnxAttribute, OnnxNode, OnnxTensor } from './model.ts';

/** An attribute that is missing, of another kind, or no number that is held. */
export class AttributeError extends Error {
  constructor(what: string) {
    super(what);
    this.name = 'AttributeError';
  }
}

function integer(value: bigint, name: string): number {
  const n = Number(value);
  if (!Number.isSafeInteger(n)) throw new AttributeError(`${name} is ${value}`);
  return n;
}

export class NodeAttributes {
  readonly #all: ReadonlyMap<string, OnnxAttribute>;

  constructor(node: OnnxNode) {
    // The last one of a name wins, as everywhere in protobuf.
    this.#all = new Map(node.attributes.map((one) => [one.name, one]));
  }

  has(name: string): boolean {
    return this.#all.has(name);
  }

  get(name: string): OnnxAttribute | undefined {
    return this.#all.get(name);
  }

  #of<K extends OnnxAttribute['kind']>(
    name: string,
    kind: K,
    text: string,
  ): Extract<OnnxAttribute, { readonly kind: K }> | undefined {
    const found = this.#all.get(name);
    if (found && found.kind !== kind) throw new AttributeError(`attribute ${name} is no ${text}`);
    return found as Extract<OnnxAttribute, { readonly kind: K }> | undefined;
  }

  #default<T>(name: string, otherwise: T | undefined): T {
    if (otherwise === undefined) throw new AttributeError(`no attribute ${name}`);
    return otherwise;
  }

  int(name: string, otherwise?: number): number {
    const found = this.#of(name, 'int', 'integer');
    return found ? integer(found.value, name) : this.#default(name, otherwise);
  }

  /** A truth value, which ONNX says by 0 and 1: onnxruntime reads 2 as true of some operators and as false of others. */
  flag(name: string, otherwise: boolean): boolean {
    const value = this.int(name, otherwise ? 1 : 0);
    if (value !== 0 && value !== 1) throw new AttributeError(`${name} is ${value}, neither 0 nor 1`);
    return value === 1;
  }

  ints(name: string): readonly number[] | undefined {
    return this.#of(name, 'ints', 'list of integers')?.value.map((one) => integer(one, name));
  }

  floats(name: string): readonly number[] | undefined {
    return this.#of(name, 'floats', 'list of floats')?.value;
  }

  float(name: string, otherwise?: number): number {
    return this.#of(name, 'float', 'float')?.value ?? this.#default(name, otherwise);
  }

  string(name: string, otherwise?: string): string {
    return this.#of(name, 'string', 'string')?.value ?? this.#default(name, otherwise);
  }

  strings(name: string): readonly string[] | undefined {
    return this.#of(name, 'strings', 'list of strings')?.value;
  }

  tensor(name: string): OnnxTensor | undefined {
    return this.#of(name, 'tensor', 'tensor')?.value;
  }
}
