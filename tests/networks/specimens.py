"""The networks of the yardstick: all classifiers of torchvision, a small member of each family of timm."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import timm
import torch
import torchvision
from torch import Tensor, nn

import interpret
from interpret.network import Network

CLASSES = 10


@dataclass(frozen=True)
class Specimen:
    """One network, made with random weights.

    Attributes:
        source: ``torchvision`` or ``timm``.
        arch: Its name there.
        family: What it stands for.
        size: Rows and columns of the images it is tried on: small, so that a trial is quick.
        arguments: What it is built with for them.
    """

    source: str
    arch: str
    family: str
    size: int = 64
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What it is called: ``timm:resnet18``."""
        return f"{self.source}:{self.arch}"

    @property
    def own(self) -> int:
        """Rows and columns of the images it was made for."""
        if self.source == "timm":
            return int(timm.get_pretrained_cfg(self.arch).input_size[1])
        return 299 if self.arch == "inception_v3" else 224

    def build(self, **arguments: Any) -> nn.Module:
        """It, as its library initialises it."""
        torch.manual_seed(0)
        if self.source == "timm":
            return timm.create_model(self.arch, num_classes=CLASSES, **arguments).eval()
        told = {"init_weights": False} if self.arch in {"googlenet", "inception_v3"} else {}
        made: nn.Module = torchvision.models.get_model(self.arch, num_classes=CLASSES, **told, **arguments)
        return made.eval()

    def network(self) -> Network:
        """It in float64 for small images, with weights among which none is a constant."""
        return interpret.wrap(stirred(self.build(**self.arguments).double()), input_size=self.size)

    def of_own_size(self) -> Network:
        """It for images of its own size."""
        return interpret.wrap(self.build(), input_size=self.own, check=False)


@torch.no_grad()
def stirred(module: nn.Module) -> nn.Module:
    """A module whose scales, shifts and statistics do something: branches that are zero would hide errors."""
    draw = torch.Generator().manual_seed(1)

    def uniform(value: Tensor, low: float, high: float) -> None:
        value.copy_(torch.rand(value.shape, generator=draw, dtype=value.dtype) * (high - low) + low)

    for value in module.parameters():
        if value.numel() and bool((value == value.flatten()[0]).all()):
            scale = abs(float(value.flatten()[0]))
            uniform(value, -0.2, 0.2) if scale == 0 and value.dim() < 2 else uniform(value, 0.5, 1.0)
    for name, value in module.named_buffers():
        if name.endswith("running_mean"):
            uniform(value, -0.2, 0.2)
        if name.endswith("running_var"):
            uniform(value, 0.8, 1.5)
    return module


def _torchvision() -> list[Specimen]:
    """Every classifier there."""
    names = torchvision.models.list_models(module=torchvision.models)
    return [_of_torchvision(name, _family(name)) for name in names]


def _family(arch: str) -> str:
    """``resnext`` of ``resnext50_32x4d``, ``swin v2`` of ``swin_v2_t``."""
    found = re.match(r"(wide_)?[a-z]+(_v\d|_[xy](?=_))?", arch)
    return found[0].replace("_", " ") if found else arch


def _of_torchvision(arch: str, family: str) -> Specimen:
    size = {"inception_v3": 96, "vit_h_14": 28, "maxvit_t": 224}.get(arch, 64)
    if family == "vit":
        return Specimen("torchvision", arch, family, size, {"image_size": size})
    return Specimen("torchvision", arch, family, size)


