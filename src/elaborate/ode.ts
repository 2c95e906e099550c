/**
 * Depth as time: dy/dt = f(t, y), solved from the current value on by a Runge-Kutta method. The body is f. It runs once for every
 * stage, with weights that all runs share. Methods of fixed steps are written out, or are a loop over the steps.
 *
 * Source: Chen et al. 2018, arXiv:1806.07366; torchdiffeq 0.2.5 (`_impl/fixed_grid.py`), whose grid of times `steps` divides.
 */
import { odeState } from '../diagnostics/catalogue/structure.ts';
import { Dim } from '../ir/dim.ts';
import type { Value } from '../ir/graph.ts';
import { isFloat, sameType, typeText } from '../ir/types.ts';
import { concat } from '../ops/concat.ts';
import { loop } from '../ops/control-flow.ts';
import { add, mul } from '../ops/elementwise.ts';
import { gather } from '../ops/gather.ts';
import type { LangValue } from '../ops/params.ts';
import { unsqueeze } from '../ops/reshape.ts';
import { slice } from '../ops/slice.ts';
import type { Ode } from '../parser/ast.ts';
import { Arithmetic } from './arithmetic.ts';
import { runBody } from './bodies.ts';
import { currentValue, one } from './chains.ts';
import type { Context } from './context.ts';
import { declare } from './names.ts';
import { solveAdaptively } from './ode-adaptive.ts';
import { type Derivative, type FixedSteps, odeOptions } from './ode-options.ts';
import { Env, type Frame, place } from './scope.ts';
import { toTensor } from './tensors.ts';
import { describe, tensorValue } from './values.ts';

export function runOde(c: Context, from: Frame, construct: Ode, label: string | undefined): readonly LangValue[] {
  const f = place(from, label);
  const { span } = construct;
  const options = odeOptions(c, f, construct);
  const given = currentValue(c, f, span);
  const state = toTensor(c, f, given, span);
  if (!isFloat(state.type.elem))
    c.fail(odeState, f, {
      span,
      with: {
        found: `${describe(given)} as the state`,
        expected: 'a tensor of floats, which can change by a little',
        hint: 'cast it first: `cast(f32)`',
      },
    });
  const rates = derivative(c, f, construct, state);
  const math = new Arithmetic(c, f, span);
  if (options.kind === 'adaptive') return [tensorValue(solveAdaptively(math, rates, state, options))];
  return [tensorValue(options.loop ? loopSteps(math, rates, state, options) : writeSteps(math, rates, state, options))];
}

/** The body as a function. Every run begins at the same names, so that all of them have the same weights. */
function derivative(c: Context, f: Frame, construct: Ode, first: Value): Derivative {
  const { time: name, body, span } = construct;
  const { elem } = first.type;
  const counters = new Map(c.counters);
  let runs = 0;
  return (time, state, tag = f) => {
    c.step(span, f);
    const env = new Env(f.env.module, f.env);
    const loops = [...f.loops];
    if (name) {
      const value = typeof time === 'number' ? new Arithmetic(c, f, span).number(elem, time) : time;
      declare(c, { ...f, env }, name, tensorValue(value));
      if (typeof time === 'number') loops.push(`${name.name} = ${time}`);
    }
    const at: Frame = {
      ...f,
      env,
      loops,
      it: tensorValue(state),
      sequence: undefined,
      model: false,
      inLoop: undefined,
      share: f.share || runs++ > 0,
      residual: tag.residual,
    };
    const result = c.again(counters, () => toTensor(c, at, one(c, at, runBody(c, at, body), body.span), body.span));
    if (sameType(result.type, state.type)) return result;
    return c.fail(odeState, f, {
      span: body.stmts.at(-1)?.span ?? body.span,
      with: {
        found: `${typeText(result.type)} from the body`,
        expected: `${typeText(state.type)}: how fast each element of the state changes`,
        hint:
          result.type.elem === elem
            ? 'end the body with a layer that gives the shape of `it`, or change the shape in front of the ode and behind it'
            : `end the body with \`cast(${elem})\``,
      },
    });
  };
}

