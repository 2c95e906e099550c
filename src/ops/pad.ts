/** More elements around every axis. ONNX Pad-13; torch.nn.functional.pad, whose `replicate` is `edge` here. */
import { outside } from '../diagnostics/at.ts';
import { Dim } from '../ir/dim.ts';
import type { Node } from '../ir/graph.ts';
import type { Check, InferContext } from '../ir/operator.ts';
import { promiseFor } from '../ir/solve.ts';
import { typeText } from '../ir/types.ts';
import { dimsAttr, given, numberAttr, numbersAttr, stringAttr } from './attrs.ts';
import { paddedAxes } from './axes.ts';
import { constantDims, dimsText, remap, sampleDims, xOnly } from './common.ts';
import { defineLayer, defineOperator, type LayerBuilder } from './define.ts';
import { choice, dims, float } from './params.ts';
import { movingTraits } from './traits.ts';

/** Which element stands at every place of a padded axis; −1 is the padding of mode `constant`. */
function padPlaces(size: number, begin: number, end: number, mode: string): Int32Array {
  return Int32Array.from({ length: Math.max(0, begin + size + end) }, (_, i) => {
    const at = i - begin;
    if (at >= 0 && at < size) return at;
    if (mode === 'constant') return -1;
    if (mode === 'edge') return at < 0 ? 0 : size - 1;
    return at < 0 ? -at : 2 * (size - 1) - at;
  });
}

const isZero = (d: Dim): boolean => d.constant === 0;

const addsNothing = (node: Node): boolean => dimsAttr(node.attrs, 'pads').every(isZero);

const hintFor = (d: Dim): string | undefined => promiseFor(d, 0) ?? (d.constant === undefined ? `max(0, ${d})` : undefined);

/** Whether the pads are known to cut nothing. */
export const cutsNothing = (node: Node): boolean => dimsAttr(node.attrs, 'pads').every((d) => d.lowerBound >= 0);

/** ONNX Pad-13; torch.nn.functional.pad, whose `replicate` is `edge` here. */
export const pad = defineOperator({
  name: 'pad',
  summary: 'More elements around every axis',
  onnx: ['Pad'],
  operands: xOnly,
  attrs: {
    pads: { kind: 'dims', inSummary: true, doc: 'elements in front of every axis, then behind every axis; negative ones cut' },
    value: { kind: 'float', default: 0, doc: 'what is put there in mode `constant`' },
    mode: { kind: 'string', default: 'constant', values: ['constant', 'reflect', 'edge'], doc: 'what is put there' },
  },
  traits: {
    ...movingTraits({ keepsOrder: false, handsOn: addsNothing, axes: paddedAxes, idempotent: 'unknown', involution: 'unknown' }),
    homogeneous: 'no',
    keepsZero: ({ attrs }) => attrs.mode !== 'constant' || attrs.value === 0,
    sign: ({ attrs }) => (attrs.mode !== 'constant' || numberAttr(attrs, 'value') >= 0 ? 'first' : 'no'),
    moves: 'filled',
    dims: 'unknown',
    roundsOnce: 'unknown',
  },
  infer(context: InferContext) {
    const { operands, attrs } = context;
    const check: Check = context.check;
    const x = given(operands, 0);
    const pads = dimsAttr(attrs, 'pads');
    const mode = stringAttr(attrs, 'mode');
    const rank = x.dims.length;
    check(
      'c1',
      pads.length === 2 * rank,
      `${pads.length} pads for ${typeText(x)}`,
      `${2 * rank}: ${rank} begins, then ${rank} ends`,
    );
    const below = mode === 'constant' ? undefined : pads.find((d) => d.lowerBound < 0);
    const provably = below?.constant === undefined && below !== undefined ? ', for all sizes' : '';
    check(
      'c2',
      below === undefined,
      `pads ${dimsText(pads)}`,
      `pads of at least 0 in mode ${mode}${provably}`,
      below && hintFor(below),
    );
    const dims = x.dims.map((size, axis) => {
      const begin = pads[axis] ?? outside();
      const end = pads[axis + rank] ?? outside();
      const padded = size.plus(begin).plus(end);
      check(
        'c3',
        padded.lessThan(0) !== 'yes',
        `pads ${begin} and ${end} at axis ${axis} of ${typeText(x)}`,
        'a size of at least 0',
      );
      const most = Dim.max(begin, end);
      const reach = mode !== 'reflect' || isZero(most) || most.lessThan(size) !== 'no';
      check('c4', reach, `pads ${begin} and ${end} at axis ${axis} of ${typeText(x)}`, 'reflected pads smaller than the axis');
      return padded;
    });
    return [{ elem: x.elem, dims }];
  },
  evaluate(operands, attrs) {
    const x = given(operands, 0);
    const pads = numbersAttr(attrs, 'pads');
    const mode = stringAttr(attrs, 'mode');
    const maps = x.dims.map((size, axis) =>
      padPlaces(size, pads[axis] ?? outside(), pads[axis + x.dims.length] ?? outside(), mode),
    );
    return [remap(x, maps, numberAttr(attrs, 'value'))];
  },
  needs({ x, attrs }) {
    if (attrs.mode === 'constant') return [];
    const { dims } = x.type;
    const pads = dimsAttr(attrs, 'pads');
    // What is reflected is less than the axis; any other copy wants an element at least.
    if (attrs.mode === 'reflect') return pads.map((d, i) => (dims[i % dims.length] ?? outside()).minus(d));
    return dims.filter((_, axis) => [axis, axis + dims.length].some((side) => !isZero(pads[side] ?? outside())));
  },
  lower(builder, node, operands) {
    const mode = stringAttr(node.attrs, 'mode');
    const pads = dimsAttr(node.attrs, 'pads');
    const value = numberAttr(node.attrs, 'value');
    const inputs: (string | undefined)[] = [given(operands, 0), builder.dims(pads)];
    inputs.push(mode === 'constant' && value !== 0 ? builder.scalar(node.y.type.elem, value) : undefined);
    return [builder.node('Pad', inputs, { mode: { kind: 'string', value: mode } }, node.y.type)];
  },
  sample(source) {
    const dims = sampleDims(source, 1, 4);
    const mode = source.pick(['constant', 'reflect', 'edge']);
    const one = (size: number): number => (mode === 'reflect' ? source.int(0, size - 1) : source.int(0, 2));
    const pads = [...dims.map(one), ...dims.map(one)];
    if (mode === 'constant' && (dims[0] ?? outside()) > 1 && source.bool()) pads[0] = -1;
    return { operands: [source.tensor(dims)], attrs: { pads: constantDims(pads), value: source.pick([0, 0, 1.5]), mode } };
  },
});

