/**
 * Nodes that stay as they are: their types by the name of their operator, and their numbers where those are known while the graph
 * is made.
 */
import type { ForeignAttribute } from '../ir/foreign.ts';
import { type Graph, hostOf, type Value } from '../ir/graph.ts';
import type { HostTensor } from '../ir/types.ts';
import type { InferenceContext } from '../onnx/infer/context.ts';
import { inferElements } from '../onnx/infer/elements.ts';
import { inferResults } from '../onnx/infer/infer.ts';
import type { PartialType } from '../onnx/infer/partial-type.ts';
import { evaluateConstant, refusalOf } from '../ops/evaluate.ts';
import { foreignOperator } from '../ops/foreign.ts';
import { type ConstantNumbers, evaluationOf, isWorthKnowing, rounded } from './ahead.ts';
import type { ImportState } from './builder.ts';
import type { NodeView } from './node-view.ts';
import { originOf, type Scope } from './scope.ts';

/** What inference by name asks of a node. */
function contextOf({ elements, types, constants }: ImportState, view: NodeView, regions: readonly Graph[]): InferenceContext {
  const { values } = view;
  const elementsAt = (i: number) => elements.of(values[i])?.data;
  return {
    domain: view.domain,
    opType: view.opType,
    attributes: view.attributes,
    operandCount: values.length,
    resultCount: view.file.outputs.length,
    has: (i) => values[i] !== undefined,
    operand: (i) => types.partial(values[i]),
    elements: elementsAt,
    bounds: (i) => (values[i] && constants.saturated(values[i])) ?? elementsAt(i),
    numbers: (i) => {
      const host = values[i]?.type.foreign ? undefined : hostOf(values[i]);
      return host?.wide ? undefined : host?.data;
    },
    bodies: regions.map((region) => region.outputs.map(({ value }) => types.partial(value))),
  };
}

/** The results of a node over constants, where their sizes are open without them. */
function computedAhead(
  numbers: ConstantNumbers,
  { file, values }: NodeView,
  evaluate: (operands: readonly (HostTensor | undefined)[]) => readonly HostTensor[],
  inferred: readonly PartialType[],
): readonly HostTensor[] | undefined {
  const operands = values.map((value) => value && numbers.of(value));
  if (values.length === 0 || values.some((value, i) => value && !operands[i])) return undefined;
  const bare = { domain: '', opType: file.opType, attributes: [], outputs: [], rest: new Uint8Array() };
  const found = evaluateConstant(foreignOperator(bare, [], evaluate), operands, {});
  if (found.kind === 'refused' || !isWorthKnowing(inferred, found.results)) return undefined;
  // A broken node may name more results than its operator has.
  if (file.outputs.some((name, i) => name !== '' && !found.results[i])) return undefined;
  return found.results.map(rounded);
}

/** Elements that are followed as dimensions through a node that no operator here says. */
function followElements(state: ImportState, context: InferenceContext, y: Value): void {
  try {
    const data = inferElements(context);
    const known = data && y.type.dims.map((d) => d.constant ?? -1);
    if (!data || !known || y.type.foreign || known.reduce((n, d) => n * d, 1) !== data.length) return;
    state.elements.set(y, { elem: y.type.elem, dims: known, data });
  } catch (error) {
    refusalOf(error);
  }
}

/**
 * The node as it is, or constants in its place; `asItIs` where the forms of its opset are not known here, so that nothing is
 * inferred. `isUsed` is whether anything in the file reads a name.
 */
export function foreignNode(
  state: ImportState,
  numbers: ConstantNumbers,
  scope: Scope,
  view: NodeView,
  attributes: readonly ForeignAttribute[],
  regions: readonly Graph[],
  asItIs: boolean,
): readonly Value[] {
  const { file, values } = view;
  const { trail, types, constants, expected } = state;
  const context = contextOf(state, view, regions);
  const inferred = asItIs ? [] : inferResults(context);
  const evaluate = asItIs ? undefined : evaluationOf(view, state.opset);
  const known = evaluate && computedAhead(numbers, view, evaluate, inferred);
  if (known) return known.map((tensor, i) => constants.computed(scope.graph, tensor, file.outputs[i] ?? ''));
  const { mark } = trail;
  const resultTypes = file.outputs.map((name, i) => types.typeOf(scope, name, inferred[i] ?? {}));
  const { domain, opType, rest = new Uint8Array() } = file;
  const foreign = { domain, opType, attributes, outputs: file.outputs.map((name) => name !== ''), rest };
  const operator = foreignOperator(foreign, resultTypes, evaluate);
  const node = scope.graph.createTyped(operator, values, {}, resultTypes, originOf(file), undefined, regions);
  trail.made(node);
  node.results.forEach((value, i) => {
    const name = file.outputs[i] ?? '';
    if (name !== '') types.enter(scope, name, value, inferred[i] ?? {}, mark);
    if (view.outputUsed(i)) expected.add(value);
  });
  if (!asItIs && node.results[0]) followElements(state, context, node.results[0]);
  return node.results;
}
