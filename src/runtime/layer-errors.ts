/**
 * How far the results of every node are off in onnxruntime, against the float64 reference: the file is written with all of them
 * as outputs, so that onnxruntime fuses none of them away, and run once with its optimiser off.
 */
import { emitOnnx } from '../codegen/emit.ts';
import { layersUnknown, notEvaluated } from '../diagnostics/catalogue/runtime.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import type { OnProgress } from '../diagnostics/progress.ts';
import { cloneGraph } from '../ir/clone.ts';
import { floatFacts } from '../ir/elem.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import type { Target } from '../ir/target.ts';
import { type HostTensor, isFloat } from '../ir/types.ts';
import { onnxBytes } from '../onnx/write.ts';
import { EvaluationError, evaluateGraph, evaluateNode } from '../ops/reference.ts';
import { compareOutputs, precisionOf } from './compare.ts';
import { type Bindings, bindingsOf, bindingsText, randomInputs, smallestBindings } from './inputs.ts';
import type { Provider } from './provider.ts';
import { noReference, tooMuchWork } from './reference-limits.ts';
import { openSession } from './session.ts';
import { withThreads } from './threads.ts';
import { materialised } from './verification.ts';

export interface LayerErrors {
  /** Nodes with float results in the order of the graph, those of sub-graphs left out. */
  readonly layers: readonly {
    readonly node: Node;
    /** max|y − r| / max|r|, the largest of its float results; infinite where a number is none. */
    readonly relative: number;
  }[];
  /** The sizes of the run. */
  readonly bindings: Bindings;
  /** What an output of this precision may be off. */
  readonly limit: number;
}

export interface LayerErrorOptions {
  readonly constants: (value: Value) => HostTensor | Promise<HostTensor>;
  readonly ep: Provider;
  /** Random ones at the smallest sizes without. */
  readonly inputs?: ReadonlyMap<string, HostTensor> | undefined;
  readonly seed?: number | undefined;
  readonly opset?: number | undefined;
  readonly target?: Target | undefined;
  /** While the reference runs, layer by layer. */
  readonly onProgress?: OnProgress | undefined;
}

/**
 * Holds every value of the graph as onnxruntime computed it.
 *
 * @throws DiagnosticError RES0857 for a graph without a float64 reference, and what opening and running a session throws.
 */
export async function layerErrors(graph: Graph, options: LayerErrorOptions): Promise<LayerErrors> {
  const { constants, ep, seed = 0, opset, target, onProgress } = options;
  const bindings = options.inputs ? bindingsOf(graph, options.inputs) : smallestBindings(graph).smallest;
  const work = tooMuchWork(graph, bindings);
  const why = noReference(graph) ?? (work && `${work} multiply-adds${bindings.size > 0 ? ` at ${bindingsText(bindings)}` : ''}`);
  if (why !== undefined) fail(layersUnknown, { with: { found: why } });
  const inputs = options.inputs ?? randomInputs(graph, bindings, seed);
  const copy = cloneGraph(graph);
  const taken = new Set(copy.outputs.map(({ name }) => name));
  const names = new Map<Node, readonly (string | undefined)[]>();
  const nodes = [...copy.nodes()];
  for (const [nth, node] of nodes.entries()) {
    const own = node.results.map((y, i): string | undefined => {
      if (y.type.foreign || !isFloat(y.type.elem)) return undefined;
      let name = `layer${nth}_${i}`;
      while (taken.has(name)) name += '_';
      taken.add(name);
      copy.output(name, y);
      return name;
    });
    names.set(node, own);
  }
  const bytes = await onnxBytes(emitOnnx(copy, { ...(opset !== undefined && { opset }), target }));
  const session = await openSession(bytes, { ep, optimization: 'off' });
  let computed: ReadonlyMap<string, HostTensor>;
  try {
    computed = await session.run(inputs);
  } finally {
    await session.close();
  }
  const worst = new Map<Node, number>();
  const compared: typeof evaluateNode = (node, operands, sizes, run) => {
    const results = evaluateNode(node, operands, sizes, run);
    results.forEach((r, i) => {
      const name = names.get(node)?.[i];
      const y = name === undefined ? undefined : computed.get(name);
      if (name !== undefined && y) worst.set(node, Math.max(worst.get(node) ?? 0, compareOutputs(name, y, r, 0).relative));
    });
    return results;
  };
  const held = await materialised(copy, constants);
  try {
    await withThreads(async () =>
      evaluateGraph(copy, inputs, held, {
        evaluate: compared,
        onNode: onProgress && ((done, total) => onProgress('layers', done, total, 'nodes')),
      }),
    );
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error;
    fail(notEvaluated, { with: { found: error.message, hint: `--input ${graph.inputs[0]?.name ?? 'NAME'}=tensor.npy` } });
  }
  const originals = [...graph.nodes()];
  const layers = nodes.flatMap((copied, nth) => {
    const [node, relative] = [originals[nth], worst.get(copied)];
    return node && relative !== undefined ? [{ node, relative }] : [];
  });
  return { layers, bindings, limit: floatFacts(precisionOf([graph])).tolerance.limit };
}
