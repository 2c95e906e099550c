/**
 * Merges two linear operators in a row into one, where that costs neither multiply-adds nor weights: linear after linear, a
 * pointwise conv after a conv, a conv after a pointwise conv. Associativity of the product: W₂(W₁x + b₁) + b₂ = (W₂W₁)x + (W₂b₁ +
 * b₂).
 */

import { outside } from '../../diagnostics/at.ts';
import type { Node } from '../../ir/graph.ts';
import type { AttrValue } from '../../ir/operator.ts';
import { numbersAttr } from '../../ops/attrs.ts';
import * as w from '../../tensor/algebra.ts';
import {
  biasOf,
  hasConstantWeights,
  hasStrideOne,
  isPointwise,
  isUnpadded,
  kernelOf,
  type LinearView,
  linearView,
  weightOf,
} from '../analysis/linear.ts';
import { product } from '../analysis/numbers.ts';
import { staysNormal } from '../analysis/range.ts';
import { soleReader } from '../analysis/uses.ts';
import { op } from '../engine/pattern.ts';
import type { Rewriter } from '../engine/rewriter.ts';
import { rule } from '../engine/rule.ts';
import { changed } from './rebuild.ts';

interface Pair {
  readonly first: LinearView;
  readonly second: LinearView;
}

function pairOf({ before, after }: { readonly before: Node; readonly after: Node }): Pair | undefined {
  const [first, second] = [linearView(before), linearView(after)];
  return first && second && { first, second };
}

/**
 * Σ over the middle channels, group by group: a is [out, mid/groups · K₂], b is [mid, in/groups · K₁]; one of the kernels is 1.
 */
function groupedProduct(a: w.WeightExpr, b: w.WeightExpr, groups: number): w.WeightExpr {
  const [rows = 0, shared = 0] = a.dims;
  const [, columns = 0] = b.dims;
  if (groups === 1) return w.matmul(a, b);
  const parts: w.WeightExpr[] = [];
  for (let g = 0; g < groups; g++) {
    const top = (g * rows) / groups;
    const left = w.slice(a, [top, 0], [top + rows / groups, shared]);
    const right = w.slice(b, [g * shared, 0], [(g + 1) * shared, columns]);
    parts.push(w.matmul(left, right));
  }
  return w.concat(parts, 0);
}

/** W₂·W₁ as the weights of one operator of the kind of both. */
function mergedWeight({ first, second }: Pair): w.WeightExpr {
  const [one, two] = [asRows(first), asRows(second)];
  if (first.kind !== 'conv') return w.matmul(two, one);
  const { groups } = first;
  const kernelOne = one.dims.slice(2);
  const kernelTwo = two.dims.slice(2);
  const [out = 0, middle = 0] = two.dims;
  const [all = 0, inputs = 0] = one.dims;
  if (product(kernelTwo) === 1) {
    const flat = groupedProduct(w.reshape(two, [out, middle]), w.reshape(one, [all, inputs * product(kernelOne)]), groups);
    return w.reshape(flat, [out, inputs, ...kernelOne]);
  }
  // Every tap of the second kernel is a matrix of its own: rows (out, tap), which become (out, in, tap) at the end.
  const taps = product(kernelTwo);
  const rows = w.reshape(w.transpose(w.reshape(two, [out, middle, taps]), [0, 2, 1]), [out * taps, middle]);
  const flat = groupedProduct(rows, w.reshape(one, [all, inputs]), groups);
  return w.reshape(w.transpose(w.reshape(flat, [out, taps, inputs]), [0, 2, 1]), [out, inputs, ...kernelTwo]);
}

/** The weights with output channels first. */
function asRows(view: LinearView): w.WeightExpr {
  return view.kind === 'matmul' ? w.transpose(weightOf(view), [1, 0]) : weightOf(view);
}

/** W₂·b₁ + b₂. A tap of the second sees the same b₁ everywhere, because it does not pad then. */
function mergedBias({ first, second }: Pair): w.WeightExpr | undefined {
  if (!first.bias) return second.bias && biasOf(second);
  const rows = asRows(second);
  const taps = product(rows.dims.slice(2));
  const [out = 0, middle = 0] = rows.dims;
  const summed = w.reduceSum(w.reshape(rows, [out, middle, taps]), [2], false);
  const column = w.reshape(biasOf(first), [first.outputs, 1]);
  const moved = w.reshape(groupedProduct(summed, column, second.groups), [out]);
  return second.bias ? w.add(moved, biasOf(second)) : moved;
}

/** Multiply-adds per output channel and place. */
const perOutput = (view: LinearView, taps: number): number => (view.inputs / view.groups) * taps;

/** begin + end < extent on every axis: then there are at most as many windows as places. */
function gridShrinks(view: LinearView): boolean {
  const kernel = kernelOf(view);
  const pads = numbersAttr(view.node.attrs, 'pads');
  const dilation = numbersAttr(view.node.attrs, 'dilation');
  return kernel.every(
    (k, axis) => (pads[axis] ?? outside()) + (pads[kernel.length + axis] ?? outside()) <= (k - 1) * (dilation[axis] ?? 1),
  );
}

/**
 * Bytes and multiply-adds of the merged operator are at most those of the two. Per place of the result: the merged one costs c,
 * the second b, and the first at least a, because it has at least as many places as the second.
 */
