/**
 * Functions of one element, softmax, and their layers, each with ONNX's operator. One file, because it is a list of small records
 * over `activation-function.ts`.
 */
import { outside } from '../diagnostics/at.ts';
import type { Check, InferContext, Operator } from '../ir/operator.ts';
import { type HostTensor, isFloat, typeText } from '../ir/types.ts';
import { activation, always, onnxFloat } from './activation-function.ts';
import { given, numberAttr, stringAttr } from './attrs.ts';
import { alongAxis } from './axes.ts';
import {
  aroundAxis,
  axisIn,
  checkAxis,
  checkFloat,
  checkNumeric,
  checkSameElem,
  dimsText,
  map1,
  map2,
  sameDim,
  sampleDims,
  wrapAll,
} from './common.ts';
import { defineLayer, defineOperator, type Layer, type LayerBuilder, layerOf } from './define.ts';
import { mul, neg, reciprocal, sqrt, sub, tanh } from './elementwise.ts';
import { erf, exp, expm1, log, log1p, tanh as portableTanh } from './math.ts';
import { choice, float, int, optional } from './params.ts';
import { unsqueeze } from './reshape.ts';
import { broadcastingTraits, functionTraits, gatheringTraits } from './traits.ts';
import { wideUnary } from './wide.ts';

export const relu = activation({
  name: 'relu',
  summary: 'max(x, 0)',
  form: { op: 'Relu' },
  traits: {
    homogeneous: 'positive',
    keepsZero: true,
    idempotent: true,
    involution: false,
    sign: 'always',
    thresholds: 'unknown',
    roundsOnce: true,
  },
  f: always((x) => Math.max(x, 0)),
});

export const leakyRelu = activation({
  name: 'leaky_relu',
  summary: 'x for x ≥ 0, slope · x below',
  form: { op: 'LeakyRelu', attrs: { slope: { name: 'alpha', default: 0.01 } } },
  attrs: { slope: { kind: 'float', default: 0.01, doc: 'factor below 0' } },
  traits: {
    homogeneous: 'positive',
    keepsZero: true,
    idempotent: false,
    involution: false,
    sign: 'all',
    thresholds: 'unknown',
    roundsOnce: 'unknown',
  },
  f(attrs) {
    const slope = numberAttr(attrs, 'slope');
    return (x) => (x < 0 ? slope * x : x);
  },
  sampleAttrs: (source) => ({ slope: source.pick([0.01, 0.1, 0.25]) }),
});

export const elu = activation({
  name: 'elu',
  summary: 'x for x > 0, alpha · (eˣ − 1) below',
  form: { op: 'Elu', attrs: { alpha: { name: 'alpha', default: 1 } } },
  attrs: { alpha: { kind: 'float', default: 1, doc: 'what it falls to, negated' } },
  traits: {
    homogeneous: 'no',
    keepsZero: true,
    idempotent: false,
    involution: false,
    sign: 'all',
    thresholds: 'unknown',
    roundsOnce: 'unknown',
  },
  f(attrs) {
    const alpha = numberAttr(attrs, 'alpha');
    return (x) => (x > 0 ? x : alpha * expm1(x));
  },
  sampleAttrs: (source) => ({ alpha: source.pick([0.5, 1, 1.5]) }),
});

/** Klambauer et al. 2017, arXiv:1706.02515; the two constants are ONNX Selu-6's and PyTorch's. */
const seluAlpha = 1.6732632423543772;
const seluGamma = 1.0507009873554805;
export const selu = activation({
  name: 'selu',
  summary: '1.0507 · x for x > 0, 1.0507 · 1.6733 · (eˣ − 1) below',
  onnx: ['Selu'],
  traits: {
    homogeneous: 'no',
    keepsZero: true,
    idempotent: false,
    involution: false,
    sign: 'all',
    thresholds: 'unknown',
    roundsOnce: 'unknown',
  },
  f: always((x) => seluGamma * (x > 0 ? x : seluAlpha * expm1(x))),
  lower: (builder, x, type) => builder.node('Selu', [x], { alpha: onnxFloat(seluAlpha), gamma: onnxFloat(seluGamma) }, type),
});

