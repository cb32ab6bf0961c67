"""Inception v3 (Szegedy et al. 2015, arXiv 1512.00567)."""

from __future__ import annotations

import warnings
from collections import namedtuple

from ... import nn
from ...nn import functional as F
from ...nn import init
from ...tensor import cat, flatten
from .googlenet import BasicConv2d, normalised_as_in_the_paper, with_side_classifiers
from .registry import model
from .weights import WeightsEnum, imagenet

InceptionOutputs = namedtuple("InceptionOutputs", ["logits", "aux_logits"])
"""What an Inception3 with an auxiliary classifier gives in training."""

_ACROSS = {"kernel_size": (1, 7), "padding": (0, 3)}
_DOWN = {"kernel_size": (7, 1), "padding": (3, 0)}


class InceptionA(nn.Module):
    """Paths of 1 x 1, 5 x 5, twice 3 x 3, and a pool."""

    def __init__(self, in_channels: int, pool_features: int, conv_block=None):
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch1x1 = conv(in_channels, 64, kernel_size=1)
        self.branch5x5_1 = conv(in_channels, 48, kernel_size=1)
        self.branch5x5_2 = conv(48, 64, kernel_size=5, padding=2)
        self.branch3x3dbl_1 = conv(in_channels, 64, kernel_size=1)
        self.branch3x3dbl_2 = conv(64, 96, kernel_size=3, padding=1)
        self.branch3x3dbl_3 = conv(96, 96, kernel_size=3, padding=1)
        self.branch_pool = conv(in_channels, pool_features, kernel_size=1)

    def forward(self, x):
        """(N, in_channels, H, W) to (N, 224 + pool_features, H, W)."""
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        pool = self.branch_pool(F.avg_pool2d(x, kernel_size=3, stride=1, padding=1))
        return cat([self.branch1x1(x), self.branch5x5_2(self.branch5x5_1(x)), double, pool], 1)


class InceptionB(nn.Module):
    """Half the size, by 3 x 3, twice 3 x 3, and a pool."""

    def __init__(self, in_channels: int, conv_block=None):
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch3x3 = conv(in_channels, 384, kernel_size=3, stride=2)
        self.branch3x3dbl_1 = conv(in_channels, 64, kernel_size=1)
        self.branch3x3dbl_2 = conv(64, 96, kernel_size=3, padding=1)
        self.branch3x3dbl_3 = conv(96, 96, kernel_size=3, stride=2)

    def forward(self, x):
        """(N, in_channels, H, W) to (N, 480 + in_channels, H / 2, W / 2)."""
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return cat([self.branch3x3(x), double, F.max_pool2d(x, kernel_size=3, stride=2)], 1)


class InceptionC(nn.Module):
    """Paths of 1 x 1, and of 7 x 7 as 1 x 7 and 7 x 1."""

    def __init__(self, in_channels: int, channels_7x7: int, conv_block=None):
        super().__init__()
        conv, c7 = conv_block or BasicConv2d, channels_7x7
        self.branch1x1 = conv(in_channels, 192, kernel_size=1)
        self.branch7x7_1 = conv(in_channels, c7, kernel_size=1)
        self.branch7x7_2 = conv(c7, c7, **_ACROSS)
        self.branch7x7_3 = conv(c7, 192, **_DOWN)
        self.branch7x7dbl_1 = conv(in_channels, c7, kernel_size=1)
        self.branch7x7dbl_2 = conv(c7, c7, **_DOWN)
        self.branch7x7dbl_3 = conv(c7, c7, **_ACROSS)
        self.branch7x7dbl_4 = conv(c7, c7, **_DOWN)
        self.branch7x7dbl_5 = conv(c7, 192, **_ACROSS)
        self.branch_pool = conv(in_channels, 192, kernel_size=1)

    def forward(self, x):
        """(N, in_channels, H, W) to (N, 768, H, W)."""
        once = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        twice = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        twice = self.branch7x7dbl_5(self.branch7x7dbl_4(twice))
        pool = self.branch_pool(F.avg_pool2d(x, kernel_size=3, stride=1, padding=1))
        return cat([self.branch1x1(x), once, twice, pool], 1)


