"""How `linear_cross_entropy` cuts its rows into chunks."""

from __future__ import annotations

from dataclasses import dataclass

from ... import dtypes

_FLOATING = (dtypes.float16, dtypes.bfloat16, dtypes.float32, dtypes.float64)


@dataclass(frozen=True)
class LinearCrossEntropyOptions:
    """Settings of `linear_cross_entropy`'s chunked form, which never keeps the scores of all rows.

    batch_chunk_size: rows a chunk; None for what chunking_method says. chunking_method: "aspect_ratio" gives chunks
    whose scores take about as much memory as the input, "aspect_ratio:N" an N-th of that, "auto" (without a
    batch_chunk_size) is "aspect_ratio:2" and in half precision "aspect_ratio", None leaves one chunk.
    acc_dtype: the type in which losses are computed and summed; None for the input's, and for float32 where that has
    half precision and acc_policy is "auto". acc_policy ("auto", "accurate", "balanced", "compact") has no other effect,
    and allow_retain_graph none: a second backward pass computes the chunks again.
    ValueError for other values, and, where it is used, for a batch_chunk_size that is not the method's.
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: dtypes.dtype | None = None

    def __post_init__(self) -> None:
        if self.acc_policy not in ("auto", "accurate", "balanced", "compact"):
            raise ValueError(f"invalid acc_policy: {self.acc_policy!r}")
        if self.chunking_method not in (None, "auto"):
            name, colon, share = self.chunking_method.partition(":")
            if name != "aspect_ratio" or (colon and not (share.isdigit() and int(share))):
                raise ValueError(f"invalid chunking_method: {self.chunking_method!r}")
        size = self.batch_chunk_size
        if size is not None and not (isinstance(size, int) and size > 0):
            raise ValueError(f"batch_chunk_size must be positive int or None, got {size!r}")
        if self.acc_dtype is not None and self.acc_dtype not in _FLOATING:
            raise ValueError(f"acc_dtype must be None or a floating type, got {self.acc_dtype!r}")

    def rows(self, n: int, features: int, classes: int, dtype: dtypes.dtype) -> int:
        """How many of n rows make a chunk."""
        method = self.chunking_method
        if method == "auto":
            half = dtype in (dtypes.bfloat16, dtypes.float16)
            method = None if self.batch_chunk_size is not None else "aspect_ratio" if half else "aspect_ratio:2"
        if method is None:
            return max(1, n if self.batch_chunk_size is None else min(self.batch_chunk_size, n))
        share = int(method.partition(":")[2] or 1)
        wanted = -(-n // max(1, -(-classes // max(1, features))))
        size = min((1 << max(0, wanted - 1).bit_length()) // share, n)
        if self.batch_chunk_size not in (None, size):
            raise ValueError(
                f"batch_chunk_size (={self.batch_chunk_size}) and chunking_method ('{method}') give different chunk "
                f"sizes ({self.batch_chunk_size} vs {size}); pass only one."
            )
        return max(1, size)

    def inner_dtype(self, dtype: dtypes.dtype) -> dtypes.dtype:
        """The type in which the losses of an input of this type are computed."""
        if self.acc_dtype is None and dtype not in _FLOATING:
            raise ValueError(f"acc_dtype must be one of the floating types, which {dtype} is not: use floating scores.")
        if self.acc_dtype is None and self.acc_policy == "auto" and dtype in (dtypes.bfloat16, dtypes.float16):
            return dtypes.float32
        return self.acc_dtype or dtype
