"""Convolutions, and windows as columns."""

from __future__ import annotations

from ..case import FLOATS, HALVES, Case, Error, real

BOTH = ("conv", "conv_input_grad", "conv_weight_grad")
ALL = (*FLOATS, *HALVES)


def F(name, **options):
    return lambda T, *tensors: getattr(T.nn.functional, name)(*tensors, **options)


def convolution(name, x, w, bias=True, dtypes=FLOATS, **options):
    """A row of a convolution: its function is the first word of the name."""
    function = name.partition(".")[0]
    outputs = w[1] * options.get("groups", 1) if "transpose" in function else w[0]
    inputs = (real(*x), real(*w, seed="w"), *((real(outputs, seed="b"),) if bias else ()))
    return Case(name, F(function, **options), inputs, ops=BOTH, dtypes=dtypes, rtol=3e-5, atol=3e-5)


CASES = [
    convolution("conv1d", (2, 3, 7), (4, 3, 3), dtypes=ALL),
    convolution("conv1d.strided", (2, 4, 9), (4, 2, 3), stride=2, padding=1, dilation=2, groups=2),
    convolution("conv1d.unbatched", (3, 7), (4, 3, 3), padding=1),
    convolution("conv1d.same", (2, 3, 7), (4, 3, 4), padding="same"),
    convolution("conv1d.same, dilated", (2, 3, 9), (4, 3, 3), padding="same", dilation=2),
    convolution("conv1d.valid", (2, 3, 7), (4, 3, 4), padding="valid"),
    convolution("conv2d", (2, 3, 5, 6), (4, 3, 3, 2)),
    convolution("conv2d.without bias", (2, 3, 5, 6), (4, 3, 3, 2), bias=False),
    convolution("conv2d.strided", (2, 2, 7, 6), (3, 2, 3, 3), stride=(2, 1), padding=(1, 2)),
    convolution("conv2d.dilated", (1, 2, 7, 8), (2, 2, 3, 2), dilation=(2, 3), padding=1),
    convolution("conv2d.rows left out", (1, 2, 8, 8), (2, 2, 3, 3), stride=3),
    convolution("conv2d.depthwise", (2, 4, 5, 5), (4, 1, 3, 3), groups=4, padding=1),
    convolution("conv2d.groups", (2, 4, 5, 5), (6, 2, 2, 2), groups=2),
    convolution("conv2d.pointwise", (2, 3, 4, 4), (5, 3, 1, 1)),
    convolution("conv2d.pointwise, strided", (2, 3, 5, 4), (2, 3, 1, 1), stride=2),
    convolution("conv2d.same", (1, 2, 5, 6), (2, 2, 2, 3), padding="same"),
    convolution("conv2d.unbatched", (3, 5, 5), (4, 3, 3, 3)),
    convolution("conv2d.no images", (0, 3, 5, 5), (4, 3, 3, 3)),
    convolution("conv3d", (1, 2, 4, 3, 4), (3, 2, 2, 2, 3), padding=1),
    convolution("conv3d.strided", (1, 2, 5, 4, 4), (2, 1, 2, 2, 2), stride=(2, 1, 2), groups=2),
    convolution("conv3d.unbatched", (2, 4, 3, 4), (3, 2, 2, 2, 3)),
    convolution("conv_transpose1d", (2, 3, 5), (3, 4, 3), dtypes=ALL),
    convolution("conv_transpose1d.strided", (2, 4, 5), (4, 2, 3), stride=3, padding=1, output_padding=2, groups=2),
    convolution("conv_transpose1d.unbatched", (3, 5), (3, 2, 4), stride=2),
    convolution("conv_transpose2d", (2, 3, 4, 3), (3, 2, 3, 2)),
    convolution("conv_transpose2d.strided", (1, 2, 3, 4), (2, 3, 3, 3), stride=2, padding=1, output_padding=1),
    convolution("conv_transpose2d.dilated", (1, 2, 3, 4), (2, 1, 2, 3), dilation=2, groups=2, output_padding=(1, 0)),
    convolution("conv_transpose2d.pointwise", (1, 2, 3, 4), (2, 3, 1, 1), stride=2, output_padding=1),
    convolution("conv_transpose3d", (1, 2, 2, 3, 2), (2, 2, 2, 2, 3), stride=2, output_padding=(0, 1, 1)),
    Case(
        "conv2d.complex",
        lambda T, x, y, w, v: T.view_as_real(T.nn.functional.conv2d(T.complex(x, y), T.complex(w, v), padding=1)),
        (real(1, 2, 4, 4), real(1, 2, 4, 4, seed="y"), real(2, 2, 3, 3), real(2, 2, 3, 3, seed="v")),
        ops=BOTH,
        rtol=1e-4,
        atol=1e-5,
    ),
    Case("im2col", F("unfold", kernel_size=(2, 3), padding=1, stride=2), (real(2, 3, 5, 6),), ops=("im2col", "col2im")),
    Case("im2col.dilated", F("unfold", kernel_size=2, dilation=(2, 1)), (real(2, 5, 6),), ops=("im2col", "col2im")),
    Case("col2im", F("fold", output_size=(4, 5), kernel_size=2), (real(2, 12, 12),), ops=("col2im", "im2col")),
    Case(
        "col2im.padded",
        F("fold", output_size=(5, 5), kernel_size=(3, 2), padding=1, stride=2, dilation=(1, 2)),
        (real(12, 9),),
        ops=("col2im",),
    ),
    Error(
        "conv2d of other channels",
        F("conv2d"),
        RuntimeError,
        r"groups=1, weight of size \[4, 3, 3, 3\], expected input\[2, 5, 6, 6\] to have 3 channels, but got 5",
        (real(2, 5, 6, 6), real(4, 3, 3, 3)),
    ),
    Error(
        "conv2d of a small image",
        F("conv2d"),
        RuntimeError,
        r"Kernel size can't be greater than actual input size",
        (real(1, 1, 2, 2), real(1, 1, 3, 3)),
    ),
    Error(
        "conv2d of a matrix",
        F("conv2d"),
        RuntimeError,
        "Expected 3D .* or 4D .* input to conv2d",
        (real(2, 2), real(1, 1, 3, 3)),
    ),
    Error(
        "conv2d of another dtype",
        lambda T, x, w: T.nn.functional.conv2d(x, w.float()),
        RuntimeError,
        r"Input type \(double\) and weight type|should be the same|expected scalar type",
        (real(1, 1, 4, 4), real(1, 1, 3, 3)),
    ),
    Error(
        "conv2d of uneven groups",
        F("conv2d", groups=2),
        RuntimeError,
        "divisible by 2",
        (real(1, 4, 4, 4), real(3, 2, 3, 3)),
    ),
    Error(
        "conv2d of stride 0",
        F("conv2d", stride=0),
        RuntimeError,
        "non-positive stride",
        (real(1, 1, 4, 4), real(1, 1, 3, 3)),
    ),
    Error(
        "conv2d of negative padding",
        F("conv2d", padding=-1),
        RuntimeError,
        "negative padding",
        (real(1, 1, 4, 4), real(1, 1, 3, 3)),
    ),
    Error(
        "conv2d of strided same padding",
        F("conv2d", padding="same", stride=2),
        RuntimeError,
        "padding='same' is not supported for strided",
        (real(1, 1, 4, 4), real(1, 1, 3, 3)),
    ),
    Error(
        "conv2d of unknown padding",
        F("conv2d", padding="full"),
        RuntimeError,
        "[Ii]nvalid padding string",
        (real(1, 1, 4, 4), real(1, 1, 3, 3)),
    ),
    Error(
        "conv2d of another bias",
        lambda T, x, w, b: T.nn.functional.conv2d(x, w, b),
        RuntimeError,
        "bias",
        (real(1, 1, 4, 4), real(2, 1, 3, 3), real(3)),
    ),
    Error(
        "conv_transpose2d of much output padding",
        F("conv_transpose2d", stride=2, output_padding=2),
        RuntimeError,
        "output padding must be smaller",
        (real(1, 1, 4, 4), real(1, 1, 3, 3)),
    ),
    Error(
        "conv_transpose2d of other channels",
        F("conv_transpose2d"),
        RuntimeError,
        "to have 3 channels, but got 2",
        (real(1, 2, 4, 4), real(3, 1, 3, 3)),
    ),
    Error(
        "fold of another number of windows",
        F("fold", output_size=(4, 5), kernel_size=2),
        RuntimeError,
        "number of sliding blocks",
        (real(2, 12, 11),),
    ),
    Error(
        "fold of uneven columns",
        F("fold", output_size=(4, 5), kernel_size=2),
        RuntimeError,
        "divisible by the product of kernel_size",
        (real(2, 11, 12),),
    ),
    Error("unfold of a small image", F("unfold", kernel_size=5), RuntimeError, "sliding blocks", (real(1, 1, 3, 3),)),
    Error(
        "conv2d of booleans",
        lambda T, x, w: T.nn.functional.conv2d(x > 0, w > 0),
        NotImplementedError,
        "not implemented for 'Bool'",
        (real(1, 1, 4, 4), real(1, 1, 3, 3)),
    ),
]
