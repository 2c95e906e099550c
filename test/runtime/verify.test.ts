import { describe, expect, it, vi } from 'vitest';
import { build } from '../../src/check.ts';
import { DiagnosticError } from '../../src/diagnostics/diagnostic.ts';
import { render } from '../../src/diagnostics/render.ts';
import type { AskedShapes } from '../../src/ir/asked-sizes.ts';
import { relu, softmax } from '../../src/ops/activation.ts';
import { cast } from '../../src/ops/cast.ts';
import { greater, mul } from '../../src/ops/elementwise.ts';
import { linear } from '../../src/ops/linear.ts';
import { argmax } from '../../src/ops/reduce.ts';
import { compareOutputs } from '../../src/runtime/compare.ts';
import { randomTensor } from '../../src/runtime/inputs.ts';
import { type VerifyOptions, verifyModel } from '../../src/runtime/verify-model.ts';
import { verifyData, verifyTable } from '../../src/runtime/verify-table.ts';
import { constants, Maker, source, tinyNet, type } from './graphs.ts';
import { swiftshader } from './swiftshader.ts';

const verify = (options: Pick<VerifyOptions, 'before' | 'after'> & Partial<VerifyOptions>) =>
  verifyModel({ constants, eps: ['cpu'], seed: 1, threads: 1, ...options });

// Processes are started, and shaders compiled in software; on a busy machine that takes its time.
vi.setConfig({ testTimeout: 120_000 });

describe('a right optimised graph', () => {
  it('passes at every size, before and after, with and without the optimiser of onnxruntime', async () => {
    const report = await verify({ before: tinyNet(), after: tinyNet({}) });
    expect(report.diagnostics).toEqual([]);
    expect(report.ok).toBe(true);
    expect(report.precision).toBe('f32');
    expect(report.cases.map((one) => one.name)).toEqual(['smallest', 'next odd', 'negative', 'positive']);
    expect([...(report.cases[2]?.inputs.get('image')?.data ?? [])].every((v) => v < 0)).toBe(true);
    expect(report.degenerate).toEqual([]);
    expect(report.runs.map((run) => `${run.case} ${run.level} ${run.optimizer}`)).toEqual(
      ['smallest', 'next odd', 'negative', 'positive'].flatMap((name) =>
        ['-O0 off', '-O0 all', '-O1 off', '-O1 all'].map((run) => `${name} ${run}`),
      ),
    );
    for (const run of report.runs) {
      expect(run.nodes).toBeGreaterThan(0);
      expect(run.left).toEqual([]);
      expect(run.outputs[0]?.relative).toBeLessThan(2e-6);
      expect(run.outputs[0]?.tolerance).toBeLessThanOrEqual(1e-5);
    }
  });

  it('runs with nothing there where a size may be 0, but not where a size is given', async () => {
    const casesOf = async (sizes: AskedShapes): Promise<readonly string[]> => {
      const { graph, diagnostics } = build(
        `model M { input past: f32[N, P >= 0, 4]  input x: f32[N, T, 4]  concat(past, x, axis=1)  output y }`,
      );
      if (!graph) throw new Error(render(diagnostics, { color: false }));
      const report = await verify({ before: graph, after: graph, sizes });
      expect(report.diagnostics).toEqual([]);
      expect(report.ok).toBe(true);
      const empty = report.cases.find((one) => one.name === 'empty');
      if (empty) expect(empty.bindings.get('P')).toBe(0);
      return report.cases.map((one) => one.name);
    };
    expect(await casesOf({})).toContain('empty');
    expect(await casesOf({ P: 4 })).not.toContain('empty');
  });

  it('does not run with nothing there what is known to end the process, and says so', async () => {
    const { graph } = build('model M { input x: f32[N >= 0, 5]  let best, places = x -> topk(2)  output best }');
    const report = await verify({ before: graph ?? expect.unreachable(), after: graph ?? expect.unreachable() });
    expect(report.ok).toBe(true);
    expect(report.cases.map((one) => one.name)).not.toContain('empty');
    expect(report.notes?.join('\n')).toContain('not run where N = 0: onnxruntime may end there, known as topk-of-nothing');
  });

  it('runs on inputs given, too', async () => {
    const inputs = new Map([['image', randomTensor('f32', [2, 3, 9, 6], 'x')]]);
    const report = await verify({ before: tinyNet(), after: tinyNet({}), inputs });
    expect(report.ok).toBe(true);
    expect(report.cases.at(-1)?.bindings).toEqual(
      new Map([
        ['N', 2],
        ['H', 9],
        ['W', 6],
      ]),
    );
    expect(report.runs.filter((run) => run.case === 'given')).toHaveLength(4);
  });

  it('is run once where there is nothing but the source', async () => {
    const graph = tinyNet();
    const report = await verify({ before: graph, after: graph, level: '-O0' });
    expect(report.ok).toBe(true);
    expect(report.runs.map((run) => run.optimizer)).toEqual(Array.from({ length: 8 }, (_, i) => (i % 2 ? 'all' : 'off')));
  });

  it('is data that JSON can hold', async () => {
    const report = await verify({ before: tinyNet(), after: tinyNet({}) });
    const data: unknown = JSON.parse(JSON.stringify(verifyData(report)));
    expect(data).toEqual(verifyData(report));
    expect(data).toMatchObject({
      ok: true,
      cases: [{ bindings: { N: 1 }, inputs: { image: 'f32[1, 3, 3, 3]' } }, {}, {}, {}],
      runs: { length: 16 },
      degenerate: [],
    });
  });

  it('prints a table of at most 80 columns', async () => {
    const text = verifyTable(await verify({ before: tinyNet(), after: tinyNet({}) }));
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(text).toMatch(/^provider +passes +runtime +sizes +nodes +left +absolute +relative +verdict$/m);
    expect(text).toMatch(/^cpu +-O1 +all +next odd +\d+ +0 +\S+e-\d+ +\S+e-\d+ +ok$/m);
    expect(text).toContain('next odd: H = 5, N = 3, W = 5');
    expect(text).toMatch(/^negative, positive inputs: 8 more runs, the worst of them off by \S+e-\d+$/m);
    expect(text).toContain('all 16 runs agree with the float64 reference');
  });
});

