"""Scikit-learn's handwritten digits: 1,797 real images of 8 x 8, inside its package."""

from __future__ import annotations

import numpy as np

from .base import ArrayDataset


class Digits(ArrayDataset):
    """1,797 handwritten digits of 8 x 8 pixels (Alpaydin and Kaynak 1998), from the extra `demo` (scikit-learn).

    train: the four fifths for training, or the fifth for testing; each class is split alike. ImportError without
    scikit-learn.
    """

    classes = [str(i) for i in range(10)]

    def __init__(self, root=None, train: bool = True, transform=None, target_transform=None):
        super().__init__(root, transform=transform, target_transform=target_transform)
        try:
            from sklearn.datasets import load_digits
        except ImportError:
            raise ImportError("dataset 'digits' is scikit-learn's: pip install 'taper[demo]'") from None
        found = load_digits()
        # The images have 17 grey levels, 0 to 16.
        images, labels = np.round(found.images * (255 / 16)).astype(np.uint8), found.target.astype(np.int64)
        test = np.zeros(len(labels), bool)
        random = np.random.default_rng(0)
        for label in range(10):
            where = np.flatnonzero(labels == label)
            test[random.permutation(where)[: round(len(where) / 5)]] = True
        self.train = train
        self.data, self.targets = images[test != train], labels[test != train]

    def pixels(self) -> np.ndarray:
        return self.data

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class."""
        return {name: i for i, name in enumerate(self.classes)}

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"
