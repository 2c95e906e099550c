/** What looks at the whole graph at once: equal nodes, equal weights, dead code. */

import { attributeSizes, bornBy } from '../../../ir/births.ts';
import type { Graph, Node, Value } from '../../../ir/graph.ts';
import { sameType } from '../../../ir/types.ts';
import { graphsIn } from '../../../ir/walk.ts';
import { boolAttr } from '../../../ops/attrs.ts';
import { AttrsTexts } from '../../analysis/attributes.ts';
import { reducedAxesOf } from '../../analysis/shapes.ts';
import { type Fuel, nodeText } from '../../engine/fuel.ts';
import type { Sweep } from '../../engine/rule.ts';

/** Two operands are equal when they are one value, or constants of one content. */
function operandText(value: Value | undefined, numberOf: (value: Value) => number): string {
  if (!value) return '-';
  if (value.content) return `c${value.content.id}:${value.type.foreign?.text ?? value.type.elem}`;
  return `v${numberOf(value)}`;
}

/**
 * Numbers that tell values apart. Ids do within one graph; a body reads values of graphs around it, whose ids are its own too.
 */
function numbering(graphs: readonly Graph[]): (value: Value) => number {
  if (graphs.length === 1) return ({ id }) => id;
  const numbers = new Map<Value, number>();
  return (value) => {
    const number = numbers.get(value) ?? numbers.size;
    numbers.set(value, number);
    return number;
  };
}

const mayBeTwin = ({ op, regions }: Node): boolean => !op.traits.random && regions.length === 0;

/** Whether it is the only reader of an operand that is no constant: then no other node computes the same. */
function readsAlone({ slots }: Node): boolean {
  return slots.some((use) => use !== undefined && use.value.size === 1 && !use.value.isConstant);
}

/** The place of every node in the order of the graph. */
function placesOf(graph: Graph): ReadonlyMap<Node, number> {
  const places = new Map<Node, number>();
  for (const node of graph.nodes()) places.set(node, places.size);
  return places;
}

/** Poolings of the whole grid, and the reductions along all of its axes that say the same. */
const reductionOf: ReadonlyMap<string, string> = new Map([
  ['global_avgpool', 'reduce_mean'],
  ['global_maxpool', 'reduce_max'],
]);
const withPooling: ReadonlySet<string> = new Set(reductionOf.values());

/** What a node does with its operands, as one text for all that say the same; undefined where it cannot be compared. */
function saying(node: Node, attrs: AttrsTexts): string | undefined {
  const { name } = node.op;
  const reduction = reductionOf.get(name);
  if (reduction !== undefined) return `${reduction} of the grid`;
  if (withPooling.has(name) && boolAttr(node.attrs, 'keepdims')) {
    const axes = reducedAxesOf(node);
    const rank = node.x.type.dims.length;
    if (rank > 2 && axes.length === rank - 2 && axes.every((axis) => axis > 1)) return `${name} of the grid`;
  }
  const text = attrs.of(node);
  return text === undefined ? undefined : `${name}|${text}`;
}

/** Merges nodes that compute the same: what they do, equal operands, no randomness, no sub-graph. */
export const commonSubexpressions: Sweep = {
  name: 'simplify/common-subexpressions',
  doc: `Merges two nodes that compute the same: one operator, equal attributes, the same operands (or constants of equal content), neither random
nor the owner of a sub-graph; of operators that the registry has not QuantizeLinear and DequantizeLinear. What is commutative has its operands in either
order, and a mean or a maximum over all axes of a grid is the pooling of the whole of it. The first in the graph's order stays, because it comes before
all readers of both.`,
  run(graph, fuel) {
    let merged = 0;
    const graphs = graphsIn(graph);
    const numberOf = numbering(graphs);
    const attrs = new AttrsTexts();
    const keyOf = (node: Node): string => {
      // What cannot be compared is equal to itself alone.
      const said = saying(node, attrs) ?? `${node.op.name}|of ${node.results.map(numberOf).join()}`;
      const operands = node.slots.map((use) => operandText(use?.value, numberOf));
      if (node.op.traits.commutative === true) operands.sort();
      return `${said}|${operands.join(' ')}`;
    };
    for (const one of graphs) {
      const seen = new Map<string, Node>();
      let places: ReadonlyMap<Node, number> | undefined;
      for (const node of one.nodes()) {
        if (fuel.empty) return merged;
        if (!mayBeTwin(node) || readsAlone(node)) continue;
        const key = keyOf(node);
        const first = seen.get(key);
        if (!first) {
          seen.set(key, node);
          continue;
        }
        if (!node.results.every((y, i) => first.results[i] !== undefined && sameType(y.type, first.results[i].type))) continue;
        places ??= placesOf(one);
        for (const [i, y] of node.results.entries()) {
          const kept = first.results[i];
          if (!kept) continue;
          // What read it alone was passed over, and reads together with the readers of `y` from now on.
          const reader = kept.size === 1 ? kept.first?.user : undefined;
          one.replaceUses(y, kept);
          if (!reader || !mayBeTwin(reader) || readsAlone(reader)) continue;
          if ((places.get(reader) ?? Infinity) < (places.get(node) ?? 0)) seen.set(keyOf(reader), reader);
        }
        one.erase(node);
        merged++;
        fuel.spend(commonSubexpressions.name, nodeText(node));
      }
    }
    return merged;
  },
};

/** Makes readers of equal constants read one. */
export const equalWeights: Sweep = {
  name: 'simplify/equal-weights',
  doc: `Makes all readers of constants with equal content and role read one of them, the first by use, whose name stays. Runs last, so that no fold is
refused for a second reader that it made. Equal expressions are recognised by their structure; equal files by the pre-pass that hashes.`,
  run(graph, fuel) {
    let merged = 0;
    for (const one of graphsIn(graph)) {
      const seen = new Map<number | string, Value>();
      for (const value of one.constants()) {
        if (fuel.empty) return merged;
        const { content, type } = value;
        if (!content) continue;
        const key = type.foreign ? `${content.id}|${type.foreign.text}` : content.id;
        const first = seen.get(key);
        if (first && value.outputs === 0) {
          // A name that was made unique gives way to the one it was made from.
          if (first.name !== undefined && value.name !== undefined && value.name.length < first.name.length)
            first.name = value.name;
          one.replaceUses(value, first);
          merged++;
          fuel.spend(equalWeights.name, value.name ?? first.name ?? '');
        } else if (!first) seen.set(key, value);
      }
    }
    return merged;
  },
};

/** Removes nodes whose results nobody reads, from the last to the first. */
export const deadCode: Sweep = {
  name: 'simplify/dead-code',
  doc: `Removes nodes whose results nobody reads, with their sub-graphs. One whose numbers say a size, such as that of a \`nonzero\`, stays where
an attribute has that size: the file reads it there.`,
  run: (graph, fuel) => removeDead(graph, fuel),
};

function removeDead(graph: Graph, fuel: Fuel): number {
  let removed = 0;
  const sizes = new Set<string>();
  // Inner graphs first: what a dead node in them read of the values around is free then.
  for (const one of [...graphsIn(graph)].reverse()) {
    let node = one.last;
    while (node && !fuel.empty) {
      const previous: Node | undefined = node.prev;
      const isDead = node.results.every((y) => y.isDead);
      if (isDead && ![...bornBy(node)].some((size) => sizes.has(size))) {
        one.erase(node);
        removed++;
        fuel.spend(deadCode.name, nodeText(node));
      } else for (const size of attributeSizes(node)) sizes.add(size);
      node = previous;
    }
  }
  return removed;
}
