"""Residual networks that no package of PyTorch's has, small, with random weights: super-resolution, generators, detectors and transformers with batchnorm.
bench/exports.py exports them beside those of torchvision, timm and transformers. Each is its paper's block, repeated a few times."""

import torch
import torch.nn.functional as F
from torch import nn


def conv(i, o, k=3, s=1, g=1, bias=True):
    return nn.Conv2d(i, o, k, s, k // 2, groups=g, bias=bias)


def conv_bn(i, o, k=3, s=1, g=1, act=lambda: nn.ReLU(inplace=True)):
    return nn.Sequential(conv(i, o, k, s, g, False), nn.BatchNorm2d(o), *([act()] if act else []))


def seq(block, n):
    return nn.Sequential(*(block() for _ in range(n)))


def joined(blocks, x):
    """What each block makes of what the one before it made, joined along the channels."""
    outs = []
    for block in blocks:
        x = block(x)
        outs.append(x)
    return torch.cat(outs, 1)


# Super-resolution


class ShiftMean(nn.Conv2d):
    """EDSR's MeanShift: a 1x1 convolution that adds the mean of the training set, or takes it away."""

    def __init__(self, sign):
        super().__init__(3, 3, 1)
        self.weight.data = torch.eye(3).view(3, 3, 1, 1)
        self.bias.data = sign * 255 * torch.tensor([0.4488, 0.4371, 0.4040])


class ScaledBlock(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.body = nn.Sequential(conv(c, c), nn.ReLU(True), conv(c, c))

    def forward(self, x):
        return x + self.body(x).mul(0.1)


class EDSR(nn.Module):
    """Lim et al. 2017, arXiv:1707.02921."""

    def __init__(self, c=32, n=4):
        super().__init__()
        self.sub, self.add = ShiftMean(-1), ShiftMean(1)
        self.head, self.body = conv(3, c), nn.Sequential(*(ScaledBlock(c) for _ in range(n)), conv(c, c))
        self.tail = nn.Sequential(conv(c, 4 * c), nn.PixelShuffle(2), conv(c, 3))

    def forward(self, x):
        x = self.head(self.sub(x))
        return self.add(self.tail(self.body(x) + x))


class Contrast(nn.Module):
    """IMDN's contrast-aware channel attention: standard deviation and mean of every channel."""

    def __init__(self, c, r=4):
        super().__init__()
        self.du = nn.Sequential(nn.Conv2d(c, c // r, 1), nn.ReLU(True), nn.Conv2d(c // r, c, 1), nn.Sigmoid())

    def forward(self, x):
        count = x.size(2) * x.size(3)
        mean = x.sum(3, keepdim=True).sum(2, keepdim=True) / count
        std = ((x - mean).pow(2).sum(3, keepdim=True).sum(2, keepdim=True) / count).pow(0.5)
        return x * self.du(std + F.adaptive_avg_pool2d(x, 1))


class Distillation(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.d, self.r = c // 4, c - c // 4
        self.c1, self.c2, self.c3, self.c4 = conv(c, c), conv(self.r, c), conv(self.r, c), conv(self.r, self.d)
        self.act, self.cca, self.c5 = nn.LeakyReLU(0.05, True), Contrast(c), nn.Conv2d(c, c, 1)

    def forward(self, x):
        d1, r1 = torch.split(self.act(self.c1(x)), (self.d, self.r), 1)
        d2, r2 = torch.split(self.act(self.c2(r1)), (self.d, self.r), 1)
        d3, r3 = torch.split(self.act(self.c3(r2)), (self.d, self.r), 1)
        return self.c5(self.cca(torch.cat([d1, d2, d3, self.c4(r3)], 1))) + x


class IMDN(nn.Module):
    """Hui et al. 2019, arXiv:1909.11856."""

    def __init__(self, c=32, n=6):
        super().__init__()
        self.fea, self.blocks = conv(3, c), nn.ModuleList(Distillation(c) for _ in range(n))
        self.c = nn.Sequential(nn.Conv2d(c * n, c, 1), nn.LeakyReLU(0.05, True))
        self.lr, self.up = conv(c, c), nn.Sequential(conv(c, 12), nn.PixelShuffle(2))

    def forward(self, x):
        f = self.fea(x)
        return self.up(self.lr(self.c(joined(self.blocks, f))) + f)


class SpatialAttention(nn.Module):
    """Liu et al. 2020, arXiv:2009.11551: ESA."""

    def __init__(self, c, f=8, make=conv):
        super().__init__()
        self.c1, self.cf, self.c4 = nn.Conv2d(c, f, 1), nn.Conv2d(f, f, 1), nn.Conv2d(f, c, 1)
        self.c2, self.cm, self.c3, self.c3_ = nn.Conv2d(f, f, 3, 2), make(f, f), make(f, f), make(f, f)

    def forward(self, x):
        a = self.c1(x)
        v = F.relu(self.cm(F.max_pool2d(self.c2(a), 7, 3)))
        c3 = self.c3_(F.relu(self.c3(v)))
        c3 = F.interpolate(c3, (x.size(2), x.size(3)), mode="bilinear", align_corners=False)
        return x * torch.sigmoid(self.c4(c3 + self.cf(a)))


class ResidualDistillation(nn.Module):
    def __init__(self, c):
        super().__init__()
        d = c // 2
        self.d = nn.ModuleList(nn.Conv2d(c, d, 1) for _ in range(3))
        self.r = nn.ModuleList(conv(c, c) for _ in range(3))
        self.c4, self.c5, self.esa = conv(c, d), nn.Conv2d(4 * d, c, 1), SpatialAttention(c)

    def forward(self, x):
        outs, y = [], x
        for d, r in zip(self.d, self.r):
            outs.append(F.leaky_relu(d(y), 0.05))
            y = F.leaky_relu(r(y) + y, 0.05)
        return self.esa(self.c5(torch.cat([*outs, F.leaky_relu(self.c4(y), 0.05)], 1)))


class RFDN(nn.Module):
    """Liu et al. 2020, arXiv:2009.11551."""

    def __init__(self, c=32, n=4, block=ResidualDistillation):
        super().__init__()
        self.fea, self.blocks = conv(3, c), nn.ModuleList(block(c) for _ in range(n))
        self.c, self.lr, self.up = nn.Conv2d(c * n, c, 1), conv(c, c), nn.Sequential(conv(c, 12), nn.PixelShuffle(2))

    def forward(self, x):
        f = self.fea(x)
        return self.up(self.lr(F.leaky_relu(self.c(joined(self.blocks, f)), 0.05)) + f)


class ChannelLinear(nn.Linear):
    """A pointwise convolution that is written as a linear layer between two permutations."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Blueprint(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.pw, self.dw = ChannelLinear(i, o), conv(o, o, g=o)

    def forward(self, x):
        return self.dw(self.pw(x))


class BlueprintBlock(nn.Module):
    def __init__(self, c):
        super().__init__()
        d = c // 2
        self.d = nn.ModuleList(ChannelLinear(c, d) for _ in range(3))
        self.r = nn.ModuleList(Blueprint(c, c) for _ in range(3))
        self.c4, self.c5, self.esa, self.cca = Blueprint(c, d), ChannelLinear(4 * d, c), SpatialAttention(c, make=Blueprint), Contrast(c)

    def forward(self, x):
        outs, y = [], x
        for d, r in zip(self.d, self.r):
            outs.append(F.gelu(d(y)))
            y = F.gelu(r(y) + y)
        return self.cca(self.esa(self.c5(torch.cat([*outs, F.gelu(self.c4(y))], 1)))) + x


class BSRN(nn.Module):
    """Li et al. 2022, arXiv:2205.05996."""

    def __init__(self, c=32, n=4):
        super().__init__()
        self.fea, self.blocks = Blueprint(12, c), nn.ModuleList(BlueprintBlock(c) for _ in range(n))
        self.c1, self.c2, self.up = ChannelLinear(c * n, c), Blueprint(c, c), nn.Sequential(conv(c, 12), nn.PixelShuffle(2))

    def forward(self, x):
        f = self.fea(torch.cat([x, x, x, x], 1))
        return self.up(self.c2(F.gelu(self.c1(joined(self.blocks, f)))) + f)


class PixelConv(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.k2, self.k3, self.k4 = nn.Conv2d(c, c, 1), conv(c, c, bias=False), conv(c, c, bias=False)

    def forward(self, x):
        return self.k4(self.k3(x) * torch.sigmoid(self.k2(x)))


class SelfCalibrated(nn.Module):
    def __init__(self, c):
        super().__init__()
        h = c // 2
        self.a, self.b = nn.Conv2d(c, h, 1, bias=False), nn.Conv2d(c, h, 1, bias=False)
        self.k1, self.pa, self.c3 = conv(h, h, bias=False), PixelConv(h), nn.Conv2d(2 * h, c, 1, bias=False)

    def forward(self, x):
        a, b = F.leaky_relu(self.a(x), 0.2), F.leaky_relu(self.b(x), 0.2)
        a, b = F.leaky_relu(self.k1(a), 0.2), F.leaky_relu(self.pa(b), 0.2)
        return self.c3(torch.cat([a, b], 1)) + x


class PixelAttention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv = nn.Conv2d(c, c, 1)

    def forward(self, x):
        return x * torch.sigmoid(self.conv(x))


class PAN(nn.Module):
    """Zhao et al. 2020, arXiv:2010.01073."""

    def __init__(self, c=40, u=24, n=8):
        super().__init__()
        self.first, self.trunk, self.last = conv(3, c), seq(lambda: SelfCalibrated(c), n), conv(c, c)
        self.ups = nn.ModuleList(nn.ModuleList([conv(i, u), PixelAttention(u), conv(u, u)]) for i in (c, u))
        self.out = conv(u, 3)

    def forward(self, x):
        f = self.first(x)
        y = self.last(self.trunk(f)) + f
        for up, pa, hr in self.ups:
            y = F.leaky_relu(pa(up(F.interpolate(y, scale_factor=2, mode="nearest"))), 0.2)
            y = F.leaky_relu(hr(y), 0.2)
        return self.out(y) + F.interpolate(x, scale_factor=4, mode="bilinear", align_corners=False)


class GatedMixer(nn.Module):
    """A block of mobile super-resolution transformers: linear layers and a norm over channels last, a depthwise convolution, a gate."""

    def __init__(self, c):
        super().__init__()
        self.norm, self.i, self.dw, self.o = nn.LayerNorm(c), nn.Linear(c, 2 * c), conv(2 * c, 2 * c, g=2 * c), nn.Linear(c, c)
        self.up, self.down = nn.Linear(c, 2 * c), nn.Linear(2 * c, c)

    def forward(self, x):
        y = self.i(self.norm(x.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)
        a, b = self.dw(y).chunk(2, 1)
        x = x + self.o((a * torch.sigmoid(b)).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return x + self.down(F.gelu(self.up(x.permute(0, 2, 3, 1)))).permute(0, 3, 1, 2)


class MobileSR(nn.Module):
    def __init__(self, c=32, n=4):
        super().__init__()
        self.first, self.body = conv(3, c), seq(lambda: GatedMixer(c), n)
        self.up = nn.Sequential(conv(c, 12), nn.PixelShuffle(2))

    def forward(self, x):
        f = self.first(x)
        y = self.up(self.body(f) + f)
        return torch.clamp(y + F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False), 0, 1)


class RRDB(nn.Module):
    def __init__(self, c=32, g=16):
        super().__init__()
        self.blocks = nn.ModuleList(nn.ModuleList(conv(c + i * g, g if i < 4 else c) for i in range(5)) for _ in range(3))

    def forward(self, x):
        y = x
        for block in self.blocks:
            xs = [y]
            for c in block[:-1]:
                xs.append(F.leaky_relu(c(torch.cat(xs, 1)), 0.2))
            y = block[-1](torch.cat(xs, 1)) * 0.2 + y
        return y * 0.2 + x


class ESRGAN(nn.Module):
    """Wang et al. 2018, arXiv:1809.00219."""

    def __init__(self, c=32, n=2):
        super().__init__()
        self.first, self.body, self.last = conv(3, c), seq(lambda: RRDB(c), n), conv(c, c)
        self.u1, self.u2, self.hr, self.out = conv(c, c), conv(c, c), conv(c, c), conv(c, 3)

    def forward(self, x):
        f = self.first(x)
        y = f + self.last(self.body(f))
        for u in (self.u1, self.u2):
            y = F.leaky_relu(u(F.interpolate(y, scale_factor=2, mode="nearest")), 0.2)
        return self.out(F.leaky_relu(self.hr(y), 0.2))


# Generators and U-Nets


class UNet(nn.Module):
    """Ronneberger et al. 2015, arXiv:1505.04597, with batchnorm, by transposed convolutions or by bilinear enlargement."""

    def __init__(self, c=16, bilinear=False):
        super().__init__()
        two = lambda i, o: nn.Sequential(conv_bn(i, o), conv_bn(o, o))
        self.down = nn.ModuleList([two(3, c), two(c, 2 * c), two(2 * c, 4 * c), two(4 * c, 8 * c)])
        up = lambda o: (
            nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), nn.Conv2d(2 * o, o, 1))
            if bilinear
            else nn.ConvTranspose2d(2 * o, o, 2, 2)
        )
        self.up = nn.ModuleList([up(4 * c), up(2 * c), up(c)])
        self.join = nn.ModuleList([two(8 * c, 4 * c), two(4 * c, 2 * c), two(2 * c, c)])
        self.out = nn.Conv2d(c, 2, 1)

    def forward(self, x):
        kept = []
        for d in self.down:
            x = d(F.max_pool2d(x, 2) if kept else x)
            kept.append(x)
        for u, j, s in zip(self.up, self.join, kept[-2::-1]):
            y = u(x)
            dy, dx = s.size(2) - y.size(2), s.size(3) - y.size(3)
            x = j(torch.cat([s, F.pad(y, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2])], 1))
        return self.out(x)


class CGAN(nn.Module):
    """A conditional generator; branch: batchnorm behind the activation, read twice; flat: batchnorm of flattened maps."""

    def __init__(self, kind=""):
        super().__init__()
        self.kind, self.emb = kind, nn.Embedding(10, 64 if kind == "flat" else 49 if kind == "branch" else 10)
        self.l, self.b0 = nn.Linear(64 if kind == "branch" else 74, 64 * 49 - (49 if kind == "branch" else 0)), nn.BatchNorm1d(64 * 49)
        self.flat0, self.flat1, self.up0 = nn.BatchNorm1d(64), nn.BatchNorm1d(32 * 49), nn.ConvTranspose2d(64, 32, 7)
        self.up1, self.up2, self.out = nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.ConvTranspose2d(32, 16, 4, 2, 1), conv(16, 1)
        self.b1, self.b2, self.b3, self.c = nn.BatchNorm2d(32), nn.BatchNorm2d(32), nn.BatchNorm2d(16), conv(32, 32)

    def forward(self, z, label):
        e = self.emb(label)
        if self.kind == "flat":
            x = self.up0(self.flat0(z * e).view(-1, 64, 1, 1))
            x = F.relu(self.flat1(x.flatten(1)).view(-1, 32, 7, 7))
        elif self.kind == "branch":
            x = torch.cat([F.relu(self.l(z)).view(-1, 63, 7, 7), e.view(-1, 1, 7, 7)], 1)
            x = self.b1(F.relu(self.up1(x)))
            x = x + self.b2(F.relu(self.c(x)))
        else:
            x = F.relu(self.b0(self.l(torch.cat([z, e], 1)))).view(-1, 64, 7, 7)
            x = self.b1(F.relu(self.up1(x)))
        return torch.tanh(self.out(self.b3(F.relu(self.up2(x)))))


class CycleGAN(nn.Module):
    """Zhu et al. 2017, arXiv:1703.10593: reflection padding and instance norm."""

    def __init__(self, c=16, n=3):
        super().__init__()
        unit = lambda *m: [*m, nn.InstanceNorm2d(c, affine=False), nn.ReLU(True)]
        self.first = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(3, c, 7), nn.InstanceNorm2d(c), nn.ReLU(True))
        block = lambda: nn.Sequential(
            *unit(nn.ReflectionPad2d(1), nn.Conv2d(c, c, 3)), nn.ReflectionPad2d(1), nn.Conv2d(c, c, 3), nn.InstanceNorm2d(c)
        )
        self.body = nn.ModuleList(block() for _ in range(n))
        self.out = nn.Sequential(nn.ConvTranspose2d(c, c, 3, 2, 1, 1), nn.InstanceNorm2d(c), nn.ReLU(True), nn.ReflectionPad2d(3), nn.Conv2d(c, 3, 7))

    def forward(self, x):
        x = self.first(x)
        for b in self.body:
            x = x + b(x)
        return torch.tanh(self.out(x))


class GroupNormNet(nn.Module):
    """Convolutions with group norm, as diffusion models and detectors have them; act behind it where given."""

    def __init__(self, c=32, act=F.relu):
        super().__init__()
        self.c, self.act = nn.ModuleList(conv(3 if i == 0 else c, c) for i in range(4)), act
        self.g = nn.ModuleList(nn.GroupNorm(8, c) for _ in range(4))

    def forward(self, x):
        x = self.act(self.g[0](self.c[0](x)))
        x = x + self.act(self.g[1](self.c[1](x)))
        return self.g[3](self.c[3](x + self.c[2](self.act(self.g[2](x)))))


# Detectors


class Shuffle(nn.Module):
    """A unit of ShuffleNet V2, its channels shuffled by a gather of pairs, as NanoDet and FastestDet write it."""

    def __init__(self, i, o, s):
        super().__init__()
        self.s, m = s, o // 2
        main = i if s == 2 else i // 2
        self.main = nn.Sequential(conv_bn(main, m, 1), conv_bn(m, m, 3, s, m, None), conv_bn(m, o - i if s == 2 else m, 1))
        self.proj = nn.Sequential(conv_bn(i, i, 3, 2, i, False), conv_bn(i, i, 1)) if s == 2 else None

    def forward(self, x):
        if self.proj is not None:
            return torch.cat([self.proj(x), self.main(x)], 1)
        n, c, h, w = x.size()
        x = x.reshape(n * c // 2, 2, h * w).permute(1, 0, 2).reshape(2, -1, c // 2, h, w)
        return torch.cat([x[0], self.main(x[1])], 1)


class FastestDet(nn.Module):
    """dog-qiuqiu/FastestDet: ShuffleNet V2, a head over three scales joined by pooling and enlargement."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(conv_bn(3, 24, 3, 2), nn.MaxPool2d(3, 2, 1))
        stage = lambda i, o, n: nn.Sequential(Shuffle(i, o, 2), *(Shuffle(o, o, 1) for _ in range(n - 1)))
        self.l = nn.ModuleList([stage(24, 48, 4), stage(48, 96, 8), stage(96, 192, 4)])
        self.spp = nn.ModuleList(nn.Sequential(*(conv_bn(96, 96, 5, 1, 96) for _ in range(k))) for k in (1, 2, 3))
        self.c1, self.c2 = conv_bn(48 + 96 + 192, 96, 1), conv_bn(3 * 96, 96, 1, act=None)
        head = lambda o: nn.Sequential(conv_bn(96, 96, 5, 1, 96), conv_bn(96, o, 1, act=None))
        self.obj, self.reg, self.cls = head(1), head(4), head(80)

    def forward(self, x):
        p1 = self.l[0](self.first(x))
        p2 = self.l[1](p1)
        p3 = self.l[2](p2)
        p3 = F.interpolate(p3, scale_factor=2.0, mode="nearest")
        y = self.c1(torch.cat([F.avg_pool2d(p1, 3, 2, 1), p2, p3], 1))
        y = F.relu(y + self.c2(torch.cat([s(y) for s in self.spp], 1)))
        return torch.cat([torch.sigmoid(self.obj(y)), self.reg(y), F.softmax(self.cls(y), 1)], 1)


def conv_bn_silu(i, o, k=3, s=1):
    return conv_bn(i, o, k, s, act=nn.SiLU)


class CSP(nn.Module):
    """The cross-stage block of YOLOv5."""

    def __init__(self, c, n):
        super().__init__()
        self.a, self.b, self.o = conv_bn_silu(c, c // 2, 1), conv_bn_silu(c, c // 2, 1), conv_bn_silu(c, c, 1)
        self.m = nn.ModuleList(nn.Sequential(conv_bn_silu(c // 2, c // 2, 1), conv_bn_silu(c // 2, c // 2)) for _ in range(n))

    def forward(self, x):
        y = self.a(x)
        for m in self.m:
            y = y + m(y)
        return self.o(torch.cat([y, self.b(x)], 1))


class YOLO(nn.Module):
    """The blocks of YOLOv5: slices to depth, cross-stage blocks, pooling pyramid, and boxes decoded on a grid."""

    def __init__(self, c=16):
        super().__init__()
        self.focus, self.d1, self.c1 = conv_bn_silu(12, c), conv_bn_silu(c, 2 * c, s=2), CSP(2 * c, 2)
        self.d2, self.c2 = conv_bn_silu(2 * c, 4 * c, s=2), CSP(4 * c, 1)
        self.s1, self.s2 = conv_bn_silu(4 * c, 2 * c, 1), conv_bn_silu(8 * c, 4 * c, 1)
        self.up, self.c3 = conv_bn_silu(4 * c, 2 * c, 1), CSP(4 * c, 1)
        self.out = nn.ModuleList([nn.Conv2d(4 * c, 3 * 9, 1), nn.Conv2d(4 * c, 3 * 9, 1)])
        self.register_buffer("anchors", torch.rand(2, 1, 3, 1, 1, 2) * 32 + 8)

    def decode(self, x, i, stride):
        n, _, h, w = x.shape
        x = x.view(n, 3, 9, h, w).permute(0, 1, 3, 4, 2).sigmoid()
        gy, gx = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        grid = torch.stack((gx, gy), 2).view(1, 1, h, w, 2).float()
        xy = (x[..., 0:2] * 2 - 0.5 + grid) * stride
        wh = (x[..., 2:4] * 2) ** 2 * self.anchors[i]
        return torch.cat((xy, wh, x[..., 4:]), -1).view(n, -1, 9)

    def forward(self, x):
        x = torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1)
        p1 = self.c1(self.d1(self.focus(x)))
        p2 = self.c2(self.d2(p1))
        y = self.s1(p2)
        a = F.max_pool2d(y, 5, 1, 2)
        b = F.max_pool2d(a, 5, 1, 2)
        p2 = self.s2(torch.cat([y, a, b, F.max_pool2d(b, 5, 1, 2)], 1))
        p1 = self.c3(torch.cat([F.interpolate(self.up(p2), scale_factor=2, mode="nearest"), p1], 1))
        return torch.cat([self.decode(self.out[0](p1), 0, 4), self.decode(self.out[1](p2), 1, 8)], 1)


# Transformers


class TokenNorm(nn.Module):
    """Batchnorm over the features of tokens [batch, tokens, features]."""

    def __init__(self, c):
        super().__init__()
        self.b = nn.BatchNorm1d(c)

    def forward(self, x):
        return self.b(x.transpose(1, 2)).transpose(1, 2)


class NormedViT(nn.Module):
    """A vision transformer with batchnorm in the place of LayerNorm; norms of q, k and v too where told."""

    def __init__(self, c=64, heads=4, depth=3, qk=False):
        super().__init__()
        self.heads, self.pe, self.head = heads, nn.Conv2d(3, c, 8, 8), nn.Linear(c, 10)
        norm = lambda: TokenNorm(c) if qk else nn.Identity()
        self.blocks = nn.ModuleList(
            nn.ModuleDict(
                dict(n1=TokenNorm(c), q=nn.Linear(c, c, bias=not qk), k=nn.Linear(c, c, bias=not qk), v=nn.Linear(c, c, bias=not qk), p=nn.Linear(c, c))
                | dict(bq=norm(), bk=norm(), bv=norm(), n2=TokenNorm(c), a=nn.Linear(c, 2 * c), b=nn.Linear(2 * c, c))
            )
            for _ in range(depth)
        )
        self.norm = TokenNorm(c)

    def forward(self, x):
        x = self.pe(x).flatten(2).transpose(1, 2)
        for m in self.blocks:
            n, t, c = x.shape
            y = m["n1"](x)
            q, k, v = (m["b" + i](m[i](y)).view(n, t, self.heads, c // self.heads).transpose(1, 2) for i in "qkv")
            x = x + m["p"](F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, t, c))
            x = x + m["b"](F.gelu(m["a"](m["n2"](x))))
        return self.head(self.norm(x).mean(1))


class Temporal(nn.Module):
    """Bai et al. 2018, arXiv:1803.01271: dilated causal convolutions over one axis, a log-softmax at the end."""

    def __init__(self, c=32, n=4):
        super().__init__()
        self.c = nn.ModuleList(nn.Conv1d(3 if i == 0 else c, c, 3, padding=2 * 2**i, dilation=2**i) for i in range(n))
        self.d, self.p, self.o = nn.ModuleList(nn.Conv1d(c, c, 1) for _ in range(n)), nn.Conv1d(3, c, 1), nn.Linear(c, 10)

    def forward(self, x):
        y = self.p(x)
        for i, (c, d) in enumerate(zip(self.c, self.d)):
            z = F.relu(c(x if i == 0 else y)[:, :, : -2 * 2**i])
            y = F.relu(d(z) + y)
        return torch.log(F.softmax(self.o(y[:, :, -1]), -1))


class Distances(nn.Module):
    """Lengths and distances of embeddings, spelled out as losses and retrieval heads do."""

    def __init__(self, c=16):
        super().__init__()
        self.a, self.b = conv_bn(3, c, 3, 2), conv_bn(c, c, act=None)

    def forward(self, x):
        y = self.a(x)
        z = y + self.b(y)
        unit = z / z.pow(2).sum(1, keepdim=True).sqrt().clamp(min=1e-6)
        return unit.abs().sum((2, 3)), z.pow(2).sum((2, 3)), (y - z).abs().sum(1), z.exp().sum(1).log()
