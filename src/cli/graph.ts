/** `rescc graph -o net.svg|.dot|.mmd`: draws the network, equal blocks once and shortcuts beside them. */
import { extname } from 'node:path';
import type { Command } from 'commander';
import { badOption } from '../diagnostics/catalogue/cli.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { toDot, toMermaid } from '../view/draw.ts';
import { graphOf } from './any-model.ts';
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

interface Flags extends ModelFlags, OutputFlags, PassFlags {
  readonly output?: string;
  readonly depth?: number;
}

export function addGraph(program: Command): void {
  const command = program
    .command('graph')
    .description('draws the network as .svg, .dot or .mmd')
    .argument('<file>', 'a .res or .onnx file, or - for a source')
    .option('-o, --output <file>', 'net.svg, net.dot or net.mmd; DOT to standard output without it')
    .option('--depth <n>', 'scopes as frames, those nested deeper as one box each', wholeNumber(0, 1000));
  withOutput(withPasses(withModel(withShapes(command)))).action(async (file: string, flags: Flags) => {
    const kind = flags.output === undefined || flags.output === '-' ? '.dot' : extname(flags.output);
    if (!['.svg', '.dot', '.mmd'].includes(kind))
      fail(badOption, {
        with: { option: '-o', found: flags.output ?? '', expected: 'a name ending in .svg, .dot or .mmd', hint: '-o net.svg' },
      });
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
