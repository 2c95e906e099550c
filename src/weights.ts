/** What compiling needs where a checkpoint is given, and loads only then: readers of every format, and the binding of tensors. */
import { type Checkpoint, openCheckpoint } from './checkpoint/checkpoint.ts';
import type { Bytes } from './io/sources.ts';

export { bindWeights, compareWeights } from './checkpoint/bind.ts';

/** A checkpoint that is open stays as it is. */
export const opened = async (weights: Bytes | Checkpoint): Promise<Checkpoint> =>
  'dicts' in weights ? weights : await openCheckpoint(weights);
