/** Files and options of the command line: RES0700-RES0799. */
import { defineDiagnostic, msg } from '../diagnostic.ts';

export const cannotRead = defineDiagnostic({
  code: 'RES0701',
  title: msg`cannot read ${'path'}`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'The path is taken from the current folder. `-` stands for standard input.',
});
export const badOption = defineDiagnostic({
  code: 'RES0702',
  exit: 'usage',
  title: msg`${'option'} does not take this`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: '`rescc --help` and `rescc COMMAND --help` list the options with what they take.',
});
export const noTarget = defineDiagnostic({
  code: 'RES0703',
  exit: 'usage',
  title: 'nowhere to write to',
  found: msg`no -o`,
  expected: msg`a file, or - for standard output`,
  hint: msg`-o ${'example'}`,
  more: 'Binary output is not written to a terminal by accident: say -o FILE, or -o - to send it through a pipe.',
});
export const notFormatted = defineDiagnostic({
  code: 'RES0704',
  title: msg`${'path'} is not formatted`,
  found: msg`line ${'line'} differs`,
  expected: msg`the canonical form`,
  hint: msg`rescc fmt ${'path'}`,
  more: '`rescc fmt` rewrites files into one form; `--check` only compares, for CI.',
});
export const unknownCode = defineDiagnostic({
  code: 'RES0705',
  exit: 'usage',
  title: msg`nothing here is called ${'given'}`,
  found: msg`${'given'}`,
  expected: msg`a code such as RES0302, or the name of a layer, a word of the language, a pass or rule, or a name of PyTorch`,
  hint: msg`rescc explain ${'example'}`,
  more: '`rescc explain` without a name lists all diagnostics. docs/reference.md lists the layers and the words of the language, docs/passes.md the passes.',
});
export const cannotWrite = defineDiagnostic({
  code: 'RES0706',
  title: msg`cannot write ${'path'}`,
  found: msg`${'found'}`,
  expected: msg`a path in a folder that exists and can be written to`,
  hint: msg`${'hint'}`,
  more: 'Nothing was written: files appear under their name only when they are complete.',
});
export const cannotPrint = defineDiagnostic({
  code: 'RES0711',
  title: msg`cannot write to standard output`,
  found: msg`${'found'}`,
  expected: msg`a place that takes all of it`,
  hint: msg`${'hint'}`,
  more: 'What was printed before is not whole. A reader of a pipe that goes away early is no mistake, and ends the command quietly.',
});
export const badCall = defineDiagnostic({
  code: 'RES0707',
  exit: 'usage',
  title: 'this call is not understood',
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'The words after `rescc` are a command (or none, to compile), files and options. What cannot be understood is refused before anything is read, with exit code 2.',
});
export const wrongKind = defineDiagnostic({
  code: 'RES0708',
  exit: 'usage',
  title: msg`${'path'} is for another command`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'Sources of the language (`.res`) are compiled, ONNX files (`.onnx`) are optimised. `verify` and `run` take both.',
});
export const shapeMisfit = defineDiagnostic({
  code: 'RES0709',
  exit: 'usage',
  title: msg`input ${'name'} cannot have this shape`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: '`--input-shape image=1,3,224,224` gives an input its shape, `--input-shape N=1` a symbolic size its number. A shape has as many axes as the file says, where the file says how many; `?` leaves an axis open.',
});
export const opsetTooLow = defineDiagnostic({
  code: 'RES0710',
  exit: 'usage',
  title: msg`the model is written at opset ${'opset'} at least`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'A file keeps its opset, unless it is below 13, or a higher one is asked for. It is never lowered: operators may mean something else, or may not be there yet.',
});
export const changedNumbers = defineDiagnostic({
  code: 'RES0712',
  title: msg`${'what'} does not give the numbers of the original`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'What is cut out of a model, renamed or given other sizes is run in onnxruntime against the original before it is written. Nothing was written, because the numbers differ: the model draws random numbers, or mixes the samples of a batch.',
});
export const configKey = defineDiagnostic({
  code: 'RES0716',
  exit: 'usage',
  title: msg`the configuration has a key "${'key'}" that nothing reads`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: '`rescc.config.json`, or the field `rescc` of package.json, in the working folder or above it, has an object per command, and in it its options by their long names; "*" is for all commands. Where something is written, and what is read, is said by the call alone. `--no-config` leaves the file out.',
});
export const configValue = defineDiagnostic({
  code: 'RES0717',
  exit: 'usage',
  title: msg`the configuration cannot be read at "${'key'}"`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'A configuration is JSON: { "run": { "ep": "webgpu", "top": 5 } }. An option that takes nothing is true or false, one that may be repeated also a list, and one of the form name=value also an object. What is typed wins over what the file says.',
});
export const overLimit = defineDiagnostic({
  code: 'RES0713',
  title: msg`${'what'} of ${'model'} is over its limit`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'Limits are asked for by --max-madds, --max-memory and --max-latency. A latency is over its limit where the lower end of the confidence interval of its median is, so that noise alone does not end a job.',
});
