/**
 * Finds a renaming rule that makes a checkpoint fit better, to offer it where it does not fit. A rule is offered only when every
 * tensor that it renames ends in a parameter that lacks one, of the same shape and the same part (weight, bias, mean, variance),
 * and when no other tensor of the same layer is left over: what is left over there could be what makes the numbers right
 * (`weight_g` beside `weight_v`).
 */
import type { Value } from '../ir/graph.ts';
import { dimsOf, type Fit, fitWithout, shapeText, type Wanted } from './fit.ts';
import { followRule, type MapRule, ruleOf } from './map-rules.ts';

/** Names of one part in different frameworks. */
const synonyms: readonly ReadonlySet<string>[] = [
  new Set(['weight', 'gamma', 'kernel', 'g', 'w', 'scale']),
  new Set(['bias', 'beta', 'b', 'shift']),
  new Set(['running_mean', 'moving_mean', 'mean']),
  new Set(['running_var', 'moving_variance', 'moving_var', 'var', 'variance']),
];
const lastOf = (name: string): string => name.slice(name.lastIndexOf('.') + 1);
/** All of a name up to its last segment. */
export const scopeOf = (name: string): string => name.slice(0, name.lastIndexOf('.') + 1);
const digitsOf = (name: string): string => (name.match(/\d+/g) ?? []).map(Number).join();

/** Whether one name may stand for the other: the last segments say the same part. */
export function samePart(a: string, b: string): boolean {
  const [x, y] = [lastOf(a), lastOf(b)];
  return x === y || synonyms.some((set) => set.has(x) && set.has(y));
}

/** Renamings that turn `from` into `to`, general ones too: each may stand for a whole kind. */
function candidates(from: string, to: string): readonly MapRule[] {
  const u = from.split('.');
  const m = to.split('.');
  let head = 0;
  while (head < Math.min(u.length, m.length) && u[head] === m[head]) head++;
  let tail = 0;
  while (tail < Math.min(u.length, m.length) - head && u[u.length - 1 - tail] === m[m.length - 1 - tail]) tail++;
  const before = u.slice(0, head);
  const behind = u.slice(u.length - tail);
  const x = u.slice(head, u.length - tail).join('.');
  const y = m.slice(head, m.length - tail).join('.');

  const word = /^([A-Za-z_]+)\d+$/.exec(before[before.length - 1] ?? '')?.[1];
  const heads = head === 0 ? [undefined] : [before.join('.'), '*', ...(word === undefined ? [] : [`*${word}*`])];
  const tails = tail === 0 ? [undefined] : [behind.join('.'), '*'];
  const middles: (readonly [string, string])[] = [[x, y]];
  const starred = (pattern: RegExp): void => {
    const same = (x.match(pattern) ?? []).join('|') === (y.match(pattern) ?? []).join('|');
    if (same && pattern.test(x)) middles.push([x.replace(pattern, '*'), y.replace(pattern, '*')]);
  };
  starred(/\d+/g);
  starred(/[A-Za-z_]+|\d+/g);
  const joined = (parts: readonly (string | undefined)[]): string =>
    parts.filter((part) => part !== undefined && part !== '').join('.');
  const rules: MapRule[] = [];
  for (const first of heads)
    for (const last of tails)
      for (const [left, right] of middles) rules.push({ from: joined([first, left, last]), to: joined([first, right, last]) });
  return rules;
}

/** Written on a command line as it is, and read there as what it is. */
const writable = (rule: MapRule): boolean =>
  /^[\w.:/*-]+$/.test(rule.from) && /^[\w.:/*-]+$/.test(rule.to ?? '') && rule.to !== 'none';

export interface Offer {
  readonly rule: MapRule;
  /** Parameters that get their tensors by it. */
  readonly gain: number;
}

/** Comparisons of names that one search may make. */
const searchBudget = 4_000_000;

/**
 * The rule that gives most parameters their tensors; `pairs` are guesses of which unused tensor (by the model's names) a missing
 * one is.
 */
export function findRule(
  fit: Fit,
  wanted: Wanted,
  rules: readonly MapRule[],
  pairs: readonly (readonly [from: string, to: string])[],
): Offer | undefined {
  const seen = new Set<string>();
  let best: Offer | undefined;
  let budget = searchBudget;
  const cost = fit.fromOf.size + wanted.size;
  const lacking = new Map(fit.missing.map((name) => [name, shapeText(wantedDims(wanted.get(name)) ?? [])]));
  const unused = new Set(fit.unused);
  for (const [from, to] of pairs) {
    for (const rule of candidates(from, to)) {
      const text = `${rule.from}=${rule.to}`;
      if (seen.has(text) || !writable(rule) || rule.from === rule.to) continue;
      seen.add(text);
      budget -= cost;
      if (budget < 0) return best;
      const most = quickGain(rule, fit, wanted, lacking, unused);
      if (most === 0 || most < (best?.gain ?? 0)) continue;
      // `--map` stands before the maps of the source and behind other `--map`s: it has to be right in both places.
      const gains = [
        [rule, ...rules],
        [...rules, rule],
      ].map((all) => gainOf(fit, wanted, all));
      const [first = 0, last = 0] = gains;
      const gain = Math.min(first, last);
      if (
        gain > (best?.gain ?? 0) ||
        (best && gain === best.gain && text.length < best.rule.from.length + (best.rule.to ?? '').length + 1)
      )
        best = { rule, gain };
    }
  }
  return best;
}

