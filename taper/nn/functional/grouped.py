"""Products of matrices in groups of any sizes, as mixtures of experts need them."""

from __future__ import annotations

import numpy as np

from ... import dtypes
from ...autograd.inplace import legacy_name
from ...tensor.factory import on_host
from ...tensor.joining import cat, stack
from ...tensor.products import bmm, matmul

TYPES = (np.dtype(np.float32), *dtypes.HALF)


def grouped_mm(mat_a, mat_b, *, offs=None, bias=None, out_dtype=None):
    """A product for each group: `offs` (int32, one a group) says where the groups of a matrix end, one after the other.

    (N, K) and (G, K, M): the rows of mat_a are divided, giving (N, M), zeros after the last group. (G, N, K) and
    (K, M): the columns of mat_b are, giving (N, M). (N, K) and (K, M): both along K, giving (G, N, M). Three dimensions
    in both, without offs: `bmm`. float32, float16 or bfloat16; bias must be None.
    RuntimeError for shapes and dtypes that do not fit.
    """
    a, b = mat_a._array, mat_b._array
    _check(a, b, offs, bias, None if out_dtype is None else dtypes.to_numpy(out_dtype))
    if offs is None:
        return bmm(mat_a, mat_b)
    limit = a.shape[-1] if a.ndim == b.ndim == 2 else b.shape[1] if b.ndim == 2 else a.shape[0]
    ends = np.minimum(on_host(offs), limit).tolist()
    bounds = [slice(start, end) for start, end in zip([0, *ends], ends)]
    if a.ndim == b.ndim == 2:
        return stack([matmul(mat_a[:, group], mat_b[group]) for group in bounds])
    if b.ndim == 3:
        parts, axis = [matmul(mat_a[group], mat_b[i]) for i, group in enumerate(bounds)], 0
        rest = mat_a.new_zeros((limit - ends[-1], b.shape[-1]))
    else:
        parts, axis = [matmul(mat_a[i], mat_b[:, group]) for i, group in enumerate(bounds)], 1
        rest = mat_a.new_zeros((a.shape[1], limit - ends[-1]))
    return cat([*parts, rest], axis)


def _check(a, b, offs, bias, out_dtype) -> None:
    for name, x in (("mat_a", a), ("mat_b", b)):
        if x.dtype not in TYPES:
            raise RuntimeError(f"Expected {name} to be Float32, BFloat16 or Float16 matrix, got {legacy_name(x.dtype)}")
        if x.ndim not in (2, 3):
            raise RuntimeError(f"{name} has to be 2 or 3d (grouped_mm), got {list(x.shape)}")
    if a.dtype != b.dtype:
        raise RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {a.dtype} != {b.dtype} (grouped_mm)")
    shapes = f"(grouped_mm got {list(a.shape)} and {list(b.shape)})"
    if a.shape[-1] != b.shape[-2]:
        raise RuntimeError(f"contraction dimension of mat_a and mat_b must match {shapes}")
    if (offs is None) != (a.ndim == b.ndim == 3):
        raise RuntimeError(
            f"Have to provide offsets if there is a 2d matrix, or no offset if both matrices are 3d {shapes}"
        )
    if offs is not None and offs._array.ndim != 1:
        raise RuntimeError(f"offs has to be 1D, got {list(offs.shape)}")
    if offs is not None and offs._array.dtype != np.int32:
        raise RuntimeError(f"Offsets have to be int32, got {offs.dtype}")
    if a.ndim == b.ndim == 3 and a.shape[0] != b.shape[0]:
        raise RuntimeError(f"batched dimension has to match {shapes}")
    if a.ndim != b.ndim and (a if a.ndim == 3 else b).shape[0] != offs._array.shape[0]:
        raise RuntimeError(f"matrix batch sizes have to match: {offs._array.shape[0]} offsets {shapes}")
    if bias is not None:
        raise RuntimeError("Bias not supported yet: grouped_mm takes None. Add it to the result.")
    if out_dtype is not None and out_dtype != a.dtype:
        raise RuntimeError("Grouped gemm output dtype must match `mat_a` dtype")
