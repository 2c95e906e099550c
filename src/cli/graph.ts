/** `rescc graph -o net.svg|.dot|.mmd|.html`: draws the network, equal blocks once and shortcuts beside them, or writes a page. */
import { basename, extname } from 'node:path';
import type { Command } from 'commander';
import { badOption } from '../diagnostics/catalogue/cli.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import type { Sizes } from '../ir/evaluate.ts';
import { toDot, toMermaid } from '../view/draw.ts';
import { graphOf, withGraph } from './any-model.ts';
import { drawSvg } from './drawing.ts';
import { writeWhole } from './files.ts';
import {
  type ModelFlags,
  type OutputFlags,
  type PassFlags,
  wholeNumber,
  withModel,
  withOutput,
  withPasses,
  withShapes,
} from './options.ts';
import { printText, report, say, stopOnErrors, told } from './output.ts';
import { sizesIn } from './summary.ts';

interface Flags extends ModelFlags, OutputFlags, PassFlags {
  readonly output?: string;
  readonly depth?: number;
  readonly at?: Sizes;
}

export function addGraph(program: Command): void {
  const command = program
    .command('graph')
    .description('draws the network as .svg, .dot or .mmd, or as a page to look into (.html)')
    .argument('<file>', 'a .res or .onnx file, or - for a source')
    .option('-o, --output <file>', 'net.svg, net.dot, net.mmd or net.html; DOT to standard output without it')
    .option('--depth <n>', 'scopes as frames, those nested deeper as one box each', wholeNumber(0, 1000))
    .option('--at <sizes>', 'costs of a page at these sizes: N=1,H=224,W=224 (repeatable)', sizesIn);
  withOutput(withPasses(withModel(withShapes(command)))).action(async (file: string, flags: Flags) => {
    const kind = flags.output === undefined || flags.output === '-' ? '.dot' : extname(flags.output);
    if (!['.svg', '.dot', '.mmd', '.html'].includes(kind))
      fail(badOption, {
        with: {
          option: '-o',
          found: flags.output ?? '',
          expected: 'a name ending in .svg, .dot, .mmd or .html',
          hint: '-o net.svg',
        },
      });
    if (kind === '.html') return page(file, flags, flags.output ?? '');
    const result = await graphOf(file, flags);
    const { graph } = result;
    const diagnostics = told(result);
    stopOnErrors(flags, diagnostics);
    if (!graph) return;
    const { depth } = flags;
    const drawing =
      kind === '.mmd' ? toMermaid(graph, { depth }) : kind === '.svg' ? await drawSvg(graph, { depth }) : toDot(graph, { depth });
    if (flags.output === undefined || flags.output === '-') return printText(flags, diagnostics, drawing);
    writeWhole(flags.output, drawing);
    report(flags, diagnostics, { ok: true, output: flags.output });
    say(flags, `wrote ${flags.output}`);
  });
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
