import { Late } from '../diagnostics/late.ts';

/** What to say of names and arguments that are not known, with the dictionary. */
export const advice = new Late(() => import('./advice.ts'));
