/**
 * Convolutions in the form that a CPU's blocked layout has kernels for. onnxruntime keeps activations as [N, C/16, …, 16] on
 * x86-64 (NCHWc: 16 channels with AVX-512, 8 with AVX2) and computes a convolution there where its grid has two axes and its
 * channels fill whole blocks; all others it unfolds into matrices, group by group.
 */

import { Dim, sameDims } from '../../ir/dim.ts';
import type { Node, Value } from '../../ir/graph.ts';
import type { AttrValue } from '../../ir/operator.ts';
import { numberAttr, numbersAttr } from '../../ops/attrs.ts';
import { isConstantTarget, unsqueezed } from '../../ops/reshape.ts';
import * as w from '../../tensor/algebra.ts';
import { sessionOf } from '../../tensor/session.ts';
import { isConstant } from '../analysis/constants.ts';
import { isPointwise, kernelOf, type LinearView, linearView, unitMatrix, weightOf } from '../analysis/linear.ts';
import { product } from '../analysis/numbers.ts';
import { operatorSet, operatorsThat, unionOf } from '../analysis/operators.ts';
import { reshaping } from '../analysis/shapes.ts';
import { copyIsFree, producerIn } from '../analysis/uses.ts';
import { op } from '../engine/pattern.ts';
import type { Rewriter } from '../engine/rewriter.ts';
import { rule } from '../engine/rule.ts';
import { changed, rebuild } from './rebuild.ts';

/** Channels of a block with AVX-512; with AVX2 two blocks. */
const block = 16;

const fillsBlocks = (channels: number): boolean => channels % block === 0;

/** More groups than this are not made one: the zeros between them would cost more than the layout saves. */
const mostTogether = 8;

/** How many neighbouring groups together fill blocks, at least two; undefined where not so few do. */
function groupsTogether(conv: LinearView): number | undefined {
  const { groups, inputs, outputs } = conv;
  for (let n = 2; n <= mostTogether; n++) {
    if (groups % n === 0 && fillsBlocks((inputs / groups) * n) && fillsBlocks((outputs / groups) * n)) return n;
  }
  return undefined;
}

/** Each output channel of a depthwise conv reads the one input channel at its place. */
const isDepthwise = ({ groups, inputs, outputs }: LinearView): boolean => groups > 1 && groups === inputs && groups === outputs;

/** The channels fill blocks by themselves. */
function isBlocked(conv: LinearView): boolean {
  const { groups, inputs, outputs } = conv;
  return isDepthwise(conv) ? fillsBlocks(outputs) : fillsBlocks(inputs / groups) && fillsBlocks(outputs / groups);
}

interface Grouped {
  readonly conv: LinearView;
  readonly together: number;
}

export const joinGroups = rule({
  name: 'blocked-layout/groups',
  doc: `Joins neighbouring groups of a conv until their channels fill blocks of the CPU's layout; what one group has of another is zero.

  conv(x; W, b, G groups)  →  conv(x; W', b, G/n groups),   W'[o] = W[o] at the inputs of o's old group, 0 at the others of its new one

Exact when
  grid          the grid has two axes and the kernel more than one tap: pointwise convs were measured slower
  element       f32
  needed        the channels of a group do not fill blocks of 16 yet
  constant      the weights are constants
  weight-copy   nobody else reads the weights
0 · x is 0 because x is finite. n is the smallest that fills blocks, at most 8. Rounding: the order of sums alone. For a CPU: 0.4 to 0.9 of the time of such a conv in
onnxruntime with AVX-512 (ResNeXt's groups of 4 and 8 channels), by bench/rewrites.md.
Source: onnxruntime, NchwcTransformer; Xie et al. 2017, ResNeXt, arXiv:1611.05431, figure 3.`,
  lowers: false,
  match: op('conv', 'node').view(({ node }): Grouped | undefined => {
    const conv = linearView(node);
    const together = conv && conv.groups > 1 ? groupsTogether(conv) : undefined;
    return conv && together !== undefined ? { conv, together } : undefined;
  }),
  exact: {
    grid: ({ conv }) => conv.x.type.dims.length === 4 && !isPointwise(conv),
    element: ({ conv }) => conv.x.type.elem === 'f32',
    needed: ({ conv }) => !isBlocked(conv),
    constant: ({ conv }) => isConstant(conv.weight),
    'weight-copy': ({ conv }) => copyIsFree(conv.weight, conv.node, 0),
  },
  rewrite({ conv, together: n }, g) {
    const { groups, inputs, outputs } = conv;
    const weight = weightOf(conv);
    const [per, made] = [inputs / groups, outputs / groups];
    const taps = product(kernelOf(conv));
    // [G/n, n of the outputs, …] times the unit matrix [n of the outputs, n of the inputs].
    const apart = w.reshape(weight, [groups / n, n, made, 1, per * taps]);
    const unit = w.reshape(unitMatrix(sessionOf(conv.node.graph), conv.x.type.elem, n), [1, n, 1, n, 1]);
    const joined = w.reshape(w.mul(apart, unit), [outputs, n * per, ...kernelOf(conv)]);
    g.replace(conv.node.y, rebuild(g, conv, { weight: joined, attrs: { groups: groups / n } }));
  },
});

