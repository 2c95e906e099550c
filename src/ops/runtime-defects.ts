/**
 * What onnxruntime gets wrong of models that are right: rewrites of its optimiser and kernels of its providers, each with the
 * nodes that it concerns, how our files stay clear of it, and the smallest model that shows it. Lowerings ask these entries;
 * `verify` names the one of the list (runtime-defect-list.ts) that a run meets; a test runs each smallest model, so that a
 * version of the runtime that mends one is noticed.
 */
import type { Node, Value } from '../ir/graph.ts';
import type { Target } from '../ir/target.ts';
import { isFloat } from '../ir/types.ts';
import { numberAttr, stringAttr } from './attrs.ts';

/** A model as a test writes it down: one input `x` and one output `y`, both f32, everything else constants of f32 or i64. */
export interface SmallModel {
  readonly opset: number;
  readonly x: { readonly dims: readonly number[]; readonly data: readonly number[] };
  /** The rank of y is that of `right`. */
  readonly nodes: readonly {
    readonly op: string;
    /** '' for an input left out. */
    readonly inputs: readonly string[];
    readonly outputs: readonly string[];
    readonly attrs?: Readonly<Record<string, number | string | readonly number[] | { readonly float: number }>>;
  }[];
  readonly constants: Readonly<
    Record<string, { readonly elem: 'f32' | 'i64'; readonly dims: readonly number[]; readonly data: readonly number[] }>
  >;
  /** y by ONNX's text. */
  readonly right: { readonly dims: readonly number[]; readonly data: readonly number[] };
}

/** What is known of the symbolic sizes of a run. */
export type SizesOfRun = ReadonlyMap<string, number>;

export interface RuntimeDefect {
  /** In kebab-case, as reports print it. */
  readonly name: string;
  /** The version of onnxruntime that was last seen to have it. */
  readonly seen: string;
  /** A rewrite that runs with the optimiser alone, or a kernel that is wrong without it, too. */
  readonly where: 'optimiser' | 'kernel';
  /** The providers that it was seen on; undefined for all. */
  readonly providers?: readonly string[];
  /** What happens instead of what ONNX's text says: wrong numbers, or the end of the process. */
  readonly effect: 'wrong' | 'crash';
  /** What is wrong, in a sentence. */
  readonly what: string;
  /** How the files that rescc writes stay clear of it. */
  readonly avoided: string;
  /** The target that a file must be written for to stay clear of it; undefined where all files do. */
  readonly target?: Target;
  readonly source: string;
  /**
   * Whether a node of a graph, lowered as its operator says, would meet the defect; in a run at these sizes, where they are told.
   */
  concerns(node: Node, sizes?: SizesOfRun): boolean;
  readonly smallest: SmallModel;
}

const counting = (n: number, f: (i: number) => number = (i) => i): readonly number[] => Array.from({ length: n }, (_, i) => f(i));

/** Operators that onnxruntime removes, or folds across, where they change no element. */
const passing: readonly string[] = ['cast', 'identity', 'reshape', 'expand', 'slice', 'concat', 'transpose'];

/** The node whose elements the value has, as far as operators that keep the shape tell. */
function originOf(value: Value | undefined): Node | undefined {
  let node = value?.producer;
  while (node && passing.includes(node.op.name)) {
    const { dims } = node.x.type;
    if (dims.length !== node.y.type.dims.length || dims.some((d, axis) => d !== node?.y.type.dims[axis])) return undefined;
    node = node.x.producer;
  }
  return node;
}

/** onnxruntime takes a Pad of zeros into the MaxPool behind it, whose own padding is not zero but nothing. */
export const padIntoMaxPool: RuntimeDefect = {
  name: 'pad-into-maxpool',
  seen: '1.30.0',
  where: 'optimiser',
  effect: 'wrong',
  what: 'PadFusion takes a Pad of zeros into the MaxPool that reads it. A MaxPool ignores its own padding, so that the maximum of negative numbers is no longer 0 at the border.',
  avoided: 'A MaxPool behind a Pad is written without padding of its own and with auto_pad="VALID", which the fold leaves alone.',
  source:
    'onnxruntime/core/optimizer/pad_fusion.cc; https://github.com/onnx/optimizer/pull/318 mends the same in another optimiser',
  concerns(node) {
    if (node.op.name !== 'maxpool') return false;
    const pad = originOf(node.operand(0));
    if (pad?.op.foreign?.opType === 'Pad') return true;
    if (pad?.op.name !== 'pad' || stringAttr(pad.attrs, 'mode') !== 'constant' || !isFloat(pad.y.type.elem)) return false;
    return numberAttr(pad.attrs, 'value') === 0;
  },
  smallest: {
    opset: 17,
    x: { dims: [1, 1, 2], data: [-1, -2] },
    nodes: [
      { op: 'Pad', inputs: ['x', 'pads'], outputs: ['padded'] },
      { op: 'MaxPool', inputs: ['padded'], outputs: ['y'], attrs: { kernel_shape: [2] } },
    ],
    constants: { pads: { elem: 'i64', dims: [6], data: [0, 0, 1, 0, 0, 1] } },
    right: { dims: [1, 1, 3], data: [0, -1, 0] },
  },
};

