/**
 * What the graph, the passes and the code generator know of an operator. Definitions are in `src/ops/`, with the facts that
 * passes rely on: a pass names an operator only where it is about that one.
 */
import type { AttrSpec, Attrs, AttrValue, Check } from './attributes.ts';
import type { Dim } from './dim.ts';
import type { ForeignNode } from './foreign.ts';
import type { Graph, Node, Value } from './graph.ts';
import type { Target } from './target.ts';
import type { ElemType, HostTensor, TensorType } from './types.ts';

export { type AttrSpec, type Attrs, type AttrValue, type Check, CheckFailure } from './attributes.ts';

export interface OperandSpec {
  readonly name: string;
  /** @internal For the manual; the built API leaves it out. */
  readonly doc: string;
  readonly optional?: boolean;
  /** Only the last: any number of operands, at least one. */
  readonly variadic?: boolean;
  /**
   * [low, high), from which random numbers are taken where the operator asks more of them than their type says: roots,
   * logarithms, variances, divisors.
   */
  readonly range?: NumberRange;
  /** Its elements are indices along an axis of another operand, or along the one that an attribute names, counted from `low`. */
  readonly indexes?: { readonly operand: number; readonly axis: string | number; readonly low?: number };
}

/** [low, high) */
export interface NumberRange {
  readonly low: number;
  readonly high: number;
}

/**
 * A window that slides over the spatial axes of [N, C, ...grid]: per axis its taps, the step between windows, the distance
 * between taps; begins, then ends.
 */
export interface WindowAttrs {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly pads: readonly number[];
}

export interface InferContext {
  /** One per operand slot; undefined where an optional operand is left out. */
  readonly operands: readonly (TensorType | undefined)[];
  readonly attrs: Attrs;
  readonly check: Check;
  /** The sub-graphs of control flow, whose outputs have their types already. */
  readonly regions?: readonly Graph[];
  /** The content of an operand that is a small known constant. */
  constant(index: number): HostTensor | undefined;
  /** A dimension whose size only the run knows, from `least` (0) to `most`; prints as `name`, made unique. */
  fresh(name: string, most?: Dim, least?: number): Dim;
}

/** One ONNX attribute with its type said, because a number alone does not tell. */
export type OnnxAttr =
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'ints'; readonly value: readonly number[] }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  | { readonly kind: 'tensor'; readonly value: HostTensor };

/** What a lowering writes with. Names are ONNX value names; the builder makes them unique and gives every value its type. */
export interface OnnxBuilder {
  readonly opset: number;
  /** What the file is written for. */
  readonly target: Target;
  /**
   * Whether ONNX has the operator at this opset, for a first operand of the type if one is given, or the imported file had it
   * below, so that who runs the file knows it.
   */
  has(opType: string, elem?: ElemType): boolean;
  /** One node with one result. `undefined` among the inputs is an optional input left out. */
  node(op: string, inputs: readonly (string | undefined)[], attrs: Readonly<Record<string, OnnxAttr>>, type: TensorType): string;
  /** One node with several results. One without a type is left out: nobody may read what stands for it. */
  nodes(
    op: string,
    inputs: readonly (string | undefined)[],
    attrs: Readonly<Record<string, OnnxAttr>>,
    types: readonly (TensorType | undefined)[],
  ): readonly string[];
  /**
   * One node with the sub-graphs of `node`, by the names that its operator has for them; a name per result. The file says no type
   * of those that are `untold`, because they are not yet what the result is.
   */
  owner(op: string, node: Node, inputs: readonly (string | undefined)[], untold?: readonly boolean[]): readonly string[];
  /** A foreign node as it was, with its sub-graphs; a name per result, also for those that the source leaves out. */
  foreign(node: Node, inputs: readonly (string | undefined)[]): readonly string[];
  /** A small constant as an initializer; equal ones are written once. */
  constant(tensor: HostTensor): string;
  /** A rank-1 i64 constant. */
  i64(values: readonly number[]): string;
  /** A rank-0 constant of the given type. */
  scalar(elem: ElemType, value: number): string;
  /** A rank-1 i64 value with these sizes: a constant when all are known, computed from the inputs' shapes otherwise. */
  dims(dims: readonly Dim[]): string;
  /** The operand with its axes permuted: at compile time when it is a constant, by a Transpose node otherwise. */
  transposed(operand: Value, perm: readonly number[]): string;
  /** The operand with other axes, as many elements: at compile time when it is a constant, by a Reshape node otherwise. */
  reshaped(operand: Value, dims: readonly Dim[]): string;
  /** The operand broadcast to these sizes, by an Expand node that its readers share; itself where it has them. */
  expanded(operand: Value, dims: readonly Dim[]): string;
  /**
   * The result of a node that moves constants (`Operator.byMoves`) as a constant; undefined where an operand is computed, or has
   * other readers that want it stored as it is.
   */
  moved(node: Node, suffix: string): string | undefined;
  /**
   * The operand with zeros around every axis: at compile time when it is a constant, by a Pad node otherwise. Begins, then ends,
   * none negative.
   */
  padded(operand: Value, pads: readonly number[]): string;
  /** Refuses: this operator cannot be said at this opset. Reports a diagnostic with the node's span and does not return. */
  refuse(why: string, hint: string): never;
}

