/**
 * Products of two matrices as ONNX Gemm-13 says them, α·op(A)·op(B) + β·C: a transpose of an operand or of the result is a flag
 * of it, a sum behind it is its C. `linear`, a product with constant weights [out, in], is what all other passes know, so that a
 * gemm that is one becomes one first.
 */

import { type Dim, sameDims } from '../../ir/dim.ts';
import type { Node, Value } from '../../ir/graph.ts';
import type { AttrValue } from '../../ir/operator.ts';
import { isFloat, sameType } from '../../ir/types.ts';
import { boolAttr, numberAttr, numbersAttr } from '../../ops/attrs.ts';
import { sizeOf } from '../../ops/common.ts';
import { isConstantTarget } from '../../ops/reshape.ts';
import * as w from '../../tensor/algebra.ts';
import { isConstant } from '../analysis/constants.ts';
import { product } from '../analysis/numbers.ts';
import { operatorSet } from '../analysis/operators.ts';
import { staysNormal } from '../analysis/range.ts';
import { reshaping } from '../analysis/shapes.ts';
import { copyIsFree, soleReader } from '../analysis/uses.ts';
import { any, constant, either, oneOf, op } from '../engine/pattern.ts';
import { rule } from '../engine/rule.ts';
import { changed } from './rebuild.ts';

/** A product of two matrices, whichever operator says it. */
interface Product {
  readonly node: Node;
  readonly a: Value;
  readonly b: Value;
  readonly c: Value | undefined;
  readonly alpha: number;
  readonly beta: number;
  readonly transA: boolean;
  readonly transB: boolean;
}

const products = operatorSet('product', ['gemm', 'matmul', 'linear']);

/** The product, where both operands are matrices. */
function productOf(node: Node | undefined): Product | undefined {
  const a = node?.operand(0);
  const b = node?.operand(1);
  if (!node || !a || !b || a.type.dims.length !== 2 || b.type.dims.length !== 2) return undefined;
  const c = node.operand(2);
  switch (node.op.name) {
    case 'gemm': {
      const { attrs } = node;
      const [alpha, beta] = [numberAttr(attrs, 'alpha'), numberAttr(attrs, 'beta')];
      return { node, a, b, c, alpha, beta, transA: boolAttr(attrs, 'trans_a'), transB: boolAttr(attrs, 'trans_b') };
    }
    case 'matmul':
      return { node, a, b, c: undefined, alpha: 1, beta: 1, transA: false, transB: false };
    case 'linear':
      return { node, a, b, c, alpha: 1, beta: 1, transA: false, transB: true };
    default:
      return undefined;
  }
}

function attrsOf(p: Product): Readonly<Record<string, AttrValue>> {
  return { alpha: p.alpha, beta: p.beta, trans_a: p.transA, trans_b: p.transB };
}

/** Exchanges the axes of a matrix. */
function swaps(node: Node | undefined): node is Node {
  return (
    node?.op.name === 'transpose' &&
    node.y.type.dims.length === 2 &&
    numbersAttr(node.attrs, 'perm').some((axis, i) => (axis + 2) % 2 !== i)
  );
}

/** The weights [out, in] and the bias [out] of a gemm with constants. */
function asLinear(p: Product): { readonly weight: w.WeightExpr; readonly bias: w.WeightExpr | undefined } | undefined {
  const outputs = p.node.y.type.dims[1]?.constant;
  if (outputs === undefined || !isConstant(p.b) || (p.c && !isConstant(p.c))) return undefined;
  const rows = p.transB ? w.exprOf(p.b) : w.transpose(w.exprOf(p.b), [1, 0]);
  const weight = p.alpha === 1 ? rows : w.mul(rows, w.fullLike(rows, [], p.alpha));
  if (!p.c || p.beta === 0) return { weight, bias: undefined };
  const c = w.exprOf(p.c);
  const count = product(c.dims);
  if (count !== 1 && (count !== outputs || c.dims[c.dims.length - 1] !== outputs)) return undefined;
  const vector = count === outputs ? w.reshape(c, [outputs]) : w.mul(w.reshape(c, [1]), w.fullLike(c, [outputs], 1));
  return { weight, bias: p.beta === 1 ? vector : w.mul(vector, w.fullLike(vector, [], p.beta)) };
}

function sameWeights(p: Product, weight: w.WeightExpr): boolean {
  return p.b.content === weight;
}

