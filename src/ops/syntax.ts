/** The layers that the signs of the language stand for between tensors. */
import { bug } from '../diagnostics/diagnostic.ts';
import type { Operator } from '../ir/operator.ts';
import type { Layer } from './define.ts';
import {
  add,
  and,
  div,
  equal,
  greater,
  greaterEqual,
  less,
  lessEqual,
  mul,
  neg,
  not,
  notEqualLayer,
  or,
  sub,
} from './elementwise.ts';
import { matmulLayer } from './linear.ts';
import { layerByName } from './lookup.ts';

const layerOf = ({ name }: Operator): Layer => layerByName(name) ?? bug(`${name} has no layer`);

export const binaryLayers: Readonly<Record<string, Layer>> = {
  '+': layerOf(add),
  '-': layerOf(sub),
  '*': layerOf(mul),
  '/': layerOf(div),
  '@': matmulLayer,
  '==': layerOf(equal),
  '!=': notEqualLayer,
  '<': layerOf(less),
  '<=': layerOf(lessEqual),
  '>': layerOf(greater),
  '>=': layerOf(greaterEqual),
  and: layerOf(and),
  or: layerOf(or),
};

export const unaryLayers = { '-': layerOf(neg), not: layerOf(not) } as const satisfies Readonly<Record<string, Layer>>;
