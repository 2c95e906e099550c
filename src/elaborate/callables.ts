/** What names can stand for besides numbers and tensors, and the environments they are looked up in. */
import type { Span } from '../diagnostics/source.ts';
import { Dim } from '../ir/dim.ts';
import type { ResidualTag } from '../ir/graph.ts';
import type { Layer } from '../ops/define.ts';
import type { InitSpec, Plain } from '../ops/params.ts';
import type { BlockItem, Body, ConstItem, FileNode, ModelItem } from '../parser/ast.ts';

/** An argument that has been evaluated; `span` is where it was written. */
export interface GivenArg {
  readonly value: Plain;
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
/** A list of tensors or a value of a computation that failed and was reported: whatever needs it stops silently. */
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

/** The target of a callable; the elaborator is the only one that makes callables, so the shape is known. */
export function targetOf(value: Plain & { readonly kind: 'callable' }): Target {
  return value.target as Target;
}

export function callable(name: string, target: Target): Plain {
  return { kind: 'callable', name, target };
}

export const poison: Plain = callable('<error>', { kind: 'poison' });

export const intPlain = (n: number): Plain => ({ kind: 'int', dim: Dim.of(n) });
export const dimPlain = (dim: Dim): Plain => ({ kind: 'int', dim });
export const floatPlain = (value: number): Plain => ({ kind: 'float', value });
export const boolPlain = (value: boolean): Plain => ({ kind: 'bool', value });
export const listPlain = (items: readonly Plain[]): Plain => ({ kind: 'list', items });

export interface Binding {
  readonly value: Plain;
  readonly span: Span;
}

/** Names of one body, iteration or branch; `outer` is the body around it. */
export class Env {
  readonly outer: Env | undefined;
  readonly module: Module;
  readonly #names = new Map<string, Binding>();

  constructor(module: Module, outer?: Env) {
    this.module = module;
    this.outer = outer;
  }

  get(name: string): Binding | undefined {
    for (let env: Env | undefined = this; env; env = env.outer) {
      const found = env.#names.get(name);
      if (found) return found;
    }
    return undefined;
  }

  set(name: string, value: Plain, span: Span): void {
    this.#names.set(name, { value, span });
  }

  names(): readonly string[] {
    const out: string[] = [];
    for (let env: Env | undefined = this; env; env = env.outer) out.push(...env.#names.keys());
    return out;
  }
}

export type ModuleItem = ConstItem | BlockItem | ModelItem;

/** A file and what its names mean. */
export interface Module {
  readonly file: FileNode;
  readonly items: Map<string, { readonly item: ModuleItem; readonly module: Module }>;
  /** Values of consts, evaluated when first asked for; `busy` while that goes on. */
  readonly consts: Map<string, Plain | 'busy'>;
}

/** Which use of a block this is, for messages. */
export interface UseSite {
  readonly outer: UseSite | undefined;
  readonly path: string;
  readonly span: Span;
  readonly loops: readonly string[];
}

/** Why there is no current value. */
export interface Unset {
  readonly kind: 'unset';
  readonly why: string;
  readonly hint: string;
}

/** Where elaboration stands: what names mean, what `it` is, which scope parameters go to. `it` and the count of `sequential` change. */
export interface Frame {
  readonly env: Env;
  it: Plain | Unset;
  /** Scope path, without a dot at the end; '' at the top. */
  readonly path: string;
  /** Inside `sequential`: the next position. */
  readonly sequence: { next: number } | undefined;
  /** `input` and `output` may stand here. */
  readonly model: boolean;
  /** Parameters may exist already: inside `reuse` and later turns of `shared`. */
  readonly share: boolean;
  readonly residual: ResidualTag | undefined;
  readonly use: UseSite | undefined;
  /** Values of loop names around, innermost last: `i = 0`. */
  readonly loops: readonly string[];
  /** Inside `repeat`: return is not allowed. */
  readonly inRepeat: boolean;
}

export function joinPath(path: string, label: string): string {
  return path === '' ? label : label === '' ? path : `${path}.${label}`;
}
