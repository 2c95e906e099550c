/**
 * What modules of the core keep between calls. A compilation owns what it changes (`tensor/session.ts`), so that two in one
 * process cannot meet; what a module keeps is listed here with the reason why it does no harm. The list can only shrink: an entry
 * that is gone must go here too.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

const reasons = {
  /** Made once out of constants, the same whoever makes it. */
  table: 'a table or a module of code that is made on first use and never changes',
  /** Written and read within one synchronous call. */
  scratch: 'scratch numbers of a function that neither awaits nor calls back between writing and reading them',
  /** A weak map from an object of one compilation, which goes with it. */
  derived: 'what is derived from an object of one compilation, kept as long as that object',
  /** Numbers or objects whose value depends on their key alone. */
  weak: 'immutable values, equal ones one object, which are kept no longer than somebody else has them',
  recent: 'a bounded number of results that depend on their operands alone',
  free: 'arrays that nobody uses; whoever takes one writes before reading',
  process: 'how this process computes products, set when it begins',
  counter: 'only ever compared for equality with itself: a change elsewhere costs work and no result',
} as const;

const allowed: Readonly<Record<string, keyof typeof reasons>> = {
  'diagnostics/diagnostic.ts kinds': 'table',
  'diagnostics/source.ts lineStartsOf': 'derived',
  'elaborate/it.ts known': 'derived',
  'ir/dim.ts atoms': 'weak',
  'ir/dim.ts computed': 'recent',
  'ir/dim.ts dims': 'weak',
  'ir/dim.ts nextId': 'weak',
  'ir/dim.ts numbers': 'recent',
  'ir/round.ts itsWords': 'scratch',
  'ir/round.ts oneDouble': 'scratch',
  'ir/dim-text.ts token': 'scratch',
  'onnx/versions.ts histories': 'table',
  'onnx/wire.ts numberEnd': 'scratch',
  'onnx/write.ts plans': 'derived',
  'ops/gemm.ts current': 'process',
  'ops/math.ts piScaled': 'table',
  'ops/math.ts view': 'scratch',
  'parser/lexer.ts cachedLexer': 'table',
  'parser/parse-file.ts cachedParser': 'table',
  'parser/tokens.ts keywordTokens': 'table',
  'passes/engine/fuel.ts changes': 'counter',
  'passes/transforms/move-transpose/region.ts settled': 'derived',
  'tensor/init.ts quantiles': 'table',
  'tensor/narrow.ts kernel': 'table',
  'tensor/simd.ts compiled': 'table',
  'tensor/simd.ts free': 'free',
  'tensor/simd.ts itsBits': 'scratch',
  'tensor/simd.ts kernels': 'derived',
  'words/dictionary.ts made': 'table',
  'diagnostics/late-texts.ts sourceTexts': 'table',
  'diagnostics/late-texts.ts syntaxTexts': 'table',
  'elaborate/late-loops.ts branches': 'table',
  'elaborate/late-loops.ts loops': 'table',
  'elaborate/late-ode.ts ode': 'table',
  'elaborate/late.ts advice': 'table',
  'ops/lookup.ts registry': 'table',
  'parser/late.ts messages': 'table',
  'words/late.ts dictionary': 'table',
};

const changing = new Set('set add delete clear push pop shift unshift splice sort reverse fill copyWithin'.split(' '));
/** Objects without a state that a program could see. */
const stateless = new Set(['TextEncoder', 'TextDecoder', 'RegExp', 'TokenSet']);
const containers = new Set(['Map', 'Set', 'WeakMap', 'WeakSet', 'Array']);

function coreFiles(): readonly string[] {
  const { include, exclude } = ts.parseConfigFileTextToJson('', readFileSync('tsconfig.core.json', 'utf8')).config as {
    include: readonly string[];
    exclude: readonly string[];
  };
  return include.flatMap((path) =>
    path.endsWith('.ts')
      ? [path]
      : readdirSync(path, { recursive: true, encoding: 'utf8' })
          .map((name) => join(path, name))
          .filter((name) => name.endsWith('.ts') && !exclude.some((out) => name.startsWith(`${out}/`))),
  );
}

