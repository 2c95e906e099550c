/** Layers that turn, repeat and unfold axes, and those that divide by a deviation, against sums and places taken one by one. */
import { describe, expect, it } from 'vitest';
import { Dim } from '../../src/ir/dim.ts';
import { type HostTensor, typeText } from '../../src/ir/types.ts';
import { layerByName } from '../../src/ops/registry.ts';
import { type Argument, type Built, built, failure, host, sampler } from './nn/tools.ts';

function make(name: string, types: readonly string[], args: Readonly<Record<string, Argument>> = {}): Built {
  const layer = layerByName(name);
  if (!layer) throw new Error(`no layer ${name}`);
  return built(layer, types, args);
}
const opsOf = (made: Built): string => made.nodes.map((n) => n.op.name).join(' ');
const textOf = (x: HostTensor): string => `${x.elem}[${x.dims.join(', ')}]`;
const run = (made: Built, x: HostTensor): HostTensor => (made.nodes.length === 0 ? x : made.run([x]));
const count = (dims: readonly number[]): HostTensor => host(dims, (i) => i);

/** Every place of a tensor of these sizes, in row-major order. */
function places(dims: readonly number[]): readonly (readonly number[])[] {
  return dims.reduce<readonly (readonly number[])[]>(
    (all, d) => all.flatMap((place) => Array.from({ length: d }, (_, i) => [...place, i])),
    [[]],
  );
}
const element = (x: HostTensor, place: readonly number[]): number =>
  x.data[place.reduce((n, i, axis) => n * (x.dims[axis] ?? 1) + i, 0)] ?? Number.NaN;
const modulo = (n: number, by: number): number => ((n % by) + by) % by;

describe('roll', () => {
  it('is torch.roll, for shifts of any size and sign', () => {
    for (let seed = 0; seed < 100; seed++) {
      const source = sampler(seed);
      const dims = Array.from({ length: source.int(1, 4) }, () => source.int(1, 5));
      const x = count(dims);
      const axes = dims.flatMap((_, i) => (source.bool() ? [i] : []));
      const shifts = axes.map(() => source.int(-7, 7));
      const made = make('roll', [textOf(x)], { shifts, axes: axes.map((axis) => (source.bool() ? axis : axis - dims.length)) });
      const expected = places(dims).map((place) =>
        element(
          x,
          place.map((at, axis) => modulo(at - (axes.includes(axis) ? (shifts[axes.indexOf(axis)] ?? 0) : 0), dims[axis] ?? 1)),
        ),
      );
      expect([...run(made, x).data]).toEqual(expected);
      expect(made.nodes.length).toBeLessThanOrEqual(axes.length);
    }
    expect([...make('roll', ['f32[2, 3]'], { shifts: 1 }).run([count([2, 3])]).data]).toEqual([5, 0, 1, 2, 3, 4]);
    expect([...make('roll', ['f32[2000]'], { shifts: 3, axes: [0] }).run([count([2000])]).data].slice(0, 4)).toEqual([
      1997, 1998, 1999, 0,
    ]);
  });

  it('takes symbolic sizes and shifts where the shift is at most the size', () => {
    const [h, n] = [Dim.symbol('H'), Dim.symbol('N')];
    expect(typeText(make('roll', ['f32[N, 4*H, 8]'], { shifts: -3, axes: [1] }).y.type)).toBe('f32[N, 4*H, 8]');
    expect(opsOf(make('roll', ['f32[N, 4*H, 8]'], { shifts: 4, axes: [1] }))).toBe('slice slice concat');
    expect(typeText(make('roll', ['f32[N, H]'], { shifts: h.floordiv(2), axes: [1] }).y.type)).toBe('f32[N, H]');
    expect(typeText(make('roll', ['f32[N, H]'], { shifts: h.floordiv(2).times(-1), axes: [1] }).y.type)).toBe('f32[N, H]');
    expect(opsOf(make('roll', ['f32[N, H]'], { shifts: 0, axes: [1] }))).toBe('');
    expect(failure(() => make('roll', ['f32[N, H]'], { shifts: 3, axes: [1] })).text).toBe(
      'a shift of 3 along axis 1 of f32[N, H] | a shift that is provably at most H; assert H >= 3',
    );
    expect(failure(() => make('roll', ['f32[N, H]'], { shifts: n, axes: [1] })).label).toBe('l1');
    expect(failure(() => make('roll', ['f32[N, H]'], { shifts: [1, 2] })).label).toBe('l2');
    expect(failure(() => make('roll', ['f32[N, 3]'], { shifts: 1, axes: [2] })).label).toBe('l3');
    expect(failure(() => make('roll', ['f32[N, 3]'], { shifts: 1, axes: [0, 1] })).label).toBe('l4');
  });
});

