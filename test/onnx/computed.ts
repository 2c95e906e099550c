/** Tensors whose elements a test gives as it is asked for them. */
import { type ElemType, elementCount } from '../../src/ir/types.ts';
import { Expr, own, type WeightExpr } from '../../src/tensor/expr.ts';
import { session } from '../support/tensors.ts';

export type Fill = (start: number, out: Float64Array) => void | Promise<void>;

/** One that a test computes from others, whose elements must be finite where theirs are. */
class Folded extends Expr {
  readonly #fill: Fill;
  constructor(elem: ElemType, dims: readonly number[], fill: Fill, from: readonly WeightExpr[]) {
    super(session, 'folded', elem, dims, from.map(own), { sync: false });
    this.#fill = fill;
  }
  override copyIn(): WeightExpr {
    return this;
  }
  protected override write(): string {
    return this.kind;
  }
  protected override compute(start: number, out: Float64Array): void | Promise<void> {
    return this.#fill(start, out);
  }
}
export const folded = (elem: ElemType, dims: readonly number[], fill: Fill, from: readonly WeightExpr[] = []): WeightExpr =>
  new Folded(elem, dims, fill, from);

export function computed(elem: ElemType, dims: readonly number[], fill: Fill): WeightExpr {
  return {
    id: -1,
    session,
    kind: 'computed',
    elem,
    dims,
    count: elementCount(dims),
    args: [],
    sync: false,
    resident: undefined,
    wide: undefined,
    text: () => 'computed',
    fill,
    fillIntegers: () => false,
  };
}
