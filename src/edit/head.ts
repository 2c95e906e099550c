/**
 * A model for another number of classes: its last layer with weights gets as many outputs, drawn anew or taken over class by
 * class.
 */

import { onnxType } from '../codegen/to-onnx.ts';
import { checkArgument, checkOptions, listOf, onnxFileKind, text, whole } from '../diagnostics/arguments.ts';
import { noHead } from '../diagnostics/catalogue/import.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import type { OnnxFile, OnnxNode, OnnxTensor } from '../onnx/model.ts';
import { NodeAttributes } from '../onnx/node-attributes.ts';
import type { InitSpec } from '../ops/params.ts';
import type { WeightExpr } from '../tensor/expr.ts';
import { initial } from '../tensor/leaves.ts';
import { concat, slice, transpose } from '../tensor/movement.ts';
import { importedFile, nodeName, TopValues, withParts } from './values.ts';

/** How many classes, and where their weights come from. */
export interface ClassesOptions {
  readonly classes: number;
  /** Numbers of old classes that become the first ones, in this order; the others are drawn. None when left out. */
  readonly keep?: readonly number[] | undefined;
  /** Seed of what is drawn. Default 0. */
  readonly seed?: number | undefined;
  /** The output whose classes they are; may be left out where the model has one. */
  readonly output?: string | undefined;
}

/** A model with another head. */
export interface NewHead {
  readonly model: OnnxFile;
  /** The node, for people. */
  readonly node: string;
  readonly before: number;
  readonly after: number;
  /** The value that it reads, and what it makes, whose classes lie along the axis (from the end where it is negative). */
  readonly reads: string;
  readonly makes: string;
  readonly axis: number;
  /** Weights and what they became: `fc.weight f32[10, 512]`. */
  readonly weights: readonly string[];
}

/** What stands between a head and an output, with the operand that carries the classes first. */
const passes: ReadonlySet<string> = new Set(
  `Softmax LogSoftmax Sigmoid HardSigmoid Relu LeakyRelu Elu Tanh Clip Identity Cast Flatten Squeeze Unsqueeze Dropout Resize Upsample
   GlobalAveragePool GlobalMaxPool AveragePool MaxPool ReduceMean ReduceMax ReduceSum Transpose Add Sub Mul Div Reshape ArgMax TopK Slice
   Exp Neg Log Softplus`.split(/\s+/),
);

/** How new weights of a kind of layer begin, and along which axis of its result the classes lie. */
interface Layer {
  readonly weight: InitSpec;
  bias(fanIn: number): InitSpec;
  readonly classesAlong: number;
}

/** PyTorch's defaults. */
const fullyConnected: Layer = {
  weight: { init: true, kind: 'torch_linear_weight' },
  bias: (fanIn) => ({ init: true, kind: 'torch_linear_bias', value: fanIn }),
  classesAlong: -1,
};

/** Those of the language. */
const convolution: Layer = {
  weight: { init: true, kind: 'kaiming_normal', mode: 'fan_out' },
  bias: () => ({ init: true, kind: 'zeros' }),
  classesAlong: 1,
};

type Stored = OnnxTensor & { readonly kind: 'tensor' };

interface Head {
  readonly node: OnnxNode;
  /** As the node reads it. */
  readonly weight: Stored;
  /** What transposes it before, from the node to the stored tensor: a head that is tied to an embedding has it the other way. */
  readonly turns: readonly OnnxNode[];
  readonly slot: number;
  /** The axis of the classes in the weight. */
  readonly axis: number;
  readonly layer: Layer;
  /** Between it and the output, from the output. */
  readonly behind: readonly OnnxNode[];
}

/**
 * The model whose last Gemm, MatMul or Conv before the output has this many outputs. Weights that other nodes read as well stay
 * for them.
 *
 * @throws DiagnosticError RES0668 where there is no such layer, or what stands behind it hangs on the number of classes.
 */
