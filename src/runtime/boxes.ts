/**
 * Boxes that a detector finds: which outputs hold them, and what they are on the picture. Known are corners (left, top, right,
 * bottom), in pixels of the model's input or in fractions of it, with scores and classes beside them: `boxes [K, 4]`,
 * `scores [K]`, `labels [K]` of networks that end in a suppression (torchvision, ONNX model zoo), or one row per anchor,
 * `boxes [N, K, 4]`, `scores [N, K, classes]`, of those that do not.
 */
import { at, outside } from '../diagnostics/at.ts';
import { cellsOf, padEnd } from '../diagnostics/cells.ts';
import { type HostTensor, isFloat } from '../ir/types.ts';
import type { Placement } from './images.ts';

/** Which outputs are what. */
export interface BoxOutputs {
  readonly boxes: string;
  readonly scores: string | undefined;
  readonly labels: string | undefined;
}

/** Corners in pixels of the picture, 0 at the left and top edge. */
export interface Box {
  readonly corners: readonly [left: number, top: number, right: number, bottom: number];
  readonly score: number | undefined;
  /** Number of the class, where the network has classes. */
  readonly index: number | undefined;
}

export interface Found {
  readonly boxes: readonly Box[];
  /** What was done to find them: `scores of at least 0.5`, `overlaps above 0.5 suppressed`. */
  readonly how: readonly string[];
}

export interface BoxOptions {
  /** Least score. Default 0.5. */
  readonly threshold?: number | undefined;
  /** Share of overlap above which the box of lower score goes. Default 0.5 where there is a row per anchor, else none go. */
  readonly overlap?: number | undefined;
}

/** Boxes of a row per anchor are thousands, of which suppression compares each with each that is kept. */
const mostCandidates = 20_000;

const named = (name: string, words: RegExp): boolean => words.test(name);
const boxWords = /box|bbox|rois|dets?\b/i;
const scoreWords = /score|conf|prob/i;
const labelWords = /label|class|categor/i;

/** Rows of numbers, of one picture or of each in a batch: `[K, …]` or `[N, K, …]`. */
const rowsAt = (tensor: HostTensor, batched: boolean): number => tensor.dims[batched ? 1 : 0] ?? 0;

/** The outputs that hold boxes, by their shapes, and by their names where several have that shape; undefined where none does. */
export function boxOutputs(outputs: ReadonlyMap<string, HostTensor>): BoxOutputs | undefined {
  const all = [...outputs];
  const candidates = all.filter(
    ([, t]) => isFloat(t.elem) && (t.dims.length === 2 || t.dims.length === 3) && t.dims.at(-1) === 4,
  );
  const best = candidates.find(([name]) => named(name, boxWords)) ?? candidates.find(([name]) => !named(name, scoreWords));
  if (!best) return undefined;
  const [boxes, { dims }] = best;
  // A classifier of four classes has that shape too: one alone must be called boxes.
  if (all.length === 1 && !named(boxes, boxWords)) return undefined;
  const rank = dims.length;
  const beside = all.filter(([name, t]) => name !== boxes && t.dims.slice(0, rank - 1).join() === dims.slice(0, rank - 1).join());
  const flat = (t: HostTensor): boolean => t.dims.length === rank - 1 || (t.dims.length === rank && t.dims.at(-1) === 1);
  const labels =
    beside.find(([name, t]) => flat(t) && !isFloat(t.elem) && named(name, labelWords)) ??
    beside.find(([, t]) => flat(t) && !isFloat(t.elem) && t.elem !== 'bool') ??
    beside.find(([name, t]) => flat(t) && named(name, labelWords) && !named(name, scoreWords));
  const scores = beside.filter(([name, t]) => name !== labels?.[0] && isFloat(t.elem) && (flat(t) || t.dims.length === rank));
  const score = scores.find(([name]) => named(name, scoreWords)) ?? scores[0];
  return { boxes, scores: score?.[0], labels: labels?.[0] };
}

interface Candidate extends Box {
  readonly order: number;
}

/** The scores of a row as probabilities: as they are where all of the output lies in 0 … 1, else by a softmax or a sigmoid. */
function probabilityOf(data: Float64Array, base: number, width: number, plain: boolean): (column: number) => number {
  if (plain) return (column) => data[base + column] ?? outside();
  if (width === 1) return (column) => 1 / (1 + Math.exp(-(data[base + column] ?? outside())));
  let most = -Infinity;
  for (let c = 0; c < width; c++) most = Math.max(most, data[base + c] ?? outside());
  let sum = 0;
  for (let c = 0; c < width; c++) sum += Math.exp((data[base + c] ?? outside()) - most);
  return (column) => Math.exp((data[base + column] ?? outside()) - most) / sum;
}

/**
 * The boxes of one picture of a batch, best first. `input` is the size that the model got, `placed` where its pixels lie on the
 * picture that is drawn on. A text says what does not fit.
 */
