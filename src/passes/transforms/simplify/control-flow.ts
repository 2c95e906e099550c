/** Sub-graphs of which it is known how often they run: the taken branch of an `if`, the body of a `loop` that runs once. */
import { type Graph, hostOf, type Node, type Value } from '../../../ir/graph.ts';
import { inlineRegion } from '../../../ir/inline.ts';
import { type HostTensor, sameType } from '../../../ir/types.ts';
import { graphsIn } from '../../../ir/walk.ts';
import { operatorByName } from '../../../ops/lookup.ts';
import { turnsOf } from '../../../ops/turns.ts';
import { literal } from '../../../tensor/leaves.ts';
import { sessionOf } from '../../../tensor/session.ts';
import { nodeText } from '../../engine/fuel.ts';
import type { Sweep } from '../../engine/rule.ts';

/** False in a sub-graph whose owner, or one around it, went. */
function isThere(graph: Graph): boolean {
  for (let at = graph; at.outer; at = at.outer) if (!at.owner?.attached) return false;
  return true;
}

function scalar(graph: Graph, elem: HostTensor['elem'], value: number): Value {
  return graph.root.constant(literal(sessionOf(graph), { elem, dims: [], data: Float64Array.of(value) }));
}

/** What the results are, made before the node; undefined where it is not known which sub-graph runs, or how often. */
function decided(node: Node): readonly (Value | undefined)[] | undefined {
  const [first] = node.regions;
  if (!first) return undefined;
  if (node.op.name === 'if') {
    const condition = hostOf(node.operand(0))?.data[0];
    const taken = condition === undefined ? undefined : node.regions[condition !== 0 ? 0 : 1];
    const fits = taken?.outputs.every(({ value }, i) => sameType(value.type, node.results[i]?.type ?? value.type));
    return taken && fits ? inlineRegion(taken, node, []) : undefined;
  }
  const unsqueeze = operatorByName('unsqueeze');
  if (node.op.name !== 'loop' || !unsqueeze) return undefined;
  const carried = node.operands.slice(2);
  const turns = turnsOf(node.attrs)?.constant;
  const condition = node.operand(1);
  if (turns === 0 && carried.length === node.results.length) return carried;
  if (turns !== 1 || (condition && hostOf(condition)?.data[0] !== 1)) return undefined;
  const { graph } = node;
  const inputs = [scalar(graph, 'i64', 0), scalar(graph, 'bool', 1), ...carried.flatMap((value) => value ?? [])];
  const made = inlineRegion(first, node, inputs).slice(1);
  return made.map((value, i) =>
    i < carried.length ? value : graph.create(unsqueeze, [value], { axes: [0] }, node.origin, node).y,
  );
}

export const knownControlFlow: Sweep = {
  name: 'simplify/control-flow',
  doc: `Puts the taken branch in the place of an \`if\` whose condition is a constant and whose results have the types of that branch; the body in the
place of a \`loop\` that takes one turn for certain, with 0 as its turn; and what enters in the place of a \`loop\` that takes no turn and gathers
nothing. Exact: the same nodes run on the same values. Rounding: none.`,
  run(graph, fuel) {
    let done = 0;
    for (let busy = true; busy; ) {
      busy = false;
      for (const one of graphsIn(graph)) {
        if (!isThere(one)) continue;
        for (const node of one.nodes()) {
          if (fuel.empty) return done;
          const results = node.op.regions && decided(node);
          if (!results) continue;
          node.results.forEach((y, i) => {
            const by = results[i];
            if (!by) return;
            one.replaceUses(y, by);
            if (by.producer?.graph === one && by.name === undefined) by.name = y.name;
          });
          one.erase(node);
          done++;
          busy = true;
          fuel.spend(knownControlFlow.name, nodeText(node));
        }
      }
    }
    return done;
  },
};
