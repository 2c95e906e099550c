/** The text form of graphs: RES0900-RES0949. */
import { defineDiagnostic, msg } from '../diagnostic.ts';

export const graphSyntax = defineDiagnostic({
  code: 'RES0901',
  title: 'this is not the text of a graph',
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`compare with a line that \`--emit ir\` prints: ${'example'}`,
  more: 'A graph is written one node a line: `%0 = relu(%x) : f32[N, 3]  @scope`. `%` names values, `#` names weights, `@` names scopes.',
});
export const graphOperator = defineDiagnostic({
  code: 'RES0902',
  title: msg`unknown operator \`${'name'}\``,
  found: msg`\`${'name'}\``,
  expected: msg`an operator, such as \`conv\` or \`relu\``,
  hint: msg`write the name as \`--emit ir\` prints it`,
  more: 'The text of a graph names operators, not layers: a layer such as `global_avgpool` may be several operators.',
});
export const graphUndefined = defineDiagnostic({
  code: 'RES0903',
  title: msg`\`${'name'}\` is not defined here`,
  found: msg`${'found'}`,
  expected: msg`a name that a line above defines, in this graph or one around it`,
  hint: msg`write \`${'name'} = …\` on a line above this one`,
  more: 'The nodes of a graph stand in an order in which every operand comes before its readers. What a region defines can be used in that region alone.',
});
export const graphRedefined = defineDiagnostic({
  code: 'RES0904',
  title: msg`\`${'name'}\` is defined twice`,
  found: msg`a second definition of \`${'name'}\``,
  expected: msg`one definition of every name`,
  hint: msg`rename one of them, here and where it is read`,
  more: 'Values are defined once. Inputs, and likewise outputs, of one graph have different names.',
});
export const graphOperands = defineDiagnostic({
  code: 'RES0905',
  title: msg`\`${'name'}\` does not take these operands`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'The shape rules of the operators hold in the text of a graph as they do in a model.',
});
export const graphType = defineDiagnostic({
  code: 'RES0906',
  title: msg`\`${'name'}\` has another type than this line says`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`write \`: ${'expected'}\`, or leave the types of the line out`,
  more: 'Types are inferred when a graph is read; where a line states them they must be what is inferred.',
});
export const graphResults = defineDiagnostic({
  code: 'RES0907',
  title: msg`\`${'name'}\` has another number of results`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`name every result left of \`=\`, also those that nobody reads`,
  more: 'Every result of a node has a name in the text of a graph.',
});
export const graphAttribute = defineDiagnostic({
  code: 'RES0908',
  title: msg`\`${'name'}\` does not take this attribute`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'Attributes stand in braces, each a name and a value of its kind: `{stride=2, pads=[0, 1, 0, 1], mode="nearest"}`.',
});
export const graphWeight = defineDiagnostic({
  code: 'RES0909',
  title: 'this weight cannot be made',
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'A weight is a parameter, `#fc.bias[10]`, an expression over parameters, `#mul(fc.weight[10, 64], #0)`, or numbers, `const f32[2] [1, 2]`. One path is one parameter, with one shape, element type and role.',
});
export const graphResidual = defineDiagnostic({
  code: 'RES0910',
  title: 'this residual does not fit the graph',
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`leave the line out: residual tags serve summaries and drawings alone`,
  more: 'A residual lists the nodes of its body, its shortcut and its sum by their first results: `residual @layer1.0 #0 body=%3..%7 sum=%8`. The one around it stands on a line above.',
});
export const graphForeign = defineDiagnostic({
  code: 'RES0911',
  title: msg`\`${'name'}\` is an operator of an imported file`,
  found: msg`\`${'name'}\`, whose attributes this text does not hold`,
  expected: msg`operators that rescc knows`,
  hint: msg`rescc optimize MODEL.onnx --emit ir`,
  more: 'What rescc does not know of an ONNX file passes through as bytes. The text of a graph says how many there are, not which, so that a graph with such an operator can be printed and not read.',
});
