/**
 * What rules see of nodes: linear operators (conv, conv_transpose, linear, matmul by a matrix) as one thing with an input and an output channel
 * axis; batchnorms and arithmetic with constants as a scale and a shift. Here stands how a scale or a shift of channels becomes one of the
 * weights:
 *
 *   outputs scaled by s        s·(Wx + b) = (sW)x + sb
 *   inputs scaled by s         W(sx) + b  = (Ws)x + b
 *   inputs shifted by t        W(x + t) + b = Wx + (Wt + b), where every output sees every tap: no zeros of a padding, no transposed conv
 */
import { bug } from '../diagnostics/diagnostic.ts';
import type { Node, Value } from '../ir/graph.ts';
import type { AttrValue } from '../ir/operator.ts';
import { type ElemType, isFloat } from '../ir/types.ts';
import { numberAttr, numbersAttr } from '../ops/attrs.ts';
import * as w from '../tensor/algebra.ts';
import { allConstant, isConstant, product } from './conditions.ts';
import { type Rows, staysNormal } from './range.ts';
import type { Rewriter } from './rule.ts';

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

export const linearOperators = ['conv', 'conv_transpose', 'linear', 'matmul'] as const;

/** A node as a linear operator over channels; matmul counts where its second operand is a constant matrix. */
export function linearView(node: Node | undefined): LinearView | undefined {
  if (!node) return undefined;
  const x = node.operand(0);
  const weight = node.operand(1);
  if (!x || !weight) return undefined;
  const [first, second] = weight.type.dims.map((d) => d.constant);
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
      if (!isConstant(weight) || weight.type.dims.length !== 2) return undefined;
      return { node, kind: 'matmul', x, weight, bias: undefined, groups: 1, inputs: first, outputs: second };
    default:
      return undefined;
  }
}

/** All its weights are constants. */
export function hasConstantWeights(view: LinearView): boolean {
  return allConstant([view.weight, view.bias]);
}

/** The axis of the result that the weights' output channels are. */
export function outputAxis(view: LinearView): number {
  return view.kind === 'conv' || view.kind === 'conv_transpose' ? 1 : view.node.y.type.dims.length - 1;
}

export function inputAxis(view: LinearView): number {
  return view.kind === 'conv' || view.kind === 'conv_transpose' ? 1 : view.x.type.dims.length - 1;
}

export function weightOf(view: LinearView): w.WeightExpr {
  return w.exprOf(view.weight);
}

/** The bias, or zeros of the weights' element type where there is none. */
export function biasOf(view: LinearView): w.WeightExpr {
  return view.bias ? w.exprOf(view.bias) : zeros(view.weight.type.elem, [view.outputs]);
}

export function zeros(elem: ElemType, dims: readonly number[]): w.WeightExpr {
  return w.full(elem, dims, 0);
}

/** How the weights of each output lie in the whole. */
export function rowsOf(view: LinearView): Rows {
  const behind = product(view.weight.type.dims.slice(2).map((d) => d.constant ?? 0));
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

/** Whether new weights and a new bias of a linear operator stay in the range of their type; `factors` are what was multiplied in. */
export function normalFold(
  view: LinearView,
  folded: { readonly weight: w.WeightExpr; readonly bias: w.WeightExpr | undefined; readonly factors: readonly w.WeightExpr[] },
): boolean {
  const was = weightOf(view);
  const weight = folded.weight === was ? undefined : folded.weight;
  return staysNormal({ factors: folded.factors, weight, rows: rowsOf(view), was, bias: folded.bias });
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
      return w.mul(weight, spread(scale, [view.outputs, 1, ...ones]));
    case 'matmul':
      return w.mul(weight, spread(scale, [1, view.outputs]));
    case 'conv_transpose': {
      // [in, out/groups, …]: the outputs of group g read the inputs of group g alone.
      const per = view.outputs / view.groups;
      if (view.groups === 1) return w.mul(weight, spread(scale, [1, per, ...ones]));
      const split = w.reshape(weight, [view.groups, view.inputs / view.groups, per, ...weight.dims.slice(2)]);
      return w.reshape(w.mul(split, spread(scale, [view.groups, 1, per, ...ones])), weight.dims);
    }
  }
}

