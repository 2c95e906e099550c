/**
 * What the command line prints and how it ends: one place for streams, colour, JSON and exit codes.
 *
 * With --json every command prints exactly one object and nothing else, whatever happens:
 *
 *   ok           boolean: the exit code is 0
 *   diagnostics  array of { code, severity, title, file?, line?, column?, …, found?, expected?, hint?, notes, within }
 *   bug          a sentence; only with exit code 70
 *   … what the command has to say: compile's model, before, after, passes, output, files, bytes, seconds, peakBytes; optimize's
 *   file, opset,
 *                operators, refused, foreign, and the verification where it was asked for; verify's runs;
 *                run's outputs and top; summary's tree; fmt's changed. Text that would have gone to standard output is `text`.
 *
 * It goes to standard output, or to standard error where standard output carries a model (-o -).
 */
import { writeSync } from 'node:fs';
import pc from 'picocolors';
import { cannotPrint } from '../diagnostics/catalogue/cli.ts';
import { BugError, type Diagnostic, DiagnosticError, fail, kindOf } from '../diagnostics/diagnostic.ts';
import { render, toJson } from '../diagnostics/render.ts';
import { fitted } from './fit.ts';
import { beforePrinting, columns, type Screen, screen, takeStatus } from './terminal.ts';

/**
 * Exit codes: the input was wrong (or a verdict was no), the call was wrong (or is for another kind of file), rescc is wrong
 * (sysexits' EX_SOFTWARE), interrupted while writing. An interruption at any other time ends the process by the signal itself,
 * which shells call 130 too.
 */
export const exitCodes = { ok: 0, failed: 1, usage: 2, bug: 70, interrupted: 130 } as const;

export interface OutputOptions {
  readonly quiet?: boolean | undefined;
  readonly json?: boolean | undefined;
  /** Standard output carries a model, so that the object of --json goes to standard error. */
  readonly binary?: boolean | undefined;
}

/** Mistakes in the words after `rescc` are told from mistakes in files. */
export function exitCodeOf(diagnostics: readonly Diagnostic[]): number {
  return diagnostics.some((d) => kindOf(d.code)?.exit === 'usage') ? exitCodes.usage : exitCodes.failed;
}

/** Carries an exit code up to `main`, after everything was printed. */
export class Exit extends Error {
  readonly code: number;
  constructor(code: number) {
    super(`exit ${code}`);
    this.code = code;
  }
}

export function colored(stream: Screen): boolean {
  const { env } = process;
  // no-color.org: any value but the empty one counts. FORCE_COLOR=0 switches off, as in Node.
  if (env.NO_COLOR) return false;
  const forced = env.FORCE_COLOR;
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  return stream.isTTY === true && pc.isColorSupported;
}

const outputReasons: Readonly<Record<string, readonly [string, string]>> = {
  ENOSPC: ['the disk is full', 'free some space'],
  EDQUOT: ['the quota of the disk is used up', 'free some space'],
  EFBIG: ['the file would be larger than this system allows', 'write to another file system'],
};

/** Writes all of it, also into a pipe that is full; a reader that went away ends the program quietly. */
function put(fd: 1 | 2, data: string | Uint8Array): void {
  if (typeof data === 'string') beforePrinting();
  let rest: Uint8Array = typeof data === 'string' ? new TextEncoder().encode(data) : data;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : '';
      if (code === 'EAGAIN') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
      else if (code === 'EPIPE') {
        // Nobody reads messages any more: the work and its exit code stand all the same.
        if (fd === 2) return;
        throw new Exit(exitCodes.ok);
      } else if (fd === 2) {
        // There is nowhere left to say it.
        return;
      } else {
        const [found, hint] = outputReasons[String(code)] ?? [
          error instanceof Error ? error.message : String(error),
          'write to a file',
        ];
        fail(cannotPrint, { with: { found, hint } });
      }
    }
  }
}

const line = (text: string): string => (text.endsWith('\n') ? text : `${text}\n`);
const fit = (text: string, stream: Screen): string => (stream.isTTY ? fitted(text, columns(stream)) : text);

/** Data: as it is, wherever it goes. */
export const out = (text: string): void => put(1, line(text));
export const outBytes = (bytes: Uint8Array): void => put(1, bytes);
/** What a person reads: broken between words where a terminal is narrow, and as it is in a pipe. */
export const print = (text: string): void => out(fit(text, screen(1)));
export const err = (text: string): void => put(2, line(fit(text, screen(2))));

/**
 * A line for people: standard error, so that pipes carry data alone. Nothing with --quiet or --json, where a text that takes work
 * is not made either.
 */
export function say(options: OutputOptions, text: string | (() => string)): void {
  if (!options.quiet && !options.json) err(typeof text === 'string' ? text : text());
}

/** All that is to be said of a source: what is wrong, then the warnings. */
export function told(result: {
  readonly diagnostics: readonly Diagnostic[];
  readonly warnings: readonly Diagnostic[];
}): readonly Diagnostic[] {
  return [...result.diagnostics, ...result.warnings];
}

/** Prints diagnostics; with --json they are part of the one object that `extra` is the rest of. */
export function report(
  options: OutputOptions,
  diagnostics: readonly Diagnostic[],
  extra: Readonly<Record<string, unknown>> = {},
): void {
  if (options.json) {
    put(options.binary ? 2 : 1, `${JSON.stringify({ ...extra, diagnostics: toJson(diagnostics) })}\n`);
    return;
  }
  const shown = options.quiet ? diagnostics.filter((d) => d.severity === 'error') : diagnostics;
  if (shown.length > 0) err(render(shown, { color: colored(screen(2)), width: columns(screen(2)) }));
}

/** Ends with 1 when there are errors, after printing them. */
export function stopOnErrors(options: OutputOptions, diagnostics: readonly Diagnostic[]): void {
  if (!diagnostics.some((d) => d.severity === 'error')) return;
  report(options, diagnostics, { ok: false });
  throw new Exit(exitCodeOf(diagnostics));
}

/** Ends a command whose result is text for standard output. */
export function printText(options: OutputOptions, diagnostics: readonly Diagnostic[], text: string, write = out): void {
  report(options, diagnostics, { ok: true, text });
  if (!options.json) write(text);
}

/** Runs a command: every way it can end becomes an exit code, and a stack trace is printed on request only. */
export async function ending(options: OutputOptions, work: () => Promise<void>): Promise<number> {
  try {
    await work().finally(takeStatus);
    return exitCodes.ok;
  } catch (error) {
    if (error instanceof Exit) return error.code;
    try {
      return explainEnd(options, error);
    } catch (again) {
      if (again instanceof Exit) return again.code;
      if (!(again instanceof DiagnosticError)) throw again;
      // Standard output took nothing, not even what is wrong.
      err(render(again.diagnostics, { color: colored(screen(2)), width: columns(screen(2)) }));
      return exitCodes.failed;
    }
  }
}

function explainEnd(options: OutputOptions, error: unknown): number {
  if (error instanceof DiagnosticError) {
    report(options, error.diagnostics, { ok: false });
    return exitCodeOf(error.diagnostics);
  }
  const what = error instanceof Error ? error.message : String(error);
  const bug = error instanceof BugError ? what : `unexpected failure: ${what}`;
  err(`rescc: ${bug}`);
  err(
    'This is a mistake of rescc, not of your file. Please report it with the command and the file; RESCC_DEBUG=1 prints where it happened.',
  );
  if (process.env.RESCC_DEBUG && error instanceof Error) err(error.stack ?? '');
  if (options.json) report({ ...options, binary: false }, [], { ok: false, bug });
  return exitCodes.bug;
}
