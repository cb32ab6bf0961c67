"""Products as calls of NVIDIA's libraries: what is multiplied with what, where it lies."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..channels import Convolving
from ..epilogues import Finished
from ..graph import Node
from ..heads import Heads
from .kernels import Kernel
from .operands import leading, scale_in
from .products import offset_of, strides_of


@dataclass(frozen=True)
class Matrices:
    """Matrices of one operand: the first's place in its array, the step along each dimension of the stack.

    transposed: whether columns, and not rows, lie side by side. leading: the step to the next row (or column).
    """

    offset: int
    strides: tuple[int, ...]
    transposed: bool
    leading: int


@dataclass(frozen=True)
class Matmul:
    """out[i] = scale a[i] @ b[i] for all i of a stack: (m, k) by (k, n), in memory of `dtype`, into `out`, rows side by side."""

    m: int
    n: int
    k: int
    stack: tuple[int, ...]
    dtype: str
    out: str
    a: Matrices
    b: Matrices
    scale: float = 1.0

    @property
    def count(self) -> int:
        return math.prod(self.stack)


@dataclass(frozen=True)
class Convolve:
    """`op` of the graph (conv, conv_input, conv_weight) of two arrays without gaps and of `dtype`, into one of `shape`, of
    `out`. last: whether in memory the channels lie side by side."""

    op: str
    first: tuple[int, ...]
    second: tuple[int, ...]
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int
    dtype: str
    out: str
    last: bool = False


@dataclass(frozen=True)
class Attend:
    """Attention of heads, or its gradient. present: which of its results there are arrays for."""

    heads: Heads
    present: tuple[int, ...]

    @property
    def dtype(self) -> str:
        return self.heads.dtype


@dataclass(frozen=True)
class Finish:
    """A product with its epilogue. present: which of its results there are arrays for."""

    routine: Finished
    present: tuple[int, ...]

    @property
    def dtype(self) -> str:
        return self.routine.product.dtype


@dataclass
class Call:
    """A call of a library: the nodes whose arrays it gets, its results last."""

    kernels: list[Kernel]
    what: Matmul | Convolve | Attend | Finish
    items: list[Node]
    reads: set[Node]
    writes: set[Node]
    text: str = ""

    @property
    def how(self) -> str:
        """How it runs, to read."""
        if isinstance(self.what, Matmul):
            return f"cuBLAS, {self.what.dtype} into {self.what.out}"
        if isinstance(self.what, Attend):
            return f"cuDNN, {self.what.dtype}"
        if isinstance(self.what, Finish):
            return f"cuBLASLt, {self.what.dtype} into {self.what.routine.product.out}"
        order = ", channels-last" if self.what.last else ""
        return f"cuDNN, {self.what.dtype} into {self.what.out}{order}"


def call_of(kernel: Kernel) -> Call:
    """The call that computes a product, or a routine that a library has."""
    node = kernel.node
    if kernel.kind == "routine":
        parts = sorted(kernel.parts, key=lambda part: part.attrs[0])
        routine, present = node.attrs[0], tuple(part.attrs[0] for part in parts)
        if isinstance(routine, Convolving):
            r = routine
            sizes = r.op, r.first, r.second, r.shape, r.stride, r.padding, r.dilation, r.groups
            return Call(
                [kernel],
                Convolve(*sizes, r.dtype, r.dtype, True),
                [*kernel.operands, *parts],
                set(kernel.operands),
                set(parts),
            )
        what = Finish(routine, present) if isinstance(routine, Finished) else Attend(routine, present)
        return Call([kernel], what, [*kernel.operands, *parts], set(kernel.operands), set(parts))
    what = _matmul(kernel) if node.op == "matmul" else _convolve(kernel)
    (result,) = kernel.results()
    return Call([kernel], what, [*kernel.operands, result], set(kernel.operands), {result})


def _matmul(kernel: Kernel) -> Matmul:
    node = kernel.node
    *stack, m, n = node.shape
    a, b = (_matrices(x, base, tuple(stack)) for x, base in zip(node.inputs, kernel.operands))
    types = kernel.operands[0].dtype.name, kernel.results()[0].dtype.name
    return Matmul(m, n, node.inputs[0].shape[-1], tuple(stack), *types, a, b, _scale(node, kernel.results()[0]))


def _scale(node: Node, result: Node) -> float:
    """By what a product is multiplied on the way to the result that the library rounds."""
    scale = 1.0
    while result is not node:
        if result.op == "multiply":
            x = next(x for x in result.inputs if (found := scale_in(result, x)) is not None)
            scale *= found
            result = x
        else:
            result = result.inputs[0]
    return scale


def _matrices(x: Node, base: Node, stack: tuple[int, ...]) -> Matrices:
    strides = strides_of(x, base, len(stack), stack)
    found = leading(x.shape[-2:], strides[-2:])
    assert found is not None, f"no library reads {x!r} from {base!r}"
    return Matrices(offset_of(x, base), strides[: len(stack)], *found)


def _convolve(kernel: Kernel) -> Convolve:
    node = kernel.node
    shape, stride, padding, dilation, groups, *_ = node.attrs
    x, y = node.inputs
    types = kernel.operands[0].dtype.name, kernel.results()[0].dtype.name
    return Convolve(node.op, x.shape, y.shape, shape, stride, padding, dilation, groups, *types)