function growsNothing({ first, second }: Pair): boolean {
  const sole = [first, second].every((v) => v.weight.uses.size === 1 && v.weight.outputs === 0);
  const [tapsOne, tapsTwo] = [product(kernelOf(first)), product(kernelOf(second))];
  const weights = (view: LinearView, taps: number): number =>
    view.outputs * perOutput(view, taps) + (view.bias ? view.outputs : 0);
  const merged =
    second.outputs * (first.inputs / first.groups) * tapsOne * tapsTwo + (first.bias || second.bias ? second.outputs : 0);
  if (!sole || merged > weights(first, tapsOne) + weights(second, tapsTwo)) return false;
  if (second.kind === 'conv' && !gridShrinks(second)) return false;
  const [a, b] = [first.outputs * perOutput(first, tapsOne), second.outputs * perOutput(second, tapsTwo)];
  return second.outputs * (first.inputs / first.groups) * tapsOne * tapsTwo <= a + b;
}

/** Multiply-adds that a product may take while compiling: about a second. */
const largestProduct = 2 ** 30;

function affordable({ first, second }: Pair): boolean {
  const taps = product(kernelOf(first)) * product(kernelOf(second));
  return second.outputs * (first.outputs / first.groups) * (first.inputs / first.groups) * taps <= largestProduct;
}

function attributes({ first, second }: Pair): Readonly<Record<string, AttrValue>> {
  if (isPointwise(second)) {
    const steps = numbersAttr(second.node.attrs, 'stride');
    return { ...first.node.attrs, stride: numbersAttr(first.node.attrs, 'stride').map((n, axis) => n * (steps[axis] ?? 1)) };
  }
  return second.node.attrs;
}

export const mergeConvs = rule({
  name: 'merge-linear/convs',
  doc: `Merges a conv and a pointwise conv, in either order, into one conv.

  conv1x1(conv(x; W₁, b₁); W₂, b₂)  →  conv(x; W₂·W₁, W₂·b₁ + b₂)    with the strides multiplied
  conv(conv1x1(x; W₁, b₁); W₂, b₂)  →  conv(x; W₂·W₁, Σ W₂·b₁ + b₂)  with the second's window

Exact when
  one-reader   only the second reads the first, which is no output
  constant     all weights are constants
  pointwise    one of them has a 1×1 kernel; when the first is it, its stride is 1
  padding      the pointwise one does not pad; when the first is the pointwise one, the second does not pad or the first has no bias (padding
               puts zeros, where the first would put b₁)
  groups       the same number of groups in both, so that blocks meet blocks
  no-growth    neither weights nor multiply-adds grow
  affordable   the product takes at most 2^30 multiply-adds while compiling
  normal       the products stay in the normal range of the element type (see *Range*)
Rounding: products in float64, rounded once.
Source: Ding et al. 2021, Diverse Branch Block, arXiv:2103.13425, transform III.`,
  match: op('conv', 'after', op('conv', 'before')).view(pairOf),
  exact: {
    'one-reader': ({ first, second }) => soleReader(first.node.y) === second.node,
    constant: ({ first, second }) => hasConstantWeights(first) && hasConstantWeights(second),
    pointwise: ({ first, second }) => isPointwise(second) || (isPointwise(first) && hasStrideOne(first)),
    padding: ({ first, second }) =>
      isPointwise(second) ? isUnpadded(second) : isUnpadded(first) && (!first.bias || isUnpadded(second)),
    groups: ({ first, second }) => first.groups === second.groups,
    'no-growth': growsNothing,
    affordable,
    normal: madeNormal,
  },
  rewrite: merge,
});

export const mergeMatrices = rule({
  name: 'merge-linear/matrices',
  doc: `Merges a linear (or a product with a constant matrix) after another into one.

  W₂·(W₁·x + b₁) + b₂  →  (W₂·W₁)·x + (W₂·b₁ + b₂)

Exact when
  one-reader   only the second reads the first, which is no output
  constant     all weights are constants
  no-growth    neither weights nor multiply-adds grow
  affordable   the product takes at most 2^30 multiply-adds while compiling
  normal       the products stay in the normal range of the element type (see *Range*)
Rounding: products in float64, rounded once.
Source: associativity of the matrix product.`,
  match: op(['linear', 'matmul'], 'after', op(['linear', 'matmul'], 'before')).view(pairOf),
  exact: {
    'one-reader': ({ first, second }) => soleReader(first.node.y) === second.node,
    constant: ({ first, second }) => hasConstantWeights(first) && hasConstantWeights(second),
    'no-growth': growsNothing,
    affordable,
    normal: madeNormal,
  },
  rewrite: merge,
});

/** Both kinds of merged weights have the outputs first. */
function madeNormal(m: Pair): boolean {
  const weight = mergedWeight(m);
  const channels = m.second.outputs;
  return staysNormal({
    factors: [],
    weight,
    rows: { groups: 1, before: 1, channels, behind: weight.count / channels },
    bias: mergedBias(m),
  });
}

/** The merged operator is the second's successor, under its name; a matrix comes out as a `linear`. */
function merge(m: Pair, g: Rewriter): void {
  const { first, second } = m;
  const bias = mergedBias(m);
  const weight = changed(g, second.weight, mergedWeight(m));
  const shift = bias && g.constant(bias, 'parameter', second.bias?.name ?? first.bias?.name);
  const attrs = first.kind === 'conv' ? attributes(m) : {};
  g.replace(
    second.node.y,
    g.node(first.kind === 'conv' ? 'conv' : 'linear', shift ? [first.x, weight, shift] : [first.x, weight], attrs, second.node),
  );
}
