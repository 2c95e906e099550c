/**
 * Gives weights that are equal byte for byte one content, before the passes run: tensors that lie twice in a file are two spans
 * of it, which only reading shows to be the same. Common sub-expressions and merges then see that they are equal, and
 * `simplify/equal-weights` at the end of the passes makes their readers read one; until then each reader has its own, so that no
 * fold is refused for a second reader.
 *
 * Only tensors of one type and shape are compared: first the hash of their beginning, then of all their bytes, then the bytes
 * themselves, so that nothing hangs on a hash. A tensor is compared with four others at most, because more of one hash are made
 * on purpose. Memory is two chunks.
 */
import type { OnProgress } from '../../../diagnostics/progress.ts';
import type { Graph, Value } from '../../../ir/graph.ts';
import { Hasher } from '../../../ir/hash.ts';
import { elemBytes } from '../../../ir/types.ts';
import { graphsIn } from '../../../ir/walk.ts';
import { isWideElem, wideArray } from '../../../ir/wide.ts';
import type { WeightExpr } from '../../../tensor/expr.ts';
import { chunkElements } from '../../../tensor/pieces.ts';
import { encode, encodeIntegers } from '../../../tensor/round.ts';
import { readSpanInto, spanOf } from '../../../tensor/stored.ts';
import { exprOf } from '../../../tensor/values.ts';

/** Elements that the first hash sees. */
const beginning = 1024;

/** Contents of one hash with which another is compared. */
const mostCompared = 4;

/**
 * What can be read here: tensors of files, and numbers. A path without content cannot, and what is initialised is known by its
 * structure.
 */
const readable: readonly string[] = ['stored', 'literal', 'integers', 'full'];

/** A buffer that lies on words, for the elements of one chunk as a file holds them. */
class Chunk {
  readonly #bytes = new Uint8Array(chunkElements * 8);
  readonly #numbers = new Float64Array(chunkElements);
  readonly #onRead: ((bytes: number) => void) | undefined;

  constructor(onRead?: (bytes: number) => void) {
    this.#onRead = onRead;
  }

  /** Elements [start, end) of the expression, padded with zeros to whole words. */
  async read(expr: WeightExpr, start: number, end: number): Promise<Int32Array> {
    const size = elemBytes[expr.elem];
    const length = (end - start) * size;
    this.#onRead?.(length);
    const words = Math.ceil(length / 4);
    this.#bytes.fill(0, length, words * 4);
    const bytes = this.#bytes.subarray(0, length);
    const span = spanOf(expr);
    if (span) await readSpanInto(span, start * size, bytes);
    else if (!(await this.#integers(expr, start, end, bytes))) {
      const numbers = this.#numbers.subarray(0, end - start);
      await expr.fill(start, numbers);
      encode(expr.elem, numbers, end - start, bytes);
    }
    return new Int32Array(this.#bytes.buffer, 0, words);
  }

  async #integers(expr: WeightExpr, start: number, end: number, bytes: Uint8Array): Promise<boolean> {
    if (!isWideElem(expr.elem)) return false;
    const integers = wideArray(expr.elem, end - start);
    const pending = expr.fillIntegers(start, integers);
    if (pending === false) return false;
    await pending;
    encodeIntegers(integers, bytes);
    return true;
  }
}

/** Of the elements before `end`. */
async function hashOf(expr: WeightExpr, end: number, chunk: Chunk): Promise<string> {
  const hasher = new Hasher();
  for (let start = 0; start < end; start += chunkElements)
    hasher.words(await chunk.read(expr, start, Math.min(end, start + chunkElements)));
  return hasher.hex();
}

async function areEqual(x: WeightExpr, y: WeightExpr, chunks: readonly [Chunk, Chunk]): Promise<boolean> {
  for (let start = 0; start < x.count; start += chunkElements) {
    const end = Math.min(x.count, start + chunkElements);
    const a = await chunks[0].read(x, start, end);
    const b = await chunks[1].read(y, start, end);
    for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  }
  return true;
}

/** The groups, of two and more, that have one key each; in the order of their first members. */
async function groupedBy<T>(all: readonly T[], keyOf: (one: T) => string | Promise<string>): Promise<readonly (readonly T[])[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) {
    const key = await keyOf(one);
    const group = groups.get(key);
    if (group) group.push(one);
    else groups.set(key, [one]);
  }
  return [...groups.values()].filter((group) => group.length > 1);
}

interface Weight {
  readonly expr: WeightExpr;
  readonly type: string;
  readonly values: Value[];
}

/** The readable constants by type and content, in the order of their first use, outer graphs before inner ones. */
function weightsOf(graph: Graph): readonly Weight[] {
  const weights = new Map<string, Weight>();
  for (const one of graphsIn(graph)) {
    for (const value of one.constants()) {
      const expr = exprOf(value);
      if (!readable.includes(expr.kind)) continue;
      const type = `${value.type.foreign?.text ?? ''}|${expr.elem}|${expr.dims.join()}`;
      const known = weights.get(`${type}|${expr.id}`);
      if (!known) weights.set(`${type}|${expr.id}`, { expr, type, values: [value] });
      else if (!known.values.includes(value)) known.values.push(value);
    }
  }
  return [...weights.values()];
}

/** Returns how many constants have the content of an earlier one now. Throws what reading a damaged file throws. */
export async function mergeEqualWeights(graph: Graph, onProgress?: OnProgress): Promise<number> {
  let read = 0;
  const weights = weightsOf(graph);
  const most = weights.reduce((n, { expr }) => n + expr.count * elemBytes[expr.elem], 0);
  const onRead =
    onProgress &&
    ((bytes: number): void => {
      read += bytes;
      onProgress('comparing weights', Math.min(most, read), most, 'bytes');
    });
  const chunks = [new Chunk(onRead), new Chunk()] as const;
  let merged = 0;
  for (const alike of await groupedBy(weights, ({ type }) => type)) {
    const begun = await groupedBy(alike, ({ expr }) => hashOf(expr, Math.min(expr.count, beginning), chunks[0]));
    for (const same of begun) {
      const whole =
        (same[0]?.expr.count ?? 0) <= beginning
          ? [same]
          : await groupedBy(same, ({ expr }) => hashOf(expr, expr.count, chunks[0]));
      for (const candidates of whole) {
        const kept: Weight[] = [];
        for (const weight of candidates) {
          let first: Weight | undefined;
          for (const one of kept) if (!first && (await areEqual(one.expr, weight.expr, chunks))) first = one;
          if (!first) {
            if (kept.length < mostCompared) kept.push(weight);
            continue;
          }
          for (const value of weight.values) value.graph.setContent(value, first.expr);
          merged += weight.values.length;
        }
      }
    }
  }
  return merged;
}
