/**
 * A model in ONNX's own textual syntax (onnx/docs/Syntax.md), which `onnx.parser` reads. Names that are no identifiers stand in
 * double quotes, which onnx 1.20 and later accept. Weights are declared with their types and without their elements; small
 * constants of the program are shown with their values. What the syntax has no words for (an attribute that is a tensor or that
 * newer versions added) stands in a comment.
 */

import { checkArgument, onnxModelKind } from '../diagnostics/arguments.ts';
import { unreachable } from '../diagnostics/diagnostic.ts';
import { dataTypeName, elemFacts, elemTypes, otherElems } from '../ir/elem.ts';
import type { ElemType, HostTensor } from '../ir/types.ts';
import { elementText } from '../ir/wide.ts';
import { materializeSync } from '../tensor/algebra.ts';
import { namedElements } from './constant-names.ts';
import type { OnnxAttribute, OnnxDim, OnnxFunction, OnnxGraph, OnnxModel, OnnxNode, OnnxTensor, OnnxValue } from './model.ts';
import { type TypeStructure, typeStructure } from './types.ts';
import { WireError } from './wire.ts';

/** The whole model, ended by a line break. */
export function onnxText(model: OnnxModel): string {
  checkArgument('onnxText', 'model', model, onnxModelKind);
  const opsets = [...model.opsets].map(([name, version]) => `${quoted(name)} : ${version}`);
  const head = [`  ir_version: ${model.irVersion}`, `  opset_import: [${opsets.join(', ')}]`];
  if (model.producerName !== '') head.push(`  producer_name: ${quoted(model.producerName)}`);
  if (model.producerVersion !== '') head.push(`  producer_version: ${quoted(model.producerVersion)}`);
  if (model.metadata.length > 0)
    head.push(`  metadata_props: [${model.metadata.map(([k, v]) => `${quoted(k)}: ${quoted(v)}`).join(', ')}]`);
  const functions = model.functions.map((one) => `${functionText(one)}\n`);
  return `<\n${head.join(',\n')}\n>\n${graphText(model.graph, '')}\n${functions.join('')}`;
}

/** A function stands behind the graph, with its own opsets. */
function functionText(one: OnnxFunction): string {
  const opsets = [...one.opsets].map(([name, version]) => `${quoted(name)} : ${version}`);
  const head = [`  domain: ${quoted(one.domain)}`];
  if (one.overload !== '') head.push(`  overload: ${quoted(one.overload)}`);
  head.push(`  opset_import: [${opsets.join(', ')}]`);
  const attributes = [...one.attributes, ...one.defaults.map((attr) => attrText(attr, '') ?? attr.name)];
  const named = attributes.length > 0 ? ` <${attributes.join(', ')}>` : '';
  const nodes = one.nodes.map((node) => `  ${nodeText(node, '  ')}`).join('\n');
  const signature = `(${one.inputs.map(nameText).join(', ')}) => (${one.outputs.map(nameText).join(', ')})`;
  return `<\n${head.join(',\n')}\n>\n${nameText(one.name)}${named} ${signature}\n{\n${nodes}\n}`;
}

function graphText(graph: OnnxGraph, indent: string): string {
  const inner = `${indent}  `;
  const declared = [...graph.initializers.map(tensorText), ...graph.valueInfo.map(valueText)];
  const parts = [
    `${nameText(graph.name)} (${graph.inputs.map(valueText).join(', ')}) => (${graph.outputs.map(valueText).join(', ')})`,
  ];
  if (declared.length > 0) parts.push(`${indent}<\n${declared.map((line) => inner + line).join(',\n')}\n${indent}>`);
  parts.push(`${indent}{\n${graph.nodes.map((node) => inner + nodeText(node, inner)).join('\n')}\n${indent}}`);
  return parts.join('\n');
}

