/** The structure of bodies and models: RES0400-RES0499. */
import { defineDiagnostic, msg } from '../diagnostic.ts';

export const noOutput = defineDiagnostic({
  code: 'RES0401',
  title: msg`model \`${'model'}\` has no output`,
  found: msg`no \`output\` statement`,
  expected: msg`at least one`,
  hint: msg`end the model with \`output logits\``,
  more: 'A graph without an output computes nothing that anybody could read.',
});
export const duplicateOutput = defineDiagnostic({
  code: 'RES0402',
  title: msg`two ${'what'}s are named \`${'name'}\``,
  found: msg`a second \`${'name'}\``,
  expected: msg`a name of its own for every input and output`,
  hint: msg`rename one`,
  more: 'Users of the file address inputs and outputs by name.',
});
export const onlyInModel = defineDiagnostic({
  code: 'RES0403',
  title: msg`\`${'what'}\` stands in a model only`,
  found: msg`\`${'what'}\` in a block`,
  expected: msg`a block that takes \`it\` and parameters, and returns values`,
  hint: msg`${'hint'}`,
  more: "Inputs and outputs are the model's face to the outside. A block gets tensors as `it` or as `name: tensor` parameters.",
});
export const noCurrentValue = defineDiagnostic({
  code: 'RES0404',
  title: 'there is no current value here',
  found: msg`${'found'}`,
  expected: msg`a tensor to go on with`,
  hint: msg`${'hint'}`,
  more: 'Inside a body the result of one line is the input of the next, called `it`. With several inputs none of them is `it` until one is named.',
});
export const severalValues = defineDiagnostic({
  code: 'RES0405',
  title: msg`this gives ${'count'} values where one is wanted`,
  found: msg`${'count'} values`,
  expected: msg`one value`,
  hint: msg`take them apart: \`let ${'names'} = …\`; at the end of a body \`return …\` hands all of them on`,
  more: 'A block may return several values; only `let` and `return` take several.',
});
export const wrongCount = defineDiagnostic({
  code: 'RES0406',
  title: msg`${'names'} names for ${'values'} values`,
  found: msg`${'values'} values`,
  expected: msg`as many names as values`,
  hint: msg`${'hint'}`,
  more: '`let a, b = …` takes apart what a block returns, or a list of known length.',
});
export const listOutput = defineDiagnostic({
  code: 'RES0407',
  title: msg`output \`${'name'}\` is no tensor`,
  found: msg`${'found'}`,
  expected: msg`one tensor per output`,
  hint: msg`${'hint'}`,
  more: 'ONNX files have named tensors as outputs; give every element of a list an output of its own, or concat them.',
});
export const duplicatePath = defineDiagnostic({
  code: 'RES0408',
  title: msg`two parameters have the path \`${'path'}\``,
  found: msg`a second \`${'path'}\``,
  expected: msg`one path per parameter`,
  hint: msg`${'hint'}`,
  more: 'The path is the name a checkpoint knows the tensor by. Scopes may be reopened, but a tensor is created once.',
});
export const noEffect = defineDiagnostic({
  code: 'RES0409',
  title: 'this statement has no effect',
  found: msg`${'found'}`,
  expected: msg`a layer, a tensor or a construct`,
  hint: msg`${'hint'}`,
  more: 'A statement sets the current value. A number or a string cannot be the current value.',
});
export const misplacedReturn = defineDiagnostic({
  code: 'RES0410',
  title: '`return` must be the last statement of its body',
  found: msg`${'found'}`,
  expected: msg`return at the end of a block, a body or a final if`,
  hint: msg`${'hint'}`,
  more: 'A body gives back `it`, or what its last `return` names. A `repeat` passes `it` from turn to turn and cannot be left; what a turn returns is gathered with `collect`, or handed on with `with`.',
});
export const carriedCount = defineDiagnostic({
  code: 'RES0417',
  title: msg`a turn gives ${'values'}, and ${'names'} handed on`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'What stands behind `with` is what a turn of a `repeat` hands on to the next, so every turn returns a value for each of these names, in their order. With `collect` it may return more, which are only gathered. A turn that returns nothing gives its last `it`.',
});
export const notRunnable = defineDiagnostic({
  code: 'RES0411',
  title: msg`\`${'name'}\` cannot run here`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'Shortcuts such as project and pad have a meaning after `shortcut` alone, because they look at the body beside them.',
});
export const badShortcut = defineDiagnostic({
  code: 'RES0412',
  title: 'this is no shortcut',
  found: msg`${'found'}`,
  expected: msg`identity, pad, project, project_all, none, a body, a layer or a block`,
  hint: msg`write \`shortcut project\``,
  more: 'The clause says what is added to the body: identity when it is left out.',
});
export const limitReached = defineDiagnostic({
  code: 'RES0414',
  title: msg`${'what'}`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'Repetition and recursion are unrolled while compiling. The limits stop programs that do not end, also where a repetition would only be too large when it has run for long; raise them with --max-steps when a network is really that large.',
});
export const emptyConcat = defineDiagnostic({
  code: 'RES0415',
  title: msg`\`${'callee'}\` of nothing`,
  found: msg`an empty list`,
  expected: msg`at least one tensor`,
  hint: msg`check the list that it is given`,
  more: 'A concatenation or a sum of no tensors has no shape.',
});
export const badMap = defineDiagnostic({
  code: 'RES0416',
  title: '`map` stands in a model only',
  found: msg`map in a block`,
  expected: msg`map at the top of the model`,
  hint: msg`move it into the model`,
  more: '`map "*.gamma" = "*.weight"` renames tensors of a checkpoint before they are matched; that concerns the model as a whole.',
});

