/**
 * Reads the lists of test/fixtures/published: names and shapes of published checkpoints, and a checkpoint of that make without
 * numbers.
 */

import { readdirSync, readFileSync } from 'node:fs';
import type { Checkpoint, TensorEntry } from '../../src/checkpoint/checkpoint.ts';
import { type ElemType, isElemType } from '../../src/ir/types.ts';
import type { WeightExpr } from '../../src/tensor/expr.ts';
import { leaf } from '../support/tensors.ts';

const folder = new URL('../fixtures/published/', import.meta.url);

export interface PublishedTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly elem: ElemType;
  /** The tensor whose storage it is, where it is a second name. */
  readonly same: string | undefined;
}
export interface Published {
  readonly file: string;
  /** In examples/. */
  readonly example: string;
  readonly model: string;
  readonly tensors: readonly PublishedTensor[];
}

/** `a.{x,y}.{0..2}` stands for six names. */
function expand(text: string): readonly string[] {
  const match = /^(.*?)\{([^}]*)\}(.*)$/.exec(text);
  if (!match) return [text];
  const [, before = '', inside = '', behind = ''] = match;
  const range = /^(\d+)\.\.(\d+)$/.exec(inside);
  const items = range
    ? Array.from({ length: Number(range[2]) - Number(range[1]) + 1 }, (_, i) => String(Number(range[1]) + i))
    : inside.split(',');
  const rest = expand(behind);
  return items.flatMap((item) => rest.map((tail) => before + item + tail));
}

function read(file: string): Published {
  const lines = readFileSync(new URL(file, folder), 'utf8').split('\n');
  const [, example = '', model = ''] = /^\/\/ examples\/(\S+)\.res (\S+)$/.exec(lines[1] ?? '') ?? [];
  const tensors = lines.slice(2).flatMap((line) => {
    if (line === '') return [];
    const [, names = '', same, dims = '', elem = 'f32'] = /^(\S+) (?:=(\S+)|\[([\d,]*)\](?: (\w+))?)$/.exec(line) ?? [];
    if (names === '' || !isElemType(elem)) throw new Error(`${file}: ${line}`);
    const shape = dims === '' ? [] : dims.split(',').map(Number);
    return expand(names).map((name) => ({ name, dims: shape, elem, same }));
  });
  return { file: file.replace(/\.txt$/, ''), example, model, tensors };
}

export const published: readonly Published[] = readdirSync(folder)
  .filter((name) => /\.(pth|pt|th|bin)\.txt$/.test(name))
  .map(read);

/** A checkpoint with these tensors, whose numbers `content` gives; without it they have none, and nothing may ask for them. */
export function checkpointOf(
  { file, tensors }: Published,
  content: (tensor: PublishedTensor) => WeightExpr = ({ name, dims, elem }) => leaf(name, dims, elem),
): Checkpoint {
  const entries = new Map<string, TensorEntry>();
  for (const tensor of tensors) {
    if (tensor.same !== undefined) continue;
    const { name, dims, elem } = tensor;
    entries.set(name, { name, dims, elem, expr: content(tensor) });
  }
  for (const { name, same } of tensors) {
    const other = same === undefined ? undefined : entries.get(same);
    if (other) entries.set(name, { ...other, name });
  }
  return { format: 'list', name: file, dicts: [{ key: '', tensors: entries, foreign: new Map() }] };
}