describe('a wrong optimised graph', () => {
  it.each([
    ['a kernel off by 1 %', { kernel: 1.01 }],
    ['a fold that forgot eps', { noEps: true }],
  ])('%s fails, and names the node', async (_, nudge) => {
    const report = await verify({ before: tinyNet(), after: tinyNet(nudge) });
    expect(report.ok).toBe(false);
    expect(report.runs.filter((run) => !run.ok).map((run) => run.level)).toEqual(Array.from({ length: 8 }, () => '-O1'));
    expect(report.runs.filter((run) => !run.ok).every((run) => run.graph === 'after')).toBe(true);
    expect(report.suspects[0]).toMatchObject({
      scope: 'conv1',
      operator: 'conv',
      nearest: { operator: 'batchnorm', scope: 'bn1' },
    });
    const [found] = report.diagnostics;
    expect(found?.code).toBe('RES0810');
    expect(found?.title).toContain('logits');
    expect(found?.span?.file).toBe(source);
    expect(report.diagnostics).toHaveLength(1);
    const text = verifyTable(report);
    expect(text).toMatch(/-O1 .* off$/m);
    expect(text).toMatch(/^off: logits$/m);
    expect(text).toContain('8 of 16 runs are off');
  });

  it('is caught where a kernel is off by a ten-thousandth, and rounding is not', async () => {
    expect((await verify({ before: tinyNet(), after: tinyNet({ kernel: 1 + 1e-4 }) })).ok).toBe(false);
    expect((await verify({ before: tinyNet(), after: tinyNet({ kernel: 1 + 1e-8 }) })).ok).toBe(true);
  });
});

