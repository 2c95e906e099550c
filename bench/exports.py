"""Real architectures, random weights, as PyTorch's two exporters write them: NAME.ts.onnx by the TorchScript exporter (opset 17, constants not folded),
NAME.dy.onnx by torch.export (not optimised). In an environment of their own:
    pip install -r bench/requirements-exports.txt
    python bench/exports.py FOLDER [part of a name]…
    for f in FOLDER/*.onnx; do npx rescc optimize "$f" -o /tmp/out.onnx --verify; done
Models that an exporter refuses are named and left out. What came of it is in bench/exports.md."""

import logging
import os
import sys
import warnings

import torch

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
torch.manual_seed(0)
import torchvision as tv, timm, transformers as tf

out = sys.argv[1]
os.makedirs(out, exist_ok=True)
img = lambda s=64: (torch.randn(1, 3, s, s),)


def hf(cls, cfg, **k):
    def f():
        cfg_ = cfg(**k)
        cfg_.return_dict = False
        cfg_.use_cache = False
        return cls(cfg_)

    return f


ids = lambda n=8: (torch.randint(0, 100, (1, n)),)
M = {
    "tv_resnet18": (lambda: tv.models.resnet18(), img(), None),
    "tv_densenet121": (lambda: tv.models.densenet121(), img(), None),
    "tv_mobilenet_v3": (lambda: tv.models.mobilenet_v3_small(), img(), None),
    "tv_shufflenet": (lambda: tv.models.shufflenet_v2_x0_5(), img(), None),
    "tv_googlenet": (lambda: tv.models.googlenet(aux_logits=False, init_weights=False), img(), None),
    "tv_inception": (lambda: tv.models.inception_v3(aux_logits=False, init_weights=False), img(96), None),
    "tv_convnext": (lambda: tv.models.convnext_tiny(), img(), None),
    "tv_vit": (
        lambda: tv.models.VisionTransformer(image_size=32, patch_size=8, num_layers=3, num_heads=4, hidden_dim=64, mlp_dim=128),
        img(32),
        None,
    ),
    "tv_swin": (lambda: tv.models.swin_t(), img(), None),
    "tv_regnet": (lambda: tv.models.regnet_x_400mf(), img(), None),
    "tv_effnet": (lambda: tv.models.efficientnet_b0(), img(), None),
    "tv_fcn": (lambda: W(tv.models.segmentation.fcn_resnet50(weights=None, weights_backbone=None)), img(), None),
    "tv_deeplab": (lambda: W(tv.models.segmentation.deeplabv3_resnet50(weights=None, weights_backbone=None)), img(), None),
    "tv_fasterrcnn": (
        lambda: D(
            tv.models.detection.fasterrcnn_resnet50_fpn(
                weights=None,
                weights_backbone=None,
                min_size=96,
                max_size=128,
                rpn_pre_nms_top_n_test=50,
                rpn_post_nms_top_n_test=20,
            )
        ),
        img(96),
        "fixed",
    ),
    "timm_resnetv2": (lambda: timm.create_model("resnetv2_50"), img(), None),
    "timm_nfnet": (lambda: timm.create_model("nf_resnet50"), img(), None),
    "timm_repvgg": (lambda: timm.create_model("repvgg_a0"), img(), None),
    "timm_mixer": (lambda: timm.create_model("mixer_s16_224", num_classes=10), img(224), None),
    "timm_seresnet": (lambda: timm.create_model("seresnet50"), img(), None),
    "timm_dpn": (lambda: timm.create_model("dpn68"), img(), None),
    "timm_hrnet": (lambda: timm.create_model("hrnet_w18_small"), img(), None),
    "timm_gn": (lambda: timm.create_model("resnet50_gn"), img(), None),
    "timm_cspdark": (lambda: timm.create_model("cspdarknet53"), img(), None),
    "timm_ghost": (lambda: timm.create_model("ghostnet_050"), img(), None),
    "nn_encoder": (
        lambda: torch.nn.TransformerEncoder(torch.nn.TransformerEncoderLayer(64, 4, 128, batch_first=True, activation="gelu"), 2),
        (torch.randn(1, 8, 64),),
        "seq",
    ),
    "hf_bert": (
        hf(
            tf.BertModel,
            tf.BertConfig,
            hidden_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=128,
            vocab_size=100,
        ),
        ids(),
        "seq",
    ),
    "hf_gpt2": (
        hf(tf.GPT2LMHeadModel, tf.GPT2Config, n_embd=64, n_layer=2, n_head=4, vocab_size=100, n_positions=64),
        ids(),
        "seq",
    ),
    "hf_vit": (
        hf(
            tf.ViTModel,
            tf.ViTConfig,
            hidden_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=128,
            image_size=32,
            patch_size=8,
        ),
        img(32),
        None,
    ),
    "hf_llama": (
        hf(
            tf.LlamaForCausalLM,
            tf.LlamaConfig,
            hidden_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            intermediate_size=128,
            vocab_size=100,
            max_position_embeddings=64,
        ),
        ids(),
        "seq",
    ),
    "hf_t5": (
        hf(tf.T5EncoderModel, tf.T5Config, d_model=64, num_layers=2, num_heads=4, d_ff=128, d_kv=16, vocab_size=100),
        ids(),
        "seq",
    ),
    "hf_distilbert": (
        hf(tf.DistilBertModel, tf.DistilBertConfig, dim=64, n_layers=2, n_heads=4, hidden_dim=128, vocab_size=100),
        ids(),
        "seq",
    ),
    "hf_segformer": (hf(tf.SegformerForSemanticSegmentation, tf.SegformerConfig), img(), None),
}


