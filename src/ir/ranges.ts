/**
 * What a model says of the numbers that its inputs and outputs hold, and of its sizes: `in 0..1 mean=[…] std=[…]` and `assert H % 16 == 0`. In an
 * ONNX file they are three entries of `metadata_props`, each a JSON object:
 *
 *   rescc.inputs     {"image": {"range": [0, 1], "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}}
 *   rescc.outputs    {"y": {"range": [0, 255]}}
 *   rescc.promises   {"H": 16, "W": 16}
 *
 * `range` holds the least and the largest value before the normalisation (v - mean) / std, both of which belong to it; `mean` and `std` have one
 * number, or one per channel. Promises are by the name of the size (`dim_param`) and hold its divisor.
 */
import { numberText } from './content-text.ts';
import { factOf } from './elem.ts';
import type { Graph } from './graph.ts';
import { type ElemType, isFloat, type TensorType } from './types.ts';

/** What the elements of an input or output lie in: `low` and `high` belong to it; then an input holds (v - mean) / std. */
export interface ValueRange {
  readonly low: number;
  readonly high: number;
  /** One number, or one per channel; nothing stands for 0. */
  readonly mean?: readonly number[];
  /** Likewise; nothing stands for 1. */
  readonly std?: readonly number[];
}

/** The keys of the metadata that this file describes. */
export const declarationKeys = { inputs: 'rescc.inputs', outputs: 'rescc.outputs', promises: 'rescc.promises' } as const;

/** The least and the largest finite number of each element type, of whole numbers those that a double tells from their neighbours. */
const extremes = factOf(({ float, integers: [low, high] = [0, 0] }): readonly [low: number, high: number] =>
  float ? [-float.largest, float.largest] : [Math.max(low, Number.MIN_SAFE_INTEGER), Math.min(high, Number.MAX_SAFE_INTEGER)],
);

/**
 * The axis that `mean` and `std` go along. Pictures have 1 or 3 channels, in front of the grid where both are possible, or behind it; everything
 * else has its channels at axis 1, or 0 where there is no other.
 */
export function channelAxis(type: TensorType): number {
  const { dims } = type;
  const rank = dims.length;
  const pictures = (axis: number): boolean => dims[axis]?.constant === 3 || dims[axis]?.constant === 1;
  if (rank === 3 || rank === 4) {
    const [before, behind] = [rank - 3, rank - 1];
    if (pictures(before) && !(dims[behind]?.constant === 3 && dims[before]?.constant === 1)) return before;
    if (pictures(behind)) return behind;
  }
  return rank > 1 ? 1 : 0;
}

/** The range nearest to this one that an element type has room for: ends in order, whole where they must be. */
export function fittingRange(elem: ElemType, { low, high }: ValueRange): ValueRange {
  const [least, most] = extremes[elem];
  const whole = (x: number, up: boolean): number => (isFloat(elem) ? x : up ? Math.ceil(x) : Math.floor(x));
  const inside = (x: number): number => Math.min(most, Math.max(least, x));
  const [from, to] = [inside(whole(Math.min(low, high), false)), inside(whole(Math.max(low, high), true))];
  return { low: from, high: from === to ? Math.min(most, to + 1) : to };
}

/** What is wrong with a range for a type, as found and expected; undefined where nothing is. */
export function rangeProblem(
  type: TensorType,
  range: ValueRange,
): { readonly part: 'range' | 'mean' | 'std'; readonly found: string; readonly expected: string } | undefined {
  const { elem } = type;
  const { low, high } = range;
  const wrong = (part: 'range' | 'mean' | 'std', found: string, expected: string) => ({ part, found, expected });
  if (type.foreign || elem === 'bool') return wrong('range', type.foreign ? type.foreign.text : 'bool', 'numbers');
  if (isFloat(elem) ? !(low < high) : !(low <= high))
    return wrong('range', `${rangeText({ low, high })}, an empty range`, 'the lower end before a higher one');
  if (!isFloat(elem) && !(Number.isSafeInteger(low) && Number.isSafeInteger(high)))
    return wrong('range', rangeText({ low, high }), `whole numbers, for ${elem}`);
  const [least, most] = extremes[elem];
  if (low < least || high > most)
    return wrong('range', rangeText({ low, high }), `numbers that ${elem} holds: ${numberText(least)} to ${numberText(most)}`);
  for (const part of ['mean', 'std'] as const) {
    const list = range[part];
    if (!list) continue;
    if (!isFloat(elem)) return wrong(part, `${part} for ${elem}`, 'a range alone: whole numbers are not normalised');
    const channels = type.dims[channelAxis(type)];
    const count = channels?.constant;
    if (list.length !== 1 && list.length !== count)
      return wrong(part, `${list.length} numbers`, count === undefined || count === 1 ? '1' : `1, or ${count} for the channels`);
    if (part === 'std' && list.some((v) => !(v > 0)))
      return wrong(part, `[${list.map(numberText).join(', ')}]`, 'numbers above 0');
    if (list.some((v) => !Number.isFinite(v))) return wrong(part, `[${list.map(numberText).join(', ')}]`, 'finite numbers');
  }
  return undefined;
}

