"""The CPU's array namespace: NumPy under the array API's names, and what NumPy lacks."""

from __future__ import annotations

from numpy import *  # noqa: F403  (the namespace *is* NumPy's, extended below)

from .attention import *  # noqa: F403
from .complex import *  # noqa: F403
from .convolution import *  # noqa: F403
from .cross_entropy import *  # noqa: F403
from .linear import *  # noqa: F403
from .ctc import *  # noqa: F403
from .counting import *  # noqa: F403
from .cumulative import *  # noqa: F403
from .indexing import *  # noqa: F403
from .normalization import *  # noqa: F403
from .pooling import *  # noqa: F403
from .reduce import *  # noqa: F403
from .softmax import *  # noqa: F403
from .sorting import *  # noqa: F403
from .special import *  # noqa: F403
from .views import *  # noqa: F403
from .windows import *  # noqa: F403
