/** Variance, standard deviation, and what is divided by a deviation or a length; made of reductions and arithmetic. */
import { productOf } from '../ir/dim.ts';
import type { Value } from '../ir/graph.ts';
import { typeText } from '../ir/types.ts';
import { given } from './attrs.ts';
import { cast } from './cast.ts';
import { axesOrAll, axisIn, checkAxes, checkAxis, checkFloat } from './common.ts';
import { defineLayer, type Layer, type LayerBuilder } from './define.ts';
import { add, div, max, mul, sqrt, sub } from './elementwise.ts';
import { bool, float, int, ints } from './params.ts';
import { reduceL2, reduceMean, reduceSum } from './reduce.ts';

/** x less its mean over the axes. */
function centredOver(b: LayerBuilder, x: Value, axes: readonly number[]): Value {
  return b.op(sub, [x, b.op(reduceMean, [x], { axes, keepdims: true })]);
}

/** Σ(x − μ)² / (n − correction), of which n is the number of elements along the axes. */
function variance(b: LayerBuilder, x: Value, axes: readonly number[], correction: number, keepdims: boolean): Value {
  const { elem } = x.type;
  const centred = centredOver(b, x, axes);
  const squares = b.op(mul, [centred, centred]);
  if (correction === 0) return b.op(reduceMean, [squares], { axes, keepdims });
  const count = productOf(axes.map((axis) => given(x.type.dims, axis)));
  const rest = count.minus(correction);
  const enough = rest.upperBound >= 1;
  b.check('l1', enough, `${count} elements, of ${typeText(x.type)}`, `more than correction=${correction}`, 'correction=0');
  const [n, m] = [count.constant, rest.constant];
  if (n !== undefined && m !== undefined)
    return b.op(mul, [b.op(reduceMean, [squares], { axes, keepdims }), b.scalar(elem, n / m)]);
  const divisor = b.op(cast, [b.dimValue(rest)], { to: elem });
  return b.op(div, [b.op(reduceSum, [squares], { axes, keepdims }), divisor]);
}

const params = {
  axes: ints({ rest: true, default: [], doc: 'the axes; none stands for all of them' }),
  correction: int({ default: 1, min: 0, doc: 'what the number of elements is less: 1 for a sample, 0 for all there are' }),
  keepdims: bool({ default: false, doc: 'whether a reduced axis stays with size 1' }),
};

function checkedAxes(b: LayerBuilder, x: Value, axes: readonly number[]): readonly number[] {
  checkFloat(b.check, 'l2', x.type);
  checkAxes(b.check, 'l3', axes, x.type.dims.length);
  return axesOrAll(axes, x.type.dims.length);
}

/** torch.var. */
export const varLayer = defineLayer({
  name: 'var',
  summary: 'Variance over axes',
  source: 'torch.var',
  family: 'Reductions',
  params,
  build: (b: LayerBuilder, [x], p) => variance(b, x, checkedAxes(b, x, p.axes), p.correction, p.keepdims),
});

/** torch.std. */
export const stdLayer = defineLayer({
  name: 'std',
  summary: 'Standard deviation over axes',
  source: 'torch.std',
  family: 'Reductions',
  params,
  build: (b: LayerBuilder, [x], p) => b.op(sqrt, [variance(b, x, checkedAxes(b, x, p.axes), p.correction, p.keepdims)]),
});

/** torch.nn.functional.normalize of order 2. */
export const l2NormalizeLayer = defineLayer({
  name: 'l2_normalize',
  summary: 'x / max(‖x‖₂, eps), the length taken along an axis',
  source: 'torch.nn.functional.normalize',
  family: 'Normalisation',
  params: {
    axis: int({ positional: true, default: 1, doc: 'the axis whose vectors get the length 1' }),
    eps: float({ default: 1e-12, min: 0, doc: 'the least length that is divided by' }),
  },
  build(b: LayerBuilder, [x], p) {
    checkFloat(b.check, 'l1', x.type);
    checkAxis(b.check, 'l2', p.axis, x.type.dims.length);
    const length = b.op(reduceL2, [x], { axes: [axisIn(p.axis, x.type.dims.length)], keepdims: true });
    return b.op(div, [x, p.eps === 0 ? length : b.op(max, [length, b.scalar(x.type.elem, p.eps)])]);
  },
});

/**
 * Qiao et al. 2019, arXiv:1903.10520: weight standardisation, with the variance of all elements. Of constants the passes make a
 * constant.
 */
export const standardizeLayer = defineLayer({
  name: 'standardize',
  summary: '(x − mean) / √(variance + eps), over all axes but the first: the weight of a convolution, filter by filter',
  source: 'timm StdConv2d; Qiao et al. 2019 (weight standardisation)',
  family: 'Normalisation',
  params: {
    eps: float({ positional: true, default: 1e-6, min: 0, doc: 'added to the variance' }),
    axes: ints({ default: [], doc: 'the axes that share a mean and a variance; none stands for all but the first' }),
  },
  build(b: LayerBuilder, [x], p) {
    const rank = x.type.dims.length;
    checkFloat(b.check, 'l1', x.type);
    checkAxes(b.check, 'l2', p.axes, rank);
    const axes = p.axes.length > 0 ? axesOrAll(p.axes, rank) : x.type.dims.flatMap((_, i) => (i > 0 ? [i] : []));
    b.check('l3', axes.length > 0, typeText(x.type), 'a tensor of rank 2 or more, or axes=');
    const centred = centredOver(b, x, axes);
    const squares = b.op(reduceMean, [b.op(mul, [centred, centred])], { axes, keepdims: true });
    const shifted = p.eps === 0 ? squares : b.op(add, [squares, b.scalar(x.type.elem, p.eps)]);
    return b.op(div, [centred, b.op(sqrt, [shifted])]);
  },
});

export const momentLayers: readonly Layer[] = [varLayer, stdLayer];
export const lengthLayers: readonly Layer[] = [l2NormalizeLayer, standardizeLayer];
