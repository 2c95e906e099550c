/** An ONNX file that a command was given, by its name or through a pipe. */
import { extname } from 'node:path';
import { wrongKind } from '../diagnostics/catalogue/cli.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { shownPath } from '../diagnostics/source.ts';
import type { ByteSource } from '../io/bytes.ts';
import { fileSource } from '../io/node/file-source.ts';
import { readTyped } from '../io/node/open-file.ts';
import { isStream, looksBinary } from './files.ts';
import { checkIsModel } from './kinds.ts';
import { watched } from './progress.ts';

export interface OpenedFile {
  readonly from: ByteSource | Uint8Array;
  /** For onnxruntime, which maps files. */
  readonly original: string | Uint8Array;
  readonly name: string;
  close(): void;
}

export const pipedFile = (bytes: Uint8Array, name: string): OpenedFile => ({
  from: bytes,
  original: bytes,
  name,
  close: () => undefined,
});

/** Throws RES0708 for a source of the language. */
export function openFile(path: string): OpenedFile {
  if (isStream(path)) {
    const bytes = readTyped(path);
    const name = shownPath(path);
    if (bytes.length > 0 && !looksBinary(bytes))
      refuseSource(name, 'text, as a source of the language is', '… | rescc - -o model.onnx');
    return pipedFile(bytes, name);
  }
  checkIsModel(path);
  if (extname(path) === '.res')
    refuseSource(path, 'a source of the language by its name', `rescc ${path} -o ${path.replace(/\.res$/, '.onnx')}`);
  const source = watched(fileSource(path));
  return { from: source, original: path, name: path, close: () => source.close() };
}

function refuseSource(path: string, found: string, hint: string): never {
  return fail(wrongKind, { with: { path, found, expected: 'an .onnx file', hint } });
}
