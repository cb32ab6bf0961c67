"""The models that `taper train` knows."""

from __future__ import annotations

from .. import nn
from .errors import UserError


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


MODELS = {"softmax": softmax, "mlp": mlp, "lenet": lenet}


def build(name: str, channels: int, size: tuple[int, int], classes: int, dropout: float) -> nn.Module:
    """A model for images of this size. UserError for an unknown name, or images that are too small."""
    if name not in MODELS:
        raise UserError(f"unknown model '{name}'. Choose one of: {', '.join(MODELS)}.")
    if name == "lenet" and min(size) < 8:
        raise UserError(
            f"model 'lenet' needs images of 8 x 8 pixels or more, these are {size[0]} x {size[1]}. Use --model mlp."
        )
    return MODELS[name](channels, size, classes, dropout)
