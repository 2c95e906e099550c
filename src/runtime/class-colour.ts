/**
 * Colours by which the classes of a mask are told apart: those of the PASCAL VOC devkit (VOClabelcolormap), in which 0 is black.
 */

export type Colour = readonly [red: number, green: number, blue: number];

/** Bits of the number are dealt to red, green and blue in turn, the lowest to the highest of each. */
export function classColour(index: number): Colour {
  const colour = [0, 0, 0];
  for (let bit = 0, rest = index; bit < 8; bit++, rest >>= 3)
    for (let c = 0; c < 3; c++) colour[c] = (colour[c] ?? 0) | (((rest >> c) & 1) << (7 - bit));
  const [red = 0, green = 0, blue = 0] = colour;
  return [red, green, blue];
}
