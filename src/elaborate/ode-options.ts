/** The arguments of `ode(…)`. */
import { odeOption, odeSolver, odeTimes } from '../diagnostics/catalogue/structure.ts';
import { tooManyArguments, unknownArgument, wrongArgument } from '../diagnostics/catalogue/values.ts';
import { nearest } from '../diagnostics/suggest.ts';
import type { Value } from '../ir/graph.ts';
import type { Ode } from '../parser/ast.ts';
import { evaluateArgs } from './chains.ts';
import type { Context } from './context.ts';
import { advice } from './late.ts';
import type { Frame } from './scope.ts';
import { type AdaptiveMethod, type Method, solvers } from './solvers.ts';
import { describe, type GivenArg, numberOf } from './values.ts';

/** dy/dt at a time, which may be a number of the program; `tag` is the frame whose tags its nodes get. */
export type Derivative = (time: Value | number, state: Value, tag?: Frame) => Value;

/** A step from time t to t + h; `ends` is whether it ends at a time that is asked for. */
export interface GridStep {
  readonly t: number;
  readonly h: number;
  readonly ends: boolean;
}

export interface FixedSteps {
  readonly kind: 'fixed';
  readonly method: Method & { readonly kind: 'fixed' };
  readonly times: readonly number[];
  /** From each time to the next. */
  readonly steps: number;
  readonly grid: Iterable<GridStep>;
  readonly loop: boolean;
}

export interface AdaptiveSteps {
  readonly kind: 'adaptive';
  readonly method: AdaptiveMethod;
  readonly times: readonly number[];
  readonly rtol: number;
  readonly atol: number;
  /** Tried, accepted or not, over all times. */
  readonly maxSteps: number;
}

const names = ['solver', 't', 'steps', 'rtol', 'atol', 'max_steps', 'emit'];

/** A loop has no more turns than an i32 counts. */
const mostSteps = 2 ** 31 - 1;

class Options {
  readonly #c: Context;
  readonly #f: Frame;
  readonly #construct: Ode;
  readonly #named: ReadonlyMap<string, GivenArg>;

  constructor(c: Context, f: Frame, construct: Ode) {
    this.#c = c;
    this.#f = f;
    this.#construct = construct;
    const { positional, named } = evaluateArgs(c, f, construct.args);
    this.#named = named;
    const [unnamed] = positional;
    if (unnamed)
      c.fail(tooManyArguments, f, {
        span: unnamed.span,
        with: {
          callee: 'ode',
          found: describe(unnamed.value),
          expected: `arguments by name: ${names.join(', ')}`,
          hint:
            unnamed.value.kind === 'string'
              ? 'write `solver=` before it'
              : unnamed.value.kind === 'list'
                ? 'write `t=` before it'
                : 'write the name before it',
        },
      });
    const [name, stray] = [...named].find(([given]) => !names.includes(given)) ?? [];
    if (name === undefined || !stray) return;
    const near = advice.now().meantParameter(name, names);
    c.fail(unknownArgument, f, {
      span: stray.span,
      with: {
        callee: 'ode',
        name,
        expected: names.join(', '),
        hint: near ? `did you mean \`${near}\`?` : 'write `ode(solver="rk4", t=[0, 1], steps=8) as t { … }`',
      },
    });
  }

