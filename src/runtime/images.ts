/**
 * Pictures in and out: PNG and JPEG to bytes of red, green and blue, and from there to a model's input.
 *
 * As Pillow's `convert('RGB')` does it: grey becomes three equal channels, a palette its colours, alpha is dropped without
 * compositing, 16 bits per sample become 8. The orientation that a camera writes into a JPEG is applied, as browsers and OpenCV
 * do it, and said. PNG is exact, and JPEG what Pillow makes of it, to the byte.
 */
import { outside } from '../diagnostics/at.ts';
import * as catalogue from '../diagnostics/catalogue/runtime.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { command } from '../diagnostics/shell.ts';
import type { Dim } from '../ir/dim.ts';
import { keepsPromise, keptNear, promiseTexts } from '../ir/promise.ts';
import type { ValueRange } from '../ir/ranges.ts';
import { roundTo } from '../ir/round.ts';
import { type ElemType, elementCount, type HostTensor, isFloat, type TensorType, typeText } from '../ir/types.ts';
import { decodeJpeg, decodePng, encodePng } from './picture-codecs.ts';
import { jpegOrientation, jpegProblem, jpegSize, orient, orientationTexts, pngEnd } from './picture-files.ts';

/** Rows from the top, three bytes per pixel. */
export interface Image {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
  /** How the pixels were turned, because the file's Exif says so: `turned by 90° to the right`. */
  readonly turned?: string;
}

/** Where pixels of a model's input lie on the picture that they come from: at (x + left) / scaleX, (y + top) / scaleY. */
export interface Placement {
  readonly left: number;
  readonly top: number;
  readonly scaleX: number;
  readonly scaleY: number;
}

/** A picture as it was read, and the size and place of what the model got of it. */
export interface Seen {
  readonly picture: Image;
  readonly height: number;
  readonly width: number;
  readonly placed: Placement;
}

/** Decoders take some ten bytes per pixel; a small file may claim any size. */
const maxPixels = 100e6;

/** `png`, `jpeg`, or undefined for anything else; by content. */
export function imageFormatOf(bytes: Uint8Array): 'png' | 'jpeg' | undefined {
  if ([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a].every((b, i) => bytes[i] === b)) return 'png';
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return 'jpeg';
  return undefined;
}

/** What a message says of a file that is of no kind that is read. */
export function headText(bytes: Uint8Array): string {
  const first = [...bytes.subarray(0, 8)].map((b) => b.toString(16).padStart(2, '0')).join(' ');
  return first === '' ? 'an empty file' : `first bytes ${first}`;
}

/** How pictures begin that other programs turn into PNG; what is not ASCII, and control characters, are dots. */
const otherPictures =
  /^(?:GIF8[79]a|BM.{4}\.{4}|RIFF.{4}WEBP|II[*+]\.|MM\.[*+]|.{4}ftyp(?:avi[fs]|hei[cfmsx]|hev[cx]|mif1|msf1)|\.{4}(?:JXL|jP ) |8BPS|P[1-7][ .]\d|<svg\b)/;

/** Whether it is a picture in a format that is not read. */
export function isOtherPicture(bytes: Uint8Array): boolean {
  const head = [...bytes.subarray(0, 32)].map((byte) => (byte < 32 || byte > 126 ? '.' : String.fromCharCode(byte)));
  return otherPictures.test(head.join(''));
}

/** Throws `DiagnosticError` (RES0822, RES0823). `name` is for messages. */
export async function decodeImage(bytes: Uint8Array, name: string): Promise<Image> {
  const format = imageFormatOf(bytes);
  const broken = (found: string, hint = `${command('kind', name)}; then save the picture again`): never =>
    fail(catalogue.imageBroken, {
      with: { file: name, found, expected: `a whole picture of at most ${maxPixels / 1e6} megapixels`, hint },
    });
  if (!format) {
    return fail(catalogue.imageFormat, {
      with: {
        file: name,
        found: headText(bytes),
        hint:
          bytes.length === 0
            ? command('size', name)
            : isOtherPicture(bytes)
              ? command('png', name)
              : 'name a PNG, a JPEG or a .npy',
      },
    });
  }
  if (format === 'png') {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.length < 24) return broken('the file ends before its size is told');
    const pixels = view.getUint32(16) * view.getUint32(20);
    if (pixels > maxPixels) return broken(`${view.getUint32(16)} x ${view.getUint32(20)} pixels`, command('smaller', name));
    const end = pngEnd(bytes);
    if (typeof end === 'string') return broken(end);
    const read = await decodePng(bytes.subarray(0, end));
    return read ? { name, ...read } : broken('its compressed pixels are damaged');
  }
  const problem = jpegProblem(bytes);
  if (problem !== undefined) return broken(problem, /not decoded$/.test(problem) ? command('png', name) : undefined);
  const size = jpegSize(bytes);
  if (size.width * size.height > maxPixels) return broken(`${size.width} x ${size.height} pixels`, command('smaller', name));
  const read = await decodeJpeg(bytes);
  if (!read) return broken('the data of the picture is damaged');
  const orientation = jpegOrientation(bytes);
  const turned = orientation > 1 ? orientationTexts[orientation] : undefined;
  const { width, height, data } = read;
  return { name, ...orient(width, height, data, orientation), ...(turned !== undefined && { turned }) };
}