/**
 * The kernel that reads three channels at once strides through the weight as if there were only those: right at 3 channels, wrong
 * at every further multiple of 3 that is none of 4.
 */
export const convOfTriples: RuntimeDefect = {
  name: 'webgpu-conv-channels',
  seen: '1.30.0',
  where: 'kernel',
  providers: ['webgpu'],
  effect: 'wrong',
  what: 'On WebGPU a Conv over one or two spatial axes, ungrouped, with more than one tap and more than one position, whose input channels are a multiple of 3 above 3 and none of 4, and whose output channels are a multiple of 4, is wrong by about its largest element.',
  avoided: '--target webgpu gives such a convolution one more input channel, of zeros.',
  target: 'webgpu',
  source: 'found on an NVIDIA H200 and on SwiftShader; https://github.com/microsoft/onnxruntime/issues/29651 is likely the same',
  concerns(node) {
    if (node.op.name !== 'conv' || numberAttr(node.attrs, 'groups') !== 1) return false;
    const [out, channels, ...kernel] = node.operand(1)?.type.dims.map((d) => d.constant ?? 0) ?? [];
    if (out === undefined || channels === undefined || kernel.length > 2 || kernel.every((k) => k === 1)) return false;
    return channels > 3 && channels % 3 === 0 && channels % 4 !== 0 && out % 4 === 0;
  },
  smallest: {
    opset: 17,
    // One more position than the kernel is long, because a kernel that covers its input is a matrix product, which is right.
    x: { dims: [1, 6, 3], data: counting(18) },
    nodes: [{ op: 'Conv', inputs: ['x', 'w'], outputs: ['y'], attrs: { kernel_shape: [2] } }],
    constants: { w: { elem: 'f32', dims: [4, 6, 2], data: counting(48, (i) => i % 5) } },
    // y[o, p] = Σ over c and t of w[o, c, t] · x[c, p + t].
    right: {
      dims: [1, 4, 2],
      data: counting(8, (at) => {
        const [o, p] = [Math.floor(at / 2), at % 2];
        return counting(12).reduce((sum, i) => sum + ((12 * o + i) % 5) * (3 * Math.floor(i / 2) + p + (i % 2)), 0);
      }),
    },
  },
};

/** The kernel of Split writes to every output without asking whether it is there. */
export const splitWithout: RuntimeDefect = {
  name: 'split-without-output',
  seen: '1.30.0',
  where: 'kernel',
  providers: ['cpu'],
  effect: 'crash',
  what: 'A Split that leaves out one of its outputs ends the process.',
  avoided: 'Every output of a Split has a name in the file.',
  source: 'found by fuzzing',
  concerns: (node) => node.op.foreign?.opType === 'Split' && node.op.foreign.outputs.some((named) => !named),
  smallest: {
    opset: 13,
    x: { dims: [2], data: [1, 2] },
    nodes: [{ op: 'Split', inputs: ['x'], outputs: ['', 'y'], attrs: { axis: 0 } }],
    constants: {},
    right: { dims: [1], data: [2] },
  },
};

/** What WGSL asks of sin and cos of an adapter is an absolute error of 2^-11 between -π and π, and nothing beyond. */
export const coarseAngles: RuntimeDefect = {
  name: 'webgpu-sin-cos',
  seen: '1.30.0',
  where: 'kernel',
  providers: ['webgpu'],
  effect: 'wrong',
  what: "Sin and Cos on WebGPU are the adapter's own functions, of which WGSL asks for an absolute error of 2^-11 alone. SwiftShader is off by 1.9e-4, and so are the rotary positions of a LLaMA.",
  avoided: "It is not. Angles of constants are computed by rescc; those of positions that only the run knows are the adapter's.",
  source: 'found on SwiftShader; https://www.w3.org/TR/WGSL/#concrete-float-accuracy',
  concerns: (node) => node.op.name === 'sin' || node.op.name === 'cos',
  smallest: {
    opset: 17,
    x: { dims: [1], data: [1.75] },
    nodes: [{ op: 'Sin', inputs: ['x'], outputs: ['y'] }],
    constants: {},
    right: { dims: [1], data: [0.98398594] },
  },
};
