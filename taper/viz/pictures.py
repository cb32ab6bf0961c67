"""Pictures by matplotlib, drawn without a window."""

from __future__ import annotations

import io
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


class Picture:
    """A finished picture. `figure` is matplotlib's; a notebook shows it; `save` writes it in a format by its ending."""

    def __init__(self, figure):
        self.figure = figure

    def save(self, path, dpi: int = 120) -> None:
        """Write the picture as a PNG, SVG or PDF file, or what else matplotlib knows."""
        self.figure.savefig(path, dpi=dpi, format=Path(path).suffix[1:] or "png")

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.figure.savefig(file, dpi=100, format="png")
        return file.getvalue()

    def __repr__(self) -> str:
        width, height = self.figure.get_size_inches()
        return f"<Picture of {width:g} x {height:g} inches: save(path) writes it>"


def finished(made, path) -> Picture:
    """A picture, written to a file if there is a path."""
    picture = Picture(made)
    if path is not None:
        made.savefig(path, dpi=120, format=Path(path).suffix[1:] or "png")
    return picture


def array_of(values) -> np.ndarray:
    """Tensors, lists or arrays as one array."""
    if hasattr(values, "detach"):
        return values.detach().numpy()
    if isinstance(values, (list, tuple)) and values and hasattr(values[0], "detach"):
        return np.stack([v.detach().numpy() for v in values])
    return np.asarray(values)
