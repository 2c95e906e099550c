/**
 * What an ONNX file says of its values, and what a few rules by operator tell beyond: element types, ranks, small constants, free
 * names. The steps of `upgrade-steps.ts` ask it where the newer form of a node hangs on them.
 */

import type { ElemType } from '../ir/types.ts';
import { materializeSync } from '../tensor/values.ts';
import type { FileDim, FileGraph, FileNode, FileTensor, OnnxFile } from './model.ts';

/** Operators whose first result has the element type and the rank of its first operand. */
const pointwise = new Set(
  (
    'Abs Acos Asin Atan Ceil Clip Cos Dropout Elu Erf Exp Floor HardSigmoid Identity LeakyRelu Log LogSoftmax LRN Neg PRelu Reciprocal Relu ' +
    'Round Selu Sigmoid Sin Softmax Softplus Softsign Sqrt Tan Tanh ThresholdedRelu BatchNormalization InstanceNormalization HardSwish Pad ' +
    'AveragePool MaxPool GlobalAveragePool GlobalMaxPool Upsample Resize DepthToSpace SpaceToDepth Conv ConvTranspose Concat Slice ' +
    'Transpose Celu Mish Gelu'
  ).split(' '),
);
/**
 * Operators whose first result has another element type than their first operand: 'i64', 'bool', or the number of the operand.
 */
const otherElem: Readonly<Record<string, ElemType | number | undefined>> = {
  Shape: 'i64',
  Size: 'i64',
  ArgMax: 'i64',
  ArgMin: 'i64',
  NonZero: 'i64',
  NonMaxSuppression: 'i64',
  Equal: 'bool',
  Greater: 'bool',
  Less: 'bool',
  GreaterOrEqual: 'bool',
  LessOrEqual: 'bool',
  And: 'bool',
  Or: 'bool',
  Xor: 'bool',
  Not: 'bool',
  IsNaN: 'bool',
  IsInf: 'bool',
  Where: 1,
  OneHot: 2,
  // Types from attributes, sequences and sub-graphs, or by rules of their own: not known here.
  Cast: undefined,
  Constant: undefined,
  ConstantOfShape: undefined,
  EyeLike: undefined,
  RandomNormal: undefined,
  RandomNormalLike: undefined,
  RandomUniform: undefined,
  RandomUniformLike: undefined,
  Multinomial: undefined,
  QuantizeLinear: undefined,
  DequantizeLinear: undefined,
  QLinearConv: undefined,
  QLinearMatMul: undefined,
  ConvInteger: undefined,
  MatMulInteger: undefined,
  If: undefined,
  Loop: undefined,
  Scan: undefined,
  SequenceAt: undefined,
  SequenceEmpty: undefined,
  SequenceLength: undefined,
  ConcatFromSequence: undefined,
  TfIdfVectorizer: undefined,
};
const chainLimit = 1000;

/**
 * What the file says and simple rules tell of its values, by name; gathered when it is first asked. Names are unique in a whole
 * file.
 */
export class Facts {
  readonly #file: OnnxFile;
  #producers: Map<string, { readonly node: FileNode; readonly index: number }> | undefined;
  readonly #constants = new Map<string, FileTensor>();
  readonly #declared = new Map<string, { readonly elem: ElemType | undefined; readonly dims: readonly FileDim[] | undefined }>();
  readonly #reads = new Set<string>();
  readonly #names = new Set<string>();
  readonly #suffixes = new Map<string, number>();
  readonly #fresh: ((base: string) => string) | undefined;
  constructor(file: OnnxFile, fresh: ((base: string) => string) | undefined) {
    this.#file = file;
    this.#fresh = fresh;
  }

  #gather(): Map<string, { readonly node: FileNode; readonly index: number }> {
    if (this.#producers) return this.#producers;
    const producers = new Map<string, { readonly node: FileNode; readonly index: number }>();
    this.#producers = producers;
    const open: FileGraph[] = [this.#file.graph];
    for (let graph = open.pop(); graph; graph = open.pop()) {
      for (const { name, type } of [...graph.inputs, ...graph.valueInfo, ...graph.outputs]) {
        this.#names.add(name);
        if (type) this.#declared.set(name, { elem: type.elem, dims: type.dims });
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
    let at = name;
    for (let i = 0; i < chainLimit; i++) {
      const producers = this.#gather();
      const tensor = this.#constants.get(at);
      if (tensor?.kind === 'tensor') return tensor.expr.elem;
      const declared = this.#declared.get(at)?.elem;
      if (declared) return declared;
      const made = producers.get(at);
      if (made?.node.domain !== '') return undefined;
      const { node, index } = made;
      if (Object.hasOwn(otherElem, node.opType)) {
        const rule = otherElem[node.opType];
        if (typeof rule === 'string') return rule;
        if (rule === undefined) return undefined;
        at = node.inputs[rule] ?? '';
      } else if (index > 0 && node.opType !== 'Split') return undefined;
      else at = node.inputs[0] ?? '';
    }
    return undefined;
  }

  /** Sizes as the file says them. */
  dims(name: string): readonly FileDim[] | undefined {
    this.#gather();
    const tensor = this.#constants.get(name);
    return tensor?.kind === 'tensor' ? tensor.expr.dims : this.#declared.get(name)?.dims;
  }

  rank(name: string): number | undefined {
    let at = name;
    for (let i = 0; i < chainLimit; i++) {
      const producers = this.#gather();
      const tensor = this.#constants.get(at);
      if (tensor?.kind === 'tensor') return tensor.expr.dims.length;
      const declared = this.#declared.get(at)?.dims;
      if (declared) return declared.length;
      const made = producers.get(at);
      if (made?.node.domain !== '' || made.index > 0) return undefined;
      const { opType, inputs } = made.node;
      if (opType === 'Gemm' || opType === 'Flatten') return 2;
      if (opType === 'Reshape') return this.numbers(inputs[1])?.length;
      if (!pointwise.has(opType)) return undefined;
      at = inputs[0] ?? '';
    }
    return undefined;
  }
}
