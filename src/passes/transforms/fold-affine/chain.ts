/** What stands between arithmetic and the weights that it goes into: operators that a scale passes. */
import type { Node, Value } from '../../../ir/graph.ts';
import type { WeightExpr } from '../../../tensor/expr.ts';
import { isConstant, isPositive } from '../../analysis/constants.ts';
import { isView } from '../../analysis/shapes.ts';
import { producerIn } from '../../analysis/uses.ts';
import type { Rewriter } from '../../engine/rewriter.ts';

/** A longer way between the constant and the weights than this is not searched. */
const chainLimit = 8;

/** Whether a node takes one value, and passes a scale of it on; prelu's slopes stay as they are. */
function passesScale(node: Node | undefined): node is Node {
  // Views have rules of their own.
  if (node?.results.length !== 1 || (isView(node) && node.op.traits.elementwise !== true)) return false;
  const { homogeneous } = node.op.traits;
  if (homogeneous !== 'any' && homogeneous !== 'positive') return false;
  return node.slots.length === 1 || (node.op.name === 'prelu' && isConstant(node.operand(1)));
}

/** The same operator on another value. */
export function repeatNode(g: Rewriter, node: Node, x: Value, before?: Node): Value {
  return g.node(node.op.name, [x, ...node.operands.slice(1)], node.attrs, node, before);
}

/** Walks up from a value through what a scale passes. */
export function chainAbove(value: Value, reader: Node): { readonly chain: readonly Node[]; readonly top: Node | undefined } {
  const chain: Node[] = [];
  let top = producerIn(value, reader);
  while (chain.length < chainLimit && passesScale(top)) {
    chain.push(top);
    top = producerIn(top.x, top);
  }
  return { chain, top };
}

export function scaleMayPass(chain: readonly Node[], scale: WeightExpr | undefined): boolean {
  if (chain.length === 0) return true;
  if (!scale) return false;
  return chain.every((node) => node.op.traits.homogeneous === 'any') || isPositive(scale);
}

/** Every channel comes out of the nodes where it went in, or there is but one scale for all. */
export function keepsChannels(chain: readonly Node[], axis: number, scale: WeightExpr | undefined, joined = false): boolean {
  if (scale?.count === 1 && !joined) return true;
  return chain.every(({ op }) => op.traits.elementwise === true || (op.traits.channelwise === true && axis === 1));
}
