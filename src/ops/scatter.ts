/**
 * Elements put into a tensor at places that are computed: ONNX ScatterElements-13 (-16, -18), ScatterND-13 (-16, -18);
 * torch.scatter, torch.scatter_reduce, torch.index_copy, torch.index_add. The result is another tensor; the operand stays. Two
 * updates of one element have no meaning without a reduction: the order is the runtime's.
 */
import { outside } from '../diagnostics/at.ts';
import { Dim } from '../ir/dim.ts';
import type { Node, Value } from '../ir/graph.ts';
import { type AttrSpec, type Attrs, type Check, CheckFailure, type InferContext, type OnnxAttr } from '../ir/operator.ts';
import { elementCount, type HostTensor, isFloat, type TensorType, typeText } from '../ir/types.ts';
import { integersOf, tensorOfIntegers } from '../ir/wide.ts';
import { given, numberAttr, onnxInt, stringAttr } from './attrs.ts';
import { axisIn, checkAxis, checkSameElem, dimsText, indexAt, sameDim, sampleDims, stridesOf, wrapInteger } from './common.ts';
import { defineLayer, defineOperator, type LayerBuilder } from './define.ts';
import { expand } from './expand.ts';
import { elementPlaces } from './gather-elements.ts';
import { choice, int } from './params.ts';
import { reshapedTo } from './relayout.ts';
import { unsqueeze } from './reshape.ts';
import { unknownTraits } from './traits.ts';
import { wideElemOf, wideMax, wideMin } from './wide.ts';

const reductions = ['none', 'add', 'mul', 'min', 'max'] as const;

const steps: Readonly<Record<string, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  mul: (a, b) => a * b,
  min: Math.min,
  max: Math.max,
};

const reductionSpec: AttrSpec = {
  kind: 'string',
  default: 'none',
  values: reductions,
  doc: 'how an update and the element at its place become one: `none` puts the update there',
};

const traits = { ...unknownTraits, elementwise: false, handsOn: false, resamples: false } as const;

/** Sums and products came with opset 16, extremes with 18. */
function since({ attrs }: Node): number {
  const reduction = stringAttr(attrs, 'reduction');
  return reduction === 'none' ? 0 : reduction === 'add' || reduction === 'mul' ? 16 : 18;
}

function checkUpdates(check: Check, attrs: Attrs, x: TensorType, updates: TensorType): void {
  checkSameElem(check, 'c2', x, updates);
  const reduction = stringAttr(attrs, 'reduction');
  check('c3', reduction === 'none' || x.elem !== 'bool', `reduction ${reduction} of ${typeText(x)}`, 'numbers', 'cast(f32)');
}

const wideSteps: Readonly<Record<string, (a: bigint, b: bigint) => bigint>> = {
  add: (a, b) => a + b,
  mul: (a, b) => a * b,
  min: wideMin,
  max: wideMax,
};

const twice = (): never => {
  throw new CheckFailure('defined', 'two updates of one element', 'one, or a reduction');
};

/** The same for integers that float64 does not hold. */
function scatteredWide(x: HostTensor, updates: HostTensor, targets: Int32Array, reduction: string): HostTensor {
  const data = Array.from(integersOf(x));
  const given = integersOf(updates);
  const step = wideSteps[reduction];
  const taken = new Set<number>();
  for (const [k, at] of targets.entries()) {
    const update = given[k] ?? outside();
    if (!step && taken.has(at)) twice();
    taken.add(at);
    data[at] = step ? step(data[at] ?? outside(), update) : update;
  }
  return tensorOfIntegers(wideElemOf(x), x.dims, data);
}

