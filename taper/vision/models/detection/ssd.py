"""SSD (Liu et al. 2015, arXiv 1512.02325): one stage on the maps of VGG-16."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from typing import Any

from .... import nn
from ....autograd.modes import no_grad
from ....autograd.tape import Variable
from ....dtypes import int64
from ....nn import init
from ....nn.functional import cross_entropy, normalize, smooth_l1_loss, softmax
from ....tensor import cat, full, ones, stack, where, zeros
from ...ops import batched_nms, box_iou, clip_boxes_to_image
from ..registry import model
from ..segmentation.network import backbone_weights
from ..vgg import VGG16_Weights, vgg16
from ..weights import WeightsEnum
from .anchor_utils import DefaultBoxGenerator
from .backbone_utils import learned_layers
from .matching import BoxCoder, SSDMatcher, check_boxes, check_sides
from .published import coco, whole
from .rpn import by_place
from .transform import GeneralizedRCNNTransform


def _draw_weights(layers: nn.Module) -> None:
    for layer in layers.modules():
        if isinstance(layer, nn.Conv2d):
            init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                init.constant_(layer.bias, 0.0)


class SSDScoringHead(nn.Module):
    """A convolution for each map, which gives num_columns numbers for each box."""

    def __init__(self, module_list: nn.ModuleList, num_columns: int):
        super().__init__()
        self.module_list, self.num_columns = module_list, num_columns

    def forward(self, x: list) -> Any:
        """(N, boxes, num_columns) of maps (N, C, H, W)."""
        return cat([by_place(layer(m), self.num_columns) for layer, m in zip(self.module_list, x)], 1)


def _convolutions(in_channels: list[int], num_anchors: list[int], columns: int) -> nn.ModuleList:
    sizes = zip(in_channels, num_anchors)
    made = nn.ModuleList([nn.Conv2d(width, columns * n, 3, padding=1) for width, n in sizes])
    _draw_weights(made)
    return made


class SSDClassificationHead(SSDScoringHead):
    """The scores of the classes of each box."""

    def __init__(self, in_channels: list[int], num_anchors: list[int], num_classes: int):
        super().__init__(_convolutions(in_channels, num_anchors, num_classes), num_classes)


class SSDRegressionHead(SSDScoringHead):
    """How a box differs from each box."""

    def __init__(self, in_channels: list[int], num_anchors: list[int]):
        super().__init__(_convolutions(in_channels, num_anchors, 4), 4)


class SSDHead(nn.Module):
    """Both heads."""

    def __init__(self, in_channels: list[int], num_anchors: list[int], num_classes: int):
        super().__init__()
        self.classification_head = SSDClassificationHead(in_channels, num_anchors, num_classes)
        self.regression_head = SSDRegressionHead(in_channels, num_anchors)

    def forward(self, x: list) -> dict[str, Any]:
        """Scores and differences by name."""
        return {"bbox_regression": self.regression_head(x), "cls_logits": self.classification_head(x)}


def _widths(backbone: Any, size: tuple[int, int]) -> list[int]:
    """The channels of a backbone's maps: those it names, or those that an image of zeros gives."""
    if hasattr(backbone, "out_channels"):
        return backbone.out_channels
    training = backbone.training
    backbone.eval()
    with no_grad():
        maps = backbone(zeros(1, 3, size[1], size[0]))
    backbone.train(training)
    return [m.size(1) for m in ([maps] if isinstance(maps, Variable) else maps.values())]


