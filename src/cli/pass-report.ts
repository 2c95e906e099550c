/** Tables of what the passes did and refused, for --stats and --explain. */
import { aligned } from '../diagnostics/cells.ts';
import type { PassReport } from '../passes/pipeline.ts';
import { allRules } from '../passes/schedule.ts';
import { countText } from '../view/count-text.ts';

const table = (rows: readonly (readonly string[])[], leftColumns: number): string =>
  aligned(rows, { right: (column) => column >= leftColumns }).join('\n');

/** One line per pass: nodes and weights before and after, multiply-adds, how often it fired and refused. */
export function statsTable(report: PassReport): string {
  const rows: string[][] = [['pass', 'nodes', '', 'weights', 'multiply-adds', 'fired', 'refused']];
  for (const pass of report.passes) {
    const fired = Object.values(pass.fired).reduce((a, b) => a + b, 0);
    rows.push([
      pass.name,
      String(pass.before.nodes),
      `→ ${pass.after.nodes}`,
      `${(pass.after.bytes / 1e6).toFixed(2)} MB`,
      countText(pass.after.madds),
      String(fired),
      String(pass.refused.length),
    ]);
  }
  const fired = report.passes.flatMap((pass) => Object.entries(pass.fired).map(([rule, n]) => `  ${rule}: ${n}`));
  return [table(rows, 1), ...(fired.length > 0 ? ['fired', ...new Set(fired)] : [])].join('\n');
}

/** A pattern, a line for each alternative; `…` where the rule looks further. */
function linesOf({ texts, code }: (typeof allRules)[number]['match']): readonly string[] {
  return texts.map((text) => `  ${text}${code === undefined ? '' : ' …'}`);
}

/** Every refusal with its rule, condition and place; then what these rules match. */
export function explainRefusals(report: PassReport, only: string | undefined): string {
  const rows = new Map<string, string[]>();
  for (const pass of report.passes) {
    for (const refusal of pass.refused) {
      if (only !== undefined && refusal.rule !== only && !refusal.rule.startsWith(`${only}/`)) continue;
      const key = `${refusal.rule}|${refusal.condition}|${refusal.scope}`;
      rows.set(key, [refusal.rule, refusal.condition, `@${refusal.scope}`]);
    }
  }
  if (rows.size === 0) return 'nothing was refused';
  const refusing = new Set([...rows.values()].map(([rule]) => rule));
  const patterns = allRules.filter(({ name }) => refusing.has(name)).flatMap(({ name, match }) => [name, ...linesOf(match)]);
  return [
    table([['rule', 'condition', 'at'], ...rows.values()], 3),
    ...(patterns.length > 0 ? ['what these rules match', ...patterns] : []),
  ].join('\n');
}
