"""What networks that classify every pixel have in common: inner layers of a backbone, and heads on them."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from functools import partial
from typing import Any

from .... import nn
from ....nn.functional import interpolate
from ...transforms.presets import SemanticSegmentation
from ..registry import settle
from ..weights import Weights, WeightsEnum

VOC_CLASSES = [
    *("__background__", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
]
"""Pascal VOC's classes, the background first."""


class IntermediateLayerGetter(nn.ModuleDict):
    """The layers of a network up to the last one wanted; return_layers: from their names to those of the results.

    ValueError for a name that the network does not have.
    """

    def __init__(self, model: nn.Module, return_layers: dict[str, str]):
        children = dict(model.named_children())
        if not set(return_layers) <= set(children):
            raise ValueError("return_layers are not present in model")
        self.return_layers: dict[str, str]
        last = max(list(children).index(name) for name in return_layers)
        super().__init__(OrderedDict(list(children.items())[: last + 1]))
        self.return_layers = {str(name): str(result) for name, result in return_layers.items()}

    def forward(self, x) -> OrderedDict[str, Any]:
        """The results by name."""
        found = OrderedDict()
        for name, layer in self.items():
            x = layer(x)
            if name in self.return_layers:
                found[self.return_layers[name]] = x
        return found


class SegmentationModel(nn.Module):
    """A backbone that gives `out`, and `aux` if there is an aux_classifier; and a classifier for each."""

    def __init__(self, backbone: nn.Module, classifier: nn.Module, aux_classifier: nn.Module | None = None):
        super().__init__()
        self.backbone, self.classifier, self.aux_classifier = backbone, classifier, aux_classifier

    def forward(self, x) -> OrderedDict[str, Any]:
        """`out`, and `aux`: scores (N, classes, H, W) of images (N, 3, H, W)."""
        maps, size = self.backbone(x), x.shape[-2:]
        found = OrderedDict(out=self.classifier(maps["out"]))
        if self.aux_classifier is not None:
            found["aux"] = self.aux_classifier(maps["aux"])
        return OrderedDict(
            (k, interpolate(v, size=size, mode="bilinear", align_corners=False)) for k, v in found.items()
        )


def inner_layers(features: nn.Sequential) -> list[int]:
    """The numbers of a mobile network's layers where the size halves, and of the first and last."""
    halving = [i for i, layer in enumerate(features) if getattr(layer, "_is_cn", False)]
    return [0, *halving, len(features) - 1]


def voc_labels(file: str, parameters: int, miou: float, accuracy: float, recipe: str) -> Weights:
    """Weights learned on the images of COCO that have Pascal VOC's classes."""
    meta = {
        "num_params": parameters,
        "min_size": (1, 1),
        "categories": VOC_CLASSES,
        "recipe": f"https://github.com/pytorch/vision/tree/main/references/segmentation#{recipe}",
        "_metrics": {"COCO-val2017-VOC-labels": {"miou": miou, "pixel_acc": accuracy}},
    }
    url = f"https://download.pytorch.org/models/{file}"
    return Weights(url, partial(SemanticSegmentation, resize_size=520), meta)


def whole(weights: WeightsEnum, options: dict) -> None:
    """Weights of a whole network: the backbone's are among them, and so are those of the auxiliary classifier."""
    options["weights_backbone"] = None
    settle(options, "aux_loss", True)


def backbone_weights(
    published: type[WeightsEnum], weights_backbone: Any, options: dict, legacy: str = "IMAGENET1K_V1"
) -> Any:
    """The backbone's weights, which may be asked for in the old way, by pretrained_backbone."""
    if "pretrained_backbone" in options:
        warnings.warn(
            "The parameter 'pretrained_backbone' is deprecated since 0.13 and may be removed in the future, please use "
            "'weights_backbone' instead.",
            stacklevel=4,
        )
        weights_backbone = published[legacy] if options.pop("pretrained_backbone") else None
    return published.verify(weights_backbone)
