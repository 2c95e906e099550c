/**
 * Folds whole regions of operators on constants. Operator by operator a fold stops where a constant has a second reader, because
 * its bytes would stay beside those of the result: weights that are standardised (Qiao et al. 2019, arXiv:1903.10520; Brock et
 * al. 2021, arXiv:2101.08692), g·v/‖v‖ (Salimans and Kingma 2016, arXiv:1602.07868). Of a region only what leaves it is kept.
 */

import { countOf, type Graph, type Node, type Value } from '../../../ir/graph.ts';
import { isFoldable } from '../../../ir/operator.ts';
import { roundTo } from '../../../ir/round.ts';
import { elemBytes, sameType, staticDims } from '../../../ir/types.ts';
import { graphsIn } from '../../../ir/walk.ts';
import { evaluateConstant } from '../../../ops/evaluate.ts';
import type { WeightExpr } from '../../../tensor/expr.ts';
import { sessionOf } from '../../../tensor/session.ts';
import { exprOf, materializeSync } from '../../../tensor/values.ts';
import { contentOf, foldLimit, isStatic, lazyResult } from '../../analysis/constant-values.ts';
import { isConstant } from '../../analysis/constants.ts';
import { bytesOf, measureGraph } from '../../analysis/cost.ts';
import { type Fuel, nodeText } from '../../engine/fuel.ts';
import type { Sweep } from '../../engine/rule.ts';

/**
 * What is computed at once, for want of an expression, has no more elements: a result, and all results of a sweep. They stay in
 * memory.
 */
const elementLimit = 2 ** 22;

const totalLimit = 2 ** 24;

/** Multiply-adds that one operator may take. */
const workLimit = 2 ** 30;

interface Region {
  /** In the order of the graph. */
  readonly nodes: readonly Node[];
  /** Results that somebody outside reads. */
  readonly exits: readonly Value[];
}

/** Nodes that depend on constants alone, in order. */
function constantNodes(graph: Graph, given: ReadonlySet<Node>): readonly Node[] {
  const inside = new Set<Node>();
  for (const node of graph.nodes()) {
    if (given.has(node) || !isFoldable(node.op) || node.regions.length > 0 || node.slots.length === 0 || !isStatic(node))
      continue;
    const fixed = (value: Value | undefined): boolean => {
      const producer = value?.producer;
      return value === undefined || value.isConstant || (producer !== undefined && inside.has(producer));
    };
    if (node.operands.every(fixed) && node.operands.every((value) => !value?.type.foreign)) inside.add(node);
  }
  return [...inside];
}

/** Nodes that share a value or a constant are of one region: whether the bytes of a constant go hangs on all who read it. */
function regionsOf(nodes: readonly Node[]): readonly Region[] {
  const inside = new Set(nodes);
  const parents = new Map<Node, Node>();
  const rootOf = (node: Node): Node => {
    let root = node;
    for (let up = parents.get(root); up; up = parents.get(root)) root = up;
    if (root !== node) parents.set(node, root);
    return root;
  };
  const join = (a: Node, b: Node): void => {
    const [x, y] = [rootOf(a), rootOf(b)];
    if (x !== y) parents.set(y, x);
  };
  const firstReader = new Map<Value, Node>();
  for (const node of nodes) {
    for (const value of node.operands) {
      if (!value) continue;
      if (value.producer && inside.has(value.producer)) join(value.producer, node);
      const first = firstReader.get(value);
      if (first) join(first, node);
      else firstReader.set(value, node);
    }
  }
  const regions = new Map<Node, Node[]>();
  for (const node of nodes) {
    const root = rootOf(node);
    const region = regions.get(root);
    if (region) region.push(node);
    else regions.set(root, [node]);
  }
  return [...regions.values()].map((own) => {
    const members = new Set(own);
    const leaves = (y: Value): boolean => y.outputs > 0 || [...y.uses].some((use) => !members.has(use.user));
    return { nodes: own, exits: own.flatMap((node) => node.results.filter(leaves)) };
  });
}

const countOfResult = (value: Value): number => countOf(value.type) ?? Number.POSITIVE_INFINITY;

const bytesOfResult = (value: Value): number => countOfResult(value) * elemBytes[value.type.elem];

