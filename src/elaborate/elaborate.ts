/**
 * From a syntax tree to a graph: chooses the model, gives its parameters their values, and runs its body. Repetition and blocks
 * are unrolled here; what comes out is the graph that the source says, without any optimisation.
 */

import { at } from '../diagnostics/at.ts';
import { badDefine, chooseModel, constCycle, noModel } from '../diagnostics/catalogue/names.ts';
import { symbolPinned } from '../diagnostics/catalogue/shapes.ts';
import { noOutput } from '../diagnostics/catalogue/structure.ts';
import type { Sink } from '../diagnostics/diagnostic.ts';
import type { OnProgress } from '../diagnostics/progress.ts';
import type { Span } from '../diagnostics/source.ts';
import { nearest } from '../diagnostics/suggest.ts';
import type { AskedShapes } from '../ir/asked-sizes.ts';
import type { Dim } from '../ir/dim.ts';
import type { Graph } from '../ir/graph.ts';
import { affineSize } from '../ir/solve.ts';
import type { ModelItem } from '../parser/ast.ts';
import { parseExpression } from '../parser/parse-file.ts';
import { fillParams } from './blocks.ts';
import { executeBody } from './bodies.ts';
import { evaluateArgs } from './chains.ts';
import { type ContentMaker, Context, defaultLimits, type Limits, type NamedMap } from './context.ts';
import { Abandon, attempt, Stop } from './failure.ts';
import { handlers } from './interpreter.ts';
import { advice } from './late.ts';
import { leastWork } from './least-work.ts';
import { mentionsReuse } from './modules.ts';
import { type DefinedSize, OutsideSizes } from './outside-sizes.ts';
import { scaleResiduals } from './residual-init.ts';
import { Env, type Frame, type Module } from './scope.ts';
import { type GivenArg, type GivenArgs, noArgs } from './values.ts';

export interface ElaborateOptions {
  /** Which model; may be left out when the file has one complete model. */
  readonly model?: string | undefined;
  /** Parameters of the model as text, by name: `-D classes=10`. */
  readonly defines?: Readonly<Record<string, string>> | undefined;
  /** Sizes of symbols, axes and inputs from outside. */
  readonly inputShapes?: AskedShapes | undefined;
  readonly content: ContentMaker;
  readonly limits?: Partial<Limits> | undefined;
  readonly onProgress?: OnProgress | undefined;
}

export interface Elaborated {
  /** Absent when something was wrong. */
  readonly graph: Graph | undefined;
  readonly model: string | undefined;
  /** `map` statements of the model. */
  readonly maps: readonly NamedMap[];
}

const nothing: Elaborated = { graph: undefined, model: undefined, maps: [] };

/** Elaborates one model of a module. Everything wrong goes to the sink; never throws on account of the source. */
export function elaborate(module: Module, options: ElaborateOptions, sink: Sink): Elaborated {
  if (sink.hasErrors) return nothing;
  const limits = { ...defaultLimits, ...options.limits };
  const setup = new Context('setup', module, sink, options.content, limits, handlers);
  let chosen: Chosen | undefined;
  try {
    chosen = choose(setup, module, options);
  } catch (error) {
    if (!(error instanceof Abandon || error instanceof Stop)) throw error;
  }
  if (!chosen) return nothing;
  const { model, args, name } = chosen;
  const c = new Context(name, module, sink, options.content, limits, handlers);
  c.onProgress = options.onProgress;
  try {
    const home = chosen.module;
    const env = new Env(home);
    const f = topFrame(env, true);
    fillParams(c, f, f, model, args, chosen.span, (param) => `-D ${param}=…`);
    if (!model.body) return nothing;
    const body = new Env(home, env);
    const least = leastWork(model.body, body, limits.steps);
    if (least.steps > limits.steps)
      c.tooLarge(
        least.culprit?.span ?? model.name.span,
        f,
        `at least ${least.steps.toLocaleString('en-US')} steps`,
        2 * least.steps,
      );
    const outside = new OutsideSizes(options.inputShapes ?? {}, chosen.sizes);
    c.outside = outside;
    executeBody(c, { ...f, env: body }, model.body);
    const parameters = model.params.map((p) => p.name.name);
    attempt(() => outside.finish(c, parameters, name));
    if (c.graph.outputs.length === 0 && !sink.hasErrors) c.report(noOutput, f, { span: model.name.span, with: { model: name } });
    for (const [symbol, span] of c.symbols) {
      if (!span) continue;
      const tells = (dim: Dim): boolean => affineSize(dim)?.name === symbol;
      const fixed = c.promises.get(symbol)?.constant !== undefined;
      if (!fixed && !c.graph.inputs.some((v) => v.type.dims.some(tells)))
        c.report(symbolPinned, f, { span, with: { name: symbol } });
    }
  } catch (error) {
    if (!(error instanceof Abandon || error instanceof Stop)) throw error;
  }
  if (sink.hasErrors) return { ...nothing, model: name };
  scaleResiduals(c.graph, c.ownInits, c.content);
  return { graph: c.graph, model: name, maps: c.maps };
}

