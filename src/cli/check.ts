/** `rescc check`: everything that can be wrong with a source, without weights and without writing. */
import type { Command } from 'commander';
import { check } from '../compile.ts';
import { withSource } from './files.ts';
import { compileOptions, type ModelFlags, type OutputFlags, withModel, withOutput } from './options.ts';
import { Exit, exitCodes, report, say } from './output.ts';

export function addCheck(program: Command): void {
  const command = program
    .command('check')
    .description('checks files without compiling them')
    .argument('<files...>', '.res files, or -');
  withOutput(withModel(command)).action((files: readonly string[], flags: ModelFlags & OutputFlags) => {
    const all = files.flatMap((file) => withSource(file, (source) => check(source, compileOptions(flags)).diagnostics));
    const bad = all.some((d) => d.severity === 'error');
    report(flags, all, { ok: !bad, files });
    if (bad) throw new Exit(exitCodes.failed);
    say(flags, `${files.length === 1 ? files[0] : `${files.length} files`}: no errors`);
  });
}