PLAIN = """
resnet: resnet18, resnext: resnext50_32x4d, seresnet: legacy_seresnet18, ecaresnet: ecaresnet26t, resnet
aa: resnetaa34d, resnetblur: resnetblur18, resnetv2: resnetv2_18, res2net: res2net50_14w_8s, resnest:
resnest14d, sknet: skresnet18, regnet x: regnetx_002, regnet y: regnety_002, densenet: densenet121, vgg:
vgg11, xception: legacy_xception, xception aligned: xception41, mobilenet v1: mobilenetv1_100, mobilenet
v2: mobilenetv2_035, mobilenet v3: mobilenetv3_small_050, mobilenet v4: mobilenetv4_conv_small_035,
mnasnet: mnasnet_small, semnasnet: semnasnet_050, spnasnet: spnasnet_100, mixnet: mixnet_s, efficientnet:
efficientnet_b0, efficientnet v2: tf_efficientnetv2_b0, efficientnet lite: efficientnet_lite0, fbnet:
fbnetc_100, fbnet v3: fbnetv3_b, ghostnet: ghostnet_050, ghostnet v2: ghostnetv2_100, hrnet:
hrnet_w18_small, dla: dla46_c, dpn: dpn48b, vovnet: ese_vovnet19b_slim_dw, cspresnet: cspresnet50,
cspdarknet: cspdarknet53, darknet: darknet17, cs3darknet: cs3darknet_focus_s, nf-regnet: nf_regnet_b0,
nfnet: nfnet_l0, rexnet: rexnet_100, selecsls: selecsls42, hardcorenas: hardcorenas_a, tinynet:
tinynet_e, lcnet: lcnet_035, hgnet v2: hgnetv2_b0, tresnet: tresnet_m, fastvit: fastvit_t8, edgenext:
edgenext_xx_small, convnext: convnext_atto, convnext v2: convnextv2_atto, poolformer: poolformer_s12,
poolformer v2: poolformerv2_s12, caformer: caformer_s18, convformer: convformer_s18, convmixer:
convmixer_768_32, pvt v2: pvt_v2_b0, davit: davit_tiny, focalnet: focalnet_tiny_srf, starnet:
starnet_s050, nextvit: nextvit_small, inception-next: inception_next_atto, repghost: repghostnet_050,
fasternet: fasternet_t0, shvit: shvit_s1, mambaout: mambaout_femto, efficientvit mit: efficientvit_b0,
rdnet: rdnet_tiny, tinyvit: tiny_vit_5m_224, lcnet v2: lcnetv2_small, lowformer: lowformer_b0,
efficientvim: efficientvim_m1, iformer: iformer_t, csatv2: csatv2, cpubone: cpubone_b0_bfrobust, nasnet:
nasnetalarge
"""
"""Family and name of networks that take images of any size."""

SIZED = """
gcresnext: gcresnext26ts, botnet: botnet26t_256, lambda-resnet: lambda_resnet26rpt_256, repvgg:
repvgg_a0, mobileone: mobileone_s0, repvit: repvit_m0_9, mobilevit: mobilevit_xxs, mobilevit v2:
mobilevitv2_050, mlp-mixer: mixer_s32_224, resmlp: resmlp_12_224, gmlp: gmlp_ti16_224, vit:
vit_tiny_patch16_224, vit registers: vit_small_patch14_reg4_dinov2, vit hybrid: vit_tiny_r_s16_p8_224,
vit relpos: vit_relpos_small_patch16_224, deit: deit_tiny_distilled_patch16_224, deit3:
deit3_small_patch16_224, beit: beit_base_patch16_224, eva02: eva02_tiny_patch14_224, cait:
cait_xxs24_224, xcit: xcit_nano_12_p16_224, swin: swin_tiny_patch4_window7_224, swin v2:
swinv2_tiny_window8_256, twins: twins_svt_small, coat: coat_lite_tiny, coatnet: coatnet_pico_rw_224,
maxvit: maxvit_pico_rw_256, maxxvit: maxxvit_rmlp_nano_rw_256, levit: levit_128s, efficientformer v2:
efficientformerv2_s0, visformer: visformer_tiny, volo: volo_d1_224, hiera: hiera_tiny_224, nest:
nest_tiny, tnt: tnt_s_patch16_224, convit: convit_tiny, gcvit: gcvit_xxtiny, mvit v2: mvitv2_tiny, pit:
pit_ti_224, swiftformer: swiftformer_xs, sequencer: sequencer2d_s, efficientvit msra: efficientvit_m0,
vitamin: vitamin_small_224, samvit: samvit_base_patch16_224
"""
"""The same of networks that are told the size of their images."""

FIXED = {
    "inception_v3": 96,
    "inception_v4": 96,
    "inception_resnet_v2": 96,
    "efficientformer_l1": 224,
    "crossvit_tiny_240": 64,
    "halonet26t": 256,
}
"""Networks that take images of another size."""


def _pairs(text: str) -> list[tuple[str, str]]:
    pairs = (item.partition(":") for item in text.replace("\n", " ").split(","))
    return [(family.strip(), arch.strip()) for family, _, arch in pairs]


def _timm() -> list[Specimen]:
    return [
        *(Specimen("timm", arch, family) for family, arch in _pairs(PLAIN)),
        *(_sized(arch, family) for family, arch in _pairs(SIZED)),
        *(Specimen("timm", arch, _family(arch), size) for arch, size in FIXED.items()),
    ]


def _sized(arch: str, family: str) -> Specimen:
    size = 56 if "patch14" in arch else 64
    return Specimen("timm", arch, family, size, {"img_size": size})


TORCHVISION = _torchvision()
TIMM = _timm()
ALL = {specimen.name: specimen for specimen in (*TORCHVISION, *TIMM)}
FAMILIES = {name: specimen.family for name, specimen in ALL.items()}