/** Bytes of the constants that nobody outside reads. */
function bytesThatGo({ nodes }: Region): number {
  const members = new Set(nodes);
  const constants = new Set(nodes.flatMap((node) => node.operands.filter(isConstant)));
  let bytes = 0;
  for (const value of constants)
    if (value.content && value.outputs === 0 && [...value.uses].every((use) => members.has(use.user)))
      bytes += bytesOf(value.content);
  return bytes;
}

/** Whether a region of so many nodes may add so many bytes. */
type Allows = (added: number, nodes: number) => boolean;

/**
 * What folded constants may add to a file beyond 64 KiB for a region: 1/1024 of all constants for each of its nodes, as long as
 * such regions add no more than 1/64 together, over all sweeps of an optimisation.
 */
function allowanceOf(graph: Graph, fuel: Fuel): Allows {
  const bytes = measureGraph(graph).bytes - fuel.grown;
  return (added, nodes) => added <= 0 || (fuel.grown + added <= bytes / 64 && added <= (nodes * bytes) / 1024);
}

/**
 * The values that may become constants: all exits where they weigh no more than what goes, or than the allowance. Else as many
 * small ones as the limit takes; of what is too large the operands, from which it is computed as before, and so on.
 */
function valuesToFold(region: Region, allows: Allows): { readonly values: readonly Value[]; readonly added: number } {
  const total = region.exits.reduce((sum, y) => sum + bytesOfResult(y), 0);
  if (total <= foldLimit) return { values: region.exits, added: 0 };
  const added = total - bytesThatGo(region);
  if (allows(added, region.nodes.length)) return { values: region.exits, added };
  const members = new Set(region.nodes);
  const small: Value[] = [];
  const seen = new Set<Value>();
  let left = foldLimit;
  const stack = [...region.exits].reverse();
  for (let y = stack.pop(); y; y = stack.pop()) {
    if (seen.has(y)) continue;
    seen.add(y);
    const bytes = bytesOfResult(y);
    if (bytes <= left) {
      left -= bytes;
      small.push(y);
    } else for (const x of y.producer?.operands ?? []) if (x?.producer && members.has(x.producer)) stack.push(x);
  }
  return { values: small, added: 0 };
}

/** Computes results of a region, each once. */
class Values {
  readonly #known = new Map<Value, WeightExpr>();
  #left: number;

  constructor(left: number) {
    this.#left = left;
  }

  get left(): number {
    return this.#left;
  }

  exprOf(value: Value): WeightExpr | undefined {
    return isConstant(value) ? exprOf(value) : this.#known.get(value);
  }

  /** Whether there are results. The operands have theirs. */
  compute(node: Node): boolean {
    const operands = node.operands.map((value) => value && this.exprOf(value));
    if (node.operands.some((value, i) => value && !operands[i])) return false;
    const small = operands.every((x) => x?.resident !== undefined || x === undefined);
    const lazy = small ? undefined : lazyResult(node, operands);
    const made = lazy ? [lazy] : this.#numbers(node, operands);
    if (!made || made.length !== node.results.length) return false;
    for (const [i, y] of node.results.entries()) {
      const x = made[i];
      if (!x || x.elem !== y.type.elem || x.dims.join() !== staticDims(y.type)?.join()) return false;
      this.#known.set(y, x);
    }
    return true;
  }

  #numbers(node: Node, operands: readonly (WeightExpr | undefined)[]): readonly WeightExpr[] | undefined {
    const sizes = [...operands.map((x) => x?.count ?? 0), ...node.results.map(countOfResult)];
    const work = node.madds?.constant;
    if (sizes.some((count) => count > elementLimit) || work === undefined || work > workLimit) return undefined;
    const tensors = operands.map((x) => x && materializeSync(x));
    if (tensors.some((tensor, i) => operands[i] && !tensor)) return undefined;
    // The operator would have read numbers of the element type.
    for (const tensor of tensors) if (tensor) roundTo(tensor.elem, tensor.data);
    const evaluation = evaluateConstant(node.op, tensors, node.attrs);
    if (evaluation.kind !== 'value') return undefined;
    this.#left -= evaluation.results.reduce((sum, y) => sum + y.data.length, 0);
    return this.#left < 0 ? undefined : evaluation.results.map((tensor) => contentOf(sessionOf(node.graph), tensor));
  }
}

