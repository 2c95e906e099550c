/**
 * Definitions of operators and layers. An *operator* is what the graph holds (`src/ir/operator.ts`); a *layer* is what the
 * language calls and what creates weights and operators. `defineOperator` and `defineLayer` check and erase the types for the
 * registry, once.
 */
import type { Span } from '../diagnostics/source.ts';
import type { Dim } from '../ir/dim.ts';
import type { ConstantRole, Value } from '../ir/graph.ts';
import type { AttrValue, Check, Operator } from '../ir/operator.ts';
import type { ElemType, HostTensor } from '../ir/types.ts';
import type { InitSpec, ParamSpec, ParamSpecs, ParamsOf } from './params.ts';

export function defineOperator<const O extends Operator>(operator: O): O {
  return operator;
}

/** What a layer builds with. Scope, span and residual tag of what it creates are set by whoever calls it. */
export interface LayerBuilder {
  /** Creates a node with one result. `operator` is an operator of the registry. Throws `CheckFailure`. */
  op(operator: Operator, operands: readonly (Value | undefined)[], attrs?: Readonly<Record<string, AttrValue>>): Value;
  /** The same for several results. */
  ops(
    operator: Operator,
    operands: readonly (Value | undefined)[],
    attrs?: Readonly<Record<string, AttrValue>>,
  ): readonly Value[];
  /**
   * A parameter of this layer at the path scope + `.` + name. Every dimension must be known (a symbolic one is reported as an
   * error that names it). The role defaults to `parameter`, the element type to the layer's float type (that of `it`).
   */
  weight(
    name: string,
    dims: readonly (number | Dim)[],
    init: InitSpec,
    options?: { readonly role?: ConstantRole; readonly elem?: ElemType },
  ): Value;
  /** A constant of the program. */
  constant(tensor: HostTensor): Value;
  /** A rank-0 constant of the given element type. */
  scalar(elem: ElemType, value: number): Value;
  /**
   * An i64 scalar tensor with the value of a dimension: a constant when it is known, computed in the graph when it is symbolic.
   */
  dimValue(dim: Dim): Value;
  readonly check: Check;
  readonly span: Span | undefined;
  /** The operands were given as one list, so that even a single one is a list of one. */
  readonly listed: boolean;
}

export interface LayerOperands {
  /** Names for the reference, `it` first; the last may end in `...` for any number of further ones. */
  readonly names: readonly string[];
  readonly min: number;
  /** Infinity for any number. */
  readonly max: number;
}

export interface Layer {
  readonly name: string;
  /** @internal For the manual; the built API leaves it out. */
  readonly summary: string;
  /** `torch.nn.Conv2d`, `ONNX Conv`: where the semantics come from. */
  readonly source: string;
  /** Which heading of the reference it stands under. */
  readonly family: string;
  readonly operands: LayerOperands;
  readonly params: ParamSpecs;
  /** The same as a list, in order: a deep network calls a layer many thousand times. */
  readonly specs: readonly (readonly [name: string, spec: ParamSpec])[];
  /**
   * The parameters it creates, for the reference and for naming: a layer that owns parameters takes its name as a label when it
   * has none.
   */
  readonly weights: readonly { readonly name: string; readonly shape: string; readonly when?: string }[];
  /** Whether this use owns parameters (`instancenorm(affine=false)` does not). */
  owns(params: Readonly<Record<string, unknown>>): boolean;
  /** How many operands this use needs, where its parameters say it. Given one fewer, `it` is the first. */
  needs(params: Readonly<Record<string, unknown>>): number;
  /** What it makes; several results are a list in the language. */
  build(builder: LayerBuilder, operands: readonly Value[], params: Readonly<Record<string, unknown>>): Value | readonly Value[];
  /** The one operator that it always makes, where it is that and nothing else. */
  readonly operator?: Operator;
}

export interface LayerDefinition<S extends ParamSpecs> {
  readonly name: string;
  readonly summary: string;
  readonly source: string;
  readonly family: string;
  /** Default: one operand, `it`. */
  readonly operands?: LayerOperands;
  readonly params: S;
  readonly weights?: readonly { readonly name: string; readonly shape: string; readonly when?: string }[];
  /** Default: whether `weights` is not empty. */
  readonly owns?: (params: ParamsOf<S>) => boolean;
  /** Default: the least number of `operands`. */
  readonly needs?: (params: ParamsOf<S>) => number;
  readonly build: (
    builder: LayerBuilder,
    operands: readonly [Value, ...Value[]],
    params: ParamsOf<S>,
  ) => Value | readonly Value[];
}

export function defineLayer<const S extends ParamSpecs>(definition: LayerDefinition<S>): Layer {
  const weights = definition.weights ?? [];
  const erased = definition as unknown as LayerDefinition<ParamSpecs>;
  const operands = definition.operands ?? { names: ['it'], min: 1, max: 1 };
  return {
    name: definition.name,
    summary: definition.summary,
    source: definition.source,
    family: definition.family,
    operands,
    params: definition.params,
    specs: Object.entries(definition.params),
    weights,
    owns: (params) => (erased.owns ? erased.owns(params) : weights.length > 0),
    needs: (params) => (erased.needs ? erased.needs(params) : operands.min),
    build: (builder, operands, params) => erased.build(builder, operands as readonly [Value, ...Value[]], params),
  };
}

/** A layer that is one operator with its attributes as parameters of the same names: `relu`, `softmax(axis=-1)`. */
export function layerOf<const S extends ParamSpecs>(
  operator: Operator,
  definition: Omit<LayerDefinition<S>, 'name' | 'summary' | 'build'> & { readonly name?: string },
): Layer {
  const layer = defineLayer<S>({
    ...definition,
    name: definition.name ?? operator.name,
    summary: operator.summary,
    build: (builder, operands, params) =>
      builder.op(operator, operands, params as unknown as Readonly<Record<string, AttrValue>>),
  });
  return { ...layer, operator };
}
