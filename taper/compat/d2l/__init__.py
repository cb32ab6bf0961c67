"""What chapters 2 to 7 of the book Dive into Deep Learning import from `d2l.torch`.

The functions are Taper's own, under the book's names and with the book's arguments. Pictures need matplotlib, the extra
`viz`: in a notebook they are shown as they grow, from a script an `Animator` leaves a PNG file.
"""

from __future__ import annotations

import collections
import hashlib
import inspect
import math
import os
import random
import re
import shutil
import sys
import tarfile
import time
import zipfile
from collections import defaultdict

import numpy as np

import taper as torch

from ... import vision as torchvision
from ...nn import functional as F
from ...utils import data
from ...vision import transforms
from .basics import Accumulator, Timer, linreg, load_array, sgd, squared_loss, synthetic_data
from .hub import DATA_HUB, DATA_URL, download, download_all, download_extract
from .images import get_dataloader_workers, get_fashion_mnist_labels, load_data_fashion_mnist, show_images
from .networks import Residual, corr2d, resnet18
from .pictures import Animator, plot, set_axes, set_figsize, use_svg_display
from .training import (
    accuracy,
    evaluate_accuracy,
    evaluate_accuracy_gpu,
    evaluate_loss,
    predict_ch3,
    train_ch3,
    train_ch6,
    train_epoch_ch3,
    try_all_gpus,
    try_gpu,
)

nn = torch.nn
d2l = sys.modules[__name__]

# The book writes tensor code once for several frameworks, in these words.
ones, zeros, tensor, arange, meshgrid = torch.ones, torch.zeros, torch.tensor, torch.arange, torch.meshgrid
ones_like, zeros_like, rand, normal, eye = torch.ones_like, torch.zeros_like, torch.rand, torch.normal, torch.eye
sin, sinh, cos, cosh, tanh = torch.sin, torch.sinh, torch.cos, torch.cosh, torch.tanh
exp, log, abs, linspace, matmul = torch.exp, torch.log, torch.abs, torch.linspace, torch.matmul
int32, int64, float32, concat, stack = torch.int32, torch.int64, torch.float32, torch.cat, torch.stack


def numpy(x, *args, **options):
    """A tensor as an array, without its history."""
    return x.detach().numpy(*args, **options)


def size(x, *args, **options):
    """The number of elements."""
    return x.numel(*args, **options)


def reshape(x, *args, **options):
    """The same elements in another shape."""
    return x.reshape(*args, **options)


def to(x, *args, **options):
    """On another device, or in another dtype."""
    return x.to(*args, **options)


def astype(x, *args, **options):
    """In another dtype."""
    return x.type(*args, **options)


def transpose(x, *args, **options):
    """A matrix transposed."""
    return x.t(*args, **options)


def reduce_sum(x, *args, **options):
    """The sum."""
    return x.sum(*args, **options)


def reduce_mean(x, *args, **options):
    """The mean."""
    return x.mean(*args, **options)


def argmax(x, *args, **options):
    """Where the largest element is."""
    return x.argmax(*args, **options)


def __getattr__(name: str):
    if name == "plt":
        from .pictures import pyplot

        return pyplot()
    if name == "Image":
        from ...vision.pillow import image_module

        return image_module()
    if name == "display":
        try:
            from IPython import display
        except ImportError:
            raise AttributeError("d2l.display is IPython's: pip install ipython") from None
        return display
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
