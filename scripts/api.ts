/**
 * Writes docs/api.md, every export of `rescc` and `rescc/node`: what it is, how it is declared, what its docstring begins with,
 * and which examples use it. `--check` compares instead.
 */
import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { anchorOf } from '../src/words/language-text.ts';
import { isProgram, writeOrCompare } from './generated.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const entries = { rescc: 'src/index.ts', 'rescc/node': 'src/node.ts' } as const;
type Entry = keyof typeof entries;

export interface ApiExport {
  readonly entry: Entry;
  readonly name: string;
  readonly kind: 'function' | 'class' | 'constant' | 'type';
  /** As declared, without what is internal. */
  readonly signature: string;
  /** The first paragraph of the docstring. */
  readonly text: string;
  /** File names in examples/api. */
  readonly examples: readonly string[];
}

const examplesFolder = join(root, 'examples/api');

/** What examples import as values, as `entry name`, and who does. */
function usesOfExamples(): ReadonlyMap<string, readonly string[]> {
  const uses = new Map<string, string[]>();
  for (const file of readdirSync(examplesFolder).sort()) {
    const path = join(examplesFolder, file);
    const { statements } = ts.createSourceFile(path, ts.sys.readFile(path) ?? '', ts.ScriptTarget.Latest);
    for (const statement of statements) {
      if (!ts.isImportDeclaration(statement) || !ts.isStringLiteral(statement.moduleSpecifier)) continue;
      const names = statement.importClause?.namedBindings;
      if (!(statement.moduleSpecifier.text in entries) || !names || !ts.isNamedImports(names)) continue;
      for (const { name, propertyName } of names.elements) {
        const key = `${statement.moduleSpecifier.text} ${(propertyName ?? name).text}`;
        uses.set(key, [...(uses.get(key) ?? []), file]);
      }
    }
  }
  return uses;
}

function isInternal(node: ts.Node): boolean {
  return ts.getJSDocTags(node).some(({ tagName }) => tagName.text === 'internal');
}

const isHidden = (member: ts.ClassElement): boolean =>
  (ts.getCombinedModifierFlags(member) & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)) !== 0 ||
  (member.name !== undefined && ts.isPrivateIdentifier(member.name));

/** A text without the indentation that all of its lines but the first share. */
function flush(text: string): string {
  const [first = '', ...rest] = text.split('\n');
  const indents = rest.flatMap((line) => (line.trim() === '' ? [] : [/^ */.exec(line)?.[0].length ?? 0]));
  const shared = Math.min(...indents, Number.MAX_SAFE_INTEGER);
  return [first, ...rest.map((line) => line.slice(shared))].join('\n');
}

/** The text from one place to another, with the docstring before it. */
function withDoc(node: ts.Node): string {
  const file = node.getSourceFile();
  const { pos = node.getStart(file) } = ts.getJSDocCommentsAndTags(node).at(-1) ?? {};
  return file.text.slice(pos, node.end);
}

/** The head of a declaration: up to its body, without `export` and the like. */
function headOf(node: ts.Node & { readonly modifiers?: ts.NodeArray<ts.ModifierLike> | undefined }, end: number): string {
  const file = node.getSourceFile();
  const kept =
    node.modifiers?.filter(({ kind }) => kind !== ts.SyntaxKind.ExportKeyword && kind !== ts.SyntaxKind.AsyncKeyword) ?? [];
  const start = node.modifiers?.end ?? node.getStart(file);
  return [...kept.map((one) => one.getText(file)), file.text.slice(start, end).trim()].join(' ');
}

function signatureOf(declarations: readonly ts.Declaration[], checker: ts.TypeChecker): string {
  const overloads = declarations.filter((one) => ts.isFunctionDeclaration(one) && !one.body);
  return (overloads.length > 0 ? overloads : declarations.slice(0, 1)).map((one) => signature(one, checker)).join('\n');
}

function signature(node: ts.Declaration, checker: ts.TypeChecker): string {
  const file = node.getSourceFile();
  if (ts.isFunctionDeclaration(node)) return headOf(node, node.body?.pos ?? node.end).replace(/;$/, '');
  if (ts.isVariableDeclaration(node)) {
    const type = node.type?.getText(file) ?? checker.typeToString(checker.getTypeAtLocation(node));
    return `const ${node.name.getText(file)}: ${type}`;
  }
  if (ts.isTypeAliasDeclaration(node)) return flush(headOf(node, node.end)).replace(/;$/, '');
  if (ts.isInterfaceDeclaration(node))
    return block(headOf(node, node.members.pos), node.members.filter((one) => !isInternal(one)).map(withDoc));
  if (ts.isClassDeclaration(node)) {
    const members = node.members
      .filter((one) => !isInternal(one) && !isHidden(one))
      .map((one) => {
        if (ts.isPropertyDeclaration(one)) return one.type ? headOf(one, one.type.end) : headOf(one, one.end);
        const { body } = one as ts.MethodDeclaration;
        return headOf(one as ts.MethodDeclaration, body?.pos ?? one.end);
      });
    return block(headOf(node, node.members.pos), members);
  }
  throw new Error(`${file.fileName}: no signature for ${ts.SyntaxKind[node.kind]}`);
}

function block(head: string, members: readonly string[]): string {
  const lines = members.map((one) => `  ${flush(one).replaceAll('\n', '\n  ')}`.replace(/;?$/, ';'));
  return [head, ...lines, '}'].join('\n');
}

function kindOf(exported: ts.Symbol, { flags }: ts.Symbol): ApiExport['kind'] {
  if (exported.declarations?.some(ts.isTypeOnlyImportOrExportDeclaration)) return 'type';
  if (flags & ts.SymbolFlags.Class) return 'class';
  if (flags & ts.SymbolFlags.Function) return 'function';
  return flags & ts.SymbolFlags.Variable ? 'constant' : 'type';
}

