import { Late } from './diagnostics/late.ts';

/** The standard library's sources, which only a file that imports of it asks for. */
export const library = new Late(() => import('./stdlib/sources.ts'));
