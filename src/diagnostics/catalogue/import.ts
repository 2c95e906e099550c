/**
 * What is wrong with an ONNX file, as a file (its bytes, opsets, functions, older operators) and as a graph (names, circles,
 * sizes). RES0650 to RES0684.
 */
import { defineDiagnostic, msg } from '../diagnostic.ts';

export const noOnnxModel = defineDiagnostic({
  code: 'RES0650',
  title: 'the file is no whole ONNX model',
  found: msg`${'file'}: ${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`python -c "import onnx; onnx.checker.check_model('${'file'}')" says what the onnx package thinks of it; download or export it again`,
  more: 'An ONNX model is a protobuf message: fields with a number, a type and a length, one inside the other. What ends too early, or says what the format does not allow, is refused whole; nothing of it is guessed.',
});

export const importedOpset = defineDiagnostic({
  code: 'RES0651',
  title: 'the model has an opset that rescc does not read',
  found: msg`${'file'}: ${'found'}`,
  expected: msg`one opset from ${'min'} to ${'max'} for the operators of ONNX itself`,
  hint: msg`convert it, in Python: onnx.save(onnx.version_converter.convert_version(onnx.load("${'file'}"), 17), "converted.onnx")`,
  more: 'What an operator means is fixed by the opset that the model imports. What operators after the last opset mean was not known when this version of rescc was made, nor does onnxruntime 1.30 run them. Of the opsets before 7 those operators are read that stayed as they were, or whose older form of opset 6 can be said anew. A model that uses operators of ONNX itself must say which opset it means.',
});

export const importLimit = defineDiagnostic({
  code: 'RES0652',
  title: 'the ONNX model goes past a limit',
  found: msg`${'file'}: ${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`split the model, or take out what is too large: onnx.utils.extract_model in Python`,
  more: 'A model may have a million nodes, sub-graphs and function calls included, sub-graphs and types 64 deep, and twenty million fields and names. Real models stay far below. What goes past would take memory and time without bound, and is most often damaged or hostile.',
});

export const functionCycle = defineDiagnostic({
  code: 'RES0653',
  title: msg`the model's function ${'name'} calls itself`,
  found: msg`${'file'}: ${'path'}`,
  expected: msg`functions that call only others, because ONNX has no recursion`,
  hint: msg`write the repetition as a Loop node`,
  more: 'A function of an ONNX model is a shorthand: each call stands for a copy of its nodes. One that reaches itself, directly or by way of others, would never end.',
});

export const functionCall = defineDiagnostic({
  code: 'RES0654',
  title: msg`a call of the model's function ${'name'} does not fit it`,
  found: msg`${'file'}, node ${'node'}: ${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`python -c "import onnx; onnx.checker.check_model('${'file'}', full_check=True)" lists the node; export the model again`,
  more: 'A call may leave out operands and results at its end, or in between by an empty name, but may not name more than the function has.',
});

export const functionOpset = defineDiagnostic({
  code: 'RES0655',
  title: msg`the model's function ${'name'} imports another version of ${'domain'} than the model`,
  found: msg`${'file'}: version ${'inner'} in the function, ${'outer'} in the model`,
  expected: msg`one version, since the function's nodes become nodes of the model`,
  hint: msg`export the model and its functions with one opset_import, or inline it with onnx.inliner.inline_local_functions`,
  more: 'Of the operators of ONNX itself rescc knows which changed between two versions and rewrites them. Of other domains it knows nothing, so it cannot say whether the nodes mean the same at the other version.',
});

export const trainingForm = defineDiagnostic({
  code: 'RES0656',
  title: msg`node ${'node'} is a ${'operator'} in training form`,
  found: msg`${'file'}: ${'found'}`,
  expected: msg`the inference form, in which a model is run`,
  hint: msg`export it again for inference: model.eval() and torch.onnx.export(…, training=torch.onnx.TrainingMode.EVAL)`,
  more: 'In training a batchnorm takes its statistics from the batch and a dropout drops at random, so that neither may be folded away and the model gives other results from run to run. rescc optimises models for inference and does not guess that inference was meant. A batchnorm in training form over weights alone, which standardises them, gives the same in every run and stays as it is.',
});

export const cannotUpgrade = defineDiagnostic({
  code: 'RES0657',
  title: msg`${'operator'} of opset ${'from'} cannot be brought to opset ${'to'}`,
  found: msg`${'file'}, node ${'node'}: ${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'Operators change their form between opsets. rescc rewrites older forms where the newer one means exactly the same for every input, and refuses where it would mean something else. Without --opset such a file stays at its own opset, and passes through as it is.',
});

export const sparseTensor = defineDiagnostic({
  code: 'RES0658',
  title: msg`sparse initialiser ${'tensor'} cannot be read`,
  found: msg`${'file'}: ${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`store it dense: onnx.numpy_helper.from_array(array, "${'tensor'}") in Python`,
  more: 'A sparse initialiser is written out as a dense one. Its places must be 64-bit integers, ascending, each inside the shape, one per number; the dense tensor may have 256 MiB.',
});

export const narrowedTooFar = defineDiagnostic({
  code: 'RES0660',
  title: 'the optimised model refuses a size that the file accepts',
  found: msg`${'found'}`,
  expected: msg`a model that runs at every size at which the file runs`,
  hint: msg`${'hint'}`,
  more: 'An input became narrower than the file declares it, because a node that runs every time asks for the size; the report of `rescc optimize` has a line for each. The original was run at other sizes to make sure that it takes none, and it takes this one. With --input-shape the size is one that you ask for, and no other is looked at. Nothing was written.',
});

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

export const openPart = defineDiagnostic({
  code: 'RES0665',
  exit: 'usage',
  title: msg`the part from ${'from'} to ${'to'} is no model of its own`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'A part has what lies between its beginnings and its ends. Whatever the ends are computed from must come from the beginnings or be a weight, each beginning must be read on the way, and an end is what a node makes.',
});

export const untypedValue = defineDiagnostic({
  code: 'RES0666',
  title: msg`nothing says the type of ${'name'}`,
  found: msg`${'found'}`,
  expected: msg`an element type, which every input of a model has`,
  hint: msg`${'hint'}`,
  more: 'The types of values come from the file and from shape inference. What an operator of another domain makes is known only where the file has it in its value_info.',
});

export const fixedSize = defineDiagnostic({
  code: 'RES0667',
  title: msg`the network fixes ${'size'}`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'A size that a file has as a number may also stand within the network: in the target of a reshape, in an expand, in a tensor that was made for one batch. Reshapes are brought along where their first size is the batch; what else hangs on the number is named here and left as it is.',
});

export const noHead = defineDiagnostic({
  code: 'RES0668',
  title: msg`the classes of ${'file'} cannot be replaced`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'The head is the last Gemm, MatMul or Conv with stored weights before an output; what stands behind it may be a bias, an activation, a pool or another operator that takes any number of classes. Its weights are drawn anew, or taken over class by class.',
});
