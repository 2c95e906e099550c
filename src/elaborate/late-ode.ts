import { Late } from '../diagnostics/late.ts';

/** The construct `ode`, with its solvers. In a file of its own, since it uses those that ask for advice. */
export const ode = new Late(() => import('./ode.ts'));
