/** Who made a run wrong: the model itself, a pass, or the runtime; and the words for it. */
import * as catalogue from '../diagnostics/catalogue/runtime.ts';
import { DiagnosticError, makeDiagnostic, type Sink } from '../diagnostics/diagnostic.ts';
import type { Graph, Node } from '../ir/graph.ts';
import { isFloat } from '../ir/types.ts';
import { graphsIn } from '../ir/walk.ts';
import { runtimeDefects } from '../ops/runtime-defect-list.ts';
import type { RuntimeDefect, SizesOfRun } from '../ops/runtime-defects.ts';
import { errorText, exponent, type OutputError } from './compare.ts';
import type { Provider } from './engine.ts';
import { bindingsText, onlyEmpty } from './inputs.ts';
import { type Suspect, suspectText } from './suspects.ts';
import type { VerifyRun } from './verify-report.ts';

/** `onnxruntime-node 1.30.0, provider webgpu (SwiftShader Device)` */
export function runtimeText(runtime: () => string, provider: Provider, adapter?: string): string {
  return `${runtime()}, provider ${provider}${adapter === undefined ? '' : ` (${adapter})`}`;
}

export function isCrash(error: DiagnosticError): boolean {
  return error.diagnostics.every((d) => d.code === catalogue.providerCrashed.code || d.code === catalogue.runtimeCrashed.code);
}

interface Known {
  readonly defect: RuntimeDefect;
  readonly node: Node;
}

/** The first entry of the list of defects that a node of the graph may meet there, in a run at these sizes. */
export function knownDefect(
  graph: Graph | undefined,
  provider: Provider,
  optimizer: 'off' | 'all',
  effect: RuntimeDefect['effect'],
  sizes?: SizesOfRun,
): Known | undefined {
  for (const defect of runtimeDefects) {
    if (defect.effect !== effect || (defect.providers && !defect.providers.includes(provider))) continue;
    if (defect.where === 'optimiser' && optimizer === 'off') continue;
    for (const one of graph ? graphsIn(graph) : []) {
      for (const node of one.nodes()) if (defect.concerns(node, sizes)) return { defect, node };
    }
  }
  return undefined;
}

function knownText({ defect, node }: Known): string {
  return `known as ${defect.name}, at ${node.origin.scope === '' ? node.op.name : node.origin.scope}: ${defect.what}`;
}

/**
 * At sizes of 0 a kernel of the model as it is may end the process of onnxruntime, which no rewrite can help: the note that says
 * so, in the place of a run. Undefined where none is known to.
 */
export function deadlyThere(graph: Graph, sizes: SizesOfRun): string | undefined {
  const known = knownDefect(graph, 'cpu', 'off', 'crash', sizes);
  return known && `not run where ${bindingsText(onlyEmpty(sizes))}: onnxruntime may end there, ${knownText(known)}`;
}

interface Crashed {
  readonly provider: Provider;
  readonly optimizer: 'off' | 'all';
  readonly model: string;
  /** The run that it was in; loading the model when left out. */
  readonly at: { readonly name: string; readonly bindings: SizesOfRun } | undefined;
  readonly hint?: string | undefined;
  readonly graph?: Graph | undefined;
  /** Says which runtime it was, and its version: `onnxruntime-node 1.30.0`. */
  readonly runtime: () => string;
}

/** The end of the process as a verdict on the runtime. */
export function crashOf(
  error: DiagnosticError,
  { provider, optimizer, model, at, hint, graph, runtime }: Crashed,
): DiagnosticError {
  const [said] = error.diagnostics;
  const known = knownDefect(graph, provider, optimizer, 'crash', at?.bindings);
  const [how = 'it ended', ...words] = (said?.found ?? 'it ended').split('\n');
  const found = [
    `${model}: ${how.replace(/; its last words:$/, '')} ${at ? `in a run at the ${at.name} sizes` : 'while it loaded the model'}`,
    `${runtimeText(runtime, provider)}, its optimiser ${optimizer}`,
    ...(known ? [knownText(known)] : words.map((line) => `it said: ${line}`)),
  ];
  return new DiagnosticError([
    makeDiagnostic(catalogue.runtimeCrashed, {
      with: { found: found.join('\n'), hint: hint ?? 'report it at github.com/microsoft/onnxruntime with the model' },
    }),
  ]);
}

interface RuntimeFault {
  readonly run: VerifyRun;
  readonly output: OutputError;
  /** The same output of the same file with the optimiser off, where that ran. */
  readonly off: OutputError | undefined;
  readonly graph: Graph | undefined;
  /** Of the run. */
  readonly sizes?: SizesOfRun | undefined;
  /** The target that the file was written for. */
  readonly target: string | undefined;
  readonly runtime: () => string;
  /** The unoptimised model is right there. */
  readonly plain: boolean;
  /** More lines of what was found. */
  readonly more?: readonly string[];
  /** An error when left out. */
  readonly severity?: 'warning';
}

