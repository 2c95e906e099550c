/** A node of the file as lifts and shape rules read it: attributes by name and kind, operands as values of the graph. */
import type { Value } from '../ir/graph.ts';
import type { FileAttribute, FileNode, FileTensor } from '../onnx/model.ts';
import { type LiftNode, NotLifted } from './lift.ts';

function integer(value: bigint, name: string): number {
  const n = Number(value);
  if (!Number.isSafeInteger(n)) throw new NotLifted(`${name} is ${value}`);
  return n;
}

export class NodeView implements LiftNode {
  readonly file: FileNode;
  readonly opType: string;
  readonly domain: string;
  readonly name: string;
  readonly values: readonly (Value | undefined)[];
  readonly outputCount: number;
  readonly #used: ReadonlySet<string>;
  readonly #attributes: ReadonlyMap<string, FileAttribute>;

  /** `used` has every name that some node or output of the whole file reads. */
  constructor(file: FileNode, values: readonly (Value | undefined)[], used: ReadonlySet<string>) {
    this.file = file;
    this.opType = file.opType;
    this.domain = file.domain;
    this.name = file.name;
    this.values = values;
    this.#used = used;
    // The last one of a name wins, as everywhere in protobuf.
    this.#attributes = new Map(file.attributes.map((one) => [one.name, one]));
    let count = file.outputs.length;
    while (count > 0 && file.outputs[count - 1] === '') count--;
    this.outputCount = count;
  }

  input(index: number): Value | undefined {
    const value = this.values[index];
    if (value?.type.foreign) throw new NotLifted(`operand ${index} is ${value.type.foreign.text}`);
    return value;
  }

  need(index: number): Value {
    const value = this.input(index);
    if (!value) throw new NotLifted(`operand ${index} is left out`);
    return value;
  }

  inputs(): readonly Value[] {
    return this.values.map((_, i) => this.need(i));
  }

  hasOutput(index: number): boolean {
    return (this.file.outputs[index] ?? '') !== '';
  }

  outputUsed(index: number): boolean {
    return this.hasOutput(index) && this.#used.has(this.file.outputs[index] ?? '');
  }

  has(name: string): boolean {
    return this.#attributes.has(name);
  }

  attribute(name: string): FileAttribute | undefined {
    return this.#attributes.get(name);
  }

  #wrong(name: string, kind: string): never {
    throw new NotLifted(`attribute ${name} is no ${kind}`);
  }

  int(name: string, otherwise?: number): number {
    const found = this.#attributes.get(name);
    if (!found) {
      if (otherwise === undefined) throw new NotLifted(`no attribute ${name}`);
      return otherwise;
    }
    return found.kind === 'int' ? integer(found.value, name) : this.#wrong(name, 'integer');
  }

  flag(name: string, otherwise: boolean): boolean {
    const value = this.int(name, otherwise ? 1 : 0);
    if (value !== 0 && value !== 1) throw new NotLifted(`${name} is ${value}, neither 0 nor 1`);
    return value === 1;
  }

  ints(name: string): readonly number[] | undefined {
    const found = this.#attributes.get(name);
    if (!found) return undefined;
    return found.kind === 'ints' ? found.value.map((one) => integer(one, name)) : this.#wrong(name, 'list of integers');
  }

  float(name: string, otherwise?: number): number {
    const found = this.#attributes.get(name);
    if (!found) {
      if (otherwise === undefined) throw new NotLifted(`no attribute ${name}`);
      return otherwise;
    }
    return found.kind === 'float' ? found.value : this.#wrong(name, 'float');
  }

  string(name: string, otherwise?: string): string {
    const found = this.#attributes.get(name);
    if (!found) {
      if (otherwise === undefined) throw new NotLifted(`no attribute ${name}`);
      return otherwise;
    }
    return found.kind === 'string' ? found.value : this.#wrong(name, 'string');
  }

  tensor(name: string): FileTensor | undefined {
    const found = this.#attributes.get(name);
    if (!found) return undefined;
    return found.kind === 'tensor' ? found.value : this.#wrong(name, 'tensor');
  }
}
