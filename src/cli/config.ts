/**
 * Defaults of options from a file: `rescc.config.json`, or the field `rescc` of package.json, in the working folder or the
 * nearest one above it.
 *
 *   { "*": { "json": true }, "run": { "ep": "webgpu", "labels": "labels.txt" }, "compile": { "define": { "classes": 10 } } }
 *
 * `*` is for every command that has the option, and a command's own entry wins over it; what is typed wins over both. Names of
 * files are relative to the folder of the configuration.
 */
import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join, relative } from 'node:path';
import { type Command, InvalidArgumentError, type Option } from 'commander';
import { configKey, configValue } from '../diagnostics/catalogue/cli.ts';
import { type Diagnostic, DiagnosticError, makeDiagnostic } from '../diagnostics/diagnostic.ts';
import type { Span } from '../diagnostics/source.ts';
import { nearest } from '../diagnostics/suggest.ts';
import { readTyped } from '../io/node/open-file.ts';
import { type Json, parseJsonSpans } from './json-spans.ts';

type JsonObject = Json & { readonly kind: 'object' };

/** A configuration that was found. */
export interface Config {
  readonly path: string;
  readonly tree: JsonObject;
}

const fileName = 'rescc.config.json';
const everyCommand = '*';

/** What only a call may say, because a file of a folder above must not decide where something is written over. */
const onlyTyped: ReadonlySet<string> = new Set(['output', 'force', 'input']);

/** The nearest configuration, from a folder upwards. Throws RES0717 for one that is no JSON. */
export function findConfig(folder: string): Config | undefined {
  for (let here = folder; ; here = dirname(here)) {
    const own = join(here, fileName);
    if (existsSync(own)) return { path: own, tree: objectIn(own) };
    const tree = fieldOf(join(here, 'package.json'));
    if (tree) return { path: join(here, 'package.json'), tree };
    if (dirname(here) === here) return undefined;
  }
}

const textOf = (path: string): string => new TextDecoder().decode(readTyped(path)).replace(/^\uFEFF/, '');

function objectIn(path: string): JsonObject {
  const text = textOf(path);
  const tree = parseJsonSpans({ name: relative('', path), text });
  if (tree.kind === 'object') return tree;
  const found = tree.kind === 'wrong' ? `\`${text.slice(tree.span.start, tree.span.start + 12).split('\n')[0]}\`` : 'no object';
  throw new DiagnosticError([
    wrongValue(tree.span, tree.span.file.name, found, tree.kind === 'wrong' ? tree.expected : 'an object: { … }', example),
  ]);
}

/** The field `rescc` of a package.json; a file that is no JSON is npm's to speak of. */
function fieldOf(path: string): JsonObject | undefined {
  if (!existsSync(path)) return undefined;
  const text = textOf(path);
  if (!text.includes('"rescc"')) return undefined;
  const tree = parseJsonSpans({ name: relative('', path), text });
  const field = tree.kind === 'object' ? tree.entries.find(({ key }) => key === 'rescc')?.value : undefined;
  return field?.kind === 'object' ? field : undefined;
}

const example = '{ "run": { "ep": "webgpu" } }';

const wrongValue = (span: Span, key: string, found: string, expected: string, hint: string): Diagnostic =>
  makeDiagnostic(configValue, { span, with: { key, found, expected, hint } });

const nameOf = (option: Option): string => (option.long ?? option.short ?? '').replace(/^-+/, '');
const isRepeatable = (option: Option): boolean => option.description.includes('repeatable');
const isPath = (option: Option): boolean => /<file>/.test(option.flags);

function shown(value: Json): string {
  return value.kind === 'plain' ? JSON.stringify(value.value) : value.kind === 'array' ? 'a list' : 'an object';
}

/** What an option takes, for people. */
function takes(option: Option): string {
  if (option.isBoolean()) return 'true or false';
  if (option.argChoices) return `one of ${option.argChoices.join(', ')}`;
  const value = /[<[](.+)[>\]]/.exec(option.flags)?.[1] ?? 'value';
  const list = isRepeatable(option) ? `, or a list of such${value.includes('=') ? ', or an object of them' : ''}` : '';
  return `${value}${list}`;
}

/** A value that an option does not take. */
interface Refused {
  readonly at: Span;
  readonly found: string;
  /** What commander's reader of the option says. */
  readonly why: string | undefined;
}
type Words = { readonly words: readonly string[] } | { readonly refused: Refused };

/** `Write a number.` as commander's readers say it is `a number` here. */
const whyText = (option: Option, why: string | undefined): string =>
  why === undefined || option.argChoices ? takes(option) : why.replace(/^Write /, '').replace(/\.$/, '');