/** A file that is right, and a runtime that is not: RES0831 where its optimiser is at fault, RES0832 where a kernel is. */
export function blameRuntime(
  sink: Sink,
  { run, output, off, graph, sizes, target, runtime, plain, more = [], severity }: RuntimeFault,
): void {
  const { name } = output;
  const byOptimizer = run.optimizer === 'all' && off?.ok === true;
  const known = knownDefect(graph, run.provider, byOptimizer ? 'all' : 'off', 'wrong', sizes);
  const found = [
    foundText(output, run),
    runtimeText(runtime, run.provider, run.adapter),
    ...more,
    ...(known ? [knownText(known)] : []),
  ].join('\n');
  const avoided = known?.defect.target;
  const instead = avoided !== undefined && avoided !== target ? `--target ${avoided}` : plain ? '-O0' : undefined;
  if (byOptimizer) {
    const expected = `${expectedText(output)}; with its optimiser off it gives ${errorText(off)}, so that the file is right`;
    const hint = instead ?? "graphOptimizationLevel: 'disabled' where the session is made";
    const said = makeDiagnostic(catalogue.runtimeOptimizerDiffers, { with: { name, found, expected, hint } });
    sink.add({ ...said, ...(severity && { severity }) });
  } else {
    const expected = `${expectedText(output)}, as on the cpu provider, so that the file is right`;
    const words = { ep: run.provider, name, found, expected, hint: instead ?? '--ep cpu' };
    sink.add({ ...makeDiagnostic(catalogue.providerDiffers, { with: words }), ...(severity && { severity }) });
  }
}

interface Blamed {
  readonly runs: readonly VerifyRun[];
  readonly suspects: readonly Suspect[];
  readonly before: Graph;
  readonly after: Graph;
  readonly target: string | undefined;
  readonly runtime: () => string;
  /** The symbolic sizes of a case. */
  readonly sizesOf?: (one: VerifyRun['case']) => SizesOfRun | undefined;
}

/** Once per output and culprit, of the first run that shows it; the table has the others. */
export function blame(sink: Sink, { runs, suspects, before, after, target, runtime, sizesOf }: Blamed): void {
  const told = new Set<string>();
  const once = (key: string): boolean => {
    if (told.has(key)) return false;
    told.add(key);
    return true;
  };
  const like = (pattern: Partial<VerifyRun>): readonly VerifyRun[] =>
    runs.filter((run) => Object.entries(pattern).every(([key, value]) => run[key as keyof VerifyRun] === value));
  const broken = (name: string, pattern: Partial<VerifyRun>): boolean =>
    like(pattern).some((run) => run.outputs.some((output) => output.name === name && !output.ok));
  for (const run of runs) {
    const { provider, optimizer } = run;
    for (const output of run.outputs) {
      const { name } = output;
      if (output.ok) continue;
      const sizes = sizesOf?.(run.case);
      const words = { name, found: foundText(output, run), expected: expectedText(output) };
      if (broken(name, { provider: 'cpu', graph: 'before', optimizer: 'off' })) {
        // Where the model itself is off, its other runs say nothing more.
        const hint = 'report it with the file and the seed; --opset may avoid the operator';
        if (!once(`model|${name}`)) continue;
        const known = knownDefect(before, 'cpu', 'off', 'wrong', sizes);
        const found = known ? `${words.found}\n${knownText(known)}` : words.found;
        sink.report(catalogue.baselineDiffers, { with: { ...words, found, hint } });
      } else if (run.graph === 'after' && broken(name, { provider: 'cpu', graph: 'after', optimizer: 'off' })) {
        if (!once(`pass|${name}`)) continue;
        const [suspect] = suspects;
        const span = suspect?.span;
        sink.report(catalogue.outputDiffers, { span, label: suspect && suspectText(suspect), with: { ...words, hint: '-O0' } });
      } else if (once(`runtime|${name}|${provider}`)) {
        const [off] = like({ provider, graph: run.graph, case: run.case, optimizer: 'off' });
        const unoptimized = { provider, graph: 'before', optimizer } as const;
        blameRuntime(sink, {
          run,
          output,
          off: off?.outputs.find((one) => one.name === name),
          graph: run.graph === 'before' ? before : after,
          sizes,
          target,
          runtime,
          plain: run.graph === 'after' && like(unoptimized).length > 0 && !broken(name, unoptimized),
        });
      }
    }
  }
}

function foundText(output: OutputError, run: VerifyRun): string {
  return `${errorText(output)} at element ${output.at} (${runText(run)}, ${run.case} sizes)`;
}

/** `cpu -O1, optimiser of onnxruntime all` */
export function runText(run: VerifyRun): string {
  return `${run.provider} ${run.level}, optimiser of onnxruntime ${run.optimizer}`;
}

function expectedText(output: OutputError): string {
  return isFloat(output.elem) ? `at most ${exponent(output.tolerance)}` : 'equal elements';
}
