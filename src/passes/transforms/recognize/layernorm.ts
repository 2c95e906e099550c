/** LayerNorm out of the operators that exporters spell it with. */

import type { Node, Value } from '../../../ir/graph.ts';
import { isFloat } from '../../../ir/types.ts';
import { boolAttr } from '../../../ops/attrs.ts';
import { sameNumbers } from '../../analysis/numbers.ts';
import { above, belowCasts, Expansion, type Polynomial, variable } from '../../analysis/polynomial.ts';
import { reducedAxesOf } from '../../analysis/shapes.ts';
import { op } from '../../engine/pattern.ts';
import { rule } from '../../engine/rule.ts';
import { meansBelow, normConditions, parameter, powerOf, type SpelledNorm, withElem } from './norm-parts.ts';

/**
 * Names for what a LayerNorm of the operand of `mean` consists of: X itself, M its mean, Q the mean of X², S the standard
 * deviation. The mean of a polynomial of X and M is one of M and Q.
 */
function expansion(mean: Node, root: Node | undefined): Expansion {
  const x = belowCasts(mean.x);
  const axes = reducedAxesOf(mean);
  const power = root && powerOf(root);
  return new Expansion(mean.graph, (value, inner) => {
    if (belowCasts(value) === x) return variable('X');
    const node = value.producer;
    if (power !== undefined && node === root) return variable('S', power);
    if (node?.op.name !== 'reduce_mean' || node.graph !== mean.graph || !boolAttr(node.attrs, 'keepdims')) return undefined;
    // Of equal rank, because axes are counted from the first.
    if (node.x.type.dims.length !== mean.x.type.dims.length || !sameNumbers(reducedAxesOf(node), axes)) return undefined;
    const averaged = meanOf(inner.of(node.x));
    if (averaged) inner.nodes.add(node);
    return averaged;
  });
}

/** X becomes M, X² becomes Q, and M is the same everywhere along the axes; undefined of anything else. */
function meanOf(p: Polynomial | undefined): Polynomial | undefined {
  if (!p) return undefined;
  const terms = new Map<string, number>();
  for (const { factor, powers } of p.values()) {
    const [x = 0, m = 0] = [powers.get('X'), powers.get('M')];
    const known = (x === 0 ? 0 : 1) + (m === 0 ? 0 : 1) === powers.size && x >= 0 && x <= 2 && m >= 0;
    if (!known) return undefined;
    const name = `${x === 2 ? 1 : 0},${m + (x === 1 ? 1 : 0)}`;
    terms.set(name, (terms.get(name) ?? 0) + factor);
  }
  const out: [string, { factor: number; powers: Map<string, number> }][] = [];
  for (const [name, factor] of terms) {
    const [q = 0, m = 0] = name.split(',').map(Number);
    const powers = new Map<string, number>();
    if (q > 0) powers.set('Q', q);
    if (m > 0) powers.set('M', m);
    const key = [m > 0 ? (m === 1 ? 'M' : `M^${m}`) : '', q > 0 ? 'Q' : ''].filter((part) => part !== '').join('·');
    if (factor !== 0) out.push([key, { factor, powers }]);
  }
  return new Map(out);
}

/** ε of a radicand Q − M² + ε. */
function epsilonOf(radicand: Polynomial | undefined): number | undefined {
  if (radicand?.get('Q')?.factor !== 1 || radicand.get('M^2')?.factor !== -1) return undefined;
  const eps = radicand.get('')?.factor ?? 0;
  return radicand.size === (eps === 0 ? 2 : 3) ? eps : undefined;
}

/** The names of weight and bias in (X − M)·weight / S + bias. */
function affineOf(
  y: Polynomial | undefined,
): { readonly weight: string | undefined; readonly bias: string | undefined } | undefined {
  if (!y || y.size < 2 || y.size > 3) return undefined;
  let bias: string | undefined;
  let [minuend, subtrahend] = [false, false];
  const weights: (string | undefined)[] = [];
  for (const { factor, powers } of y.values()) {
    const others = [...powers].filter(([name]) => name !== 'X' && name !== 'M' && name !== 'S');
    if (others.length > 1 || others.some(([, power]) => power !== 1)) return undefined;
    const [x, m, s] = [powers.get('X'), powers.get('M'), powers.get('S')];
    const name = others[0]?.[0];
    if (x === 1 && m === undefined && s === -1 && factor === 1) {
      minuend = true;
      weights.push(name);
    } else if (x === undefined && m === 1 && s === -1 && factor === -1) {
      subtrahend = true;
      weights.push(name);
    } else if (powers.size === 1 && name !== undefined && factor === 1) bias = name;
    else return undefined;
  }
  if (!minuend || !subtrahend || weights[0] !== weights[1]) return undefined;
  return y.size === (bias === undefined ? 2 : 3) ? { weight: weights[0], bias } : undefined;
}

function* spelledAt(root: Node): Generator<SpelledNorm> {
  if (powerOf(root) === undefined || !isFloat(root.y.type.elem)) return;
  for (const mean of meansBelow(root.x)) {
    if (!boolAttr(mean.attrs, 'keepdims')) continue;
    const below = expansion(mean, undefined);
    const eps = epsilonOf(below.of(root.x));
    if (eps === undefined) continue;
    for (const y of above(root.y).toReversed()) {
      const whole = expansion(mean, root);
      const affine = affineOf(whole.of(y));
      if (!affine || !y.producer) continue;
      const leaf = (name: string | undefined): Value | undefined => (name === undefined ? undefined : whole.leaves.get(name));
      yield {
        last: y.producer,
        x: withElem(mean.x, y.type.elem),
        axes: reducedAxesOf(mean),
        eps,
        weight: leaf(affine.weight),
        bias: leaf(affine.bias),
        nodes: new Set([root, mean, ...below.nodes, ...whole.nodes]),
      };
    }
  }
}

export const recognizeLayernorm = rule({
  name: 'recognize/layernorm',
  doc: `Puts one layernorm in the place of the operators that spell it.

  μ = mean(x), v = mean((x − μ)²):   (x − μ) / √(v + ε) · weight + bias  →  layernorm(x; weight, bias, ε)

The spelling does not matter: what is compared are polynomials in x, μ, mean(x²) and √(v + ε), so that v = mean(x²) − μ², reciprocals, powers
of ½ and −½, x·s + (bias − μ·s) with s = weight / √(v + ε), two equal subtractions, and casts between floats are all one. weight and bias may be
missing. It is one node from opset 17 on, which has LayerNormalization, and where the file had that below; else it is written as runtimes fuse it.
Exact when
  last-axes    the means are over the last axes of x, all the same ones
  epsilon      ε is not negative, and an f32 number, because the attribute is one: of another type than f64 it always is
  parameters   weight and bias have the shape and element type of the normalised part of x; constants may have axes of 1 before it
  known-size   the weight is there, or the normalised axes have known sizes, because LayerNormalization wants ones
  inside       nobody else reads what is computed between x and the result
A spelling that fails with weight and bias is tried with less of them.
Rounding: that of every step goes; f16 and bf16 are computed in f32 inside.
Source: Ba et al. 2016, arXiv:1607.06450; ONNX LayerNormalization-17.`,
  match: op(['sqrt', 'pow'], 'root').each(({ root }) => spelledAt(root)),
  exact: normConditions,
  rewrite(m, g) {
    const { last, x, axes, eps } = m;
    const operands = [x, parameter(g, m.weight, m), parameter(g, m.bias, m)];
    const attrs = { axis: -axes.length, eps };
    g.replace(last.y, g.node('layernorm', operands, attrs, last, last));
  },
});