/** Where the named exports of a file come from. */
const reexports = (file: ts.SourceFile): readonly ts.ExportDeclaration[] =>
  file.statements.filter((one) => ts.isExportDeclaration(one)).filter((one) => one.moduleSpecifier);

/** These files, and those that they export from. What is imported beside that says nothing about how an export is declared. */
function filesOf(paths: readonly string[]): readonly string[] {
  const files = new Set(paths);
  for (const path of files) {
    const file = ts.createSourceFile(path, ts.sys.readFile(path) ?? '', ts.ScriptTarget.Latest);
    for (const { moduleSpecifier } of reexports(file))
      if (moduleSpecifier && ts.isStringLiteral(moduleSpecifier)) files.add(join(dirname(path), moduleSpecifier.text));
  }
  return [...files];
}

/**
 * All exports, in the order in which the entries list them; of `rescc/node` those that `rescc` has not, or has in another form.
 */
export function apiExports(): readonly ApiExport[] {
  const rootNames = filesOf(Object.values(entries).map((path) => join(root, path)));
  const module = ts.ModuleKind.NodeNext;
  const options = { noLib: true, noResolve: true, types: [], allowImportingTsExtensions: true, noEmit: true, module };
  const program = ts.createProgram({ rootNames, options });
  const checker = program.getTypeChecker();
  const exportsOf = (entry: Entry): ReadonlyMap<string, readonly [ts.Symbol, ts.Symbol]> => {
    const file = program.getSourceFile(join(root, entries[entry]));
    const symbol = file && checker.getSymbolAtLocation(file);
    if (!symbol) throw new Error(`${entries[entry]} is no module`);
    return new Map(
      checker.getExportsOfModule(symbol).map((one) => {
        const itself = one.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(one) : one;
        return [one.name, [one, itself]];
      }),
    );
  };
  const both = exportsOf('rescc');
  const node = exportsOf('rescc/node');
  const uses = usesOfExamples();
  const described = (entry: Entry, exported: ts.Symbol, symbol: ts.Symbol): ApiExport => {
    const { name } = exported;
    if (!symbol.declarations) throw new Error(`${name} is declared nowhere`);
    const doc = ts.displayPartsToString(symbol.getDocumentationComment(checker));
    // An example that has it from `rescc/node` uses that of `rescc`, where both are the same.
    const users = Object.keys(entries).filter((one) => one === entry || node.get(name)?.[1] === symbol);
    return {
      entry,
      name,
      kind: kindOf(exported, symbol),
      signature: signatureOf(symbol.declarations, checker),
      text: (doc.split(/\n\s*\n/)[0] ?? '').replaceAll('\n', ' ').trim(),
      examples: [...new Set(users.flatMap((one) => uses.get(`${one} ${name}`) ?? []))].sort(),
    };
  };
  return [
    ...[...both.values()].map(([exported, symbol]) => described('rescc', exported, symbol)),
    ...[...node.values()]
      .filter(([{ name }, symbol]) => both.get(name)?.[1] !== symbol)
      .map(([exported, symbol]) => described('rescc/node', exported, symbol)),
  ];
}

/** A docstring's markup as the page's. */
const prose = (text: string): string => text.replaceAll('<', '\\<');

function section(one: ApiExport, all: readonly ApiExport[]): string {
  const { kind, signature, text, examples } = one;
  const used = examples.map((file) => `[${basename(file, '.ts')}](../examples/api/${file})`);
  const head = kind === 'type' ? [] : [`${kind}${used.length > 0 ? ` · example: ${used.join(', ')}` : ''}`];
  return [`### ${headingOf(one, all)}`, ...head, `\`\`\`ts\n${signature}\n\`\`\``, ...(text ? [prose(text)] : [])].join('\n\n');
}

/** Of a name that both entries have, in two forms, the second says where. */
const headingOf = ({ name, entry }: ApiExport, all: readonly ApiExport[]): string =>
  entry === 'rescc/node' && all.some((one) => one.name === name && one.entry === 'rescc') ? `${name} in Node` : name;

export function apiText(exports: readonly ApiExport[] = apiExports()): string {
  const of = (entry: Entry, isType: boolean) => exports.filter((one) => one.entry === entry && (one.kind === 'type') === isType);
  const written = (one: ApiExport): string => section(one, exports);
  const byName = (list: readonly ApiExport[]) => [...list].sort((a, b) => (a.name < b.name ? -1 : 1));
  const links = (entry: Entry): string =>
    of(entry, false)
      .map((one) => `[${one.name}](#${anchorOf(headingOf(one, exports))})`)
      .join(', ');
  return `${[
    '# The API',
    '<!-- Written by scripts/api.ts from the types: `npm run generate`. -->',
    'Every export of `rescc`, which runs in browsers and in Node, and of `rescc/node`, which has all of them and what needs files or onnxruntime. Mistakes of a source are `diagnostics`, as data; functions that return none throw a `DiagnosticError`. Examples lie in [examples/api](../examples/api), and are in the package.',
    `## rescc\n\n${links('rescc')}`,
    ...of('rescc', false).map(written),
    `## rescc/node\n\n${links('rescc/node')}`,
    ...of('rescc/node', false).map(written),
    '## Types',
    ...byName(exports.filter((one) => one.kind === 'type')).map(written),
  ].join('\n\n')}\n`;
}

if (isProgram(import.meta.url)) {
  const exports = apiExports();
  writeOrCompare('docs/api.md', apiText(exports), `${exports.length} exports`);
}
