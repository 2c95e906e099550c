/** Pictures of a graph as the files that commands write. */
import type { Graph } from '../ir/graph.ts';
import { type DrawOptions, drawingsOf } from '../view/draw.ts';
import { type PageOptions, pageOf, sceneOf } from '../view/figure/page.ts';
import { toPdf } from '../view/figure/pdf.ts';
import type { Scene } from '../view/figure/scene.ts';
import type { ThemeName } from '../view/figure/style.ts';
import { toSvgText } from '../view/figure/svg.ts';
import { toPng } from './png.ts';

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

export type PictureKind = '.svg' | '.pdf' | '.png';

/** What a file of that kind holds. Only an SVG can follow its reader's theme: the others are light where none is asked for. */
export async function pictureOf(scene: Scene, kind: PictureKind, theme: ThemeName | undefined): Promise<string | Uint8Array> {
  switch (kind) {
    case '.svg':
      return toSvgText(scene, theme);
    case '.pdf':
      return toPdf(scene, theme);
    case '.png':
      return await toPng(toSvgText(scene, theme ?? 'light'), scene.width);
  }
}
