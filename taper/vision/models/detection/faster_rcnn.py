"""Faster R-CNN (Ren et al. 2015, arXiv 1506.01497) on feature pyramids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .... import nn
from ....nn import init
from ....nn.functional import relu
from ...ops import Conv2dNormActivation, FrozenBatchNorm2d, MultiScaleRoIAlign
from ..mobilenetv3 import MobileNet_V3_Large_Weights, mobilenet_v3_large
from ..registry import model
from ..resnet import ResNet50_Weights, resnet50
from ..segmentation.network import backbone_weights
from ..weights import WeightsEnum
from .anchor_utils import AnchorGenerator
from .backbone_utils import learned_layers, mobilenet_extractor, resnet_fpn_extractor
from .generalized_rcnn import GeneralizedRCNN
from .published import coco, whole, whole_without_eps
from .roi_heads import RoIHeads
from .rpn import RegionProposalNetwork, RPNHead
from .transform import GeneralizedRCNNTransform


def default_anchors() -> AnchorGenerator:
    """Boxes of 32 to 512 pixels, one size a map, of three ratios."""
    sizes = ((32,), (64,), (128,), (256,), (512,))
    return AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * len(sizes))


class FasterRCNN(GeneralizedRCNN):
    """A backbone with `out_channels`, proposals, and a class and a box for each. Options named rpn_ and box_ are their stages'.

    num_classes: with nothing as class 0; None where box_predictor is given. ValueError and TypeError for parts that do not fit.
    """

    def __init__(
        self,
        backbone: Any,
        num_classes: int | None = None,
        min_size: Any = 800,
        max_size: int = 1333,
        image_mean: list[float] | None = None,
        image_std: list[float] | None = None,
        rpn_anchor_generator: Any = None,
        rpn_head: Any = None,
        rpn_pre_nms_top_n_train: int = 2000,
        rpn_pre_nms_top_n_test: int = 1000,
        rpn_post_nms_top_n_train: int = 2000,
        rpn_post_nms_top_n_test: int = 1000,
        rpn_nms_thresh: float = 0.7,
        rpn_fg_iou_thresh: float = 0.7,
        rpn_bg_iou_thresh: float = 0.3,
        rpn_batch_size_per_image: int = 256,
        rpn_positive_fraction: float = 0.5,
        rpn_score_thresh: float = 0.0,
        box_roi_pool: Any = None,
        box_head: Any = None,
        box_predictor: Any = None,
        box_score_thresh: float = 0.05,
        box_nms_thresh: float = 0.5,
        box_detections_per_img: int = 100,
        box_fg_iou_thresh: float = 0.5,
        box_bg_iou_thresh: float = 0.5,
        box_batch_size_per_image: int = 512,
        box_positive_fraction: float = 0.25,
        bbox_reg_weights: Any = None,
        **kwargs: Any,
    ):
        if not hasattr(backbone, "out_channels"):
            raise ValueError(
                "backbone should contain an attribute out_channels specifying the number of output channels (assumed to be "
                "the same for all the levels)"
            )
        kinds = (
            ("rpn_anchor_generator", rpn_anchor_generator, AnchorGenerator),
            ("box_roi_pool", box_roi_pool, MultiScaleRoIAlign),
        )
        for name, part, kind in kinds:
            if part is not None and not isinstance(part, kind):
                raise TypeError(f"{name} should be of type {kind.__name__} or None instead of {type(part)}")
        if num_classes is not None and box_predictor is not None:
            raise ValueError("num_classes should be None when box_predictor is specified")
        if num_classes is None and box_predictor is None:
            raise ValueError("num_classes should not be None when box_predictor is not specified")
        width = backbone.out_channels
        anchors = rpn_anchor_generator or default_anchors()
        rpn = RegionProposalNetwork(
            anchors,
            RPNHead(width, anchors.num_anchors_per_location()[0]) if rpn_head is None else rpn_head,
            rpn_fg_iou_thresh,
            rpn_bg_iou_thresh,
            rpn_batch_size_per_image,
            rpn_positive_fraction,
            {"training": rpn_pre_nms_top_n_train, "testing": rpn_pre_nms_top_n_test},
            {"training": rpn_post_nms_top_n_train, "testing": rpn_post_nms_top_n_test},
            rpn_nms_thresh,
            score_thresh=rpn_score_thresh,
        )
        pool = box_roi_pool or MultiScaleRoIAlign(["0", "1", "2", "3"], output_size=7, sampling_ratio=2)
        head = TwoMLPHead(width * pool.output_size[0] ** 2, 1024) if box_head is None else box_head
        heads = RoIHeads(
            pool,
            head,
            FastRCNNPredictor(1024, num_classes or 0) if box_predictor is None else box_predictor,
            box_fg_iou_thresh,
            box_bg_iou_thresh,
            box_batch_size_per_image,
            box_positive_fraction,
            bbox_reg_weights,
            box_score_thresh,
            box_nms_thresh,
            box_detections_per_img,
        )
        mean, std = image_mean or [0.485, 0.456, 0.406], image_std or [0.229, 0.224, 0.225]
        super().__init__(backbone, rpn, heads, GeneralizedRCNNTransform(min_size, max_size, mean, std, **kwargs))


class TwoMLPHead(nn.Module):
    """Two linear layers on a flattened part of a map."""

    def __init__(self, in_channels: int, representation_size: int):
        super().__init__()
        self.fc6 = nn.Linear(in_channels, representation_size)
        self.fc7 = nn.Linear(representation_size, representation_size)

    def forward(self, x: Any) -> Any:
        """(N, C, H, W) to (N, representation_size)."""
        return relu(self.fc7(relu(self.fc6(x.flatten(start_dim=1)))))


class FastRCNNConvFCHead(nn.Sequential):
    """Convolutions and linear layers on a part (C, H, W) of a map."""

    def __init__(
        self,
        input_size: tuple[int, int, int],
        conv_layers: list[int],
        fc_layers: list[int],
        norm_layer: Callable[..., nn.Module] | None = None,
    ):
        width, height, across = input_size
        blocks: list[nn.Module] = []
        for channels in conv_layers:
            blocks.append(Conv2dNormActivation(width, channels, norm_layer=norm_layer))
            width = channels
        blocks.append(nn.Flatten())
        width = width * height * across
        for channels in fc_layers:
            blocks += [nn.Linear(width, channels), nn.ReLU(inplace=True)]
            width = channels
        super().__init__(*blocks)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
                if layer.bias is not None:
                    init.zeros_(layer.bias)


class FastRCNNPredictor(nn.Module):
    """The scores of the classes, and the difference of each class's box."""

    def __init__(self, in_channels: int, num_classes: int):
        super().__init__()
        self.cls_score = nn.Linear(in_channels, num_classes)
        self.bbox_pred = nn.Linear(in_channels, num_classes * 4)

    def forward(self, x: Any) -> tuple[Any, Any]:
        """(N, num_classes) and (N, num_classes x 4) of (N, in_channels). AssertionError for maps that are not 1 x 1."""
        if x.dim() == 4 and list(x.shape[2:]) != [1, 1]:
            raise AssertionError(
                f"x has the wrong shape, expecting the last two dimensions to be [1,1] instead of {list(x.shape[2:])}"
            )
        x = x.flatten(start_dim=1)
        return self.cls_score(x), self.bbox_pred(x)


