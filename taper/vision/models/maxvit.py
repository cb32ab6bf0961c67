"""MaxViT (Tu et al. 2022, arXiv 2204.01697): convolutions, attention within windows, and attention over a grid."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ... import nn
from ...nn import init
from ...nn.functional import softmax
from ...tensor import arange, empty, meshgrid
from ..ops import Conv2dNormActivation, SqueezeExcitation, StochasticDepth
from .registry import model
from .weights import WeightsEnum, imagenet


def _halved(size: tuple[int, int]) -> tuple[int, int]:
    """The size after a convolution of stride 2."""
    return (size[0] - 1) // 2 + 1, (size[1] - 1) // 2 + 1


class MBConv(nn.Module):
    """A widened convolution of each channel by itself, squeezed and excited, added to what came in."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        expansion_ratio: float,
        squeeze_ratio: float,
        stride: int,
        activation_layer: Callable[..., nn.Module],
        norm_layer: Callable[..., nn.Module],
        p_stochastic_dropout: float = 0.0,
    ):
        super().__init__()
        around: list[nn.Module] = []
        if stride != 1 or in_channels != out_channels:
            around = [nn.Conv2d(in_channels, out_channels, 1)]
            if stride == 2:
                around.insert(0, nn.AvgPool2d(3, stride=stride, padding=1))
        self.proj = nn.Sequential(*around) if around else nn.Identity()
        wide, narrow = int(out_channels * expansion_ratio), int(out_channels * squeeze_ratio)
        drop = StochasticDepth(p_stochastic_dropout, mode="row") if p_stochastic_dropout else nn.Identity()
        self.stochastic_depth = drop
        options = {"activation_layer": activation_layer, "norm_layer": norm_layer, "inplace": None}
        each = {"stride": stride, "padding": 1, "groups": wide}
        self.layers = nn.Sequential(
            OrderedDict(
                pre_norm=norm_layer(in_channels),
                conv_a=Conv2dNormActivation(in_channels, wide, 1, stride=1, padding=0, **options),
                conv_b=Conv2dNormActivation(wide, wide, 3, **each, **options),
                squeeze_excitation=SqueezeExcitation(wide, narrow, activation=nn.SiLU),
                conv_c=nn.Conv2d(wide, out_channels, 1),
            )
        )

    def forward(self, x: Any) -> Any:
        """(B, in_channels, H, W) to (B, out_channels, H / stride, W / stride)."""
        return self.proj(x) + self.stochastic_depth(self.layers(x))


class RelativePositionalMultiHeadAttention(nn.Module):
    """Attention with a learned bias for each distance. ValueError if head_dim does not divide feat_dim."""

    def __init__(self, feat_dim: int, head_dim: int, max_seq_len: int):
        super().__init__()
        if feat_dim % head_dim != 0:
            raise ValueError(f"feat_dim: {feat_dim} must be divisible by head_dim: {head_dim}")
        self.n_heads, self.head_dim = feat_dim // head_dim, head_dim
        self.size, self.max_seq_len = int(math.sqrt(max_seq_len)), max_seq_len
        self.to_qkv = nn.Linear(feat_dim, self.n_heads * head_dim * 3)
        self.scale_factor = feat_dim**-0.5
        self.merge = nn.Linear(head_dim * self.n_heads, feat_dim)
        side = 2 * self.size - 1
        self.relative_position_bias_table = nn.Parameter(empty(side * side, self.n_heads))
        y, x = (part.flatten() for part in meshgrid(arange(self.size), arange(self.size), indexing="ij"))
        down, across = (part[:, None] - part[None, :] + self.size - 1 for part in (y, x))
        self.register_buffer("relative_position_index", down * side + across)
        init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def get_relative_positional_bias(self) -> Any:
        """The biases (1, heads, places, places)."""
        found = self.relative_position_bias_table[self.relative_position_index.view(-1)]
        return found.view(self.max_seq_len, self.max_seq_len, -1).permute(2, 0, 1).contiguous().unsqueeze(0)

    def forward(self, x: Any) -> Any:
        """(B, groups, places, feat_dim) to the same shape."""
        b, g, p, d = x.shape
        parts = self.to_qkv(x).chunk(3, dim=-1)
        q, k, v = (part.reshape(b, g, p, self.n_heads, self.head_dim).permute(0, 1, 3, 2, 4) for part in parts)
        scores = q @ (k * self.scale_factor).transpose(-2, -1) + self.get_relative_positional_bias()
        out = softmax(scores, dim=-1) @ v
        return self.merge(out.permute(0, 1, 3, 2, 4).reshape(b, g, p, d))


class SwapAxes(nn.Module):
    """Two dimensions exchanged, as a layer."""

    def __init__(self, a: int, b: int):
        super().__init__()
        self.a, self.b = a, b

    def forward(self, x: Any) -> Any:
        """x with its dimensions a and b exchanged."""
        return x.swapaxes(self.a, self.b)


