/** The largest or smallest elements along an axis, in order: ONNX TopK-11; torch.topk, torch.sort, torch.argsort. */
import { outside } from '../diagnostics/at.ts';
import { Dim } from '../ir/dim.ts';
import type { Value } from '../ir/graph.ts';
import type { Check, InferContext } from '../ir/operator.ts';
import { elementCount, typeText } from '../ir/types.ts';
import { boolAttr, given, numberAttr, numbersAttr, onnxInt } from './attrs.ts';
import { aroundAxis, axisIn, checkAxis, checkNumeric, constantDims, dimAttr, sampleDims, xOnly } from './common.ts';
import { defineLayer, defineOperator, type LayerBuilder } from './define.ts';
import { bool, dims, int } from './params.ts';
import { unknownTraits } from './traits.ts';

export const topk = defineOperator({
  name: 'topk',
  summary: 'The k largest or smallest elements along an axis, in order, and their indices as i64',
  onnx: ['TopK'],
  operands: xOnly,
  attrs: {
    k: { kind: 'dims', doc: 'how many (a list of one), at most the size of the axis' },
    axis: { kind: 'int', default: -1, doc: 'the axis' },
    largest: { kind: 'bool', default: true, doc: 'the largest, the first one largest; otherwise the smallest' },
  },
  traits: { ...unknownTraits, elementwise: false, handsOn: false, resamples: false },
  infer(context: InferContext) {
    const { operands, attrs } = context;
    const check: Check = context.check;
    const x = given(operands, 0);
    checkNumeric(check, 'c1', x);
    checkAxis(check, 'c2', numberAttr(attrs, 'axis'), x.dims.length);
    const axis = axisIn(numberAttr(attrs, 'axis'), x.dims.length);
    const [k, size] = [dimAttr(attrs, 'k'), given(x.dims, axis)];
    const fits = k.lowerBound >= 0 && k.atMost(size) === 'yes';
    const hint =
      k.constant !== undefined && k.lowerBound >= 0 && size.constant === undefined ? `assert ${size} >= ${k}` : undefined;
    check('c3', fits, `k=${k} along axis ${axis} of ${typeText(x)}`, `a number from 0 to ${size}`, hint);
    const kept = x.dims.map((d, i) => (i === axis ? k : d));
    return [
      { elem: x.elem, dims: kept },
      { elem: 'i64', dims: kept },
    ];
  },
  evaluate(operands, attrs) {
    const x = given(operands, 0);
    const axis = axisIn(numberAttr(attrs, 'axis'), x.dims.length);
    const [k = 0] = numbersAttr(attrs, 'k');
    const { outer, size, inner } = aroundAxis(x.dims, axis);
    const sign = boolAttr(attrs, 'largest') ? -1 : 1;
    const kept = x.dims.map((d, i) => (i === axis ? k : d));
    const values = new Float64Array(elementCount(kept));
    const indices = new Float64Array(values.length);
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < inner; i++) {
        const at = (j: number): number => x.data[(o * size + j) * inner + i] ?? outside();
        // Of equal ones the first comes first.
        const order = Array.from({ length: size }, (_, j) => j).sort((a, b) => sign * (at(a) - at(b)) || a - b);
        for (let j = 0; j < k; j++) {
          const place = (o * k + j) * inner + i;
          const from = order[j] ?? outside();
          values[place] = at(from);
          indices[place] = from;
        }
      }
    return [
      { elem: x.elem, dims: kept, data: values },
      { elem: 'i64', dims: kept, data: indices },
    ];
  },
  lower(b, node, operands) {
    const axis = onnxInt(axisIn(numberAttr(node.attrs, 'axis'), node.x.type.dims.length));
    const attrs = { axis, largest: onnxInt(boolAttr(node.attrs, 'largest') ? 1 : 0), sorted: onnxInt(1) };
    const types = node.results.map((y) => y.type);
    return b.nodes('TopK', [given(operands, 0), b.dims([dimAttr(node.attrs, 'k')])], attrs, types);
  },
  sample(source) {
    const sizes = sampleDims(source, 1, 3);
    const axis = source.int(-sizes.length, sizes.length - 1);
    const size = sizes[axisIn(axis, sizes.length)] ?? 1;
    const x = source.tensor(sizes, { elem: source.pick(['f32', 'i64'] as const) });
    return { operands: [x], attrs: { k: constantDims([source.int(1, size)]), axis, largest: source.bool() } };
  },
});

const axis = int({ default: -1, doc: 'the axis' });

export const topkLayer = defineLayer({
  name: 'topk',
  summary: 'The largest elements along an axis in order, and where they are: `let values, indices = topk(5)`',
  source: 'torch.topk; ONNX TopK',
  family: 'Reductions',
  params: {
    k: dims({ positional: true, doc: 'how many; of a size that is not known, `min(k, size)`' }),
    axis,
    largest: bool({ default: true, doc: 'the largest; otherwise the smallest' }),
  },
  build(b: LayerBuilder, [x], p) {
    b.check('l1', p.k.length === 1, `${p.k.length} numbers`, 'one k');
    return b.ops(topk, [x], { k: p.k, axis: p.axis, largest: p.largest });
  },
});

/** All of an axis in order. */
function sorted(b: LayerBuilder, x: Value, along: number, descending: boolean): readonly Value[] {
  checkAxis(b.check, 'l1', along, x.type.dims.length);
  const size = x.type.dims[axisIn(along, x.type.dims.length)] ?? Dim.one;
  return b.ops(topk, [x], { k: [size], axis: along, largest: descending });
}

const orderParams = {
  axis: int({ positional: true, default: -1, doc: 'the axis' }),
  descending: bool({ default: false, doc: 'the largest first; of equal ones always the first one first' }),
};

export const sortLayer = defineLayer({
  name: 'sort',
  summary: 'The elements along an axis in order, and where they were: `let values, indices = sort(-1)`',
  source: 'torch.sort',
  family: 'Reductions',
  params: orderParams,
  build: (b: LayerBuilder, [x], p) => sorted(b, x, p.axis, p.descending),
});

export const argsortLayer = defineLayer({
  name: 'argsort',
  summary: 'Where the elements along an axis are, in their order, as i64',
  source: 'torch.argsort',
  family: 'Reductions',
  params: orderParams,
  build: (b: LayerBuilder, [x], p) => given(sorted(b, x, p.axis, p.descending), 1),
});
