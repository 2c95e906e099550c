/**
 * torchvision's networks: every name, shape, count and output, computed by torch in float64 on weights that are a formula of
 * their name.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { compile } from '../../src/compile.ts';
import { statsOf } from '../../src/ir/stats.ts';
import { staticDims } from '../../src/ir/types.ts';
import { openSession } from '../../src/runtime/session.ts';
import { formulaCheckpoint, formulaTensor } from '../support/formula.ts';

interface Expected {
  readonly input: Readonly<Record<string, readonly number[]>>;
  readonly parameters: number;
  readonly buffers: number;
  readonly tensors: Readonly<Record<string, readonly number[]>>;
  readonly outputs: Readonly<
    Record<
      string,
      { readonly shape: readonly number[]; readonly stride: number; readonly abs_max: number; readonly values: readonly number[] }
    >
  >;
}

const here = new URL('../', import.meta.url);
const cases: readonly (readonly [fixture: string, file: string, model: string, levels: readonly (0 | 1 | 2)[]])[] = [
  ['resnet18', 'resnet.res', 'ResNet18', [0, 1, 2]],
  ['resnet50', 'resnet.res', 'ResNet50', [1, 2]],
  ['resnext50_32x4d', 'resnet.res', 'ResNeXt50_32x4d', [1]],
  ['vgg11_bn', 'vgg.res', 'VGG11_bn', [1]],
  ['vgg19', 'vgg.res', 'VGG19', [1]],
  ['densenet121', 'densenet.res', 'DenseNet121', [1]],
  ['fcn_resnet50', 'segmentation.res', 'FCN_ResNet50', [1]],
];

describe('formula weights', () => {
  test.each(cases.flatMap(([fixture, file, model, levels]) => levels.map((level) => [model, level, fixture, file] as const)))(
    '%s at -O%i',
    async (model, level, fixture, file) => {
      const expected = JSON.parse(readFileSync(new URL(`fixtures/formula/${fixture}.json`, here), 'utf8')) as Expected;
      const source = readFileSync(new URL(`../examples/${file}`, here), 'utf8');
      const result = await compile(source, {
        fileName: file,
        model,
        level,
        keepUnoptimized: true,
        weights: formulaCheckpoint(expected.tensors),
      });
      expect(result.diagnostics).toEqual([]);
      const { unoptimized, graph } = result;
      if (!unoptimized || !graph) throw new Error('no graph');

      const named = unoptimized.constants().filter((v) => v.isConstant && v.role !== 'constant');
      expect(Object.fromEntries(named.map((v) => [v.name, staticDims(v.type)]))).toEqual(expected.tensors);
      const stats = statsOf(unoptimized);
      expect([stats.parameters, stats.buffers]).toEqual([expected.parameters, expected.buffers]);

      const session = await openSession(await result.bytes(), { ep: 'cpu', optimization: 'all', graph });
      try {
        const outputs = await session.run(
          new Map(Object.entries(expected.input).map(([name, dims]) => [name, formulaTensor(`input:${name}`, dims)])),
        );
        const names = Object.keys(expected.outputs);
        expect([...outputs.keys()].sort()).toEqual([...names].sort());
        for (const [name, want] of Object.entries(expected.outputs)) {
          const got = outputs.get(name);
          expect(got?.dims).toEqual(want.shape);
          const worst = want.values.reduce(
            (most, v, i) => Math.max(most, Math.abs(v - (got?.data[i * want.stride] ?? Number.NaN))),
            0,
          );
          expect(worst / want.abs_max).toBeLessThan(1e-5);
        }
      } finally {
        await session.close();
      }
    },
  );
});
