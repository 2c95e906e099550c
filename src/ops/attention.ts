/**
 * Scaled dot product attention, softmax(s·q·kᵀ + mask)·v for every head. Vaswani et al. 2017, arXiv:1706.03762; several heads of
 * q share one of k and v in grouped-query attention (Ainslie et al. 2023, arXiv:2305.13245). ONNX Attention-23 with operands of
 * rank 4, without a cache of earlier keys, without softcap; torch.nn.functional.scaled_dot_product_attention.
 */
import { outside } from '../diagnostics/at.ts';
import { Dim, productOf } from '../ir/dim.ts';
import type { Node } from '../ir/graph.ts';
import type { Check, InferContext, OnnxAttr, OnnxBuilder } from '../ir/operator.ts';
import { elementCount, type HostTensor, type TensorType, typeText } from '../ir/types.ts';
import { boolAttr, checkFloats, given, numberAttr } from './attrs.ts';
import { broadcastTo, sameDim } from './common.ts';
import { defineOperator } from './define.ts';
import { gemm } from './gemm.ts';
import { exp } from './math.ts';
import { linearTraits } from './traits.ts';

/** The sizes of q [batch, heads, queries, features], k [batch, shared, keys, features], v [batch, shared, keys, wide]. */
interface Sizes<T> {
  readonly batch: T;
  readonly heads: T;
  readonly queries: T;
  readonly features: T;
  readonly shared: T;
  readonly keys: T;
  readonly wide: T;
}

function sizesOf<T>(q: readonly T[], k: readonly T[], v: readonly T[]): Sizes<T> {
  return {
    batch: given(q, 0),
    heads: given(q, 1),
    queries: given(q, 2),
    features: given(q, 3),
    shared: given(k, 1),
    keys: given(k, 2),
    wide: given(v, 3),
  };
}

/** How many heads of q read one head of k and v; undefined where that is not a whole number for sure. */
function headsPerKey(heads: Dim, shared: Dim): number | undefined {
  if (sameDim(heads, shared)) return 1;
  const [q, k] = [heads.constant, shared.constant];
  return q !== undefined && k !== undefined && k > 0 && q % k === 0 ? q / k : undefined;
}

function checkMask(check: Check, mask: TensorType | undefined, scores: readonly Dim[]): void {
  if (!mask) return;
  const lead = scores.length - mask.dims.length;
  const fits = lead >= 0 && mask.dims.every((d, i) => d.constant === 1 || sameDim(d, given(scores, i + lead)));
  check('c6', fits, `a mask ${typeText(mask)}`, `a mask that broadcasts to [${scores.join(', ')}]`);
}

