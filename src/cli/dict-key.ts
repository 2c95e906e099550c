/** Dicts of a checkpoint, as `file#key` chooses among them. */
import type { Checkpoint, TensorDict } from '../checkpoint/checkpoint.ts';
import { badOption } from '../diagnostics/catalogue/cli.ts';
import { fail } from '../diagnostics/diagnostic.ts';

/** Those of this key, or all of them. Throws RES0702, naming those that have tensors, where there is none. */
export function chosenDicts(
  { dicts }: Checkpoint,
  key: string | undefined,
  tensorsIn: (dict: TensorDict) => number,
  again: (file: string) => string,
  path: string,
): readonly TensorDict[] {
  const chosen = key === undefined ? dicts : dicts.filter((dict) => dict.key === key);
  if (chosen.length > 0) return chosen;
  const known = dicts.filter((dict) => dict.key !== '' && tensorsIn(dict) > 0).map((dict) => dict.key);
  return fail(badOption, {
    with: {
      option: 'the dict after #',
      found: key ?? '',
      expected: known.length > 0 ? `one of ${known.slice(0, 20).join(', ')}` : 'none: the file has one dict',
      hint: again(`${path}${known[0] === undefined ? '' : `#${known[0]}`}`),
    },
  });
}
