/** Axes by name against an interpretation of patterns that moves elements one by one, and how few nodes they come to. */
import { describe, expect, it } from 'vitest';
import type { SampleSource } from '../../src/ir/operator.ts';
import { type HostTensor, typeText } from '../../src/ir/types.ts';
import { layerByName } from '../../src/ops/registry.ts';
import { type Argument, type Built, built, failure, host, sampler } from './nn/tools.ts';

function make(name: string, types: readonly string[], pattern: string, args: Readonly<Record<string, Argument>> = {}): Built {
  const layer = layerByName(name);
  if (!layer) throw new Error(`no layer ${name}`);
  return built(layer, types, { pattern, ...args });
}

const nodes = (type: string, pattern: string, sizes: Readonly<Record<string, Argument>> = {}): string =>
  make('rearrange', [type], pattern, sizes)
    .nodes.map((n) => n.op.name)
    .join(' ');

/** The axes of one side, each with the names in it. */
const groupsOf = (side: string): readonly (readonly string[])[] =>
  [...side.matchAll(/\(([^)]*)\)|(\S+)/g)].map((m) => (m[1] ?? m[2] ?? '').split(/\s+/).filter((word) => word !== ''));

/**
 * Element by element: every place of the tensor is named by its axes, and where it lies in the result follows from the same
 * names; what the result has besides is taken for all values.
 */
function byHand(
  pattern: string,
  x: HostTensor,
  sizes: Readonly<Record<string, number>>,
  reduce?: (a: number, b: number) => number,
) {
  const [left = '', right = ''] = pattern.split('->');
  const size = (word: string): number => (/^\d+$/.test(word) ? Number(word) : (sizes[word] ?? Number.NaN));
  const from = groupsOf(left).map((group, i) => group.map((word, k) => (/^\d+$/.test(word) ? `${word}@${i}.${k}` : word)));
  const to = groupsOf(right);
  const dims = to.map((group) => group.reduce((n, word) => n * size(word.replace(/@.*/, '')), 1));
  const names = from.flat();
  const extents = names.map((word) => size(word.replace(/@.*/, '')));
  const data = new Float64Array(dims.reduce((a, b) => a * b, 1)).fill(Number.NaN);
  const places = to.flat();
  const walk = (given: ReadonlyMap<string, number>, value: number, rest: readonly string[]): void => {
    const [next, ...others] = rest;
    if (next !== undefined) {
      if (given.has(next)) return walk(given, value, others);
      for (let i = 0; i < size(next); i++) walk(new Map([...given, [next, i]]), value, others);
      return;
    }
    const index = places.reduce((n, word) => n * size(word) + (given.get(word) ?? 0), 0);
    const before = data[index] ?? Number.NaN;
    data[index] = Number.isNaN(before) || !reduce ? value : reduce(before, value);
  };
  for (let i = 0; i < x.data.length; i++) {
    const given = new Map<string, number>();
    let rest = i;
    for (let k = names.length - 1; k >= 0; k--) {
      given.set(names[k] ?? '', rest % (extents[k] ?? 1));
      rest = Math.floor(rest / (extents[k] ?? 1));
    }
    walk(given, x.data[i] ?? 0, places);
  }
  return { dims, data };
}

function shuffled<T>(source: SampleSource, all: readonly T[]): T[] {
  const rest = [...all];
  const out: T[] = [];
  while (rest.length > 0) out.push(...rest.splice(source.int(0, rest.length - 1), 1));
  return out;
}

/** Words between parentheses here and there, and axes of size 1. */
function sideText(source: SampleSource, words: readonly string[]): string {
  const out: string[] = [];
  for (let i = 0; i < words.length; ) {
    if (source.int(0, 4) === 0) out.push(source.pick(['1', '()']));
    const count = Math.min(source.int(1, 3), words.length - i);
    const group = words.slice(i, i + count);
    out.push(count > 1 || source.int(0, 4) === 0 ? `(${group.join(source.bool() ? ' ' : '  ')})` : group.join(''));
    i += count;
  }
  return out.join(' ');
}

const productOf = (sizes: Readonly<Record<string, number>>, words: readonly string[]): number =>
  words.reduce((n, word) => n * (/^\d+$/.test(word) ? Number(word) : (sizes[word] ?? 1)), 1);

