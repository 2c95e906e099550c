/**
 * Whether constants that a rule makes out of others stay in the range of their element type, above and below.
 *
 * Above: a number from half a step over the largest one on becomes infinite. Below: under the smallest normal number there are
 * fewer significant bits, down to none, so that x·1e-4·1e-4 in f16 is not x·1e-8, which is x·0. What the loss amounts to, an
 * element of a weight being off by h at most, h half the smallest number of the type (2^-150 in f32):
 *
 *   - A channel is a sum of products of inputs with the elements of its row. A row with a normal element rounds by as much as h
 *     and more, so that what smaller elements lose is within the rounding of the row: trained kernels have such elements, and
 *     they fold.
 *   - A row without a normal element, where not all of it is zero, is a channel that would be lost. It may fold where the loss is
 *     below the rounding of the largest bias beside it for every input up to 2^100 (f16: 2^10): channels that training has shut
 *     have weights of 1e-40 and biases of others beside them.
 *   - A sum is exact to half a step of the smallest number and is what the source's own addition rounds to, so that of a new
 *     bias, or of shifts that are added, only the upper end is asked.
 *
 * Large weights are not computed to know their largest element, where a bound of factors and operands does, and no row is looked
 * at where the smallest elements of those, multiplied, are normal; else each row is, until its first normal element. Memory is a
 * chunk, or an operand that a permutation or a product needs whole.
 */
import { outside } from '../../diagnostics/at.ts';
import { type FloatFacts, floatFacts } from '../../ir/elem.ts';
import { fillFloats, type WeightExpr } from '../../tensor/expr.ts';
import { initialBound } from '../../tensor/leaves.ts';
import { chunkElements } from '../../tensor/pieces.ts';
import { floatMagnitudes, giveRoom, type Magnitudes, takeRoom } from '../../tensor/simd.ts';
import { uniformValue } from '../../tensor/values.ts';

/**
 * How the rows of a weight lie in it: [groups, before, channels, behind], a row being what one channel of one group has of the
 * other two.
 */
export interface Rows {
  readonly groups: number;
  readonly before: number;
  readonly channels: number;
  readonly behind: number;
}

/** What a rule makes. */
export interface Made {
  /** The constants that the old ones are multiplied with. */
  readonly factors: readonly WeightExpr[];
  /** The new weight; undefined where the old one stays. */
  readonly weight?: WeightExpr | undefined;
  /** Without it every element is a row, as in a vector of gains. */
  readonly rows?: Rows | undefined;
  /** What the weight was, for f64, where a product that vanishes leaves no trace. */
  readonly was?: WeightExpr | undefined;
  readonly bias?: WeightExpr | undefined;
}

/** Inputs up to which a lost channel must not show beside the largest bias. */
function inputLimit({ largest }: FloatFacts): number {
  return largest > 2 ** 16 ? 2 ** 100 : 2 ** 10;
}

/**
 * Of weights that can only be awaited: nobody looks at them, so that factors from 2^-40 to 2^40 alone go into them. f16 has no
 * room for larger ones.
 */
function awaitedRoom(float: FloatFacts): readonly [low: number, high: number] {
  return largestIsSmall(float) ? [2 ** -4, 1] : [2 ** -40, 2 ** 40];
}

const largestIsSmall = ({ largest }: FloatFacts): boolean => largest < 2 ** 16;

/**
 * Visits the elements from `start` up to `end` in chunks, until one says `true`, which is enough. The first chunk has `first`
 * elements at most, and each later one 16 times as many. A chunk is gone when its visit ends.
 */
function inChunks(
  x: WeightExpr,
  start: number,
  end: number,
  visit: (chunk: Float64Array) => unknown,
  first = chunkElements,
): void {
  let most = first;
  for (let from = start; from < end; ) {
    const chunk = x.session.borrow(Math.min(end - from, most));
    x.fill(from, chunk);
    const enough = visit(chunk) === true;
    from += chunk.length;
    x.session.giveBack(chunk);
    if (enough) return;
    most = Math.min(chunkElements, most * 16);
  }
}

/** The magnitudes, which the session keeps, so that a file is read once. */
function scanned(x: WeightExpr): Magnitudes {
  const { magnitudes } = x.session;
  const known = magnitudes.get(x);
  if (known !== undefined) return known;
  const number = uniformValue(x);
  const found = number === undefined ? (magnitudesOfFloats(x) ?? magnitudesOfNumbers(x)) : ofUniform(number, x.count);
  if (number === undefined) magnitudes.set(x, found);
  return found;
}

