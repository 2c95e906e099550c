/** Commands that hints tell a user to type, by platform: what Linux, macOS and Windows bring along or what is usual there. */
import type { Message } from './diagnostic.ts';
import { standardInput } from './source.ts';

type System = 'linux' | 'darwin' | 'win32';

/** What stands before and behind the name of the file. */
type Command = readonly [before: string, after: string];

const commands = {
  /** Lists a file with its size. */
  size: { linux: ['ls -l ', ''], darwin: ['ls -l ', ''], win32: ['dir ', ''] },
  checksum: { linux: ['sha256sum ', ''], darwin: ['shasum -a 256 ', ''], win32: ['certutil -hashfile ', ' SHA256'] },
  /** Says what a file is; Windows has no such command, and shows its bytes instead. */
  kind: {
    linux: ['file ', ', which tells what it is'],
    darwin: ['file ', ', which tells what it is'],
    win32: ['Format-Hex ', ', whose first bytes tell what it is'],
  },
  /** Writes a picture as PNG. `convert` of Windows is another program, for file systems; macOS has sips. */
  png: {
    linux: ['convert ', ' picture.png'],
    darwin: ['sips -s format png ', ' --out picture.png'],
    win32: ['magick ', ' picture.png'],
  },
  smaller: {
    linux: ['convert ', ' -resize 4096x4096 smaller.png'],
    darwin: ['sips -Z 4096 -s format png ', ' --out smaller.png'],
    win32: ['magick ', ' -resize 4096x4096 smaller.png'],
  },
  /** Makes a folder, and those around it. */
  folder: { linux: ['mkdir -p ', ''], darwin: ['mkdir -p ', ''], win32: ['mkdir ', ''] },
  'from UTF-16': {
    linux: ['iconv -f UTF-16 -t UTF-8 ', ''],
    darwin: ['iconv -f UTF-16 -t UTF-8 ', ''],
    win32: ['Get-Content -Encoding Unicode ', ' | Set-Content -Encoding utf8 utf8.res'],
  },
  'from Latin-1': {
    linux: ['iconv -f LATIN1 -t UTF-8 ', ''],
    darwin: ['iconv -f LATIN1 -t UTF-8 ', ''],
    win32: ['Get-Content -Encoding Latin1 ', ' | Set-Content -Encoding utf8 utf8.res'],
  },
} as const satisfies Readonly<Record<string, Readonly<Record<System, Command>>>>;

export type Task = keyof typeof commands;
export const tasks = Object.keys(commands) as readonly Task[];

/** Where this runs. A browser does not say, and other systems are like Linux in what they bring along. */
function here(): string {
  const { process } = globalThis as { readonly process?: { readonly platform?: string } };
  return process?.platform ?? 'linux';
}

function of(task: Task, platform: string): Command {
  const by: Readonly<Record<System, Command>> = commands[task];
  return by[platform === 'win32' || platform === 'darwin' ? platform : 'linux'];
}

/** What a user types to do this to a file; what came through a pipe is to be one first. */
export function command(task: Task, file: string, platform: string = here()): string {
  return file === standardInput
    ? `save as FILE what is piped, then ${of(task, platform).join('FILE')}`
    : of(task, platform).join(file);
}

/** A hint with that command for the hole `file`, between these words. */
export function commandHint(words: Command, task: Task, platform: string = here()): Message<'file'> {
  const [before, after] = of(task, platform);
  return { parts: [words[0] + before, after + words[1]], holes: ['file'] };
}
