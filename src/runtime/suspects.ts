/**
 * Where an optimised graph leaves its source. Both are evaluated in float64, keeping every value. A value of the optimised graph
 * is known when some value of the source graph of the same type equals it. Unknown values are no mistakes by themselves (a folded
 * scale travels through several layers before it is applied); but where the outputs differ, the first unknown value whose
 * operands are all known, and behind which no value is known any more, is made by the wrong rewrite.
 */
import { outside } from '../diagnostics/at.ts';
import type { Span } from '../diagnostics/source.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import { type HostTensor, isFloat } from '../ir/types.ts';
import { evaluateGraph } from '../ops/reference.ts';

export interface Suspect {
  /** Scope of the node in the optimised graph. */
  readonly scope: string;
  readonly operator: string;
  readonly span: Span | undefined;
  /** The value of the source graph that comes nearest, and the error against it; undefined when none has the type. */
  readonly nearest: { readonly scope: string; readonly operator: string; readonly error: number } | undefined;
}

/** The names that the reference gives to the values it keeps: `scope:operator#k`, and `.i` for results behind the first. */
export function tapKeys(graph: Graph): ReadonlyMap<Value, string> {
  const out = new Map<Value, string>();
  let index = 0;
  for (const node of graph.nodes()) {
    node.results.forEach((y, i) => {
      out.set(y, `${node.origin.scope}:${node.op.name}#${index}${i === 0 ? '' : `.${i}`}`);
    });
    index++;
  }
  return out;
}

interface Tap {
  readonly node: Node;
  readonly tensor: HostTensor;
}

type Constants = (value: Value) => HostTensor;

/**
 * The nodes of `after` that make a value unknown to `before` out of known ones, in order: those first whose value no output gets
 * right. Takes two evaluations and the memory of all values of both graphs.
 */
export function findSuspects(
  before: Graph,
  after: Graph,
  inputs: ReadonlyMap<string, HostTensor>,
  constants: { readonly before: Constants; readonly after: Constants },
  tolerance: number,
): readonly Suspect[] {
  const source = new Map<string, Tap[]>();
  const sourceTaps = evaluateGraph(before, inputs, constants.before, { taps: true });
  for (const [value, key] of tapKeys(before)) {
    const tensor = sourceTaps.get(key);
    const node = value.producer;
    if (!tensor || !node) continue;
    const list = source.get(typeKey(tensor)) ?? [];
    list.push({ node, tensor });
    source.set(typeKey(tensor), list);
  }
  const taps = evaluateGraph(after, inputs, constants.after, { taps: true });
  const keys = tapKeys(after);
  const unknown = new Map<Value, Suspect['nearest']>();
  for (const [value, key] of keys) {
    const tensor = taps.get(key);
    const node = value.producer;
    if (!tensor || !node) continue;
    const nearest = nearestOf(tensor, node, source.get(typeKey(tensor)) ?? [], tolerance);
    if (nearest === 'known') continue;
    unknown.set(value, nearest);
  }
  // Walking backwards: a value is hopeless when it is unknown, and so is everything that is made of it.
  const hopeless = new Set<Value>();
  const nodes = [...after.nodes()];
  for (const node of nodes.reverse()) {
    for (const y of node.results) {
      if (!unknown.has(y)) continue;
      let rescued = false;
      for (const { user } of y.uses) if (user.results.some((z) => !hopeless.has(z))) rescued = true;
      if (!rescued || y.outputs > 0) hopeless.add(y);
    }
  }
  const first: Suspect[] = [];
  const others: Suspect[] = [];
  for (const [value, nearest] of unknown) {
    const node = value.producer;
    if (!node || node.operands.some((operand) => operand && unknown.has(operand))) continue;
    const suspect = { scope: node.origin.scope, operator: node.op.name, span: node.origin.span, nearest };
    (hopeless.has(value) ? first : others).push(suspect);
  }
  return [...first, ...others];
}

function typeKey(tensor: HostTensor): string {
  return `${tensor.elem}[${tensor.dims.join()}]`;
}

/** Values of the same scope are tried first, because most nodes keep theirs. */
function nearestOf(tensor: HostTensor, node: Node, candidates: readonly Tap[], tolerance: number): 'known' | Suspect['nearest'] {
  const own = candidates.filter((tap) => tap.node.origin.scope === node.origin.scope);
  let best: { readonly tap: Tap; readonly error: number } | undefined;
  for (const tap of [...own, ...candidates]) {
    const error = errorOf(tensor, tap.tensor);
    if (error <= tolerance) return 'known';
    if (!best || error < best.error) best = { tap, error };
  }
  return best && { scope: best.tap.node.origin.scope, operator: best.tap.node.op.name, error: best.error };
}

/** max|y − r| / max|r|; integers differ or do not. */
function errorOf(y: HostTensor, r: HostTensor): number {
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < r.data.length; i++) {
    const expected = r.data[i] ?? outside();
    const actual = y.data[i] ?? outside();
    largest = Math.max(largest, Math.abs(expected));
    if (Object.is(expected, actual)) continue;
    const d = Math.abs(expected - actual);
    difference = Math.max(difference, Number.isNaN(d) ? Infinity : d);
  }
  if (!isFloat(r.elem)) return difference === 0 ? 0 : Infinity;
  return largest > 0 && Number.isFinite(largest) ? difference / largest : difference;
}

/** `layer1.0.conv1 (conv) is like nothing in the source; nearest is layer1.0.bn1 (batchnorm), off by 1.2e-3` */
export function suspectText(suspect: Suspect): string {
  const name = (scope: string, operator: string): string => (scope === '' ? operator : `${scope} (${operator})`);
  const { nearest } = suspect;
  const behind = nearest ? `; nearest is ${name(nearest.scope, nearest.operator)}, off by ${nearest.error.toExponential(1)}` : '';
  return `${name(suspect.scope, suspect.operator)} is like nothing in the source${behind}`;
}
