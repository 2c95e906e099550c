/**
 * Operators that move, repeat, cut or make elements without computing with them. Shapes are given as dimensions, which may be symbolic.
 * ONNX Reshape-13 (-14), Transpose-13, Concat-13, Split-13 (-18), Slice-13, Pad-13, Expand-13, Squeeze-13, Unsqueeze-13, Range-11,
 * ConstantOfShape-9, Shape-13 (-15), Cast-13.
 */

import { bug } from '../diagnostics/diagnostic.ts';
import { Dim } from '../ir/dim.ts';
import { elemFacts } from '../ir/elem.ts';
import type { Node } from '../ir/graph.ts';
import type { AttrSpec, Check, InferContext, OnnxAttr, OnnxBuilder, Operator, SampleSource } from '../ir/operator.ts';
import { roundFloat } from '../ir/round.ts';
import { type ElemType, elementCount, type HostTensor, isFloat, type TensorType, typeText } from '../ir/types.ts';
import { dimsAttr, given, numberAttr, numbersAttr, stringAttr } from './attrs.ts';
import { alongAxis, namedAxes, paddedAxes } from './axes.ts';
import {
  aroundAxis,
  axisIn,
  broadcastTo,
  checkAxes,
  checkAxis,
  checkSameElem,
  dimAttr,
  dimsText,
  elemAttr,
  map1,
  offsetsAlong,
  presentOf,
  remap,
  sameDim,
  sizeOf,
  wrapAll,
  wrapInteger,
} from './common.ts';
import { defineLayer, defineOperator, type Layer, type LayerBuilder, layerOf } from './define.ts';
import { choice, dims, elem, float, int, ints, numbers, optional, tensor } from './params.ts';
import { isWholeSlice, toTheEnd } from './slice-axes.ts';
import { functionTraits, movingTraits, sourceTraits } from './traits.ts';
import { wideCast } from './wide.ts';

const family = 'Shapes';
const x1 = [{ name: 'x', doc: 'the tensor' }] as const;
const onnxInt = (value: number): OnnxAttr => ({ kind: 'int', value });

function sampleDims(source: SampleSource, low: number, high: number): readonly number[] {
  return Array.from({ length: source.int(low, high) }, () => source.int(1, 4));
}
const constants = (values: readonly number[]): readonly Dim[] => values.map((n) => Dim.of(n));

/** A dimension as a rank-0 i64 value. */
function scalarOf(builder: OnnxBuilder, d: Dim): string {
  if (d.constant !== undefined) return builder.scalar('i64', d.constant);
  return builder.node('Squeeze', [builder.dims([d]), builder.i64([0])], {}, { elem: 'i64', dims: [] });
}

// Reshape, and what is written with it ----------------------------------------------------------------------------------------------

/** The shape with its −1 resolved, so that the number of elements stays. */
function reshaped(check: Check, x: TensorType, shape: readonly Dim[]): readonly Dim[] {
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
 * The second input of Reshape. Constants as long as possible: 0 copies the size that stands at the same place in x, −1 is one size that
 * is left; with more unknown sizes than that the shape is computed.
 */
function reshapeTarget(builder: OnnxBuilder, x: readonly Dim[], y: readonly Dim[]): string {
  const out: number[] = [];
  let open = 0;
  for (const [i, d] of y.entries()) {
    if (d.constant !== undefined) out.push(d.constant);
    else if (x[i] === d) out.push(0);
    else {
      out.push(-1);
      open++;
    }
  }
  return open <= 1 ? builder.i64(out) : builder.dims(y);
}

/** How many axes of x make up the first of two of y, where both are products of x's. */
function flattenAxis(x: readonly Dim[], y: readonly Dim[]): number | undefined {
  for (let axis = 1; axis < x.length; axis++) {
    if (sizeOf(x.slice(0, axis)) === y[0] && sizeOf(x.slice(axis)) === y[1]) return axis;
  }
  return undefined;
}

/** ONNX Reshape-13 (-14), Flatten-13; torch.reshape. */
export const reshape = defineOperator({
  name: 'reshape',
  summary: 'The same elements in another shape',
  onnx: ['Reshape', 'Flatten', 'ConstantOfShape'],
  operands: x1,
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
    const known = elementCount(shape.filter((n) => n !== -1));
    const target = shape.map((n) => (n === -1 ? x.data.length / known : n));
    if (elementCount(target) !== x.data.length) bug(`reshape of ${x.data.length} elements to [${target.join(', ')}]`);
    return [{ elem: x.elem, dims: target, data: x.data }];
  },
  lower(builder, node, operands) {
    const y = node.y.type.dims;
    // Beside an empty batch −1 has no answer, Flatten has.
    const axis = y[1] && y.length === 2 && y[1].constant === undefined ? flattenAxis(node.x.type.dims, y) : undefined;
    if (axis !== undefined) return [builder.node('Flatten', [given(operands, 0)], { axis: onnxInt(axis) }, node.y.type)];
    // A size of 0 would copy; `allowzero` says that it does not, but then every size has to be written out.
    if (!y.some((d) => d.constant === 0)) {
      return [builder.node('Reshape', [given(operands, 0), reshapeTarget(builder, node.x.type.dims, y)], {}, node.y.type)];
    }
    if (builder.opset < 14) {
      const { elem } = node.y.type;
      if (elem === 'bf16') return builder.refuse('Reshape to a size of 0 needs opset 14', '--opset 17');
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
      shape.splice(at, 2, (shape[at] ?? 1) * (shape[at + 1] ?? 1));
    }
    if (source.bool()) shape.splice(source.int(0, shape.length), 0, 1);
    if (source.bool()) shape[source.int(0, shape.length - 1)] = -1;
    return { operands: [source.tensor(x, { elem: source.pick(['f32', 'i64'] as const) })], attrs: { shape: constants(shape) } };
  },
});

export const reshapeLayer = layerOf(reshape, {
  source: 'torch.reshape',
  family,
  params: { shape: dims({ rest: true, doc: 'the new shape; one -1 is what the others leave' }) },
});