export const celu = activation({
  name: 'celu',
  summary: 'max(x, 0) + min(0, alpha · (e^(x/alpha) − 1))',
  form: { op: 'Celu', attrs: { alpha: { name: 'alpha', default: 1 } } },
  onnx: ['Celu', 'Elu', 'Mul', 'Div'],
  attrs: { alpha: { kind: 'float', default: 1, doc: 'what it falls to, negated; not 0' } },
  traits: {
    homogeneous: 'no',
    keepsZero: true,
    idempotent: false,
    involution: false,
    sign: 'all',
    thresholds: 'unknown',
    roundsOnce: 'unknown',
  },
  f(attrs) {
    const alpha = numberAttr(attrs, 'alpha');
    return (x) => Math.max(x, 0) + Math.min(0, alpha * expm1(x / alpha));
  },
  lower(builder, x, type, attrs) {
    const alpha = numberAttr(attrs, 'alpha');
    if (type.elem === 'f32') return builder.node('Celu', [x], { alpha: onnxFloat(alpha) }, type);
    // Celu-12 is defined for float32 alone: celu(x) = alpha · elu(x / alpha) for alpha > 0.
    if (alpha <= 0) return builder.refuse('Celu exists for f32 alone, and alpha is not positive', 'cast(f32)');
    const scale = builder.scalar(type.elem, alpha);
    const inner = builder.node('Elu', [builder.node('Div', [x, scale], {}, type)], { alpha: onnxFloat(1) }, type);
    return builder.node('Mul', [inner, scale], {}, type);
  },
  sampleAttrs: (source) => ({ alpha: source.pick([0.5, 1, 1.5]) }),
});

export function logistic(x: number): number {
  if (x >= 0) return 1 / (1 + exp(-x));
  const e = exp(x);
  return e / (1 + e);
}
export const sigmoid = activation({
  name: 'sigmoid',
  summary: '1 / (1 + e⁻ˣ)',
  form: { op: 'Sigmoid' },
  traits: {
    homogeneous: 'no',
    keepsZero: false,
    idempotent: false,
    involution: false,
    sign: 'always',
    thresholds: 'no',
    roundsOnce: 'unknown',
  },
  f: always(logistic),
  low: -2,
});

/** PyTorch's: relu6(x + 3) / 6. ONNX's own default slope is 0.2 instead of 1/6. */
const hardLogistic = (x: number): number => Math.min(Math.max(x / 6 + 0.5, 0), 1);
const hardLogisticAttrs = { alpha: onnxFloat(1 / 6), beta: onnxFloat(0.5) };
export const hardsigmoid = activation({
  name: 'hardsigmoid',
  summary: 'x / 6 + 1/2, kept within 0 and 1',
  onnx: ['HardSigmoid'],
  traits: {
    homogeneous: 'no',
    keepsZero: false,
    idempotent: false,
    involution: false,
    sign: 'always',
    thresholds: 'unknown',
    roundsOnce: 'unknown',
  },
  f: always(hardLogistic),
  lower: (builder, x, type) => builder.node('HardSigmoid', [x], hardLogisticAttrs, type),
});

export const hardswish = activation({
  name: 'hardswish',
  summary: 'x · hardsigmoid(x)',
  form: { op: 'HardSwish' },
  onnx: ['HardSwish', 'HardSigmoid', 'Mul'],
  traits: {
    homogeneous: 'no',
    keepsZero: true,
    idempotent: false,
    involution: false,
    sign: 'all',
    thresholds: 'unknown',
    roundsOnce: 'unknown',
  },
  f: always((x) => x * hardLogistic(x)),
  lower(builder, x, type) {
    if (builder.has('HardSwish', type.elem)) return builder.node('HardSwish', [x], {}, type);
    return builder.node('Mul', [x, builder.node('HardSigmoid', [x], hardLogisticAttrs, type)], {}, type);
  },
});

