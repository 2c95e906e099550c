/**
 * Elementwise ONNX operators over constants, where no lift says the node: trigonometry-7 (-22), IsNaN-13 (-20), IsInf-10 (-20),
 * Mod-13, BitShift-11, Bitwise…-18, Xor-7, Equal-13 (-19), Pow-13 (-15), Max-13, Min-13, Mean-13, Clip-13, and activations with
 * other constants: HardSigmoid-6 (-22), Selu-6 (-22), ThresholdedRelu-10 (-22), Shrink-9, Swish-24. Source: onnx/onnx,
 * docs/Operators.md.
 */
import { outside } from '../../diagnostics/at.ts';
import { type HostTensor, isFloat } from '../../ir/types.ts';
import { integersOf, isWideElem, tensorOfIntegers } from '../../ir/wide.ts';
import { broadcastShape, map1, map2 as mapPairs, wrapInteger } from '../common.ts';
import { exp, expm1, log1p, pow } from '../math.ts';
import {
  type Attributes,
  countIn,
  noNaN,
  notAgreed,
  notHeld,
  numbers,
  type OnnxCall,
  type OnnxEvaluator,
  operand,
  truths,
  undefinedByOnnx,
  wholes,
} from './call.ts';
import { acos, asin, atan } from './trigonometry.ts';

const sinh = (x: number): number => {
  const t = expm1(Math.abs(x));
  if (t === Infinity) return x < 0 ? -Infinity : Infinity;
  return (x < 0 ? -0.5 : 0.5) * (t + t / (t + 1));
};
const cosh = (x: number): number => (exp(x) + exp(-x)) / 2;
const asinh = (x: number): number => {
  const size = Math.abs(x);
  if (size > 2 ** 28) return notAgreed(`asinh of ${x}`, 'a smaller number');
  const y = log1p(size + (size * size) / (1 + Math.sqrt(1 + size * size)));
  return x < 0 ? -y : y;
};
const acosh = (x: number): number => {
  if (x > 2 ** 28) return notAgreed(`acosh of ${x}`, 'a smaller number');
  return x < 1 ? Number.NaN : log1p(x - 1 + Math.sqrt(2 * (x - 1) + (x - 1) * (x - 1)));
};
const atanh = (x: number): number => {
  const size = Math.abs(x);
  if (size >= 1) return size > 1 ? Number.NaN : x * Infinity;
  const y = 0.5 * log1p((2 * size) / (1 - size));
  return x < 0 ? -y : y;
};

type Unary = (x: number, attributes: Attributes) => number;

/** f of every float. What compares is not computed of NaN, which runtimes treat as they please. */
const floats =
  (f: Unary, of: 'any' | 'numbers' = 'numbers'): OnnxEvaluator =>
  (call) => {
    const x = numbers(call, 0);
    if (!isFloat(x.elem)) notAgreed(x.elem, 'floats');
    if (of === 'numbers') noNaN(x);
    return [{ elem: x.elem, dims: x.dims, data: map1(x.data, (n) => f(n, call.attributes)) }];
  };

const hardSigmoid: Unary = (x, a) => Math.max(0, Math.min(1, a.float('alpha', 0.2) * x + a.float('beta', 0.5)));
const selu: Unary = (x, a) => {
  const [alpha, gamma] = [a.float('alpha', 1.6732632423543772), a.float('gamma', 1.0507009873554805)];
  return gamma * (x > 0 ? x : alpha * expm1(x));
};
const thresholdedRelu: Unary = (x, a) => (x > a.float('alpha', 1) ? x : 0);
const shrink: Unary = (x, a) => {
  const [limit, bias] = [a.float('lambd', 0.5), a.float('bias', 0)];
  return x < -limit ? x + bias : x > limit ? x - bias : 0;
};
const swish: Unary = (x, a) => x / (1 + exp(-a.float('alpha', 1) * x));

const notNumber: OnnxEvaluator = (call) => {
  const x = operand(call, 0);
  return [truths(x.dims, isFloat(x.elem) ? map1(x.data, (n) => (Number.isNaN(n) ? 1 : 0)) : notAgreed(x.elem, 'floats'))];
};

