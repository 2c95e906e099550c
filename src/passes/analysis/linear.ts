/**
 * Linear operators (conv, conv_transpose, linear, matmul by a matrix) as one thing with an input and an output channel axis, and
 * how a scale or a shift of channels becomes one of the weights:
 *
 *   outputs scaled by s        s·(Wx + b) = (sW)x + sb
 *   inputs scaled by s         W(sx) + b  = (Ws)x + b
 *   inputs shifted by t W(x + t) + b = Wx + (Wt + b), where every output sees every tap: no zeros of a padding, no transposed
 *   conv
 */

import { bug } from '../../diagnostics/diagnostic.ts';
import { knownSize } from '../../ir/dim.ts';
import type { Node, Value } from '../../ir/graph.ts';
import type { ElemType } from '../../ir/types.ts';
import { numberAttr, numbersAttr } from '../../ops/attrs.ts';
import * as w from '../../tensor/algebra.ts';
import type { Session } from '../../tensor/session.ts';
import type { Affine } from './affine.ts';
import { allConstant, isConstant } from './constants.ts';
import { filledOf, numberEverywhere } from './filled.ts';
import { allEqual, product } from './numbers.ts';
import { operatorSet } from './operators.ts';
import { type Rows, staysNormal } from './range.ts';

type LinearKind = 'conv' | 'conv_transpose' | 'linear' | 'matmul';

export interface LinearView {
  readonly node: Node;
  readonly kind: LinearKind;
  readonly x: Value;
  readonly weight: Value;
  readonly bias: Value | undefined;
  readonly groups: number;
  readonly inputs: number;
  readonly outputs: number;
}

export const linearOperators = operatorSet('linear-operator', ['conv', 'conv_transpose', 'linear', 'matmul']);

/** A node as a linear operator over channels; matmul counts where its second operand is a constant matrix. */
export function linearView(node: Node | undefined): LinearView | undefined {
  if (!node) return undefined;
  const x = node.operand(0);
  const weight = node.operand(1);
  if (!x || !weight) return undefined;
  const { dims } = weight.type;
  const first = dims[0]?.constant;
  const second = dims[1]?.constant;
  if (first === undefined || second === undefined) return undefined;
  const bias = node.operand(2);
  switch (node.op.name) {
    case 'conv': {
      const groups = numberAttr(node.attrs, 'groups');
      return { node, kind: 'conv', x, weight, bias, groups, inputs: second * groups, outputs: first };
    }
    case 'conv_transpose': {
      const groups = numberAttr(node.attrs, 'groups');
      return { node, kind: 'conv_transpose', x, weight, bias, groups, inputs: first, outputs: second * groups };
    }
    case 'linear':
      return { node, kind: 'linear', x, weight, bias, groups: 1, inputs: second, outputs: first };
    case 'matmul':
      if (!isConstant(weight) || dims.length !== 2) return undefined;
      return { node, kind: 'matmul', x, weight, bias: undefined, groups: 1, inputs: first, outputs: second };
    default:
      return undefined;
  }
}

/** More readers than this of one value are left alone; each new bias costs bytes. */
const readerLimit = 256;

/**
 * The readers of a node's result as linear operators that read it as their data; undefined stands for another reader, and for the
 * graph where it is an output. No list where no reader is one.
 */
export function linearReaders(node: Node): readonly (LinearView | undefined)[] | undefined {
  const { uses, outputs } = node.y;
  if (uses.size === 0 || uses.size > readerLimit) return undefined;
  const readers = [...uses].map((use) => (use.index === 0 && use.user.graph === node.graph ? linearView(use.user) : undefined));
  if (readers.every((reader) => reader === undefined)) return undefined;
  return outputs > 0 ? [undefined] : readers;
}

/** All its weights are constants. */
export function hasConstantWeights(view: LinearView): boolean {
  return allConstant([view.weight, view.bias]);
}

/**
 * Its weights are constants; or one number that `full` makes, and stay one when the outputs are scaled, so that nothing is stored
 * afterwards that was not before.
 */
export function takesOutputScale(view: LinearView, scale: w.WeightExpr | undefined): boolean {
  if (hasConstantWeights(view)) return true;
  const even = scale === undefined || numberEverywhere(scale) !== undefined;
  return even && filledOf(view.weight) !== undefined && allConstant([view.bias]);
}

