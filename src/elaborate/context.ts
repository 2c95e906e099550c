/** The state of one elaboration: the graph under construction, the parameters by path, counters for names, limits, messages. */
import { Budget } from '../diagnostics/budget.ts';
import { limitReached } from '../diagnostics/catalogue/structure.ts';
import { bug, type DiagnosticKind, makeDiagnostic, type Report, type Sink } from '../diagnostics/diagnostic.ts';
import type { OnProgress } from '../diagnostics/progress.ts';
import { type Span, spanText } from '../diagnostics/source.ts';
import type { Content } from '../ir/content.ts';
import { Dim } from '../ir/dim.ts';
import { Graph, type Node, type Value } from '../ir/graph.ts';
import type { ElemType, HostTensor, TensorType } from '../ir/types.ts';
import { graphsIn } from '../ir/walk.ts';
import type { InitSpec, LangValue } from '../ops/params.ts';
import type { Construct, Expr, Stmt } from '../parser/ast.ts';
import { Abandon, Stop } from './failure.ts';
import type { Frame, Module, UseSite } from './scope.ts';
import { type BlockTarget, type BodyTarget, type LayerTarget, type ShortcutTarget, sourceText } from './values.ts';

/** Makes the contents of constants; `src/tensor` implements it. */
export interface ContentMaker {
  readonly session: object;
  initial(path: string, dims: readonly number[], elem: ElemType, init: InitSpec): Content;
  literal(tensor: HostTensor): Content;
}

export interface Limits {
  /**
   * Steps that may be taken: one for each statement and each turn of a repetition, `nodeCost` for each node, and as many for
   * lists, long names and whatever else takes time or memory as they take of it.
   */
  readonly steps: number;
  /** How deep blocks may call each other. */
  readonly depth: number;
  /** Messages after which to stop. */
  readonly errors: number;
}
export const defaultLimits: Limits = { steps: 1_000_000, depth: 100, errors: 20 };

/** Steps that a node costs: it takes as long as so many statements that make none. */
export const nodeCost = 6;

/** Numbers for symbols that the caller gives. */
interface SizesFromOutside {
  /** Gives the symbols of an input their numbers, before anything else is made of it. */
  settle(c: Context, name: string, type: TensorType): void;
}

export interface Labelled {
  readonly span: Span;
  run(frame: Frame): readonly LangValue[];
}

/** A parameter that begins as its layer chose. */
export interface OwnInit {
  readonly path: string;
  readonly dims: readonly number[];
  readonly elem: ElemType;
  readonly init: InitSpec;
}

/** A renaming of checkpoint tensors that the source asks for; `to` left out drops them. */
export interface NamedMap {
  readonly from: string;
  readonly to: string | undefined;
}

export interface Parameter {
  readonly value: Value;
  readonly span: Span;
}

/** `channels(it)`, `channels()` or `shape(it)`, and what it gave. */
export interface SizeRead {
  readonly span: Span;
  readonly sizes: readonly Dim[];
}

interface Kinded {
  readonly kind: string;
}

/** For each kind of a union of nodes, what is done with one. */
type Table<Node extends Kinded, Rest extends readonly unknown[], Result> = {
  readonly [K in Node['kind']]: (c: Context, f: Frame, node: Extract<Node, { readonly kind: K }>, ...rest: Rest) => Result;
};

type RunnableTarget = LayerTarget | BlockTarget | BodyTarget | ShortcutTarget;

/** The interpreter's tables, which `interpreter.ts` fills. */
export interface Handlers {
  readonly expressions: Table<Expr, [], LangValue>;
  readonly statements: Table<Stmt, [], void>;
  readonly constructs: Table<Construct, [label: string | undefined], readonly LangValue[]>;
  readonly targets: Table<RunnableTarget, [span: Span, label: string | undefined], readonly LangValue[]>;
}