export const silu = activation({
  name: 'silu',
  summary: 'x · sigmoid(x)',
  onnx: ['Sigmoid', 'Mul'],
  traits: {
    homogeneous: 'no',
    keepsZero: true,
    idempotent: false,
    involution: false,
    sign: 'all',
    thresholds: 'no',
    roundsOnce: 'unknown',
  },
  f: always((x) => x * logistic(x)),
  low: -2,
  lower: (builder, x, type) => builder.node('Mul', [x, builder.node('Sigmoid', [x], {}, type)], {}, type),
});

/** √(2/π), of the form of GELU that uses tanh. */
const geluScale = 0.7978845608028654;
/** Hendrycks and Gimpel 2016, arXiv:1606.08415. ONNX Gelu-20. */
export const gelu = activation({
  name: 'gelu',
  summary: 'x · Φ(x), with the normal distribution Φ or its approximation by tanh',
  onnx: ['Gelu', 'Erf', 'Tanh', 'Pow', 'Add', 'Mul', 'Div'],
  attrs: { approximate: { kind: 'string', default: 'none', values: ['none', 'tanh'], doc: 'how Φ is computed' } },
  traits: {
    homogeneous: 'no',
    keepsZero: true,
    idempotent: false,
    involution: false,
    sign: 'all',
    thresholds: 'no',
    roundsOnce: 'unknown',
  },
  f(attrs) {
    if (stringAttr(attrs, 'approximate') === 'tanh')
      return (x) => 0.5 * x * (1 + portableTanh(geluScale * (x + 0.044715 * x * x * x)));
    return (x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2));
  },
  lower(builder, x, type, attrs) {
    const approximate = stringAttr(attrs, 'approximate');
    if (builder.has('Gelu', type.elem))
      return builder.node('Gelu', [x], { approximate: { kind: 'string', value: approximate } }, type);
    // Below, in the two spellings that runtimes fuse (onnxruntime's GeluFusion and FastGeluFusion, OpenVINO, TensorRT).
    const number = (value: number): string => builder.scalar(type.elem, value);
    const op = (name: string, ...inputs: readonly string[]): string => builder.node(name, inputs, {}, type);
    if (approximate === 'none') {
      const inner = op('Add', op('Erf', op('Div', x, number(Math.SQRT2))), number(1));
      return op('Mul', op('Mul', x, inner), number(0.5));
    }
    const half = op('Mul', x, number(0.5));
    const cube = op('Mul', op('Pow', x, number(3)), number(0.044715));
    const inner = op('Tanh', op('Mul', op('Add', x, cube), number(geluScale)));
    return op('Mul', half, op('Add', inner, number(1)));
  },
  low: -1.5,
  sampleAttrs: (source) => ({ approximate: source.pick(['none', 'tanh']) }),
});

/** log(1 + eˣ); the larger part stands outside, so that nothing overflows. */
const softplusOf = (x: number): number => Math.max(x, 0) + log1p(exp(-Math.abs(x)));
export const softplus = activation({
  name: 'softplus',
  summary: 'log(1 + eˣ)',
  form: { op: 'Softplus' },
  traits: {
    homogeneous: 'no',
    keepsZero: false,
    idempotent: false,
    involution: false,
    sign: 'always',
    thresholds: 'no',
    roundsOnce: 'unknown',
  },
  f: always(softplusOf),
});

export const softsign = activation({
  name: 'softsign',
  summary: 'x / (1 + |x|)',
  form: { op: 'Softsign' },
  traits: {
    homogeneous: 'no',
    keepsZero: true,
    idempotent: false,
    involution: false,
    sign: 'all',
    thresholds: 'no',
    roundsOnce: 'unknown',
  },
  f: always((x) => x / (1 + Math.abs(x))),
});

