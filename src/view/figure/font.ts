/**
 * The letters of the pictures: Arimo, whose widths are those of Helvetica and Arial, so that a text that was measured here fits
 * wherever one of the three is. Read from WOFF 1.0 (W3C 2012) and TrueType (OpenType 1.9: head, hhea, hmtx, cmap 4).
 */
import { unzlibSync } from 'fflate';
import { bold, regular } from './font-data.ts';

/** Which of the two is meant where a text says no more. */
export type Weight = 'regular' | 'bold';

export interface Font {
  /** The font as a TrueType file. */
  readonly file: Uint8Array;
  readonly unitsPerEm: number;
  readonly ascent: number;
  readonly descent: number;
  readonly box: readonly [number, number, number, number];
  /** The glyph of a character; 0, an empty box, where the font has none. */
  glyphOf(character: string): number;
  /** In units of the em. */
  advanceOf(glyph: number): number;
}

function bytesOf(base64: string): Uint8Array {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const digitOf = new Map([...digits].map((digit, value) => [digit, value]));
  const text = base64.replace(/=+$/, '');
  const out = new Uint8Array(Math.floor((text.length * 3) / 4));
  let bits = 0;
  let count = 0;
  let at = 0;
  for (const digit of text) {
    bits = ((bits << 6) | (digitOf.get(digit) ?? 0)) & 0xffff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out[at++] = (bits >> count) & 0xff;
  }
  return out;
}

/** The TrueType file that a WOFF file packs: a directory of tables, each of which may be deflated. */
function unpacked(woff: Uint8Array): Uint8Array {
  const from = new DataView(woff.buffer, woff.byteOffset, woff.byteLength);
  const count = from.getUint16(12);
  const tables = Array.from({ length: count }, (_, i) => {
    const at = 44 + 20 * i;
    const [offset, packedSize, size] = [from.getUint32(at + 4), from.getUint32(at + 8), from.getUint32(at + 12)];
    const packed = woff.subarray(offset, offset + packedSize);
    return {
      tag: from.getUint32(at),
      sum: from.getUint32(at + 16),
      bytes: packedSize < size ? unzlibSync(packed, { out: new Uint8Array(size) }) : packed,
    };
  });
  const padded = (n: number): number => (n + 3) & ~3;
  const out = new Uint8Array(12 + 16 * count + tables.reduce((n, { bytes }) => n + padded(bytes.length), 0));
  const to = new DataView(out.buffer);
  to.setUint32(0, from.getUint32(4));
  to.setUint16(4, count);
  const power = 2 ** Math.floor(Math.log2(count));
  to.setUint16(6, 16 * power);
  to.setUint16(8, Math.log2(power));
  to.setUint16(10, 16 * (count - power));
  let at = 12 + 16 * count;
  tables.forEach(({ tag, sum, bytes }, i) => {
    to.setUint32(12 + 16 * i, tag);
    to.setUint32(16 + 16 * i, sum);
    to.setUint32(20 + 16 * i, at);
    to.setUint32(24 + 16 * i, bytes.length);
    out.set(bytes, at);
    at += padded(bytes.length);
  });
  return out;
}

/** What the file says of one of its tables. */
function tableOf(view: DataView, tag: string): DataView {
  for (let i = 0; i < view.getUint16(4); i++) {
    const at = 12 + 16 * i;
    const name = String.fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3));
    if (name === tag) return new DataView(view.buffer, view.byteOffset + view.getUint32(at + 8), view.getUint32(at + 12));
  }
  throw new Error(`the font has no table ${tag}`);
}

/** Glyphs by characters, from the subtable of format 4. */
function glyphsOf(cmap: DataView): ReadonlyMap<number, number> {
  const out = new Map<number, number>();
  for (let i = 0; i < cmap.getUint16(2); i++) {
    const start = cmap.getUint32(4 + 8 * i + 4);
    if (cmap.getUint16(start) !== 4) continue;
    const doubled = cmap.getUint16(start + 6);
    for (let s = 0; s < doubled; s += 2) {
      const end = cmap.getUint16(start + 14 + s);
      const first = cmap.getUint16(start + 16 + doubled + s);
      const delta = cmap.getUint16(start + 16 + 2 * doubled + s);
      const rangeAt = start + 16 + 3 * doubled + s;
      const range = cmap.getUint16(rangeAt);
      for (let c = first; c <= end && c < 0xffff; c++) {
        const raw = range === 0 ? c : cmap.getUint16(rangeAt + range + 2 * (c - first));
        if (raw !== 0) out.set(c, (raw + delta) & 0xffff);
      }
    }
  }
  return out;
}

function read(base64: string): Font {
  const file = unpacked(bytesOf(base64));
  const view = new DataView(file.buffer);
  const head = tableOf(view, 'head');
  const hhea = tableOf(view, 'hhea');
  const hmtx = tableOf(view, 'hmtx');
  const glyphs = glyphsOf(tableOf(view, 'cmap'));
  const measured = hhea.getUint16(34);
  return {
    file,
    unitsPerEm: head.getUint16(18),
    ascent: hhea.getInt16(4),
    descent: hhea.getInt16(6),
    box: [head.getInt16(36), head.getInt16(38), head.getInt16(40), head.getInt16(42)],
    glyphOf: (character) => glyphs.get(character.codePointAt(0) ?? 0) ?? 0,
    advanceOf: (glyph) => hmtx.getUint16(4 * Math.min(glyph, measured - 1)),
  };
}

/** Both fonts, read once for each picture. */
export interface Fonts {
  readonly regular: Font;
  readonly bold: Font;
}

export function readFonts(): Fonts {
  return { regular: read(regular), bold: read(bold) };
}

/** How wide a text is, in points, at a size in points. What the font lacks another one draws, which is counted as a full em. */
export function textWidth(font: Font, text: string, size: number): number {
  let width = 0;
  for (const character of text) {
    const glyph = font.glyphOf(character);
    width += glyph === 0 ? font.unitsPerEm : font.advanceOf(glyph);
  }
  return (width * size) / font.unitsPerEm;
}
