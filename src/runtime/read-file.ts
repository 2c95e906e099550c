/** Files of the disk that a model is run on. */
import * as catalogue from '../diagnostics/catalogue/runtime.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { readAll, Unreadable } from '../io/node/open-file.ts';
import { decodeImage, type Image } from './images.ts';

/** Throws `DiagnosticError` (RES0820, RES0822, RES0823). */
export async function readImage(path: string): Promise<Image> {
  return decodeImage(await readBytes(path), path);
}

/** A file's bytes. Throws `DiagnosticError` (RES0820). */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return readAll(path);
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    return fail(catalogue.fileUnreadable, { with: { file: path, found: error.found, hint: `ls -l ${path}` } });
  }
}
