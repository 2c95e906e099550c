import { Late } from '../diagnostics/late.ts';

/** `loop`, and an `if` on data: what stays a decision of the run. */
export const loops = new Late(() => import('./loops.ts'));
export const branches = new Late(() => import('./branches.ts'));
