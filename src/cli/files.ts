/** Files as the commands read and write them, with what can go wrong said as diagnostics. */
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { cannotRead, cannotWrite, wrongKind } from '../diagnostics/catalogue/cli.ts';
import { type Diagnostic, DiagnosticError, fail } from '../diagnostics/diagnostic.ts';
import type { SourceFile } from '../diagnostics/source.ts';
import type { ImportResolver } from '../elaborate/modules.ts';
import { decodeUtf8 } from '../parser/parse.ts';

const reasons: Readonly<Record<string, readonly [string, string]>> = {
  ENOENT: ['no such file', 'check the path'],
  EISDIR: ['a folder', 'name a file in it'],
  EACCES: ['no permission', 'check the rights of the file'],
  ENOSPC: ['the disk is full', 'free some space'],
  EROFS: ['a read-only file system', 'write somewhere else'],
  ENOTDIR: ['a part of the path is no folder', 'check the path'],
};

function reasonOf(error: unknown): readonly [string, string] {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return reasons[code] ?? [error instanceof Error ? error.message : String(error), 'check the path'];
}

/** The bytes of a file, or of standard input for `-`. */
export function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path === '-' ? 0 : path);
  } catch (error) {
    const [found, hint] = reasonOf(error);
    return fail(cannotRead, { with: { path, found, expected: 'a file that can be read', hint } });
  }
}

export function readSource(path: string): SourceFile {
  if (extname(path) === '.onnx') {
    const found = 'an ONNX file by its name';
    fail(wrongKind, { with: { path, found, expected: 'a .res file', hint: `rescc optimize ${path} -o optimized.onnx` } });
  }
  const name = path === '-' ? '<stdin>' : path;
  const { source, diagnostics } = decodeUtf8(readBytes(path), name);
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

/** Writes a small file so that it is complete or not there: into a temporary folder beside it, then renamed. */
export function writeWhole(path: string, data: string | Uint8Array): void {
  let temporary: string | undefined;
  try {
    temporary = mkdtempSync(join(dirname(path), `.${basename(path)}.`));
    const inner = join(temporary, basename(path));
    writeFileSync(inner, data);
    renameSync(inner, path);
  } catch (error) {
    const [found, hint] = reasonOf(error);
    fail(cannotWrite, { with: { path, found, hint } });
  } finally {
    if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true });
  }
}
