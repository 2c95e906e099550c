/** Cuts go before pads of other axes, so that less is written. */

import { sameType } from '../../../ir/types.ts';
import { dimsAttr } from '../../../ops/attrs.ts';
import { sliceAxes } from '../../../ops/slice-axes.ts';
import { soleReader } from '../../analysis/uses.ts';
import { op } from '../../engine/pattern.ts';
import { rule } from '../../engine/rule.ts';

export const sliceBeforePad = rule({
  name: 'simplify/slice-before-pad',
  doc: `Cuts before it pads, where these are other axes.

  pad(x; channels)[…, ::s, ::s]  →  pad(x[…, ::s, ::s]; channels)

Exact when
  other-axes   no axis is both cut and padded
  one-reader   only the slice reads the pad, which is no output
  smaller      no axis is cut to more than it has, and one to less
Rounding: none.`,
  match: op('slice', 'slice', op('pad', 'pad')),
  exact: {
    'other-axes': ({ slice, pad }) => {
      const pads = dimsAttr(pad.attrs, 'pads');
      const rank = pads.length / 2;
      return sliceAxes(slice).every(({ axis }) => pads[axis]?.constant === 0 && pads[axis + rank]?.constant === 0);
    },
    'one-reader': ({ slice, pad }) => soleReader(pad.y) === slice,
    smaller: ({ slice }) =>
      slice.y.type.dims.every((d, i) => d.atMost(slice.x.type.dims[i] ?? d) === 'yes') && !sameType(slice.y.type, slice.x.type),
  },
  rewrite({ slice, pad }, g) {
    g.replace(slice.y, g.node('pad', [g.node('slice', [pad.x], slice.attrs, slice)], pad.attrs, pad, slice));
  },
});
