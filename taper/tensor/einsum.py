"""Sums of products in Einstein's notation, as transpositions and matrix products of one pair of operands at a time."""

from __future__ import annotations

import math
import string
from functools import lru_cache

from ..autograd.tape import Variable
from .arithmetic import mul
from .arrangement import diagonal
from .products import matmul
from .shape import permute
from .shape import reshaped as reshape

__all__ = ["einsum"]


def einsum(*args):
    """Sums of products: `einsum("bij,bjk->bik", a, b)`, or `einsum(a, [0, 1], b, [1, 2], [0, 2])`.

    A letter names a dimension; letters that the output lacks are summed, a letter twice in one operand takes the
    diagonal. Without "->" the output has the letters that occur once, in alphabetical order. "..." stands for any
    dimensions, which broadcast. Operands are contracted from left to right.
    RuntimeError for an equation that does not fit the operands.
    """
    if not args or (isinstance(args[0], str) and len(args) < 2):
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one operand and its "
            "subscripts list"
        )
    equation, operands = (args[0], args[1:]) if not isinstance(args[0], Variable) else _from_sublists(args)
    if not isinstance(equation, str):
        raise TypeError(f"einsum(): argument 'equation' (position 1) must be str, not {type(equation).__name__}")
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = operands[0]
    for x in operands:
        if not isinstance(x, Variable):
            raise TypeError(f"einsum(): argument 'operands' must be tensors, not {type(x).__name__}")
    terms, output = _parsed(equation, tuple([x._array.ndim for x in operands]))
    _check_sizes(terms, operands)
    pairs = [_diagonals(x, labels) for x, labels in zip(operands, terms)]
    x, labels = pairs[0]
    for k, (y, others) in enumerate(pairs[1:], start=2):
        needed = set(output).union(*[names for _, names in pairs[k:]])
        x, labels = _contracted(x, labels, y, others, needed)
    x, labels = _summed(x, labels, output)
    return permute(x, tuple([labels.index(label) for label in output])) if labels != output else x


def _from_sublists(arguments):
    """The equation that operands with lists of numbers mean."""

    def word(items) -> str:
        for i in items:
            if i is not Ellipsis and not 0 <= i < 52:
                raise ValueError(
                    f"einsum(): subscript in subscript list is not within the valid range [0, 52), got {i}"
                )
        return "".join("..." if i is Ellipsis else string.ascii_letters[i] for i in items)

    output = "->" + word(arguments[-1]) if len(arguments) % 2 else ""
    pairs = len(arguments) // 2
    equation = ",".join(word(items) for items in arguments[1 : 2 * pairs : 2])
    return equation + output, arguments[: 2 * pairs : 2]


@lru_cache(maxsize=512)
def _parsed(equation: str, ndims: tuple[int, ...]):
    """The labels of each operand's dimensions and of the output's: letters; numbers -1, -2, ... under an ellipsis."""
    inputs, arrow, right = equation.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(ndims):
        how = "fewer" if len(ndims) < len(terms) else "more"
        raise RuntimeError(f"einsum(): {how} operands were provided than specified in the equation: {equation!r}")
    labels, start = [], 0
    for i, (term, ndim) in enumerate(zip(terms, ndims)):
        labels.append(_labels(_tokens(term, start, f"operand {i}"), ndim, i))
        start += len(term) + 1
    covered = max(sum(isinstance(v, int) for v in names) for names in labels)
    ellipsis = list(range(-covered, 0))
    seen = [label for names in labels for label in names if isinstance(label, str)]
    if not arrow:
        return labels, ellipsis + sorted(label for label in set(seen) if seen.count(label) == 1)
    output: list = []
    for part in _tokens(right, start + 1, "the output"):
        if part != "..." and part not in seen:
            raise RuntimeError(
                f"einsum(): output subscript {part} does not appear in the equation for any input operand: {equation!r}"
            )
        if part in output:
            raise RuntimeError(f"einsum(): output subscript {part} appears more than once in the output: {equation!r}")
        output += ellipsis if part == "..." else [part]
    return labels, output


def _tokens(term: str, start: int, where: str) -> list[str]:
    """A term's letters and ellipsis. `start` is where it begins in the equation."""
    parts, i = [], 0
    while i < len(term):
        if term[i] == " ":
            i += 1
        elif term[i] == ".":
            if not term.startswith("...", i):
                raise RuntimeError(f"einsum(): found '.' for {where} that is not part of any ellipsis")
            if "..." in parts:
                raise RuntimeError(f"einsum(): found '.' for {where} for which an ellipsis was already found")
            parts.append("...")
            i += 3
        elif term[i] in string.ascii_letters:
            parts.append(term[i])
            i += 1
        else:
            raise RuntimeError(
                f"einsum(): invalid subscript given at index {start + i} in the equation string, subscripts must be in "
                "[a-zA-Z]"
            )
    return parts


