"""LeNet-5 (LeCun et al. 1998)."""

from __future__ import annotations

from ... import nn
from ...tensor import flatten
from .registry import model


class LeNet(nn.Module):
    """LeNet-5 with ReLU and max pooling, for (N, in_channels, 28, 28)."""

    def __init__(self, num_classes: int = 10, in_channels: int = 1):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, 6, kernel_size=5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, kernel_size=5),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Linear(16 * 5 * 5, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, num_classes)
        )

    def forward(self, x):
        """Scores (N, num_classes)."""
        return self.classifier(flatten(self.features(x), 1))


@model()
def lenet(**options):
    """LeNet-5."""
    return LeNet(**options)