/** `0..1 mean=[0.5] std=[0.25]`, as the source and the text form of graphs write it. */
export function rangeText({ low, high, mean, std }: ValueRange): string {
  const option = (name: string, list: readonly number[] | undefined): string =>
    list ? ` ${name}=[${list.map(numberText).join(', ')}]` : '';
  return `${numberText(low)}..${numberText(high)}${option('mean', mean)}${option('std', std)}`;
}

/** The promised divisor of every size of the graph's inputs that has one, by the name of the size, sorted. */
export function promisesOf(graph: Graph): ReadonlyMap<string, number> {
  const out = new Map<string, number>();
  for (const input of graph.inputs)
    for (const dim of input.type.dims) for (const [name, k] of dim.multiples()) if (k > 1) out.set(name, k);
  return new Map([...out].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function objectOf(ranges: ReadonlyMap<string, ValueRange>): string {
  return JSON.stringify(
    Object.fromEntries(
      [...ranges].map(([name, { low, high, mean, std }]) => [
        name,
        { range: [low, high], ...(mean && { mean }), ...(std && { std }) },
      ]),
    ),
  );
}

/** The entries of the metadata for what a graph declares; none where it declares nothing. `dimName` is how the file calls a size. */
export function declarationsOf(
  graph: Graph,
  dimName: (name: string) => string = (name) => name,
): Readonly<Record<string, string>> {
  const out: Record<string, string> = {};
  if (graph.inputRanges.size > 0) out[declarationKeys.inputs] = objectOf(graph.inputRanges);
  if (graph.outputRanges.size > 0) out[declarationKeys.outputs] = objectOf(graph.outputRanges);
  const promises = [...promisesOf(graph)].map(([name, k]) => [dimName(name), k] as const);
  if (promises.length > 0) out[declarationKeys.promises] = JSON.stringify(Object.fromEntries(promises));
  return out;
}

/** What a file's metadata declares. Entries of another form are left out, and named in `broken`. */
export interface Declarations {
  readonly inputs: ReadonlyMap<string, ValueRange>;
  readonly outputs: ReadonlyMap<string, ValueRange>;
  readonly promises: ReadonlyMap<string, number>;
  readonly broken: readonly string[];
}

const isNumbers = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'number' && Number.isFinite(one));

function rangeOf(value: unknown): ValueRange | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const range = 'range' in value ? value.range : undefined;
  const mean = 'mean' in value ? value.mean : undefined;
  const std = 'std' in value ? value.std : undefined;
  if (!isNumbers(range) || range.length !== 2) return undefined;
  if ((mean !== undefined && !isNumbers(mean)) || (std !== undefined && !isNumbers(std))) return undefined;
  const [low = 0, high = 0] = range;
  return { low, high, ...(mean && { mean }), ...(std && { std }) };
}

function entriesOf<T>(
  text: string | undefined,
  read: (value: unknown) => T | undefined,
  key: string,
  broken: string[],
): ReadonlyMap<string, T> {
  const out = new Map<string, T>();
  if (text === undefined) return out;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // What is no JSON is named as broken below.
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    broken.push(key);
    return out;
  }
  const entries: readonly (readonly [string, unknown])[] = Object.entries(parsed);
  for (const [name, value] of entries) {
    const one = read(value);
    if (one === undefined) broken.push(`${key}: ${name}`);
    else out.set(name, one);
  }
  return out;
}

/** Reads what `declarationsOf` wrote. Never throws. */
export function readDeclarations(metadata: ReadonlyMap<string, string>): Declarations {
  const broken: string[] = [];
  const divisor = (value: unknown): number | undefined =>
    typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : undefined;
  const { inputs, outputs, promises } = declarationKeys;
  return {
    inputs: entriesOf(metadata.get(inputs), rangeOf, inputs, broken),
    outputs: entriesOf(metadata.get(outputs), rangeOf, outputs, broken),
    promises: entriesOf(metadata.get(promises), divisor, promises, broken),
    broken,
  };
}
