/**
 * Tensors of one number: arithmetic of theirs is one number again, so that what `full` makes, and no file stores, stays without
 * bytes.
 */
import type { Value } from '../../ir/graph.ts';
import { roundFloat } from '../../ir/round.ts';
import { isFloat, staticDims } from '../../ir/types.ts';
import { numberAttr } from '../../ops/attrs.ts';
import * as w from '../../tensor/algebra.ts';
import { sessionOf } from '../../tensor/session.ts';

/** What a `full` of floats makes, as an expression; undefined for every other value. */
export function filledOf(value: Value): w.WeightExpr | undefined {
  const { producer } = value;
  const { elem } = value.type;
  const dims = staticDims(value.type);
  if (producer?.op.name !== 'full' || !dims || !isFloat(elem)) return undefined;
  return w.full(sessionOf(producer.graph), elem, dims, roundFloat(elem, numberAttr(producer.attrs, 'value')));
}

/** The number that every element is, where that is known. */
export function numberEverywhere(x: w.WeightExpr): number | undefined {
  const written = w.uniformValue(x);
  if (written !== undefined || x.count === 0) return written;
  const [first] = x.resident ?? [];
  return x.resident?.every((element) => Object.is(element, first)) ? first : undefined;
}
