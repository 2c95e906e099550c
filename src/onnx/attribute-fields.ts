/**
 * The fields of an AttributeProto, and which of them its value is in. Source: onnx/onnx, onnx.proto (AttributeProto).
 */
import type { Work } from './pages.ts';
import { AttributeProto, type AttributeType, attributeTypeOf } from './proto.ts';
import { listLimit, type Scan } from './scan.ts';
import { type Field, int32Of, nameOf } from './wire.ts';

/** Where an attribute's values lie; of a field that may stand once, the last one, as protobuf reads it. */
export interface AttributeFields {
  readonly name: string;
  /** What the file says or, where it says nothing, the one thing that is there; undefined for a type that ONNX does not have. */
  readonly type: AttributeType | undefined;
  /** The attribute of the function around it that gives the value; empty for none. */
  readonly reference: string;
  readonly float: Field | undefined;
  readonly int: Field | undefined;
  readonly string: Field | undefined;
  /** A message that stands more than once is one, of all of its parts. */
  readonly tensors: readonly Field[];
  readonly subgraphs: readonly Field[];
  /** Packed or not, so that a field holds any number of them. */
  readonly floats: readonly Field[];
  readonly ints: readonly Field[];
  readonly strings: readonly Field[];
  readonly graphs: readonly Field[];
}

export function* readAttributeFields(scan: Scan, of: Field): Work<AttributeFields> {
  let name = '';
  let type: AttributeType | undefined = 'undefined';
  let reference = '';
  let float: Field | undefined;
  let int: Field | undefined;
  let string: Field | undefined;
  const tensors: Field[] = [];
  const subgraphs: Field[] = [];
  const floats: Field[] = [];
  const ints: Field[] = [];
  const strings: Field[] = [];
  const graphs: Field[] = [];
  let others = 0;
  for (let at = of.start; at < of.end; ) {
    const field = yield* scan.next(at, of.end);
    at = field.end;
    switch (nameOf(AttributeProto, field)) {
      case 'name':
        name = yield* scan.text(field);
        break;
      case 'f':
        float = field;
        break;
      case 'i':
        int = field;
        break;
      case 's':
        string = field;
        break;
      case 't':
        tensors.push(field);
        break;
      case 'g':
        subgraphs.push(field);
        break;
      case 'floats':
        if (floats.length <= listLimit) floats.push(field);
        break;
      case 'ints':
        if (ints.length <= listLimit) ints.push(field);
        break;
      case 'strings':
        if (strings.length <= listLimit) strings.push(field);
        break;
      case 'graphs':
        if (graphs.length > listLimit) scan.limit(`an attribute with more than ${listLimit} graphs`, 'fewer');
        graphs.push(field);
        break;
      case 'type':
        type = attributeTypeOf(int32Of(field.value));
        break;
      case 'ref_attr_name':
        reference = yield* scan.text(field);
        break;
      case 'tensors':
      case 'tp':
      case 'type_protos':
      case 'sparse_tensor':
      case 'sparse_tensors':
        others++;
        break;
      default:
        break;
    }
  }
  // Files of IR version 1 may leave the type out; what is there tells it, if it is one thing.
  if (type === 'undefined' && others === 0) {
    const there: AttributeType[] = [];
    if (float) there.push('float');
    if (int) there.push('int');
    if (string) there.push('string');
    if (tensors.length > 0) there.push('tensor');
    if (subgraphs.length > 0) there.push('graph');
    if (floats.length > 0) there.push('floats');
    if (ints.length > 0) there.push('ints');
    if (strings.length > 0) there.push('strings');
    if (graphs.length > 0) there.push('graphs');
    if (there.length === 1) type = there[0];
  }
  return { name, type, reference, float, int, string, tensors, subgraphs, floats, ints, strings, graphs };
}
