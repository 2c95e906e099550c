/**
 * What diagnostics of sources say. In the sources each kind has its words beside it. A build of the API keeps those of the parser
 * and of the elaborator apart (`scripts/manual-texts.ts`), since a program without mistakes asks for none of them; they are
 * loaded as all that is late, so nobody but these two rooms may report such a kind (`test/api/package.test.ts`).
 */
import { Late } from './late.ts';

export const syntaxTexts = new Late(() => import('./texts/syntax.ts'));
export const sourceTexts = new Late(() => import('./texts/source.ts'));

/** The words of a kind that has none beside it. */
export function lateTexts(code: string): unknown {
  return (code < 'RES0100' ? syntaxTexts : sourceTexts).now().texts[code];
}
