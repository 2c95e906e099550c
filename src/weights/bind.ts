/**
 * Gives the parameters of a graph the tensors of a checkpoint: chooses the dict, drops a common prefix, renames, and compares
 * every name and shape. What does not fit is said in one diagnostic.
 */
import {
  ambiguousDict,
  badMap,
  emptyCheckpoint,
  mapCollision,
  refusedElement,
  unknownDict,
  weightsMisfit,
} from '../diagnostics/catalogue/weights.ts';
import { bug, type Diagnostic, makeDiagnostic } from '../diagnostics/diagnostic.ts';
import type { Graph, Value } from '../ir/graph.ts';
import { isFloat } from '../ir/types.ts';
import { cast } from './expr.ts';
import { matchPattern } from './name-pattern.ts';
import type { Checkpoint, ForeignTensor, TensorDict, TensorEntry } from './nested.ts';
import { isLossless } from './round.ts';
import { relabel } from './stored.ts';

/** A renaming rule: `*` captures any run of characters; `to` undefined leaves the tensor out. */
export interface MapRule {
  readonly from: string;
  readonly to: string | undefined;
}

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

/** How many lines one diagnostic lists of each sort. */
const listed = 100;
/** Cells of edit-distance tables that one diagnostic may compute; past it no nearest names are searched. */
const distanceBudget = 40_000_000;

/** Learned tensors and buffers of the graph and of the graphs inside its nodes, by path; tied ones are one value. */
export function parametersOf(graph: Graph): ReadonlyMap<string, readonly Value[]> {
  const found = new Map<string, Value[]>();
  const seen = new Set<Value>();
  const take = (value: Value): void => {
    if (value.def.kind !== 'constant' || value.def.role === 'constant' || value.name === undefined || seen.has(value)) return;
    seen.add(value);
    const same = found.get(value.name);
    if (same) same.push(value);
    else found.set(value.name, [value]);
  };
  const graphs: Graph[] = [graph];
  for (let g = graphs.pop(); g; g = graphs.pop()) {
    for (const node of g.nodes()) {
      for (const use of node.slots) if (use) take(use.value);
      graphs.push(...node.regions);
    }
    for (const output of g.outputs) take(output.value);
  }
  return found;
}

/** Known, and no part of what a network computes at inference. */
const isCounter = (name: string): boolean => name === 'num_batches_tracked' || name.endsWith('.num_batches_tracked');
const shapeText = (dims: readonly number[]): string => `[${dims.join(', ')}]`;
const numbersOf = (value: Value): readonly number[] => value.content?.dims ?? bug('a parameter without content');

interface Rule {
  readonly rule: MapRule;
  used: boolean;
}

/** The new name, undefined when the rule drops the tensor, `null` when it does not match. */
function followRule(rule: Rule, name: string): string | undefined | null {
  const match = matchPattern(rule.rule.from, name);
  if (!match) return null;
  rule.used = true;
  if (rule.rule.to === undefined) return undefined;
  let star = -1;
  return rule.rule.to.replace(/\*/g, () => match[++star] ?? '');
}

interface Fit {
  readonly dict: TensorDict;
  readonly prefix: string;
  /** By the model's names. */
  readonly byName: ReadonlyMap<string, TensorEntry>;
  /** Of element types that rescc does not know, by the model's names. */
  readonly foreign: ReadonlyMap<string, ForeignTensor>;
  /** Names of the model whose tensor is one of those. */
  readonly refused: readonly string[];
  readonly matched: readonly string[];
  readonly missing: readonly string[];
  readonly misshapen: readonly string[];
  readonly mistyped: readonly string[];
  readonly unused: readonly string[];
  readonly collision: { readonly name: string; readonly first: string; readonly second: string } | undefined;
  readonly fromOf: ReadonlyMap<string, string>;
}

/**
 * `module.` of DataParallel and `model.` of wrappers, also one inside the other, where every name begins with it and the model's
 * own names do not.
 */
function commonPrefix(names: readonly string[], wanted: ReadonlyMap<string, unknown>): string {
  let prefix = '';
  if (names.length === 0) return prefix;
  for (let again = true; again; ) {
    again = false;
    for (const word of ['module.', 'model.']) {
      const longer = prefix + word;
      if (!names.every((name) => name.startsWith(longer))) continue;
      const own = [...wanted.keys()].filter((name) => name.startsWith(word)).length;
      if (own > 0 && own === wanted.size) continue;
      prefix = longer;
      again = true;
      break;
    }
  }
  return prefix;
}

