/**
 * Pools over as many parts of the grid as asked for: torch.nn.AdaptiveAvgPool1d/2d/3d, AdaptiveMaxPool1d/2d/3d. With L elements
 * before and M after, part i is the elements from ⌊i·L / M⌋ to, but without, ⌈(i + 1)·L / M⌉: parts of unequal size, which may
 * overlap, and which repeat elements where M is larger than L. L and M may be symbolic.
 *
 * Axis by axis, ONNX says it as
 *   a plain pool             where all parts are as long and as far apart: L a multiple of M, 7 to 3, …
 *   a product with a matrix  of an average of known sizes, [L, M], which holds 1 / (size of the part)
 *   Gather and a reduction   else: the elements of every part side by side, the last one again where a part is shorter than the
 *                            longest; of an average those that repeat weigh nothing
 */
import { outside } from '../diagnostics/at.ts';
import { Dim } from '../ir/dim.ts';
import { elemFacts } from '../ir/elem.ts';
import type { Node, Value } from '../ir/graph.ts';
import type { Attrs, Check, InferContext, OnnxBuilder, Operator, SampleSource } from '../ir/operator.ts';
import { promiseFor } from '../ir/solve.ts';
import { elementCount, type HostTensor, isFloat, type TensorType, typeText } from '../ir/types.ts';
import { dimsAttr, given, numbersAttr, onnxInt } from './attrs.ts';
import { aroundAxis, constantDims, dimsText, neededByWindows } from './common.ts';
import { defineLayer, defineOperator, type Layer, type LayerBuilder } from './define.ts';
import { dims } from './params.ts';
import { avgpool, globalAvgpool, globalMaxpool, maxpool } from './pool.ts';
import { gatheringTraits } from './traits.ts';
import { spatialAxes } from './window.ts';

/** The first element of part i of `parts`, and the one behind its last. */
function partOf(length: number, parts: number, i: number): { readonly start: number; readonly end: number } {
  return { start: Math.floor((i * length) / parts), end: Math.ceil(((i + 1) * length) / parts) };
}

function partsOf(length: number, parts: number): readonly ReturnType<typeof partOf>[] {
  return Array.from({ length: parts }, (_, i) => partOf(length, parts, i));
}

/** A window that is every part of an axis. */
interface Plain {
  readonly kernel: number;
  readonly stride: number;
}

/** The pool of one axis, where all parts are as long and as far apart; undefined where they are not, or nobody knows. */
function plainWindow(length: Dim, parts: Dim): Plain | undefined {
  const share = length.divideExactly(parts)?.constant;
  if (share !== undefined && share > 0) return { kernel: share, stride: share };
  const [size, count] = [length.constant, parts.constant];
  // Of more parts than elements some begin at the same one.
  if (size === undefined || count === undefined || count < 1 || count > Math.min(size, maxParts)) return undefined;
  const all = partsOf(size, count);
  const kernel = (all[0]?.end ?? 0) - (all[0]?.start ?? 0);
  const stride = all[1]?.start ?? size;
  const alike = all.every(({ start, end }, i) => start === i * stride && end - start === kernel);
  return alike && stride > 0 && Math.floor((size - kernel) / stride) + 1 === count ? { kernel, stride } : undefined;
}

type Kind = 'average' | 'maximum';

/** Larger matrices are not written into a file: a part of a long axis has few elements. */
const maxMatrix = 2 ** 15;
/** Places that are written into the file; those of more are worked out when it runs. */
const maxListed = 2 ** 22;
/** Parts that are looked at one by one. */
const maxParts = 2 ** 20;

/** [L, M]: column i averages part i. */
function averaging(elem: TensorType['elem'], length: number, parts: number): HostTensor {
  const data = new Float64Array(length * parts);
  partsOf(length, parts).forEach(({ start, end }, i) => {
    for (let at = start; at < end; at++) data[at * parts + i] = 1 / (end - start);
  });
  return { elem, dims: [length, parts], data };
}

