/**
 * What goes wrong between a compiled model and onnxruntime: missing providers, refused models, unreadable tensors and pictures.
 */
import { defineDiagnostic, msg } from '../diagnostic.ts';

export const runtimeMissing = defineDiagnostic({
  code: 'RES0800',
  title: 'onnxruntime cannot be loaded',
  found: msg`${'found'}`,
  expected: msg`the package onnxruntime-node with its native library for this platform`,
  hint: msg`npm install --ignore-scripts onnxruntime-node@1.30.0`,
  more: 'Compiling, checking and optimising need no runtime; verify and run do. It is looked for beside rescc and from the working folder. The CPU and WebGPU libraries come with its package; its install script only downloads those of CUDA, and fails where it cannot, which is why the hint leaves it out. The native library of onnxruntime-node exists for Linux, macOS (arm64) and Windows, on x64 and arm64.',
});

export const providerMissing = defineDiagnostic({
  code: 'RES0801',
  title: msg`this onnxruntime has no execution provider ${'ep'}`,
  found: msg`${'found'}`,
  expected: msg`a build of onnxruntime-node with ${'ep'}`,
  hint: msg`${'hint'}`,
  more: 'A run that was asked for one provider never falls back to another, because its numbers and times would be taken for those of the provider asked for.',
});

export const noAdapter = defineDiagnostic({
  code: 'RES0802',
  title: 'no WebGPU adapter',
  found: msg`${'found'}`,
  expected: msg`a graphics driver that WebGPU can use: Vulkan on Linux, Metal on macOS, Direct3D 12 on Windows`,
  hint: msg`${'hint'}`,
  more: 'The WebGPU provider of onnxruntime reaches the GPU through Vulkan, Metal or Direct3D 12. On a Linux machine without a GPU, SwiftShader is an adapter in software: Debian ships it in the package chromium-common. The Vulkan loader finds it through VK_ICD_FILENAMES, which has to be set before rescc starts. rescc never runs on another provider instead.',
});

export const cudaMissing = defineDiagnostic({
  code: 'RES0803',
  title: 'the CUDA provider cannot be loaded',
  found: msg`${'found'}`,
  expected: msg`an NVIDIA GPU with its driver, CUDA, cuDNN 9 and the provider's libraries (Linux x64)`,
  hint: msg`${'hint'}`,
  more: 'The libraries of the CUDA provider are too large for the npm package. RESCC_ONNXRUNTIME names a folder that has them, as the PyPI wheel onnxruntime-gpu of the same version; CUDA and cuDNN come with pip, too. `rescc doctor` lists what this machine has and what is missing. rescc never runs on another provider instead.',
});

export const modelRefused = defineDiagnostic({
  code: 'RES0804',
  title: 'onnxruntime refuses the model',
  found: msg`${'found'}`,
  expected: msg`a model that the ${'ep'} provider can load`,
  hint: msg`${'hint'}`,
  more: 'onnxruntime checks types and shapes once more when it loads a model, and looks for a kernel for every node. What it says is quoted; where it names a node, the node is traced back to the line that it came from.',
});

export const runFailed = defineDiagnostic({
  code: 'RES0805',
  title: 'onnxruntime fails while running the model',
  found: msg`${'found'}`,
  expected: msg`a run to the end on the ${'ep'} provider`,
  hint: msg`${'hint'}`,
  more: 'A kernel refused its inputs or ran out of memory. What onnxruntime says is quoted; where it names a node, the node is traced back to the line that it came from.',
});

export const providerCrashed = defineDiagnostic({
  code: 'RES0806',
  title: msg`the ${'ep'} provider took its process down`,
  found: msg`${'found'}`,
  expected: msg`a driver that survives the model`,
  hint: msg`${'hint'}`,
  more: 'GPU drivers can abort the process that they are loaded into, so rescc runs GPU providers in a process of their own. That process ended before it answered.',
});

