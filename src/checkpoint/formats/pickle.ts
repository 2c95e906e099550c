/**
 * A machine for Python's pickle opcodes that builds plain data and calls nothing. It hands the few globals that its caller lists
 * to functions of the caller; a placeholder stands for what any other class or function would have made. It does not recurse, and
 * what it builds is paid for out of a budget before it is made. Source: CPython 3.12, Lib/pickletools.py, protocols 0 to 5.
 */
import { outside } from '../../diagnostics/at.ts';
import { Budget, costOf } from '../../diagnostics/budget.ts';
import { damagedPickle, refusedOpcode } from '../../diagnostics/catalogue/weights.ts';
import { fail } from '../../diagnostics/diagnostic.ts';
import type { ByteSource } from '../../io/bytes.ts';
import { utf8, viewOf } from '../../io/bytes.ts';
import type { ElemType } from '../../ir/types.ts';

/** Bytes of a tensor's numbers that several tensors may share. */
export interface PickledStorage {
  readonly kind: 'storage';
  readonly key: string;
  /** Undefined for an untyped one, whose element type its tensor says. */
  readonly elem: ElemType | undefined;
  /** Elements, or bytes when untyped. */
  readonly count: number;
  /** Elements between the start of the stored bytes and this storage. */
  readonly begin: number;
  readonly bytes?: ByteSource;
  /** Numbers of a type that no graph has; `elem` is undefined then. */
  readonly foreign?: { readonly elem: string; readonly bytes: number };
}
export interface PickledTensor {
  readonly kind: 'tensor';
  readonly storage: PickledStorage;
  readonly elem: ElemType;
  readonly offset: number;
  readonly dims: readonly number[];
  readonly strides: readonly number[];
}
export type Pickled =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | { readonly kind: 'tuple'; readonly items: readonly Pickled[] }
  | { readonly kind: 'list'; readonly items: Pickled[] }
  | { readonly kind: 'dict'; readonly entries: Map<Pickled, Pickled> }
  /** `at` is the byte where the file names it. */
  | { readonly kind: 'global'; readonly name: string; readonly at?: number | undefined }
  | PickledObject
  | PickledStorage
  | PickledTensor;

/** A placeholder: what stands in the file where an object would be, which is never made. */
export interface PickledObject {
  readonly kind: 'opaque';
  /** Its class, or what made it. */
  readonly name: string;
  readonly at?: number | undefined;
  /** Nothing that a user would look for: a device, a set, a NumPy scalar. */
  readonly quiet?: boolean;
  /** A tensor of a type that no graph has; without it no tensor at all. */
  readonly tensor?: { readonly elem: string; readonly bytes: number };
  /** Of a tensor or an array. */
  dims?: readonly number[] | undefined;
  /** Takes what the pickle sets on the object, in place of its attributes. */
  readonly build?: (state: Pickled) => void;
  /** Of a class derived from dict. */
  entries?: Map<Pickled, Pickled>;
}

/** What a global stands for: what calling it gives. `refuse` reports arguments that it cannot have. */
export type GlobalCall = (args: readonly Pickled[], refuse: (found: string, expected: string) => never) => Pickled;

export interface PickleOptions {
  readonly file: string;
  /** Added to offsets in messages: where the bytes begin in the file. */
  readonly origin: number;
  /** Bytes of memory that what it builds may take: see `structureBudget`. */
  readonly budget: number;
  /** By `module.name`. */
  readonly globals: ReadonlyMap<string, GlobalCall>;
  readonly persistent: (id: Pickled, refuse: (found: string, expected: string) => never) => Pickled;
}

/** Thrown where the bytes end before the pickle does; the caller has more, or the file is cut off. */
export class PickleEnds extends Error {}

const instructionLimit = 16_000_000;
const mark = Symbol('mark');
type Slot = Pickled | typeof mark;

