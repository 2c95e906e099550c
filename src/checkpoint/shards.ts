/**
 * The index of a sharded checkpoint, `model.safetensors.index.json`: which tensor lies in which file beside it. Source: github
 * huggingface/transformers, `load_sharded_checkpoint`; shards of torch's `.bin` form are named the same way.
 */
import { damagedFile, duplicateTensor } from '../diagnostics/catalogue/weights.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { type ByteSource, openSibling, readSpan, utf8 } from '../io/bytes.ts';
import { parseJson } from '../io/json.ts';
import type { Checkpoint, ForeignTensor, TensorEntry } from './nested.ts';

/** As safetensors limits its header; an index of a million tensors has some 100 bytes for each. */
const indexLimit = 100_000_000;
const shardLimit = 10_000;

/** Whether a file may be one: JSON that begins with an object. */
export function isIndex(head: Uint8Array): boolean {
  return head.find((byte) => byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) === 0x7b;
}

/** Opens every shard with `openShard`, and joins them to one dict. */
export async function openIndex(source: ByteSource, openShard: (shard: ByteSource) => Promise<Checkpoint>): Promise<Checkpoint> {
  const { name: file } = source;
  const damaged = (found: string, expected: string): never =>
    fail(damagedFile, { with: { format: 'index of shards', file, found, expected } });
  if (source.size > indexLimit) damaged(`${source.size} bytes`, `at most ${indexLimit}`);
  const text = utf8(await readSpan(source, 0, source.size, 'the index')) ?? damaged('text that is not UTF-8', 'UTF-8');
  const index = parseJson(text, source.size, damaged);
  const map =
    typeof index === 'object' &&
    index !== null &&
    'weight_map' in index &&
    typeof index.weight_map === 'object' &&
    index.weight_map
      ? index.weight_map
      : damaged('no weight_map', 'an object with a weight_map: tensor names and the files that they are in');
  const byShard = new Map<string, string[]>();
  for (const [tensor, shard] of Object.entries(map)) {
    const path: unknown = shard;
    if (typeof path !== 'string') return damaged(`tensor ${JSON.stringify(tensor)} in no file`, 'the name of a file');
    const known = byShard.get(path);
    if (known) known.push(tensor);
    else byShard.set(path, [tensor]);
  }
  if (byShard.size > shardLimit) damaged(`${byShard.size} files`, `at most ${shardLimit}`);
  const tensors = new Map<string, TensorEntry>();
  const foreign = new Map<string, ForeignTensor>();
  for (const shard of [...byShard.keys()].sort()) {
    const { dicts } = await openShard(await openSibling(source, shard));
    const [whole] = dicts;
    for (const name of byShard.get(shard) ?? [])
      if (!whole?.tensors.has(name) && !whole?.foreign?.has(name))
        damaged(
          `tensor ${JSON.stringify(name)} in ${JSON.stringify(shard)}, which has none of that name`,
          'files as the index says',
        );
    const take = <T>(from: ReadonlyMap<string, T> | undefined, to: Map<string, T>): void => {
      for (const [name, tensor] of from ?? []) {
        if (tensors.has(name) || foreign.has(name)) fail(duplicateTensor, { with: { file, tensor: name } });
        to.set(name, tensor);
      }
    };
    take(whole?.tensors, tensors);
    take(whole?.foreign, foreign);
  }
  return { format: 'safetensors index', name: file, dicts: [{ key: '', tensors, foreign }] };
}
