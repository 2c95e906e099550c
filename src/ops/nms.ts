/**
 * Non-maximum suppression: of boxes that overlap the one with the highest score stays. ONNX NonMaxSuppression-11,
 * torchvision.ops.nms. A box goes where its intersection with one that stays is over `iou` of their union, not where it is just
 * that; of equal scores the first comes first; a box without an area overlaps nothing. Corners may stand in either order.
 */
import { outside } from '../diagnostics/at.ts';
import { Dim, unlessOverflow } from '../ir/dim.ts';
import type { Value } from '../ir/graph.ts';
import type { Check, InferContext } from '../ir/operator.ts';
import { typeText } from '../ir/types.ts';
import { boolAttr, dimsAttr, given, numberAttr, onnxInt } from './attrs.ts';
import { constantDims, dimsText, sameDim, sizeOf } from './common.ts';
import { defineLayer, defineOperator, type LayerBuilder } from './define.ts';
import { gather } from './gather.ts';
import { dims, float, optional } from './params.ts';
import { unsqueeze } from './reshape.ts';
import { unknownTraits } from './traits.ts';

/** Left, top, right, bottom; the axes may be exchanged, since nothing asks which is which. */
interface Box {
  readonly low: readonly [number, number];
  readonly high: readonly [number, number];
}

function boxAt(data: Float64Array, at: number, centered: boolean): Box {
  const [a = 0, b = 0, c = 0, d = 0] = data.subarray(at, at + 4);
  if (centered) return { low: [a - c / 2, b - d / 2], high: [a + c / 2, b + d / 2] };
  return { low: [Math.min(a, c), Math.min(b, d)], high: [Math.max(a, c), Math.max(b, d)] };
}

const areaOf = ({ low, high }: Box): number => (high[0] - low[0]) * (high[1] - low[1]);

/** Whether the intersection is more than `iou` of the union. */
function overlaps(a: Box, b: Box, iou: number): boolean {
  const wide = Math.min(a.high[0], b.high[0]) - Math.max(a.low[0], b.low[0]);
  const tall = Math.min(a.high[1], b.high[1]) - Math.max(a.low[1], b.low[1]);
  if (!(wide > 0 && tall > 0)) return false;
  const both = wide * tall;
  const [first, second] = [areaOf(a), areaOf(b)];
  return first > 0 && second > 0 && both / (first + second - both) > iou;
}

