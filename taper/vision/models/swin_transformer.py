"""Swin Transformer (Liu et al. 2021, arXiv 2103.14030) and its second version (arXiv 2111.09883): attention in shifted windows."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ... import nn
from ...autograd.tape import wrap
from ...nn import init
from ...nn.functional import dropout as drop
from ...nn.functional import linear, normalize, pad, softmax
from ...tensor import arange, cat, clamp, log2, meshgrid, ones, roll, sign, stack, zeros
from ..ops import MLP, Permute, StochasticDepth
from .registry import model
from .weights import Weights, WeightsEnum, imagenet


def _quarters(x: Any) -> Any:
    """(..., H, W, C) to (..., H / 2, W / 2, 4 C): the channels of each square of four places beside each other."""
    height, width, _ = x.shape[-3:]
    x = pad(x, (0, 0, 0, width % 2, 0, height % 2))
    return cat([x[..., i::2, j::2, :] for j in (0, 1) for i in (0, 1)], -1)


class PatchMerging(nn.Module):
    """Half as many places each way, twice as many channels: normalised, then reduced."""

    def __init__(self, dim: int, norm_layer: Callable[..., nn.Module] = nn.LayerNorm):
        super().__init__()
        self.dim = dim
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = norm_layer(4 * dim)

    def forward(self, x: Any) -> Any:
        """(..., H, W, C) to (..., H / 2, W / 2, 2 C)."""
        return self.reduction(self.norm(_quarters(x)))


class PatchMergingV2(nn.Module):
    """Half as many places each way, twice as many channels: reduced, then normalised."""

    def __init__(self, dim: int, norm_layer: Callable[..., nn.Module] = nn.LayerNorm):
        super().__init__()
        self.dim = dim
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = norm_layer(2 * dim)

    def forward(self, x: Any) -> Any:
        """(..., H, W, C) to (..., H / 2, W / 2, 2 C)."""
        return self.norm(self.reduction(_quarters(x)))


def _in_windows(x: Any, window: list[int]) -> Any:
    """(B, H, W, C) as (B x windows, places, C)."""
    b, h, w, c = x.shape
    x = x.view(b, h // window[0], window[0], w // window[1], window[1], c)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, window[0] * window[1], c)


def _regions(height: int, width: int, window: list[int], shift: list[int]) -> Any:
    """-100 (windows, places, places) where two places of a window were none's neighbours before the shift, else 0."""
    rows, columns = (np.zeros(n, np.int64) for n in (height, width))
    for line, size, by in ((rows, window[0], shift[0]), (columns, window[1], shift[1])):
        if by:
            line[len(line) - size :] = 1
            line[len(line) - by :] = 2
    number = wrap((rows[:, None] * 3 + columns).astype(np.float32)).view(1, height, width, 1)
    number = _in_windows(number, window)[..., 0]
    return ((number.unsqueeze(1) - number.unsqueeze(2)) != 0).float() * -100.0


