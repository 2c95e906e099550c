/** Looks names of PyTorch up: what is written here for a name, a call or an argument, or why there is nothing to write. */
import { activationWords } from './activations.ts';
import { layerWords } from './layers.ts';
import { otherWords } from './others.ts';
import { reasons } from './reasons.ts';
import { isIncoming } from './short.ts';
import { elementTypes, tensorWords } from './tensors.ts';
import { type FilledCall, namesOf, type Reason, type Word, type WrittenCall } from './word.ts';

export type Answer =
  | { readonly kind: 'word'; readonly of: string; readonly word: Word }
  | { readonly kind: 'reason'; readonly reason: Reason };

interface Dictionary {
  readonly words: ReadonlyMap<string, Word>;
  /** Of other frameworks than PyTorch, with their names. */
  readonly others: ReadonlyMap<string, { readonly word: Word; readonly of: string }>;
  readonly reasons: readonly { readonly reason: Reason; readonly names: ReadonlySet<string> }[];
  /** Names in small letters without `_`, for spellings that nobody has written. */
  readonly folded: ReadonlyMap<string, Word>;
}

const isModule = (name: string): boolean => /^[A-Z]/.test(name);
const fold = (name: string): string => name.toLowerCase().replaceAll('_', '');

let made: Dictionary | undefined;

/** Made when the first unknown name is met. */
function dictionary(): Dictionary {
  made ??= makeDictionary();
  return made;
}

/** The rows of PyTorch, in the order in which a page lists them. */
export function allWords(): readonly Word[] {
  return [...layerWords(), ...activationWords(), ...tensorWords()];
}

function makeDictionary(): Dictionary {
  const words = new Map<string, Word>();
  for (const word of allWords()) for (const name of namesOf(word.torch)) if (!words.has(name)) words.set(name, word);
  const folded = new Map<string, Word>();
  // A slip in the letters is taken for a layer alone: `Norm` may be anything.
  for (const word of [...layerWords(), ...activationWords()])
    for (const name of namesOf(word.torch)) if (!folded.has(fold(name))) folded.set(fold(name), word);
  const others = new Map<string, { readonly word: Word; readonly of: string }>();
  for (const { of, words: rows } of otherWords())
    for (const word of rows) for (const name of namesOf(word.torch)) others.set(name, { word, of });
  return {
    words,
    others,
    reasons: reasons().map((reason) => ({ reason, names: new Set(namesOf(reason.names)) })),
    folded,
  };
}

/**
 * The same name as somebody may have varied it: `relu_` works in place, `view_copy` copies, `LazyConv2d` knows the channels
 * from its input. The name itself comes first.
 */
function* variants(name: string): Generator<string> {
  yield name;
  if (name.endsWith('_')) yield name.slice(0, -1);
  if (name.endsWith('_copy')) yield name.slice(0, -5);
  if (name.startsWith('Lazy')) yield name.slice(4);
  if (name.startsWith('special_')) yield name.slice(8);
}

/** What the dictionary says of a name of PyTorch; undefined for names that it does not have. */
export function answerFor(name: string): Answer | undefined {
  const { words, others, reasons: all, folded } = dictionary();
  for (const variant of variants(name)) {
    const word = words.get(variant);
    if (word) return { kind: 'word', of: 'PyTorch', word };
    const listed = all.find(({ names }) => names.has(variant));
    if (listed) return { kind: 'reason', reason: listed.reason };
  }
  const other = others.get(name);
  if (other) return { kind: 'word', ...other };
  const word = [fold(name), fold(name).replace(/(?<=\D)[123]d$/, ''), `${fold(name)}2d`]
    .map((spelling) => folded.get(spelling))
    .find((found) => found !== undefined);
  return word && { kind: 'word', of: 'PyTorch', word };
}

// ------------------------------------------------------------------------------------------------------------- arguments

/** Of what goes in. */
const known = 'it is known from `it`';

