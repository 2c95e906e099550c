/**
 * Every fact that an operator states of itself, in numbers: what is stated holds on every sample, and what is denied has a sample
 * that shows it, so that nobody denies what is true. `unknown` is neither.
 */
import { describe, expect, it } from 'vitest';
import { Dim } from '../../src/ir/dim.ts';
import { Graph, type Node } from '../../src/ir/graph.ts';
import { type AttrValue, CheckFailure, type ElementDims, type Fact, type Operator, type Traits } from '../../src/ir/operator.ts';
import { elementCount, type HostTensor, isFloat, sameType } from '../../src/ir/types.ts';
import { operators } from '../../src/ops/registry.ts';
import { transpose } from '../../src/ops/transpose.ts';
import { literal } from '../support/tensors.ts';
import { concreteNode, sampleSource } from './support.ts';

type Operands = readonly (HostTensor | undefined)[];
type Attrs = Readonly<Record<string, AttrValue>>;

interface Use {
  readonly op: Operator;
  readonly operands: Operands;
  readonly attrs: Attrs;
}

interface Ran {
  readonly node: Node;
  readonly results: readonly HostTensor[];
}

const wholeNumbers = (x: HostTensor): HostTensor =>
  isFloat(x.elem) ? { elem: 'i64', dims: x.dims, data: x.data.map((v) => Math.round(v * 3) + 0) } : x;

/** Undefined where the operator does not take them. */
function run({ op, operands, attrs }: Use): Ran | undefined {
  try {
    const { node } = concreteNode(op, { operands, attrs });
    return { node, results: op.evaluate(operands, node.attrs) };
  } catch (error) {
    if (error instanceof CheckFailure) return undefined;
    throw error;
  }
}

function only(use: Use): HostTensor | undefined {
  const results = run(use)?.results;
  return results?.length === 1 ? results[0] : undefined;
}

const map = (x: HostTensor, f: (v: number, i: number) => number): HostTensor => ({ ...x, data: x.data.map(f) });
const onFirst = (use: Use, f: (x: HostTensor) => HostTensor): Use => ({
  ...use,
  operands: use.operands.map((x, i) => (i === 0 && x ? f(x) : x)),
});
const onAll = (use: Use, f: (x: HostTensor) => HostTensor): Use => ({ ...use, operands: use.operands.map((x) => x && f(x)) });

const same = (a: HostTensor | undefined, b: HostTensor | undefined, tolerance = 0): boolean =>
  a !== undefined &&
  b !== undefined &&
  a.elem === b.elem &&
  a.dims.join() === b.dims.join() &&
  a.data.every((v, i) => near(v, b.data[i] ?? Number.NaN, tolerance));
const near = (a: number, b: number, tolerance: number): boolean =>
  a === b || (Number.isNaN(a) && Number.isNaN(b)) || Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(b));

/** As they come, with larger floats, and with whole ones. */
function usesOf(op: Operator, count: number): readonly Use[] {
  const out: Use[] = [];
  for (let seed = 0; seed < count; seed++) {
    const source = sampleSource(seed * 7919 + 1);
    const { operands, attrs } = op.sample(source);
    const use = { op, operands, attrs };
    out.push(use);
    const float = (f: (v: number) => number) => (x: HostTensor) => (isFloat(x.elem) ? map(x, f) : x);
    if (seed % 3 === 0)
      out.push(
        onFirst(
          use,
          float((v) => Math.fround(v * 3)),
        ),
      );
    if (seed % 3 === 1)
      out.push(
        onFirst(
          use,
          float((v) => -v),
        ),
      );
    if (seed % 3 === 2) {
      const whole = onAll(use, float(Math.round));
      out.push(
        whole,
        onFirst(
          whole,
          float((v) => -v),
        ),
      );
    }
  }
  return out;
}

/** Whether a use shows the fact, or the contrary; undefined where it says nothing. */
type Check = (use: Use) => boolean | undefined;

/** The element of an operand that broadcasts to place `at` of the result; NaN of one that does not broadcast. */
function elementAt(x: HostTensor, dims: readonly number[], at: number): HostTensor {
  let rest = at;
  let place = 0;
  let stride = 1;
  for (let back = 1; back <= dims.length; back++) {
    const size = dims[dims.length - back] ?? 1;
    const own = x.dims[x.dims.length - back];
    if (own !== undefined) {
      if (own !== 1) place += (rest % size) * stride;
      stride *= own;
    }
    rest = Math.floor(rest / size);
  }
  return { elem: x.elem, dims: x.dims.map(() => 1), data: Float64Array.of(x.data[place] ?? Number.NaN) };
}