/** Of a tensor that is named by its value the elements, of others the type. */
function tensorText(tensor: OnnxTensor): string {
  const { name } = tensor;
  switch (tensor.kind) {
    case 'tensor': {
      const { elem, dims } = tensor.expr;
      const value = `${shapedText(elemFacts[elem].onnx, dims)} ${nameText(name)}`;
      const elements = dataTypeHasText(elem) ? namedElements(name, tensor.expr) : undefined;
      return elements ? `${value} = ${elementsText(elements)}` : value;
    }
    case 'other':
      return `${shapedText(tensor.dataType, tensor.dims)} ${nameText(name)}`;
    case 'proto':
      return `${tensor.text.replace(/, /g, ',').replace('[]', '')} ${nameText(name)}`;
    default:
      return unreachable(tensor);
  }
}

function nodeText(node: OnnxNode, indent: string): string {
  const attrs: string[] = [];
  const untold: string[] = [];
  for (const attr of node.attributes) {
    const text = attrText(attr, indent);
    if (text !== undefined) attrs.push(text);
    else untold.push(attr.bytes ? `${attr.name}: ${attr.bytes.size} bytes` : attr.name);
  }
  const results = node.outputs.map(nameText).join(', ');
  const op = `${node.domain === '' ? '' : `${node.domain}.`}${node.opType}${node.overload === '' ? '' : `:${node.overload}`}`;
  const comment = untold.length > 0 ? ` # ${untold.join(', ').replace(/[\r\n]/g, ' ')}` : '';
  return `[${nameText(node.name)}] ${results} = ${op}${attrs.length > 0 ? ` <${attrs.join(', ')}>` : ''} (${node.inputs.map(nameText).join(', ')})${comment}`;
}

/** Undefined for what the syntax cannot say. Sub-graphs nest as deep as those of the graph. */
function attrText(attr: OnnxAttribute, indent: string): string | undefined {
  const { name } = attr;
  if (attr.bytes && attr.bytes.size > longestAttr && attr.kind !== 'graph') return undefined;
  switch (attr.kind) {
    case 'int':
      return `${name} = ${attr.value}`;
    case 'ints':
      return attr.value.length === 0 ? `${name}: ints = []` : `${name} = [${attr.value.join(', ')}]`;
    case 'float':
      return `${name} = ${singleText(attr.value)}`;
    case 'floats':
      return attr.value.length === 0 ? `${name}: floats = []` : `${name} = [${attr.value.map(singleText).join(', ')}]`;
    case 'string':
      return `${name} = ${quoted(attr.value)}`;
    case 'strings':
      return attr.value.length === 0 ? `${name}: strings = []` : `${name} = [${attr.value.map(quoted).join(', ')}]`;
    case 'tensor': {
      const expr = attr.value.kind === 'tensor' && attr.value.expr.count <= longestTensor ? attr.value.expr : undefined;
      const host = expr && dataTypeHasText(expr.elem) ? materializeSync(expr) : undefined;
      return host && `${name} = ${shapedText(elemFacts[host.elem].onnx, host.dims)} ${elementsText(host)}`;
    }
    case 'graph':
      return `${name} = ${graphText(attr.value, indent)}`;
    case 'reference':
      return `${name} = @${attr.to}`;
    case 'graphs':
    case 'other':
      return undefined;
    default:
      return unreachable(attr);
  }
}

/** Attributes of more bytes, and tensors of more elements, are not shown. */
const longestAttr = 4096;
const longestTensor = 64;

function dimText(dim: OnnxDim): string {
  return typeof dim === 'number' ? String(dim) : dim === undefined ? '?' : nameText(dim);
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
function shapedText(dataType: number, dims: readonly OnnxDim[] | undefined): string {
  const name = dataTypeName(dataType) ?? `type${dataType}`;
  if (!dims) return `${name}[]`;
  return dims.length === 0 ? name : `${name}[${dims.map(dimText).join(',')}]`;
}

function valueText({ name, type }: OnnxValue): string {
  const known = type?.elem ? shapedText(elemFacts[type.elem].onnx, type.dims) : type?.proto && protoTypeText(type.proto);
  return known === undefined ? nameText(name) : `${known} ${nameText(name)}`;
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

/** A number of 32 bits in the fewest digits that say it. */
function singleText(value: number): string {
  for (let digits = 1; digits < 9 && Number.isFinite(value); digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return floatText(Object.is(value, -0) ? value : short);
  }
  return floatText(value);
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
