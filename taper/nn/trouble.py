"""Saying where in a model an error arose: the path of the module, its sizes, and the shapes it was given."""

from __future__ import annotations

from types import TracebackType

from ..autograd.tape import Variable

_PACKAGE = __name__.partition(".")[0]


def located(error: Exception, module, args: tuple) -> None:
    """Add `encoder.fc1: Linear(784 -> 256) got [512, 1, 28, 28]` to the message of an error of Taper's own.

    Every module that the error passes on its way out calls this: the innermost adds the line, each outer one puts its
    name for the inner one before it. Errors that the user's code raised are left alone.
    """
    note = getattr(error, "_note", None)
    if note is None:
        if type(error) not in (RuntimeError, ValueError, IndexError) or not _raised_by_taper(error.__traceback__):
            return
        if len(error.args) != 1 or not isinstance(error.args[0], str):
            return
        note = error._note = _Note(error.args[0], module, args)  # type: ignore[attr-defined]
    else:
        note.passed(module)
    error.args = (note.text(),)


class _Note:
    """The message as it was, and where it arose as far as it is known."""

    __slots__ = ("message", "where", "path", "outermost")

    def __init__(self, message: str, module, args: tuple):
        shapes = ", ".join(str(list(a.shape)) for a in args if isinstance(a, Variable))
        self.message = message
        self.where = brief(module) + (f" got {shapes}" if shapes else "")
        self.path = ""
        self.outermost = module

    def passed(self, module) -> None:
        """The error goes on through `module`, which called the outermost module so far."""
        for name, inner in module.named_modules():
            if inner is self.outermost and name:
                self.path = f"{name}.{self.path}" if self.path else name
                break
        self.outermost = module

    def text(self) -> str:
        where = f"{self.path}: {self.where}" if self.path else self.where
        return f"{self.message}\n{where}"


def brief(module) -> str:
    """A module's class and, where it has them, what it maps to what."""
    for ends in (("in_features", "out_features"), ("in_channels", "out_channels"), ("input_size", "hidden_size")):
        found = [getattr(module, end, None) for end in ends]
        if None not in found:
            return f"{module._get_name()}({found[0]} -> {found[1]})"
    text = module.extra_repr()
    return f"{module._get_name()}({text})" if text and "\n" not in text else module._get_name()


def _raised_by_taper(traceback: TracebackType | None) -> bool:
    """Whether the line that raised is Taper's."""
    if traceback is None:
        return False
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback.tb_frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE
