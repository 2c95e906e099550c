/** Tensors of integers whose every element follows from its place: what exporters compute to index memory by strides. */
import { at, outside } from '../../../diagnostics/at.ts';
import { Dim, sameDims } from '../../../ir/dim.ts';
import { hostOf, type Value } from '../../../ir/graph.ts';
import { elementCount } from '../../../ir/types.ts';
import { numberAttr } from '../../../ops/attrs.ts';
import { dimAttr } from '../../../ops/common.ts';
import { reshaping } from '../../analysis/shapes.ts';

/** Element [i, j, …] is start + steps[0]·i + steps[1]·j + …; an axis of size 1 has the step 0. */
export interface Strided {
  readonly start: number;
  readonly steps: readonly number[];
}

/** Operators below a value that are looked at. */
const depthLimit = 8;

/** How the elements of an integer tensor follow from their places, where ranges, products and sums with constants say it. */
export function stridedOf(value: Value | undefined, depth = 0): Strided | undefined {
  if (!value || depth > depthLimit) return undefined;
  const node = value.producer;
  if (!node) return constantSteps(value);
  if (node.op.name === 'range') {
    const start = dimAttr(node.attrs, 'start').constant;
    return start === undefined ? undefined : { start, steps: [isOne(value.type.dims[0]) ? 0 : numberAttr(node.attrs, 'step')] };
  }
  const [first, second] = node.operands;
  const a = stridedOf(first, depth + 1);
  if (!a || !first) return undefined;
  if (reshaping.names.has(node.op.name)) return regrouped(a, first.type.dims, value.type.dims);
  const b = stridedOf(second, depth + 1);
  if (!b || !second) return undefined;
  const [x, y] = [widened(a, first, value), widened(b, second, value)];
  if (node.op.name === 'add') return combined(x, 1, y, 1);
  if (node.op.name !== 'mul') return undefined;
  if (isNumber(y)) return combined(x, y.start, y, 0);
  return isNumber(x) ? combined(x, 0, y, x.start) : undefined;
}

const isNumber = ({ steps }: Strided): boolean => steps.every((step) => step === 0);

/** a·x + b·y */
const combined = (x: Strided, a: number, y: Strided, b: number): Strided => ({
  start: a * x.start + b * y.start,
  steps: x.steps.map((step, axis) => a * step + b * at(y.steps, axis)),
});

function constantSteps(value: Value): Strided | undefined {
  const host = hostOf(value);
  if (!host || host.wide || host.data.length === 0) return undefined;
  const { dims, data } = host;
  const start = at(data, 0);
  const strides = dims.map((_, axis) => elementCount(dims.slice(axis + 1)));
  const steps = dims.map((size, axis) => (size === 1 ? 0 : at(data, at(strides, axis)) - start));
  for (let i = 0; i < data.length; i++) {
    let expected = start;
    for (let axis = 0, rest = i; axis < dims.length; axis++) {
      const stride = strides[axis] ?? outside();
      expected += Math.floor(rest / stride) * (steps[axis] ?? outside());
      rest %= stride;
    }
    if (data[i] !== expected) return undefined;
  }
  return { start, steps };
}

const isOne = (size: Dim | undefined): boolean => size?.constant === 1;

/** Through a reshape that adds and drops axes of size 1 alone. */
function regrouped(x: Strided, from: readonly Dim[], to: readonly Dim[]): Strided | undefined {
  const long = (dims: readonly Dim[]): readonly Dim[] => dims.filter((size) => !isOne(size));
  if (!sameDims(long(from), long(to))) return undefined;
  const steps = x.steps.filter((_, axis) => !isOne(from[axis]));
  let next = 0;
  return { start: x.start, steps: to.map((size) => (isOne(size) ? 0 : at(steps, next++))) };
}

/** As a broadcast has it: axes that are added in front, or repeat, have the step 0. */
function widened(x: Strided, from: Value, to: Value): Strided {
  const added = to.type.dims.length - from.type.dims.length;
  return { start: x.start, steps: to.type.dims.map((_, axis) => x.steps[axis - added] ?? 0) };
}

/** Whether the elements are 0, 1, 2, …, row by row. */
export function countsUp({ start, steps }: Strided, dims: readonly Dim[]): boolean {
  if (start !== 0) return false;
  let inner: Dim = Dim.one;
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    const size = at(dims, axis);
    if (!isOne(size) && inner.constant !== steps[axis]) return false;
    inner = inner.times(size);
  }
  return true;
}