class InceptionD(nn.Module):
    """Half the size, by 3 x 3, by 7 x 7 and 3 x 3, and a pool."""

    def __init__(self, in_channels: int, conv_block=None):
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch3x3_1 = conv(in_channels, 192, kernel_size=1)
        self.branch3x3_2 = conv(192, 320, kernel_size=3, stride=2)
        self.branch7x7x3_1 = conv(in_channels, 192, kernel_size=1)
        self.branch7x7x3_2 = conv(192, 192, **_ACROSS)
        self.branch7x7x3_3 = conv(192, 192, **_DOWN)
        self.branch7x7x3_4 = conv(192, 192, kernel_size=3, stride=2)

    def forward(self, x):
        """(N, in_channels, H, W) to (N, 512 + in_channels, H / 2, W / 2)."""
        wide = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x))))
        return cat([self.branch3x3_2(self.branch3x3_1(x)), wide, F.max_pool2d(x, kernel_size=3, stride=2)], 1)


class InceptionE(nn.Module):
    """Paths of 1 x 1, and of 3 x 3 that end in 1 x 3 beside 3 x 1."""

    def __init__(self, in_channels: int, conv_block=None):
        super().__init__()
        conv = conv_block or BasicConv2d
        across, down = {"kernel_size": (1, 3), "padding": (0, 1)}, {"kernel_size": (3, 1), "padding": (1, 0)}
        self.branch1x1 = conv(in_channels, 320, kernel_size=1)
        self.branch3x3_1 = conv(in_channels, 384, kernel_size=1)
        self.branch3x3_2a = conv(384, 384, **across)
        self.branch3x3_2b = conv(384, 384, **down)
        self.branch3x3dbl_1 = conv(in_channels, 448, kernel_size=1)
        self.branch3x3dbl_2 = conv(448, 384, kernel_size=3, padding=1)
        self.branch3x3dbl_3a = conv(384, 384, **across)
        self.branch3x3dbl_3b = conv(384, 384, **down)
        self.branch_pool = conv(in_channels, 192, kernel_size=1)

    def forward(self, x):
        """(N, in_channels, H, W) to (N, 2048, H, W)."""
        once, twice = self.branch3x3_1(x), self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        paths = [self.branch1x1(x), self.branch3x3_2a(once), self.branch3x3_2b(once)]
        paths += [self.branch3x3dbl_3a(twice), self.branch3x3dbl_3b(twice)]
        return cat([*paths, self.branch_pool(F.avg_pool2d(x, kernel_size=3, stride=1, padding=1))], 1)


class InceptionAux(nn.Module):
    """The auxiliary classifier."""

    def __init__(self, in_channels: int, num_classes: int, conv_block=None):
        super().__init__()
        conv = conv_block or BasicConv2d
        self.conv0 = conv(in_channels, 128, kernel_size=1)
        self.conv1 = conv(128, 768, kernel_size=5)
        self.conv1.stddev = 0.01
        self.fc = nn.Linear(768, num_classes)
        self.fc.stddev = 0.001

    def forward(self, x):
        """Scores (N, num_classes)."""
        x = self.conv1(self.conv0(F.avg_pool2d(x, kernel_size=5, stride=3)))
        return self.fc(flatten(F.adaptive_avg_pool2d(x, (1, 1)), 1))