/** Arguments that are left out, whoever takes them, and why. */
const leftOut: Readonly<Record<string, string>> = {
  inplace: 'values are never changed here',
  out: 'a result has a name by `let`',
  device: 'a model is compiled for every runtime',
  layout: 'all tensors are dense',
  requires_grad: 'nothing is trained here',
  memory_format: 'tensors have no place in memory here',
  pin_memory: 'tensors have no place in memory here',
  non_blocking: 'tensors have no place in memory here',
  copy: 'values are never changed here',
  generator: 'nothing is random here',
  train: 'a compiled model is in its inference form',
  training: 'a compiled model is in its inference form',
  momentum: 'it moves the statistics in training only',
  track_running_stats: 'the statistics of the training are used',
  use_input_stats: 'the statistics of the picture are used',
  process_group: 'it is about training on several machines',
  _stacklevel: 'it is about warnings',
  dtype: 'the element type is that of the tensor; `cast(f32)` changes it',
  input_size: known,
  batch_first: 'the batch is the first axis always',
  dropout: 'a compiled model is in its inference form',
  in_channels: known,
  in_features: known,
  num_features: known,
  num_channels: known,
  normalized_shape: 'the last axis is normalised; `axis=-2` for the last two',
  padding_idx: 'it holds a vector still in training only',
  norm_type: 'it belongs to max_norm=',
  scale_grad_by_freq: 'it is about training',
  sparse: 'it is about training',
  _weight: '`weight=` takes a tensor, a checkpoint fills the layer',
  _freeze: 'nothing is trained here',
  min_value: 'PyTorch calls it min_val now',
  max_value: 'PyTorch calls it max_val now',
  dropout_p: 'a compiled model is in its inference form',
};

export type ArgumentAnswer =
  /** Written with this name, `pad` for `padding`, or without a name at this place among those behind the tensors. */
  | { readonly kind: 'ours'; readonly name: string | undefined; readonly place?: number }
  | { readonly kind: 'left out'; readonly why: string }
  | { readonly kind: 'none'; readonly why: string };

const holes = /\{\*?(\w+)(?:\|[^}]*)?\}/g;

/** The arguments of a row, `*` taken away. */
export function argumentsOf(word: Word): readonly string[] {
  return (word.takes ?? '')
    .split(' ')
    .filter((name) => name !== '')
    .map((name) => name.replace('*', ''));
}

/** What becomes of an argument of PyTorch in a row; undefined where its function does not take it. */
export function argumentAnswer(word: Word, argument: string): ArgumentAnswer | undefined {
  const why = word.without?.[argument];
  if (why !== undefined) return { kind: 'none', why };
  for (const match of word.ours.matchAll(holes)) {
    if (match[1] !== argument) continue;
    const before = word.ours.slice(0, match.index);
    const name = /(\w+)=$/.exec(before)?.[1];
    const parts = atCommas(before.replace(/^\w+\(/, '').replace(/\{(?:input\b[^}]*|\w+\|it)\},?/, ''));
    return name === undefined ? { kind: 'ours', name, place: parts.length } : { kind: 'ours', name };
  }
  if (argument === 'input') return { kind: 'ours', name: undefined };
  if (!argumentsOf(word).includes(argument)) return undefined;
  const idle = leftOut[argument];
  if (idle !== undefined) return { kind: 'left out', why: idle };
  return word.fill ? { kind: 'ours', name: undefined } : undefined;
}

/** The layer that a row calls and does nothing else with: `conv`. */
export function layerOfWord({ ours }: Word): string | undefined {
  return /^(\w+)(?:\([^()]*\))?$/.exec(ours)?.[1];
}

/**
 * What becomes of an argument of PyTorch that was given to a layer of ours: `padding=` to `conv`. The rows of modules come
 * first, so that `weight` is what the module calls so.
 */
export function argumentOfLayer(layer: string, argument: string): ArgumentAnswer | undefined {
  // Keras calls the same arguments otherwise: `filters`, `strides`, `use_bias`.
  for (const word of [...allWords(), ...otherWords().flatMap(({ words }) => words)]) {
    if (layerOfWord(word) !== layer || !argumentsOf(word).includes(argument)) continue;
    const found = argumentAnswer(word, argument);
    if (found) return found;
  }
  const general: Readonly<Record<string, string>> = { dim: 'axis', dims: 'axes', keepdim: 'keepdims', padding: 'pad' };
  const name = general[argument];
  if (name !== undefined) return { kind: 'ours', name };
  const idle = leftOut[argument] ?? (isIncoming(argument) ? known : undefined);
  return idle === undefined ? undefined : { kind: 'left out', why: idle };
}

/** The text of the value of an argument of PyTorch for a layer of ours: `"linear"` for `"bilinear"`. */
export function valueForLayer(layer: string, argument: string, text: string): string {
  const word = allWords().find((one) => layerOfWord(one) === layer && one.values?.[argument]?.[text] !== undefined);
  return word?.values?.[argument]?.[text] ?? constants[text] ?? text;
}

/**
 * A call of a layer of ours with the arguments that the module of PyTorch takes, `conv(3, 64, 3x3)`, as it is written here:
 * `conv(64, 3x3)`. Undefined where no module takes them so. Our defaults hold, because it is our name that was written.
 */
