/** Einsum against sums of products that are taken element by element, and the nodes that it comes to. */
import { describe, expect, it } from 'vitest';
import { elementCount, type HostTensor, typeText } from '../../src/ir/types.ts';
import { layerByName } from '../../src/ops/registry.ts';
import { type Built, built, failure, host, sampler } from './nn/tools.ts';

function make(pattern: string, ...types: readonly string[]): Built {
  const layer = layerByName('einsum');
  if (!layer) throw new Error('no layer einsum');
  return built(layer, types, { pattern });
}
const nodes = (pattern: string, ...types: readonly string[]): string =>
  make(pattern, ...types)
    .nodes.map((n) => n.op.name)
    .join(' ');

/** Letters alone; a size of 1 gives way. */
function byHand(
  pattern: string,
  xs: readonly HostTensor[],
): { readonly dims: readonly number[]; readonly data: readonly number[] } {
  const [left = '', out = ''] = pattern.replace(/\s/g, '').split('->');
  const terms = left.split(',');
  const sizes = new Map<string, number>();
  for (const [i, term] of terms.entries())
    for (const [k, letter] of [...term].entries()) sizes.set(letter, Math.max(sizes.get(letter) ?? 1, xs[i]?.dims[k] ?? 1));
  const letters = [...out, ...[...sizes.keys()].filter((one) => !out.includes(one))];
  const dims = [...out].map((letter) => sizes.get(letter) ?? 1);
  const data = new Float64Array(elementCount(dims));
  const count = elementCount(letters.map((letter) => sizes.get(letter) ?? 1));
  for (let flat = 0; flat < count; flat++) {
    const place = new Map<string, number>();
    let rest = flat;
    for (const letter of [...letters].reverse()) {
      place.set(letter, rest % (sizes.get(letter) ?? 1));
      rest = Math.floor(rest / (sizes.get(letter) ?? 1));
    }
    let value = 1;
    for (const [i, term] of terms.entries()) {
      const x = xs[i];
      const at = [...term].reduce((n, letter, k) => {
        const size = x?.dims[k] ?? 1;
        return n * size + (size === 1 ? 0 : (place.get(letter) ?? 0));
      }, 0);
      value *= x?.data[at] ?? Number.NaN;
    }
    const to = [...out].reduce((n, letter) => n * (sizes.get(letter) ?? 1) + (place.get(letter) ?? 0), 0);
    data[to] = (data[to] ?? 0) + value;
  }
  return { dims, data: [...data].map((n) => n + 0) };
}

