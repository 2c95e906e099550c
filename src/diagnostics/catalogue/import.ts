/** What is wrong with an ONNX file before it is a graph: its bytes, its opsets, its functions, its older operators. RES0650 to RES0669. */
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
  more: 'What an operator means is fixed by the opset that the model imports. Before opset 7 arithmetic did not broadcast by itself; what operators after the last opset mean was not known when this version of rescc was made. A model that imports none has opset 1 by the specification.',
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
  more: 'In training a batchnorm takes its statistics from the batch and a dropout drops at random, so that neither may be folded away and the model gives other results from run to run. rescc optimises models for inference and does not guess that inference was meant.',
});

export const cannotUpgrade = defineDiagnostic({
  code: 'RES0657',
  title: msg`${'operator'} of opset ${'from'} cannot be brought to opset ${'to'}`,
  found: msg`${'file'}, node ${'node'}: ${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'Operators change their form between opsets. rescc rewrites older forms where the newer one means exactly the same for every input, and refuses where it would mean something else.',
});

export const sparseTensor = defineDiagnostic({
  code: 'RES0658',
  title: msg`sparse initialiser ${'tensor'} cannot be read`,
  found: msg`${'file'}: ${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`store it dense: onnx.numpy_helper.from_array(array, "${'tensor'}") in Python`,
  more: 'A sparse initialiser is written out as a dense one. Its places must be 64-bit integers, ascending, each inside the shape, one per number; the dense tensor may have 256 MiB.',
});
