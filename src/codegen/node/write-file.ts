/**
 * Writes a model to a file so that there is never half a model at its path: everything goes to temporary files beside it, and the
 * rename of the `.onnx` is the single commit point. Weights in a data file are named by their content, so that the old model
 * keeps its own until then. Where a model is replaced, the new one is flushed to the disk first, because a power cut could
 * otherwise take both. Where none is, there is nothing to lose but what the same call makes again, and the system writes it out
 * in its own time, as after `cp`.
 */

import { closeSync, constants, readSync, type Stats, writeSync } from 'node:fs';
import { type FileHandle, link, lstat, open, readdir, readlink, rename, stat, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { isSafetensors } from '../../checkpoint/formats/safetensors.ts';
import {
  callback,
  checkArgument,
  checkOptions,
  either,
  flag,
  onnxModelKind,
  record,
  text,
  whole,
} from '../../diagnostics/arguments.ts';
import {
  badDataName,
  cannotWrite,
  diskFull,
  mayNotWrite,
  noSuchFolder,
  tooLargeForOneFile,
  wouldReplaceOther,
  writingStopped,
} from '../../diagnostics/catalogue/codegen.ts';
import { fail } from '../../diagnostics/diagnostic.ts';
import { openPlain, openStream, pipeTries, Unreadable } from '../../io/node/open-file.ts';
import type { Graph } from '../../ir/graph.ts';
import { Hasher } from '../../ir/hash.ts';
import type { OnnxModel } from '../../onnx/model.ts';
import { GraphProto, ModelProto, TensorProto } from '../../onnx/proto.ts';
import { fieldsOf, textOf, WireError, type WireSource, windowedSource } from '../../onnx/wire.ts';
import {
  type ExternalLayout,
  externalData,
  externalLayout,
  largestMessage,
  modelPieces,
  modelSize,
  type Pieces,
} from '../../onnx/write.ts';
import { bringKernel } from '../../tensor/narrow.ts';
import { readSpanInto } from '../../tensor/stored.ts';
import { safetensorsOf, safetensorsPieces } from '../safetensors.ts';
import { BytesHash } from './bytes-hash.ts';
import { narrowHalves } from './halves.ts';

/** How a model is written to a file. */
export interface WriteOptions {
  /**
   * Weights in a data file beside the model: `true` names it by its content, a string gives it that name. Left out or `false`:
   * only where the model passes 2 GiB.
   */
  readonly externalData?: boolean | string | undefined;
  /** Tensors in the data file begin at multiples of this, a power of two. 4096 when left out; Windows maps files at 65536. */
  readonly align?: number | undefined;
  /** Replaces a file that is no ONNX model. */
  readonly force?: boolean | undefined;
  readonly onProgress?: ((written: number, total: number) => void) | undefined;
  /** Stops, and removes the temporary files. */
  readonly signal?: AbortSignal | undefined;
}

/** What `writeModel` wrote, when all of it is in place. */
export interface Written {
  /** Of all files together. */
  readonly bytes: number;
  /** The model first, then its data file if there is one. */
  readonly files: readonly string[];
}

/** Throws `DiagnosticError` when it cannot be written; what stood at the path before is then still there. */
export async function writeModel(model: OnnxModel, path: string, options: WriteOptions = {}): Promise<Written> {
  checkArgument('writeModel', 'model', model, onnxModelKind);
  checkArgument('writeModel', 'path', path, text);
  const kinds = { externalData: either(flag, text), align: whole(1), force: flag, onProgress: callback, signal: record };
  checkOptions('writeModel', options, kinds);
  const progress: Progress = { path, written: 0, total: 0, report: options.onProgress, signal: options.signal };
  const temporary = new Set<string>();
  try {
    return await write(model, path, options, progress, temporary);
  } catch (error) {
    for (const file of temporary) await unlink(file).catch(() => undefined);
    return explain(error, progress);
  }
}

/**
 * Writes a graph's parameters as safetensors, with the same promise: the file is the old one or the new one. Throws
 * `DiagnosticError` when it cannot be written.
 */
export async function writeSafetensors(
  graph: Graph,
  path: string,
  options: Pick<WriteOptions, 'force' | 'onProgress' | 'signal'> = {},
): Promise<Written> {
  const file = safetensorsOf(graph);
  const progress: Progress = { path, written: 0, total: file.bytes, report: options.onProgress, signal: options.signal };
  const temporary = new Set<string>();
  try {
    options.signal?.throwIfAborted();
    const { target, found } = await targetOf(resolve(path));
    if (found?.isDirectory())
      fail(wouldReplaceOther, {
        with: { path, kind: 'safetensors file', what: 'a folder', hint: `-o ${join(path, 'model.safetensors')}` },
      });
    const pieces = safetensorsPieces(file, options.signal);
    const flush = replaces(found);
    if (found && !found.isFile()) await streamTo(await openReader(target), pieces, progress, { plain: false });
    else {
      if (found && found.size > 0 && !options.force) {
        const head = openSource(target, (source) => source.read(0, 512).slice());
        if (!isSafetensors(head))
          fail(wouldReplaceOther, {
            with: { path, kind: 'safetensors file', what: `${found.size} bytes that are no safetensors`, hint: '--force' },
          });
      }
      const made = await temporaryFile(target, found, temporary);
      await streamTo(made.file, pieces, progress, { flush });
      await commit(made.path, target, temporary, flush, options.signal);
    }
    return { bytes: file.bytes, files: [path] };
  } catch (error) {
    for (const left of temporary) await unlink(left).catch(() => undefined);
    return explain(error, progress);
  }
}

interface Progress {
  readonly path: string;
  written: number;
  total: number;
  readonly report: ((written: number, total: number) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

async function write(
  model: OnnxModel,
  path: string,
  options: WriteOptions,
  progress: Progress,
  temporary: Set<string>,
): Promise<Written> {
  options.signal?.throwIfAborted();
  const { target, found } = await targetOf(resolve(path));
  if (found?.isDirectory())
    fail(wouldReplaceOther, { with: { path, kind: 'ONNX model', what: 'a folder', hint: `-o ${join(path, 'model.onnx')}` } });
  const wholeSize = modelSize(model);
  const wantsExternal = options.externalData !== undefined && options.externalData !== false;
  if (found && !found.isFile()) {
    // A device or pipe, such as /dev/stdout, is written to and never renamed over.
    if (wantsExternal || wholeSize > largestMessage)
      fail(tooLargeForOneFile, { with: { bytes: wholeSize, limit: largestMessage } });
    progress.total = wholeSize;
    await streamTo(await openReader(target), modelPieces(model, { signal: options.signal }), progress, { plain: false });
    return { bytes: wholeSize, files: [path] };
  }
  if (found && !options.force) checkReplaceable(target, path, found);
  if (!wantsExternal && wholeSize <= largestMessage) {
    progress.total = wholeSize;
    const made = await temporaryFile(target, found, temporary);
    await streamTo(made.file, modelPieces(model, { signal: options.signal }), progress, { flush: replaces(found) });
    await commit(made.path, target, temporary, replaces(found), options.signal);
    return { bytes: wholeSize, files: [path] };
  }
  return writeWithData(model, path, target, found, options, progress, temporary);
}

async function writeWithData(
  model: OnnxModel,
  path: string,
  target: string,
  found: Stats | undefined,
  options: WriteOptions,
  progress: Progress,
  temporary: Set<string>,
): Promise<Written> {
  const stem = stemOf(target);
  const fixed = typeof options.externalData === 'string' ? options.externalData : undefined;
  // The digest stands in for itself while sizes are computed: every digest has the same length.
  const placed = externalLayout(model, fixed ?? `${stem}${digestSuffix}`, options.align ?? 4096);
  const modelBytes = modelSize(model, placed);
  if (modelBytes > largestMessage) fail(tooLargeForOneFile, { with: { bytes: modelBytes, limit: largestMessage } });
  progress.total = placed.bytes + modelBytes;
  const folder = dirname(target);
  const before = found?.isFile() ? dataFilesOf(target) : [];
  if (fixed !== undefined) await checkDataName(fixed, target, before, options.force === true);
  const data = await temporaryFile(join(folder, placed.location), undefined, temporary);
  const hash = fixed === undefined ? new BytesHash(1, writeBytes) : undefined;
  const flush = replaces(found);
  await streamTo(data.file, externalData(model, placed, options.signal), progress, { flush, hash });
  const location = fixed ?? `${stem}.${hash?.hex() ?? ''}.data`;
  const layout: ExternalLayout = { ...placed, location };
  const made = await temporaryFile(target, found, temporary);
  await streamTo(made.file, modelPieces(model, { external: layout, signal: options.signal }), progress, { flush });
  options.signal?.throwIfAborted();
  const dataPath = join(folder, location);
  const existed = (await statOrNothing(dataPath)) !== undefined;
  // A second link outlives a run beside this one that removes the data, thinking that nothing names it any more.
  const spare = `${data.path}.link`;
  temporary.add(spare);
  await link(data.path, spare).catch(() => undefined);
  await rename(data.path, dataPath);
  temporary.delete(data.path);
  // Until the model names it, a data file that was not there before is as temporary as the rest.
  if (!existed && fixed === undefined) temporary.add(dataPath);
  await commit(made.path, target, temporary, flush, undefined);
  temporary.delete(dataPath);
  if ((await statOrNothing(dataPath)) === undefined) await rename(spare, dataPath).catch(() => undefined);
  else await unlink(spare).catch(() => undefined);
  temporary.delete(spare);
  const ours = new RegExp(`^${escapeRegExp(stem)}\\.[0-9a-f]{16}\\.data$`);
  for (const old of before) if (old !== location && ours.test(old)) await removeData(old, target);
  return { bytes: placed.bytes + modelBytes, files: [path, join(dirname(path), location)] };
}

const usualDataName = (target: string): string => `${stemOf(target)}.data`;

/** Bytes that file systems take for a name. */
const longestName = 255;
const digestSuffix = `.${'0'.repeat(16)}.data`;

/** What a model's data file begins with: the model's name without its ending, as far as the digest leaves room for it. */
function stemOf(target: string): string {
  const letters = [...basename(target).replace(/\.onnx$/, '')];
  while (Buffer.byteLength(letters.join('')) > longestName - digestSuffix.length) letters.pop();
  return letters.join('');
}

/** Of temporary names alone, for which loading `node:crypto` would take longer than a small file does. */
const digest = (text: string): string => new Hasher().string(text).hex();

/** 12 hex digits: a file of that name that is there is never opened (`wx`). */
const random = (): string =>
  Math.floor(Math.random() * 2 ** 48)
    .toString(16)
    .padStart(12, '0');

/** What temporary names are made of: the file's own, or a digest of one that would leave no room for the rest. */
function shortName(name: string): string {
  return Buffer.byteLength(name) <= 80 ? name : digest(name);
}

/**
 * A fixed name is a file beside the model: one that is free, that the old model already keeps its weights in, or that may be
 * lost.
 */
async function checkDataName(name: string, target: string, before: readonly string[], force: boolean): Promise<void> {
  if (name === '' || name === '.' || name === '..' || name === basename(target) || /[/\\]/.test(name)) {
    fail(badDataName, { with: { name, usual: usualDataName(target) } });
  }
  const found = await statOrNothing(join(dirname(target), name));
  if (!found || (found.isFile() && (force || found.size === 0))) return;
  const [other] = await modelsNaming(name, target);
  if (other !== undefined) {
    fail(wouldReplaceOther, {
      with: { path: name, kind: 'free data file', what: `the weights of ${other}`, hint: '--force' },
    });
  }
  if (found.isFile() && before.includes(name)) return;
  fail(wouldReplaceOther, {
    with: {
      path: name,
      kind: 'ONNX model',
      what: found.isFile() ? `${found.size} bytes that the model at ${basename(target)} does not name` : 'no regular file',
      hint: found.isFile() ? '--force' : `--external-data ${usualDataName(target)}`,
    },
  });
}

/** Other models of the folder that keep weights in this data file: copies of the model, or models that share it. */
async function modelsNaming(data: string, target: string): Promise<readonly string[]> {
  const folder = dirname(target);
  const models = (await readdir(folder)).filter((name) => name.endsWith('.onnx') && name !== basename(target));
  return models.sort().filter((name) => {
    try {
      return dataFilesOf(join(folder, name)).includes(data);
    } catch {
      // A folder of that name, or a file that went away meanwhile.
      return false;
    }
  });
}

/**
 * Removes a data file that only the old model named. Another run may name it again at the same moment, so that it is moved aside
 * first and comes back when the model names it by then.
 */
async function removeData(name: string, target: string): Promise<void> {
  if ((await modelsNaming(name, target)).length > 0) return;
  const path = join(dirname(target), name);
  const aside = join(dirname(target), `.${shortName(name)}.${random()}.tmp`);
  try {
    await rename(path, aside);
  } catch {
    // Somebody else removed it, or it may not be removed: the model is whole either way.
    return;
  }
  let needed = true;
  try {
    needed = dataFilesOf(target).includes(name);
  } catch {
    // A model that cannot be read may name it.
  }
  await (needed ? rename(aside, path) : unlink(aside)).catch(() => undefined);
}

/** A device or pipe is taken by the name given: /dev/stdout leads to a name under /proc that cannot be opened as a path. */
async function targetOf(path: string): Promise<{ readonly target: string; readonly found: Stats | undefined }> {
  const found = await statOrNothing(path);
  return { target: found && !found.isFile() ? path : await followLinks(path), found };
}

/** Renaming over a link would replace the link; the model goes where it points, also when nothing is there yet. */
async function followLinks(path: string): Promise<string> {
  let at = path;
  for (let hops = 0; hops < 40; hops++) {
    const found = await lstat(at).catch(() => undefined);
    if (!found?.isSymbolicLink()) return at;
    at = resolve(dirname(at), await readlink(at));
  }
  return at;
}

async function statOrNothing(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** This machine or container, whose process numbers are not another's: the folder may be shared with others. */
const host = (): string => digest(hostname()).slice(0, 8);

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process may not be asked, but is there.
    return codeOf(error) !== 'ESRCH';
  }
}

/** Removes what a run of this machine left of the same target when it was killed. */
async function removeStale(target: string): Promise<void> {
  const prefix = `.${shortName(basename(target))}.${host()}-`;
  const folder = dirname(target);
  // Whatever may be wrong with the folder is said when the file itself is opened.
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(prefix)) continue;
    const pid = /^(\d+)-[0-9a-f]{12}\.tmp(\.link)?$/.exec(name.slice(prefix.length))?.[1];
    if (pid !== undefined && !isRunning(Number(pid))) await unlink(join(folder, name)).catch(() => undefined);
  }
}