/** The axis of the result that the weights' output channels are. */
export function outputAxis(view: LinearView): number {
  return view.kind === 'conv' || view.kind === 'conv_transpose' ? 1 : view.node.y.type.dims.length - 1;
}

export function inputAxis(view: LinearView): number {
  return view.kind === 'conv' || view.kind === 'conv_transpose' ? 1 : view.x.type.dims.length - 1;
}

export function weightOf(view: LinearView): w.WeightExpr {
  return filledOf(view.weight) ?? w.exprOf(view.weight);
}

/** The bias, or zeros of the weights' element type where there is none. */
export function biasOf(view: LinearView): w.WeightExpr {
  return view.bias ? w.exprOf(view.bias) : zeros(view);
}

/** A bias of zeros. */
export function zeros(view: LinearView): w.WeightExpr {
  return w.fullLike(weightOf(view), [view.outputs], 0);
}

/** The unit matrix [n, n]: rows of one 1 and n 0s, cut off after n·n elements, put every 1 one further than the row above. */
export function unitMatrix(session: Session, elem: ElemType, n: number): w.WeightExpr {
  const rows = w.pad(w.full(session, elem, [n, 1], 1), [0, 0], [0, n]);
  return w.reshape(w.slice(w.reshape(rows, [n * (n + 1)]), [0], [n * n]), [n, n]);
}

export const kernelOf = (view: LinearView): readonly number[] => view.weight.type.dims.slice(2).map(knownSize);

/** A conv with a 1×…×1 kernel. Its dilation means nothing. */
export function isPointwise(view: LinearView): boolean {
  return view.kind === 'conv' && view.weight.type.dims.slice(2).every((d) => d.constant === 1);
}

export function isUnpadded(view: LinearView): boolean {
  return allEqual(numbersAttr(view.node.attrs, 'pads'), 0);
}

export function hasStrideOne(view: LinearView): boolean {
  return allEqual(numbersAttr(view.node.attrs, 'stride'), 1);
}

/** How the weights of each output lie in the whole. */
export function rowsOf(view: LinearView): Rows {
  const behind = product(view.weight.type.dims.slice(2).map(knownSize));
  const { groups, inputs, outputs } = view;
  switch (view.kind) {
    case 'conv':
    case 'linear':
      return { groups: 1, before: 1, channels: outputs, behind: (inputs / groups) * behind };
    case 'matmul':
      return { groups: 1, before: inputs, channels: outputs, behind: 1 };
    case 'conv_transpose':
      return { groups, before: inputs / groups, channels: outputs / groups, behind };
  }
}

/**
 * Whether new weights and a new bias of a linear operator stay in the range of their type; `factors` are what was multiplied in.
 */
export function normalFold(view: LinearView, folded: Folded): boolean {
  const was = weightOf(view);
  const weight = folded.weight === was ? undefined : folded.weight;
  return staysNormal({ factors: folded.factors, weight, rows: rowsOf(view), was, bias: folded.bias });
}

/** The weights times a vector of length C, or of length 1 that holds for all, along the given places of their shape. */
function times(weight: w.WeightExpr, vector: w.WeightExpr, dims: readonly number[]): w.WeightExpr {
  const number = w.uniformValue(weight) === undefined ? undefined : numberEverywhere(vector);
  return w.mul(weight, number === undefined ? spread(vector, dims) : w.fullLike(vector, [], number));
}

/** A vector of length C, or of length 1 that holds for all, put along the given places of a larger shape. */
function spread(vector: w.WeightExpr, dims: readonly number[]): w.WeightExpr {
  return w.reshape(vector, product(vector.dims) === 1 ? dims.map(() => 1) : dims);
}

