"""Convolutional networks, written once for Taper and PyTorch, which are the module `T`."""

from __future__ import annotations

from typing import Any


def lenet(T) -> Any:
    """LeNet-5 for 28 x 28 images of one channel."""
    nn = T.nn
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


def _normed(T, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, activation=None) -> list:
    """A convolution that keeps sizes (but for its stride), batch norm, and an activation, if any."""
    conv = T.nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, T.nn.BatchNorm2d(outputs), *([] if activation is None else [activation])]


def _residual(T, body, shortcut, activation) -> Any:
    """activation(body(x) + shortcut(x)); both are lists of layers, and an empty one is the identity."""

    class Residual(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.shortcut = T.nn.Sequential(*body), T.nn.Sequential(*shortcut)

        def forward(self, x):
            out = self.body(x) + self.shortcut(x)
            return out if activation is None else activation(out)

    return Residual()


def resnet18_cifar(T) -> Any:
    """ResNet-18 for 32 x 32 images: no stride and no pooling before the first stage (K. He et al., 2015)."""
    relu = T.nn.ReLU
    layers = _normed(T, 3, 64, 3, activation=relu())
    inputs = 64
    for outputs, first in ((64, 1), (128, 2), (256, 2), (512, 2)):
        for stride in (first, 1):
            body = _normed(T, inputs, outputs, 3, stride, activation=relu()) + _normed(T, outputs, outputs, 3)
            short = [] if stride == 1 and inputs == outputs else _normed(T, inputs, outputs, 1, stride)
            layers.append(_residual(T, body, short, T.relu))
            inputs = outputs
    return T.nn.Sequential(*layers, T.nn.AdaptiveAvgPool2d(1), T.nn.Flatten(), T.nn.Linear(512, 10))


def resnet50(T) -> Any:
    """ResNet-50 for 224 x 224 images, with the stride in the 3 x 3 convolution."""
    relu = T.nn.ReLU
    layers = [*_normed(T, 3, 64, 7, 2, activation=relu()), T.nn.MaxPool2d(3, 2, 1)]
    inputs = 64
    for width, blocks, first in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for stride in (first, *(1,) * (blocks - 1)):
            body = _normed(T, inputs, width, 1, activation=relu()) + _normed(
                T, width, width, 3, stride, activation=relu()
            )
            body += _normed(T, width, 4 * width, 1)
            short = [] if inputs == 4 * width else _normed(T, inputs, 4 * width, 1, stride)
            layers.append(_residual(T, body, short, T.relu))
            inputs = 4 * width
    return T.nn.Sequential(*layers, T.nn.AdaptiveAvgPool2d(1), T.nn.Flatten(), T.nn.Linear(2048, 1000))


def vgg16(T) -> Any:
    """VGG-16 for 224 x 224 images (K. Simonyan and A. Zisserman, 2014)."""
    nn, layers, inputs = T.nn, [], 3
    for outputs, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
            inputs = outputs
        layers.append(nn.MaxPool2d(2))
    head = [nn.Linear(512 * 49, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 1000)]
    return nn.Sequential(*layers, nn.Flatten(), *head)


def mobilenet_v2(T) -> Any:
    """MobileNetV2 for 224 x 224 images (M. Sandler et al., 2018)."""
    relu6 = T.nn.ReLU6
    layers, inputs = _normed(T, 3, 32, 3, 2, activation=relu6()), 32
    for factor, outputs, count, first in (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ):
        for stride in (first, *(1,) * (count - 1)):
            wide = inputs * factor
            body = [] if factor == 1 else _normed(T, inputs, wide, 1, activation=relu6())
            body += _normed(T, wide, wide, 3, stride, groups=wide, activation=relu6()) + _normed(T, wide, outputs, 1)
            same = stride == 1 and inputs == outputs
            layers += [_residual(T, body, [], None)] if same else body
            inputs = outputs
    layers += _normed(T, inputs, 1280, 1, activation=relu6())
    return T.nn.Sequential(*layers, T.nn.AdaptiveAvgPool2d(1), T.nn.Flatten(), T.nn.Linear(1280, 1000))
