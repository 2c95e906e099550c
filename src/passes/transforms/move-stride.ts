/**
 * Moves the stride of pointwise convs up into the conv that made the value, so that nobody computes what nobody reads (the first
 * unit of each stage in ResNet v1, where conv1 and the projection both read every second place).
 */

import type { Node, Value } from '../../ir/graph.ts';
import { numbersAttr } from '../../ops/attrs.ts';
import { isPointwise, isUnpadded, linearView } from '../analysis/linear.ts';
import { sameNumbers } from '../analysis/numbers.ts';
import { subsampleOf } from '../analysis/shapes.ts';
import { producerIn } from '../analysis/uses.ts';
import { any, op } from '../engine/pattern.ts';
import type { Rewriter } from '../engine/rewriter.ts';
import { rule } from '../engine/rule.ts';
import { rebuild } from './rebuild.ts';

/** The step with which a node reads the grid of its first operand, when it looks at nothing else of it. */
function stepOf(node: Node): readonly number[] | undefined {
  const view = linearView(node);
  if (view) return isPointwise(view) && isUnpadded(view) ? numbersAttr(node.attrs, 'stride') : undefined;
  return subsampleOf(node);
}

interface Moved {
  readonly top: Value;
  readonly step: readonly number[];
  readonly readers: readonly Node[];
  /** Every reader takes every step-th place alone. */
  readonly alike: boolean;
  /**
   * Elementwise nodes and convs above the readers, in topological order, whose results are wanted at every step-th place alone.
   */
  readonly tree: ReadonlySet<Node>;
  /** Elementwise nodes that take part; the rest of the tree are convs. */
  readonly broadcast: boolean;
}

const treeLimit = 64;

const readerLimit = 64;

const isConv = (node: Node): boolean => node.op.name === 'conv';

/** Element i of the result depends on elements at place i of the operands. */
function isPlacewise(node: Node): boolean {
  return node.results.length === 1 && (node.op.traits.elementwise === true || node.op.name === 'batchnorm');
}

/** How an operand takes part in a placewise node: along the grid, the same at every place, or partly. */
function gridOf(value: Value, node: Node, index: number): 'same' | 'none' | 'part' {
  if (node.op.name === 'batchnorm') return index === 0 ? 'same' : 'none';
  const full = node.y.type.dims;
  const missing = full.length - value.type.dims.length;
  const axes = full.slice(2).map((d, axis) => {
    const own = value.type.dims[axis + 2 - missing];
    if (own === undefined || own.constant === 1) return 'none';
    return own === d ? 'same' : 'part';
  });
  if (axes.every((a) => a === 'none')) return 'none';
  return axes.every((a) => a === 'same') && missing === 0 ? 'same' : 'part';
}

/** The nodes above `top` that only feed each other and the readers; a node joins when all that read it are in. */
function treeAbove(top: Value, reader: Node): { readonly tree: ReadonlySet<Node>; readonly broadcast: boolean } {
  const tree = new Set<Node>();
  const stack: { readonly value: Value; readonly by: Node; readonly first: boolean }[] = [
    { value: top, by: reader, first: true },
  ];
  let broadcast = true;
  for (let item = stack.pop(); item && tree.size < treeLimit; item = stack.pop()) {
    const { value, by, first } = item;
    const node = producerIn(value, by);
    if (!node || (!first && value.soleUse === undefined)) continue;
    if (isConv(node)) {
      tree.add(node);
      continue;
    }
    if (!isPlacewise(node)) continue;
    tree.add(node);
    for (const [index, operand] of node.operands.entries()) {
      if (!operand) continue;
      const grid = gridOf(operand, node, index);
      if (grid === 'part') broadcast = false;
      if (grid === 'same') stack.push({ value: operand, by: node, first: false });
    }
  }
  return { tree, broadcast };
}

export const moveStrideUp = rule({
  name: 'move-stride/up',
  doc: `Moves the stride that all readers of a value share into what made the value.

  conv1x1(relu(conv(u) + v); stride s)  →  conv1x1(relu(conv(u; stride·s) + maxpool(v; kernel 1, stride s)))

Exact when
  same-step    every reader is an unpadded pointwise conv or a subsample, all with one stride above 1; the value is no output
  placewise    between them stand elementwise operators and batchnorms alone, whose operands lie along the whole grid or have one place; what is
               read elsewhere as well is subsampled by a max pool with a window of one
  conv-above   at least one conv's grid shrinks, so that multiply-adds fall
That the readers' grids come out the same (⌊(⌊a/s⌋)/t⌋ = ⌊a/(s·t)⌋) the types must show; else the driver refuses. Rounding: none.
Source: the equation; place i of the strided is place i·s of the other.`,
  match: op(['conv', 'maxpool', 'slice'], 'root', any('top')).view(({ root, top }): Moved | undefined => {
    const step = stepOf(root);
    if (!step || step.every((n) => n === 1) || !producerIn(top, root)) return undefined;
    if (top.uses.size > readerLimit) return undefined;
    const users = [...top.uses];
    const alike =
      top.outputs === 0 &&
      users.every((use) => use.index === 0 && use.user.graph === root.graph && sameNumbers(stepOf(use.user) ?? [], step));
    return { top, step, alike, readers: users.map((use) => use.user), ...treeAbove(top, root) };
  }),
  exact: {
    'same-step': ({ alike }) => alike,
    placewise: ({ tree, broadcast }) => tree.size > 0 && broadcast,
    'conv-above': ({ tree }) => [...tree].some(isConv),
  },
  rewrite(m, g) {
    const { step } = m;
    const made = new Map<Value, Value>();
    for (const node of inOrder(m)) made.set(node.y, strided(g, node, step, made));
    const top = made.get(m.top);
    if (!top) return;
    for (const reader of m.readers) {
      const view = linearView(reader);
      g.replace(reader.y, view ? rebuild(g, view, { x: top, attrs: { stride: step.map(() => 1) }, before: reader }) : top);
    }
  },
});

/** Operands before their readers. The tree is small; a node comes when all of its operands in the tree have come. */
function inOrder({ tree }: Moved): readonly Node[] {
  const out: Node[] = [];
  const left = new Set(tree);
  while (left.size > 0) {
    for (const node of left) {
      if (isConv(node) || !node.operands.some((v) => v?.producer && left.has(v.producer))) {
        out.push(node);
        left.delete(node);
      }
    }
  }
  return out;
}

function strided(g: Rewriter, node: Node, step: readonly number[], made: ReadonlyMap<Value, Value>): Value {
  if (isConv(node)) {
    const stride = numbersAttr(node.attrs, 'stride').map((n, axis) => n * (step[axis] ?? 1));
    return g.node('conv', node.operands, { ...node.attrs, stride }, node, node);
  }
  const operands = node.operands.map((value, index) => {
    if (!value || gridOf(value, node, index) === 'none') return value;
    return made.get(value) ?? g.node('maxpool', [value], { kernel: step.map(() => 1), stride: step }, node, node);
  });
  return g.node(node.op.name, operands, node.attrs, node, node);
}
