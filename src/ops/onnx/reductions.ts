/**
 * ONNX operators that sum, compare or norm, over constants, where no lift says the node: Reduce…-13 (-18, -20), ArgMax-13 and
 * ArgMin-13, Hardmax-13, LpNormalization-1 (-22), GlobalLpPool-2 (-22), LRN-13, MeanVarianceNormalization-13,
 * GroupNormalization-18 (-21), RMSNormalization-23, Det-11 (-22), windows-17. Source: onnx/onnx, docs/Operators.md.
 */
import { outside } from '../../diagnostics/at.ts';
import { elementCount, type HostTensor, isFloat } from '../../ir/types.ts';
import { aroundAxis, map2, offsetsAlong, stridesOf } from '../common.ts';
import { cos, exp, log, pow } from '../math.ts';
import {
  axesAt,
  axisAt,
  countIn,
  integerAt,
  namedElem,
  noNaN,
  notAgreed,
  numbers,
  type OnnxCall,
  type OnnxEvaluator,
  stepsIn,
  undefinedByOnnx,
  wholes,
} from './call.ts';

/** The elements that each result is made of. */
function groupsOf(x: HostTensor, axes: readonly number[]): { starts: Int32Array; offsets: Int32Array; kept: readonly number[] } {
  const kept = x.dims.map((_, i) => i).filter((i) => !axes.includes(i));
  return { starts: offsetsAlong(x.dims, kept), offsets: offsetsAlong(x.dims, axes), kept };
}

type Total = (elements: Float64Array) => number;

interface Reduction {
  readonly total: Total;
  /** Of integers: all of them, those whose result is whole, or none. */
  readonly integers: 'all' | 'none';
  /** Whether it has a meaning of no elements. */
  readonly empty: boolean;
  /** Compares, so that NaN has no agreed meaning. */
  readonly compares?: boolean;
  /** The operand itself where no axis is named; the forms that do something to each element do not agree. */
  readonly passes: boolean;
}

const sum = (elements: Float64Array, f: (n: number) => number): number => elements.reduce((total, n) => total + f(n), 0);

/** log Σ exp x = m + log Σ exp(x − m), m the largest. */
function logSumExp(elements: Float64Array): number {
  const largest = elements.reduce((a, b) => Math.max(a, b), -Infinity);
  if (!Number.isFinite(largest)) return notAgreed(`${largest}`, 'finite numbers');
  return largest + log(sum(elements, (n) => exp(n - largest)));
}

const reductions: Readonly<Record<string, Reduction>> = {
  ReduceSum: { total: (all) => sum(all, (n) => n), integers: 'all', empty: true, passes: true },
  ReduceMean: { total: (all) => sum(all, (n) => n) / all.length, integers: 'none', empty: false, passes: true },
  ReduceProd: { total: (all) => all.reduce((a, b) => a * b, 1), integers: 'all', empty: true, passes: true },
  ReduceMax: {
    total: (all) => all.reduce((a, b) => Math.max(a, b)),
    integers: 'all',
    empty: false,
    compares: true,
    passes: true,
  },
  ReduceMin: {
    total: (all) => all.reduce((a, b) => Math.min(a, b)),
    integers: 'all',
    empty: false,
    compares: true,
    passes: true,
  },
  ReduceL1: { total: (all) => sum(all, Math.abs), integers: 'all', empty: true, passes: false },
  ReduceL2: { total: (all) => Math.sqrt(sum(all, (n) => n * n)), integers: 'none', empty: true, passes: false },
  ReduceSumSquare: { total: (all) => sum(all, (n) => n * n), integers: 'all', empty: true, passes: false },
  ReduceLogSum: { total: (all) => log(sum(all, (n) => n)), integers: 'none', empty: false, passes: false },
  ReduceLogSumExp: { total: logSumExp, integers: 'none', empty: false, compares: true, passes: false },
};