/** torch.nn.Flatten(start_dim=1, end_dim=-1). */
export const flattenLayer = defineLayer({
  name: 'flatten',
  summary: 'Joins the axes from `start` to `end` into one',
  source: 'torch.nn.Flatten',
  family,
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
  operands: x1,
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
  operands: x1,
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

function unsqueezed<T>(dims: readonly T[], axes: readonly number[], one: T): readonly T[] {
  const rank = dims.length + axes.length;
  const places = new Set(axes.map((a) => axisIn(a, rank)));
  const rest = [...dims];
  return Array.from({ length: rank }, (_, i) => (places.has(i) ? one : (rest.shift() ?? one)));
}

export const squeezeLayer = defineLayer({
  name: 'squeeze',
  summary: squeeze.summary,
  source: 'torch.squeeze',
  family,
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
  family,
  params: { axes: ints({ rest: true, doc: 'where the new axes stand in the result' }) },
});

const permutesNothing = (node: Node): boolean =>
  numbersAttr(node.attrs, 'perm').every((axis, i, all) => axisIn(axis, all.length) === i);

/** ONNX Transpose-13; torch.permute. */
export const transpose = defineOperator({
  name: 'transpose',
  summary: 'The axes in another order',
  onnx: ['Transpose'],
  operands: x1,
  attrs: { perm: { kind: 'ints', doc: 'for each axis of the result the axis of x that it is' } },
  traits: movingTraits({
    keepsOrder: false,
    handsOn: permutesNothing,
    axes: 'unknown',
    idempotent: 'unknown',
    involution: 'unknown',
  }),
  infer(context: InferContext) {
    const { operands, attrs } = context;
    const check: Check = context.check;
    const x = given(operands, 0);
    const perm = numbersAttr(attrs, 'perm');
    const rank = x.dims.length;
    const order = perm.map((a) => axisIn(a, rank));
    const complete = perm.length === rank && order.every((a) => a >= 0 && a < rank) && new Set(order).size === rank;
    const hint = rank === 4 ? 'transpose(0, 2, 3, 1)' : undefined;
    check('c1', complete, `axes (${perm.join(', ')}) for ${typeText(x)}`, `each axis from 0 to ${rank - 1} once`, hint);
    return [{ elem: x.elem, dims: order.map((a) => x.dims[a] ?? Dim.one) }];
  },
  evaluate(operands, attrs) {
    const x = given(operands, 0);
    const order = numbersAttr(attrs, 'perm').map((a) => axisIn(a, x.dims.length));
    const last = order[order.length - 1];
    if (last === undefined) return [x];
    const starts = offsetsAlong(x.dims, order.slice(0, -1));
    const run = offsetsAlong(x.dims, [last]);
    const data = new Float64Array(x.data.length);
    for (let i = 0; i < starts.length; i++) {
      const from = starts[i] ?? 0;
      const at = i * run.length;
      for (let k = 0; k < run.length; k++) data[at + k] = x.data[from + (run[k] ?? 0)] ?? 0;
    }
    return [{ elem: x.elem, dims: order.map((a) => x.dims[a] ?? 1), data }];
  },
  lower(builder, node, operands) {
    const value = numbersAttr(node.attrs, 'perm').map((a) => axisIn(a, node.x.type.dims.length));
    return [builder.node('Transpose', operands, { perm: { kind: 'ints', value } }, node.y.type)];
  },
  sample(source) {
    const dims = sampleDims(source, 1, 4);
    const rest = dims.map((_, i) => i);
    const perm: number[] = [];
    while (rest.length > 0) perm.push(...rest.splice(source.int(0, rest.length - 1), 1));
    return { operands: [source.tensor(dims, { elem: source.pick(['f32', 'i64'] as const) })], attrs: { perm } };
  },
});

export const transposeLayer = layerOf(transpose, {
  source: 'torch.permute',
  family,
  params: { perm: ints({ rest: true, doc: 'for each axis of the result the axis of the input that it is' }) },
});

// Joining and cutting ---------------------------------------------------------------------------------------------------------------

/** ONNX Concat-13; torch.cat. */
export const concat = defineOperator({
  name: 'concat',
  summary: 'Tensors one behind the other along an axis',
  onnx: ['Concat'],
  operands: [{ name: 'xs', doc: 'tensors that agree in every other axis', variadic: true }],
  attrs: { axis: { kind: 'int', default: 1, doc: 'the axis along which they follow each other' } },
  traits: {
    ...movingTraits({
      keepsOrder: false,
      handsOn: (node) => node.slots.length === 1,
      axes: alongAxis,
      idempotent: 'unknown',
      involution: 'unknown',
    }),
    keepsZero: false,
    sign: 'all',
    moves: 'all',
  },
  infer(context: InferContext) {
    const { operands, attrs } = context;
    const check: Check = context.check;
    const xs = presentOf(operands);
    const first = given(xs, 0);
    const rank = first.dims.length;
    checkAxis(check, 'c1', numberAttr(attrs, 'axis'), rank);
    const axis = axisIn(numberAttr(attrs, 'axis'), rank);
    for (const x of xs) {
      checkSameElem(check, 'c2', first, x);
      const found = `${typeText(first)} and ${typeText(x)}`;
      check('c3', x.dims.length === rank, found, 'tensors of one rank');
      const place = x.dims.findIndex((d, i) => i !== axis && !sameDim(d, first.dims[i] ?? Dim.one));
      const differ = `${first.dims[place] ?? 1} and ${x.dims[place] ?? 1} at axis ${place} equal, because axis ${axis} is joined`;
      check('c4', place < 0, found, differ);
    }
    const joined = xs.reduce((n, x) => n.plus(x.dims[axis] ?? Dim.one), Dim.zero);
    return [{ elem: first.elem, dims: first.dims.map((d, i) => (i === axis ? joined : d)) }];
  },
  evaluate(operands, attrs) {
    const xs = presentOf(operands);
    const first = given(xs, 0);
    const axis = axisIn(numberAttr(attrs, 'axis'), first.dims.length);
    const joined = xs.reduce((n, x) => n + (x.dims[axis] ?? 1), 0);
    const dims = first.dims.map((d, i) => (i === axis ? joined : d));
    const data = new Float64Array(elementCount(dims));
    const { outer, size, inner } = aroundAxis(dims, axis);
    let begin = 0;
    for (const x of xs) {
      const run = (x.dims[axis] ?? 1) * inner;
      for (let o = 0; o < outer; o++) data.set(x.data.subarray(o * run, (o + 1) * run), o * size * inner + begin);
      begin += run;
    }
    return [{ elem: first.elem, dims, data }];
  },
  lower(builder, node, operands) {
    const axis = axisIn(numberAttr(node.attrs, 'axis'), node.x.type.dims.length);
    return [builder.node('Concat', operands, { axis: onnxInt(axis) }, node.y.type)];
  },
  sample(source) {
    const dims = sampleDims(source, 1, 4);
    const axis = source.int(-dims.length, dims.length - 1);
    const at = axisIn(axis, dims.length);
    const elem = source.pick(['f32', 'i64'] as const);
    const operands = Array.from({ length: source.int(1, 4) }, () =>
      source.tensor(
        dims.map((d, i) => (i === at ? source.int(1, 4) : d)),
        { elem },
      ),
    );
    return { operands, attrs: { axis } };
  },
});

export const concatLayer = layerOf(concat, {
  source: 'torch.cat, along the channels unless said otherwise',
  family,
  operands: { names: ['it', 'others...'], min: 1, max: Infinity },
  params: { axis: int({ default: 1, doc: 'the axis along which they follow each other' }) },
});

export const stackLayer = defineLayer({
  name: 'stack',
  summary: 'Tensors of one shape along a new axis',
  source: 'torch.stack',
  family,
  operands: { names: ['it', 'others...'], min: 1, max: Infinity },
  params: { axis: int({ default: 0, doc: 'where the new axis stands in the result' }) },
  build(builder: LayerBuilder, xs, p) {
    const rank = xs[0].type.dims.length + 1;
    checkAxis(builder.check, 'c5', p.axis, rank);
    const axis = axisIn(p.axis, rank);
    const parts = xs.map((x) => builder.op(unsqueeze, [x], { axes: [axis] }));
    return parts.length === 1 ? parts : builder.op(concat, parts, { axis });
  },
});

/** Sizes of the parts of an axis; that there is one at least is the attribute's own bound. */
function partSizes(check: Check, size: Dim, parts: number, sizes: readonly Dim[], text: string): readonly Dim[] {
  if (sizes.length > 0) {
    check('c3', sizes.length === parts, `${sizes.length} sizes for ${parts} parts`, 'a size for every part');
    const total = sizes.reduce((n, d) => n.plus(d), Dim.zero);
    check('c3', sameDim(total, size), `sizes ${dimsText(sizes)}, which are ${total}`, `${size} together, the size of ${text}`);
    return sizes;
  }
  const part = size.divideExactly(parts);
  check('c4', part !== undefined, `${size} elements on ${text}`, `a multiple of ${parts}`);
  return Array.from({ length: parts }, () => part);
}

/** ONNX Split-13, -18 (where the number of equal parts became an attribute); torch.split, torch.chunk of equal parts. */
export const split = defineOperator({
  name: 'split',
  summary: 'Cuts an axis into parts',
  onnx: ['Split'],
  operands: x1,
  attrs: {
    axis: { kind: 'int', default: 1, doc: 'the axis to cut' },
    parts: { kind: 'int', min: 1, doc: 'how many parts' },
    sizes: { kind: 'dims', default: [], doc: 'their sizes; none stands for equal parts' },
  },
  traits: movingTraits({ keepsOrder: false, handsOn: true, axes: alongAxis, idempotent: 'unknown', involution: 'unknown' }),
  infer(context: InferContext) {
    const { operands, attrs } = context;
    const check: Check = context.check;
    const x = given(operands, 0);
    checkAxis(check, 'c1', numberAttr(attrs, 'axis'), x.dims.length);
    const axis = axisIn(numberAttr(attrs, 'axis'), x.dims.length);
    const text = `axis ${axis} of ${typeText(x)}`;
    const sizes = partSizes(check, x.dims[axis] ?? Dim.one, numberAttr(attrs, 'parts'), dimsAttr(attrs, 'sizes'), text);
    return sizes.map((size) => ({ elem: x.elem, dims: x.dims.map((d, i) => (i === axis ? size : d)) }));
  },
  evaluate(operands, attrs) {
    const x = given(operands, 0);
    const axis = axisIn(numberAttr(attrs, 'axis'), x.dims.length);
    const { outer, size, inner } = aroundAxis(x.dims, axis);
    const parts = numberAttr(attrs, 'parts');
    const asked = numbersAttr(attrs, 'sizes');
    const sizes = asked.length > 0 ? asked : Array.from({ length: parts }, () => size / parts);
    let begin = 0;
    return sizes.map((part) => {
      const data = new Float64Array(outer * part * inner);
      for (let o = 0; o < outer; o++) {
        const from = (o * size + begin) * inner;
        data.set(x.data.subarray(from, from + part * inner), o * part * inner);
      }
      begin += part;
      return { elem: x.elem, dims: x.dims.map((d, i) => (i === axis ? part : d)), data };
    });
  },
  lower(builder, node, operands) {
    const axis = onnxInt(axisIn(numberAttr(node.attrs, 'axis'), node.x.type.dims.length));
    const types = node.results.map((y) => y.type);
    const sizes = dimsAttr(node.attrs, 'sizes');
    if (sizes.length > 0) return builder.nodes('Split', [given(operands, 0), builder.dims(sizes)], { axis }, types);
    if (builder.opset < 18) return builder.nodes('Split', [given(operands, 0)], { axis }, types);
    return builder.nodes('Split', [given(operands, 0)], { axis, num_outputs: onnxInt(types.length) }, types);
  },
  sample(source) {
    const dims = [...sampleDims(source, 1, 4)];
    const axis = source.int(-dims.length, dims.length - 1);
    const at = axisIn(axis, dims.length);
    const parts = source.int(1, 4);
    const size = source.int(1, 3);
    const sizes = source.bool() ? [] : Array.from({ length: parts }, () => source.int(1, 3));
    dims[at] = sizes.length > 0 ? sizes.reduce((n, d) => n + d, 0) : parts * size;
    return { operands: [source.tensor(dims)], attrs: { axis, parts, sizes: constants(sizes) } };
  },
});

export const splitLayer = defineLayer({
  name: 'split',
  summary: 'Cuts an axis into parts: several results',
  source: 'torch.chunk for equal parts, torch.split for sizes',
  family,
  params: {
    parts: optional(int({ positional: true, min: 1, doc: 'how many equal parts' })),
    axis: int({ default: 1, doc: 'the axis to cut' }),
    sizes: optional(dims({ doc: 'sizes of the parts, when they are not equal' })),
  },
  build(builder: LayerBuilder, [x], p) {
    const either = (p.parts === undefined) !== (p.sizes === undefined || p.sizes.length === 0);
    builder.check('c5', either, 'both or none of `parts` and `sizes`', 'one of them', 'split(2)');
    return builder.ops(split, [x], { axis: p.axis, parts: p.parts ?? p.sizes?.length ?? 1, sizes: p.sizes ?? [] });
  },
});

/** Where a position counts from: its value from the beginning, or undefined when nobody knows its sign. */
function fromBeginning(position: Dim, size: Dim): Dim | undefined {
  if (position.lowerBound >= 0) return position;
  return position.upperBound < 0 ? size.plus(position) : undefined;
}

function slicedDim(check: Check, size: Dim, start: Dim, end: Dim, step: number, axis: number): Dim {
  const far = (position: Dim): number => position.constant ?? 0;
  // Nothing lies behind every end, nor in front of every beginning.
  if (step > 0 ? far(start) >= toTheEnd || far(end) <= -toTheEnd : far(end) >= toTheEnd) return Dim.zero;
  const signs = 'positions that are provably negative (from the end) or provably not';
  const s = fromBeginning(start, size);
  check('c4', s !== undefined, `start ${start} on axis ${axis}`, signs);
  const e = fromBeginning(end, size);
  check('c4', e !== undefined, `end ${end} on axis ${axis}`, signs);
  if (step > 0) {
    const last = end.constant !== undefined && end.constant >= toTheEnd ? size : Dim.min(e, size);
    // From a start in front of the axis one begins at 0: last − max(s, 0) = min(last, last − s).
    const fromFirst = s.lowerBound >= 0 || far(start) <= -toTheEnd;
    const length = fromFirst ? last.minus(far(start) <= -toTheEnd ? 0 : s) : Dim.min(last, last.minus(s));
    return Dim.max(Dim.zero, length).ceildiv(step);
  }
  // A start in front of the axis is its first element, ONNX says; of an axis without elements nothing is.
  const inside = s.lowerBound >= 0 ? s : far(start) <= -toTheEnd ? Dim.zero : Dim.max(s, Dim.zero);
  const first = far(start) >= toTheEnd ? size.minus(1) : Dim.min(inside, size.minus(1));
  const before = end.constant !== undefined && end.constant <= -toTheEnd ? Dim.of(-1) : Dim.max(e, Dim.of(-1));
  return Dim.max(Dim.zero, first.minus(before)).ceildiv(-step);
}

/** Which elements a slice takes, ONNX Slice-13: positions below 0 count from the end, then they are clamped. */
function slicePlaces(size: number, start: number, end: number, step: number): Int32Array {
  const clamp = (n: number, low: number, high: number): number => Math.min(Math.max(n < 0 ? n + size : n, low), high);
  const places: number[] = [];
  if (step > 0) {
    const last = clamp(end, 0, size);
    for (let i = clamp(start, 0, size); i < last; i += step) places.push(i);
  } else {
    const last = clamp(end, -1, size - 1);
    for (let i = clamp(start, 0, size - 1); i > last; i += step) places.push(i);
  }
  return Int32Array.from(places);
}

/** ONNX Slice-13; NumPy's basic slicing. */
export const slice = defineOperator({
  name: 'slice',
  summary: 'A range of every axis, with steps',
  onnx: ['Slice', 'Identity'],
  operands: x1,
  attrs: {
    starts: { kind: 'dims', doc: 'first element per axis; negative counts from the end' },
    ends: { kind: 'dims', doc: 'the element behind the last; negative counts from the end; beyond the end is the end' },
    axes: { kind: 'ints', doc: 'which axes' },
    steps: { kind: 'ints', doc: 'distance per axis; negative walks backwards' },
  },
  traits: movingTraits({
    keepsOrder: false,
    handsOn: isWholeSlice,
    axes: namedAxes,
    idempotent: 'unknown',
    involution: 'unknown',
  }),
  infer(context: InferContext) {
    const { operands, attrs } = context;
    const check: Check = context.check;
    const x = given(operands, 0);
    const axes = numbersAttr(attrs, 'axes');
    const steps = numbersAttr(attrs, 'steps');
    const starts = dimsAttr(attrs, 'starts');
    const ends = dimsAttr(attrs, 'ends');
    checkAxes(check, 'c1', axes, x.dims.length);
    const agree = [steps, starts, ends].every((list) => list.length === axes.length);
    check('c2', agree, `${starts.length} starts, ${ends.length} ends, ${steps.length} steps`, `${axes.length} of each`);
    check('c3', !steps.includes(0), 'a step of 0', 'a step other than 0');
    const dims = [...x.dims];
    axes.forEach((a, i) => {
      const axis = axisIn(a, dims.length);
      const size = dims[axis] ?? Dim.one;
      dims[axis] = slicedDim(check, size, starts[i] ?? Dim.zero, ends[i] ?? size, steps[i] ?? 1, axis);
    });
    return [{ elem: x.elem, dims }];
  },
  evaluate(operands, attrs) {
    const x = given(operands, 0);
    const axes = numbersAttr(attrs, 'axes').map((a) => axisIn(a, x.dims.length));
    const [starts, ends, steps] = ['starts', 'ends', 'steps'].map((name) => numbersAttr(attrs, name));
    const maps = x.dims.map((size, axis) => {
      const i = axes.indexOf(axis);
      return i < 0 ? slicePlaces(size, 0, size, 1) : slicePlaces(size, starts?.[i] ?? 0, ends?.[i] ?? size, steps?.[i] ?? 1);
    });
    return [remap(x, maps, 0)];
  },
  lower(builder, node, operands) {
    const x = node.x.type.dims;
    const axes = numbersAttr(node.attrs, 'axes').map((a) => axisIn(a, x.length));
    if (axes.length === 0) return [builder.node('Identity', operands, {}, node.y.type)];
    const steps = numbersAttr(node.attrs, 'steps');
    const starts = dimsAttr(node.attrs, 'starts');
    // The axis' own size is its end: no need to compute it.
    const ends = dimsAttr(node.attrs, 'ends').map((d, i) =>
      (steps[i] ?? 1) > 0 && d === x[axes[i] ?? 0] ? Dim.of(toTheEnd) : d,
    );
    const inputs = [given(operands, 0), builder.dims(starts), builder.dims(ends), builder.i64(axes), builder.i64(steps)];
    return [builder.node('Slice', inputs, {}, node.y.type)];
  },
  sample(source) {
    const dims = sampleDims(source, 1, 4).map((d) => d + source.int(0, 3));
    const axes: number[] = [];
    const starts: number[] = [];
    const ends: number[] = [];
    const steps: number[] = [];
    dims.forEach((size, axis) => {
      if (source.int(0, 2) === 0) return;
      axes.push(source.bool() ? axis : axis - dims.length);
      const backwards = source.int(0, 3) === 0;
      steps.push(source.int(1, 3) * (backwards ? -1 : 1));
      // At least one element, so that onnxruntime has something to compare.
      const first = source.int(0, size - 1);
      const last = source.int(first, size - 1);
      const negative = (n: number): number => (source.bool() ? n : n - size);
      starts.push(negative(backwards ? last : first));
      if (backwards) ends.push(first === 0 ? -toTheEnd : negative(first - 1));
      else ends.push(source.int(0, 2) === 0 ? toTheEnd : last + 1 === size ? size : negative(last + 1));
    });
    return {
      operands: [source.tensor(dims, { elem: source.pick(['f32', 'i64'] as const) })],
      attrs: { starts: constants(starts), ends: constants(ends), axes, steps },
    };
  },
});

export const sliceLayer = defineLayer({
  name: 'slice',
  summary: 'A range of one axis; `x[:, 1:3]` says the same for several',
  source: 'torch.narrow, NumPy slices',
  family,
  params: {
    start: dims({ positional: true, doc: 'first element; negative counts from the end' }),
    end: optional(dims({ positional: true, doc: 'the element behind the last' }), 'the end'),
    axis: int({ default: 1, doc: 'the axis' }),
    step: int({ default: 1, doc: 'distance between elements' }),
  },
  build(builder: LayerBuilder, [x], p) {
    const end = p.end ?? [Dim.of(p.step < 0 ? -toTheEnd : toTheEnd)];
    const single = p.start.length === 1 && end.length === 1;
    builder.check('c5', single, `${p.start.length} starts and ${end.length} ends`, 'one start and one end');
    return builder.op(slice, [x], { starts: p.start, ends: end, axes: [p.axis], steps: [p.step] });
  },
});

/** Ronneberger et al. 2015, arXiv:1505.04597: the skip is cut to the grid that came back up; an odd row stays off at the end. */
export const cropLayer = defineLayer({
  name: 'crop',
  summary: 'The middle of the grid, as large as the grid of another tensor',
  source: 'Ronneberger et al. 2015 (U-Net)',
  family,
  params: { like: tensor({ positional: true, doc: 'tensor whose spatial sizes the result has' }) },
  build(builder: LayerBuilder, [x], p) {
    const own = x.type;
    const other = p.like.type;
    builder.check(
      'c6',
      own.dims.length === other.dims.length,
      `${typeText(own)} and ${typeText(other)}`,
      'two tensors of one rank',
    );
    const axes: number[] = [];
    const starts: Dim[] = [];
    const ends: Dim[] = [];
    own.dims.forEach((size, axis) => {
      const target = other.dims[axis] ?? Dim.one;
      if (axis < 2 || sameDim(size, target)) return;
      const fits = target.atMost(size) === 'yes';
      builder.check('c7', fits, `${typeText(own)}, like ${typeText(other)}`, `${target} at most ${size} at axis ${axis}`);
      const start = size.minus(target).floordiv(2);
      axes.push(axis);
      starts.push(start);
      ends.push(start.plus(target));
    });
    return axes.length === 0 ? x : builder.op(slice, [x], { starts, ends, axes, steps: axes.map(() => 1) });
  },
});

// Padding and repeating -------------------------------------------------------------------------------------------------------------

/** Which element stands at every place of a padded axis; −1 is the padding of mode `constant`. */
function padPlaces(size: number, begin: number, end: number, mode: string): Int32Array {
  return Int32Array.from({ length: Math.max(0, begin + size + end) }, (_, i) => {
    const at = i - begin;
    if (at >= 0 && at < size) return at;
    if (mode === 'constant') return -1;
    if (mode === 'edge') return at < 0 ? 0 : size - 1;
    return at < 0 ? -at : 2 * (size - 1) - at;
  });
}

const addsNothing = (node: Node): boolean => numbersAttr(node.attrs, 'pads').every((n) => n === 0);

/** ONNX Pad-13; torch.nn.functional.pad, whose `replicate` is `edge` here. */
export const pad = defineOperator({
  name: 'pad',
  summary: 'More elements around every axis',
  onnx: ['Pad'],
  operands: x1,
  attrs: {
    pads: { kind: 'ints', doc: 'elements in front of every axis, then behind every axis; negative ones cut' },
    value: { kind: 'float', default: 0, doc: 'what is put there in mode `constant`' },
    mode: { kind: 'string', default: 'constant', values: ['constant', 'reflect', 'edge'], doc: 'what is put there' },
  },
  traits: {
    ...movingTraits({ keepsOrder: false, handsOn: addsNothing, axes: paddedAxes, idempotent: 'unknown', involution: 'unknown' }),
    homogeneous: 'no',
    keepsZero: ({ attrs }) => attrs.mode !== 'constant' || attrs.value === 0,
    sign: ({ attrs }) => (attrs.mode !== 'constant' || numberAttr(attrs, 'value') >= 0 ? 'first' : 'no'),
    moves: 'filled',
  },
  infer(context: InferContext) {
    const { operands, attrs } = context;
    const check: Check = context.check;
    const x = given(operands, 0);
    const pads = numbersAttr(attrs, 'pads');
    const mode = stringAttr(attrs, 'mode');
    const rank = x.dims.length;
    check(
      'c1',
      pads.length === 2 * rank,
      `${pads.length} pads for ${typeText(x)}`,
      `${2 * rank}: ${rank} begins, then ${rank} ends`,
    );
    check(
      'c2',
      mode === 'constant' || pads.every((n) => n >= 0),
      `pads [${pads.join(', ')}]`,
      `pads of at least 0 in mode ${mode}`,
    );
    const dims = x.dims.map((size, axis) => {
      const begin = pads[axis] ?? 0;
      const end = pads[axis + rank] ?? 0;
      const padded = size.plus(begin + end);
      check(
        'c3',
        padded.lessThan(0) !== 'yes',
        `pads ${begin} and ${end} at axis ${axis} of ${typeText(x)}`,
        'a size of at least 0',
      );
      const most = Dim.of(Math.max(begin, end));
      const reach = mode !== 'reflect' || most.constant === 0 || most.lessThan(size) !== 'no';
      check('c4', reach, `pads ${begin} and ${end} at axis ${axis} of ${typeText(x)}`, 'reflected pads smaller than the axis');
      return padded;
    });
    return [{ elem: x.elem, dims }];
  },
  evaluate(operands, attrs) {
    const x = given(operands, 0);
    const pads = numbersAttr(attrs, 'pads');
    const mode = stringAttr(attrs, 'mode');
    const maps = x.dims.map((size, axis) => padPlaces(size, pads[axis] ?? 0, pads[axis + x.dims.length] ?? 0, mode));
    return [remap(x, maps, numberAttr(attrs, 'value'))];
  },
  lower(builder, node, operands) {
    const mode = stringAttr(node.attrs, 'mode');
    const pads = numbersAttr(node.attrs, 'pads');
    const value = numberAttr(node.attrs, 'value');
    const inputs: (string | undefined)[] = [given(operands, 0), builder.i64(pads)];
    inputs.push(mode === 'constant' && value !== 0 ? builder.scalar(node.y.type.elem, value) : undefined);
    return [builder.node('Pad', inputs, { mode: { kind: 'string', value: mode } }, node.y.type)];
  },
  sample(source) {
    const dims = sampleDims(source, 1, 4);
    const mode = source.pick(['constant', 'reflect', 'edge']);
    const one = (size: number): number => (mode === 'reflect' ? source.int(0, size - 1) : source.int(0, 2));
    const pads = [...dims.map(one), ...dims.map(one)];
    if (mode === 'constant' && (dims[0] ?? 1) > 1 && source.bool()) pads[0] = -1;
    return { operands: [source.tensor(dims)], attrs: { pads, value: source.pick([0, 0, 1.5]), mode } };
  },
});

const padModes = { constant: 'constant', reflect: 'reflect', replicate: 'edge' } as const;

/** Begins, then ends, of every axis; the empty list when the numbers fit no form. */
function allPads(given: readonly number[], rank: number, grid: number): readonly number[] {
  if (given.length === 2 * rank) return given;
  if (grid === 0) return [];
  const [first = 0] = given;
  if (given.length === 1)
    return allPads(
      Array.from({ length: 2 * grid }, () => first),
      rank,
      grid,
    );
  if (given.length === grid) return [0, 0, ...given, 0, 0, ...given];
  if (given.length === 2 * grid) return [0, 0, ...given.slice(0, grid), 0, 0, ...given.slice(grid)];
  return [];
}

export const padLayer = defineLayer({
  name: 'pad',
  summary: 'More elements around the grid',
  source: 'torch.nn.functional.pad, with begins then ends',
  family,
  params: {
    pads: ints({
      rest: true,
      doc: 'one number for every side of the grid, one per spatial axis, begins then ends of the spatial axes, or of all axes',
    }),
    value: float({ default: 0, doc: 'what is put there in mode "constant"' }),
    mode: choice(['constant', 'reflect', 'replicate'], { default: 'constant', doc: 'what is put there' }),
  },
  build(builder: LayerBuilder, [x], p) {
    const rank = x.type.dims.length;
    const grid = Math.max(0, rank - 2);
    const expected = grid > 0 ? `1, ${grid}, ${2 * grid} or ${2 * rank} numbers` : `${2 * rank} numbers`;
    const pads = allPads(p.pads, rank, grid);
    builder.check('c5', pads.length === 2 * rank, `${p.pads.length} pads for ${typeText(x.type)}`, expected, 'pad(1)');
    if (pads.every((n) => n === 0)) return x;
    return builder.op(pad, [x], { pads, value: p.value, mode: padModes[p.mode] });
  },
});

/** ONNX Expand-13 and torch.expand: sizes of 1 are repeated. The shape is the result's: x broadcasts to it, not the two to each other. */
export const expand = defineOperator({
  name: 'expand',
  summary: 'Repeats x along axes of size 1',
  onnx: ['Expand'],
  operands: x1,
  attrs: { shape: { kind: 'dims', doc: "the result's shape" } },
  traits: movingTraits({ keepsOrder: false, handsOn: true, axes: 'unknown', idempotent: true, involution: 'unknown' }),
  infer(context: InferContext) {
    const { operands, attrs } = context;
    const check: Check = context.check;
    const x = given(operands, 0);
    const shape = dimsAttr(attrs, 'shape');
    const shift = shape.length - x.dims.length;
    const place = x.dims.findIndex((d, i) => d.constant !== 1 && !sameDim(d, shape[i + shift] ?? Dim.zero));
    check('c1', shift >= 0, `${typeText(x)} and a shape ${dimsText(shape)}`, `a shape of at least ${x.dims.length} sizes`);
    const wanted = `${x.dims[place] ?? 1} and ${shape[place + shift] ?? 1} equal, or the first of them 1`;
    check('c2', place < 0, `${typeText(x)} and a shape ${dimsText(shape)}`, wanted);
    return [{ elem: x.elem, dims: shape }];
  },
  evaluate(operands, attrs) {
    const x = given(operands, 0);
    const shape = numbersAttr(attrs, 'shape');
    return [{ elem: x.elem, dims: shape, data: broadcastTo(x, shape) }];
  },
  lower(builder, node, operands) {
    const [x, y] = [node.x.type.dims, node.y.type.dims];
    // Shapes broadcast to each other, so that a size that x has needs no number.
    const shape = y.map((d, i) => (d.constant === undefined && d === x[i - y.length + x.length] ? Dim.one : d));
    return [builder.node('Expand', [given(operands, 0), builder.dims(shape)], {}, node.y.type)];
  },
  sample(source) {
    const shape = sampleDims(source, 1, 4);
    const dims = shape.slice(source.int(0, shape.length)).map((d) => (source.bool() ? 1 : d));
    return { operands: [source.tensor(dims)], attrs: { shape: constants(shape) } };
  },
});

export const expandLayer = defineLayer({
  name: 'expand',
  summary: 'Repeats along axes of size 1',
  source: 'torch.Tensor.expand',
  family,
  params: { shape: dims({ rest: true, doc: "the result's shape; -1 keeps a size" }) },
  build(builder: LayerBuilder, [x], p) {
    const shift = p.shape.length - x.type.dims.length;
    const shape = p.shape.map((d, i) => (d.constant === -1 ? (x.type.dims[i - shift] ?? d) : d));
    const known = shape.every((d) => d.upperBound >= 0);
    builder.check('c3', known, `a shape ${dimsText(p.shape)}`, 'sizes, or -1 for an axis that is there already');
    return builder.op(expand, [x], { shape });
  },
});

// Making tensors --------------------------------------------------------------------------------------------------------------------

/** Longest range, and largest filled tensor, that is written out as a constant. */
const smallCount = 1024;

function rangeCount(start: Dim, end: Dim, step: number): Dim {
  const length = step > 0 ? end.minus(start).ceildiv(step) : start.minus(end).ceildiv(-step);
  return Dim.max(Dim.zero, length);
}

function rangeTensor(start: number, step: number, count: number): HostTensor {
  wrapInteger('i64', start + Math.max(0, count - 1) * step);
  return { elem: 'i64', dims: [count], data: Float64Array.from({ length: count }, (_, i) => start + i * step) };
}

/** ONNX Range-11; torch.arange. */
export const range = defineOperator({
  name: 'range',
  summary: 'The integers from `start` up to, but without, `end`, as i64',
  onnx: ['Range', 'Squeeze'],
  operands: [],
  attrs: {
    start: { kind: 'dims', doc: 'the first number (a list of one)' },
    end: { kind: 'dims', doc: 'where it stops (a list of one)' },
    step: { kind: 'int', default: 1, doc: 'distance between numbers' },
  },
  traits: sourceTraits,
  infer(context: InferContext) {
    const { attrs } = context;
    const check: Check = context.check;
    const step = numberAttr(attrs, 'step');
    check('c1', Number.isInteger(step) && step !== 0, `step=${step}`, 'an integer other than 0');
    return [{ elem: 'i64', dims: [rangeCount(dimAttr(attrs, 'start'), dimAttr(attrs, 'end'), step)] }];
  },
  evaluate(_operands, attrs) {
    const [start = 0] = numbersAttr(attrs, 'start');
    const [end = 0] = numbersAttr(attrs, 'end');
    const step = numberAttr(attrs, 'step');
    return [rangeTensor(start, step, Math.max(0, Math.ceil((end - start) / step)))];
  },
  lower(builder, node) {
    const start = dimAttr(node.attrs, 'start');
    const step = numberAttr(node.attrs, 'step');
    const count = node.y.type.dims[0]?.constant;
    if (start.constant !== undefined && count !== undefined && count <= smallCount)
      return [builder.constant(rangeTensor(start.constant, step, count))];
    const inputs = [scalarOf(builder, start), scalarOf(builder, dimAttr(node.attrs, 'end')), builder.scalar('i64', step)];
    return [builder.node('Range', inputs, {}, node.y.type)];
  },
  sample(source) {
    const start = source.int(-5, 5);
    const step = source.pick([1, 1, 2, 3, -1, -2]);
    const end = start + Math.sign(step) * source.int(1, 9);
    return { operands: [], attrs: { start: constants([start]), end: constants([end]), step } };
  },
});

export const rangeLayer = defineLayer({
  name: 'range',
  summary: range.summary,
  source: 'torch.arange',
  family,
  operands: { names: [], min: 0, max: 0 },
  params: { bounds: dims({ rest: true, doc: '`end`; or `start, end`; or `start, end, step`' }) },
  build(builder: LayerBuilder, _operands, p) {
    const count = p.bounds.length;
    builder.check(
      'c2',
      count >= 1 && count <= 3,
      `${count} numbers`,
      'end, or start and end, or start, end and step',
      'range(0, 8)',
    );
    const start = count === 1 ? Dim.zero : (p.bounds[0] ?? Dim.zero);
    const end = (count === 1 ? p.bounds[0] : p.bounds[1]) ?? Dim.zero;
    const step = p.bounds[2] === undefined ? 1 : (p.bounds[2].constant ?? 0);
    builder.check('c3', step !== 0, `step ${p.bounds[2] ?? 1}`, 'a known step other than 0');
    const size = rangeCount(start, end, step).constant;
    if (start.constant !== undefined && size !== undefined && size <= smallCount)
      return builder.constant(rangeTensor(start.constant, step, size));
    return builder.op(range, [], { start: [start], end: [end], step });
  },
});

/** ONNX ConstantOfShape-9; torch.full. */
export const full = defineOperator({
  name: 'full',
  summary: 'A tensor that holds one number everywhere',
  onnx: ['ConstantOfShape'],
  operands: [],
  attrs: {
    shape: { kind: 'dims', doc: 'its shape' },
    value: { kind: 'float', default: 0, doc: 'the number' },
    elem: { kind: 'elem', default: 'f32', doc: 'its element type' },
  },
  traits: sourceTraits,
  infer(context: InferContext) {
    const { attrs } = context;
    const check: Check = context.check;
    const shape = dimsAttr(attrs, 'shape');
    const elem = elemAttr(attrs, 'elem');
    const value = numberAttr(attrs, 'value');
    check(
      'c1',
      shape.every((d) => d.upperBound >= 0),
      `a shape ${dimsText(shape)}`,
      'sizes that are not negative',
    );
    check('c2', isFloat(elem) || wrapsTo(elem, value), `${value} of type ${elem}`, `a number that ${elem} holds`);
    return [{ elem, dims: shape }];
  },
  evaluate(_operands, attrs) {
    const dims = numbersAttr(attrs, 'shape');
    const data = new Float64Array(elementCount(dims)).fill(numberAttr(attrs, 'value'));
    return [{ elem: elemAttr(attrs, 'elem'), dims, data }];
  },
  lower(builder, node) {
    const elem = elemAttr(node.attrs, 'elem');
    const value: OnnxAttr = {
      kind: 'tensor',
      value: { elem, dims: [1], data: Float64Array.of(numberAttr(node.attrs, 'value')) },
    };
    return [builder.node('ConstantOfShape', [builder.dims(dimsAttr(node.attrs, 'shape'))], { value }, node.y.type)];
  },
  sample(source) {
    const elem = source.pick(['f32', 'i64', 'bool'] as const);
    const value = elem === 'f32' ? source.pick([0, 1.5, -2.25]) : elem === 'i64' ? source.int(-9, 9) : source.int(0, 1);
    return { operands: [], attrs: { shape: constants(sampleDims(source, 0, 3)), value, elem } };
  },
});

function wrapsTo(elem: ElemType, value: number): boolean {
  return (
    Number.isInteger(value) && Math.abs(value) <= 2 ** 53 && (elem !== 'u64' || value >= 0) && wrapInteger(elem, value) === value
  );
}

export const fullLayer = layerOf(full, {
  source: 'torch.full',
  family,
  operands: { names: [], min: 0, max: 0 },
  params: {
    shape: dims({ positional: true, doc: 'its shape' }),
    value: float({ positional: true, default: 0, doc: 'the number' }),
    elem: elem({ positional: true, default: 'f32', doc: 'its element type' }),
  },
});

export const tensorLayer = defineLayer({
  name: 'tensor',
  summary: 'A constant written out: `tensor([0.5, 1.0], f32)`',
  source: 'torch.tensor',
  family,
  operands: { names: [], min: 0, max: 0 },
  params: {
    values: numbers({ positional: true, doc: 'a number, or a nested list of numbers' }),
    elem: elem({ positional: true, default: 'f32', doc: 'its element type' }),
  },
  build(builder: LayerBuilder, _operands, p) {
    const wrong = isFloat(p.elem) ? undefined : p.values.data.find((v) => !wrapsTo(p.elem, v));
    builder.check('c1', wrong === undefined, `${wrong ?? ''} of type ${p.elem}`, `numbers that ${p.elem} holds`);
    return builder.constant({ elem: p.elem, dims: p.values.dims, data: Float64Array.from(p.values.data) });
  },
});

/** The size of an axis as a tensor: where a dimension is computed with in the graph. ONNX Shape-13 and what follows from it. */
export const dimValue = defineOperator({
  name: 'dim_value',
  summary: 'A dimension as an i64 scalar',
  onnx: ['Shape', 'Squeeze'],
  operands: [],
  attrs: { dim: { kind: 'dims', doc: 'the dimension (a list of one)' } },
  traits: sourceTraits,
  infer: () => [{ elem: 'i64', dims: [] }],
  evaluate(_operands, attrs) {
    return [{ elem: 'i64', dims: [], data: Float64Array.from(numbersAttr(attrs, 'dim').slice(0, 1)) }];
  },
  lower(builder, node) {
    return [scalarOf(builder, dimAttr(node.attrs, 'dim'))];
  },
  sample: (source) => ({ operands: [], attrs: { dim: constants([source.int(0, 99)]) } }),
});

/** ONNX Shape-13, -15 (where `start` and `end` came); torch.Tensor.shape. In the language sizes are dimensions, so that only imported graphs hold it. */
export const shapeOf = defineOperator({
  name: 'shape',
  summary: 'The sizes of x, from axis `start` up to, but without, `end`, as i64',
  onnx: ['Shape', 'Slice'],
  operands: x1,
  attrs: {
    start: { kind: 'int', default: 0, doc: 'the first axis; negative counts from the end' },
    end: { kind: 'int', default: toTheEnd, doc: 'the axis behind the last; negative counts from the end' },
  },
  traits: sourceTraits,
  infer(context: InferContext) {
    const x = given(context.operands, 0);
    const count = x.dims.slice(numberAttr(context.attrs, 'start'), numberAttr(context.attrs, 'end')).length;
    return [{ elem: 'i64', dims: [Dim.of(count)] }];
  },
  evaluate(operands, attrs) {
    const sizes = given(operands, 0).dims.slice(numberAttr(attrs, 'start'), numberAttr(attrs, 'end'));
    return [{ elem: 'i64', dims: [sizes.length], data: Float64Array.from(sizes) }];
  },
  lower(builder, node, operands) {
    const [start, end] = [numberAttr(node.attrs, 'start'), numberAttr(node.attrs, 'end')];
    const whole = node.y.type.dims[0]?.constant === node.x.type.dims.length;
    if (whole) return [builder.node('Shape', operands, {}, node.y.type)];
    if (builder.opset >= 15) {
      const attrs = { start: onnxInt(start), ...(end < toTheEnd && { end: onnxInt(end) }) };
      return [builder.node('Shape', operands, attrs, node.y.type)];
    }
    const all = builder.node('Shape', operands, {}, { elem: 'i64', dims: [Dim.of(node.x.type.dims.length)] });
    return [builder.node('Slice', [all, builder.i64([start]), builder.i64([end])], {}, node.y.type)];
  },
  sample(source) {
    const dims = sampleDims(source, 1, 4);
    const start = source.int(-dims.length, dims.length - 1);
    const end = source.bool() ? toTheEnd : source.int((start + dims.length) % dims.length, dims.length - 1) + 1;
    return { operands: [source.tensor(dims)], attrs: { start, end } };
  },
});

// Element types ---------------------------------------------------------------------------------------------------------------------

function castNumber(from: ElemType, to: ElemType, value: number): number {
  if (isFloat(to)) return roundFloat(to, value);
  if (to === 'bool') return value !== 0 ? 1 : 0;
  // What becomes of NaN and infinities is undefined in ONNX; 0 keeps the result an integer.
  return wrapInteger(to, isFloat(from) ? (Number.isFinite(value) ? Math.trunc(value) : 0) : value);
}

/** ONNX Cast-13. Here rounding is the meaning of the operator, so that the reference rounds as well. */
export const cast = defineOperator({
  name: 'cast',
  summary: 'The same numbers in another element type; floats become integers without their fraction',
  onnx: ['Cast'],
  operands: x1,
  attrs: { to: { kind: 'elem', doc: 'the element type' } },
  traits: {
    ...functionTraits({ homogeneous: 'no', keepsZero: true, idempotent: true, involution: false, sign: 'all' }),
    handsOn: true,
  },
  infer: ({ operands, attrs }) => [{ elem: elemAttr(attrs, 'to'), dims: given(operands, 0).dims }],
  evaluate(operands, attrs) {
    const x = given(operands, 0);
    const to = elemAttr(attrs, 'to');
    return [
      {
        elem: to,
        dims: x.dims,
        data: wrapAll(
          to,
          map1(x.data, (v) => castNumber(x.elem, to, v)),
        ),
      },
    ];
  },
  evaluateWide: (operands, attrs) => wideCast(operands, elemAttr(attrs, 'to')),
  lower(builder, node, operands) {
    return [builder.node('Cast', operands, { to: onnxInt(elemFacts[elemAttr(node.attrs, 'to')].onnx) }, node.y.type)];
  },
  sample(source) {
    const dims = sampleDims(source, 0, 3);
    const from = source.pick(['f32', 'i64', 'i32', 'bool', 'u8'] as const);
    const range = from === 'bool' ? { low: 0, high: 2 } : from === 'u8' ? { low: 0, high: 200 } : { low: -100, high: 100 };
    const to = source.pick(['f32', 'f64', 'i64', 'i32', 'bool'] as const);
    return { operands: [source.tensor(dims, { elem: from, ...range })], attrs: { to } };
  },
});

export const castLayer = defineLayer({
  name: 'cast',
  summary: cast.summary,
  source: 'torch.Tensor.to',
  family,
  params: { to: elem({ positional: true, doc: 'the element type' }) },
  build: (builder, [x], p) => (x.type.elem === p.to ? x : builder.op(cast, [x], { to: p.to })),
});

export const shapeOperators: readonly Operator[] = [
  reshape,
  squeeze,
  unsqueeze,
  transpose,
  concat,
  split,
  slice,
  pad,
  expand,
  range,
  full,
  dimValue,
  shapeOf,
  cast,
];

export const shapeLayers: readonly Layer[] = [
  reshapeLayer,
  flattenLayer,
  squeezeLayer,
  unsqueezeLayer,
  transposeLayer,
  concatLayer,
  stackLayer,
  splitLayer,
  sliceLayer,
  cropLayer,
  padLayer,
  expandLayer,
  rangeLayer,
  fullLayer,
  tensorLayer,
  castLayer,
];
