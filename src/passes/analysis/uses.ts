/** Who makes a value and who reads it: what a rule may move, and whether changing a weight for one reader costs bytes. */
import type { Node, Value } from '../../ir/graph.ts';
import { bytesOf } from './cost.ts';
import { filledOf } from './filled.ts';

/**
 * The node that makes a value, if it stands in the same graph as `reader`: no rule moves work across the border of a loop's body.
 */
export function producerIn(value: Value | undefined, reader: Node): Node | undefined {
  const producer = value?.producer;
  return producer && producer.graph === reader.graph ? producer : undefined;
}

/** The only reader of a value that is no output, if it stands in the value's own graph. */
export function soleReader(value: Value): Node | undefined {
  const user = value.soleUse?.user;
  return user && user.graph === value.graph ? user : undefined;
}

/** More readers than this of one weight are not compared with each other. */
const manyReaders = 4096;

/**
 * Whether changing `weight` for `reader` alone keeps the bytes of all weights from growing: nobody else reads it, or everybody
 * else will be changed alike (equal expressions are stored once), or the copy is no larger than `freed` bytes. What `full` makes
 * has none.
 */
export function copyIsFree(weight: Value, reader: Node, freed: number, alike: (other: Node) => boolean = () => false): boolean {
  if (filledOf(weight)) return true;
  if (weight.outputs > 0) return false;
  if (weight.uses.size <= 1) return true;
  if (weight.content && bytesOf(weight.content) <= freed) return true;
  if (weight.uses.size > manyReaders) return false;
  for (const use of weight.uses) if (use.user !== reader && !alike(use.user)) return false;
  return true;
}

/** Bytes of the constants that nobody but `reader` reads, which go when it goes. */
export function bytesFreed(values: readonly (Value | undefined)[], reader: Node): number {
  let bytes = 0;
  for (const value of new Set(values)) {
    if (!value?.content || value.outputs > 0) continue;
    if ([...value.uses].every((use) => use.user === reader)) bytes += bytesOf(value.content);
  }
  return bytes;
}
