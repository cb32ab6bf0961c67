"""The CPU's array namespace: NumPy under the array API's names, and what NumPy lacks."""

from __future__ import annotations

from numpy import *  # noqa: F403  (the namespace *is* NumPy's, extended below)

from .convolution import *  # noqa: F403
from .pooling import *  # noqa: F403
from .reduce import *  # noqa: F403
from .special import *  # noqa: F403
