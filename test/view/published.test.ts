/**
 * Multiply-adds of published networks: torchvision's own figures (`_ops` of its weights, counted as fvcore does: convolutions,
 * matrix products, nothing else), and for Transformers the sum of their matrix products.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { build } from '../../src/check.ts';
import { evaluate, type Sizes } from '../../src/ir/evaluate.ts';
import { summarize } from '../../src/summarize.ts';

const examples = new URL('../../examples/', import.meta.url);
const resolveImport = (from: string) => ({ name: from, text: readFileSync(new URL(from, examples), 'utf8') });

function madds(file: string, model: string, sizes: Sizes): number {
  const { graph, diagnostics } = build(readFileSync(new URL(file, examples), 'utf8'), { model, resolveImport });
  if (!graph) throw new Error(diagnostics[0]?.title);
  const summary = summarize(graph, { depth: 0, sizes });
  const { constant } = summary.madds ?? {};
  if (constant === undefined || !summary.general.madds) throw new Error('not a number');
  expect(constant).toBe(evaluate(summary.general.madds, sizes));
  return constant;
}

/** BERT and GPT-2: L layers of width D on T tokens, with a head to V words. */
const transformer = (layers: number, d: number, t: number): number => layers * (12 * d * d * t + 2 * t * t * d);

describe('multiply-adds as published', () => {
  test.each([
    ['resnet.res', 'ResNet18', 1.814],
    ['resnet.res', 'ResNet34', 3.664],
    ['resnet.res', 'ResNet50', 4.089],
    ['resnet.res', 'ResNet101', 7.801],
    ['resnet.res', 'ResNeXt50_32x4d', 4.23],
    ['resnet.res', 'WideResNet50_2', 11.398],
    ['vgg.res', 'VGG11', 7.609],
    ['vgg.res', 'VGG16', 15.47],
    ['densenet.res', 'DenseNet121', 2.834],
    ['segmentation.res', 'FCN_ResNet50', 152.717, 520],
    ['segmentation.res', 'DeepLabV3_ResNet50', 178.722, 520],
  ])('%s %s: %d G', (file, model, expected, grid?: number) => {
    const sizes = { N: 1, ...(grid !== undefined && { H: grid, W: grid }) };
    expect(Number((madds(file, model, sizes) / 1e9).toFixed(3))).toBe(expected);
  });

  test('BERT', () => {
    const [t, d, words] = [128, 768, 30522];
    // The head's transform, and the tied decoder.
    expect(madds('bert.res', 'BertForMaskedLM', { N: 1, T: t })).toBe(transformer(12, d, t) + t * d * d + t * d * words);
  });

  test('depthwise and grouped convolutions count what they multiply: the inverted bottleneck of MobileNetV2', () => {
    const { graph } = build(`model M { input x: f32[1, 24, 56, 56]
      residual { expand: conv(144, 1x1) bn1: batchnorm relu
        depthwise: conv(144, 3x3, groups=144) bn2: batchnorm relu
        project: conv(24, 1x1) bn3: batchnorm }
      output y }`);
    if (!graph) throw new Error('it does not compile');
    expect(summarize(graph).madds?.constant).toBe(56 * 56 * (24 * 144 + 9 * 144 + 144 * 24));
  });
});
