/**
 * The same elements in another shape. ONNX Reshape-13 (-14), Squeeze-13, Unsqueeze-13. Shapes are given as dimensions, which may
 * be symbolic.
 */
import { outside } from '../diagnostics/at.ts';
import { bug } from '../diagnostics/diagnostic.ts';
import { Dim } from '../ir/dim.ts';
import type { AttrSpec, Check, InferContext, OnnxAttr } from '../ir/operator.ts';
import { elementCount, type TensorType, typeText } from '../ir/types.ts';
import { dimsAttr, given, numbersAttr, onnxInt } from './attrs.ts';
import { axisIn, checkAxes, checkAxis, constantDims, dimsText, sameDim, sampleDims, sizeOf, xOnly } from './common.ts';
import { defineLayer, defineOperator, type LayerBuilder, layerOf } from './define.ts';
import { dims, int, ints } from './params.ts';
import { movingTraits } from './traits.ts';

/** The shape with its −1 resolved, so that the number of elements stays. */
export function reshaped(check: Check, x: TensorType, shape: readonly Dim[]): readonly Dim[] {
  const total = sizeOf(x.dims);
  const open = shape.filter((d) => d.constant === -1).length;
  check('c1', open <= 1, `a shape ${dimsText(shape)}`, 'at most one -1');
  const negative = shape.find((d) => d.upperBound < 0 && d.constant !== -1);
  check('c1', negative === undefined, `a shape ${dimsText(shape)}`, 'sizes that are not negative, or one -1');
  const known = sizeOf(shape.filter((d) => d.constant !== -1));
  if (open === 0) {
    const found = `${total} elements in ${dimsText(x.dims)}, ${known} in ${dimsText(shape)}`;
    check('c2', sameDim(total, known), found, 'as many elements as before');
    return shape;
  }
  const rest = known.constant === 0 ? undefined : total.divideExactly(known);
  check('c3', rest !== undefined, `${total} elements for ${dimsText(shape)}`, `a multiple of ${known}`);
  return shape.map((d) => (d.constant === -1 ? rest : d));
}

/**
 * The second input of Reshape in numbers: 0 copies the size that stands at the same place in x, −1 is one size that is left.
 * undefined where there are more unknown sizes than that, and beside one that may be 0, where −1 has no answer.
 */
function reshapeTarget(x: readonly Dim[], y: readonly Dim[]): readonly number[] | undefined {
  const out = y.map((d, i) => d.constant ?? (x[i] === d ? 0 : -1));
  const open = out.filter((n) => n === -1).length;
  const copiesNothing = y.every((d, i) => out[i] !== 0 || d.lowerBound >= 1);
  return open === 0 || (open === 1 && copiesNothing) ? out : undefined;
}

/** Whether constants say this shape of a reshape of x. A 0 of its own would copy. */
export const isConstantTarget = (x: readonly Dim[], y: readonly Dim[]): boolean =>
  y.every((d) => d.constant !== 0) && reshapeTarget(x, y) !== undefined;

/** How many axes of x make up the first of two of y, where both are products of x's. */
function flattenAxis(x: readonly Dim[], y: readonly Dim[]): number | undefined {
  for (let axis = 1; axis < x.length; axis++) {
    if (sizeOf(x.slice(0, axis)) === y[0] && sizeOf(x.slice(axis)) === y[1]) return axis;
  }
  return undefined;
}

/** What −1 stands for: what is left of x. Sizes of 0 that both have cancel, as they do where they are symbols. */
function leftOver(x: readonly number[], shape: readonly number[]): number {
  const zeros = (dims: readonly number[]): number => dims.filter((n) => n === 0).length;
  if (zeros(x) > zeros(shape)) return 0;
  const part = (dims: readonly number[]): number => elementCount(dims.filter((n) => n !== 0 && n !== -1));
  return part(x) / part(shape);
}

