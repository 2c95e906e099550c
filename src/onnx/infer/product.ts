/**
 * Types of matrix products: MatMul-13, Gemm-13, MatMulInteger-10, QLinearMatMul-10 (-21), Einsum-12, Det-11 (-22), Attention-23.
 */
import type { Dim } from '../../ir/dim.ts';
import type { ElemType } from '../../ir/types.ts';
import { broadcast, type Rule, type RuleTable } from './context.ts';
import { ranked, rankOf } from './partial-type.ts';

/** Of operands 0 and `second`. */
export const matrixProduct =
  (elem?: ElemType, second = 1): Rule =>
  (c) => {
    const [a, b] = [c.operand(0), c.operand(second)];
    const out = elem ?? a.elem ?? b.elem;
    if (!a.dims || !b.dims || a.dims.length === 0 || b.dims.length === 0) return [{ elem: out }];
    const lead = broadcast(a.dims.slice(0, -2), b.dims.slice(0, -2)) ?? [];
    const rows = a.dims.length > 1 ? [a.dims.at(-2)] : [];
    const columns = b.dims.length > 1 ? [b.dims.at(-1)] : [];
    return [{ elem: out, dims: [...lead, ...rows, ...columns] }];
  };

export const gemm: Rule = (c) => {
  const [a, b] = [c.operand(0), c.operand(1)];
  const rows = a.dims?.[c.attributes.flag('transA', false) ? 1 : 0];
  return [{ elem: a.elem ?? b.elem, dims: [rows, b.dims?.[c.attributes.flag('transB', false) ? 0 : 1]] }];
};

const einsum: Rule = (c) => {
  const equation = c.attributes.string('equation', '').replace(/\s/g, '');
  const [left = '', right] = equation.split('->');
  const { elem } = c.operand(0);
  if (right === undefined || equation.includes('.')) return [{ elem }];
  const sizes = new Map<string, (Dim | undefined)[]>();
  for (const [i, term] of left.split(',').entries()) {
    [...term].forEach((letter, axis) => {
      sizes.set(letter, [...(sizes.get(letter) ?? []), c.operand(i).dims?.[axis]]);
    });
  }
  return [{ elem, dims: [...right].map((letter) => agreed(sizes.get(letter) ?? [])) }];
};

/** The size of an axis that several operands have, where those of 1 are repeated. */
function agreed(sizes: readonly (Dim | undefined)[]): Dim | undefined {
  const others = sizes.filter((d) => d?.constant !== 1);
  const known = others.find((d) => d?.constant !== undefined);
  if (known) return known;
  const [first] = others.length === 0 ? sizes : others;
  return others.every((d) => d === first) ? first : undefined;
}

const attention: Rule = (c) => {
  const [q, v] = [c.operand(0), c.operand(2)];
  return [{ elem: q.elem, dims: rankOf(q) === 4 ? [...(q.dims?.slice(0, 3) ?? []), v.dims?.[3]] : ranked(rankOf(q)) }];
};

export const productRules: RuleTable = {
  MatMul: matrixProduct(),
  MatMulInteger: matrixProduct('i32'),
  QLinearMatMul: (c) => matrixProduct(undefined, 3)(c).map((one) => ({ ...one, elem: c.operand(7).elem })),
  Gemm: gemm,
  Einsum: einsum,
  Det: (c) => [{ elem: c.operand(0).elem, dims: c.operand(0).dims?.slice(0, -2) }],
  Attention: attention,
};