/** Axes by attribute or operand; an empty list is all of them, or none with `noop_with_empty_axes`. */
const reduction =
  ({ total, integers, empty, compares, passes }: Reduction): OnnxEvaluator =>
  (call) => {
    const x = numbers(call, 0);
    const { attributes } = call;
    const named = attributes.ints('axes') ?? (call.inputs[1] ? Array.from(numbers(call, 1).data) : []);
    const keepdims = attributes.flag('keepdims', true);
    if (named.length === 0 && attributes.flag('noop_with_empty_axes', false)) {
      return passes ? [x] : notAgreed('no axes', 'axes');
    }
    const axes = named.length === 0 ? x.dims.map((_, i) => i) : axesAt(named, x.dims.length);
    if (compares) noNaN(x);
    if (x.elem === 'bool') notAgreed('booleans', 'numbers');
    const { starts, offsets } = groupsOf(x, axes);
    if (offsets.length === 0 && !empty) notAgreed('no elements', 'some');
    const dims = x.dims.flatMap((d, i) => (!axes.includes(i) ? [d] : keepdims ? [1] : []));
    const elements = new Float64Array(offsets.length);
    const data = Float64Array.from(starts, (start) => {
      for (const [k, offset] of offsets.entries()) elements[k] = x.data[start + offset] ?? outside();
      return total(elements);
    });
    if (isFloat(x.elem)) return [{ elem: x.elem, dims, data }];
    if (integers === 'none') notAgreed(`integers of ${x.elem}`, 'floats');
    return [wholes(x.elem, dims, data)];
  };

const argExtreme =
  (better: (a: number, b: number) => boolean): OnnxEvaluator =>
  (call) => {
    const x = numbers(call, 0);
    noNaN(x);
    const axis = axisAt(call.attributes.int('axis', 0), x.dims.length);
    const last = call.attributes.flag('select_last_index', false);
    const keepdims = call.attributes.flag('keepdims', true);
    const { outer, size, inner } = aroundAxis(x.dims, axis);
    if (size === 0) undefinedByOnnx('no elements', 'some');
    const data = new Float64Array(outer * inner);
    for (const place of data.keys()) {
      const at = (n: number): number => x.data[(Math.floor(place / inner) * size + n) * inner + (place % inner)] ?? outside();
      let best = 0;
      for (let n = 1; n < size; n++) if (better(at(n), at(best)) || (last && at(n) === at(best))) best = n;
      data[place] = best;
    }
    return [{ elem: 'i64', dims: x.dims.flatMap((d, i) => (i !== axis ? [d] : keepdims ? [1] : [])), data }];
  };

function floatsOf(call: OnnxCall, index: number): HostTensor {
  const x = numbers(call, index);
  return isFloat(x.elem) ? x : notAgreed(x.elem, 'floats');
}

/** Every line along an axis by itself. */
function alongAxis(x: HostTensor, axis: number, f: (line: Float64Array) => Float64Array): HostTensor {
  const { outer, size, inner } = aroundAxis(x.dims, axis);
  const data = new Float64Array(x.data.length);
  const line = new Float64Array(size);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      for (let n = 0; n < size; n++) line[n] = x.data[(o * size + n) * inner + i] ?? outside();
      const out = f(line);
      for (let n = 0; n < size; n++) data[(o * size + n) * inner + i] = out[n] ?? outside();
    }
  }
  return { elem: x.elem, dims: x.dims, data };
}

/** 1 at the first of the largest, 0 elsewhere. */
const hardmax: OnnxEvaluator = (call) => {
  const x = floatsOf(call, 0);
  noNaN(x);
  const axis = axisAt(call.attributes.int('axis', -1), x.dims.length);
  return [
    alongAxis(x, axis, (line) => {
      const first = line.indexOf(line.reduce((a, b) => Math.max(a, b), -Infinity));
      return line.map((_, n) => (n === first ? 1 : 0));
    }),
  ];
};

const lpNormalization: OnnxEvaluator = (call) => {
  const x = floatsOf(call, 0);
  const p = call.attributes.int('p', 2);
  if (p !== 1 && p !== 2) undefinedByOnnx(`p=${p}`, '1 or 2');
  const axis = axisAt(call.attributes.int('axis', -1), x.dims.length);
  return [
    alongAxis(x, axis, (line) => {
      const norm = p === 1 ? sum(line, Math.abs) : Math.sqrt(sum(line, (n) => n * n));
      return line.map((n) => (norm === 0 ? 0 : n / norm));
    }),
  ];
};

