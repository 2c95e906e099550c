/**
 * The words in which passes and lifts write weights, `w.mul(w.sqrt(a), b)`: one list, so that a rule imports the algebra and not
 * its parts.
 */
export { add, cast, div, mul, neg, reciprocal, sqrt, sub } from './arithmetic.ts';
export { matmul, reduceSum } from './contract.ts';
export type { WeightExpr } from './expr.ts';
export { full, fullLike, initial, leaf, literal } from './leaves.ts';
export { along, concat, pad, reshape, slice, transpose } from './movement.ts';
export { buildExpr, type TextArg } from './text.ts';
export { exprOf, finite, materialize, materializeSync, sourcesOf, uniformValue } from './values.ts';
