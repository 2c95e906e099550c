/** `rescc fmt`: rewrites files into the canonical form, or compares with --check. */
import type { Command } from 'commander';
import { notFormatted } from '../diagnostics/catalogue/cli.ts';
import { type Diagnostic, makeDiagnostic } from '../diagnostics/diagnostic.ts';
import { format } from '../parser/format.ts';
import { parse } from '../parser/parse.ts';
import { withSource, writeWhole } from './files.ts';
import { type OutputFlags, withOutput } from './options.ts';
import { Exit, exitCodeOf, out, report, say } from './output.ts';

interface Flags extends OutputFlags {
  readonly check?: boolean;
}

export function addFmt(program: Command): void {
  const command = program
    .command('fmt')
    .description('formats files in place; - reads standard input and writes standard output')
    .argument('<files...>', '.res files, or -')
    .option('--check', 'only compares, and exits 1 where something differs');
  withOutput(command).action((files: readonly string[], flags: Flags) => {
    const diagnostics: Diagnostic[] = [];
    let changed = 0;
    let piped: string | undefined;
    for (const path of files) {
      const found = withSource(path, (source) => {
        const parsed = parse(source);
        if (parsed.diagnostics.some((d) => d.severity === 'error')) return parsed.diagnostics;
        const text = format(parsed.file);
        if (path === '-' && !flags.check) piped = text;
        if (text === source.text) return parsed.diagnostics;
        changed++;
        if (flags.check) {
          const line = firstDifference(source.text, text);
          return [...parsed.diagnostics, makeDiagnostic(notFormatted, { with: { path: source.name, line } })];
        }
        if (path !== '-') writeWhole(path, text);
        return parsed.diagnostics;
      });
      diagnostics.push(...found);
    }
    const bad = diagnostics.some((d) => d.severity === 'error');
    report(flags, diagnostics, { ok: !bad, changed, ...(piped !== undefined && { text: piped }) });
    if (piped !== undefined && !flags.json) out(piped);
    if (bad) throw new Exit(exitCodeOf(diagnostics));
    if (!files.includes('-')) say(flags, `${files.length} file${files.length === 1 ? '' : 's'}, ${changed} changed`);
  });
}

function firstDifference(a: string, b: string): number {
  const left = a.split('\n');
  const right = b.split('\n');
  const at = left.findIndex((line, i) => line !== right[i]);
  return (at < 0 ? left.length : at) + 1;
}
