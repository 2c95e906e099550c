import { describe, expect, it } from 'vitest';
import { render } from '../../src/diagnostics/render.ts';
import type { Expr, FileNode } from '../../src/parser/ast.ts';
import { giveMessages } from '../../src/parser/at-once.ts';
import { CappedSink } from '../../src/parser/capped-sink.ts';
import { foreignLoop } from '../../src/parser/foreign-loops.ts';
import { ResParser } from '../../src/parser/grammar.ts';
import { lex, makeLexer } from '../../src/parser/lexer.ts';
import { parse } from '../../src/parser/parse.ts';
import { parseExpression } from '../../src/parser/parse-file.ts';
import { astText, exprText } from '../../src/parser/print-ast.ts';
import { decodeUtf8 } from '../../src/parser/utf8.ts';
import { golden } from '../golden.ts';
import { bytesOf, sourcesIn } from './support.ts';

describe('the definitions', () => {
  it('pass the checks of Chevrotain', () => {
    expect(makeLexer(true).lexerDefinitionErrors).toEqual([]);
    expect(() => new ResParser(true)).not.toThrow();
  });
  it('come to decisions by which a parser that records nothing reads the same', () => {
    giveMessages();
    const recorded = new ResParser(false);
    const decisions = recorded.decisions();
    const decided = new ResParser(false, decisions);
    const seen = (parser: ResParser, text: string): string => {
      const source = { name: 'a.res', text };
      const sink = new CappedSink();
      const items = parser.readFile(source, lex(source, sink), sink, []);
      return JSON.stringify([items, sink.list], (key, value) => (key === 'file' ? undefined : value));
    };
    let broken = 0;
    for (const { text } of [...sourcesIn('golden/parse'), ...sourcesIn('golden/errors'), ...sourcesIn('fixtures/design')]) {
      const words = [...text.matchAll(/\S+/g)];
      // As it is, and without a word here and there.
      for (let i = -1; i < words.length; i += 1 + Math.floor(words.length / 6)) {
        const [gone = ''] = words[i] ?? [];
        const at = words[i]?.index ?? 0;
        const less = text.slice(0, at) + text.slice(at + gone.length);
        const expected = seen(recorded, less);
        if (!expected.endsWith(',[]]')) broken++;
        expect(seen(decided, less)).toBe(expected);
      }
    }
    expect(broken).toBeGreaterThan(200);
    expect(() => new ResParser(false, decisions.slice(1))).toThrow('another grammar');
  });
});

describe('trees', () => {
  for (const source of sourcesIn('golden/parse')) {
    it(source.name, () => {
      const { file, diagnostics } = parse(source);
      expect(render(diagnostics, { color: false })).toBe('');
      golden(`parse/${source.name.replace('.res', '.ast')}`, astText(file));
    });
  }
});

describe('the example models', () => {
  for (const source of sourcesIn('fixtures/design')) {
    it(`${source.name} has no mistakes`, () => {
      const { file, diagnostics } = parse(source);
      expect(diagnostics).toEqual([]);
      expect(file.items.length).toBeGreaterThan(0);
    });
  }
});

describe('syntax errors', () => {
  for (const { name } of sourcesIn('golden/errors').filter((source) => /^RES00/.test(source.name))) {
    it(name, () => {
      const decoded = decodeUtf8(bytesOf(`golden/errors/${name}`), name);
      const diagnostics = decoded.source ? parse(decoded.source).diagnostics : decoded.diagnostics;
      expect(diagnostics.map((d) => d.code)).toContain(name.slice(0, 7));
      golden(`errors/${name.replace('.res', '.txt')}`, render(diagnostics, { color: false }));
    });
  }
  it('RES0022: a file that is too large', () => {
    const { diagnostics, file } = parse({ name: 'large.res', text: 'relu\n'.repeat(1_000_000) });
    golden('errors/RES0022-too-large.txt', render(diagnostics, { color: false }));
    expect(file.items).toEqual([]);
  });
});

function itemNames(file: FileNode): string[] {
  return file.items.map((item) => (item.kind === 'import' ? item.from.value : item.name.name));
}

describe('recovery', () => {
  it('reads the items and statements around a mistake', () => {
    const text = 'block A {\n  relu\n  conv(,)\n  gelu\n}\nblock B { let = 3 }\nblock C { relu }\n';
    const { file, diagnostics } = parse({ name: 'a.res', text });
    expect(diagnostics).toHaveLength(2);
    expect(itemNames(file)).toEqual(['A', 'B', 'C']);
    expect(astText(file)).toContain('(block A (params) (body relu gelu))');
  });
  it('keeps a block whose parameters are wrong', () => {
    const { file } = parse({ name: 'a.res', text: 'block A(x y) { relu }' });
    expect(itemNames(file)).toEqual(['A']);
  });
  it('does not let an open body swallow the next block', () => {
    const { file, diagnostics } = parse({ name: 'a.res', text: 'block A {\n  relu\nblock B { relu }\n' });
    expect(diagnostics.map((d) => d.code)).toEqual(['RES0011']);
    expect(itemNames(file)).toEqual(['B']);
  });
  it('tells a mistake of the lexer once', () => {
    const { diagnostics } = parse({ name: 'a.res', text: 'block A {\n  let x = "abc\n  relu\n}\n' });
    expect(diagnostics.map((d) => d.code)).toEqual(['RES0003']);
  });
});

