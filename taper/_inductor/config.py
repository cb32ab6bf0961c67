"""Settings of PyTorch's code generator, which can be set and have no effect: they choose between kernels of one result."""

from __future__ import annotations

coordinate_descent_tuning = False
epilogue_fusion = True
fx_graph_cache = True
max_autotune = False
shape_padding = True


class triton:
    """Settings of its code for GPUs."""

    cudagraphs = False
    unique_kernel_names = True


class cpp:
    """Settings of its code for CPUs."""

    threads = -1
    simdlen = None
