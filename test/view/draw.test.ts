import { describe, expect, test } from 'vitest';
import { toDot, toMermaid } from '../../src/view/draw.ts';
import { Maker, tinyResnet, type } from '../codegen/models.ts';
import { golden } from '../golden.ts';

describe('drawings', () => {
  test('golden DOT and Mermaid', () => {
    golden('emit/tiny-resnet.dot', toDot(tinyResnet()));
    golden('emit/tiny-resnet.mmd', toMermaid(tinyResnet()));
    golden('emit/tiny-resnet-depth.dot', toDot(tinyResnet(), { depth: 9 }));
  });

  test('shortcuts are dashed, bodies are not', () => {
    const dot = toDot(tinyResnet(), { depth: 9 });
    const id = (title: string, nth = 0): string =>
      [...dot.matchAll(/^ *(n\d+) \[label="([^"\\]*)/gm)].filter((m) => m[2]?.startsWith(title))[nth]?.[1] ?? '';
    const dashed = [...dot.matchAll(/(n\d+) -> (n\d+) \[style=dashed/g)].map((m) => [m[1], m[2]]);
    expect(dashed).toEqual([
      [id('relu', 0), id('add', 0)],
      [id('relu', 2), id('0: conv')],
      [id('0: conv'), id('1: batchnorm')],
      [id('1: batchnorm'), id('add', 1)],
    ]);
  });

  test('scopes deeper than the depth are one box', () => {
    const dot = toDot(tinyResnet(3), { depth: 1 });
    const titles = [...dot.matchAll(/label="([^"]*)"/g)].map((m) => m[1] ?? '').filter((t) => t.includes('nodes'));
    expect(titles.map((t) => t.split('\\n').slice(0, 2))).toEqual([
      ['layer1.0', '7 nodes'],
      ['layer2.0', '9 nodes'],
      ['layer2.1', '7 nodes'],
    ]);
    expect(toDot(tinyResnet(3), { depth: 0 })).toContain('"layer2\\n16 nodes');
  });

  test('equal blocks in a row are one box, however many', () => {
    const boxes = (dot: string): number => [...dot.matchAll(/^ *n\d+ \[/gm)].length;
    const graph = tinyResnet(60);
    expect(boxes(toDot(graph, { depth: 9 }))).toBeGreaterThan(400);
    expect(toDot(graph)).toContain('layer2.1–58  ×58');
    expect(boxes(toDot(graph))).toBeLessThan(40);
  });

  test('names with quotes and brackets are escaped in both', () => {
    const m = new Maker('say "hi"');
    const x = m.graph.input('a"b\\c<d>#', type('f32'));
    m.graph.output('y', m.relu(x, ''));
    expect(toDot(m.graph)).toContain('label="a\\"b\\\\c<d>#"');
    expect(toMermaid(m.graph)).toContain('n0(["a#34;b\\c#60;d#62;#35;"])');
  });
});