class WindowPartition(nn.Module):
    """Maps cut into squares."""

    def forward(self, x: Any, p: int) -> Any:
        """(B, C, H, W) to (B, squares, p x p, C)."""
        b, c, h, w = x.shape
        x = x.reshape(b, c, h // p, p, w // p, p).permute(0, 2, 4, 3, 5, 1)
        return x.reshape(b, (h // p) * (w // p), p * p, c)


class WindowDepartition(nn.Module):
    """Squares put together to maps."""

    def forward(self, x: Any, p: int, h_partitions: int, w_partitions: int) -> Any:
        """(B, squares, p x p, C) to (B, C, H, W)."""
        b, _, _, c = x.shape
        x = x.reshape(b, h_partitions, w_partitions, p, p, c).permute(0, 5, 1, 3, 2, 4)
        return x.reshape(b, c, h_partitions * p, w_partitions * p)


class PartitionAttentionLayer(nn.Module):
    """Attention and two linear layers, each added to what came in, within windows or over a grid of places far apart.

    ValueError for a partition_type that is neither window nor grid.
    """

    def __init__(
        self,
        in_channels: int,
        head_dim: int,
        partition_size: int,
        partition_type: str,
        grid_size: tuple[int, int],
        mlp_ratio: int,
        activation_layer: Callable[..., nn.Module],
        norm_layer: Callable[..., nn.Module],
        attention_dropout: float,
        mlp_dropout: float,
        p_stochastic_dropout: float,
    ):
        super().__init__()
        if partition_type not in ("grid", "window"):
            raise ValueError("partition_type must be either 'grid' or 'window'")
        self.n_heads, self.head_dim = in_channels // head_dim, head_dim
        self.n_partitions = grid_size[0] // partition_size
        self.partition_type, self.grid_size = partition_type, grid_size
        sizes = (partition_size, self.n_partitions)
        self.p, self.g = sizes if partition_type == "window" else sizes[::-1]
        self.partition_op, self.departition_op = WindowPartition(), WindowDepartition()
        swap = lambda: SwapAxes(-2, -3) if partition_type == "grid" else nn.Identity()
        self.partition_swap, self.departition_swap = swap(), swap()
        attention = RelativePositionalMultiHeadAttention(in_channels, head_dim, partition_size**2)
        self.attn_layer = nn.Sequential(norm_layer(in_channels), attention, nn.Dropout(attention_dropout))
        self.mlp_layer = nn.Sequential(
            nn.LayerNorm(in_channels),
            nn.Linear(in_channels, in_channels * mlp_ratio),
            activation_layer(),
            nn.Linear(in_channels * mlp_ratio, in_channels),
            nn.Dropout(mlp_dropout),
        )
        self.stochastic_dropout = StochasticDepth(p_stochastic_dropout, mode="row")

    def forward(self, x: Any) -> Any:
        """(B, C, H, W) to the same shape. AssertionError for maps that cannot be cut evenly."""
        if self.grid_size[0] % self.p or self.grid_size[1] % self.p:
            raise AssertionError(
                "Grid size must be divisible by partition size. Got grid size of "
                f"{self.grid_size} and partition size of {self.p}"
            )
        x = self.partition_swap(self.partition_op(x, self.p))
        x = x + self.stochastic_dropout(self.attn_layer(x))
        x = x + self.stochastic_dropout(self.mlp_layer(x))
        return self.departition_op(
            self.departition_swap(x), self.p, self.grid_size[0] // self.p, self.grid_size[1] // self.p
        )


class MaxVitLayer(nn.Module):
    """A convolution, attention within windows, and attention over the grid."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        squeeze_ratio: float,
        expansion_ratio: float,
        stride: int,
        norm_layer: Callable[..., nn.Module],
        activation_layer: Callable[..., nn.Module],
        head_dim: int,
        mlp_ratio: int,
        mlp_dropout: float,
        attention_dropout: float,
        p_stochastic_dropout: float,
        partition_size: int,
        grid_size: tuple[int, int],
    ):
        super().__init__()
        ratios = (expansion_ratio, squeeze_ratio, stride, activation_layer, norm_layer, p_stochastic_dropout)
        layers = OrderedDict[str, nn.Module](MBconv=MBConv(in_channels, out_channels, *ratios))
        for kind in ("window", "grid"):
            layers[f"{kind}_attention"] = PartitionAttentionLayer(
                out_channels,
                head_dim,
                partition_size,
                kind,
                grid_size,
                mlp_ratio,
                activation_layer,
                nn.LayerNorm,
                attention_dropout,
                mlp_dropout,
                p_stochastic_dropout,
            )
        self.layers = nn.Sequential(layers)

    def forward(self, x: Any) -> Any:
        """(B, in_channels, H, W) to (B, out_channels, H / stride, W / stride)."""
        return self.layers(x)


class MaxVitBlock(nn.Module):
    """Layers, of which the first halves height and width. ValueError for other than n_layers numbers in p_stochastic."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        squeeze_ratio: float,
        expansion_ratio: float,
        norm_layer: Callable[..., nn.Module],
        activation_layer: Callable[..., nn.Module],
        head_dim: int,
        mlp_ratio: int,
        mlp_dropout: float,
        attention_dropout: float,
        partition_size: int,
        input_grid_size: tuple[int, int],
        n_layers: int,
        p_stochastic: list[float],
    ):
        super().__init__()
        if len(p_stochastic) != n_layers:
            raise ValueError(f"p_stochastic must have length n_layers={n_layers}, got p_stochastic={p_stochastic}.")
        self.layers = nn.ModuleList()
        self.grid_size = _halved(input_grid_size)
        for i, p in enumerate(p_stochastic):
            layer = MaxVitLayer(
                out_channels if i else in_channels,
                out_channels,
                squeeze_ratio,
                expansion_ratio,
                1 if i else 2,
                norm_layer,
                activation_layer,
                head_dim,
                mlp_ratio,
                mlp_dropout,
                attention_dropout,
                p,
                partition_size,
                self.grid_size,
            )
            self.layers.append(layer)

    def forward(self, x: Any) -> Any:
        """(B, in_channels, H, W) to (B, out_channels, H / 2, W / 2)."""
        for layer in self.layers:
            x = layer(x)
        return x


class MaxVit(nn.Module):
    """A stem, blocks and a classifier, for images of one size. ValueError for a size whose maps partition_size does not divide."""

    def __init__(
        self,
        input_size: tuple[int, int],
        stem_channels: int,
        partition_size: int,
        block_channels: list[int],
        block_layers: list[int],
        head_dim: int,
        stochastic_depth_prob: float,
        norm_layer: Callable[..., nn.Module] | None = None,
        activation_layer: Callable[..., nn.Module] = nn.GELU,
        squeeze_ratio: float = 0.25,
        expansion_ratio: float = 4,
        mlp_ratio: int = 4,
        mlp_dropout: float = 0.0,
        attention_dropout: float = 0.0,
        num_classes: int = 1000,
    ):
        super().__init__()
        norm = norm_layer or partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01)
        size, sizes = _halved(input_size), []
        for _ in block_channels:
            sizes.append(_halved(sizes[-1] if sizes else size))
        for i, (height, width) in enumerate(sizes):
            if height % partition_size or width % partition_size:
                raise ValueError(
                    f"Input size {(height, width)} of block {i} is not divisible by partition size {partition_size}. Consider "
                    "changing the partition size or the input size.\nCurrent configuration yields the following block input "
                    f"sizes: {sizes}."
                )
        first = {"norm_layer": norm, "activation_layer": activation_layer, "bias": False, "inplace": None}
        second = {"norm_layer": None, "activation_layer": None, "bias": True}
        self.stem = nn.Sequential(
            Conv2dNormActivation(3, stem_channels, 3, stride=2, **first),
            Conv2dNormActivation(stem_channels, stem_channels, 3, stride=1, **second),
        )
        self.partition_size = partition_size
        self.blocks = nn.ModuleList()
        chances = np.linspace(0, stochastic_depth_prob, sum(block_layers)).tolist()
        for wide, out, count in zip([stem_channels, *block_channels[:-1]], block_channels, block_layers):
            block = MaxVitBlock(
                wide,
                out,
                squeeze_ratio,
                expansion_ratio,
                norm,
                activation_layer,
                head_dim,
                mlp_ratio,
                mlp_dropout,
                attention_dropout,
                partition_size,
                size,
                count,
                chances[:count],
            )
            self.blocks.append(block)
            size, chances = block.grid_size, chances[count:]
        last = block_channels[-1]
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.LayerNorm(last),
            nn.Linear(last, last),
            nn.Tanh(),
            nn.Linear(last, num_classes, bias=False),
        )
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                init.normal_(layer.weight, std=0.02)
                if layer.bias is not None:
                    init.zeros_(layer.bias)

    def forward(self, x: Any) -> Any:
        """Scores (N, num_classes) of images (N, 3, *input_size)."""
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.classifier(x)


class MaxVit_T_Weights(WeightsEnum):
    """Published weights of `maxvit_t`."""

    IMAGENET1K_V1 = imagenet(
        "maxvit_t-bc5ab103.pth",
        30919624,
        83.7,
        96.722,
        crop=224,
        resize=224,
        mode="bicubic",
        least=224,
        recipe="#maxvit",
    )
    DEFAULT = IMAGENET1K_V1


def _of_its_size(weights: WeightsEnum, options: dict) -> None:
    size = weights.meta["min_size"]
    if tuple(options.setdefault("input_size", size)) != tuple(size):
        raise ValueError(f"The parameter 'input_size' expected value {size} but got {options['input_size']} instead.")


@model(MaxVit_T_Weights, adapt=_of_its_size)
def maxvit_t(**options) -> MaxVit:
    """MaxViT, tiny, for images of 224 pixels unless input_size says otherwise."""
    size = options.pop("input_size", (224, 224))
    return MaxVit(size, 64, 7, [64, 128, 256, 512], [2, 2, 5, 2], 32, 0.2, **options)