export function replaceClasses(file: OnnxFile, options: ClassesOptions): NewHead {
  checkArgument('replaceClasses', 'file', file, onnxFileKind);
  checkOptions('replaceClasses', options, { classes: whole(1), keep: listOf(whole(0)), seed: whole(0), output: text });
  checkArgument('replaceClasses', 'classes', options?.classes, { ...whole(1), example: '10' });
  const values = new TopValues(file);
  const output = outputOf(file, options);
  const head = headOf(file, values, output);
  const { node, weight, slot, axis } = head;
  const before = weight.expr.dims[axis] ?? 0;
  const { classes, keep = [], seed = 0 } = options;
  const wrong = keep.find((one) => !(Number.isInteger(one) && one >= 0 && one < before));
  if (wrong !== undefined || keep.length > classes)
    cannot(
      file,
      wrong === undefined ? `${keep.length} classes to keep of ${classes}` : `class ${wrong}, of ${before} classes`,
      wrong === undefined ? `at most ${classes}` : `numbers from 0 to ${before - 1}`,
      wrong === undefined ? `--classes ${keep.length}` : `--keep-classes ${before - 1}`,
    );
  const made: OnnxTensor[] = [];
  const described: string[] = [];
  const readers = readersOf(file);
  const isShared = (name: string | undefined): boolean => (readers.get(name ?? '') ?? 0) > 1;
  /** Of these the results are read by the head alone. */
  const stays = head.turns.findIndex(({ outputs }) => isShared(outputs[0]));
  const idle = new Set(stays < 0 ? head.turns : head.turns.slice(0, stays));
  const names = new Set([...values.inputs.keys(), ...values.initializers.keys(), ...values.makers.keys()]);
  /** The tensor with other classes, under its own name where nobody else reads it. */
  const replaced = (tensor: Stored, expr: WeightExpr, shared = isShared(tensor.name)): string => {
    let name = tensor.name;
    while (shared && names.has(name)) name += '_classes';
    names.add(name);
    made.push({ kind: 'tensor', name, doc: tensor.doc, expr });
    described.push(`${name} ${expr.elem}[${expr.dims.join(', ')}]${shared ? ` beside ${tensor.name}, which others read` : ''}`);
    return name;
  };
  const { session } = file;
  const fresh = (tensor: Stored, along: number, init: InitSpec): WeightExpr => {
    const { elem, dims } = tensor.expr;
    const kept = keep.map((one) =>
      slice(
        tensor.expr,
        dims.map((_, i) => (i === along ? one : 0)),
        dims.map((d, i) => (i === along ? one + 1 : d)),
      ),
    );
    if (keep.length === classes) return concat(kept, along);
    const shape = dims.map((d, i) => (i === along ? classes : d));
    // Beginnings are defined for weights whose outputs come first, which a matrix need not have so.
    const drawn =
      dims.length === 2 && along === 1
        ? transpose(initial(session, tensor.name, [...shape].reverse(), elem, init, seed), [1, 0])
        : initial(session, tensor.name, shape, elem, init, seed);
    if (kept.length === 0) return drawn;
    const rest = slice(
      drawn,
      shape.map((_, i) => (i === along ? keep.length : 0)),
      shape,
    );
    return concat([...kept, rest], along);
  };
  const inputs = [...node.inputs];
  inputs[slot] = replaced(weight, fresh(weight, axis, head.layer.weight), stays >= 0 || isShared(weight.name));
  const biasInit = head.layer.bias(weight.expr.count / Math.max(1, before));
  /** A tensor of a number for each class; undefined where it is for all of them alike. */
  const perClass = (name: string | undefined): Stored | undefined => {
    const tensor = name === undefined ? undefined : values.initializers.get(name);
    return tensor?.kind === 'tensor' && tensor.expr.count === before && before > 1 ? tensor : undefined;
  };
  const bias = node.opType === 'MatMul' ? undefined : perClass(node.inputs[2]);
  if (bias) inputs[2] = replaced(bias, fresh(bias, bias.expr.dims.indexOf(before), biasInit));
  const others = new Map<OnnxNode, OnnxNode>([[node, { ...node, inputs }]]);
  for (const one of head.behind) {
    const at = one.inputs.findIndex((name) => perClass(name) !== undefined);
    const tensor = at < 0 ? undefined : perClass(one.inputs[at]);
    if (!tensor) continue;
    const isLast = one.opType === 'Add' && node.opType === 'MatMul';
    if (!isLast && keep.length < classes)
      cannot(
        file,
        `${nodeName(one)} has a number for each of the ${before} classes, ${tensor.name}`,
        'a head behind which nothing hangs on the number of classes',
        `--classes ${Math.max(1, keep.length)} with --keep-classes, which takes them over`,
      );
    const name = replaced(tensor, fresh(tensor, tensor.expr.dims.indexOf(before), biasInit));
    others.set(one, { ...one, inputs: one.inputs.map((old, i) => (i === at ? name : old)) });
  }
  const [makes = ''] = node.outputs;
  const [reads = ''] = node.inputs;
  const model = assembled(file, others, idle, made, readers);
  return {
    model: retyped(file, model, head, output),
    node: nodeName(node),
    before,
    after: classes,
    reads,
    makes,
    axis: head.layer.classesAlong,
    weights: described,
  };
}

