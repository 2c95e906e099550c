/** Plots on coordinates: no text is cut or lies over another, every letter is 7 pt, and the page holds it; and the numbers behind. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { build } from '../../src/compile.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { summarize } from '../../src/summarize.ts';
import { chosenSizes } from '../../src/view/chosen-sizes.ts';
import { readFonts, textWidth } from '../../src/view/figure/font.ts';
import type { Scene } from '../../src/view/figure/scene.ts';
import { mm, size } from '../../src/view/figure/style.ts';
import { toSvgText } from '../../src/view/figure/svg.ts';
import { type CostPlot, costRows, costScene } from '../../src/view/plot/costs.ts';
import { Pen, roundTicks } from '../../src/view/plot/pen.ts';
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

/** Texts beyond the page or over each other, and bars under a text. Letters are at most 5.3 pt above their base, 1.5 pt below it. */
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

test('ticks are round numbers', () => {
  expect(roundTicks(0, 3)).toEqual([0]);
  expect(roundTicks(372.5e6, 3)).toEqual([0, 200e6]);
  expect(roundTicks(0.9, 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8]);
});
