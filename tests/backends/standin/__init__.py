"""A strict stand-in for CuPy, so that everything written for it runs where no GPU is.

Its arrays hold NumPy's, and behave as `cupy.ndarray` does where the two differ: no implicit conversion to NumPy, no mixing
with NumPy's arrays, no positions out of range noticed, none of NumPy's functions and arguments that CuPy lacks, results
without dimensions are arrays, an array works only where its device is the current one. Which names there are and what they
take is `cupy.txt`, recorded from the real wheel by `record.py`.

    with standin.installed(2): ...

puts it where `import cupy` finds it. What it cannot show: that CuPy's kernels compute what NumPy's do, and how fast.
"""

from __future__ import annotations

from .modules import installed

__all__ = ["installed"]
