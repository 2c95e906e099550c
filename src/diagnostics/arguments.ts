/**
 * Arguments of the API as they come from programs without types: what each has to be, and the look at it, so that a wrong one is
 * a diagnostic with the name of the function and never an error from somewhere inside.
 */
import { badArgument, unknownOption } from './catalogue/api.ts';
import { fail } from './diagnostic.ts';
import { nearest } from './suggest.ts';

/** What an argument has to be. */
export interface ArgumentKind {
  /** For messages: `a text`. */
  readonly what: string;
  /** What is typed for one: `'model M { … }'`. */
  readonly example: string;
  readonly is: (value: unknown) => boolean;
}

/** What options there are, and what each has to be. */
export type OptionKinds = Readonly<Record<string, ArgumentKind>>;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;
const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  isObject(value) && !Array.isArray(value) && !ArrayBuffer.isView(value);
/** Whether an object has these, however it came by them. */
const has = (value: unknown, ...names: readonly string[]): boolean => isObject(value) && names.every((name) => name in value);

export const text: ArgumentKind = { what: 'a text', example: "'net.res'", is: (value) => typeof value === 'string' };
export const flag: ArgumentKind = { what: 'true or false', example: 'true', is: (value) => typeof value === 'boolean' };
export const callback: ArgumentKind = {
  what: 'a function',
  example: '(…) => { … }',
  is: (value) => typeof value === 'function',
};
export const bytes: ArgumentKind = {
  what: 'bytes (Uint8Array)',
  example: 'await made.bytes()',
  is: (value) => value instanceof Uint8Array,
};
export const record: ArgumentKind = { what: 'an object', example: '{ … }', is: isRecord };

/** A whole number in bounds. */
export const whole = (low: number, high = Number.MAX_SAFE_INTEGER): ArgumentKind => ({
  what: high === Number.MAX_SAFE_INTEGER ? `a whole number from ${low} on` : `a whole number from ${low} to ${high}`,
  example: String(low),
  is: (value) => Number.isSafeInteger(value) && (value as number) >= low && (value as number) <= high,
});

export const oneOf = (...values: readonly (string | number)[]): ArgumentKind => ({
  what: `one of ${values.map((one) => JSON.stringify(one)).join(', ')}`,
  example: JSON.stringify(values[0]),
  is: (value) => values.includes(value as string | number),
});

export const listOf = (kind: ArgumentKind): ArgumentKind => ({
  what: `a list, each ${kind.what}`,
  example: `[${kind.example}]`,
  is: (value) => Array.isArray(value) && value.every((one) => kind.is(one)),
});

export const recordOf = (kind: ArgumentKind, example = `{ name: ${kind.example} }`): ArgumentKind => ({
  what: `an object, each of whose values is ${kind.what}`,
  example,
  is: (value) => isRecord(value) && Object.values(value).every((one) => one === undefined || kind.is(one)),
});

export const either = (...kinds: readonly ArgumentKind[]): ArgumentKind => ({
  what: kinds.map((kind) => kind.what).join(', or '),
  example: kinds[0]?.example ?? '',
  is: (value) => kinds.some((kind) => kind.is(value)),
});

/** What may be left out. */
export const optional = (kind: ArgumentKind): ArgumentKind => ({ ...kind, is: (value) => value === undefined || kind.is(value) });

/** An object with these properties, for those of our own making. */
export const shaped = (what: string, example: string, ...names: readonly string[]): ArgumentKind => ({
  what,
  example,
  is: (value) => has(value, ...names),
});

export const namedText: ArgumentKind = {
  what: 'a text with its name, { name, text }',
  example: "{ name: 'net.res', text }",
  is: (value) => isRecord(value) && typeof value.name === 'string' && typeof value.text === 'string',
};
export const graphShape = shaped('a graph', 'build(source).graph', 'nodes', 'constants', 'inputs', 'outputs');
export const depthKind: ArgumentKind = {
  what: 'a number of levels',
  example: '2',
  is: (value) => typeof value === 'number' && value >= 0,
};
export const diagnosticsKind = listOf(shaped('a diagnostic', 'result.diagnostics[0]', 'code', 'severity', 'title'));
/** A tensor with numbers in float64. */
export const hostTensor: ArgumentKind = {
  what: 'a tensor, { elem, dims, data: Float64Array }',
  example: "{ elem: 'f32', dims: [1], data: Float64Array.of(1) }",
  is: (value) => has(value, 'elem', 'dims', 'data') && (value as { data: unknown }).data instanceof Float64Array,
};

