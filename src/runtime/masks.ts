/**
 * Masks: which class each place of a picture has, of scores `[N, C, H, W]` or `[N, H, W, C]` (the largest of the channels, the
 * first of equal ones, as `argmax` of NumPy and PyTorch), of one channel by a threshold, or of whole numbers that are classes.
 */
import { at, outside } from '../diagnostics/at.ts';
import { elementCount, type HostTensor, isFloat } from '../ir/types.ts';
import { type Colour, classColour } from './class-colour.ts';
import { encodePng } from './picture-codecs.ts';

/** A class per pixel, rows from the top. */
export interface Mask {
  readonly width: number;
  readonly height: number;
  readonly classes: Uint8Array;
  /** Pixels of each class. */
  readonly counts: readonly number[];
}

export interface Masks {
  /** One per picture. */
  readonly masks: readonly Mask[];
  /** `the largest of 21 channels`, `above 0.5` */
  readonly how: string;
}

/** An index of a palette is a byte. */
const mostClasses = 256;

interface Layout {
  readonly batch: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly first: boolean;
}

/** Height and width of the picture that the model got. */
export type Grid = readonly [height: number, width: number];

/**
 * Channels lie in front, as in ONNX, or behind, as in TensorFlow: whichever leaves a grid of the picture's proportions; in front
 * where both do.
 */
function layoutOf({ elem, dims }: HostTensor, like: Grid | undefined): Layout | undefined {
  const [a = 0, b = 0, c = 0, d = 0] = dims.length === 3 ? [1, ...dims] : dims;
  if (elementCount(dims) === 0 || dims.length < 2 || dims.length > 4) return undefined;
  if (dims.length === 2) return { batch: 1, channels: 1, height: a, width: b, first: true };
  if (dims.length === 3 && !isFloat(elem)) return { batch: b, channels: 1, height: c, width: d, first: true };
  const front = { batch: a, channels: b, height: c, width: d, first: true };
  const behind = { batch: a, channels: d, height: b, width: c, first: false };
  const off = ({ height, width }: Layout): number => (like ? Math.abs(Math.log((height * like[1]) / (width * like[0]))) : 0);
  const isBehind = like ? off(behind) < off(front) - 1e-9 : d < b && d < c;
  return isBehind ? behind : front;
}

/** Whether an output is scores of classes that cannot be a picture: 1, 3 and 4 channels may be grey, RGB and RGBA. */
export function isMask(tensor: HostTensor, like?: Grid): boolean {
  const channels = isFloat(tensor.elem) && tensor.dims.length === 4 ? layoutOf(tensor, like)?.channels : undefined;
  return channels !== undefined && (channels === 2 || (channels > 4 && channels <= mostClasses));
}

/**
 * The masks of an output; undefined where it has another shape, or more than 256 classes. Of one channel, what is above the
 * threshold is class 1: above 0.5 where all numbers lie in 0 … 1, as probabilities do, and above 0 where they do not, as scores
 * before a sigmoid.
 */
export function masksOf(tensor: HostTensor, threshold?: number, like?: Grid): Masks | undefined {
  const layout = layoutOf(tensor, like);
  if (!layout || layout.channels > mostClasses) return undefined;
  const { batch, channels, height, width, first } = layout;
  const { data, elem } = tensor;
  const plane = height * width;
  const [step, stride] = first ? [plane, 1] : [1, channels];
  const whole = channels === 1 && elem !== 'bool' && !isFloat(elem) && threshold === undefined;
  if (whole && data.some((v) => !(v >= 0 && v < mostClasses))) return undefined;
  const limit = threshold ?? (elem === 'bool' || data.every((v) => v >= 0 && v <= 1) ? 0.5 : 0);
  const classOf = (base: number): number => {
    const value = data[base] ?? outside();
    if (whole) return value;
    if (channels === 1) return value > limit ? 1 : 0;
    let best = 0;
    let most = Number.isNaN(value) ? -Infinity : value;
    for (let c = 1; c < channels; c++) {
      const here = data[base + c * step] ?? outside();
      if (here > most) {
        most = here;
        best = c;
      }
    }
    return best;
  };
  const masks = Array.from({ length: batch }, (_, n): Mask => {
    const classes = new Uint8Array(plane);
    const counts = new Array<number>(Math.max(2, channels)).fill(0);
    for (let i = 0; i < plane; i++) {
      const found = classOf(n * channels * plane + i * stride);
      classes[i] = found;
      counts[found] = (counts[found] ?? 0) + 1;
    }
    return { width, height, classes, counts: Array.from(counts, (count) => count ?? 0) };
  });
  const how = whole
    ? 'the numbers are classes'
    : channels === 1
      ? `class 1 is what is above ${limit}`
      : `the largest of ${channels} channels`;
  return { masks, how };
}

/** One class beside the background is white: the second colour of the devkit is a dark red. */
const colourOf = (index: number, classes: number): Colour =>
  classes === 2 && index === 1 ? [255, 255, 255] : classColour(index);

/**
 * The mask as a PNG with a palette: a byte per pixel, which is the number of its class, so that it is both a picture and data.
 */
export function maskPng({ width, height, classes, counts }: Mask): Promise<Uint8Array> {
  return encodePng({ width, height, channels: 1, data: classes, palette: counts.map((_, i) => colourOf(i, counts.length)) });
}

/** The classes that a mask has, those of most pixels first, and the colours that they are drawn in. */
export function legendOf({
  counts,
}: Mask): readonly { readonly index: number; readonly share: number; readonly colour: readonly [number, number, number] }[] {
  const all = counts.reduce((a, b) => a + b, 0);
  return counts
    .map((_, index) => index)
    .filter((index) => at(counts, index) > 0)
    .sort((a, b) => at(counts, b) - at(counts, a) || a - b)
    .map((index) => ({
      index,
      share: at(counts, index) / all,
      colour: colourOf(index, counts.length),
    }));
}
