/** The command line: one file per command, loaded when it is called; one place that ends the process. */
import { existsSync } from 'node:fs';
import { Command, CommanderError, type HelpConfiguration } from 'commander';
import { badCall, badOption } from '../diagnostics/catalogue/cli.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { editDistance, nearest } from '../diagnostics/suggest.ts';
import { version } from '../version.ts';
import { type CommandName, commandNames, commandOf } from './command-names.ts';
import { type Configured, configured, findConfig } from './config.ts';
import { examples } from './examples.ts';
import { nurserySize } from './heap.ts';
import { Exit, ending, err, exitCodes, print } from './output.ts';
import { columns, screen, watch } from './terminal.ts';

const nothing = (): void => undefined;

/** Commander writes help; its complaints become diagnostics like all others. */
const streams = { writeOut: print, writeErr: nothing, outputError: nothing, getOutHelpWidth: () => columns(screen(1)) };

/** Less than this is no column beside the names: what is said of them goes below. */
const leastColumn = 34;

/** A name and what is said of it, for terminals of any width. */
const help: HelpConfiguration = {
  minWidthToWrap: 20,
  formatItem(term, termWidth, description, helper) {
    const width = helper.helpWidth ?? 80;
    const column = width - termWidth - 4;
    if (description === '') return `  ${term}`;
    const beside = column >= leastColumn;
    const lines = helper.boxWrap(description, beside ? column : width - 6).split('\n');
    return beside
      ? `  ${term.padEnd(termWidth)}  ${lines.join(`\n${' '.repeat(termWidth + 4)}`)}`
      : [`  ${term}`, ...lines.map((line) => `      ${line}`)].join('\n');
  },
};

