"""What stands for a new array in a tensor: the array itself, or, while a step is captured, what the capture gives."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Making(threading.local):
    """constant: for arrays that factories make. shared: for arrays of the caller's that tensors are made of."""

    constant: Callable | None = None
    shared: Callable | None = None


making = Making()
