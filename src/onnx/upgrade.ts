/**
 * Brings the nodes of an ONNX file to a newer opset. Files before 13 come to 13 this way, so that whoever reads nodes knows one form
 * of each operator; beyond 13 it serves `--opset` and `--raise`. Every rewrite means the same for every input. Source: ONNX's
 * docs/Changelog.md and onnx/version_converter; each step names its versions.
 */

import { cannotUpgrade, trainingForm } from '../diagnostics/catalogue/import.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { minOpset } from '../ir/opset.ts';
import type { ElemType } from '../ir/types.ts';
import { materializeSync } from '../tensor/expr.ts';
import { constantNode, intAttribute, intsAttribute, madeNode, stringAttribute } from './encode.ts';
import type { FileAttribute, FileDim, FileGraph, FileNode, FileTensor, OnnxFile } from './model.ts';
import { versionsBetween } from './versions.ts';

// ------------------------------------------------------------------------------------------------------ what is known of values

/** Operators whose first result has the element type and the rank of its first operand. */
const pointwise = new Set(
  (
    'Abs Acos Asin Atan Ceil Clip Cos Dropout Elu Erf Exp Floor HardSigmoid Identity LeakyRelu Log LogSoftmax LRN Neg PRelu Reciprocal Relu ' +
    'Round Selu Sigmoid Sin Softmax Softplus Softsign Sqrt Tan Tanh ThresholdedRelu BatchNormalization InstanceNormalization HardSwish Pad ' +
    'AveragePool MaxPool GlobalAveragePool GlobalMaxPool Upsample Resize DepthToSpace SpaceToDepth Conv ConvTranspose Concat Slice ' +
    'Transpose Celu Mish Gelu'
  ).split(' '),
);
/** Operators whose first result has another element type than their first operand: 'i64', 'bool', or the number of the operand. */
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

