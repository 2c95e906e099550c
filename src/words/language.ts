/**
 * The language's own words, for `rescc explain loop` and for docs/reference.md: what each means, and an example. Its form is the
 * production of the grammar. Examples that are no whole file are bodies behind `input x: f32[N, 64, 32, 32]`; the tests compile
 * all.
 */
import { namesOf } from './word.ts';

export interface LanguageWord {
  /** Words that one page is about, the one that it is called by first. */
  readonly words: string;
  /** The productions of the grammar that are its form. */
  readonly rules?: string;
  /** Paragraphs, with a blank line between. */
  readonly text: string;
  readonly example: string;
  /** The heading of docs/language.md that says more. */
  readonly section: string;
}

const files: readonly LanguageWord[] = [
  {
    words: 'import from',
    rules: 'importItem importName',
    text: 'Takes constants, blocks and models of another file. `"std/…"` is the library that comes with the compiler, everything else is relative to the importing file. `as` gives another name.',
    example: `import { Bottleneck as Unit } from "std/resnet.res"

model Net {
  input image: f32[N, 64, 32, 32]
  Unit(64)
  output y
}`,
    section: 'Files',
  },
  {
    words: 'const',
    rules: 'constItem',
    text: 'Names a value without tensors for the whole file: a number, a string, a list, or a block with some arguments filled in. In a body a value is named by `let`.',
    example: `const widths = [16, 32, 64]

model Net {
  input image: f32[N, 3, 32, 32]
  repeat widths as width { conv(width, 3x3)  relu }
  output y
}`,
    section: 'Files',
  },
  {
    words: 'block',
    rules: 'blockItem params param',
    text: 'A part of a network with parameters, which is called as a layer is. It runs on `it`, and passes on its last `it`, or what it returns. Behind the colon of a parameter, `block` is the type of a layer or block that is handed over.',
    example: `block Unit(width, act: block = relu) {
  conv(width, 3x3)  batchnorm  act
}
model Net {
  input image: f32[N, 3, 32, 32]
  stem: Unit(16)
  head: Unit(32, act=silu)
  output y
}`,
    section: 'Files',
  },
  {
    words: 'model',
    rules: 'modelItem',
    text: 'What can be compiled: it alone has inputs and outputs. `model B = A(…)` is another model with parameters filled in. Parameters without a default are given by `-D name=value`.',
    example: `model Digits(classes = 10) {
  input image: f32[N, 1, 28, 28]
  flatten  linear(classes)
  output logits
}
model Letters = Digits(26)`,
    section: 'Files',
  },
  {
    words: 'input',
    rules: 'inputStmt range',
    text: 'An input of a model, with its element type and its shape. A name in the shape that means nothing yet is a size that is known when the model runs. `in low..high` says what the numbers lie in.',
    example: `model Net {
  input image: f32[N, 3, H, W] in 0..1 mean=[0.5] std=[0.25]
  conv(8, 3x3)
  output y
}`,
    section: 'Inputs and outputs',
  },
  {
    words: 'output',
    rules: 'outputStmt range',
    text: '`output name` gives the current value, `it`, out of the model; `output name = …` something else. One of the two stands in every model.',
    example: `model Net {
  input image: f32[N, 3, 32, 32]
  conv(8, 3x3)
  output features
  output mean = it -> global_avgpool
}`,
    section: 'Inputs and outputs',
  },
  {
    words: 'map',
    rules: 'mapStmt',
    text: 'In a model: how a checkpoint calls the tensors that the model calls otherwise, from their names to ours, as `--map` says it on the command line. `*` matches anything and carries it over, `none` drops the tensor.',
    example: `model Net {
  input x: f32[N, 8]
  map "*.gamma" = "*.weight"
  map "*.beta" = "*.bias"
  norm: layernorm
  output y
}`,
    section: 'Weights from a checkpoint',
  },
];