function fitOf(dict: TensorDict, wanted: ReadonlyMap<string, readonly Value[]>, rules: readonly Rule[]): Fit {
  const names = [...dict.tensors.keys(), ...(dict.foreign?.keys() ?? [])].filter((name) => !isCounter(name));
  const prefix = commonPrefix(names, wanted);
  const strip = (name: string): string => (prefix !== '' && name.startsWith(prefix) ? name.slice(prefix.length) : name);
  const byName = new Map<string, TensorEntry>();
  const foreign = new Map<string, ForeignTensor>();
  const fromOf = new Map<string, string>();
  let collision: Fit['collision'];
  for (const name of names) {
    const entry = dict.tensors.get(name);
    const other = dict.foreign?.get(name);
    let target: string | undefined = strip(name);
    for (const rule of rules) {
      const whole = followRule(rule, name);
      const result = whole === null && prefix !== '' ? followRule(rule, strip(name)) : whole;
      if (result === null) continue;
      target = result === undefined ? undefined : strip(result);
      break;
    }
    if (target === undefined) continue;
    const first = fromOf.get(target);
    if (first !== undefined) collision ??= { name: target, first, second: name };
    if (entry) byName.set(target, entry);
    else if (other) foreign.set(target, other);
    fromOf.set(target, name);
  }
  const matched: string[] = [];
  const missing: string[] = [];
  const misshapen: string[] = [];
  const mistyped: string[] = [];
  const refused: string[] = [];
  const taken = new Set<number>();
  for (const [name, values] of wanted) {
    const entry = byName.get(name);
    if (!entry) {
      (foreign.has(name) ? refused : missing).push(name);
      continue;
    }
    taken.add(entry.expr.id);
    if (values.some((value) => shapeText(numbersOf(value)) !== shapeText(entry.dims))) misshapen.push(name);
    else if (values.some((value) => isFloat(value.type.elem) !== isFloat(entry.elem) && !isLossless(entry.elem, value.type.elem)))
      mistyped.push(name);
    else matched.push(name);
  }
  // A second name of a tensor that is taken (`lm_head.weight` beside `wte.weight`) is used too.
  const unused = [...byName].filter(([name, entry]) => !wanted.has(name) && !taken.has(entry.expr.id)).map(([name]) => name);
  for (const name of foreign.keys()) if (!wanted.has(name)) unused.push(name);
  return { dict, prefix, byName, foreign, refused, matched, missing, misshapen, mistyped, unused, collision, fromOf };
}

/** Levenshtein distance, or a number above `limit` as soon as it is known to be above. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    let best = i;
    for (let j = 1; j <= b.length; j++) {
      const cost = Math.min(
        (previous[j] ?? 0) + 1,
        (current[j - 1] ?? 0) + 1,
        (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
      current.push(cost);
      best = Math.min(best, cost);
    }
    if (best > limit) return limit + 1;
    previous = current;
  }
  return previous[b.length] ?? limit + 1;
}

/** Finds nearest names, those of the same shape first, within a budget shared by one diagnostic. */
function nearestFinder(): (
  name: string,
  shape: string,
  candidates: readonly { readonly name: string; readonly shape: string }[],
) => string | undefined {
  let budget = distanceBudget;
  return (name, shape, candidates) => {
    let best: string | undefined;
    let bestCost = Infinity;
    for (const candidate of candidates) {
      const handicap = candidate.shape === shape ? 0 : 4;
      // A name that shares less than two letters of five is no hint.
      const limit = Math.min(bestCost - handicap - 1, Math.floor(Math.max(name.length, candidate.name.length) * 0.6));
      if (limit < 0 || budget < 0) continue;
      budget -= name.length * candidate.name.length;
      const distance = editDistance(name, candidate.name, limit);
      if (distance > limit) continue;
      best = candidate.name;
      bestCost = distance + handicap;
    }
    return best;
  };
}

/**
 * The usual transposes between frameworks: what a wrong shape looks like, and the permutation that turns it into the right one.
 */
function transposition(
  wanted: readonly number[],
  found: readonly number[],
): { readonly remark: string; readonly perm: readonly number[] } | undefined {
  const rank = wanted.length;
  if (rank !== found.length || rank < 2) return undefined;
  const usual: readonly (readonly [readonly number[], string])[] = [
    [[1, 0], 'transposed: [in, out] where [out, in] is meant'],
    [[3, 2, 0, 1], 'transposed kernel: [h, w, in, out] (TensorFlow) where [out, in, h, w] is meant'],
    [[0, 3, 1, 2], 'transposed kernel: [out, h, w, in] where [out, in, h, w] is meant'],
    [[2, 1, 0], 'transposed kernel: [w, in, out] where [out, in, w] is meant'],
    [[1, 0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2)], 'transposed kernel: its first two axes are exchanged'],
  ];
  for (const [perm, remark] of usual)
    if (perm.length === rank && perm.every((axis, i) => found[axis] === wanted[i])) return { remark, perm };
  return undefined;
}

