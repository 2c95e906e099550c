/**
 * Every example at every depth: what is drawn has no cycle, no line goes through a box or a label, every text fits its box, and
 * the networks that papers show fit a column of A4 with letters of 7 pt.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { build } from '../../src/check.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { add } from '../../src/ops/elementwise.ts';
import { optimizeOnnx } from '../../src/optimize.ts';
import { drawingsOf } from '../../src/view/draw.ts';
import type { Drawing } from '../../src/view/figure/drawing.ts';
import { readFonts, textWidth } from '../../src/view/figure/font.ts';
import { type Page, pageOf, sceneOf } from '../../src/view/figure/page.ts';
import { toPdf } from '../../src/view/figure/pdf.ts';
import type { Area, PlacedPanel, Point } from '../../src/view/figure/placed.ts';
import { columnWidth, mm, pageHeight, size } from '../../src/view/figure/style.ts';
import { toSvgText } from '../../src/view/figure/svg.ts';
import { Maker, tinyResnet, type } from '../codegen/models.ts';
import { golden } from '../golden.ts';

const fonts = readFonts();

function example(file: string, model?: string): Graph {
  const path = `examples/${file}.res`;
  const { graph, diagnostics } = build(readFileSync(path, 'utf8'), {
    fileName: path,
    model,
    resolveImport: (name) => ({ name: `examples/${name}`, text: readFileSync(`examples/${name}`, 'utf8') }),
  });
  if (!graph) throw new Error(JSON.stringify(diagnostics));
  return graph;
}

/** What is wrong with a drawing, before it is laid out. */
function cyclesIn({ panels }: Drawing): readonly string[] {
  const found: string[] = [];
  for (const panel of panels) {
    const waits = new Map(panel.boxes.map(({ id }) => [id, 0]));
    for (const { to } of panel.edges) waits.set(to, (waits.get(to) ?? 0) + 1);
    const open = panel.boxes.filter(({ id }) => waits.get(id) === 0).map(({ id }) => id);
    let done = 0;
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      done++;
      for (const { from, to } of panel.edges) {
        if (from !== id) continue;
        waits.set(to, (waits.get(to) ?? 0) - 1);
        if (waits.get(to) === 0) open.push(to);
      }
    }
    if (done < panel.boxes.length) found.push(`panel ${panel.id} has a cycle`);
  }
  return found;
}

interface Named extends Area {
  readonly name: string;
}

/** Boxes with their parts, each with its texts inside; and labels. */
function areasOf(placed: PlacedPanel): { boxes: readonly Named[]; labels: readonly Named[] } {
  const boxes = placed.boxes.flatMap((one): Named[] => {
    const own = { x: one.x, y: one.y, width: one.width, height: one.height, name: `${one.box.id} ${one.box.lines[0]}` };
    const { bypass } = one;
    if (!bypass) return [own];
    return [
      own,
      { ...bypass.join, name: `${own.name} join` },
      ...(bypass.box ? [{ ...bypass.box, name: `${own.name} side` }] : []),
    ];
  });
  const labels = [
    ...placed.boxes.flatMap(({ label, times }) => [label, times].filter((one) => one !== undefined)),
    ...placed.edges.flatMap((edge) => edge.labels),
    ...placed.frames.flatMap(({ title }) => title ?? []),
  ].map((label) => ({ ...label, name: `label ${label.text}` }));
  return { boxes, labels };
}

function crosses(points: readonly Point[], area: Area, inset: number): boolean {
  const [left, right, top, bottom] = [area.x + inset, area.x + area.width - inset, area.y + inset, area.y + area.height - inset];
  return points.slice(1).some((to, i) => {
    const from = points[i] ?? to;
    return (
      Math.max(from.x, to.x) > left &&
      Math.min(from.x, to.x) < right &&
      Math.max(from.y, to.y) > top &&
      Math.min(from.y, to.y) < bottom
    );
  });
}

const touches = ({ x, y }: Point, area: Area): boolean =>
  x > area.x - 1 && x < area.x + area.width + 1 && y > area.y - 1 && y < area.y + area.height + 1;

