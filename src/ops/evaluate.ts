/**
 * The one way to an operator's numbers at compile time: folding, facts and the sizes of an import call `evaluateConstant`, which
 * gives the results or a named refusal, and never throws for what a file can hold.
 */
import { integerTooLarge } from '../diagnostics/catalogue/bytes.ts';
import { BugError, DiagnosticError } from '../diagnostics/diagnostic.ts';
import { DimOverflow } from '../ir/dim.ts';
import { elemFacts } from '../ir/elem.ts';
import { type Attrs, CheckFailure, keepsNumbers, type Operator } from '../ir/operator.ts';
import { elementCount, type HostTensor } from '../ir/types.ts';
import { disagreement } from './agreement.ts';
import { evaluateExactly } from './wide.ts';

/** Why there are no numbers, by the name that reports show. */
export type EvaluationRefusal =
  /** ONNX's text, onnxruntime and NumPy do not say the same: `agreement.ts`. */
  | 'agreed'
  /** ONNX gives the operator no meaning on these numbers: an index outside, an integer divided by 0. */
  | 'defined'
  /** A number or a size beyond what is held here. */
  | 'held';

export type Evaluation =
  | { readonly kind: 'value'; readonly results: readonly HostTensor[] }
  | { readonly kind: 'refused'; readonly condition: EvaluationRefusal; readonly why: string };

/** Of a tensor without elements an axis may have any length, and evaluators walk along the axes. */
const longestWalk = 2 ** 24;

function isWalkable({ dims, data }: HostTensor): boolean {
  return data.length > 0 || elementCount(dims.filter((d) => d !== 0)) <= longestWalk;
}

/**
 * Whether an element of 16 bits would be rounded to 0, to fewer bits than its type has, or to infinity. onnxruntime computes such
 * types in f32 from cast to cast, so that √(1e-5 · 1e-5) is 1e-5 there, and 0 where the product was rounded.
 */
function leavesRange({ elem, data }: HostTensor): boolean {
  const { float, bytes } = elemFacts[elem];
  if (!float || bytes > 2) return false;
  const { smallestNormal, finest, overflow } = float;
  return data.some((v) => {
    const size = Math.abs(v);
    return (size < smallestNormal && !Number.isInteger(v / 2 ** finest)) || (size >= overflow && size !== Infinity);
  });
}

/** Steps of a window over a constant: elements times taps. */
const mostSteps = 2 ** 28;

/** The taps of a window are looked at one by one, however few of them meet an element. */
function isAffordable(op: Operator, [x, weight]: readonly (HostTensor | undefined)[], attrs: Attrs): boolean {
  if (!op.window) return true;
  return elementCount(op.window(attrs, weight?.dims ?? []).kernel) * Math.max(1, x?.data.length ?? 0) <= mostSteps;
}

/** The results of an operator on known operands, attributes without symbols. */
export function evaluateConstant(op: Operator, operands: readonly (HostTensor | undefined)[], attrs: Attrs): Evaluation {
  if (operands.some((x) => x && !isWalkable(x)))
    return { kind: 'refused', condition: 'held', why: `${op.name} of no elements along an axis beyond 2^24` };
  try {
    if (!isAffordable(op, operands, attrs))
      return { kind: 'refused', condition: 'held', why: `${op.name} over a window beyond 2^28 steps` };
    const row = disagreement(op.name, operands, attrs);
    if (row) return { kind: 'refused', condition: 'agreed', why: `${row.name}: ${row.when}` };
    const results = op.evaluateConstants?.(operands) ?? evaluateExactly(op, operands, attrs);
    if (!results.every((y) => y.dims.every(Number.isSafeInteger) && y.data.length === elementCount(y.dims)))
      return { kind: 'refused', condition: 'held', why: `${op.name} of another size` };
    if (!keepsNumbers(op) && results.some(leavesRange))
      return { kind: 'refused', condition: 'held', why: `${op.name} outside of the normal numbers of ${results[0]?.elem}` };
    return { kind: 'value', results };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    if (error instanceof CheckFailure && error.label !== 'integers')
      return { kind: 'refused', condition: error.label === 'agreed' ? 'agreed' : 'defined', why };
    if (isRefusal(error) || error instanceof BugError) return { kind: 'refused', condition: 'held', why };
    throw error;
  }
}

/** Failed checks, sizes beyond 2^53, and arrays that no engine makes. */
function isRefusal(error: unknown): boolean {
  return (
    error instanceof CheckFailure ||
    error instanceof DimOverflow ||
    (error instanceof DiagnosticError && error.diagnostics.every(({ code }) => code === integerTooLarge.code)) ||
    (error instanceof RangeError && /array length|buffer length|allocation|BigInt|typed array/i.test(error.message))
  );
}

/** The name of the refusal that a failed check or an overflow comes to; throws what is neither, which is a bug. */
export function refusalOf(error: unknown): string {
  if (error instanceof CheckFailure) return `shape-${error.label}`;
  if (error instanceof DimOverflow) return 'shape-overflow';
  if (isRefusal(error)) return 'array-overflow';
  throw error;
}
