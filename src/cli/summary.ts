/** `rescc summary`: the tree of scopes with output shapes, parameters, multiply-adds, and what a run writes and holds. */
import type { Command } from 'commander';
import type { Sizes } from '../ir/evaluate.ts';
import type { Graph } from '../ir/graph.ts';
import { typeText } from '../ir/types.ts';
import { summarize } from '../summarize.ts';
import type { Scene } from '../view/figure/scene.ts';
import type { Summary, SummaryNode } from '../view/summary.ts';
import { summaryText } from '../view/summary-text.ts';
import { graphOf } from './any-model.ts';
import { memoryJson } from './figures.ts';
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
import { print, report, stopOnErrors, told } from './output.ts';
import { type PlotFlags, plotKind, pointsOf, withPlot, writePlot } from './plots.ts';
import { columns, screen } from './terminal.ts';

interface Flags extends ModelFlags, PassFlags, OutputFlags, PlotFlags {
  readonly depth?: number;
  readonly all?: boolean;
  readonly at?: Sizes;
}

export function addSummary(program: Command): void {
  const command = program
    .command('summary')
    .description('prints layers, shapes, parameters, multiply-adds and memory')
    .argument('<file>', 'a .res or .onnx file, or - for standard input')
    .option('--depth <n>', 'levels of scopes to list', wholeNumber(0, 1000))
    .option('--all', 'lists each of several blocks that are made alike')
    .option('--at <sizes>', 'counts at these sizes: N=1,H=224,W=224 (repeatable)', sizesIn);
  withPlot(command, 'cost', 'bars of what layers cost, symbols without --at at usual sizes');
  withOutput(withPasses(withModel(withShapes(command)))).action((file: string, flags: Flags) => run(file, flags));
}

async function run(file: string, flags: Flags): Promise<void> {
  const kind = plotKind(flags, 'cost');
  const result = await graphOf(file, flags);
  const { graph } = result;
  const diagnostics = told(result);
  stopOnErrors(flags, diagnostics);
  if (!graph) return;
  const { depth, at, opset } = flags;
  const tree = summarize(graph, { ...(depth !== undefined && { depth }), sizes: at, opset });
  if (!flags.json) {
    report(flags, diagnostics);
    if (!flags.quiet) print(summaryText(tree, { ...(screen(1).isTTY && { width: columns(screen(1)) }), all: flags.all }));
  }
  if (kind) await writePlot(await plotOf(graph, flags), kind, flags);
  if (flags.json) report(flags, diagnostics, { ok: true, output: flags.output, summary: wholeJson(tree) });
}

/** What bars show are numbers, so that every symbol gets a size, which the plot says. */
async function plotOf(graph: Graph, flags: Flags): Promise<Scene> {
  const { at, depth, opset } = flags;
  const { chosenSizes } = await import('../view/chosen-sizes.ts');
  const { costRows, costScene } = await import('../view/plot/costs.ts');
  return costScene(costRows(summarize(graph, { sizes: chosenSizes(graph, at), opset }), depth), pointsOf(flags));
}

function wholeJson(tree: Summary): Readonly<Record<string, unknown>> {
  const { activations, peakBytes } = memoryJson(tree);
  const { madds, ...memory } = tree.general;
  const general = { multiplyAdds: madds?.toString() ?? null, ...memoryJson(memory) };
  return { ...plain(tree), bytes: tree.bytes, activations, peakBytes, sizes: tree.sizes, general };
}

/** Numbers as numbers, and what hangs on symbols as text. */
function plain(node: SummaryNode): Readonly<Record<string, unknown>> {
  const { madds, activations } = node;
  return {
    path: node.path,
    operator: node.operator,
    details: node.details,
    output: node.output ? typeText(node.output) : undefined,
    parameters: node.parameters,
    buffers: node.buffers,
    multiplyAdds: madds?.constant ?? madds?.toString(),
    activations: activations?.constant ?? activations?.toString(),
    children: node.children.map(plain),
  };
}
