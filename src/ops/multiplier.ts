/**
 * The inner product of blocks: a 4 × 4 tile whose sums stay in registers (Goto and van de Geijn 2008, §4), in WebAssembly two
 * numbers at a time, in JavaScript where there is no WebAssembly with vectors. Both add in the same order and round alike, so
 * that they give the same bits.
 */
import { outside } from '../diagnostics/at.ts';
import { bug } from '../diagnostics/diagnostic.ts';
import { blockColumns, blockRows, blockTerms, type Multiplier } from '../ir/multiplier.ts';
import {
  type Code,
  const32,
  get,
  i32,
  leb,
  pageBytes,
  preamble,
  section,
  set,
  simd,
  sized,
  tee,
  text,
  v128,
  vector,
  webAssembly,
} from './wasm.ts';

/**
 * `left`, `right` and `product` in bytes, panels of rows and of columns, terms, and the bytes of a row of the product, which has
 * more columns than these where several threads share it.
 */
export type BlockArguments = readonly [
  left: number,
  right: number,
  product: number,
  rowPanels: number,
  columnPanels: number,
  terms: number,
  rowBytes: number,
];

export type BlockKernel = (...args: BlockArguments) => void;

/** The memory holds the left factor, then the right one, then the product. */
export const rightAt = blockRows * blockTerms * 8;
export const productAt = rightAt + blockTerms * blockColumns * 8;
const memoryPages = Math.ceil((productAt + blockRows * blockColumns * 8) / pageBytes);

function kernelCode(): Code {
  const [left, right, product, rowPanels, columnPanels, terms, rowBytes] = [0, 1, 2, 3, 4, 5, 6];
  const [a, b, end, row, rows, top, panelBytes] = [7, 8, 9, 10, 11, 12, 13];
  /** Sums of row r are locals sums + 2r and sums + 2r + 1. */
  const sums = 14;
  const [b0, b1, factor] = [22, 23, 24];
  const aligned = [3, 0];
  const at = (offset: number): Code => [3, ...leb(offset)];
  const add: Code = [0x6a];
  const mulAdd = (sum: number, other: number): Code => [
    ...[...get(sum), ...get(factor), ...get(other)],
    ...[...simd(0xf2), ...simd(0xf0), ...set(sum)],
  ];
  const four = [0, 1, 2, 3];
  const zero: Code = simd(12, ...Array.from({ length: 16 }, () => 0));
  const decrement = (local: number): Code => [...get(local), ...const32(1), 0x6b, ...tee(local)];
  const loop = (body: Code, again: Code): Code => [0x03, 0x40, ...body, ...again, 0x0d, 0, 0x0b];
  const term: Code = [
    ...[...get(b), ...simd(0, ...aligned), ...set(b0)],
    ...[...get(b), ...simd(0, ...at(16)), ...set(b1)],
    ...four.flatMap((r) => [
      ...[...get(a), ...simd(10, ...at(8 * r)), ...set(factor)],
      ...mulAdd(sums + 2 * r, b0),
      ...mulAdd(sums + 2 * r + 1, b1),
    ]),
    ...[...get(b), ...const32(32), ...add, ...set(b)],
  ];
  const tile: Code = [
    ...[...get(right), ...set(b)],
    ...[...get(a), ...get(panelBytes), ...add, ...set(end)],
    ...four.flatMap((r) => [...zero, ...set(sums + 2 * r), ...zero, ...set(sums + 2 * r + 1)]),
    ...loop(term, [...get(a), ...const32(32), ...add, ...tee(a), ...get(end), 0x49]),
    ...four.flatMap((r) => [
      ...[...get(row), ...get(sums + 2 * r), ...simd(11, ...aligned)],
      ...[...get(row), ...get(sums + 2 * r + 1), ...simd(11, ...at(16))],
      ...[...get(row), ...get(rowBytes), ...add, ...set(row)],
    ]),
  ];
  const columnPanel: Code = [
    ...[...get(left), ...set(a), ...get(top), ...set(row), ...get(rowPanels), ...set(rows)],
    ...loop(tile, decrement(rows)),
    ...[...get(right), ...get(panelBytes), ...add, ...set(right)],
    ...[...get(top), ...const32(32), ...add, ...set(top)],
  ];
  return [
    ...vector([
      [7, i32],
      [11, v128],
    ]),
    ...[...get(terms), ...const32(5), 0x74, ...set(panelBytes)],
    ...[...get(product), ...set(top)],
    ...loop(columnPanel, decrement(columnPanels)),
    0x0b,
  ];
}

/** One type, the imported memory, one function. A memory that threads share is another type of memory. */
function moduleBytes(shared: boolean): Uint8Array {
  const pages = leb(memoryPages);
  return Uint8Array.from([
    ...preamble,
    ...section(1, [[0x60, ...vector(Array.from({ length: 7 }, () => [i32])), ...vector([])]]),
    ...section(2, [[...text('memory'), ...text('blocks'), 2, shared ? 3 : 1, ...pages, ...pages]]),
    ...section(3, [[0]]),
    ...section(7, [[...text('multiply'), 0, 0]]),
    ...section(10, [sized(kernelCode())]),
  ]);
}

