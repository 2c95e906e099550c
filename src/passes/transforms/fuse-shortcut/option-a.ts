/** Option A (He et al. 2015, arXiv:1512.03385, §3.3) as what runtimes are fast at. */

import { at, outside } from '../../../diagnostics/at.ts';
import { bug } from '../../../diagnostics/diagnostic.ts';
import { knownSize } from '../../../ir/dim.ts';
import type { Node } from '../../../ir/graph.ts';
import * as w from '../../../tensor/algebra.ts';
import { sessionOf } from '../../../tensor/session.ts';
import { unitMatrix } from '../../analysis/linear.ts';
import { subsampleOf, zeroPads } from '../../analysis/shapes.ts';
import { soleReader } from '../../analysis/uses.ts';
import { op } from '../../engine/pattern.ts';
import { rule } from '../../engine/rule.ts';

interface OptionA {
  readonly slice: Node;
  readonly step: readonly number[];
  readonly pad: Node | undefined;
}

/** A slice of every s-th place, and the padding of channels with zeros that alone reads it. */
function optionA({ slice }: { readonly slice: Node }): OptionA | undefined {
  const step = subsampleOf(slice);
  if (!step) return undefined;
  const reader = soleReader(slice.y);
  const pads = reader && zeroPads(reader);
  return { slice, step, pad: pads ? reader : undefined };
}

function channelPads(pad: Node): readonly [begin: number, end: number] | undefined {
  const pads = zeroPads(pad);
  if (!pads) return undefined;
  const rank = pads.length / 2;
  if (pads.some((n, i) => n < 0 || (n !== 0 && i % rank !== 1))) return undefined;
  return [pads[1] ?? outside(), pads[rank + 1] ?? outside()];
}

function feedsSum({ slice, pad }: OptionA): boolean {
  const { uses } = (pad ?? slice).y;
  return uses.size > 0 && uses.size <= 16 && [...uses].some((use) => use.user.op.name === 'add');
}

/** Kernels of more elements are not made: the product would cost more than it saves. */
const kernelLimit = 1024 * 1024;

export const optionAConv = rule({
  name: 'fuse-shortcut/option-a-conv',
  doc: `Makes option A (every s-th place, new channels zero) a strided pointwise conv with a kernel of zeros and ones.

  pad(x[:, :, ::s, ::s]; channels)  →  conv1x1(x; W, stride s),   W[begin + c, c] = 1, all else 0

Only the pad reads the slice, which is no output.
Exact when
  channels    zeros are padded along the channels alone, and how many channels there are is known
  feeds-sum   a sum reads it
  small       the kernel has at most 2^20 elements
0 · v is 0 because v is finite. Rounding: none. For a CPU, where the runtime fuses it (9 to 11 % of ResNet-20).
Source: He et al. 2015, arXiv:1512.03385, §3.3, option A.`,
  lowers: false,
  match: op('slice', 'slice').view((m) => {
    const found = optionA(m);
    return found?.pad && { ...found, pad: found.pad };
  }),
  exact: {
    channels: ({ pad, slice }) => channelPads(pad) !== undefined && slice.x.type.dims[1]?.constant !== undefined,
    'feeds-sum': feedsSum,
    small: ({ slice, pad }) =>
      (slice.x.type.dims[1]?.constant ?? Infinity) * (pad.y.type.dims[1]?.constant ?? Infinity) <= kernelLimit,
  },
  rewrite({ slice, step, pad }, g) {
    const [begin, end] = channelPads(pad) ?? bug('a pad that pads more than channels');
    const channels = knownSize(at(slice.x.type.dims, 1));
    const unit = w.pad(unitMatrix(sessionOf(slice.graph), slice.x.type.elem, channels), [begin, 0], [end, 0]);
    const kernel = w.reshape(unit, [begin + channels + end, channels, ...step.map(() => 1)]);
    const weight = g.constant(kernel, 'constant', `${pad.origin.scope}.option_a`);
    // Before the pad: the conv takes the place of both.
    g.replace(pad.y, g.node('conv', [slice.x, weight], { stride: step }, pad, pad));
  },
});

export const optionAPool = rule({
  name: 'fuse-shortcut/option-a-pool',
  doc: `Makes the sub-sampling of option A a max pool with a window of one.

  x[:, :, ::s, ::s]  →  maxpool(x; kernel 1, stride s)

Exact when
  feeds-sum   a sum reads it, through the padding of channels or directly
  float       the elements are floats, which every provider pools
Rounding: none. ⌈H/s⌉ = ⌊(H − 1)/s⌋ + 1.
Source: He et al. 2015, arXiv:1512.03385, §3.3, option A.`,
  lowers: false,
  match: op('slice', 'slice').view(optionA),
  exact: {
    'feeds-sum': feedsSum,
    float: ({ slice }) => ['f32', 'f16', 'f64'].includes(slice.x.type.elem),
  },
  rewrite({ slice, step }, g) {
    g.replace(slice.y, g.node('maxpool', [slice.x], { kernel: step.map(() => 1), stride: step }, slice));
  },
});
