/** Making tensors out of numbers and of dimensions. ONNX Range-11, ConstantOfShape-9, Shape-13 (-15). */
import { Dim } from '../ir/dim.ts';
import type { Check, DimsRule, InferContext, OnnxAttr, OnnxBuilder } from '../ir/operator.ts';
import { type ElemType, elementCount, type HostTensor, isFloat, staticDims } from '../ir/types.ts';
import { dimsAttr, given, numberAttr, numbersAttr, onnxInt } from './attrs.ts';
import { constantDims, dimAttr, dimsText, elemAttr, sampleDims, wrapInteger, xOnly } from './common.ts';
import { defineLayer, defineOperator, type LayerBuilder, layerOf } from './define.ts';
import { dims, elem, float, numbers } from './params.ts';
import { toTheEnd } from './slice-axes.ts';
import { sourceTraits } from './traits.ts';

/** A dimension as a rank-0 i64 value. */
function scalarOf(builder: OnnxBuilder, d: Dim): string {
  if (d.constant !== undefined) return builder.scalar('i64', d.constant);
  return builder.node('Squeeze', [builder.dims([d]), builder.i64([0])], {}, { elem: 'i64', dims: [] });
}

/** Longest range, and largest filled tensor, that is written out as a constant. */
const smallCount = 1024;

export function rangeCount(start: Dim, end: Dim, step: number): Dim {
  const length = step > 0 ? end.minus(start).ceildiv(step) : start.minus(end).ceildiv(-step);
  return Dim.max(Dim.zero, length);
}

function rangeTensor(start: number, step: number, count: number): HostTensor {
  wrapInteger('i64', start + Math.max(0, count - 1) * step);
  return { elem: 'i64', dims: [count], data: Float64Array.from({ length: count }, (_, i) => start + i * step) };
}

const rangeElements: DimsRule = (node) => {
  const count = node.y.type.dims[0]?.constant;
  const start = dimsAttr(node.attrs, 'start')[0];
  if (count === undefined || !start) return [];
  const step = numberAttr(node.attrs, 'step');
  return [{ elem: 'i64', dims: [count], data: Array.from({ length: count }, (_, i) => start.plus(i * step)) }];
};

const fullElements: DimsRule = (node) => {
  const dims = staticDims(node.y.type);
  const value = numberAttr(node.attrs, 'value');
  if (!dims || !Number.isSafeInteger(value)) return [];
  return [{ elem: elemAttr(node.attrs, 'elem'), dims, data: Array.from({ length: elementCount(dims) }, () => Dim.of(value)) }];
};

const shapeElements: DimsRule = (node) => {
  const data = node.x.type.dims.slice(numberAttr(node.attrs, 'start'), numberAttr(node.attrs, 'end'));
  return [{ elem: 'i64', dims: [data.length], data }];
};

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
  traits: sourceTraits({ dims: rangeElements }),
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
    return { operands: [], attrs: { start: constantDims([start]), end: constantDims([end]), step } };
  },
});

export const rangeLayer = defineLayer({
  name: 'range',
  summary: range.summary,
  source: 'torch.arange',
  family: 'Shapes',
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
  traits: sourceTraits({ dims: fullElements }),
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
    return { operands: [], attrs: { shape: constantDims(sampleDims(source, 0, 3)), value, elem } };
  },
});

function wrapsTo(elem: ElemType, value: number): boolean {
  return (
    Number.isInteger(value) && Math.abs(value) <= 2 ** 53 && (elem !== 'u64' || value >= 0) && wrapInteger(elem, value) === value
  );
}

export const fullLayer = layerOf(full, {
  source: 'torch.full',
  family: 'Shapes',
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
  family: 'Shapes',
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
  traits: sourceTraits({ dims: (node) => [{ elem: 'i64', dims: [], data: dimsAttr(node.attrs, 'dim').slice(0, 1) }] }),
  infer: () => [{ elem: 'i64', dims: [] }],
  evaluate(_operands, attrs) {
    return [{ elem: 'i64', dims: [], data: Float64Array.from(numbersAttr(attrs, 'dim').slice(0, 1)) }];
  },
  lower(builder, node) {
    return [scalarOf(builder, dimAttr(node.attrs, 'dim'))];
  },
  sample: (source) => ({ operands: [], attrs: { dim: constantDims([source.int(0, 99)]) } }),
});

/**
 * ONNX Shape-13, -15 (where `start` and `end` came); torch.Tensor.shape. In the language sizes are dimensions, so that only
 * imported graphs hold it.
 */
export const shapeOf = defineOperator({
  name: 'shape',
  summary: 'The sizes of x, from axis `start` up to, but without, `end`, as i64',
  onnx: ['Shape', 'Slice'],
  operands: xOnly,
  attrs: {
    start: { kind: 'int', default: 0, doc: 'the first axis; negative counts from the end' },
    end: { kind: 'int', default: toTheEnd, doc: 'the axis behind the last; negative counts from the end' },
  },
  traits: sourceTraits({ dims: shapeElements }),
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
