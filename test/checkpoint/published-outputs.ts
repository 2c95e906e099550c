/**
 * Reads test/fixtures/published/outputs.json: small networks of the make of the examples, their inputs, and what the originals
 * computed (outputs.py).
 */

import { readFileSync } from 'node:fs';
import type { Checkpoint } from '../../src/checkpoint/checkpoint.ts';
import { elementCount, type HostTensor } from '../../src/ir/types.ts';
import { checkpointOf } from './helpers.ts';

export interface Case {
  readonly example: string;
  readonly model: string;
  readonly defines: Readonly<Record<string, string>>;
  /** Shapes of pictures, which the formula fills, or integers. */
  readonly inputs: Readonly<Record<string, readonly number[] | readonly (readonly number[])[]>>;
  readonly state: Readonly<Record<string, readonly number[]>>;
  readonly dims: readonly number[];
  readonly step: number;
  readonly values: readonly number[];
  /** What transformers generates behind `input_ids`, the likeliest token each time. */
  readonly generated?: readonly number[];
  /** Outputs of one integer. */
  readonly counts?: Readonly<Record<string, number>>;
}
export const cases = JSON.parse(readFileSync(new URL('../fixtures/published/outputs.json', import.meta.url), 'utf8')) as Case[];

/** `number` of outputs.py. */
function numbers(name: string, dims: readonly number[]): HostTensor {
  const count = elementCount(dims);
  const key = [...name].reduce((sum, c) => sum + (c.codePointAt(0) ?? 0), 0) * 104729;
  const scale = dims.length < 2 ? 0.25 : 3 / Math.sqrt(count / (dims[0] ?? 1));
  const shift = dims.length < 2 && /(weight|gamma)$/.test(name) ? 1 : 0;
  const data = Float64Array.from({ length: count }, (_, i) => {
    const x = ((i * 7919 + key) % 1009) / 1009 - 0.5;
    return Math.fround(name.endsWith('running_var') ? x + 1 : x * scale + shift);
  });
  return { elem: 'f32', dims, data };
}

/** The example, and a checkpoint of the names and shapes of the published one. */
export function filled(one: Case): { readonly source: string; readonly weights: Checkpoint } {
  return {
    source: readFileSync(new URL(`../../examples/${one.example}.res`, import.meta.url), 'utf8'),
    weights: checkpointOf(Object.entries(one.state).map(([name, dims]) => [name, numbers(name, dims)])),
  };
}

/** The inputs by their names: pictures filled by the formula, and integers as they are. */
export function inputsOf(one: Case): ReadonlyMap<string, HostTensor> {
  return new Map(
    Object.entries(one.inputs).map(([name, given]): [string, HostTensor] => {
      const [row] = given;
      if (typeof row === 'number') return [name, numbers('input', given as readonly number[])];
      const rows = given as readonly (readonly number[])[];
      return [name, { elem: 'i64', dims: [rows.length, rows[0]?.length ?? 0], data: Float64Array.from(rows.flat()) }];
    }),
  );
}