/** The row of a node's kind, which takes the nodes of that kind alone; TypeScript does not follow that through a union. */
function handlerOf<Node extends Kinded, Rest extends readonly unknown[], Result>(
  table: Table<Node, Rest, Result>,
  node: Node,
): (c: Context, f: Frame, node: Node, ...rest: Rest) => Result {
  const kind: Node['kind'] = node.kind;
  return table[kind] as (c: Context, f: Frame, node: Node, ...rest: Rest) => Result;
}

/** Limits of steps beyond this are no advice: its nodes alone would take more memory than machines have. */
const hopeless = 1e9;

/** Evaluation nests through JavaScript's own stack; this many levels of expressions and bodies fit into it with room to spare. */
const maxNesting = 300;

export class Context {
  /** Where nodes go: the graph of the model, or the sub-graph of an operator that is being made. */
  graph: Graph;
  readonly sink: Sink;
  readonly limits: Limits;
  readonly content: ContentMaker;
  /** Weights whose initial values may be made smaller; see `scaleResiduals`. */
  readonly ownInits = new Map<Value, OwnInit>();
  readonly module: Module;
  readonly parameters = new Map<string, Parameter>();
  /** Types that were found to have no more elements than a tensor may have; equal types are mostly one object. */
  readonly fits = new Set<TensorType>();
  /** What `reuse` may run again; empty where no text has a `reuse`. */
  readonly labelled = new Map<string, Labelled>();
  /** Renamings of checkpoint tensors that the source asks for. */
  readonly maps: NamedMap[] = [];
  /** What stands for a symbol: `assert H % 16 == 0` puts 16·h in the place of H, and a size from outside a number. */
  readonly promises = new Map<string, Dim>();
  /** The symbols of inputs, and where each stands first; undefined for one of an input that failed. */
  readonly symbols = new Map<string, Span | undefined>();
  outside: SizesFromOutside | undefined;
  /** Sizes that were read of the current value, for messages. */
  readonly sizeReads = new Map<Value, SizeRead[]>();
  /** How many unlabelled layers of one name a scope has, by `path.name`. */
  counters = new Map<string, number>();
  calls = 0;
  /** Nodes made so far. */
  nodes = 0;
  onProgress: OnProgress | undefined;
  /** How far the text has been run, of 1, and the share of what runs now. */
  #ran = 0;
  #share = 1;
  readonly #budget: Budget;
  /** Where the last step was taken, for the message. */
  #at: { readonly span: Span; readonly frame: Frame } | undefined;
  /** Elements of lists, those of lists inside them counted as often as they are there. */
  readonly #weights = new WeakMap<LangValue, number>();
  /** Lists that an `each` gave, for messages. */
  readonly ofEach = new WeakSet<LangValue>();
  #nesting = 0;
  /** Sub-graphs whose operators are being made, which are part of no graph yet. */
  readonly #open: Graph[] = [];
  readonly #reported = new Set<string>();
  readonly #handlers: Handlers;

  constructor(name: string, module: Module, sink: Sink, content: ContentMaker, limits: Limits, handlers: Handlers) {
    this.#handlers = handlers;
    this.graph = new Graph(name);
    this.graph.session = content.session;
    this.module = module;
    this.sink = sink;
    this.content = content;
    this.limits = limits;
    this.#budget = new Budget(limits.steps, () => this.#spent());
  }

