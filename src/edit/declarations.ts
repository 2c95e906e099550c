/** What a model's metadata declares of inputs, outputs and sizes (`ir/declarations.ts`), under other names. */
import { declarationKeys } from '../ir/declarations.ts';
import type { OnnxModel } from '../onnx/model.ts';

/** New names of what is declared; undefined where it is no longer there. */
export type Renaming = (name: string) => string | undefined;

/**
 * The metadata with its declarations renamed; an entry that is empty then is left out, and one of another form stays as it is.
 */
export function redeclared(
  metadata: OnnxModel['metadata'],
  names: { readonly inputs?: Renaming; readonly outputs?: Renaming; readonly sizes?: Renaming },
): OnnxModel['metadata'] {
  const by = new Map<string, Renaming | undefined>([
    [declarationKeys.inputs, names.inputs],
    [declarationKeys.outputs, names.outputs],
    [declarationKeys.promises, names.sizes],
  ]);
  return metadata.flatMap(([key, text]): readonly (readonly [string, string])[] => {
    const renaming = by.get(key);
    if (!renaming) return [[key, text]];
    const entries = entriesOf(text);
    if (!entries) return [[key, text]];
    const kept = entries.flatMap(([name, value]) => {
      const to = renaming(name);
      return to === undefined ? [] : [[to, value] as const];
    });
    return kept.length === 0 ? [] : [[key, JSON.stringify(Object.fromEntries(kept))]];
  });
}

function entriesOf(text: string): readonly (readonly [string, unknown])[] | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? Object.entries(parsed) : undefined;
  } catch {
    return undefined;
  }
}