/** Names that a file changes: assigned to, or changed in place. `loading` says whether that happens while the module loads. */
function changesIn(file: ts.SourceFile): readonly { readonly name: string; readonly loading: boolean }[] {
  const found: { name: string; loading: boolean }[] = [];
  const rootOf = (node: ts.Expression): string | undefined =>
    ts.isIdentifier(node)
      ? node.text
      : ts.isPropertyAccessExpression(node) || ts.isElementAccessExpression(node)
        ? rootOf(node.expression)
        : undefined;
  const visit = (node: ts.Node, loading: boolean): void => {
    const changed =
      ts.isBinaryExpression(node) &&
      node.operatorToken.kind >= ts.SyntaxKind.FirstAssignment &&
      node.operatorToken.kind <= ts.SyntaxKind.LastAssignment
        ? node.left
        : (ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node)) &&
            (node.operator === ts.SyntaxKind.PlusPlusToken || node.operator === ts.SyntaxKind.MinusMinusToken)
          ? node.operand
          : ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression) && changing.has(node.expression.name.text)
            ? node.expression.expression
            : undefined;
    const name = changed && rootOf(changed);
    if (name !== undefined) found.push({ name, loading });
    ts.forEachChild(node, (child) => visit(child, loading && !ts.isFunctionLike(child)));
  };
  visit(file, true);
  return found;
}

/** What a module keeps: variables, and containers and objects that a function changes after the module was loaded. */
function stateOf(path: string, text: string): readonly string[] {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const later = new Set(changesIn(file).flatMap(({ name, loading }) => (loading ? [] : [name])));
  const state: string[] = [];
  for (const statement of file.statements) {
    if (ts.isClassDeclaration(statement)) {
      for (const member of statement.members)
        if (
          ts.isPropertyDeclaration(member) &&
          member.modifiers?.some((m) => m.kind === ts.SyntaxKind.StaticKeyword) &&
          !member.modifiers.some((m) => m.kind === ts.SyntaxKind.ReadonlyKeyword)
        )
          state.push(`${statement.name?.text}.${member.name.getText(file)}`);
      continue;
    }
    if (!ts.isVariableStatement(statement)) continue;
    const constant = (statement.declarationList.flags & ts.NodeFlags.Const) !== 0;
    for (const { name, initializer } of statement.declarationList.declarations) {
      if (!ts.isIdentifier(name)) continue;
      const made = initializer && ts.isNewExpression(initializer) ? initializer.expression.getText(file) : undefined;
      const object = made !== undefined && !containers.has(made) && !stateless.has(made) && !/Array$/.test(made);
      if (!constant || later.has(name.text) || object) state.push(name.text);
    }
  }
  return state;
}

describe('modules of the core', () => {
  test('keep between calls what is listed here with its reason, and nothing else', () => {
    const files = coreFiles();
    expect(files.length).toBeGreaterThan(150);
    const kept = files.flatMap((path) =>
      stateOf(path, readFileSync(path, 'utf8')).map((name) => `${path.replace(/^src\//, '')} ${name}`),
    );
    expect([...kept].sort()).toEqual(Object.keys(allowed).sort());
  });

  test.each([
    ['let next = 0;', ['next']],
    ['const known = new Map(); function f() { known.set(1, 2); }', ['known']],
    ['const list = []; const f = () => { list.push(1); };', ['list']],
    ['const list = []; export const f = () => { list[0].x = 1; };', ['list']],
    ['const one = new Float64Array(1); class A { m() { one[0] = 2; } }', ['one']],
    ['const writer = new Writer();', ['writer']],
    ['class A { static #count = 0; }', ['A.#count']],
    ['const table = new Map(); table.set(1, 2); for (const x of []) table.set(x, 1);', []],
    [
      'const text = new TextEncoder(); const names = new Set([1]); const a = [1]; function f() { const a2 = []; a2.push(1); }',
      [],
    ],
  ])('are found out: %s', (text, names) => {
    expect(stateOf('x.ts', text)).toEqual(names);
  });
});