class Inception3(nn.Module):
    """Inception v3. With aux_logits, training gives InceptionOutputs; evaluation always gives scores alone.

    transform_input: take images normalised as ImageNet's and bring them to [-1, 1]. inception_blocks: the classes of the
    convolutions, the blocks A to E and the auxiliary classifier. init_weights: draw the first weights from a truncated normal
    distribution, slowly; if None that is done, with a FutureWarning. ValueError for other than seven inception_blocks.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        inception_blocks=None,
        init_weights: bool | None = None,
        dropout: float = 0.5,
    ):
        super().__init__()
        blocks = inception_blocks or [
            *(BasicConv2d, InceptionA, InceptionB, InceptionC, InceptionD, InceptionE, InceptionAux)
        ]
        if len(blocks) != 7:
            raise ValueError(f"length of inception_blocks should be 7 instead of {len(blocks)}")
        if init_weights is None:
            warnings.warn(
                "Inception3 draws its first weights from a truncated normal distribution, which takes long; torchvision "
                "says that this will change. Give init_weights=True to keep it or init_weights=False for PyTorch's own.",
                FutureWarning,
                stacklevel=2,
            )
            init_weights = True
        conv, block_a, block_b, block_c, block_d, block_e, aux = blocks
        self.aux_logits, self.transform_input = aux_logits, transform_input
        self.Conv2d_1a_3x3 = conv(3, 32, kernel_size=3, stride=2)
        self.Conv2d_2a_3x3 = conv(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = conv(32, 64, kernel_size=3, padding=1)
        self.maxpool1 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.Conv2d_3b_1x1 = conv(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = conv(80, 192, kernel_size=3)
        self.maxpool2 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.Mixed_5b = block_a(192, pool_features=32)
        self.Mixed_5c = block_a(256, pool_features=64)
        self.Mixed_5d = block_a(288, pool_features=64)
        self.Mixed_6a = block_b(288)
        self.Mixed_6b = block_c(768, channels_7x7=128)
        self.Mixed_6c = block_c(768, channels_7x7=160)
        self.Mixed_6d = block_c(768, channels_7x7=160)
        self.Mixed_6e = block_c(768, channels_7x7=192)
        self.AuxLogits = aux(768, num_classes) if aux_logits else None
        self.Mixed_7a = block_d(768)
        self.Mixed_7b = block_e(1280)
        self.Mixed_7c = block_e(2048)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(p=dropout)
        self.fc = nn.Linear(2048, num_classes)
        if init_weights:
            for layer in self.modules():
                if isinstance(layer, (nn.Conv2d, nn.Linear)):
                    std = float(getattr(layer, "stddev", 0.1))
                    init.trunc_normal_(layer.weight, mean=0.0, std=std, a=-2, b=2)
                elif isinstance(layer, nn.BatchNorm2d):
                    init.constant_(layer.weight, 1)
                    init.constant_(layer.bias, 0)

    def eager_outputs(self, x, aux):
        """The scores with those of the side in training, the scores alone in evaluation."""
        return InceptionOutputs(x, aux) if self.training and self.aux_logits else x

    def forward(self, x):
        """Scores (N, num_classes) of images (N, 3, H, W) of 75 pixels a side and more, or InceptionOutputs."""
        if self.transform_input:
            x = normalised_as_in_the_paper(x)
        x = self.maxpool1(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))))
        x = self.maxpool2(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)))
        x = self.Mixed_6a(self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x))))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(x))))
        side = self.AuxLogits(x) if self.training and self.AuxLogits is not None else None
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        x = self.fc(flatten(self.dropout(self.avgpool(x)), 1))
        return self.eager_outputs(x, side)


class Inception_V3_Weights(WeightsEnum):
    """Published weights of `inception_v3`."""

    IMAGENET1K_V1 = imagenet(
        "inception_v3_google-0cc3c7bd.pth",
        27161264,
        77.294,
        93.45,
        crop=299,
        resize=342,
        least=75,
        recipe="#inception-v3",
    )
    DEFAULT = IMAGENET1K_V1


@model(Inception_V3_Weights, adapt=with_side_classifiers("AuxLogits"))
def inception_v3(**options):
    """Inception v3."""
    return Inception3(**options)