/** What the file says and simple rules tell of its values, by name; gathered when it is first asked. Names are unique in a whole file. */
class Facts {
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

// ----------------------------------------------------------------------------------------------------------------------- steps

function attributeOf(node: FileNode, name: string): FileAttribute | undefined {
  return node.attributes.find((a) => a.name === name);
}
function intOf(node: FileNode, name: string, otherwise: number): number {
  const found = attributeOf(node, name);
  return found?.kind === 'int' ? Number(found.value) : otherwise;
}
function without(node: FileNode, ...names: readonly string[]): readonly FileAttribute[] {
  return node.attributes.filter((a) => !names.includes(a.name));
}

/** One node on its way: what came of it so far, helpers first or last, and the node itself. */
interface Rewrite {
  readonly before?: readonly FileNode[];
  readonly node: FileNode;
  readonly after?: readonly FileNode[];
}

/** A step makes of a node that is valid before opset `at` one that is valid at it, and beyond where the step says so. */
interface Step {
  readonly at: number;
  readonly rewrite: (node: FileNode, up: Upgrader) => Rewrite;
}

/** The same, with an attribute of integers as input `index`; nothing to do without it. */
function toInput(attribute: string, index: number, scalar = false) {
  return (node: FileNode, up: Upgrader): Rewrite => {
    const found = attributeOf(node, attribute);
    const attributes = without(node, attribute);
    if (!found) return { node };
    const values = found.kind === 'ints' ? found.value : found.kind === 'int' ? [found.value] : undefined;
    if (!values) return up.refuse(node, `attribute ${attribute} of kind ${found.kind}`, 'integers');
    if (values.length === 0) return { node: { ...node, attributes } };
    const constant = up.integers(`${node.outputs[0] ?? node.name}_${attribute}`, values.map(Number), scalar);
    const inputs = [...node.inputs];
    while (inputs.length < index) inputs.push('');
    inputs[index] = constant.output;
    return { before: [constant.node], node: { ...node, inputs, attributes } };
  };
}

/** Over all axes from `axis` on, as one; since 13 along one axis alone. */
function alongOneAxis(node: FileNode, up: Upgrader): Rewrite {
  const axis = intOf(node, 'axis', 1);
  const x = node.inputs[0] ?? '';
  const rank = axis === -1 ? undefined : up.facts.rank(x);
  if (axis === -1 || (rank !== undefined && (axis === rank - 1 || axis - rank === -1)))
    return { node: { ...node, attributes: [...without(node, 'axis'), intAttribute('axis', -1)] } };
  const y = node.outputs[0] ?? '';
  const shape = up.facts.fresh(`${y}_shape`);
  const flat = up.facts.fresh(`${y}_flat`);
  const result = up.facts.fresh(`${y}_flat_result`);
  return {
    before: [madeNode('Shape', shape, [x], [shape]), madeNode('Flatten', flat, [x], [flat], [intAttribute('axis', axis)])],
    node: { ...node, inputs: [flat], outputs: [result], attributes: [...without(node, 'axis'), intAttribute('axis', -1)] },
    after: [madeNode('Reshape', `${node.name || y}_reshape`, [result, shape], [y])],
  };
}

/** A float attribute as an input of the element type of operand 0, which is f32 where nothing says otherwise. */
function floatInput(
  node: FileNode,
  attribute: FileAttribute | undefined,
  up: Upgrader,
): { readonly made: FileNode[]; readonly name: string } {
  if (attribute?.kind !== 'float') return { made: [], name: '' };
  const output = up.facts.fresh(`${node.outputs[0] ?? node.name}_${attribute.name}`);
  return { made: [constantNode(output, up.facts.elem(node.inputs[0] ?? '') ?? 'f32', [], [attribute.value])], name: output };
}

function trimmed(names: readonly string[]): readonly string[] {
  let end = names.length;
  while (end > 0 && names[end - 1] === '') end--;
  return names.slice(0, end);
}

/** Scales below 1 round up and others down in what runtimes compute for opset 10; both in one node cannot be said since. */
function nearestOf(node: FileNode, scales: readonly number[] | undefined, up: Upgrader): string {
  if (!scales) return up.refuse(node, 'nearest with scales that are computed', 'constant scales, or the modes of opset 11');
  if (scales.every((s) => s >= 1 || Number.isInteger(1 / s))) return 'floor';
  if (scales.every((s) => s <= 1)) return 'ceil';
  return up.refuse(node, `nearest with scales ${scales.join(', ')}`, 'scales that all enlarge or all shrink');
}

const resizeMode = (node: FileNode): string => {
  const mode = attributeOf(node, 'mode');
  return mode?.kind === 'string' ? mode.value : 'nearest';
};

function resized(node: FileNode, scales: string, nearest: string): FileNode {
  return {
    ...node,
    opType: 'Resize',
    inputs: [node.inputs[0] ?? '', '', scales],
    attributes: [
      ...without(node, 'scales', 'mode'),
      stringAttribute('mode', resizeMode(node) === 'bilinear' ? 'linear' : resizeMode(node)),
      stringAttribute('coordinate_transformation_mode', 'asymmetric'),
      stringAttribute('nearest_mode', nearest),
    ],
  };
}

/**
 * Scan 8 ran over axis 1 of each element of a batch: a Scan over the batch, whose states and elements are all sliced, around one over the
 * sequence.
 */
function overBatch(node: FileNode, up: Upgrader): Rewrite {
  const body = attributeOf(node, 'body');
  if ((node.inputs[0] ?? '') !== '') return up.refuse(node, 'sequences of several lengths', 'no sequence_lens');
  if (body?.kind !== 'graph') return up.refuse(node, 'no body', 'the attribute body');
  const operands = node.inputs.slice(1);
  const scanned = intOf(node, 'num_scan_inputs', 0);
  const directions = attributeOf(node, 'directions');
  const base = node.outputs.find((name) => name !== '') ?? node.name;
  const inner = operands.map((_, i) => up.facts.fresh(`${base}_element_${i}`));
  const results = node.outputs.map((_, i) => up.facts.fresh(`${base}_result_${i}`));
  const sequence = madeNode('Scan', `${node.name || base}_sequence`, inner, results, [
    body,
    intAttribute('num_scan_inputs', scanned),
    ...(directions?.kind === 'ints' ? [intsAttribute('scan_input_directions', directions.value)] : []),
  ]);
  const values = (names: readonly string[]): FileGraph['inputs'] => names.map((name) => ({ name, type: undefined }));
  const batch: FileGraph = {
    name: `${node.name || base}_batch`,
    nodes: [sequence],
    initializers: [],
    inputs: values(inner),
    outputs: values(results),
    valueInfo: [],
    rest: new Uint8Array(),
  };
  const attributes: readonly FileAttribute[] = [
    { name: 'body', kind: 'graph', value: batch, bytes: body.bytes },
    intAttribute('num_scan_inputs', operands.length),
  ];
  return { node: { ...node, inputs: operands, attributes } };
}

/** Operand 1 with `count` axes of size 1 behind its own. */
function widened(node: FileNode, count: number, up: Upgrader): Rewrite {
  const [first = '', second = ''] = node.inputs;
  const rank = up.facts.rank(second) ?? 0;
  if (count <= 0) return { node };
  const axes = up.integers(
    `${node.outputs[0] ?? node.name}_axes`,
    Array.from({ length: count }, (_, i) => rank + i),
  );
  const wide = up.facts.fresh(`${second}_aligned`);
  return {
    before: [axes.node, madeNode('Unsqueeze', wide, [second, axes.output], [wide])],
    node: { ...node, inputs: [first, wide, ...node.inputs.slice(2)] },
  };
}

/** Before 7 operand 1 was aligned with operand 0 from `axis` on, or at their ends. */
function aligned(node: FileNode, up: Upgrader): Rewrite {
  const plain = { ...node, attributes: without(node, 'broadcast', 'axis') };
  const axis = attributeOf(node, 'axis');
  if (intOf(node, 'broadcast', 0) === 0 || axis?.kind !== 'int') return { node: plain };
  const rank = up.facts.rank(node.inputs[0] ?? '');
  const narrow = up.facts.rank(node.inputs[1] ?? '');
  if (rank === undefined || narrow === undefined || axis.value < 0n)
    return up.refuse(
      node,
      `broadcast from axis ${axis.value} on, between operands of unknown rank`,
      'value_info for its operands',
    );
  return widened(plain, rank - Number(axis.value) - narrow, up);
}

/** Before 7 a slope per channel was a vector; since it is aligned at the end. */
function slopePerChannel(node: FileNode, up: Upgrader): Rewrite {
  const slope = up.facts.dims(node.inputs[1] ?? '');
  const rank = up.facts.rank(node.inputs[0] ?? '');
  if (slope?.every((d) => d === 1)) return { node };
  if (!slope || rank === undefined) return up.refuse(node, 'a slope or operand of unknown sizes', 'value_info for its operands');
  return slope.length === 1 ? widened(node, rank - 2, up) : { node };
}

const binary: readonly Step[] = [{ at: 7, rewrite: aligned }];
/** What was said of training until 7: `checkInference` has looked at it. */
const inferenceOnly = (node: FileNode): Rewrite => ({ node: { ...node, attributes: without(node, 'is_test') } });
const same = (node: FileNode): Rewrite => ({ node });
const reduceAxes: readonly Step[] = [{ at: 18, rewrite: toInput('axes', 1) }];
const axesInput: readonly Step[] = [{ at: 13, rewrite: toInput('axes', 1) }];
const oneAxis: readonly Step[] = [{ at: 13, rewrite: alongOneAxis }];

const steps: Readonly<Record<string, readonly Step[]>> = {
  Add: binary,
  And: binary,
  Div: binary,
  Equal: binary,
  Greater: binary,
  Less: binary,
  Mul: binary,
  Or: binary,
  Pow: binary,
  Sub: binary,
  Xor: binary,
  // It gained count_include_pad, which is off.
  AveragePool: [{ at: 7, rewrite: same }],
  BatchNormalization: [
    { at: 7, rewrite: inferenceOnly },
    {
      at: 9,
      rewrite: (node, up) =>
        intOf(node, 'spatial', 1) === 1
          ? { node: { ...node, attributes: without(node, 'spatial') } }
          : up.refuse(node, 'spatial=0, statistics per element', 'statistics per channel'),
    },
    {
      at: 14,
      rewrite: (node, up) =>
        trimmed(node.outputs).length > 1
          ? up.refuse(node, 'its statistics are results', 'one result, as in inference')
          : { node: { ...node, outputs: trimmed(node.outputs) } },
    },
  ],
  Clip: [
    {
      at: 11,
      rewrite: (node, up) => {
        const low = floatInput(node, attributeOf(node, 'min'), up);
        const high = floatInput(node, attributeOf(node, 'max'), up);
        return {
          before: [...low.made, ...high.made],
          node: {
            ...node,
            inputs: trimmed([node.inputs[0] ?? '', low.name, high.name]),
            attributes: without(node, 'min', 'max'),
          },
        };
      },
    },
  ],
  DFT: [
    {
      at: 20,
      rewrite: (node, up) => {
        const axis = up.integers(`${node.outputs[0] ?? node.name}_axis`, [intOf(node, 'axis', 1)], true);
        return {
          before: [axis.node],
          node: {
            ...node,
            inputs: [node.inputs[0] ?? '', node.inputs[1] ?? '', axis.output],
            attributes: without(node, 'axis'),
          },
        };
      },
    },
  ],
  Dropout: [
    { at: 7, rewrite: inferenceOnly },
    {
      at: 12,
      rewrite: (node, up) => {
        const mask = node.outputs[1] ?? '';
        if (mask !== '' && up.facts.isRead(mask))
          return up.refuse(node, 'its mask is read', 'a dropout whose mask nothing reads');
        return { node: { ...node, outputs: node.outputs.slice(0, 1), attributes: without(node, 'ratio') } };
      },
    },
  ],
  Gemm: [{ at: 7, rewrite: (node) => ({ node: { ...node, attributes: without(node, 'broadcast') } }) }],
  GridSample: [
    {
      at: 20,
      rewrite: (node) => {
        const mode = attributeOf(node, 'mode');
        const now = mode?.kind === 'string' ? { bilinear: 'linear', bicubic: 'cubic' }[mode.value] : undefined;
        return now === undefined
          ? { node }
          : { node: { ...node, attributes: [...without(node, 'mode'), stringAttribute('mode', now)] } };
      },
    },
  ],
  GroupNormalization: [
    {
      // Scale and bias of each group become those of its channels: [G] → [G, 1] → [G, C / G] → [C].
      at: 21,
      rewrite: (node, up) => {
        const groups = intOf(node, 'num_groups', 1);
        const base = node.outputs[0] ?? node.name;
        const name = (what: string): string => up.facts.fresh(`${base}_${what}`);
        const [channels, each, sizes] = [name('channels'), name('channels_of_group'), name('repeats')];
        const [count, one, column, all] = [
          up.integers(`${base}_groups`, [groups]),
          up.integers(`${base}_one`, [1]),
          up.integers(`${base}_column`, [-1, 1]),
          up.integers(`${base}_all`, [-1]),
        ];
        const before = [
          count.node,
          one.node,
          column.node,
          all.node,
          madeNode('Shape', channels, [node.inputs[0] ?? ''], [channels], [intAttribute('start', 1), intAttribute('end', 2)]),
          madeNode('Div', each, [channels, count.output], [each]),
          madeNode('Concat', sizes, [one.output, each], [sizes], [intAttribute('axis', 0)]),
        ];
        const spread = (x: string, what: string): string => {
          const [upright, wide, flat] = [name(`${what}_column`), name(`${what}_wide`), name(what)];
          before.push(
            madeNode('Reshape', upright, [x, column.output], [upright]),
            madeNode('Expand', wide, [upright, sizes], [wide]),
            madeNode('Reshape', flat, [wide, all.output], [flat]),
          );
          return flat;
        };
        const inputs = [node.inputs[0] ?? '', spread(node.inputs[1] ?? '', 'scale'), spread(node.inputs[2] ?? '', 'bias')];
        return { before, node: { ...node, inputs } };
      },
    },
  ],
  Hardmax: oneAxis,
  LogSoftmax: oneAxis,
  Softmax: oneAxis,
  Pad: [
    {
      at: 11,
      rewrite: (node, up) => {
        const pads = attributeOf(node, 'pads');
        if (pads?.kind !== 'ints') return up.refuse(node, 'no pads', 'the attribute pads');
        const amounts = up.integers(`${node.outputs[0] ?? node.name}_pads`, pads.value.map(Number));
        const value = attributeOf(node, 'value');
        const filled = floatInput(node, value?.kind === 'float' && value.value !== 0 ? value : undefined, up);
        return {
          before: [amounts.node, ...filled.made],
          node: {
            ...node,
            inputs: trimmed([node.inputs[0] ?? '', amounts.output, filled.name]),
            attributes: without(node, 'pads', 'value'),
          },
        };
      },
    },
  ],
  PRelu: [{ at: 7, rewrite: slopePerChannel }],
  ReduceL1: reduceAxes,
  ReduceL2: reduceAxes,
  ReduceLogSum: reduceAxes,
  ReduceLogSumExp: reduceAxes,
  ReduceMax: reduceAxes,
  ReduceMean: reduceAxes,
  ReduceMin: reduceAxes,
  ReduceProd: reduceAxes,
  ReduceSum: axesInput,
  ReduceSumSquare: reduceAxes,
  Resize: [
    {
      at: 11,
      rewrite: (node, up) => {
        const scales = node.inputs[1] ?? '';
        const nearest = resizeMode(node) === 'nearest' ? nearestOf(node, up.facts.numbers(scales), up) : 'floor';
        return { node: resized(node, scales, nearest) };
      },
    },
  ],
  RoiAlign: [
    {
      at: 16,
      rewrite: (node) => ({
        node: {
          ...node,
          attributes: [...node.attributes, stringAttribute('coordinate_transformation_mode', 'output_half_pixel')],
        },
      }),
    },
  ],
  Scan: [{ at: 9, rewrite: overBatch }],
  Scatter: [{ at: 11, rewrite: (node) => ({ node: { ...node, opType: 'ScatterElements' } }) }],
  Slice: [
    {
      at: 10,
      rewrite: (node, up) => {
        const before: FileNode[] = [];
        const inputs = [node.inputs[0] ?? ''];
        for (const name of ['starts', 'ends', 'axes']) {
          const found = attributeOf(node, name);
          if (!found && name === 'axes') continue;
          if (found?.kind !== 'ints') return up.refuse(node, `no ${name}`, `the attribute ${name}`);
          const made = up.integers(`${node.outputs[0] ?? node.name}_${name}`, found.value);
          before.push(made.node);
          inputs.push(made.output);
        }
        return { before, node: { ...node, inputs, attributes: without(node, 'starts', 'ends', 'axes') } };
      },
    },
  ],
  Split: [
    { at: 13, rewrite: toInput('split', 1) },
    {
      at: 18,
      rewrite: (node) =>
        (node.inputs[1] ?? '') !== ''
          ? { node }
          : {
              node: { ...node, attributes: [...without(node, 'num_outputs'), intAttribute('num_outputs', node.outputs.length)] },
            },
    },
  ],
  Squeeze: axesInput,
  TopK: [{ at: 10, rewrite: toInput('k', 1) }],
  Unsqueeze: axesInput,
  Upsample: [
    {
      at: 9,
      rewrite: (node, up) => {
        const scales = attributeOf(node, 'scales');
        if (scales?.kind !== 'floats') return up.refuse(node, 'no scales', 'the attribute scales');
        const output = up.facts.fresh(`${node.outputs[0] ?? node.name}_scales`);
        return {
          before: [constantNode(output, 'f32', [scales.value.length], scales.value)],
          node: { ...node, inputs: [node.inputs[0] ?? '', output], attributes: without(node, 'scales') },
        };
      },
    },
    // Its scales are 1 or more by its specification, so that nearest rounds down.
    { at: 10, rewrite: (node) => ({ node: resized(node, node.inputs[1] ?? '', 'floor') }) },
  ],
};

// -------------------------------------------------------------------------------------------------------------------- upgrading

/** Rewrites nodes of one file. */
export class Upgrader {
  readonly facts: Facts;
  readonly #file: OnnxFile;
  readonly #to: number;
  #from = 0;
  /** Names of what is made of weights alone, in this graph and around it. */
  #fixed = new Set<string>();
  /** `fresh` makes free names where others than this file's are in use. */
  constructor(file: OnnxFile, to: number, fresh?: (base: string) => string) {
    this.#file = file;
    this.#to = to;
    this.facts = new Facts(file, fresh);
  }

