/**
 * What operator definitions share: reading attributes and operands, axes, NumPy broadcasting of types and of numbers, integer
 * ranges.
 */
import { outside } from '../diagnostics/at.ts';
import { bug } from '../diagnostics/diagnostic.ts';
import { Dim } from '../ir/dim.ts';
import { factOf } from '../ir/elem.ts';
import type { Node } from '../ir/graph.ts';
import { type Attrs, type Check, CheckFailure, type SampleSource } from '../ir/operator.ts';
import { type ElemType, elementCount, type HostTensor, isElemType, isFloat, type TensorType, typeText } from '../ir/types.ts';
import { holdsExactly } from '../ir/wide.ts';
import { dimsAttr, stringAttr } from './attrs.ts';

/** The operands of an operator on one tensor. */
export const xOnly = [{ name: 'x', doc: 'the tensor' }] as const;

/** Sizes of a random small tensor of `low` to `high` axes. */
export function sampleDims(source: SampleSource, low: number, high: number): readonly number[] {
  return Array.from({ length: source.int(low, high) }, () => source.int(1, 4));
}

export const constantDims = (values: readonly number[]): readonly Dim[] => values.map((n) => Dim.of(n));

export function elemAttr(attrs: Attrs, name: string): ElemType {
  const value = stringAttr(attrs, name);
  return isElemType(value) ? value : bug(`attribute ${name} is no element type`);
}

/** The only dimension of a `dims` attribute that holds one. */
export function dimAttr(attrs: Attrs, name: string): Dim {
  return dimsAttr(attrs, name)[0] ?? bug(`attribute ${name} is empty`);
}

/** All operands of a variadic operator. */
export function presentOf<T>(operands: readonly (T | undefined)[]): readonly T[] {
  return operands.map((x, i) => x ?? bug(`operand ${i} is missing`));
}