/** One step of length `h` from time `t`: y + h·Σ b·k. */
function step(
  math: Arithmetic,
  rates: Derivative,
  { method: { a, b, c } }: FixedSteps,
  t: Value | number,
  h: Value | number,
  y: Value,
): Value {
  const timeOf = (stage: number): Value | number => {
    const at = c[stage] ?? 0;
    if (at === 0) return t;
    if (typeof t === 'number' && typeof h === 'number') return t + at * h;
    const part = typeof h === 'number' ? at * h : math.of(mul, h, at);
    return typeof part === 'number' ? math.of(add, t, part) : math.of(add, part, t);
  };
  // Euler's step is a residual: the body is f, the shortcut the state.
  const region =
    a.length === 0 && math.c.graph.outer === undefined ? math.c.graph.newRegion(math.f.path, math.f.residual) : undefined;
  const tagged = (part: 'body' | 'sum'): Arithmetic => (region ? math.at({ ...math.f, residual: { region, part } }) : math);
  const body = tagged('body');
  const moved = (sum: Value | undefined): Value | undefined => (sum && typeof h !== 'number' ? body.of(mul, sum, h) : sum);
  const scale = typeof h === 'number' ? h : 1;
  const ks: Value[] = [rates(timeOf(0), y, body.f)];
  a.forEach((row, i) => {
    const change = moved(math.weighted(ks, row, scale));
    ks.push(rates(timeOf(i + 1), change ? math.op(add, [y, change]) : y));
  });
  const change = moved(body.weighted(ks, b, scale));
  return change ? tagged('sum').op(add, [change, y]) : y;
}

/** The first state and those at the later times, along a new first axis; of two times the last state alone. */
export function collected(math: Arithmetic, first: Value, later: readonly Value[]): Value {
  const [only, ...more] = later;
  if (only && more.length === 0) return only;
  const all = [first, ...later].map((y) => math.op(unsqueeze, [y], { axes: [0] }));
  return math.op(concat, all, { axis: 0 });
}

function writeSteps(math: Arithmetic, rates: Derivative, first: Value, options: FixedSteps): Value {
  const later: Value[] = [];
  let y = first;
  for (const { t, h, ends } of options.grid) {
    y = step(math, rates, options, t, h, y);
    if (ends) later.push(y);
  }
  return collected(math, first, later);
}

function loopSteps(math: Arithmetic, rates: Derivative, first: Value, options: FixedSteps): Value {
  const { grid, times, steps } = options;
  const all = [...grid];
  const { elem } = first.type;
  const [one] = all;
  const even = all.every(({ h }) => h === one?.h);
  const several = times.length > 2;
  const turns = all.length;
  const results = math.owner(
    loop,
    [math.number('i64', turns), undefined, first],
    { turns: [Dim.of(turns)] },
    [
      ['turn', { elem: 'i64', dims: [] }],
      ['goes_on', { elem: 'bool', dims: [] }],
      ['state', first.type],
    ],
    ([turn, goesOn, state]) => {
      if (!turn || !goesOn || !state) return [];
      const at = (values: readonly number[]): Value => math.op(gather, [math.vector(elem, [turns], values), turn], { axis: 0 });
      const t = at(all.map((part) => part.t));
      const h = even ? (one?.h ?? 0) : at(all.map((part) => part.h));
      const next = step(math, rates, options, t, h, state);
      return [['goes_on', goesOn], ['state', next], ...(several ? [['states', next] as const] : [])];
    },
  );
  const [last, states] = results;
  if (!several || !states) return last ?? first;
  const later = math.op(slice, [states], { starts: [steps - 1], ends: [turns], axes: [0], steps: [steps] });
  return math.op(concat, [math.op(unsqueeze, [first], { axes: [0] }), later], { axis: 0 });
}
