"""Real architectures, random weights, as PyTorch's two exporters write them: NAME.ts.onnx by the TorchScript exporter (opset 17, constants not folded),
NAME.dy.onnx by torch.export (not optimised), NAME.qdq.onnx quantized by onnxruntime; and those that the package onnx has for its own tests. In an
environment of their own:
    pip install -r bench/requirements-exports.txt
    python bench/exports.py FOLDER [part of a name]…
    for f in FOLDER/*.onnx; do npx rescc optimize "$f" -o /tmp/out.onnx --verify; done
Models that an exporter refuses are named and left out. What came of it is in bench/exports.md and bench/nodes.md."""

import glob
import logging
import os
import shutil
import sys
import warnings

import torch

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
torch.manual_seed(0)
import networks as nets, timm, torchvision as tv, transformers as tf

out = sys.argv[1]
os.makedirs(out, exist_ok=True)
img = lambda s=64: (torch.randn(1, 3, s, s),)


class Named(torch.nn.Module):
    """A model of transformers with its tokens or its picture as the only input, and all that it gives as a tuple; masked: all tokens count."""

    def __init__(self, model, masked):
        super().__init__()
        self.model, self.masked = model, masked

    def forward(self, x):
        mask = {"attention_mask": torch.ones_like(x)} if self.masked else {}
        return self.model(**{self.model.main_input_name: x}, **mask).to_tuple()


def hf(cls, cfg, masked=False, **k):
    def f():
        cfg_ = cfg(**k)
        cfg_.use_cache = False
        return Named(cls(cfg_), masked)

    return f


small = dict(hidden_size=64, num_hidden_layers=2, num_attention_heads=4)
ids = lambda n=8: (torch.randint(0, 100, (1, n)),)
M = {
    "tv_resnet18": (lambda: tv.models.resnet18(), img(), None),
    "tv_resnet50": (lambda: tv.models.resnet50(), img(), None),
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
            **small,
            intermediate_size=128,
            vocab_size=100,
        ),
        ids(),
        "seq",
    ),
    "hf_bert_base": (hf(tf.BertModel, tf.BertConfig), ids(), "seq"),
    "hf_gpt2": (
        hf(tf.GPT2LMHeadModel, tf.GPT2Config, masked=True, n_embd=64, n_layer=2, n_head=4, vocab_size=100, n_positions=64),
        ids(),
        "seq",
    ),
    "hf_vit": (
        hf(
            tf.ViTModel,
            tf.ViTConfig,
            **small,
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
            **small,
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
    "tv_mobilenet_v2": (lambda: tv.models.mobilenet_v2(), img(), None),
    "tv_lraspp": (lambda: W(tv.models.segmentation.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None)), img(), None),
    "timm_bit": (lambda: timm.create_model("resnetv2_50x1_bit"), img(), None),
    "timm_nfnet_l0": (lambda: timm.create_model("nfnet_l0"), img(), None),
    "timm_convnextv2": (lambda: timm.create_model("convnextv2_atto"), img(), None),
    "timm_mobilevit": (lambda: timm.create_model("mobilevit_xxs"), img(), None),
    "timm_levit": (lambda: timm.create_model("levit_128s"), img(224), None),
    "timm_convmixer": (lambda: timm.create_model("convmixer_768_32"), img(), None),
    "timm_poolformer": (lambda: timm.create_model("poolformer_s12"), img(), None),
    "timm_pvt": (lambda: timm.create_model("pvt_v2_b0"), img(), None),
    "timm_edgenext": (lambda: timm.create_model("edgenext_xx_small"), img(), None),
    "timm_maxvit": (lambda: timm.create_model("maxvit_rmlp_pico_rw_256"), img(256), None),
    "timm_fastvit": (lambda: timm.create_model("fastvit_t8"), img(), None),
    "timm_efficientformer": (lambda: timm.create_model("efficientformer_l1"), img(224), None),
    "nn_edsr": (nets.EDSR, img(24), None),
    "nn_imdn": (nets.IMDN, img(24), None),
    "nn_rfdn": (nets.RFDN, img(48), None),
    "nn_bsrn": (nets.BSRN, img(48), None),
    "nn_pan": (nets.PAN, img(24), None),
    "nn_mobilesr": (nets.MobileSR, img(24), None),
    "nn_esrgan": (nets.ESRGAN, img(24), None),
    "nn_unet": (nets.UNet, img(), None),
    "nn_unet_bilinear": (lambda: nets.UNet(bilinear=True), img(), None),
    "nn_cgan": (nets.CGAN, (torch.randn(1, 64), torch.randint(0, 10, (1,))), None),
    "nn_cgan_branch": (lambda: nets.CGAN("branch"), (torch.randn(1, 64), torch.randint(0, 10, (1,))), None),
    "nn_cgan_flat": (lambda: nets.CGAN("flat"), (torch.randn(1, 64), torch.randint(0, 10, (1,))), None),
    "nn_cyclegan": (nets.CycleGAN, img(32), None),
    "nn_groupnorm": (nets.GroupNormNet, img(16), None),
    "nn_groupnorm_silu": (lambda: nets.GroupNormNet(act=torch.nn.functional.silu), img(16), None),
    "nn_fastestdet": (nets.FastestDet, img(64), None),
    "nn_yolo": (nets.YOLO, img(32), None),
    "nn_vit_bn": (nets.NormedViT, img(32), None),
    "nn_vit_bn_qkv": (lambda: nets.NormedViT(qk=True), img(32), None),
    "nn_temporal": (nets.Temporal, (torch.randn(1, 3, 32),), None),
    "nn_distances": (nets.Distances, img(16), None),
    "hf_dinov2": (
        hf(tf.Dinov2Model, tf.Dinov2Config, **small, image_size=28, patch_size=14),
        img(28),
        None,
    ),
    "hf_wav2vec2": (
        hf(
            tf.Wav2Vec2Model,
            tf.Wav2Vec2Config,
            **small,
            intermediate_size=128,
            conv_dim=(32,) * 7,
            num_conv_pos_embeddings=16,
            num_conv_pos_embedding_groups=4,
        ),
        (torch.randn(1, 1600),),
        None,
    ),
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


wanted = lambda name: not sys.argv[2:] or any(part in name for part in sys.argv[2:])


def made(make):
    """
    A model in evaluation. What its packages begin with in one number (biases, norms, gains, statistics) is drawn, as training would leave
    it: an optimiser removes a bias of zeros and a norm that does nothing, which says nothing of trained files.
    """
    torch.manual_seed(0)
    model = make().eval()
    for part in model.parameters():
        if (part == part.flatten()[0]).all():
            part.data += torch.randn_like(part) * 0.1
    for part in model.modules():
        if isinstance(part, torch.nn.modules.batchnorm._BatchNorm):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 1.5)
    return model