export function translatedCall(layer: string, call: WrittenCall): string | undefined {
  const word = allWords().find((one) => layerOfWord(one) === layer && namesOf(one.torch).some(isModule));
  const name = word && namesOf(word.torch).find(isModule);
  const given = word && name !== undefined ? filled(word, name, call) : undefined;
  if (!word || !given) return undefined;
  if (!argumentsOf(word).some((argument) => given.text(argument) !== undefined && leftOut[argument] === known)) return undefined;
  return fillIn({ ...word, ours: word.ours.replaceAll(/(\w+=\{\w+)\|[^}]*\}/g, '$1}') }, given);
}

// ----------------------------------------------------------------------------------------------------------- translations

const constants: Readonly<Record<string, string>> = { True: 'true', False: 'false' };

/** What is written for a value: `True` is `true`, `torch.float16` is `f16`. */
function written(word: Word, argument: string, text: string): string | undefined {
  const trimmed = text.trim();
  if (trimmed === 'None') return undefined;
  const known = word.values?.[argument]?.[trimmed] ?? constants[trimmed];
  if (known !== undefined) return known;
  const element = /^(?:torch\.)?(\w+)$/.exec(trimmed)?.[1];
  return (argument === 'dtype' && element !== undefined && elementTypes.get(element)) || trimmed;
}

/** What PyTorch calls an argument that has NumPy's name, which are ours too. */
export function argumentNamed(word: Word, name: string): string {
  const known = argumentsOf(word);
  const theirs = ({ axis: 'dim', axes: 'dim', keepdims: 'keepdim' } as Readonly<Record<string, string>>)[name];
  return theirs !== undefined && !known.includes(name) && known.includes(theirs) ? theirs : name;
}

/** Arguments by PyTorch's names; undefined where there are more than it takes. */
function filled(word: Word, name: string, call: WrittenCall): FilledCall | undefined {
  const takes = (word.takes ?? '').split(' ').filter((one) => one !== '');
  if (name.startsWith('Lazy')) return filledFrom(takes.slice(1), word, name, call);
  const given = filledFrom(takes, word, name, call);
  // `Conv2d(16, 3)` leaves the channels that come in to `it`, as one writes it here, and would lack its kernel otherwise.
  const short =
    given && /^in_(?:channels|features)$/.test(takes[0] ?? '') && needed(word).some((hole) => given.text(hole) === undefined);
  return short ? (filledFrom(takes.slice(1), word, name, call) ?? given) : given;
}

/** The arguments without which a call cannot be written: those of `ours` that have no name and no default. */
const needed = (word: Word): readonly string[] =>
  atCommas(/^\w+\((.*)\)$/s.exec(word.ours)?.[1] ?? '').flatMap((part) => /^\{(\w+)\}$/.exec(part)?.[1] ?? []);

function filledFrom(listed: readonly string[], word: Word, name: string, call: WrittenCall): FilledCall | undefined {
  let takes = listed;
  // A row of a module that is a function as well does not list the tensor, which the function takes first.
  const ofModules = namesOf(word.torch).some(isModule);
  if (ofModules && !isModule(name)) takes = ['input', ...takes];
  const texts = new Map<string, string>();
  const tensor = takes.includes('input') ? 'input' : (takes[0] ?? 'input');
  if (call.on !== undefined) texts.set(tensor, call.on);
  // `chunk(2)` is a layer on `it`, as one writes it here, though PyTorch's function takes the tensor first.
  const onIt =
    (tensor === 'input' || tensor === 'tensor') &&
    call.on === undefined &&
    (call.onIt === true || literal.test(call.positional[0] ?? ''));
  const places = takes.filter((place) => (call.on === undefined && !onIt) || place !== tensor);
  for (const [at, text] of call.positional.entries()) {
    const place = places.shift();
    if (place === undefined) return undefined;
    if (!place.startsWith('*')) {
      texts.set(place, text);
      continue;
    }
    const rest = call.positional.slice(at);
    texts.set(place.slice(1), rest.length === 1 && rest[0]?.startsWith('[') ? rest[0] : rest.join(', '));
    break;
  }
  for (const [key, text] of call.named) texts.set(argumentNamed(word, key), text);
  return {
    rank: call.rank,
    text: (argument) => {
      const text = texts.get(argument);
      return text === undefined ? undefined : written(word, argument, text);
    },
  };
}

