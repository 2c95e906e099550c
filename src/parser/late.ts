import { Late } from '../diagnostics/late.ts';

/** What is said of a text that cannot be read. */
export const messages = new Late(() => import('./messages.ts'));
