"""The networks of `npm run bench -- gpu`, as PyTorch exports them, small enough to carry to a machine that is lent for minutes.

    python bench/gpu_models.py export FOLDER [part of a name]…   needs torch, torchvision, timm, transformers, onnx, onnxscript
    python bench/gpu_models.py fill FOLDER OUT [name]…           needs onnx and numpy only

`export` writes NAME.dy.onnx (torch.export) and, for networks that are often exported so, NAME.ts.onnx (TorchScript, opset 17): the files as the exporter
makes them with its own options, but for every weight that looks drawn at random a recipe (mean, standard deviation, bounds, seed) stands instead of its
numbers. `fill` draws the numbers again. Masks, tables of positions and other constants stay as they are. Batchnorm statistics are drawn around 0 and 1
before the export, and the weights are PyTorch's own initialisation, which keeps the variance, so nothing overflows.
bench/requirements-gpu.txt has the versions that the published numbers were made with."""

import os
import sys
import zlib

import numpy as np
import onnx
from onnx import TensorProto

FEW = 1024  # constants of at most so many elements are written out


def strip(model, name):
    """Recipes for weights. A constant of few distinct values is a mask or a table, not a weight."""
    for t in model.graph.initializer:
        if t.data_type != TensorProto.FLOAT:
            continue
        a = onnx.numpy_helper.to_array(t)
        if a.size <= FEW or np.unique(a).size < a.size // 4 or not np.isfinite(a).all():
            continue
        mean, std, low, high = (float(f(a)) for f in (np.mean, np.std, np.min, np.max))
        seed = zlib.crc32(f"{name}:{t.name}".encode())
        t.ClearField("raw_data")
        t.ClearField("float_data")
        t.data_location = TensorProto.EXTERNAL
        for key, value in {"location": "drawn", "mean": mean, "std": std, "min": low, "max": high, "seed": seed}.items():
            t.external_data.add(key=key, value=repr(value) if not isinstance(value, str) else value)


def fill(model):
    for t in model.graph.initializer:
        recipe = {e.key: e.value for e in t.external_data}
        if recipe.get("location") != "drawn":
            continue
        g = np.random.Generator(np.random.SFC64(int(recipe["seed"])))
        a = g.standard_normal(tuple(t.dims), dtype=np.float32)
        a *= np.float32(recipe["std"])
        a += np.float32(recipe["mean"])
        np.clip(a, np.float32(recipe["min"]), np.float32(recipe["max"]), out=a)
        del t.external_data[:]
        t.data_location = TensorProto.DEFAULT
        t.raw_data = a.tobytes()


