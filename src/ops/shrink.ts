/**
 * Shrinkage: numbers near 0 become 0, and the others come nearer to it. ONNX Shrink-9; torch.nn.Softshrink, torch.nn.Hardshrink.
 */
import type { Attrs } from '../ir/operator.ts';
import { activation } from './activation-function.ts';
import { numberAttr } from './attrs.ts';
import { defineLayer } from './define.ts';
import { float } from './params.ts';

const family = 'Activations';

/** Of f32 whatever the tensor has, as every float attribute of ONNX: on which side of the bound a number lies hangs on it. */
const bounds = (attrs: Attrs): { readonly lambda: number; readonly bias: number } => ({
  lambda: Math.fround(numberAttr(attrs, 'lambda')),
  bias: Math.fround(numberAttr(attrs, 'bias')),
});

export const shrink = activation({
  name: 'shrink',
  summary: 'x + bias below −lambda, x − bias above lambda, 0 between',
  form: { op: 'Shrink', attrs: { lambda: { name: 'lambd', default: 0.5 }, bias: { name: 'bias', default: 0 } } },
  attrs: {
    lambda: { kind: 'float', default: 0.5, doc: 'up to here, on both sides of 0, the result is 0' },
    bias: { kind: 'float', default: 0, doc: 'by how much the others come nearer to 0' },
  },
  traits: {
    homogeneous: 'no',
    keepsZero: ({ attrs }) => bounds(attrs).lambda >= 0,
    idempotent: false,
    involution: false,
    sign: ({ attrs }) => (bounds(attrs).lambda >= 0 && bounds(attrs).bias <= bounds(attrs).lambda ? 'all' : 'no'),
    thresholds(attrs) {
      const { lambda, bias } = bounds(attrs);
      // Below 0 the first case takes all that the last would have.
      if (lambda < 0) return bias === 0 ? [] : [-lambda];
      return lambda === 0 && bias === 0 ? [] : [-lambda, lambda];
    },
    roundsOnce: 'unknown',
  },
  f(attrs) {
    const { lambda, bias } = bounds(attrs);
    return (x) => (x < -lambda ? x + bias : x > lambda ? x - bias : 0);
  },
  sampleAttrs(source) {
    const lambda = source.pick([0.25, 0.5, 1.5, -0.25]);
    return { lambda, bias: source.pick([0, Math.abs(lambda), 2]) };
  },
});

export const softshrinkLayer = defineLayer({
  name: 'softshrink',
  summary: 'x + lambda below −lambda, x − lambda above lambda, 0 between',
  source: 'torch.nn.Softshrink',
  family,
  params: {
    lambda: float({ positional: true, default: 0.5, doc: 'by how much numbers come nearer to 0; torch calls it lambd' }),
  },
  build: (builder, [x], { lambda }) => builder.op(shrink, [x], { lambda, bias: lambda }),
});

export const hardshrinkLayer = defineLayer({
  name: 'hardshrink',
  summary: 'x outside of ±lambda, 0 within',
  source: 'torch.nn.Hardshrink',
  family,
  params: { lambda: float({ positional: true, default: 0.5, doc: 'what is nearer to 0 becomes 0; torch calls it lambd' }) },
  build: (builder, [x], { lambda }) => builder.op(shrink, [x], { lambda, bias: 0 }),
});
