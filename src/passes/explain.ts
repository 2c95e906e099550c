/** The proofs of rules, as `rescc explain` prints them. */
import { patternText } from './engine/pattern.ts';
import type { Rule, Sweep } from './engine/rule.ts';
import { allRules, allSweeps } from './schedule.ts';

/**
 * The pattern, the equation, the conditions and the source of a rule, or of every rule of a pass; undefined for names of neither.
 */
export function explainRule(name: string): string | undefined {
  const all: readonly (Rule | Sweep)[] = [...allRules, ...allSweeps];
  const found = all.filter((one) => one.name === name || one.name.startsWith(`${name}/`));
  if (found.length === 0) return undefined;
  return found
    .map((one) => [one.name, ...('match' in one ? [`matches ${patternText(one.match)}`] : []), one.doc].join('\n\n'))
    .join('\n\n');
}