/** Numbers, and lists, strings and words that stand for values. */
const literal = /^-?\d[\w.x]*$|^[[(]\s*-?\d|^"|^(?:True|False|None|true|false)$/;
const simple = /^[\w.]+$|^[\w.]+\([^()]*\)$|^[[(].*[\])]$|^"[^"]*"$/s;
const spread = (text: string): string => /^[[(](.*?),?\s*[\])]$/s.exec(text)?.[1] ?? text;

/** The parts of a text between commas that stand in no bracket. */
export function atCommas(text: string): readonly string[] {
  const parts: string[] = [];
  let depth = 0;
  let part = '';
  for (const letter of text) {
    if ('([{'.includes(letter)) depth++;
    if (')]}'.includes(letter)) depth--;
    if (letter === ',' && depth === 0) {
      parts.push(part.trim());
      part = '';
    } else part += letter;
  }
  return part.trim() === '' ? parts : [...parts, part.trim()];
}

/**
 * What is written here for a call as somebody would write it in Python: `Conv2d(3, 64, 3)` is `conv(64, 3, pad=0, bias=true)`.
 */
export function translate(word: Word, name: string, call: WrittenCall): string {
  const given = filled(word, name, call);
  if (!given) return shown(word);
  return word.fill?.(given) ?? fillIn(word, given);
}

/** What a translation leaves out of a call, and why: arguments that were given, have no counterpart and went into nothing. */
export function lostArguments(word: Word, name: string, call: WrittenCall): readonly string[] {
  const given = filled(word, name, call);
  if (!given) return [];
  const used = new Set<string>();
  const watched: FilledCall = {
    rank: given.rank,
    text: (argument) => {
      used.add(argument);
      return given.text(argument);
    },
  };
  if (word.fill?.(watched) === undefined) fillIn(word, watched);
  const byReason = new Map<string, string[]>();
  for (const [argument, why] of Object.entries(word.without ?? {}))
    if (!used.has(argument) && given.text(argument) !== undefined)
      byReason.set(why, [...(byReason.get(why) ?? []), `\`${argument}=\``]);
  return [...byReason].map(([why, names]) => `${names.join(', ')} has no counterpart: ${why}`);
}

function fillIn(word: Word, given: FilledCall): string {
  const parts = /^(\w+)\((.*)\)$/s.exec(word.ours);
  const alone = /^\w+$/.test(word.ours);
  const whole = parts && atCommas(parts[2] ?? '').length > 0 && balanced(parts[2] ?? '');
  if (!whole && !alone) {
    const input = given.text('input');
    const text = replaceHoles(word.ours, given, true);
    return input !== undefined && word.ours.startsWith('{ ') ? `${input} -> ${text}` : text;
  }
  const input = word.ours.includes('{input') ? undefined : given.text('input');
  const args = alone ? [] : atCommas(parts?.[2] ?? '').flatMap((part) => argumentText(part, given));
  const all = input === undefined ? args : [input, ...args];
  const callee = alone ? word.ours : (parts?.[1] ?? '');
  return all.length === 0 ? callee : `${callee}(${all.join(', ')})`;
}

/** Whether the brackets of a text close in it: those of `a(1) + b(2)` without its ends do not. */
function balanced(text: string): boolean {
  let depth = 0;
  for (const letter of text) {
    if (letter === '(') depth++;
    if (letter === ')' && --depth < 0) return false;
  }
  return depth === 0;
}

function argumentText(part: string, given: FilledCall): readonly string[] {
  const hole = /^(?:(\w+)=)?\{(\*?)(\w+)(?:\|([^}]*))?\}$/.exec(part);
  if (!hole) return [replaceHoles(part, given, true)];
  const [, key, star, argument = '', other] = hole;
  const text = given.text(argument);
  if (text !== undefined) return [`${key === undefined ? '' : `${key}=`}${star ? spread(text) : text}`];
  if (other !== undefined) return [`${key === undefined ? '' : `${key}=`}${other}`];
  return key === undefined && argument !== 'input' && argument !== 'dim' && argument !== 'step' ? [argument] : [];
}

function replaceHoles(template: string, given: FilledCall, guarded: boolean): string {
  const present = template.replace(/,\s*\w+=\{(\w+)\}/g, (text, argument: string) =>
    given.text(argument) === undefined ? '' : text,
  );
  return present.replace(/\{(\*?)(\w+)(?:\|([^}]*))?\}/g, (_, star: string, argument: string, other: string | undefined) => {
    const text = given.text(argument);
    if (text === undefined) return other ?? argument;
    if (star) return spread(text);
    return guarded && !simple.test(text) ? `(${text})` : text;
  });
}

/** The form of a row for a page: `conv(out_channels, kernel_size, stride=…)`, holes by their names. */
export function shown(word: Word): string {
  // An argument that has the same name here is written once.
  const short = word.ours.replace(/\b(\w+)=\{\1(?:\|[^}]*)?\}/g, '$1');
  return short.replace(/\{(\*?)(\w+)(?:\|([^}]*))?\}/g, (_, star: string, argument: string) =>
    argument === 'input' ? 'it' : star ? `${argument}…` : argument,
  );
}
