/** `rescc bench model --ep cpu,webgpu [--against other]`: how long models take, where the time goes, and limits for CI. */
import { basename } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { overLimit } from '../diagnostics/catalogue/cli.ts';
import { aligned, cellsOf, padEnd } from '../diagnostics/cells.ts';
import { type Diagnostic, makeDiagnostic } from '../diagnostics/diagnostic.ts';
import { standardInput } from '../diagnostics/source.ts';
import { graphOfFile } from '../edit/values.ts';
import type { Sizes } from '../ir/evaluate.ts';
import type { Graph } from '../ir/graph.ts';
import { type BenchModel, type BenchOptions, compareLatency, type Estimate, type Latency, layerTimes } from '../runtime/bench.ts';
import { bindingsText, randomInputs, smallestBindings } from '../runtime/inputs.ts';
import { type Provider, providers } from '../runtime/provider.ts';
import { summarize } from '../summarize.ts';
import { bytesText, metric } from '../view/count-text.ts';
import type { LatencyPlot } from '../view/plot/latency.ts';
import type { Summary, SummaryNode } from '../view/summary.ts';
import { type OpenedModel, openOnnxFiles } from './any-model.ts';
import {
  collect,
  type ModelFlags,
  type OutputFlags,
  type PassFlags,
  sizesIn,
  type WeightFlags,
  wholeNumber,
  withModel,
  withOutput,
  withPasses,
  withWeights,
} from './options.ts';
import { Exit, exitCodes, print, report, say } from './output.ts';
import { type PlotFlags, plotKind, pointsOf, withPlot, writePlot } from './plots.ts';
import { stepsOf } from './progress.ts';
import { checkNames, sizesFor } from './size-names.ts';
import { providersFor } from './verify-options.ts';

interface Flags extends ModelFlags, WeightFlags, PassFlags, OutputFlags, PlotFlags {
  readonly ep: string;
  readonly against?: readonly string[];
  readonly at?: Sizes;
  readonly runs: number;
  readonly warmup: number;
  readonly threads?: number;
  readonly layers: number;
  readonly maxMadds?: number;
  readonly maxMemory?: number;
  readonly maxLatency?: number;
}

const counts: Readonly<Record<string, number>> = { '': 1, k: 1e3, K: 1e3, M: 1e6, G: 1e9, T: 1e12 };
const byteUnits: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};
const seconds: Readonly<Record<string, number>> = { '': 1, ms: 1, s: 1000, us: 1e-3, µs: 1e-3 };

/** A number with a unit of the table, `4.1G`. */
function amount(units: Readonly<Record<string, number>>, example: string): (text: string) => number {
  return (text) => {
    const match = /^(\d+(?:\.\d+)?(?:e\d+)?)\s*(\D*)$/i.exec(text.trim());
    const unit = match && Object.hasOwn(units, match[2] ?? '') ? units[match[2] ?? ''] : undefined;
    if (unit === undefined) throw new InvalidArgumentError(`Write a number such as ${example}.`);
    return Number(match?.[1]) * unit;
  };
}

export function addBench(program: Command): void {
  const command = program
    .command('bench')
    .description('measures how long models take, and holds limits')
    .argument('<files...>', '.res or .onnx files, or - for standard input')
    .option('--ep <list>', `execution providers: a list of ${providers.join(', ')}, or auto`, 'cpu')
    .option('--against <file>', 'another model, run in turn with the first (repeatable)', collect)
    .option('--at <sizes>', 'sizes to run at: N=8,H=224 (repeatable); the smallest without', sizesIn)
    .option('--runs <n>', 'measured runs of every model', wholeNumber(1, 100_000), 31)
    .option('--warmup <n>', 'runs before these', wholeNumber(0, 100_000), 3)
    .option('--threads <n>', 'threads within an operator', wholeNumber(1, 1024))
    .option('--layers <n>', 'lists the n layers that take longest', wholeNumber(0, 1000), 8)
    .option('--max-madds <n>', 'ends with 1 beyond so many multiply-adds: 4.1G', amount(counts, '4.1G'))
    .option('--max-memory <bytes>', 'and beyond this peak of activations: 64MB', amount(byteUnits, '64MB'))
    .option('--max-latency <time>', 'and where the median surely takes longer: 20ms', amount(seconds, '20ms'));
  withPlot(command, 'latency', 'latency against multiply-adds, of several models or of the layers of one');
  withOutput(withPasses(withWeights(withModel(command)))).action((files: readonly string[], flags: Flags) => run(files, flags));
}

