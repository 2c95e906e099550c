/**
 * How nodes of older opsets are said in newer ones, a step per version that changed what an older node means. Every rewrite means
 * the same for every input. Source: ONNX's docs/Changelog.md and onnx/version_converter; each step names its version.
 */

import type { Session } from '../tensor/session.ts';
import type { FileValues } from './file-values.ts';
import { constantNode, intAttribute, intsAttribute, madeNode, stringAttribute } from './make.ts';
import type { OnnxAttribute, OnnxGraph, OnnxNode } from './model.ts';

export function attributeOf(node: OnnxNode, name: string): OnnxAttribute | undefined {
  return node.attributes.find((a) => a.name === name);
}
export function intOf(node: OnnxNode, name: string, otherwise: number): number {
  const found = attributeOf(node, name);
  return found?.kind === 'int' ? Number(found.value) : otherwise;
}
function without(node: OnnxNode, ...names: readonly string[]): readonly OnnxAttribute[] {
  return node.attributes.filter((a) => !names.includes(a.name));
}

/** What a step may ask of the upgrade that runs it. */
export interface Upgrading {
  readonly session: Session;
  readonly values: FileValues;
  /** Throws RES0657. */
  refuse(node: OnnxNode, found: string, expected: string): never;
  /**
   * A constant vector, or a scalar, of 64-bit integers. Those beyond 2^53 mean "to the end", which the largest exact ones do too.
   */
  integers(
    base: string,
    values: readonly (number | bigint)[],
    scalar?: boolean,
  ): { readonly node: OnnxNode; readonly output: string };
}

/** One node on its way: what came of it so far, helpers first or last, and the node itself. */
interface Rewrite {
  readonly before?: readonly OnnxNode[];
  readonly node: OnnxNode;
  readonly after?: readonly OnnxNode[];
}

/** A step makes of a node that is valid before opset `at` one that is valid at it, and beyond where the step says so. */
export interface Step {
  readonly at: number;
  readonly rewrite: (node: OnnxNode, up: Upgrading) => Rewrite;
}

