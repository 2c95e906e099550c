/** Distinct elements: ONNX Unique-11; torch.unique, numpy.unique. */
import { outside } from '../diagnostics/at.ts';
import type { Dim } from '../ir/dim.ts';
import type { Attrs } from '../ir/operator.ts';
import { type Check, CheckFailure, type InferContext } from '../ir/operator.ts';
import { type ElemType, elementCount, type HostTensor, isFloat, type TensorType, typeText } from '../ir/types.ts';
import { integersOf, tensorOfIntegers } from '../ir/wide.ts';
import { boolAttr, given, numbersAttr, onnxInt } from './attrs.ts';
import { castTo } from './cast.ts';
import { aroundAxis, axisIn, checkAxis, sampleDims, sizeOf, xOnly } from './common.ts';
import { defineLayer, defineOperator, type LayerBuilder } from './define.ts';
import { bool, int, optional } from './params.ts';
import { reshapedTo } from './relayout.ts';
import { unknownTraits } from './traits.ts';
import { wideElemOf } from './wide.ts';

/** Places in the tensor of every slice along an axis, or of every element. */
function slicesOf(dims: readonly number[], axis: number | undefined): readonly Int32Array[] {
  const { outer, size, inner } = axis === undefined ? { outer: 1, size: elementCount(dims), inner: 1 } : aroundAxis(dims, axis);
  return Array.from({ length: size }, (_, n) =>
    Int32Array.from({ length: outer * inner }, (_, k) => (Math.floor(k / inner) * size + n) * inner + (k % inner)),
  );
}

interface Distinct {
  /** Of the slices that stay, in their order: where each occurs first. */
  readonly first: readonly number[];
  /** Which of them each slice is. */
  readonly inverse: readonly number[];
  readonly counts: readonly number[];
}

function distinctOf(slices: readonly Int32Array[], data: ArrayLike<number | bigint>, sorted: boolean): Distinct {
  const before = (a: number, b: number): number => {
    for (const [k, at] of (slices[a] ?? outside()).entries()) {
      const [x, y] = [data[at] ?? outside(), data[slices[b]?.[k] ?? outside()] ?? outside()];
      if (x < y) return -1;
      if (x > y) return 1;
    }
    return 0;
  };
  // Equal ones stand in a row, the one that comes first in front.
  const order = slices.map((_, n) => n).sort((a, b) => before(a, b) || a - b);
  const groups: number[][] = [];
  for (const n of order) {
    const last = groups.at(-1);
    if (last && before(last[0] ?? outside(), n) === 0) last.push(n);
    else groups.push([n]);
  }
  if (!sorted) groups.sort((a, b) => (a[0] ?? outside()) - (b[0] ?? outside()));
  const inverse: number[] = slices.map(() => 0);
  for (const [i, group] of groups.entries()) for (const n of group) inverse[n] = i;
  return { first: groups.map(([n]) => n ?? outside()), inverse, counts: groups.map((group) => group.length) };
}

function evaluated(
  x: HostTensor,
  attrs: Attrs,
  data: ArrayLike<number | bigint>,
  taken: (dims: readonly number[], places: Int32Array) => HostTensor,
): readonly HostTensor[] {
  const [given] = numbersAttr(attrs, 'axis');
  const axis = given === undefined ? undefined : axisIn(given, x.dims.length);
  if (isFloat(x.elem) && x.data.some((n) => Number.isNaN(n)))
    throw new CheckFailure('nan', 'NaN, which is equal to nothing', 'numbers that are equal or not');
  const slices = slicesOf(x.dims, axis);
  const { first, inverse, counts } = distinctOf(slices, data, boolAttr(attrs, 'sorted'));
  const dims = axis === undefined ? [first.length] : x.dims.map((d, i) => (i === axis ? first.length : d));
  const { outer, inner } = axis === undefined ? { outer: 1, inner: 1 } : aroundAxis(x.dims, axis);
  const places = new Int32Array(elementCount(dims));
  for (const [i, n] of first.entries())
    for (let k = 0; k < outer * inner; k++)
      places[(Math.floor(k / inner) * first.length + i) * inner + (k % inner)] = slices[n]?.[k] ?? outside();
  const row = (list: readonly number[]): HostTensor => ({ elem: 'i64', dims: [list.length], data: Float64Array.from(list) });
  return [taken(dims, places), row(first), row(inverse), row(counts)];
}

/** Element types that onnxruntime's kernel takes; others are compared as one of these. */
function comparedAs(elem: ElemType): ElemType {
  if (elem === 'f32' || elem === 'f64' || elem === 'i64') return elem;
  return isFloat(elem) ? 'f32' : 'i64';
}

