"""Mask R-CNN (He et al. 2017, arXiv 1703.06870): Faster R-CNN with a mask for each detection."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from .... import nn
from ....nn import init
from ...ops import Conv2dNormActivation, MultiScaleRoIAlign
from ..registry import model
from ..resnet import ResNet50_Weights
from ..weights import WeightsEnum
from .faster_rcnn import FasterRCNN, resnet_body, resnet_body_v2, second_heads
from .published import coco, whole, whole_without_eps


class MaskRCNN(FasterRCNN):
    """A `FasterRCNN`, whose options it takes, with `masks` (N, 1, H, W) of probabilities.

    mask_roi_pool, mask_head, mask_predictor: its parts; num_classes is None where the last is given.
    """

    def __init__(
        self,
        backbone: Any,
        num_classes: int | None = None,
        *args: Any,
        mask_roi_pool: Any = None,
        mask_head: Any = None,
        mask_predictor: Any = None,
        **options: Any,
    ):
        if mask_roi_pool is not None and not isinstance(mask_roi_pool, MultiScaleRoIAlign):
            raise TypeError(
                f"mask_roi_pool should be of type MultiScaleRoIAlign or None instead of {type(mask_roi_pool)}"
            )
        if num_classes is not None and mask_predictor is not None:
            raise ValueError("num_classes should be None when mask_predictor is specified")
        pool = mask_roi_pool or MultiScaleRoIAlign(["0", "1", "2", "3"], output_size=14, sampling_ratio=2)
        head = MaskRCNNHeads(backbone.out_channels, (256, 256, 256, 256), 1) if mask_head is None else mask_head
        predictor = MaskRCNNPredictor(256, 256, num_classes or 0) if mask_predictor is None else mask_predictor
        super().__init__(backbone, num_classes, *args, **options)
        self.roi_heads.mask_roi_pool = pool
        self.roi_heads.mask_head = head
        self.roi_heads.mask_predictor = predictor


class MaskRCNNHeads(nn.Sequential):
    """Convolutions of these widths."""

    _version = 2

    def __init__(
        self,
        in_channels: int,
        layers: Sequence[int],
        dilation: int,
        norm_layer: Callable[..., nn.Module] | None = None,
    ):
        blocks = []
        for width in layers:
            options: dict[str, Any] = {"padding": dilation, "dilation": dilation, "norm_layer": norm_layer}
            blocks.append(Conv2dNormActivation(in_channels, width, 3, 1, **options))
            in_channels = width
        super().__init__(*blocks)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
                if layer.bias is not None:
                    init.zeros_(layer.bias)

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
        if local_metadata.get("version") is None or local_metadata["version"] < 2:
            for i in range(len(self)):
                for kind in ("weight", "bias"):
                    if f"{prefix}mask_fcn{i + 1}.{kind}" in state_dict:
                        state_dict[f"{prefix}{i}.0.{kind}"] = state_dict.pop(f"{prefix}mask_fcn{i + 1}.{kind}")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class MaskRCNNPredictor(nn.Sequential):
    """The scores of each class's mask, twice as wide and high."""

    def __init__(self, in_channels: int, dim_reduced: int, num_classes: int):
        layers = OrderedDict(
            conv5_mask=nn.ConvTranspose2d(in_channels, dim_reduced, 2, 2, 0),
            relu=nn.ReLU(inplace=True),
            mask_fcn_logits=nn.Conv2d(dim_reduced, num_classes, 1, 1, 0),
        )
        super().__init__(layers)
        for name, parameter in self.named_parameters():
            if "weight" in name:
                init.kaiming_normal_(parameter, mode="fan_out", nonlinearity="relu")


class MaskRCNN_ResNet50_FPN_Weights(WeightsEnum):
    """Published weights of `maskrcnn_resnet50_fpn`."""

    COCO_V1 = coco("maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth", 44401393, "#mask-r-cnn", box_map=37.9, mask_map=34.6)
    DEFAULT = COCO_V1


class MaskRCNN_ResNet50_FPN_V2_Weights(WeightsEnum):
    """Published weights of `maskrcnn_resnet50_fpn_v2`."""

    COCO_V1 = coco("maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth", 46359409, "pull/5773", box_map=47.4, mask_map=41.8)
    DEFAULT = COCO_V1


@model(MaskRCNN_ResNet50_FPN_Weights, legacy="COCO_V1", adapt=whole_without_eps)
def maskrcnn_resnet50_fpn(
    *, num_classes=None, weights_backbone=ResNet50_Weights.IMAGENET1K_V1, trainable_backbone_layers=None, **options
) -> MaskRCNN:
    """Mask R-CNN on ResNet-50, whose published weights are fetched unless weights_backbone is None."""
    body = resnet_body(weights_backbone, trainable_backbone_layers, options)
    return MaskRCNN(body, num_classes=91 if num_classes is None else num_classes, **options)


@model(MaskRCNN_ResNet50_FPN_V2_Weights, legacy="COCO_V1", adapt=whole)
def maskrcnn_resnet50_fpn_v2(
    *, num_classes=None, weights_backbone=None, trainable_backbone_layers=None, **options
) -> MaskRCNN:
    """Mask R-CNN on ResNet-50 with deeper heads (Li et al. 2021, arXiv 2111.11429)."""
    body = resnet_body_v2(weights_backbone, trainable_backbone_layers, options, norm_layer=nn.BatchNorm2d)
    parts = second_heads(body)
    head = MaskRCNNHeads(body.out_channels, [256, 256, 256, 256], 1, norm_layer=nn.BatchNorm2d)
    classes = 91 if num_classes is None else num_classes
    return MaskRCNN(body, num_classes=classes, mask_head=head, **parts, **options)