const infinite: OnnxEvaluator = (call) => {
  const x = operand(call, 0);
  if (!isFloat(x.elem)) notAgreed(x.elem, 'floats');
  const [low, high] = [call.attributes.flag('detect_negative', true), call.attributes.flag('detect_positive', true)];
  return [
    truths(
      x.dims,
      map1(x.data, (n) => ((low && n === -Infinity) || (high && n === Infinity) ? 1 : 0)),
    ),
  ];
};

/** `mapPairs` where the result is not too large. */
function map2(a: HostTensor, b: HostTensor, f: (a: number, b: number) => number): ReturnType<typeof mapPairs> {
  countIn(broadcastShape(a.dims, b.dims));
  return mapPairs(a, b, f);
}

function pair(call: OnnxCall): readonly [HostTensor, HostTensor] {
  const [a, b] = [operand(call, 0), operand(call, 1)];
  if (a.elem !== b.elem) undefinedByOnnx(`${a.elem} and ${b.elem}`, 'one type');
  return [a, b];
}

/** f of every pair of integers of one type, which wraps around. */
function integers(call: OnnxCall, f: (a: bigint, b: bigint) => bigint): readonly HostTensor[] {
  const [a, b] = pair(call);
  if (isFloat(a.elem)) notAgreed(a.elem, 'integers');
  const [p, q] = [integersOf(a), integersOf(b)];
  const places = (x: HostTensor): HostTensor => ({ elem: 'i64', dims: x.dims, data: Float64Array.from(x.data, (_, i) => i) });
  const out: bigint[] = [];
  const { dims } = map2(places(a), places(b), (i, j) => out.push(f(p[i] ?? outside(), q[j] ?? outside())));
  if (isWideElem(a.elem)) return [tensorOfIntegers(a.elem, dims, out)];
  return [{ elem: a.elem, dims, data: Float64Array.from(out, (n) => wrapInteger(a.elem, Number(n))) }];
}

/** With the sign of the divisor, or of the dividend with fmod, which floats need. */
const mod: OnnxEvaluator = (call) => {
  const [a, b] = pair(call);
  const fmod = call.attributes.flag('fmod', false);
  if (!isFloat(a.elem))
    return integers(call, (x, y) => {
      if (y === 0n) undefinedByOnnx('a remainder by 0', 'another divisor');
      const rest = x % y;
      return fmod || rest === 0n || rest < 0n === y < 0n ? rest : rest + y;
    });
  if (!fmod) undefinedByOnnx('a remainder of floats', 'fmod=1');
  const y = map2(a, b, (x, z) => {
    if (!Number.isFinite(x) || !Number.isFinite(z) || z === 0) return notAgreed(`${x} modulo ${z}`, 'finite numbers');
    return x % z;
  });
  return [{ elem: a.elem, ...y }];
};

const bitShift: OnnxEvaluator = (call) => {
  const direction = call.attributes.string('direction');
  if (direction !== 'LEFT' && direction !== 'RIGHT') undefinedByOnnx(`direction ${direction}`, 'LEFT or RIGHT');
  const [{ elem }] = pair(call);
  const bits = BigInt(elem.replace(/\D/g, '') || 0);
  if (!elem.startsWith('u')) undefinedByOnnx(`shifts of ${elem}`, 'unsigned integers');
  return integers(call, (x, n) => {
    if (n >= bits) notAgreed(`a shift by ${n}`, `less than ${bits}`);
    return direction === 'LEFT' ? BigInt.asUintN(Number(bits), x << n) : x >> n;
  });
};

const bitwise =
  (f: (a: bigint, b: bigint) => bigint): OnnxEvaluator =>
  (call) =>
    integers(call, f);

const bitwiseNot: OnnxEvaluator = (call) => {
  const x = operand(call, 0);
  if (isFloat(x.elem) || x.elem === 'bool') undefinedByOnnx(x.elem, 'integers');
  const zero = { elem: x.elem, dims: [], data: Float64Array.of(0) };
  return integers({ ...call, inputs: [x, zero] }, (n) => ~n);
};