const globalLpPool: OnnxEvaluator = (call) => {
  const x = floatsOf(call, 0);
  if (x.dims.length < 3) undefinedByOnnx(`rank ${x.dims.length}`, 'at least 3');
  const p = call.attributes.int('p', 2);
  const grid = elementCount(x.dims.slice(2));
  const data = new Float64Array(elementCount(x.dims.slice(0, 2)));
  for (const c of data.keys()) {
    const total = sum(x.data.subarray(c * grid, (c + 1) * grid), (n) => pow(Math.abs(n), p));
    data[c] = pow(total, 1 / p);
  }
  return [{ elem: x.elem, dims: x.dims.map((d, i) => (i < 2 ? d : 1)), data }];
};

/** x / (bias + alpha/size · Σ x²)^beta, the sum over neighbouring channels. */
const localResponse: OnnxEvaluator = (call) => {
  const x = floatsOf(call, 0);
  const { attributes: a } = call;
  const size = a.int('size');
  const [alpha, beta, bias] = [a.float('alpha', 0.0001), a.float('beta', 0.75), a.float('bias', 1)];
  const [before, after] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)];
  if (x.dims.length < 2 || size < 1) undefinedByOnnx(`rank ${x.dims.length}, size ${size}`, 'channels');
  stepsIn(x.data.length * Math.min(size, x.dims[1] ?? outside()));
  return [
    alongAxis(x, 1, (line) =>
      line.map((n, c) => {
        const near = sum(line.subarray(Math.max(0, c - before), c + after + 1), (m) => m * m);
        return n / pow(bias + (alpha / size) * near, beta);
      }),
    ),
  ];
};

/** (x − mean) / (√variance + 1e-9) over axes. */
const meanVariance: OnnxEvaluator = (call) => {
  const x = floatsOf(call, 0);
  const axes = axesAt(call.attributes.ints('axes') ?? [0, 2, 3], x.dims.length);
  return [normalized(x, axes, (variance) => Math.sqrt(variance) + 1e-9)];
};

function normalized(x: HostTensor, axes: readonly number[], divisor: (variance: number) => number): HostTensor {
  const { starts, offsets } = groupsOf(x, axes);
  const data = new Float64Array(x.data.length);
  for (const start of starts) {
    let mean = 0;
    for (const offset of offsets) mean += (x.data[start + offset] ?? outside()) / offsets.length;
    let variance = 0;
    for (const offset of offsets) variance += ((x.data[start + offset] ?? outside()) - mean) ** 2 / offsets.length;
    for (const offset of offsets) data[start + offset] = ((x.data[start + offset] ?? outside()) - mean) / divisor(variance);
  }
  return { elem: x.elem, dims: x.dims, data };
}

/** Scale and bias are per group before opset 21, and per channel from there on. */
const groupNormalization: OnnxEvaluator = (call) => {
  const [x, scale, bias] = [floatsOf(call, 0), floatsOf(call, 1), floatsOf(call, 2)];
  const [n = 0, c = 0, ...grid] = x.dims;
  const groups = call.attributes.int('num_groups');
  const eps = call.attributes.float('epsilon', 1e-5);
  const per = call.opset >= 21 ? c : groups;
  if (
    x.dims.length < 3 ||
    groups < 1 ||
    c % groups !== 0 ||
    scale.dims.join() !== String(per) ||
    bias.dims.join() !== String(per)
  )
    undefinedByOnnx(`${c} channels in ${groups} groups`, 'whole groups with a scale and bias');
  const flat = { ...x, dims: [n, groups, (c / groups) * elementCount(grid)] };
  const { data } = normalized(flat, [2], (variance) => Math.sqrt(variance + eps));
  const channel = elementCount(grid);
  const own = (i: number): number => Math.floor(((Math.floor(i / channel) % c) * per) / c);
  return [
    {
      elem: x.elem,
      dims: x.dims,
      data: data.map((y, i) => y * (scale.data[own(i)] ?? outside()) + (bias.data[own(i)] ?? outside())),
    },
  ];
};