class FasterRCNN_ResNet50_FPN_Weights(WeightsEnum):
    """Published weights of `fasterrcnn_resnet50_fpn`."""

    COCO_V1 = coco("fasterrcnn_resnet50_fpn_coco-258fb6c6.pth", 41755286, "#faster-r-cnn-resnet-50-fpn", box_map=37.0)
    DEFAULT = COCO_V1


class FasterRCNN_ResNet50_FPN_V2_Weights(WeightsEnum):
    """Published weights of `fasterrcnn_resnet50_fpn_v2`."""

    COCO_V1 = coco("fasterrcnn_resnet50_fpn_v2_coco-dd69338a.pth", 43712278, "pull/5763", box_map=46.7)
    DEFAULT = COCO_V1


class FasterRCNN_MobileNet_V3_Large_FPN_Weights(WeightsEnum):
    """Published weights of `fasterrcnn_mobilenet_v3_large_fpn`."""

    COCO_V1 = coco(
        "fasterrcnn_mobilenet_v3_large_fpn-fb6a3cc7.pth", 19386354, "#faster-r-cnn-mobilenetv3-large-fpn", box_map=32.8
    )
    DEFAULT = COCO_V1


class FasterRCNN_MobileNet_V3_Large_320_FPN_Weights(WeightsEnum):
    """Published weights of `fasterrcnn_mobilenet_v3_large_320_fpn`."""

    COCO_V1 = coco(
        "fasterrcnn_mobilenet_v3_large_320_fpn-907ea3f9.pth",
        19386354,
        "#faster-r-cnn-mobilenetv3-large-320-fpn",
        box_map=22.8,
    )
    DEFAULT = COCO_V1


def resnet_body(weights_backbone: Any, layers: int | None, options: dict, **pyramid: Any) -> Any:
    """ResNet-50 with frozen batch norms where weights are published, as a backbone; takes its own options out of others."""
    weights = backbone_weights(ResNet50_Weights, weights_backbone, options)
    trained = options.pop("_published", False) or weights is not None
    layers = learned_layers(trained, layers, 5, 3)
    body = resnet50(weights=weights, norm_layer=FrozenBatchNorm2d if trained else nn.BatchNorm2d)
    return _with_pyramid(body, layers, pyramid)