const xor: OnnxEvaluator = (call) => {
  const [a, b] = pair(call);
  const { dims, data } = map2(a, b, (x, y) => ((x !== 0) !== (y !== 0) ? 1 : 0));
  return [truths(dims, data)];
};

const equal: OnnxEvaluator = (call) => {
  const [a, b] = pair(call);
  if (a.wide || b.wide) notHeld('integers beyond 2^53');
  const { dims, data } = map2(a, b, (x, y) => (x === y ? 1 : 0));
  return [truths(dims, data)];
};

/** Of floats, with an exponent of any type. */
const power: OnnxEvaluator = (call) => {
  const [x, y] = [numbers(call, 0), numbers(call, 1)];
  if (!isFloat(x.elem)) notAgreed(`a power of ${x.elem}`, 'floats');
  return [{ elem: x.elem, ...map2(x, y, pow) }];
};

/** All operands, from the left. */
const nary =
  (f: (a: number, b: number) => number, finish: (total: number, count: number) => number = (total) => total): OnnxEvaluator =>
  (call) => {
    const all = call.inputs.map((_, i) => numbers(call, i));
    const [first, ...rest] = all;
    const { elem } = first ?? undefinedByOnnx('no operand', 'one');
    if (all.some((x) => x.elem !== elem)) undefinedByOnnx('operands of several types', elem);
    noNaN(...all);
    // onnxruntime compares the lower 32 bits of vectors.
    if (isWideElem(elem) && all.some((x) => x.data.some((n) => Math.abs(n) >= 2 ** 31)))
      notAgreed('large integers', 'smaller ones');
    const start = { dims: broadcastShape(...all.map((x) => x.dims)), elem };
    const folded = rest.reduce<HostTensor>(
      (total, x) => ({ elem, ...map2(total, x, f) }),
      first ?? { ...start, data: new Float64Array() },
    );
    return [{ ...folded, data: map1(folded.data, (n) => finish(n, all.length)) }];
  };

const mean: OnnxEvaluator = (call) => {
  if (!isFloat(operand(call, 0).elem)) notAgreed('a mean of integers', 'floats');
  return nary(
    (a, b) => a + b,
    (total, count) => total / count,
  )(call);
};

/** The upper bound holds where the two cross. A bound left out is none; of infinities runtimes do not agree then. */
const clip: OnnxEvaluator = (call) => {
  const x = numbers(call, 0);
  const bound = (index: number): number | undefined => (call.inputs[index] ? numbers(call, index).data[0] : undefined);
  const [low, high] = [bound(1), bound(2)];
  noNaN(x, call.inputs[1], call.inputs[2]);
  if (x.data.some((n) => !Number.isFinite(n))) notAgreed('an infinity', 'finite numbers');
  const data = map1(x.data, (n) => Math.min(Math.max(n, low ?? -Infinity), high ?? Infinity));
  return [isFloat(x.elem) ? { elem: x.elem, dims: x.dims, data } : wholes(x.elem, x.dims, data)];
};

export const arithmeticEvaluators: Readonly<Record<string, OnnxEvaluator>> = {
  Acos: floats(acos, 'any'),
  Asin: floats(asin, 'any'),
  Atan: floats(atan, 'any'),
  Sinh: floats(sinh, 'any'),
  Cosh: floats(cosh, 'any'),
  Asinh: floats(asinh, 'any'),
  Acosh: floats(acosh, 'any'),
  Atanh: floats(atanh, 'any'),
  HardSigmoid: floats(hardSigmoid),
  Selu: floats(selu),
  ThresholdedRelu: floats(thresholdedRelu),
  Shrink: floats(shrink),
  Swish: floats(swish),
  IsNaN: notNumber,
  IsInf: infinite,
  Mod: mod,
  BitShift: bitShift,
  BitwiseAnd: bitwise((a, b) => a & b),
  BitwiseOr: bitwise((a, b) => a | b),
  BitwiseXor: bitwise((a, b) => a ^ b),
  BitwiseNot: bitwiseNot,
  Xor: xor,
  Equal: equal,
  Pow: power,
  Max: nary(Math.max),
  Min: nary(Math.min),
  Mean: mean,
  Clip: clip,
};
