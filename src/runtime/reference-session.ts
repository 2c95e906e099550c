/** The float64 reference as a session, for machines that have no onnxruntime. */
import type { DiagnosticError } from '../diagnostics/diagnostic.ts';
import { graphOfFile } from '../edit/values.ts';
import type { Value } from '../ir/graph.ts';
import type { OnnxFile } from '../onnx/model.ts';
import { EvaluationError, evaluateGraph } from '../ops/reference.ts';
import { constantOf } from '../tensor/constant-of.ts';
import { bindingsOf } from './inputs.ts';
import type { Port, Session } from './ports.ts';
import { noReference, tooMuchWork } from './reference-limits.ts';
import { completed } from './trials.ts';
import { materialised } from './verification.ts';

/** Throws `refusal`, why there is no onnxruntime, where the reference cannot compute the model, either. */
export async function referenceSession(
  model: OnnxFile,
  refusal: DiagnosticError,
  onNode?: (done: number, total: number) => void,
): Promise<Session> {
  const graph = graphOfFile(model);
  if (noReference(graph) !== undefined) throw refusal;
  const constants = await materialised(graph, constantOf);
  const port = (name: string, { type }: Value): Port => ({ name, elem: type.elem, dims: [] });
  return {
    inputs: graph.inputs.map((value) => port(value.name ?? '', value)),
    outputs: graph.outputs.map(({ name, value }) => port(name, value)),
    createMs: 0,
    runMs: 0,
    adapter: undefined,
    run: async (inputs) => {
      const all = completed(graph, inputs);
      if (tooMuchWork(graph, bindingsOf(graph, all)) !== undefined) throw refusal;
      try {
        return evaluateGraph(graph, all, constants, { onNode });
      } catch (error) {
        if (error instanceof EvaluationError) throw refusal;
        throw error;
      }
    },
    close: async () => undefined,
  };
}