export const outputBesideLet = defineDiagnostic({
  code: 'RES0418',
  severity: 'warning',
  title: msg`\`output ${'output'}\` gives \`it\`, and not \`${'name'}\``,
  found: msg`the current value, which \`let ${'name'}\` does not change`,
  expected: msg`\`output ${'output'} = ${'name'}\`, if that is meant`,
  hint: msg`write \`output ${'output'} = ${'name'}\`, or the value of \`${'name'}\` without \`let\`; of a list, \`output ${'output'} = concat(${'name'})\``,
  more: 'A `let` names a value and leaves the current one as it was, so an `output` behind it emits what the line before the `let` gave. An output of the name of a `let` emits the current value as well; it is no warning where both are the same value.',
});

export const minusContinues = defineDiagnostic({
  code: 'RES0419',
  severity: 'warning',
  title: msg`this \`-${'text'}\` goes on with the line above`,
  found: msg`a line that begins with \`-${'text'}\` and is taken from the value before it`,
  expected: msg`a blank behind a \`-\` that subtracts, or a \`;\` before one that begins a statement`,
  hint: msg`write \`- ${'text'}\` to subtract, or \`; -${'text'}\` for a statement of its own`,
  more: 'A line that begins with an operator continues the line above, and a minus is one wherever there is something to take from. `rescc fmt` puts the blank.',
});

export const odeSolver = defineDiagnostic({
  code: 'RES0420',
  title: 'an ode needs a solver that is known',
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: '`euler`, `midpoint`, `heun2`, `heun3`, `rk4` (the classic one) and `rk4_38` (the 3/8 rule, which torchdiffeq calls rk4) take steps of one length; `dopri5`, `bosh3` and `tsit5` choose their steps by the error.',
});
export const odeTimes = defineDiagnostic({
  code: 'RES0421',
  title: 'the times of an ode are two numbers or more that grow',
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'The state begins at the first time. Of two times the state at the second comes out; of more the states at all of them, the first one included, along a new first axis.',
});
export const odeOption = defineDiagnostic({
  code: 'RES0422',
  title: msg`\`${'solver'}\` takes no \`${'option'}\``,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'Solvers with steps of one length take `steps`, how many lie between two neighbouring times, and `emit`. The others take `rtol` and `atol`, which the error of a step is held to, and `max_steps`.',
});
export const odeState = defineDiagnostic({
  code: 'RES0423',
  title: 'the body of an ode says how fast each element of its state changes',
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'The state is the current value in front of the ode, and the body its derivative dy/dt: a tensor of the same shape and element type.',
});
export const endlessLoop = defineDiagnostic({
  code: 'RES0424',
  title: 'this `loop` has nothing that ends it',
  found: msg`${'found'}`,
  expected: msg`a count, or a condition on what the turns hand on`,
  hint: msg`${'hint'}`,
  more: '`loop n { … }` takes n turns, `loop while c { … }` as many as the condition allows, and `loop n while c { … }` ends with whichever comes first.',
});
export const outsideRegion = defineDiagnostic({
  code: 'RES0425',
  title: msg`\`${'what'}\` cannot stand where the run decides whether it comes there`,
  found: msg`\`${'what'}\` in ${'place'}`,
  expected: msg`values that leave it as its result`,
  hint: msg`${'hint'}`,
  more: 'A model has its inputs and outputs whatever the data is. The body of a `loop` runs any number of times, and of the branches of an `if` on a tensor one does.',
});
export const nothingGathered = defineDiagnostic({
  code: 'RES0426',
  title: 'this `loop` gathers nothing',
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'Of the names behind `with` the last values come out. What a turn returns behind them is gathered by `collect`, each along a new first axis, behind the last values.',
});
export const branchValues = defineDiagnostic({
  code: 'RES0427',
  title: 'the branches of this `if` give another number of values',
  found: msg`${'found'}`,
  expected: msg`as many from both`,
  hint: msg`${'hint'}`,
  more: 'Which branch runs is known when the model runs, so what comes out of both is the same: as many values, of the same types.',
});
