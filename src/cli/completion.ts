/**
 * `rescc completion bash|zsh|fish|powershell`: a script that completes commands, options and the values of those that have a
 * list. It is made of what the commands say of themselves, so that it knows each; files are left to the shell.
 */
import { Argument, type Command } from 'commander';
import { passNames } from '../passes/schedule.ts';
import { providers } from '../runtime/provider.ts';
import { sourceEmits } from './emit.ts';
import { explainedNames } from './explain.ts';
import { out } from './output.ts';

const shells = ['bash', 'zsh', 'fish', 'powershell'] as const;
type Shell = (typeof shells)[number];

interface Flag {
  readonly long: string;
  readonly short: string | undefined;
  readonly text: string;
  readonly values: readonly string[];
  readonly takes: boolean;
}

interface Entry {
  readonly name: string;
  readonly text: string;
  readonly flags: readonly Flag[];
  /** Of its argument, where that is mostly one of a list. */
  readonly words: readonly string[];
}

/** Values of options that commander takes as any text, because they may be lists. */
const lists: Readonly<Record<string, readonly string[]>> = {
  '--as': ['picture', 'mask', 'boxes'],
  '--emit': sourceEmits,
  '--ep': [...providers, 'auto'],
  '--passes': passNames,
  '--print-after': passNames,
};

/** Words of arguments that commander takes as any text, because there may be others. */
const argumentWords: Readonly<Record<string, () => readonly string[]>> = {
  explain: explainedNames,
};

export function addCompletion(program: Command): void {
  program
    .command('completion')
    .description('prints a script by which a shell completes commands and options')
    .addArgument(new Argument('<shell>', 'whose').choices(shells))
    .action((shell: Shell) => out(script(shell, entriesOf(program))));
}

function entriesOf(program: Command): readonly Entry[] {
  return program.commands.map((command) => ({
    name: command.name(),
    text: command.description(),
    words: [
      ...command.registeredArguments.flatMap((argument) => argument.argChoices ?? []),
      ...(argumentWords[command.name()]?.() ?? []),
    ],
    flags: command.options.map((option) => ({
      long: option.long ?? option.short ?? '',
      short: option.long === undefined ? undefined : option.short,
      text: option.description,
      values: option.argChoices ?? lists[option.long ?? ''] ?? [],
      takes: option.required,
    })),
  }));
}

function script(shell: Shell, entries: readonly Entry[]): string {
  switch (shell) {
    case 'bash':
      return bash(entries);
    case 'zsh':
      return zsh(entries);
    case 'fish':
      return fish(entries);
    default:
      return powershell(entries);
  }
}

const namesOf = (flags: readonly Flag[]): readonly string[] =>
  flags.flatMap(({ long, short }) => [long, ...(short ? [short] : [])]);
const anyName = (entries: readonly Entry[], by: string): string => entries.map(({ name }) => name).join(by);

/** Values of options, by the option. */
const valuesOf = (entries: readonly Entry[]): ReadonlyMap<string, readonly string[]> =>
  new Map(
    entries.flatMap(({ flags }) => flags.flatMap((flag) => (flag.values.length > 0 ? [[flag.long, flag.values] as const] : []))),
  );

