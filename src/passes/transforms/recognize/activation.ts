/** Activations out of the operators that exporters spell them with. */

import type { Node, Value } from '../../../ir/graph.ts';
import { isFloat } from '../../../ir/types.ts';
import { numberAttr } from '../../../ops/attrs.ts';
import { isConstant } from '../../analysis/constants.ts';
import {
  above,
  arithmetic,
  Expansion,
  isInside,
  isRounded,
  looksLike,
  numberOf,
  type Polynomial,
  variable,
} from '../../analysis/polynomial.ts';
import { op } from '../../engine/pattern.ts';
import type { Rewriter } from '../../engine/rewriter.ts';
import { rule } from '../../engine/rule.ts';

interface Spelled {
  readonly last: Node;
  readonly x: Value;
  /** Whether every number is the definition's, after rounding. */
  readonly exact: boolean;
  readonly nodes: ReadonlySet<Node>;
  readonly form: string;
}

/** The polynomial of a value where X is one value, E another. */
function expand(
  value: Value,
  x: Value | undefined,
  e: Value | undefined,
): { readonly p: Polynomial | undefined; readonly nodes: ReadonlySet<Node> } {
  const graph = (e ?? x ?? value).graph;
  const expansion = new Expansion(graph, (one) => (one === x ? variable('X') : one === e ? variable('E') : undefined));
  return { p: expansion.of(value), nodes: expansion.nodes };
}

/** What a value may be a polynomial of: itself, and what the arithmetic that makes it reads. */
function below(value: Value): readonly Value[] {
  const found = [value];
  for (let i = 0; i < found.length && found.length < 16; i++) {
    const node = found[i]?.producer;
    if (!node || node.graph !== value.graph || !arithmetic.includes(node.op.name)) continue;
    for (const operand of node.operands) if (operand && !isConstant(operand) && !found.includes(operand)) found.push(operand);
  }
  return found;
}

interface Form {
  readonly name: string;
  /** The argument of the function, and the result, E being the function's value. */
  readonly argument: Readonly<Record<string, number>>;
  readonly result: Readonly<Record<string, number>>;
}

/** The cubic term is a product of two constants in every spelling; the others are one. */
function rounded(p: Polynomial, terms: Readonly<Record<string, number>>, root: Node): boolean {
  return Object.entries(terms).every(([name, exact]) =>
    isRounded(p.get(name)?.factor ?? 0, exact, root.y.type.elem, name === 'X^3' ? 2 : 1),
  );
}

/** Every way in which a value above `root` is one of the forms, of whatever lies below its argument. */
function* spelledAs(root: Node, forms: readonly Form[]): Generator<Spelled> {
  if (!isFloat(root.y.type.elem)) return;
  for (const x of below(root.x)) {
    const argument = expand(root.x, x, undefined);
    for (const form of forms) {
      if (!argument.p || !looksLike(argument.p, form.argument)) continue;
      for (const y of above(root.y).toReversed()) {
        const result = expand(y, x, root.y);
        if (!y.producer || !result.p || !looksLike(result.p, form.result)) continue;
        const exact = rounded(argument.p, form.argument, root) && rounded(result.p, form.result, root);
        yield { last: y.producer, x, exact, nodes: new Set([root, ...argument.nodes, ...result.nodes]), form: form.name };
      }
    }
  }
}

const inside = ({ nodes, last }: Spelled): boolean => isInside(nodes, last.y);

const constants = ({ exact }: Spelled): boolean => exact;

/** √(2/π) */
const geluScale = Math.sqrt(2 / Math.PI);

const phi: Readonly<Record<string, number>> = { X: 0.5, E·X: 0.5 };

export const recognizeGelu = rule({
  name: 'recognize/gelu',
  doc: `Puts one gelu in the place of the operators that spell it.

  ½x(1 + erf(x/√2))  →  gelu(x)      ½x(1 + tanh(√(2/π)(x + 0.044715x³)))  →  gelu(x; tanh)

In every order and grouping of the products and sums, which are compared as polynomials in x and in the function's value, and with casts between
floats. It is one node from opset 20 on, which has Gelu; below it is written in the one spelling of each form that runtimes fuse.
Exact when
  constants   every number is the definition's after rounding: √2 or 1/√2 of an f32 graph is the f32 nearest to it, and a product of two
              constants was rounded twice. Half-precision constants in an f32 graph are not
  inside      nobody else reads what is computed between x and the result
Rounding: that of every step and of the constants.
Source: Hendrycks and Gimpel 2016, arXiv:1606.08415; ONNX Gelu-20.`,
  match: op(['erf', 'tanh'], 'root').each(({ root }) => gelusOf(root)),
  exact: { constants, inside },
  rewrite: (m, g) => put(m, g, 'gelu', { approximate: m.form }),
});

