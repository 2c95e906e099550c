/** What the inputs of a model are, from its graph or from its file. */
import { type Declarations, readDeclarations } from '../ir/declarations.ts';
import { Dim } from '../ir/dim.ts';
import { parseDim } from '../ir/dim-text.ts';
import type { Graph } from '../ir/graph.ts';
import { noPromise, type SizePromise } from '../ir/promise.ts';
import { rangeProblem } from '../ir/ranges.ts';
import type { TensorType } from '../ir/types.ts';
import type { OnnxMetadata } from '../onnx/metadata.ts';
import type { Port } from './ports.ts';
import type { Signature } from './promises.ts';

/** The inputs of a graph. */
export function signaturesOf(graph: Graph): readonly Signature[] {
  return graph.inputs.map(({ name = '', type }) => ({ name, type, range: graph.inputRanges.get(name) }));
}

/** What a file declares, and what that leaves open. */
export interface FileDeclarations extends Declarations {
  /** Of a size of which it says nothing. */
  readonly untold: SizePromise;
}

/**
 * What a file declares by its metadata. In what rescc has written a size is at least 1 unless the file says otherwise, because
 * the compiler and its passes rely on that; of a file of anybody else's nobody has promised it.
 */
export function declarationsIn({ entries, producerName }: OnnxMetadata): FileDeclarations {
  return { ...readDeclarations(entries), untold: producerName === 'rescc' ? noPromise : { ...noPromise, least: 0 } };
}

/** Of a model whose file is not read. */
export function nothingDeclared(): FileDeclarations {
  return { ...readDeclarations(new Map()), untold: noPromise };
}

/** The inputs of a file of which no graph is known; expressions in its sizes become symbols of their own. */
export function signaturesOfPorts(ports: readonly Port[], declared: FileDeclarations): readonly Signature[] {
  return ports.map((port) => {
    const dims = port.dims.map((d, axis) => {
      if (typeof d === 'number') return Dim.of(d);
      const said = d === '' ? undefined : parseDim(d, declared.promises);
      return said ? withUntold(said, declared) : Dim.promised(`${port.name}_${axis}`, declared.untold);
    });
    const type: TensorType = { elem: port.elem, dims };
    const range = declared.inputs.get(port.name);
    return { name: port.name, type, range: range && !rangeProblem(type, range) ? range : undefined };
  });
}

function withUntold(dim: Dim, { promises, untold }: FileDeclarations): Dim {
  if (untold === noPromise) return dim;
  const free = [...dim.promises()].filter(([name, { multiple }]) => !promises.has(name) && multiple === 1);
  return dim.substituteAll(new Map(free.map(([name]) => [name, Dim.promised(name, untold)])));
}
