"""The book's data files: downloaded into ../data once, with their checksums."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

from ...vision.datasets.download import download as fetch_file

DATA_URL = "http://d2l-data.s3-accelerate.amazonaws.com/"
DATA_HUB: dict[str, tuple[str, str]] = {
    "kaggle_house_train": (DATA_URL + "kaggle_house_pred_train.csv", "585e9cc93e70b39160e7921475f9bcd7d31219ce"),
    "kaggle_house_test": (DATA_URL + "kaggle_house_pred_test.csv", "fa19780a7b011d9b009e8bff8e99922a8ee2eb90"),
}
"""name: (address, SHA-1)."""


def download(name: str, cache_dir: str = "../data") -> str:
    """Fetch a file of DATA_HUB unless it is there; its path. AssertionError for an unknown name, RuntimeError if it fails."""
    assert name in DATA_HUB, f"{name} is not in DATA_HUB."
    url, sha1 = DATA_HUB[name]
    path = Path(cache_dir) / url.rsplit("/", 1)[-1]
    fetch_file([url], path, sha1, "sha1")
    return str(path)


def download_extract(name: str, folder: str | None = None) -> str:
    """Fetch and unpack a zip or tar file; the path of what it held. ValueError for another kind of file."""
    path = Path(download(name))
    kind = path.suffix
    if kind == ".zip":
        with zipfile.ZipFile(path) as archive:
            archive.extractall(path.parent)
    elif kind in (".tar", ".gz", ".tgz"):
        with tarfile.open(path) as archive:
            archive.extractall(path.parent, filter="data")
    else:
        raise ValueError(f"{path}: only zip and tar files can be extracted")
    return str(path.parent / folder) if folder else str(path.with_suffix(""))


def download_all() -> None:
    """Fetch every file of DATA_HUB."""
    for name in DATA_HUB:
        download(name)