interface Subject extends OpenedModel {
  readonly graph: Graph;
  readonly bindings: ReadonlyMap<string, number>;
  readonly summary: Summary;
}

function subjectOf(opened: OpenedModel, at: Sizes | undefined): Subject {
  const graph = graphOfFile(opened.model);
  const { smallest } = smallestBindings(graph, sizesFor(graph, at));
  const summary = summarize(graph, { sizes: Object.fromEntries(smallest) });
  return { ...opened, graph, bindings: smallest, summary };
}

interface Measurement {
  readonly ep: Provider;
  readonly latencies: readonly Latency[];
  readonly layers: readonly LayerRow[];
}

interface LayerRow {
  readonly name: string;
  readonly operator: string;
  readonly ms: number;
  readonly share: number;
  /** Of the layer of the network that the kernel is named after. */
  readonly madds: number | undefined;
  /** Of one run. */
  readonly median: Estimate;
}

async function run(files: readonly string[], flags: Flags): Promise<void> {
  const kind = plotKind(flags, 'latency');
  const { eps, absent, warnings } = await providersFor(flags.ep);
  const opened = await openOnnxFiles([...files, ...(flags.against ?? [])], flags);
  try {
    const subjects = opened.map((one) => subjectOf(one, flags.at));
    checkNames(
      subjects.map(({ graph }) => graph),
      flags.at,
    );
    const models = subjects.map(
      ({ name, original, graph, bindings }): BenchModel => ({
        name,
        bytes: original,
        optimization: 'all',
        inputs: randomInputs(graph, bindings, flags.seed ?? 0),
      }),
    );
    const measured: Measurement[] = [];
    for (const ep of eps) {
      const { runs, warmup, threads } = flags;
      const bar = stepsOf(ep);
      const latencies = await compareLatency(models, new Map(), { ep, runs, warmup, threads, progress: bar?.step }).finally(() =>
        bar?.stop(),
      );
      const [first] = models;
      const [subject] = subjects;
      const layers =
        first && subject && (flags.layers > 0 || kind)
          ? await layersOf(first, subject, { ep, threads, progress: bar?.step }).finally(() => bar?.stop())
          : [];
      measured.push({ ep, latencies, layers });
    }
    const over = overLimits(subjects, measured, flags);
    const diagnostics = [...warnings, ...over];
    if (!flags.json) {
      for (const line of absent) say(flags, line);
      if (!flags.quiet) print(table(subjects, measured, flags).join('\n'));
      report(flags, diagnostics);
    }
    if (kind) {
      const { latencyScene } = await import('../view/plot/latency.ts');
      await writePlot(latencyScene(latencyPlotOf(subjects, measured, flags), pointsOf(flags)), kind, flags);
    }
    if (flags.json)
      report(flags, diagnostics, { ok: over.length === 0, output: flags.output, ...asData(subjects, measured, flags) });
    if (over.length > 0) throw new Exit(exitCodes.failed);
  } finally {
    for (const { close } of opened) close();
  }
}

