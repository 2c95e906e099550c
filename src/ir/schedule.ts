/** The nodes of a graph as a runtime runs them, one after the other, and what each reads and makes. */
import type { Origin } from './graph.ts';
import type { TensorType } from './types.ts';

/** A value that a run makes; stored tensors are none. */
export interface ScheduledValue {
  readonly key: string;
  readonly type: TensorType;
}

export interface ScheduledNode {
  /** Keys of values and of stored tensors, in no need of order. */
  readonly reads: readonly string[];
  readonly makes: readonly ScheduledValue[];
  /** Sub-graphs, which may read what is around them. */
  readonly inner: readonly Schedule[];
  readonly origin: Origin | undefined;
}

/** Keys are names that stand for one value in the whole of a schedule, its sub-graphs included. */
export interface Schedule {
  readonly inputs: readonly ScheduledValue[];
  readonly outputs: readonly string[];
  readonly nodes: readonly ScheduledNode[];
}

/** A schedule and those inside, outer before inner. */
export function* schedulesIn(schedule: Schedule): Generator<Schedule> {
  const open = [schedule];
  for (let one = open.pop(); one; one = open.pop()) {
    yield one;
    for (const node of one.nodes) open.push(...node.inner);
  }
}
