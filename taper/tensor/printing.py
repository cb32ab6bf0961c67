"""How a tensor prints: PyTorch's text, character for character.

A tensor becomes text in three steps. A large one is cut down to the edges of its long dims, so printing costs the
same for ten million elements as for a few hundred. Every element becomes a cell, a string padded to one width chosen
from the finite, non-zero values. The cells are then laid out in nested brackets, wrapped at the line width, and
followed by whatever a reader cannot see in the numbers (device, size, dtype, gradient).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from taper import dtypes


@dataclass(frozen=True)
class PrintOptions:
    """What `set_printoptions` sets."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES = {
    "default": PrintOptions(),
    "short": PrintOptions(precision=2, edgeitems=2),
    "full": PrintOptions(threshold=math.inf),
}
_options = PrintOptions()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors print; an argument left at None keeps its value, except `sci_mode`.

    precision: digits after the point (4). threshold: tensors with more elements print only their edges (1000).
    edgeitems: how many elements are kept at each end of a dim (3). linewidth: characters in a line (80).
    profile: 'default', 'short' or 'full', applied before the other arguments; an unknown name changes nothing.
    sci_mode: True or False forces scientific notation on or off; None, also when not passed, chooses by the values.
    """
    global _options
    base = _options if profile is None else _PROFILES.get(profile, _options)
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    _options = replace(base, sci_mode=sci_mode, **{k: v for k, v in given.items() if v is not None})


def get_printoptions() -> dict[str, Any]:
    """The current options, as the keyword arguments of `set_printoptions`."""
    return asdict(_options)


@contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """Print with these options of `set_printoptions` inside the `with` block, and with the previous ones after it."""
    global _options
    before = _options
    set_printoptions(**options)
    try:
        yield
    finally:
        _options = before


def tensor_repr(tensor: Any) -> str:
    """The text of `repr(tensor)`: `tensor(...)`, or the class's name in place of `tensor` for a subclass.

    Values of any dtype and strides; those outside the printed edges are never read.
    """
    options = _options
    kind = type(tensor).__name__
    prefix = "tensor(" if kind in ("Tensor", "Parameter") else f"{kind}("
    shape = tuple(tensor.shape)
    size = f"size={shape}"
    dtype = f"dtype={tensor.dtype}"
    suffixes = [] if tensor.device.type == "cpu" else [f"device='{tensor.device}'"]
    if tensor.device.type == "meta":
        body = "..."
        suffixes.append(size)
        if tensor.dtype is not dtypes.get_default_dtype():
            suffixes.append(dtype)
    elif 0 in shape:
        body = "[]"
        if len(shape) != 1:
            suffixes.append(size)
        if tensor.dtype is not dtypes.get_default_dtype():
            suffixes.append(dtype)
    else:
        body = _body(tensor._array, len(prefix), options)
        if not options.edgeitems:
            suffixes.append(size)
        if not _is_implied(tensor.dtype):
            suffixes.append(dtype)
    gradient = _gradient_suffix(tensor)
    if gradient:
        suffixes.append(gradient)
    return _join(prefix + body, suffixes, len(prefix), options.linewidth)


def parameter_repr(parameter: Any) -> str:
    """The text of `repr(parameter)` for an `nn.Parameter` or an instance of a subclass of it."""
    text = tensor_repr(parameter)
    if type(parameter).__name__ != "Parameter":
        text = f"Parameter({text})"
    return f"Parameter containing:\n{text}"


def _is_implied(dtype: Any) -> bool:
    """Whether the values alone say that they are of this dtype."""
    default = dtypes.get_default_dtype()
    return dtype in (default, default.to_complex(), dtypes.int64, dtypes.bool_)


def _gradient_suffix(tensor: Any) -> str:
    try:
        node = tensor.grad_fn
    except RuntimeError:  # a view whose history an in-place write has made meaningless can still be looked at
        return "grad_fn=<Invalid>"
    if node is not None:
        return f"grad_fn=<{node.name()}>"
    return "requires_grad=True" if tensor.requires_grad else ""


def _join(text: str, suffixes: list[str], indent: int, linewidth: int) -> str:
    """Append the suffixes, each on a new line where the last one is full, and the closing bracket."""
    used = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if used + len(suffix) + 2 > linewidth:
            text += ",\n" + " " * indent + suffix
            used = indent + len(suffix)
        else:
            text += ", " + suffix
            used += len(suffix) + 2
    return text + ")"


def _body(array: Any, indent: int, options: PrintOptions) -> str:
    """The numbers of a non-empty array between their brackets, whose first is printed in column `indent`."""
    edge = options.edgeitems
    cut = [array.size > options.threshold and n > 2 * edge for n in array.shape]
    if any(cut):
        if not edge:
            return "[...]"
        array = _edges(array, cut, edge)
    cells, width = _cells(_on_host(array), options)
    if not cut:
        return cells[0]
    per_line = max(1, (options.linewidth - indent - len(cut) + 1) // (width + 2))
    return _brackets(cells, array.shape, cut, indent, edge, per_line)


def _edges(array: Any, cut: list[bool], edge: int, dim: int = 0) -> np.ndarray:
    """The first and last `edge` entries along each cut dim, from `dim` on: nothing is fetched before all dims are cut."""
    if dim == len(cut):
        return _on_host(array)
    if not cut[dim]:
        return _edges(array, cut, edge, dim + 1)
    lead, n = (slice(None),) * dim, array.shape[dim]
    parts = [array[(*lead, part)] for part in (slice(edge), slice(n - edge, n))]
    return np.concatenate([_edges(part, cut, edge, dim + 1) for part in parts], dim)


def _on_host(array: Any) -> np.ndarray:
    """The array as a NumPy one; arrays of a device are fetched by their own `get`."""
    return array if isinstance(array, np.ndarray) else array.get()


def _brackets(cells: list[str], shape: tuple[int, ...], cut: list[bool], indent: int, edge: int, per_line: int) -> str:
    """Nested brackets around the cells, which are in row-major order; '...' stands in the middle of every cut dim."""
    if len(shape) == 1:
        row = [*cells[:edge], " ...", *cells[edge:]] if cut[0] else cells
        lines = [", ".join(row[i : i + per_line]) for i in range(0, len(row), per_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    step = len(cells) // shape[0]
    parts = [
        _brackets(cells[i : i + step], shape[1:], cut[1:], indent + 1, edge, per_line)
        for i in range(0, len(cells), step)
    ]
    if cut[0]:
        parts.insert(edge, "...")
    return "[" + ("," + "\n" * (len(shape) - 1) + " " * (indent + 1)).join(parts) + "]"


def _cells(array: np.ndarray, options: PrintOptions) -> tuple[list[str], int]:
    """The text of each element in row-major order, and the width that lines are filled by."""
    flat = array.reshape(-1)
    if flat.dtype.kind == "c":
        real, real_width = _float_cells(np.real(flat), options)
        imag, imag_width = _float_cells(np.imag(flat), options)
        cells = [_complex_cell(re, im.lstrip()) for re, im in zip(real, imag, strict=True)]
        return cells, real_width + imag_width + 1
    if flat.dtype.kind in "biu":
        cells = [str(v) for v in flat.tolist()]
        width = max(map(len, cells))
        return [c.rjust(width) for c in cells], width
    return _float_cells(flat, options)


def _complex_cell(real: str, imag: str) -> str:
    return f"{real}{imag}j" if imag[0] in "+-" else f"{real}+{imag}j"


def _float_cells(values: np.ndarray, options: PrintOptions) -> tuple[list[str], int]:
    """Cells of real values: whole numbers as '1.', others in fixed or scientific notation, all in the same one."""
    values = values.astype(np.float64)
    telling = np.isfinite(values) & (values != 0)
    if not telling.any():  # only 0., inf and nan: neither scientific nor aligned, as in PyTorch
        return _notation(values, True, False, options.precision), 1
    sizes = np.abs(values[telling])
    whole = bool((sizes == np.floor(sizes)).all())
    scientific = options.sci_mode
    if scientific is None:
        scientific = _spans_too_much(float(sizes.min()), float(sizes.max()), whole)
    cells = _notation(values, whole, scientific, options.precision)
    width = max(len(cells[i]) for i in np.flatnonzero(telling))
    return [c.rjust(width) for c in cells], width


def _spans_too_much(low: float, high: float, whole: bool) -> bool:
    """Whether fixed notation would hide the smallest of these sizes or swell with the largest."""
    return high / low > 1000 or high > 1e8 or (not whole and low < 1e-4)


def _notation(values: np.ndarray, whole: bool, scientific: bool, precision: int) -> list[str]:
    if scientific:
        return [f"{v:.{precision}e}" for v in values.tolist()]
    if whole:
        return [f"{v:.0f}." if math.isfinite(v) else f"{v:.0f}" for v in values.tolist()]
    return [f"{v:.{precision}f}" for v in values.tolist()]
