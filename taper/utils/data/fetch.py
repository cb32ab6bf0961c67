"""Samples of a dataset, and batches of an iterable one."""

from __future__ import annotations


def fetch(dataset, indices) -> list:
    """The samples at indices: all at once where the dataset can."""
    if hasattr(dataset, "__getitems__") and dataset.__getitems__:
        found = dataset.__getitems__(indices)
        if len(found) != len(indices):
            raise ValueError(f"Nested dataset's output size mismatch. Expected {len(indices)}, got {len(found)}")
        return found
    return [dataset[i] for i in indices]


def iterate(dataset, batch_size, drop_last, collate):
    """The batches of an iterable dataset."""
    samples = []
    for sample in dataset:
        if batch_size is None:
            yield collate(sample)
            continue
        samples.append(sample)
        if len(samples) == batch_size:
            yield collate(samples)
            samples = []
    if samples and not drop_last:
        yield collate(samples)
