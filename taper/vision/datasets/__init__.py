"""Datasets of images."""

from . import base as vision
from . import folder, utils
from . import listed as sbd
from .arrays import STL10, SVHN
from .base import VisionDataset
from .celeba import CelebA
from .cifar import CIFAR10, CIFAR100
from .cityscapes import Cityscapes
from .coco import CocoCaptions, CocoDetection
from .digits import Digits
from .fake import FakeData
from .folder import DatasetFolder, ImageFolder
from .imagenet import ImageNet
from .listed import GTSRB, Caltech101, Caltech256, Flowers102, Food101, OxfordIIITPet, SBDataset
from .lsun import LSUN, LSUNClass
from .mnist import EMNIST, KMNIST, MNIST, QMNIST, FashionMNIST
from .scenes import Imagenette, Places365
from .voc import VOCDetection, VOCSegmentation

__all__ = [
    *("CIFAR10", "CIFAR100", "EMNIST", "GTSRB", "KMNIST", "LSUN", "LSUNClass", "MNIST", "QMNIST", "STL10", "SVHN"),
    *(
        "Caltech101",
        "Caltech256",
        "Cityscapes",
        "Flowers102",
        "Food101",
        "Imagenette",
        "OxfordIIITPet",
        "Places365",
        "SBDataset",
    ),
    *("CelebA", "CocoCaptions", "CocoDetection", "ImageNet", "VOCDetection", "VOCSegmentation"),
    *("DatasetFolder", "Digits", "FakeData", "FashionMNIST", "ImageFolder", "VisionDataset"),
]
