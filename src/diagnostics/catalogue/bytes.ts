/**
 * Diagnostics of bytes and numbers: what a source of bytes cannot give, and what an element of a tensor cannot hold. Codes of
 * weights, in a file of its own, because every program asks for these and few open a checkpoint.
 */
import { defineDiagnostic, msg } from '../diagnostic.ts';
import { commandHint } from '../shell.ts';

export const truncatedFile = defineDiagnostic({
  code: 'RES0501',
  title: 'the file ends before its content does',
  found: msg`${'file'} has ${'size'} bytes`,
  expected: msg`${'what'}, which needs ${'needed'}`,
  hint: commandHint(['download or copy the file again, then compare its size: ', ''], 'size'),
  more: 'Every position and length that a file states is compared with the size of the file before anything is read, so an interrupted download is told from a damaged one.',
});

export const readFailed = defineDiagnostic({
  code: 'RES0511',
  title: msg`reading ${'file'} failed`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: commandHint(['check the path: ', '; the file must not change while it is read'], 'size'),
  more: 'Weights are read when they are written out, so the checkpoint must stay where it is and as it is until the command ends.',
});

export const unsafePath = defineDiagnostic({
  code: 'RES0512',
  title: msg`${'file'} names a file outside of its folder`,
  found: msg`${'found'}`,
  expected: msg`a path below its own folder: / between its parts, and no ..`,
  hint: msg`move the file beside ${'file'} and name it without a folder`,
  more: 'A checkpoint or model may come from anywhere, so it may name only files below its own folder: a path with .., a drive or a leading / could make rescc copy any file of this machine into what it writes.',
});

export const noSibling = defineDiagnostic({
  code: 'RES0513',
  title: msg`${'file'} needs ${'path'}, which is not there`,
  found: msg`${'found'}`,
  expected: msg`the file ${'path'} in the same folder`,
  hint: msg`download ${'path'} too and leave it beside ${'file'}`,
  more: 'An index of shards and an ONNX model with external data keep their numbers in other files. In the API, a source that was not opened from a file opens them through its `sibling` function.',
});

export const integerTooLarge = defineDiagnostic({
  code: 'RES0530',
  title: msg`tensor ${'tensor'} holds an integer beyond 2^53`,
  found: msg`${'found'}`,
  expected: msg`at most 9007199254740992 in magnitude`,
  hint: msg`leave the tensor out with --map "${'tensor'}=none"`,
  more: 'Constants are computed in float64, which holds integers exactly up to 2^53. Larger ones would change silently and are refused.',
});

export const valueUnfit = defineDiagnostic({
  code: 'RES0531',
  title: msg`a value does not fit its element type ${'elem'}`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`write cast(f32) where the value arises`,
  more: 'Integers have no infinity and no NaN, and ONNX leaves open what an out-of-range conversion gives, so it is refused instead of guessed.',
});

export const noContent = defineDiagnostic({
  code: 'RES0532',
  title: msg`parameter ${'path'} has a name and no content`,
  found: msg`${'path'}`,
  expected: msg`a checkpoint or an initialiser`,
  hint: msg`write --weights FILE`,
  more: 'A graph read from its text form knows the names and shapes of its parameters only. It can be checked and rewritten; to write or run it the numbers are needed.',
});

export const linkOutside = defineDiagnostic({
  code: 'RES0533',
  title: msg`${'file'} names a link that leads out of its folder`,
  found: msg`${'path'}, which leads to ${'target'}`,
  expected: msg`a file in ${'root'}, or below`,
  hint: msg`if it is the right file, put it there itself: cp --remove-destination ${'target'} ${'path'}`,
  more: 'A model may come from anywhere, and so may a link beside it: one that leads to another folder could make rescc copy any file of this machine into what it writes. Links are followed first. What they lead to must lie in the folder of the model, or, where the model is a link itself, in the folder that the model really lies in, as it is in the cache of Hugging Face.',
});

export const notPlainFile = defineDiagnostic({
  code: 'RES0534',
  title: msg`${'file'} names ${'path'}, which is no plain file`,
  found: msg`${'found'}`,
  expected: msg`a plain file of that name`,
  hint: msg`download ${'path'} again and put it beside ${'file'}`,
  more: 'Numbers of tensors are read from any place of a file, which pipes, devices and sockets do not have.',
});