export const tensorUnsupported = defineDiagnostic({
  code: 'RES0807',
  title: msg`${'name'} cannot be exchanged with onnxruntime`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'The JavaScript interface of onnxruntime has no tensors of bf16, complex numbers or sequences. Integers beyond 2^53 are refused, because the numbers of JavaScript would round them.',
});

export const outputDiffers = defineDiagnostic({
  code: 'RES0810',
  title: msg`the compiled model does not compute what its source says: output ${'name'}`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'The error of an output is max|y - r| / max|r| against the reference evaluation in float64. It may be as large as eight times the error of the unoptimised model on the CPU provider with the optimiser of onnxruntime off (at least 2^-18, at most 1e-5, for f32); integers and booleans must be equal. Where the model amplifies rounding, eight times the error is allowed that rounding every result to its type makes in the reference. The unoptimised model passes and the optimised one does not, with the optimiser of onnxruntime off: a pass is wrong, or how its result is lowered.',
});

export const baselineDiffers = defineDiagnostic({
  code: 'RES0811',
  title: msg`even the unoptimised model is off the reference: output ${'name'}`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'No pass and no optimiser ran here, and rounding every result to its type does not explain the error. So an operator is lowered wrongly, or a kernel of onnxruntime is inaccurate.',
});

export const noLegalSize = defineDiagnostic({
  code: 'RES0812',
  title: 'no size was found for which every tensor of the model has elements',
  found: msg`${'found'}`,
  expected: msg`a value for every symbol that makes every dimension at least 1`,
  hint: msg`${'hint'}`,
  more: 'verify and bench run models at the smallest sizes that are legal. They look for them by doubling all symbols, and then making each as small as it goes.',
});

export const inputMisfit = defineDiagnostic({
  code: 'RES0813',
  title: msg`input ${'name'} does not fit the model`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'Element type, rank and every known dimension must agree, one symbol must have one value in all inputs, and promises such as `assert H % 32 == 0` hold for inputs too.',
});

export const inputNames = defineDiagnostic({
  code: 'RES0814',
  title: 'the inputs given are not those of the model',
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'Every input of the model is given once, by its name: `--input image=cat.png`. A model with one input takes `--input cat.png`, too.',
});

export const notEvaluated = defineDiagnostic({
  code: 'RES0815',
  title: 'the model cannot be evaluated on these inputs',
  found: msg`${'found'}`,
  expected: msg`sizes and numbers that every operator of the model is defined for`,
  hint: msg`${'hint'}`,
  more: 'Some operators ask more of their inputs than types can say: an index must lie inside its table, a reflecting pad must be narrower than the picture. Where the smallest sizes do not do, give inputs of your own.',
});

export const optimizedDiffers = defineDiagnostic({
  code: 'RES0816',
  title: msg`the optimised model does not compute what the file does: output ${'name'}`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'The original ran in onnxruntime with its optimiser off, and the optimised model with it off and on. The error of an output is max|y - r| / max|r| against the reference evaluation in float64, or against the original where it has no such evaluation. Before an output counts as wrong, the original runs on inputs that are moved by their last digits, and eight times the change that this makes is allowed. The optimiser then ran again with fewer and fewer rewrites, until the one was found that breaks the output. Nothing was written.',
});

export const optimizedRefused = defineDiagnostic({
  code: 'RES0817',
  title: 'onnxruntime runs the file, but not the optimised model',
  found: msg`${'found'}`,
  expected: msg`a model that runs wherever the file does`,
  hint: msg`${'hint'}`,
  more: 'What onnxruntime says is quoted, and the rewrite is named without which it runs the model. Nothing was written.',
});

export const originalRefused = defineDiagnostic({
  code: 'RES0818',
  severity: 'warning',
  title: 'onnxruntime does not run the file as it is',
  found: msg`${'found'}`,
  expected: msg`a file that runs on the cpu provider with the optimiser off`,
  hint: msg`${'hint'}`,
  more: 'What does not run cannot be compared. Sizes of pictures and sequences that models are often made for were tried, too. The float64 reference of the file and that of the optimised model are compared instead, where every operator has one.',
});