/** Bits of the fixed-point weights of Pillow's resampling of bytes: 32 less 8 of the sample less 2 of head-room. */
const precision = 22;

interface Window {
  readonly first: number;
  readonly weights: Int32Array;
}

/**
 * Pillow's bilinear filter with antialiasing (`Resample.c`): a triangle as wide as an output pixel is large in the input,
 * normalised in float64, then in fixed point. The same integers as Pillow's, hence the same bytes.
 */
function windows(inSize: number, outSize: number): readonly Window[] {
  const scale = inSize / outSize;
  const support = Math.max(scale, 1);
  return Array.from({ length: outSize }, (_, x) => {
    const center = (x + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const last = Math.min(inSize, Math.trunc(center + support + 0.5));
    const raw = Array.from({ length: last - first }, (_, i) => Math.max(0, 1 - Math.abs((i + first - center + 0.5) / support)));
    const total = raw.reduce((a, b) => a + b, 0);
    const weights = Int32Array.from(raw, (w) => Math.trunc(0.5 + (total === 0 ? w : w / total) * 2 ** precision));
    return { first, weights };
  });
}

/** Bilinear with antialiasing, the same bytes as Pillow's `Image.resize(…, BILINEAR)` and torchvision's on PIL images. */
export function resizeImage(image: Image, width: number, height: number): Image {
  const across =
    width === image.width ? image.data : resample(image.data, image.height, image.width, 3, windows(image.width, width));
  const down = height === image.height ? across : resample(across, 1, image.height, width * 3, windows(image.height, height));
  return { name: image.name, width, height, data: down };
}

/**
 * Resamples the middle axis of an array [outer, size, inner]; `inner` is 3 along rows and a whole row along columns.
 * Every product is below 2^31: a weight is at most 2^22, a sample below 2^8, and the weights of one window sum to 2^22 give or
 * take rounding.
 */
function resample(data: Uint8Array, outer: number, size: number, inner: number, to: readonly Window[]): Uint8Array {
  const out = new Uint8Array(outer * to.length * inner);
  let at = 0;
  for (let o = 0; o < outer; o++) {
    for (const { first, weights } of to) {
      for (let c = 0; c < inner; c++) {
        let sum = 1 << (precision - 1);
        let from = (o * size + first) * inner + c;
        for (const w of weights) {
          sum += w * (data[from] ?? outside());
          from += inner;
        }
        out[at++] = Math.min(255, Math.max(0, sum >> precision));
      }
    }
  }
  return out;
}

/** The shorter side becomes `side`, the longer one keeps the proportion, rounded down, as torchvision's `Resize(side)`. */
export function resizeShorterSide(image: Image, side: number): Image {
  const { width, height } = image;
  const longer = Math.max(1, Math.trunc((side * Math.max(width, height)) / Math.min(width, height)));
  return width <= height ? resizeImage(image, side, longer) : resizeImage(image, longer, side);
}

/**
 * The middle, as torchvision's `CenterCrop`, which rounds half to even; what is too small is padded with black there and refused
 * here.
 */
export function centerCrop(image: Image, width: number, height: number): Image {
  const [left, top] = cropStart(image, width, height);
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * image.width + left) * 3;
    data.set(image.data.subarray(from, from + width * 3), y * width * 3);
  }
  return { name: image.name, width, height, data };
}

function cropStart(image: Image, width: number, height: number): readonly [left: number, top: number] {
  return [roundHalfEven((image.width - width) / 2), roundHalfEven((image.height - height) / 2)];
}

function roundHalfEven(x: number): number {
  const below = Math.floor(x);
  const rest = x - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 !== 0) ? below + 1 : below;
}

