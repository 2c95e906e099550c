/** The grammars for people and editors say the same as the parser. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ResParser } from '../../src/parser/grammar.ts';
import { keywords } from '../../src/parser/tokens.ts';
import { sourcesIn } from './support.ts';

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

describe('the EBNF', () => {
  const ebnf = read('grammars/res.ebnf');
  const rules = ebnf.replace(/\(\*[\s\S]*?\*\)/g, '');
  it('names every keyword', () => {
    for (const keyword of keywords) expect(rules, keyword).toContain(`"${keyword}"`);
  });
  it('defines what it uses', () => {
    const defined = new Set([...rules.matchAll(/^(\w+)\s*=/gm)].map((match) => match[1]));
    const tokens = [
      'Name',
      'Word',
      'Int',
      'Float',
      'Size',
      'String',
      'Dot',
      'CallParen',
      'IndexBracket',
      'LabelBrace',
      'touching',
    ];
    for (const [, used = ''] of rules.replace(/"[^"]*"/g, '').matchAll(/([A-Za-z]\w*)/g)) {
      expect(defined.has(used) || tokens.includes(used), used).toBe(true);
    }
  });
});

describe('the railroad page', () => {
  it('is what the parser would draw', () => {
    const done = spawnSync(process.execPath, ['--import', 'tsx', 'scripts/railroad.ts', '--check'], {
      cwd: root,
      encoding: 'utf8',
    });
    expect(done.stderr).toBe('');
    expect(done.status).toBe(0);
  });
  it('shows every rule', () => {
    const page = read('grammars/railroad.html');
    for (const rule of Object.keys(new ResParser(false).getGAstProductions())) expect(page).toContain(`"name": "${rule}"`);
  });
});
