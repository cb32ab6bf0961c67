"""Chapter 3's Fashion-MNIST: loading it, its labels in words, pictures in rows."""

from __future__ import annotations

from ...tensor import is_tensor
from ...utils import data
from ...vision import datasets, transforms
from .pictures import pyplot

LABELS = ("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")


def get_fashion_mnist_labels(labels) -> list[str]:
    """The names of classes given by number."""
    return [LABELS[int(i)] for i in labels]


def get_dataloader_workers() -> int:
    """How many processes read the images: 4."""
    return 4


def load_data_fashion_mnist(batch_size: int, resize=None):
    """Loaders of Fashion-MNIST's training images, shuffled, and test images, from ../data, downloaded if not there.

    resize: the side of the images, 28 if not given.
    """
    steps = [transforms.ToTensor()]
    if resize:
        steps.insert(0, transforms.Resize(resize))
    transform = transforms.Compose(steps)
    train, test = (
        datasets.FashionMNIST(root="../data", train=part, transform=transform, download=True) for part in (True, False)
    )
    workers = get_dataloader_workers()
    return (
        data.DataLoader(train, batch_size, shuffle=True, num_workers=workers),
        data.DataLoader(test, batch_size, shuffle=False, num_workers=workers),
    )


def show_images(imgs, num_rows: int, num_cols: int, titles=None, scale: float = 1.5):
    """Images, tensors or PIL images, in rows; the axes of all."""
    _, axes = pyplot().subplots(num_rows, num_cols, figsize=(num_cols * scale, num_rows * scale), squeeze=False)
    axes = axes.flatten()
    for i, (ax, img) in enumerate(zip(axes, imgs)):
        ax.imshow(img.numpy() if is_tensor(img) else img)
        ax.axes.get_xaxis().set_visible(False)
        ax.axes.get_yaxis().set_visible(False)
        if titles:
            ax.set_title(titles[i])
    return axes
