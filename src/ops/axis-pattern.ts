/**
 * Patterns that name axes: `b (h p) w c -> b h (w p c)`, the notation of einops (Rogozhnikov 2022, "Einops: Clear and Reliable
 * Tensor Manipulations with Einstein-like Notation", ICLR). Every part knows where it stands in the pattern, so that what does
 * not fit is shown there.
 */
import { axisCount, axisMissing, axisNotNamed, axisPattern, axisSize, axisUnknown } from '../diagnostics/catalogue/axes.ts';
import type { DiagnosticKind } from '../diagnostics/diagnostic.ts';
import { nearest } from '../diagnostics/suggest.ts';
import { CheckFailure } from '../ir/operator.ts';

/** Where something is wrong: the argument of the layer, and for a string the characters of it. */
export interface ArgumentPlace {
  readonly argument: string;
  readonly start?: number;
  readonly end?: number;
}

type AxisKind = DiagnosticKind<'axis' | 'layer' | 'found' | 'expected' | 'hint'>;

const kinds = {
  pattern: axisPattern,
  missing: axisMissing,
  unknown: axisUnknown,
  size: axisSize,
  count: axisCount,
  argument: axisNotNamed,
} satisfies Readonly<Record<string, AxisKind>>;

/** A pattern that cannot be read, or whose axes the tensor does not have. */
export class AxisFailure extends CheckFailure {
  readonly diagnostic: AxisKind;
  readonly place: ArgumentPlace;
  readonly axis: string;
  constructor(kind: keyof typeof kinds, place: ArgumentPlace, axis: string, found: string, expected: string, hint: string) {
    super(`axis-${kind}`, found, expected, hint);
    this.name = 'AxisFailure';
    this.diagnostic = kinds[kind];
    this.place = place;
    this.axis = axis;
  }
}