const statements: readonly LanguageWord[] = [
  {
    words: 'it',
    text: 'The current value of a body. Every layer, block and construct takes it and sets it; `let`, `assert`, `param` and `output` leave it as it is. `let it, …` sets it with the first of several values.',
    example: `let before = it
conv(64, 3x3)  relu
it + before`,
    section: 'Bodies and the current value',
  },
  {
    words: 'let',
    rules: 'letStmt',
    text: 'Names a value: a tensor, a number, a list, or what a layer or body gives that runs here. It holds to the end of its body, branch or turn, and is never assigned again. Several names take several values apart; `_` leaves one out.',
    example: `let skip = it
let narrow, _ = split(2)
narrow -> conv(64, 1x1)
it + skip`,
    section: 'Branches and several results',
  },
  {
    words: 'param',
    rules: 'paramStmt',
    text: 'A tensor of weights of its own, with the name in the path of its scope. Without an initialiser it begins at zero.',
    example: `param scale: f32[64, 1, 1] = ones
it * scale`,
    section: 'Parameters and initialisers',
  },
  {
    words: 'return',
    rules: 'returnStmt',
    text: 'Ends a block or body and says what it gives: one value or several. It is the last statement, or the last of both branches of a final `if`. Without it, the last `it` is given.',
    example: `block Down(width) {
  conv(width, 3x3)  relu
  return it, maxpool(2x2)
}
model Net {
  input x: f32[N, 3, 64, 64]
  let fine, it = Down(8)
  resize(scale=2)
  concat(fine, it)
  output y
}`,
    section: 'Branches and several results',
  },
  {
    words: 'assert',
    rules: 'assertStmt',
    text: 'Of sizes of the inputs it is a promise: shapes are computed with it, and `run` refuses other inputs. Anything else is checked while compiling, and fails with the message.',
    example: `model Net(width = 8) {
  input image: f32[N, 3, H, W]
  assert H % 4 == 0 and W % 4 == 0
  assert width > 0, "channels to come out"
  maxpool(4x4)  resize(scale=4)  conv(width, 3x3)
  output y
}`,
    section: 'Shapes and symbols',
  },
  {
    words: 'if else ?',
    rules: 'ifStmt',
    text: `A condition that is known while compiling takes one branch, and the other leaves no trace; \`else if\` goes on. \`c ? a : b\` chooses a value in the same way.

A condition on data, a tensor of one bool, is decided when the model runs: both branches are in the file, as an ONNX \`If\`, and give one type.`,
    example: `let wide = channels() > 32
if wide { conv(32, 1x1) } else { relu }
if reduce_max(it) > 10.0 { tanh } else { it * (wide ? 0.5 : 1.0) }`,
    section: 'if',
  },
];

