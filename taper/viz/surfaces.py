"""A function of two numbers as a surface, with the way that an optimizer went over it."""

from __future__ import annotations

import numpy as np

from ..autograd.modes import no_grad
from ..autograd.tape import wrap
from .pictures import Picture, array_of, figure, finished


def surface(
    function,
    xlim=(-6.0, 6.0),
    ylim=(-6.0, 6.0),
    track=None,
    path=None,
    title: str = "",
    steps: int = 121,
    view=(60, -30),
) -> Picture:
    """The surface of function(x), and its contours seen from above.

    function: of a tensor (2, ...) whose two parts are the coordinates, element by element; it is called once with
    (2, steps, steps). track: the points (K, 2) that an optimizer visited. view: elevation and azimuth. ValueError if the
    function's result is not (steps, steps).
    """
    x, y = (np.linspace(low, high, steps) for low, high in (xlim, ylim))
    grid = np.stack(np.meshgrid(x, y))
    with no_grad():
        heights = array_of(function(wrap(grid)))
    if heights.shape != grid.shape[1:]:
        raise ValueError(
            f"surface: the function gives {heights.shape} for a tensor {grid.shape}, expected {grid.shape[1:]}."
        )
    made = figure(11, 4.8)
    if title:
        made.suptitle(title)
    solid = made.add_subplot(1, 2, 1, projection="3d")
    solid.plot_surface(grid[0], grid[1], heights, cmap="viridis", alpha=0.8, linewidth=0)
    solid.view_init(*view)
    flat = made.add_subplot(1, 2, 2)
    low = heights - heights.min()
    # Even steps of the logarithm show valleys of very different depth.
    levels = np.unique(np.logspace(np.log10(max(low.max(), 1e-9) * 1e-4), np.log10(max(low.max(), 1e-9)), 24))
    flat.contour(grid[0], grid[1], low, levels=levels, cmap="viridis", linewidths=0.8)
    if track is not None:
        points = array_of(track).astype(np.float64).reshape(-1, 2)
        with no_grad():
            values = array_of(function(wrap(np.ascontiguousarray(points.T))))
        flat.plot(points[:, 0], points[:, 1], color="#d62728", marker=".", markersize=3, linewidth=1)
        flat.plot(*points[0], "o", color="#d62728", label="start")
        flat.plot(*points[-1], "*", color="#d62728", markersize=12, label="end")
        flat.legend()
        solid.plot(points[:, 0], points[:, 1], values, color="#d62728", zorder=10)
    for axis in (solid, flat):
        axis.set_xlabel("x[0]")
        axis.set_ylabel("x[1]")
    return finished(made, path)
