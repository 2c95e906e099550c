/** Values of the language while it is elaborated: numbers and lists, and the names that can be called or run. */
import type { Span } from '../diagnostics/source.ts';
import { Dim } from '../ir/dim.ts';
import type { Value } from '../ir/graph.ts';
import { typeText } from '../ir/types.ts';
import type { Layer } from '../ops/define.ts';
import { type InitSpec, kindText, type LangValue, valueText } from '../ops/params.ts';
import type { BlockItem, Body } from '../parser/ast.ts';
import type { Env, Module } from './scope.ts';

export const intValue = (n: number): LangValue => ({ kind: 'int', dim: Dim.of(n) });

export const dimValue = (dim: Dim): LangValue => ({ kind: 'int', dim });

export const floatValue = (value: number): LangValue => ({ kind: 'float', value });

export const boolValue = (value: boolean): LangValue => ({ kind: 'bool', value });

export const listValue = (items: readonly LangValue[]): LangValue => ({ kind: 'list', items });
export const tensorValue = (value: Value): LangValue => ({ kind: 'tensor', value });

/** The value of a known int or a float. */
export function numberOf(value: LangValue): number | undefined {
  return value.kind === 'float' ? value.value : value.kind === 'int' ? value.dim.constant : undefined;
}

export const isNumbers = (value: LangValue): boolean =>
  value.kind === 'list' && value.items.length > 0 && value.items.every((i) => i.kind === 'int');

// ── Callables ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** An argument that has been evaluated; `span` is where it was written. */
export interface GivenArg {
  readonly value: LangValue;
  readonly span: Span;
}

/** Arguments as given: those without a name in order, and the named ones. Filling in a block twice appends to both. */
export interface GivenArgs {
  readonly positional: readonly GivenArg[];
  readonly named: ReadonlyMap<string, GivenArg>;
}

export const noArgs: GivenArgs = { positional: [], named: new Map() };

export function mergeArgs(first: GivenArgs, second: GivenArgs): GivenArgs {
  if (first.positional.length === 0 && first.named.size === 0) return second;
  return { positional: [...first.positional, ...second.positional], named: new Map([...first.named, ...second.named]) };
}

export interface LayerTarget {
  readonly kind: 'layer';
  readonly layer: Layer;
  readonly args: GivenArgs;
  readonly span: Span;
}

export interface BlockTarget {
  readonly kind: 'block';
  readonly block: BlockItem;
  readonly module: Module;
  readonly args: GivenArgs;
  readonly span: Span;
}

export interface BodyTarget {
  readonly kind: 'body';
  readonly body: Body;
  readonly env: Env;
  readonly model: boolean;
}

export const shortcutNames = ['identity', 'pad', 'project', 'project_all', 'none'] as const;

export type ShortcutName = (typeof shortcutNames)[number];

/** A kind of shortcut; `layer` is there where the name is an operator's as well (`identity`, `pad`). */
export interface ShortcutTarget {
  readonly kind: 'shortcut';
  readonly name: ShortcutName;
  readonly layer: Layer | undefined;
  readonly args: GivenArgs;
  readonly span: Span;
}

/** In the place of a value whose computation failed and was reported: what reads it fails without a message of its own. */
export interface PoisonTarget {
  readonly kind: 'poison';
}

export type Target =
  | LayerTarget
  | BlockTarget
  | BodyTarget
  | ShortcutTarget
  | PoisonTarget
  | InitSpec
  | { readonly kind: 'elem' };

export type Callable = Extract<LangValue, { readonly kind: 'callable' }>;

/** The target of a callable; the elaborator is the only one that makes callables, so the shape is known. */
export function targetOf(value: Callable): Target {
  return value.target as Target;
}

export function callable(name: string, target: Target): Callable {
  return { kind: 'callable', name, target };
}

export const poison: Callable = callable('<error>', { kind: 'poison' });

/** Whether a callable gives a tensor when it runs. */
export function isRunnable(value: Callable): boolean {
  const target = targetOf(value);
  if ('init' in target) return false;
  return (
    target.kind === 'layer' ||
    target.kind === 'block' ||
    target.kind === 'body' ||
    (target.kind === 'shortcut' && target.layer !== undefined)
  );
}

export function tensorLike(value: LangValue): boolean {
  if (value.kind === 'tensor') return true;
  if (value.kind === 'list') return value.items.some((item) => tensorLike(item));
  if (value.kind !== 'callable') return false;
  const target = targetOf(value);
  return (
    !('init' in target) &&
    (target.kind === 'layer' ||
      target.kind === 'block' ||
      target.kind === 'body' ||
      target.kind === 'poison' ||
      (target.kind === 'shortcut' && target.layer !== undefined))
  );
}

// ── Texts for messages ────────────────────────────────────────────────────────────────────────────────────────────────────

/** The whole text of a piece of source on one line, for hints: what is to be typed in cannot be shortened. */
export function wholeText(span: Span): string {
  return span.file.text.slice(span.start, span.end).replace(/\s+/g, ' ');
}

/** Whether a name, or a keyword, stands in a text. */
export function hasWord(text: string, word: string): boolean {
  return new RegExp(`\\b${word}\\b`).test(text);
}

/** The text of an argument without its name. */
export function argumentText(arg: GivenArg): string {
  return wholeText(arg.span).replace(/^\w+\s*=\s*/, '');
}

/** The text of a piece of source, shortened, for what a message tells of. */
export function sourceText(span: Span): string {
  const text = wholeText(span);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** `f32[N, 64, 56, 56]`, `int 3`, `a list of 4`: a value for a message. */
export function describe(value: LangValue): string {
  switch (value.kind) {
    case 'tensor':
      return typeText(value.value.type);
    case 'list':
      return value.items.some((i) => i.kind === 'tensor')
        ? `a list of ${value.items.length} tensors`
        : `list ${clip(valueText(value))}`;
    case 'callable':
      return `\`${value.name}\``;
    default:
      return `${kindText(value)} ${clip(valueText(value))}`;
  }
}

/** Whether a text of a value stands whole in a message. */
export const isShort = (text: string): boolean => text.length <= 60;

const clip = (text: string): string => (isShort(text) ? text : `${text.slice(0, 57)}...`);
