"""The user's objects: Tensor and the functions on it, one file a family."""

from __future__ import annotations

from ..autograd.tape import results_are
from . import arguments as _arguments
from . import namespace, special, spellings
from .activation import *
from .added_products import *
from .arithmetic import *
from .arrangement import *
from .comparison import *
from .complex_numbers import *
from .conversion import *
from .copies import *
from .core import Tensor
from .creation import *
from .cumulative import *
from .decompositions import *
from .einsum import *
from .elementwise import *
from .factorizations import *
from .formats import *
from .indexing import *
from .joining import *
from .legacy import *
from .lowrank import *
from .matrix_functions import *
from .memory import *
from .norms import *
from .printing import set_printoptions
from .products import *
from .random import *
from .reduction import *
from .removed import *
from .scattering import *
from .segments import *
from .selection import *
from .settings import *
from .shape import *
from .sorting import *
from .sparse_compressed import *
from .sparse_coordinates import sparse_coo_tensor
from .special import digamma, erf, erfc, erfinv, i0, igamma, igammac, lgamma, mvlgamma, polygamma, sinc
from .spectrum import *
from .spellings import *
from .statistics import *
from .storage import *
from .systems import *
from .threads import *
from .windows import *
from .writing import *

results_are(Tensor, namespace)
_arguments.check_methods(Tensor)
_arguments.check_functions(globals(), list(globals()))
for _module in (special, spellings):
    _arguments.check_functions(vars(_module), _module.__all__)
