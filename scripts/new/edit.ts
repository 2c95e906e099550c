/** Edits of TypeScript by its syntax tree: where a list, a record or a statement stands is looked up, never counted in lines. */
import ts from 'typescript';

export function parse(text: string, name = 'a.ts'): ts.SourceFile {
  return ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
}

function insert(text: string, at: number, what: string): string {
  return text.slice(0, at) + what + text.slice(at);
}

/** The first node, in the order of the text, that `is` takes. */
export function find<T extends ts.Node>(root: ts.Node, is: (node: ts.Node) => node is T): T | undefined {
  if (is(root)) return root;
  return ts.forEachChild(root, (child) => find(child, is));
}

function missing(what: string): never {
  throw new Error(`${what} is not there any more: scripts/new has to follow`);
}

/** Behind the last import; the linter sorts. */
export function addImport(text: string, names: string, from: string): string {
  const last = parse(text).statements.filter(ts.isImportDeclaration).at(-1) ?? missing('an import');
  return insert(text, last.end, `\nimport { ${names} } from '${from}';`);
}

type Listing = ts.ArrayLiteralExpression | ts.ObjectLiteralExpression;

function append(text: string, list: Listing, item: string): string {
  const parts: ts.NodeArray<ts.Node> = ts.isArrayLiteralExpression(list) ? list.elements : list.properties;
  const last = parts.at(-1);
  return last ? insert(text, last.end, `, ${item}`) : insert(text, list.getStart() + 1, item);
}

const plain = (node: ts.Expression | undefined): ts.Expression | undefined =>
  node && (ts.isAsExpression(node) || ts.isSatisfiesExpression(node)) ? plain(node.expression) : node;
const isListing = (node: ts.Node | undefined): node is Listing =>
  node !== undefined && (ts.isArrayLiteralExpression(node) || ts.isObjectLiteralExpression(node));

/** To the end of the array or record that a constant of the file is. */
export function addTo(text: string, constant: string, item: string): string {
  const declaration = find(
    parse(text),
    (node): node is ts.VariableDeclaration => ts.isVariableDeclaration(node) && node.name.getText() === constant,
  );
  const list = plain(declaration?.initializer);
  return isListing(list) ? append(text, list, item) : missing(`the list ${constant}`);
}

/**
 * To the end of the array `field` of the first record of the file whose `key` is `value`: `rules` of the stage whose `pass` is
 * it. A field that is another constant is followed. Undefined where no record is so.
 */
export function addToFieldOf(text: string, key: string, value: string, field: string, item: string): string | undefined {
  const record = find(
    parse(text),
    (node): node is ts.ObjectLiteralExpression =>
      ts.isObjectLiteralExpression(node) &&
      initializer(node, key)?.getText() === `'${value}'` &&
      initializer(node, field) !== undefined,
  );
  const list = record && plain(initializer(record, field));
  if (list === undefined) return undefined;
  if (ts.isIdentifier(list)) return addTo(text, list.text, item);
  return isListing(list) ? append(text, list, item) : missing(`the list ${field} of ${value}`);
}

function initializer(record: ts.ObjectLiteralExpression, key: string): ts.Expression | undefined {
  const property = record.properties.find((one) => one.name?.getText() === key);
  return property && ts.isPropertyAssignment(property) ? property.initializer : undefined;
}
