/**
 * Who knows an operator by its name. What holds of an operator stands on the operator (`src/ir/operator.ts`); a file that
 * compares names, lists them or looks one up forgets the next operator. Passes about an operator name it, as do lifts and what
 * `src/ops` itself says.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { operators } from '../../src/ops/registry.ts';

const names = new Set(operators.map((op) => op.name));

/** Rooms and files whose subject an operator may be. */
const about = /^src\/(ops|words|import\/lifts|passes\/transforms)\//;

/**
 * How many operators others know all the same. A number may fall, and falls here then; a new one needs a fact of the operator
 * instead.
 */
const allowed: Readonly<Record<string, number>> = {
  // Functions of numbers at compile time, most of which are called as the operator of tensors is.
  'src/elaborate/builtins.ts': 13,
  // What each of these analyses is about: x·s + t, sums of products, permutations, cuts, windows, polynomials of one number,
  // tensors of one number.
  'src/passes/analysis/affine.ts': 4,
  'src/passes/analysis/filled.ts': 1,
  'src/passes/analysis/linear.ts': 4,
  'src/passes/analysis/perm.ts': 1,
  'src/passes/analysis/pieces.ts': 2,
  'src/passes/analysis/shapes.ts': 4,
  'src/passes/analysis/polynomial.ts': 9,
  // Operators as expressions of the tensor algebra, and its own functions.
  'src/passes/analysis/constant-values.ts': 20,
  'src/tensor/arithmetic.ts': 3,
};

/** `node.op`, `op`, `operator`. */
function isOperator(of: ts.Expression): boolean {
  const last = ts.isIdentifier(of) ? of.text : ts.isPropertyAccessExpression(of) ? of.name.text : '';
  return last === 'op' || last === 'operator';
}

/** The name of such, and what was called so before. */
function isOperatorName(expression: ts.Expression, aliases: ReadonlySet<string>): boolean {
  if (ts.isIdentifier(expression)) return aliases.has(expression.text);
  if (!ts.isPropertyAccessExpression(expression) || expression.name.text !== 'name') return false;
  return isOperator(expression.expression);
}

function aliasesIn(file: ts.SourceFile): ReadonlySet<string> {
  const out = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isVariableDeclaration(node) && node.initializer) {
      if (ts.isIdentifier(node.name) && isOperatorName(node.initializer, out)) out.add(node.name.text);
      if (ts.isObjectBindingPattern(node.name) && isOperator(node.initializer))
        for (const { name, propertyName } of node.name.elements)
          if (
            ts.isIdentifier(name) &&
            (!propertyName ? name.text : ts.isIdentifier(propertyName) ? propertyName.text : '') === 'name'
          )
            out.add(name.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return out;
}

const isComparison = (kind: ts.SyntaxKind): boolean =>
  kind === ts.SyntaxKind.EqualsEqualsEqualsToken || kind === ts.SyntaxKind.ExclamationEqualsEqualsToken;

/** The first word: `sqrt 0` is about sqrt. */
const operatorIn = (text: string): string | undefined => {
  const word = text.slice(0, text.includes(' ') ? text.indexOf(' ') : undefined);
  return names.has(word) ? word : undefined;
};

/** All strings of a list, or all keys of a table. */
function entriesOf(node: ts.Node): readonly string[] | undefined {
  if (ts.isArrayLiteralExpression(node)) {
    const first = node.elements.map((e) => (ts.isArrayLiteralExpression(e) ? e.elements[0] : e));
    return first.every((e) => e !== undefined && ts.isStringLiteralLike(e))
      ? first.map((e) => (e as ts.StringLiteral).text)
      : undefined;
  }
  if (ts.isObjectLiteralExpression(node)) {
    const keys = node.properties.map((p) =>
      p.name && (ts.isIdentifier(p.name) || ts.isStringLiteral(p.name)) ? p.name.text : '',
    );
    return ts.isVariableDeclaration(node.parent) || ts.isSatisfiesExpression(node.parent) || ts.isAsExpression(node.parent)
      ? keys
      : undefined;
  }
  return undefined;
}

/** Whether there is anything to see, which saves reading most files. */
const all = [...names].join('|');
const mayName = new RegExp(`['"\`](${all})[ '"\`]|\\b(${all}):[^]*\\b(${all}):`);

/** The operators that a source names where a name means an operator. */
function operatorsNamedIn(text: string): ReadonlySet<string> {
  if (!mayName.test(text)) return new Set();
  const file = ts.createSourceFile('x.ts', text, ts.ScriptTarget.Latest, true);
  const aliases = aliasesIn(file);
  const out = new Set<string>();
  const add = (node: ts.Node | undefined): void => {
    const name = node && ts.isStringLiteralLike(node) ? operatorIn(node.text) : undefined;
    if (name !== undefined) out.add(name);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isBinaryExpression(node) && isComparison(node.operatorToken.kind)) {
      if (isOperatorName(node.left, aliases)) add(node.right);
      if (isOperatorName(node.right, aliases)) add(node.left);
    }
    if (ts.isSwitchStatement(node) && isOperatorName(node.expression, aliases))
      for (const clause of node.caseBlock.clauses) if (ts.isCaseClause(clause)) add(clause.expression);
    if (ts.isCallExpression(node)) {
      const called = ts.isPropertyAccessExpression(node.expression)
        ? node.expression.name.text
        : ts.isIdentifier(node.expression)
          ? node.expression.text
          : '';
      if (['operatorByName', 'layerByName', 'node', 'is', 'op'].includes(called)) node.arguments.forEach(add);
    }
    const entries = entriesOf(node);
    if (entries && entries.length > 1 && entries.filter((e) => operatorIn(e) !== undefined).length > 0.6 * entries.length)
      for (const e of entries) if (operatorIn(e) !== undefined) out.add(operatorIn(e) ?? '');
    ts.forEachChild(node, visit);
  };
  visit(file);
  return out;
}

function sources(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? sources(path) : path.endsWith('.ts') ? [path] : [];
  });
}

describe('operators by name', () => {
  it('sees comparisons, switches, lists, tables and look-ups', () => {
    const known = (text: string): readonly string[] => [...operatorsNamedIn(text)];
    expect(known("if (node.op.name === 'relu') f();")).toEqual(['relu']);
    expect(known("const { name } = node.op; if (name !== 'conv') f();")).toEqual(['conv']);
    expect(known("switch (x.op.name) { case 'add': return 1; case 'mul': return 2; }")).toEqual(['add', 'mul']);
    expect(known("const passing = new Set(['cast', 'reshape']);")).toEqual(['cast', 'reshape']);
    expect(known("const asked = new Map([['sqrt 0', 1], ['log 0', 2]]);")).toEqual(['sqrt', 'log']);
    expect(known("const table = { relu: 1, 'max': 2 };")).toEqual(['relu', 'max']);
    expect(known("operatorByName('pad')")).toEqual(['pad']);
    expect(known("switch (dim.kind) { case 'add': return 1; } f({ shape: 1 }); read('min');")).toEqual([]);
  });

  it('are known to what is about them alone', () => {
    const found = sources('src')
      .filter((path) => !about.test(path))
      .map((path) => [path, operatorsNamedIn(readFileSync(path, 'utf8'))] as const)
      .filter(([, known]) => known.size > 0);
    const counts = Object.fromEntries(found.map(([path, known]) => [path, known.size]));
    const message = found.map(([path, known]) => `${path}: ${[...known].join(' ')}`).join('\n');
    expect(counts, message).toEqual(allowed);
  });
});
