"""Datasets of images."""

from .base import VisionDataset
from .cifar import CIFAR10, CIFAR100
from .digits import Digits
from .folder import DatasetFolder, ImageFolder
from .mnist import MNIST, FashionMNIST

__all__ = ["CIFAR10", "CIFAR100", "MNIST", "DatasetFolder", "Digits", "FashionMNIST", "ImageFolder", "VisionDataset"]
