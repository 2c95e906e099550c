/**
 * Sizes that a body read of `it` further inside than its author may have thought: behind a squeeze, `channels(it)` is what the
 * squeeze left. Told where two shapes that should agree do not.
 */
import type { Note } from '../diagnostics/diagnostic.ts';
import type { Span } from '../diagnostics/source.ts';
import type { Dim } from '../ir/dim.ts';
import type { Value } from '../ir/graph.ts';
import { typeText } from '../ir/types.ts';
import type { Context, SizeRead } from './context.ts';
import { wholeText } from './values.ts';

export interface Misread {
  readonly notes: readonly Note[];
  readonly hint: string;
}

/** Values that are looked at behind a mismatch; gates and residual bodies are shorter. */
const mostValues = 2000;

/** Keeps a size that was read of the current value. A block that runs again reads another value. */
export function noteRead(c: Context, value: Value, span: Span, sizes: readonly Dim[]): void {
  const before = c.sizeReads.get(value);
  if (!before) c.sizeReads.set(value, [{ span, sizes }]);
  else if (before.every((read) => read.span.start !== span.start || read.span.file !== span.file)) before.push({ span, sizes });
}

/** What a value is made of, the nearest first, itself included. */
function madeOf(value: Value): ReadonlySet<Value> {
  const seen = new Set<Value>([value]);
  for (const one of seen) {
    for (const operand of one.producer?.operands ?? []) if (operand && seen.size < mostValues) seen.add(operand);
  }
  return seen;
}

/** Pairs of sizes that differ, aligned at the last axis as broadcasting does; `strict` takes a 1 for a size like another. */
function differing(a: Value, b: Value, strict: boolean): readonly (readonly [Dim, Dim])[] {
  const [xs, ys] = [[...a.type.dims].reverse(), [...b.type.dims].reverse()];
  return xs.flatMap((x, i) => {
    const y = ys[i];
    return y && x !== y && (strict || (x.constant !== 1 && y.constant !== 1)) ? [[x, y] as const] : [];
  });
}

/**
 * Where what makes one of two values, and not the other, read the size in which they differ: the place, and what the value was
 * there. `strict` where the shapes must be equal, and not only broadcast.
 */
export function misread(c: Context, a: Value, b: Value, strict: boolean): Misread | undefined {
  if (c.sizeReads.size === 0) return undefined;
  const [ofA, ofB] = [madeOf(a), madeOf(b)];
  const pairs = differing(a, b, strict);
  const sides = [
    { made: ofA, shared: ofB, sizes: pairs.map(([x]) => x) },
    { made: ofB, shared: ofA, sizes: pairs.map(([, y]) => y) },
  ];
  for (const { made, shared, sizes } of sides) {
    for (const value of made) {
      if (shared.has(value)) continue;
      const read = c.sizeReads.get(value)?.find((one) => one.sizes.some((size) => sizes.includes(size)));
      if (read)
        return explained(
          read,
          value,
          sizes.find((size) => read.sizes.includes(size)),
        );
    }
  }
  return undefined;
}

function explained({ span }: SizeRead, value: Value, size: Dim | undefined): Misread {
  const text = wholeText(span);
  const name = text.startsWith('channels') ? 'c' : 'sizes';
  const maker = sourceOfSize(value, size);
  const told = text.startsWith('channels') ? `${size} here` : `${typeText(value.type).replace(/^\w+/, '')} here`;
  return {
    notes: [
      ...(maker ? [{ span: maker, text: `gives ${size} channels, which is \`it\` from here on` }] : []),
      { span, text: `is ${told}, because \`it\` is what stands before it` },
    ],
    hint: `read it before the body, \`let ${name} = ${text}\`, and write \`${name}\` in the place of \`${text}\``,
  };
}

/** The layer that made the channels so many, seen from a value that has them. */
function sourceOfSize(value: Value, size: Dim | undefined): Span | undefined {
  let at: Value | undefined = value;
  for (let steps = 0; at && steps < mostValues; steps++) {
    const { producer }: Value = at;
    const from: Value | undefined = producer?.operand(0);
    if (!producer || at.type.dims[1] !== size) return undefined;
    if (from?.type.dims[1] !== size) return producer.origin.span;
    at = from;
  }
  return undefined;
}