/** The axes of the grid one after the other, each from a value of the type so far. */
class Lowering {
  readonly #b: OnnxBuilder;
  readonly #kind: Kind;
  #x: string;
  #type: TensorType;

  constructor(b: OnnxBuilder, kind: Kind, x: string, type: TensorType) {
    this.#b = b;
    this.#kind = kind;
    this.#x = x;
    this.#type = type;
  }

  run(size: readonly Dim[]): string {
    const grid = this.#type.dims.slice(2);
    const windows = grid.map((length, i) => plainWindow(length, size[i] ?? Dim.one));
    this.#plain(windows);
    windows.forEach((window, i) => {
      if (!window) this.#axis(i + 2, size[i] ?? Dim.one);
    });
    return this.#x;
  }

  #write(op: string, inputs: readonly string[], attrs: Parameters<OnnxBuilder['node']>[2], dims: readonly Dim[]): void {
    this.#type = { elem: this.#type.elem, dims };
    this.#x = this.#b.node(op, [this.#x, ...inputs], attrs, this.#type);
  }

  /** One pool for all axes that have a window. */
  #plain(windows: readonly (Plain | undefined)[]): void {
    if (windows.every((window) => !window || window.kernel === 1)) return;
    const of = (pick: (window: Plain) => number): readonly number[] => windows.map((window) => (window ? pick(window) : 1));
    const [kernel, strides] = [of(({ kernel }) => kernel), of(({ stride }) => stride)];
    const dims = this.#type.dims.map((d, i) => {
      const window = windows[i - 2];
      return window ? d.minus(window.kernel).floordiv(window.stride).plus(1) : d;
    });
    const attrs = { kernel_shape: { kind: 'ints', value: kernel }, strides: { kind: 'ints', value: strides } } as const;
    this.#write(this.#kind === 'average' ? 'AveragePool' : 'MaxPool', [], attrs, dims);
  }

  #axis(axis: number, parts: Dim): void {
    const length = this.#type.dims[axis] ?? Dim.one;
    const result = this.#type.dims.map((d, i) => (i === axis ? parts : d));
    if (parts.constant === 1) return this.#reduce(this.#kind === 'average' ? 'ReduceMean' : 'ReduceMax', axis, true, result);
    const [size, count] = [length.constant, parts.constant];
    const last = axis === this.#type.dims.length - 1;
    const known = size !== undefined && count !== undefined;
    if (this.#kind === 'average' && known && last && size * count <= maxMatrix)
      return this.#write('MatMul', [this.#b.constant(averaging(this.#type.elem, size, count))], {}, result);
    if (this.#kind === 'average' && known && axis === this.#type.dims.length - 2 && size * count <= maxMatrix) {
      const matrix = averaging(this.#type.elem, size, count);
      const turned = Float64Array.from(
        { length: size * count },
        (_, i) => matrix.data[(i % size) * count + Math.floor(i / size)] ?? outside(),
      );
      const left = this.#b.constant({ elem: matrix.elem, dims: [count, size], data: turned });
      this.#type = { elem: this.#type.elem, dims: result };
      this.#x = this.#b.node('MatMul', [left, this.#x], {}, this.#type);
      return undefined;
    }
    const listed = known && count * (Math.ceil(size / count) + 1) <= maxListed;
    const { places, weights, longest } = listed ? this.#knownParts(size, count) : this.#computedParts(length, parts);
    const beside = [...result.slice(0, axis + 1), longest, ...result.slice(axis + 1)];
    this.#write('Gather', [places], { axis: onnxInt(axis) }, beside);
    if (weights !== undefined) this.#write('Mul', [this.#trailing(weights, parts, longest, axis)], {}, beside);
    return this.#reduce(this.#kind === 'average' ? 'ReduceSum' : 'ReduceMax', axis + 1, false, result);
  }

  #reduce(op: string, axis: number, keep: boolean, dims: readonly Dim[]): void {
    const keepdims = onnxInt(keep ? 1 : 0);
    if (op === 'ReduceSum' || this.#b.opset >= 18) this.#write(op, [this.#b.i64([axis])], { keepdims }, dims);
    else this.#write(op, [], { axes: { kind: 'ints', value: [axis] }, keepdims }, dims);
  }

  /** Weights [M, K] as they lie along the axes of what was gathered. */
  #trailing(weights: string, parts: Dim, longest: Dim, axis: number): string {
    const behind = this.#type.dims.length - axis - 2;
    if (behind === 0) return weights;
    const axes = Array.from({ length: behind }, (_, i) => i + 2);
    const dims = [parts, longest, ...axes.map(() => Dim.one)];
    return this.#b.node('Unsqueeze', [weights, this.#b.i64(axes)], {}, { elem: this.#type.elem, dims });
  }

  /** Places [M, K] along an axis of known length, and for an average their weights. */
  #knownParts(length: number, count: number) {
    const parts = partsOf(length, count);
    const longest = Math.max(...parts.map(({ start, end }) => end - start));
    const cell = (f: (part: ReturnType<typeof partOf>, j: number) => number): Float64Array =>
      Float64Array.from({ length: count * longest }, (_, i) => f(parts[Math.floor(i / longest)] ?? outside(), i % longest));
    const dims = [count, longest];
    const places = cell(({ start, end }, j) => Math.min(start + j, end - 1));
    const weights = cell(({ start, end }, j) => (start + j < end ? 1 / (end - start) : 0));
    return {
      places: this.#b.constant({ elem: 'i64', dims, data: places }),
      weights: this.#kind === 'average' ? this.#b.constant({ elem: this.#type.elem, dims, data: weights }) : undefined,
      longest: Dim.of(longest),
    };
  }

  /**
   * The same, computed when it runs. A part has at most ⌈L / M⌉ + 1 elements. All numbers are at least 0, so that Div rounds
   * down.
   */
  #computedParts(length: Dim, parts: Dim) {
    const b = this.#b;
    const longest = length.ceildiv(parts).plus(1);
    const column = [parts, Dim.one];
    const table = [parts, longest];
    const i64 = (op: string, inputs: readonly string[], dims: readonly Dim[]): string =>
      b.node(op, inputs, {}, { elem: 'i64', dims });
    const counting = (count: Dim): string => {
      const end = b.node('Squeeze', [b.dims([count]), b.i64([0])], {}, { elem: 'i64', dims: [] });
      return i64('Range', [b.scalar('i64', 0), end, b.scalar('i64', 1)], [count]);
    };
    const [size, count] = [b.dims([length]), b.dims([parts])];
    const i = i64('Unsqueeze', [counting(parts), b.i64([1])], column);
    const scaled = i64('Mul', [i, size], column);
    const start = i64('Div', [scaled, count], column);
    const upper = i64('Add', [scaled, b.dims([length.plus(parts).minus(1)])], column);
    const last = i64('Sub', [i64('Div', [upper, count], column), b.i64([1])], column);
    const free = i64('Add', [start, counting(longest)], table);
    const places = i64('Min', [free, last], table);
    if (this.#kind === 'maximum') return { places, weights: undefined, longest };
    const { elem } = this.#type;
    const to = { to: onnxInt(elemFacts[elem].onnx) };
    const inside = b.node('LessOrEqual', [free, last], {}, { elem: 'bool', dims: table });
    const live = b.node('Cast', [inside], to, { elem, dims: table });
    const sizes = i64('Add', [i64('Sub', [last, start], column), b.i64([1])], column);
    const divisor = b.node('Cast', [sizes], to, { elem, dims: column });
    return { places, weights: b.node('Div', [live, divisor], {}, { elem, dims: table }), longest };
  }
}

