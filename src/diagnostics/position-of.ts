/** Where an offset of a source is, for programs. */
import { checkArgument, namedText, whole } from './arguments.ts';
import { type Position, positionOf as place, type SourceFile } from './source.ts';

/** The line and column of an offset, both from 1 on; columns in UTF-16 units, as editors count. */
export function positionOf(file: SourceFile, offset: number): Position {
  checkArgument('positionOf', 'file', file, { ...namedText, example: 'span.file' });
  checkArgument('positionOf', 'offset', offset, whole(0));
  return place(file, offset);
}
