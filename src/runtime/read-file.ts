/** Files of the disk that a model is run on. */
import { shownPath } from '../diagnostics/source.ts';
import { readTyped } from '../io/node/open-file.ts';
import { decodeImage, type Image } from './images.ts';

/** Throws `DiagnosticError` (RES0701, RES0822, RES0823). */
export async function readImage(path: string): Promise<Image> {
  return decodeImage(await readBytes(path), shownPath(path));
}

/** A file's bytes, or those of standard input for `-`. Throws `DiagnosticError` (RES0701). */
export async function readBytes(path: string): Promise<Uint8Array> {
  return readTyped(path);
}
