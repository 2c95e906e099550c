/** What an import is asked for, and what it gives. */
import type { OnProgress } from '../diagnostics/progress.ts';
import type { Graph, Value } from '../ir/graph.ts';
import type { NarrowedInput } from './narrowed.ts';

export interface ImportOptions {
  /** Initialisers that are listed as inputs stay inputs with a default; otherwise they are constants, which a note says. */
  readonly keepInputs?: boolean;
  /** Numbers for open sizes: by the name of a dimension (`N`), or by input and axis (`x:0`). */
  readonly inputShapes?: ReadonlyMap<string, number>;
  /** Every node stays as it is, for a file of an opset whose forms are not known here. The reason, for `--explain`. */
  readonly asItIs?: string;
  /** Open sizes stay open, whatever nodes ask for: for looking at a file that is about to change. */
  readonly keepsOpen?: boolean;
  /** Sees at the end what every name of the outermost graph stands for: several names may stand for one value. */
  readonly onValues?: (values: ReadonlyMap<string, Value>) => void;
  readonly onProgress?: OnProgress | undefined;
}

/** A node that no lift could say, for `--explain`. */
export interface LeftForeign {
  readonly domain: string;
  readonly opType: string;
  /** The node's name, or its first output's. */
  readonly name: string;
  readonly why: string;
}

/** An imported model. It is also the `EmitSource` that the emitter takes, to write back what is not in the graph. */
export interface ImportedModel {
  /** With the file's metadata; inputs, outputs, results and nodes have their names of the file. */
  readonly graph: Graph;
  /** Of ONNX's own domain: what the foreign nodes are written for. */
  readonly opset: number;
  readonly irVersion: number;
  /** Versions of the other domains. */
  readonly domains: ReadonlyMap<string, number>;
  readonly producerName: string;
  readonly producerVersion: string;
  /** Other fields of the ModelProto. */
  readonly rest?: Uint8Array;
  /** Names that sizes have in the file, where their symbols are called otherwise. */
  readonly dimNames: ReadonlyMap<string, string>;
  /** What the user should be told, the reader's notes first. */
  readonly notes: readonly string[];
  /** In the order of the file, nodes of sub-graphs before their owner. */
  readonly foreign: readonly LeftForeign[];
  /** Inputs that take fewer sizes than the file says. */
  readonly narrowed: readonly NarrowedInput[];
  /**
   * How many steps it took, one for each node and one for the inputs of each graph; some more where nodes were imported again.
   */
  readonly visits: number;
}
