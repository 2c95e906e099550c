import { definedKinds } from './catalogue.ts';
import type { DiagnosticKind } from './diagnostic.ts';

/**
 * Every kind with its explanation. The built API has them as a table here, so that kinds that nobody reports are left out of a
 * bundle.
 */
export const explainedKinds = (): readonly DiagnosticKind[] => definedKinds();