export const gemmIsLinear = rule({
  name: 'fuse-gemm/linear',
  doc: `Says a product with constants as the linear that it is, which all other rules know.

  gemm(x, B, C; α, β)  →  linear(x; W = α·Bᵀ, b = β·C)

Exact when
  plain         A is read as it is: rows of x are rows of the result
  constant      B and C are constants, and C has one element, or one per column of the result
  normal        α·B and β·C stay in the normal range of the element type (see *Range*)
  weight-copy   B stays as it is, or nobody else reads it
Rounding: in float64, rounded once.
Source: ONNX Gemm-13; torch.nn.Linear.`,
  lowers: false,
  match: op('gemm', 'node', any('a'), constant('b')).view(({ node }) => productOf(node)),
  exact: {
    plain: (p) => !p.transA,
    constant: (p) => asLinear(p) !== undefined,
    normal(p) {
      const made = asLinear(p);
      if (!made) return false;
      const factors = p.alpha === 1 ? [] : [w.fullLike(w.exprOf(p.b), [1], p.alpha)];
      const weight = p.alpha === 1 ? undefined : made.weight;
      const bias = made.bias === p.c?.content ? undefined : made.bias;
      if (!weight && !bias) return true;
      const [channels = 0, behind = 0] = made.weight.dims;
      return staysNormal({ factors, weight, rows: { groups: 1, before: 1, channels, behind }, bias });
    },
    'weight-copy'(p) {
      const made = asLinear(p);
      return made !== undefined && (sameWeights(p, made.weight) || copyIsFree(p.b, p.node, 0));
    },
  },
  rewrite(p, g) {
    const made = asLinear(p);
    if (!made) return;
    const weight = changed(g, p.b, made.weight);
    const bias = made.bias && p.c && changed(g, p.c, made.bias);
    g.replace(p.node.y, g.node('linear', bias ? [p.a, weight, bias] : [p.a, weight], {}, p.node));
  },
});

interface Operand {
  readonly p: Product;
  readonly side: 'a' | 'b';
  readonly transpose: Node;
}

export const gemmOperand = rule({
  name: 'fuse-gemm/operand',
  doc: `Reads an operand of a product transposed instead of transposing it.

  gemm(transpose(a), b)  →  gemm(a, b; trans_a)        and likewise for b, for matmul of two matrices and linear

Exact when
  one-reader   only the product reads the transpose, which is no output
  variable     the operand is no constant: a constant is transposed when the file is written
Rounding: none.
Source: ONNX Gemm-13.`,
  match: oneOf(
    op(products, 'node', op('transpose', 'transpose')),
    op(products, 'node', any('a'), op('transpose', 'transpose')),
  ).view((m): Operand | undefined => {
    const p = productOf(m.node);
    return p && swaps(m.transpose) ? { p, side: 'a' in m ? 'b' : 'a', transpose: m.transpose } : undefined;
  }),
  exact: {
    'one-reader': ({ p, transpose }) => soleReader(transpose.y) === p.node,
    variable: ({ transpose }) => !isConstant(transpose.x),
  },
  rewrite({ p, side, transpose }, g) {
    const made: Product =
      side === 'a' ? { ...p, a: transpose.x, transA: !p.transA } : { ...p, b: transpose.x, transB: !p.transB };
    g.replace(p.node.y, g.node('gemm', p.c ? [made.a, made.b, p.c] : [made.a, made.b], attrsOf(made), p.node));
  },
});

interface Result {
  readonly p: Product;
  readonly transpose: Node;
}

/** C with its axes exchanged; undefined where that takes a node. */
function transposedC(c: Value): w.WeightExpr | undefined {
  if (!isConstant(c)) return undefined;
  const x = w.exprOf(c);
  switch (x.dims.length) {
    case 0:
      return x;
    case 1:
      return w.reshape(x, [product(x.dims), 1]);
    default:
      return w.transpose(x, [1, 0]);
  }
}

export const gemmResult = rule({
  name: 'fuse-gemm/result',
  doc: `Computes a transposed product transposed.

  transpose(α·A·B + β·C)  →  α·Bᵀ·Aᵀ + β·Cᵀ      where Aᵀ and Bᵀ are flags

Exact when
  one-reader   only the transpose reads the product, which is no output
  constant     C is not there, or a constant that nobody else reads
Rounding: none.
Source: (AB)ᵀ = BᵀAᵀ; ONNX Gemm-13.`,
  match: op('transpose', 'transpose', op(products, 'node')).view(({ transpose, node }): Result | undefined => {
    const p = productOf(node);
    return p && swaps(transpose) ? { p, transpose } : undefined;
  }),
  exact: {
    'one-reader': ({ p, transpose }) => soleReader(p.node.y) === transpose,
    constant: ({ p }) => !p.c || (transposedC(p.c) !== undefined && copyIsFree(p.c, p.node, 0)),
  },
  rewrite({ p, transpose }, g) {
    const c = p.c && transposedC(p.c);
    const operands = c && p.c ? [p.b, p.a, changed(g, p.c, c)] : [p.b, p.a];
    const attrs = { alpha: p.alpha, beta: p.beta, trans_a: !p.transB, trans_b: !p.transA };
    g.replace(transpose.y, g.node('gemm', operands, attrs, p.node, transpose));
  },
});

