/**
 * Random residual networks as exporters write them, in the spelling of any opset from 7 to 23: convolutions with strides, groups,
 * dilations and uneven pads, batchnorms in every position, constants in every form that broadcasts, shared and repeated weights,
 * shape arithmetic, outputs in the middle, tensors without elements and without dimensions. The same seed makes the same case.
 * Numbers stay of the order of one, and nothing discontinuous reads what was computed, so that two right programs agree to
 * rounding.
 *
 * One file, because every way to write a network adds to the one network that is being made.
 */

import { roundTo } from '../../src/ir/round.ts';
import type { ElemType, HostTensor } from '../../src/ir/types.ts';
import { elementCount } from '../../src/ir/types.ts';
import { randomSource } from '../passes/support.ts';
import type { CaseAttribute, CaseBody, CaseInput, CaseNode, CaseType, OnnxCase } from './onnx-case.ts';

type Attributes = Readonly<Record<string, CaseAttribute>>;

const int = (value: number): CaseAttribute => ({ kind: 'int', value });
const ints = (value: readonly number[]): CaseAttribute => ({ kind: 'ints', value });
const float = (value: number): CaseAttribute => ({ kind: 'float', value });
const text = (value: string): CaseAttribute => ({ kind: 'string', value });

/** More elements than this make a case slow and show nothing new. */
const maxElements = 6000;

class Maker {
  readonly opset: number;
  readonly elem: ElemType;
  readonly nodes: CaseNode[] = [];
  readonly initializers = new Map<string, HostTensor>();
  readonly types = new Map<string, CaseType>();
  /** Floats of the case's element type that steps may read. */
  readonly values: string[] = [];
  readonly inputs: CaseInput[] = [];
  /** Whether sizes are left open; then constants of the grid's size, which pin them, are rare. */
  open = false;
  readonly #next: () => number;
  #count = 0;

  constructor(seed: number, lowest: number) {
    this.#next = randomSource(seed);
    this.opset = Math.max(lowest, this.int(7, 23));
    const kind = this.#next();
    this.elem = kind < 0.84 ? 'f32' : kind < 0.93 ? 'f64' : 'f16';
  }

  chance(p: number): boolean {
    return this.#next() < p;
  }

  int(low: number, high: number): number {
    return low + Math.floor(this.#next() * (high - low + 1));
  }

  pick<T>(of: readonly T[]): T {
    const one = of[Math.floor(this.#next() * of.length)];
    if (one === undefined) throw new Error('nothing to pick');
    return one;
  }

  shuffled<T>(of: readonly T[]): T[] {
    const out = [...of];
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.int(0, i);
      const [a, b] = [out[i], out[j]];
      if (a !== undefined && b !== undefined) [out[i], out[j]] = [b, a];
    }
    return out;
  }

  dims(name: string): readonly number[] {
    return this.typeOf(name).dims;
  }

  typeOf(name: string): CaseType {
    const type = this.types.get(name);
    if (!type) throw new Error(`no value ${name}`);
    return type;
  }

  fresh(hint: string): string {
    return `${hint}${this.#count++}`;
  }

  tensor(dims: readonly number[], kind: 'any' | 'positive' | 'zero' | 'one' = 'any', elem: ElemType = this.elem): HostTensor {
    const data = Float64Array.from({ length: elementCount(dims) }, () => {
      if (kind === 'zero') return 0;
      if (kind === 'one') return 1;
      return kind === 'positive' ? 0.5 + this.#next() : 2 * this.#next() - 1;
    });
    roundTo(elem, data);
    return { elem, dims, data };
  }

  /** An initialiser, or what a Constant node makes. */
  hold(tensor: HostTensor, asNode = 0.15): string {
    const name = this.fresh('c');
    this.types.set(name, { elem: tensor.elem, dims: tensor.dims });
    if (this.chance(asNode)) this.#push('Constant', [], [name], { value: { kind: 'tensor', value: tensor } });
    else this.initializers.set(name, tensor);
    return name;
  }

  /** A constant of the case's element type: new, one that is used already, or a copy of one. */
  weight(dims: readonly number[], kind: 'any' | 'positive' = 'any'): string {
    const alike = [...this.initializers].filter(
      ([, one]) =>
        one.elem === this.elem && one.dims.join() === dims.join() && (kind === 'any' || one.data.every((v) => v >= 0.4)),
    );
    if (alike.length > 0 && this.chance(0.12)) {
      const [name, tensor] = this.pick(alike);
      return this.chance(0.5) ? name : this.hold(tensor, 0);
    }
    const special = kind === 'any' && this.chance(0.05) ? this.pick(['zero', 'one'] as const) : kind;
    return this.hold(this.tensor(dims, special), 0.05);
  }

  sizes(values: readonly number[], dims: readonly number[] = [values.length]): string {
    return this.hold({ elem: 'i64', dims, data: Float64Array.from(values) }, 0.4);
  }

  scalar(value: number, dims: readonly number[] = []): string {
    const data = Float64Array.of(value);
    roundTo(this.elem, data);
    return this.hold({ elem: this.elem, dims, data }, 0.4);
  }

  #push(opType: string, inputs: readonly string[], outputs: readonly string[], attributes: Attributes, domain = ''): void {
    let trimmed = inputs;
    while (trimmed.at(-1) === '') trimmed = trimmed.slice(0, -1);
    const name = this.chance(0.85) ? `${opType.toLowerCase()}_${this.nodes.length}` : '';
    this.nodes.push({ name, opType, domain, inputs: trimmed, outputs, attributes });
  }

  /** A node of one result, of the case's element type unless said otherwise. */
  op(
    opType: string,
    inputs: readonly string[],
    dims: readonly number[],
    attributes: Attributes = {},
    elem: ElemType = this.elem,
    domain = '',
  ): string {
    const name = this.fresh('v');
    this.types.set(name, { elem, dims });
    this.#push(opType, inputs, [name], attributes, domain);
    return name;
  }

  ops(opType: string, inputs: readonly string[], results: readonly (readonly number[])[], attributes: Attributes = {}): string[] {
    const names = results.map((dims) => {
      const name = this.fresh('v');
      this.types.set(name, { elem: this.elem, dims });
      return name;
    });
    this.#push(opType, inputs, names, attributes);
    return names;
  }

  i64(opType: string, inputs: readonly string[], dims: readonly number[], attributes: Attributes = {}): string {
    return this.op(opType, inputs, dims, attributes, 'i64');
  }

  /** What steps may read from now on. */
  keep(name: string): string {
    this.values.push(name);
    return name;
  }

  recent(): string {
    return this.chance(0.6) ? (this.values.at(-1) ?? this.pick(this.values)) : this.pick(this.values);
  }

  /** A value of [N, C, ...grid], or undefined. */
  image(): string | undefined {
    const fits = this.values.filter((v) => this.dims(v).length >= 3 && this.dims(v).length <= 5);
    const last = fits.at(-1);
    return last === undefined || this.chance(0.6) ? last : this.pick(fits);
  }
}

function same(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((d, i) => d === b[i]);
}

function broadcast(a: readonly number[], b: readonly number[]): number[] | undefined {
  const rank = Math.max(a.length, b.length);
  const out: number[] = [];
  for (let i = 0; i < rank; i++) {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1) return undefined;
    out.push(x === 1 ? y : x);
  }
  return out;
}

const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);

/* Spellings that changed with the opset. */

function unsqueeze(m: Maker, x: string, axes: readonly number[]): string {
  const { elem, dims } = m.typeOf(x);
  const out = [...dims];
  for (const axis of [...axes].sort((a, b) => a - b)) out.splice(axis, 0, 1);
  if (m.opset < 13) return m.op('Unsqueeze', [x], out, { axes: ints(axes) }, elem);
  const given = m.chance(0.3) ? axes.map((a) => a - out.length) : axes;
  return m.op('Unsqueeze', [x, m.sizes(given)], out, {}, elem);
}

