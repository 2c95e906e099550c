/**
 * Opens a checkpoint, told apart by its first bytes and never by its name. Reads names, types and shapes; numbers are read when
 * they are pulled.
 */
import { unknownCheckpoint } from '../diagnostics/catalogue/weights.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { type ByteSource, readSpan } from '../io/bytes.ts';
import { isTar, openTar } from '../io/tar.ts';
import { openZip } from '../io/zip.ts';
import { Session } from '../tensor/session.ts';
import { isNpy, readNpy, readNpz } from './formats/numpy.ts';
import { isOnnx, readOnnx } from './formats/onnx.ts';
import { isSafetensors, readSafetensors } from './formats/safetensors.ts';
import { isLegacyTorch, isTarTorch, readLegacyTorch, readTarTorch, readTorchZip } from './formats/torch.ts';
import { type Checkpoint, checkpointOf, type Nested } from './nested.ts';
import { isIndex, openIndex } from './shards.ts';

export type { Checkpoint, TensorDict, TensorEntry } from './nested.ts';

/**
 * Opens safetensors, the index of a sharded checkpoint, PyTorch (zip, legacy pickle or tar), .npz, .npy, and an ONNX model's
 * initialisers. Throws a `DiagnosticError` with a code from RES0500 to RES0513 for anything else, and for anything damaged or hostile;
 * time and memory are bounded by the file's size, not by what it claims. Shards and data files are opened through the source's
 * `sibling`.
 */
export async function openCheckpoint(source: ByteSource): Promise<Checkpoint> {
  return open(source, new Session(), true);
}

async function open(source: ByteSource, session: Session, mayBeIndex: boolean): Promise<Checkpoint> {
  const made = (format: string, root: Nested): Promise<Checkpoint> => checkpointOf(format, source.name, root, session);
  const refuse = (found: string): never => fail(unknownCheckpoint, { with: { file: source.name, found } });
  const head = await readSpan(source, 0, Math.min(source.size, 512), 'the first bytes');
  const starts = (...bytes: readonly number[]): boolean => bytes.every((byte, i) => head[i] === byte);
  if (head.length === 0) return refuse('an empty file');
  if (starts(0x50, 0x4b, 3, 4) || starts(0x50, 0x4b, 5, 6)) {
    const entries = await openZip(source);
    const names = [...entries.keys()];
    const pickle = names.find((name) => name === 'data.pkl' || /^[^/]+\/data\.pkl$/.test(name));
    if (pickle !== undefined) return made('PyTorch', await readTorchZip(source, entries, pickle));
    if (names.some((name) => name.endsWith('.npy'))) return made('npz', await readNpz(source, entries));
    return refuse('a zip archive without data.pkl and without .npy entries');
  }
  if (isLegacyTorch(head)) return made('PyTorch legacy', await readLegacyTorch(source));
  if (isNpy(head)) return made('npy', await readNpy(source));
  if (isSafetensors(head)) return made('safetensors', await readSafetensors(source));
  if (isTar(head)) {
    const entries = await openTar(source);
    return isTarTorch(entries)
      ? made('PyTorch tar', await readTarTorch(source, entries))
      : refuse('a tar archive that torch.save has not written');
  }
  if (isOnnx(head)) return made('ONNX', await readOnnx(source));
  if (isIndex(head))
    return mayBeIndex ? openIndex(source, (shard) => open(shard, session, false)) : refuse('JSON in place of a shard');
  if (starts(0x89, 0x48, 0x44, 0x46)) return refuse('an HDF5 file (Keras)');
  if (starts(0x80) && (head[1] ?? 9) <= 5) return refuse('a pickle that torch.save has not written');
  if (starts(0x1f, 0x8b)) return refuse('a gzip file');
  if (starts(0x3c)) return refuse('a web page, perhaps the one around the download');
  if (String.fromCharCode(...head.subarray(0, 40)).startsWith('version https://git-lfs'))
    return refuse('a Git LFS pointer in place of the file');
  return refuse(`bytes ${[...head.subarray(0, 8)].map((b) => b.toString(16).padStart(2, '0')).join(' ')} …`);
}