export const notComparable = defineDiagnostic({
  code: 'RES0819',
  severity: 'warning',
  title: msg`output ${'name'} cannot be compared`,
  found: msg`${'found'}`,
  expected: msg`an output that the inputs determine`,
  hint: msg`${'hint'}`,
  more: 'The original itself gives other numbers when it runs again, when its inputs are moved by their last digits, or when its results are rounded otherwise: random operators do that, and models that amplify rounding on random inputs. The graphs are compared in float64 instead where both have a reference, and the other outputs all the same.',
});

export const nothingCompared = defineDiagnostic({
  code: 'RES0830',
  title: 'nothing could be compared',
  found: msg`${'found'}`,
  expected: msg`at least one output of one run`,
  hint: msg`${'hint'}`,
  more: 'A proof was asked for and there is none, so that the command ends with 1. The warnings before it say why.',
});

export const runtimeOptimizerDiffers = defineDiagnostic({
  code: 'RES0831',
  title: msg`the optimiser of onnxruntime breaks the model: output ${'name'}`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'The same bytes ran twice: with the graph optimiser of onnxruntime off the output is within its bound, with it on it is not. So the file is right, and the runtime rewrites it wrongly. -O0 is the hint where the unoptimised model survives; otherwise sessions of that runtime are made with the optimiser off.',
});

export const providerDiffers = defineDiagnostic({
  code: 'RES0832',
  title: msg`the ${'ep'} provider of onnxruntime computes wrong numbers: output ${'name'}`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'The same bytes are within their bound on the cpu provider with the optimiser off, and the provider is wrong with the optimiser off, too. So the file is right, and a kernel of the provider is wrong. -O0 is the hint where the unoptimised model avoids that kernel.',
});

export const runtimeCrashed = defineDiagnostic({
  code: 'RES0833',
  title: 'onnxruntime crashes on the model',
  found: msg`${'found'}`,
  expected: msg`a run to its end, or an error`,
  hint: msg`${'hint'}`,
  more: 'Verification runs onnxruntime in a process of its own, which ended before it answered: by a signal, or by an exit of native code. That is a fault of the runtime, whatever the model is; the other runs went on in a new process, and the command ends with 1.',
});

export const fileUnreadable = defineDiagnostic({
  code: 'RES0820',
  title: msg`cannot read ${'file'}`,
  found: msg`${'found'}`,
  expected: msg`a file that can be read`,
  hint: msg`${'hint'}`,
  more: 'A folder stands for the PNG and JPEG files in it. A program that gives its own onnxruntime gives a model as bytes, because that runtime may have no files.',
});

export const npyBroken = defineDiagnostic({
  code: 'RES0821',
  title: msg`${'file'} is no valid .npy file`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'Read are versions 1 to 3 of the format, in C and Fortran order and both byte orders, with floats of 2, 4 and 8 bytes, integers of 1 to 8 bytes, and booleans. Objects are never unpickled.',
});

export const imageFormat = defineDiagnostic({
  code: 'RES0822',
  title: msg`${'file'} is neither a picture nor a tensor that rescc reads`,
  found: msg`${'found'}`,
  expected: msg`PNG, JPEG, .npy or a list of numbers, told apart by content`,
  hint: msg`${'hint'}`,
  more: 'The first bytes of a file say what it is; its extension does not matter.',
});

export const imageBroken = defineDiagnostic({
  code: 'RES0823',
  title: msg`the picture ${'file'} cannot be decoded`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'The file is cut off, damaged, or larger than 100 megapixels.',
});

export const imageSize = defineDiagnostic({
  code: 'RES0824',
  title: msg`the picture ${'file'} has another size than input ${'name'}`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'A picture is never resized unasked. With `--resize S` its shorter side becomes S (bilinear, antialiased), and the middle of the size that the model wants is cut out, as torchvision does it; `--resize` alone takes 256/224 of the height of the model.',
});

