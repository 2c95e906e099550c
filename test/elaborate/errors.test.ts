/**
 * Every mistake of names, values, shapes and structure: what is printed for a file that makes it. Adding a case is adding a .res
 * file.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { build, check } from '../../src/check.ts';
import { definedKinds } from '../../src/diagnostics/catalogue.ts';
import { explain } from '../../src/diagnostics/explain.ts';
import { render, toJson } from '../../src/diagnostics/render.ts';
import { golden, goldenFolder } from '../golden.ts';

const folder = join(goldenFolder, 'errors');
const files = readdirSync(folder)
  .filter((name) => /^RES0[1-4].*\.res$/.test(name))
  .sort();

/** `// options: single model=A n=3 steps=10` on the first line: build one model, choose it, -D n=3, limits. */
function optionsOf(text: string): { readonly single: boolean; readonly options: Parameters<typeof check>[1] } {
  const words = /^\/\/ options: (.*)/.exec(text)?.[1]?.split(' ') ?? [];
  const defines: Record<string, string> = {};
  let model: string | undefined;
  let steps: number | undefined;
  for (const word of words.filter((w) => w.includes('='))) {
    const [key = '', value = ''] = word.split('=');
    if (key === 'model') model = value;
    else if (key === 'steps') steps = Number(value);
    else defines[key] = value;
  }
  return {
    single: words.includes('single') || model !== undefined,
    options: { model, defines, limits: steps === undefined ? {} : { steps } },
  };
}

function diagnosticsOf(name: string): ReturnType<typeof check>['diagnostics'] {
  const text = readFileSync(join(folder, name), 'utf8');
  const { single, options } = optionsOf(text);
  const resolveImport = (from: string, importer: { readonly name: string }): { name: string; text: string } | undefined => {
    const path = join(dirname(importer.name), from);
    try {
      return { name: path, text: readFileSync(join(folder, path), 'utf8') };
    } catch {
      return undefined;
    }
  };
  const { diagnostics, warnings } = (single ? build : check)(text, { fileName: name, resolveImport, ...options });
  return [...diagnostics, ...warnings];
}

describe('mistakes', () => {
  test('there are files', () => expect(files.length).toBeGreaterThan(40));

  test.each(files)('%s', (name) => {
    const diagnostics = diagnosticsOf(name);
    expect(diagnostics.length).toBeGreaterThan(0);
    expect(diagnostics.map((d) => d.code)).toContain(name.slice(0, 7));
    for (const d of diagnostics) {
      expect(d.span, `${d.code} has a span`).toBeDefined();
      expect(d.found, `${d.code} says what was found`).toBeTruthy();
      expect(d.expected, `${d.code} says what was expected`).toBeTruthy();
      expect(d.hint, `${d.code} has a hint`).toBeTruthy();
    }
    expect(JSON.parse(JSON.stringify(toJson(diagnostics)))).toHaveLength(diagnostics.length);
    golden(`errors/${name.replace(/\.res$/, '.txt')}`, render(diagnostics, { color: false, width: 130 }));
  });

  test('every code of these families has a file that provokes it and a page that explains it', () => {
    // What only a command can provoke has the text of it alone.
    const provoked = new Set(readdirSync(folder).map((name) => name.slice(0, 7)));
    for (const { code } of definedKinds()) {
      expect(explain(code), code).toMatch(/\S/);
      if (/^RES0[1-4]/.test(code) && code !== 'RES0221') expect(provoked, `a file for ${code}`).toContain(code);
    }
  });
});

describe('a hint is to be typed in, so it is whole', () => {
  const sum = Array.from({ length: 40 }, (_, i) => i + 1).join(' + ');
  const list = `[${Array.from({ length: 40 }, (_, i) => i + 1).join(', ')}]`;
  test.each([
    [`split(${list})`, `write \`sizes=${list}\``],
    [`conv(out_channels=${sum}, kernel=3)`, `write \`out=${sum}\``],
    [sum, `name it: \`let n = ${sum}\``],
    [`assert ${sum}`, `compare it: \`${sum} > 0\``],
    [`let a = (${sum})[0]`, `write \`(${sum})\` without an index`],
    [`let a = (${sum}) / 7`, `write \`floordiv((${sum}), 7)\` to round down, or \`1.0 * (${sum}) / 7\` for a float`],
    [
      `let a = tanh  repeat 2 { let a = (a + ${sum})  it }`,
      'hand it on from turn to turn: `let a2 = repeat … with a { … return … }`',
    ],
    [
      `let a = tanh  repeat 2 { let a = (${sum} + a)  it }`,
      'hand it on from turn to turn: `let a2 = repeat … with a { … return … }`',
    ],
  ])('%s', (text, hint) => {
    const { diagnostics } = build(`model M { input x: f32[N, 820, 8, 8]  ${text}  output y }`);
    expect(diagnostics.map((d) => d.hint)).toContain(hint);
  });
});