async function temporaryFile(
  target: string,
  replaces: Stats | undefined,
  temporary: Set<string>,
): Promise<{ readonly file: FileHandle; readonly path: string }> {
  await removeStale(target);
  // Random, because one process may write the same model twice at once; it never reaches a file's content.
  const path = join(dirname(target), `.${shortName(basename(target))}.${host()}-${process.pid}-${random()}.tmp`);
  const file = await open(path, 'wx', replaces ? replaces.mode & 0o777 : 0o666);
  temporary.add(path);
  return { file, path };
}

/** Opens a pipe or device, which would wait for a reader that never comes. */
async function openReader(path: string): Promise<FileHandle> {
  for (let tries = 0; ; tries++) {
    try {
      const descriptor = openStream(path);
      try {
        return await open(path, constants.O_WRONLY);
      } finally {
        closeSync(descriptor);
      }
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      if (tries >= pipeTries.count) return fail(cannotWrite, { with: { path, reason: error.found } });
      await new Promise((done) => setTimeout(done, pipeTries.apart));
    }
  }
}

/** Bytes gathered and written at a time: enough that a call costs nothing beside it, and few enough for a core's cache. */
const writeBytes = 2 ** 18;
/** After so many, what waits for the event loop has its turn: somebody who wants to stop. */
const turnBytes = 2 ** 22;

