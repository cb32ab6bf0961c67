"""A scope in which NumPy does not warn of overflow, division by zero or invalid values.

Infinities and NaNs are ordinary values of tensors, and NumPy's own setting belongs to the user's NumPy code, so each
operator enters and leaves this scope. `np.errstate` costs 1.2 us a scope; NumPy keeps its state in a context variable,
and setting that directly costs 0.2 us. A NumPy that keeps it elsewhere is asked through its public functions.

    token = enter(QUIET)
    try: ...
    finally: leave(token)
"""

from __future__ import annotations

import numpy as np

try:
    from numpy._core.umath import _extobj_contextvar, _make_extobj
except ImportError:
    QUIET = "ignore"

    def enter(how):
        return np.seterr(all=how)

    def leave(token) -> None:
        np.seterr(**token)

else:
    QUIET = _make_extobj(all="ignore")
    enter, leave = _extobj_contextvar.set, _extobj_contextvar.reset
