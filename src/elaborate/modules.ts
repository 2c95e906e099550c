/** Files and what they import: every file is read once, circles are refused. */
import { duplicateItem, importCycle, importMissing, importNotFound } from '../diagnostics/catalogue/names.ts';
import type { Sink } from '../diagnostics/diagnostic.ts';
import type { SourceFile } from '../diagnostics/source.ts';
import { nearest } from '../diagnostics/suggest.ts';
import type { FileNode, ImportItem } from '../parser/ast.ts';
import { parseFile } from '../parser/parse-file.ts';
import type { Module, ModuleItem } from './scope.ts';

/** Finds the text behind `from "…"`; the answer is cached by the name it has. Undefined when there is none. */
export type ImportResolver = (from: string, importer: SourceFile) => SourceFile | undefined;

/** Reads the imports of a parsed file, theirs, and so on. What goes wrong is reported; a module always comes back. */
export function loadModule(file: FileNode, resolve: ImportResolver, sink: Sink): Module {
  const done = new Map<string, Module>();
  return load(file, resolve, sink, done, [file.source.name]);
}

const maxImportDepth = 64;

/** Whether a text may run something again by its label. */
export const mentionsReuse = (text: string): boolean => /\breuse\b/.test(text);

function load(file: FileNode, resolve: ImportResolver, sink: Sink, done: Map<string, Module>, trail: readonly string[]): Module {
  const module: Module = { file, items: new Map(), consts: new Map(), reuses: mentionsReuse(file.source.text) };
  done.set(file.source.name, module);
  for (const item of file.items) {
    if (item.kind === 'import') {
      importNames(item, module, resolve, sink, done, trail);
      continue;
    }
    const { name } = item.name;
    if (module.items.has(name)) {
      sink.report(duplicateItem, { span: item.name.span, notes: noteOf(module, name), with: { name } });
      continue;
    }
    module.items.set(name, { item, module });
  }
  return module;
}

function noteOf(module: Module, name: string): readonly { span: FileNode['span']; text: string }[] {
  const before = module.items.get(name);
  return before ? [{ span: before.item.name.span, text: 'the first one is here' }] : [];
}

function importNames(
  item: ImportItem,
  module: Module,
  resolve: ImportResolver,
  sink: Sink,
  done: Map<string, Module>,
  trail: readonly string[],
): void {
  const from = item.from.value;
  const refuse = (found: string, expected: string, hint: string): void =>
    sink.report(importNotFound, { span: item.from.span, with: { from, found, expected, hint } });
  if (from.includes('\\')) {
    // Windows alone would find it, and what a source means is the same everywhere.
    refuse('a backslash in a path', 'folders parted by `/`, on Windows too', `write \`from "${from.replaceAll('\\', '/')}"\``);
    return;
  }
  const source = resolve(from, module.file.source);
  if (!source) {
    if (from.startsWith('std/'))
      refuse(`no such file in the standard library`, 'a file of the standard library', 'write `from "std/resnet.res"`');
    else refuse('no file of that name', 'a path relative to this file, or `std/…`', `check the path \`${from}\``);
    return;
  }
  const at = trail.indexOf(source.name);
  if (at >= 0) {
    sink.report(importCycle, { span: item.from.span, with: { cycle: [...trail.slice(at), source.name].join(' → ') } });
    return;
  }
  if (trail.length >= maxImportDepth) {
    refuse(`a chain of ${trail.length} imports`, `at most ${maxImportDepth}`, 'import from fewer files');
    return;
  }
  let other = done.get(source.name);
  if (!other) {
    const parsed = parseFile(source);
    for (const diagnostic of parsed.diagnostics) sink.add(diagnostic);
    other = load(parsed.file, resolve, sink, done, [...trail, source.name]);
  }
  module.reuses ||= other.reuses;
  for (const { name, as } of item.names) {
    const local = as ?? name;
    const found: { readonly item: ModuleItem; readonly module: Module } | undefined = other.items.get(name.name);
    if (!found || found.module !== other) {
      const names = [...other.items].filter(([, entry]) => entry.module === other).map(([n]) => n);
      const near = nearest(name.name, names);
      sink.report(importMissing, {
        span: name.span,
        with: {
          from,
          name: name.name,
          names: names.join(', ') || 'nothing',
          hint: near ? `did you mean \`${near}\`?` : `import one of them`,
        },
      });
      continue;
    }
    if (module.items.has(local.name))
      sink.report(duplicateItem, { span: local.span, notes: noteOf(module, local.name), with: { name: local.name } });
    else module.items.set(local.name, found);
  }
}
