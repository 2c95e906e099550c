/**
 * What an ONNX file says of its values, and what type inference tells beyond: element types, ranks, small constants, free names.
 * The steps of `upgrade-steps.ts` ask it where the newer form of a node hangs on them.
 */
import { Dim } from '../ir/dim.ts';
import type { ElemType } from '../ir/types.ts';
import { materializeSync } from '../tensor/values.ts';
import { inferResults } from './infer/infer.ts';
import { type PartialType, partialOfFile, unknown } from './infer/partial-type.ts';
import type { OnnxDim, OnnxFile, OnnxGraph, OnnxNode, OnnxTensor, OnnxType } from './model.ts';
import { NodeAttributes } from './node-attributes.ts';

interface Producer {
  readonly node: OnnxNode;
  readonly index: number;
}

/** Values of a file by name, gathered when they are first asked for. Names are unique in a whole file. */
export class FileValues {
  readonly #file: OnnxFile;
  #producers: Map<string, Producer> | undefined;
  readonly #constants = new Map<string, OnnxTensor>();
  readonly #declared = new Map<string, OnnxType>();
  readonly #types = new Map<string, PartialType>();
  /** Asked for while their operands are. */
  readonly #open = new Set<string>();
  readonly #reads = new Set<string>();
  readonly #names = new Set<string>();
  readonly #suffixes = new Map<string, number>();
  readonly #fresh: ((base: string) => string) | undefined;
  constructor(file: OnnxFile, fresh: ((base: string) => string) | undefined) {
    this.#file = file;
    this.#fresh = fresh;
  }

  #gather(): Map<string, Producer> {
    if (this.#producers) return this.#producers;
    const producers = new Map<string, Producer>();
    this.#producers = producers;
    const open: OnnxGraph[] = [this.#file.graph];
    for (let graph = open.pop(); graph; graph = open.pop()) {
      for (const { name, type } of [...graph.inputs, ...graph.valueInfo, ...graph.outputs]) {
        this.#names.add(name);
        if (type) this.#declared.set(name, type);
      }
      for (const output of graph.outputs) this.#reads.add(output.name);
      for (const tensor of graph.initializers) {
        this.#names.add(tensor.name);
        this.#constants.set(tensor.name, tensor);
      }
      for (const node of graph.nodes) {
        for (const name of node.inputs) {
          this.#names.add(name);
          this.#reads.add(name);
        }
        for (const [index, name] of node.outputs.entries()) {
          this.#names.add(name);
          if (name !== '') producers.set(name, { node, index });
        }
        for (const attribute of node.attributes) {
          if (attribute.kind === 'graph') open.push(attribute.value);
          else if (attribute.kind === 'graphs') open.push(...attribute.value);
          else if (attribute.kind === 'tensor' && node.domain === '' && node.opType === 'Constant' && attribute.name === 'value')
            this.#constants.set(node.outputs[0] ?? '', attribute.value);
        }
      }
    }
    return producers;
  }

  /** A name that no value of the file has. */
  fresh(base: string): string {
    if (this.#fresh) return this.#fresh(base);
    this.#gather();
    let name = base;
    // Outputs may be named alike in a hostile file, so that the search goes on where the last one for this base ended.
    let i = this.#suffixes.get(base) ?? 1;
    for (; this.#names.has(name); i++) name = `${base}_${i}`;
    if (name !== base) this.#suffixes.set(base, i);
    this.#names.add(name);
    return name;
  }

  isRead(name: string): boolean {
    this.#gather();
    return this.#reads.has(name);
  }

  /** The numbers of a constant of at most a thousand elements. */
  numbers(name: string | undefined): readonly number[] | undefined {
    if (name === undefined || name === '') return undefined;
    this.#gather();
    const tensor = this.#constants.get(name);
    if (tensor?.kind !== 'tensor' || tensor.expr.count > 1000) return undefined;
    const host = materializeSync(tensor.expr);
    return host && [...host.data];
  }

  elem(name: string): ElemType | undefined {
    return this.#typeOf(name).elem;
  }

  rank(name: string): number | undefined {
    return this.#typeOf(name).dims?.length;
  }

  /** Sizes as the file says them. */
  dims(name: string): readonly OnnxDim[] | undefined {
    this.#gather();
    const tensor = this.#constants.get(name);
    return tensor?.kind === 'tensor' ? tensor.expr.dims : this.#declared.get(name)?.dims;
  }

  /** What the file says of a value, and inference where it says nothing. Names of sizes tell nothing here. */
  #typeOf(name: string): PartialType {
    const stack = [name];
    for (let at = stack.at(-1); at !== undefined; at = stack.at(-1)) {
      const said = this.#said(at);
      const made = this.#gather().get(at);
      if (this.#types.has(at)) stack.pop();
      else if ((said?.elem && said.dims) || !made) this.#types.set(at, said ?? unknown);
      else {
        const missing = made.node.inputs.filter((one) => one !== '' && !this.#types.has(one) && !this.#open.has(one));
        if (missing.length > 0) {
          // In a circle of nodes nothing is known of what is asked for once more.
          this.#open.add(at);
          stack.push(...missing);
          continue;
        }
        this.#open.delete(at);
        const found = this.#inferred(made);
        this.#types.set(at, { elem: said?.elem ?? found.elem, dims: said?.dims ?? found.dims });
      }
    }
    return this.#types.get(name) ?? unknown;
  }

  #said(name: string): PartialType | undefined {
    this.#gather();
    const tensor = this.#constants.get(name);
    if (tensor?.kind === 'tensor') return { elem: tensor.expr.elem, dims: tensor.expr.dims.map((d) => Dim.of(d)) };
    const declared = this.#declared.get(name);
    return declared?.elem ? partialOfFile(declared, () => undefined) : undefined;
  }

  /**
   * Of further results only those of Split are told: what Dropout and others gave beside the first one changed with the opset,
   * and so did Scan.
   */
  #inferred({ node, index }: Producer): PartialType {
    if (index > 0 && node.opType !== 'Split') return unknown;
    const elements = (i: number): readonly (Dim | undefined)[] | undefined =>
      this.#types.get(node.inputs[i] ?? '')?.elem === 'i64'
        ? this.numbers(node.inputs[i])?.map((n) => (Number.isSafeInteger(n) ? Dim.of(n) : undefined))
        : undefined;
    const found = inferResults({
      domain: node.domain,
      opType: node.opType,
      attributes: new NodeAttributes(node),
      operandCount: node.inputs.length,
      resultCount: node.outputs.length,
      has: (i) => (node.inputs[i] ?? '') !== '',
      operand: (i) => this.#types.get(node.inputs[i] ?? '') ?? unknown,
      elements,
      bounds: elements,
      numbers: (i) => this.numbers(node.inputs[i]),
      bodies: [],
    });
    return found[index] ?? unknown;
  }
}
