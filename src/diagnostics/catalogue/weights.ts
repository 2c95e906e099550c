/**
 * Diagnostics of the weights room: files that cannot be read, checkpoints that do not fit, numbers that cannot be stored. RES0500
 * to RES0599.
 */
import { defineDiagnostic, msg } from '../diagnostic.ts';
import { commandHint } from '../shell.ts';

export const unknownCheckpoint = defineDiagnostic({
  code: 'RES0500',
  title: 'this file is no checkpoint that rescc reads',
  found: msg`${'file'}, ${'found'}`,
  expected: msg`${'formats'}`,
  hint: msg`save one with safetensors.torch.save_file(model.state_dict(), "model.safetensors")`,
  more: 'A checkpoint is recognised by its first bytes and never by the ending of its name, so a renamed file still opens and a text file called .pt does not.',
});

export const truncatedFile = defineDiagnostic({
  code: 'RES0501',
  title: 'the file ends before its content does',
  found: msg`${'file'} has ${'size'} bytes`,
  expected: msg`${'what'}, which needs ${'needed'}`,
  hint: commandHint(['download or copy the file again, then compare its size: ', ''], 'size'),
  more: 'Every position and length that a file states is compared with the size of the file before anything is read, so an interrupted download is told from a damaged one.',
});

export const damagedFile = defineDiagnostic({
  code: 'RES0502',
  title: msg`the ${'format'} file is damaged`,
  found: msg`${'file'}: ${'found'}`,
  expected: msg`${'expected'}`,
  hint: commandHint(['download or save the file again; ', ' tells whether it is the one that was published'], 'checksum'),
  more: 'The file has the first bytes of its format and then says something that the format does not allow. Nothing of it is used.',
});

export const refusedGlobal = defineDiagnostic({
  code: 'RES0503',
  title: msg`the pickle asks for ${'name'}`,
  found: msg`${'file'}: global ${'name'} at byte ${'offset'}`,
  expected: msg`only tensors, numbers, strings and containers of them`,
  hint: msg`save tensors alone: torch.save(model.state_dict(), "model.pt")`,
  more:
    'A pickle is a program: it may call any function of any Python module that is installed. rescc never executes one. It follows the few calls that rebuild tensors and containers; ' +
    'for whatever else a file names there is a placeholder, which matters only where the model wants it. This file is such an object and nothing else.',
});

export const refusedOpcode = defineDiagnostic({
  code: 'RES0504',
  title: msg`the pickle uses the opcode ${'name'}`,
  found: msg`${'file'}: ${'name'} at byte ${'offset'}`,
  expected: msg`only the opcodes that build tensors, numbers, strings and containers`,
  hint: msg`save tensors alone: torch.save(model.state_dict(), "model.pt")`,
  more: 'Buffers that lie outside of the file and codes of an extension registry have no meaning in the file alone, and what is no opcode has none at all.',
});