const constructs: readonly LanguageWord[] = [
  {
    words: 'repeat',
    rules: 'repeat itemNames handedOn carried',
    text: `Runs its body so many times, or once for each element of a list, each turn on what the one before gave. It is written out while compiling: every turn has nodes and weights of its own, under the label and an index.

\`shared\` gives all turns one set of weights, \`with\` hands several values on, \`collect\` gives a list of what every turn ends with. Where the turns do not follow each other it is \`each\`; where the run decides how many there are, \`loop\`.`,
    example: `layers: repeat [64, 128] as width, i {
  conv(width, 3x3, stride = i == 0 ? 1 : 2)  relu
}`,
    section: 'Repetition and sharing',
  },
  {
    words: 'each',
    rules: 'each itemNames',
    text: 'Runs its body once for each element of a list, or n times, always from the same `it`, and gives the list of what comes out. Where each turn goes on from the one before it is `repeat`.',
    example: `let pooled = each [1, 2, 4] as size { adaptive_avgpool(size)  conv(16, 1x1)  resize(like=x) }
concat(it, pooled)`,
    section: 'Repetition and sharing',
  },
  {
    words: 'loop',
    rules: 'loop handedOn carried',
    text: `A repetition that stays one in the file, an ONNX \`Loop\`: its body is there once, all turns share its weights, and how often it runs may depend on the data. \`loop n\` takes a count, an int, a size or a tensor \`i64[]\`; \`while\` a condition that is asked before every turn; \`as i\` is the number of the turn, a tensor.

\`with\` names what a turn hands on to the next, and the body returns as much; each keeps its type. \`collect\` lays what the turns give along a new first axis. A repetition whose count is known, with weights for every turn, is \`repeat\`.`,
    example: `let z, _ = loop 100 with z = it, change = 1.0 while change > 0.001 {
  let next = z -> conv(64, 3x3) -> tanh
  return next, (next - z) -> abs -> reduce_max
}
z`,
    section: 'Loops and branches of the run',
  },
  {
    words: 'while',
    rules: 'loop',
    text: 'The condition of a `loop`, a tensor of one bool that is asked before every turn: `loop while c { … }`, or `loop n while c { … }` for at most n turns. It reads `it`, what is handed on, and the number of turns. It begins no statement of its own.',
    example: 'loop 16 while reduce_max(it) > 1.0 { it * 0.5 }',
    section: 'Loops and branches of the run',
  },
  {
    words: 'with',
    rules: 'handedOn carried',
    text: 'Of a `repeat` or `loop`: the values that a turn hands on to the next. `with a = x` begins with x, `with a` with what `a` means outside; the body returns a value for each, in their order, and the last of them come out.',
    example: `let a, b = repeat 3 with a = it, b = it { return conv(64, 3x3), a + b }
a + b`,
    section: 'with',
  },
  {
    words: 'collect',
    rules: 'repeat loop',
    text: 'Of a `repeat`: the result is a list of what each turn ends with, or returns. Of a `loop`: one tensor, with the turns along a new first axis.',
    example: `let all = repeat 4 collect { conv(32, 3x3)  relu }
concat(all)`,
    section: 'collect',
  },
  {
    words: 'shared',
    rules: 'repeat each',
    text: 'Of a `repeat` or `each`: all turns have one set of weights, without an index in their paths. The turns of a `loop` share theirs always.',
    example: 'block1: repeat 3 shared { conv(64, 3x3)  relu }',
    section: 'shared, reuse, tied weights',
  },
  {
    words: 'reuse',
    rules: 'reuse',
    text: 'Runs what has this label again, on the current value and with the same weights. To run a block with the same weights but other arguments, hand them on in a `repeat … shared`.',
    example: `encoder: { conv(64, 3x3)  relu }
reuse encoder`,
    section: 'shared, reuse, tied weights',
  },
  {
    words: 'sequential',
    rules: 'sequential',
    text: 'Labels every layer, block and construct in it by its position, as `torch.nn.Sequential` does. What has a label of its own keeps it.',
    example: `features: sequential {
  conv(8, 3x3)
  relu
  conv(8, 3x3)
}`,
    section: 'sequential',
  },
  {
    words: 'ode euler midpoint heun2 heun3 rk4 rk4_38 dopri5 bosh3 tsit5',
    rules: 'ode',
    text: `Follows a differential equation: the body says how fast each element of the state changes, and the state at the last of the times comes out, or of more than two times the states at all of them. All evaluations share the body's weights. Arguments go by name:

\`solver\` is "euler", "midpoint", "heun2", "heun3", "rk4" or "rk4_38" with steps of one length, or "dopri5", "bosh3" or "tsit5" with steps by the error. "rk4" is the classic method, and "rk4_38" the 3/8 rule that torchdiffeq calls rk4. \`t\` lists the times.

\`steps\` is how many steps lie between two times, and \`emit="loop"\` writes them as a Loop; of the steps by the error \`rtol\`, \`atol\` and \`max_steps\`.`,
    example: 'stage: ode(solver="rk4", t=[0, 1], steps=4) as t { it * t -> conv(64, 3x3) -> tanh }',
    section: 'Depth as time',
  },
  {
    words: 'residual',
    rules: 'residual shortcut',
    text: '`residual { F } shortcut S` computes F(it) + S(it); without the clause the shortcut is `it` itself. `residual(scale=0.1)` multiplies F by a number, `residual(gain=true)` by a learned one per channel. An activation after the sum stands behind it.',
    example: `residual {
  conv(128, 3x3, stride=2)  batchnorm  relu
  conv(128, 3x3)  batchnorm
} shortcut downsample: project
relu`,
    section: 'Residuals',
  },
  {
    words: 'shortcut project project_all identity pad none',
    rules: 'shortcut',
    text: `What a \`residual\` adds to its body: \`identity\`; \`pad\`, which takes every s-th element and adds channels of zeros (option A of He et al. 2015); \`project\`, a 1×1 convolution and a batchnorm where stride or channels change (B); \`project_all\`, always (C); \`none\`, nothing, for a plain network; or a body, layer or block of your own.

The label of the clause is the scope of its weights. A kind of shortcut is a value, and can be an argument of a block.`,
    example: `block Unit(width, stride, via = project) {
  residual { conv(width, 3x3, stride=stride)  batchnorm } shortcut downsample: via
}
model Net {
  input x: f32[N, 16, 32, 32]
  Unit(32, 2)
  Unit(32, 1, via=identity)
  output y
}`,
    section: 'Residuals',
  },
];

