/** The sum of any number of tensors, as additions in a row, which every pass knows. */
import type { Check } from '../ir/operator.ts';
import { defineLayer } from './define.ts';
import { add } from './elementwise.ts';

export const sumLayer = defineLayer({
  name: 'sum',
  summary: 'Tensors added up, those of a list as well',
  source: "Python's sum, of torch.Tensor; ONNX Sum. The sum of a tensor's own elements is `reduce_sum`",
  family: 'Arithmetic and comparisons',
  operands: { names: ['it', 'others...'], min: 1, max: Infinity },
  params: {},
  build(builder, [first, ...others]) {
    const what = 'two tensors or more, or a list of them';
    if (builder.listed && others.length === 0) return first;
    const check: Check = builder.check;
    check('c1', others.length > 0, 'one tensor', what, 'to add up its own elements: `reduce_sum`');
    return others.reduce((sum, x) => builder.op(add, [sum, x]), first);
  },
});