export const unique = defineOperator({
  name: 'unique',
  summary:
    'The distinct elements, or slices along an axis; where each occurs first, which one each is, and how often each occurs',
  onnx: ['Unique', 'Cast'],
  operands: xOnly,
  attrs: {
    axis: { kind: 'ints', default: [], doc: 'the axis (a list of one); none for the elements, whatever the shape' },
    sorted: { kind: 'bool', default: true, doc: 'ascending; otherwise in the order in which they occur first' },
  },
  traits: { ...unknownTraits, elementwise: false, handsOn: false, resamples: false },
  infer(context: InferContext) {
    const { operands, attrs } = context;
    const check: Check = context.check;
    const x = given(operands, 0);
    check('c3', x.elem !== 'u64', typeText(x), 'floats, booleans or integers up to 64 bits with a sign', 'cast(i64)');
    const axes = numbersAttr(attrs, 'axis');
    check('c1', axes.length <= 1, `axes [${axes.join(', ')}]`, 'one axis, or none');
    for (const axis of axes) checkAxis(check, 'c2', axis, x.dims.length);
    const axis = axes[0] === undefined ? undefined : axisIn(axes[0], x.dims.length);
    const size = axis === undefined ? sizeOf(x.dims) : given(x.dims, axis);
    const kept = context.fresh('unique', size);
    const row = (length: Dim): TensorType => ({ elem: 'i64', dims: [length] });
    const dims = axis === undefined ? [kept] : x.dims.map((d, i) => (i === axis ? kept : d));
    return [{ elem: x.elem, dims }, row(kept), row(size), row(kept)];
  },
  evaluate(operands, attrs) {
    const x = given(operands, 0);
    return evaluated(x, attrs, x.data, (dims, places) => ({
      elem: x.elem,
      dims,
      data: Float64Array.from(places, (at) => x.data[at] ?? outside()),
    }));
  },
  evaluateWide(operands, attrs) {
    const x = given(operands, 0);
    const data = integersOf(x);
    return evaluated(x, attrs, data, (dims, places) =>
      tensorOfIntegers(
        wideElemOf(x),
        dims,
        Array.from(places, (at) => data[at] ?? outside()),
      ),
    );
  },
  lower(b, node, operands) {
    const { elem, dims } = node.x.type;
    const as = comparedAs(elem);
    const [axis] = numbersAttr(node.attrs, 'axis');
    const attrs = {
      ...(axis !== undefined && { axis: onnxInt(axisIn(axis, dims.length)) }),
      sorted: onnxInt(boolAttr(node.attrs, 'sorted') ? 1 : 0),
    };
    const x = as === elem ? given(operands, 0) : castTo(b, given(operands, 0), { elem: as, dims });
    const [y, ...others] = b.nodes('Unique', [x], attrs, [
      { ...node.y.type, elem: as },
      ...node.results.slice(1).map((r) => r.type),
    ]);
    return [as === elem ? (y ?? '') : castTo(b, y ?? '', node.y.type), ...others];
  },
  sample(source) {
    const dims = sampleDims(source, 1, 3);
    const elem = source.pick(['f32', 'i64', 'i32'] as const);
    const data = Float64Array.from({ length: elementCount(dims) }, () => source.int(-1, 2));
    const axis = source.bool() ? [] : [source.int(-dims.length, dims.length - 1)];
    return { operands: [{ elem, dims, data }], attrs: { axis, sorted: source.bool() } };
  },
});

export const uniqueLayer = defineLayer({
  name: 'unique',
  summary:
    'The distinct elements in order: `unique(labels)`; with `inverse` or `counts` a list, `let values, counts = unique(x, counts=true)`',
  source: 'torch.unique; ONNX Unique',
  family: 'Data-dependent sizes',
  params: {
    axis: optional(int({ positional: true, doc: 'distinct slices along this axis rather than elements' })),
    sorted: bool({ default: true, doc: 'ascending; otherwise in the order in which they occur first' }),
    inverse: bool({ default: false, doc: 'also which of them each element is, as i64' }),
    counts: bool({ default: false, doc: 'also how often each occurs, as i64' }),
  },
  build(b: LayerBuilder, [x], p) {
    const made = b.ops(unique, [x], { axis: p.axis === undefined ? [] : [p.axis], sorted: p.sorted });
    const [values, , inverse, counts] = [given(made, 0), given(made, 1), given(made, 2), given(made, 3)];
    if (!p.inverse && !p.counts) return values;
    const which = p.inverse ? [p.axis === undefined ? reshapedTo(b, inverse, x.type.dims) : inverse] : [];
    return [values, ...which, ...(p.counts ? [counts] : [])];
  },
});
