/** Names and arguments that are not known here: what was meant, what PyTorch, Keras or ONNX call so, and what to write. */
import { at } from '../diagnostics/at.ts';
import { foreignWord, noCounterpart, refusedOperator, unknownName } from '../diagnostics/catalogue/names.ts';
import {
  argumentWithoutCounterpart,
  foreignArgument,
  needlessArgument,
  unknownArgument,
  wrongArgument,
} from '../diagnostics/catalogue/values.ts';
import type { Span } from '../diagnostics/source.ts';
import { nearest } from '../diagnostics/suggest.ts';
import type { Layer } from '../ops/define.ts';
import { layerSignature } from '../ops/layer-text.ts';
import { layerOfOnnx } from '../ops/onnx-names.ts';
import { parameterDoc } from '../ops/parameter-doc.ts';
import { layerByName, layers, refusedLayers } from '../ops/registry.ts';
import type { CallExpr, ModelItem } from '../parser/ast.ts';
import {
  answerFor,
  argumentNamed,
  argumentOfLayer,
  argumentsOf,
  layerOfWord,
  lostArguments,
  shown,
  translate,
  translatedCall,
  valueForLayer,
} from '../words/dictionary.ts';
import { shortLayer, shortParameter } from '../words/short.ts';
import type { WrittenCall } from '../words/word.ts';
import { builtinNames, ofTensors } from './builtins.ts';
import type { Context } from './context.ts';
import { live } from './failure.ts';
import { discard, type Frame } from './scope.ts';
import { solvers } from './solvers.ts';
import { argumentText, describe, type GivenArg, type GivenArgs, shortcutNames, tensorLike, wholeText } from './values.ts';

