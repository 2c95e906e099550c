/**
 * Arguments that are sizes take expressions over dimensions: each runs at several sizes, against loops that say what is meant.
 */
import { describe, expect, test } from 'vitest';
import { build } from '../../src/check.ts';
import type { HostTensor } from '../../src/ir/types.ts';
import { counted, elementOf, runSource, tensorOf } from '../support/run-source.ts';

const model = (body: string): string => `model M {\n  input x: f32[N, 2, H, W]\n${body}\n}`;

/** Compiles once for each level, runs at all sizes, and compares every output with its loop. */
async function same(
  body: string,
  sizes: readonly (readonly [n: number, h: number, w: number])[],
  expected: Readonly<Record<string, (x: HostTensor) => HostTensor>>,
  digits = 6,
): Promise<void> {
  const inputs = sizes.map(([n, h, w]) => ({ x: counted(n, 2, h, w) }));
  for (const level of [0, 1] as const) {
    const outputs = await runSource(model(body), inputs, { level });
    outputs.forEach((found, i) => {
      for (const [name, loop] of Object.entries(expected)) {
        const wanted = loop(inputs[i]?.x ?? counted(1));
        const got = found.get(name);
        expect([name, sizes[i], level, got?.dims]).toEqual([name, sizes[i], level, wanted.dims]);
        got?.data.forEach((v, at) => {
          const w = wanted.data[at] ?? Number.NaN;
          if (v !== w) expect(v, `${name} at ${at} of ${sizes[i]}`).toBeCloseTo(w, digits);
        });
      }
    });
  }
}

const sizes = [
  [1, 5, 6],
  [2, 8, 9],
  [1, 13, 16],
] as const;

/** What lies at a place that may be outside. */
const outside =
  (mode: 'zero' | 'reflect' | 'edge') =>
  (x: HostTensor, n: number, c: number, h: number, w: number): number => {
    const [, , height = 0, width = 0] = x.dims;
    const fold = (i: number, size: number): number => (i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i);
    const clamp = (i: number, size: number): number => Math.min(size - 1, Math.max(0, i));
    if (mode === 'zero') return h < 0 || h >= height || w < 0 || w >= width ? 0 : elementOf(x, [n, c, h, w]);
    const at = mode === 'reflect' ? fold : clamp;
    return elementOf(x, [n, c, at(h, height), at(w, width)]);
  };

describe('pad', () => {
  const missing = (size: number, to: number): number => (to - (size % to)) % to;
  const padded =
    (mode: 'zero' | 'reflect' | 'edge', amounts: (h: number, w: number) => readonly [number, number, number, number]) =>
    (x: HostTensor): HostTensor => {
      const [n = 0, c = 0, h = 0, w = 0] = x.dims;
      const [top, left, bottom, right] = amounts(h, w);
      const at = outside(mode);
      return tensorOf([n, c, top + h + bottom, left + w + right], (i, j, k, l) => at(x, i, j, k - top, l - left));
    };

  test('takes expressions in every mode, and cuts where they are negative', async () => {
    await same(
      `  let p = (4 - H % 4) % 4
  let q = (4 - W % 4) % 4
  output zeros = x -> pad(0, 0, p, q)
  output reflect = x -> pad(0, q, p, 0, mode="reflect")
  output edge = x -> pad(p + 1, H, 0, floordiv(W, 2), mode="replicate")
  output cut = x -> pad(p - 2, -1, 1 - floordiv(H, 2), W)
  output known = x -> pad(1, 2)`,
      sizes,
      {
        zeros: padded('zero', (h, w) => [0, 0, missing(h, 4), missing(w, 4)]),
        reflect: padded('reflect', (h, w) => [0, missing(w, 4), missing(h, 4), 0]),
        edge: padded('edge', (h, w) => [missing(h, 4) + 1, h, 0, Math.floor(w / 2)]),
        cut: padded('zero', (h, w) => [missing(h, 4) - 2, -1, 1 - Math.floor(h / 2), w]),
        known: padded('zero', () => [1, 2, 1, 2]),
      },
    );
  });

  test('of a convolution takes them too, as zeros around the grid', async () => {
    const sums =
      (bottom: (h: number) => number, right: (w: number) => number) =>
      (x: HostTensor): HostTensor => {
        const [n = 0, , h = 0, w = 0] = x.dims;
        const at = outside('zero');
        const dims = [n, 1, Math.floor((h + bottom(h)) / 2), w + right(w) - 1];
        return tensorOf(dims, (i, _, k, l) => {
          let sum = 0;
          for (const c of [0, 1]) for (const p of [0, 1]) for (const q of [0, 1]) sum += at(x, i, c, 2 * k + p, l + q);
          return sum;
        });
      };
    await same(
      `  output ends = x -> conv(1, 2x2, stride=[2, 1], pad=[0, 0, (4 - H % 4) % 4, W], init=ones)
  output all = x -> conv(1, 2x2, stride=[2, 1], pad=[0, 0, H % 2, 1], init=ones)`,
      sizes,
      {
        ends: sums(
          (h) => missing(h, 4),
          (w) => w,
        ),
        all: sums(
          (h) => h % 2,
          () => 1,
        ),
      },
    );
  });

  test('what is padded to a multiple is one, and two pads in a row are one', () => {
    const { diagnostics } = build(
      model(
        '  pad(0, 0, (8 - H % 8) % 8, (8 - W % 8) % 8)\n  maxpool(8x8)  resize(scale=8)\n  let a = it[:, :, :H, :W]\n  output y = a + x',
      ),
    );
    expect(diagnostics).toEqual([]);
  });
});

