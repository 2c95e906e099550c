/** Attention out of the operators that exporters spell it with. */

import type { Node, Value } from '../../../ir/graph.ts';
import { roundFloat } from '../../../ir/round.ts';
import { numberAttr, numbersAttr } from '../../../ops/attrs.ts';
import { axisIn, sameDim } from '../../../ops/common.ts';
import { sameNumbers } from '../../analysis/numbers.ts';
import { isInside, numberOf } from '../../analysis/polynomial.ts';
import { producerIn } from '../../analysis/uses.ts';
import { any, op } from '../../engine/pattern.ts';
import type { Rewriter } from '../../engine/rewriter.ts';
import { rule } from '../../engine/rule.ts';

interface Keys {
  readonly value: Value;
  readonly factor: number;
  /** Axis i of kᵀ is axis perm[i] of `value`. */
  readonly perm: readonly number[];
  /** The first transpose that goes. */
  readonly replaced: Node | undefined;
}

interface Spelled {
  readonly last: Node;
  readonly softmax: Node;
  readonly q: Value;
  readonly k: Keys;
  readonly v: Value;
  readonly scale: number;
  readonly mask: Value | undefined;
  /** The scores without the mask. */
  readonly scores: Value;
  readonly nodes: ReadonlySet<Node>;
}

interface Begin {
  readonly last: Node;
  readonly softmax: Node;
  readonly v: Value;
}

const rank = 4;

const readOnce = (node: Node): boolean => node.y.outputs === 0 && node.y.uses.size === 1;

/** What is left of the scores without products with numbers, which `nodes` then holds. */
function unscaled(
  value: Value,
  reader: Node,
  nodes: Set<Node>,
  sharing: boolean,
): { readonly value: Value; readonly factor: number } {
  let below = value;
  let factor = 1;
  for (let i = 0; i < 8; i++) {
    const node = producerIn(below, reader);
    const [a, b] = node?.operands ?? [];
    if (!node || !a || !b || !(sharing || readOnce(node))) break;
    const [left, right] = [numberOf(a), numberOf(b)];
    if (node.op.name === 'mul' && right !== undefined) [below, factor] = [a, factor * right];
    else if (node.op.name === 'mul' && left !== undefined) [below, factor] = [b, factor * left];
    else if (node.op.name === 'div' && right !== undefined) [below, factor] = [a, factor / right];
    else break;
    nodes.add(node);
  }
  return { value: below, factor };
}

/** The same of kᵀ, and without transposes. One that others read too is passed by, and stays. */
function untransposed(value: Value, reader: Node, nodes: Set<Node>): Keys {
  let { value: below, factor } = unscaled(value, reader, nodes, false);
  let perm = value.type.dims.map((_, i) => i);
  let replaced: Node | undefined;
  for (let node = producerIn(below, reader); node?.op.name === 'transpose'; node = producerIn(below, reader)) {
    const own = numbersAttr(node.attrs, 'perm').map((axis) => axisIn(axis, perm.length));
    perm = perm.map((axis) => own[axis] ?? axis);
    below = node.x;
    if (!readOnce(node)) break;
    replaced ??= node;
    nodes.add(node);
    const inner = unscaled(below, reader, nodes, false);
    below = inner.value;
    factor *= inner.factor;
  }
  return { value: below, factor, perm, replaced };
}

function* spelledAt({ last, softmax, v }: Begin): Generator<Spelled> {
  const sum = producerIn(softmax.x, last);
  const [a, b] = sum?.operands ?? [];
  const terms: { readonly product: Value; readonly mask?: Value }[] = [{ product: softmax.x }];
  if (sum?.op.name === 'add' && a && b) terms.push({ product: a, mask: b }, { product: b, mask: a });
  for (const { product, mask } of terms) {
    const nodes = new Set([last, softmax]);
    if (sum && mask) nodes.add(sum);
    const scores = unscaled(product, last, nodes, true);
    const matmul = producerIn(scores.value, last);
    const [left, right] = matmul?.operands ?? [];
    if (matmul?.op.name !== 'matmul' || !left || !right) continue;
    nodes.add(matmul);
    const q = unscaled(left, last, nodes, false);
    const k = untransposed(right, last, nodes);
    yield { last, softmax, q: q.value, k, v, scale: scores.factor * q.factor * k.factor, mask, scores: product, nodes };
  }
}

