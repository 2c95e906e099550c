/**
 * Steps that follow the error, as a loop: torchdiffeq 0.2.5 line by line (`_impl/rk_common.py`, `_impl/misc.py`,
 * `_impl/interp.py`). Time lies in f64 whatever the state is, and so does what controls the step. The norm is the root mean
 * square over all of the state, the batch included. The first step is Hairer's (Hairer, Nørsett, Wanner 1993, §II.4). A time that
 * is asked for comes out by a quartic through the values and slopes at both ends of its step and the value in the middle.
 *
 * torchdiffeq goes from one asked time to the next; here all of them are looked at after every accepted step, which takes the
 * same steps. Where `max_steps` are not enough, what was not reached is NaN.
 */

import { Dim } from '../ir/dim.ts';
import type { Value } from '../ir/graph.ts';
import type { ElemType } from '../ir/types.ts';
import { concat } from '../ops/concat.ts';
import { loop } from '../ops/control-flow.ts';
import { abs, add, and, div, less, lessEqual, max, min, mul, pow, sqrt, sub, where } from '../ops/elementwise.ts';
import { full } from '../ops/generate.ts';
import { reduceMean } from '../ops/reduce.ts';
import { unsqueeze } from '../ops/reshape.ts';
import type { Arithmetic } from './arithmetic.ts';
import type { AdaptiveSteps, Derivative } from './ode-options.ts';

const safety = 0.9;
const mostGrowth = 10;
const leastGrowth = 0.2;

const time: ElemType = 'f64';

/** The root mean square of all elements. */
function norm(math: Arithmetic, x: Value): Value {
  return math.op(sqrt, [math.op(reduceMean, [math.op(mul, [x, x])], { axes: [], keepdims: false })]);
}

function firstStep(math: Arithmetic, rates: Derivative, y: Value, f: Value, { times, method, rtol, atol }: AdaptiveSteps): Value {
  const scale = math.of(add, math.of(mul, math.op(abs, [y]), rtol), atol);
  const d0 = norm(math, math.op(div, [y, scale]));
  const d1 = norm(math, math.op(div, [f, scale]));
  const { elem } = y.type;
  const isSmall = math.of(less, math.op(min, [d0, d1]), 1e-5);
  const h0 = math.op(where, [isSmall, math.number(elem, 1e-6), math.op(div, [math.of(mul, d0, 0.01), d1])]);
  const later = math.of(add, math.cast(h0, time), times[0] ?? 0);
  const f1 = rates(math.cast(later, elem), math.op(add, [y, math.op(mul, [h0, f])]));
  const d2 = math.op(div, [norm(math, math.op(div, [math.op(sub, [f1, f]), scale])), h0]);
  const largest = math.op(max, [d1, d2]);
  const h1 = math.op(where, [
    math.of(lessEqual, largest, 1e-15),
    math.of(max, math.of(mul, h0, 1e-3), 1e-6),
    math.of(pow, math.of(div, 0.01, largest), 1 / method.order),
  ]);
  return math.cast(math.op(min, [math.of(mul, h0, 100), h1]), time);
}

