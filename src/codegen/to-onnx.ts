/** Attributes, types and weights of a graph as the model of an ONNX file has them. */
import { bug, unreachable } from '../diagnostics/diagnostic.ts';
import type { Content } from '../ir/content.ts';
import type { Dim } from '../ir/dim.ts';
import type { ForeignAttribute } from '../ir/foreign.ts';
import type { Value } from '../ir/graph.ts';
import type { OnnxAttr } from '../ir/operator.ts';
import { isOfRun } from '../ir/promise.ts';
import type { ForeignType, TensorType } from '../ir/types.ts';
import {
  floatAttribute,
  floatsAttribute,
  intAttribute,
  intsAttribute,
  stringAttribute,
  stringsAttribute,
  tensorAttribute,
} from '../onnx/make.ts';
import { isAttribute, type OnnxAttribute, type OnnxTensor, type OnnxType } from '../onnx/model.ts';
import { tensorTypeProto, typeOf } from '../onnx/types.ts';
import type { WeightExpr } from '../tensor/expr.ts';
import type { Session } from '../tensor/session.ts';

export function onnxAttribute(session: Session, name: string, attr: OnnxAttr): OnnxAttribute {
  switch (attr.kind) {
    case 'int':
      return intAttribute(name, attr.value);
    case 'ints':
      return intsAttribute(name, attr.value);
    case 'float':
      return floatAttribute(name, attr.value);
    case 'floats':
      return floatsAttribute(name, attr.value);
    case 'string':
      return stringAttribute(name, attr.value);
    case 'strings':
      return stringsAttribute(name, attr.value);
    case 'tensor':
      return tensorAttribute(session, name, attr.value);
    default:
      return unreachable(attr);
  }
}

export function carriedAttribute({
  name,
  bytes,
  attribute,
}: Extract<ForeignAttribute, { readonly kind: 'bytes' }>): OnnxAttribute {
  return attribute && isAttribute(attribute) ? attribute : { name, kind: 'other', bytes };
}

/**
 * `inside` are values that are neither inputs nor outputs: there even a size that only the run knows has a name, because runtimes
 * fuse a shortcut only where both sides are named alike. Inputs and outputs say nothing of such a size, as the file that it came
 * from did not.
 */
export function onnxType(type: TensorType, dimNames: ReadonlyMap<string, string>, inside: boolean): OnnxType | undefined {
  const { elem, dims, foreign } = type;
  if (!foreign) return { elem, dims: dims.map((d) => d.constant ?? (dimParam(d, dimNames, inside) || undefined)) };
  if (foreign.proto) return typeOf(foreign.proto);
  return foreign.tensor && { proto: tensorTypeProto(foreign.tensor.dataType, foreign.tensor.dims) };
}

export function dimParam(dim: Dim, dimNames: ReadonlyMap<string, string>, inside: boolean): string {
  const text = dim.toString();
  if (dimNames.size === 0 && !/["?]/.test(text)) return text;
  const symbols = dim.symbols();
  if (!inside && symbols.some(isOfRun)) return '';
  const [only] = symbols;
  // A symbol alone is written as the file had it, without the quotes that formulas need.
  if (symbols.length !== 1 || only === undefined || (text !== only && text !== JSON.stringify(only))) return text;
  return dimNames.get(only) ?? only;
}

/** Optional inputs that are left out at the end are not written at all. */
export function trimmed(inputs: readonly string[]): readonly string[] {
  let end = inputs.length;
  while (end > 0 && inputs[end - 1] === '') end--;
  return inputs.slice(0, end);
}

export function storedTensor(name: string, expr: WeightExpr, other: ForeignType['tensor']): OnnxTensor {
  if (other) return { name, kind: 'other', dataType: other.dataType, dims: other.dims, raw: expr };
  return { name, kind: 'tensor', expr, isDescribed: expr.args.length > 0 };
}

/** Tells contents apart, also where the same bytes are of different types. */
export type ContentKey = Content | string;

export function contentKey(value: Value): ContentKey {
  const content = value.content ?? bug('a constant without content');
  return value.type.foreign ? `${content.id} ${value.type.foreign.text}` : content;
}
