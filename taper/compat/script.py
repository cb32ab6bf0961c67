"""A script, run as `python script.py` runs it, with PyTorch's names standing for Taper."""

from __future__ import annotations

import importlib.machinery
import io
import os
import sys
from types import ModuleType, TracebackType

from .aliases import install

RERUN = f"{__package__}.rerun"
"""The module that a worker process started by spawn runs in the place of the script."""

SCRIPT_VARIABLE = "TAPER_SCRIPT"
"""The environment variable that tells such a worker which script it is."""


def prepare(path: str) -> None:
    """Install the aliases and put the script's folder first on the search path, in the place of the runner's own."""
    folder = os.path.dirname(os.path.abspath(path))
    install(folder)
    if sys.flags.safe_path if hasattr(sys.flags, "safe_path") else sys.flags.isolated:
        sys.path.insert(0, folder)
    else:
        sys.path[:1] = [folder]
    if importlib.machinery.PathFinder.find_spec("taper") is None:
        # Taper was found through the folder that has just left the path; workers look for it again.
        sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


def code_of(path: str):
    """A script's code. OSError or SyntaxError as Python raises them."""
    with io.open_code(os.path.abspath(path)) as file:
        return compile(file.read(), os.path.abspath(path), "exec", dont_inherit=True)


def run_script(path: str, arguments: list[str]) -> int:
    """Run a script as the main module; its exit status. What it raises is shown as Python shows it, status 1."""
    prepare(path)
    main = ModuleType("__main__")
    main.__file__ = os.path.abspath(path)
    # Processes that are started by spawn import the main module by the name in its spec.
    main.__spec__ = importlib.machinery.ModuleSpec(RERUN, None, origin=path)
    os.environ[SCRIPT_VARIABLE] = os.path.abspath(path)
    sys.argv[:] = [path, *arguments]
    sys.modules["__main__"] = main
    try:
        exec(code_of(path), main.__dict__)
    except SystemExit as leaving:
        return _status(leaving.code)
    except BaseException as error:
        sys.excepthook(type(error), error, _own_frames(error))
        return 130 if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _own_frames(error: BaseException) -> TracebackType | None:
    """The traceback without the runner's frames, down to the script's own; none for a script that does not compile."""
    frame = error.__traceback__
    while frame is not None and frame.tb_frame.f_code.co_filename == __file__:
        frame = frame.tb_next
    error.__traceback__ = frame
    return frame


def _status(code) -> int:
    """The exit status that Python gives to what `sys.exit` was called with."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code
    print(code, file=sys.stderr)
    return 1
