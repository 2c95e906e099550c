/**
 * Parts of a picture under boxes, as grids of one size: ONNX RoiAlign-10 and -16; torchvision.ops.roi_align; He et al. 2017,
 * arXiv:1703.06870. A box of h by w cells has in each of them `sampling` by `sampling` places, or, of 0, as many as ⌈its height
 * over that of the grid⌉; each is interpolated between four elements, and a cell is their mean. Of a place further than one
 * element outside nothing counts; nearer ones are moved to the border.
 */
import { outside } from '../diagnostics/at.ts';
import { Dim } from '../ir/dim.ts';
import { type Check, CheckFailure, type InferContext } from '../ir/operator.ts';
import { elementCount, type HostTensor, typeText } from '../ir/types.ts';
import { boolAttr, checkFloats, given, numberAttr, numbersAttr, onnxInt } from './attrs.ts';
import { neededGrid, sameDim } from './common.ts';
import { defineLayer, defineOperator, type LayerBuilder } from './define.ts';
import { bool, float, int, size } from './params.ts';
import { unknownTraits } from './traits.ts';

/** The two elements that a place lies between and how near it is to the second; undefined outside. */
function between(
  place: number,
  length: number,
): { readonly low: number; readonly high: number; readonly part: number } | undefined {
  if (place < -1 || place > length) return undefined;
  const inside = Math.max(0, place);
  const low = Math.floor(inside);
  return low >= length - 1 ? { low: length - 1, high: length - 1, part: 0 } : { low, high: low + 1, part: inside - low };
}

