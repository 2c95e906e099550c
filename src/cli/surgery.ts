/** What `extract`, `rename` and `adapt` have in common: a model that is opened, changed, proven and written. */
import { basename } from 'node:path';
import type { Command } from 'commander';
import { writeModel } from '../codegen/node/write-file.ts';
import { noTarget } from '../diagnostics/catalogue/cli.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import type { OnProgress } from '../diagnostics/progress.ts';
import type { OnnxFile } from '../onnx/model.ts';
import { encodeModel } from '../onnx/write.ts';
import { proofText, type SurgeryProof } from '../runtime/surgery.ts';
import { bytesText } from '../view/count-text.ts';
import { openOnnx } from './any-model.ts';
import { type TargetFlags, writeTo } from './emit.ts';
import { checkEnd } from './kinds.ts';
import { type ModelFlags, type PassFlags, type WeightFlags, withModel, withOutput, withPasses, withWeights } from './options.ts';
import { report, say } from './output.ts';
import { watcher } from './progress.ts';

export interface SurgeryFlags extends ModelFlags, WeightFlags, PassFlags, TargetFlags {
  readonly verify: boolean;
}

export function withSurgery(command: Command): Command {
  command
    .option('-o, --output <file>', 'where to write, or - for standard output')
    .option('--no-verify', 'writes without running it against the original')
    .option('--external-data [name]', 'writes weights to a data file beside the model')
    .option('--force', 'replaces files that are no ONNX models');
  return withOutput(withPasses(withWeights(withModel(command))));
}

/** What a change comes to: the model, what to say of it, and how it is held against the original. */
export interface Operated {
  readonly model: OnnxFile;
  readonly lines: readonly string[];
  readonly data: Readonly<Record<string, unknown>>;
  prove(onProgress: OnProgress | undefined): Promise<SurgeryProof>;
}

function proofWatcher(): OnProgress | undefined {
  const look = watcher();
  return look && ((what, done, total, unit) => look(`proof: ${what}`, done, total, unit));
}

/** Runs one of the commands. Nothing is written where the proof fails. */
export async function operate(path: string, flags: SurgeryFlags, change: (file: OnnxFile) => Operated): Promise<void> {
  checkEnd(flags.output, 'onnx');
  if (flags.output === undefined) {
    const stem = basename(path === '-' ? 'model' : path).replace(/\.\w+$/, '');
    fail(noTarget, { with: { example: `${stem}-new.onnx` } });
  }
  const binary = flags.output === '-';
  const opened = await openOnnx(path, flags);
  try {
    const made = change(opened.model);
    const proof = flags.verify ? await made.prove(proofWatcher()) : undefined;
    const { output, externalData } = flags;
    const { bytes, files } = await writeTo(
      output,
      flags,
      () => encodeModel(made.model),
      (how) => writeModel(made.model, output, { ...how, externalData }),
    );
    if (flags.json) {
      const verification = proof && {
        sizes: proof.sizes,
        values: proof.values,
        by: proof.by,
        absolute: proof.worst?.absolute,
        relative: proof.worst?.relative,
      };
      report({ ...flags, binary }, [], {
        ok: true,
        output: flags.output,
        bytes,
        files,
        ...made.data,
        ...(verification && { verification }),
      });
      return;
    }
    const rows = [
      ...made.lines,
      proof ? proofText(proof) : 'not run against the original (--no-verify)',
      `${binary ? 'standard output' : flags.output}, ${bytesText(bytes)}`,
    ];
    say(flags, rows.join('\n'));
  } finally {
    opened.close();
  }
}
