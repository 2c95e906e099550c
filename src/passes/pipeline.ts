/** Runs the stages of the schedule over a graph, and says what they did. */
import type { OnProgress } from '../diagnostics/progress.ts';
import type { Graph } from '../ir/graph.ts';
import type { Target } from '../ir/target.ts';
import { type GraphMeasure, measureGraph } from './analysis/cost.ts';
import { type DriverOptions, type Refusal, runRules, runSweep } from './engine/driver.ts';
import { type Firing, Fuel } from './engine/fuel.ts';
import { NameTable } from './engine/names.ts';
import type { RemovedShortcut } from './engine/rewriter.ts';
import type { Rule } from './engine/rule.ts';
import { allStages, type SchedulePart, type Stage, schedule, targetsOf } from './schedule.ts';

export type { Target } from '../ir/target.ts';
export type { GraphMeasure } from './analysis/cost.ts';
export type { Refusal } from './engine/driver.ts';
export type { Firing } from './engine/fuel.ts';
export type { RemovedShortcut } from './engine/rewriter.ts';

export interface PassRun {
  readonly name: string;
  /** How often each rule did something, by its name. */
  readonly fired: Readonly<Record<string, number>>;
  /** What a rule would have matched and a named condition kept it from; those of the pass's last run. */
  readonly refused: readonly Refusal[];
  readonly before: GraphMeasure;
  readonly after: GraphMeasure;
}

/** What passes did and refused. */
export interface PassReport {
  /** The runs in their order: the first of every pass, and later ones that did something. */
  readonly passes: readonly PassRun[];
  readonly removedShortcuts: readonly RemovedShortcut[];
}

export interface PipelineOptions {
  /** Default 1. */
  readonly level?: 0 | 1 | 2 | undefined;
  /** Default portable. */
  readonly target?: Target | undefined;
  /** The opset of the file that will be written, 13 to 26; default 17. Below 23, which has it, attention is not recognised. */
  readonly opset?: number | undefined;
  /**
   * Runs these, in this order, each to its fixed point, instead of the pipeline of the level; names of `passNames`. Stages of a
   * higher level are left out.
   */
  readonly passes?: readonly string[] | undefined;
  /** After every run that stands in the report. */
  readonly onPass?: ((name: string, graph: Graph) => void) | undefined;
  /** After every run that did something; throws when the graph is not sound. */
  readonly check?: ((graph: Graph) => void) | undefined;
  /** Checks that every rule lowers the measure at every firing. */
  readonly assertLowers?: boolean | undefined;
  /**
   * At most so many firings in all, of rules and of sweeps: the first ones of the same run without a limit, so that a bad one is
   * found by bisection.
   */
  readonly fuel?: number | undefined;
  /**
   * Symbols of which nothing is promised may be 0 as well: nobody has said of a file that they are not. Without, they are at
   * least 1.
   */
  readonly mayBeNone?: boolean | undefined;
  /** What runs in the place of a rule; the rule itself where nothing is given. For tests of the rules. */
  readonly ruleFor?: ((one: Rule) => Rule) | undefined;
  /** At every firing, behind it. */
  readonly onFiring?: ((firing: Firing) => void) | undefined;
  /** While a stage looks through the graph. */
  readonly onProgress?: OnProgress | undefined;
}

class Pipeline {
  readonly runs: {
    name: string;
    fired: Readonly<Record<string, number>>;
    refused: readonly Refusal[];
    before: GraphMeasure;
    after: GraphMeasure;
  }[] = [];
  readonly removed: RemovedShortcut[] = [];
  readonly #graph: Graph;
  readonly #options: PipelineOptions;
  readonly #names: NameTable;
  readonly #target: Target;
  readonly #driver: DriverOptions;
  readonly #fuel: Fuel;
  #measure: GraphMeasure;
  /** How many stages are expected to look through the graph, and how many did. */
  expected = 1;
  #stages = 0;
  #swept = 0;
  /** Counts the runs that did something, and what it was when a stage last came to its fixed point. */
  #changes = 0;
  readonly #settledAt = new Map<Stage, number>();

