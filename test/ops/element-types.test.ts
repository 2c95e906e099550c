/**
 * Whatever is written of an operator, for operands of any type at any opset, has types that ONNX allows: onnxruntime, which
 * checks them by ONNX's own schemas before it looks for a kernel, is the judge. What ONNX has not is refused.
 */
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { emitOnnx } from '../../src/codegen/emit.ts';
import { DiagnosticError } from '../../src/diagnostics/diagnostic.ts';
import type { Sample } from '../../src/ir/operator.ts';
import { roundTo } from '../../src/ir/round.ts';
import { type ElemType, type HostTensor, isFloat } from '../../src/ir/types.ts';
import { typeMisfit } from '../../src/onnx/element-types.ts';
import { onnxBytes } from '../../src/onnx/write.ts';
import { operators } from '../../src/ops/registry.ts';
import { runSource } from '../support/run-source.ts';
import { concreteNode, type OneNode, sampleSource } from './support.ts';

const types = ['f64', 'f16', 'bf16', 'u8', 'i16', 'u64'] as const;
const opsets = [13, 17, 21, 23];

function retyped(x: HostTensor | undefined, elem: ElemType): HostTensor | undefined {
  if (!x || (x.elem !== 'f32' && (isFloat(elem) || x.elem !== 'i64'))) return x;
  const data = Float64Array.from(x.data, (v) => (isFloat(elem) ? v : Math.abs(Math.trunc(v))));
  roundTo(elem, data);
  return { elem, dims: x.dims, data };
}

function nodeOf(operator: (typeof operators)[number], sample: Sample, elem: ElemType): OneNode | undefined {
  try {
    return concreteNode(operator, { ...sample, operands: sample.operands.map((x) => retyped(x, elem)) });
  } catch {
    // The operator takes no such type.
    return undefined;
  }
}

/** What onnxruntime says of the types, or nothing; that it has no kernel, or JavaScript no array, is no matter here. */
async function complaint({ graph }: OneNode, opset: number): Promise<string | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await onnxBytes(emitOnnx(graph, { opset }));
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    expect(error.diagnostics[0]?.code).toBe('RES0601');
    return undefined;
  }
  try {
    const session = await ort.InferenceSession.create(bytes, {
      graphOptimizationLevel: 'disabled',
      intraOpNumThreads: 1,
      logSeverityLevel: 4,
    });
    await session.release();
    return undefined;
  } catch (error) {
    const text = String(error);
    return /Could not find an implementation|NOT_IMPLEMENTED|Unsupported data type/.test(text) ? undefined : text;
  }
}

describe.each(operators.map((operator) => [operator.name, operator] as const))('%s', (name, operator) => {
  it('is written with types that ONNX allows, or refused', async () => {
    const wrong: string[] = [];
    for (const elem of types) {
      const one = nodeOf(operator, operator.sample(sampleSource(977)), elem);
      if (!one) continue;
      for (const opset of opsets) {
        // onnxruntime expands Clip-13 of bf16 by a function whose Where has none.
        if (name === 'clamp' && elem === 'bf16' && opset === 13) continue;
        const text = await complaint(one, opset);
        if (text !== undefined) wrong.push(`${elem} at opset ${opset}: ${text}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe('what ONNX does not allow', () => {
  it('is named with the opset that does, or with the types that there are', () => {
    expect(typeMisfit('Conv', 17, ['bf16', 'bf16'], ['bf16'])).toMatchObject({ elem: 'bf16', from: 22, result: false });
    expect(typeMisfit('Conv', 22, ['bf16', 'bf16'], ['bf16'])).toBeUndefined();
    expect(typeMisfit('Where', 13, ['bool', 'bf16', 'bf16'], ['bf16'])).toMatchObject({ elem: 'bf16', from: 16 });
    expect(typeMisfit('ReduceSum', 17, ['i8', 'i64'], ['i8'])).toMatchObject({ elem: 'i8', from: undefined });
    expect(typeMisfit('ConstantOfShape', 17, ['i64'], ['bf16'])).toMatchObject({ elem: 'bf16', from: 20, result: true });
    expect(typeMisfit('RotaryEmbedding', 23, ['f64'], ['f64'])).toMatchObject({ elem: 'f64', instead: ['f32', 'f16', 'bf16'] });
  });

  it('is not asked of what is left out, of further operands but the last kind, and of operators that ONNX has not', () => {
    expect(typeMisfit('Clip', 17, ['f32', undefined, 'f32'], ['f32'])).toBeUndefined();
    expect(typeMisfit('Concat', 17, ['f32', 'f32', 'f32'], ['f32'])).toBeUndefined();
    expect(typeMisfit('FusedConv', 17, ['bool'], ['bool'])).toBeUndefined();
  });
});

describe('rope', () => {
  it.each([17, 23])('turns f16 far from the beginning as it turns f32, at opset %i', async (opset) => {
    const data = Float64Array.from({ length: 8 }, (_, i) => (i % 3) - 1);
    const source = (elem: string): string =>
      `model M {\n  input x: ${elem}[1, 1, T, 4]\n  input p: i64[T]\n  x\n  rope(positions=p)\n  output y\n}`;
    const p: HostTensor = { elem: 'i64', dims: [2], data: Float64Array.of(2049, 4999) };
    const [narrow] = await runSource(source('f16'), [{ x: { elem: 'f16', dims: [1, 1, 2, 4], data }, p }], { opset });
    const expected = Array.from(data);
    for (const [row, place] of [2049, 4999].entries())
      for (const i of [0, 1]) {
        const angle = place * 10000 ** (-i / 2);
        const [a = 0, b = 0] = [data[4 * row + i], data[4 * row + i + 2]];
        expected[4 * row + i] = a * Math.cos(angle) - b * Math.sin(angle);
        expected[4 * row + i + 2] = b * Math.cos(angle) + a * Math.sin(angle);
      }
    const found = narrow?.get('y')?.data ?? [];
    expected.forEach((value, i) => {
      expect(found[i]).toBeCloseTo(value, 2);
    });
  });
});
