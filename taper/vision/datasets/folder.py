"""Images in folders, one folder a class."""

from __future__ import annotations

import os

from ..pillow import image_module
from .base import VisionDataset

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


def read_image(path: str):
    """An image file as it is. OSError that names it if it is damaged."""
    Image = image_module()
    with open(path, "rb") as file:
        try:
            image = Image.open(file)
            image.load()
            return image
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise OSError(f"{path} is no image that can be read ({error}).") from None


def pil_loader(path: str):
    """An image file as an RGB image. OSError that names it if it is damaged."""
    return read_image(path).convert("RGB")


default_loader = pil_loader


def has_file_allowed_extension(filename: str, extensions) -> bool:
    """Whether a file's name ends in one of these, in whatever case."""
    return filename.lower().endswith(extensions if isinstance(extensions, str) else tuple(extensions))


def is_image_file(filename: str) -> bool:
    """Whether a file's name ends as images' names do."""
    return has_file_allowed_extension(filename, IMG_EXTENSIONS)


def find_classes(directory) -> tuple[list[str], dict[str, int]]:
    """The names of the class folders in order, and their numbers. FileNotFoundError if there are none."""
    classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
    if not classes:
        raise FileNotFoundError(f"Couldn't find any class folder in {directory}.")
    return classes, {name: i for i, name in enumerate(classes)}


def make_dataset(
    directory, class_to_idx=None, extensions=None, is_valid_file=None, allow_empty: bool = False
) -> list[tuple[str, int]]:
    """(path, class number) of every file that counts. FileNotFoundError for a class without any."""
    if class_to_idx is None:
        class_to_idx = find_classes(directory)[1]
    if (extensions is None) == (is_valid_file is None):
        raise ValueError("Both extensions and is_valid_file cannot be None or not None at the same time")
    if extensions is not None:
        endings = (extensions,) if isinstance(extensions, str) else tuple(extensions)
        is_valid_file = lambda path: path.lower().endswith(endings)
    assert is_valid_file is not None
    found, empty = [], set(class_to_idx)
    for name in sorted(class_to_idx):
        for root, _, files in sorted(os.walk(os.path.join(directory, name), followlinks=True)):
            for file in sorted(files):
                path = os.path.join(root, file)
                if is_valid_file(path):
                    found.append((path, class_to_idx[name]))
                    empty.discard(name)
    if empty and not allow_empty:
        message = f"Found no valid file for the classes {', '.join(sorted(empty))}."
        if extensions is not None:
            message += (
                f" Supported extensions are: {extensions if isinstance(extensions, str) else ', '.join(extensions)}"
            )
        raise FileNotFoundError(message)
    return found


class DatasetFolder(VisionDataset):
    """Files in class folders, read by `loader`; those count that have one of `extensions`, or pass `is_valid_file`."""

    def __init__(
        self,
        root,
        loader,
        extensions=None,
        transform=None,
        target_transform=None,
        is_valid_file=None,
        allow_empty: bool = False,
    ):
        super().__init__(str(root), transform=transform, target_transform=target_transform)
        self.classes, self.class_to_idx = self.find_classes(self.root)
        self.samples = self.make_dataset(self.root, self.class_to_idx, extensions, is_valid_file, allow_empty)
        self.loader, self.extensions = loader, extensions
        self.targets = [target for _, target in self.samples]

    @staticmethod
    def make_dataset(directory, class_to_idx, extensions=None, is_valid_file=None, allow_empty: bool = False):
        """(path, class number) of every file that counts."""
        return make_dataset(directory, class_to_idx, extensions, is_valid_file, allow_empty)

    def find_classes(self, directory):
        """The class folders' names and numbers."""
        return find_classes(directory)

    def __getitem__(self, index: int):
        path, target = self.samples[index]
        return self.finished(self.loader(path), target)

    def __len__(self) -> int:
        return len(self.samples)


class ImageFolder(DatasetFolder):
    """Images in class folders: root/cat/1.png, root/dog/2.png, ..."""

    def __init__(
        self,
        root,
        transform=None,
        target_transform=None,
        loader=default_loader,
        is_valid_file=None,
        allow_empty: bool = False,
    ):
        extensions = IMG_EXTENSIONS if is_valid_file is None else None
        super().__init__(root, loader, extensions, transform, target_transform, is_valid_file, allow_empty)
        self.imgs = self.samples
