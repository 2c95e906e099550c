/** What a file holds, in numbers that a reader of it would count as well: nodes, and the elements and bytes of what is stored. */
import { elemBytes, elementCount } from '../ir/types.ts';
import { allNodes, type OnnxAttribute, type OnnxModel, type OnnxNode, type OnnxTensor } from './model.ts';
import { tensorBytes } from './write.ts';

/** What is in an ONNX file: nodes of sub-graphs and of the bodies of functions included. */
export interface FileFigures {
  readonly nodes: number;
  /** How often the file has each operator, with its domain where that is not ONNX's own. Sorted by name. */
  readonly operators: ReadonlyMap<string, number>;
  /** Elements of every stored tensor, be it an initializer or a constant in an attribute. */
  readonly elements: number;
  /** Their bytes. Strings, whose bytes are not looked at, count as none. */
  readonly bytes: number;
}

export function fileFigures({ graph, functions }: OnnxModel): FileFigures {
  const counts = new Map<string, number>();
  let nodes = 0;
  let elements = 0;
  let bytes = 0;
  const store = (tensor: OnnxTensor): void => {
    const [count, size] = storedIn(tensor);
    elements += count;
    bytes += size;
  };
  const see = (list: readonly OnnxNode[]): void => {
    for (const node of allNodes(list)) {
      const { domain, opType, attributes } = node;
      const name = domain === '' ? opType : `${domain}.${opType}`;
      nodes++;
      counts.set(name, (counts.get(name) ?? 0) + 1);
      for (const attribute of attributes) {
        if (attribute.kind === 'tensor') store(attribute.value);
        else if (attribute.kind === 'graph') for (const one of attribute.value.initializers) store(one);
        else if (attribute.kind === 'graphs')
          for (const inner of attribute.value) for (const one of inner.initializers) store(one);
        else if (isConstant(node)) {
          const [count, size] = listed(attribute);
          elements += count;
          bytes += size;
        }
      }
    }
  };
  for (const one of graph.initializers) store(one);
  see(graph.nodes);
  for (const { nodes: inside } of functions) see(inside);
  const operators = new Map([...counts].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
  return { nodes, operators, elements, bytes };
}

const isConstant = ({ domain, opType }: OnnxNode): boolean => domain === '' && opType === 'Constant';

/** ONNX's Constant also has its number or numbers as plain attributes: `value_float`, `value_ints`, … */
function listed(attribute: OnnxAttribute): readonly [elements: number, bytes: number] {
  switch (attribute.kind) {
    case 'float':
      return [1, elemBytes.f32];
    case 'floats':
      return [attribute.value.length, attribute.value.length * elemBytes.f32];
    case 'int':
      return [1, elemBytes.i64];
    case 'ints':
      return [attribute.value.length, attribute.value.length * elemBytes.i64];
    case 'string':
      return [1, 0];
    case 'strings':
      return [attribute.value.length, 0];
    default:
      return [0, 0];
  }
}

function storedIn(tensor: OnnxTensor): readonly [elements: number, bytes: number] {
  switch (tensor.kind) {
    case 'tensor':
      return [tensor.expr.count, tensorBytes(tensor)];
    case 'other':
      // 4-bit types share their bytes.
      return [elementCount(tensor.dims), tensor.raw.count];
    default: {
      const sizes = /\[(.*)\]$/.exec(tensor.text)?.[1] ?? '';
      return [sizes === '' ? 1 : elementCount(sizes.split(',').map(Number)), 0];
    }
  }
}
