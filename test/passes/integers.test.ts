/**
 * 64-bit integers of any size, from the file through every operator that folds to the file again, with onnxruntime as the judge.
 * Operators of which it is none (Min, Sign, ReduceSum beyond 32 or 53 bits) stand in `agreement.test.ts`.
 */
import { describe, expect, it } from 'vitest';
import { Dim } from '../../src/ir/dim.ts';
import { printGraph } from '../../src/ir/print.ts';
import type { ElemType } from '../../src/ir/types.ts';
import { optimizeOnnx } from '../../src/optimize.ts';
import { compareOutputs } from '../../src/runtime/compare.ts';
import { npyBytes, parseNpy } from '../../src/runtime/npy.ts';
import { openSession } from '../../src/runtime/session.ts';
import {
  type Numeric,
  runTiny,
  shown,
  type Tiny,
  type TinyAttribute,
  type TinyTensor,
  tensor,
  tinyBytes,
  vector,
} from '../optimize/tiny.ts';
import { randomSource, readText } from './support.ts';

const [lowest, highest] = [-(2n ** 63n), 2n ** 63n - 1n];
const edges: readonly bigint[] = [
  ...[lowest, lowest + 1n, highest, highest - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 53n - 1n, -(2n ** 53n) - 1n, -(2n ** 53n)],
  ...[0n, 1n, -1n, 2n, -7n, 2n ** 62n, 3037000500n, 2n ** 31n, 2n ** 32n + 1n, -(2n ** 24n) - 1n],
];

/** Edges, numbers of any 64 bits, and small ones. */
function maker(seed: number) {
  const next = randomSource(seed);
  const int = (n: number): number => Math.floor(next() * n);
  const one = (elem: ElemType): bigint => {
    const kind = int(3);
    const bits = (BigInt(int(2 ** 32)) << 32n) | BigInt(int(2 ** 32));
    const n = kind === 0 ? (edges[int(edges.length)] ?? 0n) : kind === 1 ? bits >> BigInt(int(64)) : BigInt(int(20) - 10);
    return elem === 'u64' ? BigInt.asUintN(64, n) : BigInt.asIntN(64, n);
  };
  const of = (elem: ElemType, ...dims: readonly number[]): TinyTensor =>
    tensor(elem, dims, ...Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => one(elem)));
  return { int, of, one };
}

interface OneOperator {
  readonly op: string;
  readonly elems?: readonly ElemType[];
  readonly constants: (make: ReturnType<typeof maker>, elem: ElemType) => Readonly<Record<string, TinyTensor>>;
  readonly attrs?: Readonly<Record<string, TinyAttribute>>;
  readonly outputs?: readonly string[];
  readonly opset?: number;
}

const both: readonly ElemType[] = ['i64', 'u64'];
const pair = (make: ReturnType<typeof maker>, elem: ElemType) => ({ a: make.of(elem, 3, 4), b: make.of(elem, 4) });
const single = (make: ReturnType<typeof maker>, elem: ElemType) => ({ a: make.of(elem, 3, 4) });
/** Neither is negative: the table of `agreement.ts` has the others. */
const divisors = (make: ReturnType<typeof maker>, elem: ElemType) => {
  const positive = (n: Numeric): bigint => BigInt.asUintN(63, BigInt(n)) | 1n;
  return {
    a: tensor(elem, [3, 4], ...make.of(elem, 3, 4).data.map(positive)),
    b: vector(elem, ...make.of(elem, 4).data.map(positive)),
  };
};
const i64 = (...n: readonly number[]): TinyTensor => vector('i64', ...n.map((v) => BigInt(v)));