function misfit(
  fit: Fit,
  wanted: ReadonlyMap<string, readonly Value[]>,
  checkpoint: Checkpoint,
  options: BindOptions,
): Diagnostic | undefined {
  const missing = options.allowMissing ? [] : fit.missing;
  const unused = options.allowUnused ? [] : fit.unused;
  if (missing.length + unused.length + fit.misshapen.length + fit.mistyped.length === 0) return undefined;
  const typeOf = (name: string): string => {
    const value = wanted.get(name)?.[0];
    return value ? `${value.type.elem}${shapeText(numbersOf(value))}` : '';
  };
  const stored = (name: string): string => {
    const entry = fit.byName.get(name) ?? fit.foreign.get(name);
    return entry ? `${entry.elem}${shapeText(entry.dims)}` : '';
  };
  const shapeOf = (text: string): string => text.slice(text.indexOf('['));
  const free = fit.unused.map((name) => ({ name, shape: shapeOf(stored(name)) }));
  const lacking = fit.missing.map((name) => ({ name, shape: shapeOf(typeOf(name)) }));
  const nearest = nearestFinder();
  const lines: string[] = [];
  let permute: { readonly name: string; readonly perm: readonly number[] } | undefined;
  let rename: { readonly from: string; readonly to: string } | undefined;
  const list = (names: readonly string[], sort: string, line: (name: string) => string): void => {
    for (const name of names.slice(0, listed)) lines.push(`${sort.padEnd(9)} ${line(name)}`);
    if (names.length > listed) lines.push(`${sort.padEnd(9)} … and ${names.length - listed} more`);
  };
  list(missing, 'missing', (name) => {
    const near = nearest(name, shapeOf(typeOf(name)), free);
    if (near !== undefined) rename ??= { from: fit.fromOf.get(near) ?? near, to: name };
    return `${name} ${typeOf(name)}${near === undefined ? '' : `  nearest: ${near} ${stored(near)}`}`;
  });
  list(fit.misshapen, 'misshapen', (name) => {
    const entry = fit.byName.get(name);
    const value = wanted.get(name)?.[0];
    const turn = entry && value && transposition(numbersOf(value), entry.dims);
    if (turn) permute ??= { name: fit.fromOf.get(name) ?? name, perm: turn.perm };
    const remark = turn ? `  ${turn.remark}` : '';
    return `${name}  model ${typeOf(name)}, checkpoint ${stored(name)}${remark}`;
  });
  list(fit.mistyped, 'mistyped', (name) => `${name}  model ${typeOf(name)}, checkpoint ${stored(name)}`);
  list(unused, 'unused', (name) => {
    const near = nearest(name, shapeOf(stored(name)), lacking);
    return `${fit.fromOf.get(name) ?? name} ${stored(name)}${near === undefined ? '' : `  nearest: ${near} ${typeOf(near)}`}`;
  });
  const hint = rename
    ? `write --map "${rename.from}=${rename.to}"`
    : permute
      ? `before saving: state_dict["${permute.name}"] = state_dict["${permute.name}"].permute(${permute.perm.join(', ')})`
      : fit.misshapen.length + fit.mistyped.length > 0
        ? 'write -D name=value to give the model the sizes of the checkpoint'
        : missing.length > 0
          ? 'write --allow-missing to leave what is missing at its initial values'
          : 'write --allow-unused to ignore what is left over';
  const counts = [
    missing.length > 0 ? `${missing.length} missing` : '',
    fit.misshapen.length > 0 ? `${fit.misshapen.length} misshapen` : '',
    fit.mistyped.length > 0 ? `${fit.mistyped.length} mistyped` : '',
    unused.length > 0 ? `${unused.length} unused` : '',
  ].filter((s) => s !== '');
  return makeDiagnostic(weightsMisfit, {
    with: {
      checkpoint: nameOf(checkpoint, fit.dict),
      found: `${counts.join(', ')}\n${lines.join('\n')}`,
      expected: `each of the model's ${wanted.size} tensors once and in its shape`,
      hint,
    },
  });
}

const nameOf = (checkpoint: Checkpoint, dict: TensorDict): string =>
  dict.key === '' ? checkpoint.name : `${checkpoint.name}#${dict.key}`;

interface Chosen {
  readonly wanted: ReadonlyMap<string, readonly Value[]>;
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
  const rulesFor = (): Rule[] => (options.map ?? []).map((rule) => ({ rule, used: false }));

