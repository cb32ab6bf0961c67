"""Detectors of two stages: maps, proposals, detections."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from .... import nn
from ....autograd.tape import Variable
from .matching import check_boxes, check_sides


class GeneralizedRCNN(nn.Module):
    """A backbone, a network that proposes boxes, heads that say what is in them, and a transform round them."""

    def __init__(self, backbone: nn.Module, rpn: nn.Module, roi_heads: nn.Module, transform: nn.Module):
        super().__init__()
        self.transform, self.backbone, self.rpn, self.roi_heads = transform, backbone, rpn, roi_heads

    def eager_outputs(self, losses: dict, detections: list[dict]) -> Any:
        """The losses in training, the detections in evaluation."""
        return losses if self.training else detections

    def forward(self, images: list, targets: list[dict] | None = None) -> Any:
        """Losses by name in training, in evaluation for each image (C, H, W) its detections by name.

        targets: for each image `boxes` (N, 4) and `labels` (N,), 0 being nothing. AssertionError for targets that are missing, or boxes
        that are none.
        """
        if self.training:
            if targets is None:
                raise AssertionError("targets should not be none when in training mode")
            check_boxes(targets)
        sizes = [(int(image.shape[-2]), int(image.shape[-1])) for image in images]
        batch, targets = self.transform(images, targets)
        check_sides(targets or [])
        features = self.backbone(batch.tensors)
        if isinstance(features, Variable):
            features = OrderedDict([("0", features)])
        proposals, proposal_losses = self.rpn(batch, features, targets)
        detections, detector_losses = self.roi_heads(features, proposals, batch.image_sizes, targets)
        detections = self.transform.postprocess(detections, batch.image_sizes, sizes)
        return self.eager_outputs({**detector_losses, **proposal_losses}, detections)
