/** A proof of what no machine holds is refused before anything runs. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { build } from '../../src/check.ts';
import { DiagnosticError } from '../../src/diagnostics/diagnostic.ts';
import { render } from '../../src/diagnostics/render.ts';
import { EvaluationError, evaluateGraph } from '../../src/ops/reference.ts';
import { optimizeOnnx } from '../../src/optimize.ts';
import { verifyOptimized } from '../../src/runtime/equivalence.ts';
import { verifyModel } from '../../src/runtime/verify-model.ts';
import { golden } from '../golden.ts';
import { constants } from './graphs.ts';

async function refusal(run: () => Promise<unknown>): Promise<string> {
  try {
    await run();
  } catch (error) {
    if (error instanceof DiagnosticError) return render(error.diagnostics, { color: false, width: 130 });
    throw error;
  }
  throw new Error('nothing was refused');
}

async function proof(name: string) {
  const original = readFileSync(new URL(`../fixtures/faults/${name}`, import.meta.url));
  const { unoptimized, graph, onnx } = await optimizeOnnx(original, { keepUnoptimized: true });
  if (!unoptimized || !graph || !onnx) throw new Error('not optimised');
  const command = 'rescc optimize in.onnx -o out.onnx';
  return verifyOptimized({ original, before: unoptimized, after: graph, onnx, constants, eps: ['cpu'], threads: 1, command });
}

const source = (text: string) => {
  const { graph } = build({ name: 'large.res', text });
  if (!graph) throw new Error('not built');
  return graph;
};

describe('a value that is too large', () => {
  it('is refused in a file', async () => {
    golden('errors/RES0843-range.txt', await refusal(() => proof('memory-range-1e9.onnx')));
    golden('errors/RES0843-pads.txt', await refusal(() => proof('crash-conv-pads-1e9.onnx')));
  });

  it('is refused in a source', async () => {
    const graph = source('model Large { input x: f32[N, 3, 100000, 100000]  relu  output y }');
    golden(
      'errors/RES0843-input.txt',
      await refusal(() => verifyModel({ before: graph, after: graph, constants, eps: ['cpu'] })),
    );
  });

  it('is refused at sizes that are asked for', async () => {
    const graph = source('model Small { input x: f32[N, 3, H, W]  relu  output y }');
    const sizes = { x: [1, 3, 100_000, 100_000] };
    golden(
      'errors/RES0843-sizes.txt',
      await refusal(() => verifyModel({ before: graph, after: graph, constants, eps: ['cpu'], sizes })),
    );
  });

  it('is not computed by the reference', () => {
    const graph = source('model Wide { input x: f32[N, 1, 1, 1]  pad(20000)  output y }');
    const none = () => {
      throw new Error('no constants');
    };
    const inputs = new Map([['x', { elem: 'f32' as const, dims: [1, 1, 1, 1], data: new Float64Array(1) }]]);
    expect(() => evaluateGraph(graph, inputs, none)).toThrow(EvaluationError);
    expect(() => evaluateGraph(graph, inputs, none)).toThrow('1,600,080,001 elements, expected at most 268,435,456');
  });
});