/** ONNX Reshape-13 (-14), Flatten-13; torch.reshape. */
export const reshape = defineOperator({
  name: 'reshape',
  summary: 'The same elements in another shape',
  onnx: ['Reshape', 'Flatten', 'ConstantOfShape'],
  operands: xOnly,
  attrs: { shape: { kind: 'dims', doc: 'the new shape; one -1 is what the others leave' } },
  traits: movingTraits({ keepsOrder: true, handsOn: true, axes: 'unknown', idempotent: true, involution: 'unknown' }),
  infer(context: InferContext) {
    const { operands, attrs } = context;
    const check: Check = context.check;
    const x = given(operands, 0);
    return [{ elem: x.elem, dims: reshaped(check, x, dimsAttr(attrs, 'shape')) }];
  },
  evaluate(operands, attrs) {
    const x = given(operands, 0);
    const shape = numbersAttr(attrs, 'shape');
    const left = shape.includes(-1) ? leftOver(x.dims, shape) : 0;
    const target = shape.map((n) => (n === -1 ? left : n));
    if (elementCount(target) !== x.data.length) bug(`reshape of ${x.data.length} elements to [${target.join(', ')}]`);
    return [{ elem: x.elem, dims: target, data: x.data }];
  },
  lower(builder, node, operands) {
    const y = node.y.type.dims;
    // Beside an empty batch −1 has no answer, Flatten has.
    const axis = y[1] && y.length === 2 && y[1].constant === undefined ? flattenAxis(node.x.type.dims, y) : undefined;
    if (axis !== undefined) return [builder.node('Flatten', [given(operands, 0)], { axis: onnxInt(axis) }, node.y.type)];
    const x = node.x.type.dims;
    const isEmpty = y.some((d) => d.constant === 0);
    const target = isEmpty ? undefined : reshapeTarget(x, y);
    if (target) return [builder.node('Reshape', [given(operands, 0), builder.i64(target)], {}, node.y.type)];
    // A size of 0 would copy, as it may where x has it too; `allowzero` says that it does not, but then every size has to be
    // written out. Of two sizes that one is a multiple of the other, a number of times, none is 0 alone.
    const saysZero =
      isEmpty || y.some((d, i) => d.lowerBound < 1 && !x[i]?.divideExactly(d) && !d.divideExactly(x[i] ?? 0)?.constant);
    if (!saysZero) return [builder.node('Reshape', [given(operands, 0), builder.dims(y)], {}, node.y.type)];
    if (builder.opset < 14) {
      const { elem } = node.y.type;
      if (!isEmpty || elem === 'bf16') return builder.refuse('Reshape to a size that may be 0 needs opset 14', '--opset 14');
      // All tensors without elements are equal.
      const value: OnnxAttr = { kind: 'tensor', value: { elem, dims: [1], data: new Float64Array(1) } };
      return [builder.node('ConstantOfShape', [builder.dims(y)], { value }, node.y.type)];
    }
    return [builder.node('Reshape', [given(operands, 0), builder.dims(y)], { allowzero: onnxInt(1) }, node.y.type)];
  },
  sample(source) {
    const x = sampleDims(source, 1, 4);
    const shape: number[] = [...x];
    for (let i = source.int(0, 2); i > 0 && shape.length > 1; i--) {
      const at = source.int(0, shape.length - 2);
      shape.splice(at, 2, (shape[at] ?? outside()) * (shape[at + 1] ?? outside()));
    }
    if (source.bool()) shape.splice(source.int(0, shape.length), 0, 1);
    if (source.bool()) shape[source.int(0, shape.length - 1)] = -1;
    return {
      operands: [source.tensor(x, { elem: source.pick(['f32', 'i64'] as const) })],
      attrs: { shape: constantDims(shape) },
    };
  },
});

export const reshapeLayer = layerOf(reshape, {
  source: 'torch.reshape',
  family: 'Shapes',
  params: { shape: dims({ rest: true, doc: 'the new shape; one -1 is what the others leave' }) },
});

/** torch.nn.Flatten(start_dim=1, end_dim=-1). */
export const flattenLayer = defineLayer({
  name: 'flatten',
  summary: 'Joins the axes from `start` to `end` into one',
  source: 'torch.nn.Flatten',
  family: 'Shapes',
  params: {
    start: int({ positional: true, default: 1, doc: 'first axis to join' }),
    end: int({ positional: true, default: -1, doc: 'last axis to join' }),
  },
  build(builder: LayerBuilder, [x], p) {
    const rank = x.type.dims.length;
    if (rank === 0) return builder.op(reshape, [x], { shape: [Dim.one] });
    checkAxis(builder.check, 'c4', p.start, rank);
    checkAxis(builder.check, 'c4', p.end, rank);
    const start = axisIn(p.start, rank);
    const end = axisIn(p.end, rank);
    builder.check('c5', start <= end, `start=${p.start}, end=${p.end}`, 'a start that is not behind the end');
    if (start === end) return x;
    const joined = sizeOf(x.type.dims.slice(start, end + 1));
    return builder.op(reshape, [x], { shape: [...x.type.dims.slice(0, start), joined, ...x.type.dims.slice(end + 1)] });
  },
});

const axesAttr: AttrSpec = { kind: 'ints', doc: 'the axes' };

