/** Which values are at least zero for every input. Shown from the operators alone; what cannot be shown is `false`. */
import { isUnsigned } from '../ir/elem.ts';
import type { Node, Value } from '../ir/graph.ts';
import { hostOf } from '../ir/graph.ts';
import { isFloat } from '../ir/types.ts';
import { numberAttr, stringAttr } from '../ops/attrs.ts';

/** Results of these are never negative, whatever they read. */
const always: readonly string[] = ['relu', 'sigmoid', 'hardsigmoid', 'softplus', 'softmax', 'abs', 'exp', 'sqrt'];

/** Results of these are elements of the operands, or sums, means and products of such: never negative where no operand is. */
const keeping: readonly string[] = [
  ...['identity', 'reshape', 'squeeze', 'unsqueeze', 'transpose', 'concat', 'split', 'slice', 'expand', 'pixel_shuffle'],
  ...['maxpool', 'avgpool', 'global_avgpool', 'global_maxpool', 'reduce_sum', 'reduce_mean', 'reduce_max', 'reduce_min'],
  ...['reduce_prod', 'cumsum', 'add', 'mul', 'div', 'min', 'max', 'floor', 'round', 'ceil', 'sign', 'leaky_relu', 'silu'],
];

/** How many values are looked at. */
const budget = 64;

/** The operands that must not be negative for the results not to be; undefined where that is not enough. */
function needed(node: Node): readonly (Value | undefined)[] | undefined {
  const { name } = node.op;
  if (always.includes(name)) return [];
  if (name === 'clamp')
    return numberAttr(node.attrs, 'min') >= 0 ? [] : numberAttr(node.attrs, 'max') >= 0 ? [node.x] : undefined;
  // A square: x · x.
  if (name === 'mul' && node.operand(0) === node.operand(1)) return [];
  if (name === 'pad')
    return stringAttr(node.attrs, 'mode') !== 'constant' || numberAttr(node.attrs, 'value') >= 0 ? [node.x] : undefined;
  // Cubic weights are negative in places.
  if (name === 'resize')
    return node.attrs.mode !== 'cubic' && node.attrs.coordinates !== 'tf_crop_and_resize' ? [node.x] : undefined;
  if (name === 'cast' && node.operand(0)) return isFloat(node.y.type.elem) ? [node.x] : undefined;
  if (name === 'gather') return [node.x];
  return keeping.includes(name) ? node.operands : undefined;
}

function unsigned(value: Value): boolean {
  return value.type.foreign === undefined && isUnsigned(value.type.elem);
}

/** No element is negative. A wrapped sum of signed integers may be, so that of integers only unsigned ones are. */
export function isNonNegative(value: Value): boolean {
  const stack: Value[] = [value];
  const seen = new Set<Value>();
  for (let at = stack.pop(); at; at = stack.pop()) {
    if (seen.has(at) || unsigned(at)) continue;
    if (seen.size >= budget || !isFloat(at.type.elem)) return false;
    seen.add(at);
    const known = hostOf(at)?.data;
    if (known?.every((x) => x >= 0)) continue;
    const wanted = at.producer && needed(at.producer);
    if (!wanted) return false;
    for (const one of wanted) if (one) stack.push(one);
  }
  return true;
}
