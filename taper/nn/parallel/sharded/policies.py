"""In which dtypes a sharded module computes and exchanges, and where its shards are kept."""

from __future__ import annotations

from dataclasses import dataclass

from ....dtypes import dtype


@dataclass(frozen=True)
class MixedPrecisionPolicy:
    """param_dtype: that of the parameters in forward and backward; the shards that are optimized keep theirs.
    reduce_dtype: that in which gradients are summed (None: param_dtype). output_dtype: to which outputs are cast.
    cast_forward_inputs: whether inputs are cast to param_dtype. None: as they are."""

    param_dtype: dtype | None = None
    reduce_dtype: dtype | None = None
    output_dtype: dtype | None = None
    cast_forward_inputs: bool = True


@dataclass
class OffloadPolicy:
    """Shards stay where they are."""


@dataclass
class CPUOffloadPolicy(OffloadPolicy):
    """Shards are kept in the CPU's memory, as they always are here. pin_memory has no effect."""

    pin_memory: bool = True
