/** What is written while names are open: values are keys, and nodes and tensors have the names that they would like. */
import type { Dim } from '../ir/dim.ts';
import type { Graph, Origin } from '../ir/graph.ts';
import type { TensorType } from '../ir/types.ts';
import type { OnnxAttribute, OnnxTensor } from '../onnx/model.ts';

/** Stands for a value of the ONNX graph while names are open. */
export type Key = string;

export interface Slot {
  readonly key: Key;
  readonly type: TensorType;
  /** What it is: a result can still take any name. */
  readonly kind: 'input' | 'initializer' | 'result';
  /** The graph that it belongs to; the outermost one for initializers. */
  readonly scope: Scope;
  name: string | undefined;
  /** The name that it has as an input, output, or value of an imported graph, and keeps where that is free. */
  kept?: string;
  /** It is an output of its graph. */
  isOutput?: boolean;
  /** A result that the source leaves out. */
  readonly leftOut?: boolean;
  /** The file does not say its type. */
  readonly untold?: boolean;
  /** Initializers: what is stored, and the name they would like. */
  readonly wish?: string;
  readonly tensor?: UnnamedTensor;
  /** Initializers: an output or a node reads it. */
  isRead?: boolean;
}

/** An attribute, or sub-graphs that are none yet. */
export type UnnamedAttr =
  | OnnxAttribute
  | { readonly name: string; readonly kind: 'scopes'; readonly plural: boolean; readonly scopes: readonly Scope[] };

/** A node whose names are open. */
export interface UnnamedNode {
  readonly op: string;
  readonly domain?: string;
  readonly inputs: readonly (Slot | undefined)[];
  readonly outputs: readonly Slot[];
  readonly attrs: readonly UnnamedAttr[];
  readonly rest?: Uint8Array;
  readonly origin: Origin | undefined;
  base: string;
  /** The name of the imported node. */
  kept?: string;
  name: string;
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
    for (const scope of this.around()) {
      const key = scope.computed.get(text);
      if (key !== undefined) return key;
    }
    return undefined;
  }
}

/** Ends a lowering that refused; its node's results become values of no node, which nobody sees since nothing is written. */
export class Refused extends Error {}

/** A tensor that has no name yet. */
export type UnnamedTensor =
  | Omit<Extract<OnnxTensor, { readonly kind: 'tensor' }>, 'name'>
  | Omit<Extract<OnnxTensor, { readonly kind: 'other' }>, 'name'>;
