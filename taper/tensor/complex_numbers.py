"""Complex numbers: their parts, and tensors made of parts."""

from __future__ import annotations

from ..autograd.callables import unary
from ..autograd.casting import in_float32
from ..autograd.dispatch import apply
from ..autograd.inplace import inplace, legacy_name
from ..autograd.naming import shown_as
from ..autograd.outputs import FOUND, into
from ..autograd.refusals import only_tensors
from ..ops import elementwise as ops
from .elementwise import cos, sin
from .kinds import refuse

__all__ = [
    "angle",
    "complex",
    "conj",
    "conj_physical",
    "imag",
    "polar",
    "real",
    "resolve_conj",
    "resolve_neg",
    "view_as_complex",
    "view_as_real",
]

_angle = unary(ops.angle)


def conj(input):
    """The complex conjugate; the tensor itself if it is real."""
    return apply(ops.conjugate, input) if input._array.dtype.kind == "c" else input


def conj_physical(input, *, out=None):
    """The complex conjugate; the tensor itself if it is real."""
    return conj(input) if out is None else into(out, conj(input), FOUND)


def resolve_conj(input):
    """The tensor itself: Taper computes conjugates at once."""
    return input


def resolve_neg(input):
    """The tensor itself: Taper computes negatives at once."""
    return input


def real(input):
    """The real part, a view; a real tensor itself."""
    return apply(ops.real, input) if input._array.dtype.kind == "c" else input


def imag(input):
    """The imaginary part, a view. RuntimeError for a real tensor."""
    if input._array.dtype.kind != "c":
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return apply(ops.imag, input)


def angle(input, *, out=None):
    """The angle of a complex number in (-pi, pi]; 0 or pi for a real one."""
    return _angle(input, out=out)


def _two_parts(function: str, **parts) -> None:
    """RuntimeError unless both are floating, of one dtype, and there is a complex dtype of such parts."""
    only_tensors(function, **parts)
    kinds = [legacy_name(t._array.dtype) for t in parts.values()]
    if not {t._array.dtype.kind for t in parts.values()} <= set("f"):
        raise RuntimeError(
            f"Expected both inputs to be Half, Float or Double tensors but got {kinds[0]} and {kinds[1]}"
        )
    if kinds[0] != kinds[1]:
        raise RuntimeError(
            f"Expected object of scalar type {kinds[0]} but got scalar type {kinds[1]} for second argument"
        )


def complex(real, imag, *, out=None):
    """real + i imag. RuntimeError for parts of different or not floating dtypes."""
    _two_parts("complex", real=real, imag=imag)
    result = apply(ops.make_complex, real, imag)
    return result if out is None else into(out, result)


@in_float32
@shown_as("PolarBackward0")
def polar(abs, angle, *, out=None):
    """The complex number of this modulus and angle. RuntimeError for parts of different or not floating dtypes."""
    _two_parts("polar", abs=abs, angle=angle)
    refuse(abs._array, "polar_cpu", "h")
    return complex(abs * cos(angle), abs * sin(angle), out=out)


def view_as_real(input):
    """A complex tensor as a real one, a view, with real and imaginary part along a new last dimension."""
    from .shape import bits

    if input._array.dtype.kind != "c":
        raise RuntimeError("view_as_real is only supported for complex tensors")
    return bits(input.unsqueeze(-1), input.dtype.to_real())


@in_float32
def view_as_complex(input):
    """A real tensor with a last dimension of 2 as a complex one, a view. RuntimeError for another shape."""
    from .shape import bits

    array = input._array
    if array.dtype.kind not in "f":
        raise RuntimeError(
            f"view_as_complex is only supported for floating point tensors, but got a tensor of scalar type: {input.dtype}"
        )
    if not array.ndim or array.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    if array.strides[-1] != array.itemsize:
        raise RuntimeError("Tensor must have a last dimension with stride 1")
    return bits(input, input.dtype.to_complex()).squeeze(-1)


class ComplexMethods:
    """The parts of complex numbers as methods and properties."""

    __slots__ = ()

    conj = conj
    conj_physical = conj_physical
    conj_physical_ = inplace(conj_physical)
    resolve_conj = resolve_conj
    resolve_neg = resolve_neg
    angle = angle
    real = property(real, doc="The real part, a view; a real tensor itself.")
    imag = property(imag, doc="The imaginary part, a view.")

    def is_conj(self):
        """False: Taper computes conjugates at once."""
        return False

    def is_neg(self):
        """False: Taper computes negatives at once."""
        return False
