"""Chapters 6 and 7: correlation by hand, the residual block and ResNet-18 for small images."""

from __future__ import annotations

from ... import nn
from ...nn import functional as F
from ...tensor import zeros


def corr2d(X, K):
    """The two-dimensional cross-correlation of a matrix with a kernel, summed element by element."""
    h, w = K.shape
    Y = zeros((X.shape[0] - h + 1, X.shape[1] - w + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i : i + h, j : j + w] * K).sum()
    return Y


class Residual(nn.Module):
    """Two 3 x 3 convolutions with batch norm, and the input added, through a 1 x 1 convolution if asked."""

    def __init__(self, input_channels: int, num_channels: int, use_1x1conv: bool = False, strides: int = 1):
        super().__init__()
        self.conv1 = nn.Conv2d(input_channels, num_channels, kernel_size=3, padding=1, stride=strides)
        self.conv2 = nn.Conv2d(num_channels, num_channels, kernel_size=3, padding=1)
        self.conv3 = nn.Conv2d(input_channels, num_channels, kernel_size=1, stride=strides) if use_1x1conv else None
        self.bn1 = nn.BatchNorm2d(num_channels)
        self.bn2 = nn.BatchNorm2d(num_channels)

    def forward(self, X):
        """(N, input_channels, H, W) to (N, num_channels, H / strides, W / strides)."""
        Y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(X)))))
        return F.relu(Y + (X if self.conv3 is None else self.conv3(X)))


def resnet18(num_classes: int, in_channels: int = 1):
    """ResNet-18 with a small first convolution and no pooling after it."""

    def stage(in_channels: int, out_channels: int, first: bool = False):
        return nn.Sequential(
            Residual(in_channels, out_channels) if first else Residual(in_channels, out_channels, True, 2),
            Residual(out_channels, out_channels),
        )

    net = nn.Sequential(nn.Conv2d(in_channels, 64, kernel_size=3, stride=1, padding=1), nn.BatchNorm2d(64), nn.ReLU())
    net.add_module("resnet_block1", stage(64, 64, first=True))
    net.add_module("resnet_block2", stage(64, 128))
    net.add_module("resnet_block3", stage(128, 256))
    net.add_module("resnet_block4", stage(256, 512))
    net.add_module("global_avg_pool", nn.AdaptiveAvgPool2d((1, 1)))
    net.add_module("fc", nn.Sequential(nn.Flatten(), nn.Linear(512, num_classes)))
    return net
