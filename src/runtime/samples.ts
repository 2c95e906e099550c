/** Samples of a batch: the parts of a tensor along its first axis. */
import { Dim } from '../ir/dim.ts';
import type { HostTensor } from '../ir/types.ts';
import { concat } from '../ops/concat.ts';
import { slice } from '../ops/slice.ts';
import { evaluateExactly } from '../ops/wide.ts';

/** The samples of several batches behind each other, a scalar being one; undefined of none. */
export function joinedSamples(batches: readonly HostTensor[]): HostTensor | undefined {
  const rows = batches.map((x) => (x.dims.length === 0 ? { ...x, dims: [1] } : x));
  return rows.length === 0 ? undefined : evaluateExactly(concat, rows, { axis: 0 })[0];
}

/** `count` samples from `start` on. */
export function samplesOf(batch: HostTensor, start: number, count: number): HostTensor | undefined {
  const attrs = { starts: [Dim.of(start)], ends: [Dim.of(start + count)], axes: [0], steps: [1] };
  return evaluateExactly(slice, [batch], attrs)[0];
}