  refuse(node: FileNode, found: string, expected: string): never {
    return fail(cannotUpgrade, {
      with: {
        operator: node.opType,
        from: this.#from,
        to: this.#to,
        file: this.#file.file,
        node: JSON.stringify(node.name || (node.outputs[0] ?? '')),
        found,
        expected,
        hint: 'export the model again at opset 13 or later, or convert it with onnx.version_converter and compare its results',
      },
    });
  }

  /** A constant vector, or a scalar, of 64-bit integers. Those beyond 2^53 mean "to the end", which the largest exact ones do too. */
  integers(
    base: string,
    values: readonly (number | bigint)[],
    scalar = false,
  ): { readonly node: FileNode; readonly output: string } {
    const output = this.facts.fresh(base);
    const most = Number.MAX_SAFE_INTEGER;
    const data = values.map((v) => Math.max(-most, Math.min(most, Number(v))));
    return { node: constantNode(output, 'i64', scalar ? [] : [data.length], data), output };
  }

  /** The node, whose sub-graphs are done, at the wanted opset: one or more nodes in order. */
  node(node: FileNode, from: number): readonly FileNode[] {
    if (node.domain !== '') return [node];
    this.#from = from;
    if (node.opType === 'BatchNormalization' || node.opType === 'Dropout') this.#checkInference(node, from);
    for (const version of versionsBetween(node.opType, from, 7)) {
      if (!(Object.hasOwn(steps, node.opType) && steps[node.opType]?.some((step) => step.at === version)))
        this.refuse(node, `its form before opset ${version}`, `the form of opset ${version}`);
    }
    let main = node;
    const before: FileNode[] = [];
    const after: FileNode[] = [];
    let done = from;
    for (let next = this.#stepOf(main, done); next; next = this.#stepOf(main, done)) {
      const made = next.rewrite(main, this);
      before.push(...(made.before ?? []));
      after.unshift(...(made.after ?? []));
      main = made.node;
      done = next.at;
    }
    return main === node ? [node] : [...before, main, ...after];
  }

