/** The standard library: blocks that models import. Written by scripts/stdlib.ts from the .res files beside it. */
// biome-ignore format: one line of the library a line
export const standardLibrary: Readonly<Record<string, string>> = {
  'std/detection.res':
    '/// A picture scaled until its shorter side is `shorter`, or its longer one `longer` where that is less: torchvision\'s\n' +
    '/// GeneralizedRCNNTransform, which counts in float64 and rounds down.\n' +
    'block Fit(shorter, longer) {\n' +
    '  let sides = stack(shape(it)[2] -> cast(f64), shape(it)[3] -> cast(f64))\n' +
    '  let scale = min(shorter / (sides -> reduce_min), longer / (sides -> reduce_max))\n' +
    '  resize(to = sides * scale -> floor -> cast(i64), mode="linear")\n' +
    '}\n' +
    '\n' +
    '/// Feature pyramid (Lin et al. 2017, arXiv:1612.03144) of grids from fine to coarse.\n' +
    'block FPN(grids: tensor[], width = 256) {\n' +
    '  let last = len(grids) - 1\n' +
    '  let top = grids[-1] -> inner_blocks.{last}.0: conv(width, 1x1, bias=true)\n' +
    '  let finer = top -> repeat reverse(grids[:-1]) as grid, i collect {\n' +
    '    let lateral = grid -> inner_blocks.{last - 1 - i}.0: conv(width, 1x1, bias=true)\n' +
    '    lateral + resize(like=lateral)\n' +
    '  }\n' +
    '  return each reverse([top] + finer) as grid, i { grid -> layer_blocks.{i}.0: conv(width, 3x3, bias=true) }\n' +
    '}\n' +
    '\n' +
    '/// Reference boxes [cells · ratios · sizes, 4] that stand in every cell of a grid, in pixels of a picture of the given size.\n' +
    'block Anchors(sizes: int[], height, width, ratios: float[] = [0.5, 1.0, 2.0]) {\n' +
    '  let rows, columns = shape(it)[2:]\n' +
    '  let tall = tensor(ratios) -> sqrt -> reshape(len(ratios), 1)\n' +
    '  let half = rearrange((1.0 / tall) * tensor(sizes), tall * tensor(sizes), "c ratio size -> (ratio size) c") / 2.0\n' +
    '  let x = (range(columns) -> cast(f32)) * (floordiv(width, columns) -> cast(f32)) -> rearrange("x -> y x", y=rows)\n' +
    '  let y = (range(rows) -> cast(f32)) * (floordiv(height, rows) -> cast(f32)) -> rearrange("y -> y x", x=columns)\n' +
    '  let corner = rearrange(x, y, "c y x -> (y x) 1 c")\n' +
    '  concat(corner, corner, axis=2) + (concat(-half, half, axis=1) -> round)\n' +
    '  reshape(-1, 4)\n' +
    '}\n' +
    '\n' +
    '/// Boxes [..., 4] (left, top, right, bottom) that deltas [..., 4] move and scale: torchvision\'s BoxCoder.\n' +
    'block Decode(boxes: tensor, weights: float[] = [1.0, 1.0, 1.0, 1.0]) {\n' +
    '  let near, far = boxes -> split(2, axis=-1)\n' +
    '  let size = far - near\n' +
    '  let shift, growth = it / tensor(weights) -> split(2, axis=-1)\n' +
    '  let centre = shift * size + (near + 0.5 * size)\n' +
    '  // A size grows by log(1000 / 16) at most.\n' +
    '  let half = 0.5 * (exp(min(growth, 4.135166556742356)) * size)\n' +
    '  concat(centre - half, centre + half, axis=-1)\n' +
    '}\n' +
    '\n' +
    '/// Boxes [..., 4] kept within a picture.\n' +
    'block Clip(height, width) {\n' +
    '  let x = width -> cast(f32)\n' +
    '  let y = height -> cast(f32)\n' +
    '  min(max(it, 0.0), stack(x, y, x, y))\n' +
    '}\n' +
    '\n' +
    '/// Whether both sides of boxes [..., 4] are at least so long.\n' +
    'block AtLeast(length: float) {\n' +
    '  let near, far = split(2, axis=-1)\n' +
    '  reduce_min(far - near, axes=[-1]) >= length\n' +
    '}\n' +
    '\n' +
    '/// Of boxes [B, K, 4] with scores [B, C, K] the best [S, 4], which group b * C + c each belongs to, and their scores, in falling\n' +
    '/// order. What overlaps a better one of its group goes.\n' +
    'block Suppress(scores: tensor, iou: float, least: float, most: int) {\n' +
    '  let boxes = it\n' +
    '  let count = shape(boxes)[1]\n' +
    '  let found = boxes -> nms(scores, iou=iou, score=least)\n' +
    '  let group = found[:, 0] * shape(scores)[1] + found[:, 1]\n' +
    '  let score = scores -> reshape(-1) -> gather(group * count + found[:, 2])\n' +
    '  let best, order = score -> topk(min(most, shape(score)[0]))\n' +
    '  return boxes -> reshape(-1, 4) -> gather(found[:, 0] * count + found[:, 2]) -> gather(order), gather(group, order), best\n' +
    '}\n' +
    '\n' +
    '/// How many pixels of a picture [..., H, W] one of the current picture is, for every number of a box.\n' +
    'block PerPixel(picture: tensor) {\n' +
    '  let x = (shape(picture)[3] -> cast(f32)) / (shape(it)[3] -> cast(f32))\n' +
    '  let y = (shape(picture)[2] -> cast(f32)) / (shape(it)[2] -> cast(f32))\n' +
    '  stack(x, y, x, y)\n' +
    '}\n' +
    '',
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
    '\n' +
    '/// What each of the four stages of a ResNet (table 1) ends with, from fine to coarse.\n' +
    'block Trunk(depths: int[], base = 64, norm = batchnorm) {\n' +
    '  conv1: conv(64, 7x7, stride=2)  bn1: norm  relu\n' +
    '  maxpool(3x3, stride=2, pad=1)\n' +
    '  return repeat depths as depth, i collect {\n' +
    '    layer{i + 1}: repeat depth as unit {\n' +
    '      Bottleneck(64 * pow(2, i), stride = i > 0 and unit == 0 ? 2 : 1, base=base, norm=norm)\n' +
    '    }\n' +
    '  }\n' +
    '}\n' +
    '',
};