const parts: readonly LanguageWord[] = [
  {
    words: 'as',
    text: 'Names what a construct gives to its body, or another name for something: `repeat widths as width, i`, `loop n as i`, `ode(…) as t`, `input past.key: … as k`, `import { A as B }`.',
    example: 'repeat [8, 16] as width, i { layer{i + 1}: conv(width, 3x3) }',
    section: 'Repetition and sharing',
  },
  {
    words: 'in',
    rules: 'range',
    text: 'Behind the type of an input, or the name of an output: what its numbers lie in, and how they are normalised. Loops have `as` and no `in`: `repeat list as x { … }`.',
    example: `model Net {
  input image: f32[N, 3, H, W] in 0..255
  conv(3, 3x3)
  output picture in 0..255
}`,
    section: 'What numbers lie in',
  },
  {
    words: '->',
    rules: 'chain',
    text: 'Runs what stands right of it on the value left of it, in the place of `it`. It binds loosest of all.',
    example: `let gate = it -> global_avgpool -> fc: conv(64, 1x1, bias=true) -> sigmoid
it * gate`,
    section: 'Branches and several results',
  },
  {
    words: 'and or not',
    text: 'Of bools while compiling, and element by element of tensors of bools. `not` binds looser than comparisons, `or` loosest.',
    example: 'if channels() >= 8 and not (channels() % 3 == 0) { conv(8, 3x3) }',
    section: 'Compile-time values',
  },
  {
    words: 'true false',
    text: 'The two bools. Conditions are bools: there is no truth of numbers.',
    example: 'conv(64, 3x3, bias=true)',
    section: 'Compile-time values',
  },
  {
    words: 'int float bool string size tensor',
    rules: 'param typeRef',
    text: 'Types of parameters of blocks and models, each with `[]` behind it for a list. A float takes an int as well; a size is `3x3` or `[3, 3]`. Without a type, a parameter accepts what has the type of its default.',
    example: `block Unit(width: int, kernel: size = 3x3, more: tensor[] = []) {
  concat([it] + more)
  conv(width, kernel)
}
model Net {
  input x: f32[N, 8, 16, 16]
  Unit(16, 5x5, [x, relu(x)])
  output y
}`,
    section: 'Parameters of blocks and models',
  },
  {
    words: 'f32 f16 bf16 f64 i64 i32 i16 i8 u64 u32 u16 u8',
    rules: 'tensorType',
    text: 'Element types of tensors, with `bool`: in the types of inputs and parameters, and for `cast`. Two tensors of different types are never promoted silently.',
    example: 'cast(f16)  conv(8, 3x3)  cast(f32)',
    section: 'Tensors',
  },
  {
    words: 'shape rank channels',
    text: '`shape(x)` is the list of the sizes of a tensor, `rank(x)` how many there are, `channels(x)` the size of axis 1; of `it` without an argument. Sizes that only the run knows are symbols, with which one computes.',
    example: `let n, c, h, w = shape(it)
reshape(n, c, h * w)`,
    section: 'Compile-time values',
  },
  {
    words: 'len reverse range',
    text: '`len(xs)` is the length of a list or size, `reverse(xs)` the list from its end. `range(n)`, `range(a, b)` and `range(a, b, step)` are lists of ints, up to but without the end; with a symbolic bound an i64 tensor.',
    example: 'repeat reverse(range(3)) as i { layer{i}: conv(64, 3x3) }',
    section: 'Compile-time values',
  },
  {
    words: 'min max sum abs sqrt pow exp log log2 sin cos floor ceil round floordiv',
    text: 'Functions of numbers, evaluated while compiling. `min`, `max` and `sum` take several numbers or one list, and symbolic ints. A division of ints must be exact: `floordiv(a, b)` rounds down. `floor`, `ceil` and `round` make ints of floats. On tensors, those names are layers.',
    example: 'conv(max(8, floordiv(channels(), 3)), 1x1)',
    section: 'Compile-time values',
  },
  {
    words: 'zeros ones fill normal uniform kaiming_normal kaiming_uniform xavier_normal xavier_uniform',
    text: 'How a parameter begins without `--weights`: `zeros`, `ones`, `fill(v)`; `normal(std)`; `uniform(bound)`; `kaiming_normal` and `kaiming_uniform` (He et al. 2015) over `mode="fan_out"` or `"fan_in"`; `xavier_normal` and `xavier_uniform` (Glorot and Bengio 2010). They stand behind the `=` of a `param`, and as `init=` of a layer.',
    example: `param scale: f32[64, 1, 1] = fill(0.5)
conv(64, 3x3, init=normal(std=0.02))
it * scale`,
    section: 'Parameters and initialisers',
  },
];

export const languageWords = (): readonly LanguageWord[] => [...files, ...statements, ...constructs, ...parts];

/** The names that an entry is found by. */
export const namesOfEntry = (entry: LanguageWord): readonly string[] => namesOf(entry.words);

export const languageWord = (name: string): LanguageWord | undefined =>
  languageWords().find((entry) => namesOfEntry(entry).includes(name));
