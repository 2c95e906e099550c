/**
 * Counts for people: `4.089 G × N`, `18.43 k × N·T² + 109.0 M × N·T`. Exact but for the four digits of each number where that is
 * short; where floors and many terms would make a line of hundreds of characters, `≈` and what matters of it.
 */
import type { Dim, DimNode } from '../ir/dim.ts';

/** A coefficient times powers of atoms: symbols, or what only text says. */
interface Term {
  readonly coefficient: number;
  /** By the text of the atom. */
  readonly powers: ReadonlyMap<string, number>;
}

export interface CountParts {
  /** A floor was taken for a quotient, or terms were left out that count for little. */
  readonly approximate: boolean;
  /** Terms that have names, the most factors first; the constant last. `per` is `N·T²`, empty for the constant. */
  readonly terms: readonly { readonly coefficient: number; readonly per: string }[];
}

/** Terms that are shown; and the length of their names together that is still read. */
const mostTerms = 3;
const longestExact = 40;
/** Where every symbol is this, terms below the share are left out of an approximation. */
const reference = 128;
const smallShare = 0.005;

/** Terms that are carried: a product of many sums would have more than any memory holds, and only the largest are printed. */
const mostCarried = 200;
const degreeOf = ({ powers }: Term): number => [...powers.values()].reduce((a, b) => a + b, 0);
const sizeOf = (term: Term): number => Math.abs(term.coefficient) * reference ** degreeOf(term);
const largest = (terms: readonly Term[], most = mostCarried): readonly Term[] =>
  terms.length <= most ? terms : [...terms].sort((a, b) => sizeOf(b) - sizeOf(a)).slice(0, most);

/** How a count is said. */
export interface CountStyle {
  /** Says a number, of elements or of bytes. */
  readonly amount?: (n: number) => string;
  /** Characters that the names of all terms may take together where there are floors. */
  readonly longest?: number;
  /** Puts names in the place of formulas in the name of a term. */
  readonly rename?: (text: string) => string;
}

export function countParts(dim: Dim, { longest = longestExact, rename = (text) => text }: CountStyle = {}): CountParts {
  const structure = dim.structure();
  const exact = sorted(expand(structure, false), false, rename);
  const length = exact.terms.reduce((n, { per }) => n + per.length, 0);
  if (exact.terms.length <= mostTerms && (length <= longest || !hasFloor(structure))) return exact;
  const all = expand(structure, true);
  const total = all.reduce((n, term) => n + sizeOf(term), 0);
  const kept = largest(
    all.filter((term) => sizeOf(term) >= smallShare * total),
    mostTerms,
  );
  return sorted(kept, kept.length < all.length || hasFloor(structure), rename);
}

function sorted(terms: readonly Term[], approximate: boolean, rename: (text: string) => string): CountParts {
  const inOrder = [...terms].sort((a, b) => degreeOf(b) - degreeOf(a) || b.coefficient - a.coefficient);
  return { approximate, terms: inOrder.map((term) => ({ coefficient: term.coefficient, per: rename(textOf(term)) })) };
}

const superscripts = '⁰¹²³⁴⁵⁶⁷⁸⁹';
const raised = (power: number): string =>
  power === 1 ? '' : String(power).replace(/\d/g, (digit) => superscripts[Number(digit)] ?? digit);
const textOf = ({ powers }: Term): string => [...powers].map(([atom, power]) => `${atom}${raised(power)}`).join('·');

/** Sums of products. With `smooth` a floor is the quotient, otherwise an atom. */
function expand(node: DimNode, smooth: boolean): readonly Term[] {
  const constant = (coefficient: number): Term => ({ coefficient, powers: new Map() });
  const atom = (text: string, coefficient = 1): readonly Term[] => [{ coefficient, powers: new Map([[text, 1]]) }];
  switch (node.kind) {
    case 'const':
      return [constant(node.value)];
    case 'symbol':
      // What a promise divides without remainder is a quotient.
      return atom(node.name, 1 / node.multiple);
    case 'add':
      return collected(node.terms.flatMap((term) => expand(term, smooth)));
    case 'mul': {
      let product: readonly Term[] = [constant(1)];
      for (const factor of node.factors) {
        const by = expand(factor, smooth);
        product = largest(collected(product.flatMap((a) => by.map((b) => times(a, b)))));
      }
      return product;
    }
    case 'floordiv': {
      const by = expand(node.b, smooth);
      const [only, second] = by;
      if (smooth && only && !second && only.powers.size === 0 && only.coefficient !== 0)
        return expand(node.a, smooth).map((term) => ({ ...term, coefficient: term.coefficient / only.coefficient }));
      return atom(`⌊${sumText(expand(node.a, smooth), true)}/${sumText(by, true)}⌋`);
    }
    default:
      return atom(`${node.kind}(${sumText(expand(node.a, smooth), false)}, ${sumText(expand(node.b, smooth), false)})`);
  }
}

