/** `npm run new`: what it writes compiles, is registered, passes the linter, and is not done until it is filled in. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { type Files, kinds, mark, Refused } from '../scripts/new/kinds.ts';
import { left, repository } from '../scripts/new.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

it('nothing is left to fill in', () => {
  expect(left(['src', 'test'])).toEqual([]);
});

/** All kinds, one behind the other, over the repository as it is; two of those that are registered in one list. */
const calls: readonly (readonly [string, string])[] = [
  ['operator', 'half_shrink'],
  ['operator', 'doubling'],
  ['rule', 'fold-pad/into-nothing'],
  ['rule', 'simplify/nothing-at-all'],
  ['rule', 'new-pass/first-rule'],
  ['rule', 'new-pass/second-rule'],
  ['diagnostic', 'syntax/something-odd'],
  ['diagnostic', 'weights/something-else'],
  ['command', 'ponder'],
  ['format', 'unheard'],
];
const written = new Map<string, string>();
const overlay: Files = {
  read: (path) => written.get(path) ?? repository.read(path),
  list: repository.list,
};
for (const [kind, name] of calls) for (const [path, text] of kinds[kind]?.plan(name, overlay) ?? []) written.set(path, text);
const sources = [...written.keys()].filter((path) => path.endsWith('.ts'));

const words = (path: string): string => (written.get(path) ?? '').replace(/\s+/g, ' ');

describe('what is written', () => {
  it('is registered where its kind is looked up', () => {
    const registry = words('src/ops/registry.ts');
    expect(registry).toMatch(/operators: readonly Operator\[\] = \[.*halfShrink, doubling,? \]/);
    expect(registry).toMatch(/layers: readonly Layer\[\] = \[.*halfShrinkLayer, doublingLayer,? \]/);
    const schedule = words('src/passes/schedule.ts');
    expect(schedule).toContain('rules: [foldPad, foldPadIntoNothing]');
    expect(schedule).toMatch(/simplifyRules = \[[^\]]*simplifyNothingAtAll,? \]/);
    expect(schedule).toContain("{ pass: 'new-pass', rules: [newPassFirstRule, newPassSecondRule], sweeps: [] }");
    expect(schedule.split("'new-pass': ")).toHaveLength(2);
    expect(written.get('src/passes/transforms/simplify/nothing-at-all.ts')).toContain("from '../../engine/rule.ts'");
    expect(words('src/cli/program.ts')).toContain("ponder: async () => (await import('./ponder.ts')).addPonder");
    expect(words('src/checkpoint/formats.ts')).toMatch(
      /formats: readonly Format\[\] = \[.*name: 'unheard'.*isUnheard\(head\).*readUnheard\(source\)/,
    );
  });

  it('has the next code, a test, and a golden stub', () => {
    const codes = [...words('src/diagnostics/catalogue/syntax.ts').matchAll(/code: 'RES(\d{4})'/g)].map(([, digits]) =>
      Number(digits),
    );
    expect(new Set(codes).size).toBe(codes.length);
    const code = `RES${String(Math.max(...codes)).padStart(4, '0')}`;
    expect(written.get(`test/golden/errors/${code}-something-odd.res`)).toContain(code);
    for (const path of ['test/ops/half-shrink.test.ts', 'test/cli/ponder.test.ts', 'test/checkpoint/unheard.test.ts'])
      expect(written.get(path), path).toContain(mark);
    for (const path of ['test/golden/passes/new-pass.ir', 'test/golden/passes/fold-pad.ir'])
      expect(written.get(path), path).toContain(`// -- ${mark}`);
    // Every file that a call makes anew says what is left to do.
    for (const [path, text] of written) if (repository.read(path) === undefined) expect(text, path).toContain(mark);
  });

  it('compiles', () => {
    const config = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
    const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, root);
    const host = ts.createCompilerHost(options);
    const overlaid = new Map([...written].map(([path, text]) => [resolve(root, path), text]));
    const { fileExists, readFile, getSourceFile } = host;
    host.fileExists = (name) => overlaid.has(resolve(name)) || fileExists.call(host, name);
    host.readFile = (name) => overlaid.get(resolve(name)) ?? readFile.call(host, name);
    host.getSourceFile = (name, language, ...rest) => {
      const text = overlaid.get(resolve(name));
      return text === undefined
        ? getSourceFile.call(host, name, language, ...rest)
        : ts.createSourceFile(name, text, language, true);
    };
    const program = ts.createProgram(
      sources.map((path) => join(root, path)),
      options,
      host,
    );
    for (const path of sources) {
      const file = program.getSourceFile(join(root, path));
      const found = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
      expect(
        found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n')),
        path,
      ).toEqual([]);
    }
  }, 300_000);

  it('passes the linter', () => {
    const folder = mkdtempSync(join(tmpdir(), 'rescc-new-'));
    try {
      for (const name of ['biome.json', '.gitignore']) copyFileSync(join(root, name), join(folder, name));
      for (const path of sources) {
        mkdirSync(dirname(join(folder, path)), { recursive: true });
        writeFileSync(join(folder, path), written.get(path) ?? '');
      }
      const biome = (...args: readonly string[]) =>
        spawnSync(process.execPath, [join(root, 'node_modules/@biomejs/biome/bin/biome'), 'check', ...args, '.'], {
          cwd: folder,
          encoding: 'utf8',
        });
      biome('--write');
      const { status, stdout, stderr } = biome();
      expect(status, stdout + stderr).toBe(0);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }, 120_000);
});

describe('a call that cannot be followed is refused before anything is written', () => {
  for (const [kind, name, message] of [
    ['operator', 'Half-Shrink', 'softshrink'],
    ['operator', 'relu', 'src/ops/activation.ts has relu already'],
    ['rule', 'fold-pad', 'fold-pad/into-windows'],
    ['rule', 'fold-pad/into-windows', 'has fold-pad/into-windows already'],
    ['diagnostic', 'nowhere/name', 'there is no room nowhere'],
    ['diagnostic', 'syntax/tuple-in-range', 'has tupleInRange already'],
    ['command', 'check', 'is there already'],
    ['format', 'numpy', 'is there already'],
  ] as const) {
    it(`${kind} ${name}`, () => {
      const plan = (): unknown => kinds[kind]?.plan(name, repository);
      expect(plan).toThrow(Refused);
      expect(plan).toThrow(message);
    });
  }
});