/** A name, a number, or `...`, at its place in the pattern. */
export interface Axis {
  readonly kind: 'name' | 'number' | 'ellipsis';
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** One axis of a tensor: what is named there, several where parentheses join them. */
export interface Group {
  readonly axes: readonly Axis[];
  /** Written with parentheses. */
  readonly joined: boolean;
  readonly start: number;
  readonly end: number;
}

export interface Side {
  readonly groups: readonly Group[];
  readonly start: number;
  readonly end: number;
}

/** The argument that holds the pattern, in every layer that has one. */
const argument = 'pattern';

export const inPattern = ({ start, end }: { readonly start: number; readonly end: number }): ArgumentPlace => ({
  argument,
  start,
  end,
});

interface Token {
  readonly kind: 'name' | 'number' | 'ellipsis' | 'open' | 'close' | 'arrow' | 'comma';
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

const shapes: readonly (readonly [Token['kind'], RegExp])[] = [
  ['arrow', /->/y],
  ['ellipsis', /\.\.\.|…/y],
  ['open', /\(/y],
  ['close', /\)/y],
  ['comma', /,/y],
  ['name', /[A-Za-z_][A-Za-z0-9_]*/y],
  ['number', /[0-9]+(?![A-Za-z_])/y],
];

/** How a pattern and its messages write an axis. */
export const axisName = ({ kind, text }: Axis): string => (kind === 'ellipsis' ? '...' : text);

/** Points into the pattern. */
export function refuse(
  at: { readonly start: number; readonly end: number },
  found: string,
  expected: string,
  hint: string,
): never {
  throw new AxisFailure('pattern', inPattern(at), '', found, expected, hint);
}

function tokenAt(text: string, at: number): Token | undefined {
  for (const [kind, shape] of shapes) {
    shape.lastIndex = at;
    const match = shape.exec(text)?.[0];
    if (match !== undefined) return { kind, text: match, start: at, end: at + match.length };
  }
  return undefined;
}

/** The words of a pattern. Throws `AxisFailure` at a sign that none begins with. */
export function patternTokens(text: string): readonly Token[] {
  const out: Token[] = [];
  for (let at = 0; at < text.length; ) {
    if (/\s/.test(text.charAt(at))) {
      at++;
      continue;
    }
    const token = tokenAt(text, at);
    if (!token) {
      const sign = /^(?:\d\w*|\.+|-|.)/u.exec(text.slice(at))?.[0] ?? '';
      const hint = sign === '-' ? 'write `->`' : sign.startsWith('.') ? 'write `...`' : 'name axes by letters, digits and `_`';
      refuse({ start: at, end: at + sign.length }, `\`${sign}\``, 'names of axes, numbers, `...`, parentheses and `->`', hint);
    }
    out.push(token);
    at = token.end;
  }
  return out;
}

/** One side: groups, no name twice. */
function sideOf(tokens: readonly Token[], start: number, end: number): Side {
  const groups: Group[] = [];
  const seen = new Set<string>();
  let open: { readonly at: Token; readonly axes: Axis[] } | undefined;
  for (const token of tokens) {
    const { kind, text } = token;
    if (kind === 'comma' || kind === 'arrow') {
      const what = kind === 'comma' ? 'blanks between axes' : 'one `->`';
      refuse(token, `\`${text}\``, what, kind === 'comma' ? 'write a blank for the comma' : 'leave one of them out');
    } else if (kind === 'open') {
      if (open) refuse(token, 'parentheses inside parentheses', 'one level of them', 'leave the inner ones out');
      open = { at: token, axes: [] };
    } else if (kind === 'close') {
      if (!open) refuse(token, '`)` without `(`', 'parentheses in pairs', 'leave it out, or write `(` before its axes');
      groups.push({ axes: open.axes, joined: true, start: open.at.start, end: token.end });
      open = undefined;
    } else {
      const axis: Axis = { kind, text, start: token.start, end: token.end };
      const name = axisName(axis);
      if (kind !== 'number') {
        const how = kind === 'ellipsis' ? 'one `...` on each side' : 'each name once on each side';
        const hint = kind === 'ellipsis' ? 'leave one of them out' : 'give one of them another name';
        if (seen.has(name)) refuse(token, `\`${name}\` twice`, how, hint);
        seen.add(name);
      }
      if (kind === 'number' && Number(text) === 0) refuse(token, 'an axis of size 0', 'sizes of at least 1', 'leave it out');
      if (open) open.axes.push(axis);
      else groups.push({ axes: [axis], joined: false, start: token.start, end: token.end });
    }
  }
  if (open) refuse(open.at, '`(` without `)`', 'parentheses in pairs', 'write `)` behind its axes');
  return { groups, start, end };
}

/** `left -> right`. Throws `AxisFailure`. */
export function parsePattern(text: string): { readonly left: Side; readonly right: Side } {
  const tokens = patternTokens(text);
  const at = tokens.findIndex((token) => token.kind === 'arrow');
  const arrow = tokens[at];
  if (!arrow)
    return refuse({ start: 0, end: text.length }, `"${text}"`, 'two sides with `->` between', `write \`"${text} -> …"\``);
  const left = sideOf(tokens.slice(0, at), 0, arrow.start);
  const right = sideOf(tokens.slice(at + 1), arrow.end, text.length);
  const dots = (side: Side) => side.groups.find((group) => group.axes.some((axis) => axis.kind === 'ellipsis'));
  const joined = dots(left);
  if (joined?.joined)
    refuse(joined, '`...` inside parentheses on the left', 'it outside, or on the right', 'take it out of the parentheses');
  const added = dots(right);
  if (added && !joined) refuse(added, '`...` on the right alone', 'it on the left too', 'write `...` on the left');
  return { left, right };
}

export const axesOf = (side: Side): readonly Axis[] => side.groups.flatMap((group) => group.axes);

/** Refuses a size that is given for an axis that the pattern has not. */
export function checkSizesNamed(sizes: ReadonlyMap<string, unknown>, names: readonly string[]): void {
  for (const name of sizes.keys()) {
    if (names.includes(name)) continue;
    // Any letter is like any other.
    const near = name.length > 1 ? nearest(name, names) : undefined;
    const hint = near ? `did you mean \`${near}=\`?` : `remove \`${name}=\``;
    const expected = names.length > 0 ? `one of ${names.join(', ')}` : 'no sizes, because it names no axis';
    throw new AxisFailure('argument', { argument: name }, name, `\`${name}=\``, expected, hint);
  }
}