/** Text that Python wrote with escapes: \n, \x41, \u0041; `pattern` says which of them the opcode has. */
function withoutEscapes(text: string, pattern: RegExp): string {
  const plain: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f', v: '\v', a: '\x07', '0': '\0' };
  return text.replace(pattern, (whole: string, digits: string | undefined, one: string | undefined) => {
    if (digits !== undefined)
      return Number.parseInt(digits.slice(1), 16) <= 0x10ffff
        ? String.fromCodePoint(Number.parseInt(digits.slice(1), 16))
        : whole;
    return one === undefined ? whole : (plain[one] ?? one);
  });
}
const stringEscapes = /\\(?:(x[\da-fA-F]{2})|([nrtbfva0\\'"]))/g;
const unicodeEscapes = /\\(u[\da-fA-F]{4}|U[\da-fA-F]{8})/g;

const names: Readonly<Record<number, string>> = {
  130: 'EXT1',
  131: 'EXT2',
  132: 'EXT4',
  151: 'NEXT_BUFFER',
  152: 'READONLY_BUFFER',
};

/** Runs the pickle that begins at `start`. Returns what it builds and where it ends. */
export function unpickle(
  bytes: Uint8Array,
  start: number,
  options: PickleOptions,
): { readonly value: Pickled; readonly end: number } {
  const view = viewOf(bytes);
  const stack: Slot[] = [];
  const marks: number[] = [];
  const memo = new Map<number, Slot>();
  let at = start;
  let opcodeAt = start;
  const bad = (found: string, expected: string): never =>
    fail(damagedPickle, { with: { file: options.file, found, expected, offset: options.origin + opcodeAt } });
  const budget = new Budget(options.budget, ({ limit }) =>
    bad(`more than ${Math.round(limit / 2 ** 20)} MiB of containers and texts`, 'what a file of this size can need'),
  );
  const spend = (cost: number): void => budget.spend(cost);
  const need = (count: number): number => {
    if (at + count > bytes.length) throw new PickleEnds();
    at += count;
    return at - count;
  };
  const text = (length: number): string => {
    const from = need(length);
    spend(costOf.object + 2 * length);
    return utf8(bytes.subarray(from, at)) ?? bad('a string that is not UTF-8', 'UTF-8');
  };
  const raw = (length: number): Uint8Array => {
    const from = need(length);
    spend(2 * costOf.object + length);
    return bytes.slice(from, at);
  };
  const latin = (data: Uint8Array): string => {
    let s = '';
    for (const byte of data) s += String.fromCharCode(byte);
    return s;
  };
  const rawLine = (): Uint8Array => {
    const end = bytes.indexOf(10, at);
    if (end < 0) throw new PickleEnds();
    spend(costOf.object + 2 * (end - at));
    if (end - at > 65536) bad('a line of more than 65,536 bytes', 'a short one');
    const from = at;
    at = end + 1;
    return bytes.subarray(from, end);
  };
  const line = (): string => utf8(rawLine()) ?? bad('a line that is not UTF-8', 'UTF-8');
  const long = (length: number): Pickled => {
    spend(costOf.object + length);
    if (length > 1024) bad(`an integer of ${length} bytes`, 'at most 1,024');
    const from = need(length);
    let hex = '';
    for (let i = length - 1; i >= 0; i--) hex += (bytes[from + i] ?? outside()).toString(16).padStart(2, '0');
    let value = hex === '' ? 0n : BigInt(`0x${hex}`);
    if (length > 0 && (bytes[from + length - 1] ?? outside()) >= 128) value -= 1n << BigInt(8 * length);
    return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
  };
  const decimal = (s: string): Pickled => {
    const digits = s.endsWith('L') ? s.slice(0, -1) : s;
    if (!/^[+-]?\d{1,400}$/.test(digits)) return bad('an integer that is none', 'decimal digits');
    const value = BigInt(digits.startsWith('+') ? digits.slice(1) : digits);
    return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
  };
  const u64 = (): number => {
    const from = need(8);
    return view.getUint32(from + 4, true) * 4294967296 + view.getUint32(from, true);
  };
  const u32 = (): number => view.getUint32(need(4), true);
  const u8 = (): number => bytes[need(1)] ?? outside();
  const floor = (): number => (marks.length > 0 ? (marks[marks.length - 1] ?? outside()) + 1 : 0);
  const pop = (): Pickled => {
    if (stack.length <= floor()) return bad('a value taken from an empty stack', 'one that was put there');
    const value = stack.pop();
    return value === mark || value === undefined ? bad('a mark where a value belongs', 'a value') : value;
  };
  const top = (): Pickled => {
    const value = stack.length > floor() ? stack[stack.length - 1] : undefined;
    return value === mark || value === undefined ? bad('an empty stack where a value belongs', 'a value') : value;
  };
  const popToMark = (): Pickled[] => {
    const from = marks.pop();
    if (from === undefined) return bad('items without a mark', 'a mark before them');
    const items: Pickled[] = [];
    for (let i = from + 1; i < stack.length; i++) {
      const item = stack[i];
      if (item === mark || item === undefined) return bad('a mark where a value belongs', 'a value');
      items.push(item);
    }
    stack.length = from;
    spend(costOf.item * items.length);
    return items;
  };
  const isKind = <K extends 'list' | 'dict' | 'tuple' | 'opaque' | 'global'>(
    value: Pickled,
    kind: K,
  ): value is Extract<Pickled, { readonly kind: K }> =>
    typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind;
  const setItems = (target: Pickled, items: readonly Pickled[]): void => {
    if (items.length % 2 !== 0) bad('a key without a value', 'pairs');
    // What a class derived from dict holds are its items, whatever else the class does.
    if (isKind(target, 'opaque') && !target.entries) {
      spend(costOf.map);
      target.entries = new Map();
    }
    const entries = isKind(target, 'dict') || isKind(target, 'opaque') ? target.entries : undefined;
    if (!entries) return bad('items set on what is no dict', 'a dict');
    spend((costOf.entry * items.length) / 2);
    for (let i = 0; i < items.length; i += 2) entries.set(items[i] ?? null, items[i + 1] ?? null);
  };
  const append = (target: Pickled, items: readonly Pickled[]): void => {
    if (isKind(target, 'opaque')) return;
    if (!isKind(target, 'list')) return bad('items appended to what is no list', 'a list');
    spend(costOf.item * items.length);
    for (const item of items) target.items.push(item);
  };
  const global = (module: string, name: string): Pickled => {
    spend(costOf.object);
    return { kind: 'global', name: `${module}.${name}`, at: options.origin + opcodeAt };
  };
  /** A call of what is not known, a class or a function, gives a placeholder. */
  const call = (callee: Pickled, args: Pickled): Pickled => {
    if (!isKind(args, 'tuple')) return bad('a call without a tuple of arguments', 'a tuple');
    spend(costOf.map);
    if (isKind(callee, 'opaque')) return { kind: 'opaque', name: callee.name, at: callee.at };
    if (!isKind(callee, 'global')) return bad('a call of what is no global', 'a global');
    const run = options.globals.get(callee.name);
    if (!run) return { kind: 'opaque', name: callee.name, at: callee.at };
    return run(args.items, (found, expected) => bad(`${callee.name} with ${found}`, expected));
  };
  const remember = (index: number): void => {
    spend(costOf.entry);
    memo.set(index, top());
  };
  const recall = (index: number): Slot =>
    memo.get(index) ?? (memo.has(index) ? null : bad(`memo ${index}, which is empty`, 'one that was filled'));

  for (let count = 0; count < instructionLimit; count++) {
    opcodeAt = at;
    // A place on the stack.
    spend(costOf.item);
    const opcode = u8();
    switch (opcode) {
      case 0x80: {
        const protocol = u8();
        if (protocol > 5) bad(`protocol ${protocol}`, 'at most 5');
        break;
      }
      case 0x95: // FRAME
        need(8);
        break;
      case 0x2e: {
        const value = pop();
        if (stack.length > 0) bad('values left over at the end', 'one value');
        return { value, end: at };
      }
      case 0x28:
        marks.push(stack.length);
        stack.push(mark);
        break;
      case 0x30: // POP
        if (marks.length > 0 && marks[marks.length - 1] === stack.length - 1) {
          marks.pop();
          stack.pop();
        } else pop();
        break;
      case 0x31: // POP_MARK
        popToMark();
        break;
      case 0x32: // DUP
        stack.push(top());
        break;
      case 0x4e:
        stack.push(null);
        break;
      case 0x88:
        stack.push(true);
        break;
      case 0x89:
        stack.push(false);
        break;
      case 0x49: {
        const s = line();
        stack.push(s === '01' ? true : s === '00' ? false : decimal(s));
        break;
      }
      case 0x4c:
        stack.push(decimal(line()));
        break;
      case 0x4a:
        stack.push(view.getInt32(need(4), true));
        break;
      case 0x4b:
        stack.push(u8());
        break;
      case 0x4d:
        stack.push(view.getUint16(need(2), true));
        break;
      case 0x8a:
        stack.push(long(u8()));
        break;
      case 0x8b:
        stack.push(long(u32()));
        break;
      case 0x46: {
        const s = line();
        const value = Number(s);
        if (s.trim() === '' || (Number.isNaN(value) && !/nan/i.test(s))) bad('a float that is none', 'decimal digits');
        stack.push(value);
        break;
      }
      case 0x47:
        stack.push(view.getFloat64(need(8), false));
        break;
      case 0x53: {
        const s = latin(rawLine());
        if (s.length < 2 || !/^(['"]).*\1$/s.test(s)) bad('a string without its quotes', 'a quoted string');
        stack.push(withoutEscapes(s.slice(1, -1), stringEscapes));
        break;
      }
      case 0x55: // SHORT_BINSTRING, of Python 2: bytes that stood for text
        stack.push(latin(raw(u8())));
        break;
      case 0x54: // BINSTRING
        stack.push(latin(raw(u32())));
        break;
      case 0x56: // UNICODE
        stack.push(withoutEscapes(latin(rawLine()), unicodeEscapes));
        break;
      case 0x58:
        stack.push(text(u32()));
        break;
      case 0x8c:
        stack.push(text(u8()));
        break;
      case 0x8d:
        stack.push(text(u64()));
        break;
      case 0x43:
        stack.push(raw(u8()));
        break;
      case 0x42:
        stack.push(raw(u32()));
        break;
      case 0x8e:
        stack.push(raw(u64()));
        break;
      case 0x29:
        spend(2 * costOf.object);
        stack.push({ kind: 'tuple', items: [] });
        break;
      case 0x74:
        spend(2 * costOf.object);
        stack.push({ kind: 'tuple', items: popToMark() });
        break;
      case 0x85:
        spend(2 * costOf.object);
        stack.push({ kind: 'tuple', items: [pop()] });
        break;
      case 0x86: {
        const second = pop();
        spend(2 * costOf.object);
        stack.push({ kind: 'tuple', items: [pop(), second] });
        break;
      }
      case 0x87: {
        const third = pop();
        const second = pop();
        spend(2 * costOf.object);
        stack.push({ kind: 'tuple', items: [pop(), second, third] });
        break;
      }
      case 0x5d: // EMPTY_LIST
      case 0x8f: // EMPTY_SET: a set is a list here, its order that of the file
        spend(2 * costOf.object);
        stack.push({ kind: 'list', items: [] });
        break;
      case 0x6c: // LIST
      case 0x91: // FROZENSET
        spend(2 * costOf.object);
        stack.push({ kind: 'list', items: popToMark() });
        break;
      case 0x61: {
        const item = pop();
        append(top(), [item]);
        break;
      }
      case 0x65: // APPENDS
      case 0x90: {
        const items = popToMark();
        append(top(), items);
        break;
      }
      case 0x7d:
        spend(costOf.map);
        stack.push({ kind: 'dict', entries: new Map() });
        break;
      case 0x64: {
        const items = popToMark();
        spend(costOf.map);
        const dict: Pickled = { kind: 'dict', entries: new Map() };
        setItems(dict, items);
        stack.push(dict);
        break;
      }
      case 0x73: {
        const value = pop();
        const key = pop();
        setItems(top(), [key, value]);
        break;
      }
      case 0x75: {
        const items = popToMark();
        setItems(top(), items);
        break;
      }
      case 0x67: {
        const index = decimal(line());
        stack.push(typeof index === 'number' ? recall(index) : bad('a memo index that is too large', 'a small one'));
        break;
      }
      case 0x68:
        stack.push(recall(u8()));
        break;
      case 0x6a:
        stack.push(recall(u32()));
        break;
      case 0x70: {
        const index = decimal(line());
        if (typeof index !== 'number') bad('a memo index that is too large', 'a small one');
        else remember(index);
        break;
      }
      case 0x71:
        remember(u8());
        break;
      case 0x72:
        remember(u32());
        break;
      case 0x94:
        remember(memo.size);
        break;
      case 0x63: {
        const module = line();
        stack.push(global(module, line()));
        break;
      }
      case 0x93: {
        const name = pop();
        const module = pop();
        stack.push(
          typeof name === 'string' && typeof module === 'string'
            ? global(module, name)
            : bad('a global whose name is no string', 'strings'),
        );
        break;
      }
      case 0x52: // REDUCE
      case 0x81: {
        const args = pop();
        stack.push(call(pop(), args));
        break;
      }
      case 0x92: {
        // NEWOBJ_EX: a class, arguments, and arguments by name.
        pop();
        const args = pop();
        stack.push(call(pop(), args));
        break;
      }
      case 0x69: {
        // INST: a class by two lines, and arguments since the mark.
        const module = line();
        const callee = global(module, line());
        stack.push(call(callee, { kind: 'tuple', items: popToMark() }));
        break;
      }
      case 0x6f: {
        const [callee = null, ...args] = popToMark();
        stack.push(call(callee, { kind: 'tuple', items: args }));
        break;
      }
      case 0x62: {
        // BUILD sets attributes (a state dict's `_metadata`, a NumPy type's byte order), which no tensor depends on.
        const state = pop();
        const target = top();
        if (isKind(target, 'opaque')) target.build?.(state);
        else if (!isKind(target, 'dict') && !isKind(target, 'list') && !isKind(target, 'tuple'))
          bad('attributes set on what has none', 'a container');
        break;
      }
      case 0x50:
        // PERSID: what protocol 0 makes of a tuple is its text.
        stack.push(options.persistent(line(), bad));
        break;
      case 0x96:
        stack.push(raw(u64()));
        break;
      case 0x51: {
        const id = pop();
        stack.push(options.persistent(id, bad));
        break;
      }
      default:
        fail(refusedOpcode, {
          with: {
            file: options.file,
            name: names[opcode] ?? `0x${opcode.toString(16).padStart(2, '0')}`,
            offset: options.origin + opcodeAt,
          },
        });
    }
  }
  return bad(`more than ${instructionLimit} instructions`, 'fewer');
}