describe('the comparison', () => {
  const f32 = (...data: readonly number[]) => ({ elem: 'f32' as const, dims: [data.length], data: Float64Array.from(data) });
  const i64 = (...data: readonly number[]) => ({ elem: 'i64' as const, dims: [data.length], data: Float64Array.from(data) });

  it('is relative to the largest element', () => {
    expect(compareOutputs('y', f32(1000.001, 0.01), f32(1000, 0), 1e-5)).toMatchObject({ relative: 1e-5, at: 1, ok: true });
    expect(compareOutputs('y', f32(1000, 0.02), f32(1000, 0), 1e-5)).toMatchObject({ relative: 2e-5, ok: false });
  });

  it('is absolute where the reference is 0', () => {
    expect(compareOutputs('y', f32(1e-9), f32(0), 1e-5)).toMatchObject({ relative: 1e-9, ok: true });
  });

  it('wants infinities and NaN where the reference has them', () => {
    expect(compareOutputs('y', f32(Infinity, Number.NaN, 1), f32(Infinity, Number.NaN, 1), 1e-5).ok).toBe(true);
    expect(compareOutputs('y', f32(Infinity), f32(1), 1e-5).ok).toBe(false);
    expect(compareOutputs('y', f32(Number.NaN), f32(1), 1e-5).ok).toBe(false);
    expect(compareOutputs('y', f32(1), f32(Number.NaN), 1e-5).ok).toBe(false);
  });

  it('wants integers equal and shapes the same', () => {
    expect(compareOutputs('y', i64(1, 2, 3), i64(1, 2, 3), 1)).toMatchObject({ ok: true });
    expect(compareOutputs('y', i64(1, 2, 4), i64(1, 2, 3), 1)).toMatchObject({ ok: false, absolute: 1, at: 2 });
    expect(compareOutputs('y', f32(1), i64(1), 1).ok).toBe(false);
    expect(compareOutputs('y', { ...f32(1), dims: [1, 1] }, f32(1), 1).ok).toBe(false);
  });
});

describe('decisions', () => {
  /** argmax over two columns that differ by `margin`, and whether the first exceeds the second. */
  const decide = (margin: number, factor = 1) => {
    const m = new Maker();
    const x = m.graph.input('x', type('f32', 4, 1));
    const w = m.constant('w', { elem: 'f32', dims: [2, 1], data: Float64Array.of(1 + margin, factor) });
    const scores = m.node(linear, [m.node(relu, [m.node(mul, [x, x], 'square')], ''), w, undefined], 'fc');
    m.graph.output('best', m.node(argmax, [scores], 'best', { axis: 1, keepdims: false }));
    return m.graph;
  };

  it('are excused where the reference is closer than the noise', async () => {
    const close = await verify({ before: decide(2 ** -22), after: decide(2 ** -22, 1 + 2 ** -21) });
    expect(close.ok).toBe(true);
    expect(close.runs.some((run) => (run.outputs[0]?.excused ?? 0) > 0)).toBe(true);
    expect(verifyTable(close)).toContain('closer than the noise');
  });

  it('are errors where it is not', async () => {
    const far = await verify({ before: decide(2 ** -6), after: decide(2 ** -6, 1.5) });
    expect(far.ok).toBe(false);
    expect(far.runs.at(-1)?.outputs[0]).toMatchObject({ elem: 'i64', absolute: 4, excused: 0 });
  });

  it('of comparisons must be equal otherwise', async () => {
    const make = (level: number) => {
      const m = new Maker();
      const x = m.graph.input('x', type('f32', 100));
      const limit = m.constant('limit', { elem: 'f32', dims: [], data: Float64Array.of(level) });
      m.graph.output('y', m.node(greater, [x, limit], 'gt'));
      return m.graph;
    };
    expect((await verify({ before: make(0), after: make(0) })).ok).toBe(true);
    expect((await verify({ before: make(0), after: make(1) })).ok).toBe(false);
  });
});