/** x / √(mean x² + ε) · scale, over the axes from `axis` on. */
const rmsNormalization: OnnxEvaluator = (call) => {
  const [x, scale] = [floatsOf(call, 0), floatsOf(call, 1)];
  const axis = axisAt(call.attributes.int('axis', -1), x.dims.length);
  const eps = call.attributes.float('epsilon', 1e-5);
  const size = elementCount(x.dims.slice(axis));
  const data = new Float64Array(x.data.length);
  for (let from = 0; from < data.length; from += size) {
    const root = Math.sqrt(sum(x.data.subarray(from, from + size), (n) => n * n) / size + eps);
    for (let i = from; i < from + size; i++) data[i] = (x.data[i] ?? outside()) / root;
  }
  const y = map2({ ...x, data }, scale, (a, b) => a * b);
  return [
    y.dims.join() === x.dims.join() ? { elem: x.elem, ...y } : undefinedByOnnx('a scale of another shape', 'one that broadcasts'),
  ];
};

/** By elimination with partial pivoting. */
const determinant: OnnxEvaluator = (call) => {
  const x = floatsOf(call, 0);
  const n = x.dims.at(-1) ?? 0;
  if (x.dims.length < 2 || x.dims.at(-2) !== n) undefinedByOnnx(`[${x.dims.join(', ')}]`, 'square matrices');
  const dims = x.dims.slice(0, -2);
  const data = new Float64Array(elementCount(dims));
  stepsIn(x.data.length * n);
  for (const k of data.keys()) {
    const rows = Array.from({ length: n }, (_, r) => x.data.slice((k * n + r) * n, (k * n + r + 1) * n));
    let product = 1;
    for (let c = 0; c < n; c++) {
      let best = c;
      for (let r = c + 1; r < n; r++) if (Math.abs(rows[r]?.[c] ?? outside()) > Math.abs(rows[best]?.[c] ?? outside())) best = r;
      const [pivot, other] = [rows[best], rows[c]];
      if (!pivot || !other) break;
      if (best !== c) {
        rows[best] = other;
        rows[c] = pivot;
        product = -product;
      }
      const head = pivot[c] ?? outside();
      product *= head;
      if (head === 0) break;
      for (let r = c + 1; r < n; r++) {
        const row = rows[r];
        const factor = (row?.[c] ?? outside()) / head;
        for (let j = c; row && j < n; j++) row[j] = (row[j] ?? outside()) - factor * (pivot[j] ?? outside());
      }
    }
    data[k] = product;
  }
  return [{ elem: x.elem, dims, data }];
};

/** Σ aₖ cos(2πkn/N), N the size less one where it is not periodic. */
const window =
  (...terms: readonly number[]): OnnxEvaluator =>
  (call) => {
    const size = integerAt(call, 0);
    const period = call.attributes.flag('periodic', true) ? size : size - 1;
    if (size < 0 || period < 1) undefinedByOnnx(`a window of ${size}`, 'a longer one');
    const elem = namedElem(call, 'output_datatype', 'f32');
    if (!isFloat(elem)) notAgreed(`a window of ${elem}`, 'floats');
    const at = (n: number): number => terms.reduce((total, a, k) => total + a * cos((2 * Math.PI * k * n) / period), 0);
    return [{ elem, dims: [size], data: new Float64Array(countIn([size])).map((_, n) => at(n)) }];
  };

/** Matrix products of integers, where all sums are small; floats are lifted. */
const matmul: OnnxEvaluator = (call) => {
  const [a, b] = [numbers(call, 0), numbers(call, 1)];
  if (isFloat(a.elem) || a.elem !== b.elem) notAgreed(`${a.elem} and ${b.elem}`, 'integers of one type');
  const left = a.dims.length === 1 ? { ...a, dims: [1, ...a.dims] } : a;
  const right = b.dims.length === 1 ? { ...b, dims: [...b.dims, 1] } : b;
  const [m = 0, k = 0] = left.dims.slice(-2);
  const [rows = 0, n = 0] = right.dims.slice(-2);
  if (k !== rows || left.dims.length < 2 || right.dims.length < 2) undefinedByOnnx('shapes', 'matrices that multiply');
  const batches = (x: HostTensor): HostTensor => {
    const dims = x.dims.slice(0, -2);
    return { elem: 'i64', dims, data: new Float64Array(elementCount(dims)).map((_, i) => i) };
  };
  const pairs: (readonly [number, number])[] = [];
  const lead = map2(batches(left), batches(right), (i, j) => pairs.push([i, j]));
  const data = new Float64Array(countIn([...lead.dims, m, n]));
  stepsIn(data.length * k);
  for (const [t, [i, j]] of pairs.entries())
    for (let r = 0; r < m; r++)
      for (let c = 0; c < n; c++) {
        let total = 0;
        for (let q = 0; q < k; q++)
          total += (left.data[(i * m + r) * k + q] ?? outside()) * (right.data[(j * k + q) * n + c] ?? outside());
        data[(t * m + r) * n + c] = total;
      }
  const dims = [...lead.dims, ...(a.dims.length === 1 ? [] : [m]), ...(b.dims.length === 1 ? [] : [n])];
  return [wholes(a.elem, dims, data)];
};

