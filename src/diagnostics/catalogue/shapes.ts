/** Shapes and element types: RES0300-RES0399. */
import { defineDiagnostic, msg } from '../diagnostic.ts';

export const layerShape = defineDiagnostic({
  code: 'RES0301',
  title: msg`\`${'layer'}\` does not take this input`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'Shapes are inferred and checked while compiling, line by line; `rescc explain` with the name of a layer says what its parameters are.',
});
export const shortcutShape = defineDiagnostic({
  code: 'RES0302',
  title: 'body and shortcut of this residual have different shapes',
  found: msg`body      ${'body'}\nshortcut  ${'shortcut'}`,
  expected: msg`one shape for both, because residual adds them`,
  hint: msg`${'fix'}`,
  more: 'identity passes `it` on unchanged, so a body that strides or widens needs `pad` (option A: no parameters) or `project` (option B: a 1x1 convolution and a batchnorm).',
});
export const padNarrows = defineDiagnostic({
  code: 'RES0303',
  title: 'shortcut pad cannot take channels away',
  found: msg`body ${'body'} channels, input ${'input'} channels`,
  expected: msg`a body with at least as many channels as its input`,
  hint: msg`write \`shortcut project\``,
  more: 'Option A of the paper pads with zero channels; there is no such rule for fewer channels.',
});
export const strideUnknown = defineDiagnostic({
  code: 'RES0304',
  title: 'the total stride of this body must be said',
  found: msg`${'found'}`,
  expected: msg`a body of strided layers, or a stride of the shortcut`,
  hint: msg`write \`shortcut project(stride=1)\` with the stride that fits`,
  more: 'pad and project act by stride and channels alone, never by the size of the picture. The stride of a body is the product along its path, which a resize or a transposed convolution makes unclear.',
});
export const symbolicParameter = defineDiagnostic({
  code: 'RES0305',
  title: msg`the shape of parameter \`${'path'}\` would depend on the input`,
  found: msg`${'shape'}`,
  expected: msg`known numbers, because parameters are stored in the file`,
  hint: msg`${'hint'}`,
  more: 'A parameter has one shape for all inputs. Where a symbol reaches a parameter, fix the size in the input type, or pool the axis away first.',
});
export const enormous = defineDiagnostic({
  code: 'RES0306',
  title: 'this tensor is enormous',
  found: msg`${'found'}`,
  expected: msg`at most 2^40 elements`,
  hint: msg`check the sizes: a channel count and a grid may be exchanged`,
  more: 'A tensor of more than 2^40 elements fits no machine that runs ONNX, so it is taken for a mistake.',
});
export const elemMismatch = defineDiagnostic({
  code: 'RES0307',
  title: msg`unknown element type \`${'name'}\``,
  found: msg`${'name'}`,
  expected: msg`one of ${'names'}`,
  hint: msg`${'hint'}`,
  more: 'A tensor type is an element type and its dimensions: `f32[N, 3, 224, 224]`.',
});
export const tieMismatch = defineDiagnostic({
  code: 'RES0308',
  title: msg`\`${'path'}\` is used again with another shape`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`reuse it on a tensor with the same channels`,
  more: '`reuse` and `shared` run the same weights again, so what comes in must fit them.',
});
export const symbolPinned = defineDiagnostic({
  code: 'RES0309',
  title: msg`the symbol \`${'name'}\` is used before an input defines it`,
  found: msg`${'name'}`,
  expected: msg`a dimension of an input that is \`${'name'}\` alone, or tells it as \`2 * ${'name'} + 1\` does`,
  hint: msg`write \`${'name'}\` as a dimension of its own in an input`,
  more: 'A symbol is born where it stands as a dimension of an input, alone or times a number and plus a number; its value is read from there when the model runs.',
});
export const carriedType = defineDiagnostic({
  code: 'RES0326',
  title: msg`a turn changes the type of \`${'name'}\``,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'The body of a `loop` is in the file once, so what it hands on has the same element type and shape in every turn. A sequence that grows is gathered with `collect`; a buffer of the largest size is written by `scatter`.',
});
export const branchTypes = defineDiagnostic({
  code: 'RES0327',
  title: 'the branches of this `if` give different types',
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'Which branch runs is known when the model runs, so both give the same element type and the same sizes. A size that only the data knows may differ.',
});
export const gatheredSize = defineDiagnostic({
  code: 'RES0328',
  title: 'what a `loop` gathers has one size in every turn',
  found: msg`${'found'}`,
  expected: msg`sizes that are known before the loop`,
  hint: msg`${'hint'}`,
  more: 'What the turns give lies side by side along a new first axis, so that each of them gives as much.',
});