/** x with update k at place `targets[k]`. */
function scattered(x: HostTensor, updates: HostTensor, targets: Int32Array, reduction: string): HostTensor {
  // Runtimes differ in which of a number and NaN is the larger.
  if ((reduction === 'min' || reduction === 'max') && [x, updates].some((t) => t.data.some((n) => Number.isNaN(n))))
    throw new CheckFailure('agreed', 'NaN', 'numbers');
  const data = Float64Array.from(x.data);
  const step = steps[reduction];
  const taken = step ? undefined : new Uint8Array(data.length);
  for (const [k, at] of targets.entries()) {
    const update = updates.data[k] ?? outside();
    if (taken?.[at]) twice();
    if (taken) taken[at] = 1;
    const y = step ? step(data[at] ?? outside(), update) : update;
    data[at] = isFloat(x.elem) ? y : wrapInteger(x.elem, y);
  }
  return { elem: x.elem, dims: x.dims, data };
}

const reductionAttr = (node: Node): Readonly<Record<string, OnnxAttr>> => {
  const value = stringAttr(node.attrs, 'reduction');
  return value === 'none' ? {} : { reduction: { kind: 'string', value } };
};

/** Where in x each update goes. */
function elementTargets(operands: readonly (HostTensor | undefined)[], attrs: Attrs): Int32Array {
  const [x, indices] = [given(operands, 0), given(operands, 1)];
  return elementPlaces(x.dims, indices, axisIn(numberAttr(attrs, 'axis'), x.dims.length));
}

function rowTargets(operands: readonly (HostTensor | undefined)[]): Int32Array {
  const [x, indices, updates] = [given(operands, 0), given(operands, 1), given(operands, 2)];
  const width = indices.dims.at(-1) ?? outside();
  const strides = stridesOf(x.dims);
  const length = elementCount(x.dims.slice(width));
  return Int32Array.from(updates.data, (_, k) => {
    const row = Math.floor(k / length);
    let at = k % length;
    for (let i = 0; i < width; i++) at += indexAt(indices, row * width + i, x.dims, i) * (strides[i] ?? outside());
    return at;
  });
}

export const scatterElements = defineOperator({
  name: 'scatter_elements',
  summary: 'x with every update at its own place, but along the axis where the index says',
  onnx: ['ScatterElements'],
  operands: [
    { name: 'x', doc: 'the tensor' },
    {
      name: 'indices',
      doc: 'i64 or i32 of the rank of x, no larger than x on the other axes; −1 is the last',
      indexes: { operand: 0, axis: 'axis' },
    },
    { name: 'updates', doc: 'of the shape of the indices' },
  ],
  attrs: { axis: { kind: 'int', default: 0, doc: 'the axis along which to put' }, reduction: reductionSpec },
  traits,
  since,
  infer(context: InferContext) {
    const { operands, attrs } = context;
    const check: Check = context.check;
    const [x, indices, updates] = [given(operands, 0), given(operands, 1), given(operands, 2)];
    const integer = indices.elem === 'i64' || indices.elem === 'i32';
    check('c1', integer, `indices ${typeText(indices)}`, 'indices of type i64 or i32', 'cast(i64)');
    checkUpdates(check, attrs, x, updates);
    const rank = x.dims.length;
    checkAxis(check, 'c4', numberAttr(attrs, 'axis'), rank);
    check('c5', indices.dims.length === rank, `indices ${typeText(indices)}`, `indices of the rank of ${typeText(x)}`);
    const axis = axisIn(numberAttr(attrs, 'axis'), rank);
    indices.dims.forEach((d, i) => {
      const fits = i === axis || d.atMost(given(x.dims, i)) === 'yes';
      check('c6', fits, `indices ${typeText(indices)}`, `at most ${given(x.dims, i)} at axis ${i}, as ${typeText(x)} has`);
    });
    const alike = updates.dims.length === rank && updates.dims.every((d, i) => sameDim(d, given(indices.dims, i)));
    check('c7', alike, `updates ${typeText(updates)}`, `updates ${dimsText(indices.dims)}, the shape of the indices`);
    return [x];
  },
  evaluate: (operands, attrs) => [
    scattered(given(operands, 0), given(operands, 2), elementTargets(operands, attrs), stringAttr(attrs, 'reduction')),
  ],
  evaluateWide: (operands, attrs) => [
    scatteredWide(given(operands, 0), given(operands, 2), elementTargets(operands, attrs), stringAttr(attrs, 'reduction')),
  ],
  lower(b, node, operands) {
    const axis = axisIn(numberAttr(node.attrs, 'axis'), node.x.type.dims.length);
    return [b.node('ScatterElements', operands, { axis: onnxInt(axis), ...reductionAttr(node) }, node.y.type)];
  },
  sample(source) {
    const dims = sampleDims(source, 1, 3);
    const axis = source.int(-dims.length, dims.length - 1);
    const at = axisIn(axis, dims.length);
    const reduction = source.pick(reductions);
    const size = dims[at] ?? outside();
    // Of no reduction each element of an axis at most once: a run of them, from anywhere.
    const shape = dims.map((d, i) => (i === at ? source.int(1, size) : source.int(1, d)));
    const stride = stridesOf(shape)[at] ?? 1;
    const from = source.int(0, size - 1);
    const data = Float64Array.from({ length: elementCount(shape) }, (_, k) => {
      const n = (from + (Math.floor(k / stride) % (shape[at] ?? outside()))) % size;
      return reduction === 'none' ? n - (source.bool() ? size : 0) : source.int(-size, size - 1);
    });
    const elem = source.pick(['f32', 'i64'] as const);
    const indices: HostTensor = { elem: 'i64', dims: shape, data };
    return { operands: [source.tensor(dims, { elem }), indices, source.tensor(shape, { elem })], attrs: { axis, reduction } };
  },
});

