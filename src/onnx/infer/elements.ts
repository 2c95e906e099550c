/**
 * Elements of small integer results by the name of the operator, for what no operator of the registry says: sizes that exporters
 * compute on the way.
 */
import { Dim } from '../../ir/dim.ts';
import type { InferenceContext } from './context.ts';
import type { PartialDims } from './partial-type.ts';

/** The elements of the one result, in row-major order, none of them open. */
export type ElementRule = (context: InferenceContext) => readonly Dim[] | undefined;

function complete(data: PartialDims): readonly Dim[] | undefined {
  const out: Dim[] = [];
  for (const d of data) {
    if (!d) return undefined;
    out.push(d);
  }
  return out;
}

/** The number of elements. */
const size: ElementRule = (c) => {
  const dims = complete(c.operand(0).dims ?? [undefined]);
  return dims && [dims.reduce((n, d) => n.times(d), Dim.one)];
};

/** Remainders of what is never negative, by one divisor or by one each; so ONNX, C and Python agree. */
const remainder: ElementRule = (c) => {
  const [a, b] = [c.elements(0), c.elements(1)];
  const [rank, other] = [c.operand(0).dims?.length, c.operand(1).dims?.length];
  if (!a || !b || rank === undefined || other === undefined || other > rank) return undefined;
  if (b.length !== 1 && b.length !== a.length) return undefined;
  return complete(
    a.map((d, i) => {
      const divisor = b[b.length === 1 ? 0 : i];
      return d && divisor && d.lowerBound >= 0 && divisor.lowerBound >= 1 ? d.mod(divisor) : undefined;
    }),
  );
};

const rules: ReadonlyMap<string, ElementRule> = new Map([
  ['Size', size],
  ['Mod', remainder],
]);

/** Throws `DimOverflow`. */
export function inferElements(context: InferenceContext): readonly Dim[] | undefined {
  return context.domain === '' ? rules.get(context.opType)?.(context) : undefined;
}
