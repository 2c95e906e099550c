/**
 * Numbers that an import computes: the results of foreign nodes over constants where their sizes hang on the numbers (NonZero),
 * or where they may be sizes themselves.
 */
import { knownSize } from '../ir/dim.ts';
import { hostOf, type Node, type Value } from '../ir/graph.ts';
import { isFoldable } from '../ir/operator.ts';
import { roundTo } from '../ir/round.ts';
import { type HostTensor, isFloat } from '../ir/types.ts';
import type { PartialType } from '../onnx/infer/partial-type.ts';
import type { OnnxAttribute } from '../onnx/model.ts';
import { evaluateConstant } from '../ops/evaluate.ts';
import { Attributes, type OnnxAttribute as EvaluatedAttribute, type OnnxEvaluator } from '../ops/onnx/call.ts';
import { onnxEvaluators } from '../ops/onnx/table.ts';
import type { NodeView } from './node-view.ts';

/** 64 KiB of the widest type. */
const mostElements = 8192;
/** Elements of integers that may be sizes. */
const mostSizes = 1024;
/** Nodes that are computed for one operand. */
const mostNodes = 64;

function plainAttribute(one: OnnxAttribute): EvaluatedAttribute {
  switch (one.kind) {
    case 'int':
    case 'ints':
    case 'float':
    case 'floats':
    case 'string':
      return one;
    case 'tensor': {
      const expr = one.value.kind === 'tensor' ? one.value.expr : undefined;
      const data = expr?.resident;
      if (!expr || !data) return { kind: 'other' };
      return { kind: 'tensor', value: { elem: expr.elem, dims: expr.dims, data, ...(expr.wide && { wide: expr.wide }) } };
    }
    default:
      return { kind: 'other' };
  }
}

/** How a node of ONNX's own domain is computed from constants; undefined where that is not known. */
export function evaluationOf(
  view: NodeView,
  opset: number,
): ((operands: readonly (HostTensor | undefined)[]) => readonly HostTensor[]) | undefined {
  const evaluator: OnnxEvaluator | undefined = view.domain === '' ? onnxEvaluators.get(view.opType) : undefined;
  if (!evaluator) return undefined;
  const attributes = new Attributes(new Map(view.file.attributes.map((one) => [one.name, plainAttribute(one)])));
  return (inputs) => evaluator({ opset, inputs, attributes }).slice(0, view.file.outputs.length);
}

/** Whether the results of a node over constants should be known while the graph is made. */
export function isWorthKnowing(inferred: readonly PartialType[], results: readonly HostTensor[]): boolean {
  if (results.reduce((n, y) => n + y.data.length, 0) > mostElements) return false;
  const open = results.some((_, i) => inferred[i]?.dims?.every((d) => d?.constant !== undefined) !== true);
  return open || results.every((y) => !isFloat(y.elem) && y.data.length <= mostSizes);
}

/** Numbers of values that are made of small constants alone, each computed once. */
export class ConstantNumbers {
  readonly #known = new Map<Value, HostTensor | undefined>();

  of(value: Value): HostTensor | undefined {
    const stack: Value[] = [value];
    let made = 0;
    for (let at = stack.at(-1); at; at = stack.at(-1)) {
      if (this.#known.has(at)) {
        stack.pop();
        continue;
      }
      const node = at.producer;
      if (at.type.foreign || !node) {
        this.#known.set(at, at.type.foreign ? undefined : hostOf(at));
        continue;
      }
      const missing = node.operands.filter((one) => one !== undefined && !this.#known.has(one));
      if (missing.length > 0 && canBeComputed(node) && made < mostNodes) {
        made++;
        for (const one of missing) if (one) stack.push(one);
        continue;
      }
      // Results of a foreign node over constants are constants already, where they can be.
      const results = missing.length === 0 && canBeComputed(node) ? this.#compute(node) : undefined;
      for (const [i, y] of node.results.entries()) this.#known.set(y, results?.[i]);
    }
    return this.#known.get(value);
  }

  #compute(node: Node): readonly HostTensor[] | undefined {
    const operands = node.operands.map((one) => one && this.#known.get(one));
    if (node.operands.some((one, i) => one && !operands[i])) return undefined;
    const found = evaluateConstant(node.op, operands, node.attrs);
    if (found.kind === 'refused' || found.results.length !== node.results.length) return undefined;
    return found.results.map(rounded);
  }
}

function canBeComputed(node: Node): boolean {
  if (!isFoldable(node.op) || node.regions.length > 0) return false;
  const fixed = (dims: readonly (number | { readonly constant: number | undefined })[]): boolean =>
    dims.every((d) => typeof d === 'number' || d.constant !== undefined);
  const small = node.results.every(
    ({ type }) => !type.foreign && fixed(type.dims) && type.dims.reduce((n, d) => n * knownSize(d), 1) <= mostElements,
  );
  return small && Object.values(node.attrs).every((value) => typeof value !== 'object' || fixed(value));
}

/** Floats as their type holds them. */
export function rounded(tensor: HostTensor): HostTensor {
  if (tensor.wide) return tensor;
  const data = Float64Array.from(tensor.data);
  roundTo(tensor.elem, data);
  return { elem: tensor.elem, dims: tensor.dims, data };
}
