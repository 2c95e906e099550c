#!/usr/bin/env node
/**
 * Where the process starts: as little as can be, since a version is asked for by scripts and loading the compiler takes longer
 * than compiling a small model.
 */
import { writeSync } from 'node:fs';
import { version } from '../version.ts';
import { loadProgram } from './code-cache.ts';
import { commandOf } from './command-names.ts';
import { nurserySize } from './heap.ts';

/** The file of the commands, as the build names it; absent where this file runs as it is. */
declare const programFile: string | undefined;

/** False where the version cannot be written at once; the whole command line tries again then, and says what is wrong. */
function printedVersion(): boolean {
  try {
    return writeSync(1, `${version}\n`) > 0;
  } catch {
    return false;
  }
}

const args = process.argv.slice(2);
const asksVersion = args.length === 1 && (args[0] === '--version' || args[0] === '-V');
if (!asksVersion || !printedVersion()) {
  if (typeof programFile === 'string') {
    const { exports, keep } = loadProgram(new URL(programFile, import.meta.url), commandOf(args[0]));
    process.exitCode = await (exports as typeof import('./program.ts')).main(args);
    nurserySize('growing');
    keep();
  } else process.exitCode = await (await import('./program.ts')).main(args);
}
