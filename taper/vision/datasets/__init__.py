"""Datasets of images."""

from . import base as vision
from . import folder, utils
from .base import VisionDataset
from .celeba import CelebA
from .cifar import CIFAR10, CIFAR100
from .coco import CocoCaptions, CocoDetection
from .digits import Digits
from .fake import FakeData
from .folder import DatasetFolder, ImageFolder
from .imagenet import ImageNet
from .mnist import EMNIST, KMNIST, MNIST, FashionMNIST
from .voc import VOCDetection, VOCSegmentation

__all__ = [
    *("CIFAR10", "CIFAR100", "EMNIST", "KMNIST", "MNIST"),
    *("CelebA", "CocoCaptions", "CocoDetection", "ImageNet", "VOCDetection", "VOCSegmentation"),
    *("DatasetFolder", "Digits", "FakeData", "FashionMNIST", "ImageFolder", "VisionDataset"),
]
