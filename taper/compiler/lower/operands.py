"""How operands of products lie in memory, and which of them a kernel, or a library, reads as they lie."""

from __future__ import annotations

from ..graph import PRODUCTS, Node, number_in
from ..windows import WINDOWS
from .access import Access, NotLinear, Split, steps_of, through
from .instructions import LLVM


def is_product(node: Node) -> bool:
    return node.op in PRODUCTS and node.dtype.name in ("float32", "float64")


def is_window(node: Node) -> bool:
    return node.op in (*WINDOWS, "resample") and all(
        n.dtype.name in LLVM and n.dtype.kind in "fiu" for n in node.inputs
    )


def takes(node: Node, place: int, access: Access) -> bool:
    """Whether a product's kernel can read an operand that lies so: a convolution wants weights whose taps are one step
    apart, and the gradient of an output, where it looks for the weights', with all its positions side by side. With
    channels last, those of x lie side by side."""
    if node.op == "matmul" or place == (node.op == "conv_weight"):
        return node.op == "matmul" or not node.attrs[-1] or access.strides[-1] == 1 or node.inputs[place].shape[-1] == 1
    shape, strides = node.inputs[place].shape[2:], access.strides[2:]
    apart = 1
    if node.op != "conv_weight":
        apart = next((s for n, s in zip(reversed(shape), reversed(strides)) if n > 1), 1)
    return all(n == 1 or s == c * apart for n, s, c in zip(shape, strides, steps_of(shape)))


def calls_take(node: Node, place: int, access: Access) -> bool:
    """Whether a library reads an operand that lies so: matrices by `leading`, images and weights without gaps."""
    x = node.inputs[place]
    if node.op != "matmul":
        return access == Access(access.offset, steps_of(x.shape))
    return leading(x.shape[-2:], access.strides[-2:]) is not None


def leading(shape: tuple[int, ...], strides: tuple[int, ...]) -> tuple[bool, int] | None:
    """A matrix as BLAS has it: whether its columns lie side by side, and the step to the next row (or column).

    None for one whose rows and columns both have gaps or overlap.
    """
    (m, n), (row, column) = shape, strides
    if (column == 1 or n == 1) and (row >= n or m == 1):
        return False, max(row if m > 1 else n, 1)
    if (row == 1 or m == 1) and (column >= m or n == 1):
        return True, max(column if n > 1 else m, 1)
    return None


def scale_in(node: Node, x: Node) -> float | None:
    """The number by which a node multiplies x, if it does that and the number is known."""
    if node.op != "multiply" or node.shape != x.shape:
        return None
    other = node.inputs[1] if node.inputs[0] is x else node.inputs[0]
    found = None if other is x else number_in(other)
    return None if found is None else float(found)


def widens(node: Node, halves: tuple[str, ...]) -> bool:
    """Whether a node is numbers of half precision, of one of the dtypes named, as float32."""
    return node.op == "cast" and node.dtype.name == "float32" and node.inputs[0].dtype.name in halves


def operand_strides(x: Node, base: Node) -> Access | None:
    """How a product's operand lies in the memory of `base`: an access over its dimensions; None if no strides say it."""
    extents, access, node = x.shape, Access(0, steps_of(x.shape)), x
    try:
        while node is not base:
            access = access if node.op == "cast" else through(node, access, extents)
            node = node.inputs[0]
        return access
    except (Split, NotLinear):
        return None
