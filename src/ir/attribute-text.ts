/** Attributes in the text form of graphs. */
import type { Dim } from './dim.ts';
import { parseDim } from './dim-text.ts';
import type { AttrSpec, AttrValue } from './operator.ts';
import type { SizePromise } from './promise.ts';
import type { AttrText } from './statements.ts';
import { isElemType } from './types.ts';

/** What an attribute of each kind is, and one as it is written. */
export const attrWords: Readonly<Record<AttrSpec['kind'], readonly [what: string, example: string]>> = {
  int: ['a whole number', '1'],
  float: ['a number', '0.5'],
  bool: ['`true` or `false`', 'true'],
  string: ['a text in quotes', '"nearest"'],
  elem: ['an element type', 'f32'],
  dims: ['a list of sizes', '[N, 64]'],
  ints: ['a list of whole numbers', '[0, 1]'],
  floats: ['a list of numbers', '[0.5, 1]'],
  axes: ['a whole number, or a list of one for every axis', '1'],
  pads: ['a whole number, or a list: those before every axis, then those behind', '1'],
};

/**
 * The value of an attribute as its kind reads it; undefined where it is of another kind. `promises` says what is promised of a
 * symbol.
 */
export function attributeValue(
  spec: AttrSpec,
  { value }: AttrText,
  promises: ReadonlyMap<string, SizePromise>,
): AttrValue | undefined {
  if ('kind' in value) {
    if (value.kind === 'number') return ['int', 'float', 'axes', 'pads'].includes(spec.kind) ? value.value : undefined;
    if (value.kind === 'string') return spec.kind === 'string' ? value.text : undefined;
    if (spec.kind === 'bool' && (value.text === 'true' || value.text === 'false')) return value.text === 'true';
    return spec.kind === 'elem' && isElemType(value.text) ? value.text : undefined;
  }
  if (spec.kind === 'dims') {
    const dims: Dim[] = [];
    for (const item of value) {
      const text = item.kind === 'number' ? String(item.value) : item.kind === 'string' ? JSON.stringify(item.text) : item.text;
      const dim = parseDim(text, promises);
      if (!dim) return undefined;
      dims.push(dim);
    }
    return dims;
  }
  if (!['ints', 'floats', 'axes', 'pads'].includes(spec.kind)) return undefined;
  const numbers: number[] = [];
  for (const item of value) {
    if (item.kind !== 'number') return undefined;
    numbers.push(item.value);
  }
  return numbers;
}