/** How many axes a row of indices names. */
export function checkRows(check: Check, label: string, x: TensorType, indices: TensorType, from: number): number {
  const width = indices.dims.at(-1)?.constant;
  const most = x.dims.length - from;
  const fits = width !== undefined && width >= 1 && width <= most;
  check(label, fits, `indices ${typeText(indices)}`, `rows of 1 to ${most} indices into ${typeText(x)}`);
  return width;
}

export const scatterNd = defineOperator({
  name: 'scatter_nd',
  summary: 'x with every update, an element or a slice, at the place that a row of indices names',
  onnx: ['ScatterND'],
  operands: [
    { name: 'x', doc: 'the tensor' },
    { name: 'indices', doc: 'i64[…, n]: rows of n indices, for the first n axes; −1 is the last' },
    { name: 'updates', doc: 'for each row what x has behind those axes' },
  ],
  attrs: { reduction: reductionSpec },
  traits,
  since,
  infer(context: InferContext) {
    const { operands, attrs } = context;
    const check: Check = context.check;
    const [x, indices, updates] = [given(operands, 0), given(operands, 1), given(operands, 2)];
    check('c1', indices.elem === 'i64', `indices ${typeText(indices)}`, 'indices of type i64', 'cast(i64)');
    checkUpdates(check, attrs, x, updates);
    const width = checkRows(check, 'c4', x, indices, 0);
    const wanted = [...indices.dims.slice(0, -1), ...x.dims.slice(width)];
    const alike = updates.dims.length === wanted.length && updates.dims.every((d, i) => sameDim(d, given(wanted, i)));
    check('c5', alike, `updates ${typeText(updates)}`, `updates ${x.elem}${dimsText(wanted)}`);
    return [x];
  },
  evaluate: (operands, attrs) => [
    scattered(given(operands, 0), given(operands, 2), rowTargets(operands), stringAttr(attrs, 'reduction')),
  ],
  evaluateWide: (operands, attrs) => [
    scatteredWide(given(operands, 0), given(operands, 2), rowTargets(operands), stringAttr(attrs, 'reduction')),
  ],
  lower: (b, node, operands) => [b.node('ScatterND', operands, reductionAttr(node), node.y.type)],
  sample(source) {
    const dims = sampleDims(source, 1, 3);
    const width = source.int(1, dims.length);
    const lead = elementCount(dims.slice(0, width));
    const reduction = source.pick(reductions);
    const rows = source.int(1, lead);
    const from = source.int(0, lead - 1);
    const strides = stridesOf(dims.slice(0, width));
    const data = Float64Array.from({ length: rows * width }, (_, k) => {
      const row = reduction === 'none' ? (from + Math.floor(k / width)) % lead : source.int(0, lead - 1);
      const size = dims[k % width] ?? 1;
      return (Math.floor(row / (strides[k % width] ?? 1)) % size) - (source.bool() ? size : 0);
    });
    const elem = source.pick(['f32', 'i64'] as const);
    const indices: HostTensor = { elem: 'i64', dims: [rows, width], data };
    const updates = source.tensor([rows, ...dims.slice(width)], { elem });
    return { operands: [source.tensor(dims, { elem }), indices, updates], attrs: { reduction } };
  },
});