interface Sum {
  readonly sum: Node;
  readonly p: Product;
  readonly term: Value;
}

/** Broadcasts to the matrix from this side alone. */
function broadcasts(term: Value, to: Value): boolean {
  const missing = to.type.dims.length - term.type.dims.length;
  return missing >= 0 && term.type.dims.every((d, i) => d.constant === 1 || d === to.type.dims[i + missing]);
}

export const gemmSum = rule({
  name: 'fuse-gemm/sum',
  doc: `Adds to a product in the operator that computes it.

  A·B + y  →  gemm(A, B, C = y)

Exact when
  no-c         the product has no C and no bias yet
  one-reader   only the sum reads the product, which is no output
  shape        the product has the sum's type, and y broadcasts to it
Rounding: the order of one addition.
Source: ONNX Gemm-13; onnxruntime, GemmSumFusion.`,
  match: either('add', 'sum', op(products, 'node'), any('term')).view(({ sum, node, term }): Sum | undefined => {
    const p = node.y === term || !isFloat(sum.y.type.elem) ? undefined : productOf(node);
    return p && { sum, p, term };
  }),
  exact: {
    'no-c': ({ p }) => !p.c,
    'one-reader': ({ sum, p }) => soleReader(p.node.y) === sum,
    shape: ({ sum, p, term }) => sameType(p.node.y.type, sum.y.type) && broadcasts(term, sum.y),
  },
  rewrite({ sum, p, term }, g) {
    // Where the sum stood: the other term may come behind the product.
    g.replace(sum.y, g.node('gemm', [p.a, p.b, term], { ...attrsOf(p), beta: 1 }, p.node, sum));
  },
});

interface Rows {
  readonly outer: Node;
  readonly node: Node;
  readonly inner: Node;
  readonly rows: readonly Dim[];
}

export const gemmRows = rule({
  name: 'fuse-gemm/rows',
  doc: `Multiplies rows of a matrix where reshapes stand on both sides anyway, so that the bias is C of the product.

  reshape(linear(reshape(x); W, b))  →  reshape(linear(reshape(x; [rows, features]); W, b))

A linear over more axes than two is written as MatMul and Add, one over a matrix as Gemm.
Exact when
  one-reader   only the linear reads the inner, and only the outer the linear; neither is an output
  plain        both shapes are constants of the file: one size at most is neither a number nor at the same place before, and then none there may be 0
Rounding: the order of one addition. Once, at the end, not for WebGPU and CUDA, where it is not measured: with a batch of unknown size 0.88 to 0.97 of the
time in onnxruntime on CPU; where sizes are known onnxruntime does it itself.
Source: ONNX Gemm-13; onnxruntime, MatMulAddFusion.`,
  lowers: false,
  match: op(reshaping, 'outer', op('linear', 'node', op(reshaping, 'inner'))).view(({ outer, node, inner }): Rows | undefined => {
    const { dims } = inner.y.type;
    const features = dims[dims.length - 1];
    if (!node.operand(2) || dims.length < 3 || !features) return undefined;
    return { outer, node, inner, rows: [sizeOf(dims.slice(0, -1)), features] };
  }),
  exact: {
    'one-reader': ({ outer, node, inner }) => soleReader(inner.y) === node && soleReader(node.y) === outer,
    plain({ outer, node, inner, rows }) {
      const outputs = node.y.type.dims[node.y.type.dims.length - 1];
      const [count] = rows;
      return (
        isConstantTarget(inner.x.type.dims, rows) &&
        outputs !== undefined &&
        count !== undefined &&
        isConstantTarget([count, outputs], outer.y.type.dims)
      );
    },
  },
  rewrite({ outer, node, inner, rows }, g) {
    const x = sameDims(inner.x.type.dims, rows) ? inner.x : g.node('reshape', [inner.x], { shape: rows }, inner);
    const product = g.node('linear', [x, ...node.operands.slice(1)], node.attrs, node);
    g.replace(outer.y, g.node('reshape', [product], { shape: outer.y.type.dims }, outer));
  },
});
