/** What a verification found: its cases, its runs with their errors, and the verdict. */
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { ElemType, HostTensor } from '../ir/types.ts';
import type { OutputError } from './compare.ts';
import type { Provider } from './engine.ts';
import type { Bindings } from './inputs.ts';
import type { LeftNode } from './ports.ts';
import type { Suspect } from './suspects.ts';

/** One set of inputs. */
export interface VerifyCase {
  readonly name: 'fixed' | 'smallest' | 'next odd' | 'empty' | 'negative' | 'positive' | 'scaled' | 'found' | 'given' | 'free';
  readonly bindings: Bindings;
  readonly inputs: ReadonlyMap<string, HostTensor>;
  readonly referenceMs: number;
}

export interface VerifyRun {
  readonly case: VerifyCase['name'];
  readonly provider: Provider;
  readonly adapter: string | undefined;
  readonly graph: 'before' | 'after';
  /** What the table calls the graph: `-O0` or the level of the passes. */
  readonly level: string;
  readonly optimizer: 'off' | 'all';
  /**
   * Nodes that onnxruntime ran, after its own fusions; undefined where no profile says it: in a runtime given, behind a crash.
   */
  readonly nodes: number | undefined;
  readonly left: readonly LeftNode[];
  readonly outputs: readonly OutputError[];
  readonly runMs: number;
  readonly ok: boolean;
  /** In the table, where neither `ok` nor `off` says it. */
  readonly verdict?: string | undefined;
}

/** Every run with its errors against the float64 reference, and the verdict. */
export interface VerifyReport {
  readonly ok: boolean;
  readonly seed: number;
  readonly precision: ElemType;
  readonly cases: readonly VerifyCase[];
  readonly runs: readonly VerifyRun[];
  /** Where the optimised graph leaves the source; see `findSuspects`. Empty unless looked for. */
  readonly suspects: readonly Suspect[];
  /** Why not, when not ok: RES0810 and RES0811. */
  readonly diagnostics: readonly Diagnostic[];
  /** What the runs are compared with, where it is not the reference alone. */
  readonly against?: string;
  /** What the table says below the runs. */
  readonly notes?: readonly string[];
  /**
   * Parts of the model that no run exercised, a line each: taps that meet padding alone, weights of channels that are always 0.
   */
  readonly degenerate?: readonly string[];
}
