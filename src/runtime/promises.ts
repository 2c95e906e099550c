/** What a model asks of its inputs besides their types: promised sizes, and declared ranges. */

import { outside } from '../diagnostics/at.ts';
import { inputMisfit, outsideRange, promiseBroken } from '../diagnostics/catalogue/runtime.ts';
import { type Diagnostic, fail, makeDiagnostic } from '../diagnostics/diagnostic.ts';
import { Dim } from '../ir/dim.ts';
import { keepsPromise, keptNear, promiseTexts } from '../ir/promise.ts';
import { channelAxis, rangeText, type ValueRange } from '../ir/ranges.ts';
import { solvedSize } from '../ir/solve.ts';
import { type HostTensor, isFloat, type TensorType, typeText } from '../ir/types.ts';
import type { Bindings } from './inputs.ts';

/** An input of a graph, or of a file of which only that is known. */
export interface Signature {
  readonly name: string;
  readonly type: TensorType;
  readonly range?: ValueRange | undefined;
}

/** Throws `DiagnosticError` (RES0837) for a tensor with a size that breaks a promise of its type. */
export function checkPromises({ name, type }: Signature, tensor: Pick<HostTensor, 'elem' | 'dims'>): void {
  type.dims.forEach((dim, axis) => {
    const size = tensor.dims[axis];
    const found = size === undefined ? undefined : solvedSize(dim, size);
    if (!found || keepsPromise(found.promise, found.value)) return;
    const { promise, value } = found;
    const text = Dim.symbol(found.name).toString();
    const near = keptNear(promise, value);
    const [least = 1, other = least] = near;
    const wanted = value < promise.least && promise.least > promise.multiple ? least : other;
    const conditions = promiseTexts(text, promise);
    fail(promiseBroken, {
      with: {
        name,
        found: `${text} = ${value} in ${tensor.elem}[${tensor.dims.join(', ')}]`,
        expected: `${(conditions.length > 0 ? conditions : [`${text} >= 1`]).join(' and ')}, such as ${near.join(' or ')}`,
        hint: `--input ${name}=FILE with ${text} = ${wanted}: pad the array, or cut it`,
      },
    });
  });
}

/** Rounding of an element type moves what lies at the end of a range by less than this share of its width. */
const rounding = 1e-2;

/**
 * A warning (RES0838) where a tensor holds numbers outside of the declared range, which are then the least and the largest of
 * them.
 */
export function rangeWarning({ name, type, range }: Signature, tensor: HostTensor): Diagnostic | undefined {
  if (!range || tensor.data.length === 0) return undefined;
  const { mean, std } = range;
  const axis = channelAxis(type);
  const inner = tensor.dims.slice(axis + 1).reduce((n, d) => n * d, 1);
  const channels = tensor.dims[axis] ?? 1;
  let low = Infinity;
  let high = -Infinity;
  let strange = false;
  for (let i = 0; i < tensor.data.length; i++) {
    const channel = Math.floor(i / inner) % channels;
    const v =
      (tensor.data[i] ?? outside()) * (std?.[std.length === 1 ? 0 : channel] ?? 1) +
      (mean?.[mean.length === 1 ? 0 : channel] ?? 0);
    if (Number.isNaN(v)) strange = true;
    low = Math.min(low, v);
    high = Math.max(high, v);
  }
  const margin = isFloat(type.elem) ? rounding * (range.high - range.low) : 0;
  if (!strange && low >= range.low - margin && high <= range.high + margin) return undefined;
  const normalised = mean || std ? ' before the normalisation' : '';
  return makeDiagnostic(outsideRange, {
    with: {
      name,
      found: strange ? 'elements that are no numbers' : `${shown(low)} to ${shown(high)}${normalised}`,
      expected: rangeText(range),
      hint: `--input ${name}=FILE with numbers in ${rangeText({ low: range.low, high: range.high })}${normalised && ', normalised as declared'}`,
    },
  });
}

const shown = (x: number): string => (Number.isInteger(x) ? String(x) : x.toPrecision(4));

/** The types with these sizes put in. */
export function withSizes(inputs: readonly Signature[], sizes: Bindings): readonly Signature[] {
  if (sizes.size === 0) return inputs;
  return inputs.map((input) => ({
    ...input,
    type: {
      ...input.type,
      dims: input.type.dims.map((dim) => {
        const size = dim.evaluate(sizes);
        return size === undefined ? dim : Dim.of(size);
      }),
    },
  }));
}

/** Throws `DiagnosticError` (RES0813) for a tensor that has other sizes than those that were asked for. */
export function checkAsked(input: Signature, tensor: HostTensor): void {
  const { name, type } = input;
  const fits =
    tensor.dims.length === type.dims.length && type.dims.every((dim, i) => (dim.constant ?? tensor.dims[i]) === tensor.dims[i]);
  if (fits) return;
  fail(inputMisfit, {
    with: {
      name,
      found: `${tensor.elem}[${tensor.dims.join(', ')}]`,
      expected: `${typeText(type)}, as --input-shape asks`,
      hint: `--input-shape ${name}=${tensor.dims.join(',')}`,
    },
  });
}
