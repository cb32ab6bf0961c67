"""Fetching and unpacking files for datasets of one's own."""

from __future__ import annotations

import gzip
import os
import shutil
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from .download import checksum, download, fetch


def calculate_md5(fpath) -> str:
    """The MD5 of a file."""
    return checksum(Path(fpath))


def check_integrity(fpath, md5: str | None = None) -> bool:
    """Whether a file is there, with this checksum if one is given."""
    path = Path(fpath)
    return path.is_file() and (md5 is None or checksum(path) == md5)


def download_url(url: str, root, filename=None, md5: str | None = None) -> None:
    """Fetch a file into a folder unless it is there. RuntimeError if that fails or its checksum is another."""
    path = Path(root).expanduser() / (filename or os.path.basename(url))
    if check_integrity(path, md5):
        return
    if md5 is not None:
        download([url], path, md5)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        fetch(url, part, path.name)
    except OSError as error:
        raise RuntimeError(f"{path.name} could not be downloaded ({url}: {error}). Try again later.") from None
    os.replace(part, path)


def extract_archive(from_path, to_path=None, remove_finished: bool = False) -> str:
    """Unpack a zip or tar file, or a single .gz file, beside it or into a folder; the folder, or the file. RuntimeError for
    another kind."""
    source = Path(from_path)
    target = Path(to_path) if to_path is not None else source.parent
    if source.name.endswith(".zip"):
        with zipfile.ZipFile(source) as archive:
            archive.extractall(target)
    elif ".tar" in source.suffixes[-2:] or source.suffix == ".tgz":
        with tarfile.open(source) as archive:
            archive.extractall(target, filter="data")
    elif source.suffix == ".gz":
        target = target / source.stem if target.is_dir() else target
        with gzip.open(source) as packed, open(target, "wb") as plain:
            shutil.copyfileobj(packed, plain)
    else:
        raise RuntimeError(f"{source.name} is no .zip, .tar, .tar.gz, .tgz or .gz file.")
    if remove_finished:
        source.unlink()
    return str(target)


def download_and_extract_archive(
    url: str, download_root, extract_root=None, filename=None, md5: str | None = None, remove_finished: bool = False
) -> None:
    """`download_url`, then `extract_archive`."""
    filename = filename or os.path.basename(url)
    download_url(url, download_root, filename, md5)
    extract_archive(Path(download_root).expanduser() / filename, extract_root, remove_finished)


def verify_str_arg(
    value, arg: str | None = None, valid_values: Iterable[str] | None = None, custom_msg: str | None = None
) -> str:
    """The value, if it is text and one of those that are valid. ValueError otherwise."""
    if not isinstance(value, str):
        where = f"Expected type str for argument {arg}" if arg is not None else "Expected type str"
        raise ValueError(f"{where}, but got type {type(value)}.")
    valid = None if valid_values is None else list(valid_values)
    if valid is not None and value not in valid:
        listed = ", ".join(f"'{v}'" for v in valid)
        raise ValueError(custom_msg or f"Unknown value '{value}' for argument {arg}. Valid values are {{{listed}}}.")
    return value
