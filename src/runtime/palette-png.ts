/**
 * PNG with a palette (W3C PNG, third edition, §11.2.2): a byte per pixel, which is the number of its class, so that the file is
 * both a picture and data. Colours are those of the PASCAL VOC devkit (VOClabelcolormap), in which 0 is black.
 */
import { zlibSync } from 'fflate';
import { crc32 } from './picture-files.ts';

export type Colour = readonly [red: number, green: number, blue: number];

/** Bits of the number are dealt to red, green and blue in turn, the lowest to the highest of each. */
export function classColour(index: number): Colour {
  const colour = [0, 0, 0];
  for (let bit = 0, rest = index; bit < 8; bit++, rest >>= 3)
    for (let c = 0; c < 3; c++) colour[c] = (colour[c] ?? 0) | (((rest >> c) & 1) << (7 - bit));
  const [red = 0, green = 0, blue = 0] = colour;
  return [red, green, blue];
}

function chunk(name: string, content: Uint8Array): Uint8Array {
  const out = new Uint8Array(content.length + 12);
  const view = new DataView(out.buffer);
  view.setUint32(0, content.length);
  for (let i = 0; i < 4; i++) out[4 + i] = name.charCodeAt(i);
  out.set(content, 8);
  view.setUint32(out.length - 4, crc32(out, 4, out.length - 4));
  return out;
}

/** Rows from the top, a byte per pixel; the palette has at most 256 colours. */
export function palettePng(width: number, height: number, indices: Uint8Array, palette: readonly Colour[]): Uint8Array {
  const head = new Uint8Array(13);
  const view = new DataView(head.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  // Eight bits per sample, colour type 3: indexed.
  head.set([8, 3], 8);
  const rows = new Uint8Array((width + 1) * height);
  // The byte before each row says that it is not filtered, which is what indices are best packed as.
  for (let y = 0; y < height; y++) rows.set(indices.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  const parts = [
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    chunk('IHDR', head),
    chunk('PLTE', Uint8Array.from(palette.flat())),
    chunk('IDAT', zlibSync(rows)),
    chunk('IEND', new Uint8Array()),
  ];
  const out = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