def networks():
    import timm
    import torch
    import torchvision as tv
    import transformers as tf
    from torch import nn

    class EDSR(nn.Module):
        """EDSR baseline, twice the size (Lim et al. 2017): 16 residual blocks of 64 channels."""

        def __init__(self):
            super().__init__()
            conv = lambda i, o: nn.Conv2d(i, o, 3, padding=1)
            self.head = conv(3, 64)
            self.body = nn.ModuleList(nn.Sequential(conv(64, 64), nn.ReLU(), conv(64, 64)) for _ in range(16))
            self.last = conv(64, 64)
            self.tail = nn.Sequential(conv(64, 256), nn.PixelShuffle(2), conv(64, 3))

        def forward(self, image):
            x = y = self.head(image)
            for block in self.body:
                y = y + block(y)
            return self.tail(x + self.last(y))

    class UNet(nn.Module):
        """Ronneberger et al. 2015: valid convolutions, crops, four levels."""

        def __init__(self):
            super().__init__()
            two = lambda i, o: nn.Sequential(nn.Conv2d(i, o, 3), nn.ReLU(), nn.Conv2d(o, o, 3), nn.ReLU())
            w = [64, 128, 256, 512, 1024]
            self.down = nn.ModuleList(two(i, o) for i, o in zip([1] + w, w))
            self.up = nn.ModuleList(nn.ConvTranspose2d(2 * o, o, 2, 2) for o in reversed(w[:-1]))
            self.merge = nn.ModuleList(two(2 * o, o) for o in reversed(w[:-1]))
            self.head = nn.Conv2d(64, 2, 1)

        def forward(self, image):
            skips = []
            for i, down in enumerate(self.down):
                image = down(image if i == 0 else nn.functional.max_pool2d(image, 2))
                skips.append(image)
            skips.pop()
            for up, merge in zip(self.up, self.merge):
                image, skip = up(image), skips.pop()
                cut = (skip.shape[2] - image.shape[2]) // 2
                image = merge(torch.cat([skip[:, :, cut : cut + image.shape[2], cut : cut + image.shape[3]], image], 1))
            return self.head(image)

    class Bert(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = tf.BertForMaskedLM(tf.BertConfig())

        def forward(self, input_ids, attention_mask, token_type_ids):
            return self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).logits

    class GPT2(nn.Module):
        """One token, with keys and values of those before it."""

        def __init__(self):
            super().__init__()
            self.model = tf.GPT2LMHeadModel(tf.GPT2Config())

        def forward(self, input_ids, *past):
            cache = tf.DynamicCache()
            for i in range(0, len(past), 2):
                cache.update(past[i], past[i + 1], i // 2)
            length = past[0].shape[2]
            position = torch.arange(length, length + input_ids.shape[1])[None]
            out = self.model(input_ids=input_ids, past_key_values=cache, position_ids=position, use_cache=True)
            kept = out.past_key_values
            return (out.logits, *(t for layer in kept.layers for t in (layer.keys, layer.values)))

    image = lambda size, channels=3: {"image": torch.randn(2, channels, size, size)}
    ids = lambda t: torch.randint(0, 100, (2, t))
    past = {f"past_key_values.{i}.{part}": torch.randn(2, 12, 64, 64) for i in range(12) for part in ("key", "value")}
    both, new = ("dy", "ts"), ("dy",)
    return {
        "resnet18": (lambda: tv.models.resnet18(), image(224), new),
        "resnet50": (lambda: tv.models.resnet50(), image(224), both),
        "resnet152": (lambda: tv.models.resnet152(), image(224), new),
        "densenet121": (lambda: tv.models.densenet121(), image(224), both),
        "repvgg_a0": (lambda: timm.create_model("repvgg_a0"), image(224), new),
        "convnext_tiny": (lambda: tv.models.convnext_tiny(), image(224), both),
        "efficientnet_b0": (lambda: tv.models.efficientnet_b0(), image(224), new),
        "vit_b_16": (lambda: tv.models.vit_b_16(), image(224), both),
        "swin_t": (lambda: tv.models.swin_t(), image(224), both),
        "edsr": (EDSR, image(96), new),
        "unet": (UNet, image(572, 1), new),
        "bert": (Bert, {"input_ids": ids(128), "attention_mask": torch.ones(2, 128, dtype=torch.int64), "token_type_ids": torch.zeros(2, 128, dtype=torch.int64)}, new),
        "gpt2": (GPT2, {"input_ids": ids(1), **past}, new),
    }


def export(folder, wanted):
    import io
    import logging
    import warnings

    import torch

    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    os.makedirs(folder, exist_ok=True)
    for name, (make, inputs, exporters) in networks().items():
        if wanted and not any(part in name for part in wanted):
            continue
        torch.manual_seed(0)
        model = make().eval()
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                torch.nn.init.normal_(module.running_mean, 0, 0.1)
                torch.nn.init.uniform_(module.running_var, 0.7, 1.4)
                torch.nn.init.uniform_(module.weight, 0.4, 0.9)
        for kind in exporters:
            path = os.path.join(folder, f"{name}.{kind}.onnx")
            args = tuple(inputs.values())
            try:
                with torch.no_grad():
                    if kind == "dy":
                        N = torch.export.Dim("N", min=1, max=1024)
                        shapes = [{0: N} for _ in args]
                        # What follows a star is one argument of torch.export.
                        shapes = (shapes[0], tuple(shapes[1:])) if name == "gpt2" else tuple(shapes)
                        p = torch.onnx.export(model, args, dynamo=True, dynamic_shapes=shapes, input_names=list(inputs), verbose=False)
                        proto = p.model_proto
                    else:
                        buffer = io.BytesIO()
                        torch.onnx.export(model, args, buffer, dynamo=False, opset_version=17, input_names=list(inputs),
                                          dynamic_axes={key: {0: "N"} for key in inputs})  # fmt: skip
                        proto = onnx.load_model_from_string(buffer.getvalue())
            except Exception as error:
                print(f"{name}.{kind}: refused, {str(error)[:300]}", flush=True)
                continue
            strip(proto, name)
            onnx.save(proto, path)
            print(f"{name}.{kind}: {len(proto.graph.node)} nodes, {os.path.getsize(path)} bytes", flush=True)


def main():
    command, folder, *rest = sys.argv[1:]
    if command == "export":
        export(folder, rest)
    else:
        out, *wanted = rest
        os.makedirs(out, exist_ok=True)
        for file in sorted(os.listdir(folder)):
            if not file.endswith(".onnx") or (wanted and file[: -len(".onnx")] not in wanted):
                continue
            model = onnx.load(os.path.join(folder, file), load_external_data=False)
            fill(model)
            onnx.save(model, os.path.join(out, file))
            print(file, flush=True)


main()
