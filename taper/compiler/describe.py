"""A kernel in words and numbers: what it computes, from which lines of the user's program, its work and its traffic."""

from __future__ import annotations

import math
from collections import Counter

from .elementwise import ELEMENTWISE
from .graph import LEAVES, MOVEMENTS, PRODUCTS, Node, number_in
from .lower.expression import INDEXED, is_reduction
from .lower.kernels import Kernel, in_memory
from .lower.windows import flops as window_flops
from .windows import WINDOWS

SHOWN = 6
"""Operations that a kernel's description names; `fused` has them all."""

_SILENT = frozenset(("cast", "constant", "number", "positive", "settle", "check", *MOVEMENTS))


def computed(kernel: Kernel) -> list[Node]:
    """The nodes whose values a kernel computes, in the order in which the function made them."""
    if kernel.kind in ("host", "scatter", "routine"):
        return [kernel.node]
    own = kernel.own()
    found: set[Node] = set()
    stack = [r.node for r in kernel.roots if r.node not in kernel.silent]
    while stack:
        node = stack.pop()
        if node in found or (node not in own and in_memory(node, kernel.stored)):
            continue
        found.add(node)
        if node in kernel.given():
            continue
        stack.extend(node.inputs[1:] if node.op in INDEXED else node.inputs)
    return sorted(found, key=lambda n: n.number)


def operations(kernel: Kernel) -> list[Node]:
    """The computed nodes that do something: no movement, copies, casts or constants."""
    return [n for n in computed(kernel) if n.op not in _SILENT]


def flops(kernel: Kernel) -> int:
    """Floating-point operations: one for each element of each operation, two for each multiplication of a product.

    An exponential counts as one, too; comparisons and choices count, integers and casts do not.
    """
    return sum(_flops(n) for n in operations(kernel))


def _flops(node: Node) -> int:
    if node.op == "routine":
        return node.attrs[0].flops(node)
    operand = node.inputs[-1] if node.inputs else node
    if not operand.dtype.name.startswith(("float", "bfloat")):
        return 0
    if node.op == "matmul":
        return 2 * node.size * node.inputs[0].shape[-1]
    if node.op in PRODUCTS:
        # Every element of the smaller ends of the convolution meets each tap of a pair of channels.
        weights = node.attrs[0] if node.op == "conv_weight" else node.inputs[1].shape
        output = node.inputs[0] if node.op != "conv" else node
        return 2 * output.size * math.prod(weights[1:])
    if node.op in WINDOWS:
        return window_flops(node)
    if node.op == "resample":
        return node.size * math.prod(2 * t.count for t in node.attrs[0] if t is not None and t.weights)
    if node.op == "scatter":
        return node.inputs[0].size
    if is_reduction(node):
        return node.inputs[0].size
    return node.size if node.op in ELEMENTWISE else 0


def traffic(kernel: Kernel) -> int:
    """Bytes that a kernel must read and write, each once; not what it packs for itself."""
    if kernel.kind in ("host", "routine"):
        return sum(n.bytes for n in kernel.operands) + sum(n.bytes for n in kernel.parts or [kernel.node])
    if kernel.kind == "scatter":
        return sum(n.bytes for n in kernel.operands) + kernel.node.bytes
    read: dict[Node, int] = {}
    extents = kernel.walk().space.extents
    for node, access in kernel.walk().loads:
        touched = math.prod(n for n, step in zip(extents, access.strides) if step)
        read[node] = min(node.size, read.get(node, 0) + touched)
    for node in computed(kernel):
        if node.op in INDEXED:
            data = node.inputs[0]
            read[data] = min(data.size, node.size)
    for node in kernel.operands:
        read[node] = node.size
    written = [r.node for r in kernel.roots if r.into is not None or r.node not in kernel.silent]
    return sum(size * n.dtype.itemsize for n, size in read.items()) + sum(n.bytes for n in written)


def double(kernel: Kernel) -> bool:
    """Whether a kernel computes in float64."""
    return any(n.dtype == "float64" for n in (*operations(kernel), *kernel.parts) if n.size > 1)


def fused(kernel: Kernel) -> list[str]:
    """The operations of a kernel by name, in order."""
    return [_name(n) for n in operations(kernel)]


