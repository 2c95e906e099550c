import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { format } from '../../src/parser/format.ts';
import { parse } from '../../src/parser/parse.ts';
import { astText } from '../../src/parser/print-ast.ts';
import { golden } from '../golden.ts';
import { randomFrom, sourcesIn } from './support.ts';

function formatted(text: string): string {
  const { file, diagnostics } = parse({ name: 'a.res', text });
  expect(diagnostics, text).toEqual([]);
  return format(file);
}

/** Same tree, same comments, and nothing left to do for a second time. */
function checkFormat(text: string): void {
  const before = parse({ name: 'a.res', text });
  expect(before.diagnostics, text).toEqual([]);
  const once = format(before.file);
  const after = parse({ name: 'a.res', text: once });
  expect(after.diagnostics, once).toEqual([]);
  expect(astText(after.file)).toBe(astText(before.file));
  const comments = (all: typeof before): string[] =>
    all.file.comments.map((comment) => comment.text.trimEnd().replace(/\r\n?/g, '\n'));
  expect(comments(after)).toEqual(comments(before));
  expect(format(after.file), text).toBe(once);
}

describe('golden layouts', () => {
  for (const source of sourcesIn('golden/fmt')) {
    it(source.name, () => {
      checkFormat(source.text);
      golden(`fmt/${source.name.replace('.res', '.txt')}`, formatted(source.text));
    });
  }
});

describe('what is well laid out stays as it is', () => {
  for (const source of sourcesIn('fixtures/design')) {
    it(source.name, () => expect(formatted(source.text)).toBe(source.text));
  }
});

