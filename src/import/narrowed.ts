/**
 * Inputs that take less than the file says they do: a size that the file leaves open became a number, or a rank that it leaves
 * open became one, because a node that runs every time takes nothing else. Found by comparing what the file declares with the
 * graph, whatever the import did.
 */
import type { Graph } from '../ir/graph.ts';
import type { OnnxDim, OnnxGraph } from '../onnx/model.ts';

/** An input with fewer sizes than the file gives it. */
export interface NarrowedInput {
  readonly name: string;
  /** As the file declares it: a number, a name, or undefined for a size without one; undefined as a whole for an unknown rank. */
  readonly before: readonly OnnxDim[] | undefined;
  /** Now; what is open is what it was before. */
  readonly after: readonly OnnxDim[];
  /** The nodes that ask for it. */
  readonly by: readonly string[];
}

export interface NarrowingFacts {
  /** Whether the user gave this axis of this input its size. */
  isAsked(input: string, axis: number, dim: OnnxDim): boolean;
  /** The node that a size, or with no axis the rank, was said by. */
  saidBy(input: string, axis: number | undefined, dim: OnnxDim): string | undefined;
}

/** Inputs of a file that the graph takes fewer sizes of; those that the graph has not are constants. */
export function narrowedInputs(file: OnnxGraph, graph: Graph, facts: NarrowingFacts): readonly NarrowedInput[] {
  const out: NarrowedInput[] = [];
  const inputs = new Map(graph.inputs.map((value) => [value.name, value]));
  for (const { name, type } of file.inputs) {
    const value = inputs.get(name);
    if (!value || value.type.foreign || type?.elem === undefined) continue;
    const before = type.dims?.map((d) => (typeof d === 'number' && d < 0 ? undefined : d));
    const by = new Set<string>();
    let narrowed = before === undefined;
    if (!before) by.add(facts.saidBy(name, undefined, undefined) ?? '');
    const after = value.type.dims.map((d, axis): OnnxDim => {
      const declared = before?.[axis];
      const size = d.constant;
      if (typeof declared === 'number' || size === undefined || facts.isAsked(name, axis, declared)) return size ?? declared;
      narrowed = true;
      by.add(facts.saidBy(name, axis, declared) ?? '');
      return size;
    });
    by.delete('');
    if (narrowed) out.push({ name, before, after, by: [...by] });
  }
  return out;
}

/** `[N, ?, 4]`, and `of any rank` for an unknown one. */
export function shapeOfFile(dims: readonly OnnxDim[] | undefined): string {
  return dims ? `[${dims.map((d) => d ?? '?').join(', ')}]` : 'any rank';
}