export function boxesOf(
  outputs: ReadonlyMap<string, HostTensor>,
  which: BoxOutputs,
  row: number,
  picture: { readonly input: readonly [height: number, width: number]; readonly placed: Placement },
  options: BoxOptions = {},
): Found {
  const boxes = outputs.get(which.boxes) ?? outside();
  const scores = which.scores === undefined ? undefined : outputs.get(which.scores);
  const labels = which.labels === undefined ? undefined : outputs.get(which.labels);
  const batched = boxes.dims.length === 3;
  const count = rowsAt(boxes, batched);
  const base = batched ? row * count : 0;
  const width = scores && scores.dims.length === boxes.dims.length ? (scores.dims.at(-1) ?? 1) : 1;
  const plain = scores?.data.every((v) => v >= 0 && v <= 1) ?? true;
  // Rows that sum to 1 are a softmax, whose first class is the background (SSD; Liu et al. 2016, §2.2).
  const background = scores && width > 1 && (!plain || sumsToOne(scores.data, width));
  const threshold = options.threshold ?? 0.5;
  const how: string[] = [];
  if (scores) how.push(`scores of at least ${threshold}`);
  if (scores && !plain) how.push(width > 1 ? 'after a softmax' : 'after a sigmoid');
  if (background) how.push('class 0 is the background');
  const candidates: Candidate[] = [];
  for (let k = 0; k < count; k++) {
    const corners = [0, 1, 2, 3].map((i) => boxes.data[(base + k) * 4 + i] ?? outside());
    if (corners.some((v) => !Number.isFinite(v))) continue;
    const [left = 0, top = 0, right = 0, bottom = 0] = corners;
    const label = labels ? (labels.data[base + k] ?? outside()) : undefined;
    const probability = scores && probabilityOf(scores.data, (base + k) * width, width, plain);
    for (let column = background ? 1 : 0; column < width; column++) {
      const score = probability?.(column);
      if (score !== undefined && !(score >= threshold)) continue;
      const index = label ?? (width > 1 ? column : undefined);
      candidates.push({ corners: [left, top, right, bottom], score, index, order: candidates.length });
    }
  }
  candidates.sort((a, b) => (b.score ?? 0) - (a.score ?? 0) || a.order - b.order);
  const overlap = options.overlap ?? (scores && !labels && batched ? 0.5 : undefined);
  const kept = overlap === undefined ? candidates : suppressed(candidates.slice(0, mostCandidates), overlap);
  if (overlap !== undefined) how.push(`overlaps above ${overlap} suppressed`);
  const fractions = boxes.data.every((v) => !Number.isFinite(v) || (v > -2 && v < 3)) && Math.max(...picture.input) > 8;
  if (fractions && kept.length > 0) how.push('corners are fractions');
  return { boxes: kept.map((box) => placedBox(box, fractions, picture)), how };
}

function sumsToOne(data: Float64Array, width: number): boolean {
  for (let from = 0; from < data.length; from += width) {
    let sum = 0;
    for (let c = 0; c < width; c++) sum += data[from + c] ?? outside();
    if (Math.abs(sum - 1) > 1e-3) return false;
  }
  return true;
}

function placedBox(
  { corners, score, index }: Box,
  fractions: boolean,
  { input: [height, width], placed }: { readonly input: readonly [number, number]; readonly placed: Placement },
): Box {
  const across = (v: number): number => ((fractions ? v * width : v) + placed.left) / placed.scaleX;
  const down = (v: number): number => ((fractions ? v * height : v) + placed.top) / placed.scaleY;
  const [left, top, right, bottom] = corners;
  return { corners: [across(left), down(top), across(right), down(bottom)], score, index };
}

/** Greedy non-maximum suppression within each class, of boxes that are sorted by their scores. */
function suppressed(sorted: readonly Candidate[], overlap: number): readonly Candidate[] {
  const kept: Candidate[] = [];
  for (const box of sorted)
    if (!kept.some((other) => other.index === box.index && sharedPart(other, box) > overlap)) kept.push(box);
  return kept;
}

/** Intersection over union. */
function sharedPart({ corners: a }: Box, { corners: b }: Box): number {
  const across = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const down = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (across <= 0 || down <= 0) return 0;
  const area = (c: Box['corners']): number => (c[2] - c[0]) * (c[3] - c[1]);
  return (across * down) / (area(a) + area(b) - across * down);
}

/** `1.5`, and what is told of a box in a line: `face 0.98`, `class 3`. */
export const boxName = ({ index, score }: Box, labels: readonly string[] | undefined): string => {
  const label = index === undefined ? undefined : (labels?.[index] ?? `class ${index}`);
  return [label, score?.toFixed(2)].filter((part) => part !== undefined).join(' ');
};

/** Boxes that are listed on a terminal. */
const mostLines = 100;

/** A line per box, the best first, at most 100: its number on the picture, what it is, and its corners in pixels. */
export function boxLines(boxes: readonly Box[], labels?: readonly string[]): readonly string[] {
  const names = boxes.slice(0, mostLines).map((box) => boxName(box, labels));
  const wide = Math.max(0, ...names.map(cellsOf));
  const digits = String(names.length).length;
  const lines = boxes
    .slice(0, mostLines)
    .map((box, i) =>
      `${String(i + 1).padStart(digits)}  ${padEnd(at(names, i), wide)}  ${box.corners.map((v) => v.toFixed(1)).join(', ')}`.trimEnd(),
    );
  return boxes.length > mostLines ? [...lines, `… and ${boxes.length - mostLines} more`] : lines;
}