describe('flip', () => {
  it('is torch.flip, in one node', () => {
    const x = count([2, 1, 3, 4]);
    for (const axes of [[2], [0, 3], [-1, 1, 2], [0, 1, 2, 3]]) {
      const made = make('flip', [textOf(x)], { axes });
      const turned = axes.map((axis) => modulo(axis, 4));
      const expected = places(x.dims).map((place) =>
        element(
          x,
          place.map((at, axis) => (turned.includes(axis) ? (x.dims[axis] ?? 1) - 1 - at : at)),
        ),
      );
      expect([...run(made, x).data]).toEqual(expected);
      expect(opsOf(made)).toBe('slice');
    }
    expect(opsOf(make('flip', ['f32[2, 1]'], { axes: [1] }))).toBe('');
    expect(typeText(make('flip', ['f32[N, H, W]'], { axes: [1, 2] }).y.type)).toBe('f32[N, H, W]');
    expect(failure(() => make('flip', ['f32[N, H]'], { axes: [0, 0] })).label).toBe('l1');
  });
});

describe('tile', () => {
  it('is torch.tile, with fewer and more numbers than axes', () => {
    const x = count([2, 3]);
    for (const repeats of [[2], [2, 1], [1, 3], [2, 2, 2], [1, 1], [1, 1, 1, 1], [0, 1]]) {
      const made = make('tile', [textOf(x)], { repeats });
      const rank = Math.max(2, repeats.length);
      const dims = [...Array.from({ length: rank - 2 }, () => 1), ...x.dims];
      const by = [...Array.from({ length: rank - repeats.length }, () => 1), ...repeats];
      const out = dims.map((d, i) => d * (by[i] ?? 1));
      expect(run(made, x).dims).toEqual(out);
      const whole = { ...x, dims };
      expect([...run(made, x).data]).toEqual(
        places(out).map((place) =>
          element(
            whole,
            place.map((at, i) => at % (dims[i] ?? 1)),
          ),
        ),
      );
    }
    expect(opsOf(make('tile', ['f32[2, 3]'], { repeats: [1, 1] }))).toBe('');
    expect(
      typeText(make('tile', ['f32[N, H]'], { repeats: [Dim.symbol('N'), Dim.of(2)].map((d) => d.constant ?? 1) }).y.type),
    ).toBe('f32[N, 2*H]');
    expect(typeText(make('tile', ['f32[H]'], { repeats: Dim.symbol('N') }).y.type)).toBe('f32[N*H]');
    expect(failure(() => make('tile', ['f32[H]'], { repeats: -1 })).label).toBe('c2');
  });
});

