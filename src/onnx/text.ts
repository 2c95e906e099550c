/**
 * A model in ONNX's own textual syntax (onnx/docs/Syntax.md), which `onnx.parser` reads. Names that are no identifiers stand in double
 * quotes, which onnx 1.20 and later accept. Weights are declared with their types and without their elements; small
 * constants of the program are shown with their values. What the syntax has no words for (an attribute that is a tensor or that newer
 * versions added) stands in a comment.
 */

import { unreachable } from '../diagnostics/diagnostic.ts';
import { dataTypeName, elemFacts, elemTypes, otherElems } from '../ir/elem.ts';
import type { LazyBytes } from '../ir/foreign.ts';
import type { ElemType, HostTensor } from '../ir/types.ts';
import { elementText } from '../ir/wide.ts';
import type { OnnxGraph, OnnxModel, OnnxNode, OnnxNodeAttr, OnnxValue } from './onnx.ts';
import { bytesSource, type Field, fieldsOf, textOf, varintAt, WireError, wireBytes } from './wire-reader.ts';

/** The whole model, ended by a line break. */
export function onnxText(model: OnnxModel): string {
  const head = [
    `  ir_version: ${model.irVersion}`,
    `  opset_import: [${[['', model.opset] as const, ...(model.domains ?? [])].map(([name, version]) => `${quoted(name)} : ${version}`).join(', ')}]`,
    `  producer_name: ${quoted(model.producer.name)}`,
  ];
  if (model.producer.version !== '') head.push(`  producer_version: ${quoted(model.producer.version)}`);
  if (model.metadata.length > 0)
    head.push(`  metadata_props: [${model.metadata.map(([k, v]) => `${quoted(k)}: ${quoted(v)}`).join(', ')}]`);
  return `<\n${head.join(',\n')}\n>\n${graphText(model.graph, '')}\n`;
}

function graphText(graph: OnnxGraph, indent: string): string {
  const inner = `${indent}  `;
  const declared = [
    ...graph.initializers.map(({ name, elem, dims, literal, stands }) => {
      if (stands) return `${namedTensorText(stands.dataType, stands.dims)} ${nameText(name)}`;
      const value = valueText({ name, elem, dims });
      return literal && dataTypeHasText(elem) ? `${value} = ${elementsText(literal)}` : value;
    }),
    ...graph.valueInfo.map(valueText),
  ];
  const parts = [
    `${nameText(graph.name)} (${graph.inputs.map(valueText).join(', ')}) => (${graph.outputs.map(valueText).join(', ')})`,
  ];
  if (declared.length > 0) parts.push(`${indent}<\n${declared.map((line) => inner + line).join(',\n')}\n${indent}>`);
  parts.push(`${indent}{\n${graph.nodes.map((node) => inner + nodeText(node, inner)).join('\n')}\n${indent}}`);
  return parts.join('\n');
}

function nodeText(node: OnnxNode, indent: string): string {
  const attrs: string[] = [];
  const untold: string[] = [];
  for (const [name, attr] of node.attrs) {
    const text = attrText(name, attr, indent);
    if (text !== undefined) attrs.push(text);
    else untold.push(attr.kind === 'raw' ? `${name}: ${attr.bytes.size} bytes` : name);
  }
  const results = node.outputs.map(nameText).join(', ');
  const op = node.domain === undefined ? node.op : `${node.domain}.${node.op}`;
  const comment = untold.length > 0 ? ` # ${untold.join(', ').replace(/[\r\n]/g, ' ')}` : '';
  return `[${nameText(node.name)}] ${results} = ${op}${attrs.length > 0 ? ` <${attrs.join(', ')}>` : ''} (${node.inputs.map(nameText).join(', ')})${comment}`;
}

