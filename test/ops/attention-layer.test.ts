/** The layers of transformers by their definitions, in plain loops, and what they refuse. */
import { describe, expect, it } from 'vitest';
import { build } from '../../src/check.ts';
import { emitOnnx, nodesToWrite } from '../../src/codegen/emit.ts';
import { render } from '../../src/diagnostics/render.ts';
import type { HostTensor } from '../../src/ir/types.ts';
import { evaluate } from '../passes/support.ts';

const numbers = (dims: readonly number[], seed: number): HostTensor => ({
  elem: 'f32',
  dims,
  data: Float64Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => Math.fround(Math.sin(i * 1.7 + seed))),
});

function result(inputs: Readonly<Record<string, HostTensor>>, body: string): HostTensor {
  const declared = Object.entries(inputs).map(([name, x]) => `input ${name}: f32[${x.dims.join(', ')}]`);
  const { graph, diagnostics } = build(`model M { ${declared.join('\n')}\n${body}\noutput y }`);
  if (!graph) throw new Error(render(diagnostics, { color: false }));
  const [y] = [...evaluate(graph, new Map(Object.entries(inputs))).values()];
  if (!y) throw new Error('no output');
  return y;
}

const at = (x: HostTensor, ...index: readonly number[]): number =>
  x.data[index.reduce((offset, i, axis) => offset * (x.dims[axis] ?? 1) + i, 0)] ?? Number.NaN;

/** softmax(scale · q · kᵀ + added) · v, heads of q read neighbours' keys. */
function plain(
  [q, k, v]: readonly [HostTensor, HostTensor, HostTensor],
  scale: number,
  added: (head: number, query: number, key: number) => number,
): number[] {
  const [batch = 1, heads = 1, queries = 1, features = 1] = q.dims;
  const [, shared = 1, keys = 1] = k.dims;
  const wide = v.dims[3] ?? 1;
  const out: number[] = [];
  for (let n = 0; n < batch; n++)
    for (let h = 0; h < heads; h++)
      for (let i = 0; i < queries; i++) {
        const own = Math.floor(h / (heads / shared));
        const scores = Array.from({ length: keys }, (_, j) => {
          let sum = 0;
          for (let f = 0; f < features; f++) sum += at(q, n, h, i, f) * at(k, n, own, j, f);
          return scale * sum + added(h, i, j);
        });
        const weights = scores.map((s) => Math.exp(s - Math.max(...scores)));
        const total = weights.reduce((a, b) => a + b, 0);
        for (let f = 0; f < wide; f++) out.push(weights.reduce((sum, w, j) => sum + (w / total) * at(v, n, own, j, f), 0));
      }
  return out;
}

const close = (found: Float64Array, expected: readonly number[]): void => {
  expect(found).toHaveLength(expected.length);
  expected.forEach((value, i) => {
    expect(found[i]).toBeCloseTo(value, 6);
  });
};

const q = numbers([2, 4, 3, 6], 0);
const k = numbers([2, 2, 5, 6], 1);
const v = numbers([2, 2, 5, 3], 2);

describe('attention', () => {
  it('below opset 23 transposes keys once, unless something else reads them', () => {
    const transposes = (keys: string, opset: number): number => {
      const { graph, diagnostics } = build(`model M {
        input x: f32[N, T, 8]
        let k = x -> rearrange("n t (h d) -> n h t d", h=2)
        let q = linear(8) -> rearrange("n t (h d) -> n h t d", h=2)
        attention(q, ${keys}, k -> relu)
        output y
      }`);
      if (!graph) throw new Error(render(diagnostics, { color: false }));
      const count = nodesToWrite(graph, { opset });
      const { nodes } = emitOnnx(graph, { opset }).graph;
      expect(count).toBe(nodes.length);
      return nodes.filter((node) => node.opType === 'Transpose').length;
    };
    const own = 'x -> relu -> rearrange("n t (h d) -> n h t d", h=2)';
    // Of the queries, of what the values are made of, of the keys.
    expect([transposes(own, 17), transposes(own, 23)]).toEqual([3, 3]);
    expect([transposes('k', 17), transposes('k', 23)]).toEqual([3, 2]);
  });
  it('is the softmax of scaled products, heads sharing keys', () => {
    close(
      result({ q, k, v }, 'attention(q, k, v)').data,
      plain([q, k, v], 1 / Math.sqrt(6), () => 0),
    );
    close(
      result({ q, k, v }, 'attention(q, k, v, scale=0.25)').data,
      plain([q, k, v], 0.25, () => 0),
    );
  });

  it('counts a causal mask from the last query and the last key', () => {
    const causal = plain([q, k, v], 1 / Math.sqrt(6), (_, i, j) => (j <= i + 2 ? 0 : -Infinity));
    close(result({ q, k, v }, 'attention(q, k, v, causal=true)').data, causal);
  });

  it('adds a bias where a mask lets a key be read', () => {
    const bias = numbers([4, 3, 5], 3);
    const expected = plain([q, k, v], 0.5, (h, i, j) => (j === 3 ? -Infinity : at(bias, h, i, j)));
    close(
      result({ q, k, v, bias }, 'attention(q, k, v, scale=0.5, bias=bias, mask=tensor([0, 1, 2, 3, 4]) != 3)').data,
      expected,
    );
  });

  it('gives a query that may read nothing the mean of all values', () => {
    const { data } = result({ q, k, v }, 'attention(q, k, v, mask=tensor([0, 1, 2, 3, 4]) < 0)');
    close(
      data,
      plain([q, k, v], 0, () => 0),
    );
  });

  it('splits heads, and joins them again', () => {
    const [flat, other] = [numbers([2, 3, 8], 4), numbers([2, 5, 4], 5)];
    const split = (x: HostTensor, heads: number): HostTensor => {
      const [batch = 1, tokens = 1, width = 1] = x.dims;
      const features = width / heads;
      const dims = [batch, heads, tokens, features];
      const data = new Float64Array(x.data.length);
      let i = 0;
      for (let n = 0; n < batch; n++)
        for (let h = 0; h < heads; h++)
          for (let t = 0; t < tokens; t++) for (let f = 0; f < features; f++) data[i++] = at(x, n, t, h * features + f);
      return { elem: 'f32', dims, data };
    };
    const apart = plain([split(flat, 4), split(other, 2), split(other, 2)], 1 / Math.sqrt(2), () => 0);
    const y = result({ flat, other }, 'attention(flat, other, other, heads=4, kv_heads=2)');
    expect(y.dims).toEqual([2, 3, 8]);
    close(split(y, 4).data, apart);
  });
});

