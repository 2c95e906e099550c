/** A picture with boxes on it: as pixels, with a number at each, or as SVG, with names. */
import { outside } from '../diagnostics/at.ts';
import { type Box, boxName } from './boxes.ts';
import type { Colour } from './class-colour.ts';
import type { Image } from './images.ts';

/** Digits of three by five dots; five rows of three bits each. */
const glyphs: readonly (readonly number[])[] = [
  [7, 5, 5, 5, 7],
  [2, 6, 2, 2, 7],
  [7, 1, 7, 4, 7],
  [7, 1, 7, 1, 7],
  [5, 5, 7, 1, 1],
  [7, 4, 7, 1, 7],
  [7, 4, 7, 5, 7],
  [7, 1, 2, 2, 2],
  [7, 5, 7, 5, 7],
  [7, 5, 7, 1, 7],
];

/** Bright colours, of which those of neighbouring classes are far apart: hues by the golden angle, at full value. */
export function colourOf({ index = 0 }: Pick<Box, 'index'>): Colour {
  const hue = ((index * 137.508 + 110) % 360) / 60;
  const channel = (shift: number): number => {
    const k = (shift + hue) % 6;
    return Math.round(255 * (1 - 0.9 * Math.max(0, Math.min(k, 4 - k, 1))));
  };
  return [channel(5), channel(3), channel(1)];
}

/** Dark signs on light colours, light ones on dark; luma of ITU-R 601. */
const signOn = ([red, green, blue]: Colour): Colour =>
  0.299 * red + 0.587 * green + 0.114 * blue > 140 ? [0, 0, 0] : [255, 255, 255];

/** Lines and signs grow with the picture: 1 pixel up to 320, 2 up to 640, … */
const unitOf = ({ width, height }: Image): number => Math.max(1, Math.round(Math.max(width, height) / 320));

/** Three bytes per pixel, rows from the top; boxes of lower scores lie below. */
export function drawBoxes(image: Image, boxes: readonly Box[]): Uint8Array {
  const { width, height } = image;
  const data = image.data.slice();
  const unit = unitOf(image);
  const fill = (left: number, top: number, right: number, bottom: number, [red, green, blue]: Colour): void => {
    for (let y = Math.max(0, top); y < Math.min(height, bottom); y++)
      for (let x = Math.max(0, left); x < Math.min(width, right); x++) {
        const at = (y * width + x) * 3;
        data[at] = red;
        data[at + 1] = green;
        data[at + 2] = blue;
      }
  };
  const line = 2 * unit;
  boxes.forEach((_, n) => {
    const i = boxes.length - 1 - n;
    const box = boxes[i] ?? outside();
    const colour = colourOf(box);
    const inside = (v: number, end: number): number => Math.round(Math.min(end, Math.max(0, v)));
    const [left, right] = [inside(box.corners[0], width), inside(box.corners[2], width)];
    const [top, bottom] = [inside(box.corners[1], height), inside(box.corners[3], height)];
    if (right <= left || bottom <= top) return;
    fill(left, top, right, Math.min(bottom, top + line), colour);
    fill(left, Math.max(top, bottom - line), right, bottom, colour);
    fill(left, top, Math.min(right, left + line), bottom, colour);
    fill(Math.max(left, right - line), top, right, bottom, colour);
    // The number by which the list on the terminal names it, over the box, or in it where there is no room.
    const text = String(i + 1);
    const sign = 2 * unit;
    const [tagWidth, tagHeight] = [(text.length * 4 + 1) * sign, 7 * sign];
    const y = top >= tagHeight ? top - tagHeight : top;
    fill(left, y, left + tagWidth, y + tagHeight, colour);
    [...text].forEach((digit, place) => {
      (glyphs[Number(digit)] ?? outside()).forEach((bits, row) => {
        for (let column = 0; column < 3; column++) {
          if (((bits >> (2 - column)) & 1) === 0) continue;
          const [x0, y0] = [left + (1 + place * 4 + column) * sign, y + (1 + row) * sign];
          fill(x0, y0, x0 + sign, y0 + sign, signOn(colour));
        }
      });
    });
  });
  return data;
}

const escaped = (text: string): string => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
const short = (v: number): string => String(Number(v.toFixed(2)));

/** The picture inside, as a PNG in base64, and the boxes over it with their names. */
export function boxesSvg(image: Image, png: Uint8Array, boxes: readonly Box[], labels?: readonly string[]): string {
  const { width, height } = image;
  const unit = unitOf(image);
  const size = 10 * unit;
  const shapes = [...boxes].reverse().map((box) => {
    const [left, top, right, bottom] = box.corners;
    const colour = `rgb(${colourOf(box).join(',')})`;
    const name = boxName(box, labels);
    const y = top >= size * 1.4 ? top : top + size * 1.4;
    const sign =
      name === ''
        ? ''
        : `<rect x="${short(left)}" y="${short(y - size * 1.4)}" width="${short(name.length * size * 0.62 + size * 0.6)}" height="${short(size * 1.4)}" fill="${colour}"/>` +
          `<text x="${short(left + size * 0.3)}" y="${short(y - size * 0.35)}" fill="rgb(${signOn(colourOf(box)).join(',')})">${escaped(name)}</text>`;
    return `  <g><rect x="${short(left)}" y="${short(top)}" width="${short(right - left)}" height="${short(bottom - top)}" fill="none" stroke="${colour}" stroke-width="${2 * unit}"/>${sign}</g>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="monospace" font-size="${size}">`,
    `  <image width="${width}" height="${height}" href="data:image/png;base64,${Buffer.from(png).toString('base64')}"/>`,
    ...shapes,
    '</svg>',
    '',
  ].join('\n');
}