/** `-1` is the last of `rank` axes. The shape rule has checked that it is one. */
export function axisIn(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

/** Where on an axis index k points; −1 is the last. Throws `CheckFailure` for one beyond the axis. */
export function indexAt(indices: HostTensor, k: number, dims: readonly number[], axis: number): number {
  const size = dims[axis] ?? outside();
  const index = indices.data[k] ?? outside();
  if (index < -size || index >= size)
    throw new CheckFailure('indices', `index ${index}`, `an index from ${-size} to ${size - 1} on axis ${axis}`);
  return axisIn(index, size);
}

/** Axes as numbers from 0, ascending; the empty list stands for all of them. */
export function axesOrAll(axes: readonly number[], rank: number): readonly number[] {
  if (axes.length === 0) return Array.from({ length: rank }, (_, i) => i);
  return axes.map((a) => axisIn(a, rank)).sort((a, b) => a - b);
}

export function checkAxis(check: Check, label: string, axis: number, rank: number): void {
  const range = rank === 0 ? 'a tensor with axes' : `an axis from ${-rank} to ${rank - 1}`;
  check(label, axis >= -rank && axis < rank, `axis ${axis} of a rank-${rank} tensor`, range);
}

export function checkAxes(check: Check, label: string, axes: readonly number[], rank: number): void {
  for (const axis of axes) checkAxis(check, label, axis, rank);
  const distinct = new Set(axes.map((a) => axisIn(a, rank)));
  check(label, distinct.size === axes.length, `axes [${axes.join(', ')}]`, 'each axis once');
}

export function checkFloat(check: Check, label: string, type: TensorType): void {
  check(label, isFloat(type.elem), typeText(type), 'a float tensor', 'cast(f32)');
}

export function checkNumeric(check: Check, label: string, type: TensorType): void {
  check(label, type.elem !== 'bool', typeText(type), 'a tensor of numbers', 'cast(f32)');
}

export function checkSameElem(check: Check, label: string, a: TensorType, b: TensorType): void {
  check(label, a.elem === b.elem, `${typeText(a)} and ${typeText(b)}`, 'one element type for both', `cast(${a.elem})`);
}

/** Product of dimensions. */
export function sizeOf(dims: readonly Dim[]): Dim {
  return dims.reduce((n, d) => n.times(d), Dim.one);
}

export function dimsText(dims: readonly Dim[]): string {
  return `[${dims.map((d) => d.toString()).join(', ')}]`;
}

export function sameDim(a: Dim, b: Dim): boolean {
  return a.equals(b) === 'yes';
}

/**
 * The shape that two shapes broadcast to, NumPy's rule: aligned at the last axis, 1 gives way. A symbol agrees with itself alone:
 * whether it happens to be 1 is only known to the run.
 */
export function broadcastDims(check: Check, label: string, a: readonly Dim[], b: readonly Dim[]): readonly Dim[] {
  const rank = Math.max(a.length, b.length);
  const out: Dim[] = [];
  for (let i = 0; i < rank; i++) {
    const x = a[i - rank + a.length] ?? Dim.one;
    const y = b[i - rank + b.length] ?? Dim.one;
    const agree = x === y || x.constant === 1 || y.constant === 1 || sameDim(x, y);
    check(label, agree, `${dimsText(a)} and ${dimsText(b)}`, `${x} and ${y} at axis ${i} equal, or one of them 1`);
    out.push(x.constant === 1 ? y : x);
  }
  return out;
}

/**
 * How operands run along a result, with adjacent axes joined along which the same operands move. `steps[k][g]` is how far operand
 * k moves in its own data for one step along group g (0 where it is repeated); in the last group it is 0 or 1.
 */
interface Broadcast {
  readonly sizes: readonly number[];
  readonly steps: readonly (readonly number[])[];
}

function broadcastOf(shapes: readonly (readonly number[])[], out: readonly number[]): Broadcast {
  const sizes: number[] = [];
  const moving: boolean[][] = [];
  for (let axis = 0; axis < out.length; axis++) {
    const size = out[axis] ?? 1;
    if (size === 1) continue;
    const moves = shapes.map((dims) => (dims[axis - out.length + dims.length] ?? 1) !== 1);
    const last = moving[moving.length - 1];
    if (last && moves.every((m, k) => m === last[k])) sizes[sizes.length - 1] = (sizes[sizes.length - 1] ?? outside()) * size;
    else {
      sizes.push(size);
      moving.push(moves);
    }
  }
  if (sizes.length === 0) {
    sizes.push(1);
    moving.push(shapes.map(() => true));
  }
  const steps = shapes.map((_, k) => {
    const own: number[] = new Array(sizes.length).fill(0);
    let stride = 1;
    for (let g = sizes.length - 1; g >= 0; g--) {
      if (!moving[g]?.[k]) continue;
      own[g] = stride;
      stride *= sizes[g] ?? outside();
    }
    return own;
  });
  return { sizes, steps };
}

/** Visits every run along the last group: where it begins in the result and in each operand. */
function eachRow(plan: Broadcast, visit: (at: number, starts: readonly number[]) => void): void {
  const groups = plan.sizes.length;
  const count = plan.sizes[groups - 1] ?? 1;
  const position: number[] = new Array(groups).fill(0);
  const starts: number[] = plan.steps.map(() => 0);
  let total = 1;
  for (let g = 0; g < groups - 1; g++) total *= plan.sizes[g] ?? outside();
  for (let row = 0; row < total; row++) {
    visit(row * count, starts);
    for (let g = groups - 2; g >= 0; g--) {
      position[g] = (position[g] ?? outside()) + 1;
      const wrapped = (position[g] ?? outside()) === plan.sizes[g];
      const back = wrapped ? (plan.sizes[g] ?? outside()) - 1 : 0;
      for (let k = 0; k < starts.length; k++) {
        const step = plan.steps[k]?.[g] ?? 0;
        starts[k] = (starts[k] ?? outside()) + (wrapped ? -back * step : step);
      }
      if (!wrapped) break;
      position[g] = 0;
    }
  }
}

/** The shape that shapes of numbers broadcast to. */
export function broadcastShape(...shapes: readonly (readonly number[])[]): readonly number[] {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  return Array.from({ length: rank }, (_, i) => {
    let out = 1;
    for (const dims of shapes) {
      const d = dims[i - rank + dims.length] ?? 1;
      if (d !== 1 && out !== 1 && d !== out)
        bug(`shapes ${shapes.map((s) => `[${s.join(', ')}]`).join(' and ')} do not broadcast`);
      if (d !== 1) out = d;
    }
    return out;
  });
}

export function map1(x: Float64Array, f: (x: number) => number): Float64Array {
  const out = new Float64Array(x.length);
  for (let i = 0; i < x.length; i++) out[i] = f(x[i] ?? outside());
  return out;
}

/** f(a, b) for every element of the broadcast shape. */
export function map2(
  a: HostTensor,
  b: HostTensor,
  f: (a: number, b: number) => number,
): { dims: readonly number[]; data: Float64Array } {
  const dims = broadcastShape(a.dims, b.dims);
  const data = new Float64Array(elementCount(dims));
  if (data.length === 0) return { dims, data };
  const p = a.data;
  const q = b.data;
  const plan = broadcastOf([a.dims, b.dims], dims);
  const last = plan.sizes.length - 1;
  const count = plan.sizes[last] ?? outside();
  const sp = plan.steps[0]?.[last] ?? 0;
  const sq = plan.steps[1]?.[last] ?? 0;
  eachRow(plan, (at, [i = 0, j = 0]) => {
    if (sp === 1 && sq === 1) for (let k = 0; k < count; k++) data[at + k] = f(p[i + k] ?? outside(), q[j + k] ?? outside());
    else for (let k = 0; k < count; k++) data[at + k] = f(p[i + k * sp] ?? outside(), q[j + k * sq] ?? outside());
  });
  return { dims, data };
}

/** f(a, b, c) for every element of the broadcast shape. */
export function map3(
  a: HostTensor,
  b: HostTensor,
  c: HostTensor,
  f: (a: number, b: number, c: number) => number,
): { dims: readonly number[]; data: Float64Array } {
  const dims = broadcastShape(a.dims, b.dims, c.dims);
  const data = new Float64Array(elementCount(dims));
  if (data.length === 0) return { dims, data };
  const plan = broadcastOf([a.dims, b.dims, c.dims], dims);
  const last = plan.sizes.length - 1;
  const count = plan.sizes[last] ?? outside();
  const [sp = 0, sq = 0, sr = 0] = plan.steps.map((s) => s[last] ?? outside());
  eachRow(plan, (at, [i = 0, j = 0, l = 0]) => {
    for (let k = 0; k < count; k++)
      data[at + k] = f(a.data[i + k * sp] ?? outside(), b.data[j + k * sq] ?? outside(), c.data[l + k * sr] ?? outside());
  });
  return { dims, data };
}

/** The tensor repeated to a shape that it broadcasts to. */
export function broadcastTo(x: HostTensor, dims: readonly number[]): Float64Array {
  const data = new Float64Array(elementCount(dims));
  if (data.length === 0) return data;
  const plan = broadcastOf([x.dims], dims);
  const last = plan.sizes.length - 1;
  const count = plan.sizes[last] ?? outside();
  const step = plan.steps[0]?.[last] ?? 0;
  eachRow(plan, (at, [i = 0]) => {
    if (step === 1) data.set(x.data.subarray(i, i + count), at);
    else data.fill(x.data[i] ?? outside(), at, at + count);
  });
  return data;
}

/** The element of x that element `at` of a result of these sizes is made from, to which x broadcasts. */
export function elementAt(x: HostTensor, dims: readonly number[], at: number): number {
  let rest = at;
  let stride = 1;
  let place = 0;
  for (let back = 1; back <= dims.length; back++) {
    const size = dims[dims.length - back] ?? outside();
    const own = x.dims[x.dims.length - back];
    if (own !== undefined && own !== 1) place += (rest % size) * stride;
    stride *= own ?? 1;
    rest = Math.floor(rest / size);
  }
  return x.data[place] ?? outside();
}

/** Row-major strides. */
export function stridesOf(dims: readonly number[]): readonly number[] {
  const out: number[] = new Array(dims.length).fill(1);
  for (let i = dims.length - 2; i >= 0; i--) out[i] = (out[i + 1] ?? 1) * (dims[i + 1] ?? outside());
  return out;
}

/** The axis' place in a row-major tensor: `outer` blocks of `size` steps, `inner` elements apart. */
export function aroundAxis(
  dims: readonly number[],
  axis: number,
): { readonly outer: number; readonly size: number; readonly inner: number } {
  return { outer: elementCount(dims.slice(0, axis)), size: dims[axis] ?? outside(), inner: elementCount(dims.slice(axis + 1)) };
}

/** Narrow integers: the lowest one, and how many there are. */
const wraps = factOf(({ integers, bytes }) =>
  integers && bytes < 8 ? { low: integers[0], span: integers[1] + 1 - integers[0] } : undefined,
);

/**
 * A whole number as the element type holds it: narrow types wrap around (two's complement, what ONNX's runtimes do). 64-bit
 * integers that float64 may have rounded are refused (`CheckFailure` labelled `integers`), and computed anew as bigints.
 */
export function wrapInteger(elem: ElemType, value: number): number {
  if (elem === 'bool') return value !== 0 ? 1 : 0;
  const wrap = wraps[elem];
  if (!wrap) {
    const holds = holdsExactly(value) && (elem !== 'u64' || value >= 0);
    if (!holds) throw new CheckFailure('integers', `${value} of type ${elem}`, 'an integer within 2^53');
    return value === 0 ? 0 : value;
  }
  const { low, span } = wrap;
  if (value >= low && value < low + span) return value === 0 ? 0 : value;
  const rest = value % span;
  const positive = rest < 0 ? rest + span : rest;
  return positive >= low + span ? positive - span : positive === 0 ? 0 : positive;
}

/** Wraps every element where the type is an integer. */
export function wrapAll(elem: ElemType, data: Float64Array): Float64Array {
  if (isFloat(elem)) return data;
  for (let i = 0; i < data.length; i++) data[i] = wrapInteger(elem, data[i] ?? outside());
  return data;
}

/** out[i…] = x[maps[0][i0], maps[1][i1], …], or `fill` where a map says −1. */
export function remap(x: HostTensor, maps: readonly Int32Array[], fill: number): HostTensor {
  const dims = maps.map((m) => m.length);
  const data = new Float64Array(elementCount(dims));
  const out = { elem: x.elem, dims, data };
  if (data.length === 0) return out;
  const rank = maps.length;
  const last = maps[rank - 1];
  if (!last) {
    data[0] = x.data[0] ?? outside();
    return out;
  }
  const strides = stridesOf(x.dims);
  const position: number[] = new Array(rank).fill(0);
  for (let row = 0; row < data.length; row += last.length) {
    let start = 0;
    let inside = true;
    for (let axis = 0; axis < rank - 1; axis++) {
      const at = maps[axis]?.[position[axis] ?? outside()] ?? -1;
      if (at < 0) inside = false;
      start += at * (strides[axis] ?? outside());
    }
    if (!inside) data.fill(fill, row, row + last.length);
    else {
      for (let i = 0; i < last.length; i++) {
        const at = last[i] ?? -1;
        data[row + i] = at < 0 ? fill : (x.data[start + at] ?? outside());
      }
    }
    for (let axis = rank - 2; axis >= 0; axis--) {
      position[axis] = (position[axis] ?? outside()) + 1;
      if ((position[axis] ?? outside()) < (dims[axis] ?? outside())) break;
      position[axis] = 0;
    }
  }
  return out;
}

/** Where the elements lie that one walks over when moving along some axes of a row-major tensor, the last of them fastest. */
export function offsetsAlong(dims: readonly number[], axes: readonly number[]): Int32Array {
  if (axes.some((axis) => dims[axis] === 0)) return new Int32Array(0);
  const strides = stridesOf(dims);
  let out = new Int32Array(1);
  for (const axis of axes) {
    const size = dims[axis] ?? outside();
    const stride = strides[axis] ?? outside();
    const next = new Int32Array(out.length * size);
    for (let i = 0; i < out.length; i++) for (let k = 0; k < size; k++) next[i * size + k] = (out[i] ?? outside()) + k * stride;
    out = next;
  }
  return out;
}

/** Of windows: all sizes of x and of the grid of the result but the batch, as PyTorch and runtimes want them. */
export const neededByWindows = ({ x, y }: Node): readonly Dim[] => [...x.type.dims.slice(1), ...y.type.dims.slice(2)];

/** The sizes of the grid of x, for what interpolates between its elements. */
export const neededGrid = ({ x }: Node): readonly Dim[] => x.type.dims.slice(2);