export interface ImageOptions {
  /** What the input's numbers lie in; 0 to 1 without normalisation where nothing says it, 0 to 255 for bytes. */
  readonly range?: ValueRange | undefined;
  /** Per channel, or one number for all, in the unit of the range. Default what the range says, else 0. */
  readonly mean?: readonly number[] | undefined;
  /** Likewise; the default is 1. */
  readonly std?: readonly number[] | undefined;
  /**
   * Length of the shorter side before the middle is cut out; `true` is 256/224 of the model's height or width, whichever is
   * larger. `stretch` scales each side to the model's by itself, so that nothing is cut off.
   */
  readonly resize?: number | boolean | 'stretch' | undefined;
  /** The model takes blue, green and red, as OpenCV reads pictures. */
  readonly bgr?: boolean | undefined;
  /** Told of each picture of the batch once it fits. */
  readonly seen?: ((seen: Seen) => void) | undefined;
  /** The input's name, for messages. */
  readonly name?: string | undefined;
}

interface Layout {
  readonly batch: Dim | undefined;
  readonly channels: 1 | 3;
  readonly first: boolean;
  readonly height: Dim;
  readonly width: Dim;
}

/** Channels come first where that is possible, as in every ONNX operator. */
function layoutOf(type: TensorType, range: ValueRange | undefined): Layout | undefined {
  const { elem, dims } = type;
  // Whole numbers of other types are pictures where they are declared to lie in a range.
  if (!isFloat(elem) && elem !== 'u8' && (range === undefined || elem === 'bool')) return undefined;
  if (dims.length !== 3 && dims.length !== 4) return undefined;
  const batch = dims.length === 4 ? dims[0] : undefined;
  const [a, b, c] = dims.slice(dims.length - 3);
  if (!a || !b || !c) return undefined;
  const channelsOf = (d: Dim): 1 | 3 | undefined => (d.constant === 3 ? 3 : d.constant === 1 ? 1 : undefined);
  const before = channelsOf(a);
  const behind = channelsOf(c);
  if (before && !(behind === 3 && before === 1)) return { batch, channels: before, first: true, height: b, width: c };
  if (behind) return { batch, channels: behind, first: false, height: a, width: b };
  return undefined;
}

export function takesImages(type: TensorType, range?: ValueRange): boolean {
  return layoutOf(type, range) !== undefined;
}

/**
 * One or more pictures as one input tensor: (v - mean) / std for floats, where black is the low end of the range and white the
 * high one; whole numbers are rounded. Throws `DiagnosticError` (RES0813, RES0824 to RES0826) when type, size or number do not
 * fit; all pictures of a batch have one size.
 */
export function imageInput(images: Image | readonly Image[], type: TensorType, options: ImageOptions = {}): HostTensor {
  const list: readonly Image[] = 'data' in images ? [images] : images;
  const name = options.name ?? 'input';
  const { range, bgr } = options;
  const layout = layoutOf(type, range);
  if (!layout)
    return fail(catalogue.notAnImageInput, { with: { name, found: typeText(type), hint: `--input ${name}=tensor.npy` } });
  const { batch, channels, first } = layout;
  const count = batch ? batch.constant : 1;
  if (count !== undefined && count !== list.length) {
    fail(catalogue.inputMisfit, {
      with: {
        name,
        found: `${list.length} pictures`,
        expected: `${count}, for ${typeText(type)}`,
        hint: `--input ${name}=FILE, given ${count === 1 ? 'once' : `${count} times`}`,
      },
    });
  }
  const { mean, std } = normalization(options, channels, isFloat(type.elem), name);
  const fitted: Image[] = [];
  for (const image of list) {
    const { image: fit, placed } = sizedFor(image, layout, options, name, fitted[0]);
    fitted.push(fit);
    options.seen?.({ picture: image, height: fit.height, width: fit.width, placed });
  }
  const height = fitted[0]?.height ?? 0;
  const width = fitted[0]?.width ?? 0;
  const plane = height * width;
  const float = isFloat(type.elem);
  const low = range?.low ?? 0;
  const step = ((range?.high ?? (float ? 1 : 255)) - low) / 255;
  const data = new Float64Array(fitted.length * channels * plane);
  fitted.forEach((image, n) => {
    for (let c = 0; c < channels; c++) {
      const shift = mean[c] ?? 0;
      const scale = std[c] ?? 1;
      for (let i = 0; i < plane; i++) {
        const byte = channels === 3 ? (image.data[i * 3 + (bgr ? 2 - c : c)] ?? outside()) : luma(image.data, i * 3);
        const value = low + byte * step;
        data[n * channels * plane + (first ? c * plane + i : i * channels + c)] = float
          ? (value - shift) / scale
          : Math.round(value);
      }
    }
  });
  // The reference evaluation has to see the numbers that onnxruntime sees.
  roundTo(type.elem, data);
  const inner = first ? [channels, height, width] : [height, width, channels];
  return { elem: type.elem, dims: batch ? [fitted.length, ...inner] : inner, data };
}

