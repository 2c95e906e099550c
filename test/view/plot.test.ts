/**
 * Plots on coordinates: no text is cut or lies over another, every letter is 7 pt, and the page holds it; and the numbers behind.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { build } from '../../src/check.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { summarize } from '../../src/summarize.ts';
import { chosenSizes } from '../../src/view/chosen-sizes.ts';
import { readFonts, textWidth } from '../../src/view/figure/font.ts';
import type { Scene } from '../../src/view/figure/scene.ts';
import { mm, size } from '../../src/view/figure/style.ts';
import { toSvgText } from '../../src/view/figure/svg.ts';
import { type CostPlot, costRows, costScene } from '../../src/view/plot/costs.ts';
import { type ErrorPlot, errorScene } from '../../src/view/plot/errors.ts';
import { type LatencyPlot, latencyScene } from '../../src/view/plot/latency.ts';
import { pathScene } from '../../src/view/plot/path.ts';
import { countTick, Pen, powersBetween, roundTicks, ticksBetween, tickText } from '../../src/view/plot/pen.ts';
import { tinyResnet } from '../codegen/models.ts';
import { golden } from '../golden.ts';

const fonts = readFonts();

interface Box {
  readonly text: string;
  readonly left: number;
  readonly right: number;
  readonly base: number;
}

const boxesOf = ({ shapes }: Scene): readonly Box[] =>
  shapes.flatMap((shape): readonly Box[] => {
    if (shape.kind !== 'text') return [];
    const width = textWidth(fonts[shape.weight], shape.text, size.font);
    const left = shape.anchor === 'middle' ? shape.at.x - width / 2 : shape.at.x;
    return [{ text: shape.text, left, right: left + width, base: shape.at.y }];
  });

/**
 * Texts beyond the page or over each other, and bars under a text. Letters are at most 5.3 pt above their base, 1.5 pt below it.
 */
function faultsOf(scene: Scene): readonly string[] {
  const faults: string[] = [];
  const boxes = boxesOf(scene);
  boxes.forEach((a, i) => {
    if (a.left < 0 || a.right > scene.width || a.base < 5.3 || a.base + 1.5 > scene.height) faults.push(`${a.text} is cut`);
    if (a.text !== a.text.trim()) faults.push(`"${a.text}" has blanks at its ends`);
    for (const b of boxes.slice(i + 1))
      if (a.left < b.right && b.left < a.right && Math.abs(a.base - b.base) < 6.8) faults.push(`${a.text} lies over ${b.text}`);
  });
  for (const shape of scene.shapes) {
    if (shape.kind !== 'rect') continue;
    const { x, y, width, height } = shape.area;
    for (const { text, left, right, base } of boxes)
      if (left < x + width && x < right && base > y && base - 5.3 < y + height) faults.push(`a bar lies under ${text}`);
  }
  return faults;
}

