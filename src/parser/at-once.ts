import { syntaxTexts } from '../diagnostics/late-texts.ts';
import * as words from '../diagnostics/texts/syntax.ts';
import { giveDictionary } from '../words/at-once.ts';
import { messages } from './late.ts';
import * as whole from './messages.ts';

/** For calls that give their answer at once, so that nobody can wait for what mistakes ask for. */
export function giveMessages(): void {
  giveDictionary();
  syntaxTexts.give(words);
  messages.give(whole);
}
