/**
 * `pad="same"`: as many windows as ⌈L / s⌉, with L elements and a stride of s. TensorFlow's padding of that name, ONNX's auto_pad
 * SAME_UPPER; for windows of extent e = (k − 1)·d + 1,
 *   total = max((⌈L / s⌉ − 1)·s + e − L, 0),   ⌊total / 2⌋ in front and the rest behind, "same_lower" the other way round.
 * A transposed convolution goes back from ⌈L / s⌉ to L = s·⌈L / s⌉: it cuts max(e − s, 0) in all, and adds max(s − e, 0) behind.
 */
import { outside } from '../diagnostics/at.ts';
import { Dim, knownSizes } from '../ir/dim.ts';
import type { Value } from '../ir/graph.ts';
import type { LayerBuilder } from './define.ts';
import { pad } from './pad.ts';
import type { OpenPadding, Padding, PaddingWord } from './params.ts';
import { spreadPads, windowExtent } from './window.ts';

interface Stepping {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
}

/** Begins, then ends, of totals. */
function halves(word: PaddingWord, totals: readonly Dim[]): readonly Dim[] {
  const small = totals.map((total) => total.floordiv(2));
  const large = totals.map((total, i) => total.minus(small[i] ?? outside()));
  return word === 'same_lower' ? [...large, ...small] : [...small, ...large];
}

/** What the words stand for around the grid of x: begins, then ends. */
export function wordPads(word: PaddingWord, x: Value, { kernel, stride, dilation }: Stepping): readonly Dim[] {
  if (word === 'valid') return [...kernel, ...kernel].map(() => Dim.zero);
  const totals = kernel.map((k, axis) => {
    const length = x.type.dims[axis + 2] ?? outside();
    const step = stride[axis] ?? 1;
    const reach = length
      .ceildiv(step)
      .minus(1)
      .times(step)
      .plus(windowExtent(k, dilation[axis] ?? 1));
    // The larger of the two first: the difference is then 0 where it is provably so.
    return Dim.max(reach, length).minus(length);
  });
  return halves(word, totals);
}

export function isWord(given: Padding | undefined): given is PaddingWord {
  return typeof given === 'string';
}

function isOpen(given: Padding | OpenPadding): given is OpenPadding {
  return typeof given === 'object' && 'amounts' in given;
}

/** x with `value` around its grid, as much as only the run may know. */
export function padded(b: LayerBuilder, x: Value, pads: readonly (Dim | number)[], value: number): Value {
  const axes = pads.length / 2;
  const none = [0, 0];
  return b.op(pad, [x], {
    pads: [...none, ...pads.slice(0, axes), ...none, ...pads.slice(axes)].map((d) => (typeof d === 'number' ? Dim.of(d) : d)),
    value,
    mode: 'constant',
  });
}

/** x and the pads of a window over it: those that are not known now are put around x, as zeros. */
export function windowPads(
  b: LayerBuilder,
  x: Value,
  given: Padding | OpenPadding,
  window: Stepping,
): { readonly x: Value; readonly pads: readonly number[] } {
  if (isOpen(given)) {
    const amounts = spreadPads(b, given.amounts, x);
    return { x: padded(b, x, amounts, 0), pads: amounts.map(() => 0) };
  }
  if (!isWord(given)) return { x, pads: spreadPads(b, given, x) };
  const pads = wordPads(given, x, window);
  const known = knownSizes(pads);
  return known ? { x, pads: known } : { x: padded(b, x, pads, 0), pads: pads.map(() => 0) };
}

/** The pads and the output padding of a transposed convolution. */
export function transposedPads(
  b: LayerBuilder,
  x: Value,
  given: Padding,
  { kernel, stride, dilation }: Stepping,
  extra: readonly number[],
): { readonly pads: readonly number[]; readonly output_pad: readonly number[] } {
  if (!isWord(given)) return { pads: spreadPads(b, given, x), output_pad: extra };
  if (given === 'valid') return { pads: [...kernel, ...kernel].map(() => 0), output_pad: extra };
  const own = extra.every((n) => n === 0);
  b.check('l7', own, `output_pad=[${extra.join(', ')}] with pad="${given}"`, 'one of the two', 'pad=, and output_pad= as it is');
  const spare = kernel.map((k, axis) => windowExtent(k, dilation[axis] ?? 1) - (stride[axis] ?? 1));
  const totals = spare.map((n) => Dim.of(Math.max(n, 0)));
  return { pads: knownSizes(halves(given, totals)) ?? [], output_pad: spare.map((n) => Math.max(-n, 0)) };
}