/** A file that the rename takes away. */
const replaces = (found: Stats | undefined): boolean => found?.isFile() === true && found.size > 0;

interface StreamOptions {
  /** A plain file, which takes bytes without waiting for a reader; it is one when left out. */
  readonly plain?: boolean;
  /** Flushes to the disk. */
  readonly flush?: boolean;
  /** Sees all bytes, in order. */
  readonly hash?: BytesHash | undefined;
}

/**
 * Writes, flushes to the disk where that is asked for, and closes. Pieces are gathered into a buffer, and what lies in a file is
 * read to its place there. A plain file is written at once, while the bytes are in the cache of the core that made them: handing
 * them to another thread takes up to three times the processor time of the copy.
 */
async function streamTo(
  file: FileHandle,
  pieces: Pieces,
  progress: Progress,
  { plain = true, flush = false, hash }: StreamOptions,
): Promise<void> {
  bringKernel(narrowHalves);
  const buffer = hash?.rooms[0] ?? new Uint8Array(Math.max(1, Math.min(writeBytes, progress.total)));
  let filled = 0;
  let sinceTurn = 0;
  const write = async (bytes: Uint8Array): Promise<void> => {
    progress.signal?.throwIfAborted();
    for (let at = 0; at < bytes.length; ) {
      const left = bytes.length - at;
      at += plain ? writeSync(file.fd, bytes, at, left) : (await file.write(bytes, at, left)).bytesWritten;
    }
    progress.written += bytes.length;
    progress.report?.(progress.written, progress.total);
    sinceTurn += bytes.length;
    if (sinceTurn < turnBytes) return;
    sinceTurn = 0;
    await new Promise((turn) => setImmediate(turn));
  };
  const writeBuffer = async (): Promise<void> => {
    const bytes = buffer.subarray(0, filled);
    hash?.add(bytes);
    filled = 0;
    await write(bytes);
  };
  try {
    for await (const piece of pieces) {
      for (let at = 0; at < piece.length; ) {
        const count = Math.min(piece.length - at, buffer.length - filled);
        if (!(piece instanceof Uint8Array)) await readSpanInto(piece, at, buffer.subarray(filled, filled + count));
        else if (filled === 0 && count === buffer.length && !hash) {
          await write(piece.subarray(at, at + count));
          at += count;
          continue;
        } else buffer.set(piece.subarray(at, at + count), filled);
        filled += count;
        at += count;
        if (filled === buffer.length) await writeBuffer();
      }
    }
    await writeBuffer();
    if (flush) await file.sync();
  } finally {
    await file.close();
  }
}