describe('the tree is kept, and formatting twice is formatting once', () => {
  const sources = [...sourcesIn('fixtures/design'), ...sourcesIn('golden/parse'), ...sourcesIn('golden/fmt')];
  for (const source of sources) {
    it(source.name, () => checkFormat(source.text));
  }

  /** Changes blanks only where a blank is already, and never takes the last one. */
  function reblank(text: string, seed: number): string {
    const random = randomFrom(seed);
    let out = '';
    let inString = false;
    let inComment: '' | '//' | '/*' = '';
    for (let i = 0; i < text.length; i++) {
      const c = text.charAt(i);
      const two = text.slice(i, i + 2);
      if (inComment === '//' && c === '\n') inComment = '';
      else if (inComment === '/*' && two === '*/') {
        inComment = '';
        out += two;
        i++;
        continue;
      } else if (inComment === '' && c === '"' && text[i - 1] !== '\\') inString = !inString;
      else if (inComment === '' && !inString && (two === '//' || two === '/*')) inComment = two;
      if (inString || inComment !== '') {
        out += c;
        continue;
      }
      const choice = random(12);
      if (c === ' ' && choice < 3) out += ' '.repeat(1 + random(5));
      else if (c === ' ' && choice === 3) out += '\t';
      else if (c === ' ' && choice === 4) out += ' /* c */ ';
      else if (c === '\n' && choice < 3) out += '\n'.repeat(1 + random(4));
      else if (c === '\n' && choice === 3) out += ' // end\n';
      else if (c === '\n' && choice === 4) out += '\r\n';
      else if (c === ',' && choice < 2) out += ',\n';
      else if (c === ',' && choice < 4) out += ',   ';
      else out += c;
    }
    return out;
  }

  it('for the examples with their blanks changed at random', () => {
    const texts = sources.map((source) => source.text);
    fc.assert(
      fc.property(fc.nat(texts.length - 1), fc.nat(1_000_000), (which, seed) => {
        checkFormat(reblank(texts[which] ?? '', seed));
      }),
      { numRuns: 150, seed: 1 },
    );
  });

  // A generator of programs by the grammar; `tie` knots its recursion.
  const word = fc.constantFrom('a', 'bb', 'ccc', 'x', 'relu', 'it', 'width', 'from', 'none');
  const segment = fc.oneof(word, fc.constantFrom('0', '12', 'block', 'if', 'output'));
  const sep = fc.constantFrom(' ', ' ', '  ', '   ', '\n', '\n\n');
  const program = fc.letrec<Record<'expr' | 'chain' | 'body' | 'stmt' | 'label' | 'args' | 'construct' | 'target', string>>(
    (tie) => {
      const joined = (separator: string, of: fc.Arbitrary<string>, minLength: number, maxLength = 3): fc.Arbitrary<string> =>
        fc.array(of, { minLength, maxLength }).map((parts) => parts.join(separator));
      return {
        label: fc.oneof(
          { depthSize: 'small' },
          joined('.', segment, 1),
          fc.tuple(word, tie('expr'), segment).map(([w, e, s]) => `${w}{${e}}.${s}`),
          fc.tuple(word, tie('expr')).map(([w, e]) => `${w}.{ ${e} }_k`),
        ),
        args: fc.oneof(
          fc.constant(''),
          joined(', ', tie('chain'), 1),
          fc
            .tuple(
              segment.filter((s) => /^[a-z]/.test(s)),
              sep,
              tie('chain'),
            )
            .map(([n, s, c]) => `${n}${s}=${s}${c}`),
        ),
        expr: fc.oneof(
          { depthSize: 'small', withCrossShrink: true },
          word,
          fc.constantFrom('1', '0.5', '1e-5', '3x3', '"text // no comment"', 'true', 'false'),
          fc.tuple(word, tie('args')).map(([f, a]) => `${f}(${a})`),
          fc
            .tuple(tie('expr'), sep, fc.constantFrom('+', '-', '*', '/', '@', '%', 'and', 'or'), sep, word)
            .map((parts) => parts.join(' ')),
          fc.tuple(word, fc.constantFrom('==', '<', '>='), word).map((parts) => `(${parts.join('')})`),
          fc.tuple(fc.constantFrom('-', '- ', 'not ', '- -'), word).map(([p, e]) => `(${p}${e})`),
          fc.tuple(word, tie('expr'), tie('expr')).map(([x, a, b]) => `${x}[${a} : , ${b}, :]`),
          fc.tuple(word, tie('expr'), tie('expr')).map(([c, a, b]) => `(${c}?${a} : ${b})`),
          joined(',', tie('chain'), 0).map((list) => `[${list}]`),
          tie('chain').map((chain) => `( ${chain})`),
          tie('body'),
        ),
        target: fc.oneof(
          { depthSize: 'small' },
          word,
          fc.tuple(word, tie('args')).map(([f, a]) => `${f}(${a} )`),
          tie('body'),
          tie('construct'),
        ),
        chain: fc.oneof(
          { depthSize: 'small' },
          tie('expr'),
          fc.tuple(tie('label'), sep, tie('target')).map(([l, s, t]) => `${l}:${s}${t}`),
          fc.tuple(tie('expr'), sep, tie('target'), tie('target')).map(([e, s, t, u]) => `${e}${s}-> ${t}->${u}`),
        ),
        construct: fc.oneof(
          { depthSize: 'small' },
          fc.tuple(word, tie('body')).map(([n, b]) => `repeat ${n} as i, k shared ${b}`),
          fc.tuple(tie('expr'), tie('body')).map(([e, b]) => `each ${e} as i ${b}`),
          tie('body').map((body) => `sequential ${body}`),
          fc.tuple(tie('args'), tie('body'), tie('expr')).map(([a, b, e]) => `residual(${a}) ${b} shortcut ${e}`),
          fc.tuple(tie('body'), tie('label'), word).map(([b, l, w]) => `residual ${b} shortcut ${l}: ${w}`),
          tie('label').map((label) => `reuse ${label}`),
        ),
        stmt: fc.oneof(
          { depthSize: 'small' },
          tie('chain'),
          tie('chain').map((chain) => `let x, y =${chain}`),
          fc.tuple(tie('expr'), tie('body'), tie('body')).map(([e, b, c]) => `if ${e} ${b} else ${c}`),
          tie('chain').map((chain) => `return ${chain},${chain}`),
          fc.tuple(tie('label'), tie('expr')).map(([l, e]) => `input ${l} : f32[N,${e}]`),
          tie('label').map((label) => `output ${label}`),
          fc.constantFrom('map "a"="b"', 'assert H%2==0,"text"', 'param w: f32[3]=zeros', '// comment', '/// doc', '/* a\n b */'),
        ),
        body: fc
          .array(fc.tuple(tie('stmt'), sep), { maxLength: 4 })
          .map((stmts) => `{${stmts.map(([s, t]) => `${t}${s}\n`).join('')}}`.replace(/^\{(?=\S)/, '{ ')),
      };
    },
  );

  it('for programs made by the grammar', () => {
    let read = 0;
    fc.assert(
      fc.property(fc.array(program.body, { minLength: 1, maxLength: 2 }), (bodies) => {
        const text = bodies.map((body, i) => `block B${i}(a:int=-1,b = 2) ${body}`).join('\n\n\n');
        // The generator knows nothing of what may follow what on one line; what the parser refuses is no case.
        if (parse({ name: 'a.res', text }).diagnostics.length > 0) return;
        read++;
        checkFormat(text);
      }),
      { numRuns: 150, seed: 2 },
    );
    expect(read).toBeGreaterThan(40);
  });
});
