/** Pictures of a graph as the files that commands write. */
import type { Graph } from '../ir/graph.ts';
import { type DrawOptions, drawingsOf } from '../view/draw.ts';
import { type PageOptions, pageOf, sceneOf } from '../view/figure/page.ts';
import type { Scene } from '../view/figure/scene.ts';
import type { ThemeName } from '../view/figure/style.ts';
import { toSvgText } from '../view/figure/svg.ts';

export interface PictureOptions extends DrawOptions, PageOptions {
  readonly theme?: ThemeName | undefined;
}

/** The network on a page. */
export async function sceneOfGraph(graph: Graph, options: PictureOptions): Promise<Scene> {
  return sceneOf(await pageOf(drawingsOf(graph, options), options));
}

export async function drawSvg(graph: Graph, options: PictureOptions = {}): Promise<string> {
  return toSvgText(await sceneOfGraph(graph, options), options.theme);
}
