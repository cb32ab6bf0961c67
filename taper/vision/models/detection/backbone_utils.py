"""Networks for images as the backbones of detectors: inner maps of several sizes, and a feature pyramid on them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from .... import nn
from ...ops import FrozenBatchNorm2d
from ...ops.feature_pyramid_network import ExtraFPNBlock, FeaturePyramidNetwork, LastLevelMaxPool
from .. import mobilenetv3, resnet
from ..segmentation.network import IntermediateLayerGetter, inner_layers


class BackboneWithFPN(nn.Module):
    """The maps of return_layers of a network, with in_channels_list channels, through a feature pyramid of out_channels."""

    def __init__(
        self,
        backbone: nn.Module,
        return_layers: dict[str, str],
        in_channels_list: list[int],
        out_channels: int,
        extra_blocks: ExtraFPNBlock | None = None,
        norm_layer: Callable[..., nn.Module] | None = None,
    ):
        super().__init__()
        self.body = IntermediateLayerGetter(backbone, return_layers)
        self.fpn = FeaturePyramidNetwork(in_channels_list, out_channels, extra_blocks or LastLevelMaxPool(), norm_layer)
        self.out_channels = out_channels

    def forward(self, x: Any) -> dict[str, Any]:
        """Maps by name, largest first."""
        return self.fpn(self.body(x))


def resnet_fpn_extractor(
    backbone: Any,
    trainable_layers: int,
    returned_layers: list[int] | None = None,
    extra_blocks: ExtraFPNBlock | None = None,
    norm_layer: Callable[..., nn.Module] | None = None,
) -> BackboneWithFPN:
    """A feature pyramid on a ResNet's stages, of which the last trainable_layers (of 5) are learned. ValueError for other numbers."""
    if not 0 <= trainable_layers <= 5:
        raise ValueError(f"Trainable layers should be in the range [0,5], got {trainable_layers}")
    learned = ("layer4", "layer3", "layer2", "layer1", "conv1")[:trainable_layers]
    learned += ("bn1",) if trainable_layers == 5 else ()
    for name, parameter in backbone.named_parameters():
        if not name.startswith(learned) or not learned:
            parameter.requires_grad_(False)
    stages = returned_layers or [1, 2, 3, 4]
    if min(stages) <= 0 or max(stages) >= 5:
        raise ValueError(f"Each returned layer should be in the range [1,4]. Got {stages}")
    narrow = backbone.fc.in_features // 8
    names = {f"layer{stage}": str(i) for i, stage in enumerate(stages)}
    return BackboneWithFPN(backbone, names, [narrow * 2 ** (s - 1) for s in stages], 256, extra_blocks, norm_layer)


def mobilenet_extractor(
    backbone: Any,
    fpn: bool,
    trainable_layers: int,
    returned_layers: list[int] | None = None,
    extra_blocks: ExtraFPNBlock | None = None,
    norm_layer: Callable[..., nn.Module] | None = None,
) -> Any:
    """A feature pyramid, or a convolution, on a mobile network's stages, of which the last trainable_layers are learned."""
    features = backbone.features
    stages = inner_layers(features)
    count = len(stages)
    if not 0 <= trainable_layers <= count:
        raise ValueError(f"Trainable layers should be in the range [0,{count}], got {trainable_layers} ")
    for block in features[: len(features) if trainable_layers == 0 else stages[count - trainable_layers]]:
        for parameter in block.parameters():
            parameter.requires_grad_(False)
    if not fpn:
        made: Any = nn.Sequential(features, nn.Conv2d(features[-1].out_channels, 256, 1))
        made.out_channels = 256
        return made
    wanted = returned_layers or [count - 2, count - 1]
    if min(wanted) < 0 or max(wanted) >= count:
        raise ValueError(f"Each returned layer should be in the range [0,{count - 1}], got {wanted} ")
    names = {str(stages[k]): str(i) for i, k in enumerate(wanted)}
    widths = [features[stages[k]].out_channels for k in wanted]
    return BackboneWithFPN(features, names, widths, 256, extra_blocks, norm_layer)


def resnet_fpn_backbone(
    *,
    backbone_name: str,
    weights: Any,
    norm_layer: Callable[..., nn.Module] = FrozenBatchNorm2d,
    trainable_layers: int = 3,
    returned_layers: list[int] | None = None,
    extra_blocks: ExtraFPNBlock | None = None,
) -> BackboneWithFPN:
    """A ResNet by name, with weights or None, as a backbone with a feature pyramid."""
    made = getattr(resnet, backbone_name)(weights=weights, norm_layer=norm_layer)
    return resnet_fpn_extractor(made, trainable_layers, returned_layers, extra_blocks)


def mobilenet_backbone(
    *,
    backbone_name: str,
    weights: Any,
    fpn: bool,
    norm_layer: Callable[..., nn.Module] = FrozenBatchNorm2d,
    trainable_layers: int = 2,
    returned_layers: list[int] | None = None,
    extra_blocks: ExtraFPNBlock | None = None,
) -> Any:
    """A MobileNetV3 by name, with weights or None, as a backbone."""
    made = getattr(mobilenetv3, backbone_name)(weights=weights, norm_layer=norm_layer)
    return mobilenet_extractor(made, fpn, trainable_layers, returned_layers, extra_blocks)


def learned_layers(trained: bool, wanted: int | None, most: int, default: int) -> int:
    """How many of a backbone's stages are learned: all without published weights. ValueError for more than there are."""
    if not trained:
        if wanted is not None:
            warnings.warn(
                "Changing trainable_backbone_layers has no effect if neither pretrained nor pretrained_backbone have been set "
                f"to True, falling back to trainable_backbone_layers={most} so that all layers are trainable",
                stacklevel=4,
            )
        return most
    wanted = default if wanted is None else wanted
    if not 0 <= wanted <= most:
        raise ValueError(f"Trainable backbone layers should be in the range [0,{most}], got {wanted} ")
    return wanted
