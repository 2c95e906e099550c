/**
 * A graph's parameters as a safetensors file, under their paths, in constant memory. Source: github huggingface/safetensors,
 * whose own writer's order (widest elements first, then by name) and padding are kept, so that it writes the same bytes for the
 * same tensors.
 */

import { parametersOf } from '../checkpoint/bind.ts';
import { elemFacts } from '../ir/elem.ts';
import type { Graph } from '../ir/graph.ts';
import { elemBytes, elementCount } from '../ir/types.ts';
import { utf8Size, WireWriter } from '../onnx/wire.ts';
import { bytesOf, type Pieces, type StopSignal, tensorPieces } from '../onnx/write.ts';
import type { WeightExpr } from '../tensor/expr.ts';
import { exprOf } from '../tensor/values.ts';

interface NamedWeight {
  readonly name: string;
  readonly expr: WeightExpr;
}

/** A file that is planned: its header is made, its numbers are not computed yet. */
export interface SafetensorsFile {
  readonly header: Uint8Array;
  readonly tensors: readonly NamedWeight[];
  /** Of the whole file. */
  readonly bytes: number;
}

/**
 * Plans the file of a graph's parameters and buffers: as initialised or loaded before the passes, as folded after them. Where
 * folding left several tensors of one name, the second and later ones get a number.
 */
export function safetensorsOf(graph: Graph): SafetensorsFile {
  const tensors: NamedWeight[] = [];
  const parameters = parametersOf(graph);
  const taken = new Set(parameters.keys());
  for (const [name, values] of parameters) {
    const contents = [...new Set(values.map(exprOf))];
    for (const [i, expr] of contents.entries()) {
      let label = name;
      for (let number = i; i > 0 && taken.has(label); number++) label = `${name}_${number}`;
      taken.add(label);
      tensors.push({ name: label, expr });
    }
  }
  const before = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
  tensors.sort(
    (a, b) => elemFacts[b.expr.elem].safetensorsOrder - elemFacts[a.expr.elem].safetensorsOrder || before(a.name, b.name),
  );
  // PyTorch's loaders ask for a format; it says whose names the tensors have.
  const entries = [`"__metadata__":{"format":"pt"}`];
  let end = 0;
  for (const { name, expr } of tensors) {
    const begin = end;
    end += elementCount(expr.dims) * elemBytes[expr.elem];
    entries.push(
      `${JSON.stringify(name)}:{"dtype":"${elemFacts[expr.elem].safetensors}","shape":[${expr.dims.join(',')}],"data_offsets":[${begin},${end}]}`,
    );
  }
  const json = `{${entries.join(',')}}`;
  const length = Math.ceil(utf8Size(json) / 8) * 8;
  const writer = new WireWriter(length + 8);
  writer.fixed64(BigInt(length));
  writer.text(json + ' '.repeat(length - utf8Size(json)));
  return { header: writer.view().slice(), tensors, bytes: 8 + length + end };
}

/**
 * The file's bytes in order. Each piece is valid until the next one is asked for. Throws `DiagnosticError` when a folded weight
 * is not finite.
 */
export function encodeSafetensors(file: SafetensorsFile, signal?: StopSignal): AsyncGenerator<Uint8Array, void, undefined> {
  return bytesOf(safetensorsPieces(file, signal), signal);
}

/** The same in pieces: tensors that lie in a file as they are written are left to whoever writes. */
export async function* safetensorsPieces(file: SafetensorsFile, signal?: StopSignal): Pieces {
  yield file.header;
  yield* tensorPieces(file.tensors, signal);
}
