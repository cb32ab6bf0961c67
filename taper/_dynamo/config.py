"""Settings of PyTorch's compiler, which can be set and have no effect: they trade compiling for running, not results.

Taper runs eagerly what it cannot compile, keeps sixteen programs of a function, and compiles anew for every shape.
"""

from __future__ import annotations

suppress_errors = False
verbose = False
cache_size_limit = recompile_limit = 8
accumulated_cache_size_limit = 256
assume_static_by_default = True
automatic_dynamic_shapes = True
capture_scalar_outputs = False
capture_dynamic_output_shape_ops = False
optimize_ddp = True
specialize_int = False
