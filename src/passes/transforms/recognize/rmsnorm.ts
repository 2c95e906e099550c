/** RMSNorm out of the operators that exporters spell it with. */

import type { Node, Value } from '../../../ir/graph.ts';
import { isFloat } from '../../../ir/types.ts';
import { boolAttr } from '../../../ops/attrs.ts';
import { above, belowCasts, Expansion, type Polynomial, variable } from '../../analysis/polynomial.ts';
import { reducedAxesOf } from '../../analysis/shapes.ts';
import { op } from '../../engine/pattern.ts';
import { rule } from '../../engine/rule.ts';
import { meansBelow, normConditions, parameter, powerOf, type SpelledNorm, squaredBy, withElem } from './norm-parts.ts';

/** What a mean averages the squares of. */
function squaredIn(mean: Node): Value | undefined {
  const square = belowCasts(mean.x).producer;
  return square?.graph === mean.graph ? squaredBy(square) : undefined;
}

/** ε of a radicand Q + ε. */
function epsilonOf(radicand: Polynomial | undefined): number | undefined {
  if (radicand?.get('Q')?.factor !== 1) return undefined;
  const eps = radicand.get('')?.factor ?? 0;
  return radicand.size === (eps === 0 ? 1 : 2) ? eps : undefined;
}

/** The name of the weight in X·weight / S, '' where there is none. */
function weightOf(y: Polynomial | undefined): string | undefined {
  const [term, second] = y?.values() ?? [];
  if (!term || second || term.factor !== 1 || term.powers.get('X') !== 1 || term.powers.get('S') !== -1) return undefined;
  const others = [...term.powers].filter(([name]) => name !== 'X' && name !== 'S');
  if (others.length > 1 || others.some(([, power]) => power !== 1)) return undefined;
  return others[0]?.[0] ?? '';
}

function* spelledAt(root: Node): Generator<SpelledNorm> {
  const power = powerOf(root);
  if (power === undefined || !isFloat(root.y.type.elem)) return;
  for (const mean of meansBelow(root.x)) {
    const of = boolAttr(mean.attrs, 'keepdims') ? squaredIn(mean) : undefined;
    if (!of) continue;
    const x = belowCasts(of);
    // The squares are seen by themselves, so that they belong to the spelling.
    const squares = new Expansion(mean.graph, (value) => (belowCasts(value) === x ? variable('X') : undefined));
    if (squares.of(mean.x)?.get('X^2')?.factor !== 1) continue;
    const below = new Expansion(mean.graph, (value) => (value === mean.y ? variable('Q') : undefined));
    const eps = epsilonOf(below.of(root.x));
    if (eps === undefined) continue;
    for (const y of above(root.y).toReversed()) {
      const whole = new Expansion(mean.graph, (value) =>
        value === root.y ? variable('S', power) : belowCasts(value) === x ? variable('X') : undefined,
      );
      const weight = weightOf(whole.of(y));
      if (weight === undefined || !y.producer) continue;
      yield {
        last: y.producer,
        x: withElem(of, y.type.elem),
        axes: reducedAxesOf(mean),
        eps,
        weight: whole.leaves.get(weight),
        bias: undefined,
        nodes: new Set([root, mean, ...squares.nodes, ...below.nodes, ...whole.nodes]),
      };
    }
  }
}

export const recognizeRmsnorm = rule({
  name: 'recognize/rmsnorm',
  doc: `Puts one rmsnorm in the place of the operators that spell it.

  x / √(mean(x²) + ε) · weight  →  rmsnorm(x; weight, ε)

In every order and grouping, by reciprocals, powers of ½ and −½, and casts between floats, compared as polynomials. The weight may be missing. It is
one node from opset 23 on, which has RMSNormalization; below it is written as runtimes fuse it.
Exact when
  last-axes    the mean is over the last axes of x
  epsilon      ε is not negative, and an f32 number, because the attribute is one: of another type than f64 it always is
  parameters   the weight has the shape and element type of the normalised part of x; a constant may have axes of 1 before it
  known-size   the weight is there, or the normalised axes have known sizes, because RMSNormalization wants ones
  inside       nobody else reads what is computed between x and the result
A spelling that fails with a weight is tried without it.
Rounding: that of every step goes; f16 and bf16 are computed in f32 inside.
Source: Zhang and Sennrich 2019, arXiv:1910.07467; ONNX RMSNormalization-23.`,
  match: op(['sqrt', 'pow'], 'root').each(({ root }) => spelledAt(root)),
  exact: normConditions,
  rewrite(m, g) {
    const { last, x, axes, eps } = m;
    g.replace(last.y, g.node('rmsnorm', [x, parameter(g, m.weight, m)], { axis: -axes.length, eps }, last, last));
  },
});
