/** The numbers of a graph's constants, for programs. */
import { checkArgument, shaped } from '../diagnostics/arguments.ts';
import type { Value } from '../ir/graph.ts';
import type { HostTensor } from '../ir/types.ts';
import { exprOf, materialize } from './values.ts';

/**
 * The content of a constant of a graph, in float64, row-major: what `verifyModel` asks for. Reports a checkpoint that cannot be
 * read by `DiagnosticError`.
 */
export function constantOf(value: Value): Promise<HostTensor> {
  checkArgument('constantOf', 'value', value, shaped('a constant of a graph', '[...graph.constants()][0]', 'type', 'content'));
  return materialize(exprOf(value));
}
