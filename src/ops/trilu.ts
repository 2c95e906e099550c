/** Triangles of matrices: ONNX Trilu-14; torch.tril, torch.triu. */
import { bug } from '../diagnostics/diagnostic.ts';
import type { Attrs, InferContext } from '../ir/operator.ts';
import { typeText } from '../ir/types.ts';
import { integersOf, isWideElem, tensorOfIntegers } from '../ir/wide.ts';
import { boolAttr, given, numberAttr, onnxInt } from './attrs.ts';
import { sampleDims, xOnly } from './common.ts';
import { defineLayer, defineOperator, type Layer } from './define.ts';
import { int } from './params.ts';
import { gatheringTraits } from './traits.ts';

/** Which elements are on the side of the diagonal that is left. */
function staying(dims: readonly number[], attrs: Attrs): (at: number) => boolean {
  const [rows = 1, columns = 1] = dims.slice(-2);
  const [upper, diagonal] = [boolAttr(attrs, 'upper'), numberAttr(attrs, 'diagonal')];
  return (at) => {
    const offset = (at % columns) - (Math.floor(at / columns) % rows) - diagonal;
    return upper ? offset >= 0 : offset <= 0;
  };
}

export const trilu = defineOperator({
  name: 'trilu',
  summary: 'The upper or lower triangle of matrices, zeros elsewhere',
  onnx: ['Trilu'],
  operands: xOnly,
  attrs: {
    upper: { kind: 'bool', default: true, doc: 'whether what stands at and above the diagonal is left, or at and below' },
    diagonal: { kind: 'int', default: 0, doc: 'which diagonal: 0 the main one, positive above it' },
  },
  // Elements move nowhere, but for those that become zeros.
  traits: gatheringTraits({
    homogeneous: 'any',
    channelwise: 'unknown',
    keepsZero: true,
    idempotent: true,
    sign: 'first',
    handsOn: false,
    axes: 'unknown',
    resamples: false,
    dims: 'unknown',
    roundsOnce: true,
  }),
  since: () => 14,
  infer(context: InferContext) {
    const x = given(context.operands, 0);
    context.check('c1', x.dims.length >= 2, typeText(x), 'matrices [..., rows, columns]');
    return [x];
  },
  evaluate(operands, attrs) {
    const x = given(operands, 0);
    const stays = staying(x.dims, attrs);
    return [{ elem: x.elem, dims: x.dims, data: x.data.map((v, i) => (stays(i) ? v : 0)) }];
  },
  evaluateWide(operands, attrs) {
    const x = given(operands, 0);
    const stays = staying(x.dims, attrs);
    if (!isWideElem(x.elem)) return bug(`triangles of ${x.elem}`);
    return [
      tensorOfIntegers(
        x.elem,
        x.dims,
        Array.from(integersOf(x), (v, i) => (stays(i) ? v : 0n)),
      ),
    ];
  },
  lower(builder, node, operands) {
    const diagonal = numberAttr(node.attrs, 'diagonal');
    const inputs = diagonal === 0 ? operands : [given(operands, 0), builder.scalar('i64', diagonal)];
    return [builder.node('Trilu', inputs, { upper: onnxInt(boolAttr(node.attrs, 'upper') ? 1 : 0) }, node.y.type)];
  },
  sample(source) {
    const dims = [...sampleDims(source, 0, 2), source.int(1, 5), source.int(1, 5)];
    const elem = source.pick(['f32', 'i64'] as const);
    return { operands: [source.tensor(dims, { elem })], attrs: { upper: source.bool(), diagonal: source.int(-3, 3) } };
  },
});

const triangle = (name: string, upper: boolean): Layer =>
  defineLayer({
    name,
    summary: `The ${upper ? 'upper' : 'lower'} triangle of matrices, zeros elsewhere`,
    source: `torch.${name}; ONNX Trilu, from opset 14 on`,
    family: 'Shapes',
    params: {
      diagonal: int({ positional: true, default: 0, doc: 'the diagonal up to which elements stay: positive above the main one' }),
    },
    build: (b, [x], { diagonal }) => b.op(trilu, [x], { upper, diagonal }),
  });

export const triangleLayers: readonly Layer[] = [triangle('tril', false), triangle('triu', true)];
