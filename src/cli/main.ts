/** The command line: one file per command, one place that ends the process. */
import { Command, CommanderError } from 'commander';
import { version } from '../version.ts';
import { addCheck } from './check.ts';
import { addCompile } from './compile.ts';
import { addExplain } from './explain.ts';
import { addFmt } from './fmt.ts';
import { addGraph } from './graph.ts';
import { ending, Exit, err, exitCodes, out } from './output.ts';
import { addRun } from './run.ts';
import { addSummary } from './summary.ts';
import { addVerify } from './verify.ts';

function program(): Command {
  const root = new Command('rescc')
    .description('Compiles a small language for residual networks into ONNX.')
    .version(version)
    .showSuggestionAfterError()
    .configureOutput({ writeOut: out, writeErr: err })
    .exitOverride();
  addCompile(root);
  addVerify(root);
  addRun(root);
  addCheck(root);
  addFmt(root);
  addSummary(root);
  addGraph(root);
  addExplain(root);
  for (const command of root.commands) command.exitOverride().configureOutput({ writeOut: out, writeErr: err });
  return root;
}

async function main(args: readonly string[]): Promise<number> {
  const flags = { json: args.includes('--json'), quiet: args.includes('--quiet') || args.includes('-q') };
  return ending(flags, async () => {
    try {
      await program().parseAsync([...args], { from: 'user' });
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error;
      // Help and version end well; everything else commander has already explained.
      if (error.exitCode !== 0) throw new Exit(exitCodes.usage);
    }
  });
}

process.exitCode = await main(process.argv.slice(2));
