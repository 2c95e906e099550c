#!/usr/bin/env node
/**
 * Where the process starts: as little as can be, since a version is asked for by scripts and loading the compiler takes longer
 * than compiling a small model.
 */
import './heap.ts';

import * as module from 'node:module';
import { version } from '../version.ts';

const args = process.argv.slice(2);
if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
  process.stdout.write(`${version}\n`);
} else {
  // Keeps V8's compiled code from one call to the next, where Node can (from 22.8 on; NODE_DISABLE_COMPILE_CACHE=1 switches it
  // off).
  (module as { readonly enableCompileCache?: () => unknown }).enableCompileCache?.();
  const { main } = await import('./program.ts');
  process.exitCode = await main(args);
}