export const notAnImageInput = defineDiagnostic({
  code: 'RES0825',
  title: msg`a picture was given for input ${'name'}, which takes none`,
  found: msg`${'found'}`,
  expected: msg`a float or u8 input of shape [N, 3, H, W], [N, 1, H, W], [N, H, W, 3], or the same without N`,
  hint: msg`${'hint'}`,
  more: 'Pictures become pixels divided by 255 for float inputs and stay bytes for u8 inputs, unless the input declares a range (`in 0..255`), which whole numbers of other types need. Anything else is given as .npy.',
});

export const imageOptions = defineDiagnostic({
  code: 'RES0826',
  title: msg`${'option'} does not fit the picture`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'Mean and standard deviation are one number, or one per channel, in the unit of the range that the input declares, or of pixels divided by 255; deviations are not 0. They make no sense for inputs of whole numbers.',
});

export const notAnImageOutput = defineDiagnostic({
  code: 'RES0827',
  title: msg`output ${'name'} cannot be written as a picture`,
  found: msg`${'found'}`,
  expected: msg`shape [N, C, H, W], [C, H, W], [N, H, W, C], [H, W, C] or [H, W], with C of 1, 3 or 4`,
  hint: msg`${'hint'}`,
  more: 'Black and white are the ends of the range that the output declares, or else that of an input with as many channels; without either floats are taken as 0 … 1 and integers as 0 … 255. What lies outside is clipped.',
});

export const labelsBroken = defineDiagnostic({
  code: 'RES0828',
  title: msg`the labels in ${'file'} do not fit the output`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'A file of labels has one name per line in the order of the classes, or is a JSON array of names, or a JSON object from index to name.',
});

export const notClasses = defineDiagnostic({
  code: 'RES0829',
  title: msg`output ${'name'} holds no scores of classes`,
  found: msg`${'found'}`,
  expected: msg`a float tensor of shape [classes] or [N, classes], where further dimensions are 1, or [N, T, classes]`,
  hint: msg`${'hint'}`,
  more: '`--top K` turns scores into probabilities (softmax over the classes) and prints the K largest of every picture, or of every position of a sequence; `--top NAME=K` names the output.',
});

export const promiseBroken = defineDiagnostic({
  code: 'RES0837',
  title: msg`input ${'name'} breaks a promise of the model`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: '`assert H % 16 == 0` promises that every input has such a size. The shapes of the model rest on it, so that another size would fail further inside, or give wrong numbers. The metadata of an ONNX file has the promises too (`rescc.promises`).',
});

export const outsideRange = defineDiagnostic({
  code: 'RES0838',
  severity: 'warning',
  title: msg`input ${'name'} holds numbers outside of its range`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'The model declares what the numbers of this input lie in, and was made for those: a network for 0 … 1 says nothing of a picture in 0 … 255. It runs all the same.',
});

export const pictureClipped = defineDiagnostic({
  code: 'RES0839',
  severity: 'warning',
  title: msg`the picture of output ${'name'} is clipped`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'More than a tenth of the numbers lie far outside of what is taken for black and white. `--range y=0..255` says what the output lies in, where the source does not declare it: `output y in 0..255`, or that of the input that it is made from.',
});

export const sizesContradict = defineDiagnostic({
  code: 'RES0840',
  title: msg`the sizes of --input-shape ${'asked'} contradict the model`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'A shape that is asked for has the sizes that the declaration fixes, one number for each of its symbols, and keeps the promises of the model.',
});

export const noSuchSize = defineDiagnostic({
  code: 'RES0841',
  exit: 'usage',
  title: 'the model cannot be counted at these sizes',
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: '`--at N=1,H=224,W=224` says at which sizes multiply-adds, activations and memory are counted; the model and its file stay as they are. Each name is a symbolic size of an input, and a size keeps what the model promises of it.',
});

export const notWritten = defineDiagnostic({
  code: 'RES0842',
  exit: 'usage',
  title: msg`${'end'} files are not written here`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'What is written is said by the command and by --emit, never by the name; a name that promises another format would only mislead whoever opens the file. A name without an end is taken as it is.',
});

