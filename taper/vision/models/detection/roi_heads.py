"""The second stage of a detector: what is in each proposed box, where exactly, and its mask or points."""

from __future__ import annotations

from typing import Any

from .... import nn
from ....dtypes import float16, float32, float64, int64
from ....nn.functional import binary_cross_entropy_with_logits, cross_entropy, smooth_l1_loss, softmax
from ....tensor import arange, cat, where, zeros
from ...ops import batched_nms, box_iou, clip_boxes_to_image, remove_small_boxes, roi_align
from .keypoints import keypointrcnn_inference, keypointrcnn_loss
from .matching import BalancedPositiveNegativeSampler, BoxCoder, Matcher


def fastrcnn_loss(class_logits: Any, box_regression: Any, labels: list, regression_targets: Any) -> tuple:
    """The losses of the classes, and of the boxes that hold something."""
    labels, targets = cat(labels), cat(regression_targets)
    positive = where(labels > 0)[0]
    boxes = box_regression.reshape(len(class_logits), -1, 4)[positive, labels[positive]]
    box = smooth_l1_loss(boxes, targets[positive], beta=1 / 9, reduction="sum") / labels.numel()
    return cross_entropy(class_logits, labels), box


def maskrcnn_inference(x: Any, labels: list) -> tuple:
    """Of masks' scores (N, classes, M, M), for each image the probabilities (some, 1, M, M) of the labels' masks."""
    every = cat(labels)
    chosen = x.sigmoid()[arange(x.shape[0]), every][:, None]
    return chosen.split([label.shape[0] for label in labels], dim=0)


def maskrcnn_loss(mask_logits: Any, proposals: list, gt_masks: list, gt_labels: list, mask_matched_idxs: list) -> Any:
    """The loss of the masks of the true classes."""
    side = mask_logits.shape[-1]
    labels = cat([label[i] for label, i in zip(gt_labels, mask_matched_idxs)])
    targets = []
    for masks, boxes, numbers in zip(gt_masks, proposals, mask_matched_idxs):
        rois = cat([numbers.to(boxes.dtype)[:, None], boxes], 1)
        targets.append(roi_align(masks[:, None].to(rois.dtype), rois, (side, side), 1.0)[:, 0])
    target = cat(targets)
    if target.numel() == 0:
        return mask_logits.sum() * 0
    return binary_cross_entropy_with_logits(mask_logits[arange(labels.shape[0]), labels], target)


