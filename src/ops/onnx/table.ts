/**
 * Evaluations by the name of an ONNX operator of the default domain, for nodes over constants that no operator of the registry
 * says. What is not here stays in the file: random operators, control flow, sequences and strings, quantisation (which runtimes
 * match as it stands), losses, recurrent layers.
 */
import { arithmeticEvaluators } from './arithmetic.ts';
import type { OnnxEvaluator } from './call.ts';
import { moveEvaluators } from './moves.ts';
import { reductionEvaluators } from './reductions.ts';

export const onnxEvaluators: ReadonlyMap<string, OnnxEvaluator> = new Map(
  Object.entries({ ...arithmeticEvaluators, ...moveEvaluators, ...reductionEvaluators }),
);
