"""Names of PyTorch that Taper leaves out: they can be imported and asked about; using one says what to do instead."""

from __future__ import annotations

from collections.abc import Callable


class Refused(type):
    """The class of left-out names. Nothing is an instance of one; calling, subclassing or decorating with it raises."""

    _path: str
    _instead: str

    def __new__(mcls, name, bases, namespace):
        for base in bases:
            if isinstance(base, Refused):
                raise base._error()
        return super().__new__(mcls, name, bases, namespace)

    def _error(cls) -> NotImplementedError:
        return NotImplementedError(f"torch.{cls._path} is not part of Taper. {cls._instead}")

    def __call__(cls, *args, **kwargs):
        raise cls._error()

    def __instancecheck__(cls, instance) -> bool:
        return False

    def __subclasscheck__(cls, subclass) -> bool:
        return False

    def __getattr__(cls, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        return refused(f"{cls._path}.{name}", cls._instead)

    def __repr__(cls) -> str:
        return f"<torch.{cls._path}: not part of Taper>"


def refused(path: str, instead: str) -> Refused:
    """The stand-in for `torch.<path>`; `instead` is a sentence that says what to use."""
    name = path.rpartition(".")[2]
    return Refused(name, (), {"_path": path, "_instead": instead, "__doc__": f"Not part of Taper. {instead}"})


def room(module: str, instead: str, names: tuple[str, ...]) -> Callable[[str], Refused]:
    """The `__getattr__` of a module whose names are all left out: those listed resolve, no others."""
    path = module.partition(".")[2]

    def find(name: str) -> Refused:
        if name not in names:
            raise AttributeError(f"module '{module}' has no attribute '{name}'")
        return refused(f"{path}.{name}", instead)

    return find