/** Misra 2019, arXiv:1908.08681. ONNX Mish-18. */
export const mish = activation({
  name: 'mish',
  summary: 'x · tanh(softplus(x))',
  form: { op: 'Mish' },
  onnx: ['Mish', 'Softplus', 'Tanh', 'Mul'],
  traits: {
    homogeneous: 'no',
    keepsZero: true,
    idempotent: false,
    involution: false,
    sign: 'all',
    thresholds: 'no',
    roundsOnce: 'unknown',
  },
  f: always((x) => x * portableTanh(softplusOf(x))),
  lower(builder, x, type) {
    if (builder.has('Mish', type.elem)) return builder.node('Mish', [x], {}, type);
    const inner = builder.node('Tanh', [builder.node('Softplus', [x], {}, type)], {}, type);
    return builder.node('Mul', [x, inner], {}, type);
  },
});

/** ONNX Clip-13; torch.clamp. A bound that is infinite is not written. */
export const clamp = defineOperator({
  name: 'clamp',
  summary: 'x kept within two bounds',
  onnx: ['Clip', 'Identity'],
  operands: [{ name: 'x', doc: 'the tensor' }],
  attrs: {
    min: { kind: 'float', default: -Infinity, doc: 'smallest result' },
    max: { kind: 'float', default: Infinity, doc: 'largest result' },
  },
  traits: functionTraits({
    homogeneous: 'no',
    keepsZero: ({ attrs }) => numberAttr(attrs, 'min') <= 0 && numberAttr(attrs, 'max') >= 0,
    idempotent: true,
    involution: false,
    sign: ({ attrs }) => (numberAttr(attrs, 'min') >= 0 ? 'always' : numberAttr(attrs, 'max') >= 0 ? 'all' : 'no'),
    thresholds: (attrs) => [numberAttr(attrs, 'min'), numberAttr(attrs, 'max')],
    dims: 'unknown',
    roundsOnce: true,
  }),
  infer(context: InferContext) {
    const { operands, attrs } = context;
    const check: Check = context.check;
    const x = given(operands, 0);
    checkNumeric(check, 'c1', x);
    const bounds = [numberAttr(attrs, 'min'), numberAttr(attrs, 'max')];
    const whole = isFloat(x.elem) || bounds.every((b) => Number.isInteger(b) || Math.abs(b) === Infinity);
    check('c2', whole, `bounds ${bounds.join(' and ')} for ${typeText(x)}`, 'integers as bounds of integers');
    return [x];
  },
  evaluate(operands, attrs) {
    const x = given(operands, 0);
    const low = numberAttr(attrs, 'min');
    const high = numberAttr(attrs, 'max');
    return [
      {
        elem: x.elem,
        dims: x.dims,
        data: wrapAll(
          x.elem,
          map1(x.data, (v) => Math.min(Math.max(v, low), high)),
        ),
      },
    ];
  },
  evaluateWide(operands, attrs) {
    const low = numberAttr(attrs, 'min');
    const high = numberAttr(attrs, 'max');
    const within = (x: bigint): bigint => {
      const raised = Number.isFinite(low) && x < BigInt(low) ? BigInt(low) : x;
      return Number.isFinite(high) && raised > BigInt(high) ? BigInt(high) : raised;
    };
    return wideUnary(within)(operands);
  },
  lower(builder, node, operands) {
    const { type } = node.y;
    const bound = (name: string): string | undefined => {
      const value = numberAttr(node.attrs, name);
      return Math.abs(value) === Infinity ? undefined : builder.scalar(type.elem, value);
    };
    const low = bound('min');
    const high = bound('max');
    if (low === undefined && high === undefined) return [builder.node('Identity', operands, {}, type)];
    return [builder.node('Clip', [operands[0], low, ...(high === undefined ? [] : [high])], {}, type)];
  },
  sample(source) {
    const dims = Array.from({ length: source.int(0, 3) }, () => source.int(1, 5));
    const elem = source.pick(['f32', 'f32', 'i64'] as const);
    const attrs = { ...(source.bool() && { min: -1 }), ...(source.bool() && { max: source.pick([0, 1]) }) };
    return { operands: [source.tensor(dims, { elem, low: -5, high: 5 })], attrs };
  },
});

