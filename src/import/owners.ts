/**
 * If and Loop as operators of the registry. A Loop is one where everything that it carries leaves a turn as it entered; others,
 * and Scan, stay foreign nodes.
 */
import { Dim } from '../ir/dim.ts';
import { type Graph, hostOf, inferTypes, type Node, type Value } from '../ir/graph.ts';
import { freshSizes, isFresh, matchTypes } from '../ir/match-types.ts';
import type { AttrValue, Operator } from '../ir/operator.ts';
import type { TensorType } from '../ir/types.ts';
import { branch, loop, takesAllTurns } from '../ops/control-flow.ts';
import { reshape } from '../ops/reshape.ts';
import type { ImportState } from './builder.ts';
import { checkOpset, NotLifted } from './lift.ts';
import type { NodeView } from './node-view.ts';
import { originOf, type Scope } from './scope.ts';

/** By ONNX operator of the default domain. */
const owners: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ['If', branch],
  ['Loop', loop],
]);

export const ownerOf = ({ domain, opType }: NodeView): Operator | undefined => (domain === '' ? owners.get(opType) : undefined);

/** What the inputs of its sub-graphs are, if the node can be said; undefined where the value is none of ours. */
export function innerTypes({ opType, values }: NodeView): readonly (TensorType | undefined)[] {
  if (opType !== 'Loop') return [];
  return [{ elem: 'i64', dims: [] }, { elem: 'bool', dims: [] }, ...values.slice(2).map((value) => value?.type)];
}

/** Throws `NotLifted` or `CheckFailure`. */
export function ownerNode(
  state: ImportState,
  scope: Scope,
  view: NodeView,
  op: Operator,
  regions: readonly Graph[],
): readonly Value[] {
  const { graph } = scope;
  const { trail, types, expected, opset } = state;
  const { file } = view;
  if (
    op.regions?.some((name, i) => view.attribute(name)?.kind !== 'graph' || !regions[i]) ||
    regions.length !== op.regions?.length
  )
    throw new NotLifted('other sub-graphs than the operator has');
  const origin = originOf(file);
  /** Files say a scalar as a vector of one. */
  const scalar = (value: Value | undefined): Value | undefined => {
    if (value?.type.dims.length !== 1 || value.type.dims[0]?.constant !== 1) return value;
    const node = graph.create(reshape, [value], { shape: [] }, origin);
    trail.made(node);
    return node.y;
  };
  const operands = view.values.map((_, i) => (i < 2 ? scalar(view.input(i)) : view.need(i)));
  const attrs: Record<string, AttrValue> = op === loop ? { turns: knownTurns(state, operands, regions), sized: false } : {};
  const inferred = inferTypes(op, operands, attrs, regions, freshSizes());
  const stated = inferred.map(({ elem, dims }, i): TensorType => {
    const open = dims.map((d) => (d.symbols().some(isFresh) ? undefined : d));
    const name = file.outputs[i] ?? '';
    if (name === '') return { elem, dims: open.map((d) => d ?? graph.freshDim(op.name)) };
    return types.typeOf(scope, name, { elem, dims: open });
  });
  if (!matchTypes(inferred, stated, isFresh)) throw new NotLifted('sizes that only the file says');
  const node: Node = graph.createTyped(op, operands, attrs, stated, origin, undefined, regions);
  trail.made(node);
  checkOpset(node, opset);
  node.results.forEach((value, i) => {
    if (view.outputUsed(i)) expected.add(value);
  });
  return node.results;
}

function knownTurns(state: ImportState, operands: readonly (Value | undefined)[], [body]: readonly Graph[]): readonly Dim[] {
  const [trips, condition] = operands;
  const goesOn = condition && (hostOf(condition) ?? 'unknown');
  const turns = state.elements.of(trips)?.data[0];
  if (!turns || !body || !takesAllTurns(goesOn, body)) return [];
  if (turns.constant !== undefined) return [Dim.of(Math.max(0, turns.constant))];
  return turns.lowerBound >= 0 ? [turns] : [];
}
