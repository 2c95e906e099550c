/** Graph text in, passes, and numbers: what the tests of this room share. */

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect } from 'vitest';
import { Sink } from '../../src/diagnostics/diagnostic.ts';
import type { Graph, Value } from '../../src/ir/graph.ts';
import { printGraph } from '../../src/ir/print.ts';
import { readGraph } from '../../src/ir/read.ts';
import { roundTo } from '../../src/ir/round.ts';
import { type ElemType, elementCount, type HostTensor } from '../../src/ir/types.ts';
import { verifyGraph } from '../../src/ir/verifier.ts';
import { giveRegistry } from '../../src/ops/at-once.ts';
import { evaluateGraph } from '../../src/ops/reference.ts';
import { operatorByName } from '../../src/ops/registry.ts';
import { type PassReport, type PipelineOptions, runPasses } from '../../src/passes/pipeline.ts';
import type { WeightExpr } from '../../src/tensor/expr.ts';
import { exprOf, materializeSync } from '../../src/tensor/values.ts';
import { goldenFolder } from '../golden.ts';
import { buildExpr, initial, literal, session } from '../support/tensors.ts';

/** Numbers in [0, 1) from a seed: mulberry32. */
export function randomSource(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** Uniform in [-1, 1), or in [0.5, 1.5) for what must be positive; the same for the same name. */
export function randomTensor(name: string, dims: readonly number[], elem: ElemType, positive = false): HostTensor {
  const random = randomSource(hashOf(name));
  const data = Float64Array.from({ length: elementCount(dims) }, () => (positive ? 0.5 + random() : 2 * random() - 1));
  roundTo(elem, data);
  return { elem, dims, data };
}

type Leaf = (path: string, dims: readonly number[], elem: ElemType) => WeightExpr;

/** Parameters as the text form prints them. */
const named: Leaf = (path, dims, elem) =>
  path.endsWith('running_var')
    ? initial(path, dims, elem, { init: true, kind: 'ones' }, 1)
    : initial(path, dims, elem, { init: true, kind: 'normal', value: 0.5 }, 1);

/** Parameters with random numbers in them; every f32 is an f64. */
const numbers: Leaf = (path, dims, elem) =>
  literal(randomTensor(path, dims, elem === 'f32' ? 'f64' : elem, path.endsWith('running_var')));

export function readText(text: string, leaf: Leaf = named): Graph {
  giveRegistry();
  const sink = new Sink();
  const graph = readGraph({ name: 'case.ir', text }, { operator: operatorByName, leaf, call: buildExpr }, sink);
  if (!graph)
    throw new Error(`${sink.list.map((d) => `${d.code} ${d.title} ${d.found ?? ''} ${d.expected ?? ''}`).join('\n')}\n${text}`);
  // Also a graph without constants, so that a hash in its text is found.
  graph.session = session;
  expect(verifyGraph(graph)).toEqual([]);
  return graph;
}

/** The same graph in float64 with random parameters. */
export function readNumbers(text: string): Graph {
  const wide = text.replaceAll('f32', 'f64').replaceAll(/(#[\w.]*\[[^\]]*\])(?!:[fi])/g, '$1:f64');
  // The element type of `full` stands among its attributes where it is not the default one.
  return readText(wide.replaceAll(/full\(\) \{(?=.*: f64\[)/g, 'full() {elem=f64, '), numbers);
}

/** The same graph in float32 with random parameters. */
export function readNarrow(text: string): Graph {
  return readText(text, (path, dims, elem) => literal(randomTensor(path, dims, elem, path.endsWith('running_var'))));
}

export interface Case {
  readonly title: string;
  readonly options: PipelineOptions;
  readonly input: string;
}

/** Cases of a golden file; a line `// key=value …` below the title gives options. */
export function readCases(pass: string): readonly Case[] {
  const text = readFileSync(resolve(goldenFolder, `passes/${pass}.ir`), 'utf8');
  return text
    .split(/^\/\/ -- /m)
    .slice(1)
    .map((part) => {
      const [head = ''] = part.split(/^\/\/ =>/m);
      const [title = '', ...lines] = head.split('\n');
      const [first = ''] = lines;
      const options: Record<string, unknown> = pass === 'pipeline' ? {} : { passes: [pass] };
      if (first.startsWith('// ')) {
        lines.shift();
        for (const [, key, value] of first.matchAll(/(\w+)=(\S+)/g)) {
          if (key === 'level') options.level = Number(value);
          else if (key === 'opset') options.opset = Number(value);
          else if (key === 'target') options.target = value;
          else if (key === 'passes') options.passes = value?.split(',');
          else throw new Error(`option ${key}`);
        }
      }
      return { title, options: options as PipelineOptions, input: lines.join('\n').trim() };
    });
}

export function soundness(graph: Graph): void {
  const problems = verifyGraph(graph);
  if (problems.length > 0) throw new Error(`${problems.join('\n')}\n${printGraph(graph)}`);
}

/** Optimises with every check on: soundness after every pass, a lower measure at every firing. */
export function run(graph: Graph, options: PipelineOptions): PassReport {
  return runPasses(graph, { ...options, check: soundness, assertLowers: true });
}

function refusals(report: PassReport): readonly string[] {
  return [...new Set(report.passes.flatMap((pass) => pass.refused.map((one) => `${one.rule}: ${one.condition}`)))];
}

function removals(report: PassReport): string {
  return report.removedShortcuts.map((one) => `// removed the ${one.removed} of @${one.scope}: ${one.why}\n`).join('');
}

/** A case as its golden file holds it: the graph, and what became of it or what kept it. `more` is not written down. */
export function completed(pass: string, one: Case, more: Pick<PipelineOptions, 'ruleFor' | 'fuel'> = {}): string {
  const graph = readText(one.input);
  const before = printGraph(graph);
  const report = run(graph, { ...one.options, ...more });
  const after = printGraph(graph);
  const { level, target, opset } = one.options;
  const options = [
    level === undefined ? '' : `level=${level}`,
    target === undefined ? '' : `target=${target}`,
    opset === undefined ? '' : `opset=${opset}`,
    ...(pass === 'pipeline' && one.options.passes ? [`passes=${one.options.passes.join(',')}`] : []),
  ];
  const said = options.filter((text) => text !== '');
  const head = `// -- ${one.title}\n${said.length > 0 ? `// ${said.join(' ')}\n` : ''}${before}`;
  const refused = refusals(report);
  if (after === before) return `${head}// =>${refused.length > 0 ? ` refused: ${refused.join(', ')}` : ' unchanged'}\n`;
  return `${head}// =>\n${removals(report)}${after}`;
}

export function constantOf(value: Value): HostTensor {
  const tensor = materializeSync(exprOf(value)) ?? expect.unreachable('a constant without content');
  const data = Float64Array.from(tensor.data);
  roundTo(tensor.elem, data);
  return { ...tensor, data };
}

/** Random inputs; every symbol has the value that `sizes` gives it. */
export function inputsOf(graph: Graph, sizes: (symbol: string) => number, seed: string): Map<string, HostTensor> {
  const out = new Map<string, HostTensor>();
  for (const value of graph.inputs) {
    const dims = value.type.dims.map(
      (d) => d.evaluate(new Map([...d.promises()].map(([s, { multiple }]) => [s, sizes(s) * multiple]))) ?? 1,
    );
    const { elem } = value.type;
    const tensor = randomTensor(`${seed}:${value.name}`, dims, elem);
    if (elem === 'i64' || elem === 'i32')
      for (let i = 0; i < tensor.data.length; i++) tensor.data[i] = Math.floor(Math.abs(tensor.data[i] ?? 0) * 2);
    out.set(value.name ?? '', tensor);
  }
  return out;
}

export function evaluate(
  graph: Graph,
  inputs: ReadonlyMap<string, HostTensor>,
  override?: ReadonlyMap<Value, HostTensor>,
): Map<string, HostTensor> {
  const cache = new Map<Value, HostTensor>();
  return evaluateGraph(graph, inputs, (value) => {
    const known = override?.get(value) ?? cache.get(value);
    if (known) return known;
    const made = constantOf(value);
    cache.set(value, made);
    return made;
  });
}

/** max|a − b| / max|a| over all outputs. */
export function errorBetween(a: ReadonlyMap<string, HostTensor>, b: ReadonlyMap<string, HostTensor>): number {
  let worst = 0;
  expect([...b.keys()]).toEqual([...a.keys()]);
  for (const [name, x] of a) {
    const y = b.get(name);
    expect(y?.dims).toEqual(x.dims);
    expect(y?.elem).toEqual(x.elem);
    let scale = 0;
    let difference = 0;
    for (let i = 0; i < x.data.length; i++) {
      scale = Math.max(scale, Math.abs(x.data[i] ?? 0));
      const d = Math.abs((x.data[i] ?? 0) - (y?.data[i] ?? 0));
      difference = Number.isNaN(d) ? Infinity : Math.max(difference, d);
    }
    worst = Math.max(worst, difference / (scale || 1));
  }
  return worst;
}
