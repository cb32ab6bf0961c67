"""What datasets of images share."""

from __future__ import annotations

import os

import numpy as np

from ...autograd.tape import wrap
from ...utils.data import Dataset
from ..pillow import image_module


class VisionDataset(Dataset):
    """Images with targets: `root`, and transforms of the image, the target, or both."""

    def __init__(self, root=None, transforms=None, transform=None, target_transform=None):
        self.root = os.path.expanduser(root) if isinstance(root, str) else root
        if transforms is not None and (transform is not None or target_transform is not None):
            raise ValueError("Only transforms or transform/target_transform can be passed as argument")
        self.transforms, self.transform, self.target_transform = transforms, transform, target_transform

    def finished(self, image, target):
        """An image and its target after the transforms."""
        if self.transforms is not None:
            return self.transforms(image, target)
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def extra_repr(self) -> str:
        """Lines that a subclass adds to the repr."""
        return ""

    def __repr__(self) -> str:
        body = [f"Number of datapoints: {len(self)}"]
        if self.root is not None:
            body.append(f"Root location: {self.root}")
        body += self.extra_repr().splitlines()
        if self.transform is not None:
            first, *rest = repr(self.transform).splitlines()
            body += ["StandardTransform", f"Transform: {first}", *[" " * 11 + line for line in rest]]
        head = "Dataset " + type(self).__name__
        return "\n".join([head, *["    " + line for line in body]])


class ArrayDataset(VisionDataset):
    """Images that lie in one uint8 array, (N, H, W) or (N, H, W, 3): whole batches are transformed as one operation."""

    def pixels(self) -> np.ndarray:
        """All images."""
        raise NotImplementedError

    def labels(self) -> np.ndarray:
        """All targets, int64."""
        return np.asarray(self.targets)

    def __getitem__(self, index: int):
        pixels = self.pixels()[index]
        image = image_module().fromarray(pixels)
        return self.finished(image, int(self.labels()[index]))

    def __getbatch__(self, indices: np.ndarray):
        if (
            type(self).__getitem__ is not ArrayDataset.__getitem__
            or self.transforms is not None
            or self.target_transform is not None
        ):
            return NotImplemented
        batch = getattr(self.transform, "batch", None)
        if batch is None:
            return NotImplemented
        images = batch(np.take(self.pixels(), indices, axis=0))
        if images is NotImplemented:
            return NotImplemented
        return [wrap(images), wrap(np.take(self.labels(), indices).astype(np.int64))]

    def __len__(self) -> int:
        return len(self.pixels())
