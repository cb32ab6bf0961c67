"""Which module of Taper answers to which of PyTorch's module names."""

from __future__ import annotations

import importlib
import importlib.machinery
import sys

TOPS = {"torch": "taper", "torchvision": "taper.vision", "d2l": "taper.compat.book", "d2l.torch": "taper.compat.d2l"}
"""The import names, and where their rooms are."""

MOVED = {
    "torch.autograd.grad_mode": "taper.autograd.modes",
    "torch.optim.adadelta": "taper.optim",
    "torch.optim.adagrad": "taper.optim",
    "torch.optim.adamw": "taper.optim",
    "torch.optim.rmsprop": "taper.optim",
    "torch.random": "taper.tensor.random",
    "torch.return_types": "taper.tensor.return_types",
    "torch.storage": "taper.tensor.storage",
    "torch.utils.data._utils.collate": "taper.utils.data.collate",
    "torchvision.datasets.vision": "taper.vision.datasets.base",
    "torchvision.io.image": "taper.vision.io",
    "torchvision.models._utils": "taper.vision.models.segmentation.network",
    "torchvision.models.mobilenet": "taper.vision.models.mobilenetv2",
    "torchvision.models._api": "taper.vision.models.weights",
    "torchvision.ops.misc": "taper.vision.ops.layers",
    "torchvision.transforms._presets": "taper.vision.transforms.presets",
    "torchvision.transforms.transforms": "taper.vision.transforms",
}
"""Modules that have another name in Taper, or whose names a larger module of Taper holds."""


def taper_name(name: str) -> str | None:
    """The module of Taper for a module name of PyTorch's; None if the name is none of PyTorch's."""
    if name in TOPS:
        return TOPS[name]
    head, _, rest = name.partition(".")
    if head not in TOPS or head == "d2l":
        return None
    same = f"{TOPS[head]}.{rest}"
    return MOVED[name] if name in MOVED and not module_exists(same) else same


def torch_name(name: str) -> str:
    """PyTorch's name for a module of Taper: `taper.nn` is torch.nn, `taper.vision.utils` is torchvision.utils."""
    for theirs, ours in (("d2l.torch", "taper.compat.d2l"), ("torchvision", "taper.vision"), ("torch", "taper")):
        if name == ours or name.startswith(ours + "."):
            return theirs + name[len(ours) :]
    return name


def module_exists(name: str) -> bool:
    """Whether Taper has a module of this name."""
    if name in sys.modules:
        return True
    parent = name.rpartition(".")[0]
    if not module_exists(parent):
        return False
    path = getattr(importlib.import_module(parent), "__path__", None)
    return bool(path) and importlib.machinery.PathFinder.find_spec(name, path) is not None
