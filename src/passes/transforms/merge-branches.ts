/**
 * Merges parallel linear branches over one input into one operator: what RepVGG (arXiv:2101.03697), ACNet (arXiv:1908.03930) and
 * Diverse Branch Block (arXiv:2103.13425) train apart and run together. A sum of linear maps is a linear map; a small kernel is a
 * large one with zeros around.
 */

import { outside } from '../../diagnostics/at.ts';
import { knownSize } from '../../ir/dim.ts';
import type { Node, Value } from '../../ir/graph.ts';
import { sameType } from '../../ir/types.ts';
import { boolAttr, numbersAttr } from '../../ops/attrs.ts';
import * as w from '../../tensor/algebra.ts';
import { batchnormAffine, batchnormVectors } from '../analysis/affine.ts';
import { allConstant } from '../analysis/constants.ts';
import { biasOf, hasConstantWeights, type LinearView, linearView, normalFold, unitMatrix, weightOf } from '../analysis/linear.ts';
import { product } from '../analysis/numbers.ts';
import { producerIn, soleReader } from '../analysis/uses.ts';
import { op } from '../engine/pattern.ts';
import { rule } from '../engine/rule.ts';
import { rebuild } from './rebuild.ts';

/** One term of the sum as a map of the input that all branches share. */
interface Branch {
  readonly kind: 'conv' | 'matrix' | 'batchnorm' | 'identity' | 'avgpool';
  /** The term as the sum reads it. */
  readonly value: Value;
  /** Absent for identity, whose term is the shared input. */
  readonly node?: Node;
  readonly view?: LinearView;
  readonly x: Value;
}

function branchOf(value: Value, sum: Node): Branch | undefined {
  const node = producerIn(value, sum);
  const view = linearView(node);
  if (node && view?.kind === 'conv') return { kind: 'conv', value, node, view, x: view.x };
  if (node && view?.kind === 'linear') return { kind: 'matrix', value, node, view, x: view.x };
  if (node?.op.name === 'batchnorm') return { kind: 'batchnorm', value, node, x: node.x };
  if (node?.op.name === 'avgpool') return { kind: 'avgpool', value, node, x: node.x };
  return undefined;
}

interface Merge {
  readonly sum: Node;
  /** The conv or linear whose place the merged one takes. */
  readonly large: Branch;
  readonly small: Branch;
  /** The terms that stay, from left to right; the merged one comes first. */
  readonly rest: readonly Value[];
  /** The additions of the tree, which must all be of one type. */
  readonly additions: readonly Node[];
}

/** Terms of one sum that are looked at; pairs grow with its square. */
const termLimit = 8;

/** The terms of a tree of additions of one type whose inner sums nobody else reads. */
function termsOf(sum: Node): { readonly terms: readonly Value[]; readonly additions: readonly Node[] } {
  const additions = [sum];
  let terms: Value[] = [];
  for (const operand of sum.operands) if (operand) terms.push(operand);
  for (let again = true; again && terms.length < termLimit; ) {
    again = false;
    for (const [i, term] of terms.entries()) {
      const inner = producerIn(term, sum);
      const [a, b] = inner?.operands ?? [];
      if (inner?.op.name !== 'add' || !a || !b || !soleReader(term) || !sameType(term.type, sum.y.type)) continue;
      if (!sameType(a.type, term.type) || !sameType(b.type, term.type)) continue;
      additions.push(inner);
      terms = [...terms.slice(0, i), a, b, ...terms.slice(i + 1)];
      again = true;
      break;
    }
  }
  return { terms, additions };
}

function kernelOf(branch: Branch): readonly number[] {
  if (branch.kind === 'avgpool' && branch.node) return numbersAttr(branch.node.attrs, 'kernel');
  if (branch.kind === 'conv' && branch.view) return branch.view.weight.type.dims.slice(2).map(knownSize);
  return branch.x.type.dims.slice(2).map(() => 1);
}

function numbersOf(branch: Branch, name: 'stride' | 'dilation' | 'pads'): readonly number[] {
  if (branch.node && (branch.kind === 'conv' || branch.kind === 'avgpool')) {
    if (name in branch.node.attrs) return numbersAttr(branch.node.attrs, name);
  }
  const axes = branch.x.type.dims.length - 2;
  return name === 'pads' ? new Array(2 * axes).fill(0) : new Array(axes).fill(1);
}