/** Source of random test operands; the same seed gives the same. */
export interface SampleSource {
  int(low: number, high: number): number;
  pick<T>(of: readonly T[]): T;
  bool(): boolean;
  /** Uniform in [low, high), rounded to the element type (integers to whole numbers). Default -2 … 2, f32. */
  tensor(
    dims: readonly number[],
    options?: { readonly low?: number; readonly high?: number; readonly elem?: ElemType },
  ): HostTensor;
}

export interface Sample {
  readonly operands: readonly (HostTensor | undefined)[];
  readonly attrs: Readonly<Record<string, AttrValue>>;
  /** Names of dimensions to make symbolic are chosen by the test, not here. */
  readonly tolerance?: number;
}

/**
 * `unknown` is for whom the question has no meaning, and for whom nobody has answered it: no rule may rely on either answer.
 * Compare with `=== true`.
 */
export type Fact = boolean | 'unknown';

/** A fact that depends on the use. Where the function answers `false` nothing is said. */
export type ByUse = Fact | ((node: Node) => boolean);

/** Whether a fact is known to hold of a node. */
export function holds(fact: ByUse, node: Node): boolean {
  return typeof fact === 'function' ? fact(node) : fact === true;
}

/**
 * Which elements no result has negative ones without: `always` of none, so that it is never negative; `all` if no operand has a
 * negative element, then no result has; `first` the same of the first operand alone; `no` where results may be negative all the
 * same.
 */
export type Sign = 'always' | 'all' | 'first' | 'no' | 'unknown';

/** For which a is f(a·x) = a·f(x): for any, or for those above 0 (relu, max pool, …). */
export type Homogeneous = 'any' | 'positive' | 'no' | 'unknown';

/**
 * Whose elements the results are, at places that do not depend on them: `filled` is of the first operand and of the number that
 * the attribute `value` has.
 */
export type Moves = 'first' | 'all' | 'filled' | 'no' | 'unknown';

/** An operator that does the same with its axes at other places. */
export interface AxesMoved {
  readonly attrs: Attrs;
  /** The result comes out as before: its axes were reduced away but for ones that keep their order. */
  readonly same: boolean;
}

/**
 * Given that axis i of every operand now stands at place[i], the attributes that make up for it; undefined where there are none.
 * The result's axes are moved alike. `free`: the axes may stand anywhere, the attributes name none.
 */
export type Axes = 'free' | 'unknown' | ((attrs: Attrs, place: readonly number[]) => AxesMoved | undefined);

/**
 * Numbers at which the function changes: those of the other operands (`operands`: minimum, maximum, comparisons), or those that
 * the attributes say. Not all of them need to be said.
 */
export type Thresholds = 'operands' | 'no' | 'unknown' | ((attrs: Attrs) => readonly number[]);

/** The elements of a small tensor of integers or booleans. One is undefined where nothing is known of it. */
export interface ElementDims {
  readonly elem: ElemType;
  readonly dims: readonly number[];
  readonly data: readonly (Dim | undefined)[];
}

