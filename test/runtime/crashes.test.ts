/** A runtime that ends its process is a verdict, and rescc goes on. */

import { describe, expect, it, vi } from 'vitest';
import { render } from '../../src/diagnostics/render.ts';
import { irVersionOf } from '../../src/ir/opset.ts';
import { intAttribute, madeNode } from '../../src/onnx/make.ts';
import type { OnnxModel } from '../../src/onnx/model.ts';
import { onnxBytes } from '../../src/onnx/write.ts';
import { optimizeOnnx } from '../../src/optimize.ts';
import { verifyOptimized } from '../../src/runtime/equivalence.ts';
import { openInChild, RuntimeProcess } from '../../src/runtime/provider.ts';
import { openSession } from '../../src/runtime/session.ts';
import { verifyModel } from '../../src/runtime/verify-model.ts';
import type { VerifyReport } from '../../src/runtime/verify-report.ts';
import { verifyTable } from '../../src/runtime/verify-table.ts';
import { golden } from '../golden.ts';
import { literal } from '../support/tensors.ts';
import { constants, tinyNet } from './graphs.ts';

vi.setConfig({ testTimeout: 120_000 });

/** Split and, behind it, Relu: of a Split that leaves out an output onnxruntime 1.30 writes to what is not there. */
const splitModel = (first: string): OnnxModel => ({
  irVersion: irVersionOf(17),
  opsets: new Map([['', 17]]),
  producerName: 'test',
  producerVersion: '',
  metadata: [],
  graph: {
    name: 'split',
    nodes: [
      madeNode('Split', 'cut', ['x', 'sizes'], [first, 'b'], [intAttribute('axis', 1)]),
      madeNode('Relu', 'act', ['b'], ['y']),
    ],
    initializers: [{ kind: 'tensor', name: 'sizes', expr: literal({ elem: 'i64', dims: [2], data: Float64Array.of(3, 4) }) }],
    inputs: [{ name: 'x', type: { elem: 'f32', dims: [2, 7] } }],
    outputs: [{ name: 'y', type: { elem: 'f32', dims: [2, 4] } }],
    valueInfo: [],
  },
  functions: [],
});
const show = (report: VerifyReport) =>
  render(report.diagnostics, { color: false, width: 150 })
    .replace(/onnxruntime-node [\d.]+/g, 'onnxruntime-node 0.0.0')
    .replace(/was ended by SIG\w+|ended with exit code \d+/g, '(ended)');

async function proof(model: OnnxModel) {
  const original = await onnxBytes(model);
  const { unoptimized, graph, onnx } = await optimizeOnnx(original, { keepUnoptimized: true });
  if (!unoptimized || !graph || !onnx) throw new Error('not optimised');
  const command = 'rescc optimize in.onnx -o out.onnx';
  return verifyOptimized({ original, before: unoptimized, after: graph, onnx, constants, eps: ['cpu'], threads: 1, command });
}

describe('a crash of onnxruntime', () => {
  it('on a file is a verdict that names runtime, provider and model', async () => {
    const report = await proof(splitModel(''));
    expect(report.ok).toBe(false);
    expect(report.diagnostics.map((d) => d.code)).toContain('RES0833');
    golden('errors/RES0833-split.txt', show(report));
    expect((await proof(splitModel('a'))).ok).toBe(true);
  });
  it('in every run of a source is one, too', async () => {
    // Node refuses the option, so that the process ends before it answers.
    const environment = { NODE_OPTIONS: '--no-such-option' };
    const graph = tinyNet();
    const report = await verifyModel({ before: graph, after: graph, constants, eps: ['cpu'], environment, model: 'tiny.res' });
    expect(report.ok).toBe(false);
    expect(new Set(report.diagnostics.map((d) => d.code))).toEqual(new Set(['RES0833']));
    expect(report.diagnostics[0]?.found).toMatch(
      /^tiny\.res, -O0: it ended with exit code \d+ while it loaded the model\nonnxruntime/,
    );
    expect(verifyTable(report)).toMatch(/ crash$/m);
  });
});

describe('the process of a verification', () => {
  it('is one for all sessions, and starts anew after a crash', async () => {
    const runtime = new RuntimeProcess(undefined);
    try {
      const crashing = await openSession(await onnxBytes(splitModel('')), { ep: 'cpu', optimization: 'off', process: runtime });
      const good = await openSession(await onnxBytes(splitModel('a')), { ep: 'cpu', optimization: 'off', process: runtime });
      const x = new Map([
        ['x', { elem: 'f32' as const, dims: [2, 7], data: Float64Array.from({ length: 14 }, (_, i) => i - 5) }],
      ]);
      const y = await good.run(x);
      expect(y.get('y')?.data).toEqual(Float64Array.of(0, 0, 0, 1, 5, 6, 7, 8));
      await expect(crashing.run(x)).rejects.toThrow('RES0806');
      // Both were in that process.
      await expect(good.run(x)).rejects.toThrow('RES0806');
      const again = await openSession(await onnxBytes(splitModel('a')), { ep: 'cpu', optimization: 'off', process: runtime });
      expect(await again.run(x)).toEqual(y);
      await again.close();
    } finally {
      runtime.end();
    }
    await expect(
      openInChild('/no/such', { ep: 'cpu', level: 'all', threads: 1, profile: undefined }, undefined),
    ).rejects.toThrow();
  });
});