/** An object of our own making, of which each of these properties is looked at. */
export const made = (what: string, example: string, parts: OptionKinds): ArgumentKind => ({
  what,
  example,
  is: (value) => isObject(value) && Object.entries(parts).every(([name, kind]) => kind.is(value[name])),
});
export const map: ArgumentKind = { what: 'a Map', example: 'new Map()', is: (value) => has(value, 'get', 'entries', 'size') };
export const objects = listOf({ what: 'an object', example: '{ … }', is: isObject });

const onnxParts: OptionKinds = {
  irVersion: whole(0),
  graph: made('a graph', '…', {
    name: text,
    nodes: objects,
    initializers: objects,
    inputs: objects,
    outputs: objects,
    valueInfo: objects,
  }),
  opsets: map,
  functions: listOf(
    made('a function', '…', {
      ...{ domain: text, name: text, overload: text, opsets: map, nodes: objects, defaults: objects },
      ...{ inputs: listOf(text), outputs: listOf(text), attributes: listOf(text) },
    }),
  ),
  metadata: listOf({
    what: 'two texts',
    example: "['key', 'value']",
    is: (pair) => listOf(text).is(pair) && (pair as readonly string[]).length === 2,
  }),
  producerName: text,
  producerVersion: text,
};
export const onnxModelKind = made('an ONNX model', '(await compile(source)).onnx', onnxParts);
/** A model as it was read. */
export const onnxFileKind = made('an ONNX file that was read', 'await readOnnxFile(bytes)', {
  ...onnxParts,
  file: text,
  session: { what: 'a session', example: '…', is: isRecord },
  notes: listOf(text),
});
/** An ONNX file where there are files. */
export const modelFileKind: ArgumentKind = {
  what: 'the path of an ONNX file, or its bytes (Uint8Array)',
  example: "'net.onnx'",
  is: (value) => typeof value === 'string' || value instanceof Uint8Array,
};

/** What a value is, for messages. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (typeof value === 'string') return `the text ${JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)}`;
  if (typeof value === 'number') return `the number ${value}`;
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'bigint') return `the bigint ${value}n`;
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'symbol') return 'a symbol';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `${value.constructor.name} of ${value.byteLength} bytes`;
  if (value instanceof Promise) return 'a promise, which wants an `await`';
  const keys = Object.keys(value);
  if (keys.length === 0) return 'an object without properties';
  return `an object with ${keys.slice(0, 6).join(', ')}${keys.length > 6 ? ', …' : ''}`;
}

/** Throws RES0516 where an argument is something else. `call` is the function, `name` the argument. */
export function checkArgument(call: string, name: string, value: unknown, kind: ArgumentKind): void {
  if (kind.is(value)) return;
  const hint = value instanceof Promise ? `${name}: await …` : `${name}: ${kind.example}`;
  fail(badArgument, { with: { call, name, found: shown(value), expected: kind.what, hint } });
}

/** Throws RES0516 for options that are something else, RES0526 for one that there is not. Undefined is as if left out. */
export function checkOptions(call: string, options: unknown, kinds: OptionKinds): void {
  if (options === undefined) return;
  if (!isRecord(options)) checkArgument(call, 'options', options, { ...record, example: '{}' });
  for (const [name, value] of Object.entries(options as object)) {
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    if (kind) {
      if (value !== undefined) checkArgument(call, name, value, kind);
      continue;
    }
    const known = Object.keys(kinds);
    const near = nearest(name, known);
    fail(unknownOption, {
      with: {
        call,
        name,
        expected: known.length === 0 ? 'no options' : `one of ${[...known].sort().join(', ')}`,
        hint: near ? `${near}: …` : `leave ${name} out`,
      },
    });
  }
}