function bash(entries: readonly Entry[]): string {
  return `# rescc: eval "$(rescc completion bash)" in ~/.bashrc
_rescc() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command=compile words=
  COMPREPLY=()
  case \${COMP_WORDS[1]} in ${anyName(entries, '|')}) command=\${COMP_WORDS[1]} ;; esac
  case $prev in
${[...valuesOf(entries)].map(([long, list]) => `    ${long}) words='${list.join(' ')}' ;;`).join('\n')}
  esac
  if [[ -z $words && $cur == -* ]]; then
    case $command in
${entries.map(({ name, flags }) => `      ${name}) words='${namesOf(flags).join(' ')}' ;;`).join('\n')}
    esac
  elif [[ -z $words && $COMP_CWORD == 1 ]]; then
    words='${anyName(entries, ' ')} help'
  elif [[ -z $words ]]; then
    case $command in
${entries
  .filter(({ words }) => words.length > 0)
  .map(({ name, words }) => `      ${name}) words='${words.join(' ')}' ;;`)
  .join('\n')}
    esac
  fi
  [[ -n $words ]] && mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -o default -o bashdefault -F _rescc rescc
`;
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function zsh(entries: readonly Entry[]): string {
  const plain = (text: string): string => text.replace(/[[\]:]/g, (sign) => `\\${sign}`);
  const flag = ({ long, short, text, values, takes }: Flag): string => {
    const value = values.length > 0 ? `:value:(${values.join(' ')})` : takes ? ':value:_files' : '';
    return [long, ...(short ? [short] : [])].map((name) => quoted(`*${name}[${plain(text)}]${value}`)).join(' ');
  };
  return `#compdef rescc
# rescc: rescc completion zsh > "\${fpath[1]}/_rescc", or eval "$(rescc completion zsh)" in ~/.zshrc
_rescc() {
  local -a commands
  commands=(
${entries.map(({ name, text }) => `    ${quoted(`${name}:${plain(text)}`)}`).join('\n')}
  )
  local command=compile
  case $words[2] in ${anyName(entries, '|')}) command=$words[2] ;; esac
  if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then
    _describe command commands
    _files
    return
  fi
  case $command in
${entries
  .map(
    ({ name, flags, words }) =>
      `    ${name}) _arguments ${[...flags.map(flag), quoted(words.length > 0 ? `*:word:(${words.join(' ')})` : '*:file:_files')].join(' ')} ;;`,
  )
  .join('\n')}
  esac
}
(( $+functions[compdef] )) && compdef _rescc rescc
`;
}

function fish(entries: readonly Entry[]): string {
  const lines = ['# rescc: rescc completion fish > ~/.config/fish/completions/rescc.fish'];
  const escaped = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const all = anyName(entries, ' ');
  for (const { name, text, flags, words } of entries) {
    lines.push(`complete -c rescc -n __fish_use_subcommand -a ${name} -d ${escaped(text)}`);
    const here =
      name === 'compile'
        ? `not __fish_seen_subcommand_from ${all}; or __fish_seen_subcommand_from compile`
        : `__fish_seen_subcommand_from ${name}`;
    const when = `complete -c rescc -n ${escaped(here)}`;
    if (words.length > 0) lines.push(`${when} -f -a ${escaped(words.join(' '))}`);
    for (const { long, short, text: what, values, takes } of flags) {
      const names = [long, ...(short ? [short] : [])].map((one) =>
        one.startsWith('--') ? `-l ${one.slice(2)}` : `-s ${one.slice(1)}`,
      );
      const value = values.length > 0 ? ` -x -a ${escaped(values.join(' '))}` : takes ? ' -r' : '';
      lines.push(`${when} ${names.join(' ')}${value} -d ${escaped(what)}`);
    }
  }
  return lines.join('\n');
}

function powershell(entries: readonly Entry[]): string {
  const escaped = (text: string): string => `'${text.replaceAll("'", "''")}'`;
  const list = (names: readonly string[]): string => `@(${names.map(escaped).join(', ')})`;
  return `# rescc: rescc completion powershell | Out-String | Invoke-Expression, in $PROFILE
Register-ArgumentCompleter -Native -CommandName rescc -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $flags = @{
${entries.map(({ name, flags }) => `    ${escaped(name)} = ${list(namesOf(flags))}`).join('\n')}
  }
  $words = @{
${entries
  .filter(({ words }) => words.length > 0)
  .map(({ name, words }) => `    ${escaped(name)} = ${list(words)}`)
  .join('\n')}
  }
  $values = @{
${[...valuesOf(entries)].map(([long, of]) => `    ${escaped(long)} = ${list(of)}`).join('\n')}
  }
  $typed = @($commandAst.CommandElements | ForEach-Object { $_.ToString() })
  $before = if ($wordToComplete -eq '') { $typed.Count } else { $typed.Count - 1 }
  $command = if ($typed.Count -gt 1 -and $flags.ContainsKey($typed[1])) { $typed[1] } else { 'compile' }
  $known = if ($values.ContainsKey($typed[$before - 1])) { $values[$typed[$before - 1]] }
    elseif ($wordToComplete -like '-*') { $flags[$command] }
    elseif ($before -eq 1) { $flags.Keys }
    else { $words[$command] }
  $known | Where-Object { $_ -like "$wordToComplete*" } | Sort-Object | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }
}
`;
}