/** Where the small kernel's first tap lies in the large one's, per axis; undefined when some tap has no place there. */
function offsets({ large, small }: Merge): readonly number[] | undefined {
  if (large.kind === 'matrix') return [];
  const [kernel, taps] = [kernelOf(large), kernelOf(small)];
  const [padsLarge, padsSmall] = [numbersOf(large, 'pads'), numbersOf(small, 'pads')];
  const [dilationLarge, dilationSmall] = [numbersOf(large, 'dilation'), numbersOf(small, 'dilation')];
  const out: number[] = [];
  for (const [axis, extent] of kernel.entries()) {
    const k = taps[axis] ?? 1;
    // One tap has no dilation; when the large kernel has one as well, begins must be equal, which `difference` says with any
    // dilation.
    const dilation = extent === 1 ? (dilationSmall[axis] ?? 1) : (dilationLarge[axis] ?? 1);
    if (k > 1 && extent > 1 && dilation !== dilationSmall[axis]) return undefined;
    const difference = (padsLarge[axis] ?? outside()) - (padsSmall[axis] ?? outside());
    const offset = difference / dilation;
    if (!Number.isInteger(offset) || offset < 0 || offset > extent - k) return undefined;
    out.push(offset);
  }
  return out;
}

/** A batchnorm, the identity or an average pool as a conv kernel: [C, C/groups, ...kernel] with one channel each. */
function diagonalKernel(
  branch: Branch,
  large: LinearView,
): { readonly weight: w.WeightExpr; readonly bias: w.WeightExpr | undefined } {
  const like = weightOf(large);
  const per = large.inputs / large.groups;
  const kernel = large.kind === 'conv' ? kernelOf(branch) : [];
  const ones = kernel.map(() => 1);
  const unit = w.reshape(unitMatrix(like.session, like.elem, per), [1, per, per]);
  const blocks = large.groups === 1 ? unit : w.mul(w.fullLike(like, [large.groups, 1, 1], 1), unit);
  const diagonal = w.reshape(blocks, [large.inputs, per, ...ones]);
  if (branch.kind === 'batchnorm' && branch.node) {
    const { scale, shift } = batchnormAffine(branch.node);
    return { weight: w.mul(diagonal, w.along(scale, 2 + kernel.length, 0)), bias: shift };
  }
  if (branch.kind === 'avgpool')
    return { weight: w.mul(diagonal, w.fullLike(like, [1, 1, ...kernel], 1 / product(kernel))), bias: undefined };
  return { weight: diagonal, bias: undefined };
}

function mergedWeights(m: Merge): { readonly weight: w.WeightExpr; readonly bias: w.WeightExpr | undefined } | undefined {
  const view = m.large.view;
  const places = offsets(m);
  if (!view || !places) return undefined;
  const small = m.small.view
    ? { weight: weightOf(m.small.view), bias: m.small.view.bias && biasOf(m.small.view) }
    : diagonalKernel(m.small, view);
  const [kernel, taps] = m.large.kind === 'matrix' ? [[], []] : [kernelOf(m.large), kernelOf(m.small)];
  const behind = kernel.map((k, axis) => k - (taps[axis] ?? 1) - (places[axis] ?? outside()));
  const grown = kernel.every((k, axis) => k === taps[axis])
    ? small.weight
    : w.pad(small.weight, [0, 0, ...places], [0, 0, ...behind]);
  const bias = small.bias && view.bias ? w.add(biasOf(view), small.bias) : (small.bias ?? (view.bias && biasOf(view)));
  return { weight: w.add(weightOf(view), grown), bias };
}

/** Windows of an average pool that weigh every tap 1/k: nothing outside the input is left out of the count. */
function countsAlike(branch: Branch): boolean {
  if (branch.kind !== 'avgpool' || !branch.node) return true;
  const { attrs } = branch.node;
  const unpadded = numbersAttr(attrs, 'pads').every((n) => n === 0);
  return unpadded || boolAttr(attrs, 'count_include_pad');
}

