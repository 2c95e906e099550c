/** Files as the commands read and write them, with what can go wrong said as diagnostics. */
import { closeSync, mkdtempSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path, { basename, dirname, extname, join } from 'node:path';
import { cannotWrite, wrongKind } from '../diagnostics/catalogue/cli.ts';
import { type Diagnostic, DiagnosticError, fail } from '../diagnostics/diagnostic.ts';
import { command } from '../diagnostics/shell.ts';
import { type SourceFile, shownPath } from '../diagnostics/source.ts';
import type { ImportResolver } from '../elaborate/modules.ts';
import { memorySource } from '../io/bytes.ts';
import { type FileSource, fileSource } from '../io/node/file-source.ts';
import { openStream, readTyped, Unreadable } from '../io/node/open-file.ts';
import { decodeUtf8 } from '../parser/utf8.ts';
import { checkHasTensors, checkIsModel } from './kinds.ts';
import { watched } from './progress.ts';

const reasons: Readonly<Record<string, readonly [string, string]>> = {
  ENOENT: ['no such file', 'check the path'],
  EISDIR: ['a folder', 'name a file in it'],
  EACCES: ['no permission', 'check the rights of the file'],
  ENOSPC: ['the disk is full', 'free some space'],
  EROFS: ['a read-only file system', 'write somewhere else'],
  ENAMETOOLONG: ['a name that is too long for the file system', 'choose a shorter one'],
  ENOTDIR: ['a part of the path is no folder', 'check the path'],
};

function reasonOf(error: unknown): readonly [string, string] {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return reasons[code] ?? [error instanceof Error ? error.message : String(error), 'check the path'];
}

/** How much of what comes through a pipe is looked at. */
const headBytes = 256;

/** An ONNX file begins with small numbers (tags and lengths), which are control characters that no source has. */
export function looksBinary(bytes: Uint8Array): boolean {
  return bytes.subarray(0, headBytes).some((byte) => byte < 32 && ![9, 10, 12, 13].includes(byte));
}

/**
 * A checkpoint by its name, or the whole of standard input for `-`. Throws RES0847 for models of others, which hold a network.
 */
export function checkpointSource(path: string): FileSource {
  if (!isStream(path)) {
    checkHasTensors(path);
    return watched(fileSource(path));
  }
  return { ...memorySource(shownPath(path), readTyped(path)), close: () => undefined };
}

/** Whether a path leads to what is read once from its beginning to its end: standard input, a pipe, a device. */
export function isStream(path: string): boolean {
  if (path === '-') return true;
  const found = statSync(path, { throwIfNoEntry: false });
  return found !== undefined && !found.isFile() && !found.isDirectory();
}

/** The same of a plain file, of which no more is read. */
export function startsBinary(path: string): boolean {
  const source = fileSource(path);
  try {
    return looksBinary(source.readSync?.(0, Math.min(headBytes, source.size)) ?? new Uint8Array());
  } finally {
    source.close();
  }
}

export function readSource(path: string): SourceFile {
  checkIsModel(path);
  if (extname(path) === '.onnx') {
    const found = 'an ONNX file by its name';
    fail(wrongKind, { with: { path, found, expected: 'a .res file', hint: `rescc optimize ${path} -o optimized.onnx` } });
  }
  const bytes = readTyped(path);
  const name = shownPath(path);
  if (extname(path) !== '.res' && looksBinary(bytes))
    fail(wrongKind, {
      with: {
        path: name,
        found: 'bytes that are no text, as in an ONNX file',
        expected: 'a source of the language',
        hint: path === '-' ? '… | rescc optimize - -o optimized.onnx' : `rescc optimize ${path} -o optimized.onnx`,
      },
    });
  return sourceOf(bytes, name);
}

/** Bytes as a source of the language. Throws where they are no text. */
export function sourceOf(bytes: Uint8Array, name: string): SourceFile {
  const { source, diagnostics } = decodeUtf8(bytes, name);
  if (!source) throw new DiagnosticError(diagnostics);
  return source;
}

/** What one of several files gives, or why it cannot be read: the others are looked at all the same. */
export function withSource(path: string, use: (source: SourceFile) => readonly Diagnostic[]): readonly Diagnostic[] {
  let source: SourceFile;
  try {
    source = readSource(path);
  } catch (error) {
    if (error instanceof DiagnosticError) return error.diagnostics;
    throw error;
  }
  return use(source);
}

/**
 * Where an imported file lies: beside the importing one, or here where that came through a pipe. Not by `join`, which takes the
 * folder of `C:net.res` for the root of its drive.
 */
export function importPath(from: string, importer: string, system: Pick<typeof path, 'basename' | 'normalize'> = path): string {
  const folder = importer.startsWith('<') ? '' : importer.slice(0, importer.length - system.basename(importer).length);
  return system.normalize(`${folder || './'}${from}`);
}

/** Imports are relative to the importing file. */
export const resolveImport: ImportResolver = (from, importer) => {
  const file = importPath(from, importer.name);
  try {
    if (!statSync(file).isFile()) return undefined;
  } catch {
    return undefined;
  }
  return readSource(file);
};

/**
 * Writes a small file so that it is complete or not there: into a temporary folder beside it, then renamed. A link is followed,
 * and a pipe or device is written to as it is.
 */
export function writeWhole(path: string, data: string | Uint8Array): void {
  let temporary: string | undefined;
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found?.isDirectory()) fail(cannotWrite, { with: { path, found: 'a folder', hint: 'name a file in it' } });
    if (found && !found.isFile()) {
      const descriptor = openStream(path);
      try {
        writeFileSync(descriptor, data);
      } finally {
        closeSync(descriptor);
      }
      return;
    }
    const target = found ? realpathSync(path) : path;
    // Not named after the file, whose name may be as long as names can be.
    temporary = mkdtempSync(join(dirname(target), '.rescc-'));
    const inner = join(temporary, basename(target));
    writeFileSync(inner, data);
    renameSync(inner, target);
  } catch (error) {
    if (error instanceof DiagnosticError) throw error;
    const folder = dirname(path);
    const [found, hint] =
      error instanceof Unreadable
        ? [error.found, 'start what reads it first']
        : statSync(folder, { throwIfNoEntry: false }) === undefined
          ? [`no folder ${folder}`, command('folder', folder)]
          : reasonOf(error);
    fail(cannotWrite, { with: { path, found, hint } });
  } finally {
    if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true });
  }
}
