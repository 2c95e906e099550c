/**
 * A model in ONNX's own textual syntax (onnx/docs/Syntax.md), which `onnx.parser` reads. Names that are no identifiers stand in double
 * quotes, which onnx 1.20 and later accept. Weights are declared with their types and without their elements; small
 * constants of the program are shown with their values.
 */
import { unreachable } from '../diagnostics/diagnostic.ts';
import type { ElemType, HostTensor } from '../ir/types.ts';
import { dataTypeNames, type OnnxGraph, type OnnxModel, type OnnxNode, type OnnxNodeAttr, type OnnxValue } from './onnx.ts';

/** The whole model, ended by a line break. */
export function onnxText(model: OnnxModel): string {
  const head = [
    `  ir_version: ${model.irVersion}`,
    `  opset_import: ["" : ${model.opset}]`,
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
    ...graph.initializers.map(({ name, elem, dims, literal }) => {
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
  const attrs = node.attrs.map(([name, attr]) => attrText(name, attr, indent));
  const results = node.outputs.map(nameText).join(', ');
  return `[${nameText(node.name)}] ${results} = ${node.op}${attrs.length > 0 ? ` <${attrs.join(', ')}>` : ''} (${node.inputs.map(nameText).join(', ')})`;
}

function attrText(name: string, attr: OnnxNodeAttr, indent: string): string {
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
    default:
      return unreachable(attr);
  }
}

function valueText(value: OnnxValue): string {
  return `${typeText(value.elem, value.dims)} ${nameText(value.name)}`;
}

function typeText(elem: ElemType, dims: readonly (number | string)[]): string {
  const name = dataTypeNames[elem];
  return dims.length === 0 ? name : `${name}[${dims.map((d) => (typeof d === 'number' ? d : nameText(d))).join(',')}]`;
}

/** The parser reads half floats as bit patterns, so that writing their values would say something else. */
function dataTypeHasText(elem: ElemType): boolean {
  return elem !== 'f16' && elem !== 'bf16';
}

function elementsText(tensor: HostTensor): string {
  const float = tensor.elem === 'f32' || tensor.elem === 'f64';
  return `{${Array.from(tensor.data, (v) => (float ? floatText(tensor.elem === 'f32' ? Math.fround(v) : v) : integerText(v))).join(', ')}}`;
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
  ...Object.values(dataTypeNames),
  'string',
  'complex64',
  'complex128',
]);

function nameText(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !reserved.has(name) ? name : quoted(name);
}

function quoted(text: string): string {
  return `"${text.replace(/\\/g, '\\\\').replace(/"/g, '\\"')}"`;
}
