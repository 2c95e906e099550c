/** The line that says how far long work is: what it reads as, when it is there, and that all long work hands out what it says. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { compile } from '../../src/compile.ts';
import type { OnProgress } from '../../src/diagnostics/progress.ts';
import { diffGraphs } from '../../src/diff.ts';
import { extractModel } from '../../src/edit/extract.ts';
import { graphOfFile } from '../../src/edit/values.ts';
import { memorySource } from '../../src/io/bytes.ts';
import { readOnnxFile } from '../../src/onnx/read.ts';
import { optimizeOnnx } from '../../src/optimize.ts';
import { provePart } from '../../src/runtime/surgery.ts';
import { verifyModel } from '../../src/runtime/verify-model.ts';
import { constantOf } from '../../src/tensor/constant-of.ts';

const written: string[] = [];
vi.mock('node:fs', async (original) => ({
  ...(await original<typeof import('node:fs')>()),
  // Standard error is a device, as a terminal is.
  fstatSync: () => ({ isCharacterDevice: () => true }),
  writeSync: (_: number, text: string) => written.push(text),
}));
const { progressLine, progressOf, stepsOf, watched, watcher } = await import('../../src/cli/progress.ts');
const { beforePrinting, takeStatus, watch } = await import('../../src/cli/terminal.ts');

const source = `block Unit(w) { residual { conv(w, 3x3) batchnorm relu conv(w, 3x3) batchnorm } relu }
model Deep(n = 40) { input x: f32[N, 4, 8, 8]  layers: repeat n { Unit(4) }  output y }`;

describe('the line', () => {
  const moment = { what: 'writing net.onnx', done: 53_100_000, total: 102_100_000, seconds: 0.5, unit: 'bytes' };

  it('has a bar, percent, amounts and a rate', () => {
    expect(progressLine({ ...moment, columns: 100 })).toBe(
      'writing net.onnx  [================              ]   52 %  53.1 MB of 102.1 MB, 106.2 MB/s',
    );
    expect(progressLine({ ...moment, done: 120, total: 4000, unit: 'pictures', seconds: 60, columns: 100 })).toContain(
      '3 %  120 of 4,000, 2.0 pictures/s',
    );
    expect(progressLine({ ...moment, done: 2, total: 8, unit: '', seconds: 10, columns: 100 })).toMatch(/ 25 % {2}30 s left$/);
  });

  it('tells no rate of nothing', () => {
    expect(progressLine({ ...moment, done: 0, columns: 100 })).toMatch(/ 0 %$/);
    expect(progressLine({ ...moment, seconds: 0.001, columns: 100 })).toMatch(/ 52 %$/);
  });

  it('is shorter than the terminal is wide, whatever its name', () => {
    for (const what of ['x', 'writing a-name-that-goes-on.onnx', 'n'.repeat(300)])
      for (const columns of [40, 41, 60, 80, 120, 200])
        expect(progressLine({ ...moment, what, columns }).length).toBeLessThan(columns);
  });
});

describe('when it is there', () => {
  const { isTTY } = process.stderr;
  let now = 0;

  beforeEach(() => {
    vi.useFakeTimers();
    now += 1e9;
    vi.spyOn(performance, 'now').mockImplementation(() => now);
    process.stderr.isTTY = true;
    watch(true);
    beforePrinting();
    written.length = 0;
  });
  afterEach(() => {
    takeStatus();
    vi.useRealTimers();
    vi.restoreAllMocks();
    process.stderr.isTTY = isTTY;
  });
  const later = (ms: number): void => {
    now += ms;
    vi.advanceTimersByTime(ms);
  };

  it('not within a second of the last thing that was said, and at once behind it', () => {
    const bar = progressOf('running', 'pictures');
    bar?.update(1, 10);
    later(990);
    bar?.update(2, 10);
    expect(written).toEqual([]);
    later(20);
    bar?.update(3, 10);
    expect(written.at(-1)).toContain('running  [');
    bar?.stop();
    expect(written.at(-1)).toBe('\r\u001b[K');
  });

  it('after a second though the work says nothing more, and not when it ended before', () => {
    stepsOf('verifying')?.step('cpu', 1, 4);
    later(1100);
    expect(written.at(-1)).toContain('verifying: cpu');
    beforePrinting();
    written.length = 0;
    const bar = progressOf('running', 'pictures');
    bar?.update(1, 10);
    bar?.stop();
    later(5000);
    expect(written).toEqual([]);
  });

  it('goes when something is printed, and work that follows is a wait of its own', () => {
    later(2000);
    watcher()?.('elaborating', 10, 100, 'nodes');
    expect(written).toHaveLength(1);
    beforePrinting();
    expect(written.at(-1)).toBe('\r\u001b[K');
    watcher()?.('lowering', 10, 100, 'nodes');
    expect(written).toHaveLength(2);
  });

  it('not of work that ended before something was printed', () => {
    watcher()?.('elaborating', 10, 100, 'nodes');
    later(900);
    beforePrinting();
    later(5000);
    expect(written).toEqual([]);
    beforePrinting();
    written.length = 0;
    const bar = progressOf('running', 'pictures');
    bar?.update(1, 10);
    bar?.stop();
    later(400);
    beforePrinting();
    later(100);
    watcher()?.('lowering', 10, 100, 'nodes');
    later(890);
    expect(written).toEqual([]);
    later(20);
    expect(written.at(-1)).toContain('lowering');
  });

  it('tells of a file that is read, where nothing says more', () => {
    const file = watched({ ...memorySource('net.pth', new Uint8Array(100)), close: () => undefined });
    later(2000);
    void file.read(0, 40);
    expect(written.at(-1)).toMatch(/reading net.pth .* 40 %/);
    watcher()?.('passes: simplify', 1, 10, 'stages');
    written.length = 0;
    later(100);
    void file.read(0, 40);
    expect(written.join()).not.toContain('reading');
  });

  it('never where nobody looks', () => {
    for (const [wanted, terminal] of [
      [true, false],
      [false, true],
    ] as const) {
      process.stderr.isTTY = terminal;
      watch(wanted);
      expect([watcher(), progressOf('running', ''), stepsOf('verifying')]).toEqual([undefined, undefined, undefined]);
    }
  });
});

describe('long work says how far it is', () => {
  /** The names of the works in their order; within each nothing goes back, and nothing is more than all of it. */
  function listening(): { readonly onProgress: OnProgress; readonly seen: Map<string, number> } {
    const seen = new Map<string, number>();
    return {
      seen,
      onProgress(what, done, total) {
        expect(done, what).toBeLessThanOrEqual(total);
        const share = total === 0 ? 0 : done / total;
        expect(share, what).toBeGreaterThanOrEqual(
          (seen.get(what.split(':')[0] ?? '') ?? 0) - (what.startsWith('elab') ? 0.02 : 0),
        );
        seen.set(what.split(':')[0] ?? '', share);
      },
    };
  }

  it('compiling, optimising, proving, comparing', async () => {
    const compiling = listening();
    const made = await compile(source, { countNodes: true, keepUnoptimized: true, onProgress: compiling.onProgress });
    expect([...compiling.seen.keys()]).toEqual(['elaborating', 'counting', 'passes', 'lowering']);
    for (const share of [...compiling.seen.values()]) expect(share).toBeGreaterThan(0.5);
    const bytes = await made.bytes();

    const optimising = listening();
    await optimizeOnnx(bytes, { onProgress: optimising.onProgress });
    expect([...optimising.seen.keys()]).toEqual(['importing', 'comparing weights', 'passes', 'lowering']);

    const verifying = listening();
    const { graph, unoptimized } = made;
    if (!graph || !unoptimized) throw new Error('not compiled');
    let steps = 0;
    await verifyModel({
      before: unoptimized,
      after: graph,
      constants: constantOf,
      eps: ['cpu'],
      progress: (_, done, total) => {
        steps++;
        verifying.onProgress('verifying', done, total, '');
      },
    });
    // Layer by layer, and not by the few runs of onnxruntime alone.
    expect(steps).toBeGreaterThan(100);

    const file = await readOnnxFile(memorySource('net.onnx', bytes));
    const proving = listening();
    await provePart(file, extractModel(file, { to: [file.graph.nodes[9]?.outputs[0] ?? ''] }), {
      onProgress: proving.onProgress,
    });
    expect([...proving.seen.keys()]).toEqual([
      'opening the first',
      'opening the second',
      'running the first',
      'running the second',
    ]);

    const comparing = listening();
    await diffGraphs(graphOfFile(file), graphOfFile(file), comparing.onProgress);
    expect([...comparing.seen.keys()]).toEqual(['comparing weights']);
  });
});
