"""Image files and tensors of bytes."""

from __future__ import annotations

import numpy as np
import pytest

import taper
from taper import vision
from taper.vision import io

Image = pytest.importorskip("PIL.Image", reason="images need Pillow")
PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 3)).astype(np.uint8)


def test_files_and_back(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "colour.png")
    image = io.read_image(str(tmp_path / "colour.png"))
    assert (image.dtype, image.shape) == (taper.uint8, (3, 6, 8))
    np.testing.assert_array_equal(image.numpy(), PIXELS.transpose(2, 0, 1))
    assert taper.equal(io.decode_image(io.read_file(tmp_path / "colour.png")), image)
    assert taper.equal(io.decode_png(io.encode_png(image)), image)
    io.write_png(image, tmp_path / "again.png")
    assert taper.equal(io.read_image(tmp_path / "again.png"), image)
    io.write_file(tmp_path / "bytes", io.read_file(tmp_path / "again.png"))
    assert (tmp_path / "bytes").read_bytes() == (tmp_path / "again.png").read_bytes()
    flat = taper.full((1, 8, 8), 77, dtype=taper.uint8)
    io.write_jpeg(flat, tmp_path / "grey.jpg", quality=95)
    (read,) = io.decode_jpeg([io.read_file(tmp_path / "grey.jpg")])
    assert taper.equal(read, flat)


CHANNELS = [("UNCHANGED", 4), ("GRAY", 1), ("GRAY_ALPHA", 2), ("RGB", 3), ("RGB_ALPHA", 4)]


@pytest.mark.parametrize("mode, count", CHANNELS)
def test_channels(tmp_path, mode, count):
    Image.fromarray(np.dstack([PIXELS, PIXELS[:, :, 0]])).save(tmp_path / "a.png")
    assert io.read_image(tmp_path / "a.png", io.ImageReadMode[mode]).shape == (count, 6, 8)
    assert io.read_image(tmp_path / "a.png", mode).shape == (count, 6, 8)


def test_other_kinds_of_files(tmp_path):
    Image.fromarray(PIXELS).quantize(4).save(tmp_path / "palette.png")
    assert io.read_image(tmp_path / "palette.png").shape == (3, 6, 8)
    Image.fromarray(PIXELS[:, :, 0] > 100).save(tmp_path / "bits.png")
    assert set(io.read_image(tmp_path / "bits.png").unique().tolist()) == {0, 255}
    Image.fromarray(PIXELS[:, :, 0].astype(np.uint16) * 256).save(tmp_path / "deep.png")
    deep = io.read_image(tmp_path / "deep.png")
    assert (deep.dtype, deep.max()) == (taper.uint16, int(PIXELS[:, :, 0].max()) * 256)


def test_mistakes(tmp_path):
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(RuntimeError, match="text.png is no image"):
        io.read_image(tmp_path / "text.png")
    with pytest.raises(RuntimeError, match="No such file"):
        io.read_image(tmp_path / "nothing.png")
    with pytest.raises(RuntimeError, match="uint8"):
        io.encode_png(taper.rand(3, 4, 4))
    with pytest.raises(RuntimeError, match="the data is no image"):
        io.decode_image(taper.zeros(10, dtype=taper.uint8))


def test_images_are_read_by_pillow():
    assert vision.get_image_backend() == "PIL"
    vision.set_image_backend("PIL")
    with pytest.raises(NotImplementedError, match="Pillow"):
        vision.set_image_backend("accimage")
    with pytest.raises(ValueError, match="Options"):
        vision.set_image_backend("x")
