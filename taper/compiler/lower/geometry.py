"""What a convolution's kernel computes, from the shapes and strides of its node's operands."""

from __future__ import annotations

from ...native.conv import Convolution
from ..graph import Node
from .instructions import LLVM
from .operands import operand_strides

Sizes = tuple[int, ...]


def geometry(node: Node, bases: tuple[Node, ...]) -> Convolution:
    """What the kernel of a node computes; bases: what its operands are strided views of."""
    shape, stride, padding, dilation, groups, _, last = node.attrs
    shapes = [x.shape for x in node.inputs]
    steps = [operand_strides(n, base).strides for n, base in zip(node.inputs, bases)]
    if last:
        shapes[0], steps[0] = ((s[0], s[-1], *s[1:-1]) for s in (shapes[0], steps[0]))
    return arranged(node.op, shape, *shapes, *steps, LLVM[node.dtype.name], stride, padding, dilation, groups)


def arranged(
    op: str,
    shape: Sizes,
    x: Sizes,
    y: Sizes,
    x_steps: Sizes,
    y_steps: Sizes,
    type: str,
    stride,
    padding,
    dilation,
    groups,
) -> Convolution:
    """The same from the shapes of the result and of the operands, channels second, and the strides of these."""
    if op == "conv":
        weights, output = y, shape[2:]
    elif op == "conv_input":
        weights, output = y, shape[2:]
    else:
        weights, output = shape, x[2:]
        x, x_steps, y_steps = y, y_steps, (0, 0, *(1,) * (len(shape) - 2))
    kernel, outputs, inputs = weights[2:], weights[0] // groups, weights[1]
    out_step, in_step = y_steps[:2]
    turned, spread = op == "conv_input", (1,) * len(kernel)
    group_step = outputs * out_step
    if turned:
        padding = tuple(d * (k - 1) - p for k, d, p in zip(kernel, dilation, padding))
        stride, spread = spread, stride
        outputs, inputs, out_step, in_step = inputs, outputs, in_step, out_step
    return Convolution(
        type=type,
        images=x[0],
        groups=groups,
        inputs=inputs,
        outputs=outputs,
        spatial=_three(x[2:], 1),
        output=_three(output, 1),
        kernel=_three(kernel, 1),
        stride=_three(stride, 1),
        padding=_three(padding, 0),
        dilation=_three(dilation, 1),
        spread=_three(spread, 1),
        x=(x_steps[0], x_steps[1] if x[1] > 1 else 1, *_three(x_steps[2:], 0)),
        w=(group_step, out_step, in_step),
        turned=turned,
        apart=next((step for n, step in zip(reversed(kernel), reversed(y_steps)) if n > 1), 1),
    )


def _three(sizes, missing: int) -> tuple[int, int, int]:
    """Sizes along (depth, row, column), where there may be fewer dimensions."""
    return (*(missing,) * (3 - len(sizes)), *sizes)
