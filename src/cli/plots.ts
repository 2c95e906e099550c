/** `-o cost.svg` of the commands that count and measure: a plot of what they say, in the themes and files of `rescc graph`. */
import { extname } from 'node:path';
import { type Command, Option } from 'commander';
import { badOption } from '../diagnostics/catalogue/cli.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import type { Scene } from '../view/figure/scene.ts';
import { mm, type ThemeName } from '../view/figure/style.ts';
import type { PictureKind } from './drawing.ts';
import { writeWhole } from './files.ts';
import { type OutputFlags, wholeNumber } from './options.ts';
import { say } from './output.ts';

export interface PlotFlags {
  readonly output?: string;
  readonly theme?: ThemeName;
  readonly width?: number;
}

export const pictureKinds: readonly PictureKind[] = ['.svg', '.pdf', '.png'];
export const themeOption = (): Option =>
  new Option('--theme <name>', 'colours; an SVG without it follows the reader').choices(['light', 'dark']);

/** `name` is that of the file in examples, `what` says what the plot shows. */
export function withPlot(command: Command, name: string, what: string): Command {
  return command
    .option('-o, --output <file>', `${name}.svg, .pdf or .png: ${what}`)
    .addOption(themeOption())
    .option('--width <mm>', 'width of the plot; 174, that of the text of an A4 page, without it', plotWidth);
}
/** Narrower ones have no room for bars beside their names. */
export const plotWidth = wholeNumber(120, 1000);
/** In points. */
export const pointsOf = ({ width }: PlotFlags): number | undefined => (width === undefined ? undefined : width * mm);

/** Before anything is counted: the kind of file, undefined where no plot is asked for. */
export function plotKind({ output, theme, width }: PlotFlags, name: string): PictureKind | undefined {
  if (output === undefined) {
    const option = theme !== undefined ? '--theme' : '--width';
    if (theme !== undefined || width !== undefined) {
      const hint = `-o ${name}.svg ${option} ${theme ?? width}`;
      fail(badOption, { with: { option, found: `${option} without -o`, expected: 'a plot to be written, by -o', hint } });
    }
    return undefined;
  }
  const kind = pictureKinds.find((one) => one === extname(output));
  if (kind) return kind;
  const expected = 'a name ending in .svg, .pdf or .png';
  return fail(badOption, { with: { option: '-o', found: output, expected, hint: `-o ${name}.svg` } });
}

/** Writes the file and says so. */
export async function writePlot(scene: Scene, kind: PictureKind, flags: PlotFlags & OutputFlags): Promise<void> {
  const { output = '', theme } = flags;
  const { pictureOf } = await import('./drawing.ts');
  writeWhole(output, await pictureOf(scene, kind, theme));
  say(flags, `wrote ${output}`);
}
