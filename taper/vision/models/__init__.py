"""Networks for images, with torchvision's parameter names: its state_dicts load, and the same seed gives the same weights.

There are no pretrained weights here: `weights` must be None. Fetch a file of weights yourself, and
`model.load_state_dict(torch.load(file))`.
"""

from .alexnet import AlexNet, alexnet
from .googlenet import GoogLeNet, GoogLeNetOutputs, googlenet
from .lenet import LeNet, lenet
from .mobilenetv2 import MobileNetV2, mobilenet_v2
from .registry import get_model, get_model_builder, list_models
from .resnet import (
    ResNet,
    resnet18,
    resnet34,
    resnet50,
    resnet101,
    resnet152,
    resnext50_32x4d,
    resnext101_32x8d,
    resnext101_64x4d,
    wide_resnet50_2,
    wide_resnet101_2,
)
from .vgg import VGG, vgg11, vgg11_bn, vgg13, vgg13_bn, vgg16, vgg16_bn, vgg19, vgg19_bn

__all__ = [
    *("AlexNet", "GoogLeNet", "GoogLeNetOutputs", "LeNet", "MobileNetV2", "ResNet", "VGG"),
    *("alexnet", "get_model", "get_model_builder", "googlenet", "lenet", "list_models", "mobilenet_v2"),
    *("resnet101", "resnet152", "resnet18", "resnet34", "resnet50"),
    *("resnext101_32x8d", "resnext101_64x4d", "resnext50_32x4d", "wide_resnet101_2", "wide_resnet50_2"),
    *("vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn"),
]
