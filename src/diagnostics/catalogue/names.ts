/** Names, imports and the choice of the model: RES0100-RES0199. */
import { defineDiagnostic, msg } from '../diagnostic.ts';

export const unknownName = defineDiagnostic({
  code: 'RES0101',
  title: msg`unknown name \`${'name'}\``,
  found: msg`\`${'name'}\``,
  expected: msg`a let, a parameter, a block, a const, an import or an operator`,
  hint: msg`${'hint'}`,
  more: 'A name is looked up in the body it stands in and those around it, then in the file and its imports, then among the operators. `rescc explain` lists no names; the language reference lists all operators.',
});
export const refusedOperator = defineDiagnostic({
  code: 'RES0102',
  title: msg`\`${'name'}\` draws random numbers, which a compiled graph must not do`,
  found: msg`\`${'name'}\``,
  expected: msg`a deterministic operator, so that two runs agree and verify can prove them equal`,
  hint: msg`${'hint'}`,
  more: 'dropout, stochastic_depth and rrelu have a well-defined inference form and are accepted. Operators whose result is a sample have none: make the noise an input of the model and feed it.',
});
export const shadowing = defineDiagnostic({
  code: 'RES0103',
  title: msg`\`${'name'}\` is already defined here`,
  found: msg`a second \`${'name'}\``,
  expected: msg`a new name, because shadowing hides mistakes`,
  hint: msg`${'hint'}`,
  more: 'Within one body and the bodies inside it a name means one thing. `let it = …` is the one exception: it sets the current value.',
});
export const duplicateItem = defineDiagnostic({
  code: 'RES0104',
  title: msg`\`${'name'}\` is declared twice in this file`,
  found: msg`a second declaration of \`${'name'}\``,
  expected: msg`one declaration per name`,
  hint: msg`rename one of the two`,
  more: 'Consts, blocks, models and imports share one space of names per file.',
});
export const importNotFound = defineDiagnostic({
  code: 'RES0105',
  title: msg`cannot import "${'from'}"`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'Imports name a file of the standard library (`std/resnet.res`) or a path relative to the importing file.',
});
export const importMissing = defineDiagnostic({
  code: 'RES0106',
  title: msg`"${'from'}" has no \`${'name'}\``,
  found: msg`\`${'name'}\``,
  expected: msg`one of ${'names'}`,
  hint: msg`${'hint'}`,
  more: 'Only what the other file declares itself can be imported; names it imports are its own business.',
});
export const importCycle = defineDiagnostic({
  code: 'RES0107',
  title: 'these files import each other in a circle',
  found: msg`${'cycle'}`,
  expected: msg`imports without a circle`,
  hint: msg`move what both need into a third file`,
  more: 'A file is complete before what imports it begins, so there is no order in which a circle could be read.',
});
export const chooseModel = defineDiagnostic({
  code: 'RES0110',
  title: msg`${'what'}`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'A file with exactly one complete model needs no choice. A model whose parameters all have values is complete.',
});
export const noModel = defineDiagnostic({
  code: 'RES0111',
  title: msg`${'what'}`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'The compiler turns one model into one graph. A file of blocks alone is a library for others to import.',
});
export const badDefine = defineDiagnostic({
  code: 'RES0112',
  title: msg`-D ${'name'}: ${'what'}`,
  found: msg`\`${'name'}\``,
  expected: msg`${'expected'}`,
  hint: msg`-D ${'example'}`,
  more: '-D name=expr sets a parameter of the chosen model; the expression is read in the scope of the file, so blocks and consts can be named.',
});
export const constCycle = defineDiagnostic({
  code: 'RES0113',
  title: msg`\`${'name'}\` is defined by itself`,
  found: msg`a circle through \`${'name'}\``,
  expected: msg`a definition that ends`,
  hint: msg`give \`${'name'}\` a value of its own`,
  more: 'Consts and models may refer to each other in any order, but not in a circle.',
});
export const unknownPath = defineDiagnostic({
  code: 'RES0114',
  title: msg`no parameter has the path \`${'path'}\``,
  found: msg`\`${'path'}\``,
  expected: msg`the path of a parameter created above, from here or from an outer scope`,
  hint: msg`${'hint'}`,
  more: 'A path such as `wte.weight` names a parameter that a layer above created. It is looked up in the scope it is written in, then outwards.',
});
export const unknownLabel = defineDiagnostic({
  code: 'RES0115',
  title: msg`nothing labelled \`${'label'}\` to reuse`,
  found: msg`\`${'label'}\``,
  expected: msg`a label that stands above`,
  hint: msg`${'hint'}`,
  more: '`reuse label` runs the labelled thing again with the same weights, so it must have run before.',
});
export const itRightOfArrow = defineDiagnostic({
  code: 'RES0116',
  title: '`it` in the arguments right of `->` is the value left of it',
  found: msg`${'found'}`,
  expected: msg`another value: what stands left of \`->\` is the first argument already`,
  hint: msg`name the value that is meant before the chain, as in \`let value = it\`, and write that name; if it is the one left of \`->\`, write \`{ ${'again'} }\` in braces`,
  more: '`skip -> Gate(it)` would gate `skip` with itself. In a body in braces, `skip -> { … it … }`, `it` is the value that the body runs on, as in every body.',
});
export const foreignWord = defineDiagnostic({
  code: 'RES0119',
  title: msg`\`${'name'}\` is a name of ${'of'}, not of this language`,
  found: msg`\`${'found'}\``,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'The compiler knows the names of PyTorch, of the layers of Keras and of ONNX, and says what is written here. docs/pytorch.md lists those of PyTorch, and `rescc explain Conv2d` answers for one. A name of your own wins over all of them.',
});
export const noCounterpart = defineDiagnostic({
  code: 'RES0120',
  title: msg`\`${'name'}\` of PyTorch has no counterpart here`,
  found: msg`\`${'name'}\``,
  expected: msg`something else: it ${'why'}`,
  hint: msg`${'hint'}`,
  more: 'A compiled model is a function of its inputs: what belongs to training, to random numbers, to devices or to Python is no part of the language, and some operators have no layer yet. docs/pytorch.md lists them by their reasons.',
});

export const unusedName = defineDiagnostic({
  code: 'RES0117',
  severity: 'warning',
  title: msg`${'what'} \`${'name'}\` is never used`,
  found: msg`no use of \`${'name'}\``,
  expected: msg`a use, or a name that begins with \`_\``,
  hint: msg`${'hint'}`,
  more: 'A name that nothing reads is often a mistake: the layer that it names changes nothing, or another one was meant. A name that begins with `_` may go unused, and `_` alone names nothing. What a file imports, and the constants of a file without a model, are not looked at.',
});
export const dottedCall = defineDiagnostic({
  code: 'RES0121',
  title: 'nothing is called through a dot',
  found: msg`\`${'found'}\``,
  expected: msg`a layer or function with its tensors in the parentheses, or behind \`->\``,
  hint: msg`${'hint'}`,
  more: 'Layers are no methods and stand in no module: `x.relu()` of PyTorch is `relu(x)` or `x -> relu`, `nn.ReLU()` is `relu`, and what `self.conv1` would hold is written where it runs, `conv1: conv(64, 3x3)`. A dot stands in labels and in the paths of parameters.',
});