const sizeAttr = { kind: 'dims', doc: 'the resulting grid, one number per spatial axis' } as const;

function inferAdaptive(context: InferContext, kind: Kind): readonly TensorType[] {
  const { operands, attrs } = context;
  const check: Check = context.check;
  const x = given(operands, 0);
  check('c1', x.dims.length >= 3, typeText(x), 'a tensor [N, channels, ...grid] with at least one spatial axis');
  const right = isFloat(x.elem) || (kind === 'maximum' && (x.elem === 'i8' || x.elem === 'u8'));
  check('c2', right, typeText(x), kind === 'average' ? 'a tensor of floats' : 'a tensor of floats, i8 or u8', 'cast(f32)');
  const size = dimsAttr(attrs, 'size');
  const axes = x.dims.length - 2;
  check('c3', size.length === axes, `a grid ${dimsText(size)} for ${typeText(x)}`, `${axes} sizes, one per spatial axis`);
  const small = size.find((d) => d.lowerBound < 1);
  const provably = small?.constant === undefined ? ', for all sizes of the inputs' : '';
  check('c4', small === undefined, `a grid ${dimsText(size)}`, `sizes of at least 1${provably}`, small && promiseFor(small, 1));
  return [{ elem: x.elem, dims: [...x.dims.slice(0, 2), ...size] }];
}

