/**
 * Keeps V8's compiled code from one call to the next, because compiling functions that run once is half of what a small model
 * takes. Node can do it for modules (from 22.8 on), but keeps of a file what the first command needed; here each command has its
 * own. The folder and the switch are Node's: NODE_COMPILE_CACHE names the folder, NODE_DISABLE_COMPILE_CACHE=1 switches it off.
 * Nothing depends on it: where the folder cannot be read or written, or V8 refuses what is there, the code is compiled anew.
 */
import { closeSync, fstatSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { getHeapCodeStatistics } from 'node:v8';
import { Script } from 'node:vm';

interface Loaded {
  /** What the program exports. */
  readonly exports: unknown;
  /** Writes the code that was compiled until now, where none was found, or much less. */
  keep(): void;
}

/**
 * Runs a file whose text is one function of `require`, `module`, `__filename` and `importFrom`, in ASCII: code that is kept has
 * no `import()` of its own. The file's name must tell its content: V8 compares the text's length alone with that of the code that
 * was kept.
 *
 * @param command Other functions run for other commands, and each has its own code kept.
 */
export function loadProgram(url: URL, command: string): Loaded {
  const file = fileURLToPath(url);
  const cache = process.env.NODE_DISABLE_COMPILE_CACHE === '1' ? undefined : cachePath(file, command);
  const cachedData = cache === undefined ? undefined : readOwn(cache);
  const script = new Script(readFileSync(file, 'latin1'), {
    filename: file,
    ...(cachedData && { cachedData }),
  });
  const module = { exports: {} };
  const importFrom = (path: string): Promise<unknown> => import(path.startsWith('.') ? new URL(path, url).href : path);
  (script.runInThisContext() as (...given: readonly unknown[]) => void)(createRequire(url), module, file, importFrom);
  const bytecode = bytecodeSize();
  return {
    exports: module.exports,
    keep() {
      if (cache === undefined) return;
      const kept = script.cachedDataRejected === true ? undefined : cachedData;
      if (kept && bytecodeSize() - bytecode < kept.length / muchMore) return;
      const code = script.createCachedData();
      // V8 drops functions that have not run for long, so that what is there now may be less.
      if (!kept || code.length > kept.length) write(cache, code);
    },
  };
}

/**
 * What a model needs that the first one did not is added where it comes to this part of what is kept: adding takes some 50 ms.
 */
const muchMore = 32;

const bytecodeSize = (): number => getHeapCodeStatistics().bytecode_and_metadata_size;

/** One for each version of V8, user, content of the program and command. */
function cachePath(file: string, command: string): string {
  const folder = process.env.NODE_COMPILE_CACHE ?? join(tmpdir(), 'node-compile-cache');
  const engine = `rescc-v8-${process.versions.v8}-${process.arch}-${process.getuid?.() ?? 'user'}`;
  return join(folder, engine, `${basename(file, '.cjs')}-${command}.bin`);
}

/** What a file holds, where it belongs to this user and nobody else may write it: it is code. */
function readOwn(path: string): Buffer | undefined {
  try {
    const file = openSync(path, 'r');
    try {
      const { uid, mode } = fstatSync(file);
      const isOwn = process.getuid === undefined || (uid === process.getuid() && (mode & 0o022) === 0);
      return isOwn ? readFileSync(file) : undefined;
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined;
  }
}

/** Whole or not at all, since other calls may read it meanwhile. */
function write(path: string, bytes: Buffer): void {
  const draft = `${path}.${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(draft, bytes, { mode: 0o600, flag: 'wx' });
    renameSync(draft, path);
  } catch {
    try {
      rmSync(draft, { force: true });
    } catch {
      // There is none, nor a folder for it.
    }
  }
}