const reduction = choice(reductions, {
  default: 'none',
  doc: 'how an update and the element at its place become one; "none" puts the update there, and wants one for a place',
});
const operands = { names: ['it', 'indices', 'updates'], min: 3, max: 3 };
const family = 'Data-dependent sizes';

export const scatterLayer = defineLayer({
  name: 'scatter',
  summary: 'The tensor with slices put at the indices along an axis, what `gather` takes: `scatter(x, indices, updates)`',
  source: 'torch.index_copy, torch.index_add; ONNX ScatterND, ScatterElements',
  family,
  operands,
  params: { axis: int({ default: 0, doc: 'the axis along which to put' }), reduction },
  build(b: LayerBuilder, values, p) {
    const [x, indices, updates] = [given(values, 0), given(values, 1), given(values, 2)];
    const rank = x.type.dims.length;
    checkAxis(b.check, 'l1', p.axis, rank);
    const axis = axisIn(p.axis, rank);
    b.check(
      'l2',
      indices.type.dims.length === 1,
      `indices ${typeText(indices.type)}`,
      'a vector of indices, such as that of `nonzero`',
    );
    const count = indices.type.dims[0] ?? Dim.one;
    const wanted = x.type.dims.map((d, i) => (i === axis ? count : d));
    const alike = updates.type.dims.length === rank && updates.type.dims.every((d, i) => sameDim(d, given(wanted, i)));
    b.check(
      'l3',
      alike,
      `updates ${typeText(updates.type)}`,
      `updates ${x.type.elem}${dimsText(wanted)}, a slice for each index`,
    );
    if (axis === 0) return b.op(scatterNd, [x, b.op(unsqueeze, [indices], { axes: [1] }), updates], { reduction: p.reduction });
    const row = reshapedTo(
      b,
      indices,
      wanted.map((d, i) => (i === axis ? d : Dim.one)),
    );
    const everywhere: Value = b.op(expand, [row], { shape: wanted });
    return b.op(scatterElements, [x, everywhere, updates], { axis, reduction: p.reduction });
  },
});

export const scatterElementsLayer = defineLayer({
  name: 'scatter_elements',
  summary: scatterElements.summary,
  source: 'torch.scatter, torch.scatter_add, torch.scatter_reduce; ONNX ScatterElements',
  family,
  operands,
  params: { axis: int({ default: 0, doc: 'the axis along which to put' }), reduction },
  build: (b: LayerBuilder, values, p) => b.op(scatterElements, values, { axis: p.axis, reduction: p.reduction }),
});

export const scatterNdLayer = defineLayer({
  name: 'scatter_nd',
  summary: scatterNd.summary,
  source: 'torch.index_put; ONNX ScatterND',
  family,
  operands,
  params: { reduction },
  build: (b: LayerBuilder, values, p) => b.op(scatterNd, values, { reduction: p.reduction }),
});
