/** Rules that rename tensors: `--map "from=to"` and the `map` lines of a source. */
import { matchPattern } from '../tensor/name-pattern.ts';

/** `*` captures any run of characters, as short as possible; `to` undefined leaves the tensor out. */
export interface MapRule {
  readonly from: string;
  readonly to: string | undefined;
}

/** A rule while it is used on one dict. */
export interface Rule {
  readonly rule: MapRule;
  used: boolean;
}
export const ruleOf = (rule: MapRule): Rule => ({ rule, used: false });

/** The new name, undefined when the rule drops the tensor, `null` when it does not match. */
export function followRule(rule: Rule, name: string): string | undefined | null {
  const match = matchPattern(rule.rule.from, name);
  if (!match) return null;
  rule.used = true;
  if (rule.rule.to === undefined) return undefined;
  let star = -1;
  return rule.rule.to.replace(/\*/g, () => match[++star] ?? '');
}

export const ruleText = ({ from, to }: MapRule): string => `${from}=${to ?? 'none'}`;