/** The same, with an attribute of integers as input `index`; nothing to do without it. */
function toInput(attribute: string, index: number, scalar = false) {
  return (node: OnnxNode, up: Upgrading): Rewrite => {
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
function alongOneAxis(node: OnnxNode, up: Upgrading): Rewrite {
  const axis = intOf(node, 'axis', 1);
  const x = node.inputs[0] ?? '';
  const rank = axis === -1 ? undefined : up.values.rank(x);
  if (axis === -1 || (rank !== undefined && (axis === rank - 1 || axis - rank === -1)))
    return { node: { ...node, attributes: [...without(node, 'axis'), intAttribute('axis', -1)] } };
  const y = node.outputs[0] ?? '';
  const shape = up.values.fresh(`${y}_shape`);
  const flat = up.values.fresh(`${y}_flat`);
  const result = up.values.fresh(`${y}_flat_result`);
  return {
    before: [madeNode('Shape', shape, [x], [shape]), madeNode('Flatten', flat, [x], [flat], [intAttribute('axis', axis)])],
    node: { ...node, inputs: [flat], outputs: [result], attributes: [...without(node, 'axis'), intAttribute('axis', -1)] },
    after: [madeNode('Reshape', `${node.name || y}_reshape`, [result, shape], [y])],
  };
}

/** A float attribute as an input of the element type of operand 0, which is f32 where nothing says otherwise. */
function floatInput(
  node: OnnxNode,
  attribute: OnnxAttribute | undefined,
  up: Upgrading,
): { readonly made: OnnxNode[]; readonly name: string } {
  if (attribute?.kind !== 'float') return { made: [], name: '' };
  const output = up.values.fresh(`${node.outputs[0] ?? node.name}_${attribute.name}`);
  return {
    made: [constantNode(up.session, output, up.values.elem(node.inputs[0] ?? '') ?? 'f32', [], [attribute.value])],
    name: output,
  };
}

function trimmed(names: readonly string[]): readonly string[] {
  let end = names.length;
  while (end > 0 && names[end - 1] === '') end--;
  return names.slice(0, end);
}

/** Scales below 1 round up and others down in what runtimes compute for opset 10; both in one node cannot be said since. */
function nearestOf(node: OnnxNode, scales: readonly number[] | undefined, up: Upgrading): string {
  if (!scales) return up.refuse(node, 'nearest with scales that are computed', 'constant scales, or the modes of opset 11');
  if (scales.every((s) => s >= 1 || Number.isInteger(1 / s))) return 'floor';
  if (scales.every((s) => s <= 1)) return 'ceil';
  return up.refuse(node, `nearest with scales ${scales.join(', ')}`, 'scales that all enlarge or all shrink');
}

const resizeMode = (node: OnnxNode): string => {
  const mode = attributeOf(node, 'mode');
  return mode?.kind === 'string' ? mode.value : 'nearest';
};

function resized(node: OnnxNode, scales: string, nearest: string): OnnxNode {
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
 * Scan 8 ran over axis 1 of each element of a batch: a Scan over the batch, whose states and elements are all sliced, around one
 * over the sequence.
 */
function overBatch(node: OnnxNode, up: Upgrading): Rewrite {
  const body = attributeOf(node, 'body');
  if ((node.inputs[0] ?? '') !== '') return up.refuse(node, 'sequences of several lengths', 'no sequence_lens');
  if (body?.kind !== 'graph') return up.refuse(node, 'no body', 'the attribute body');
  const operands = node.inputs.slice(1);
  const scanned = intOf(node, 'num_scan_inputs', 0);
  const directions = attributeOf(node, 'directions');
  const base = node.outputs.find((name) => name !== '') ?? node.name;
  const inner = operands.map((_, i) => up.values.fresh(`${base}_element_${i}`));
  const results = node.outputs.map((_, i) => up.values.fresh(`${base}_result_${i}`));
  const sequence = madeNode('Scan', `${node.name || base}_sequence`, inner, results, [
    body,
    intAttribute('num_scan_inputs', scanned),
    ...(directions?.kind === 'ints' ? [intsAttribute('scan_input_directions', directions.value)] : []),
  ]);
  const values = (names: readonly string[]): OnnxGraph['inputs'] => names.map((name) => ({ name, type: undefined }));
  const batch: OnnxGraph = {
    name: `${node.name || base}_batch`,
    nodes: [sequence],
    initializers: [],
    inputs: values(inner),
    outputs: values(results),
    valueInfo: [],
    rest: new Uint8Array(),
  };
  const attributes: readonly OnnxAttribute[] = [
    { name: 'body', kind: 'graph', value: batch, bytes: body.bytes },
    intAttribute('num_scan_inputs', operands.length),
  ];
  return { node: { ...node, inputs: operands, attributes } };
}

/** Operand 1 with `count` axes of size 1 behind its own. */
function widened(node: OnnxNode, count: number, up: Upgrading): Rewrite {
  const [first = '', second = ''] = node.inputs;
  const rank = up.values.rank(second) ?? 0;
  if (count <= 0) return { node };
  const axes = up.integers(
    `${node.outputs[0] ?? node.name}_axes`,
    Array.from({ length: count }, (_, i) => rank + i),
  );
  const wide = up.values.fresh(`${second}_aligned`);
  return {
    before: [axes.node, madeNode('Unsqueeze', wide, [second, axes.output], [wide])],
    node: { ...node, inputs: [first, wide, ...node.inputs.slice(2)] },
  };
}

/** Before 7 operand 1 was aligned with operand 0 from `axis` on, or at their ends. */
function aligned(node: OnnxNode, up: Upgrading): Rewrite {
  const plain = { ...node, attributes: without(node, 'broadcast', 'axis') };
  const axis = attributeOf(node, 'axis');
  if (intOf(node, 'broadcast', 0) === 0 || axis?.kind !== 'int') return { node: plain };
  const rank = up.values.rank(node.inputs[0] ?? '');
  const narrow = up.values.rank(node.inputs[1] ?? '');
  if (rank === undefined || narrow === undefined || axis.value < 0n)
    return up.refuse(
      node,
      `broadcast from axis ${axis.value} on, between operands of unknown rank`,
      'value_info for its operands',
    );
  return widened(plain, rank - Number(axis.value) - narrow, up);
}

/** Before 7 a slope per channel was a vector; since it is aligned at the end. */
function slopePerChannel(node: OnnxNode, up: Upgrading): Rewrite {
  const slope = up.values.dims(node.inputs[1] ?? '');
  const rank = up.values.rank(node.inputs[0] ?? '');
  if (slope?.every((d) => d === 1)) return { node };
  if (!slope || rank === undefined) return up.refuse(node, 'a slope or operand of unknown sizes', 'value_info for its operands');
  return slope.length === 1 ? widened(node, rank - 2, up) : { node };
}

const binary: readonly Step[] = [{ at: 7, rewrite: aligned }];
/** What was said of training until 7: the upgrader has looked at it. */
const inferenceOnly = (node: OnnxNode): Rewrite => ({ node: { ...node, attributes: without(node, 'is_test') } });
const same = (node: OnnxNode): Rewrite => ({ node });
const reduceAxes: readonly Step[] = [{ at: 18, rewrite: toInput('axes', 1) }];
const axesInput: readonly Step[] = [{ at: 13, rewrite: toInput('axes', 1) }];
const oneAxis: readonly Step[] = [{ at: 13, rewrite: alongOneAxis }];

/**
 * By operator of ONNX's own domain, in ascending order of `at`: each version that changed what an older node means (`versions.ts`
 * marks them).
 */
export const steps: Readonly<Record<string, readonly Step[]>> = {
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
        if (mask !== '' && up.values.isRead(mask))
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
        const name = (what: string): string => up.values.fresh(`${base}_${what}`);
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
        const nearest = resizeMode(node) === 'nearest' ? nearestOf(node, up.values.numbers(scales), up) : 'floor';
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
        const before: OnnxNode[] = [];
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
        const output = up.values.fresh(`${node.outputs[0] ?? node.name}_scales`);
        return {
          before: [constantNode(up.session, output, 'f32', [scales.value.length], scales.value)],
          node: { ...node, inputs: [node.inputs[0] ?? '', output], attributes: without(node, 'scales') },
        };
      },
    },
    // Its scales are 1 or more by its specification, so that nearest rounds down.
    { at: 10, rewrite: (node) => ({ node: resized(node, node.inputs[1] ?? '', 'floor') }) },
  ],
};
