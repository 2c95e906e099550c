#!/usr/bin/env node
/**
 * Where the process starts: as little as can be, since a version is asked for by scripts and loading the compiler takes longer
 * than compiling a small model.
 */
import './heap.ts';

import { writeSync } from 'node:fs';
import * as module from 'node:module';
import { version } from '../version.ts';

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
  // Keeps V8's compiled code from one call to the next, where Node can (from 22.8 on; NODE_DISABLE_COMPILE_CACHE=1 switches it
  // off).
  (module as { readonly enableCompileCache?: () => unknown }).enableCompileCache?.();
  const { main } = await import('./program.ts');
  process.exitCode = await main(args);
}
