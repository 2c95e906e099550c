/**
 * Every format of checkpoints: one list, in the order in which a file is asked. The error for a file that is none of them prints
 * it, and tests compare it with the help and the documents (`test/checkpoint/formats.test.ts`). To add one, write its reader into
 * `formats/` and its entry here.
 */
import type { ByteSource } from '../io/bytes.ts';
import type { ZipEntry } from '../io/zip.ts';
import { isNpy, readNpy, readNpz } from './formats/numpy.ts';
import { isOnnx, readOnnx } from './formats/onnx.ts';
import { isSafetensors, readSafetensors } from './formats/safetensors.ts';
import { isLegacyTorch, readLegacyTorch } from './formats/torch-legacy.ts';
import { isTarTorch, readTarTorch } from './formats/torch-tar.ts';
import { pickleOf, readTorchZip } from './formats/torch-zip.ts';
import type { Checkpoint, Nested } from './nested.ts';
import { isIndex, openIndex } from './shards.ts';

/** What is known of a file before its format is. */
export interface Opened {
  readonly source: ByteSource;
  /** Its first 512 bytes, fewer where it is shorter. */
  readonly head: Uint8Array;
  /** The entries of the archive that it is. */
  readonly zip?: ReadonlyMap<string, ZipEntry>;
  readonly tar?: ReadonlyMap<string, ByteSource>;
}

interface Format {
  /** What listings and `Checkpoint.format` call it. */
  readonly name: string;
  /** Whose it is, as lists of formats say it, and which of several forms this is. */
  readonly family: string;
  readonly form?: string;
  /** Endings that files of it usually have. They are not looked at. */
  readonly endings: readonly string[];
  /** For docs/weights.md. */
  readonly doc: string;
  /** Whether a file is one, or damaged so that it is no other: by its first bytes, or by the entries of the archive. */
  readonly recognises: (opened: Opened) => boolean;
  /** Names the files that hold the tensors, of which none may do so again. */
  readonly joins?: boolean;
  /** Reads names, types and shapes. `shard` opens another file of the same checkpoint. */
  readonly read: (opened: Opened, shard: (source: ByteSource) => Promise<Checkpoint>) => Promise<Nested | Checkpoint>;
}

export const formats: readonly Format[] = [
  {
    name: 'safetensors',
    family: 'safetensors',
    form: 'one file',
    endings: ['.safetensors'],
    doc: 'read in place',
    recognises: ({ head }) => isSafetensors(head),
    read: ({ source }) => readSafetensors(source),
  },
  {
    name: 'PyTorch',
    family: 'PyTorch',
    form: 'zip',
    endings: ['.pt', '.pth', '.bin', '.ckpt'],
    doc: 'what `torch.save` writes since 1.6; nothing is executed',
    recognises: ({ zip }) => zip !== undefined && pickleOf(zip) !== undefined,
    read: ({ source, zip = new Map() }) => readTorchZip(source, zip, pickleOf(zip) ?? ''),
  },
  {
    name: 'PyTorch legacy',
    family: 'PyTorch',
    form: 'legacy pickles',
    endings: ['.pt', '.pth', '.th'],
    doc: 'the stream of pickles before 1.6, protocols 0 to 5; nothing is executed',
    recognises: ({ head }) => isLegacyTorch(head),
    read: ({ source }) => readLegacyTorch(source),
  },
  {
    name: 'PyTorch tar',
    family: 'PyTorch',
    form: 'tar',
    endings: ['.pth'],
    doc: 'what `torch.save` wrote before 0.1.10; nothing is executed',
    recognises: ({ tar }) => tar !== undefined && isTarTorch(tar),
    read: ({ source, tar = new Map() }) => readTarTorch(source, tar),
  },
  {
    name: 'npz',
    family: 'NumPy',
    form: '.npz',
    endings: ['.npz'],
    doc: '`.npy` arrays in a zip archive, stored or deflated',
    recognises: ({ zip }) => zip !== undefined && [...zip.keys()].some((name) => name.endsWith('.npy')),
    read: ({ source, zip = new Map() }) => readNpz(source, zip),
  },
  {
    name: 'npy',
    family: 'NumPy',
    form: '.npy',
    endings: ['.npy'],
    doc: 'one array, of either byte order, in C or Fortran layout',
    recognises: ({ head }) => isNpy(head),
    read: ({ source }) => readNpy(source),
  },
  {
    name: 'ONNX',
    family: 'ONNX',
    endings: ['.onnx'],
    doc: 'the initialisers: raw, typed, and in data files beside it',
    recognises: ({ head }) => isOnnx(head),
    read: ({ source }) => readOnnx(source),
  },
  {
    name: 'safetensors index',
    family: 'safetensors',
    form: 'an index and its shards',
    endings: ['.safetensors.index.json'],
    doc: 'the shards, of whatever format, lie beside it',
    recognises: ({ head }) => isIndex(head),
    joins: true,
    read: ({ source }, shard) => openIndex(source, shard),
  },
];

const either = (items: readonly string[]): string =>
  items.length < 2 ? items.join() : `${items.slice(0, -1).join(', ')} or ${items.at(-1)}`;

/** `safetensors (one file or an index and its shards), PyTorch (…), NumPy (…) or ONNX`. */
export function formatsText(): string {
  return either(
    [...new Set(formats.map(({ family }) => family))].map((family) => {
      const forms = formats.flatMap((format) => (format.family === family && format.form !== undefined ? [format.form] : []));
      return forms.length === 0 ? family : `${family} (${either(forms)})`;
    }),
  );
}
