/**
 * Exchanges a pointwise conv with what changes the grid, so that the conv runs on the smaller one: pool first (the transitions of
 * DenseNet, arXiv:1608.06993), resize last. A pointwise conv mixes channels, a pool or a resize mixes places, both linearly: they
 * commute.
 */

import { Dim, productOf } from '../../ir/dim.ts';
import type { Node } from '../../ir/graph.ts';
import { numbersAttr } from '../../ops/attrs.ts';
import { hasStrideOne, isPointwise, isUnpadded, type LinearView, linearView } from '../analysis/linear.ts';
import { countsNoPadding } from '../analysis/shapes.ts';
import { soleReader } from '../analysis/uses.ts';
import { op } from '../engine/pattern.ts';
import { rule } from '../engine/rule.ts';
import { rebuild } from './rebuild.ts';

interface Pooled {
  readonly pool: Node;
  readonly conv: LinearView;
}

export const commutePool = rule({
  name: 'commute-pool/average',
  doc: `Averages before a pointwise conv instead of behind it.

  avgpool(conv1x1(x; W, b))  →  conv1x1(avgpool(x); W, b)

Exact when
  one-reader   only the pool reads the conv, which is no output
  pointwise    the conv's kernel is 1×1, its stride 1, without padding: it maps every place alike
  average      the pool is unpadded, or does not count its padding (then its weights sum to 1 and the bias passes), or there is no bias (counted
               padding is zeros, which would have become b)
  cheaper      the grid shrinks and multiply-adds fall, where the grid has more than one place
Rounding: the order of sums alone.
Source: linearity; Huang et al. 2017, DenseNet, arXiv:1608.06993 (transition layers).`,
  match: op(['avgpool', 'global_avgpool'], 'pool', op('conv', 'node')).view(({ pool, node }): Pooled | undefined => {
    const conv = linearView(node);
    return conv && isPointwise(conv) ? { pool, conv } : undefined;
  }),
  exact: {
    'one-reader': ({ pool, conv }) => soleReader(conv.node.y) === pool,
    pointwise: ({ conv }) => hasStrideOne(conv) && isUnpadded(conv),
    average: ({ pool, conv }) => countsNoPadding(pool) || !conv.bias,
    cheaper: ({ pool, conv }) => {
      const after = productOf(pool.y.type.dims).times(conv.inputs / conv.groups);
      return gridShrinks(pool) && costsLess(after, conv.node);
    },
  },
  rewrite({ pool, conv }, g) {
    const pooled = g.node(pool.op.name, [conv.x], pool.attrs, pool);
    g.replace(pool.y, rebuild(g, conv, { x: pooled }));
  },
});

/** Fewer multiply-adds than the node for all sizes. */
function costsLess(after: Dim, node: Node): boolean {
  const before = node.madds;
  return before !== undefined && after !== before && after.atMost(before) === 'yes';
}

/** No axis of the grid grows, and windows step: pools that keep the grid were measured slower in front. */
function gridShrinks(pool: Node): boolean {
  if (pool.op.name === 'avgpool' && numbersAttr(pool.attrs, 'stride').every((n) => n === 1)) return false;
  return pool.y.type.dims.slice(2).every((d, axis) => {
    const before = pool.x.type.dims[axis + 2];
    return before !== undefined && d.atMost(before) === 'yes';
  });
}

interface Resized {
  readonly conv: LinearView;
  readonly resize: Node;
}

export const commuteResize = rule({
  name: 'commute-pool/resize',
  doc: `Runs a pointwise conv before an up-sampling instead of behind it.

  conv1x1(resize(x); W, b)  →  resize(conv1x1(x; W, b))

Every element of a resize is a weighted mean of elements: its weights sum to 1 in every mode, and nothing is put in from outside, so that the bias passes.
Exact when
  one-reader   only the conv reads the resize, which is no output
  pointwise    the conv's kernel is 1×1, its stride 1, without padding: it maps every place alike
  cheaper      the grid grows and multiply-adds fall, where the grid has more than one place
Rounding: the order of sums alone.
Source: linearity; ONNX Resize, the modes nearest, linear and cubic.`,
  match: op('conv', 'node', op('resize', 'resize')).view(({ node, resize }): Resized | undefined => {
    const conv = linearView(node);
    return conv && isPointwise(conv) ? { conv, resize } : undefined;
  }),
  exact: {
    'one-reader': ({ conv, resize }) => soleReader(resize.y) === conv.node,
    pointwise: ({ conv }) => hasStrideOne(conv) && isUnpadded(conv),
    cheaper: ({ conv, resize }) => {
      const small = resize.x.type.dims;
      const large = resize.y.type.dims;
      const grows = small.every(
        (d, axis) => large[axis] !== undefined && (axis < 2 ? d === large[axis] : d.atMost(large[axis]) === 'yes'),
      );
      const [batch = Dim.one, , ...grid] = small;
      const after = productOf([batch, ...grid]).times(conv.outputs * (conv.inputs / conv.groups));
      return grows && costsLess(after, conv.node);
    },
  },
  rewrite({ conv, resize }, g) {
    const mixed = rebuild(g, conv, { x: resize.x });
    g.replace(conv.node.y, g.node(resize.op, [mixed, ...resize.operands.slice(1)], resize.attrs, resize));
  },
});
