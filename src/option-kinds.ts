/** What the calls of the API take, for the look at what programs without types hand over. */
import {
  type ArgumentKind,
  callback,
  either,
  flag,
  listOf,
  namedText,
  type OptionKinds,
  oneOf,
  record,
  recordOf,
  shaped,
  text,
  whole,
} from './diagnostics/arguments.ts';
import { bytesKind } from './io/sources.ts';

/** A text, or one with its name. */
export const sourceKind: ArgumentKind = {
  what: 'the text of a .res file, or { name, text }',
  example: "'model M { … }'",
  is: (value) => typeof value === 'string' || namedText.is(value),
};
const isDefine = (value: unknown): boolean =>
  typeof value === 'string' ||
  typeof value === 'boolean' ||
  (typeof value === 'number' && Number.isFinite(value)) ||
  (Array.isArray(value) && value.every(isDefine));
const defineKind: ArgumentKind = {
  what: 'a finite number, true or false, an expression as a text, or a list of such',
  example: '10',
  is: isDefine,
};
// Bounds of sizes and opsets are the compiler's to tell, with what they are bounds of.
const numberKind = (what: string, example: string): ArgumentKind => ({ what, example, is: (value) => typeof value === 'number' });
const sizeKind = numberKind('a size', '224');
const opsetKind = numberKind('the number of an opset', '17');
const shapeKind: ArgumentKind = {
  what: 'a size, or a list of sizes of which undefined leaves one open',
  example: '[1, 3, 224, 224]',
  is: (value) => sizeKind.is(value) || (Array.isArray(value) && value.every((one) => one === undefined || sizeKind.is(one))),
};
const seedKind: ArgumentKind = { what: 'a whole number', example: '0', is: (value) => Number.isSafeInteger(value) };

const passKinds: OptionKinds = {
  level: oneOf(0, 1, 2),
  passes: listOf({ ...text, example: "'simplify'" }),
  target: oneOf('portable', 'cpu', 'webgpu', 'cuda'),
  opset: opsetKind,
  verifyIr: flag,
  onPass: callback,
  fuel: whole(0),
  onFiring: callback,
  onProgress: callback,
};

/** Of `compile`; `build`, `check`, `models` and `optimize` take them, too, and look at those that are theirs. */
export const compileKinds: OptionKinds = {
  ...passKinds,
  fileName: text,
  model: { ...text, example: "'ResNet50'" },
  defines: recordOf(defineKind, '{ classes: 10 }'),
  inputShapes: recordOf(shapeKind, '{ image: [1, 3, 224, 224] }'),
  resolveImport: callback,
  limits: recordOf(whole(0), '{ steps: 1_000_000 }'),
  seed: seedKind,
  denyWarnings: flag,
  weights: either(bytesKind, shaped('a checkpoint (openCheckpoint)', 'await openCheckpoint(bytes)', 'dicts')),
  weightsKey: { ...text, example: "'params_ema'" },
  allowMissing: flag,
  allowUnused: flag,
  map: listOf({
    what: '{ from, to }',
    example: "{ from: 'module.*', to: '*' }",
    is: (one) => typeof one === 'object' && one !== null && 'from' in one && typeof one.from === 'string',
  }),
  metadata: recordOf(text),
  checkPromises: flag,
  keepUnoptimized: flag,
  countNodes: flag,
};

/** Of `optimizeOnnx`. */
export const optimizeOnnxKinds: OptionKinds = {
  ...passKinds,
  fileName: text,
  raise: flag,
  inputShapes: recordOf(shapeKind, '{ image: [1, 3, 224, 224] }'),
  keepInputs: flag,
  metadata: recordOf(text),
  keepUnoptimized: flag,
  pipeline: callback,
};

/** Of `optimize`, which is handed the options of either way whole. */
export const optimizeKinds: OptionKinds = { ...compileKinds, ...optimizeOnnxKinds };

export { graphShape as graphKind } from './diagnostics/arguments.ts';
export const summaryKinds: OptionKinds = {
  depth: { ...whole(0), what: 'a whole number, or Infinity', is: (one) => typeof one === 'number' && one >= 0 },
  sizes: record,
  opset: opsetKind,
};

/** A value of `defines`: a number, true or false, an expression of the language as a text, or a list of such. */
export type DefineValue = number | boolean | string | readonly DefineValue[];

/** The expression that the language has for it. */
export function defineText(value: DefineValue): string {
  if (typeof value === 'string') return value;
  // `1e+21` of JavaScript is `1e21` here.
  if (typeof value === 'number' || typeof value === 'boolean') return String(value).replace('e+', 'e');
  return `[${value.map(defineText).join(', ')}]`;
}