/** Every part of an axis becomes the one number that `combine` makes of `count` elements, `inner` apart. */
function poolAxis(
  x: HostTensor,
  axis: number,
  parts: number,
  combine: (data: Float64Array, from: number, step: number, count: number) => number,
): HostTensor {
  const { outer, size, inner } = aroundAxis(x.dims, axis);
  const out = x.dims.map((d, i) => (i === axis ? parts : d));
  const data = new Float64Array(elementCount(out));
  partsOf(size, parts).forEach(({ start, end }, p) => {
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < inner; i++)
        data[(o * parts + p) * inner + i] = combine(x.data, (o * size + start) * inner + i, inner, end - start);
    }
  });
  return { elem: x.elem, dims: out, data };
}

function mean(data: Float64Array, from: number, step: number, count: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += data[from + i * step] ?? outside();
  return sum / count;
}

function most(data: Float64Array, from: number, step: number, count: number): number {
  let found = data[from] ?? outside();
  for (let i = 1; i < count; i++) {
    const v = data[from + i * step] ?? outside();
    if (v > found || Number.isNaN(v)) found = v;
  }
  return found;
}

/** Parts of parts are no parts of the whole, but those of an axis are; so axes are pooled one after the other. */
function evaluateAdaptive(x: HostTensor, attrs: Attrs, combine: typeof mean): readonly HostTensor[] {
  return [numbersAttr(attrs, 'size').reduce((y, parts, i) => poolAxis(y, i + 2, parts, combine), x)];
}

function sampleAdaptive(source: SampleSource) {
  const grid = Array.from({ length: source.int(1, 3) }, () => source.int(1, 9));
  const size = grid.map((length) => source.pick([length, source.int(1, 5), Math.ceil(length / 2), 1]));
  return { operands: [source.tensor([source.int(1, 2), source.int(1, 2), ...grid])], attrs: { size: constantDims(size) } };
}

const facts = { channelwise: true, keepsZero: true, idempotent: true, sign: 'first', handsOn: true, axes: 'unknown' } as const;

/** What works out the places of parts when the model runs. */
const computedPlaces = ['Range', 'Squeeze', 'Unsqueeze', 'Mul', 'Add', 'Sub', 'Div', 'Min'];

