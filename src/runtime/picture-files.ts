/**
 * What can be told of a PNG or JPEG without decoding it: whether the file is whole, and which way up a camera held it. Decoders
 * say of a damaged file what they stumbled over, or make grey of what is missing; so the structure is walked first. Sources: PNG
 * (W3C, third edition) §5, JPEG (ITU-T T.81) annex B, Exif 2.32 §4.6.4 (orientation).
 */
import { outside } from '../diagnostics/at.ts';

/** CRC-32 of PNG's chunks (ISO 3309), reflected polynomial EDB88320. */
let crcTable: Uint32Array | undefined;
function crc32(bytes: Uint8Array, start: number, end: number): number {
  crcTable ??= Uint32Array.from({ length: 256 }, (_, n) => {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
    return c >>> 0;
  });
  let crc = 0xffffffff;
  for (let i = start; i < end; i++) crc = (crcTable[(crc ^ (bytes[i] ?? outside())) & 255] ?? outside()) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Where the chunks of a PNG end, or what is wrong with them. */
export function pngEnd(bytes: Uint8Array): number | string {
  const view = viewOf(bytes);
  const ends = (inside: string): string => `the file ends after ${bytes.length} bytes, inside ${inside}`;
  for (let at = 8; ; ) {
    if (at === bytes.length) return `the file ends after ${bytes.length} bytes, before the chunk IEND`;
    if (at + 8 > bytes.length) return ends(`the head of the chunk at byte ${at}`);
    const length = view.getUint32(at);
    const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (!/^[A-Za-z]{4}$/.test(name)) return `no chunk at byte ${at}, where one has to begin`;
    if (at === 8 && (name !== 'IHDR' || length !== 13)) return `the chunk ${name} at byte 8, where IHDR has to stand`;
    const end = at + 12 + length;
    if (end > bytes.length) return ends(`the chunk ${name} at byte ${at}`);
    if (view.getUint32(end - 4) !== crc32(bytes, at + 4, end - 4))
      return `the chunk ${name} at byte ${at} has another checksum than it says`;
    if (name === 'IEND') return end;
    at = end;
  }
}

/** A segment of a JPEG: its marker's second byte, where its marker stands, and where its content lies. */
interface Segment {
  readonly marker: number;
  readonly at: number;
  readonly start: number;
  readonly end: number;
}

const SOS = 0xda;
const EOI = 0xd9;

/** The segments up to the end of the first picture; a text in their place says what is wrong. */
function* segmentsOf(bytes: Uint8Array): Generator<Segment | string> {
  let at = 2;
  while (at < bytes.length) {
    if (bytes[at] !== 0xff) {
      yield `no marker at byte ${at}, where one has to begin`;
      return;
    }
    const marker = bytes[at + 1];
    if (marker === undefined) break;
    if (marker === 0xff) {
      // Markers may be filled up in front.
      at++;
      continue;
    }
    if (marker === EOI) {
      yield { marker, at, start: at + 2, end: at + 2 };
      return;
    }
    if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += 2;
      continue;
    }
    const high = bytes[at + 2];
    const low = bytes[at + 3];
    if (high === undefined || low === undefined) break;
    const end = at + 2 + high * 256 + low;
    if (end > bytes.length) {
      yield `the file ends after ${bytes.length} bytes, inside the segment at byte ${at}`;
      return;
    }
    yield { marker, at, start: at + 4, end };
    at = end;
    if (marker !== SOS) continue;
    // Coded data: 0xFF stands for itself before a 0, and restart markers belong to it.
    while (at < bytes.length) {
      const next = bytes[at + 1] ?? 0;
      if (bytes[at] === 0xff && next !== 0 && next !== 0xff && !(next >= 0xd0 && next <= 0xd7)) break;
      at++;
    }
    if (at >= bytes.length) break;
  }
  yield `the file ends after ${bytes.length} bytes, inside the picture`;
}

/** Frames that are no baseline, extended or progressive ones in Huffman code. */
const otherFrames: ReadonlyMap<number, string> = new Map([
  [0xc3, 'lossless'],
  [0xc5, 'hierarchical'],
  [0xc6, 'hierarchical'],
  [0xc7, 'hierarchical and lossless'],
  [0xc9, 'in arithmetic code'],
  [0xca, 'in arithmetic code'],
  [0xcb, 'lossless, in arithmetic code'],
  [0xcd, 'hierarchical, in arithmetic code'],
  [0xce, 'hierarchical, in arithmetic code'],
  [0xcf, 'hierarchical and lossless, in arithmetic code'],
]);

