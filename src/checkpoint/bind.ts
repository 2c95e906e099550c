/**
 * Gives the parameters of a graph the tensors of a checkpoint: chooses the dict, drops a common prefix, renames, and compares
 * every name and shape. What does not fit is said in one diagnostic.
 */
import {
  ambiguousDict,
  badMap,
  emptyCheckpoint,
  mapCollision,
  pickledModule,
  unknownDict,
} from '../diagnostics/catalogue/weights.ts';
import { bug, type Diagnostic, makeDiagnostic } from '../diagnostics/diagnostic.ts';
import type { Graph } from '../ir/graph.ts';
import { cast } from '../tensor/arithmetic.ts';
import { sessionOf } from '../tensor/session.ts';
import { adopt } from '../tensor/stored.ts';
import { dimsOf, type Fit, fitOf, parametersOf, shapeText, type Wanted } from './fit.ts';
import { type MapRule, type Rule, ruleOf, ruleText } from './map-rules.ts';
import { misfit, nearestFinder, unusable } from './misfit.ts';
import type { Checkpoint, TensorDict } from './nested.ts';

export { parametersOf } from './fit.ts';
export type { MapRule } from './map-rules.ts';

export interface BindOptions {
  /** Path of the dict inside the file, when it is chosen (`model.pt#ema`). */
  readonly key?: string;
  /** Parameters that the checkpoint lacks keep what they have. */
  readonly allowMissing?: boolean;
  /** Tensors that the model lacks are ignored. */
  readonly allowUnused?: boolean;
  /** The first rule that matches a name is followed, once. */
  readonly map?: readonly MapRule[];
}

export interface BindResult {
  readonly diagnostics: readonly Diagnostic[];
  /** What a user should know though nothing is wrong: the dict taken, a prefix dropped, types converted. */
  readonly notes: readonly string[];
  readonly matched: number;
}

const nameOf = (checkpoint: Checkpoint, dict: TensorDict): string =>
  dict.key === '' ? checkpoint.name : `${checkpoint.name}#${dict.key}`;

const idleOf = (rules: readonly Rule[]): readonly string[] =>
  rules.filter((rule) => !rule.used).map((rule) => ruleText(rule.rule));

interface Chosen {
  readonly wanted: Wanted;
  readonly fit: Fit;
  readonly rules: readonly Rule[];
}

