import { describe, expect, it } from 'vitest';
import { definedKinds } from '../../src/diagnostics/catalogue.ts';
import type { Diagnostic } from '../../src/diagnostics/diagnostic.ts';
import { explain } from '../../src/diagnostics/explain.ts';
import { render, toJson } from '../../src/diagnostics/render.ts';
import type { SourceFile, Span } from '../../src/diagnostics/source.ts';
import { golden } from '../golden.ts';

function spanOf(file: SourceFile, text: string, from = 0): Span {
  const start = file.text.indexOf(text, from);
  expect(start, text).toBeGreaterThanOrEqual(0);
  return { file, start, end: start + text.length };
}

function mistake(span: Span | undefined, more: Partial<Diagnostic> = {}): Diagnostic {
  return {
    code: 'RES0999',
    severity: 'error',
    title: 'something is wrong',
    ...(span && { span }),
    notes: [],
    within: [],
    ...more,
  };
}

function plain(diagnostic: Diagnostic, width?: number): string {
  return render([diagnostic], { color: false, ...(width !== undefined && { width }) });
}

const cifar: SourceFile = {
  name: 'cifar.res',
  text: `// a network for small pictures

block Basic(width, stride = 1) {
  residual {
    conv1: conv(width, 3x3, stride=stride)
    bn1: batchnorm
    relu
    conv2: conv(width, 3x3)
  }
}
`,
};

describe('a rendered diagnostic', () => {
  it('looks as the style guide shows it', () => {
    const end = cifar.text.indexOf('  }\n') + 2;
    const diagnostic: Diagnostic = {
      code: 'RES0302',
      severity: 'error',
      title: 'body and shortcut of this residual have different shapes',
      span: { file: cifar, start: end, end: end + 1 },
      label: 'no shortcut clause: the shortcut is identity',
      notes: [{ span: spanOf(cifar, 'stride=stride'), text: "2 here: halves the body's grid" }],
      found: 'body      f32[N, 128, 28, 28]\nshortcut  f32[N,  64, 56, 56]',
      expected: 'one shape for both, because residual adds them',
      hint: 'write `shortcut pad` (no parameters) or `shortcut project` (1x1 conv, stride 2)',
      within: ['layer2.0, from `unit(128, stride = i == 0 ? 2 : 1)` at cifar.res:21:31, i = 0'],
    };
    expect(plain(diagnostic)).toBe(`error RES0302: body and shortcut of this residual have different shapes
   ┌─ cifar.res:9:3
   │
 5 │     conv1: conv(width, 3x3, stride=stride)
   │                             ------------- 2 here: halves the body's grid
 9 │   }
   │   ^ no shortcut clause: the shortcut is identity
   │
   found     body      f32[N, 128, 28, 28]
             shortcut  f32[N,  64, 56, 56]
   expected  one shape for both, because residual adds them
   hint      write \`shortcut pad\` (no parameters) or \`shortcut project\` (1x1 conv, stride 2)
   in        layer2.0, from \`unit(128, stride = i == 0 ? 2 : 1)\` at cifar.res:21:31, i = 0
`);
    golden('diagnostics/color.txt', JSON.stringify(render([diagnostic], { color: true }).split('\n'), null, 1));
  });

  it('holds no colour when none is asked for, and is the same text with it', () => {
    const diagnostic = mistake(spanOf(cifar, 'relu'), { found: 'x', severity: 'warning' });
    const control = String.fromCharCode(27);
    const colored = render([diagnostic], { color: true });
    expect(colored).toContain(control);
    expect(colored.replace(new RegExp(`${control}\\[\\d+m`, 'g'), '')).toBe(plain(diagnostic));
    expect(plain(diagnostic)).toMatch(/^warning RES0999: /);
  });

  it('without a place has only its words', () => {
    expect(plain(mistake(undefined, { found: 'no such file', hint: 'write the path' }))).toBe(
      'error RES0999: something is wrong\n   found     no such file\n   hint      write the path\n',
    );
  });

  it('shows the files of its notes after its own', () => {
    const other: SourceFile = { name: 'std/resnet.res', text: 'block A { }\nblock B { }\n' };
    expect(
      plain(mistake(spanOf(cifar, 'bn1'), { notes: [{ span: spanOf(other, 'B'), text: 'declared here' }], found: 'x' })),
    ).toBe(`error RES0999: something is wrong
   ┌─ cifar.res:6:5
   │
 6 │     bn1: batchnorm
   │     ^^^
   │
   ├─ std/resnet.res:2:7
   │
 2 │ block B { }
   │       - declared here
   │
   found     x
`);
  });

  it('puts each of several marks of one line below it, and aligns line numbers', () => {
    const text = `${'\n'.repeat(98)}let a = b + c\nlet d = e\n`;
    const file: SourceFile = { name: 'a.res', text };
    const notes = [
      { span: spanOf(file, 'b'), text: 'f32' },
      { span: spanOf(file, 'c'), text: 'i64' },
      { span: spanOf(file, 'd'), text: 'used here' },
    ];
    expect(plain(mistake(spanOf(file, '+'), { notes }))).toBe(`error RES0999: something is wrong
     ┌─ a.res:99:11
     │
  99 │ let a = b + c
     │         - f32
     │           ^
     │             - i64
 100 │ let d = e
     │     - used here
`);
  });

  it('expands tabs, counts wide characters as two, and puts a caret at the end of the text', () => {
    const file: SourceFile = { name: 'a.res', text: '\tx\t// 漢字 y é̀ 𝄞 z' };
    const caretColumn = (span: Span): number => {
      const lines = plain(mistake(span)).split('\n');
      return (lines[4]?.indexOf('^') ?? 0) - 5;
    };
    expect(caretColumn(spanOf(file, 'x'))).toBe(4);
    expect(plain(mistake(spanOf(file, 'x')))).toContain('│     x   // 漢字 y');
    expect(caretColumn(spanOf(file, 'y'))).toBe(8 + 3 + 4 + 1);
    expect(caretColumn(spanOf(file, 'z'))).toBe(8 + 3 + 4 + 3 + 2 + 2);
    expect(caretColumn({ file, start: file.text.length, end: file.text.length })).toBe(8 + 3 + 4 + 3 + 2 + 3);
  });

  it('shows the control characters of a file instead of sending them to the terminal', () => {
    const file: SourceFile = { name: 'a\u001b[2J.res', text: 'x \u001b[31m \u202e \u0007 y\n' };
    const shown = plain(mistake(spanOf(file, 'y'), { found: '\u001b[2J' }));
    expect(shown).not.toContain('\u001b');
    expect(shown).not.toContain('\u202e');
    expect(shown).not.toContain('\u0007');
    expect(shown).toContain('␛[31m');
  });

  it('cuts long lines around what it points at', () => {
    const file: SourceFile = { name: 'a.res', text: `${'a + '.repeat(100)}here${' + b'.repeat(100)}` };
    for (const width of [40, 80, 130]) {
      const lines = plain(mistake(spanOf(file, 'here'), { label: 'this' }), width).split('\n');
      const source = lines[3] ?? '';
      expect([...source].length).toBeLessThanOrEqual(width);
      expect(source).toMatch(/^ 1 │ ….*here.*…$/);
      expect((lines[4] ?? '').indexOf('^^^^ this')).toBe(source.indexOf('here'));
    }
    const start = plain(mistake({ file, start: 0, end: 1 }), 60).split('\n')[3] ?? '';
    expect(start).toMatch(/^ 1 │ a \+ .*…$/);
    const end = plain(mistake({ file, start: file.text.length, end: file.text.length }), 60).split('\n')[3] ?? '';
    expect(end).toMatch(/^ 1 │ ….* \+ b$/);
  });

  it('underlines a span of several lines on its first, and survives one in an empty file', () => {
    const all = plain(mistake({ file: cifar, start: cifar.text.indexOf('residual'), end: cifar.text.length }));
    expect(all).toContain('  residual {\n   │   ^^^^^^^^^^\n');
    expect(plain(mistake({ file: { name: 'empty.res', text: '' }, start: 0, end: 0 }))).toContain(
      'empty.res:1:1\n   │\n 1 │\n   │ ^\n',
    );
  });

  it('is one of several, with a blank line between them', () => {
    const two = render([mistake(undefined), mistake(undefined)], { color: false });
    expect(two).toBe('error RES0999: something is wrong\n\nerror RES0999: something is wrong\n');
    expect(render([], { color: true })).toBe('');
  });
});