describe('half precision', () => {
  it('has a tolerance of its own', async () => {
    const make = () => {
      const m = new Maker();
      const x = m.graph.input('x', type('f16', 2, 16));
      const w = m.constant('w', randomTensor('f16', [16, 16], 'w'));
      m.graph.output('y', m.node(softmax, [m.node(linear, [x, w, undefined], 'fc')], '', { axis: 1 }));
      return m.graph;
    };
    const report = await verify({ before: make(), after: make() });
    expect(report.precision).toBe('f16');
    expect(report.diagnostics).toEqual([]);
    expect(report.runs.every((run) => (run.outputs[0]?.tolerance ?? 0) <= 1e-2)).toBe(true);
    expect(report.runs.some((run) => (run.outputs[0]?.relative ?? 0) > 1e-5)).toBe(true);
  });
});

describe('providers', () => {
  it('missing ones are errors, not silent passes', async () => {
    const environment = {
      VK_ICD_FILENAMES: '/no/such/driver.json',
      VK_DRIVER_FILES: '/no/such/driver.json',
      CUDA_VISIBLE_DEVICES: '',
    };
    for (const ep of ['webgpu', 'cuda'] as const) {
      const codes = await verify({ before: tinyNet(), after: tinyNet({}), eps: ['cpu', ep], environment }).then(
        () => [],
        (error: unknown) => (error instanceof DiagnosticError ? error.diagnostics.map((d) => d.code) : [String(error)]),
      );
      expect(['RES0801', 'RES0802', 'RES0803'], ep).toContain(codes[0]);
    }
  });

  it('WebGPU through SwiftShader agrees, and is named with what it did', async (context) => {
    const environment = swiftshader(context);
    const report = await verify({ before: tinyNet(), after: tinyNet({}), eps: ['cpu', 'webgpu'], environment });
    expect(report.diagnostics).toEqual([]);
    const gpu = report.runs.filter((run) => run.provider === 'webgpu');
    expect(gpu.map((run) => run.case)).toEqual(['smallest', 'next odd', 'negative', 'positive']);
    expect(gpu[0]).toMatchObject({
      case: 'smallest',
      level: '-O1',
      optimizer: 'all',
      ok: true,
      adapter: expect.stringMatching(/SwiftShader/),
    });
    expect(gpu[0]?.nodes).toBeGreaterThan(0);
    const text = verifyTable(report);
    expect(text).toMatch(/webgpu ran on SwiftShader/);
    const wrong = await verify({ before: tinyNet(), after: tinyNet({ kernel: 1.01 }), eps: ['webgpu'], environment });
    expect(wrong.diagnostics.map((d) => d.code)).toEqual(['RES0810']);
    // What tells a wrong pass from a wrong provider runs only now.
    expect(
      wrong.runs.slice(0, wrong.runs.length / 4).map((run) => `${run.provider} ${run.level} ${run.optimizer} ${run.ok}`),
    ).toEqual(['cpu -O0 off true', 'cpu -O1 off false', 'webgpu -O0 all true', 'webgpu -O1 off false', 'webgpu -O1 all false']);
  });

  it('warns of nodes that leave', async (context) => {
    const environment = swiftshader(context);
    const make = () => {
      const m = new Maker();
      const x = m.graph.input('x', type('f32', 4));
      const wide = m.node(relu, [m.node(cast, [x], 'widen', { to: 'f64' })], 'wide');
      m.graph.output('y', m.node(cast, [wide], 'narrow', { to: 'f32' }));
      return m.graph;
    };
    const report = await verify({ before: make(), after: make(), eps: ['webgpu'], environment });
    expect(report.runs.find((run) => run.provider === 'webgpu')?.left.length).toBeGreaterThan(0);
    expect(verifyTable(report)).toMatch(/left webgpu for cpu: /);
  });
});
