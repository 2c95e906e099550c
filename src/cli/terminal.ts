/**
 * The terminal that standard error is: how wide it is, and the line on it that says how far the work is, of which there is one in
 * a process.
 */
import { writeSync } from 'node:fs';

export function columns(stream: { readonly columns?: number }): number {
  return Math.max(40, stream.columns ?? 100);
}

const clearLine = '\r\u001b[K';

let shown = false;
let watchedBySomebody = false;
/** When the command began, or last said something. */
let silentSince = performance.now();

/** Whether anybody sees the line; nobody in a pipe, and nobody who asked for silence or for data. */
export const isWatched = (): boolean => watchedBySomebody;

export function watch(wanted: boolean): void {
  watchedBySomebody = wanted && process.stderr.isTTY === true;
}

export const waitingSince = (): number => silentSince;

function write(text: string): void {
  try {
    writeSync(2, text);
  } catch {
    // A terminal that is full or gone is not worth waiting for.
  }
}

export function showStatus(line: string): void {
  shown = true;
  write(`${clearLine}${line}`);
}

/** Takes the line away, if there is one. */
export function takeStatus(): void {
  if (!shown) return;
  shown = false;
  write(clearLine);
}

/** Before anything else is printed: the line goes, and whoever looks has seen a sign of life. */
export function beforePrinting(): void {
  takeStatus();
  silentSince = performance.now();
}
