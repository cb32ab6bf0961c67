"""The book's pictures: curves that grow while a model trains, plots, axes."""

from __future__ import annotations

import atexit
import os
import sys

from ...tensor import is_tensor

FORMATS = ("-", "m--", "g-.", "r:")


def pyplot():
    """matplotlib.pyplot. ImportError with what to install where matplotlib is missing."""
    try:
        from matplotlib import pyplot as plt
    except ImportError:
        raise ImportError("d2l's pictures need matplotlib: pip install 'taper[viz]'") from None
    return plt


def shell():
    """The notebook's or terminal's IPython shell that runs this program; None in a plain script."""
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython

    return get_ipython()


def use_svg_display() -> None:
    """Draw pictures in a notebook as SVG. Outside of one there is nothing to do."""
    if shell() is not None:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("svg")


def set_figsize(figsize=(3.5, 2.5)) -> None:
    """The size of the pictures to come, in inches."""
    use_svg_display()
    pyplot().rcParams["figure.figsize"] = figsize


def set_axes(axes, xlabel, ylabel, xlim, ylim, xscale, yscale, legend) -> None:
    """Labels, scales, limits and legend of a plot, with a grid."""
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.set_xscale(xscale)
    axes.set_yscale(yscale)
    axes.set_xlim(xlim)
    axes.set_ylim(ylim)
    if legend:
        axes.legend(legend)
    axes.grid()


def _plain(values):
    """What matplotlib can draw."""
    return values.detach().numpy() if is_tensor(values) else values


def _is_one_curve(values) -> bool:
    """Whether these are the points of one curve, not several curves."""
    return getattr(values, "ndim", None) == 1 or (isinstance(values, list) and not hasattr(values[0], "__len__"))


def plot(
    X,
    Y=None,
    xlabel=None,
    ylabel=None,
    legend=None,
    xlim=None,
    ylim=None,
    xscale="linear",
    yscale="linear",
    fmts=FORMATS,
    figsize=(3.5, 2.5),
    axes=None,
) -> None:
    """Draw curves: Y over X, each one curve or a list of curves; with X alone, its values over their numbers."""
    set_figsize(figsize)
    axes = axes if axes is not None else pyplot().gca()
    X = [X] if _is_one_curve(X) else X
    if Y is None:
        X, Y = [[]] * len(X), X
    elif _is_one_curve(Y):
        Y = [Y]
    if len(X) != len(Y):
        X = list(X) * len(Y)
    axes.cla()
    for x, y, fmt in zip(X, Y, fmts):
        curve = (_plain(x), _plain(y)) if len(x) else (_plain(y),)
        axes.plot(*curve, fmt)
    set_axes(axes, xlabel, ylabel, xlim, ylim, xscale, yscale, legend or [])


class Animator:
    """Curves that grow: `add(x, (y1, y2, ...))` adds a point to each; None leaves a curve as it is.

    In a notebook the picture is shown anew with every point. A script leaves it as `animator-1.png`, `animator-2.png`, ...
    in the working directory when it ends.
    """

    _count = 0

    def __init__(
        self,
        xlabel=None,
        ylabel=None,
        legend=None,
        xlim=None,
        ylim=None,
        xscale="linear",
        yscale="linear",
        fmts=FORMATS,
        nrows: int = 1,
        ncols: int = 1,
        figsize=(3.5, 2.5),
    ):
        use_svg_display()
        self.fig, self.axes = pyplot().subplots(nrows, ncols, figsize=figsize)
        if nrows * ncols == 1:
            self.axes = [self.axes]
        settings = (xlabel, ylabel, xlim, ylim, xscale, yscale, legend or [])
        self.config_axes = lambda: set_axes(self.axes[0], *settings)
        self.X: list[list] | None = None
        self.Y: list[list] | None = None
        self.fmts = fmts
        Animator._count += 1
        self._file = os.path.abspath(f"animator-{Animator._count}.png")
        if shell() is None:
            atexit.register(self._save)

    def add(self, x, y) -> None:
        """Add a point to each curve, and draw them."""
        y = y if hasattr(y, "__len__") else [y]
        x = x if hasattr(x, "__len__") else [x] * len(y)
        if self.X is None or self.Y is None:
            self.X, self.Y = [[] for _ in y], [[] for _ in y]
        for xs, ys, a, b in zip(self.X, self.Y, x, y):
            if a is not None and b is not None:
                xs.append(a)
                ys.append(b)
        self.axes[0].cla()
        for xs, ys, fmt in zip(self.X, self.Y, self.fmts):
            self.axes[0].plot(xs, ys, fmt)
        self.config_axes()
        if shell() is not None:
            from IPython import display

            display.display(self.fig)
            display.clear_output(wait=True)

    def _save(self) -> None:
        """Leave the picture as a file, if there is anything on it and it has not been closed."""
        if self.X is None or not pyplot().fignum_exists(self.fig.number):
            return
        try:
            self.fig.savefig(self._file, dpi=150, bbox_inches="tight")
        except OSError as error:
            print(f"the curves could not be written to {self._file}: {error}", file=sys.stderr)
