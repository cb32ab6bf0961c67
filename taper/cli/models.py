"""The models that `taper train` knows."""

from __future__ import annotations

from .. import nn
from ..vision import models
from .errors import UserError

SMALL = 64
"""Pixels of an image's shorter side below which residual networks begin without stride and pooling."""


def softmax(channels: int, size: tuple[int, int], classes: int, dropout: float) -> nn.Module:
    """Softmax regression: one linear layer."""
    return nn.Sequential(nn.Flatten(), nn.Dropout(dropout), nn.Linear(channels * size[0] * size[1], classes))


def mlp(channels: int, size: tuple[int, int], classes: int, dropout: float) -> nn.Module:
    """A multilayer perceptron with two hidden layers."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(channels * size[0] * size[1], 256),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(256, 128),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(128, classes),
    )


def lenet(channels: int, size: tuple[int, int], classes: int, dropout: float) -> nn.Module:
    """LeNet-5 (LeCun et al. 1998) with ReLU and max pooling. Images below 20 pixels get 3 x 3 kernels, padded, and more of
    them, since there is little to pool."""
    small = min(size) < 20
    kernel, wide, wider = (3, 16, 32) if small else (5, 6, 16)
    padding = 1 if small else 0
    height, width = ((n // 2 + 2 * padding - kernel + 1) // 2 for n in size)
    return nn.Sequential(
        nn.Conv2d(channels, wide, kernel, padding=kernel // 2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(wide, wider, kernel, padding=padding),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(wider * height * width, 120),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, classes),
    )


def resnet18(channels: int, size: tuple[int, int], classes: int, dropout: float) -> nn.Module:
    """ResNet-18 (He et al. 2015); for images below 64 pixels with a 3 x 3 convolution without stride in front, and no
    pooling after it, as its authors did for CIFAR."""
    model = models.resnet18(num_classes=classes)
    if min(size) < SMALL:
        model.conv1, model.maxpool = nn.Conv2d(channels, 64, 3, padding=1, bias=False), nn.Identity()
        nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")
    elif channels != 3:
        model.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
    model.fc = nn.Sequential(nn.Dropout(dropout), model.fc)
    return model


MODELS = {"softmax": softmax, "mlp": mlp, "lenet": lenet, "resnet18": resnet18}


def build(name: str, channels: int, size: tuple[int, int], classes: int, dropout: float) -> nn.Module:
    """A model for images of this size. UserError for an unknown name, or images that are too small."""
    if name not in MODELS:
        raise UserError(f"unknown model '{name}'. Choose one of: {', '.join(MODELS)}.")
    if name == "lenet" and min(size) < 8:
        raise UserError(
            f"model 'lenet' needs images of 8 x 8 pixels or more, these are {size[0]} x {size[1]}. Use --model mlp."
        )
    return MODELS[name](channels, size, classes, dropout)
