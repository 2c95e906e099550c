/** The command line: one file per command, loaded when it is called; one place that ends the process. */
import { existsSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { badCall } from '../diagnostics/catalogue/cli.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { nearest } from '../diagnostics/suggest.ts';
import { version } from '../version.ts';
import { configured, findConfig } from './config.ts';
import { examples } from './examples.ts';
import { columns, Exit, ending, err, exitCodes, print } from './output.ts';

const nothing = (): void => undefined;

/** Commander writes help; its complaints become diagnostics like all others. */
const streams = { writeOut: print, writeErr: nothing, outputError: nothing, getOutHelpWidth: () => columns(process.stdout) };

/**
 * The commands, in the order of the help. Each is a file that is loaded only when it is called, because loading is most of what a
 * small model takes.
 */
const commands: Readonly<Record<string, () => Promise<(root: Command) => void>>> = {
  compile: async () => (await import('./compile.ts')).addCompile,
  optimize: async () => (await import('./optimize.ts')).addOptimize,
  verify: async () => (await import('./verify.ts')).addVerify,
  run: async () => (await import('./run.ts')).addRun,
  bench: async () => (await import('./bench.ts')).addBench,
  check: async () => (await import('./check.ts')).addCheck,
  fmt: async () => (await import('./fmt.ts')).addFmt,
  summary: async () => (await import('./summary.ts')).addSummary,
  graph: async () => (await import('./graph.ts')).addGraph,
  weights: async () => (await import('./weights.ts')).addWeights,
  diff: async () => (await import('./diff.ts')).addDiff,
  extract: async () => (await import('./extract.ts')).addExtract,
  rename: async () => (await import('./rename.ts')).addRename,
  adapt: async () => (await import('./adapt.ts')).addAdapt,
  explain: async () => (await import('./explain.ts')).addExplain,
  doctor: async () => (await import('./doctor.ts')).addDoctor,
  completion: async () => (await import('./completion.ts')).addCompletion,
};
const names = Object.keys(commands);

/** Which commands must be known to read `args`: the one that is called; all of them for a help or a mistake that lists them. */
function needed(args: readonly string[]): readonly string[] {
  const [first] = args;
  if (first === undefined || first === 'help' || first === 'completion' || first === '-h' || first === '--help') return names;
  return [Object.hasOwn(commands, first) ? first : 'compile'];
}

async function program(args: readonly string[]): Promise<Command> {
  const root = new Command('rescc')
    .description('Compiles a small language for residual networks into ONNX, and optimises ONNX files.')
    .usage('[command] [options] <file>')
    .version(version)
    .showSuggestionAfterError()
    .configureOutput(streams)
    .exitOverride();
  for (const name of needed(args)) (await commands[name]?.())?.(root);
  root.addHelpText(
    'after',
    '\nExit codes: 0 done, 1 errors in the input or a verdict of no,\n            2 a call that is not understood, 70 a bug, 130 interrupted\n\nDefaults: rescc.config.json here or above, { "run": { "ep": "webgpu" } }; --no-config leaves it out',
  );
  for (const command of root.commands) {
    command.exitOverride().configureOutput(streams);
    const shown = examples[command.name()] ?? [];
    if (shown.length > 0) command.addHelpText('after', `\nExamples:\n${shown.map((line) => `  ${line}`).join('\n')}`);
  }
  return root;
}

/** `rescc help [command]`, which commander has as a command that its own help does not know. */
function printHelp(root: Command, about: string | undefined): void {
  const command = root.commands.find((one) => one.name() === about);
  if (command) command.outputHelp();
  else if (about === undefined || about === 'help') root.outputHelp();
  else noSuchCommand(about, ['help', about]);
}

/**
 * A first word that is no command is a source to compile; where it does not look like a file, and none is there, it is a command
 * misspelled.
 */
function isMisspelled(word: string): boolean {
  return /^\w[\w-]*$/.test(word) && !Object.hasOwn(commands, word) && word !== 'help' && !existsSync(word);
}

const noConfig = '--no-config';

/** What a configuration adds to the call; nothing for a help, and for commands that say what there is. */
function defaultsFor(root: Command, args: readonly string[]): readonly string[] {
  const [first = ''] = args;
  const asksHelp = args.some((arg) => ['-h', '--help', '-V', '--version'].includes(arg));
  if (asksHelp || ['help', 'completion', 'doctor', 'explain'].includes(first)) return [];
  const config = findConfig(process.cwd());
  const name = Object.hasOwn(commands, first) ? first : 'compile';
  const command = root.commands.find((one) => one.name() === name);
  return config && command ? configured(config, command, names, args) : [];
}

/** Say how it is printed, not what is meant. */
const outputWords: ReadonlySet<string> = new Set(['-q', '--quiet', '--json']);

function noSuchCommand(word: string, args: readonly string[]): never {
  const near = nearest(word, [...names, 'help']);
  return fail(badCall, {
    with: {
      found: `${word}, which is no command, and no file of that name is here`,
      expected: `one of ${names.join(', ')}, or a file to compile`,
      hint:
        near === undefined
          ? 'rescc --help'
          : ['rescc', ...args.filter((arg) => !outputWords.has(arg)).map((arg) => (arg === word ? near : arg))].join(' '),
    },
  });
}

function misunderstood(root: Command, args: readonly string[], error: CommanderError): never {
  const [first = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  const command = root.commands.find((one) => one.name() === args[0])?.name();
  const meant = command === undefined ? nearest(args[0] ?? '', names) : undefined;
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

/** Runs one command. @returns the exit code. */
export async function main(words: readonly string[]): Promise<number> {
  // Read before anything is parsed, because what cannot be parsed is reported in the same form. What follows -- is a file.
  const before = words.includes('--') ? words.slice(0, words.indexOf('--')) : words;
  const flags = { json: before.includes('--json'), quiet: before.includes('--quiet') || before.includes('-q') };
  return ending(flags, async () => {
    const args = words.filter((word, i) => word !== noConfig || i > before.length);
    const root = await program(args);
    if (args.length === 0) {
      // As programs of clap and Go do: help, and an exit code that a script notices.
      err(root.helpInformation());
      throw new Exit(exitCodes.usage);
    }
    const [first = '', second] = args;
    if (first === 'help') return printHelp(root, second);
    if (isMisspelled(first)) noSuchCommand(first, args);
    try {
      const more = before.includes(noConfig) ? [] : defaultsFor(root, args);
      flags.json ||= more.includes('--json');
      flags.quiet ||= more.includes('--quiet');
      // Before `--`, behind which there are files alone.
      const end = args.includes('--') ? args.indexOf('--') : args.length;
      await root.parseAsync([...args.slice(0, end), ...more, ...args.slice(end)], { from: 'user' });
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error;
      // Help and version end well.
      if (error.exitCode !== 0) misunderstood(root, args, error);
    }
  });
}