export const roiAlign = defineOperator({
  name: 'roi_align',
  summary: 'The means of interpolated elements in the cells of a grid over each box',
  onnx: ['RoiAlign'],
  since: ({ attrs }) => (boolAttr(attrs, 'aligned') ? 16 : 0),
  until: 21,
  operands: [
    { name: 'x', doc: '[N, C, H, W]' },
    {
      name: 'boxes',
      doc: '[K, 4]: left, top, right, bottom, in pixels of the picture before `scale`',
    },
    { name: 'pictures', doc: 'i64[K]: to which of the N pictures a box belongs', indexes: { operand: 0, axis: 0 } },
  ],
  attrs: {
    grid: { kind: 'ints', doc: 'height and width of the result' },
    scale: { kind: 'float', default: 1, min: 0, doc: 'elements of x for each pixel of the picture' },
    sampling: { kind: 'int', default: 0, min: 0, doc: 'places in a cell, for each axis; 0 for as many as the box has elements' },
    aligned: {
      kind: 'bool',
      default: false,
      doc: 'an element is at its centre rather than its corner; boxes may then be below 1',
    },
  },
  traits: { ...unknownTraits, elementwise: false, handsOn: false },
  infer(context: InferContext) {
    const { operands, attrs } = context;
    const check: Check = context.check;
    const [x, boxes, pictures] = [given(operands, 0), given(operands, 1), given(operands, 2)];
    checkFloats(check, 'c1', [x, boxes]);
    check('c2', x.dims.length === 4, typeText(x), 'pictures [N, C, H, W]');
    const four = boxes.dims.length === 2 && boxes.dims[1]?.constant === 4;
    check('c3', four, `boxes ${typeText(boxes)}`, 'boxes [K, 4]: left, top, right, bottom');
    const own = pictures.elem === 'i64' && pictures.dims.length === 1 && sameDim(given(pictures.dims, 0), given(boxes.dims, 0));
    check(
      'c4',
      own,
      `pictures ${typeText(pictures)}`,
      `i64[${given(boxes.dims, 0)}], a number for each box`,
      pictures.elem === 'i64' ? 'full([shape(boxes)[0]], 0, i64)' : 'cast(i64)',
    );
    const grid = numbersAttr(attrs, 'grid');
    check('c5', grid.length === 2 && grid.every((n) => n >= 1), `a grid of ${grid.join('x')}`, 'height and width, at least 1');
    return [{ elem: x.elem, dims: [given(boxes.dims, 0), given(x.dims, 1), ...grid.map((n) => Dim.of(n))] }];
  },
  needs: neededGrid,
  evaluate(operands, attrs) {
    const [x, boxes, pictures] = [given(operands, 0), given(operands, 1), given(operands, 2)];
    const [, channels = 1, height = 1, width = 1] = x.dims;
    const [rows = 1, columns = 1] = numbersAttr(attrs, 'grid');
    const [scale, sampling] = [Math.fround(numberAttr(attrs, 'scale')), numberAttr(attrs, 'sampling')];
    const aligned = boolAttr(attrs, 'aligned');
    const dims = [boxes.dims[0] ?? outside(), channels, rows, columns];
    const data = new Float64Array(elementCount(dims));
    /** Beginning and size of a cell, and the places in it. */
    const cells = (low: number, high: number, count: number): { begin: number; cell: number; places: number } => {
      const begin = low * scale - (aligned ? 0.5 : 0);
      const extent = aligned ? high * scale - 0.5 - begin : Math.max(1, high * scale - begin);
      return { begin, cell: extent / count, places: sampling > 0 ? sampling : Math.ceil(extent / count) };
    };
    for (let k = 0; k < (dims[0] ?? outside()); k++) {
      const [left = 0, top = 0, right = 0, bottom = 0] = boxes.data.subarray(4 * k, 4 * k + 4);
      const [y, z] = [cells(top, bottom, rows), cells(left, right, columns)];
      const count = Math.max(1, y.places * z.places);
      const picture = pictures.data[k] ?? outside();
      if (picture < 0 || picture >= (x.dims[0] ?? outside()))
        throw new CheckFailure('indices', `index ${picture}`, `an index from 0 to ${(x.dims[0] ?? outside()) - 1} on axis 0`);
      for (let c = 0; c < channels; c++) {
        const plane = (picture * channels + c) * height * width;
        const at = (row: number, column: number): number => x.data[plane + row * width + column] ?? outside();
        for (let r = 0; r < rows; r++)
          for (let s = 0; s < columns; s++) {
            let sum = 0;
            for (let i = 0; i < y.places; i++)
              for (let j = 0; j < z.places; j++) {
                const down = between(y.begin + r * y.cell + ((i + 0.5) * y.cell) / y.places, height);
                const across = between(z.begin + s * z.cell + ((j + 0.5) * z.cell) / z.places, width);
                if (!down || !across) continue;
                const upper = at(down.low, across.low) * (1 - across.part) + at(down.low, across.high) * across.part;
                const lower = at(down.high, across.low) * (1 - across.part) + at(down.high, across.high) * across.part;
                sum += upper * (1 - down.part) + lower * down.part;
              }
            data[((k * channels + c) * rows + r) * columns + s] = sum / count;
          }
      }
    }
    return [{ elem: x.elem, dims, data }];
  },
  lower(b, node, operands) {
    const [rows = 1, columns = 1] = numbersAttr(node.attrs, 'grid');
    const aligned = boolAttr(node.attrs, 'aligned');
    // Before 16 there was one meaning, which is no longer the default.
    const mode =
      b.opset < 16
        ? {}
        : ({ coordinate_transformation_mode: { kind: 'string', value: aligned ? 'half_pixel' : 'output_half_pixel' } } as const);
    const attrs = {
      ...mode,
      output_height: onnxInt(rows),
      output_width: onnxInt(columns),
      sampling_ratio: onnxInt(numberAttr(node.attrs, 'sampling')),
      spatial_scale: { kind: 'float', value: numberAttr(node.attrs, 'scale') },
    } as const;
    return [b.node('RoiAlign', operands, attrs, node.y.type)];
  },
  sample(source) {
    const [batch, channels, height, width] = [source.int(1, 2), source.int(1, 2), source.int(3, 7), source.int(3, 7)];
    const count = source.int(1, 3);
    const corner = source.tensor([count, 2], { low: -1, high: 4 });
    const data = Float64Array.from({ length: 4 * count }, (_, i) => {
      const begin = corner.data[2 * Math.floor(i / 4) + (i % 2)] ?? outside();
      return i % 4 < 2 ? begin : Math.fround(begin + source.int(0, 5) + 0.37);
    });
    const boxes: HostTensor = { elem: 'f32', dims: [count, 4], data };
    const pictures = source.tensor([count], { elem: 'i64', low: 0, high: batch });
    const grid = [source.int(1, 3), source.int(1, 3)];
    return {
      operands: [source.tensor([batch, channels, height, width]), boxes, pictures],
      attrs: { grid, scale: source.pick([1, 0.5, 0.25]), sampling: source.int(0, 3), aligned: false },
    };
  },
});

export const roiAlignLayer = defineLayer({
  name: 'roi_align',
  summary: 'Parts of pictures under boxes as grids of one size: `roi_align(features, boxes, pictures, 7x7, scale=0.25)`',
  source: 'torchvision.ops.roi_align; ONNX RoiAlign; He et al. 2017 (Mask R-CNN)',
  family: 'Detection',
  operands: { names: ['it', 'boxes', 'pictures'], min: 3, max: 3 },
  params: {
    grid: size({ positional: true, doc: 'height and width of the result: 7x7' }),
    scale: float({
      default: 1,
      min: 0,
      doc: 'elements of `it` for each pixel of the picture; torchvision calls it spatial_scale',
    }),
    sampling: int({
      default: 0,
      min: 0,
      doc: 'places in a cell, for each axis; 0 for as many as the box has elements; torchvision calls it sampling_ratio, and its −1 is 0',
    }),
    aligned: bool({ default: false, doc: 'an element is at its centre rather than its corner' }),
  },
  build(b: LayerBuilder, operands, p) {
    b.check('l1', p.grid.length === 2, `a grid of ${p.grid.join('x')}`, 'height and width', '7x7');
    return b.op(roiAlign, operands, { grid: p.grid, scale: p.scale, sampling: p.sampling, aligned: p.aligned });
  },
});
