/**
 * What stands beside the code for the manual and for tests, and no program runs: left out of what is built. Texts that few
 * programs show (`explain`, what a parameter means where it is missing) become files of their own, and kinds of diagnostics data
 * that a bundler leaves out where nobody reports them, those of sources without their words.
 */
import { readFileSync } from 'node:fs';
import { basename, relative } from 'node:path';
import type { Plugin } from 'esbuild';
import ts from 'typescript';
import { definedKinds } from '../src/diagnostics/catalogue.ts';
import type { DiagnosticKind } from '../src/diagnostics/diagnostic.ts';
import { layers } from '../src/ops/registry.ts';

interface Left {
  readonly files: RegExp;
  readonly properties: readonly string[];
}

/** Random operands, by which tests try operators, and the examples of a table that tests run. */
const tests: readonly Left[] = [
  { files: /^src\/ops\//, properties: ['sample'] },
  { files: /^src\/ops\/agreement\.ts$/, properties: ['onnx', 'onnxruntime', 'numpy', 'example'] },
];
/** What the pages of docs/ and `rescc explain` are made of. They are `@internal` in the types. */
const manual: readonly Left[] = [
  { files: /^src\/ops\//, properties: ['doc', 'summary'] },
  { files: /^src\/passes\//, properties: ['doc'] },
];

/** A text in which parts of its tree stand as they are given; undefined leaves a part as it is, and looks inside. */
function rewritten(path: string, text: string, by: (node: ts.Node) => string | undefined): string {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const changes: { readonly from: number; readonly to: number; readonly by: string }[] = [];
  const visit = (node: ts.Node): void => {
    const instead = by(node);
    if (instead === undefined) ts.forEachChild(node, visit);
    else {
      const comma = instead === '' ? (/^\s*,/.exec(text.slice(node.end))?.[0].length ?? 0) : 0;
      changes.push({ from: node.getStart(file), to: node.end + comma, by: instead });
    }
  };
  visit(file);
  return changes.reduceRight((rest, { from, to, by: instead }) => rest.slice(0, from) + instead + rest.slice(to), text);
}

/** Without these properties of its object literals. */
const without =
  (properties: ReadonlySet<string>) =>
  (node: ts.Node): string | undefined =>
    ts.isObjectLiteralElementLike(node) && node.name && ts.isIdentifier(node.name) && properties.has(node.name.text)
      ? ''
      : undefined;

/**
 * Of these files programs without mistakes report nothing, and only the parser and the elaborator do: their words are loaded
 * late.
 */
const lateWords: Readonly<Record<string, readonly string[]>> = {
  syntax: ['syntax'],
  source: ['names', 'values', 'shapes', 'structure'],
};

/** Without the EBNF beside a production, which `explain` and the pages print. */
function withoutEbnf(node: ts.Node): string | undefined {
  const { parent } = node;
  const beside = ts.isStringLiteralLike(node) && ts.isCallExpression(parent) && parent.arguments[1] === node;
  return beside && parent.expression.getText() === 'this.rule' ? "''" : undefined;
}

/** The kind that a call defines, as data without its explanation; without words where they are late. */
function asData(path: string) {
  const name = basename(path, '.ts');
  const late = Object.values(lateWords).flat().includes(name);
  return (node: ts.Node): string | undefined => {
    const kind = kindDefinedBy(node);
    if (!kind) return undefined;
    const { more: _, ...words } = kind;
    const { code, severity, exit } = kind;
    return JSON.stringify(late ? { code, severity, exit } : words);
  };
}

/** Undefined for what is no such call. */
function kindDefinedBy(node: ts.Node): DiagnosticKind | undefined {
  if (!ts.isCallExpression(node) || node.expression.getText() !== 'defineDiagnostic') return undefined;
  const code = /\bcode: '(\w+)'/.exec(node.getText())?.[1];
  const kind = definedKinds().find((one) => one.code === code);
  if (!kind) throw new Error(`no kind ${code}`);
  return kind;
}

/** The words of the kinds that some files of the catalogue define. */
function wordsOf(files: readonly string[]): object {
  const all: [string, object][] = [];
  for (const file of files) {
    const path = `src/diagnostics/catalogue/${file}.ts`;
    rewritten(path, readFileSync(path, 'utf8'), (node) => {
      const kind = kindDefinedBy(node);
      if (kind) {
        const { code, title, found, expected, hint } = kind;
        all.push([code, { title, found, expected, hint }]);
      }
      return undefined;
    });
  }
  return Object.fromEntries(all);
}

const docs = () =>
  Object.fromEntries(
    layers.map(({ name, specs }) => [name, Object.fromEntries(specs.map(([parameter, { doc }]) => [parameter, doc]))]),
  );

/** `tests` alone where the manual's texts are wanted, as by the command line, which prints them. */
export function withoutTexts(parts: 'tests' | 'all'): Plugin {
  const rules = parts === 'all' ? [...tests, ...manual] : tests;
  return {
    name: 'without-texts',
    setup({ onLoad }) {
      // The first that answers counts.
      if (parts === 'all')
        onLoad({ filter: /[\\/]ops[\\/]parameter-doc\.ts$/ }, () => {
          return {
            contents: `const docs = ${JSON.stringify(docs())};\nexport const parameterDoc = ({ name }, key) => docs[name][key];`,
          };
        });
      onLoad({ filter: /[\\/]src[\\/](?:ops|passes)[\\/].*\.ts$/ }, ({ path }) => {
        const name = relative('.', path).replaceAll('\\', '/');
        const properties = rules.filter(({ files }) => files.test(name)).flatMap((one) => one.properties);
        if (properties.length === 0) return undefined;
        return { contents: rewritten(name, readFileSync(path, 'utf8'), without(new Set(properties))), loader: 'ts' };
      });
      if (parts === 'tests') return;
      onLoad({ filter: /[\\/]parser[\\/]grammar\.ts$/ }, ({ path }) => {
        const text = readFileSync(path, 'utf8');
        const contents = rewritten(path, text, withoutEbnf);
        if (contents === text) throw new Error(`${path} has no productions with their EBNF`);
        return { contents, loader: 'ts' };
      });
      onLoad({ filter: /[\\/]diagnostics[\\/]catalogue[\\/].*\.ts$/ }, ({ path }) => {
        return { contents: rewritten(path, readFileSync(path, 'utf8'), asData(path)), loader: 'ts' };
      });
      onLoad({ filter: /[\\/]diagnostics[\\/]texts[\\/].*\.ts$/ }, ({ path }) => {
        return { contents: `export const texts = ${JSON.stringify(wordsOf(lateWords[basename(path, '.ts')] ?? []))};` };
      });
      onLoad({ filter: /[\\/]diagnostics[\\/]explanations\.ts$/ }, () => {
        return { contents: `const kinds = ${JSON.stringify(definedKinds())};\nexport const explainedKinds = () => kinds;` };
      });
    },
  };
}
