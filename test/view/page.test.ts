/** The interactive page without a browser: its data, where everything lies, and what hostile names may not do. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { pageAsset } from '../../scripts/page.ts';
import { build } from '../../src/check.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { modelPage } from '../../src/model-page.ts';
import { optimizeOnnx } from '../../src/optimize.ts';
import { full, literal } from '../../src/tensor/leaves.ts';
import { Session } from '../../src/tensor/session.ts';
import { statisticsOf } from '../../src/tensor/statistics.ts';
import { chosenSizes } from '../../src/view/chosen-sizes.ts';
import { type MadeModel, pageModel } from '../../src/view/page/data.ts';
import { embeddedJson } from '../../src/view/page/html.ts';
import type { PageData } from '../../src/view/page/model.ts';
import { Containment, firstOpen, type Scene, sceneOf } from '../../src/view/page/scene.ts';
import { Maker, type } from '../codegen/models.ts';

const example = (file: string, model: string, defines = {}): Graph => {
  const text = readFileSync(new URL(`../../examples/${file}.res`, import.meta.url), 'utf8');
  const { graph, diagnostics } = build({ name: `${file}.res`, text }, { model, defines });
  if (!graph) throw new Error(JSON.stringify(diagnostics));
  return graph;
};
const made = (graph: Graph, file = ''): MadeModel => pageModel(graph, { file, sizes: chosenSizes(graph), statistics: new Map() });
const compiled = (text: string): Graph => {
  const { graph, diagnostics } = build({ name: 'a.res', text });
  if (!graph) throw new Error(JSON.stringify(diagnostics));
  return graph;
};

/** Letters of one width, as wide as the widest are on average. */
const measure = (text: string): number => 7 * text.length;

/** Everything open, everything closed, and what is open at first. */
function scenes(graph: Graph): readonly Scene[] {
  const { model } = made(graph);
  const containment = new Containment(model);
  const all = new Set(model.parts.keys());
  return [all, new Set<number>(), firstOpen(model, 60)].map((open) => sceneOf(model, containment, open, measure));
}

interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const overlap = (a: Rect, b: Rect): boolean =>
  a.x < b.x + b.width - 0.1 && b.x < a.x + a.width - 0.1 && a.y < b.y + b.height - 0.1 && b.y < a.y + a.height - 0.1;

/** Boxes that a line goes through; where it bends it stays between its ends, and between the heights of both. */
function pierced(scene: Scene): readonly string[] {
  const found: string[] = [];
  const rows = [...scene.boxes].sort((a, b) => a.y - b.y);
  for (const { points } of scene.lines) {
    points.forEach((p, i) => {
      const q = points[i + 1];
      if (!q) return;
      const area = { x: Math.min(p.x, q.x), y: Math.min(p.y, q.y), width: Math.abs(q.x - p.x), height: Math.abs(q.y - p.y) };
      for (const box of rows) {
        if (box.y > area.y + area.height) break;
        const inside = { x: box.x + 0.5, y: box.y + 0.5, width: box.width - 1, height: box.height - 1 };
        if (overlap({ ...area, width: area.width + 0.3 }, inside)) found.push(`${box.title} at ${box.x},${box.y}`);
      }
    });
  }
  return found;
}

const networks: readonly (readonly [string, () => Graph])[] = [
  ['ResNet-50', () => example('resnet', 'ResNet50')],
  ['DenseNet-121', () => example('densenet', 'DenseNet121')],
  ['U-Net++', () => example('unet_plus_plus', 'UNetPlusPlus')],
  ['Swin-T', () => example('swin', 'SwinT')],
];

