"""Gathering and scattering on a GPU. CuPy lets positions out of range come round: they are looked at first."""

from __future__ import annotations

from math import prod

from . import library as np


def checked(shape: tuple, parts: tuple) -> tuple:
    """An index of slices, numbers and arrays, all of whose positions exist. IndexError for one that does not.

    Masks beside other arrays become positions: CuPy takes one mask alone.
    """
    arrays = [p for p in parts if p.__class__ is np.ndarray]
    if len(arrays) > 1 and any(p.dtype.kind == "b" for p in arrays):
        expanded = [p.nonzero() if p.__class__ is np.ndarray and p.dtype.kind == "b" else (p,) for p in parts]
        parts = tuple([p for several in expanded for p in several])
    used = sum(p is not None and p is not Ellipsis for p in parts)
    axis = 0
    for p in parts:
        if p is Ellipsis:
            axis += len(shape) - used
        elif p.__class__ is np.ndarray:
            if p.dtype.kind == "b":
                _check_mask(shape, axis, p)
                axis += p.ndim
                continue
            n = shape[axis]
            if p.size and bool(((p < -n) | (p >= n)).any()):
                wrong = int(p[(p < -n) | (p >= n)].reshape(-1)[0])
                raise IndexError(f"index {wrong} is out of bounds for axis {axis} with size {n}")
            axis += 1
        elif p is not None:
            axis += 1
    return parts


def _check_mask(shape: tuple, axis: int, mask) -> None:
    there = shape[axis : axis + mask.ndim]
    if there != mask.shape:
        raise IndexError(
            f"boolean index did not match indexed array along axis {axis}; size of axis is {there} but size of "
            f"corresponding boolean axis is {mask.shape}"
        )


def filled(spec: tuple, indices) -> tuple:
    """The index that `spec` (None where an array of positions stands) and its arrays mean."""
    arrays = iter([np.asarray(i) for i in indices])  # positions may be the CPU's
    return tuple([next(arrays) if part is None else part for part in spec])


def take_at(x, indices, spec):
    """x at arrays of positions, contiguous."""
    return np.ascontiguousarray(x[checked(x.shape, filled(spec, indices))])


def add_at(g, shape, indices, spec):
    """Zeros of a shape with g added at arrays of positions, which may repeat."""
    out = np.zeros(shape, dtype=_summed_in(g.dtype))
    where = checked(shape, filled(spec, indices))
    if len(indices) == 1 and indices[0].dtype.kind == "b":
        out[where] = g
    else:
        np.add.at(out, where, g)
    return out.astype(g.dtype, copy=False)


def put_at(x, value, indices, spec, accumulate):
    """A copy of x with values written, or added, at arrays of positions."""
    out = np.array(x)
    if accumulate:
        np.add.at(out, checked(x.shape, filled(spec, indices)), value)
    else:
        write_at(out, value, indices, spec)
    return out


def write_at(x, value, indices, spec):
    """Write values into x at arrays of positions."""
    where = checked(x.shape, filled(spec, indices))
    if getattr(value, "ndim", 0) > 1 and any(i.dtype.kind == "b" for i in indices):
        where = tuple([p for w in where for p in (w.nonzero() if getattr(w, "dtype", None) == np.bool_ else (w,))])
    x[where] = value


def _summed_in(dtype):
    return np.dtype(np.float32) if dtype.itemsize == 2 and dtype.kind in "fV" else dtype


def add_flat(out, index, g, rows: int, width: int) -> None:
    """Add the rows of g to those of out at positions that may repeat and are not negative."""
    out, g = out.reshape(rows, width), g.reshape(index.size, width).astype(out.dtype, copy=False)
    if index.size and width:
        np.add.at(out, (index,), g)


def add_rows(g, index, axis, shape):
    """Zeros of a shape with the slices of g along an axis added at positions, which may repeat."""
    out = np.zeros(shape, dtype=_summed_in(g.dtype))
    if index.size and prod(shape):
        index = np.where(index < 0, index + shape[axis], index)
        np.add.at(out, (*(slice(None),) * axis, index), g.astype(out.dtype, copy=False))
    return out.astype(g.dtype, copy=False)