/** The weights with every input channel scaled. `scale` has one element, or one per input channel. */
export function scaleInputs(view: LinearView, weight: w.WeightExpr, scale: w.WeightExpr): w.WeightExpr {
  const ones = weight.dims.slice(2).map(() => 1);
  switch (view.kind) {
    case 'linear':
      return w.mul(weight, spread(scale, [1, view.inputs]));
    case 'matmul':
    case 'conv_transpose':
      return w.mul(weight, spread(scale, [view.inputs, 1, ...ones]));
    case 'conv': {
      // [out, in/groups, …]: the outputs of group g read the inputs of group g alone.
      const per = view.inputs / view.groups;
      if (view.groups === 1) return w.mul(weight, spread(scale, [1, per, ...ones]));
      const split = w.reshape(weight, [view.groups, view.outputs / view.groups, per, ...weight.dims.slice(2)]);
      return w.reshape(w.mul(split, spread(scale, [view.groups, 1, per, ...ones])), weight.dims);
    }
  }
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

interface Changes {
  readonly x?: Value;
  readonly weight?: w.WeightExpr;
  /** Present only where there must be one afterwards, or there was one. */
  readonly bias?: w.WeightExpr | undefined;
  readonly attrs?: Readonly<Record<string, AttrValue>>;
  readonly like?: Node;
  readonly before?: Node;
}

/** `conv1.weight` → `conv1.bias`; a bias that was not there belongs to the layer of the weights. */
function biasName(view: LinearView): string {
  if (view.bias?.name !== undefined) return view.bias.name;
  const { name } = view.weight;
  if (name?.endsWith('weight')) return `${name.slice(0, -'weight'.length)}bias`;
  return name === undefined ? `${view.node.origin.scope}.bias` : `${name}.bias`;
}

/** A changed constant keeps its name and its role. */
export function changed(g: Rewriter, old: Value, content: w.WeightExpr): Value {
  if (old.content === content) return old;
  return g.constant(content, old.def.kind === 'constant' ? old.def.role : 'parameter', old.name);
}

/**
 * The linear operator with other weights. What is not given stays. A matmul that gains a bias becomes a `linear`, whose weights are transposed.
 */
export function rebuild(g: Rewriter, view: LinearView, changes: Changes): Value {
  const x = changes.x ?? view.x;
  const like = changes.like ?? view.node;
  const bias =
    changes.bias === undefined
      ? view.bias
      : view.bias
        ? changed(g, view.bias, changes.bias)
        : g.constant(changes.bias, 'parameter', biasName(view));
  const attrs = { ...view.node.attrs, ...changes.attrs };
  if (view.kind === 'matmul' && bias) {
    const matrix = w.transpose(changes.weight ?? weightOf(view), [1, 0]);
    return g.node('linear', [x, changed(g, view.weight, matrix), bias], {}, like, changes.before);
  }
  const weight = changes.weight ? changed(g, view.weight, changes.weight) : view.weight;
  const operands = bias ? [x, weight, bias] : [x, weight];
  return g.node(view.node.op.name, operands, attrs, like, changes.before);
}

/** y = scale·x + shift along one axis; a vector has one element, or one per channel. */
export interface Affine {
  readonly scale: w.WeightExpr | undefined;
  readonly shift: w.WeightExpr | undefined;
}

/** The four vectors of a batchnorm: weight γ, bias β, running mean μ, running variance σ². */
export function batchnormVectors(node: Node): readonly Value[] {
  return [1, 2, 3, 4].map((index) => node.operand(index) ?? bug('a batchnorm has four vectors'));
}

/** s = γ / √(σ² + ε), t = β − s·μ. The vectors are constants. */
export function batchnormAffine(node: Node): { readonly scale: w.WeightExpr; readonly shift: w.WeightExpr } {
  const [gain, bias, mean, variance] = batchnormVectors(node).map((value) => w.exprOf(value));
  if (!gain || !bias || !mean || !variance) return bug('a batchnorm has four vectors');
  const scale = w.div(gain, w.sqrt(w.add(variance, w.full(variance.elem, [], numberAttr(node.attrs, 'eps')))));
  return { scale, shift: w.sub(bias, w.mul(scale, mean)) };
}

/** Add, sub, mul, div of one value and one constant. */
export interface Arithmetic extends Affine {
  readonly node: Node;
  readonly x: Value;
  readonly constant: Value;
}

export const arithmeticOperators = ['add', 'sub', 'mul', 'div'] as const;

/**
 * x + c, c + x, x − c, c − x, x · c, c · x, x / c as a scale and a shift of the constant's own shape. c / x is none, and no arithmetic of integers:
 * their division cuts, and their products wrap around.
 */
export function arithmeticView(node: Node | undefined): Arithmetic | undefined {
  if (!node) return undefined;
  const a = node.operand(0);
  const b = node.operand(1);
  if (!a || !b || isConstant(a) === isConstant(b) || !isFloat(node.y.type.elem)) return undefined;
  const flipped = isConstant(a);
  const [x, constant] = flipped ? [b, a] : [a, b];
  const c = (): w.WeightExpr => w.exprOf(constant);
  const minusOne = (): w.WeightExpr => w.full(constant.type.elem, [], -1);
  const view = (scale: w.WeightExpr | undefined, shift: w.WeightExpr | undefined): Arithmetic => ({
    node,
    x,
    constant,
    scale,
    shift,
  });
  switch (node.op.name) {
    case 'add':
      return view(undefined, c());
    case 'sub':
      return flipped ? view(minusOne(), c()) : view(undefined, w.neg(c()));
    case 'mul':
      return view(c(), undefined);
    case 'div':
      return flipped ? undefined : view(w.reciprocal(c()), undefined);
    default:
      return undefined;
  }
}

/**
 * A constant that broadcasts against a tensor of this rank as a vector along one axis: one element, or one per channel. ONNX aligns shapes at
 * their last axes, so [C] lies along the last axis and [C, 1, 1] along axis 1 of four.
 */
export function channelVector(x: w.WeightExpr, rank: number, axis: number, channels: number): w.WeightExpr | undefined {
  const count = product(x.dims);
  if (count === 1) return w.reshape(x, [1]);
  const place = axis - (rank - x.dims.length);
  if (count !== channels || x.dims[place] !== channels) return undefined;
  return w.reshape(x, [channels]);
}

/** Gives the elements other places, and leaves none out: a reshape of any kind, or a transpose. */
export const isView = ({ op }: Node): boolean => op.traits.keepsOrder === true || op.name === 'transpose';
