/**
 * Diagnostics: what rescc tells a user about their input. A diagnostic is data; `render.ts` turns it into text.
 * A room that finds something wrong reports it into a sink and goes on; a bug of ours throws through `bug()` instead.
 */
import { lateTexts } from './late-texts.ts';
import type { Span } from './source.ts';

/** A template with named holes, typed by the names. */
export interface Message<Holes extends string> {
  readonly parts: readonly string[];
  readonly holes: readonly Holes[];
}

/** `` msg`body ${'body'}, shortcut ${'shortcut'}` `` */
export function msg<const Holes extends readonly string[]>(parts: TemplateStringsArray, ...holes: Holes): Message<Holes[number]> {
  return { parts: [...parts], holes };
}

/** Names a kind of diagnostic for good, as in RES0302. */
export type Code = `RES${string}`;
/** An error keeps a model from being made; a warning does not. */
export type Severity = 'error' | 'warning';

/** One kind of mistake. Codes are never reused; the title is lower case without a full stop. */
export interface DiagnosticKind<Holes extends string = string> {
  readonly code: Code;
  readonly severity: Severity;
  readonly title: Message<Holes>;
  readonly found?: Message<Holes>;
  readonly expected?: Message<Holes>;
  /** Something to type. */
  readonly hint?: Message<Holes>;
  /** Given where the words after `rescc` are wrong, and no file: commands then end with another exit code. */
  readonly exit?: 'usage';
  /** The paragraph that `rescc explain CODE` prints: what the rule is and why it is one. */
  readonly more: string;
}

interface Definition<T extends string, F extends string, E extends string, H extends string> {
  readonly code: Code;
  readonly severity?: Severity;
  readonly exit?: 'usage';
  readonly title: string | Message<T>;
  readonly found?: Message<F>;
  readonly expected?: Message<E>;
  readonly hint?: Message<H>;
  readonly more: string;
}

const kinds = new Map<Code, DiagnosticKind>();

/** Declares a kind of diagnostic and enters it into the catalogue. */
export function defineDiagnostic<
  T extends string = never,
  F extends string = never,
  E extends string = never,
  H extends string = never,
>(definition: Definition<T, F, E, H>): DiagnosticKind<T | F | E | H> {
  const title = typeof definition.title === 'string' ? { parts: [definition.title], holes: [] } : definition.title;
  const kind = { ...definition, severity: definition.severity ?? 'error', title } as DiagnosticKind<T | F | E | H>;
  if (kinds.has(kind.code)) throw new Error(`diagnostic ${kind.code} is defined twice`);
  kinds.set(kind.code, kind);
  return kind;
}

/** The kind of a diagnostic that was made. */
export function kindOf(code: Code): DiagnosticKind | undefined {
  return kinds.get(code);
}

/** Every kind defined so far, by code. `catalogue.ts` imports all of them. */
export function definedKinds(): readonly DiagnosticKind[] {
  return [...kinds.values()].sort((a, b) => (a.code < b.code ? -1 : 1));
}

/** A second place that helps to understand the first. */
export interface Note {
  readonly span: Span;
  readonly text: string;
}

/** One thing that is wrong, as data: where, what was found, what was expected, and something to type. */
export interface Diagnostic {
  readonly code: Code;
  readonly severity: Severity;
  readonly title: string;
  /** Where it is; absent when the cause is no text (a file that is not there). */
  readonly span?: Span;
  /** What stands beside the caret. */
  readonly label?: string;
  readonly notes: readonly Note[];
  /** May have several lines; columns are aligned by whoever fills it. */
  readonly found?: string;
  readonly expected?: string;
  readonly hint?: string;
  /** Which use of a block it happened in, innermost first: ``layer2.0, from `unit(128)` at cifar.res:21:31, i = 0``. */
  readonly within: readonly string[];
}

export interface Report<Holes extends string> {
  readonly span?: Span | undefined;
  readonly label?: string | undefined;
  readonly notes?: readonly Note[] | undefined;
  readonly within?: readonly string[] | undefined;
  /** A value for every hole of the kind. */
  readonly with: { readonly [K in Holes]: string | number };
}

/** Fills a kind's holes. A hole left out does not compile. */
export function makeDiagnostic<Holes extends string>(kind: DiagnosticKind<Holes>, report: Report<Holes>): Diagnostic {
  const fill = (message: Message<Holes> | undefined): string | undefined => {
    if (!message) return undefined;
    return message.parts
      .map((part, i) => {
        const hole = message.holes[i];
        return hole === undefined ? part : part + String(report.with[hole]);
      })
      .join('');
  };
  const words = kind.title === undefined ? (lateTexts(kind.code) as DiagnosticKind<Holes>) : kind;
  const found = fill(words.found);
  const expected = fill(words.expected);
  const hint = fill(words.hint);
  return {
    code: kind.code,
    severity: kind.severity,
    title: fill(words.title) ?? '',
    ...(report.span && { span: report.span }),
    ...(report.label !== undefined && { label: report.label }),
    notes: report.notes ?? [],
    ...(found !== undefined && { found }),
    ...(expected !== undefined && { expected }),
    ...(hint !== undefined && hint !== '' && { hint }),
    within: report.within ?? [],
  };
}

/** Where a room puts what it finds. The order of reporting is kept; the same diagnostic twice at one place is kept once. */
export class Sink {
  readonly list: Diagnostic[] = [];
  readonly #seen = new Set<string>();

  add(diagnostic: Diagnostic): void {
    const { span } = diagnostic;
    const key = `${diagnostic.code}|${span ? `${span.file.name}:${span.start}:${span.end}` : ''}|${diagnostic.title}|${diagnostic.found ?? ''}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.list.push(diagnostic);
  }

  /** Makes errors of the warnings. */
  deny(): void {
    this.list.forEach((diagnostic, i) => {
      this.list[i] = { ...diagnostic, severity: 'error' };
    });
  }

  report<Holes extends string>(kind: DiagnosticKind<Holes>, report: Report<Holes>): void {
    this.add(makeDiagnostic(kind, report));
  }

  get errors(): readonly Diagnostic[] {
    return this.list.filter((d) => d.severity === 'error');
  }

  get warnings(): readonly Diagnostic[] {
    return this.list.filter((d) => d.severity === 'warning');
  }

  get hasErrors(): boolean {
    return this.list.some((d) => d.severity === 'error');
  }
}

/**
 * Thrown where going on makes no sense: a file that cannot be read, a tensor that cannot be written. Rooms that can go on
 * report into a sink instead. The API and the CLI catch it and treat its diagnostics like any other.
 */
export class DiagnosticError extends Error {
  readonly diagnostics: readonly Diagnostic[];
  constructor(diagnostics: readonly Diagnostic[]) {
    super(diagnostics.map((d) => `${d.code}: ${d.title}${d.found ? ` (${d.found})` : ''}`).join('\n'));
    this.name = 'DiagnosticError';
    this.diagnostics = diagnostics;
  }
}

/** Throws one diagnostic as an error. */
export function fail<Holes extends string>(kind: DiagnosticKind<Holes>, report: Report<Holes>): never {
  throw new DiagnosticError([makeDiagnostic(kind, report)]);
}

/** A broken promise of our own code. Never caused by input alone. */
export class BugError extends Error {
  override readonly name = 'BugError';
}

export function bug(what: string): never {
  throw new BugError(`bug in rescc: ${what}`);
}

/** Ends a `switch` over a union: a new member does not compile until it is handled. */
export function unreachable(x: never): never {
  return bug(`unexpected ${JSON.stringify(x)}`);
}
