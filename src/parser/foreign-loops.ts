/**
 * Loops as other languages write them, where one of them is what could not be read: `for i in range(8):`,
 * `for (i = 0; i < 8; i++)`, `while c { … }`, and headers of ours with words of theirs, such as `repeat i in xs` or
 * `loop … until c`. The hint has what was written in the form of this language.
 */
import { positionOf, type SourceFile, type Span } from '../diagnostics/source.ts';

export interface LoopAdvice {
  readonly expected: string;
  readonly fix: string;
  /** Of a loop that begins with a word of others: where that stands, and the whole header. */
  readonly begun?: { readonly word: string; readonly span: Span; readonly header: string };
}

/** What a loop runs over, and the names that its turns have: `8` as `i`, `widths` as `width, i`. */
interface Turns {
  readonly over: string;
  readonly names: string | undefined;
  /** A number of turns, and no list. */
  readonly count: boolean;
}

const foreign = /(?:^|[^\w.\-"])(foreach|forEach|for|while|until|do)(?=[\s(])/;
const own = /(?:^|[^\w.\-"])(repeat|each|loop)\s/;

const forms: Readonly<Record<string, string>> = {
  repeat: '`repeat n as i { … }` or `repeat list as x { … }`',
  each: '`each list as x { … }`',
  loop: '`loop n as i with a = x while c { … }`, each of them at its place, or left out',
};

/** Advice about the loop whose header holds the place from `start` to `end`; undefined where there is none. */
export function foreignLoop(file: SourceFile, start: number, end: number): LoopAdvice | undefined {
  const { text } = file;
  const line = start - positionOf(file, start).column + 1;
  // One sign more tells where a word ends.
  const written = text.slice(line, end + 1);
  if (written.includes('//')) return undefined;
  // No body or text lies between a header's first word and the place.
  const from = line + Math.max(0, ...['{', '}', '"'].map((sign) => written.lastIndexOf(sign)));
  const before = text.slice(from, end + 1);
  const ours = own.exec(before);
  if (ours?.[1] !== undefined) {
    const [whole, word] = ours;
    const fix = ownFix(word, headerAt(text, from + ours.index + whole.indexOf(word) + word.length));
    if (fix !== undefined) return { expected: forms[word] ?? '', fix };
  }
  const theirs = foreign.exec(before);
  if (theirs?.[1] === undefined) return undefined;
  const [whole, word] = theirs;
  const counts = word.startsWith('for');
  // In a loop of ours, `while` is a word of ours.
  if (ours && !counts) return undefined;
  const begin = from + theirs.index + whole.indexOf(word);
  const header = headerAt(text, begin + word.length, counts);
  return {
    expected: counts ? '`repeat`, `each` or `loop`' : '`loop`, with its condition behind `while`',
    fix: foreignFix(word, header),
    begun: { word, span: { file, start: begin, end: begin + word.length }, header },
  };
}

/**
 * The text up to the body: a brace, or a colon or the end of the line outside of brackets; `inside` ends a header in parentheses
 * with these.
 */
function headerAt(text: string, from: number, inside = false): string {
  const wrapped = inside && /^\s*\(/.test(text.slice(from, from + 40));
  let depth = 0;
  let at = from;
  for (; at < text.length; at++) {
    const sign = text[at] ?? '';
    if (sign === '\n' || sign === '\r' || sign === '{' || (sign === ':' && depth === 0)) break;
    if (sign === '(' || sign === '[') depth++;
    if (sign === ')' || sign === ']') depth--;
    if (wrapped && sign === ')' && depth === 0) return withoutParentheses(onOneLine(text.slice(from, at + 1)));
  }
  return withoutParentheses(onOneLine(text.slice(from, at)));
}

/** With one blank for any number of them, over which the forms of headers would be tried again and again. */
const onOneLine = (text: string): string => text.trim().replace(/\s+/g, ' ');

/** `(i in 8)` is `i in 8`; `(a) + (b)` stays. */
function withoutParentheses(text: string): string {
  if (!text.startsWith('(') || !text.endsWith(')')) return text;
  let depth = 0;
  for (const [at, sign] of [...text].entries()) {
    if (sign === '(') depth++;
    if (sign === ')') depth--;
    if (depth === 0 && at < text.length - 1) return text;
  }
  return text.slice(1, -1).trim();
}

const negated = (condition: string): string => `not (${withoutParentheses(condition)})`;

/** Names of Python that have another spelling here. */
const spelled = (text: string): string =>
  text.replace(/\b(?:True|False)\b/g, (word) => word.toLowerCase()).replace(/\breversed\(/g, 'reverse(');

function foreignFix(word: string, written: string): string {
  const header = spelled(written);
  if (word === 'while' || word === 'do') return `write \`loop while ${header || 'condition'} { … }\``;
  if (word === 'until') return `write \`loop while ${negated(header)} { … }\``;
  const turns = turnsOf(header);
  if (turns === undefined) return 'write `repeat 8 as i { … }`, `repeat list as x { … }` or `loop while condition { … }`';
  const { over, names = 'i', count } = turns;
  const head = `${over} as ${names}`;
  const first = names.split(',')[0] ?? names;
  const run = count ? `\`loop ${over} as ${first} { … }\`` : `\`loop n as ${first} { … }\``;
  return `write \`repeat ${head} { … }\` where each turn goes on from the one before, \`each ${head} { … }\` where all begin alike, and ${run} for a loop of the run, whose count may depend on the data`;
}

/** Headers that begin with a word of ours and go on as those of others. */
function ownFix(word: string, header: string): string | undefined {
  const times = /^(.+?)\s+times$/.exec(header);
  if (times) return `write \`${word} ${times[1]} { … }\``;
  const condition = word === 'loop' ? null : /^(.+?)\s+while\s+(.+)$/.exec(header);
  if (condition) return `write \`loop ${condition[1]} while ${condition[2]} { … }\``;
  const until = /^(.*?)\s*\buntil\b\s*(.+)$/.exec(header);
  if (until) return `write \`loop ${[until[1], `while ${negated(until[2] ?? '')}`].filter(Boolean).join(' ')} { … }\``;
  if (word === 'loop') {
    const most = /^(.*?)\s*\bmax\s+(\w+)$/.exec(header);
    const rest = most?.[1] ?? header;
    const set = /^(\w+)\s*=(?!=)\s*(\S.*)$/.exec(rest);
    const clauses = set ? (/^\d+$/.test(set[2] ?? '') ? set[2] : `with ${rest}`) : rest;
    if (most || set) return `write \`loop ${[most?.[2], clauses].filter(Boolean).join(' ')} { … }\``;
  }
  const turns = turnsOf(header);
  if (turns === undefined) return undefined;
  const { over, names } = turns;
  return `write \`${word} ${over}${names === undefined ? (word === 'each' ? ' as i' : '') : ` as ${names}`} { … }\``;
}

/** `i in 8`, `i, x in enumerate(xs)`, `i = 0; i < 8; i++`, `i = 0 to 8`, `0..8`, with or without `as i`. */
function turnsOf(header: string): Turns | undefined {
  const within = /^(?:(?:let|var|const|int|auto)\s+)?\(?(\w+)(?:\s*,\s*(\w+))?\)?\s+(?:in|of)\s+(.+)$/.exec(header);
  if (within) {
    const [, first = 'i', second, over = ''] = within;
    const counted = /^enumerate\s*\((.*)\)$/.exec(over);
    if (counted) return { over: counted[1] ?? over, names: `${second ?? 'x'}, ${first}`, count: false };
    return { ...overOf(over), names: second === undefined ? first : `${first}, ${second}` };
  }
  const steps = /^(?:\w+\s+)?(\w+)\s*=\s*([^;]+);\s*\1\s*(<=?|!=)\s*([^;]+);/.exec(header);
  if (steps) {
    const [, name = 'i', from = '0', sign, to = 'n'] = steps;
    return { ...between(from.trim(), sign === '<=' ? after(to.trim()) : to.trim()), names: name };
  }
  const counted = /^(\w+)(?:\s*=|\s+from)\s*(.+?)\s*(?:,|\bto\b|\bthrough\b|:)\s*([^,:]+)$/.exec(header);
  if (counted) {
    const [, name = 'i', from = '0', to = 'n'] = counted;
    return { ...between(from, after(to)), names: name };
  }
  const set = /^(\w+)\s*=(?!=)\s*(\w+)$/.exec(header);
  if (set) return { over: set[2] ?? 'n', names: set[1], count: true };
  const range = /^(.+?)\s*\.\.\s*(.+?)(?:\s+as\s+(.+))?$/.exec(header);
  return range ? { ...between(range[1] ?? '0', range[2] ?? 'n'), names: range[3] } : undefined;
}

/** What a loop runs over: `range(8)` is 8 turns, `0..8` and `0:8` a list. */
function overOf(text: string): Omit<Turns, 'names'> {
  const call = /^range\s*\(\s*([^(),]+)\s*\)$/.exec(text);
  if (call) return { over: call[1]?.trim() ?? 'n', count: true };
  const ends = /^([\w.]+?)\s*(?:\.\.|:)\s*(\w+)$/.exec(text);
  if (ends) return between(ends[1] ?? '0', ends[2] ?? 'n');
  return { over: text, count: /^\d+$/.test(text) };
}

const between = (from: string, to: string): Omit<Turns, 'names'> =>
  from === '0' ? { over: to, count: true } : { over: `range(${from}, ${to})`, count: false };

/** The number behind one, as the end of a range that has it in. */
const after = (text: string): string => (/^\d+$/.test(text) ? String(Number(text) + 1) : `${text} + 1`);
