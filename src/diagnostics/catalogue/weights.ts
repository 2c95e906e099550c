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

export const rasteriserMissing = defineDiagnostic({
  code: 'RES0535',
  title: 'a PNG needs the package @resvg/resvg-wasm',
  found: msg`${'found'}`,
  expected: msg`the package @resvg/resvg-wasm, beside rescc or in the working folder`,
  hint: msg`npm install @resvg/resvg-wasm@2.6.2`,
  more: 'SVG and PDF are written without it. It is WebAssembly and needs no native library; it is no part of rescc because it is a third as large as the rest.',
});
