/**
 * Folds what scales and shifts channels into a linear operator on the other side of operators that only give the elements other
 * places, or average them: a batchnorm in front of a flattened classifier (ArcFace, arXiv:1801.07698), of a pooled one
 * (ConvMixer, arXiv:2201.09792), of tokens that are projected thrice, or behind a projection that is then given a grid (DCGAN,
 * arXiv:1511.06434).
 *
 * Along one axis of size S the channel of element i is ⌊i / R⌋ mod C. A transpose moves the axis. A reshape keeps the order of
 * the elements: with I elements behind the axis, the channel of element number n is ⌊n / (I·R)⌋ mod C, so that an axis with I'
 * elements behind it is another such axis where I'·R' = I·R and C·R' divides its size. A mean over other axes drops them, or
 * keeps them at one place; its weights sum to 1, so that a shift passes like a scale.
 */

import { type Dim, productOf } from '../../../ir/dim.ts';
import type { Node, Value } from '../../../ir/graph.ts';
import { boolAttr } from '../../../ops/attrs.ts';
import * as w from '../../../tensor/algebra.ts';
import { type Affine, arithmeticOperators } from '../../analysis/affine.ts';
import {
  type Folded,
  foldInputs,
  foldOutputs,
  hasConstantWeights,
  inputAxis,
  type LinearView,
  linearView,
  normalFold,
  outputAxis,
  takesShift,
} from '../../analysis/linear.ts';
import { operatorSet } from '../../analysis/operators.ts';
import { permOf } from '../../analysis/perm.ts';
import { countsNoPadding, isView, reducedAxesOf } from '../../analysis/shapes.ts';
import { bytesFreed, copyIsFree, producerIn, soleReader } from '../../analysis/uses.ts';
import { any, constant, either, oneOf, op } from '../../engine/pattern.ts';
import { rule } from '../../engine/rule.ts';
import { rebuild } from '../rebuild.ts';
import { type Channels, channelsOf } from './channels.ts';

/** A longer way than this between the channels and the weights is not searched. */
const chainLimit = 8;

/** Which axis says the channel of an element, and how many neighbours along it are of one channel. */
interface Place {
  readonly axis: number;
  readonly repeat: number;
}

/** Where the channels lie on the other side of a view whose sides have these shapes; the view is no transpose. */
function reshapedPlace(from: readonly Dim[], to: readonly Dim[], place: Place, count: number): Place | undefined {
  const behind = productOf(from.slice(place.axis + 1));
  for (const [axis, size] of to.entries()) {
    const inner = productOf(to.slice(axis + 1));
    const repeat =
      inner === behind
        ? place.repeat
        : inner.constant && behind.constant !== undefined
          ? (behind.constant * place.repeat) / inner.constant
          : 0;
    const whole = size.constant ?? 0;
    if (Number.isInteger(repeat) && repeat > 0 && whole > 0 && whole % (count * repeat) === 0) return { axis, repeat };
  }
  return undefined;
}

const averaging = operatorSet('average', ['reduce_mean', 'avgpool', 'global_avgpool']);

const passes = (node: Node): boolean => isView(node) || averaging.names.has(node.op.name);

/** Weights of every average between sum to 1: no zeros of a padding are counted. */
const areAverages = (chain: readonly Node[]): boolean => chain.every((node) => isView(node) || countsNoPadding(node));

/** Where the channels lie on the other side of an average over other axes. */
function averagedPlace(node: Node, { axis, repeat }: Place, up: boolean): Place | undefined {
  if (node.op.name !== 'reduce_mean') return axis < 2 ? { axis, repeat } : undefined;
  const reduced = reducedAxesOf(node);
  const kept = node.x.type.dims.flatMap((_, i) => (reduced.includes(i) ? [] : [i]));
  if (boolAttr(node.attrs, 'keepdims')) return kept.includes(axis) ? { axis, repeat } : undefined;
  const other = up ? (kept[axis] ?? -1) : kept.indexOf(axis);
  return other < 0 ? undefined : { axis: other, repeat };
}

/** The place in the operand of a view or an average of what is at `place` in its result, or the other way round. */
function placeThrough(view: Node, place: Place, count: number, up: boolean): Place | undefined {
  if (averaging.names.has(view.op.name)) return averagedPlace(view, place, up);
  if (view.op.name === 'transpose') {
    const perm = permOf(view);
    const axis = up ? perm[place.axis] : perm.indexOf(place.axis);
    return axis === undefined ? undefined : { ...place, axis };
  }
  const [x, y] = [view.x.type.dims, view.y.type.dims];
  return up ? reshapedPlace(y, x, place, count) : reshapedPlace(x, y, place, count);
}

