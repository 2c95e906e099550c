/** What programs hand to the API that is something else than it takes. */
import { defineDiagnostic, msg } from '../diagnostic.ts';

export const badArgument = defineDiagnostic({
  code: 'RES0516',
  title: msg`${'call'} was given something else for ${'name'}`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'Functions of the API look at what they are given, so that a program without types is told which argument is wrong, and not where in the compiler it led to. With TypeScript the same is an error of types.',
});

export const unknownOption = defineDiagnostic({
  code: 'RES0526',
  title: msg`${'call'} has no option ${'name'}`,
  found: msg`${'name'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'An option that is not known would be as if it were not there, and a mistyped name go unnoticed; so it is refused. `build`, `check`, `models` and `optimize` take the options of `compile` too, so that one object serves all.',
});

export const serverWithoutRanges = defineDiagnostic({
  code: 'RES0517',
  title: msg`the server of ${'url'} sends no parts of the file`,
  found: msg`${'found'}`,
  expected: msg`status 206 and a Content-Range with the size of the file`,
  hint: msg`download the file and open it: fileSource('FILE')`,
  more: 'Numbers of tensors are read from any place of a file, which takes a server that answers requests for ranges (RFC 9110). To fetch the whole file for each of them, or all at once without having been asked to, would be a surprise of gigabytes; so it is refused. In a browser, a server of another origin must also let the header Content-Range be read.',
});

export const remoteChanged = defineDiagnostic({
  code: 'RES0518',
  title: msg`${'url'} has changed while it was read`,
  found: msg`${'found'}`,
  expected: msg`the file as it was when it was opened`,
  hint: msg`open it again: await httpSource(url)`,
  more: 'A file is read over many requests. Its size, ETag and date of the first answer are compared with those of every other one, because parts of two files together would be wrong numbers that nothing else notices.',
});

export const fetchFailed = defineDiagnostic({
  code: 'RES0519',
  title: msg`${'url'} cannot be fetched`,
  found: msg`${'found'}`,
  expected: msg`the bytes that were asked for`,
  hint: msg`${'hint'}`,
  more: 'The server could not be reached, refused the request, or sent something else than was asked for. What it said is quoted.',
});