def _labels(parts: list[str], ndim: int, operand: int) -> list:
    """One label for each dimension of an operand."""
    named = len(parts) - parts.count("...")
    if named > ndim or ("..." not in parts and named != ndim):
        ending = "" if "..." in parts else " and no ellipsis was given"
        raise RuntimeError(
            f"einsum(): the number of subscripts in the equation ({named}) does not match the number of dimensions "
            f"({ndim}) for operand {operand}{ending}"
        )
    labels: list = []
    for p in parts:
        labels += list(range(named - ndim, 0)) if p == "..." else [p]
    return labels


def _check_sizes(terms, operands) -> None:
    """RuntimeError unless dimensions of one label have one size, or size 1."""
    sizes: dict = {}
    for i, (labels, x) in enumerate(zip(terms, operands)):
        own: dict = {}
        for label, n in zip(labels, x._array.shape):
            if own.setdefault(label, n) != n:
                raise RuntimeError(
                    f"einsum(): subscript {label} is repeated for operand {i} but the sizes don't match, {n} != "
                    f"{own[label]}"
                )
            if n != 1 and sizes.setdefault(label, n) != n:
                what = f"subscript {label}" if isinstance(label, str) else f"dimension {label} under the ellipsis"
                raise RuntimeError(
                    f"einsum(): {what} has size {n} for operand {i} which does not broadcast with previously seen size "
                    f"{sizes[label]}"
                )


def _diagonals(x, labels):
    """A label that appears twice in one operand takes the diagonal."""
    labels = list(labels)
    while len(set(labels)) < len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        i = labels.index(twice)
        j = labels.index(twice, i + 1)
        x = diagonal(x, 0, i, j)
        del labels[j], labels[i]
        labels.append(twice)
    return x, labels


def _summed(x, labels: list, needed):
    """x summed over the labels that nothing needs."""
    gone = [i for i, label in enumerate(labels) if label not in needed]
    return (x.sum(gone), [label for label in labels if label in needed]) if gone else (x, labels)


def _arranged(x, order: tuple):
    """The dimensions in this order; x itself if that is how they are."""
    return x if order == tuple(range(len(order))) else permute(x, order)


def _shaped(x, shape: tuple):
    """x in this shape; itself if it has it."""
    return x if x._array.shape == shape else reshape(x, shape)


def _contracted(x, left: list, y, right: list, needed: set):
    """Two operands as one: a batched matrix product over the labels that nothing else needs."""
    x, left = _summed(x, left, needed.union(right))
    y, right = _summed(y, right, needed.union(left))
    # A size of 1 stands for equal values: where the other's is larger, that other is summed, or kept if it is needed.
    for label in [label for label in left if label in right and label not in needed]:
        i, j = left.index(label), right.index(label)
        n, m = x._array.shape[i], y._array.shape[j]
        if n != m:
            x, y = (x, y.sum(j, keepdim=True)) if n == 1 else (x.sum(i, keepdim=True), y)
    batch = [label for label in left if label in right and label in needed]
    summed = [label for label in left if label in right and label not in needed]
    only_x, only_y = [label for label in left if label not in right], [label for label in right if label not in left]
    x = _arranged(x, tuple([left.index(label) for label in batch + only_x + summed]))
    y = _arranged(y, tuple([right.index(label) for label in batch + summed + only_y]))
    shape_x, shape_y = tuple(x._array.shape), tuple(y._array.shape)
    nb, nx, ns = len(batch), len(only_x), len(summed)
    labels = batch + only_x + only_y
    if not summed:
        y = _shaped(y, (*shape_y[:nb], *(1,) * nx, *shape_y[nb:]))
        return mul(_shaped(x, (*shape_x, *(1,) * len(only_y))), y), labels
    inner = math.prod(shape_x[nb + nx :])
    a = _shaped(x, (*shape_x[:nb], math.prod(shape_x[nb : nb + nx]), inner))
    b = _shaped(y, (*shape_y[:nb], inner, math.prod(shape_y[nb + ns :])))
    z = matmul(a, b)
    return _shaped(z, (*z._array.shape[:-2], *shape_x[nb : nb + nx], *shape_y[nb + ns :])), labels
