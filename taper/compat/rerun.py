"""What a process started by spawn or forkserver runs in the place of the script that started it.

Such a process needs the script's classes and functions, so Python runs the main module again in it, under the name
`__mp_main__`. This module does that with the aliases installed; and where the script, having no `__main__` guard, comes
to the point at which it starts processes itself, it has defined what those need, and is left there.
"""

from __future__ import annotations

import os
import sys
from multiprocessing.process import BaseProcess
from types import ModuleType

from .script import SCRIPT_VARIABLE, code_of, prepare


class _Enough(BaseException):
    """The script is about to start processes."""


def names_of(path: str) -> dict:
    """The names that a script defines up to where it starts processes."""
    prepare(path)
    sys.argv[:1] = [path]
    module = ModuleType("__mp_main__")
    module.__file__ = path
    start = BaseProcess.start

    def refuse(process) -> None:
        raise _Enough

    BaseProcess.start = refuse
    try:
        exec(code_of(path), module.__dict__)
    except _Enough:
        pass
    finally:
        BaseProcess.start = start
    return vars(module)


if __name__ == "__mp_main__":
    globals().update(names_of(os.environ[SCRIPT_VARIABLE]))
