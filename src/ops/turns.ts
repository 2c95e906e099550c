/** How often a loop of the run turns. */
import type { Dim } from '../ir/dim.ts';
import type { Attrs } from '../ir/operator.ts';
import { dimsAttr } from './attrs.ts';

/** The number of turns, where it is known; a symbol of the run's is none. */
export const turnsOf = (attrs: Attrs): Dim | undefined => dimsAttr(attrs, 'turns')[0];
