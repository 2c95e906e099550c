/** The type of a value of the graph: what is inferred, what the file says, and what its readers need, in this order. */
import { Dim } from '../ir/dim.ts';
import type { Value } from '../ir/graph.ts';
import { type ElemType, foreignTypeOf, type TensorType } from '../ir/types.ts';
import {
  type PartialType,
  partialOfFile,
  partialOfType,
  rankLimit,
  unknown,
  unknownType,
  unrankedTensor,
} from '../onnx/infer/partial-type.ts';
import type { Constraints, Place, Reader } from './constraints.ts';
import type { Dimensions } from './dimensions.ts';
import { rankKey, type Scope } from './scope.ts';

export class ValueTypes {
  readonly #dimensions: Dimensions;
  readonly #constraints: Constraints;
  /** Where a rank is unknown that readers may say. */
  readonly #ranks = new Map<Value, Place>();
  /** Element types of values whose rank is not known, so that the graph has no type for them. */
  readonly #elems = new Map<Value, ElemType>();

  constructor(dimensions: Dimensions, constraints: Constraints) {
    this.#dimensions = dimensions;
    this.#constraints = constraints;
  }

  /** Of the value of a name. */
  typeOf(scope: Scope, name: string, known: PartialType): TensorType {
    const said = partialOfFile(scope.declared.get(name), (d) => this.#dimensions.named(d));
    const elem = known.elem ?? (known.foreign ? undefined : said.elem);
    const rank = this.#constraints.rankOf(rankKey(scope, name));
    if (elem === undefined) {
      const isOpen = !known.foreign || known.foreign === unknownType;
      if (isOpen && rank?.elem && !said.foreign) return this.#ranked(scope, name, rank.elem, rank.rank);
      return foreignTypeOf(known.foreign ?? said.foreign ?? unknownType);
    }
    const agree = said.elem === elem ? said.dims : undefined;
    const dims = known.dims && known.dims.length <= rankLimit ? known.dims : agree;
    if (!dims) return rank ? this.#ranked(scope, name, elem, rank.rank) : foreignTypeOf(unrankedTensor(elem));
    const other = agree?.length === dims.length ? agree : undefined;
    return { elem, dims: dims.map((d, axis) => d ?? other?.[axis] ?? this.#dimensions.open(scope, name, axis)) };
  }

  #ranked(scope: Scope, name: string, elem: ElemType, rank: number): TensorType {
    return { elem, dims: Array.from({ length: rank }, (_, axis) => this.#dimensions.open(scope, name, axis)) };
  }

  /** Remembers of a value of unknown rank what a reader may say of it; `mark` is in front of what made it. */
  enter(scope: Scope, name: string, value: Value, known: PartialType, mark: number): void {
    const { foreign } = value.type;
    if (!foreign) return;
    const elem = known.elem ?? partialOfFile(scope.declared.get(name), () => undefined).elem;
    if (elem) this.#elems.set(value, elem);
    if (elem || foreign === unknownType) this.#ranks.set(value, { key: rankKey(scope, name), body: scope.graph, mark });
  }

  /** What is known of a value, also where the graph has no type for it. */
  partial(value: Value | undefined): PartialType {
    if (!value) return unknown;
    const elem = this.#elems.get(value);
    if (elem === undefined) return partialOfType(value.type);
    return { elem, dims: value.type.foreign?.tensor?.dims.map((d) => Dim.of(d)) };
  }

  /** A reader takes a value with that size on an axis alone. */
  constrainSize(value: Value, axis: number, size: number, reader: Reader): void {
    const place = this.#dimensions.placeOf(value.type.dims[axis]);
    if (place) this.#constraints.size(place, size, reader);
  }

  /** A reader takes a value of that rank alone; `elem` is what the element type is where nobody says it. */
  constrainRank(value: Value, rank: number, elem: ElemType | undefined, reader: Reader): void {
    const place = this.#ranks.get(value);
    if (place) this.#constraints.rank(place, { rank, elem: this.#elems.get(value) ?? elem }, reader);
  }
}
