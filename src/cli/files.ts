/** Files as the commands read and write them, with what can go wrong said as diagnostics. */
import { closeSync, mkdtempSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { cannotRead, cannotWrite, wrongKind } from '../diagnostics/catalogue/cli.ts';
import { type Diagnostic, DiagnosticError, fail } from '../diagnostics/diagnostic.ts';
import type { SourceFile } from '../diagnostics/source.ts';
import type { ImportResolver } from '../elaborate/modules.ts';
import { openPlain, openStream, readAll, Unreadable } from '../io/node/open-file.ts';
import { decodeUtf8 } from '../parser/parse.ts';
import { checkIsModel } from './kinds.ts';

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

/** Throws for what is there and no plain file; what is not there is said by whoever opens it. */
export function checkPlain(path: string): void {
  try {
    closeSync(openPlain(path).descriptor);
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    if (error.code === '')
      fail(cannotRead, { with: { path, found: error.found, expected: 'a plain file', hint: 'check the path' } });
  }
}

/** The bytes of a file, of a pipe, or of standard input for `-`. */
export function readBytes(path: string): Uint8Array {
  try {
    return readAll(path === '-' ? 0 : path);
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    const { found, code } = error;
    const hint =
      found === 'a pipe that nobody writes to'
        ? `start what writes to it first, or write \`… | rescc … -\``
        : (reasons[code]?.[1] ?? (found === 'a folder' ? 'name a file in it' : 'check the path'));
    return fail(cannotRead, { with: { path, found, expected: 'a file that can be read', hint } });
  }
}

export function readSource(path: string): SourceFile {
  checkIsModel(path);
  if (extname(path) === '.onnx') {
    const found = 'an ONNX file by its name';
    fail(wrongKind, { with: { path, found, expected: 'a .res file', hint: `rescc optimize ${path} -o optimized.onnx` } });
  }
  return sourceOf(readBytes(path), path === '-' ? '<stdin>' : path);
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

/** Imports are relative to the importing file. */
export const resolveImport: ImportResolver = (from, importer) => {
  const folder = importer.name.startsWith('<') ? '.' : dirname(importer.name);
  const path = join(folder, from);
  try {
    if (!statSync(path).isFile()) return undefined;
  } catch {
    return undefined;
  }
  return readSource(path);
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
    const [found, hint] = error instanceof Unreadable ? [error.found, 'start what reads it first'] : reasonOf(error);
    fail(cannotWrite, { with: { path, found, hint } });
  } finally {
    if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true });
  }
}