/**
 * The results of a node from its operands; undefined for a result of which nothing is known. May throw where a number cannot be
 * held or is divided by 0, as `evaluate` does.
 */
export type DimsRule = (node: Node, operands: readonly (ElementDims | undefined)[]) => readonly (ElementDims | undefined)[];

/**
 * What passes, the import and the verifier may rely on. Every operator states every fact, or that it is unknown:
 * `src/ops/traits.ts` has a helper for each family. test/ops/traits.test.ts tries each in numbers, also those that are denied,
 * which need a sample that shows it.
 */
export interface Traits {
  /**
   * Element i of the result depends on elements i (after broadcasting) of the operands alone; value names of ONNX broadcasting.
   */
  readonly elementwise: Fact;
  /** The first two operands may be exchanged. */
  readonly commutative: Fact;
  /** Which scales of the first operand, or of all of a variadic, may pass. */
  readonly homogeneous: Homogeneous;
  /** Of an operand [N, C, …] and a result like it: channel c of the result depends on channel c of the first operand alone. */
  readonly channelwise: Fact;
  /** Where all of the first operand is zero all of the result is, whatever finite numbers the other operands have. */
  readonly keepsZero: ByUse;
  /** Of operators with one operand: f(f(x)) = f(x), to the bit. */
  readonly idempotent: Fact;
  /** Of operators with one operand: f(f(x)) = x, but for rounding. */
  readonly involution: Fact;
  /** What keeps results from being negative; a function where it depends on the use. */
  readonly sign: Sign | ((node: Node) => Sign);
  /** Only moves elements. */
  readonly moves: Moves;
  /** Only gives another shape: element i of the result in row-major order is element i of the first operand. */
  readonly keepsOrder: Fact;
  /** A result that has the type of the first operand is that operand. */
  readonly handsOn: ByUse;
  /** How it follows a transpose of its operands. */
  readonly axes: Axes;
  /** Changes the grid by more than a `stride` attribute says: transposed conv, resize, pixel shuffle. */
  readonly resamples: Fact;
  /** Where its function changes, so that a proof has numbers on both sides. */
  readonly thresholds: Thresholds;
  /** The axis of the first operand that is summed with weights, which the second operand holds. */
  readonly contracts: number | 'no' | 'unknown';
  /** How the elements of integer results follow from those of the operands as dimensions. */
  readonly dims: DimsRule | 'unknown';
  /**
   * Float results are the exact ones rounded once, in every runtime: float64 rounded to the type is what they compute. `one` for
   * a single element, because of several, runtimes may take an approximation of the processor.
   */
  readonly roundsOnce: Fact | 'one';
  /** Two equal nodes must not be merged: random operators, and all foreign ones. */
  readonly random: boolean;
  /** Whether it may be computed ahead where its operands are constants. */
  readonly foldable: boolean;
}

/** Whether an operator may be computed ahead. */
export function isFoldable({ traits }: Operator): boolean {
  return traits.foldable;
}

/** Whether all results are numbers of the operands: moved, or in another element type. */
export function keepsNumbers({ traits }: Operator): boolean {
  const { moves, elementwise, handsOn } = traits;
  return (moves !== 'no' && moves !== 'unknown') || (elementwise === true && handsOn === true);
}

/**
 * An ONNX operator of the default domain that means exactly the same, on the same operands: a node of it is lifted without more,
 * if the operator's own shape rule takes it.
 */
export interface OnnxForm {
  readonly op: string;
  /** What float attributes are called there, and what they are where a node does not say, by the operator's own attribute. */
  readonly attrs?: Readonly<Record<string, { readonly name: string; readonly default: number }>>;
}

/** The moves that `Operator.byMoves` is made of, over anything that has sizes. */
export interface Movements<T> {
  /** The same elements in the same order. */
  reshape(x: T, dims: readonly number[]): T;
  /** Per axis from a start (inclusive) to an end (exclusive). */
  slice(x: T, starts: readonly number[], ends: readonly number[]): T;
  concat(xs: readonly T[], axis: number): T;
}

