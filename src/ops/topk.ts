/** The largest or smallest elements along an axis, in order: ONNX TopK-11; torch.topk, torch.sort, torch.argsort. */
import { outside } from '../diagnostics/at.ts';
import { Dim } from '../ir/dim.ts';
import type { Value } from '../ir/graph.ts';
import type { Attrs, Check, InferContext } from '../ir/operator.ts';
import { isOfRun } from '../ir/promise.ts';
import { elementCount, typeText } from '../ir/types.ts';
import { integersOf, tensorOfIntegers } from '../ir/wide.ts';
import { boolAttr, given, numberAttr, numbersAttr, onnxInt } from './attrs.ts';
import { aroundAxis, axisIn, checkAxis, checkNumeric, constantDims, dimAttr, sampleDims, xOnly } from './common.ts';
import { defineLayer, defineOperator, type LayerBuilder } from './define.ts';
import { bool, dims, int } from './params.ts';
import { unknownTraits } from './traits.ts';
import { wideElemOf } from './wide.ts';

/** Where the first k elements along an axis are, in the tensor and on the axis; of equal ones the first comes first. */
export function firstPlaces(
  dims: readonly number[],
  data: ArrayLike<number | bigint>,
  axis: number,
  k: number,
  largest: boolean,
): { readonly dims: readonly number[]; readonly places: Int32Array; readonly indices: Float64Array } {
  const { outer, size, inner } = aroundAxis(dims, axis);
  const kept = dims.map((d, i) => (i === axis ? k : d));
  const places = new Int32Array(elementCount(kept));
  const indices = new Float64Array(places.length);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const at = (n: number): number => (o * size + n) * inner + i;
      const before = (a: number, b: number): boolean => (data[at(a)] ?? outside()) < (data[at(b)] ?? outside());
      const order = Array.from({ length: size }, (_, n) => n).sort((a, b) => {
        const by = before(a, b) ? -1 : before(b, a) ? 1 : 0;
        return (largest ? -by : by) || a - b;
      });
      for (let n = 0; n < k; n++) {
        const index = order[n] ?? outside();
        places[(o * k + n) * inner + i] = at(index);
        indices[(o * k + n) * inner + i] = index;
      }
    }
  }
  return { dims: kept, places, indices };
}

function orderOf(dims: readonly number[], data: ArrayLike<number | bigint>, attrs: Attrs): ReturnType<typeof firstPlaces> {
  const [k = 0] = numbersAttr(attrs, 'k');
  return firstPlaces(dims, data, axisIn(numberAttr(attrs, 'axis'), dims.length), k, boolAttr(attrs, 'largest'));
}

/** What to write where an axis of this size may have fewer than k. */
function fewerHint(k: Dim, size: Dim): string | undefined {
  if (k.constant === undefined || k.lowerBound < 0) return undefined;
  if (size.constant !== undefined) return `topk(${size})`;
  if (size.symbols().some(isOfRun)) return `topk(min(${k}, n)) with the size n of that axis, such as \`shape(it)[0]\``;
  return size.upperBound < k.constant ? `topk(min(${k}, ${size}))` : `assert ${size} >= ${k}`;
}

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
    const hint = fits ? undefined : fewerHint(k, size);
    check('c3', fits, `k=${k} along axis ${axis} of ${typeText(x)}`, `a number from 0 to ${size}`, hint);
    const kept = x.dims.map((d, i) => (i === axis ? k : d));
    return [
      { elem: x.elem, dims: kept },
      { elem: 'i64', dims: kept },
    ];
  },
  evaluate(operands, attrs) {
    const x = given(operands, 0);
    const { dims: kept, places, indices } = orderOf(x.dims, x.data, attrs);
    return [
      { elem: x.elem, dims: kept, data: Float64Array.from(places, (place) => x.data[place] ?? outside()) },
      { elem: 'i64', dims: kept, data: indices },
    ];
  },
  evaluateWide(operands, attrs) {
    const x = given(operands, 0);
    const data = integersOf(x);
    const { dims: kept, places, indices } = orderOf(x.dims, data, attrs);
    const values = Array.from(places, (place) => data[place] ?? outside());
    return [tensorOfIntegers(wideElemOf(x), kept, values), { elem: 'i64', dims: kept, data: indices }];
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
    const size = sizes[axisIn(axis, sizes.length)] ?? outside();
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