function* gelusOf(root: Node): Generator<Spelled> {
  const erf: Form = { name: 'none', argument: { X: Math.SQRT1_2 }, result: phi };
  const tanh: Form = { name: 'tanh', argument: { X: geluScale, 'X^3': geluScale * 0.044715 }, result: phi };
  yield* spelledAs(root, [root.op.name === 'erf' ? erf : tanh]);
}

/**
 * The node is the last of those that spell a GELU, and nobody else reads what they compute: what runtimes run as one operator,
 * also where the opset has no Gelu and it stays spelled out. A fold that took this node away would leave the others to run one by
 * one.
 */
export function endsGelu(node: Node): boolean {
  if (!isFloat(node.y.type.elem)) return false;
  for (const value of below(node.y)) {
    const root = value.producer;
    if (root?.graph !== node.graph || (root.op.name !== 'erf' && root.op.name !== 'tanh')) continue;
    for (const found of gelusOf(root)) if (found.last === node && inside(found)) return true;
  }
  return false;
}

function put(m: Spelled, g: Rewriter, op: string, attrs: Readonly<Record<string, string>> = {}): void {
  g.replace(m.last.y, g.node(op, [m.x], attrs, m.last, m.last));
}

export const recognizeMish = rule({
  name: 'recognize/mish',
  doc: `Puts one mish in the place of the operators that spell it.

  x · tanh(softplus(x))  →  mish(x)

It is one node from opset 18 on, which has Mish.
Exact when
  inside   nobody else reads what is computed between x and the result
Rounding: that of every step.
Source: Misra 2019, arXiv:1908.08681; ONNX Mish-18.`,
  match: op('tanh', 'root', op('softplus', 'softplus')).each(function* ({ root, softplus }): Generator<Spelled> {
    for (const y of above(root.y)) {
      const { p, nodes } = expand(y, softplus.x, root.y);
      if (!y.producer || p?.size !== 1 || p.get('E·X')?.factor !== 1) continue;
      yield { last: y.producer, x: softplus.x, exact: true, nodes: new Set([root, softplus, ...nodes]), form: '' };
    }
  }),
  exact: { inside },
  rewrite: (m, g) => put(m, g, 'mish'),
});

const isRelu6 = (node: Node): boolean => numberAttr(node.attrs, 'min') === 0 && numberAttr(node.attrs, 'max') === 6;

const relu6Form = { argument: { X: 1, '': 3 } };

/**
 * The functions of x + 3 kept within 0 and 6, or of hardsigmoid. Not of f64: the attribute alpha of HardSigmoid holds 1/6 as a
 * float32, and onnxruntime has no HardSigmoid of f64, so that a model that ran would not run any more.
 */
function* hard(
  root: Node,
  form: { readonly ofRelu6: Form['result']; readonly ofHardsigmoid?: Form['result'] },
): Generator<Spelled> {
  if (root.y.type.elem === 'f64') return;
  if (root.op.name === 'clamp') {
    if (isRelu6(root)) yield* spelledAs(root, [{ name: '', ...relu6Form, result: form.ofRelu6 }]);
  } else if (form.ofHardsigmoid) yield* spelledAs(root, [{ name: '', argument: { X: 1 }, result: form.ofHardsigmoid }]);
}

export const recognizeHardswish = rule({
  name: 'recognize/hardswish',
  doc: `Puts one hardswish in the place of the operators that spell it.

  x · clamp(x + 3; 0, 6) / 6  →  hardswish(x)      x · hardsigmoid(x)  →  hardswish(x)

In every order of the products. It is one node from opset 14 on, which has HardSwish. Not of f64, whose 1/6 HardSigmoid rounds.
Exact when
  constants   every number is the definition's after rounding
  inside      nobody else reads what is computed between x and the result
Rounding: that of every step and of the constants.
Source: Howard et al. 2019, arXiv:1905.02244, §5.2; ONNX HardSwish-14.`,
  match: op(['clamp', 'hardsigmoid'], 'root').each(({ root }) =>
    hard(root, { ofRelu6: { E·X: 1 / 6 }, ofHardsigmoid: { E·X: 1 } }),
  ),
  exact: { constants, inside },
  rewrite: (m, g) => put(m, g, 'hardswish'),
});