/** What is wrong with the segments of a JPEG, or undefined. */
export function jpegProblem(bytes: Uint8Array): string | undefined {
  let scans = 0;
  let frames = 0;
  for (const segment of segmentsOf(bytes)) {
    if (typeof segment === 'string') return segment;
    const { marker, at, start } = segment;
    const kind = otherFrames.get(marker);
    if (kind !== undefined) return `a JPEG that is ${kind}, a kind that is not decoded`;
    if (marker >= 0xc0 && marker <= 0xc2) {
      frames++;
      if (bytes[start] !== 8) return `a JPEG of ${bytes[start] ?? 0} bits per sample, a kind that is not decoded`;
      const components = bytes[start + 5];
      if (components !== 1 && components !== 3) {
        return components === 4
          ? 'a JPEG in four inks (CMYK), a kind that is not decoded'
          : `a JPEG of ${components ?? 0} components, a kind that is not decoded`;
      }
    }
    if (marker === SOS && frames === 0) return `the scan at byte ${at} stands before the size of the picture`;
    if (marker === SOS) scans++;
  }
  return scans === 0 ? 'a JPEG without a picture in it' : undefined;
}

/** The size of a JPEG as it is stored, of which `jpegProblem` found nothing wrong. */
export function jpegSize(bytes: Uint8Array): { readonly width: number; readonly height: number } {
  for (const segment of segmentsOf(bytes)) {
    if (typeof segment === 'string') break;
    const { marker, start } = segment;
    if (marker < 0xc0 || marker > 0xc2) continue;
    const view = viewOf(bytes);
    return { height: view.getUint16(start + 1), width: view.getUint16(start + 3) };
  }
  return { width: 0, height: 0 };
}

/** The orientation that a JPEG's Exif says, 1 to 8; 1 where it says none, or something else. */
export function jpegOrientation(bytes: Uint8Array): number {
  for (const segment of segmentsOf(bytes)) {
    if (typeof segment === 'string' || segment.marker === SOS) return 1;
    if (segment.marker !== 0xe1) continue;
    const found = exifOrientation(bytes.subarray(segment.start, segment.end));
    if (found !== undefined) return found;
  }
  return 1;
}

/** Of the segment's content: `Exif\0\0`, then a TIFF file, whose first directory has tag 0112. */
function exifOrientation(bytes: Uint8Array): number | undefined {
  if (!['E', 'x', 'i', 'f', '\0', '\0'].every((c, i) => bytes[i] === c.charCodeAt(0))) return undefined;
  const tiff = bytes.subarray(6);
  const view = viewOf(tiff);
  if (tiff.length < 14) return undefined;
  const order = view.getUint16(0);
  if (order !== 0x4949 && order !== 0x4d4d) return undefined;
  const little = order === 0x4949;
  const directory = view.getUint32(4, little);
  if (view.getUint16(2, little) !== 42 || directory + 2 > tiff.length) return undefined;
  const count = view.getUint16(directory, little);
  for (let i = 0; i < count; i++) {
    const at = directory + 2 + 12 * i;
    if (at + 12 > tiff.length) return undefined;
    if (view.getUint16(at, little) !== 0x0112) continue;
    // A SHORT, which lies in the first two of the four bytes.
    const value = view.getUint16(at + 2, little) === 3 ? view.getUint16(at + 8, little) : 0;
    return value >= 1 && value <= 8 ? value : undefined;
  }
  return undefined;
}

/** Width and height as a PNG or JPEG says them in its head, turned as its Exif says; undefined where it does not. */
export function pictureSize(bytes: Uint8Array): readonly [width: number, height: number] | undefined {
  if (bytes[0] === 0x89) {
    const view = viewOf(bytes);
    return bytes.length < 24 ? undefined : [view.getUint32(16), view.getUint32(20)];
  }
  if (jpegProblem(bytes) !== undefined) return undefined;
  const { width, height } = jpegSize(bytes);
  return jpegOrientation(bytes) >= 5 ? [height, width] : [width, height];
}

/** What is done to show a picture that was stored with this orientation. */
export const orientationTexts: readonly string[] = [
  '',
  'left as it is',
  'mirrored left to right',
  'turned by 180°',
  'mirrored top to bottom',
  'turned by 90° to the right and mirrored left to right',
  'turned by 90° to the right',
  'turned by 90° to the left and mirrored left to right',
  'turned by 90° to the left',
];

/** Pixels of three bytes, rows from the top, as the orientation wants them shown. */
export function orient(
  width: number,
  height: number,
  data: Uint8Array,
  orientation: number,
): { readonly width: number; readonly height: number; readonly data: Uint8Array } {
  if (orientation < 2 || orientation > 8) return { width, height, data };
  const turned = orientation >= 5;
  const [w, h] = turned ? [height, width] : [width, height];
  const out = new Uint8Array(data.length);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      // Where the pixel comes from: across or along, from the beginning or the end.
      const across = turned ? y : x;
      const along = turned ? x : y;
      const sx = orientation === 2 || orientation === 3 || orientation === 7 || orientation === 8 ? width - 1 - across : across;
      const sy = orientation === 3 || orientation === 4 || orientation === 6 || orientation === 7 ? height - 1 - along : along;
      const from = (sy * width + sx) * 3;
      const to = (y * w + x) * 3;
      out[to] = data[from] ?? outside();
      out[to + 1] = data[from + 1] ?? outside();
      out[to + 2] = data[from + 2] ?? outside();
    }
  }
  return { width: w, height: h, data: out };
}
