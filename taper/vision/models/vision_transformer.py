"""Vision transformer (Dosovitskiy et al. 2020, arXiv 2010.11929)."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from ... import nn
from ...nn import init
from ...nn.functional import interpolate
from ...tensor import cat, empty, zeros
from ..ops.layers import MLP, Conv2dNormActivation
from .registry import model
from .weights import WeightsEnum, imagenet

_LAYER_NORM = partial(nn.LayerNorm, eps=1e-6)


class ConvStemConfig(NamedTuple):
    """A convolution of a stem."""

    out_channels: int
    kernel_size: int
    stride: int
    norm_layer: Callable[..., nn.Module] = nn.BatchNorm2d
    activation_layer: Callable[..., nn.Module] = nn.ReLU


class MLPBlock(MLP):
    """The two linear layers of a transformer's block."""

    _version = 2

    def __init__(self, in_dim: int, mlp_dim: int, dropout: float):
        super().__init__(in_dim, [mlp_dim, in_dim], activation_layer=nn.GELU, inplace=None, dropout=dropout)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                init.xavier_uniform_(layer.weight)
                if layer.bias is not None:
                    init.normal_(layer.bias, std=1e-6)

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
        if local_metadata.get("version") is None or local_metadata["version"] < 2:
            for i, number in ((1, 0), (2, 3)):
                for kind in ("weight", "bias"):
                    old = f"{prefix}linear_{i}.{kind}"
                    if old in state_dict:
                        state_dict[f"{prefix}{number}.{kind}"] = state_dict.pop(old)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class EncoderBlock(nn.Module):
    """Self-attention, and two linear layers, each after a norm and with its input added."""

    def __init__(
        self,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float,
        attention_dropout: float,
        norm_layer: Callable[..., nn.Module] = _LAYER_NORM,
    ):
        super().__init__()
        self.num_heads = num_heads
        self.ln_1 = norm_layer(hidden_dim)
        self.self_attention = nn.MultiheadAttention(hidden_dim, num_heads, attention_dropout, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = norm_layer(hidden_dim)
        self.mlp = MLPBlock(hidden_dim, mlp_dim, dropout)

    def forward(self, input):
        """(N, S, hidden_dim) to the same shape."""
        x = self.ln_1(input)
        x, _ = self.self_attention(x, x, x, need_weights=False)
        x = self.dropout(x) + input
        return x + self.mlp(self.ln_2(x))


class Encoder(nn.Module):
    """Positions added, blocks, and a norm."""

    def __init__(
        self,
        seq_length: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float,
        attention_dropout: float,
        norm_layer: Callable[..., nn.Module] = _LAYER_NORM,
    ):
        super().__init__()
        self.pos_embedding = nn.Parameter(empty(1, seq_length, hidden_dim).normal_(std=0.02))
        self.dropout = nn.Dropout(dropout)
        options = (num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer)
        blocks = OrderedDict((f"encoder_layer_{i}", EncoderBlock(*options)) for i in range(num_layers))
        self.layers = nn.Sequential(blocks)
        self.ln = norm_layer(hidden_dim)

    def forward(self, input):
        """(N, seq_length, hidden_dim) to the same shape."""
        return self.ln(self.layers(self.dropout(input + self.pos_embedding)))


class VisionTransformer(nn.Module):
    """An image of image_size pixels a side, cut into patches, and a class token, through a transformer's encoder.

    representation_size: a layer of so many units before the scores. conv_stem_configs: convolutions in the place of one that
    cuts out the patches. AssertionError for an image_size that the patches do not divide, and for images of other sizes.
    """

    def __init__(
        self,
        image_size: int,
        patch_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        num_classes: int = 1000,
        representation_size: int | None = None,
        norm_layer: Callable[..., nn.Module] = _LAYER_NORM,
        conv_stem_configs: list[ConvStemConfig] | None = None,
    ):
        super().__init__()
        assert image_size % patch_size == 0, "Input shape indivisible by patch size!"
        self.image_size, self.patch_size, self.hidden_dim, self.mlp_dim = image_size, patch_size, hidden_dim, mlp_dim
        self.attention_dropout, self.dropout, self.num_classes = attention_dropout, dropout, num_classes
        self.representation_size, self.norm_layer = representation_size, norm_layer
        if conv_stem_configs is None:
            self.conv_proj = nn.Conv2d(3, hidden_dim, kernel_size=patch_size, stride=patch_size)
        else:
            self.conv_proj = _stem(conv_stem_configs, hidden_dim)
        self.class_token = nn.Parameter(zeros(1, 1, hidden_dim))
        self.seq_length = (image_size // patch_size) ** 2 + 1
        sizes = (self.seq_length, num_layers, num_heads, hidden_dim, mlp_dim)
        self.encoder = Encoder(*sizes, dropout, attention_dropout, norm_layer)
        heads: OrderedDict[str, nn.Module] = OrderedDict()
        if representation_size is None:
            heads["head"] = nn.Linear(hidden_dim, num_classes)
        else:
            heads["pre_logits"] = nn.Linear(hidden_dim, representation_size)
            heads["act"] = nn.Tanh()
            heads["head"] = nn.Linear(representation_size, num_classes)
        self.heads = nn.Sequential(heads)
        self._draw_weights()

    def _draw_weights(self) -> None:
        last = self.conv_proj if isinstance(self.conv_proj, nn.Conv2d) else self.conv_proj.conv_last
        if last is self.conv_proj:
            fan_in = last.in_channels * last.kernel_size[0] * last.kernel_size[1]
            init.trunc_normal_(last.weight, std=math.sqrt(1 / fan_in))
        else:
            init.normal_(last.weight, mean=0.0, std=math.sqrt(2.0 / last.out_channels))
        if last.bias is not None:
            init.zeros_(last.bias)
        if self.representation_size is not None:
            inner = self.heads.pre_logits
            init.trunc_normal_(inner.weight, std=math.sqrt(1 / inner.in_features))
            init.zeros_(inner.bias)
        init.zeros_(self.heads.head.weight)
        init.zeros_(self.heads.head.bias)

    def _process_input(self, x):
        """The patches (N, S, hidden_dim) of images."""
        for side, found in zip(("height", "width"), x.shape[-2:]):
            assert found == self.image_size, f"Wrong image {side}! Expected {self.image_size} but got {found}!"
        return self.conv_proj(x).flatten(2).permute(0, 2, 1)

    def forward(self, x):
        """Scores (N, num_classes) of images (N, 3, image_size, image_size)."""
        x = self._process_input(x)
        x = cat([self.class_token.expand(x.shape[0], -1, -1), x], 1)
        return self.heads(self.encoder(x)[:, 0])


def _stem(configs: list[ConvStemConfig], hidden_dim: int) -> nn.Sequential:
    stem, width = nn.Sequential(), 3
    for i, (out, kernel, stride, norm, activation) in enumerate(configs):
        layer = Conv2dNormActivation(width, out, kernel, stride, norm_layer=norm, activation_layer=activation)
        stem.add_module(f"conv_bn_relu_{i}", layer)
        width = out
    stem.add_module("conv_last", nn.Conv2d(width, hidden_dim, kernel_size=1))
    return stem


def interpolate_embeddings(
    image_size: int, patch_size: int, model_state: dict, interpolation_mode: str = "bicubic", reset_heads: bool = False
) -> dict:
    """A state with its positions brought to images of another size; without the heads, if they are to start anew.

    ValueError for positions that are not (1, S, C), or not those of a square.
    """
    positions = model_state["encoder.pos_embedding"]
    n, length, hidden = positions.shape
    if n != 1:
        raise ValueError(f"Unexpected position embedding shape: {tuple(positions.shape)}")
    wanted = (image_size // patch_size) ** 2 + 1
    if wanted == length:
        return model_state
    old, new = math.isqrt(length - 1), math.isqrt(wanted - 1)
    if old * old != length - 1:
        raise ValueError(f"seq_length is not a perfect square! Instead got seq_length_1d * seq_length_1d = {old * old}")
    grid = positions[:, 1:].permute(0, 2, 1).reshape(1, hidden, old, old)
    grid = interpolate(grid, size=new, mode=interpolation_mode, align_corners=True)
    grid = grid.reshape(1, hidden, new * new).permute(0, 2, 1)
    model_state["encoder.pos_embedding"] = cat([positions[:, :1], grid], 1)
    if not reset_heads:
        return model_state
    return OrderedDict((key, value) for key, value in model_state.items() if not key.startswith("heads"))


def _of_its_size(weights, options: dict) -> None:
    """Weights say for which size of images they were learned."""
    height, width = weights.meta["min_size"]
    assert height == width
    if options.setdefault("image_size", height) != height:
        raise ValueError(f"The parameter 'image_size' expected value {height} but got {options['image_size']} instead.")


def _vit(patch_size: int, num_layers: int, num_heads: int, hidden_dim: int, mlp_dim: int, image_size=224, **options):
    return VisionTransformer(image_size, patch_size, num_layers, num_heads, hidden_dim, mlp_dim, **options)


class ViT_B_16_Weights(WeightsEnum):
    """Published weights of `vit_b_16`."""

    IMAGENET1K_V1 = imagenet("vit_b_16-c867db91.pth", 86567656, 81.072, 95.318, least=224, recipe="#vit_b_16")
    IMAGENET1K_SWAG_E2E_V1 = imagenet(
        "vit_b_16_swag-9ac1b537.pth",
        86859496,
        85.304,
        97.65,
        crop=384,
        resize=384,
        mode="bicubic",
        least=384,
        recipe="https://github.com/facebookresearch/SWAG",
        license="https://github.com/facebookresearch/SWAG/blob/main/LICENSE",
    )
    IMAGENET1K_SWAG_LINEAR_V1 = imagenet(
        "vit_b_16_lc_swag-4e70ced5.pth",
        86567656,
        81.886,
        96.18,
        resize=224,
        mode="bicubic",
        least=224,
        recipe="pull/5793",
        license="https://github.com/facebookresearch/SWAG/blob/main/LICENSE",
    )
    DEFAULT = IMAGENET1K_V1


class ViT_B_32_Weights(WeightsEnum):
    """Published weights of `vit_b_32`."""

    IMAGENET1K_V1 = imagenet("vit_b_32-d86f8d99.pth", 88224232, 75.912, 92.466, least=224, recipe="#vit_b_32")
    DEFAULT = IMAGENET1K_V1


class ViT_H_14_Weights(WeightsEnum):
    """Published weights of `vit_h_14`."""

    IMAGENET1K_SWAG_E2E_V1 = imagenet(
        "vit_h_14_swag-80465313.pth",
        633470440,
        88.552,
        98.694,
        crop=518,
        resize=518,
        mode="bicubic",
        least=518,
        recipe="https://github.com/facebookresearch/SWAG",
        license="https://github.com/facebookresearch/SWAG/blob/main/LICENSE",
    )
    IMAGENET1K_SWAG_LINEAR_V1 = imagenet(
        "vit_h_14_lc_swag-c1eb923e.pth",
        632045800,
        85.708,
        97.73,
        resize=224,
        mode="bicubic",
        least=224,
        recipe="pull/5793",
        license="https://github.com/facebookresearch/SWAG/blob/main/LICENSE",
    )
    DEFAULT = IMAGENET1K_SWAG_E2E_V1


class ViT_L_16_Weights(WeightsEnum):
    """Published weights of `vit_l_16`."""

    IMAGENET1K_V1 = imagenet(
        "vit_l_16-852ce7e3.pth", 304326632, 79.662, 94.638, resize=242, least=224, recipe="#vit_l_16"
    )
    IMAGENET1K_SWAG_E2E_V1 = imagenet(
        "vit_l_16_swag-4f3808c9.pth",
        305174504,
        88.064,
        98.512,
        crop=512,
        resize=512,
        mode="bicubic",
        least=512,
        recipe="https://github.com/facebookresearch/SWAG",
        license="https://github.com/facebookresearch/SWAG/blob/main/LICENSE",
    )
    IMAGENET1K_SWAG_LINEAR_V1 = imagenet(
        "vit_l_16_lc_swag-4d563306.pth",
        304326632,
        85.146,
        97.422,
        resize=224,
        mode="bicubic",
        least=224,
        recipe="pull/5793",
        license="https://github.com/facebookresearch/SWAG/blob/main/LICENSE",
    )
    DEFAULT = IMAGENET1K_V1


class ViT_L_32_Weights(WeightsEnum):
    """Published weights of `vit_l_32`."""

    IMAGENET1K_V1 = imagenet("vit_l_32-c7638314.pth", 306535400, 76.972, 93.07, least=224, recipe="#vit_l_32")
    DEFAULT = IMAGENET1K_V1


@model(ViT_B_16_Weights, adapt=_of_its_size)
def vit_b_16(**options):
    """ViT-B, patches of 16."""
    return _vit(16, 12, 12, 768, 3072, **options)


@model(ViT_B_32_Weights, adapt=_of_its_size)
def vit_b_32(**options):
    """ViT-B, patches of 32."""
    return _vit(32, 12, 12, 768, 3072, **options)


@model(ViT_L_16_Weights, adapt=_of_its_size)
def vit_l_16(**options):
    """ViT-L, patches of 16."""
    return _vit(16, 24, 16, 1024, 4096, **options)


@model(ViT_L_32_Weights, adapt=_of_its_size)
def vit_l_32(**options):
    """ViT-L, patches of 32."""
    return _vit(32, 24, 16, 1024, 4096, **options)


@model(ViT_H_14_Weights, legacy=None, adapt=_of_its_size)
def vit_h_14(**options):
    """ViT-H, patches of 14."""
    return _vit(14, 32, 16, 1280, 5120, **options)
