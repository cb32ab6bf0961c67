"""One function for images, masks, boxes and points: which of its kernels a value gets.

A functional is the function of an image, decorated with `for_images`; `@resize.register(BoundingBoxes)` gives it a kernel for
another kind of value. A kernel gets the value as it is and returns one of the same kind.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .....autograd.tape import Variable
from .... import tv_tensors
from ....pillow import is_pil

FUNCTIONALS: list[Functional] = []


def is_pure_tensor(inpt: Any) -> bool:
    """Whether this is a tensor that does not say what it holds."""
    return isinstance(inpt, Variable) and not isinstance(inpt, tv_tensors.TVTensor)


class Functional:
    """A function of an image that also takes other kinds of values."""

    def __init__(self, image: Callable):
        functools.update_wrapper(self, image)
        self.image = image
        self.kernels: dict[type, Callable] = {}
        FUNCTIONALS.append(self)

    def register(self, kind: type) -> Callable[[Callable], Callable]:
        """Decorates the kernel for a kind of value."""

        def known(kernel: Callable) -> Callable:
            self.kernels[kind] = kernel
            return kernel

        return known

    def takes(self, value: Any) -> bool:
        """Whether there is a kernel for a value."""
        images = (tv_tensors.Image, tv_tensors.Video)
        if type(value) in self.kernels or is_pure_tensor(value) or is_pil(value) or isinstance(value, images):
            return True
        return any(isinstance(value, kind) for kind in self.kernels)

    def __call__(self, inpt, *args, **options):
        for kind in type(inpt).__mro__:
            if kind in self.kernels:
                return self.kernels[kind](inpt, *args, **options)
        if isinstance(inpt, (tv_tensors.Image, tv_tensors.Video)):
            out = self.image(inpt, *args, **options)
            if isinstance(out, tuple):
                return tuple(tv_tensors.wrap(part, like=inpt) for part in out)
            return tv_tensors.wrap(out, like=inpt) if is_pure_tensor(out) else out
        if is_pure_tensor(inpt) or is_pil(inpt):
            return self.image(inpt, *args, **options)
        raise TypeError(
            f"Functional F.{self.__name__} supports inputs of type Tensor, PIL images and tv_tensors.Image, "
            f"but got {type(inpt)} instead."
        )

    def __repr__(self) -> str:
        return f"<function {self.__name__}>"


def register_kernel(functional: Functional, tv_tensor_cls: type) -> Callable[[Callable], Callable]:
    """Decorates a kernel of a functional for a class of one's own; it gets the value as it is. ValueError for others."""
    if not isinstance(functional, Functional):
        raise ValueError(f"Kernels can only be registered on functionals from this namespace, but got {functional}.")
    if not (isinstance(tv_tensor_cls, type) and issubclass(tv_tensor_cls, tv_tensors.TVTensor)):
        raise ValueError(f"Kernels can only be registered for subclasses of TVTensor, but got {tv_tensor_cls}.")
    return functional.register(tv_tensor_cls)
