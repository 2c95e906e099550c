/** Figures of networks with sizes that only the run knows: the most that they may be. */
import { describe, expect, it } from 'vitest';
import { lowerGraph } from '../../src/codegen/emit.ts';
import { Dim } from '../../src/ir/dim.ts';
import { memoryOf } from '../../src/ir/memory.ts';
import { noPromise } from '../../src/ir/promise.ts';
import { atRunBounds } from '../../src/ir/run-bounds.ts';
import { summarize } from '../../src/summarize.ts';
import { elaborated } from '../ops/support.ts';

const K = Dim.symbol('K');
const ofRun = (name: string, within?: Dim, most = Number.POSITIVE_INFINITY): Dim =>
  Dim.promised(name, { ...noPromise, least: 0, most, ...(within && { within }) });
const kept = ofRun('?kept', K);

describe('the most that a size may be', () => {
  it.each([
    [kept, 'K'],
    [kept.times(4).plus(K), '5*K'],
    [ofRun('?less', kept).times(kept), 'K*K'],
    [ofRun('?few', undefined, 100).floordiv(Dim.of(3)), '33'],
    [Dim.min(kept, Dim.of(10)), 'min(K, 10)'],
    [ofRun('?free').plus(kept), '?free + K'],
  ])('%s', (dim, most) => {
    expect(String(atRunBounds(dim))).toBe(most);
  });
  it('is not asked of what falls as they grow', () => {
    for (const dim of [K.minus(kept), kept.minus(ofRun('?other', K)), K.floordiv(kept.plus(1))])
      expect(atRunBounds(dim)).toBe(dim);
  });
});

const graph = elaborated(`model Boxes {
  input boxes: f32[K, 4]
  input scores: f32[K]
  let good, s = filter(boxes, scores, scores > 0.05)
  output best = gather(good, nms(good, s, iou=0.5, max=100))
}`);

describe('figures', () => {
  it('count the most, and say so', () => {
    const memory = memoryOf(lowerGraph(graph));
    expect(memory.atMost).toBe(true);
    expect(memory.activations?.symbols()).toEqual(['K']);
  });
  it('are numbers where the other sizes are', () => {
    const found = summarize(graph, { sizes: { K: 1000 } });
    expect([found.atMost, found.activations?.constant, found.peak?.constant]).toEqual([true, 13_800, 44_000]);
    // With 5 kept and 3 left, no bound is needed.
    const exact = summarize(graph, { sizes: { K: 1000, '?nonzero': 5, '?nms': 3 } });
    expect([exact.atMost, exact.activations?.constant]).toEqual([undefined, 1_084]);
  });
  it('have no bounds where the run tells nothing', () => {
    const plain = elaborated('model M { input x: f32[N, 4]\n relu\n output y }');
    expect(Object.keys(memoryOf(lowerGraph(plain)))).toEqual(['activations', 'peak']);
  });
});
