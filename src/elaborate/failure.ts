/**
 * How a mistake travels once it is reported: as an exception to the end of its statement, and from there on as a value that stops
 * its readers.
 */
import type { LangValue } from '../ops/params.ts';
import { poison, targetOf } from './values.ts';

/** Thrown after a mistake was reported: its statement is given up, and the next one goes on. */
export class Abandon extends Error {}

/** Thrown where going on would only repeat what is wrong. */
export class Stop extends Error {}

/** The value, where it is one: poison gives the statement up that wants it, without another message. */
export function live(value: LangValue): LangValue {
  if (value.kind === 'callable' && targetOf(value) === targetOf(poison)) throw new Abandon();
  return value;
}

/** Goes on where something was wrong and has been reported. */
export function attempt(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof Abandon)) throw error;
  }
}