/** The dict that fits the graph best, and how: or why none can be chosen (RES0521 to RES0524). */
function choose(graph: Graph, checkpoint: Checkpoint, options: BindOptions): Chosen | Diagnostic {
  const wanted = parametersOf(graph);
  const stars = (text: string): number => text.split('*').length - 1;
  for (const { from, to } of options.map ?? []) {
    if (from === '' || stars(to ?? '') > stars(from)) {
      return makeDiagnostic(badMap, {
        with: {
          from,
          to: to ?? 'none',
          found: from === '' ? 'nothing before the =' : `${stars(from)} * before the = and ${stars(to ?? '')} after it`,
        },
      });
    }
  }
  const rulesFor = (): Rule[] => (options.map ?? []).map(ruleOf);

  const holds = (dict: TensorDict): boolean =>
    dict.tensors.size > 0 || [...(dict.foreign?.values() ?? [])].some(({ object }) => object !== true);
  const filled = checkpoint.dicts.filter(holds);
  if (filled.length === 0) {
    const module = checkpoint.dicts.flatMap((dict) => [...(dict.foreign?.values() ?? [])]).find((entry) => entry.module === true);
    return module
      ? makeDiagnostic(pickledModule, { with: { file: checkpoint.name, name: module.elem } })
      : makeDiagnostic(emptyCheckpoint, { with: { checkpoint: checkpoint.name, model: graph.name } });
  }
  const candidates = options.key === undefined ? filled : filled.filter((dict) => dict.key === options.key);
  if (candidates.length === 0) {
    const keys = filled.map((dict) => dict.key).filter((key) => key !== '');
    const wish = options.key ?? '';
    const near = nearestFinder()(
      { name: wish, shape: '' },
      keys.map((name) => ({ name, shape: '' })),
    );
    const shown = keys.slice(0, 20).join(', ');
    return makeDiagnostic(unknownDict, {
      with: {
        checkpoint: checkpoint.name,
        key: wish,
        found: shown === '' ? 'one dict without a name' : shown,
        nearest: near ?? keys[0] ?? '',
      },
    });
  }

  const attempts = candidates.map((dict) => fitOf(dict, wanted, rulesFor));
  const faults = (fit: Fit): number =>
    fit.misshapen.length +
    fit.mistyped.length +
    fit.refused.length +
    fit.blocked.length +
    (options.allowMissing ? 0 : fit.missing.length);
  const named = (fit: Fit): number => fit.refused.length + fit.blocked.length + fit.misshapen.length + fit.mistyped.length;
  // Best first: most tensors in place, most names in common, fewest faults, fewest left over; the inner of two dicts that say the
  // same.
  const better = (a: Fit, b: Fit): number =>
    b.matched.length - a.matched.length ||
    named(b) - named(a) ||
    faults(a) - faults(b) ||
    a.unused.length - b.unused.length ||
    b.dict.key.length - a.dict.key.length;
  attempts.sort((a, b) => better(a.fit, b.fit));
  const best = attempts[0] ?? bug('no dict to choose from');
  const { fit } = best;
  const rivals = attempts.filter(
    ({ fit: other }) =>
      other !== fit &&
      other.matched.length === fit.matched.length &&
      fit.matched.length > 0 &&
      faults(other) === faults(fit) &&
      (other.unused.length === 0) === (fit.unused.length === 0) &&
      fit.matched.some((name) => other.byName.get(name)?.expr !== fit.byName.get(name)?.expr),
  );
  if (rivals.length > 0) {
    const keys = [fit, ...rivals.map((r) => r.fit)].map((f) => f.dict.key).sort();
    return makeDiagnostic(ambiguousDict, {
      with: {
        checkpoint: checkpoint.name,
        found: `${keys.join(', ')}: ${fit.matched.length} tensors each`,
        hint: keys
          .filter((key) => key !== '')
          .slice(0, 4)
          .map((key) => `--weights "${checkpoint.name}#${key}"`)
          .join(' or '),
      },
    });
  }
  if (fit.collision) return makeDiagnostic(mapCollision, { with: fit.collision });
  return { wanted, fit, rules: best.rules };
}

export type Match = 'matched' | 'missing' | 'misshapen' | 'mistyped' | 'unused';

/** One tensor of the model, of the checkpoint, or of both. */
export interface Compared {
  readonly match: Match;
  /** In the model; undefined for an unused one. */
  readonly name: string | undefined;
  /** In the checkpoint; undefined for a missing one. */
  readonly from: string | undefined;
  /** `f32[64, 3, 7, 7]`, where there is one. */
  readonly model: string | undefined;
  readonly checkpoint: string | undefined;
  /** How the checkpoint holds it, where that is not as a tensor of that name: `weight norm of fc.weight_g, fc.weight_v`. */
  readonly made?: string | undefined;
}

export interface Comparison {
  readonly diagnostics: readonly Diagnostic[];
  /** The dict that fits best; undefined when none could be chosen. */
  readonly dict: string | undefined;
  /** Dropped from the checkpoint's names. */
  readonly prefix: string;
  /** The model's tensors in its order, then what is unused in the file's. */
  readonly rows: readonly Compared[];
  /** Renaming rules that match no tensor, as `from=to`. */
  readonly idle: readonly string[];
}

/**
 * Compares a graph's parameters with a checkpoint, and changes nothing. Diagnostics are RES0521 to RES0524: a misfit is in the
 * rows.
 */
