/** `-o cost.svg` of the commands that count and measure: a plot of what they say, in the themes and files of `rescc graph`. */
import { extname } from 'node:path';
import { type Command, Option } from 'commander';
import { badOption } from '../diagnostics/catalogue/cli.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import type { Scene } from '../view/figure/scene.ts';
import type { ThemeName } from '../view/figure/style.ts';
import type { PictureKind } from './drawing.ts';
import { writeWhole } from './files.ts';
import type { OutputFlags } from './options.ts';
import { say } from './output.ts';

export interface PlotFlags {
  readonly output?: string;
  readonly theme?: ThemeName;
}

export const pictureKinds: readonly PictureKind[] = ['.svg', '.pdf', '.png'];
export const themeOption = (): Option =>
  new Option('--theme <name>', 'colours; an SVG without it follows the reader').choices(['light', 'dark']);

/** `name` is that of the file in examples, `what` says what the plot shows. */
export function withPlot(command: Command, name: string, what: string): Command {
  return command.option('-o, --output <file>', `${name}.svg, .pdf or .png: ${what}`).addOption(themeOption());
}

/** Before anything is counted: the kind of file, undefined where no plot is asked for. */
export function plotKind({ output, theme }: PlotFlags, name: string): PictureKind | undefined {
  if (output === undefined) {
    if (theme !== undefined) {
      const hint = `-o ${name}.svg --theme ${theme}`;
      fail(badOption, {
        with: { option: '--theme', found: '--theme without -o', expected: 'a plot to be written, by -o', hint },
      });
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