describe('brackets', () => {
  /** NumPy's slice of one axis. */
  const places = (size: number, from: number | undefined, to: number | undefined, step: number): readonly number[] => {
    const clamp = (i: number, low: number, high: number): number => Math.min(high, Math.max(low, i < 0 ? i + size : i));
    const out: number[] = [];
    if (step > 0) {
      const end = to === undefined ? size : clamp(to, 0, size);
      for (let i = from === undefined ? 0 : clamp(from, 0, size); i < end; i += step) out.push(i);
    } else {
      const end = to === undefined ? -1 : clamp(to, -1, size - 1);
      for (let i = from === undefined ? size - 1 : clamp(from, -1, size - 1); i > end; i += step) out.push(i);
    }
    return out;
  };
  const taken =
    (rows: readonly [number | undefined, number | undefined, number], columns: typeof rows) =>
    (x: HostTensor): HostTensor => {
      const [n = 0, c = 0, h = 0, w = 0] = x.dims;
      const [a, b] = [places(h, ...rows), places(w, ...columns)];
      return tensorOf([n, c, a.length, b.length], (i, j, k, l) => elementOf(x, [i, j, a[k] ?? 0, b[l] ?? 0]));
    };
  const all = [undefined, undefined, 1] as const;

  test('count from the end and take steps, as NumPy has it', async () => {
    const cases: Record<string, readonly [string, Parameters<typeof taken>[0], Parameters<typeof taken>[1]]> = {
      a: [':, :, :-2', [undefined, -2, 1], all],
      b: [':, :, -3:, -2:-1', [-3, undefined, 1], [-2, -1, 1]],
      c: [':, :, ::2, 1::3', [undefined, undefined, 2], [1, undefined, 3]],
      d: [':, :, ::-1, ::-2', [undefined, undefined, -1], [undefined, undefined, -2]],
      e: [':, :, -1:0:-1, 3::-1', [-1, 0, -1], [3, undefined, -1]],
      f: [':, :, 1:-1:2, :-1:', [1, -1, 2], [undefined, -1, 1]],
      g: [':, :, 1:100, -100:3', [1, 100, 1], [-100, 3, 1]],
    };
    const body = Object.entries(cases).map(([name, [subs]]) => `  output ${name} = x[${subs}]`);
    await same(body.join('\n'), sizes, Object.fromEntries(Object.entries(cases).map(([name, [, r, c]]) => [name, taken(r, c)])));
  });

  test('mean what `slice` means', () => {
    const text = (body: string): string => {
      const { graph } = build(model(body));
      return graph?.outputs[0]?.value.type.dims.join() ?? 'none';
    };
    for (const [brackets, layer] of [
      ['[:, :, :-2]', 'slice(0, -2, axis=2)'],
      ['[:, :, 1:-1]', 'slice(1, -1, axis=2)'],
      ['[:, :, ::2]', 'slice(0, axis=2, step=2)'],
      ['[:, :, H - 1:]', 'slice(H - 1, axis=2)'],
    ] as const) {
      expect(text(`  output y = x${brackets}`)).toBe(text(`  output y = x -> ${layer}`));
    }
  });

  test('expressions over sizes are bounds', async () => {
    await same('  output middle = x[:, :, floordiv(H, 2):floordiv(H, 2) + 2, :W - 1]\n  output last = x[:, :, -1]', sizes, {
      middle: (x) => {
        const from = Math.floor((x.dims[2] ?? 0) / 2);
        return taken([from, from + 2, 1], [0, (x.dims[3] ?? 0) - 1, 1])(x);
      },
      last: (x) => {
        const [n = 0, c = 0, h = 0, w = 0] = x.dims;
        return tensorOf([n, c, w], (i, j, l) => elementOf(x, [i, j, h - 1, l]));
      },
    });
  });

  test('of lists take steps as well', () => {
    const { graph, diagnostics } = build(
      model('  let xs = [1, 2, 3, 4, 5]\n  reshape(xs[1::2][0], xs[::-1][0] - 4, -1, xs[3:0:-2][1] - 1)\n  output y'),
    );
    expect(diagnostics).toEqual([]);
    expect(graph?.outputs[0]?.value.type.dims.slice(0, 2).join()).toBe('2,1');
  });
});