function topFrame(env: Env, model: boolean): Frame {
  return {
    env,
    it: { kind: 'unset', why: 'no tensor so far', hint: 'begin with an input: `input image: f32[N, 3, 224, 224]`' },
    path: '',
    sequence: undefined,
    model,
    share: false,
    residual: undefined,
    use: undefined,
    loops: [],
    inLoop: undefined,
    returned: undefined,
    failed: undefined,
  };
}

interface Chosen {
  readonly name: string;
  /** The model with a body, at the end of `model B = A(…)`. */
  readonly model: ModelItem;
  readonly module: Module;
  readonly args: GivenArgs;
  readonly span: Span;
  /** What `-D` says of names that are no parameters. */
  readonly sizes: readonly DefinedSize[];
}

/** Models that the file itself declares, in order. */
export function modelsOf(module: Module): readonly ModelItem[] {
  return module.file.items.flatMap((item) => (item.kind === 'model' ? [item] : []));
}

/** Whether a model needs no argument from outside. */
export function isComplete(module: Module, model: ModelItem): boolean {
  const seen = new Set<ModelItem>();
  const given = new Set<string>();
  let current: ModelItem | undefined = model;
  let home = module;
  let positional = 0;
  while (current?.base && !seen.has(current)) {
    seen.add(current);
    if (current.base.kind === 'call') {
      for (const arg of current.base.args) {
        if (arg.name) given.add(arg.name.name);
        else positional++;
      }
    }
    const next: string = current.base.kind === 'call' ? current.base.callee.name : current.base.name;
    const entry = home.items.get(next);
    current = entry?.item.kind === 'model' ? entry.item : undefined;
    home = entry?.module ?? home;
  }
  if (!current?.body) return true;
  return current.params
    .filter((p) => !given.has(p.name.name))
    .slice(positional)
    .every((p) => p.default !== undefined);
}

function choose(c: Context, module: Module, options: ElaborateOptions): Chosen | undefined {
  const models = modelsOf(module);
  const names = models.map((m) => m.name.name);
  const complete = models.filter((m) => isComplete(module, m));
  const whole = { ...module.file.span, end: Math.min(module.file.span.end, module.file.span.start + 1) };
  const entry = options.model === undefined ? undefined : module.items.get(options.model);
  let model = entry?.item.kind === 'model' ? entry.item : undefined;
  if (options.model !== undefined && !model) {
    const near = nearest(options.model, names);
    return c.fail(noModel, undefined, {
      span: whole,
      with: {
        what: `there is no model \`${options.model}\``,
        found: options.model,
        expected: names.length > 0 ? `one of ${names.join(', ')}` : 'a file with a model',
        hint: near ? `--model ${near}` : names[0] ? `--model ${names[0]}` : 'declare one: `model Net { … }`',
      },
    });
  }
  if (!model) {
    const defined = new Set(Object.keys(options.defines ?? {}));
    const [only, second] =
      complete.length > 0
        ? complete
        : models.filter((m) => m.body && m.params.every((p) => p.default || defined.has(p.name.name)));
    if (only && !second) model = only;
    else if (models.length === 0) {
      return c.fail(noModel, undefined, {
        span: whole,
        with: {
          what: 'this file has no model',
          found: `${module.items.size} other declarations`,
          expected: 'at least one model',
          hint: 'declare one: `model Net { … }`',
        },
      });
    } else {
      return c.fail(chooseModel, undefined, {
        span: (second ?? models[0])?.name.span ?? whole,
        with: advice.now().choiceOf(models, complete[0], defined),
      });
    }
  }
  const root = rootOf(c, options.model === undefined ? module : (entry?.module ?? module), model);
  if (!root) return undefined;
  return withDefines(c, module, { ...root, name: model.name.name, span: model.name.span, sizes: [] }, options.defines ?? {});
}