function example(file: string): Graph {
  const path = `examples/${file}`;
  const text = readFileSync(path, 'utf8');
  const model = /^model (\w+)\s*(?:=|\{)/m.exec(text)?.[1] ?? [...text.matchAll(/^model (\w+)/gm)].at(-1)?.[1];
  const { graph, diagnostics } = build(text, {
    fileName: path,
    model,
    resolveImport: (name) => ({ name: `examples/${name}`, text: readFileSync(`examples/${name}`, 'utf8') }),
  });
  if (!graph) throw new Error(JSON.stringify(diagnostics));
  return graph;
}

const plotOf = (graph: Graph, depth?: number): CostPlot => costRows(summarize(graph, { sizes: chosenSizes(graph) }), depth);

describe('what the layers of every example cost', () => {
  test.each(readdirSync('examples').filter((name) => name.endsWith('.res')))('%s', (file) => {
    const graph = example(file);
    for (const depth of [undefined, 0, 1, 3]) {
      const plot = plotOf(graph, depth);
      const scene = costScene(plot);
      expect(faultsOf(scene)).toEqual([]);
      expect(faultsOf(costScene(plot, 120 * mm))).toEqual([]);
      expect(scene.height).toBeLessThanOrEqual(247 * mm);
      expect(scene.width).toBeLessThanOrEqual(174 * mm + 0.01);
      expect(toSvgText(scene)).toContain('font-size="7"');
      // Rows and what is put together in the last add up to everything.
      for (const i of [0, 1, 2] as const) {
        const total = plot.totals[i];
        const values = plot.rows.map(({ costs }) => costs[i]);
        if (total !== undefined && !values.includes(undefined))
          expect(values.reduce((sum: number, n) => sum + (n ?? 0), 0)).toBeCloseTo(total, 3);
      }
    }
  });
});

test('the rows are the deepest level that a page holds, and everything at depth 0', () => {
  const labels = (depth?: number): readonly string[] => plotOf(example('resnet.res'), depth).rows.map(({ label }) => label);
  expect(labels(0)).toHaveLength(1);
  expect(labels(1)).toContain('layer1');
  expect(labels(2)).toContain('layer1.0');
  expect(labels().length).toBeLessThanOrEqual(61);
});

test('golden numbers behind the bars', () => {
  const plot = plotOf(tinyResnet());
  const rows = [...plot.rows, { label: 'total', costs: plot.totals }];
  golden(
    'emit/tiny-resnet.costs.txt',
    `${plot.note}\n${rows.map(({ label, costs }) => `${label}\t${costs.join('\t')}`).join('\n')}\n`,
  );
  golden('emit/tiny-resnet.costs.svg', toSvgText(costScene(plot)));
});

test('golden plots of what is measured', () => {
  const errors = [2e-7, 0, 3e-6, 2e-5, Infinity].map((error, i) => ({
    label: `layer${i >> 1}.conv${i}`,
    group: `layer${i >> 1}`,
    error,
  }));
  const bounds = [{ text: 'most that an output may be off', value: 1e-5 }];
  golden('emit/plot-errors.svg', toSvgText(errorScene({ title: 'Net', notes: ['cpu'], rows: errors, bounds })));
  const rows = [1e6, 4e9, 0, undefined].map((madds, i) => ({ label: `m${i}`, madds, value: 2 + i, low: 1 + i, high: 4 + i }));
  golden(
    'emit/plot-latency.svg',
    toSvgText(latencyScene({ title: '4 models', notes: ['medians'], series: [{ name: 'cpu', rows }] })),
  );
  const paths = [0, 1].map((n) => Array.from({ length: 9 }, (_, i) => ({ x: Math.cos(i) + n, y: Math.sin(i) })));
  golden('emit/plot-path.svg', toSvgText(pathScene({ title: 'path', paths })));
});

test('what is not known is said so, and what is nothing has no bar', () => {
  const plot = { rows: [{ label: 'a', costs: [undefined, 0, 5] }], totals: [undefined, 0, 5], title: 'T', note: '' } as const;
  const scene = costScene(plot);
  expect(faultsOf(scene)).toEqual([]);
  expect(boxesOf(scene).filter(({ text }) => text === 'unknown')).toHaveLength(2);
  expect(scene.shapes.filter(({ kind }) => kind === 'rect')).toHaveLength(1);
});

test('long names give way in their middle, and long notes go on in the next line', () => {
  const long = 'encoder.layers.0.self_attention.'.repeat(12);
  const row = { label: long, costs: [1, 1, 1] } as const;
  expect(
    faultsOf(costScene({ rows: [row], totals: row.costs, title: long, note: `at ${'Sequence = 128, '.repeat(30)}N = 1` })),
  ).toEqual([]);
  const pen = new Pen();
  expect(pen.fitted(long, 60)).toMatch(/^enc.*….*\.$/);
  expect(pen.width(pen.fitted(long, 60))).toBeLessThanOrEqual(60);
});

/** Beside the faults of all plots: dots, lines and arrows that lie beyond the page, dots below a text. */
function plotFaults(scene: Scene): readonly string[] {
  const faults = [...faultsOf(scene)];
  const within = ({ x, y }: { x: number; y: number }): boolean => x >= 0 && y >= 0 && x <= scene.width && y <= scene.height;
  for (const shape of scene.shapes) {
    if (shape.kind === 'line' && !shape.points.every(within)) faults.push('a line is beyond the page');
    if (shape.kind === 'line' && shape.sharp !== true) faults.push('data is cut round');
    if (shape.kind !== 'dot') continue;
    if (!within(shape.at)) faults.push('a dot is beyond the page');
    for (const { text, left, right, base } of boxesOf(scene))
      if (shape.at.x > left && shape.at.x < right && shape.at.y > base - 5 && shape.at.y < base)
        faults.push(`a dot lies under ${text}`);
  }
  return faults;
}

describe('errors', () => {
  const rows = Array.from({ length: 60 }, (_, i) => ({
    label: `layer${i >> 4}.conv${i}`,
    group: `layer${i >> 4}`,
    error: i % 7 === 0 ? 0 : 1e-7 * (i + 1),
  }));
  const plot: ErrorPlot = {
    title: 'Net, -O1',
    notes: ['cpu'],
    rows,
    bounds: [
      { text: 'most', value: 1e-5 },
      { text: 'after passes', value: 3.8e-6 },
    ],
  };
  const texts = (of: ErrorPlot): readonly string[] => boxesOf(errorScene(of)).map(({ text }) => text);

  test('the bounds, powers of ten, names of the worst and of the parts', () => {
    for (const width of [undefined, 120 * mm, 600 * mm]) expect(plotFaults(errorScene(plot, width))).toEqual([]);
    expect(texts(plot)).toEqual(
      expect.arrayContaining(['most 1.0e-5', 'after passes 3.8e-6', '1e−5', '1e−7', 'equal', 'layer3.conv59 6.0e-6', 'layer0']),
    );
  });
  test('what is above the limit has the colour of the limit', () => {
    const wrong = {
      ...plot,
      rows: [
        { label: 'a', group: 'a', error: 2e-5 },
        { label: 'b', group: 'b', error: 1e-6 },
      ],
    };
    expect(errorScene(wrong).shapes.flatMap((shape) => (shape.kind === 'dot' ? [shape.colour] : []))).toEqual([
      'shortcut',
      'blockLine',
    ]);
  });
  test.each([
    ['none', []],
    ['one', [1e-6]],
    ['equal', [0, 0, 0]],
    ['no numbers', [Infinity, 1e-7, Infinity, 0]],
    ['larger than everything', [1e3, 1e-12]],
    ['thousands', Array.from({ length: 3000 }, (_, i) => 1e-6 / (1 + (i % 100)))],
  ])('%s', (_, errors) => {
    const made = errors.map((error, i) => ({
      label: `a.very.long.name.of.a.layer.that.goes.on.${i}`,
      group: `group${i >> 1}`,
      error,
    }));
    const scene = errorScene({ ...plot, title: 'long '.repeat(60), rows: made });
    expect(plotFaults(scene)).toEqual([]);
    expect(scene.shapes.filter(({ kind }) => kind === 'dot')).toHaveLength(errors.length);
  });
});

describe('latencies', () => {
  const row = (label: string, madds: number | undefined, value: number): LatencyPlot['series'][number]['rows'][number] => ({
    label,
    madds,
    value,
    low: value * 0.9,
    high: value * 1.2,
  });
  const series = [
    { name: 'cpu', rows: [row('a.onnx', 4e9, 80), row('b.onnx', 1e9, 25), row('relu', 0, 0.02), row('loop', undefined, 3)] },
    { name: 'webgpu', rows: [row('a.onnx', 4e9, 9), row('b.onnx', 1e9, 4)] },
  ];
  const plot: LatencyPlot = { title: '2 models', notes: ['medians'], series };

  test('a dot and an interval for each, the line of the fastest, columns for what has no logarithm, and the providers', () => {
    for (const width of [undefined, 120 * mm]) {
      const scene = latencyScene(plot, width);
      expect(plotFaults(scene)).toEqual([]);
      // Six rows, and two in the legend.
      expect(scene.shapes.filter(({ kind }) => kind === 'dot')).toHaveLength(8);
      const texts = boxesOf(scene).map(({ text }) => text);
      expect(texts).toEqual(
        expect.arrayContaining(['cpu', 'webgpu', 'none', 'unknown', '444.4 G multiply-adds a second', '1 G', '100']),
      );
    }
  });
  test.each([
    ['nothing', []],
    ['one', [row('x', 1e6, 1)]],
    ['nothing that multiplies', [row('x', 0, 1), row('y', 0, 2)]],
    ['times of 0 are left out', [row('x', 100, 0), row('y', 200, 1)]],
    ['hundreds on one place', Array.from({ length: 300 }, (_, i) => row(`layer${i}.conv`, 2.36e6, 0.1 + i / 1e4))],
  ])('%s', (_, rows) => {
    expect(plotFaults(latencyScene({ ...plot, series: [{ name: 'cpu', rows }] }))).toEqual([]);
  });
});

describe('paths', () => {
  const spiral = Array.from({ length: 200 }, (_, i) => ({
    x: Math.cos(i / 10) * (1 - i / 300),
    y: Math.sin(i / 10) * (1 - i / 300),
  }));
  const lines = (of: Scene): readonly (readonly { x: number; y: number }[])[] =>
    of.shapes.flatMap((shape) => (shape.kind === 'line' && shape.colour === 'blockLine' ? [shape.points] : []));

  test('one scale for both coordinates; a dot at the beginning, an arrow at the end', () => {
    const scene = pathScene({ title: 'path', paths: [spiral] });
    expect(plotFaults(scene)).toEqual([]);
    const [line = []] = lines(scene);
    expect(line).toHaveLength(200);
    const extent = (of: (p: { x: number; y: number }) => number): number => Math.max(...line.map(of)) - Math.min(...line.map(of));
    const range = (of: (p: { x: number; y: number }) => number): number =>
      Math.max(...spiral.map(of)) - Math.min(...spiral.map(of));
    expect(extent((p) => p.x) / range((p) => p.x)).toBeCloseTo(extent((p) => p.y) / range((p) => p.y), 6);
    expect(scene.shapes.filter((shape) => shape.kind === 'line' && shape.arrow)).toHaveLength(1);
    expect(scene.shapes.filter(({ kind }) => kind === 'dot')).toHaveLength(1);
  });
  test.each([
    ['nothing', []],
    ['a place that does not move', [Array.from({ length: 5 }, () => ({ x: 3, y: -2 }))]],
    [
      'a line',
      [
        [
          { x: 0, y: 0 },
          { x: 1e6, y: 0 },
        ],
      ],
    ],
    [
      'far away',
      [
        [
          { x: 1e9, y: 1e-9 },
          { x: 1.5e9, y: 3e-9 },
        ],
      ],
    ],
    [
      'no numbers',
      [
        [
          { x: Number.NaN, y: 0 },
          { x: Infinity, y: 1 },
        ],
      ],
    ],
    [
      'numbers around one that is none',
      [
        [
          { x: 0, y: 0 },
          { x: 1, y: 1 },
          { x: Number.NaN, y: 0 },
          { x: 2, y: 1 },
          { x: 3, y: 0 },
        ],
      ],
    ],
  ])('%s', (_, paths) => {
    for (const width of [undefined, 40 * mm, 300 * mm])
      expect(plotFaults(pathScene({ title: 'path', paths }, width))).toEqual([]);
  });
  test('a place that is none interrupts a path', () => {
    const paths = [
      [
        { x: 0, y: 0 },
        { x: 1, y: 1 },
        { x: Number.NaN, y: 0 },
        { x: 2, y: 1 },
        { x: 3, y: 0 },
      ],
    ];
    expect(lines(pathScene({ title: 'path', paths }))).toHaveLength(2);
  });
});

test('ticks are round numbers', () => {
  expect(roundTicks(0, 3)).toEqual([0]);
  expect(roundTicks(372.5e6, 3)).toEqual([0, 200e6]);
  expect(roundTicks(0.9, 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8]);
  expect(ticksBetween(-1.3, 2.1, 4)).toEqual([-1, 0, 1, 2]);
  expect([0, -1, 0.25, 1e-7, 2e6].map(tickText)).toEqual(['0', '−1', '0.25', '1e−7', '2e6']);
  expect([0, 100, 200e6, 1500].map(countTick)).toEqual(['0', '100', '200 M', '1.5 k']);
  expect(powersBetween(3e-8, 1e-5, 8)).toEqual([-8, -7, -6, -5]);
  expect(powersBetween(1, 1, 8)).toEqual([0, 1]);
  expect(powersBetween(1e-20, 1, 8)).toEqual([-20, -17, -14, -11, -8, -5, -2, 1]);
});
