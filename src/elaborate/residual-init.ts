/**
 * Initial weights of deep residual networks. A sum of an input and a body of equal variance has twice the variance, so that L
 * residuals in a row multiply it by 2^L, which is more than f32 holds after some 250. The last layer of every body therefore
 * begins 1/√L times as large, L being the number of residuals in the model: (1 + 1/L)^L < e, whatever L is.
 *
 * Source: Radford et al. 2019 (GPT-2, §2.3: residual layers scaled by 1/√N at initialisation); Zhang et al. 2019, Fixup,
 * arXiv:1901.09321; Hanin and Rolnick 2018, arXiv:1803.01719, why the sum of the scales is what counts.
 */
import type { Graph, Node, ResidualRegion, Value } from '../ir/graph.ts';
import type { Operator } from '../ir/operator.ts';
import { concat } from '../ops/concat.ts';
import { add, mul } from '../ops/elementwise.ts';
import type { ContentMaker, OwnInit } from './context.ts';

/** Operators whose result is a sum, or a choice, of bodies side by side. */
const joining: readonly Operator[] = [add, concat];

/** More nodes than this behind the last layer of a body are not looked at. */
const reach = 64;

function liesIn(node: Node, region: ResidualRegion): boolean {
  for (let tag = node.origin.residual; tag; tag = tag.region.outer) if (tag.region === region) return tag.part === 'body';
  return false;
}

/** The weights of the last layers of a body; none where its author scales it by a constant. */
function lastWeights(body: Value, region: ResidualRegion, own: ReadonlyMap<Value, OwnInit>): readonly Value[] {
  const found: Value[] = [];
  const stack = [body];
  const seen = new Set<Node>();
  for (let value = stack.pop(); value; value = stack.pop()) {
    const node = value.producer;
    if (!node || seen.has(node) || seen.size >= reach || !liesIn(node, region)) continue;
    seen.add(node);
    const weight = node.operand(1);
    if (weight && own.has(weight)) found.push(weight);
    else if (node.op === mul && weight?.isConstant && weight.role === 'constant') return [];
    else for (const operand of joining.includes(node.op) ? node.operands : [node.operand(0)]) if (operand) stack.push(operand);
  }
  return found;
}

/** Makes the weights that end a residual body as small as the network is deep; those whose `init=` the author wrote stay. */
export function scaleResiduals(graph: Graph, own: ReadonlyMap<Value, OwnInit>, content: ContentMaker): void {
  const bodies: (readonly [Value, ResidualRegion])[] = [];
  for (const node of graph.nodes()) {
    const tag = node.origin.residual;
    const body = node.operand(0);
    if (tag?.part === 'sum' && node.op === add && body) bodies.push([body, tag.region]);
  }
  const weights = new Set(bodies.flatMap(([body, region]) => lastWeights(body, region, own)));
  for (const weight of weights) {
    const made = own.get(weight);
    if (!made) continue;
    const { path, dims, elem, init } = made;
    graph.setContent(weight, content.initial(path, dims, elem, { ...init, scale: 1 / Math.sqrt(bodies.length) }));
  }
}