/** At most so many parameters get their tensors by the rule; 0 as soon as it renames one that it must not. */
function quickGain(
  rule: MapRule,
  fit: Fit,
  wanted: Wanted,
  lacking: ReadonlyMap<string, string>,
  unused: ReadonlySet<string>,
): number {
  const compiled = ruleOf(rule);
  let gain = 0;
  for (const [name, raw] of fit.fromOf) {
    const whole = followRule(compiled, raw);
    const bare = raw.startsWith(fit.prefix) ? raw.slice(fit.prefix.length) : raw;
    const renamed = whole ?? followRule(compiled, bare);
    if (typeof renamed !== 'string') continue;
    const target = renamed.startsWith(fit.prefix) ? renamed.slice(fit.prefix.length) : renamed;
    if (target === name) continue;
    const shape = lacking.get(target);
    // What nobody wants under either name stays left over.
    if (unused.has(name) && shape === undefined && !wanted.has(target)) continue;
    if (!unused.has(name) || shape !== shapeText(fit.byName.get(name)?.dims ?? []) || !samePart(name, target)) return 0;
    gain++;
  }
  return gain;
}

/**
 * How many more parameters have their tensor with these rules; 0 where anything else changes, or where the choice is not certain.
 */
function gainOf(fit: Fit, wanted: Wanted, rules: readonly MapRule[]): number {
  const after = fitWithout(fit.prefix, fit.dict, wanted, rules.map(ruleOf));
  if (after.collision || after.misshapen.length !== fit.misshapen.length || after.mistyped.length !== fit.mistyped.length)
    return 0;
  if (after.refused.length !== fit.refused.length || after.blocked.length !== fit.blocked.length) return 0;
  const matched = new Set(after.matched);
  if (!fit.matched.every((name) => matched.has(name))) return 0;
  const before = new Map([...fit.fromOf].map(([target, raw]) => [raw, target]));
  const renamed: (readonly [from: string, to: string])[] = [];
  for (const [target, raw] of after.fromOf) {
    const old = before.get(raw);
    if (old === undefined || old === target) continue;
    if (!wanted.has(target) && !wanted.has(old)) continue;
    if (!matched.has(target) || !samePart(old, target)) return 0;
    renamed.push([old, target]);
  }
  if (after.fromOf.size !== fit.fromOf.size || after.matched.length - fit.matched.length !== renamed.length) return 0;
  const scopes = new Map(renamed.map(([from, to]) => [scopeOf(from), scopeOf(to)]));
  const stillMissing = groupBy(after.missing, scopeOf);
  // What is left over of a renamed layer must be a part that the layer still lacks, as beta is where gamma became weight.
  const explained = (name: string): boolean => {
    const old = before.get(after.fromOf.get(name) ?? name) ?? name;
    const scope = scopes.get(scopeOf(old));
    if (scope === undefined) return true;
    const shape = shapeText(after.byName.get(name)?.dims ?? []);
    const lacks = (wish: string): boolean => samePart(old, wish) && shapeText(wantedDims(wanted.get(wish)) ?? []) === shape;
    return stillMissing.get(scope)?.some(lacks) === true;
  };
  if (!after.unused.every(explained)) return 0;
  const shapesOf = (
    names: readonly string[],
    dims: (name: string) => readonly number[] | undefined,
  ): ReadonlyMap<string, number> => {
    const counts = new Map<string, number>();
    for (const name of names) {
      const key = shapeText(dims(name) ?? []);
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    return counts;
  };
  const free = shapesOf(fit.unused, (name) => fit.byName.get(name)?.dims);
  const lacking = shapesOf(fit.missing, (name) => wantedDims(wanted.get(name)));
  // Where the numbers in the names differ, another tensor of that shape could be meant.
  const certain = renamed.every(([from, to]) => {
    const key = shapeText(fit.byName.get(from)?.dims ?? []);
    return digitsOf(from) === digitsOf(to) || (free.get(key) === 1 && lacking.get(key) === 1);
  });
  return certain ? renamed.length : 0;
}

function groupBy(names: readonly string[], keyOf: (name: string) => string): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const name of names) {
    const group = groups.get(keyOf(name));
    if (group) group.push(name);
    else groups.set(keyOf(name), [name]);
  }
  return groups;
}

function wantedDims(values: readonly Value[] | undefined): readonly number[] | undefined {
  const [value] = values ?? [];
  return value && dimsOf(value);
}