export const attention = defineOperator({
  name: 'attention',
  summary: 'Scaled dot product attention: softmax(scale · q · kᵀ + mask) · v for every head',
  onnx: [
    'Attention',
    'Reshape',
    'Transpose',
    'MatMul',
    'Mul',
    'Add',
    'Softmax',
    'Squeeze',
    'Unsqueeze',
    'Range',
    'LessOrEqual',
    'Where',
    'Expand',
  ],
  operands: [
    { name: 'q', doc: 'queries [batch, heads, queries, features]' },
    {
      name: 'k',
      doc: 'keys [batch, shared heads, keys, features]; each is read by heads / shared heads of q, which are neighbours',
    },
    { name: 'v', doc: 'values [batch, shared heads, keys, wide]' },
    { name: 'mask', doc: 'added to the scores, broadcasts to [batch, heads, queries, keys]', optional: true },
  ],
  attrs: {
    scale: { kind: 'float', min: 0, doc: 'factor of the products; usually 1 / √features' },
    causal: { kind: 'bool', default: false, doc: 'query i reads the keys 0 … i alone' },
  },
  traits: { ...linearTraits({ contracts: 'unknown' }), sign: 'unknown' },
  infer(context: InferContext) {
    const { operands, attrs } = context;
    const check: Check = context.check;
    const [q, k, v] = [given(operands, 0), given(operands, 1), given(operands, 2)];
    const text = `${typeText(q)}, ${typeText(k)} and ${typeText(v)}`;
    check(
      'c1',
      [q, k, v].every((x) => x.dims.length === 4),
      text,
      'three tensors [batch, heads, tokens, features]',
    );
    checkFloats(check, 'c2', operands);
    check('c3', numberAttr(attrs, 'scale') > 0, `scale=${numberAttr(attrs, 'scale')}`, 'a positive scale');
    const sizes = sizesOf(q.dims, k.dims, v.dims);
    const agree = (axis: number, ...others: readonly TensorType[]): boolean =>
      others.every((x) => sameDim(given(x.dims, axis), given(given(others, 0).dims, axis)));
    const fit = agree(0, q, k, v) && agree(1, k, v) && agree(2, k, v) && agree(3, q, k);
    check('c4', fit, text, 'one batch; keys and values of equal number and heads; queries and keys of equal width');
    const shares = headsPerKey(sizes.heads, sizes.shared) !== undefined;
    check('c5', shares, `${sizes.heads} heads of queries, ${sizes.shared} of keys`, 'a multiple of the heads of keys');
    checkMask(check, operands[3], [sizes.batch, sizes.heads, sizes.queries, sizes.keys]);
    return [{ elem: q.elem, dims: [sizes.batch, sizes.heads, sizes.queries, sizes.wide] }];
  },
  evaluate(operands, attrs) {
    const [q, k, v] = [given(operands, 0), given(operands, 1), given(operands, 2)];
    const { batch, heads, queries, features, shared, keys, wide } = sizesOf(q.dims, k.dims, v.dims);
    const scale = numberAttr(attrs, 'scale');
    const causal = boolAttr(attrs, 'causal');
    const mask = operands[3] && broadcastTo(operands[3], [batch, heads, queries, keys]);
    const dims = [batch, heads, queries, wide];
    const data = new Float64Array(elementCount(dims));
    const scores = new Float64Array(queries * keys);
    for (let head = 0; head < batch * heads; head++) {
      const source = Math.floor(head / heads) * shared + Math.floor((head % heads) / (heads / shared));
      scores.fill(0);
      gemm(
        queries,
        keys,
        features,
        { data: q.data, offset: head * queries * features, rowStride: features, columnStride: 1 },
        { data: k.data, offset: source * keys * features, rowStride: 1, columnStride: features },
        { data: scores, offset: 0, rowStride: keys, columnStride: 1 },
      );
      for (let i = 0; i < scores.length; i++) {
        const allowed = !causal || i % keys <= Math.floor(i / keys);
        scores[i] = allowed ? scale * (scores[i] ?? outside()) + (mask?.[head * scores.length + i] ?? 0) : -Infinity;
      }
      for (let row = 0; row < scores.length; row += keys) softmaxInPlace(scores.subarray(row, row + keys));
      gemm(
        queries,
        wide,
        keys,
        { data: scores, offset: 0, rowStride: keys, columnStride: 1 },
        { data: v.data, offset: source * keys * wide, rowStride: wide, columnStride: 1 },
        { data, offset: head * queries * wide, rowStride: wide, columnStride: 1 },
      );
    }
    return [{ elem: q.elem, dims, data }];
  },
  cost(node) {
    const [q, k, v] = [0, 1, 2].map((i) => given(node.operands, i).type.dims);
    const { batch, heads, queries, features, keys, wide } = sizesOf(given([q], 0), given([k], 0), given([v], 0));
    return productOf([batch, heads, queries, keys, features.plus(wide)]);
  },
  readsTransposed: (b, node) => (b.has('Attention') && !mayBeEmpty(node) ? undefined : 1),
  lower(b, node, operands) {
    // The scale is an f32 attribute, too coarse for f64, for which onnxruntime 1.30 has no kernel either.
    if (node.y.type.elem === 'f64' || !b.has('Attention', node.y.type.elem) || mayBeEmpty(node))
      return [spelledOut(b, node, operands)];
    const scale: OnnxAttr = { kind: 'float', value: numberAttr(node.attrs, 'scale') };
    const causal = boolAttr(node.attrs, 'causal') ? { is_causal: { kind: 'int', value: 1 } as const } : {};
    const [q, k, v, mask] = operands;
    const inputs = mask === undefined ? [q, k, v] : [q, k, v, wholeMask(b, node)];
    return [b.node('Attention', inputs, { scale, ...causal }, node.y.type)];
  },
  sample(source) {
    const [batch, shared, each] = [source.int(1, 2), source.int(1, 2), source.int(1, 3)];
    const [queries, keys, features, wide] = [source.int(1, 5), source.int(1, 5), source.int(1, 4), source.int(1, 4)];
    const full = [batch, shared * each, queries, keys];
    const mask = (): HostTensor => source.tensor(full.map((d, i) => (i === 3 || source.bool() ? d : 1)).slice(source.int(0, 2)));
    return {
      operands: [
        source.tensor([batch, shared * each, queries, features]),
        source.tensor([batch, shared, keys, features]),
        source.tensor([batch, shared, keys, wide]),
        ...(source.bool() ? [mask()] : []),
      ],
      attrs: { scale: source.pick([1, 0.5, 0.35355338]), causal: source.bool() },
    };
  },
});

