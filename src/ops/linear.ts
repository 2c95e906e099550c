/**
 * Matrix products. `linear` is torch.nn.Linear, y = x·Wᵀ + b with features last; it becomes ONNX Gemm-13 at rank 2 and MatMul-13
 * with Add at others. `matmul` is ONNX MatMul-13 and numpy.matmul: the last two axes are multiplied, the others broadcast. `gemm`
 * is ONNX Gemm-13 as it stands, for imported graphs and for what passes make of a product, a transpose and a sum.
 */
import { outside } from '../diagnostics/at.ts';
import { Dim, productOf } from '../ir/dim.ts';
import type { Check, InferContext } from '../ir/operator.ts';
import { elementCount, type TensorType, typeText } from '../ir/types.ts';
import { boolAttr, checkFloats, checkVector, given, numberAttr } from './attrs.ts';
import { broadcastDims, broadcastShape, broadcastTo, sameDim, sampleDims } from './common.ts';
import { defineLayer, defineOperator } from './define.ts';
import { gemm as multiply } from './gemm.ts';
import { boolOrTensor, init, int, optional, tensor } from './params.ts';
import { linearTraits } from './traits.ts';

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
  traits: linearTraits({ contracts: -1 }),
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
    multiply(
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
    const lead = sampleDims(source, 0, 3);
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
  traits: { ...linearTraits({ contracts: -1 }), homogeneous: 'any', keepsZero: true, sign: 'all' },
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
    const inner = a.dims[a.dims.length - 1] ?? outside();
    const m = a.dims.length > 1 ? (a.dims[a.dims.length - 2] ?? outside()) : 1;
    const n = b.dims.length > 1 ? (b.dims[b.dims.length - 1] ?? outside()) : 1;
    const lead = broadcastShape(left, right);
    const dims = [...lead, ...(a.dims.length > 1 ? [m] : []), ...(b.dims.length > 1 ? [n] : [])];
    const data = new Float64Array(elementCount(dims));
    const batches = elementCount(lead);
    for (let batch = 0; batch < batches; batch++) {
      multiply(
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
    const length = lead[i] ?? outside();
    const size = own[i - lead.length + own.length] ?? 1;
    if (size !== 1) at += (rest % length) * step;
    step *= size;
    rest = Math.floor(rest / length);
  }
  return at;
}

/** Rows and columns of a matrix operand, exchanged where it is read transposed. */
function sides<T>(dims: readonly T[], transposed: boolean): readonly [T, T] {
  const [first, second] = [given(dims, 0), given(dims, 1)];
  return transposed ? [second, first] : [first, second];
}

export const gemm = defineOperator({
  name: 'gemm',
  summary: 'alpha · A · B + beta · C, where A and B are matrices that may be read transposed and C broadcasts to the product',
  onnx: ['Gemm'],
  operands: [
    { name: 'a', doc: '[m, k], or [k, m] with trans_a' },
    { name: 'b', doc: '[k, n], or [n, k] with trans_b' },
    { name: 'c', doc: 'broadcasts to [m, n]', optional: true },
  ],
  attrs: {
    alpha: { kind: 'float', default: 1, doc: 'factor of the product' },
    beta: { kind: 'float', default: 1, doc: 'factor of C' },
    trans_a: { kind: 'bool', default: false, doc: 'whether A is read transposed' },
    trans_b: { kind: 'bool', default: false, doc: 'whether B is read transposed' },
  },
  traits: {
    // The axis depends on `trans_a`.
    ...linearTraits({ contracts: 'unknown' }),
    sign: ({ attrs }) => (numberAttr(attrs, 'alpha') >= 0 && numberAttr(attrs, 'beta') >= 0 ? 'all' : 'no'),
  },
  infer(context: InferContext) {
    const { operands, attrs } = context;
    const check: Check = context.check;
    const a = given(operands, 0);
    const b = given(operands, 1);
    const c = operands[2];
    const text = `${typeText(a)} and ${typeText(b)}`;
    check('c1', a.dims.length === 2 && b.dims.length === 2, text, 'two matrices');
    checkFloats(check, 'c2', operands);
    const [m, inner] = sides(a.dims, boolAttr(attrs, 'trans_a'));
    const [other, n] = sides(b.dims, boolAttr(attrs, 'trans_b'));
    check('c3', sameDim(inner, other), `${text}, ${inner} beside ${other}`, 'columns of A as many as rows of B');
    if (c) {
      const out = [m, n];
      const missing = 2 - c.dims.length;
      const fits = missing >= 0 && c.dims.every((d, i) => d.constant === 1 || sameDim(d, given(out, i + missing)));
      check('c4', fits, `C ${typeText(c)}`, `a tensor that broadcasts to [${m}, ${n}]`);
    }
    return [{ elem: a.elem, dims: [m, n] }];
  },
  evaluate(operands, attrs) {
    const a = given(operands, 0);
    const b = given(operands, 1);
    const c = operands[2];
    const [transA, transB] = [boolAttr(attrs, 'trans_a'), boolAttr(attrs, 'trans_b')];
    const [m, inner] = sides(a.dims, transA);
    const [, n] = sides(b.dims, transB);
    const data = new Float64Array(m * n);
    const view = (x: { readonly dims: readonly number[]; readonly data: Float64Array }, transposed: boolean) => {
      const width = x.dims[1] ?? outside();
      return { data: x.data, offset: 0, rowStride: transposed ? 1 : width, columnStride: transposed ? width : 1 };
    };
    multiply(m, n, inner, view(a, transA), view(b, transB), { data, offset: 0, rowStride: n, columnStride: 1 });
    const [alpha, beta] = [numberAttr(attrs, 'alpha'), numberAttr(attrs, 'beta')];
    const shift = c && broadcastTo(c, [m, n]);
    for (let i = 0; i < data.length; i++) data[i] = alpha * (data[i] ?? outside()) + (shift ? beta * (shift[i] ?? outside()) : 0);
    return [{ elem: a.elem, dims: [m, n], data }];
  },
  cost(node) {
    const [, inner] = sides(node.x.type.dims, boolAttr(node.attrs, 'trans_a'));
    return productOf([...node.y.type.dims, inner]);
  },
  lower(b, node, operands) {
    const { attrs } = node;
    const flag = (name: string) => ({ kind: 'int', value: boolAttr(attrs, name) ? 1 : 0 }) as const;
    return [
      b.node(
        'Gemm',
        operands,
        {
          alpha: { kind: 'float', value: numberAttr(attrs, 'alpha') },
          beta: { kind: 'float', value: numberAttr(attrs, 'beta') },
          transA: flag('trans_a'),
          transB: flag('trans_b'),
        },
        node.y.type,
      ),
    ];
  },
  sample(source) {
    const [m, k, n] = [source.int(1, 6), source.int(1, 6), source.int(1, 6)];
    const [transA, transB] = [source.bool(), source.bool()];
    const c = source.bool() ? undefined : source.pick<readonly number[]>([[], [n], [1, n], [m, 1], [m, n]]);
    return {
      operands: [source.tensor(transA ? [k, m] : [m, k]), source.tensor(transB ? [n, k] : [k, n]), c && source.tensor(c)],
      attrs: { alpha: source.pick([1, 0.5]), beta: source.pick([1, -2]), trans_a: transA, trans_b: transB },
    };
  },
});

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
      default: { init: true, kind: 'torch_linear_weight', byDepth: true },
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