const places = ({ operands, op }: Use, all: boolean): { readonly moved: Operands; readonly sources: readonly number[] } => {
  const sources: number[] = [];
  const moved = operands.map((x, i) => {
    if (!x || (i > 0 && !all)) return x;
    const from = sources.length;
    sources.push(...x.data);
    return map(x, (_, k) => from + k);
  });
  expect(op.operands.length).toBeGreaterThan(0);
  return { moved, sources };
};

function movesOnly(use: Use, how: 'first' | 'all' | 'filled'): boolean | undefined {
  const { moved, sources } = places(use, how === 'all');
  const value = how === 'filled' ? (concreteNode(use.op, use).node.attrs.value ?? 0) : 0;
  const there = run({ ...use, operands: moved, attrs: how === 'filled' ? { ...use.attrs, value: -1 } : use.attrs })?.results;
  const found = run(use)?.results;
  if (!found) return undefined;
  if (!there) return false;
  return found.every((y, r) => y.data.every((v, i) => Object.is(v, sources[there[r]?.data[i] ?? -1] ?? value)));
}

const checks: Readonly<
  Record<
    Exclude<
      keyof Traits,
      'homogeneous' | 'sign' | 'moves' | 'axes' | 'thresholds' | 'contracts' | 'dims' | 'roundsOnce' | 'foldable'
    >,
    Check
  >
> = {
  elementwise(use) {
    const y = only(use);
    const operands = use.operands.filter((x) => x !== undefined);
    if (!y) return run(use) ? false : undefined;
    if (operands.length === 0) return undefined;
    const one = (at: number): HostTensor | undefined =>
      only({ ...use, operands: use.operands.map((x) => x && elementAt(x, y.dims, at)) });
    const rank = Math.max(...operands.map((x) => x.dims.length));
    const fits =
      rank === y.dims.length && y.dims.every((n, i) => operands.some((x) => (x.dims[i - rank + x.dims.length] ?? 1) === n));
    if (!fits) return false;
    return y.data.every((v, at) => same(one(at), { elem: y.elem, dims: y.dims.map(() => 1), data: Float64Array.of(v) }));
  },
  commutative(use) {
    const [a, b, ...rest] = use.operands;
    const y = run(use)?.results;
    return y?.every((one, i) => same(run({ ...use, operands: [b, a, ...rest] })?.results[i], one));
  },
  channelwise(use) {
    const [x] = use.operands;
    const y = only(use);
    if (!y) return run(use) ? false : undefined;
    if (!x || x.dims.length < 3 || y.dims.length < 3) return undefined;
    if (use.op.traits.elementwise === true && x.dims.join() !== y.dims.join()) return undefined;
    const channels = x.dims[1] ?? 1;
    if (y.dims[1] !== channels) return false;
    const inner = (t: HostTensor): number => elementCount(t.dims.slice(2));
    const channelOf = (t: HostTensor, i: number): number => Math.floor(i / inner(t)) % channels;
    return Array.from({ length: channels }, (_, c) => c).every((c) => {
      const other = only(onFirst(use, (t) => map(t, (v, i) => (channelOf(t, i) === c ? v : (i % 5) / 4))));
      return other && y.data.every((v, i) => channelOf(y, i) !== c || near(v, other.data[i] ?? Number.NaN, 0));
    });
  },
  keepsZero(use) {
    if (use.operands[0] === undefined) return undefined;
    const zeros = onFirst(use, (x) => map(x, () => 0));
    return run(zeros)?.results.every((y) => y.data.every((v) => v === 0));
  },
  idempotent(use) {
    const y = only(use);
    const again = y && run({ ...use, operands: [y] });
    return again && same(again.results[0], y);
  },
  involution(use) {
    const y = only(use);
    const again = y && run({ ...use, operands: [y] });
    return again && same(again.results[0], use.operands[0], 1e-9);
  },
  keepsOrder(use) {
    const [x] = use.operands;
    const y = only(use);
    if (!y) return run(use) ? false : undefined;
    return x && same({ ...y, dims: x.dims }, x) && y.data.length === x.data.length;
  },
  handsOn(use) {
    const ran = run(use);
    if (ran?.results.length !== 1 || !use.operands[0] || !sameType(ran.node.x.type, ran.node.y.type)) return undefined;
    return same(ran.results[0], use.operands[0]);
  },
  resamples(use) {
    const [x] = use.operands;
    const y = only(use);
    if (!x || !y) return undefined;
    // Twice as many places on an axis of the grid: no padding of a sample adds as many.
    return y.dims.length === x.dims.length && y.dims.some((n, axis) => axis > 1 && n >= 2 * (x.dims[axis] ?? n) && n > 4);
  },
  random(use) {
    const first = run(use)?.results;
    return first && !first.every((y, i) => same(run(use)?.results[i], y));
  },
};

