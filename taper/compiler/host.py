"""Host nodes: any NumPy function of symbols, called by the interpreter at each run."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from .errors import CaptureError
from .recording import graph
from .symbol import Symbol, made

_VALUES_DECIDE = frozenset(
    "argwhere argwhere_of nonzero flatnonzero pick_masked unique unique_of unique_values unique_counts unique_inverse "
    "unique_all runs_of bincount counts_of extract compress union1d intersect1d setdiff1d setxor1d trim_zeros ".split()
)
"""Functions whose result's shape depends on values."""


def host(function: Callable, *args, **kwargs):
    """The result of a NumPy function as a host node; its shape is found by running the function on made-up arrays.

    CaptureError if the shape depends on values, or the result is no array.
    """
    leaves: list = []
    template = _replaced((args, kwargs), leaves)
    if not leaves:
        return function(*args, **kwargs)
    name = getattr(function, "__name__", "host")
    if name in _VALUES_DECIDE:
        raise values_decide(name)
    found, *others = _tried(function, template, leaves)
    flat: list = []
    structure = _structure(found, flat, name)
    if any([a.shape for a in _flat(other, [])] != [a.shape for a in flat] for other in others):
        raise values_decide(name)
    results = [(a.shape, a.dtype) for a in flat]
    made_results = iter(_nodes(function, name, template, leaves, results))
    symbols = iter([made(next(made_results), np.empty_like(a)) for a in flat])
    return _rebuilt(structure, symbols)


def host_as(function: Callable, shape: tuple[int, ...], dtype, *args, **kwargs) -> Symbol:
    """The result, of a known shape and dtype, of a NumPy function that made-up arrays would not suit."""
    leaves: list = []
    template = _replaced((args, kwargs), leaves)
    if not leaves:
        return made(graph().constant(np.array(function(*args, **kwargs), dtype)))
    name = getattr(function, "__name__", "host")
    (node,) = _nodes(function, name, template, leaves, [(tuple(shape), np.dtype(dtype))])
    return made(node)


def collective_as(name: str, function: Callable, shape: tuple[int, ...], dtype, symbol: Symbol, begins: bool) -> Symbol:
    """`host_as` of a function that exchanges with other processes, called `name` in programs.

    Those of a program that begin an exchange run in the order in which they are captured. Where a program is only measured they do nothing: the
    other processes do not measure theirs as often.
    """
    shape, dtype = tuple(shape), np.dtype(dtype)

    def run(*arrays):
        return [np.zeros(shape, dtype)] if rehearsal.going_on else [function(*arrays)]

    run.__name__ = name
    g = graph()
    before = (g.exchanges[-1],) if begins and g.exchanges else ()
    (node,) = g.host(run, (symbol.node(), *before), [(shape, dtype)])
    if begins:
        g.exchanges.append(node)
    return made(node)


class Rehearsal(threading.local):
    """Whether this thread runs a program to measure it."""

    going_on = False


rehearsal = Rehearsal()


def values_decide(name: str) -> CaptureError:
    return CaptureError(f"{name}: the shape of the result depends on values. Use a mask with taper.where instead.")


def _nodes(function, name: str, template, leaves, results) -> list:
    for _, dtype in results:
        if dtype.kind == "c":
            raise CaptureError(f"{name}: complex numbers are not captured")
    numbers = [hasattr(s, "node_as") for s in leaves]

    def run(*arrays):
        values = [a.item() if number else a for a, number in zip(arrays, numbers)]
        given, named = _filled(template, values)
        return _flat(function(*given, **named), [])

    run.__name__ = name
    g = graph()
    inputs = tuple(s.node_as(g, np.float64) if number else s.node() for s, number in zip(leaves, numbers))
    return g.host(run, inputs, results)


def _tried(function, template, leaves) -> list:
    """Results of a function for several made-up inputs: for those that it takes. Its error if it takes none."""
    found, problem = [], None
    for sample in (_sample, _other_sample, _last_sample):
        given, named = _filled(template, [sample(s) for s in leaves])
        try:
            with np.errstate(all="ignore"):
                found.append(function(*given, **named))
        except (ValueError, IndexError, ArithmeticError, RuntimeError) as error:
            problem = problem or error
    if not found:
        assert problem is not None
        raise problem
    return found


def _sample(s):
    """An array for finding out shapes: ones, zeros as positions, unit matrices where they can be."""
    if hasattr(s, "node_as"):
        return 1.0
    if s.dtype.kind in "biu":
        return np.zeros_like(s.shadow)
    sample = np.ones_like(s.shadow)
    if s.ndim >= 2 and s.shape[-1] == s.shape[-2]:
        sample[...] = np.eye(s.shape[-1], dtype=s.dtype)
    return sample


def _other_sample(s):
    """Another such array: no two elements equal, every second position or truth set."""
    if hasattr(s, "node_as"):
        return 0.5
    numbers = np.arange(s.size).reshape(s.shape)
    if s.dtype.kind in "biu":
        return (numbers % 2).astype(s.dtype)
    return (_sample(s) + (numbers + 1) / (4 * max(s.size, 1))).astype(s.dtype)


def _last_sample(s):
    """Yet another one: along the last dimension 1, 2, 3, ..., as positions that count from one."""
    if hasattr(s, "node_as"):
        return 2.0
    last = np.arange(1, s.shape[-1] + 1) if s.ndim else np.asarray(1)
    return np.broadcast_to(last.astype(s.dtype), s.shape).copy()


class _Place(int):
    """Where an array stands in a host node's arguments."""


def _replaced(value, leaves):
    if isinstance(value, Symbol) or hasattr(value, "node_as"):
        leaves.append(value)
        return _Place(len(leaves) - 1)
    if type(value) in (tuple, list):
        return type(value)(_replaced(v, leaves) for v in value)
    if type(value) is dict:
        return {k: _replaced(v, leaves) for k, v in value.items()}
    # The step may go on to change an array of its own that it gave to the function.
    return value.copy() if type(value) is np.ndarray and value.flags.writeable else value


def _filled(value, arrays):
    if isinstance(value, _Place):
        return arrays[value]
    if type(value) in (tuple, list):
        return type(value)(_filled(v, arrays) for v in value)
    if type(value) is dict:
        return {k: _filled(v, arrays) for k, v in value.items()}
    return value


def _flat(result, found: list) -> list:
    if isinstance(result, (tuple, list)):
        for r in result:
            _flat(r, found)
    elif isinstance(result, (np.ndarray, np.generic)):
        found.append(np.asarray(result))
    return found


def _structure(result, found: list, name: str):
    """How the arrays of a result stand in it; `found` gets them."""
    if isinstance(result, (tuple, list)):
        return [_structure(r, found, name) for r in result], tuple if isinstance(result, tuple) else list
    if isinstance(result, (np.ndarray, np.generic)):
        found.append(np.asarray(result))
        return Symbol
    if result is not None:
        raise CaptureError(f"{name} gives a plain {type(result).__name__} that depends on values")
    return None


def _rebuilt(structure, results):
    if structure is Symbol:
        return next(results)
    if structure is None:
        return None
    parts, kind = structure
    return kind(_rebuilt(p, results) for p in parts)
