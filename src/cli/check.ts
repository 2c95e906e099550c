/** `rescc check`: everything that can be wrong with a source or an ONNX file, without weights and without writing. */
import type { Command } from 'commander';
import { shownPath } from '../diagnostics/source.ts';
import { mistakesOf } from './any-model.ts';
import { type ModelFlags, type OutputFlags, withModel, withOutput } from './options.ts';
import { Exit, exitCodeOf, report, say } from './output.ts';

export function addCheck(program: Command): void {
  const command = program
    .command('check')
    .description('checks files without compiling them')
    .argument('<files...>', '.res or .onnx files, or - for standard input');
  withOutput(withModel(command)).action(async (files: readonly string[], flags: ModelFlags & OutputFlags) => {
    const all = await mistakesOf(files, flags);
    const bad = all.some((d) => d.severity === 'error');
    report(flags, all, { ok: !bad, files });
    if (bad) throw new Exit(exitCodeOf(all));
    say(flags, `${files.length === 1 ? shownPath(files[0] ?? '') : `${files.length} files`}: no errors`);
  });
}