/** He et al. 2015, arXiv:1502.01852. ONNX PRelu-9 (-16): the slope broadcasts to x, never the other way. */
export const prelu = defineOperator({
  name: 'prelu',
  summary: 'x for x ≥ 0, slope · x below, with a learned slope',
  form: { op: 'PRelu' },
  onnx: ['PRelu'],
  operands: [
    { name: 'x', doc: 'the tensor' },
    { name: 'slope', doc: 'broadcasts to x: [1], or [C, 1, 1] for one per channel' },
  ],
  attrs: {},
  traits: broadcastingTraits({
    commutative: false,
    homogeneous: 'positive',
    keepsZero: true,
    sign: 'first',
    thresholds: 'unknown',
    dims: 'unknown',
    roundsOnce: 'unknown',
  }),
  infer(context: InferContext) {
    const { operands } = context;
    const check: Check = context.check;
    const x = given(operands, 0);
    const slope = given(operands, 1);
    checkFloat(check, 'c1', x);
    checkSameElem(check, 'c2', x, slope);
    const shift = x.dims.length - slope.dims.length;
    const fits = slope.dims.every((d, i) => {
      const own = x.dims[i + shift];
      return d.constant === 1 || (own !== undefined && sameDim(d, own));
    });
    check('c3', fits && shift >= 0, `a slope ${dimsText(slope.dims)} for ${dimsText(x.dims)}`, 'a slope that broadcasts to x');
    return [x];
  },
  evaluate(operands) {
    const x = given(operands, 0);
    return [{ elem: x.elem, ...map2(x, given(operands, 1), (v, slope) => (v < 0 ? slope * v : v)) }];
  },
  lower: (builder, node, operands) => [builder.node('PRelu', operands, {}, node.y.type)],
  sample(source) {
    const dims = sampleDims(source, 1, 4);
    const slope = source.bool() ? [1] : dims.slice(source.int(0, dims.length - 1)).map((d) => (source.bool() ? d : 1));
    return { operands: [source.tensor(dims), source.tensor(slope, { low: 0, high: 1 })], attrs: {} };
  },
});