describe('where things lie', () => {
  test.each(networks)('%s: no box on another, no line through a box, frames hold what is theirs', (_, graphOf) => {
    for (const scene of scenes(graphOf())) {
      const rows = [...scene.boxes].sort((a, b) => a.y - b.y);
      rows.forEach((a, i) => {
        for (const b of rows.slice(i + 1)) {
          if (b.y > a.y + a.height) break;
          expect(overlap(a, b), `${a.title} on ${b.title}`).toBe(false);
        }
      });
      expect(pierced(scene)).toEqual([]);
      expect(scene.stubs).toEqual([]);
      for (const { x, y, width, height } of [...scene.boxes, ...scene.frames]) {
        expect(Math.min(x, y)).toBeGreaterThanOrEqual(0);
        expect(x + width).toBeLessThanOrEqual(scene.width + 0.1);
        expect(y + height).toBeLessThanOrEqual(scene.height + 0.1);
      }
      // Every line goes down.
      expect(scene.lines.filter(({ points }) => points.some((p, i) => (points[i + 1] ?? p).y < p.y))).toEqual([]);
    }
  });

  test('no line goes through the title of a frame, and no title leaves its frame', () => {
    for (const [, graphOf] of networks) {
      const [open] = scenes(graphOf());
      for (const frame of open?.frames ?? []) {
        const title = { x: frame.titleX, y: frame.y + 4, width: measure(`▾ ${frame.title}`), height: 16 };
        expect(title.x + title.width).toBeLessThanOrEqual(frame.x + frame.width);
        const crossed = (open?.lines ?? []).some(({ points }) =>
          points.some((p, i) => {
            const q = points[i + 1];
            return q && Math.abs(p.x - q.x) < 0.01 && overlap({ x: p.x, y: p.y, width: 0.2, height: q.y - p.y }, title);
          }),
        );
        if (crossed) throw new Error(`a line goes through the title ${frame.title}`);
      }
    }
  });

  test('texts are within their boxes', () => {
    const [open] = scenes(example('resnet', 'ResNet50'));
    for (const { title, details, below, width } of open?.boxes ?? []) {
      expect(measure(title) + measure(details)).toBeLessThanOrEqual(width - 16);
      expect(measure(below)).toBeLessThanOrEqual(width - 16);
    }
  });

  test('a chain hangs straight, also where a shortcut passes it', () => {
    const graph = compiled('model M { input x: f32[N, 8, 8, 8] relu residual { conv(8, 3x3) relu conv(8, 3x3) } relu output y }');
    const [open] = scenes(graph);
    const middles = (open?.boxes ?? []).filter(({ title }) => title !== '').map(({ x, width }) => x + width / 2);
    expect(Math.max(...middles) - Math.min(...middles)).toBeLessThan(0.5);
  });

  test('values that many far layers read are stubs where their lines would be too many', () => {
    const graph = compiled('model M { input x: f32[1, 4]  x -> relu  repeat 400 { it + x  relu }  output y }');
    const [open] = scenes(graph);
    expect(open?.stubs.length).toBeGreaterThan(100);
    expect(open?.boxes.length).toBe(803);
  });
});

