/** Joining tensors along an axis, and cutting one into parts. ONNX Concat-13, Split-13 (-18). */
import { outside } from '../diagnostics/at.ts';
import { Dim } from '../ir/dim.ts';
import type { Check, InferContext } from '../ir/operator.ts';
import { elementCount, typeText } from '../ir/types.ts';
import { dimsAttr, given, numberAttr, numbersAttr, onnxInt } from './attrs.ts';
import { alongAxis } from './axes.ts';
import {
  aroundAxis,
  axisIn,
  checkAxis,
  checkSameElem,
  constantDims,
  dimsText,
  presentOf,
  sameDim,
  sampleDims,
  xOnly,
} from './common.ts';
import { defineLayer, defineOperator, type LayerBuilder, layerOf } from './define.ts';
import { dims, int, optional } from './params.ts';
import { unsqueeze } from './reshape.ts';
import { movingTraits } from './traits.ts';

/** How two tensors that differ along an axis can be joined. */
function toOneSize(a: readonly Dim[], b: readonly Dim[], axis: number): string {
  const sizes = [a[axis], b[axis]].map((dim) => dim?.constant);
  const least = sizes.includes(undefined) ? 'n' : String(Math.min(...sizes.map((size) => size ?? 0)));
  const cut = `cut the larger to the smaller, as in \`x[${':, '.repeat(axis)}:${least}]\``;
  return axis < 2 ? cut : `${cut}, or give one the grid of the other by \`resize(like=x)\``;
}

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
      check('c4', place < 0, found, differ, place < 0 ? undefined : toOneSize(first.dims, x.dims, place));
    }
    const joined = xs.reduce((n, x) => n.plus(x.dims[axis] ?? Dim.one), Dim.zero);
    return [{ elem: first.elem, dims: first.dims.map((d, i) => (i === axis ? joined : d)) }];
  },
  evaluate(operands, attrs) {
    const xs = presentOf(operands);
    const first = given(xs, 0);
    const axis = axisIn(numberAttr(attrs, 'axis'), first.dims.length);
    const joined = xs.reduce((n, x) => n + (x.dims[axis] ?? outside()), 0);
    const dims = first.dims.map((d, i) => (i === axis ? joined : d));
    const data = new Float64Array(elementCount(dims));
    const { outer, size, inner } = aroundAxis(dims, axis);
    let begin = 0;
    for (const x of xs) {
      const run = (x.dims[axis] ?? outside()) * inner;
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
  family: 'Shapes',
  operands: { names: ['it', 'others...'], min: 1, max: Infinity },
  params: { axis: int({ default: 1, doc: 'the axis along which they follow each other' }) },
});

export const stackLayer = defineLayer({
  name: 'stack',
  summary: 'Tensors of one shape along a new axis',
  source: 'torch.stack',
  family: 'Shapes',
  operands: { names: ['it', 'others...'], min: 1, max: Infinity },
  params: { axis: int({ default: 0, doc: 'where the new axis stands in the result' }) },
  build(builder: LayerBuilder, xs, p) {
    const rank = xs[0].type.dims.length + 1;
    checkAxis(builder.check, 'c5', p.axis, rank);
    const axis = axisIn(p.axis, rank);
    const parts = xs.map((x) => builder.op(unsqueeze, [x], { axes: [axis] }));
    const [only] = parts;
    return only && parts.length === 1 ? only : builder.op(concat, parts, { axis });
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
  operands: xOnly,
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
    return { operands: [source.tensor(dims)], attrs: { axis, parts, sizes: constantDims(sizes) } };
  },
});

export const splitLayer = defineLayer({
  name: 'split',
  summary: 'Cuts an axis into parts: a list of tensors',
  source: 'torch.chunk for equal parts, torch.split for sizes',
  family: 'Shapes',
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