class SSD(nn.Module):
    """A backbone, and heads that give each default box classes, with nothing as class 0, and a box.

    size: (width, height) to which images are brought. Detections are those scored above score_thresh, the best topk_candidates of a class
    and detections_per_img of an image, of which none overlaps a better one of its class by more than nms_thresh. positive_fraction: of the
    boxes that count in training. ValueError for a backbone with more or fewer maps than the boxes are for.
    """

    def __init__(
        self,
        backbone: Any,
        anchor_generator: DefaultBoxGenerator,
        size: tuple[int, int],
        num_classes: int,
        image_mean: list[float] | None = None,
        image_std: list[float] | None = None,
        head: Any = None,
        score_thresh: float = 0.01,
        nms_thresh: float = 0.45,
        detections_per_img: int = 200,
        iou_thresh: float = 0.5,
        topk_candidates: int = 400,
        positive_fraction: float = 0.25,
        **kwargs: Any,
    ):
        super().__init__()
        self.backbone, self.anchor_generator = backbone, anchor_generator
        self.box_coder = BoxCoder(weights=(10.0, 10.0, 5.0, 5.0))
        if head is None:
            widths, ratios = _widths(backbone, size), anchor_generator.aspect_ratios
            if len(widths) != len(ratios):
                raise ValueError(
                    f"The length of the output channels from the backbone ({len(widths)}) do not match the length of the "
                    f"anchor generator aspect ratios ({len(ratios)})"
                )
            head = SSDHead(widths, anchor_generator.num_anchors_per_location(), num_classes)
        self.head = head
        self.proposal_matcher = SSDMatcher(iou_thresh)
        mean, std = image_mean or [0.485, 0.456, 0.406], image_std or [0.229, 0.224, 0.225]
        options = {"size_divisible": 1, "fixed_size": size, **kwargs}
        self.transform = GeneralizedRCNNTransform(min(size), max(size), mean, std, **options)
        self.score_thresh, self.nms_thresh = score_thresh, nms_thresh
        self.detections_per_img, self.topk_candidates = detections_per_img, topk_candidates
        self.neg_to_pos_ratio = (1.0 - positive_fraction) / positive_fraction

    def eager_outputs(self, losses: dict, detections: list[dict]) -> Any:
        """The losses in training, the detections in evaluation."""
        return losses if self.training else detections

    def compute_loss(
        self, targets: list[dict], head_outputs: dict, anchors: list, matched_idxs: list
    ) -> dict[str, Any]:
        """The losses by name: of the boxes that hold something, and of as many of the worst of the others as the ratio says."""
        logits, count, boxes, classes = head_outputs["cls_logits"], 0, [], []
        for target, codes, mine, matched in zip(targets, head_outputs["bbox_regression"], anchors, matched_idxs):
            something = where(matched >= 0)[0]
            numbers = matched[something]
            count += numbers.numel()
            wanted = self.box_coder.encode_single(target["boxes"][numbers], mine[something])
            boxes.append(smooth_l1_loss(codes[something], wanted, reduction="sum"))
            label = zeros(logits.size(1), dtype=target["labels"].dtype)
            label[something] = target["labels"][numbers]
            classes.append(label)
        labels = stack(classes)
        loss = cross_entropy(logits.view(-1, logits.size(-1)), labels.view(-1), reduction="none").view(labels.size())
        something = labels > 0
        worst = loss.detach().clone()
        worst[something] = -float("inf")
        rank = worst.sort(1, descending=True).indices.sort(1).indices
        nothing = rank < self.neg_to_pos_ratio * something.sum(1, keepdim=True)
        n = max(1, count)
        return {
            "bbox_regression": stack(boxes).sum() / n,
            "classification": (loss[something].sum() + loss[nothing].sum()) / n,
        }

    def postprocess_detections(
        self, head_outputs: dict[str, Any], image_anchors: list, image_shapes: list
    ) -> list[dict]:
        """For each image its detections by name, the best first."""
        found, every = [], softmax(head_outputs["cls_logits"], dim=-1)
        for codes, scores, mine, size in zip(head_outputs["bbox_regression"], every, image_anchors, image_shapes):
            boxes = clip_boxes_to_image(self.box_coder.decode_single(codes, mine), size)
            parts = []
            for label in range(1, scores.size(-1)):
                keep = where(scores[:, label] > self.score_thresh)[0]
                score, best = scores[keep, label].topk(min(self.topk_candidates, keep.numel()))
                parts.append((boxes[keep[best]], score, full((best.numel(),), label, dtype=int64)))
            places, score, labels = (cat(list(part)) for part in zip(*parts))
            keep = batched_nms(places, score, labels, self.nms_thresh)[: self.detections_per_img]
            found.append({"boxes": places[keep], "scores": score[keep], "labels": labels[keep]})
        return found

    def forward(self, images: list, targets: list[dict] | None = None) -> Any:
        """Losses by name in training, in evaluation for each image (C, H, W) its detections by name.

        targets: for each image `boxes` (N, 4) and `labels` (N,). AssertionError for targets that are missing, or boxes that are none.
        """
        if self.training:
            if targets is None:
                raise AssertionError("targets should not be none when in training mode")
            check_boxes(targets)
        sizes = [(int(image.shape[-2]), int(image.shape[-1])) for image in images]
        batch, targets = self.transform(images, targets)
        check_sides(targets or [])
        features = self.backbone(batch.tensors)
        maps = [features] if isinstance(features, Variable) else list(features.values())
        outputs = self.head(maps)
        anchors = self.anchor_generator(batch, maps)
        if self.training:
            matched = [
                self.proposal_matcher(box_iou(t["boxes"], mine))
                if t["boxes"].numel()
                else full((len(mine),), -1, dtype=int64)
                for mine, t in zip(anchors, targets or [])
            ]
            return self.eager_outputs(self.compute_loss(targets or [], outputs, anchors, matched), [])
        found = self.postprocess_detections(outputs, anchors, batch.image_sizes)
        return self.eager_outputs({}, self.transform.postprocess(found, batch.image_sizes, sizes))


