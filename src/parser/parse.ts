/** The parser as a call that gives its answer at once. */
import { checkArgument, namedText } from '../diagnostics/arguments.ts';
import type { SourceFile } from '../diagnostics/source.ts';
import { giveMessages } from './at-once.ts';
import { type Parsed, parseFile } from './parse-file.ts';

/**
 * The tree of a file. Items that cannot be read are missing from it, and statements within them; whoever goes on with a
 * tree beside diagnostics should expect names that nothing declares.
 */
export function parse(source: SourceFile): Parsed {
  checkArgument('parse', 'source', source, namedText);
  giveMessages();
  return parseFile(source);
}
