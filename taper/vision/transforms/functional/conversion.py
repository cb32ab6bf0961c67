"""Between PIL images, arrays and tensors; between dtypes; normalising."""

from __future__ import annotations

import numpy as np

from ....autograd.tape import Variable, wrap
from ....tensor import as_tensor, div
from ...pillow import image_module
from .kinds import is_pil, top_value


def _pixels(image) -> np.ndarray:
    """A PIL image's pixels, (H, W, C)."""
    if image.mode == "1":
        array = np.asarray(image, np.uint8) * 255
    elif image.mode == "I":
        array = np.asarray(image, np.int32)
    elif image.mode in ("I;16", "I;16L", "I;16B"):
        array = np.asarray(image).astype(np.int16)
    else:
        array = np.asarray(image)
    return array[:, :, None] if array.ndim == 2 else array


def to_tensor(pic):
    """A PIL image or an array (H, W, C) as a float tensor (C, H, W); bytes are divided by 255. TypeError for anything else."""
    if not (is_pil(pic) or isinstance(pic, np.ndarray)):
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    if isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        array = pic[:, :, None] if pic.ndim == 2 else pic
    else:
        array = _pixels(pic)
    planes = np.ascontiguousarray(array.transpose(2, 0, 1))
    return wrap(planes.astype(np.float32) / np.float32(255)) if planes.dtype == np.uint8 else wrap(planes)


def pil_to_tensor(pic):
    """A PIL image as a tensor (C, H, W) of its own numbers. TypeError for anything else."""
    if not is_pil(pic):
        raise TypeError(f"pic should be PIL Image. Got {type(pic)}")
    return wrap(np.array(_pixels(pic).transpose(2, 0, 1), order="C"))


_MODES = {
    1: {np.dtype(np.uint8): "L", np.dtype(np.int16): "I;16", np.dtype(np.int32): "I", np.dtype(np.float32): "F"},
    2: {np.dtype(np.uint8): "LA"},
    3: {np.dtype(np.uint8): "RGB"},
    4: {np.dtype(np.uint8): "RGBA"},
}
_CHOICES = {2: ("LA",), 3: ("RGB", "YCbCr", "HSV"), 4: ("RGBA", "CMYK", "RGBX")}


def to_pil_image(pic, mode: str | None = None):
    """A tensor (C, H, W) or an array (H, W, C) as a PIL image; a tensor's floats from 0 to 1 become bytes.

    TypeError for anything else and for arrays of another type than bytes with several channels; ValueError for a shape
    that is no image's, or a mode that does not fit it.
    """
    if isinstance(pic, Variable):
        array = pic.detach().numpy()
        if array.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {array.ndim} dimensions.")
        array = array[None] if array.ndim == 2 else array
        if array.shape[0] > 4:
            raise ValueError(f"pic should not have > 4 channels. Got {array.shape[0]} channels.")
        if array.dtype.kind in "fV" and mode != "F":
            array = (array * np.float32(255)).astype(np.uint8)
        array = array.transpose(1, 2, 0)
    elif isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        array = pic[:, :, None] if pic.ndim == 2 else pic
        if array.shape[2] > 4:
            raise ValueError(f"pic should not have > 4 channels. Got {array.shape[2]} channels.")
    else:
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    channels = array.shape[2]
    expected = _MODES[channels].get(array.dtype)
    if channels == 1 and mode is not None and mode != expected:
        raise ValueError(f"Incorrect mode ({mode}) supplied for input type {array.dtype}. Should be {expected}")
    if channels > 1 and mode is not None and mode not in _CHOICES[channels]:
        raise ValueError(f"Only modes {_CHOICES[channels]} are supported for {channels} channel inputs")
    if expected is None:
        raise TypeError(f"Input type {array.dtype} is not supported for an image of {channels} channels")
    Image = image_module()
    plane = np.ascontiguousarray(array[:, :, 0] if channels == 1 else array)
    if channels == 1 or mode is None:
        return Image.fromarray(plane)
    return Image.frombytes(mode, (plane.shape[1], plane.shape[0]), plane.tobytes())


def convert_image_dtype(image, dtype):
    """An image tensor in another dtype, its values scaled to the dtype's range.

    TypeError for a PIL image; RuntimeError for a float image in int32 or int64, whose large numbers floats do not have.
    """
    if not isinstance(image, Variable):
        raise TypeError("Input img should be Tensor Image")
    if image.dtype == dtype:
        return image
    low, high = top_value(image.dtype), top_value(dtype)
    if image.dtype.is_floating_point:
        if dtype.is_floating_point:
            return image.to(dtype)
        names = {str(image.dtype), str(dtype)}
        if any(n.endswith("int64") for n in names) or ("torch.float32" in names and str(dtype) == "torch.int32"):
            raise RuntimeError(f"The cast from {image.dtype} to {dtype} cannot be performed safely.")
        return (image * (high + 1.0 - 1e-3)).to(dtype)
    if dtype.is_floating_point:
        return image.to(dtype) / low
    if low > high:
        return div(image, (low + 1) // (high + 1), rounding_mode="floor").to(dtype)
    return image.to(dtype) * ((high + 1) // (low + 1))


def normalize(tensor, mean, std, inplace: bool = False):
    """(tensor - mean) / std for each channel. TypeError for integers, ValueError for a zero deviation."""
    if not isinstance(tensor, Variable):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}")
    if not tensor.dtype.is_floating_point:
        raise TypeError(f"Input tensor should be a float tensor. Got {tensor.dtype}.")
    if tensor.ndim < 3:
        raise ValueError(
            f"Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = {tensor.size()}"
        )
    mean, std = (as_tensor(v, dtype=tensor.dtype) for v in (mean, std))
    if (std == 0).any():
        raise ValueError(f"std evaluated to zero after conversion to {tensor.dtype}, leading to division by zero.")
    mean, std = (v.view(-1, 1, 1) if v.ndim == 1 else v for v in (mean, std))
    return (tensor if inplace else tensor.clone()).sub_(mean).div_(std)


def normalized(array: np.ndarray, mean, std) -> np.ndarray:
    """What `normalize` makes of many images in one array (N, C, H, W)."""
    mean, std = (np.asarray(v, array.dtype).reshape(-1, 1, 1) for v in (mean, std))
    if (std == 0).any():
        raise ValueError(f"std evaluated to zero after conversion to {array.dtype}, leading to division by zero.")
    out = array - mean
    if out.shape != array.shape:
        raise RuntimeError(f"normalize: {len(mean)} means for images of shape {array.shape[1:]}")
    out /= std
    return out