/** Letters that the result has not are summed over. An ellipsis is not computed. */
const einsum: OnnxEvaluator = (call) => {
  const all = call.inputs.map((_, i) => floatsOf(call, i));
  const equation = call.attributes.string('equation').replace(/\s/g, '');
  const [left = '', right] = equation.split('->');
  const terms = left.split(',');
  if (!/^[A-Za-z,]*(->[A-Za-z]*)?$/.test(equation) || terms.length !== all.length)
    notAgreed(`equation ${equation}`, 'letters alone, a term per operand');
  const sizes = new Map<string, number>();
  for (const [i, term] of terms.entries()) {
    const dims = all[i]?.dims ?? [];
    if (term.length !== dims.length) undefinedByOnnx(`${term} of rank ${dims.length}`, 'a letter per axis');
    for (const [k, letter] of [...term].entries()) {
      const size = dims[k] ?? outside();
      if ((sizes.get(letter) ?? size) !== size) notAgreed(`two sizes of ${letter}`, 'one');
      sizes.set(letter, size);
    }
  }
  const letters = [...sizes.keys()];
  const counts = (letter: string): number => [...left].filter((one) => one === letter).length;
  const out = right === undefined ? letters.filter((one) => counts(one) === 1).sort() : [...right];
  if (new Set(out).size !== out.length || out.some((one) => !sizes.has(one)))
    undefinedByOnnx(`result ${right}`, 'letters of terms, once');
  const order = [...out, ...letters.filter((one) => !out.includes(one))];
  const shape = order.map((one) => sizes.get(one) ?? 1);
  stepsIn(elementCount(shape));
  const steps = terms.map((term, i) => {
    const strides = stridesOf(all[i]?.dims ?? []);
    return order.map((letter) =>
      [...term].reduce((total, one, k) => total + (one === letter ? (strides[k] ?? outside()) : 0), 0),
    );
  });
  const dims = out.map((one) => sizes.get(one) ?? 1);
  const data = new Float64Array(countIn(dims));
  const inner = elementCount(shape.slice(out.length));
  const position: number[] = shape.map(() => 0);
  const at: number[] = terms.map(() => 0);
  const count = elementCount(shape);
  for (let flat = 0; flat < count; flat++) {
    let product = 1;
    for (const [i, x] of all.entries()) product *= x.data[at[i] ?? outside()] ?? outside();
    const place = Math.floor(flat / inner);
    data[place] = (data[place] ?? outside()) + product;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const next = (position[axis] ?? outside()) + 1;
      const wraps = next === shape[axis];
      const move = wraps ? 1 - next : 1;
      position[axis] = wraps ? 0 : next;
      for (const [i, step] of steps.entries()) at[i] = (at[i] ?? outside()) + move * (step[axis] ?? outside());
      if (!wraps) break;
    }
  }
  return [{ elem: all[0]?.elem ?? 'f32', dims, data }];
};

export const reductionEvaluators: Readonly<Record<string, OnnxEvaluator>> = {
  ...Object.fromEntries(Object.entries(reductions).map(([name, one]) => [name, reduction(one)])),
  ArgMax: argExtreme((a, b) => a > b),
  ArgMin: argExtreme((a, b) => a < b),
  Hardmax: hardmax,
  LpNormalization: lpNormalization,
  GlobalLpPool: globalLpPool,
  LRN: localResponse,
  MeanVarianceNormalization: meanVariance,
  GroupNormalization: groupNormalization,
  RMSNormalization: rmsNormalization,
  Det: determinant,
  HannWindow: window(0.5, -0.5),
  HammingWindow: window(25 / 46, -21 / 46),
  BlackmanWindow: window(0.42, -0.5, 0.08),
  MatMul: matmul,
  Einsum: einsum,
};
