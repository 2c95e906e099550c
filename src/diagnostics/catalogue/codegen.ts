/** What can go wrong between the graph and the ONNX file: RES0600-0649. */
import { defineDiagnostic, msg } from '../diagnostic.ts';
import { commandHint } from '../shell.ts';

export const unknownOpset = defineDiagnostic({
  code: 'RES0600',
  title: 'this opset is not one that rescc writes',
  found: msg`opset ${'opset'}`,
  expected: msg`a whole number from ${'min'} to ${'max'}`,
  hint: msg`--opset ${'usual'}`,
  more: 'Every operator is written for each opset on its own, from the first that all of them can be said in up to the last that was tested. Models of other opsets can be made with the version converter of the onnx package.',
});

export const notAtThisOpset = defineDiagnostic({
  code: 'RES0601',
  title: msg`${'operator'} cannot be written at opset ${'opset'}`,
  found: msg`${'why'}`,
  expected: msg`an operator and element types that ONNX has at opset ${'opset'}`,
  hint: msg`${'hint'}`,
  more: 'ONNX gains operators and element types with its opsets. rescc writes what means exactly the same as the source, and refuses where an opset has no way to say it, instead of writing something close.',
});

export const foldedNotFinite = defineDiagnostic({
  code: 'RES0602',
  title: msg`weight ${'name'} has an element that ${'elem'} cannot hold`,
  found: msg`element ${'index'} is ${'value'}, though every weight it is computed from is finite`,
  expected: msg`numbers within the range of ${'elem'}`,
  hint: msg`a model in a type with more range, such as f32; -O0, where a pass computed the weight out of several`,
  more: 'The checkpoint holds numbers that the type of the parameter has no room for: f16 ends at 65504. Or a pass folded several weights into one, as a batchnorm into its convolution, of numbers that it could not look at while it did, as those of a Blob in a browser: without passes the weights are written as they are.',
});

export const tooLargeForOneFile = defineDiagnostic({
  code: 'RES0603',
  title: 'the model is too large for one ONNX file',
  found: msg`${'bytes'} bytes`,
  expected: msg`at most ${'limit'} bytes, which protobuf allows one message`,
  hint: msg`--external-data`,
  more: 'Protobuf readers refuse messages of 2 GiB and more. With external data the weights lie in a second file beside the model, which may be of any size.',
});

export const noSuchFolder = defineDiagnostic({
  code: 'RES0604',
  title: msg`the folder for ${'path'} does not exist`,
  found: msg`no folder ${'folder'}`,
  expected: msg`a folder that is there`,
  hint: commandHint(['', ''], 'folder'),
  more: 'rescc makes files, not folders, because a mistyped path should not leave a folder behind.',
});

export const mayNotWrite = defineDiagnostic({
  code: 'RES0605',
  title: msg`${'path'} may not be written`,
  found: msg`${'reason'}`,
  expected: msg`a folder in which new files may be made, since the model is written beside its place and then renamed`,
  hint: msg`-o ~/model.onnx`,
  more: 'The model is first written to a temporary file in the same folder and renamed when it is whole, so that there is never half a model. This needs the right to make files in that folder.',
});

export const diskFull = defineDiagnostic({
  code: 'RES0606',
  title: msg`no space is left for ${'path'}`,
  found: msg`${'reason'} after ${'written'} bytes`,
  expected: msg`room for ${'total'} bytes`,
  hint: msg`-o /path/on/another/disk/model.onnx`,
  more: 'Nothing is left of the attempt: the temporary files are removed, and a model that stood at the path before is still there.',
});

export const wouldReplaceOther = defineDiagnostic({
  code: 'RES0607',
  title: msg`${'path'} exists and is no ${'kind'}`,
  found: msg`${'what'}`,
  expected: msg`a path that is free, or holds a model that may be replaced`,
  hint: msg`${'hint'}`,
  more: 'A model replaces a model without asking. Anything else at the path, such as the source itself, is more likely a mistake than meant to be lost.',
});

export const cannotWrite = defineDiagnostic({
  code: 'RES0608',
  title: msg`${'path'} cannot be written`,
  found: msg`${'reason'}`,
  expected: msg`a path that a file can be written to`,
  hint: msg`-o ~/model.onnx`,
  more: 'The operating system refused to write the file. Its own words are given; nothing is left of the attempt.',
});

export const writingStopped = defineDiagnostic({
  code: 'RES0609',
  title: msg`writing ${'path'} was interrupted`,
  found: msg`${'written'} bytes written`,
  expected: msg`all ${'total'} bytes`,
  hint: msg`run the command again and let it end`,
  more: 'The temporary files are removed, and a model that stood at the path before is still there.',
});

export const sizeOnlyTheRunKnows = defineDiagnostic({
  code: 'RES0610',
  title: msg`the size ${'dim'} cannot be computed in the graph`,
  found: msg`no input or earlier value has ${'symbol'} as one of its dimensions`,
  expected: msg`an input with ${'symbol'} in its type`,
  hint: msg`input size: f32[${'symbol'}]`,
  more: 'A size that is a symbol is computed, when the model runs, from the shapes of its inputs. A symbol that stands in none of them has no value then.',
});

export const cannotDraw = defineDiagnostic({
  code: 'RES0611',
  title: msg`a drawing of ${'boxes'} boxes is too large to be laid out`,
  found: msg`${'boxes'} boxes`,
  expected: msg`at most ${'most'} boxes`,
  hint: msg`--depth 0, or -o net.dot for a native Graphviz`,
  more: 'Finding places for boxes and ways for lines takes time and memory that grow faster than their number, and nobody reads a picture of thousands of boxes. With --depth, scopes below a level are one box each.',
});

export const badDataName = defineDiagnostic({
  code: 'RES0612',
  title: msg`${'name'} cannot be the name of the data file`,
  found: msg`${'name'}`,
  expected: msg`a file name without a folder, other than the model's`,
  hint: msg`--external-data ${'usual'}`,
  more: 'The model names its data file relative to its own folder, and ONNX readers refuse names that lead out of it.',
});