describe('rope', () => {
  it.each([
    ['rope', 10000, 6, false, 0],
    ['rope(theta=100.0, interleaved=true)', 100, 6, true, 0],
    ['rope(features=4, positions=range(7, 10))', 10000, 4, false, 7],
  ] as const)('%s turns pairs by place times frequency', (call, theta, turned, interleaved, first) => {
    const expected = Array.from(q.data);
    for (let row = 0; row < 2 * 4 * 3; row++)
      for (let i = 0; i < turned / 2; i++) {
        const angle = ((row % 3) + first) * theta ** ((-2 * i) / turned);
        const [a, b] = interleaved ? [row * 6 + 2 * i, row * 6 + 2 * i + 1] : [row * 6 + i, row * 6 + i + turned / 2];
        const [x, y] = [q.data[a] ?? 0, q.data[b] ?? 0];
        expected[a] = x * Math.cos(angle) - y * Math.sin(angle);
        expected[b] = y * Math.cos(angle) + x * Math.sin(angle);
      }
    close(result({ q }, call).data, expected);
  });
});

describe('misuse says what is wrong and how it is right', () => {
  it.each([
    ['attention(q, k, v, kv_heads=2)', 'kv_heads=2 without heads='],
    ['attention(flat, flat, flat, heads=3)', 'heads=3 for a width of 8'],
    ['attention(flat, flat, flat)', 'three float tensors [N, heads, T, features], or heads= and [N, T, width]'],
    ['attention(q, k, v, heads=2)', 'a tensor [N, T, width] for heads=2'],
    ['attention(q, flat, v)', 'three float tensors'],
    ['attention(k, q, q)', '2 heads of queries'],
    ['attention(k, q, v)', 'keys and values of equal number and heads'],
    ['attention(q, k, v, mask=bias)', 'bias= takes what is added'],
    ['attention(q, k, v, bias=tensor([0, 1, 2, 3, 4]) < 3)', 'mask= takes what is true where a key is read'],
    ['attention(q, k[:, :, :2], v[:, :, :2], causal=true)', '2 keys for 3 queries'],
    ['attention(q, k, v, mask=tensor([0, 1, 2, 3]) < 3)', 'a mask that broadcasts to [2, 4, 3, 5]'],
    ['q -> rope(features=5)', 'features=6'],
    ['q -> rope(features=8)', '8 features of 6'],
    ['flat -> rope', 'a float tensor [N, heads, T, features], or heads= and [N, T, width]'],
    ['q -> rope(positions=range(4))', 'positions i64[4]'],
    ['q -> rope(frequencies=tensor([1.0]))', 'frequencies f32[1]'],
  ])('%s', (body, words) => {
    const source = `model M { input q: f32[2, 4, 3, 6]\ninput k: f32[2, 2, 5, 6]\ninput v: f32[2, 2, 5, 3]\ninput bias: f32[4, 3, 5]\ninput flat: f32[2, 3, 8]\n${body}\noutput y }`;
    const { graph, diagnostics } = build(source);
    expect(graph).toBeUndefined();
    expect(render(diagnostics, { color: false })).toContain(words);
  });
});
