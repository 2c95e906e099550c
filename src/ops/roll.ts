/** Axes turned around: torch.roll and torch.flip, by Gather-13, Slice-13 and Concat-13. */
import { Dim, productOf } from '../ir/dim.ts';
import type { Value } from '../ir/graph.ts';
import { typeText } from '../ir/types.ts';
import { given } from './attrs.ts';
import { axisIn, checkAxes } from './common.ts';
import { concat } from './concat.ts';
import { defineLayer, type LayerBuilder } from './define.ts';
import { gather } from './gather.ts';
import { dims, ints, optional } from './params.ts';
import { reshapedTo } from './relayout.ts';
import { slice } from './slice.ts';
import { toTheEnd } from './slice-axes.ts';

/** The longest axis whose new order is written out. */
const listLimit = 1024;

/** Element i comes to place i + shift, around the end. */
function rolled(b: LayerBuilder, x: Value, shift: Dim, axis: number): Value {
  const size = given(x.type.dims, axis);
  const [n, by] = [size.constant, shift.constant];
  if (n !== undefined && by !== undefined) {
    const first = n === 0 ? 0 : (n - (by % n)) % n;
    if (first === 0) return x;
    if (n <= listLimit) {
      const data = Float64Array.from({ length: n }, (_, i) => (first + i) % n);
      return b.op(gather, [x, b.constant({ elem: 'i64', dims: [n], data })], { axis });
    }
    return cutAt(b, x, Dim.of(first), axis);
  }
  if (by === 0) return x;
  const back = shift.lowerBound >= 0;
  const fits = (back ? shift : shift.times(-1)).atMost(size) === 'yes';
  const least = by === undefined ? undefined : Math.abs(by);
  const hint =
    size.constant === undefined && least !== undefined
      ? `assert ${size} >= ${least}`
      : 'a shift such as 1, or floordiv of the size';
  b.check(
    'l1',
    fits,
    `a shift of ${shift} along axis ${axis} of ${typeText(x.type)}`,
    `a shift that is provably at most ${size}`,
    hint,
  );
  // Counted from the end, where the number is known and the size is not.
  return cutAt(b, x, back ? (by === undefined ? size.minus(shift) : Dim.of(-by)) : shift.times(-1), axis);
}

/** What lies behind `at` in front of what lies before it. */
function cutAt(b: LayerBuilder, x: Value, at: Dim, axis: number): Value {
  const part = (start: Dim, end: Dim): Value => b.op(slice, [x], { starts: [start], ends: [end], axes: [axis], steps: [1] });
  return b.op(concat, [part(at, Dim.of(toTheEnd)), part(Dim.zero, at)], { axis });
}

/** torch.roll. */
export const rollLayer = defineLayer({
  name: 'roll',
  summary: 'Shifts the elements along axes; what leaves at the end comes in at the beginning',
  source: 'torch.roll',
  family: 'Shapes',
  params: {
    shifts: dims({ rest: true, doc: 'by how many places, one for each axis; negative towards the beginning' }),
    axes: optional(ints({ doc: 'the axes' }), 'all as one, in row-major order'),
  },
  build(b: LayerBuilder, [x], p) {
    const { dims: sizes } = x.type;
    if (!p.axes) {
      b.check('l2', p.shifts.length === 1, `${p.shifts.length} shifts without axes`, 'one shift, or axes=', 'roll(1, axes=[1])');
      const flat = reshapedTo(b, x, [productOf(sizes)]);
      return reshapedTo(b, rolled(b, flat, given(p.shifts, 0), 0), sizes);
    }
    const { axes } = p;
    checkAxes(b.check, 'l3', axes, sizes.length);
    b.check('l4', axes.length === p.shifts.length, `${p.shifts.length} shifts for ${axes.length} axes`, 'a shift for each axis');
    return axes.reduce((value, axis, i) => rolled(b, value, given(p.shifts, i), axisIn(axis, sizes.length)), x);
  },
});

/** torch.flip. */
export const flipLayer = defineLayer({
  name: 'flip',
  summary: 'Reverses the order of the elements along axes',
  source: 'torch.flip',
  family: 'Shapes',
  params: { axes: ints({ rest: true, doc: 'the axes' }) },
  build(b: LayerBuilder, [x], p) {
    checkAxes(b.check, 'l1', p.axes, x.type.dims.length);
    const axes = p.axes.map((axis) => axisIn(axis, x.type.dims.length)).filter((axis) => x.type.dims[axis]?.constant !== 1);
    if (axes.length === 0) return x;
    const all = (value: number): readonly Dim[] => axes.map(() => Dim.of(value));
    return b.op(slice, [x], { starts: all(-1), ends: all(-toTheEnd), axes, steps: axes.map(() => -1) });
  },
});