const overlap = (a: Area, b: Area): boolean =>
  a.x + a.width > b.x + 0.3 && b.x + b.width > a.x + 0.3 && a.y + a.height > b.y + 0.3 && b.y + b.height > a.y + 0.3;

/** Stretches of the height of a panel in which nothing but lines that go straight down is: longer than an arrow needs. */
function emptyIn({ boxes, edges, frames, panel }: PlacedPanel): readonly string[] {
  if (boxes.some(({ box }) => box.cell)) return [];
  const taken = [
    ...boxes.map(({ around }) => [around.y, around.y + around.height] as const),
    ...frames.flatMap((frame) => [frame.y, frame.y + frame.height].map((y) => [y, y] as const)),
    ...frames.flatMap(({ title }) => (title ? [[title.y, title.y + title.height] as const] : [])),
    ...edges.flatMap(({ points }) => points.map(({ y }) => [y, y] as const)),
  ].sort((a, b) => a[0] - b[0]);
  let bottom = taken[0]?.[0] ?? 0;
  const faults: string[] = [];
  for (const [from, to] of taken) {
    if (from - bottom > 12) faults.push(`panel ${panel.id} is empty from ${bottom} to ${from}`);
    bottom = Math.max(bottom, to);
  }
  return faults;
}

/** What is wrong with a page: lines through boxes or labels, texts that are cut, things that lie over each other. */
function faultsOf(page: Page): readonly string[] {
  const faults: string[] = [];
  for (const { placed } of page.panels) {
    const { boxes, labels } = areasOf(placed);
    const lines = [
      ...placed.edges.map(({ edge, points }) => ({ name: `${edge.from} -> ${edge.to}`, points })),
      ...placed.boxes.flatMap(({ box, bypass }) => (bypass ? [{ name: `shortcut of ${box.id}`, points: bypass.line }] : [])),
    ];
    const places = new Map(placed.boxes.map((one) => [one.box.id, one]));
    for (const { edge, points } of placed.edges) {
      const ends = [
        [points[0], places.get(edge.from)],
        [points.at(-1), places.get(edge.to)],
      ] as const;
      for (const [p, box] of ends) {
        if (!p || !box || ![box, box.around].some((area) => touches(p, area)))
          faults.push(`${edge.from} -> ${edge.to} ends in the air`);
      }
    }
    for (const { name, points } of lines) {
      for (const [at, to] of points.slice(1).entries()) {
        const from = points[at];
        if (from && Math.abs(from.x - to.x) > 0.02 && Math.abs(from.y - to.y) > 0.02) faults.push(`${name} is slanted`);
      }
      // The line of a shortcut is hidden by the box of the layers on it, which is drawn over it.
      const through = boxes.filter(
        (box) => crosses(points, box, 0.5) && !(name.startsWith('shortcut') && box.name.endsWith(' side')),
      );
      for (const box of through) faults.push(`${name} goes through ${box.name}`);
      for (const label of labels) if (crosses(points, label, 0.5)) faults.push(`${name} goes through ${label.name}`);
    }
    const all = [...boxes, ...labels];
    all.forEach((a, i) => {
      for (const b of all.slice(i + 1)) if (overlap(a, b)) faults.push(`${a.name} lies over ${b.name}`);
    });
    for (const one of placed.boxes) {
      const { box } = one;
      const room = one.width - (box.opens === undefined ? 0 : 12);
      box.lines.forEach((line, i) => {
        const font = box.kind === 'block' && i === 0 ? fonts.bold : fonts.regular;
        if (textWidth(font, line, size.font) > room - 2) faults.push(`${line} is cut`);
      });
      if (box.lines.length * size.line > one.height) faults.push(`${box.lines[0]} is too high`);
    }
  }
  for (const { placed } of page.panels) faults.push(...emptyIn(placed));
  const { width, height } = page;
  for (const { placed, at } of page.panels) {
    const { boxes, labels } = areasOf(placed);
    for (const area of [...boxes, ...labels])
      if (at.x + area.x < 0 || at.y + area.y < 0 || at.x + area.x + area.width > width || at.y + area.y + area.height > height)
        faults.push(`${area.name} is beyond the page`);
  }
  return faults;
}

