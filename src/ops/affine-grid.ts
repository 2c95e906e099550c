/**
 * torch.nn.functional.affine_grid: the places between −1 and 1 that `grid_sample` takes for an affine map of the picture;
 * Jaderberg et al. 2015, arXiv:1506.02025. Made of products and sums, because ONNX has AffineGrid from opset 20 on alone.
 */
import { Dim } from '../ir/dim.ts';
import type { Value } from '../ir/graph.ts';
import { isFloat, typeText } from '../ir/types.ts';
import { given } from './attrs.ts';
import { cast } from './cast.ts';
import { defineLayer, type LayerBuilder } from './define.ts';
import { add, div, mul, sub } from './elementwise.ts';
import { range } from './generate.ts';
import { bool, dims } from './params.ts';
import { reshape } from './reshape.ts';
import { slice } from './slice.ts';

/**
 * (2·i + 1) / L − 1 for i from 0 to L − 1, which are the centres of L elements between the edges −1 and 1; or 2·i / (L − 1) − 1,
 * of which the first and the last are −1 and 1, and 0 for L = 1.
 */
function centres(b: LayerBuilder, like: Value, length: Dim, aligned: boolean): Value {
  const { elem } = like.type;
  const counted = b.op(cast, [b.op(range, [], { start: [Dim.zero], end: [length], step: 1 })], { to: elem });
  const one = b.scalar(elem, 1);
  if (length.constant === 1) return counted;
  const doubled = b.op(mul, [counted, b.scalar(elem, 2)]);
  const steps = aligned ? length.plus(-1) : length;
  const divisor = steps.constant === undefined ? b.op(cast, [b.dimValue(steps)], { to: elem }) : b.scalar(elem, steps.constant);
  return b.op(sub, [b.op(div, [aligned ? doubled : b.op(add, [doubled, one]), divisor]), one]);
}

export const affineGridLayer = defineLayer({
  name: 'affine_grid',
  summary: 'Places for `grid_sample` of an affine map: [N, 2, 3] becomes [N, H, W, 2], and [N, 3, 4] becomes [N, D, H, W, 3]',
  source: 'torch.nn.functional.affine_grid',
  family: 'Resampling',
  params: {
    to: dims({ rest: true, doc: 'the grid of the result, as in `32, 32`' }),
    align_corners: bool({
      default: false,
      doc: 'whether −1 and 1 are the centres of the first and the last element, rather than their outer edges',
    }),
  },
  build(b: LayerBuilder, [theta], { to, align_corners }) {
    const axes = given(theta.type.dims, 1)?.constant ?? 0;
    const maps = theta.type.dims.length === 3 && theta.type.dims[2]?.constant === axes + 1 && (axes === 2 || axes === 3);
    b.check('l1', maps && isFloat(theta.type.elem), typeText(theta.type), 'maps f32[N, 2, 3] or f32[N, 3, 4]');
    b.check('l2', to.length === axes, `${to.length} sizes for ${typeText(theta.type)}`, `${axes} sizes`);
    for (const d of to) {
      const least = align_corners && d.constant === undefined ? 2 : 1;
      b.check('l3', d.lowerBound >= least, `a size of ${d}`, `at least ${least}`);
    }
    // Column i of a map is what axis i moves, the last axis of the picture first.
    const column = (i: number): Value => {
      const cut = b.op(slice, [theta], { starts: [Dim.of(i)], ends: [Dim.of(i + 1)], axes: [2], steps: [1] });
      return b.op(reshape, [cut], { shape: [given(theta.type.dims, 0), ...to.map(() => Dim.one), Dim.of(axes)] });
    };
    let places = column(axes);
    for (let i = 0; i < axes; i++) {
      const length = given(to, axes - 1 - i);
      const own = centres(b, theta, length, align_corners);
      const along = b.op(reshape, [own], { shape: [length, ...Array.from({ length: i + 1 }, () => Dim.one)] });
      places = b.op(add, [places, b.op(mul, [column(i), along])]);
    }
    return places;
  },
});
