/** Axes by name, the patterns of `rearrange`, `reduce` and `einsum`: RES0317-RES0325. */
import { defineDiagnostic, msg } from '../diagnostic.ts';

export const axisPattern = defineDiagnostic({
  code: 'RES0317',
  title: msg`\`${'layer'}\` cannot read this pattern`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'A pattern names the axes of a tensor and, behind `->`, those of the result, with blanks between: `"b c (h p) w -> b (h w) (p c)"`. Axes in one pair of parentheses are one axis of the tensor, the last of them moving fastest; `...` stands for any number of axes, `1` and `()` for an axis of size 1. A name stands once on each side.',
});
export const axisMissing = defineDiagnostic({
  code: 'RES0318',
  title: msg`the axis \`${'axis'}\` stands on one side of the arrow alone`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: '`rearrange` keeps every element, so an axis of the tensor is an axis of the result. A new axis repeats the tensor along it, and needs a size: `rearrange("h w -> h w c", c=3)`. `reduce` is what takes axes away.',
});
export const axisUnknown = defineDiagnostic({
  code: 'RES0319',
  title: msg`the size of the axis \`${'axis'}\` is not known`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'Of the axes that one axis of the tensor is taken apart into, one may be left open: its size is what the others leave. The others are given by name: `rearrange("b (h d) -> b h d", h=8)`.',
});
export const axisSize = defineDiagnostic({
  code: 'RES0320',
  title: msg`the size of \`${'axis'}\` does not fit`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'Sizes are compared while compiling. Parts of an axis must divide it without a rest, also where its size is a symbol: `assert H % 8 == 0` promises that.',
});
export const axisCount = defineDiagnostic({
  code: 'RES0321',
  title: msg`this pattern names another number of axes than the tensor has`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'Every axis of the tensor is named, in order; `...` stands for those that stay together as they are.',
});
export const axisNotNamed = defineDiagnostic({
  code: 'RES0322',
  title: msg`there is no axis \`${'axis'}\` in this pattern`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'hint'}`,
  more: 'The named arguments behind a pattern are sizes of the axes that it names.',
});