describe('rearrange', () => {
  it('does what the pattern says, in at most three nodes, for random patterns', () => {
    for (let seed = 0; seed < 400; seed++) {
      const source = sampler(seed);
      const words = ['a', 'b', 'c1', 'd_e', 'F'].slice(0, source.int(1, 5));
      const sizes = Object.fromEntries(words.map((word) => [word, source.int(1, 3)]));
      const left = sideText(source, words);
      const right = sideText(source, shuffled(source, words));
      const dims = groupsOf(left).map((group) => productOf(sizes, group));
      const x = host(dims, (i) => i);
      const pattern = `${left} -> ${right}`;
      const made = make('rearrange', [`f32[${dims.join(', ')}]`], pattern, sizes);
      const got = made.nodes.length === 0 ? x : made.run([x]);
      expect({ pattern, dims: got.dims, data: [...got.data] }).toEqual({ pattern, ...listed(byHand(pattern, x, sizes)) });
      expect(made.nodes.length, pattern).toBeLessThanOrEqual(3);
      expect(made.nodes.filter((n) => n.op.name === 'transpose').length, pattern).toBeLessThanOrEqual(1);
    }
  });

  it('repeats along new axes, for random patterns', () => {
    for (let seed = 0; seed < 200; seed++) {
      const source = sampler(1000 + seed);
      const words = ['a', 'b', 'c'].slice(0, source.int(1, 3));
      const added = ['x', 'y'].slice(0, source.int(1, 2));
      const sizes = Object.fromEntries([...words, ...added].map((word) => [word, source.int(1, 3)]));
      const left = sideText(source, words);
      const right = sideText(source, shuffled(source, [...words, ...added, ...(source.bool() ? ['2'] : [])]));
      const dims = groupsOf(left).map((group) => productOf(sizes, group));
      const x = host(dims, (i) => i);
      const pattern = `${left} -> ${right}`;
      const made = make('rearrange', [`f32[${dims.join(', ')}]`], pattern, sizes);
      const got = made.nodes.length === 0 ? x : made.run([x]);
      expect({ pattern, dims: got.dims, data: [...got.data] }).toEqual({ pattern, ...listed(byHand(pattern, x, sizes)) });
    }
  });

  it('makes no node that is not needed', () => {
    const table: readonly (readonly [type: string, pattern: string, sizes: Readonly<Record<string, Argument>>, made: string])[] =
      [
        ['f32[N, 3, H, W]', 'n c h w -> n c h w', {}, ''],
        ['f32[N, 3, H, W]', 'n ... -> n ...', {}, ''],
        ['f32[N, 3, H, W]', 'n c h w -> n h w c', {}, 'transpose'],
        ['f32[N, 3, H, W]', 'n c h w -> n c (h w)', {}, 'reshape'],
        ['f32[N, 3, H, W]', 'n c h w -> n c 1 h w', {}, 'unsqueeze'],
        ['f32[N, 1, H, W]', 'n 1 h w -> n h w', {}, 'squeeze'],
        ['f32[N, 1, H, W]', 'n c h w -> n h w c', {}, 'reshape'],
        ['f32[N, 1, H, W]', 'n 1 h w -> w 1 h n', {}, 'transpose'],
        ['f32[N, 3, H, W]', 'n c h w -> n (h w) c', {}, 'transpose reshape'],
        ['f32[N, T, 64]', 'n t (h d) -> n h t d', { h: 8 }, 'reshape transpose'],
        ['f32[N, 8, T, 8]', 'n h t d -> n t (h d)', {}, 'transpose reshape'],
        ['f32[N, 64, 64, 3]', 'n (h p) (w q) c -> (n h w) (p q) c', { p: 8, q: 8 }, 'reshape transpose reshape'],
        ['f32[N, 12, H, W]', 'n (c p q) h w -> n c (h p) (w q)', { p: 2, q: 2 }, 'reshape transpose reshape'],
        ['f32[N, 12, H, W]', 'n (g c) h w -> n (c g) h w', { g: 3 }, 'reshape transpose reshape'],
        ['f32[N, 12, H, W]', 'n (a b) h w -> (n a) b h w', { a: 3 }, 'reshape'],
        ['f32[T, D]', 't d -> n t d', { n: 2 }, 'expand'],
        ['f32[T, D]', 't d -> t d n', { n: 2 }, 'unsqueeze expand'],
        ['f32[T, D]', 't d -> t (d 3)', {}, 'unsqueeze expand reshape'],
        ['f32[T, D]', 't d -> t d n', { n: 1 }, 'unsqueeze'],
      ];
    for (const [type, pattern, sizes, made] of table)
      expect([type, pattern, nodes(type, pattern, sizes)]).toEqual([type, pattern, made]);
    // Axes that stay neighbours move as one.
    const windows = make('rearrange', ['f32[N, 64, 64, 3]'], 'n (h p) (w q) c -> (n h w) (p q) c', { p: 8, q: 8 });
    expect(windows.nodes.map((node) => typeText(node.y.type))).toEqual([
      'f32[8*N, 8, 8, 24]',
      'f32[8*N, 8, 8, 24]',
      'f32[64*N, 64, 3]',
    ]);
  });

  it('infers sizes, symbolic ones too', () => {
    const typeOf = (...args: Parameters<typeof make>): string => typeText(make(...args).y.type);
    expect(typeOf('rearrange', ['f32[N, 8*H, W]'], 'n (h p) w -> n p (h w)', { p: 8 })).toBe('f32[N, 8, H*W]');
    expect(typeOf('rearrange', ['f32[N, 8*H, W]'], 'n (p h) w -> n p h w', { p: 4 })).toBe('f32[N, 4, 2*H, W]');
    expect(typeOf('rearrange', ['f32[6]'], '(a b) -> b a', { a: 2, b: 3 })).toBe('f32[3, 2]');
    expect(typeOf('rearrange', ['i64[N, T]', 'i64[N, T]', 'i64[N, T]'], 'k n t -> n (t k)')).toBe('i64[N, 3*T]');
    expect(typeOf('rearrange', ['f32[A, B, C, D]'], 'a ... d -> (d ... a)')).toBe('f32[C*D*A*B]');
    expect(typeOf('rearrange', ['f32[A, B]'], 'a ... b -> b ... a')).toBe('f32[B, A]');
    expect(typeOf('rearrange', ['f32[]'], '-> 1 ()')).toBe('f32[1, 1]');
    expect(typeOf('rearrange', ['f32[]'], ' -> n', { n: 4 })).toBe('f32[4]');
  });

  it('says which axis does not fit', () => {
    const why = (pattern: string, sizes: Readonly<Record<string, Argument>> = {}): string =>
      failure(() => make('rearrange', ['f32[N, 16, W]'], pattern, sizes)).label;
    expect(why('n c w')).toBe('axis-pattern');
    expect(why('n c w -> n c')).toBe('axis-missing');
    expect(why('n (a b) w -> n a b w')).toBe('axis-unknown');
    expect(why('n (a b) w -> n a b w', { a: 3 })).toBe('axis-size');
    expect(why('n c (a b) -> n a b c', { a: 3 })).toBe('axis-size');
    expect(why('n c -> c n')).toBe('axis-count');
    expect(why('n c w -> n w c', { d: 3 })).toBe('axis-argument');
  });
});

