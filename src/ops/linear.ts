/**
 * Matrix products. `linear` is torch.nn.Linear, y = x·Wᵀ + b with features last; it becomes ONNX Gemm-13 at rank 2 and MatMul-13
 * with Add at others. `matmul` is ONNX MatMul-13 and numpy.matmul: the last two axes are multiplied, the others broadcast.
 */
import { Dim, productOf } from '../ir/dim.ts';
import type { Check, InferContext } from '../ir/operator.ts';
import { elementCount, type TensorType, typeText } from '../ir/types.ts';
import { checkFloats, checkVector, given } from './attrs.ts';
import { broadcastDims, broadcastShape } from './common.ts';
import { defineLayer, defineOperator } from './define.ts';
import { gemm } from './gemm.ts';
import { boolOrTensor, init, int, optional, tensor } from './params.ts';

export const linear = defineOperator({
  name: 'linear',
  summary: 'Fully connected layer over the last axis: x times the transposed weight, plus a bias',
  onnx: ['Gemm', 'MatMul', 'Add', 'Transpose'],
  operands: [
    { name: 'x', doc: '[..., in]' },
    { name: 'weight', doc: '[out, in]' },
    { name: 'bias', doc: '[out]', optional: true },
  ],
  attrs: {},
  traits: {},
  infer(context: InferContext) {
    const { operands } = context;
    const x = given(operands, 0);
    const weight = given(operands, 1);
    const features = x.dims[x.dims.length - 1];
    context.check('c1', features !== undefined, `a scalar ${typeText(x)}`, 'a tensor [..., features]');
    checkFloats(context.check, 'c2', operands);
    context.check('c3', weight.dims.length === 2, `weight ${typeText(weight)}`, 'a weight [out, in]');
    const taken = given(weight.dims, 1);
    const found = `${features} features on the last axis of ${typeText(x)}`;
    context.check('c4', features.equals(taken) === 'yes', found, `${taken} features, for weight ${typeText(weight)}`);
    const out = given(weight.dims, 0);
    checkVector(context.check, 'c5', 'bias', operands[2], out);
    return [{ elem: x.elem, dims: [...x.dims.slice(0, -1), out] }];
  },
  evaluate(operands) {
    const x = given(operands, 0);
    const weight = given(operands, 1);
    const bias = operands[2];
    const [out = 0, inner = 0] = weight.dims;
    const dims = [...x.dims.slice(0, -1), out];
    const data = new Float64Array(elementCount(dims));
    const rows = elementCount(x.dims.slice(0, -1));
    if (bias) for (let row = 0; row < rows; row++) data.set(bias.data, row * out);
    gemm(
      rows,
      out,
      inner,
      { data: x.data, offset: 0, rowStride: inner, columnStride: 1 },
      { data: weight.data, offset: 0, rowStride: 1, columnStride: inner },
      { data, offset: 0, rowStride: out, columnStride: 1 },
    );
    return [{ elem: x.elem, dims, data }];
  },
  cost: (node) => productOf([...node.x.type.dims, given(given(node.operands, 1).type.dims, 0)]),
  lower(b, node, operands) {
    const x = given(operands, 0);
    const bias = operands[2];
    const { type } = node.y;
    if (node.x.type.dims.length === 2) {
      return [b.node('Gemm', [x, given(operands, 1), bias], { transB: { kind: 'int', value: 1 } }, type)];
    }
    const product = b.node('MatMul', [x, b.transposed(given(node.operands, 1), [1, 0])], {}, type);
    return [bias === undefined ? product : b.node('Add', [product, bias], {}, type)];
  },
  sample(source) {
    const inner = source.int(1, 9);
    const out = source.int(1, 9);
    const lead = Array.from({ length: source.int(0, 3) }, () => source.int(1, 4));
    const bias = source.bool() ? source.tensor([out]) : undefined;
    return { operands: [source.tensor([...lead, inner]), source.tensor([out, inner]), bias], attrs: {} };
  },
});