def _with_pyramid(body: Any, layers: int, pyramid: dict[str, Any]) -> Any:
    """extra_blocks is a function: its blocks draw their weights after the body has drawn its own."""
    if "extra_blocks" in pyramid:
        pyramid = {**pyramid, "extra_blocks": pyramid["extra_blocks"]()}
    return resnet_fpn_extractor(body, layers, **pyramid)


def resnet_body_v2(weights_backbone: Any, layers: int | None, options: dict, **pyramid: Any) -> Any:
    """ResNet-50 as a backbone with batch norms that are learned."""
    weights = backbone_weights(ResNet50_Weights, weights_backbone, options)
    trained = options.pop("_published", False) or weights is not None
    layers = learned_layers(trained, layers, 5, 3)
    return _with_pyramid(resnet50(weights=weights), layers, pyramid)


def second_heads(backbone: Any) -> dict[str, Any]:
    """The parts of the second recipe: deeper heads with batch norms."""
    anchors = default_anchors()
    head = RPNHead(backbone.out_channels, anchors.num_anchors_per_location()[0], conv_depth=2)
    size = (backbone.out_channels, 7, 7)
    box = FastRCNNConvFCHead(size, [256, 256, 256, 256], [1024], norm_layer=nn.BatchNorm2d)
    return {"rpn_anchor_generator": anchors, "rpn_head": head, "box_head": box}


@model(FasterRCNN_ResNet50_FPN_Weights, legacy="COCO_V1", adapt=whole_without_eps)
def fasterrcnn_resnet50_fpn(
    *, num_classes=None, weights_backbone=ResNet50_Weights.IMAGENET1K_V1, trainable_backbone_layers=None, **options
) -> FasterRCNN:
    """Faster R-CNN on ResNet-50, whose published weights are fetched unless weights_backbone is None."""
    body = resnet_body(weights_backbone, trainable_backbone_layers, options)
    return FasterRCNN(body, num_classes=91 if num_classes is None else num_classes, **options)


@model(FasterRCNN_ResNet50_FPN_V2_Weights, legacy="COCO_V1", adapt=whole)
def fasterrcnn_resnet50_fpn_v2(
    *, num_classes=None, weights_backbone=None, trainable_backbone_layers=None, **options
) -> FasterRCNN:
    """Faster R-CNN on ResNet-50 with deeper heads (Li et al. 2021, arXiv 2111.11429)."""
    body = resnet_body_v2(weights_backbone, trainable_backbone_layers, options, norm_layer=nn.BatchNorm2d)
    classes = 91 if num_classes is None else num_classes
    return FasterRCNN(body, num_classes=classes, **second_heads(body), **options)


def _on_mobilenet(weights_backbone, layers, num_classes, options) -> FasterRCNN:
    weights = backbone_weights(MobileNet_V3_Large_Weights, weights_backbone, options)
    trained = options.pop("_published", False) or weights is not None
    layers = learned_layers(trained, layers, 6, 3)
    body = mobilenet_v3_large(weights=weights, norm_layer=FrozenBatchNorm2d if trained else nn.BatchNorm2d)
    body = mobilenet_extractor(body, True, layers)
    sizes = ((32, 64, 128, 256, 512),) * 3
    anchors = AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * len(sizes))
    classes = 91 if num_classes is None else num_classes
    return FasterRCNN(body, classes, rpn_anchor_generator=anchors, **options)


@model(FasterRCNN_MobileNet_V3_Large_320_FPN_Weights, legacy="COCO_V1", adapt=whole)
def fasterrcnn_mobilenet_v3_large_320_fpn(
    *,
    num_classes=None,
    weights_backbone=MobileNet_V3_Large_Weights.IMAGENET1K_V1,
    trainable_backbone_layers=None,
    **options,
) -> FasterRCNN:
    """Faster R-CNN on MobileNetV3 for images of 320 pixels, whose published weights are fetched unless weights_backbone is None."""
    small = {"min_size": 320, "max_size": 640, "rpn_pre_nms_top_n_test": 150, "rpn_post_nms_top_n_test": 150}
    options = {**small, "rpn_score_thresh": 0.05, **options}
    return _on_mobilenet(weights_backbone, trainable_backbone_layers, num_classes, options)


@model(FasterRCNN_MobileNet_V3_Large_FPN_Weights, legacy="COCO_V1", adapt=whole)
def fasterrcnn_mobilenet_v3_large_fpn(
    *,
    num_classes=None,
    weights_backbone=MobileNet_V3_Large_Weights.IMAGENET1K_V1,
    trainable_backbone_layers=None,
    **options,
) -> FasterRCNN:
    """Faster R-CNN on MobileNetV3, whose published weights are fetched unless weights_backbone is None."""
    options = {"rpn_score_thresh": 0.05, **options}
    return _on_mobilenet(weights_backbone, trainable_backbone_layers, num_classes, options)
