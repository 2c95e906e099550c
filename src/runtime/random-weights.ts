/** What of a graph's parameters was not trained: it rests on numbers of the generator of initial values. */
import { randomWeights } from '../diagnostics/catalogue/runtime.ts';
import { type Diagnostic, makeDiagnostic } from '../diagnostics/diagnostic.ts';
import type { Graph } from '../ir/graph.ts';
import type { WeightExpr } from '../tensor/expr.ts';
import { exprOf } from '../tensor/values.ts';

/** A warning (RES0848) where weights are random, all or some; zeros and ones that training begins with count as such. */
export function randomnessOf(graph: Graph): Diagnostic | undefined {
  const random = new Set<string>();
  let trained = false;
  const seen = new Set<WeightExpr>();
  const work = graph.constants().map(exprOf);
  for (let expr = work.pop(); expr; expr = work.pop()) {
    if (seen.has(expr)) continue;
    seen.add(expr);
    if (expr.kind === 'initial') random.add(expr.text());
    else if (expr.kind === 'stored') trained = true;
    work.push(...expr.args);
  }
  const [one] = random;
  if (one === undefined) return undefined;
  const count = random.size === 1 ? '1 tensor' : `${random.size} tensors`;
  const found = trained
    ? `initial values in ${count} that no checkpoint gave, such as ${one}`
    : `initial values in ${count}, as no checkpoint was given`;
  return makeDiagnostic(randomWeights, { with: { found } });
}
