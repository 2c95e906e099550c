/** A node of the file as lifts and shape rules read it: attributes by name and kind, operands as values of the graph. */
import type { Value } from '../ir/graph.ts';
import { isAttribute, type OnnxAttribute, type OnnxNode, type OnnxTensor } from '../onnx/model.ts';
import { NodeAttributes } from '../onnx/node-attributes.ts';
import { type LiftNode, NotLifted } from './lift.ts';

export class NodeView implements LiftNode {
  readonly file: OnnxNode;
  readonly opType: string;
  readonly domain: string;
  readonly name: string;
  readonly values: readonly (Value | undefined)[];
  readonly outputCount: number;
  readonly #used: ReadonlySet<string>;
  readonly attributes: NodeAttributes;

  /** `used` has every name that some node or output of the whole file reads. */
  constructor(file: OnnxNode, values: readonly (Value | undefined)[], used: ReadonlySet<string>) {
    this.file = file;
    this.opType = file.opType;
    this.domain = file.domain;
    this.name = file.name;
    this.values = values;
    this.#used = used;
    this.attributes = new NodeAttributes(file);
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

  maker(index: number): NodeView | undefined {
    const made = this.values[index]?.producer;
    const foreign = made?.op.foreign;
    if (!made || !foreign) return undefined;
    const attributes = foreign.attributes.flatMap((one) =>
      one.kind === 'bytes' && one.attribute && isAttribute(one.attribute) ? [one.attribute] : [],
    );
    const { domain, opType } = foreign;
    const file = { name: made.origin.scope, domain, opType, overload: '', inputs: [], outputs: [], attributes };
    return new NodeView(file, made.operands, this.#used);
  }

  hasOutput(index: number): boolean {
    return (this.file.outputs[index] ?? '') !== '';
  }

  outputUsed(index: number): boolean {
    return this.hasOutput(index) && this.#used.has(this.file.outputs[index] ?? '');
  }

  has(name: string): boolean {
    return this.attributes.has(name);
  }

  attribute(name: string): OnnxAttribute | undefined {
    return this.attributes.get(name);
  }

  int(name: string, otherwise?: number): number {
    return this.attributes.int(name, otherwise);
  }

  flag(name: string, otherwise: boolean): boolean {
    return this.attributes.flag(name, otherwise);
  }

  ints(name: string): readonly number[] | undefined {
    return this.attributes.ints(name);
  }

  float(name: string, otherwise?: number): number {
    return this.attributes.float(name, otherwise);
  }

  string(name: string, otherwise?: string): string {
    return this.attributes.string(name, otherwise);
  }

  strings(name: string): readonly string[] | undefined {
    return this.attributes.strings(name);
  }

  tensor(name: string): OnnxTensor | undefined {
    return this.attributes.tensor(name);
  }
}
