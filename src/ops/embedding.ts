/** Rows of a table, chosen by integers: torch.nn.Embedding. It becomes `gather` along axis 0 (ONNX Gather-13). */
import { Dim } from '../ir/dim.ts';
import { typeText } from '../ir/types.ts';
import { given } from './attrs.ts';
import { defineLayer, type LayerBuilder } from './define.ts';
import { gather } from './gather.ts';
import { init, int, optional, tensor } from './params.ts';

export const embeddingLayer = defineLayer({
  name: 'embedding',
  summary: 'Replaces every integer by a learned vector',
  source: 'torch.nn.Embedding; ONNX Gather',
  family: 'Linear',
  params: {
    num: int({ positional: true, min: 1, doc: 'how many vectors there are; the integers count from 0' }),
    dim: int({ positional: true, min: 1, doc: 'length of a vector' }),
    weight: optional(tensor({ doc: 'an existing tensor [num, dim] to take as the table' })),
    init: init({ default: { init: true, kind: 'normal', value: 1 }, text: 'normal(std=1)', doc: 'how the table begins' }),
  },
  weights: [{ name: 'weight', shape: '[num, dim]', when: 'without weight=' }],
  owns: (p) => p.weight === undefined,
  build(b: LayerBuilder, [indices], p) {
    const { type } = indices;
    b.check('l1', type.elem === 'i64' || type.elem === 'i32', typeText(type), 'a tensor of i64 or i32', 'cast(i64)');
    const tied = p.weight?.type;
    if (tied) {
      const table = [Dim.of(p.num), Dim.of(p.dim)];
      const fits = tied.dims.length === 2 && tied.dims.every((d, i) => d === given(table, i));
      b.check('l2', fits, `weight= of type ${typeText(tied)}`, typeText({ elem: tied.elem, dims: table }));
    }
    // Indices have no float type of their own to give to the table.
    const weight = p.weight ?? b.weight('weight', [p.num, p.dim], p.init, { elem: 'f32' });
    return b.op(gather, [weight, indices], { axis: 0 });
  },
});
