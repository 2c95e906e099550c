/**
 * The layer `attention`: splits heads where it is asked to, and makes one mask of all that says which keys are read. Vaswani et
 * al. 2017, arXiv:1706.03762; torch.nn.functional.scaled_dot_product_attention; ONNX Attention-23.
 */
import { Dim } from '../ir/dim.ts';
import { floatFacts } from '../ir/elem.ts';
import type { Value } from '../ir/graph.ts';
import { isFloat, typeText } from '../ir/types.ts';
import { attention } from './attention.ts';
import { given } from './attrs.ts';
import { defineLayer, type LayerBuilder } from './define.ts';
import { add, and, greaterEqual, where } from './elementwise.ts';
import { range } from './generate.ts';
import { headsHint, mergeHeads, splitHeads } from './heads.ts';
import { bool, float, int, optional, tensor } from './params.ts';
import { unsqueeze } from './reshape.ts';

/** [queries, keys], true where the key is no further on than the query; the last query and the last key stand at one place. */
function noFurther(b: LayerBuilder, queries: Dim, keys: Dim): Value {
  const counted = (start: Dim): Value => b.op(range, [], { start: [start], end: [keys], step: 1 });
  const first = keys.minus(queries);
  return b.op(greaterEqual, [b.op(unsqueeze, [counted(first)], { axes: [1] }), counted(Dim.zero)]);
}

export const attentionLayer = defineLayer({
  name: 'attention',
  summary: 'Scaled dot product attention: softmax(scale · q · kᵀ + bias) · v for every head',
  source: 'torch.nn.functional.scaled_dot_product_attention; ONNX Attention; Vaswani et al. 2017',
  family: 'Attention',
  operands: { names: ['q', 'k', 'v'], min: 3, max: 3 },
  params: {
    heads: optional(
      int({ min: 1, doc: 'heads of q where q, k and v are [N, T, width]; left out, they are [N, heads, T, features]' }),
    ),
    kv_heads: optional(int({ min: 1, doc: 'heads of k and v, each read by heads / kv_heads neighbours of q' }), 'heads'),
    causal: bool({
      default: false,
      doc: 'no query reads a key further on than itself; of more keys than queries the first ones are from before',
    }),
    mask: optional(
      tensor({
        doc: 'true where a key is read; bool that broadcasts to [N, heads, queries, keys]; a query that may read none has the mean of all values, of f16 a weighted one',
      }),
    ),
    bias: optional(tensor({ doc: 'added to the scores; broadcasts to [N, heads, queries, keys]' })),
    scale: optional(float({ min: 0, doc: 'factor of the products' }), '1 / √features'),
  },
  build(b: LayerBuilder, operands, p) {
    const { heads } = p;
    b.check('l1', heads !== undefined || p.kv_heads === undefined, `kv_heads=${p.kv_heads} without heads=`, 'heads= with it');
    const shared = p.kv_heads ?? heads;
    const split = (i: number, count: number | undefined, name: string): Value =>
      count === undefined ? given(operands, i) : splitHeads(b, 'l2', given(operands, i), count, name);
    const [q, k, v] = [split(0, heads, 'heads'), split(1, shared, 'kv_heads'), split(2, shared, 'kv_heads')];
    const { elem, dims } = q.type;
    const ranks = [q, k, v].map((x) => typeText(x.type)).join(', ');
    const four = [q, k, v].every((x) => x.type.dims.length === 4);
    b.check(
      'l3',
      four && isFloat(elem),
      ranks,
      'three float tensors [N, heads, T, features], or heads= and [N, T, width]',
      headsHint(q),
    );
    const features = given(dims, 3);
    const scale = p.scale ?? (features.constant === undefined ? undefined : 1 / Math.sqrt(features.constant));
    b.check('l4', scale !== undefined, `${features} features`, 'a known number of features', 'give scale=');
    const mask = maskOf(b, q, k, p);
    const y = b.op(attention, mask ? [q, k, v, mask] : [q, k, v], { scale });
    return heads === undefined ? y : mergeHeads(b, y);
  },
});

/**
 * One tensor that is added to the scores. What is not read gets half the lowest number rather than −∞, so that a query that may
 * read nothing has the mean of all values at every opset: a Softmax would give NaN, and the Attention of onnxruntime 0, which it
 * also gives for the lowest number itself. f16 has no number so low that it swallows the scores: there the mean is weighted by
 * them where a runtime adds in f32.
 */
function maskOf(
  b: LayerBuilder,
  q: Value,
  k: Value,
  p: { readonly causal: boolean; readonly mask: Value | undefined; readonly bias: Value | undefined },
): Value | undefined {
  const { elem } = q.type;
  const [queries, keys] = [given(q.type.dims, 2), given(k.type.dims, 2)];
  if (p.mask) {
    const hint = p.mask.type.elem === elem ? 'bias= takes what is added' : 'cast(bool)';
    b.check('l5', p.mask.type.elem === 'bool', `mask ${typeText(p.mask.type)}`, 'a bool tensor', hint);
  }
  if (p.bias) {
    const hint = p.bias.type.elem === 'bool' ? 'mask= takes what is true where a key is read' : `cast(${elem})`;
    b.check('l6', p.bias.type.elem === elem, `bias ${typeText(p.bias.type)}`, `a tensor of ${elem}`, hint);
  }
  const fits = !p.causal || keys.lessThan(queries) !== 'yes';
  b.check('l7', fits, `${keys} keys for ${queries} queries`, 'at least as many keys as queries where causal=true');
  const read = [p.mask, p.causal ? noFurther(b, queries, keys) : undefined].filter((x) => x !== undefined);
  const [first, second] = read;
  if (!first) return p.bias;
  const allowed = second ? b.op(and, [first, second]) : first;
  const low = -(floatFacts(elem)?.largest ?? 0) / 2;
  const added = b.op(where, [allowed, b.scalar(elem, 0), b.scalar(elem, low)]);
  return p.bias ? b.op(add, [p.bias, added]) : added;
}