/** Along one axis: eˣ over its sum, or the logarithm of that. ONNX Softmax-13, LogSoftmax-13. */
function softmaxLike(name: string, summary: string, onnx: string, logarithm: boolean): Operator {
  return defineOperator({
    name,
    summary,
    onnx: [onnx],
    operands: [{ name: 'x', doc: 'the tensor' }],
    attrs: { axis: { kind: 'int', default: -1, doc: 'the axis along which the results make up a distribution' } },
    traits: gatheringTraits({
      homogeneous: 'no',
      channelwise: false,
      keepsZero: false,
      idempotent: false,
      sign: logarithm ? 'no' : 'always',
      handsOn: false,
      axes: alongAxis,
      resamples: false,
      dims: 'unknown',
      roundsOnce: 'unknown',
    }),
    infer(context: InferContext) {
      const { operands, attrs } = context;
      const check: Check = context.check;
      const x = given(operands, 0);
      checkFloat(check, 'c1', x);
      checkAxis(check, 'c2', numberAttr(attrs, 'axis'), x.dims.length);
      return [x];
    },
    evaluate(operands, attrs): readonly HostTensor[] {
      const x = given(operands, 0);
      const { outer, size, inner } = aroundAxis(x.dims, axisIn(numberAttr(attrs, 'axis'), x.dims.length));
      const data = new Float64Array(x.data.length);
      for (let o = 0; o < outer; o++) {
        for (let i = 0; i < inner; i++) {
          const at = o * size * inner + i;
          let top = -Infinity;
          for (let k = 0; k < size; k++) top = Math.max(top, x.data[at + k * inner] ?? outside());
          let sum = 0;
          for (let k = 0; k < size; k++) {
            const e = exp((x.data[at + k * inner] ?? outside()) - top);
            data[at + k * inner] = e;
            sum += e;
          }
          const shift = top + log(sum);
          for (let k = 0; k < size; k++) {
            const place = at + k * inner;
            data[place] = logarithm ? (x.data[place] ?? outside()) - shift : (data[place] ?? outside()) / sum;
          }
        }
      }
      return [{ elem: x.elem, dims: x.dims, data }];
    },
    lower(builder, node, operands) {
      const axis = axisIn(numberAttr(node.attrs, 'axis'), node.x.type.dims.length);
      return [builder.node(onnx, operands, { axis: { kind: 'int', value: axis } }, node.y.type)];
    },
    sample(source) {
      const dims = Array.from({ length: source.int(1, 4) }, () => source.int(1, 5));
      return { operands: [source.tensor(dims)], attrs: { axis: source.int(-dims.length, dims.length - 1) } };
    },
  });
}

export const softmax = softmaxLike('softmax', 'eˣ over its sum along an axis', 'Softmax', false);
export const logSoftmax = softmaxLike('log_softmax', 'Logarithm of the softmax along an axis', 'LogSoftmax', true);

const family = 'Activations';
const withoutParams = (operator: Operator, source: string): Layer => layerOf(operator, { source, family, params: {} });

const axisParam = int({ positional: true, default: -1, doc: 'the axis along which the results make up a distribution' });

export const clampLayer = defineLayer({
  name: 'clamp',
  summary: clamp.summary,
  source: 'torch.clamp',
  family,
  params: {
    min: optional(float({ positional: true, doc: 'smallest result' })),
    max: optional(float({ positional: true, doc: 'largest result' })),
  },
  build(builder: LayerBuilder, [x], p) {
    const bounded = p.min !== undefined || p.max !== undefined;
    builder.check('c3', bounded, 'no bound', '`min`, `max` or both', 'clamp(min=0)');
    return builder.op(clamp, [x], { ...(p.min !== undefined && { min: p.min }), ...(p.max !== undefined && { max: p.max }) });
  },
});

export const relu6Layer = defineLayer({
  name: 'relu6',
  summary: 'x kept within 0 and 6',
  source: 'torch.nn.ReLU6',
  family,
  params: {},
  build: (builder, [x]) => builder.op(clamp, [x], { min: 0, max: 6 }),
});

export const hardtanhLayer = defineLayer({
  name: 'hardtanh',
  summary: 'x kept within two bounds',
  source: 'torch.nn.Hardtanh',
  family,
  params: {
    min: float({ positional: true, default: -1, doc: 'smallest result' }),
    max: float({ positional: true, default: 1, doc: 'largest result' }),
  },
  build: (builder, [x], p) => builder.op(clamp, [x], { min: p.min, max: p.max }),
});

export const logsigmoidLayer = defineLayer({
  name: 'logsigmoid',
  summary: 'log(sigmoid(x)) = −softplus(−x)',
  source: 'torch.nn.LogSigmoid',
  family,
  params: {},
  build: (builder, [x]) => builder.op(neg, [builder.op(softplus, [builder.op(neg, [x])])]),
});

export const tanhshrinkLayer = defineLayer({
  name: 'tanhshrink',
  summary: 'x − tanh(x)',
  source: 'torch.nn.Tanhshrink',
  family,
  params: {},
  build: (builder, [x]) => builder.op(sub, [x, builder.op(tanh, [x])]),
});

