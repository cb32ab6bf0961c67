"""Data of the user's own as arrays: numbers, nested sequences, arrays and tensors among them, and what is wrong with the rest."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..autograd.tape import Variable


def array_of(data, wanted: np.dtype | None, copy: bool) -> np.ndarray:
    """The elements of `data` as an array of the dtype `wanted`, or of the one they suggest."""
    cls = data.__class__
    if isinstance(data, Variable):
        return _converted(data._array, wanted, copy)
    if isinstance(data, np.ndarray):
        check_array(data)
        return _converted(data, wanted, copy)
    if cls is float or cls is bool or cls is complex:
        return _cast(np.asarray(data), wanted, data)
    if isinstance(data, np.generic):
        if not _convertible(data, wanted):
            raise _no_integer(data)
        return _converted(np.asarray(data), wanted, True)
    if hasattr(data, "__array__") and not isinstance(data, (list, tuple)):
        return _converted(np.asarray(data), wanted, copy)
    if isinstance(data, (str, bytes)):
        raise TypeError(f"new(): invalid data type '{cls.__name__}'")
    if hasattr(data, "__len__") and hasattr(data, "__getitem__") and not isinstance(data, (list, tuple, dict)):
        data = [data[i] for i in range(len(data))]
    elif not isinstance(data, (list, tuple)):
        return _array_of_scalar(data, wanted)
    first = data
    while isinstance(first, (list, tuple)) and first:
        first = first[0]
    if isinstance(first, (np.ndarray, np.generic, Variable)):
        return _array_of_arrays(data, wanted)
    try:
        array = np.array(data)
    except (ValueError, TypeError, RuntimeError):
        array = None
    if array is None or array.dtype.kind not in "biufcV":
        return _array_of_mixture(data, wanted)
    return _cast(array, wanted, data)


def _array_of_scalar(data, wanted: np.dtype | None) -> np.ndarray:
    """One number that is not of Python's own small types: a large int, a symbol with a number's methods."""
    if not isinstance(data, (int, float, complex)):
        if wanted is None:
            raise RuntimeError(f"Could not infer dtype of {type(data).__name__}")
        if not hasattr(data, "__float__"):
            raise _no_number(data, wanted)
        data = float(data)
    if isinstance(data, int) and not isinstance(data, bool):
        if wanted is not None and wanted.kind in "fcV":
            return np.asarray(float(data)).astype(wanted)
        if not -(2**63) <= data < (2**64 if wanted is not None and wanted.kind == "u" else 2**63):
            raise ValueError("Overflow when unpacking long long")
    return _cast(np.asarray(data), wanted, data)


def _array_of_arrays(data, wanted: np.dtype | None) -> np.ndarray:
    """Nested sequences that hold arrays, NumPy scalars or tensors of one element."""
    found: list[np.dtype] = []

    def plain(item):
        if isinstance(item, (list, tuple)):
            return [plain(part) for part in item]
        if isinstance(item, Variable):
            if item._array.size != 1 or (item._array.ndim and wanted is None and item._array.dtype.kind in "biu"):
                raise (
                    TypeError("only integer tensors of a single element can be converted to an index")
                    if ((wanted or item._array.dtype).kind in "biu")
                    else ValueError("only one element tensors can be converted to Python scalars")
                )
            if wanted is not None and wanted.kind in "biu" and item._array.dtype.kind not in "biu":
                raise TypeError("only integer tensors of a single element can be converted to an index")
            found.append(item._array.dtype)
            return item._array.reshape(())
        if isinstance(item, (np.ndarray, np.generic)):
            if isinstance(item, np.generic) and not _convertible(item, wanted):
                raise _no_integer(item)
            found.append(item.dtype)
        else:
            found.append(_cast(np.asarray(item), None, item).dtype)
        return item

    nested = plain(data)
    if wanted is None:
        wanted = found[0]
        for dtype in found[1:]:
            wanted = dtypes.promote_types(wanted, dtype)
    try:
        return np.array(nested).astype(wanted)
    except ValueError:
        raise _unfit(data, wanted) or ValueError("expected arrays of one shape") from None


def _array_of_mixture(data, wanted: np.dtype | None) -> np.ndarray:
    """What NumPy makes no numeric array of: integers beyond int64, tensors further inside, or a mistake."""
    error = _unfit(data, wanted)
    if error is not None:
        raise error
    flat, shape = data, []
    while isinstance(flat, (list, tuple)):
        shape.append(len(flat))
        flat = flat[0]
    for _ in shape[1:]:
        data = [item for part in data for item in part]
    kind = wanted.kind if wanted is not None else "i"
    values = [item.item() if isinstance(item, (Variable, np.generic)) else item for item in data]
    if kind in "fcV" or any(isinstance(v, (float, complex)) for v in values):
        return _cast(
            np.array([complex(v) if isinstance(v, complex) else float(v) for v in values]).reshape(shape), wanted, data
        )
    if kind == "b":
        return np.array([v != 0 for v in values]).reshape(shape)
    if any(not -(2**63) <= v < 2**63 for v in values):
        raise ValueError("Overflow when unpacking long long")
    return _cast(np.array(values, np.int64).reshape(shape), wanted, data)


def _cast(array: np.ndarray, wanted: np.dtype | None, data) -> np.ndarray:
    """Numbers of Python in the wanted dtype, or in the one they suggest."""
    kind = array.dtype.kind
    if wanted is None:
        if kind == "u":
            raise ValueError("Overflow when unpacking long long")
        if kind == "f":
            wanted = dtypes.get_default_dtype().np
        elif kind == "c":
            wanted = dtypes.get_default_dtype().to_complex().np
        else:
            return array
        return array if array.dtype == wanted else array.astype(wanted)
    if wanted == array.dtype:
        return array
    if kind == "c" and wanted.kind not in "cb":
        raise _no_number(data if isinstance(data, complex) else 1j, wanted)
    if wanted.kind in "iu" and array.size:
        if kind == "u":
            raise ValueError("Overflow when unpacking long long")
        info = np.iinfo(wanted)
        lowest = info.min if wanted.kind == "i" else 0 if kind == "f" else -info.max - 1
        if kind != "b" and not (array.min() >= lowest and array.max() <= info.max):
            raise RuntimeError(f"value cannot be converted to type {dtypes.from_numpy(wanted).name} without overflow")
    with np.errstate(all="ignore"):
        return array.astype(wanted)


def _convertible(value: np.generic, wanted: np.dtype | None) -> bool:
    """Whether a NumPy scalar may become an element: those that are no Python float convert to integers only from such."""
    if wanted is None or wanted.kind not in "biu" or isinstance(value, float):
        return True
    return value.dtype.kind in "iu" or (value.dtype.kind == "b" and wanted.kind == "b")


def _no_integer(value) -> TypeError:
    qualified = type(value).__name__
    if isinstance(value, np.generic):
        qualified = f"numpy.{qualified}"
    return TypeError(f"'{qualified}' object cannot be interpreted as an integer")


def _no_number(value, wanted: np.dtype) -> TypeError:
    """PyTorch's words for an element that is no number of the wanted kind."""
    if wanted.kind in "biu":
        return _no_integer(value)
    return TypeError(f"must be real number, not {type(value).__name__}")


