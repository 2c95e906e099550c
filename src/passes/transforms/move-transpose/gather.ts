/**
 * The heads of detectors (SSD, Liu et al. 2016): every one is transposed to channels last, flattened and joined with the others.
 * One Gather over everything says the same in fewer nodes.
 */

import { outside } from '../../../diagnostics/at.ts';
import type { Node, Value } from '../../../ir/graph.ts';
import { elementCount, staticDims } from '../../../ir/types.ts';
import { literal } from '../../../tensor/leaves.ts';
import { sessionOf } from '../../../tensor/session.ts';
import { permOf } from '../../analysis/perm.ts';
import { joinedAxis } from '../../analysis/pieces.ts';
import { producerIn, soleReader } from '../../analysis/uses.ts';
import { op } from '../../engine/pattern.ts';
import { rule } from '../../engine/rule.ts';

interface Part {
  readonly reshape: Node;
  readonly transpose: Node;
}

interface Parts {
  readonly concat: Node;
  readonly parts: readonly Part[];
}

const sizesOf = (value: Value): readonly number[] => staticDims(value.type) ?? [];

/** Where each element of transpose(x; perm) lies in x, both row-major. */
function placesOf(dims: readonly number[], perm: readonly number[]): readonly number[] {
  const strides = dims.map((_, axis) => elementCount(dims.slice(axis + 1)));
  let places: readonly number[] = [0];
  for (const axis of perm) {
    const step = strides[axis] ?? outside();
    const along = Array.from({ length: dims[axis] ?? 1 }, (_, i) => i * step);
    places = places.flatMap((place) => along.map((offset) => place + offset));
  }
  return places;
}

/** Elements of an index; beyond, it would cost more bytes than nodes are worth. */
const mostIndices = 65536;

export const gatherParts = rule({
  name: 'move-transpose/gather',
  doc: `Joins first and moves the elements once.

  concat(reshape(transpose(x; p)), reshape(transpose(y; q)))  →  gather(concat(flat(x), flat(y)), i)

i has the shape of the result and holds, for every element of it, where it lies in the joined vector.

Exact when
  static      every size is known, because i is a constant
  one-reader  the transposes and reshapes are read by the next alone, and are no outputs
  outermost   every axis before the joined one has size 1, so that the operands follow one another in memory
  bounded     i has at most ${mostIndices} elements
Rounding: none.
Fewer kernels for a runtime to launch, but i is stored (4 bytes an element) and a CPU gathers more slowly than it transposes (7 % of a small detector): only where
asked for (-O2), and not for CPUs.`,
  lowers: false,
  match: op('concat', 'concat', op('reshape', 'first', op('transpose', 'moved'))).view(({ concat }): Parts | undefined => {
    const parts: Part[] = [];
    for (const operand of concat.operands) {
      const reshape = producerIn(operand, concat);
      const transpose = reshape?.op.name === 'reshape' ? producerIn(reshape.x, concat) : undefined;
      if (!reshape || transpose?.op.name !== 'transpose') return undefined;
      parts.push({ reshape, transpose });
    }
    return parts.length > 1 ? { concat, parts } : undefined;
  }),
  exact: {
    static: ({ concat, parts }) => [concat.y, ...parts.map((part) => part.transpose.x)].every((one) => staticDims(one.type)),
    'one-reader': ({ concat, parts }) =>
      parts.every(({ reshape, transpose }) => soleReader(reshape.y) === concat && soleReader(transpose.y) === reshape),
    outermost: ({ concat }) =>
      sizesOf(concat.y)
        .slice(0, joinedAxis(concat))
        .every((size) => size === 1),
    bounded: ({ concat }) => elementCount(sizesOf(concat.y)) <= mostIndices,
  },
  rewrite({ concat, parts }, g) {
    const places: number[] = [];
    const vectors = parts.map(({ reshape, transpose }) => {
      const dims = sizesOf(transpose.x);
      const start = places.length;
      for (const place of placesOf(dims, permOf(transpose))) places.push(start + place);
      return g.node('reshape', [transpose.x], { shape: [elementCount(dims)] }, reshape);
    });
    const joined = g.node('concat', vectors, { axis: 0 }, concat);
    const index = literal(sessionOf(concat.graph), { elem: 'i32', dims: sizesOf(concat.y), data: Float64Array.from(places) });
    g.replace(concat.y, g.node('gather', [joined, g.constant(index, 'constant', undefined)], { axis: 0 }, concat));
  },
});