def shifted_window_attention(
    input: Any,
    qkv_weight: Any,
    proj_weight: Any,
    relative_position_bias: Any,
    window_size: list[int],
    num_heads: int,
    shift_size: list[int],
    attention_dropout: float = 0.0,
    dropout: float = 0.0,
    qkv_bias: Any = None,
    proj_bias: Any = None,
    logit_scale: Any = None,
    training: bool = True,
) -> Any:
    """Attention of (B, H, W, C) within windows that lie shift_size further; logit_scale: of cosines, in the second version."""
    b, h, w, c = input.shape
    x = pad(input, (0, 0, 0, -w % window_size[1], 0, -h % window_size[0]))
    _, tall, wide, _ = x.shape
    # There is nothing to shift where one window holds all.
    shift = [0 if size >= side else by for by, size, side in zip(shift_size, window_size, (tall, wide))]
    if sum(shift):
        x = roll(x, shifts=(-shift[0], -shift[1]), dims=(1, 2))
    windows = (tall // window_size[0]) * (wide // window_size[1])
    x = _in_windows(x, window_size)
    if logit_scale is not None and qkv_bias is not None:
        # Keys have no bias.
        third = qkv_bias.numel() // 3
        qkv_bias = qkv_bias.clone()
        qkv_bias[third : 2 * third].zero_()
    parts = linear(x, qkv_weight, qkv_bias).reshape(x.size(0), x.size(1), 3, num_heads, c // num_heads)
    q, k, v = parts.permute(2, 0, 3, 1, 4)
    if logit_scale is not None:
        scores = normalize(q, dim=-1) @ normalize(k, dim=-1).transpose(-2, -1)
        scores = scores * clamp(logit_scale, max=math.log(100.0)).exp()
    else:
        scores = (q * (c // num_heads) ** -0.5).matmul(k.transpose(-2, -1))
    scores = scores + relative_position_bias
    if sum(shift):
        apart = _regions(tall, wide, window_size, shift).to(scores.dtype)
        scores = scores.view(-1, windows, num_heads, x.size(1), x.size(1)) + apart.unsqueeze(1).unsqueeze(0)
        scores = scores.view(-1, num_heads, x.size(1), x.size(1))
    weights = drop(softmax(scores, dim=-1), p=attention_dropout, training=training)
    x = weights.matmul(v).transpose(1, 2).reshape(x.size(0), x.size(1), c)
    x = drop(linear(x, proj_weight, proj_bias), p=dropout, training=training)
    x = x.view(b, tall // window_size[0], wide // window_size[1], window_size[0], window_size[1], c)
    x = x.permute(0, 1, 3, 2, 4, 5).reshape(b, tall, wide, c)
    if sum(shift):
        x = roll(x, shifts=(shift[0], shift[1]), dims=(1, 2))
    return x[:, :h, :w, :].contiguous()


class ShiftedWindowAttention(nn.Module):
    """Attention in windows, with a learned bias for each distance. ValueError for sizes that are not two numbers."""

    def __init__(
        self,
        dim: int,
        window_size: list[int],
        shift_size: list[int],
        num_heads: int,
        qkv_bias: bool = True,
        proj_bias: bool = True,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
    ):
        super().__init__()
        if len(window_size) != 2 or len(shift_size) != 2:
            raise ValueError("window_size and shift_size must be of length 2")
        self.window_size, self.shift_size, self.num_heads = window_size, shift_size, num_heads
        self.attention_dropout, self.dropout = attention_dropout, dropout
        self.qkv = nn.Linear(dim, dim * 3, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim, bias=proj_bias)
        self.define_relative_position_bias_table()
        self.define_relative_position_index()

    def define_relative_position_bias_table(self) -> None:
        """Make the biases."""
        tall, wide = self.window_size
        self.relative_position_bias_table = nn.Parameter(zeros((2 * tall - 1) * (2 * wide - 1), self.num_heads))
        init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def define_relative_position_index(self) -> None:
        """Note which bias each pair of places has."""
        tall, wide = self.window_size
        y, x = (part.flatten() for part in meshgrid(arange(tall), arange(wide), indexing="ij"))
        down, across = (part[:, None] - part[None, :] for part in (y, x))
        numbers = (down + tall - 1) * (2 * wide - 1) + across + wide - 1
        self.register_buffer("relative_position_index", numbers.flatten())

    def _spread(self, table: Any) -> Any:
        """A table's rows as (1, heads, places, places)."""
        places = self.window_size[0] * self.window_size[1]
        found = table[self.relative_position_index].view(places, places, -1)
        return found.permute(2, 0, 1).contiguous().unsqueeze(0)

    def get_relative_position_bias(self) -> Any:
        """The biases (1, heads, places, places)."""
        return self._spread(self.relative_position_bias_table)

    def _logit_scale(self) -> Any:
        return None

    def forward(self, x: Any) -> Any:
        """(B, H, W, C) to the same shape."""
        return shifted_window_attention(
            x,
            self.qkv.weight,
            self.proj.weight,
            self.get_relative_position_bias(),
            self.window_size,
            self.num_heads,
            shift_size=self.shift_size,
            attention_dropout=self.attention_dropout,
            dropout=self.dropout,
            qkv_bias=self.qkv.bias,
            proj_bias=self.proj.bias,
            logit_scale=self._logit_scale(),
            training=self.training,
        )


class ShiftedWindowAttentionV2(ShiftedWindowAttention):
    """Attention by cosines, with a bias that a small network makes of each distance."""

    def __init__(
        self,
        dim: int,
        window_size: list[int],
        shift_size: list[int],
        num_heads: int,
        qkv_bias: bool = True,
        proj_bias: bool = True,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
    ):
        super().__init__(dim, window_size, shift_size, num_heads, qkv_bias, proj_bias, attention_dropout, dropout)
        self.logit_scale = nn.Parameter((10 * ones(num_heads, 1, 1)).log())
        hidden, last = nn.Linear(2, 512, bias=True), nn.Linear(512, num_heads, bias=False)
        self.cpb_mlp = nn.Sequential(hidden, nn.ReLU(inplace=True), last)
        if qkv_bias:
            third = self.qkv.bias.numel() // 3
            self.qkv.bias[third : 2 * third].data.zero_()

    def define_relative_position_bias_table(self) -> None:
        """Note the distances, logarithmically."""
        lines = [arange(1 - size, size).float() for size in self.window_size]
        table = stack(meshgrid(*lines, indexing="ij"), -1).unsqueeze(0).contiguous()
        table[..., 0] /= self.window_size[0] - 1
        table[..., 1] /= self.window_size[1] - 1
        table *= 8
        self.register_buffer("relative_coords_table", sign(table) * log2(table.abs() + 1.0) / 3.0)

    def get_relative_position_bias(self) -> Any:
        """The biases (1, heads, places, places)."""
        return 16 * self._spread(self.cpb_mlp(self.relative_coords_table).view(-1, self.num_heads)).sigmoid()

    def _logit_scale(self) -> Any:
        return self.logit_scale


class SwinTransformerBlock(nn.Module):
    """Attention and two linear layers, each added to what came in, after a norm."""

    attention: type[ShiftedWindowAttention] = ShiftedWindowAttention

    def __init__(
        self,
        dim: int,
        num_heads: int,
        window_size: list[int],
        shift_size: list[int],
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.0,
        norm_layer: Callable[..., nn.Module] = nn.LayerNorm,
        attn_layer: Callable[..., nn.Module] | None = None,
    ):
        super().__init__()
        self.norm1 = norm_layer(dim)
        options = {"attention_dropout": attention_dropout, "dropout": dropout}
        self.attn = (attn_layer or self.attention)(dim, window_size, shift_size, num_heads, **options)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.norm2 = norm_layer(dim)
        widths = [int(dim * mlp_ratio), dim]
        self.mlp = MLP(dim, widths, activation_layer=nn.GELU, inplace=None, dropout=dropout)
        for layer in self.mlp.modules():
            if isinstance(layer, nn.Linear):
                init.xavier_uniform_(layer.weight)
                if layer.bias is not None:
                    init.normal_(layer.bias, std=1e-6)

    def forward(self, x: Any) -> Any:
        """(B, H, W, C) to the same shape."""
        x = x + self.stochastic_depth(self.attn(self.norm1(x)))
        return x + self.stochastic_depth(self.mlp(self.norm2(x)))


class SwinTransformerBlockV2(SwinTransformerBlock):
    """The second version's block: norms after the layers."""

    attention = ShiftedWindowAttentionV2

    def forward(self, x: Any) -> Any:
        """(B, H, W, C) to the same shape."""
        x = x + self.stochastic_depth(self.norm1(self.attn(x)))
        return x + self.stochastic_depth(self.norm2(self.mlp(x)))


class SwinTransformer(nn.Module):
    """Stages of blocks, whose windows are shifted in every second one, with half as many places each way from stage to stage."""

    def __init__(
        self,
        patch_size: list[int],
        embed_dim: int,
        depths: list[int],
        num_heads: list[int],
        window_size: list[int],
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.1,
        num_classes: int = 1000,
        norm_layer: Callable[..., nn.Module] | None = None,
        block: Callable[..., nn.Module] | None = None,
        downsample_layer: Callable[..., nn.Module] = PatchMerging,
    ):
        super().__init__()
        self.num_classes = num_classes
        block, norm = block or SwinTransformerBlock, norm_layer or partial(nn.LayerNorm, eps=1e-5)
        sides = (patch_size[0], patch_size[1])
        patches = nn.Conv2d(3, embed_dim, kernel_size=sides, stride=sides)
        layers: list[nn.Module] = [nn.Sequential(patches, Permute([0, 2, 3, 1]), norm(embed_dim))]
        done, width = 0, embed_dim
        for i, depth in enumerate(depths):
            stage = []
            for k in range(depth):
                made = block(
                    width,
                    num_heads[i],
                    window_size=window_size,
                    shift_size=[0 if k % 2 == 0 else w // 2 for w in window_size],
                    mlp_ratio=mlp_ratio,
                    dropout=dropout,
                    attention_dropout=attention_dropout,
                    stochastic_depth_prob=stochastic_depth_prob * float(done) / (sum(depths) - 1),
                    norm_layer=norm,
                )
                stage.append(made)
                done += 1
            layers.append(nn.Sequential(*stage))
            if i < len(depths) - 1:
                layers.append(downsample_layer(width, norm))
                width *= 2
        self.features = nn.Sequential(*layers)
        self.norm = norm(width)
        self.permute = Permute([0, 3, 1, 2])
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten(1)
        self.head = nn.Linear(width, num_classes)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                init.trunc_normal_(layer.weight, std=0.02)
                if layer.bias is not None:
                    init.zeros_(layer.bias)

    def forward(self, x: Any) -> Any:
        """Scores (N, num_classes) of images (N, 3, H, W)."""
        return self.head(self.flatten(self.avgpool(self.permute(self.norm(self.features(x))))))


def _learned(
    file: str, parameters: int, top1: float, top5: float, resize: int, crop: int = 224, recipe: str = ""
) -> Weights:
    options: dict[str, Any] = {"crop": crop, "resize": resize, "mode": "bicubic", "least": crop}
    return imagenet(file, parameters, top1, top5, recipe="#swintransformer" + recipe, **options)


class Swin_T_Weights(WeightsEnum):
    """Published weights of `swin_t`."""

    IMAGENET1K_V1 = _learned("swin_t-704ceda3.pth", 28288354, 81.474, 95.776, 232)
    DEFAULT = IMAGENET1K_V1


class Swin_S_Weights(WeightsEnum):
    """Published weights of `swin_s`."""

    IMAGENET1K_V1 = _learned("swin_s-5e29d889.pth", 49606258, 83.196, 96.36, 246)
    DEFAULT = IMAGENET1K_V1


class Swin_B_Weights(WeightsEnum):
    """Published weights of `swin_b`."""

    IMAGENET1K_V1 = _learned("swin_b-68c6b09e.pth", 87768224, 83.582, 96.64, 238)
    DEFAULT = IMAGENET1K_V1


class Swin_V2_T_Weights(WeightsEnum):
    """Published weights of `swin_v2_t`."""

    IMAGENET1K_V1 = _learned("swin_v2_t-b137f0e2.pth", 28351570, 82.072, 96.132, 260, 256, "-v2")
    DEFAULT = IMAGENET1K_V1


class Swin_V2_S_Weights(WeightsEnum):
    """Published weights of `swin_v2_s`."""

    IMAGENET1K_V1 = _learned("swin_v2_s-637d8ceb.pth", 49737442, 83.712, 96.816, 260, 256, "-v2")
    DEFAULT = IMAGENET1K_V1


class Swin_V2_B_Weights(WeightsEnum):
    """Published weights of `swin_v2_b`."""

    IMAGENET1K_V1 = _learned("swin_v2_b-781e5279.pth", 87930848, 84.112, 96.864, 272, 256, "-v2")
    DEFAULT = IMAGENET1K_V1


def _first(width: int, depths: list[int], heads: list[int], drop_path: float, options: dict) -> SwinTransformer:
    return SwinTransformer([4, 4], width, depths, heads, [7, 7], **{"stochastic_depth_prob": drop_path, **options})


def _second(width: int, depths: list[int], heads: list[int], drop_path: float, options: dict) -> SwinTransformer:
    parts = {"block": SwinTransformerBlockV2, "downsample_layer": PatchMergingV2, "stochastic_depth_prob": drop_path}
    return SwinTransformer([4, 4], width, depths, heads, [8, 8], **{**parts, **options})


@model(Swin_T_Weights)
def swin_t(**options) -> SwinTransformer:
    """Swin, tiny."""
    return _first(96, [2, 2, 6, 2], [3, 6, 12, 24], 0.2, options)


@model(Swin_S_Weights)
def swin_s(**options) -> SwinTransformer:
    """Swin, small."""
    return _first(96, [2, 2, 18, 2], [3, 6, 12, 24], 0.3, options)


@model(Swin_B_Weights)
def swin_b(**options) -> SwinTransformer:
    """Swin, base."""
    return _first(128, [2, 2, 18, 2], [4, 8, 16, 32], 0.5, options)


@model(Swin_V2_T_Weights)
def swin_v2_t(**options) -> SwinTransformer:
    """Swin's second version, tiny."""
    return _second(96, [2, 2, 6, 2], [3, 6, 12, 24], 0.2, options)


@model(Swin_V2_S_Weights)
def swin_v2_s(**options) -> SwinTransformer:
    """Swin's second version, small."""
    return _second(96, [2, 2, 18, 2], [3, 6, 12, 24], 0.3, options)


@model(Swin_V2_B_Weights)
def swin_v2_b(**options) -> SwinTransformer:
    """Swin's second version, base."""
    return _second(128, [2, 2, 18, 2], [4, 8, 16, 32], 0.5, options)