const listed = ({ dims, data }: { readonly dims: readonly number[]; readonly data: Float64Array }) => ({ dims, data: [...data] });

describe('reduce', () => {
  const functions: Readonly<Record<string, (a: number, b: number) => number>> = {
    sum: (a, b) => a + b,
    max: Math.max,
    min: Math.min,
    prod: (a, b) => a * b,
  };

  it('does what the pattern says, for random patterns', () => {
    for (let seed = 0; seed < 300; seed++) {
      const source = sampler(2000 + seed);
      const words = ['a', 'b', 'c', 'd'].slice(0, source.int(1, 4));
      const sizes = Object.fromEntries(words.map((word) => [word, source.int(1, 3)]));
      const left = sideText(source, [...words, ...(source.bool() ? ['2'] : [])]);
      const kept = words.filter(() => source.bool());
      const right = sideText(source, shuffled(source, kept));
      const dims = groupsOf(left).map((group) => productOf(sizes, group));
      const x = host(dims, (i) => ((i * 7) % 5) - 2);
      const pattern = `${left} -> ${right}`;
      const reduction = source.pick(['sum', 'max', 'min', 'prod']);
      const made = make('reduce', [`f32[${dims.join(', ')}]`], pattern, { reduction, ...sizes });
      const got = made.nodes.length === 0 ? x : made.run([x]);
      expect({ pattern, reduction, dims: got.dims, data: [...got.data].map((n) => n + 0) }).toEqual({
        pattern,
        reduction,
        dims: byHand(pattern, x, sizes, functions[reduction]).dims,
        data: [...byHand(pattern, x, sizes, functions[reduction]).data].map((n) => n + 0),
      });
      expect(made.nodes.filter((n) => n.op.name.startsWith('reduce')).length, pattern).toBeLessThanOrEqual(1);
    }
  });

  it('makes no node that is not needed', () => {
    const made = (type: string, pattern: string): string =>
      make('reduce', [type], pattern, { reduction: 'mean' })
        .nodes.map((n) => n.op.name)
        .join(' ');
    expect(made('f32[N, C, H, W]', 'n c h w -> n c')).toBe('reduce_mean');
    expect(made('f32[N, C, H, W]', 'n c h w -> n c 1 1')).toBe('reduce_mean');
    expect(made('f32[N, C, H, W]', 'n c ... -> n c')).toBe('reduce_mean');
    expect(made('f32[N, C, H, W]', 'n c h w -> c n')).toBe('reduce_mean transpose');
    expect(made('f32[N, C, 4, 6]', 'n c (h 2) (w 2) -> n c h w')).toBe('reshape reduce_mean');
    expect(made('f32[N, C, H, W]', 'n c h w -> n h w c')).toBe('transpose');
    expect(made('f32[N, C, 1, W]', 'n c 1 w -> n c w')).toBe('squeeze');
    expect(typeText(make('reduce', ['f32[2, 3]'], '... -> ', { reduction: 'mean' }).y.type)).toBe('f32[]');
    expect([...make('reduce', ['f32[2, 2]'], 'a b -> b', { reduction: 'mean' }).run([host([2, 2], (i) => i)]).data]).toEqual([
      1, 2,
    ]);
    expect(failure(() => make('reduce', ['f32[2, 2]'], 'a b -> c', { reduction: 'mean' })).label).toBe('axis-missing');
    expect(failure(() => make('reduce', ['i64[2, 2]'], 'a b -> a', { reduction: 'mean' })).label).toBe('c1');
  });
});