async function commit(
  from: string,
  to: string,
  temporary: Set<string>,
  flush: boolean,
  signal: AbortSignal | undefined,
): Promise<void> {
  signal?.throwIfAborted();
  await rename(from, to);
  temporary.delete(from);
  if (!flush) return;
  // The rename itself reaches the disk with the folder. Windows has no folders to flush, and some file systems refuse.
  const folder = await open(dirname(to), constants.O_RDONLY).catch(() => undefined);
  await folder?.sync().catch(() => undefined);
  await folder?.close();
}

function openSource<T>(path: string, use: (source: WireSource) => T): T {
  const { descriptor, size } = openPlain(path);
  try {
    return use(windowedSource(size, (offset, out) => readSync(descriptor, out, 0, out.length, offset)));
  } finally {
    closeSync(descriptor);
  }
}

/** An empty file, or one whose fields are those of a ModelProto with a graph, may be replaced. */
function checkReplaceable(target: string, path: string, found: Stats): void {
  if (found.size === 0) return;
  const isModel = openSource(target, (source) => {
    try {
      let version = false;
      let graph = false;
      for (const field of fieldsOf(source)) {
        if (ModelProto.ir_version.is(field)) version = true;
        if (ModelProto.graph.is(field)) graph = true;
      }
      return version && graph;
    } catch (error) {
      if (error instanceof WireError) return false;
      throw error;
    }
  });
  if (!isModel)
    fail(wouldReplaceOther, {
      with: { path, kind: 'ONNX model', what: `${found.size} bytes that are no ONNX model`, hint: '--force' },
    });
}

