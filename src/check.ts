/** What is wrong with a source, and its graph: as calls that give their answer at once. */
import { chooseModel } from './diagnostics/catalogue/names.ts';
import { Sink } from './diagnostics/diagnostic.ts';
import type { SourceFile } from './diagnostics/source.ts';
import { giveElaborator } from './elaborate/at-once.ts';
import { isComplete, modelsOf } from './elaborate/elaborate.ts';
import { loadModule } from './elaborate/modules.ts';
import { type CheckOptions, type CheckResult, checkCall, front, frontOf, resolver, resultOf, sourceOf } from './front.ts';
import { library } from './library.ts';
import { parse } from './parser/parse.ts';
import * as wholeLibrary from './stdlib/sources.ts';

export type { CheckOptions, CheckResult } from './front.ts';

/** What only some sources ask for: whoever calls does not wait for it. */
function giveAll(): void {
  giveElaborator();
  library.give(wholeLibrary);
}

/**
 * Parses and elaborates one model: everything that can be wrong with a source shows here. Never throws on account of the source.
 * Without a model chosen, every complete model of the file is checked, and the graph of the only one (if there is one) comes
 * back.
 */
export function check(source: string | SourceFile, options: CheckOptions = {}): CheckResult {
  checkCall('check', source, options);
  giveAll();
  const parsed = parse(sourceOf(source, options.fileName));
  const first = frontOf(parsed, options);
  const undecided =
    options.model === undefined && first.diagnostics.length > 0 && first.diagnostics.every((d) => d.code === chooseModel.code);
  if (!undecided) return first;
  const sink = new Sink();
  const module = loadModule(first.file, resolver(options.resolveImport), sink);
  for (const model of modelsOf(module)) {
    if (!isComplete(module, model)) continue;
    const { diagnostics, warnings } = frontOf(parsed, { ...options, model: model.name.name });
    for (const d of [...diagnostics, ...warnings]) sink.add(d);
  }
  return { ...resultOf(sink), graph: undefined, model: undefined, file: first.file };
}

/**
 * Parses and elaborates one model, without weights and passes: the graph as the source says it. Several models and none chosen is
 * an error.
 */
export function build(source: string | SourceFile, options: CheckOptions = {}): CheckResult {
  checkCall('build', source, options);
  giveAll();
  return front(source, options);
}

/** Names of the complete models of a source, in order. */
export function models(source: string | SourceFile, options: CheckOptions = {}): readonly string[] {
  checkCall('models', source, options);
  library.give(wholeLibrary);
  const { file } = parse(sourceOf(source, options.fileName));
  const module = loadModule(file, resolver(options.resolveImport), new Sink());
  return modelsOf(module)
    .filter((m) => isComplete(module, m))
    .map((m) => m.name.name);
}
