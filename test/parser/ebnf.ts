/**
 * What the tests do with the EBNF that its own parser would not: derive sentences from it, and recognise them without Chevrotain.
 */
import type { IToken } from 'chevrotain';
import type { Ebnf, Grammar } from '../../scripts/ebnf.ts';
import { isOperator, isWord, Name, vocabulary } from '../../src/parser/tokens.ts';

type Terminal = Ebnf & { readonly kind: 'terminal' };

const names = ['x', 'conv', 'relu', 'block1', 'N', 'it'];
/** Keywords that no construct before them would go on with, so that they may begin a label anywhere. */
const labelWords = [...names, 'in', 'const', 'model', 'repeat', 'let', 'return', 'map'];
const operators = vocabulary.filter(isOperator).map((type) => String(type.PATTERN));
const texts = new Map<string, readonly string[]>([
  ['Name', names],
  ['Word', labelWords],
  ['Operator', operators],
  ['Int', ['0', '3', '64']],
  ['Float', ['0.5', '12.25']],
  ['Size', ['3x3', '1x2x3']],
  ['String', ['"nearest"', '""']],
  ['LabelTail', ['tail']],
  ['CallParen', ['(']],
  ['IndexBracket', ['[']],
  ['LabelBrace', ['{']],
  ['LabelOpen', ['{']],
  ['LabelClose', ['}']],
  ['Hyphen', ['-']],
  ['Dot', ['.']],
]);
const touchesBefore = new Set(['CallParen', 'IndexBracket', 'LabelBrace', 'LabelTail', 'Dot', 'Hyphen']);
const touchesBehind = new Set<string | undefined>(['Dot', 'Hyphen']);
/** Behind a name on its line these would be a call or an index with a gap. */
const needsNewLine = new Set(['LParen', 'LBracket']);

/** A sentence of the grammar with the types of its terminals; statements begin on lines of their own. */
export interface Sentence {
  readonly text: string;
  readonly types: readonly string[];
}

export function derive(grammar: Grammar, start: string, random: (below: number) => number): Sentence {
  const leastDepth = depths(grammar);
  const out: { readonly terminal: Terminal; readonly text: string; readonly newLine: boolean }[] = [];
  let newLine = false;
  const pick = (terminal: Terminal): string => {
    const choices = terminal.text === terminal.type ? texts.get(terminal.type) : undefined;
    return choices ? (choices[random(choices.length)] ?? '') : terminal.text;
  };
  const visit = (node: Ebnf, budget: number): void => {
    switch (node.kind) {
      case 'terminal':
        // A statement begins with no minus.
        if (newLine && node.type === 'Minus') return;
        out.push({ terminal: node, text: pick(node), newLine });
        newLine = false;
        break;
      case 'rule':
        if (node.name === 'statement') newLine = true;
        visit(ruleOf(grammar, node.name), budget - 1);
        break;
      case 'sequence':
        for (const part of node.parts) visit(part, budget);
        break;
      case 'choice': {
        const fitting = node.parts.filter((part) => leastDepth(part) <= budget);
        const least = Math.min(...node.parts.map(leastDepth));
        const from = fitting.length > 0 ? fitting : node.parts.filter((part) => leastDepth(part) === least);
        visit(from[random(from.length)] ?? node, budget);
        break;
      }
      case 'optional':
        if (leastDepth(node.part) <= budget && random(2) === 0) visit(node.part, budget);
        break;
      case 'repeated':
        for (let i = Math.max(0, random(5) - 2); i > 0 && leastDepth(node.part) <= budget; i--) visit(node.part, budget);
        break;
    }
  };
  visit({ kind: 'rule', name: start }, 14);
  let text = '';
  let before: string | undefined;
  for (const { terminal, text: own, newLine: first } of out) {
    if (first || (before !== undefined && needsNewLine.has(terminal.type) && !touchesBehind.has(before))) text += '\n';
    else if (before !== undefined && !touchesBehind.has(before) && !touchesBefore.has(terminal.type)) text += ' ';
    text += own;
    before = terminal.type;
  }
  return { text, types: out.map(({ terminal }) => terminal.type) };
}