export const nms = defineOperator({
  name: 'nms',
  summary: 'Non-maximum suppression: rows [picture, class, box] of the boxes that stay, the highest score of each class first',
  onnx: ['NonMaxSuppression'],
  operands: [
    { name: 'boxes', doc: 'f32[N, K, 4]: two opposite corners, in either order' },
    { name: 'scores', doc: 'f32[N, C, K], for each class' },
  ],
  attrs: {
    max: { kind: 'dims', default: [], inSummary: true, doc: 'of each class at most as many (a list of one); none for all' },
    iou: { kind: 'float', default: 0, min: 0, doc: 'a box goes if more than this part of the union is shared; at most 1' },
    score: { kind: 'float', default: -Infinity, doc: 'boxes whose score is not above it are left out' },
    centered: { kind: 'bool', default: false, doc: 'boxes are centre and extent rather than corners' },
  },
  traits: { ...unknownTraits, elementwise: false, handsOn: false, resamples: false },
  infer(context: InferContext) {
    const { operands, attrs } = context;
    const check: Check = context.check;
    const [boxes, scores] = [given(operands, 0), given(operands, 1)];
    check('c1', boxes.elem === 'f32', `boxes ${typeText(boxes)}`, 'boxes of type f32', 'cast(f32)');
    check('c1', scores.elem === 'f32', `scores ${typeText(scores)}`, 'scores of type f32', 'cast(f32)');
    const four = boxes.dims.length === 3 && boxes.dims[2]?.constant === 4;
    check('c2', four, `boxes ${typeText(boxes)}`, 'boxes [N, K, 4]: two opposite corners');
    const [n, k] = [given(boxes.dims, 0), given(boxes.dims, 1)];
    const [pictures, classes, count] = scores.dims;
    const fits = scores.dims.length === 3 && pictures && count && sameDim(pictures, n) && sameDim(count, k);
    check('c3', fits === true, `scores ${typeText(scores)}`, `scores [${n}, C, ${k}]: one for each class and box`);
    const list = dimsAttr(attrs, 'max');
    const [max] = list;
    const bounded = list.length <= 1 && (max === undefined || max.lowerBound >= 0);
    check('c4', bounded, `max=${dimsText(list)}`, 'one number of at least 0');
    check('c5', numberAttr(attrs, 'iou') <= 1, `iou=${numberAttr(attrs, 'iou')}`, 'a part from 0 to 1');
    const each = max ? Dim.min(max, k) : k;
    const most = unlessOverflow(() => sizeOf([n, classes ?? Dim.one, each]));
    return [{ elem: 'i64', dims: [context.fresh('nms', most), Dim.of(3)] }];
  },
  evaluate(operands, attrs) {
    const [boxes, scores] = [given(operands, 0), given(operands, 1)];
    const [pictures = 0, classes = 0, count = 0] = scores.dims;
    // The attributes are f32 in the file.
    const [iou, least] = [Math.fround(numberAttr(attrs, 'iou')), Math.fround(numberAttr(attrs, 'score'))];
    const most = dimsAttr(attrs, 'max')[0]?.constant ?? count;
    const rows: number[] = [];
    for (let n = 0; n < pictures; n++) {
      const all = Array.from({ length: count }, (_, k) => boxAt(boxes.data, (n * count + k) * 4, boolAttr(attrs, 'centered')));
      for (let c = 0; c < classes; c++) {
        const own = scores.data.subarray((n * classes + c) * count, (n * classes + c + 1) * count);
        const order = [...all.keys()]
          .filter((k) => least === -Infinity || (own[k] ?? outside()) > least)
          .sort((a, b) => (own[b] ?? outside()) - (own[a] ?? outside()) || a - b);
        const kept: Box[] = [];
        for (const k of order) {
          if (kept.length >= most) break;
          const box = all[k] ?? outside();
          if (kept.some((other) => overlaps(box, other, iou))) continue;
          kept.push(box);
          rows.push(n, c, k);
        }
      }
    }
    return [{ elem: 'i64', dims: [rows.length / 3, 3], data: Float64Array.from(rows) }];
  },
  lower(b, node, operands) {
    const { attrs } = node;
    const score = numberAttr(attrs, 'score');
    const [max = given(node.x.type.dims, 1)] = dimsAttr(attrs, 'max');
    const number = (value: number): string => b.constant({ elem: 'f32', dims: [1], data: Float64Array.of(value) });
    const limits = [b.dims([max]), number(numberAttr(attrs, 'iou')), score === -Infinity ? undefined : number(score)];
    const center = boolAttr(attrs, 'centered') ? { center_point_box: onnxInt(1) } : {};
    return [b.node('NonMaxSuppression', [...operands, ...limits], center, node.y.type)];
  },
  sample(source) {
    const [pictures, classes, count] = [source.int(1, 2), source.int(1, 3), source.int(1, 7)];
    // On a grid, so that IoUs are met exactly and scores are equal.
    const boxes = source.tensor([pictures, count, 4], { low: 0, high: 8 });
    const scores = source.tensor([pictures, classes, count], { low: 0, high: 5 });
    const whole = (x: typeof boxes, by: number): typeof boxes => ({ ...x, data: x.data.map((n) => Math.floor(n) / by) });
    return {
      operands: [whole(boxes, 1), whole(scores, 4)],
      attrs: {
        max: constantDims(source.bool() ? [] : [source.int(0, count)]),
        iou: source.pick([0, 0.25, 0.5, 1]),
        score: source.pick([-Infinity, 0.25, 0.5]),
        centered: source.bool(),
      },
    };
  },
});

/** Boxes of one picture and one class: their indices alone. */
function alone(b: LayerBuilder, boxes: Value, scores: Value, attrs: Parameters<LayerBuilder['op']>[2]): Value {
  const one = (x: Value, axes: readonly number[]): Value => b.op(unsqueeze, [x], { axes });
  const rows = b.op(nms, [one(boxes, [0]), one(scores, [0, 1])], attrs);
  return b.op(gather, [rows, b.scalar('i64', 2)], { axis: 1 });
}

export const nmsLayer = defineLayer({
  name: 'nms',
  summary:
    'Which boxes stay, the highest score first: `nms(boxes, scores, iou=0.5)`; of boxes [N, K, 4] and scores [N, C, K] rows [picture, class, box]',
  source: 'torchvision.ops.nms; ONNX NonMaxSuppression',
  family: 'Detection',
  operands: { names: ['it', 'scores'], min: 2, max: 2 },
  params: {
    iou: float({ positional: true, min: 0, max: 1, doc: 'a box goes if more than this part of the union is shared' }),
    score: optional(float({ doc: 'boxes whose score is not above it are left out' })),
    max: optional(dims({ doc: 'at most as many, of each class; a number or a size' }), 'all'),
  },
  build(b: LayerBuilder, [boxes, scores], p) {
    const second = scores ?? boxes;
    const attrs = { max: p.max ?? [], iou: p.iou, score: p.score ?? -Infinity };
    if (boxes.type.dims.length !== 2) return b.op(nms, [boxes, second], attrs);
    const fits = boxes.type.dims[1]?.constant === 4 && second.type.dims.length === 1;
    const found = `boxes ${typeText(boxes.type)} and scores ${typeText(second.type)}`;
    b.check('l1', fits, found, 'boxes [K, 4] and scores [K], or [N, K, 4] and [N, C, K]');
    return alone(b, boxes, second, attrs);
  },
});
