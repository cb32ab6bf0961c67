"""What cuDNN is asked for: operations on arrays of given shapes, strides and types, and its front end's graphs of them.

Nothing here needs CuPy or a GPU: graphs can be described, and planned, for a device that is not there.
"""

from __future__ import annotations

from typing import Any, NamedTuple

Sizes = tuple[int, ...]

TYPES = {"float32": "FLOAT", "float64": "DOUBLE", "float16": "HALF", "bfloat16": "BFLOAT16"}


class Operand(NamedTuple):
    """One array as cuDNN sees it: strides count elements."""

    shape: Sizes
    strides: Sizes
    dtype: str


class Problem(NamedTuple):
    """One operation.

    method: the graph's method. given: the names of its arrays among the method's parameters. results: in the method's order.
    options: its further parameters. A result that nobody wants is None.
    """

    method: str
    given: tuple[tuple[str, Operand], ...]
    results: tuple[Operand | None, ...]
    options: tuple[tuple[str, Any], ...]


def dense(shape: Sizes, dtype: str, last: bool = False) -> Operand:
    """An array without gaps; last: whose channels, dimension 1, lie beside each other."""
    order = (0, *range(2, len(shape)), 1) if last else tuple(range(len(shape)))
    strides, step = [0] * len(shape), 1
    for axis in reversed(order):
        strides[axis] = step
        step *= shape[axis]
    return Operand(tuple(shape), tuple(strides), dtype)


PARAMETERS = {
    "conv": ("conv_fprop", "image", "weight"),
    "conv_input": ("conv_dgrad", "loss", "filter"),
    "conv_weight": ("conv_wgrad", "loss", "image"),
}
"""For each operation: the graph's method, and the names of its two operands in the order of ours."""


def convolution(
    op: str, first: Operand, second: Operand, out: Operand, stride: Sizes, padding: Sizes, dilation: Sizes
) -> Problem:
    """A convolution, or a gradient of one, as cuDNN's. How many groups there are follows from the channels."""
    method, *names = PARAMETERS[op]
    if len(stride) == 1:
        first, second, out = (_as_plane(a) for a in (first, second, out))
        stride, padding, dilation = (1, *stride), (0, *padding), (1, *dilation)
    options = ("padding", tuple(padding)), ("stride", tuple(stride)), ("dilation", tuple(dilation))
    return Problem(method, tuple(zip(names, (first, second))), (out,), options)


def _as_plane(a: Operand) -> Operand:
    """Rows (N, C, L) as planes (N, C, 1, L)."""
    (n, c, length), (step_n, step_c, step) = a.shape, a.strides
    return Operand((n, c, 1, length), (step_n, step_c, length * step, step), a.dtype)


def attention(
    q: Operand, k: Operand, v: Operand, bias: Operand | None, out: Operand, scale: float, causal: bool
) -> Problem:
    """Attention (batch, heads, length, features) with the logarithms of sums that its gradient needs."""
    given = ("q", q), ("k", k), ("v", v), *([] if bias is None else [("bias", bias)])
    sums = dense((*q.shape[:3], 1), "float32")
    options = ("attn_scale", float(scale)), ("use_causal_mask", causal), ("generate_stats", True)
    return Problem("sdpa", given, (out, sums), options)


def attention_grad(
    q: Operand, k: Operand, v: Operand, bias: Operand | None, out: Operand, g: Operand, made: tuple[Operand, ...],
    scale: float, causal: bool,
) -> Problem:  # fmt: skip
    """The gradients of queries, keys and values."""
    sums = dense((*q.shape[:3], 1), "float32")
    given = ("q", q), ("k", k), ("v", v), ("o", out), ("dO", g), ("stats", sums)
    options = ("attn_scale", float(scale)), ("use_causal_mask", causal)
    return Problem("sdpa_backward", (*given, *([] if bias is None else [("bias", bias)])), made, options)


def described(cudnn: Any, problem: Problem, deterministic: bool, **options) -> tuple[Any, list[int]]:
    """The front end's graph of a problem, and the numbers of its tensors: what is given, then the results."""
    types = cudnn.data_type
    first = problem.given[0][1].dtype
    wide = types.DOUBLE if first == "float64" else types.FLOAT
    graph = cudnn.pygraph(
        io_data_type=getattr(types, TYPES[first]), intermediate_data_type=wide, compute_data_type=wide, **options
    )
    given = {}
    for uid, (name, a) in enumerate(problem.given, start=1):
        given[name] = graph.tensor(
            name=name, dim=list(a.shape), stride=list(a.strides), data_type=getattr(types, TYPES[a.dtype]), uid=uid
        )
    further = dict(problem.options)
    if deterministic and problem.method == "sdpa_backward":
        further["use_deterministic_algorithm"] = True
    made = getattr(graph, problem.method)(**given, **further)
    uids = list(range(1, len(given) + 1))
    for result, a in zip(made if isinstance(made, (list, tuple)) else [made], problem.results):
        if a is not None:
            uids.append(len(uids) + 1)
            result.set_output(True).set_dim(list(a.shape)).set_stride(list(a.strides))
            result.set_data_type(getattr(types, TYPES[a.dtype])).set_uid(uids[-1])
    return graph, uids


def unwanted(cudnn: Any, problem: Problem, tf32: bool, deterministic: bool) -> list:
    """What kernels shall not do."""
    notes = cudnn.numerical_note
    found = [notes.NONDETERMINISTIC] if deterministic else []
    if problem.given[0][1].dtype == "float32" and not tf32:
        found += [notes.TENSOR_CORE, notes.DOWN_CONVERT_INPUTS]
    return found