function hasFloor(node: DimNode): boolean {
  switch (node.kind) {
    case 'floordiv':
      return true;
    case 'add':
      return node.terms.some(hasFloor);
    case 'mul':
      return node.factors.some(hasFloor);
    case 'min':
    case 'max':
      return hasFloor(node.a) || hasFloor(node.b);
    default:
      return false;
  }
}

function times(a: Term, b: Term): Term {
  const powers = new Map(a.powers);
  for (const [atom, power] of b.powers) powers.set(atom, (powers.get(atom) ?? 0) + power);
  return { coefficient: a.coefficient * b.coefficient, powers };
}

function collected(terms: readonly Term[]): readonly Term[] {
  const sums = new Map<string, Term>();
  for (const term of terms) {
    const key = [...term.powers]
      .map(([atom, power]) => `${atom}^${power}`)
      .sort()
      .join('·');
    const before = sums.get(key);
    sums.set(key, before ? { ...before, coefficient: before.coefficient + term.coefficient } : term);
  }
  return [...sums.values()].filter(({ coefficient }) => coefficient !== 0);
}

/** Inside a floor: `H+1`, in brackets where something follows. */
function sumText(terms: readonly Term[], bracketed: boolean): string {
  if (terms.length === 0) return '0';
  const text = terms
    .map((term, i) => {
      const size = Math.abs(term.coefficient);
      const body = term.powers.size === 0 ? plain(size) : `${size === 1 ? '' : plain(size)}${textOf(term)}`;
      return i === 0 ? `${term.coefficient < 0 ? '-' : ''}${body}` : `${term.coefficient < 0 ? '-' : '+'}${body}`;
    })
    .join('');
  return bracketed && terms.length > 1 ? `(${text})` : text;
}

const plain = (n: number): string => String(Math.round(n * 1000) / 1000);

/** `18.43 k × N·T² + 109.0 M × N·T` */
export function countText(dim: Dim | undefined, style: CountStyle = {}): string {
  const { amount = metric } = style;
  if (!dim) return 'more than 2^53';
  if (dim.constant !== undefined) return amount(dim.constant);
  const { approximate, terms } = countParts(dim, style);
  const text = terms
    .map(({ coefficient, per }, i) => {
      const size = Math.abs(coefficient);
      const body = per === '' ? amount(size) : size === 1 && amount === metric ? per : `${amount(size)} × ${per}`;
      return i === 0 ? `${coefficient < 0 ? '-' : ''}${body}` : `${coefficient < 0 ? ' - ' : ' + '}${body}`;
    })
    .join('');
  return `${approximate ? '≈ ' : ''}${text}`;
}

/** Four digits and a power of a thousand. */
export function metric(n: number): string {
  if (n < 999.95 && !Number.isInteger(n)) return String(Number(n.toPrecision(4)));
  if (n < 1000) return String(n);
  const units = ['', ' k', ' M', ' G', ' T', ' P'];
  let power = 0;
  let rest = n;
  while (rest >= 999.95 && power < units.length - 1) {
    rest /= 1000;
    power++;
  }
  const digits = rest >= 100 ? 1 : rest >= 10 ? 2 : 3;
  return `${rest.toFixed(digits)}${units[power] ?? ''}`;
}

/** `25,557,032`, whatever the machine's locale. */
export const grouped = (n: number): string => n.toString().replace(/\B(?=(\d{3})+$)/g, ',');

/** `102.2 MB` */
export function bytesText(bytes: number): string {
  if (bytes < 1e3) return `${Number.isInteger(bytes) ? bytes : bytes.toFixed(1)} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