/** A name that nothing has; `call` where it is called. */
export function unknown(c: Context, f: Frame, name: string, span: Span, call?: CallExpr): never {
  const refused = refusedLayers.get(name);
  if (refused !== undefined) return c.fail(refusedOperator, f, { span, with: { name, hint: refused } });
  if (name === discard) {
    return c.fail(unknownName, f, {
      span,
      label: 'names nothing',
      with: { name, hint: '`_` leaves a value out: give it a name where it is made, as in `let x, _ = …`' },
    });
  }
  const refuse = (hint: string): never => c.fail(unknownName, f, { span, label: 'not known here', with: { name, hint } });
  const after = span.file.text.slice(span.end);
  const next = /^[ \t]+([A-Za-z_]\w*)\(/.exec(after)?.[1];
  if (next && answerFor(name)?.kind !== 'word' && (layerByName(next) || f.env.module.items.has(next))) {
    return refuse(`did you mean the label \`${name}:\`? write \`${name}: ${next}(…)\``);
  }
  const own = nearest(name, [...f.env.names(), ...f.env.module.items.keys()]);
  const word = call || own !== undefined ? undefined : wordOfChoice(name, span);
  if (word !== undefined) return refuse(`write \`${word}\``);
  if (!call && own === undefined && /^[A-Z]$/.test(name)) {
    const type = `f32[N, ${name === 'N' ? 'T' : name}]`;
    return refuse(`a size is named by the type of an input: \`${type}\`; a block gets it as an argument`);
  }
  answerForeign(c, f, name, call?.span ?? span, call, own);
  const [first] = call?.args ?? [];
  const short = shortLayer(name, first && !first.name ? wholeText(first.value.span) : undefined);
  if (short !== undefined) {
    const or = own !== undefined ? `, or \`${own}\` if that is meant` : call ? '' : `, or declare it: \`let ${name} = …\``;
    return refuse(`write \`${short}\`${or}`);
  }
  const near = nearest(name, [
    ...f.env.names(),
    ...f.env.module.items.keys(),
    ...layers.map((l) => l.name),
    ...builtinNames,
    ...shortcutNames,
  ]);
  if (near === name) return refuse(`it is a function: write \`${name}(${ofTensors.includes(name) ? 'it' : '…'})\``);
  return refuse(near ? `did you mean \`${near}\`?` : `declare it: \`let ${name} = …\``);
}

/** What a file has that leaves open which model is meant, and what to type. */
export function choiceOf(
  models: readonly ModelItem[],
  complete: ModelItem | undefined,
  defined: ReadonlySet<string>,
): { readonly what: string; readonly found: string; readonly expected: string; readonly hint: string } {
  const first = complete ?? at(models, 0);
  const missing = first.params
    .map((p) => (p.default || defined.has(p.name.name) ? '' : p.name.name))
    .filter((name) => name !== '');
  const values = missing.map((name) => `-D ${name}=…`);
  if (models.length > 1)
    return {
      what: 'this file has several models and none is chosen',
      found: `${models.length} models`,
      expected: `one of ${models.map((m) => m.name.name).join(', ')}`,
      hint: [`--model ${first.name.name}`, ...values].join(' '),
    };
  return {
    what: 'the model of this file lacks values',
    found: `\`${first.name.name}\` without a value for \`${missing.join('`, `')}\``,
    expected: 'a model whose parameters all have values',
    hint: `${values.join(' ')}, or a default in the source: \`${missing[0]} = …\``,
  };
}

/** What was meant by a text where one of several words in quotes is expected: `linear` and `"Linear"` are `"linear"`. */
export function wordMeant(text: string, expected: string): string | undefined {
  const bare = text.replaceAll(/["']/g, '').toLowerCase();
  return expected.match(/"[^"]*"/g)?.find((word) => word.slice(1, -1).toLowerCase() === bare);
}

/**
 * A number of turns of a `loop` or the like is a tensor: `conv(i, 3x3)` takes it for what goes in, and then lacks an argument.
 * Returns where that is not so.
 */
export function refuseTensorForNumber(c: Context, f: Frame, layer: Layer, { positional, named }: GivenArgs): void {
  const [first] = positional;
  const value = first && live(first.value);
  if (!first || value?.kind !== 'tensor' || layer.operands.max !== 1) return;
  const { elem, dims } = value.value.type;
  const wanted = layer.specs.filter(([name, spec]) => spec.positional && !spec.default && !named.has(name));
  const [name] = wanted[0] ?? [];
  if (dims.length > 0 || !/^[iu]\d/.test(elem) || name === undefined || wanted.length < positional.length) return;
  c.fail(wrongArgument, f, {
    span: first.span,
    with: {
      callee: layer.name,
      name,
      found: `${describe(value)}, which only the run knows`,
      expected: expectedOf(layer, name),
      hint: f.inLoop
        ? 'write `repeat` in the place of `loop`: its turns are written out, and the number of each is known'
        : 'make the number a parameter of the model, which is known while compiling',
    },
  });
}

/** A word that an argument takes in quotes, `mode=nearest`, as it is written. */
function wordOfChoice(name: string, span: Span): string | undefined {
  const argument = /[(,]\s*(\w+)\s*=\s*$/.exec(span.file.text.slice(Math.max(0, span.start - 100), span.start))?.[1];
  if (argument === undefined) return undefined;
  const known =
    (argument === 'solver' && solvers.has(name)) || layers.some((layer) => layer.params[argument]?.type.includes(`"${name}"`));
  return known ? `${argument}="${name}"` : undefined;
}

/** Whether a name stands as an argument or in arithmetic, and not as a step. */
function isArgument({ file, start, end }: Span): boolean {
  const before = file.text.slice(Math.max(0, start - 100), start);
  return (
    /(?:[(,=[+*/%<?]|[^-]>|-|\b(?:if|and|or|not|in|repeat|each|loop|assert))\s*$/.test(before) ||
    /^[ \t]*(?:[+*/%<>?]|[=!]=|-(?!>))/.test(file.text.slice(end, end + 100))
  );
}

/** Says what another framework calls so; returns where none does. */
function answerForeign(
  c: Context,
  f: Frame,
  name: string,
  span: Span,
  call: CallExpr | undefined,
  own: string | undefined,
): void {
  // A name alone may be one that somebody forgot to declare.
  const declare = /^[a-z]/.test(name) ? `, or declare it: \`let ${name} = …\`` : '';
  const answer = answerFor(name);
  const python = answer?.kind === 'word' && answer.of === 'Python';
  const or = call || python ? '' : own !== undefined ? `; did you mean \`${own}\`?` : declare;
  // `classes` and `stride` are of PyTorch too, and are numbers here.
  if (answer?.kind === 'reason' && (call || declare === '' || !isArgument(span))) {
    const { why, instead } = answer.reason;
    c.fail(noCounterpart, f, { span, with: { name, why, hint: `${instead}${or}` } });
  }
  if (answer?.kind === 'word') {
    const { word } = answer;
    const written = call ? writtenCall(call, f) : undefined;
    const text = written
      ? translate(word, name, written)
      : (word.bare ?? translate(word, name, { positional: [], named: new Map() }));
    const lost = written ? lostArguments(word, name, written) : [];
    c.fail(foreignWord, f, {
      span,
      with: {
        name,
        of: answer.of,
        found: wholeText(span),
        expected: [`\`${shown(word)}\``, word.note].filter((part) => part !== undefined).join('; '),
        hint: [`write \`${text}\`${or}`, ...lost].join('; '),
      },
    });
  }
  const layer = layerOfOnnx(name);
  if (layer && own === undefined) {
    c.fail(foreignWord, f, {
      span,
      with: {
        name,
        of: 'ONNX',
        found: wholeText(span),
        expected: `\`${layerSignature(layer)}\``,
        hint: `write \`${layer.name}\`: \`rescc explain ${layer.name}\` has its arguments${or}`,
      },
    });
  }
}

/** What a parameter takes, and what it means. */
export const expectedOf = (layer: Layer, name: string): string => `${layer.params[name]?.type}: ${parameterDoc(layer, name)}`;

function writtenCall(call: CallExpr, f: Frame): WrittenCall {
  const named = new Map<string, string>();
  const positional: string[] = [];
  for (const arg of call.args) {
    const text = wholeText(arg.value.span);
    if (arg.name) named.set(arg.name.name, text);
    else positional.push(text);
  }
  const it = f.it.kind === 'tensor' ? f.it.value.type.dims.length : undefined;
  const [first] = positional;
  return { positional, named, rank: it, onIt: first !== undefined && isOfNumbers(f, first) };
}

/** Whether all names of a text stand for numbers, texts or lists of them. */
function isOfNumbers(f: Frame, text: string): boolean {
  const names = text.match(/[A-Za-z_]\w*/g) ?? [];
  return (
    names.length > 0 &&
    names.every((name) => {
      const value = f.env.get(name)?.value;
      return value ? value.kind !== 'callable' && !tensorLike(value) : f.env.module.items.get(name)?.item.kind === 'const';
    })
  );
}

/**
 * Reports an argument that a layer does not have: another name for one of its own, which it gives back, one that is needless, or
 * a slip.
 */
export function unknownArgumentOf(
  c: Context,
  f: Frame,
  layer: Layer,
  name: string,
  arg: GivenArg,
  args: GivenArgs,
): string | undefined {
  const params = Object.keys(layer.params);
  const text = argumentText(arg);
  const answer = argumentOfLayer(layer.name, name);
  const callee = layer.name;
  const renamed = answer?.kind === 'ours' ? parameterOf(layer, answer) : undefined;
  if (renamed !== undefined) {
    const spec = layer.params[renamed];
    const value = valueForLayer(layer.name, name, text);
    c.report(foreignArgument, f, {
      span: arg.span,
      with: {
        callee,
        name,
        ours: renamed,
        expected: spec ? expectedOf(layer, renamed) : renamed,
        hint: otherUse(layer, args) ?? (spec?.rest ? `write \`${value}\` without a name` : `write \`${renamed}=${value}\``),
      },
    });
    return renamed;
  }
  const short = shortParameter(name, params);
  if (answer?.kind === 'left out' && short === undefined) {
    c.report(needlessArgument, f, { span: arg.span, with: { callee, name, why: answer.why } });
    return undefined;
  }
  if (answer?.kind === 'none') {
    c.report(argumentWithoutCounterpart, f, { span: arg.span, with: { callee, name, hint: answer.why } });
    return undefined;
  }
  const expected = params.length > 0 ? `one of ${params.join(', ')}` : 'no named arguments';
  const other = namesake(layer, args, name);
  if (other !== undefined) c.fail(unknownArgument, f, { span: arg.span, with: { callee, name, expected, hint: other } });
  const meant = short ?? nearest(name, params);
  const value = valueForLayer(layer.name, name, text);
  const hint =
    meant === undefined
      ? `remove \`${name}=\``
      : layer.params[meant]?.rest
        ? `write \`${value}\` without a name`
        : `write \`${meant}=${value}\``;
  c.report(unknownArgument, f, { span: arg.span, with: { callee, name, expected, hint } });
  return meant;
}

/** The parameter that somebody meant who wrote another name: a short one, or one with a slip in it. */
export const meantParameter = (name: string, params: readonly string[]): string | undefined =>
  shortParameter(name, params) ?? nearest(name, params);

/**
 * What to write where PyTorch means another layer by the same name, and the call is one of PyTorch's: `reduce_sum(1)` for
 * `sum(dim=1)`. Undefined where both mean one layer, or where PyTorch's function takes no such argument either.
 */
export function namesake(layer: Layer, args: GivenArgs, argument?: string): string | undefined {
  const answer = answerFor(layer.name);
  if (answer?.kind !== 'word') return undefined;
  const { of, word } = answer;
  const ours = layerOfWord(word);
  if (ours === undefined || ours === layer.name) return undefined;
  if (argument !== undefined && !argumentsOf(word).includes(argumentNamed(word, argument))) return undefined;
  const call = callOf(args);
  const write = `${of} means another layer by this name: write \`${translate(word, layer.name, call)}\``;
  return [write, ...lostArguments(word, layer.name, call)].join('; ');
}

/** The whole call, where PyTorch's function of this name takes its arguments otherwise: `split(16, dim=1)` has parts of 16. */
function otherUse(layer: Layer, args: GivenArgs): string | undefined {
  const answer = answerFor(layer.name);
  if (answer?.kind !== 'word' || answer.word.note === undefined || layerOfWord(answer.word) !== layer.name) return undefined;
  const text = answer.word.fill && translate(answer.word, layer.name, callOf(args));
  return text && `write \`${text}\`: ${answer.word.note}`;
}

function callOf(args: GivenArgs): WrittenCall {
  const named = new Map([...args.named].map(([key, arg]) => [key, argumentText(arg)] as const));
  return { positional: args.positional.map((arg) => wholeText(arg.span)), named };
}

/** The parameter of ours, by its name or by its place among those that need no name. */
function parameterOf(
  layer: Layer,
  { name, place }: { readonly name: string | undefined; readonly place?: number },
): string | undefined {
  if (name !== undefined) return name in layer.params ? name : undefined;
  const slots = layer.specs.filter(([, spec]) => spec.positional);
  return place === undefined ? undefined : (slots[place] ?? slots.at(-1))?.[0];
}

/** The arguments of a layer that are given by name alone. */
function nameOf(layer: Layer, { named }: GivenArgs): string {
  const free = Object.entries(layer.params).flatMap(([name, spec]) =>
    spec.positional || named.has(name) ? [] : [`\`${name}=\``],
  );
  return free.length === 0 ? 'remove an argument' : `remove an argument, or name it: ${free.slice(0, 6).join(', ')}`;
}

/**
 * What to write instead of too many arguments: tensors stand first, where PyTorch's `einsum` has them last; and its modules may
 * have one more, `conv(3, 64, 3x3)`.
 */
export function fewerArguments(layer: Layer, args: GivenArgs): string {
  const tensors = args.positional.filter(({ value }) => tensorLike(value));
  const rest = args.positional.filter(({ value }) => !tensorLike(value));
  if (
    tensors.length > 0 &&
    rest.length > 0 &&
    tensors.length <= layer.operands.max &&
    !tensorLike(at(args.positional, 0).value)
  ) {
    const texts = [...tensors, ...rest, ...args.named.values()].map(({ span }) => wholeText(span));
    return `write \`${layer.name}(${texts.join(', ')})\`: tensors stand first`;
  }
  const text = translatedCall(layer.name, callOf(args));
  // A size in the place of the channels shows that another argument is too many.
  return text === undefined || /\(\d+x\d/.test(text)
    ? nameOf(layer, args)
    : `write \`${text}\`: what goes in is known from \`it\``;
}
