/** What is written while names are open: values are keys, and nodes and tensors have the names that they would like. */
import type { Dim } from '../ir/dim.ts';
import type { Graph, Origin } from '../ir/graph.ts';
import type { TensorType } from '../ir/types.ts';
import type { OnnxAttribute } from '../onnx/model.ts';
import type { WeightExpr } from '../tensor/expr.ts';

/** Stands for a value of the ONNX graph while names are open. */
export type Key = string;

/**
 * A value whose name is open. A class, and like `UnnamedNode` with every field there from the start: a deep network has 200,000
 * of them, and V8 gave each copy of a literal a hidden class of its own.
 */
export class Slot {
  readonly key: Key;
  readonly type: TensorType;
  /** What it is: a result can still take any name. */
  readonly kind: 'input' | 'initializer' | 'result';
  /** The graph that it belongs to; the outermost one for initializers. */
  readonly scope: Scope;
  name: string | undefined = undefined;
  /** The name that it has as an input, output, or value of an imported graph, and keeps where that is free. */
  kept: string | undefined = undefined;
  /** It is an output of its graph. */
  isOutput = false;
  /** A result that the source leaves out. */
  leftOut = false;
  /** The file does not say its type. */
  untold = false;
  /** Initializers: what is stored, and the name they would like. */
  stored: WeightExpr | undefined = undefined;
  wish: string | undefined = undefined;
  /** Initializers: an output or a node reads it. */
  isRead = false;

  constructor(key: Key, type: TensorType, kind: Slot['kind'], scope: Scope) {
    this.key = key;
    this.type = type;
    this.kind = kind;
    this.scope = scope;
  }
}

/** An attribute, or sub-graphs that are none yet. */
export type UnnamedAttr =
  | OnnxAttribute
  | { readonly name: string; readonly kind: 'scopes'; readonly plural: boolean; readonly scopes: readonly Scope[] };

/** A node whose names are open. */
export class UnnamedNode {
  readonly op: string;
  readonly inputs: readonly (Slot | undefined)[];
  readonly outputs: readonly Slot[];
  readonly attrs: readonly UnnamedAttr[];
  readonly origin: Origin | undefined;
  base: string;
  domain = '';
  rest: Uint8Array | undefined = undefined;
  /** The name of the imported node. */
  kept: string | undefined = undefined;
  name = '';

  constructor(
    op: string,
    inputs: readonly (Slot | undefined)[],
    outputs: readonly Slot[],
    attrs: readonly UnnamedAttr[],
    origin: Origin | undefined,
    base: string,
  ) {
    this.op = op;
    this.inputs = inputs;
    this.outputs = outputs;
    this.attrs = attrs;
    this.origin = origin;
    this.base = base;
  }
}

/** A graph that is being written, with what was computed in it: all that its own nodes and its sub-graphs may read. */
export class Scope {
  readonly id: number;
  readonly graph: Graph;
  readonly outer: Scope | undefined;
  readonly drafts: UnnamedNode[] = [];
  readonly inputs: Slot[] = [];
  readonly outputs: Slot[] = [];
  /** What is computed once, by a text that says what. */
  readonly computed = new Map<string, Key>();
  /** A value that has the dimension, the first one that did. */
  readonly holders = new Map<Dim, { readonly key: Key; readonly axis: number }>();
  /** Types whose dimensions all have a holder: values are many, and their types few. */
  readonly #held = new Set<TensorType>();

  constructor(id: number, graph: Graph, outer: Scope | undefined) {
    this.id = id;
    this.graph = graph;
    this.outer = outer;
  }

  /** Itself and the graphs around it, innermost first. */
  *around(): Generator<Scope> {
    for (let scope: Scope | undefined = this; scope; scope = scope.outer) yield scope;
  }

  find(text: string): Key | undefined {
    for (let scope: Scope | undefined = this; scope; scope = scope.outer) {
      const key = scope.computed.get(text);
      if (key !== undefined) return key;
    }
    return undefined;
  }

  /** Here a value is made that has these dimensions. */
  hold({ key, type }: Slot): void {
    if (this.#held.has(type)) return;
    this.#held.add(type);
    type.dims.forEach((dim, axis) => {
      if (dim.constant === undefined && !this.holderOf(dim)) this.holders.set(dim, { key, axis });
    });
  }

  /** A value of this graph or one around it that has the dimension, and where. */
  holderOf(dim: Dim): { readonly key: Key; readonly axis: number } | undefined {
    for (let scope: Scope | undefined = this; scope; scope = scope.outer) {
      const holder = scope.holders.get(dim);
      if (holder) return holder;
    }
    return undefined;
  }
}

/** Ends a lowering that refused; its node's results become values of no node, which nobody sees since nothing is written. */
export class Refused extends Error {}
