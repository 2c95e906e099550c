/** A model, or two beside each other, as one page of HTML that shows everything and asks nothing of the network. */
import { DiagnosticError } from './diagnostics/diagnostic.ts';
import type { Differences } from './diff.ts';
import type { Sizes } from './ir/evaluate.ts';
import type { ForeignAttribute } from './ir/foreign.ts';
import type { Graph, Node, Value } from './ir/graph.ts';
import type { Statistics } from './ir/statistics.ts';
import { elementCount } from './ir/types.ts';
import { walkGraph } from './ir/walk.ts';
import { statisticsOf } from './tensor/statistics.ts';
import { exprOf } from './tensor/values.ts';
import { version } from './version.ts';
import { chosenSizes } from './view/chosen-sizes.ts';
import { type MadeModel, pageModel } from './view/page/data.ts';
import { pageHtml } from './view/page/html.ts';
import type { PageDifference } from './view/page/model.ts';

export interface ModelPageOptions {
  /** How the page names the file. */
  readonly file?: string | undefined;
  /** Numbers for symbols, at which costs are counted. Others get usual ones, which the page says. */
  readonly sizes?: Sizes | undefined;
}

/** Tensors that get a histogram, the largest first: 400 bytes each, so that they take 0.4 MB at most. */
const mostTensors = 1000;
/** Elements that are read in all, and of one tensor where they are more. */
const [mostElements, mostOfOne] = [2 ** 27, 2 ** 20];
/** Random numbers that an initialiser draws look alike everywhere, and take longer than those of a file. */
const mostDrawn = 2 ** 16;

/**
 * One page for a graph: zoom, search, attributes, weights, costs. Reads the weights, whose file must still be open.
 *
 * @throws DiagnosticError RES0841 for sizes that are none of the graph's.
 */
export async function modelPage(graph: Graph, options: ModelPageOptions = {}): Promise<string> {
  const { model } = await madeModel(graph, options);
  return pageHtml({ version, models: [model] }, await assets());
}

/** One page for two graphs, with what `diffGraphs` found of them. */
export async function diffPage(
  graphs: readonly [Graph, Graph],
  files: readonly [string, string],
  differences: Differences,
): Promise<string> {
  const a = await madeModel(graphs[0], { file: files[0] });
  const b = await madeModel(graphs[1], { file: files[1] });
  const at = (made: MadeModel, node: Node | undefined): number | null => (node && made.places.get(node)) ?? null;
  const pairs = differences.matched.flatMap(([x, y]): readonly (readonly [number, number])[] => {
    const [p, q] = [at(a, x), at(b, y)];
    return p === null || q === null ? [] : [[p, q]];
  });
  const ports = (side: 'inputs' | 'outputs'): readonly (readonly [number, number])[] =>
    a[side].flatMap((p, i) => (b[side][i] === undefined ? [] : [[p, b[side][i] ?? 0]]));
  const said = differences.marks.map(
    ({ kind, text, nodes: [x, y] }): PageDifference => ({ kind, text, nodes: [at(a, x), at(b, y)] }),
  );
  return pageHtml(
    { version, models: [a.model, b.model], differences: said, pairs: [...ports('inputs'), ...pairs, ...ports('outputs')] },
    await assets(),
  );
}

async function madeModel(graph: Graph, { file = '', sizes }: ModelPageOptions): Promise<MadeModel> {
  const statistics = await allStatistics(graph);
  return pageModel(graph, { file, sizes: chosenSizes(graph, sizes), statistics, attributeText });
}

/** Of the largest tensors; of a model with very many weights some elements of each. */
async function allStatistics(graph: Graph): Promise<ReadonlyMap<Value, Statistics>> {
  const constants = new Set<Value>();
  for (const step of walkGraph(graph)) {
    if (step.kind !== 'node') continue;
    for (const use of step.node.slots) if (use?.value.isConstant) constants.add(use.value);
  }
  const countIn = (value: Value): number => (value.content ? elementCount(value.content.dims) : 0);
  const largest = [...constants].sort((a, b) => countIn(b) - countIn(a)).slice(0, mostTensors);
  const total = largest.reduce((sum, value) => sum + countIn(value), 0);
  const out = new Map<Value, Statistics>();
  for (const value of largest) {
    if (value.type.foreign || countIn(value) === 0) continue;
    try {
      const expr = exprOf(value);
      const most = expr.kind === 'initial' ? mostDrawn : total <= mostElements ? Number.POSITIVE_INFINITY : mostOfOne;
      const found = await statisticsOf(expr, most);
      const digits = (x: number): number => Number(x.toPrecision(6));
      out.set(value, {
        ...found,
        least: digits(found.least),
        most: digits(found.most),
        mean: digits(found.mean),
        deviation: digits(found.deviation),
      });
    } catch (error) {
      // Integers beyond 2^53 have no figures here.
      if (!(error instanceof DiagnosticError)) throw error;
    }
  }
  return out;
}

/** Longer lists are cut. */
const longestText = 200;

function attributeText(attribute: ForeignAttribute): string {
  if (attribute.kind === 'graphs')
    return attribute.regions.length === 1 ? 'a sub-graph' : `${attribute.regions.length} sub-graphs`;
  const { attribute: carried } = attribute;
  const value: unknown = carried && 'value' in carried ? carried.value : undefined;
  if (['string', 'int', 'float'].includes(carried?.kind ?? '')) return String(value).slice(0, longestText);
  if (Array.isArray(value) && ['strings', 'ints', 'floats'].includes(carried?.kind ?? ''))
    return `[${value.map(String).join(', ').slice(0, longestText)}]`;
  return carried?.kind ?? 'bytes';
}

/** Loaded with the first page. */
const assets = async (): Promise<{ readonly script: string; readonly style: string }> => await import('./view/page/asset.ts');
