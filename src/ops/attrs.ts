/** Typed reading of operands and attributes inside operator definitions. What is missing here was promised by the caller. */
import { bug } from '../diagnostics/diagnostic.ts';
import { Dim } from '../ir/dim.ts';
import type { Attrs, Check, OnnxAttr } from '../ir/operator.ts';
import { isFloat, type TensorType, typeText } from '../ir/types.ts';

/** An operand (type, tensor or name) that is not optional. */
export function given<T>(operands: readonly (T | undefined)[], index: number): T {
  return operands[index] ?? bug(`operand ${index} is missing`);
}

export function numberAttr(attrs: Attrs, name: string): number {
  const value = attrs[name];
  return typeof value === 'number' ? value : bug(`attribute ${name} is no number`);
}

export function boolAttr(attrs: Attrs, name: string): boolean {
  const value = attrs[name];
  return typeof value === 'boolean' ? value : bug(`attribute ${name} is no bool`);
}

export function stringAttr(attrs: Attrs, name: string): string {
  const value = attrs[name];
  return typeof value === 'string' ? value : bug(`attribute ${name} is no string`);
}

/** Attributes of the kinds `ints`, `floats`, `axes` and `pads`. */
export function numbersAttr(attrs: Attrs, name: string): readonly number[] {
  const value = attrs[name];
  if (typeof value !== 'object') return bug(`attribute ${name} is no list`);
  const out: number[] = [];
  for (const item of value) out.push(typeof item === 'number' ? item : (item.constant ?? bug(`attribute ${name} is symbolic`)));
  return out;
}

/** Attributes of the kind `dims`; plain numbers are taken too. */
export function dimsAttr(attrs: Attrs, name: string): readonly Dim[] {
  const value = attrs[name];
  if (typeof value !== 'object') return bug(`attribute ${name} is no list`);
  const out: Dim[] = [];
  for (const item of value) out.push(typeof item === 'number' ? Dim.of(item) : item);
  return out;
}

/** An int attribute of an ONNX node. */
export const onnxInt = (value: number): OnnxAttr => ({ kind: 'int', value });

/** All given operands are floats of one element type. */
export function checkFloats(check: Check, label: string, types: readonly (TensorType | undefined)[]): void {
  const [first] = types;
  if (!first) return;
  // What was found is put into words only where it is wrong: deep networks check 100,000 nodes.
  if (!isFloat(first.elem)) check(label, false, typeText(first), 'a tensor of floats', 'cast(f32)');
  for (const type of types) {
    if (!type || type.elem === first.elem) continue;
    check(label, false, `${typeText(first)} and ${typeText(type)}`, 'one element type', `cast(${first.elem})`);
  }
}

/** The operand is a vector with one element per channel. */
export function checkVector(check: Check, label: string, what: string, type: TensorType | undefined, length: Dim): void {
  if (!type) return;
  if (type.dims.length === 1 && type.dims[0]?.equals(length) === 'yes') return;
  check(label, false, `${what} ${typeText(type)}`, `${what} ${type.elem}[${length}]`);
}
