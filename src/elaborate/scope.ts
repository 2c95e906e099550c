/** Where elaboration is: the environments in which names are looked up, and the frame of the body that runs. */
import type { Span } from '../diagnostics/source.ts';
import type { ResidualTag } from '../ir/graph.ts';
import type { LangValue } from '../ops/params.ts';
import type { BlockItem, ConstItem, FileNode, ModelItem } from '../parser/ast.ts';

/** The name of what nobody wants: it binds nothing, and may stand any number of times. */
export const discard = '_';

export interface Binding {
  readonly value: LangValue;
  readonly span: Span;
}

/** Names of one body, iteration or branch; `outer` is the body around it. */
export class Env {
  readonly outer: Env | undefined;
  readonly module: Module;
  /** Made for the first name: most bodies bind none. */
  #names: Map<string, Binding> | undefined;

  constructor(module: Module, outer?: Env) {
    this.module = module;
    this.outer = outer;
  }

  get(name: string): Binding | undefined {
    for (let env: Env | undefined = this; env; env = env.outer) {
      const found = env.#names?.get(name);
      if (found) return found;
    }
    return undefined;
  }

  /** What this body itself binds the name to. */
  own(name: string): Binding | undefined {
    return this.#names?.get(name);
  }

  set(name: string, value: LangValue, span: Span): void {
    this.#names ??= new Map();
    this.#names.set(name, { value, span });
  }

  names(): readonly string[] {
    const out: string[] = [];
    for (let env: Env | undefined = this; env; env = env.outer) if (env.#names) out.push(...env.#names.keys());
    return out;
  }
}

export type ModuleItem = ConstItem | BlockItem | ModelItem;

/** A file and what its names mean. */
export interface Module {
  readonly file: FileNode;
  readonly items: Map<string, { readonly item: ModuleItem; readonly module: Module }>;
  /** Values of consts, evaluated when first asked for; `busy` while that goes on. */
  readonly consts: Map<string, LangValue | 'busy'>;
  /** Whether the file, one that it imports, or a `-D` has the word `reuse`: labels are remembered for nothing else. */
  reuses: boolean;
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

/** The state of a body that runs: what names mean, what `it` is, which scope parameters go to. */
export interface Frame {
  readonly env: Env;
  it: LangValue | Unset;
  /** What `return` named, once it ran. */
  returned: readonly LangValue[] | undefined;
  /** The last statement of this body that was given up. */
  failed: Span | undefined;
  /** Scope path, without a dot at the end; '' at the top. */
  readonly path: string;
  /** Inside `sequential`: the next position. */
  readonly sequence: { next: number } | undefined;
  /** `input` and `output` are allowed here. */
  readonly model: boolean;
  /** Parameters may exist already: inside `reuse` and later turns of `shared`. */
  readonly share: boolean;
  /** The condition of an `if` or `?:` that is evaluated: its own span, which the run may decide as well. */
  readonly condition?: Span | undefined;
  readonly residual: ResidualTag | undefined;
  readonly use: UseSite | undefined;
  /** Values of loop names around, innermost last: `i = 0`. */
  readonly loops: readonly string[];
  /** Inside a `repeat` or `loop` that passes `it` on alone: return is not allowed. */
  readonly inLoop: 'repeat' | 'loop' | undefined;
}

export function joinPath(path: string, label: string): string {
  return path === '' ? label : label === '' ? path : `${path}.${label}`;
}

/**
 * The frame at another path, where nothing has a position. Field by field, since every layer asks for two: a copy by `...` takes
 * several times as long.
 */
export function frameAt(f: Frame, path: string): Frame {
  return {
    env: f.env,
    it: f.it,
    path,
    sequence: undefined,
    model: f.model,
    share: f.share,
    residual: f.residual,
    use: f.use,
    loops: f.loops,
    inLoop: f.inLoop,
    returned: f.returned,
    failed: f.failed,
  };
}

/** The frame below a label, or below the next position of a `sequential`. */
export function place(f: Frame, label: string | undefined): Frame {
  if (label !== undefined) return frameAt(f, joinPath(f.path, label));
  if (f.sequence) return frameAt(f, joinPath(f.path, String(f.sequence.next++)));
  return f;
}
