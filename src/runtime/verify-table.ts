/** What `verify` measured, for the terminal and as plain data. */
import { checkArgument, listOf, made, map, objects, optional, text } from '../diagnostics/arguments.ts';
import { aligned, shortened } from '../diagnostics/cells.ts';
import { wrapped } from '../diagnostics/wrap.ts';
import { isFloat } from '../ir/types.ts';
import { exponent, type OutputError } from './compare.ts';
import { bindingsText } from './inputs.ts';
import { suspectText } from './suspects.ts';
import type { VerifyReport, VerifyRun } from './verify-report.ts';

function worst(run: VerifyRun): OutputError | undefined {
  return [...run.outputs].sort((a, b) => Number(a.ok) - Number(b.ok) || b.relative - a.relative)[0];
}

/** The report as plain data for `--json`: without tensors, numbers that JSON has not as texts. */
export function verifyData(report: VerifyReport): Readonly<Record<string, unknown>> {
  const number = (x: number): number | string => (Number.isFinite(x) ? x : String(x));
  return {
    ok: report.ok,
    seed: report.seed,
    precision: report.precision,
    cases: report.cases.map((one) => ({
      name: one.name,
      bindings: Object.fromEntries(one.bindings),
      inputs: Object.fromEntries([...one.inputs].map(([name, tensor]) => [name, `${tensor.elem}[${tensor.dims.join(', ')}]`])),
    })),
    runs: report.runs.map((run) => ({
      ...run,
      adapter: run.adapter ?? null,
      nodes: run.nodes ?? null,
      outputs: run.outputs.map((output) => ({
        ...output,
        absolute: number(output.absolute),
        relative: number(output.relative),
        largest: number(output.largest),
      })),
    })),
    degenerate: report.degenerate ?? [],
    suspects: report.suspects.map(({ scope, operator, nearest }) => ({ scope, operator, nearest: nearest ?? null })),
  };
}

const reportKind = made('a report', 'await verifyModel(…)', {
  runs: listOf(made('a run', '…', { case: text, provider: text, level: text, optimizer: text, outputs: objects, left: objects })),
  cases: listOf(made('a case', '…', { name: text, bindings: map })),
  suspects: objects,
  notes: optional(listOf(text)),
  degenerate: optional(listOf(text)),
});

/** Cases at sizes of another one; the table has a row of those alone that are not ok. */
const variants: ReadonlySet<VerifyRun['case']> = new Set(['negative', 'positive', 'scaled']);
const tableWidth = 80;
/** Of what no run exercised. */
const mostLines = 6;

/**
 * What was measured, as a table of at most 80 columns: one line per run, then sizes, adapters, the nodes that left their
 * provider, and the verdict.
 */
export function verifyTable(report: VerifyReport): string {
  checkArgument('verifyTable', 'report', report, reportKind);
  const rows = [['provider', 'passes', 'runtime', 'sizes', 'nodes', 'left', 'absolute', 'relative', 'verdict']];
  const others = report.runs.filter((run) => variants.has(run.case) && run.ok && run.verdict === undefined);
  for (const run of report.runs) {
    if (others.includes(run)) continue;
    const output = worst(run);
    const numbers = output
      ? [isFloat(output.elem) ? exponent(output.absolute) : `${output.absolute} uneq.`, exponent(output.relative)]
      : ['-', '-'];
    rows.push([
      run.provider,
      run.level,
      run.optimizer,
      run.case,
      ...(run.nodes === undefined ? ['-', '-'] : [String(run.nodes), String(run.left.length)]),
      ...numbers,
      run.verdict ?? (run.ok ? 'ok' : 'off'),
    ]);
  }
  const lines = aligned(rows, { right: (column) => column >= 4 && column <= 7 }).map(cut);
  lines.push('');
  for (const one of report.cases) {
    if (one.bindings.size > 0 && !variants.has(one.name)) lines.push(...broken(`${one.name}: ${bindingsText(one.bindings)}`));
  }
  if (others.length > 0) {
    const names = [...new Set(others.map((run) => run.case))].join(', ');
    const error = exponent(Math.max(...others.map((run) => worst(run)?.relative ?? 0)));
    lines.push(...broken(`${names} inputs: ${others.length} more runs, the worst of them off by ${error}`));
  }
  const adapters = new Map(report.runs.filter((run) => run.adapter !== undefined).map((run) => [run.provider, run.adapter]));
  for (const [provider, adapter] of adapters) lines.push(...broken(`${provider} ran on ${adapter}`));
  const left = new Map<string, string[]>();
  for (const run of report.runs) {
    for (const node of run.left) {
      const names = left.get(run.provider) ?? [];
      const text = `${node.name} (${node.op})`;
      if (!names.includes(text)) names.push(text);
      left.set(run.provider, names);
    }
  }
  for (const [provider, names] of left)
    lines.push(
      ...broken(
        `left ${provider} for cpu: ${names.slice(0, 8).join(', ')}${names.length > 8 ? `, and ${names.length - 8} more` : ''}`,
      ),
    );
  const off = new Set(report.runs.flatMap((run) => run.outputs.filter((output) => !output.ok).map((output) => output.name)));
  if (off.size > 0) lines.push(...broken(`off: ${[...off].join(', ')}`));
  for (const suspect of report.suspects.slice(0, 3)) lines.push(...broken(suspectText(suspect)));
  const excused = report.runs.reduce((n, run) => n + run.outputs.reduce((m, output) => m + output.excused, 0), 0);
  if (excused > 0) lines.push(...broken(`${excused} decisions differ where the reference is closer than the noise`));
  for (const note of report.notes ?? []) lines.push(...broken(note));
  const degenerate = report.degenerate ?? [];
  for (const line of degenerate.slice(0, mostLines)) lines.push(...broken(`degenerate: ${line}`));
  if (degenerate.length > mostLines) lines.push(`degenerate: ${degenerate.length - mostLines} more, all of them with --json`);
  const failing = report.runs.filter((run) => !run.ok).length;
  const checked = report.runs.length === 1 ? 'the run agrees' : `all ${report.runs.length} runs agree`;
  const against = report.against ?? 'the float64 reference';
  const hidden = report.runs.filter((run) => run.verdict === 'noise').length;
  if (failing > 0) lines.push(`${failing} of ${report.runs.length} runs are off ${against}`);
  else if (hidden > 0)
    lines.push(`rounding hides outputs of ${hidden} of ${report.runs.length} runs; what it leaves agrees with ${against}`);
  else if (report.runs.length > 0) lines.push(`${checked} with ${against}`);
  return lines.join('\n');
}

const cut = (line: string): string => shortened(line, tableWidth);

function broken(text: string): readonly string[] {
  return wrapped(text, tableWidth, { indent: '  ' }).map(cut);
}
