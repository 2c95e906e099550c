/**
 * `loop`, and `if` on data: numbers against loops in JavaScript, the float64 reference and onnxruntime at every level and opset,
 * what the graph holds, and what comes back from the file.
 */
import { describe, expect, it, test } from 'vitest';
import { build, type CheckOptions, check } from '../../src/check.ts';
import { type CompileOptions, compile } from '../../src/compile.ts';
import { memorySource } from '../../src/io/bytes.ts';
import type { Graph, Value } from '../../src/ir/graph.ts';
import { printGraph } from '../../src/ir/print.ts';
import { statsOf } from '../../src/ir/stats.ts';
import { type HostTensor, typeText } from '../../src/ir/types.ts';
import { verifyGraph } from '../../src/ir/verifier.ts';
import { graphsIn } from '../../src/ir/walk.ts';
import { evaluateGraph } from '../../src/ops/reference.ts';
import { optimizeOnnx } from '../../src/optimize.ts';
import { format } from '../../src/parser/format.ts';
import { parse } from '../../src/parser/parse.ts';
import { openSession } from '../../src/runtime/session.ts';
import { exprOf, materialize } from '../../src/tensor/values.ts';
import { readText } from '../passes/support.ts';
import { counted } from '../support/run-source.ts';

type Tensors = Readonly<Record<string, HostTensor>>;

const vector = (...data: readonly number[]): HostTensor => ({ elem: 'f32', dims: [data.length], data: Float64Array.from(data) });
const whole = (value: number): HostTensor => ({ elem: 'i64', dims: [], data: Float64Array.of(value) });
const flag = (value: boolean): HostTensor => ({ elem: 'bool', dims: [], data: Float64Array.of(value ? 1 : 0) });

async function compiled(source: string, options: CompileOptions = {}) {
  const made = await compile(source, { fileName: 'test.res', ...options });
  if (!made.graph) throw new Error(made.diagnostics.map((d) => `${d.code} ${d.title}: ${d.found}`).join('\n'));
  expect(verifyGraph(made.graph)).toEqual([]);
  return { graph: made.graph, bytes: await made.bytes() };
}

async function inRuntime(bytes: Uint8Array, graph: Graph, inputs: Tensors): Promise<ReadonlyMap<string, HostTensor>> {
  const session = await openSession(bytes, { ep: 'cpu', optimization: 'all', graph });
  try {
    return await session.run(new Map(Object.entries(inputs)));
  } finally {
    await session.close();
  }
}

/** Those that a sub-graph reads are constants of the sub-graph. */
const constantsIn = (graph: Graph): readonly Value[] => [...new Set(graphsIn(graph).flatMap((one) => one.constants()))];

async function inReference(graph: Graph, inputs: Tensors): Promise<ReadonlyMap<string, HostTensor>> {
  const held = new Map(
    await Promise.all(constantsIn(graph).map(async (value) => [value, await materialize(exprOf(value))] as const)),
  );
  return evaluateGraph(graph, new Map(Object.entries(inputs)), (value) => held.get(value) ?? expect.unreachable());
}

function near(found: HostTensor | undefined, dims: readonly number[], data: readonly number[]): void {
  expect(found?.dims).toEqual(dims);
  [...(found?.data ?? [])].forEach((value, i) => {
    expect(value).toBeCloseTo(data[i] ?? Number.NaN, 4);
  });
}

interface Run {
  readonly inputs: Tensors;
  readonly outputs: Readonly<Record<string, { readonly dims: readonly number[]; readonly data: readonly number[] }>>;
}

/** Reference and onnxruntime at -O0 to -O2, and the file behind `optimize`, against numbers that are known. */
async function everywhere(source: string, runs: readonly Run[]): Promise<void> {
  for (const level of [0, 1, 2] as const) {
    const { graph, bytes } = await compiled(source, { level });
    expect(printGraph(readText(printGraph(graph)))).toBe(printGraph(graph));
    const again = await optimizeOnnx(memorySource('test.onnx', bytes), { level });
    const back = again.graph ?? expect.unreachable();
    const files = [[bytes, graph] as const, [await again.bytes(), back] as const];
    for (const { inputs, outputs } of runs) {
      const found = [
        await inReference(graph, inputs),
        ...(await Promise.all(files.map(([file, of]) => inRuntime(file, of, inputs)))),
      ];
      for (const one of found) for (const [name, { dims, data }] of Object.entries(outputs)) near(one.get(name), dims, data);
    }
  }
}