export const tooLargeToProve = defineDiagnostic({
  code: 'RES0843',
  title: 'the model is too large for a proof',
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'A proof runs the model at the smallest sizes that it allows, in onnxruntime and in float64. A value that takes more than 2 GiB in float64 there is not computed: neither is started.',
});

export const nativeFolder = defineDiagnostic({
  code: 'RES0844',
  title: msg`no onnxruntime can be used from ${'folder'}, which RESCC_ONNXRUNTIME names`,
  found: msg`${'found'}`,
  expected: msg`a folder that holds libonnxruntime.so.${'version'} with its providers, or an environment of Python with it (Linux)`,
  hint: msg`pip install onnxruntime-gpu==${'version'}, then RESCC_ONNXRUNTIME=…/site-packages/onnxruntime/capi`,
  more: 'The npm package onnxruntime-node brings the CPU and WebGPU providers. Others come from the PyPI wheel onnxruntime-gpu or from an archive of an onnxruntime release: RESCC_ONNXRUNTIME names the folder, and the process of such a provider loads it from there. `rescc doctor` finds the environments of Python that have one.',
});

export const nativeVersion = defineDiagnostic({
  code: 'RES0845',
  title: msg`the onnxruntime in ${'folder'} does not fit onnxruntime-node`,
  found: msg`${'found'}`,
  expected: msg`${'version'}, the version of onnxruntime-node`,
  hint: msg`pip install onnxruntime-gpu==${'version'}`,
  more: 'The binding of onnxruntime-node is linked with the symbols of one version of the library, and no other one has them.',
});

export const notAModel = defineDiagnostic({
  code: 'RES0847',
  exit: 'usage',
  title: msg`${'path'} is no model that rescc reads`,
  found: msg`${'found'}, by its name`,
  expected: msg`a source of the language (.res) or an ONNX file (.onnx)`,
  hint: msg`${'hint'}`,
  more: 'Models come as sources or as ONNX files; checkpoints of PyTorch, NumPy and safetensors have weights for a source, and go to --weights. Other formats are brought to ONNX by the tools of those who made them.',
});

export const unusedNative = defineDiagnostic({
  code: 'RES0849',
  severity: 'warning',
  title: msg`the folder of RESCC_ONNXRUNTIME is not used on ${'ep'}, and could not be`,
  found: msg`${'folder'}: ${'found'}`,
  expected: msg`a folder with a library of onnxruntime, or no such variable`,
  hint: msg`unset RESCC_ONNXRUNTIME`,
  more: 'The CPU and WebGPU providers run in the library that the npm package brings, so that a proof on them is of one known version. RESCC_ONNXRUNTIME names the library of the others, such as CUDA. `rescc doctor` says what this machine has.',
});

export const providerLibraries = defineDiagnostic({
  code: 'RES0846',
  title: msg`the ${'ep'} provider cannot be loaded`,
  found: msg`${'found'}`,
  expected: msg`the provider's library and all that it needs`,
  hint: msg`${'hint'}`,
  more: 'A provider that the npm package does not bring is a library of its own, with needs of its own. `rescc doctor` lists what is missing. rescc never runs on another provider instead.',
});

export const randomWeights = defineDiagnostic({
  code: 'RES0848',
  severity: 'warning',
  title: 'the weights are random numbers',
  found: msg`${'found'}`,
  expected: msg`weights that were trained`,
  hint: msg`--weights FILE`,
  more: 'Parameters without a checkpoint hold the initial values that training begins with, so that what the model says of an input means nothing. Its shapes, times and memory are the real ones. An ONNX file does not tell where its weights come from.',
});

export const layersUnknown = defineDiagnostic({
  code: 'RES0857',
  title: 'the errors of single layers cannot be known',
  found: msg`${'found'}`,
  expected: msg`a model whose every operator has a float64 reference, of a size that this reference can run`,
  hint: msg`leave -o out: verify compares the outputs all the same`,
  more: 'A plot of errors holds the results of every layer against an evaluation of the same model in float64. A contrib operator, one that draws random numbers, and a network of more than 2^38 multiply-adds have none. `verify` without a plot then compares the file with what was made of it.',
});