/** [N, C, L] as [N, C, 1, L], and likewise what has less in front. */
const raised = <T>(dims: readonly T[], one: T): readonly T[] => unsqueezed(dims, [-2], one);

const raisedDims = (dims: readonly Dim[]): readonly Dim[] => raised(dims, Dim.one);

/** Makes [N, C, L] of [N, C, 1, L]. */
function isLowering(node: Node): boolean {
  if (!reshaping.names.has(node.op.name)) return false;
  const { dims } = node.y.type;
  return dims.length === 3 && sameDims(node.x.type.dims, raisedDims(dims));
}

/** What a value [N, C, L] is a reshape of, where that is the same as [N, C, 1, L]. */
function raisedOf(value: Value, reader: Node): Value | undefined {
  const node = producerIn(value, reader);
  return node && isLowering(node) ? node.x : undefined;
}

function raise(value: Value, reader: Node, g: Rewriter): Value {
  return raisedOf(value, reader) ?? g.node('reshape', [value], { shape: raisedDims(value.type.dims) }, reader);
}

function replaceByLowered(node: Node, y: Value, g: Rewriter): void {
  g.replace(node.y, g.node('reshape', [y], { shape: node.y.type.dims }, node));
}

/** Constants of the file say the shapes on both sides. */
function isPlain(value: Value): boolean {
  const { dims } = value.type;
  return isConstantTarget(dims, raisedDims(dims)) && isConstantTarget(raisedDims(dims), dims);
}

/** Attributes of a window over one axis, for two. */
function raisedWindow(node: Node): Readonly<Record<string, AttrValue>> {
  const attrs: Record<string, AttrValue> = { ...node.attrs };
  for (const name of ['kernel', 'stride', 'dilation']) if (name in attrs) attrs[name] = [1, ...numbersAttr(attrs, name)];
  if ('pads' in attrs) {
    const [begin = 0, end = 0] = numbersAttr(attrs, 'pads');
    attrs.pads = [0, begin, 0, end];
  }
  return attrs;
}

const elementwise = operatorsThat('elementwise', ({ traits }) => traits.elementwise === true);
const elementwiseOrConcat = unionOf([elementwise, operatorSet('concat', ['concat'])]);
const pools = operatorSet('pool', ['maxpool', 'avgpool', 'global_avgpool', 'global_maxpool']);
/** What the rules here run in the layout. */
const between = unionOf([elementwiseOrConcat, pools]);

/** A conv over one axis whose channels fill blocks, by themselves or with their neighbours. */
function convOfOneAxis(node: Node | undefined): LinearView | undefined {
  const conv = node?.op.name === 'conv' && node.x.type.dims.length === 3 ? linearView(node) : undefined;
  if (!conv) return undefined;
  return isBlocked(conv) || (!isPointwise(conv) && groupsTogether(conv) !== undefined) ? conv : undefined;
}

/** Operators between two convs that are looked through. */
const mostBetween = 4;

/**
 * Neighbours that are looked at for one node, as every node of a graph asks: a value may have as many readers, and joins and
 * shortcuts lead to one operator on many ways.
 */
const mostNeighbours = 256;

/** Whether steps from a conv come to another such conv, the nearest first, through operators that run in the layout. */
function comesToConv(start: Node, step: (node: Node) => Iterable<Node>): boolean {
  const depths = new Map([[start, 0]]);
  let left = mostNeighbours;
  for (const [node, depth] of depths) {
    for (const next of step(node)) {
      if (left-- === 0) return false;
      if (convOfOneAxis(next) || isLowering(next)) return true;
      if (depth < mostBetween && between.names.has(next.op.name) && !depths.has(next)) depths.set(next, depth + 1);
    }
  }
  return false;
}

/** What makes the data of a node. */
function* makersOf(node: Node): Generator<Node> {
  for (const x of node.op.name === 'conv' ? [node.x] : node.operands) {
    const maker = producerIn(x, node);
    if (maker) yield maker;
  }
}

/** What reads the result of a node as its data. */
function* readersOf(node: Node): Generator<Node> {
  for (const { user, index } of node.y.uses) {
    if (user.graph === node.graph && (index === 0 || user.op.name !== 'conv')) yield user;
  }
}