/** The nodes that some values need, in the order of the region. */
function needed(region: Region, exits: readonly Value[]): readonly Node[] {
  const members = new Set(region.nodes);
  const wanted = new Set<Node>();
  const stack = exits.flatMap((y) => (y.producer ? [y.producer] : []));
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (wanted.has(node)) continue;
    wanted.add(node);
    for (const value of node.operands) if (value?.producer && members.has(value.producer)) stack.push(value.producer);
  }
  return region.nodes.filter((node) => wanted.has(node));
}

/**
 * The parameter whose place an exit takes: the only named constant of its type in the region, where no other exit has that type
 * and nobody else reads it.
 */
function successorOf(region: Region, exit: Value): Value | undefined {
  const members = new Set(region.nodes);
  const alike = new Set<Value>();
  for (const node of region.nodes)
    for (const value of node.operands)
      if (isConstant(value) && value.name !== undefined && sameType(value.type, exit.type)) alike.add(value);
  const [only, other] = alike;
  if (!only || other || region.exits.some((y) => y !== exit && sameType(y.type, exit.type))) return undefined;
  return only.outputs === 0 && [...only.uses].every((use) => members.has(use.user)) ? only : undefined;
}

/**
 * Puts constants in the place of a region's exits; what made them goes. False where a node's numbers cannot be had, which is
 * noted.
 */
function fold(graph: Graph, region: Region, exits: readonly Value[], values: Values, failed: Set<Node>): boolean {
  const nodes = needed(region, exits);
  for (const node of nodes) {
    if (values.compute(node)) continue;
    failed.add(node);
    return false;
  }
  const whole = exits === region.exits;
  for (const y of exits) {
    const content = values.exprOf(y);
    if (!content) continue;
    const successor = whole ? successorOf(region, y) : undefined;
    if (successor) graph.setContent(successor, content);
    graph.replaceUses(y, successor ?? graph.constant(content));
  }
  for (const node of [...nodes].reverse()) if (node.results.every((y) => y.isDead)) graph.erase(node);
  return true;
}

export const foldConstantRegions: Sweep = {
  name: 'simplify/constant-regions',
  doc: `Replaces what leaves a region of operators on constants by constants, whatever is in it and however many readers its values have.

  v, g  →  conv(x; W = g·v / ‖v‖)  →  conv(x; #W)

A region is all operators that depend on constants alone and share a value or a constant; random operators and owners of sub-graphs are in none,
operators that the registry has not where they can be computed by their ONNX name. Folded where the results that others read have no more bytes than
the constants that go with the region, or at most 64 KiB, or where they add at most 1/1024 of the bytes of all constants for each node that goes, and
all such regions together at most 1/64, over all sweeps. Where they have more, those up to 64 KiB; of the others the operands, up to 64 KiB with them.
Large results are expressions that the file is written from in chunks, where the operators are arithmetic, reductions, views, products and norms. What has
no such expression is computed at once, results of at most 4 Mi elements and 16 Mi in one sweep, so that memory stays bounded; else the region begins
behind it. Rounding: in float64, rounded once per operator computed at once, and once at the end of an expression.
Source: Salimans and Kingma 2016, arXiv:1602.07868; Qiao et al. 2019, arXiv:1903.10520; onnxruntime, ConstantFolding.`,
  run(graph, fuel) {
    let folded = 0;
    let left = totalLimit;
    let allows: Allows | undefined;
    for (const one of graphsIn(graph)) {
      const failed = new Set<Node>();
      // Where a node cannot be computed the region is cut there, and what is left is looked at again.
      for (let again = true; again && !fuel.empty; ) {
        again = false;
        for (const region of regionsOf(constantNodes(one, failed))) {
          if (fuel.empty) return folded;
          allows ??= allowanceOf(graph, fuel);
          const { values: exits, added } = valuesToFold(region, allows);
          const last = region.nodes[region.nodes.length - 1];
          if (exits.length === 0 || !last) continue;
          const name = nodeText(last);
          const values = new Values(left);
          const before = failed.size;
          if (fold(one, region, exits, values, failed)) {
            left = values.left;
            fuel.grown += Math.max(0, added);
            folded++;
            fuel.spend(foldConstantRegions.name, name);
          } else again ||= failed.size > before;
        }
      }
    }
    return folded;
  },
};
