"""A run's folder: settings, metrics, checkpoints. Every file is written whole or not at all."""

from __future__ import annotations

import csv
import errno
import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import click

from ..serialization import load, save
from ..serialization.atomic import replacing
from .errors import UserError

COLUMNS = (
    "epoch",
    "train_loss",
    "train_accuracy",
    "val_loss",
    "val_accuracy",
    "test_loss",
    "test_accuracy",
    "lr",
    "images_per_second",
)


class Unreadable(UserError):
    """A checkpoint is damaged."""


def new(parent: Path, name: str) -> Path:
    """A new folder under `parent`: name, name-2, name-3, ..."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for i in range(1, 10_000):
            path = parent / (name if i == 1 else f"{name}-{i}")
            try:
                path.mkdir()
                return path
            except FileExistsError:
                continue
    except OSError as error:
        raise UserError(
            f"the run's folder {parent / name} cannot be made ({error.strerror}). Give --out another folder."
        ) from None
    raise UserError(f"{parent} holds too many runs named {name}. Give --out another folder.")


def write_text(path: Path, text: str) -> None:
    """Write a text file in place of the former one."""
    _check_folder(path)
    with replacing(path) as file:
        file.write(text.encode())


def write_metrics(path: Path, rows: list[dict[str, Any]]) -> None:
    """All epochs so far as CSV."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, restval="")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint in place of the former one; that of `last.pt` stays as `previous.pt`."""
    _check_folder(path)
    if path.name == "last.pt" and path.exists():
        former = path.with_name(".previous.pt.tmp")
        former.unlink(missing_ok=True)
        os.link(path, former)
        os.replace(former, path.with_name("previous.pt"))
    save(content, path)


def last_checkpoint(folder: Path) -> dict[str, Any] | None:
    """The last checkpoint of a run, or the one before it, aloud, if it is damaged; None if there is none. UserError if
    none can be read."""
    if not (folder / "last.pt").exists():
        return None
    try:
        return read_checkpoint(folder / "last.pt")
    except Unreadable as error:
        if not (folder / "previous.pt").exists():
            raise
        found = read_checkpoint(folder / "previous.pt")
        click.echo(f"taper: {error} Going on from {folder / 'previous.pt'}, epoch {found.get('epoch')}.", err=True)
        return found


def _check_folder(path: Path) -> None:
    """FileNotFoundError if someone has removed the run's folder."""
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "its folder is gone", str(path))


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint of a run. UserError for one that is missing, damaged or of another kind."""
    try:
        content = load(path)
    except FileNotFoundError:
        raise UserError(f"{path.parent} has no {path.name}. Give the folder of a run of taper train.") from None
    except (RuntimeError, OSError, ValueError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        raise Unreadable(f"the checkpoint {path} cannot be read: {error}") from None
    if not isinstance(content, dict) or "model" not in content or "facts" not in content:
        raise UserError(f"{path} is no checkpoint of taper train: it lacks the model. Give the folder of a run.")
    return content