/** eˣ over its sum; where no key may be read, zeros, as the specification has it. */
function softmaxInPlace(row: Float64Array): void {
  let top = -Infinity;
  for (const x of row) top = Math.max(top, x);
  if (top === -Infinity) {
    row.fill(0);
    return;
  }
  let sum = 0;
  for (let i = 0; i < row.length; i++) {
    const e = exp((row[i] ?? outside()) - top);
    row[i] = e;
    sum += e;
  }
  for (let i = 0; i < row.length; i++) row[i] = (row[i] ?? outside()) / sum;
}

/**
 * The specification lets every axis of the mask broadcast; onnxruntime 1.30 refuses that of queries and keys, so that those are
 * written out.
 */
function wholeMask(b: OnnxBuilder, node: Node): string {
  const mask = given(node.operands, 3);
  const last = [given(node.y.type.dims, 2), given(given(node.operands, 1).type.dims, 2)];
  return b.expanded(mask, [...mask.type.dims.slice(0, -2), ...last]);
}

/** onnxruntime 1.30 refuses an Attention without a batch, queries or keys. */
function mayBeEmpty(node: Node): boolean {
  const [q, k] = [0, 1].map((i) => given(node.operands, i).type.dims);
  return [...given([q], 0), ...given([k], 0)].some((d) => d.lowerBound < 1);
}

/**
 * Below opset 23, and where something may be empty. Heads that share keys are laid below each other as if they were further
 * queries of one head.
 */
function spelledOut(b: OnnxBuilder, node: Node, operands: readonly (string | undefined)[]): string {
  const { elem } = node.y.type;
  const [q, k, v] = [0, 1, 2].map((i) => given(node.operands, i).type.dims);
  const { batch, heads, queries, features, shared, keys, wide } = sizesOf(given([q], 0), given([k], 0), given([v], 0));
  const each = headsPerKey(heads, shared) ?? 1;
  const typed = (...dims: readonly Dim[]): TensorType => ({ elem, dims });
  const rows = queries.times(Dim.of(each));
  const full = typed(batch, heads, queries, keys);
  const reshaped = (x: string, type: TensorType): string =>
    each === 1 ? x : b.node('Reshape', [x, b.dims(type.dims)], {}, type);
  const query = reshaped(given(operands, 0), typed(batch, shared, rows, features));
  const keysLast = b.transposed(given(node.operands, 1), [0, 1, 3, 2]);
  let scores = reshaped(b.node('MatMul', [query, keysLast], {}, typed(batch, shared, rows, keys)), full);
  const scale = numberAttr(node.attrs, 'scale');
  if (scale !== 1) scores = b.node('Mul', [scores, b.scalar(elem, scale)], {}, full);
  if (operands[3] !== undefined) scores = b.node('Add', [scores, operands[3]], {}, full);
  if (boolAttr(node.attrs, 'causal')) scores = b.node('Add', [scores, triangle(b, elem, queries, keys)], {}, full);
  const weights = b.node('Softmax', [scores], { axis: { kind: 'int', value: 3 } }, full);
  const grouped = reshaped(weights, typed(batch, shared, rows, keys));
  const product = b.node('MatMul', [grouped, given(operands, 2)], {}, typed(batch, shared, rows, wide));
  return reshaped(product, node.y.type);
}

/** 0 where key j ≤ query i, −∞ elsewhere. */
function triangle(b: OnnxBuilder, elem: TensorType['elem'], queries: Dim, keys: Dim): string {
  const counted = (size: Dim): string => {
    const count = b.node('Squeeze', [b.dims([size])], {}, { elem: 'i64', dims: [] });
    return b.node('Range', [b.scalar('i64', 0), count, b.scalar('i64', 1)], {}, { elem: 'i64', dims: [size] });
  };
  const column = b.node('Unsqueeze', [counted(queries), b.i64([1])], {}, { elem: 'i64', dims: [queries, Dim.one] });
  const dims = [queries, keys];
  const allowed = b.node('LessOrEqual', [counted(keys), column], {}, { elem: 'bool', dims });
  return b.node('Where', [allowed, b.scalar(elem, 0), b.scalar(elem, -Infinity)], {}, { elem, dims });
}
