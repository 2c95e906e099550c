/** Windows written out, im2col: torch.nn.Unfold. It becomes Pad-13, a Gather-13 for each spatial axis, and a rearrangement. */
import { Dim } from '../ir/dim.ts';
import type { Value } from '../ir/graph.ts';
import { given } from './attrs.ts';
import { defineLayer, type LayerBuilder } from './define.ts';
import { add } from './elementwise.ts';
import { gather } from './gather.ts';
import { range } from './generate.ts';
import { int, padding, perAxis, size } from './params.ts';
import { type Atom, type AtomGroup, relayout } from './relayout.ts';
import { padded } from './same.ts';
import { spatialAxes, spreadAxes, spreadPads, windowGrid } from './window.ts';

/** The largest table of places that is written out. */
const listLimit = 4096;

/** Place t·dilation + i·stride for tap t of window i: [taps, windows]. */
function places(b: LayerBuilder, taps: number, windows: Dim, stride: number, dilation: number): Value {
  const count = windows.constant;
  if (count !== undefined && count * taps <= listLimit) {
    const data = Float64Array.from({ length: taps * count }, (_, i) => Math.floor(i / count) * dilation + (i % count) * stride);
    return b.constant({ elem: 'i64', dims: [taps, count], data });
  }
  const starts = b.op(range, [], { start: [Dim.zero], end: [windows.times(stride)], step: stride });
  const offsets = b.constant({ elem: 'i64', dims: [taps, 1], data: Float64Array.from({ length: taps }, (_, t) => t * dilation) });
  return b.op(add, [offsets, starts]);
}

/** torch.nn.Unfold over a grid of any rank. */
export const unfoldLayer = defineLayer({
  name: 'unfold',
  summary: 'Every window of the grid as a column: [N, C, H, W] becomes [N, C · kernel, windows]',
  source: 'torch.nn.Unfold (im2col); not the method unfold of a tensor',
  family: 'Shapes',
  params: {
    kernel: size({ positional: true, doc: 'extent of a window, as in `3x3`' }),
    stride: perAxis({ default: [1], min: 1, doc: 'step between windows' }),
    dilation: perAxis({ default: [1], min: 1, doc: 'distance between taps' }),
    pad: padding({ text: '0', doc: 'zeros per side' }),
  },
  build(b: LayerBuilder, [x], p) {
    const axes = spatialAxes(b, x, 'unfold');
    const [kernel, stride, dilation] = [
      spreadAxes(b, 'kernel', p.kernel, x),
      spreadAxes(b, 'stride', p.stride, x),
      spreadAxes(b, 'dilation', p.dilation, x),
    ];
    const pads = spreadPads(b, p.pad ?? [0], x);
    const windows = windowGrid(x.type, { kernel, stride, dilation, pads }, b.check, 'l4');
    let whole = pads.every((n) => n === 0) ? x : padded(b, x, pads, 0);
    const [batch, channels] = [0, 1].map((i): Atom => ({ name: `${i}`, dim: given(x.type.dims, i) }));
    const groups: AtomGroup[] = [batch ? [batch] : [], channels ? [channels] : []];
    const [taps, steps]: [Atom[], Atom[]] = [[], []];
    for (let i = 0; i < axes; i++) {
      const [k, s, d] = [given(kernel, i), given(stride, i), given(dilation, i)];
      const axis = groups.length;
      const [count, extent] = [given(windows, i), given(whole.type.dims, axis)];
      // Windows beside each other are the axis itself, taken apart.
      const apart = (s === k && d === 1 && count.times(k) === extent) || (k === 1 && s === 1);
      if (!apart) whole = b.op(gather, [whole, places(b, k, count, s, d)], { axis });
      const tap: Atom = { name: `tap ${i}`, dim: Dim.of(k) };
      // Of a grid that may be smaller than a window the places are none, not less.
      const step: Atom = { name: `step ${i}`, dim: apart ? count : given(whole.type.dims, axis + 1) };
      taps.push(tap);
      steps.push(step);
      groups.push(...(apart ? [[step, tap]] : [[tap], [step]]));
    }
    return relayout(b, whole, groups, [groups[0] ?? [], [...(groups[1] ?? []), ...taps], steps]);
  },
});

/** torch.nn.ChannelShuffle. */
export const channelShuffleLayer = defineLayer({
  name: 'channel_shuffle',
  summary: 'Takes one channel of every group in turn, so that groups mix',
  source: 'torch.nn.ChannelShuffle; Zhang et al. 2018 (ShuffleNet)',
  family: 'Shapes',
  params: { groups: int({ positional: true, min: 1, doc: 'how many groups there are; they divide the channels' }) },
  build(b: LayerBuilder, [x], p) {
    spatialAxes(b, x, 'channel_shuffle');
    const all = given(x.type.dims, 1);
    const part = all.divideExactly(p.groups);
    b.check('l4', part !== undefined, `${all} channels in ${p.groups} groups`, `a multiple of ${p.groups}`);
    const atoms = x.type.dims.map((dim, i): Atom => ({ name: `${i}`, dim }));
    const [group, channel]: [Atom, Atom] = [
      { name: 'group', dim: Dim.of(p.groups) },
      { name: 'channel', dim: part },
    ];
    const others = (channels: AtomGroup): readonly AtomGroup[] => atoms.map((atom, i) => (i === 1 ? channels : [atom]));
    return relayout(b, x, others([group, channel]), others([channel, group]));
  },
});
