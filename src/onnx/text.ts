/**
 * A model in ONNX's own textual syntax (onnx/docs/Syntax.md), which `onnx.parser` reads. Names that are no identifiers stand in
 * double quotes, which onnx 1.20 and later accept. Weights are declared with their types and without their elements; small
 * constants of the program are shown with their values. What the syntax has no words for (an attribute that is a tensor or that
 * newer versions added) stands in a comment.
 */

import { unreachable } from '../diagnostics/diagnostic.ts';
import { dataTypeName, elemFacts, elemTypes, otherElems } from '../ir/elem.ts';
import type { LazyBytes } from '../ir/foreign.ts';
import type { ElemType, HostTensor } from '../ir/types.ts';
import { elementText } from '../ir/wide.ts';
import type { FileDim } from './model.ts';
import type { OnnxGraph, OnnxModel, OnnxNode, OnnxNodeAttr, OnnxValue } from './onnx.ts';
import { AttributeProto, attributeTypeOf } from './proto.ts';
import { type TypeStructure, typeStructure } from './types.ts';
import { bytesSource, fieldsOf, nameOf, textOf, varintAt, WireError, wireBytes } from './wire.ts';

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
      switch (nameOf(AttributeProto, field)) {
        case 'type':
          type = field.value;
          break;
        case 'f':
          float = view.getFloat32(field.start, true);
          break;
        case 'i':
          int = whole(field.start);
          break;
        case 's':
          string = textOf(source, field);
          break;
        case 'floats':
          for (let at = field.start; at + 4 <= field.end; at += 4) floats.push(view.getFloat32(at, true));
          break;
        case 'ints':
          if (field.type !== wireBytes) ints.push(whole(field.start));
          else for (let at = field.start; at < field.end; at = varintAt(source, at).end) ints.push(whole(at));
          break;
        default:
          break;
      }
    }
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
  if (!exact) return undefined;
  switch (attributeTypeOf(type)) {
    case 'float':
      return { kind: 'float', value: float };
    case 'int':
      return { kind: 'int', value: int };
    case 'string':
      return { kind: 'string', value: string };
    case 'floats':
      return { kind: 'floats', value: floats };
    case 'ints':
      return { kind: 'ints', value: ints };
    default:
      return undefined;
  }
}

function namedTensorText(dataType: number, dims: readonly (number | string)[]): string {
  return `${dataTypeName(dataType) ?? `type${dataType}`}${dims.length === 0 ? '' : `[${dims.map(dimText).join(',')}]`}`;
}

function dimText(dim: number | string): string {
  return typeof dim === 'number' ? String(dim) : dim === '' ? '?' : nameText(dim);
}

/** A TypeProto in the syntax's words; undefined for what has none. */
function protoTypeText(proto: Uint8Array): string | undefined {
  try {
    return structureText(typeStructure(proto));
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

function structureText(type: TypeStructure): string | undefined {
  const wrapped = (name: string, inner: TypeStructure, before = ''): string | undefined => {
    const text = structureText(inner);
    return text && `${name}(${before}${text})`;
  };
  switch (type.kind) {
    case 'tensor':
      return shapedText(type.dataType, type.dims);
    case 'sparse_tensor':
      return `sparse_tensor(${shapedText(type.dataType, type.dims)})`;
    case 'sequence':
      return wrapped('seq', type.element);
    case 'optional':
      return wrapped('optional', type.element);
    case 'map':
      return wrapped('map', type.value, `${dataTypeName(type.key) ?? ''}, `);
    case 'opaque':
    case 'unknown':
      return undefined;
    default:
      return unreachable(type);
  }
}

/** A shape that is left out is written as `[]`: the rank is not known. */
function shapedText(dataType: number, dims: readonly FileDim[] | undefined): string {
  return dims
    ? namedTensorText(
        dataType,
        dims.map((dim) => dim ?? ''),
      )
    : `${dataTypeName(dataType) ?? `type${dataType}`}[]`;
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
  return !float || onnxField !== 'int32_data';
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
