/** Heads of attention: parts of the features that stand beside each other, [N, T, heads · features] ⇄ [N, heads, T, features]. */
import { Dim } from '../ir/dim.ts';
import type { Value } from '../ir/graph.ts';
import { typeText } from '../ir/types.ts';
import { given } from './attrs.ts';
import type { LayerBuilder } from './define.ts';
import { reshapedTo } from './relayout.ts';
import { transpose } from './transpose.ts';

const exchange = [0, 2, 1, 3];

/** [N, T, heads · features] as [N, heads, T, features]. Fails under `label` where the width is no multiple of the heads. */
export function splitHeads(b: LayerBuilder, label: string, x: Value, heads: number, name = 'heads'): Value {
  const { dims } = x.type;
  b.check(
    label,
    dims.length === 3,
    typeText(x.type),
    `a tensor [N, T, width] for ${name}=${heads}`,
    dims.length === 4 ? `take ${name}= away: the heads are split already` : undefined,
  );
  const [batch, tokens, width] = [given(dims, 0), given(dims, 1), given(dims, 2)];
  const features = width.divideExactly(heads);
  b.check(
    label,
    features !== undefined,
    `${name}=${heads} for a width of ${width}`,
    `a divisor of ${width}`,
    features ? undefined : divisorNear(heads, width.constant, name),
  );
  return b.op(transpose, [reshapedTo(b, x, [batch, tokens, Dim.of(heads), features])], { perm: exchange });
}

/** What to write where a number of heads does not divide the width: the nearest that does. */
function divisorNear(heads: number, width: number | undefined, name: string): string | undefined {
  if (width === undefined || width < 1 || width > 65_536) return undefined;
  let best = 1;
  for (let n = 2; n <= width; n++) if (width % n === 0 && Math.abs(n - heads) < Math.abs(best - heads)) best = n;
  return `${name}=${best}`;
}

/** What to write where [N, T, width] came without a number of heads. */
export function headsHint({ type: { dims } }: Value): string | undefined {
  const width = dims.length === 3 ? dims[2]?.constant : undefined;
  return width === undefined ? undefined : divisorNear(8, width, 'heads');
}

/** [N, heads, T, features] as [N, T, heads · features]. */
export function mergeHeads(b: LayerBuilder, x: Value): Value {
  const joined = b.op(transpose, [x], { perm: exchange });
  const { dims } = joined.type;
  return reshapedTo(b, joined, [given(dims, 0), given(dims, 1), given(dims, 2).times(given(dims, 3))]);
}
