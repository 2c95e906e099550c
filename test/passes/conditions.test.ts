/**
 * Whether the cases hold every condition of every rule: each is left out in turn, and the golden cases of its pass run again.
 * Some case must come out otherwise, as another graph or by a rewrite that stops on a bug; a condition that no case needs may be
 * gone tomorrow, and nobody would notice that a wrong graph came out. A condition that says yes throughout a case changes nothing
 * there when it is left out, so that only those cases run again in which it said no.
 */
import { describe, expect, it } from 'vitest';
import { BugError } from '../../src/diagnostics/diagnostic.ts';
import type { Rule } from '../../src/passes/engine/rule.ts';
import { allRules, passNames } from '../../src/passes/schedule.ts';
import { type Case, completed, readCases } from './support.ts';

interface Known {
  readonly one: Case;
  readonly text: string;
  /** The conditions that kept a match from its rewrite, as `rule: condition`. */
  readonly stopping: ReadonlySet<string>;
}

/** A mutant that rewrites for ever ends here: no case of a pass fires so often. */
const fuel = 1000;

function knownCases(pass: string): readonly Known[] {
  return readCases(pass).map((one) => {
    const stopping = new Set<string>();
    const watched = (rule: Rule): Rule =>
      rule.withConditions((name, holds) => (m) => {
        const yes = holds(m);
        if (!yes) stopping.add(`${rule.name}: ${name}`);
        return yes;
      });
    return { one, text: completed(pass, one, { ruleFor: watched }), stopping };
  });
}

const known = new Map(passNames.map((pass) => [pass, knownCases(pass)]));

const without = (rule: Rule, condition: string): Rule =>
  rule.withConditions((name, holds) => (name === condition ? () => true : holds));

/** The graph that came out, without the names of what was refused. */
const graphOf = (text: string): string => text.replace(/^\/\/ =>.*$/m, '// =>');

/**
 * What a case shows of a condition that is left out: `graph` where the graph that comes out is another, or the rewrite breaks;
 * `name` where a later condition, or the check of the types that the driver makes of every rewrite, refuses in its place.
 */
type Notice = 'graph' | 'name';

function noticed(rule: Rule, condition: string): Notice | undefined {
  let found: Notice | undefined;
  for (const { one, text, stopping } of known.get(rule.pass) ?? []) {
    if (!stopping.has(`${rule.name}: ${condition}`)) continue;
    const ruleFor = (other: Rule): Rule => (other.name === rule.name ? without(rule, condition) : other);
    let mutant: string;
    try {
      mutant = completed(rule.pass, one, { ruleFor, fuel });
    } catch (error) {
      if (error instanceof BugError) return 'graph';
      throw error;
    }
    if (graphOf(mutant) !== graphOf(text)) return 'graph';
    if (mutant !== text) found = 'name';
  }
  return found;
}

/**
 * Conditions that give a refusal its name and hold no graph back: without them the driver or a shape rule refuses, because what
 * the rewrite makes has another type in every case.
 */
const heldByTypes: readonly string[] = [
  'simplify/neutral: no-widening',
  'simplify/slices: plain',
  'simplify/concats: same-axis',
  'simplify/round-trip: same-shape',
  'recognize/attention: mask',
  'recognize/rmsnorm: parameters',
  'fuse-shortcut/zero: shape',
  'fuse-shortcut/join: same-grid',
  'fuse-shortcut/concat: same-grid',
  'fuse-gemm/sum: shape',
  'fold-pad/into-windows: spatial',
  'simplify/split: all-of-it',
];

/**
 * Conditions of the same kind in whose place a later one of the rule refuses, because it asks for what there is none of then (a
 * folded weight, a plan).
 */
const heldByLater: readonly string[] = [
  'simplify/constants: known',
  'simplify/split-of-concat: same-axis',
  'fuse-gemm/linear: constant',
  'move-transpose/into-linear: constant',
  'fold-affine/into-norm: channels',
  'fold-affine/before-batchnorm: channels',
  'fold-affine/into-readers: every-reader',
  'fold-affine/into-readers: channels',
  'fold-affine/over-views-into-linear: channels',
  'fold-affine/over-views-into-readers: every-reader',
  'fold-affine/over-views-into-readers: channels',
  'fold-affine/over-parts: ways',
  'merge-branches/sum: taps',
  'fuse-shortcut/join: stride',
];

const named: readonly string[] = [...heldByTypes, ...heldByLater];

describe('a condition that is left out is noticed', () => {
  it.each(allRules.map((rule) => [rule.name, rule] as const))('%s', (_name, rule) => {
    expect(rule.conditions.map((condition) => [condition, noticed(rule, condition)])).toEqual(
      rule.conditions.map((condition) => [condition, named.includes(`${rule.name}: ${condition}`) ? 'name' : 'graph']),
    );
  });

  it('by name alone for conditions that there are', () => {
    const all = allRules.flatMap((rule) => rule.conditions.map((condition) => `${rule.name}: ${condition}`));
    expect(named.filter((name) => !all.includes(name))).toEqual([]);
  });
});
