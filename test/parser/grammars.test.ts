/** The grammars for people and editors say the same as the parser. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { IToken, TokenType } from 'chevrotain';
import { describe, expect, it } from 'vitest';
import { canonical, type Ebnf, fromRecord, readGrammar } from '../../scripts/ebnf.ts';
import { Sink } from '../../src/diagnostics/diagnostic.ts';
import { chainStarts, exprStarts, statementStarts } from '../../src/parser/ahead.ts';
import { ResParser } from '../../src/parser/grammar.ts';
import { lex } from '../../src/parser/lexer.ts';
import { parse } from '../../src/parser/parse.ts';
import { binaryLevels } from '../../src/parser/rank.ts';
import { isOperator, keywords, vocabulary } from '../../src/parser/tokens.ts';
import { derive, firstOf, recognises, type Sentence, stands } from './ebnf.ts';
import { randomFrom, sourcesIn } from './support.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** Every `match`, `begin` and `end` of a TextMate grammar, however deep. */
function patternsOf(node: unknown): string[] {
  if (Array.isArray(node)) return node.flatMap(patternsOf);
  if (typeof node !== 'object' || node === null) return [];
  return Object.entries(node).flatMap(([key, value]) =>
    (key === 'match' || key === 'begin' || key === 'end') && typeof value === 'string' ? [value] : patternsOf(value),
  );
}

