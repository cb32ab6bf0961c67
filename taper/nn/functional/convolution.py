"""Convolutions, and the transposed ones."""

from __future__ import annotations

from functools import lru_cache

from ...autograd.casting import in_lower_precision
from ...autograd.dispatch import apply
from ...autograd.inplace import legacy_name
from ...autograd.naming import shown
from ...ops import convolution as ops
from ...tensor.products import TYPE_WORDS
from .padding import pad
from .sizes import per_dim


def _convolution(n: int):
    name = f"conv{n}d"

    def function(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        x = input
        if isinstance(padding, str):
            x, padding = _padded_as(name, n, x, padding, weight._array.shape[2:], stride, dilation)
        batched, stride, padding, dilation, _ = _settled(
            name, n, False, *_looks(x, weight, bias), _hashable(stride), _hashable(padding), _hashable(dilation), groups
        )
        if not batched:
            x = x.unsqueeze(0)
        out = apply(ops.conv, x, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups)
        return out if batched else out.squeeze(0)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""Cross-correlation over {n} spatial dimension(s).

    input (N, C, *spatial) or (C, *spatial), weight (O, C / groups, *kernel), bias (O). padding: numbers, "valid" or
    "same". RuntimeError for channels, sizes or dtypes that do not fit.
    """
    return in_lower_precision(function)


def _looks(input, weight, bias) -> tuple:
    """Shapes and dtypes of a convolution's tensors."""
    x, w = input._array, weight._array
    if bias is None:
        return x.shape, x.dtype, w.shape, w.dtype, None, None
    b = bias._array
    return x.shape, x.dtype, w.shape, w.dtype, b.shape, b.dtype


def _hashable(value):
    return tuple(value) if value.__class__ is list else value


# Looking at everything takes longer than a small convolution, and what was found sound once stays so.
@lru_cache(1024)
def _settled(
    name, n: int, transposed: bool, x, x_dtype, w, w_dtype, b, b_dtype, stride, padding, dilation, groups: int, extra=0
):
    """Whether the input (of shape x) has a batch dimension, and stride, padding, dilation and output padding for each
    dimension. RuntimeError for what does not fit together."""
    stride, dilation = per_dim(stride, n, "stride", name), per_dim(dilation, n, "dilation", name)
    padding, extra = per_dim(padding, n, "padding", name), per_dim(extra, n, "output_padding", name)
    _check_tensors(name, n, x, x_dtype, w, w_dtype, b, b_dtype, groups, transposed)
    if any(s <= 0 for s in stride):
        raise RuntimeError(f"non-positive stride is not supported ({name})")
    if any(p < 0 for p in padding):
        raise RuntimeError(f"negative padding is not supported ({name})")
    if any(d <= 0 for d in dilation):
        raise RuntimeError(f"dilation should be greater than zero ({name})")
    if x_dtype.kind in "iu" and x_dtype.itemsize < 8 and (transposed or any(d > 1 for d in dilation)):
        kernel = f"slow_conv_transpose{max(n, 2)}d_out_cpu" if transposed else "slow_conv_dilated<>"
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{legacy_name(x_dtype)}' ({name}): use x.long().")
    batched = len(x) == n + 2
    if 0 in x[-n:] and 0 not in x[:-n]:
        raise RuntimeError(
            f"Only zero batch or zero channel inputs are supported, but got input shape: {list(x)} ({name})"
        )
    channels, wanted = x[1 if batched else 0], w[0] if transposed else w[1] * groups
    if channels != wanted:
        raise RuntimeError(
            f"Given {'transposed=1' if transposed else f'groups={groups}'}, weight of size {list(w)}, expected "
            f"input{list(x if batched else (1, *x))} to have {wanted} channels, but got {channels} channels instead"
        )
    return batched, stride, padding, dilation, extra


def _word(dtype) -> str:
    """A dtype's name in messages: float, long int, ..."""
    name = legacy_name(dtype)
    return TYPE_WORDS.get(name, name)


def _check_tensors(name, n: int, x, x_dtype, w, w_dtype, b, b_dtype, groups: int, transposed: bool) -> None:
    if len(w) != n + 2:
        raise RuntimeError(
            f"weight should have {n + 2} dimensions, but got {len(w)}-dimensional weight of size {list(w)} ({name})"
        )
    if len(x) not in (n + 1, n + 2):
        raise RuntimeError(
            f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {name}, but got input of size: {list(x)}"
        )
    if w_dtype.kind == "b":
        raise NotImplementedError(f"{name} is not implemented for 'Bool'. Use x.float().")
    if x_dtype != w_dtype:
        raise RuntimeError(
            f"Input type ({_word(x_dtype)}) and {'weight' if b is None else 'bias'} type ({_word(w_dtype)}) should be "
            f"the same ({name})"
        )
    if b is not None and b_dtype != w_dtype:
        raise RuntimeError(f"Input type ({_word(x_dtype)}) and bias type ({_word(b_dtype)}) should be the same")
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    outputs = w[1] * groups if transposed else w[0]
    if w[0] % groups or not w[0]:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, and divisible by "
            f"{groups}, but got weight of size {list(w)} instead"
        )
    if b is not None and b != (outputs,):
        raise RuntimeError(
            f"Given {'transposed=1, ' if transposed else ''}weight of size {list(w)}, expected bias to be "
            f"1-dimensional with {outputs} elements, but got bias of size {list(b)} instead"
        )


