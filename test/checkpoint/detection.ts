/** Reads test/fixtures/detection: networks that outputs.py fills by a hash, its pictures, and what torchvision finds on them. */

import { readFileSync } from 'node:fs';
import { elementCount, type HostTensor } from '../../src/ir/types.ts';

export interface Found {
  /** Seed, height and width. */
  readonly picture: readonly [number, number, number];
  readonly boxes: readonly (readonly number[])[];
  readonly labels: readonly number[];
  readonly scores: readonly number[];
}
export interface Case {
  readonly example: string;
  readonly model: string;
  readonly defines: Readonly<Record<string, string>>;
  /** Factors of the tensors of whose names this is a part; the first that fits. */
  readonly gain: Readonly<Record<string, number>>;
  readonly bias: Readonly<Record<string, readonly number[]>>;
  readonly runs: readonly Found[];
}
interface Fixture {
  /** Names and shapes of a model's checkpoint. */
  readonly states: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;
  readonly cases: readonly Case[];
}
export const { states, cases } = JSON.parse(
  readFileSync(new URL('../fixtures/detection/outputs.json', import.meta.url), 'utf8'),
) as Fixture;

/** `mixed` of outputs.py: number i of a key. */
function mixed(i: number, key: number): number {
  let h = Math.imul(i + 1, 0x9e3779b1) ^ key;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** `number` of outputs.py. */
function numbers(name: string, dims: readonly number[], gain: Case['gain']): HostTensor {
  const count = elementCount(dims);
  const key = [...name].reduce((sum, c) => (Math.imul(sum, 31) + (c.codePointAt(0) ?? 0)) >>> 0, 0);
  const factor = Object.entries(gain).find(([part]) => name.includes(part))?.[1] ?? 1;
  const scaled = (x: number): number => {
    if (name.endsWith('running_var')) return x + 1;
    if (name === 'backbone.scale_weight') return x * 4 + 20;
    if (dims.length < 2) return x * 0.25 + (name.endsWith('weight') ? 1 : 0);
    return x * Math.sqrt(24 / (count / (dims[0] ?? 1)));
  };
  const data = Float64Array.from({ length: count }, (_, i) => Math.fround(scaled(mixed(i, key) / 2 ** 32 - 0.5) * factor));
  return { elem: 'f32', dims, data };
}

/** `picture` of outputs.py: numbers from 0 to 255, channels first. */
export function pixels([seed, height, width]: Found['picture']): Uint8Array {
  const data = new Uint8Array(3 * height * width);
  for (let c = 0; c < 3; c++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const coarse = mixed(Math.floor(y / 56) * 64 + Math.floor(x / 56), seed * 16 + c) % 192;
        const fine = mixed(Math.floor(y / 20) * 128 + Math.floor(x / 20), seed * 16 + 4 + c) % 60;
        const noise = mixed(y * width + x, seed * 16 + 8 + c) % 4;
        data[(c * height + y) * width + x] = coarse + fine + noise;
      }
  return data;
}

/** The tensors of a network by their names. */
export function tensorsOf({ model, gain, bias }: Case): ReadonlyMap<string, HostTensor> {
  const all = Object.entries(states[model] ?? {}).map(([name, dims]): readonly [string, HostTensor] => {
    const given = bias[name];
    return [name, given ? { elem: 'f32', dims, data: Float64Array.from(given, Math.fround) } : numbers(name, dims, gain)];
  });
  return new Map(all);
}
