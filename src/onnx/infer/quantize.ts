/** Types of quantisation: QuantizeLinear-13 (-25), DequantizeLinear-13 (-25), DynamicQuantizeLinear-11. */
import { named, type Rule, type RuleTable } from './context.ts';

export const quantized: Rule = (c) => {
  const { dims } = c.operand(0);
  const asked = c.attributes.int('output_dtype', 0);
  if (asked !== 0) return [named(c, 'output_dtype', 2, dims)];
  const zero = c.has(2) ? c.operand(2) : undefined;
  if (zero?.foreign) return [{ foreign: { text: `tensor(${zero.foreign.text.replace(/[[(].*$/, '')})` } }];
  return [{ elem: zero ? zero.elem : 'u8', dims }];
};

export const dequantized: Rule = (c) => {
  const asked = c.attributes.int('output_dtype', 0);
  const { dims } = c.operand(0);
  return [asked !== 0 ? named(c, 'output_dtype', 1, dims) : { elem: c.operand(1).elem, dims }];
};

export const quantizeRules: RuleTable = {
  QuantizeLinear: quantized,
  DequantizeLinear: dequantized,
  DynamicQuantizeLinear: (c) => [
    { elem: 'u8', dims: c.operand(0).dims },
    { elem: 'f32', dims: [] },
    { elem: 'u8', dims: [] },
  ],
};