/** Facts that ask of one operand, or of two. */
const arity: Readonly<Record<string, (n: number) => boolean>> = {
  commutative: (n) => n >= 2,
  idempotent: (n) => n === 1,
  involution: (n) => n === 1,
};

const stated = (fact: unknown): fact is Fact => typeof fact === 'boolean' || fact === 'unknown';

describe.each(operators.map((op) => [op.name, op] as const))('%s', (_, op) => {
  const uses = usesOf(op, 150);
  it.each(Object.keys(checks) as (keyof typeof checks)[])('%s', (name) => {
    const fact = op.traits[name];
    if (fact === 'unknown') return;
    const check = checks[name];
    if (!stated(fact)) {
      // By the use: where it says so it holds.
      const found = uses.filter((use) => fact(concreteNode(op, use).node)).map(check);
      expect([found.includes(true), found.includes(false)]).toEqual([true, false]);
      return;
    }
    if (arity[name]?.(op.operands.length) === false)
      expect.unreachable(`${op.name} says ${name}, which is about other operators`);
    const found = uses.map(check).filter((one) => one !== undefined);
    // Denied by what the word means: no sample has to show it.
    if (name === 'resamples' || name === 'random') {
      if (fact || name === 'random') expect(found.includes(true)).toBe(fact);
    } else if (name === 'handsOn' && fact && found.length === 0) {
      // Of one type and in row-major order: nothing is left to change.
      expect(op.traits.keepsOrder).toBe(true);
    } else if (fact) {
      expect(found).toContain(true);
      expect(found).not.toContain(false);
    } else if (found.length > 0) expect(found).toContain(false);
  });

  it('thresholds', () => {
    const { thresholds } = op.traits;
    if (thresholds === 'unknown') return;
    // Away from a threshold the function is straight over a step as short as this; at one it bends or jumps.
    const h = 2 ** -20;
    const bends = (use: Use, x: number): boolean => {
      const [a, b, c] = [x - h, x, x + h].map(
        (v) => run(onFirst(use, (t) => map(t, () => v)))?.results[0]?.data[0] ?? Number.NaN,
      );
      return Math.abs(Number(a) - 2 * Number(b) + Number(c)) > 0.01 * h;
    };
    for (const use of uses) {
      if (!use.operands[0] || !isFloat(use.operands[0].elem) || !run(use)?.results.every((y) => y.data.length > 0)) continue;
      if (thresholds === 'no') {
        const x = use.operands[0].data[0];
        if (x !== undefined && !op.operands[0]?.variadic) expect(bends(use, x)).toBe(false);
      } else if (thresholds === 'operands') {
        for (const at of [-1.5, 0.25])
          expect(bends({ ...use, operands: use.operands.map((x) => x && map(x, () => at)) }, at)).toBe(true);
      } else {
        const { node } = concreteNode(op, use);
        for (const at of thresholds(node.attrs)) if (Number.isFinite(at)) expect(bends(use, at)).toBe(true);
      }
    }
  });

  it('contracts', () => {
    const { contracts } = op.traits;
    if (typeof contracts !== 'number') return;
    let sure = 0;
    for (const use of uses.slice(0, 40)) {
      const [x, weight] = use.operands;
      if (!x || !weight || !isFloat(x.elem)) continue;
      const axis = contracts < 0 ? contracts + x.dims.length : contracts;
      const size = x.dims[axis] ?? 1;
      if (size === 1) continue;
      const inner = elementCount(x.dims.slice(axis + 1));
      // Of a single index along the axis only one in `size` of the weights can matter.
      const one = onFirst(use, (t) => map(t, (v, i) => (Math.floor(i / inner) % size === 0 ? v : 0)));
      const base = only(one);
      const matter = Array.from(weight.data, (_, k) => {
        const other = { ...weight, data: weight.data.map((v, i) => (i === k ? v + 1 : v)) };
        return !same(only({ ...one, operands: one.operands.map((t, i) => (i === 1 ? other : t)) }), base);
      }).filter((moved) => moved).length;
      expect(matter).toBeLessThanOrEqual(weight.data.length / size);
      if (matter > 0) sure++;
    }
    expect(sure).toBeGreaterThan(3);
  });

  it('range', () => {
    for (const [i, { range }] of op.operands.entries()) {
      if (!range) continue;
      const within = (low: number, high: number): readonly (readonly HostTensor[] | undefined)[] =>
        uses.slice(0, 40).map(
          (use, n) =>
            run({
              ...use,
              operands: use.operands.map((x, k) =>
                x && k === i ? map(x, (_, j) => low + (((j + n) % 7) / 7) * (high - low)) : x,
              ),
            })?.results,
        );
      const finite = (results: readonly HostTensor[] | undefined): boolean =>
        results?.every((y) => y.data.every(Number.isFinite)) ?? false;
      expect(within(range.low, range.high).every(finite)).toBe(true);
      // Random numbers without it would not do.
      expect(within(0, 0).every(finite) && within(-2, -1).every(finite)).toBe(false);
    }
  });

  it('margin', () => {
    if (!op.margin) return;
    let decided = 0;
    for (const use of uses.slice(0, 60)) {
      const y = only(use);
      const operands = use.operands.filter((x) => x !== undefined);
      if (!y || !isFloat(operands[0]?.elem ?? 'bool')) continue;
      const { attrs } = concreteNode(op, use).node;
      const apart = Array.from(y.data, (v, at) => {
        const others = y.elem === 'bool' ? [1 - v] : [0, 1, 2, 3, 4, 5].filter((k) => k !== v);
        return Math.min(...others.map((chosen) => op.margin?.(operands, attrs, at, chosen, v) ?? Number.NaN));
      });
      // Who moves all elements by less than half of what decides turns no result over.
      const least = Math.min(...apart);
      if (!(least > 0) || least === Infinity) continue;
      decided++;
      for (const turn of [0, 1]) {
        const moved = operands.map((x, k) => map(x, (v, i) => v + ((i + k + turn) % 2 === 0 ? 0.49 : -0.49) * least));
        expect(same(only({ ...use, operands: moved }), y)).toBe(true);
      }
    }
    expect(decided).toBeGreaterThan(3);
  });

  it('window', () => {
    if (!op.window) return;
    for (const use of uses) {
      const ran = run(use);
      if (!ran) continue;
      const { kernel, stride, dilation, pads } = op.window(ran.node.attrs, use.operands[1]?.dims ?? []);
      const grid = use.operands[0]?.dims.slice(2) ?? [];
      const places = grid.map((size, i) => {
        const [taps, step, apart] = [kernel[i] ?? 0, stride[i] ?? 0, dilation[i] ?? 0];
        return Math.floor((size + (pads[i] ?? 0) + (pads[i + grid.length] ?? 0) - (taps - 1) * apart - 1) / step) + 1;
      });
      expect(ran.results[0]?.dims.slice(2)).toEqual(places);
    }
  });

  it('homogeneous', () => {
    const { homogeneous } = op.traits;
    if (homogeneous === 'unknown') return;
    const passes = (use: Use, a: number): boolean | undefined => {
      const y = run(use)?.results;
      if (!y || !use.operands[0] || !isFloat(use.operands[0].elem)) return undefined;
      const scale = (x: HostTensor): HostTensor => map(x, (v) => a * v);
      const scaled = run(op.operands[0]?.variadic ? onAll(use, scale) : onFirst(use, scale))?.results;
      return y.every((one, i) => same(scaled?.[i], scale(one), 1e-9));
    };
    const [above, below] = [2, -2].map((a) => new Set(uses.map((use) => passes(use, a)).filter((one) => one !== undefined)));
    if (op.operands.length > 0) expect(above?.has(false)).toBe(homogeneous === 'no');
    if (homogeneous !== 'no') expect(above?.has(true)).toBe(true);
    if (homogeneous === 'any') expect(below?.has(false)).toBe(false);
    if (homogeneous === 'positive') expect(below?.has(false)).toBe(true);
  });

  it('sign', () => {
    const magnitude = (x: HostTensor): HostTensor => map(x, Math.abs);
    const negative = (use: Use): boolean => run(use)?.results.some((y) => y.data.some((v) => v < 0)) === true;
    const seen = new Set<string>();
    for (const use of uses) {
      const { sign } = op.traits;
      const fact = typeof sign === 'function' ? sign(concreteNode(op, use).node) : sign;
      seen.add(fact);
      if (fact === 'always') expect(negative(use)).toBe(false);
      if (fact === 'all') expect(negative(onAll(use, magnitude))).toBe(false);
      if (fact === 'first') expect(negative(onFirst(use, magnitude))).toBe(false);
    }
    // No more could be said.
    if (seen.has('all') || seen.has('first')) expect(uses.some(negative)).toBe(true);
    if (op.traits.sign === 'no') expect(uses.some((use) => negative(onAll(use, magnitude)))).toBe(true);
  });

  it('dims', () => {
    const { dims } = op.traits;
    if (dims === 'unknown') return;
    let told = 0;
    for (const use of uses.slice(0, 60).flatMap((one) => [one, onAll(one, wholeNumbers)])) {
      const expected = run(use)?.results;
      if (!expected || expected.some((y) => isFloat(y.elem))) continue;
      const graph = new Graph('elements');
      const bindings = new Map<string, number>();
      const values = use.operands.map((x) => x && graph.constant(literal(x)));
      // Sizes that only the run knows are at least 1 here.
      const symbols = use.operands.map((x, k): ElementDims | undefined => {
        if (!x || isFloat(x.elem)) return undefined;
        const dimOf = (v: number, i: number): Dim => {
          if (v < 1 || x.elem === 'bool' || (i + told) % 3 === 0) return Dim.of(v);
          bindings.set(`s${k}_${i}`, v);
          return Dim.symbol(`s${k}_${i}`);
        };
        return { elem: x.elem, dims: x.dims, data: Array.from(x.data, dimOf) };
      });
      const node = graph.create(op, values, use.attrs, { scope: op.name });
      for (const [r, y] of dims(node, symbols).entries()) {
        if (!y) continue;
        expect([y.elem, y.dims]).toEqual([expected[r]?.elem, expected[r]?.dims]);
        for (const [i, d] of y.data.entries()) {
          if (!d) continue;
          expect(d.evaluate(bindings)).toBe(expected[r]?.data[i]);
          told++;
        }
      }
    }
    expect(told).toBeGreaterThan(20);
  });

  it('moves', () => {
    const { moves } = op.traits;
    if (moves === 'unknown' || op.operands.length === 0) return;
    const found = uses.map((use) => movesOnly(use, moves === 'no' ? 'all' : moves)).filter((one) => one !== undefined);
    if (moves === 'no') expect(found).toContain(false);
    else expect([found.includes(true), found.includes(false)]).toEqual([true, false]);
  });

  it('axes', () => {
    const { axes } = op.traits;
    if (axes === 'unknown') return;
    let tried = 0;
    for (const [i, use] of uses.entries()) {
      const ran = run(use);
      if (!ran) continue;
      const rank = Math.max(...use.operands.map((x) => x?.dims.length ?? 0));
      const source = sampleSource(i);
      // Operand axis i goes to place[i].
      const place: number[] = [];
      for (let axis = 0; axis < rank; axis++) place.splice(source.int(0, axis), 0, axis);
      const perm = place.map((_, at) => place.indexOf(at));
      const full = (x: HostTensor): HostTensor => ({ ...x, dims: [...new Array(rank - x.dims.length).fill(1), ...x.dims] });
      const turned = (x: HostTensor): HostTensor => transpose.evaluate([x], { perm })[0] ?? expect.unreachable('no transpose');
      const how = axes === 'free' ? { attrs: use.attrs, same: false } : axes(ran.node.attrs, place);
      if (!how) continue;
      const there = run({ op, operands: use.operands.map((x) => x && turned(full(x))), attrs: how.attrs });
      expect(there).toBeDefined();
      ran.results.forEach((y, r) => {
        expect(same(there?.results[r], how.same ? y : turned(full(y)), 1e-9)).toBe(true);
      });
      tried++;
    }
    expect(tried).toBeGreaterThan(0);
  });
});