/** Kernels of the first model by time. onnxruntime names what it fuses after one of the nodes that it made it of. */
async function layersOf(
  model: BenchModel,
  { summary, model: file }: Subject,
  options: Pick<BenchOptions, 'ep' | 'threads' | 'progress'>,
): Promise<readonly LayerRow[]> {
  const madds = new Map<string, number>();
  const visit = (node: SummaryNode): void => {
    if (node.children.length === 0 && node.madds?.constant !== undefined)
      madds.set(node.path, (madds.get(node.path) ?? 0) + node.madds.constant);
    for (const child of node.children) visit(child);
  };
  visit(summary);
  const maddsOf = (name: string): number | undefined => {
    for (let at = name; at !== ''; ) {
      const found = madds.get(at);
      if (found !== undefined) return found;
      const cut = Math.max(at.lastIndexOf('_'), at.lastIndexOf('/'), at.lastIndexOf('-'));
      at = cut > 0 ? at.slice(0, cut) : '';
    }
    return undefined;
  };
  const named = new Map(file.graph.nodes.map((node) => [node.name, node]));
  const makers = new Map(file.graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  /** A fused kernel may have the name of the last of its nodes: the work is that of one shortly before. */
  const fusedMadds = (name: string, op: string): number | undefined => {
    const own = maddsOf(name);
    if (own || !/Conv|Gemm|MatMul/.test(op)) return own;
    let list = [name, name.replace(/_nchwc$/, '')].flatMap((one) => named.get(one) ?? []);
    for (let steps = 0; steps < 3 && list.length > 0; steps++) {
      list = list.flatMap((node) => node.inputs.flatMap((one) => makers.get(one) ?? []));
      const found = list.map((node) => madds.get(node.name)).find((n) => n !== undefined && n > 0);
      if (found !== undefined) return found;
    }
    return own;
  };
  const times = await layerTimes(model, options);
  const total = times.reduce((sum, { ms }) => sum + ms, 0);
  return times
    .map(({ name, op, ms, median }) => ({
      name,
      operator: op,
      ms,
      share: total > 0 ? ms / total : 0,
      madds: fusedMadds(name, op) || undefined,
      median,
    }))
    .sort((a, b) => b.ms - a.ms);
}

/** A file has its name from who made it, a model of a source its own. */
const plotName = ({ name, summary }: Pick<Subject, 'name' | 'summary'>): string =>
  name.endsWith('.res') ? summary.name : basename(name);

/** The numbers behind the plot: models beside each other, or the layers of the only one. */
export function latencyPlotOf(
  subjects: readonly Pick<Subject, 'name' | 'bindings' | 'summary'>[],
  measured: readonly Measurement[],
  { runs, threads }: Pick<Flags, 'runs' | 'threads'>,
): LatencyPlot {
  const [first] = subjects;
  const isAlone = subjects.length === 1;
  const sizes = new Map(subjects.flatMap(({ bindings }) => [...bindings]));
  const at = sizes.size > 0 ? [`at ${bindingsText(sizes)}`] : [];
  const counted = isAlone ? 'each of its kernels in 10 runs' : `${runs} runs of each model in turn`;
  const on = threads === undefined ? [] : [`${threads} ${threads === 1 ? 'thread' : 'threads'}`];
  const providersOf = measured.map(({ ep }) => ep).join(', ');
  return {
    title: isAlone ? `layers of ${first === undefined ? '' : plotName(first)}` : `${subjects.length} models`,
    notes: [[providersOf, ...on, `medians of ${counted}, with their 95 % intervals`, ...at].join('; ')],
    series: measured.map(({ ep, latencies, layers }) => ({
      name: ep,
      rows: isAlone
        ? layers.map(({ name, operator, madds = 0, median }) => ({ label: name === '' ? operator : name, madds, ...median }))
        : latencies.flatMap(({ median }, i) => {
            const subject = subjects[i];
            return subject ? [{ label: plotName(subject), madds: subject.summary.madds?.constant, ...median }] : [];
          }),
    })),
  };
}

function overLimits(subjects: readonly Subject[], measured: readonly Measurement[], flags: Flags): readonly Diagnostic[] {
  const [subject] = subjects;
  if (!subject) return [];
  const { summary, name, bindings } = subject;
  const at = bindings.size > 0 ? ` at ${bindingsText(bindings)}` : '';
  const typed = [name === standardInput ? '-' : name, ...(flags.model === undefined ? [] : ['--model', flags.model])].join(' ');
  const out: Diagnostic[] = [];
  const limit = (what: string, option: string, found: string, most: string, hint: string): void => {
    out.push(
      makeDiagnostic(overLimit, {
        with: { what, model: name, found: `${found}${at}`, expected: `at most ${most}, by ${option}`, hint },
      }),
    );
  };
  const madds = summary.madds?.constant;
  if (flags.maxMadds !== undefined && (madds === undefined || madds > flags.maxMadds))
    limit(
      'the work',
      '--max-madds',
      madds === undefined ? 'a number beyond 2^53' : `${metric(madds)} multiply-adds`,
      metric(flags.maxMadds),
      `rescc summary ${typed} shows where they are`,
    );
  const peak = summary.peak?.constant;
  if (flags.maxMemory !== undefined && (peak === undefined || peak > flags.maxMemory))
    limit(
      'the memory',
      '--max-memory',
      peak === undefined ? 'a number that hangs on what only a run knows' : `${bytesText(peak)} of activations at once`,
      bytesText(flags.maxMemory),
      `rescc summary ${typed} shows what is held`,
    );
  for (const { ep, latencies } of measured) {
    const [latency] = latencies;
    if (flags.maxLatency !== undefined && latency && latency.median.low > flags.maxLatency)
      limit(
        'the latency',
        '--max-latency',
        `a median of ${estimateText(latency.median)} on ${ep}`,
        timeText(flags.maxLatency),
        name.endsWith('.res') ? '-O2, or --target for this machine' : `rescc optimize ${typed} -o faster.onnx`,
      );
  }
  return out;
}

const timeText = (ms: number): string =>
  ms >= 1000 ? `${(ms / 1000).toPrecision(3)} s` : ms >= 100 ? `${ms.toFixed(0)} ms` : `${ms.toPrecision(3)} ms`;
const estimateText = ({ value, low, high }: Estimate): string => `${timeText(value)} (${timeText(low)} to ${timeText(high)})`;

function table(subjects: readonly Subject[], measured: readonly Measurement[], flags: Flags): readonly string[] {
  const lines: string[] = [];
  for (const { name, summary, bindings } of subjects) {
    const at = bindings.size > 0 ? ` at ${bindingsText(bindings)}` : '';
    const madds = summary.madds?.constant;
    lines.push(
      `${name}${at}: ${madds === undefined ? '?' : metric(madds)} multiply-adds, ${summary.peak?.constant === undefined ? '?' : bytesText(summary.peak.constant)} of activations at once`,
    );
  }
  for (const { ep, latencies, layers } of measured) {
    const [first] = latencies;
    lines.push('', `${ep}: medians of ${flags.runs} runs in turn, with their 95 % intervals by order statistics`);
    const width = Math.max(...latencies.map(({ name }) => cellsOf(name)));
    for (const latency of latencies) {
      const ratio =
        latency !== first && latency.ratio
          ? `, ${latency.ratio.value.toFixed(2)} × (${latency.ratio.low.toFixed(2)} to ${latency.ratio.high.toFixed(2)}) of the first`
          : '';
      lines.push(
        `  ${padEnd(latency.name, width)}  ${estimateText(latency.median)}, session ${timeText(latency.createMs)}${ratio}`,
      );
    }
    const shown = layers.slice(0, flags.layers);
    if (shown.length === 0) continue;
    const cells = shown.map(({ name, operator, ms, share, madds }) => [
      name,
      operator,
      timeText(ms),
      `${(100 * share).toFixed(0)} %`,
      madds === undefined ? '' : metric(madds),
    ]);
    const head = ['layer', 'operator', 'time', 'share', 'madds'];
    lines.push(...aligned([head, ...cells], { right: (column) => column >= 2 }).map((row) => `  ${row}`));
    if (layers.length > shown.length) lines.push(`  and ${layers.length - shown.length} more, by --layers`);
  }
  return lines;
}

function asData(
  subjects: readonly Subject[],
  measured: readonly Measurement[],
  { runs }: Flags,
): Readonly<Record<string, unknown>> {
  return {
    runs,
    models: subjects.map(({ name, bindings, summary }) => ({
      name,
      sizes: Object.fromEntries(bindings),
      multiplyAdds: summary.madds?.constant ?? null,
      peakBytes: summary.peak?.constant ?? null,
    })),
    providers: measured.map(({ ep, latencies, layers }) => ({
      ep,
      models: latencies.map(({ name, createMs, median, fastestMs, ratio }) => ({
        name,
        createMs,
        median,
        fastestMs,
        ...(ratio && { ratio }),
      })),
      layers,
    })),
  };
}
