"""Transforms of whole samples: structures, what is changed alike, transforms and kernels of one's own, mistakes."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import taper
from taper.utils.data import DataLoader
from taper.vision import tv_tensors
from taper.vision.transforms import v2

Image = pytest.importorskip("PIL.Image", reason="images need Pillow")


def boxes_of(*rows, format="XYXY", canvas_size=(8, 10), **options):
    return tv_tensors.BoundingBoxes(taper.tensor(rows, dtype=taper.float32), format=format, canvas_size=canvas_size, **options)  # fmt: skip


def test_what_lies_on_an_image_moves_with_it():
    taper.manual_seed(0)
    image = taper.zeros(1, 20, 30)
    image[:, 5:9, 12:20] = 1
    sample = {"image": tv_tensors.Image(image), "mask": tv_tensors.Mask(image[0].long()), "name": "a",
              "boxes": boxes_of([12, 5, 20, 9], canvas_size=(20, 30))}  # fmt: skip
    steps = [v2.RandomHorizontalFlip(1.0), v2.RandomCrop((12, 22), padding=3), v2.Resize((24, 44)), v2.Pad([1, 2])]
    out = v2.Compose(steps)(sample)
    assert out["name"] == "a" and out["image"].shape == (1, 28, 46) and out["boxes"].canvas_size == (28, 46)
    assert isinstance(out["mask"], tv_tensors.Mask) and out["mask"].dtype == taper.int64
    rows, columns = np.nonzero(out["mask"].numpy())
    found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(out["boxes"].numpy()[0], found, atol=1.0)
    assert out["image"].numpy()[0][out["mask"].numpy() == 1].mean() > 0.9


def test_tensors_that_say_what_they_hold():
    boxes = boxes_of([1, 2, 3, 4], clamping_mode=None)
    for made in (
        copy.copy(boxes),
        copy.deepcopy(boxes),
        pickle.loads(pickle.dumps(boxes)),
        boxes.clone(),
        boxes.detach(),
    ):
        assert type(made) is tv_tensors.BoundingBoxes and made.clamping_mode is None and made.tolist() == boxes.tolist()
    assert type(boxes * 2) is taper.Tensor and type(boxes[0]) is taper.Tensor
    x = taper.rand(3, 4, 4, requires_grad=True)
    image = tv_tensors.Image(x * 2)
    (image**2).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 8 * x.detach().numpy(), rtol=1e-6)
    shared = taper.zeros(1, 2, 2)
    tv_tensors.Image(shared).add_(1)
    assert shared.sum() == 4
    assert tv_tensors.Mask(Image.new("L", (3, 2))).shape == (1, 2, 3)
    with pytest.raises(NotImplementedError, match="wrap"):
        tv_tensors.set_return_type("TVTensor")
    with tv_tensors.set_return_type("Tensor"):
        assert type(boxes + 1) is taper.Tensor


def test_only_the_first_plain_tensor_is_an_image():
    flip = v2.RandomHorizontalFlip(1.0)
    first, second = taper.arange(4.0).reshape(1, 2, 2), taper.arange(4.0).reshape(1, 2, 2)
    out = flip(first, second)
    assert out[0].tolist() == [[[1, 0], [3, 2]]] and out[1] is second
    assert flip((tv_tensors.Image(first), second))[1] is second


def test_a_transform_of_ones_own():
    class Shift(v2.Transform):
        def make_params(self, flat_inputs):
            return {"by": int(taper.randint(1, 5, ()))}

        def transform(self, inpt, params):
            return self._call_kernel(v2.functional.pad, inpt, [params["by"], 0, 0, 0])

    sample = [tv_tensors.Image(taper.rand(1, 8, 10)), boxes_of([1, 1, 3, 3])]
    image, boxes = Shift()(sample)
    assert boxes.tolist() == [[1 + image.shape[2] - 10, 1, 3 + image.shape[2] - 10, 3]]
    with pytest.raises(NotImplementedError, match="transform"):
        v2.Transform()(taper.rand(1, 2, 2))


def test_a_kernel_for_a_class_of_ones_own():
    class Heat(tv_tensors.TVTensor):
        __slots__ = ()

    @v2.functional.register_kernel(v2.functional.horizontal_flip, Heat)
    def _(inpt):
        return tv_tensors.wrap(-inpt, like=inpt)

    out = v2.RandomHorizontalFlip(1.0)({"heat": Heat([1.0, 2.0])})["heat"]
    assert type(out) is Heat and out.tolist() == [-1, -2]
    v2.functional.horizontal_flip.kernels.pop(Heat)
    assert v2.RandomHorizontalFlip(1.0)(Heat([1.0, 2.0])).tolist() == [1, 2]
    for functional, kind in ((v2.functional.to_image, Heat), (v2.functional.resize, taper.Tensor)):
        with pytest.raises(ValueError, match="Kernels can only be registered"):
            v2.functional.register_kernel(functional, kind)


def test_small_boxes_go_with_their_labels_and_masks():
    boxes = boxes_of([1, 1, 5, 5], [2, 2, 2.5, 6], [-3, 0, 4, 4], [0, 0, 10, 8])
    target = {
        "boxes": boxes,
        "labels": taper.arange(4),
        "masks": tv_tensors.Mask(taper.ones(4, 8, 10)),
        "area": taper.arange(4),
    }
    image, out = v2.SanitizeBoundingBoxes()(tv_tensors.Image(taper.rand(3, 8, 10)), target)
    assert out["labels"].tolist() == [0, 3] and len(out["boxes"]) == len(out["masks"]) == 2
    assert out["area"].tolist() == [0, 1, 2, 3] and out["boxes"].format is tv_tensors.BoundingBoxFormat.XYXY
    both = v2.SanitizeBoundingBoxes(labels_getter=lambda s: (s["labels"], s["area"]))(target)
    assert both["area"].tolist() == [0, 3]
    assert v2.SanitizeBoundingBoxes(min_area=50, labels_getter="labels")(target)["labels"].tolist() == [3]


def test_batches_are_mixed_while_they_are_collated():
    taper.manual_seed(0)
    rows = [(taper.full((1, 4, 4), float(i)), i) for i in range(4)]
    mix = v2.RandomChoice([v2.MixUp(num_classes=4), v2.CutMix(num_classes=4)])
    loader = DataLoader(rows, 4, collate_fn=lambda batch: mix(*taper.utils.data.default_collate(batch)))
    for images, labels in loader:
        np.testing.assert_allclose(labels.sum(1).numpy(), 1, rtol=1e-6)
        expected = (labels * taper.arange(4.0)).sum(1)
        np.testing.assert_allclose(images.mean((1, 2, 3)).numpy(), expected.numpy(), rtol=1e-5)


def test_bytes_of_a_jpeg():
    image = tv_tensors.Image(taper.arange(192, dtype=taper.uint8).reshape(3, 8, 8))
    out = v2.JPEG((20, 30))(image)
    assert type(out) is tv_tensors.Image and 0 < (out.int() - image.int()).abs().max() < 100
    assert v2.functional.jpeg(Image.new("RGB", (4, 4), (9, 9, 9)), 90).size == (4, 4)
    noisy = v2.GaussianNoise(sigma=0.2)(image)
    assert noisy.dtype == taper.uint8 and noisy.float().std() > image.float().std() * 0.8


def test_old_names_warn():
    with pytest.warns(UserWarning, match="ToTensor.*deprecated"):
        made = v2.ToTensor()
    assert made(Image.new("L", (3, 2), 255)).tolist() == [[[1.0] * 3] * 2]


F = v2.functional
ROTATED = tv_tensors.BoundingBoxes([[1.0, 2, 3, 4, 5]], format="XYWHR", canvas_size=(8, 10))
MISTAKES = [
    (lambda: v2.Resize("a"), ValueError, "size"), (lambda: v2.Resize(None), ValueError, "max_size"), (lambda: v2.CenterCrop((1, 2, 3)), ValueError, "two dimensions"), (lambda: v2.CenterCrop("a"), TypeError, "size"),
    (lambda: v2.Pad((1, 2, 3)), ValueError, "Padding"), (lambda: v2.Pad(1, fill="a"), TypeError, "fill"), (lambda: v2.Pad(1, padding_mode="a"), ValueError, "Padding mode"), (lambda: v2.Pad(1, fill={tv_tensors.Mask: 1})(taper.rand(1, 2, 2)), ValueError, "fill"),
    (lambda: v2.RandomHorizontalFlip(2), ValueError, "interval"), (lambda: v2.RandomResizedCrop(3, scale=1), TypeError, "Scale"), (lambda: v2.RandomPerspective(3), ValueError, "distortion"), (lambda: v2.RandomZoomOut(side_range=(0.5, 1)), ValueError, "side range"),
    (lambda: v2.RandomZoomOut(side_range=3), TypeError, "side_range"), (lambda: v2.Compose(v2.Pad(1)), TypeError, "sequence"), (lambda: v2.Compose([]), ValueError, "at least one"), (lambda: v2.RandomApply([v2.Pad(1)], 2), ValueError, "interval"),
    (lambda: v2.RandomChoice([v2.Pad(1)], [1, 2]), ValueError, "Length of p"), (lambda: v2.FiveCrop(2)(boxes_of([1, 2, 3, 4])), TypeError, "FiveCrop"), (lambda: v2.Normalize([0], [1])(Image.new("L", (2, 2))), TypeError, "PIL"), (lambda: v2.RandomCrop(9)(taper.rand(1, 3, 3)), ValueError, "larger"),
    (lambda: v2.query_size(["a"]), ValueError, "No image"), (lambda: v2.query_size([taper.rand(1, 2, 3), taper.rand(1, 3, 3)]), ValueError, "multiple HxW"), (lambda: v2.query_chw([]), ValueError, "No image"), (lambda: v2.query_chw([taper.rand(1, 2, 3), taper.rand(2, 2, 3)]), ValueError, "multiple CxHxW"),
    (lambda: v2.get_bounding_boxes([]), ValueError, "No bounding boxes"), (lambda: v2.get_keypoints([]), ValueError, "No keypoints"), (lambda: v2.ToDtype("a"), ValueError, "dtype"), (lambda: v2.JPEG(0), ValueError, "quality"), (lambda: v2.SanitizeBoundingBoxes(min_size=0), ValueError, "min_size"),
    (lambda: v2.SanitizeBoundingBoxes(min_area=0), ValueError, "min_area"), (lambda: v2.SanitizeBoundingBoxes()({"boxes": boxes_of([1, 2, 3, 4])}), ValueError, "labels"), (lambda: v2.SanitizeBoundingBoxes()({"boxes": boxes_of([1, 2, 3, 4]), "labels": taper.arange(2)}), ValueError, "number of labels"),
    (lambda: v2.SanitizeBoundingBoxes()({"boxes": boxes_of([1, 2, 3, 4]), "labels": [1]}), ValueError, "tensor"), (lambda: v2.RandomIoUCrop()(taper.rand(1, 2, 2)), TypeError, "RandomIoUCrop"), (lambda: v2.AutoAugment()(boxes_of([1, 2, 3, 4])), TypeError, "AutoAugment"), (lambda: v2.RandAugment()("a"), TypeError, "no image"),
    (lambda: v2.TrivialAugmentWide()([tv_tensors.Image(taper.rand(1, 2, 2))] * 2), ValueError, "single image"), (lambda: v2.MixUp(num_classes=2)(taper.rand(1, 2, 2), taper.tensor([1])), ValueError, "batched"), (lambda: v2.MixUp(num_classes=2)(Image.new("L", (2, 2)), taper.tensor([1])), ValueError, "PIL"),
    (lambda: v2.MixUp()(taper.rand(1, 1, 2, 2), taper.tensor([1])), ValueError, "num_classes"), (lambda: v2.MixUp()(taper.rand(1, 1, 2, 2), taper.rand(1, 1, 1)), ValueError, "index based"), (lambda: v2.RandomErasing(1.0, value=(1, 2))(taper.rand(3, 5, 5)), ValueError, "sequence"), (lambda: F.permute_channels(taper.rand(3, 2, 2), [0]), ValueError, "permutation"),
    (lambda: F.pad(tv_tensors.Mask([[1]]), 1, fill=[1, 2]), ValueError, "masks"), (lambda: F.hflip(ROTATED), NotImplementedError, "XYXY"), (lambda: F.convert_bounding_box_format(ROTATED, new_format="XYXY"), NotImplementedError, "XYWHR"), (lambda: boxes_of([1, 2, 3, 4], clamping_mode="a"), ValueError, "clamping_mode"),
    (lambda: F.clamp_bounding_boxes(boxes_of([1, 2, 3, 4]), clamping_mode="a"), ValueError, "clamping_mode"), (lambda: F.convert_bounding_box_format(boxes_of([1, 2, 3, 4])), TypeError, "new_format"), (lambda: F.sanitize_bounding_boxes(boxes_of([1, 2, 3, 4]), canvas_size=(1, 2)), ValueError, "must not be passed"),
]  # fmt: skip


@pytest.mark.parametrize("i", range(len(MISTAKES)))
def test_mistakes(i):
    call, error, words = MISTAKES[i]
    with pytest.raises(error, match=words):
        call()


def test_frames_of_a_video():
    video = taper.arange(2 * 7).view(2, 7, 1, 1, 1)
    assert v2.UniformTemporalSubsample(3)(tv_tensors.Video(video))[:, :, 0, 0, 0].tolist() == [[0, 3, 6], [7, 10, 13]]
    assert F.uniform_temporal_subsample(video, 9)[0, :, 0, 0, 0].tolist() == [0, 0, 1, 2, 3, 3, 4, 5, 6]
    assert repr(v2.UniformTemporalSubsample(3)) == "UniformTemporalSubsample(num_samples=3)"
