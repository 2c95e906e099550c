/** What the command line prints and how it ends: one place for streams, colour, JSON and exit codes. */
import { writeSync } from 'node:fs';
import pc from 'picocolors';
import { BugError, type Diagnostic, DiagnosticError } from '../diagnostics/diagnostic.ts';
import { render, toJson } from '../diagnostics/render.ts';

/** Exit codes: the input was wrong (or a verdict was no), the call was wrong, rescc is wrong, interrupted. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, bug: 70, interrupted: 130 } as const;

export interface OutputOptions {
  readonly quiet?: boolean | undefined;
  readonly json?: boolean | undefined;
}

/** Carries an exit code up to `main`, after everything was printed. */
export class Exit extends Error {
  readonly code: number;
  constructor(code: number) {
    super(`exit ${code}`);
    this.code = code;
  }
}

export function colored(stream: { readonly isTTY?: boolean }): boolean {
  return pc.isColorSupported && (stream.isTTY === true || 'FORCE_COLOR' in process.env) && !('NO_COLOR' in process.env);
}

export function columns(stream: { readonly columns?: number }): number {
  return Math.max(40, stream.columns ?? 100);
}

/** Writes all of it, also into a pipe that is full; a reader that went away ends the program quietly. */
function put(fd: 1 | 2, data: string | Uint8Array): void {
  let rest: Uint8Array = typeof data === 'string' ? new TextEncoder().encode(data) : data;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : '';
      if (code === 'EAGAIN') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
      else if (code === 'EPIPE') throw new Exit(exitCodes.ok);
      else throw error;
    }
  }
}

export const out = (text: string): void => put(1, text.endsWith('\n') ? text : `${text}\n`);
export const outBytes = (bytes: Uint8Array): void => put(1, bytes);
export const err = (text: string): void => put(2, text.endsWith('\n') ? text : `${text}\n`);

/** A line for people: standard error, so that pipes carry data alone. Nothing with --quiet or --json. */
export function say(options: OutputOptions, text: string): void {
  if (!options.quiet && !options.json) err(text);
}

/** Prints diagnostics; with --json they are part of the one object that `extra` is the rest of. */
export function report(options: OutputOptions, diagnostics: readonly Diagnostic[], extra: Readonly<Record<string, unknown>> = {}): void {
  if (options.json) {
    out(JSON.stringify({ ...extra, diagnostics: toJson(diagnostics) }));
    return;
  }
  const shown = options.quiet ? diagnostics.filter((d) => d.severity === 'error') : diagnostics;
  if (shown.length > 0) err(render(shown, { color: colored(process.stderr), width: columns(process.stderr) }));
}

/** Ends with 1 when there are errors, after printing them. */
export function stopOnErrors(options: OutputOptions, diagnostics: readonly Diagnostic[]): void {
  if (!diagnostics.some((d) => d.severity === 'error')) return;
  report(options, diagnostics, { ok: false });
  throw new Exit(exitCodes.failed);
}

/** Runs a command: every way it can end becomes an exit code, and a stack trace is printed on request only. */
export async function ending(options: OutputOptions, work: () => Promise<void>): Promise<number> {
  try {
    await work();
    return exitCodes.ok;
  } catch (error) {
    if (error instanceof Exit) return error.code;
    if (error instanceof DiagnosticError) {
      report(options, error.diagnostics, { ok: false });
      return exitCodes.failed;
    }
    const what = error instanceof Error ? error.message : String(error);
    err(`rescc: ${error instanceof BugError ? what : `unexpected failure: ${what}`}`);
    err('This is a mistake of rescc, not of your file. Please report it with the command and the file; RESCC_DEBUG=1 prints where it happened.');
    if (process.env['RESCC_DEBUG'] && error instanceof Error) err(error.stack ?? '');
    return exitCodes.bug;
  }
}