const padModes = { constant: 'constant', reflect: 'reflect', replicate: 'edge' } as const;

/** Begins, then ends, of every axis; the empty list when the numbers fit no form. */
function allPads(given: readonly Dim[], rank: number, grid: number): readonly Dim[] {
  if (given.length === 2 * rank) return given;
  if (grid === 0) return [];
  const [first = Dim.zero] = given;
  if (given.length === 1)
    return allPads(
      Array.from({ length: 2 * grid }, () => first),
      rank,
      grid,
    );
  const none = [Dim.zero, Dim.zero];
  if (given.length === grid) return [...none, ...given, ...none, ...given];
  if (given.length === 2 * grid) return [...none, ...given.slice(0, grid), ...none, ...given.slice(grid)];
  return [];
}

export const padLayer = defineLayer({
  name: 'pad',
  summary: 'More elements around the grid',
  source: 'torch.nn.functional.pad, with begins then ends',
  family: 'Shapes',
  params: {
    pads: dims({
      rest: true,
      doc: 'one number for every side of the grid, one per spatial axis, begins then ends of the spatial axes, or of all axes',
    }),
    value: float({ default: 0, doc: 'what is put there in mode "constant"' }),
    mode: choice(['constant', 'reflect', 'replicate'], { default: 'constant', doc: 'what is put there' }),
  },
  build(builder: LayerBuilder, [x], p) {
    const rank = x.type.dims.length;
    const grid = Math.max(0, rank - 2);
    const expected = grid > 0 ? `1, ${grid}, ${2 * grid} or ${2 * rank} numbers` : `${2 * rank} numbers`;
    const pads = allPads(p.pads, rank, grid);
    builder.check('c5', pads.length === 2 * rank, `${p.pads.length} pads for ${typeText(x.type)}`, expected, 'pad(1)');
    if (pads.every(isZero)) return x;
    return builder.op(pad, [x], { pads, value: p.value, mode: padModes[p.mode] });
  },
});
