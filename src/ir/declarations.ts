/**
 * What a model says of the numbers that its inputs and outputs hold, and of its sizes: `in 0..1 mean=[…] std=[…]` and
 * `assert H % 16 == 0`. In an ONNX file they are three entries of `metadata_props`, each a JSON object:
 *
 *   rescc.inputs     {"image": {"range": [0, 1], "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}}
 *   rescc.outputs    {"y": {"range": [0, 255]}}
 *   rescc.promises   {"H": 16, "W": 16, "L": {"multiple": 4, "least": 104, "most": 512}}
 *
 * The ranges are those of `ranges.ts`. Promises are by the name of the size (`dim_param`): a number is its divisor, an object has
 * what is promised of divisor, least and largest size.
 */
import type { Graph } from './graph.ts';
import { promiseOf, promiseTexts, type SizePromise } from './promise.ts';
import type { ValueRange } from './ranges.ts';

/** The keys of the metadata that this file describes. */
export const declarationKeys = { inputs: 'rescc.inputs', outputs: 'rescc.outputs', promises: 'rescc.promises' } as const;

/** What is promised of the sizes of the graph's inputs, by the name of the size, sorted. */
export function promisesOf(graph: Graph): ReadonlyMap<string, SizePromise> {
  const out = new Map<string, SizePromise>();
  for (const input of graph.inputs)
    for (const dim of input.type.dims) {
      for (const [name, promise] of dim.promises()) if (promiseTexts(name, promise).length > 0) out.set(name, promise);
    }
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

/**
 * The entries of the metadata for what a graph declares; none where it declares nothing. `dimName` is how the file calls a size.
 */
export function declarationsOf(
  graph: Graph,
  dimName: (name: string) => string = (name) => name,
): Readonly<Record<string, string>> {
  const out: Record<string, string> = {};
  if (graph.inputRanges.size > 0) out[declarationKeys.inputs] = objectOf(graph.inputRanges);
  if (graph.outputRanges.size > 0) out[declarationKeys.outputs] = objectOf(graph.outputRanges);
  const promises = [...promisesOf(graph)].map(([name, promise]) => [dimName(name), promiseEntry(promise)] as const);
  if (promises.length > 0) out[declarationKeys.promises] = JSON.stringify(Object.fromEntries(promises));
  return out;
}

/** What a file's metadata declares. Entries of another form are left out, and named in `broken`. */
export interface Declarations {
  readonly inputs: ReadonlyMap<string, ValueRange>;
  readonly outputs: ReadonlyMap<string, ValueRange>;
  readonly promises: ReadonlyMap<string, SizePromise>;
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

/** A number where only the divisor is promised, which is what files of older versions have. */
function promiseEntry({ multiple, least, most }: SizePromise): number | Partial<SizePromise> {
  const bounds = { ...(least !== multiple && { least }), ...(Number.isFinite(most) && { most }) };
  if (Object.keys(bounds).length === 0) return multiple;
  return { ...(multiple > 1 && { multiple }), ...bounds };
}

function promiseIn(value: unknown): SizePromise | undefined {
  const count = (n: unknown, from = 1): n is number => typeof n === 'number' && Number.isSafeInteger(n) && n >= from;
  if (count(value)) return promiseOf({ multiple: value });
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const given: readonly (readonly [string, unknown])[] = Object.entries(value);
  const right = given.every(([key, n]) => ['multiple', 'least', 'most'].includes(key) && count(n, key === 'least' ? 0 : 1));
  return right && given.length > 0 ? promiseOf(Object.fromEntries(given)) : undefined;
}

/** Reads what `declarationsOf` wrote. Never throws. */
export function readDeclarations(metadata: ReadonlyMap<string, string>): Declarations {
  const broken: string[] = [];
  const { inputs, outputs, promises } = declarationKeys;
  return {
    inputs: entriesOf(metadata.get(inputs), rangeOf, inputs, broken),
    outputs: entriesOf(metadata.get(outputs), rangeOf, outputs, broken),
    promises: entriesOf(metadata.get(promises), promiseIn, promises, broken),
    broken,
  };
}
