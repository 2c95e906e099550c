/** Writes the pictures of README and docs/figures.md into docs/figures/: what the calls that stand there write. */
import { readFileSync } from 'node:fs';
import { build } from '../src/check.ts';
import type { Graph } from '../src/ir/graph.ts';
import { summarize } from '../src/summarize.ts';
import { chosenSizes } from '../src/view/chosen-sizes.ts';
import { drawingsOf } from '../src/view/draw.ts';
import { pageOf, sceneOf } from '../src/view/figure/page.ts';
import { toSvgText } from '../src/view/figure/svg.ts';
import { costRows, costScene } from '../src/view/plot/costs.ts';
import { isProgram, writeOrCompare } from './generated.ts';

const root = new URL('../', import.meta.url);

function graphOf(file: string, model: string): Graph {
  const { graph, diagnostics } = build(readFileSync(new URL(`examples/${file}`, root), 'utf8'), { fileName: file, model });
  if (!graph) throw new Error(JSON.stringify(diagnostics));
  return graph;
}

const figure = async (graph: Graph): Promise<string> => toSvgText(sceneOf(await pageOf(drawingsOf(graph))));

/** By the name of the file. What is measured is not among them: it is another on every machine. */
export const figures: Readonly<Record<string, () => Promise<string>>> = {
  'unet.svg': () => figure(graphOf('unet.res', 'UNet')),
  'resnet50.svg': () => figure(graphOf('resnet.res', 'ResNet50')),
  'resnet50-cost.svg': async () => {
    const graph = graphOf('resnet.res', 'ResNet50');
    return toSvgText(costScene(costRows(summarize(graph, { sizes: chosenSizes(graph) }))));
  },
};

if (isProgram(import.meta.url)) {
  for (const [name, draw] of Object.entries(figures)) {
    const text = await draw();
    writeOrCompare(`docs/figures/${name}`, text, `${text.length} characters`);
  }
}