/** Words of the command line that say the same. */
function wordsFor(option: Option, value: Json, folder: string): Words {
  const flag = option.long ?? option.short ?? '';
  const wrong = (at: Json, why?: string): Words => ({ refused: { at: at.span, found: shown(at), why } });
  const one = (json: Json, before = ''): Words => {
    if (json.kind !== 'plain' || json.value === null || typeof json.value === 'boolean') return wrong(json);
    const text = `${before}${json.value}`;
    try {
      option.parseArg?.(text, undefined);
    } catch (error) {
      if (error instanceof InvalidArgumentError) return wrong(json, error.message);
      throw error;
    }
    const path = isPath(option) && !isAbsolute(text) ? join(folder, text) : text;
    return { words: [option.long ? `${flag}=${path}` : `${flag}${path}`] };
  };
  if (value.kind === 'plain' && typeof value.value === 'boolean' && (option.isBoolean() || option.optional))
    return { words: value.value ? [flag] : [] };
  if (option.isBoolean()) return wrong(value);
  const parts =
    value.kind === 'array' && isRepeatable(option)
      ? value.items.map((item) => one(item))
      : value.kind === 'object' && isRepeatable(option) && option.flags.includes('=')
        ? value.entries.map((entry) => one(entry.value, `${entry.key}=`))
        : [one(value)];
  const bad = parts.find((part) => 'refused' in part);
  return bad ?? { words: parts.flatMap((part) => ('words' in part ? part.words : [])) };
}

/** Whether an option is among the words that were typed. */
function isTyped(option: Option, args: readonly string[]): boolean {
  const { long, short } = option;
  return args.some(
    (arg) => arg === long || (long && arg.startsWith(`${long}=`)) || (short && !arg.startsWith('--') && arg.startsWith(short)),
  );
}

/** What a configuration adds to a call. */
export interface Configured {
  readonly words: readonly string[];
  /** The options, by their names among commander's values. */
  readonly names: ReadonlySet<string>;
}

/**
 * What a configuration adds to a call of a command, as words. Throws `DiagnosticError` with every key that nothing has (RES0716)
 * and every value that its option does not take (RES0717).
 */
export function configured(config: Config, command: Command, commands: readonly string[], args: readonly string[]): Configured {
  const problems: Diagnostic[] = [];
  const unknown = (at: Span, key: string, known: readonly string[], where: string, help: string): void => {
    const near = nearest(key, known);
    problems.push(
      makeDiagnostic(configKey, {
        span: at,
        with: { key, found: `"${key}"`, expected: where, hint: near === undefined ? help : `"${near}"` },
      }),
    );
  };
  const options = command.options.filter((option) => !onlyTyped.has(nameOf(option)));
  const known = options.map(nameOf);
  const chosen = new Map<Option, readonly string[]>();
  // A command's own entry comes last, and so wins.
  const sections = [...config.tree.entries].sort((a, b) => Number(b.key === everyCommand) - Number(a.key === everyCommand));
  const folder = relative('', dirname(config.path)) || '.';
  for (const { key, at, value } of sections) {
    if (key === '$schema') continue;
    if (key !== everyCommand && !commands.includes(key)) {
      // An option stands in the object of its command.
      const help = known.includes(key) ? `"${everyCommand}": { "${key}": ${shown(value)} }` : 'rescc --help';
      unknown(at, key, commands, `a command, or "${everyCommand}" for all of them`, help);
      continue;
    }
    if (value.kind !== 'object') {
      problems.push(wrongValue(value.span, key, shown(value), 'an object of options', `"${key}": { "json": true }`));
      continue;
    }
    if (key !== everyCommand && key !== command.name()) continue;
    for (const entry of value.entries) {
      const option = options.find((one) => nameOf(one) === entry.key);
      if (!option) {
        // Of every command some do not have the option.
        if (key !== everyCommand)
          unknown(
            entry.at,
            entry.key,
            known,
            `an option of ${key} by its long name, any but ${[...onlyTyped].join(', ')}`,
            `rescc ${key} --help`,
          );
        continue;
      }
      const words = wordsFor(option, entry.value, folder);
      if ('refused' in words) {
        const { at: place, found, why } = words.refused;
        problems.push(wrongValue(place, entry.key, found, whyText(option, why), `rescc ${command.name()} --help`));
      } else if (!isTyped(option, args)) chosen.set(option, words.words);
    }
  }
  if (problems.length > 0) throw new DiagnosticError(problems);
  return { words: [...chosen.values()].flat(), names: new Set([...chosen.keys()].map((option) => option.attributeName())) };
}

/** What a configuration says, a line per command: `run: ep "webgpu", top 5`. */
export function configLines({ tree }: Config): readonly string[] {
  return tree.entries
    .filter(({ key }) => key !== '$schema')
    .map(({ key, value }) =>
      value.kind === 'object' ? `${key}: ${value.entries.map((entry) => `${entry.key} ${shown(entry.value)}`).join(', ')}` : key,
    );
}