def what(kernel: Kernel) -> str:
    """A kernel's description: `matmul 64x784x512 + bias + relu`, `rows 64x10: max, subtract, exp, sum`."""
    named = operations(kernel)
    if kernel.kind == "host":
        return f"host {_host_name(kernel.node)} {_shape(kernel.parts[0].shape if kernel.parts else kernel.node.shape)}"
    if kernel.kind == "routine":
        return kernel.node.attrs[0].title
    if kernel.kind == "scatter":
        return f"scatter {_shape(kernel.node.inputs[0].shape)} into {_shape(kernel.node.shape)}"
    if kernel.kind == "product":
        rest = _counted([n for n in named if n not in kernel.given()])
        return " + ".join([_product(kernel.node), *rest])
    space = kernel.space
    roots = [r.node for r in kernel.roots if r.node not in kernel.silent] or [r.node for r in kernel.roots]
    if space.reduces:
        reduced = next((n.inputs[0] for n in named if is_reduction(n)), roots[0])
        word = "rows" if space.along_rows else "columns"
        return f"{word} {_shape(reduced.shape)}: {', '.join(_counted(named))}"
    largest = max(roots, key=lambda n: n.size)
    if not named:
        return f"{_copying(kernel)} {_shape(largest.shape)}"
    return f"map {_shape(largest.shape)}: {', '.join(_counted(named))}"


def _product(node: Node) -> str:
    if node.op in (*WINDOWS, "resample"):
        return f"{node.op.replace('_', ' ')} {_shape(node.inputs[0].shape)} to {_shape(node.shape)}"
    if node.op != "matmul":
        x, y = (_shape(n.shape) for n in node.inputs)
        return f"{node.op.replace('_', ' ')} {x} with {y}"
    *lead, m, n = node.shape
    each = f"{m}x{node.inputs[0].shape[-1]}x{n}"
    return f"matmul {each}" if math.prod(lead) == 1 else f"matmul {math.prod(lead)} times {each}"


def _copying(kernel: Kernel) -> str:
    ops = {n.op for n in computed(kernel)}
    if any(r.into is not None for r in kernel.roots):
        return "part of " + next(r.into.op for r in kernel.roots if r.into is not None)
    return "cast" if "cast" in ops else "write back" if "settle" in ops else "copy"


def _host_name(node: Node) -> str:
    if node.op != "host":
        return node.op
    return getattr(node.attrs[0].value, "__name__", type(node.attrs[0].value).__name__)


def _shape(shape) -> str:
    return "x".join(map(str, shape)) or "1"


def _counted(nodes: list[Node]) -> list[str]:
    counts = Counter(map(_name, nodes))
    words = [name if count == 1 else f"{name} ({count})" for name, count in counts.items()]
    left = len(words) - SHOWN
    return words if left < 2 else [*words[:SHOWN], f"{left} others"]


def _name(node: Node) -> str:
    """An operation's name as a user would say it."""
    if node.op == "maximum" and any(number_in(x) == 0 for x in node.inputs):
        return "relu"
    if node.op == "add" and any(_is_bias(x, node) for x in node.inputs):
        return "bias"
    if node.op == "routine":
        return node.attrs[0].title
    return _host_name(node) if node.op == "host" else node.op


def _is_bias(x: Node, total: Node) -> bool:
    """Whether a summand is one number for each of the last dimension, or for each channel of images, read from memory."""
    at = 1 if x.ndim > 2 and x.shape[1] == x.size else -1
    while x.op in ("expand", "reshape"):
        x = x.inputs[0]
    return x.op in LEAVES and total.ndim > 1 and x.size == total.shape[at] != total.size and number_in(x) is None


def lines(kernel: Kernel) -> list[str]:
    """The lines of the user's program, "file:line", from which a kernel's nodes come, by file and number."""
    found = {n.where for n in computed(kernel) if n.where and n.op not in ("constant", "number")}
    return sorted(found, key=_place)


def _place(where: str) -> tuple[str, int]:
    file, _, line = where.rpartition(":")
    return file, int(line)


__all__ = ["computed", "double", "flops", "fused", "lines", "operations", "traffic", "what"]