describe('bounds of symbols', () => {
  const types = (body: string): readonly string[] => {
    const { graph, diagnostics } = build(model(body));
    return [...diagnostics.map((d) => d.code), ...(graph?.outputs.map(({ value }) => String(value.type.dims.slice(2))) ?? [])];
  };

  test('decide comparisons and the sides of bounds, before and behind the assert', () => {
    expect(types('  let a = H > 99 ? 1 : 2\n  output y = x')).toEqual(['RES0214']);
    expect(types('  assert H >= 100\n  let a = H > 99 ? 1 : 2\n  output y = pad(a)')).toEqual(['H + 2,W + 2']);
    expect(types('  let part = x[:, :, 100:]\n  assert H >= 100\n  output y = part')).toEqual(['H - 100,W']);
    expect(types('  output y = x[:, :, :H - 4]')).toEqual(['RES0301']);
    expect(types('  let n = H - 4\n  assert n >= 0\n  output y = x[:, :, :n]')).toEqual(['H - 4,W']);
    expect(types('  assert 2 * H > 7 and 40 - W >= 8 and W % 8 == 0\n  output y = x[:, :, 4:, :40 - W]')).toEqual([
      'H - 4,min(40 - W, W)',
    ]);
  });

  test('of sizes that stand in sums alone', async () => {
    const source = 'model M {\n  input x: f32[N, 2, L + 10]\n  assert L >= 3\n  output y = x[:, :, 5:-5]\n}';
    const x = counted(1, 2, 14);
    const [found] = await runSource(source, [{ x }]);
    expect(found?.get('y')).toEqual(tensorOf([1, 2, 4], (i, j, k) => elementOf(x, [i, j, k + 5])));
  });
});

