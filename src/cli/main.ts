#!/usr/bin/env node
/** The command line: one file per command, one place that ends the process. */
import './heap.ts';

import { Command, CommanderError } from 'commander';
import { badCall } from '../diagnostics/catalogue/cli.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { nearest } from '../diagnostics/suggest.ts';
import { version } from '../version.ts';
import { addCheck } from './check.ts';
import { addCompile } from './compile.ts';
import { addExplain } from './explain.ts';
import { addFmt } from './fmt.ts';
import { addGraph } from './graph.ts';
import { addOptimize } from './optimize.ts';
import { columns, Exit, ending, err, exitCodes, out } from './output.ts';
import { addRun } from './run.ts';
import { addSummary } from './summary.ts';
import { addVerify } from './verify.ts';
import { addWeights } from './weights.ts';

const nothing = (): void => undefined;

/** Commander writes help; its complaints become diagnostics like all others. */
const streams = { writeOut: out, writeErr: nothing, outputError: nothing, getOutHelpWidth: () => columns(process.stdout) };

function program(): Command {
  const root = new Command('rescc')
    .description('Compiles a small language for residual networks into ONNX, and optimises ONNX files.')
    .usage('[command] [options] <file>')
    .version(version)
    .showSuggestionAfterError()
    .configureOutput(streams)
    .exitOverride();
  addCompile(root);
  addOptimize(root);
  addVerify(root);
  addRun(root);
  addCheck(root);
  addFmt(root);
  addSummary(root);
  addGraph(root);
  addWeights(root);
  addExplain(root);
  root.addHelpText(
    'after',
    '\nExit codes: 0 done, 1 errors in the input or a verdict of no,\n            2 a call that is not understood, 70 a bug, 130 interrupted',
  );
  for (const command of root.commands) command.exitOverride().configureOutput(streams);
  return root;
}

function misunderstood(root: Command, args: readonly string[], error: CommanderError): never {
  const [first = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  const command = root.commands.find((one) => one.name() === args[0])?.name();
  const meant =
    command === undefined
      ? nearest(
          args[0] ?? '',
          root.commands.map((one) => one.name()),
        )
      : undefined;
  const near = meant !== undefined ? `rescc ${meant} …` : /^\(Did you mean (.+)\?\)$/.exec(suggestion ?? '')?.[1];
  const help = `rescc ${command === undefined ? '' : `${command} `}--help`;
  return fail(badCall, {
    with: {
      found: first,
      expected:
        command === undefined
          ? 'rescc FILE -o OUTPUT, or rescc COMMAND …'
          : `rescc ${command} ${root.commands.find((one) => one.name() === command)?.usage() ?? ''}`,
      hint: near === undefined ? help : near.replace(/^one of /, ''),
    },
  });
}

async function main(args: readonly string[]): Promise<number> {
  // Read before anything is parsed, because what cannot be parsed is reported in the same form. What follows -- is a file.
  const before = args.includes('--') ? args.slice(0, args.indexOf('--')) : args;
  const flags = { json: before.includes('--json'), quiet: before.includes('--quiet') || before.includes('-q') };
  return ending(flags, async () => {
    const root = program();
    if (args.length === 0) {
      // As programs of clap and Go do: help, and an exit code that a script notices.
      err(root.helpInformation());
      throw new Exit(exitCodes.usage);
    }
    try {
      await root.parseAsync([...args], { from: 'user' });
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error;
      // Help and version end well.
      if (error.exitCode !== 0) misunderstood(root, args, error);
    }
  });
}

process.exitCode = await main(process.argv.slice(2));