/** ITU-R 601 in 16 bits of fixed point, as Pillow's `convert('L')`. */
function luma(data: Uint8Array, at: number): number {
  return (
    ((data[at] ?? outside()) * 19595 + (data[at + 1] ?? outside()) * 38470 + (data[at + 2] ?? outside()) * 7471 + 0x8000) >> 16
  );
}

function normalization(
  options: ImageOptions,
  channels: number,
  float: boolean,
  name: string,
): { mean: readonly number[]; std: readonly number[] } {
  const spread = (option: string, given: readonly number[] | undefined, fallback: number): readonly number[] => {
    const usual = option === '--mean' ? ['0.485', '0.485,0.456,0.406'] : ['0.229', '0.229,0.224,0.225'];
    const refuse = (found: string, expected: string, hint = `${option} ${usual[channels === 1 ? 0 : 1]}`): never =>
      fail(catalogue.imageOptions, { with: { option, found, expected, hint } });
    if (given && !float)
      refuse(`numbers for input ${name}, which takes whole numbers`, 'no normalisation', `leave ${option} out`);
    const list = given ?? [fallback];
    if (list.length !== 1 && list.length !== channels)
      refuse(`${list.length} numbers`, channels === 1 ? '1' : `1 or ${channels}`);
    if (option === '--std' && list.some((v) => v === 0)) refuse('0', 'numbers other than 0');
    if (list.some((v) => !Number.isFinite(v))) refuse(list.join(','), 'finite numbers');
    return Array.from({ length: channels }, (_, i) => list[list.length === 1 ? 0 : i] ?? fallback);
  };
  const { range } = options;
  return { mean: spread('--mean', options.mean ?? range?.mean, 0), std: spread('--std', options.std ?? range?.std, 1) };
}

const inPlace: Placement = { left: 0, top: 0, scaleX: 1, scaleY: 1 };

interface Fit {
  readonly image: Image;
  readonly placed: Placement;
}

/** The picture in the size that the model wants, or in the size of the batch's first where the model leaves it open. */
function sizedFor(image: Image, layout: Layout, options: ImageOptions, name: string, like: Image | undefined): Fit {
  const height = layout.height.constant ?? like?.height;
  const width = layout.width.constant ?? like?.width;
  const wrong = (found: string, hint: string): never =>
    fail(catalogue.imageSize, {
      with: {
        file: image.name,
        name,
        found,
        expected: `${height ?? layout.height.toString()} x ${width ?? layout.width.toString()} (height x width)`,
        hint,
      },
    });
  const { resize } = options;
  if (resize === undefined || resize === false) {
    if ((height ?? image.height) !== image.height || (width ?? image.width) !== image.width)
      wrong(`${image.height} x ${image.width}`, '--resize');
    return { image: promised(image, layout, wrong), placed: inPlace };
  }
  if (resize === 'stretch') {
    const stretched = resizeImage(image, width ?? image.width, height ?? image.height);
    const placed = { left: 0, top: 0, scaleX: stretched.width / image.width, scaleY: stretched.height / image.height };
    return { image: promised(stretched, layout, wrong), placed };
  }
  const target = Math.max(height ?? 0, width ?? 0);
  const side = resize === true ? (target === 0 ? Math.min(image.width, image.height) : Math.round((target * 256) / 224)) : resize;
  const scaled = resizeShorterSide(image, side);
  if ((height ?? 0) > scaled.height || (width ?? 0) > scaled.width)
    wrong(`${scaled.height} x ${scaled.width} after --resize ${side}`, `--resize ${target}`);
  const [cutHeight, cutWidth] = [height ?? scaled.height, width ?? scaled.width];
  const [left, top] = cropStart(scaled, cutWidth, cutHeight);
  const placed = { left, top, scaleX: scaled.width / image.width, scaleY: scaled.height / image.height };
  return { image: promised(centerCrop(scaled, cutWidth, cutHeight), layout, wrong), placed };
}

/** The largest multiple that the shorter side still has, or the first. */
const nearby = (image: Image, multiple: number): number =>
  Math.max(1, Math.floor(Math.min(image.height, image.width) / multiple)) * multiple;