/** The state and the rest after a step from t to t + h; `written` has the states at the asked times, as far as they are known. */
function turn(
  math: Arithmetic,
  rates: Derivative,
  options: AdaptiveSteps,
  asked: Value,
  [y, f, t, h, written]: readonly [Value, Value, Value, Value, Value],
): readonly Value[] {
  const { a, c, error, mid, order } = options.method;
  const { elem } = y.type;
  const end = math.op(add, [t, h]);
  const [from, length, to] = [math.cast(t, elem), math.cast(h, elem), math.cast(end, elem)];
  const moved = (weights: readonly number[], ks: readonly Value[]): Value => {
    const sum = math.weighted(ks, weights, 1);
    return sum ? math.op(add, [y, math.op(mul, [sum, length])]) : y;
  };
  const ks = [f];
  let next = y;
  a.forEach((row, i) => {
    const at = c[i + 1] ?? 1;
    next = moved(row, ks);
    ks.push(rates(at === 1 ? to : math.op(add, [from, math.of(mul, length, at)]), next));
  });
  const slope = ks[ks.length - 1] ?? f;
  const off = math.op(mul, [math.weighted(ks, error, 1) ?? f, length]);
  const allowed = math.of(add, math.of(mul, math.op(max, [math.op(abs, [y]), math.op(abs, [next])]), options.rtol), options.atol);
  const ratio = norm(math, math.op(div, [off, allowed]));
  const accepted = math.of(lessEqual, ratio, 1);
  const least = math.op(where, [math.of(less, ratio, 1), math.number(time, 1), math.number(time, leastGrowth)]);
  const wanted = math.of(div, safety, math.of(pow, math.cast(ratio, time), 1 / order));
  const growth = math.of(min, math.op(max, [wanted, least]), mostGrowth);
  const reached = math.op(where, [accepted, end, t]);
  const passed = math.op(and, [math.op(and, [math.op(less, [t, asked]), math.op(lessEqual, [asked, end])]), accepted]);
  const x = math.cast(math.op(div, [math.op(sub, [asked, t]), h]), elem);
  const between = interpolated(math, x, [y, next, moved(mid, ks), math.op(mul, [f, length]), math.op(mul, [slope, length])]);
  return [
    math.of(less, reached, options.times.at(-1) ?? 0),
    math.op(where, [accepted, next, y]),
    math.op(where, [accepted, slope, f]),
    reached,
    math.op(mul, [h, growth]),
    math.op(where, [passed, between, written]),
  ];
}

/** The quartic with these values at 0, 1 and 1/2 and these slopes at 0 and 1. */
function interpolated(math: Arithmetic, x: Value, [y0, y1, middle, f0, f1]: readonly [Value, Value, Value, Value, Value]): Value {
  const sum = (...terms: readonly (readonly [number, Value])[]): Value => {
    const [first, ...rest] = terms.map(([factor, value]) => (factor === 1 ? value : math.of(mul, value, factor)));
    return rest.reduce((total, term) => math.op(add, [total, term]), first ?? y0);
  };
  const a = sum([2, f1], [-2, f0], [-8, y1], [-8, y0], [16, middle]);
  const b = sum([5, f0], [-3, f1], [18, y0], [14, y1], [-32, middle]);
  const c = sum([1, f1], [-4, f0], [-11, y0], [-5, y1], [16, middle]);
  // By powers as torchdiffeq does, so that the value at 1 is rounded alike.
  let total = math.op(add, [y0, math.op(mul, [x, f0])]);
  let power = x;
  for (const coefficient of [c, b, a]) {
    power = math.op(mul, [power, x]);
    total = math.op(add, [total, math.op(mul, [power, coefficient])]);
  }
  return total;
}

export function solveAdaptively(math: Arithmetic, rates: Derivative, first: Value, options: AdaptiveSteps): Value {
  const { times, maxSteps } = options;
  const { type } = first;
  const [begin = 0, ...later] = times;
  const several = later.length > 1;
  const slope = rates(begin, first);
  const h = firstStep(math, rates, first, slope, options);
  const count = several ? [Dim.of(later.length)] : [];
  const asked = math.vector(time, several ? [later.length, ...type.dims.map(() => 1)] : [], later);
  const unknown = math.op(full, [], { shape: [...count, ...type.dims], value: Number.NaN, elem: type.elem });
  const scalar = { elem: time, dims: [] };
  const results = math.owner(
    loop,
    [math.number('i64', maxSteps), math.number('bool', 1), first, slope, math.number(time, begin), h, unknown],
    {},
    [
      ['turn', { elem: 'i64', dims: [] }],
      ['goes_on', { elem: 'bool', dims: [] }],
      ['state', type],
      ['slope', type],
      ['time', scalar],
      ['step', scalar],
      ['states', unknown.type],
    ],
    ([, , y, f, t, length, written]) => {
      if (!y || !f || !t || !length || !written) return [];
      const names = ['goes_on', 'state', 'slope', 'time', 'step', 'states'];
      return turn(math, rates, options, asked, [y, f, t, length, written]).map((value, i) => [names[i] ?? '', value]);
    },
  );
  const states = results[4] ?? unknown;
  if (!several) return states;
  return math.op(concat, [math.op(unsqueeze, [first], { axes: [0] }), states], { axis: 0 });
}