describe('data', () => {
  test('a scope that is left and entered again is several parts, so that nothing is a cycle', () => {
    const block = 'block B { param s: f32[4,1,1]=ones  residual { block: sequential { conv(4,1x1) relu } it * s } }';
    const graph = compiled(`${block} model M { input x: f32[N,4,8,8]  a: sequential { B() }  b: sequential { B() }  output y }`);
    const { model } = made(graph);
    model.parts.forEach((part, at) => {
      const place = new Map<number, number>();
      const visit = (item: number, nth: number): void => {
        if (item >= 0) place.set(item, nth);
        else for (const inner of model.parts[-1 - item]?.items ?? []) visit(inner, nth);
      };
      part.items.forEach((item, nth) => {
        visit(item, nth);
      });
      for (const [node, nth] of place)
        for (const { node: from } of model.nodes[node]?.operands ?? []) {
          const before = from === undefined ? undefined : place.get(from);
          if (before !== undefined) expect(before, `part ${at}`).toBeLessThanOrEqual(nth);
        }
    });
  });

  test('parts count what is in them, and costs are at the sizes that are said', () => {
    const { model } = made(example('resnet', 'ResNet50'));
    expect(model.sizes).toBe('N = 1');
    expect(model.parts[0]?.cost).toEqual([4089184256, 25557032, expect.any(Number)]);
    const nodes = model.parts.flatMap(({ items }) => items.filter((item) => item >= 0));
    expect(nodes.sort((a, b) => a - b)).toEqual([...model.nodes.keys()]);
  });

  test('symbols get usual sizes that keep what is promised', () => {
    const graph = compiled(
      'model M { input x: f32[N, 3, H, W]  input t: f32[N, T]  assert H % 48 == 0  assert W <= 100  x -> conv(4, 3x3)  output y  t -> relu  output u }',
    );
    expect(chosenSizes(graph)).toEqual({ N: 1, H: 192, W: 100, T: 128 });
    expect(chosenSizes(graph, { N: 7, T: 9 })).toMatchObject({ N: 7, T: 9 });
    expect(() => chosenSizes(graph, { Q: 1 })).toThrow(/RES0841|no size of the model|size/);
  });

  test('statistics are those of the tensors as they are written', async () => {
    const session = new Session();
    const numbers = [-1, 0, 0, 3, Number.POSITIVE_INFINITY];
    const found = await statisticsOf(literal(session, { elem: 'f32', dims: [5], data: Float64Array.from(numbers) }), 100);
    expect(found).toMatchObject({ of: 5, least: -1, most: 3, mean: 0.5, zeros: 2, notFinite: 1, deviation: 1.5 });
    expect(found.bins.filter((count) => count > 0)).toEqual([1, 2, 1]);
    expect([found.bins[0], found.bins[8], found.bins[31]]).toEqual([1, 2, 1]);
    const large = full(session, 'f32', [1_000_000], 2);
    expect(await statisticsOf(large, 100_000)).toMatchObject({ of: 131_072, least: 2, most: 2, deviation: 0, bins: [131_072] });
    expect((await statisticsOf(large, 1e9)).of).toBe(1_000_000);
  });

  test('sub-graphs are scopes of their own, whose outputs their owner reads', async () => {
    const file = new URL('../fixtures/onnx-testdata/node/test_if/model.onnx', import.meta.url);
    const { graph } = await optimizeOnnx(new Uint8Array(readFileSync(file)), { level: 0 });
    if (!graph) throw new Error('no graph');
    const { model } = made(graph);
    expect(model.parts.length).toBeGreaterThan(2);
  });
});

const dataOf = (html: string): PageData =>
  JSON.parse(/<script type="application\/json" id="data">(.*?)<\/script>/s.exec(html)?.[1] ?? '') as PageData;

describe('the file', () => {
  test('names end no element, whatever they are', async () => {
    const evil = '</script><script>alert(1)</script><!-- "\'& \u2028';
    const m = new Maker(evil);
    const x = m.graph.input(evil, type('f32', 1, 4));
    m.graph.output(evil, m.relu(x, `${evil}.a`));
    const page = await modelPage(m.graph, { file: evil });
    expect(page.match(/<\/script/g)).toHaveLength(2);
    expect(page).not.toContain('<!--');
    expect(page).toContain('<title>&#60;/script&#62;');
    const data = dataOf(page);
    expect(data.models[0]?.nodes[0]?.title).toBe(evil);
    expect(embeddedJson({ a: '</script>' })).toBe('{"a":"\\u003c/script\\u003e"}');
  });

  test('it asks nothing of the network, and is small', async () => {
    const page = await modelPage(example('resnet', 'ResNet50'), { file: 'resnet.res' });
    expect(page.length).toBeLessThan(400_000);
    expect(page.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:\/\//);
    expect(page).toContain("default-src 'none'");
  });

  test('the script in the repository is what its sources make', async () => {
    expect(readFileSync(new URL('../../src/view/page/asset.ts', import.meta.url), 'utf8')).toBe(await pageAsset());
  });
});