/** A vector of channels as one element per output or input of the linear operator. */
function spreadOver(vector: w.WeightExpr | undefined, place: Place | undefined, size: number): w.WeightExpr | undefined {
  if (!vector || vector.count === 1) return vector;
  if (!place) return undefined;
  const blocks = size / (vector.count * place.repeat);
  if (!Number.isInteger(blocks)) return undefined;
  if (blocks === 1 && place.repeat === 1) return vector;
  const ones = w.fullLike(vector, [blocks, 1, place.repeat], 1);
  return w.reshape(w.mul(ones, w.reshape(vector, [1, vector.count, 1])), [size]);
}

interface Far {
  readonly channels: Channels;
  readonly linear: LinearView;
  /** The views and averages between, from the channels on. */
  readonly chain: readonly Node[];
}

interface Readers {
  readonly channels: Channels;
  /** Undefined where a reader is none. */
  readonly ends: readonly (Far | undefined)[];
}

/** The vectors at the linear operator's axis. */
function vectorsAt({ channels, linear, chain }: Far, up: boolean): Affine | undefined {
  let place: Place | undefined = { axis: channels.axis, repeat: 1 };
  for (const view of chain) place = place && placeThrough(view, place, channels.count, up);
  const axis = up ? outputAxis(linear) : inputAxis(linear);
  const size = up ? linear.outputs : linear.inputs;
  if (channels.count > 1 && place?.axis !== axis) return undefined;
  const scale = spreadOver(channels.scale, place, size);
  const shift = spreadOver(channels.shift, place, size);
  if ((channels.scale && !scale) || (channels.shift && !shift)) return undefined;
  return { scale, shift };
}

function foldedUp(m: Far): Folded | undefined {
  const at = vectorsAt(m, true);
  return at && foldOutputs(m.linear, at);
}

function foldedDown(m: Far): Folded | undefined {
  const at = vectorsAt(m, false);
  return at && foldInputs(m.linear, at);
}

function isNormalFold(linear: LinearView, folded: Folded | undefined): boolean {
  return folded !== undefined && normalFold(linear, folded);
}

/** What the vectors of a batchnorm take that go with it. */
function freed({ channels }: Far): number {
  return bytesFreed(channels.node.operands.slice(1), channels.node);
}

const scaling = oneOf(op('batchnorm', 'node'), either(arithmeticOperators, 'node', any('x'), constant('c')));

export const foldOverViewsUp = rule({
  name: 'fold-affine/over-views-into-linear',
  doc: `Folds a batchnorm, or arithmetic with a constant, into the linear operator before it, over reshapes, transposes and averages.

  s·view(W·x + b) + t  →  view((s'·W)·x + (s'·b + t'))      s', t': the channels of the view along the operator's outputs

Exact when
  one-reader    each node between is read by the next alone, and none is an output
  average       a mean or a pool between counts no zeros of a padding, so that its weights sum to 1
  constant      the weights are constants
  channels      the channels lie along the operator's output axis before the views, each perhaps on several neighbouring outputs; or there is but
                one element; and nothing is widened
  normal        s is finite; s'·W and the new bias stay in the normal range of the element type (see *Range*)
  weight-copy   nobody else reads W, or the copy is smaller than what goes
Rounding: in float64, rounded once.
Source: Jacob et al. 2018, arXiv:1712.05877, §3.2; reshapes keep the row-major order (see the head of the file).`,
  match: scaling.view(({ node }): Far | undefined => {
    const channels = channelsOf(node);
    if (!channels) return undefined;
    const chain: Node[] = [];
    let top = producerIn(channels.x, node);
    for (; top && passes(top) && chain.length < chainLimit; top = producerIn(top.x, top)) chain.push(top);
    const linear = linearView(top);
    return linear && chain.length > 0 ? { channels, linear, chain } : undefined;
  }),
  exact: {
    'one-reader': ({ linear, chain }) => [linear.node, ...chain].every((node) => soleReader(node.y) !== undefined),
    average: ({ chain }) => areAverages(chain),
    constant: ({ linear }) => hasConstantWeights(linear),
    channels: (m) => vectorsAt(m, true) !== undefined,
    normal: (m) => isNormalFold(m.linear, foldedUp(m)),
    'weight-copy': (m) => !m.channels.scale || copyIsFree(m.linear.weight, m.linear.node, freed(m)),
  },
  rewrite(m, g) {
    const folded = foldedUp(m);
    if (!folded) return;
    let value = rebuild(g, m.linear, { weight: folded.weight, bias: folded.bias });
    for (const view of [...m.chain].reverse()) value = g.node(view.op.name, [value], view.attrs, view);
    g.replace(m.channels.node.y, value);
  },
});