/** Runs a sub-graph of a node, by its position, on its inputs: what its outputs are. */
export type RunRegion = (region: number, inputs: readonly HostTensor[]) => readonly HostTensor[];

/** The graph-facing facet of an operator. */
export interface Operator {
  readonly name: string;
  /** @internal For the manual; the built API leaves it out. */
  readonly summary: string;
  /** ONNX operators that its lowering may write. */
  readonly onnx: readonly string[];
  readonly operands: readonly OperandSpec[];
  readonly attrs: Readonly<Record<string, AttrSpec>>;
  /** The sub-graphs that its nodes own, by the names of their attributes in ONNX; left out where they own none. */
  readonly regions?: readonly string[];
  readonly traits: Traits;
  /** The ONNX node that this operator was made for, where the registry has none: see `foreignOperator`. */
  readonly foreign?: ForeignNode;
  readonly form?: OnnxForm;
  /** The first opset that has the ONNX operator for this use, where the lowest that is written has not: below it is refused. */
  since?(node: Node): number;
  /** The last opset whose ONNX operator onnxruntime runs on the CPU, where later ones have no kernel: beyond it is refused. */
  readonly until?: number;
  /** Result types. Throws `CheckFailure`. */
  infer(context: InferContext): readonly TensorType[];
  /** The semantics in float64 (results are not rounded, except for integer and bool results). */
  evaluate(operands: readonly (HostTensor | undefined)[], attrs: Attrs): readonly HostTensor[];
  /** In the place of `evaluate` for operators that own sub-graphs. */
  evaluateRegions?(
    operands: readonly (HostTensor | undefined)[],
    node: Node,
    run: RunRegion,
    sizes: ReadonlyMap<string, number>,
  ): readonly HostTensor[];
  /**
   * The same for 64-bit integers that float64 does not hold. Without it such an operator is not computed here, unless it only
   * moves elements. Called where an operand has such a number, or where `evaluate` met one (a `CheckFailure` labelled
   * `integers`).
   */
  evaluateWide?(operands: readonly (HostTensor | undefined)[], attrs: Attrs): readonly HostTensor[];
  /** A foreign operator on constants. Throws `CheckFailure`, labelled as `EvaluationRefusal` is. Rounds as `evaluate` does. */
  evaluateConstants?(operands: readonly (HostTensor | undefined)[]): readonly HostTensor[];
  /**
   * Of operators that only move elements of all their operands: the only result as cuts and joins of them, so that weights of any
   * size stay expressions.
   */
  byMoves?<T extends { readonly dims: readonly number[] }>(moves: Movements<T>, operands: readonly T[], attrs: Attrs): T;
  /**
   * The window that slides over the first operand; `weight` has the sizes of the second, which hold the kernel where no attribute
   * does.
   */
  window?(attrs: Attrs, weight: readonly number[]): WindowAttrs;
  /**
   * Of operators whose discrete result hangs on which of two numbers is larger: how far apart those are that decided element `at`
   * of the result, where one run came to `chosen` and another to `expected`.
   */
  margin?(operands: readonly HostTensor[], attrs: Attrs, at: number, chosen: number, expected: number): number;
  /** The ONNX operator that says a row of it in one node: `Sum` of additions. */
  readonly inRow?: string;
  /**
   * Which operand its lowering reads by `transposed` alone, if any: a transposition that only makes this operand is written as
   * one with that.
   */
  readsTransposed?(b: Pick<OnnxBuilder, 'has'>, node: Node): number | undefined;
  /** Sizes that have to be at least 1 when it runs, besides those of its operands and results. */
  needs?(node: Node): readonly Dim[];
  /** Multiply-adds of one evaluation, besides those of the nodes of its sub-graphs; absent means none worth counting. */
  cost?(node: Node): Dim;
  /** Of operators whose sub-graph runs again and again: how often, where it is known. */
  turns?(node: Node): Dim | undefined;
  /** Writes the node as ONNX; returns a value name per result. */
  lower(builder: OnnxBuilder, node: Node, operands: readonly (string | undefined)[]): readonly string[];
  /** @internal A random legal use, small; the property test runs each against onnxruntime. What is built leaves it out. */
  sample(source: SampleSource): Sample;
}