function squeeze(m: Maker, x: string, axes: readonly number[]): string {
  const { elem, dims } = m.typeOf(x);
  const out = dims.filter((_, i) => !axes.includes(i));
  if (m.opset < 13) return m.op('Squeeze', [x], out, { axes: ints(axes) }, elem);
  return m.op('Squeeze', [x, m.sizes(axes)], out, {}, elem);
}

function reduce(m: Maker, opType: string, x: string, axes: readonly number[], keep: boolean): string {
  const { elem, dims } = m.typeOf(x);
  const out = dims.map((d, i) => (axes.includes(i) ? 1 : d)).filter((_, i) => keep || !axes.includes(i));
  const asInput = m.opset >= 18 || (opType === 'ReduceSum' && m.opset >= 13);
  const flag: Attributes = keep && m.chance(0.5) ? {} : { keepdims: int(keep ? 1 : 0) };
  const given = m.opset >= 11 && m.chance(0.4) ? axes.map((a) => a - dims.length) : axes;
  if (asInput) return m.op(opType, [x, m.sizes(given)], out, flag, elem);
  return m.op(opType, [x], out, { ...flag, axes: ints(given) }, elem);
}

interface Cut {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

/** `end` may lie beyond the axis, or be the largest number; negative ones count from the end. */
function slice(m: Maker, x: string, cuts: readonly Cut[]): string | undefined {
  const { elem, dims } = m.typeOf(x);
  const out = [...dims];
  for (const { axis, start, end, step } of cuts) {
    const d = dims[axis] ?? 0;
    const from = Math.min(Math.max(start < 0 ? start + d : start, 0), step < 0 ? d - 1 : d);
    const to = Math.min(Math.max(end < 0 ? end + d : end, step < 0 ? -1 : 0), d);
    out[axis] = Math.max(0, Math.ceil((to - from) / step));
  }
  const starts = cuts.map((c) => c.start);
  const ends = cuts.map((c) => c.end);
  const axes = cuts.map((c) => c.axis);
  if (m.opset < 10) {
    if (cuts.some((c) => c.step !== 1)) return undefined;
    return m.op('Slice', [x], out, { starts: ints(starts), ends: ints(ends), axes: ints(axes) }, elem);
  }
  const steps = cuts.every((c) => c.step === 1) && m.chance(0.5) ? '' : m.sizes(cuts.map((c) => c.step));
  return m.op('Slice', [x, m.sizes(starts), m.sizes(ends), m.sizes(axes), steps], out, {}, elem);
}

function pad(m: Maker, x: string, pads: readonly number[], mode: string, value: number): string {
  const { elem, dims } = m.typeOf(x);
  const rank = dims.length;
  const out = dims.map((d, i) => d + (pads[i] ?? 0) + (pads[i + rank] ?? 0));
  const named: Attributes = mode === 'constant' && m.chance(0.5) ? {} : { mode: text(mode) };
  if (m.opset < 11) return m.op('Pad', [x], out, { ...named, pads: ints(pads), value: float(value) }, elem);
  const fill = mode !== 'constant' || (value === 0 && m.chance(0.5)) ? '' : m.scalar(value);
  if (m.opset >= 18 && m.chance(0.5)) {
    const axes = dims.map((_, i) => i).filter((i) => (pads[i] ?? 0) !== 0 || (pads[i + rank] ?? 0) !== 0);
    const some = [...axes.map((i) => pads[i] ?? 0), ...axes.map((i) => pads[i + rank] ?? 0)];
    if (axes.length > 0) return m.op('Pad', [x, m.sizes(some), fill, m.sizes(axes)], out, named, elem);
  }
  return m.op('Pad', [x, m.sizes(pads), fill], out, named, elem);
}

function clip(m: Maker, x: string, low: number | undefined, high: number | undefined): string {
  const dims = m.dims(x);
  if (m.opset < 11)
    return m.op('Clip', [x], dims, {
      ...(low !== undefined && { min: float(low) }),
      ...(high !== undefined && { max: float(high) }),
    });
  return m.op('Clip', [x, low === undefined ? '' : m.scalar(low), high === undefined ? '' : m.scalar(high)], dims);
}

/** Nearest, by whole factors. */
function enlarge(m: Maker, x: string, factor: number, mode: 'nearest' | 'linear'): string | undefined {
  const dims = m.dims(x);
  const scales = dims.map((_, i) => (i < 2 ? 1 : factor));
  const out = dims.map((d, i) => d * (scales[i] ?? 1));
  const tensor: HostTensor = { elem: 'f32', dims: [dims.length], data: Float64Array.from(scales) };
  if (m.opset < 9) return m.op('Upsample', [x], out, { scales: { kind: 'floats', value: scales }, mode: text('nearest') });
  const held = m.hold(tensor, 0.2);
  if (m.opset < 10) return m.op('Upsample', [x, held], out, { mode: text('nearest') });
  if (m.opset < 11) return m.op('Resize', [x, held], out, { mode: text('nearest') });
  const attributes: Attributes = {
    mode: text(mode),
    coordinate_transformation_mode: text(m.pick(['asymmetric', 'half_pixel'])),
    ...(mode === 'nearest' && { nearest_mode: text(m.pick(['floor', 'round_prefer_floor'])) }),
  };
  const empty = (): string => (m.opset < 13 ? m.hold({ elem: 'f32', dims: [0], data: new Float64Array(0) }, 0) : '');
  if (m.chance(0.5)) return m.op('Resize', [x, empty(), held], out, attributes);
  // As PyTorch writes it: the batch's and channels' sizes come from the value itself.
  const own = m.i64('Shape', [x], [dims.length]);
  const front = slice(m, own, [{ axis: 0, start: 0, end: 2, step: 1 }]);
  if (front === undefined) return undefined;
  const sizes = m.i64('Concat', [front, m.sizes(out.slice(2))], [dims.length], { axis: int(0) });
  return m.op('Resize', [x, empty(), empty(), sizes], out, attributes);
}

/** Softmax along one axis; before opset 13 it flattens from the axis on, which is the same for the last. */
function softmax(m: Maker, x: string): string | undefined {
  const dims = m.dims(x);
  const last = dims.length - 1;
  if (last < 0) return undefined;
  const axis = m.chance(0.7) ? last : m.int(0, last);
  return m.op(m.chance(0.8) ? 'Softmax' : 'LogSoftmax', [x], dims, { axis: int(axis) });
}

/* Shape arithmetic. */

/** One size of x as a scalar: Shape, Gather. */
function sizeOf(m: Maker, x: string, axis: number): string {
  const rank = m.dims(x).length;
  const shape = m.i64('Shape', [x], [rank]);
  const at = m.opset >= 11 && m.chance(0.2) ? axis - rank : axis;
  return m.i64('Gather', [shape, m.sizes([at], [])], [], { axis: int(0) });
}

function joined(m: Maker, parts: readonly (string | number)[]): string {
  const items = parts.map((part) => (typeof part === 'number' ? m.sizes([part]) : unsqueeze(m, part, [0])));
  return m.i64('Concat', items, [parts.length], { axis: int(0) });
}

function scaledSize(m: Maker, size: string, opType: 'Mul' | 'Div' | 'Add' | 'Sub', by: number): string {
  return m.i64(opType, [size, m.sizes([by], [])], []);
}

/** To [N, the rest], in one of the ways that exporters say it. */
function flatten(m: Maker, x: string): string {
  const dims = m.dims(x);
  const [n = 1] = dims;
  const rest = elementCount(dims.slice(1));
  const out = [n, rest];
  const zeroSize = rest === 0 || n === 0;
  switch (m.int(0, zeroSize ? 0 : m.open && m.chance(0.9) ? 3 : 5)) {
    case 0:
      return m.op('Flatten', [x], out, m.chance(0.5) ? {} : { axis: int(1) });
    case 1:
      return m.op('Reshape', [x, m.sizes([0, -1])], out);
    case 2:
      return m.op('Reshape', [x, joined(m, [sizeOf(m, x, 0), -1])], out);
    case 3: {
      const all = dims.slice(1).map((_, i) => sizeOf(m, x, i + 1));
      const product = all.reduce((a, b) => m.i64('Mul', [a, b], []));
      return m.op('Reshape', [x, joined(m, [sizeOf(m, x, 0), product])], out);
    }
    case 4:
      return m.op('Reshape', [x, m.sizes([-1, rest])], out);
    default:
      // Only right at the sizes of this case; legal all the same.
      return m.op('Reshape', [x, m.sizes(m.chance(0.5) ? out : [n, -1])], out);
  }
}

/** Reshapes into another form and back, as channel shuffle, attention and group norm do. */
function regroup(m: Maker, x: string): string | undefined {
  const dims = m.dims(x);
  const [n = 0, c = 0, ...grid] = dims;
  if (c % 2 !== 0 || elementCount(dims) === 0 || dims.length < 3) return undefined;
  const half = scaledSize(m, sizeOf(m, x, 1), 'Div', 2);
  const sizes = grid.map((_, i) => sizeOf(m, x, i + 2));
  const split = m.op('Reshape', [x, joined(m, [m.chance(0.5) ? 0 : sizeOf(m, x, 0), 2, half, ...sizes])], [n, 2, c / 2, ...grid]);
  const perm = dims.map((_, i) => i + 1);
  const order = [0, 2, 1, ...perm.slice(2)];
  const swapped = m.op('Transpose', [split], [n, c / 2, 2, ...grid], { perm: ints(order) });
  return m.op('Reshape', [swapped, joined(m, [sizeOf(m, x, 0), -1, ...sizes])], [n, c, ...grid]);
}

/** Option A as torch 1.13 exports it: every second element, channels padded through a tangle of sizes. */
function optionA(m: Maker, x: string, more: number): string | undefined {
  if (m.opset < 11) return undefined;
  const dims = m.dims(x);
  const thin = slice(
    m,
    x,
    dims.slice(2).map((_, i) => ({ axis: i + 2, start: 0, end: 2 ** 63, step: 2 })),
  );
  if (thin === undefined) return undefined;
  const rank = dims.length;
  // torch.nn.functional.pad lists the last axis first, begin and end beside each other.
  const torch = Array.from({ length: 2 * rank }, () => 0);
  torch[2 * (rank - 2)] = more;
  torch[2 * (rank - 2) + 1] = more;
  const given = m.sizes(torch.slice(0, 2 * rank - 2));
  const missing = m.i64('ConstantOfShape', [m.sizes([2])], [2], {
    value: { kind: 'tensor', value: { elem: 'i64', dims: [1], data: Float64Array.of(0) } },
  });
  const all = m.i64('Concat', [given, missing], [2 * rank], { axis: int(0) });
  const pairs = m.i64('Reshape', [all, m.sizes([-1, 2])], [rank, 2]);
  const turned = slice(m, pairs, [{ axis: 0, start: -1, end: -(2 ** 63), step: -1 }]);
  if (turned === undefined) return undefined;
  const columns = m.i64('Transpose', [turned], [2, rank], { perm: ints([1, 0]) });
  const flat = m.i64('Reshape', [columns, m.sizes([-1])], [2 * rank]);
  const pads = m.i64('Cast', [flat], [2 * rank], { to: int(7) });
  const out = m.dims(thin).map((d, i) => (i === 1 ? d + 2 * more : d));
  return m.op('Pad', [thin, pads, m.scalar(0)], out, { mode: text('constant') });
}

/* Layers. */

interface ConvOptions {
  readonly out?: number;
  readonly kernel?: number;
  readonly stride?: number;
  readonly plain?: boolean;
}

function conv(m: Maker, x: string, options: ConvOptions = {}): string | undefined {
  const [n = 0, c = 0, ...grid] = m.dims(x);
  if (grid.length < 1 || grid.length > 3 || grid.some((d) => d === 0) || c === 0) return undefined;
  const out = options.out ?? m.pick([2, 4, c]);
  const dividing = [1, 1, 1, 2, c].filter((g) => c % g === 0 && out % g === 0);
  const groups = options.plain ? 1 : m.pick(dividing);
  const k = grid.map(() => options.kernel ?? m.pick([1, 1, 2, 3, 3]));
  if (options.kernel === undefined && m.chance(0.5)) k.fill(m.pick([1, 3]));
  const stride = grid.map(() => options.stride ?? 1);
  if (options.stride === undefined && m.chance(0.25)) stride.fill(2);
  const dilation = grid.map(() => (!options.plain && m.chance(0.1) ? 2 : 1));
  const span = k.map((one, i) => (one - 1) * (dilation[i] ?? 1));
  const halves = span.map((one) => Math.floor(one / 2));
  let begins = halves;
  let ends = halves;
  const attributes: Record<string, CaseAttribute> = {};
  let sizes: number[];
  // onnxruntime refuses dilation together with SAME.
  const auto =
    !options.plain && dilation.every((d) => d === 1) && m.chance(0.1) ? m.pick(['SAME_UPPER', 'SAME_LOWER', 'VALID']) : undefined;
  if (auto === 'VALID') {
    begins = grid.map(() => 0);
    ends = begins;
    attributes.auto_pad = text(auto);
  } else if (!options.plain && m.chance(0.3)) {
    begins = grid.map(() => m.int(0, 2));
    ends = grid.map(() => m.int(0, 2));
  }
  if (auto === undefined || auto === 'VALID') {
    sizes = grid.map((d, i) => Math.floor((d + (begins[i] ?? 0) + (ends[i] ?? 0) - (span[i] ?? 0) - 1) / (stride[i] ?? 1)) + 1);
    if (auto === undefined && (begins.some((p) => p !== 0) || ends.some((p) => p !== 0) || m.chance(0.5)))
      attributes.pads = ints([...begins, ...ends]);
  } else {
    attributes.auto_pad = text(auto);
    sizes = grid.map((d, i) => Math.ceil(d / (stride[i] ?? 1)));
  }
  if (sizes.some((d) => d < 1) || n * out * elementCount(sizes) > maxElements) return undefined;
  if (m.chance(0.7)) attributes.kernel_shape = ints(k);
  if (stride.some((s) => s !== 1) || m.chance(0.5)) attributes.strides = ints(stride);
  if (dilation.some((s) => s !== 1) || m.chance(0.5)) attributes.dilations = ints(dilation);
  if (groups !== 1 || m.chance(0.5)) attributes.group = int(groups);
  const bias = m.chance(0.4) ? m.weight([out]) : '';
  return m.op('Conv', [x, m.weight([out, c / groups, ...k]), bias], [n, out, ...sizes], attributes);
}

function convTranspose(m: Maker, x: string): string | undefined {
  const [n = 0, c = 0, ...grid] = m.dims(x);
  if (grid.length < 1 || grid.length > 2 || c === 0) return undefined;
  const groups = c % 2 === 0 ? m.pick([1, 1, 2]) : 1;
  const each = m.pick([1, 2, 3]);
  const k = grid.map(() => m.pick([2, 3]));
  const stride = grid.map(() => m.pick([1, 2]));
  const pads = grid.map(() => m.int(0, 1));
  const extra = stride.map((s) => (s > 1 && m.chance(0.3) ? 1 : 0));
  const sizes = grid.map((d, i) => (d - 1) * (stride[i] ?? 1) + (k[i] ?? 1) - 2 * (pads[i] ?? 0) + (extra[i] ?? 0));
  if (sizes.some((d) => d < 1) || n * each * groups * elementCount(sizes) > maxElements) return undefined;
  const bias = m.chance(0.4) ? m.weight([each * groups]) : '';
  return m.op('ConvTranspose', [x, m.weight([c, each, ...k]), bias], [n, each * groups, ...sizes], {
    strides: ints(stride),
    pads: ints([...pads, ...pads]),
    ...(groups > 1 && { group: int(groups) }),
    ...(extra.some((e) => e > 0) && { output_padding: ints(extra) }),
  });
}

function batchnorm(m: Maker, x: string): string | undefined {
  const dims = m.dims(x);
  if (dims.length < 2) return undefined;
  const [, c = 0] = dims;
  const inputs = [x, m.weight([c]), m.weight([c]), m.weight([c]), m.weight([c], 'positive')];
  return m.op('BatchNormalization', inputs, dims, m.chance(0.7) ? { epsilon: float(m.pick([1e-5, 0.001])) } : {});
}

function activation(m: Maker, x: string): string {
  const dims = m.dims(x);
  const unary = (opType: string, attributes: Attributes = {}): string => m.op(opType, [x], dims, attributes);
  const choices: (() => string)[] = [
    () => unary('Relu'),
    () => unary('Relu'),
    () => unary('Relu'),
    () => unary('LeakyRelu', m.chance(0.5) ? { alpha: float(0.1) } : {}),
    () => unary('Sigmoid'),
    () => unary('Tanh'),
    () => unary('Elu', m.chance(0.5) ? { alpha: float(0.5) } : {}),
    () => unary('Selu'),
    () => unary('HardSigmoid', m.chance(0.5) ? { alpha: float(1 / 6), beta: float(0.5) } : {}),
    () => unary('Softplus'),
    () => unary('Softsign'),
    () => unary('Abs'),
    () => unary('Neg'),
    () => clip(m, x, m.chance(0.8) ? 0 : undefined, m.chance(0.8) ? m.pick([1, 6]) : undefined),
    () => m.op('Mul', [x, unary('Sigmoid')], dims),
    () => {
      const [, c = 1, ...grid] = dims;
      return m.op('PRelu', [x, m.weight(m.chance(0.7) && dims.length >= 2 ? [c, ...grid.map(() => 1)] : [1])], dims);
    },
  ];
  if (m.opset >= 14) choices.push(() => unary('HardSwish'));
  if (m.opset >= 9) choices.push(() => unary('Erf'));
  if (m.opset >= 10) choices.push(() => unary('ThresholdedRelu', { alpha: float(0.5) }));
  if (m.opset >= 12 && m.elem === 'f32') choices.push(() => unary('Celu', { alpha: float(0.7) }));
  if (m.opset >= 18) choices.push(() => unary('Mish'));
  if (m.opset >= 20) choices.push(() => unary('Gelu', m.chance(0.5) ? {} : { approximate: text(m.pick(['tanh', 'none'])) }));
  return m.pick(choices)();
}

/**
 * A constant that broadcasts with x and lets it keep its shape: a scalar, per channel, per element, along the last axis, of lower
 * rank.
 */
function constantFor(m: Maker, x: string, kind: 'any' | 'positive'): string {
  const dims = m.dims(x);
  const forms: (readonly number[])[] = [[], [1], dims.map(() => 1)];
  if (dims.length >= 2) {
    const [, c = 1, ...grid] = dims;
    const channels = [c, ...grid.map(() => 1)];
    forms.push(channels, channels, channels, [1, ...channels]);
    if (!m.open || m.chance(0.1)) {
      forms.push([c, ...grid], dims.slice(-1), dims.slice(-2), dims);
      if (grid.length > 0) forms.push([dims[0] ?? 1, ...channels], [1, 1, ...grid]);
    }
  }
  return m.weight(m.pick(forms), kind);
}

function withConstant(m: Maker, x: string): string | undefined {
  const opType = m.pick(['Mul', 'Mul', 'Add', 'Add', 'Sub', 'Div']);
  const positive = opType === 'Div' || m.chance(0.4);
  const c = constantFor(m, x, positive ? 'positive' : 'any');
  const dims = broadcast(m.dims(x), m.dims(c));
  if (!dims) return undefined;
  return m.op(opType, opType !== 'Div' && m.chance(0.4) ? [c, x] : [x, c], dims);
}

/** As TF's converter writes it: the constant behind an Unsqueeze or a Reshape. */
function withUnsqueezed(m: Maker, x: string): string | undefined {
  const dims = m.dims(x);
  const [, c = 1, ...grid] = dims;
  if (dims.length < 3) return undefined;
  const vector = m.weight([c]);
  const wide = m.chance(0.6)
    ? unsqueeze(
        m,
        vector,
        grid.map((_, i) => i + 1),
      )
    : m.op('Reshape', [vector, m.sizes([1, -1, ...grid.map(() => 1)])], [1, c, ...grid.map(() => 1)]);
  return m.op(m.pick(['Mul', 'Add']), m.chance(0.5) ? [wide, x] : [x, wide], dims);
}

/** `bare`: a window of two or three without pads of its own, which those of a Pad before it may become. */
function pool(m: Maker, x: string, bare = false): string | undefined {
  const [n = 0, c = 0, ...grid] = m.dims(x);
  if (grid.length < 1 || grid.length > 3 || grid.some((d) => d === 0)) return undefined;
  const average = m.chance(0.5);
  const k = grid.map(() => (bare ? m.pick([2, 3, 3]) : m.pick([1, 2, 3])));
  const stride = grid.map(() => m.pick([1, 2]));
  const pads = !bare && m.chance(0.5) ? k.map((one) => Math.floor(one / 2)) : k.map(() => 0);
  const back = bare || m.chance(0.7) ? pads : k.map((one) => m.int(0, one - 1));
  const ceil = m.opset >= 10 && m.chance(0.15);
  const round = ceil ? Math.ceil : Math.floor;
  const sizes = grid.map((d, i) => {
    const s = stride[i] ?? 1;
    const size = round((d + (pads[i] ?? 0) + (back[i] ?? 0) - (k[i] ?? 1)) / s) + 1;
    // A window that would begin in the padding behind the input is left out.
    return ceil && (size - 1) * s >= d + (pads[i] ?? 0) ? size - 1 : size;
  });
  if (sizes.some((d) => d < 1)) return undefined;
  const attributes: Record<string, CaseAttribute> = { kernel_shape: ints(k) };
  if (stride.some((s) => s !== 1) || m.chance(0.3)) attributes.strides = ints(stride);
  if ([...pads, ...back].some((p) => p !== 0) || m.chance(0.3)) attributes.pads = ints([...pads, ...back]);
  if (ceil) attributes.ceil_mode = int(1);
  if (average && m.chance(0.5)) attributes.count_include_pad = int(1);
  return m.op(average ? 'AveragePool' : 'MaxPool', [x], [n, c, ...sizes], attributes);
}

function gemm(m: Maker, x: string): string {
  const [n = 0, k = 0] = m.dims(x);
  const out = m.pick([2, 3, 4]);
  const transB = m.chance(0.7);
  const w = m.weight(transB ? [out, k] : [k, out]);
  const biases: (readonly number[])[] = [[out], [out], [1, out], [1], [], [n, out], [n, 1]];
  const bias = m.opset >= 11 && m.chance(0.2) ? '' : m.weight(m.pick(biases));
  const transA = m.chance(0.15);
  const a = transA ? m.op('Transpose', [x], [k, n], m.chance(0.5) ? {} : { perm: ints([1, 0]) }) : x;
  return m.op('Gemm', [a, w, bias], [n, out], {
    ...(transA && { transA: int(1) }),
    ...(transB && { transB: int(1) }),
    ...(m.chance(0.25) && { alpha: float(m.pick([0.5, 2])) }),
    ...(m.chance(0.25) && { beta: float(m.pick([0, 0.5, 2])) }),
  });
}

function matmul(m: Maker, x: string): string | undefined {
  const dims = m.dims(x);
  const k = dims.at(-1) ?? 0;
  if (dims.length < 2 || k > 64 || (m.open && dims.length > 2 && m.chance(0.8))) return undefined;
  const out = m.pick([2, 3, 4]);
  let y = m.op('MatMul', [x, m.weight([k, out])], [...dims.slice(0, -1), out]);
  if (m.chance(0.6)) {
    const bias = m.weight([out]);
    y = m.op('Add', m.chance(0.5) ? [bias, y] : [y, bias], m.dims(y));
  }
  return y;
}

/** Squeeze and excitation. */
function excite(m: Maker, x: string): string | undefined {
  const [n = 0, c = 0, ...grid] = m.dims(x);
  if (grid.length === 0 || grid.length > 3 || elementCount(grid) === 0 || c === 0) return undefined;
  const ones = grid.map(() => 1);
  const pooled = m.chance(0.5)
    ? m.op('GlobalAveragePool', [x], [n, c, ...ones])
    : reduce(
        m,
        'ReduceMean',
        x,
        grid.map((_, i) => i + 2),
        true,
      );
  const inner = m.op('Conv', [pooled, m.weight([2, c, ...ones]), m.weight([2])], [n, 2, ...ones]);
  const gate = m.op('Conv', [m.op('Relu', [inner], [n, 2, ...ones]), m.weight([c, 2, ...ones])], [n, c, ...ones]);
  return m.op('Mul', [x, m.op('Sigmoid', [gate], [n, c, ...ones])], m.dims(x));
}

/** LayerNorm over the last axis, spelled out as PyTorch did before opset 17. */
function spelledNorm(m: Maker, x: string): string | undefined {
  const dims = m.dims(x);
  const last = dims.length - 1;
  const c = dims[last] ?? 0;
  if (last < 1 || c < 2) return undefined;
  const mean = reduce(m, 'ReduceMean', x, [last], true);
  const centred = m.op('Sub', [x, mean], dims);
  const square = m.chance(0.6) ? m.op('Pow', [centred, m.scalar(2)], dims) : m.op('Mul', [centred, centred], dims);
  const variance = reduce(m, 'ReduceMean', square, [last], true);
  const deviation = m.op('Sqrt', [m.op('Add', [variance, m.scalar(0.01)], m.dims(variance))], m.dims(variance));
  const normal = m.op('Div', [m.chance(0.3) ? m.op('Sub', [x, mean], dims) : centred, deviation], dims);
  const scaled = m.op('Mul', m.chance(0.5) ? [normal, m.weight([c])] : [m.weight([c]), normal], dims);
  return m.chance(0.8) ? m.op('Add', [scaled, m.weight([c])], dims) : scaled;
}

function spelledGelu(m: Maker, x: string): string | undefined {
  const dims = m.dims(x);
  if (m.opset < 9) return undefined;
  const inner = m.chance(0.5) ? m.op('Div', [x, m.scalar(Math.SQRT2)], dims) : m.op('Mul', [x, m.scalar(Math.SQRT1_2)], dims);
  const one = m.op('Add', [m.op('Erf', [inner], dims), m.scalar(1)], dims);
  if (m.chance(0.5)) return m.op('Mul', [m.op('Mul', [x, one], dims), m.scalar(0.5)], dims);
  return m.op('Mul', [m.op('Mul', [m.scalar(0.5), x], dims), one], dims);
}

/** Attention over the grid's positions, one head. */
function attention(m: Maker, x: string): string | undefined {
  const dims = m.dims(x);
  const [n = 0, length = 0, width = 0] = dims;
  if (dims.length !== 3 || length > 24 || width > 24 || elementCount(dims) === 0) return undefined;
  const of = (): string => m.op('MatMul', [x, m.weight([width, 4])], [n, length, 4]);
  const [q, k, v] = [of(), of(), of()];
  const turned = m.op('Transpose', [k], [n, 4, length], { perm: ints([0, 2, 1]) });
  let scores = m.op('MatMul', [q, turned], [n, length, length]);
  scores = m.chance(0.5)
    ? m.op('Div', [scores, m.scalar(2)], m.dims(scores))
    : m.op('Mul', [scores, m.scalar(0.5)], m.dims(scores));
  const weights = m.op('Softmax', [scores], m.dims(scores), { axis: int(m.opset >= 11 && m.chance(0.5) ? -1 : 2) });
  return m.op('MatMul', [weights, v], [n, length, 4]);
}

function instanceNorm(m: Maker, x: string): string | undefined {
  const dims = m.dims(x);
  const [, c = 0, ...grid] = dims;
  if (grid.length === 0 || elementCount(grid) < 4 || elementCount(dims) === 0) return undefined;
  return m.op('InstanceNormalization', [x, m.weight([c]), m.weight([c])], dims, { epsilon: float(0.01) });
}

/** GroupNorm as PyTorch exports it: reshape, instance norm with ones and zeros, reshape back, scale and shift. */
function spelledGroupNorm(m: Maker, x: string): string | undefined {
  const dims = m.dims(x);
  const [n = 0, c = 0, ...grid] = dims;
  if (grid.length === 0 || c % 2 !== 0 || elementCount(grid) < 4 || elementCount(dims) === 0) return undefined;
  const folded = m.op('Reshape', [x, m.sizes([0, 2, -1])], [n, 2, (c / 2) * elementCount(grid)]);
  const ones = m.hold(m.tensor([2], 'one'), 0);
  const zeros = m.hold(m.tensor([2], 'zero'), 0);
  const normal = m.op('InstanceNormalization', [folded, ones, zeros], m.dims(folded), { epsilon: float(0.01) });
  const back = m.op('Reshape', [normal, m.i64('Shape', [x], [dims.length])], dims);
  const channels = [c, ...grid.map(() => 1)];
  return m.op('Add', [m.op('Mul', [back, m.weight(channels)], dims), m.weight(channels)], dims);
}

/** Out to channels-last, something there, and back. */
function sandwich(m: Maker, x: string): string | undefined {
  const dims = m.dims(x);
  const rank = dims.length;
  if (rank < 3 || elementCount(dims) === 0) return undefined;
  const perm = [0, ...dims.slice(2).map((_, i) => i + 2), 1];
  const turned = perm.map((i) => dims[i] ?? 0);
  let y = m.op('Transpose', [x], turned, { perm: ints(perm) });
  const inside = m.int(0, 4);
  if (inside === 0) y = m.op('Relu', [y], turned);
  else if (inside === 1) y = m.op('Add', [y, m.weight([turned[rank - 1] ?? 1])], turned);
  else if (inside === 2) y = m.op('Mul', [y, m.op('Sigmoid', [y], turned)], turned);
  else if (inside === 3) y = spelledNorm(m, y) ?? y;
  else {
    const other = m.values.filter((v) => same(m.dims(v), dims));
    const also = m.op('Transpose', [m.pick(other)], turned, { perm: ints(perm) });
    y = m.chance(0.5)
      ? m.op('Add', [y, also], turned)
      : m.op('Concat', [y, also], [...turned.slice(0, -1), 2 * (turned[rank - 1] ?? 0)], { axis: int(rank - 1) });
  }
  const back = [0, rank - 1, ...dims.slice(2).map((_, i) => i + 1)];
  return m.op(
    'Transpose',
    [y],
    back.map((i) => m.dims(y)[i] ?? 0),
    { perm: ints(back) },
  );
}

/** conv, batchnorm, activation, conv, batchnorm beside a shortcut that fits. */
function residual(m: Maker, x: string): string | undefined {
  const [, c = 0, ...grid] = m.dims(x);
  if (grid.length < 1 || grid.length > 3) return undefined;
  const stride = m.chance(0.3) && grid.every((d) => d >= 3) ? 2 : 1;
  const out = stride === 2 && m.chance(0.5) && 2 * c <= 8 ? 2 * c : c;
  const first = conv(m, x, { out, kernel: 3, stride, plain: true });
  if (first === undefined) return undefined;
  const a = batchnorm(m, first) ?? first;
  const second = conv(m, m.op('Relu', [a], m.dims(a)), { out, kernel: m.pick([1, 3]), stride: 1, plain: true });
  if (second === undefined) return undefined;
  const body = m.chance(0.8) ? (batchnorm(m, second) ?? second) : second;
  let shortcut: string | undefined = x;
  if (stride === 2 || out !== c) {
    const more = out - c;
    if (stride === 2 && more > 0 && more % 2 === 0 && m.chance(0.4)) shortcut = optionA(m, x, more / 2);
    else {
      shortcut = conv(m, x, { out, kernel: 1, stride, plain: true });
      if (shortcut !== undefined && m.chance(0.6)) shortcut = batchnorm(m, shortcut);
    }
  }
  if (shortcut === undefined || !same(m.dims(shortcut), m.dims(body))) return undefined;
  const scaled = m.chance(0.2) ? m.op('Mul', [body, m.scalar(0.2)], m.dims(body)) : body;
  const added = m.op(m.chance(0.2) ? 'Sum' : 'Add', m.chance(0.5) ? [scaled, shortcut] : [shortcut, scaled], m.dims(body));
  return m.chance(0.7) ? m.op('Relu', [added], m.dims(added)) : added;
}

/** RepVGG: 3x3, 1x1 and identity, each with its batchnorm. */
function branches(m: Maker, x: string): string | undefined {
  const [, c = 0] = m.dims(x);
  const a = conv(m, x, { out: c, kernel: 3, stride: 1, plain: true });
  const b = conv(m, x, { out: c, kernel: 1, stride: 1, plain: true });
  if (a === undefined || b === undefined) return undefined;
  const [an, bn] = [batchnorm(m, a) ?? a, batchnorm(m, b) ?? b];
  const own = m.chance(0.7) ? batchnorm(m, x) : x;
  if (own === undefined) return undefined;
  if (m.chance(0.3)) return m.op('Sum', m.shuffled([an, bn, own]), m.dims(an));
  return m.op('Add', [m.op('Add', [an, bn], m.dims(an)), own], m.dims(an));
}

/** DenseNet: concat, batchnorm, relu, 1x1. */
function dense(m: Maker, x: string): string | undefined {
  const dims = m.dims(x);
  const [n = 0, c = 0, ...grid] = dims;
  const y = conv(m, x, { out: 2, kernel: 3, stride: 1, plain: true });
  if (y === undefined || c > 8) return undefined;
  const both = m.op('Concat', m.chance(0.5) ? [x, y] : [y, x], [n, c + 2, ...grid], {
    axis: int(m.opset >= 11 && m.chance(0.2) ? 1 - dims.length : 1),
  });
  const normal = batchnorm(m, both) ?? both;
  const active = m.chance(0.7) ? m.op('Relu', [normal], m.dims(normal)) : normal;
  return conv(m, active, { kernel: 1, stride: 1, plain: true });
}

function gathered(m: Maker, x: string): string | undefined {
  const dims = m.dims(x);
  const axis = m.int(0, dims.length - 1);
  const d = dims[axis] ?? 0;
  if (d === 0 || dims.length === 0) return undefined;
  if (m.chance(0.5)) {
    const at = m.sizes([m.int(m.opset >= 11 ? -d : 0, d - 1)], []);
    return m.op(
      'Gather',
      [x, at],
      dims.filter((_, i) => i !== axis),
      { axis: int(axis) },
    );
  }
  const rows = Array.from({ length: m.int(1, 3) }, () => m.int(0, d - 1));
  return m.op(
    'Gather',
    [x, m.sizes(rows)],
    dims.map((one, i) => (i === axis ? rows.length : one)),
    { axis: int(axis) },
  );
}

function splitUp(m: Maker, x: string): string | undefined {
  const dims = m.dims(x);
  const axis = m.pick(dims.map((_, i) => i));
  const d = dims[axis] ?? 0;
  if (d < 2) return undefined;
  const parts = d % 2 === 0 && m.chance(0.5) ? [d / 2, d / 2] : [1, d - 1];
  const shapes = parts.map((p) => dims.map((one, i) => (i === axis ? p : one)));
  const even = parts[0] === parts[1] && m.chance(0.5);
  const at: Attributes = { axis: int(axis) };
  if (even) {
    for (const y of m.ops('Split', [x], shapes, m.opset >= 18 ? { ...at, num_outputs: int(2) } : at)) m.keep(y);
  } else if (m.opset < 13) for (const y of m.ops('Split', [x], shapes, { ...at, split: ints(parts) })) m.keep(y);
  else for (const y of m.ops('Split', [x, m.sizes(parts)], shapes, at)) m.keep(y);
  return m.values.at(-1);
}

/** torch.expand: sizes of -1 are kept by a Where over the constant shape. */
function expanded(m: Maker, x: string): string | undefined {
  const dims = m.dims(x);
  if (m.opset < 9 || elementCount(dims) > maxElements / 4 || dims.length > 4) return undefined;
  const y = unsqueeze(m, x, [0]);
  const out = [2, ...dims];
  if (m.chance(0.5)) {
    const shape = joined(m, [2, ...dims.map((_, i) => sizeOf(m, x, i))]);
    return m.op('Expand', [y, shape], out);
  }
  const wanted = m.sizes([2, ...dims.map(() => -1)]);
  const n = out.length;
  const ones = m.i64('ConstantOfShape', [m.sizes([n])], [n], {
    value: { kind: 'tensor', value: { elem: 'i64', dims: [1], data: Float64Array.of(1) } },
  });
  const minus = m.i64('Mul', [ones, m.sizes([-1], [])], [n]);
  // Equal over i64 is of opset 7 on.
  const kept = m.op('Equal', [wanted, minus], [n], {}, 'bool');
  return m.op('Expand', [y, m.i64('Where', [kept, ones, wanted], [n])], out);
}

/** zeros_like, ones_like and the like. */
function alike(m: Maker, x: string): string | undefined {
  const dims = m.dims(x);
  if (m.opset < 9) return undefined;
  const data = Float64Array.of(m.pick([0, 1, 0.5]));
  const made = m.op('ConstantOfShape', [m.i64('Shape', [x], [dims.length])], dims, {
    value: { kind: 'tensor', value: { elem: m.elem, dims: [1], data } },
  });
  return m.op(m.pick(['Add', 'Mul']), [x, made], dims);
}

/** A ramp along the last axis from Range, in float. */
function ramp(m: Maker, x: string): string | undefined {
  const dims = m.dims(x);
  if (m.opset < 11 || dims.length === 0 || m.elem === 'f16') return undefined;
  const last = dims.length - 1;
  const steps = m.i64('Range', [m.sizes([0], []), sizeOf(m, x, last), m.sizes([1], [])], [dims[last] ?? 0]);
  const numbers = m.op('Cast', [steps], m.dims(steps), { to: int(m.elem === 'f32' ? 1 : 11) });
  return m.op('Add', [x, m.op('Mul', [numbers, m.scalar(0.125)], m.dims(numbers))], dims);
}

function castChain(m: Maker, x: string): string {
  const dims = m.dims(x);
  const codes: Partial<Record<ElemType, number>> = { f32: 1, f16: 10, f64: 11 };
  const via = m.pick((['f32', 'f64'] as const).filter((elem) => elem !== m.elem));
  const there = m.op('Cast', [x], dims, { to: int(codes[via] ?? 1) }, via);
  return m.op('Cast', [there], dims, { to: int(codes[m.elem] ?? 1) });
}

/** Operators that the registry may not know: passes stop there and go on behind. */
function unusual(m: Maker, x: string): string | undefined {
  const dims = m.dims(x);
  const rank = dims.length;
  const choices: (() => string | undefined)[] = [
    () =>
      rank >= 2 && rank <= 4
        ? m.op('LpNormalization', [m.op('Add', [x, m.scalar(3)], dims)], dims, { axis: int(1), p: int(2) })
        : undefined,
    () => (rank === 4 ? m.op('LRN', [x], dims, { size: int(3), alpha: float(0.1) }) : undefined),
    () => {
      const [n = 0, c = 0, ...grid] = dims;
      return rank === 4 && elementCount(grid) > 0 ? m.op('GlobalLpPool', [x], [n, c, 1, 1], { p: int(2) }) : undefined;
    },
    () => (m.opset >= 9 && rank >= 1 ? m.op('MeanVarianceNormalization', [x], dims, { axes: ints([rank - 1]) }) : undefined),
    () => (m.opset >= 14 && rank >= 2 ? m.op('Trilu', [x], dims, { upper: int(m.int(0, 1)) }) : undefined),
    () => {
      if (m.opset < 11 || rank < 1) return undefined;
      return m.op('CumSum', [x, m.sizes([rank - 1], [])], dims);
    },
    () => {
      if (m.opset < 12 || rank !== 2) return undefined;
      return m.op('Einsum', [x, m.weight([dims[1] ?? 0, 3])], [dims[0] ?? 0, 3], { equation: text('ij,jk->ik') });
    },
    () => m.op('Gelu', [x], dims, {}, m.elem, 'com.microsoft'),
    () => (rank >= 1 ? m.op('QuickGelu', [x], dims, { alpha: float(1.702) }, m.elem, 'com.microsoft') : undefined),
  ];
  return m.pick(choices)();
}

/** A branch that reads outer values; the condition is known, computed, or an input. */
function branch(m: Maker, x: string): string | undefined {
  const dims = m.dims(x);
  const condition = m.hold({ elem: 'bool', dims: [], data: Float64Array.of(m.int(0, 1)) }, 0.5);
  const body = (opType: string): CaseBody => {
    const inner = m.fresh('inner');
    const out = m.fresh('inner');
    m.types.set(inner, { elem: m.elem, dims });
    m.types.set(out, { elem: m.elem, dims });
    return {
      nodes: [
        { name: '', opType, domain: '', inputs: [x], outputs: [inner], attributes: {} },
        { name: '', opType: 'Add', domain: '', inputs: [inner, other], outputs: [out], attributes: {} },
      ],
      outputs: [out],
    };
  };
  const other = m.pick(m.values.filter((v) => same(m.dims(v), dims)));
  return m.op('If', [condition], dims, {
    then_branch: { kind: 'graph', value: body('Relu') },
    else_branch: { kind: 'graph', value: body('Tanh') },
  });
}

/** int8 weights behind a DequantizeLinear. */
function quantized(m: Maker, x: string): string | undefined {
  const dims = m.dims(x);
  const [n = 0, c = 0, ...grid] = dims;
  if (m.opset < 10 || m.elem !== 'f32' || grid.length !== 2 || c === 0 || grid.some((d) => d === 0)) return undefined;
  const data = Float64Array.from({ length: 2 * c }, () => m.int(-100, 100));
  const stored = m.hold({ elem: 'i8', dims: [2, c, 1, 1], data }, 0);
  const zero = m.hold({ elem: 'i8', dims: [], data: Float64Array.of(0) }, 0);
  const w = m.op('DequantizeLinear', [stored, m.scalar(0.01), zero], [2, c, 1, 1]);
  return m.op('Conv', [x, w], [n, 2, ...grid]);
}

function step(m: Maker): string | undefined {
  const x = m.recent();
  const dims = m.dims(x);
  const rank = dims.length;
  const image = m.image();
  const onImage = (make: (x: string) => string | undefined): string | undefined =>
    image === undefined ? undefined : make(image);
  const steps: readonly (readonly [number, () => string | undefined])[] = [
    [12, () => onImage((y) => conv(m, y))],
    [6, () => batchnorm(m, x)],
    [
      6,
      () =>
        onImage((y) => {
          const z = conv(m, y);
          return z === undefined ? undefined : batchnorm(m, z);
        }),
    ],
    [8, () => onImage((y) => residual(m, y))],
    [8, () => activation(m, x)],
    [10, () => withConstant(m, x)],
    [3, () => withUnsqueezed(m, x)],
    [
      6,
      () => {
        const fits = m.values.filter((v) => broadcast(m.dims(v), dims) !== undefined);
        const other = m.pick(fits);
        const out = broadcast(m.dims(other), dims) ?? dims;
        if (elementCount(out) > maxElements) return undefined;
        return m.op(m.pick(['Add', 'Add', 'Add', 'Sub', 'Mul']), [x, other], out);
      },
    ],
    [
      2,
      () => {
        const fits = m.values.filter((v) => same(m.dims(v), dims));
        const list = Array.from({ length: m.int(1, 4) }, () => m.pick(fits));
        return m.op(m.pick(['Sum', 'Sum', 'Max', 'Min', 'Mean']), list, dims);
      },
    ],
    [4, () => onImage((y) => pool(m, y))],
    [2, () => onImage((y) => convTranspose(m, y))],
    [
      3,
      () => {
        const axis = m.int(0, Math.max(0, rank - 1));
        const fits = m.values.filter((v) => m.dims(v).length === rank && m.dims(v).every((d, i) => i === axis || d === dims[i]));
        if (rank === 0) return undefined;
        const list = Array.from({ length: m.int(1, 3) }, () => m.pick(fits));
        const total = sum(list.map((v) => m.dims(v)[axis] ?? 0));
        const out = dims.map((d, i) => (i === axis ? total : d));
        return elementCount(out) > maxElements ? undefined : m.op('Concat', list, out, { axis: int(axis) });
      },
    ],
    [2, () => (rank > 0 ? splitUp(m, x) : undefined)],
    [
      4,
      () => {
        if (rank === 0) return undefined;
        const axes = m.shuffled(dims.map((_, i) => i)).slice(0, m.int(1, Math.min(2, rank)));
        const cuts = axes.map((axis) => {
          const d = dims[axis] ?? 0;
          const at = m.int(0, 4);
          if (at === 0) return { axis, start: 0, end: 2 ** 63, step: 2 };
          if (at === 1) return { axis, start: -1, end: -(2 ** 63), step: -1 };
          if (at === 2) return { axis, start: 1, end: 1000, step: 1 };
          if (at === 3) return { axis, start: 0, end: -1, step: 1 };
          return { axis, start: 0, end: Math.max(1, d - 1), step: 1 };
        });
        const y = slice(m, x, cuts);
        return y === undefined || (elementCount(m.dims(y)) === 0 && !m.chance(0.1)) ? undefined : y;
      },
    ],
    [
      3,
      () => {
        if (rank < 2) return undefined;
        const mode = m.pick(['constant', 'constant', 'constant', 'reflect', 'edge']);
        const one = (i: number): number => {
          if (i < 2 && !m.chance(0.2)) return 0;
          const d = dims[i] ?? 0;
          return mode === 'constant' ? m.int(d > 2 ? -1 : 0, 2) : Math.min(m.int(0, 1), Math.max(0, d - 1));
        };
        const pads = [...dims.map((_, i) => one(i)), ...dims.map((_, i) => one(i))];
        if (elementCount(dims) === 0 || dims.some((d, i) => d + (pads[i] ?? 0) + (pads[i + rank] ?? 0) < 1)) return undefined;
        const y = pad(m, x, pads, mode, m.chance(0.7) ? 0 : 0.5);
        return elementCount(m.dims(y)) > maxElements ? undefined : y;
      },
    ],
    [
      4,
      () =>
        onImage((y) => {
          const d = m.dims(y);
          const pads = [0, 0, ...d.slice(2).map(() => m.int(0, 1)), 0, 0, ...d.slice(2).map(() => m.int(0, 1))];
          const z = pad(m, y, pads, 'constant', 0);
          return m.chance(0.45) ? conv(m, z) : pool(m, z, m.chance(0.7));
        }),
    ],
    [3, () => (rank > 1 && m.chance(0.5) ? turn(m, x) : sandwich(m, x))],
    [2, () => regroup(m, x)],
    [
      3,
      () => {
        if (rank < 2 || elementCount(dims.slice(1)) > 400) return undefined;
        const [n = 0, c = 0, ...grid] = dims;
        let y = x;
        // A matrix behind an open grid would pin its sizes; exporters pool first.
        const pools = m.open ? 0.9 : 0.4;
        if (rank > 2 && rank <= 5 && elementCount(grid) > 0 && m.chance(pools)) {
          const ones = grid.map(() => 1);
          y = m.op(m.chance(0.8) ? 'GlobalAveragePool' : 'GlobalMaxPool', [x], [n, c, ...ones]);
        }
        const flat = m.dims(y).length === 2 ? y : flatten(m, y);
        return m.chance(0.2) ? flat : gemm(m, flat);
      },
    ],
    [2, () => (rank === 2 ? gemm(m, x) : matmul(m, x))],
    [2, () => matmul(m, x)],
    [1, () => m.op('Identity', [x], dims)],
    [1, () => m.op('Dropout', [x], dims, m.opset < 12 ? { ratio: float(0.3) } : {})],
    [2, () => onImage((y) => excite(m, y))],
    [2, () => spelledNorm(m, x)],
    [2, () => spelledGelu(m, x)],
    [1, () => attention(m, x)],
    [1, () => instanceNorm(m, x)],
    [1, () => spelledGroupNorm(m, x)],
    [3, () => onImage((y) => branches(m, y))],
    [2, () => onImage((y) => dense(m, y))],
    [
      2,
      () =>
        onImage((y) => {
          const d = m.dims(y);
          if (d.length > 4 || 4 * elementCount(d) > maxElements || elementCount(d) === 0) return undefined;
          return enlarge(m, y, 2, d.length === 4 && m.elem !== 'f16' ? m.pick(['nearest', 'linear']) : 'nearest');
        }),
    ],
    [
      2,
      () =>
        onImage((y) => {
          const [, c = 0] = m.dims(y);
          return c <= 4 ? optionA(m, y, 1) : undefined;
        }),
    ],
    [
      3,
      () => {
        if (rank < 2 || elementCount(dims) === 0) return undefined;
        const axes = m.shuffled(dims.map((_, i) => i)).slice(0, m.int(1, rank));
        const opType = m.pick(['ReduceMean', 'ReduceMean', 'ReduceSum', 'ReduceMax', 'ReduceMin', 'ReduceL2', 'ReduceLogSumExp']);
        const y = reduce(m, opType, x, axes, m.chance(0.5));
        return y;
      },
    ],
    [
      1,
      () =>
        onImage((y) => {
          const [n = 0, c = 0, ...grid] = m.dims(y);
          if (elementCount(grid) === 0) return undefined;
          return m.op(m.pick(['GlobalAveragePool', 'GlobalMaxPool']), [y], [n, c, ...grid.map(() => 1)]);
        }),
    ],
    [1, () => (elementCount(dims) === 0 ? undefined : softmax(m, x))],
    [2, () => gathered(m, x)],
    [1, () => expanded(m, x)],
    [1, () => alike(m, x)],
    [1, () => ramp(m, x)],
    [1, () => castChain(m, x)],
    [
      1,
      () => {
        const ones = dims.map((d, i) => (d === 1 ? i : -1)).filter((i) => i >= 0);
        return ones.length > 0 && m.chance(0.5)
          ? squeeze(m, x, ones.slice(0, 1))
          : rank < 5
            ? unsqueeze(m, x, [m.int(0, rank)])
            : undefined;
      },
    ],
    [
      1,
      () => {
        // On inputs alone: a comparison of computed numbers may part where rounding differs.
        const [input] = m.inputs;
        if (!input || m.opset < 9) return undefined;
        const fits = m.values.filter((v) => same(m.dims(v), input.tensor.dims));
        const mask = m.op(m.pick(['Greater', 'Less']), [input.name, m.scalar(0.25)], input.tensor.dims, {}, 'bool');
        return m.op('Where', [mask, m.pick(fits), m.chance(0.5) ? m.pick(fits) : m.scalar(0)], input.tensor.dims);
      },
    ],
    [1, () => branch(m, x)],
    [1, () => onImage((y) => quantized(m, y))],
    [1, () => unusual(m, x)],
    [
      1,
      () => {
        const [n = 0, c = 0, h = 0, w = 0] = dims;
        if (rank !== 4 || c % 4 !== 0 || c === 0) return undefined;
        const mode = m.opset >= 11 && m.chance(0.5) ? { mode: text(m.pick(['CRD', 'DCR'])) } : {};
        return m.op('DepthToSpace', [x], [n, c / 4, 2 * h, 2 * w], { blocksize: int(2), ...mode });
      },
    ],
    [1, () => m.op('Sqrt', [m.op('Add', [m.op('Abs', [x], dims), m.scalar(0.5)], dims)], dims)],
    [1, () => m.op('Pow', [x, m.scalar(2)], dims)],
    [1, () => m.op('Exp', [m.op('Tanh', [x], dims)], dims)],
    [
      1,
      () => {
        if (rank === 0 || elementCount(dims) > maxElements / 2) return undefined;
        const repeats = dims.map(() => 1);
        const at = m.int(0, rank - 1);
        repeats[at] = 2;
        return m.op(
          'Tile',
          [x, m.sizes(repeats)],
          dims.map((d, i) => d * (repeats[i] ?? 1)),
        );
      },
    ],
  ];
  const total = sum(steps.map(([weight]) => weight));
  let left = m.int(0, total - 1);
  for (const [weight, make] of steps) {
    left -= weight;
    if (left < 0) return make();
  }
  return undefined;
}

function turn(m: Maker, x: string): string {
  const dims = m.dims(x);
  const perm = m.shuffled(dims.map((_, i) => i));
  return m.op(
    'Transpose',
    [x],
    perm.map((i) => dims[i] ?? 0),
    { perm: ints(perm) },
  );
}

/** A case of some twenty to sixty nodes, of an opset from `lowest` to 23. */
export function generateCase(seed: number, lowest = 7): OnnxCase {
  const m = new Maker(seed, lowest);
  const rank = m.pick([1, 2, 2, 2, 2, 3]);
  const batch = m.chance(0.02) ? 0 : m.pick([1, 2, 3]);
  const grid = Array.from({ length: rank }, () => (rank === 3 ? m.int(3, 5) : m.int(4, 9)));
  const free = m.chance(0.5);
  m.open = free;
  const symbols = ['H', 'W', 'D'];
  const declare = (size: number, symbol: string): number | string | undefined => {
    if (!free) return size;
    const kind = m.int(0, 9);
    return kind < 6 ? symbol : kind < 7 ? undefined : size;
  };
  const inputCount = m.pick([1, 1, 1, 2]);
  for (let i = 0; i < inputCount; i++) {
    const channels = m.pick([1, 2, 4, 4, 6]);
    const dims = [batch, channels, ...grid];
    const name = m.pick(['x', 'input', 'data', 'image.1']) + (i === 0 ? '' : '_2');
    m.types.set(name, { elem: m.elem, dims });
    const declared = [
      declare(batch, m.pick(['N', 'N', 'batch_size'])),
      channels,
      ...grid.map((d, k) => declare(d, symbols[k] ?? 'H')),
    ];
    if (!free) declared[0] = m.chance(0.5) ? batch : 'N';
    m.inputs.push({ name, declared, tensor: m.tensor(dims) });
    m.keep(name);
  }
  for (let left = m.int(4, 14); left > 0; left--) {
    const y = step(m);
    if (y !== undefined && elementCount(m.dims(y)) <= maxElements) m.keep(y);
  }
  const read = new Set(
    m.nodes.flatMap((node) => [...node.inputs, ...bodiesOf(node).flatMap((body) => body.nodes.flatMap((n) => n.inputs))]),
  );
  const made = new Set(m.nodes.flatMap((node) => node.outputs));
  const outputs = m.values.filter((v) => made.has(v) && (!read.has(v) || m.chance(0.05)));
  if (outputs.length === 0) {
    const [input] = m.inputs;
    if (!input) throw new Error('a case without inputs');
    outputs.push(m.op('Identity', [input.name], input.tensor.dims));
  }
  return prune({
    name: `random${seed}`,
    opset: m.opset,
    nodes: m.nodes,
    initializers: m.initializers,
    inputs: m.inputs,
    outputs: [...new Set(outputs)],
    types: m.types,
    valueInfo: m.chance(0.3),
  });
}

export function bodiesOf(node: CaseNode): readonly CaseBody[] {
  return Object.values(node.attributes).flatMap((a) => (a.kind === 'graph' ? [a.value] : []));
}

/** What a node reads, its bodies included. */
export function readsOf(node: CaseNode): readonly string[] {
  return [...node.inputs, ...bodiesOf(node).flatMap((body) => body.nodes.flatMap((inner) => inner.inputs))];
}

/** Without nodes and constants that nothing reads. Steps that gave up leave some. */
export function prune(one: OnnxCase): OnnxCase {
  const wanted = new Set(one.outputs);
  const nodes: CaseNode[] = [];
  for (const node of [...one.nodes].reverse()) {
    if (!node.outputs.some((name) => wanted.has(name))) continue;
    nodes.push(node);
    for (const name of readsOf(node)) wanted.add(name);
  }
  nodes.reverse();
  return { ...one, nodes, initializers: new Map([...one.initializers].filter(([name]) => wanted.has(name))) };
}