/** Undefined for what the syntax cannot say. Sub-graphs nest as deep as those of the graph. */
function attrText(name: string, attr: OnnxNodeAttr, indent: string): string | undefined {
  switch (attr.kind) {
    case 'int':
      return `${name} = ${attr.value}`;
    case 'ints':
      return attr.value.length === 0 ? `${name}: ints = []` : `${name} = [${attr.value.join(', ')}]`;
    case 'float':
      return `${name} = ${floatText(attr.value)}`;
    case 'floats':
      return attr.value.length === 0 ? `${name}: floats = []` : `${name} = [${attr.value.map(floatText).join(', ')}]`;
    case 'string':
      return `${name} = ${quoted(attr.value)}`;
    case 'tensor':
      return `${name} = ${typeText(attr.value.elem, attr.value.dims)} ${elementsText(attr.value)}`;
    case 'graph':
      return `${name} = ${graphText(attr.value, indent)}`;
    case 'graphs':
      return undefined;
    case 'raw': {
      const decoded = decodedAttr(attr.bytes);
      return decoded && attrText(name, decoded, indent);
    }
    default:
      return unreachable(attr);
  }
}

/** Longer attributes are not shown. */
const longestAttr = 4096;

/** A number, a string, or a list of numbers, when its bytes can be read at once. */
function decodedAttr(bytes: LazyBytes): Exclude<OnnxNodeAttr, { kind: 'raw' }> | undefined {
  if (!bytes.readSync || bytes.size > longestAttr) return undefined;
  const held = bytes.readSync(0, bytes.size);
  const source = bytesSource(held);
  const view = new DataView(held.buffer, held.byteOffset, held.byteLength);
  let type = 0;
  let float = 0;
  let int = 0;
  let string = '';
  const floats: number[] = [];
  const ints: number[] = [];
  let exact = true;
  const whole = (offset: number): number => {
    const value = Number(BigInt.asIntN(64, varintAt(source, offset).whole));
    if (!Number.isSafeInteger(value)) exact = false;
    return value;
  };
  try {
    for (const field of fieldsOf(source)) {
      if (field.number === 20) type = field.value;
      else if (field.number === 2 && field.end - field.start === 4) float = view.getFloat32(field.start, true);
      else if (field.number === 3) int = whole(field.start);
      else if (field.number === 4) string = textOf(source, field);
      else if (field.number === 7)
        for (let at = field.start; at + 4 <= field.end; at += 4) floats.push(view.getFloat32(at, true));
      else if (field.number === 8) {
        if (field.type !== wireBytes) ints.push(whole(field.start));
        else for (let at = field.start; at < field.end; at = varintAt(source, at).end) ints.push(whole(at));
      }
    }
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
  if (!exact) return undefined;
  if (type === 1) return { kind: 'float', value: float };
  if (type === 2) return { kind: 'int', value: int };
  if (type === 3) return { kind: 'string', value: string };
  if (type === 6) return { kind: 'floats', value: floats };
  if (type === 7) return { kind: 'ints', value: ints };
  return undefined;
}

function namedTensorText(dataType: number, dims: readonly (number | string)[]): string {
  return `${dataTypeName(dataType) ?? `type${dataType}`}${dims.length === 0 ? '' : `[${dims.map(dimText).join(',')}]`}`;
}

function dimText(dim: number | string): string {
  return typeof dim === 'number' ? String(dim) : dim === '' ? '?' : nameText(dim);
}

/** Types nest as deep as a file says: a sequence of optional tensors is three. */
const deepestType = 16;

/** A TypeProto in the syntax's words; undefined for what has none. */
function protoTypeText(proto: Uint8Array): string | undefined {
  try {
    return protoText(proto, 0);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

function protoText(proto: Uint8Array, depth: number): string | undefined {
  if (depth > deepestType) return undefined;
  const inside = (field: Field): Uint8Array => proto.subarray(field.start, field.end);
  const elementOf = (bytes: Uint8Array, number: number): string | undefined => {
    for (const field of fieldsOf(bytesSource(bytes))) {
      if (field.number === number) return protoText(bytes.subarray(field.start, field.end), depth + 1);
    }
    return undefined;
  };
  const wrapped = (name: string, element: string | undefined): string | undefined => element && `${name}(${element})`;
  for (const field of fieldsOf(bytesSource(proto))) {
    if (field.number === 1) return protoTensorText(inside(field));
    if (field.number === 4) return wrapped('seq', elementOf(inside(field), 1));
    if (field.number === 5)
      return wrapped(
        'map',
        mapText(inside(field), (bytes) => protoText(bytes, depth + 1)),
      );
    if (field.number === 8) return wrapped('sparse_tensor', protoTensorText(inside(field)));
    if (field.number === 9) return wrapped('optional', elementOf(inside(field), 1));
  }
  return undefined;
}

function mapText(map: Uint8Array, textOfType: (bytes: Uint8Array) => string | undefined): string | undefined {
  let key = '';
  let value: string | undefined;
  for (const field of fieldsOf(bytesSource(map))) {
    if (field.number === 1) key = dataTypeName(field.value) ?? '';
    if (field.number === 2) value = textOfType(map.subarray(field.start, field.end));
  }
  return value && `${key}, ${value}`;
}

/** A shape that is left out is written as `[]`: the rank is not known. */
function protoTensorText(tensor: Uint8Array): string {
  let name = '';
  let dims: (number | string)[] | undefined;
  for (const field of fieldsOf(bytesSource(tensor))) {
    if (field.number === 1) name = dataTypeName(field.value) ?? `type${field.value}`;
    if (field.number !== 2) continue;
    const shape = bytesSource(tensor.subarray(field.start, field.end));
    dims = [];
    for (const dim of fieldsOf(shape)) {
      if (dim.number !== 1 || dim.type !== wireBytes) continue;
      const inner = bytesSource(shape.read(dim.start, dim.end - dim.start));
      let text: number | string = '';
      for (const part of fieldsOf(inner)) text = part.number === 1 ? part.value : part.number === 2 ? textOf(inner, part) : text;
      dims.push(text);
    }
  }
  return dims ? `${name}${dims.length === 0 ? '' : `[${dims.map(dimText).join(',')}]`}` : `${name}[]`;
}

function valueText(value: OnnxValue): string {
  const { foreign } = value;
  if (!foreign) return `${typeText(value.elem, value.dims)} ${nameText(value.name)}`;
  const known = foreign.proto
    ? protoTypeText(foreign.proto)
    : foreign.tensor && namedTensorText(foreign.tensor.dataType, foreign.tensor.dims);
  return known === undefined ? nameText(value.name) : `${known} ${nameText(value.name)}`;
}

function typeText(elem: ElemType, dims: readonly (number | string)[]): string {
  const name = elemFacts[elem].onnxName;
  return dims.length === 0 ? name : `${name}[${dims.map(dimText).join(',')}]`;
}

/** The parser reads the floats that int32_data holds as bit patterns, so that writing their values would say something else. */
function dataTypeHasText(elem: ElemType): boolean {
  const { float, onnxField } = elemFacts[elem];
  return !float || onnxField !== 5;
}

function elementsText(tensor: HostTensor): string {
  const float = tensor.elem === 'f32' || tensor.elem === 'f64';
  const one = (v: number, i: number): string =>
    float ? floatText(tensor.elem === 'f32' ? Math.fround(v) : v) : tensor.wide ? elementText(tensor, i) : integerText(v);
  return `{${Array.from(tensor.data, one).join(', ')}}`;
}

/** Beyond 2^53 only the saturated ends of i64 occur, whose doubles lie one beyond or print with an exponent. */
function integerText(value: number): string {
  if (Number.isSafeInteger(value)) return String(value);
  const whole = BigInt(value);
  const most = 2n ** 63n - 1n;
  return String(whole > most ? most : whole);
}

/** A float is told from an integer by its point or exponent. Infinities and NaN have names in the syntax. */
function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  const text = Object.is(value, -0) ? '-0' : String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/** Words that begin a type or a value, where a name may stand as well. */
const reserved = new Set([
  'seq',
  'map',
  'optional',
  'sparse_tensor',
  'inf',
  'infinity',
  'nan',
  ...elemTypes.map((elem) => elemFacts[elem].onnxName),
  ...otherElems.map(({ name }) => name),
]);

function nameText(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !reserved.has(name) ? name : quoted(name);
}

function quoted(text: string): string {
  return `"${text.replace(/\\/g, '\\\\').replace(/"/g, '\\"')}"`;
}
