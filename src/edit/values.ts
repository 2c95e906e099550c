/** The values of a model's outermost graph: their names, who makes them, and their types as the file and an import know them. */

import { onnxType } from '../codegen/to-onnx.ts';
import { noSuchValue } from '../diagnostics/catalogue/edit.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { nearest } from '../diagnostics/suggest.ts';
import { importedAt, ownOpset } from '../import/at-opset.ts';
import type { ImportedModel, ImportOptions } from '../import/imported-model.ts';
import type { Graph } from '../ir/graph.ts';
import { minOpset } from '../ir/opset.ts';
import type { TensorType } from '../ir/types.ts';
import { inlineFunctions } from '../onnx/functions.ts';
import type { OnnxFile, OnnxGraph, OnnxNode, OnnxTensor, OnnxType, OnnxValue } from '../onnx/model.ts';

/** A file as a graph, whatever it is of: what the runtime is fed by, and what knows the types of values. */
export function importedFile(file: OnnxFile, options: ImportOptions = {}): ImportedModel {
  return importedAt(inlineFunctions(file), Math.max(minOpset, ownOpset(file)), false, options).imported;
}

/** The graph of a file as it is, without passes: inputs of a proof are drawn for it. */
export const graphOfFile = (file: OnnxFile): Graph => importedFile(file).graph;

/** A node for messages: its name, or what it makes. */
export const nodeName = ({ name, opType, outputs }: OnnxNode): string =>
  `${name === '' ? (outputs.find((one) => one !== '') ?? 'a node') : name} (${opType})`;

/** By name: what stands at the top of a model. Values within sub-graphs and functions are none of it. */
export class TopValues {
  readonly inputs: ReadonlyMap<string, OnnxValue>;
  readonly outputs: ReadonlyMap<string, OnnxValue>;
  readonly initializers: ReadonlyMap<string, OnnxTensor>;
  /** The nodes that make values, by value. */
  readonly makers: ReadonlyMap<string, OnnxNode>;
  readonly #file: OnnxFile;
  #types: ReadonlyMap<string, OnnxType> | undefined;

  constructor(file: OnnxFile) {
    const { graph } = file;
    const byName = <T extends { readonly name: string }>(list: readonly T[]): ReadonlyMap<string, T> =>
      new Map(list.map((one) => [one.name, one]));
    this.#file = file;
    this.inputs = byName(graph.inputs);
    this.outputs = byName(graph.outputs);
    this.initializers = byName(graph.initializers);
    const makers = new Map<string, OnnxNode>();
    for (const node of graph.nodes) for (const name of node.outputs) if (name !== '') makers.set(name, node);
    this.makers = makers;
  }

  /** Inputs that a caller gives: those with a default need not be given. */
  get asked(): readonly string[] {
    return [...this.inputs.keys()].filter((name) => !this.initializers.has(name));
  }

  has(name: string): boolean {
    return this.makers.has(name) || this.inputs.has(name) || this.initializers.has(name);
  }

  /** Throws RES0122 for a name that stands for nothing here, with the nearest one that does. */
  check(name: string): void {
    if (name !== '' && this.has(name)) return;
    const { graph, file } = this.#file;
    const known = [...this.makers.keys(), ...this.inputs.keys(), ...this.initializers.keys()];
    // A scope ends in its last value.
    const within = [...this.makers.keys()].filter(
      (one) => name !== '' && /^[./]/.test(one.startsWith(name) ? one.slice(name.length) : ''),
    );
    const near = within.at(-1) ?? nearest(name, new Set(known));
    const node = graph.nodes.find((one) => one.name === name && one.name !== '');
    const made = node?.outputs.find((one) => one !== '');
    fail(noSuchValue, {
      with: {
        file,
        found: `${JSON.stringify(name)}${node ? `, which is a node (${node.opType})` : ''}`,
        expected: made
          ? `a value: the node makes ${node?.outputs.filter((one) => one !== '').join(', ')}`
          : `the name of an input, or of what a node makes, such as ${shownNames([...this.asked, ...this.makers.keys()])}`,
        hint: made ?? near ?? `rescc graph ${file} -o net.svg`,
      },
    });
  }

  /** What is known of the type of a value: what the file says, and what an import finds out. */
  typeOf(name: string): OnnxType | undefined {
    const own = this.inputs.get(name)?.type ?? this.outputs.get(name)?.type;
    if (own && (own.proto || own.dims)) return own;
    const tensor = this.initializers.get(name);
    if (tensor?.kind === 'tensor') return { elem: tensor.expr.elem, dims: tensor.expr.dims };
    this.#types ??= importedTypes(this.#file);
    const found = this.#types.get(name);
    const said = this.#file.graph.valueInfo.find((one) => one.name === name)?.type;
    return found ?? said ?? own;
  }
}

function shownNames(names: readonly string[]): string {
  return `${names.slice(0, 6).join(', ')}${names.length > 6 ? ', …' : ''}`;
}

/** Types of everything that an import finds at the top; sizes are named as the file names them. */
function importedTypes(file: OnnxFile): ReadonlyMap<string, OnnxType> {
  const seen = new Map<string, TensorType>();
  const { dimNames } = importedFile(file, {
    onValues: (values) => {
      for (const [name, { type }] of values) seen.set(name, type);
    },
  });
  const out = new Map<string, OnnxType>();
  for (const [name, type] of seen) {
    const found = type.foreign ? undefined : onnxType(type, dimNames, false);
    if (found) out.set(name, found);
  }
  return out;
}

/** The graph with these parts, and without types of values that it no longer has. */
export function withParts(graph: OnnxGraph, parts: Partial<OnnxGraph>): OnnxGraph {
  const made = { ...graph, ...parts };
  const names = new Set(made.nodes.flatMap((node) => node.outputs));
  return { ...made, valueInfo: made.valueInfo.filter(({ name }) => names.has(name)) };
}
