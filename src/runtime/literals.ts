/**
 * Tensors that are typed instead of a file: `464,2068`, `[[1, 2], [3, 4]]`, `true,false`, and files of such numbers. Integers are
 * read exactly, beyond 2^53 too.
 */
import { inputMisfit } from '../diagnostics/catalogue/runtime.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { elemFacts } from '../ir/elem.ts';
import { roundTo } from '../ir/round.ts';
import { elementCount, type HostTensor, isFloat, typeText } from '../ir/types.ts';
import { isWideElem, tensorOfIntegers } from '../ir/wide.ts';
import type { Signature } from './promises.ts';

/** A number as it is written, so that no digit of an integer is lost. */
const number = /[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|inf(?:inity)?|nan)|true|false/iy;
const wholeText = /^[+-]?\d+$/;

/** What is deeper than this is no tensor that anybody types. */
const mostLevels = 16;
/** What is longer is a file's. */
const mostTyped = 100_000;

interface Parsed {
  readonly words: readonly string[];
  /** The sizes of nested lists; undefined for numbers without brackets. */
  readonly dims: readonly number[] | undefined;
}

/** Numbers between commas or blanks, or lists of equally long lists of them; a text says what is wrong. */
export function parseNumbers(text: string): Parsed | string {
  const words: string[] = [];
  let at = 0;
  const blank = (): void => {
    while (at < text.length && /\s/.test(text.charAt(at))) at++;
  };
  const word = (): string | undefined => {
    number.lastIndex = at;
    const found = number.exec(text)?.[0];
    if (found === undefined || /[\w.]/.test(text.charAt(at + found.length))) return `\`${text.slice(at, at + 12)}\``;
    words.push(found.toLowerCase());
    at += found.length;
    return undefined;
  };
  /** The sizes within a list, or what is wrong. */
  const list = (level: number): readonly number[] | string => {
    if (level > mostLevels) return `lists more than ${mostLevels} deep`;
    at++;
    let inner: readonly number[] | undefined;
    let count = 0;
    for (blank(); text[at] !== ']'; blank()) {
      if (at >= text.length) return 'a list that is not closed';
      const here = text[at] === '[' ? list(level + 1) : (word() ?? []);
      if (typeof here === 'string') return here;
      if (inner && here.join() !== inner.join()) return 'lists that are not equally long';
      inner = here;
      count++;
      blank();
      if (text[at] === ',') at++;
    }
    at++;
    return [count, ...(inner ?? [])];
  };
  blank();
  if (text[at] === '[') {
    const dims = list(1);
    if (typeof dims === 'string') return dims;
    blank();
    return at < text.length ? `\`${text.slice(at, at + 12)}\` behind the list` : { words, dims };
  }
  while (at < text.length) {
    const wrong = word();
    if (wrong !== undefined) return wrong;
    blank();
    if (text[at] === ',') at++;
    blank();
  }
  return words.length === 0 ? 'nothing' : { words, dims: undefined };
}

/** Whether a word of the command line is numbers and no name of a file. */
export function isTyped(text: string): boolean {
  return (
    text.length <= mostTyped &&
    /^\s*(?:\[|[+-]?(?:\.?\d|inf|nan)|true\b|false\b)/i.test(text) &&
    typeof parseNumbers(text) !== 'string'
  );
}

/**
 * The tensor that these numbers are for an input. Numbers in a row fill its last axis that is open, axes before it are 1; lists
 * have the shape that they are written in, axes of 1 in front of it where it has fewer. Throws `DiagnosticError` (RES0813).
 */
export function tensorOfNumbers(text: string, input: Signature, from = text): HostTensor {
  const { name, type } = input;
  const { elem } = type;
  const example = exampleFor(elem);
  const misfit = (found: string, expected: string, hint = `--input ${name}=${example}`): never =>
    fail(inputMisfit, { with: { name, found: from === text ? found : `${found}, in ${from}`, expected, hint } });
  const parsed = parseNumbers(text);
  if (typeof parsed === 'string') return misfit(parsed, `numbers for ${typeText(type)}, such as ${example}`);
  const { words } = parsed;
  const rank = type.dims.length;
  const dims = parsed.dims
    ? [...Array<number>(Math.max(0, rank - parsed.dims.length)).fill(1), ...parsed.dims]
    : shapeInARow(input, words.length);
  if (!dims)
    return misfit(words.length === 1 ? '1 number' : `${words.length} numbers`, typeText(type), `--input ${name}=FILE.npy`);
  if (dims.length !== rank)
    return misfit(`lists ${dims.length} deep`, `${rank} at most, for ${typeText(type)}`, `--input ${name}=FILE.npy`);
  if (isFloat(elem)) {
    const data = Float64Array.from(words, numberOf);
    roundTo(elem, data);
    return { elem, dims, data };
  }
  const wrong = words.find((word) => !fitsIn(elem, word));
  if (wrong !== undefined) return misfit(wrong, elem === 'bool' ? 'true, false, 1 or 0' : `whole numbers that ${elem} holds`);
  if (isWideElem(elem))
    return tensorOfIntegers(
      elem,
      dims,
      words.map((word) => BigInt(wholeOf(word))),
    );
  return { elem, dims, data: Float64Array.from(words, (word) => Number(wholeOf(word))) };
}

const exampleFor = (elem: HostTensor['elem']): string => (elem === 'bool' ? 'true,false' : isFloat(elem) ? '0.5,1' : '1,2');

/** `true` is 1; a sign in front is dropped where BigInt knows none. */
const wholeOf = (word: string): string => (word === 'true' ? '1' : word === 'false' ? '0' : word.replace(/^\+/, ''));

function numberOf(word: string): number {
  if (/inf/.test(word)) return word.startsWith('-') ? -Infinity : Infinity;
  if (/nan/.test(word)) return Number.NaN;
  return Number(wholeOf(word));
}

function fitsIn(elem: HostTensor['elem'], word: string): boolean {
  const whole = wholeOf(word);
  if (!wholeText.test(whole)) return false;
  const n = BigInt(whole);
  const bits = BigInt(8 * elemFacts[elem].bytes);
  if (elem === 'bool') return n === 0n || n === 1n;
  return elem.startsWith('u') ? n >= 0n && n < 1n << bits : n >= -(1n << (bits - 1n)) && n < 1n << (bits - 1n);
}

/** Sizes of an input for so many numbers in a row; undefined where they do not fill it. */
function shapeInARow({ type }: Signature, count: number): readonly number[] | undefined {
  const known = elementCount(type.dims.map((dim) => dim.constant ?? 1));
  const open = type.dims.findLastIndex((dim) => dim.constant === undefined);
  if (known === 0 || count % known !== 0 || (open < 0 && count !== known)) return undefined;
  return type.dims.map((dim, axis) => dim.constant ?? (axis === open ? count / known : 1));
}