  /** What an operator becomes (Upsample a Resize) is made in the form of opset 11 or later, which its own later steps go on from. */
  #stepOf(node: FileNode, done: number): Step | undefined {
    if (!Object.hasOwn(steps, node.opType)) return undefined;
    const next = steps[node.opType]?.find((step) => step.at > done && step.at <= this.#to);
    return node.opType === 'Resize' && attributeOf(node, 'coordinate_transformation_mode') ? undefined : next;
  }

  #checkInference(node: FileNode, from: number): void {
    const where = { file: this.#file.file, node: JSON.stringify(node.name || (node.outputs[0] ?? '')), operator: node.opType };
    if (from < 7 && intOf(node, 'is_test', 0) === 0) fail(trainingForm, { with: { ...where, found: 'is_test=0' } });
    if (node.opType === 'BatchNormalization') {
      if (from >= 14 && intOf(node, 'training_mode', 0) === 1 && !this.#fixed.has(node.inputs[0] ?? ''))
        fail(trainingForm, { with: { ...where, found: 'training_mode=1' } });
    } else if (from >= 12 && this.facts.numbers(node.inputs[2])?.some((x) => x !== 0) === true)
      fail(trainingForm, { with: { ...where, found: 'input training_mode is true' } });
  }

  graph(graph: FileGraph, from: number): FileGraph {
    let changed = false;
    const nodes: FileNode[] = [];
    const outer = this.#fixed;
    this.#fixed = new Set(outer);
    const given = new Set(graph.inputs.map((one) => one.name));
    for (const { name } of graph.initializers) if (!given.has(name)) this.#fixed.add(name);
    for (const node of graph.nodes) {
      this.#markFixed(node);
      const inner = this.#inside(node, from);
      const made = this.node(inner, from);
      changed ||= made.length !== 1 || made[0] !== node;
      nodes.push(...made);
    }
    this.#fixed = outer;
    return changed ? { ...graph, nodes } : graph;
  }

  /**
   * What is made of weights alone. A batchnorm in training form over it standardises weights (Brock et al., arXiv:2101.08692) and gives the same in
   * every run, so that it may stay as it is. An initialiser that is an input, too, can be replaced and does not count.
   */
  #markFixed(node: FileNode): void {
    if (node.opType.startsWith('Random') || ['Bernoulli', 'Multinomial', 'Dropout'].includes(node.opType)) return;
    if (node.domain !== '' || node.attributes.some((one) => one.kind === 'graph' || one.kind === 'graphs')) return;
    if (node.inputs.every((name) => name === '' || this.#fixed.has(name))) for (const name of node.outputs) this.#fixed.add(name);
  }

  /** The node with its sub-graphs done; the reader has bounded how deep they lie. */
  #inside(node: FileNode, from: number): FileNode {
    let changed = false;
    const attributes = node.attributes.map((attribute): FileAttribute => {
      if (attribute.kind === 'graph') {
        const value = this.graph(attribute.value, from);
        changed ||= value !== attribute.value;
        return { ...attribute, value };
      }
      if (attribute.kind === 'graphs') {
        const value = attribute.value.map((graph) => this.graph(graph, from));
        changed ||= value.some((graph, i) => graph !== attribute.value[i]);
        return { ...attribute, value };
      }
      return attribute;
    });
    return changed ? { ...node, attributes } : node;
  }
}

/**
 * The file at opset `target`, which is at least its own; nodes keep order and names. New constants are Constant nodes before their reader.
 * Functions must be inlined before. Throws RES0656 for training forms, at any opset, and RES0657 for what has no newer form.
 */
export function upgradeFile(file: OnnxFile, target?: number): OnnxFile {
  const from = file.opsets.get('') ?? minOpset;
  const to = Math.max(minOpset, from, target ?? 0);
  const graph = new Upgrader(file, to).graph(file.graph, from);
  if (graph === file.graph && to === from) return file;
  const opsets = new Map(file.opsets).set('', to);
  return { ...file, graph, opsets };
}