def _narrowing(wide: int, narrow: int, out: int, **options: Any) -> nn.Sequential:
    first, second = nn.Conv2d(wide, narrow, 1), nn.Conv2d(narrow, out, **options)
    return nn.Sequential(first, nn.ReLU(inplace=True), second, nn.ReLU(inplace=True))


class SSDFeatureExtractorVGG(nn.Module):
    """VGG's layers up to the fourth pooling, and six further maps; highres: seven, for images of 512 pixels."""

    def __init__(self, backbone: Any, highres: bool):
        super().__init__()
        pools = [i for i, layer in enumerate(backbone) if isinstance(layer, nn.MaxPool2d)]
        third, fourth = pools[2], pools[3]
        # The third pooling rounds up, for maps of 38 in place of 37.
        backbone[third].ceil_mode = True
        self.scale_weight = nn.Parameter(ones(512) * 20)
        self.features = nn.Sequential(*backbone[:fourth])
        extra = nn.ModuleList(
            [
                _narrowing(1024, 256, 512, kernel_size=3, padding=1, stride=2),
                _narrowing(512, 128, 256, kernel_size=3, padding=1, stride=2),
                _narrowing(256, 128, 256, kernel_size=3),
                _narrowing(256, 128, 256, kernel_size=3),
            ]
        )
        if highres:
            extra.append(_narrowing(256, 128, 256, kernel_size=4))
        _draw_weights(extra)
        fc = nn.Sequential(
            nn.MaxPool2d(kernel_size=3, stride=1, padding=1, ceil_mode=False),
            nn.Conv2d(512, 1024, kernel_size=3, padding=6, dilation=6),
            nn.ReLU(inplace=True),
            nn.Conv2d(1024, 1024, kernel_size=1),
            nn.ReLU(inplace=True),
        )
        _draw_weights(fc)
        extra.insert(0, nn.Sequential(*backbone[fourth:-1], fc))
        self.extra = extra
        self.out_channels = [512, 1024, 512, 256, 256, 256, *([256] if highres else [])]

    def forward(self, x: Any) -> dict[str, Any]:
        """Maps by name, largest first."""
        x = self.features(x)
        maps = [self.scale_weight.view(1, -1, 1, 1) * normalize(x)]
        for block in self.extra:
            x = block(x)
            maps.append(x)
        return OrderedDict((str(i), m) for i, m in enumerate(maps))


class SSD300_VGG16_Weights(WeightsEnum):
    """Published weights of `ssd300_vgg16`."""

    COCO_V1 = coco("ssd300_vgg16_coco-b556d3b4.pth", 35641826, "#ssd300-vgg16", box_map=25.1)
    DEFAULT = COCO_V1


@model(SSD300_VGG16_Weights, legacy="COCO_V1", adapt=whole)
def ssd300_vgg16(
    *, num_classes=None, weights_backbone=VGG16_Weights.IMAGENET1K_FEATURES, trainable_backbone_layers=None, **options
) -> SSD:
    """SSD on VGG-16 for images of 300 pixels, whose published weights are fetched unless weights_backbone is None."""
    if "size" in options:
        warnings.warn("The size of the model is already fixed; ignoring the parameter.", stacklevel=3)
        del options["size"]
    weights = backbone_weights(VGG16_Weights, weights_backbone, options, "IMAGENET1K_FEATURES")
    trained = options.pop("_published", False) or weights is not None
    layers = learned_layers(trained, trainable_backbone_layers, 5, 4)
    features = vgg16(weights=weights).features
    stages = [0, *(i for i, layer in enumerate(features) if isinstance(layer, nn.MaxPool2d))][:-1]
    for block in features[: len(features) if layers == 0 else stages[len(stages) - layers]]:
        for parameter in block.parameters():
            parameter.requires_grad_(False)
    scales, steps = [0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05], [8, 16, 32, 64, 100, 300]
    boxes = DefaultBoxGenerator([[2], [2, 3], [2, 3], [2, 3], [2], [2]], scales=scales, steps=steps)
    colours = {"image_mean": [0.48235, 0.45882, 0.40784], "image_std": [1.0 / 255.0] * 3}
    classes = 91 if num_classes is None else num_classes
    return SSD(SSDFeatureExtractorVGG(features, False), boxes, (300, 300), classes, **{**colours, **options})