describe('unfold', () => {
  /** torch.nn.Unfold: column l is window l, row (c, i, j) the tap (i, j) of channel c. */
  function unfolded(x: HostTensor, k: readonly number[], s: readonly number[], d: readonly number[], p: readonly number[]) {
    const [n = 1, c = 1, h = 1, w = 1] = x.dims;
    const grid = [h, w].map(
      (size, i) => Math.floor((size + 2 * (p[i] ?? 0) - (d[i] ?? 1) * ((k[i] ?? 1) - 1) - 1) / (s[i] ?? 1)) + 1,
    );
    const taps = (k[0] ?? 1) * (k[1] ?? 1);
    const dims = [n, c * taps, (grid[0] ?? 1) * (grid[1] ?? 1)];
    const data = places(dims).map(([b = 0, row = 0, column = 0]) => {
      const [ch, tap] = [Math.floor(row / taps), row % taps];
      const at = [
        Math.floor(column / (grid[1] ?? 1)) * (s[0] ?? 1) + Math.floor(tap / (k[1] ?? 1)) * (d[0] ?? 1) - (p[0] ?? 0),
        (column % (grid[1] ?? 1)) * (s[1] ?? 1) + (tap % (k[1] ?? 1)) * (d[1] ?? 1) - (p[1] ?? 0),
      ];
      const inside = at.every((i, axis) => i >= 0 && i < ([h, w][axis] ?? 1));
      return inside ? element(x, [b, ch, ...at]) : 0;
    });
    return { dims, data };
  }

  it('is torch.nn.Unfold', () => {
    for (let seed = 0; seed < 120; seed++) {
      const source = sampler(seed);
      const two = (low: number, high: number): readonly number[] => [source.int(low, high), source.int(low, high)];
      const [kernel, stride, dilation, pad] = [two(1, 3), two(1, 3), two(1, 2), two(0, 2)];
      const x = count([source.int(1, 2), source.int(1, 3), source.int(5, 8), source.int(5, 8)]);
      const made = make('unfold', [textOf(x)], { kernel, stride, dilation, pad });
      const got = run(made, x);
      expect({ dims: got.dims, data: [...got.data] }).toEqual(unfolded(x, kernel, stride, dilation, pad));
      expect(typeText(made.y.type)).toBe(textOf(got));
    }
  });

  it('takes windows side by side apart without picking, and symbolic grids', () => {
    expect(opsOf(make('unfold', ['f32[N, 3, 224, 224]'], { kernel: '16x16', stride: 16 }))).toBe('reshape transpose reshape');
    expect(opsOf(make('unfold', ['f32[N, 3, 8, 8]'], { kernel: '3x3', pad: 1 }))).toBe('pad gather gather transpose reshape');
    const open = make('unfold', ['f32[N, 3, H, W]'], { kernel: '3x3', stride: 2, pad: 1 });
    expect(typeText(open.y.type)).toMatch(/^f32\[N, 27, /);
    expect(typeText(make('unfold', ['f32[N, 3, L]'], { kernel: 3 }).y.type)).toBe('f32[N, 9, max(L, 2) - 2]');
    expect(failure(() => make('unfold', ['f32[N, 3]'], { kernel: 3 })).label).toBe('l1');
    expect(failure(() => make('unfold', ['f32[N, 3, 4]'], { kernel: '3x3' })).label).toBe('l2');
    expect(failure(() => make('unfold', ['f32[N, 3, 4, 4]'], { kernel: '3x3', pad: [1, 2, 3] })).label).toBe('l3');
    expect(failure(() => make('unfold', ['f32[N, 3, 2, 2]'], { kernel: '3x3' })).label).toBe('l4');
  });
});

describe('channel_shuffle', () => {
  it('takes one channel of each group in turn', () => {
    const x = count([2, 6, 1, 2]);
    const made = make('channel_shuffle', [textOf(x)], { groups: 3 });
    expect(opsOf(made)).toBe('reshape transpose reshape');
    expect([...run(made, x).data].filter((_, i) => i % 2 === 0).slice(0, 6)).toEqual([0, 4, 8, 2, 6, 10]);
    expect(opsOf(make('channel_shuffle', ['f32[N, 6, H, W]'], { groups: 1 }))).toBe('');
    expect(typeText(make('channel_shuffle', ['f32[N, 6*C, L]'], { groups: 3 }).y.type)).toBe('f32[N, 6*C, L]');
    expect(failure(() => make('channel_shuffle', ['f32[N, 6, 2]'], { groups: 4 })).label).toBe('l4');
    expect(failure(() => make('channel_shuffle', ['f32[N, 6]'], { groups: 2 })).label).toBe('l1');
  });
});

describe('moments', () => {
  const x = host([2, 3, 4], (i) => ((i * 7) % 11) - 4);
  const column = (j: number): readonly number[] => [...x.data].filter((_, i) => Math.floor(i / 4) % 3 === j);
  const variance = (all: readonly number[], correction: number): number => {
    const mean = all.reduce((a, b) => a + b, 0) / all.length;
    return all.reduce((n, v) => n + (v - mean) ** 2, 0) / (all.length - correction);
  };
  const close = (got: HostTensor, expected: readonly number[]): void => {
    expect(got.data.length).toBe(expected.length);
    expected.forEach((v, i) => {
      expect(got.data[i]).toBeCloseTo(v, 12);
    });
  };

  it('var and std are those of torch, corrected by 1 unless said otherwise', () => {
    for (const correction of [0, 1, 3]) {
      const expected = [0, 1, 2].map((j) => variance(column(j), correction));
      close(make('var', [textOf(x)], { axes: [0, 2], correction }).run([x]), expected);
      close(make('std', [textOf(x)], { axes: [0, -1], correction, keepdims: true }).run([x]), expected.map(Math.sqrt));
    }
    close(make('var', [textOf(x)]).run([x]), [variance([...x.data], 1)]);
    expect(typeText(make('std', ['f32[N, 8, 4]'], { axes: [1], keepdims: true }).y.type)).toBe('f32[N, 1, 4]');
    expect(opsOf(make('var', ['f32[N, 8]'], { axes: [1], correction: 0 }))).toBe('reduce_mean sub mul reduce_mean');
    expect(failure(() => make('var', ['f32[N, 1]'], { axes: [1] })).text).toBe(
      '1 elements, of f32[N, 1] | more than correction=1; correction=0',
    );
    expect(failure(() => make('var', ['i64[N, 4]'], { axes: [1] })).label).toBe('l2');
    expect(failure(() => make('var', ['f32[N, 4]'], { axes: [2] })).label).toBe('l3');
  });

  it('l2_normalize divides by the length, or by eps', () => {
    const y = make('l2_normalize', ['f32[1, 2, 2]'], { eps: 0.5 }).run([host([1, 2, 2], (i) => [3, 0, 4, 0.1][i] ?? 0)]);
    close(y, [0.6, 0, 0.8, 0.2]);
    expect(opsOf(make('l2_normalize', ['f32[N, 8]']))).toBe('reduce_l2 max div');
    expect(opsOf(make('l2_normalize', ['f32[N, 8]'], { axis: -1, eps: 0 }))).toBe('reduce_l2 div');
    expect(failure(() => make('l2_normalize', ['i64[N, 8]'])).label).toBe('l1');
    expect(failure(() => make('l2_normalize', ['f32[N, 8]'], { axis: 2 })).label).toBe('l2');
  });

  it('standardize gives each filter the mean 0 and the variance 1', () => {
    const w = host([2, 3, 2, 2], (i) => ((i * 5) % 13) - 6);
    const y = make('standardize', [textOf(w)], { eps: 0.25 }).run([w]);
    const expected = [0, 1].flatMap((f) => {
      const own = [...w.data].slice(f * 12, f * 12 + 12);
      const mean = own.reduce((a, b) => a + b, 0) / 12;
      return own.map((v) => (v - mean) / Math.sqrt(variance(own, 0) + 0.25));
    });
    close(y, expected);
    expect(failure(() => make('standardize', ['f32[8]'])).label).toBe('l3');
    expect(failure(() => make('standardize', ['i64[8, 8]'])).label).toBe('l1');
    expect(failure(() => make('standardize', ['f32[8, 8]'], { axes: [2] })).label).toBe('l2');
  });
});