/** Coordinates as text, so that a change of the layout is seen. */
function coordinates({ width, height, panels }: Page): string {
  const n = (x: number): string => String(Math.round(x * 10) / 10);
  const lines = [`page ${n(width)} ${n(height)}`];
  for (const { placed, at } of panels) {
    lines.push(`panel ${placed.panel.title} at ${n(at.x)} ${n(at.y)}`);
    for (const one of placed.boxes)
      lines.push(`  box ${n(one.x)} ${n(one.y)} ${n(one.width)} ${n(one.height)} ${one.box.lines.join(' | ')}`);
    for (const one of placed.frames)
      lines.push(`  frame ${n(one.x)} ${n(one.y)} ${n(one.width)} ${n(one.height)} ${one.title?.text ?? ''}`);
    for (const { edge, points } of placed.edges)
      lines.push(`  ${edge.shortcut ? 'shortcut' : 'edge'} ${points.map((p) => `${n(p.x)},${n(p.y)}`).join(' ')}`);
  }
  return `${lines.join('\n')}\n`;
}

describe('networks of papers fit a column of A4 at 7 pt', () => {
  test.each([
    ['resnet', 'ResNet50'],
    ['resnet', 'ResNet152'],
    ['densenet', 'DenseNet121'],
    ['unet', 'UNet'],
    ['gpt2', 'GPT2'],
    ['se_convnext', 'ConvNeXtTiny'],
    ['bert', 'BertForMaskedLM'],
    ['swin', 'SwinT'],
  ])('%s %s', async (file, model) => {
    const page = await pageOf(drawingsOf(example(file, model)));
    expect(faultsOf(page)).toEqual([]);
    expect(page.width).toBeLessThanOrEqual(columnWidth * mm + 0.01);
    expect(page.height).toBeLessThanOrEqual(pageHeight * mm + 0.01);
    expect(size.font).toBeGreaterThanOrEqual(7);
    expect(toSvgText(sceneOf(page), 'light')).toContain('font-size="7"');
  });
});

/** Every depth until no scope is a box. */
async function checkDepths(graph: Graph): Promise<void> {
  for (const drawing of drawingsOf(graph)) expect(cyclesIn(drawing)).toEqual([]);
  expect(faultsOf(await pageOf(drawingsOf(graph)))).toEqual([]);
  for (let depth = 0; ; depth++) {
    const drawings = drawingsOf(graph, { depth });
    for (const drawing of drawings) expect(cyclesIn(drawing), `depth ${depth}`).toEqual([]);
    // Laying out hundreds of boxes takes seconds, and shows what fewer show.
    const boxes = drawings[0]?.panels[0]?.boxes.length ?? 0;
    if (boxes <= 60) expect(faultsOf(await pageOf(drawings)), `depth ${depth}`).toEqual([]);
    if (drawings[0]?.panels[0]?.boxes.every(({ kind }) => kind !== 'block')) break;
  }
}

