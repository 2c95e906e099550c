/** Weights of recurrent layers from torch's form, a matrix for each direction, to that of ONNX LSTM, GRU and RNN. */
import { Dim } from '../ir/dim.ts';
import type { Attrs, Check, InferContext, OnnxBuilder } from '../ir/operator.ts';
import type { HostTensor, TensorType } from '../ir/types.ts';
import { typeText } from '../ir/types.ts';
import { given, numberAttr, numbersAttr, onnxInt } from './attrs.ts';
import { checkSameElem, presentOf, sameDim } from './common.ts';
import { defineOperator } from './define.ts';
import { movingTraits } from './traits.ts';

const isIdentity = (order: readonly number[]): boolean => order.every((gate, i) => gate === i);

/** Sizes of the result for operands of these. */
function packed<T>(first: readonly T[], rows: T, directions: T): readonly T[] {
  return [directions, rows, ...first.slice(1)];
}

export const packGates = defineOperator({
  name: 'pack_gates',
  summary: 'Rows of matrices or vectors as blocks, one for each gate, in another order, and those of each direction stacked',
  onnx: ['Split', 'Concat', 'Unsqueeze'],
  operands: [{ name: 'xs', doc: '[gates·hidden, …] all of one type, those of the first direction first', variadic: true }],
  attrs: {
    order: { kind: 'ints', doc: 'which block of an operand comes first, second, …' },
    directions: { kind: 'int', min: 1, default: 1, doc: 'among how many the operands are dealt out' },
  },
  traits: {
    ...movingTraits({
      keepsOrder: false,
      handsOn: false,
      axes: 'unknown',
      idempotent: 'unknown',
      involution: 'unknown',
    }),
    keepsZero: false,
    sign: 'all',
    moves: 'all',
    dims: 'unknown',
  },
  infer(context: InferContext) {
    const { operands, attrs } = context;
    const check: Check = context.check;
    const xs = presentOf(operands);
    const first = given(xs, 0);
    const order = numbersAttr(attrs, 'order');
    const directions = numberAttr(attrs, 'directions');
    check('c1', first.dims.length >= 1, typeText(first), 'matrices or vectors');
    for (const x of xs) {
      checkSameElem(check, 'c2', first, x);
      const same = x.dims.length === first.dims.length && x.dims.every((d, i) => sameDim(d, given(first.dims, i)));
      check('c3', same, `${typeText(first)} and ${typeText(x)}`, 'operands of one type');
    }
    const sorted = [...order].sort((a, b) => a - b);
    check('c4', order.length > 0 && isIdentity(sorted), `order [${order.join(', ')}]`, 'each of 0, 1, … once');
    const rows = given(first.dims, 0);
    const whole = rows.divideExactly(order.length) !== undefined;
    check('c5', whole, `${rows} rows of ${typeText(first)}`, `a multiple of the ${order.length} gates`);
    check('c6', xs.length % directions === 0, `${xs.length} operands`, `as many for each of ${directions} directions`);
    return [{ elem: first.elem, dims: packed(first.dims, rows.times(xs.length / directions), Dim.of(directions)) }];
  },
  evaluate(operands, attrs) {
    const xs = presentOf(operands);
    const first = given(xs, 0);
    const order = numbersAttr(attrs, 'order');
    const directions = numberAttr(attrs, 'directions');
    const data = new Float64Array(first.data.length * xs.length);
    const block = first.data.length / order.length;
    let at = 0;
    for (const x of xs)
      for (const gate of order) {
        data.set(x.data.subarray(gate * block, (gate + 1) * block), at);
        at += block;
      }
    const rows = given(first.dims, 0) * (xs.length / directions);
    const out: HostTensor = { elem: first.elem, dims: packed(first.dims, rows, directions), data };
    return [out];
  },
  byMoves(m, operands, attrs) {
    const order = numbersAttr(attrs, 'order');
    const first = given(operands, 0);
    const [rows = 1, ...rest] = first.dims;
    const block = rows / order.length;
    const blockOf = (x: typeof first, gate: number): typeof first =>
      m.slice(x, [gate * block, ...rest.map(() => 0)], [(gate + 1) * block, ...rest]);
    const parts = operands.flatMap((x) => (isIdentity(order) ? [x] : order.map((gate) => blockOf(x, gate))));
    const directions = numberAttr(attrs, 'directions');
    return m.reshape(m.concat(parts, 0), packed(first.dims, rows * (operands.length / directions), directions));
  },
  lower(b, node, operands) {
    const [xs, types] = [presentOf(operands), presentOf(node.operands).map((x) => x.type)];
    const directions = numberAttr(node.attrs, 'directions');
    return [b.moved(node, 'packed') ?? computed(b, xs, given(types, 0), node.attrs, directions, node.y.type)];
  },
  sample(source) {
    const gates = source.int(1, 4);
    const [directions, each] = [source.int(1, 2), source.int(1, 2)];
    const dims = [gates * source.int(1, 3), ...(source.bool() ? [source.int(1, 4)] : [])];
    const order: number[] = [];
    for (let gate = 0; gate < gates; gate++) order.splice(source.int(0, gate), 0, gate);
    return { operands: Array.from({ length: directions * each }, () => source.tensor(dims)), attrs: { order, directions } };
  },
});

/** Where an operand is no constant. */
function computed(
  b: OnnxBuilder,
  xs: readonly string[],
  type: TensorType,
  attrs: Attrs,
  directions: number,
  result: TensorType,
): string {
  const order = numbersAttr(attrs, 'order');
  const [rows = Dim.one, ...rest] = type.dims;
  const axis = onnxInt(0);
  const block = rows.divideExactly(order.length) ?? rows;
  const blocks = (x: string): readonly string[] => {
    if (isIdentity(order)) return [x];
    const types = order.map(() => ({ elem: type.elem, dims: [block, ...rest] }));
    const parts = b.nodes('Split', [x, b.dims(order.map(() => block))], { axis }, types);
    return order.map((gate) => given(parts, gate));
  };
  const each = xs.length / directions;
  const own = { elem: type.elem, dims: [rows.times(each), ...rest] };
  const stacked = Array.from({ length: directions }, (_, d) => {
    const parts = xs.slice(d * each, (d + 1) * each).flatMap(blocks);
    const joined = parts.length === 1 ? given(parts, 0) : b.node('Concat', parts, { axis }, own);
    return b.node('Unsqueeze', [joined, b.i64([0])], {}, { elem: type.elem, dims: [Dim.one, ...own.dims] });
  });
  return stacked.length === 1 ? given(stacked, 0) : b.node('Concat', stacked, { axis }, result);
}
