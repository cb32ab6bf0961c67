"""Tensors for fuzz tests: drawn once as NumPy arrays with a layout, then made the same way in Taper and in PyTorch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

DTYPES = ("float32", "float64", "int64", "bool", "int32", "uint8", "bfloat16", "complex64")
FLOATING = ("float32", "float64", "bfloat16", "complex64")
LAYOUTS = ("plain", "plain", "transposed", "strided", "expanded")
SPECIAL = (float("nan"), float("inf"), -float("inf"), -0.0, 1e30)


@dataclass(frozen=True)
class Sample:
    """A tensor that both sides can make: values, a dtype's name, how it lies in memory, whether it is a leaf of the tape."""

    values: np.ndarray
    dtype: str
    layout: str = "plain"
    grad: bool = False

    def make(self, T):
        dtype = getattr(T, self.dtype)
        array = np.ascontiguousarray(self.values)
        ndim = array.ndim
        if self.layout == "transposed" and ndim > 1:
            t = T.from_numpy(np.ascontiguousarray(array.T)).to(dtype).permute(*range(ndim)[::-1])
        elif self.layout == "strided" and ndim and array.size:
            t = T.from_numpy(np.repeat(array, 2, axis=-1)).to(dtype)[..., ::2]
        elif self.layout == "expanded" and ndim and array.shape[0]:
            t = T.from_numpy(np.ascontiguousarray(array[:1])).to(dtype).expand(*array.shape)
        else:
            t = T.from_numpy(array).to(dtype)
        return t.detach().requires_grad_() if self.grad else t

    def __repr__(self) -> str:
        return f"Sample({self.values.tolist()!r}, shape={self.values.shape}, {self.dtype}, {self.layout}, grad={self.grad})"


def shapes(max_dims: int = 3, low: int = 0, high: int = 4):
    """Shapes of few dimensions; empty ones now and then."""
    sizes = st.one_of(st.integers(1, high), st.integers(1, high), st.integers(1, high), st.integers(low, high))
    return st.lists(sizes, max_size=max_dims).map(tuple)


def values(shape: tuple, dtype: str, special: bool = True):
    """Arrays of a shape with values that a dtype holds."""
    if dtype == "bool":
        numbers = st.booleans()
    elif dtype in ("int64", "int32"):
        numbers = st.integers(-5, 5)
    elif dtype == "uint8":
        numbers = st.integers(0, 5)
    else:
        numbers = st.integers(-40, 40).map(lambda n: n / 8)
    n = int(np.prod(shape))
    made = st.lists(numbers, min_size=n, max_size=n).map(lambda v: np.array(v, _numpy(dtype)).reshape(shape))
    if special and n and dtype in ("float32", "float64"):
        odd = st.tuples(made, st.integers(0, n - 1), st.sampled_from(SPECIAL)).map(_with_special)
        return st.one_of(made, made, made, odd)
    if dtype == "complex64":
        return st.tuples(made, made).map(lambda parts: (parts[0] + 1j * parts[1]).astype(np.complex64))
    return made


def _numpy(dtype: str):
    return {"bool": bool, "bfloat16": np.float32, "complex64": np.float32}.get(dtype, dtype)


def _with_special(drawn) -> np.ndarray:
    array, at, value = drawn
    array.reshape(-1)[at] = value
    return array


@st.composite
def samples(draw, shape=None, dtype=None, special: bool = True, grad: bool = True):
    """A tensor; of a given shape and dtype, if these are given."""
    shape = draw(shapes()) if shape is None else shape
    dtype = draw(st.sampled_from(DTYPES)) if dtype is None else dtype
    array = draw(values(shape, dtype, special))
    # At infinity and beyond, derivatives are what the order of rounding makes of them.
    calm = dtype in ("float64", "float32") and bool((np.abs(array) < 100).all())
    leaf = grad and calm and draw(st.booleans())
    made = Sample(array, dtype, draw(st.sampled_from(LAYOUTS)), leaf)
    if made.layout == "expanded" and shape and shape[0]:
        made = Sample(np.ascontiguousarray(np.broadcast_to(made.values[:1], shape)), dtype, "expanded", leaf)
    return made
