"""Detectors: small ones give torchvision's losses, gradients and detections; the published ones have its layers."""

from __future__ import annotations

from urllib.error import URLError

import numpy as np
import pytest

import taper
from taper import nn, vision
from taper.vision.models import detection
from taper.vision.models.detection.anchor_utils import AnchorGenerator, DefaultBoxGenerator
from taper.vision.models.detection.matching import BoxCoder, Matcher, SSDMatcher


@pytest.fixture(scope="module")
def both():
    torch = pytest.importorskip("torch", reason="PyTorch, the oracle, is not installed")
    torchvision = pytest.importorskip("torchvision", reason="torchvision, the oracle, is not installed")
    return ((taper, vision), (torch, torchvision))


def body(m, widths=(8,)):
    """A backbone that gives a map of 1/8 of the size, or several."""
    from collections import OrderedDict

    class Maps(m.nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = m.nn.Sequential(m.nn.Conv2d(3, 8, 3, 4, 1), m.nn.ReLU())
            self.steps = m.nn.ModuleList([m.nn.Conv2d(8, width, 3, 2, 1) for width in widths])
            self.out_channels = list(widths) if len(widths) > 1 else widths[0]

        def forward(self, x):
            x = self.stem(x)
            found = OrderedDict()
            for i, step in enumerate(self.steps):
                x = step(x)
                found[str(i)] = x
            return found

    return Maps()


SIZE = {"min_size": 64, "max_size": 96}
FEW = {**SIZE, "rpn_post_nms_top_n_test": 20, "rpn_post_nms_top_n_train": 30, "rpn_batch_size_per_image": 16, "box_batch_size_per_image": 12, "box_score_thresh": 0.01}  # fmt: skip


def parts(v, *names):
    anchors = v.models.detection.anchor_utils.AnchorGenerator(((16, 32),), ((0.5, 1.0, 2.0),))
    pools = {name: v.ops.MultiScaleRoIAlign(["0"], 4, 2) for name in names}
    return {"rpn_anchor_generator": anchors, **pools}


def faster(m, v):
    return v.models.detection.FasterRCNN(body(m), 4, **parts(v, "box_roi_pool"), **FEW)


def masks(m, v):
    head = v.models.detection.mask_rcnn.MaskRCNNHeads(8, (6,), 1)
    made = {"mask_head": head, "mask_predictor": v.models.detection.mask_rcnn.MaskRCNNPredictor(6, 5, 4)}
    predictor = v.models.detection.faster_rcnn.FastRCNNPredictor(1024, 4)
    return v.models.detection.MaskRCNN(body(m), None, box_predictor=predictor, **made, **parts(v, "box_roi_pool", "mask_roi_pool"), **FEW)  # fmt: skip


def points(m, v):
    k = v.models.detection.keypoint_rcnn
    made = {"keypoint_head": k.KeypointRCNNHeads(8, (6, 6)), "keypoint_predictor": k.KeypointRCNNPredictor(6, 3)}
    predictor = v.models.detection.faster_rcnn.FastRCNNPredictor(1024, 4)
    return v.models.detection.KeypointRCNN(body(m), box_predictor=predictor, **made, **parts(v, "box_roi_pool", "keypoint_roi_pool"), **FEW)  # fmt: skip


def retina(m, v):
    anchors = v.models.detection.anchor_utils.AnchorGenerator(((16, 32),), ((0.5, 1.0, 2.0),))
    return v.models.detection.RetinaNet(
        body(m), 4, anchor_generator=anchors, score_thresh=0.001, detections_per_img=20, **SIZE
    )


def ssd(m, v):
    boxes = v.models.detection.anchor_utils.DefaultBoxGenerator([[2], [2, 3]])
    made = v.models.detection.ssd.SSD(body(m, (8, 12)), boxes, (64, 64), 4, detections_per_img=20)
    return made


DETECTORS = {"faster": faster, "mask": masks, "keypoint": points, "retinanet": retina, "ssd": ssd}


def samples(m):
    random = np.random.default_rng(0)
    images = [m.tensor(random.random((3, *size)).astype(np.float32)) for size in ((60, 80), (70, 50))]
    boxes = ([[10.0, 10, 40, 50], [30, 20, 70, 55]], [[5.0, 5, 40, 60]])
    targets = []
    for image, rows in zip(images, boxes):
        n = len(rows)
        dots = random.random((n, 3, 2)).astype(np.float32) * 30 + 10
        seen = np.ones((n, 3, 1), np.float32)
        target = {
            "boxes": m.tensor(rows),
            "labels": m.tensor(list(range(1, n + 1))),
            "masks": m.tensor((random.random((n, *image.shape[1:])) > 0.5).astype(np.uint8)),
            "keypoints": m.tensor(np.concatenate([dots, seen], 2)),
        }
        targets.append(target)
    return images, targets


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.filterwarnings("ignore")
def test_losses_gradients_and_detections(name, both):
    made = []
    for m, v in both:
        m.manual_seed(0)
        detector = DETECTORS[name](m, v)
        made.append(detector)
    ours, theirs = made
    state, expected = ours.state_dict(), theirs.state_dict()
    assert list(state) == list(expected) and repr(ours).replace("taper.", "torch.") == repr(theirs)
    assert all(np.array_equal(state[k].numpy(), expected[k].numpy()) for k in expected)
    # Scores far enough from each other that rounding does not change their order.
    for (m, _), detector in zip(both, made):
        m.manual_seed(5)
        with m.no_grad():
            for key, p in detector.named_parameters():
                if (
                    any(word in key for word in ("cls", "bbox", "classification_head", "regression_head"))
                    and p.dim() > 1
                ):
                    p.copy_(m.randn(p.shape) * 0.1)
    found = []
    for (m, _), detector in zip(both, made):
        images, targets = samples(m)
        m.manual_seed(1)
        losses = detector.train()(images, targets)
        sum(losses.values()).backward()
        grads = {k: p.grad.numpy().copy() for k, p in detector.named_parameters() if p.grad is not None}
        with m.no_grad():
            out = detector.eval()(images)
        found.append(({k: float(x) for k, x in losses.items()}, grads, out))
    (losses, grads, out), (their_losses, their_grads, their_out) = found
    assert losses == pytest.approx(their_losses, rel=1e-4) and list(losses) == list(their_losses)
    assert set(grads) == set(their_grads)
    for key, g in their_grads.items():
        np.testing.assert_allclose(grads[key], g, rtol=1e-3, atol=2e-4 * max(np.abs(g).max(), 1e-3), err_msg=key)
    for a, b in zip(out, their_out):
        assert list(a) == list(b) and len(b["boxes"]) > 3
        for key in b:
            np.testing.assert_allclose(a[key].numpy(), b[key].numpy(), rtol=1e-3, atol=5e-3 if key in ("boxes", "keypoints") else 1e-4, err_msg=key)  # fmt: skip


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.filterwarnings("ignore")
def test_images_without_boxes(name, both):
    found = []
    for m, v in both:
        m.manual_seed(0)
        detector = DETECTORS[name](m, v)
        images, targets = samples(m)
        nothing = {"boxes": m.zeros(0, 4), "labels": m.zeros(0, dtype=m.int64), "keypoints": m.zeros(0, 3, 3)}
        targets[1] = {**nothing, "masks": m.zeros(0, *images[1].shape[1:], dtype=m.uint8)}
        m.manual_seed(1)
        losses = {k: float(x) for k, x in detector.train()(images, targets).items()}
        getattr(detector, "roi_heads", detector).score_thresh = 0.999
        with m.no_grad():
            out = [{k: tuple(x.shape) for k, x in r.items()} for r in detector.eval()(images)]
        found.append((losses, out))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-4) and found[0][1] == found[1][1]


