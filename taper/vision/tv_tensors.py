"""Tensors that say what they hold: an image, a mask, boxes. `transforms.v2` treats each in its own way.

Operations on them give plain tensors, as in torchvision; only clone(), to(), detach(), requires_grad_() and copying keep the class.
`wrap(tensor, like=boxes)` gives a result its class again.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from ..autograd.tape import Variable, alias
from ..tensor.core import Tensor
from ..tensor.creation import as_tensor
from .pillow import is_pil

__all__ = [
    "BoundingBoxFormat",
    "BoundingBoxes",
    "Image",
    "KeyPoints",
    "Mask",
    "TVTensor",
    "Video",
    "is_rotated_bounding_format",
    "set_return_type",
    "wrap",
]


def _rebuilt(cls, data, told: dict):
    return _made(cls, data, told)


def _made(cls, data: Variable, told: dict) -> Any:
    """A tensor of a class over the memory, and with the history, of another."""
    if data.requires_grad and data.is_leaf:
        data = data.view_as(data)
    made = Variable.__new__(cls)
    made._array, made._node = data._array, data._node
    made._counter = alias(data, data._array)._counter
    made.__dict__.update(told)
    return made


class TVTensor(Tensor):
    """The base of the classes."""

    __slots__ = ()
    told: tuple[str, ...] = ()

    def __new__(cls, data: Any, *, dtype=None, device=None, requires_grad: bool | None = None) -> Any:
        return cls._of(data, dtype, device, requires_grad, {})

    def __init__(self, *args, **options):
        pass

    @classmethod
    def _of(cls, data, dtype, device, requires_grad: bool | None, told: dict) -> Any:
        found = as_tensor(data, dtype=dtype, device=device)
        made = _made(cls, found, told)
        if requires_grad is not None and requires_grad != made.requires_grad:
            made.requires_grad_(requires_grad)
        return made

    def _like(self, data: Variable):
        return _made(type(self), data, {name: getattr(self, name) for name in self.told})

    def clone(self, *, memory_format=None):
        """A copy of the same class."""
        return self._like(super().clone() if memory_format is None else super().clone(memory_format=memory_format))

    def to(self, *args, **options):
        """In another dtype or on another device, of the same class."""
        return self._like(super().to(*args, **options))

    def detach(self):
        """Without history, of the same class."""
        return self._like(super().detach())

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            memo[id(self)] = self._like(super().detach().clone()).requires_grad_(self.requires_grad)
        return memo[id(self)]

    def __reduce_ex__(self, protocol):
        return _rebuilt, (type(self), _plain(self).detach(), {name: getattr(self, name) for name in self.told})

    def __repr__(self, *, tensor_contents=None) -> str:
        numbers = repr(_plain(self)).removeprefix("tensor(").removesuffix(")")
        words = [numbers.replace("\n" + " " * len("tensor("), "\n" + " " * (len(type(self).__name__) + 1))]
        words += [f"{name}={getattr(self, name)}" for name in self.told]
        return f"{type(self).__name__}({', '.join(words)})"


def _plain(value: Variable) -> Variable:
    """The same memory and history as a plain tensor."""
    return _made(Tensor, value, {})


class Image(TVTensor):
    """An image (..., C, H, W), from a tensor, a PIL image or numbers; (H, W) gets a channel. ValueError for fewer dimensions."""

    __slots__ = ()

    def __new__(cls, data: Any, *, dtype=None, device=None, requires_grad: bool | None = None) -> Any:
        if is_pil(data):
            from .transforms.functional import pil_to_tensor

            data = pil_to_tensor(data)
        found = as_tensor(data, dtype=dtype, device=device)
        if found.ndim < 2:
            raise ValueError(f"an Image has at least 2 dimensions (H, W), got shape {tuple(found.shape)}")
        return cls._of(found if found.ndim > 2 else found.unsqueeze(0), None, None, requires_grad, {})


class Video(TVTensor):
    """Frames (..., T, C, H, W). ValueError for fewer dimensions."""

    __slots__ = ()

    def __new__(cls, data: Any, *, dtype=None, device=None, requires_grad: bool | None = None) -> Any:
        found = as_tensor(data, dtype=dtype, device=device)
        if found.ndim < 4:
            raise ValueError(f"a Video has at least 4 dimensions (T, C, H, W), got shape {tuple(found.shape)}")
        return cls._of(found, None, None, requires_grad, {})


class Mask(TVTensor):
    """Masks (..., H, W), from a tensor, a PIL image or numbers."""

    __slots__ = ()

    def __new__(cls, data: Any, *, dtype=None, device=None, requires_grad: bool | None = None) -> Any:
        if is_pil(data):
            from .transforms.functional import pil_to_tensor

            data = pil_to_tensor(data)
        return cls._of(data, dtype, device, requires_grad, {})


class BoundingBoxFormat(Enum):
    """What the numbers of a box are; R is an angle in degrees, eight numbers are four corners."""

    XYXY = "XYXY"
    XYWH = "XYWH"
    CXCYWH = "CXCYWH"
    XYWHR = "XYWHR"
    CXCYWHR = "CXCYWHR"
    XYXYXYXY = "XYXYXYXY"


def is_rotated_bounding_format(format: BoundingBoxFormat | str) -> bool:
    """Whether boxes of a format may be turned."""
    name = format if isinstance(format, str) else format.value
    return name in ("XYWHR", "CXCYWHR", "XYXYXYXY")


class BoundingBoxes(TVTensor):
    """Boxes (N, 4) on a canvas (height, width), their numbers as `format` says; one box (4,) becomes (1, 4).

    clamping_mode: whether transforms keep boxes inside the canvas, "soft", "hard" or None. ValueError for other dimensions.
    """

    __slots__ = ()
    told = ("format", "canvas_size", "clamping_mode")
    format: BoundingBoxFormat
    canvas_size: tuple[int, int]
    clamping_mode: str | None

    def __new__(
        cls,
        data: Any,
        *,
        format: BoundingBoxFormat | str,
        canvas_size: tuple[int, int],
        clamping_mode: str | None = "soft",
        dtype=None,
        device=None,
        requires_grad: bool | None = None,
    ) -> Any:
        found = as_tensor(data, dtype=dtype, device=device)
        format = BoundingBoxFormat[format.upper()] if isinstance(format, str) else format
        if clamping_mode not in ("soft", "hard", None):
            raise ValueError(f"clamping_mode must be soft, hard or None, got {clamping_mode}.")
        if found.ndim == 1:
            found = found.unsqueeze(0)
        elif found.ndim != 2:
            raise ValueError(f"Expected a 1D or 2D tensor, got {found.ndim}D")
        told = {"format": format, "canvas_size": tuple(canvas_size), "clamping_mode": clamping_mode}
        return cls._of(found, None, None, requires_grad, told)


class KeyPoints(TVTensor):
    """Points (..., 2), each (x, y), on a canvas (height, width). ValueError where the last dimension is another."""

    __slots__ = ()
    told = ("canvas_size",)
    canvas_size: tuple[int, int]

    def __new__(
        cls, data: Any, *, canvas_size: tuple[int, int], dtype=None, device=None, requires_grad: bool | None = None
    ) -> Any:
        found = as_tensor(data, dtype=dtype, device=device)
        if found.ndim == 1:
            found = found.unsqueeze(0)
        elif found.shape[-1] != 2:
            raise ValueError(f"Expected a tensor of shape (..., 2), not {tuple(found.shape)}")
        return cls._of(found, None, None, requires_grad, {"canvas_size": tuple(canvas_size)})


def wrap(wrappee: Variable, *, like: TVTensor, **told) -> Any:
    """A plain tensor as one of the class of another, with its canvas and format unless others are given."""
    names = {name: getattr(like, name) for name in like.told}
    return _made(type(like), wrappee, names | {k: v for k, v in told.items() if k in names})


class set_return_type:
    """`set_return_type("Tensor")`, at once or as a context, is how Taper is; NotImplementedError for "TVTensor"."""

    def __init__(self, return_type: str):
        if return_type.lower() not in ("tensor", "tvtensor"):
            raise ValueError(f"return_type must be 'TVTensor' or 'Tensor', got {return_type}")
        if return_type.lower() == "tvtensor":
            raise NotImplementedError(
                "set_return_type: operations give plain tensors; use tv_tensors.wrap(result, like=...)"
            )

    def __enter__(self):
        return None

    def __exit__(self, *error):
        return None