export const recognizeHardsigmoid = rule({
  name: 'recognize/hardsigmoid',
  doc: `Puts one hardsigmoid in the place of the operators that spell it.

  clamp(x + 3; 0, 6) / 6  →  hardsigmoid(x)

Not of f64, whose 1/6 the attribute alpha rounds to float32.
Exact when
  constants   every number is the definition's after rounding
  inside      nobody else reads what is computed between x and the result
Rounding: that of every step and of the constants.
Source: Howard et al. 2019, arXiv:1905.02244, §5.2; ONNX HardSigmoid-6.`,
  match: op('clamp', 'root').each(({ root }) => hard(root, { ofRelu6: { E: 1 / 6 } })),
  exact: { constants, inside },
  rewrite: (m, g) => put(m, g, 'hardsigmoid'),
});

export const recognizeSoftplus = rule({
  name: 'recognize/softplus',
  doc: `Puts one softplus in the place of the operators that spell it.

  log(1 + eˣ)  →  softplus(x)

Exact when
  inside   nobody else reads what is computed between x and the result
Rounding: that of every step; softplus does not overflow where eˣ does.
Source: Dugas et al. 2000; ONNX Softplus-1.`,
  match: op('exp', 'root').each(function* ({ root }): Generator<Spelled> {
    for (const y of above(root.y)) {
      const { p, nodes } = expand(y, undefined, root.y);
      if (p?.size !== 2 || p.get('E')?.factor !== 1 || p.get('')?.factor !== 1) continue;
      for (const { user } of y.uses) {
        if (user.op.name !== 'log' || user.graph !== root.graph) continue;
        yield { last: user, x: root.x, exact: true, nodes: new Set([root, user, ...nodes]), form: '' };
      }
    }
  }),
  exact: { inside },
  rewrite: (m, g) => put(m, g, 'softplus'),
});

interface Quotient extends Spelled {
  readonly exp: Node;
  readonly factor: Value | undefined;
}

export const recognizeSigmoid = rule({
  name: 'recognize/sigmoid',
  doc: `Puts a sigmoid in the place of the operators that spell it.

  1 / (1 + e⁻ˣ)  →  sigmoid(x)      a / (1 + e⁻ˣ)  →  a · sigmoid(x)

The second is SiLU where a is x, which no ONNX operator below opset 24 says, so that x · sigmoid(x) stays as it is.
Exact when
  inside   nobody else reads what is computed between x and the result
Rounding: that of every step; sigmoid does not overflow where e⁻ˣ does.
Source: ONNX Sigmoid-13.`,
  match: op('exp', 'root').each(function* ({ root }): Generator<Quotient> {
    const x = below(root.x).find((one) => {
      const p = expand(root.x, one, undefined).p;
      return p?.size === 1 && p.get('X')?.factor === -1;
    });
    if (!x) return;
    const argument = expand(root.x, x, undefined);
    for (const y of above(root.y)) {
      const { p, nodes } = expand(y, undefined, root.y);
      if (p?.size !== 2 || p.get('E')?.factor !== 1 || p.get('')?.factor !== 1) continue;
      for (const { user, index } of y.uses) {
        if (user.graph !== root.graph) continue;
        const all = new Set([root, user, ...argument.nodes, ...nodes]);
        const spelled = { last: user, x, exact: true, nodes: all, form: '', exp: root };
        if (user.op.name === 'reciprocal') yield { ...spelled, factor: undefined };
        if (user.op.name !== 'div' || index !== 1 || user.operand(0) === y) continue;
        yield { ...spelled, factor: numberOf(user.operand(0)) === 1 ? undefined : user.operand(0) };
      }
    }
  }),
  exact: { inside },
  rewrite(m, g) {
    const { last, x, factor, exp } = m;
    const sigmoid = g.node('sigmoid', [x], {}, factor ? exp : last, last);
    g.replace(last.y, factor ? g.node('mul', [factor, sigmoid], {}, last, last) : sigmoid);
  },
});
