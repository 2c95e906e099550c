/** Diagnostics of files that should hold a text. */
import { defineDiagnostic, msg } from '../diagnostic.ts';

export const notUtf8 = defineDiagnostic({
  code: 'RES0021',
  title: msg`${'name'} is no UTF-8 text`,
  found: msg`byte ${'value'} at offset ${'offset'}, in line ${'line'}`,
  expected: msg`a text file in UTF-8`,
  hint: msg`${'fix'}`,
  more: 'Source files are UTF-8, with or without a byte order mark. A file that is no UTF-8 is often one in an older encoding, UTF-16, or no text at all.',
});
