"""The bilinear map of two inputs."""

from __future__ import annotations

from ...tensor.products import matmul


def bilinear(input1, input2, weight, bias=None):
    """x1^T A_k x2 + b_k for each of the matrices A_k of `weight` (K, F1, F2), over any leading dimensions.

    RuntimeError for sizes that do not fit.
    """
    a, b, w = input1._array.shape, input2._array.shape, weight._array.shape
    if a[:-1] != b[:-1]:
        raise RuntimeError(f"bilinear(): input batch dimensions do not match: got {a[:-1]} and {b[:-1]}")
    for number, (have, want) in enumerate(((a[-1], w[1]), (b[-1], w[2])), 1):
        if have != want:
            raise RuntimeError(
                f"bilinear(): input{number} size does not match weight size: got {have} but expected {want}"
            )
    if bias is not None and bias._array.shape != w[:1]:
        raise RuntimeError(
            f"bilinear(): bias size does not match weight size: got {bias._array.shape[0]} but expected {w[0]}"
        )
    left = matmul(input1, weight.permute(1, 0, 2).reshape(w[1], w[0] * w[2])).reshape(*a[:-1], w[0], w[2])
    out = matmul(left, input2.unsqueeze(-1)).squeeze(-1)
    return out if bias is None else out + bias
