/**
 * The terminal that standard error is: how wide it is, and the line on it that says how far the work is, of which there is one in
 * a process.
 */
import { fstatSync, writeSync } from 'node:fs';

/** What is asked of a stream that people may look at. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/**
 * Standard output or standard error, as far as it is a terminal. Of a file or pipe Node's stream is not made, for which it would
 * load all that sockets need.
 */
export function screen(fd: 1 | 2): Screen {
  try {
    // Windows does not say of every console that it is a device.
    if (process.platform !== 'win32' && !fstatSync(fd).isCharacterDevice()) return {};
  } catch {
    // It is closed.
    return {};
  }
  return fd === 1 ? process.stdout : process.stderr;
}

export function columns(stream: Screen): number {
  return Math.max(40, stream.columns ?? 100);
}

const clearLine = '\r\u001b[K';
/** A wait shorter than this shows nothing, since a line would only flicker. */
const afterMs = 1000;
/** Between two drawings. */
const everyMs = 80;

let watchedBySomebody = false;
/** When the process began, or last said something. */
let silentSince = 0;
let shown = false;
let shownAt = Number.NEGATIVE_INFINITY;
/** What is shown once the command has been silent for long enough, though nobody asks for it again until then. */
let next = (): string => '';
let timer: NodeJS.Timeout | undefined;

/** Whether anybody sees the line; nobody in a pipe, and nobody who asked for silence or for data. */
export const isWatched = (): boolean => watchedBySomebody;

export function watch(wanted: boolean): void {
  watchedBySomebody = wanted && screen(2).isTTY === true;
}

function write(text: string): void {
  try {
    writeSync(2, text);
  } catch {
    // A terminal that is full or gone is not worth waiting for.
  }
}

function show(): void {
  clearTimeout(timer);
  timer = undefined;
  shown = true;
  shownAt = performance.now();
  write(`${clearLine}${next()}`);
}

/** Shows a line, as soon as it is time for one: the latest that was asked for. */
export function showStatus(line: () => string): void {
  next = line;
  const wait = Math.max(silentSince + afterMs, shownAt + everyMs) - performance.now();
  if (wait <= 0) show();
  else timer ??= setTimeout(show, wait).unref();
}

/** Takes the line away, if there is one, and what would be shown later. */
export function takeStatus(): void {
  clearTimeout(timer);
  timer = undefined;
  if (!shown) return;
  shown = false;
  write(clearLine);
}

/** Before anything else is printed: the line goes, and whoever looks has seen a sign of life. */
export function beforePrinting(): void {
  takeStatus();
  if (watchedBySomebody) silentSince = performance.now();
}