/** [batch, heads, queries, features], [batch, heads, features, keys] and [batch, heads, keys, wide], none of which broadcasts. */
function agree({ q, k, v }: Spelled): boolean {
  const sizes = [q, k.value, v].map((x) => x.type.dims);
  if (sizes.some((dims) => dims.length !== rank)) return false;
  const keys = k.perm.map((axis) => k.value.type.dims[axis]);
  return [0, 1].every((axis) =>
    [keys[axis], v.type.dims[axis]].every((d) => {
      const own = q.type.dims[axis];
      return own !== undefined && d !== undefined && sameDim(own, d);
    }),
  );
}

/** The mask gives no axis to the scores. */
function masks({ mask, scores }: Spelled): boolean {
  if (!mask) return true;
  const { dims, elem } = scores.type;
  const lead = dims.length - mask.type.dims.length;
  if (mask.type.elem !== elem || lead < 0) return false;
  return mask.type.dims.every((d, i) => {
    const own = dims[i + lead];
    return d.constant === 1 || (own !== undefined && sameDim(d, own));
  });
}

/**
 * How k, with its features last, is a transpose of the value where the transposes of kᵀ began; undefined where it is that value.
 */
function permOfKeys({ k }: Spelled): readonly number[] | undefined {
  const [batch = 0, heads = 1, features = 2, keys = 3] = k.perm;
  const perm = [batch, heads, keys, features];
  return sameNumbers(perm, [0, 1, 2, 3]) ? undefined : perm;
}

function keysOf(m: Spelled, g: Rewriter): Value {
  const perm = permOfKeys(m);
  return perm ? g.node('transpose', [m.k.value], { perm }, m.k.replaced ?? m.last, m.last) : m.k.value;
}

export const recognizeAttention = rule({
  name: 'recognize/attention',
  doc: `Puts one attention in the place of the operators that spell it.

  softmax(s · (q · kᵀ) + mask) · v  →  attention(q, k, v, mask; s)

s is the product of all numbers by which q, k or their product are multiplied or divided, and kᵀ may be the result of any transpose of four axes.
The mask may be missing. It fires at opset 23 and above, being one node from opset 23 on, which has Attention, and not for WebGPU, which has no kernel for it.
Exact when
  four-axes   q, k and v are [batch, heads, tokens, features], and neither batch nor heads broadcast
  keys-last   the softmax is along the keys
  transposed  kᵀ is what a transpose made of k, or of something of which another transpose in its place makes k
  mask        the mask broadcasts to the scores and does not widen them, and has their element type
  scale       s is positive, and an f32 number where the graph is f64, because the attribute is one
  inside      nobody else reads the scores or the probabilities
A mask that replaces scores (\`where\`) instead of being added to them is none of this rule.
Rounding: that of every step; s is rounded to f32 once.
Source: Vaswani et al. 2017, arXiv:1706.03762, §3.2.1; ONNX Attention-23.`,
  match: op('matmul', 'last', op('softmax', 'softmax'), any('v')).each(spelledAt),
  exact: {
    'four-axes': agree,
    'keys-last': ({ softmax }) => axisIn(numberAttr(softmax.attrs, 'axis'), rank) === rank - 1,
    transposed: (m) => permOfKeys(m) === undefined || m.k.replaced !== undefined,
    mask: masks,
    scale: ({ scale, last }) =>
      scale > 0 && Number.isFinite(scale) && (last.y.type.elem !== 'f64' || roundFloat('f32', scale) === scale),
    inside: ({ nodes, last }) => isInside(nodes, last.y),
  },
  rewrite(m, g) {
    const operands = m.mask ? [m.q, keysOf(m, g), m.v, m.mask] : [m.q, keysOf(m, g), m.v];
    g.replace(m.last.y, g.node('attention', operands, { scale: roundFloat('f32', m.scale) }, m.last, m.last));
  },
});