function cannot(file: OnnxFile, found: string, expected: string, hint: string): never {
  return fail(noHead, { with: { file: file.file, found, expected, hint } });
}

function outputOf(file: OnnxFile, { output }: ClassesOptions): string {
  const names = file.graph.outputs.map(({ name }) => name);
  const [first = ''] = names;
  if (output === undefined ? names.length !== 1 : !names.includes(output))
    cannot(
      file,
      output === undefined ? `${names.length} outputs: ${names.join(', ')}` : `--head ${output}`,
      output === undefined ? 'the one whose classes they are, by its name' : `one of ${names.join(', ')}`,
      `--head ${first}`,
    );
  return output ?? first;
}

function headOf(file: OnnxFile, values: TopValues, output: string): Head {
  const behind: OnnxNode[] = [];
  for (let name = output; ; ) {
    const node = values.makers.get(name);
    if (!node)
      cannot(
        file,
        `${name}, behind which no layer with weights stands`,
        'a Gemm, MatMul or Conv with stored weights',
        'rescc summary shows the layers',
      );
    const attributes = new NodeAttributes(node);
    const isLayer = node.domain === '' && ['Gemm', 'MatMul', 'Conv'].includes(node.opType);
    const found = isLayer ? storedFor(values, node.inputs[1], node.opType === 'Conv' ? undefined : 2) : undefined;
    if (found && node.opType === 'Gemm')
      return { node, ...found, slot: 1, axis: attributes.int('transB', 0) === 0 ? 1 : 0, layer: fullyConnected, behind };
    if (found && node.opType === 'MatMul') return { node, ...found, slot: 1, axis: 1, layer: fullyConnected, behind };
    if (found && node.opType === 'Conv' && attributes.int('group', 1) === 1)
      return { node, ...found, slot: 1, axis: 0, layer: convolution, behind };
    const by = isLayer && !found ? values.makers.get(node.inputs[1] ?? '') : undefined;
    if (by)
      cannot(
        file,
        `${nodeName(node)} before the output ${output}, whose weights are computed by ${nodeName(by)}`,
        'a Gemm, MatMul or Conv with stored weights, which a Transpose may turn',
        'rescc summary shows the layers',
      );
    const computed = node.inputs.filter(
      (one) => one !== '' && !values.initializers.has(one) && values.makers.get(one)?.opType !== 'Constant',
    );
    const isShaped = ['Resize', 'Upsample', 'Reshape', 'Slice'].includes(node.opType);
    const [next] = isShaped ? node.inputs : computed;
    if (node.domain !== '' || !passes.has(node.opType) || next === undefined || (!isShaped && computed.length > 1))
      cannot(
        file,
        `${nodeName(node)} before the output ${output}${computed.length > 1 && !isShaped ? `, which joins ${computed.join(', ')}` : ''}`,
        'activations, pools and a bias behind a Gemm, MatMul or Conv with stored weights',
        `rescc extract ${file.file} --to ${computed[0] ?? output} -o part.onnx, and --classes of that`,
      );
    behind.push(node);
    name = next;
  }
}