describe('adaptive pools', () => {
  const pooled =
    (size: (h: number, w: number) => readonly [number, number], kind: 'mean' | 'max') =>
    (x: HostTensor): HostTensor => {
      const [n = 0, c = 0, h = 0, w = 0] = x.dims;
      const [rows, columns] = size(h, w);
      return tensorOf([n, c, rows, columns], (i, j, k, l) => {
        let [sum, most, count] = [0, Number.NEGATIVE_INFINITY, 0];
        for (let r = Math.floor((k * h) / rows); r < Math.ceil(((k + 1) * h) / rows); r++) {
          for (let s = Math.floor((l * w) / columns); s < Math.ceil(((l + 1) * w) / columns); s++) {
            const v = elementOf(x, [i, j, r, s]);
            sum += v;
            most = Math.max(most, v);
            count++;
          }
        }
        return kind === 'mean' ? sum / count : most;
      });
    };
  const sizesOf: readonly (readonly [string, (h: number, w: number) => readonly [number, number]])[] = [
    ['7x7', () => [7, 7]],
    ['[3, 1]', () => [3, 1]],
    ['[1, W]', (_h, w) => [1, w]],
    ['[floordiv(H + 1, 2), 4]', (h) => [Math.floor((h + 1) / 2), 4]],
    ['[2 * H, max(1, floordiv(W, 3))]', (h, w) => [2 * h, Math.max(1, Math.floor(w / 3))]],
  ];

  test('of any grid into any grid', async () => {
    const body: string[] = [];
    const expected: Record<string, (x: HostTensor) => HostTensor> = {};
    sizesOf.forEach(([text, size], i) => {
      body.push(`  output a${i} = x -> adaptive_avgpool(${text})`, `  output m${i} = x -> adaptive_maxpool(${text})`);
      expected[`a${i}`] = pooled(size, 'mean');
      expected[`m${i}`] = pooled(size, 'max');
    });
    await same(body.join('\n'), [...sizes, [1, 1, 3], [2, 17, 29]], expected, 4);
  });

  test('a promise makes a plain pool of it', () => {
    const { graph } = build(model('  assert H % 16 == 0 and W % 16 == 0\n  adaptive_avgpool([H / 16, W / 8])\n  output y'));
    expect([...(graph?.nodes() ?? [])].map(({ op, attrs }) => [op.name, attrs.kernel])).toEqual([['avgpool', [16, 8]]]);
  });
});

