"""Datasets of images."""

from . import folder, utils
from .base import VisionDataset
from .cifar import CIFAR10, CIFAR100
from .digits import Digits
from .fake import FakeData
from .folder import DatasetFolder, ImageFolder
from .mnist import EMNIST, KMNIST, MNIST, FashionMNIST

__all__ = [
    *("CIFAR10", "CIFAR100", "EMNIST", "KMNIST", "MNIST"),
    *("DatasetFolder", "Digits", "FakeData", "FashionMNIST", "ImageFolder", "VisionDataset"),
]