/** The data files that a model names (GraphProto.initializer.external_data.location). */
function dataFilesOf(path: string): readonly string[] {
  const found = new Set<string>();
  openSource(path, (source) => {
    try {
      for (const graph of fieldsOf(source)) {
        if (!ModelProto.graph.is(graph)) continue;
        for (const tensor of fieldsOf(source, graph.start, graph.end)) {
          if (!GraphProto.initializer.is(tensor)) continue;
          for (const entry of fieldsOf(source, tensor.start, tensor.end)) {
            if (!TensorProto.external_data.is(entry)) continue;
            const [key, value] = [...fieldsOf(source, entry.start, entry.end)];
            if (key && value && textOf(source, key) === 'location') found.add(textOf(source, value));
          }
        }
      }
    } catch (error) {
      // What cannot be read names no data file of ours.
      if (!(error instanceof WireError)) throw error;
    }
  });
  return [...found];
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Says what the operating system refused; anything else is passed on. */
function explain(error: unknown, progress: Progress): never {
  const { path, written, total } = progress;
  if (progress.signal?.aborted) fail(writingStopped, { with: { path, written, total } });
  const code = codeOf(error);
  if (code === undefined || !(error instanceof Error) || !('syscall' in error)) throw error;
  // `EACCES: permission denied, open '…'`: the file is a temporary one, which the user never named.
  const reason = error.message.replace(/^[A-Z]+: /, '').replace(/, \w+( '.*)?$/, '');
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return fail(noSuchFolder, { with: { path, folder: dirname(path), file: dirname(path) } });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return fail(mayNotWrite, { with: { path, reason } });
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return fail(diskFull, { with: { path, reason, written, total } });
    default:
      return fail(cannotWrite, { with: { path, reason } });
  }
}
