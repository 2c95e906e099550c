/** The standard library: blocks that models import. Written by scripts/stdlib.ts from the .res files beside it. */
// biome-ignore format: one line of the library a line
export const standardLibrary: Readonly<Record<string, string>> = {
  'std/resnet.res':
    '/// Bottleneck of He et al. 2015 (arXiv:1512.03385, fig. 5), with ResNeXt\'s groups, dilation and a choice of norm.\n' +
    'block Bottleneck(width, stride = 1, groups = 1, base = 64, dilation = 1, norm = batchnorm, via = project(norm=norm)) {\n' +
    '  let inner = width * base / 64 * groups\n' +
    '  residual {\n' +
    '    conv1: conv(inner, 1x1)                                                    bn1: norm  relu\n' +
    '    conv2: conv(inner, 3x3, stride=stride, groups=groups, dilation=dilation)   bn2: norm  relu\n' +
    '    conv3: conv(4 * width, 1x1)                                                bn3: norm\n' +
    '  } shortcut downsample: via\n' +
    '  relu\n' +
    '}\n' +
    '',
};
