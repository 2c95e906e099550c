/** Numbers that are typed: how they are read, which shape they take, and what is refused. */
import { describe, expect, it } from 'vitest';
import { DiagnosticError } from '../../src/diagnostics/diagnostic.ts';
import { Dim } from '../../src/ir/dim.ts';
import type { ElemType } from '../../src/ir/types.ts';
import { isFolder } from '../../src/runtime/folder.ts';
import { isTyped, parseNumbers, tensorOfNumbers } from '../../src/runtime/literals.ts';

const input = (elem: ElemType, ...dims: readonly (number | string)[]) => ({
  name: 'x',
  type: { elem, dims: dims.map((d) => (typeof d === 'number' ? Dim.of(d) : Dim.symbol(d))) },
});
const made = (text: string, elem: ElemType, ...dims: readonly (number | string)[]) => {
  const tensor = tensorOfNumbers(text, input(elem, ...dims));
  return [tensor.dims, [...tensor.data]];
};
const refused = (text: string, elem: ElemType, ...dims: readonly (number | string)[]): string => {
  try {
    tensorOfNumbers(text, input(elem, ...dims));
  } catch (error) {
    if (error instanceof DiagnosticError) return error.diagnostics.map((d) => `${d.code}: ${d.found} | ${d.expected}`).join();
    throw error;
  }
  return 'taken';
};

describe('numbers that are typed', () => {
  it('fill the last open axis', () => {
    expect(made('464,2068', 'i64', 'N', 'T')).toEqual([
      [1, 2],
      [464, 2068],
    ]);
    expect(made('1, 2 3', 'f32', 'T')).toEqual([[3], [1, 2, 3]]);
    expect(made('1,2,3,4', 'f32', 'N', 2)).toEqual([
      [2, 2],
      [1, 2, 3, 4],
    ]);
    expect(made('1,2,3,4', 'f32', 2, 2)).toEqual([
      [2, 2],
      [1, 2, 3, 4],
    ]);
    expect(made('7', 'i32')).toEqual([[], [7]]);
  });
  it('lists have their own shape', () => {
    expect(made('[[1, 2], [3, 4]]', 'i64', 'N', 'T')).toEqual([
      [2, 2],
      [1, 2, 3, 4],
    ]);
    expect(made('[1 2 3]', 'i64', 'N', 'T')).toEqual([
      [1, 3],
      [1, 2, 3],
    ]);
    expect(made('[]', 'i64', 'T')).toEqual([[0], []]);
  });
  it('are rounded to the type, exact as integers, and words where there are some', () => {
    expect(made('0.1,-1e3,inf,-Infinity,+2', 'f32', 'T')).toEqual([[5], [Math.fround(0.1), -1000, Infinity, -Infinity, 2]]);
    expect(made('nan', 'f32', 'T')).toEqual([[1], [Number.NaN]]);
    expect(made('true,false,1,0', 'bool', 'T')).toEqual([[4], [1, 0, 1, 0]]);
    expect(made('+5,-3', 'i8', 'T')).toEqual([[2], [5, -3]]);
    expect(tensorOfNumbers('9007199254740993', input('i64', 'T')).wide?.[0]).toBe(9007199254740993n);
  });
  it('are refused where they do not fit', () => {
    expect(refused('1,2.5', 'i64', 'T')).toBe('RES0813: 2.5 | whole numbers that i64 holds');
    expect(refused('300', 'u8', 'T')).toBe('RES0813: 300 | whole numbers that u8 holds');
    expect(refused('-1', 'u8', 'T')).toBe('RES0813: -1 | whole numbers that u8 holds');
    expect(refused('9223372036854775808', 'i64', 'T')).toContain('9223372036854775808');
    expect(refused('inf', 'i64', 'T')).toContain('whole numbers');
    expect(refused('2', 'bool', 'T')).toContain('true, false, 1 or 0');
    expect(refused('1,2,3', 'f32', 'N', 2)).toContain('3 numbers | f32[N, 2]');
    expect(refused('1,2', 'f32')).toContain('2 numbers');
    expect(refused('[[[1]]]', 'f32', 'N', 2)).toContain('lists 3 deep | 2 at most');
    expect(refused('[[1, 2], [3]]', 'f32', 'N', 2)).toContain('lists that are not equally long');
    expect(refused('[1, 2', 'f32', 'N')).toContain('a list that is not closed');
    expect(refused('[1, 2] 3', 'f32', 'N')).toContain('behind the list');
    expect(refused('[1, x]', 'f32', 'N')).toContain('`x]`');
    expect(refused('['.repeat(100_000), 'f32', 'N')).toContain('16 deep');
  });
  it('are told from names of files', () => {
    for (const text of ['464,2068', '[1]', '-.5', '1e5', 'true', '0']) expect(isTyped(text), text).toBe(true);
    for (const text of ['cat.png', '1.png', '0-cat.png', 'truename', '2pac', 'nano.npy', '', '1,2,cat.png', '1.2.3'])
      expect(isTyped(text), text).toBe(false);
    expect(parseNumbers('')).toBe('nothing');
    // More than a path may have, which file systems say by an error of their own.
    expect(isFolder(`x=${'0.5,'.repeat(2000)}1`)).toBe(false);
  });
});