export function compareWeights(graph: Graph, checkpoint: Checkpoint, options: BindOptions = {}): Comparison {
  const chosen = choose(graph, checkpoint, options);
  if ('code' in chosen) return { diagnostics: [chosen], dict: undefined, prefix: '', rows: [], idle: [] };
  const { wanted, fit, rules } = chosen;
  const sets: readonly (readonly [Match, ReadonlySet<string>])[] = [
    ['missing', new Set(fit.missing)],
    ['misshapen', new Set(fit.misshapen)],
    ['mistyped', new Set([...fit.mistyped, ...fit.refused, ...fit.blocked])],
  ];
  const made = (name: string): string | undefined => {
    const parts = fit.parts.get(name);
    if (!parts) return undefined;
    const names = parts.kind === 'weight norm' ? [parts.g, parts.v] : parts.parts;
    return `${parts.kind === 'weight norm' ? 'weight norm' : parts.what} of ${names.map((part) => fit.fromOf.get(part) ?? part).join(', ')}`;
  };
  const stored = (name: string): string | undefined => {
    const entry = fit.byName.get(name) ?? fit.foreign.get(name);
    return entry && `${entry.elem}${shapeText(entry.dims)}`;
  };
  const rows = [...wanted].map(([name, [value]]): Compared => {
    const match = sets.find(([, names]) => names.has(name))?.[0] ?? 'matched';
    const model = value && `${value.type.elem}${shapeText(dimsOf(value))}`;
    const how = made(name);
    return { match, name, from: fit.fromOf.get(name), model, checkpoint: stored(name), ...(how !== undefined && { made: how }) };
  });
  for (const name of fit.unused)
    rows.push({
      match: 'unused',
      name: undefined,
      from: fit.fromOf.get(name) ?? name,
      model: undefined,
      checkpoint: stored(name),
    });
  return { diagnostics: [], dict: fit.dict.key, prefix: fit.prefix, rows, idle: idleOf(rules) };
}

/**
 * Sets the content of every parameter and buffer of the graph from the checkpoint, converted to the parameter's element type.
 * When a diagnostic is returned (RES0506, RES0508, RES0514, RES0515, RES0520 to RES0525) nothing was set.
 */
export function bindWeights(graph: Graph, checkpoint: Checkpoint, options: BindOptions = {}): BindResult {
  const refused = (diagnostic: Diagnostic): BindResult => ({ diagnostics: [diagnostic], notes: [], matched: 0 });
  const chosen = choose(graph, checkpoint, options);
  if ('code' in chosen) return refused(chosen);
  const { wanted, fit, rules } = chosen;
  const refusals = unusable(fit, checkpoint.name);
  if (refusals.length > 0) return { diagnostics: refusals, notes: [], matched: 0 };
  const problem = misfit(fit, wanted, {
    allowMissing: options.allowMissing ?? false,
    allowUnused: options.allowUnused ?? false,
    map: options.map ?? [],
    rules,
    checkpoint: nameOf(checkpoint, fit.dict),
  });
  if (problem) return refused(problem);

  const notes: string[] = [];
  if (fit.dict.key !== '' && options.key === undefined) notes.push(`dict ${fit.dict.key} of ${checkpoint.name} is taken`);
  if (fit.prefix !== '') notes.push(`prefix ${fit.prefix} dropped from every name`);
  for (const rule of idleOf(rules)) notes.push(`map "${rule}" matches no tensor`);
  const norms = [...fit.parts.values()].filter((parts) => parts.kind === 'weight norm').length;
  if (norms > 0) notes.push(`${norms} ${norms === 1 ? 'tensor' : 'tensors'} computed from weight norm, g·v/‖v‖`);
  const session = sessionOf(graph);
  const conversions = new Map<string, number>();
  for (const name of fit.matched) {
    const entry = fit.byName.get(name);
    for (const value of wanted.get(name) ?? []) {
      if (!entry) continue;
      const { elem } = value.type;
      if (entry.elem !== elem) {
        const step = `${entry.elem} → ${elem}`;
        conversions.set(step, (conversions.get(step) ?? 0) + 1);
      }
      value.graph.setContent(value, cast(adopt(session, entry.expr, name), elem));
    }
  }
  for (const [step, count] of conversions)
    notes.push(
      `${count} ${count === 1 ? 'tensor' : 'tensors'} converted ${step}${step.endsWith('f32') && !step.startsWith('f64') ? ', exactly' : ''}`,
    );
  if (fit.missing.length > 0)
    notes.push(
      `${fit.missing.length} missing, left at their initial values: ${fit.missing.slice(0, 5).join(', ')}${fit.missing.length > 5 ? ', …' : ''}`,
    );
  if (fit.unused.length > 0)
    notes.push(`${fit.unused.length} unused: ${fit.unused.slice(0, 5).join(', ')}${fit.unused.length > 5 ? ', …' : ''}`);
  return { diagnostics: [], notes, matched: fit.matched.length };
}
