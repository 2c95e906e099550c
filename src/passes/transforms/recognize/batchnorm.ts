/** A scale and a shift of channels as one operator. */

import type { Value } from '../../../ir/graph.ts';
import { sameType } from '../../../ir/types.ts';
import * as w from '../../../tensor/algebra.ts';
import { type Affine, arithmeticOperators, arithmeticView, channelVector } from '../../analysis/affine.ts';
import { soleReader } from '../../analysis/uses.ts';
import { any, constant, either } from '../../engine/pattern.ts';
import { rule } from '../../engine/rule.ts';

/** s and t with an element per channel along axis 1; undefined where one is not there, or lies otherwise. */
function vectorsOf(x: Value, given: Affine): { readonly scale: w.WeightExpr; readonly shift: w.WeightExpr } | undefined {
  const { dims } = x.type;
  const channels = dims[1]?.constant;
  if (!given.scale || !given.shift || channels === undefined || dims.length < 3) return undefined;
  const [scale, shift] = [given.scale, given.shift].map((one) => channelVector(one, dims.length, 1, channels));
  return scale?.count === channels && shift?.count === channels ? { scale, shift } : undefined;
}

export const recognizeBatchnorm = rule({
  name: 'recognize/batchnorm',
  doc: `Puts one batchnorm in the place of a scale and a shift of channels.

  s·x + t  →  batchnorm(x; γ = s, β = t, μ = 0, σ² = 1, ε = 0)      likewise t − s·x, x/s − t, …

Exact when
  one-reader   only the shift reads the scaled, which is no output
  channels     both constants have one element per channel along axis 1 of three axes at least, and neither widens the shape
  kernel       the elements are f32 or f64, for which onnxruntime has it on a CPU
Rounding: that of 1/s, where x is divided; else none. Once, at the end, because arithmetic folds into more than a batchnorm does; not for WebGPU and CUDA, where it is not measured. On a CPU a
group norm that is spelled with it takes 0.55 to 0.75 of the time, and GroupNormalization-21, which onnxruntime takes apart, 1.5 to 1.9 times as long.
Source: ONNX BatchNormalization-15.`,
  match: either(['add', 'sub'], 'outer', either(arithmeticOperators, 'inner', any('x'), constant('c')), constant('d')).view(
    ({ outer, inner }) => {
      const [last, first] = [arithmeticView(outer), arithmeticView(inner)];
      // A shift may turn the sign of what it is subtracted from.
      const scale = first?.scale && (last?.scale ? w.mul(first.scale, last.scale) : first.scale);
      return last && first && !first.shift ? { outer, inner, x: first.x, affine: { scale, shift: last.shift } } : undefined;
    },
  ),
  exact: {
    'one-reader': ({ outer, inner }) => soleReader(inner.y) === outer,
    channels: ({ outer, x, affine }) => sameType(outer.y.type, x.type) && vectorsOf(x, affine) !== undefined,
    kernel: ({ x }) => x.type.elem === 'f32' || x.type.elem === 'f64',
  },
  rewrite({ outer, x, affine }, g) {
    const found = vectorsOf(x, affine);
    if (!found) return;
    const { scope } = outer.origin;
    const vectors = [
      [found.scale, 'weight'],
      [found.shift, 'bias'],
      [w.fullLike(found.shift, found.shift.dims, 0), 'running_mean'],
      [w.fullLike(found.shift, found.shift.dims, 1), 'running_var'],
    ] as const;
    const operands = vectors.map(([content, name]) => g.constant(content, 'constant', `${scope}.${name}`));
    g.replace(outer.y, g.node('batchnorm', [x, ...operands], { eps: 0 }, outer));
  },
});
