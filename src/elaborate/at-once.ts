import { sourceTexts } from '../diagnostics/late-texts.ts';
import * as words from '../diagnostics/texts/source.ts';
import { giveRegistry } from '../ops/at-once.ts';
import { giveMessages } from '../parser/at-once.ts';
import * as wholeAdvice from './advice.ts';
import * as wholeBranches from './branches.ts';
import { advice } from './late.ts';
import { branches, loops } from './late-loops.ts';
import { ode } from './late-ode.ts';
import * as wholeLoops from './loops.ts';
import * as wholeOde from './ode.ts';

/** For calls that give their answer at once, so that nobody can wait for what few programs need. */
export function giveElaborator(): void {
  giveMessages();
  sourceTexts.give(words);
  giveRegistry();
  advice.give(wholeAdvice);
  ode.give(wholeOde);
  loops.give(wholeLoops);
  branches.give(wholeBranches);
}