export const adaptiveAvgpool = defineOperator({
  name: 'adaptive_avgpool',
  summary: 'Average over as many parts of the grid as asked for',
  onnx: ['AveragePool', 'MatMul', 'ReduceMean', 'Gather', 'ReduceSum', ...computedPlaces, 'LessOrEqual', 'Cast'],
  operands: [{ name: 'x', doc: '[N, C, ...grid]' }],
  attrs: { size: sizeAttr },
  traits: gatheringTraits({ ...facts, homogeneous: 'any', resamples: true, dims: 'unknown', roundsOnce: 'unknown' }),
  infer: (context: InferContext) => inferAdaptive(context, 'average'),
  evaluate: (operands, attrs) => evaluateAdaptive(given(operands, 0), attrs, mean),
  needs: neededByWindows,
  lower: (b, node, operands) => [lowerAdaptive(b, node, given(operands, 0), 'average')],
  sample: sampleAdaptive,
});

export const adaptiveMaxpool = defineOperator({
  name: 'adaptive_maxpool',
  summary: 'Maximum over as many parts of the grid as asked for',
  onnx: ['MaxPool', 'ReduceMax', 'Gather', ...computedPlaces],
  operands: [{ name: 'x', doc: '[N, C, ...grid]' }],
  attrs: { size: sizeAttr },
  traits: gatheringTraits({ ...facts, homogeneous: 'positive', resamples: true, dims: 'unknown', roundsOnce: true }),
  infer: (context: InferContext) => inferAdaptive(context, 'maximum'),
  evaluate: (operands, attrs) => evaluateAdaptive(given(operands, 0), attrs, most),
  needs: neededByWindows,
  lower: (b, node, operands) => [lowerAdaptive(b, node, given(operands, 0), 'maximum')],
  sample: sampleAdaptive,
});

function lowerAdaptive(b: OnnxBuilder, node: Node, x: string, kind: Kind): string {
  const y = new Lowering(b, kind, x, node.x.type).run(dimsAttr(node.attrs, 'size'));
  return y === x ? b.node('Identity', [x], {}, node.y.type) : y;
}

/** What a pool says that is the same everywhere is a pool; the rest is the operator, which says it when the sizes are known. */
function build(
  b: LayerBuilder,
  x: Value,
  given: readonly Dim[],
  of: { adaptive: Operator; plain: Operator; whole: Operator },
): Value {
  const axes = spatialAxes(b, x, of.adaptive.name);
  const [only] = given;
  const size = given.length === 1 && only ? Array.from({ length: axes }, () => only) : given;
  const grid = x.type.dims.slice(2);
  if (size.length === axes) {
    if (size.every((d) => d.constant === 1)) return b.op(of.whole, [x]);
    // The parts of an equal grid are its elements.
    if (size.every((d, i) => grid[i]?.equals(d) === 'yes')) return x;
    const windows = grid.map((length, i) => plainWindow(length, size[i] ?? Dim.one));
    const [kernel, stride] = [windows.flatMap((w) => w?.kernel ?? []), windows.flatMap((w) => w?.stride ?? [])];
    if (kernel.length === axes) return b.op(of.plain, [x], { kernel, stride });
  }
  return b.op(of.adaptive, [x], { size });
}

const params = {
  size: dims({ positional: true, doc: 'the resulting grid, as in `7x7` or `[H / 2, 1]`; one number holds for every axis' }),
};

export const adaptiveAvgpoolLayer: Layer = defineLayer({
  name: adaptiveAvgpool.name,
  summary: adaptiveAvgpool.summary,
  source: 'torch.nn.AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d',
  family: 'Pooling',
  params,
  build: (b, [x], p) => build(b, x, p.size, { adaptive: adaptiveAvgpool, plain: avgpool, whole: globalAvgpool }),
});

export const adaptiveMaxpoolLayer: Layer = defineLayer({
  name: adaptiveMaxpool.name,
  summary: adaptiveMaxpool.summary,
  source: 'torch.nn.AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMaxPool3d',
  family: 'Pooling',
  params,
  build: (b, [x], p) => build(b, x, p.size, { adaptive: adaptiveMaxpool, plain: maxpool, whole: globalMaxpool }),
});