/** Each command is a file that runs only when it is called, because loading is most of what a small model takes. */
const commands: Readonly<Record<CommandName, () => Promise<(root: Command) => void>>> = {
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
const names: readonly CommandName[] = commandNames;
const isCommand = (word: string): boolean => Object.hasOwn(commands, word);

/** Which commands must be known to read `args`: the one that is called; all of them for a help or a mistake that lists them. */
function needed(args: readonly string[]): readonly CommandName[] {
  const [first] = args;
  if (first === undefined || first === 'help' || first === 'completion' || first === '-h' || first === '--help') return names;
  return [commandOf(first)];
}

async function program(args: readonly string[]): Promise<Command> {
  const root = new Command('rescc')
    .description('Compiles a small language for residual networks into ONNX, and optimises ONNX files.')
    .usage('[command] [options] <file>')
    .version(version)
    .showSuggestionAfterError()
    .configureOutput(streams)
    .configureHelp(help)
    .exitOverride();
  for (const name of needed(args)) (await commands[name]())(root);
  root.addHelpText(
    'after',
    '\nExit codes: 0 done, 1 errors in the input or a verdict of no,\n            2 a call that is not understood, or is for another kind of file,\n            70 a bug, 130 interrupted\n\nDefaults: rescc.config.json here or above, { "run": { "ep": "webgpu" } }; --no-config leaves it out',
  );
  for (const command of root.commands) {
    command.exitOverride().configureOutput(streams);
    command.hook('preAction', (_, called) => checkStdin(called));
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
  return /^\w[\w-]*$/.test(word) && !isCommand(word) && word !== 'help' && !existsSync(word);
}

/** What reads a file of this name, or standard input for `-`. */
const reading: readonly string[] = ['weights', 'against', 'input', 'labels', 'mapFile', 'names'];

/** Standard input is read once, by one of the words. Throws RES0702 where it is asked for twice. */
function checkStdin(command: Command): void {
  const options: Readonly<Record<string, unknown>> = command.opts();
  const isStdin = (word: unknown): boolean => word === '-' || (typeof word === 'string' && word.endsWith('=-'));
  const found = [
    ...command.args.filter((word) => word === '-').map(() => '-'),
    ...reading.flatMap((name) =>
      [options[name]]
        .flat()
        .filter(isStdin)
        .map((word) => `--${name} ${word}`),
    ),
  ];
  if (found.length < 2) return;
  fail(badOption, {
    with: {
      option: command.name(),
      found: `standard input ${found.length} times: ${found.join(', ')}`,
      expected: '`-` once, because standard input is read once',
      hint: 'a file for all but one of them',
    },
  });
}

const noConfig = '--no-config';

const nothingMore: Configured = { words: [], names: new Set() };

/** What a configuration adds to the call; nothing for a help, and for commands that say what there is. */
function defaultsFor(root: Command, args: readonly string[]): Configured {
  const [first = ''] = args;
  const asksHelp = args.some((arg) => ['-h', '--help', '-V', '--version'].includes(arg));
  if (asksHelp || ['help', 'completion', 'doctor', 'explain'].includes(first)) return nothingMore;
  const config = findConfig(process.cwd());
  const name = commandOf(first);
  const command = root.commands.find((one) => one.name() === name);
  if (!config || !command) return nothingMore;
  const more = configured(config, command, names, args);
  // Commands see that this was not typed.
  command.hook('preAction', (_, called) => void called.setOptionValue('configured', more.names));
  return more;
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

/** What an option was meant to be that its command does not have. */
async function meantOption(option: string, command: Command, suggestion: string | undefined): Promise<string | undefined> {
  const others = await program(['help']);
  const owners = others.commands.filter(({ options }) => options.some(({ long }) => long === option));
  // Named exactly, it is more likely that of another command than one misspelled.
  if (owners.length > 0)
    return owners
      .slice(0, 3)
      .map((one) => `rescc ${one.name()} has ${option}`)
      .join(', ');
  const longs = command.options.flatMap(({ long }) => long ?? []);
  const near = nearest(option, longs);
  if (near !== undefined && editDistance(option, near, 2) <= 2) return near;
  // `--max-ms` begins as `--max-latency` does, which is an option of this command alone, and so more likely than `--max-steps`.
  const [, first = ''] = /^--([^-=]+)-/.exec(option) ?? [];
  const begin = first === '' ? [] : longs.filter((long) => long.startsWith(`--${first}-`));
  const own = begin.filter(
    (long) => others.commands.filter(({ options }) => options.some((one) => one.long === long)).length === 1,
  );
  const alike = own.length > 0 ? own : begin;
  return alike.length > 0 ? alike.join(', ') : (suggestion ?? near);
}

async function misunderstood(root: Command, args: readonly string[], error: CommanderError): Promise<never> {
  const [first = '', second] = error.message.replace(/^error: /, '').split('\n');
  const named = root.commands.find((one) => one.name() === args[0]);
  const command = named?.name();
  const meant = command === undefined ? nearest(args[0] ?? '', names) : undefined;
  const suggestion = /^\(Did you mean (?:one of )?(.+)\?\)$/.exec(second ?? '')?.[1];
  const called = named ?? root.commands.find((one) => one.name() === 'compile');
  const option = /^unknown option '(--[^'=]+)/.exec(first)?.[1];
  const near =
    meant !== undefined
      ? `rescc ${meant} …`
      : option !== undefined && called
        ? await meantOption(option, called, suggestion)
        : suggestion;
  const help = `rescc ${command === undefined ? '' : `${command} `}--help`;
  return fail(badCall, {
    with: {
      found: first,
      expected: command === undefined ? 'rescc FILE -o OUTPUT, or rescc COMMAND …' : `rescc ${command} ${named?.usage() ?? ''}`,
      hint: near ?? help,
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
    nurserySize('fixed');
    if (args.length === 0) {
      // As programs of clap and Go do: help, and an exit code that a script notices.
      err(root.helpInformation());
      throw new Exit(exitCodes.usage);
    }
    const [first = '', second] = args;
    if (first === 'help') return printHelp(root, second);
    if (isMisspelled(first)) noSuchCommand(first, args);
    try {
      const more = before.includes(noConfig) ? nothingMore.words : defaultsFor(root, args).words;
      flags.json ||= more.includes('--json');
      flags.quiet ||= more.includes('--quiet');
      watch(!flags.json && !flags.quiet);
      // Before `--`, behind which there are files alone.
      const end = args.includes('--') ? args.indexOf('--') : args.length;
      await root.parseAsync([...args.slice(0, end), ...more, ...args.slice(end)], { from: 'user' });
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error;
      // Help and version end well.
      if (error.exitCode !== 0) await misunderstood(root, args, error);
    }
  });
}
