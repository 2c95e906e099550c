/** Which values are at least zero for every input. Shown from the operators alone; what cannot be shown is `false`. */
import { isUnsigned } from '../../ir/elem.ts';
import { hostOf, type Node, type Value } from '../../ir/graph.ts';
import { isFloat } from '../../ir/types.ts';

/** How many values are looked at. */
const budget = 64;

/** The operands that must not be negative for the results not to be; undefined where that is not enough. */
function needed(node: Node): readonly (Value | undefined)[] | undefined {
  const { sign } = node.op.traits;
  const stated = typeof sign === 'function' ? sign(node) : sign;
  if (stated === 'always') return [];
  if (stated === 'all') return node.operands;
  return stated === 'first' ? [node.operand(0)] : undefined;
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
