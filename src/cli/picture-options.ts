/** How pictures become inputs: the options, which load nothing of what reads pictures. */
import { type Command, InvalidArgumentError } from 'commander';
import type { ValueRange } from '../ir/ranges.ts';
import type { PictureOptions } from '../runtime/load.ts';
import { wholeNumber } from './options.ts';

export interface PictureFlags {
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  readonly resize?: number | boolean | 'stretch';
  readonly bgr?: boolean;
  readonly range?: Ranges;
}

/** Of `--range`: what holds for all, and for single inputs and outputs. */
export interface Ranges {
  readonly all?: ValueRange;
  readonly named: Readonly<Record<string, ValueRange>>;
}

/** `0..255`, `image=-1..1` */
function rangeIn(text: string, before: Ranges | undefined): Ranges {
  const at = text.lastIndexOf('=');
  const [low, high, more] = text
    .slice(at + 1)
    .split('..')
    .map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (low === undefined || high === undefined || more !== undefined || !(low < high) || !Number.isFinite(high - low))
    throw new InvalidArgumentError('Write low..high, such as 0..255 or image=-1..1.');
  const range = { low, high };
  const { all, named = {} } = before ?? {};
  return at > 0 ? { ...(all && { all }), named: { ...named, [text.slice(0, at)]: range } } : { all: range, named };
}

const side = wholeNumber(1, 65536);

/** What the API takes for these flags. */
export function pictureOptions({ mean, std, resize, bgr, range }: PictureFlags): PictureOptions {
  return { mean, std, resize, bgr, range: range?.all, ranges: range?.named };
}

const numbers = (text: string): readonly number[] =>
  text.split(',').map((part) => {
    const n = Number(part);
    if (part.trim() === '' || !Number.isFinite(n))
      throw new InvalidArgumentError('Write numbers separated by commas, such as 0.485,0.456,0.406.');
    return n;
  });

/** How pictures become inputs, where the model does not declare it. */
export function withPictures(command: Command): Command {
  return command
    .option('--mean <a,b,c>', 'subtracted from pixels / 255, or from the range that the input declares', numbers)
    .option('--std <a,b,c>', 'divides after that', numbers)
    .option(
      '--resize [n]',
      'scales the shorter side to n (256/224 of the input without n) and cuts out the middle; stretch cuts nothing off',
      (text) => (text === 'stretch' ? text : side(text)),
    )
    .option(
      '--range <name=low..high>',
      'what pixels become, and pictures are written from: 0..255 (repeatable, name or none)',
      rangeIn,
    )
    .option('--bgr', 'gives the model blue, green and red, as OpenCV reads pictures');
}
