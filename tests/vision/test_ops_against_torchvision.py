"""Boxes, regions, blocks and losses against torchvision: the results, the gradients, what is raised."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import taper
from taper import vision

torch = pytest.importorskip("torch", reason="PyTorch, the oracle, is not installed")
torchvision = pytest.importorskip("torchvision", reason="torchvision, the oracle, is not installed")

compiled = pytest.mark.skipif(
    not torchvision.extension._has_ops(), reason="torchvision's compiled operators do not load"
)
BOTH = ((taper, vision.ops), (torch, torchvision.ops))
RANDOM = np.random.default_rng(0)


def some_boxes(n: int, seed: int = 0, size: float = 20.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    corner = random.random((n, 2)) * size
    return np.concatenate([corner, corner + random.random((n, 2)) * size / 2 + 0.01], 1).astype(np.float32)


A, B, SAME = some_boxes(6), some_boxes(4, 1), some_boxes(6, 2)
MAPS = RANDOM.standard_normal((2, 12, 9, 11)).astype(np.float32)
SCORES = RANDOM.random(60).astype(np.float32).round(1)
REGIONS = np.array(
    [[0, 0, 0, 10, 8], [1, 2.3, 1.7, 7.9, 6.1], [0, -3, -4, 4, 2], [1, 5, 5, 5.2, 5.1], [0, 8, 6, 30, 20], [1, 40, 40, 50, 50],
     [0, 6, 6, 3, 2]], np.float32)  # fmt: skip
LISTS = [some_boxes(2, 5, 8), some_boxes(3, 6, 8)]
OFFSETS = RANDOM.standard_normal((2, 2 * 2 * 6, 7, 10)).astype(np.float32) * 2
WEIGHT = RANDOM.standard_normal((4, 6, 3, 2)).astype(np.float32)
MASK = RANDOM.random((2, 2 * 6, 7, 10)).astype(np.float32)
LOGITS, TARGETS = RANDOM.standard_normal((5, 3)).astype(np.float32), (RANDOM.random((5, 3)) > 0.5).astype(np.float32)

# Each takes the operators and tensors; gradients are compared for the tensors of floats.
PLAIN = [
    (lambda o, a: o.box_area(a), [A]), (lambda o, a: o.box_area(a, fmt="cxcywh"), [A]), (lambda o, a: o.box_area(a, fmt="xywh"), [A]), (lambda o, a: o.box_area(a), [A.astype(np.int16)]),
    (lambda o, a, b: o.box_iou(a, b), [A, B]), (lambda o, a, b: o.box_iou(a, b, fmt="xywh"), [A, B]), (lambda o, a, b: o.box_iou(a, b, fmt="cxcywh"), [A, B]),
    (lambda o, a, b: o.box_iou(a, b), [A.astype(np.int64), B.astype(np.int64) + 1]), (lambda o, a, b: o.box_iou(a, b), [A.astype(np.uint8), B.astype(np.uint8)]),
    (lambda o, a, b: o.generalized_box_iou(a, b), [A, B]), (lambda o, a, b: o.distance_box_iou(a, b), [A, B]), (lambda o, a, b: o.complete_box_iou(a, b), [A, B]),
    (lambda o, a, b: o.generalized_box_iou(a, b), [A.astype(np.int32), B.astype(np.int32)]), (lambda o, a: o.clip_boxes_to_image(a, (7, 9)), [A]), (lambda o, a: o.clip_boxes_to_image(a, (7, 9)), [A.reshape(2, 3, 4)]),
    (lambda o, a: o.remove_small_boxes(a, 4.0), [A]), (lambda o, a: o.masks_to_boxes(a), [MASK > 0.95]), (lambda o, a: o.masks_to_boxes(a), [np.zeros((0, 3, 3), bool)]), (lambda o, a: o.masks_to_boxes(a), [np.stack([MASK[0, 0] > 0.8, MASK[0, 0] > 2])]),
    *[(lambda o, a, i=i, j=j: o.box_convert(a, i, j), [A]) for i in ("xyxy", "xywh", "cxcywh") for j in ("xyxy", "xywh", "cxcywh", "abc")],
    *[(lambda o, a, b, f=f, r=r: getattr(o, f)(a, b, reduction=r), [A, SAME]) for f in ("generalized_box_iou_loss", "distance_box_iou_loss", "complete_box_iou_loss") for r in ("none", "mean", "sum", "some")],
    (lambda o, a, b: o.complete_box_iou_loss(a, b), [A, A + 1]), (lambda o, a, b: o.distance_box_iou_loss(a, b, "mean"), [A[:0], A[:0]]),
    *[(lambda o, a, b, r=r, al=al: o.sigmoid_focal_loss(a, b, alpha=al, gamma=1.5, reduction=r), [LOGITS, TARGETS]) for r in ("none", "mean", "sum", "some") for al in (0.25, -1, 2)],
    (lambda o, a: o.box_area(a, fmt="nothing"), [A]),
]  # fmt: skip

COMPILED = [
    *[(lambda o, a, b, t=t: o.nms(a, b, t), [some_boxes(60), SCORES]) for t in (0.0, 0.3, 0.7)],
    (lambda o, a, b, c: o.batched_nms(a, b, c, 0.2), [some_boxes(60), SCORES, RANDOM.integers(0, 3, 60)]), (lambda o, a, b, c: o.batched_nms(a, b, c, 0.2), [A[:0], SCORES[:0], np.zeros(0, np.int64)]),
    (lambda o, a, b, c: o.batched_nms(a, b, c, 0.2), [some_boxes(1001), np.random.default_rng(3).permutation(1001).astype(np.float32), np.arange(1001) % 4]),
    (lambda o, a, b: o.nms(a, b, 0.5), [A[:, :3], SCORES[:6]]), (lambda o, a, b: o.nms(a, b, 0.5), [A, SCORES[:5]]), (lambda o, a, b: o.nms(a[0], b, 0.5), [A, SCORES[:5]]),
    *[(lambda o, x, b, s=s, r=r, al=al: o.roi_align(x, b, (3, 2), s, r, al), [MAPS, REGIONS]) for s in (1.0, 0.7) for r in (-1, 2) for al in (False, True)],
    (lambda o, x, a, b: o.roi_align(x, [a, b], 4), [MAPS, *LISTS]), (lambda o, x, a, b: o.roi_pool(x, [a, b], 4), [MAPS, *LISTS]), (lambda o, x, b: o.roi_align(x, b, 2), [MAPS, REGIONS[:0]]),
    *[(lambda o, x, b, s=s: o.roi_pool(x, b, (3, 2), s), [MAPS, REGIONS]) for s in (1.0, 0.6)], (lambda o, x, b: o.roi_pool(x, b, 3), [np.maximum(MAPS, 0), REGIONS]),
    # Beyond the edge torchvision's gradient is not that of its results.
    *[(lambda o, x, b, s=s: o.ps_roi_pool(x, b, (3, 2), s), [MAPS, REGIONS[:4]]) for s in (1.0, 0.6)], (lambda o, x, b: o.ps_roi_pool(x.detach(), b.detach(), (3, 2)), [MAPS, REGIONS]), *[(lambda o, x, b, r=r: o.ps_roi_align(x, b, (3, 2), 0.8, r), [MAPS, REGIONS]) for r in (-1, 2)],
    (lambda o, x, b: o.roi_align(x, b, 2), [MAPS, REGIONS[:, 1:]]), (lambda o, x, b: o.roi_align(x, [b], 2), [MAPS, REGIONS]), (lambda o, x, b: o.ps_roi_align(x, b, 5), [MAPS, REGIONS]), (lambda o, x, b: o.roi_pool(x, b, 2), [MAPS, REGIONS.astype(np.float64)]),
    (lambda o, x, f, w: o.deform_conv2d(x, f, w), [MAPS, OFFSETS, WEIGHT]), (lambda o, x, f, w, m: o.deform_conv2d(x, f, w, mask=m), [MAPS, OFFSETS, WEIGHT, MASK]), (lambda o, x, f, w, b: o.deform_conv2d(x, f * 0, w, b), [MAPS, OFFSETS, WEIGHT, SCORES[:4]]),
    (lambda o, x, f, w: o.deform_conv2d(x, f[:, :, :5, :6], w, stride=(2, 2), padding=(2, 1), dilation=(2, 1)), [MAPS, OFFSETS, WEIGHT]),
    (lambda o, x, f, w: o.deform_conv2d(x, f[:, :7], w), [MAPS, OFFSETS, WEIGHT]), (lambda o, x, f, w: o.deform_conv2d(x, f[:, :, :3], w), [MAPS, OFFSETS, WEIGHT]),
]  # fmt: skip


def outcome(call, arrays, library, ops):
    """The result and the gradients of a weighted sum of it; or the class of what was raised."""
    tensors = [library.from_numpy(a.copy()) for a in arrays]
    for t in tensors:
        t.requires_grad_(t.dtype.is_floating_point)
    try:
        out = call(ops, *tensors)
    except (AssertionError, TypeError, ValueError, RuntimeError, IndexError) as error:
        return type(error)
    found = [out.detach().numpy()]
    if out.requires_grad and out.numel():
        weights = np.cos(np.arange(found[0].size, dtype=np.float32)).reshape(found[0].shape)
        (out * library.from_numpy(weights)).sum().backward()
        found += [None if t.grad is None else t.grad.numpy() for t in tensors]
    return found


def compare(call, arrays):
    theirs, ours = (outcome(call, arrays, *both) for both in BOTH[::-1])
    if isinstance(theirs, type):
        assert ours is theirs
        return
    assert not isinstance(ours, type), ours
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        if b is None:
            # Boxes of regions have no gradient; PyTorch leaves it out, or gives zeros.
            assert a is None or not a.any()
            continue
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * max(1.0, np.abs(b).max(initial=0)))


@pytest.mark.parametrize("i", range(len(PLAIN)))
def test_boxes_and_losses(i):
    compare(*PLAIN[i])


@compiled
@pytest.mark.parametrize("i", range(len(COMPILED)))
def test_suppression_regions_and_deformed_convolutions(i):
    compare(*COMPILED[i])


LAYERS = [
    lambda o, nn: o.Conv2dNormActivation(12, 8), lambda o, nn: o.Conv2dNormActivation(12, 8, (3, 5), 2, dilation=2, activation_layer=nn.SiLU), lambda o, nn: o.Conv2dNormActivation(12, 8, norm_layer=None, inplace=None),
    lambda o, nn: o.Conv2dNormActivation(12, 8, 1, groups=4, activation_layer=None, bias=True), lambda o, nn: o.SqueezeExcitation(12, 4), lambda o, nn: o.SqueezeExcitation(12, 4, nn.SiLU, nn.Hardsigmoid),
    lambda o, nn: nn.Sequential(o.Permute([0, 2, 3, 1]), o.MLP(12, [5, 7, 2], nn.LayerNorm, nn.GELU, None, dropout=0.3)), lambda o, nn: o.MLP(11, [6, 4], inplace=True), lambda o, nn: o.FrozenBatchNorm2d(12, eps=0.1),
    lambda o, nn: o.StochasticDepth(0.4, "row"), lambda o, nn: o.StochasticDepth(0.5, "batch"), lambda o, nn: o.StochasticDepth(1.0, "row"), lambda o, nn: o.DropBlock2d(0.3, 3), lambda o, nn: o.DropBlock2d(0.2, 40, inplace=True),
    lambda o, nn: nn.Sequential(nn.Unflatten(1, (3, 4)), o.DropBlock3d(0.2, 3)), lambda o, nn: nn.Sequential(nn.Unflatten(1, (3, 4)), o.Conv3dNormActivation(3, 5, 3, dilation=(1, 2, 1))),
    lambda o, nn: o.StochasticDepth(1.5, "row"), lambda o, nn: o.StochasticDepth(0.5, "column"), lambda o, nn: o.DropBlock2d(1.5, 3), lambda o, nn: o.DropBlock3d(0.5, 3),
]  # fmt: skip


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("i", range(len(LAYERS)))
def test_layers(i, training):
    found = []
    for library, ops in BOTH:
        library.manual_seed(4)
        try:
            layer = LAYERS[i](ops, library.nn).train(training)
            out = layer(library.from_numpy(MAPS.copy()))
        except ValueError:
            found.append(ValueError)
            continue
        found.append((repr(layer), {k: v.numpy() for k, v in layer.state_dict().items()}, out.detach().numpy()))
    ours, theirs = found
    if theirs is ValueError:
        assert ours is ValueError
        return
    assert ours[0] == theirs[0]
    assert list(ours[1]) == list(theirs[1])
    for key in theirs[1]:
        np.testing.assert_allclose(ours[1][key], theirs[1][key], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ours[2], theirs[2], rtol=1e-4, atol=1e-5)


def test_a_frozen_norm_loads_a_batch_norm():
    for library, ops in BOTH:
        norm = library.nn.BatchNorm2d(3)
        norm(library.randn(2, 3, 4, 4))
        frozen = ops.FrozenBatchNorm2d(3)
        frozen.load_state_dict(norm.state_dict())
        x = library.randn(2, 3, 4, 4)
        assert library.allclose(frozen(x), norm.eval()(x), atol=1e-5)


EXTRA = [lambda o: None, lambda o: o.feature_pyramid_network.LastLevelMaxPool(), lambda o: o.feature_pyramid_network.LastLevelP6P7(6, 5), lambda o: o.feature_pyramid_network.LastLevelP6P7(5, 5)]  # fmt: skip


@pytest.mark.parametrize("i", range(len(EXTRA)))
def test_pyramids(i):
    maps = [
        np.random.default_rng(k).standard_normal((2, c, s, s + 1)).astype(np.float32)
        for k, (c, s) in enumerate([(3, 16), (4, 8), (6, 5)])
    ]
    found = []
    for library, ops in BOTH:
        library.manual_seed(4)
        net = ops.FeaturePyramidNetwork(
            [3, 4, 6], 5, EXTRA[i](ops), norm_layer=library.nn.BatchNorm2d if i == 1 else None
        )
        out = net({name: library.from_numpy(m.copy()) for name, m in zip("abc", maps)})
        found.append((repr(net), list(out), [v.detach().numpy() for v in out.values()]))
    assert found[0][:2] == found[1][:2]
    for a, b in zip(found[0][2], found[1][2]):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@compiled
def test_boxes_go_to_the_level_of_their_size():
    maps = {
        name: RANDOM.standard_normal((2, 3, s, s)).astype(np.float32)
        for name, s in (("0", 32), ("1", 16), ("2", 8), ("pool", 4))
    }
    boxes = [some_boxes(9, 1, 100), some_boxes(5, 2, 128)]
    for names in (["0", "1", "2"], ["1"]):
        found = []
        for library, ops in BOTH:
            pool = ops.MultiScaleRoIAlign(names, 3, 2, canonical_scale=32)
            given = {k: library.from_numpy(v.copy()) for k, v in maps.items()}
            out = pool(given, [library.from_numpy(b.copy()) for b in boxes], [(128, 128), (120, 100)])
            found.append((repr(pool), out.numpy()))
        assert found[0][0] == found[1][0]
        np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-4, atol=1e-5)


@compiled
def test_layers_of_regions():
    calls = [lambda o: o.RoIAlign((2, 3), 0.5, 2), lambda o: o.RoIAlign(2, 0.5, -1, aligned=True), lambda o: o.RoIPool(3, 0.5), lambda o: o.PSRoIAlign(2, 0.5, 1), lambda o: o.PSRoIPool((3, 2), 0.5)]  # fmt: skip
    for call in calls:
        (a, said), (b, expected) = ((lambda m: (m(lib.from_numpy(MAPS.copy()), lib.from_numpy(REGIONS.copy())).numpy(), repr(m)))(call(ops)) for lib, ops in BOTH)  # fmt: skip
        assert said == expected
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    for library, _ in BOTH:
        library.manual_seed(0)
    layers = [ops.DeformConv2d(12, 4, 3, padding=1, stride=2, groups=2) for _, ops in BOTH]
    assert repr(layers[0]) == repr(layers[1])
    assert all(
        np.array_equal(p.detach().numpy(), q.detach().numpy())
        for p, q in zip(layers[0].parameters(), layers[1].parameters())
    )


def test_the_base_of_the_blocks_warns():
    for _, ops in ((taper, vision.ops.layers), (torch, torchvision.ops.misc)):
        with pytest.warns(UserWarning, match="Conv2dNormActivation"):
            ops.ConvNormActivation(3, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vision.ops.Conv2dNormActivation(3, 4)
