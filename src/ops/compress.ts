/** What a mask keeps: ONNX Compress-11; numpy.compress, x[mask] of NumPy and PyTorch. */
import { outside } from '../diagnostics/at.ts';
import { bug } from '../diagnostics/diagnostic.ts';
import type { Check, InferContext } from '../ir/operator.ts';
import { elementCount, typeText } from '../ir/types.ts';
import { given, numberAttr, onnxInt } from './attrs.ts';
import { aroundAxis, axisIn, checkAxis, sameDim, sampleDims } from './common.ts';
import { defineLayer, defineOperator, type LayerBuilder } from './define.ts';
import { gather } from './gather.ts';
import { placesByAxis } from './nonzero.ts';
import { int } from './params.ts';
import { unknownTraits } from './traits.ts';

export const compress = defineOperator({
  name: 'compress',
  summary: 'The slices of x along an axis at which the mask is true',
  onnx: ['Compress'],
  operands: [
    { name: 'x', doc: 'the tensor' },
    { name: 'mask', doc: 'bool, a vector as long as the axis' },
  ],
  attrs: { axis: { kind: 'int', default: 0, doc: 'the axis along which to pick' } },
  traits: { ...unknownTraits, elementwise: false, resamples: false, sign: 'first', homogeneous: 'any', keepsZero: true },
  infer(context: InferContext) {
    const { operands, attrs } = context;
    const check: Check = context.check;
    const [x, mask] = [given(operands, 0), given(operands, 1)];
    checkAxis(check, 'c1', numberAttr(attrs, 'axis'), x.dims.length);
    const axis = axisIn(numberAttr(attrs, 'axis'), x.dims.length);
    const size = given(x.dims, axis);
    check('c2', mask.elem === 'bool', `mask ${typeText(mask)}`, `bool[${size}]`, 'compare it: `mask > 0.5`');
    const fits = mask.dims.length === 1 && sameDim(given(mask.dims, 0), size);
    check('c3', fits, `mask ${typeText(mask)}`, `bool[${size}], as long as axis ${axis} of ${typeText(x)}`);
    const kept = context.fresh('kept', size);
    return [{ elem: x.elem, dims: x.dims.map((d, i) => (i === axis ? kept : d)) }];
  },
  evaluate(operands, attrs) {
    const [x, mask] = [given(operands, 0), given(operands, 1)];
    const axis = axisIn(numberAttr(attrs, 'axis'), x.dims.length);
    const { outer, size, inner } = aroundAxis(x.dims, axis);
    const kept: number[] = [];
    for (const [i, n] of mask.data.entries()) if (n !== 0) kept.push(i);
    const dims = x.dims.map((d, i) => (i === axis ? kept.length : d));
    const data = new Float64Array(elementCount(dims));
    for (let o = 0; o < outer; o++)
      for (const [k, n] of kept.entries()) {
        const from = (o * size + n) * inner;
        data.set(x.data.subarray(from, from + inner), (o * kept.length + k) * inner);
      }
    return [{ elem: x.elem, dims, data }];
  },
  lower(b, node, operands) {
    const axis = axisIn(numberAttr(node.attrs, 'axis'), node.x.type.dims.length);
    return [b.node('Compress', operands, { axis: onnxInt(axis) }, node.y.type)];
  },
  sample(source) {
    const dims = sampleDims(source, 1, 3);
    const axis = source.int(-dims.length, dims.length - 1);
    const mask = Float64Array.from({ length: dims[axisIn(axis, dims.length)] ?? outside() }, () => source.int(0, 1));
    const x = source.tensor(dims, { elem: source.pick(['f32', 'i64', 'bool'] as const), low: 0 });
    return { operands: [x, { elem: 'bool', dims: [mask.length], data: mask }], attrs: { axis } };
  },
});

export const filterLayer = defineLayer({
  name: 'filter',
  summary: 'What stands where a mask, the last operand, is true: `filter(boxes, keep)`, `let b, s = filter(boxes, scores, keep)`',
  source: 'x[mask] of NumPy and PyTorch; ONNX Compress',
  family: 'Data-dependent sizes',
  operands: { names: ['it', 'others...'], min: 2, max: Infinity },
  params: { axis: int({ default: 0, doc: 'the axis that is filtered, of all alike' }) },
  build(b: LayerBuilder, operands, p) {
    const mask = operands.at(-1) ?? bug('a filter without operands');
    const xs = operands.slice(0, -1);
    const [only] = xs;
    if (only && xs.length === 1) return b.op(compress, [only, mask], { axis: p.axis });
    // One size for all of them: the places are looked for once.
    for (const [i, x] of xs.entries()) {
      checkAxis(b.check, 'l1', p.axis, x.type.dims.length);
      const size = given(x.type.dims, axisIn(p.axis, x.type.dims.length));
      const { elem, dims } = mask.type;
      const fits = elem === 'bool' && dims.length === 1 && sameDim(given(dims, 0), size);
      b.check(
        'l1',
        fits,
        `mask ${typeText(mask.type)}`,
        `bool[${size}], as long as that axis of operand ${i}, ${typeText(x.type)}`,
      );
    }
    const places = given(placesByAxis(b, mask), 0);
    return xs.map((x) => b.op(gather, [x, places], { axis: p.axis }));
  },
});