  /** The value of an expression; layers, blocks and bodies come out as callables and run where a tensor is wanted. */
  evaluate(f: Frame, expr: Expr): LangValue {
    return handlerOf(this.#handlers.expressions, expr)(this, f, expr);
  }

  /** Runs one statement, which may change the frame. */
  execute(f: Frame, stmt: Stmt): void {
    handlerOf(this.#handlers.statements, stmt)(this, f, stmt);
  }

  /** Runs a construct on the current value; the label, if any, becomes its scope. */
  runConstruct(f: Frame, construct: Construct, label: string | undefined): readonly LangValue[] {
    return this.nest(construct.span, f, () => handlerOf(this.#handlers.constructs, construct)(this, f, construct, label));
  }

  /** Runs a layer, block, body or shortcut on the current value; `runCallable` is the way in for any value. */
  runTarget(f: Frame, target: RunnableTarget, span: Span, label: string | undefined): readonly LangValue[] {
    return handlerOf(this.#handlers.targets, target)(this, f, target, span, label);
  }

  /** Reports once per place and code, however many uses of a block run into it, then gives the statement up. */
  fail<Holes extends string>(
    kind: DiagnosticKind<Holes>,
    frame: Frame | undefined,
    report: Report<Holes> & { readonly span: Span },
  ): never {
    this.report(kind, frame, report);
    throw new Abandon();
  }

  report<Holes extends string>(
    kind: DiagnosticKind<Holes>,
    frame: Frame | undefined,
    report: Report<Holes> & { readonly span: Span },
  ): void {
    const { span } = report;
    const key = `${kind.code}|${span.file.name}|${span.start}|${span.end}|${'name' in report.with ? String(Reflect.get(report.with, 'name')) : ''}`;
    if (this.#reported.has(key)) return;
    this.#reported.add(key);
    this.sink.add(makeDiagnostic(kind, { ...report, within: report.within ?? withinText(frame?.use) }));
    if (this.#reported.size >= this.limits.errors) throw new Stop();
  }

  step(span: Span, frame: Frame): void {
    this.spend(1, span, frame);
  }

  /** The `index`-th of `count` statements of a body or turns of a repetition, which have equal shares of it. */
  part<T>(index: number, count: number, work: () => T): T {
    if (!this.onProgress) return work();
    const { nodes } = this;
    const [ran, share] = [this.#ran, this.#share];
    this.#ran = ran + (share * index) / count;
    this.#share = share / count;
    if (nodes > 0 && this.#ran > 0)
      this.onProgress('elaborating', nodes, Math.max(nodes, Math.round(nodes / this.#ran)), 'nodes');
    try {
      return work();
    } finally {
      [this.#ran, this.#share] = [ran, share];
    }
  }

  /** Pays for `cost` steps. Stops everything when there are none left. */
  spend(cost: number, span: Span, frame: Frame): void {
    this.#at = { span, frame };
    this.#budget.spend(cost);
  }

  #spent(): never {
    const { steps } = this.limits;
    if (this.#at) this.tooLarge(this.#at.span, this.#at.frame, `more than ${steps.toLocaleString('en-US')} steps`, 10 * steps);
    throw new Stop();
  }

  /** Says that the limit of steps is reached, or will be; `enough` is a limit that may do. */
  tooLarge(span: Span, frame: Frame, found: string, enough: number): never {
    this.report(limitReached, frame, {
      span,
      with: {
        what: 'this model does not end, or is very large',
        found,
        expected: `at most ${this.limits.steps.toLocaleString('en-US')}: one for each statement and turn, ${nodeCost} for each node`,
        hint:
          enough <= hopeless
            ? `check the counts of repeat, or raise the limit: --max-steps ${enough}`
            : 'check the counts of repeat: a network of so many layers fits into no memory',
      },
    });
    throw new Stop();
  }

  /** A list, paid for by its elements and theirs: lists of one list twice grow faster than the text that makes them. */
  list(items: readonly LangValue[], span: Span, frame: Frame): LangValue {
    let weight = items.length;
    for (const item of items) weight += this.weightOf(item);
    this.spend(weight / 2, span, frame);
    const made: LangValue = { kind: 'list', items };
    this.#weights.set(made, weight);
    return made;
  }

  weightOf(value: LangValue): number {
    return value.kind === 'list' ? (this.#weights.get(value) ?? value.items.length) : 0;
  }

  /** Runs `work` one level deeper. */
  nest<T>(span: Span, frame: Frame, work: () => T): T {
    this.#nesting++;
    try {
      if (this.#nesting > maxNesting || this.calls > this.limits.depth) {
        this.report(limitReached, frame, {
          span,
          with: {
            what: 'blocks call each other too deeply',
            found: `a nesting of more than ${this.calls > this.limits.depth ? `${this.limits.depth} blocks` : `${maxNesting} levels`}`,
            expected: 'recursion that ends',
            hint: 'give the recursion a condition under which it stops',
          },
        });
        throw new Stop();
      }
      return work();
    } finally {
      this.#nesting--;
    }
  }

  /** The number of unlabelled layers called `name` at `path` so far; counts one more. */
  count(path: string, name: string): number {
    const key = `${path} ${name}`;
    const n = this.counters.get(key) ?? 0;
    this.counters.set(key, n + 1);
    return n;
  }

  /** Runs `work` with the counters as they are now, and puts them back when it wants them replayed. */
  replay<T>(under: string, work: () => T): T {
    const saved = this.counters;
    if (this.#at) this.spend(saved.size, this.#at.span, this.#at.frame);
    this.counters = new Map(
      [...saved].filter(([key]) => !(key.startsWith(`${under} `) || key.startsWith(`${under}.`) || under === '')),
    );
    try {
      return work();
    } finally {
      this.counters = saved;
    }
  }

  /** Runs `work` with the counters of an earlier moment, so that what runs again has the names that it had. */
  again<T>(counters: ReadonlyMap<string, number>, work: () => T): T {
    if (this.#at) this.spend(counters.size / 8, this.#at.span, this.#at.frame);
    this.counters = new Map(counters);
    return work();
  }

  /** A sub-graph for an operator that will stand in the current graph. */
  region(name: string): Graph {
    return new Graph(name, this.graph);
  }

  /** Runs `work` with its nodes in a sub-graph. Labels in there name nothing outside. */
  inside<T>(region: Graph, work: () => T): T {
    const { graph } = this;
    const labelled = new Map(this.labelled);
    this.graph = region;
    this.#open.push(region);
    try {
      return work();
    } finally {
      this.#open.pop();
      this.graph = graph;
      this.labelled.clear();
      for (const [path, one] of labelled) this.labelled.set(path, one);
    }
  }

  /** A dimension with the promises made so far put in. */
  promised(dim: Dim): Dim {
    return this.promises.size === 0 || dim.constant !== undefined ? dim : dim.substituteAll(this.promises);
  }

  /** Puts what a symbol is into every type and attribute of the graph made so far: a number, or itself with a promise. */
  learn(name: string, by: Dim): void {
    if (this.#at) this.spend(this.nodes, this.#at.span, this.#at.frame);
    this.promises.set(name, by);
    const renew = (dim: Dim): Dim => (dim.constant !== undefined ? dim : dim.substituteAll(this.promises));
    const retype = (value: Value): void => {
      value.type = { elem: value.type.elem, dims: value.type.dims.map(renew) };
    };
    const renewNode = (node: Node): void => {
      for (const result of node.results) retype(result);
      const attrs = { ...node.attrs };
      for (const [key, spec] of Object.entries(node.op.attrs)) {
        const dims = attrs[key];
        if (spec.kind === 'dims' && Array.isArray(dims))
          attrs[key] = dims.map((d) => (d instanceof Dim ? renew(d) : bug('a dims attribute holds no dims')));
      }
      node.attrs = attrs;
    };
    for (const graph of [this.graph.root, ...this.#open].flatMap((one) => graphsIn(one))) {
      for (const input of graph.inputs) retype(input);
      for (const node of graph.nodes()) renewNode(node);
    }
  }
}

/** Innermost first, at most four. */
export function withinText(use: UseSite | undefined): readonly string[] {
  const out: string[] = [];
  for (let site = use; site && out.length < 4; site = site.outer) {
    const loops = site.loops.length > 0 ? `, ${site.loops.join(', ')}` : '';
    out.push(`${site.path === '' ? '' : `${site.path}, `}from \`${sourceText(site.span)}\` at ${spanText(site.span)}${loops}`);
  }
  return out;
}