describe('as data', () => {
  it('has lines and columns for editors', () => {
    const [json] = toJson([
      mistake(spanOf(cifar, 'bn1: batchnorm\n'), { hint: 'h', notes: [{ span: spanOf(cifar, 'relu'), text: 't' }] }),
    ]);
    expect(json).toEqual({
      code: 'RES0999',
      severity: 'error',
      title: 'something is wrong',
      file: 'cifar.res',
      line: 6,
      column: 5,
      endLine: 7,
      endColumn: 1,
      hint: 'h',
      notes: [{ file: 'cifar.res', line: 7, column: 5, endLine: 7, endColumn: 9, text: 't' }],
      within: [],
    });
    expect(JSON.parse(JSON.stringify(json))).toEqual(json);
  });
});

describe('the catalogue', () => {
  it('explains every code it defines, and none else', () => {
    for (const kind of definedKinds()) {
      const page = explain(kind.code);
      expect(page, kind.code).toContain(kind.code);
      expect(kind.code).toMatch(/^RES\d{4}$/);
      expect(kind.more.length, `${kind.code} explains itself`).toBeGreaterThan(40);
      const title = kind.title.parts.join('');
      expect(title.endsWith('.'), `${kind.code} has a title without a full stop`).toBe(false);
    }
    expect(explain('RES9999')).toBeUndefined();
    expect(explain('res0302')).toBe(explain('RES0302'));
  });
  it('has a golden file for every syntax error', async () => {
    const { readdirSync } = await import('node:fs');
    const { goldenFolder } = await import('../golden.ts');
    const files = readdirSync(`${goldenFolder}/errors`).filter((name) => name.endsWith('.txt'));
    for (const kind of definedKinds().filter((k) => k.code < 'RES0100')) {
      expect(
        files.some((name) => name.startsWith(kind.code)),
        kind.code,
      ).toBe(true);
    }
  });
  it('prints a page as it stands in the reference', () => {
    golden('diagnostics/explain.txt', `${explain('RES0008')}\n${explain('RES0011')}`);
  });
});
