/** Arithmetic with constants into the linear operators that read it: input normalisation. */

import { sameType } from '../../../ir/types.ts';
import { type Arithmetic, arithmeticOperators, arithmeticView } from '../../analysis/affine.ts';
import {
  type Folded,
  foldInputs,
  hasConstantWeights,
  inputAxis,
  type LinearView,
  linearReaders,
  normalFold,
  takesShift,
} from '../../analysis/linear.ts';
import { copyIsFree } from '../../analysis/uses.ts';
import { any, constant, either } from '../../engine/pattern.ts';
import { rule } from '../../engine/rule.ts';
import { rebuild } from '../rebuild.ts';
import { endsGelu } from '../recognize/activation.ts';
import { vectorsOf } from './channels.ts';

interface Behind {
  readonly arithmetic: Arithmetic;
  /** Undefined where a reader is none. */
  readonly readers: readonly (LinearView | undefined)[];
}

function foldedBehind(arithmetic: Arithmetic, reader: LinearView): Folded | undefined {
  const vectors = vectorsOf(arithmetic, inputAxis(reader), reader.inputs);
  return vectors && foldInputs(reader, vectors);
}

export const foldAffineIntoReaders = rule({
  name: 'fold-affine/into-readers',
  doc: `Folds arithmetic with a constant into the linear operators that read it.

  W·(s·x + t) + b  →  (W·s)·x + (W·t + b)

Exact when
  every-reader   every reader is a linear operator that reads it as its data, and it is no output
  constant       every reader's weights are constants
  channels       the constant has one element, or one per input channel along the channels' axis, and does not widen the shape
  shift          it does not shift, or no reader pads and none is a transposed conv
  normal         s and t are finite; W·s and the new bias stay in the normal range of the element type (see *Range*)
  weight-copy    nobody else reads a reader's W, or only readers that fold as well
  activation     it is not the last product of a GELU that is spelled out: runtimes run the whole as one operator
Rounding: in float64, rounded once.
Source: the equation.`,
  match: either(arithmeticOperators, 'node', any('x'), constant('c')).view(({ node }): Behind | undefined => {
    const arithmetic = arithmeticView(node);
    const readers = arithmetic && linearReaders(node);
    return readers && { arithmetic, readers };
  }),
  exact: {
    'every-reader': ({ readers }) => readers.every((r) => r !== undefined),
    constant: ({ readers }) => readers.every((r) => r !== undefined && hasConstantWeights(r)),
    channels: ({ arithmetic, readers }) =>
      sameType(arithmetic.node.y.type, arithmetic.x.type) &&
      readers.every((r) => r !== undefined && foldedBehind(arithmetic, r) !== undefined),
    shift: ({ arithmetic, readers }) => !arithmetic.shift || readers.every((r) => r !== undefined && takesShift(r)),
    normal: ({ arithmetic, readers }) =>
      readers.every((r) => {
        const folded = r && foldedBehind(arithmetic, r);
        return r !== undefined && folded !== undefined && normalFold(r, folded);
      }),
    'weight-copy': ({ arithmetic, readers }) =>
      !arithmetic.scale ||
      readers.every(
        (r) =>
          r !== undefined &&
          copyIsFree(r.weight, r.node, 0, (other) => readers.some((one) => one?.node === other && one.kind === r.kind)),
      ),
    activation: ({ arithmetic }) => !endsGelu(arithmetic.node),
  },
  rewrite({ arithmetic, readers }, g) {
    for (const reader of readers) {
      const folded = reader && foldedBehind(arithmetic, reader);
      if (!folded) continue;
      const value = rebuild(g, reader, { x: arithmetic.x, weight: folded.weight, bias: folded.bias, before: reader.node });
      g.replace(reader.node.y, value);
    }
  },
});