describe('spans', () => {
  it('cover the text of their nodes', () => {
    const text = 'const A = f(x, [1, 2])[0] + -b * (c)';
    const { file } = parse({ name: 'a.res', text });
    const [item] = file.items;
    if (item?.kind !== 'const' || item.value.kind !== 'binary') throw new Error('no sum');
    const show = (node: Expr): string => text.slice(node.span.start, node.span.end);
    expect(show(item.value)).toBe('f(x, [1, 2])[0] + -b * (c)');
    expect(show(item.value.left)).toBe('f(x, [1, 2])[0]');
    expect(show(item.value.right)).toBe('-b * (c)');
    expect(text.slice(item.span.start, item.span.end)).toBe(text);
  });
});

describe('one expression', () => {
  const read = (text: string): string => {
    const { expr, diagnostics } = parseExpression({ name: '-D', text });
    return expr ? exprText(expr) : diagnostics.map((d) => d.code).join();
  };
  it('is read whole', () => {
    expect(read('[2, 2, 2, 2]')).toBe('(list 2 2 2 2)');
    expect(read(' -1 ')).toBe('(- 1)');
    expect(read('Bottleneck(groups=32)')).toBe('(call Bottleneck (groups= 32))');
  });
  it('is refused with what is too much or too little', () => {
    expect(read('1 2')).toBe('RES0001');
    expect(read('')).toBe('RES0001');
    expect(read('(1')).toBe('RES0011');
    expect(read('1 }')).toBe('RES0001');
    expect(read('{ relu')).toBe('RES0011');
  });
});

describe('bytes', () => {
  const bad: readonly (readonly [string, number[], number])[] = [
    ['a lone continuation byte', [0x61, 0x0a, 0x80], 2],
    ['an overlong form', [0xc0, 0x80], 0],
    ['a surrogate', [0x61, 0xed, 0xa0, 0x80], 1],
    ['a sequence that is cut off', [0x61, 0x62, 0xe2, 0x82], 2],
    ['a value beyond U+10FFFF', [0xf4, 0x90, 0x80, 0x80], 0],
  ];
  for (const [what, bytes, offset] of bad) {
    it(`${what} is refused at its offset`, () => {
      const { source, diagnostics } = decodeUtf8(Uint8Array.from(bytes), 'a.res');
      expect(source).toBeUndefined();
      expect(diagnostics[0]?.found).toContain(`at offset ${offset}`);
    });
  }
  it('decodes what is UTF-8', () => {
    const text = '\ufeff// é 漢 𝄞 \u{10ffff}\r\n'.repeat(2000);
    expect(decodeUtf8(new TextEncoder().encode(text), 'a.res').source?.text).toBe(text);
  });
});

it('a loop of another language is looked for in a long line, too', () => {
  const text = `${'for '.repeat(50_000)}"a" ) until x {`;
  const found = (sign: string) => foreignLoop({ name: 'a.res', text }, text.indexOf(sign), text.indexOf(sign) + 1);
  expect(found(')')).toBeUndefined();
  expect(found('x')?.fix).toBe('write `loop while not (x) { … }`');
});

it('a header with a million blanks is read like one with a few', () => {
  const blanks = ' \t'.repeat(500_000);
  const text = `repeat i${blanks}in${blanks}8${blanks}{ relu }`;
  expect(foreignLoop({ name: 'a.res', text }, text.indexOf('in'), text.indexOf('in') + 2)?.fix).toBe(
    'write `repeat 8 as i { … }`',
  );
});

describe('a body that is missing', () => {
  const hint = (construct: string) => {
    giveMessages();
    const { diagnostics } = parse({ name: 'a.res', text: `block A { ${construct} }` });
    return diagnostics.at(-1)?.hint;
  };
  const order = 'write `loop n as i with a = x while c collect { … }`, each of them at its place, or left out';
  const needless = 'take `shared` away: all turns of a loop have one set of weights';
  const braces = 'write `{` before the statements and `}` after them';
  it.each([
    ['loop 3 as i, j { relu }', 'write one name behind `as`, the number of the turn; `with` names what is handed on'],
    ['loop with h = x while g(h) as i { h }', order],
    ['loop 3 shared { relu }', needless],
    ['loop 3 with h = (loop 2 { relu }) shared { h }', needless],
    ['loop 3 with h = relu -> residual shared { h }', braces],
    [
      'loop 3 with h = x -> each 2 as i, j, k { relu } { h }',
      'write at most two names behind `as`: the element and its position',
    ],
    ['loop { repeat 3 output }', braces],
    ['/* loop */ repeat 3 shared with a { relu }', braces],
  ])('%s is told what its construct takes', (construct, said) => expect(hint(construct)).toBe(said));
});