describe('einsum', () => {
  it('sums products, for random equations of one to three tensors', () => {
    for (let seed = 0; seed < 500; seed++) {
      const source = sampler(seed);
      const letters = [...'abcdef'].slice(0, source.int(1, 6));
      const sizes = new Map(letters.map((letter) => [letter, source.int(1, 3)]));
      const terms = Array.from({ length: source.int(1, 3) }, () => {
        const own = letters.filter(() => source.bool());
        for (let i = own.length - 1; i > 0; i--) own.splice(source.int(0, i), 0, ...own.splice(i, 1));
        if (own[0] && source.int(0, 9) === 0) own.push(own[0]);
        return own.join('');
      });
      const used = [...new Set(terms.join(''))];
      const out = used.filter(() => source.bool());
      for (let i = out.length - 1; i > 0; i--) out.splice(source.int(0, i), 0, ...out.splice(i, 1));
      const pattern = `${terms.join(',')}->${out.join('')}`;
      const integers = source.int(0, 4) === 0;
      const xs = terms.map((term) => {
        // An axis of size 1 is repeated over the others; one of a diagonal is not.
        const dims = [...term].map((letter) =>
          source.int(0, 9) === 0 && [...term].filter((one) => one === letter).length === 1 ? 1 : (sizes.get(letter) ?? 1),
        );
        return host(dims, (i) => ((i * 5 + term.length) % 7) - 3, integers ? 'i64' : 'f32');
      });
      const made = make(pattern, ...xs.map((x) => `${x.elem}[${x.dims.join(', ')}]`));
      const got = made.nodes.length === 0 ? xs[0] : made.run(xs);
      expect({ pattern, dims: got?.dims, data: [...(got?.data ?? [])].map((n) => n + 0) }).toEqual({
        pattern,
        ...byHand(pattern, xs),
      });
      expect(typeText(made.y.type)).toBe(`${integers ? 'i64' : 'f32'}[${got?.dims.join(', ')}]`);
    }
  });

  it('makes a matrix product and no node that is not needed', () => {
    const b = 'f32[N, 8, T, 64]';
    expect(nodes('b h i d, b h j d -> b h i j', b, b)).toBe('transpose matmul');
    expect(nodes('bhij,bhjd->bhid', 'f32[N, 8, T, T]', b)).toBe('matmul');
    expect(nodes('bhij,bhjd->bihd', 'f32[N, 8, T, T]', b)).toBe('matmul transpose');
    expect(nodes('bnhd,bmhd->bhnm', b, b)).toBe('transpose transpose matmul');
    expect(nodes('b t c, c d -> b t d', 'f32[N, T, 64]', 'f32[64, 32]')).toBe('matmul');
    expect(nodes('b t c, d c -> b t d', 'f32[N, T, 64]', 'f32[32, 64]')).toBe('transpose matmul');
    expect(nodes('b c h w, d c -> b d h w', 'f32[N, 64, H, W]', 'f32[32, 64]')).toBe('reshape matmul reshape');
    expect(nodes('ij,jk->ki', 'f32[2, 3]', 'f32[3, 4]')).toBe('matmul transpose');
    expect(nodes('i,i->', 'f32[8]', 'f32[8]')).toBe('matmul');
    expect(nodes('i,j->ij', 'f32[8]', 'f32[9]')).toBe('unsqueeze mul');
    expect(nodes('b c, c -> b c', 'f32[N, 8]', 'f32[8]')).toBe('mul');
    expect(nodes('b h w c, h w c d -> b d', 'f32[N, 4, 5, 6]', 'f32[4, 5, 6, 7]')).toBe('reshape reshape matmul');
    expect(nodes('b h q d, h k d -> b h q k', 'f32[N, 8, T, 64]', 'f32[8, 9, 64]')).toBe('transpose matmul');
    expect(nodes('bhwc,hkc->bhwk', 'f32[N, 8, 9, 16]', 'f32[8, 9, 16]')).toBe('transpose matmul');
    expect(nodes('ij->ji', 'f32[2, 3]')).toBe('transpose');
    expect(nodes('ij->', 'f32[2, 3]')).toBe('reduce_sum');
    expect(nodes('ii->i', 'f32[3, 3]')).toBe('reshape slice');
    expect(nodes('... i, i -> ...', 'f32[N, T, 8]', 'f32[8]')).toBe('matmul');
    expect(nodes('a b, b c, c d -> a d', 'f32[2, 3]', 'f32[3, 4]', 'f32[4, 5]')).toBe('matmul matmul');
  });

  it('takes an ellipsis, letters and words, and leaves the arrow out as NumPy does', () => {
    const typeOf = (...args: Parameters<typeof make>): string => typeText(make(...args).y.type);
    expect(typeOf('...ij,...jk->...ik', 'f32[A, B, 2, 3]', 'f32[B, 3, 4]')).toBe('f32[A, B, 2, 4]');
    expect(typeOf('... i j, ... j k -> i k ...', 'f32[A, B, 2, 3]', 'f32[B, 3, 4]')).toBe('f32[2, 4, A, B]');
    expect(typeOf('...ij->ij', 'f32[5, 2, 3]')).toBe('f32[2, 3]');
    expect(typeOf('ij,jk', 'f32[2, 3]', 'f32[3, 4]')).toBe('f32[2, 4]');
    expect(typeOf('ba', 'f32[2, 3]')).toBe('f32[3, 2]');
    expect(typeOf('ii', 'f32[3, 3]')).toBe('f32[]');
    expect(typeOf('...j,...j', 'f32[N, 3]', 'f32[N, 3]')).toBe('f32[N]');
    expect(typeOf('batch head_1 i, batch head_1 j -> batch i j', 'f32[N, 3, 4]', 'f32[N, 3, 5]')).toBe('f32[N, 4, 5]');
    expect(typeOf('bij, bjk -> bik', 'f32[1, 2, 3]', 'f32[N, 3, 4]')).toBe('f32[N, 2, 4]');
    expect([...make('ij->i', 'i64[2, 3]').run([host([2, 3], (i) => i, 'i64')]).data]).toEqual([3, 12]);
  });

  it('says which axis does not fit', () => {
    const why = (...args: Parameters<typeof make>): string => failure(() => make(...args)).label;
    expect(why('ij,jk->ik', 'f32[2, 3]', 'f32[4, 5]')).toBe('axis-size');
    expect(why('ij,jk->ik', 'f32[2, T]', 'f32[S, 5]')).toBe('axis-size');
    expect(why('ij,jk->il', 'f32[2, 3]', 'f32[3, 5]')).toBe('axis-missing');
    expect(why('ij,jk->ii', 'f32[2, 3]', 'f32[3, 5]')).toBe('axis-pattern');
    expect(why('ij->i', 'f32[2, 3]', 'f32[3, 5]')).toBe('axis-count');
    expect(why('ijk->i', 'f32[2, 3]')).toBe('axis-count');
    expect(why('ii->i', 'f32[N, N]')).toBe('axis-size');
    expect(why('(i j), k -> i', 'f32[6]', 'f32[2]')).toBe('axis-pattern');
    expect(why('i j, j k', 'f32[2, 3]', 'f32[3, 5]')).toBe('axis-pattern');
    expect(why('i1,i->i', 'f32[2, 3]', 'f32[3]')).toBe('axis-pattern');
    expect(why('ij,jk->ik', 'f32[2, 3]', 'f16[3, 5]')).not.toMatch(/^axis/);
  });
});
