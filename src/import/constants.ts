/** Constants of a file: initialisers and Constant nodes, what is computed from them while the graph is made, and their names. */
import { Dim } from '../ir/dim.ts';
import type { ForeignAttribute } from '../ir/foreign.ts';
import type { Graph, Value } from '../ir/graph.ts';
import { type ElemType, foreignTypeOf, type HostTensor, isFloat, type TensorType } from '../ir/types.ts';
import { tensorOfIntegers } from '../ir/wide.ts';
import { tensorAttributeBytes } from '../onnx/encode.ts';
import { otherTensor } from '../onnx/infer/partial-type.ts';
import type { OnnxAttribute, OnnxNode, OnnxTensor } from '../onnx/model.ts';
import { foreignOperator } from '../ops/foreign.ts';
import type { WeightExpr } from '../tensor/expr.ts';
import { literal } from '../tensor/leaves.ts';
import type { Session } from '../tensor/session.ts';
import { nameOnce } from '../tensor/stored.ts';
import type { Scope } from './scope.ts';
import type { KnownElements } from './sizes.ts';
import type { Trail } from './trail.ts';

export class Constants {
  readonly #session: Session;
  readonly #graph: Graph;
  readonly #elements: KnownElements;
  readonly #trail: Trail;
  /** Of all graphs. */
  readonly #names = new Set<string>();
  readonly #derived = new Map<string, Value>();
  readonly #derivedFrom: { readonly value: Value; readonly from: Value }[] = [];
  /** Integers beyond 2^53, as bounds of a slice. */
  readonly #saturated = new Map<Value, readonly Dim[]>();

  /** `graph` is the outermost. */
  constructor(session: Session, graph: Graph, elements: KnownElements, trail: Trail) {
    this.#session = session;
    this.#graph = graph;
    this.#elements = elements;
    this.#trail = trail;
  }

  /** A name that no other constant has. */
  #free(name: string): string {
    let free = name;
    for (let n = 1; this.#names.has(free); n++) free = `${name}_${n}`;
    this.#trail.add(this.#names, free);
    return free;
  }

  /** A tensor of the file. */
  of(scope: Scope, tensor: OnnxTensor, name: string): Value {
    switch (tensor.kind) {
      case 'tensor': {
        // Tensors of attributes have no name of their own.
        if (tensor.name === '') nameOnce(tensor.expr, name);
        const role = isFloat(tensor.expr.elem) && tensor.expr.dims.length > 0 ? 'parameter' : 'constant';
        return this.#saturate(scope.graph.constant(tensor.expr, role, this.#free(name)));
      }
      case 'other': {
        const { dataType, dims, raw } = tensor;
        const value = scope.graph.constant(raw, 'constant', this.#free(name));
        value.type = foreignTypeOf({ ...otherTensor(dataType, dims), tensor: { dataType, dims } });
        return value;
      }
      default: {
        const bytes = tensorAttributeBytes('value', tensor.bytes);
        const attribute: OnnxAttribute = { name: 'value', kind: 'tensor', value: tensor, bytes };
        const attributes = [{ kind: 'bytes' as const, name: 'value', bytes, attribute }];
        const type = foreignTypeOf({ text: tensor.text, proto: otherTensor(8, undefined).proto ?? new Uint8Array() });
        return this.#node(scope, name, attributes, type);
      }
    }
  }

  /** Remembers what integers beyond 2^53 mean as bounds of a slice. */
  #saturate(value: Value): Value {
    const { wide } = value.content ?? {};
    if (!wide) return value;
    const most = BigInt(Number.MAX_SAFE_INTEGER);
    this.#saturated.set(
      value,
      Array.from(wide, (n: bigint) => Dim.of(Number(n > most ? most : n < -most ? -most : n))),
    );
    return value;
  }

  /** A node without operands, for constants that have no content here: strings. */
  #node(scope: Scope, name: string, attributes: readonly ForeignAttribute[], type: TensorType): Value {
    const foreign = { domain: '', opType: 'Constant', attributes, outputs: [true], rest: new Uint8Array() };
    const node = scope.graph.createTyped(foreignOperator(foreign, [type]), [], {}, [type], { scope: name });
    this.#trail.made(node);
    node.y.name = name;
    return node.y;
  }

  /** The value of a Constant node; undefined where it has to stay a node. */
  ofNode(scope: Scope, node: OnnxNode): Value | undefined {
    const name = node.outputs[0] ?? '';
    const [attribute, ...more] = node.attributes;
    if (!attribute || more.length > 0 || node.inputs.length > 0) return undefined;
    const numbers = (elem: ElemType, dims: readonly number[], list: readonly number[]): Value =>
      scope.graph.constant(literal(this.#session, { elem, dims, data: Float64Array.from(list) }), 'constant', this.#free(name));
    const integers = (dims: readonly number[], list: readonly bigint[]): Value =>
      this.#saturate(
        scope.graph.constant(literal(this.#session, tensorOfIntegers('i64', dims, list)), 'constant', this.#free(name)),
      );
    switch (attribute.kind) {
      case 'tensor':
        return attribute.value.kind === 'proto' ? undefined : this.of(scope, attribute.value, name);
      case 'int':
        return integers([], [attribute.value]);
      case 'ints':
        return integers([attribute.value.length], attribute.value);
      case 'float':
        return numbers('f32', [], [attribute.value]);
      case 'floats':
        return numbers('f32', [attribute.value.length], attribute.value);
      default:
        return undefined;
    }
  }

  /** Numbers that the import computed. */
  computed(graph: Graph, tensor: HostTensor, name: string): Value {
    const value = graph.constant(literal(this.#session, tensor), 'constant', name === '' ? undefined : this.#free(name));
    this.#elements.markComputed(value);
    return value;
  }

  /** A constant that is made of another; equal ones are one value. */
  derived(from: Value, content: WeightExpr): Value {
    const key = `${from.id}|${content.id}|${from.graph === this.#graph ? '' : from.graph.name}`;
    const known = this.#derived.get(key);
    if (known?.graph === from.graph) return known;
    const role = from.isConstant ? from.role : 'constant';
    const value = from.graph.constant(content, role);
    this.#trail.put(this.#derived, key, value);
    this.#trail.push(this.#derivedFrom, { value, from });
    return value;
  }

  /** A derived constant has the name of the one that it came from, unless that one is still read. */
  nameDerived(): void {
    const given = new Set<Value>();
    for (const { value, from } of this.#derivedFrom) {
      if (value.isDead || from.name === undefined) continue;
      if (from.isDead && !given.has(from)) {
        given.add(from);
        value.name = from.name;
      } else value.name = this.#free(`${from.name}.transposed`);
    }
  }

  /** Integers beyond 2^53 as bounds of a slice: ±(2^53 − 1). */
  saturated(value: Value): readonly Dim[] | undefined {
    return this.#saturated.get(value);
  }

  /**
   * `y` has the elements of the sources, in their order. Exporters join an end that is never reached with the ends of other axes.
   */
  joinSaturated(sources: readonly (Value | undefined)[], y: Value): void {
    if (!sources.some((value) => value && this.#saturated.has(value))) return;
    const elements: Dim[] = [];
    for (const value of sources) {
      const own = value && (this.#saturated.get(value) ?? this.#elements.of(value)?.data);
      if (!own) return;
      for (const d of own) {
        if (!d) return;
        elements.push(d);
      }
    }
    this.#saturated.set(y, elements);
  }
}
