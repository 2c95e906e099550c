/**
 * Whether the cases hold every condition of every rule: each is left out in turn, and the golden cases of its pass run again. Some case must come out
 * otherwise, as another graph or by a rewrite that stops on a bug; a condition that no case needs may be gone tomorrow, and nobody would notice that a
 * wrong graph came out. A condition that says yes throughout a case changes nothing there when it is left out, so that only those cases run again in
 * which it said no.
 */
import { describe, expect, it } from 'vitest';
import { BugError } from '../../src/diagnostics/diagnostic.ts';
import { allRules, passNames } from '../../src/passes/pipeline.ts';
import type { Rule } from '../../src/passes/rule.ts';
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
 * What a case shows of a condition that is left out: `graph` where the graph that comes out is another, or the rewrite breaks; `name` where a later
 * condition, or the check of the types that the driver makes of every rewrite, refuses in its place.
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

/** Conditions that no case needs yet. */
const unheld: readonly string[] = [
  'simplify/constants: known',
  'simplify/constants: small',
  'simplify/constants: held',
  'simplify/identity: same-type',
  'simplify/reshapes: resolved',
  'simplify/transposes: permutation',
  'simplify/slices: plain',
  'simplify/slices: one-reader',
  'simplify/pads: same-value',
  'simplify/pads: one-reader',
  'simplify/repeated: same-type',
  'simplify/pieces: neighbours',
  'fuse-shortcut/zero: zero',
  'fuse-shortcut/identity: unit',
  'fold-batchnorm/into-linear: constant',
  'fold-batchnorm/into-readers: constant',
  'fold-batchnorm/into-readers: finite',
  'fold-batchnorm/into-readers: weight-copy',
  'fold-affine/into-norm: one-reader',
  'fold-affine/into-norm: constant',
  'fold-affine/into-norm: channels',
  'fold-affine/into-norm: finite',
  'fold-affine/into-readers: every-reader',
  'fold-affine/into-readers: constant',
  'fold-affine/into-readers: channels',
  'fold-affine/into-readers: finite',
  'fold-affine/into-readers: weight-copy',
  'fold-affine/through: one-reader',
  'fold-affine/through: constant',
  'fold-affine/through: channels',
  'fold-affine/through: positive',
  'fold-affine/through: finite',
  'fold-affine/through: weight-copy',
  'fold-affine/before-batchnorm: one-reader',
  'fold-affine/before-batchnorm: constant',
  'fold-affine/before-batchnorm: channels',
  'fold-affine/before-batchnorm: finite',
  'fold-affine/together: one-reader',
  'fold-affine/together: shape',
  'fold-affine/together: no-growth',
  'fold-affine/together: finite',
  'fold-affine/into-joined: channels',
  'merge-branches/sum: one-input',
  'merge-branches/sum: constant',
  'merge-branches/sum: own-weights',
  'merge-branches/sum: finite',
  'commute-pool/average: one-reader',
  'commute-pool/resize: one-reader',
  'commute-pool/resize: pointwise',
  'commute-pool/resize: interpolation',
  'merge-linear/convs: one-reader',
  'merge-linear/convs: constant',
  'merge-linear/convs: pointwise',
  'merge-linear/convs: affordable',
  'merge-linear/convs: finite',
  'merge-linear/matrices: constant',
  'merge-linear/matrices: no-growth',
  'merge-linear/matrices: finite',
  'move-stride/up: grid',
  'fuse-shortcut/option-a-conv: channels',
  'fuse-shortcut/option-a-conv: one-reader',
  'fuse-shortcut/option-a-conv: feeds-sum',
  'fuse-shortcut/option-a-conv: small',
  'fuse-shortcut/option-a-pool: float',
  'fuse-shortcut/join: pointwise',
  'fuse-shortcut/join: constant',
  'fuse-shortcut/join: same-grid',
  'fuse-shortcut/join: own-weights',
  'fuse-shortcut/concat: pointwise',
  'fuse-shortcut/concat: one-reader',
  'fuse-shortcut/concat: constant',
  'fuse-shortcut/concat: same-grid',
  'fuse-shortcut/concat: own-weights',
  'fuse-shortcut/bias: one-reader',
  'fuse-shortcut/bias: constant',
];

/** Conditions in whose place something else refuses. */
const named: readonly string[] = [
  'simplify/neutral: no-widening',
  'simplify/slice-before-pad: other-axes',
  'simplify/concats: same-axis',
  'simplify/split-of-concat: same-axis',
  'simplify/split-of-concat: borders',
  'simplify/round-trip: same-shape',
  'simplify/split: all-of-it',
  'recognize/layernorm: last-axes',
  'recognize/attention: mask',
  'recognize/attention: scale',
  'fuse-shortcut/zero: shape',
  'fuse-shortcut/join: joined',
  'fuse-gemm/linear: plain',
  'fuse-gemm/linear: constant',
  'fuse-gemm/sum: shape',
  'move-transpose/into-linear: constant',
  'move-transpose/gather: static',
  'fold-pad/into-windows: spatial',
  'fold-batchnorm/into-readers: every-reader',
  'fold-affine/into-linear: channels',
  'fold-affine/over-views-into-linear: channels',
  'fold-affine/over-views-into-reader: channels',
  'fold-affine/over-views-into-reader: shift',
  'fold-affine/into-joined: every-operand',
  'fold-affine/over-parts: ways',
  'merge-branches/sum: geometry',
  'merge-branches/sum: taps',
  'move-stride/up: same-step',
  'move-stride/up: placewise',
];

describe('a condition that is left out is noticed', () => {
  it.each(allRules.map((rule) => [rule.name, rule] as const))('%s', (_name, rule) => {
    for (const condition of rule.conditions) {
      const name = `${rule.name}: ${condition}`;
      const expected = unheld.includes(name) ? undefined : named.includes(name) ? 'name' : 'graph';
      expect(noticed(rule, condition), name).toBe(expected);
    }
  });

  it('by the lists alone for conditions that there are', () => {
    const all = allRules.flatMap((rule) => rule.conditions.map((condition) => `${rule.name}: ${condition}`));
    expect([...unheld, ...named].filter((name) => !all.includes(name))).toEqual([]);
  });
});
