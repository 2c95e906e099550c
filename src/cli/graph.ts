/**
 * `rescc graph -o net.svg|.pdf|.png|.dot|.mmd|.html`: draws the network, equal blocks once and shortcuts beside them, or writes a
 * page to look into.
 */
import { basename, extname } from 'node:path';
import type { Command } from 'commander';
import { badOption } from '../diagnostics/catalogue/cli.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import type { Sizes } from '../ir/evaluate.ts';
import type { Graph } from '../ir/graph.ts';
import { toDot, toMermaid } from '../view/draw.ts';
import type { ThemeName } from '../view/figure/style.ts';
import { graphOf, withGraph } from './any-model.ts';
import { type PictureOptions, pictureOf, sceneOfGraph } from './drawing.ts';
import { writeWhole } from './files.ts';
import {
  type ModelFlags,
  type OutputFlags,
  type PassFlags,
  sizesIn,
  wholeNumber,
  withModel,
  withOutput,
  withPasses,
  withShapes,
} from './options.ts';
import { outBytes, printText, report, say, stopOnErrors, told } from './output.ts';
import { pictureKinds, themeOption } from './plots.ts';

interface Flags extends ModelFlags, OutputFlags, PassFlags {
  readonly output?: string;
  readonly depth?: number;
  readonly theme?: ThemeName;
  readonly width?: number;
  readonly at?: Sizes;
}

const kinds = ['.svg', '.pdf', '.png', '.dot', '.mmd', '.html'] as const;
type Kind = (typeof kinds)[number];
/** Kinds that have a page: the others are laid out by who reads them. */
const pages: readonly Kind[] = pictureKinds;

export function addGraph(program: Command): void {
  const command = program
    .command('graph')
    .description('draws the network as .svg, .pdf, .png, .dot or .mmd, or as a page to look into (.html)')
    .argument('<file>', 'a .res or .onnx file, or - for standard input')
    .option('-o, --output <file>', 'net.svg, .pdf, .png, .dot, .mmd or .html; DOT to standard output without it')
    .option('--depth <n>', 'draws scopes as frames, those nested deeper as one box each', wholeNumber(0, 1000))
    .addOption(themeOption())
    .option('--width <mm>', 'width of the page that the picture is made for; 84 without it', wholeNumber(40, 1000))
    .option('--at <sizes>', 'costs of a page at these sizes: N=1,H=224,W=224 (repeatable)', sizesIn);
  withOutput(withPasses(withModel(withShapes(command)))).action(async (file: string, flags: Flags) => {
    const kind = kindOf(flags);
    if (kind === '.html') return page(file, flags, flags.output ?? '');
    const result = await graphOf(file, flags);
    const { graph } = result;
    const diagnostics = told(result);
    stopOnErrors(flags, diagnostics);
    if (!graph) return;
    const drawing = await drawn(graph, kind, flags);
    if (flags.output === undefined || flags.output === '-') {
      if (typeof drawing === 'string') return printText(flags, diagnostics, drawing);
      return outBytes(drawing);
    }
    writeWhole(flags.output, drawing);
    report(flags, diagnostics, { ok: true, output: flags.output });
    say(flags, `wrote ${flags.output}`);
  });
}

function kindOf({ output, theme, width }: Flags): Kind {
  const end = output === undefined || output === '-' ? '.dot' : extname(output);
  const kind = kinds.find((one) => one === end);
  if (!kind) {
    const expected = 'a name ending in .svg, .pdf, .png, .dot, .mmd or .html';
    return fail(badOption, { with: { option: '-o', found: output ?? '', expected, hint: '-o net.svg' } });
  }
  const option = theme !== undefined ? '--theme' : width !== undefined ? '--width' : undefined;
  if (option && !pages.includes(kind)) {
    const found = `${option} for ${kind}`;
    fail(badOption, { with: { option, found, expected: 'a picture with a page: .svg, .pdf or .png', hint: '-o net.svg' } });
  }
  return kind;
}

async function drawn(graph: Graph, kind: Exclude<Kind, '.html'>, { depth, theme, width }: Flags): Promise<string | Uint8Array> {
  const options: PictureOptions = { depth, theme, width };
  switch (kind) {
    case '.dot':
      return toDot(graph, { depth });
    case '.mmd':
      return toMermaid(graph, { depth });
    default:
      return await pictureOf(await sceneOfGraph(graph, options), kind, theme);
  }
}

/** One file that shows everything: `model-page.ts`. */
async function page(file: string, flags: Flags, output: string): Promise<void> {
  await withGraph(file, flags, async (result) => {
    const diagnostics = told(result);
    stopOnErrors(flags, diagnostics);
    if (!result.graph) return;
    const { modelPage } = await import('../model-page.ts');
    writeWhole(output, await modelPage(result.graph, { file: basename(file), sizes: flags.at }));
    report(flags, diagnostics, { ok: true, output });
    say(flags, `wrote ${output}`);
  });
}
