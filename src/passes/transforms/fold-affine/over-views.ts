/**
 * Folds what scales and shifts channels into a linear operator on the other side of operators that only give the elements other
 * places: a batchnorm in front of a flattened classifier (ArcFace, arXiv:1801.07698), or behind a projection that is then given a
 * grid (DCGAN, arXiv:1511.06434).
 *
 * Along one axis of size S the channel of element i is ⌊i / R⌋ mod C. A transpose moves the axis. A reshape keeps the order of
 * the elements: with I elements behind the axis, the channel of element number n is ⌊n / (I·R)⌋ mod C, so that an axis with I'
 * elements behind it is another such axis where I'·R' = I·R and C·R' divides its size.
 */

import { type Dim, productOf } from '../../../ir/dim.ts';
import type { Node } from '../../../ir/graph.ts';
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
import { permOf } from '../../analysis/perm.ts';
import { isView } from '../../analysis/shapes.ts';
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

/** The place in a view's operand of what is at `place` in its result, or the other way round. */
function placeThrough(view: Node, place: Place, count: number, up: boolean): Place | undefined {
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
  /** The views between, from the channels on. */
  readonly chain: readonly Node[];
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
  doc: `Folds a batchnorm, or arithmetic with a constant, into the linear operator before it, over reshapes and transposes.

  s·view(W·x + b) + t  →  view((s'·W)·x + (s'·b + t'))      s', t': the channels of the view along the operator's outputs

Exact when
  one-reader    each node between is read by the next alone, and none is an output
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
    for (; top && isView(top) && chain.length < chainLimit; top = producerIn(top.x, top)) chain.push(top);
    const linear = linearView(top);
    return linear && chain.length > 0 ? { channels, linear, chain } : undefined;
  }),
  exact: {
    'one-reader': ({ linear, chain }) => [linear.node, ...chain].every((node) => soleReader(node.y) !== undefined),
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

export const foldOverViewsDown = rule({
  name: 'fold-affine/over-views-into-reader',
  doc: `Folds a batchnorm, or arithmetic with a constant, into the linear operator behind it, over reshapes and transposes.

  W·view(s·x + t) + b  →  (W·s')·view(x) + (W·t' + b)      s', t': the channels along the operator's inputs

Exact when
  one-reader    each node between is read by the next alone, and none is an output
  constant      the weights are constants
  channels      the channels lie along the operator's input axis behind the views, each perhaps on several neighbouring inputs; or there is but one
                element; and nothing is widened
  shift         it does not shift, or the operator does not pad and is no transposed conv
  normal        s and t are finite; W·s' and the new bias stay in the normal range of the element type (see *Range*)
  weight-copy   nobody else reads W, or the copy is smaller than what goes
Rounding: in float64, rounded once.
Source: the equation; reshapes keep the row-major order (see the head of the file).`,
  match: scaling.view(({ node }): Far | undefined => {
    const channels = channelsOf(node);
    if (!channels) return undefined;
    const chain: Node[] = [];
    let value = node.y;
    let reader = soleReader(value);
    for (; reader && isView(reader) && chain.length < chainLimit; reader = soleReader(value)) {
      chain.push(reader);
      value = reader.y;
    }
    // Somebody else may read the value beside the linear operator: a refusal, so that it is said.
    const reading = [...value.uses].find((use) => use.index === 0 && use.user.graph === node.graph && linearView(use.user));
    const linear = linearView(reading?.user);
    return linear && chain.length > 0 ? { channels, linear, chain } : undefined;
  }),
  exact: {
    'one-reader': ({ channels, linear, chain }) =>
      [channels.node, ...chain].every((node) => soleReader(node.y) !== undefined) && soleReader(linear.x) === linear.node,
    constant: ({ linear }) => hasConstantWeights(linear),
    channels: (m) => vectorsAt(m, false) !== undefined,
    shift: ({ channels, linear }) => !channels.shift || takesShift(linear),
    normal: (m) => isNormalFold(m.linear, foldedDown(m)),
    'weight-copy': (m) => !m.channels.scale || copyIsFree(m.linear.weight, m.linear.node, freed(m)),
  },
  rewrite(m, g) {
    const folded = foldedDown(m);
    if (!folded) return;
    // Where the linear operator stands: its bias may come behind the channels.
    let value = m.channels.x;
    for (const view of m.chain) value = g.node(view.op.name, [value], view.attrs, view, view);
    g.replace(
      m.linear.node.y,
      rebuild(g, m.linear, { x: value, weight: folded.weight, bias: folded.bias, before: m.linear.node }),
    );
  },
});