/** A symbolic height or width may have been promised to be a multiple of something. */
function promised(image: Image, layout: Layout, wrong: (found: string, hint: string) => never): Image {
  for (const [dim, size] of [
    [layout.height, image.height],
    [layout.width, image.width],
  ] as const) {
    const { plain } = dim;
    if (!plain || keepsPromise(plain.promise, size)) continue;
    const { name, promise } = plain;
    if (size % promise.multiple === 0)
      wrong(
        `${image.height} x ${image.width}, where ${promiseTexts(name, promise).join(' and ')}`,
        `--resize ${keptNear(promise, size)[0]}`,
      );
    else
      wrong(
        `${image.height} x ${image.width}, where ${name} has to be a multiple of ${promise.multiple}`,
        `--resize ${nearby(image, promise.multiple)}`,
      );
  }
  return image;
}

/**
 * The pictures of an image-like tensor as PNG files, one per batch element. The low end of the range is black and the high end
 * white; without one floats are 0 … 1, integers 0 … 255, and booleans 0 or 1. Throws `DiagnosticError` (RES0827).
 */
export async function pngFiles(
  tensor: HostTensor,
  name: string,
  range: ValueRange = usualRange(tensor.elem),
): Promise<readonly Uint8Array[]> {
  const refuse = (): never =>
    fail(catalogue.notAnImageOutput, {
      with: { name, found: `${tensor.elem}[${tensor.dims.join(', ')}]`, hint: `-o ${name}.npy` },
    });
  const { dims, data } = tensor;
  if (dims.length < 2 || dims.length > 4 || elementCount(dims) === 0) return refuse();
  const [a = 1, b = 1, c = 1] = dims.length === 2 ? [1, ...dims] : dims.slice(dims.length - 3);
  const batch = dims.length === 4 ? (dims[0] ?? 1) : 1;
  const drawable = (n: number): n is 1 | 3 | 4 => n === 1 || n === 3 || n === 4;
  const first = drawable(a) && !(drawable(c) && c > a);
  const [count, height, width] = first ? [a, b, c] : [c, a, b];
  const channels = drawable(count) ? count : refuse();
  const { low, high } = range;
  const files: Uint8Array[] = [];
  for (let n = 0; n < batch; n++) {
    const pixels = new Uint8Array(height * width * channels);
    for (let i = 0; i < height * width; i++) {
      for (let channel = 0; channel < channels; channel++) {
        const at = first ? channel * height * width + i : i * channels + channel;
        const value = (((data[n * channels * height * width + at] ?? outside()) - low) / (high - low)) * 255;
        pixels[i * channels + channel] = Math.min(255, Math.max(0, Math.round(Number.isNaN(value) ? 0 : value)));
      }
    }
    files.push(await encodePng({ width, height, channels, data: pixels }));
  }
  return files;
}

/** What a picture's numbers are taken to lie in where nothing says it. */
export function usualRange(elem: ElemType): ValueRange {
  return { low: 0, high: isFloat(elem) || elem === 'bool' ? 1 : 255 };
}

/**
 * A share of the samples beyond which a picture is said to be clipped, and what of the range's width is no overshoot any more.
 */
const fewSamples = 0.1;
const overshoot = 0.1;

/** The numbers outside of a range. */
export interface Clipped {
  /** Of all elements. */
  readonly share: number;
  readonly low: number;
  readonly high: number;
  /** So many so far outside that the range is hardly the right one. */
  readonly much: boolean;
}

/**
 * The range that numbers are likely in, of those that pictures have; where none of them holds them, one of round numbers that
 * does.
 */
export function likelyRange({ low, high }: Pick<Clipped, 'low' | 'high'>): ValueRange {
  const usual = [
    { low: 0, high: 1 },
    { low: -1, high: 1 },
    { low: 0, high: 255 },
  ];
  const within = (range: ValueRange): boolean => {
    const some = overshoot * (range.high - range.low);
    return low >= range.low - some && high <= range.high + some;
  };
  const far = Math.max(-low, high);
  const step = 10 ** Math.floor(Math.log10(far));
  const round = Number((Math.ceil(far / step) * step).toPrecision(1));
  // What is small is in bytes only by chance.
  return usual.find((range) => within(range) && (range.high === 1 || high > 16)) ?? { low: low < 0 ? -round : 0, high: round };
}

/** What of a tensor a picture in this range cannot show; undefined where it is all within, but for half a step of a byte. */
export function clippedBy({ data }: HostTensor, range: ValueRange): Clipped | undefined {
  const width = range.high - range.low;
  let some = 0;
  let far = 0;
  let low = Infinity;
  let high = -Infinity;
  for (const v of data) {
    if (!(v >= range.low - width / 510 && v <= range.high + width / 510)) some++;
    if (!(v >= range.low - overshoot * width && v <= range.high + overshoot * width)) far++;
    if (v < low) low = v;
    if (v > high) high = v;
  }
  return some > 0 ? { share: some / data.length, low, high, much: far > fewSamples * data.length } : undefined;
}
