/** Compile-time values, arguments and conditions: RES0200-RES0299. */
import { defineDiagnostic, msg } from '../diagnostic.ts';

export const unknownArgument = defineDiagnostic({
  code: 'RES0201',
  title: msg`\`${'callee'}\` has no parameter \`${'name'}\``,
  found: msg`${'name'}=`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'Named arguments are matched by name against the parameters of the layer, block or model.',
});
export const tooManyArguments = defineDiagnostic({
  code: 'RES0202',
  title: msg`too many arguments for \`${'callee'}\``,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'Arguments without a name fill the parameters from left to right; a layer takes tensors first.',
});
export const missingArgument = defineDiagnostic({
  code: 'RES0203',
  title: msg`\`${'callee'}\` needs \`${'name'}\``,
  found: msg`no value for \`${'name'}\``,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'A parameter without a default must be given a value.',
});
export const wrongArgument = defineDiagnostic({
  code: 'RES0204',
  title: msg`wrong value for \`${'name'}\` of \`${'callee'}\``,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'The reference lists the type and range of every parameter. Integers and floats are told apart: `1` is an int, `1.0` a float.',
});
export const missingOperand = defineDiagnostic({
  code: 'RES0205',
  title: msg`\`${'callee'}\` needs ${'count'}`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'Leading tensor arguments of a layer are its operands. Given one fewer than it needs, the current value `it` is the first.',
});
export const inexactDivision = defineDiagnostic({
  code: 'RES0210',
  title: 'this division of integers leaves a remainder',
  found: msg`${'left'} / ${'right'}`,
  expected: msg`an exact quotient, because a channel count or size is never rounded silently`,
  hint: msg`write \`floordiv(${'leftText'}, ${'rightText'})\` to round down, or \`1.0 * ${'leftText'} / ${'rightText'}\` for a float`,
  more: 'The quotient of two ints is an int, so it must be exact. With symbols it must be exact for every value: `assert H % 2 == 0` promises that for H / 2.',
});
export const divisionByZero = defineDiagnostic({
  code: 'RES0211',
  title: 'division by zero',
  found: msg`${'left'} ${'op'} 0`,
  expected: msg`a divisor other than 0`,
  hint: msg`check the value of the divisor`,
  more: 'Integers are evaluated exactly while compiling; there is no infinity among them.',
});
export const intOverflow = defineDiagnostic({
  code: 'RES0212',
  title: 'this integer is too large',
  found: msg`${'found'}`,
  expected: msg`an integer of at most 2^53 (9,007,199,254,740,992) in size`,
  hint: msg`use a smaller number`,
  more: 'Integers are exact up to 2^53. A size beyond that fits no machine.',
});
export const wrongOperand = defineDiagnostic({
  code: 'RES0213',
  title: msg`\`${'op'}\` does not take these values`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'Numbers compute with numbers, lists are joined with `+`, and tensors with tensors of one element type.',
});
export const undecidable = defineDiagnostic({
  code: 'RES0214',
  title: 'this condition depends on a size that is known only when the model runs',
  found: msg`${'condition'}${'example'}`,
  expected: msg`a condition that is the same for every value of the symbols`,
  hint: msg`${'hint'}`,
  more: 'Conditions are decided while compiling. A comparison of symbols must hold for all of their values or for none.',
});
export const notBool = defineDiagnostic({
  code: 'RES0215',
  title: 'a condition must be true or false',
  found: msg`${'found'}`,
  expected: msg`a bool`,
  hint: msg`${'hint'}`,
  more: 'There is no truth of numbers or lists; compare them.',
});
export const badCount = defineDiagnostic({
  code: 'RES0216',
  title: msg`\`${'construct'}\` needs a known count or a list`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'Repetition is unrolled while compiling. `repeat 0` passes the current value through; a negative or symbolic count is an error.',
});
export const loopCount = defineDiagnostic({
  code: 'RES0226',
  title: 'the count of a `loop` is one whole number',
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'A `loop` takes at most as many turns as its count says, which may be known while compiling, a size of an input, or a number that the run computes: a tensor `i64[]`. Of a count below 0 that the run computes it takes no turn.',
});
export const runCondition = defineDiagnostic({
  code: 'RES0227',
  title: 'a condition that the run decides is one bool',
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'An `if` on a tensor takes one of two ways for all of it, and a `while` goes on or ends for all of it, so the tensor holds one element. `where` chooses for each element.',
});
export const badIndex = defineDiagnostic({
  code: 'RES0217',
  title: 'this index is out of range',
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'Lists and axes count from 0; negative indices count from the end, as in Python. Indices that only the run knows are not checked.',
});
export const wrongKind = defineDiagnostic({
  code: 'RES0218',
  title: msg`${'what'}`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'Everything but tensors is evaluated while compiling: numbers, strings, sizes, lists, blocks. Each construct says which of them it takes.',
});
export const assertFailed = defineDiagnostic({
  code: 'RES0219',
  title: msg`assertion failed${'message'}`,
  found: msg`${'condition'} is false`,
  expected: msg`it to hold`,
  hint: msg`change the arguments so that it holds`,
  more: '`assert` on known numbers is checked while compiling; on symbols, `assert H % 32 == 0` is a promise of the model to its users.',
});
export const assertUnknown = defineDiagnostic({
  code: 'RES0220',
  title: 'this promise cannot be used',
  found: msg`${'condition'}`,
  expected: msg`a divisibility or a bound of one symbol, such as \`H % 32 == 0\` or \`L >= 101\`, or something that is already provable`,
  hint: msg`${'hint'}`,
  more: 'A promise is substituted into the shapes (H = 32·h, L of at least 101), which works for divisibility by a constant and for bounds alone.',
});

