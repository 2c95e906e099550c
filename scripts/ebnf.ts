/**
 * EBNF as data: read from the lines beside the productions, written into `grammars/res.ebnf`, drawn, and compared with what
 * Chevrotain recorded.
 */
import type { ISerializedGast, TokenType } from 'chevrotain';
import { keywords, vocabulary } from '../src/parser/tokens.ts';

export type Ebnf =
  | { readonly kind: 'terminal'; readonly type: string; readonly text: string }
  | { readonly kind: 'rule'; readonly name: string }
  | { readonly kind: 'sequence' | 'choice'; readonly parts: readonly Ebnf[] }
  | { readonly kind: 'optional' | 'repeated'; readonly part: Ebnf };

export type Grammar = ReadonlyMap<string, Ebnf>;

const byText = new Map<string, TokenType>();
const byName = new Map<string, TokenType>(vocabulary.map((type) => [type.name, type]));
for (const type of vocabulary) if (typeof type.PATTERN === 'string') byText.set(type.PATTERN, type);

/** A quoted word that is no keyword is a Name of that text: `from`, `none`, the names of types. */
function literal(text: string): Ebnf {
  const type = byText.get(text)?.name ?? (/^[a-z]+$/.test(text) ? 'Name' : undefined);
  if (type === undefined) throw new Error(`"${text}" is no sign of the language`);
  return { kind: 'terminal', type, text };
}

/** Reads the right side of a production. */
export function readEbnf(text: string): Ebnf {
  const words = text.match(/"[^"]*"|\w+|[()[\]{}|]/g) ?? [];
  let at = 0;
  const choice = (): Ebnf => {
    const parts = [sequence()];
    while (words[at] === '|') {
      at++;
      parts.push(sequence());
    }
    return parts.length === 1 && parts[0] ? parts[0] : { kind: 'choice', parts };
  };
  const sequence = (): Ebnf => {
    const parts: Ebnf[] = [];
    for (let word = words[at]; word !== undefined && !/^[)\]}|]$/.test(word); word = words[at]) {
      at++;
      parts.push(one(word));
    }
    return parts.length === 1 && parts[0] ? parts[0] : { kind: 'sequence', parts };
  };
  const closed = (closer: string): Ebnf => {
    const part = choice();
    if (words[at++] !== closer) throw new Error(`${closer} expected in ${text}`);
    return part;
  };
  const one = (word: string): Ebnf => {
    if (word === '(') return closed(')');
    if (word === '[') return { kind: 'optional', part: closed(']') };
    if (word === '{') return { kind: 'repeated', part: closed('}') };
    if (word.startsWith('"')) return literal(word.slice(1, -1));
    return byName.has(word) ? { kind: 'terminal', type: word, text: word } : { kind: 'rule', name: word };
  };
  const whole = choice();
  if (at !== words.length) throw new Error(`${words[at]} is not expected in ${text}`);
  return whole;
}

export function readGrammar(productions: ReadonlyMap<string, string>): Grammar {
  return new Map([...productions].map(([name, text]) => [name, readEbnf(text)]));
}

/** What Chevrotain recorded of a rule. */
export function fromRecord(node: ISerializedGast): Ebnf {
  const all = (nodes: readonly ISerializedGast[]): Ebnf => ({ kind: 'sequence', parts: nodes.map(fromRecord) });
  const { definition = [] } = node as { definition?: ISerializedGast[] };
  switch (node.type) {
    case 'Terminal':
      return { kind: 'terminal', type: (node as { name?: string }).name ?? '', text: '' };
    case 'NonTerminal':
      return { kind: 'rule', name: (node as { name?: string }).name ?? '' };
    case 'Alternation':
      return { kind: 'choice', parts: definition.map(fromRecord) };
    case 'Option':
      return { kind: 'optional', part: all(definition) };
    case 'Repetition':
      return { kind: 'repeated', part: all(definition) };
    case 'Rule':
    case 'Alternative':
      return all(definition);
    default:
      throw new Error(`the words of reader.ts record no ${node.type}`);
  }
}

/**
 * One text for all spellings of the same production: nested sequences and choices are flat, alternatives are sorted and there
 * once, and a rule that `inlined` has is its own production.
 */
export function canonical(node: Ebnf, inlined: Grammar): string {
  const flat = (kind: 'sequence' | 'choice', one: Ebnf): string[] => {
    if (one.kind === kind) return one.parts.flatMap((part) => flat(kind, part));
    const inner = one.kind === 'rule' ? inlined.get(one.name) : undefined;
    if (inner) return flat(kind, inner);
    if ((one.kind === 'sequence' || one.kind === 'choice') && one.parts.length === 1 && one.parts[0])
      return flat(kind, one.parts[0]);
    const text = canonical(one, inlined);
    return text === '' ? [] : [text];
  };
  switch (node.kind) {
    case 'terminal':
      return node.type;
    case 'rule': {
      const inner = inlined.get(node.name);
      return inner ? canonical(inner, inlined) : `<${node.name}>`;
    }
    case 'sequence':
      return flat('sequence', node).join(' ');
    case 'choice': {
      const parts = [...new Set(flat('choice', node))].sort();
      return parts.length === 1 ? (parts[0] ?? '') : `( ${parts.join(' | ')} )`;
    }
    case 'optional':
      return `[ ${canonical(node.part, inlined)} ]`;
    case 'repeated':
      return `{ ${canonical(node.part, inlined)} }`;
  }
}

