/** The architectures that ship: parameters, buffers and multiply-adds, against what their papers and torchvision count. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { build, models } from '../../src/check.ts';
import { printGraph } from '../../src/ir/print.ts';
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
  FasterRCNN: ['faster_rcnn.res', 41_755_286],
  RetinaNet: ['retinanet.res', 34_014_999],
  SSD300: ['ssd300.res', 35_641_826],
  UNet: ['unet.res', 31_030_658],
  // Without the two shifts of the mean colour, 43,089,923; PyTorch's code keeps theirs from training.
  EDSR: ['super_resolution.res', 43_089_947],
  DeepLabV3_ResNet50: ['segmentation.res', 42_004_074],
  ConvNeXtTiny: ['se_convnext.res', 28_589_128],
  SwinT: ['swin.res', 28_288_354, 4.491],
  SwinS: ['swin.res', 49_606_258],
  SwinB: ['swin.res', 87_768_224],
  BertModel: ['bert.res', 109_482_240],
  BertLarge: ['bert.res', 335_141_888],
  BertForMaskedLM: ['bert.res', 109_514_298],
  BertForSequenceClassification: ['bert.res', 109_483_778],
  BertForTokenClassification: ['bert.res', 108_893_186],
  BertForQuestionAnswering: ['bert.res', 108_893_186],
  GPT2: ['gpt2.res', 124_439_808],
  GPT2Medium: ['gpt2.res', 354_823_168],
  GPT2Large: ['gpt2.res', 774_030_080],
  GPT2XL: ['gpt2.res', 1_557_611_200],
  Llama2_7B: ['llama.res', 6_738_415_616],
  Llama3_8B: ['llama.res', 8_030_261_248],
  Llama31_8B: ['llama.res', 8_030_261_248],
  Llama32_1B: ['llama.res', 1_235_814_400],
  Llama32_3B: ['llama.res', 3_212_749_824],
  TinyLlama: ['llama.res', 1_100_048_384],
  SmolLM2_135M: ['llama.res', 134_515_008],
  ViT_B_16: ['vit.res', 86_567_656],
  ViT_B_32: ['vit.res', 88_224_232],
  ViT_L_16: ['vit.res', 304_326_632],
  ViT_L_32: ['vit.res', 306_535_400],
  DeiT_Ti: ['deit.res', 5_717_416],
  DeiT_S: ['deit.res', 22_050_664],
  DeiT_B: ['deit.res', 86_567_656],
  DeiT_B_distilled: ['deit.res', 87_338_192],
  // The paper's table 3: 694 K, 703 K and 715 K.
  IMDN_x2: ['imdn.res', 694_404],
  IMDN_x3: ['imdn.res', 703_059],
  IMDN_x4: ['imdn.res', 715_176],
  // NestedUNet of the repository whose labels it has.
  UNetPlusPlus: ['unet_plus_plus.res', 9_163_329],
  // The paper's table 4: 22.6 M and 36.6 M.
  VoVNet39: ['vovnet.res', 22_600_296],
  VoVNet57: ['vovnet.res', 36_640_296],
  // torchdiffeq's odenet_mnist.py, which prints them, with either way of making the picture smaller.
  OdeNetConv: ['neural_ode.res', 208_266],
  OdeNetRes: ['neural_ode.res', 232_970],
  Spiral: ['neural_ode.res', 0],
  LearnedSpiral: ['neural_ode.res', 252],
  DiscreteResNet20: ['neural_ode.res', 269_722],
  EulerResNet20: ['neural_ode.res', 269_722],
  // One branch of two or three in a stage: two of 16 channels, and one each of 32 and of 64, less.
  ContinuousResNet20: ['neural_ode.res', 269_722 - 2 * 4672 - 18_560 - 73_984],
  // PyTorch counts them for the tutorial's modules in test/fixtures/published/outputs.py.
  DEQ: ['deq.res', 64_842],
};

/** Some names of the repositories' own modules, in their order. */
const names: Readonly<Record<string, readonly [string, readonly string[]]>> = {
  DEQ: ['deq.res', ['0.weight', '1.bias', '2.f.conv1.weight', '2.f.conv2.weight', '2.f.norm3.bias', '3.weight', '6.bias']],
  OdeNetConv: [
    'neural_ode.res',
    [
      '0.weight',
      '1.weight',
      '3.bias',
      '6.bias',
      '7.odefunc.norm1.weight',
      '7.odefunc.conv1._layer.bias',
      '7.odefunc.norm3.bias',
      '8.weight',
      '12.bias',
    ],
  ],
  OdeNetRes: [
    'neural_ode.res',
    [
      '0.weight',
      '1.norm1.weight',
      '1.conv2.weight',
      '2.downsample.weight',
      '3.odefunc.conv2._layer.weight',
      '4.weight',
      '8.bias',
    ],
  ],
  IMDN_x4: [
    'imdn.res',
    [
      'fea_conv.weight',
      'IMDB1.c1.weight',
      'IMDB1.c4.bias',
      'IMDB1.cca.conv_du.0.weight',
      'IMDB1.cca.conv_du.2.bias',
      'IMDB6.c5.weight',
      'c.0.weight',
      'LR_conv.bias',
      'upsampler.0.weight',
    ],
  ],
  UNetPlusPlus: [
    'unet_plus_plus.res',
    [
      'conv0_0.conv1.weight',
      'conv0_0.bn1.running_var',
      'conv4_0.conv2.bias',
      'conv0_1.conv1.weight',
      'conv3_1.bn2.weight',
      'conv2_2.conv1.weight',
      'conv0_4.bn2.bias',
      'final.weight',
    ],
  ],
  VoVNet39: [
    'vovnet.res',
    [
      'stem.stem_1/conv.weight',
      'stem.stem_3/norm.running_mean',
      'stage2.OSA2_1.layers.0.OSA2_1_0/conv.weight',
      'stage2.OSA2_1.concat.OSA2_1_concat/norm.bias',
      'stage5.OSA5_2.layers.4.OSA5_2_4/conv.weight',
      'classifier.weight',
    ],
  ],
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

  test.each(Object.entries(names))('%s has the names of its checkpoints', (model, [file, some]) => {
    const { graph } = build(readFileSync(new URL(file, root), 'utf8'), { fileName: file, model });
    const own = graph?.constants().flatMap((v) => v.name ?? []) ?? [];
    expect(own.filter((name) => some.includes(name))).toEqual(some);
  });

  test('a ResNet-20 by steps of Euler is the discrete one', () => {
    const source = readFileSync(new URL('neural_ode.res', root), 'utf8');
    const of = (model: string): string => {
      const { graph } = build(source, { fileName: 'neural_ode.res', model });
      return graph ? printGraph(graph).replaceAll(model, 'ResNet20') : '';
    };
    expect(of('DiscreteResNet20')).toContain('residual @layer3.1 ');
    expect(of('EulerResNet20')).toBe(of('DiscreteResNet20'));
  });

  test('each of ResNet20 to ResNet1202 comes with options A, B and C', () => {
    const names = models(readFileSync(new URL('resnet_cifar.res', root), 'utf8'));
    for (const depth of [20, 32, 44, 56, 110, 1202])
      for (const option of ['', 'B', 'C']) expect(names).toContain(`ResNet${depth}${option}`);
  });
});