describe('pad="same"', () => {
  /** TensorFlow's numbers for one axis: how many windows there are, and where the first one begins. */
  const along = (size: number, k: number, s: number, d: number, lower: boolean): { count: number; begin: number } => {
    const count = Math.ceil(size / s);
    const total = Math.max((count - 1) * s + (k - 1) * d + 1 - size, 0);
    return { count, begin: lower ? total - Math.floor(total / 2) : Math.floor(total / 2) };
  };
  const windows =
    (
      k: number,
      s: number,
      d: number,
      lower: boolean,
      combine: (taps: readonly (readonly [v: number, t: number])[], c: number) => number,
    ) =>
    (x: HostTensor): HostTensor => {
      const [n = 0, c = 0, h = 0, w = 0] = x.dims;
      const [rows, columns] = [along(h, k, s, d, lower), along(w, k, s, d, lower)];
      return tensorOf([n, c, rows.count, columns.count], (i, j, p, q) => {
        const taps: [number, number][] = [];
        for (let t = 0; t < k * k; t++) {
          const r = p * s + Math.floor(t / k) * d - rows.begin;
          const l = q * s + (t % k) * d - columns.begin;
          if (r >= 0 && r < h && l >= 0 && l < w) taps.push([elementOf(x, [i, j, r, l]), t]);
        }
        return combine(taps, j);
      });
    };
  const body: string[] = [];
  const expected: Record<string, (x: HostTensor) => HostTensor> = {};
  for (const [k, s, d] of [
    [3, 1, 1],
    [3, 2, 1],
    [4, 2, 1],
    [2, 3, 1],
    [1, 2, 1],
    [3, 2, 2],
    [2, 1, 1],
  ] as const) {
    for (const word of ['same', 'same_lower'] as const) {
      const name = `_${k}${s}${d}${word}`;
      const lower = word === 'same_lower';
      const weight = `range(${2 * k * k}) -> cast(f32) -> reshape(2, 1, ${k}, ${k})`;
      body.push(
        `  output conv${name} = x -> conv(2, ${k}, stride=${s}, dilation=${d}, groups=2, pad="${word}", weight=${weight})`,
      );
      expected[`conv${name}`] = windows(k, s, d, lower, (taps, c) => taps.reduce((sum, [v, t]) => sum + v * (c * k * k + t), 0));
      body.push(`  output max${name} = x -> maxpool(${k}, stride=${s}, dilation=${d}, pad="${word}")`);
      expected[`max${name}`] = windows(k, s, d, lower, (taps) => Math.max(...taps.map(([v]) => v)));
      if (d > 1) continue;
      body.push(`  output avg${name} = x -> avgpool(${k}, stride=${s}, pad="${word}")`);
      expected[`avg${name}`] = windows(k, s, d, lower, (taps) => taps.reduce((sum, [v]) => sum + v, 0) / taps.length);
    }
  }

  test('is what TensorFlow means, of sizes that only the run knows', async () => {
    await same(body.join('\n'), sizes, expected, 2);
  });

  test('is a pad of the window where sizes are known', async () => {
    for (const [n, h, w] of sizes) {
      const x = counted(n, 2, h, w);
      const options = { inputShapes: { x: [n, 2, h, w] } };
      const { graph } = build(model(body.join('\n')), options);
      expect([...(graph?.nodes() ?? [])].filter(({ op }) => op.name === 'pad')).toEqual([]);
      const [found] = await runSource(model(body.join('\n')), [{ x }], options);
      for (const [name, loop] of Object.entries(expected)) {
        const wanted = loop(x);
        expect([name, found?.get(name)?.dims]).toEqual([name, wanted.dims]);
        found?.get(name)?.data.forEach((v, i) => {
          expect(v).toBeCloseTo(wanted.data[i] ?? Number.NaN, 2);
        });
      }
    }
  });

  test('needs no pad of its own where a promise says how much it is, or the stride is 1', () => {
    const nodes = (text: string): string => {
      const { graph, diagnostics } = build(model(text));
      if (!graph) return diagnostics.map((d) => d.found).join();
      return [...graph.nodes()].map(({ op, attrs }) => `${op.name} ${String(attrs.pads)}`).join('; ');
    };
    const half = '  assert H % 2 == 0 and W % 2 == 0\n  conv(4, 3x3, stride=2, pad="same")\n  output y';
    expect(nodes(half)).toBe('conv 0,0,1,1');
    expect(nodes('  conv(4, 2x2, pad="same")\n  output y')).toBe('conv 0,0,1,1');
    expect(nodes('  conv(4, 1x1, stride=2, pad="same")\n  output y')).toBe('conv 0,0,0,0');
    expect(nodes('  maxpool(2x2, pad="valid")\n  output y')).toBe('maxpool 0,0,0,0');
    const { graph } = build(model('  conv(4, 3x3, stride=2, pad="same")\n  output y'));
    expect(String(graph?.outputs[0]?.value.type.dims)).toBe('N,4,floordiv(H + 1, 2),floordiv(W + 1, 2)');
  });

  test('of a transposed convolution gives stride times the size', async () => {
    const expectedOf =
      (k: number, s: number) =>
      (x: HostTensor): HostTensor => {
        const [n = 0, c = 0, h = 0, w = 0] = x.dims;
        const begin = Math.floor(Math.max(k - s, 0) / 2);
        return tensorOf([n, c, h * s, w * s], (i, j, r, l) => {
          let sum = 0;
          for (let t = 0; t < k * k; t++) {
            const [p, q] = [(r + begin - Math.floor(t / k)) / s, (l + begin - (t % k)) / s];
            if (Number.isInteger(p) && Number.isInteger(q) && p >= 0 && p < h && q >= 0 && q < w)
              sum += elementOf(x, [i, j, p, q]) * (j * k * k + t);
          }
          return sum;
        });
      };
    const up: string[] = [];
    const wanted: Record<string, (x: HostTensor) => HostTensor> = {};
    for (const [k, s] of [
      [3, 2],
      [4, 2],
      [2, 2],
      [1, 3],
      [5, 2],
    ] as const) {
      const weight = `range(${2 * k * k}) -> cast(f32) -> reshape(2, 1, ${k}, ${k})`;
      up.push(`  output y${k}${s} = x -> conv_transpose(2, ${k}, stride=${s}, groups=2, pad="same", weight=${weight})`);
      wanted[`y${k}${s}`] = expectedOf(k, s);
    }
    await same(up.join('\n'), sizes, wanted, 2);
  });
});

describe('numbers while compiling', () => {
  test('exp, log, sin and cos are functions of numbers', async () => {
    const { diagnostics, graph } = build(
      model(
        '  let a = exp(1) + log(2.0) + sin(1) + cos(0.5)\n  assert abs(a - 5.130483) < 0.00001\n  output y = exp(log(x)) -> cos -> sin',
      ),
    );
    expect(diagnostics).toEqual([]);
    expect([...(graph?.nodes() ?? [])].map((node) => node.op.name)).toEqual(['log', 'exp', 'cos', 'sin']);
  });
});