  get method(): { readonly name: string; readonly method: Method } {
    const given = this.#named.get('solver');
    const name = given?.value.kind === 'string' ? given.value.value : undefined;
    const method = name === undefined ? undefined : solvers.get(name);
    if (name !== undefined && method) return { name, method };
    const near = name === undefined ? undefined : nearest(name, solvers.keys());
    return this.#c.fail(odeSolver, this.#f, {
      span: given?.span ?? this.#construct.span,
      with: {
        found: given ? (name === undefined ? describe(given.value) : `"${name}"`) : 'no solver',
        expected: [...solvers.keys()].map((one) => `"${one}"`).join(', '),
        hint: near
          ? `did you mean \`solver="${near}"\`?`
          : 'write `solver="rk4"`, or `solver="dopri5"` for steps that follow the error',
      },
    });
  }

  get times(): readonly number[] {
    const given = this.#named.get('t');
    const list = given?.value.kind === 'list' ? given.value.items.map(numberOf) : [];
    const times = list.flatMap((n) => (n === undefined || !Number.isFinite(n) ? [] : [n]));
    const wrong = times.length < list.length || times.length < 2;
    const at = times.findIndex((n, i) => i > 0 && n <= (times[i - 1] ?? 0));
    if (!wrong && at < 0) return times;
    const falls = !wrong && times.every((n, i) => i === 0 || n < (times[i - 1] ?? 0));
    return this.#c.fail(odeTimes, this.#f, {
      span: given?.span ?? this.#construct.span,
      with: {
        found: !given ? 'no times' : wrong ? describe(given.value) : `${times[at]} behind ${times[at - 1]}`,
        expected: wrong ? 'two known numbers or more: where the state begins, and where it is asked for' : 'times that grow',
        hint: falls
          ? `go backwards in time by the other sign: \`t=[${times.map((n) => (n === 0 ? 0 : -n)).join(', ')}]\`, and \`-1.0 * …\` of the body, with \`-1.0 * t\` for its time`
          : 'write `t=[0, 1]`',
      },
    });
  }

  /** An option that the solver has not is refused. */
  refuse(wanted: readonly string[], solver: string, why: string, hint: string): void {
    for (const name of wanted) {
      const given = this.#named.get(name);
      if (given)
        this.#c.fail(odeOption, this.#f, {
          span: given.span,
          with: { option: name, solver, found: `\`${name}\` with \`solver="${solver}"\``, expected: why, hint },
        });
    }
  }

  count(name: string, otherwise: number): number {
    const given = this.#named.get(name);
    const n = given?.value.kind === 'int' ? given.value.dim.constant : undefined;
    if (!given) return otherwise;
    if (n !== undefined && n >= 1 && n <= mostSteps) return n;
    return this.#wrong(name, given, 'a known int of at least 1', String(otherwise));
  }

  tolerance(name: string, otherwise: number): number {
    const given = this.#named.get(name);
    if (!given) return otherwise;
    const n = numberOf(given.value);
    if (n !== undefined && n >= 0 && Number.isFinite(n)) return n;
    return this.#wrong(name, given, 'a number of at least 0', '1e-3');
  }

  #wrong(name: string, given: GivenArg, expected: string, example: string): never {
    return this.#c.fail(wrongArgument, this.#f, {
      span: given.span,
      with: { name, callee: 'ode', found: describe(given.value), expected, hint: `write \`${name}=${example}\`` },
    });
  }

  /** Of both 0 no error is small enough. */
  bothZero(): never {
    return this.#c.fail(wrongArgument, this.#f, {
      span: this.#named.get('atol')?.span ?? this.#construct.span,
      with: {
        name: 'atol',
        callee: 'ode',
        found: 'rtol and atol of 0',
        expected: 'one of them above 0',
        hint: 'write `atol=1e-6`',
      },
    });
  }

  get emit(): 'loop' | 'unroll' | undefined {
    const given = this.#named.get('emit');
    if (!given) return undefined;
    const text = given.value.kind === 'string' ? given.value.value : undefined;
    if (text === 'loop' || text === 'unroll') return text;
    return this.#c.fail(wrongArgument, this.#f, {
      span: given.span,
      with: {
        name: 'emit',
        callee: 'ode',
        found: describe(given.value),
        expected: '"unroll" or "loop"',
        hint: 'write `emit="loop"`',
      },
    });
  }

  spanOf(name: string) {
    return this.#named.get(name)?.span ?? this.#construct.span;
  }
}

/** Each step as it is needed, because there may be more than the budget has room for. */
function* gridOf(times: readonly number[], steps: number): Generator<GridStep> {
  for (let i = 1; i < times.length; i++) {
    const [from = 0, to = 0] = [times[i - 1], times[i]];
    const h = (to - from) / steps;
    for (let k = 0; k < steps; k++) yield { t: from + k * h, h, ends: k === steps - 1 };
  }
}

export function odeOptions(c: Context, f: Frame, construct: Ode): FixedSteps | AdaptiveSteps {
  const options = new Options(c, f, construct);
  const { name, method } = options.method;
  const { times, emit } = options;
  if (method.kind === 'fixed') {
    options.refuse(
      ['rtol', 'atol', 'max_steps'],
      name,
      '`steps`, because its steps have one length whatever the error is',
      'write `steps=8` in its place, or `solver="dopri5"` for steps that follow the error',
    );
    const steps = options.count('steps', 1);
    const turns = steps * (times.length - 1);
    const isLoop = emit === 'loop';
    // The times of a loop lie in the file.
    if (isLoop) c.spend(turns / 8, options.spanOf('steps'), f);
    return {
      kind: 'fixed',
      method,
      times,
      steps,
      grid: { [Symbol.iterator]: () => gridOf(times, steps) },
      loop: isLoop,
    };
  }
  options.refuse(
    ['steps'],
    name,
    '`rtol`, `atol` and `max_steps`: it chooses its steps by the error',
    'write `rtol=1e-3, atol=1e-6` in its place, or `solver="rk4"` for steps of one length',
  );
  if (emit === 'unroll')
    options.refuse(
      ['emit'],
      name,
      'a loop, because only the run knows how many steps it takes',
      'take `emit` out, or write `solver="rk4"`',
    );
  const rtol = options.tolerance('rtol', 1e-7);
  const atol = options.tolerance('atol', 1e-9);
  if (rtol === 0 && atol === 0) options.bothZero();
  return { kind: 'adaptive', method, times, rtol, atol, maxSteps: options.count('max_steps', 1000) };
}