def _padded_as(name: str, n: int, x, padding: str, kernel, stride, dilation):
    """The input and the symmetric padding for "valid" and "same"; an odd zero goes behind."""
    if padding == "valid":
        return x, (0,) * len(kernel)
    if padding != "same":
        raise RuntimeError(f"Invalid padding string: '{padding}'. It is 'valid', 'same', or numbers.")
    if any(s != 1 for s in per_dim(stride, n, "stride", name)):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    total = [d * (k - 1) for k, d in zip(kernel, per_dim(dilation, n, "dilation", name))]
    if any(t % 2 for t in total):
        x = pad(x, [v for t in reversed(total) for v in (0, t % 2)])
    return x, tuple(t // 2 for t in total)


conv1d, conv2d, conv3d = _convolution(1), _convolution(2), _convolution(3)


def _transposed(n: int):
    name = f"conv_transpose{n}d"

    def function(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
        batched, stride, padding, dilation, extra = _settled(
            *(name, n, True, *_looks(input, weight, bias)),
            *map(_hashable, (stride, padding, dilation, groups, output_padding)),
        )
        x, w = input if batched else input.unsqueeze(0), weight._array.shape
        if any(e >= s and e >= d for e, s, d in zip(extra, stride, dilation)):
            raise RuntimeError("output padding must be smaller than either stride or dilation")
        spatial = tuple(
            (m - 1) * s - 2 * p + d * (k - 1) + e + 1
            for m, s, p, d, k, e in zip(x._array.shape[2:], stride, padding, dilation, w[2:], extra)
        )
        if any(m <= 0 for m in spatial):
            raise RuntimeError(
                f"Given input size per channel: {list(x._array.shape[2:])}. Calculated output size per channel: "
                f"{list(spatial)}. Output size is too small"
            )
        shape = (x._array.shape[0], w[1] * groups, *spatial)
        out = apply(
            ops.conv_input_grad,
            x,
            weight,
            shape=shape,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
        )
        if bias is not None:
            out = shown(out + bias.reshape(1, -1, *(1,) * n), "ConvolutionBackward0")
        return out if batched else out.squeeze(0)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""Transposed convolution over {n} spatial dimension(s): the gradient of a convolution's input.

    input (N, C, *spatial) or (C, *spatial), weight (C, O / groups, *kernel). output_padding: rows added behind, less
    than stride or dilation.
    """
    return in_lower_precision(function)


conv_transpose1d, conv_transpose2d, conv_transpose3d = _transposed(1), _transposed(2), _transposed(3)


@in_lower_precision
def conv_tbc(input, weight, bias, pad: int = 0):
    """Cross-correlation of sequences (time, batch, channels) with weight (kernel, channels, O) and bias (O)."""
    out = conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad)
    return out.permute(2, 0, 1)