/** A stored tensor as a node reads it: as it is, or transposed before. */
function storedFor(
  values: TopValues,
  name: string | undefined,
  rank: number | undefined,
): Pick<Head, 'weight' | 'turns'> | undefined {
  const turns: OnnxNode[] = [];
  for (let from = name ?? ''; ; ) {
    const tensor = values.initializers.get(from);
    if (tensor) {
      if (tensor.kind !== 'tensor' || (rank !== undefined && tensor.expr.dims.length !== rank)) return undefined;
      const turned = turns.toReversed().reduce((expr, node) => {
        const perm = new NodeAttributes(node).ints('perm') ?? [...expr.dims.keys()].reverse();
        return node.opType === 'Transpose' ? transpose(expr, perm) : expr;
      }, tensor.expr);
      return { weight: { ...tensor, expr: turned }, turns };
    }
    const by = values.makers.get(from);
    if (by?.domain !== '' || !['Transpose', 'Identity'].includes(by.opType) || turns.includes(by)) return undefined;
    turns.push(by);
    from = by.inputs[0] ?? '';
  }
}

/** How many operands of all nodes a stored tensor is, sub-graphs included. */
function readersOf(file: OnnxFile): ReadonlyMap<string, number> {
  const out = new Map<string, number>();
  const count = (name: string): void => void out.set(name, (out.get(name) ?? 0) + 1);
  const open = [file.graph];
  for (let graph = open.pop(); graph; graph = open.pop()) {
    for (const { name } of graph.outputs) count(name);
    for (const node of graph.nodes) {
      for (const name of node.inputs) count(name);
      for (const attribute of node.attributes) {
        if (attribute.kind === 'graph') open.push(attribute.value);
        else if (attribute.kind === 'graphs') open.push(...attribute.value);
      }
    }
  }
  return out;
}

function assembled(
  file: OnnxFile,
  nodes: ReadonlyMap<OnnxNode, OnnxNode>,
  idle: ReadonlySet<OnnxNode>,
  made: readonly OnnxTensor[],
  readers: ReadonlyMap<string, number>,
): OnnxFile {
  const { graph } = file;
  const byName = new Map(made.map((tensor) => [tensor.name, tensor]));
  const old = graph.initializers.map((tensor) => {
    const now = byName.get(tensor.name);
    if (now) byName.delete(tensor.name);
    return now && (readers.get(tensor.name) ?? 0) <= 1 ? now : tensor;
  });
  // Files of old versions list weights as inputs, too, with their shapes.
  const isNew = new Set(made.map(({ name }) => name));
  const parts = {
    nodes: graph.nodes.filter((node) => !idle.has(node)).map((node) => nodes.get(node) ?? node),
    initializers: [...old, ...byName.values()],
    inputs: graph.inputs.filter(({ name }) => !isNew.has(name)),
    valueInfo: [],
  };
  return { ...file, graph: withParts(graph, parts) };
}

/** Types of the outputs as they are now. What behind the head no longer fits is said. */
function retyped(file: OnnxFile, model: OnnxFile, head: Head, output: string): OnnxFile {
  const before = importedFile(file);
  const plain = model.graph.outputs.map((one) =>
    one.name === output && one.type?.elem ? { ...one, type: { elem: one.type.elem } } : one,
  );
  const bare = { ...model, graph: { ...model.graph, outputs: plain } };
  const after = importedFile(bare);
  const known = new Set(before.foreign.map(({ name }) => name));
  const foreign = after.foreign.find(({ name }) => !known.has(name));
  const asked = after.narrowed.length > before.narrowed.length ? after.narrowed.at(-1)?.by[0] : undefined;
  const broken = foreign ? `${foreign.name} (${foreign.opType}): ${foreign.why}` : asked;
  if (broken !== undefined)
    cannot(
      file,
      `behind ${nodeName(head.node)} the old number stands in ${broken}`,
      'a head behind which nothing hangs on the number of classes',
      `rescc extract ${file.file} --to ${head.node.outputs[0]} -o part.onnx, and --classes of that`,
    );
  const types = new Map(after.graph.outputs.map(({ name, value }) => [name, value.type]));
  const outputs = bare.graph.outputs.map((one) => {
    const type = types.get(one.name);
    return one.name === output && type && !type.foreign ? { ...one, type: onnxType(type, after.dimNames, false) } : one;
  });
  return { ...bare, graph: { ...bare.graph, outputs } };
}
