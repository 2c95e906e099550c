/** The whole catalogue: importing this file enters every kind of diagnostic, so that `definedKinds` lists them all. */
import './catalogue/syntax.ts';

export { definedKinds } from './diagnostic.ts';