  const filled = checkpoint.dicts.filter((dict) => dict.tensors.size + (dict.foreign?.size ?? 0) > 0);
  if (filled.length === 0) return makeDiagnostic(emptyCheckpoint, { with: { checkpoint: checkpoint.name, model: graph.name } });
  const candidates = options.key === undefined ? filled : filled.filter((dict) => dict.key === options.key);
  if (candidates.length === 0) {
    const keys = filled.map((dict) => dict.key).filter((key) => key !== '');
    const wish = options.key ?? '';
    const near = nearestFinder()(
      wish,
      '',
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

  const attempts = candidates.map((dict) => {
    const rules = rulesFor();
    return { fit: fitOf(dict, wanted, rules), rules };
  });
  const faults = (fit: Fit): number =>
    fit.misshapen.length + fit.mistyped.length + fit.refused.length + (options.allowMissing ? 0 : fit.missing.length);
  // Best first: most tensors in place, fewest faults, fewest left over; the inner of two dicts that say the same.
  const better = (a: Fit, b: Fit): number =>
    b.matched.length - a.matched.length ||
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
        key: keys.find((key) => key !== '') ?? '',
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
}

export interface Comparison {
  readonly diagnostics: readonly Diagnostic[];
  /** The dict that fits best; undefined when none could be chosen. */
  readonly dict: string | undefined;
  /** Dropped from the checkpoint's names. */
  readonly prefix: string;
  /** The model's tensors in its order, then what is unused in the file's. */
  readonly rows: readonly Compared[];
}

/** Compares a graph's parameters with a checkpoint, and changes nothing. Diagnostics are RES0521 to RES0524: a misfit is in the rows. */
export function compareWeights(graph: Graph, checkpoint: Checkpoint, options: BindOptions = {}): Comparison {
  const chosen = choose(graph, checkpoint, options);
  if ('code' in chosen) return { diagnostics: [chosen], dict: undefined, prefix: '', rows: [] };
  const { wanted, fit } = chosen;
  const sets: readonly (readonly [Match, ReadonlySet<string>])[] = [
    ['missing', new Set(fit.missing)],
    ['misshapen', new Set(fit.misshapen)],
    ['mistyped', new Set([...fit.mistyped, ...fit.refused])],
  ];
  const stored = (name: string): string | undefined => {
    const entry = fit.byName.get(name) ?? fit.foreign.get(name);
    return entry && `${entry.elem}${shapeText(entry.dims)}`;
  };
  const rows = [...wanted].map(([name, [value]]): Compared => {
    const match = sets.find(([, names]) => names.has(name))?.[0] ?? 'matched';
    const model = value && `${value.type.elem}${shapeText(numbersOf(value))}`;
    return { match, name, from: fit.fromOf.get(name), model, checkpoint: stored(name) };
  });
  for (const name of fit.unused)
    rows.push({
      match: 'unused',
      name: undefined,
      from: fit.fromOf.get(name) ?? name,
      model: undefined,
      checkpoint: stored(name),
    });
  return { diagnostics: [], dict: fit.dict.key, prefix: fit.prefix, rows };
}

/**
 * Sets the content of every parameter and buffer of the graph from the checkpoint, converted to the parameter's element type.
 * When a diagnostic is returned (RES0508, RES0520 to RES0524) nothing was set.
 */
export function bindWeights(graph: Graph, checkpoint: Checkpoint, options: BindOptions = {}): BindResult {
  const refused = (diagnostic: Diagnostic): BindResult => ({ diagnostics: [diagnostic], notes: [], matched: 0 });
  const chosen = choose(graph, checkpoint, options);
  if ('code' in chosen) return refused(chosen);
  const { wanted, fit, rules } = chosen;
  if (fit.refused.length > 0) {
    const found = (name: string): string => {
      const tensor = fit.foreign.get(name);
      return `${tensor?.elem ?? ''}${shapeText(tensor?.dims ?? [])}`;
    };
    return {
      diagnostics: fit.refused.slice(0, 20).map((name) =>
        makeDiagnostic(refusedElement, {
          with: { file: checkpoint.name, tensor: fit.fromOf.get(name) ?? name, found: found(name) },
        }),
      ),
      notes: [],
      matched: 0,
    };
  }
  const problem = misfit(fit, wanted, checkpoint, options);
  if (problem) return refused(problem);

  const notes: string[] = [];
  if (fit.dict.key !== '' && options.key === undefined) notes.push(`dict ${fit.dict.key} of ${checkpoint.name} is taken`);
  if (fit.prefix !== '') notes.push(`prefix ${fit.prefix} dropped from every name`);
  for (const rule of rules) if (!rule.used) notes.push(`map "${rule.rule.from}=${rule.rule.to ?? 'none'}" matches no tensor`);
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
      relabel(entry.expr, name);
      value.graph.setContent(value, cast(entry.expr, elem));
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