/** ONNX Squeeze-13. */
export const squeeze = defineOperator({
  name: 'squeeze',
  summary: 'Removes axes of size 1',
  onnx: ['Squeeze', 'Identity'],
  operands: xOnly,
  attrs: { axes: { ...axesAttr, doc: 'axes of x to remove' } },
  traits: movingTraits({ keepsOrder: true, handsOn: true, axes: 'unknown', idempotent: 'unknown', involution: 'unknown' }),
  infer(context: InferContext) {
    const { operands, attrs } = context;
    const check: Check = context.check;
    const x = given(operands, 0);
    const rank = x.dims.length;
    checkAxes(check, 'c1', numbersAttr(attrs, 'axes'), rank);
    const axes = numbersAttr(attrs, 'axes').map((a) => axisIn(a, rank));
    for (const axis of axes) check('c2', x.dims[axis]?.constant === 1, `axis ${axis} of ${typeText(x)}`, 'an axis of size 1');
    return [{ elem: x.elem, dims: x.dims.filter((_, i) => !axes.includes(i)) }];
  },
  evaluate(operands, attrs) {
    const x = given(operands, 0);
    const axes = numbersAttr(attrs, 'axes').map((a) => axisIn(a, x.dims.length));
    return [{ elem: x.elem, dims: x.dims.filter((_, i) => !axes.includes(i)), data: x.data }];
  },
  lower(builder, node, operands) {
    const axes = numbersAttr(node.attrs, 'axes').map((a) => axisIn(a, node.x.type.dims.length));
    if (axes.length === 0) return [builder.node('Identity', operands, {}, node.y.type)];
    return [builder.node('Squeeze', [given(operands, 0), builder.i64(axes)], {}, node.y.type)];
  },
  sample(source) {
    const dims = sampleDims(source, 1, 4).map((d) => (source.bool() ? 1 : d));
    const ones = dims.flatMap((d, i) => (d === 1 ? [i] : []));
    const axes = ones.filter(() => source.bool()).map((i) => (source.bool() ? i : i - dims.length));
    return { operands: [source.tensor(dims)], attrs: { axes } };
  },
});

/** ONNX Unsqueeze-13; axes count in the result. */
export const unsqueeze = defineOperator({
  name: 'unsqueeze',
  summary: 'Inserts axes of size 1',
  onnx: ['Unsqueeze', 'Identity'],
  operands: xOnly,
  attrs: { axes: { ...axesAttr, doc: 'where the new axes stand in the result' } },
  traits: movingTraits({ keepsOrder: true, handsOn: true, axes: 'unknown', idempotent: 'unknown', involution: 'unknown' }),
  infer(context: InferContext) {
    const { operands, attrs } = context;
    const check: Check = context.check;
    const x = given(operands, 0);
    const axes = numbersAttr(attrs, 'axes');
    checkAxes(check, 'c1', axes, x.dims.length + axes.length);
    return [{ elem: x.elem, dims: unsqueezed(x.dims, axes, Dim.one) }];
  },
  evaluate(operands, attrs) {
    const x = given(operands, 0);
    return [{ elem: x.elem, dims: unsqueezed(x.dims, numbersAttr(attrs, 'axes'), 1), data: x.data }];
  },
  lower(builder, node, operands) {
    const axes = numbersAttr(node.attrs, 'axes').map((a) => axisIn(a, node.y.type.dims.length));
    if (axes.length === 0) return [builder.node('Identity', operands, {}, node.y.type)];
    return [builder.node('Unsqueeze', [given(operands, 0), builder.i64(axes)], {}, node.y.type)];
  },
  sample(source) {
    const dims = sampleDims(source, 0, 3);
    const rank = dims.length + source.int(1, 2);
    const all = Array.from({ length: rank }, (_, i) => i);
    while (all.length > rank - dims.length) all.splice(source.int(0, all.length - 1), 1);
    return { operands: [source.tensor(dims)], attrs: { axes: all.map((i) => (source.bool() ? i : i - rank)) } };
  },
});

export function unsqueezed<T>(dims: readonly T[], axes: readonly number[], one: T): readonly T[] {
  const rank = dims.length + axes.length;
  const places = new Set(axes.map((a) => axisIn(a, rank)));
  const rest = [...dims];
  return Array.from({ length: rank }, (_, i) => (places.has(i) ? one : (rest.shift() ?? one)));
}

export const squeezeLayer = defineLayer({
  name: 'squeeze',
  summary: squeeze.summary,
  source: 'torch.squeeze',
  family: 'Shapes',
  params: {
    axes: ints({ rest: true, default: [], doc: 'the axes to remove; none stands for all that are known to be of size 1' }),
  },
  build(builder: LayerBuilder, [x], p) {
    const all = x.type.dims.flatMap((d, i) => (d.constant === 1 ? [i] : []));
    const axes = p.axes.length === 0 ? all : p.axes;
    return axes.length === 0 ? x : builder.op(squeeze, [x], { axes });
  },
});

export const unsqueezeLayer = layerOf(unsqueeze, {
  source: 'torch.unsqueeze',
  family: 'Shapes',
  params: { axes: ints({ rest: true, doc: 'where the new axes stand in the result' }) },
});