export const matmul = defineOperator({
  name: 'matmul',
  summary: 'Matrix product over the last two axes; the axes before them broadcast. The operator `@`',
  onnx: ['MatMul'],
  operands: [
    { name: 'a', doc: '[..., m, k], or [k]' },
    { name: 'b', doc: '[..., k, n], or [k]' },
  ],
  attrs: {},
  traits: {},
  infer(context: InferContext) {
    const { operands } = context;
    const a = given(operands, 0);
    const b = given(operands, 1);
    const text = `${typeText(a)} @ ${typeText(b)}`;
    context.check('c1', a.dims.length >= 1 && b.dims.length >= 1, text, 'two tensors of rank 1 or more');
    checkFloats(context.check, 'c2', operands);
    const inner = given(a.dims, a.dims.length - 1);
    const other = given(b.dims, Math.max(0, b.dims.length - 2));
    const expected = 'the last axis of the left as long as the last but one of the right';
    context.check('c3', inner.equals(other) === 'yes', `${text}, ${inner} beside ${other}`, expected);
    const dims = [...broadcastDims(context.check, 'c4', a.dims.slice(0, -2), b.dims.slice(0, -2))];
    if (a.dims.length > 1) dims.push(given(a.dims, a.dims.length - 2));
    if (b.dims.length > 1) dims.push(given(b.dims, b.dims.length - 1));
    return [{ elem: a.elem, dims }];
  },
  evaluate(operands) {
    const a = given(operands, 0);
    const b = given(operands, 1);
    const left = a.dims.slice(0, -2);
    const right = b.dims.slice(0, -2);
    const inner = a.dims[a.dims.length - 1] ?? 1;
    const m = a.dims.length > 1 ? (a.dims[a.dims.length - 2] ?? 1) : 1;
    const n = b.dims.length > 1 ? (b.dims[b.dims.length - 1] ?? 1) : 1;
    const lead = broadcastShape(left, right);
    const dims = [...lead, ...(a.dims.length > 1 ? [m] : []), ...(b.dims.length > 1 ? [n] : [])];
    const data = new Float64Array(elementCount(dims));
    const batches = elementCount(lead);
    for (let batch = 0; batch < batches; batch++) {
      gemm(
        m,
        n,
        inner,
        { data: a.data, offset: sourceBatch(batch, lead, left) * m * inner, rowStride: inner, columnStride: 1 },
        { data: b.data, offset: sourceBatch(batch, lead, right) * inner * n, rowStride: n, columnStride: 1 },
        { data, offset: batch * m * n, rowStride: n, columnStride: 1 },
      );
    }
    return [{ elem: a.elem, dims, data }];
  },
  cost(node) {
    const a = node.x.type.dims;
    return productOf([...node.y.type.dims, given(a, a.length - 1)]);
  },
  lower: (b, node, operands) => [b.node('MatMul', operands, {}, node.y.type)],
  sample(source) {
    const [m, k, n] = [source.int(1, 6), source.int(1, 6), source.int(1, 6)];
    const lead = Array.from({ length: source.int(0, 2) }, () => source.int(1, 3));
    const some = (): readonly number[] => lead.map((d) => (source.bool() ? d : 1)).slice(source.int(0, lead.length));
    const a = source.int(0, 4) === 0 ? [k] : [...some(), m, k];
    const b = source.int(0, 4) === 0 ? [k] : [...some(), k, n];
    return { operands: [source.tensor(a), source.tensor(b)], attrs: {} };
  },
});

/** Which matrix of an operand with these leading axes the result's matrix number `batch` is made from. */
function sourceBatch(batch: number, lead: readonly number[], own: readonly number[]): number {
  let rest = batch;
  let step = 1;
  let at = 0;
  for (let i = lead.length - 1; i >= 0; i--) {
    const length = lead[i] ?? 1;
    const size = own[i - lead.length + own.length] ?? 1;
    if (size !== 1) at += (rest % length) * step;
    step *= size;
    rest = Math.floor(rest / length);
  }
  return at;
}

export const linearLayer = defineLayer({
  name: 'linear',
  summary: 'Fully connected layer over the last axis, of any rank',
  source: 'torch.nn.Linear; ONNX Gemm, MatMul',
  family: 'Linear',
  params: {
    out: int({ positional: true, min: 1, doc: 'features of the result' }),
    bias: boolOrTensor({ default: true, doc: 'a learned shift per feature, or the tensor to take for it' }),
    weight: optional(tensor({ doc: 'an existing tensor [out, in] to take as the weight' })),
    init: init({
      default: { init: true, kind: 'torch_linear_weight' },
      text: "torch's: uniform within 1 / sqrt(in)",
      doc: 'how the weight begins',
    }),
  },
  weights: [
    { name: 'weight', shape: '[out, in]', when: 'without weight=' },
    { name: 'bias', shape: '[out]', when: 'bias=true' },
  ],
  owns: (p) => p.weight === undefined || p.bias === true,
  build(b, [x], p) {
    const features = inputFeatures(x.type, b.check);
    if (p.weight) checkTied(p.weight.type, [Dim.of(p.out), features], b.check);
    const weight = p.weight ?? b.weight('weight', [p.out, features], p.init);
    // Of a symbolic number of features nothing comes here: the weight reports it.
    const fanIn = features.constant ?? 1;
    const make = () => b.weight('bias', [p.out], { init: true, kind: 'torch_linear_bias', value: fanIn });
    const bias = p.bias === true ? make() : p.bias === false ? undefined : p.bias;
    return b.op(linear, [x, weight, bias]);
  },
});

function inputFeatures(x: TensorType, check: Check): Dim {
  const features = x.dims[x.dims.length - 1];
  check('l1', features !== undefined, `a scalar ${typeText(x)}`, 'a tensor [..., features]');
  return features;
}

function checkTied(weight: TensorType, dims: readonly Dim[], check: Check): void {
  const fits = weight.dims.length === dims.length && weight.dims.every((d, i) => given(dims, i).equals(d) === 'yes');
  check('l2', fits, `weight= of type ${typeText(weight)}`, typeText({ elem: weight.elem, dims }));
}

export const matmulLayer = defineLayer({
  name: 'matmul',
  summary: matmul.summary,
  source: 'torch.matmul; ONNX MatMul',
  family: 'Linear',
  operands: { names: ['it', 'other'], min: 2, max: 2 },
  params: {},
  build: (b, operands) => b.op(matmul, operands),
});
