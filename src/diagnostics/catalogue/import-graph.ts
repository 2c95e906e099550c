/** Diagnostics of the import of ONNX files, after they are read: names and order of their graphs, sizes asked for. RES0670 to RES0684. */
import { defineDiagnostic, msg } from '../diagnostic.ts';

export const importedTwice = defineDiagnostic({
  code: 'RES0670',
  title: msg`two values of the ONNX file are named ${'name'}`,
  found: msg`${'file'}: ${'found'}`,
  expected: msg`every value of a graph to be made once (static single assignment)`,
  hint: msg`python -c "import onnx; onnx.checker.check_model('${'file'}')" checks the file; export it again`,
  more: 'ONNX names values by their text. Where two nodes make one name, nobody can say which of them a reader means.',
});

export const importedUndefined = defineDiagnostic({
  code: 'RES0671',
  title: msg`the ONNX file reads a value that nothing makes: ${'name'}`,
  found: msg`${'file'}: ${'found'}`,
  expected: msg`an input, an initializer, or a result of an earlier node`,
  hint: msg`python -c "import onnx; onnx.checker.check_model('${'file'}')" checks the file; export it again`,
  more: 'Sub-graphs of If, Loop and Scan may also read what the graphs around them have made before.',
});

export const importedCircle = defineDiagnostic({
  code: 'RES0672',
  title: 'nodes of the ONNX file run in a circle',
  found: msg`${'file'}: ${'found'}`,
  expected: msg`nodes that can be put in an order in which each one comes behind those whose results it reads`,
  hint: msg`export the file again; loops are said by a Loop or a Scan, whose body is a graph of its own`,
  more: 'ONNX demands that nodes stand in an order in which they can run. rescc sorts a file that does not keep to it, with a note, but a circle cannot be sorted.',
});

export const importedOutput = defineDiagnostic({
  code: 'RES0673',
  title: msg`an output of the ONNX file is made by nothing: ${'name'}`,
  found: msg`${'file'}: ${'found'}`,
  expected: msg`an input, an initializer, or a result of a node of that graph`,
  hint: msg`python -c "import onnx; onnx.checker.check_model('${'file'}')" checks the file; export it again`,
  more: 'The list of outputs of a graph names values that its nodes make. One of these names is made by none of them.',
});

export const importedUnnamed = defineDiagnostic({
  code: 'RES0674',
  title: msg`an input of the ONNX file has no name`,
  found: msg`${'file'}: ${'found'}`,
  expected: msg`a name for every input and every output`,
  hint: msg`export the file again`,
  more: 'Inputs and outputs are fed and read by their names, so that every one needs one.',
});

export const noSuchSize = defineDiagnostic({
  code: 'RES0675',
  title: msg`the ONNX file has no open size ${'name'}`,
  found: msg`${'file'} with ${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`--input-shape NAME=NUMBER for a named size, --input-shape INPUT:AXIS=NUMBER for one axis of one input`,
  more: 'A size that is asked for takes the place of a named dimension of the inputs, or of one axis of one input. A size that the file fixes cannot be changed.',
});

export const wrongSize = defineDiagnostic({
  code: 'RES0676',
  title: msg`${'name'} cannot have the size ${'asked'}`,
  found: msg`${'file'} with ${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`leave it out, or give the size that the file has`,
  more: 'The file says the size itself, or the number is no size.',
});