class RoIHeads(nn.Module):
    """Classes and boxes of proposals; masks and points too where their pool, head and predictor are there.

    Detections are those scored above score_thresh, the best detections_per_img, of which none overlaps a better one of its class by
    more than nms_thresh. The other numbers are for training.
    """

    def __init__(
        self,
        box_roi_pool: Any,
        box_head: Any,
        box_predictor: Any,
        fg_iou_thresh: float,
        bg_iou_thresh: float,
        batch_size_per_image: int,
        positive_fraction: float,
        bbox_reg_weights: Any,
        score_thresh: float,
        nms_thresh: float,
        detections_per_img: int,
        mask_roi_pool: Any = None,
        mask_head: Any = None,
        mask_predictor: Any = None,
        keypoint_roi_pool: Any = None,
        keypoint_head: Any = None,
        keypoint_predictor: Any = None,
    ):
        super().__init__()
        self.box_similarity = box_iou
        self.proposal_matcher = Matcher(fg_iou_thresh, bg_iou_thresh)
        self.fg_bg_sampler = BalancedPositiveNegativeSampler(batch_size_per_image, positive_fraction)
        self.box_coder = BoxCoder(bbox_reg_weights or (10.0, 10.0, 5.0, 5.0))
        self.box_roi_pool, self.box_head, self.box_predictor = box_roi_pool, box_head, box_predictor
        self.score_thresh, self.nms_thresh, self.detections_per_img = score_thresh, nms_thresh, detections_per_img
        self.mask_roi_pool, self.mask_head, self.mask_predictor = mask_roi_pool, mask_head, mask_predictor
        self.keypoint_roi_pool, self.keypoint_head = keypoint_roi_pool, keypoint_head
        self.keypoint_predictor = keypoint_predictor

    def has_mask(self) -> bool:
        """Whether masks are computed."""
        return None not in (self.mask_roi_pool, self.mask_head, self.mask_predictor)

    def has_keypoint(self) -> bool:
        """Whether points are computed."""
        return None not in (self.keypoint_roi_pool, self.keypoint_head, self.keypoint_predictor)

    def assign_targets_to_proposals(self, proposals: list, gt_boxes: list, gt_labels: list) -> tuple[list, list]:
        """For each image the numbers of the proposals' true boxes, and their labels: 0 for nothing, -1 for neither."""
        numbers, labels = [], []
        for mine, boxes, classes in zip(proposals, gt_boxes, gt_labels):
            if boxes.numel() == 0:
                numbers.append(zeros(mine.shape[0], dtype=int64))
                labels.append(zeros(mine.shape[0], dtype=int64))
                continue
            found = self.proposal_matcher(box_iou(boxes, mine))
            label = classes[found.clamp(min=0)].to(int64)
            label[found == Matcher.BELOW_LOW_THRESHOLD] = 0
            label[found == Matcher.BETWEEN_THRESHOLDS] = -1
            numbers.append(found.clamp(min=0))
            labels.append(label)
        return numbers, labels

    def check_targets(self, targets: list[dict] | None) -> list[dict]:
        """ValueError for targets that lack something, TypeError for other dtypes."""
        if targets is None:
            raise ValueError("targets should not be None")
        for key in ("boxes", "labels", *(["masks"] if self.has_mask() else [])):
            if not all(key in t for t in targets):
                raise ValueError(f"Every element of targets should have a {key} key")
        return targets

    def select_training_samples(self, proposals: list, targets: list[dict] | None) -> tuple:
        """Some proposals of each image with the true boxes among them, their true boxes' numbers, labels and differences."""
        targets = self.check_targets(targets)
        dtype = proposals[0].dtype
        boxes = [t["boxes"].to(dtype) for t in targets]
        proposals = [cat((mine, true)) for mine, true in zip(proposals, boxes)]
        numbers, labels = self.assign_targets_to_proposals(proposals, boxes, [t["labels"] for t in targets])
        drawn = [where(a | b)[0] for a, b in zip(*self.fg_bg_sampler(labels))]
        proposals, numbers, labels = (
            [part[i] for part, i in zip(parts, drawn)] for parts in (proposals, numbers, labels)
        )
        matched = [(b if b.numel() else zeros(1, 4, dtype=dtype))[i] for b, i in zip(boxes, numbers)]
        return proposals, numbers, labels, self.box_coder.encode(matched, proposals)

    def postprocess_detections(self, class_logits: Any, box_regression: Any, proposals: list, image_shapes: list):
        """For each image the boxes, scores and labels of what was found, the best first."""
        counts, classes = [len(boxes) for boxes in proposals], class_logits.shape[-1]
        every_box = self.box_coder.decode(box_regression, proposals).split(counts, 0)
        every_score = softmax(class_logits, -1).split(counts, 0)
        found: tuple[list, list, list] = ([], [], [])
        for boxes, scores, size in zip(every_box, every_score, image_shapes):
            boxes = clip_boxes_to_image(boxes, size)
            # Class 0 is nothing.
            labels = arange(classes).view(1, -1).expand_as(scores)[:, 1:].reshape(-1)
            boxes, scores = boxes[:, 1:].reshape(-1, 4), scores[:, 1:].reshape(-1)
            keep = where(scores > self.score_thresh)[0]
            boxes, scores, labels = boxes[keep], scores[keep], labels[keep]
            keep = remove_small_boxes(boxes, min_size=1e-2)
            boxes, scores, labels = boxes[keep], scores[keep], labels[keep]
            keep = batched_nms(boxes, scores, labels, self.nms_thresh)[: self.detections_per_img]
            for part, kept in zip(found, (boxes, scores, labels)):
                part.append(kept[keep])
        return found

    def forward(self, features: dict, proposals: list, image_shapes: list, targets: list[dict] | None = None):
        """(detections, losses): for each image boxes, labels and scores, in evaluation; the losses, in training."""
        for t in targets or ():
            if t["boxes"].dtype not in (float16, float32, float64):
                raise TypeError(f"target boxes must of float type, instead got {t['boxes'].dtype}")
            if t["labels"].dtype != int64:
                raise TypeError(f"target labels must of int64 type, instead got {t['labels'].dtype}")
            if self.has_keypoint() and t["keypoints"].dtype != float32:
                raise TypeError(f"target keypoints must of float type, instead got {t['keypoints'].dtype}")
        numbers = labels = codes = None
        if self.training:
            proposals, numbers, labels, codes = self.select_training_samples(proposals, targets)
        inner = self.box_head(self.box_roi_pool(features, proposals, image_shapes))
        class_logits, box_regression = self.box_predictor(inner)
        result: list[dict] = []
        losses: dict[str, Any] = {}
        if labels is not None:
            classes, boxes = fastrcnn_loss(class_logits, box_regression, labels, codes)
            losses = {"loss_classifier": classes, "loss_box_reg": boxes}
            positive = [where(label > 0)[0] for label in labels]
            places = [mine[i] for mine, i in zip(proposals, positive)]
            matched = [n[i] for n, i in zip(numbers or (), positive)]
        else:
            found = self.postprocess_detections(class_logits, box_regression, proposals, image_shapes)
            result = [{"boxes": b, "labels": n, "scores": s} for b, s, n in zip(*found)]
            places, matched = [r["boxes"] for r in result], []
        if self.has_mask():
            logits = self.mask_predictor(self.mask_head(self.mask_roi_pool(features, places, image_shapes)))
            if self.training:
                masks, kinds = ([t[key] for t in targets or ()] for key in ("masks", "labels"))
                losses["loss_mask"] = maskrcnn_loss(logits, places, masks, kinds, matched)
            else:
                for mask, r in zip(maskrcnn_inference(logits, [r["labels"] for r in result]), result):
                    r["masks"] = mask
        if self.has_keypoint():
            inner = self.keypoint_head(self.keypoint_roi_pool(features, places, image_shapes))
            logits = self.keypoint_predictor(inner)
            if self.training:
                points = [t["keypoints"] for t in targets or ()]
                losses["loss_keypoint"] = keypointrcnn_loss(logits, places, points, matched)
            else:
                for points, scores, r in zip(*keypointrcnn_inference(logits, places), result):
                    r["keypoints"], r["keypoints_scores"] = points, scores
        return result, losses