function constantBranch(branch: Branch): boolean {
  if (branch.view) return hasConstantWeights(branch.view);
  return branch.kind !== 'batchnorm' || (branch.node !== undefined && allConstant(batchnormVectors(branch.node)));
}

function ownWeights(branch: Branch): boolean {
  return !branch.view || (branch.view.weight.uses.size === 1 && branch.view.weight.outputs === 0);
}

export const mergeBranches = rule({
  name: 'merge-branches/sum',
  doc: `Merges two terms of a sum that are linear maps of one input into one conv (or one linear).

  conv(x; W₁, b₁) + conv(x; W₂, b₂)  →  conv(x; W₁ + pad(W₂), b₁ + b₂)

The smaller term may be a conv, the identity, a batchnorm (a 1×1 kernel with s on the diagonal and a bias), an average pool (a kernel of 1/k on
the diagonal); diagonals are taken within each group. All terms of the tree of additions have one type; the others stay.
Exact when
  one-axis     both mix the same axis: a linear merges with linears and the identity, a conv with all but linears
  one-reader   only the sum reads each term's node, which is no output
  constant     all weights are constants
  geometry     same stride and groups, and as many channels out as in where the term is diagonal
  taps         taps of the smaller land on taps of the larger: the difference of begin pads is dilation · o with 0 ≤ o ≤ K − k on every axis (one
               tap has no dilation). Output i then reads x[i·stride − begin + dilation·(o + j)] in both, in the padding as outside
  average      an average pool is unpadded or counts its padding
  own-weights  nobody else reads the weights of either, so that no bytes are added
  normal       the sum stays in the normal range of the element type (see *Range*)
Rounding: in float64, rounded once.
Source: Ding et al. 2021, RepVGG, arXiv:2101.03697, §3.3; Diverse Branch Block, arXiv:2103.13425, transforms I, II, V, VI.`,
  match: op('add', 'sum').each(function* ({ sum }): Generator<Merge> {
    // The top of a tree alone looks for pairs: what feeds a further sum of its type is one of that sum's terms.
    const { terms, additions } = termsOf(sum);
    if (!terms.every((term) => sameType(term.type, sum.y.type))) return;
    const branches = terms.map((term) => branchOf(term, sum));
    for (const [i, large] of branches.entries()) {
      if (!large?.view) continue;
      for (const [j, term] of terms.entries()) {
        if (i === j) continue;
        const other = branches[j];
        const rest = terms.filter((_, k) => k !== i && k !== j);
        if (term === large.x) yield { sum, large, small: { kind: 'identity', value: term, x: term }, rest, additions };
        else if (other && other.x === large.x) yield { sum, large, small: other, rest, additions };
      }
    }
  }),
  exact: {
    'one-axis': ({ large, small }) =>
      large.kind === 'matrix' ? ['matrix', 'identity'].includes(small.kind) : small.kind !== 'matrix',
    'one-reader': ({ large, small }) => [large, small].every((b) => b.node === undefined || soleReader(b.value) !== undefined),
    constant: ({ large, small }) => constantBranch(large) && constantBranch(small),
    geometry: ({ large, small }) => {
      if (large.kind === 'matrix') return true;
      const alike = numbersOf(large, 'stride').every((n, axis) => n === numbersOf(small, 'stride')[axis]);
      const groups = large.view?.groups;
      return alike && (small.view ? small.view.groups === groups : large.view?.inputs === large.view?.outputs);
    },
    taps: (m) => offsets(m) !== undefined,
    average: ({ small }) => countsAlike(small),
    'own-weights': ({ large, small }) => ownWeights(large) && ownWeights(small),
    normal: (m) => {
      const made = mergedWeights(m);
      return made !== undefined && m.large.view !== undefined && normalFold(m.large.view, { ...made, factors: [] });
    },
  },
  rewrite(m, g) {
    const made = mergedWeights(m);
    const { view } = m.large;
    if (!made || !view) return;
    const before = m.sum;
    let total = rebuild(g, view, { weight: made.weight, bias: made.bias, before });
    for (const term of m.rest) total = g.node('add', [total, term], {}, m.sum, before);
    g.replace(m.sum.y, total);
  },
});