/** As Chevrotain's drawing code wants a grammar. */
export function toDiagrams(grammar: Grammar): object[] {
  const draw = (node: Ebnf): object[] => {
    switch (node.kind) {
      case 'terminal': {
        const quoted = node.text !== node.type;
        return [{ type: 'Terminal', name: node.type, label: quoted ? `'${node.text}'` : label(node.type), idx: 0 }];
      }
      case 'rule':
        return [{ type: 'NonTerminal', name: node.name, idx: 0 }];
      case 'sequence':
        return node.parts.flatMap(draw);
      case 'choice':
        return [
          {
            type: 'Alternation',
            idx: 0,
            definition: node.parts.map((part) => ({ type: 'Alternative', definition: draw(part) })),
          },
        ];
      case 'optional':
        return [{ type: 'Option', idx: 0, definition: draw(node.part) }];
      case 'repeated':
        return [{ type: 'Repetition', idx: 0, definition: draw(node.part) }];
    }
  };
  return [...grammar].map(([name, node]) => ({ type: 'Rule', name, orgText: '', definition: draw(node) }));
}

function label(type: string): string {
  return byName.get(type)?.LABEL ?? type;
}

// ------------------------------------------------------------------------------------------------------- grammars/res.ebnf

const width = 130;

/** A line, or several that break before a bar or a blank outside brackets. */
function wrapped(head: string, text: string): string {
  if (head.length + text.length + 2 <= width) return `${head}${text} ;`;
  const alternatives = topLevel(text);
  if (alternatives.length > 1) return `${head}${alternatives.join(`\n${' '.repeat(head.length - 2)}| `)} ;`;
  const words = text.split(' ');
  const lines = [head];
  for (const word of words) {
    const line = lines.at(-1) ?? '';
    if (line.length + word.length + 3 > width) lines.push(`${' '.repeat(head.length)}${word} `);
    else lines[lines.length - 1] = `${line}${word} `;
  }
  return `${lines.map((line) => line.trimEnd()).join('\n')} ;`;
}

function topLevel(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let part = '';
  for (const word of text.match(/"[^"]*"|\S+/g) ?? []) {
    if (/^[([{]$/.test(word)) depth++;
    if (/^[)\]}]$/.test(word)) depth--;
    if (word === '|' && depth === 0) {
      parts.push(part.trim());
      part = '';
    } else part += `${word} `;
  }
  return [...parts, part.trim()];
}

/** What the productions cannot say. */
const notes: Readonly<Record<string, string>> = {
  statement:
    'begins with no operator, and with a "-" only where nothing goes on before it; a word with a colon behind it is a label',
  label: 'a Float is two segments here, so it has no exponent',
  range: 'an output has neither mean nor std',
  reference: 'a name, a call, or the path of a parameter: wte.weight',
  tensorType: 'f32[] is a scalar',
  loneExpression: 'what -D NAME=… takes',
};

/** `levels` are the binary operators, loosest first. */
export function ebnfFile(productions: ReadonlyMap<string, string>, levels: readonly (readonly string[])[]): string {
  const pattern = (name: string): string => String(byName.get(name)?.PATTERN).replace(/^\/|\/$/g, '');
  const lexical = ['Name', 'Int', 'Float', 'Size', 'String'].map((name) => `   ${name.padEnd(12)} ${pattern(name)}`);
  const column = Math.max(...[...productions.keys()].map((name) => name.length));
  const lines = [...productions].map(([name, text]) => {
    const note = notes[name];
    return (note ? `(* ${note} *)\n` : '') + wrapped(`${name.padEnd(column)} = `, text);
  });
  const words: string[] = [];
  for (const keyword of keywords) {
    const last = words.at(-1);
    if (last !== undefined && last.length + keyword.length < width - 4) words[words.length - 1] = `${last} ${keyword}`;
    else words.push(`   ${keyword}`);
  }
  return `(* The grammar of .res, made by \`npm run generate\` of the lines beside the productions in src/parser/grammar.ts; drawn in railroad.html.

   Lexical rules, as regular expressions; what is not quoted below is one of these.
${lexical.join('\n')}
   Word         a Name or a keyword
   CallParen    a "(" that touches the Name before it; a gap before it, on one line, is an error
   IndexBracket a "[" that touches the value before it; likewise
   Dot          a "." that touches what stands on both sides of it
   LabelBrace   a "{" that touches the word, number or dot before it
   LabelOpen    a "{" that begins a label: what touches its "}" ends in a colon
   LabelClose   the "}" of a LabelBrace or LabelOpen
   Hyphen       a "-" in a label, that touches what stands on both sides
   LabelTail    a Word that touches the LabelClose before it
   A quoted word that is no keyword is a Name of that text. // and /* */ are comments; /// documents the const, block, model
   or parameter that follows.

   Keywords
${words.join('\n')}

   Operators, loosest first; not binds looser than a comparison, and comparisons do not chain. *)
${wrapped(`${'Operator'.padEnd(column)} = `, levels.map((level) => level.map((sign) => `"${sign}"`).join(' | ')).join(' | '))}

${lines.join('\n')}
`;
}