  constructor(graph: Graph, options: PipelineOptions) {
    this.#graph = graph;
    this.#options = options;
    this.#target = options.target ?? 'portable';
    this.#names = new NameTable(graph);
    this.#fuel = new Fuel(options.fuel, options.onFiring);
    const { onProgress } = options;
    this.#driver = {
      assertLowers: options.assertLowers,
      mayBeNone: options.mayBeNone,
      fuel: this.#fuel,
      ...(onProgress && {
        onSweep: (share) => {
          // Nodes near a firing are queued behind the others.
          this.#swept = Math.max(this.#swept, this.#stages + share);
          onProgress(`passes: ${this.#fuel.pass}`, Math.min(this.expected, this.#swept), this.expected, 'stages');
        },
      }),
    };
    this.#measure = measureGraph(graph);
  }

  /** Whether the stage did something. */
  run(stage: Stage): boolean {
    // Nothing happened since: every match would fail as it did.
    if (this.#settledAt.get(stage) === this.#changes) return false;
    const { ruleFor } = this.#options;
    const wanted = stage.rules.filter((one) => targetsOf(one)?.includes(this.#target) ?? true);
    const rules = ruleFor ? wanted.map(ruleFor) : wanted;
    const fired: Record<string, number> = {};
    let refused: readonly Refusal[] = [];
    let total = 0;
    const count = (name: string, n: number): void => {
      if (n === 0) return;
      fired[name] = (fired[name] ?? 0) + n;
      total += n;
    };
    this.#fuel.pass = stage.pass;
    for (let again = true; again; ) {
      again = false;
      const report = runRules(this.#graph, rules, this.#names, this.#driver);
      for (const [name, n] of report.fired) count(name, n);
      refused = report.refused;
      this.removed.push(...report.removedShortcuts);
      for (const sweep of stage.sweeps) {
        const n = runSweep(sweep, this.#graph, this.#fuel);
        if (typeof n === 'number') count(sweep.name, n);
        else refused = [...refused, n];
        again ||= typeof n === 'number' && n > 0;
      }
    }
    this.#stages++;
    const before = this.#measure;
    if (total > 0) {
      this.#changes++;
      this.#options.check?.(this.#graph);
      this.#measure = measureGraph(this.#graph);
    }
    this.#settledAt.set(stage, this.#changes);
    const known = this.runs.filter((one) => one.name === stage.pass);
    const names = new Set(stage.rules.map((one) => one.name));
    // Refusals of an earlier run of these rules are out of date.
    for (const earlier of known) earlier.refused = earlier.refused.filter((one) => !names.has(one.rule));
    const last = known[known.length - 1];
    if (total === 0 && last) {
      last.refused = [...last.refused, ...refused];
      return false;
    }
    this.runs.push({ name: stage.pass, fired, refused, before, after: this.#measure });
    this.#options.onPass?.(stage.pass, this.#graph);
    return total > 0;
  }

  /** The stages in turn until a whole turn does nothing. */
  settle(stages: readonly Stage[]): boolean {
    let any = false;
    for (let again = true; again; ) {
      again = false;
      for (const stage of stages) if (this.run(stage)) again = true;
      any ||= again;
    }
    return any;
  }

  /** Whether a part of the schedule did something. */
  part({ stages, until }: SchedulePart): boolean {
    if (until === 'fixed-point') return this.settle(stages);
    let any = false;
    for (const stage of stages) if (this.run(stage)) any = true;
    return any;
  }

  /** The parts of the round in turn until none of them does anything. */
  round(parts: readonly SchedulePart[]): void {
    for (let again = true; again; ) {
      again = false;
      for (const part of parts) if (this.part(part)) again = true;
    }
  }
}

/** Optimises the graph in place and says what was done. The same graph and options give the same result. */
export function runPasses(graph: Graph, options: PipelineOptions = {}): PassReport {
  const pipeline = new Pipeline(graph, options);
  const level = options.level ?? 1;
  const runs = (stage: Stage, upTo: number): boolean => (stage.opset ?? 0) <= (options.opset ?? 17) && (stage.level ?? 1) <= upTo;
  if (options.passes) {
    const asked = options.passes.map((name) =>
      allStages.filter((stage) => stage.pass === name && runs(stage, Math.max(1, level))),
    );
    pipeline.expected = asked.flat().length;
    for (const stages of asked) pipeline.settle(stages);
  } else if (level > 0) {
    const parts = schedule.map((part) => ({ ...part, stages: part.stages.filter((stage) => runs(stage, level)) }));
    const round = parts.filter((part) => part.round);
    // A round ends with a turn that finds nothing.
    pipeline.expected = [...parts, ...round].flatMap((part) => part.stages).length;
    for (const part of parts) {
      if (part === round[0]) pipeline.round(round);
      else if (part.round) continue;
      else if (part.until === 'fixed-point') pipeline.settle(part.stages);
      else for (const stage of part.stages) if (pipeline.run(stage) && stage.again) pipeline.round(round);
    }
  }
  return { passes: pipeline.runs, removedShortcuts: pipeline.removed };
}
