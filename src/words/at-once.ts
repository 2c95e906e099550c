import * as whole from './dictionary.ts';
import { dictionary } from './late.ts';

/** For calls that give their answer at once, so that nobody can wait for the dictionary. */
export const giveDictionary = (): void => dictionary.give(whole);
