"""Operators for images: known values, derivatives against finite differences, what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import taper
from taper import nn
from taper.autograd import gradcheck, gradgradcheck
from taper.vision import ops

F64 = taper.float64


def boxes_of(*rows):
    return taper.tensor(rows, dtype=taper.float32)


def test_overlaps():
    a, b = boxes_of([0, 0, 2, 2], [0, 0, 4, 4]), boxes_of([1, 1, 3, 3], [10, 10, 11, 11])
    assert ops.box_area(b).tolist() == [4, 1]
    np.testing.assert_allclose(ops.box_iou(a, b).numpy(), [[1 / 7, 0], [4 / 16, 0]], rtol=1e-6)
    np.testing.assert_allclose(ops.generalized_box_iou(a, b)[0, 0].item(), 1 / 7 - 2 / 9, rtol=1e-6)
    np.testing.assert_allclose(ops.distance_box_iou(a, b)[0, 0].item(), 1 / 7 - 2 / 18, rtol=1e-5)
    assert ops.complete_box_iou(a, b)[0, 0] == ops.distance_box_iou(a, b)[0, 0]
    assert ops.box_convert(a[1:], "xyxy", "cxcywh").tolist() == [[2, 2, 4, 4]]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 30), st.floats(0.05, 0.95))
def test_suppression_keeps_the_best_of_those_that_overlap(seed, n, threshold):
    random = np.random.default_rng(seed)
    corners = random.integers(0, 12, (n, 2))
    boxes = np.concatenate([corners, corners + random.integers(1, 9, (n, 2))], 1).astype(np.float32)
    scores = random.permutation(n).astype(np.float32)
    iou = ops.box_iou(taper.from_numpy(boxes), taper.from_numpy(boxes)).numpy() if n else np.zeros((0, 0))
    expected = []
    for i in np.argsort(-scores):
        if all(iou[i, j] <= np.float32(threshold) for j in expected):
            expected.append(i)
    kept = ops.nms(taper.from_numpy(boxes), taper.from_numpy(scores), float(np.float32(threshold)))
    assert kept.dtype == taper.int64
    assert kept.tolist() == expected
    classes = random.integers(0, 3, n)
    batched = ops.batched_nms(taper.from_numpy(boxes), taper.from_numpy(scores), taper.from_numpy(classes), threshold)
    alone = [k for c in range(3) for k in np.flatnonzero(classes == c)[ops.nms(taper.from_numpy(boxes[classes == c]), taper.from_numpy(scores[classes == c]), threshold).numpy()]]  # fmt: skip
    assert sorted(batched.tolist()) == sorted(alone)
    assert list(scores[batched.numpy()]) == sorted(scores[batched.numpy()], reverse=True)


def test_regions_of_a_slope():
    rows, columns = taper.meshgrid(taper.arange(12.0), taper.arange(16.0), indexing="ij")
    maps = taper.stack([rows, columns, taper.full_like(rows, 3.0)])[None]
    out = ops.roi_align(maps, [boxes_of([2, 3, 8, 7])], (2, 3), sampling_ratio=2)
    np.testing.assert_allclose(out[0, 0].numpy(), [[4] * 3, [6] * 3], rtol=1e-6)
    np.testing.assert_allclose(out[0, 1].numpy(), [[3, 5, 7]] * 2, rtol=1e-6)
    np.testing.assert_allclose(out[0, 2].numpy(), [[3] * 3] * 2, rtol=1e-6)
    pooled = ops.roi_pool(maps, [boxes_of([2, 3, 7, 6])], 2)
    np.testing.assert_allclose(pooled[0, 0].numpy(), [[4, 4], [6, 6]])
    np.testing.assert_allclose(pooled[0, 1].numpy(), [[4, 7], [4, 7]])
    half = ops.roi_align(maps.half(), boxes_of([0, 2, 3, 8, 7]).half(), 2)
    assert half.dtype == taper.float16
    out_of_sight = ops.roi_align(maps, boxes_of([0, 100, 100, 120, 120]), 2)
    assert not out_of_sight.any()


REGIONS = taper.tensor([[0, 0.3, 0.4, 2.1, 2.2], [0, 1.2, -2, 9, 1.6]], dtype=F64)


@pytest.mark.parametrize("name", ["roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool"])
def test_regions_gradients(name):
    taper.manual_seed(0)
    maps = taper.rand(1, 4, 2, 2, dtype=F64, requires_grad=True)
    call = lambda x: getattr(ops, name)(x, REGIONS, 2)
    assert gradcheck(call, (maps,))
    if name == "ps_roi_pool":
        assert gradgradcheck(call, (maps,))


def test_deformed_convolutions():
    taper.manual_seed(0)
    x, weight, bias = taper.rand(2, 4, 6, 5, dtype=F64), taper.rand(6, 2, 3, 3, dtype=F64), taper.rand(6, dtype=F64)
    expected = nn.functional.conv2d(x, weight, bias, stride=2, padding=1, groups=2)
    still = taper.zeros(2, 18, *expected.shape[2:], dtype=F64)
    out = ops.deform_conv2d(x, still, weight, bias, stride=2, padding=1)
    np.testing.assert_allclose(out.numpy(), expected.numpy())
    x, weight = (taper.rand(shape, dtype=F64, requires_grad=True) for shape in ((1, 2, 2, 3), (1, 2, 2, 1)))
    moved = (taper.rand(1, 4, 1, 3, dtype=F64) * 3 - 1).requires_grad_()
    mask = taper.rand(1, 2, 1, 3, dtype=F64, requires_grad=True)
    assert gradcheck(lambda x, o, w, m: ops.deform_conv2d(x, o, w, mask=m), (x, moved, weight, mask))
    layer = ops.DeformConv2d(4, 6, 3, padding=1, bias=False)
    assert layer(taper.rand(1, 4, 5, 5), taper.zeros(1, 18, 5, 5)).shape == (1, 6, 5, 5)


def test_losses_fall_where_boxes_agree():
    box, other = boxes_of([0, 0, 4, 2]), boxes_of([1, 0, 6, 2])
    for loss in (ops.generalized_box_iou_loss, ops.distance_box_iou_loss, ops.complete_box_iou_loss):
        assert loss(box, box).item() == pytest.approx(0, abs=1e-5)
        start = other.clone().requires_grad_()
        loss(start, box, reduction="sum").backward()
        assert loss(start - 0.1 * start.grad, box) < loss(start, box)
    sure = ops.sigmoid_focal_loss(taper.tensor([4.0, -4.0]), taper.tensor([1.0, 1.0]), gamma=2)
    assert sure[0] < 1e-4 < 0.5 < sure[1]


def test_dropped_blocks_keep_the_mean():
    taper.manual_seed(0)
    x = taper.ones(200, 1, 16, 16)
    out = ops.drop_block2d(x, 0.2, 3)
    assert 0.1 < (out == 0).float().mean() < 0.25
    np.testing.assert_allclose(out.mean().item(), 1, atol=1e-3)
    rows = ops.stochastic_depth(taper.ones(4000, 2), 0.25, "row")
    assert set(rows.unique().tolist()) == {0.0, np.float32(4 / 3)}
    assert ops.stochastic_depth(x, 0.5, "row", training=False) is x


MISTAKES = [
    (lambda: ops.nms(taper.rand(3, 4), taper.rand(2), 0.5), RuntimeError, "number of elements"), (lambda: ops.nms(taper.rand(3), taper.rand(3), 0.5), RuntimeError, "2d"),
    (lambda: ops.box_convert(taper.rand(3, 4), "xyxy", "xyhw"), ValueError, "xyhw"), (lambda: ops.box_area(taper.rand(3, 4), fmt="x"), ValueError, "format x"),
    (lambda: ops.roi_align(taper.rand(1, 2, 4, 4), taper.rand(3, 4), 2), AssertionError, "roi_align"), (lambda: ops.roi_pool(taper.rand(1, 2, 4, 4), [taper.rand(3, 5)], 2), AssertionError, "L, 4"),
    (lambda: ops.roi_align(taper.rand(1, 2, 4, 4), boxes_of([1, 0, 0, 2, 2]), 2), RuntimeError, "image 1"), (lambda: ops.roi_align(taper.rand(2, 4, 4), boxes_of([0, 0, 0, 2, 2]), 2), RuntimeError, "N, C, H, W"),
    (lambda: ops.ps_roi_align(taper.rand(1, 6, 4, 4), boxes_of([0, 0, 0, 2, 2]), 2), RuntimeError, "multiple"), (lambda: ops.roi_align(taper.rand(1, 2, 4, 4), boxes_of([0, 0, 0, 2, 2]).double(), 2), RuntimeError, "dtype"),
    (lambda: ops.deform_conv2d(taper.rand(1, 2, 4, 4), taper.zeros(1, 17, 2, 2), taper.rand(3, 2, 3, 3)), RuntimeError, "multiple of 2"), (lambda: ops.deform_conv2d(taper.rand(1, 2, 4, 4), taper.zeros(1, 18, 3, 3), taper.rand(3, 2, 3, 3)), RuntimeError, "offset output"),
    (lambda: ops.deform_conv2d(taper.rand(1, 2, 4, 4), taper.zeros(1, 18, 2, 2), taper.rand(3, 2, 3, 3), mask=taper.rand(1, 2, 2, 2)), RuntimeError, "mask output"), (lambda: ops.deform_conv2d(taper.rand(1, 3, 4, 4), taper.zeros(1, 18, 2, 2), taper.rand(3, 2, 3, 3)), RuntimeError, "does not fit"),
    (lambda: ops.deform_conv2d(taper.rand(2, 4, 4), taper.zeros(1, 18, 2, 2), taper.rand(3, 2, 3, 3)), RuntimeError, "4 dimensions"), (lambda: ops.DeformConv2d(3, 4, 3, groups=2), ValueError, "in_channels"), (lambda: ops.DeformConv2d(4, 3, 3, groups=2), ValueError, "out_channels"),
    (lambda: ops.stochastic_depth(taper.rand(2), 2.0, "row"), ValueError, "between 0 and 1"), (lambda: ops.stochastic_depth(taper.rand(2), 0.5, "all"), ValueError, "mode"), (lambda: ops.drop_block2d(taper.rand(2, 3), 0.5, 3), ValueError, "4 dimensional"),
    (lambda: ops.sigmoid_focal_loss(taper.rand(2), taper.rand(2), alpha=3), ValueError, "alpha"), (lambda: ops.distance_box_iou_loss(taper.rand(2, 4), taper.rand(2, 4), "most"), ValueError, "reduction"),
    (lambda: ops.FeaturePyramidNetwork([0], 3), ValueError, "in_channels"), (lambda: ops.FeaturePyramidNetwork([1], 3, nn.ReLU()), TypeError, "ExtraFPNBlock"), (lambda: ops.feature_pyramid_network.ExtraFPNBlock()([], [], []), NotImplementedError, "forward"),
    (lambda: ops.MultiScaleRoIAlign(["a"], 2, 2)({"b": taper.rand(1, 1, 4, 4)}, [taper.rand(1, 4)], [(8, 8)]), ValueError, "maps"),
]  # fmt: skip


@pytest.mark.parametrize("i", range(len(MISTAKES)))
def test_mistakes(i):
    call, error, words = MISTAKES[i]
    with pytest.raises(error, match=words):
        call()


def test_a_pyramid_reads_states_of_its_first_version():
    net = ops.FeaturePyramidNetwork([2, 3], 4)
    old = {key.replace(".0.weight", ".weight").replace(".0.bias", ".bias"): v for key, v in net.state_dict().items()}
    assert not set(old) & set(net.state_dict())
    other = ops.FeaturePyramidNetwork([2, 3], 4)
    other.load_state_dict(old)
    assert all(taper.equal(a, b) for a, b in zip(net.state_dict().values(), other.state_dict().values()))
