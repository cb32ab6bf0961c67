"""Shortcuts: whole batches and whole orders as arrays, where nobody has overridden what they stand for.

Two protocols beside PyTorch's own `__getitems__(indices) -> list of samples`:

`__getbatch__(indices)` of a dataset: the batch of the samples at `indices` (an int64 array), already collated, exactly as
`default_collate([dataset[i] for i in indices.tolist()])` would make it; or NotImplemented, if it cannot be made this way.
A DataLoader with the default collate function asks it first. TensorDataset, Subset, StackDataset and the image datasets
that lie in arrays have one.

`__chunks__()` of a sampler: its indices as successive int64 arrays, drawn from the generator when they are asked for, as
iterating would draw them. BatchSampler cuts them into batches without a Python number for each index.

A shortcut that a class inherits does not count once the class, or one between, overrides the method it stands for: a
subclass of TensorDataset with its own `__getitem__` is read sample by sample.
"""

from __future__ import annotations

from collections.abc import Callable


def shortcut(thing, name: str, *stands_for: str) -> Callable | None:
    """The method `name` of `thing`, or None where it has none or what it stands for is overridden further down."""
    if any(method in getattr(thing, "__dict__", ()) for method in stands_for):
        return None
    wanted = {name, *stands_for}
    for cls in type(thing).__mro__:
        found = wanted & vars(cls).keys()
        if found:
            return getattr(thing, name) if name in found else None
    return None