/** More ends than this are left alone. */
const endLimit = 256;

/** All that reads the channels, over views and averages: linear operators, or undefined for what is none. */
function endsOf(channels: Channels): readonly (Far | undefined)[] {
  const ends: (Far | undefined)[] = [];
  const open: { readonly value: Value; readonly chain: readonly Node[] }[] = [{ value: channels.node.y, chain: [] }];
  for (const { value, chain } of open) {
    const tooMany = ends.length + open.length + value.uses.size > endLimit;
    if (value.outputs > 0 || value.uses.size === 0 || tooMany) ends.push(undefined);
    if (tooMany) continue;
    for (const { user, index } of value.uses) {
      const reads = index === 0 && user.graph === channels.node.graph;
      const linear = reads ? linearView(user) : undefined;
      if (reads && !linear && passes(user) && chain.length < chainLimit) open.push({ value: user.y, chain: [...chain, user] });
      else ends.push(linear && { channels, linear, chain });
    }
  }
  return ends;
}

/** It would get a bias that no operator has room for, and that is added by one of its own. */
const wantsSum = ({ channels, linear }: Far): boolean => channels.shift !== undefined && !linear.bias && inputAxis(linear) > 1;

const every = (ends: Readers['ends'], holds: (end: Far) => boolean): boolean =>
  ends.every((end) => end !== undefined && holds(end));

export const foldOverViewsDown = rule({
  name: 'fold-affine/over-views-into-readers',
  doc: `Folds a batchnorm, or arithmetic with a constant, into the linear operators behind it, over reshapes, transposes and averages.

  W·view(s·x + t) + b  →  (W·s')·view(x) + (W·t' + b)      s', t': the channels along the operator's inputs

Exact when
  every-reader  behind it stand views, averages and linear operators that read them as their data, and nothing between is an output
  average       a mean or a pool between counts no zeros of a padding, so that its weights sum to 1
  constant      the weights are constants
  channels      the channels lie along the operators' input axes behind the views, each perhaps on several neighbouring inputs; or there is but one
                element; and nothing is widened
  shift         it does not shift, or no operator pads and none is a transposed conv
  sums          where it shifts, at most one product of more than two axes has no bias yet: it gets a sum of its own
  normal        s and t are finite; W·s' and the new bias stay in the normal range of the element type (see *Range*)
  weight-copy   nobody else reads W, or the copies are smaller than what goes
Rounding: in float64, rounded once.
Source: the equation; reshapes keep the row-major order (see the head of the file).`,
  match: scaling.view(({ node }): Readers | undefined => {
    const channels = channelsOf(node);
    const ends = channels ? endsOf(channels) : [];
    return channels && ends.some((end) => end && end.chain.length > 0) ? { channels, ends } : undefined;
  }),
  exact: {
    'every-reader': ({ ends }) => every(ends, () => true),
    average: ({ ends }) => every(ends, ({ chain }) => areAverages(chain)),
    constant: ({ ends }) => every(ends, ({ linear }) => hasConstantWeights(linear)),
    channels: ({ ends }) => every(ends, (end) => vectorsAt(end, false) !== undefined),
    shift: ({ channels, ends }) => !channels.shift || every(ends, ({ linear }) => takesShift(linear)),
    sums: ({ ends }) => ends.filter((end) => end && wantsSum(end)).length <= 1,
    normal: ({ ends }) => every(ends, (end) => isNormalFold(end.linear, foldedDown(end))),
    'weight-copy': ({ channels, ends }) =>
      !channels.scale || every(ends, (end) => copyIsFree(end.linear.weight, end.linear.node, freed(end) / ends.length)),
  },
  rewrite({ channels, ends }, g) {
    const made = new Map<Node, Value>();
    for (const end of ends) {
      const folded = end && foldedDown(end);
      if (!folded) continue;
      let value = channels.x;
      for (const view of end.chain) {
        value = made.get(view) ?? g.node(view.op.name, [value], view.attrs, view, view);
        made.set(view, value);
      }
      const { linear } = end;
      // Where the linear operator stands: its bias may come behind the channels.
      g.replace(linear.node.y, rebuild(g, linear, { x: value, weight: folded.weight, bias: folded.bias, before: linear.node }));
    }
  },
});
