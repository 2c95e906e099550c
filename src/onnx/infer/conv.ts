/**
 * Types of convolutions: Conv-11 (-22), ConvTranspose-11 (-22), DeformConv-19 (-22), ConvInteger-10, QLinearConv-10;
 * com.microsoft.FusedConv.
 */
import { outside } from '../../diagnostics/at.ts';
import { Dim } from '../../ir/dim.ts';
import { transposedCount, windowExtent } from '../../ops/window.ts';
import { type InferenceContext, type Rule, type RuleTable, sizeBy } from './context.ts';
import { type PartialDims, type PartialType, ranked, rankOf } from './partial-type.ts';
import { gridOf, perAxis, windowsOf } from './windows.ts';

/** The spatial axes, from whatever says how many there are. */
function axesOf({ attributes }: InferenceContext, x: PartialType, weight: PartialType): number | undefined {
  const rank = rankOf(x) ?? rankOf(weight);
  const axes = rank === undefined ? attributes.ints('kernel_shape')?.length : rank - 2;
  return axes === undefined || axes < 0 ? undefined : axes;
}

/** Taps per axis, which the weight has; `kernel_shape` repeats them. */
function kernelOf({ attributes }: InferenceContext, weight: PartialType, axes: number): readonly (number | undefined)[] {
  const said = attributes.ints('kernel_shape');
  return Array.from({ length: axes }, (_, axis) => weight.dims?.[axis + 2]?.constant ?? said?.[axis]);
}

const gridDims = (x: PartialType, axes: number): PartialDims => x.dims?.slice(2) ?? ranked(axes) ?? [];

/** x and the weight are operands 0 and `second`. */
export const convolution =
  (second = 1): Rule =>
  (c) => {
    const [x, weight] = [c.operand(0), c.operand(second)];
    const elem = x.elem ?? weight.elem;
    const axes = axesOf(c, x, weight);
    if (axes === undefined) return [{ elem }];
    const grid = gridOf(c, gridDims(x, axes), windowsOf(c, axes, kernelOf(c, weight, axes)), false);
    return [{ elem, dims: [x.dims?.[0], weight.dims?.[0], ...grid] }];
  };

/**
 * A grid of its own for each of the modes: what `output_shape` says, L·s where `auto_pad` is SAME and the kernel reaches that
 * far, else that of the registry's `conv_transpose`.
 */
const transposed: Rule = (c) => {
  const [x, weight] = [c.operand(0), c.operand(1)];
  const elem = x.elem ?? weight.elem;
  const axes = axesOf(c, x, weight);
  if (axes === undefined) return [{ elem }];
  const windows = windowsOf(c, axes, kernelOf(c, weight, axes));
  const extra = perAxis(c.attributes, 'output_padding', axes, 0);
  const asked = c.attributes.ints('output_shape')?.slice(-axes);
  const same = c.attributes.string('auto_pad', 'NOTSET').startsWith('SAME_');
  const grid = gridDims(x, axes).map((length, axis): Dim | undefined => {
    const w = windows[axis];
    const own = asked?.[axis];
    if (own !== undefined) return own >= 0 ? Dim.of(own) : undefined;
    if (!length || !w) return undefined;
    const { kernel, stride, dilation, begin, end } = w;
    if (kernel === undefined) return undefined;
    const reach = windowExtent(kernel, dilation) + (extra[axis] ?? outside());
    // Nothing is padded where the kernel does not reach the next place.
    if (same) return reach >= stride ? length.times(stride) : sizeBy(() => transposedCount(length, reach, stride, 0));
    return sizeBy(() => transposedCount(length, reach, stride, begin + end));
  });
  return [{ elem, dims: [x.dims?.[0], weight.dims?.[1]?.times(c.attributes.int('group', 1)), ...grid] }];
};

const withElem =
  (rule: Rule, elem: (c: InferenceContext) => PartialType['elem']): Rule =>
  (c) =>
    rule(c).map((one) => ({ ...one, elem: elem(c) }));

export const convRules: RuleTable = {
  Conv: convolution(),
  ConvInteger: withElem(convolution(), () => 'i32'),
  ConvTranspose: transposed,
  DeformConv: convolution(),
  QLinearConv: withElem(convolution(3), (c) => c.operand(7).elem),
};