function ofUniform(number: number, count: number): Magnitudes {
  const size = Number.isNaN(number) ? Number.POSITIVE_INFINITY : Math.abs(number);
  return count === 0 || size === 0 ? noMagnitude : { smallest: size, largest: size };
}

const noMagnitude: Magnitudes = { smallest: Number.POSITIVE_INFINITY, largest: 0 };
const together = (a: Magnitudes, b: Magnitudes): Magnitudes => ({
  smallest: Math.min(a.smallest, b.smallest),
  largest: Math.max(a.largest, b.largest),
});

const noFloats = new Float32Array(0);

/** Those of a large tensor of 32-bit floats that lie in a file as such; undefined of others. */
function magnitudesOfFloats(x: WeightExpr): Magnitudes | undefined {
  if (x.count < chunkElements || !fillFloats(x, 0, noFloats)) return undefined;
  const room = takeRoom();
  try {
    let found = noMagnitude;
    for (let from = 0; from < x.count; from += room.length) {
      const floats = room.subarray(0, Math.min(room.length, x.count - from));
      if (!fillFloats(x, from, floats)) return undefined;
      found = together(found, floatMagnitudes(floats));
    }
    return found;
  } finally {
    giveRoom(room);
  }
}

function magnitudesOfNumbers(x: WeightExpr): Magnitudes {
  let found = noMagnitude;
  inChunks(x, 0, x.count, (chunk) => {
    found = together(found, magnitudesIn(chunk));
  });
  return found;
}

/** By indices and in numbers of its own, which those that a closure shares are not: large weights come here whole. */
function magnitudesIn(chunk: Float64Array): Magnitudes {
  let { smallest, largest } = noMagnitude;
  for (let i = 0; i < chunk.length; i++) {
    const size = Math.abs(chunk[i] ?? outside());
    if (size > largest) largest = size;
    else if (Number.isNaN(size)) largest = Number.POSITIVE_INFINITY;
    if (size < smallest && size > 0) smallest = size;
  }
  return { smallest, largest };
}

/**
 * No element is larger than this in magnitude. The expression must be one that need not be awaited; `depthLimit` of the weights
 * bounds the recursion.
 */
function bound(x: WeightExpr): number {
  const { bounds } = x.session;
  const known = bounds.get(x);
  if (known !== undefined) return known;
  const found = boundOf(x);
  // Of an initialiser it is found again as fast.
  if (x.args.length > 0) bounds.set(x, found);
  return found;
}

function boundOf(x: WeightExpr): number {
  const [a, b] = x.args;
  switch (x.kind) {
    case 'initial':
      return initialBound(x) ?? scanned(x).largest;
    case 'neg':
    case 'reshape':
    case 'transpose':
    case 'slice':
    case 'cast':
      return a ? bound(a) : scanned(x).largest;
    case 'add':
    case 'sub':
      return a && b ? bound(a) + bound(b) : scanned(x).largest;
    case 'mul':
      return a && b ? bound(a) * bound(b) : scanned(x).largest;
    case 'concat':
      return Math.max(0, ...x.args.map(bound));
    case 'matmul':
      return a && b ? bound(a) * bound(b) * (a.dims.at(-1) ?? 1) : scanned(x).largest;
    case 'reduce_sum':
      return a ? bound(a) * (x.count === 0 ? 0 : a.count / x.count) : scanned(x).largest;
    default:
      return scanned(x).largest;
  }
}

/**
 * No element is smaller than this in magnitude but zeros; 0 where that is not known. What has not been scanned is not for this.
 */
function smallestKnown(x: WeightExpr): number {
  const known = x.session.magnitudes.get(x);
  if (known) return known.smallest;
  const number = uniformValue(x);
  if (number !== undefined) return ofUniform(number, x.count).smallest;
  const [a, b] = x.args;
  switch (x.kind) {
    case 'neg':
    case 'reshape':
    case 'transpose':
    case 'slice':
      return a ? smallestKnown(a) : 0;
    case 'mul':
      return a && b ? smallestKnown(a) * smallestKnown(b) : 0;
    case 'concat':
      return Math.min(...x.args.map(smallestKnown));
    default:
      return 0;
  }
}

