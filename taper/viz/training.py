"""How a training run went."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .pictures import Picture, array_of, figure, finished

COLOURS = {"train": "#1f77b4", "val": "#2ca02c", "test": "#d62728"}


def curves(rows, path=None, title: str = "") -> Picture:
    """Loss and accuracy by epoch, or any curves side by side.

    rows: dictionaries with "epoch" and "<split>_loss", "<split>_accuracy" entries, one for each epoch; or one dictionary
    of curves, name to values, drawn over their numbers. path: a file to write as well.
    """
    if isinstance(rows, dict):
        return _named(rows, path, title)
    made = figure(10, 4)
    if title:
        made.suptitle(title)
    for axis, what in zip(made.subplots(1, 2), ("loss", "accuracy")):
        for split, colour in COLOURS.items():
            points = [(r["epoch"], r[f"{split}_{what}"]) for r in rows if r.get(f"{split}_{what}") not in (None, "")]
            if points:
                axis.plot(*zip(*points), marker="o", markersize=3, label=split, color=colour)
        _dressed(axis, "epoch", what)
    return finished(made, path)


def _named(series: dict, path, title: str) -> Picture:
    made = figure(6, 4)
    axis = made.subplots()
    for name, values in series.items():
        y = array_of(values)
        axis.plot(np.arange(1, len(y) + 1), y, marker="o" if len(y) < 50 else None, markersize=3, label=name)
    _dressed(axis, "", "")
    axis.set_title(title)
    return finished(made, path)


def _dressed(axis, xlabel: str, ylabel: str) -> None:
    axis.set_xlabel(xlabel)
    axis.set_ylabel(ylabel)
    axis.grid(alpha=0.3)
    axis.xaxis.get_major_locator().set_params(integer=True)
    if axis.has_data():
        axis.legend()


def confusion(matrix, classes: Sequence[str] | None = None, path=None, title: str = "") -> Picture:
    """A confusion matrix, coloured by the share of the true class: counts (true class down, predicted class across).

    matrix may also be a pair of label vectors, (true, predicted). ValueError for another shape.
    """
    if isinstance(matrix, tuple) and len(matrix) == 2:
        true, predicted = (array_of(v).astype(np.int64).reshape(-1) for v in matrix)
        count = len(classes) if classes is not None else int(max(true.max(), predicted.max())) + 1
        counts = np.bincount(true * count + predicted, minlength=count * count).reshape(count, count)
    else:
        counts = array_of(matrix)
    n = len(counts)
    if counts.shape != (n, n) or (classes is not None and len(classes) != n):
        raise ValueError(f"confusion: the matrix is {counts.shape}, but there are {len(classes or counts)} classes.")
    names = [str(i) for i in range(n)] if classes is None else list(classes)
    made = figure(max(5.0, 0.55 * n + 2), max(4.5, 0.5 * n + 2))
    axis = made.subplots()
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    image = axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axis.set_xticks(range(n), names, rotation=90 if max(map(len, names), default=1) > 2 else 0)
    axis.set_yticks(range(n), names)
    axis.set_xlabel("predicted")
    axis.set_ylabel("true")
    if n <= 20:
        for i, j in zip(*np.nonzero(counts)):
            colour = "white" if share[i, j] > 0.5 else "black"
            axis.text(j, i, str(int(counts[i, j])), ha="center", va="center", fontsize=8, color=colour)
    made.colorbar(image, ax=axis, label="share of the true class")
    if title:
        axis.set_title(title)
    return finished(made, path)
