/** `rescc doctor`: what this machine has to run models with, and what to type for what is missing. */
import type { Command } from 'commander';
import { DiagnosticError } from '../diagnostics/diagnostic.ts';
import { spanText } from '../diagnostics/source.ts';
import { examine, type Finding } from '../runtime/doctor.ts';
import { version } from '../version.ts';
import { configLines, findConfig } from './config.ts';
import { type OutputFlags, withOutput } from './options.ts';
import { Exit, exitCodes, print, report } from './output.ts';

const marks: Readonly<Record<Finding['state'], string>> = { ok: 'ok', no: 'no', info: '--' };

/** A line a finding, and what to type below it. */
export function findingsText(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ what }) => what.length));
  return findings
    .flatMap(({ state, what, found, hint }) => {
      const [first = '', ...rest] = found.split('\n');
      const indent = ' '.repeat(width + 6);
      return [
        `${marks[state]}  ${what.padEnd(width)}  ${first}`,
        ...rest.map((line) => `${indent}${line}`),
        ...(hint === undefined ? [] : [`${indent}${hint}`]),
      ];
    })
    .join('\n');
}

/** Where defaults of options come from, and what they are. */
function configFinding(): readonly Finding[] {
  const what = 'configuration';
  try {
    const config = findConfig(process.cwd());
    if (!config) return [{ state: 'info', what, found: 'none: no rescc.config.json here or above' }];
    return [{ state: 'ok', what, found: [config.path, ...configLines(config)].join('\n') }];
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    const [said] = error.diagnostics;
    const where = said?.span ? `${spanText(said.span)}: ` : '';
    return [{ state: 'no', what, found: `${where}${said?.title}`, ...(said?.expected && { hint: `write ${said.expected}` }) }];
  }
}

export function addDoctor(program: Command): void {
  const command = program
    .command('doctor')
    .description(
      'says what this machine has to run models with: onnxruntime, GPUs, libraries, and what to type for what is missing',
    );
  withOutput(command).action(async (flags: OutputFlags) => {
    const findings = [{ state: 'ok', what: 'rescc', found: version } as const, ...configFinding(), ...(await examine())];
    const ok = findings.every(({ state }) => state !== 'no');
    if (flags.json) report(flags, [], { ok, findings });
    else print(findingsText(findings));
    if (!ok) throw new Exit(exitCodes.failed);
  });
}