export const damagedPickle = defineDiagnostic({
  code: 'RES0505',
  title: 'the pickle is damaged or goes past a limit',
  found: msg`${'file'}, byte ${'offset'}: ${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`save the checkpoint again: torch.save(model.state_dict(), "model.pt")`,
  more: 'A pickle may have 64 MiB, 16 million instructions, 64 levels of containers that hold tensors, and a million entries. Checkpoints stay far below; what goes past is damaged or hostile.',
});

export const pickledModule = defineDiagnostic({
  code: 'RES0506',
  title: 'the file holds a whole pickled module, not its weights',
  found: msg`${'file'}: class ${'name'}`,
  expected: msg`a dict of tensors`,
  hint: msg`if you trust it, in Python: torch.save(torch.load("${'file'}", weights_only=False).state_dict(), "weights.pt")`,
  more: 'torch.save(model, …) stores the class by its name and needs its source code to load, which runs whatever the file asks for. Only the state dict is independent of the code that made it.',
});

export const damagedZip = defineDiagnostic({
  code: 'RES0507',
  title: 'the zip archive is damaged or unsafe',
  found: msg`${'file'}: ${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`write the file again with torch.save or numpy.savez`,
  more: 'Entries must lie inside the archive, one after another without overlapping, under distinct relative names, stored or deflated, unencrypted. A deflated entry may inflate to 4 GiB at most and to what its header says exactly.',
});

export const refusedElement = defineDiagnostic({
  code: 'RES0508',
  title: msg`tensor ${'tensor'} has an element type that rescc does not know`,
  found: msg`${'file'}: ${'found'}`,
  expected: msg`f32, f16, bf16, f64, bool or an integer of 8 to 64 bits`,
  hint: msg`${'hint'}`,
  more: 'Complex numbers, 8-bit floats and quantised tensors have no place in a graph that rescc writes. They matter only where the model wants them.',
});

export const tensorOutside = defineDiagnostic({
  code: 'RES0509',
  title: msg`tensor ${'tensor'} has a wrong place or size in the file`,
  found: msg`${'file'}: ${'found'}`,
  expected: msg`${'expected'}`,
  hint: commandHint(['download or save the file again; ', ' tells whether it is the one that was published'], 'checksum'),
  more: 'Shape, strides and offset of every tensor are checked against the bytes that are there when the file is opened, before any of them is read.',
});

export const duplicateTensor = defineDiagnostic({
  code: 'RES0510',
  title: msg`the file has two tensors named ${'tensor'}`,
  found: msg`${'file'}`,
  expected: msg`each name once`,
  hint: msg`rename one before saving: state_dict["other"] = state_dict.pop("${'tensor'}")`,
  more: 'Which of the two is meant cannot be told, and different readers take different ones.',
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

export const refusedObject = defineDiagnostic({
  code: 'RES0514',
  title: msg`${'tensor'} is no plain tensor in the checkpoint`,
  found: msg`${'file'}: ${'found'}`,
  expected: msg`a dense tensor`,
  hint: msg`${'hint'}`,
  more:
    'A pickle may hold anything: arrays of NumPy, sparse tensors, paths, configurations. rescc makes none of it and runs nothing; each becomes a placeholder with its name, ' +
    'which `rescc weights FILE` lists, and is refused only where the model wants a tensor of that name.',
});

export const parametrizedTensor = defineDiagnostic({
  code: 'RES0515',
  title: msg`the checkpoint holds ${'what'} in place of ${'tensor'}`,
  found: msg`${'found'}`,
  expected: msg`the tensor itself, or its weight norm (weight_g and weight_v, or original0 and original1)`,
  hint: msg`${'hint'}`,
  more:
    'Weight norm is computed, g·v/‖v‖ over every axis but the one of g, as PyTorch does. Other parametrizations depend on code that the file does not have, ' +
    'and no part of them is the tensor: taking one for it would give wrong numbers.',
});

export const weightsMisfit = defineDiagnostic({
  code: 'RES0520',
  title: msg`checkpoint ${'checkpoint'} does not fit the model`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more:
    'Every parameter and buffer of the model takes one tensor of the same name and shape, and every tensor of the checkpoint is taken, so that a label spelled wrong cannot leave a layer with random numbers. ' +
    '`--map "from=to"` renames, `--map "from=none"` leaves out. `--allow-missing` leaves what is not there at its initial values, which are random, and `--allow-unused` ignores what is left over: ' +
    'right for a head that the model does not have, wrong for anything that changes its outputs. A renaming is offered only where it gives tensors of the same shape and part to parameters that lack one.',
});

export const ambiguousDict = defineDiagnostic({
  code: 'RES0521',
  title: msg`several dicts of checkpoint ${'checkpoint'} fit the model alike`,
  found: msg`${'found'}`,
  expected: msg`one of them`,
  hint: msg`write ${'hint'}`,
  more: 'A checkpoint may hold weights and their moving average, or several networks. Where exactly one fits it is taken; where more do, only you know which is meant.',
});

export const unknownDict = defineDiagnostic({
  code: 'RES0522',
  title: msg`checkpoint ${'checkpoint'} has no dict ${'key'}`,
  found: msg`${'found'}`,
  expected: msg`the path of a dict that holds tensors`,
  hint: msg`write --weights "${'checkpoint'}#${'nearest'}"`,
  more: 'What follows # names a dict inside the file by its path, as in checkpoint.pt#model.ema.',
});

export const emptyCheckpoint = defineDiagnostic({
  code: 'RES0525',
  title: msg`checkpoint ${'checkpoint'} holds no tensors`,
  found: msg`no tensors at all`,
  expected: msg`the parameters of ${'model'}`,
  hint: msg`run rescc weights ${'checkpoint'} to see what is in it`,
  more: 'The file is whole, but names no tensor: something else was saved, such as the state of an optimiser that had not run.',
});

export const mapCollision = defineDiagnostic({
  code: 'RES0523',
  title: msg`two tensors are mapped to ${'name'}`,
  found: msg`${'first'} and ${'second'}`,
  expected: msg`each name of the model once`,
  hint: msg`narrow the rules, so that one of them alone gets this name`,
  more: 'Renaming rules apply to each tensor once, the first rule that matches. When two tensors end at one name, which one is meant cannot be told.',
});

export const badMap = defineDiagnostic({
  code: 'RES0524',
  title: msg`the rule "${'from'}=${'to'}" cannot be followed`,
  found: msg`${'found'}`,
  expected: msg`a name before the =, and after it no more * than before`,
  hint: msg`write a name before the =, and one * there for each after it: the n-th takes what the n-th matched`,
  more: 'Each * matches any run of characters, also dots, as short as possible; the stars of the new name take the runs in order.',
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

export const rasteriserMissing = defineDiagnostic({
  code: 'RES0535',
  title: 'a PNG needs the package @resvg/resvg-wasm',
  found: msg`${'found'}`,
  expected: msg`the package @resvg/resvg-wasm, beside rescc or in the working folder`,
  hint: msg`npm install @resvg/resvg-wasm@2.6.2`,
  more: 'SVG and PDF are written without it. It is WebAssembly and needs no native library; it is no part of rescc because it is a third as large as the rest.',
});
