/** `rescc verify -o error.svg`: the errors of single layers beside what outputs may be off, as a plot and as data. */
import { basename } from 'node:path';
import type { Graph } from '../ir/graph.ts';
import type { HostTensor } from '../ir/types.ts';
import { bindingsText } from '../runtime/inputs.ts';
import type { LayerErrors } from '../runtime/layer-errors.ts';
import type { Provider } from '../runtime/provider.ts';
import type { VerifyReport } from '../runtime/verify-report.ts';
import { constantOf } from '../tensor/constant-of.ts';
import type { Scene } from '../view/figure/scene.ts';
import type { ErrorBound, ErrorPlot } from '../view/plot/errors.ts';
import { isOnnx } from './any-model.ts';
import type { ModelFlags, PassFlags } from './options.ts';
import { type PlotFlags, pointsOf } from './plots.ts';
import { watcher } from './progress.ts';

interface Flags extends ModelFlags, PassFlags, PlotFlags {}

interface Asked {
  readonly graph: Graph;
  readonly file: string;
  readonly verified: VerifyReport;
  /** The first of those that were asked for. */
  readonly ep: Provider;
  readonly inputs: ReadonlyMap<string, HostTensor> | undefined;
}

/** Of the graph behind the passes. Throws RES0857 where it has no reference. */
export async function errorPlot(
  { graph, file, verified, ep, inputs }: Asked,
  flags: Flags,
): Promise<{ readonly scene: Scene; readonly json: Readonly<Record<string, unknown>> }> {
  const [{ layerErrors }, { errorScene }] = await Promise.all([
    import('../runtime/layer-errors.ts'),
    import('../view/plot/errors.ts'),
  ]);
  const { seed, opset, target } = flags;
  const found = await layerErrors(graph, { constants: constantOf, ep, inputs, seed, opset, target, onProgress: watcher() });
  const plot = errorPlotOf(found, verified, {
    title: `${isOnnx(file) ? basename(file) : graph.name}, -O${flags.O ?? 1}`,
    ep,
    given: inputs !== undefined,
  });
  const layers = plot.rows.map(({ label, error }) => ({ name: label, relative: Number.isFinite(error) ? error : String(error) }));
  return { scene: errorScene(plot, pointsOf(flags)), json: { output: flags.output, layers } };
}

/** The numbers behind the plot. */
export function errorPlotOf(
  { layers, bindings, limit }: Pick<LayerErrors, 'layers' | 'bindings' | 'limit'>,
  { runs, seed }: Pick<VerifyReport, 'runs' | 'seed'>,
  { title, ep, given }: { readonly title: string; readonly ep: Provider; readonly given: boolean },
): ErrorPlot {
  const at = bindings.size > 0 ? ` at ${bindingsText(bindings)}` : '';
  const what = given ? 'the inputs given' : `random inputs of seed ${seed}`;
  const bounds: ErrorBound[] = [{ text: 'most that an output may be off', value: limit }];
  const tightest = runs
    .flatMap(({ outputs }) => outputs.map(({ tolerance }) => tolerance))
    .reduce((least, tolerance) => (tolerance > 0 ? Math.min(least, tolerance) : least), limit);
  if (tightest < limit) bounds.push({ text: 'after passes, by the error before them', value: tightest });
  return {
    title,
    notes: [`${ep}, onnxruntime's optimiser off, ${what}${at}; against the reference in float64`],
    rows: layers.map(({ node: { op, origin }, relative }) => {
      const { scope } = origin;
      const last = scope.slice(scope.lastIndexOf('.') + 1);
      const label = scope === '' ? op.name : last.startsWith(op.name) ? scope : `${scope} (${op.name})`;
      return { label, group: scope.split('.')[0] ?? '', error: relative };
    }),
    bounds,
  };
}