export const badRange = defineDiagnostic({
  code: 'RES0229',
  title: msg`the range of \`${'name'}\` does not fit its type`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: '`in 0..1` says what the numbers of an input or output lie in; both ends belong to it. Of floats the lower end is below the upper one, of whole numbers they may be equal, and the element type has room for both. Truth values have no range.',
});
export const rangeUnknown = defineDiagnostic({
  code: 'RES0230',
  title: msg`${'what'} is a number that is known while compiling`,
  found: msg`${'found'}`,
  expected: msg`a number, or for mean and std a list of numbers`,
  hint: msg`write a number, a parameter, or arithmetic on those: \`in 0..255\``,
  more: 'A range goes into the metadata of the file and says which inputs are legal, so that it cannot depend on a size that only the run knows.',
});
export const badNormalization = defineDiagnostic({
  code: 'RES0231',
  title: msg`\`${'option'}\` does not fit ${'type'}`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'An input that is declared `in 0..1 mean=[…] std=[…]` holds (v - mean) / std of values v in the range, with one number for all channels or one for each. The channels of a picture are the axis of size 1 or 3 before or behind its grid; elsewhere they are axis 1. Standard deviations are above 0, and whole numbers are not normalised.',
});
export const normalizedOutput = defineDiagnostic({
  code: 'RES0232',
  title: 'an output has a range and no normalisation',
  found: msg`\`${'option'}=\` of an output`,
  expected: msg`a range alone, such as \`output y in 0..1\``,
  hint: msg`compute it before the output: \`it * std + mean\``,
  more: 'mean and std say what is done to a picture before a network sees it. What comes out is taken as it is: the range says which values are black and white.',
});
export const foreignArgument = defineDiagnostic({
  code: 'RES0222',
  title: msg`\`${'name'}=\` of \`${'callee'}\` is called \`${'ours'}\` here`,
  found: msg`${'name'}=`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: "Arguments have PyTorch's names with a few exceptions, such as `pad` for `padding` and `axis` for `dim`. docs/pytorch.md has them for every layer.",
});
export const needlessArgument = defineDiagnostic({
  code: 'RES0223',
  title: msg`\`${'callee'}\` needs no \`${'name'}\``,
  found: msg`${'name'}=`,
  expected: msg`nothing: ${'why'}`,
  hint: msg`leave \`${'name'}=\` out`,
  more: 'What PyTorch wants to be told and the compiler knows, such as the channels that go in, is left out, and so is what has a meaning in training only.',
});
export const argumentWithoutCounterpart = defineDiagnostic({
  code: 'RES0224',
  title: msg`\`${'callee'}\` has nothing like \`${'name'}\``,
  found: msg`${'name'}=`,
  expected: msg`the call without it`,
  hint: msg`${'hint'}`,
  more: 'Some arguments of PyTorch have no counterpart, because what they ask for is written otherwise here, or because there is no operator for it.',
});