const graphOf = (source: string, options: CheckOptions = {}): Graph => {
  const { graph, diagnostics } = build(source, options);
  expect(diagnostics).toEqual([]);
  return graph ?? expect.unreachable();
};
const inModel = (text: string, input = 'x: f32[N, 4]'): string => `model M { input ${input}  ${text}  output y }`;
const body = (text: string, input?: string): Graph => graphOf(inModel(text, input));
const paths = (graph: Graph): readonly string[] =>
  constantsIn(graph)
    .flatMap((v) => v.name ?? [])
    .sort();
const types = (graph: Graph): string => graph.outputs.map((o) => typeText(o.value.type)).join(' ');
const formatted = (text: string): string => format(parse({ name: 'test.res', text }).file);
const codes = (source: string): readonly string[] => check(source).diagnostics.map((d) => d.code);

describe('loop, in numbers', () => {
  it('takes as many turns as its count says, each on what the one before gave', async () => {
    const at = (n: number): Run => ({
      inputs: { x: vector(1, -2) },
      outputs: { y: { dims: [2], data: [1 * 3 ** n + (3 ** n - 1) / 2, -2 * 3 ** n + (3 ** n - 1) / 2] } },
    });
    for (const n of [0, 1, 2, 5]) await everywhere(inModel(`loop ${n} { it * 3.0 + 1.0 }`, 'x: f32[2]'), [at(n)]);
  });

  it('asks its condition before every turn, the first one included', async () => {
    const source = `model M {
      input x: f32[2]
      let y, n = loop with y = x, n = 0 while reduce_max(y) < 100.0 { return y * 2.0, n + 1 }
      output y = y
      output n = n
    }`;
    const run = (a: number, b: number): Run => {
      let [p, q, n] = [a, b, 0];
      for (; Math.max(p, q) < 100; n++) [p, q] = [2 * p, 2 * q];
      return { inputs: { x: vector(a, b) }, outputs: { y: { dims: [2], data: [p, q] }, n: { dims: [], data: [n] } } };
    };
    await everywhere(source, [run(1, 2), run(99, 1), run(100, 3), run(1e6, 2)]);
  });

  it('ends with the count where the condition does not end it before', async () => {
    const source = `model M {
      input x: f32[2]
      input most: i64[]
      let y, n = loop most with y = x, n = 0 while reduce_max(y) < 100.0 { return y * 2.0, n + 1 }
      output y = y
      output n = n
    }`;
    const run = (a: number, most: number): Run => {
      let [p, n] = [a, 0];
      for (; n < most && p < 100; n++) p *= 2;
      return {
        inputs: { x: vector(a, 0), most: whole(most) },
        outputs: { y: { dims: [2], data: [p, 0] }, n: { dims: [], data: [n] } },
      };
    };
    await everywhere(source, [run(1, 3), run(1, 30), run(1, 0), run(1, -4), run(200, 5)]);
  });

  it('counts its turns from 0, in the body and in the condition', async () => {
    const source = `model M {
      input x: f32[1]
      let y = loop as i with y = x while i < 4 { return y + (i -> cast(f32)) }
      output y = y
    }`;
    await everywhere(source, [{ inputs: { x: vector(10) }, outputs: { y: { dims: [1], data: [16] } } }]);
    expect(statsOf(body('loop 4 as i with y = x { return y + (i -> cast(f32)) }')).byOperator.get('add')).toBe(1);
  });

  it('gathers along a new first axis, behind the last values, without a turn too', async () => {
    const source = `model M {
      input x: f32[N, 2]
      input most: i64[]
      let last, all, index = loop most as i with y = x while reduce_max(y) < 50.0 collect {
        let next = y * 2.0
        return next, next -> reduce_sum(axes=[1]), i
      }
      output last = last
      output all = all
      output index = index
    }`;
    const run = (rows: readonly (readonly number[])[], most: number): Run => {
      let state = rows.flat();
      const all: number[] = [];
      let n = 0;
      for (; n < most && Math.max(...state) < 50; n++) {
        state = state.map((v) => 2 * v);
        for (let r = 0; r < rows.length; r++) all.push((state[2 * r] ?? 0) + (state[2 * r + 1] ?? 0));
      }
      return {
        inputs: { x: { elem: 'f32', dims: [rows.length, 2], data: Float64Array.from(rows.flat()) }, most: whole(most) },
        outputs: {
          last: { dims: [rows.length, 2], data: state },
          all: { dims: [n, rows.length], data: all },
          index: { dims: [n], data: Array.from({ length: n }, (_, i) => i) },
        },
      };
    };
    await everywhere(source, [
      run(
        [
          [1, 2],
          [3, 4],
          [0, 1],
        ],
        20,
      ),
      run([[1, 2]], 3),
      run(
        [
          [1, 2],
          [3, 4],
        ],
        0,
      ),
      run([[99, 1]], 5),
    ]);
  });

  it('is a recurrent network over an axis that only the run knows', async () => {
    const source = `model M {
      input x: f32[N, T, 2]
      let steps = x -> transpose(1, 0, 2)
      let h, all = cell: loop T as t with h = x[:, 0] * 0.0 collect {
        let next = tanh(linear(steps -> gather(t), 2) + linear(h, 2, bias=false))
        return next, next
      }
      output h = h
      output all = all
    }`;
    const { graph } = await compiled(source);
    expect(types(graph)).toBe('f32[N, 2] f32[T, N, 2]');
    const held = new Map(
      await Promise.all(constantsIn(graph).map(async (v) => [v.name ?? '', await materialize(exprOf(v))] as const)),
    );
    const of = (name: string): ArrayLike<number> => held.get(name)?.data ?? [];
    const [w, b, u] = [of('cell.linear.weight'), of('cell.linear.bias'), of('cell.linear_1.weight')];
    const run = (n: number, t: number): Run => {
      const x = counted(n, t, 2);
      let h = Array.from({ length: 2 * n }, () => 0);
      const all: number[] = [];
      for (let k = 0; k < t; k++) {
        h = h.map((_, at) => {
          const [row, out] = [Math.floor(at / 2), at % 2];
          let sum = b[out] ?? 0;
          for (let i = 0; i < 2; i++)
            sum += (x.data[(row * t + k) * 2 + i] ?? 0) * (w[2 * out + i] ?? 0) + (h[2 * row + i] ?? 0) * (u[2 * out + i] ?? 0);
          return Math.tanh(sum);
        });
        all.push(...h);
      }
      return { inputs: { x }, outputs: { h: { dims: [n, 2], data: h }, all: { dims: [t, n, 2], data: all } } };
    };
    await everywhere(source, [run(1, 1), run(3, 5)]);
  });

  it('stands in itself, and takes an if into its turns', async () => {
    const source = `model M {
      input x: f32[2]
      let total = loop 3 as i with s = x * 0.0 {
        let inner = loop 2 as j with t = s {
          let step = t + (i * 10 + j -> cast(f32))
          if j == 1 { return step * 2.0 } else { return step + x }
        }
        return inner
      }
      output total = total
    }`;
    const x = [1, -2];
    let s = [0, 0];
    for (let i = 0; i < 3; i++)
      for (let j = 0; j < 2; j++) s = s.map((v, k) => (j === 1 ? (v + i * 10 + j) * 2 : v + i * 10 + j + (x[k] ?? 0)));
    await everywhere(source, [{ inputs: { x: vector(...x) }, outputs: { total: { dims: [2], data: s } } }]);
  });

  it('carries lists, numbers and what the names mean outside', async () => {
    const source = `model M {
      input x: f32[2]
      let pair = [x, x * 2.0]
      let k = 1
      let last, k2 = loop 3 with pair, k { return [pair[1], pair[0] + pair[1]], k * 3 }
      output a = last[0]
      output b = last[1]
      output k = k2
    }`;
    await everywhere(source, [
      {
        inputs: { x: vector(1, -1) },
        outputs: { a: { dims: [2], data: [5, -5] }, b: { dims: [2], data: [8, -8] }, k: { dims: [], data: [27] } },
      },
    ]);
  });

  it('runs at every opset', async () => {
    const source = `model M {
      input x: f32[N, 2]
      let y, all = loop 4 with y = x while reduce_max(y) < 50.0 collect { let n = y * 2.0  return n, n }
      y
      if reduce_max(all) > 20.0 { it + 1.0 } else { it - 1.0 }
      output y
      output all = all
    }`;
    const x: HostTensor = { elem: 'f32', dims: [1, 2], data: Float64Array.of(1, 2) };
    for (let opset = 13; opset <= 26; opset++) {
      const { graph, bytes } = await compiled(source, { opset, level: 1 });
      if (opset > 25) continue;
      const out = await inRuntime(bytes, graph, { x });
      near(out.get('y'), [1, 2], [17, 33]);
      near(out.get('all'), [4, 1, 2], [2, 4, 4, 8, 8, 16, 16, 32]);
      const none = await inRuntime(bytes, graph, { x: { ...x, data: Float64Array.of(60, 2) } });
      expect(none.get('all')?.dims).toEqual([0, 1, 2]);
    }
  });
});

