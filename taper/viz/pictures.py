"""What a training run leaves to look at, drawn with matplotlib without a display."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np


def figure(width: float, height: float):
    """An empty figure of a size in inches. ImportError, with what to install, without matplotlib."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("pictures need matplotlib: pip install 'taper[viz]'") from None
    made = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(made)
    return made


def curves(rows: Sequence[dict], path: Path, title: str = "") -> None:
    """Loss and accuracy by epoch. rows: dicts with "epoch" and "<split>_loss", "<split>_accuracy" entries."""
    made = figure(10, 4)
    if title:
        made.suptitle(title)
    for axis, what in zip(made.subplots(1, 2), ("loss", "accuracy")):
        for split, colour in (("train", "#1f77b4"), ("val", "#2ca02c"), ("test", "#d62728")):
            points = [(r["epoch"], r[f"{split}_{what}"]) for r in rows if r.get(f"{split}_{what}") not in (None, "")]
            if points:
                axis.plot(*zip(*points), marker="o", markersize=3, label=split, color=colour)
        axis.set_xlabel("epoch")
        axis.set_ylabel(what)
        axis.grid(alpha=0.3)
        axis.xaxis.get_major_locator().set_params(integer=True)
        if axis.has_data():
            axis.legend()
    made.savefig(path, dpi=120, format="png")


def confusion(matrix: np.ndarray, classes: Sequence[str], path: Path, title: str = "") -> None:
    """A confusion matrix (true class down, predicted class across), coloured by the share of the true class."""
    n = len(classes)
    made = figure(max(5.0, 0.55 * n + 2), max(4.5, 0.5 * n + 2))
    axis = made.subplots()
    share = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    image = axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axis.set_xticks(range(n), classes, rotation=90 if max(map(len, classes), default=1) > 2 else 0)
    axis.set_yticks(range(n), classes)
    axis.set_xlabel("predicted")
    axis.set_ylabel("true")
    if n <= 20:
        for i in range(n):
            for j in range(n):
                if matrix[i, j]:
                    dark = share[i, j] > 0.5
                    axis.text(
                        j,
                        i,
                        str(int(matrix[i, j])),
                        ha="center",
                        va="center",
                        fontsize=8,
                        color="white" if dark else "black",
                    )
    made.colorbar(image, ax=axis, label="share of the true class")
    if title:
        axis.set_title(title)
    made.savefig(path, dpi=120, format="png")


def mistakes(
    images: Sequence[np.ndarray], captions: Sequence[str], path: Path, title: str = "", columns: int = 8
) -> None:
    """A grid of images with captions. images: (H, W) or (H, W, 3), 0 to 1."""
    rows = max(1, -(-len(images) // columns))
    made = figure(columns * 1.3, rows * 1.6 + 0.5)
    axes = np.atleast_1d(made.subplots(rows, columns)).reshape(-1)
    for axis in axes:
        axis.set_axis_off()
    for axis, image, caption in zip(axes, images, captions):
        axis.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axis.set_title(caption, fontsize=8)
    if title or not images:
        made.suptitle(title or "no mistakes")
    made.savefig(path, dpi=120, format="png")