/** Every element is a finite number of its element type after rounding. False where that cannot be known at once. */
export function finiteKnown(x: WeightExpr): boolean {
  const limit = floatFacts(x.elem)?.overflow;
  if (limit === undefined || !x.sync) return false;
  // A bound is a sum and product of float64 numbers, rounded itself. Infinity times nothing is no bound.
  return bound(x) * (1 + 2 ** -40) < limit || scanned(x).largest < limit;
}

const elementRows = (x: WeightExpr): Rows => ({ groups: 1, before: 1, channels: x.count, behind: 1 });

/** Rows of so few elements are looked at together. */
const shortRow = 32;
/** Elements of a longer row that are looked at before the whole of it is: one normal element is enough, and nearly all are. */
const firstLook = 2;

/** What is known of each row: whether it has a normal element, and whether it has one that is none and not zero either. */
interface Seen {
  readonly normal: Uint8Array;
  readonly small: Uint8Array;
}

/** Looks at the first elements of every row, then at all of those rows that have shown no normal one. */
function seenRows(x: WeightExpr, { groups, before, channels, behind }: Rows, smallest: number): Seen {
  const seen = { normal: new Uint8Array(groups * channels), small: new Uint8Array(groups * channels) };
  const note = (row: number, element: number): void => {
    if (Math.abs(element) >= smallest) seen.normal[row] = 1;
    else if (element !== 0) seen.small[row] = 1;
  };
  const slab = channels * behind;
  for (let group = 0; group < groups; group++) {
    const rows = seen.normal.subarray(group * channels, (group + 1) * channels);
    for (let at = 0; at < before && rows.includes(0); at++) {
      const base = (group * before + at) * slab;
      if (behind <= shortRow) {
        let place = group * channels * behind;
        inChunks(x, base, base + slab, (chunk) => {
          for (const element of chunk) note(Math.floor(place++ / behind), element);
        });
        continue;
      }
      for (let channel = 0; channel < channels; channel++) {
        const row = group * channels + channel;
        if (seen.normal[row] === 1) continue;
        const start = base + channel * behind;
        const see = (chunk: Float64Array): boolean => {
          for (const element of chunk) note(row, element);
          return seen.normal[row] === 1;
        };
        inChunks(x, start, start + behind, see, firstLook);
      }
    }
  }
  return seen;
}

const hasZero = (x: WeightExpr): boolean => x.resident?.some((element) => element === 0) ?? true;

/** Whether nothing shows of what the weight loses below the smallest normal number. */
function keepsRows({ weight, rows, was, factors, bias }: Made, float: FloatFacts): boolean {
  if (!weight) return true;
  // No product that was rounded itself is smaller than that of the bounds, rounded.
  if (float.significand < 53 && smallestKnown(weight) >= float.smallestNormal) return true;
  const layout = rows ?? elementRows(weight);
  const { normal, small } = seenRows(weight, layout, float.smallestNormal);
  let lost = small.some((one, row) => one === 1 && normal[row] === 0);
  // In f64 a product may be too small for the arithmetic here; in narrower types what is zero is a product with zero.
  if (!lost && float.significand === 53 && factors.length > 0 && normal.includes(0) && !factors.some(hasZero)) {
    const old = was && was.count === weight.count ? seenRows(was, layout, float.smallest) : undefined;
    lost = normal.some((one, row) => one === 0 && (old?.normal[row] ?? 1) === 1);
  }
  if (!lost) return true;
  return bias !== undefined && (float.smallest / 2) * inputLimit(float) <= float.roundoff * scanned(bias).largest;
}

/**
 * Whether what a rule made out of finite numbers is finite, and loses nothing that shows below the smallest normal number: see
 * the head of the file. A factor must be a finite number of its type itself.
 */
export function staysNormal(made: Made): boolean {
  const { factors, weight, bias } = made;
  const float = floatFacts((weight ?? bias)?.elem ?? 'f32');
  if (!float || !factors.every(finiteKnown)) return false;
  const results = [weight, bias].filter((x) => x !== undefined);
  if (results.every((x) => x.sync)) return results.every(finiteKnown) && keepsRows(made, float);
  // Sums of products of what cannot be looked at may be anything in f16.
  if (largestIsSmall(float) && factors.length === 0) return false;
  const [low, high] = awaitedRoom(float);
  return factors.every(
    (factor) =>
      factor.resident?.every((element) => element === 0 || (Math.abs(element) >= low && Math.abs(element) <= high)) ?? false,
  );
}