const operators: readonly OneOperator[] = [
  ...['Add', 'Sub', 'Mul'].map((op) => ({ op, elems: both, constants: pair })),
  { op: 'Div', elems: both, constants: divisors },
  ...['Equal', 'Less', 'Greater', 'LessOrEqual', 'GreaterOrEqual'].map((op) => ({ op, elems: both, constants: pair })),
  ...['Neg', 'Abs'].map((op) => ({ op, constants: single })),
  { op: 'Where', constants: (m, e) => ({ c: tensor('bool', [3, 1], 1, 0, 1), ...pair(m, e) }) },
  { op: 'Clip', constants: (m, e) => ({ a: m.of(e, 9), low: tensor(e, [], -1000n), high: tensor(e, [], 2n ** 53n) }) },
  ...(['f32', 'f64', 'i32', 'u32', 'i16', 'u8', 'bool', 'u64', 'i64'] as const).map((to) => ({
    op: 'Cast',
    elems: both.filter((e) => e !== to),
    constants: (m: ReturnType<typeof maker>, e: ElemType) => ({ a: m.of(e, 9) }),
    attrs: { to: BigInt({ f32: 1, f64: 11, i32: 6, u32: 12, i16: 5, u8: 2, bool: 9, u64: 13, i64: 7 }[to]) },
  })),
  ...['ReduceMax', 'ReduceMin'].map((op) => ({ op, constants: single, attrs: { axes: [1n] } })),
  { op: 'CumSum', constants: (m, e) => ({ a: m.of(e, 2, 5), axis: tensor('i64', [], 1n) }), attrs: { reverse: 1n } },
  { op: 'Gather', constants: (m, e) => ({ a: m.of(e, 4, 2), i: i64(-1, 0, 2) }) },
  { op: 'Concat', elems: both, constants: pairOfRows, attrs: { axis: 0n } },
  { op: 'Slice', elems: both, constants: (m, e) => ({ a: m.of(e, 5, 2), s: i64(4), e: i64(0), x: i64(0), t: i64(-2) }) },
  { op: 'Split', elems: both, constants: (m, e) => ({ a: m.of(e, 4, 2) }), attrs: { axis: 0n }, outputs: ['y', 'z'] },
  { op: 'Reshape', elems: both, constants: (m, e) => ({ a: m.of(e, 4, 3), s: i64(2, -1) }) },
  { op: 'Transpose', elems: both, constants: single, attrs: { perm: [1n, 0n] } },
  { op: 'Unsqueeze', elems: both, constants: (m, e) => ({ a: m.of(e, 3), axes: i64(0, 2) }) },
  { op: 'Expand', constants: (m, e) => ({ a: m.of(e, 3, 1), s: i64(2, 3, 2) }) },
  { op: 'Pad', constants: (m, e) => ({ a: m.of(e, 3, 2), p: i64(1, 0, 0, 2), v: tensor(e, [], 77n) }) },
  { op: 'Identity', elems: both, constants: single },
];

function pairOfRows(make: ReturnType<typeof maker>, elem: ElemType) {
  return { a: make.of(elem, 2, 3), b: make.of(elem, 1, 3) };
}

/** The model's outputs, the original's and the optimised one's, and how many nodes are left. */
async function both_(tiny: Tiny) {
  const bytes = tinyBytes(tiny);
  const original = await runTiny(bytes);
  const result = await optimizeOnnx(bytes, { verifyIr: true });
  const graph = result.graph ?? expect.unreachable(JSON.stringify(result.diagnostics));
  const made = await runTiny(await result.bytes());
  const text = (found: Awaited<ReturnType<typeof runTiny>>): string =>
    typeof found === 'string' ? found : tiny.outputs.map((name) => shown(found[name] ?? expect.unreachable(name))).join('\n');
  return { original, before: text(original), after: text(made), left: [...graph.nodes()].length, graph };
}

describe('every operator', () => {
  const cases = operators.flatMap((one) => (one.elems ?? (['i64'] as const)).map((elem) => ({ one, elem })));
  it.each(
    cases.map((c) => [`${c.one.op} ${JSON.stringify(c.one.attrs ?? {}, (_, v: unknown) => String(v))} of ${c.elem}`, c] as const),
  )('%s', async (_, { one, elem }) => {
    let judged = 0;
    for (let seed = 1; seed <= 6; seed++) {
      const constants = one.constants(maker(1000 * seed + one.op.length), elem);
      const outputs = one.outputs ?? ['y'];
      const found = await both_({
        opset: one.opset ?? 17,
        constants,
        nodes: [{ op: one.op, inputs: Object.keys(constants), outputs, ...(one.attrs && { attrs: one.attrs }) }],
        outputs,
      });
      expect(found.left).toBe(0);
      if (typeof found.original === 'string') continue;
      judged++;
      expect(found.after).toBe(found.before);
    }
    // onnxruntime lacks a few kernels for u64.
    if (elem === 'i64') expect(judged).toBe(6);
  });
});

