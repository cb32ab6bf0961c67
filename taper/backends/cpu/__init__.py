"""The CPU's array namespace: NumPy under the array API's names, and what NumPy lacks."""

from __future__ import annotations

import numpy

# The namespace *is* NumPy's, extended below. A star import would load NumPy's lazy parts too (f2py, testing): 0.1 s.
globals().update({name: value for name, value in vars(numpy).items() if not name.startswith("_")})

from .attention import *  # noqa: E402, F403
from .complex import *  # noqa: E402, F403
from .convolution import *  # noqa: E402, F403
from .cross_entropy import *  # noqa: E402, F403
from .linear import *  # noqa: E402, F403
from .matrices import *  # noqa: E402, F403
from .triangular import *  # noqa: E402, F403
from .ctc import *  # noqa: E402, F403
from .counting import *  # noqa: E402, F403
from .cumulative import *  # noqa: E402, F403
from .fourier import *  # noqa: F403
from .indexing import *  # noqa: E402, F403
from .loss import *  # noqa: E402, F403
from .normalization import *  # noqa: E402, F403
from .pooling import *  # noqa: E402, F403
from .reduce import *  # noqa: E402, F403
from .softmax import *  # noqa: E402, F403
from .sorting import *  # noqa: E402, F403
from .special import *  # noqa: E402, F403
from .views import *  # noqa: E402, F403
from .windows import *  # noqa: E402, F403