def _unfit(data, wanted: np.dtype | None) -> Exception | None:
    """Why nested sequences make no tensor: ragged, or with elements that are no numbers; None if they do."""
    shape, level = [], data
    while isinstance(level, (list, tuple)):
        shape.append(len(level))
        if not level:
            break
        level = level[0]
    if isinstance(level, (str, bytes)):
        return ValueError(f"too many dimensions '{type(level).__name__}'")

    def walk(node, depth):
        if depth < len(shape):
            if not isinstance(node, (list, tuple)):
                return TypeError("not a sequence")
            if len(node) != shape[depth]:
                return ValueError(f"expected sequence of length {shape[depth]} at dim {depth} (got {len(node)})")
            return next((error for item in node if (error := walk(item, depth + 1)) is not None), None)
        if isinstance(node, (bool, int, float, np.ndarray, np.generic, Variable)):
            return None
        if isinstance(node, complex) and (wanted is None or wanted.kind in "cb"):
            return None
        if wanted is not None or isinstance(node, (list, tuple)):
            return _no_number(node, np.dtype(np.int64) if wanted is None else wanted)
        if isinstance(node, (str, bytes)):
            return TypeError(f"new(): invalid data type '{type(node).__name__}'")
        return RuntimeError(f"Could not infer dtype of {type(node).__name__}")

    return walk(data, 0)


def _converted(array: np.ndarray, wanted: np.dtype | None, copy: bool) -> np.ndarray:
    """An array in the wanted dtype; a new C-contiguous one if asked."""
    target = array.dtype if wanted is None else wanted
    if not copy:
        return array if array.dtype == target else array.astype(target)
    with np.errstate(all="ignore"):
        return np.array(array, dtype=target, order="C", subok=False)


def check_array(array: np.ndarray) -> None:
    """TypeError for element types that no tensor has, ValueError for another byte order."""
    dtypes.from_numpy(array.dtype)
    if not array.dtype.isnative:
        raise ValueError(
            "given numpy array has byte order different from the native byte order. Conversion between byte orders is "
            "currently not supported: use array.astype(array.dtype.newbyteorder('='))."
        )
