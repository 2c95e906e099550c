/** Arithmetic on tensors at one place of the source, for constructs that compute: numbers take the element type beside them. */
import type { Span } from '../diagnostics/source.ts';
import type { Graph, Value } from '../ir/graph.ts';
import type { AttrValue, Operator } from '../ir/operator.ts';
import type { ElemType, TensorType } from '../ir/types.ts';
import { cast } from '../ops/cast.ts';
import { add, mul } from '../ops/elementwise.ts';
import type { Context } from './context.ts';
import { create, makeValue } from './nodes.ts';
import { finiteScalar, scalar } from './numbers.ts';
import type { Frame } from './scope.ts';

export class Arithmetic {
  readonly c: Context;
  readonly f: Frame;
  readonly span: Span;

  constructor(c: Context, f: Frame, span: Span) {
    this.c = c;
    this.f = f;
    this.span = span;
  }

  /** The same at a frame of other tags. */
  at(f: Frame): Arithmetic {
    return new Arithmetic(this.c, f, this.span);
  }

  op(operator: Operator, operands: readonly (Value | undefined)[], attrs: Readonly<Record<string, AttrValue>> = {}): Value {
    return makeValue(this.c, this.f, operator, operands, attrs, this.span);
  }

  /** Of two operands, one of which may be a number. */
  of(operator: Operator, a: Value | number, b: Value | number): Value {
    const elem = typeof a === 'number' ? (typeof b === 'number' ? 'f32' : b.type.elem) : a.type.elem;
    const value = (x: Value | number): Value => (typeof x === 'number' ? this.number(elem, x) : x);
    return this.op(operator, [value(a), value(b)]);
  }

  number(elem: ElemType, value: number): Value {
    return Number.isFinite(value) ? finiteScalar(this.c, this.f, this.span, elem, value) : scalar(this.c, elem, value);
  }

  vector(elem: ElemType, dims: readonly number[], values: readonly number[]): Value {
    return this.c.graph.root.constant(this.c.content.literal({ elem, dims, data: Float64Array.from(values) }));
  }

  cast(x: Value, to: ElemType): Value {
    return x.type.elem === to ? x : this.op(cast, [x], { to });
  }

  /** Σ scale·w·k. What has one factor is added up before it is multiplied; undefined where every factor is 0. */
  weighted(ks: readonly Value[], weights: readonly number[], scale: number): Value | undefined {
    const groups = new Map<number, Value>();
    ks.forEach((k, i) => {
      const factor = (weights[i] ?? 0) * scale;
      if (factor === 0) return;
      const sum = groups.get(factor);
      groups.set(factor, sum ? this.op(add, [sum, k]) : k);
    });
    let total: Value | undefined;
    for (const [factor, sum] of groups) {
      const term = factor === 1 ? sum : this.of(mul, sum, factor);
      total = total ? this.op(add, [total, term]) : term;
    }
    return total;
  }

  /** The operator `owner` over a body that `build` fills, whose nodes go into it; the results. */
  owner(
    owner: Operator,
    operands: readonly (Value | undefined)[],
    attrs: Readonly<Record<string, AttrValue>>,
    inputs: readonly (readonly [name: string, type: TensorType])[],
    build: (inputs: readonly Value[], region: Graph) => readonly (readonly [name: string, value: Value])[],
  ): readonly Value[] {
    const region = this.c.region('body');
    const given = inputs.map(([name, type]) => region.input(name, type));
    this.c.inside(region, () => {
      for (const [name, value] of build(given, region)) region.output(name, value);
    });
    return create(this.c, this.f, owner, operands, attrs, this.span, [region]);
  }
}