def torchscript(model, args, dyn, f):
    axes = {0: "batch", 1: "seq"} if dyn == "seq" else {0: "batch"}
    names = ["input", *(f"input{i}" for i in range(1, len(args)))]
    torch.onnx.export(
        model,
        args,
        f,
        dynamo=False,
        opset_version=17,
        do_constant_folding=False,
        input_names=names,
        dynamic_axes=None if dyn == "fixed" else dict.fromkeys(names, axes),
    )


def exported(model, args, dyn, f):
    shapes = None
    if dyn != "fixed":
        free = torch.export.Dim.DYNAMIC
        shapes = tuple({0: free, 1: free} if dyn == "seq" else {0: free} for _ in args)
        # torch.export specialises a size of one.
        args = tuple(torch.cat([a, a]) for a in args)
    torch.onnx.export(model, args, dynamo=True, dynamic_shapes=shapes, verbose=False, optimize=False).save(f, external_data=False)


def quantized(name, args):
    """What onnxruntime's quantizer makes of a TorchScript export, with QuantizeLinear and DequantizeLinear around every operator."""
    from onnxruntime import quantization as q

    class Samples(q.CalibrationDataReader):
        def __init__(self):
            self.left = [{"input": torch.randn_like(args[0]).numpy()} for _ in range(2)]

        def get_next(self):
            return self.left.pop() if self.left else None

    q.quantize_static(f"{out}/{name}.ts.onnx", f"{out}/{name}.qdq.onnx", Samples(), quant_format=q.QuantFormat.QDQ)


def write(file, how):
    f = f"{out}/{file}.onnx"
    if os.path.exists(f):
        return
    try:
        how(f)
        print(file, os.path.getsize(f) // 1024, "kB", flush=True)
    except Exception as e:
        print(file, "FAILED", type(e).__name__, str(e)[:200].replace("\n", " "), flush=True)


for name, (make, args, dyn) in M.items():
    if wanted(name):
        write(f"{name}.ts", lambda f: torchscript(made(make), args, dyn, f))
        write(f"{name}.dy", lambda f: exported(made(make), args, dyn, f))
        if name in ("tv_mobilenet_v2", "tv_resnet18"):
            write(f"{name}.qdq", lambda f: quantized(name, args))

import onnx

for path in sorted(glob.glob(f"{os.path.dirname(onnx.__file__)}/backend/test/data/light/*.onnx")):
    file = os.path.basename(path)[: -len(".onnx")]
    if wanted(file):
        write(file, lambda f: shutil.copy(path, f))