describe('the TextMate grammar', () => {
  const patterns = patternsOf(JSON.parse(read('grammars/res.tmLanguage.json'))).map((pattern) => new RegExp(pattern, 'm'));
  it('knows every keyword', () => {
    for (const keyword of keywords) {
      const known = patterns.some((pattern) => {
        const match = pattern.exec(`${keyword} `);
        return match !== null && match[0] === keyword;
      });
      expect(known, keyword).toBe(true);
    }
  });
  it('has a rule for every sign and number of the examples', () => {
    for (const source of sourcesIn('fixtures/design')) {
      const words = source.text.replace(/\/\/.*$/gm, '').match(/[^\s\w(){}[\]"]+|\b\d\w*\b/g) ?? [];
      for (const text of words) {
        expect(
          patterns.some((pattern) => pattern.test(text)),
          `${source.name}: ${text}`,
        ).toBe(true);
      }
    }
  });
});

const parser = new ResParser(false);
const grammar = readGrammar(parser.productions);
const lexed = (text: string): { readonly tokens: IToken[]; readonly mistakes: number } => {
  const sink = new Sink();
  const { tokens } = lex({ name: 'a.res', text }, sink);
  return { tokens, mistakes: sink.list.length };
};
/** What no grammar says: comparisons do not chain, and a `not` behind an operator wants parentheses. */
const beyondGrammar = new Set(['RES0017', 'RES0024']);
const mistakesIn = (text: string): string[] =>
  parse({ name: 'a.res', text })
    .diagnostics.map(({ code }) => code)
    .filter((code) => !beyondGrammar.has(code));

describe('the EBNF beside a production', () => {
  const records = new Map(
    parser.getSerializedGastProductions().map((record) => [(record as { name?: string }).name ?? '', record]),
  );
  const inlined = new Map([...grammar].filter(([name]) => !records.has(name)));
  it('is there for every rule', () => {
    expect([...records.keys()].filter((name) => !grammar.has(name))).toEqual([]);
  });
  for (const [name, record] of records) {
    it(`says what is read: ${name}`, () => {
      expect(canonical(grammar.get(name) ?? fromRecord(record), inlined)).toBe(canonical(fromRecord(record), inlined));
    });
  }
  it('has the first tokens that the parser decides by', () => {
    const namesOf = (set: Iterable<TokenType>): string[] => [...new Set([...set].map((type) => type.name))].sort();
    expect(namesOf(exprStarts)).toEqual([...firstOf(grammar, 'expr')].sort());
    expect(namesOf(chainStarts)).toEqual([...firstOf(grammar, 'chain')].sort());
    expect(firstOf(grammar, 'arg')).toEqual(firstOf(grammar, 'chain'));
    // Labels aside, which begin with any word.
    const label = firstOf(grammar, 'label');
    const unlabelled = [...firstOf(grammar, 'statement')].filter((name) => !label.has(name) && name !== 'Minus');
    expect(namesOf(statementStarts)).toEqual(expect.arrayContaining(unlabelled));
    expect(firstOf(grammar, 'param')).toEqual(new Set(['Name']));
    expect(firstOf(grammar, 'importName')).toEqual(new Set(['Name']));
  });
  it('ranks every operator', () => {
    expect(binaryLevels.flat().sort()).toEqual(
      vocabulary
        .filter(isOperator)
        .map((type) => String(type.PATTERN))
        .sort(),
    );
  });
});

describe('the EBNF is the language', () => {
  const random = randomFrom(23);
  const inBlock = ({ text, types }: Sentence): Sentence => ({
    text: `block B {\n${text}\n}`,
    types: ['KwBlock', 'Name', 'LBrace', ...types, 'RBrace'],
  });
  const derived = Array.from({ length: 500 }, () => [
    derive(grammar, 'file', random),
    inBlock(derive(grammar, 'statement', random)),
  ]);
  const sentences = derived.flat().filter(({ text, types }) => {
    // Not every row of terminals has a text: `3 . 4` would be a float.
    const { tokens, mistakes } = lexed(text);
    return (
      types.length <= 250 &&
      mistakes === 0 &&
      tokens.length === types.length &&
      tokens.every((token, i) => stands({ kind: 'terminal', type: types[i] ?? '', text: token.image }, token))
    );
  });
  it('derives enough sentences, with every production in them', () => {
    expect(sentences.length).toBeGreaterThan(200);
    const longest = Math.max(...sentences.map(({ types }) => types.length));
    expect(longest).toBeGreaterThan(100);
    const used = new Set(sentences.flatMap(({ types }) => types));
    const terminals = new Set<string>();
    const visit = (node: Ebnf): void => {
      if (node.kind === 'terminal') terminals.add(node.type);
      else if ('parts' in node) node.parts.forEach(visit);
      else if ('part' in node) visit(node.part);
    };
    for (const node of grammar.values()) visit(node);
    expect([...terminals].filter((type) => !used.has(type))).toEqual([]);
  });
  it('parses what it derives', () => {
    for (const { text } of sentences) expect(mistakesIn(text), text).toEqual([]);
  });
  it('derives what the parser reads: the examples', () => {
    for (const source of [...sourcesIn('fixtures/design'), ...sourcesIn('golden/parse')])
      expect(recognises(grammar, 'file', lexed(source.text).tokens), source.name).toBe(true);
  });
  it('derives what the parser reads, and only that: sentences with a token lost, doubled or moved', () => {
    let read = 0;
    let refused = 0;
    for (const { text } of sentences) {
      const words = text.split(/(?<=\s)|(?=\s)/);
      const at = random(words.length);
      const other = words[random(words.length)] ?? '';
      const how = random(3);
      words[at] = how === 0 ? '' : how === 1 ? `${words[at] ?? ''} ${words[at] ?? ''}` : other;
      const changed = words.join('');
      const { tokens, mistakes } = lexed(changed);
      if (mistakes > 0 || tokens.length > 150) continue;
      const isSentence = recognises(grammar, 'file', tokens);
      if (parse({ name: 'a.res', text: changed }).diagnostics.length === 0) {
        read++;
        expect(isSentence, changed).toBe(true);
      } else if (!isSentence) refused++;
    }
    expect(read).toBeGreaterThan(25);
    expect(refused).toBeGreaterThan(25);
  });
});

describe('the railroad page', () => {
  it('and res.ebnf are what the productions say', () => {
    const done = spawnSync(process.execPath, ['--import', 'tsx', 'scripts/railroad.ts', '--check'], {
      cwd: root,
      encoding: 'utf8',
    });
    expect(done.stderr).toBe('');
    expect(done.status).toBe(0);
  });
  it('shows every rule', () => {
    const page = read('grammars/railroad.html');
    for (const rule of grammar.keys()) expect(page).toContain(`"name": "${rule}"`);
  });
});