describe('every example', () => {
  const files = readdirSync('examples').filter((name) => name.endsWith('.res'));
  test.each(files)(
    '%s at every depth',
    async (name) => {
      const file = name.replace('.res', '');
      const text = readFileSync(`examples/${name}`, 'utf8');
      const model = /^model (\w+)\s*(?:=|\{)/m.exec(text)?.[1] ?? [...text.matchAll(/^model (\w+)/gm)].at(-1)?.[1];
      const graph = example(file, model);
      await checkDepths(graph);
    },
    120_000,
  );
});

describe('the other networks of the examples that are not like the first of their file', () => {
  test.each([
    ['bert', 'BertForMaskedLM'],
    ['bert', 'BertForSequenceClassification'],
    ['bert', 'BertForTokenClassification'],
    ['bert', 'BertForQuestionAnswering'],
    ['deit', 'DeiT_B_distilled'],
    ['gpt2', 'GPT2WithPast'],
    ['llama', 'SmolLM2_135M'],
    ['neural_ode', 'OdeNetRes'],
    ['neural_ode', 'Spiral'],
    ['neural_ode', 'LearnedSpiral'],
    ['neural_ode', 'EulerResNet20'],
    ['neural_ode', 'ContinuousResNet20'],
    ['resnet', 'ResNet50'],
    ['resnet_cifar', 'ResNet20C'],
    ['segmentation', 'FCN_ResNet50'],
    ['super_resolution', 'SRResNet'],
  ])('%s %s', (file, model) => checkDepths(example(file, model)), 120_000);
});

describe('ONNX files of any origin', () => {
  const files = ['fused', 'rfb320'].flatMap((folder) =>
    readdirSync(`test/fixtures/${folder}`)
      .filter((name) => name.endsWith('.onnx'))
      .map((name) => `${folder}/${name}`),
  );
  test.each(files)(
    '%s',
    async (name) => {
      const { graph, diagnostics } = await optimizeOnnx(readFileSync(`test/fixtures/${name}`), { level: 0 });
      if (!graph) throw new Error(JSON.stringify(diagnostics));
      await checkDepths(graph);
    },
    120_000,
  );
});

describe('several outputs', () => {
  const titles = ({ panels }: Drawing, nth = 0): readonly string[] => panels[nth]?.boxes.map(({ lines }) => lines[0] ?? '') ?? [];

  test('an auxiliary head is a branch beside the rest of the network, which is none of its blocks', () => {
    const drawing = drawingsOf(example('segmentation', 'DeepLabV3_ResNet50'))[0];
    if (!drawing) throw new Error('no drawing');
    expect(titles(drawing)).toEqual(expect.arrayContaining(['layer3.1–5', 'layer4.0', 'layer4.1–2', 'out', 'aux']));
    for (let nth = 1; nth < drawing.panels.length; nth++) expect(titles(drawing, nth)).not.toContain('out');
    const [main] = drawing.panels;
    const add = main?.boxes.find(({ lines: [first] }) => first === 'layer3.1–5');
    // The backbone goes on, and the head begins.
    expect(main?.edges.filter(({ from }) => from === add?.id)).toHaveLength(2);
  });

  test('heads that hang on places within a block stay in it', () => {
    const text = `model M { input x: f32[N, 8, 16, 16]
  let a = x -> conv(8, 3x3) -> relu
  let b = a -> conv(8, 3x3) -> relu
  output one = concat(a -> conv(2, 1x1), b -> conv(2, 1x1), axis=1)
  output two = concat(a -> conv(3, 1x1), b -> conv(3, 1x1), axis=1) -> conv(4, 1x1) }`;
    const { graph } = build(text, {});
    if (!graph) throw new Error('the model is wrong');
    const [drawing] = drawingsOf(graph);
    expect(drawing && cyclesIn(drawing)).toEqual([]);
    expect(drawing && titles(drawing)).toEqual(expect.arrayContaining(['one', 'two']));
  });
});

test('a scope that is left and entered again is drawn in parts, not as a cycle', () => {
  const text = `block B { param s: f32[4, 1, 1] = ones
  residual { block: sequential { conv(4, 1x1)  relu }  it * s } }
model M { input x: f32[1, 4, 8, 8]  a: sequential { B  B }  b: sequential { B  B }  output y }`;
  const { graph } = build(text, {});
  if (!graph) throw new Error('the model is wrong');
  for (const depth of [0, 1, 2, 3]) for (const drawing of drawingsOf(graph, { depth })) expect(cyclesIn(drawing)).toEqual([]);
});

test('a gate inside of a residual is no U: nothing there goes down', () => {
  const text = `model M { input x: f32[N, 6, 8]
  residual { rmsnorm  let h = linear(16)  h -> sigmoid  it * h  linear(8) } rmsnorm
  output y }`;
  const { graph, diagnostics } = build(text, {});
  if (!graph) throw new Error(JSON.stringify(diagnostics));
  const isU = (of: Graph): boolean => drawingsOf(of)[0]?.panels[0]?.boxes.some(({ cell }) => cell) === true;
  expect(isU(graph)).toBe(false);
  expect(isU(example('unet', 'UNet'))).toBe(true);
});

test('a stride that makes a grid smaller and one that makes it larger are told apart', () => {
  const { graph, diagnostics } = build(
    `model M { input x: f32[N, 3, 8, 8]
  conv(4, 3x3, stride=2) conv_transpose(4, 2x2, stride=2) conv_transpose(5, 3x3, stride=[1, 2])
  output y }`,
    {},
  );
  if (!graph) throw new Error(JSON.stringify(diagnostics));
  const said = drawingsOf(graph)[0]
    ?.panels[0]?.boxes.filter(({ kind }) => kind === 'layer')
    .flatMap(({ lines }) => lines);
  expect(said).toEqual(['conv 3×3, 4, /2', 'conv_transpose 2×2, 4, ×2', 'conv_transpose 3×3, 5, ×(1×2)']);
});

test('no frame is drawn around a node of a file alone', async () => {
  const { graph } = await optimizeOnnx(readFileSync('test/fixtures/fused/rmsnorm-pe23.onnx'), { level: 0 });
  if (!graph) throw new Error('the file is wrong');
  const { frames = [], boxes = [] } = drawingsOf(graph, { depth: 9 })[0]?.panels[0] ?? {};
  for (const frame of frames)
    expect(
      boxes.filter((box) => box.frame === frame.id).length + frames.filter(({ parent }) => parent === frame.id).length,
      frame.title,
    ).toBeGreaterThan(1);
});

test('structure is found without names', () => {
  const named = drawingsOf(example('resnet', 'ResNet50'))[0];
  const m = new Maker('Nameless');
  let it = m.graph.input('image', type('f32', 'N', 4, 8, 8));
  for (let i = 0; i < 5; i++) it = m.relu(m.node(add, [it, m.relu(m.relu(it, ''), '')], ''), '');
  m.graph.output('y', it);
  const [drawing] = drawingsOf(m.graph);
  expect(named?.panels.map(({ id }) => id)).toEqual(['', 'A', 'B']);
  expect(drawing?.panels[0]?.boxes.map(({ lines, times }) => [lines[0], times])).toMatchObject([
    ['image', undefined],
    ['block A', 5],
    ['y', undefined],
  ]);
});

test('golden coordinates, SVG and PDF', async () => {
  const page = await pageOf(drawingsOf(tinyResnet(3)));
  golden('emit/tiny-resnet.coordinates.txt', coordinates(page));
  golden('emit/tiny-resnet.svg', toSvgText(sceneOf(page)));
  golden('emit/unet.coordinates.txt', coordinates(await pageOf(drawingsOf(example('unet', 'UNet')))));
  const pdf = toPdf(sceneOf(page), 'dark');
  const text = Buffer.from(pdf).toString('latin1');
  expect(text).toMatch(/^%PDF-1\.7/);
  expect(text).toContain('/FontFile2');
  const start = Number(/startxref\n(\d+)/.exec(text)?.[1]);
  expect(text.slice(start, start + 4)).toBe('xref');
  for (const [, offset] of text.slice(start).matchAll(/^(\d{10}) 00000 n/gm))
    expect(text.slice(Number(offset))).toMatch(/^\d+ 0 obj/);
  expect(toPdf(sceneOf(page), 'dark')).toEqual(pdf);
});

test('a theme is forced or follows the reader', async () => {
  const scene = sceneOf(await pageOf(drawingsOf(tinyResnet())));
  expect(toSvgText(scene)).toContain('@media (prefers-color-scheme:dark)');
  expect(toSvgText(scene, 'dark')).not.toContain('@media');
  expect(toSvgText(scene, 'dark')).toContain('.f-paper{fill:#12171d}');
});
