"""Whole blocks, or whole patches of a map, set to zero in training."""

from __future__ import annotations

from ... import nn
from ...autograd.tape import Variable
from ...nn.functional import max_pool2d, max_pool3d, pad
from ...tensor import empty


def stochastic_depth(input: Variable, p: float, mode: str, training: bool = True) -> Variable:
    """The input, or zero with probability p, scaled so that its mean stays; for the whole `batch`, or each `row` of it.

    ValueError for another mode, or a p outside [0, 1]. Source: arXiv 1603.09382.
    """
    if p < 0.0 or p > 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}")
    if mode not in ("batch", "row"):
        raise ValueError(f"mode has to be either 'batch' or 'row', but got {mode}")
    if not training or p == 0.0:
        return input
    kept = 1.0 - p
    size = ([input.shape[0]] if mode == "row" else [1]) + [1] * (input.ndim - 1)
    noise = empty(size, dtype=input.dtype, device=input.device).bernoulli_(kept)
    return input * (noise.div_(kept) if kept > 0.0 else noise)


class StochasticDepth(nn.Module):
    """`stochastic_depth` as a layer."""

    def __init__(self, p: float, mode: str):
        super().__init__()
        self.p, self.mode = p, mode

    def forward(self, input: Variable) -> Variable:
        """The same shape."""
        return stochastic_depth(input, self.p, self.mode, self.training)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p}, mode={self.mode})"


def _dropped(input: Variable, p: float, block_size: int, inplace: bool, eps: float, pool) -> Variable:
    """The input with blocks of block_size a side set to zero."""
    lead, sizes = list(input.shape[:2]), list(input.shape[2:])
    block_size = min(block_size, *sizes)
    corners = [size - block_size + 1 for size in sizes]
    positions = seeds = 1
    for size, count in zip(sizes, corners):
        positions, seeds = positions * size, seeds * count
    rate = p * positions / (block_size ** len(sizes) * seeds)
    noise = empty(lead + corners, dtype=input.dtype, device=input.device).bernoulli_(rate)
    noise = pad(noise, [block_size // 2] * 2 * len(sizes), value=0)
    noise = 1 - pool(noise, stride=1, kernel_size=block_size, padding=block_size // 2)
    scale = noise.numel() / (eps + noise.sum())
    return input.mul_(noise).mul_(scale) if inplace else input * noise * scale


def drop_block2d(
    input: Variable, p: float, block_size: int, inplace: bool = False, eps: float = 1e-06, training: bool = True
) -> Variable:
    """(N, C, H, W) with square blocks of each map set to zero, about a share p, and the rest scaled up.

    ValueError for a p outside [0, 1] or another number of dimensions. Source: arXiv 1810.12890.
    """
    return _drop_block(input, p, block_size, inplace, eps, training, 4, max_pool2d)


def drop_block3d(
    input: Variable, p: float, block_size: int, inplace: bool = False, eps: float = 1e-06, training: bool = True
) -> Variable:
    """(N, C, D, H, W) with cubes of each map set to zero, about a share p. ValueErrors are those of `drop_block2d`."""
    return _drop_block(input, p, block_size, inplace, eps, training, 5, max_pool3d)


def _drop_block(input, p, block_size, inplace, eps, training, dims: int, pool):
    if p < 0.0 or p > 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}.")
    if input.ndim != dims:
        raise ValueError(f"input should be {dims} dimensional. Got {input.ndim} dimensions.")
    return _dropped(input, p, block_size, inplace, eps, pool) if training and p != 0.0 else input


class DropBlock2d(nn.Module):
    """`drop_block2d` as a layer."""

    def __init__(self, p: float, block_size: int, inplace: bool = False, eps: float = 1e-06):
        super().__init__()
        self.p, self.block_size, self.inplace, self.eps = p, block_size, inplace, eps

    def forward(self, input: Variable) -> Variable:
        """The same shape."""
        return drop_block2d(input, self.p, self.block_size, self.inplace, self.eps, self.training)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p}, block_size={self.block_size}, inplace={self.inplace})"


class DropBlock3d(DropBlock2d):
    """`drop_block3d` as a layer."""

    def forward(self, input: Variable) -> Variable:
        """The same shape."""
        return drop_block3d(input, self.p, self.block_size, self.inplace, self.eps, self.training)
