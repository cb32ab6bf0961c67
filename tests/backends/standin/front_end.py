"""A strict stand-in for `cudnn`, NVIDIA's front end to cuDNN: what is described is computed by NumPy where it lies.

Names and parameters are those of `cudnn.txt`, recorded from the real package by `record_cudnn.py`; what is given to them is
checked against it. Graphs are computed from what they were told alone: sizes, strides and addresses. `refuse` makes it have
no kernel for a problem, as cuDNN has none for many.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import sys
import types
from collections.abc import Callable, Iterator

import ml_dtypes
import numpy as np
from numpy.lib.stride_tricks import as_strided

from . import devices
from .names import names

WORKSPACE = 64
DTYPES = {"FLOAT": np.float32, "DOUBLE": np.float64, "HALF": np.float16, "BFLOAT16": ml_dtypes.bfloat16}


class cudnnGraphNotSupportedError(RuntimeError):
    pass


class Tensor:
    """`cudnn.Tensor`."""

    def __init__(self, dim=(), stride=(), data_type=None, uid=None):
        self.dim, self.stride, self.data_type, self.uid, self.output = list(dim), list(stride), data_type, uid, False

    def set_output(self, value):
        self.output = value
        return self

    def set_dim(self, dim):
        assert isinstance(dim, list) and all(type(n) is int for n in dim), dim
        self.dim = dim
        return self

    def set_stride(self, stride):
        assert isinstance(stride, list) and all(type(n) is int for n in stride), stride
        self.stride = stride
        return self

    def set_data_type(self, data_type):
        self.data_type = data_type
        return self

    def set_uid(self, uid):
        self.uid = uid
        return self

    def at(self, address: int) -> np.ndarray:
        """The elements that begin at an address, which the tensor may write."""
        assert len(self.dim) == len(self.stride) and self.data_type is not None, (
            "a tensor of which something is missing"
        )
        dtype = np.dtype(DTYPES[self.data_type.partition(".")[2]])
        reach = 1 + sum((n - 1) * s for n, s in zip(self.dim, self.stride))
        flat = np.frombuffer((ctypes.c_uint8 * (reach * dtype.itemsize)).from_address(address), dtype)
        return as_strided(flat, self.dim, [s * dtype.itemsize for s in self.stride])


class Operation:
    """A node: what computes it, its tensors by parameter, its results, its settings."""

    def __init__(self, compute, given: dict, results: list, options: dict):
        self.compute, self.given, self.results, self.options = compute, given, results, options


class Room:
    """The module, which remembers the graphs that were executed, and the streams on which."""

    def __init__(self):
        self.executed: list[tuple[str, int]] = []
        self.planned: list[tuple[str, tuple]] = []
        self.refuse: Callable[[str, dict], bool] = lambda method, options: False


room = Room()


class Handle:
    def __init__(self):
        self.stream, self.device = 0, devices.state.device


def _checked(function: str, /, **options) -> dict:
    """What a recorded function is given, by parameter. TypeError where it takes no such thing."""
    bound = names()[f"cudnn.{function}"].signature.bind(None, **options)
    return {k: v for k, v in bound.arguments.items() if k != "self"}


class pygraph:
    """`cudnn.pygraph`, of one operation."""

    def __init__(self, **options):
        given = _checked("pygraph.__init__", **options)
        assert isinstance(given["handle"], Handle) and given["handle"].device == devices.state.device
        self.device, self.stage, self.node, self.notes, self.limit = devices.state.device, "described", None, [], None
        self.io = given["io_data_type"]

    def tensor(self, **options):
        given = _checked("pygraph.tensor", **options)
        assert len(given["dim"]) == len(given["stride"])
        return Tensor(given["dim"], given["stride"], given.get("data_type") or self.io, given["uid"])

    def _add(self, name: str, compute, count: int, options: dict):
        assert self.node is None, "the stand-in's graphs have one operation"
        given = _checked(f"pygraph.{name}", **options)
        arrays = {k: v for k, v in given.items() if isinstance(v, Tensor)}
        plain = {k: v for k, v in given.items() if not isinstance(v, Tensor)}
        self.name, self.node = name, Operation(compute, arrays, [Tensor() for _ in range(count)], plain)
        return self.node.results if count > 1 else self.node.results[0]

    def conv_fprop(self, **options):
        return self._add("conv_fprop", fprop, 1, options)

    def conv_dgrad(self, **options):
        return self._add("conv_dgrad", dgrad, 1, options)

    def conv_wgrad(self, **options):
        return self._add("conv_wgrad", wgrad, 1, options)

    def sdpa(self, **options):
        return self._add("sdpa", sdpa, 2, options)

    def sdpa_backward(self, **options):
        return self._add("sdpa_backward", sdpa_backward, 3, options)

    def _step(self, before: str, after: str) -> None:
        assert self.stage == before, f"{after} follows {before}, not {self.stage}"
        self.stage = after

    def validate(self):
        self._step("described", "valid")
        assert self.node is not None
        uids = [t.uid for t in (*self.node.given.values(), *self.node.results) if t.uid is not None]
        assert len(uids) == len(set(uids)), "numbers of tensors repeat"

    def build_operation_graph(self):
        self._step("valid", "lowered")

    def create_execution_plans(self, heuristics):
        assert heuristics
        self._step("lowered", "planned")

    def deselect_numeric_notes(self, notes):
        assert self.stage == "planned"
        self.notes = notes

    def deselect_workspace_greater_than(self, workspace_limit):
        assert self.stage == "planned"
        self.limit = workspace_limit

    def check_support(self):
        self._step("planned", "supported")
        if room.refuse(self.name, {**self.node.given, **self.node.options}):
            raise cudnnGraphNotSupportedError("No valid engine configs")

    def build_plans(self):
        self._step("supported", "built")
        room.planned.append((self.name, tuple(sorted(self.notes))))

    def get_workspace_size(self):
        assert self.stage == "built"
        return WORKSPACE

    def execute(self, tensor_dict, workspace=None, handle=None):
        assert self.stage == "built" and type(workspace) is int and self.device == devices.state.device == handle.device
        at(workspace, WORKSPACE)[...] = 0xA5  # it is overwritten
        by_number = {t.uid: t for t in (*self.node.given.values(), *self.node.results) if t.uid is not None}
        assert set(tensor_dict) == set(by_number), "what is given is not what the graph has"
        arrays = {id(by_number[n]): by_number[n].at(address) for n, address in tensor_dict.items()}
        given = {k: arrays[id(t)].astype(np.float64) for k, t in self.node.given.items()}
        room.executed.append((self.name, handle.stream))
        made = self.node.compute(given, self.node.options, [t.dim for t in self.node.results])
        for tensor, values in zip(self.node.results, made):
            if id(tensor) in arrays:
                target = arrays[id(tensor)]
                assert tensor.output and target.shape == values.shape, (self.name, target.shape, values.shape)
                target[...] = values


def at(address: int, size: int) -> np.ndarray:
    return np.frombuffer((ctypes.c_uint8 * size).from_address(address), np.uint8)


# What the operations mean, by their definitions, in float64.


def _taps(x_shape, w_shape, out_shape, options) -> Iterator[tuple[tuple, tuple, tuple]]:
    """For each tap of the kernel: where it is, the windows' elements of the padded input, the input's shape with padding."""
    rank = len(x_shape) - 2
    pads, steps, gaps = (options.get(n) or [d] * rank for n, d in (("padding", 0), ("stride", 1), ("dilation", 1)))
    padded = tuple(n + 2 * p for n, p in zip(x_shape[2:], pads))
    for tap in itertools.product(*map(range, w_shape[2:])):
        window = tuple(slice(k * d, k * d + (m - 1) * s + 1, s) for k, d, s, m in zip(tap, gaps, steps, out_shape[2:]))
        yield tap, (slice(None), slice(None), *window), (*x_shape[:2], *padded)


def _inside(array: np.ndarray, x_shape, options) -> np.ndarray:
    pads = options.get("padding") or [0] * (len(x_shape) - 2)
    return array[(slice(None), slice(None), *(slice(p, p + n) for p, n in zip(pads, x_shape[2:])))]


def _groups(array: np.ndarray, axis: int, groups: int) -> np.ndarray:
    return array.reshape(*array.shape[:axis], groups, array.shape[axis] // groups, *array.shape[axis + 1 :])


def fprop(given, options, dims):
    x, w = given["image"], given["weight"]
    groups, out = x.shape[1] // w.shape[1], np.zeros(dims[0])
    for tap, window, padded in _taps(x.shape, w.shape, out.shape, options):
        wide = np.zeros(padded)
        _inside(wide, x.shape, options)[...] = x
        part = np.einsum(
            "ngc...,goc->ngo...",
            _groups(wide[window], 1, groups),
            _groups(w[(slice(None), slice(None), *tap)], 0, groups),
        )
        out += part.reshape(out.shape)
    return [out]


def dgrad(given, options, dims):
    g, w = given["loss"], given["filter"]
    groups, shape = dims[0][1] // w.shape[1], tuple(dims[0])
    wide = None
    for tap, window, padded in _taps(shape, w.shape, g.shape, options):
        wide = np.zeros(padded) if wide is None else wide
        part = np.einsum(
            "ngo...,goc->ngc...", _groups(g, 1, groups), _groups(w[(slice(None), slice(None), *tap)], 0, groups)
        )
        wide[window] += part.reshape(wide[window].shape)
    return [_inside(wide, shape, options)]


def wgrad(given, options, dims):
    x, g = given["image"], given["loss"]
    groups, dw = x.shape[1] // dims[0][1], np.zeros(dims[0])
    for tap, window, padded in _taps(x.shape, dw.shape, g.shape, options):
        wide = np.zeros(padded)
        _inside(wide, x.shape, options)[...] = x
        part = np.einsum("ngoz,ngcz->goc", *(
            a.reshape(*a.shape[:3], -1) for a in (_groups(g, 1, groups), _groups(wide[window], 1, groups))
        ))  # fmt: skip
        dw[(slice(None), slice(None), *tap)] = part.reshape(dw.shape[:2])
    return [dw]


def _weights(given, options):
    """q, k, v with as many heads each, the scores, and the groups of heads that share keys."""
    q, k, v = (given[n] for n in "qkv")
    shared = q.shape[1] // k.shape[1]
    k, v = np.repeat(k, shared, 1), np.repeat(v, shared, 1)
    scores = options["attn_scale"] * q @ k.swapaxes(-1, -2)
    if "bias" in given:
        scores = scores + given["bias"]
    if options.get("use_causal_mask"):
        scores = np.where(np.tri(*scores.shape[-2:], dtype=bool), scores, -np.inf)
    return q, k, v, scores, shared


def sdpa(given, options, dims):
    assert options["generate_stats"] is True
    _, _, v, scores, _ = _weights(given, options)
    top = scores.max(-1, keepdims=True)
    lse = top + np.log(np.exp(scores - top).sum(-1, keepdims=True))
    return [np.exp(scores - lse) @ v, lse]


def sdpa_backward(given, options, dims):
    q, k, v, scores, shared = _weights(given, options)
    weights, g = np.exp(scores - given["stats"]), given["dO"]
    dv = weights.swapaxes(-1, -2) @ g
    ds = weights * (g @ v.swapaxes(-1, -2) - (g * given["o"]).sum(-1, keepdims=True)) * options["attn_scale"]
    dq, dk = ds @ k, ds.swapaxes(-1, -2) @ q
    return [dq, *(_groups(d, 1, d.shape[1] // shared).sum(2) for d in (dk, dv))]


def _module() -> types.ModuleType:
    cudnn = types.ModuleType("cudnn")
    for path, known in names().items():
        library, _, rest = path.partition(".")
        enum, _, name = rest.partition(".")
        if library == "cudnn" and known.kind == "value":
            if not hasattr(cudnn, enum):
                setattr(cudnn, enum, types.SimpleNamespace())
            setattr(getattr(cudnn, enum), name, rest)
    cudnn.cudnnGraphNotSupportedError, cudnn.pygraph, cudnn.Tensor = cudnnGraphNotSupportedError, pygraph, Tensor
    cudnn.backend_version = lambda: 92800
    cudnn.create_handle = Handle

    def set_stream(handle, stream):
        handle.stream = stream

    cudnn.set_stream = set_stream
    for name in (
        "backend_version",
        "create_handle",
        "set_stream",
        "pygraph.tensor",
        "pygraph.execute",
        "Tensor.set_uid",
    ):
        assert f"cudnn.{name}" in names()
    return cudnn


@contextlib.contextmanager
def installed() -> Iterator[Room]:
    """The stand-in where `import cudnn` finds it, and what was asked of it."""
    before = sys.modules.get("cudnn")
    sys.modules["cudnn"] = _module()
    room.__init__()
    try:
        yield room
    finally:
        sys.modules.pop("cudnn")
        if before is not None:
            sys.modules["cudnn"] = before
