/** What the spellings of LayerNorm and RMSNorm have alike: a root of a mean, and a weight and a bias behind it. */

import type { Node, Value } from '../../../ir/graph.ts';
import { roundFloat } from '../../../ir/round.ts';
import type { TensorType } from '../../../ir/types.ts';
import { sameDim } from '../../../ops/common.ts';
import * as w from '../../../tensor/algebra.ts';
import { isConstant } from '../../analysis/constants.ts';
import { arithmetic, belowCasts, isInside, numberOf } from '../../analysis/polynomial.ts';
import type { Rewriter } from '../../engine/rewriter.ts';

export interface SpelledNorm {
  /** The last node of it. */
  readonly last: Node;
  readonly x: Value;
  readonly axes: readonly number[];
  readonly eps: number;
  readonly weight: Value | undefined;
  readonly bias: Value | undefined;
  readonly nodes: ReadonlySet<Node>;
}

/** √v, or v to the power of ½ or −½: which power of the standard deviation the root computes. */
export function powerOf(root: Node): 1 | -1 | undefined {
  if (root.op.name === 'sqrt') return 1;
  const exponent = numberOf(root.operand(1));
  return exponent === 0.5 ? 1 : exponent === -0.5 ? -1 : undefined;
}

/** What a node squares: an operand times itself, or its second power. */
export function squaredBy(node: Node): Value | undefined {
  const [a, b] = node.operands;
  const squares = node.op.name === 'mul' ? a === b : node.op.name === 'pow' && numberOf(b) === 2;
  return squares ? a : undefined;
}

/** The means that arithmetic and means below a value begin with. */
export function meansBelow(value: Value): readonly Node[] {
  const means: Node[] = [];
  const seen = [value];
  for (let i = 0; i < seen.length && seen.length < 24; i++) {
    const node = seen[i]?.producer;
    if (!node || node.graph !== value.graph) continue;
    const isMean = node.op.name === 'reduce_mean';
    if (isMean) means.push(node);
    if (!isMean && !arithmetic.includes(node.op.name)) continue;
    for (const operand of node.operands) if (operand && !isConstant(operand) && !seen.includes(operand)) seen.push(operand);
  }
  return means;
}

/** The operand of the mean with the element type of the result: x itself, or what the arithmetic made of it by casts. */
export function withElem(of: Value, elem: TensorType['elem']): Value {
  const below = belowCasts(of);
  return of.type.elem === elem || below.type.elem !== elem ? of : below;
}

const normalOf = (m: SpelledNorm): TensorType['dims'] => m.x.type.dims.slice(m.axes[0] ?? 0);

/** A parameter has the normalised axes, and where it is a constant perhaps axes of one element before them. */
function fits(parameter: Value | undefined, m: SpelledNorm): boolean {
  if (!parameter) return true;
  const normal = normalOf(m);
  const { dims, elem } = parameter.type;
  const lead = dims.length - normal.length;
  if (elem !== m.x.type.elem || lead < 0 || (lead > 0 && !isConstant(parameter))) return false;
  return dims.every((d, i) => {
    const own = normal[i - lead];
    return own ? sameDim(d, own) : d.constant === 1;
  });
}

export function parameter(g: Rewriter, value: Value | undefined, m: SpelledNorm): Value | undefined {
  if (!value || value.type.dims.length === normalOf(m).length || !value.isConstant) return value;
  const expr = w.exprOf(value);
  return g.constant(w.reshape(expr, expr.dims.slice(-normalOf(m).length)), value.role, value.name);
}

/** The conditions of both rules. */
export const normConditions = {
  'last-axes': (m: SpelledNorm): boolean =>
    m.axes.length > 0 && m.axes.every((axis, i) => axis === m.x.type.dims.length - m.axes.length + i),
  epsilon: ({ eps, x }: SpelledNorm): boolean => eps >= 0 && (x.type.elem !== 'f64' || roundFloat('f32', eps) === eps),
  parameters: (m: SpelledNorm): boolean => fits(m.weight, m) && fits(m.bias, m),
  'known-size': (m: SpelledNorm): boolean => m.weight !== undefined || normalOf(m).every((d) => d.constant !== undefined),
  inside: ({ nodes, last }: SpelledNorm): boolean => isInside(nodes, last.y),
};
