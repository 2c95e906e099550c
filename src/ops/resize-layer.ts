/**
 * The layer `resize`: torch.nn.functional.interpolate, by a factor, to sizes, to those of a tensor, or to sizes that a tensor
 * holds.
 */
import type { Dim } from '../ir/dim.ts';
import { Value } from '../ir/graph.ts';
import { typeText } from '../ir/types.ts';
import { given } from './attrs.ts';
import { defineLayer, type LayerBuilder } from './define.ts';
import { bool, choice, dimsOrTensor, floats, optional, tensor } from './params.ts';
import { fractionOf, modes, resize, scaledSize } from './resize.ts';
import { resizeTo } from './resize-to.ts';
import { spatialAxes } from './window.ts';

export const resizeLayer = defineLayer({
  name: 'resize',
  summary: resize.summary,
  source: 'torch.nn.functional.interpolate; ONNX Resize',
  family: 'Resampling',
  params: {
    scale: optional(floats({ doc: 'a factor for every spatial axis, or one per axis' })),
    to: optional(
      dimsOrTensor({
        doc: 'the resulting grid, as in `[H, W]` or `32x32`; one number holds for every axis. Or a tensor `i64[axes]` that holds it',
      }),
    ),
    like: optional(tensor({ doc: 'a tensor whose grid to take' })),
    mode: choice(modes, { default: 'nearest', doc: 'how values between elements are found' }),
    align_corners: bool({ default: false, doc: 'the corners of both grids coincide, rather than their outlines' }),
  },
  build(b: LayerBuilder, [x], p) {
    const axes = spatialAxes(b, x, 'resize');
    const ways = [p.scale, p.to, p.like].filter((way) => way !== undefined).length;
    const expected = 'one of scale=, to= and like=';
    b.check('l2', ways === 1, ways === 0 ? 'no size' : `${ways} ways to say the size`, expected, 'scale=2');
    const { mode, align_corners } = p;
    if (p.to instanceof Value) return b.op(resizeTo, [x, p.to], { mode, align_corners });
    if (!p.scale) return b.op(resize, [x], { sizes: gridOf(b, x, p.to, p.like), mode, align_corners });
    const scales = spread(b, 'scale', p.scale, axes);
    if (!align_corners) return b.op(resize, [x], { scales, mode, align_corners });
    for (const scale of scales) {
      b.check('l3', fractionOf(scale) !== undefined, `scale ${scale}`, 'a multiple of 1/4096, at most 4096', 'to=[H, W]');
    }
    const sizes = scales.map((scale, axis) => scaledSize(given(x.type.dims, axis + 2), scale) ?? given(x.type.dims, axis + 2));
    return b.op(resize, [x], { sizes, mode, align_corners });
  },
});

function spread<T>(b: LayerBuilder, name: string, values: readonly T[], axes: number): readonly T[] {
  const [only] = values;
  if (values.length === 1 && only !== undefined) return Array.from({ length: axes }, () => only);
  b.check('l4', values.length === axes, `${values.length} numbers in ${name}=`, `one, or ${axes}, one per spatial axis`);
  return values;
}

function gridOf(b: LayerBuilder, x: Value, to: readonly Dim[] | undefined, like: Value | undefined): readonly Dim[] {
  const axes = x.type.dims.length - 2;
  if (!like) return spread(b, 'to', to ?? [], axes);
  const sameRank = like.type.dims.length === axes + 2;
  b.check('l5', sameRank, `like= of type ${typeText(like.type)}`, `a tensor of rank ${axes + 2}, as ${typeText(x.type)} is`);
  return like.type.dims.slice(2);
}
