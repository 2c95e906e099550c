/**
 * Opens a checkpoint, told apart by its bytes and never by its name. Reads names, types and shapes; numbers are read when
 * they are pulled.
 */
import { checkArgument } from '../diagnostics/arguments.ts';
import { unknownCheckpoint } from '../diagnostics/catalogue/weights.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { type ByteSource, readSpan } from '../io/bytes.ts';
import { type Bytes, bytesKind, sourceFrom } from '../io/sources.ts';
import { isTar, openTar } from '../io/tar.ts';
import { isZip, openZip } from '../io/zip.ts';
import { Session } from '../tensor/session.ts';
import { formats, formatsText, type Opened } from './formats.ts';
import { type Checkpoint, checkpointOf } from './nested.ts';

export type { Checkpoint, TensorDict, TensorEntry } from './nested.ts';

/**
 * Opens a file of any format that `formats.ts` lists. Throws a `DiagnosticError` with a code from RES0500 to RES0513 for anything
 * else, and for anything damaged or hostile; time and memory are bounded by the file's size, not by what it claims. Shards and
 * data files are opened through the source's `sibling`. Its tensors belong to the checkpoint, and a compilation that binds them
 * takes copies of their descriptions.
 */
export async function openCheckpoint(source: Bytes): Promise<Checkpoint> {
  checkArgument('openCheckpoint', 'source', source, bytesKind);
  return open(sourceFrom(source, '<checkpoint>'), new Session(), true);
}

async function open(source: ByteSource, session: Session, whole: boolean): Promise<Checkpoint> {
  const refuse = (found: string): never =>
    fail(unknownCheckpoint, { with: { file: source.name, found, formats: formatsText() } });
  const head = await readSpan(source, 0, Math.min(source.size, 512), 'the first bytes');
  if (head.length === 0) return refuse('an empty file');
  const opened: Opened = {
    source,
    head,
    ...(isZip(head) && { zip: await openZip(source) }),
    ...(isTar(head) && { tar: await openTar(source) }),
  };
  const format = formats.find((one) => one.recognises(opened));
  if (!format) return refuse(whatElse(opened));
  if (format.joins && !whole) return refuse('JSON in place of a shard');
  const made = await format.read(opened, (shard) => open(shard, session, false));
  return 'dicts' in made ? made : checkpointOf(format.name, source.name, made, session);
}

/** What a file is that is no checkpoint. */
function whatElse({ head, zip, tar }: Opened): string {
  const starts = (...bytes: readonly number[]): boolean => bytes.every((byte, i) => head[i] === byte);
  if (zip) return 'a zip archive without data.pkl and without .npy entries';
  if (tar) return 'a tar archive that torch.save has not written';
  if (starts(0x89, 0x48, 0x44, 0x46)) return 'an HDF5 file (Keras)';
  if (starts(0x80) && (head[1] ?? 9) <= 5) return 'a pickle that torch.save has not written';
  if (starts(0x1f, 0x8b)) return 'a gzip file';
  if (starts(0x3c)) return 'a web page, perhaps the one around the download';
  if (String.fromCharCode(...head.subarray(0, 40)).startsWith('version https://git-lfs'))
    return 'a Git LFS pointer in place of the file';
  return `bytes ${[...head.subarray(0, 8)].map((b) => b.toString(16).padStart(2, '0')).join(' ')} …`;
}
