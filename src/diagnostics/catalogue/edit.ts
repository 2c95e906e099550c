/** Diagnostics of surgery on ONNX models: names of values, and new ones. RES0100 to RES0199, with the other names. */
import { defineDiagnostic, msg } from '../diagnostic.ts';

export const nameTaken = defineDiagnostic({
  code: 'RES0123',
  exit: 'usage',
  title: msg`${'file'} cannot have ${'name'} as a name twice`,
  found: msg`${'found'}`,
  expected: msg`a name of its own for each`,
  hint: msg`${'hint'}`,
  more: 'A file knows its values, and its nodes, by name. All renamings take place at once, so that two names may be exchanged, but in the end no two may be alike.',
});

export const nothingRenamed = defineDiagnostic({
  code: 'RES0124',
  exit: 'usage',
  title: msg`nothing of ${'file'} has a name to change`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'A renaming that matches nothing is hardly meant. `*` stands for any run of characters, as in `map` of the language and in --map; the first renaming that matches a name is followed, and one that never is the first matches nothing either.',
});

export const noSuchValue = defineDiagnostic({
  code: 'RES0122',
  exit: 'usage',
  title: msg`${'file'} has no such value`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'What a part of a model begins and ends with are values of the file: its inputs, its weights, and what its nodes make, by the names that they have there. `rescc MODEL --emit onnx-text` and `rescc optimize MODEL --emit onnx-text -O0` list them.',
});