describe('where they come from and go to', () => {
  const wide: readonly Numeric[] = [highest, lowest, 2n ** 53n + 1n, -1n, 0n];

  it('attributes, defaults of ConstantOfShape, Constant nodes', async () => {
    const found = await both_({
      constants: { s: i64(2) },
      nodes: [
        { op: 'Constant', inputs: [], outputs: ['a'], attrs: { value_int: 2n ** 53n + 1n } },
        { op: 'Constant', inputs: [], outputs: ['b'], attrs: { value_ints: [highest, lowest] } },
        { op: 'ConstantOfShape', inputs: ['s'], outputs: ['c'], attrs: { value: vector('i64', 2n ** 60n + 1n) } },
        { op: 'Add', inputs: ['a', 'b'], outputs: ['y'] },
        { op: 'Constant', inputs: [], outputs: ['z'], attrs: { value: vector('u64', 2n ** 64n - 1n, 1n) } },
      ],
      outputs: ['y', 'c', 'z'],
    });
    expect(found.before).toContain('-9214364837600034816');
    expect(found.after).toBe(found.before);
  });

  it('int64_data and uint64_data, which are varints', async () => {
    const { default: proto } = await import('onnx-proto');
    const bytes = tinyBytes({
      constants: { a: vector('i64', ...wide), b: vector('u64', 2n ** 64n - 1n) },
      nodes: [],
      outputs: ['a', 'b'],
    });
    const model = proto.onnx.ModelProto.decode(bytes);
    const [a, b] = model.graph?.initializer ?? [];
    const raw = (one: typeof a): BigInt64Array => new BigInt64Array(Uint8Array.from(one?.rawData ?? []).buffer);
    const longs = (one: typeof a): number[] =>
      Array.from(
        raw(one),
        (n) => ({ low: Number(BigInt.asIntN(32, n)), high: Number(n >> 32n), unsigned: false }) as unknown as number,
      );
    if (a) Object.assign(a, { int64Data: longs(a), rawData: undefined });
    if (b) Object.assign(b, { uint64Data: longs(b), rawData: undefined });
    const result = await optimizeOnnx(proto.onnx.ModelProto.encode(model).finish(), { verifyIr: true });
    const [x, y] = result.graph?.outputs ?? [];
    expect([...(x?.value.content?.wide ?? [])]).toEqual(wide);
    expect([...(y?.value.content?.wide ?? [])]).toEqual([2n ** 64n - 1n]);
  });

  it('two constants that differ in a last bit stay two', async () => {
    const found = await both_({
      constants: { a: vector('i64', 2n ** 60n + 1n), b: vector('i64', 2n ** 60n + 2n), c: vector('i64', 2n ** 60n + 1n) },
      nodes: [
        { op: 'Identity', inputs: ['a'], outputs: ['x'] },
        { op: 'Identity', inputs: ['b'], outputs: ['y'] },
        { op: 'Identity', inputs: ['c'], outputs: ['z'] },
      ],
      outputs: ['x', 'y', 'z'],
    });
    expect(found.after).toBe(found.before);
  });

  it('the text of a graph reads back', async () => {
    const found = await both_({
      constants: { a: vector('i64', ...wide), b: vector('i64', 0n) },
      nodes: [{ op: 'Add', inputs: ['a', 'b'], outputs: ['y'] }],
      outputs: ['y'],
    });
    const text = printGraph(found.graph);
    expect(text).toContain('integers(i64, [5], 9223372036854775807, -9223372036854775808, 9007199254740993, -1, 0)');
    const again = readText(text);
    expect(printGraph(again)).toBe(text);
    expect([...(again.outputs[0]?.value.content?.wide ?? [])]).toEqual(wide);
  });

  it('sizes beyond 2^53 are bounds of slices still', async () => {
    const found = await both_({
      constants: { a: tensor('f32', [4], 1, 2, 3, 4), s: vector('i64', lowest), e: vector('i64', highest) },
      nodes: [{ op: 'Slice', inputs: ['a', 's', 'e'], outputs: ['y'] }],
      outputs: ['y'],
    });
    expect([found.left, found.after]).toEqual([0, 'float32[4] 1 2 3 4']);
  });

  it('.npy files, sessions, and the comparison of outputs', async () => {
    for (const elem of both) {
      const data = elem === 'i64' ? wide : wide.map((n) => BigInt.asUintN(64, BigInt(n)));
      const bytes = tinyBytes({
        inputs: { x: { elem, dims: [5] } },
        constants: {},
        nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
        outputs: ['y'],
      });
      const session = await openSession(bytes, { ep: 'cpu', optimization: 'off' });
      const given = {
        elem,
        dims: [5],
        data: Float64Array.from(data, Number),
        wide: elem === 'i64' ? BigInt64Array.from(data as bigint[]) : BigUint64Array.from(data as bigint[]),
      };
      const y = (await session.run(new Map([['x', given]]))).get('y') ?? expect.unreachable();
      await session.close();
      expect([...(y.wide ?? [])]).toEqual(data);
      const again = parseNpy(npyBytes(y), 'y.npy');
      expect([...(again.wide ?? [])]).toEqual(data);
      expect(compareOutputs('y', again, y, 0).ok).toBe(true);
      const other = { ...again, wide: again.wide?.slice() };
      if (other.wide) other.wide[0] = (other.wide[0] ?? 0n) - 1n;
      expect(compareOutputs('y', other, y, 0)).toMatchObject({ ok: false, absolute: 1, at: 0 });
    }
  });
});

it('a dimension is no wider than before', () => {
  expect(() => Dim.of(2 ** 54)).toThrow('2^53');
});