export const raiseConv = rule({
  name: 'blocked-layout/conv',
  doc: `Says a conv over one axis as one over two, of which the first has a single place.

  conv(x: [N, C, L]; W: [O, I, k], b)  →  reshape(conv(reshape(x; [N, C, 1, L]); reshape(W; [O, I, 1, k]), b); [N, O, L'])

Exact when
  element       f32
  blocks        the channels fill blocks of 16, by themselves or together with neighbouring groups
  pays          it is depthwise, or another such conv stands before or behind it, with at most four elementwise operators, joins or pools between, among
                the nearest 256 neighbours: then the layout is kept
  constant      the weights are constants
  weight-copy   nobody else reads the weights
  plain         the shapes are constants of the file: one size at most is neither a number nor at the same place before, and then none there may be 0
Rounding: the order of sums alone. For a CPU: 0.5 to 0.9 of the time of a chain in onnxruntime with AVX-512, 0.3 to 0.4 of a depthwise conv's, by bench/rewrites.md.
Source: onnxruntime, NchwcTransformer, which knows grids of two axes alone.`,
  lowers: false,
  match: op('conv', 'node').view(({ node }) => {
    const conv = linearView(node);
    return node.x.type.dims.length === 3 ? conv : undefined;
  }),
  exact: {
    element: (conv) => conv.x.type.elem === 'f32',
    blocks: (conv) => convOfOneAxis(conv.node) !== undefined,
    pays: (conv) =>
      (isDepthwise(conv) && !isPointwise(conv)) || [makersOf, readersOf].some((step) => comesToConv(conv.node, step)),
    constant: (conv) => isConstant(conv.weight),
    'weight-copy': (conv) => copyIsFree(conv.weight, conv.node, 0),
    plain: (conv) => isPlain(conv.x) && isPlain(conv.node.y),
  },
  rewrite(conv, g) {
    const x = raise(conv.x, conv.node, g);
    const weight = w.reshape(weightOf(conv), raised(weightOf(conv).dims, 1));
    replaceByLowered(conv.node, rebuild(g, conv, { x, weight, attrs: raisedWindow(conv.node) }), g);
  },
});

export const raisePool = rule({
  name: 'blocked-layout/pool',
  doc: `Pools before a reshape that drops an axis of one place, instead of behind it.

  pool(reshape(x: [N, C, 1, L]; [N, C, L]))  →  reshape(pool(x); [N, C, L'])

Exact when
  plain   the shape is a constant of the file: one size at most is neither a number nor at the same place before, and then none there may be 0
Rounding: none. For a CPU, behind blocked-layout/conv: the layout is kept.`,
  lowers: false,
  match: op(pools, 'node').view(({ node }) => {
    const x = raisedOf(node.x, node);
    return x && { node, x };
  }),
  exact: { plain: ({ node }) => isPlain(node.y) },
  rewrite({ node, x }, g) {
    replaceByLowered(node, g.node(node.op, [x], raisedWindow(node), node), g);
  },
});

interface Sunk {
  readonly node: Node;
  readonly from: readonly Value[];
}

/** A constant that broadcasts against [N, C, L], for [N, C, 1, L]. */
function raisedConstant(constant: Value, g: Rewriter): Value {
  const content = w.exprOf(constant);
  return content.dims.length < 2 ? constant : changed(g, constant, w.reshape(content, raised(content.dims, 1)));
}

/** Joins along the batch or the channels. */
const joinsChannels = (node: Node): boolean => node.op.name === 'concat' && [0, 1].includes(numberAttr(node.attrs, 'axis'));

/** Another reader takes the axis back, which then reads the value before. */
const takesBack = (value: Value): boolean =>
  value.uses.size <= mostNeighbours &&
  [...value.uses].some(
    ({ user }) => reshaping.names.has(user.op.name) && sameDims(user.y.type.dims, raisedDims(value.type.dims)),
  );

export const sinkReshape = rule({
  name: 'blocked-layout/elementwise',
  doc: `Runs elementwise operators and joins of channels before a reshape that drops an axis of one place, instead of behind it.

  f(reshape(x: [N, C, 1, L]; [N, C, L]), …)  →  reshape(f(x, …); [N, C, L])      f: elementwise, or a concat along batch or channels

Exact when
  all     every operand is such a reshape, or read by one that takes the axis back, or a constant that nobody else reads; one at least is the first
  alone   but for f and reshapes nobody reads a reshape that goes, and none is an output; it has at most 256 readers
  plain   the shape is a constant of the file: one size at most is neither a number nor at the same place before, and then none there may be 0
Rounding: none. For a CPU, behind blocked-layout/conv: the layout is kept.`,
  lowers: false,
  match: op(elementwiseOrConcat, 'node').view(({ node }): Sunk | undefined => {
    if (node.op.name === 'concat' ? !joinsChannels(node) : node.results.length !== 1) return undefined;
    if (node.y.type.dims.length !== 3) return undefined;
    const from = node.operands.flatMap((x) => (x && raisedOf(x, node) ? [x] : []));
    return from.length > 0 ? { node, from } : undefined;
  }),
  exact: {
    all({ node, from }) {
      return node.operands.every((x) => {
        if (x === undefined || from.includes(x)) return true;
        const rank = x.type.dims.length;
        if (isConstant(x)) return rank < 2 || copyIsFree(x, node, 0);
        return rank === 3 && takesBack(x);
      });
    },
    alone: ({ node, from }) =>
      from.some(
        ({ outputs, uses }) =>
          outputs === 0 &&
          uses.size <= mostNeighbours &&
          [...uses].every(({ user }) => user === node || reshaping.names.has(user.op.name)),
      ),
    plain: ({ node }) => isPlain(node.y),
  },
  rewrite({ node }, g) {
    const operands = node.operands.map((x) => x && (isConstant(x) ? raisedConstant(x, g) : raise(x, node, g)));
    replaceByLowered(node, g.node(node.op, operands, node.attrs, node), g);
  },
});
