/**
 * Moves transposes to where fewer of them, or of fewer elements, are left. Exporters of channels-last networks put one in front
 * of every conv and one behind it; between them stand operators that do not care in which order the axes come.
 */

import type { Node, Value } from '../../../ir/graph.ts';
import * as w from '../../../tensor/algebra.ts';
import { composed, inverse, isIdentity, movingPermOf, type Perm, samePerm } from '../../analysis/perm.ts';
import { producerIn } from '../../analysis/uses.ts';
import { op } from '../../engine/pattern.ts';
import type { Rewriter } from '../../engine/rewriter.ts';
import { rule } from '../../engine/rule.ts';
import { changed } from '../rebuild.ts';
import { asPointwise, pointwiseAt } from './pointwise.ts';
import { borderPerm, isFree, moved, type Plan, plan, readerLimit } from './region.ts';

/** A constant in the other order: axes that it lacks are ones in front. */
function movedConstant(g: Rewriter, value: Value, perm: Perm): Value {
  const x = w.exprOf(value);
  if (x.count === 1 && x.dims.length <= perm.length) return value;
  const ones: number[] = new Array(perm.length - x.dims.length).fill(1);
  return changed(g, value, w.transpose(w.reshape(x, [...ones, ...x.dims]), inverse(perm)));
}

export const moveTranspose = rule({
  name: 'move-transpose/through',
  doc: `Moves transposes through operators that do not care in which order the axes come, where fewer elements are transposed then.

  transpose(relu(transpose(x; p) + c); p⁻¹)   →  relu(x + transpose(c; p⁻¹))
  transpose(x; p) + transpose(y; p)           →  transpose(x + y; p)
  mean(transpose(x; p); axes a)               →  mean(x; axes p[a])
  transpose(W·transpose(x; NHWC) + b; NCHW)   →  conv1x1(x; W, b)

Operators that take part: elementwise ones, concat, split, slice, pad, softmax, running sums, reductions and arg max, with their axes mapped; and
products over the last axis, with constant weights and at least 16 inputs and 16 outputs (a conv of fewer is slower), where that axis comes to stand
where channels do: they become pointwise convs. Which of a region's operators change over is a minimum cut (min-cut.ts), so that no other choice for
this order of axes leaves less to transpose.
Exact when
  fewer         what is left to transpose in and around the region is less than now, in elements, then in nodes
  weight-copy   a constant that is wanted in both orders has at most 64 KiB
A constant is permuted when the file is written; one of a lower rank gets ones in front first. An operand that varies has all axes, or one element.
Rounding: the order of sums in a reduction or a product, nothing else.
Source: the operators above act on axes by name; a pointwise conv is the product over channels at every place; minimum cut: Dinic 1970.`,
  match: op('transpose', 'root').each(function* ({ root }): Generator<Plan> {
    const perm = movingPermOf(root);
    if (!perm || root.y.uses.size > readerLimit) return;
    const readers = [...root.y.uses].flatMap((use) => (use.user.graph === root.graph ? [use.user] : []));
    const below = plan(root, readers, perm);
    if (below) yield below;
    const maker = producerIn(root.operand(0), root);
    const above = maker && plan(root, [maker], inverse(perm));
    if (above) yield above;
  }),
  exact: {
    fewer: ({ flipped }) => flipped.length > 0,
    'weight-copy': ({ copies }) => copies,
  },
  rewrite({ perm, region, flipped }, g) {
    const chosen = new Set(flipped);
    const back = inverse(perm);
    /** Values in the other order. */
    const made = new Map<Value, Value>();
    const begin = flipped[0]?.graph.first;
    const other = (value: Value, reader: Node): Value => {
      if (isFree(value, perm.length)) return value;
      const known = made.get(value);
      if (known) return known;
      let out: Value;
      if (value.content) out = movedConstant(g, value, perm);
      else {
        // Right behind what makes it, so that all readers may share it.
        const maker = producerIn(value, reader);
        const above = borderPerm(maker, reader, region);
        const [source, total] = above && maker ? [maker.x, composed(above, back)] : [value, back];
        if (isIdentity(total)) out = source;
        else {
          const origin = producerIn(source, reader);
          out = g.node('transpose', [source], { perm: total }, maker ?? reader, origin ? origin.next : begin);
          // Transposes that are there already share it.
          for (const use of source.uses) {
            const same = use.user.graph === reader.graph ? movingPermOf(use.user) : undefined;
            if (same && samePerm(same, total) && use.user.y !== out) g.replace(use.user.y, out);
          }
        }
      }
      made.set(value, out);
      return out;
    };
    for (const node of flipped) {
      const product = pointwiseAt(node, perm);
      const how = product ? { attrs: {}, same: false } : moved(node, perm);
      if (!how) return;
      const first = product
        ? asPointwise(g, product, other(product.x, node))
        : g.node(
            node.op.name,
            node.operands.map((value) => value && other(value, node)),
            how.attrs,
            node,
            node,
          );
      const results = first.producer?.results ?? [];
      for (const [i, y] of node.results.entries()) {
        const fresh = results[i];
        if (!fresh) continue;
        if (how.same) {
          g.replace(y, fresh);
          continue;
        }
        made.set(y, fresh);
        let wanted = y.outputs > 0;
        for (const use of y.uses) {
          if (chosen.has(use.user)) continue;
          const q = borderPerm(use.user, node, region);
          if (!q) {
            wanted = true;
            continue;
          }
          const total = composed(perm, q);
          g.replace(use.user.y, isIdentity(total) ? fresh : g.node('transpose', [fresh], { perm: total }, use.user, use.user));
        }
        if (wanted) g.replace(y, g.node('transpose', [fresh], { perm }, node, node));
      }
    }
  },
});
