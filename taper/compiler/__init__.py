"""The compiler: a function over tensors, or a whole training step, becomes one native program.

capture (a run with symbols) -> graph -> schedule (kernels) -> LLVM -> program, called through generated code with guards.
"""

from . import arrays
from .api import Compiled, compile, cudagraph_mark_step_begin, disable, is_compiling, is_exporting, reset, set_stance
from .errors import CaptureError
from .explain import Explanation, explain

__all__ = [
    "CaptureError",
    "Compiled",
    "Explanation",
    "compile",
    "cudagraph_mark_step_begin",
    "disable",
    "explain",
    "is_compiling",
    "is_exporting",
    "reset",
    "set_stance",
]