export const squareLayer = defineLayer({
  name: 'square',
  summary: 'x · x',
  source: 'torch.square',
  family,
  params: {},
  build: (builder, [x]) => builder.op(mul, [x, x]),
});

export const rsqrtLayer = defineLayer({
  name: 'rsqrt',
  summary: '1 / √x',
  source: 'torch.rsqrt',
  family,
  params: {},
  build: (builder, [x]) => builder.op(reciprocal, [builder.op(sqrt, [x])]),
});

export const preluLayer = defineLayer({
  name: 'prelu',
  summary: prelu.summary,
  source: 'torch.nn.PReLU',
  family,
  params: {
    num: int({ positional: true, min: 1, default: 1, doc: 'slopes: 1 for all, or the number of channels' }),
    init: float({ default: 0.25, doc: 'what every slope begins as' }),
  },
  weights: [{ name: 'weight', shape: '[num]' }],
  build(builder: LayerBuilder, [x], p) {
    const rank = x.type.dims.length;
    const channels = rank < 2 ? x.type.dims[0] : x.type.dims[1];
    const fits = p.num === 1 || channels?.constant === p.num;
    builder.check('c4', fits, `num=${p.num} for ${typeText(x.type)}`, `1, or as many as channels`, `prelu(${channels ?? 1})`);
    const weight = builder.weight('weight', [p.num], { init: true, kind: 'fill', value: p.init });
    if (p.num === 1 || rank <= 2) return builder.op(prelu, [x, weight]);
    const axes = Array.from({ length: rank - 2 }, (_, i) => i + 1);
    return builder.op(prelu, [x, builder.op(unsqueeze, [weight], { axes })]);
  },
});

export const activationOperators: readonly Operator[] = [
  relu,
  leakyRelu,
  prelu,
  elu,
  selu,
  celu,
  sigmoid,
  hardsigmoid,
  hardswish,
  silu,
  gelu,
  softplus,
  softsign,
  mish,
  clamp,
  softmax,
  logSoftmax,
];

export const activationLayers: readonly Layer[] = [
  withoutParams(relu, 'torch.nn.ReLU'),
  relu6Layer,
  layerOf(leakyRelu, {
    source: 'torch.nn.LeakyReLU',
    family,
    params: { slope: float({ positional: true, default: 0.01, doc: 'factor below 0; torch calls it negative_slope' }) },
  }),
  preluLayer,
  layerOf(elu, {
    source: 'torch.nn.ELU',
    family,
    params: { alpha: float({ positional: true, default: 1, doc: 'what it falls to, negated' }) },
  }),
  withoutParams(selu, 'torch.nn.SELU'),
  layerOf(celu, {
    source: 'torch.nn.CELU',
    family,
    params: { alpha: float({ positional: true, default: 1, doc: 'what it falls to, negated; not 0' }) },
  }),
  withoutParams(sigmoid, 'torch.nn.Sigmoid'),
  logsigmoidLayer,
  withoutParams(hardsigmoid, 'torch.nn.Hardsigmoid'),
  withoutParams(hardswish, 'torch.nn.Hardswish'),
  withoutParams(silu, 'torch.nn.SiLU'),
  layerOf(gelu, {
    source: 'torch.nn.GELU',
    family,
    params: { approximate: choice(['none', 'tanh'], { default: 'none', doc: 'how the normal distribution is computed' }) },
  }),
  withoutParams(softplus, 'torch.nn.Softplus'),
  withoutParams(softsign, 'torch.nn.Softsign'),
  withoutParams(mish, 'torch.nn.Mish'),
  tanhshrinkLayer,
  clampLayer,
  hardtanhLayer,
  layerOf(softmax, { source: 'torch.nn.Softmax', family, params: { axis: axisParam } }),
  layerOf(logSoftmax, { source: 'torch.nn.LogSoftmax', family, params: { axis: axisParam } }),
  squareLayer,
  rsqrtLayer,
];