describe('loop, in the graph', () => {
  test('has its body once, with weights that all turns share', () => {
    const graph = body('cell: loop 8 { fc: linear(4)  tanh }');
    expect(paths(graph)).toEqual(['cell.fc.bias', 'cell.fc.weight']);
    expect(statsOf(graph).byOperator.get('loop')).toBe(1);
    expect(statsOf(graph).madds?.toString()).toBe('128*N');
  });
  test('labels, names and positions are those of a repeat that shares', () => {
    expect(paths(body('loop 2 { linear(4) }  linear(4)'))).toEqual([
      'linear.bias',
      'linear.weight',
      'linear_1.bias',
      'linear_1.weight',
    ]);
    expect(paths(body('s: sequential { relu  loop 2 { linear(4)  relu }  linear(4) }'))).toEqual([
      's.1.bias',
      's.1.weight',
      's.3.bias',
      's.3.weight',
    ]);
    expect(paths(body('fc: linear(4)  loop 2 { reuse fc }'))).toEqual(['fc.bias', 'fc.weight']);
    expect(paths(body('loop 2 { each 3 as k shared { head: linear(4) } -> sum }'))).toEqual(['head.bias', 'head.weight']);
    expect(paths(body('let y = l: loop 2 { linear(4) }  reuse l  it + y'))).toEqual(['l.linear.bias', 'l.linear.weight']);
  });
  test('a layer in the condition has one set of weights, before the first turn and behind each', () => {
    const graph = body('loop 5 while reduce_max(linear(1)) < 1.0 { linear(4) }  linear(4)');
    expect(paths(graph)).toEqual([
      'linear.bias',
      'linear.weight',
      'linear_1.bias',
      'linear_1.weight',
      'linear_2.bias',
      'linear_2.weight',
    ]);
  });
  test('types: what is gathered has as many turns as are known', () => {
    const all = (head: string): string => types(body(`loop ${head} collect { it * 2.0 }`, 'x: f32[N, T, 4]'));
    expect(all('3')).toBe('f32[3, N, T, 4]');
    expect(all('T')).toBe('f32[T, N, T, 4]');
    expect(all('while reduce_max(it) < 9.0')).toBe('f32[?turns, N, T, 4]');
    expect(all('5 while true')).toBe('f32[5, N, T, 4]');
    expect(
      printGraph(
        body('let _, a, b = loop 7 with it while reduce_max(it) < 9.0 collect { return it, it * 2.0, it * 3.0 }  a + b'),
      ),
    ).toContain('?turns <= 7');
  });
  test('a count that may be below 0 takes no turn there', () => {
    expect(types(body('loop T - 5 collect { it * 2.0 }', 'x: f32[N, T, 4]'))).toBe('f32[max(T, 5) - 5, N, T, 4]');
  });
  test('formats as it is written, and twice is once', () => {
    const source = inModel('a: loop 3*2 as i with y=x,it while i<4 collect{return y,it,i}');
    const once = formatted(source);
    expect(once).toContain('a: loop 3 * 2 as i with y = x, it while i < 4 collect { return y, it, i }');
    expect(formatted(once)).toBe(once);
  });
});

