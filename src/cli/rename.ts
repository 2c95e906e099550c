/** `rescc rename model.onnx OLD=NEW … -o renamed.onnx`: inputs, outputs, values, weights and nodes under other names. */
import type { Command } from 'commander';
import { badOption } from '../diagnostics/catalogue/cli.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { type NamedKind, namedKinds, type RenameRule, renameModel } from '../edit/rename.ts';
import { proveRenamed } from '../runtime/surgery.ts';
import { collect, mapsOf } from './options.ts';
import { operate, type SurgeryFlags, withSurgery } from './surgery.ts';

interface Flags extends SurgeryFlags {
  readonly only?: readonly string[];
  readonly names?: string;
}

export function addRename(program: Command): void {
  const command = program
    .command('rename')
    .description('gives inputs, outputs, values, weights and nodes other names')
    .argument('<file>', 'a .res or .onnx file, or - for standard input')
    .argument('[old=new...]', 'renamings; * captures: "layer1.*=stage1.*"')
    .option('--only <kinds>', `looks at these alone: ${namedKinds.join(', ')}`, collect)
    .option('--names <file>', 'a file of renamings, one a line');
  withSurgery(command).action((file: string, pairs: readonly string[], flags: Flags) => run(file, pairs, flags));
}

function kindsOf(given: readonly string[] | undefined): readonly NamedKind[] | undefined {
  return given
    ?.flatMap((list) => list.split(','))
    .map((text) => {
      const found = namedKinds.find((kind) => kind === text.trim());
      if (found) return found;
      return fail(badOption, {
        with: { option: '--only', found: text, expected: `a list of ${namedKinds.join(', ')}`, hint: '--only inputs,outputs' },
      });
    });
}

function rulesOf(pairs: readonly string[], names: string | undefined): readonly RenameRule[] {
  const given = mapsOf({ map: pairs, ...(names !== undefined && { mapFile: names }) }, 'rename', '--names');
  if (given.length === 0)
    fail(badOption, {
      with: {
        option: 'rename',
        found: 'no renaming',
        expected: 'old=new, one or several',
        hint: 'rescc rename in.onnx input=image -o out.onnx',
      },
    });
  return given.map(({ from, to }) => ({ from, to: to ?? 'none' }));
}

async function run(path: string, pairs: readonly string[], flags: Flags): Promise<void> {
  const rules = rulesOf(pairs, flags.names);
  const only = kindsOf(flags.only);
  await operate(path, flags, (file) => {
    const renamed = renameModel(file, rules, { only });
    const changed = namedKinds.filter((kind) => renamed.names[kind].size > 0);
    return {
      model: renamed.model,
      lines:
        changed.length === 0
          ? ['every name is what it was']
          : changed.map((kind) => `${kind.padEnd(8)} ${shown(renamed.names[kind])}`),
      data: { names: Object.fromEntries(changed.map((kind) => [kind, Object.fromEntries(renamed.names[kind])])) },
      prove: (onProgress) => proveRenamed(file, renamed, { seed: flags.seed, onProgress }),
    };
  });
}

const mostShown = 4;

function shown(names: ReadonlyMap<string, string>): string {
  const some = [...names].slice(0, mostShown).map(([from, to]) => `${from} → ${to}`);
  return `${some.join(', ')}${names.size > mostShown ? `, and ${names.size - mostShown} more` : ''}`;
}
