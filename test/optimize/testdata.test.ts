/** A sample of the models that ONNX is tested with: an optimised one does not do worse in onnxruntime than the original. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { difference, judge, readTestModel } from './testdata.ts';

const folder = 'test/fixtures/onnx-testdata';
const kinds = ['node', 'pytorch-converted', 'pytorch-operator', 'simple'];

describe.each(kinds)('onnx test data, %s', (kind) => {
  it.each(readdirSync(join(folder, kind)))('%s', async (name) => {
    const model = readTestModel(join(folder, kind), name);
    const verdicts = await judge(model);
    for (const verdict of verdicts) expect(verdict.worse, `-O${verdict.level}`).toBeUndefined();
    // The sample holds nothing that onnxruntime cannot load, so that every model of it is a proof of something.
    expect(verdicts.map((v) => v.original)).not.toContain('refused');
    const training = name.endsWith('_training_mode');
    expect(verdicts.map((v) => v.declined)).toEqual(verdicts.map(() => (training ? 'RES0656' : undefined)));
  });
});

describe('the judge', () => {
  it('sees numbers beyond the tolerance, types and shapes', () => {
    const t = (type: string, dims: readonly number[], data: ArrayLike<unknown>) => ({ type, dims, data });
    expect(difference(t('float32', [1], [1]), t('float32', [1], [1.0005]))).toBeUndefined();
    expect(difference(t('float32', [1], [1]), t('float32', [1], [1.01]))).toBe('element 0 is 1.01 instead of 1');
    expect(difference(t('int32', [1], [1000]), t('int32', [1], [1001]))).toBe('element 0 is 1001 instead of 1000');
    expect(difference(t('float32', [1], [1]), t('float64', [1], [1]))).toBe('float64[1] instead of float32[1]');
    expect(difference(t('float32', [1], [1]), t('float32', [], [1]))).toBe('float32[] instead of float32[1]');
  });

  it('finds an optimised model that gives something else, does not load, or is none', async () => {
    const model = readTestModel(join(folder, 'node'), 'test_clip_default_inbounds');
    const other = readTestModel(join(folder, 'node'), 'test_leakyrelu_default');
    const worse = async (bytes: Uint8Array | undefined, crashed = false) => {
      const [verdict] = await judge(model, [0], async () => ({ bytes, why: 'because', crashed }));
      return verdict?.worse;
    };
    expect(await worse(model.bytes)).toBeUndefined();
    expect(await worse(other.bytes)).toMatch(/^right became (loads|wrong)/);
    expect(await worse(model.bytes.subarray(0, 20))).toMatch(/^right became refused/);
    expect(await worse(undefined)).toBe('right became refused: because');
    expect(await worse(undefined, true)).toBe('crashed: because');
  });
});