describe('if on data', () => {
  it('takes one branch or the other, with weights in both', async () => {
    const source = `model M {
      input x: f32[N, 2]
      if reduce_sum(it) > 0.0 { a: linear(2, bias=false, init=ones) } else if reduce_sum(it) > -10.0 { it * 3.0 } else { b: linear(2, bias=false, init=ones) }
      output y
    }`;
    expect(paths((await compiled(source)).graph)).toEqual(['a.weight', 'b.weight']);
    const run = (p: number, q: number): Run => ({
      inputs: { x: { elem: 'f32', dims: [1, 2], data: Float64Array.of(p, q) } },
      outputs: { y: { dims: [1, 2], data: p + q > -10 && p + q <= 0 ? [3 * p, 3 * q] : [p + q, p + q] } },
    });
    await everywhere(source, [run(1, 2), run(-1, -2), run(-20, 3)]);
  });
  it('passes the value on where there is no else, and several by return', async () => {
    const source = `block Two(c: tensor) {
      let a = it * 2.0
      if c { return a, it + 1.0 } else { return it, a }
    }
    model M {
      input x: f32[2]
      input c: bool[]
      x
      if c { it * 10.0 }
      let p, q = Two(c)
      output y
      output p = p
      output q = q
    }`;
    await everywhere(source, [
      {
        inputs: { x: vector(1, 2), c: flag(true) },
        outputs: { y: { dims: [2], data: [10, 20] }, p: { dims: [2], data: [20, 40] }, q: { dims: [2], data: [11, 21] } },
      },
      {
        inputs: { x: vector(1, 2), c: flag(false) },
        outputs: { y: { dims: [2], data: [1, 2] }, p: { dims: [2], data: [1, 2] }, q: { dims: [2], data: [2, 4] } },
      },
    ]);
  });
  it('is an expression too, whose numbers take the type beside them', async () => {
    const source = `model M {
      input x: f32[2]
      input c: bool[1]
      output y = c ? x * 2.0 : x - 1.0
      output s = c ? 1.0 : reduce_max(x)
    }`;
    const c = (value: boolean): HostTensor => ({ ...flag(value), dims: [1] });
    await everywhere(source, [
      { inputs: { x: vector(1, 2), c: c(true) }, outputs: { y: { dims: [2], data: [2, 4] }, s: { dims: [], data: [1] } } },
      { inputs: { x: vector(1, 2), c: c(false) }, outputs: { y: { dims: [2], data: [0, 1] }, s: { dims: [], data: [2] } } },
    ]);
  });
  it('gives a size that only the data knows where one branch has one', async () => {
    const source = `model M {
      input x: f32[K]
      let kept = filter(x, x > 0.0)
      if reduce_max(x) > 5.0 { kept } else { x }
      output y
    }`;
    expect(types((await compiled(source)).graph)).toBe('f32[?if]');
    await everywhere(source, [
      { inputs: { x: vector(6, -1, 2) }, outputs: { y: { dims: [2], data: [6, 2] } } },
      { inputs: { x: vector(4, -1, 2) }, outputs: { y: { dims: [3], data: [4, -1, 2] } } },
    ]);
  });
  test('a condition that is known while compiling leaves no trace', () => {
    expect(printGraph(body('if shape(x)[1] == 4 { relu } else { tanh }'))).toBe(printGraph(body('relu')).replaceAll('@M', '@M'));
  });
  test('positions of a sequential go on in both branches, one behind the other', () => {
    expect(paths(body('s: sequential { if reduce_max(it) > 0.0 { linear(4) } else { linear(4) }  linear(4) }'))).toEqual([
      's.0.bias',
      's.0.weight',
      's.1.bias',
      's.1.weight',
      's.2.bias',
      's.2.weight',
    ]);
    expect(codes(inModel('if reduce_max(it) > 0.0 { fc: linear(4) } else { fc: linear(4) }'))).toEqual(['RES0408']);
  });
});

describe('what the passes do inside', () => {
  it('folds a batchnorm into the convolution of a body and of a branch', async () => {
    const graph = async (text: string): Promise<readonly string[]> => {
      const made = await compiled(inModel(text, 'x: f32[N, 4, 8, 8]'), { level: 1 });
      return [...statsOf(made.graph).byOperator.keys()];
    };
    expect(await graph('loop 3 { conv(4, 3x3)  batchnorm  relu }')).not.toContain('batchnorm');
    expect(await graph('if reduce_max(it) > 0.0 { conv(4, 3x3)  batchnorm } else { conv(4, 1x1)  batchnorm }')).not.toContain(
      'batchnorm',
    );
  });
  it('writes a loop of one turn out, and leaves none that takes no turn', async () => {
    const left = async (n: number): Promise<boolean> =>
      (await compiled(inModel(`loop ${n} { linear(4) }`), { level: 1 })).graph.outputs.length > 0 &&
      statsOf((await compiled(inModel(`loop ${n} { linear(4) }`), { level: 1 })).graph).byOperator.has('loop');
    expect(await left(0)).toBe(false);
    expect(await left(1)).toBe(false);
    expect(await left(2)).toBe(true);
  });
});
