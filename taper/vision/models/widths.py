"""Widths that are multiples of eight, and the first weights that mobile networks share."""

from __future__ import annotations

from ... import nn
from ...nn import init


def divisible(value: float, divisor: int, least: int | None = None) -> int:
    """The nearest multiple of divisor that is not more than a tenth below, and not below `least` (the divisor)."""
    near = max(least or divisor, int(value + divisor / 2) // divisor * divisor)
    return near + divisor if near < 0.9 * value else near


def draw_mobile_weights(network: nn.Module) -> None:
    """Convolutions as He et al. 2015 by their outputs, norms as the identity, linear layers small."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            init.kaiming_normal_(layer.weight, mode="fan_out")
            if layer.bias is not None:
                init.zeros_(layer.bias)
        elif isinstance(layer, (nn.BatchNorm2d, nn.GroupNorm)):
            init.ones_(layer.weight)
            init.zeros_(layer.bias)
        elif isinstance(layer, nn.Linear):
            init.normal_(layer.weight, 0, 0.01)
            init.zeros_(layer.bias)
