/** What an equivalence check is asked, what it measures, and how a failure is told: see `equivalence.ts`. */
import { narrowedTooFar } from '../diagnostics/catalogue/import.ts';
import * as catalogue from '../diagnostics/catalogue/runtime.ts';
import type { Sink } from '../diagnostics/diagnostic.ts';
import type { Graph, Value } from '../ir/graph.ts';
import { type HostTensor, isFloat } from '../ir/types.ts';
import type { OnnxModel } from '../onnx/model.ts';
import { blameRuntime } from './blame.ts';
import { errorText, exponent } from './compare.ts';
import type { Provider } from './engine.ts';
import { type NarrowedShape, narrowedOptions } from './free-sizes.ts';
import { type Bindings, bindingsText } from './inputs.ts';
import type { Measured } from './measure.ts';
import { runtimeName } from './provider.ts';
import type { VerifyCase, VerifyReport, VerifyRun } from './verify-report.ts';

/** A rewrite, as the passes count them. */
export interface Rewrite {
  readonly index: number;
  readonly pass: string;
  readonly rule: string;
  readonly node: string;
}

/** What `verifyOptimized` compares, on which providers and inputs. */
export interface EquivalenceOptions {
  /** The file as it is: its path, beside which its data files lie, or its bytes. */
  readonly original: Uint8Array | string;
  /** The graph of the file before any pass. */
  readonly before: Graph;
  readonly after: Graph;
  /** What will be written. */
  readonly onnx: OnnxModel;
  /** The content of a constant of either graph. */
  readonly constants: (value: Value) => HostTensor | Promise<HostTensor>;
  /**
   * Optimises the file anew with the first `fuel` rewrites alone. Without it nobody looks for the rewrite that broke something.
   */
  readonly rebuild?: ((fuel: number, onFiring: (firing: Rewrite) => void) => Promise<OnnxModel>) | undefined;
  readonly eps: readonly Provider[];
  /**
   * Inputs that take fewer sizes than the file says: the original is run at others, and where it runs the optimised model must.
   */
  readonly narrowed?: readonly NarrowedShape[] | undefined;
  /** Runs on these instead of random ones. */
  readonly inputs?: ReadonlyMap<string, HostTensor> | undefined;
  readonly seed?: number | undefined;
  /** How the table names what was optimised; `-O1` when left out. */
  readonly level?: string | undefined;
  /** What to type to see the file optimised otherwise: `rescc optimize in.onnx -o out.onnx`. */
  readonly command?: string | undefined;
  readonly threads?: number | undefined;
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /** Called before each step, with a few words and how many of how many are done. */
  readonly progress?: ((step: string, done: number, total: number) => void) | undefined;
}

/** What came of a comparison; `ok` where everything that could be compared agreed, and something could. */
export interface EquivalenceReport extends VerifyReport {
  /** The rewrite that broke a run; index 0 where reading and writing the file did it without any. */
  readonly culprit: Rewrite | undefined;
}

export type Inputs = ReadonlyMap<string, HostTensor>;
export type Outputs = ReadonlyMap<string, HostTensor>;

export interface Case {
  readonly name: VerifyCase['name'];
  readonly bindings: Bindings;
  readonly inputs: Inputs;
  readonly baseline: Outputs;
}

export interface Judged {
  readonly run: VerifyRun;
  readonly one: Case;
  /** Undefined for the baseline. */
  readonly measured: Measured | undefined;
}

/** What an output is compared with. */
export interface Expected {
  readonly tensor: HostTensor;
  readonly kind: 'reference' | 'original';
  readonly tolerance: number;
}

export const givenHint = '--input NAME=tensor.npy with numbers that the model is made for';

export function against(kinds: readonly Expected['kind'][]): string {
  const reference = kinds.includes('reference');
  const original = kinds.includes('original');
  if (reference && original) return 'the float64 reference, or with the original where it is none';
  return original ? 'the original' : 'the float64 reference';
}

function culpritText(culprit: Rewrite | undefined): readonly string[] {
  if (!culprit) return [];
  if (culprit.index === 0) return ['broken by reading and writing the file, without any pass'];
  const { index, pass, rule, node } = culprit;
  return [`broken by rewrite ${index}: ${rule} at ${node}${rule.startsWith(`${pass}/`) ? '' : `, in the pass ${pass}`}`];
}

/** A run of the optimised model that failed, and the rewrite that broke it where one was found. */
export function reportFailure(
  sink: Sink,
  options: EquivalenceOptions,
  { measured, one, run }: { readonly measured: Measured; readonly one: Case; readonly run: VerifyRun },
  culprit: Rewrite | undefined,
  runs: readonly VerifyRun[],
): void {
  const place = `${run.provider} ${run.level}, optimiser of onnxruntime ${run.optimizer}, ${run.case} sizes`;
  const by = culpritText(culprit);
  const { command = 'rescc optimize in.onnx -o out.onnx', after, before } = options;
  // Without any rewrite it would be wrong as well.
  const plain = culprit?.index !== 0;
  const hint = plain ? `${command} -O0` : 'keep the file as it is, and report it with its name and version';
  if (measured.error && run.outputs.length < before.outputs.length) {
    const [said] = measured.error.diagnostics;
    if (run.case === 'free') {
      const found = [said?.found ?? said?.title ?? 'no output', `${place}: ${bindingsText(one.bindings)}`].join('\n');
      const sizes = narrowedOptions(options.narrowed ?? []);
      sink.report(narrowedTooFar, {
        with: { found, hint: `${options.command ?? 'rescc optimize in.onnx -o out.onnx'} ${sizes.join(' ')}` },
      });
      return;
    }
    sink.report(catalogue.optimizedRefused, {
      with: { found: [said?.found ?? said?.title ?? 'no output', place, ...by].join('\n'), hint },
    });
    return;
  }
  const like = (provider: Provider, optimizer: 'off' | 'all') =>
    runs.find(
      (one) => one.graph === 'after' && one.case === run.case && one.provider === provider && one.optimizer === optimizer,
    );
  for (const output of run.outputs) {
    if (output.ok) continue;
    const right = (other: VerifyRun | undefined) => other?.outputs.find((one) => one.name === output.name);
    if (right(like('cpu', 'off'))?.ok) {
      const off = run.optimizer === 'all' ? right(like(run.provider, 'off')) : undefined;
      const sizes = one.bindings;
      blameRuntime(sink, { run, output, off, graph: after, sizes, target: undefined, runtime: runtimeName, plain, more: by });
      continue;
    }
    const expected = isFloat(output.elem) ? `at most ${exponent(output.tolerance)}` : 'equal elements';
    sink.report(catalogue.optimizedDiffers, {
      with: {
        name: output.name,
        found: [`${errorText(output)} at element ${output.at}`, place, ...by].join('\n'),
        expected,
        hint,
      },
    });
  }
}