/** The weights with every output channel scaled. `scale` has one element, or one per output channel. */
export function scaleOutputs(view: LinearView, weight: w.WeightExpr, scale: w.WeightExpr): w.WeightExpr {
  const ones = weight.dims.slice(2).map(() => 1);
  switch (view.kind) {
    case 'conv':
    case 'linear':
      return times(weight, scale, [view.outputs, 1, ...ones]);
    case 'matmul':
      return times(weight, scale, [1, view.outputs]);
    case 'conv_transpose': {
      // [in, out/groups, …]: the outputs of group g read the inputs of group g alone.
      const per = view.outputs / view.groups;
      if (view.groups === 1) return times(weight, scale, [1, per, ...ones]);
      const split = w.reshape(weight, [view.groups, view.inputs / view.groups, per, ...weight.dims.slice(2)]);
      return w.reshape(times(split, scale, [view.groups, 1, per, ...ones]), weight.dims);
    }
  }
}

/** The weights with every input channel scaled. `scale` has one element, or one per input channel. */
export function scaleInputs(view: LinearView, weight: w.WeightExpr, scale: w.WeightExpr): w.WeightExpr {
  const ones = weight.dims.slice(2).map(() => 1);
  switch (view.kind) {
    case 'linear':
      return times(weight, scale, [1, view.inputs]);
    case 'matmul':
    case 'conv_transpose':
      return times(weight, scale, [view.inputs, 1, ...ones]);
    case 'conv': {
      // [out, in/groups, …]: the outputs of group g read the inputs of group g alone.
      const per = view.inputs / view.groups;
      if (view.groups === 1) return times(weight, scale, [1, per, ...ones]);
      const split = w.reshape(weight, [view.groups, view.outputs / view.groups, per, ...weight.dims.slice(2)]);
      return w.reshape(times(split, scale, [view.groups, 1, per, ...ones]), weight.dims);
    }
  }
}

/** One element for every channel. */
export function perChannel(vector: w.WeightExpr, channels: number): w.WeightExpr {
  return vector.dims[0] === channels ? vector : w.mul(vector, w.fullLike(vector, [channels], 1));
}

/** What a shift of the input channels adds to every output: Σ W·t over inputs and taps, one element per output channel. */
export function shiftThrough(view: LinearView, weight: w.WeightExpr, shift: w.WeightExpr): w.WeightExpr {
  const summed = scaleInputs(view, weight, shift);
  const axes = summed.dims.map((_, axis) => axis);
  switch (view.kind) {
    case 'conv':
    case 'linear':
      return w.reduceSum(summed, axes.slice(1), false);
    case 'matmul':
      return w.reduceSum(summed, [0], false);
    case 'conv_transpose':
      return bug('a transposed conv takes no shift');
  }
}

/** Whether a shift of its input becomes one of its bias: every output sees all taps. */
export function takesShift(view: LinearView): boolean {
  switch (view.kind) {
    case 'conv':
      return numbersAttr(view.node.attrs, 'pads').every((n) => n === 0);
    case 'linear':
    case 'matmul':
      return true;
    case 'conv_transpose':
      return false;
  }
}

/** The weights and the bias of a linear operator into which something was folded, and what was multiplied in. */
export interface Folded {
  readonly weight: w.WeightExpr;
  readonly bias: w.WeightExpr | undefined;
  readonly factors: readonly w.WeightExpr[];
}

/** The operator with s·y + t of its outputs, vectors of one element or one per output channel. */
export function foldOutputs(view: LinearView, { scale, shift }: Affine): Folded {
  const weight = weightOf(view);
  const scaled = view.bias && (scale ? w.mul(biasOf(view), scale) : biasOf(view));
  return {
    weight: scale ? scaleOutputs(view, weight, scale) : weight,
    bias: shift ? w.add(scaled ?? zeros(view), shift) : scaled,
    factors: scale ? [scale] : [],
  };
}

/**
 * The operator with s·x + t of its inputs, vectors of one element or one per input channel; that it `takesShift` must be asked
 * first.
 */
export function foldInputs(view: LinearView, { scale, shift }: Affine): Folded {
  const weight = weightOf(view);
  const through = view.kind !== 'conv_transpose';
  const moved = shift && through ? shiftThrough(view, weight, perChannel(shift, view.inputs)) : undefined;
  return {
    weight: scale ? scaleInputs(view, weight, scale) : weight,
    bias: moved && (view.bias ? w.add(biasOf(view), moved) : moved),
    factors: [...(scale ? [scale] : []), ...(shift ? [shift] : [])],
  };
}
