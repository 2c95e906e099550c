/**
 * What a page holds of the models that it shows, as plain data in JSON: written by `data.ts`, read by the script in `client/`.
 * Nodes, parts, tensors and types are named by their places in the lists.
 */
import type { Statistics } from '../../ir/statistics.ts';

/** Multiply-adds, elements of parameters and elements written; null for what is beyond 2^53 or hangs on unknown sizes. */
export type Cost = readonly [madds: number | null, parameters: number | null, activations: number | null];

/** One operand of a node. */
export interface PageOperand {
  readonly name: string;
  /** The node that makes it, and which of its results it is. */
  readonly node?: number;
  readonly result?: number;
  readonly tensor?: number;
  /** It comes by a shortcut. */
  readonly shortcut?: true;
}

/** What an operator does, for the colour of its box. */
export type Family = 'input' | 'output' | 'weights' | 'join' | 'function' | 'channels' | 'window' | 'moves' | 'other';

export interface PageNode {
  readonly family: Family;
  /** The operator; the name of an input or output. */
  readonly title: string;
  /** Label or name of its own; empty for a layer without one. */
  readonly name: string;
  /** Scope that it was written in. */
  readonly path: string;
  /** What tells it from others of its operator: `7x7/2 p3 +bias`. */
  readonly details: string;
  readonly operands: readonly PageOperand[];
  readonly types: readonly number[];
  readonly attributes: readonly (readonly [name: string, value: string])[];
  readonly cost: Cost;
  /** Where it stands in the source: `net.res:12:5`. */
  readonly place?: string;
}

/** A scope, or a part of one that is left and entered again. */
export interface PagePart {
  readonly title: string;
  readonly path: string;
  /** The part around it; -1 for the whole model. */
  readonly parent: number;
  /** In an order in which they can run: nodes by their numbers, parts as -1 - number. */
  readonly items: readonly number[];
  readonly cost: Cost;
  /** Nodes in it. */
  readonly count: number;
  /** A shortcut goes round what is in it. */
  readonly residual: boolean;
}

export interface PageTensor {
  readonly name: string;
  readonly type: string;
  readonly role: 'parameter' | 'buffer' | 'constant';
  readonly bytes: number;
  /** Left out where the page would have become too large. */
  readonly statistics?: Statistics;
}

export interface PageModel {
  readonly name: string;
  readonly file: string;
  readonly nodes: readonly PageNode[];
  /** The first is the whole model. */
  readonly parts: readonly PagePart[];
  readonly tensors: readonly PageTensor[];
  readonly types: readonly string[];
  /** `N = 1, H = 224`, at which costs are counted; empty where every size is a number. */
  readonly sizes: string;
  readonly bytes: number;
}

/** A difference, and the nodes of both models that it is about. */
export interface PageDifference {
  readonly kind: string;
  readonly text: string;
  readonly nodes: readonly [number | null, number | null];
}

export interface PageData {
  readonly version: string;
  /** One model, or two that are compared. */
  readonly models: readonly PageModel[];
  readonly differences?: readonly PageDifference[];
  /** Nodes of the first model with those of the second that stand in their place. */
  readonly pairs?: readonly (readonly [number, number])[];
}