class W(torch.nn.Module):
    def __init__(s, m):
        super().__init__()
        s.m = m

    def forward(s, x):
        return s.m(x)["out"]


class D(torch.nn.Module):
    def __init__(s, m):
        super().__init__()
        s.m = m

    def forward(s, x):
        r = s.m([x[0]])[0]
        return r["boxes"], r["labels"], r["scores"]


want = sys.argv[2:]
for name, (make, args, dyn) in M.items():
    if want and not any(w in name for w in want):
        continue
    for kind in ("ts", "dy"):
        f = f"{out}/{name}.{kind}.onnx"
        if os.path.exists(f):
            continue
        try:
            torch.manual_seed(0)
            m = make().eval()
            for mod in m.modules():
                if isinstance(mod, torch.nn.modules.batchnorm._BatchNorm):
                    mod.running_mean.normal_(0, 0.1)
                    mod.running_var.uniform_(0.5, 1.5)
                    mod.weight.data.uniform_(0.5, 1.5)
                    mod.bias.data.normal_(0, 0.1)
            axes = {0: "batch", 1: "seq"} if dyn == "seq" else {0: "batch"}
            if kind == "ts":
                torch.onnx.export(
                    m,
                    args,
                    f,
                    dynamo=False,
                    opset_version=17,
                    do_constant_folding=False,
                    input_names=["input"],
                    dynamic_axes=None if dyn == "fixed" else {"input": axes},
                )
            else:
                ds = None
                if dyn != "fixed":
                    d = (
                        {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
                        if dyn == "seq"
                        else {0: torch.export.Dim.DYNAMIC}
                    )
                    ds = (d,)
                    # dynamo specialises a size of one
                    args2 = tuple(torch.cat([a, a]) for a in args)
                else:
                    args2 = args
                p = torch.onnx.export(m, args2, dynamo=True, dynamic_shapes=ds, verbose=False, optimize=False)
                p.save(f, external_data=False)
            print(name, kind, os.path.getsize(f) // 1024, "kB", flush=True)
        except Exception as e:
            print(name, kind, "FAILED", type(e).__name__, str(e)[:200].replace("\n", " "), flush=True)
