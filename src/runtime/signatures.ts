/** What the inputs of a model are, from its graph or from its file. */
import type { Declarations } from '../ir/declarations.ts';
import { Dim } from '../ir/dim.ts';
import { parseDim } from '../ir/dim-text.ts';
import type { Graph } from '../ir/graph.ts';
import { rangeProblem } from '../ir/ranges.ts';
import type { TensorType } from '../ir/types.ts';
import type { Port } from './ports.ts';
import type { Signature } from './promises.ts';

/** The inputs of a graph. */
export function signaturesOf(graph: Graph): readonly Signature[] {
  return graph.inputs.map(({ name = '', type }) => ({ name, type, range: graph.inputRanges.get(name) }));
}

/** The inputs of a file of which no graph is known; expressions in its sizes become symbols of their own. */
export function signaturesOfPorts(ports: readonly Port[], declared: Declarations): readonly Signature[] {
  return ports.map((port) => {
    const dims = port.dims.map((d, axis) => {
      if (typeof d === 'number') return Dim.of(d);
      return (d === '' ? undefined : parseDim(d, declared.promises)) ?? Dim.symbol(`${port.name}_${axis}`);
    });
    const type: TensorType = { elem: port.elem, dims };
    const range = declared.inputs.get(port.name);
    return { name: port.name, type, range: range && !rangeProblem(type, range) ? range : undefined };
  });
}