PUBLISHED = {
    "fasterrcnn_resnet50_fpn": {"weights_backbone": None}, "maskrcnn_resnet50_fpn_v2": {}, "retinanet_resnet50_fpn": {"weights_backbone": None, "num_classes": 3},
    "ssd300_vgg16": {"weights_backbone": None}, "fasterrcnn_mobilenet_v3_large_fpn": {"weights_backbone": None},
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_detectors_have_the_same_layers(name, both, monkeypatch):
    (_, (torch, torchvision)) = both
    # Their values are compared above on small ones: drawing forty million numbers here would only take time.
    monkeypatch.setattr(taper.nn.init, "kaiming_normal_", lambda t, *rest, **options: t)
    monkeypatch.setattr(taper.nn.init, "kaiming_uniform_", lambda t, *rest, **options: t)
    monkeypatch.setattr(taper.nn.init, "normal_", lambda t, *rest, **options: t)
    ours = getattr(detection, name)(**PUBLISHED[name])
    with torch.device("meta"):
        theirs = getattr(torchvision.models.detection, name)(**PUBLISHED[name])
    shapes = lambda model: {k: (tuple(p.shape), str(p.dtype)) for k, p in model.state_dict().items()}
    assert list(shapes(ours)) == list(shapes(theirs)) and shapes(ours) == shapes(theirs)
    learned = lambda model: [k for k, p in model.named_parameters() if p.requires_grad]
    assert learned(ours) == learned(theirs)


def test_weights_of_detectors(both):
    (_, v), (_, theirs) = both
    for name in dir(theirs.models.detection):
        if name.endswith("_Weights") and hasattr(detection, name):
            for mine, other in zip(getattr(v.models.detection, name), getattr(theirs.models.detection, name)):
                assert (repr(mine), mine.url, repr(mine.transforms())) == (
                    repr(other),
                    other.url,
                    repr(other.transforms()),
                )
                assert mine.meta == {k: x for k, x in other.meta.items() if k not in ("_docs", "_ops", "_file_size")}


def test_weights_that_cannot_be_fetched_say_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(taper.hub, "get_dir", lambda: str(tmp_path))

    def refused(*args, **options):
        raise OSError("no network")

    monkeypatch.setattr(taper.hub, "load_state_dict_from_url", refused)
    with pytest.raises(
        URLError, match=r"Download https://download.pytorch.org/models/resnet50-\w+.pth where there is a network"
    ):
        detection.fasterrcnn_resnet50_fpn()


def test_anchors():
    image = detection.image_list.ImageList(taper.zeros(1, 3, 32, 64), [(32, 64)])
    (boxes,) = AnchorGenerator(((8,),), ((1.0, 4.0),))(image, [taper.zeros(1, 1, 2, 2)])
    assert (
        boxes[:2].tolist() == [[-4.0, -4.0, 4.0, 4.0], [-2.0, -8.0, 2.0, 8.0]]
        and boxes[2, 0] == 28.0
        and len(boxes) == 8
    )
    (boxes,) = DefaultBoxGenerator([[2]], scales=[0.25, 0.25])(image, [taper.zeros(1, 1, 1, 1)])
    assert boxes[0].tolist() == [24.0, 12.0, 40.0, 20.0] and len(boxes) == 4


def test_boxes_come_back():
    coder = BoxCoder((10.0, 10.0, 5.0, 5.0))
    boxes, anchors = taper.tensor([[1.0, 2, 9, 12], [4.0, 4, 5, 8]]), taper.tensor([[0.0, 0, 8, 8], [2.0, 2, 6, 6]])
    codes = coder.encode_single(boxes, anchors)
    np.testing.assert_allclose(coder.decode_single(codes, anchors).numpy(), boxes.numpy(), rtol=1e-5)


def test_matches():
    overlaps = taper.tensor([[0.9, 0.1, 0.45, 0.2], [0.2, 0.3, 0.1, 0.29]])
    assert Matcher(0.5, 0.4)(overlaps).tolist() == [0, -1, -2, -1]
    assert Matcher(0.5, 0.4, allow_low_quality_matches=True)(overlaps).tolist() == [0, 1, -2, -1]
    assert SSDMatcher(0.5)(overlaps).tolist() == [0, 1, -1, -1]
    with pytest.raises(ValueError, match="No ground-truth boxes"):
        Matcher(0.5, 0.4)(taper.zeros(0, 3))


WRONG = [
    (lambda d: d(*[samples(taper)[0]]), AssertionError, "targets should not be none"),
    (lambda d: d([taper.rand(3, 64, 64)], [{"boxes": taper.zeros(1, 3), "labels": taper.tensor([1])}]), AssertionError, r"shape \[N, 4\]"),
    (lambda d: d([taper.rand(3, 64, 64)], [{"boxes": taper.tensor([[5.0, 5, 5, 9]]), "labels": taper.tensor([1])}]), AssertionError, "positive height and width"),
    (lambda d: d([taper.rand(64, 64)], [{"boxes": taper.tensor([[5.0, 5, 8, 9]]), "labels": taper.tensor([1])}]), ValueError, "3d tensors"),
    (lambda d: d([taper.ones(3, 8, 8).int()], [{"boxes": taper.tensor([[5.0, 5, 8, 9]]), "labels": taper.tensor([1])}]), TypeError, "floating type"),
    (lambda d: d([taper.rand(3, 64, 64)], [{"boxes": taper.tensor([[5.0, 5, 8, 9]])}]), (ValueError, KeyError), "labels"),
    (lambda d: detection.FasterRCNN(nn.Identity(), 2), ValueError, "out_channels"),
    (lambda d: detection.FasterRCNN(d.backbone), ValueError, "num_classes should not be None"),
    (lambda d: detection.FasterRCNN(d.backbone, 2, rpn_anchor_generator=3), TypeError, "AnchorGenerator"),
]  # fmt: skip


@pytest.mark.parametrize("i", range(len(WRONG)))
def test_errors(i):
    call, error, words = WRONG[i]
    with pytest.raises(error, match=words):
        call(faster(taper, vision))