/** What threads need to run the kernel on the same blocks. */
export interface SharedKernel {
  readonly module: object;
  readonly memory: object;
  readonly kernel: BlockKernel;
  readonly blocks: Omit<Multiplier, 'multiply'>;
}

/** Undefined where there is no WebAssembly with vectors, or, for a shared memory, none with threads. */
export function compileKernel(shared: boolean): SharedKernel | undefined {
  if (!webAssembly) return undefined;
  const bytes = moduleBytes(shared);
  if (!webAssembly.validate(bytes)) return undefined;
  const module = new webAssembly.Module(bytes);
  const memory = new webAssembly.Memory({ initial: memoryPages, maximum: memoryPages, shared });
  const { exports } = new webAssembly.Instance(module, { memory: { blocks: memory } });
  const kernel = (exports as { readonly multiply?: BlockKernel }).multiply ?? bug('the module has no multiply');
  const { buffer } = memory;
  const blocks = {
    left: new Float64Array(buffer, 0, blockRows * blockTerms),
    right: new Float64Array(buffer, rightAt, blockTerms * blockColumns),
    product: new Float64Array(buffer, productAt, blockRows * blockColumns),
  };
  return { module, memory, kernel, blocks };
}

/** Sums of 4 × 4 elements over all terms. `?? outside()` costs nothing in compiled code. */
function multiplyPanels(
  terms: number,
  a: Float64Array,
  atA: number,
  b: Float64Array,
  atB: number,
  out: Float64Array,
  at: number,
  width: number,
): void {
  let s00 = 0;
  let s01 = 0;
  let s02 = 0;
  let s03 = 0;
  let s10 = 0;
  let s11 = 0;
  let s12 = 0;
  let s13 = 0;
  let s20 = 0;
  let s21 = 0;
  let s22 = 0;
  let s23 = 0;
  let s30 = 0;
  let s31 = 0;
  let s32 = 0;
  let s33 = 0;
  const end = atA + terms * 4;
  let i = atA;
  let j = atB;
  for (; i < end; i += 4, j += 4) {
    const b0 = b[j] ?? outside();
    const b1 = b[j + 1] ?? outside();
    const b2 = b[j + 2] ?? outside();
    const b3 = b[j + 3] ?? outside();
    const a0 = a[i] ?? outside();
    s00 += a0 * b0;
    s01 += a0 * b1;
    s02 += a0 * b2;
    s03 += a0 * b3;
    const a1 = a[i + 1] ?? outside();
    s10 += a1 * b0;
    s11 += a1 * b1;
    s12 += a1 * b2;
    s13 += a1 * b3;
    const a2 = a[i + 2] ?? outside();
    s20 += a2 * b0;
    s21 += a2 * b1;
    s22 += a2 * b2;
    s23 += a2 * b3;
    const a3 = a[i + 3] ?? outside();
    s30 += a3 * b0;
    s31 += a3 * b1;
    s32 += a3 * b2;
    s33 += a3 * b3;
  }
  out[at] = s00;
  out[at + 1] = s01;
  out[at + 2] = s02;
  out[at + 3] = s03;
  out[at + width] = s10;
  out[at + width + 1] = s11;
  out[at + width + 2] = s12;
  out[at + width + 3] = s13;
  out[at + 2 * width] = s20;
  out[at + 2 * width + 1] = s21;
  out[at + 2 * width + 2] = s22;
  out[at + 2 * width + 3] = s23;
  out[at + 3 * width] = s30;
  out[at + 3 * width + 1] = s31;
  out[at + 3 * width + 2] = s32;
  out[at + 3 * width + 3] = s33;
}

/** The multiplier in JavaScript. */
export function plainMultiplier(): Multiplier {
  const left = new Float64Array(blockRows * blockTerms);
  const right = new Float64Array(blockTerms * blockColumns);
  const product = new Float64Array(blockRows * blockColumns);
  return {
    left,
    right,
    product,
    multiply(rowPanels, columnPanels, terms) {
      const width = 4 * columnPanels;
      for (let q = 0; q < columnPanels; q++)
        for (let p = 0; p < rowPanels; p++)
          multiplyPanels(terms, left, p * terms * 4, right, q * terms * 4, product, 4 * (p * width + q), width);
    },
  };
}

/** The fastest multiplier of one thread. */
export function localMultiplier(): Multiplier {
  const compiled = compileKernel(false);
  if (!compiled) return plainMultiplier();
  const { kernel, blocks } = compiled;
  return {
    ...blocks,
    multiply: (rowPanels, columnPanels, terms) =>
      kernel(0, rightAt, productAt, rowPanels, columnPanels, terms, 32 * columnPanels),
  };
}
