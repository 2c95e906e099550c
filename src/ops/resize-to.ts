/**
 * Resampling to a grid whose sizes a tensor holds, so that only the run knows them: ONNX Resize-13 (-18) with computed sizes,
 * torch.nn.functional.interpolate with a size. Elements are taken where `resize` takes them.
 */
import { Dim } from '../ir/dim.ts';
import type { Check, InferContext } from '../ir/operator.ts';
import { type HostTensor, typeText } from '../ir/types.ts';
import { given, onnxInt } from './attrs.ts';
import { neededGrid } from './common.ts';
import { defineOperator } from './define.ts';
import { axesSince, checkGrid, float32Agrees, gridAxes, modes, onnxAttrs, resampled, samplingAttrs } from './resize.ts';
import { unknownTraits } from './traits.ts';

/** What the sizes are called that the run finds, by the rank of the grid. */
const names = [['length'], ['height', 'width'], ['depth', 'height', 'width']] as const;

export const resizeTo = defineOperator({
  name: 'resize_to',
  summary: 'Resamples the grid to a size that a tensor holds',
  onnx: ['Resize', 'Concat'],
  operands: [
    { name: 'x', doc: '[N, C, ...grid]' },
    { name: 'sizes', doc: 'i64[axes of the grid]: the resulting grid, at least 1 each' },
  ],
  attrs: samplingAttrs,
  traits: { ...unknownTraits, elementwise: false, resamples: true },
  infer(context: InferContext) {
    const { attrs } = context;
    const check: Check = context.check;
    const [x, sizes] = [given(context.operands, 0), given(context.operands, 1)];
    const axes = checkGrid(check, x, attrs);
    const fits = sizes.elem === 'i64' && sizes.dims.length === 1 && sizes.dims[0]?.constant === axes;
    check('c3', fits, `sizes ${typeText(sizes)}`, `i64[${axes}], a size for each axis of the grid of ${typeText(x)}`);
    const grid = (names[axes - 1] ?? []).map((name) => context.fresh(name, undefined, 1));
    return [{ elem: x.elem, dims: [...x.dims.slice(0, 2), ...grid] }];
  },
  evaluate: (operands, attrs) => [resampled(given(operands, 0), attrs, given(operands, 1).data)],
  needs: neededGrid,
  lower(b, node, [x = '', sizes = '']) {
    const { type } = node.y;
    const attrs = onnxAttrs(node.attrs);
    if (b.opset >= axesSince)
      return [b.node('Resize', [x, undefined, undefined, sizes], { ...attrs, axes: gridAxes(type) }, type)];
    const all = { elem: 'i64', dims: [Dim.of(type.dims.length)] } as const;
    const whole = b.node('Concat', [b.dims(type.dims.slice(0, 2)), sizes], { axis: onnxInt(0) }, all);
    return [b.node('Resize', [x, undefined, undefined, whole], attrs, type)];
  },
  sample(source) {
    const mode = source.pick(modes);
    const axes = mode === 'cubic' ? 2 : source.int(1, 3);
    const grid = Array.from({ length: axes }, () => source.int(1, 6));
    const wanted = grid.map((length) => {
      const size = source.int(1, 9);
      return mode === 'nearest' && !float32Agrees(length, size) ? length * 2 : size;
    });
    const sizes: HostTensor = { elem: 'i64', dims: [axes], data: Float64Array.from(wanted) };
    const attrs = { mode, align_corners: mode !== 'nearest' && source.bool() };
    return { operands: [source.tensor([source.int(1, 2), source.int(1, 2), ...grid]), sizes], attrs };
  },
});
