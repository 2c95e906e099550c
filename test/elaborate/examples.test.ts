/** The architectures that ship: parameters, buffers and multiply-adds, against what their papers and torchvision count. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { build, models } from '../../src/compile.ts';
import { statsOf } from '../../src/ir/stats.ts';
import { verifyGraph } from '../../src/ir/verifier.ts';

const root = new URL('../../examples/', import.meta.url);
const resolveImport = (from: string): { name: string; text: string } => ({
  name: from,
  text: readFileSync(new URL(from, root), 'utf8'),
});

/** model: [file, trainable parameters, multiply-adds in units of 10^9 at the size of its input, if known] */
const expected: Readonly<Record<string, readonly [string, number, number?]>> = {
  ResNet18: ['resnet.res', 11_689_512, 1.814],
  ResNet34: ['resnet.res', 21_797_672, 3.664],
  ResNet50: ['resnet.res', 25_557_032, 4.089],
  ResNet101: ['resnet.res', 44_549_160, 7.801],
  ResNet152: ['resnet.res', 60_192_808, 11.514],
  WideResNet50_2: ['resnet.res', 68_883_240, 11.398],
  ResNeXt50_32x4d: ['resnet.res', 25_028_904, 4.23],
  ResNeXt101_32x8d: ['resnet.res', 88_791_336, 16.414],
  ResNet20: ['resnet_cifar.res', 269_722],
  ResNet20B: ['resnet_cifar.res', 272_474],
  ResNet110: ['resnet_cifar.res', 1_727_962],
  Plain34: ['plain.res', 21_623_848],
  VGG19: ['vgg.res', 143_667_240],
  VGG11_bn: ['vgg.res', 132_868_840],
  ResNet164: ['preact_resnet.res', 1_703_258],
  ResNet1001: ['preact_resnet.res', 10_327_706],
  WRN_28_10: ['wide_resnet.res', 36_479_194],
  WRN_40_4: ['wide_resnet.res', 8_949_210],
  WRN_16_8: ['wide_resnet.res', 10_961_370],
  RepVGG_A0: ['repvgg.res', 9_108_968],
  DenseNet121: ['densenet.res', 7_978_856, 2.834],
  DenseNet161: ['densenet.res', 28_681_000],
  UNet: ['unet.res', 31_030_658],
  // Without the two shifts of the mean colour, 43,089,923; PyTorch's code keeps theirs from training.
  EDSR: ['super_resolution.res', 43_089_947],
  DeepLabV3_ResNet50: ['segmentation.res', 42_004_074],
  ConvNeXtTiny: ['se_convnext.res', 28_589_128],
  BertForMaskedLM: ['bert.res', 109_514_298],
  GPT2: ['gpt2.res', 124_439_808],
};

describe('examples', () => {
  test.each(Object.entries(expected))('%s', (model, [file, parameters, madds]) => {
    const source = readFileSync(new URL(file, root), 'utf8');
    const { diagnostics, graph } = build(source, { fileName: file, model, resolveImport });
    expect(diagnostics).toEqual([]);
    if (!graph) throw new Error('no graph');
    expect(verifyGraph(graph)).toEqual([]);
    const stats = statsOf(graph);
    expect(stats.parameters).toBe(parameters);
    const one = stats.madds?.evaluate(new Map([['N', 1]]));
    if (madds !== undefined) expect((one ?? 0) / 1e9).toBeCloseTo(madds, 3);
  });

  test('each of ResNet20 to ResNet1202 comes with options A, B and C', () => {
    const names = models(readFileSync(new URL('resnet_cifar.res', root), 'utf8'));
    for (const depth of [20, 32, 44, 56, 110, 1202])
      for (const option of ['', 'B', 'C']) expect(names).toContain(`ResNet${depth}${option}`);
  });
});