/** Follows `model B = A(…)` to the model with a body; the arguments of the derived win over those of its base. */
function rootOf(c: Context, module: Module, model: ModelItem): { model: ModelItem; module: Module; args: GivenArgs } | undefined {
  const seen = new Set<ModelItem>();
  const layers: GivenArgs[] = [];
  let current = model;
  let home = module;
  while (current.base) {
    if (seen.has(current)) return c.fail(constCycle, undefined, { span: current.name.span, with: { name: current.name.name } });
    seen.add(current);
    const { base } = current;
    const name = base.kind === 'call' ? base.callee.name : base.name;
    const entry = home.items.get(name);
    if (entry?.item.kind !== 'model') {
      const near = nearest(
        name,
        [...home.items].filter(([, e]) => e.item.kind === 'model').map(([n]) => n),
      );
      return c.fail(noModel, undefined, {
        span: base.span,
        with: {
          what: `\`${name}\` is no model`,
          found: entry ? `a ${entry.item.kind}` : `\`${name}\``,
          expected: 'a model',
          hint: near ? `did you mean \`${near}\`?` : 'declare it, or import it',
        },
      });
    }
    layers.push(base.kind === 'call' ? evaluateArgs(c, topFrame(new Env(home), false), base.args) : noArgs);
    current = entry.item;
    home = entry.module;
  }
  const args = layers.reduceRight(
    (inner, outer) => ({
      positional: [...inner.positional, ...outer.positional],
      named: new Map([...inner.named, ...outer.named]),
    }),
    noArgs,
  );
  return { model: current, module: home, args };
}

function withDefines(c: Context, module: Module, chosen: Chosen, defines: Readonly<Record<string, string>>): Chosen {
  const params = chosen.model.params;
  const names = params.map((p) => p.name.name);
  const named = new Map<string, GivenArg>(chosen.args.named);
  const f = topFrame(new Env(module), false);
  // Unnamed arguments are given their names first, so that a define can replace them.
  let positional: readonly GivenArg[] = chosen.args.positional;
  const free = names.filter((n) => !named.has(n));
  if (Object.keys(defines).length > 0 && positional.length <= free.length) {
    for (const [i, arg] of positional.entries()) named.set(at(free, i), arg);
    positional = [];
  }
  const sizes: DefinedSize[] = [];
  let failed = false;
  for (const [name, text] of Object.entries(defines)) {
    const source = { name: `-D ${name}`, text };
    const span = { file: source, start: 0, end: text.length };
    if (!names.includes(name) && /^\s*\d+\s*$/.test(text)) {
      // It may be a symbol, which the inputs bear.
      sizes.push({ name, size: Number(text), text, span });
      continue;
    }
    if (!names.includes(name)) {
      const near = nearest(name, names);
      c.report(badDefine, undefined, {
        span,
        with: {
          name,
          what: `model \`${chosen.name}\` has no such parameter`,
          expected: names.length > 0 ? `one of ${names.join(', ')}` : 'a model with parameters',
          example: near ? `${near}=${text}` : names[0] ? `${names[0]}=…` : 'name=value',
        },
      });
      failed = true;
      continue;
    }
    module.reuses ||= mentionsReuse(text);
    const parsed = parseExpression(source);
    for (const diagnostic of parsed.diagnostics) c.sink.add(diagnostic);
    if (!parsed.expr) {
      failed = true;
      continue;
    }
    try {
      named.set(name, { value: c.evaluate(f, parsed.expr), span: parsed.expr.span });
    } catch (error) {
      if (!(error instanceof Abandon)) throw error;
      failed = true;
    }
  }
  if (failed) throw new Abandon();
  return { ...chosen, args: { positional, named }, sizes };
}
