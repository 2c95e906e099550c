/** Sources for the parser's tests. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SourceFile } from '../../src/diagnostics/source.ts';

const testFolder = fileURLToPath(new URL('..', import.meta.url));

/** The `.res` files of a folder below `test/`, in the order of their names. */
export function sourcesIn(folder: string): readonly SourceFile[] {
  return readdirSync(join(testFolder, folder))
    .filter((name) => name.endsWith('.res'))
    .sort()
    .map((name) => ({ name, text: readFileSync(join(testFolder, folder, name), 'utf8') }));
}

export function bytesOf(path: string): Uint8Array {
  return readFileSync(join(testFolder, path));
}

/** A small generator of pseudo-random numbers (xorshift32), so that a failing case can be made again from its seed. */
export function randomFrom(seed: number): (below: number) => number {
  let state = (seed * 2654435761 + 1) >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
}
