"""The CPU's array namespace: NumPy under the array API's names, and what NumPy lacks."""

from __future__ import annotations

import numpy

# The namespace *is* NumPy's, extended below. A star import would load NumPy's lazy parts too (f2py, testing): 0.1 s.
globals().update({name: value for name, value in vars(numpy).items() if not name.startswith("_")})

from ..transfer import moved
from .arrangement import *
from .attention import *
from .capability import *
from .choosing import *
from .complex import *
from .conversion import *
from .convolution import *
from .counting import *
from .cross_entropy import *
from .ctc import *
from .cumulative import *
from .fourier import *
from .incomplete_integrals import *
from .indexing import *
from .layouts import *
from .linear import *
from .loss import *
from .matrices import *
from .normalization import *
from .pooling import *
from .products import *
from .recurrence import *
from .reduce import *
from .resampling import *
from .softmax import *
from .sorting import *
from .special import *
from .symmetric import *
from .triangular import *
from .views import *
from .windows import *