/** How many rules within each other the shortest sentence of a part needs. */
function depths(grammar: Grammar): (node: Ebnf) => number {
  const least = new Map<string, number>();
  const depth = (node: Ebnf): number => {
    switch (node.kind) {
      case 'terminal':
        return 0;
      case 'rule':
        return 1 + (least.get(node.name) ?? Number.POSITIVE_INFINITY);
      case 'sequence':
        return Math.max(0, ...node.parts.map(depth));
      case 'choice':
        return Math.min(...node.parts.map(depth));
      default:
        return 0;
    }
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const [name, node] of grammar) {
      const now = depth(node);
      if (now < (least.get(name) ?? Number.POSITIVE_INFINITY)) {
        least.set(name, now);
        changed = true;
      }
    }
  }
  return (node) => (node.kind === 'optional' || node.kind === 'repeated' ? depth(node.part) : depth(node));
}

function ruleOf(grammar: Grammar, name: string): Ebnf {
  const node = grammar.get(name);
  if (!node) throw new Error(`no production ${name}`);
  return node;
}

/** Whether a terminal of the EBNF stands for the token. */
export function stands(terminal: Terminal, token: IToken): boolean {
  const { tokenType } = token;
  if (terminal.type === 'Word') return isWord(tokenType);
  if (terminal.type === 'Operator') return isOperator(tokenType);
  if (tokenType.name !== terminal.type) return false;
  return tokenType !== Name || terminal.text === 'Name' || terminal.text === token.image;
}

/**
 * Whether the tokens are a sentence: by all ends that each part can have at each place, so that nothing is decided by looking
 * ahead.
 */
export function recognises(grammar: Grammar, start: string, tokens: readonly IToken[]): boolean {
  const known = new Map<Ebnf, Map<number, ReadonlySet<number>>>();
  const ends = (node: Ebnf, at: number): ReadonlySet<number> => {
    const table = known.get(node) ?? new Map<number, ReadonlySet<number>>();
    known.set(node, table);
    let found = table.get(at);
    if (!found) {
      found = find(node, at);
      table.set(at, found);
    }
    return found;
  };
  const then = (from: ReadonlySet<number>, node: Ebnf): Set<number> => {
    const all = new Set<number>();
    for (const at of from) for (const end of ends(node, at)) all.add(end);
    return all;
  };
  const find = (node: Ebnf, at: number): ReadonlySet<number> => {
    switch (node.kind) {
      case 'terminal': {
        const token = tokens[at];
        return new Set(token && stands(node, token) ? [at + 1] : []);
      }
      case 'rule':
        return ends(ruleOf(grammar, node.name), at);
      case 'sequence':
        return node.parts.reduce<ReadonlySet<number>>(then, new Set([at]));
      case 'choice':
        return new Set(node.parts.flatMap((part) => [...ends(part, at)]));
      case 'optional':
        return new Set([at, ...ends(node.part, at)]);
      case 'repeated': {
        const all = new Set([at]);
        for (const from of all) for (const end of ends(node.part, from)) all.add(end);
        return all;
      }
    }
  };
  return ends(ruleOf(grammar, start), 0).has(tokens.length);
}

/** The types of tokens that a production may begin with. */
export function firstOf(grammar: Grammar, name: string): Set<string> {
  const found = new Set<string>();
  const seen = new Set<string>();
  /** True where the part may be empty. */
  const visit = (node: Ebnf): boolean => {
    switch (node.kind) {
      case 'terminal':
        for (const type of vocabulary)
          if (type.name === node.type || (node.type === 'Word' && isWord(type))) if (type.name !== 'Word') found.add(type.name);
        return false;
      case 'rule': {
        if (seen.has(node.name)) return false;
        seen.add(node.name);
        return visit(ruleOf(grammar, node.name));
      }
      case 'sequence':
        return node.parts.every(visit);
      case 'choice':
        return node.parts.map(visit).some(Boolean);
      default:
        visit(node.part);
        return true;
    }
  };
  visit({ kind: 'rule', name });
  return found;
}
