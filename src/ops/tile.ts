/** Whole tensors one behind the other. ONNX Tile-13; torch.tile, torch.Tensor.repeat, numpy.tile. */
import { Dim } from '../ir/dim.ts';
import type { Node } from '../ir/graph.ts';
import type { Attrs, AxesMoved, Check, InferContext } from '../ir/operator.ts';
import { typeText } from '../ir/types.ts';
import { dimsAttr, given, numbersAttr } from './attrs.ts';
import { constantDims, dimsText, remap, sampleDims, xOnly } from './common.ts';
import { defineLayer, defineOperator, type LayerBuilder } from './define.ts';
import { dims } from './params.ts';
import { reshapedTo } from './relayout.ts';
import { movingTraits } from './traits.ts';

const once = ({ constant }: Dim): boolean => constant === 1;
const repeatsNothing = (node: Node): boolean => dimsAttr(node.attrs, 'repeats').every(once);

function movedRepeats(attrs: Attrs, place: readonly number[]): AxesMoved {
  const repeats = dimsAttr(attrs, 'repeats');
  const out = [...repeats];
  for (const [axis, to] of place.entries()) out[to] = given(repeats, axis);
  return { attrs: { ...attrs, repeats: out }, same: false };
}

/** ONNX Tile-13. */
export const tile = defineOperator({
  name: 'tile',
  summary: 'x several times one behind the other, along every axis',
  onnx: ['Tile'],
  operands: xOnly,
  attrs: { repeats: { kind: 'dims', doc: 'how many times along each axis' } },
  traits: movingTraits({
    keepsOrder: false,
    handsOn: repeatsNothing,
    axes: movedRepeats,
    idempotent: 'unknown',
    involution: 'unknown',
  }),
  infer(context: InferContext) {
    const { operands, attrs } = context;
    const check: Check = context.check;
    const x = given(operands, 0);
    const repeats = dimsAttr(attrs, 'repeats');
    const found = `${repeats.length} repeats for ${typeText(x)}`;
    check('c1', repeats.length === x.dims.length, found, `${x.dims.length}, one for each axis`);
    const known = repeats.every((d) => d.lowerBound >= 0);
    check('c2', known, `repeats ${dimsText(repeats)}`, 'numbers that are provably not negative');
    return [{ elem: x.elem, dims: x.dims.map((d, i) => d.times(repeats[i] ?? Dim.one)) }];
  },
  evaluate(operands, attrs) {
    const x = given(operands, 0);
    const repeats = numbersAttr(attrs, 'repeats');
    return [
      remap(
        x,
        x.dims.map((d, i) => Int32Array.from({ length: d * given(repeats, i) }, (_, k) => k % d)),
        0,
      ),
    ];
  },
  lower(builder, node, operands) {
    return [builder.node('Tile', [given(operands, 0), builder.dims(dimsAttr(node.attrs, 'repeats'))], {}, node.y.type)];
  },
  sample(source) {
    const shape = sampleDims(source, 1, 4);
    const repeats = shape.map(() => source.int(1, 3));
    return {
      operands: [source.tensor(shape, { elem: source.pick(['f32', 'i64'] as const) })],
      attrs: { repeats: constantDims(repeats) },
    };
  },
});

export const tileLayer = defineLayer({
  name: 'tile',
  summary: 'The tensor several times one behind the other',
  source: 'torch.tile, torch.Tensor.repeat',
  family: 'Shapes',
  params: {
    repeats: dims({
      rest: true,
      doc: 'how many times along each axis; fewer numbers are for the last axes, more make new axes in front',
    }),
  },
  build(builder: LayerBuilder, [x], p) {
    const rank = Math.max(x.type.dims.length, p.repeats.length);
    const front = <T>(list: readonly T[], one: T): readonly T[] => [
      ...Array.from({ length: rank - list.length }, () => one),
      ...list,
    ];
    const repeats = front(p.repeats, Dim.one);
    const whole = reshapedTo(builder, x, front(x.type.dims, Dim.one));
    return repeats.every(once) ? whole : builder.op(tile, [whole], { repeats });
  },
});
