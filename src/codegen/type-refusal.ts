/** What to say of a node whose element types ONNX does not allow its operator: no runtime would load the file. */
import { type ElemType, isFloat } from '../ir/elem.ts';
import { typeMisfit } from '../onnx/element-types.ts';

export interface TypeRefusal {
  readonly why: string;
  readonly hint: string;
}

/** The allowed type that holds most of what a type holds. */
function nearestType(elem: ElemType, instead: readonly ElemType[]): ElemType | undefined {
  const wishes: readonly ElemType[] = isFloat(elem)
    ? ['f32', 'f64']
    : elem === 'u32' || elem === 'u64'
      ? ['i64', 'f32']
      : ['i32', 'i64', 'f32'];
  return wishes.find((one) => instead.includes(one));
}

export function typeRefusal(
  opType: string,
  opset: number,
  operands: readonly (ElemType | undefined)[],
  results: readonly (ElemType | undefined)[],
): TypeRefusal | undefined {
  const misfit = typeMisfit(opType, opset, operands, results);
  if (!misfit) return undefined;
  const { elem, result, from, instead } = misfit;
  const what = `ONNX has ${opType} ${result ? 'with a result' : 'for operands'} of ${elem}`;
  if (from !== undefined) return { why: `${what} from opset ${from} on`, hint: `--opset ${from}` };
  const near = nearestType(elem, instead);
  return {
    why: `${what} at no opset, of ${instead.join(', ')} alone`,
    hint: near === undefined ? 'another layer' : `cast(${near}) before it`,
  };
}
